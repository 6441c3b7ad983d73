"""SOQL: a grammar of our own (`syntax`) and its translation to SQLite with bound parameters (`run`)."""

from localorg.soql.run import Page, run
from localorg.soql.syntax import parse
from localorg.soql.tree import SoqlError

__all__ = ["Page", "SoqlError", "parse", "run"]
