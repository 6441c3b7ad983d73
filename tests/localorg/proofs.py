"""Proofs of possession as a client makes them, right or wrong in one thing."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

import httpx2 as httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec


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
