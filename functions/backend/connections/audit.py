"""What happened to a connection: an append-only record, each entry chained to the one before by its hash.

An entry names a subject, a random word; which user that is, is kept beside the record and can be erased without
breaking it. The newest hash is sealed with the tokens' key, so that one who can only write to the store cannot make up
a record.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from backend.values import Cipher, Secret
from contract.errors import ConnectionLost

_FIELD = "audit"


class Event(StrEnum):
    """What an entry of the audit record is about."""

    SIGN_IN = "sign-in"
    REFRESH = "refresh"
    REFUSAL = "refusal"  # Salesforce refused the grant for good
    REVOCATION = "revocation"  # signed out, or not used for long
    ERASURE = "erasure"
    BLOCK = "block"
    UNBLOCK = "unblock"


class Entry(msgspec.Struct, frozen=True):
    """A line of the audit record.

    `by` is user, backend, schedule or an administrator's name; `generation` the connection's, `previous` the hash of
    the entry before, "" for the first. `write_id` is that of the write that it came with, and no part of its hash.
    """

    subject: str
    sequence: int
    at: datetime
    event: Event
    by: str
    generation: int
    reason: str
    previous: str
    write_id: str = ""


class Chain(msgspec.Struct, frozen=True):
    """The end of a subject's record: its newest hash, plain and sealed."""

    subject: str
    sequence: int
    hash: str
    seal: bytes


class Recorded(msgspec.Struct, frozen=True):
    """A record as the store has it: its end (None: it is missing) and every entry, by sequence."""

    subject: str
    end: Chain | None
    entries: Sequence[Entry]


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with a record, and from which entry on (1: the first)."""

    subject: str
    sequence: int
    what: str


class Audit:
    """Makes entries, and checks whether a record is whole. `new_id` makes random subjects."""

    def __init__(self, cipher: Cipher, new_id: Callable[[], str]) -> None:
        self._cipher = cipher
        self._new_id = new_id

    def append(
        self, chain: Chain | None, event: Event, *, at: datetime, by: str, generation: int = 0, reason: str = ""
    ) -> tuple[Chain, Entry]:
        """The entry that follows `chain` (None: the first of a new one), and the chain with it."""
        subject = self._new_id() if chain is None else chain.subject
        sequence = 1 if chain is None else chain.sequence + 1
        previous = "" if chain is None else chain.hash
        entry = Entry(subject, sequence, at, event, by, generation, reason, previous)
        return self._chain(subject, sequence, hash_of(entry)), entry

    def reseal(self, chain: Chain) -> Chain:
        """The same chain, sealed with the newest key; unchanged when its seal does not open, which `flaw` reports."""
        try:
            sealed = self._cipher.unseal(chain.seal, uid=chain.subject, field=_FIELD, generation=chain.sequence)
        except ConnectionLost:
            return chain
        return self._chain(chain.subject, chain.sequence, sealed.reveal())

    def flaw(self, recorded: Recorded) -> Flaw | None:
        """The first flaw, None when no entry was changed, moved, left out, added, or cut off at the end."""
        subject, end, previous = recorded.subject, recorded.end, ""
        for expected, entry in enumerate(recorded.entries, start=1):
            if entry.sequence != expected:
                return Flaw(subject, expected, "an entry is missing")
            if entry.subject != subject or entry.previous != previous:
                return Flaw(subject, max(1, expected - 1), "an entry was changed or moved")
            previous = hash_of(entry)
        if end is None:
            return Flaw(subject, len(recorded.entries), "the end of the chain is missing")
        if end.sequence != len(recorded.entries):
            return Flaw(
                subject, min(end.sequence, len(recorded.entries)) + 1, "entries were added or cut off at the end"
            )
        if end.hash != previous or not self._is_sealed(end, previous):
            return Flaw(subject, end.sequence, "the last entry is not the one that was sealed")
        return None

    def _chain(self, subject: str, sequence: int, newest: str) -> Chain:
        return Chain(
            subject, sequence, newest, self._cipher.seal(Secret(newest), uid=subject, field=_FIELD, generation=sequence)
        )

    def _is_sealed(self, end: Chain, newest: str) -> bool:
        try:
            return (
                self._cipher.unseal(end.seal, uid=end.subject, field=_FIELD, generation=end.sequence).reveal() == newest
            )
        except ConnectionLost:
            return False


def hash_of(entry: Entry) -> str:
    """SHA-256 over what an entry says, the hash of the one before among it."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [
        entry.subject,
        entry.sequence,
        at,
        entry.event.value,
        entry.by,
        entry.generation,
        entry.reason,
        entry.previous,
    ]
    return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()
