"""Objects and picklists in the User Interface API.

Source: User Interface API Developer Guide, "Get Object Metadata", "Get Values for a Picklist Field".
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data.record_types import MASTER_RECORD_TYPE, type_of
from localorg.errors import not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of, named
from localorg.rest.dependencies import controllers, controlling_values, dependent_fields
from localorg.rest.layouts import record_types
from localorg.rest.ui_api.answer import answer, tagged
from localorg.schema.sobjects import Choice, Field, RecordType, SObject
from localorg.web import Json, limit_header, route

_TYPES = {
    "string": "String", "id": "String", "textarea": "TextArea", "picklist": "Picklist",
    "multipicklist": "MultiPicklist", "reference": "Reference",
    "email": "Email", "phone": "Phone", "url": "Url", "boolean": "Boolean", "currency": "Currency", "double": "Double",
    "int": "Int",
    "percent": "Percent", "date": "Date", "datetime": "DateTime", "address": "Address", "location": "Location",
}  # fmt: skip


def routes(org: Org) -> list[BaseRoute]:
    """The routes of object info and picklist values."""
    ui = "/services/data/v{version}/ui-api"
    return [
        route(org, ui + "/object-info", "rest.ui", _directory, ["GET"]),
        route(org, ui + "/object-info/batch/{names}", "rest.ui", _infos, ["GET"]),
        route(org, ui + "/object-info/{sobject}", "rest.ui", _info, ["GET"]),
        route(org, ui + "/object-info/{sobject}/picklist-values/{record_type}", "rest.ui", _picklists, ["GET"]),
        route(org, ui + "/object-info/{sobject}/picklist-values/{record_type}/{field}", "rest.ui", _picklist, ["GET"]),
    ]


async def _directory(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    base = f"/services/data/v{call.version}/ui-api/object-info/"
    objects = {
        o.name: {"apiName": o.name, "keyPrefix": o.prefix, "label": o.label, "labelPlural": o.plural,
                 "nameFields": [o.name_field],
                 "objectInfoUrl": base + o.name}
        for o in call.schema
    }  # fmt: skip
    return answer(org, {"objects": objects})


async def _info(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return answer(org, _object_info(call, named(call, request)))


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
    types = record_types(source, call.version)
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
        "deletable": source.deletable, "dependentFields": dependent_fields(source), "feedEnabled": False,
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
        "compoundFieldName": f.within, "controllerName": f.controller or None,
        "controllingFields": controllers(source, f),
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
        "sortable": f.sortable, "unique": f.external_id, "updateable": source.updateable and f.writable,
    }  # fmt: skip


# Picklists


async def _picklists(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, record_type = _of_type(named(call, request), request)
    values = {f.name: _values(call, source, f, record_type, request) for f in source.fields if f.picklist}
    return answer(org, {"picklistFieldValues": {name: tagged(one) for name, one in values.items()}})


async def _picklist(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    source, record_type = _of_type(named(call, request), request)
    f = source.field(str(request.path_params["field"]))
    if f is None or not f.picklist:
        raise not_found()
    return answer(org, _values(call, source, f, record_type, request))


def _of_type(source: SObject, request: Request) -> tuple[SObject, RecordType | None]:
    """The object with the record type that the address names; None for the master. Raises ApiError 404."""
    wanted = str(request.path_params["record_type"])
    record_type = type_of(source, wanted)
    if record_type is None and wanted[:15] != MASTER_RECORD_TYPE[:15]:
        raise not_found()
    return source, record_type


def _values(
    call: Call, source: SObject, f: Field, record_type: RecordType | None, request: Request
) -> dict[str, object]:
    controller = source.field(f.controller) if f.controller else None
    indexes = dict(controlling_values(source, f))
    if record_type is not None and controller is not None and controller.picklist:
        indexes = {value: indexes[value] for value in record_type.values_of(controller)}

    def entry(choice: Choice) -> dict[str, object]:
        valid_for = sorted(indexes[v] for v in choice.valid_with if v in indexes)
        return {"attributes": None, "label": choice.label, "validFor": valid_for, "value": choice.value}

    values = f"picklist-values/{request.path_params['record_type']}"
    base = f"/services/data/v{call.version}/ui-api/object-info/{source.name}/{values}"
    values_of_type = f.active_values if record_type is None else record_type.values_of(f)
    chosen = [one for one in f.choices if one.value in values_of_type]
    own = None if record_type is None else record_type.defaults.get(f.name)
    default = next((entry(one) for v in (own, f.default) for one in chosen if one.value == v), None)
    return {
        "controllerValues": indexes,
        "defaultValue": default,
        "url": f"{base}/{f.name}",
        "values": [entry(one) for one in chosen],
    }
