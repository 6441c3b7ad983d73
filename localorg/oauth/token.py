"""The endpoints for apps: token (RFC 6749 sections 4.1.3 and 6), introspect (RFC 7662), revoke (RFC 7009).

Proofs of possession are taken where Salesforce names them: with authorization codes and refreshes, plain and hybrid.
Of the other grants it says nothing: they give bearer tokens, and none to an app that requires DPoP.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from localorg.errors import OAuthError
from localorg.oauth import assertions, clients, devices, dpop, oidc
from localorg.oauth.apps import App
from localorg.oauth.grants import (
    TokenResponse,
    exchange_code,
    find_session,
    introspect,
    key_of,
    refresh,
    revoke,
    run_as_app,
    run_as_named,
    token_key,
    web_session,
)
from localorg.oauth.jwt_tokens import as_jwt
from localorg.oauth.session import check_presented
from localorg.org import Org
from localorg.recent import because
from localorg.web import NO_STORE, Json, base_url, counted, form, route, with_nonce


def routes(org: Org) -> list[BaseRoute]:
    """The routes of the token, introspect, and revoke endpoints."""
    return [
        route(org, "/services/oauth2/token", "token", _token, ["POST"]),
        route(org, "/services/oauth2/introspect", "introspect", _introspect, ["POST"]),
        route(org, "/services/oauth2/revoke", "revoke", _revoke, ["GET", "POST"]),
    ]


async def _token(org: Org, request: Request) -> Response:
    fields = await form(request)
    form_of_answer = _form_of_answer(request, fields)
    try:
        return await _granted(org, request, fields, form_of_answer)
    except OAuthError as refused:
        because(refused.error, refused.description)
        error = {"error": refused.error, "error_description": refused.description}
        return _written(error, form_of_answer, refused.status)


_FORMS = {"json": "application/json", "urlencoded": "application/x-www-form-urlencoded", "xml": "application/xml"}


def _form_of_answer(request: Request, fields: Mapping[str, str]) -> str:
    """The form of the answer, one of _FORMS: what the parameter `format` says, else the first that Accept names, else
    json.

    Source: REST API Developer Guide 216.0, "OAuth Refresh Token", parameter `format`.
    """
    if fields.get("format") in _FORMS:
        return fields["format"]
    accepted = [one.partition(";")[0].strip().lower() for one in request.headers.get("accept", "").split(",")]
    names = {media: name for name, media in _FORMS.items()}
    return next((names[media] for media in accepted if media in names), "json")


def _written(body: Mapping[str, object], form_of_answer: str, status: int = 200) -> Response:
    """An answer in one of _FORMS. The name of the XML's root is not documented; this one is of public examples."""
    if form_of_answer == "json":
        return Json(body, status, headers=NO_STORE)
    if form_of_answer == "urlencoded":
        text = urlencode({name: str(value) for name, value in body.items()})
    else:
        inside = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in body.items())
        text = f'<?xml version="1.0" encoding="UTF-8"?><OAuth>{inside}</OAuth>'
    return Response(text, status, headers=NO_STORE, media_type=f"{_FORMS[form_of_answer]};charset=UTF-8")


async def _granted(org: Org, request: Request, fields: Mapping[str, str], form_of_answer: str) -> Response:
    kind = fields.get("grant_type", "")
    name = "jwt-bearer" if kind == oidc.JWT_BEARER else kind
    if fields.get("response_type") == "device_code" and not kind:
        name = "device_code"
    elif kind not in oidc.GRANT_TYPES:
        raise OAuthError("unsupported_grant_type", "grant type not supported")

    async def done() -> Response:
        if name == "device_code":
            app = clients.authenticate(org, request, fields, needed=False)
            _check_posture(app)
            begun = devices.begin(org, app, fields.get("scope", ""))
            begun["verification_uri"] = f"{base_url(request)}{begun['verification_uri']}"
            return _written(begun, form_of_answer)
        app, tokens = _grant(org, request, kind, fields)
        if app.jwt_tokens:
            tokens = as_jwt(org, app, base_url(request), tokens)
        body = _token_body(org, request, app, tokens)
        if kind.startswith("hybrid_"):
            body |= _web_sessions(org, request, tokens)
        return _written(body, form_of_answer)

    async def answer() -> Response:
        return await _one_at_a_time(org, name, fields, done)

    if name in _REFRESHES and (elsewhere := _moved(org, request)):
        return elsewhere
    app = clients.named(org, request, fields)
    if kind in _WITH_PROOF and dpop.HEADER in request.headers and (app is None or app.dpop != "off"):
        return await with_nonce(org, request, f"token.{name}", answer)
    return await answer()


_REFRESHES = ("refresh_token", "hybrid_refresh")
_WITH_PROOF = ("authorization_code", "refresh_token", "hybrid_auth_code", "hybrid_refresh")


async def _one_at_a_time(
    org: Org, name: str, fields: Mapping[str, str], answer: Callable[[], Awaitable[Response]]
) -> Response:
    """Counts and runs a grant; a refresh only while no other is under way for the same token. Raises OAuthError."""
    if name not in _REFRESHES:
        return await counted(org, f"token.{name}", answer)
    # Of two refreshes with one token at once, the second is refused (Salesforce release notes, Winter '25).
    key = token_key(fields.get("refresh_token", ""))
    if key in org.busy_refresh_tokens:
        org.counters[f"token.{name}"] += 1
        raise OAuthError("invalid_grant", "token request is already being processed")
    org.busy_refresh_tokens.add(key)
    try:
        return await counted(org, f"token.{name}", answer)
    finally:
        org.busy_refresh_tokens.discard(key)


def _grant(org: Org, request: Request, kind: str, fields: Mapping[str, str]) -> tuple[App, TokenResponse]:
    """The app that asks, and its tokens. Raises OAuthError."""
    if kind == oidc.JWT_BEARER:
        app, username = assertions.read(org, _required(fields, "assertion"), clients.addresses(org, request))
        _check_posture(app)
        return app, run_as_named(org, app, username)
    needed = {"client_credentials": True, "device": False}.get(kind)
    app = clients.authenticate(org, request, fields, needed=needed)
    if kind in _WITH_PROOF:
        jkt = dpop.at_token_endpoint(org, request, app)
    else:
        jkt = None
        _check_posture(app)
    match kind:
        case "client_credentials":
            if org.moved_to is not None and base_url(request) != org.moved_to:
                # The old name of a moved org stands for the login pool, which cannot tell whose app it is.
                raise OAuthError("invalid_grant", "request not supported on this domain")
            return app, run_as_app(org, app)
        case "device":
            return app, devices.poll(org, app, _required(fields, "code"))
        case "authorization_code" | "hybrid_auth_code":
            code = _required(fields, "code")
            uri, verifier = fields.get("redirect_uri", ""), fields.get("code_verifier")
            return app, exchange_code(org, app, code, uri, verifier, jkt)
        case _:
            return app, refresh(org, app, _required(fields, "refresh_token"), jkt)


def _check_posture(app: App) -> None:
    """Raises OAuthError when an app that requires DPoP asks for tokens by a grant that has none."""
    if app.dpop == "required":
        raise OAuthError("invalid_request", "the app requires DPoP, which this grant does not have")


def _required(fields: Mapping[str, str], name: str) -> str:
    if not fields.get(name):
        raise OAuthError("invalid_request", f"missing required parameter: {name}")
    return fields[name]


def _web_sessions(org: Org, request: Request, tokens: TokenResponse) -> dict[str, object]:
    """What a hybrid app sets as cookies of its web pages, by scope. `web` is needed for all of it.

    Source: Salesforce Help "OAuth 2.0 Hybrid App Flow Cookie Management"; the names as the Mobile SDK reads them.
    """
    scopes = tokens.scope.split()
    session = find_session(org, tokens.access_token)
    if "web" not in scopes or session is None:
        return {}
    domain = urlsplit(org.moved_to or base_url(request)).netloc
    body: dict[str, object] = {
        "sidCookieName": "sid",
        "cookie-sid_Client": secrets.token_urlsafe(8),
        "cookie-clientSrc": request.client.host if request.client is not None else "",
    }
    for name in ("content", "lightning", "visualforce"):
        if name in scopes:
            body |= {f"{name}_domain": domain, f"{name}_sid": web_session(org, session)}
    if "lightning" in scopes:
        body["csrf_token"] = secrets.token_urlsafe(16)
    return body


def _token_body(org: Org, request: Request, app: App, tokens: TokenResponse) -> dict[str, object]:
    identity = f"{base_url(request)}/id/{org.org_id}/{tokens.user_id}"
    issued_at = str(int(tokens.issued * 1000))
    signature = hmac.new(app.consumer_secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
    body: dict[str, object] = {"access_token": tokens.access_token}
    instance = org.moved_to or base_url(request)
    if tokens.refresh_token is not None:
        body["refresh_token"] = tokens.refresh_token
    openid = "openid" in tokens.scope.split()
    signed = (
        oidc.id_token(org, base_url(request), tokens.user_id, app.consumer_key, tokens.access_token, tokens.nonce)
        if openid
        else None
    )
    site = request.scope.get("localorg.site")
    community = {} if site is None else {"sfdc_community_url": f"{base_url(request)}/{site}"}
    return (
        body
        | community
        | {
            "signature": base64.b64encode(signature).decode(),
            "scope": tokens.scope,
            **({"id_token": signed} if signed else {}),
            "instance_url": instance,
            "id": identity,
            "token_type": "DPoP" if tokens.bound else "Bearer",
            "issued_at": issued_at,
            **({"token_format": "jwt"} if app.jwt_tokens else {}),
        }
    )


def _moved(org: Org, request: Request) -> Response | None:
    """How the login pool answers refreshes and revocations: with the address of the instance, where the move says so.

    Source: SalesforceMobileSDK-iOS#4074. A proof for the one address is none for the other.
    """
    if org.moved_to is None or not org.redirects or base_url(request) == org.moved_to:
        return None
    because("redirected", f"the org is now at {org.moved_to}")
    return RedirectResponse(f"{org.moved_to}{request.url.path}", 302, headers=NO_STORE)


async def _introspect(org: Org, request: Request) -> Response:
    fields = await form(request)
    check_presented(org, request)
    app = clients.authenticate(org, request, fields)
    return Json(introspect(org, app, fields.get("token", "")), headers=NO_STORE)


async def _revoke(org: Org, request: Request) -> Response:
    token = (await form(request)).get("token", "")
    if elsewhere := _moved(org, request):
        return elsewhere
    session, jkt = check_presented(org, request), key_of(org, token)
    if jkt is not None and org.proofs.rules.revoke_proof and (session is None or session.jkt != jkt):
        dpop.by_key(org, request, jkt)
    if not token or not revoke(org, token):
        raise OAuthError("invalid_token", "invalid token")
    return Response(status_code=200)
