"""User Interface API: objects, records, picklists, lists and related lists, with the values as people read them.

Source: User Interface API Developer Guide. Favourites and what Lightning alone uses are refused.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data import records
from localorg.data.records import mark_seen
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of, named
from localorg.rest.layouts import MASTER_RECORD_TYPE, compact_fields, record_types
from localorg.rest.listviews import ListView, find_view, views
from localorg.schema.sobjects import Field, SObject
from localorg.soql import SoqlError, run
from localorg.soql.functions import formatted
from localorg.web import Json, json_object, limit_header, route

_TYPES = {
    "string": "String", "id": "String", "textarea": "TextArea", "picklist": "Picklist",
    "multipicklist": "MultiPicklist", "reference": "Reference",
    "email": "Email", "phone": "Phone", "url": "Url", "boolean": "Boolean", "currency": "Currency", "double": "Double",
    "int": "Int",
    "percent": "Percent", "date": "Date", "datetime": "DateTime", "address": "Address", "location": "Location",
}  # fmt: skip
_PAGE, _MOST = 50, 2000


def routes(org: Org) -> list[BaseRoute]:
    ui = "/services/data/v{version}/ui-api"
    return [
        route(org, ui + "/object-info", "rest.ui", _directory, ["GET"]),
        route(org, ui + "/object-info/batch/{names}", "rest.ui", _infos, ["GET"]),
        route(org, ui + "/object-info/{sobject}", "rest.ui", _info, ["GET"]),
        route(org, ui + "/object-info/{sobject}/picklist-values/{record_type}", "rest.ui", _picklists, ["GET"]),
        route(org, ui + "/object-info/{sobject}/picklist-values/{record_type}/{field}", "rest.ui", _picklist, ["GET"]),
        route(org, ui + "/records", "rest.ui", _create, ["POST"]),
        route(org, ui + "/records/batch/{ids}", "rest.ui", _records, ["GET"]),
        route(org, ui + "/records/{id}", "rest.ui", _record, ["GET"]),
        route(org, ui + "/records/{id}", "rest.ui", _update, ["PATCH"]),
        route(org, ui + "/records/{id}", "rest.ui", _delete, ["DELETE"]),
        route(org, ui + "/list-ui/{sobject_or_view}", "rest.ui", _lists, ["GET"]),
        route(org, ui + "/list-ui/{sobject}/{view}", "rest.ui", _list, ["GET"]),
        route(org, ui + "/list-info/{sobject_or_view}", "rest.ui", _list_info, ["GET"]),
        route(org, ui + "/list-info/{sobject}/{view}", "rest.ui", _list_info, ["GET"]),
        route(org, ui + "/list-records/{sobject_or_view}", "rest.ui", _list_records, ["GET"]),
        route(org, ui + "/list-records/{sobject}/{view}", "rest.ui", _list_records, ["GET"]),
        route(org, ui + "/related-list-info/{sobject}", "rest.ui", _related_lists, ["GET"]),
        route(org, ui + "/related-list-records/{id}/{relationship}", "rest.ui", _related, ["GET"]),
    ]


def _answer(org: Org, body: dict[str, object], status: int = 200) -> Response:
    """Every representation has an eTag of its own content."""
    tag = hashlib.md5(msgspec.json.encode(body), usedforsecurity=False).hexdigest()
    return Json({"eTag": tag} | body, status, headers=limit_header(org))


# Objects


async def _directory(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    base = f"/services/data/v{call.version}/ui-api/object-info/"
    found = {
        o.name: {"apiName": o.name, "keyPrefix": o.prefix, "label": o.label, "labelPlural": o.plural,
                 "nameFields": [o.name_field],
                 "objectInfoUrl": base + o.name}
        for o in call.schema
    }  # fmt: skip
    return _answer(org, {"objects": found})


async def _info(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return _answer(org, _object_info(call, named(call, request)))


async def _infos(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    results: list[dict[str, object]] = []
    for name in str(request.path_params["names"]).split(","):
        source = call.schema.sobject(name.strip())
        if source is None:
            results.append({"result": not_found().body(), "statusCode": 404})
        else:
            results.append({"result": _object_info(call, source), "statusCode": 200})
    return Json({"results": results}, headers=limit_header(org))


def _object_info(call: Call, source: SObject) -> dict[str, object]:
    types = record_types(source)
    default = next(t["recordTypeId"] for t in types if t["defaultRecordTypeMapping"])
    return {
        "apiName": source.name,
        "childRelationships": [
            {"childObjectApiName": c.child, "fieldName": c.field, "junctionIdListNames": [], "junctionReferenceTo": [],
             "relationshipName": c.name}
            for c in source.children
        ],
        "compactLayoutable": True, "createable": source.createable, "custom": source.custom,
        "defaultRecordTypeId": default,
        "deletable": source.deletable, "dependentFields": {}, "feedEnabled": False,
        "fields": {f.name: _field_info(call, source, f) for f in source.fields},
        "keyPrefix": source.prefix, "label": source.label, "labelPlural": source.plural, "layoutable": True,
        "mruEnabled": True,
        "nameFields": [source.name_field], "queryable": True,
        "recordTypeInfos": {
            str(t["recordTypeId"]): {k: t[k] for k in ("available", "defaultRecordTypeMapping", "master", "name",
                                                       "recordTypeId")} for t in types
        },
        "searchLayoutable": True, "searchable": True, "themeInfo": None, "updateable": source.updateable,
    }  # fmt: skip


def _field_info(call: Call, source: SObject, f: Field) -> dict[str, object]:
    targets = [o for t in f.targets if (o := call.schema.sobject(t)) is not None]
    number = f.type in ("currency", "double", "percent", "int")
    return {
        "apiName": f.name, "calculated": f.calculated, "compound": f.compound is not None,
        "compoundComponentName": None,
        "compoundFieldName": f.within, "controllerName": None, "controllingFields": [],
        "createable": source.createable and f.writable,
        "custom": f.custom, "dataType": _TYPES[f.type], "extraTypeInfo": None, "filterable": f.filterable,
        "filteredLookupInfo": None,
        "highScaleNumber": False, "htmlFormatted": False, "inlineHelpText": None, "label": f.label,
        "length": 0 if number else f.length,
        "maskType": None, "nameField": f.name == source.name_field, "polymorphicForeignKey": len(f.targets) > 1,
        "precision": 18 if number else 0, "reference": bool(f.targets), "referenceTargetField": None,
        "referenceToInfos": [{"apiName": o.name, "nameFields": [o.name_field]} for o in targets],
        "relationshipName": f.relationship,
        "required": f.required, "scale": 2 if f.type in ("currency", "percent") else 0,
        "searchPrefilterable": f.type == "picklist",
        "sortable": f.filterable, "unique": f.external_id, "updateable": source.updateable and f.writable,
    }  # fmt: skip


# Picklists


async def _picklists(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = _of_type(named(call, request), request)
    found = {f.name: _values(call, source, f, request) for f in source.fields if f.picklist}
    return _answer(org, {"picklistFieldValues": found})


async def _picklist(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = _of_type(named(call, request), request)
    f = source.field(str(request.path_params["field"]))
    if f is None or not f.picklist:
        raise not_found()
    return _answer(org, _values(call, source, f, request))


def _of_type(source: SObject, request: Request) -> SObject:
    wanted = str(request.path_params["record_type"])[:15]
    if all(str(t["recordTypeId"])[:15] != wanted for t in record_types(source)):
        raise not_found()
    return source


def _values(call: Call, source: SObject, f: Field, request: Request) -> dict[str, object]:
    def told(value: str) -> dict[str, object]:
        return {"attributes": None, "label": f.label_of(value), "validFor": [], "value": value}

    values = f"picklist-values/{request.path_params['record_type']}"
    base = f"/services/data/v{call.version}/ui-api/object-info/{source.name}/{values}"
    default = told(str(f.default)) if f.default is not None else None
    return {
        "controllerValues": {},
        "defaultValue": default,
        "url": f"{base}/{f.name}",
        "values": [told(v) for v in f.picklist],
    }


# Records


async def _record(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    identifier = str(request.path_params["id"])
    shown = _shown(org, call, identifier, request)
    mark_seen(org, [str(shown["id"])], call.session.user_id, viewed=True)
    return _answer(org, shown)


async def _records(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    ids = str(request.path_params["ids"]).split(",")
    if len(ids) > 200:
        raise ApiError(400, "INVALID_REQUEST", "a batch has at most 200 records")
    results: list[dict[str, object]] = []
    for identifier in ids:
        try:
            results.append({"result": _shown(org, call, identifier.strip(), request), "statusCode": 200})
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
    return _answer(org, _representation(org, call, source, made, [f.name for f in source.fields]), 201)


async def _update(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, identifier = _owner(org, call, str(request.path_params["id"]))
    records.update(org, source, identifier, _given(await json_object(request)), call.session.user_id)
    return _answer(org, _representation(org, call, source, identifier, [f.name for f in source.fields]))


async def _delete(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, identifier = _owner(org, call, str(request.path_params["id"]))
    records.delete(org, source, identifier, call.session.user_id)
    return Response(status_code=204, headers=limit_header(org))


def _given(body: Mapping[str, object]) -> dict[str, object]:
    fields = body.get("fields")
    if not isinstance(fields, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "fields is needed: an object of field names and values")
    return {str(k): v for k, v in cast(dict[object, object], fields).items()}


def _owner(org: Org, call: Call, identifier: str) -> tuple[SObject, str]:
    source = call.schema.of_id(identifier)
    if source is None:
        raise not_found()
    return source, str(records.read(org, source, identifier)["Id"])


def _shown(org: Org, call: Call, identifier: str, request: Request) -> dict[str, object]:
    """A record with the fields that were asked for, or those of a layout."""
    source, identifier = _owner(org, call, identifier)
    wanted = _paths(source, request.query_params.get("fields", ""), strict=True)
    wanted += _paths(source, request.query_params.get("optionalFields", ""), strict=False)
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


def _paths(source: SObject, text: str, *, strict: bool) -> list[str]:
    """`Account.Name,Account.Owner.Name` without the object; what may be missing is checked later."""
    found: list[str] = []
    for part in (p.strip() for p in text.split(",")):
        first, _, rest = part.partition(".")
        if rest and first.lower() == source.name.lower():
            found.append(rest)
        elif part and strict:
            raise ApiError(
                400,
                "INVALID_FIELD",
                f"{part[:80]} is not a field of {source.name}; names begin with the object, as {source.name}.Name",
            )
    return found


def _optional(source: SObject, request: Request) -> frozenset[str]:
    return frozenset(_paths(source, request.query_params.get("optionalFields", ""), strict=False))


def _representation(
    org: Org, call: Call, source: SObject, identifier: str, paths: Iterable[str], optional: frozenset[str] = frozenset()
) -> dict[str, object]:
    wanted = [p for p in dict.fromkeys(paths) if p not in optional or _exists(call, source, p)]
    # A reference comes with the name of what it leads to.
    names = [
        f"{f.relationship}.{_name_of(call, f)}"
        for p in wanted
        if (f := source.field(p)) is not None and f.targets and _name_of(call, f)
    ]
    found = _read(org, call, source, [*wanted, *names], f"Id = '{identifier}'", 1, 0)
    if not found:
        raise not_found()
    return _as_record(org, call, source, found[0])


def _name_of(call: Call, f: Field) -> str | None:
    if len(f.targets) > 1:
        return "Name"
    target = None if f.refers_to is None else call.schema.sobject(f.refers_to)
    return None if target is None else target.name_field


def _exists(call: Call, source: SObject, path: str) -> bool:
    first, _, rest = path.partition(".")
    if not rest:
        return source.field(first) is not None
    reference = source.parent(first)
    parent = None if reference is None or reference.refers_to is None else call.schema.sobject(reference.refers_to)
    return parent is not None and _exists(call, parent, rest)


_ALWAYS = ("Id", "LastModifiedById", "LastModifiedDate", "SystemModstamp")


def _read(
    org: Org, call: Call, source: SObject, paths: Iterable[str], where: str, limit: int, offset: int
) -> list[dict[str, object]]:
    names = {p.lower(): p for p in (*_ALWAYS, *paths)}
    text = (
        f"SELECT {', '.join(names.values())} FROM {source.name} WHERE {where} ORDER BY {source.name_field}, Id LIMIT"
        f" {limit} OFFSET {offset}"
    )
    if source.name_field == "Id":
        text = text.replace("ORDER BY Id, Id", "ORDER BY Id")
    try:
        return run(org, call.schema, text, person=call.person, version=call.version).records
    except SoqlError as refused:
        raise ApiError(400, refused.code, refused.message) from None


def _as_record(org: Org, call: Call, source: SObject, found: Mapping[str, object]) -> dict[str, object]:
    """A record of a query in this API's own form."""
    fields: dict[str, object] = {}
    for name, value in found.items():
        f = source.field(name)
        if f is not None and name not in ("Id", "LastModifiedById") and f.type != "id":
            fields[f.name] = {"displayValue": _display(org, call, f, value), "value": _iso(f, value)}
        elif f is None and name != "attributes":
            fields[name] = _parent(org, call, value)
    modified = str(found.get("LastModifiedDate") or "")
    return {
        "apiName": source.name, "childRelationships": {}, "fields": fields, "id": found.get("Id"),
        "lastModifiedById": found.get("LastModifiedById"),
        "lastModifiedDate": _utc(modified) if modified else None, "recordTypeId": MASTER_RECORD_TYPE,
        "recordTypeInfo": None,
        "systemModstamp": _utc(str(found["SystemModstamp"])) if found.get("SystemModstamp") else None,
        "weakEtag": int(_moment(modified).timestamp() * 1000) if modified else 0,
    }  # fmt: skip


def _parent(org: Org, call: Call, value: object) -> dict[str, object]:
    """What a reference leads to; its name stands for it."""
    if not isinstance(value, dict):
        return {"displayValue": None, "value": None}
    row = cast(dict[str, object], value)
    told = cast(dict[str, str], row["attributes"])
    source = call.schema.sobject(told["type"])
    if source is None:
        return {"displayValue": None, "value": None}
    inner = _as_record(org, call, source, {"Id": told["url"].rpartition("/")[2], **row})
    return {"displayValue": row.get(source.name_field) or row.get("Name"), "value": inner}


def _display(org: Org, call: Call, f: Field, value: object) -> str | None:
    """What a person reads, where that is not the value itself."""
    if value is None:
        return None
    if f.type in ("picklist", "multipicklist"):
        return ";".join(f.label_of(v) for v in str(value).split(";"))
    if f.type in ("currency", "percent", "date", "datetime", "double", "int"):
        return formatted(f, value, call.person.locale, call.person.zone, org.settings.currency)
    return None


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def _utc(text: str) -> str:
    return text.replace("+0000", "Z")


def _iso(f: Field, value: object) -> object:
    return _utc(str(value)) if f.type == "datetime" and value is not None else value


# Lists


async def _lists(org: Org, request: Request) -> Response:
    """The lists of an object, or one list with its records when the path names that."""
    call = call_of(org, request)
    source = call.schema.sobject(str(request.path_params["sobject_or_view"]))
    if source is None:
        return await _list(org, request)
    base = f"/services/data/v{call.version}/ui-api/list-ui"
    lists = [{"apiName": v.name, "id": v.id, "label": v.label, "listUiUrl": f"{base}/{v.id}"} for v in views(source)]
    body: dict[str, object] = {
        "count": len(lists), "currentPageToken": "0", "currentPageUrl": f"{base}/{source.name}?pageSize=20&pageToken=0",
        "lists": lists,
        "nextPageToken": None, "nextPageUrl": None, "objectApiName": source.name, "pageSize": 20,
        "previousPageToken": None, "previousPageUrl": None,
        "queryString": request.query_params.get("q"), "recentListsOnly": False,
    }  # fmt: skip
    return _answer(org, body)


def _view(call: Call, request: Request) -> ListView:
    if "sobject" in request.path_params:
        return find_view(named(call, request), str(request.path_params["view"]))
    wanted = str(request.path_params["sobject_or_view"])
    for source in call.schema:
        for view in views(source):
            if view.id[:15] == wanted[:15]:
                return view
    raise not_found()


async def _list(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    view = _view(call, request)
    return _answer(org, {"info": _view_info(view), "records": _page_of(org, call, view, request)})


async def _list_info(org: Org, request: Request) -> Response:
    return _answer(org, _view_info(_view(call_of(org, request), request)))


async def _list_records(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return _answer(org, _page_of(org, call, _view(call, request), request))


def _view_info(view: ListView) -> dict[str, object]:
    return {
        "cloneable": False, "createable": False, "deletable": False,
        "displayColumns": [{"fieldApiName": f.name, "label": f.label, "sortable": f.filterable} for f in view.columns],
        "filterLogicString": None,
        "filteredByInfo": [{"fieldApiName": n, "label": n, "operandLabels": [v], "operator": "Equals"} for n, _,
                           v in view.conditions],
        "label": view.label,
        "listReference": {"id": view.id, "listViewApiName": view.name, "objectApiName": view.source.name,
                          "type": "listView"},
        "orderedByInfo": [{"fieldApiName": view.order, "isAscending": True, "label": view.order}],
        "updateable": False, "userPreferences": {"columnWidths": {}, "columnWrap": {}}, "visibility": "Public",
    }  # fmt: skip


def _page_of(org: Org, call: Call, view: ListView, request: Request) -> dict[str, object]:
    size, start = _paging(request)
    text = f"{view.query} LIMIT {size + 1} OFFSET {start}"
    found = run(org, call.schema, text, person=call.person, version=call.version).records
    base = f"/services/data/v{call.version}/ui-api/list-records/{view.id}"
    rows = [_as_record(org, call, view.source, r) for r in found[:size]]
    return _page(base, rows, size, start, more=len(found) > size) | {"sortBy": [view.order]}


def _page(base: str, rows: list[dict[str, object]], size: int, start: int, *, more: bool) -> dict[str, object]:
    after, before = start + size if more else None, max(0, start - size) if start else None

    def url(at: int | None) -> str | None:
        return None if at is None else f"{base}?pageSize={size}&pageToken={at}"

    return {
        "count": len(rows), "currentPageToken": str(start), "currentPageUrl": url(start),
        "nextPageToken": None if after is None else str(after),
        "nextPageUrl": url(after), "pageSize": size, "previousPageToken": None if before is None else str(before),
        "previousPageUrl": url(before),
        "records": rows,
    }  # fmt: skip


def _paging(request: Request) -> tuple[int, int]:
    size, token = request.query_params.get("pageSize", str(_PAGE)), request.query_params.get("pageToken", "0")
    if not size.isdecimal() or not 1 <= int(size) <= _MOST or not token.isdecimal() or int(token) > _MOST:
        raise ApiError(
            400, "INVALID_REQUEST", f"pageSize is a number from 1 to {_MOST}, pageToken one that an answer gave"
        )
    return int(size), int(token)


# Related lists


async def _related_lists(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source = named(call, request)
    base = f"/services/data/v{call.version}/ui-api/related-list-info/{source.name}"
    lists: list[dict[str, object]] = []
    for c in source.children:
        child = call.schema.sobject(c.child)
        if child is not None:
            told: dict[str, object] = {
                "entityLabel": child.label, "entityLabelPlural": child.plural, "fieldApiName": c.field,
                "keyPrefix": child.prefix,
                "label": child.plural, "objectApiName": child.name, "relatedListId": c.name,
                "relatedListInfoUrl": f"{base}/{c.name}",
                "themeInfo": None,
            }  # fmt: skip
            lists.append(told)
    body: dict[str, object] = {
        "parentObjectApiName": source.name,
        "parentRecordTypeId": MASTER_RECORD_TYPE,
        "relatedLists": lists,
    }
    return _answer(org, body)


async def _related(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    parent, identifier = _owner(org, call, str(request.path_params["id"]))
    relation = parent.child(str(request.path_params["relationship"]))
    child = None if relation is None else call.schema.sobject(relation.child)
    if relation is None or child is None:
        raise not_found()
    size, start = _paging(request)
    wanted = _paths(child, request.query_params.get("fields", ""), strict=True)
    wanted += [
        p
        for p in _paths(child, request.query_params.get("optionalFields", ""), strict=False)
        if _exists(call, child, p)
    ]
    found = _read(org, call, child, wanted or [child.name_field], f"{relation.field} = '{identifier}'", size + 1, start)
    base = f"/services/data/v{call.version}/ui-api/related-list-records/{identifier}/{relation.name}"
    reference = {"inContextOfRecordId": identifier, "parentObjectApiName": parent.name, "recordTypeId": None,
                 "relatedListId": relation.name,
                 "type": "relatedList"}  # fmt: skip
    body = _page(base, [_as_record(org, call, child, r) for r in found[:size]], size, start, more=len(found) > size)
    return _answer(org, body | {"listReference": reference, "sortBy": [child.name_field]})
