"""Text as Salesforce compares it: without regard to case, in any alphabet, and with regard to accents.

Letters are folded one by one; a letter whose small form is several letters or an ASCII one (`İ`, the Kelvin sign) stays
as it is. So a text that is ASCII equals no other one, and SQLite's own LIKE, which folds ASCII only, is right for ASCII
patterns.
"""

import re
import sqlite3
from functools import lru_cache

COLLATION = "SALESFORCE"


def fold(text: str) -> str:
    """The text in small letters."""
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
    # Written out: an index of a million names asks this twenty million times.
    one = one.lower() if one.isascii() else _fold(one)
    other = other.lower() if other.isascii() else _fold(other)
    return (one > other) - (one < other)


@lru_cache(1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    """A LIKE pattern: `%` is any text, `_` any one letter, a backslash takes the next letter as it is."""
    parts = re.findall(r"\\.|.", fold(pattern), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.DOTALL)


def _like(pattern: str, text: str | None) -> bool | None:
    return None if text is None else _pattern(pattern).fullmatch(fold(text)) is not None


def like(column: str, pattern: str) -> str:
    """The SQL that compares a column with a pattern, which is to be bound to it."""
    return f"{column} LIKE ? ESCAPE '\\'" if pattern.isascii() else f"like_in_any_alphabet(?, {column})"


def register(db: sqlite3.Connection) -> None:
    """Teaches a connection the comparisons; every one that reads the org's tables needs it."""
    db.create_collation(COLLATION, _collate)
    db.create_function("like_in_any_alphabet", 2, _like, deterministic=True)
