"""Runs queries on the org's SQLite file: records with their parents and children, or groups."""

import re
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations

from localorg.data.access import Person
from localorg.data.records import mark_seen
from localorg.org import Org
from localorg.schema.sobjects import ChildRelationship, Field, Schema, SObject
from localorg.schema.text import COLLATION
from localorg.soql.activity_lists import check as check_activities
from localorg.soql.conditions import Conditions, Sql
from localorg.soql.functions import place_in_value_set
from localorg.soql.locators import Below, Locator, make_locator
from localorg.soql.names import Asked, Scope, is_aggregate, key_of, label_of
from localorg.soql.rules import check as check_rules
from localorg.soql.select import Item, Selected, Selection
from localorg.soql.syntax import parse
from localorg.soql.tree import (
    DATE_FUNCTIONS,
    Call,
    Combine,
    Compare,
    Condition,
    Order,
    Path,
    Query,
    SoqlError,
    Value,
)

MAX_OFFSET = 2000
DEFAULT_BATCH = 2000
_CHILDREN_A_PAGE = 500


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a result.

    `total` counts the rows of all pages; `locator` continues the query, None on the last page; `ids` are those of the
    records on this page, empty for groups.
    """

    total: int
    records: list[dict[str, object]]
    locator: str | None = None
    ids: tuple[str, ...] = ()

    def body(self, version: str) -> dict[str, object]:
        """The page as REST answers it; `version` is that of the address of the next page."""
        body: dict[str, object] = {"totalSize": self.total, "done": self.locator is None}
        if self.locator is not None:
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{self.locator}"
        return body | {"records": self.records}


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
    below: Below | None = None,
) -> Page:
    """Runs the query `text` and returns the page that begins at row `offset`, with at most `batch` rows. Raises
    SoqlError.

    With `below`, the page is one of a record's children, which a sub-query selects.

    `schema` is what the user may see, `person` who it is. `version` goes into record URLs (such as `68.0`). `deleted`
    includes the recycle bin (queryAll).
    """
    query = parse(text)
    asked = Asked(org, schema, person, text)
    asked.queried(query.sobject)
    check_rules(asked, query, version)
    run_of = _Run(asked, version, deleted)
    with _not_too_complicated():
        if below is not None:
            return run_of.children(query, below, batch, offset)
        page = run_of.page(query, batch, offset)
    if query.viewed or query.referenced:
        mark_seen(org, page.ids, person.user_id, viewed=query.viewed)
    return page


def explain(org: Org, schema: Schema, text: str, *, person: Person) -> dict[str, object]:
    """The plan of a query: by an index of this org or by reading the whole table. Raises SoqlError.

    Source: REST API Developer Guide, Query, `explain`.
    """
    with _not_too_complicated():
        return {"plans": [_Run(Asked(org, schema, person, text), "", False).plan(parse(text))], "sourceQuery": text}


@contextmanager
def _not_too_complicated() -> Generator[None]:
    """Turns what SQLite cannot read, such as too many columns or levels, into Salesforce's error for such a query.

    Source: SOQL and SOSL Reference, SELECT, Statement Character Limit (QUERY_TOO_COMPLICATED).
    """
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DataError, RecursionError, OverflowError):
        raise SoqlError(
            "QUERY_TOO_COMPLICATED",
            "Query is either selecting too many fields or the filter conditions are too complicated.",
        ) from None


class _Run:
    """One run of a query: to SQL, and from rows to records."""

    def __init__(self, asked: Asked, version: str, deleted: bool) -> None:
        self._asked = asked
        self._db = asked.org.db
        self._version = version
        self._deleted = deleted
        self._conditions = Conditions(asked, deleted=deleted)
        self._selection = Selection(asked)

    def children(self, query: Query, below: Below, batch: int, offset: int) -> Page:
        """One page of the children of a record; see `run`. Raises SoqlError, also when the query has no such
        sub-query.
        """
        source, sub = self._asked.sobject(query.sobject), query
        for place in below.path:
            inner = sub.select[place] if 0 <= place < len(sub.select) else None
            if not isinstance(inner, Query):
                raise SoqlError("INVALID_QUERY_LOCATOR", "invalid query locator")
            sub = self._of_parent(self._relationship(source, inner), inner, below.parent)
            source = self._asked.sobject(sub.sobject)
        return self.page(sub, batch, offset, below)

    def page(self, query: Query, batch: int, offset: int, below: Below | None = None) -> Page:
        """One page of a query; see `run`."""
        source = self._asked.sobject(query.sobject)
        if query.offset > MAX_OFFSET:
            raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        scope = Scope(self._asked, query, source)
        items = self._selection.items(query, source)
        if query.group_by or any(
            is_aggregate(i) or (isinstance(i, Call) and i.function in DATE_FUNCTIONS) for i in items
        ):
            return self._aggregate(query, scope, items, batch, offset)
        if query.having is not None:
            raise self._asked.error("MALFORMED_QUERY", query.sobject.start, "HAVING can only be used with GROUP BY")
        values = self._selection.of_record(items, scope)
        chains = sorted({s.chain[: n + 1] for s in values for n in range(len(s.chain))}, key=len)
        base = self._base(query, scope)
        selected = ", ".join([*(s.sql for s in values), *(scope.parent_id(c) for c in chains), 't0."Id"'])
        rows, total, locator = self._rows(selected, base, query, batch, offset, below)
        records = [self._record(source, values, chains, row) for row in rows]
        path = () if below is None else below.path
        for place, sub in enumerate(query.select):
            if isinstance(sub, Query):
                self._attach_children(source, sub, records, [str(r[-1]) for r in rows], (*path, place), batch)
        return Page(total, records, locator, tuple(str(r[-1]) for r in rows))

    def plan(self, query: Query) -> dict[str, object]:
        """The plan of a query; see `explain`."""
        self._asked.queried(query.sobject)
        self.page(query, 1, 0)  # raises the errors that the query itself would
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
        matching = int(self._db.execute(f"SELECT COUNT(*) {base.text}", base.parameters).fetchone()[0])
        every = int(self._db.execute(f'SELECT COUNT(*) FROM "{source.name}" WHERE IsDeleted = 0').fetchone()[0])
        unindexed = {
            "description": "Not considered for filter because unindexed",
            "fields": ["IsDeleted"],
            "tableEnumOrId": source.name,
        }
        return {
            "cardinality": matching,
            "fields": [used[1]] if used else [],
            "leadingOperationType": "Index" if used else "TableScan",
            "notes": [] if used else [unindexed],
            "relativeCost": matching / every if used and every else 1.0,
            "sobjectCardinality": every,
            "sobjectType": source.name,
        }

    def _base(self, query: Query, scope: Scope) -> Sql:
        """The SQL from FROM to ORDER BY. Call it after all selected names are resolved: they add joins."""
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
        if f is not None and not f.sortable:
            raise self._asked.error(
                "INVALID_FIELD", order.by.start, f"field '{label_of(order.by)}' can not be sorted in a query call"
            )
        if isinstance(order.by, Path) and f is not None and f.type == "currency":
            return scope.worth(scope.column(order.by)), f
        return (place_in_value_set(sql, f) if f is not None and f.type == "picklist" else sql), f

    def _rows(
        self, selected: str, base: Sql, query: Query, batch: int, offset: int, below: Below | None = None
    ) -> tuple[list[tuple[object, ...]], int, str | None]:
        limit = query.limit if query.limit is not None else -1
        start, size = query.offset + offset, batch + 1
        if limit >= 0:
            size = min(size, max(0, limit - offset))
        fetched = [
            tuple(r)
            for r in self._db.execute(
                f"SELECT {selected} {base.text} LIMIT ? OFFSET ?", (*base.parameters, size, start)
            )
        ]
        more = len(fetched) > batch
        rows = fetched[:batch]
        total = offset + len(rows)
        if more:
            counted = self._db.execute(
                f"SELECT COUNT(*) FROM (SELECT 1 {base.text} LIMIT ? OFFSET ?)", (*base.parameters, limit, query.offset)
            )
            total = int(counted.fetchone()[0])
        following = Locator(self._asked.text, offset + batch, batch, self._deleted, below)
        return rows, total, make_locator(following) if more else None

    # Records

    def _record(
        self, source: SObject, values: Sequence[Selected], chains: Sequence[tuple[str, ...]], row: Sequence[object]
    ) -> dict[str, object]:
        ids = dict(zip(chains, row[len(values) :], strict=False))
        record: dict[str, object] = {"attributes": self._attributes(source, str(row[-1]))}
        at: dict[tuple[str, ...], dict[str, object] | None] = {(): record}
        for one, value in zip(values, row, strict=False):
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
        """Adds a parent to its child; null when there is none."""
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

    def _relationship(self, parent: SObject, sub: Query) -> ChildRelationship:
        """The relationship that a sub-query names in FROM. Raises SoqlError, also for a sub-query with aggregates."""
        # `FROM Account.Contacts` names the parent too: SOQL and SOSL Reference, SOQL SELECT Syntax, subquery.
        first, *rest = sub.sobject.parts
        name = rest[0] if len(rest) == 1 and first.lower() == parent.name.lower() else sub.sobject.text
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
        return relationship

    @staticmethod
    def _of_parent(relationship: ChildRelationship, sub: Query, parent: str) -> Query:
        """The query for the children of one record."""
        start = sub.sobject.start
        of_parent = Compare(Path((relationship.field,), start), "=", Value("string", parent, start))
        match sub.where:
            case None:
                where: Condition = of_parent
            case Combine("AND", terms):
                where = Combine("AND", (of_parent, *terms))
            case other:
                where = Combine("AND", (of_parent, other))
        return replace(sub, sobject=Path((relationship.child,), start, sub.sobject.alias), where=where)

    def _attach_children(
        self,
        parent: SObject,
        sub: Query,
        records: list[dict[str, object]],
        ids: list[str],
        path: tuple[int, ...],
        batch: int,
    ) -> None:
        """Adds to each record a page of its children, which has a locator of its own when there are more.

        Source: REST API Developer Guide, Query, results of sub-queries; jsforce's pull request 1752 and
        simple-salesforce's issue 311 show answers of real orgs, whose children came 500 at a time.
        """
        relationship = self._relationship(parent, sub)
        check_activities(self._asked, relationship.child, sub, len(records))
        for record, identifier in zip(records, ids, strict=True):
            children = self._of_parent(relationship, sub, identifier)
            page = self.page(children, min(batch, _CHILDREN_A_PAGE), 0, Below(path, identifier))
            # Salesforce answers null when there are no children.
            record[relationship.name] = page.body(self._version) if page.records else None

    # Groups

    def _aggregate(self, query: Query, scope: Scope, items: list[Item], batch: int, offset: int) -> Page:
        self._check_aggregate(query, items)
        if isinstance(items[0], Call) and items[0].function == "COUNT" and items[0].argument is None:
            base = self._base(query, scope)
            limit = query.limit if query.limit is not None else -1
            row = self._db.execute(
                f"SELECT COUNT(*) FROM (SELECT 1 {base.text} LIMIT ? OFFSET ?)", (*base.parameters, limit, query.offset)
            ).fetchone()
            return Page(int(row[0]), [])
        values = self._selection.of_group(query, scope, items)
        self._selection.check_order(query, scope)
        if query.totals:
            selected, base = self._with_totals(query, scope, [i for i in items if isinstance(i, Path | Call)])
        else:
            selected, base = ", ".join(s.sql for s in values), self._base(query, scope)
        rows, total, locator = self._rows(selected, base, query, batch, offset)
        if locator is not None:
            raise SoqlError(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
            )
        records: list[dict[str, object]] = []
        for row in rows:
            record: dict[str, object] = {"attributes": {"type": "AggregateResult"}}
            record |= {s.key: s.read(value) for s, value in zip(values, row, strict=False)}
            records.append(record)
        return Page(total, records, locator)

    def _check_aggregate(self, query: Query, items: list[Item]) -> None:
        """Raises SoqlError for aggregates together with what Salesforce does not allow beside them.

        Source: SOQL and SOSL Reference, COUNT(), LIMIT, Considerations for GROUP BY.
        """
        counts = [i for i in items if isinstance(i, Call) and i.function == "COUNT" and i.argument is None]
        for beside, what in (
            (len(items) > 1, "another item in SELECT"),
            (query.group_by, "GROUP BY"),
            (query.order_by, "ORDER BY"),
        ):
            if counts and beside:
                raise self._asked.error(
                    "MALFORMED_QUERY", counts[0].start, f"COUNT() cannot be used with {what}: use COUNT(Id)"
                )
        if query.limit is not None and not counts and not query.group_by:
            raise self._asked.error(
                "MALFORMED_QUERY",
                query.sobject.start,
                "Non-grouped query that uses overall aggregate functions cannot also use LIMIT",
            )

    def _with_totals(self, query: Query, scope: Scope, items: list[Path | Call]) -> tuple[str, Sql]:
        """The selected columns and the SQL of ROLLUP and CUBE: one SELECT a level, and subtotals after the rows that
        they sum up.
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


def _direction(order: Order) -> str:
    return f"{'DESC' if order.descending else 'ASC'} NULLS {'LAST' if order.nulls_last else 'FIRST'}"


def _collated(f: Field | None) -> str:
    """The collation of a field in a UNION, whose columns have none."""
    return "" if f is None or COLLATION not in f.sql_type else f" COLLATE {COLLATION}"
