"""The certificate of the client key: self-signed by Cloud KMS, for the External Client App.

The key never leaves Cloud KMS, so the library that builds the certificate gets a stand-in that asks there.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from devtools.deploy import keys
from devtools.deploy.cloud import Cloud, DeployError, Write
from devtools.paths import ROOT

FOLDER = ROOT / "deploy/salesforce"
YEARS = 10  # nothing reminds of the end, and a new key version ends a certificate sooner
_RENEW_DAYS = 60  # a deployment makes a new one so long before the end
_PENDING = "PENDING_GENERATION"
_GENERATED_WITHIN = 60  # seconds


def file(project: str) -> Path:
    """Where the certificate is written."""
    return FOLDER / f"certificate.{project}.pem"


def missing(cloud: Cloud, key: Mapping[str, str]) -> list[Write]:
    """Writes the certificate, unless the file holds one of this very key that is good for a while."""
    path = file(cloud.project)
    if path.is_file() and _state(cloud, key) == "ENABLED" and _fits(path.read_text(), cloud.public_key(key)):
        return []
    return [Write(path, lambda: make(cloud, key))]


def _state(cloud: Cloud, key: Mapping[str, str]) -> str:
    return keys.versions(cloud, key).get(key["cryptoKeyVersions"], "")


def make(cloud: Cloud, key: Mapping[str, str], sleep: Callable[[float], None] = time.sleep) -> str:
    """A new certificate as PEM. Raises DeployError."""
    for _ in range(_GENERATED_WITHIN // 2):
        if _state(cloud, key) != _PENDING:
            break
        sleep(2)
    public = _public_key(cloud.public_key(key))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"salesforce-sample {cloud.project}"[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(_InCloudKms(public, lambda text: cloud.sign(key, text)), hashes.SHA256())
    )
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError):
        raise DeployError("Cloud KMS signed with another key than it showed: run this again") from None
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _fits(pem: str, public_key: str) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return False
    lasts = certificate.not_valid_after_utc - datetime.now(UTC)
    return certificate.public_key() == _public_key(public_key) and lasts > timedelta(days=_RENEW_DAYS)


def _public_key(pem: str) -> rsa.RSAPublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise DeployError("the client key in Cloud KMS is no RSA key: name a new one in SALESFORCE_CLIENT_KEY_KMS")
    return key


class _InCloudKms(rsa.RSAPrivateKey):
    """A private key of which the certificate builder may only ask a signature: the others raise DeployError."""

    def __init__(self, public: rsa.RSAPublicKey, sign: Callable[[bytes], bytes]) -> None:
        self._public = public
        self._sign = sign

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        assert isinstance(padding, _PKCS1), "RSA_SIGN_PKCS1_2048_SHA256 has this padding"
        assert isinstance(algorithm, hashes.SHA256), "and this digest"
        return self._sign(bytes(data))

    def decrypt(self, ciphertext: bytes, padding: Any) -> NoReturn:
        raise _stays()

    def private_numbers(self) -> NoReturn:
        raise _stays()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> NoReturn:
        raise _stays()

    def __copy__(self) -> "_InCloudKms":
        return self

    def __deepcopy__(self, _: object) -> "_InCloudKms":
        return self


def _stays() -> DeployError:
    return DeployError("the client key signs in Cloud KMS and cannot be taken out of it")


_PKCS1 = padding.PKCS1v15
