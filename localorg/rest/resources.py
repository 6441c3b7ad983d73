"""Records, queries, search, and recent records. Source: REST API Developer Guide."""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.clock import from_datetime
from localorg.data import duplicates, files, records
from localorg.data.passwords import set_password
from localorg.data.values import field_value
from localorg.errors import ApiError, no_access, not_found
from localorg.org import Org
from localorg.rest.call import Call, attributes, call_of, http_date, named
from localorg.rest.listviews import views
from localorg.rest.multipart import record_fields
from localorg.rest.search import parameterized, search
from localorg.schema.ids import is_id, to_18
from localorg.schema.sobjects import Field, SObject
from localorg.soql import SoqlError, run
from localorg.soql.columns import column_metadata
from localorg.soql.locators import Locator, read_locator
from localorg.soql.run import DEFAULT_BATCH, explain
from localorg.soql.syntax import parse
from localorg.web import INNER, Json, json_object, limit_header, route

_TOOLING = frozenset({"sandboxprocess", "sandboxinfo", "scratchorginfo", "activescratchorg"})


def routes(org: Org) -> list[BaseRoute]:
    """The routes of these resources, the most used first: routes are tried in this order."""
    v = "/services/data/v{version}"
    one = v + "/sobjects/{sobject}/{id:record}"
    return [
        route(org, v + "/query", "rest.query", _query, ["GET"]),
        route(org, v + "/query/", "rest.query", _query, ["GET"]),
        route(org, one, "rest.get", _get, ["GET"]),
        route(org, one, "rest.update", _update, ["PATCH"]),
        route(org, v + "/sobjects/ContentVersion/{id:record}/VersionData", "rest.file", _file, ["GET"]),
        route(org, one, "rest.delete", _delete, ["DELETE"]),
        route(org, v + "/query/{locator}", "rest.query_more", _query_more, ["GET"]),
        route(org, v + "/queryAll", "rest.query_all", _query_all, ["GET"]),
        route(org, v + "/queryAll/", "rest.query_all", _query_all, ["GET"]),
        route(org, v + "/queryAll/{locator}", "rest.query_more", _query_more, ["GET"]),
        route(org, v + "/search", "rest.search", _search, ["GET"]),
        route(org, v + "/search/", "rest.search", _search, ["GET"]),
        route(org, v + "/parameterizedSearch", "rest.search", _parameterized, ["GET", "POST"]),
        route(org, v + "/recent", "rest.recent", _recent, ["GET"]),
        route(org, v + "/sobjects/{sobject}", "rest.create", _create, ["POST"]),
        route(org, v + "/sobjects/User/{id:record}/password", "rest.password", _password, ["GET", "POST", "DELETE"]),
        route(org, v + "/tooling/query", "rest.tooling", _tooling, ["GET"]),
    ]


def routes_by_value(org: Org) -> list[BaseRoute]:
    """The routes for records by external id and for related records. Their paths also match others, so they
    come last.
    """
    path = "/services/data/v{version}/sobjects/{sobject}/{field}/{value:path}"
    return [
        route(org, path, "rest.get", _get_external, ["GET"]),
        route(org, path, "rest.upsert", _upsert, ["PATCH"]),
        route(org, path, "rest.delete", _delete_external, ["DELETE"]),
        route(org, "/services/data/v{version}/sobjects/{sobject}/{field:external}", "rest.upsert", _without_value,
              ["POST", "PATCH", "DELETE"]),
    ]  # fmt: skip


async def _get(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return _record(org, request, call, named(call, request), str(request.path_params["id"]))


async def _get_external(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = named(call, request)
    if is_id(str(request.path_params["field"])):
        return _related(org, request, call, source)
    one = _one(org, call, source, request)
    return one if isinstance(one, Response) else _record(org, request, call, source, one)


def _related(org: Org, request: Request, call: Call, source: SObject) -> Response:
    """The parent or the children of a record, as in `/sobjects/Contact/ID/Account`. Raises ApiError."""
    row = records.read(org, source, str(request.path_params["field"]))
    name = str(request.path_params["value"])
    reference = source.parent(name)
    if reference is not None and reference.targets:
        parent = None if row[reference.name] is None else call.schema.of_id(str(row[reference.name]))
        if parent is None:
            raise not_found("The requested resource does not exist")
        return _record(org, request, call, parent, str(row[reference.name]))
    children = source.child(name)
    if children is None:
        raise not_found()
    text = f"SELECT FIELDS(STANDARD) FROM {children.child} WHERE {children.field} = '{row['Id']}'"
    return _answer_query(org, call, Locator(text, 0, DEFAULT_BATCH, deleted=False))


def _key(source: SObject, request: Request) -> Field:
    """The external id field in the address, or Id. Raises ApiError: 405 for an address without a value, 404."""
    name, value = str(request.path_params["field"]), str(request.path_params.get("value", ""))
    if not value and request.method not in ("GET", "HEAD"):
        said = f"HTTP Method '{request.method}' not allowed. Allowed are HEAD,GET,POST"
        raise ApiError(405, "METHOD_NOT_ALLOWED", said)
    f = source.field(name)
    if f is None or not f.is_key:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return f


def _ids(org: Org, source: SObject, f: Field, request: Request) -> list[str]:
    value = str(request.path_params["value"])
    return [value] if f.type == "id" else records.find_by_external_id(org, source, f, value)


def _one(org: Org, call: Call, source: SObject, request: Request) -> str | Response:
    """The id of the record in `/EXTERNAL_ID_FIELD/VALUE`, or the answer when several have it. Raises ApiError 404."""
    ids = _ids(org, source, _key(source, request), request)
    if not ids:
        raise not_found()
    return ids[0] if len(ids) == 1 else _several(org, call, source, ids)


def _several(org: Org, call: Call, source: SObject, ids: list[str]) -> Response:
    """300 Multiple Choices: the addresses of the records that share an external id.

    Source: REST API Developer Guide, Status Codes and Error Responses.
    """
    return Json([attributes(source, call.version, i)["url"] for i in ids], 300, headers=limit_header(org))


def _record(org: Org, request: Request, call: Call, source: SObject, identifier: str) -> Response:
    version = call.version
    row = records.read(org, source, identifier)
    etag = _etag(source, row)
    if etag is not None and _names(request, "if-none-match", etag):
        return Response(status_code=304, headers=limit_header(org) | {"ETag": etag})
    if etag is not None and "if-match" in request.headers and not _names(request, "if-match", etag):
        return Response(status_code=412, headers=limit_header(org))
    since = http_date(request, "if-modified-since", strict=False)
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
    body: dict[str, object] = {"attributes": attributes(source, version, str(row["Id"]))}
    body |= {f.name: files.with_version(field_value(row, f), version) for f in fields} | records.seen(
        org, row, fields, call.session.user_id
    )
    tag = {} if etag is None else {"ETag": etag}
    return Json(body, headers=limit_header(org) | tag | {"Last-Modified": formatdate(modified, usegmt=True)})


def _etag(source: SObject, row: dict[str, object]) -> str | None:
    """The ETag of a record; only accounts have one (REST API Developer Guide, "Conditional Requests")."""
    if source.name != "Account":
        return None
    digest = hashlib.sha1(f"{row['Id']}{row['SystemModstamp']}".encode(), usedforsecurity=False).digest()
    return f'"{base64.b64encode(digest).decode()}"'


def _names(request: Request, header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header contains this ETag, with or without the suffix of compressed
    answers.
    """
    given = request.headers.get(header)
    if given is None:
        return False
    tags = [t.strip().removeprefix("W/").replace("--gzip", "").replace("-gzip", "") for t in given.split(",")]
    return "*" in tags or etag in tags


async def _create(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = named(call, request)
    values = await record_fields(request, source)
    _check_duplicates(org, call, source, request, values)
    identifier = records.create(org, source, values, call.session.user_id)
    location = {"Location": attributes(source, call.version, identifier)["url"]}
    return Json({"id": identifier, "success": True, "errors": []}, 201, headers=limit_header(org) | location)


def _check_duplicates(
    org: Org,
    call: Call,
    source: SObject,
    request: Request,
    values: Mapping[str, object],
    identifier: str | None = None,
) -> None:
    """Raises ApiError DUPLICATES_DETECTED where a duplicate rule of the org refuses the values."""
    header = request.headers.get("sforce-duplicate-rule-header", "")
    duplicates.check(org, source, values, header, version=call.version, identifier=identifier)


async def _file(org: Org, request: Request) -> Response:
    """The bytes of a version of a file. Source: REST API Developer Guide, sObject Blob Get."""
    call = call_of(org, request)
    source = call.schema.sobject("ContentVersion")
    if source is None or INNER in request.scope:
        raise not_found()  # a part of a composite request has no bytes
    row = records.read(org, source, str(request.path_params["id"]))
    content = files.content_of(org, str(row["Id"]))
    return Response(content, media_type=files.media_type(row["FileExtension"]), headers=limit_header(org))


async def _update(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, identifier = named(call, request), str(request.path_params["id"])
    values = await record_fields(request, source)
    before = http_date(request, "if-unmodified-since", strict=True)
    current = records.read(org, source, identifier)
    if before is not None and int(from_datetime(str(current["LastModifiedDate"]))) > before:
        return Response(status_code=412, headers=limit_header(org))
    etag = _etag(source, current)
    if etag is not None and (
        ("if-match" in request.headers and not _names(request, "if-match", etag))
        or _names(request, "if-none-match", etag)
    ):
        return Response(status_code=412, headers=limit_header(org))
    _check_duplicates(org, call, source, request, values, to_18(identifier))
    records.update(org, source, to_18(identifier), values, call.session.user_id)
    return Response(status_code=204, headers=limit_header(org))


async def _delete(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    records.delete(org, named(call, request), str(request.path_params["id"]), call.session.user_id)
    return Response(status_code=204, headers=limit_header(org))


async def _password(org: Org, request: Request) -> Response:
    """Whether a password has expired (it never does), or a new password: a given one or a random one.

    Source: REST API Developer Guide, sObject User Password.
    """
    call = call_of(org, request)
    row = records.read(org, org.objects["User"], str(request.path_params["id"]))
    user_id = str(row["Id"])
    if request.method in ("GET", "HEAD"):
        return Json({"IsExpired": False}, headers=limit_header(org))
    user = call.schema.sobject("User")
    if user_id != call.session.user_id and (user is None or not user.updateable):
        raise no_access()
    given = (
        str((await json_object(request)).get("NewPassword") or "")
        if request.method == "POST"
        else secrets.token_urlsafe(9)
    )
    if len(given) < 8:
        raise ApiError(400, "INVALID_NEW_PASSWORD", "Your password must be at least 8 characters long.")
    with org.write() as db:
        set_password(db, user_id, given)
    return (
        Response(status_code=204, headers=limit_header(org))
        if request.method == "POST"
        else Json({"NewPassword": given}, headers=limit_header(org))
    )


def _parent(org: Org, call: Call, source: SObject, request: Request) -> tuple[SObject, str] | None:
    """The parent in an address such as `/sobjects/Contact/ID/Account`, None for an address by external id.

    Raises ApiError 404. Source: REST API Developer Guide, sObject Relationships (GET, PATCH, DELETE).
    """
    if not is_id(str(request.path_params["field"])):
        return None
    row = records.read(org, source, str(request.path_params["field"]))
    reference = source.parent(str(request.path_params["value"]))
    identifier = "" if reference is None else str(row[reference.name] or "")
    parent = call.schema.of_id(identifier) if identifier else None
    if parent is None:
        raise not_found()
    return parent, identifier


async def _delete_external(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = named(call, request)
    parent = _parent(org, call, source, request)
    if parent is not None:
        records.delete(org, *parent, call.session.user_id)
        return Response(status_code=204, headers=limit_header(org))
    one = _one(org, call, source, request)
    if isinstance(one, Response):
        return one
    records.delete(org, source, one, call.session.user_id)
    return Response(status_code=204, headers=limit_header(org))


async def _without_value(org: Org, request: Request) -> Response:
    """`POST /sobjects/Account/Id` creates a record: Id as external id, without a value. All others are refused.

    Source: REST API Developer Guide, sObject Rows by External ID, usage ("as a special case").
    """
    if request.method == "POST" and str(request.path_params["field"]).lower() == "id":
        return await _create(org, request)
    source = named(call_of(org, request), request)
    _key(source, request)
    raise not_found()  # not reached: an address without a value has no other methods


async def _upsert(org: Org, request: Request) -> Response:
    """Creates or changes the record with an external id, or changes the one with an Id.

    Source: REST API Developer Guide, Insert or Update (Upsert) a Record Using an External ID; before v46.0 a change is
    answered without a body.
    """
    call = call_of(org, request)
    source = named(call, request)
    parent = _parent(org, call, source, request)
    if parent is not None:
        records.update(org, *parent, await json_object(request), call.session.user_id)
        return Response(status_code=204, headers=limit_header(org))
    f = _key(source, request)
    values = await json_object(request)
    if any(n.lower() in (f.name.lower(), "id") for n in values):
        said = f"The {f.name} field should not be specified in the sobject data."
        raise ApiError(400, "INVALID_FIELD", said, [f.name])
    ids = _ids(org, source, f, request)
    if len(ids) > 1:
        return _several(org, call, source, ids)
    if ids:
        _check_duplicates(org, call, source, request, values, ids[0])
        records.update(org, source, ids[0], values, call.session.user_id)
        if float(call.version) < 46:
            return Response(status_code=204, headers=limit_header(org))
        changed: dict[str, object] = {"id": to_18(ids[0]), "success": True, "errors": [], "created": False}
        return Json(changed, headers=limit_header(org))
    if request.query_params.get("updateOnly") == "true":
        raise not_found()
    value = str(request.path_params["value"])
    _check_duplicates(org, call, source, request, values)
    made = records.create(org, source, {**values, f.name: value}, call.session.user_id)
    body: dict[str, object] = {"id": made, "success": True, "errors": []}
    says_created = float(call.version) >= 46
    return Json(body | ({"created": True} if says_created else {}), 201, headers=limit_header(org))


async def _query(org: Org, request: Request) -> Response:
    if "explain" in request.query_params:
        call = call_of(org, request)
        try:
            text = _explained(call, request.query_params["explain"])
            return Json(explain(org, call.schema, text, person=call.person), headers=limit_header(org))
        except SoqlError as refused:
            raise ApiError(400, refused.code, refused.message) from None
    return _run_query(org, request, Locator(request.query_params.get("q", ""), 0, _batch(request), deleted=False))


def _explained(call: Call, wanted: str) -> str:
    """The query to explain: the text itself, or that of the list view with this id. Raises ApiError.

    Source: REST API Developer Guide, Query Performance Feedback. There are no reports here.
    """
    if not is_id(wanted):
        return wanted
    for source in call.schema:
        for view in views(source):
            if view.id == to_18(wanted):
                return view.query
    raise ApiError(400, "INVALID_ID", f"{wanted} is not a valid ID for a report or list view")


async def _query_all(org: Org, request: Request) -> Response:
    return _run_query(org, request, Locator(request.query_params.get("q", ""), 0, _batch(request), deleted=True))


async def _query_more(org: Org, request: Request) -> Response:
    try:
        locator = read_locator(str(request.path_params["locator"]))
    except ValueError:
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator") from None
    return _run_query(org, request, locator)


def _batch(request: Request) -> int:
    match = re.search(r"batchSize=(\d{1,5})", request.headers.get("sforce-query-options", ""))
    return min(DEFAULT_BATCH, max(200, int(match[1]))) if match else DEFAULT_BATCH


def _run_query(org: Org, request: Request, locator: Locator) -> Response:
    return _answer_query(org, call_of(org, request), locator, columns=request.query_params.get("columns") == "true")


def _answer_query(org: Org, call: Call, locator: Locator, *, columns: bool = False) -> Response:
    text = locator.text
    if not text.strip():
        raise ApiError(400, "MALFORMED_QUERY", "SOQL query is required")
    _check_links(text)
    try:
        page = run(
            org,
            call.schema,
            text,
            version=call.version,
            batch=locator.batch,
            offset=locator.offset,
            deleted=locator.deleted,
            below=locator.below,
            person=call.person,
        )
        for record in page.records:
            if "VersionData" in record:
                record["VersionData"] = files.with_version(record["VersionData"], call.version)
        body = column_metadata(call.schema, text) if columns else page.body(call.version)
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None
    return Json(body, headers=limit_header(org))


_LINKS = re.compile(
    r"\bFROM\s+ContentDocumentLink\b(?!.*\bWHERE\b.*\b(?:ContentDocumentId|LinkedEntityId|Id)\s*(?:=|IN\b))",
    re.I | re.S,
)


def _check_links(text: str) -> None:
    """Raises ApiError for a query of all links. Source: Object Reference, ContentDocumentLink, Usage."""
    if _LINKS.search(text) is not None:
        raise ApiError(
            400,
            "MALFORMED_QUERY",
            "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or"
            " LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
        )


async def _tooling(org: Org, request: Request) -> Response:
    """Queries of the Tooling API for sandboxes and scratch orgs, which clients send at a login. There are none."""
    call_of(org, request)
    try:
        named = parse(request.query_params.get("q", "")).sobject.text
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None
    if named.lower() not in _TOOLING:
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{named[:80]}' is not supported.")
    body: dict[str, object] = {
        "size": 0,
        "totalSize": 0,
        "done": True,
        "queryLocator": None,
        "entityTypeName": named,
        "records": [],
    }
    return Json(body, headers=limit_header(org))


async def _search(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    body = search(org, call.schema, request.query_params.get("q", ""), version=call.version, person=call.person)
    # Before v37.0 the answer was the list itself.
    return Json(body if float(call.version) >= 37 else body["searchRecords"], headers=limit_header(org))


async def _parameterized(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    body: dict[str, object] = dict(request.query_params) if request.method == "GET" else await json_object(request)
    return Json(
        {"searchRecords": parameterized(org, call.schema, body, version=call.version, person=call.person)},
        headers=limit_header(org),
    )


async def _recent(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    text = request.query_params.get("limit", "200")
    limit = min(200, int(text)) if text.isdecimal() and int(text) > 0 else 200
    seen = org.db.execute(
        "SELECT RecordId FROM viewed WHERE UserId = ? AND ViewedDate IS NOT NULL ORDER BY ViewedDate DESC",
        (call.session.user_id,),
    )
    ids = [str(r[0]) for r in seen] or _last_changed(org, call, limit)
    rows: list[dict[str, object]] = []
    for identifier in ids:
        source = call.schema.of_id(identifier)
        if source is None or len(rows) >= limit:
            continue
        text = f'SELECT "{source.name_field}" FROM "{source.name}" WHERE Id = ? AND IsDeleted = 0'
        row = org.db.execute(text, (identifier,)).fetchone()
        if row is not None:
            rows.append({"attributes": attributes(source, call.version, identifier), "Id": identifier, "Name": row[0]})
    return Json(rows, headers=limit_header(org))


def _last_changed(org: Org, call: Call, limit: int) -> list[str]:
    """The ids of the last changed records: the recent records of a user who has viewed none."""
    rows: list[tuple[str, str]] = []
    for source in call.schema:
        if source.field("Name") is not None and source.name not in ("Profile", "Organization", "User", "Group"):
            text = (
                f'SELECT LastModifiedDate, Id FROM "{source.name}" WHERE IsDeleted = 0 ORDER BY LastModifiedDate DESC'
                " LIMIT ?"
            )
            rows += [(str(r[0]), str(r[1])) for r in org.db.execute(text, (limit,))]
    return [identifier for _, identifier in sorted(rows, key=lambda r: r[0], reverse=True)[:limit]]
