"""A list of any object: search, filters, sort, endless scroll. An answer that a newer question has overtaken is dropped."""

import time
from collections.abc import Callable

from contract.calls import FieldValue, Filter, ListRecords, Record, SobjectShape, Sort
from contract.errors import CallError, Reason, RefusedRequest
from data.repositories.records import AnotherUser, RecordsRepository
from ui.shared.state import OLD_SECONDS, Questions, Screen

PAGE = 30


class ListViewModel(Screen):
    """`is_deleted` says which records are about to go. `offset` is how far the list was scrolled, in pixels."""

    def __init__(
        self, records: RecordsRepository, shape: SobjectShape, is_deleted: Callable[[str], bool], now: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._records = records
        self._is_deleted = is_deleted
        self._now = now
        self._questions = Questions()
        self._cursor: str | None = None
        self._at = 0.0
        self._items: list[Record] = []
        self.shape = shape
        self.search = ""
        self.filters: dict[str, FieldValue] = {}
        self.sort: Sort | None = shape.sort
        self.loading = False
        self.complete = False
        self.offset = 0.0
        self.problem: CallError | None = None

    @property
    def items(self) -> list[Record]:
        return [r for r in self._items if not self._is_deleted(r.id)]

    @property
    def age(self) -> float | None:
        """How old the list is, in seconds, when it is old and the newest is not there."""
        if not self._items or not (self.loading or self.problem is not None):
            return None
        age = self._now() - self._at
        return age if age > OLD_SECONDS else None

    async def load(self) -> None:
        """The first page anew; a list that was scrolled on stays as it is until it is refreshed."""
        if len(self._items) <= PAGE:
            await self.refresh()
        else:
            self.changed()

    async def refresh(self) -> None:
        """Begins anew: what was seen of it is there at once, and gives way to what is true now."""
        question, request = self._questions.new(), self._request(None)
        fetch = self._records.page(request)
        self.loading, self.problem = True, None
        self.changed()
        seen = await self._records.seen(fetch)
        if not self._questions.is_last(question):
            return
        if seen is not None and not self._items:
            self._items, self._cursor, self._at = list(seen.value.records), None, seen.at
            self.changed()
        try:
            page = await self._records.get(fetch)
        except CallError as failed:
            if self._questions.is_last(question):
                self.problem, self.loading = failed, False
                self.changed()
        except AnotherUser:
            return
        else:
            if self._questions.is_last(question):
                self._items, self._at = list(page.records), self._now()
                self._cursor, self.complete, self.loading = page.cursor, page.cursor is None, False
                self.changed()

    async def type(self, text: str) -> None:
        """Searches once the person has stopped typing."""
        self.search = text
        if await self._questions.rested():
            await self._anew()

    async def choose_filter(self, field: str, value: FieldValue) -> None:
        """Shows only records with this value; None takes the filter away."""
        if value is None:
            self.filters.pop(field, None)
        else:
            self.filters[field] = value
        await self._anew()

    async def choose_sort(self, field: str) -> None:
        """Sorts by a field; once more turns the order round."""
        turned = self.sort is not None and self.sort.field == field and not self.sort.descending
        self.sort = Sort(field, turned)
        await self._anew()

    async def _anew(self) -> None:
        self._items, self._cursor, self.complete, self.offset = [], None, False, 0.0
        await self.refresh()

    async def more(self) -> None:
        """The next page, if there is one and none is on its way."""
        if self.loading or self.complete or self._cursor is None:
            return
        question, self.loading, self.problem = self._questions.last, True, None
        self.changed()
        try:
            page = await self._records.page(self._request(self._cursor)).call()
        except RefusedRequest as refused:
            if not self._questions.is_last(question):
                return
            self.loading = False
            if refused.reason is Reason.INVALID_CURSOR:
                await self._anew()
                return
            self.problem = refused
        except CallError as failed:
            if not self._questions.is_last(question):
                return
            self.problem, self.loading = failed, False
        except AnotherUser:
            return
        else:
            if not self._questions.is_last(question):
                return
            self._items += page.records
            self._cursor, self.complete, self.loading = page.cursor, page.cursor is None, False
        self.changed()

    def _request(self, cursor: str | None) -> ListRecords:
        filters = tuple(Filter(field, "eq", value) for field, value in self.filters.items())
        return ListRecords(self.shape.sobject, self.search.strip() or None, filters, self.sort, PAGE, cursor)
