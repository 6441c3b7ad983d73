"""The org's signing key and its signatures (RFC 7517, RFC 7518).

In a module of its own, because its libraries take a fifth of the org's start and many orgs never sign.
"""

import base64
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localorg.org import Org

_KEY = "signing_key"


def sign(org: Org, claims: Mapping[str, object]) -> str:
    """The claims as a JSON Web Token, signed with RS256."""
    key = _key(org)
    return jwt.encode(dict(claims), key, algorithm="RS256", headers={"kid": _key_id(key)})


def keys(org: Org) -> dict[str, object]:
    """The JSON Web Key Set with which clients verify ID tokens (RFC 7517)."""
    key = _key(org)
    numbers = key.public_key().public_numbers()
    return {
        "keys": [
            {
                "kty": "RSA",
                "n": _unsigned(numbers.n),
                "e": _unsigned(numbers.e),
                "kid": _key_id(key),
                "use": "sig",
                "alg": "RS256",
            }
        ]
    }


def _key(org: Org) -> rsa.RSAPrivateKey:
    """The org's RSA key. It is made at the first use and stored in the org's file."""
    row = org.db.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    if row is None:
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with org.write() as db:
            db.execute("INSERT INTO meta VALUES (?, ?)", (_KEY, pem.decode()))
        return made
    loaded = serialization.load_pem_private_key(str(row["value"]).encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def _key_id(key: rsa.RSAPrivateKey) -> str:
    return str(key.public_key().public_numbers().n % 10**8)


def _unsigned(number: int) -> str:
    """A number as JSON Web Keys write it (RFC 7518 section 2, Base64urlUInt)."""
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode().rstrip("=")
