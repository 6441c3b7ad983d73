"""At most one record under an idempotency key, whose requests all have the same content."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from backend.failures import OutcomeUnknown, StoreUnavailable
from backend.values import Cipher, Uid
from contract.calls import IDEMPOTENCY_KEY, Created, CreateRecord, FieldValue
from contract.errors import CallError, Reason, RefusedRequest

_KEY = re.compile(IDEMPOTENCY_KEY)


@dataclass(frozen=True, slots=True)
class Creation:
    """What a key was used for: the sealed hash of the request's content, and the id of the record that was made, None
    until Salesforce has confirmed it.
    """

    content: bytes
    record_id: str | None = None


class CreationStore(Protocol):
    """What was made under which idempotency key, kept for a day beside the connection."""

    async def claim(self, uid: Uid, key: str, content: bytes) -> bool:
        """Claims a key for a content (its sealed hash); False, and nothing is changed, when another call has claimed
        it. An own claim whose answer was lost is an own claim.
        """
        ...

    async def read(self, uid: Uid, key: str) -> Creation | None:
        """What a key was used for; None when it is free."""
        ...

    async def finish(self, uid: Uid, key: str, record_id: str) -> None:
        """Keeps which record was made under a claimed key."""
        ...

    async def give_back(self, uid: Uid, key: str) -> None:
        """Makes a key free again."""
        ...


class Creations:
    """Makes at most one record under an idempotency key. One for each process.

    The store gets the hash of a content sealed for this user and key, so that whoever reads the store cannot even check
    a guess of the content.
    """

    def __init__(self, store: CreationStore, cipher: Cipher) -> None:
        self._store = store
        self._cipher = cipher

    async def once(
        self, uid: Uid, key: str, request: CreateRecord, create: Callable[[], Awaitable[Created]]
    ) -> Created:
        """Runs `create` for a new key; for a key that was used before, returns the record that was made then.

        Raises what `create` raises; RefusedRequest(idempotency-key-reused) for another content under the same key;
        OutcomeUnknown when nobody knows whether the record was made, or whether this is the content that it was made of
        because the key that sealed its hash is gone.
        """
        if _KEY.fullmatch(key) is None:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "idempotencyKey has 1 to 100 letters, digits, - and _")
        content, field = _hash(request), f"creation {key}"
        if not await self._store.claim(uid, key, self._cipher.seal_bytes(content, uid=uid, field=field)):
            first = await self._store.read(uid, key)
            before = None if first is None else self._cipher.unseal_bytes(first.content, uid=uid, field=field)
            if before is not None and before != content:
                raise RefusedRequest(Reason.IDEMPOTENCY_KEY_REUSED)
            if first is None or before is None or first.record_id is None:
                raise OutcomeUnknown(writes=True)
            return Created(first.record_id)
        try:
            created = await create()
        except OutcomeUnknown:
            raise
        except CallError:
            with suppress(StoreUnavailable):  # the key stays taken then; what the caller is to know is why it failed
                await self._store.give_back(uid, key)  # it was not made, so the key is free again
            raise
        with suppress(StoreUnavailable):  # it was made: only a repetition will be told that nobody knows
            await self._store.finish(uid, key, created.id)
        return created


def _hash(request: CreateRecord) -> bytes:
    """The same for the same object and values, whatever the order of the fields; JSON knows one 1, written 1 or 1.0."""
    content = [request.sobject, {name: _number(value) for name, value in request.fields.items()}]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def _number(value: FieldValue) -> FieldValue:
    return int(value) if isinstance(value, float) and value.is_integer() else value
