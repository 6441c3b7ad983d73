"""Where the next page of a list begins, so that no record is left out or comes twice.

Numbers and dates go on by value: for them `>` follows the very order of ORDER BY. Of any other field only Salesforce
knows the order: a picklist follows its value set, an amount in an org with several currencies its converted value, a
text the collation of a language, while `>` compares texts and plain numbers. So those lists go on by position (OFFSET),
and the last records of the page before show where that is now, whatever was added or removed meanwhile.

Further in than OFFSET reaches, the ids of all records up to the page are read in the list's order, 2,000 an answer,
and then the records of the page.

Sources: SOQL and SOSL Reference, "ORDER BY" (its collation is that of the user's locale), "OFFSET" (at most 2,000),
"Querying Currency Fields in Multicurrency Orgs"; REST API Developer Guide, "Query" (2,000 records an answer).
"""

import base64
import json
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import msgspec
from msgspec.structs import replace

from backend.records import soql
from backend.records.org import Row
from backend.records.rows import field_value
from contract.calls import FieldValue, Sort
from contract.errors import Reason, RefusedRequest

MAX_OFFSET = 2000
OVERLAP = 5  # records of the page before that are read again
WIDER = 200  # when the last of them is not where it was
DEEPEST = 10_000  # records: no page begins further in, where each would take more than six requests
_BY_VALUE = frozenset({"id", "date", "datetime", "int", "long", "double", "percent"})
_MAX_CURSOR = 4000  # characters; a text that can be sorted by has at most 255 letters

Ask = Callable[..., Awaitable[Sequence[Sequence[Row]]]]


def order_by(sort: Sort) -> str:
    """The SOQL after ORDER BY: empty values come last, and records with equal values are ordered by their id."""
    order = f"{sort.field} {'DESC' if sort.descending else 'ASC'} NULLS LAST"
    return order if sort.field == "Id" else f"{order}, Id ASC"


class Mark(msgspec.Struct, frozen=True):
    """The last record of a page: its value of the field by which the list is sorted, and its id."""

    value: FieldValue
    record_id: str


class Position(msgspec.Struct, frozen=True):
    """After which record a page begins: `passed` is how many records come up to the mark, `last` has the fingerprints
    of the last of them.
    """

    mark: Mark
    passed: int = 0
    last: tuple[tuple[str, int], ...] = ()

    def has_shown(self, row: Row) -> bool:
        """Whether it is one of the last records, where they stood or moved."""
        return any(row["Id"] == one for one, _ in self.last)


class Listed(msgspec.Struct, frozen=True):
    """The list of which pages are wanted: its SOQL up to FROM, its conditions, and the field that it is sorted by.

    With `find`, the term of a search, it is what SOSL finds. `scope` is the word after USING SCOPE, "" for none.
    """

    select: str
    sobject: str
    conditions: tuple[str, ...]
    sort: Sort
    kind: str
    find: str = ""
    scope: str = ""

    def query(self, *more: str, limit: int, offset: int = 0) -> str:
        """SOQL (or SOSL) for these rows of the list, in its order, of those that also fulfil the conditions in
        `more`.
        """
        start = f" OFFSET {offset}" if offset else ""
        conditions = (*self.conditions, *more)
        where = " WHERE " + " AND ".join(f"({c})" for c in conditions) if conditions else ""
        rows = f"{where} ORDER BY {order_by(self.sort)} LIMIT {limit}{start}"
        if self.find:
            return f"FIND {{{self.find}}} IN ALL FIELDS RETURNING {self.sobject}({self.select}{rows})"
        using = f" USING SCOPE {self.scope}" if self.scope else ""
        return f"SELECT {self.select} FROM {self.sobject}{using}{rows}"

    def of(self, ids: Sequence[str]) -> str:
        """SOQL for these records."""
        among = ", ".join(f"'{soql.record_id(one)}'" for one in ids)
        return f"SELECT {self.select} FROM {self.sobject} WHERE Id IN ({among})"

    def mark(self, row: Row) -> Mark:
        """A record of the list as a mark."""
        return Mark(field_value(row, self.sort.field), str(row["Id"]))

    def after(self, mark: Mark) -> str:
        """The condition for what comes after a record, by value; nulls come last."""
        field, record_id = self.sort.field, soql.record_id(mark.record_id)
        beyond = "<" if self.sort.descending else ">"
        if field == "Id":
            return f"Id {beyond} '{record_id}'"
        if mark.value is None:
            return f"{field} = null AND Id > '{record_id}'"
        last = soql.literal(self.kind, mark.value)
        return f"{field} {beyond} {last} OR ({field} = {last} AND Id > '{record_id}') OR {field} = null"


async def page_of(ask: Ask, listed: Listed, limit: int, cursor: str | None) -> tuple[Sequence[Row], str | None]:
    """The rows of one page, and the cursor of the next, None after the last.

    `ask` sends SOQL texts and returns the rows of each. Raises RefusedRequest: invalid-cursor when the list has changed
    too much to go on, list-too-long when Salesforce cannot go further in this order.
    """
    if cursor is None:
        (rows,) = await ask(listed.query(limit=limit + 1))
        return _first(listed, rows, limit)
    position = _read(cursor, listed.sort)
    if listed.kind in _BY_VALUE:
        (rows,) = await ask(listed.query(listed.after(position.mark), limit=limit + 1))
        return _first(listed, rows, limit)
    if position.passed - len(position.last) > MAX_OFFSET:
        return await _further_in(ask, listed, limit, position)
    for back, ahead in ((len(position.last), 0), (WIDER, WIDER)):
        offset = max(0, position.passed - back)
        asked = position.passed - offset + limit + 1 + ahead
        (rows,) = await ask(listed.query(limit=asked, offset=offset))
        begins = _begins(listed, rows, position)
        if begins and (ahead or rows[begins - 1]["Id"] == position.mark.record_id):
            page, following = _after(listed, rows, begins, limit, asked, replace(position, passed=offset))
            if page or following is None:
                return page, following
    raise RefusedRequest(Reason.INVALID_CURSOR)


def cursor_after(listed: Listed, rows: Sequence[Row]) -> str:
    """The cursor for what comes after these rows, with which the list begins."""
    return _next(listed, rows, Position(Mark(None, ""), len(rows)), rows)


async def _further_in(ask: Ask, listed: Listed, limit: int, position: Position) -> tuple[Sequence[Row], str | None]:
    asked = position.passed + limit + 1 + WIDER
    if asked > DEEPEST or listed.find:  # SOSL finds no more than 2,000
        raise RefusedRequest(Reason.LIST_TOO_LONG)
    (rows,) = await ask(replace(listed, select=f"Id, {listed.sort.field}").query(limit=asked))
    begins = _begins(listed, rows, position)
    if not begins:
        raise RefusedRequest(Reason.INVALID_CURSOR)
    page, following = _after(listed, rows, begins, limit, asked, replace(position, passed=0))
    if not page:
        if following is None:
            return page, None
        raise RefusedRequest(Reason.INVALID_CURSOR)
    (whole,) = await ask(listed.of([str(row["Id"]) for row in page]))
    by_id = {row["Id"]: row for row in whole}  # without those that were deleted just now
    return [by_id[row["Id"]] for row in page if row["Id"] in by_id], following


def _begins(listed: Listed, rows: Sequence[Row], position: Position) -> int:
    """Behind how many of the rows the page begins: behind those of the last records that have stayed; 0 for none."""
    return max((n for n, row in enumerate(rows, 1) if _fingerprint(row, listed.sort) in position.last), default=0)


def _after(
    listed: Listed, rows: Sequence[Row], begins: int, limit: int, asked: int, position: Position
) -> tuple[Sequence[Row], str | None]:
    """The page that begins behind so many of the `asked` rows, before which `position.passed` records come, and the
    cursor of the next. Records that were shown before and have moved since are not in it.
    """
    new = [n for n, row in enumerate(rows[begins:], begins + 1) if not position.has_shown(row)]
    page, ends = [rows[n - 1] for n in new[:limit]], new[:limit][-1] if new else len(rows)
    if len(new) <= limit and len(rows) < asked:
        return page, None
    if not page:
        return page, ""
    return page, _next(listed, page, replace(position, passed=position.passed + ends), rows[:ends])


def _fingerprint(row: Row, sort: Sort) -> tuple[str, int]:
    """A record where it stands: its id, and a number that is another one (nearly always) for another value."""
    value = json.dumps(field_value(row, sort.field))
    return str(row["Id"]), zlib.crc32(value.encode())


def _first(listed: Listed, rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """The page with which the rows begin; there is another one when there are more rows than `limit`."""
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, cursor_after(listed, page)


def _next(listed: Listed, page: Sequence[Row], position: Position, passed: Sequence[Row]) -> str:
    """The cursor for what comes after a page; `passed` are the rows up to its end, as the list stands now."""
    mark = listed.mark(page[-1])
    if listed.kind in _BY_VALUE:
        return _written(listed.sort, Position(mark))
    shown = {str(row["Id"]) for row in page}
    here = [_fingerprint(row, listed.sort) for row in passed if row["Id"] in shown or position.has_shown(row)]
    elsewhere = [one for one in position.last if one[0] not in dict(here)]
    return _written(listed.sort, replace(position, mark=mark, last=(*elsewhere, *here)[-OVERLAP:]))


def _written(sort: Sort, position: Position) -> str:
    mark = position.mark
    text = [sort.field, sort.descending, mark.value, mark.record_id, position.passed, position.last]
    return base64.urlsafe_b64encode(json.dumps(text, ensure_ascii=False).encode()).decode().rstrip("=")


def _read(cursor: str, sort: Sort) -> Position:
    """The position that a cursor names. Raises RefusedRequest(invalid-cursor) for one that this list did not give."""
    wrong = RefusedRequest(Reason.INVALID_CURSOR)
    if len(cursor) > _MAX_CURSOR:
        raise wrong
    try:
        text: object = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        field, descending, value, record_id, passed, last = cast(list[object], text)
        mark = _mark(value, record_id)
        last = tuple((_mark(None, one).record_id, _number(of)) for one, of in cast(list[tuple[object, object]], last))
    except (ValueError, TypeError, RecursionError):
        raise wrong from None
    if field != sort.field or descending is not sort.descending or len(last) > OVERLAP:
        raise wrong
    if not isinstance(passed, int) or isinstance(passed, bool) or not len(last) <= passed < 10**9:
        raise wrong
    return Position(mark, passed, last)


def _number(value: object) -> int:
    """Raises ValueError."""
    if not isinstance(value, int):
        raise ValueError
    return value


def _mark(value: object, record_id: object) -> Mark:
    """Raises ValueError."""
    if not isinstance(value, str | int | float | bool | None) or not isinstance(record_id, str):
        raise ValueError
    try:
        return Mark(value, soql.record_id(record_id))
    except RefusedRequest:
        raise ValueError from None
