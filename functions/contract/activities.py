"""Activities: what was and is to be done with a record, completing a task, logging a call, and a person's day."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from contract.values import IDEMPOTENCY_KEY, FieldValue, Limits, RecordId, Sobject, Time

TASKS: Sobject = "Task"  # the object whose records completeTask completes
CALL, EMAIL, EVENT = "Call", "Email", "Event"  # kinds of activities, in Salesforce's words
MAX_LINE, MAX_NOTE = 255, 4000  # characters of a subject or a result, and of what is noted of a call
Date = Annotated[str, Limits(format="date")]  # ISO 8601


@dataclass(frozen=True, slots=True)
class Party:
    """Whom or what an activity is about, with the ways to get in touch that Salesforce has of them."""

    id: RecordId
    name: str
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Activity:
    """A task or an event.

    `who` is a contact or lead, `what` another record such as a deal, `account` the customer to whom both belong. A task
    is due on `day`; an event goes from `starts` to `ends`, and one that is `allDay` from `day` to `lastDay`. `isTask`
    and `isOpen` together: it can be completed. `result` is how a call went; `kind` is a word of Salesforce's (Task,
    Call, Email, Event). `owner` is the name of whose it is.
    """

    id: RecordId
    sobject: Sobject
    subject: str = ""
    is_task: bool = True
    is_open: bool = True
    day: str | None = None
    last_day: str | None = None
    starts: Time | None = None
    ends: Time | None = None
    all_day: bool = False
    location: str = ""
    kind: str = ""
    result: str = ""
    note: str = ""
    owner: str = ""
    who: Party | None = None
    what: Party | None = None
    account: Party | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The activities of a record: what is open or comes, the next first, and what is past, the newest first. `more`
    says that there are older ones."""

    upcoming: tuple[Activity, ...] = ()
    past: tuple[Activity, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class AskedDay:
    """The day of whoever asks, by their own clock and calendar, which only the app knows: its date, when it begins and
    ends, and the first and last date of its week."""

    today: Date
    begins: Time
    ends: Time
    week_begins: Date
    week_ends: Date


@dataclass(frozen=True, slots=True)
class Deal:
    """An open deal: `stage` as people read it, `currency` the ISO 4217 code of its amount, "" when it is that of the
    org."""

    id: RecordId
    name: str
    stage: str = ""
    amount: float | None = None
    currency: str = ""
    closes: str | None = None
    customer: Party | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What a day asks of a person: their tasks that are due, the newest first, their events of the day, their deals
    that close in its week, and those without a next step. What the user may not see is named in `hidden`, and `more`
    names what has more than came along."""

    today: str
    tasks: tuple[Activity, ...] = ()
    events: tuple[Activity, ...] = ()
    closing: tuple[Deal, ...] = ()
    stuck: tuple[Deal, ...] = ()
    hidden: tuple[Literal["tasks", "events", "closing", "stuck"] | str, ...] = ()
    more: tuple[Literal["tasks", "events", "closing", "stuck"] | str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompleteTask:
    """Completes a task that is open, by the first status of the org that closes one; a task that is closed already
    stays as it is. With `backTo` it gets that status back instead, if nobody has saved it since `version`; otherwise
    the answer is ChangedMeanwhile."""

    id: RecordId
    back_to: Annotated[str | None, Limits(min_length=1, max_length=MAX_LINE)] = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class TaskDone:
    """The task as it is now: its fields and its version. `before` is the status that it had, left out where nothing was
    changed."""

    id: RecordId
    fields: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    version: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A task that comes out of a call."""

    subject: Annotated[str, Limits(min_length=1, max_length=MAX_LINE)]
    day: Date


@dataclass(frozen=True, slots=True)
class LogCall:
    """A call that was made on `day`, as a completed task, and perhaps what follows, as another one: both are made, or
    neither.

    `records` are those that it was about: a contact or a lead, and another one such as a deal; of each kind one at
    most. `result` is how it went, in the person's words. With an `idempotencyKey` it is logged at most once, as in
    createRecord.
    """

    records: tuple[RecordId, ...]
    subject: Annotated[str, Limits(min_length=1, max_length=MAX_LINE)]
    day: Date
    result: Annotated[str, Limits(max_length=MAX_LINE)] = ""
    note: Annotated[str, Limits(max_length=MAX_NOTE)] = ""
    follow_up: FollowUp | None = None
    idempotency_key: Annotated[str | None, Limits(pattern=IDEMPOTENCY_KEY)] = None


@dataclass(frozen=True, slots=True)
class CallLogged:
    """The ids of the task that says that one called, and of the one that follows."""

    id: RecordId
    follow_up: str | None = None
