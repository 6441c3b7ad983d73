"""Finding the record that a reference points to. An answer that a newer question has overtaken is dropped."""

from contract.calls import NAME, ListRecords, Record
from contract.errors import CallError, OrgUnavailable
from data.repositories.calls import AnotherUser, is_offline
from data.repositories.queue import Queue
from data.repositories.records import RecordsRepository
from ui.shared.state import Questions, State, went_wrong

MOST = 20  # that one search brings


class LookUpViewModel(State):
    """`targets` are the objects that the reference may point to, `records` what the last search has brought: None while
    one is on its way.
    """

    def __init__(self, records: RecordsRepository, targets: list[str], queue: Queue | None = None) -> None:
        super().__init__()
        self._queue = queue
        self._repository = records
        self._questions = Questions()
        self.targets = targets
        self.target = targets[0]
        self.text = ""
        self.records: tuple[Record, ...] | None = None
        self.problem: CallError | None = None

    async def choose_target(self, sobject: str) -> None:
        """Searches among the records of another object."""
        self.target = sobject
        await self.search()

    async def type(self, text: str) -> None:
        """Searches for a text, once the person has stopped typing."""
        self.text = text
        if await self._questions.rested(text):
            await self.search()

    def enter(self) -> None:
        """Searches at once for what was typed last, unless that was done."""
        self._questions.enter()

    async def search(self) -> None:
        """Searches for the text; without one, shows the first records of the object."""
        question = self._questions.new()
        self.records, self.problem = None, None
        self.changed()
        found, problem = None, went_wrong()
        try:
            found, problem = await self._find(self.text.strip()), None
        except CallError as failed:
            problem = failed
        except AnotherUser:
            return
        finally:
            if self._questions.is_last(question):
                self.records, self.problem = found, problem
                self.changed()

    async def _find(self, text: str) -> tuple[Record, ...]:
        """The records in which the text occurs, after those that are to be made. Without a network they are those that
        the device has. Raises CallErrors and AnotherUser."""
        made = self._to_make(text)
        fetch = self._repository.page(ListRecords(self.target, search=text or None, limit=MOST))
        try:
            return (*made, *(await fetch.get()).records)
        except OrgUnavailable as failed:
            seen = await fetch.seen() if is_offline(failed) else None
            if not made and seen is None:
                raise
            return (*made, *(() if seen is None else seen.value.records))

    def _to_make(self, text: str) -> list[Record]:
        edits = () if self._queue is None else self._queue.to_make(self.target)
        return [
            Record(e.record_id, {NAME: e.title, **e.fields}) for e in edits if text.casefold() in e.title.casefold()
        ]
