"""A connection's life after sign-in: its state read, kept alive, signed out here or everywhere, erased, blocked,
deleted when unused.

Every way to end a connection can be interrupted at any point and run again: it does what is still missing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from backend.connections.audit import Entry, Event
from backend.connections.blocks import EVERYONE, BlockList
from backend.connections.connection import (
    Connection,
    Credential,
    State,
    blocked,
    lost,
    revocation_confirmed,
    staying_signed_in,
    without_device,
)
from backend.connections.renewal import Renewal
from backend.connections.store import Criteria, RecordingStore
from backend.connections.vault import Vault
from backend.values import Caller, Clock, Secret, Uid
from contract.calls import (
    Access,
    ConnectionStatus,
    Empty,
    Erased,
    HistoryLine,
    SignedInDevice,
    SignOut,
    UpdateConnection,
)
from contract.errors import CallError, ConnectionLost, Reason

HISTORY_LINES = 20
AT_ONCE = 16  # connections that are worked on at the same time


class FirebaseUsers(Protocol):
    """What ending a connection needs of Firebase Authentication. Both methods do nothing for a user whom Firebase does
    not have."""

    async def end_firebase_sessions(self, uid: Uid) -> None:
        """Revokes the user's Firebase refresh tokens."""
        ...

    async def delete_user(self, uid: Uid) -> None:
        """Deletes the Firebase user."""
        ...


@dataclass(frozen=True, slots=True)
class Blocked:
    """What a block did: connections ended, and how many of them Salesforce has not confirmed yet."""

    ended: int
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What one run of the upkeep did, in connections."""

    kept_alive: int = 0
    refused: int = 0
    postponed: int = 0
    deleted: int = 0
    revoked: int = 0


class Lifecycle:
    """Answers the calls about a connection, ends connections, and keeps alive those whose users want that. One for each
    process.
    """

    def __init__(
        self,
        vault: Vault,
        renewal: Renewal,
        store: RecordingStore,
        firebase: FirebaseUsers,
        blocks: BlockList,
        clock: Clock,
        *,
        keep_alive: timedelta,
        delete_unused: timedelta,
    ) -> None:
        self._vault = vault
        self._renewal = renewal
        self._store = store
        self._firebase = firebase
        self._blocks = blocks
        self._clock = clock
        self._keep_alive = keep_alive
        self._delete_unused = delete_unused

    # The user's calls

    async def get_connection(self, caller: Caller, _: Empty) -> ConnectionStatus:
        """The state of the user's connection, ended ones included. Raises ConnectionLost(not-connected)."""
        return self._status(await self._store.read(caller.uid))

    async def get_access(self, caller: Caller, _: Empty) -> Access:
        """The connection with its devices and its history. Raises ConnectionLost(not-connected)."""
        connection = await self._store.read(caller.uid)
        status = self._status(connection)
        assert connection is not None
        devices = sorted(connection.devices.items(), key=lambda d: d[1], reverse=True)
        chain = connection.chain
        entries: Sequence[Entry] = (
            () if chain is None else await self._store.newest_entries(chain.subject, HISTORY_LINES)
        )
        return Access(
            status,
            tuple(
                SignedInDevice(d, connection.device_names.get(d, ""), _iso(at), d == caller.device) for d, at in devices
            ),
            tuple(HistoryLine(_iso(e.at), e.event.value, e.by, e.reason) for e in entries),
        )

    async def update_connection(self, caller: Caller, request: UpdateConnection) -> ConnectionStatus:
        """Sets whether the grant is kept alive while the user does not use the app; returns the connection's state.

        Raises ConnectionLost(not-connected).
        """
        return self._status(
            await self._vault.change(caller.uid, lambda c: staying_signed_in(c, request.stay_signed_in))
        )

    async def sign_out(self, caller: Caller, request: SignOut) -> Empty:
        """Signs out the device of the request (None: the caller's). With the last device, or `everywhere`, the
        connection, its grant at Salesforce and the user's Firebase sessions end too.
        """
        uid, device = caller.uid, request.device or caller.device

        def is_last(connection: Connection) -> bool:
            return request.everywhere or set(connection.devices) <= {device}

        while True:
            removed = await self._vault.remove(uid, Event.REVOCATION, by="user", reason="signed-out", only=is_last)
            if removed is not None:
                await asyncio.gather(self._firebase.end_firebase_sessions(uid), self._vault.revoke(removed[0]))
                return Empty()
            if await self._vault.change(uid, lambda c: None if is_last(c) else without_device(c, device)) is not None:
                return Empty()
            if await self._store.read(uid) is None:
                await self._firebase.end_firebase_sessions(uid)
                return Empty()

    async def erase_me(self, caller: Caller, _: Empty) -> Erased:
        """Revokes the grant, deletes the connection, what is kept beside it and the Firebase user; the audit record
        stays and no longer says whose it is. Returns the receipt.
        """
        uid = caller.uid
        before = await self._store.read(uid)
        confirmed = before is None or await self._vault.revoke(before)
        connection, receipt = await self._vault.remove(uid, Event.ERASURE, by="user") or (None, "")
        if connection is not None and before is not None and connection.generation != before.generation:
            confirmed = await self._vault.revoke(connection)
        await self._store.erase(uid)
        await self._firebase.delete_user(uid)
        return Erased(receipt, self._clock.now().isoformat(timespec="seconds"), revoked_at_salesforce=confirmed)

    # The administrator's

    async def block(self, target: str, *, by: str) -> Blocked:
        """Blocks `everyone`, an org (its id) or a user (the uid): first all their calls, then ends each connection,
        here and at Salesforce. `by` is the administrator's name, for the audit record. Raises ValueError for another
        target.
        """
        await self._blocks.block(target, by=by)
        ended = unconfirmed = 0

        async def end(connection: Connection) -> None:
            nonlocal ended, unconfirmed
            changed = await self._vault.change(
                connection.uid,
                lambda c: None if c.state is State.REVOKED else blocked(c),
                Event.BLOCK,
                by=by,
                reason=Reason.ACCESS_STOPPED.value,
            )
            if changed is None and not connection.revocation_due:
                return
            ended += 1
            if not await self._finish_revocation(changed or connection):
                unconfirmed += 1
            await self._firebase.end_firebase_sessions(connection.uid)

        await _each(self._targeted(target), end)
        return Blocked(ended, unconfirmed)

    # Once a day

    async def upkeep(self) -> UpkeepReport:
        """Refreshes the grants of users who want to stay signed in and whose refresh token was not used for
        `keep_alive`, deletes connections that were not used for `delete_unused`, and revokes at Salesforce what could
        not be revoked when a user was blocked. Returns how many of each; raises the first failure when all is done
        that could be.
        """
        done: dict[str, int] = {}

        def count(what: str) -> None:
            done[what] = done.get(what, 0) + 1

        async def keep(connection: Connection) -> None:
            if connection.has_ended:
                return
            try:
                stale = Credential(connection.uid, Secret(""), "", connection.generation)
                await self._renewal.renew(connection.uid, stale)
                count("kept_alive")
            except CallError as failed:
                count("refused" if isinstance(failed, ConnectionLost) else "postponed")

        async def delete(connection: Connection) -> None:
            removed = await self._vault.remove(
                connection.uid, Event.REVOCATION, by="schedule", reason="not-used", only=lambda c: c.used < unused_since
            )
            if removed is not None:
                await self._vault.revoke(removed[0])
                count("deleted")

        async def revoke(connection: Connection) -> None:
            count("revoked" if await self._finish_revocation(connection) else "postponed")

        now = self._clock.now()
        unused_since = now - self._delete_unused
        failures: list[Exception] = []
        for criteria, work in (
            (Criteria(revocation_due=True), revoke),
            (Criteria(used_before=unused_since), delete),
            (Criteria(stay_signed_in=True, refreshed_before=now - self._keep_alive), keep),
        ):
            try:
                await _each(self._store.find(criteria), work)
            except Exception as failure:  # what comes after it is not put off by a day
                failures.append(failure)
        if failures:
            raise failures[0]
        return UpkeepReport(**done)

    # Parts

    def _status(self, connection: Connection | None) -> ConnectionStatus:
        if connection is None:
            raise lost(None)
        return ConnectionStatus(
            state=connection.state.value,
            generation=connection.generation,
            signed_in_at=_iso(connection.created),
            refreshed_at=_iso(connection.refreshed),
            login_host=self._vault.unseal(connection).login_host if connection.sealed else "",
            devices=len(connection.devices),
            stay_signed_in=connection.stay_signed_in,
            ended_reason=None if connection.ended_reason is None else connection.ended_reason.value,
        )

    async def _finish_revocation(self, connection: Connection) -> bool:
        """Revokes at Salesforce, then forgets the token that this took; whether Salesforce has confirmed."""
        if not await self._vault.revoke(connection):
            return False
        await self._vault.change(connection.uid, lambda c: revocation_confirmed(c) if c.revocation_due else None)
        return True

    async def _targeted(self, target: str) -> AsyncIterator[Connection]:
        uid = Uid(target)
        if uid.user_id:
            connection = await self._store.read(uid)
            if connection is not None:
                yield connection
            return
        async for connection in self._store.find(Criteria(org_id=None if target == EVERYONE else target)):
            yield connection


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


async def _each(connections: AsyncIterator[Connection], work: Callable[[Connection], Awaitable[None]]) -> None:
    """Runs `work` for every connection, some at the same time.

    One that fails stops no other; the first failure is raised last.
    """
    failures: list[Exception] = []
    waiting: set[asyncio.Task[None]] = set()

    async def one(connection: Connection) -> None:
        try:
            await work(connection)
        except Exception as failure:
            failures.append(failure)

    try:
        async for connection in connections:
            waiting.add(asyncio.create_task(one(connection)))
            if len(waiting) >= AT_ONCE:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    except Exception as failure:  # of the search itself: what it has brought is worked on all the same
        failures.append(failure)
    await asyncio.gather(*waiting)
    if failures:
        raise failures[0]
