"""A list of any object: search, filters, sort, endless scroll.

An answer that a newer question has overtaken is dropped.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from contract.calls import MAX_PAGE, FieldValue, Filter, ListRecords, Record, SobjectShape, Sort
from contract.errors import CallError, Reason, RefusedRequest
from contract.list_views import ListView
from data.repositories.calls import AnotherUser
from data.repositories.queue import Queue
from data.repositories.records import RecordsRepository
from ui.records.org_views_view_model import OrgViews
from ui.shared.state import OLD_SECONDS, Questions, Screen, went_wrong

PAGE = 30


class ListViewModel(Screen):
    """`is_deleted` says whether a record is hidden because it will be deleted. `offset` is how far the list was
    scrolled, in pixels. `complete` is whether the last page is there. `stale` is whether the list was never loaded, or
    something was saved since that may change its order. `owner_name` is by whom the list is filtered, "" for nobody
    but the person themselves. `views` are the org's list views, one of which the list may show: then filters and search
    narrow what it shows, and `view_sort` is its own order while the person has chosen none (`sort`)."""

    def __init__(
        self,
        records: RecordsRepository,
        shape: SobjectShape,
        is_deleted: Callable[[str], bool],
        now: Callable[[], float] = time.time,
        queue: Queue | None = None,
        views: OrgViews | None = None,
    ) -> None:
        super().__init__()
        self._queue = queue
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
        self.views = views or OrgViews(records, shape, now=now)
        self.views.listen(self.changed)
        self.view_sort: Sort | None = None
        self._restored = False
        self._begin()
        self.loading = False
        self.complete = False
        self.stale = True
        self.offset = 0.0
        self.problem: CallError | None = None

    @property
    def items(self) -> list[Record]:
        """The loaded records without the hidden ones, as they will be when all is sent; those that are to be made come
        first."""
        rows = [r for r in self._items if not self._is_deleted(r.id)]
        if self._queue is None or not self._queue.all():
            return rows
        text = self.search.strip().casefold()
        made = [self._queue.record(self.shape, e) for e in self._queue.to_make(self.shape.sobject)
                if text in e.title.casefold() and not self._is_deleted(e.record_id)]  # fmt: skip
        return [*made, *(self._queue.over(self.shape, r) for r in rows)]

    def waits(self, record_id: str) -> bool:
        """Whether something of the record waits to be sent."""
        return self._queue is not None and bool(self._queue.of(record_id))

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

    @property
    def shows_preset(self) -> bool:
        """Whether the list shows what its object's preset says, or less of that."""
        preset = self.shape.preset
        if preset is None or self.views.chosen is not None:
            return False
        return all(self.filters.get(f.field) == f.value for f in preset.filters)

    @property
    def order(self) -> Sort | None:
        """How the list is sorted: as the person has chosen, or as its list view says."""
        return self.sort or self.view_sort

    async def _restore(self) -> None:
        """Takes up what the list showed last on this device, at its first visit."""
        if self._restored:
            return
        self._restored = True
        await self.views.restore()
        if self.views.chosen is not None:
            self.filters, self.sort = {}, None
        elif self.views.shows_all:
            self.filters, self.sort = {}, self.shape.sort

    async def load(self) -> None:
        """Loads the list at a visit: as many rows as were loaded before. One that was scrolled beyond its first page
        stays as it is until it is stale."""
        await self._restore()
        if self.stale or len(self._items) <= PAGE:
            await self._fetch(max(len(self._items), PAGE))
        else:
            self.changed()
        await self.views.keep()

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
                self.view_sort = seen.value.sort
                self.changed()
            page = await fetch.get()
            items, view_sort = list(page.records), page.sort
            while len(items) < rows and page.cursor is not None:
                page = await self._records.page(self._request(page.cursor, rows - len(items))).call()
                items += page.records
        except CallError as failed:
            if self._questions.is_last(question):
                if self.views.is_refused(failed, narrowed=bool(self.filters or self.search.strip())):
                    await self._lose_view()
                    return
                self.problem, self.loading, self.stale = failed, False, True
                self.changed()
        except AnotherUser:
            return
        else:
            if self._questions.is_last(question):
                self._items, self._at, self.view_sort = items, self._now(), view_sort
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
        if self.views.chosen is not None:
            return True
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
        if await self._questions.rested(text):
            await self._anew()

    def enter(self) -> None:
        """Searches at once for what was typed last, unless that was done."""
        self._questions.enter()

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
        """Takes every filter away, and the order that came with them; a list view stays."""
        preset = self.shape.preset
        self.filters, self.owner_name = {}, ""
        if preset is not None and self.sort == preset.sort:
            self.sort = self.shape.sort
        await self._anew()
        if self.views.chosen is None:
            await self.views.choose(None, shows_all=True)

    async def reset(self) -> None:
        """Shows what the list showed at its beginning."""
        await self.views.choose(None)
        self._begin()
        await self._anew()

    async def choose_view(self, view: ListView) -> None:
        """Shows one of the org's list views, in its own order; what is searched for stays."""
        self.filters, self.owner_name, self.sort = {}, "", None
        self._restored = True
        await self.views.choose(view)
        await self._anew()

    async def choose_all(self) -> None:
        """Shows all records, and no list view."""
        self.filters, self.owner_name, self.sort = {}, "", self.shape.sort
        self._restored = True
        await self.views.choose(None, shows_all=True)
        await self._anew()

    async def look_at_views(self) -> None:
        """Fetches what list views there are; one that is shown and is gone gives way to what the app begins with."""
        if await self.views.look():
            await self._lose_view()

    async def _lose_view(self) -> None:
        self.views.lose()
        self._begin()
        await self._anew()
        await self.views.keep()

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
        """Sorts by a field, moments with the newest first; a second time in the other direction."""
        order = self.order
        newest_first = any(f.name == field and f.type == "datetime" for f in self.shape.fields)
        self.sort = Sort(field, not order.descending if order is not None and order.field == field else newest_first)
        await self._anew()

    async def _anew(self) -> None:
        self._restored = True
        self._items, self._cursor, self.complete, self.offset = [], None, False, 0.0
        self.view_sort = None
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
            if refused.reason in (Reason.INVALID_CURSOR, Reason.LIST_VIEW_NOT_AVAILABLE):
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
            self.shape.sobject,
            self.search.strip() or None,
            filters,
            self.sort,
            min(rows, MAX_PAGE),
            cursor,
            None if self.views.chosen is None else self.views.chosen.id,
        )
