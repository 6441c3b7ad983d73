"""The org's REST API: versions, sObjects, describe, records, queries. Source: REST API Developer Guide."""

import re
from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg import records
from localorg.errors import ApiError, not_found
from localorg.ids import to_18
from localorg.schema import Field, SObject, sobject, sobjects
from localorg.soql import SoqlError, run
from localorg.soql.run import DEFAULT_BATCH, Page, out_value, read_locator
from localorg.state import Org, from_datetime
from localorg.web import Json, json_object, limit_header, require_session, route

FIRST_VERSION, LAST_VERSION = 29, 68
_SEASONS = ("Winter", "Spring", "Summer")


def routes(org: Org) -> list[BaseRoute]:
    data = "/services/data"
    v = data + "/v{version}"
    return [
        route(org, data, "rest.versions", _versions, ["GET"]),
        route(org, data + "/", "rest.versions", _versions, ["GET"]),
        route(org, v, "rest.resources", _resources, ["GET"]),
        route(org, v + "/", "rest.resources", _resources, ["GET"]),
        route(org, v + "/limits", "rest.limits", _limits, ["GET"]),
        route(org, v + "/sobjects", "rest.sobjects", _sobjects, ["GET"]),
        route(org, v + "/sobjects/{sobject}", "rest.sobject", _sobject, ["GET"]),
        route(org, v + "/sobjects/{sobject}", "rest.create", _create, ["POST"]),
        route(org, v + "/sobjects/{sobject}/describe", "rest.describe", _describe, ["GET"]),
        route(org, v + "/sobjects/{sobject}/{id}", "rest.get", _get, ["GET"]),
        route(org, v + "/sobjects/{sobject}/{id}", "rest.update", _update, ["PATCH"]),
        route(org, v + "/sobjects/{sobject}/{id}", "rest.delete", _delete, ["DELETE"]),
        route(org, v + "/query", "rest.query", _query, ["GET"]),
        route(org, v + "/query/{locator}", "rest.query_more", _query_more, ["GET"]),
        route(org, v + "/queryAll", "rest.query_all", _query_all, ["GET"]),
    ]


def _version(request: Request) -> str:
    text = str(request.path_params["version"])
    match = re.fullmatch(r"(\d{1,3})\.0", text)
    if match is None or not FIRST_VERSION <= int(match[1]) <= LAST_VERSION:
        raise not_found()
    return text


def _named(request: Request) -> SObject:
    found = sobject(str(request.path_params["sobject"]))
    if found is None:
        raise not_found()
    return found


async def _versions(_org: Org, _request: Request) -> Response:
    rows: list[dict[str, str]] = []
    for number in range(FIRST_VERSION, LAST_VERSION + 1):
        # v68.0 is Winter '27; three releases a year.
        season, year = _SEASONS[(number - 68) % 3], 27 + (number - 68) // 3
        rows.append({"label": f"{season} '{year:02d}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return Json(rows)


async def _resources(org: Org, request: Request) -> Response:
    require_session(org, request)
    base = f"/services/data/v{_version(request)}"
    return Json({name: f"{base}/{name}" for name in ("sobjects", "query", "queryAll", "limits")}, headers=limit_header(org))


async def _limits(org: Org, request: Request) -> Response:
    require_session(org, request)
    _version(request)
    used = int(limit_header(org)["Sforce-Limit-Info"].split("=")[1].split("/")[0])
    return Json({"DailyApiRequests": {"Max": 15000, "Remaining": max(0, 15000 - used)}}, headers=limit_header(org))


async def _sobjects(org: Org, request: Request) -> Response:
    require_session(org, request)
    version = _version(request)
    body = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_summary(o, version) for o in sobjects()]}
    return Json(body, headers=limit_header(org))


async def _sobject(org: Org, request: Request) -> Response:
    require_session(org, request)
    version, source = _version(request), _named(request)
    rows = org.db.execute(f'SELECT Id, Name FROM "{source.name}" WHERE IsDeleted = 0 ORDER BY LastModifiedDate DESC LIMIT 5' if source.field("Name")
                          else f'SELECT Id FROM "{source.name}" WHERE IsDeleted = 0 ORDER BY LastModifiedDate DESC LIMIT 5').fetchall()  # fmt: skip
    recent = [{"attributes": _attributes(source, version, str(r["Id"])), **{k: r[k] for k in r.keys()}} for r in rows]
    return Json({"objectDescribe": _summary(source, version), "recentItems": recent}, headers=limit_header(org))


async def _describe(org: Org, request: Request) -> Response:
    require_session(org, request)
    version, source = _version(request), _named(request)
    body = _summary(source, version) | {
        "fields": [_field(source, f) for f in source.fields],
        "childRelationships": [
            {"childSObject": c.child, "field": c.field, "relationshipName": c.name, "cascadeDelete": False, "deprecatedAndHidden": False}
            for c in source.children
        ],
        "recordTypeInfos": [
            {"active": True, "available": True, "defaultRecordTypeMapping": True, "developerName": "Master", "master": True, "name": "Master",
             "recordTypeId": "012000000000000AAA"}
        ],
    }  # fmt: skip
    return Json(body, headers=limit_header(org))


def _summary(source: SObject, version: str) -> dict[str, object]:
    base = f"/services/data/v{version}/sobjects/{source.name}"
    return {
        "name": source.name,
        "label": source.label,
        "labelPlural": source.plural,
        "keyPrefix": source.prefix,
        "custom": False,
        "createable": source.writable,
        "updateable": source.writable,
        "deletable": source.writable,
        "queryable": True,
        "retrieveable": True,
        "searchable": True,
        "undeletable": source.writable,
        "layoutable": True,
        "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
    }


def _field(source: SObject, f: Field) -> dict[str, object]:
    writable = source.writable and f.writable
    text_like = f.type not in ("boolean", "currency", "double", "int", "percent", "date", "datetime")
    return {
        "name": f.name,
        "label": f.label,
        "type": f.type,
        "length": f.length if text_like else 0,
        "precision": 18 if f.type in ("currency", "double", "percent") else 0,
        "scale": 2 if f.type in ("currency", "percent") else 0,
        "nillable": not f.required and f.type not in ("id", "boolean"),
        "defaultedOnCreate": f.system or f.default is not None,
        "createable": writable,
        "updateable": writable,
        "custom": False,
        "calculated": False,
        "filterable": f.type != "textarea" or f.length <= 255,
        "sortable": f.type != "textarea" or f.length <= 255,
        "groupable": f.type in ("string", "picklist", "reference", "boolean", "date", "id", "email", "phone", "url", "int"),
        "aggregatable": f.type not in ("boolean", "textarea"),
        "unique": False,
        "externalId": False,
        "idLookup": f.type == "id",
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
    require_session(org, request)
    version, source = _version(request), _named(request)
    row = records.read(org, source, str(request.path_params["id"]))
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
    body |= {f.name: out_value(f, row[f.name]) for f in fields}
    return Json(body, headers=limit_header(org) | {"Last-Modified": formatdate(modified, usegmt=True)})


async def _create(org: Org, request: Request) -> Response:
    session = require_session(org, request)
    _version(request)
    source = _writable(request)
    identifier = records.create(org, source, await json_object(request), session.user_id)
    location = {"Location": f"{request.url.path.rstrip('/')}/{identifier}"}
    return Json({"id": identifier, "success": True, "errors": []}, 201, headers=limit_header(org) | location)


async def _update(org: Org, request: Request) -> Response:
    session = require_session(org, request)
    _version(request)
    source, identifier = _writable(request), str(request.path_params["id"])
    values = await json_object(request)
    before = _http_date(request, "if-unmodified-since", strict=True)
    current = records.read(org, source, identifier)
    if before is not None and int(from_datetime(str(current["LastModifiedDate"]))) > before:
        return Response(status_code=412, headers=limit_header(org))
    records.update(org, source, to_18(identifier), values, session.user_id)
    return Response(status_code=204, headers=limit_header(org))


async def _delete(org: Org, request: Request) -> Response:
    session = require_session(org, request)
    _version(request)
    records.delete(org, _writable(request), str(request.path_params["id"]), session.user_id)
    return Response(status_code=204, headers=limit_header(org))


def _writable(request: Request) -> SObject:
    source = _named(request)
    if not source.writable:
        raise ApiError(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed. Allowed are GET,HEAD")
    return source


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
    return _run_query(org, request, request.query_params.get("q", ""), _batch(request), 0, deleted=False)


async def _query_all(org: Org, request: Request) -> Response:
    return _run_query(org, request, request.query_params.get("q", ""), _batch(request), 0, deleted=True)


async def _query_more(org: Org, request: Request) -> Response:
    try:
        text, offset, batch = read_locator(str(request.path_params["locator"]))
    except ValueError:
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator") from None
    return _run_query(org, request, text, batch, offset, deleted=False)


def _batch(request: Request) -> int:
    match = re.search(r"batchSize=(\d{1,5})", request.headers.get("sforce-query-options", ""))
    return min(DEFAULT_BATCH, max(200, int(match[1]))) if match else DEFAULT_BATCH


def _run_query(org: Org, request: Request, text: str, batch: int, offset: int, *, deleted: bool) -> Response:
    session = require_session(org, request)
    version = _version(request)
    if not text.strip():
        raise ApiError(400, "MALFORMED_QUERY", "SOQL query is required")
    zone = org.db.execute("SELECT TimeZoneSidKey FROM User WHERE Id = ?", (session.user_id,)).fetchone()
    try:
        page = run(org, text, version=version, batch=batch, offset=offset, deleted=deleted, zone=str(zone[0] or "UTC"))
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None
    return Json(_page_body(page, version), headers=limit_header(org))


def _page_body(page: Page, version: str) -> dict[str, object]:
    body: dict[str, object] = {"totalSize": page.total, "done": page.locator is None}
    if page.locator is not None:
        body["nextRecordsUrl"] = f"/services/data/v{version}/query/{page.locator}"
    return body | {"records": page.records}
