"""Text comparison as in Salesforce: case is ignored in all alphabets, accents are not.

Letters are folded one by one. A letter whose lower case has several letters, or is an ASCII letter (`İ`, the Kelvin
sign), is not folded. So an ASCII text equals ASCII texts only, and SQLite's LIKE, which folds ASCII only, is right for
ASCII patterns.
"""

import re
import sqlite3
from functools import lru_cache

COLLATION = "SALESFORCE"


def fold(text: str) -> str:
    """The text in lower case, by the rules of this module."""
    return text.lower() if text.isascii() else _fold(text)


@lru_cache(65536)
def _fold(text: str) -> str:
    return "".join(map(_folded, text))


def _folded(letter: str) -> str:
    small = letter.lower()
    return small if letter.isascii() or (len(small) == 1 and not small.isascii()) else letter


def _collate(one: str, other: str) -> int:
    if one == other:
        return 0
    # Not a call of fold: an index of a million names runs this twenty million times.
    one = one.lower() if one.isascii() else _fold(one)
    other = other.lower() if other.isascii() else _fold(other)
    return (one > other) - (one < other)


@lru_cache(1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression: `%` matches any text, `_` one letter; a backslash escapes the next
    letter.
    """
    parts = re.findall(r"\\.|.", fold(pattern), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.DOTALL)


def _like(pattern: str, text: str | None) -> bool | None:
    return None if text is None else _pattern(pattern).fullmatch(fold(text)) is not None


def like(column: str, pattern: str) -> str:
    """The SQL that compares a column with a LIKE pattern. The pattern must be bound to its one `?`."""
    return f"{column} LIKE ? ESCAPE '\\'" if pattern.isascii() else f"like_in_any_alphabet(?, {column})"


def register(db: sqlite3.Connection) -> None:
    """Adds the comparisons to a connection. Every connection to an org's database needs them."""
    db.create_collation(COLLATION, _collate)
    db.create_function("like_in_any_alphabet", 2, _like, deterministic=True)
