"""What the names in a query mean: objects, aliases, fields, and parents, and functions of fields, as SQL."""

from dataclasses import dataclass

from localorg.data import currencies
from localorg.data.access import Person
from localorg.org import Org
from localorg.schema.sobjects import NUMBER_TYPES, Field, Schema, SObject
from localorg.schema.standard import NAME_FIELDS
from localorg.soql.functions import PARTS_OF_DATES, address, label_case, place_in_value_set, value_at_place
from localorg.soql.tree import AGGREGATES, DATE_FUNCTIONS, Call, Path, Query, SoqlError, position

_MOST_PARENTS = 5
_MOST_RELATIONSHIPS = 55  # SOQL and SOSL Reference, Understanding Relationship Query Limitations


@dataclass(frozen=True, slots=True)
class Asked:
    """A query text with the user who runs it. Its errors point into the text."""

    org: Org
    schema: Schema
    person: Person
    text: str

    def error(self, code: str, start: int, message: str) -> SoqlError:
        """A SoqlError with this code, whose message points at offset `start` of the text."""
        return SoqlError(code, position(self.text, start) + message)

    def queried(self, name: Path) -> SObject:
        """The object with this name, when a query may begin with it. Raises SoqlError."""
        sobject = self.sobject(name)
        if sobject.view:
            said = f"entity type {sobject.name} does not support query"
            raise SoqlError("INVALID_TYPE_FOR_OPERATION", said)
        return sobject

    def sobject(self, name: Path) -> SObject:
        """The object with this name. Raises SoqlError INVALID_TYPE."""
        sobject = self.schema.sobject(name.text)
        if sobject is None:
            raise self.error(
                "INVALID_TYPE",
                name.start,
                f"sObject type '{name.text}' is not supported. If you are attempting to use a custom object, be sure to"
                " append the '__c' after the entity name. Please reference your WSDL or the describe call for the"
                " appropriate names.",
            )
        return sobject

    def no_column(self, path: Path, name: str, owner: str) -> SoqlError:
        """The error for a field that the object does not have, to be raised."""
        return self.error(
            "INVALID_FIELD",
            path.start,
            f"No such column '{name}' on entity '{owner}'. If you are attempting to use a custom field, be sure to"
            " append the '__c' after the custom field name. Please reference your WSDL or the describe call for the"
            " appropriate names.",
        )

    def no_relationship(self, path: Path, name: str) -> SoqlError:
        """The error for a relationship that does not exist, to be raised."""
        return self.error(
            "INVALID_FIELD",
            path.start,
            f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom"
            " relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL"
            " or the describe call for the appropriate names.",
        )

    def not_aggregable(self, call: Call) -> SoqlError:
        """The error for a field that the function does not take, to be raised."""
        name = call.path.text if call.path else ""
        return self.error(
            "MALFORMED_QUERY", call.start, f"field {name} does not support aggregate operator {call.function}"
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the object `owner` as SQL, and the relationships on the path to it."""

    sql: str
    field: Field
    chain: tuple[str, ...] = ()
    table: str = ""
    owner: str = "Name"


class Scope:
    """The names that can be used in one query: its object, its alias, and the parents, each joined when it is first
    used.

    `left_out` are the grouped fields that a subtotal of ROLLUP or CUBE sums over: in its row they are null.
    """

    def __init__(self, asked: Asked, query: Query, source: SObject, depth: int = 0) -> None:
        self.source = source
        self.depth = depth
        self.alias = "t0" if depth == 0 else f"s{depth}"
        self.left_out: frozenset[tuple[str, str]] = frozenset()
        self._asked = asked
        self._names = {n.lower() for n in (source.name, query.sobject.text, query.sobject.alias) if n}
        self._joins: dict[tuple[str, ...], tuple[str, str]] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        for parent in query.joined:
            way = self.relative(parent)
            self._reach(parent, (), self.source, self.alias, way, "Id")  # raises SoqlError when it is no parent
            self._aliases[(parent.alias or parent.parts[-1]).lower()] = way

    def relative(self, path: Path) -> tuple[str, ...]:
        """The parts of a path without a leading alias or object name."""
        first = path.parts[0].lower()
        if len(path.parts) > 1 and first in self._aliases:
            return (*self._aliases[first], *path.parts[1:])
        if len(path.parts) > 1 and first in self._names and self.source.parent(first) is None:
            return path.parts[1:]
        return path.parts

    def column(self, path: Path) -> Column:
        """The field of a path; joins its parents. Raises SoqlError INVALID_FIELD."""
        *parents, last = self.relative(path)
        return self._reach(path, (), self.source, self.alias, tuple(parents), last)

    def of_kind(self, relationship: Field, kind: SObject, field: Path) -> Column:
        """The column of a field that TYPEOF selects in WHEN: `field` belongs to the parents that `relationship` points
        to and that are of the object `kind`; joins them. Raises SoqlError INVALID_FIELD."""
        if len(field.parts) > 1:
            raise self._asked.no_relationship(field, field.parts[0])
        chain = (str(relationship.relationship),)
        table = self._join(_of_kind(chain, kind), kind, f'{self.alias}."{relationship.name}"')
        return self._reach(field, chain, kind, table, (), field.text)

    def parent_id(self, chain: tuple[str, ...]) -> str:
        """The SQL of the id of the parent to which a chain of relationships leads; "NULL" when it is not joined."""
        join = self._joins.get(_key(chain))
        if join is not None:
            return f'{join[0]}."Id"'
        some = [alias for key, (alias, _) in self._joins.items() if key[:-1] == _key(chain) and key[-1].startswith("=")]
        return f"coalesce({', '.join(f'{a}.Id' for a in some)}, NULL)" if some else "NULL"

    def joins(self) -> str:
        """The SQL of all joins so far."""
        return "".join(join for _, join in self._joins.values())

    def _reach(
        self, path: Path, chain: tuple[str, ...], owner: SObject, table: str, parents: tuple[str, ...], last: str
    ) -> Column:
        if len(chain) + len(parents) > _MOST_PARENTS:
            raise self._asked.no_relationship(path, parents[-1])
        for step, name in enumerate(parents):
            reference = owner.parent(name)
            if reference is None or reference.refers_to is None:
                raise self._asked.no_relationship(path, name)
            chain = (*chain, str(reference.relationship))
            held = f'{table}."{reference.name}"'
            if len(reference.targets) > 1:
                if step < len(parents) - 1:
                    raise self._asked.no_relationship(path, parents[step + 1])
                return self._of_any(path, chain, reference, held, last)
            parent = self._asked.schema.sobject(reference.refers_to)
            if parent is None:
                raise self._asked.no_relationship(path, name)
            owner, table = parent, self._join(_key(chain), parent, held)
        f = owner.field(last)
        if f is None:
            raise self._asked.no_column(path, last, owner.name)
        return Column(self._sql_of(table, f), f, chain, table, owner.name)

    def _sql_of(self, table: str, f: Field) -> str:
        if f.compound is not None:
            return address(table, f)
        if f.seen_by is not None:
            return (
                f"(SELECT {f.seen_by} FROM viewed WHERE RecordId = {table}.Id AND UserId ="
                f" '{self._asked.person.user_id}')"
            )
        return f'{table}."{f.name}"'

    def _of_any(self, path: Path, chain: tuple[str, ...], reference: Field, held: str, last: str) -> Column:
        """A field of a polymorphic parent, whichever object it is of: one of the fields of Salesforce's `Name`
        object.
        """
        f = NAME_FIELDS.get(last.lower())
        if f is None:
            raise self._asked.no_column(path, last, "Name")
        values: list[str] = []
        for target in reference.targets:
            kind = self._asked.schema.sobject(target)
            if kind is None:
                continue
            table = self._join(_of_kind(chain, kind), kind, held)
            one = kind.field("CaseNumber" if f.name == "Name" and kind.name == "Case" else f.name)
            if f.name == "Type" and kind.name == "Group":  # a queue is a group whose type is Queue
                values.append(f'{table}."Type"')
            elif f.name == "Type":
                values.append(f"CASE WHEN {table}.Id IS NOT NULL THEN '{kind.name}' END")
            elif one is not None:
                values.append(f'{table}."{one.name}"')
        return Column(f"coalesce({', '.join([*values, 'NULL'])}, NULL)" if values else "NULL", f, chain)

    def _join(self, key: tuple[str, ...], parent: SObject, held: str) -> str:
        if key not in self._joins:
            if len({k[:-1] if k[-1].startswith("=") else k for k in (*self._joins, key)}) > _MOST_RELATIONSHIPS:
                said = f"A query can have at most {_MOST_RELATIONSHIPS} child-to-parent relationships"
                raise SoqlError("MALFORMED_QUERY", said)
            alias = f"{self.alias}j{len(self._joins)}"
            self._joins[key] = (alias, f' LEFT JOIN "{parent.name}" {alias} ON {alias}."Id" = {held}')
        return self._joins[key][0]

    def expression(self, item: Path | Call) -> tuple[str, Field | None]:
        """The SQL of a field or function, and the field by which its value is written (None for counts). Raises
        SoqlError.
        """
        if key_of(item) in self.left_out:
            return "NULL", self.whole(item)[1]
        return self.whole(item)

    def whole(self, item: Path | Call) -> tuple[str, Field | None]:
        """The same as `expression`, but never null for a subtotal: for WHERE."""
        if isinstance(item, Path):
            column = self.column(item)
            return column.sql, column.field
        if item.argument is None:
            return "COUNT(*)", None
        if item.function in ("FORMAT", "CONVERTCURRENCY"):
            return self._display_function(item)
        path = item.path
        assert path is not None
        column = self.column(path)
        sql, f = column.sql, column.field
        if item.function in AGGREGATES:
            if f.encrypted:
                said = f"encrypted field {column.owner}.{f.name} does not support aggregate operator {item.function}"
                raise self._asked.error("MALFORMED_QUERY", item.start, said)
            if not f.aggregatable:
                raise self._asked.not_aggregable(item)
            return self._aggregate(item, sql if item.function.startswith("COUNT") else self.worth(column), f)
        if item.function in DATE_FUNCTIONS:
            # Source: SOQL and SOSL Reference, Date Functions: these two "with dateTime fields" only.
            of_moments = item.function in ("DAY_ONLY", "HOUR_IN_DAY") or isinstance(item.argument, Call)
            if f.type not in ("date", "datetime") or (of_moments and f.type != "datetime"):
                raise self._asked.not_aggregable(item)
            zone = self._asked.person.zone if isinstance(item.argument, Call) else "UTC"
            kind = "date" if item.function == "DAY_ONLY" else "int"
            if item.function in PARTS_OF_DATES and zone == "UTC":
                return PARTS_OF_DATES[item.function].format(sql=f"substr({sql}, 1, 10)", whole=sql), Field(
                    f.name, f.label, kind
                )
            return f"part_of_date('{item.function}', {sql}, '{zone}')", Field(f.name, f.label, kind)
        return self._special(item, path, column)

    def _display_function(self, item: Call) -> tuple[str, Field | None]:
        """The SQL of FORMAT and convertCurrency: that of their argument, because they only change how it is written."""
        argument = item.argument
        assert argument is not None
        path = argument.argument if isinstance(argument, Call) and argument.function == "CONVERTTIMEZONE" else argument
        assert path is not None
        sql, f = self.expression(path)
        if currencies.several(self._asked.org) and f is not None and f.type == "currency" and isinstance(path, Path):
            sql = self._in_a_currency(item, path)
        good = NUMBER_TYPES | {"date", "datetime"} if item.function == "FORMAT" else {"currency"}
        if f is not None and f.type not in good:
            said = "takes numbers, amounts, dates and times" if item.function == "FORMAT" else "takes currency fields"
            raise self._asked.error("INVALID_FIELD", item.start, f"{item.function} {said}")
        return sql, f

    def _in_a_currency(self, item: Call, path: Path) -> str:
        """The SQL of an amount in an org with several currencies: for convertCurrency in the user's, rounded to its
        decimals; for FORMAT with the code of the record's behind it.
        """
        column = self.column(path)
        if item.function == "FORMAT":
            return f"({column.sql} || ' ' || {column.table}.\"{currencies.FIELD}\")"
        own = currencies.of_user(self._asked.org, self._asked.person.user_id)
        return f"ROUND({self.worth(column)} * {own.rate!r}, {own.decimals})"

    def worth(self, column: Column) -> str:
        """The SQL by which a field is compared with others of its kind: an amount in an org with several currencies by
        what it is worth in the corporate one.
        """
        if column.field.type == "currency" and column.table and currencies.several(self._asked.org):
            return currencies.worth(column.sql, column.table)
        return column.sql

    def _aggregate(self, item: Call, sql: str, f: Field) -> tuple[str, Field | None]:
        match item.function:
            case "COUNT":
                return f"COUNT({sql})", None
            case "COUNT_DISTINCT":
                return f"COUNT(DISTINCT {sql})", None
            case "SUM" | "AVG":
                if f.type not in NUMBER_TYPES:
                    raise self._asked.not_aggregable(item)
                return f"{item.function}({sql})", Field(
                    f.name, f.label, "currency" if f.type == "currency" else "double"
                )
            case _:
                if f.type == "picklist":  # by the order of the value set: SOQL and SOSL Reference, Aggregate Functions
                    return value_at_place(f"{item.function}({place_in_value_set(sql, f)})"), f
                return f"{item.function}({sql})", f

    def _special(self, item: Call, path: Path, column: Column) -> tuple[str, Field | None]:
        sql, f = column.sql, column.field
        match item.function:
            case "GROUPING":
                return str(int(key_of(path) in self.left_out)), Field(f.name, f.label, "int")
            case "TOLABEL":
                if f.type not in ("picklist", "multipicklist"):
                    raise self._asked.error(
                        "INVALID_FIELD", item.start, f"toLabel() does not take the field {path.text}"
                    )
                return label_case(sql, f), f
            case "DISTANCE":
                if f.compound is None:
                    raise self._asked.error(
                        "INVALID_FIELD",
                        path.start,
                        f"DISTANCE takes addresses and geolocations, and {path.text} is neither",
                    )
                place, (latitude, longitude) = item.place, f.position
                assert place is not None
                here = f'{column.table}."{latitude}", {column.table}."{longitude}"'
                return f"distance({here}, {place.latitude!r}, {place.longitude!r}, '{place.unit}')", Field(
                    f.name, f.label, "double"
                )
            case _:
                raise self._asked.error(
                    "MALFORMED_QUERY", item.start, "convertTimezone() can only be used in a date function"
                )


def key_of(item: Path | Call) -> tuple[str, str]:
    """A key that is the same for two mentions of the same field or function."""
    if isinstance(item, Call):
        inner = item.argument.function if isinstance(item.argument, Call) else ""
        return f"{item.function} {inner}", item.path.text.lower() if item.path else ""
    return "", item.text.lower()


def label_of(item: Path | Call) -> str:
    """The name of a field or function in an error message."""
    return item.text if isinstance(item, Path) else item.function


def is_aggregate(item: object) -> bool:
    """Whether an item makes the query return groups instead of records."""
    return isinstance(item, Call) and (item.function in AGGREGATES or is_aggregate(item.argument))


def _key(chain: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(n.lower() for n in chain)


def _of_kind(chain: tuple[str, ...], kind: SObject) -> tuple[str, ...]:
    """The key of the join to one object of a polymorphic reference."""
    return (*_key(chain), "=" + kind.name.lower())
