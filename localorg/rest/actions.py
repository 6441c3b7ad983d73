"""Quick actions: the "New …" actions that create a record, which every org has.

Source: REST API Developer Guide, Quick Actions.
"""

from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data import records
from localorg.errors import ApiError, not_found
from localorg.org import Org
from localorg.rest.call import Call, call_of, named
from localorg.rest.layouts import page_layout
from localorg.schema.ids import make_id
from localorg.schema.sobjects import SObject
from localorg.web import Json, json_object, limit_header, route


def routes(org: Org) -> list[BaseRoute]:
    """The routes of quick actions, of the org and of an object."""
    v = "/services/data/v{version}"
    all_routes: list[BaseRoute] = []
    for base in (v + "/quickActions", v + "/sobjects/{sobject}/quickActions"):
        all_routes += [
            route(org, base, "rest.actions", _all, ["GET"]),
            route(org, base + "/", "rest.actions", _all, ["GET"]),
            route(org, base + "/{action}", "rest.actions", _basic, ["GET"]),
            route(org, base + "/{action}", "rest.actions", _do, ["POST"]),
            route(org, base + "/{action}/describe", "rest.actions", _describe, ["GET"]),
            route(org, base + "/{action}/defaultValues", "rest.actions", _defaults, ["GET"]),
            route(org, base + "/{action}/defaultValues/{context}", "rest.actions", _defaults, ["GET"]),
        ]
    return all_routes


def _targets(call: Call) -> list[SObject]:
    """The objects that the user can create records of."""
    return [o for o in call.schema if o.createable and o.field("OwnerId") is not None and o.name != "ContentVersion"]


def _name(target: SObject) -> str:
    return f"New{target.name}"


def _context(call: Call, request: Request) -> SObject | None:
    return named(call, request) if "sobject" in request.path_params else None


def _chosen(call: Call, request: Request) -> SObject:
    _context(call, request)
    wanted = str(request.path_params["action"]).lower()
    target = next((o for o in _targets(call) if _name(o).lower() == wanted), None)
    if target is None:
        raise not_found()
    return target


def _summary(target: SObject, call: Call, context: SObject | None) -> dict[str, object]:
    base = f"/services/data/v{call.version}" + ("" if context is None else f"/sobjects/{context.name}")
    url = f"{base}/quickActions/{_name(target)}"
    urls = {"defaultValues": f"{url}/defaultValues", "quickAction": url, "describe": f"{url}/describe"}
    if context is not None:
        urls["defaultValuesTemplate"] = f"{url}/defaultValues/{{ID}}"
    return {
        "actionEnumOrId": make_id("09D", int.from_bytes(target.prefix.encode())), "label": f"New {target.label}",
        "name": _name(target),
        "type": "Create", "urls": urls,
    }  # fmt: skip


async def _all(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    context = _context(call, request)
    return Json([_summary(o, call, context) for o in _targets(call)], headers=limit_header(org))


async def _basic(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return Json(_summary(_chosen(call, request), call, _context(call, request)), headers=limit_header(org))


async def _describe(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    target, context = _chosen(call, request), _context(call, request)
    sections = cast(list[dict[str, list[object]]], page_layout(target)["editLayoutSections"])
    rows = [row for section in sections for row in section["layoutRows"]]
    more: dict[str, object] = {
        "accessLevelRequired": None, "canvasApplicationId": None, "colors": [],
        "contextSobjectType": None if context is None else context.name,
        "defaultValues": _values(target), "height": None, "iconName": None, "icons": [], "iconUrl": None,
        "layout": {"layoutRows": rows, "name": _name(target)}, "lightningComponentBundleId": None, "miniIconUrl": None,
        "targetParentField": None,
        "targetRecordTypeId": None, "targetSobjectType": target.name, "visualforcePageName": None, "width": None,
    }  # fmt: skip
    return Json(_summary(target, call, context) | more, headers=limit_header(org))


async def _defaults(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    target, context = _chosen(call, request), _context(call, request)
    values = _values(target)
    identifier = request.path_params.get("context")
    if identifier is not None and context is not None:
        record = records.read(org, context, str(identifier))
        reference = next((f for f in target.fields if f.refers_to == context.name and f.writable), None)
        if reference is not None:
            values[reference.name] = record["Id"]
    return Json({"attributes": {"type": target.name}} | values, headers=limit_header(org))


def _values(target: SObject) -> dict[str, object]:
    return {f.name: f.default for f in target.fields if f.default is not None and f.writable}


async def _do(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    target = _chosen(call, request)
    body = await json_object(request)
    given = body.get("record")
    if not isinstance(given, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "record is needed: the fields of what is to be created")
    made = records.create(org, target, cast(dict[str, object], given), call.session.user_id)
    result: dict[str, object] = {
        "contextId": body.get("contextId"),
        "created": True,
        "errors": [],
        "feedItemIds": None,
        "id": made,
        "success": True,
    }
    return Json(result, 201, headers=limit_header(org))
