"""The vault: keeps connections sealed, hands out credentials, renews them when Salesforce rejects one.

A renewal is one refresh by one caller, across all instances: the lease in the connection's document says who.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

from backend.core.audit import Audit
from backend.core.connection import (
    Chain,
    Cipher,
    Clock,
    Connection,
    ConnectionStore,
    Contended,
    Credential,
    Entry,
    Event,
    Grant,
    Lease,
    Renewed,
    Secret,
    State,
)
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason

TOKEN_SECONDS = 10.0  # time-out of a request to the token endpoint: nothing that was sent arrives later
SEND_WITHIN_SECONDS = 8.0  # a holder that stood still for longer than this does not send any more
LEASE_SECONDS = 20.0  # longer than the two together, so that a holder never outlives its lease
WAIT_SECONDS = 25.0  # how long a call waits for a renewal, its own or someone else's: a whole lease and a little
SKEW_SECONDS = 60.0  # clocks of two instances differ by less
REMEMBER_SECONDS = 60.0  # how long an instance may use a credential without looking at the store again
IDLE_DAYS = 30  # Salesforce's usual limit for a refresh token that is not used
MAX_SESSIONS = 20  # devices of one user; the one that signed in longest ago makes room
RETRY_PAUSES = (0.3, 1.2)  # seconds before a refresh is tried again after a passing fault, each with jitter
_MAX_REMEMBERED = 10_000

Notice = Callable[[Connection, Event | None], None]


class TokenEndpoint(Protocol):
    """Salesforce's token endpoints, seen from the vault."""

    async def refresh(self, login_host: str, instance_url: str, refresh_token: Secret) -> Grant:
        """Raises ConnectionLost when the grant is refused for good, OrgUnavailable when it may work later.

        OrgUnavailable(outcome-unknown) says that the token may have been used up.
        """
        ...

    async def is_active(self, login_host: str, refresh_token: Secret) -> bool:
        """Whether Salesforce still takes the token, asked without using it (RFC 7662). Raises OrgUnavailable."""
        ...

    async def revoke(self, login_host: str, token: Secret) -> None:
        """Ends a grant; one that has ended already is no error (RFC 7009). Raises OrgUnavailable when Salesforce cannot be told."""
        ...


@dataclass(frozen=True, slots=True)
class _Remembered:
    credential: Credential
    created: datetime
    sessions: frozenset[str]
    until: datetime


class Vault:
    """All that the backend knows of connections. One for each process; safe for many concurrent calls.

    `owner` tells this process from all others; `notice` hears of every state that a connection comes into.
    """

    def __init__(
        self,
        store: ConnectionStore,
        cipher: Cipher,
        tokens: TokenEndpoint,
        clock: Clock,
        random: Callable[[], float],
        owner: str,
        audit: Audit,
        notice: Notice = lambda _connection, _event: None,
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._tokens = tokens
        self._clock = clock
        self._random = random
        self._owner = owner
        self._audit = audit
        self._notice = notice
        self._remembered: dict[str, _Remembered] = {}
        self._renewals: dict[str, asyncio.Task[Renewed]] = {}

    async def open_connection(self, uid: str) -> Credential:
        """The newest credential: from memory, else from the store. Raises ConnectionLost."""
        remembered = self._recall(uid)
        return (await self._look_up(uid)).credential if remembered is None else remembered.credential

    async def admits(self, uid: str, session: str) -> bool:
        """Whether a session is signed in; True when there is no living connection, which the call itself finds out."""
        remembered = self._recall(uid)
        if remembered is not None and session in remembered.sessions:
            return True
        try:  # it may have signed in through another instance a moment ago
            return session in (await self._look_up(uid)).sessions
        except ConnectionLost:
            return True

    async def renew(self, uid: str, rejected: Credential) -> Renewed:
        """A newer credential than the one that Salesforce rejected. Raises ConnectionLost or OrgUnavailable.

        Calls of this process share one renewal; it goes on when the caller that began it goes away.
        """
        remembered = self._recall(uid)
        if remembered is not None and remembered.credential.generation > rejected.generation:
            return Renewed(remembered.credential, refreshed=False)
        task = self._renewals.get(uid)
        if task is None:
            task = asyncio.create_task(self._renew(uid, rejected))
            self._renewals[uid] = task
            task.add_done_callback(lambda _: self._renewals.pop(uid, None))
        return await asyncio.shield(task)

    async def save(self, grant: Grant, uid: str, login_host: str, session: str) -> Connection | None:
        """Stores a new sign-in over whatever stood there; returns what it replaces, whose grant is to be revoked."""
        if grant.refresh_token is None:
            raise ValueError("a sign-in without refresh token is not stored")
        while True:
            before = await self._store.read(uid)
            now = self._clock.now()
            generation = 1 if before is None else before.generation + 1
            signed_in = {} if before is None else dict(sorted(before.sessions.items(), key=lambda s: s[1])[-(MAX_SESSIONS - 1) :])
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
                used=now,
                stay_signed_in=before is not None and before.stay_signed_in,
                sessions={**signed_in, session: now},
                chain=None if before is None else before.chain,
                revision=None if before is None else before.revision,
            )
            try:
                self._remember(await self._write(connection, Event.SIGN_IN, by="user"), grant.access_token)
                return before
            except Contended:
                continue

    async def change(
        self, uid: str, change: Callable[[Connection], Connection | None], event: Event | None = None, *, by: str = "", reason: str = ""
    ) -> Connection | None:
        """Changes a stored connection and records `event` with it; None when there is none, or `change` says None.

        A refresh that is under way goes on: its holder takes over what was changed meanwhile.
        """
        while True:
            found = await self._store.read(uid)
            changed = None if found is None else change(found)
            if changed is None:
                return None
            try:
                written = await self._write(changed, event, by=by, reason=reason)
            except Contended:
                continue
            self._remembered.pop(uid, None)
            return written

    async def remove(
        self, uid: str, event: Event, *, by: str, reason: str = "", only: Callable[[Connection], bool] | None = None
    ) -> Connection | None:
        """Deletes a connection and closes its record; what was deleted, None when there was none or `only` says no."""
        while True:
            self._remembered.pop(uid, None)
            found = await self._store.read(uid)
            if found is None or (only is not None and not only(found)):
                return None

            async def delete(chain: Chain, entry: Entry, found: Connection = found) -> Connection:
                removed = replace(found, chain=chain)
                await self._store.delete(removed, entry)
                return removed

            try:
                now = self._clock.now()
                removed = await self._audit.commit(found.chain, event, delete, at=now, by=by, generation=found.generation, reason=reason)
            except Contended:
                continue  # renewed meanwhile: the newer token is the one to revoke
            self._notice(removed, event)
            return removed

    async def revoke(self, connection: Connection) -> bool:
        """Ends a connection's grant at Salesforce; whether Salesforce has confirmed. Without an answer it ends when it idles out."""
        if not connection.refresh_token:
            return True
        try:
            token = self._unseal(connection, "refresh_token", connection.refresh_token)
        except ConnectionLost:
            return False  # sealed under a key that is gone: nothing to revoke it with
        return await self.revoke_token(connection.login_host, token)

    async def revoke_token(self, login_host: str, token: Secret) -> bool:
        """Ends a grant at Salesforce by its refresh token; whether Salesforce has confirmed."""
        try:
            await self._tokens.revoke(login_host, token)
        except CallError:
            return False
        return True

    def resealed(self, connection: Connection) -> Connection:
        """The same tokens, sealed with the newest key. Raises ConnectionLost(tokens-unreadable) when their key is gone."""
        uid, generation = connection.uid, connection.generation

        def again(field: str, sealed: bytes) -> bytes:
            return self._seal(uid, field, generation, self._unseal(connection, field, sealed)) if sealed else sealed

        return replace(
            connection,
            access_token=again("access_token", connection.access_token),
            refresh_token=again("refresh_token", connection.refresh_token),
            chain=None if connection.chain is None else self._audit.reseal(connection.chain),
        )

    # Renewal

    async def _renew(self, uid: str, rejected: Credential) -> Renewed:
        give_up = self._clock.now() + timedelta(seconds=WAIT_SECONDS)
        watched: object = None
        since = self._clock.now()
        pauses = iter(RETRY_PAUSES)
        while self._clock.now() < give_up:
            connection = await self._require(uid)
            if connection.revision != watched:
                watched, since = connection.revision, self._clock.now()
            if connection.generation != rejected.generation:
                return Renewed(self._usable(connection).credential, refreshed=False)
            if self._is_leased(connection, since):
                await self._clock.sleep(0.05 + 0.15 * self._random())
                continue
            try:
                return Renewed(await self._refresh(await self._take_lease(connection)), refreshed=True)
            except Contended:
                continue
            except OrgUnavailable as passing:
                pause = None if passing.reason is Reason.ORG_LIMIT else next(pauses, None)
                if pause is None:
                    raise
                await self._clock.sleep(pause * (0.5 + self._random()))
        raise OrgUnavailable(Reason.ORG_BUSY)

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        """Whether a holder may still be at work. Clocks of instances differ, so a lease is over when this instance has
        itself watched the same revision for a whole lease; a deadline only counts once no clock could still differ."""
        if connection.lease is None or connection.lease.owner == self._owner:  # this process runs one renewal of a user at a time
            return False
        if connection.lease.deadline + timedelta(seconds=SKEW_SECONDS) < self._clock.now():
            return False
        return self._clock.now() - since < timedelta(seconds=LEASE_SECONDS)

    async def _take_lease(self, connection: Connection) -> Connection:
        """Takes a free lease, or a dead holder's; what that one may have sent is not forgotten."""
        sent = connection.state in (State.SENDING, State.SENT_UNKNOWN)
        return await self._write(replace(connection, state=State.SENT_UNKNOWN if sent else State.REFRESHING, lease=self._lease()))

    def _lease(self) -> Lease:
        return Lease(self._owner, self._clock.now() + timedelta(seconds=LEASE_SECONDS))

    async def _refresh(self, held: Connection) -> Credential:
        """Refreshes under the lease and stores the outcome; each write is fenced by the revision of the one before."""
        token = self._unseal(held, "refresh_token", held.refresh_token)
        if held.state is State.SENT_UNKNOWN and not await self._is_still_good(held, token):
            await self._end(held, Reason.REFRESH_LOST)
        began = self._clock.now()
        held = await self._write(replace(held, state=State.SENDING, lease=self._lease()))
        if self._stood_still(began):  # the token would arrive when another one may have taken over
            await self._write_held(held, lambda c: replace(c, state=State.FRESH, lease=None))
            raise OrgUnavailable(Reason.ORG_BUSY)
        try:
            grant = await self._tokens.refresh(held.login_host, held.instance_url, token)
        except ConnectionLost as refused:
            await self._end(held, self._why(held, refused.reason))
        except CallError as failed:
            unknown = failed.reason is Reason.OUTCOME_UNKNOWN
            await self._write_held(held, lambda c: replace(c, state=State.SENT_UNKNOWN if unknown else State.FRESH, lease=None))
            raise OrgUnavailable(Reason.ORG_BUSY) if unknown else failed from None
        return await self._store_grant(held, grant, token)

    def _stood_still(self, since: datetime) -> bool:
        return self._clock.now() - since > timedelta(seconds=SEND_WITHIN_SECONDS)

    async def _is_still_good(self, held: Connection, token: Secret) -> bool:
        """Asks Salesforce about a token that was sent without an answer: sending a used one again would revoke the grant."""
        try:
            return await self._tokens.is_active(held.login_host, token)
        except CallError:
            await self._write_held(held, lambda c: replace(c, lease=None))
            raise

    async def _store_grant(self, held: Connection, grant: Grant, used: Secret) -> Credential:
        """Stores what Salesforce gave. It exists nowhere else, so a store that fails is tried again while the lease lasts.

        Whatever else was written meanwhile is kept, even a verdict that this answer was lost. Only when the connection is
        another one by now, or ended on purpose, the new grant is nobody's: then it is revoked. Raises Contended.
        """
        generation = held.generation + 1
        access_token = self._seal(held.uid, "access_token", generation, grant.access_token)
        refresh_token = self._seal(held.uid, "refresh_token", generation, grant.refresh_token or used)
        pauses = iter((0.1, 0.5, 2.0, 5.0))
        while True:
            renewed = replace(
                held,
                instance_url=grant.instance_url,
                generation=generation,
                access_token=access_token,
                refresh_token=refresh_token,
                state=State.FRESH,
                lease=None,
                ended_reason=None,
                refreshed=self._clock.now(),
            )
            try:
                self._remember(await self._write(renewed, Event.REFRESH, by="backend"), grant.access_token)
                return Credential(held.uid, grant.access_token, grant.instance_url, generation)
            except Contended:
                found = await self._store.read(held.uid)
                if found is not None and found.created == held.created and found.generation == generation:
                    raise  # an earlier try of this very write had arrived
                if found is None or found.state is State.REVOKED or not _same_grant(found, held):
                    if grant.refresh_token is not None:
                        await self.revoke_token(held.login_host, grant.refresh_token)
                    raise
                held = found
            except Exception:
                pause = next(pauses, None)
                if pause is None:
                    raise
                await self._clock.sleep(pause)

    def _why(self, held: Connection, reason: Reason) -> Reason:
        """Salesforce refuses every dead token in the same words; how long this one lay still tells one cause from the others."""
        idle = self._clock.now() - held.refreshed >= timedelta(days=IDLE_DAYS)
        return Reason.IDLE_TOO_LONG if idle and reason is Reason.ACCESS_REVOKED else reason

    async def _end(self, held: Connection, reason: Reason) -> NoReturn:
        """Records that the grant has ended, and raises ConnectionLost."""
        ended = await self._write_held(
            held, lambda c: replace(c, state=State.NEEDS_SIGN_IN, ended_reason=reason, lease=None), Event.REFUSAL, reason.value
        )
        self._remembered.pop(held.uid, None)
        raise lost(ended)

    async def _write_held(
        self, held: Connection, change: Callable[[Connection], Connection], event: Event | None = None, reason: str = ""
    ) -> Connection:
        """Writes as the lease's holder, over what others changed meanwhile beside it. Raises Contended when the lease is no longer held."""
        while True:
            try:
                return await self._write(change(held), event, by="backend", reason=reason)
            except Contended:
                found = await self._store.read(held.uid)
                if found is None or not _same_grant(found, held) or found.lease != held.lease or found.state is not held.state:
                    raise
                held = found

    # Parts

    async def _write(self, connection: Connection, event: Event | None = None, *, by: str = "", reason: str = "") -> Connection:
        if event is None:
            written = await self._store.write(connection)
        else:

            async def write(chain: Chain, entry: Entry) -> Connection:
                return await self._store.write(replace(connection, chain=chain), entry)

            now = self._clock.now()
            written = await self._audit.commit(connection.chain, event, write, at=now, by=by, generation=connection.generation, reason=reason)
        self._notice(written, event)
        return written

    async def _require(self, uid: str) -> Connection:
        connection = await self._store.read(uid)
        if connection is None or connection.state in (State.NEEDS_SIGN_IN, State.REVOKED):
            self._remembered.pop(uid, None)
            raise lost(connection)
        return connection

    async def _look_up(self, uid: str) -> _Remembered:
        connection = await self._require(uid)
        if self._clock.now() - connection.used > timedelta(days=1) and connection.lease is None:
            try:  # for those that look for unused connections; whoever writes at the same moment shows that it is in use
                connection = await self._store.write(replace(connection, used=self._clock.now()))
            except Contended:
                connection = await self._require(uid)
        return self._usable(connection)

    def _usable(self, connection: Connection) -> _Remembered:
        return self._remember(connection, self._unseal(connection, "access_token", connection.access_token))

    def _recall(self, uid: str) -> _Remembered | None:
        remembered = self._remembered.get(uid)
        return None if remembered is None or remembered.until <= self._clock.now() else remembered

    def _remember(self, connection: Connection, access_token: Secret) -> _Remembered:
        known = self._recall(connection.uid)
        if known is not None and known.created == connection.created and known.credential.generation > connection.generation:
            return known  # read before it was renewed
        credential = Credential(connection.uid, access_token, connection.instance_url, connection.generation)
        until = self._clock.now() + timedelta(seconds=REMEMBER_SECONDS)
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.pop(next(iter(self._remembered)))
        remembered = _Remembered(credential, connection.created, frozenset(connection.sessions), until)
        self._remembered[connection.uid] = remembered
        return remembered

    def _seal(self, uid: str, field: str, generation: int, token: Secret) -> bytes:
        return self._cipher.seal(token, uid=uid, field=field, generation=generation)

    def _unseal(self, connection: Connection, field: str, sealed: bytes) -> Secret:
        return self._cipher.unseal(sealed, uid=connection.uid, field=field, generation=connection.generation)


def lost(connection: Connection | None) -> ConnectionLost:
    """Why a connection cannot be used, and its state for the app."""
    if connection is None:
        return ConnectionLost(Reason.NOT_CONNECTED)
    return ConnectionLost(connection.ended_reason or Reason.ACCESS_REVOKED, details={"state": connection.state.value})


def _same_grant(one: Connection, other: Connection) -> bool:
    return one.created == other.created and one.generation == other.generation
