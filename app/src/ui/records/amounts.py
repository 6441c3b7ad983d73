"""Amounts in forms, where each record has a currency of its own."""

from collections.abc import Mapping
from unicodedata import normalize

from babel.numbers import get_currency_precision

from contract.calls import FieldShape, FieldValue
from ui.shared import values
from ui.shared.words import _, n_

_SIGNS = frozenset("$€£¥")


def decimals_of(fields: Mapping[str, FieldShape], amount: FieldShape, code: str) -> int | None:
    """How many decimals an amount may have in a currency, by its ISO 4217 code; None where all records have the same
    one, and nobody is asked to keep to any."""
    chosen = fields.get(amount.currency_field)
    if chosen is None or not code:
        return None
    known = chosen.decimals.get(code)
    return get_currency_precision(code) if known is None else known


def has_another_sign(amount: FieldShape, text: str, code: str) -> bool:
    """Whether an amount was typed with the sign of another currency than its record's."""
    return bool(amount.currency_field and code and _signs_in(text) - _signs_in(values.sign(code)))


def _signs_in(text: str) -> frozenset[str]:
    return _SIGNS & frozenset(normalize("NFKC", text))  # also as the keyboards of East Asia write them, in full width


def what_is_too_fine(given: FieldValue, decimals: int | None) -> str | None:
    """What is wrong with an amount that has more decimals than its currency; None when it has not."""
    if decimals is None or not isinstance(given, int | float) or round(given, decimals) == given:
        return None
    if decimals == 0:
        return _("This currency has no decimals. Please enter a whole number.")
    return n_("This currency has {count} decimal.", "This currency has {count} decimals.", decimals)
