"""The metadata of an org: its schema and the permissions from metadata files."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from localorg.schema.sobjects import Schema
from localorg.schema.standard import STANDARD


@dataclass(frozen=True, slots=True)
class Permissions:
    """The rights that a profile or permission set grants.

    `objects`: by object, the letters of `c` create, `r` read, `u` update, `d` delete. `fields`: by `Object.Field`, the
    letters of `r` read, `u` update. `record_types`: those that it makes available, by `Object.Type`, each with whether
    it is the default.
    """

    name: str
    label: str
    objects: Mapping[str, frozenset[str]]
    fields: Mapping[str, frozenset[str]]
    record_types: Mapping[str, bool] = field(default_factory=dict[str, bool])


@dataclass(slots=True)
class Metadata:
    """The schema of an org, `standard` being what it has without metadata files; the permissions from these files, and
    a line for each thing in them that was left out.
    """

    schema: Schema = STANDARD
    standard: Schema = STANDARD
    permission_sets: tuple[Permissions, ...] = ()
    profiles: tuple[Permissions, ...] = ()
    left_out: list[str] = field(default_factory=list[str])

    @property
    def by_permission(self) -> bool:
        """Whether custom objects and fields are hidden until a profile or permission set grants them."""
        return bool(self.permission_sets or self.profiles)
