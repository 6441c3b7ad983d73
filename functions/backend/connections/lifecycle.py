"""A connection's life after sign-in: its state read, kept alive, signed out here or everywhere, erased, blocked,
deleted when unused.

Every way to end a connection can be interrupted at any point and run again: it does what is still missing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import msgspec

from backend.connections.audit import Entry, Event
from backend.connections.blocks import EVERYONE, BlockList, concern
from backend.connections.connection import (
    Connection,
    Credential,
    State,
    blocked,
    lost,
    staying_signed_in,
    without_device,
)
from backend.connections.renewal import Renewal
from backend.connections.revocation import Retried
from backend.connections.store import Criteria, RecordingStore
from backend.connections.tombstones import Tombstone
from backend.connections.vault import GivenUp, Vault
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

T = TypeVar("T")
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


class Blocked(msgspec.Struct, frozen=True):
    """What a block did: connections ended, and how many of their grants Salesforce has not confirmed as revoked."""

    ended: int
    unconfirmed: int


class UpkeepReport(msgspec.Struct, frozen=True):
    """What one run of the upkeep did: connections kept alive, refused by Salesforce, put off, deleted because nobody
    uses them; and grants given up earlier that were revoked now, or dropped because Salesforce has said no for too
    long.
    """

    kept_alive: int = 0
    refused: int = 0
    postponed: int = 0
    deleted: int = 0
    revoked: int = 0
    dropped: int = 0


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
                await asyncio.gather(self._firebase.end_firebase_sessions(uid), self._vault.settle(removed))
                return Empty()
            if await self._vault.change(uid, lambda c: None if is_last(c) else without_device(c, device)) is not None:
                return Empty()
            if await self._store.read(uid) is None:
                await self._firebase.end_firebase_sessions(uid)
                return Empty()

    async def erase_me(self, caller: Caller, _: Empty) -> Erased:
        """Deletes what is kept beside the connection, the Firebase user and the connection, and revokes the grant; the
        audit record stays and no longer says whose it is. Returns the receipt, which says whether Salesforce has
        confirmed.
        """
        uid = caller.uid
        # The connection last: without it the device is not admitted to do what an interruption has left over.
        await self._store.erase(uid)
        await self._firebase.delete_user(uid)
        removed = await self._vault.remove(uid, Event.ERASURE, by="user")
        confirmed = removed is None or await self._vault.settle(removed)
        receipt = "" if removed is None else removed.receipt
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
            given_up = await self._end_blocked(connection.uid, by)
            if given_up is not None:
                ended += 1
                unconfirmed += not await self._vault.settle(given_up)
            await self._firebase.end_firebase_sessions(connection.uid)

        await _each(self._targeted(target), end)
        return Blocked(ended, unconfirmed)

    # Once an hour

    async def upkeep(self) -> UpkeepReport:
        """Refreshes the grants of users who want to stay signed in and whose refresh token was not used for
        `keep_alive`, deletes connections that were not used for `delete_unused`, ends those of blocked users that were
        stored behind the back of the block, and last, however many there are, revokes at Salesforce what could not be
        revoked when it was given up. Returns how many of each (but for the blocked); raises the first failure when all
        is done that could be.
        """
        done: dict[str, int] = {}

        def count(what: str) -> None:
            done[what] = done.get(what, 0) + 1

        async def keep(connection: Connection) -> None:
            if connection.has_ended:
                return
            try:
                stale = Credential(connection.uid, Secret(""), "", connection.created, connection.generation)
                await self._renewal.renew(connection.uid, stale)
                count("kept_alive")
            except CallError as failed:
                count("refused" if isinstance(failed, ConnectionLost) else "postponed")

        async def delete(connection: Connection) -> None:
            removed = await self._vault.remove(
                connection.uid, Event.REVOCATION, by="schedule", reason="not-used", only=lambda c: c.used < unused_since
            )
            if removed is not None:
                await self._vault.settle(removed)
                count("deleted")

        async def end(connection: Connection) -> None:
            given_up = await self._end_blocked(connection.uid, by="schedule")
            if given_up is not None:
                await asyncio.gather(self._firebase.end_firebase_sessions(connection.uid), self._vault.settle(given_up))

        async def retry(tombstone: Tombstone) -> None:
            outcome = await self._vault.revocation.retry(tombstone)
            if outcome is not Retried.LEFT:
                count(outcome.value)

        now = self._clock.now()
        unused_since = now - self._delete_unused
        kept = Criteria(stay_signed_in=True, refreshed_before=now - self._keep_alive)
        failures: list[Exception] = []
        for work in (
            _each(self._blocked(), end),
            _each(self._store.find(kept), keep),
            _each(self._store.find(Criteria(used_before=unused_since)), delete),
            _each(self._store.tombstones(), retry),
        ):
            try:
                await work
            except Exception as failure:
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
            login_host=self._login_host(connection),
            devices=len(connection.devices),
            stay_signed_in=connection.stay_signed_in,
            ended_reason=None if connection.ended_reason is None else connection.ended_reason.value,
        )

    def _login_host(self, connection: Connection) -> str:
        """Where the user signed in; "" when the connection has ended and nobody can unseal it."""
        try:
            return self._vault.unseal(connection).login_host
        except ConnectionLost:
            if connection.has_ended:
                return ""
            raise

    async def _end_blocked(self, uid: Uid, by: str) -> GivenUp | None:
        """Ends the connection of a blocked user; None when that was done already, or there is none."""
        return await self._vault.end(
            uid,
            lambda c: None if c.state is State.REVOKED else blocked(c),
            Event.BLOCK,
            by=by,
            reason=Reason.ACCESS_STOPPED.value,
        )

    async def _blocked(self) -> AsyncIterator[Connection]:
        """The connections of blocked users that have not ended as such, found by their uid: beside the seal stands what
        anybody may have written.
        """
        blocks = await self._store.read_blocks()
        if not blocks.is_whole:
            return  # it refuses everyone until it is mended, and ends nobody's connection
        if all(Uid(target).user_id for target in blocks.targets):
            for target in blocks.targets:
                connection = await self._store.read(Uid(target))
                if connection is not None:
                    yield connection
            return
        async for connection in self._store.find(Criteria()):
            if connection.state is not State.REVOKED and concern(blocks, connection.uid):
                yield connection

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


async def _each(things: AsyncIterator[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Runs `work` for every one of them, some at the same time.

    One that fails stops no other; the first failure is raised last.
    """
    failures: list[Exception] = []
    waiting: set[asyncio.Task[None]] = set()

    async def one(thing: T) -> None:
        try:
            await work(thing)
        except Exception as failure:
            failures.append(failure)

    try:
        async for thing in things:
            waiting.add(asyncio.create_task(one(thing)))
            if len(waiting) >= AT_ONCE:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    except Exception as failure:  # of the search itself: what it has brought is worked on all the same
        failures.append(failure)
    await asyncio.gather(*waiting)
    if failures:
        raise failures[0]
