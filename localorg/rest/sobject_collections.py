"""sObject Collections and sObject Tree: many records created, read, updated, upserted or deleted in one request.

Source: REST API Developer Guide, "sObject Collections", "sObject Tree".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data import records
from localorg.data.access import schema_for
from localorg.data.values import field_value
from localorg.errors import ApiError, not_found
from localorg.oauth.grants import Session
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.schema.sobjects import Schema, SObject
from localorg.web import Json, json_object, limit_header, route

T = TypeVar("T")
MAX_RECORDS, MAX_CHUNKS, MAX_READ = 200, 10, 2000
MAX_TYPES, MAX_LEVELS = 5, 5  # of a tree
_Values = dict[str, object]


def routes(org: Org) -> list[BaseRoute]:
    """The routes of collections and trees."""
    tree = route(org, "/services/data/v{version}/composite/tree/{sobject}", "rest.composite", _tree, ["POST"])
    return [tree, *routes_in_composite(org)]


def routes_in_composite(org: Org) -> list[BaseRoute]:
    """The routes of collections, which may be parts of a composite request too."""
    v = "/services/data/v{version}/composite"
    return [
        route(org, v + "/sobjects", "rest.composite", _create_many, ["POST"]),
        route(org, v + "/sobjects", "rest.composite", _update_many, ["PATCH"]),
        route(org, v + "/sobjects/{sobject}/{field}", "rest.composite", _upsert_many, ["PATCH"]),
        route(org, v + "/sobjects", "rest.composite", _delete_many, ["DELETE"]),
        route(org, v + "/sobjects/{sobject}", "rest.composite", _read_many, ["GET", "POST"]),
    ]


def _access(org: Org, request: Request) -> tuple[Session, Schema]:
    session = require_session(org, request)
    return session, schema_for(org, session.user_id)


def _typed(schema: Schema, record: Mapping[str, Any]) -> SObject:
    attributes = record.get("attributes")
    name = str(cast(dict[str, object], attributes).get("type") or "") if isinstance(attributes, dict) else ""
    source = schema.sobject(name)
    if source is None:
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{name[:40]}' is not supported.")
    return source


def _saved(identifier: str | None, refused: ApiError | None = None) -> dict[str, object]:
    if refused is None:
        return {"id": identifier, "success": True, "errors": []}
    # In collections the error code is called statusCode.
    return {
        "success": False,
        "errors": [{"statusCode": refused.code, "message": refused.message, "fields": list(refused.fields or [])}],
    }


def _each(org: Org, all_or_none: bool, work: Sequence[T], save: Callable[[T], str]) -> list[dict[str, object]]:
    """Saves the items one by one and returns their results. With `all_or_none` one refusal undoes them all."""
    results: list[dict[str, object]] = []
    with org.attempt() as attempt:
        for item in work:
            try:
                results.append(_saved(save(item)))
            except ApiError as refused:
                results.append(_saved(None, refused))
        if all_or_none and not all(r["success"] for r in results):
            attempt.undo()
            message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
            rolled_back = _saved(None, ApiError(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", message, []))
            results = [rolled_back if r["success"] else r for r in results]
    return results


async def _records_of(request: Request) -> tuple[list[dict[str, Any]], bool]:
    body = await json_object(request)
    given = body.get("records")
    if not isinstance(given, list) or not all(isinstance(r, dict) for r in cast(list[object], given)):
        raise ApiError(400, "INVALID_INPUT", "records must be a list of records")
    listed = cast(list[dict[str, Any]], given)
    if not 1 <= len(listed) <= MAX_RECORDS:
        raise ApiError(
            400,
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MAX_RECORDS} records into this call",
        )
    return listed, body.get("allOrNone") is True


def _check_chunks(given: Sequence[Mapping[str, Any]]) -> None:
    """Raises ApiError for records of several types that take turns too often.

    Source: REST API Developer Guide, Create Records Using sObject Collections.
    """
    types = [str(cast(_Values, a).get("type")) if isinstance(a := r.get("attributes"), dict) else "" for r in given]
    chunks = sum(1 for n, kind in enumerate(types) if n == 0 or kind.lower() != types[n - 1].lower())
    if chunks > MAX_CHUNKS:
        said = f"Cannot have more than {MAX_CHUNKS} chunks in a single operation."
        raise ApiError(400, "INVALID_INPUT", f"{said} Please rearrange the data to reduce chunking.")


async def _create_many(org: Org, request: Request) -> Response:
    session, schema = _access(org, request)
    given, all_or_none = await _records_of(request)
    _check_chunks(given)

    def save(record: dict[str, Any]) -> str:
        return records.create(org, _typed(schema, record), _fields(record), session.user_id)

    return Json(_each(org, all_or_none, given, save), headers=limit_header(org))


async def _update_many(org: Org, request: Request) -> Response:
    session, schema = _access(org, request)
    given, all_or_none = await _records_of(request)

    def save(record: dict[str, Any]) -> str:
        identifier = next((str(v) for k, v in record.items() if k.lower() == "id"), "")
        if not identifier:
            raise ApiError(400, "MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
        records.update(org, _typed(schema, record), identifier, _fields(record), session.user_id)
        return identifier

    return Json(_each(org, all_or_none, given, save), headers=limit_header(org))


async def _upsert_many(org: Org, request: Request) -> Response:
    session, schema = _access(org, request)
    given, all_or_none = await _records_of(request)
    source = schema.sobject(str(request.path_params["sobject"]))
    key = None if source is None else source.field(str(request.path_params["field"]))
    if source is None or key is None or not key.is_key:
        raise not_found(
            f"Provided external ID field does not exist or is not accessible: {request.path_params['field']}"
        )
    would_create: list[bool] = []

    def save(record: dict[str, Any]) -> str:
        would_create.append(True)
        if _typed(schema, record) is not source:
            raise ApiError(400, "INVALID_TYPE", f"The records of this call are of type {source.name}", [])
        value = next((str(v) for k, v in record.items() if k.lower() == key.name.lower() and v not in (None, "")), "")
        if key.type == "id":
            ids = [value] if value else []
        elif not value:
            raise ApiError(400, "MISSING_ARGUMENT", f"{key.name} not specified", [])
        else:
            ids = records.find_by_external_id(org, source, key, value)
        fields = {k: v for k, v in _fields(record).items() if k.lower() != key.name.lower()}
        if ids:
            would_create[-1] = False
            records.update(org, source, ids[0], fields, session.user_id)
            return ids[0]
        return records.create(org, source, fields if key.type == "id" else {**fields, key.name: value}, session.user_id)

    # A refused row says too what it would have done, as jsforce's tests of upsert expect of a real org.
    results = _each(org, all_or_none, given, save)
    return Json([r | {"created": c} for r, c in zip(results, would_create, strict=True)], headers=limit_header(org))


async def _delete_many(org: Org, request: Request) -> Response:
    session, schema = _access(org, request)
    ids = [i.strip() for i in request.query_params.get("ids", "").split(",") if i.strip()]
    if not 1 <= len(ids) <= MAX_RECORDS:
        raise ApiError(400, "EXCEEDED_ID_LIMIT", f"between 1 and {MAX_RECORDS} ids are needed")

    def remove(identifier: str) -> str:
        kind = schema.of_id(identifier)
        if kind is None:
            raise ApiError(400, "MALFORMED_ID", f"malformed id {identifier[:40]}", ["Id"])
        records.delete(org, kind, identifier, session.user_id)
        return identifier

    results = _each(org, request.query_params.get("allOrNone") == "true", ids, remove)
    return Json(results, headers=limit_header(org))


async def _read_many(org: Org, request: Request) -> Response:
    _, schema = _access(org, request)
    source = schema.sobject(str(request.path_params["sobject"]))
    if source is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    if request.method == "GET":
        ids, names = request.query_params.get("ids", "").split(","), request.query_params.get("fields", "").split(",")
    else:
        body = await json_object(request)
        ids, names = (_texts(body, k) for k in ("ids", "fields"))
    fields = [source.field(n) for n in names if n]
    if not fields or None in fields:
        raise ApiError(400, "INVALID_FIELD", "fields must name fields of the object")
    if len(ids) > MAX_READ:
        # Source: REST API Developer Guide, Get Records Using sObject Collections.
        said = f"record limit reached. cannot retrieve more than {MAX_READ} records in this call"
        raise ApiError(400, "EXCEEDED_ID_LIMIT", said)
    rows: list[object] = []
    for identifier in ids:
        try:
            row = records.read(org, source, identifier)
        except ApiError:
            rows.append(None)
            continue
        attributes = {
            "type": source.name,
            "url": f"/services/data/v{request.path_params['version']}/sobjects/{source.name}/{row['Id']}",
        }
        rows.append(
            {
                "attributes": attributes,
                "Id": row["Id"],
                **{f.name: field_value(row, f) for f in fields if f is not None},
            }
        )
    return Json(rows, headers=limit_header(org))


def _texts(body: Mapping[str, object], name: str) -> list[str]:
    given = body.get(name)
    if not isinstance(given, list) or not all(isinstance(v, str) for v in cast(list[object], given)):
        raise ApiError(400, "JSON_PARSER_ERROR", f"{name} is a list of texts")
    return cast(list[str], given)


async def _tree(org: Org, request: Request) -> Response:
    session, schema = _access(org, request)
    root = schema.sobject(str(request.path_params["sobject"]))
    if root is None:
        raise not_found()
    given, _ = await _records_of(request)
    _check_tree(given)
    refused = _check_references(given, {}) or next(
        (_refused_in_tree(r, f"The records of this tree are of type {root.name}") for r in given
         if _typed(schema, r) is not root), None
    )  # fmt: skip
    if refused is not None:
        return Json({"hasErrors": True, "results": [refused]}, 400, headers=limit_header(org))
    made: list[dict[str, object]] = []

    def grow(record: dict[str, Any], parent: dict[str, object]) -> None:
        source = _typed(schema, record)
        reference = str(cast(dict[str, Any], record["attributes"]).get("referenceId") or "")
        below = {
            k: _children(cast(dict[str, Any], v)) for k, v in record.items() if isinstance(v, dict) and "records" in v
        }
        values = {k: v for k, v in _fields(record).items() if k not in below} | parent
        try:
            identifier = records.create(org, source, values, session.user_id)
            made.append({"referenceId": reference, "id": identifier})
            for name, children in below.items():
                relationship = source.child(name)
                if relationship is None:
                    raise ApiError(400, "INVALID_FIELD", f"No such relationship '{name}' on {source.name}", [])
                for child in children:
                    grow(child, {relationship.field: identifier})
        except ApiError as refused:
            raise _TreeRefused({"referenceId": reference, "errors": _saved(None, refused)["errors"]}) from None

    try:
        with org.attempt():
            for record in given:
                grow(record, {})
    except _TreeRefused as refused:
        return Json({"hasErrors": True, "results": [refused.row]}, 400, headers=limit_header(org))
    return Json({"hasErrors": False, "results": made}, 201, headers=limit_header(org))


def _check_tree(given: list[dict[str, Any]]) -> None:
    """Raises ApiError for trees of more than 200 records, five types, or five levels.

    Source: REST API Developer Guide, sObject Tree.
    """
    count, level, types = 0, 0, set[str]()
    while given:
        count, level = count + len(given), level + 1
        types |= {
            str(cast(_Values, a).get("type")).lower() for r in given if isinstance(a := r.get("attributes"), dict)
        }
        for what, many, most in (("records", count, MAX_RECORDS), ("types", len(types), MAX_TYPES)):
            if many > most:
                raise ApiError(400, "INVALID_INPUT", f"A request can have at most {most} {what} across all trees")
        if level > MAX_LEVELS:
            raise ApiError(400, "INVALID_INPUT", f"A tree can be at most {MAX_LEVELS} levels deep")
        below = [cast(dict[str, Any], v) for r in given for v in r.values() if isinstance(v, dict) and "records" in v]
        given = [child for held in below for child in _children(held)]


def _check_references(given: list[dict[str, Any]], seen: dict[str, int]) -> dict[str, object] | None:
    """The result that refuses a tree in which a record has no reference id, or one that another has.

    Source: REST API Developer Guide, sObject Tree, request body: referenceId is required and unique.
    """
    for record in given:
        name = _reference(record)
        if not name:
            return _refused_in_tree(record, "Include a reference ID for each record in the request.")
        if seen.setdefault(name, id(record)) != id(record):
            return _refused_in_tree(record, "Duplicate ReferenceId provided in the request.")
        for held in record.values():
            if isinstance(held, dict) and "records" in held:
                refused = _check_references(_children(cast(dict[str, Any], held)), seen)
                if refused is not None:
                    return refused
    return None


def _reference(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    return str(cast(_Values, attributes).get("referenceId") or "") if isinstance(attributes, dict) else ""


def _refused_in_tree(record: Mapping[str, Any], said: str) -> dict[str, object]:
    errors = _saved(None, ApiError(400, "INVALID_INPUT", said, []))["errors"]
    return {"referenceId": _reference(record), "errors": errors}


def _children(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = held["records"]
    if not isinstance(given, list) or not all(isinstance(r, dict) for r in cast(list[object], given)):
        raise ApiError(400, "INVALID_INPUT", "records must be a list of records", [])
    return cast(list[dict[str, Any]], given)


class _TreeRefused(Exception):
    """A record of a tree was refused, which undoes the whole tree. `row` is its result."""

    def __init__(self, row: dict[str, object]) -> None:
        super().__init__("tree refused")
        self.row = row


def _fields(record: Mapping[str, Any]) -> dict[str, object]:
    return {k: v for k, v in record.items() if k != "attributes" and k.lower() != "id"}
