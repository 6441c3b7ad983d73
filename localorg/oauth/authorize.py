"""The authorize endpoint: login page, consent page, and the redirect to the app with an authorization code.

Source: RFC 6749 section 4.1.1.
"""

import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from localorg.data.records import read
from localorg.errors import OAuthError
from localorg.oauth import pages
from localorg.oauth.grants import (
    App,
    approve,
    browser_user,
    check_password,
    find_app,
    is_approved,
    issue_code,
    start_browser_session,
)
from localorg.org import Org
from localorg.recent import because
from localorg.web import form, route

_COOKIE = "localorg_sid"
_BROWSER = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def routes(org: Org) -> list[BaseRoute]:
    """The routes of the authorize endpoint and its forms."""
    return [
        route(org, "/services/oauth2/authorize", "authorize", _authorize, ["GET", "POST"]),
        route(org, "/login", "login", _login, ["POST"]),
        route(org, "/consent", "consent", _consent, ["POST"]),
    ]


class _Authorization:
    """The checked parameters of an authorize request.

    Creating one raises OAuthError when the answer must be an error page. `wrong` is an error (code, description) that
    is answered with a redirect, None when all is well.
    """

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
        requested = fields.get("scope", "").split()
        allowed = set(app.scopes) | {"offline_access", "refresh_token"}
        granted = [s for s in (requested or app.scopes) if s in allowed]
        self.scope = " ".join(sorted({"refresh_token" if s == "offline_access" else s for s in granted}))
        if app.pkce_required and self.challenge is None:
            raise OAuthError("invalid_request", "missing required code challenge")
        self.wrong: tuple[str, str] | None = None
        if fields.get("response_type") != "code":
            self.wrong = ("unsupported_response_type", "response type not supported")
        elif requested and len(granted) < len(requested):
            self.wrong = ("invalid_scope", "requested scope is invalid, unknown, or malformed")
        elif self.challenge is not None and fields.get("code_challenge_method", "S256") != "S256":
            # An absent method means S256: jsforce and Salesforce's own command-line client send none.
            self.wrong = ("invalid_request", "code challenge method not supported")

    def issue_code(self, org: Org, user_id: str) -> str:
        """A new authorization code for this request and user."""
        return issue_code(org, self.app, user_id, self.redirect_uri, self.scope, self.challenge, self.nonce)

    def redirect(self, **parameters: str) -> Response:
        """The redirect to the app with these parameters and the request's state."""
        if self.state is not None:
            parameters["state"] = self.state
        if "error" in parameters:
            because(parameters["error"], parameters["error_description"])
        mark = "&" if "?" in self.redirect_uri else "?"
        return RedirectResponse(f"{self.redirect_uri}{mark}{urlencode(parameters)}", 302, headers=_BROWSER)


def _error_page(refused: OAuthError) -> Response:
    because(refused.error, refused.description)
    return HTMLResponse(pages.oauth_error(refused.error, refused.description), 400, headers=_BROWSER)


async def _authorize(org: Org, request: Request) -> Response:
    fields = await form(request)
    try:
        authorization = _Authorization(org, fields)
    except OAuthError as refused:
        return _error_page(refused)
    if authorization.wrong is not None:
        return authorization.redirect(error=authorization.wrong[0], error_description=authorization.wrong[1])
    start = {"startURL": urlencode(fields)}
    user_id = browser_user(org, request.cookies.get(_COOKIE, ""))
    if user_id is None or "login" in authorization.prompt:
        page = pages.login(start, below=_below(request), username=authorization.login_hint)
        return HTMLResponse(page, headers=_BROWSER)
    if not is_approved(org, authorization.app, user_id, authorization.scope) or "consent" in authorization.prompt:
        user = read(org, org.objects["User"], user_id)
        fields_back = start | {"confirmation": _confirmation(request)}
        return HTMLResponse(
            pages.consent(
                fields_back,
                _below(request),
                authorization.app.name,
                str(user["Username"]),
                tuple(authorization.scope.split()),
            ),
            headers=_BROWSER,
        )
    return authorization.redirect(code=authorization.issue_code(org, user_id))


def _below(request: Request) -> str:
    """The path of the site at which somebody signs in; "" for the org itself."""
    site = request.scope.get("localorg.site")
    return "" if site is None else f"/{site}"


async def _login(org: Org, request: Request) -> Response:
    fields = await form(request)
    start = fields.get("startURL", "")
    username = fields.get("username", "").strip()
    user_id = check_password(org, username, fields.get("pw", ""))
    if user_id is None:
        because("login_failed", "wrong username or password, or an inactive user")
        page = pages.login({"startURL": start}, below=_below(request), username=username, failed=True)
        return HTMLResponse(page, 200, headers=_BROWSER)
    again = {name: value for name, value in parse_qsl(start) if name != "prompt"}
    prompt = " ".join(w for w in dict(parse_qsl(start)).get("prompt", "").split() if w != "login")
    if prompt:
        again["prompt"] = prompt
    response = RedirectResponse(
        f"{_below(request)}/services/oauth2/authorize?{urlencode(again)}", 303, headers=_BROWSER
    )
    response.set_cookie(_COOKIE, start_browser_session(org, user_id), httponly=True, samesite="lax", path="/")
    return response


async def _consent(org: Org, request: Request) -> Response:
    fields = await form(request)
    user_id = browser_user(org, request.cookies.get(_COOKIE, ""))
    if user_id is None or not hmac.compare_digest(fields.get("confirmation", ""), _confirmation(request)):
        return _error_page(OAuthError("invalid_request", "this page is no longer valid; start again from the app"))
    try:
        authorization = _Authorization(org, dict(parse_qsl(fields.get("startURL", ""))))
    except OAuthError as refused:
        return _error_page(refused)
    if fields.get("answer") != "allow":
        return authorization.redirect(error="access_denied", error_description="end-user denied authorization")
    approve(org, authorization.app, user_id, authorization.scope)
    return authorization.redirect(code=authorization.issue_code(org, user_id))


def _confirmation(request: Request) -> str:
    """A value in the consent form that depends on the session cookie, so that another site cannot send the form."""
    return hmac.new(request.cookies.get(_COOKIE, "").encode(), b"consent", hashlib.sha256).hexdigest()
