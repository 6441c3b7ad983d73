"""Which app asks at the token and introspection endpoints, and how it shows that it is that app.

Sources: RFC 6749 section 2.3 (one way at a time); Salesforce Help "OAuth 2.0 Web Server Flow" (client_secret in the
form or as HTTP Basic, or client_assertion); RFC 7523 section 3. That an assertion satisfies "Require secret", and how a
wrong one is refused, is not documented: here it does, and the answer is that of a wrong secret.
"""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.requests import Request

from localorg.errors import OAuthError
from localorg.oauth import assertions
from localorg.oauth.apps import App, find_app
from localorg.org import Org
from localorg.proofs import read_token
from localorg.settings import SITE
from localorg.web import base_url

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def named(org: Org, request: Request, fields: Mapping[str, str]) -> App | None:
    """The app that a request says it comes from, which nothing has shown yet; None when there is no such app."""
    try:
        key = _key_and_secret(request, fields)[0]
    except OAuthError:
        return None
    claims = read_token(fields.get("client_assertion", ""))
    return find_app(org, key or ("" if claims is None else str(claims[1].get("sub"))))


def authenticate(org: Org, request: Request, fields: Mapping[str, str], *, needed: bool | None = None) -> App:
    """The app that asks. `needed` says whether it must show that it is; None leaves that to its settings.

    Raises OAuthError `invalid_client`, `invalid_client_id`, or `invalid_request` for a secret and an assertion at once.
    """
    key, secret = _key_and_secret(request, fields)
    assertion = fields.get("client_assertion", "")
    if assertion or fields.get("client_assertion_type"):
        if secret:
            raise OAuthError("invalid_request", "a client secret and a client assertion exclude each other")
        if fields.get("client_assertion_type") != _ASSERTION_TYPE:
            raise OAuthError("invalid_client", f"client_assertion_type must be {_ASSERTION_TYPE}")
        return assertions.client(org, assertion, key, addresses(org, request, tokens=True))
    app = find_app(org, key)
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    known = app.consumer_secret if app.secret_accepted else ""
    right = bool(known) and hmac.compare_digest(secret.encode(), known.encode())
    if ((app.secret_required if needed is None else needed) or secret) and not right:
        raise OAuthError("invalid_client", "invalid client credentials")
    return app


def addresses(org: Org, request: Request, *, tokens: bool = False) -> set[str]:
    """The addresses by which an assertion may name this org, with `tokens` those of its token endpoints too."""
    bases = {base_url(request), f"{base_url(request)}/{SITE}", *(() if org.moved_to is None else (org.moved_to,))}
    return bases | ({f"{base}/services/oauth2/token" for base in bases} if tokens else set[str]())


def _key_and_secret(request: Request, fields: Mapping[str, str]) -> tuple[str, str]:
    """The consumer key and secret that a request has, in HTTP Basic or else in its form. Raises OAuthError."""
    scheme, _, basic = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return fields.get("client_id", ""), fields.get("client_secret", "")
    try:
        key, _, secret = (unquote(p) for p in base64.b64decode(basic, validate=True).decode().partition(":"))
    except ValueError:
        raise OAuthError("invalid_client", "invalid client credentials") from None
    return key, secret
