"""Record types: which a user may give a record, and which values the picklists of such a record hold.

Source: Object Reference, RecordType; Salesforce Help, "Considerations for Creating and Updating Record Types and
Picklists". That the API refuses a value outside the record's type for restricted picklists only is what reports of real
orgs say; it does not look at dependencies at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.ids import is_id, to_18
from localorg.schema.metadata import Permissions
from localorg.schema.sobjects import RecordType, SObject

FIELD = "RecordTypeId"
MASTER_RECORD_TYPE = "012000000000000AAA"


def record_types_of(
    one: SObject, profile: str, own: Sequence[Permissions], grants: Sequence[Permissions]
) -> tuple[RecordType, ...]:
    """The record types of an object as users of a profile have them: those that its metadata file names, or else those
    that are not hidden from it, and those of the permission sets (`grants`).
    """
    names = {t.name: f"{one.name}.{t.name}" for t in one.record_types}
    named = {full: default for permissions in own for full, default in permissions.record_types.items()}
    listed = not named.keys().isdisjoint(names.values())
    granted = {full for permissions in grants for full in permissions.record_types}
    seen = [
        replace(
            t,
            available=t.active
            and (names[t.name] in granted or (names[t.name] in named if listed else profile not in t.hidden_from)),
            default=named.get(names[t.name], False) if listed else profile in t.default_of,
        )
        for t in one.record_types
    ]
    if not any(t.default and t.available for t in seen):
        first = next((n for n, t in enumerate(seen) if t.available), None)
        return tuple(replace(t, default=n == first) for n, t in enumerate(seen))
    return tuple(seen)


def type_of(sobject: SObject, identifier: object) -> RecordType | None:
    """The record type with this id (of 15 or 18 characters); None for the master record type and for none."""
    ids = {sobject.record_type_id(n)[:15]: t for n, t in enumerate(sobject.record_types)}
    return ids.get(str(identifier or "")[:15])


def default_id(sobject: SObject) -> str | None:
    """The id of the record type that a new record of this user gets; None without one."""
    types = sobject.record_types
    chosen = next((n for n, t in enumerate(types) if t.default), None)
    first = next((n for n, t in enumerate(types) if t.available and t.active), None)
    number = first if chosen is None else chosen
    return None if number is None else sobject.record_type_id(number)


def stored_type(org: Org, sobject: SObject, value: object, identifier: str | None) -> str | None:
    """The record type of a record as it is stored, None for the master record type. `identifier` is the record that it
    is for, None for a new one; a record keeps a type that the user may not give it.

    Raises ApiError 400: MALFORMED_ID for what is no id, INVALID_CROSS_REFERENCE_KEY for a type that the user may not
    use.
    """
    if value is None or value == "":
        return None
    if not is_id(str(value)):
        raise ApiError(400, "MALFORMED_ID", f"Record Type ID: id value of incorrect type: {str(value)[:40]}", [FIELD])
    wanted = to_18(str(value))
    if identifier is not None:
        row = org.db.execute(f'SELECT "{FIELD}" FROM "{sobject.name}" WHERE Id = ?', (identifier,)).fetchone()
        if row is not None and row[0] == wanted:
            return wanted
    record_type = type_of(sobject, wanted)
    if record_type is not None and record_type.available and record_type.active:
        return wanted
    if wanted == MASTER_RECORD_TYPE and not any(t.available for t in sobject.record_types):
        return None
    said = f"Record Type ID: this ID value isn't valid for the user: {wanted}"
    raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", said, [FIELD])


def begin(sobject: SObject, row: dict[str, object]) -> None:
    """Gives a new row the user's default record type where it has none, and the type's defaults of picklists that have
    a default in the org. Raises ApiError as `check_values` does.
    """
    if not sobject.record_types or sobject.field(FIELD) is None:
        return
    if row.get(FIELD) is None:
        row[FIELD] = default_id(sobject)
    record_type = type_of(sobject, row[FIELD])
    if record_type is None:
        return
    for f in sobject.fields:
        if f.name in record_type.defaults and f.default is not None:
            row.setdefault(f.name, record_type.defaults[f.name])
    check_values(sobject, row, row[FIELD])


def check_values(sobject: SObject, row: Mapping[str, object], identifier: object) -> None:
    """Raises ApiError 400 INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST for a value in `row` that the record type with this
    id does not have, of a restricted picklist.
    """
    record_type = type_of(sobject, identifier)
    if record_type is None:
        return
    for f in sobject.fields:
        value = row.get(f.name)
        if not f.restricted or value is None:
            continue
        parts = str(value).split(";") if f.type == "multipicklist" else [str(value)]
        if any(part not in record_type.values_of(f) for part in parts):
            raise ApiError(
                400,
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{f.label}: bad value for restricted picklist field: {str(value)[:100]}",
                [f.name],
            )


def typed(sobject: SObject, row: Mapping[str, object], number: int) -> dict[str, object]:
    """For the demo data: the record type of the `number`-th record, and in place of values that it does not have those
    that it has.
    """
    chosen = number % len(sobject.record_types) if any(t.picklists for t in sobject.record_types) else 0
    record_type = sobject.record_types[chosen]
    values: dict[str, object] = {FIELD: sobject.record_type_id(chosen)}
    for f in sobject.fields:
        value, fitting = row.get(f.name), record_type.values_of(f) if f.type == "picklist" else ()
        if value is not None and fitting and str(value) not in fitting:
            values[f.name] = record_type.defaults.get(f.name, fitting[0])
    return values
