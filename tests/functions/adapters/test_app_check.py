"""App Check tokens on their real path: own keys, served as Google serves its own."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from backend.adapters.app_check import AppCheck, AppCheckGate
from backend.values import CLOCK_SKEW_SECONDS
from contract.errors import Misconfigured, Reason, RefusedRequest

PROJECT, NUMBER = "a-project", "123456789012"
APP = f"1:{NUMBER}:web:0123abcd"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(
    *, key: rsa.RSAPrivateKey = KEY, kid: str = "one", algorithm: str = "RS256", typ: str = "JWT", **changes: Any
) -> str:
    """A token as App Check makes it; a claim of None is left out."""
    now = int(time.time())
    claims = {
        "iss": f"https://firebaseappcheck.googleapis.com/{NUMBER}",
        "aud": [f"projects/{NUMBER}", f"projects/{PROJECT}"],
        "sub": APP,
        "iat": now,
        "exp": now + 3600,
        "jti": "a word",
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(
        claims, key if algorithm == "RS256" else "x" * 40, algorithm=algorithm, headers={"kid": kid, "typ": typ}
    )


class KeyServer:
    """Google's key server, on this machine; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                public = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
                body = json.dumps({"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/jwks"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.stop()


@pytest.fixture
def app_check(keys: KeyServer) -> AppCheck:
    return AppCheck(PROJECT, frozenset({APP}), keys.url)


async def test_a_good_token_is_verified_once(app_check: AppCheck, keys: KeyServer) -> None:
    good = token()
    fingerprint = await app_check.verify(good)
    assert fingerprint == await app_check.verify(good)
    assert fingerprint != await app_check.verify(token(jti="another"))
    assert keys.asked == 1


@pytest.mark.parametrize("seconds", [2, 55])
async def test_a_clock_that_is_behind_or_ahead_of_googles(app_check: AppCheck, seconds: int) -> None:
    now = int(time.time())
    assert await app_check.verify(token(iat=now + seconds))
    assert await app_check.verify(token(iat=now - 3600, exp=now - seconds))


async def test_a_token_that_counts_once_is_newer_than_what_is_remembered_of_it(app_check: AppCheck) -> None:
    """App Check may give tokens that live for a week; that one was used is forgotten after an hour."""
    now = int(time.time())
    old, new = token(iat=now - 56 * 60, exp=now + 6 * 86400), token(iat=now - 54 * 60, exp=now + 6 * 86400)
    assert await app_check.verify(old) == await app_check.verify(old)
    for _ in range(2):
        with pytest.raises(RefusedRequest) as refused:
            await app_check.verify(old, once=True)
        assert refused.value.reason is Reason.NOT_THE_APP
    assert await app_check.verify(new, once=True) == await app_check.verify(new)


async def test_a_token_of_any_length_is_refused_unread(app_check: AppCheck, keys: KeyServer) -> None:
    with pytest.raises(RefusedRequest):
        await app_check.verify("x" * 100_000)
    assert keys.asked == 0


BAD: dict[str, Callable[[], str]] = {
    "of another app": lambda: token(sub=f"1:{NUMBER}:web:ffff"),
    "of another project": lambda: token(aud=["projects/999", "projects/other"]),
    "by another issuer": lambda: token(iss="https://firebaseappcheck.googleapis.com/999"),
    "an ID token's issuer": lambda: token(iss=f"https://securetoken.google.com/{PROJECT}"),
    "expired": lambda: token(exp=int(time.time()) - 90),
    "from the future": lambda: token(iat=int(time.time()) + 90),
    "without an end": lambda: token(exp=None),
    "without an app": lambda: token(sub=None),
    "signed with another key": lambda: token(key=OTHER_KEY),
    "with an unknown key": lambda: token(key=OTHER_KEY, kid="two"),
    "signed symmetrically": lambda: token(algorithm="HS256"),
    "not signed": lambda: jwt.encode({"sub": APP}, None, algorithm="none", headers={"kid": "one"}),  # pyright: ignore[reportArgumentType]
    "of another type": lambda: token(typ="at+jwt"),
    "garbage": lambda: "not.a.token",
    "empty parts": lambda: "..",
    "not ASCII": lambda: "é.é.é",
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_token_is_refused(app_check: AppCheck, what: str) -> None:
    with pytest.raises(RefusedRequest) as refused:
        await app_check.verify(BAD[what]())
    assert refused.value.reason is Reason.NOT_THE_APP


async def test_made_up_keys_do_not_make_us_ask_google_each_time(app_check: AppCheck, keys: KeyServer) -> None:
    for n in range(50):
        with pytest.raises(RefusedRequest):
            await app_check.verify(token(key=OTHER_KEY, kid=f"made up {n}"))
    assert keys.asked <= 2


async def test_an_expired_token_is_refused_although_it_was_good(app_check: AppCheck) -> None:
    ends = int(time.time()) + 2
    short = token(iat=ends - 3600, exp=ends - CLOCK_SKEW_SECONDS)
    await app_check.verify(short)
    await asyncio.sleep(max(0.0, ends + 0.01 - time.time()))
    with pytest.raises(RefusedRequest):
        await app_check.verify(short)


async def test_without_googles_keys_nobody_is_called_a_forger() -> None:
    with pytest.raises(Misconfigured):
        await AppCheck(PROJECT, frozenset({APP}), "http://127.0.0.1:1/v1/jwks").verify(token())


async def test_the_gate(app_check: AppCheck) -> None:
    assert await AppCheckGate(None).attest("anything") is None, "not configured: nobody is asked"
    assert await AppCheckGate(app_check, required=False).attest(None) is None
    assert await AppCheckGate(app_check, required=True).attest(token()) is not None
    with pytest.raises(RefusedRequest):
        await AppCheckGate(app_check, required=True).attest(None)
    with pytest.raises(RefusedRequest):
        await AppCheckGate(app_check, required=False).attest(token(sub="1:1:web:ff"))
