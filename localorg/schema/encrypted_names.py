"""The encrypted fields of an org of the shape `encrypted-names`: names and subjects by the probabilistic scheme of
Shield Platform Encryption, so that SOQL neither compares nor sorts nor groups by them; the names of deals and e-mail
addresses by the deterministic one, so that SOQL compares them for equality.

Source: Salesforce Help, "Which Standard Fields Can I Encrypt?" (the name of a person is encrypted with its parts),
"General Shield Platform Encryption Considerations", "Considerations for Using Deterministic Encryption".
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
_EXACT = frozenset({("Opportunity", "Name"), ("Contact", "Email"), ("Lead", "Email"), ("Account", "PersonEmail")})


def shaped(one: SObject) -> SObject:
    """The object with what is encrypted in an org of this shape."""
    names = _ENCRYPTED.get(one.name, frozenset())
    return _with(
        one, lambda f: replace(f, encrypted=True, exact=(one.name, f.name) in _EXACT) if f.name in names else f
    )


def compared(schema: Schema) -> Schema:
    """The schema with nothing encrypted, as the search index of an org sees it, which knows all words."""
    return Schema(_with(one, lambda f: replace(f, encrypted=False) if f.encrypted else f) for one in schema)


def _with(one: SObject, change: Callable[[Field], Field]) -> SObject:
    return replace(one, fields=tuple(change(f) for f in one.fields))
