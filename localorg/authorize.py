"""OAuth over HTTP: the authorize, login and consent pages in the browser; token, revoke, userinfo and identity for apps."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from localorg import oidc, pages
from localorg.errors import OAuthError
from localorg.oauth import (
    App,
    Tokens,
    approve,
    browser_user,
    check_password,
    exchange_code,
    find_app,
    find_session,
    introspect,
    is_approved,
    issue_code,
    refresh,
    revoke,
    start_browser_session,
    token_key,
)
from localorg.records import read
from localorg.schema import SCHEMA
from localorg.state import Org, from_datetime
from localorg.web import NO_STORE, Json, base_url, bearer, counted, form, route

_COOKIE = "localorg_sid"
_BROWSER = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'", "Cache-Control": "no-store"}


def routes(org: Org) -> list[BaseRoute]:
    return [
        route(org, "/services/oauth2/authorize", "authorize", _authorize, ["GET", "POST"]),
        route(org, "/login", "login", _login, ["POST"]),
        route(org, "/consent", "consent", _consent, ["POST"]),
        route(org, "/services/oauth2/token", "token", _token, ["POST"]),
        route(org, "/services/oauth2/introspect", "introspect", _introspect, ["POST"]),
        route(org, "/.well-known/openid-configuration", "discovery", _discovery, ["GET"]),
        route(org, "/id/keys", "discovery", _keys, ["GET"]),
        route(org, "/services/oauth2/revoke", "revoke", _revoke, ["GET", "POST"]),
        route(org, "/services/oauth2/userinfo", "userinfo", _userinfo, ["GET", "POST"]),
        route(org, "/id/{org_id}/{user_id}", "identity", _identity, ["GET", "POST"]),
    ]


class _Request:
    """A checked authorize request. Raises OAuthError when it must not be answered with a redirect."""

    def __init__(self, org: Org, fields: dict[str, str]) -> None:
        app = find_app(org, fields.get("client_id", ""))
        if app is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        self.app: App = app
        self.redirect_uri = fields.get("redirect_uri", "")
        if self.redirect_uri not in app.callbacks:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        self.state = fields.get("state")
        self.challenge = fields.get("code_challenge") or None
        self.prompt = set(fields.get("prompt", "").split())
        self.login_hint = fields.get("login_hint", "")
        self.nonce = fields.get("nonce") or None
        asked = fields.get("scope", "").split()
        known = set(app.scopes) | {"offline_access", "refresh_token"}
        granted = [s for s in (asked or app.scopes) if s in known]
        self.scope = " ".join(sorted({"refresh_token" if s == "offline_access" else s for s in granted}))
        if app.pkce_required and self.challenge is None:
            raise OAuthError("invalid_request", "missing required code challenge")
        self.wrong: tuple[str, str] | None = None
        if fields.get("response_type") != "code":
            self.wrong = ("unsupported_response_type", "response type not supported")
        elif asked and len(granted) < len(asked):
            self.wrong = ("invalid_scope", "requested scope is invalid, unknown, or malformed")
        elif self.challenge is not None and fields.get("code_challenge_method", "S256") != "S256":
            # An absent method means S256: jsforce and Salesforce's own command-line client send none.
            self.wrong = ("invalid_request", "code challenge method not supported")

    def redirect(self, **parameters: str) -> Response:
        if self.state is not None:
            parameters["state"] = self.state
        mark = "&" if "?" in self.redirect_uri else "?"
        return RedirectResponse(f"{self.redirect_uri}{mark}{urlencode(parameters)}", 302, headers=_BROWSER)


def _error_page(refused: OAuthError) -> Response:
    return HTMLResponse(pages.oauth_error(refused.error, refused.description), 400, headers=_BROWSER)


async def _authorize(org: Org, request: Request) -> Response:
    fields = await form(request)
    try:
        asked = _Request(org, fields)
    except OAuthError as refused:
        return _error_page(refused)
    if asked.wrong is not None:
        return asked.redirect(error=asked.wrong[0], error_description=asked.wrong[1])
    start = {"startURL": urlencode(fields)}
    user_id = browser_user(org, request.cookies.get(_COOKIE, ""))
    if user_id is None or "login" in asked.prompt:
        return HTMLResponse(pages.login(start, username=asked.login_hint), headers=_BROWSER)
    if not is_approved(org, asked.app, user_id, asked.scope) or "consent" in asked.prompt:
        user = read(org, SCHEMA["User"], user_id)
        fields_back = start | {"confirmation": _confirmation(request)}
        return HTMLResponse(pages.consent(fields_back, asked.app.name, str(user["Username"]), tuple(asked.scope.split())), headers=_BROWSER)
    code = issue_code(org, asked.app, user_id, asked.redirect_uri, asked.scope, asked.challenge, asked.nonce)
    return asked.redirect(code=code)


async def _login(org: Org, request: Request) -> Response:
    fields = await form(request)
    start = fields.get("startURL", "")
    username = fields.get("username", "").strip()
    user_id = check_password(org, username, fields.get("pw", ""))
    if user_id is None:
        return HTMLResponse(pages.login({"startURL": start}, username=username, failed=True), 200, headers=_BROWSER)
    again = {name: value for name, value in parse_qsl(start) if name != "prompt"}
    prompt = " ".join(w for w in dict(parse_qsl(start)).get("prompt", "").split() if w != "login")
    if prompt:
        again["prompt"] = prompt
    response = RedirectResponse(f"/services/oauth2/authorize?{urlencode(again)}", 303, headers=_BROWSER)
    response.set_cookie(_COOKIE, start_browser_session(org, user_id), httponly=True, samesite="lax", path="/")
    return response


async def _consent(org: Org, request: Request) -> Response:
    fields = await form(request)
    user_id = browser_user(org, request.cookies.get(_COOKIE, ""))
    if user_id is None or not hmac.compare_digest(fields.get("confirmation", ""), _confirmation(request)):
        return _error_page(OAuthError("invalid_request", "this page is no longer valid; start again from the app"))
    try:
        asked = _Request(org, dict(parse_qsl(fields.get("startURL", ""))))
    except OAuthError as refused:
        return _error_page(refused)
    if fields.get("answer") != "allow":
        return asked.redirect(error="access_denied", error_description="end-user denied authorization")
    approve(org, asked.app, user_id, asked.scope)
    return asked.redirect(code=issue_code(org, asked.app, user_id, asked.redirect_uri, asked.scope, asked.challenge, asked.nonce))


def _confirmation(request: Request) -> str:
    """Binds the consent form to the browser session, so that another site cannot send it."""
    return hmac.new(request.cookies.get(_COOKIE, "").encode(), b"consent", hashlib.sha256).hexdigest()


async def _token(org: Org, request: Request) -> Response:
    fields = await form(request)
    kind = fields.get("grant_type", "")
    if kind not in ("authorization_code", "refresh_token"):
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    if kind == "authorization_code":
        return await counted(org, f"token.{kind}", lambda: _grant(org, request, kind, fields))
    # Two refreshes with one token at once: the second is told so (Salesforce release notes, Winter '25).
    key = token_key(fields.get("refresh_token", ""))
    if key in org.busy_refresh_tokens:
        org.counters[f"token.{kind}"] += 1
        raise OAuthError("invalid_grant", "token request is already being processed")
    org.busy_refresh_tokens.add(key)
    try:
        return await counted(org, f"token.{kind}", lambda: _grant(org, request, kind, fields))
    finally:
        org.busy_refresh_tokens.discard(key)


async def _grant(org: Org, request: Request, kind: str, fields: dict[str, str]) -> Response:
    app = _authenticate(org, request, kind, fields)
    if kind == "authorization_code":
        if not fields.get("code"):
            raise OAuthError("invalid_request", "missing required parameter: code")
        tokens = exchange_code(org, app, fields["code"], fields.get("redirect_uri", ""), fields.get("code_verifier"))
    else:
        if not fields.get("refresh_token"):
            raise OAuthError("invalid_request", "missing required parameter: refresh_token")
        tokens = refresh(org, app, fields["refresh_token"])
    return Json(_token_body(org, request, app, tokens), headers=NO_STORE)


def _authenticate(org: Org, request: Request, kind: str, fields: dict[str, str]) -> App:
    key, secret = fields.get("client_id", ""), fields.get("client_secret", "")
    scheme, _, basic = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = (unquote(p) for p in base64.b64decode(basic, validate=True).decode().partition(":"))
        except ValueError:
            raise OAuthError("invalid_client", "invalid client credentials") from None
    app = find_app(org, key)
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if (app.secret_required or secret) and not hmac.compare_digest(secret.encode(), app.consumer_secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials")
    return app


def _token_body(org: Org, request: Request, app: App, tokens: Tokens) -> dict[str, object]:
    identity = f"{base_url(request)}/id/{org.org_id}/{tokens.user_id}"
    issued_at = str(int(tokens.issued * 1000))
    signature = hmac.new(app.consumer_secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
    body: dict[str, object] = {"access_token": tokens.access_token}
    instance = org.moved_to or base_url(request)
    if tokens.refresh_token is not None:
        body["refresh_token"] = tokens.refresh_token
    openid = "openid" in tokens.scope.split()
    signed = oidc.id_token(org, base_url(request), tokens.user_id, app.consumer_key, tokens.access_token, tokens.nonce) if openid else None
    return body | {
        "signature": base64.b64encode(signature).decode(),
        "scope": tokens.scope,
        **({"id_token": signed} if signed else {}),
        "instance_url": instance,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued_at,
    }


async def _introspect(org: Org, request: Request) -> Response:
    fields = await form(request)
    app = _authenticate(org, request, "introspect", fields)
    return Json(introspect(org, app, fields.get("token", "")), headers=NO_STORE)


async def _discovery(_org: Org, request: Request) -> Response:
    return Json(oidc.discovery(base_url(request)))


async def _keys(org: Org, _request: Request) -> Response:
    return Json(oidc.keys(org))


async def _revoke(org: Org, request: Request) -> Response:
    token = (await form(request)).get("token", "")
    if not token or not revoke(org, token):
        raise OAuthError("invalid_token", "invalid token")
    return Response(status_code=200)


async def _userinfo(org: Org, request: Request) -> Response:
    token = bearer(request) or (await form(request)).get("access_token")
    return _who(org, request, token, None, None)


async def _identity(org: Org, request: Request) -> Response:
    token = bearer(request) or (await form(request)).get("oauth_token")
    return _who(org, request, token, request.path_params["org_id"], request.path_params["user_id"])


def _who(org: Org, request: Request, token: str | None, org_id: str | None, user_id: str | None) -> Response:
    # These two answer 403 with plain text, not 401 with JSON (forcedotcom/SalesforceMobileSDK-iOS#3398).
    if not token:
        return PlainTextResponse("Missing_OAuth_Token", 403)
    session = find_session(org, token)
    if session is None:
        return PlainTextResponse("Bad_OAuth_Token", 403)
    if org_id is not None and org_id[:15] != org.org_id[:15]:
        return PlainTextResponse("Wrong_Org", 403)
    if user_id is not None and user_id[:15] != session.user_id[:15]:
        return PlainTextResponse("Bad_Id", 403)
    user = read(org, SCHEMA["User"], session.user_id)
    base = base_url(request)
    identity = f"{base}/id/{org.org_id}/{session.user_id}"
    versioned = "{version}"
    common: dict[str, object] = {
        "user_id": session.user_id,
        "organization_id": org.org_id,
        "email": user["Email"],
        "email_verified": True,
        "photos": {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"},
        "urls": {
            "rest": f"{base}/services/data/v{versioned}/",
            "sobjects": f"{base}/services/data/v{versioned}/sobjects/",
            "query": f"{base}/services/data/v{versioned}/query/",
            "search": f"{base}/services/data/v{versioned}/search/",
            "recent": f"{base}/services/data/v{versioned}/recent/",
            "profile": f"{base}/{session.user_id}",
            "custom_domain": base,
        },
        "active": bool(user["IsActive"]),
        "user_type": "STANDARD",
        "language": user["LanguageLocaleKey"],
        "locale": user["LocaleSidKey"],
        "utcOffset": 3600000,
        "is_app_installed": True,
    }
    if org_id is None:
        updated = from_datetime(str(user["LastModifiedDate"]))
        common |= {
            "sub": identity,
            "preferred_username": user["Username"],
            "nickname": str(user["Username"]).split("@")[0],
            "name": user["Name"],
            "given_name": user["FirstName"],
            "family_name": user["LastName"],
            "zoneinfo": user["TimeZoneSidKey"],
            "picture": f"{base}/profilephoto/005/F",
            "updated_at": int(updated),
        }
    else:
        common |= {
            "id": identity,
            "asserted_user": True,
            "username": user["Username"],
            "nick_name": str(user["Username"]).split("@")[0],
            "display_name": user["Name"],
            "first_name": user["FirstName"],
            "last_name": user["LastName"],
            "timezone": user["TimeZoneSidKey"],
            "addr_city": user["City"],
            "addr_country": user["Country"],
            "mobile_phone": user["MobilePhone"],
            "last_modified_date": user["LastModifiedDate"],
        }
    return Json(common, headers=NO_STORE)
