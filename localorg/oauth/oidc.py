"""OpenID Connect: the org's signing key, ID tokens, the discovery documents.

Source: OpenID Connect Core 1.0 section 2, Discovery 1.0 section 3; Salesforce Help "OpenID Connect Discovery Endpoint".
"""

import base64
import hashlib

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localorg.clock import from_datetime
from localorg.data.records import read
from localorg.org import Org

ID_TOKEN_SECONDS = 120
_KEY = "signing_key"


def _key(org: Org) -> rsa.RSAPrivateKey:
    """The org's RSA key, made when it is first needed and kept in its file."""
    row = org.db.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    if row is None:
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with org.write() as db:
            db.execute("INSERT INTO meta VALUES (?, ?)", (_KEY, pem.decode()))
        return made
    loaded = serialization.load_pem_private_key(str(row["value"]).encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def _key_id(key: rsa.RSAPrivateKey) -> str:
    return str(key.public_key().public_numbers().n % 10**8)


def keys(org: Org) -> dict[str, object]:
    """The JSON Web Key Set that verifies ID tokens (RFC 7517)."""
    key = _key(org)
    numbers = key.public_key().public_numbers()
    return {"keys": [{"kty": "RSA", "n": _unsigned(numbers.n), "e": _unsigned(numbers.e), "kid": _key_id(key), "use": "sig", "alg": "RS256"}]}


def _unsigned(number: int) -> str:
    """A number as JSON Web Keys write it (RFC 7518 section 2, Base64urlUInt)."""
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).decode().rstrip("=")


def id_token(org: Org, base: str, user_id: str, consumer_key: str, access_token: str, nonce: str | None) -> str:
    """A signed ID token for the user, bound to the access token by `at_hash`."""
    key, now = _key(org), int(org.clock.now())
    user = read(org, org.objects["User"], user_id)
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    claims: dict[str, object] = {
        "iss": base,
        "sub": f"{base}/id/{org.org_id}/{user_id}",
        "aud": consumer_key,
        "iat": now,
        "exp": now + ID_TOKEN_SECONDS,
        "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        "name": user["Name"],
        "email": user["Email"],
        "email_verified": True,
        "preferred_username": user["Username"],
        "zoneinfo": user["TimeZoneSidKey"],
        "updated_at": int(from_datetime(str(user["LastModifiedDate"]))),
    }
    if nonce:
        claims["nonce"] = nonce
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": _key_id(key)})


def discovery(base: str) -> dict[str, object]:
    """The provider's description under /.well-known/openid-configuration."""
    oauth = f"{base}/services/oauth2"
    return {
        "issuer": base,
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": f"{oauth}/token",
        "revocation_endpoint": f"{oauth}/revoke",
        "userinfo_endpoint": f"{oauth}/userinfo",
        "introspection_endpoint": f"{oauth}/introspect",
        "jwks_uri": f"{base}/id/keys",
        "scopes_supported": ["api", "email", "id", "openid", "profile", "refresh_token", "web"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "display_values_supported": ["page", "popup", "touch"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "name", "email", "email_verified", "preferred_username", "zoneinfo", "updated_at", "nonce", "at_hash"],
    }
