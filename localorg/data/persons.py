"""Accounts that are people, in an org of the shape `person-accounts`: their names, and the contacts beside them.

Sources: SOAP API Developer Guide, "Person Account Record Types"; Salesforce Help article 000386207 ("bad field names"
for the Name of a person); texei/texei-sfdx-plugin#51 (for a field of people at a business account);
sfb2csolutionarchitects/b2c-crm-sync#14 (for AccountId of a person's contact); wdcigroup.net, "Insert Person Account
through API" (without a record type, a last name makes a person); UnofficialSF/LightningFlowComponents#1708 (files at
the contact of a person). A type of people cannot be changed to one of businesses here, nor the other way round, which
Salesforce allows alone under conditions. What is said of contacts and accounts below a person is not documented.
"""

from collections.abc import Callable, Iterable, Mapping

from localorg.data.record_types import FIELD, type_of
from localorg.data.values import out_value
from localorg.errors import ApiError
from localorg.org import Org
from localorg.schema.person_accounts import IS_PERSON, PERSON_CONTACT, of_people_only, twins
from localorg.schema.sobjects import SObject

_NOT_TO_PEOPLE = {
    ("ContentDocumentLink", "LinkedEntityId"): ("Contact", "cannot reference person contact"),
    ("ContentVersion", "FirstPublishLocationId"): ("Contact", "cannot reference person contact"),
    ("Contact", "AccountId"): ("Account", "a person account has no other contact"),
    ("Account", "ParentId"): ("Account", "a person account has no accounts below it"),
}
_Create = Callable[[Org, SObject, Mapping[str, object], str], str]
_STAMPS = ("LastModifiedDate", "SystemModstamp", "LastModifiedById")


def begin(org: Org, sobject: SObject, row: dict[str, object]) -> None:
    """Makes a new account that has a type of people, or no type and a last name, a person. Raises ApiError 400 for
    fields that such an account does not have.
    """
    _check_references(org, sobject, row)
    if not _has_people(org, sobject):
        return
    if row.get(FIELD) is None and row.get("LastName") and not row.get("Name"):
        people = (n for n, t in enumerate(sobject.record_types) if t.person and t.available)
        row[FIELD] = next((sobject.record_type_id(n) for n in people), None)
    record_type = type_of(sobject, row.get(FIELD))
    person = record_type is not None and record_type.person
    _check_names(sobject, row, person=person)
    if not person:
        return
    if not row.get("LastName"):
        raise _last_name_missing()
    row[IS_PERSON], row["Name"] = 1, str(row["LastName"])  # Name is made when all fields are there


def change(org: Org, sobject: SObject, row: Mapping[str, object], before: Mapping[str, object]) -> None:
    """Raises ApiError 400 for a change that a person's account or contact, or a business account, does not take."""
    if sobject.name == "Contact" and before.get(IS_PERSON) and "AccountId" in row:
        raise _bad_names(["AccountId"])
    _check_references(org, sobject, row)
    if not _has_people(org, sobject):
        return
    person = bool(before.get(IS_PERSON))
    record_type = type_of(sobject, row[FIELD]) if FIELD in row else None
    if record_type is not None and record_type.person is not person:
        said = "Cannot specify any additional fields when marrying or separating a Person-Account"
        raise ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", said, [])
    _check_names(sobject, row, person=person)
    if person and "LastName" in row and not row["LastName"]:
        raise _last_name_missing()


def is_named_by_parts(sobject: SObject, row: Mapping[str, object]) -> bool:
    """Whether the Name of a record is made of its first and last name."""
    return sobject.field("LastName") is not None and (sobject.name != "Account" or bool(row.get(IS_PERSON)))


def add_contact(org: Org, account: Mapping[str, object], user_id: str, create: _Create) -> None:
    """Makes the contact of a new account that is a person, by `create` of records.py."""
    if not account.get(IS_PERSON):
        return
    accounts, contacts = org.objects["Account"], org.objects["Contact"]
    given = {
        theirs: out_value(accounts.by_name[mine.lower()], account[mine])
        for mine, theirs in twins(accounts, contacts).items()
        if account.get(mine) is not None
    }
    contact = create(org, contacts, {**given, "OwnerId": account["OwnerId"]}, user_id)
    beside = f'UPDATE "Contact" SET "{IS_PERSON}" = 1, AccountId = ? WHERE Id = ?'
    org.db.execute(beside, (account["Id"], contact))
    org.db.execute(f'UPDATE "Account" SET "{PERSON_CONTACT}" = ? WHERE Id = ?', (contact, account["Id"]))


def change_twin(org: Org, sobject: SObject, row: Mapping[str, object]) -> None:
    """Gives the contact of a person's account, or the account of their contact, what both have in common; `row` is the
    record after the change.
    """
    if not row.get(IS_PERSON):
        return
    accounts, contacts = org.objects["Account"], org.objects["Contact"]
    pairs = twins(accounts, contacts) | {"Name": "Name", "OwnerId": "OwnerId"}
    if sobject.name == "Account":
        table, identifier = "Contact", row[PERSON_CONTACT]
    else:
        table, identifier, pairs = "Account", row["AccountId"], {theirs: mine for mine, theirs in pairs.items()}
    values = {theirs: row[mine] for mine, theirs in pairs.items()} | {name: row[name] for name in _STAMPS}
    sets = ", ".join(f'"{name}" = ?' for name in values)
    org.db.execute(f'UPDATE "{table}" SET {sets} WHERE Id = ?', (*values.values(), identifier))


def twin_of(org: Org, sobject: SObject, row: Mapping[str, object]) -> tuple[SObject, str] | None:
    """The contact of a person's account, or the account of their contact: its object and id; None for all others."""
    if not row.get(IS_PERSON):
        return None
    if sobject.name == "Account":
        return org.objects["Contact"], str(row[PERSON_CONTACT])
    return org.objects["Account"], str(row["AccountId"])


def _has_people(org: Org, sobject: SObject) -> bool:
    return sobject.name == "Account" and org.objects["Account"].field(IS_PERSON) is not None


def _check_references(org: Org, sobject: SObject, row: Mapping[str, object]) -> None:
    """Raises ApiError 400 where a record would point to a person in a way that Salesforce does not allow: files stand
    at the account and not at its contact, and a person has neither contacts nor accounts below them.
    """
    if org.objects["Account"].field(IS_PERSON) is None:
        return
    for (owner, name), (table, said) in _NOT_TO_PEOPLE.items():
        given = row.get(name) if owner == sobject.name else None
        if given is not None:
            pointed_to = f'SELECT 1 FROM "{table}" WHERE Id = ? AND "{IS_PERSON}" = 1'
            if org.db.execute(pointed_to, (given,)).fetchone() is not None:
                raise ApiError(400, "INVALID_PERSON_ACCOUNT_OPERATION", said, [])


def _check_names(sobject: SObject, row: Iterable[str], *, person: bool) -> None:
    wrong = {"Name", "ParentId"} if person else of_people_only(sobject)
    bad = [name for name in row if name in wrong]
    if bad:
        raise _bad_names(bad)


def _bad_names(names: list[str]) -> ApiError:
    said = f"Account: bad field names on insert/update call: {', '.join(names)}"
    return ApiError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", said, names)


def _last_name_missing() -> ApiError:
    return ApiError(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])
