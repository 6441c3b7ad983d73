"""Verification of ID tokens on its real path: own key, own certificate, the Admin SDK's own checks.

The Auth emulator accepts forged tokens, so that these cases cannot be tried there.
"""

import base64
import datetime
import time
from collections.abc import Callable, Iterator
from typing import Any

import firebase_admin
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.oauth2 import id_token as google_id_token

from backend.adapters.firebase_auth import FirebaseAuth
from backend.values import Caller, Uid
from contract.errors import Reason, SessionInvalid

PROJECT = "a-project"


def _key_and_certificate() -> tuple[rsa.RSAPrivateKey, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()


KEY, CERTIFICATE = _key_and_certificate()
OTHER_KEY, _ = _key_and_certificate()


class NoCredential(firebase_admin.credentials.Base):
    def get_credential(self) -> Any:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()


@pytest.fixture
def auth(monkeypatch: pytest.MonkeyPatch) -> Iterator[FirebaseAuth]:
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(google_id_token, "_fetch_certs", lambda _request, _url: {"kid1": CERTIFICATE})
    app = firebase_admin.initialize_app(NoCredential(), {"projectId": PROJECT}, name="verification")
    yield FirebaseAuth(app)
    firebase_admin.delete_app(app)


def token(key: rsa.RSAPrivateKey | None = KEY, kid: str = "kid1", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "00D_005",
        "device": "phone",
        "user_id": "00D_005",
        "iat": now - 10,
        "auth_time": now - 10,
        "exp": now + 3600,
    } | changes
    if key is None:
        return jwt.encode(claims, "", algorithm="none", headers={"kid": kid})
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


def nested(depth: int) -> str:
    """A token whose header is lists in lists."""
    return base64.urlsafe_b64encode(b"[" * depth).decode().rstrip("=") + ".AAAA.AAAA"


async def test_a_good_token_names_its_user(auth: FirebaseAuth) -> None:
    assert await auth.verify(token()) == Caller(Uid("00D_005"), "phone")


async def test_a_verified_token_is_known_until_it_expires(auth: FirebaseAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    good = token(exp=int(time.time()) + 2)
    await auth.verify(good)

    def unreachable(_request: object, _url: str) -> Any:
        raise AssertionError("asked again")

    monkeypatch.setattr(google_id_token, "_fetch_certs", unreachable)
    assert (await auth.verify(good)).uid == "00D_005"
    monkeypatch.setattr("backend.adapters.firebase_auth.time.time", lambda: time.monotonic() + 10**10)
    with pytest.raises(AssertionError, match="asked again"):
        await auth.verify(good)


@pytest.mark.parametrize("seconds", [1, 55])
async def test_a_clock_that_is_behind_firebases_ends_no_session(auth: FirebaseAuth, seconds: int) -> None:
    ahead = int(time.time()) + seconds
    assert (await auth.verify(token(iat=ahead, auth_time=ahead))).uid == "00D_005"
    late = int(time.time()) - seconds
    assert (await auth.verify(token(iat=late - 3600, auth_time=late - 3600, exp=late))).uid == "00D_005"


async def test_an_expired_token(auth: FirebaseAuth) -> None:
    now = int(time.time())
    with pytest.raises(SessionInvalid) as refused:
        await auth.verify(token(iat=now - 7200, auth_time=now - 7200, exp=now - 3600))
    assert refused.value.reason is Reason.ID_TOKEN_EXPIRED


@pytest.mark.parametrize(
    "forged",
    [
        lambda: token(key=None),
        lambda: token(key=OTHER_KEY),
        lambda: token(kid="another"),
        lambda: token(aud="another-project"),
        lambda: token(iss="https://securetoken.google.com/another-project"),
        lambda: token(sub=""),
        lambda: token(iat=int(time.time()) + 120),
        lambda: token()[:-4] + "AAAA",
        lambda: "garbage",
        lambda: "a.b.c",
        lambda: nested(3_000),
        lambda: nested(200_000),
        lambda: token(more="x" * 9_000),
    ],
    ids=[
        "no-signature",
        "other-key",
        "unknown-key-id",
        "other-audience",
        "other-issuer",
        "no-subject",
        "from-the-future",
        "cut",
        "garbage",
        "three-parts",
        "nested-deeply",
        "nested-without-end",
        "too-long",
    ],
)
async def test_a_forged_token(auth: FirebaseAuth, forged: Callable[[], str]) -> None:
    given = forged()
    with pytest.raises(SessionInvalid) as refused:
        await auth.verify(given)
    assert refused.value.reason is Reason.ID_TOKEN_INVALID
    assert given not in str(refused.value)
