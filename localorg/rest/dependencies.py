"""Dependent picklists: which values go with which of the controlling field, as describe and the User Interface API say.

Source: SOAP API Developer Guide, PicklistEntry.validFor; User Interface API Developer Guide, "Picklist Values" and
"Build UI for Picklists".
"""

import base64
from collections.abc import Mapping

from localorg.schema.sobjects import Choice, Field, SObject


def controlling_values(source: SObject, f: Field) -> Mapping[str, int]:
    """The values of the field that a dependent picklist depends on, each with its index; empty for other picklists."""
    controller = source.field(f.controller) if f.controller else None
    if controller is None:
        return {}
    values = ("false", "true") if controller.type == "boolean" else controller.active_values
    return {value: n for n, value in enumerate(values)}


def bitmap(source: SObject, f: Field, choice: Choice) -> str:
    """`validFor` of an entry: base64 of bits, of which the first (the most significant one of the first byte) stands
    for the first controlling value. It is filled up to whole groups of three bytes, as in real answers.
    """
    indexes = controlling_values(source, f)
    bits = bytearray(3 * max(1, -(-len(indexes) // 24)))
    for name in choice.valid_with:
        if name in indexes:
            bits[indexes[name] // 8] |= 0x80 >> indexes[name] % 8
    return base64.b64encode(bits).decode()


def controllers(source: SObject, f: Field) -> list[str]:
    """The fields that control a picklist: the one that it depends on, and those on which that one depends."""
    names: list[str] = []
    at: Field | None = f
    while at is not None and at.controller and at.controller not in names:
        names.append(at.controller)
        at = source.field(at.controller)
    return names


def dependent_fields(source: SObject) -> dict[str, object]:
    """`dependentFields` of an object: each field that controls others, with these below it, as deep as it goes."""

    def below(name: str) -> dict[str, object]:
        return {f.name: below(f.name) for f in source.fields if f.controller == name and f.name != name}

    tops = {f.controller for f in source.fields if f.controller}
    tops = {name for name in tops if (top := source.field(name)) is None or not top.controller}
    return {name: below(name) for name in sorted(tops)}
