"""Sealing: a ciphertext that was moved does not open, and nothing of the key shows."""

import pytest

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.core.connection import Secret
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
    assert lost.value.reason is Reason.TOKENS_UNREADABLE


def test_a_lost_key_is_a_typed_error() -> None:
    sealed = TinkCipher(KEYSET).seal(Secret("token"), **PLACE)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConnectionLost):
        TinkCipher(Secret(new_keyset())).unseal(sealed, **PLACE)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("keyset", ["", "{}", "not json", '{"primaryKeyId": 1, "key": []}'])
def test_what_is_no_keyset_is_refused_without_being_repeated(keyset: str) -> None:
    with pytest.raises(ValueError, match="not a Tink AEAD keyset"):
        TinkCipher(Secret(keyset))


def test_a_secret_does_not_show() -> None:
    secret = Secret("hidden")
    assert "hidden" not in f"{secret} {secret!r} {[secret]}"
