"""The vault: keeps connections sealed, hands out credentials, renews them when Salesforce rejects one.

A renewal is one refresh by one caller, across all instances: the lease in the connection's document says who.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from backend.core.connection import Cipher, Clock, Connection, ConnectionStore, Contended, Credential, Grant, Lease, Renewed, Secret, State
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason

LEASE_SECONDS = 20.0  # longer than the adapter's time-out for the token endpoint, so that a holder never outlives it
WAIT_SECONDS = 25.0  # how long a call waits for someone else's refresh: a whole lease and a little
SKEW_SECONDS = 60.0  # clocks of two instances differ by less
REMEMBER_SECONDS = 300.0  # how long an instance may use a credential without looking at the store again
_MAX_REMEMBERED = 10_000


class TokenEndpoint(Protocol):
    """Salesforce's refresh, seen from the vault."""

    async def refresh(self, login_host: str, instance_url: str, refresh_token: Secret) -> Grant:
        """Raises ConnectionLost when the grant is refused for good, OrgUnavailable when it may work later.

        OrgUnavailable(outcome-unknown) says that the token may have been used up.
        """
        ...

    async def is_active(self, login_host: str, refresh_token: Secret) -> bool:
        """Whether Salesforce still takes the token, asked without using it (RFC 7662). Raises OrgUnavailable."""
        ...


class Vault:
    """All that the backend knows of connections. One for each process; safe for many concurrent calls."""

    def __init__(self, store: ConnectionStore, cipher: Cipher, tokens: TokenEndpoint, clock: Clock, random: Callable[[], float], owner: str) -> None:
        self._store = store
        self._cipher = cipher
        self._tokens = tokens
        self._clock = clock
        self._random = random
        self._owner = owner
        self._remembered: dict[str, tuple[Credential, datetime]] = {}
        self._renewals: dict[str, asyncio.Task[Renewed]] = {}

    async def open_connection(self, uid: str) -> Credential:
        """The newest credential: from memory, else from the store. Raises ConnectionLost."""
        remembered = self._remembered.get(uid)
        if remembered is not None and remembered[1] > self._clock.now():
            return remembered[0]
        return self._usable(await self._require(uid))

    async def renew(self, uid: str, rejected: Credential) -> Renewed:
        """A newer credential than the one that Salesforce rejected. Raises ConnectionLost or OrgUnavailable.

        Calls of this process share one renewal; it goes on when the caller that began it goes away.
        """
        remembered = self._remembered.get(uid)
        if remembered is not None and remembered[0].generation > rejected.generation:
            return Renewed(remembered[0], refreshed=False)
        task = self._renewals.get(uid)
        if task is None:
            task = asyncio.create_task(self._renew(uid, rejected))
            self._renewals[uid] = task
            task.add_done_callback(lambda _: self._renewals.pop(uid, None))
        return await asyncio.shield(task)

    async def save(self, grant: Grant, uid: str, login_host: str) -> Secret | None:
        """Stores a new sign-in over whatever stood there; returns the refresh token that it replaces, if any."""
        if grant.refresh_token is None:
            raise ValueError("a sign-in without refresh token is not stored")
        while True:
            before = await self._store.read(uid)
            now = self._clock.now()
            generation = 1 if before is None else before.generation + 1
            connection = Connection(
                uid=uid,
                org_id=grant.org_id,
                user_id=grant.user_id,
                login_host=login_host,
                instance_url=grant.instance_url,
                scope=grant.scope,
                generation=generation,
                access_token=self._seal(uid, "access_token", generation, grant.access_token),
                refresh_token=self._seal(uid, "refresh_token", generation, grant.refresh_token),
                state=State.FRESH,
                created=now,
                refreshed=now,
                revision=None if before is None else before.revision,
            )
            try:
                await self._store.write(connection)
            except Contended:
                continue
            self._remember(Credential(uid, grant.access_token, grant.instance_url, generation))
            return None if before is None else self._replaced_token(before)

    async def forget(self, uid: str) -> tuple[Secret, str] | None:
        """Deletes a connection; returns its refresh token and login host for revocation, None when there was none."""
        while True:
            self._remembered.pop(uid, None)
            connection = await self._store.read(uid)
            if connection is None:
                return None
            try:
                await self._store.delete(connection)
                break
            except Contended:
                continue  # renewed meanwhile: the newer token is the one to revoke
        token = self._replaced_token(connection)
        return None if token is None else (token, connection.login_host)

    # Renewal

    async def _renew(self, uid: str, rejected: Credential) -> Renewed:
        give_up = self._clock.now() + timedelta(seconds=WAIT_SECONDS)
        watched: object = None
        since = self._clock.now()
        while self._clock.now() < give_up:
            connection = await self._require(uid)
            if connection.revision != watched:
                watched, since = connection.revision, self._clock.now()
            if connection.generation > rejected.generation:
                return Renewed(self._usable(connection), refreshed=False)
            if self._is_leased(connection, since):
                await self._clock.sleep(0.05 + 0.15 * self._random())
                continue
            try:
                return Renewed(await self._refresh(await self._take_lease(connection)), refreshed=True)
            except Contended:
                continue
        raise OrgUnavailable(Reason.ORG_BUSY)

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        """Whether a holder may still be at work. Clocks of instances differ, so a lease is over when this instance has
        itself watched the same revision for a whole lease; a deadline only counts once no clock could still differ."""
        if connection.lease is None or connection.lease.deadline + timedelta(seconds=SKEW_SECONDS) < self._clock.now():
            return False
        return self._clock.now() - since < timedelta(seconds=LEASE_SECONDS)

    async def _take_lease(self, connection: Connection) -> Connection:
        """Takes a free lease, or a dead holder's; what that one may have sent is not forgotten."""
        lease = Lease(self._owner, self._clock.now() + timedelta(seconds=LEASE_SECONDS))
        sent = connection.state in (State.SENDING, State.SENT_UNKNOWN)
        return await self._store.write(replace(connection, state=State.SENT_UNKNOWN if sent else State.REFRESHING, lease=lease))

    async def _refresh(self, held: Connection) -> Credential:
        """Refreshes under the lease and stores the outcome; each write is fenced by the revision of the one before."""
        token = self._unseal(held, "refresh_token", held.refresh_token)
        if held.state is State.SENT_UNKNOWN and not await self._is_still_good(held, token):
            await self._end(held, Reason.REFRESH_LOST)
            raise ConnectionLost(Reason.REFRESH_LOST)
        held = await self._store.write(replace(held, state=State.SENDING))
        try:
            grant = await self._tokens.refresh(held.login_host, held.instance_url, token)
        except ConnectionLost as lost:
            await self._end(held, lost.reason)
            raise
        except CallError as failed:
            unknown = failed.reason is Reason.OUTCOME_UNKNOWN
            await self._store.write(replace(held, state=State.SENT_UNKNOWN if unknown else State.FRESH, lease=None))
            raise OrgUnavailable(Reason.ORG_BUSY) if unknown else failed from None
        return await self._store_grant(held, grant, token)

    async def _is_still_good(self, held: Connection, token: Secret) -> bool:
        """Asks Salesforce about a token that was sent without an answer: sending a used one again would revoke the grant."""
        try:
            return await self._tokens.is_active(held.login_host, token)
        except CallError:
            await self._store.write(replace(held, lease=None))
            raise

    async def _store_grant(self, held: Connection, grant: Grant, used: Secret) -> Credential:
        """Stores what Salesforce gave. It exists nowhere else, so a store that fails is tried again while the lease lasts."""
        generation = held.generation + 1
        renewed = replace(
            held,
            instance_url=grant.instance_url,
            generation=generation,
            access_token=self._seal(held.uid, "access_token", generation, grant.access_token),
            refresh_token=self._seal(held.uid, "refresh_token", generation, grant.refresh_token or used),
            state=State.FRESH,
            lease=None,
            refreshed=self._clock.now(),
        )
        for pause in (0.1, 0.5, 2.0, 5.0):
            try:
                await self._store.write(renewed)
                break
            except Contended:
                raise
            except Exception:
                await self._clock.sleep(pause)
        else:
            await self._store.write(renewed)
        return self._remember(Credential(held.uid, grant.access_token, grant.instance_url, generation))

    async def _end(self, held: Connection, reason: Reason) -> None:
        await self._store.write(replace(held, state=State.NEEDS_SIGN_IN, ended_reason=reason, lease=None))
        self._remembered.pop(held.uid, None)

    # Parts

    async def _require(self, uid: str) -> Connection:
        connection = await self._store.read(uid)
        if connection is None:
            self._remembered.pop(uid, None)
            raise ConnectionLost(Reason.NOT_CONNECTED)
        if connection.state is State.NEEDS_SIGN_IN:
            raise ConnectionLost(connection.ended_reason or Reason.ACCESS_REVOKED)
        return connection

    def _usable(self, connection: Connection) -> Credential:
        token = self._unseal(connection, "access_token", connection.access_token)
        return self._remember(Credential(connection.uid, token, connection.instance_url, connection.generation))

    def _remember(self, credential: Credential) -> Credential:
        known = self._remembered.get(credential.uid)
        if known is None or known[0].generation <= credential.generation:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[credential.uid] = (credential, self._clock.now() + timedelta(seconds=REMEMBER_SECONDS))
        return credential

    def _replaced_token(self, connection: Connection) -> Secret | None:
        try:
            return self._unseal(connection, "refresh_token", connection.refresh_token)
        except ConnectionLost:
            return None  # sealed under a key that is gone: nothing to revoke it with

    def _seal(self, uid: str, field: str, generation: int, token: Secret) -> bytes:
        return self._cipher.seal(token, uid=uid, field=field, generation=generation)

    def _unseal(self, connection: Connection, field: str, sealed: bytes) -> Secret:
        return self._cipher.unseal(sealed, uid=connection.uid, field=field, generation=connection.generation)
