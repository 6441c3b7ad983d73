"""Proofs of possession (RFC 9449, DPoP): whoever uses a code or a token proves that they hold the key it is bound to.

Sources: RFC 9449 section 4.3 (what makes a proof valid), 5 (token endpoint), 7 (resources), 10 (`dpop_jkt`); RFC 7638
(thumbprint); Salesforce Help "DPoP" and the Mobile SDK's requests (ES256; ath at resources only). Salesforce does not
document how far `iat` may be off, whether it remembers `jti`, and in which words it refuses: `ProofRules` says what
this org does.
"""

import base64
import hashlib
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from localorg.errors import OAuthError
from localorg.oauth.apps import App
from localorg.org import Org
from localorg.proofs import read_token
from localorg.web import asked_address

ALGORITHMS = ("ES256",)
HEADER = "dpop"
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")  # RFC 3986 section 2.3


def is_thumbprint(text: str) -> bool:
    """Whether this can be the thumbprint of a key: a SHA-256 in base64url."""
    return _THUMBPRINT.fullmatch(text) is not None


def invalid(why: str) -> OAuthError:
    """The error 400 invalid_dpop_proof, to be raised."""
    return OAuthError("invalid_dpop_proof", why)


def challenge(error: str, why: str = "") -> dict[str, str]:
    """The header WWW-Authenticate of a refused resource request (RFC 9449 section 7.1)."""
    described = f', error_description="{why}"' if why else ""
    return {"WWW-Authenticate": f'DPoP error="{error}"{described}, algs="{" ".join(ALGORITHMS)}"'}


def at_token_endpoint(org: Org, request: Request, app: App) -> str | None:
    """The thumbprint of the key that a token request proves to hold.

    None without a proof, and for an app that does not know them. Raises OAuthError for a proof that is not valid.
    """
    if app.dpop == "off" or not request.headers.getlist(HEADER):
        return None
    return _check(org, request)


def at_resource(org: Org, request: Request, access_token: str, jkt: str) -> None:
    """Checks the proof of a request with an access token that is bound to the key with this thumbprint.

    Raises OAuthError `invalid_dpop_proof`, or `invalid_token` when the proof is of another key.
    """
    if _check(org, request, access_token) != jkt:
        raise OAuthError("invalid_token", "the access token is bound to another key", 401)


def by_key(org: Org, request: Request, jkt: str) -> None:
    """Checks that a request without an access token proves to hold the key with this thumbprint. Raises OAuthError."""
    if _check(org, request) != jkt:
        raise invalid("the DPoP proof is of another key")


def _check(org: Org, request: Request, access_token: str | None = None) -> str:
    """The thumbprint of the key of a request's one proof. Raises OAuthError.

    With an access token, the proof must hold its hash. The nonce has been looked at before (`web.with_nonce`).
    """
    sent = request.headers.getlist(HEADER)
    if len(sent) != 1:
        raise invalid("missing required DPoP proof" if not sent else "there must be one DPoP proof")
    read = read_token(sent[0])
    if read is None:
        raise invalid("the DPoP proof is not a JSON Web Token")
    header, claims = read
    jkt = signed_by(sent[0], header)
    if claims.get("htm") != request.method:
        raise invalid("htm is not the method of this request")
    if not isinstance(htu := claims.get("htu"), str) or not same_address(htu, asked_address(request)):
        raise invalid("htu is not the address of this request")
    rules, issued, jti = org.proofs.rules, claims.get("iat"), claims.get("jti")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise invalid("iat must be a time in seconds")
    if abs(time.time() - issued) > rules.window:
        raise invalid(f"iat is more than {rules.window} seconds away")
    if not isinstance(jti, str) or not jti:
        raise invalid("jti is missing")
    if access_token is not None and claims.get("ath") != _digest(access_token.encode()):
        raise invalid("ath is not the hash of the access token")
    if not org.proofs.used.take(_digest(f"{jkt} {jti}".encode()), issued + rules.window) and rules.replay:
        raise invalid("this DPoP proof was used before")
    return jkt


def signed_by(proof: str, header: Mapping[str, object]) -> str:
    """The thumbprint of the key in a proof's header, which has signed it. Raises OAuthError."""
    import jwt  # here, because it takes a tenth of a second to load

    if header.get("typ") != "dpop+jwt":
        raise invalid("typ must be dpop+jwt")
    if header.get("alg") not in ALGORITHMS:
        raise invalid(f"alg must be {' or '.join(ALGORITHMS)}")
    if "crit" in header:
        raise invalid("no critical extension is known")
    jwk = header.get("jwk")
    if not isinstance(jwk, dict):
        raise invalid("jwk is missing")
    public = cast(dict[str, object], jwk)
    if _PRIVATE & public.keys():
        raise invalid("jwk must be a public key")
    if (public.get("kty"), public.get("crv")) != ("EC", "P-256"):
        raise invalid("jwk must be a key on the curve P-256")
    try:
        key, jkt = _key(public.get("x"), public.get("y"))
        jwt.PyJWS().decode(proof, key, [*ALGORITHMS])
    except (jwt.PyJWTError, ValueError, TypeError):
        raise invalid("the signature is not that of the key in jwk") from None
    return jkt


@lru_cache(maxsize=1000)
def _key(x: object, y: object) -> tuple[Any, str]:
    """The public key on the curve P-256 with these coordinates, and its thumbprint (RFC 7638). Kept, because a client
    proves the same key again and again. Raises PyJWTError, ValueError and TypeError for what is none.
    """
    import jwt

    key: Any = jwt.PyJWK({"kty": "EC", "crv": "P-256", "x": x, "y": y}, "ES256").key
    numbers = key.public_numbers()
    plain = {"crv": "P-256", "kty": "EC"} | {n: _base64url(getattr(numbers, n).to_bytes(32, "big")) for n in ("x", "y")}
    return key, _digest(msgspec.json.encode(plain))


def _digest(content: bytes) -> str:
    return _base64url(hashlib.sha256(content).digest())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def same_address(htu: str, asked: str) -> bool:
    """Whether a proof's `htu` names the address that a request went to.

    Query and fragment do not count; addresses are compared after the normalization of RFC 3986 sections 6.2.2 and
    6.2.3: case of scheme and host, default ports, escapes that need not be. A slash at the end counts.
    """
    normal = _normal(htu)
    return normal is not None and normal == _normal(asked)


def _normal(address: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path of an http address, normalized; None for anything else."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    if not address.isprintable() or " " in address:
        return None
    standard = {"http": 80, "https": 443}[parts.scheme]

    def plain(escape: "re.Match[str]") -> str:
        letter = chr(int(escape[1], 16))
        return letter if _UNRESERVED.fullmatch(letter) else escape[0].upper()

    return parts.scheme, parts.hostname, standard if port is None else port, _ESCAPE.sub(plain, parts.path) or "/"
