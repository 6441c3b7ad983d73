"""What an org is made of: its schema, and who may do what, besides the three profiles that every org has."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from localorg.schema.sobjects import Schema
from localorg.schema.standard import STANDARD


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a profile or permission set says: by object the letters of create, read, update, delete; by `Object.Field`
    of read, update.
    """

    name: str
    label: str
    objects: Mapping[str, frozenset[str]]
    fields: Mapping[str, frozenset[str]]


@dataclass(slots=True)
class Metadata:
    """The schema of an org, who may do what, and what of the files was left out, a line each."""

    schema: Schema = STANDARD
    permission_sets: tuple[Permissions, ...] = ()
    profiles: tuple[Permissions, ...] = ()
    left_out: list[str] = field(default_factory=list[str])

    @property
    def by_permission(self) -> bool:
        """Whether what is custom is hidden until somebody grants it."""
        return bool(self.permission_sets or self.profiles)
