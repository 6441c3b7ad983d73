"""Sealing with Tink (AEAD): what is sealed for one connection, field and generation opens for no other."""

# The library has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import json

import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from backend.core.connection import Secret
from contract.errors import ConnectionLost, Reason


class TinkCipher:
    """`keyset` is a Tink AEAD keyset as JSON. Raises ValueError when it is not one."""

    def __init__(self, keyset: Secret) -> None:
        aead.register()
        try:
            handle = json_proto_keyset_format.parse(keyset.reveal(), secret_key_access.TOKEN)
            self._aead: aead.Aead = handle.primitive(aead.Aead)
        except (tink.TinkError, ValueError):
            raise ValueError("not a Tink AEAD keyset in JSON") from None  # Tink's own text may quote the key

    def seal(self, token: Secret, *, uid: str, field: str, generation: int) -> bytes:
        return self._aead.encrypt(token.reveal().encode(), _associated(uid, field, generation))

    def unseal(self, sealed: bytes, *, uid: str, field: str, generation: int) -> Secret:
        try:
            return Secret(self._aead.decrypt(sealed, _associated(uid, field, generation)).decode())
        except tink.TinkError:
            raise ConnectionLost(Reason.TOKENS_UNREADABLE) from None


def new_keyset() -> str:
    """A new AES256-GCM keyset as JSON, for Secret Manager or a local `.secret.local`."""
    aead.register()
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    return json.dumps(json.loads(json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)))  # on one line


def _associated(uid: str, field: str, generation: int) -> bytes:
    return f"{uid}\x00{field}\x00{generation}".encode()
