"""Renewal: a newer credential than the one that Salesforce rejected, by one refresh of one caller across all instances.

The lease in the connection's document says who refreshes. docs/reliability.md goes through every place where a process
can stop or an answer can get lost.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

import msgspec

from backend import deadline, telemetry
from backend.connections.audit import Event
from backend.connections.connection import (
    Connection,
    Credential,
    Grant,
    Lease,
    State,
    TokenResponse,
    ended,
    lease_returned,
    lease_taken,
    lost,
    may_be_renewed,
    not_sent,
    renewed,
    sending,
    sent_unknown,
)
from backend.connections.store import Contended
from backend.connections.vault import Vault
from backend.failures import Busy, GrantRefused, LimitReached, NotSent, OutcomeUnknown, StoreUnavailable
from backend.values import Clock, Uid
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason

TOKEN_SECONDS = 10.0  # time-out of a request to the token endpoint: nothing that was sent arrives later
SEND_WITHIN_SECONDS = 8.0  # a holder that stood still for longer than this does not send any more
LEASE_SECONDS = 20.0  # longer than the two together, so that a holder never outlives its lease
WAIT_SECONDS = 25.0  # how long a renewal goes on, its own refresh or someone else's: a whole lease and a little
SKEW_SECONDS = 60.0  # clocks of two instances differ by less
IDLE_DAYS = 30  # Salesforce's usual limit for a refresh token that is not used
RETRY_PAUSES = (0.3, 1.2)  # seconds before a refresh is tried again after a passing fault, each with jitter
STORE_PAUSES = (0.1, 0.5, 2.0, 5.0)  # seconds before a write is tried again while the store fails


class Renewed(msgspec.Struct, frozen=True):
    """A newer credential; `refreshed` when Salesforce made it for this very renewal, not for an earlier one."""

    credential: Credential
    refreshed: bool


class _Renewing(msgspec.Struct, frozen=True):
    """A renewal under way in this process."""

    rejected: Credential
    task: "asyncio.Task[Renewed]"


class TokenEndpoint(Protocol):
    """Salesforce's token endpoints, as a renewal needs them."""

    async def refresh(self, grant: Grant) -> TokenResponse:
        """New tokens for a grant (RFC 6749 section 6). Raises ConnectionLost when the grant is refused for good
        (GrantRefused: without a cause), OutcomeUnknown when the token may have been used up, another OrgUnavailable or
        Misconfigured when it was not.
        """
        ...

    async def introspect(self, grant: Grant) -> bool:
        """Whether Salesforce still takes the grant, asked without using it (RFC 7662). Raises OrgUnavailable."""
        ...


class Renewal:
    """Hands out credentials, and renews them. One for each process. `random` gives numbers from 0 to 1, for jitter;
    `owner` is the name under which this process holds leases, different from every other process's.
    """

    def __init__(
        self,
        vault: Vault,
        salesforce: TokenEndpoint,
        clock: Clock,
        random: Callable[[], float],
        owner: str,
    ) -> None:
        self._vault = vault
        self._salesforce = salesforce
        self._clock = clock
        self._random = random
        self._owner = owner
        self._under_way: dict[Uid, _Renewing] = {}
        self._storing: set[Uid] = set()  # users for whom Salesforce has answered and the store has not yet

    async def get(self, uid: Uid) -> Credential:
        """The newest credential of a user; while one that was rejected is being renewed, its successor.

        Raises CallErrors.
        """
        credential = (await self._vault.open(uid)).credential
        renewing = self._under_way.get(uid)
        if renewing is not None and not credential.is_newer_than(renewing.rejected):
            return (await self._outcome(renewing)).credential
        if not credential.instance_url:  # of an old record: where the org is, only Salesforce may say
            return (await self.renew(uid, credential)).credential
        return credential

    async def renew(self, uid: Uid, rejected: Credential) -> Renewed:
        """A newer credential than the one that Salesforce rejected. Raises ConnectionLost, Misconfigured or
        OrgUnavailable; NotSent when the call's time is over first.

        Calls of this process share one renewal; it goes on when the caller that began it goes away.
        """
        newest = self._vault.recall(uid)
        if newest is not None and newest.is_newer_than(rejected):
            return Renewed(newest, refreshed=False)
        renewing = self._under_way.get(uid)
        if renewing is None:
            renewing = self._under_way[uid] = _Renewing(rejected, asyncio.create_task(self._renew(uid, rejected)))
            renewing.task.add_done_callback(lambda done: self._renewed(uid, done))
        return await self._outcome(renewing)

    async def end(self, uid: Uid, refused: Credential, reason: Reason) -> None:
        """Ends a connection whose credential Salesforce takes and with which the user may do nothing: its grant is
        revoked, and no token stays. A connection that has newer tokens by now stays as it is.
        """
        given_up = await self._vault.end(
            uid,
            lambda c: ended(c, reason) if not c.has_ended and c.is_same_grant(refused) else None,
            Event.REFUSAL,
            by="backend",
            reason=reason.value,
        )
        if given_up is not None:
            await self._vault.settle(given_up)

    async def _outcome(self, renewing: "_Renewing") -> Renewed:
        began = time.perf_counter()
        with telemetry.span("wait for renewal"):
            done, _ = await asyncio.wait({renewing.task}, timeout=deadline.left(WAIT_SECONDS + TOKEN_SECONDS))
        telemetry.took("renewal.wait", began)
        if not done:
            raise StoreUnavailable if renewing.rejected.uid in self._storing else NotSent(timed_out=True)
        return renewing.task.result()

    def _renewed(self, uid: Uid, done: asyncio.Task[Renewed]) -> None:
        self._under_way.pop(uid, None)
        if not done.cancelled():
            done.exception()  # whoever still waits raises it; nobody has to

    # The steps

    async def _renew(self, uid: Uid, rejected: Credential) -> Renewed:
        """Takes the newer credential when someone has renewed already, waits while someone holds the lease, otherwise
        takes the lease and refreshes, once.
        """
        # Others wait for it too, and a token that was sent must be stored.
        with (
            deadline.within(None),
            telemetry.span("renewal"),
        ):
            give_up = self._clock.now() + timedelta(seconds=WAIT_SECONDS)
            pauses = iter(RETRY_PAUSES)
            watched: object = None
            since = self._clock.now()
            while self._clock.now() < give_up:
                epoch = self._vault.epoch(uid)
                connection = await self._vault.require(uid)
                if connection.revision != watched:
                    watched, since = connection.revision, self._clock.now()
                if not connection.is_same_grant(rejected):
                    return Renewed(self._vault.unseal_credential(connection, epoch).credential, refreshed=False)
                if self._is_leased(connection, since):
                    await self._clock.sleep(0.05 + 0.15 * self._random())
                    continue
                try:
                    return Renewed(await self._refresh(await self._take_lease(connection)), refreshed=True)
                except Contended:
                    continue
                except (LimitReached, StoreUnavailable):  # the store's own tries are over
                    raise
                except OrgUnavailable:
                    pause = next(pauses, None)
                    if pause is None:
                        raise
                    await self._clock.sleep(pause * (0.5 + self._random()))
            raise Busy

    async def _refresh(self, held: Connection) -> Credential:
        """Sends the refresh token once and stores the outcome; each write is fenced by the revision of the one
        before.
        """
        with telemetry.span("refresh") as span:
            try:
                credential = await self._sent_and_stored(held)
            except Exception as failed:
                reason = (
                    failed.reason.value
                    if isinstance(failed, CallError)
                    else "contended"
                    if isinstance(failed, Contended)
                    else "internal"
                )
                telemetry.count("refreshes", outcome=reason)
                raise
            telemetry.count("refreshes", outcome="ok")
            span.set(generation=credential.generation)
            return credential

    async def _sent_and_stored(self, held: Connection) -> Credential:
        grant = self._vault.unseal(held)
        if held.state is State.SENT_UNKNOWN and not await self._is_still_good(held, grant):
            await self._end(held, Reason.REFRESH_LOST)
        began = self._clock.now()
        held = await self._vault.write(sending(held, self._lease()))
        if self._stood_still(began):  # the token would arrive when another one may have taken over
            await self._write_held(held, not_sent)
            raise Busy
        try:
            response = await self._salesforce.refresh(grant)
        except GrantRefused:
            await self._end(held, self._why_refused(held))
        except ConnectionLost as refused:
            await self._end(held, refused.reason)
        except OutcomeUnknown:
            await self._write_held(held, sent_unknown)
            raise Busy from None
        except CallError:
            await self._write_held(held, not_sent)
            raise
        newer = grant.refreshed(response)
        if response.uid != held.uid:  # another user's grant, sealed for this one by somebody who has the keyset
            await self._vault.revocation.give_up(newer)
            self._vault.report_tampered(held.uid)
            await self._end(held, Reason.CONNECTION_TAMPERED)
        if newer.key != grant.key:
            # Tokens that are good without the key, which no answer may undo, are not kept.
            await self._vault.revocation.give_up(newer)
            await self._end(held, Reason.REFRESH_LOST)
        self._storing.add(held.uid)
        try:
            return await self._store_response(held, newer, rotated=response.refresh_token is not None)
        finally:
            self._storing.discard(held.uid)

    async def _store_response(self, held: Connection, grant: Grant, *, rotated: bool) -> Credential:
        """Stores what Salesforce gave. It exists nowhere else, so a store that fails is tried again while the lease
        lasts.

        Whatever else was written meanwhile is kept, and a verdict that this answer was lost is taken back. Only when
        the connection is another one by now, or was ended, the new tokens are nobody's: then they are revoked. Raises
        Contended.
        """
        generation = held.generation + 1
        sealed = self._vault.seal(held.uid, generation, grant)
        pauses = iter(STORE_PAUSES)
        contended = False
        while True:
            try:
                if contended:  # within the try: the store may fail while it is read, too
                    current = await self._vault.read(held.uid)
                    if current is not None and current.created == held.created and current.generation == generation:
                        raise Contended  # an earlier try of this very write had arrived, late
                    if current is None or not may_be_renewed(current, held):
                        if rotated:  # else it is the refresh token of whoever came first
                            await self._vault.revocation.give_up(grant)
                        raise Contended
                    held = current
                epoch = self._vault.epoch(held.uid)
                try:
                    stored = await self._vault.write(
                        renewed(held, sealed, self._clock.now()), Event.REFRESH, by="backend"
                    )
                except Contended:
                    contended = True
                    continue
                return self._vault.remember(stored, grant, epoch).credential
            except Contended:
                raise
            except Exception:
                pause = next(pauses, None)
                if pause is None:
                    raise
                await self._clock.sleep(pause)

    # Parts

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        """Whether a holder may still be at work. Clocks of instances differ, so a lease is over when this instance has
        itself watched the same revision for a whole lease; a deadline only counts once no clock could still differ."""
        # This process runs one renewal of a user at a time.
        if connection.lease is None or connection.lease.owner == self._owner:
            return False
        if connection.lease.deadline + timedelta(seconds=SKEW_SECONDS) < self._clock.now():
            return False
        return self._clock.now() - since < timedelta(seconds=LEASE_SECONDS)

    async def _take_lease(self, connection: Connection) -> Connection:
        with telemetry.span("take lease"):
            return await self._vault.write(lease_taken(connection, self._lease()))

    def _lease(self) -> Lease:
        return Lease(self._owner, self._clock.now() + timedelta(seconds=LEASE_SECONDS))

    def _stood_still(self, since: datetime) -> bool:
        return self._clock.now() - since > timedelta(seconds=SEND_WITHIN_SECONDS)

    async def _is_still_good(self, held: Connection, grant: Grant) -> bool:
        """Asks Salesforce about a token that was sent without an answer: sending a used one again would revoke the
        grant.
        """
        try:
            return await self._salesforce.introspect(grant)
        except CallError:
            await self._write_held(held, lease_returned)
            raise

    def _why_refused(self, held: Connection) -> Reason:
        """Why Salesforce refused the grant without saying so: `idle-too-long` when the token was not used for
        IDLE_DAYS, otherwise `access-revoked`.
        """
        idle = self._clock.now() - held.refreshed >= timedelta(days=IDLE_DAYS)
        return Reason.IDLE_TOO_LONG if idle else Reason.ACCESS_REVOKED

    async def _end(self, held: Connection, reason: Reason) -> NoReturn:
        """Records that the grant has ended, and raises ConnectionLost."""
        written = await self._write_held(held, lambda c: ended(c, reason), Event.REFUSAL, reason.value)
        raise lost(written)

    async def _write_held(
        self,
        held: Connection,
        transition: Callable[[Connection], Connection],
        event: Event | None = None,
        reason: str = "",
    ) -> Connection:
        """Writes as the lease's holder, over what others changed meanwhile beside it.

        Raises Contended when the lease is no longer held.
        """
        while True:
            try:
                return await self._vault.write(transition(held), event, by="backend", reason=reason)
            except Contended:
                current = await self._vault.read(held.uid)
                if (
                    current is None
                    or not current.is_same_grant(held)
                    or current.lease != held.lease
                    or current.state is not held.state
                ):
                    raise
                held = current
