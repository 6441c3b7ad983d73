"""The control API under `/localorg/control/`: expire, revoke, faults, clock, counters. For tests and learners."""

from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from localorg.errors import ApiError
from localorg.faults import Fault
from localorg.oauth import expire_sessions, revoke_user
from localorg.state import Org
from localorg.web import Endpoint, Json, json_object

_FAULT_TYPES = {"kind": str, "times": int, "status": int, "delayMs": int, "cut": str}


def routes(org: Org) -> list[BaseRoute]:
    base = "/localorg/control"
    return [
        _route(org, f"{base}/expire", _expire, ["POST"]),
        _route(org, f"{base}/revoke", _revoke, ["POST"]),
        _route(org, f"{base}/faults", _faults, ["POST"]),
        _route(org, f"{base}/faults/clear", _clear_faults, ["POST"]),
        _route(org, f"{base}/clock", _clock, ["POST"]),
        _route(org, f"{base}/counters", _counters, ["GET"]),
        _route(org, f"{base}/counters/reset", _reset_counters, ["POST"]),
    ]


def _route(org: Org, path: str, endpoint: Endpoint, methods: list[str]) -> Route:
    """Not counted and never faulty: what controls faults must work."""

    async def serve(request: Request) -> Response:
        try:
            return await endpoint(org, request)
        except ApiError as refused:
            return Json(refused.body(), refused.status)

    return Route(path, serve, methods=methods)


def _wrong(message: str) -> ApiError:
    return ApiError(400, "INVALID_ARGUMENT", message)


async def _user(org: Org, request: Request) -> str:
    username = (await json_object(request)).get("username")
    row = org.db.execute("SELECT Id FROM User WHERE Username = ?", (username,)).fetchone() if isinstance(username, str) else None
    if row is None:
        raise _wrong('send {"username": …} of a user of this org, for example sales@localorg.test')
    return str(row["Id"])


async def _expire(org: Org, request: Request) -> Response:
    return Json({"expired": expire_sessions(org, await _user(org, request))})


async def _revoke(org: Org, request: Request) -> Response:
    return Json({"revoked": revoke_user(org, await _user(org, request))})


async def _faults(org: Org, request: Request) -> Response:
    asked = await json_object(request)
    for name, value in asked.items():
        if name not in _FAULT_TYPES or isinstance(value, bool) or not isinstance(value, _FAULT_TYPES[name]):
            raise _wrong(f"unknown or mistyped field {name!r}; a fault takes " + ", ".join(f"{n}: {t.__name__}" for n, t in _FAULT_TYPES.items()))
    if "kind" not in asked or asked.get("cut") not in (None, "before", "after"):
        raise _wrong("a fault needs a kind (a counter's name or a pattern such as rest.*); cut is before or after")
    org.faults.add(
        Fault(
            kind=cast(str, asked["kind"]),
            times=cast(int, asked.get("times", 1)),
            status=cast("int | None", asked.get("status")),
            delay_ms=cast(int, asked.get("delayMs", 0)),
            cut=cast("str | None", asked.get("cut")),
        )
    )
    return Json({"pending": len(org.faults.pending)})


async def _clear_faults(org: Org, _request: Request) -> Response:
    org.faults.clear()
    return Json({"pending": 0})


async def _clock(org: Org, request: Request) -> Response:
    seconds = (await json_object(request)).get("advanceSeconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 10 * 366 * 86400:
        raise _wrong('send {"advanceSeconds": n} with n from 0 to ten years')
    org.clock.advance(seconds)
    return Json({"now": org.clock.stamp()})


async def _counters(org: Org, _request: Request) -> Response:
    return Json(dict(sorted(org.counters.items())))


async def _reset_counters(org: Org, _request: Request) -> Response:
    org.counters.clear()
    return Json({})
