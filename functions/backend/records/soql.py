"""SOQL and SOSL text from checked parts. REST has no bind parameters, so every value goes through `literal` or
`search_term`.

Source: SOQL and SOSL Reference, "Quoted String Escape Sequences", "Date Formats and Date Literals", "FIND
{SearchQuery}", "SOSL Reserved Characters"; Object Reference, "Primitive Data Types" (the years, and how many digits a
number has).
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from contract.calls import MAX_SEARCH, FieldValue, is_search
from contract.errors import Reason, RefusedRequest
from contract.values import RECORD_ID

TEXT = frozenset(
    {
        "id",
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "reference",
        "email",
        "phone",
        "url",
        "combobox",
        "encryptedstring",
    }
)
NUMBER = frozenset({"currency", "double", "int", "long", "percent"})
_RESERVED = frozenset("?&|!{}[]()^~*:\\\"'+-")
_OPERATORS = ("and", "or", "not")
_TOO_LARGE = 10**18  # a number of Salesforce's has at most 18 digits
_YEARS = range(1700, 4001)
_ID = re.compile(RECORD_ID)
_ESCAPED = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"})


def quote(text: str) -> str:
    """`text` as a string literal."""
    return f"'{text.translate(_ESCAPED)}'"


def like_anywhere(text: str) -> str:
    """A LIKE pattern that finds `text` itself: its `%` and `_` stand for themselves."""
    return "'%" + text.translate(_ESCAPED).replace("%", "\\%").replace("_", "\\_") + "%'"


def search_term(text: str) -> str:
    """`text` between the braces of SOSL's FIND: its reserved characters and its `and`, `or` and `not` stand for
    themselves, the last word may go on.

    Raises RefusedRequest.
    """
    words = " ".join(text.split())
    if not is_search(words) or len(words) > MAX_SEARCH:
        raise RefusedRequest(Reason.INVALID_VALUE, f"A search needs 2 to {MAX_SEARCH} letters.")
    term = " ".join(map(_searched_word, words.split(" ")))
    return term if term.endswith('"') else f"{term}*"


def _searched_word(word: str) -> str:
    if word.lower() in _OPERATORS:
        return f'"{word}"'
    return "".join(f"\\{c}" if c in _RESERVED else c for c in word)


def record_id(text: str) -> str:
    """`text` when it is a record id. Raises RefusedRequest."""
    if _ID.fullmatch(text) is None:
        raise RefusedRequest(Reason.INVALID_VALUE, "A record id has 15 or 18 letters and digits.")
    return text


def literal(kind: str, value: FieldValue) -> str:
    """A value as a literal for a field of Salesforce type `kind`. Raises RefusedRequest when it does not fit."""
    if value is None:
        return "null"
    if kind in TEXT and isinstance(value, str):
        return quote(value)
    if kind in NUMBER and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        return format(Decimal(repr(value)), "f")  # never 1e-07
    if kind == "boolean" and isinstance(value, bool):
        return "true" if value else "false"
    try:
        if kind == "date" and isinstance(value, str):
            day = date.fromisoformat(value)
            if day.year in _YEARS:
                return day.isoformat()
        if kind == "datetime" and isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None and moment.year in _YEARS:
                offset = moment.tzinfo.utcoffset(moment) or timedelta()
                whole = moment if not offset.seconds % 60 else moment.astimezone(UTC)  # Salesforce's have minutes
                return whole.isoformat(timespec="milliseconds")
    except ValueError:
        pass
    raise RefusedRequest(Reason.INVALID_VALUE, f"The value does not fit a field of type {kind}.")
