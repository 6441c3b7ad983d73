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
from localorg.rest.dependencies import bitmap
from localorg.rest.layouts import all_layouts, compact_layout, compact_layouts, record_types, type_layout
from localorg.schema.sobjects import ChildRelationship, Choice, Field, Schema, SObject
from localorg.schema.standard import SYSTEM
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
    body = description(source, version, call.schema)
    return Json(body, headers=limit_header(org) | {"Last-Modified": formatdate(made, usegmt=True)})


async def _layouts(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return Json(all_layouts(named(call, request), call.version), headers=limit_header(org))


async def _layout(org: Org, request: Request) -> Response:
    source = named(call_of(org, request), request)
    layout = type_layout(source, str(request.path_params["record_type"]))
    if layout is None:
        raise not_found()
    return Json(layout, headers=limit_header(org))


def summary(source: SObject, version: str) -> dict[str, object]:
    """An object as describe global lists it."""
    base = f"/services/data/v{version}/sobjects/{source.name}"
    records_of_people = source.custom or (source.field("OwnerId") is not None and not source.view)
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": source.createable,
        "custom": source.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": source.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": source.prefix or None,
        "label": source.label,
        "labelPlural": source.plural,
        "layoutable": not source.view,
        "mergeable": source.name in ("Account", "Case", "Contact", "Lead"),
        "mruEnabled": records_of_people,
        "name": source.name,
        "queryable": not source.view,
        "replicateable": not source.view,
        "retrieveable": not source.view,
        "searchable": not source.view,
        "triggerable": records_of_people,
        "undeletable": source.deletable,
        "updateable": source.updateable,
        "urls": {
            "sobject": base,
            "compactLayouts": f"{base}/describe/compactLayouts",
            "describe": f"{base}/describe",
            "layouts": f"{base}/describe/layouts",
            "listviews": f"{base}/listviews",
            "quickActions": f"{base}/quickActions",
            "rowTemplate": f"{base}/{{ID}}",
        },
    }


def description(source: SObject, version: str, schema: Schema) -> dict[str, object]:
    """The body of describe, with the keys of v68.0.

    Source: SOAP API Developer Guide, DescribeSObjectResult, and real answers that public repositories keep as fixtures.
    """
    plural = (source.original or source).plural.lower()
    scopes = [{"label": f"All {plural}", "name": "everything"}]
    if source.field("OwnerId") is not None:
        scopes.append({"label": f"My {plural}", "name": "mine"})
    return summary(source, version) | {
        "actionOverrides": [],
        "childRelationships": [_child(c, schema) for c in source.children],
        "compactLayoutable": True,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [_field(source, f) for f in source.fields],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": record_types(source, version),
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": scopes,
    }


def _child(relationship: ChildRelationship, schema: Schema) -> dict[str, object]:
    child = schema.sobject(relationship.child)
    f = None if child is None else child.field(relationship.field)
    return {
        "cascadeDelete": f is not None and f.cascade,
        "childSObject": relationship.child,
        "deprecatedAndHidden": False,
        "field": relationship.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": relationship.name,
        "restrictedDelete": False,
    }


_WITHOUT_LENGTH = ("address", "location", "boolean", "currency", "double", "int", "percent", "date", "datetime")
_SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
    "address": "urn:address", "location": "urn:location",
}  # fmt: skip
_ALWAYS_SET = frozenset({"OwnerId", *(f.name for f in SYSTEM)})
_OF_A_PERSON = ("Salutation", "FirstName", "LastName")


def _field(source: SObject, f: Field) -> dict[str, object]:
    length = 0 if f.type in _WITHOUT_LENGTH else f.length
    is_person = source.field("LastName") is not None
    always = f.name in _ALWAYS_SET or f.type == "boolean"
    masters = [one.name for one in source.fields if one.cascade]
    return {
        "aggregatable": f.aggregatable,
        "aiPredictionField": False,
        "autoNumber": bool(f.number_format) or f.name == "CaseNumber",
        "byteLength": length if f.type in ("id", "reference") else 3 * length,
        "calculated": False,
        "calculatedFormula": None,
        "cascadeDelete": f.cascade,
        "caseSensitive": False,
        "compoundFieldName": "Name" if is_person and f.name in _OF_A_PERSON else f.within,
        "controllerName": f.controller or None,
        "createable": source.createable and f.writable,
        "custom": f.custom or f.name.endswith("__pc"),
        "defaultValue": f.default,
        "defaultValueFormula": None,
        "defaultedOnCreate": always or f.default is not None or bool(f.number_format) or f.name == "CaseNumber",
        "dependentPicklist": bool(f.controller),
        "deprecatedAndHidden": False,
        "digits": f.digits,
        "displayLocationInDecimal": f.type == "location",
        "encrypted": f.encrypted,
        "externalId": f.external_id,
        "extraTypeInfo": _more_of_type(f, is_person=is_person),
        "filterable": f.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": f.groupable,
        "highScaleNumber": False,
        "htmlFormatted": f.rich_text,
        "idLookup": f.is_key,
        "inlineHelpText": None,
        "label": f.label,
        "length": length,
        "mask": None,
        "maskType": None,
        "name": f.name,
        "nameField": f.name == source.name_field and f.type != "id",
        "namePointing": len(f.targets) > 1,
        "nillable": not (f.required or always),
        "permissionable": not (
            f.required or f.system or always or f.within or f.name == source.name_field or f.name in _OF_A_PERSON
        ),
        "picklistValues": [_value(source, f, one) for one in f.choices],
        "polymorphicForeignKey": len(f.targets) > 1,
        "precision": f.precision if f.type in ("currency", "double", "percent") else 0,
        "queryByDistance": f.type in ("address", "location"),
        "referenceTargetField": None,
        "referenceTo": sorted(f.targets),
        "relationshipName": f.relationship,
        "relationshipOrder": masters.index(f.name) if f.cascade else None,
        "restrictedDelete": False,
        "restrictedPicklist": f.restricted or (f.type == "picklist" and f.within is not None),
        "scale": _scale(f),
        "searchPrefilterable": f.type == "picklist",
        "soapType": _SOAP_TYPES.get(f.type, "xsd:string"),
        "sortable": f.sortable,
        "type": f.type,
        "unique": f.unique,
        "updateable": source.updateable and f.writable,
        "writeRequiresMasterRead": False,
    }


def _scale(f: Field) -> int:
    if f.within is not None and f.type == "double":  # a coordinate
        return 15
    return f.scale if f.scale is not None else 2 if f.type in ("currency", "percent") else 0


def _more_of_type(f: Field, *, is_person: bool) -> str | None:
    """What `extraTypeInfo` says beside the type: which kind of text area, or that it is part of a person's name (of an
    account that may be one: "switchable").
    """
    if f.type == "textarea":
        return "richtextarea" if f.rich_text else "plaintextarea"
    if not is_person or f.name not in ("Name", *_OF_A_PERSON):
        return None
    return "switchablepersonname" if f.name == "Name" and not f.calculated else "personname"


def _value(source: SObject, f: Field, choice: Choice) -> dict[str, object]:
    return {
        "active": True,
        "defaultValue": choice.value == f.default,
        "label": choice.label,
        "validFor": bitmap(source, f, choice) if f.controller else None,
        "value": choice.value,
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
