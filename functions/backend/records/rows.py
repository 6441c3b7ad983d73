"""From Salesforce's rows to the contract's records: which fields are selected, and what they hold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, cast

from cachetools import LRUCache

from backend.records.org import CURRENCY, Described, Row
from backend.values import WrittenRecord
from contract.calls import FieldValue, Record

_VERSION = "SystemModstamp"
_PLAIN = frozenset((str, bool, int, float))
_VALUES = _PLAIN | {type(None)}


def readable(fields: Iterable[str], described: Described) -> tuple[str, ...]:
    """Those of the fields that the user may see; with an amount comes its currency, where records have one."""
    wanted = tuple(fields)
    kept = _readable.get((id(described), wanted))
    if kept is None or kept[0] is not described:
        kept = _readable[id(described), wanted] = (described, _seen(wanted, described))
    return kept[1]


# By describe and fields. The describe is kept too, so that no other one gets its id meanwhile.
_readable = LRUCache[tuple[int, tuple[str, ...]], tuple[Described, tuple[str, ...]]](128)


def _seen(fields: tuple[str, ...], described: Described) -> tuple[str, ...]:
    shown = tuple(f for f in fields if described.shows(f))
    if CURRENCY not in described.fields or CURRENCY in shown:
        return shown
    amounts = any(f in described.fields and described.fields[f].shape.type == "currency" for f in shown)
    return (*shown, CURRENCY) if amounts else shown


def select(fields: Iterable[str]) -> str:
    """The fields of a SELECT, with what every record needs: its id and its version."""
    return _selected(tuple(fields))


@lru_cache(maxsize=1024)
def _selected(fields: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(("Id", *fields, _VERSION)))


def field_value(row: Row, path: str) -> FieldValue:
    """A field of a row, or a parent's such as `Account.Name`; None when it is empty or no plain value."""
    at = row.get(path)
    if at is None and "." in path:
        at = cast(object, row)
        for name in path.split("."):
            if not isinstance(at, Mapping):
                return None
            at = cast(Row, at).get(name)
    return cast(FieldValue, at) if type(at) in _PLAIN else None


def to_record(row: Row, fields: Iterable[str]) -> Record:
    """A row as the contract's record, with these fields."""
    return Record(str(row["Id"]), _reader(tuple(fields))(row), cast("str | None", row.get(_VERSION)))


def to_records(rows: Sequence[Row], fields: Iterable[str]) -> tuple[Record, ...]:
    """Rows as records of the contract, with these fields; for lists."""
    wanted = tuple(fields)
    made = _made_of_whole_rows(rows, wanted)
    if made is None:
        read = _reader(wanted)
        made = [WrittenRecord(str(row["Id"]), read(row), cast("str | None", row.get(_VERSION))) for row in rows]
    return cast(tuple[Record, ...], tuple(made))


def _made_of_whole_rows(rows: Sequence[Row], fields: tuple[str, ...]) -> list[WrittenRecord] | None:
    """The records of rows that hold these fields in this order, and nothing beside but what every row has: what
    Salesforce answers to a query without parents. None when a row holds something else.
    """
    made: list[WrittenRecord] = []
    for row in rows:
        found: dict[str, Any] = dict(row)  # to copy a row and take three away is quicker than to look up the others
        found.pop("attributes", None)
        record_id, version = found.pop("Id", None), found.pop(_VERSION, None)
        if tuple(found) != fields or record_id is None:
            return None
        made.append(WrittenRecord(str(record_id), found, version))
    is_plain = _VALUES.issuperset(map(type, chain.from_iterable([one.fields.values() for one in made])))
    return made if is_plain else None


@lru_cache(maxsize=1024)
def _reader(fields: tuple[str, ...]) -> Callable[[Row], dict[str, FieldValue]]:
    """What reads these fields of a row: those of its own at once, as long as they are plain values."""
    own = tuple(f for f in fields if "." not in f)
    of_parents = tuple((f, *f.split(".")) for f in fields if f.count(".") == 1)
    further = tuple(f for f in fields if f.count(".") > 1)

    def read(row: Row) -> dict[str, FieldValue]:
        found: dict[str, Any] = {f: row.get(f) for f in own}
        if not _VALUES.issuperset(map(type, found.values())):
            found = {f: field_value(row, f) for f in own}
        for path, parent, name in of_parents:
            value = row.get(path)
            if value is None:
                at = row.get(parent)
                value = cast(Row, at).get(name) if type(at) is dict else None
            found[path] = value if type(value) in _VALUES else field_value(row, path)
        for path in further:
            found[path] = field_value(row, path)
        return found

    return read


def related_rows(row: Row, relationship: str) -> Sequence[Row]:
    """The rows of a related list that came along."""
    children = row.get(relationship)
    return cast(Sequence[Row], children["records"]) if isinstance(children, Mapping) else ()
