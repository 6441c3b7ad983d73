"""Who may see and change what: each profile has a schema of its own, from which the rest of the org works.

What a profile may not see is not there for it: describe leaves it out, queries and records refuse it as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from localorg.data.schema import Schema, SObject
from localorg.org import Org


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: the id, time zone and locale of a user."""

    user_id: str
    zone: str = "UTC"
    locale: str = "en_US"


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


def _seen_by(profile: _Profile, everything: Schema) -> Schema:
    objects: list[SObject] = []
    for one in everything:
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


def schema_for(org: Org, user_id: str) -> Schema:
    """What a user may see and change, by their profile."""
    row = org.db.execute("SELECT p.Name FROM User u JOIN Profile p ON p.Id = u.ProfileId WHERE u.Id = ?", (user_id,)).fetchone()
    profile = str(row["Name"])
    if profile not in org.schemas:
        org.schemas[profile] = _seen_by(_PROFILES[profile], org.objects)
    return org.schemas[profile]


def person(org: Org, user_id: str) -> Person:
    """Who a user is, for queries."""
    row = org.db.execute("SELECT TimeZoneSidKey, LocaleSidKey FROM User WHERE Id = ?", (user_id,)).fetchone()
    return Person(user_id, str(row[0] or "UTC"), str(row[1] or "en_US"))
