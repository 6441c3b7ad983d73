"""WHERE and HAVING as SQL. Every literal is a bound parameter."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from localorg.clock import to_datetime
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import NUMBER_TYPES, TEXT_TYPES, Field
from localorg.schema.text import like
from localorg.soql.dates import date_span
from localorg.soql.names import Asked, Scope, label_of
from localorg.soql.tree import AGGREGATES, Call, Combine, Compare, Condition, In, Includes, Not, Path, Query, Value

_MINE = frozenset({"MINE", "MINE_AND_MY_GROUPS"})  # this org has no queues
_EVERYTHING = frozenset({"", "ALL", "EVERYTHING", "SCOPINGRULE"})  # and no scoping rules


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values of its `?`."""

    text: str
    parameters: tuple[object, ...] = ()


class Conditions:
    """Translates the conditions of one query. `deleted` includes records in the recycle bin."""

    def __init__(self, asked: Asked, *, deleted: bool) -> None:
        self._asked = asked
        self._deleted = deleted

    def where(self, query: Query, scope: Scope) -> Sql:
        """The condition that a record must fulfil, with USING SCOPE, without the word WHERE. Raises SoqlError."""
        conditions = [] if self._deleted else [Sql(f'{scope.alias}."IsDeleted" = 0')]
        if query.scope in _MINE and scope.source.field("OwnerId") is not None:
            conditions.append(Sql(f'{scope.alias}."OwnerId" = ?', (self._asked.person.user_id,)))
        elif query.scope not in _EVERYTHING:
            raise self._asked.error(
                "MALFORMED_QUERY",
                query.sobject.start,
                f"The scope {query.scope} is not available for {scope.source.name}",
            )
        if query.where is not None:
            conditions.append(self.of(query.where, scope))
        return Sql(
            " AND ".join(f"({c.text})" for c in conditions) or "1", tuple(p for c in conditions for p in c.parameters)
        )

    def of(self, condition: Condition, scope: Scope, *, aggregates: bool = False) -> Sql:
        """A condition as SQL. `aggregates` allows aggregate functions, for HAVING. Raises SoqlError."""
        match condition:
            case Combine(operator, terms):
                parts = [self.of(t, scope, aggregates=aggregates) for t in terms]
                return Sql(
                    f" {operator} ".join(f"({p.text})" for p in parts), tuple(x for p in parts for x in p.parameters)
                )
            case Not(term):
                inner = self.of(term, scope, aggregates=aggregates)
                return Sql(f"NOT coalesce(({inner.text}), 0)", inner.parameters)
            case In(left, negated, values):
                return self._in(left, negated, values, scope, aggregates=aggregates)
            case Includes(left, negated, values):
                return self._includes(left, negated, values, scope)
            case Compare(left, operator, value):
                return self._compare_function(left, operator, value, scope, aggregates=aggregates)

    def _compare_function(
        self, left: Path | Call, operator: str, value: Value, scope: Scope, *, aggregates: bool
    ) -> Sql:
        if isinstance(left, Call):
            if left.function in ("FORMAT", "CONVERTCURRENCY"):
                raise self._asked.error("MALFORMED_QUERY", left.start, f"{left.function} can only be used in SELECT")
            if not aggregates and (left.function in AGGREGATES or left.function == "GROUPING"):
                raise self._asked.error("MALFORMED_QUERY", left.start, "Aggregates can only be compared in HAVING")
            if left.function == "DISTANCE" and (operator not in ("<", ">") or value.kind != "number"):
                raise self._asked.error(
                    "MALFORMED_QUERY", left.start, "DISTANCE can only be compared by < and > with a number"
                )
        sql, f = scope.expression(left) if aggregates else scope.whole(left)
        return self._compare(sql, f, left, operator, value)

    def _compare(self, sql: str, f: Field | None, left: Path | Call, operator: str, value: Value) -> Sql:
        self._check_filterable(f, left)
        if _is_null(f, value):
            if operator not in ("=", "!="):
                raise self._asked.error("MALFORMED_QUERY", value.start, "null can only be compared with = and !=")
            return Sql(f"{sql} IS {'NOT ' if operator == '!=' else ''}NULL")
        if operator == "LIKE":
            if value.kind != "string" or f is None or f.type not in TEXT_TYPES:
                raise self._asked.error("INVALID_QUERY_FILTER_OPERATOR", value.start, "LIKE can only be used with text")
            return Sql(like(sql, str(value.value)), (str(value.value),))
        self._check_type(f, left, value)
        if value.kind == "dateliteral":
            return self._compare_range(sql, f, operator, value)
        bound = self._bind(f, value)
        if operator == "!=":
            return Sql(f"({sql} != ? OR {sql} IS NULL)", (bound,))
        return Sql(f"{sql} {operator} ?", (bound,))

    def _check_filterable(self, f: Field | None, left: Path | Call) -> None:
        if f is not None and not f.filterable:
            raise self._asked.error(
                "INVALID_FIELD", left.start, f"field '{label_of(left)}' can not be filtered in a query call"
            )

    def _check_type(self, f: Field | None, left: Path | Call, value: Value) -> None:
        if f is None:
            return
        if f.type in NUMBER_TYPES:
            good = value.kind == "number"
        elif f.type == "boolean":
            good = value.kind == "boolean"
        elif f.type == "date":
            good = value.kind in ("date", "dateliteral")
        elif f.type == "datetime":
            good = value.kind in ("datetime", "dateliteral")
        else:
            good = value.kind == "string"
        if not good:
            kind, quotes = (
                "dateTime" if f.type == "datetime" else f.type,
                "should" if f.type in TEXT_TYPES else "should not",
            )
            said = (
                f"value of filter criterion for field '{label_of(left)}' must be of type {kind} and {quotes} be"
                " enclosed in quotes"
            )
            raise self._asked.error("INVALID_FIELD", value.start, said)
        if value.kind in ("date", "datetime"):
            try:
                datetime.fromisoformat(str(value.value))
            except ValueError:
                raise self._asked.error("MALFORMED_QUERY", value.start, f"Invalid date: {value.value}") from None
        if f.type in ("id", "reference") and not is_id(str(value.value)):
            raise self._asked.error(
                "INVALID_QUERY_FILTER_OPERATOR", left.start, f"invalid ID field: {str(value.value)[:40]}"
            )

    @staticmethod
    def _bind(f: Field | None, value: Value) -> object:
        if value.kind == "datetime":
            return to_datetime(datetime.fromisoformat(str(value.value)).timestamp())
        if value.kind == "boolean":
            return int(bool(value.value))
        if f is not None and f.type in ("id", "reference"):
            return to_18(str(value.value))
        return value.value

    def _compare_range(self, sql: str, f: Field | None, operator: str, value: Value) -> Sql:
        """A comparison with a span of days: `=` is inside it, `<` before its first moment, `>` after its last."""
        first, last = self._span(value)
        if f is not None and f.type == "datetime":
            start = to_datetime(
                datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(self._asked.person.zone)).timestamp()
            )
            after = last + timedelta(days=1)
            end = to_datetime(
                datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(self._asked.person.zone)).timestamp()
            )
        else:
            start, end = first.isoformat(), (last + timedelta(days=1)).isoformat()
        match operator:
            case "=":
                return Sql(f"({sql} >= ? AND {sql} < ?)", (start, end))
            case "!=":
                return Sql(f"({sql} < ? OR {sql} >= ? OR {sql} IS NULL)", (start, end))
            case "<":
                return Sql(f"{sql} < ?", (start,))
            case "<=":
                return Sql(f"{sql} < ?", (end,))
            case ">":
                return Sql(f"{sql} >= ?", (end,))
            case _:
                return Sql(f"{sql} >= ?", (start,))

    def _span(self, value: Value) -> tuple[date, date]:
        text = str(value.value)
        today = (
            datetime.fromtimestamp(self._asked.org.clock.now(), UTC)
            .astimezone(ZoneInfo(self._asked.person.zone))
            .date()
        )
        try:
            return date_span(text, today)
        except OverflowError:
            raise self._asked.error("MALFORMED_QUERY", value.start, f"Invalid date: {text}") from None

    def _in(
        self, left: Path | Call, negated: bool, values: "tuple[Value, ...] | Query", scope: Scope, *, aggregates: bool
    ) -> Sql:
        sql, f = scope.expression(left) if aggregates else scope.whole(left)
        assert f is not None  # the parser refuses functions without a field here
        word = "NOT IN" if negated else "IN"
        if isinstance(values, Query):
            inner_scope = Scope(self._asked, values, self._asked.sobject(values.sobject), depth=scope.depth + 1)
            if len(values.select) != 1 or not isinstance(values.select[0], Path):
                raise self._asked.error(
                    "MALFORMED_QUERY", values.sobject.start, "A semi join sub-query must select exactly one field"
                )
            selected = inner_scope.column(values.select[0])
            column, inner_field = selected.sql, selected.field
            if inner_field.type not in ("id", "reference") or f.type not in ("id", "reference"):
                raise self._asked.error("INVALID_FIELD", left.start, "Semi join fields must be ids or references")
            inner = self.where(values, inner_scope)
            # In SQL, NOT IN over a set with a null is null for every row.
            table = f'"{inner_scope.source.name}" {inner_scope.alias}{inner_scope.joins()}'
            return Sql(
                f"{sql} {word} (SELECT {column} FROM {table} WHERE {inner.text} AND {column} IS NOT NULL)",
                inner.parameters,
            )
        self._check_filterable(f, left)
        nulls = [v for v in values if _is_null(f, v)]
        given = [v for v in values if not _is_null(f, v)]
        for v in given:
            self._check_type(f, left, v)
            if v.kind == "dateliteral":
                raise self._asked.error("MALFORMED_QUERY", v.start, "date literals are not supported in IN")
        parts = [f"{sql} {word} ({', '.join('?' * len(given))})"] if given else []
        if nulls:
            parts.append(f"{sql} IS {'NOT ' if negated else ''}NULL")
        text = (" AND " if negated else " OR ").join(parts)
        if negated and not nulls:
            text = f"({text} OR {sql} IS NULL)"
        return Sql(text, tuple(self._bind(f, v) for v in given))

    def _includes(self, left: Path, negated: bool, values: tuple[Value, ...], scope: Scope) -> Sql:
        column = scope.column(left)
        sql, f = column.sql, column.field
        if f.type != "multipicklist":
            raise self._asked.error(
                "INVALID_QUERY_FILTER_OPERATOR", left.start, "INCLUDES and EXCLUDES need a multi-select picklist"
            )
        alternatives: list[str] = []
        parameters: list[object] = []
        for value in values:
            wanted = [part.strip() for part in str(value.value).split(";") if part.strip()]
            alternatives.append(
                "(" + " AND ".join(f"instr(';' || {sql} || ';', ?) > 0" for _ in wanted) + ")" if wanted else "0"
            )
            parameters += [f";{part};" for part in wanted]
        text = " OR ".join(alternatives)
        return Sql(f"NOT coalesce(({text}), 0)" if negated else f"coalesce(({text}), 0)", tuple(parameters))


def _is_null(f: Field | None, value: Value) -> bool:
    """Whether the value is null; an empty text is null too."""
    return value.kind == "null" or (
        value.kind == "string" and value.value == "" and f is not None and f.type in TEXT_TYPES
    )
