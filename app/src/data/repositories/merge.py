"""Three versions of a record become one: what I saw, what I changed, and what others have saved meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from contract.calls import LAST_CHANGED_BY, FieldShape, FieldValue, Record
from contract.codec import DecodeError, decode
from contract.errors import ChangedMeanwhile

MERGES = 5  # others may save again while a merge is on its way


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both have changed, to different values."""

    field: str
    mine: FieldValue
    theirs: FieldValue


@dataclass(frozen=True, slots=True)
class Merged:
    """What comes of a merge: `changes` are still to be saved over their version; `taken` are the fields that only they
    have changed."""

    changes: dict[str, FieldValue]
    conflicts: tuple[Conflict, ...]
    taken: tuple[str, ...]


def with_what_belongs(
    fields: Mapping[str, FieldShape],
    seen: Mapping[str, FieldValue],
    changes: Mapping[str, FieldValue],
    theirs: Mapping[str, FieldValue],
) -> dict[str, FieldValue]:
    """My changes; where I have changed one of two fields that mean something only together (an amount and its currency,
    a dependent picklist and what controls it, such as a state and its country) and somebody else the other one, with
    what I saw of that one too, so that one of us decides over both."""
    together = dict(changes)
    for field in fields.values():
        for other_name in filter(None, (field.currency_field, field.controller)):
            pair = (field.name, other_name)
            for mine, other in (pair, pair[::-1]):
                if mine in changes and other not in changes and theirs.get(other) != seen.get(other):
                    together[other] = seen.get(other)
    return together


def merge(
    seen: Mapping[str, FieldValue], changes: Mapping[str, FieldValue], theirs: Mapping[str, FieldValue]
) -> Merged:
    """Merges field by field: my `changes` to what I have `seen`, and `theirs`, the record as it is now. Fields that
    only one has changed go together, equal values too; the same field with two values is a conflict."""
    conflicts = tuple(
        Conflict(name, mine, theirs.get(name))
        for name, mine in changes.items()
        if theirs.get(name) != seen.get(name) and theirs.get(name) != mine
    )
    in_conflict = {c.field for c in conflicts}
    still = {name: mine for name, mine in changes.items() if name not in in_conflict and theirs.get(name) != mine}
    taken = tuple(name for name in theirs if name not in changes and theirs[name] != seen.get(name))
    return Merged(still, conflicts, taken)


def who_changed(fields: Mapping[str, FieldValue]) -> str:
    """The name of whoever has saved a record with these fields last; "" when it is not told."""
    return str(fields.get(LAST_CHANGED_BY) or "")


def their_record(meanwhile: ChangedMeanwhile) -> Record | None:
    """The record as somebody else has saved it, from the error's details; None when the details have no record."""
    try:
        return decode(Record, {"id": "", **cast(dict[str, Any], meanwhile.details.get("theirs") or {})}, lenient=True)
    except (DecodeError, TypeError):
        return None


def with_own_as_seen(
    seen: Mapping[str, FieldValue],
    changes: Mapping[str, FieldValue],
    tried: Mapping[str, tuple[FieldValue, ...]],
    theirs: Mapping[str, FieldValue],
) -> tuple[dict[str, FieldValue], dict[str, FieldValue]]:
    """What I saw and what they have, once my own earlier writes are taken for mine: values that I have `tried` to save
    and that are there count as seen, and a value that Salesforce writes otherwise than I did counts as what I wrote."""
    known = {n: theirs[n] for n, values in tried.items() if n in theirs and any(same(theirs[n], v) for v in values)}
    mine = {n: v for n, v in changes.items() if n in theirs and same(theirs[n], v)}
    return {**seen, **known}, {**theirs, **mine}


def same(one: FieldValue, other: FieldValue) -> bool:
    """Whether two values are one to Salesforce, which trims texts, keeps "" as nothing, and writes times in its own
    way."""
    if one == other or (one in (None, "") and other in (None, "")):
        return True
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    if one.strip() == other.strip():
        return True
    times = _time(one), _time(other)
    return None not in times and times[0] == times[1]


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if "T" in text else None
    except ValueError:
        return None
