"""The items of SELECT: for each, the SQL that reads it and its place in the record."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from localorg.data import currencies
from localorg.data.values import out_value
from localorg.schema.sobjects import Field, SObject
from localorg.soql.functions import formatted
from localorg.soql.names import Asked, Column, Scope, is_aggregate, key_of, label_of
from localorg.soql.rules import bounded
from localorg.soql.tree import DATE_FUNCTIONS, Call, FieldsOf, Path, Query, TypeOf

Read = Callable[[object], object]
Item = Path | Call | TypeOf | Query


@dataclass(frozen=True, slots=True)
class Selected:
    """One selected value.

    `chain`: the relationships from the record to its place, `key` its name there, `read` makes the answer's value of
    the column's. `kinds`: for which parents' objects it counts (TYPEOF); None for all.
    """

    sql: str
    chain: tuple[str, ...]
    key: str
    read: Read
    kinds: Callable[[str], bool] | None = None


class Selection:
    """Turns the items of a query's SELECT into `Selected` values. Its methods raise SoqlError."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def items(self, query: Query, source: SObject) -> list[Item]:
        """The items of SELECT, with the fields of FIELDS() instead of it."""
        items: list[Item] = []
        seen: set[str] = set()
        for item in query.select:
            if isinstance(item, FieldsOf):
                if not bounded(query, item):
                    raise self._asked.error(
                        "MALFORMED_QUERY", item.start, "The SOQL FIELDS function must have a LIMIT of at most 200"
                    )
                wanted = [f for f in source.fields if item.group == "ALL" or f.custom == (item.group == "CUSTOM")]
                expanded: list[Item] = [Path((f.name,), item.start) for f in wanted]
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

    def of_record(self, items: Iterable[Item], scope: Scope) -> list[Selected]:
        """The values of a record: fields, functions, and TYPEOF. Sub-queries are left out."""
        values: list[Selected] = []
        for item in items:
            if isinstance(item, Path):
                if item.alias is not None:
                    raise self._asked.error(
                        "MALFORMED_QUERY", item.start, "only aggregate expressions use field aliasing"
                    )
                column = scope.column(item)
                values.append(Selected(column.sql, column.chain, column.field.name, _plain(column.field)))
            elif isinstance(item, Call):
                sql, f = self._ungrouped(item, scope)
                chain = scope.column(item.path).chain if item.path and item.alias is None else ()
                unnamed = sum(1 for s in values if re.fullmatch(r"expr\d+", s.key))
                named = f"expr{unnamed}" if item.function == "DISTANCE" or f is None else f.name
                key = item.alias or named
                if any(s.chain == chain and s.key.lower() == key.lower() for s in values):
                    raise self._asked.error("INVALID_FIELD", item.start, f"duplicate field selected: {key}")
                values.append(Selected(sql, chain, key, self._reader(item, f)))
            elif isinstance(item, TypeOf):
                values += self._type_of(item, scope)
        return values

    def _ungrouped(self, item: Call, scope: Scope) -> tuple[str, Field | None]:
        if item.function == "GROUPING":
            raise self._asked.error(
                "MALFORMED_QUERY", item.start, "GROUPING can only be used with GROUP BY ROLLUP and GROUP BY CUBE"
            )
        if item.function == "TOLABEL" and item.path is not None:
            column = scope.column(item.path)
            scope.expression(item)  # raises SoqlError when it is no picklist
            return column.sql, column.field
        return scope.expression(item)

    def _reader(self, item: Path | Call, f: Field | None) -> Read:
        if isinstance(item, Call) and item.function == "FORMAT":
            person, currency = self._asked.person, self._currency_of(item)

            def read(value: object) -> object:
                amount, _, code = str(value).partition(" ") if f is not None and f.type == "currency" else ("", "", "")
                given = float(amount) if code else value
                return formatted(f, given, person.locale, person.zone, code or currency)

            return read
        if isinstance(item, Call) and item.function == "TOLABEL" and f is not None:
            return lambda value: None if value is None else ";".join(f.label_of(v) for v in str(value).split(";"))
        return _plain(f)

    def _currency_of(self, item: Call) -> str:
        """The currency that FORMAT writes: the user's for what was converted, else the corporate one (a record's own
        comes with its amount).
        """
        org = self._asked.org
        if not currencies.several(org):
            return org.settings.currency
        if isinstance(item.argument, Call) and item.argument.function == "CONVERTCURRENCY":
            return currencies.of_user(org, self._asked.person.user_id).code
        return currencies.corporate(org).code

    def _type_of(self, item: TypeOf, scope: Scope) -> list[Selected]:
        *parents, last = scope.relative(item.relationship)
        reference = None if parents else scope.source.parent(last)
        if reference is None:
            raise self._asked.no_relationship(item.relationship, last)
        if len(reference.targets) < 2:
            raise self._asked.error(
                "INVALID_FIELD", item.relationship.start, f"TYPEOF takes polymorphic relationships, and {last} is none"
            )
        kind_name = scope.column(Path((last, "Type"), item.relationship.start))
        # Joins the parents, even when no field of them is selected.
        values = [Selected(kind_name.sql, kind_name.chain, "", _plain(kind_name.field), lambda _kind: False)]
        named: set[str] = set()
        for kind, fields in item.branches:
            target = self._asked.sobject(kind)
            if target.name not in reference.targets:
                raise self._asked.error("INVALID_TYPE", kind.start, f"{last} does not refer to {kind.text}")
            named.add(target.name)
            for field in fields:
                column = scope.of_kind(reference, target, field)
                values.append(
                    Selected(column.sql, column.chain, column.field.name, _plain(column.field), _one_of({target.name}))
                )
        for field in item.otherwise:
            column: Column = scope.column(Path((last, *field.parts), field.start))
            values.append(Selected(column.sql, column.chain, column.field.name, _plain(column.field), _none_of(named)))
        return values

    # Groups

    def of_group(self, query: Query, scope: Scope, items: list[Item]) -> list[Selected]:
        """The values of a group: grouped fields and aggregates."""
        grouped = {key_of(g) for g in query.group_by}
        values: list[Selected] = []
        unnamed = 0
        for item in items:
            if isinstance(item, Query | TypeOf):
                raise self._asked.error(
                    "MALFORMED_QUERY",
                    query.sobject.start,
                    "Sub-queries and TYPEOF are not supported together with aggregates",
                )
            self._check_grouped(query, item, grouped, scope)
            sql, f = scope.expression(item)
            if item.alias is not None:
                key = item.alias
            elif isinstance(item, Call):
                key = f"expr{unnamed}"
                unnamed += 1
            else:
                key = item.parts[-1]
            values.append(Selected(sql, (), key, self._reader(item, f)))
        return values

    def _check_grouped(self, query: Query, item: Path | Call, grouped: set[tuple[str, str]], scope: Scope) -> None:
        """Raises SoqlError for an item that is neither grouped nor an aggregate."""
        if isinstance(item, Call) and item.function == "GROUPING":
            if not query.totals:
                raise self._asked.error(
                    "MALFORMED_QUERY", item.start, "GROUPING can only be used with GROUP BY ROLLUP and GROUP BY CUBE"
                )
            inner = item.argument
        else:
            inner = item.argument if isinstance(item, Call) and item.function in ("FORMAT", "TOLABEL") else item
        # Source: SOQL and SOSL Reference, Date Functions: the date field may be grouped instead of its function.
        if isinstance(item, Call) and item.function in DATE_FUNCTIONS and isinstance(item.argument, Path):
            f = scope.column(item.argument).field
            inner = item.argument if f.type == "date" else inner
        if inner is None or is_aggregate(item) or key_of(item) in grouped or key_of(inner) in grouped:
            return
        raise self._asked.error("MALFORMED_QUERY", item.start, f"Field must be grouped or aggregated: {label_of(item)}")

    def check_order(self, query: Query, scope: Scope) -> None:
        """Raises SoqlError when ORDER BY names something that is neither grouped nor an aggregate."""
        grouped = {key_of(g) for g in query.group_by}
        for order in query.order_by:
            by = order.by
            if isinstance(by, Call) and by.function == "GROUPING":
                self._check_grouped(query, by, grouped, scope)
            elif not is_aggregate(by) and key_of(by) not in grouped:
                raise self._asked.error(
                    "MALFORMED_QUERY", by.start, f"Ordered field must be grouped or aggregated: {label_of(by)}"
                )


def _plain(f: Field | None) -> Read:
    return (lambda value: value) if f is None else (lambda value: out_value(f, value))


def _one_of(kinds: set[str]) -> Callable[[str], bool]:
    return lambda kind: kind in kinds


def _none_of(kinds: set[str]) -> Callable[[str], bool]:
    return lambda kind: kind not in kinds
