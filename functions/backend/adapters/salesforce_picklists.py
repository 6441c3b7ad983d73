"""Picklists of record types, and which value of a dependent picklist goes with which of its controlling field.

Source: User Interface API Developer Guide, "Picklist Values"; SOAP API Developer Guide, PicklistEntry.validFor.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from backend.adapters.salesforce_http import UNREADABLE
from backend.failures import Busy
from contract.picklists import Picklist


class _Value(msgspec.Struct, frozen=True, rename="camel"):
    value: str
    label: str | None = None
    valid_for: list[int] | None = None


class _Default(msgspec.Struct, frozen=True):
    value: str | None = None


class _Values(msgspec.Struct, frozen=True, rename="camel"):
    values: list[_Value]
    controller_values: dict[str, int] | None = None
    default_value: _Default | None = None


class _Collection(msgspec.Struct, frozen=True, rename="camel"):
    picklist_field_values: dict[str, msgspec.Raw]


def picklists_of(body: bytes) -> Mapping[str, Picklist]:
    """The picklists in an answer of `picklist-values`, by field; one that cannot be read is not among them, and holds
    what its describe says. Raises Busy when none can be read.
    """
    try:
        told = msgspec.json.decode(body, type=_Collection).picklist_field_values
    except UNREADABLE:
        raise Busy from None
    picklists = {name: one for name, raw in told.items() if (one := _picklist(raw)) is not None}
    if told and not picklists:
        raise Busy
    return picklists


def _picklist(raw: msgspec.Raw) -> Picklist | None:
    try:
        told = msgspec.json.decode(raw, type=_Values)
    except UNREADABLE:
        return None
    with_ = {index: value for value, index in (told.controller_values or {}).items()}
    default = None if told.default_value is None else told.default_value.value
    entries = ((v.value, v.label, tuple(with_[n] for n in v.valid_for or () if n in with_)) for v in told.values)
    return replace(picklist_of(entries, dependent=bool(with_)), default=default)


def picklist_of(entries: Iterable[tuple[str, str | None, tuple[str, ...]]], *, dependent: bool) -> Picklist:
    """A picklist from its entries: the value, the label and the controlling values of each.

    A value may come twice, with another label and other controlling values: two states of two countries have one code.
    """
    labels: dict[str, str] = {}
    valid_for: dict[str, tuple[str, ...]] = {}
    labels_with: dict[str, dict[str, str]] = {}
    for value, label, controlling in entries:
        reads = label or value
        if value not in valid_for and reads != value:
            labels[value] = reads
        if value in valid_for and reads != labels.get(value, value):
            for one in controlling:
                labels_with.setdefault(one, {})[value] = reads
        valid_for[value] = (*valid_for.get(value, ()), *controlling)
    return Picklist(tuple(valid_for), labels, None, valid_for if dependent else {}, labels_with)


def valid_with(bitmap: str | None, controlling: Sequence[str]) -> tuple[str, ...]:
    """Those of the controlling values that `validFor` names: base64 of bits, the most significant bit of the first byte
    for the first value. All of them where it does not say, or cannot be read: then the org judges.
    """
    try:
        bits = None if bitmap is None else base64.b64decode(bitmap, validate=True)
    except ValueError:
        bits = None
    if bits is None:
        return tuple(controlling)
    return tuple(value for n, value in enumerate(controlling) if n < 8 * len(bits) and bits[n // 8] & 0x80 >> n % 8)
