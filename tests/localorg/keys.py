"""Keys of servers that sign assertions."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def key_and_certificate() -> tuple[rsa.RSAPrivateKey, str]:
    """A key and the certificate (PEM) for it that an app's settings take."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key, certificate_of(key)


def certificate_of(key: rsa.RSAPrivateKey) -> str:
    """A self-signed certificate (PEM) of a key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
