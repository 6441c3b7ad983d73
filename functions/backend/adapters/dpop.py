"""DPoP (RFC 9449): keys, their thumbprints, and the proofs that a request's sender holds one.

A key is a P-256 key as text: PKCS#8 (RFC 5208) in DER, base64. Proofs are ES256, as Salesforce's own Mobile SDK makes
them (DPoPProofBuilder.kt).
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from yarl import URL

from backend.values import Secret

_ES256 = ec.ECDSA(hashes.SHA256())
_MAX_PARSED = 4096  # keys that a process keeps parsed


@dataclass(frozen=True, slots=True, repr=False)
class _Parsed:
    """A key, with what its proofs have in common: the encoded header, and its thumbprint."""

    private: ec.EllipticCurvePrivateKey
    header: bytes
    thumbprint: str


class Keys:
    """The Keys of sign_in/begin.py."""

    def new(self) -> Secret:
        return new_key()

    def thumbprint(self, key: Secret) -> str:
        return thumbprint(key)


def new_key() -> Secret:
    """A new key."""
    der = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(base64.b64encode(der).decode())


def thumbprint(key: Secret) -> str:
    """The SHA-256 thumbprint of a key's public part (RFC 7638), base64url: the `dpop_jkt` of RFC 9449 section 10."""
    return _parsed(key).thumbprint


def proof(key: Secret, method: str, url: URL, *, token: Secret | None, nonce: str | None, now: float, jti: str) -> str:
    """The value of the DPoP header for one request (RFC 9449 section 4.2).

    `url` is the very one that is sent, which yarl has normalised; `token` the access token that goes along, None at the
    token endpoint; `nonce` what the server asked for last; `now` seconds since 1970; `jti` a random id of this proof
    alone.
    """
    parsed = _parsed(key)
    claims: dict[str, object] = {
        "jti": jti,
        "htm": method.upper(),
        "htu": str(url.with_query(None).with_fragment(None)),
        "iat": int(now),
    }
    if token is not None:
        claims["ath"] = _encoded(hashlib.sha256(token.reveal().encode()).digest()).decode()
    if nonce is not None:
        claims["nonce"] = nonce
    signed = parsed.header + b"." + _encoded(msgspec.json.encode(claims))
    r, s = decode_dss_signature(parsed.private.sign(signed, _ES256))
    # Of fixed length (RFC 7518 section 3.4), so that a short r or s begins with zeros.
    return (signed + b"." + _encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


@lru_cache(_MAX_PARSED)
def _parsed(key: Secret) -> _Parsed:
    private = serialization.load_der_private_key(base64.b64decode(key.reveal()), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    public = private.public_key().public_numbers()
    x, y = (_encoded(n.to_bytes(32, "big")).decode() for n in (public.x, public.y))
    jwk = {"crv": "P-256", "kty": "EC", "x": x, "y": y}  # in this order, without white space: RFC 7638 section 3
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
    return _Parsed(
        private,
        _encoded(msgspec.json.encode(header)),
        _encoded(hashlib.sha256(msgspec.json.encode(jwk)).digest()).decode(),
    )


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
