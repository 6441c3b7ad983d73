"""Cloud KMS with one signing key, over gRPC on this machine, and a client key's PEM."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcAsyncIOTransport

from backend.adapters.client_authentication import crc32c

KEY = "projects/p/locations/europe/keyRings/sample/cryptoKeys/client/cryptoKeyVersions/1"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)  # one for all tests: making it takes a while
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class SigningKms(grpc.GenericRpcHandler):
    """The method AsymmetricSign, with a key that stays inside. `fails` are the codes of the next answers; `spoil`
    changes an answer before it goes out.
    """

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.fails: list[grpc.StatusCode] = []
        self.spoil: dict[str, Any] = {}

    def service(self, handler_call_details: Any) -> Any:
        assert str(handler_call_details.method).endswith("/AsymmetricSign")
        request, answer = kms_v1.AsymmetricSignRequest, kms_v1.AsymmetricSignResponse
        return grpc.unary_unary_rpc_method_handler(self._sign, request.deserialize, answer.serialize)

    async def _sign(self, asked: Any, context: Any) -> Any:
        self.asked.append(asked)
        if self.fails:
            await context.abort(self.fails.pop(0), "as the test says")
        if asked.name != KEY:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such version")
        signature = PRIVATE.sign(asked.digest.sha256, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        good = {
            "name": asked.name,
            "signature": signature,
            "signature_crc32c": crc32c(signature),
            "verified_digest_crc32c": asked.digest_crc32c == crc32c(asked.digest.sha256),
        }
        return kms_v1.AsymmetricSignResponse({**good, **self.spoil})


@asynccontextmanager
async def running_kms() -> AsyncIterator[tuple[SigningKms, Any]]:
    """A running Cloud KMS, and a client of it."""
    kms, server = SigningKms(), grpc.aio.server()
    server.add_generic_rpc_handlers((kms,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    transport = KeyManagementServiceGrpcAsyncIOTransport(channel=channel)
    yield kms, kms_v1.KeyManagementServiceAsyncClient(transport=transport)
    await channel.close()
    await server.stop(None)
