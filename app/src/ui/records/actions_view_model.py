"""The actions of a record: which there are, what is asked before one runs, and what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from contract.actions import ActionDone, ActionShape, Question
from contract.calls import APP_SECONDS, FieldValue, RecordDetail, SobjectShape
from contract.errors import CallError, OrgUnavailable, Reason, RefusedRequest
from data.repositories.calls import AnotherUser
from data.repositories.drafts import new_id
from data.repositories.records import RecordsRepository
from ui.shared import values
from ui.shared.notices import Notice, Notices
from ui.shared.state import Live, State
from ui.shared.words import _, in_words

_TO_MEND = (Reason.ACTION_REFUSED, Reason.INVALID_VALUE, Reason.IDEMPOTENCY_KEY_REUSED)


class Actions(State):
    """The actions of the record that a page shows; `load` loads the page anew.

    `asking` is the action whose dialog is open, `errors` what is wrong with answers in it, by question, `problem` why
    it did not run; `running` is whether one is just running.
    """

    def __init__(
        self,
        records: RecordsRepository,
        shape: SobjectShape,
        record_id: str,
        page: Live[RecordDetail],
        load: Callable[[], Awaitable[None]],
        notices: Notices,
    ) -> None:
        super().__init__()
        self._records = records
        self._shape = shape
        self._record_id = record_id
        self._page = page
        self._load = load
        self._notices = notices
        self._typed: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self.asking: ActionShape | None = None
        self.errors: dict[str, str] = {}
        self.problem = ""
        self.running = False

    @property
    def offered(self) -> list[ActionShape]:
        """Those that the record, as it is now, shows."""
        record = None if self._page.value is None else self._page.value.record
        if record is None or record.version is None:
            return []
        return [
            action
            for action in self._shape.actions
            if all(record.fields.get(name) in wanted for name, wanted in action.shown_when.items())
        ]

    async def begin(self, action: ActionShape) -> str:
        """Asks what is to be asked first, or runs it. Returns as `run` does."""
        if self.running:
            return ""
        if action.confirm or action.questions:
            self.asking, self.errors, self.problem = action, {}, ""
            self._typed = {q.name: q.choices[0].value for q in action.questions if q.required and q.choices}
            self.changed()
            return ""
        return await self._run(action, {})

    def text(self, question: Question) -> str:
        """What was typed or chosen; "true" for yes."""
        return self._typed.get(question.name, "")

    def type(self, question: Question, text: str) -> None:
        """Takes over what was typed."""
        self._typed[question.name] = text
        if self.errors.pop(question.name, None) is not None:
            self.changed()

    def choose(self, question: Question, text: str) -> None:
        """Takes over what was chosen."""
        self.type(question, text)
        self.changed()

    def cancel(self) -> None:
        """Closes the dialog; what runs already goes on, and does not go to another record in the end."""
        self.asking = None
        self.changed()

    async def run(self) -> str:
        """Runs the action that is asked about, if its answers are right. Returns the id of the record to go to
        afterwards; "" to stay.
        """
        action = self.asking
        if action is None or self.running:
            return ""
        answers = {q.name: self._answer(q) for q in action.questions}
        self.errors = {q.name: said for q in action.questions if (said := self._wrong(q, answers[q.name]))}
        self.problem = ""
        if self.errors:
            self.changed()
            return ""
        return await self._run(action, {name: value for name, value in answers.items() if value is not None})

    def _answer(self, question: Question) -> FieldValue:
        """The answer as it is sent; None for none, and for one that cannot be read."""
        text = self.text(question).strip()
        match question.kind:
            case "yes-no":
                return text == "true"
            case "number":
                return values.as_number(text) if text else None
            case "date":
                return values.as_date(text) if text else None
            case _:
                return text or None

    def _wrong(self, question: Question, answer: FieldValue) -> str:
        """What is wrong with what was typed; "" when nothing is."""
        if answer is not None:
            return ""
        if not self.text(question).strip():
            return _("This cannot be empty.") if question.required else ""
        return _("Please enter a date.") if question.kind == "date" else _("Please enter a number.")

    async def _run(self, action: ActionShape, answers: dict[str, FieldValue]) -> str:
        # The same key until it is certain what became of it: what did not get through is not done twice.
        key = self._keys.setdefault(action.name, new_id())
        self.running, was_asked = True, self.asking
        self.changed()
        try:
            done = await self._records.run_action(self._shape.sobject, self._record_id, action.name, answers, key)
        except CallError as failed:
            await self._failed(action, failed)
            return ""
        except AnotherUser:
            return ""
        finally:
            self.running = False
            self.changed()
        del self._keys[action.name]
        stays = self.asking is not was_asked  # whoever has closed its dialog meanwhile does something else by now
        self.cancel()
        self._notices.say(Notice(_said(action, done)))
        if action.reads_again or done.opens:
            await self._read_again()
        return "" if stays else done.opens or ""

    async def _failed(self, action: ActionShape, failed: CallError) -> None:
        """Says why an action did not run: in its dialog where something can be mended there. The record is read again
        where it may be another one than is shown."""
        is_lost = failed.reason is Reason.OUTCOME_UNKNOWN
        if is_lost or not isinstance(failed, OrgUnavailable):
            self._keys.pop(action.name, None)
        if (
            self.asking is not None
            and (isinstance(failed, OrgUnavailable) or failed.reason in _TO_MEND)
            and not is_lost
        ):
            self.problem = _(failed.message)
            return
        self.asking = None
        self._notices.failed(failed)
        if is_lost or not isinstance(failed, OrgUnavailable | RefusedRequest) or failed.reason not in _TO_MEND:
            await self._read_again()

    async def _read_again(self) -> None:
        """Reads the record after whatever read of before is under way, and tells the lists."""
        if self._page.loading:
            over = asyncio.Event()
            end = self._page.listen(lambda: None if self._page.loading else over.set())
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), APP_SECONDS)
            end()
        await self._load()
        if self._page.value is not None:
            self._records.saved(self._shape.sobject, self._record_id, self._page.value.record)


def _said(action: ActionShape, done: ActionDone) -> str:
    """What is said afterwards: the action's own words, where the answer has all the values that they name."""
    texts = {name: _written(value) for name, value in done.values.items()}
    return in_words(action.says, **texts) or _("{action}: done.", action=in_words(action.label))


def _written(value: FieldValue) -> str:
    """A value of an answer as people read it: a date, a number, yes or no, or a text."""
    if isinstance(value, str):
        return values.day(value) if len(value) == 10 else value  # another text of that length stays as it is
    return values.value(None, value)
