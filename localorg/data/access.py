"""Who may see and change what.

Each combination of profile and permission sets has its own Schema, which all other modules work with. Objects and
fields that a user may not see are not in it, so describe leaves them out and queries refuse them as if they did not
exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from localorg.data import currencies
from localorg.data.record_types import record_types_of
from localorg.org import Org
from localorg.schema.metadata import Metadata, Permissions
from localorg.schema.sobjects import Field, Schema, SObject
from localorg.schema.translations import translated


@dataclass(frozen=True, slots=True)
class Person:
    """A user as queries need one: id, time zone (IANA name), and locale (such as `en_US`)."""

    user_id: str
    zone: str = "UTC"
    locale: str = "en_US"


@dataclass(frozen=True, slots=True)
class _Profile:
    """What a profile may not do. `reads_only`: it may change nothing. `api_enabled`: its users may use the APIs,
    `converts`: they have Convert Leads."""

    reads_only: bool = False
    api_enabled: bool = True
    converts: bool = True
    hidden_objects: frozenset[str] = frozenset()
    hidden_fields: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    read_only_fields: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    read_only_objects: frozenset[str] = frozenset()


ADMINISTRATOR = "System Administrator"
_STANDARD = _Profile(
    hidden_fields={"Contact": frozenset({"Birthdate"})},
    read_only_fields={"Account": frozenset({"AccountNumber"})},
    read_only_objects=frozenset({"User", "PermissionSetAssignment", "Group", "GroupMember", "QueueSobject"})
    | {currencies.TYPES},
)
_PROFILES: dict[str, _Profile] = {
    ADMINISTRATOR: _Profile(),
    "Standard User": _STANDARD,
    "Sales Without API": replace(_STANDARD, api_enabled=False),
    "Service Agent": replace(_STANDARD, converts=False, hidden_objects=frozenset({"Opportunity"})),
    "Read Only": _Profile(
        reads_only=True,
        converts=False,
        hidden_objects=frozenset({"Lead"}),
        hidden_fields={
            "Account": frozenset({"AnnualRevenue"}),
            "Contact": frozenset({"Birthdate"}),
            "Opportunity": frozenset({"Amount", "Probability"}),
        },
    ),
}


# The names of profiles in metadata files, and in an org.
_PROFILE_FILES = {"Admin": "System Administrator", "Standard": "Standard User", "ReadOnly": "Read Only"}


def profile_name(file: str) -> str:
    """The name in the org of the profile that a metadata file describes: `Admin` is `System Administrator`."""
    return _PROFILE_FILES.get(file, file)


def _seen_by(metadata: Metadata, profile: str, sets: frozenset[str]) -> Schema:
    """The schema of users with this profile and these permission sets."""
    base = _PROFILES.get(profile, _PROFILES["Standard User"])
    own = [p for p in metadata.profiles if profile_name(p.name) == profile]
    grants = [p for p in metadata.permission_sets if p.name in sets]
    by_permission = metadata.by_permission and profile != ADMINISTRATOR
    objects: list[SObject] = []
    hidden: set[str] = set()
    for one in metadata.schema:
        letters = _of_object(one, base, own, grants, by_permission=by_permission)
        if "r" not in letters:
            hidden.add(one.name)
            continue
        fields: list[Field] = []
        for f in one.fields:
            is_ours = _is_ours(metadata, one, f)
            may = _of_field(one, f, base, own, grants, by_permission=by_permission, is_ours=is_ours)
            if "r" in may:
                fields.append(f if "u" in may else replace(f, read_only=True))
        creatable, changeable, deletable = (
            has and letter in letters
            for has, letter in ((one.createable, "c"), (one.updateable, "u"), (one.deletable, "d"))
        )
        types = record_types_of(one, profile, own, grants)
        objects.append(
            replace(
                one,
                fields=tuple(fields),
                createable=creatable,
                updateable=changeable,
                deletable=deletable,
                record_types=types,
            )
        )
    return Schema(replace(o, children=tuple(c for c in o.children if c.child not in hidden)) for o in objects)


def _of_object(
    one: SObject, base: _Profile, own: list[Permissions], grants: list[Permissions], *, by_permission: bool
) -> frozenset[str]:
    """The letters (of `crud`) for what may be done with an object."""
    letters = frozenset("crud")
    if one.name in base.hidden_objects or (one.custom and by_permission):
        letters = frozenset[str]()
    elif base.reads_only or one.name in base.read_only_objects:
        letters = frozenset("r")
    for permissions in own:
        letters = permissions.objects.get(one.name, letters)
    return letters.union(*(permissions.objects.get(one.name, ()) for permissions in grants))


def _of_field(
    one: SObject,
    f: Field,
    base: _Profile,
    own: list[Permissions],
    grants: list[Permissions],
    *,
    by_permission: bool,
    is_ours: bool,
) -> frozenset[str]:
    """The letters for what may be done with a field: `r` read, `u` change. `is_ours`: it comes with the org."""
    granted_apart = f.custom or (f.within is not None and f.within.endswith("__c"))
    letters = frozenset("ru")
    if f.name in base.hidden_fields.get(one.name, ()) or (
        by_permission and granted_apart and not f.required and not is_ours
    ):
        letters = frozenset[str]()
    elif f.name in base.read_only_fields.get(one.name, ()):
        letters = frozenset("r")
    full = f"{one.name}.{f.within if granted_apart and f.within else f.name}"
    for permissions in own:
        letters = permissions.fields.get(full, letters)
    return letters.union(*(permissions.fields.get(full, ()) for permissions in grants))


def _is_ours(metadata: Metadata, one: SObject, f: Field) -> bool:
    """Whether a custom field belongs to the standard schema of this org, and not to a user's metadata."""
    standard = metadata.standard.sobject(one.name)
    return standard is not None and standard.field(f.name) is not None


def profile_of(org: Org, user_id: str) -> str:
    """The name of a user's profile."""
    text = "SELECT p.Name FROM User u JOIN Profile p ON p.Id = u.ProfileId WHERE u.Id = ?"
    return str(org.db.execute(text, (user_id,)).fetchone()["Name"])


def has_api(org: Org, user_id: str) -> bool:
    """Whether a user's profile has the permission API Enabled."""
    return _PROFILES.get(profile_of(org, user_id), _STANDARD).api_enabled


def may_convert(org: Org, user_id: str) -> bool:
    """Whether a user's profile has the permission Convert Leads."""
    return _PROFILES.get(profile_of(org, user_id), _STANDARD).converts


def schema_for(org: Org, user_id: str) -> Schema:
    """The objects and fields that a user may see, with what they may do with them. Users with the same rights share
    one.
    """
    profile = profile_of(org, user_id)
    language = str(org.db.execute("SELECT LanguageLocaleKey FROM User WHERE Id = ?", (user_id,)).fetchone()[0] or "")
    sets = frozenset[str]()
    if org.metadata.permission_sets:
        assigned = "SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = ? AND IsDeleted = 0"
        rows = org.db.execute(f"SELECT Name FROM PermissionSet WHERE Id IN ({assigned})", (user_id,))
        sets = frozenset(str(r[0]) for r in rows)
    currency = currencies.of_user(org, user_id).code if currencies.several(org) else ""
    key = "\n".join([profile, currency, language, *sorted(sets)])
    if key not in org.schemas:
        seen = _seen_by(org.metadata, profile, sets)
        org.schemas[key] = translated(currencies.of_person(seen, currency) if currency else seen, language)
    return org.schemas[key]


def shape_changed(org: Org, user_id: str) -> str:
    """The time (a Salesforce dateTime) at which the schema that this user sees changed last.

    It changes with the org's schema, with the user's record, and with the user's permission set assignments.
    """
    stamps = (
        "SELECT value FROM meta WHERE key = 'schema changed' UNION ALL SELECT CreatedDate FROM Organization UNION ALL"
        " SELECT SystemModstamp FROM User WHERE Id = ? UNION ALL SELECT SystemModstamp FROM PermissionSetAssignment"
        " WHERE AssigneeId = ?"
    )
    return max(str(r[0]) for r in org.db.execute(stamps, (user_id, user_id)))


def person(org: Org, user_id: str) -> Person:
    """The Person of a user id."""
    row = org.db.execute("SELECT TimeZoneSidKey, LocaleSidKey FROM User WHERE Id = ?", (user_id,)).fetchone()
    return Person(user_id, str(row[0] or "UTC"), str(row[1] or "en_US"))
