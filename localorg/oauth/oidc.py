"""OpenID Connect: ID tokens and the discovery document.

Source: OpenID Connect Core 1.0 section 2, Discovery 1.0 section 3; Salesforce Help "OpenID Connect Discovery Endpoint".
"""

import base64
import hashlib

from localorg.clock import from_datetime
from localorg.data.records import read
from localorg.oauth.dpop import ALGORITHMS
from localorg.org import Org

ID_TOKEN_SECONDS = 120
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523
GRANT_TYPES = (
    *("authorization_code", "refresh_token", "client_credentials", JWT_BEARER, "device"),
    *("hybrid_auth_code", "hybrid_refresh"),
)


def id_token(org: Org, base: str, user_id: str, consumer_key: str, access_token: str, nonce: str | None) -> str:
    """A signed ID token for the user. `at_hash` in it binds it to the access token."""
    from localorg.oauth.signing import sign  # here, because it takes a tenth of a second to load

    now = int(org.clock.now())
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
    return sign(org, claims)


def discovery(base: str, *, proofs: bool = True) -> dict[str, object]:
    """The discovery document at /.well-known/openid-configuration. `base` is the org's address, `proofs` says whether
    the document tells of proofs of possession (RFC 9449 section 5.1).
    """
    oauth = f"{base}/services/oauth2"
    return {
        "issuer": base,
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": f"{oauth}/token",
        "revocation_endpoint": f"{oauth}/revoke",
        "userinfo_endpoint": f"{oauth}/userinfo",
        "introspection_endpoint": f"{oauth}/introspect",
        "jwks_uri": f"{base}/id/keys",
        "scopes_supported": [
            *("api", "content", "email", "id", "lightning", "openid", "profile", "refresh_token", "visualforce", "web")
        ],
        "response_types_supported": ["code"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "display_values_supported": ["page", "popup", "touch"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        **({"dpop_signing_alg_values_supported": list(ALGORITHMS)} if proofs else {}),
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "sub",
            "name",
            "email",
            "email_verified",
            "preferred_username",
            "zoneinfo",
            "updated_at",
            "nonce",
            "at_hash",
        ],
    }
