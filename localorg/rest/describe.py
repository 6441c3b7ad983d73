"""Describe: the objects, fields, and layouts of the org.

Source: REST API Developer Guide, sObject Describe, Layouts.
"""

from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.clock import from_datetime
from localorg.data.access import shape_changed
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import attributes, call_of, http_date, named
from localorg.rest.layouts import all_layouts, compact_layout, compact_layouts, page_layout, record_types
from localorg.schema.sobjects import Field, SObject
from localorg.web import Json, limit_header, route


def routes(org: Org) -> list[BaseRoute]:
    """The routes of describe and layouts."""
    v = "/services/data/v{version}"
    one = v + "/sobjects/{sobject}"
    return [
        route(org, v + "/sobjects", "rest.sobjects", _sobjects, ["GET"]),
        route(org, one, "rest.sobject", _sobject, ["GET"]),
        route(org, one + "/describe", "rest.describe", _describe, ["GET"]),
        route(org, one + "/describe/layouts", "rest.layouts", _layouts, ["GET"]),
        route(org, one + "/describe/layouts/", "rest.layouts", _layouts, ["GET"]),
        route(org, one + "/describe/layouts/{record_type}", "rest.layouts", _layout, ["GET"]),
        route(org, one + "/describe/compactLayouts", "rest.layouts", _compact_layouts, ["GET"]),
        route(org, one + "/describe/compactLayouts/primary", "rest.layouts", _compact_layout, ["GET"]),
        route(org, v + "/compactLayouts", "rest.layouts", _all_compact_layouts, ["GET"]),
    ]


async def _describe(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    version, source = call.version, named(call, request)
    made = from_datetime(shape_changed(org, call.session.user_id))
    since = http_date(request, "if-modified-since", strict=False)
    if since is not None and int(made) <= since:
        return Response(status_code=304, headers=limit_header(org))
    body = summary(source, version) | {
        "fields": [_field(source, f) for f in source.fields],
        "childRelationships": [
            {
                "childSObject": c.child,
                "field": c.field,
                "relationshipName": c.name,
                "cascadeDelete": False,
                "deprecatedAndHidden": False,
            }
            for c in source.children
        ],
        "recordTypeInfos": record_types(source),
    }
    return Json(body, headers=limit_header(org) | {"Last-Modified": formatdate(made, usegmt=True)})


async def _layouts(org: Org, request: Request) -> Response:
    return Json(all_layouts(named(call_of(org, request), request)), headers=limit_header(org))


async def _layout(org: Org, request: Request) -> Response:
    source = named(call_of(org, request), request)
    wanted = str(request.path_params["record_type"])[:15]
    if all(str(r["recordTypeId"])[:15] != wanted for r in record_types(source)):
        raise not_found()
    return Json(page_layout(source), headers=limit_header(org))


def summary(source: SObject, version: str) -> dict[str, object]:
    """An object as describe global lists it."""
    base = f"/services/data/v{version}/sobjects/{source.name}"
    return {
        "name": source.name,
        "label": source.label,
        "labelPlural": source.plural,
        "keyPrefix": source.prefix,
        "custom": source.custom,
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
    text_like = f.type not in (
        "address",
        "location",
        "boolean",
        "currency",
        "double",
        "int",
        "percent",
        "date",
        "datetime",
    )
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
        "custom": f.custom,
        "calculated": False,
        "filterable": f.filterable,
        "sortable": f.sortable,
        "groupable": f.groupable,
        "aggregatable": f.type not in ("boolean", "textarea"),
        "unique": f.external_id,
        "externalId": f.external_id,
        "idLookup": f.type == "id" or f.external_id,
        "nameField": f.name == "Name",
        "restrictedPicklist": f.restricted,
        "polymorphicForeignKey": len(f.targets) > 1,
        "compoundFieldName": f.within,
        "defaultValue": f.default,
        "inlineHelpText": None,
        "picklistValues": [_value(f, v) for v in f.active_values],
        "referenceTo": list(f.targets),
        "relationshipName": f.relationship,
    }


def _value(f: Field, value: str) -> dict[str, object]:
    return {
        "active": True,
        "defaultValue": value == f.default,
        "label": f.label_of(value),
        "validFor": None,
        "value": value,
    }


async def _sobjects(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    body = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [summary(o, call.version) for o in call.schema]}
    return Json(body, headers=limit_header(org))


async def _sobject(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    version, source = call.version, named(call, request)
    columns = "Id, Name" if source.field("Name") else "Id"
    newest = f'SELECT {columns} FROM "{source.name}" WHERE IsDeleted = 0 ORDER BY LastModifiedDate DESC LIMIT 5'
    rows = org.db.execute(newest).fetchall()
    recent = [{"attributes": attributes(source, version, str(r["Id"])), **{k: r[k] for k in r.keys()}} for r in rows]
    return Json({"objectDescribe": summary(source, version), "recentItems": recent}, headers=limit_header(org))


async def _compact_layouts(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return Json(compact_layouts(named(call, request), call.version), headers=limit_header(org))


async def _compact_layout(org: Org, request: Request) -> Response:
    return Json(compact_layout(named(call_of(org, request), request)), headers=limit_header(org))


async def _all_compact_layouts(org: Org, request: Request) -> Response:
    """The primary compact layouts of the objects in `?q=Account,Contact`."""
    call = call_of(org, request)
    names = [n.strip() for n in request.query_params.get("q", "").split(",") if n.strip()]
    if not 1 <= len(names) <= 100:
        raise ApiError(400, "INVALID_REQUEST", "q names between 1 and 100 objects")
    objects = [call.schema.sobject(n) for n in names]
    if None in objects:
        raise not_found()
    return Json({o.name: compact_layout(o) for o in objects if o is not None}, headers=limit_header(org))
