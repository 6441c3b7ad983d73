"""Several processes of the backend in one: real adapters for Salesforce and sealing, the real local org, storage in
memory.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.adapters.client_authentication import ClientAuthentication, ConsumerSecret
from backend.adapters.dpop import Keys
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.assembly import Process, assemble
from backend.connections.audit import Audit, Entry, Event
from backend.connections.connection import Connection, Credential, Device, Grant, State
from backend.connections.store import Documents, RecordingStore
from backend.connections.tombstones import Tombstone
from backend.records.allowance import Allowance
from backend.records.creations import CreationStore
from backend.sign_in.attempts import Attempts, AttemptStore
from backend.sign_in.begin import Beginnings, Binding
from backend.sign_in.flow import Codes, SignInFlow
from backend.values import Caller, Secret, Uid, Visitor
from contract.calls import (
    ConnectionStatus,
    Empty,
    Erased,
    FirebaseProject,
    LoginHost,
    SignIn,
    SignInOptions,
    SignOut,
    UpdateConnection,
)
from contract.sign_in import BeginSignIn
from devtools.clients import CALLBACK, CONSUMER_KEY, CONSUMER_SECRET, SALES, authorize, challenge, control
from localorg import EmbeddedOrg
from tests.functions.memory_store import MemoryAttempts, MemoryCodes, MemoryCreations, MemoryDocuments, MemoryUsage

API_VERSION = "66.0"


SOMEBODY = Visitor("192.0.2.1", "192.0.2.1")


class SteppedClock:
    """Time that passes when someone sleeps."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 24, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0.001)


class FirebaseUsers:
    """Firebase Authentication in memory, and what it was asked to end; passes the same tests as the real one at the
    emulator.
    """

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.deleted: list[str] = []
        self._tokens: dict[str, Caller] = {}
        self._valid_since: dict[Uid, int] = {}

    async def custom_token(self, caller: Caller) -> str:
        token = f"custom token of {caller.uid} {caller.device}"
        self._tokens[token] = caller
        return token

    async def end_firebase_sessions(self, uid: Uid) -> None:
        self.ended.append(uid)
        if uid in self._valid_since:
            self._valid_since[uid] = int(time.time())

    async def delete_user(self, uid: Uid) -> None:
        self.deleted.append(uid)
        self._valid_since.pop(uid, None)

    # What an app and an administrator see

    async def sign_in(self, custom_token: str) -> Caller:
        caller = self._tokens[custom_token]
        self._valid_since.setdefault(caller.uid, 0)
        return caller

    async def knows(self, uid: Uid) -> bool:
        return uid in self._valid_since

    async def valid_since(self, uid: Uid) -> int:
        return self._valid_since.get(uid, 0)


@dataclass(frozen=True)
class Stores:
    """Other stores than those in memory."""

    documents: Documents
    creations: CreationStore
    codes: Codes
    attempts: AttemptStore


class Instances:
    """Several processes of the function in one, over one store."""

    def __init__(
        self,
        org: EmbeddedOrg,
        secret: str = CONSUMER_SECRET,
        user_requests: int = 10**9,
        stores: Stores | None = None,
        client: ClientAuthentication | None = None,
        *,
        documents: MemoryDocuments | None = None,
        http: Http | None = None,
    ) -> None:
        self.org = org
        self.stores = stores
        self.usage = MemoryUsage()
        self.user_requests = user_requests
        self.host = f"127.0.0.1:{org.port}"
        self.clock = SteppedClock()
        self.documents = documents or MemoryDocuments()
        self.cipher = TinkCipher(Secret(new_keyset()))
        self.http = http or Http()
        self.oauth = SalesforceOAuth(self.http, client or ConsumerSecret(CONSUMER_KEY, Secret(secret)), local=True)
        self.noticed: list[tuple[State, Event | None]] = []
        ids = itertools.count(1)
        self.audit = Audit(self.cipher, lambda: f"subject-{next(ids)}")
        kept: Documents = self.documents if stores is None else stores.documents
        self.store = RecordingStore(kept, self.audit, self.clock, self.notice)
        self.firebase = FirebaseUsers()
        self.each = [self.instance(str(n)) for n in range(4)]
        self.vaults = [i.vault for i in self.each]
        self.renewals = [i.renewal for i in self.each]
        self.rests = [i.rest for i in self.each]
        self.blocks, self.lifecycle = self.each[0].blocks, self.each[0].lifecycle

    def instance(self, owner: str) -> Process:
        allowance = Allowance(self.usage, self.clock, user_requests=self.user_requests, org_percent=95)
        creations = MemoryCreations() if self.stores is None else self.stores.creations
        return assemble(
            self.store, creations, allowance, self.oauth, self.http, self.firebase, self.cipher, self.clock,
            random.Random(owner).random,
            owner=owner, api_version=API_VERSION, keep_alive=timedelta(days=20), delete_unused=timedelta(days=180),
            local=True,
        )  # fmt: skip

    def sign_in_flow(
        self, host: str | None = None, scheme: str = "http", binding: Binding = Binding.PREFERRED
    ) -> SignInFlow:
        """The first flow, on the first instance."""
        hosts = (LoginHost(host or self.host, "Local org", scheme),)  # pyright: ignore[reportArgumentType]
        options = SignInOptions(CONSUMER_KEY, "api refresh_token", hosts, FirebaseProject("", "", ""))
        new_id = lambda: "phone"  # noqa: E731
        vault, codes = self.vaults[0], MemoryCodes() if self.stores is None else self.stores.codes
        counts = MemoryAttempts() if self.stores is None else self.stores.attempts
        attempts = Attempts(counts, self.clock, per_address=20, fingerprint=str)
        uris = frozenset({CALLBACK})
        return SignInFlow(
            vault,
            self.oauth,
            self.firebase,
            self.blocks,
            codes,
            attempts,
            Beginnings(Keys(), self.cipher, self.clock, binding),
            new_id=new_id,
            options=options,
            redirect_uris=uris,
        )

    def notice(self, connection: Connection, event: Event | None) -> None:
        self.noticed.append((connection.state, event))

    async def connect(self, username: str = SALES, device: str = "phone") -> tuple[Uid, Credential]:
        """A new sign-in through the org's pages, as the first instance saves it."""
        authorization = self.last_authorization = await asyncio.to_thread(authorize, self.org.url, username)
        honest = SalesforceOAuth(self.http, ConsumerSecret(CONSUMER_KEY, Secret(CONSUMER_SECRET)), local=True)
        response = await honest.exchange_code(
            self.host, Secret(authorization.code), Secret(authorization.verifier), CALLBACK
        )
        replaced = await self.vaults[0].save(response.uid, Grant.of(response, self.host), Device(device))
        if replaced is not None:
            await self.vaults[0].settle(replaced)
        return response.uid, await self.renewals[0].get(response.uid)

    async def connect_bound(
        self, username: str = SALES, binding: Binding = Binding.PREFERRED
    ) -> tuple[Uid, Credential]:
        """A new sign-in as an app does it whose tokens are bound to a key (DPoP)."""
        flow, verifier = self.sign_in_flow(binding=binding), "v" * 60
        begun = await flow.begin(SOMEBODY, BeginSignIn(self.host, CALLBACK, challenge(verifier)))
        assert begun.dpop_jkt is not None
        code = (
            await asyncio.to_thread(authorize, self.org.url, username, verifier=verifier, dpop_jkt=begun.dpop_jkt)
        ).code
        signed_in = await flow.sign_in(SOMEBODY, SignIn(code, verifier, CALLBACK, self.host, begun=begun.begun))
        uid = Uid(signed_in.user.uid)
        return uid, await self.renewals[0].get(uid)

    def hold_generation(self, generation: int) -> tuple[asyncio.Event, asyncio.Event]:
        """Makes the store wait before it writes a generation: one event tells that it waits, the other lets it go
        on.
        """
        inner, waits, go_on = self.documents.write, asyncio.Event(), asyncio.Event()

        async def write(
            connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
        ) -> Connection:
            if connection.generation == generation and not waits.is_set():
                waits.set()
                await go_on.wait()
            return await inner(connection, entry, tombstone)

        self.documents.write = write
        return waits, go_on

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Waits for a state that somebody else brings about."""
        for _ in range(10_000):
            if await asyncio.to_thread(is_so):
                return
        raise AssertionError("it never came to that")

    async def stored(self, uid: Uid) -> Connection:
        found = await self.store.read(uid)
        assert found is not None
        return found

    def grant(self, connection: Connection) -> Grant:
        return self.vaults[0].unseal(connection)

    async def is_active(self, connection: Connection) -> bool:
        """Whether the org still takes the refresh token that is stored."""
        return await self.oauth.introspect(self.grant(connection))

    def refreshes(self) -> int:
        return control(self.org.url, "counters").get("token.refresh_token", 0)

    # The user's calls

    async def status(self, uid: Uid) -> ConnectionStatus:
        return await self.lifecycle.get_connection(Caller(uid, ""), Empty())

    async def stay_signed_in(self, uid: Uid, wanted: bool) -> ConnectionStatus:
        return await self.lifecycle.update_connection(Caller(uid, ""), UpdateConnection(wanted))

    async def sign_out(self, uid: Uid, device: str, *, everywhere: bool) -> None:
        await self.lifecycle.sign_out(Caller(uid, device), SignOut(everywhere))

    async def erase(self, uid: Uid) -> Erased:
        return await self.lifecycle.erase_me(Caller(uid, ""), Empty())
