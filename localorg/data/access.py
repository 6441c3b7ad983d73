"""Who may see and change what: each profile has a schema of its own, from which the rest of the org works.

What a profile may not see is not there for it: describe leaves it out, queries and records refuse it as unknown.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from localorg.data.schema import SCHEMA, SObject
from localorg.org import Org


class Schema:
    """The objects that someone can see, as that person may use them."""

    def __init__(self, objects: Iterable[SObject]) -> None:
        self._objects = {o.name.lower(): o for o in objects}

    def sobject(self, name: str) -> SObject | None:
        """The object of that API name, in any case; None when there is none for this person."""
        return self._objects.get(name.lower())

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._objects.values())


@dataclass(frozen=True, slots=True)
class _Profile:
    """What a profile takes away; `reads_only` leaves nothing to change."""

    reads_only: bool = False
    hidden_objects: frozenset[str] = frozenset()
    hidden_fields: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    read_only_fields: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    read_only_objects: frozenset[str] = frozenset()


_PROFILES: dict[str, _Profile] = {
    "System Administrator": _Profile(),
    "Standard User": _Profile(
        hidden_fields={"Contact": frozenset({"Birthdate"})},
        read_only_fields={"Account": frozenset({"AccountNumber"})},
        read_only_objects=frozenset({"User"}),
    ),
    "Read Only": _Profile(
        reads_only=True,
        hidden_objects=frozenset({"Lead"}),
        hidden_fields={
            "Account": frozenset({"AnnualRevenue"}),
            "Contact": frozenset({"Birthdate"}),
            "Opportunity": frozenset({"Amount", "Probability"}),
        },
    ),
}


def _schema(profile: _Profile) -> Schema:
    objects: list[SObject] = []
    for one in SCHEMA.values():
        if one.name in profile.hidden_objects:
            continue
        hidden = profile.hidden_fields.get(one.name, frozenset())
        fixed = profile.read_only_fields.get(one.name, frozenset())
        fields = tuple(replace(f, read_only=f.name in fixed) for f in one.fields if f.name not in hidden)
        children = tuple(c for c in one.children if c.child not in profile.hidden_objects)
        if profile.reads_only or one.name in profile.read_only_objects:
            one = replace(one, createable=False, updateable=False, deletable=False)
        objects.append(replace(one, fields=fields, children=children))
    return Schema(objects)


_SCHEMAS = {name: _schema(profile) for name, profile in _PROFILES.items()}


def schema_for(org: Org, user_id: str) -> Schema:
    """The schema of a user's profile."""
    row = org.db.execute("SELECT p.Name FROM User u JOIN Profile p ON p.Id = u.ProfileId WHERE u.Id = ?", (user_id,)).fetchone()
    return _SCHEMAS[str(row["Name"])]
