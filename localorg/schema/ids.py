"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum for systems that ignore case."""

import re

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def is_id(text: str) -> bool:
    """Whether `text` has the form of a record id (15 or 18 characters)."""
    return _ID.fullmatch(text) is not None


def to_18(identifier: str) -> str:
    """The 18-character form of a 15- or 18-character id; raises ValueError on any other text."""
    if not is_id(identifier):
        raise ValueError("not a record id")
    stem = identifier[:15]
    check = ""
    for start in (0, 5, 10):
        bits = sum(1 << i for i, c in enumerate(stem[start : start + 5]) if "A" <= c <= "Z")
        check += _CHECK[bits]
    return stem + check


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the `number`-th record of the object with the three-character key prefix `prefix`."""
    digits = ""
    for _ in range(9):
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return to_18(f"{prefix}5e0{digits}")
