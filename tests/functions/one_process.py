"""One process of the backend without Salesforce: the real parts on the store in memory, time that is stepped."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.connections.audit import Audit, Entry, Event
from backend.connections.blocks import BlockList
from backend.connections.connection import Connection, Device, Grant, State, TokenResponse
from backend.connections.credentials import RememberedCredentials
from backend.connections.lifecycle import Lifecycle
from backend.connections.renewal import Renewal
from backend.connections.store import Blocks, Contended, RecordingStore
from backend.connections.tombstones import Tombstone
from backend.connections.vault import GivenUp, Vault
from backend.failures import Busy
from backend.values import Secret, Uid
from tests.altered import replace
from tests.functions.instances import FirebaseUsers, SteppedClock
from tests.functions.memory_store import MemoryDocuments

UID = Uid.of("00D000000000001EAA", "005000000000001AAA")
OTHER = Uid.of("00D000000000001EAA", "005000000000002AAA")  # of the same org
STRANGER = Uid.of("00D000000000002EAA", "005000000000001AAA")
HOST, URL = "login.salesforce.com", "https://x.my.salesforce.com"
SIGNED_IN = SteppedClock().now()  # when a process begins, and most sign in
CIPHER = TinkCipher(Secret(new_keyset()))


class WatchedClock(SteppedClock):
    """Remembers how long who slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []
        self.sleeps = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sleeps.set()
        await super().sleep(seconds)


class Counted(MemoryDocuments):
    """Counts reads, and lets others write first."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.looks = 0
        self.before_write: list[Callable[[], None]] = []
        self.held: asyncio.Event | None = None
        self.waits = asyncio.Event()
        self.fails: Exception | None = None

    async def reached(self) -> None:
        """Until somebody reads and is held; ten seconds at most, so that a test fails and does not hang."""
        await asyncio.wait_for(self.waits.wait(), 10)

    def vanish(self, uid: Uid) -> None:
        """Somebody else has deleted it."""
        del self._documents[uid]

    async def read(self, uid: Uid) -> Connection | None:
        self.reads += 1
        found = await super().read(uid)
        if self.held is not None:
            self.waits.set()
            await self.held.wait()
        return None if found is None else as_read(found)

    async def read_blocks(self) -> Blocks:
        self.looks += 1
        found = await super().read_blocks()
        if self.held is not None:
            self.waits.set()
            await self.held.wait()
        if self.fails is not None:
            raise self.fails
        return found

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if self.before_write:
            self.before_write.pop()()
        return await super().write(connection, entry, tombstone)

    async def write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        if self.before_write:
            self.before_write.pop()()
        await super().write_blocks(blocks, entry)


def as_read(connection: Connection) -> Connection:
    """Equal, and made of other objects: what comes from a database."""
    at, lease = timedelta(0), connection.lease
    return replace(
        connection,
        uid=Uid(str(connection.uid)),
        created=connection.created + at,
        refreshed=connection.refreshed + at,
        used=connection.used + at,
        lease=None
        if lease is None
        else replace(lease, owner=lease.owner.encode().decode(), deadline=lease.deadline + at),
    )


def contended() -> None:
    raise Contended


class Salesforce:
    """Revokes, or is away; a refresh and an introspection answer what the test says."""

    def __init__(self) -> None:
        self.revoked: list[tuple[str, str]] = []
        self.away = False
        self.refreshed: list[tuple[str, str]] = []
        self.answers: list[TokenResponse | BaseException] = []
        self.good: bool | BaseException = Busy()
        self.during_refresh: Callable[[], None] = lambda: None

    async def revoke(self, grant: Grant) -> None:
        if self.away:
            raise Busy
        self.revoked.append((grant.login_host, grant.refresh_token.reveal()))

    async def refresh(self, grant: Grant) -> TokenResponse:
        self.refreshed.append((grant.login_host, grant.refresh_token.reveal()))
        self.during_refresh()
        answer = self.answers.pop(0) if self.answers else Busy()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def introspect(self, grant: Grant) -> bool:
        if isinstance(self.good, BaseException):
            raise self.good
        return self.good


class Backend:
    """One process, and what it stands on."""

    def __init__(self, documents: Counted | None = None) -> None:
        ids = itertools.count(1)
        self.clock = WatchedClock()
        self.documents, self.salesforce, self.firebase = documents or Counted(), Salesforce(), FirebaseUsers()
        self.tampered: list[Uid] = []
        self.noticed: list[tuple[State, Event | None]] = []
        self.broken: list[str] = []
        self.audit = Audit(CIPHER, lambda: f"s{next(ids)}")
        self.store = RecordingStore(
            self.documents,
            self.audit,
            self.clock,
            lambda c, e: self.noticed.append((c.state, e)),
            self.broken.append,
            self.tampered.append,
        )
        self.remembered = RememberedCredentials(self.clock)
        self.vault = Vault(self.store, CIPHER, self.salesforce, self.clock, self.remembered)
        self.blocks = BlockList(self.store, self.clock)
        self.renewal = renewal = Renewal(self.vault, self.salesforce, self.clock, lambda: 0.25, "me")
        self.lifecycle = Lifecycle(
            self.vault,
            renewal,
            self.store,
            self.firebase,
            self.blocks,
            self.clock,
            keep_alive=timedelta(days=20),
            delete_unused=timedelta(days=180),
        )

    async def sign_in(self, uid: Uid = UID, device: str = "phone", name: str = "") -> GivenUp | None:
        return await self.vault.save(uid, a_grant(), Device(device, name))

    async def stored(self, uid: Uid = UID) -> Connection:
        found = await MemoryDocuments.read(self.documents, uid)
        assert found is not None
        return found

    async def unburied(self) -> list[Grant]:
        """The grants whose revocation Salesforce has not confirmed."""
        revocation = self.vault.revocation
        return [revocation._unseal(t) for t in self.documents.graves.values()]  # pyright: ignore[reportPrivateUsage]

    async def entries(self, subject: str) -> list[Entry]:
        return list(await self.documents.newest_entries(subject, 99))


def response(uid: Uid = UID, n: int = 1) -> TokenResponse:
    return TokenResponse(Secret(f"access {n}"), Secret(f"refresh {n}"), URL, "api refresh_token", uid)


def a_grant(n: int = 1, host: str = HOST) -> Grant:
    return Grant.of(response(n=n), host)
