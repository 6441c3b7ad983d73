"""Sealing with Tink (AEAD): what is sealed for one connection, field and generation opens for no other.

The keyset is JSON, plain (as a secret) or wrapped by a key of Cloud KMS. To change keys without a pause, deploy after
each step: add (every instance can open the new key), promote (it seals), re-seal what is stored, drop (the old key is
gone). A dropped key leaves its number in the keyset, so that what it sealed is told apart from what nobody sealed.
"""

# The library has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import json
from functools import cache
from typing import Any, cast

import tink
from tink import aead, json_proto_keyset_format, secret_key_access

from backend.failures import Tampered
from backend.values import Secret
from contract.errors import ConnectionLost, Reason

_WRAPPED_FOR = b"connections"  # associated data of a wrapped keyset
_ENABLED = 1  # a key's status (KeyStatusType in tink.proto)
_VERSION = b"\x01"  # begins what a Tink key has sealed, before the key's number in four bytes


@cache
def _register() -> None:
    """Makes AEAD known to Tink, once: it looks through all that it knows each time."""
    aead.register()


class KeysetError(Exception):
    """What is wrong with a keyset; the text never quotes it."""


class TinkCipher:
    """The Cipher of values.py. `keyset` is a Tink AEAD keyset as JSON, wrapped by the key `wrapped_by` when there is
    one.

    Raises KeysetError when `keyset` is no such keyset, or `wrapped_by` cannot unwrap it.
    """

    def __init__(self, keyset: Secret, wrapped_by: aead.Aead | None = None) -> None:
        _register()
        try:
            handle = _parse(keyset.reveal(), wrapped_by)
            self._aead: aead.Aead = handle.primitive(aead.Aead)
            self._dropped = tuple(
                _VERSION + key.key_id.to_bytes(4, "big")
                for key in handle.keyset_info().key_info
                if key.status != _ENABLED
            )
        except (tink.TinkError, ValueError):  # "from None": Tink's own text may quote the key
            what = (
                "not a Tink AEAD keyset in JSON"
                if wrapped_by is None
                else "not a keyset that this KMS key has wrapped, or Cloud KMS refuses"
            )
            raise KeysetError(what) from None

    def seal(self, text: Secret, *, uid: str, field: str, generation: int) -> bytes:
        return self._aead.encrypt(text.reveal().encode(), _associated(uid, field, generation))

    def unseal(self, sealed: bytes, *, uid: str, field: str, generation: int) -> Secret:
        try:
            return Secret(self._aead.decrypt(sealed, _associated(uid, field, generation)).decode())
        except (tink.TinkError, UnicodeDecodeError):
            if sealed.startswith(self._dropped):
                raise ConnectionLost(Reason.TOKENS_UNREADABLE) from None
            raise Tampered from None

    def seal_bytes(self, text: bytes, *, uid: str, field: str) -> bytes:
        return self._aead.encrypt(text, _associated(uid, field, 0))

    def unseal_bytes(self, sealed: bytes, *, uid: str, field: str) -> bytes | None:
        try:
            return self._aead.decrypt(sealed, _associated(uid, field, 0))
        except tink.TinkError:
            return None


def kms_key(uri: str, client: Any = None) -> aead.Aead:
    """The key `gcp-kms://projects/…/cryptoKeys/…` of Cloud KMS; every use is a request.

    Raises KeysetError for a name of another form.
    """
    from google.cloud import kms_v1  # late: most set-ups do without
    from tink.integration import gcpkms

    try:
        return gcpkms.new_client(kms_v1_client=client or kms_v1.KeyManagementServiceClient(), key_uri=uri).get_aead(uri)
    except tink.TinkError:
        raise KeysetError("a KMS key is written gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K") from None


def new_keyset(wrapped_by: aead.Aead | None = None) -> str:
    """A new AES256-GCM keyset as one line of JSON, for Secret Manager or a local `.secret.local`."""
    _register()
    return _serialize(tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM), wrapped_by)


def add_key(keyset: str, wrapped_by: aead.Aead | None = None) -> str:
    """The keyset with one more key, which opens and does not seal yet. Raises KeysetError."""
    keys, added = _keys(keyset, wrapped_by), json.loads(new_keyset())
    return _from_keys({**keys, "key": [*keys["key"], *added["key"]]}, wrapped_by)


def promote_key(keyset: str, wrapped_by: aead.Aead | None = None) -> str:
    """The keyset with the key added last as the one that seals. Raises KeysetError."""
    keys = _keys(keyset, wrapped_by)
    usable = [k for k in keys["key"] if k["status"] == "ENABLED"]
    return _from_keys({**keys, "primaryKeyId": usable[-1]["keyId"]}, wrapped_by)


def drop_keys(keyset: str, wrapped_by: aead.Aead | None = None) -> str:
    """The keyset with nothing but the key that seals, and the numbers of those that it had. Raises KeysetError."""
    keys = _keys(keyset, wrapped_by)
    kept = [k if k["keyId"] == keys["primaryKeyId"] else _destroyed(k) for k in keys["key"]]
    return _from_keys({**keys, "key": kept}, wrapped_by)


def merge_keysets(keyset: str, other: str, wrapped_by: aead.Aead | None = None) -> str:
    """The keyset with the keys of another one too, which open and do not seal. Raises KeysetError."""
    keys, more = _keys(keyset, wrapped_by), _keys(other, wrapped_by)
    usable = {k["keyId"] for k in (*keys["key"], *more["key"]) if k["status"] == "ENABLED"}
    merged = {
        k["keyId"]: k for k in (*more["key"], *keys["key"]) if k["status"] == "ENABLED" or k["keyId"] not in usable
    }
    return _from_keys({**keys, "key": list(merged.values())}, wrapped_by)


def wrap(keyset: str, wrapped_by: aead.Aead) -> str:
    """A plain keyset, wrapped by a key of Cloud KMS. Raises KeysetError."""
    return _from_keys(_keys(keyset, None), wrapped_by)


def _parse(text: str, wrapped_by: aead.Aead | None) -> tink.KeysetHandle:
    if wrapped_by is None:
        return json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
    return json_proto_keyset_format.parse_encrypted(text, wrapped_by, _WRAPPED_FOR)


def _serialize(handle: tink.KeysetHandle, wrapped_by: aead.Aead | None) -> str:
    if wrapped_by is None:
        text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    else:
        text = json_proto_keyset_format.serialize_encrypted(handle, wrapped_by, _WRAPPED_FOR)
    return json.dumps(json.loads(text))


def _keys(keyset: str, wrapped_by: aead.Aead | None) -> dict[str, Any]:
    _register()
    try:
        return cast(dict[str, Any], json.loads(_serialize(_parse(keyset, wrapped_by), None)))
    except (tink.TinkError, ValueError):
        raise KeysetError("the keyset cannot be read") from None


def _from_keys(keys: dict[str, Any], wrapped_by: aead.Aead | None) -> str:
    return _serialize(json_proto_keyset_format.parse(json.dumps(keys), secret_key_access.TOKEN), wrapped_by)


def _destroyed(key: dict[str, Any]) -> dict[str, Any]:
    """A key without its material: Tink's status for a key whose number may not be used again."""
    return {**{name: value for name, value in key.items() if name != "keyData"}, "status": "DESTROYED"}


def _associated(uid: str, field: str, generation: int) -> bytes:
    return f"{uid}\x00{field}\x00{generation}".encode()
