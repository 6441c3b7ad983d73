"""Reading, creating, changing, and deleting records by Salesforce's rules."""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from localorg.clock import to_datetime
from localorg.data import addresses, currencies, events, files, owners, persons, record_types, stages
from localorg.data.access import person
from localorg.data.passwords import set_password
from localorg.data.sequence import next_id
from localorg.data.values import stored
from localorg.errors import ApiError, no_access, no_such_column
from localorg.org import Org
from localorg.schema.activities import ACCOUNT_OF
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import Change, Field, SObject
from localorg.schema.standard import STAGES
from localorg.schema.task_statuses import CLOSED
from localorg.settings import PASSWORD

_PROBABILITY = dict(STAGES)
_Values = Mapping[str, object]


def create(org: Org, sobject: SObject, values: Mapping[str, object], user_id: str) -> str:
    """Creates a record as this user and returns its 18-character id. `values` are by field name, as in REST.

    Raises ApiError for what Salesforce would refuse; then nothing is written.
    """
    if "id" in {k.lower() for k in values}:
        raise ApiError(400, "INVALID_FIELD", "cannot specify Id in an insert call", ["Id"])
    if not sobject.createable:
        raise no_access()
    row = checked(org, sobject, values)
    persons.begin(org, sobject, row)
    addresses.follow(sobject, row, None)
    record_types.begin(sobject, row)
    missing = [f.name for f in sobject.fields if f.required and row.get(f.name) in (None, "")]
    if missing:
        raise ApiError(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
    with org.write() as db:
        identifier, number = next_id(db, sobject.prefix)
        full = {f.name: row.get(f.name, f.default) for f in org.objects[sobject.name].fields if f.stored}
        stamp = org.clock.stamp()
        full |= {"Id": identifier, "CreatedDate": stamp, "LastModifiedDate": stamp, "SystemModstamp": stamp}
        full |= {"CreatedById": user_id, "LastModifiedById": user_id, "IsDeleted": 0}
        if sobject.field("OwnerId") and full["OwnerId"] is None:
            full["OwnerId"] = user_id
        currencies.complete(org, sobject, full, user_id)
        if sobject.field("CaseNumber"):
            full["CaseNumber"] = f"{number + 1000:08d}"
        for f in sobject.fields:
            if f.computed_default is not None and f.name not in row:
                full[f.name] = stored(org, f, _computed(f, org, full, user_id))
            if f.number_format:
                full[f.name] = _auto_number(f.number_format, number, stamp)
        if sobject.name == "Event":
            full |= events.times(row, {})
        elif sobject.name == "ContentVersion":
            files.complete(org, full)
        _of_account(db, sobject, full)
        derive(sobject, full)
        _check_rules(org, sobject, full, None, user_id)
        names = ", ".join(f'"{n}"' for n in full)
        db.execute(
            f'INSERT INTO "{sobject.name}" ({names}) VALUES ({", ".join("?" * len(full))})', tuple(full.values())
        )
        if sobject.name == "User":
            set_password(db, identifier, PASSWORD)
        elif sobject.name == currencies.TYPES:
            currencies.note_changed(org)
        elif sobject.name == "Account":
            persons.add_contact(org, full, user_id, create)
    return identifier


def update(org: Org, sobject: SObject, identifier: str, values: Mapping[str, object], user_id: str) -> None:
    """Changes the given fields of a record as this user.

    Raises ApiError for what Salesforce would refuse, 404 when there is no such record; then nothing is written.
    """
    if not sobject.updateable:
        raise no_access()
    row = checked(org, sobject, values, to_18(identifier) if is_id(identifier) else None)
    currencies.check_change(row)
    emptied = [f.name for f in sobject.fields if f.required and f.name in row and row[f.name] in (None, "")]
    if emptied:
        raise ApiError(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(emptied)}]", emptied)
    if sobject.name == "ContentVersion" and not files.CREATED_WITH.isdisjoint(row):
        raise _not_settable(sorted(files.CREATED_WITH & row.keys()))
    with org.write() as db:
        current = read(org, sobject, identifier)
        org.limits.check_lock(str(current["Id"]))
        owners.check_transfer(org, sobject, current, row, user_id)
        persons.change(org, sobject, row, current)
        addresses.follow(sobject, row, current)
        full = {**current, **row}
        record_types.check_values(sobject, row, full.get(record_types.FIELD))
        if sobject.name == "Event":
            full |= events.times(row, current)
        # Clients compare these times to notice a change, so each one must be later than the last.
        stamp = max(org.clock.stamp(), _just_after(str(current["SystemModstamp"])))
        full |= {"LastModifiedDate": stamp, "SystemModstamp": stamp, "LastModifiedById": user_id}
        full |= stages.changed(sobject, current, full, stamp)
        _of_account(db, sobject, full)
        derive(sobject, full)
        _check_rules(org, sobject, full, current, user_id)
        sets = ", ".join(f'"{n}" = ?' for n in full if n != "Id")
        db.execute(
            f'UPDATE "{sobject.name}" SET {sets} WHERE Id = ?', (*(v for n, v in full.items() if n != "Id"), full["Id"])
        )
        persons.change_twin(org, sobject, full)
        if sobject.name == "ContentVersion":
            files.describe_document(org, full)
        elif sobject.name == currencies.TYPES:
            currencies.note_changed(org)


def delete(org: Org, sobject: SObject, identifier: str, user_id: str) -> None:
    """Moves a record to the recycle bin, as this user. Raises ApiError 404 when there is no such record."""
    if not sobject.deletable:
        raise no_access()
    with org.write() as db:
        row = read(org, sobject, identifier)
        org.limits.check_lock(str(row["Id"]))
        _bin(org, db, org.objects[sobject.name], [str(row["Id"])], user_id)
        twin = persons.twin_of(org, sobject, row)
        if twin is not None:
            _bin(org, db, twin[0], [twin[1]], user_id)


def _bin(org: Org, db: sqlite3.Connection, sobject: SObject, ids: Sequence[str], user_id: str) -> None:
    """Moves records to the recycle bin together with their details (of master-detail fields)."""
    stamp = org.clock.stamp()
    db.executemany(
        f'UPDATE "{sobject.name}" SET IsDeleted = 1, LastModifiedDate = ?, SystemModstamp = ?, LastModifiedById = ?'
        " WHERE Id = ?",
        [(stamp, stamp, user_id, identifier) for identifier in ids],
    )
    for relation in sobject.children:
        child = org.objects[relation.child]
        f = child.field(relation.field)
        if f is not None and f.cascade:
            text = f'SELECT Id FROM "{child.name}" WHERE "{f.name}" = ? AND IsDeleted = 0'
            below = [str(r[0]) for identifier in ids for r in db.execute(text, (identifier,)).fetchall()]
            if below:
                _bin(org, db, child, below, user_id)


def read(org: Org, sobject: SObject, identifier: str) -> dict[str, object]:
    """All columns of a record as stored, by field name.

    Raises ApiError 404 when there is no such record (NOT_FOUND) or it is deleted (ENTITY_IS_DELETED).
    """
    missing = ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    if not is_id(identifier) or org.objects.of_id(identifier) is not org.objects[sobject.name]:
        raise missing
    stored_row = org.db.execute(f'SELECT * FROM "{sobject.name}" WHERE Id = ?', (to_18(identifier),)).fetchone()
    if stored_row is None:
        raise missing
    row = {str(k): cast(object, stored_row[k]) for k in stored_row.keys()}
    if row["IsDeleted"]:
        raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
    return row


def _of_account(db: sqlite3.Connection, sobject: SObject, row: dict[str, object]) -> None:
    """Sets the account to which a task or an event belongs, in place."""
    if sobject.name in ("Task", "Event"):
        row["AccountId"] = db.execute(ACCOUNT_OF, (row.get("WhatId"), row.get("WhoId"))).fetchone()[0]


def derive(sobject: SObject, row: dict[str, object]) -> None:
    """Sets the calculated fields of a row (such as Name, IsClosed, ExpectedRevenue) from its other fields, in place."""
    if persons.is_named_by_parts(sobject, row):
        parts = [str(row[n]) for n in ("FirstName", "LastName") if row.get(n)]
        row["Name"] = " ".join(parts)
    if sobject.field("Jigsaw"):
        row[f"Jigsaw{'Company' if sobject.name == 'Account' else 'Contact'}Id"] = row.get("Jigsaw")
    if sobject.name == "Opportunity":
        stage = str(row["StageName"])
        if row.get("Probability") is None:
            row["Probability"] = _PROBABILITY.get(stage, 0)
        row["IsClosed"], row["IsWon"] = int(stages.is_closed(stage)), int(stages.is_won(stage))
        chance = cast(float, row["Probability"])
        row["ForecastCategoryName"] = stages.forecast(stage, chance)
        row["ExpectedRevenue"] = None if row.get("Amount") is None else cast(float, row["Amount"]) * chance / 100
        closes = date.fromisoformat(str(row["CloseDate"]))
        row["FiscalYear"], row["FiscalQuarter"] = float(closes.year), float((closes.month + 2) // 3)
    elif sobject.name == "Case":
        row["IsClosed"] = int(row.get("Status") == "Closed")
    elif sobject.name == "Task":
        row["IsClosed"] = int(row.get("Status") in CLOSED)
        row["IsHighPriority"] = int(row.get("Priority") == "High")


def _auto_number(written: str, number: int, stamp: str) -> str:
    """The auto number for a format such as `INV-{YYYY}-{0000}`.

    Source: Salesforce Help, "Custom Field Attributes", Display Format.
    """
    year, month, day = stamp[:4], stamp[5:7], stamp[8:10]
    for mark, value in (("{YYYY}", year), ("{YY}", year[2:]), ("{MM}", month), ("{DD}", day)):
        written = written.replace(mark, value)
    return re.sub(r"\{(0+)\}", lambda match: f"{number:0{len(match[1])}d}", written)


def _now_of(org: Org, user_id: str) -> datetime:
    """Now in the user's time zone, whose day TODAY() is (Salesforce Help, "Using Date, Date/Time, and Time Values")."""
    try:
        zone = ZoneInfo(person(org, user_id).zone)
    except (KeyError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    return datetime.fromtimestamp(org.clock.now(), zone)


def _computed(f: Field, org: Org, row: Mapping[str, object], user_id: str) -> object:
    """The value of a field's default formula for a new record. Raises ApiError 400 when it cannot be computed."""
    assert f.computed_default is not None
    try:
        value = f.computed_default(Change(row, None, _now_of(org, user_id)))
    except ValueError as wrong:
        raise ApiError(
            400, "INVALID_OPERATION", f"The default of {f.name} could not be computed: {wrong}", [f.name]
        ) from None
    return value.isoformat() if isinstance(value, date) else value


def _check_rules(
    org: Org, sobject: SObject, row: Mapping[str, object], before: Mapping[str, object] | None, user_id: str
) -> None:
    """Raises ApiError with the rule's message when a validation rule refuses the row. `before` is None for a new
    record.
    """
    if not sobject.rules:
        return
    change = Change(row, before, _now_of(org, user_id))
    for rule in sobject.rules:
        try:
            broken = rule.refuses(change)
        except ValueError as wrong:
            raise ApiError(
                400, "INVALID_OPERATION", f"The validation rule {rule.name} could not be computed: {wrong}", []
            ) from None
        if broken:
            raise ApiError(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, [rule.field] if rule.field else [])


def checked(
    org: Org, sobject: SObject, values: Mapping[str, object], identifier: str | None = None
) -> dict[str, object]:
    """The values as they are stored, by field name. `identifier` is the record that they are for, None for a new one.

    Raises ApiError when Salesforce would refuse one: an unknown or read-only field, a wrong type, a duplicate.
    """
    row: dict[str, object] = {}
    refused: list[str] = []
    for name, value in values.items():
        if name == "attributes":
            continue
        f = sobject.field(name)
        given = value
        reference = sobject.parent(name) if f is None and (value is None or isinstance(value, dict)) else None
        if reference is not None:
            f, given = reference, None if value is None else _named_parent(org, reference, name, cast(_Values, value))
        if f is None:
            raise no_such_column(name, sobject.name)
        if not f.writable:
            refused.append(f.name)
        else:
            row[f.name] = (
                record_types.stored_type(org, sobject, given, identifier)
                if f.name == record_types.FIELD
                else stored(org, f, given)
            )
            if f.name == "OwnerId":
                owners.check(org, sobject, str(row[f.name] or ""), identifier)
    for f in sobject.fields:
        if f.unique and row.get(f.name) is not None:
            _check_unique(org, sobject, f, row[f.name], identifier)
    if refused:
        raise _not_settable(refused)
    return row


def _named_parent(org: Org, reference: Field, name: str, given: _Values) -> str:
    """The id of the parent that a body names by an external id, as in `"Account": {"External_Id__c": "U1"}`.

    Raises ApiError 400 INVALID_FIELD. Source: REST API Developer Guide, Insert or Update a Record Using an External ID,
    "Upserting Records and Associating with an External ID".
    """
    attributes = given.get("attributes")
    kind = str(cast(_Values, attributes).get("type") or "") if isinstance(attributes, dict) else ""
    names = [n for n in given if n != "attributes"]
    target = kind if kind in reference.targets else reference.targets[0]
    parent = org.objects[target]
    if len(names) != 1 or (kind and kind != target) or (not kind and len(reference.targets) > 1):
        said = f"Exactly 1 field, and a type when it is polymorphic, is needed in the external foreign key {name}"
        raise ApiError(400, "INVALID_FIELD", said, [])
    external = parent.field(names[0])
    if external is None or not external.is_key:
        said = f"Field name provided, {names[0][:80]} does not match an External ID for {parent.name}"
        raise ApiError(400, "INVALID_FIELD", said, [])
    return find_parent(org, parent, external, str(given[names[0]]))


def find_parent(org: Org, parent: SObject, external: Field, value: str) -> str:
    """The id of the parent with this external id. Raises ApiError 400 INVALID_FIELD when there is none."""
    ids = [value] if external.type == "id" else find_by_external_id(org, parent, external, value)
    if not ids:
        said = f"Foreign key external ID: {value} not found for field {external.name} in entity {parent.name}"
        raise ApiError(400, "INVALID_FIELD", said, [])
    return ids[0]


def _not_settable(names: Sequence[str]) -> ApiError:
    return ApiError(
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this field "
        "and verify that it is read/write for your profile or permission set.",
        names,
    )


def _check_unique(org: Org, sobject: SObject, f: Field, value: object, identifier: str | None) -> None:
    other = org.db.execute(
        f'SELECT Id FROM "{sobject.name}" WHERE "{f.name}" = ? AND IsDeleted = 0', (value,)
    ).fetchone()
    if other is not None and other["Id"] != identifier:
        message = f"duplicate value found: {f.name} duplicates value on record with id: {str(other['Id'])[:15]}"
        raise ApiError(400, "DUPLICATE_VALUE", message)


def mark_seen(org: Org, ids: Iterable[str], user_id: str, *, viewed: bool) -> None:
    """Notes now as the time at which a user viewed records; with `viewed` false, only as the time of a reference to
    them.

    Source: SOQL and SOSL Reference, FOR VIEW and FOR REFERENCE.
    """
    now = org.clock.stamp()
    change = (
        "UPDATE SET ViewedDate = excluded.ViewedDate, ReferencedDate = excluded.ReferencedDate"
        if viewed
        else ("UPDATE SET ReferencedDate = excluded.ReferencedDate")
    )
    with org.write() as db:
        db.executemany(
            f"INSERT INTO viewed VALUES (?, ?, ?, ?) ON CONFLICT (UserId, RecordId) DO {change}",
            [(user_id, identifier, now if viewed else None, now) for identifier in ids],
        )


def seen(org: Org, row: Mapping[str, object], fields: Iterable[Field], user_id: str) -> dict[str, object]:
    """The values of those `fields` that depend on the user, such as LastViewedDate, by field name."""
    wanted = {f.name: f.seen_by for f in fields if f.seen_by is not None}
    if not wanted:
        return {}
    times = org.db.execute("SELECT * FROM viewed WHERE UserId = ? AND RecordId = ?", (user_id, row["Id"])).fetchone()
    return {name: None if times is None else times[column] for name, column in wanted.items()}


def find_by_external_id(org: Org, sobject: SObject, f: Field, value: str) -> list[str]:
    """The ids of the records (outside the recycle bin) with this value in an external id field."""
    rows = org.db.execute(
        f'SELECT Id FROM "{sobject.name}" WHERE "{f.name}" = ? AND IsDeleted = 0', (value,)
    ).fetchall()
    return [str(r["Id"]) for r in rows]


def _just_after(stamp: str) -> str:
    moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    return to_datetime(moment + 0.0015)
