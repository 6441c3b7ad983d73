"""Records that are people: what Salesforce calls person accounts.

An account may be a business or a person. A person's name is made of first and last name and cannot be written, a
business has none of a person's fields. Sources: SOAP API Developer Guide, "Person Account Record Types"; Object
Reference, Account (IsPersonAccount; what begins with `Person` or ends in `__pc` is of people); Salesforce Help,
"Considerations for Using Person Accounts" (people have no parent account).
"""

from collections.abc import Iterable, Mapping

from backend.records.org import RECORD_TYPE, Described
from contract.calls import NAME, FieldValue
from contract.errors import Reason, RefusedRequest

FLAG = "IsPersonAccount"
_NAME_PARTS = frozenset({"Salutation", "FirstName", "MiddleName", "LastName", "Suffix"})
_REQUIRED = ("LastName",)
_NOT_RELATED = frozenset({"Contacts"})  # the only contact of a person is the person
_NOT_OF_PEOPLE = frozenset({NAME, FLAG, "ParentId", "Parent.Name"})


def of_businesses(names: Iterable[str], described: Described) -> tuple[str, ...]:
    """Those of the fields that may be written of a record that is no person."""
    if described.people is None:
        return tuple(names)
    not_theirs = {FLAG, *_NAME_PARTS}
    return tuple(n for n in names if n not in not_theirs and not n.startswith("Person") and not n.endswith("__pc"))


def of_people(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the fields that may be written of a person."""
    return tuple(n for n in names if n not in _NOT_OF_PEOPLE)


def required(described: Described) -> tuple[str, ...]:
    """What a person needs, of what the user may see."""
    return tuple(n for n in _REQUIRED if n in described.fields)


def related_lists(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the related lists that a person has."""
    return tuple(n for n in names if n not in _NOT_RELATED)


def check_kind(described: Described, fields: Mapping[str, FieldValue]) -> None:
    """Raises RefusedRequest(field-not-editable) where a new record has fields that records of its type do not have."""
    record_type = fields.get(RECORD_TYPE)
    if described.people is None or not isinstance(record_type, str):
        return
    person = record_type[:15] in {one[:15] for one in described.people.record_types}
    right = of_people(fields) if person else of_businesses(fields, described)
    wrong = [n for n in fields if n not in right]
    if wrong:
        raise RefusedRequest(Reason.FIELD_NOT_EDITABLE, details={"fields": wrong})
