"""Which keys a keyset has, by their numbers, without what they consist of."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Keys:
    """The numbers of a keyset's keys: `seals` seals what is new, `open` are those that open."""

    seals: int
    open: frozenset[int]


def keys(keyset: str) -> Keys | None:
    """The keys of a keyset as it stands in Secret Manager, plain or wrapped by Cloud KMS; None when it is no keyset.

    Both forms tell the numbers in clear: Tink's JSON of a Keyset, and keysetInfo of an EncryptedKeyset
    (https://github.com/tink-crypto/tink-proto, tink.proto).
    """
    try:
        parsed: Any = json.loads(keyset)
        told = parsed.get("keysetInfo", parsed)
        listed = told.get("key", told.get("keyInfo"))
        opening = frozenset(int(key["keyId"]) for key in listed if key["status"] == "ENABLED")
        return Keys(int(told["primaryKeyId"]), opening)
    except (ValueError, TypeError, KeyError, AttributeError):  # the text must not be in a message
        return None
