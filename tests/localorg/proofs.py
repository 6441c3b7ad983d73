"""Proofs of possession as a client makes them, right or wrong in one thing."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from devtools.clients import CALLBACK, CONSUMER_KEY, CONSUMER_SECRET, SALES, control, log_in
from localorg import EmbeddedOrg

TOKEN, LIMITS = "/services/oauth2/token", "/services/data/v68.0/limits"
USERINFO, REVOKE, INTROSPECT = (f"/services/oauth2/{name}" for name in ("userinfo", "revoke", "introspect"))
CLIENT = {"client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET}
VERIFIER = "v" * 60


def base64url(content: bytes) -> str:
    """base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class Key:
    """A client's key on the curve P-256, its public JWK and its thumbprint (RFC 7638)."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        numbers = self.private.public_key().public_numbers()
        x, y = (base64url(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        self.jwk: dict[str, str] = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        compact = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        self.thumbprint = base64url(hashlib.sha256(compact.encode()).digest())

    def proof(
        self, method: str, url: str, token: str = "", *, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """A proof for a request; `header` and `claims` replace parts of it, None leaves a claim out."""
        made: dict[str, Any] = {"htm": method, "htu": url, "iat": int(time.time()), "jti": secrets.token_urlsafe(12)}
        if token:
            made["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        made = {name: value for name, value in (made | claims).items() if value is not None}
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk, **(header or {})}
        algorithm = str(head.pop("alg"))
        key: Any = {"ES256": self.private, "none": None}.get(algorithm, b"k" * 64)
        return jwt.encode(made, key, algorithm, headers=head)


def ask(http: httpx.Client, key: Key, method: str, path: str, token: str = "", **sent: Any) -> httpx.Response:
    """Sends a request with a proof, once more with the nonce when the org asks for one."""
    url = str(http.base_url.join(path)).partition("?")[0]
    headers = {"Authorization": f"DPoP {token}"} if token else {}

    def once(nonce: str | None) -> httpx.Response:
        proof = key.proof(method, url, token, nonce=nonce)
        return http.request(method, path, headers={**headers, "DPoP": proof}, **sent)

    answer = once(None)
    return once(answer.headers["DPoP-Nonce"]) if "use_dpop_nonce" in answer.text else answer


def code_for(org: EmbeddedOrg, key: Key | None, **changes: str) -> dict[str, str]:
    """The form that exchanges a code which is bound to a key, or to none."""
    bound = {} if key is None else {"dpop_jkt": key.thumbprint}
    back = log_in(org.url, verifier=VERIFIER, **bound, **changes)
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK}
    return form | CLIENT


def grant_for(org: EmbeddedOrg, key: Key | None) -> dict[str, str]:
    """Tokens that are bound to a key, or to none, without the pages."""
    return control(org.url, "token", {"username": SALES} | ({"dpopJkt": key.thumbprint} if key else {}))


def refresh_form(grant: dict[str, str]) -> dict[str, str]:
    """The form that refreshes a grant's tokens."""
    return {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"], **CLIENT}


def error(answer: httpx.Response) -> tuple[int, str]:
    """Status and error code of a refusal, of OAuth's form or of the REST API's."""
    body: Any = answer.json()
    return answer.status_code, body["error"] if isinstance(body, dict) else body[0]["errorCode"]
