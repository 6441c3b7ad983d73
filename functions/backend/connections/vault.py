"""The vault: stores connections with their grant sealed, and unseals it.

Sign-in, renewal and the data calls come to a connection by this door only. It alone fills and empties what the process
remembers (credentials.py), so that nothing is remembered which has changed in the store through this process.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec

from backend import telemetry
from backend.connections.audit import Event
from backend.connections.connection import (
    Connection,
    Credential,
    Device,
    Grant,
    attached,
    lost,
    next_generation,
    resealed,
    signed_in,
    used_today,
)
from backend.connections.credentials import Remembered, RememberedCredentials
from backend.connections.revocation import Revocation, RevocationEndpoint
from backend.connections.store import Contended, RecordingStore
from backend.connections.tombstones import Tombstone
from backend.failures import Busy, StoreUnavailable, Tampered
from backend.values import Attachment, Caller, Cipher, Clock, Uid
from contract.errors import ConnectionLost

# Sealed in with each text; what is stored opens under these names only.
_GRANT, _ATTACHMENT = "grant", "describes"
NOTE_SECONDS = 1.0  # for writing down that a connection is used today
_TRIES = 5  # to write over a connection that nobody else writes
MAX_ATTACHMENT = 800_000  # bytes; a document of Firestore has at most a mebibyte
Transition = Callable[[Connection], Connection | None]


class GivenUp(msgspec.Struct, frozen=True):
    """A connection whose grant was taken out of it, as it was before; `tombstone` is the grant's, None when there was
    none left or nobody can unseal it (not `readable`). `receipt` is the hash of the record's last entry when the
    connection was deleted.
    """

    connection: Connection
    tombstone: Tombstone | None
    readable: bool
    receipt: str = ""


class Vault:
    """Stores connections with their grant sealed, and unseals it. One for each process; safe for many concurrent calls.

    `revocation` is what revokes the grants that it has given up.
    """

    def __init__(
        self,
        store: RecordingStore,
        cipher: Cipher,
        salesforce: RevocationEndpoint,
        clock: Clock,
        remembered: RememberedCredentials,
    ) -> None:
        self._store = store
        self._cipher = cipher
        self._clock = clock
        self._remembered = remembered
        self.revocation = Revocation(
            store, cipher, salesforce, clock, tampered=lambda id: store.report_tampered(Uid(id))
        )
        self.report_tampered = store.report_tampered

    # Opening

    async def open(self, uid: Uid) -> Remembered:
        """The connection's credential, with what else is remembered of it: from memory, else from the store.

        Raises ConnectionLost.
        """
        return self._remembered.recall(uid) or await self._joined_look_up(uid)

    async def admits(self, caller: Caller) -> bool:
        """Whether the device is signed in, also in a connection that has ended or that nobody can unseal.

        Raises ConnectionLost(not-connected) when there is no connection.
        """
        remembered = self._remembered.recall(caller.uid)
        hit = remembered is not None and caller.device in remembered.devices
        telemetry.count("cache.lookups", cache="credentials", hit=hit)
        if hit:
            return True
        try:
            # It may have signed in through another instance after a look-up began that others wait for.
            for _ in range(2):
                if caller.device in (await self._joined_look_up(caller.uid)).devices:
                    return True
        except ConnectionLost:
            connection = await self._store.read(caller.uid)
            if connection is None:
                raise lost(None) from None
            return caller.device in connection.devices
        return False

    def recall(self, uid: Uid) -> Credential | None:
        """The credential that this process remembers, without a look at the store; None when it remembers none."""
        remembered = self._remembered.recall(uid)
        return None if remembered is None else remembered.credential

    async def read(self, uid: Uid) -> Connection | None:
        """The connection as it is stored, ended ones included; None when there is none."""
        return await self._store.read(uid)

    async def require(self, uid: Uid) -> Connection:
        """The stored connection. Raises ConnectionLost when there is none or it has ended."""
        connection = await self._store.read(uid)
        if connection is None or connection.has_ended:
            self._remembered.forget(uid)
            raise lost(connection)
        return connection

    def epoch(self, uid: Uid) -> int:
        """To be taken before a connection is read or written that is to be remembered."""
        return self._remembered.epoch(uid)

    def unseal_credential(self, connection: Connection, epoch: int | None = None) -> Remembered:
        """The connection's credential, which is remembered from now on. Raises ConnectionLost as `unseal` does."""
        return self.remember(connection, self.unseal(connection), epoch)

    def remember(self, connection: Connection, grant: Grant, epoch: int | None = None) -> Remembered:
        """Remembers the credential of a connection with this grant, and its attachment, if the `epoch` from before it
        was read or written is not over; returns what is remembered now.
        """
        return self._remembered.remember(connection, grant, self._unseal_attachment(connection), epoch)

    def unseal(self, connection: Connection) -> Grant:
        """The connection's grant. Raises ConnectionLost: connection-tampered when it was not sealed for this uid and
        generation, tokens-unreadable when it was sealed with a key that has been dropped.
        """
        if connection.has_ended and not connection.sealed:
            raise lost(connection)
        try:
            grant = unsealed(connection, self._cipher)
            if not grant.is_live and not connection.has_ended:
                raise Tampered  # it had ended when this was sealed
            return grant
        except Tampered:
            self._store.report_tampered(connection.uid)
            raise

    def seal(self, uid: Uid, generation: int, grant: Grant) -> bytes:
        """A grant, sealed for this generation of this connection."""
        return sealed_grant(uid, generation, grant, self._cipher)

    # A connection's attachment

    async def attachment(self, uid: Uid) -> Attachment | None:
        """What was attached last, from memory, else from the store; None when nothing was, or nobody can unseal it.

        Raises ConnectionLost.
        """
        return (await self.open(uid)).attachment

    async def attach(self, uid: Uid, attachment: Attachment) -> None:
        """Seals a text and stores it with the connection, in place of an earlier one.

        Only this process has it when it is too large, or somebody else writes the connection at the same moment, and
        nobody when the connection has ended.
        """
        self._remembered.attach(uid, attachment)
        if len(attachment.text) > MAX_ATTACHMENT:
            return
        sealed = Attachment(self._cipher.seal_bytes(attachment.text, uid=uid, field=_ATTACHMENT), attachment.at)
        try:
            await self._store.attach(attached(await self.require(uid), sealed))
        except (Contended, ConnectionLost):
            return

    # Storing

    async def write(
        self, connection: Connection, event: Event | None = None, *, by: str = "", reason: str = ""
    ) -> Connection:
        """Writes a connection over the revision that it was read at, and records `event` with it; for the holder of a
        lease, who decides by itself what a lost race means.

        Returns it with its new revision. Raises Contended.
        """
        written = await self._store.write(connection, event, by=by, reason=reason)
        if written.has_ended:
            self._remembered.forget(written.uid)
        return written

    async def save(self, uid: Uid, grant: Grant, device: Device, held: Tombstone | None = None) -> GivenUp | None:
        """Stores a new sign-in; returns what it replaces, which the caller has to settle, None when there was nothing.
        `held` is the grant's own tombstone, which goes with it.

        Raises Busy when somebody else has taken that tombstone.
        """
        replaced, sealed, in_vain = None, None, 0
        while in_vain < _TRIES:
            last = None if replaced is None else replaced.connection.revision
            before = await self._store.read(uid)
            if before is not None and before.sealed == sealed:
                return replaced  # an earlier try of this very write had arrived
            if last != (None if before is None else before.revision):
                in_vain = 0  # somebody else has written the connection
            replaced = None if before is None else self._given_up(before, held)[0]
            tombstone = None if replaced is None else replaced.tombstone
            if tombstone is None and held is not None:
                tombstone = held.holding(b"")
            sealed = self.seal(uid, next_generation(before), grant)
            connection = signed_in(uid, before, sealed, device=device, at=self._clock.now())
            epoch = self.epoch(uid)
            try:
                written = await self._store.write(connection, Event.SIGN_IN, by="user", tombstone=tombstone)
                self.remember(written, grant, epoch)
                return replaced
            except Contended:
                in_vain += 1
        raise Busy

    async def change(
        self, uid: Uid, transition: Transition, event: Event | None = None, *, by: str = "", reason: str = ""
    ) -> Connection | None:
        """Stores what `transition` makes of the stored connection, and records `event` with it; again when somebody
        else wrote first. Returns what was stored; None, and nothing is stored, when there is no connection or
        `transition` returns None.

        A refresh that is under way goes on: its holder takes over what was changed meanwhile.
        """
        while True:
            stored = await self._store.read(uid)
            changed = None if stored is None else transition(stored)
            if changed is None:
                return None
            try:
                written = await self._store.write(changed, event, by=by, reason=reason)
            except Contended:
                continue
            self._remembered.forget(uid)
            return written

    async def end(self, uid: Uid, transition: Transition, event: Event, *, by: str, reason: str) -> GivenUp | None:
        """As `change`, with the grant taken out of the connection; the caller has to settle what this returns."""
        while True:
            stored = await self._store.read(uid)
            changed = None if stored is None else transition(stored)
            if stored is None or changed is None:
                return None
            given_up, remains = self._given_up(stored)
            try:
                await self._store.write(
                    resealed(changed, remains), event, by=by, reason=reason, tombstone=given_up.tombstone
                )
            except Contended:
                continue
            self._remembered.forget(uid)
            return given_up

    async def remove(
        self, uid: Uid, event: Event, *, by: str, reason: str = "", only: Callable[[Connection], bool] = lambda _: True
    ) -> GivenUp | None:
        """Deletes a connection for which `only` is true, records `event` and closes its audit record.

        Returns what was deleted, which the caller has to settle; None when there is no such connection.
        """
        while True:
            self._remembered.forget(uid)
            stored = await self._store.read(uid)
            if stored is None or not only(stored):
                return None
            given_up, _ = self._given_up(stored)
            try:
                receipt = await self._store.delete(stored, event, by=by, reason=reason, tombstone=given_up.tombstone)
                return GivenUp(stored, given_up.tombstone, given_up.readable, receipt)
            except Contended:
                continue  # renewed meanwhile: the newer token is the one to revoke

    async def settle(self, given_up: GivenUp) -> bool:
        """Revokes at Salesforce what was given up. Returns whether Salesforce has confirmed it, or there was nothing to
        revoke; if not, the upkeep tries again, or nobody can unseal it.
        """
        if given_up.tombstone is None:
            return given_up.readable
        return await self.revocation.settle(given_up.tombstone)

    async def reseal(self, uid: Uid) -> bool:
        """Seals a stored connection with the newest key; False when it is gone. Raises ConnectionLost as `unseal`
        does.
        """

        def again(connection: Connection) -> Connection:
            sealed = self.seal(uid, connection.generation, self.unseal(connection))
            return self._store.with_new_seal(resealed(connection, sealed))

        return await self.change(uid, again) is not None

    # Parts

    async def _joined_look_up(self, uid: Uid) -> Remembered:
        return await self._remembered.look_up(uid, lambda: self._look_up(uid))

    async def _look_up(self, uid: Uid) -> Remembered:
        with telemetry.span("open vault"):
            epoch = self.epoch(uid)
            return self.unseal_credential(await self._in_use(uid), epoch)

    async def _in_use(self, uid: Uid) -> Connection:
        """The stored connection, which notes that it is used today."""
        connection = await self.require(uid)
        if self._clock.now() - connection.used > timedelta(days=1) and connection.lease is None:
            try:  # for the search for unused connections; who writes at the same moment shows that it is in use
                async with asyncio.timeout(NOTE_SECONDS):
                    connection = await self._store.write(used_today(connection, self._clock.now()))
            except Contended:
                connection = await self.require(uid)
            except (StoreUnavailable, TimeoutError):
                pass  # noted at the next look-up; no call waits for it
        return connection

    def _given_up(self, connection: Connection, held: Tombstone | None = None) -> tuple[GivenUp, bytes]:
        """What becomes of a connection's grant: its tombstone, in place of one that is `held`; and what stays sealed in
        the connection.
        """
        try:
            grant = self.unseal(connection)
        except ConnectionLost:
            return GivenUp(connection, None, readable=False), connection.sealed
        remains = self.seal(connection.uid, connection.generation, grant.without_tokens())
        tombstone = self.revocation.tombstone(grant, held) if grant.is_live else None
        return GivenUp(connection, tombstone, readable=True), remains

    def _unseal_attachment(self, connection: Connection) -> Attachment | None:
        """None also for what cannot be unsealed: the data calls make it anew."""
        sealed = connection.attachment
        if sealed is None:
            return None
        text = self._cipher.unseal_bytes(sealed.text, uid=connection.uid, field=_ATTACHMENT)
        return None if text is None else Attachment(text, sealed.at)


def sealed_grant(uid: Uid, generation: int, grant: Grant, cipher: Cipher) -> bytes:
    """A grant, sealed for a generation of a connection."""
    return cipher.seal(grant.to_text(), uid=uid, field=_GRANT, generation=generation)


def unsealed(connection: Connection, cipher: Cipher) -> Grant:
    """A connection's grant. Raises ConnectionLost as `Vault.unseal` does."""
    return Grant.from_text(
        cipher.unseal(connection.sealed, uid=connection.uid, field=_GRANT, generation=connection.generation)
    )
