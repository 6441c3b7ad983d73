"""Tombstones: grants that no connection holds, and whose revocation Salesforce has not confirmed yet."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec.structs import replace


class Tombstone(msgspec.Struct, frozen=True):
    """A grant to be revoked, sealed for this random `id`, so that it names no user; b"": nothing is left to revoke.

    `at` is when it was given up, `claims` how often somebody has taken it up to revoke it, `revision` the store's own
    mark of this state of the document; None: not written yet.
    """

    id: str
    sealed: bytes
    at: datetime
    claims: int = 0
    revision: object = None

    def claimed(self) -> "Tombstone":
        """The same tombstone, taken up once more: a write that changes nothing would leave its revision as it is."""
        return replace(self, claims=self.claims + 1)

    def given_up(self, at: datetime) -> "Tombstone":
        """The same tombstone with another time at which it was given up."""
        return replace(self, at=at)

    def holding(self, sealed: bytes) -> "Tombstone":
        """The same tombstone with something else sealed in it; b"": it is deleted when it is written."""
        return replace(self, sealed=sealed)


class TombstoneStore(Protocol):
    """Where tombstones are kept."""

    async def write_tombstone(self, tombstone: Tombstone) -> Tombstone:
        """Writes over exactly the revision that it was read at (None: there must be none yet).

        Returns it with its new revision. Raises Contended.
        """
        ...

    async def tombstone(self, id: str) -> Tombstone | None:
        """The tombstone as it is stored, None when there is none."""
        ...

    async def delete_tombstone(self, tombstone: Tombstone) -> None:
        """Deletes it, whatever its revision; one that is gone already is no error."""
        ...

    def tombstones(self) -> AsyncIterator[Tombstone]:
        """All of them."""
        ...
