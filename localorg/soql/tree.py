"""A parsed query, and the error that points into its text.

`start` is always the offset in the text, for errors. Source: SOQL and SOSL Reference, "SOQL SELECT Syntax".
"""

from dataclasses import dataclass
from typing import Literal

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
DATE_FUNCTIONS = frozenset(
    {
        "CALENDAR_YEAR",
        "CALENDAR_MONTH",
        "CALENDAR_QUARTER",
        "DAY_IN_MONTH",
        "DAY_IN_WEEK",
        "DAY_IN_YEAR",
        "DAY_ONLY",
        "HOUR_IN_DAY",
    }
    | {"FISCAL_YEAR", "FISCAL_MONTH", "FISCAL_QUARTER", "WEEK_IN_MONTH", "WEEK_IN_YEAR"}
)


class SoqlError(Exception):
    """A refused query. `code` is Salesforce's error code; `message` holds row and column."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def position(text: str, start: int) -> str:
    """The beginning of an error message that points at offset `start`: the line, a caret, and `ERROR at
    Row:r:Column:c`.
    """
    row = text.count("\n", 0, start) + 1
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = start - line_start
    excerpt = line[max(0, column - 40) : column + 20].strip()
    return f"\n{excerpt}\n{' ' * min(column, 40)}^\nERROR at Row:{row}:Column:{column + 1}\n"


@dataclass(frozen=True, slots=True)
class Path:
    """A field with the relationships before it, such as `Owner.Name`; or an object in FROM with its alias."""

    parts: tuple[str, ...]
    start: int
    alias: str | None = None

    @property
    def text(self) -> str:
        """The path as one text."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Place:
    """The point and unit in `DISTANCE(field, GEOLOCATION(latitude, longitude), unit)`: degrees, and `km` or `mi`."""

    latitude: float
    longitude: float
    unit: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function. `argument` is a field or another function; None for `COUNT()`. `place` is for DISTANCE."""

    function: str
    argument: "Path | Call | None"
    start: int
    alias: str | None = None
    place: Place | None = None

    @property
    def path(self) -> Path | None:
        """The innermost field, None for `COUNT()`."""
        return self.argument.path if isinstance(self.argument, Call) else self.argument


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF What WHEN Account THEN Phone ELSE Name END`: the fields depend on the object of a polymorphic parent."""

    relationship: Path
    branches: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FieldsOf:
    """`FIELDS(ALL)`, `FIELDS(STANDARD)`, or `FIELDS(CUSTOM)`."""

    group: str
    start: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. Numbers are float; dates, dateTimes, date literals and amounts with a currency (`USD5000`) are
    text."""

    kind: Literal["string", "number", "boolean", "null", "date", "datetime", "dateliteral", "currency"]
    value: str | float | bool | None
    start: int


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison with one value, also by LIKE."""

    left: "Path | Call"
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """`IN` or (negated) `NOT IN`, with a list of values or a sub-query."""

    left: "Path | Call"
    negated: bool
    values: "tuple[Value, ...] | Query"


@dataclass(frozen=True, slots=True)
class Includes:
    """`INCLUDES ('A;B', 'C')` or (negated) `EXCLUDES`: a multi-select picklist has A and B, or C."""

    left: Path
    negated: bool
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`NOT` before a condition."""

    term: "Condition"


@dataclass(frozen=True, slots=True)
class Combine:
    """Conditions with AND or OR between them."""

    operator: Literal["AND", "OR"]
    terms: "tuple[Condition, ...]"


Condition = Compare | In | Includes | Not | Combine


@dataclass(frozen=True, slots=True)
class Order:
    """One field or function of ORDER BY."""

    by: "Path | Call"
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A query or sub-query.

    `joined` are the parents named in FROM (`c.Account a`); `totals` is ROLLUP, CUBE, or empty; `scope` is the word
    after USING SCOPE; `viewed` and `referenced` are FOR VIEW and FOR REFERENCE.
    """

    select: "tuple[Path | Call | FieldsOf | TypeOf | Query, ...]"
    sobject: Path
    where: "Condition | None" = None
    group_by: "tuple[Path | Call, ...]" = ()
    having: "Condition | None" = None
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    joined: tuple[Path, ...] = ()
    totals: str = ""
    scope: str = ""
    viewed: bool = False
    referenced: bool = False
