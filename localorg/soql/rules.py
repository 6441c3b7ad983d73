"""What may not stand together in a query, as far as the query alone shows it.

Source: SOQL and SOSL Reference, on the page of each clause; what each rule is from stands beside it.
"""

from collections.abc import Iterator

from localorg.soql.names import Asked, is_aggregate, key_of, label_of
from localorg.soql.tree import (
    Call,
    Combine,
    Compare,
    Condition,
    FieldsOf,
    In,
    Includes,
    Not,
    Path,
    Query,
    SoqlError,
    TypeOf,
    Value,
)

MOST_ROWS_OF_FIELDS = 200
_MOST_SUB_QUERIES = 20
_LONGEST_STRING = 4000


def check(asked: Asked, query: Query, version: str) -> None:
    """Raises SoqlError when a rule is broken, by the query or by one inside it."""
    _check_sub_queries(asked, query, version)
    _check_one(asked, query)


def _malformed(asked: Asked, start: int, said: str) -> SoqlError:
    return asked.error("MALFORMED_QUERY", start, said)


def _check_sub_queries(asked: Asked, query: Query, version: str) -> None:
    """More than 20 sub-queries, or children below more levels than this version allows.

    Source: Understanding Relationship Query Limitations.
    """
    most = 5 if float(version or 58) >= 58 else 2
    level, inside, count = 1, [query], 0
    while inside := [i for q in inside for i in q.select if isinstance(i, Query)]:
        level, count = level + 1, count + len(inside)
        if level > most:
            said = f"A query can have at most {most} levels of parent-to-child relationships"
            raise _malformed(asked, inside[0].sobject.start, said)
        if count > _MOST_SUB_QUERIES:
            said = f"A query can have at most {_MOST_SUB_QUERIES} parent-to-child relationships"
            raise _malformed(asked, inside[-1].sobject.start, said)


def _check_one(asked: Asked, query: Query) -> None:
    _check_type_of(asked, query)
    _check_aliases(asked, query)
    for condition in _conditions(query.where):
        if isinstance(condition, In) and isinstance(condition.values, Query):
            _check_one(asked, condition.values)
            continue
        for value in _values(condition):
            # WHERE, Note.
            if value.kind == "string" and len(str(value.value)) > _LONGEST_STRING:
                said = f"A string in WHERE has at most {_LONGEST_STRING} characters"
                raise _malformed(asked, value.start, said)
    _check_having(asked, query)
    for sub in query.select:
        if isinstance(sub, Query):
            if sub.offset and query.limit != 1:  # OFFSET, Considerations
                said = "OFFSET is allowed in a sub-query only when the query around it has LIMIT 1"
                raise _malformed(asked, sub.sobject.start, said)
            if sub.scope:  # Understanding Relationship Query Limitations
                raise _malformed(asked, sub.sobject.start, "USING SCOPE is not allowed in a sub-query")
            _check_one(asked, sub)


def _check_type_of(asked: Asked, query: Query) -> None:
    """Source: TYPEOF, Considerations, and SOQL SELECT Syntax, typeOfField."""
    types = [item for item in query.select if isinstance(item, TypeOf)]
    if not types:
        return
    function = next((item for item in query.select if isinstance(item, Call)), None)
    if function is not None and not is_aggregate(function):
        raise _malformed(asked, function.start, "TYPEOF cannot be used in queries with functions in SELECT")
    fields = [item.parts[0].lower() for item in query.select if isinstance(item, Path) and len(item.parts) > 1]
    seen = set(fields)
    for one in types:
        name = one.relationship.parts[-1].lower()
        if name in seen:
            said = f"{one.relationship.text} cannot be in TYPEOF and once more in the field list"
            raise _malformed(asked, one.relationship.start, said)
        seen.add(name)
        kinds: set[str] = set()
        for kind, _fields in one.branches:
            if kind.text.lower() in kinds:
                raise _malformed(asked, kind.start, f"{kind.text} stands in two WHEN clauses of one TYPEOF")
            kinds.add(kind.text.lower())


def _check_aliases(asked: Asked, query: Query) -> None:
    """Two items with one alias would be one property of the answer."""
    seen: set[str] = set()
    for item in query.select:
        if isinstance(item, Path | Call) and item.alias is not None:
            if item.alias.lower() in seen:
                raise _malformed(asked, item.start, f"duplicate alias: {item.alias}")
            seen.add(item.alias.lower())


def _check_having(asked: Asked, query: Query) -> None:
    """Source: HAVING: grouped fields and aggregates, and no semi-join or anti-join."""
    grouped = {key_of(g) for g in query.group_by}
    for condition in _conditions(query.having):
        if isinstance(condition, In) and isinstance(condition.values, Query):
            raise _malformed(asked, condition.left.start, "HAVING cannot contain semi-joins or anti-joins")
        left = condition.left
        inner = left.argument if isinstance(left, Call) and left.function == "GROUPING" else left
        if inner is not None and not is_aggregate(left) and key_of(inner) not in grouped:
            said = f"Field in HAVING must be grouped or aggregated: {label_of(left)}"
            raise _malformed(asked, left.start, said)


def _conditions(condition: Condition | None) -> Iterator[Compare | In | Includes]:
    """The single comparisons of a condition."""
    match condition:
        case None:
            return
        case Combine(_, terms):
            for term in terms:
                yield from _conditions(term)
        case Not(term):
            yield from _conditions(term)
        case _:
            yield condition


def _values(condition: Compare | In | Includes) -> tuple[Value, ...]:
    if isinstance(condition, Compare):
        return (condition.value,)
    return () if isinstance(condition.values, Query) else condition.values


def bounded(query: Query, item: FieldsOf) -> bool:
    """Whether a query may use FIELDS(): always FIELDS(STANDARD), else with LIMIT or ids of 200 rows at most.

    Source: SELECT, Bounded and Unbounded Queries, Limiting Result Rows.
    """
    if item.group == "STANDARD" or (query.limit is not None and query.limit <= MOST_ROWS_OF_FIELDS):
        return True
    ids = _ids(query.where)
    return ids is not None and ids <= MOST_ROWS_OF_FIELDS


def _ids(condition: Condition | None) -> int | None:
    """How many ids a condition leaves; None when it leaves others too."""
    match condition:
        case Compare(Path(("id" | "Id" | "ID",)), "=", _):
            return 1
        case In(Path(("id" | "Id" | "ID",)), False, tuple(values)):
            return len(values)
        case Combine("OR", terms):
            counts = [_ids(term) for term in terms]
            return None if None in counts else sum(n for n in counts if n is not None)
        case Combine("AND", terms):
            return min((n for term in terms if (n := _ids(term)) is not None), default=None)
        case _:
            return None
