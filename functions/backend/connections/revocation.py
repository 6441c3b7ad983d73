"""Giving grants up: what no connection holds any more is revoked at Salesforce, now or later, and is not forgotten
before Salesforce has said yes.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from typing import Protocol

from backend.connections.connection import Grant
from backend.connections.tombstones import Tombstone, TombstoneStore
from backend.connections.writes import Contended
from backend.failures import Tampered
from backend.values import Cipher, Clock
from contract.errors import CallError

KEEP_DAYS = 30  # Salesforce's usual limit for a refresh token that is not used
SIGN_IN_SECONDS = 600.0  # longer than any sign-in, whose grant has a tombstone until it is in its connection
SKEW_SECONDS = 60.0  # clocks of two instances differ by less; what is of a later time was not written by one
_GRANT = "tombstone"


class Retried(Enum):
    """What the upkeep did about a tombstone."""

    REVOKED = "revoked"
    POSTPONED = "postponed"  # Salesforce has not said yes
    DROPPED = "dropped"  # nor for KEEP_DAYS
    LEFT = "left"  # it is of a sign-in that may be under way, or somebody else is at it


class RevocationEndpoint(Protocol):
    """Salesforce's revocation endpoint (RFC 7009)."""

    async def revoke(self, grant: Grant) -> None:
        """Ends a grant; one that has ended already is no error.

        Raises OrgUnavailable or another CallError when Salesforce does not confirm it.
        """
        ...


class Revocation:
    """Revokes grants, each with a tombstone until Salesforce has confirmed. `new_id` makes the tombstones' ids;
    `tampered` is called with the id of one that was changed from outside.
    """

    def __init__(
        self,
        store: TombstoneStore,
        cipher: Cipher,
        salesforce: RevocationEndpoint,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
        tampered: Callable[[str], None] = lambda _id: None,
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._salesforce = salesforce
        self._clock = clock
        self._new_id = new_id
        self._report_tampered = tampered

    def tombstone(self, grant: Grant, instead_of: Tombstone | None = None) -> Tombstone:
        """A tombstone of a grant, in place of another one or a new one; it is not written yet."""
        if instead_of is None:
            instead_of = Tombstone(self._new_id(), b"", self._clock.now())
        return instead_of.holding(self._seal(instead_of.id, grant))

    async def hold(self, grant: Grant) -> Tombstone:
        """Writes the tombstone of a grant that is to come into a connection: the commit that saves it there takes the
        tombstone away, so that whatever is interrupted, one of the two has the grant.
        """
        return await self._store.write_tombstone(self.tombstone(grant))

    async def let_go(self, held: Tombstone) -> None:
        """Revokes what was held and has not come into a connection; nothing when it has, or nobody can tell now."""
        try:
            claimed = await self._store.write_tombstone(
                held.claimed()
            )  # a save that is still on its way comes too late now
        except Exception:
            return  # it was saved, or the store is away: then the upkeep sees to it
        await self.settle(claimed)

    async def give_up(self, grant: Grant) -> bool:
        """Revokes a grant that no connection holds. Returns whether Salesforce has confirmed it."""
        tombstone = self.tombstone(grant)
        with suppress(Exception):  # without a store Salesforce is asked all the same
            await self._store.write_tombstone(tombstone)
        return await self.settle(tombstone)

    async def settle(self, tombstone: Tombstone) -> bool:
        """Asks Salesforce to revoke, and forgets the tombstone on a yes. Returns whether it was one."""
        try:
            await self._salesforce.revoke(self._unseal(tombstone))
        except CallError as refused:
            if isinstance(refused, Tampered):
                self._report_tampered(tombstone.id)
            return False
        with suppress(Exception):  # the upkeep finds it again, and Salesforce says that it is revoked
            await self._store.delete_tombstone(tombstone)
        return True

    async def retry(self, tombstone: Tombstone) -> Retried:
        """What the upkeep does about a stored tombstone."""
        age = self._clock.now() - tombstone.at
        if age < -timedelta(seconds=SKEW_SECONDS):
            tombstone = tombstone.given_up(self._clock.now())  # else it would never be old enough
        elif age <= timedelta(seconds=SIGN_IN_SECONDS):
            return Retried.LEFT
        try:
            claimed = await self._store.write_tombstone(tombstone.claimed())
        except Contended:
            return Retried.LEFT
        if await self.settle(claimed):
            return Retried.REVOKED
        if age <= timedelta(days=KEEP_DAYS):
            return Retried.POSTPONED
        await self._store.delete_tombstone(claimed)
        return Retried.DROPPED

    async def reseal(self) -> int:
        """Seals all tombstones with the newest key; returns how many. What nobody can unseal stays as it is."""
        done = 0
        async for tombstone in self._store.tombstones():
            with suppress(Contended, CallError):
                await self._store.write_tombstone(self.tombstone(self._unseal(tombstone), tombstone))
                done += 1
        return done

    def _seal(self, id: str, grant: Grant) -> bytes:
        return self._cipher.seal(grant.to_text(), uid=id, field=_GRANT, generation=0)

    def _unseal(self, tombstone: Tombstone) -> Grant:
        """Raises ConnectionLost when nobody can."""
        return Grant.from_text(self._cipher.unseal(tombstone.sealed, uid=tombstone.id, field=_GRANT, generation=0))
