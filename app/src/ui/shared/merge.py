"""Three versions of a record become one: what I saw, what I changed, and what others have saved meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.calls import FieldValue


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
