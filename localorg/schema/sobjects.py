"""The org's objects: standard fields with their Salesforce types, picklists and relationships.

Source of names, types and lengths: Salesforce Object Reference.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from localorg.schema.ids import make_id
from localorg.schema.text import COLLATION

INDUSTRIES = (
    "Agriculture", "Banking", "Biotechnology", "Chemicals", "Construction", "Consulting", "Education", "Electronics",
    "Energy", "Engineering", "Finance", "Healthcare", "Hospitality", "Insurance", "Manufacturing", "Media", "Retail",
    "Technology", "Telecommunications", "Transportation", "Utilities", "Other",
)  # fmt: skip
ACCOUNT_TYPES = (
    "Prospect",
    "Customer - Direct",
    "Customer - Channel",
    "Channel Partner / Reseller",
    "Technology Partner",
    "Other",
)
RATINGS = ("Hot", "Warm", "Cold")
STAGES: tuple[tuple[str, int], ...] = (
    ("Prospecting", 10), ("Qualification", 10), ("Needs Analysis", 20), ("Value Proposition", 50),
    ("Id. Decision Makers", 60), ("Perception Analysis", 70), ("Proposal/Price Quote", 75),
    ("Negotiation/Review", 90), ("Closed Won", 100), ("Closed Lost", 0),
)  # fmt: skip
INTERESTS = ("Hardware", "Software", "Services", "Training")
CASE_REASONS = (
    "Installation",
    "Equipment Complexity",
    "Performance",
    "Breakdown",
    "Equipment Design",
    "Feedback",
    "Other",
)
FORECASTS = ("Omitted", "Pipeline", "Best Case", "Commit", "Closed")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")

TEXT_TYPES = frozenset({"id", "string", "textarea", "picklist", "multipicklist", "reference", "email", "phone", "url"})
NUMBER_TYPES = frozenset({"currency", "double", "int", "percent"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an sObject.

    `compound` ones are an address or geolocation made of the fields with that prefix; they are shown, not stored.
    `system` fields are set by the org, `calculated` ones follow from others, `read_only` ones a profile may not change.
    `others` are further objects that a polymorphic reference may refer to; `labels` what a picklist's values are shown
    as, when that differs; `seen_by` the column of `viewed` that holds it for each user; `restricted` picklists take
    their own values only; `within` is the compound field that this one is a part of; what refers by a `cascade` field
    goes with its parent; `number_format` is how an auto number is written, such as `INV-{0000}`; `computed_default` is
    a default that a formula gives.
    """

    name: str
    label: str
    type: str = "string"
    length: int = 255
    required: bool = False
    picklist: tuple[str, ...] = ()
    refers_to: str | None = None
    relationship: str | None = None
    system: bool = False
    calculated: bool = False
    default: object = None
    read_only: bool = False
    external_id: bool = False
    compound: str | None = None
    others: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    seen_by: str | None = None
    restricted: bool = False
    within: str | None = None
    unique: bool = False
    cascade: bool = False
    number_format: str = ""
    computed_default: "Callable[[Change], object] | None" = None

    @property
    def stored(self) -> bool:
        return self.compound is None

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def targets(self) -> tuple[str, ...]:
        """The objects that a reference may refer to."""
        return (self.refers_to, *self.others) if self.refers_to else ()

    @property
    def position(self) -> tuple[str, str]:
        """The fields with the latitude and longitude of an address or geolocation."""
        if self.type == "location":
            return f"{self.compound}__Latitude__s", f"{self.compound}__Longitude__s"
        return f"{self.compound}Latitude", f"{self.compound}Longitude"

    def label_of(self, value: str) -> str:
        """What a picklist's value is shown as."""
        return next((label for v, label in zip(self.picklist, self.labels, strict=False) if v == value), value)

    @property
    def writable(self) -> bool:
        return self.stored and not (self.system or self.calculated or self.read_only)

    @property
    def sql_type(self) -> str:
        if self.type in NUMBER_TYPES:
            return "REAL"
        if self.type == "boolean":
            return "INTEGER"
        return "TEXT" if self.type in ("id", "reference", "date", "datetime") else f"TEXT COLLATE {COLLATION}"

    @property
    def filterable(self) -> bool:
        """Whether WHERE and ORDER BY take it; long text areas and compound fields they do not."""
        return self.stored and (self.type != "textarea" or self.length <= 255)

    @property
    def groupable(self) -> bool:
        return self.filterable and self.type not in ("currency", "double", "percent", "datetime", "multipicklist")


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """The children of an sObject as a sub-query names them: `Contacts` of Account through `AccountId`."""

    name: str
    child: str
    field: str


@dataclass(frozen=True, slots=True)
class Change:
    """A record as it would be saved, as it was before (None when it is new), and the org's time."""

    row: Mapping[str, object]
    before: Mapping[str, object] | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule: `refuses` tells whether a change breaks it, `field` is where the message belongs, empty for
    the whole page.
    """

    name: str
    message: str
    field: str
    refuses: Callable[[Change], bool]


@dataclass(frozen=True, slots=True)
class SObject:
    """One object of the org with its three-character key prefix; `record_types` are developer name and label of
    each.
    """

    name: str
    label: str
    plural: str
    prefix: str
    fields: tuple[Field, ...]
    children: tuple[ChildRelationship, ...] = ()
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    record_types: tuple[tuple[str, str], ...] = ()
    rules: tuple[Rule, ...] = ()
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name.lower(): f for f in self.fields})

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    def record_type_id(self, number: int) -> str:
        """The id of one of its record types."""
        return make_id("012", int.from_bytes(self.prefix.encode()) * 100 + number)

    @property
    def name_field(self) -> str:
        """The field that names a record."""
        return next((n for n in ("Name", "CaseNumber", "Subject") if n.lower() in self.by_name), "Id")

    def field(self, name: str) -> Field | None:
        """The field of that API name, in any case; None when there is none."""
        return self.by_name.get(name.lower())

    def parent(self, relationship: str) -> Field | None:
        """The reference field behind a relationship name such as `Account` or `Owner`."""
        wanted = relationship.lower()
        return next((f for f in self.fields if f.relationship and f.relationship.lower() == wanted), None)

    def child(self, relationship: str) -> ChildRelationship | None:
        """The child relationship of that name, in any case."""
        wanted = relationship.lower()
        return next((c for c in self.children if c.name.lower() == wanted), None)


class Schema:
    """Objects by their names: all of an org's, or those that someone can see, as that person may use them."""

    def __init__(self, objects: Iterable[SObject]) -> None:
        self._objects = {o.name.lower(): o for o in objects}
        self._by_prefix = {o.prefix: o for o in self._objects.values()}

    def sobject(self, name: str) -> SObject | None:
        """The object of that API name, in any case; None when there is none here."""
        return self._objects.get(name.lower())

    def of_id(self, identifier: str) -> SObject | None:
        """The object whose key prefix the id begins with; None when there is none here."""
        return self._by_prefix.get(identifier[:3])

    def __getitem__(self, name: str) -> SObject:
        return self._objects[name.lower()]

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._objects.values())


def _text(name: str, label: str, length: int = 255, *, required: bool = False, kind: str = "string") -> Field:
    return Field(name, label, kind, length, required)


def _pick(name: str, label: str, values: tuple[str, ...], *, required: bool = False, default: object = None) -> Field:
    return Field(name, label, "picklist", 255, required, values, default=default)


def _ref(
    name: str, label: str, to: str, relationship: str, *, system: bool = False, others: tuple[str, ...] = ()
) -> Field:
    return Field(name, label, "reference", 18, refers_to=to, relationship=relationship, system=system, others=others)


def _number(name: str, label: str, kind: str = "double") -> Field:
    return Field(name, label, kind, 0)


def _address(prefix: str, label: str) -> tuple[Field, ...]:
    parts = (
        ("Street", "Street", "textarea", 255), ("City", "City", "string", 40), ("State", "State/Province", "string",
            80),
        ("PostalCode", "Zip/Postal Code", "string", 20), ("Country", "Country", "string", 80),
        ("Latitude", "Latitude", "double", 0), ("Longitude", "Longitude", "double", 0),
    )  # fmt: skip
    whole = Field(f"{prefix}Address", f"{label} Address".strip(), "address", 0, compound=prefix)
    return (
        *(
            Field(prefix + name, f"{label} {shown}".strip(), kind, length, within=whole.name)
            for name, shown, kind, length in parts
        ),
        whole,
    )


_ID = Field("Id", "Record ID", "id", 18, system=True)
_STAMPS = (
    Field("IsDeleted", "Deleted", "boolean", 0, system=True, default=False),
    Field("CreatedDate", "Created Date", "datetime", 0, system=True),
    _ref("CreatedById", "Created By ID", "User", "CreatedBy", system=True),
    Field("LastModifiedDate", "Last Modified Date", "datetime", 0, system=True),
    _ref("LastModifiedById", "Last Modified By ID", "User", "LastModifiedBy", system=True),
    Field("SystemModstamp", "System Modstamp", "datetime", 0, system=True),
)
OWNER = _ref("OwnerId", "Owner ID", "User", "Owner")
SYSTEM = (_ID, *_STAMPS)  # what every object has
_PERSON = (
    _pick("Salutation", "Salutation", SALUTATIONS),
    _text("FirstName", "First Name", 40),
    _text("LastName", "Last Name", 80, required=True),
    Field("Name", "Full Name", "string", 121, calculated=True),
)

STANDARD = Schema(
    (
        SObject(
            "Account", "Account", "Accounts", "001",
            (
                _ID,
                _text("Name", "Account Name", required=True),
                _pick("Type", "Account Type", ACCOUNT_TYPES),
                _ref("ParentId", "Parent Account ID", "Account", "Parent"),
                _pick("Industry", "Industry", INDUSTRIES),
                _number("AnnualRevenue", "Annual Revenue", "currency"),
                _number("NumberOfEmployees", "Employees", "int"),
                _pick("Rating", "Account Rating", RATINGS),
                _text("Phone", "Account Phone", 40, kind="phone"),
                _text("Fax", "Account Fax", 40, kind="phone"),
                _text("Website", "Website", kind="url"),
                _text("AccountNumber", "Account Number", 40),
                _text("Site", "Account Site", 80),
                _pick("Ownership", "Ownership", ("Public", "Private", "Subsidiary", "Other")),
                _text("TickerSymbol", "Ticker Symbol", 20),
                _text("Sic", "SIC Code", 20),
                _text("SicDesc", "SIC Description", 80),
                _pick("AccountSource", "Account Source", LEAD_SOURCES),
                Field("LastActivityDate", "Last Activity", "date", 0, system=True),
                Field("LastViewedDate", "Last Viewed Date", "datetime", 0, system=True, seen_by="ViewedDate"),
                Field("LastReferencedDate", "Last Referenced Date", "datetime", 0, system=True,
                      seen_by="ReferencedDate"),
                Field("External_Id__c", "External ID", "string", 64, external_id=True, unique=True),
                _text("Description", "Account Description", 32000, kind="textarea"),
                *_address("Billing", "Billing"),
                *_address("Shipping", "Shipping"),
                OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("Contacts", "Contact", "AccountId"),
                ChildRelationship("Opportunities", "Opportunity", "AccountId"),
                ChildRelationship("Cases", "Case", "AccountId"),
                ChildRelationship("ChildAccounts", "Account", "ParentId"),
                ChildRelationship("Tasks", "Task", "WhatId"),
            ),
        ),
        SObject(
            "Contact", "Contact", "Contacts", "003",
            (
                _ID,
                _ref("AccountId", "Account ID", "Account", "Account"),
                *_PERSON,
                _text("Title", "Title", 128),
                _text("Department", "Department", 80),
                Field("External_Id__c", "External ID", "string", 64, external_id=True, unique=True),
                _text("Email", "Email", 80, kind="email"),
                _text("Phone", "Business Phone", 40, kind="phone"),
                _text("MobilePhone", "Mobile Phone", 40, kind="phone"),
                _text("HomePhone", "Home Phone", 40, kind="phone"),
                _text("OtherPhone", "Other Phone", 40, kind="phone"),
                _text("Fax", "Business Fax", 40, kind="phone"),
                _text("AssistantName", "Assistant's Name", 40),
                _text("AssistantPhone", "Asst. Phone", 40, kind="phone"),
                Field("HasOptedOutOfEmail", "Email Opt Out", "boolean", 0, default=False),
                Field("DoNotCall", "Do Not Call", "boolean", 0, default=False),
                Field("LastActivityDate", "Last Activity", "date", 0, system=True),
                _pick("LeadSource", "Lead Source", LEAD_SOURCES),
                Field("Birthdate", "Birthdate", "date", 0),
                _text("Description", "Contact Description", 32000, kind="textarea"),
                *_address("Mailing", "Mailing"),
                *_address("Other", "Other"),
                _ref("ReportsToId", "Reports To ID", "Contact", "ReportsTo"),
                OWNER,
                *_STAMPS,
            ),
            (
                ChildRelationship("Cases", "Case", "ContactId"),
                ChildRelationship("Tasks", "Task", "WhoId"),
            ),
        ),
        SObject(
            "Opportunity", "Opportunity", "Opportunities", "006",
            (
                _ID,
                _ref("AccountId", "Account ID", "Account", "Account"),
                _text("Name", "Name", 120, required=True),
                _pick("StageName", "Stage", tuple(s for s, _ in STAGES), required=True),
                _number("Amount", "Amount", "currency"),
                _number("Probability", "Probability (%)", "percent"),
                Field("ExpectedRevenue", "Expected Amount", "currency", 0, calculated=True),
                Field("ForecastCategoryName", "Forecast Category", "picklist", 40, calculated=True, picklist=FORECASTS),
                _number("TotalOpportunityQuantity", "Quantity"),
                Field("IsPrivate", "Private", "boolean", 0, default=False),
                Field("FiscalYear", "Fiscal Year", "int", 0, calculated=True),
                Field("FiscalQuarter", "Fiscal Quarter", "int", 0, calculated=True),
                Field("LastActivityDate", "Last Activity", "date", 0, system=True),
                Field("CloseDate", "Close Date", "date", 0, required=True),
                _pick("Type", "Opportunity Type", ("New Customer", "Existing Customer - Upgrade",
                                                   "Existing Customer - Replacement")),
                _text("NextStep", "Next Step", 255),
                _pick("LeadSource", "Lead Source", LEAD_SOURCES),
                Field("IsClosed", "Closed", "boolean", 0, calculated=True, default=False),
                Field("IsWon", "Won", "boolean", 0, calculated=True, default=False),
                _text("Description", "Description", 32000, kind="textarea"),
                OWNER,
                *_STAMPS,
            ),
            (ChildRelationship("Tasks", "Task", "WhatId"),),
        ),
        SObject(
            "Lead", "Lead", "Leads", "00Q",
            (
                _ID,
                *_PERSON,
                _text("Company", "Company", required=True),
                _text("Title", "Title", 128),
                _text("Email", "Email", 80, kind="email"),
                _text("Phone", "Phone", 40, kind="phone"),
                _pick("LeadSource", "Lead Source", LEAD_SOURCES),
                _pick("Status", "Status", ("Open - Not Contacted", "Working - Contacted", "Closed - Converted",
                                           "Closed - Not Converted"),
                      default="Open - Not Contacted"),
                _pick("Rating", "Rating", RATINGS),
                _pick("Industry", "Industry", INDUSTRIES),
                Field("Interests__c", "Interests", "multipicklist", 4099, picklist=INTERESTS),
                *_address("", ""),
                _text("MobilePhone", "Mobile Phone", 40, kind="phone"),
                _text("Website", "Website", kind="url"),
                _number("AnnualRevenue", "Annual Revenue", "currency"),
                _number("NumberOfEmployees", "Employees", "int"),
                _text("Description", "Lead Description", 32000, kind="textarea"),
                Field("IsConverted", "Converted", "boolean", 0, system=True, default=False),
                Field("ConvertedDate", "Converted Date", "date", 0, system=True),
                _ref("ConvertedAccountId", "Converted Account ID", "Account", "ConvertedAccount", system=True),
                _ref("ConvertedContactId", "Converted Contact ID", "Contact", "ConvertedContact", system=True),
                _ref("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity", "ConvertedOpportunity",
                     system=True),
                OWNER,
                *_STAMPS,
            ),
        ),
        SObject(
            "Case", "Case", "Cases", "500",
            (
                _ID,
                Field("CaseNumber", "Case Number", "string", 30, calculated=True),
                _ref("AccountId", "Account ID", "Account", "Account"),
                _ref("ContactId", "Contact ID", "Contact", "Contact"),
                _text("Subject", "Subject"),
                _pick("Status", "Status", ("New", "Working", "Escalated", "Closed"), default="New"),
                _pick("Priority", "Priority", ("High", "Medium", "Low"), default="Medium"),
                _pick("Origin", "Case Origin", ("Phone", "Email", "Web")),
                _pick("Type", "Case Type", ("Mechanical", "Electrical", "Electronic", "Structural", "Other")),
                _pick("Reason", "Case Reason", CASE_REASONS),
                _ref("ParentId", "Parent Case ID", "Case", "Parent"),
                Field("IsClosed", "Closed", "boolean", 0, calculated=True, default=False),
                Field("IsEscalated", "Escalated", "boolean", 0, default=False),
                Field("ClosedDate", "Closed Date", "datetime", 0, system=True),
                _text("SuppliedEmail", "Email Address", 80, kind="email"),
                _text("SuppliedName", "Name", 80),
                _text("Description", "Description", 32000, kind="textarea"),
                OWNER,
                *_STAMPS,
            ),
        ),
        SObject(
            "Task", "Task", "Tasks", "00T",
            (
                _ID,
                _ref("WhoId", "Name ID", "Contact", "Who", others=("Lead",)),
                _ref("WhatId", "Related To ID", "Account", "What", others=("Case", "Opportunity")),
                _text("Subject", "Subject"),
                Field("ActivityDate", "Due Date Only", "date", 0),
                _pick("Status", "Status", ("Not Started", "In Progress", "Completed", "Waiting on someone else",
                                           "Deferred"), default="Not Started"),
                _pick("Priority", "Priority", ("High", "Normal", "Low"), default="Normal"),
                _pick("Type", "Type", ("Call", "Meeting", "Other")),
                Field("IsClosed", "Closed", "boolean", 0, calculated=True, default=False),
                Field("IsHighPriority", "High Priority", "boolean", 0, calculated=True, default=False),
                Field("ReminderDateTime", "Reminder Date/Time", "datetime", 0),
                Field("IsReminderSet", "Reminder Set", "boolean", 0, default=False),
                _pick("CallType", "Call Type", ("Internal", "Inbound", "Outbound")),
                _text("Description", "Description", 32000, kind="textarea"),
                OWNER,
                *_STAMPS,
            ),
        ),
        SObject(
            "User", "User", "Users", "005",
            (
                _ID,
                _text("Username", "Username", 80, required=True),
                *_PERSON,
                _text("Email", "Email", 128, required=True, kind="email"),
                _text("Title", "Title", 80),
                _text("Alias", "Alias", 8),
                _text("CommunityNickname", "Nickname", 40),
                _text("CompanyName", "Company Name", 80),
                _text("Division", "Division", 80),
                _ref("ManagerId", "Manager ID", "User", "Manager"),
                _pick("UserType", "User Type", ("Standard", "PowerPartner", "Guest"), default="Standard"),
                _text("Department", "Department", 80),
                _text("Phone", "Phone", 40, kind="phone"),
                _text("MobilePhone", "Mobile", 40, kind="phone"),
                _text("City", "City", 40),
                _text("Country", "Country", 80),
                _ref("ProfileId", "Profile ID", "Profile", "Profile"),
                Field("IsActive", "Active", "boolean", 0, default=True),
                _text("TimeZoneSidKey", "Time Zone", 40),
                _text("LocaleSidKey", "Locale", 40),
                _text("LanguageLocaleKey", "Language", 40),
                *_STAMPS,
            ),
        ),
        SObject(
            "Profile", "Profile", "Profiles", "00e",
            (_ID, _text("Name", "Name", required=True), *_STAMPS),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "RecordType", "Record Type", "Record Types", "012",
            (
                _ID, _text("Name", "Name", 80, required=True), _text("DeveloperName", "Record Type Name", 80,
                                                                     required=True),
                _text("SobjectType", "SObject Type Name", 40), Field("IsActive", "Active", "boolean", 0, default=True),
                *_STAMPS,
            ),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "PermissionSet", "Permission Set", "Permission Sets", "0PS",
            (
                _ID, _text("Name", "Permission Set Name", 80, required=True), _text("Label", "Permission Set Label", 80,
                    required=True),
                Field("IsOwnedByProfile", "Is Owned By Profile", "boolean", 0, default=False), *_STAMPS,
            ),
            (ChildRelationship("Assignments", "PermissionSetAssignment", "PermissionSetId"),),
            createable=False,
            updateable=False,
            deletable=False,
        ),
        SObject(
            "PermissionSetAssignment", "Permission Set Assignment", "Permission Set Assignments", "0Pa",
            (
                _ID,
                replace(_ref("PermissionSetId", "PermissionSet ID", "PermissionSet", "PermissionSet"), required=True),
                replace(_ref("AssigneeId", "Assignee ID", "User", "Assignee"), required=True),
                *_STAMPS,
            ),
            updateable=False,
        ),
        SObject(
            "Organization", "Organization", "Organization", "00D",
            (
                _ID,
                _text("Name", "Name", 80, required=True),
                _text("InstanceName", "Instance Name", 5),
                Field("IsSandbox", "Is Sandbox", "boolean", 0, default=False),
                _text("OrganizationType", "Edition", 40),
                _text("NamespacePrefix", "Namespace Prefix", 15),
                Field("TrialExpirationDate", "Trial Expiration Date", "datetime", 0),
                *_STAMPS,
            ),
            createable=False,
            updateable=False,
            deletable=False,
        ),
    )
)  # fmt: skip
# What the objects behind a polymorphic relationship have in common. Source: Object Reference, "Name".
NAME_FIELDS = {
    f.name.lower(): f
    for f in (
        _ID, _text("Name", "Name"), _text("Type", "Type", 40), _text("FirstName", "First Name", 40), _text("LastName",
            "Last Name", 80),
        _text("Email", "Email", 80, kind="email"), _text("Phone", "Phone", 40, kind="phone"), _text("Title", "Title",
            128),
        _text("Username", "Username", 80), _text("Alias", "Alias", 8), Field("IsActive", "Active", "boolean", 0),
        *_PERSON[:1],
    )
}  # fmt: skip
