"""Sealing: a ciphertext that was moved does not open, keys change without a pause, and nothing of the key shows."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from backend.adapters.cipher import (
    KeysetError,
    TinkCipher,
    add_key,
    drop_keys,
    kms_key,
    merge_keysets,
    new_keyset,
    promote_key,
    wrap,
)
from backend.values import Secret
from contract.errors import ConnectionLost, Reason

KEYSET = Secret(new_keyset())
PLACE = {"uid": "00D_005", "field": "access_token", "generation": 3}


def test_what_is_sealed_opens_in_its_own_place() -> None:
    cipher = TinkCipher(KEYSET)
    sealed = cipher.seal(Secret("tökén"), **PLACE)  # pyright: ignore[reportArgumentType]
    assert "tökén".encode() not in sealed
    assert cipher.unseal(sealed, **PLACE).reveal() == "tökén"  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("moved", [{"uid": "00D_006"}, {"field": "refresh_token"}, {"generation": 4}])
def test_a_ciphertext_moved_to_another_place_does_not_open(moved: dict[str, object]) -> None:
    cipher = TinkCipher(KEYSET)
    sealed = cipher.seal(Secret("token"), **PLACE)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConnectionLost) as lost:
        cipher.unseal(sealed, **(PLACE | moved))  # pyright: ignore[reportArgumentType]
    assert lost.value.reason is Reason.CONNECTION_TAMPERED


def reason(cipher: TinkCipher, sealed: bytes) -> Reason:
    with pytest.raises(ConnectionLost) as lost:
        cipher.unseal(sealed, **PLACE)  # pyright: ignore[reportArgumentType]
    return lost.value.reason


def test_what_a_dropped_key_has_sealed_is_told_apart_from_what_nobody_has_sealed() -> None:
    old = new_keyset()
    sealed = TinkCipher(Secret(old)).seal(Secret("token"), **PLACE)  # pyright: ignore[reportArgumentType]
    keyset = old
    for _ in range(2):  # also after the next rotation
        keyset = drop_keys(promote_key(add_key(keyset)))
        assert reason(TinkCipher(Secret(keyset)), sealed) is Reason.TOKENS_UNREADABLE
    dropped = [key for key in json.loads(keyset)["key"] if key["status"] == "DESTROYED"]
    assert len(dropped) == 2
    assert not any("keyData" in key for key in dropped), "the key itself is gone"
    assert reason(TinkCipher(Secret(new_keyset())), sealed) is Reason.CONNECTION_TAMPERED, "nobody's key"
    for altered in (b"", b"\x01", sealed[1:], b"\x00" + sealed[1:], b"made up"):
        assert reason(TinkCipher(Secret(keyset)), altered) is Reason.CONNECTION_TAMPERED
    for altered in (sealed[:-1], sealed + b"x", sealed[:5]):
        assert reason(TinkCipher(Secret(old)), altered) is Reason.CONNECTION_TAMPERED


@pytest.mark.parametrize("keyset", ["", "{}", "not json", '{"primaryKeyId": 1, "key": []}'])
def test_what_is_no_keyset_is_refused_without_being_repeated(keyset: str) -> None:
    with pytest.raises(KeysetError) as wrong:
        TinkCipher(Secret(keyset))
    assert str(wrong.value) == "not a Tink AEAD keyset in JSON"
    for step in (add_key, promote_key, drop_keys):
        with pytest.raises(KeysetError, match="cannot be read"):
            step(keyset)


def test_a_secret_does_not_show() -> None:
    secret = Secret("hidden")
    assert "hidden" not in f"{secret} {secret!r} {[secret]}"


def test_keys_change_without_a_moment_in_which_something_does_not_open() -> None:
    """At each step instances with the keyset before and the one after are at work together."""
    old = new_keyset()
    added = add_key(old)
    promoted = promote_key(added)
    sealed: list[bytes] = []
    for before, after in ((old, added), (added, promoted)):
        together = [TinkCipher(Secret(keyset)) for keyset in (before, after)]
        sealed += [cipher.seal(Secret("token"), **PLACE) for cipher in together]  # pyright: ignore[reportArgumentType]
        for cipher in together:
            assert all(cipher.unseal(s, **PLACE) == Secret("token") for s in sealed)  # pyright: ignore[reportArgumentType]
    dropped = TinkCipher(Secret(drop_keys(promoted)))
    resealed = TinkCipher(Secret(promoted)).seal(Secret("token"), **PLACE)  # pyright: ignore[reportArgumentType]
    assert dropped.unseal(resealed, **PLACE) == Secret("token")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConnectionLost):
        dropped.unseal(sealed[0], **PLACE)  # pyright: ignore[reportArgumentType]


def test_two_keysets_become_one_that_opens_what_either_has_sealed() -> None:
    """For going back to a version that has the old one, and for a backup that is older than a dropped key."""
    old = new_keyset()
    dropped = drop_keys(promote_key(add_key(old)))
    sealed = [TinkCipher(Secret(keyset)).seal(Secret("token"), **PLACE) for keyset in (old, dropped)]  # pyright: ignore[reportArgumentType]
    for merged in (merge_keysets(dropped, old), merge_keysets(old, dropped)):
        cipher = TinkCipher(Secret(merged))
        assert [cipher.unseal(s, **PLACE) for s in sealed] == [Secret("token")] * 2  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConnectionLost):
        TinkCipher(Secret(old)).unseal(sealed[1], **PLACE)  # pyright: ignore[reportArgumentType]
    first = TinkCipher(Secret(merge_keysets(dropped, old))).seal(Secret("token"), **PLACE)  # pyright: ignore[reportArgumentType]
    assert TinkCipher(Secret(dropped)).unseal(first, **PLACE) == Secret("token"), "the first one seals"  # pyright: ignore[reportArgumentType]
    with pytest.raises(KeysetError, match="cannot be read"):
        merge_keysets(old, "")


KMS_KEY = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"


class Kms(grpc.GenericRpcHandler):
    """The two methods of Cloud KMS that wrap and unwrap, over gRPC on this machine, with a key that stays inside."""

    def __init__(self) -> None:
        self.inside = TinkCipher(Secret(new_keyset()))
        self.asked: list[str] = []

    def service(self, handler_call_details: Any) -> Any:
        method = str(handler_call_details.method).rpartition("/")[2]
        request, answer = {
            "Encrypt": (kms_v1.EncryptRequest, kms_v1.EncryptResponse),
            "Decrypt": (kms_v1.DecryptRequest, kms_v1.DecryptResponse),
        }[method]
        work = self.encrypt if method == "Encrypt" else self.decrypt
        return grpc.unary_unary_rpc_method_handler(work, request.deserialize, answer.serialize)

    def encrypt(self, asked: Any, _context: Any) -> Any:
        self.asked.append("encrypt")
        place = {"uid": asked.name, "field": asked.additional_authenticated_data.decode(), "generation": 0}
        return kms_v1.EncryptResponse(
            name=asked.name, ciphertext=self.inside.seal(Secret(asked.plaintext.decode("latin-1")), **place)
        )

    def decrypt(self, asked: Any, context: Any) -> Any:
        self.asked.append("decrypt")
        place = {"uid": asked.name, "field": asked.additional_authenticated_data.decode(), "generation": 0}
        try:
            return kms_v1.DecryptResponse(
                plaintext=self.inside.unseal(asked.ciphertext, **place).reveal().encode("latin-1")
            )
        except ConnectionLost:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Decryption failed")


@pytest.fixture
def kms() -> Iterator[tuple[Kms, Any]]:
    handler, server = Kms(), grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    yield handler, kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
    channel.close()
    server.stop(None)


def test_a_keyset_wrapped_by_cloud_kms_opens_with_one_request(kms: tuple[Kms, Any]) -> None:
    handler, client = kms
    key = kms_key(f"gcp-kms://{KMS_KEY}", client)
    wrapped = new_keyset(key)
    assert "encryptedKeyset" in wrapped
    handler.asked.clear()
    cipher = TinkCipher(Secret(wrapped), key)
    sealed = cipher.seal(Secret("token"), **PLACE)  # pyright: ignore[reportArgumentType]
    assert cipher.unseal(sealed, **PLACE) == Secret("token")  # pyright: ignore[reportArgumentType]
    assert handler.asked == ["decrypt"]


def test_a_plain_keyset_is_wrapped_later_and_its_steps_stay_wrapped(kms: tuple[Kms, Any]) -> None:
    key = kms_key(f"gcp-kms://{KMS_KEY}", kms[1])
    plain = new_keyset()
    sealed = TinkCipher(Secret(plain)).seal(Secret("token"), **PLACE)  # pyright: ignore[reportArgumentType]
    keyset = wrap(plain, key)
    for step in (add_key, promote_key):
        keyset = step(keyset, key)
        assert "encryptedKeyset" in keyset
    assert reason(TinkCipher(Secret(drop_keys(keyset, key)), key), sealed) is Reason.TOKENS_UNREADABLE
    assert TinkCipher(Secret(keyset), key).unseal(sealed, **PLACE) == Secret("token")  # pyright: ignore[reportArgumentType]


def test_a_keyset_of_another_kms_key_is_refused(kms: tuple[Kms, Any]) -> None:
    _, client = kms
    wrapped = new_keyset(kms_key(f"gcp-kms://{KMS_KEY}", client))
    for keyset in (wrapped, new_keyset()):
        with pytest.raises(KeysetError, match="this KMS key"):
            TinkCipher(Secret(keyset), kms_key(f"gcp-kms://{KMS_KEY}-other", client))
    with pytest.raises(KeysetError, match="gcp-kms://projects"):
        kms_key("projects/p", client)
