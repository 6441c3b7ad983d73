"""Records in the User Interface API: read, create, change, delete. Each field has a value and a display value.

Source: User Interface API Developer Guide, "Records".
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data import currencies, records
from localorg.data.record_types import FIELD, MASTER_RECORD_TYPE, type_of
from localorg.data.records import mark_seen
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of
from localorg.rest.layouts import compact_fields
from localorg.rest.ui_api.answer import answer
from localorg.schema.sobjects import Field, SObject
from localorg.soql import SoqlError, run
from localorg.soql.functions import formatted
from localorg.web import Json, json_object, limit_header, route


def routes(org: Org) -> list[BaseRoute]:
    """The routes of records."""
    ui = "/services/data/v{version}/ui-api"
    return [
        route(org, ui + "/records", "rest.ui", _create, ["POST"]),
        route(org, ui + "/records/batch/{ids}", "rest.ui", _records, ["GET"]),
        route(org, ui + "/records/{id}", "rest.ui", _record, ["GET"]),
        route(org, ui + "/records/{id}", "rest.ui", _update, ["PATCH"]),
        route(org, ui + "/records/{id}", "rest.ui", _delete, ["DELETE"]),
    ]


async def _record(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    identifier = str(request.path_params["id"])
    body = _record_asked_for(org, call, identifier, request)
    mark_seen(org, [str(body["id"])], call.session.user_id, viewed=True)
    return answer(org, body)


async def _records(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    ids = str(request.path_params["ids"]).split(",")
    if len(ids) > 200:
        raise ApiError(400, "INVALID_REQUEST", "a batch has at most 200 records")
    results: list[dict[str, object]] = []
    for identifier in ids:
        try:
            results.append({"result": _record_asked_for(org, call, identifier.strip(), request), "statusCode": 200})
        except ApiError as refused:
            results.append({"result": refused.body(), "statusCode": refused.status})
    return Json(
        {"hasErrors": any(r["statusCode"] != 200 for r in results), "results": results}, headers=limit_header(org)
    )


async def _create(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    body = await json_object(request)
    source = call.schema.sobject(str(body.get("apiName") or ""))
    if source is None:
        raise ApiError(400, "INVALID_TYPE", f"apiName names no object: {str(body.get('apiName'))[:80]}")
    made = records.create(org, source, _given(body), call.session.user_id)
    return answer(org, _representation(org, call, source, made, [f.name for f in source.fields]), 201)


async def _update(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, identifier = find_record(org, call, str(request.path_params["id"]))
    records.update(org, source, identifier, _given(await json_object(request)), call.session.user_id)
    return answer(org, _representation(org, call, source, identifier, [f.name for f in source.fields]))


async def _delete(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, identifier = find_record(org, call, str(request.path_params["id"]))
    records.delete(org, source, identifier, call.session.user_id)
    return Response(status_code=204, headers=limit_header(org))


def _given(body: Mapping[str, object]) -> dict[str, object]:
    fields = body.get("fields")
    if not isinstance(fields, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "fields is needed: an object of field names and values")
    return {str(k): v for k, v in cast(dict[object, object], fields).items()}


def find_record(org: Org, call: Call, identifier: str) -> tuple[SObject, str]:
    """The object of a record and its 18-character id. Raises ApiError 404 when the user sees no such record."""
    source = call.schema.of_id(identifier)
    if source is None:
        raise not_found()
    return source, str(records.read(org, source, identifier)["Id"])


def _record_asked_for(org: Org, call: Call, identifier: str, request: Request) -> dict[str, object]:
    """A record with the fields that the request asks for. Raises ApiError."""
    source, identifier = find_record(org, call, identifier)
    wanted = paths_of(source, request.query_params.get("fields", ""), strict=True)
    wanted += paths_of(source, request.query_params.get("optionalFields", ""), strict=False)
    layouts = {t.strip().lower() for t in request.query_params.get("layoutTypes", "").split(",") if t.strip()}
    if layouts - {"full", "compact"}:
        raise ApiError(400, "INVALID_REQUEST", "layoutTypes are Full and Compact")
    if "full" in layouts:
        wanted += [f.name for f in source.fields if f.stored and f.type != "id"]
    if "compact" in layouts:
        wanted += [f.name for f in compact_fields(source)]
    if not wanted:
        raise ApiError(
            400, "ILLEGAL_QUERY_PARAMETER_VALUE", "Specify at least one of fields, optionalFields or layoutTypes"
        )
    return _representation(org, call, source, identifier, wanted, _optional(source, request))


def paths_of(source: SObject, text: str, *, strict: bool) -> list[str]:
    """The paths in a list such as `Account.Name,Account.Owner.Name`, without the object's name.

    With `strict`, a path that does not begin with the object's name raises ApiError 400; else it is left out.
    """
    paths: list[str] = []
    for part in (p.strip() for p in text.split(",")):
        first, _, rest = part.partition(".")
        if rest and first.lower() == source.name.lower():
            paths.append(rest)
        elif part and strict:
            raise ApiError(
                400,
                "INVALID_FIELD",
                f"{part[:80]} is not a field of {source.name}; names begin with the object, as {source.name}.Name",
            )
    return paths


def _optional(source: SObject, request: Request) -> frozenset[str]:
    return frozenset(paths_of(source, request.query_params.get("optionalFields", ""), strict=False))


def _representation(
    org: Org, call: Call, source: SObject, identifier: str, paths: Iterable[str], optional: frozenset[str] = frozenset()
) -> dict[str, object]:
    wanted = [p for p in dict.fromkeys(paths) if p not in optional or path_exists(call, source, p)]
    # A reference is answered with the parent's name.
    names = [
        f"{f.relationship}.{_name_of(call, f)}"
        for p in wanted
        if (f := source.field(p)) is not None and f.targets and _name_of(call, f)
    ]
    rows = read_rows(org, call, source, [*wanted, *names], f"Id = '{identifier}'", 1, 0)
    if not rows:
        raise not_found()
    return as_record(org, call, source, rows[0])


def _name_of(call: Call, f: Field) -> str | None:
    if len(f.targets) > 1:
        return "Name"
    target = None if f.refers_to is None else call.schema.sobject(f.refers_to)
    return None if target is None else target.name_field


def path_exists(call: Call, source: SObject, path: str) -> bool:
    """Whether a path such as `Owner.Name` leads to a field that the user may see."""
    first, _, rest = path.partition(".")
    if not rest:
        return source.field(first) is not None
    reference = source.parent(first)
    parent = None if reference is None or reference.refers_to is None else call.schema.sobject(reference.refers_to)
    return parent is not None and path_exists(call, parent, rest)


_ALWAYS = ("Id", "LastModifiedById", "LastModifiedDate", "SystemModstamp")


def read_rows(
    org: Org, call: Call, source: SObject, paths: Iterable[str], where: str, limit: int, offset: int
) -> list[dict[str, object]]:
    """The records of an object for which the SOQL condition `where` holds, with the fields of `paths`, sorted by name.

    Raises ApiError 400 for a path that does not exist.
    """
    more = [name for name in (FIELD, currencies.FIELD) if source.field(name) is not None]
    names = {p.lower(): p for p in (*_ALWAYS, *more, *paths)}
    text = (
        f"SELECT {', '.join(names.values())} FROM {source.name} WHERE {where} ORDER BY {source.sort_field}, Id LIMIT"
        f" {limit} OFFSET {offset}"
    )
    if source.sort_field == "Id":
        text = text.replace("ORDER BY Id, Id", "ORDER BY Id")
    try:
        return run(org, call.schema, text, person=call.person, version=call.version).records
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None


def as_record(org: Org, call: Call, source: SObject, row: Mapping[str, object]) -> dict[str, object]:
    """A record of a query result in this API's form."""
    fields: dict[str, object] = {}
    for name, value in row.items():
        f = source.field(name)
        if f is not None and name not in ("Id", "LastModifiedById") and f.type != "id":
            fields[f.name] = {"displayValue": _display(org, call, f, value, row), "value": _iso(f, value)}
        elif f is None and name != "attributes":
            fields[name] = _parent(org, call, value)
    modified = str(row.get("LastModifiedDate") or "")
    type_id = row.get(FIELD)
    return {
        "apiName": source.name, "childRelationships": {}, "fields": fields, "id": row.get("Id"),
        "lastModifiedById": row.get("LastModifiedById"),
        "lastModifiedDate": _utc(modified) if modified else None, "recordTypeId": type_id or MASTER_RECORD_TYPE,
        "recordTypeInfo": _type_info(source, type_id),
        "systemModstamp": _utc(str(row["SystemModstamp"])) if row.get("SystemModstamp") else None,
        "weakEtag": int(_moment(modified).timestamp() * 1000) if modified else 0,
    }  # fmt: skip


def _type_info(source: SObject, identifier: object) -> dict[str, object] | None:
    """The record type of a record, None for the master. Source: User Interface API Developer Guide, Record."""
    record_type = type_of(source, identifier)
    if record_type is None:
        return None
    return {
        "available": record_type.available,
        "defaultRecordTypeMapping": record_type.default,
        "master": False,
        "name": record_type.label,
        "recordTypeId": identifier,
    }


def _parent(org: Org, call: Call, value: object) -> dict[str, object]:
    """A parent record as the value of a relationship: the record, with its name as the display value."""
    if not isinstance(value, dict):
        return {"displayValue": None, "value": None}
    row = cast(dict[str, object], value)
    attributes = cast(dict[str, str], row["attributes"])
    source = call.schema.sobject(attributes["type"])
    if source is None:
        return {"displayValue": None, "value": None}
    inner = as_record(org, call, source, {"Id": attributes["url"].rpartition("/")[2], **row})
    return {"displayValue": row.get(source.name_field) or row.get("Name"), "value": inner}


def _display(org: Org, call: Call, f: Field, value: object, row: Mapping[str, object]) -> str | None:
    """The display value of a field, None where it has none."""
    if value is None:
        return None
    if f.type in ("picklist", "multipicklist"):
        return ";".join(f.label_of(v) for v in str(value).split(";"))
    if f.type in ("currency", "percent", "date", "datetime", "double", "int"):
        code = str(row.get(currencies.FIELD) or org.settings.currency)
        return formatted(f, value, call.person.locale, call.person.zone, code)
    return None


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def _utc(text: str) -> str:
    return text.replace("+0000", "Z")


def _iso(f: Field, value: object) -> object:
    return _utc(str(value)) if f.type == "datetime" and value is not None else value
