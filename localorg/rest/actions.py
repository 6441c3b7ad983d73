"""Quick actions: the "New …" actions that create a record, and "Log a Call", which every org has.

Source: REST API Developer Guide, Quick Actions, sObject Quick Actions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Action:
    """A quick action that creates a record of `target`, with these values where it is not told others."""

    name: str
    label: str
    kind: str
    target: SObject
    values: Mapping[str, object]


def _actions(call: Call) -> list[_Action]:
    """The actions of the user: one for each object that the user can create records of, and the log of a call."""
    targets = [o for o in call.schema if o.createable and o.field("OwnerId") is not None and o.name != "ContentVersion"]
    new = [_Action(f"New{o.name}", f"New {o.label}", "Create", o, {}) for o in targets]
    logged = {"Subject": "Call", "Status": "Completed"}
    return new + [_Action("LogACall", "Log a Call", "LogACall", o, logged) for o in targets if o.name == "Task"]


def _context(call: Call, request: Request) -> SObject | None:
    return named(call, request) if "sobject" in request.path_params else None


def _chosen(call: Call, request: Request) -> _Action:
    _context(call, request)
    wanted = str(request.path_params["action"]).lower()
    action = next((a for a in _actions(call) if a.name.lower() == wanted), None)
    if action is None:
        raise not_found()
    return action


def _summary(action: _Action, call: Call, context: SObject | None) -> dict[str, object]:
    base = f"/services/data/v{call.version}" + ("" if context is None else f"/sobjects/{context.name}")
    url = f"{base}/quickActions/{action.name}"
    urls = {"defaultValues": f"{url}/defaultValues", "quickAction": url, "describe": f"{url}/describe"}
    if context is not None:
        urls["defaultValuesTemplate"] = f"{url}/defaultValues/{{ID}}"
    return {
        "actionEnumOrId": action.kind
        if action.kind == "LogACall"
        else make_id("09D", int.from_bytes(action.target.prefix.encode())),
        "label": action.label, "name": action.name, "type": action.kind, "urls": urls,
    }  # fmt: skip


async def _all(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    context = _context(call, request)
    return Json([_summary(a, call, context) for a in _actions(call)], headers=limit_header(org))


async def _basic(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    return Json(_summary(_chosen(call, request), call, _context(call, request)), headers=limit_header(org))


async def _describe(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    action, context = _chosen(call, request), _context(call, request)
    target = action.target
    sections = cast(list[dict[str, list[object]]], page_layout(target)["editLayoutSections"])
    rows = [row for section in sections for row in section["layoutRows"]]
    more: dict[str, object] = {
        "accessLevelRequired": None, "canvasApplicationId": None, "colors": [],
        "contextSobjectType": None if context is None else context.name,
        "defaultValues": _values(action), "height": None, "iconName": None, "icons": [], "iconUrl": None,
        "layout": {"layoutRows": rows, "name": action.name}, "lightningComponentBundleId": None, "miniIconUrl": None,
        "targetParentField": None,
        "targetRecordTypeId": None, "targetSobjectType": target.name, "visualforcePageName": None, "width": None,
    }  # fmt: skip
    return Json(_summary(action, call, context) | more, headers=limit_header(org))


async def _defaults(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    action, values = _chosen(call, request), _values(_chosen(call, request))
    if "context" in request.path_params:
        values |= _about(org, call, action, str(request.path_params["context"]))
    return Json({"attributes": {"type": action.target.name}} | values, headers=limit_header(org))


def _values(action: _Action) -> dict[str, object]:
    """The fields of the action's layout with their defaults, null where there is none."""
    return {f.name: f.default for f in action.target.fields if f.writable} | {**action.values}


def _about(org: Org, call: Call, action: _Action, identifier: str) -> dict[str, object]:
    """The reference from the new record to the one that the action is carried out on. Raises ApiError 404."""
    context = call.schema.of_id(identifier)
    if context is None:
        raise not_found()
    record = records.read(org, context, identifier)
    reference = next((f for f in action.target.fields if context.name in f.targets and f.writable), None)
    return {} if reference is None or reference.name == "OwnerId" else {reference.name: record["Id"]}


async def _do(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    action = _chosen(call, request)
    body = await json_object(request)
    given = body.get("record")
    if not isinstance(given, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "record is needed: the fields of what is to be created")
    context = body.get("contextId")
    about = {} if context is None else _about(org, call, action, str(context))
    values = {**action.values, **about, **cast(dict[str, object], given)}
    made = records.create(org, action.target, values, call.session.user_id)
    result: dict[str, object] = {
        "contextId": context,
        "created": True,
        "errors": [],
        "feedItemIds": [],  # nothing is posted without Chatter
        "id": made,
        "success": True,
    }
    return Json(result, 201, headers=limit_header(org))
