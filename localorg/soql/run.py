"""Runs a parsed query on the org's SQLite file, every literal a bound parameter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from localorg.clock import to_datetime
from localorg.data.access import Schema
from localorg.data.ids import is_id, to_18
from localorg.data.records import ADDRESS_PARTS, out_value
from localorg.data.schema import NUMBER_TYPES, TEXT_TYPES, Field, SObject
from localorg.data.text import like
from localorg.org import Org
from localorg.soql.dates import date_span
from localorg.soql.locators import make_locator
from localorg.soql.syntax import (
    AGGREGATES,
    Call,
    Combine,
    Compare,
    Condition,
    FieldsOf,
    In,
    Includes,
    Not,
    Order,
    Path,
    Query,
    SoqlError,
    Value,
    parse,
    position,
)

MAX_OFFSET = 2000
DEFAULT_BATCH = 2000
_SUBQUERY_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a result; `locator` continues it, None when it is the last."""

    total: int
    records: list[dict[str, object]]
    locator: str | None = None


@dataclass(frozen=True, slots=True)
class _Sql:
    text: str
    parameters: tuple[object, ...] = ()


def run(
    org: Org, schema: Schema, text: str, *, version: str, batch: int = DEFAULT_BATCH, offset: int = 0, deleted: bool = False, zone: str = "UTC"
) -> Page:
    """Runs `text` and returns the page that begins at row `offset` with at most `batch` rows.

    `schema` is what the user may see, `version` goes into record URLs (`68.0`), `deleted` includes the recycle bin (queryAll), `zone` is the user's
    time zone for date literals. Raises SoqlError.
    """
    query = parse(text)
    return _Run(org, schema, text, version, deleted, zone).page(query, batch, offset)


def explain(org: Org, schema: Schema, text: str, *, zone: str = "UTC") -> dict[str, object]:
    """How the query would be answered: by this org's own index or by reading the whole table. Raises SoqlError.

    Source: REST API Developer Guide, Query, `explain`.
    """
    return {"plans": [_Run(org, schema, text, "", False, zone).plan(parse(text))], "sourceQuery": text}


class _Run:
    """One query on its way to SQL: names resolved, joins collected, parameters bound."""

    def __init__(self, org: Org, schema: Schema, text: str, version: str, deleted: bool, zone: str) -> None:
        self._org = org
        self.schema = schema
        self._text = text
        self._version = version
        self._deleted = deleted
        self._zone = ZoneInfo(zone)

    def page(self, query: Query, batch: int, offset: int) -> Page:
        source = self._sobject(query.sobject)
        if query.offset > MAX_OFFSET:
            raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        scope = _Scope(self, source, query)
        items = self._expand(query, source)
        if any(isinstance(i, Call) for i in items) or query.group_by:
            return self._aggregate(query, scope, items, batch, offset)
        for item in items:
            if isinstance(item, Path) and item.alias is not None:
                raise self._error("MALFORMED_QUERY", item.start, "only aggregate expressions use field aliasing")
        if query.having is not None:
            raise self._error("MALFORMED_QUERY", query.sobject.start, "HAVING can only be used with GROUP BY")
        paths = [i for i in items if isinstance(i, Path)]
        columns = [scope.column(p) for p in paths]
        tail = self._tail(query, scope)
        selected = ", ".join([*(c[0] for c in columns), 't0."Id"'])
        rows, total, locator = self._rows(scope, selected, tail, query, batch, offset)
        records = [self._record(scope, source, paths, [f for _, f in columns], row) for row in rows]
        for sub in (i for i in items if isinstance(i, Query)):
            self._attach_children(source, sub, records, [str(r[-1]) for r in rows])
        return Page(total, records, locator)

    def plan(self, query: Query) -> dict[str, object]:
        self.page(query, 1, 0)  # refuses what a query would be refused for
        source = self._sobject(query.sobject)
        scope = _Scope(self, source, query)
        tail = self._tail(replace(query, group_by=(), having=None, order_by=()), scope)
        base = f'FROM "{source.name}" t0{scope.joins()}{tail.text}'
        steps = [str(r["detail"]) for r in self._org.db.execute(f"EXPLAIN QUERY PLAN SELECT 1 {base}", tail.parameters)]
        used = next((m for step in steps if (m := re.match(r"SEARCH t0 USING (?:COVERING )?(?:INDEX|PRIMARY KEY) ?\S* ?\((\w+)", step))), None)
        found = int(self._org.db.execute(f"SELECT COUNT(*) {base}", tail.parameters).fetchone()[0])
        every = int(self._org.db.execute(f'SELECT COUNT(*) FROM "{source.name}" WHERE IsDeleted = 0').fetchone()[0])
        unindexed = {"description": "Not considered for filter because unindexed", "fields": ["IsDeleted"], "tableEnumOrId": source.name}
        return {
            "cardinality": found,
            "fields": [used[1]] if used else [],
            "leadingOperationType": "Index" if used else "TableScan",
            "notes": [] if used else [unindexed],
            "relativeCost": found / every if used and every else 1.0,
            "sobjectCardinality": every,
            "sobjectType": source.name,
        }

    # The parts of SELECT

    def _expand(self, query: Query, source: SObject) -> "list[Path | Call | Query]":
        items: list[Path | Call | Query] = []
        seen: set[str] = set()
        for item in query.select:
            if isinstance(item, FieldsOf):
                if item.group != "STANDARD" and (query.limit is None or query.limit > 200):
                    raise self._error("MALFORMED_QUERY", item.start, "The SOQL FIELDS function must have a LIMIT of at most 200")
                fields = () if item.group == "CUSTOM" else source.fields
                expanded: list[Path | Call | Query] = [Path((f.name,), item.start) for f in fields]
            else:
                expanded = [item]
            for one in expanded:
                if isinstance(one, Path):
                    key = one.text.lower()
                    if key in seen:
                        raise self._error("INVALID_FIELD", one.start, f"duplicate field selected: {one.text}")
                    seen.add(key)
                items.append(one)
        return items

    def _rows(
        self, scope: "_Scope", selected: str, tail: _Sql, query: Query, batch: int, offset: int
    ) -> tuple[list[tuple[object, ...]], int, str | None]:
        limit = query.limit if query.limit is not None else -1
        base = f'FROM "{scope.source.name}" t0{scope.joins()}{tail.text}'
        start, size = query.offset + offset, batch + 1
        if limit >= 0:
            size = min(size, max(0, limit - offset))
        sql = f"SELECT {selected} {base} LIMIT ? OFFSET ?"
        found = [tuple(r) for r in self._org.db.execute(sql, (*tail.parameters, size, start))]
        more = len(found) > batch
        rows = found[:batch]
        total = offset + len(rows)
        if more:
            counted = self._org.db.execute(
                f"SELECT COUNT(*) FROM (SELECT 1 {base} LIMIT ? OFFSET ?)", (*tail.parameters, limit, query.offset)
            ).fetchone()
            total = int(counted[0])
        locator = make_locator(self._text, offset + batch, batch, deleted=self._deleted) if more else None
        return rows, total, locator

    def _record(self, scope: "_Scope", source: SObject, paths: Sequence[Path], fields: Sequence[Field], row: Sequence[object]) -> dict[str, object]:
        identifier = str(row[-1])
        record: dict[str, object] = {"attributes": self._attributes(source, identifier)}
        for path, f, value in zip(paths, fields, row, strict=False):
            names = scope.relative(path)
            at, owner = record, source
            for step, name in enumerate(names[:-1]):
                reference = owner.parent(name)
                assert reference is not None
                owner = cast(SObject, self.schema.sobject(cast(str, reference.refers_to)))
                key = reference.relationship or name
                if key not in at:
                    parent_id = scope.parent_id(identifier, names[: step + 1])
                    at[key] = None if parent_id is None else {"attributes": self._attributes(owner, parent_id)}
                if at[key] is None:
                    break
                at = cast(dict[str, object], at[key])
            else:
                at[f.name] = out_value(f, value)
        return record

    def _attributes(self, source: SObject, identifier: str) -> dict[str, object]:
        return {"type": source.name, "url": f"/services/data/v{self._version}/sobjects/{source.name}/{identifier}"}

    def _attach_children(self, parent: SObject, sub: Query, records: list[dict[str, object]], ids: list[str]) -> None:
        name = sub.sobject.text
        relationship = parent.child(name)
        if relationship is None:
            raise self._error(
                "INVALID_TYPE",
                sub.sobject.start,
                f"Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a custom "
                "relationship, be sure to append the '__r' after the custom relationship name. "
                "Please reference your WSDL or the describe call for the appropriate names.",
            )
        if any(isinstance(i, Call) for i in sub.select) or sub.group_by:
            raise self._error("MALFORMED_QUERY", sub.sobject.start, "Aggregates are not supported in sub-queries of SELECT")
        for record, identifier in zip(records, ids, strict=True):
            child = cast(SObject, self.schema.sobject(relationship.child))
            of_parent = Compare(Path((relationship.field,), sub.sobject.start), "=", Value("string", identifier, sub.sobject.start))
            where = of_parent if sub.where is None else Combine("AND", (of_parent, sub.where))
            page = self.page(replace(sub, sobject=Path((child.name,), sub.sobject.start, sub.sobject.alias), where=where), _SUBQUERY_ROWS, 0)
            # An empty set of children is null, not an empty list.
            record[relationship.name] = {"totalSize": page.total, "done": True, "records": page.records} if page.records else None

    # Aggregates

    def _aggregate(self, query: Query, scope: "_Scope", items: "list[Path | Call | Query]", batch: int, offset: int) -> Page:
        if len(items) == 1 and isinstance(items[0], Call) and items[0].function == "COUNT" and items[0].argument is None and not query.group_by:
            tail = self._tail(query, scope)
            limit = query.limit if query.limit is not None else -1
            sql = f'SELECT COUNT(*) FROM (SELECT 1 FROM "{scope.source.name}" t0{scope.joins()}{tail.text} LIMIT ? OFFSET ?)'
            row = self._org.db.execute(sql, (*tail.parameters, limit, query.offset)).fetchone()
            return Page(int(row[0]), [])
        grouped = {self._group_key(g) for g in query.group_by}
        columns: list[tuple[str, str, Field | None]] = []
        unnamed = 0
        for item in items:
            if isinstance(item, Query):
                raise self._error("MALFORMED_QUERY", query.sobject.start, "Sub-queries are not supported together with aggregates")
            sql, f = scope.expression(item)
            is_aggregate = isinstance(item, Call) and item.function in AGGREGATES
            if not is_aggregate and self._group_key(item) not in grouped:
                raise self._error("MALFORMED_QUERY", item.start, f"Field must be grouped or aggregated: {self._label(item)}")
            if item.alias is not None:
                key = item.alias
            elif isinstance(item, Call):
                key = f"expr{unnamed}"
                unnamed += 1
            else:
                key = item.parts[-1]
            columns.append((key, sql, f))
        tail = self._tail(query, scope)
        selected = ", ".join(sql for _, sql, _ in columns)
        rows, total, locator = self._rows(scope, selected, tail, query, batch, offset)
        records: list[dict[str, object]] = []
        for row in rows:
            record: dict[str, object] = {"attributes": {"type": "AggregateResult"}}
            for (key, _, f), value in zip(columns, row, strict=True):
                record[key] = value if f is None else out_value(f, value)
            records.append(record)
        return Page(total, records, locator)

    @staticmethod
    def _group_key(item: Path | Call) -> tuple[str, str]:
        if isinstance(item, Call):
            return item.function, item.argument.text.lower() if item.argument else ""
        return "", item.text.lower()

    @staticmethod
    def _label(item: Path | Call) -> str:
        return item.text if isinstance(item, Path) else item.function

    # WHERE, GROUP BY, ORDER BY

    def _tail(self, query: Query, scope: "_Scope") -> _Sql:
        conditions: list[_Sql] = []
        if not self._deleted:
            conditions.append(_Sql('t0."IsDeleted" = 0'))
        if query.where is not None:
            conditions.append(self._condition(query.where, scope, aggregates=False))
        text, parameters = "", list[object]()
        if conditions:
            text += " WHERE " + " AND ".join(f"({c.text})" for c in conditions)
            parameters += [p for c in conditions for p in c.parameters]
        if query.group_by:
            text += " GROUP BY " + ", ".join(self._grouped(g, scope) for g in query.group_by)
        if query.having is not None:
            having = self._condition(query.having, scope, aggregates=True)
            text += " HAVING " + having.text
            parameters += having.parameters
        if query.order_by:
            text += " ORDER BY " + ", ".join(self._order(o, scope) for o in query.order_by)
        return _Sql(text, tuple(parameters))

    def _grouped(self, by: Path | Call, scope: "_Scope") -> str:
        sql, f = scope.expression(by)
        if f is not None and isinstance(by, Path) and not f.groupable:
            raise self._error("INVALID_FIELD", by.start, f"field '{by.text}' can not be grouped in a query call")
        return sql

    def _order(self, order: Order, scope: "_Scope") -> str:
        sql, f = scope.expression(order.by)
        if f is not None and not f.filterable:
            raise self._error("INVALID_FIELD", order.by.start, f"field '{self._label(order.by)}' can not be sorted in a query call")
        return f"{sql} {'DESC' if order.descending else 'ASC'} NULLS {'LAST' if order.nulls_last else 'FIRST'}"

    def _condition(self, condition: Condition, scope: "_Scope", *, aggregates: bool) -> _Sql:
        match condition:
            case Combine(operator, terms):
                parts = [self._condition(t, scope, aggregates=aggregates) for t in terms]
                return _Sql(f" {operator} ".join(f"({p.text})" for p in parts), tuple(x for p in parts for x in p.parameters))
            case Not(term):
                inner = self._condition(term, scope, aggregates=aggregates)
                return _Sql(f"NOT coalesce(({inner.text}), 0)", inner.parameters)
            case In(left, negated, values):
                return self._in(left, negated, values, scope)
            case Includes(left, negated, values):
                return self._includes(left, negated, values, scope)
            case Compare(left, operator, value):
                if isinstance(left, Call) and left.function in AGGREGATES and not aggregates:
                    raise self._error("MALFORMED_QUERY", left.start, "Aggregates can only be compared in HAVING")
                sql, f = scope.expression(left)
                return self._compare(sql, f, left, operator, value)

    def _compare(self, sql: str, f: Field | None, left: Path | Call, operator: str, value: Value) -> _Sql:
        self._check_filterable(f, left)
        if _is_null(f, value):
            if operator not in ("=", "!="):
                raise self._error("MALFORMED_QUERY", value.start, "null can only be compared with = and !=")
            return _Sql(f"{sql} IS {'NOT ' if operator == '!=' else ''}NULL")
        if operator == "LIKE":
            if value.kind != "string" or f is None or f.type not in TEXT_TYPES:
                raise self._error("INVALID_QUERY_FILTER_OPERATOR", value.start, "LIKE can only be used with text")
            return _Sql(like(sql, str(value.value)), (str(value.value),))
        self._check_type(f, left, value)
        if value.kind == "dateliteral":
            return self._compare_range(sql, f, operator, value)
        bound = self._bind(f, value)
        if operator == "!=":
            return _Sql(f"({sql} != ? OR {sql} IS NULL)", (bound,))
        return _Sql(f"{sql} {operator} ?", (bound,))

    def _check_filterable(self, f: Field | None, left: Path | Call) -> None:
        if f is not None and not f.filterable:
            raise self._error("INVALID_FIELD", left.start, f"field '{self._label(left)}' can not be filtered in a query call")

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
            kind, quotes = "dateTime" if f.type == "datetime" else f.type, "should" if f.type in TEXT_TYPES else "should not"
            said = f"value of filter criterion for field '{self._label(left)}' must be of type {kind} and {quotes} be enclosed in quotes"
            raise self._error("INVALID_FIELD", value.start, said)
        if value.kind in ("date", "datetime"):
            try:
                datetime.fromisoformat(str(value.value))
            except ValueError:
                raise self._error("MALFORMED_QUERY", value.start, f"Invalid date: {value.value}") from None
        if f.type in ("id", "reference") and not is_id(str(value.value)):
            raise self._error("INVALID_QUERY_FILTER_OPERATOR", left.start, f"invalid ID field: {str(value.value)[:40]}")

    @staticmethod
    def _bind(f: Field | None, value: Value) -> object:
        if value.kind == "datetime":
            return to_datetime(datetime.fromisoformat(str(value.value)).timestamp())
        if value.kind == "boolean":
            return int(bool(value.value))
        if f is not None and f.type in ("id", "reference"):
            return to_18(str(value.value))
        return value.value

    def _compare_range(self, sql: str, f: Field | None, operator: str, value: Value) -> _Sql:
        """A day or a span of days: `=` is inside it, `<` before its first moment, `>` after its last."""
        first, last = self._span(value)
        if f is not None and f.type == "datetime":
            start = to_datetime(datetime(first.year, first.month, first.day, tzinfo=self._zone).timestamp())
            after = last + timedelta(days=1)
            end = to_datetime(datetime(after.year, after.month, after.day, tzinfo=self._zone).timestamp())
        else:
            start, end = first.isoformat(), (last + timedelta(days=1)).isoformat()
        match operator:
            case "=":
                return _Sql(f"({sql} >= ? AND {sql} < ?)", (start, end))
            case "!=":
                return _Sql(f"({sql} < ? OR {sql} >= ? OR {sql} IS NULL)", (start, end))
            case "<":
                return _Sql(f"{sql} < ?", (start,))
            case "<=":
                return _Sql(f"{sql} < ?", (end,))
            case ">":
                return _Sql(f"{sql} >= ?", (end,))
            case _:
                return _Sql(f"{sql} >= ?", (start,))

    def _span(self, value: Value) -> tuple[date, date]:
        text = str(value.value)
        today = datetime.fromtimestamp(self._org.clock.now(), UTC).astimezone(self._zone).date()
        try:
            return date_span(text, today)
        except OverflowError:
            raise self._error("MALFORMED_QUERY", value.start, f"Invalid date: {text}") from None

    def _in(self, left: Path, negated: bool, values: "tuple[Value, ...] | Query", scope: "_Scope") -> _Sql:
        sql, f = scope.column(left)
        word = "NOT IN" if negated else "IN"
        if isinstance(values, Query):
            inner_scope = _Scope(self, self._sobject(values.sobject), values, depth=scope.depth + 1)
            if len(values.select) != 1 or not isinstance(values.select[0], Path):
                raise self._error("MALFORMED_QUERY", values.sobject.start, "A semi join sub-query must select exactly one field")
            column, inner_field = inner_scope.column(values.select[0])
            if inner_field.type not in ("id", "reference") or f.type not in ("id", "reference"):
                raise self._error("INVALID_FIELD", left.start, "Semi join fields must be ids or references")
            tail = self._tail(values, inner_scope)
            alias = inner_scope.alias
            text = (
                f'{sql} {word} (SELECT {column} FROM "{inner_scope.source.name}" {alias}{inner_scope.joins()}{tail.text.replace("t0.", alias + ".")}'
            )
            # NOT IN over a set that holds null would be null for every row.
            text += (" AND " if " WHERE " in tail.text else " WHERE ") + f"{column} IS NOT NULL)"
            return _Sql(text, tail.parameters)
        self._check_filterable(f, left)
        nulls = [v for v in values if _is_null(f, v)]
        given = [v for v in values if not _is_null(f, v)]
        for v in given:
            self._check_type(f, left, v)
            if v.kind == "dateliteral":
                raise self._error("MALFORMED_QUERY", v.start, "date literals are not supported in IN")
        parts = [f"{sql} {word} ({', '.join('?' * len(given))})"] if given else []
        if nulls:
            parts.append(f"{sql} IS {'NOT ' if negated else ''}NULL")
        text = (" AND " if negated else " OR ").join(parts)
        if negated and not nulls:
            text = f"({text} OR {sql} IS NULL)"
        return _Sql(text, tuple(self._bind(f, v) for v in given))

    def _includes(self, left: Path, negated: bool, values: tuple[Value, ...], scope: "_Scope") -> _Sql:
        sql, f = scope.column(left)
        if f.type != "multipicklist":
            raise self._error("INVALID_QUERY_FILTER_OPERATOR", left.start, "INCLUDES and EXCLUDES need a multi-select picklist")
        alternatives: list[str] = []
        parameters: list[object] = []
        for value in values:
            wanted = [part.strip() for part in str(value.value).split(";") if part.strip()]
            alternatives.append("(" + " AND ".join(f"instr(';' || {sql} || ';', ?) > 0" for _ in wanted) + ")" if wanted else "0")
            parameters += [f";{part};" for part in wanted]
        text = " OR ".join(alternatives)
        return _Sql(f"NOT coalesce(({text}), 0)" if negated else f"coalesce(({text}), 0)", tuple(parameters))

    # Names

    def _sobject(self, name: Path) -> SObject:
        found = self.schema.sobject(name.text)
        if found is None:
            raise self._error(
                "INVALID_TYPE",
                name.start,
                f"sObject type '{name.text}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the "
                "entity name. Please reference your WSDL or the describe call for the appropriate names.",
            )
        return found

    def no_column(self, path: Path, name: str, source: SObject) -> SoqlError:
        return self._error(
            "INVALID_FIELD",
            path.start,
            f"No such column '{name}' on entity '{source.name}'. If you are attempting to use a custom field, be sure to append the '__c' after the "
            "custom field name. Please reference your WSDL or the describe call for the appropriate names.",
        )

    def no_relationship(self, path: Path, name: str) -> SoqlError:
        return self._error(
            "INVALID_FIELD",
            path.start,
            f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' "
            "after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.",
        )

    def not_aggregable(self, call: Call) -> SoqlError:
        name = call.argument.text if call.argument else ""
        return self._error("MALFORMED_QUERY", call.start, f"field {name} does not support aggregate operator {call.function}")

    def _error(self, code: str, start: int, message: str) -> SoqlError:
        return SoqlError(code, position(self._text, start) + message)

    def fetch_parent(self, source: SObject, identifier: str, f: Field) -> str | None:
        row = self._org.db.execute(f'SELECT "{f.name}" FROM "{source.name}" WHERE Id = ?', (identifier,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])


class _Scope:
    """The names that one FROM makes visible: the object, its alias, and a join for each parent used."""

    def __init__(self, run: _Run, source: SObject, query: Query, depth: int = 0) -> None:
        self.source = source
        self.depth = depth
        self.alias = "t0" if depth == 0 else f"s{depth}"
        self._run = run
        self._names = {n.lower() for n in (source.name, query.sobject.text, query.sobject.alias) if n}
        self._joins: dict[tuple[str, ...], tuple[str, str]] = {}

    def relative(self, path: Path) -> tuple[str, ...]:
        """The path without a leading alias or object name."""
        if len(path.parts) > 1 and path.parts[0].lower() in self._names and self.source.parent(path.parts[0]) is None:
            return path.parts[1:]
        return path.parts

    def column(self, path: Path) -> tuple[str, Field]:
        """The SQL column behind a path, joined as needed; raises SoqlError INVALID_FIELD."""
        *parents, last = self.relative(path)
        owner, table = self.source, self.alias
        if len(parents) > 5:
            raise self._run.no_relationship(path, parents[5])
        for step, name in enumerate(parents):
            reference = owner.parent(name)
            if reference is None or reference.refers_to is None:
                raise self._run.no_relationship(path, name)
            key = tuple(n.lower() for n in parents[: step + 1])
            if key not in self._joins:
                alias = f"{self.alias}j{len(self._joins)}"
                self._joins[key] = (alias, f' LEFT JOIN "{reference.refers_to}" {alias} ON {alias}."Id" = {table}."{reference.name}"')
            table = self._joins[key][0]
            parent = self._run.schema.sobject(reference.refers_to)
            if parent is None:
                raise self._run.no_relationship(path, name)
            owner = parent
        f = owner.field(last)
        if f is None:
            raise self._run.no_column(path, last, owner)
        if f.compound is not None:
            return _address(table, f.compound), f
        return f'{table}."{f.name}"', f

    def expression(self, item: Path | Call) -> tuple[str, Field | None]:
        """The SQL of a field or function; the field tells how a value is written, None for counts."""
        if isinstance(item, Path):
            return self.column(item)
        if item.argument is None:
            return "COUNT(*)", None
        sql, f = self.column(item.argument)
        match item.function:
            case "COUNT":
                return f"COUNT({sql})", None
            case "COUNT_DISTINCT":
                return f"COUNT(DISTINCT {sql})", None
            case "SUM" | "AVG":
                if f.type not in NUMBER_TYPES:
                    raise self._run.not_aggregable(item)
                return f"{item.function}({sql})", Field(f.name, f.label, "double")
            case "MIN" | "MAX":
                if f.type == "boolean":
                    raise self._run.not_aggregable(item)
                return f"{item.function}({sql})", f
            case "DAY_ONLY":
                return f"substr({sql}, 1, 10)", Field(f.name, f.label, "date")
            case "CALENDAR_QUARTER":
                part = f"(CAST(strftime('%m', substr({sql}, 1, 10)) AS INTEGER) + 2) / 3"
            case "DAY_IN_WEEK":
                part = f"CAST(strftime('%w', substr({sql}, 1, 10)) AS INTEGER) + 1"
            case "HOUR_IN_DAY":
                part = f"CAST(substr({sql}, 12, 2) AS INTEGER)"
            case function:
                mark = {"CALENDAR_YEAR": "%Y", "CALENDAR_MONTH": "%m", "DAY_IN_MONTH": "%d", "DAY_IN_YEAR": "%j"}[function]
                part = f"CAST(strftime('{mark}', substr({sql}, 1, 10)) AS INTEGER)"
        if f.type not in ("date", "datetime"):
            raise self._run.not_aggregable(item)
        return part, Field(f.name, f.label, "int")

    def joins(self) -> str:
        return "".join(join for _, join in self._joins.values())

    def parent_id(self, identifier: str, names: Sequence[str]) -> str | None:
        """The id of a record's parent, followed step by step."""
        owner, at = self.source, identifier
        for name in names:
            reference = cast(Field, owner.parent(name))
            found = self._run.fetch_parent(owner, at, reference)
            if found is None:
                return None
            owner, at = cast(SObject, self._run.schema.sobject(cast(str, reference.refers_to))), found
        return at


def _is_null(f: Field | None, value: Value) -> bool:
    """Salesforce keeps no empty text: it is null."""
    return value.kind == "null" or (value.kind == "string" and value.value == "" and f is not None and f.type in TEXT_TYPES)


def _address(table: str, prefix: str) -> str:
    """The SQL of a compound address: a JSON object, null when all its parts are."""
    columns = {part: f'{table}."{prefix}{part}"' for part in ADDRESS_PARTS}
    pairs = ", ".join(f"'{part[0].lower()}{part[1:]}', {column}" for part, column in columns.items())
    return f"CASE WHEN coalesce({', '.join(columns.values())}) IS NULL THEN NULL ELSE json_object({pairs}, 'geocodeAccuracy', NULL) END"
