"""The org's REST API: sObjects, describe, records, queries, search. Source: REST API Developer Guide."""

import base64
import hashlib
import re
from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.clock import from_datetime
from localorg.data import records
from localorg.data.ids import is_id, to_18
from localorg.data.schema import Field, SObject
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of
from localorg.rest.layouts import MASTER_RECORD_TYPE, all_layouts, page_layout
from localorg.rest.search import parameterized, search
from localorg.soql import SoqlError, run
from localorg.soql.columns import column_metadata
from localorg.soql.locators import read_locator
from localorg.soql.run import DEFAULT_BATCH, Page, explain
from localorg.soql.syntax import parse
from localorg.web import Json, json_object, limit_header, route

_TOOLING = frozenset({"sandboxprocess", "sandboxinfo", "scratchorginfo", "activescratchorg"})


def _named(call: Call, request: Request) -> SObject:
    found = call.schema.sobject(str(request.path_params["sobject"]))
    if found is None:
        raise not_found()
    return found


def routes(org: Org) -> list[BaseRoute]:
    data = "/services/data"
    v = data + "/v{version}"
    return [
        route(org, v + "/sobjects", "rest.sobjects", _sobjects, ["GET"]),
        route(org, v + "/sobjects/{sobject}", "rest.sobject", _sobject, ["GET"]),
        route(org, v + "/sobjects/{sobject}", "rest.create", _create, ["POST"]),
        route(org, v + "/sobjects/{sobject}/describe", "rest.describe", _describe, ["GET"]),
        route(org, v + "/sobjects/{sobject}/describe/layouts", "rest.layouts", _layouts, ["GET"]),
        route(org, v + "/sobjects/{sobject}/describe/layouts/", "rest.layouts", _layouts, ["GET"]),
        route(org, v + "/sobjects/{sobject}/describe/layouts/{record_type}", "rest.layouts", _layout, ["GET"]),
        route(org, v + "/sobjects/{sobject}/{id}", "rest.get", _get, ["GET"]),
        route(org, v + "/sobjects/{sobject}/{id}", "rest.update", _update, ["PATCH"]),
        route(org, v + "/sobjects/{sobject}/{id}", "rest.delete", _delete, ["DELETE"]),
        route(org, v + "/sobjects/{sobject}/{field}/{value:path}", "rest.get", _get_external, ["GET"]),
        route(org, v + "/sobjects/{sobject}/{field}/{value:path}", "rest.upsert", _upsert, ["PATCH"]),
        route(org, v + "/query", "rest.query", _query, ["GET"]),
        route(org, v + "/query/", "rest.query", _query, ["GET"]),
        route(org, v + "/queryAll/", "rest.query_all", _query_all, ["GET"]),
        route(org, v + "/tooling/query", "rest.tooling", _tooling, ["GET"]),
        route(org, v + "/search", "rest.search", _search, ["GET"]),
        route(org, v + "/search/", "rest.search", _search, ["GET"]),
        route(org, v + "/parameterizedSearch", "rest.search", _parameterized, ["GET", "POST"]),
        route(org, v + "/recent", "rest.recent", _recent, ["GET"]),
        route(org, v + "/query/{locator}", "rest.query_more", _query_more, ["GET"]),
        route(org, v + "/queryAll", "rest.query_all", _query_all, ["GET"]),
    ]


async def _sobjects(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    body = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_summary(o, call.version) for o in call.schema]}
    return Json(body, headers=limit_header(org))


async def _sobject(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    version, source = call.version, _named(call, request)
    rows = org.db.execute(f'SELECT Id, Name FROM "{source.name}" WHERE IsDeleted = 0 ORDER BY LastModifiedDate DESC LIMIT 5' if source.field("Name")
                          else f'SELECT Id FROM "{source.name}" WHERE IsDeleted = 0 ORDER BY LastModifiedDate DESC LIMIT 5').fetchall()  # fmt: skip
    recent = [{"attributes": _attributes(source, version, str(r["Id"])), **{k: r[k] for k in r.keys()}} for r in rows]
    return Json({"objectDescribe": _summary(source, version), "recentItems": recent}, headers=limit_header(org))


async def _describe(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    version, source = call.version, _named(call, request)
    # An object's shape is as old as the org, or as the last change of the user's permissions.
    changed = org.db.execute(
        "SELECT max(o.CreatedDate, u.SystemModstamp) FROM Organization o, User u WHERE u.Id = ?", (call.session.user_id,)
    ).fetchone()
    made = from_datetime(str(changed[0]))
    since = _http_date(request, "if-modified-since", strict=False)
    if since is not None and int(made) <= since:
        return Response(status_code=304, headers=limit_header(org))
    body = _summary(source, version) | {
        "fields": [_field(source, f) for f in source.fields],
        "childRelationships": [
            {"childSObject": c.child, "field": c.field, "relationshipName": c.name, "cascadeDelete": False, "deprecatedAndHidden": False}
            for c in source.children
        ],
        "recordTypeInfos": [
            {"active": True, "available": True, "defaultRecordTypeMapping": True, "developerName": "Master", "master": True, "name": "Master",
             "recordTypeId": MASTER_RECORD_TYPE}
        ],
    }  # fmt: skip
    return Json(body, headers=limit_header(org) | {"Last-Modified": formatdate(made, usegmt=True)})


async def _layouts(org: Org, request: Request) -> Response:
    return Json(all_layouts(_named(call_of(org, request), request)), headers=limit_header(org))


async def _layout(org: Org, request: Request) -> Response:
    source = _named(call_of(org, request), request)
    if str(request.path_params["record_type"])[:15] != MASTER_RECORD_TYPE[:15]:
        raise not_found()
    return Json(page_layout(source), headers=limit_header(org))


def _summary(source: SObject, version: str) -> dict[str, object]:
    base = f"/services/data/v{version}/sobjects/{source.name}"
    return {
        "name": source.name,
        "label": source.label,
        "labelPlural": source.plural,
        "keyPrefix": source.prefix,
        "custom": False,
        "createable": source.createable,
        "updateable": source.updateable,
        "deletable": source.deletable,
        "queryable": True,
        "retrieveable": True,
        "searchable": True,
        "undeletable": source.deletable,
        "layoutable": True,
        "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
    }


def _field(source: SObject, f: Field) -> dict[str, object]:
    text_like = f.type not in ("address", "boolean", "currency", "double", "int", "percent", "date", "datetime")
    return {
        "name": f.name,
        "label": f.label,
        "type": f.type,
        "length": f.length if text_like else 0,
        "precision": 18 if f.type in ("currency", "double", "percent") else 0,
        "scale": 2 if f.type in ("currency", "percent") else 0,
        "nillable": not f.required and f.type not in ("id", "boolean"),
        "defaultedOnCreate": f.system or f.default is not None,
        "createable": source.createable and f.writable,
        "updateable": source.updateable and f.writable,
        "custom": f.name.endswith("__c"),
        "calculated": False,
        "filterable": f.filterable,
        "sortable": f.filterable and f.type != "multipicklist",
        "groupable": f.groupable,
        "aggregatable": f.type not in ("boolean", "textarea"),
        "unique": f.external_id,
        "externalId": f.external_id,
        "idLookup": f.type == "id" or f.external_id,
        "nameField": f.name == "Name",
        "restrictedPicklist": False,
        "defaultValue": f.default,
        "inlineHelpText": None,
        "picklistValues": [{"active": True, "defaultValue": v == f.default, "label": v, "validFor": None, "value": v} for v in f.picklist],
        "referenceTo": [f.refers_to] if f.refers_to else [],
        "relationshipName": f.relationship,
    }


def _attributes(source: SObject, version: str, identifier: str) -> dict[str, str]:
    return {"type": source.name, "url": f"/services/data/v{version}/sobjects/{source.name}/{identifier}"}


async def _get(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return _record(org, request, call, _named(call, request), str(request.path_params["id"]))


async def _get_external(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = _named(call, request)
    if is_id(str(request.path_params["field"])):
        return _related(org, request, call, source)
    return _record(org, request, call, source, _one(org, source, request))


def _related(org: Org, request: Request, call: Call, source: SObject) -> Response:
    """`/sobjects/Contact/ID/Account`: the parent, or the children, of a record."""
    row = records.read(org, source, str(request.path_params["field"]))
    name = str(request.path_params["value"])
    reference = source.parent(name)
    if reference is not None and reference.refers_to is not None:
        parent = call.schema.sobject(reference.refers_to)
        if parent is None or row[reference.name] is None:
            raise not_found("The requested resource does not exist")
        return _record(org, request, call, parent, str(row[reference.name]))
    children = source.child(name)
    if children is None:
        raise not_found()
    text = f"SELECT FIELDS(STANDARD) FROM {children.child} WHERE {children.field} = '{row['Id']}'"
    return _answer_query(org, call, text, DEFAULT_BATCH, 0)


def _one(org: Org, source: SObject, request: Request) -> str:
    """The id behind `/EXTERNAL_ID_FIELD/VALUE`."""
    name, value = str(request.path_params["field"]), str(request.path_params["value"])
    f = source.field(name)
    if f is None or not f.external_id:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    found = records.find_by_external_id(org, source, f, value)
    if not found:
        raise not_found()
    return found[0]


def _record(org: Org, request: Request, call: Call, source: SObject, identifier: str) -> Response:
    version = call.version
    row = records.read(org, source, identifier)
    etag = _etag(source, row)
    if etag is not None and _names(request, "if-none-match", etag):
        return Response(status_code=304, headers=limit_header(org) | {"ETag": etag})
    if etag is not None and "if-match" in request.headers and not _names(request, "if-match", etag):
        return Response(status_code=412, headers=limit_header(org))
    since = _http_date(request, "if-modified-since", strict=False)
    modified = from_datetime(str(row["LastModifiedDate"]))
    if since is not None and int(modified) <= since:
        return Response(status_code=304, headers=limit_header(org))
    wanted = [n for n in request.query_params.get("fields", "").split(",") if n]
    fields = list(source.fields)
    if wanted:
        fields = list[Field]()
        for name in wanted:
            f = source.field(name)
            if f is None:
                raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on entity '{source.name}'.")
            fields.append(f)
        if all(f.name != "Id" for f in fields):
            fields.append(source.fields[0])
    body: dict[str, object] = {"attributes": _attributes(source, version, str(row["Id"]))}
    body |= {f.name: records.shown(row, f) for f in fields}
    tag = {} if etag is None else {"ETag": etag}
    return Json(body, headers=limit_header(org) | tag | {"Last-Modified": formatdate(modified, usegmt=True)})


def _etag(source: SObject, row: dict[str, object]) -> str | None:
    """Salesforce gives an ETag to Account records only (REST API Developer Guide, "Conditional Requests")."""
    if source.name != "Account":
        return None
    digest = hashlib.sha1(f"{row['Id']}{row['SystemModstamp']}".encode(), usedforsecurity=False).digest()
    return f'"{base64.b64encode(digest).decode()}"'


def _names(request: Request, header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this state; the suffix of a compressed answer does not count."""
    given = request.headers.get(header)
    if given is None:
        return False
    tags = [t.strip().removeprefix("W/").replace("--gzip", "").replace("-gzip", "") for t in given.split(",")]
    return "*" in tags or etag in tags


async def _create(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = _named(call, request)
    identifier = records.create(org, source, await json_object(request), call.session.user_id)
    location = {"Location": f"{request.url.path.rstrip('/')}/{identifier}"}
    return Json({"id": identifier, "success": True, "errors": []}, 201, headers=limit_header(org) | location)


async def _update(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, identifier = _named(call, request), str(request.path_params["id"])
    values = await json_object(request)
    before = _http_date(request, "if-unmodified-since", strict=True)
    current = records.read(org, source, identifier)
    if before is not None and int(from_datetime(str(current["LastModifiedDate"]))) > before:
        return Response(status_code=412, headers=limit_header(org))
    etag = _etag(source, current)
    if etag is not None and (("if-match" in request.headers and not _names(request, "if-match", etag)) or _names(request, "if-none-match", etag)):
        return Response(status_code=412, headers=limit_header(org))
    records.update(org, source, to_18(identifier), values, call.session.user_id)
    return Response(status_code=204, headers=limit_header(org))


async def _delete(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    records.delete(org, _named(call, request), str(request.path_params["id"]), call.session.user_id)
    return Response(status_code=204, headers=limit_header(org))


async def _upsert(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = _named(call, request)
    name, value = str(request.path_params["field"]), str(request.path_params["value"])
    f = source.field(name)
    if f is None or not f.external_id:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    values = await json_object(request)
    if any(n.lower() == name.lower() for n in values):
        raise ApiError(400, "INVALID_FIELD", f"The {name} field should not be specified in the sobject data.", [f.name])
    found = records.find_by_external_id(org, source, f, value)
    if found:
        records.update(org, source, found[0], values, call.session.user_id)
        return Json({"id": found[0], "success": True, "errors": [], "created": False}, headers=limit_header(org))
    if request.query_params.get("updateOnly") == "true":
        raise not_found()
    made = records.create(org, source, {**values, f.name: value}, call.session.user_id)
    return Json({"id": made, "success": True, "errors": [], "created": True}, 201, headers=limit_header(org))


def _http_date(request: Request, header: str, *, strict: bool) -> float | None:
    text = request.headers.get(header)
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        if strict:
            raise ApiError(400, "INVALID_HEADER", f"Invalid value for header {header}") from None
        return None


async def _query(org: Org, request: Request) -> Response:
    if "explain" in request.query_params:
        call = call_of(org, request)
        try:
            return Json(explain(org, call.schema, request.query_params["explain"], zone=call.zone), headers=limit_header(org))
        except SoqlError as refused:
            raise ApiError(400, refused.code, refused.message) from None
    return _run_query(org, request, request.query_params.get("q", ""), _batch(request), 0, deleted=False)


async def _query_all(org: Org, request: Request) -> Response:
    return _run_query(org, request, request.query_params.get("q", ""), _batch(request), 0, deleted=True)


async def _query_more(org: Org, request: Request) -> Response:
    try:
        text, offset, batch, deleted = read_locator(str(request.path_params["locator"]))
    except ValueError:
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator") from None
    return _run_query(org, request, text, batch, offset, deleted=deleted)


def _batch(request: Request) -> int:
    match = re.search(r"batchSize=(\d{1,5})", request.headers.get("sforce-query-options", ""))
    return min(DEFAULT_BATCH, max(200, int(match[1]))) if match else DEFAULT_BATCH


def _run_query(org: Org, request: Request, text: str, batch: int, offset: int, *, deleted: bool) -> Response:
    return _answer_query(org, call_of(org, request), text, batch, offset, deleted=deleted, columns=request.query_params.get("columns") == "true")


def _answer_query(org: Org, call: Call, text: str, batch: int, offset: int, *, deleted: bool = False, columns: bool = False) -> Response:
    if not text.strip():
        raise ApiError(400, "MALFORMED_QUERY", "SOQL query is required")
    try:
        page = run(org, call.schema, text, version=call.version, batch=batch, offset=offset, deleted=deleted, zone=call.zone)
        body = column_metadata(call.schema, text) if columns else _page_body(page, call.version)
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None
    return Json(body, headers=limit_header(org))


def _page_body(page: Page, version: str) -> dict[str, object]:
    body: dict[str, object] = {"totalSize": page.total, "done": page.locator is None}
    if page.locator is not None:
        body["nextRecordsUrl"] = f"/services/data/v{version}/query/{page.locator}"
    return body | {"records": page.records}


async def _tooling(org: Org, request: Request) -> Response:
    """An org without sandboxes and scratch orgs, which is what clients look for here at a login."""
    call_of(org, request)
    try:
        named = parse(request.query_params.get("q", "")).sobject.text
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None
    if named.lower() not in _TOOLING:
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{named[:80]}' is not supported.")
    body: dict[str, object] = {"size": 0, "totalSize": 0, "done": True, "queryLocator": None, "entityTypeName": named, "records": []}
    return Json(body, headers=limit_header(org))


async def _search(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    found = search(org, call.schema, request.query_params.get("q", ""), version=call.version, zone=call.zone)
    # Before v37.0 the answer was the bare list.
    return Json({"searchRecords": found} if float(call.version) >= 37 else found, headers=limit_header(org))


async def _parameterized(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    body: dict[str, object] = dict(request.query_params) if request.method == "GET" else await json_object(request)
    return Json({"searchRecords": parameterized(org, call.schema, body, version=call.version, zone=call.zone)}, headers=limit_header(org))


async def _recent(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    text = request.query_params.get("limit", "200")
    limit = min(200, int(text)) if text.isdigit() and int(text) > 0 else 200
    rows: list[tuple[str, dict[str, object]]] = []
    for source in call.schema:
        if source.field("Name") is None or source.name in ("Profile", "Organization", "User"):
            continue
        found = org.db.execute(
            f'SELECT Id, Name, LastModifiedDate FROM "{source.name}" WHERE IsDeleted = 0 ORDER BY LastModifiedDate DESC LIMIT ?', (limit,)
        ).fetchall()
        for r in found:
            rows.append(
                (str(r["LastModifiedDate"]), {"attributes": _attributes(source, call.version, str(r["Id"])), "Id": r["Id"], "Name": r["Name"]})
            )
    rows.sort(key=lambda r: r[0], reverse=True)
    return Json([record for _, record in rows[:limit]], headers=limit_header(org))
