"""Invocable actions (Flows, Apex, standard ones) and Apex REST, played by a file of answers.

Sources: Actions Developer Guide, "Invoking Actions", "Apex Actions", "Flow Actions"; REST API Developer Guide, "Get
Custom Invocable Actions"; the answer of a Flow that fails: sfdx-mass-action-scheduler#15, of one that is not there:
#141; Apex REST: Apex Developer Guide, "Exposing Apex Classes as REST Web Services", restforce#418 for an address that
is not there. Not documented, and so ours: what is said to a user without access, of an input that is missing or of
another type, and the status where some of several inputs fail.
"""

import re
from collections.abc import Mapping
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data.access import profile_of
from localorg.data.played import Scene, Thrown
from localorg.errors import ApiError, not_found
from localorg.oauth.session import require_session
from localorg.org import Org
from localorg.rest.call import Call, call_of
from localorg.schema.played import Input, PlayedAction
from localorg.web import Json, json_object, limit_header, read_body, route

_KINDS = ("flow", "apex")  # of custom actions that this org plays
_FLOW_FAILED = "An error occurred when executing a flow interview."
_MOST = 200  # inputs of a request
_FITS: dict[str, tuple[type, ...]] = {"BOOLEAN": (bool,), "INTEGER": (int,), "DOUBLE": (int, float)}


def routes(org: Org) -> list[BaseRoute]:
    """The routes of invocable actions and of Apex REST."""
    base = "/services/data/v{version}/actions"
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [
        route(org, base, "rest.invocable", _families, ["GET"]),
        route(org, base + "/standard", "rest.invocable", _standard, ["GET"]),
        route(org, base + "/custom", "rest.invocable", _custom, ["GET"]),
        route(org, base + "/custom/{kind}", "rest.invocable", _of_kind, ["GET"]),
        route(org, base + "/standard/{name}", "rest.invocable", _describe, ["GET"]),
        route(org, base + "/standard/{name}", "rest.invoke", _invoke, ["POST"]),
        route(org, base + "/custom/{kind}/{name}", "rest.invocable", _describe, ["GET"]),
        route(org, base + "/custom/{kind}/{name}", "rest.invoke", _invoke, ["POST"]),
        route(org, "/services/apexrest/{address:path}", "rest.apex", _apex_rest, methods),
    ]


async def _families(org: Org, request: Request) -> Response:
    at = f"/services/data/v{call_of(org, request).version}/actions"
    return Json({"standard": f"{at}/standard", "custom": f"{at}/custom"}, headers=limit_header(org))


async def _standard(org: Org, request: Request) -> Response:
    return _listed(org, call_of(org, request), "standard")


async def _custom(org: Org, request: Request) -> Response:
    at = f"/services/data/v{call_of(org, request).version}/actions/custom"
    return Json({kind: f"{at}/{kind}" for kind in _KINDS}, headers=limit_header(org))


async def _of_kind(org: Org, request: Request) -> Response:
    call, kind = call_of(org, request), str(request.path_params["kind"])
    if kind not in _KINDS:
        raise not_found()
    return _listed(org, call, f"custom/{kind}")


def _listed(org: Org, call: Call, kind: str) -> Response:
    rows = [
        {
            "label": action.label,
            "name": action.name,
            "type": _type(action),
            "url": f"/services/data/v{call.version}/actions/{kind}/{action.name}",
        }
        for action in org.played.invocable
        if action.kind == kind and _may(org, call.session.user_id, action)
    ]
    return Json({"actions": rows}, headers=limit_header(org))


def _type(action: PlayedAction) -> str:
    return action.name.upper() if action.kind == "standard" else action.kind.removeprefix("custom/").upper()


def _may(org: Org, user_id: str, action: PlayedAction) -> bool:
    return not action.profiles or profile_of(org, user_id) in action.profiles


def _chosen(org: Org, call: Call, request: Request) -> PlayedAction:
    """The action that the path names. Raises ApiError: 404, or 403 for who may not run it."""
    given = request.path_params
    kind = f"custom/{given['kind']}" if "kind" in given else "standard"
    name = str(given["name"]).lower()
    action = next((a for a in org.played.invocable if a.kind == kind and a.name.lower() == name), None)
    if action is None:
        raise not_found()
    _check_access(org, call.session.user_id, action)
    return action


def _check_access(org: Org, user_id: str, action: PlayedAction) -> None:
    if not _may(org, user_id, action):
        of = f"Apex class named: {action.name}" if "flow" not in action.kind else f"flow named: {action.name}"
        raise ApiError(403, "FORBIDDEN", f"You do not have access to the {of}")


async def _describe(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    action = _chosen(org, call, request)
    body = {
        "description": action.description or None,
        "inputs": [_parameter(i.name, i.type, i.label, required=i.required) for i in action.inputs],
        "label": action.label,
        "name": action.name,
        "outputs": [_parameter(name, kind, name) for name, kind in action.outputs.items()],
        "standard": action.kind == "standard",
        "targetEntityName": None,
        "type": _type(action),
    }
    return Json(body, headers=limit_header(org))


def _parameter(name: str, kind: str, label: str, *, required: bool | None = None) -> dict[str, object]:
    row: dict[str, object] = {
        "byteLength": 0, "description": None, "label": label, "maxOccurs": 1, "name": name, "picklistValues": None,
        "sobjectType": None, "type": kind,
    }  # fmt: skip
    return row if required is None else row | {"required": required}


async def _invoke(org: Org, request: Request) -> Response:
    """Runs an action once for each of its inputs: 200 with a list of results, 400 when one of them failed."""
    call = call_of(org, request)
    action = _chosen(org, call, request)
    inputs = (await json_object(request)).get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in cast(list[object], inputs)):
        raise ApiError(400, "JSON_PARSER_ERROR", "inputs is needed: a list of objects")
    several = cast(list[dict[str, object]], inputs)
    if len(several) > _MOST:
        raise ApiError(400, "LIMIT_EXCEEDED", f"at most {_MOST} inputs")
    results = [_result(org, call.session.user_id, action, one) for one in several]
    failed = any(result["isSuccess"] is False for result in results)
    return Json(results, 400 if failed else 200, headers=limit_header(org))


def _result(org: Org, user_id: str, action: PlayedAction, given: Mapping[str, object]) -> dict[str, object]:
    error = _wrong(action.inputs, given)
    values: object = None
    if error is None:
        try:
            played = Scene(org, user_id, given).answer(action)
        except Thrown as thrown:
            said = _FLOW_FAILED if action.kind == "custom/flow" else f"An Apex error occurred: {thrown}"
            error = ("UNKNOWN_EXCEPTION", said)
        else:
            if played is None:
                error = ("UNKNOWN_EXCEPTION", _FLOW_FAILED)
            elif played[0].refuses:
                error = (played[0].code or "UNKNOWN_EXCEPTION", str(played[1]))
            else:
                status = {"Flow__InterviewStatus": "Finished"} if action.kind == "custom/flow" else {}
                values = {**cast(dict[str, object], played[1] or {}), **status} or None
    no_fields: list[str] = []
    errors = None if error is None else [{"statusCode": error[0], "message": error[1], "fields": no_fields}]
    return {
        "actionName": action.name, "errors": errors, "invocationId": None, "isSuccess": error is None,
        "outcome": None, "outputValues": values, "sortOrder": -1, "version": 1,
    }  # fmt: skip


def _wrong(inputs: tuple[Input, ...], given: Mapping[str, object]) -> tuple[str, str] | None:
    """Code and message of what is wrong with the inputs; None when nothing is."""
    known = {i.name: i for i in inputs}
    for name in given:
        if name not in known:
            return "INVALID_API_INPUT", f"The input parameter {name} is not known"
    for one in inputs:
        value = given.get(one.name)
        if value is None or value == "":
            if one.required:
                return "REQUIRED_FIELD_MISSING", f"Missing required input parameter: {one.name}"
        elif not isinstance(value, _FITS.get(one.type, (str,))) or (one.type != "BOOLEAN" and isinstance(value, bool)):
            return "INVALID_TYPE", f"The input parameter {one.name} is of type {one.type}"
    return None


# Apex REST


async def _apex_rest(org: Org, request: Request) -> Response:
    session = require_session(org, request)
    address = "/" + str(request.path_params["address"]).strip("/")
    fitting = [(a, rest) for a in org.played.apex_rest if (rest := _rest(a.name, address)) is not None]
    if not fitting:
        raise not_found("Could not find a match for URL")
    action, rest = next(((a, r) for a, r in fitting if a.kind == request.method), (None, ""))
    if action is None:
        allowed = ",".join(sorted(a.kind for a, _ in fitting))
        said = f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}"
        raise ApiError(405, "METHOD_NOT_ALLOWED", said)
    _check_access(org, session.user_id, action)
    body = await _body(request)
    # The names in the body are the method's parameters, where it has some (salesforce.stackexchange.com/q/111321).
    unknown = [name for name in body if action.inputs and name not in {i.name for i in action.inputs}]
    if unknown:
        said = f"Unexpected parameter encountered during deserialization: {unknown[0]}"
        raise ApiError(400, "JSON_PARSER_ERROR", said)
    given = dict(request.query_params) | body
    try:
        played = Scene(org, session.user_id, {"rest": rest, **given}).answer(action)
    except Thrown as thrown:
        raise ApiError(500, "APEX_ERROR", f"{thrown}\n\nClass.{action.label}: line 1, column 1") from None
    if played is None:
        raise ApiError(500, "APEX_ERROR", "System.NullPointerException: Attempt to de-reference a null object")
    answer, values = played
    if answer.refuses:
        code = {"errorCode": answer.code} if answer.code else {}
        return Json([{"message": values, **code}], answer.status, headers=limit_header(org))
    if values is None:
        return Response(status_code=answer.status, headers=limit_header(org))
    return Json(values, answer.status, headers=limit_header(org))


def _rest(mapping: str, address: str) -> str | None:
    """What the * of a urlMapping stands for in an address, "" without one; None when it does not fit."""
    if not mapping.endswith("/*"):
        return "" if address == mapping else None
    begin = mapping[:-2]
    return address[len(begin) :].strip("/") if re.match(re.escape(begin) + r"(/|$)", address) else None


async def _body(request: Request) -> dict[str, object]:
    """The named values of a body; none of an empty one, or of one that is no JSON object. Raises ApiError 400."""
    body = await read_body(request)
    if not body:
        return {}
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ApiError(400, "JSON_PARSER_ERROR", f"Unexpected character or end of input: {str(wrong)[:120]}") from None
    return cast(dict[str, object], value) if isinstance(value, dict) else {}
