"""The columns of a query, which Salesforce's command-line client asks for with `columns=true`."""

from collections.abc import Sequence
from typing import cast

from localorg.schema.sobjects import NUMBER_TYPES, TEXT_TYPES, Field, Schema, SObject
from localorg.soql.syntax import parse
from localorg.soql.tree import Call, FieldsOf, Path, Query, TypeOf


def column_metadata(schema: Schema, text: str) -> dict[str, object]:
    """The answer to a query with `columns=true`: its columns instead of its rows. Raises SoqlError.

    Columns of parents and children are in `joinColumns`. Source: what Salesforce's command-line client reads.
    """
    query = parse(text)
    source = schema.sobject(query.sobject.text)
    return {
        "columnMetadata": _columns(schema, source, query),
        "entityName": query.sobject.text if source is None else source.name,
        "groupBy": bool(query.group_by),
        "idSelected": any(isinstance(i, Path) and i.text.lower() == "id" for i in query.select),
        "keyPrefix": None if source is None else source.prefix,
    }


def _columns(schema: Schema, source: SObject | None, query: Query) -> list[dict[str, object]]:
    columns: list[dict[str, object]] = []
    for item in query.select:
        match item:
            case Query():
                relation = None if source is None else source.child(item.sobject.text)
                child = None if relation is None else schema.sobject(relation.child)
                name = item.sobject.text if relation is None else relation.name
                columns.append(_column(name, None, aggregate=True, below=_columns(schema, child, item)))
            case FieldsOf():
                columns += (
                    []
                    if source is None
                    else [_column(f.name, f) for f in source.fields if f.stored or item.group != "CUSTOM"]
                )
            case Call():
                unnamed = sum(1 for c in columns if str(c["columnName"]).startswith("expr"))
                call_text = f"{item.function.lower()}({item.path.text if item.path else ''})"
                columns.append(
                    _column(item.alias or f"expr{unnamed}", None, display=item.alias or call_text, aggregate=True)
                )
            case TypeOf():
                below = [
                    _column(f.text, None)
                    for fields in (*(fields for _, fields in item.branches), item.otherwise)
                    for f in fields
                ]
                columns.append(_column(item.relationship.text, None, below=below))
            case Path():
                _add_path(schema, source, item.parts, columns)
    return columns


def _add_path(schema: Schema, source: SObject | None, parts: Sequence[str], columns: list[dict[str, object]]) -> None:
    """Adds the column of a field, below the columns of the parents on its path."""
    first, *rest = parts
    if not rest:
        field = None if source is None else source.field(first)
        columns.append(_column(first if field is None else field.name, field))
        return
    reference = None if source is None else source.parent(first)
    parent = None if reference is None or not reference.targets else schema.sobject(reference.targets[0])
    name = first if reference is None else reference.relationship or first
    column = next((c for c in columns if c["columnName"] == name and c["joinColumns"]), None)
    if column is None:
        column = _column(name, None)
        columns.append(column)
    _add_path(schema, parent, rest, cast(list[dict[str, object]], column["joinColumns"]))


_APEX_TYPES = {
    "boolean": "Boolean",
    "int": "Integer",
    "date": "Date",
    "datetime": "Datetime",
    "id": "Id",
    "reference": "Id",
    "address": "Address",
}


def _column(
    name: str,
    f: Field | None,
    *,
    display: str | None = None,
    aggregate: bool = False,
    below: list[dict[str, object]] | None = None,
) -> dict[str, object]:
    kind = "string" if f is None else f.type
    return {
        "aggregate": aggregate,
        "apexType": _APEX_TYPES.get(kind, "Double" if kind in NUMBER_TYPES else "String"),
        "booleanType": kind == "boolean",
        "columnName": name,
        "custom": name.endswith("__c"),
        "displayName": display or name,
        "foreignKeyName": None if f is None else f.relationship,
        "insertable": f is not None and f.writable,
        "joinColumns": [] if below is None else below,
        "numberType": kind in NUMBER_TYPES,
        "textType": kind in TEXT_TYPES,
        "updatable": f is not None and f.writable,
    }
