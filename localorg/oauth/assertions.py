"""Signed assertions: of apps without a person, and of apps that show who they are without a secret (RFC 7523).

Sources: Salesforce Help "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration" (iss, sub, aud, exp, RS256 by the
app's certificate; no refresh token); "audience is invalid": useparagon.com/integration-error-solutions; "invalid
assertion" for what is none: salesforce.stackexchange.com (life-improver.com); "expired authorization code" for an
expired one: salesforce.stackexchange.com/questions/282513. An unknown user reads as one who has not approved the app.
"""

import time
from collections.abc import Collection
from typing import Any, cast

from localorg.errors import OAuthError
from localorg.oauth.apps import App, find_app
from localorg.org import Org

MOST_SECONDS = 300  # how far away the end of a client's assertion may be ("within a few minutes")
LOGIN_POOL = "https://login.salesforce.com"  # this org is no sandbox, so it is not test.salesforce.com's


def read(org: Org, text: str, audiences: Collection[str]) -> tuple[App, str]:
    """The app that has signed an assertion, and the username that it names; the user is not checked here.

    `audiences` are the addresses of this org. Raises OAuthError when the assertion cannot be trusted.
    """
    import jwt  # here, because it takes a tenth of a second to load

    try:
        claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    app = find_app(org, _word(claims.get("iss")))
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    _check_signature(app, text)
    audience: object = claims.get("aud")
    if not isinstance(audience, str) or audience.rstrip("/") not in {LOGIN_POOL, *audiences}:
        raise OAuthError("invalid_grant", "audience is invalid")
    expires: object = claims.get("exp")
    if not isinstance(expires, int | float) or not expires > org.clock.now():
        raise OAuthError("invalid_grant", "expired authorization code")
    return app, _word(claims.get("sub"))


def client(org: Org, text: str, consumer_key: str, audiences: Collection[str]) -> App:
    """The app that a client assertion shows (RFC 7523 section 3): signed by the app's certificate with RS256, `iss` and
    `sub` the consumer key, `aud` an address of this org, an `exp` of at most MOST_SECONDS away; a `jti` is good once.

    `consumer_key` is what the request says besides, "" for nothing. Raises OAuthError `invalid_client`.
    """
    import jwt

    wrong = OAuthError("invalid_client", "invalid client credentials")
    try:
        claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise wrong from None
    key = _word(claims.get("iss"))
    app = find_app(org, key)
    if app is None or claims.get("sub") != key or consumer_key not in ("", key):
        raise wrong
    try:
        _check_signature(app, text)
    except OAuthError:
        raise wrong from None
    named: object = claims.get("aud")
    listed = cast(list[object], named) if isinstance(named, list) else [named]
    if not listed or not all(isinstance(one, str) and one.rstrip("/") in audiences for one in listed):
        raise OAuthError("invalid_client", "audience is invalid")
    now, expires = time.time(), claims.get("exp")
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not now < expires <= now + MOST_SECONDS:
        raise OAuthError("invalid_client", "expired client assertion")
    jti: object = claims.get("jti")
    if jti is not None and not (isinstance(jti, str) and org.proofs.used.take(f"{key} {jti}", expires)):
        raise OAuthError("invalid_client", "this client assertion was used before")
    return app


def _word(claim: object) -> str:
    """A claim that is text; "" for anything else, and for what is no Unicode (half a surrogate pair)."""
    return claim if isinstance(claim, str) and claim.isprintable() else ""


def _check_signature(app: App, text: str) -> None:
    import jwt
    from cryptography import x509

    wrong = OAuthError("invalid_client", "invalid client credentials")
    if not app.certificate:
        raise wrong
    key: Any = x509.load_pem_x509_certificate(app.certificate.encode()).public_key()
    try:
        jwt.PyJWS().decode(text, key, ["RS256"])
    except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
        raise wrong from None
    except jwt.PyJWTError:
        raise OAuthError("invalid_grant", "invalid assertion") from None


def is_certificate(text: str) -> bool:
    """Whether this is an X.509 certificate of an RSA key in PEM, which an app can sign with."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        return isinstance(x509.load_pem_x509_certificate(text.encode()).public_key(), rsa.RSAPublicKey)
    except ValueError:
        return False
