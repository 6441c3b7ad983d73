"""What a layout says of a conversion: which records a record becomes, and which of its fields tell of it.

Source: Object Reference, Lead (IsConverted, ConvertedAccountId, ConvertedContactId, ConvertedOpportunityId).
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from backend.records.org import Described
from contract.calls import NAME
from contract.conversion import Becomes, ConversionShape


class Becoming(msgspec.Struct, frozen=True):
    """`flag` is the checkbox of a record that is converted, `status` its picklist, `email` the field by which a contact
    is recognised; each of the others is one of the records that it becomes, its `named_by` a field of the record.
    """

    flag: str
    status: str
    email: str
    account: Becomes
    contact: Becomes
    opportunity: Becomes

    @property
    def into(self) -> tuple[Becomes, ...]:
        """Account, contact and opportunity."""
        return self.account, self.contact, self.opportunity

    @property
    def objects(self) -> tuple[str, ...]:
        """Their objects."""
        return tuple(one.sobject for one in self.into)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that say whether a record is converted, and into which ones."""
        return (self.flag, *(one.field for one in self.into))

    def names(self, shapes: Mapping[str, Described]) -> tuple[str, ...]:
        """The fields with the names of those that the user may see: a parent of a hidden object cannot be read."""
        return tuple(one.name for one in self.into if one.sobject in shapes)

    def shape(self, described: Described, shapes: Mapping[str, Described]) -> ConversionShape | None:
        """It as the app shows it to this user; None where Salesforce does not say of a record whether it is converted,
        or not what it became.

        Whether the user has the permission Convert Leads does not stand in a describe; what else it takes does: to
        change the record, and to make and change accounts, contacts and opportunities (SOAP API Developer Guide,
        "convertLead()").
        """
        if not all(map(described.shows, (self.flag, self.account.field, self.contact.field))):
            return None

        def seen(one: Becomes) -> Becomes:
            return replace(one, named_by=one.named_by if described.shows(one.named_by) else "")

        def may_make(one: Becomes) -> bool:
            shape = shapes.get(one.sobject)
            return shape is not None and shape.creatable and shape.editable

        makes_deals = may_make(self.opportunity) and described.shows(self.opportunity.field)
        return ConversionShape(
            self.flag,
            seen(self.account),
            seen(self.contact),
            seen(self.opportunity) if makes_deals else None,
            described.editable and may_make(self.account) and may_make(self.contact),
            self.email if described.shows(self.email) else "",
        )


LEAD = Becoming(
    flag="IsConverted",
    status="Status",
    email="Email",
    account=Becomes("Account", "ConvertedAccountId", f"ConvertedAccount.{NAME}", "Company"),
    contact=Becomes("Contact", "ConvertedContactId", f"ConvertedContact.{NAME}", NAME),
    opportunity=Becomes("Opportunity", "ConvertedOpportunityId", f"ConvertedOpportunity.{NAME}", "Company"),
)
