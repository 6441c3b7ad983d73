"""Where the next page of a list begins, so that no record is left out or comes twice.

Numbers and dates go on by value: for them `>` follows the very order of ORDER BY. Of any other field only Salesforce
knows the order: a picklist follows its value set, an amount in an org with several currencies its converted value, a
text the collation of a language, while `>` compares texts and plain numbers. So those lists go on by position (OFFSET),
and the last records of the page before show where that is now, whatever was added or removed meanwhile.

Further in than OFFSET reaches, amounts are compared with the code of their currency (`> EUR5000`): that and ORDER BY
follow the converted value. What comes after a record in that order is then one of its ends, and two ends of the same
length are the same, so that counting shows whether it is the right one. Of plain numbers it would not: by chance as
many others may be greater.

Sources: SOQL and SOSL Reference, "ORDER BY" (its collation is that of the user's locale), "OFFSET" (at most 2,000),
"convertCurrency()".
"""

import base64
import json
import re
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from backend.failures import ShapeRefused
from backend.records import soql
from backend.records.org import Row
from backend.records.rows import field_value
from contract.calls import FieldValue, Sort
from contract.errors import Reason, RefusedRequest

MAX_OFFSET = 2000
OVERLAP = 5  # records of the page before that are read again
WIDER = 200  # when none of them is where it was
_BY_VALUE = frozenset({"id", "date", "datetime", "int", "long", "double", "percent"})
_COMPARED = soql.TEXT - {"picklist", "combobox", "reference", "encryptedstring"} | {"currency"}
_ISO_4217 = re.compile("[A-Z]{3}")
_MAX_CURSOR = 4000  # characters; a text that can be sorted by has at most 255 letters

Ask = Callable[..., Awaitable[Sequence[Sequence[Row]]]]


def order_by(sort: Sort) -> str:
    """The SOQL after ORDER BY: empty values come last, and records with equal values are ordered by their id."""
    order = f"{sort.field} {'DESC' if sort.descending else 'ASC'} NULLS LAST"
    return order if sort.field == "Id" else f"{order}, Id ASC"


@dataclass(frozen=True, slots=True)
class Mark:
    """The last record of a page: its value of the field by which the list is sorted, its id, and the currency that the
    value is in, "" when the record has none of its own.
    """

    value: FieldValue
    record_id: str
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """After which record a page begins. `since` is where the counting of positions began, None at the list's beginning;
    `passed` how many records come after that up to the mark, `last` the fingerprints of the last of them."""

    mark: Mark
    since: Mark | None = None
    passed: int = 0
    last: tuple[tuple[str, int], ...] = ()

    def has_shown(self, row: Row) -> bool:
        """Whether it is one of the last records, where they stood or moved."""
        return any(row["Id"] == one for one, _ in self.last)


@dataclass(frozen=True, slots=True)
class Listed:
    """The list of which pages are wanted: its SOQL up to FROM, its conditions, and the field that it is sorted by.

    With `find`, the term of a search, it is what SOSL finds. `currency_field` has the currency of an amount, where
    records have one each; `literal` is then the amount of a mark with its code, for SOQL, None when it cannot be
    written so that it is compared as ORDER BY orders.
    """

    select: str
    sobject: str
    conditions: tuple[str, ...]
    sort: Sort
    kind: str
    find: str = ""
    currency_field: str = ""
    literal: Callable[[Mark], Awaitable[str | None]] | None = None

    def query(self, *more: str, limit: int, offset: int = 0) -> str:
        """SOQL (or SOSL) for these rows of the list, in its order, of those that also fulfil the conditions in
        `more`.
        """
        start = f" OFFSET {offset}" if offset else ""
        rows = f"{self._where(more)} ORDER BY {order_by(self.sort)} LIMIT {limit}{start}"
        if self.find:
            return f"FIND {{{self.find}}} IN ALL FIELDS RETURNING {self.sobject}({self.select}{rows})"
        return f"SELECT {self.select} FROM {self.sobject}{rows}"

    def count(self, *more: str) -> str:
        """SOQL for how many there are, as `number`."""
        return f"SELECT COUNT(Id) number FROM {self.sobject}{self._where(more)}"

    def mark(self, row: Row) -> Mark:
        """A record of the list as a mark."""
        code = str(field_value(row, self.currency_field) or "") if self.currency_field else ""
        return Mark(field_value(row, self.sort.field), str(row["Id"]), code)

    async def after(self, mark: Mark | None) -> tuple[str, ...]:
        """The condition for what comes after a record, by value; nulls come last. Raises RefusedRequest(list-too-long)
        when no condition says it.
        """
        if mark is None:
            return ()
        field, record_id = self.sort.field, soql.record_id(mark.record_id)
        beyond = "<" if self.sort.descending else ">"
        if field == "Id":
            return (f"Id {beyond} '{record_id}'",)
        if mark.value is None:
            return (f"{field} = null AND Id > '{record_id}'",)
        if self.literal is None:
            last: str | None = soql.literal(self.kind, mark.value)
        else:
            last = await self.literal(mark)
        if last is None:
            raise RefusedRequest(Reason.LIST_TOO_LONG)
        return (f"{field} {beyond} {last} OR ({field} = {last} AND Id > '{record_id}') OR {field} = null",)

    def _where(self, more: tuple[str, ...]) -> str:
        conditions = (*self.conditions, *more)
        return " WHERE " + " AND ".join(f"({c})" for c in conditions) if conditions else ""


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
        (rows,) = await ask(listed.query(*await listed.after(position.mark), limit=limit + 1))
        return _first(listed, rows, limit)
    since = await listed.after(position.since)
    if position.passed - len(position.last) > MAX_OFFSET:
        return await _beyond(ask, listed, limit, position, since)
    for back, ahead in ((len(position.last), 0), (WIDER, WIDER)):
        offset = max(0, position.passed - back)
        asked = position.passed - offset + limit + 1 + ahead
        (rows,) = await ask(listed.query(*since, limit=asked, offset=offset))
        stayed = [n for n, row in enumerate(rows, 1) if _fingerprint(row, listed.sort) in position.last]
        if not stayed or (not ahead and rows[stayed[-1] - 1]["Id"] != position.mark.record_id):
            continue
        new = [n for n, row in enumerate(rows[stayed[-1] :], stayed[-1] + 1) if not position.has_shown(row)]
        page, ends = [rows[n - 1] for n in new[:limit]], new[:limit][-1] if new else len(rows)
        more = len(new) > limit or len(rows) == asked
        if page or not more:
            passed = rows[:ends]
            return page, _next(listed, page, replace(position, passed=offset + ends), passed) if more else None
    raise RefusedRequest(Reason.INVALID_CURSOR)


async def _beyond(
    ask: Ask, listed: Listed, limit: int, position: Position, since: tuple[str, ...]
) -> tuple[Sequence[Row], str | None]:
    """A page further in than OFFSET reaches: by value, when that leaves as many records as have not been passed."""
    if listed.kind not in _COMPARED or listed.find:  # SOSL finds no more than 2,000
        raise RefusedRequest(Reason.LIST_TOO_LONG)
    after = (*since, *await listed.after(position.mark))
    texts = (listed.query(*after, limit=limit + 1), listed.count(*since), listed.count(*after))
    try:
        rows, whole, rest = await ask(*texts)
    except ShapeRefused:
        raise
    except RefusedRequest:
        # The reference says that codes cannot be used "when you use an aggregate function", and shows HAVING only.
        if listed.currency_field:
            raise RefusedRequest(Reason.LIST_TOO_LONG) from None
        raise
    if _number(whole) - position.passed != _number(rest):
        raise RefusedRequest(Reason.LIST_TOO_LONG)
    return _first(listed, rows, limit, position.mark)


def _number(rows: Sequence[Row]) -> int:
    return int(cast(float, rows[0]["number"]))


def _fingerprint(row: Row, sort: Sort) -> tuple[str, int]:
    """A record where it stands: its id, and a number that is another one (nearly always) for another value."""
    value = json.dumps(field_value(row, sort.field))
    return str(row["Id"]), zlib.crc32(value.encode())


def _first(
    listed: Listed, rows: Sequence[Row], limit: int, since: Mark | None = None
) -> tuple[Sequence[Row], str | None]:
    """The page with which the rows begin; there is another one when there are more rows than `limit`."""
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, _next(listed, page, Position(Mark(None, ""), since, limit), page)


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
    since = None if position.since is None else [_value(position.since), position.since.record_id]
    text = [
        sort.field,
        sort.descending,
        _value(position.mark),
        position.mark.record_id,
        since,
        position.passed,
        position.last,
    ]
    return base64.urlsafe_b64encode(json.dumps(text, ensure_ascii=False).encode()).decode().rstrip("=")


def _value(mark: Mark) -> FieldValue | list[FieldValue]:
    """The value of a mark as a cursor has it: an amount with its currency."""
    return [mark.value, mark.currency] if mark.currency else mark.value


def _read(cursor: str, sort: Sort) -> Position:
    """The position that a cursor names. Raises RefusedRequest(invalid-cursor) for one that this list did not give."""
    wrong = RefusedRequest(Reason.INVALID_CURSOR)
    if len(cursor) > _MAX_CURSOR:
        raise wrong
    try:
        text: object = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        field, descending, value, record_id, since, passed, last = cast(list[object], text)
        position = Position(_mark(value, record_id), None if since is None else _mark(*cast(list[object], since)))
        last = tuple((_mark(None, one).record_id, of) for one, of in cast(list[tuple[object, int]], last))
    except (ValueError, TypeError, RecursionError):
        raise wrong from None
    if field != sort.field or descending is not sort.descending or len(last) > OVERLAP:
        raise wrong
    if not isinstance(passed, int) or isinstance(passed, bool) or not len(last) <= passed < 10**9:
        raise wrong
    return Position(position.mark, position.since, passed, last)


def _mark(value: object, record_id: object) -> Mark:
    """Raises ValueError."""
    value, code = cast(tuple[object, object], value if isinstance(value, list) else (value, ""))
    if not isinstance(value, str | int | float | bool | None) or not isinstance(record_id, str):
        raise ValueError
    if not isinstance(code, str) or (code and _ISO_4217.fullmatch(code) is None):
        raise ValueError
    try:
        return Mark(value, soql.record_id(record_id), code)
    except RefusedRequest:
        raise ValueError from None
