"""Runs a parsed query on the org's SQLite file: pages of records with their parents and children, and groups."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from localorg.data.access import Person
from localorg.data.records import mark_seen
from localorg.data.values import out_value
from localorg.org import Org
from localorg.schema.sobjects import Field, Schema, SObject
from localorg.schema.text import COLLATION
from localorg.soql.conditions import Conditions, Sql
from localorg.soql.functions import formatted
from localorg.soql.locators import make_locator
from localorg.soql.names import Asked, Column, Scope, is_aggregate, key_of, label_of
from localorg.soql.syntax import (
    DATE_FUNCTIONS,
    Call,
    Combine,
    Compare,
    FieldsOf,
    Order,
    Path,
    Query,
    SoqlError,
    TypeOf,
    Value,
    parse,
)

MAX_OFFSET = 2000
DEFAULT_BATCH = 2000
_SUBQUERY_ROWS = 2000

_Read = Callable[[object], object]
_Item = Path | Call | TypeOf | Query


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a result; `locator` continues it, None when it is the last; `ids` are those of the records, none for
    groups.
    """

    total: int
    records: list[dict[str, object]]
    locator: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    """A selected value: its SQL, where in the record it stands, how it is written, and of which objects behind TYPEOF
    it is one.
    """

    sql: str
    chain: tuple[str, ...]
    key: str
    read: _Read
    kinds: Callable[[str], bool] | None = None


def run(
    org: Org,
    schema: Schema,
    text: str,
    *,
    person: Person,
    version: str,
    batch: int = DEFAULT_BATCH,
    offset: int = 0,
    deleted: bool = False,
) -> Page:
    """Runs `text` and returns the page that begins at row `offset` with at most `batch` rows.

    `schema` is what the user may see, `person` who that is, `version` goes into record URLs (`68.0`), `deleted`
    includes the recycle bin (queryAll). Raises SoqlError.
    """
    query = parse(text)
    page = _Run(Asked(org, schema, person, text), version, deleted).page(query, batch, offset)
    if query.viewed or query.referenced:
        mark_seen(org, page.ids, person.user_id, viewed=query.viewed)
    return page


def explain(org: Org, schema: Schema, text: str, *, person: Person) -> dict[str, object]:
    """How the query would be answered: by this org's own index or by reading the whole table. Raises SoqlError.

    Source: REST API Developer Guide, Query, `explain`.
    """
    return {"plans": [_Run(Asked(org, schema, person, text), "", False).plan(parse(text))], "sourceQuery": text}


class _Run:
    """One query on its way to SQL and back: names resolved, joins collected, parameters bound, records built."""

    def __init__(self, asked: Asked, version: str, deleted: bool) -> None:
        self._asked = asked
        self._db = asked.org.db
        self._version = version
        self._deleted = deleted
        self._conditions = Conditions(asked, deleted=deleted)

    def page(self, query: Query, batch: int, offset: int) -> Page:
        source = self._asked.sobject(query.sobject)
        if query.offset > MAX_OFFSET:
            raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        scope = Scope(self._asked, query, source)
        items = self._expand(query, source)
        if query.group_by or any(
            is_aggregate(i) or (isinstance(i, Call) and i.function in DATE_FUNCTIONS) for i in items
        ):
            return self._aggregate(query, scope, items, batch, offset)
        if query.having is not None:
            raise self._asked.error("MALFORMED_QUERY", query.sobject.start, "HAVING can only be used with GROUP BY")
        shown = self._select(items, scope)
        chains = sorted({s.chain[: n + 1] for s in shown for n in range(len(s.chain))}, key=len)
        base = self._base(query, scope)
        selected = ", ".join([*(s.sql for s in shown), *(scope.parent_id(c) for c in chains), 't0."Id"'])
        rows, total, locator = self._rows(selected, base, query, batch, offset)
        records = [self._record(source, shown, chains, row) for row in rows]
        for sub in (i for i in items if isinstance(i, Query)):
            self._attach_children(source, sub, records, [str(r[-1]) for r in rows])
        return Page(total, records, locator, tuple(str(r[-1]) for r in rows))

    def plan(self, query: Query) -> dict[str, object]:
        self.page(query, 1, 0)  # refuses what a query would be refused for
        source = self._asked.sobject(query.sobject)
        base = self._base(replace(query, group_by=(), having=None, order_by=()), Scope(self._asked, query, source))
        steps = [
            str(r["detail"]) for r in self._db.execute(f"EXPLAIN QUERY PLAN SELECT 1 {base.text}", base.parameters)
        ]
        used = next(
            (
                m
                for step in steps
                if (m := re.match(r"SEARCH t0 USING (?:COVERING )?(?:INDEX|PRIMARY KEY) ?\S* ?\((\w+)", step))
            ),
            None,
        )
        found = int(self._db.execute(f"SELECT COUNT(*) {base.text}", base.parameters).fetchone()[0])
        every = int(self._db.execute(f'SELECT COUNT(*) FROM "{source.name}" WHERE IsDeleted = 0').fetchone()[0])
        unindexed = {
            "description": "Not considered for filter because unindexed",
            "fields": ["IsDeleted"],
            "tableEnumOrId": source.name,
        }
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

    def _expand(self, query: Query, source: SObject) -> list[_Item]:
        items: list[_Item] = []
        seen: set[str] = set()
        for item in query.select:
            if isinstance(item, FieldsOf):
                if item.group != "STANDARD" and (query.limit is None or query.limit > 200):
                    raise self._asked.error(
                        "MALFORMED_QUERY", item.start, "The SOQL FIELDS function must have a LIMIT of at most 200"
                    )
                wanted = [f for f in source.fields if item.group == "ALL" or f.custom == (item.group == "CUSTOM")]
                expanded: list[_Item] = [Path((f.name,), item.start) for f in wanted]
            else:
                expanded = [item]
            for one in expanded:
                if isinstance(one, Path):
                    key = one.text.lower()
                    if key in seen:
                        raise self._asked.error("INVALID_FIELD", one.start, f"duplicate field selected: {one.text}")
                    seen.add(key)
                items.append(one)
        return items

    def _select(self, items: Iterable[_Item], scope: Scope) -> list[_Shown]:
        """What records are made of: fields, functions over fields, and TYPEOF."""
        shown: list[_Shown] = []
        for item in items:
            if isinstance(item, Path):
                if item.alias is not None:
                    raise self._asked.error(
                        "MALFORMED_QUERY", item.start, "only aggregate expressions use field aliasing"
                    )
                column = scope.column(item)
                shown.append(_Shown(column.sql, column.chain, column.field.name, _plain(column.field)))
            elif isinstance(item, Call):
                sql, f = self._ungrouped(item, scope)
                chain = scope.column(item.path).chain if item.path and item.alias is None else ()
                unnamed = sum(1 for s in shown if re.fullmatch(r"expr\d+", s.key))
                named = f"expr{unnamed}" if item.function == "DISTANCE" or f is None else f.name
                key = item.alias or named
                if any(s.chain == chain and s.key.lower() == key.lower() for s in shown):
                    raise self._asked.error("INVALID_FIELD", item.start, f"duplicate field selected: {key}")
                shown.append(_Shown(sql, chain, key, self._reader(item, f)))
            elif isinstance(item, TypeOf):
                shown += self._type_of(item, scope)
        return shown

    def _ungrouped(self, item: Call, scope: Scope) -> tuple[str, Field | None]:
        if item.function == "GROUPING":
            raise self._asked.error(
                "MALFORMED_QUERY", item.start, "GROUPING can only be used with GROUP BY ROLLUP and GROUP BY CUBE"
            )
        if item.function == "TOLABEL" and item.path is not None:
            column = scope.column(item.path)
            scope.expression(item)  # refuses what is no picklist
            return column.sql, column.field
        return scope.expression(item)

    def _reader(self, item: Path | Call, f: Field | None) -> _Read:
        if isinstance(item, Call) and item.function == "FORMAT":
            person, currency = self._asked.person, self._asked.org.settings.currency
            return lambda value: formatted(f, value, person.locale, person.zone, currency)
        if isinstance(item, Call) and item.function == "TOLABEL" and f is not None:
            return lambda value: None if value is None else ";".join(f.label_of(v) for v in str(value).split(";"))
        return _plain(f)

    def _type_of(self, item: TypeOf, scope: Scope) -> list[_Shown]:
        *parents, last = scope.relative(item.relationship)
        reference = None if parents else scope.source.parent(last)
        if reference is None:
            raise self._asked.no_relationship(item.relationship, last)
        if len(reference.targets) < 2:
            raise self._asked.error(
                "INVALID_FIELD", item.relationship.start, f"TYPEOF takes polymorphic relationships, and {last} is none"
            )
        told = scope.column(Path((last, "Type"), item.relationship.start))
        # Joins the parents, whatever is asked of them.
        shown = [_Shown(told.sql, told.chain, "", _plain(told.field), lambda _kind: False)]
        named: set[str] = set()
        for kind, fields in item.branches:
            target = self._asked.sobject(kind)
            if target.name not in reference.targets:
                raise self._asked.error("INVALID_TYPE", kind.start, f"{last} does not refer to {kind.text}")
            named.add(target.name)
            for field in fields:
                column = scope.of_kind(reference, target, field)
                shown.append(
                    _Shown(column.sql, column.chain, column.field.name, _plain(column.field), _one_of({target.name}))
                )
        for field in item.otherwise:
            column: Column = scope.column(Path((last, *field.parts), field.start))
            shown.append(_Shown(column.sql, column.chain, column.field.name, _plain(column.field), _none_of(named)))
        return shown

    def _base(self, query: Query, scope: Scope) -> Sql:
        """Everything after SELECT; call it when all that is selected has been named, for the joins."""
        where = self._conditions.where(query, scope)
        text, parameters = f" WHERE {where.text}", list(where.parameters)
        if query.group_by:
            grouped = [self._grouped(g, scope) for g in query.group_by if key_of(g) not in scope.left_out]
            text += " GROUP BY " + (", ".join(grouped) or "'every row'")
        if query.having is not None:
            having = self._conditions.of(query.having, scope, aggregates=True)
            text += " HAVING " + having.text
            parameters += having.parameters
        if query.order_by:
            text += " ORDER BY " + ", ".join(f"{self._ordered(o, scope)[0]} {_direction(o)}" for o in query.order_by)
        return Sql(f'FROM "{scope.source.name}" {scope.alias}{scope.joins()}{text}', tuple(parameters))

    def _grouped(self, by: Path | Call, scope: Scope) -> str:
        if isinstance(by, Call) and by.function not in DATE_FUNCTIONS:
            raise self._asked.error("MALFORMED_QUERY", by.start, f"{by.function} can not be grouped in a query call")
        sql, f = scope.expression(by)
        if f is not None and isinstance(by, Path) and not f.groupable:
            raise self._asked.error("INVALID_FIELD", by.start, f"field '{by.text}' can not be grouped in a query call")
        return sql

    def _ordered(self, order: Order, scope: Scope) -> tuple[str, Field | None]:
        if isinstance(order.by, Call) and order.by.function in ("FORMAT", "CONVERTCURRENCY", "TOLABEL"):
            raise self._asked.error(
                "MALFORMED_QUERY", order.by.start, f"{order.by.function} can not be used in ORDER BY"
            )
        sql, f = scope.expression(order.by)
        if f is not None and not f.filterable:
            raise self._asked.error(
                "INVALID_FIELD", order.by.start, f"field '{label_of(order.by)}' can not be sorted in a query call"
            )
        return sql, f

    def _rows(
        self, selected: str, base: Sql, query: Query, batch: int, offset: int
    ) -> tuple[list[tuple[object, ...]], int, str | None]:
        limit = query.limit if query.limit is not None else -1
        start, size = query.offset + offset, batch + 1
        if limit >= 0:
            size = min(size, max(0, limit - offset))
        found = [
            tuple(r)
            for r in self._db.execute(
                f"SELECT {selected} {base.text} LIMIT ? OFFSET ?", (*base.parameters, size, start)
            )
        ]
        more = len(found) > batch
        rows = found[:batch]
        total = offset + len(rows)
        if more:
            counted = self._db.execute(
                f"SELECT COUNT(*) FROM (SELECT 1 {base.text} LIMIT ? OFFSET ?)", (*base.parameters, limit, query.offset)
            )
            total = int(counted.fetchone()[0])
        locator = make_locator(self._asked.text, offset + batch, batch, deleted=self._deleted) if more else None
        return rows, total, locator

    # Records

    def _record(
        self, source: SObject, shown: Sequence[_Shown], chains: Sequence[tuple[str, ...]], row: Sequence[object]
    ) -> dict[str, object]:
        ids = dict(zip(chains, row[len(shown) :], strict=False))
        record: dict[str, object] = {"attributes": self._attributes(source, str(row[-1]))}
        at: dict[tuple[str, ...], dict[str, object] | None] = {(): record}
        for one, value in zip(shown, row, strict=False):
            for step in range(len(one.chain)):
                if one.chain[: step + 1] not in at:
                    self._open_parent(one.chain[: step + 1], ids, at)
            owner = at[one.chain]
            if owner is None or (one.kinds is not None and not one.kinds(self._kind(ids[one.chain[:1]]))):
                continue
            owner[one.key] = one.read(value)
        return record

    def _open_parent(
        self,
        chain: tuple[str, ...],
        ids: dict[tuple[str, ...], object],
        at: dict[tuple[str, ...], dict[str, object] | None],
    ) -> None:
        """Puts the parent into its child, null where there is none."""
        child, identifier = at[chain[:-1]], ids[chain]
        kind = None if identifier is None else self._asked.org.objects.of_id(str(identifier))
        at[chain] = None if kind is None else {"attributes": self._attributes(kind, str(identifier))}
        if child is not None:
            child[chain[-1]] = at[chain]

    def _kind(self, identifier: object) -> str:
        kind = self._asked.org.objects.of_id(str(identifier))
        return "" if kind is None else kind.name

    def _attributes(self, source: SObject, identifier: str) -> dict[str, object]:
        return {"type": source.name, "url": f"/services/data/v{self._version}/sobjects/{source.name}/{identifier}"}

    def _attach_children(self, parent: SObject, sub: Query, records: list[dict[str, object]], ids: list[str]) -> None:
        name = sub.sobject.text
        relationship = parent.child(name)
        if relationship is None:
            raise self._asked.error(
                "INVALID_TYPE",
                sub.sobject.start,
                f"Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a"
                " custom relationship, be sure to append the '__r' after the custom relationship name. Please"
                " reference your WSDL or the describe call for the appropriate names.",
            )
        if any(is_aggregate(i) for i in sub.select) or sub.group_by:
            raise self._asked.error(
                "MALFORMED_QUERY", sub.sobject.start, "Aggregates are not supported in sub-queries of SELECT"
            )
        for record, identifier in zip(records, ids, strict=True):
            of_parent = Compare(
                Path((relationship.field,), sub.sobject.start), "=", Value("string", identifier, sub.sobject.start)
            )
            where = of_parent if sub.where is None else Combine("AND", (of_parent, sub.where))
            page = self.page(
                replace(sub, sobject=Path((relationship.child,), sub.sobject.start, sub.sobject.alias), where=where),
                _SUBQUERY_ROWS,
                0,
            )
            # An empty set of children is null, not an empty list.
            record[relationship.name] = (
                {"totalSize": page.total, "done": True, "records": page.records} if page.records else None
            )

    # Groups

    def _aggregate(self, query: Query, scope: Scope, items: list[_Item], batch: int, offset: int) -> Page:
        if (
            len(items) == 1
            and isinstance(items[0], Call)
            and items[0].function == "COUNT"
            and items[0].argument is None
            and not query.group_by
        ):
            base = self._base(query, scope)
            limit = query.limit if query.limit is not None else -1
            row = self._db.execute(
                f"SELECT COUNT(*) FROM (SELECT 1 {base.text} LIMIT ? OFFSET ?)", (*base.parameters, limit, query.offset)
            ).fetchone()
            return Page(int(row[0]), [])
        shown = self._select_groups(query, scope, items)
        self._check_order(query)
        if query.totals:
            selected, base = self._with_totals(query, scope, [i for i in items if isinstance(i, Path | Call)])
        else:
            selected, base = ", ".join(s.sql for s in shown), self._base(query, scope)
        rows, total, locator = self._rows(selected, base, query, batch, offset)
        records: list[dict[str, object]] = []
        for row in rows:
            record: dict[str, object] = {"attributes": {"type": "AggregateResult"}}
            record |= {s.key: s.read(value) for s, value in zip(shown, row, strict=False)}
            records.append(record)
        return Page(total, records, locator)

    def _select_groups(self, query: Query, scope: Scope, items: list[_Item]) -> list[_Shown]:
        grouped = {key_of(g) for g in query.group_by}
        shown: list[_Shown] = []
        unnamed = 0
        for item in items:
            if isinstance(item, Query | TypeOf):
                raise self._asked.error(
                    "MALFORMED_QUERY",
                    query.sobject.start,
                    "Sub-queries and TYPEOF are not supported together with aggregates",
                )
            self._check_grouped(query, item, grouped)
            sql, f = scope.expression(item)
            if item.alias is not None:
                key = item.alias
            elif isinstance(item, Call):
                key = f"expr{unnamed}"
                unnamed += 1
            else:
                key = item.parts[-1]
            shown.append(_Shown(sql, (), key, self._reader(item, f)))
        return shown

    def _check_grouped(self, query: Query, item: Path | Call, grouped: set[tuple[str, str]]) -> None:
        """Refuses what differs within a group."""
        if isinstance(item, Call) and item.function == "GROUPING":
            if not query.totals:
                raise self._asked.error(
                    "MALFORMED_QUERY", item.start, "GROUPING can only be used with GROUP BY ROLLUP and GROUP BY CUBE"
                )
            inner = item.argument
        else:
            inner = item.argument if isinstance(item, Call) and item.function in ("FORMAT", "TOLABEL") else item
        if inner is None or is_aggregate(item) or key_of(item) in grouped or key_of(inner) in grouped:
            return
        raise self._asked.error("MALFORMED_QUERY", item.start, f"Field must be grouped or aggregated: {label_of(item)}")

    def _check_order(self, query: Query) -> None:
        grouped = {key_of(g) for g in query.group_by}
        for order in query.order_by:
            by = order.by
            if isinstance(by, Call) and by.function == "GROUPING":
                self._check_grouped(query, by, grouped)
            elif not is_aggregate(by) and key_of(by) not in grouped:
                raise self._asked.error(
                    "MALFORMED_QUERY", by.start, f"Ordered field must be grouped or aggregated: {label_of(by)}"
                )

    def _with_totals(self, query: Query, scope: Scope, items: list[Path | Call]) -> tuple[str, Sql]:
        """ROLLUP and CUBE: the groups of each level, one SELECT a level, and an order in which subtotals follow what
        they add up.
        """
        by = query.group_by
        levels = [by[:n] for n in range(len(by), -1, -1)]
        if query.totals == "CUBE":
            levels = [kept for n in range(len(by), -1, -1) for kept in combinations(by, n)]
        inside = replace(query, order_by=())
        given = query.order_by or tuple(Order(o, False, False) for g in by for o in (Call("GROUPING", g, g.start), g))
        selects: list[str] = []
        parameters: list[object] = []
        orders: list[tuple[str, Field | None]] = []
        for level in levels:
            scope.left_out = frozenset(key_of(g) for g in by if g not in level)
            orders = [self._ordered(o, scope) for o in given]
            columns = [scope.expression(i)[0] for i in items] + [sql for sql, _ in orders]
            base = self._base(inside, scope)
            selects.append(f"SELECT {', '.join(f'{sql} AS c{n}' for n, sql in enumerate(columns))} {base.text}")
            parameters += base.parameters
        scope.left_out = frozenset()
        order = ", ".join(
            f"c{n}{_collated(f)} {_direction(o)}"
            for n, (o, (_, f)) in enumerate(zip(given, orders, strict=True), len(items))
        )
        selected = ", ".join(f"c{n}" for n in range(len(items)))
        return selected, Sql(f"FROM ({' UNION ALL '.join(selects)}) ORDER BY {order}", tuple(parameters))


def _plain(f: Field | None) -> _Read:
    return (lambda value: value) if f is None else (lambda value: out_value(f, value))


def _one_of(kinds: set[str]) -> Callable[[str], bool]:
    return lambda kind: kind in kinds


def _none_of(kinds: set[str]) -> Callable[[str], bool]:
    return lambda kind: kind not in kinds


def _direction(order: Order) -> str:
    return f"{'DESC' if order.descending else 'ASC'} NULLS {'LAST' if order.nulls_last else 'FIRST'}"


def _collated(f: Field | None) -> str:
    """Columns of a UNION have lost how they are compared."""
    return "" if f is None or COLLATION not in f.sql_type else f" COLLATE {COLLATION}"
