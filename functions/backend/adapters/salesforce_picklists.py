"""Picklists of record types, and which value of a dependent picklist goes with which of its controlling field.

Source: User Interface API Developer Guide, "Picklist Values"; SOAP API Developer Guide, PicklistEntry.validFor.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence

import msgspec

from backend.failures import Busy
from contract.picklists import Picklist


class _Value(msgspec.Struct, rename="camel"):
    value: str
    label: str | None = None
    valid_for: list[int] = []


class _Values(msgspec.Struct, rename="camel"):
    values: list[_Value]
    controller_values: dict[str, int] = {}
    default_value: _Value | None = None


class _Collection(msgspec.Struct, rename="camel"):
    picklist_field_values: dict[str, _Values]


def picklists_of(body: bytes) -> Mapping[str, Picklist]:
    """The picklists in an answer of `picklist-values`, by field. Raises Busy when it cannot be read."""
    try:
        told = msgspec.json.decode(body, type=_Collection).picklist_field_values
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Busy from None
    return {name: _picklist(one) for name, one in told.items()}


def _picklist(told: _Values) -> Picklist:
    with_ = {index: value for value, index in told.controller_values.items()}
    return Picklist(
        tuple(v.value for v in told.values),
        {v.value: v.label for v in told.values if v.label and v.label != v.value},
        None if told.default_value is None else told.default_value.value,
        {v.value: tuple(with_[n] for n in v.valid_for if n in with_) for v in told.values} if with_ else {},
    )


def valid_with(bitmap: str | None, controlling: Sequence[str]) -> tuple[str, ...]:
    """Those of the controlling values that `validFor` names: base64 of bits, the most significant bit of the first byte
    for the first value. Raises Busy when it cannot be read.
    """
    try:
        bits = base64.b64decode(bitmap or "", validate=True)
    except binascii.Error:
        raise Busy from None
    return tuple(value for n, value in enumerate(controlling) if n < 8 * len(bits) and bits[n // 8] & 0x80 >> n % 8)
