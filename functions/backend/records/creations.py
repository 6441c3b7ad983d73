"""At most one record, or one run of an action, under an idempotency key, whose requests all have the same content."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

import msgspec

from backend.failures import OutcomeUnknown, StoreUnavailable
from backend.values import Cipher, Uid
from contract.calls import IDEMPOTENCY_KEY, Created, CreateRecord, FieldValue
from contract.errors import CallError, Reason, RefusedRequest

T = TypeVar("T")
_KEY = re.compile(IDEMPOTENCY_KEY)


class Creation(msgspec.Struct, frozen=True):
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
        """Runs `create` for a new key; for a key that was used before, returns the record that was made then. Raises
        what `one` raises.
        """
        content = [request.sobject, plain(request.fields)]
        return await self.one(uid, key, content, create, kept=lambda created: created.id, again=Created)

    async def one(
        self,
        uid: Uid,
        key: str,
        content: Sequence[object],
        do: Callable[[], Awaitable[T]],
        *,
        kept: Callable[[T], str],
        again: Callable[[str], T],
    ) -> T:
        """Runs `do` for a new key, and keeps what `kept` makes of its answer; for a key that was used before, answers
        what `again` makes of that. `content` is what the key belongs to, as JSON.

        Raises what `do` raises; RefusedRequest(idempotency-key-reused) for another content under the same key;
        OutcomeUnknown when nobody knows whether it was done, or whether this is the content that it was done with
        because the key that sealed its hash is gone.
        """
        if _KEY.fullmatch(key) is None:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "idempotencyKey has 1 to 100 letters, digits, - and _")
        digest, field = _hash(content), f"creation {key}"
        if not await self._store.claim(uid, key, self._cipher.seal_bytes(digest, uid=uid, field=field)):
            first = await self._store.read(uid, key)
            before = None if first is None else self._cipher.unseal_bytes(first.content, uid=uid, field=field)
            if before is not None and before != digest:
                raise RefusedRequest(Reason.IDEMPOTENCY_KEY_REUSED)
            if first is None or before is None or first.record_id is None:
                raise OutcomeUnknown(writes=True)
            return again(first.record_id)
        try:
            done = await do()
        except OutcomeUnknown:
            raise
        except CallError:
            with suppress(StoreUnavailable):  # the key stays taken then; what the caller is to know is why it failed
                await self._store.give_back(uid, key)  # it was not made, so the key is free again
            raise
        with suppress(StoreUnavailable):  # it was made: only a repetition will be told that nobody knows
            await self._store.finish(uid, key, kept(done))
        return done


def plain(fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """The values of a request, the same for 1 and 1.0: JSON knows one number."""
    return {name: _number(value) for name, value in fields.items()}


def _hash(content: Sequence[object]) -> bytes:
    """The same for the same content, whatever the order of the fields."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def _number(value: FieldValue) -> FieldValue:
    return int(value) if isinstance(value, float) and value.is_integer() else value
