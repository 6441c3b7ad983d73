"""Three versions of a record become one: what I saw, what I changed, and what others have saved meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.calls import FieldValue


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both changed, to different values."""

    field: str
    mine: FieldValue
    theirs: FieldValue


@dataclass(frozen=True, slots=True)
class Merged:
    """`changes` are what is still to be saved over their version; `taken` the fields in which theirs has moved on and
    mine has not.
    """

    changes: dict[str, FieldValue]
    conflicts: tuple[Conflict, ...]
    taken: tuple[str, ...]


def merge(
    seen: Mapping[str, FieldValue], changes: Mapping[str, FieldValue], theirs: Mapping[str, FieldValue]
) -> Merged:
    """Field by field: different fields go together, the same value is no conflict, the same field with two values is
    one.
    """
    conflicts = tuple(
        Conflict(name, mine, theirs.get(name))
        for name, mine in changes.items()
        if theirs.get(name) != seen.get(name) and theirs.get(name) != mine
    )
    in_conflict = {c.field for c in conflicts}
    still = {name: mine for name, mine in changes.items() if name not in in_conflict and theirs.get(name) != mine}
    taken = tuple(name for name in theirs if name not in changes and theirs[name] != seen.get(name))
    return Merged(still, conflicts, taken)
