"""What an org's shapes change in its schema.

Each shape has a function that makes of the objects of every org those of an org of that shape.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from localorg.schema.sobjects import Field, Schema, SObject

ENCRYPTED_NAMES = "encrypted-names"
# Source: Salesforce Help, "Which Standard Fields Can I Encrypt?". Encrypting a name of a person encrypts its parts.
_ENCRYPTED: Mapping[str, frozenset[str]] = {
    "Account": frozenset({"Name"}),
    "Contact": frozenset({"Name", "FirstName", "LastName", "Email"}),
    "Lead": frozenset({"Name", "FirstName", "LastName", "Company", "Email"}),
    "Opportunity": frozenset({"Name"}),
    "Case": frozenset({"Subject"}),
}


def shaped(schema: Schema, shape: Collection[str]) -> Schema:
    """The schema of an org that has these shapes beside `schema`, which has none."""
    for name, change in _CHANGES.items():
        if name in shape:
            schema = Schema(change(one) for one in schema)
    return schema


def compared(schema: Schema) -> Schema:
    """The schema with nothing encrypted, as the search index of an org sees it, which knows all words."""
    return Schema(_with(one, lambda f: replace(f, encrypted=False) if f.encrypted else f) for one in schema)


def _with(one: SObject, change: Callable[[Field], Field]) -> SObject:
    return replace(one, fields=tuple(change(f) for f in one.fields))


def _encrypted_names(one: SObject) -> SObject:
    names = _ENCRYPTED.get(one.name, frozenset())
    return _with(one, lambda f: replace(f, encrypted=True) if f.name in names else f)


_CHANGES: Mapping[str, Callable[[SObject], SObject]] = {ENCRYPTED_NAMES: _encrypted_names}
