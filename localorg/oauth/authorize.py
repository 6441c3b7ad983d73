"""The authorize endpoint: login page, consent page, and the redirect to the app with an authorization code.

Source: RFC 6749 section 4.1.1.
"""

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from localorg.data.records import read
from localorg.errors import OAuthError
from localorg.oauth import browser, devices, dpop, pages
from localorg.oauth.apps import App, allowed_scope, find_app
from localorg.oauth.grants import issue_code
from localorg.oauth.people import approve, check_password, is_approved
from localorg.org import Org
from localorg.recent import because
from localorg.web import form, route


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
        self.immediate = fields.get("immediate") == "true"
        self.jkt = None if app.dpop == "off" else fields.get("dpop_jkt")
        scope = allowed_scope(app, fields.get("scope", ""))
        self.scope = scope or ""
        if app.pkce_required and self.challenge is None:
            raise OAuthError("invalid_request", "missing required code challenge")
        self.wrong: tuple[str, str] | None = None
        if fields.get("response_type") != "code":
            self.wrong = ("unsupported_response_type", "response type not supported")
        elif scope is None:
            self.wrong = ("invalid_scope", "requested scope is invalid, unknown, or malformed")
        elif self.challenge is not None and fields.get("code_challenge_method", "S256") != "S256":
            # An absent method means S256: jsforce and Salesforce's own command-line client send none.
            self.wrong = ("invalid_request", "code challenge method not supported")
        elif "none" in self.prompt and len(self.prompt) > 1:
            self.wrong = ("invalid_request", "prompt none stands alone")
        elif self.jkt is None and app.dpop == "required":
            # Source: SalesforceMobileSDK-Android#2965.
            self.wrong = ("invalid_request", "missing required dpop_jkt for code binding")
        elif self.jkt is not None and not dpop.is_thumbprint(self.jkt):
            self.wrong = ("invalid_request", "dpop_jkt must be the thumbprint of a key (RFC 7638, SHA-256)")

    def issue_code(self, org: Org, user_id: str) -> str:
        """A new authorization code for this request and user."""
        return issue_code(org, self.app, user_id, self.redirect_uri, self.scope, self.challenge, self.nonce, self.jkt)

    def redirect(self, **parameters: str) -> Response:
        """The redirect to the app with these parameters and the request's state."""
        if self.state is not None:
            parameters["state"] = self.state
        if "error" in parameters:
            because(parameters["error"], parameters["error_description"])
        mark = "&" if "?" in self.redirect_uri else "?"
        return RedirectResponse(f"{self.redirect_uri}{mark}{urlencode(parameters)}", 302, headers=browser.HEADERS)

    def unsuccessful(self, error: str) -> Response:
        """The redirect of a request that forbids to ask the person, where the person would have to be asked.

        Sources: REST API Developer Guide 222.0, "Web Server OAuth Authentication Flow", parameter `immediate`
        (immediate_unsuccessful); OpenID Connect Core 1.0 section 3.1.2.6, prompt=none (login_required,
        consent_required).
        """
        code = error if "none" in self.prompt else "immediate_unsuccessful"
        return self.redirect(error=code, error_description=error.replace("_", " "))


async def _authorize(org: Org, request: Request) -> Response:
    fields = await form(request)
    try:
        authorization = _Authorization(org, fields)
    except OAuthError as refused:
        return browser.error_page(refused)
    if authorization.wrong is not None:
        return authorization.redirect(error=authorization.wrong[0], error_description=authorization.wrong[1])
    start = {"startURL": urlencode(fields)}
    user_id = browser.signed_in(org, request)
    silent = authorization.immediate or "none" in authorization.prompt
    if user_id is None or "login" in authorization.prompt:
        if silent:
            return authorization.unsuccessful("login_required")
        return browser.page(pages.login(start, below=browser.below(request), username=authorization.login_hint))
    if not is_approved(org, authorization.app, user_id, authorization.scope) or "consent" in authorization.prompt:
        if silent:
            return authorization.unsuccessful("consent_required")
        user = read(org, org.objects["User"], user_id)
        return browser.page(
            pages.consent(
                start | {"confirmation": browser.confirmation(request)},
                f"{browser.below(request)}/consent",
                authorization.app.name,
                str(user["Username"]),
                tuple(authorization.scope.split()),
            )
        )
    return authorization.redirect(code=authorization.issue_code(org, user_id))


async def _login(org: Org, request: Request) -> Response:
    fields = await form(request)
    start = fields.get("startURL", "")
    username = fields.get("username", "").strip()
    user_id = check_password(org, username, fields.get("pw", ""))
    if user_id is None:
        because("login_failed", "wrong username or password, or an inactive user")
        return browser.page(
            pages.login({"startURL": start}, below=browser.below(request), username=username, failed=True)
        )
    device = start.startswith(f"{devices.PATH}?")
    response = RedirectResponse(
        start if device else f"{browser.below(request)}/services/oauth2/authorize?{_again(start)}",
        303,
        headers=browser.HEADERS,
    )
    browser.sign_in(org, response, user_id)
    return response


def _again(start: str) -> str:
    """The authorize request that led to the login page, without its wish for one."""
    fields = dict(parse_qsl(start))
    prompt = " ".join(w for w in fields.pop("prompt", "").split() if w != "login")
    return urlencode(fields | ({"prompt": prompt} if prompt else {}))


async def _consent(org: Org, request: Request) -> Response:
    fields = await form(request)
    user_id = browser.signed_in(org, request)
    if user_id is None or not browser.is_confirmed(request, fields.get("confirmation", "")):
        return browser.error_page(
            OAuthError("invalid_request", "this page is no longer valid; start again from the app")
        )
    try:
        authorization = _Authorization(org, dict(parse_qsl(fields.get("startURL", ""))))
    except OAuthError as refused:
        return browser.error_page(refused)
    if fields.get("answer") != "allow":
        return authorization.redirect(error="access_denied", error_description="end-user denied authorization")
    approve(org, authorization.app, user_id, authorization.scope)
    return authorization.redirect(code=authorization.issue_code(org, user_id))
