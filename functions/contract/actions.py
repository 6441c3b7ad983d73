"""Actions: what a button on a record's page runs in Salesforce as the user. functions/backend/records/layouts.py
declares them, docs/make-it-yours.md shows how.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from contract.values import IDEMPOTENCY_KEY, FieldValue, Limits, RecordId, Sobject

Words = dict[str, str]  # a text by language, such as `en`; one that begins a longer tag counts for all of its regions
MAX_ANSWER = 4000  # characters of a text that is typed


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that one may choose, and what people read for it."""

    value: str
    label: Words


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before an action runs; the answer goes along under `name`. `kind` says how: a `text` of so many
    `lines`, a `number`, a `date` (2026-11-24), `yes-no`, or one of the `choices`.
    """

    name: str
    label: Words
    kind: Literal["text", "number", "date", "yes-no", "choice"] | str = "text"
    required: bool = False
    lines: int = 1
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionShape:
    """An action that this user may run on records of an object, by its `name`.

    It shows while each field in `shown_when` has one of the values there. Where it has a text to `confirm`, or
    questions, these are put first. `says` is what is said afterwards: `{name}` in it stands for a value of the answer.
    `reads_again`: whether the record may be another one then. `icon` is a word of Material's icon names; `in_menu` puts
    it into the record's menu instead of among its buttons.
    """

    name: str
    label: Words
    icon: str = "bolt"
    shown_when: dict[str, tuple[FieldValue, ...]] = field(default_factory=dict[str, tuple[FieldValue, ...]])
    confirm: Words = field(default_factory=dict[str, str])
    questions: tuple[Question, ...] = ()
    says: Words = field(default_factory=dict[str, str])
    reads_again: bool = True
    in_menu: bool = False


@dataclass(frozen=True, slots=True)
class RunAction:
    """Runs an action of the object's on a record. `answers` are those to its questions, by their name.

    With an `idempotencyKey` it runs at most once, however often the request comes: for a day a key belongs to its
    action, record and answers, as in createRecord. An action whose answer was lost is never sent to Salesforce again by
    itself: that is OrgUnavailable(outcome-unknown).
    """

    sobject: Sobject
    id: RecordId
    action: str
    answers: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    idempotency_key: Annotated[str | None, Limits(pattern=IDEMPOTENCY_KEY)] = None


@dataclass(frozen=True, slots=True)
class ActionDone:
    """It was carried out. `values` are those of the answer that the action's words name, `opens` is the id of the
    record to go to; `repeated` says that it was done for an earlier request with the same key, whose answer had these.
    """

    values: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    opens: str | None = None
    repeated: bool = False
