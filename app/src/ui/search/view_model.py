"""Search over all objects, with the texts that were searched for last."""

from contract.calls import Hit, is_search
from contract.errors import CallError
from data.repositories.calls import AnotherUser
from data.repositories.records import RecordsRepository
from ui.shared.state import Questions, Screen, went_wrong


class SearchViewModel(Screen):
    """`text` is what is searched for. `hits` is None while nothing was searched for; `recent` are the texts that were
    searched for last, the newest first. `problem` is why the last search failed."""

    def __init__(self, records: RecordsRepository) -> None:
        super().__init__()
        self._records = records
        self._questions = Questions()
        self.text = ""
        self.hits: tuple[Hit, ...] | None = None
        self.recent: tuple[str, ...] = ()
        self.loading = False
        self.problem: CallError | None = None

    async def load(self) -> None:
        self.recent = await self._records.searches()
        self.changed()

    async def type(self, text: str) -> None:
        """Searches for a text, once the person has stopped typing."""
        self.text = text
        if not is_search(text):
            self._questions.new()
            self.hits, self.loading, self.problem = None, False, None
            self.changed()
        elif await self._questions.rested(text):
            await self._search()

    def enter(self) -> None:
        """Searches at once for what was typed last, unless that was done."""
        self._questions.enter()

    async def search_for(self, text: str) -> None:
        """Searches for a text at once."""
        self.text = text
        await self._search()

    async def again(self) -> None:
        """Searches for the same text once more."""
        await self.search_for(self.text)

    async def keep_text(self) -> None:
        """Keeps the text among those that were searched for last: the person has opened one of its hits."""
        await self._records.note_search(self.text.strip())

    async def _search(self) -> None:
        question = self._questions.new()
        self.loading, self.problem = True, None
        self.changed()
        try:
            hits = (await self._records.search(self.text.strip())).hits
        except CallError as failed:
            if self._questions.is_last(question):
                self.problem, self.loading = failed, False
                self.changed()
        except AnotherUser:
            return
        else:
            if self._questions.is_last(question):
                self.hits, self.loading = hits, False
                self.changed()
        finally:
            if self.loading and self._questions.is_last(question):  # whatever has cut it short
                self.problem, self.loading = went_wrong(), False
                self.changed()
