"""Composite requests: several requests in one, run through the org's own routes.

Source: REST API Developer Guide, "Composite Resources".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import Message, Scope

from localorg.data import records
from localorg.data.access import schema_for
from localorg.errors import ApiError, not_found
from localorg.oauth.grants import Session
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.schema.sobjects import Schema, SObject
from localorg.web import INNER, Json, json_object, limit_header, route

T = TypeVar("T")
MAX_PARTS = 25
MAX_GRAPHS, MAX_NODES, MAX_GRAPH_FAILURES = 75, 500, 14
_ANY = re.compile(r"/services/data/")
_NODE = re.compile(r"/services/data/v\d+\.0/sobjects/")
MAX_RECORDS = 200
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")


def routes(org: Org, inner: Router) -> list[BaseRoute]:
    """`inner` serves the parts; it is not counted again."""
    v = "/services/data/v{version}"

    async def composite(org: Org, request: Request) -> Response:
        return await _composite(org, request, inner)

    async def batch(org: Org, request: Request) -> Response:
        return await _batch(org, request, inner)

    async def graph(org: Org, request: Request) -> Response:
        return await _graph(org, request, inner)

    return [
        route(org, v + "/composite/graph", "rest.composite", graph, ["POST"]),
        route(org, v + "/composite/graph/", "rest.composite", graph, ["POST"]),
        route(org, v + "/composite", "rest.composite", composite, ["POST"]),
        route(org, v + "/composite/", "rest.composite", composite, ["POST"]),
        route(org, v + "/composite/batch", "rest.composite", batch, ["POST"]),
        route(org, v + "/composite/tree/{sobject}", "rest.composite", _tree, ["POST"]),
        route(org, v + "/composite/sobjects", "rest.composite", _create_many, ["POST"]),
        route(org, v + "/composite/sobjects", "rest.composite", _update_many, ["PATCH"]),
        route(org, v + "/composite/sobjects/{sobject}/{field}", "rest.composite", _upsert_many, ["PATCH"]),
        route(org, v + "/composite/sobjects", "rest.composite", _delete_many, ["DELETE"]),
        route(org, v + "/composite/sobjects/{sobject}", "rest.composite", _read_many, ["GET", "POST"]),
    ]


async def _part(
    inner: Router, session: Session, method: str, url: str, body: object, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], object]:
    """Runs one part through the org's routes; returns (status, headers, body)."""
    parts = urlsplit(url)
    sent: list[Message] = []
    raw = b"" if body is None else msgspec.json.encode(body)
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [
            (k.lower().encode("latin-1", "replace"), v.encode("latin-1", "replace")) for k, v in headers.items()
        ],
        "server": ("127.0.0.1", 80),
        INNER: session,
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await inner(scope, receive, send)
    content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    shown = {
        k.decode().title(): v.decode()
        for k, v in sent[0]["headers"]
        if k.decode() in ("location", "etag", "last-modified")
    }
    try:
        value: object = msgspec.json.decode(content) if content else None
    except msgspec.DecodeError:
        value = [ApiError(404, "NOT_FOUND", "The requested resource does not exist").body()[0]]
    return int(sent[0]["status"]), shown, value


async def _composite(org: Org, request: Request, inner: Router) -> Response:
    session = require_session(org, request)
    body = await json_object(request)
    rows, _failed = await _run(
        org, session, inner, _parts(body, "compositeRequest"), all_or_none=body.get("allOrNone") is True
    )
    return Json({"compositeResponse": rows}, headers=limit_header(org))


async def _graph(org: Org, request: Request, inner: Router) -> Response:
    """Several composite requests, each of which is kept whole or not at all."""
    session = require_session(org, request)
    graphs = _parts(await json_object(request), "graphs", MAX_GRAPHS)
    names = [str(g.get("graphId") or "") for g in graphs]
    if len(set(names)) < len(names) or "" in names:
        raise ApiError(400, "INVALID_INPUT", "Each graphId must be given and unique.")
    parts = [_parts(g, "compositeRequest", MAX_NODES) for g in graphs]
    if sum(map(len, parts)) > MAX_NODES:
        raise ApiError(400, "LIMIT_EXCEEDED", f"The number of nodes cannot be more than {MAX_NODES}")
    answers: list[dict[str, object]] = []
    failures = 0
    for name, nodes in zip(names, parts, strict=True):
        if failures > MAX_GRAPH_FAILURES:
            rows, failed = [_halted(str(n.get("referenceId") or "")) for n in nodes], True
        else:
            rows, failed = await _run(org, session, inner, nodes, all_or_none=True, allowed=_NODE)
        failures += failed
        answers.append({"graphId": name, "graphResponse": {"compositeResponse": rows}, "isSuccessful": not failed})
    return Json({"graphs": answers}, headers=limit_header(org))


async def _run(
    org: Org,
    session: Session,
    inner: Router,
    parts: Sequence[dict[str, Any]],
    *,
    all_or_none: bool,
    allowed: re.Pattern[str] = _ANY,
) -> tuple[list[dict[str, object]], bool]:
    """What each part answered, and whether one of them failed."""
    names = [str(p.get("referenceId") or "") for p in parts]
    if len(set(names)) < len(names) or "" in names:
        raise ApiError(400, "INVALID_INPUT", "Each referenceId must be given and unique.")
    answers: dict[str, object] = {}
    rows: list[dict[str, object]] = []
    failed = False
    # Nothing in here waits for the outside, so no other request comes between.
    with org.attempt() as attempt:
        for name, part in zip(names, parts, strict=True):
            if failed and all_or_none:
                rows.append(_halted(name))
                continue
            try:
                url, body = str(_resolved(str(part.get("url") or ""), answers)), _resolved(part.get("body"), answers)
                if not allowed.match(url):
                    raise ApiError(400, "INVALID_INPUT", f"The url of a part matches {allowed.pattern}")
                headers = part.get("httpHeaders")
                given = (
                    {str(k): str(v) for k, v in cast(dict[object, object], headers).items()}
                    if isinstance(headers, dict)
                    else {}
                )
                status, shown, value = await _part(inner, session, str(part.get("method") or "GET"), url, body, given)
            except ApiError as refused:
                status, shown, value = refused.status, {}, refused.body()
            answers[name] = value
            failed = failed or status >= 400
            rows.append({"body": value, "httpHeaders": shown, "httpStatusCode": status, "referenceId": name})
        if failed and all_or_none:
            attempt.undo()
            rows = [r if cast(int, r["httpStatusCode"]) >= 400 else _halted(str(r["referenceId"])) for r in rows]
    return rows, failed


def _halted(name: str) -> dict[str, object]:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    return {
        "body": [{"errorCode": "PROCESSING_HALTED", "message": message}],
        "httpHeaders": {},
        "httpStatusCode": 400,
        "referenceId": name,
    }


async def _batch(org: Org, request: Request, inner: Router) -> Response:
    session = require_session(org, request)
    body = await json_object(request)
    halt, halted = body.get("haltOnError") is True, False
    results: list[dict[str, object]] = []
    for part in _parts(body, "batchRequests"):
        if halted:
            body = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}]
            results.append({"statusCode": 412, "result": body})
            continue
        url = "/services/data/" + str(part.get("url") or "").removeprefix("/services/data/").lstrip("/")
        status, _, value = await _part(inner, session, str(part.get("method") or "GET"), url, part.get("richInput"), {})
        halted = halt and status >= 400
        results.append({"statusCode": status, "result": value})
    return Json(
        {"hasErrors": any(cast(int, r["statusCode"]) >= 400 for r in results), "results": results},
        headers=limit_header(org),
    )


def _parts(body: Mapping[str, object], name: str, most: int = MAX_PARTS) -> list[dict[str, Any]]:
    parts = body.get(name)
    if not isinstance(parts, list) or not parts or not all(isinstance(p, dict) for p in cast(list[object], parts)):
        raise ApiError(400, "INVALID_INPUT", f"{name} must be a list of requests")
    listed = cast(list[dict[str, Any]], parts)
    if len(listed) > most:
        raise ApiError(400, "LIMIT_EXCEEDED", f"The number of subrequests cannot be more than {most}")
    return listed


def _resolved(value: object, answers: Mapping[str, object]) -> object:
    """`value` with each `@{reference.field}` replaced by what that part answered."""
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            return _looked_up(whole, answers)
        return _REFERENCE.sub(lambda m: str(_looked_up(m, answers)), value)
    if isinstance(value, dict):
        return {k: _resolved(v, answers) for k, v in cast(dict[str, object], value).items()}
    if isinstance(value, list):
        return [_resolved(v, answers) for v in cast(list[object], value)]
    return value


def _looked_up(match: "re.Match[str]", answers: Mapping[str, object]) -> object:
    at: object = answers.get(match[1])
    for name, index in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", match[2]):
        if name and isinstance(at, dict):
            at = cast(dict[str, object], at).get(name)
        elif index and isinstance(at, list) and int(index) < len(cast(list[object], at)):
            at = cast(list[object], at)[int(index)]
        else:
            at = None
    if at is None:
        raise ApiError(
            400, "PROCESSING_HALTED", f"Invalid reference specified. No value for {match[0]} found in {match[1]}"
        )
    return at


# Collections of records


def _access(org: Org, request: Request) -> tuple[Session, Schema]:
    session = require_session(org, request)
    return session, schema_for(org, session.user_id)


def _typed(schema: Schema, record: Mapping[str, Any]) -> SObject:
    attributes = record.get("attributes")
    name = str(cast(dict[str, object], attributes).get("type") or "") if isinstance(attributes, dict) else ""
    found = schema.sobject(name)
    if found is None:
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{name[:40]}' is not supported.")
    return found


def _saved(identifier: str | None, refused: ApiError | None = None) -> dict[str, object]:
    if refused is None:
        return {"id": identifier, "success": True, "errors": []}
    # A collection spells it statusCode, not errorCode.
    return {
        "success": False,
        "errors": [{"statusCode": refused.code, "message": refused.message, "fields": list(refused.fields or [])}],
    }


def _each(org: Org, all_or_none: bool, work: Sequence[T], save: Callable[[T], str]) -> list[dict[str, object]]:
    """Saves one after another; `all_or_none` takes back what was saved when one is refused."""
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


async def _create_many(org: Org, request: Request) -> Response:
    session, schema = _access(org, request)
    given, all_or_none = await _records_of(request)

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
    if source is None or key is None or not (key.external_id or key.type == "id"):
        raise not_found(
            f"Provided external ID field does not exist or is not accessible: {request.path_params['field']}"
        )
    made: set[str] = set()

    def save(record: dict[str, Any]) -> str:
        if _typed(schema, record) is not source:
            raise ApiError(400, "INVALID_TYPE", f"The records of this call are of type {source.name}", [])
        value = next((str(v) for k, v in record.items() if k.lower() == key.name.lower() and v not in (None, "")), "")
        if key.type == "id":
            found = [value] if value else []
        elif not value:
            raise ApiError(400, "MISSING_ARGUMENT", f"{key.name} not specified", [])
        else:
            found = records.find_by_external_id(org, source, key, value)
        fields = {k: v for k, v in _fields(record).items() if k.lower() != key.name.lower()}
        if found:
            records.update(org, source, found[0], fields, session.user_id)
            return found[0]
        created = records.create(
            org, source, fields if key.type == "id" else {**fields, key.name: value}, session.user_id
        )
        made.add(created)
        return created

    results = [
        r | {"created": r.get("id") in made} if r["success"] else r for r in _each(org, all_or_none, given, save)
    ]
    return Json(results, headers=limit_header(org))


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
        ids, names = ([str(v) for v in cast(list[object], body.get(k) or [])] for k in ("ids", "fields"))
    fields = [source.field(n) for n in names if n]
    if not fields or None in fields:
        raise ApiError(400, "INVALID_FIELD", "fields must name fields of the object")
    rows: list[object] = []
    for identifier in ids[:MAX_RECORDS]:
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
                **{f.name: records.shown(row, f) for f in fields if f is not None},
            }
        )
    return Json(rows, headers=limit_header(org))


async def _tree(org: Org, request: Request) -> Response:
    session, schema = _access(org, request)
    given, _ = await _records_of(request)
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


def _children(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = held["records"]
    if not isinstance(given, list) or not all(isinstance(r, dict) for r in cast(list[object], given)):
        raise ApiError(400, "INVALID_INPUT", "records must be a list of records", [])
    return cast(list[dict[str, Any]], given)


class _TreeRefused(Exception):
    """One record of a tree was refused, and so the whole."""

    def __init__(self, row: dict[str, object]) -> None:
        super().__init__("tree refused")
        self.row = row


def _fields(record: Mapping[str, Any]) -> dict[str, object]:
    return {k: v for k, v in record.items() if k != "attributes" and k.lower() != "id"}
