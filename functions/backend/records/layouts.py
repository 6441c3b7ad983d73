"""Which objects the app shows, which of their fields, and where a search text is looked for.

A new object is one entry here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from backend.records.actions import ID, Action, Ask, check_actions
from backend.records.conversion_shape import LEAD, Becoming
from contract.calls import LAST_CHANGED_AT, LAST_CHANGED_BY, NAME, FieldValue, Sort
from contract.errors import Reason, RefusedRequest


class Related(msgspec.Struct, frozen=True):
    """Children that come along with a record: the relationship's name is its key in `Layout.related`, `field` their
    reference to it.
    """

    sobject: str
    sort: str
    field: str | None = None
    descending: bool = False

    @property
    def sorting(self) -> Sort:
        """The order of the children in a related list."""
        return Sort(self.sort, self.descending)


class Preset(msgspec.Struct, frozen=True):
    """What a list shows at its beginning: the records with these values, in this order. `me` is whoever looks."""

    filters: Mapping[str, FieldValue]
    sort: str
    descending: bool = False


class Kanban(msgspec.Struct, frozen=True):
    """How records stand on a board: a column for each value of the picklist `stage`, a card with the fields `shown`
    below its title. The first of `since` that is filled says since when a record is in its stage, the checkbox `closed`
    whether it is closed.
    """

    stage: str
    shown: tuple[str, ...]
    since: tuple[str, ...] = ()
    closed: str = ""


_RECORD_TYPE = ("RecordTypeId", "RecordType.Name")


@dataclass(frozen=True, slots=True)
class Layout:
    """An object in the app. `title` names a record, `stand_ins` do where the title is empty. `listed` are the fields of
    a list and `detailed` those of a record and its forms, `searched` those in which a list's search looks; `filters`
    are offered as chips, and `preset` is how a list begins. `amount` is the field at the end of a line in lists, `date`
    the one that says when a record is due on home, `owner` the reference to who owns a record. `icon` is one of
    Material's. `actions` are buttons on a record that run something of the org's own, by a name of ours. `done` is the
    checkbox that says of a task that it is closed, `timeline` whether a record shows its activities. `board` is how its
    records stand on a board, for those that have stages, `conversion` what a record can become."""

    listed: tuple[str, ...]
    detailed: tuple[str, ...]
    searched: tuple[str, ...]
    sort: str
    descending: bool = False
    related: Mapping[str, Related] = field(default_factory=dict[str, Related])
    title: str = NAME
    stand_ins: tuple[str, ...] = ()
    amount: str = ""
    date: str = ""
    icon: str = "list"
    filters: tuple[str, ...] = ()
    preset: Preset | None = None
    owner: str = "OwnerId"
    actions: Mapping[str, Action] = field(default_factory=dict[str, Action])
    done: str = ""
    timeline: bool = False
    board: Kanban | None = None
    conversion: Becoming | None = None
    _read: tuple[str, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        """Every record is read with its record type, where its object has some: its picklists follow it."""
        object.__setattr__(self, "detailed", tuple(dict.fromkeys((*self.detailed, *_RECORD_TYPE))))

    @property
    def read(self) -> tuple[str, ...]:
        """The fields that a record is read with: also those that say which of its actions show, since when it is in its
        stage, and what it became."""
        if not self._read:  # found when it is first asked for: wrong actions are refused by name before
            telling = (name for action in self.actions.values() for name in action.shown_when if "." not in name)
            since = () if self.board is None else self.board.since
            became = () if self.conversion is None else self.conversion.fields
            fields = dict.fromkeys((*self.detailed, *(name for name in telling if name != ID), *since, *became))
            object.__setattr__(self, "_read", tuple(fields))
        return self._read

    @property
    def sorting(self) -> Sort:
        """The order of a list before the person chooses another."""
        return Sort(self.sort, self.descending)


_TRACE = (
    "OwnerId", "Owner.Name", "Owner.Type", *_RECORD_TYPE, "CreatedDate", LAST_CHANGED_AT, LAST_CHANGED_BY,
)  # fmt: skip

LAYOUTS: dict[str, Layout] = {
    "Account": Layout(
        listed=("Name", "Industry", "Type", "BillingCity", "BillingCountry", "Phone"),
        detailed=(
            "Name", "Salutation", "FirstName", "LastName", "IsPersonAccount", "Type", "Industry", "Rating",
            "PersonEmail", "PersonMobilePhone", "PersonTitle", "PersonBirthdate",
            "Phone", "Website",
            "AnnualRevenue", "NumberOfEmployees",
            "BillingStreet", "BillingPostalCode", "BillingCity", "BillingState", "BillingStateCode", "BillingCountry",
            "BillingCountryCode",
            "PersonMailingStreet", "PersonMailingPostalCode", "PersonMailingCity", "PersonMailingState",
            "PersonMailingStateCode", "PersonMailingCountry", "PersonMailingCountryCode",
            "Description",
            "ParentId", "Parent.Name",
            *_TRACE,
        ),
        searched=("Name", "BillingCity"),
        sort="Name",
        related={
            "Contacts": Related("Contact", "Name", "AccountId"),
            "Opportunities": Related("Opportunity", "CloseDate", "AccountId", descending=True),
            "Cases": Related("Case", "CreatedDate", "AccountId", descending=True),
            "Tasks": Related("Task", "ActivityDate", "WhatId", descending=True),
        },
        stand_ins=("LastName",),
        icon="business",
        timeline=True,
        filters=("OwnerId", "Industry", "Type", "Rating"),
    ),
    "Contact": Layout(
        listed=("Name", "Title", "Email", "Phone", "AccountId", "Account.Name"),
        detailed=(
            "Name", "Salutation", "FirstName", "LastName", "Title", "Department",
            "Email", "Phone", "MobilePhone",
            "AccountId", "Account.Name",
            "LeadSource", "Birthdate",
            "MailingStreet", "MailingPostalCode", "MailingCity", "MailingState", "MailingStateCode", "MailingCountry",
            "MailingCountryCode",
            "Description",
            *_TRACE,
        ),
        searched=("Name", "Email"),
        sort="Name",
        related={
            "Cases": Related("Case", "CreatedDate", "ContactId", descending=True),
            "Tasks": Related("Task", "ActivityDate", "WhoId", descending=True),
        },
        stand_ins=("LastName",),
        icon="person",
        timeline=True,
        filters=("OwnerId", "LeadSource"),
    ),
    "Opportunity": Layout(
        listed=("Name", "StageName", "Amount", "CloseDate", "OwnerId", "Owner.Name", "AccountId", "Account.Name",
                "IsClosed"),
        detailed=(
            "Name", "StageName", "Amount", "Probability", "CloseDate",
            "AccountId", "Account.Name",
            "Type", "DeliveryInstallationStatus__c", "NextStep", "LeadSource", "IsClosed", "IsWon",
            "Description",
            *_TRACE,
        ),
        searched=("Name",),
        sort="CloseDate",
        descending=True,
        related={"Tasks": Related("Task", "ActivityDate", "WhatId", descending=True)},
        amount="Amount",
        date="CloseDate",
        icon="handshake",
        timeline=True,
        filters=("OwnerId", "IsClosed", "StageName", "Type"),
        preset=Preset({"OwnerId": "me", "IsClosed": False}, sort="CloseDate"),  # the next to close first
        board=Kanban(
            "StageName",
            shown=("Account.Name", "Amount", "CloseDate"),
            since=("LastStageChangeDate", "CreatedDate"),  # empty in records whose stage has never changed
            closed="IsClosed",
        ),
    ),
    "Lead": Layout(
        listed=("Name", "Company", "Status", "Rating", "Phone", "Email"),
        detailed=(
            "Name", "Salutation", "FirstName", "LastName", "Company", "Title",
            "Status", "Rating", "Industry",
            "Email", "Phone", "MobilePhone", "Website",
            "LeadSource", "AnnualRevenue", "NumberOfEmployees",
            "Street", "PostalCode", "City", "State", "StateCode", "Country", "CountryCode",
            "Description",
            *_TRACE,
        ),
        searched=("Name", "Company"),
        sort="Name",
        stand_ins=("LastName",),
        icon="person_search",
        timeline=True,
        conversion=LEAD,
        related={"Tasks": Related("Task", "ActivityDate", "WhoId", descending=True)},
        filters=("OwnerId", "IsConverted", "Status", "Rating", "Industry", "LeadSource"),
        preset=Preset({"OwnerId": "me", "IsConverted": False}, sort="Name"),  # as in Salesforce's own list views
    ),
    "Case": Layout(
        listed=("CaseNumber", "Subject", "Status", "Priority", "AccountId", "Account.Name", "CreatedDate"),
        detailed=(
            "CaseNumber", "Subject", "Status", "Priority", "Origin", "Type", "Product__c",
            "PotentialLiability__c", "Reason",
            "AccountId", "Account.Name", "ContactId", "Contact.Name",
            "Description", "IsClosed",
            *_TRACE,
        ),
        searched=("Subject", "CaseNumber"),
        sort="CreatedDate",
        descending=True,
        title="Subject",
        stand_ins=("CaseNumber",),
        icon="support_agent",
        timeline=True,
        related={"Tasks": Related("Task", "ActivityDate", "WhatId", descending=True)},
        filters=("OwnerId", "IsClosed", "Status", "Priority", "Origin"),
        actions={
            # An example, which shows only in an org that has this Flow: the local one plays it (org-actions.json).
            "escalate": Action(
                "custom/flow/Escalate_Case",
                label={"en": "Escalate", "de": "Eskalieren", "ja": "エスカレーション"},
                icon="priority_high",
                sends={"recordId": "Id"},
                asks=(Ask("reason", {"en": "Why?", "de": "Warum?", "ja": "理由"}, required=True, lines=3),),
                shown_when={"IsClosed": False, "Priority": ("Low", "Medium")},
                needs_edit=True,
                says={
                    "en": "{team} will look at this.",
                    "de": "{team} kümmert sich darum.",
                    "ja": "{team}が対応します。",
                },
            ),
        },
    ),
    "Task": Layout(
        listed=("Subject", "ActivityDate", "Status", "Priority", "WhoId", "Who.Name", "WhatId", "What.Name",
                "IsClosed"),
        detailed=(
            "Subject", "ActivityDate", "Status", "Priority", "Type",
            "WhoId", "Who.Name", "WhatId", "What.Name",
            "Description", "IsClosed",
            *_TRACE,
        ),
        searched=("Subject",),
        sort="ActivityDate",
        title="Subject",
        date="ActivityDate",
        icon="task_alt",
        done="IsClosed",
        filters=("OwnerId", "IsClosed", "Status", "Priority"),
    ),
}  # fmt: skip


def layout_of(sobject: str) -> Layout:
    """The layout of an object. Raises RefusedRequest(unknown-object)."""
    layout = LAYOUTS.get(sobject)
    if layout is None:
        raise RefusedRequest(Reason.UNKNOWN_OBJECT, f"sobject is one of {', '.join(LAYOUTS)}")
    return layout


def check(layouts: Mapping[str, Layout]) -> None:
    """Raises ValueError for actions that are declared wrongly."""
    for sobject, layout in layouts.items():
        check_actions(sobject, layout.actions)
        for name, action in layout.actions.items():
            for field_name in action.shown_when:  # a parent's that is not there would be no error before it is read
                if "." in field_name and field_name not in layout.detailed:
                    raise ValueError(f"{sobject}.{name}: shown_when: {field_name} is not in detailed: put it there")


check(LAYOUTS)
