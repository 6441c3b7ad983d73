"""How the backend proves to Salesforce that it is the app: by the consumer secret, or by a signed assertion
(private_key_jwt), whose key need not be in the backend.

Sources: RFC 7521 section 4.2, RFC 7523 sections 2.2 and 3. Salesforce takes RS256 only, by the certificate of the
External Client App (Metadata API Developer Guide, ExtlClntAppGlobalOauthSettings, `certificate`). An app has one
certificate, so the header names none (no `kid`, no `x5t`). Which audience Salesforce wants is not confirmed.
"""

# The library has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import asyncio
import hashlib
import secrets
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any, Literal, Protocol

import google.auth
import msgspec
import structlog
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from backend import deadline, telemetry
from backend.failures import NotSigned
from backend.values import Clock, Secret
from contract.errors import Misconfigured, Reason

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 90  # Salesforce takes three minutes at most for its other assertions
SIGN_SECONDS = 2.0  # time-out of one request to Cloud KMS
_SIGN_TRIES = 2
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LEAST_BITS = 2048
Audience = Literal["host", "token"]
_log = structlog.get_logger("store")
# What no second try mends: the key, its name, or who may use it.
_SET_UP_WRONGLY = (
    exceptions.PermissionDenied,
    exceptions.Unauthenticated,
    exceptions.NotFound,
    exceptions.FailedPrecondition,
    exceptions.InvalidArgument,
)


class ClientKeyError(ValueError):
    """What is wrong with a client key; the text never quotes it."""


class ClientAuthentication(Protocol):
    """How the app is told from others at Salesforce's OAuth endpoints."""

    async def parameters(self, audience: str) -> dict[str, str]:
        """The form fields for one request to the host whose base URL is `audience`; they are made anew for each
        request.

        Raises NotSigned for a passing fault, Misconfigured when the key cannot be used. Nothing was sent then.
        """
        ...


class Signer(Protocol):
    """A private RSA key, wherever it is."""

    async def sign(self, message: bytes) -> bytes:
        """The signature of RS256 (RSASSA-PKCS1-v1_5 with SHA-256). Raises as `ClientAuthentication.parameters`."""
        ...


class ConsumerSecret:
    """The consumer secret, sent along with each request."""

    def __init__(self, consumer_key: str, consumer_secret: Secret) -> None:
        self._consumer_key = consumer_key
        self._consumer_secret = consumer_secret

    async def parameters(self, audience: str) -> dict[str, str]:
        return {"client_id": self._consumer_key, "client_secret": self._consumer_secret.reveal()}


class PrivateKeyJwt:
    """An assertion for each request, signed with the key whose certificate the app has at Salesforce. `audience` says
    who is named in it: the host that is asked, or its token endpoint.
    """

    def __init__(self, consumer_key: str, signer: Signer, clock: Clock, *, audience: Audience = "host") -> None:
        self._consumer_key = consumer_key
        self._signer = signer
        self._clock = clock
        self._path = "/services/oauth2/token" if audience == "token" else ""

    async def parameters(self, audience: str) -> dict[str, str]:
        expires = self._clock.now() + timedelta(seconds=ASSERTION_SECONDS)
        claims = {
            "iss": self._consumer_key,
            "sub": self._consumer_key,
            "aud": f"{audience}{self._path}",
            "exp": int(expires.timestamp()),
            "jti": secrets.token_urlsafe(16),
        }
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        with telemetry.span("sign client assertion"):
            signature = await self._signer.sign(signed.encode())
        return {
            "client_id": self._consumer_key,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": f"{signed}.{_base64url(signature)}",
        }


class PemSigner:
    """A key in this process's memory. It signs in the event loop: a sign-in or a refresh needs one signature, of about
    a millisecond.

    Raises ClientKeyError when `pem` is no private RSA key of 2,048 bits or more.
    """

    def __init__(self, pem: Secret) -> None:
        self._key = _private_key(pem)

    async def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())


class KmsSigner:
    """A key that never leaves Cloud KMS: `version` is the name `projects/…/cryptoKeyVersions/N` of a version with the
    algorithm RSA_SIGN_PKCS1_2048_SHA256.

    Source: Cloud KMS API, CryptoKeyVersions.asymmetricSign; "Data integrity guidelines" (the CRC32C fields).
    """

    def __init__(self, version: str, client: Any = None) -> None:
        self._version = version
        self._client: Any = client

    async def sign(self, message: bytes) -> bytes:
        digest = hashlib.sha256(message).digest()
        request = {"name": self._version, "digest": {"sha256": digest}, "digest_crc32c": crc32c(digest)}
        why = "no time was left"
        for _ in range(_SIGN_TRIES):
            seconds = deadline.left(SIGN_SECONDS)
            if not seconds:
                break
            try:
                client = await self._kms()
                answer = await client.asymmetric_sign(request=request, retry=None, timeout=seconds)
            except _SET_UP_WRONGLY:
                raise Misconfigured(Reason.MISCONFIGURED) from None
            except (exceptions.GoogleAPIError, GoogleAuthError) as failed:
                why = type(failed).__name__  # not its text, which may name the account
                continue
            why = "the answer was changed on its way"
            whole = answer.verified_digest_crc32c and answer.signature_crc32c == crc32c(answer.signature)
            if whole and answer.name == self._version:
                return answer.signature
        _log.warning("store unavailable", kind=why, service="Cloud KMS")
        raise NotSigned

    async def _kms(self) -> Any:
        """The client, which belongs to the running event loop. Its library and who this is are read in a thread: that
        takes a third of a second, and only who signs needs it.
        """
        if self._client is None:
            library, credentials = await asyncio.to_thread(_kms_library)
            self._client = self._client or library.KeyManagementServiceAsyncClient(credentials=credentials)
        return self._client


# Salesforce's errors for assertions of apps are not published; the texts are those of its other assertions.
_REFUSED = {"invalid_client", "invalid_client_credentials", "app_not_found"}
_ABOUT_ASSERTIONS = ("assertion", "audience")


def is_refused(error: str, description: str) -> bool:
    """Whether an error of a token endpoint is about what the app proves itself with, and not about the code or the
    token: that was not even looked at.
    """
    return error in _REFUSED or any(word in description for word in _ABOUT_ASSERTIONS)


def _kms_library() -> tuple[Any, Any]:
    """The library, and this process's credentials. Raises GoogleAuthError when it has none."""
    from google.cloud import kms_v1

    return kms_v1, google.auth.default(scopes=[_SCOPE])[0]


def _private_key(pem: Secret) -> rsa.RSAPrivateKey:
    """The key of a text in PEM; line ends may be written as backslash and n, as files of variables do."""
    try:
        key = serialization.load_pem_private_key(pem.reveal().replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError):
        raise ClientKeyError("not a private key in PEM without a passphrase") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _LEAST_BITS:
        raise ClientKeyError(f"not an RSA key of {_LEAST_BITS} bits or more")
    return key


def crc32c(text: bytes) -> int:
    """The checksum of Cloud KMS's integrity fields (CRC-32C, RFC 3720 appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _part(claims: dict[str, Any]) -> str:
    return _base64url(msgspec.json.encode(claims))


def _base64url(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")
