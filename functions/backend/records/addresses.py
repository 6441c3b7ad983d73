"""Addresses: which field has which part of one, and the codes where the org has picklists of countries and states.

There a country and a state are chosen by their codes, from picklists of which one depends on the other; the texts
beside them follow. Sources: Object Reference, Address Compound Fields; Salesforce Help, "State and Country/Territory
Picklist Field-Syncing Logic".
"""

from collections.abc import Mapping

from backend.records.layouts import Layout
from backend.records.org import Described
from contract.calls import AddressShape

_PARTS = {
    "street": "Street", "postal_code": "PostalCode", "city": "City", "state": "State", "country": "Country",
    "state_code": "StateCode", "country_code": "CountryCode",
}  # fmt: skip


def addresses_of(layout: Layout, described: Described) -> tuple[AddressShape, ...]:
    """The addresses among the fields that the app shows, by the compound field that each part belongs to, whose label
    is the address's. Parts of a custom one end in `__s`."""
    parts: dict[str, dict[str, str]] = {}
    for name in layout.detailed:
        within = (described.fields[name].within or "") if name in described.fields else ""
        part = next((p for p, ending in _PARTS.items() if name.removesuffix("__s").endswith(ending)), None)
        if part is not None and within in described.fields and described.fields[within].shape.type == "address":
            parts.setdefault(within, {})[part] = name
    return tuple(AddressShape(described.fields[whole].shape.label, **names) for whole, names in parts.items())


def codes_of(described: Described) -> Mapping[str, str]:
    """The texts that follow a code, each with the field of the code; empty where addresses have texts only."""
    codes: dict[str, str] = {}
    for name, field in described.fields.items():
        if field.shape.type != "picklist" or not name.endswith(("StateCode", "CountryCode")):
            continue
        text = described.fields.get(name.removesuffix("Code"))
        if text is not None and field.within is not None and field.within == text.within:
            codes[text.shape.name] = name
    return codes
