"""The device flow: an app without a browser shows a code, its person enters it at `/setup/connect`, the app polls.

Sources: Salesforce Help "OAuth 2.0 Device Flow for IoT Integration" (response_type=device_code and grant_type=device at
the token endpoint; device_code, user_code, verification_uri, interval; codes of 10 minutes); RFC 8628 section 3.5
(authorization_pending, slow_down, which adds five seconds to the interval, access_denied); "device flow is not enabled
for the app": forcedotcom/code-builder-feedback#263. The texts of the other descriptions are this org's own.
"""

import secrets
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data.records import read
from localorg.errors import OAuthError
from localorg.oauth import browser, pages
from localorg.oauth.apps import App, allowed_scope, find_app
from localorg.oauth.grants import TokenResponse, begin_grant, token_key
from localorg.oauth.people import approve
from localorg.org import Org
from localorg.recent import because
from localorg.web import form, route

PATH = "/setup/connect"
_SECONDS = 600
_INTERVAL = 5
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def routes(org: Org) -> list[BaseRoute]:
    """The route of the page at which people enter the code of their device."""
    return [route(org, PATH, "connect", _connect, ["GET", "POST"])]


def begin(org: Org, app: App, requested: str) -> dict[str, object]:
    """A device code and a user code for an app that asks for these scopes. Raises OAuthError.

    `verification_uri` is a path, to be put behind the org's address.
    """
    if not app.device_flow:
        raise OAuthError("invalid_grant", "device flow is not enabled for the app")
    scope = allowed_scope(app, requested)
    if scope is None:
        raise OAuthError("invalid_scope", "requested scope is invalid, unknown, or malformed")
    device_code = secrets.token_urlsafe(40)
    user_code = "".join(secrets.choice(_LETTERS) for _ in range(8))
    with org.write() as db:
        db.execute("DELETE FROM device WHERE expires <= ?", (org.clock.now(),))
        db.execute(
            "INSERT INTO device VALUES (?, ?, ?, ?, ?, NULL, ?, NULL, 0)",
            (token_key(device_code), user_code, app.consumer_key, scope, org.clock.now() + _SECONDS, _INTERVAL),
        )
    return {"user_code": user_code, "device_code": device_code, "interval": _INTERVAL, "verification_uri": PATH}


def poll(org: Org, app: App, device_code: str) -> TokenResponse:
    """The tokens of a device whose person has allowed it. Raises OAuthError until then, and when it never will be."""
    key, now = token_key(device_code), org.clock.now()
    row = org.db.execute(
        "SELECT * FROM device WHERE code_hash = ? AND consumer_key = ?", (key, app.consumer_key)
    ).fetchone()
    if row is None:
        raise OAuthError("invalid_grant", "invalid device code")
    if row["expires"] <= now:
        raise OAuthError("invalid_grant", "expired device code")
    if row["denied"]:
        raise OAuthError("access_denied", "end-user denied authorization")
    if row["user_id"] is not None:
        with org.write() as db:
            db.execute("DELETE FROM device WHERE code_hash = ?", (key,))
            return begin_grant(org, app, str(row["user_id"]), str(row["scope"]))[1]
    early = row["polled"] is not None and now - row["polled"] < row["interval"]
    with org.write() as db:
        db.execute(
            "UPDATE device SET polled = ?, interval = interval + ? WHERE code_hash = ?",
            (now, _INTERVAL if early else 0, key),
        )
    if early:
        raise OAuthError("slow_down", "polling too often: wait five seconds longer between requests")
    raise OAuthError("authorization_pending", "end-user authorization is pending")


async def _connect(org: Org, request: Request) -> Response:
    fields = await form(request)
    user_code = fields.get("user_code", "").strip().upper()
    user_id = browser.signed_in(org, request)
    if not user_code or (request.method == "GET" and user_id is None):
        return browser.page(pages.device(user_code))
    row = org.db.execute(
        "SELECT * FROM device WHERE user_code = ? AND expires > ? AND user_id IS NULL AND denied = 0",
        (user_code, org.clock.now()),
    ).fetchone()
    app = None if row is None else find_app(org, str(row["consumer_key"]))
    if row is None or app is None:
        because("invalid_grant", "there is no such user code")
        return browser.page(pages.device(user_code, failed=True))
    if user_id is None:
        return browser.page(pages.login({"startURL": f"{PATH}?{urlencode({'user_code': user_code})}"}))
    if "answer" in fields and browser.is_confirmed(request, fields.get("confirmation", "")):
        return _answered(org, app, user_id, user_code, str(row["scope"]), allowed=fields["answer"] == "allow")
    kept = {"user_code": user_code, "confirmation": browser.confirmation(request)}
    username = str(read(org, org.objects["User"], user_id)["Username"])
    return browser.page(pages.consent(kept, PATH, app.name, username, tuple(str(row["scope"]).split())))


def _answered(org: Org, app: App, user_id: str, user_code: str, scope: str, *, allowed: bool) -> Response:
    with org.write() as db:
        if allowed:
            approve(org, app, user_id, scope)
            db.execute("UPDATE device SET user_id = ? WHERE user_code = ?", (user_id, user_code))
        else:
            db.execute("UPDATE device SET denied = 1 WHERE user_code = ?", (user_code,))
    return browser.page(pages.device_answered(app.name, allowed=allowed))
