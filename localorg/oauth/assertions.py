"""Signed assertions of apps without a person (RFC 7523).

Sources: Salesforce Help "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration" (iss, sub, aud, exp, RS256 by the
app's certificate; no refresh token); "audience is invalid": useparagon.com/integration-error-solutions; "invalid
assertion" for what is none: salesforce.stackexchange.com (life-improver.com); "expired authorization code" for an
expired one: salesforce.stackexchange.com/questions/282513. An unknown user reads as one who has not approved the app.
"""

from collections.abc import Collection
from typing import Any

from localorg.errors import OAuthError
from localorg.oauth.grants import App, find_app
from localorg.org import Org

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
