"""A parsed query as a frozen tree, and the error that points into its text.

Source of the parts: SOQL and SOSL Reference, "SOQL SELECT Syntax". `start` is everywhere the offset in the text at
which a part begins, for errors.
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
    """A refused query: Salesforce's error code and its message with row and column."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def position(text: str, start: int) -> str:
    """Salesforce's pointer into a query: the line, a caret, and `ERROR at Row:r:Column:c`."""
    row = text.count("\n", 0, start) + 1
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = start - line_start
    excerpt = line[max(0, column - 40) : column + 20].strip()
    return f"\n{excerpt}\n{' ' * min(column, 40)}^\nERROR at Row:{row}:Column:{column + 1}\n"


@dataclass(frozen=True, slots=True)
class Path:
    """A field, perhaps through parents: `Owner.Name`."""

    parts: tuple[str, ...]
    start: int
    alias: str | None = None

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Place:
    """The rest of `DISTANCE(field, GEOLOCATION(latitude, longitude), unit)`: degrees, and `km` or `mi`."""

    latitude: float
    longitude: float
    unit: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function over a field, or over one of another function; `COUNT()` has no argument, DISTANCE a place besides."""

    function: str
    argument: "Path | Call | None"
    start: int
    alias: str | None = None
    place: Place | None = None

    @property
    def path(self) -> Path | None:
        """The field at the bottom; None for `COUNT()`."""
        return self.argument.path if isinstance(self.argument, Call) else self.argument


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF What WHEN Account THEN Phone ELSE Name END`: fields by what a polymorphic reference refers to."""

    relationship: Path
    branches: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FieldsOf:
    """`FIELDS(ALL | STANDARD | CUSTOM)`."""

    group: str
    start: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal; `kind` is string, number, boolean, null, date, datetime or dateliteral."""

    kind: Literal["string", "number", "boolean", "null", "date", "datetime", "dateliteral"]
    value: str | float | bool | None
    start: int


@dataclass(frozen=True, slots=True)
class Compare:
    left: "Path | Call"
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    left: "Path | Call"
    negated: bool
    values: "tuple[Value, ...] | Query"


@dataclass(frozen=True, slots=True)
class Includes:
    """`INCLUDES ('A;B', 'C')`: A and B, or C, are chosen in a multi-select picklist."""

    left: Path
    negated: bool
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Not:
    term: "Condition"


@dataclass(frozen=True, slots=True)
class Combine:
    operator: Literal["AND", "OR"]
    terms: "tuple[Condition, ...]"


Condition = Compare | In | Includes | Not | Combine


@dataclass(frozen=True, slots=True)
class Order:
    by: "Path | Call"
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """`joined` are the parents named in FROM (`c.Account a`), `totals` is ROLLUP, CUBE or empty, `scope` what USING
    SCOPE said.
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
