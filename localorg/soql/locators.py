"""Query locators: they hold all that the next page of a query needs, so that the org stores nothing."""

import base64
import binascii
import re
from dataclasses import dataclass

import msgspec


class Below(msgspec.Struct, frozen=True, array_like=True):
    """Which children a page continues: those of the record `parent`, by the sub-query at `path`.

    `path` are the places in SELECT, from the outermost query inwards.
    """

    path: tuple[int, ...]
    parent: str


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    text: str
    batch: int
    deleted: bool
    below: Below | None = None


@dataclass(frozen=True, slots=True)
class Locator:
    """What the next page of a query needs: its text, its first row, the rows a page, whether deleted rows count, and
    whose children it continues (None for the query's own rows).
    """

    text: str
    offset: int
    batch: int
    deleted: bool
    below: Below | None = None


def make_locator(locator: Locator) -> str:
    """A locator as text: the part of `nextRecordsUrl` after `/query/`."""
    packed = _Packed(locator.text, locator.batch, locator.deleted, locator.below)
    encoded = base64.urlsafe_b64encode(msgspec.json.encode(packed)).decode().rstrip("=")
    return f"01g{encoded}-{locator.offset}"


def read_locator(text: str) -> Locator:
    """The locator in a text that `make_locator` made. Raises ValueError for any other text."""
    match = re.fullmatch(r"01g([A-Za-z0-9_-]+)-(\d{1,9})", text)
    if match is None:
        raise ValueError("not a query locator")
    try:
        encoded = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4))
        packed = msgspec.json.decode(encoded, type=_Packed)
    except (binascii.Error, msgspec.DecodeError):
        raise ValueError("not a query locator") from None
    return Locator(packed.text, int(match[2]), max(1, packed.batch), packed.deleted, packed.below)
