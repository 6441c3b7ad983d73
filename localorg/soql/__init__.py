"""SOQL: the parser (`syntax`), the parsed query (`tree`), and its translation to SQLite (`run`)."""

from localorg.soql.run import Page, run
from localorg.soql.syntax import parse
from localorg.soql.tree import SoqlError

__all__ = ["Page", "SoqlError", "parse", "run"]
