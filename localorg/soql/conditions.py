"""WHERE and HAVING as SQL. Every literal is a bound parameter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from localorg.clock import to_datetime
from localorg.data import currencies
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import NUMBER_TYPES, TEXT_TYPES, Field
from localorg.schema.text import like
from localorg.soql.dates import date_span
from localorg.soql.names import Asked, Scope, label_of
from localorg.soql.tree import AGGREGATES, Call, Combine, Compare, Condition, In, Includes, Not, Path, Query, Value

_MOST_JOINS = 2
_COUNT = Field("expr0", "Count", "int", 0)
_NOT_JOINED = frozenset({"ActivityHistory", "Event", "Note", "OpenActivity", "Task"})
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
        owner, me = f'{scope.alias}."OwnerId"', self._asked.person.user_id
        owned = scope.source.field("OwnerId") is not None
        if query.scope == "MINE" and owned:
            conditions.append(Sql(f"{owner} = ?", (me,)))
        elif query.scope == "MINE_AND_MY_GROUPS" and owned:
            groups = "SELECT GroupId FROM GroupMember WHERE UserOrGroupId = ? AND IsDeleted = 0"
            conditions.append(Sql(f"({owner} = ? OR {owner} IN ({groups}))", (me, me)))
        elif query.scope == "MRU" and owned:
            viewed = "SELECT RecordId FROM viewed WHERE UserId = ? AND ViewedDate IS NOT NULL"
            conditions.append(Sql(f'{scope.alias}."Id" IN ({viewed})', (me,)))
        elif query.scope not in _EVERYTHING:
            raise self._asked.error(
                "MALFORMED_QUERY",
                query.sobject.start,
                f"The scope {query.scope} is not available for {scope.source.name}",
            )
        if query.where is not None:
            self._check_joins(query, scope)
            conditions.append(self.of(query.where, scope))
        return Sql(
            " AND ".join(f"({c.text})" for c in conditions) or "1", tuple(p for c in conditions for p in c.parameters)
        )

    def _check_joins(self, query: Query, scope: Scope) -> None:
        """Raises SoqlError for a semi-join or anti-join where Salesforce allows none.

        Source: SOQL and SOSL Reference, Comparison Operators, limits of semi-joins and anti-joins. Two of the texts are
        of Apsona's and Skuid's help pages, which quote a real org.
        """
        joins = list(_joins(query.where, (), 0))
        if scope.depth > 0 and joins:
            raise self._asked.error(
                "MALFORMED_QUERY", joins[0][0].left.start, "Nesting of semi join sub-selects is not supported"
            )
        for join, words, depth in joins:
            start = join.left.start
            for word in ("OR", "NOT"):
                if word in words and (depth < 2 or word == "NOT"):
                    raise self._asked.error(
                        "MALFORMED_QUERY", start, f"Semi join sub-selects are not allowed with the '{word}' operator"
                    )
            if depth > 1:
                raise self._asked.error(
                    "MALFORMED_QUERY",
                    start,
                    "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE"
                    " expressions.",
                )
            self._check_join(join, scope)
        if len(joins) > _MOST_JOINS:
            raise self._asked.error(
                "MALFORMED_QUERY",
                joins[_MOST_JOINS][0].left.start,
                f"A query can have at most {_MOST_JOINS} semi join sub-selects",
            )

    def _check_join(self, join: In, scope: Scope) -> None:
        """Raises SoqlError for a join whose own parts are not those of a semi-join."""
        inner = join.values
        assert isinstance(inner, Query)
        start = inner.sobject.start
        if isinstance(join.left, Path) and len(scope.relative(join.left)) > 1:
            raise self._asked.error(
                "MALFORMED_QUERY", join.left.start, "The left operand of a semi join cannot use relationships"
            )
        if inner.order_by or inner.limit is not None or inner.offset or inner.group_by:
            raise self._asked.error(
                "MALFORMED_QUERY",
                start,
                "ORDER BY, LIMIT, OFFSET and GROUP BY are not supported in semi join sub-selects",
            )
        source = self._asked.sobject(inner.sobject)
        if source is scope.source:
            raise self._asked.error(
                "MALFORMED_QUERY", start, "The inner and outer selects should not be on the same object type"
            )
        if source.name in _NOT_JOINED:
            raise self._asked.error(
                "MALFORMED_QUERY", start, f"{source.name} is not supported in semi join sub-selects"
            )

    def of(self, condition: Condition, scope: Scope, *, aggregates: bool = False) -> Sql:
        """A condition as SQL. `aggregates` allows aggregate functions, for HAVING. Raises SoqlError."""
        match condition:
            case Combine(operator, terms):
                parts = [self.of(t, scope, aggregates=aggregates) for t in terms]
                return Sql(_balanced(operator, [p.text for p in parts]), tuple(x for p in parts for x in p.parameters))
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
            if left.function == "TOLABEL" and left.path is not None and left.path.parts[-1] == currencies.FIELD:
                said = "toLabel() can not be used in WHERE with currency codes"
                raise self._asked.error("MALFORMED_QUERY", left.start, said)
        if value.kind == "currency":
            sql, f = self._worth(left, scope, [value], aggregates=aggregates)
            value = self._in_corporate(value)
        else:
            sql, f = scope.expression(left) if aggregates else scope.whole(left)
        return self._compare(sql, f, left, operator, value)

    def _worth(
        self, left: Path | Call, scope: Scope, values: list[Value], *, aggregates: bool
    ) -> tuple[str, Field | None]:
        """The SQL of an amount that is compared with amounts of named currencies, in the corporate one.

        Source: SOQL and SOSL Reference, convertCurrency(). The errors are not documented.
        """
        start = next(v.start for v in values if v.kind == "currency")
        if not currencies.several(self._asked.org):
            token = next(str(v.value).partition(".")[0] for v in values if v.kind == "currency")
            raise self._asked.error("MALFORMED_QUERY", start, f"unexpected token: '{token}'")
        if isinstance(left, Call) or aggregates:
            said = "A currency code can not be used with an aggregate function"
            raise self._asked.error("MALFORMED_QUERY", start, said)
        if any(v.kind != "currency" for v in values):
            raise self._asked.error("MALFORMED_QUERY", start, "Values with and without currency codes can not be mixed")
        column = scope.column(left)
        return (scope.worth(column) if column.field.type == "currency" else column.sql), column.field

    def _in_corporate(self, value: Value) -> Value:
        """An amount of a named currency as a number in the corporate one."""
        text = str(value.value)
        currency = currencies.named(self._asked.org, text[:3])
        if currency is None or not currency.active:
            raise self._asked.error("MALFORMED_QUERY", value.start, f"Invalid currency code: {text[:3]}")
        return Value("currency", float(text[3:]) / currency.rate, value.start)

    def _compare(self, sql: str, f: Field | None, left: Path | Call, operator: str, value: Value) -> Sql:
        self._check_filterable(f, left)
        self._check_operator(f, left, operator)
        sql, value = _never_null(sql, f), _false_for_null(f, value)
        if _is_null(f, value):
            if operator not in ("=", "!="):
                raise self._asked.error("MALFORMED_QUERY", value.start, "null can only be compared with = and !=")
            return Sql(f"{sql} IS {'NOT ' if operator == '!=' else ''}NULL")
        if f is not None and f.encrypted and operator not in ("=", "!="):
            said = f"The operator {operator.lower()} is not supported on an encrypted field"
            raise self._asked.error("INVALID_QUERY_FILTER_OPERATOR", left.start, said)
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

    def _check_operator(self, f: Field | None, left: Path | Call, operator: str) -> None:
        """Raises SoqlError for an operator that the field's type does not have.

        Source: SOQL and SOSL Reference, Comparison Operators (LIKE is for strings), Query Multi-Select Picklists.
        """
        if f is None:
            return
        is_id, is_multi = f.type in ("id", "reference"), f.type == "multipicklist"
        if (is_id and operator == "LIKE") or (is_multi and operator not in ("=", "!=")):
            kind = "id" if is_id else f.type
            raise self._asked.error("INVALID_QUERY_FILTER_OPERATOR", left.start, f"invalid operator on {kind} field")

    def _check_type(self, f: Field | None, left: Path | Call, value: Value) -> None:
        if f is None:
            return
        if f.type in NUMBER_TYPES:
            good = value.kind == "number" or (value.kind == "currency" and f.type == "currency")
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
                moment = datetime.fromisoformat(str(value.value))
                if value.kind == "datetime":
                    to_datetime(moment.timestamp())  # in UTC it may be before the year 1 or after 9999
            except (ValueError, OverflowError):
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
        if isinstance(left, Call) and left.function in AGGREGATES and not aggregates:
            raise self._asked.error("MALFORMED_QUERY", left.start, "Aggregates can only be compared in HAVING")
        if not isinstance(values, Query) and any(v.kind == "currency" for v in values):
            sql, f = self._worth(left, scope, list(values), aggregates=aggregates)
            values = tuple(self._in_corporate(v) for v in values)
        else:
            sql, f = scope.expression(left) if aggregates else scope.whole(left)
        f = f or _COUNT
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
                wrong = left if f.type not in ("id", "reference") else values.select[0]
                raise self._asked.error(
                    "INVALID_FIELD",
                    wrong.start,
                    f"Semi join sub-selects can only query id fields, cannot use: '{label_of(wrong)}'",
                )
            if selected.chain:
                raise self._asked.error(
                    "MALFORMED_QUERY",
                    values.select[0].start,
                    "The field that a semi join sub-select selects cannot use relationships",
                )
            inner = self.where(values, inner_scope)
            # In SQL, NOT IN over a set with a null is null for every row.
            table = f'"{inner_scope.source.name}" {inner_scope.alias}{inner_scope.joins()}'
            return Sql(
                f"{sql} {word} (SELECT {column} FROM {table} WHERE {inner.text} AND {column} IS NOT NULL)",
                inner.parameters,
            )
        self._check_filterable(f, left)
        self._check_operator(f, left, word)
        sql = _never_null(sql, f)
        values = tuple(_false_for_null(f, v) for v in values)
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
        text = _balanced("OR", alternatives)
        return Sql(f"NOT coalesce(({text}), 0)" if negated else f"coalesce(({text}), 0)", tuple(parameters))


def _balanced(operator: str, texts: Sequence[str]) -> str:
    """The conditions with an operator between them, as a tree of few levels: SQLite reads at most 1,000."""
    if len(texts) <= 2:
        return f" {operator} ".join(f"({text})" for text in texts)
    half = len(texts) // 2
    return f"({_balanced(operator, texts[:half])}) {operator} ({_balanced(operator, texts[half:])})"


def _joins(
    condition: Condition | None, words: tuple[str, ...], depth: int
) -> Iterator[tuple[In, tuple[str, ...], int]]:
    """The semi-joins of a condition, each with the words around it and how many of these are AND or OR."""
    match condition:
        case Combine(operator, terms):
            for term in terms:
                yield from _joins(term, (*words, operator), depth + 1)
        case Not(term):
            yield from _joins(term, (*words, "NOT"), depth)
        case In(_, _, Query()):
            yield condition, words, depth
        case _:
            pass


def _never_null(sql: str, f: Field | None) -> str:
    """The SQL of a checkbox, which is false where it, or the parent that it is of, is not there.

    Source: SOQL and SOSL Reference, Use null in WHERE; null Values in Lookup Relationships and Outer Joins.
    """
    return f"coalesce({sql}, 0)" if f is not None and f.type == "boolean" else sql


def _false_for_null(f: Field | None, value: Value) -> Value:
    if f is not None and f.type == "boolean" and value.kind == "null":
        return replace(value, kind="boolean", value=False)
    return value


def _is_null(f: Field | None, value: Value) -> bool:
    """Whether the value is null; an empty text is null too."""
    return value.kind == "null" or (
        value.kind == "string" and value.value == "" and f is not None and f.type in TEXT_TYPES
    )
