"""Amounts in forms, where each record has a currency of its own: an amount and its currency belong together."""

from collections.abc import Mapping

from babel.numbers import get_currency_precision

from contract.calls import FieldShape, FieldValue
from ui.shared import values
from ui.shared.words import _, n_

_SIGNS = frozenset("$€£¥￥")


def with_their_currency(
    fields: Mapping[str, FieldShape],
    seen: Mapping[str, FieldValue],
    changes: Mapping[str, FieldValue],
    theirs: Mapping[str, FieldValue],
) -> dict[str, FieldValue]:
    """My changes; where I have changed an amount and somebody else its currency, or the other way round, with what I
    saw of the other one too, so that one of us decides over both."""
    together = dict(changes)
    for amount in (f for f in fields.values() if f.currency_field):
        pair = (amount.name, amount.currency_field)
        for mine, other in (pair, pair[::-1]):
            if mine in changes and other not in changes and theirs.get(other) != seen.get(other):
                together[other] = seen.get(other)
    return together


def decimals_of(fields: Mapping[str, FieldShape], amount: FieldShape, code: str) -> int | None:
    """How many decimals an amount may have in a currency, by its ISO 4217 code; None where all records have the same
    one, and nobody is asked to keep to any."""
    chosen = fields.get(amount.currency_field)
    if chosen is None or not code:
        return None
    known = chosen.decimals.get(code)
    return get_currency_precision(code) if known is None else known


def check_sign(amount: FieldShape, text: str, code: str) -> None:
    """Raises ValueError for an amount that was typed with the sign of another currency than its record's."""
    if amount.currency_field and code and set(text) & _SIGNS - set(values.sign(code)):
        raise ValueError(code)


def what_is_too_fine(given: FieldValue, decimals: int | None) -> str | None:
    """What is wrong with an amount that has more decimals than its currency; None when it has not."""
    if decimals is None or not isinstance(given, int | float) or round(given, decimals) == given:
        return None
    if decimals == 0:
        return _("This currency has no decimals. Please enter a whole number.")
    return n_("This currency has {count} decimal.", "This currency has {count} decimals.", decimals)
