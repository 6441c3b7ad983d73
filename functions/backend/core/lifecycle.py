"""A connection's life after sign-in: looked at, kept alive, signed out here or everywhere, erased, killed, not used for long.

Each of the endings can be broken off anywhere and run again: what is done stays done, the rest is made up for.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from backend.core.connection import Clock, Connection, ConnectionStore, Credential, Event, Secret, Sought, State, revocation_due
from backend.core.stops import EVERYONE, KillSwitch
from backend.core.vault import Vault, lost
from contract.calls import ConnectionStatus, Erased
from contract.errors import CallError, ConnectionLost, Reason

AT_ONCE = 16  # connections that are worked on at the same time


class Sessions(Protocol):
    """Firebase Authentication, seen from here; a user that it does not know is no error."""

    async def end_sessions(self, uid: str) -> None: ...

    async def delete_user(self, uid: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Killed:
    """What a kill did: connections ended, and how many of them Salesforce has not confirmed yet."""

    ended: int
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What one run of the upkeep did."""

    kept_alive: int = 0
    refused: int = 0
    put_off: int = 0
    deleted: int = 0
    revoked: int = 0


class Lifecycle:
    """Ends connections, and keeps those from ending that their users want to keep. One for each process."""

    def __init__(
        self,
        vault: Vault,
        store: ConnectionStore,
        sessions: Sessions,
        switch: KillSwitch,
        clock: Clock,
        *,
        keep_alive: timedelta,
        delete_unused: timedelta,
    ) -> None:
        self._vault = vault
        self._store = store
        self._sessions = sessions
        self._switch = switch
        self._clock = clock
        self._keep_alive = keep_alive
        self._delete_unused = delete_unused

    async def status(self, uid: str) -> ConnectionStatus:
        """How it stands with a user's connection, ended ones included. Raises ConnectionLost(not-connected)."""
        return _status(await self._store.read(uid))

    async def stay_signed_in(self, uid: str, wanted: bool) -> ConnectionStatus:
        """Whether the grant is kept alive while the user does not use the app. Raises ConnectionLost(not-connected)."""
        return _status(await self._vault.change(uid, lambda c: replace(c, stay_signed_in=wanted)))

    async def sign_out(self, uid: str, session: str, *, everywhere: bool) -> None:
        """Ends one device's session; with the last one, or everywhere, the connection, its grant and the Firebase sessions too."""

        def is_last(connection: Connection) -> bool:
            return everywhere or set(connection.sessions) <= {session}

        def without(connection: Connection) -> Connection | None:
            return None if is_last(connection) else replace(connection, sessions={s: t for s, t in connection.sessions.items() if s != session})

        while True:
            removed = await self._vault.remove(uid, Event.REVOCATION, by="user", reason="signed-out", only=is_last)
            if removed is not None:
                await asyncio.gather(self._sessions.end_sessions(uid), self._vault.revoke(removed))
                return
            if await self._vault.change(uid, without) is not None:
                return
            if await self._store.read(uid) is None:
                return await self._sessions.end_sessions(uid)

    async def erase(self, uid: str) -> Erased:
        """Revokes the grant, deletes the connection, its traces and the Firebase user; the record of it names nobody any more."""
        found = await self._store.read(uid)
        confirmed = found is None or await self._vault.revoke(found)
        removed = await self._vault.remove(uid, Event.ERASURE, by="user")
        if removed is not None and found is not None and removed.generation != found.generation:
            confirmed = await self._vault.revoke(removed)
        await self._store.erase(uid)
        await self._sessions.delete_user(uid)
        at = self._clock.now().isoformat(timespec="seconds")
        receipt = removed.chain.hash if removed is not None and removed.chain is not None else ""
        return Erased(receipt, at, revoked_at_salesforce=confirmed)

    async def kill(self, target: str, *, by: str) -> Killed:
        """Shuts out everyone, an org or a user: first every call of theirs, then each connection, here and at Salesforce."""
        await self._switch.stop(target, by=by)
        ended = unconfirmed = 0

        async def end(connection: Connection) -> None:
            nonlocal ended, unconfirmed
            revoked = await self._vault.change(connection.uid, _revoked, Event.KILL, by=by, reason=Reason.ACCESS_STOPPED.value)
            if revoked is None and not revocation_due(connection):
                return
            ended += 1
            if not await self._finish_revocation(revoked or connection):
                unconfirmed += 1
            await self._sessions.end_sessions(connection.uid)

        await _each(self._targeted(target), end)
        return Killed(ended, unconfirmed)

    async def upkeep(self) -> UpkeepReport:
        """Once a day: refreshes the grants of users who want to stay signed in when the refresh token has lain for
        `keep_alive`, deletes connections unused for `delete_unused`, revokes at Salesforce what a kill could not."""
        done: dict[str, int] = {}

        def count(what: str) -> None:
            done[what] = done.get(what, 0) + 1

        async def keep(connection: Connection) -> None:
            if connection.state in (State.NEEDS_SIGN_IN, State.REVOKED):
                return
            try:
                await self._vault.renew(connection.uid, Credential(connection.uid, Secret(""), connection.instance_url, connection.generation))
                count("kept_alive")
            except CallError as failed:
                count("refused" if isinstance(failed, ConnectionLost) else "put_off")

        async def delete(connection: Connection) -> None:
            def is_unused(c: Connection) -> bool:
                return c.used < unused_since

            removed = await self._vault.remove(connection.uid, Event.REVOCATION, by="schedule", reason="not-used", only=is_unused)
            if removed is not None:
                await self._vault.revoke(removed)
                count("deleted")

        async def revoke(connection: Connection) -> None:
            count("revoked" if await self._finish_revocation(connection) else "put_off")

        now = self._clock.now()
        unused_since = now - self._delete_unused
        await _each(self._store.find(Sought(revocation_due=True)), revoke)
        await _each(self._store.find(Sought(used_before=unused_since)), delete)
        await _each(self._store.find(Sought(stay_signed_in=True, refreshed_before=now - self._keep_alive)), keep)
        return UpkeepReport(**done)

    async def _finish_revocation(self, connection: Connection) -> bool:
        """Revokes at Salesforce, then forgets the token that this took; whether Salesforce has confirmed."""
        if not await self._vault.revoke(connection):
            return False
        await self._vault.change(connection.uid, lambda c: replace(c, refresh_token=b"") if c.state is State.REVOKED and c.refresh_token else None)
        return True

    async def _targeted(self, target: str) -> AsyncIterator[Connection]:
        if "_" in target:
            found = await self._store.read(target)
            if found is not None:
                yield found
            return
        async for connection in self._store.find(Sought(org_id=None if target == EVERYONE else target)):
            yield connection


def _status(connection: Connection | None) -> ConnectionStatus:
    if connection is None:
        raise lost(None)
    return ConnectionStatus(
        state=connection.state.value,
        generation=connection.generation,
        signed_in_at=connection.created.isoformat(timespec="seconds"),
        refreshed_at=connection.refreshed.isoformat(timespec="seconds"),
        login_host=connection.login_host,
        devices=len(connection.sessions),
        stay_signed_in=connection.stay_signed_in,
        ended_reason=None if connection.ended_reason is None else connection.ended_reason.value,
    )


def _revoked(connection: Connection) -> Connection | None:
    if connection.state is State.REVOKED:
        return None
    return replace(connection, state=State.REVOKED, ended_reason=Reason.ACCESS_STOPPED, access_token=b"", sessions={}, lease=None)


async def _each(connections: AsyncIterator[Connection], work: Callable[[Connection], Awaitable[None]]) -> None:
    """Runs `work` for every connection, some at the same time. One that fails stops no other; the first failure is raised last."""
    failures: list[Exception] = []
    waiting: set[asyncio.Task[None]] = set()

    async def one(connection: Connection) -> None:
        try:
            await work(connection)
        except Exception as failure:
            failures.append(failure)

    async for connection in connections:
        waiting.add(asyncio.create_task(one(connection)))
        if len(waiting) >= AT_ONCE:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*waiting)
    if failures:
        raise failures[0]
