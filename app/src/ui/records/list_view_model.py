"""A list of any object: search, filters, sort, endless scroll.

An answer that a newer question has overtaken is dropped.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from contract.calls import MAX_PAGE, FieldValue, Filter, ListRecords, Record, SobjectShape, Sort
from contract.errors import CallError, Reason, RefusedRequest
from data.repositories.calls import AnotherUser
from data.repositories.records import RecordsRepository
from ui.shared.state import OLD_SECONDS, Questions, Screen, went_wrong

PAGE = 30


class ListViewModel(Screen):
    """`is_deleted` says whether a record is hidden because it will be deleted. `offset` is how far the list was
    scrolled, in pixels. `complete` is whether the last page is there. `stale` is whether the list was never loaded, or
    something was saved since that may change its order. `owner_name` is by whom the list is filtered, "" for nobody
    but the person themselves."""

    def __init__(
        self,
        records: RecordsRepository,
        shape: SobjectShape,
        is_deleted: Callable[[str], bool],
        now: Callable[[], float] = time.time,
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
        self.owner_name = ""
        self.sort: Sort | None = None
        self._begin()
        self.loading = False
        self.complete = False
        self.stale = True
        self.offset = 0.0
        self.problem: CallError | None = None

    @property
    def items(self) -> list[Record]:
        """The loaded records without the hidden ones."""
        return [r for r in self._items if not self._is_deleted(r.id)]

    @property
    def filterable(self) -> tuple[str, ...]:
        """The fields by which the list can be filtered."""
        return self.shape.filters

    @property
    def age(self) -> float | None:
        """The list's age in seconds, while an old list is shown because a newer one is not there; else None."""
        if not self._items or not (self.loading or self.problem is not None):
            return None
        age = self._now() - self._at
        return age if age > OLD_SECONDS else None

    async def load(self) -> None:
        """Loads the list at a visit: as many rows as were loaded before. One that was scrolled beyond its first page
        stays as it is until it is stale."""
        if self.stale or len(self._items) <= PAGE:
            await self._fetch(max(len(self._items), PAGE))
        else:
            self.changed()

    async def refresh(self) -> None:
        """Loads the first page anew. A list that is empty here shows what the device kept of it until then."""
        await self._fetch(PAGE)

    async def _fetch(self, rows: int) -> None:
        question, fetch = self._questions.new(), self._records.page(self._request(None, rows))
        self.loading, self.problem, self.stale = True, None, False
        self.changed()
        try:
            seen = await fetch.seen()
            if not self._questions.is_last(question):
                return
            if seen is not None and not self._items:
                self._items, self._cursor, self._at = list(seen.value.records), None, seen.at
                self.changed()
            page = await fetch.get()
            items = list(page.records)
            while len(items) < rows and page.cursor is not None:
                page = await self._records.page(self._request(page.cursor, rows - len(items))).call()
                items += page.records
        except CallError as failed:
            if self._questions.is_last(question):
                self.problem, self.loading, self.stale = failed, False, True
                self.changed()
        except AnotherUser:
            return
        else:
            if self._questions.is_last(question):
                self._items, self._at = items, self._now()
                self._cursor, self.complete, self.loading = page.cursor, page.cursor is None, False
                self.changed()
        finally:
            self._end(question)

    def _end(self, question: int) -> None:
        """Ends the loading whatever has cut it short: the place may be kept, and loads again at the next visit."""
        if self.loading and self._questions.is_last(question):
            self.loading, self.stale, self.problem = False, True, went_wrong()
            self.changed()

    # What happens to its records elsewhere in the app

    def note_saved(self, record_id: str, record: Record | None) -> None:
        """Takes over a record that was created or changed: its row changes at once where it keeps its place, else the
        list becomes stale."""
        row = next((r for r in self._items if r.id == record_id), None)
        if row is None or record is None or self.loading or self.search.strip() or self._moves(row, record):
            self._drop_what_is_under_way()
            self.stale = True
        else:
            changed = replace(record, fields={**row.fields, **record.fields})
            self._items = [changed if r is row else r for r in self._items]
        self.changed()

    def note_deleted(self, record_id: str) -> None:
        """Removes the row of a record that was deleted."""
        self._drop_what_is_under_way()
        self._items = [r for r in self._items if r.id != record_id]
        self.changed()

    def _moves(self, before: Record, after: Record) -> bool:
        """Whether a change may have given a record another place in the list, or none."""
        fields = {*self.filters, *([self.sort.field] if self.sort is not None else [])}
        fields |= {f.currency_field for f in self.shape.fields if f.name in fields}
        return any(before.fields.get(name) != after.fields.get(name) for name in fields)

    def _drop_what_is_under_way(self) -> None:
        """Drops an answer that is on its way: it was asked for before the change."""
        if self.loading:
            self._questions.new()
            self.loading, self.stale = False, True

    async def type(self, text: str) -> None:
        """Searches for a text, once the person has stopped typing."""
        self.search = text
        if await self._questions.rested():
            await self._anew()

    async def choose_filter(self, field: str, value: FieldValue) -> None:
        """Shows only records with this value in a field; None takes the filter away."""
        if field == self.shape.owner:
            self.owner_name = ""
        if value is None:
            self.filters.pop(field, None)
        else:
            self.filters[field] = value
        await self._anew()

    async def show_all(self) -> None:
        """Takes every filter away, and the order that came with them."""
        preset = self.shape.preset
        self.filters, self.owner_name = {}, ""
        if preset is not None and self.sort == preset.sort:
            self.sort = self.shape.sort
        await self._anew()

    async def reset(self) -> None:
        """Shows what the list showed at its beginning."""
        self._begin()
        await self._anew()

    def _begin(self) -> None:
        preset = self.shape.preset
        self.filters = {} if preset is None else {f.field: f.value for f in preset.filters}
        self.sort = self.shape.sort if preset is None else preset.sort or self.shape.sort
        self.owner_name = ""

    async def choose_owner(self, owner: str, name: str) -> None:
        """Shows only records that belong to a user or a queue, by id and name."""
        self.filters[self.shape.owner], self.owner_name = owner, name
        await self._anew()

    async def choose_sort(self, field: str) -> None:
        """Sorts by a field; a second time in the other direction."""
        turned = self.sort is not None and self.sort.field == field and not self.sort.descending
        self.sort = Sort(field, turned)
        await self._anew()

    async def _anew(self) -> None:
        self._items, self._cursor, self.complete, self.offset = [], None, False, 0.0
        await self.refresh()

    async def more(self) -> None:
        """Loads the next page, unless there is none or one is on its way."""
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
        finally:
            self._end(question)
        self.changed()

    def _request(self, cursor: str | None, rows: int = PAGE) -> ListRecords:
        filters = tuple(Filter(field, "eq", value) for field, value in self.filters.items())
        return ListRecords(
            self.shape.sobject, self.search.strip() or None, filters, self.sort, min(rows, MAX_PAGE), cursor
        )
