"""The encrypted fields of an org of the shape `encrypted-names`, by the probabilistic scheme of Shield Platform
Encryption: SOQL neither compares nor sorts nor groups by them.

Source: Salesforce Help, "Which Standard Fields Can I Encrypt?" (the name of a person is encrypted with its parts),
"General Shield Platform Encryption Considerations".
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from localorg.schema.sobjects import Field, Schema, SObject

_ENCRYPTED: Mapping[str, frozenset[str]] = {
    "Account": frozenset({"Name", "FirstName", "LastName", "PersonEmail"}),
    "Contact": frozenset({"Name", "FirstName", "LastName", "Email"}),
    "Lead": frozenset({"Name", "FirstName", "LastName", "Company", "Email"}),
    "Opportunity": frozenset({"Name"}),
    "Case": frozenset({"Subject"}),
}


def shaped(one: SObject) -> SObject:
    """The object with what is encrypted in an org of this shape."""
    names = _ENCRYPTED.get(one.name, frozenset())
    return _with(one, lambda f: replace(f, encrypted=True) if f.name in names else f)


def compared(schema: Schema) -> Schema:
    """The schema with nothing encrypted, as the search index of an org sees it, which knows all words."""
    return Schema(_with(one, lambda f: replace(f, encrypted=False) if f.encrypted else f) for one in schema)


def _with(one: SObject, change: Callable[[Field], Field]) -> SObject:
    return replace(one, fields=tuple(change(f) for f in one.fields))
