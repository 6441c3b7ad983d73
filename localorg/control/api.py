"""The control API under `/localorg/control/`, for tests and learners. docs/localorg.md lists its requests."""

import re
from collections.abc import Mapping
from typing import cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from localorg.control import pages, proofs
from localorg.control.local import local_route, wrong
from localorg.data import snapshots
from localorg.data.seed import SCOPES, demo_users
from localorg.faults import Fault
from localorg.limits import Limits
from localorg.oauth.apps import POLICIES, find_app
from localorg.oauth.assertions import is_certificate
from localorg.oauth.dpop import is_thumbprint
from localorg.oauth.grants import begin_grant, expire_sessions, revoke_user, rotate_out
from localorg.org import Org
from localorg.schema.ids import is_id, to_18
from localorg.settings import CONSUMER_KEY, POSTURES
from localorg.web import NO_STORE, Json, base_url, json_object

_LIMIT_NAMES = {
    "concurrent": "concurrent",
    "longSeconds": "long_seconds",
    "urlBytes": "url_bytes",
    "firstVersion": "first_version",
}
_FAULT_TYPES = {"kind": str, "times": int, "status": int, "delayMs": int, "hold": bool, "cut": str, "body": str,
                "nonce": str}  # fmt: skip


def routes(org: Org) -> list[BaseRoute]:
    """The routes of the control API and of its two pages."""
    base = "/localorg/control"
    return [
        local_route(org, "/localorg", _page, ["GET"]),
        local_route(org, "/localorg/app", _app_page, ["GET"]),
        local_route(org, f"{base}/expire", _expire, ["POST"]),
        local_route(org, f"{base}/revoke", _revoke, ["POST"]),
        local_route(org, f"{base}/rotate", _rotate, ["POST"]),
        local_route(org, f"{base}/token", _token, ["POST"]),
        local_route(org, f"{base}/deactivate", _deactivate, ["POST"]),
        local_route(org, f"{base}/profile", _profile, ["POST"]),
        local_route(org, f"{base}/app", _app_as_it_is, ["GET"]),
        local_route(org, f"{base}/app", _app, ["POST"]),
        local_route(org, f"{base}/proofs", proofs.as_they_are, ["GET"]),
        local_route(org, f"{base}/proofs", proofs.change, ["POST"]),
        local_route(org, f"{base}/move", _move, ["POST"]),
        local_route(org, f"{base}/limit", _limit, ["POST"]),
        local_route(org, f"{base}/limits", _limits, ["POST"]),
        local_route(org, f"{base}/lock", _lock, ["POST"]),
        local_route(org, f"{base}/requests", _requests, ["GET"]),
        local_route(org, f"{base}/faults", _faults, ["POST"]),
        local_route(org, f"{base}/faults/clear", _clear_faults, ["POST"]),
        local_route(org, f"{base}/clock", _clock, ["POST"]),
        local_route(org, f"{base}/snapshot/save", _save, ["POST"]),
        local_route(org, f"{base}/snapshot/restore", _restore, ["POST"]),
        local_route(org, f"{base}/reset", _reset, ["POST"]),
        local_route(org, f"{base}/counters", _counters, ["GET"]),
        local_route(org, f"{base}/counters/generations", _generations, ["GET"]),
        local_route(org, f"{base}/counters/reset", _reset_counters, ["POST"]),
    ]


async def _page(org: Org, _request: Request) -> Response:
    return HTMLResponse(pages.controls([name for name, *_ in demo_users(org.settings)]))


async def _app_page(org: Org, _request: Request) -> Response:
    app = find_app(org, CONSUMER_KEY)
    assert app is not None
    return HTMLResponse(pages.external_client_app(app, POLICIES))


async def _user(org: Org, request: Request) -> str:
    return _user_id(org, await json_object(request, any_type=True))


def _user_id(org: Org, body: Mapping[str, object]) -> str:
    username = body.get("username")
    row = (
        org.db.execute("SELECT Id FROM User WHERE Username = ?", (username,)).fetchone()
        if isinstance(username, str)
        else None
    )
    if row is None:
        raise wrong('send {"username": …} of a user of this org, for example sales@localorg.test')
    return str(row["Id"])


async def _expire(org: Org, request: Request) -> Response:
    return Json({"expired": expire_sessions(org, await _user(org, request))})


async def _revoke(org: Org, request: Request) -> Response:
    return Json({"revoked": revoke_user(org, await _user(org, request))})


async def _rotate(org: Org, request: Request) -> Response:
    return Json({"rotated": rotate_out(org, await _user(org, request))})


async def _token(org: Org, request: Request) -> Response:
    """An access and a refresh token of the demo app for a user, without the login pages; with `dpopJkt` bound ones."""
    body, app = await json_object(request, any_type=True), find_app(org, CONSUMER_KEY)
    user_id, jkt = _user_id(org, body), body.get("dpopJkt")
    assert app is not None
    if jkt is not None and not (isinstance(jkt, str) and is_thumbprint(jkt)):
        raise wrong("dpopJkt is the thumbprint of a key (RFC 7638, SHA-256)")
    given = begin_grant(org, app, user_id, "api id refresh_token", jkt=jkt)[1]
    return Json(
        {"access_token": given.access_token, "refresh_token": given.refresh_token, "instance_url": base_url(request)},
        headers=NO_STORE,
    )


async def _deactivate(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    user_id, active = _user_id(org, body), body.get("active", False)
    if not isinstance(active, bool):
        raise wrong("active is true or false")
    with org.write() as db:
        db.execute("UPDATE User SET IsActive = ? WHERE Id = ?", (int(active), user_id))
    if not active:
        expire_sessions(org, user_id)
    return Json({"active": active})


async def _profile(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    user_id, profile = _user_id(org, body), body.get("profile")
    row = (
        org.db.execute("SELECT Id FROM Profile WHERE Name = ?", (profile,)).fetchone()
        if isinstance(profile, str)
        else None
    )
    if row is None:
        names = [str(r["Name"]) for r in org.db.execute("SELECT Name FROM Profile ORDER BY Name").fetchall()]
        raise wrong("profile is one of " + ", ".join(names))
    with org.write() as db:
        db.execute(
            "UPDATE User SET ProfileId = ?, SystemModstamp = ? WHERE Id = ?", (row["Id"], org.clock.stamp(), user_id)
        )
    return Json({"profile": profile})


_APP_TYPES: dict[str, tuple[type, str]] = {
    "callbacks": (list, "callbacks"),
    "scopes": (list, "scopes"),
    "rotation": (bool, "rotation"),
    "pkceRequired": (bool, "pkce_required"),
    "secretRequired": (bool, "secret_required"),
    "refreshPolicy": (str, "refresh_policy"),
    "refreshSeconds": (int, "refresh_seconds"),
    "sessionSeconds": (int, "session_seconds"),
    "clientCredentialsUser": (str, "client_credentials_user"),
    "certificate": (str, "certificate"),
    "preauthorized": (bool, "preauthorized"),
    "deviceFlow": (bool, "device_flow"),
    "secretAccepted": (bool, "secret_accepted"),
    "dpop": (str, "dpop"),
    "jwtTokens": (bool, "jwt_tokens"),
}


async def _app_as_it_is(org: Org, request: Request) -> Response:
    """The settings of an app, without its secret."""
    app = find_app(org, request.query_params.get("consumerKey", CONSUMER_KEY))
    if app is None:
        raise wrong("there is no app with that consumerKey")
    return Json(
        {
            "consumerKey": app.consumer_key,
            "name": app.name,
            **{name: getattr(app, column) for name, (_, column) in _APP_TYPES.items()},
        }
    )


async def _app(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    key = body.pop("consumerKey", CONSUMER_KEY)
    for name, value in body.items():
        kind = _APP_TYPES.get(name, (type(None), ""))[0]
        if not isinstance(value, kind) or (
            kind is int and (isinstance(value, bool) or not 0 <= cast(int, value) <= 10**9)
        ):
            raise wrong(
                "an app takes consumerKey and " + ", ".join(f"{n}: {t.__name__}" for n, (t, _) in _APP_TYPES.items())
            )
        if isinstance(value, list) and not all(
            isinstance(v, str) and v.split() == [v] for v in cast(list[object], value)
        ):
            raise wrong(f"{name} is a list of words without spaces")
    if body.get("refreshPolicy", POLICIES[0]) not in POLICIES:
        raise wrong("refreshPolicy is one of " + ", ".join(POLICIES))
    if body.get("dpop", POSTURES[0]) not in POSTURES:
        raise wrong("dpop is one of " + ", ".join(POSTURES))
    if body.get("clientCredentialsUser"):
        _user_id(org, {"username": body["clientCredentialsUser"]})
    if body.get("certificate") and not is_certificate(cast(str, body["certificate"])):
        raise wrong("certificate is an X.509 certificate of an RSA key, in PEM")
    if not isinstance(key, str) or find_app(org, key) is None:
        raise wrong("there is no app with that consumerKey")
    with org.write() as db:
        for name, value in body.items():
            stored = "\n".join(cast(list[str], value)) if isinstance(value, list) else value
            db.execute(f"UPDATE app SET {_APP_TYPES[name][1]} = ? WHERE consumer_key = ?", (stored, key))
    return Json({"changed": len(body)})


async def _move(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    url, redirects = body.get("instanceUrl"), body.get("redirects", False)
    if url is not None and (
        not isinstance(url, str) or not re.fullmatch(r"http://(127\.0\.0\.1|localhost)(:\d{1,5})?", url)
    ):
        raise wrong('send {"instanceUrl": "http://localhost:PORT"}, another name of this org, or null to move back')
    if not isinstance(redirects, bool):
        raise wrong("redirects is true or false")
    org.moved_to, org.redirects = url, redirects
    return Json({"instanceUrl": url})


async def _limit(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    remaining = body.get("remaining")
    if isinstance(remaining, bool) or not isinstance(remaining, int) or not 0 <= remaining <= 10**9:
        raise wrong('send {"remaining": n}: how many requests are left today, with "username" those of one user')
    if "username" in body:
        org.limits.of_users[_user_id(org, body)] = remaining
    else:
        org.limits.daily, org.limits.used = max(remaining, 15_000), max(0, 15_000 - remaining)
    return Json({"remaining": remaining})


async def _limits(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    for name, value in body.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10**9
        if name not in _LIMIT_NAMES or not (number or (value is None and name in ("concurrent", "urlBytes"))):
            raise wrong(f"limits takes numbers: {', '.join(_LIMIT_NAMES)}; null switches concurrent and urlBytes off")
    for name, value in body.items():
        setattr(org.limits, _LIMIT_NAMES[name], value)
    return Json({name: getattr(org.limits, attribute) for name, attribute in _LIMIT_NAMES.items()})


async def _lock(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    identifier, seconds = body.get("id"), body.get("seconds", 10)
    if (
        not isinstance(identifier, str)
        or not is_id(identifier)
        or isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
    ):
        raise wrong('send {"id": a record\'s id, "seconds": n}: somebody else changes the record for so long')
    org.limits.lock(to_18(identifier), seconds)
    return Json({"locked": to_18(identifier)})


async def _requests(org: Org, _request: Request) -> Response:
    return Json([seen.as_json() for seen in org.recent.seen])


async def _generations(org: Org, _request: Request) -> Response:
    return Json(dict(sorted(org.generations.items())))


async def _faults(org: Org, request: Request) -> Response:
    body = await json_object(request, any_type=True)
    for name, value in body.items():
        if name not in _FAULT_TYPES or type(value) is not _FAULT_TYPES[name]:
            raise wrong(
                f"unknown or mistyped field {name!r}; a fault takes "
                + ", ".join(f"{n}: {t.__name__}" for n, t in _FAULT_TYPES.items())
            )
    if "kind" not in body or body.get("cut") not in (None, "before", "after"):
        raise wrong("a fault needs a kind (a counter's name or a pattern such as rest.*); cut is before or after")
    if body.get("nonce") not in (None, "forgotten", "rotated"):
        raise wrong("nonce is forgotten or rotated")
    org.faults.add(
        Fault(
            kind=cast(str, body["kind"]),
            times=cast(int, body.get("times", 1)),
            status=cast("int | None", body.get("status")),
            delay_ms=cast(int, body.get("delayMs", 0)),
            hold=cast(bool, body.get("hold", False)),
            cut=cast("str | None", body.get("cut")),
            body=cast("str | None", body.get("body")),
            nonce=cast("str | None", body.get("nonce")),
        )
    )
    return Json({"pending": len(org.faults.pending)})


async def _clear_faults(org: Org, _request: Request) -> Response:
    org.faults.clear()
    return Json({"pending": 0})


async def _clock(org: Org, request: Request) -> Response:
    seconds = (await json_object(request, any_type=True)).get("advanceSeconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 10 * 366 * 86400:
        raise wrong('send {"advanceSeconds": n} with n from 0 to ten years')
    org.clock.advance(seconds)
    return Json({"now": org.clock.stamp()})


async def _save(org: Org, request: Request) -> Response:
    name = await _snapshot_name(request)
    snapshots.save(org, name)
    return Json({"saved": name})


async def _restore(org: Org, request: Request) -> Response:
    name = await _snapshot_name(request)
    snapshots.restore(org, name)
    return Json({"restored": name})


async def _snapshot_name(request: Request) -> str:
    return str((await json_object(request, any_type=True)).get("name") or "")


async def _reset(org: Org, _request: Request) -> Response:
    """Puts faults, clock, limits, the demo app, and the demo users' profiles back to how they are after a start.

    Records, grants, and counters stay.
    """
    org.faults.clear()
    org.clock.reset()
    org.moved_to, org.redirects = None, False
    org.proofs.rules = org.settings.proofs
    org.limits = Limits(under_way=org.limits.under_way, begun=org.limits.begun)
    with org.write() as db:
        db.execute(
            "UPDATE app SET callbacks = ?, scopes = ?, rotation = ?, pkce_required = 1, secret_required = 1,"
            " refresh_policy = ?, refresh_seconds = 0, session_seconds = NULL, client_credentials_user = '',"
            " certificate = '', preauthorized = 0, device_flow = 0, secret_accepted = 1, jwt_tokens = 0, dpop = ?"
            " WHERE consumer_key = ?",
            (
                *("\n".join(org.settings.callbacks), SCOPES, org.settings.rotation, POLICIES[0]),
                *(org.settings.dpop, CONSUMER_KEY),
            ),
        )
        db.execute("UPDATE User SET IsActive = 1 WHERE Id IN (SELECT user_id FROM credential)")
        for username, *_, profile in demo_users(org.settings):
            db.execute(
                "UPDATE User SET ProfileId = p.Id, SystemModstamp = ? FROM Profile p WHERE Username = ? AND p.Name = ?"
                " AND ProfileId != p.Id",
                (org.clock.stamp(), username, profile),
            )
    return Json({})


async def _counters(org: Org, _request: Request) -> Response:
    return Json(dict(sorted(org.counters.items())))


async def _reset_counters(org: Org, _request: Request) -> Response:
    org.counters.clear()
    org.generations.clear()
    return Json({})
