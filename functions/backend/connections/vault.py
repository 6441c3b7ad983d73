"""The vault: stores connections with their grant sealed, and unseals it.

Sign-in, renewal and the data calls come to a connection by this door only. It alone fills and empties what the process
remembers (credentials.py), so that nothing is remembered which has changed in the store through this process.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

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
from backend.connections.store import Contended, RecordingStore
from backend.failures import StoreUnavailable
from backend.values import Attachment, Caller, Cipher, Clock, Uid
from contract.errors import CallError, ConnectionLost

# Sealed in with each text; what is stored opens under these names only.
_GRANT, _ATTACHMENT = "grant", "describes"
NOTE_SECONDS = 1.0  # for writing down that a connection is used today
MAX_ATTACHMENT = 800_000  # bytes; a document of Firestore has at most a mebibyte
Transition = Callable[[Connection], Connection | None]


class RevocationEndpoint(Protocol):
    """Salesforce's revocation endpoint (RFC 7009)."""

    async def revoke(self, grant: Grant) -> None:
        """Ends a grant; one that has ended already is no error.

        Raises OrgUnavailable when Salesforce does not confirm it.
        """
        ...


class Vault:
    """Stores connections with their grant sealed, and unseals it. One for each process; safe for many concurrent
    calls."""

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
        self._salesforce = salesforce
        self._clock = clock
        self._remembered = remembered

    # Opening

    async def open(self, uid: Uid) -> Remembered:
        """The connection's credential, with what else is remembered of it: from memory, else from the store.

        Raises ConnectionLost.
        """
        return self._remembered.recall(uid) or await self._joined_look_up(uid)

    async def admits(self, caller: Caller) -> bool:
        """Whether the device is signed in. True without a live connection; the call then raises."""
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
            return True
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

    def unseal_credential(self, connection: Connection) -> Remembered:
        """The connection's credential, which is remembered from now on. Raises ConnectionLost as `unseal` does."""
        return self.remember(connection, self.unseal(connection))

    def remember(self, connection: Connection, grant: Grant) -> Remembered:
        """Remembers the credential of a connection with this grant, and its attachment; returns what is remembered
        now.
        """
        return self._remembered.remember(connection, grant, self._unseal_attachment(connection))

    def unseal(self, connection: Connection) -> Grant:
        """The connection's grant. Raises ConnectionLost: connection-tampered when it was not sealed for this uid and
        generation, tokens-unreadable when it was sealed with a key that has been dropped.
        """
        return unsealed(connection, self._cipher)

    def seal(self, uid: Uid, generation: int, grant: Grant) -> bytes:
        """A grant, sealed for this generation of this connection."""
        return self._cipher.seal(grant.to_text(), uid=uid, field=_GRANT, generation=generation)

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

    async def save(self, uid: Uid, grant: Grant, device: Device) -> Connection | None:
        """Stores a new sign-in; returns the connection that it replaces, whose grant the caller has to revoke, None
        when there was none.
        """
        while True:
            before = await self._store.read(uid)
            sealed = self.seal(uid, next_generation(before), grant)
            connection = signed_in(uid, before, sealed, device=device, at=self._clock.now())
            try:
                written = await self._store.write(connection, Event.SIGN_IN, by="user")
                self.remember(written, grant)
                return before
            except Contended:
                continue

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

    async def remove(
        self, uid: Uid, event: Event, *, by: str, reason: str = "", only: Callable[[Connection], bool] = lambda _: True
    ) -> tuple[Connection, str] | None:
        """Deletes a connection for which `only` is true, records `event` and closes its audit record.

        Returns what was deleted, and the hash of the record's last entry as a receipt; None when there is no such
        connection.
        """
        while True:
            self._remembered.forget(uid)
            stored = await self._store.read(uid)
            if stored is None or not only(stored):
                return None
            try:
                return stored, await self._store.delete(stored, event, by=by, reason=reason)
            except Contended:
                continue  # renewed meanwhile: the newer token is the one to revoke

    async def reseal(self, uid: Uid) -> bool:
        """Seals a stored connection with the newest key; False when it is gone. Raises ConnectionLost as `unseal`
        does.
        """

        def again(connection: Connection) -> Connection:
            sealed = connection.sealed and self.seal(uid, connection.generation, self.unseal(connection))
            return self._store.with_new_seal(resealed(connection, sealed))

        return await self.change(uid, again) is not None

    # Revoking

    async def revoke(self, connection: Connection) -> bool:
        """Ends a connection's grant at Salesforce. Returns whether Salesforce has confirmed it; if not, the grant ends
        by itself when it was not used for as long as the org allows.
        """
        if not connection.sealed:
            return True
        try:
            grant = self.unseal(connection)
        except ConnectionLost:
            return False  # nothing to revoke it with
        return await self.revoke_grant(grant)

    async def revoke_grant(self, grant: Grant) -> bool:
        """Ends a grant at Salesforce. Returns whether Salesforce has confirmed it."""
        try:
            await self._salesforce.revoke(grant)
        except CallError:
            return False
        return True

    # Parts

    async def _joined_look_up(self, uid: Uid) -> Remembered:
        return await self._remembered.look_up(uid, lambda: self._look_up(uid))

    async def _look_up(self, uid: Uid) -> Remembered:
        with telemetry.span("open vault"):
            return self.unseal_credential(await self._in_use(uid))

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

    def _unseal_attachment(self, connection: Connection) -> Attachment | None:
        """None also for what cannot be unsealed: the data calls make it anew."""
        sealed = connection.attachment
        if sealed is None:
            return None
        text = self._cipher.unseal_bytes(sealed.text, uid=connection.uid, field=_ATTACHMENT)
        return None if text is None else Attachment(text, sealed.at)


def unsealed(connection: Connection, cipher: Cipher) -> Grant:
    """A connection's grant. Raises ConnectionLost as `Vault.unseal` does."""
    return Grant.from_text(
        cipher.unseal(connection.sealed, uid=connection.uid, field=_GRANT, generation=connection.generation)
    )
