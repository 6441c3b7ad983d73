"""The record types and dependent picklists of an org of the shape `record-types`.

The custom fields are those with which a Developer Edition org comes. Source: Metadata API Developer Guide, RecordType,
CustomField (valueSet); Salesforce Help, "Considerations for Dependent Picklists" (standard picklists control and do not
depend).
"""

from dataclasses import replace

from localorg.schema.sobjects import Field, RecordType, SObject

RECORD_TYPE_ID = Field(
    "RecordTypeId", "Record Type ID", "reference", 18, refers_to="RecordType", relationship="RecordType"
)
_STANDARD_USER, _READ_ONLY, _ADMIN = "Standard User", "Read Only", "System Administrator"

_OPPORTUNITY = (
    RecordType(
        "New_Business",
        "New Business",
        "A deal with a customer who buys for the first time.",
        picklists={"Type": ("New Customer",), "DeliveryInstallationStatus__c": ("Yet to begin", "In progress")},
        defaults={"Type": "New Customer", "DeliveryInstallationStatus__c": "Yet to begin"},
        default_of=(_ADMIN, _READ_ONLY),
    ),
    RecordType(
        "Renewal",
        "Renewal",
        "A customer goes on, or buys more.",
        picklists={
            "StageName": ("Qualification", "Value Proposition", "Negotiation/Review", "Closed Won", "Closed Lost"),
            "Type": ("Existing Customer - Upgrade", "Existing Customer - Replacement"),
            "DeliveryInstallationStatus__c": ("In progress", "Completed"),
        },
        defaults={"StageName": "Value Proposition"},
        hidden_from=(_READ_ONLY,),
        default_of=(_STANDARD_USER,),
    ),
)
_CASE = (
    RecordType(
        "Product_Support",
        "Product Support",
        "Something that a customer uses does not work.",
        picklists={
            "Type": ("Mechanical", "Electrical", "Electronic"),
            "Product__c": ("GC1040", "GC1060", "GC3020", "GC3040", "GC3060"),
        },
        default_of=(_ADMIN, _STANDARD_USER, _READ_ONLY),
    ),
    RecordType(
        "Complaint",
        "Complaint",
        "A customer is not content.",
        picklists={
            "Status": ("New", "Escalated", "Closed"),
            "Priority": ("High", "Medium"),
            "Type": ("Mechanical", "Structural", "Other"),
            "Product__c": ("GC1040", "GC5020", "GC5040", "GC5060"),
        },
        defaults={"Priority": "High"},
        hidden_from=(_STANDARD_USER, _READ_ONLY),
    ),
)
_PRODUCTS: dict[str, tuple[str, ...]] = {
    "GC1040": ("Mechanical",),
    "GC1060": ("Mechanical",),
    "GC3020": ("Electrical",),
    "GC3040": ("Electrical", "Electronic"),
    "GC3060": ("Electronic",),
    "GC5020": ("Mechanical", "Structural"),
    "GC5040": ("Structural",),
    "GC5060": ("Structural",),
}
_LIABLE = ("GC3020", "GC3040", "GC5020")
_FIELDS: dict[str, tuple[Field, ...]] = {
    "Opportunity": (
        Field("DeliveryInstallationStatus__c", "Delivery/Installation Status", "picklist", 255,
              picklist=("Yet to begin", "In progress", "Completed"), restricted=True),
    ),
    "Case": (
        Field("Product__c", "Product", "picklist", 255, picklist=tuple(_PRODUCTS), restricted=True, controller="Type",
              valid_for=tuple(_PRODUCTS.values())),
        Field("PotentialLiability__c", "Potential Liability", "picklist", 255, picklist=("No", "Yes"),
              controller="Product__c", valid_for=(tuple(_PRODUCTS), _LIABLE)),
        Field("SLAViolation__c", "SLA Violation", "picklist", 255, picklist=("No", "Yes"), controller="IsEscalated",
              valid_for=(("false", "true"), ("true",))),
    ),
}  # fmt: skip
_TYPES = {"Opportunity": _OPPORTUNITY, "Case": _CASE}


def shaped(one: SObject) -> SObject:
    """The object with its record types and the fields that it has in an org of this shape."""
    types = _TYPES.get(one.name)
    if types is None:
        return one
    first, *others = one.fields
    return replace(one, fields=(first, RECORD_TYPE_ID, *others, *_FIELDS[one.name]), record_types=types)
