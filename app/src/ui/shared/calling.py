"""After a call: how it went, in a line, and what follows. It is asked on the way back from the phone."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from contract.activities import MAX_NOTE, FollowUp, LogCall
from contract.calls import ListRecords
from contract.errors import CallError, OrgUnavailable, Reason
from data.repositories.calls import AnotherUser
from data.repositories.drafts import new_id
from data.repositories.records import RecordsRepository
from data.repositories.sending import OF_VALUES
from ui.shared.notices import Notice, Notices
from ui.shared.state import State
from ui.shared.words import _

LEFT_WITHIN = 2.0  # seconds after which a phone program that did not take the screen is asked about all the same
ASKED_WITHIN = 12 * 3600.0  # seconds; nobody is asked about a call of yesterday
TOMORROW, NEXT_WEEK = "tomorrow", "next-week"


@dataclass(frozen=True, slots=True)
class AlsoAbout:
    """Records of which a call may be about one as well: what they are called together, the field that names one, and
    what asks for them."""

    heading: str
    title: str
    asked: ListRecords


@dataclass(frozen=True, slots=True)
class Called:
    """A call that was begun, and what was entered of it so far: it survives an app that the phone ends meanwhile.

    `records` are the ids of those that it is about, `name` the person's or the customer's; `also` tells of which others
    it may be about one, `deal` and `deal_name` are the id and the name of the one that was chosen. `at` is seconds
    since the epoch. `sent` is whether it was sent and nobody knows what became of it: then it is sent again as it is.
    """

    key: str
    records: tuple[str, ...]
    name: str
    at: float
    result: str = ""
    note: str = ""
    follow_up: str = ""
    sent: bool = False
    also: AlsoAbout | None = None
    deal: str = ""
    deal_name: str = ""


def results() -> tuple[str, ...]:
    """How a call may have gone, in the person's language: the result of a call is free text in Salesforce."""
    return _("Reached"), _("Left a message"), _("No answer")


class Calling(State):
    """The sheet after a call: `called` is what it asks about while it is `open`, `problem` why it was not saved.

    `deals` are the ids and names of the other records among which it offers a choice.
    """

    def __init__(
        self,
        records: RecordsRepository,
        notices: Notices,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._records = records
        self._notices = notices
        self._now = now
        self._sleep = sleep
        self._waiting: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self.called: Called | None = None
        self.open = False
        self.saving = False
        self.problem = ""
        self.deals: tuple[tuple[str, str], ...] = ()
        self.logged: Callable[[], None] = lambda: None

    # From the call to the sheet

    async def begin(self, records: tuple[str, ...], name: str, also: AlsoAbout | None = None) -> None:
        """A call begins; the sheet opens when the person is back, or did not go."""
        if self.saving or (self.called is not None and self.called.sent):
            return  # what nobody knows of is settled first
        self.called, self.open, self.problem = Called(new_id(), records, name, self._now(), also=also), False, ""
        self._stop()
        self._waiting = asyncio.create_task(self._wait())
        await self._keep()

    async def _wait(self) -> None:
        await self._sleep(LEFT_WITHIN)
        self._waiting = None
        self._ask()

    def left(self) -> None:
        """The app went out of sight."""
        self._waiting = _stopped(self._waiting)

    def back(self) -> None:
        """The app is in sight again."""
        if self._waiting is None:
            self._ask()

    async def take_up(self) -> None:
        """Asks about a call of which the app could not ask, because it was ended."""
        kept = await self._records.kept_call(Called)
        if self.called is None and kept is not None and self._now() - kept.at < ASKED_WITHIN:
            self.called = kept
            self._ask()

    def _ask(self) -> None:
        if self.called is not None and not self.open:
            self.open = True
            self.changed()
            if self.called.also is not None:
                self._asking = asyncio.create_task(self._ask_for_deals(self.called.also))

    async def _ask_for_deals(self, also: AlsoAbout) -> None:
        try:
            page = await self._records.page(also.asked).call()
        except (CallError, AnotherUser):
            return  # the call is kept without one
        self.deals = tuple((r.id, str(r.fields.get(also.title) or r.id)) for r in page.records)
        self.changed()

    def _stop(self) -> None:
        self._waiting, self._asking, self.deals = _stopped(self._waiting), _stopped(self._asking), ()

    # The sheet

    @property
    def offered(self) -> tuple[tuple[str, str], ...]:
        """The deals to choose from, with the one that was chosen even where it is not among them any more."""
        called = self.called
        if called is None or not called.deal or called.deal in dict(self.deals):
            return self.deals
        return ((called.deal, called.deal_name), *self.deals)

    async def choose(self, *, result: str | None = None, follow_up: str | None = None, deal: str | None = None) -> None:
        """Takes over a result, what follows, or a deal; the same once more takes it back."""
        if self.called is None or self.called.sent or self.saving:
            return
        before = self.called
        if result is not None:
            self.called = replace(before, result="" if before.result == result else result)
        if follow_up is not None:
            self.called = replace(before, follow_up="" if before.follow_up == follow_up else follow_up)
        if deal is not None:
            chosen = "" if before.deal == deal else deal
            self.called = replace(before, deal=chosen, deal_name=dict(self.offered).get(chosen, ""))
        self.changed()
        await self._keep()

    async def type(self, note: str) -> None:
        """Takes over what was typed."""
        if self.called is not None and not self.called.sent and not self.saving:
            self.called = replace(self.called, note=note[:MAX_NOTE])
            await self._keep()

    def later(self) -> None:
        """Closes the sheet and keeps what was entered: it is asked again when the person comes back to the app."""
        if not self.saving:
            self.open = False
            self.changed()

    async def dismiss(self) -> None:
        """Closes the sheet and keeps nothing of the call."""
        if not self.saving:
            await self._end()

    async def save(self) -> None:
        """Keeps the call in Salesforce, with what follows."""
        called = self.called
        if called is None or self.saving:
            return
        sending = replace(called, sent=True)  # kept before it leaves: a second try has to be the same
        self.saving, self.problem, self.called = True, "", sending
        self.changed()
        await self._keep()
        try:
            if not self._is_there(sending):
                return
            await self._records.log_call(asked(sending, datetime.fromtimestamp(called.at).astimezone().date()))
        except CallError as failed:
            if self._is_there(sending):
                await self._failed(called, failed)
            return
        except AnotherUser:
            return
        finally:
            self.saving = False
            self.changed()
        if not self._is_there(sending):
            return
        await self._end()
        self._notices.say(Notice(_("The call is saved.")))
        self.logged()

    def _is_there(self, called: Called) -> bool:
        """Whether it is still this call that the sheet is about: the user may have changed."""
        return self.called is not None and self.called.key == called.key

    async def _failed(self, called: Called, failed: CallError) -> None:
        # Asked twice, and nobody knows; or another window has sent it meanwhile, with another note.
        unknown = failed.reason is Reason.OUTCOME_UNKNOWN and called.sent
        if unknown or failed.reason is Reason.IDEMPOTENCY_KEY_REUSED:
            await self._end()
            self._notices.say(Notice(_("Nobody knows whether the call was saved. Please look at the activities.")))
            return
        # Rights are looked at before the key: their refusal says nothing of a try whose answer was lost.
        if not isinstance(failed, OrgUnavailable) and (not called.sent or failed.reason in OF_VALUES):
            self.called = replace(called, sent=False, key=new_id())
        self.problem = _(failed.message)
        await self._keep()

    async def _keep(self) -> None:
        if self.called is not None:
            await self._records.keep_call(self.called)

    async def _end(self) -> None:
        self.called, self.open, self.problem = None, False, ""
        self._stop()
        self.changed()
        await self._records.forget_call()

    def drop(self) -> None:
        """Forgets the call on the screen: the user has changed."""
        self._stop()
        if self.called is not None:
            self.called, self.open, self.problem = None, False, ""
            self.changed()


def asked(called: Called, day: date) -> LogCall:
    """What is sent of a call of this day."""
    days = {TOMORROW: 1, NEXT_WEEK: 7}.get(called.follow_up)
    follow_up = None
    if days is not None:
        follow_up = FollowUp(_("Follow up with {name}", name=called.name)[:255], _workday(day, days).isoformat())
    return LogCall(
        (*called.records, called.deal) if called.deal else called.records,
        _("Call with {name}", name=called.name)[:255],
        day.isoformat(),
        called.result,
        called.note.strip(),
        follow_up,
        called.key,
    )


def _stopped(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()


def _workday(day: date, days: int) -> date:
    """So many days later; on a Monday instead of at a weekend."""
    then = day + timedelta(days=days)
    return then + timedelta(days=max(0, 7 - then.weekday()) if then.weekday() > 4 else 0)
