"""Lead conversion: a lead becomes an account, a contact and, unless told otherwise, an opportunity.

Sources: SOAP API Developer Guide, "convertLead()" (what is needed of the user, which fields of a lead go where, that
only empty fields of an account or contact that is there are filled, that a contact belongs to the account, by whom the
new records are owned); Object Reference, LeadStatus; Salesforce Help, "Considerations for Converting Leads" (the close
date, activities); what is said of a wrong status, of a lead that is a queue's and of one that was converted: reports
from real orgs (INVALID_STATUS "invalid convertedStatus"; "Converted objects can only be owned by users"; "cannot
reference converted lead", CANNOT_UPDATE_CONVERTED_LEAD). With which codes an owner and a contact of another account are
refused is not documented. Duplicate rules are not asked, an account that is a person is not made, and custom fields are
not mapped; an org can map some.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from localorg.data import records
from localorg.data.access import may_convert, person
from localorg.data.values import out_value
from localorg.errors import ApiError, converted_lead
from localorg.org import Org
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import Schema, SObject

_PARTS = ("Street", "City", "State", "PostalCode", "Country")
_TO_ACCOUNT = {
    "Company": "Name", "Phone": "Phone", "Website": "Website", "Industry": "Industry", "Rating": "Rating",
    "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees", "LeadSource": "AccountSource",
    "CurrencyIsoCode": "CurrencyIsoCode", **{part: f"Billing{part}" for part in _PARTS},
}  # fmt: skip
_SAME = (
    "Salutation", "FirstName", "LastName", "Title", "Email", "Phone", "MobilePhone", "LeadSource", "Description",
    "CurrencyIsoCode",
)  # fmt: skip
_TO_CONTACT = {**{name: name for name in _SAME}, **{part: f"Mailing{part}" for part in _PARTS}}
_TO_OPPORTUNITY = {"LeadSource": "LeadSource", "CurrencyIsoCode": "CurrencyIsoCode"}


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is asked for one lead; ids are "" where a new record is to be made, texts where nothing is said."""

    lead_id: str
    status: str
    account_id: str = ""
    contact_id: str = ""
    owner_id: str = ""
    opportunity_name: str = ""
    no_opportunity: bool = False
    overwrite_source: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """The ids of what a lead became; `opportunity_id` is "" for none."""

    account_id: str
    contact_id: str
    opportunity_id: str


def convert(org: Org, schema: Schema, wanted: Conversion, user_id: str) -> Converted:
    """Converts a lead as a user, whose schema this is. Raises ApiError for what Salesforce would refuse; then nothing
    is changed.
    """
    made = ("Account", "Contact") if wanted.no_opportunity else ("Account", "Contact", "Opportunity")
    objects = {name: schema.sobject(name) for name in ("Lead", *made)}
    if not may_convert(org, user_id) or not all(
        one is not None and one.updateable and (name == "Lead" or one.createable) for name, one in objects.items()
    ):
        raise ApiError(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
    seen = {name: one for name, one in objects.items() if one is not None}
    with org.write():
        lead = _found(org, seen["Lead"], wanted.lead_id)
        org.limits.check_lock(str(lead["Id"]))
        if lead["IsConverted"]:
            raise converted_lead()
        _check_status(org, wanted.status)
        owner = _owner(org, lead, wanted.owner_id)
        if wanted.contact_id and not wanted.account_id:
            raise ApiError(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [accountId]", ["accountId"])
        account = _account(org, seen["Account"], lead, wanted, owner, user_id)
        contact = _contact(org, seen["Contact"], lead, wanted, account, owner, user_id)
        deal = "" if wanted.no_opportunity else _deal(org, seen["Opportunity"], lead, wanted, account, owner, user_id)
        _close(org, lead, wanted.status, Converted(account, contact, deal), user_id)
    return Converted(account, contact, deal)


def _found(org: Org, sobject: SObject, identifier: str) -> dict[str, object]:
    """A record that is referred to. Raises ApiError."""
    if not is_id(identifier) or org.objects.of_id(identifier) is not org.objects[sobject.name]:
        raise ApiError(400, "MALFORMED_ID", f"{sobject.label} ID: id value of incorrect type: {identifier[:40]}", [])
    try:
        return records.read(org, sobject, to_18(identifier))
    except ApiError as gone:
        if gone.code == "ENTITY_IS_DELETED":
            raise
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []) from None


def _check_status(org: Org, status: str) -> None:
    there = "SELECT 1 FROM LeadStatus WHERE ? IN (ApiName, MasterLabel) AND IsConverted = 1 AND IsDeleted = 0"
    if org.db.execute(there, (status,)).fetchone() is None:
        raise ApiError(400, "INVALID_STATUS", f"invalid convertedStatus: {status}", ["Status"])


def _owner(org: Org, lead: Mapping[str, object], given: str) -> str:
    owner = to_18(given) if is_id(given) else str(lead["OwnerId"])
    if (given and not is_id(given)) or org.objects.of_id(owner) is not org.objects["User"]:
        said = "Converted objects can only be owned by users.  If the lead is not owned by a user, you must specify a"
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", f"{said} user for the Owner field.", ["OwnerId"])
    return owner


def _account(
    org: Org, sobject: SObject, lead: Mapping[str, object], wanted: Conversion, owner: str, user_id: str
) -> str:
    if not wanted.account_id:
        values = _mapped(org, sobject, lead, _TO_ACCOUNT)
        return records.create(org, sobject, {**values, "OwnerId": owner}, user_id)
    there = _found(org, sobject, wanted.account_id)
    _fill(org, sobject, there, _mapped(org, sobject, lead, _TO_ACCOUNT), user_id)
    return str(there["Id"])


def _contact(
    org: Org,
    sobject: SObject,
    lead: Mapping[str, object],
    wanted: Conversion,
    account: str,
    owner: str,
    user_id: str,
) -> str:
    values = _mapped(org, sobject, lead, _TO_CONTACT)
    if not wanted.contact_id:
        return records.create(org, sobject, {**values, "AccountId": account, "OwnerId": owner}, user_id)
    there = _found(org, sobject, wanted.contact_id)
    if there["AccountId"] != account:
        said = f"contact ID: the contact does not belong to the account {account}"
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", said, ["contactId"])
    over = frozenset({"LeadSource"} if wanted.overwrite_source else ())
    _fill(org, sobject, there, values, user_id, over=over)
    return str(there["Id"])


def _deal(
    org: Org,
    sobject: SObject,
    lead: Mapping[str, object],
    wanted: Conversion,
    account: str,
    owner: str,
    user_id: str,
) -> str:
    today = datetime.fromtimestamp(org.clock.now(), ZoneInfo(person(org, user_id).zone)).date()
    values = {
        **_mapped(org, sobject, lead, _TO_OPPORTUNITY),
        "Name": wanted.opportunity_name or lead["Company"],
        "StageName": sobject.by_name["stagename"].active_values[0],
        "CloseDate": _end_of_quarter(today).isoformat(),
        "AccountId": account,
        "OwnerId": owner,
    }
    return records.create(org, sobject, values, user_id)


def _end_of_quarter(day: date) -> date:
    month = 3 * ((day.month - 1) // 3) + 3
    return (date(day.year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _mapped(org: Org, sobject: SObject, lead: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """What of the lead is filled in, by the fields of another object that the user may write."""
    leads = org.objects["Lead"]
    return {
        theirs: out_value(leads.by_name[mine.lower()], lead[mine])
        for mine, theirs in names.items()
        if (f := sobject.field(theirs)) is not None and f.writable and lead.get(mine) not in (None, "")
    }


def _fill(
    org: Org,
    sobject: SObject,
    there: Mapping[str, object],
    values: Mapping[str, object],
    user_id: str,
    *,
    over: frozenset[str] = frozenset(),
) -> None:
    empty = {n: v for n, v in values.items() if n in over or there.get(n) in (None, "")}
    if empty:
        records.update(org, sobject, str(there["Id"]), empty, user_id)


def _close(org: Org, lead: Mapping[str, object], status: str, made: Converted, user_id: str) -> None:
    """Marks the lead, and gives its tasks and events to what it became."""
    stamp = org.clock.stamp()
    values: dict[str, object] = {
        "Status": status,
        "IsConverted": 1,
        "ConvertedDate": stamp[:10],
        "ConvertedAccountId": made.account_id,
        "ConvertedContactId": made.contact_id,
        "ConvertedOpportunityId": made.opportunity_id or None,
        "LastModifiedDate": stamp,
        "SystemModstamp": stamp,
        "LastModifiedById": user_id,
    }
    sets = ", ".join(f'"{name}" = ?' for name in values)
    org.db.execute(f'UPDATE "Lead" SET {sets} WHERE Id = ?', (*values.values(), lead["Id"]))
    about = made.opportunity_id or made.account_id
    for table in ("Task", "Event"):
        org.db.execute(
            f'UPDATE "{table}" SET WhoId = ?, WhatId = coalesce(WhatId, ?), SystemModstamp = ? WHERE WhoId = ?',
            (made.contact_id, about, stamp, lead["Id"]),
        )
