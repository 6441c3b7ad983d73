"""The codes beside the texts of addresses in an org of the shape `state-country` (State and Country/Territory
Picklists).

Each address has a picklist of countries and one of states, which depends on it. Two states of two countries may have
one code (`SC` is Santa Catarina and South Carolina): they are two values of the picklist. Sources: Salesforce Help,
"State and Country/Territory Picklists"; Object Reference, Account (BillingCountryCode, BillingStateCode).
"""

from dataclasses import replace

from localorg.schema.places import COUNTRIES, STATES
from localorg.schema.sobjects import Field, SObject

_ALL_STATES = [(code, name, country) for country, states in STATES.items() for code, name in states.items()]
_ALL_STATES.sort(key=lambda state: state[1])


def shaped(one: SObject) -> SObject:
    """The object with the codes that its addresses have in an org of this shape."""
    fields: list[Field] = []
    for f in one.fields:
        fields.append(replace(f, coded=True) if f.type == "address" else f)
        whole = next((a for a in one.fields if a.type == "address" and a.name == f.within), None)
        if whole is not None and f.name == f"{whole.compound}State":
            fields.append(_state(f, whole))
        elif whole is not None and f.name == f"{whole.compound}Country":
            fields.append(_country(f))
    return replace(one, fields=tuple(fields))


def _country(text: Field) -> Field:
    return replace(
        text,
        name=f"{text.name}Code",
        label=f"{text.label} Code",
        type="picklist",
        length=10,
        picklist=tuple(COUNTRIES),
        labels=tuple(COUNTRIES.values()),
    )


def _state(text: Field, whole: Field) -> Field:
    return replace(
        text,
        name=f"{text.name}Code",
        label=f"{text.label} Code",
        type="picklist",
        length=10,
        picklist=tuple(code for code, _, _ in _ALL_STATES),
        labels=tuple(name for _, name, _ in _ALL_STATES),
        controller=f"{whole.compound}CountryCode",
        valid_for=tuple((country,) for _, _, country in _ALL_STATES),
    )
