"""The endpoints for apps: token (RFC 6749 sections 4.1.3 and 6), introspect (RFC 7662), revoke (RFC 7009)."""

import base64
import hashlib
import hmac
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.errors import OAuthError
from localorg.oauth import oidc
from localorg.oauth.grants import App, TokenResponse, exchange_code, find_app, introspect, refresh, revoke, token_key
from localorg.org import Org
from localorg.web import NO_STORE, Json, base_url, counted, form, route


def routes(org: Org) -> list[BaseRoute]:
    """The routes of the token, introspect, and revoke endpoints."""
    return [
        route(org, "/services/oauth2/token", "token", _token, ["POST"]),
        route(org, "/services/oauth2/introspect", "introspect", _introspect, ["POST"]),
        route(org, "/services/oauth2/revoke", "revoke", _revoke, ["GET", "POST"]),
    ]


async def _token(org: Org, request: Request) -> Response:
    fields = await form(request)
    kind = fields.get("grant_type", "")
    if kind not in ("authorization_code", "refresh_token"):
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    if kind == "authorization_code":
        return await counted(org, f"token.{kind}", lambda: _grant(org, request, kind, fields))
    # Of two refreshes with one token at once, the second is refused (Salesforce release notes, Winter '25).
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
            "token_type": "Bearer",
            "issued_at": issued_at,
        }
    )


async def _introspect(org: Org, request: Request) -> Response:
    fields = await form(request)
    app = _authenticate(org, request, "introspect", fields)
    return Json(introspect(org, app, fields.get("token", "")), headers=NO_STORE)


async def _revoke(org: Org, request: Request) -> Response:
    token = (await form(request)).get("token", "")
    if not token or not revoke(org, token):
        raise OAuthError("invalid_token", "invalid token")
    return Response(status_code=200)
