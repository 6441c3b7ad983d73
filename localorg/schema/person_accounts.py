"""What an org of the shape `person-accounts` has besides: accounts that are people, each with a contact beside it.

Sources: Object Reference, Account (IsPersonAccount and the fields of people), Contact (IsPersonAccount), RecordType
(IsPersonType); SOAP API Developer Guide, "Person Account Record Types"; Salesforce Help, "Considerations for Using
Person Accounts": custom fields of contacts are fields of people too, their names end in `__pc`.
"""

from dataclasses import replace

from localorg.schema.demo_record_types import RECORD_TYPE_ID
from localorg.schema.sobjects import Field, RecordType, SObject
from localorg.schema.standard import STANDARD

IS_PERSON = "IsPersonAccount"
PERSON_CONTACT = "PersonContactId"
NAME_PARTS = ("Salutation", "FirstName", "LastName")
_OF_CONTACTS = (
    "Email", "Title", "Department", "MobilePhone", "HomePhone", "OtherPhone", "AssistantName", "AssistantPhone",
    "LeadSource", "Birthdate", "HasOptedOutOfEmail", "DoNotCall",
)  # fmt: skip
_LABELS = {"MobilePhone": "Mobile", "AssistantName": "Assistant", "AssistantPhone": "Asst. Phone"}
_SHARED = ("Phone", "Fax", "Description")  # of account and contact alike
_BUSINESS = RecordType("Business_Account", "Business Account", "A company.")
_PERSON = RecordType("PersonAccount", "Person Account", "A customer who is a person.", person=True)


def shaped(one: SObject) -> SObject:
    """The object with what it has in an org of this shape."""
    is_person = Field(IS_PERSON, "Is Person Account", "boolean", 0, system=True, default=False)
    match one.name:
        case "Account":
            first, name, *others = one.fields
            typed = () if one.field(RECORD_TYPE_ID.name) else (RECORD_TYPE_ID,)
            return replace(
                one,
                fields=(first, *typed, name, *_names(), *others, *_of_people(), is_person),
                record_types=(*one.record_types, _BUSINESS, _PERSON),
            )
        case "Contact":
            return replace(one, fields=(*one.fields, is_person))
        case "RecordType":
            return replace(
                one, fields=(*one.fields, Field("IsPersonType", "Is Person Type", "boolean", 0, default=False))
            )
        case _:
            return one


def twins(account: SObject, contact: SObject) -> dict[str, str]:
    """The fields that a person's account and contact have in common: those of the account, each with the contact's."""
    named = {name: name for name in (*NAME_PARTS, *_SHARED)}
    for f in account.fields:
        if f.name.startswith("Person") and f.name != PERSON_CONTACT:
            named[f.name] = f.name.removeprefix("Person")
        elif f.name.endswith("__pc"):
            named[f.name] = f.name.removesuffix("__pc") + "__c"
    return {
        mine: theirs
        for mine, theirs in named.items()
        if (f := account.field(mine)) and f.stored and contact.field(theirs)
    }


def of_people_only(one: SObject) -> frozenset[str]:
    """The fields that an account has only when it is a person."""
    people = (f.name for f in one.fields if f.name.startswith("Person") or f.name.endswith("__pc"))
    return frozenset({*NAME_PARTS, *people})


def _names() -> tuple[Field, ...]:
    contact = STANDARD["Contact"]
    return tuple(replace(contact.by_name[name.lower()], required=False) for name in NAME_PARTS)


def _of_people() -> list[Field]:
    contact = STANDARD["Contact"]
    fields = [
        Field(PERSON_CONTACT, "Contact ID", "reference", 18, refers_to="Contact", relationship="PersonContact",
              system=True)
    ]  # fmt: skip
    for f in contact.fields:
        if f.name in _OF_CONTACTS:
            fields.append(replace(f, name=f"Person{f.name}", label=_LABELS.get(f.name, f.label)))
        elif f.name.startswith(("Mailing", "Other")) and (f.within or f.compound):
            within = None if f.within is None else f"Person{f.within}"
            compound = None if f.compound is None else f"Person{f.compound}"
            fields.append(replace(f, name=f"Person{f.name}", within=within, compound=compound))
        elif f.custom:
            name = f.name.removesuffix("__c") + "__pc"
            fields.append(replace(f, name=name, external_id=False, unique=False))
    return fields
