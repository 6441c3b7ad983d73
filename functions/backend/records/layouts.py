"""Which fields of which records the app shows, and where a search text is looked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Related:
    """Children that come along with a record: the relationship's name is its key in `Layout.related`."""

    sobject: str
    order: str


@dataclass(frozen=True, slots=True)
class Layout:
    listed: tuple[str, ...]
    detailed: tuple[str, ...]
    searched: tuple[str, ...]
    sort: str
    related: Mapping[str, Related] = field(default_factory=dict[str, Related])


LAYOUTS: dict[str, Layout] = {
    "Account": Layout(
        listed=("Name", "Industry", "Type", "BillingCity", "BillingCountry", "Phone"),
        detailed=(
            "Name", "Type", "Industry", "Rating", "Phone", "Website", "AnnualRevenue", "NumberOfEmployees", "BillingStreet", "BillingPostalCode",
            "BillingCity", "BillingState", "BillingCountry", "Description", "Owner.Name", "CreatedDate", "LastModifiedDate",
        ),
        searched=("Name", "BillingCity"),
        sort="Name",
        related={
            "Contacts": Related("Contact", "Name"),
            "Opportunities": Related("Opportunity", "CloseDate DESC"),
        },
    ),
    "Contact": Layout(
        listed=("Name", "Title", "Email", "Phone", "AccountId", "Account.Name"),
        detailed=(
            "Name", "Salutation", "FirstName", "LastName", "Title", "Department", "Email", "Phone", "MobilePhone", "AccountId", "Account.Name",
            "LeadSource", "Birthdate", "MailingStreet", "MailingPostalCode", "MailingCity", "MailingCountry", "Description", "Owner.Name",
            "CreatedDate", "LastModifiedDate",
        ),
        searched=("Name", "Email"),
        sort="Name",
    ),
    "Opportunity": Layout(
        listed=("Name", "StageName", "Amount", "CloseDate", "AccountId", "Account.Name"),
        detailed=(
            "Name", "StageName", "Amount", "Probability", "CloseDate", "AccountId", "Account.Name", "Type", "NextStep", "LeadSource", "IsClosed",
            "IsWon", "Description", "Owner.Name", "CreatedDate", "LastModifiedDate",
        ),
        searched=("Name",),
        sort="Name",
    ),
}  # fmt: skip
