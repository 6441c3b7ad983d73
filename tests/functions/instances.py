"""Several processes of the backend in one: real adapters for Salesforce and sealing, the real local org, storage in memory."""

import asyncio
import itertools
import random
from datetime import UTC, datetime, timedelta

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.adapters.memory import MemoryCodes, MemoryConnections
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.core.audit import Audit
from backend.core.connection import Connection, Credential, Event, Secret, State
from backend.core.lifecycle import Lifecycle
from backend.core.sign_in import SignInFlow
from backend.core.stops import KillSwitch
from backend.core.vault import Vault
from contract.calls import FirebaseProject, LoginHost, SignInOptions
from localorg import EmbeddedOrg
from tests.clients import CALLBACK, CONSUMER_KEY, CONSUMER_SECRET, SALES, authorize, control


class SteppedClock:
    """Time that passes when someone sleeps."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 24, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0.001)


class FirebaseSessions:
    """What Firebase Authentication was asked to end."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.deleted: list[str] = []

    async def custom_token(self, uid: str, org_id: str, user_id: str, session: str) -> str:
        return f"custom token of {uid} {session}"

    async def end_sessions(self, uid: str) -> None:
        self.ended.append(uid)

    async def delete_user(self, uid: str) -> None:
        self.deleted.append(uid)


class Instances:
    """Several processes of the function in one: a vault each, over one store."""

    def __init__(self, org: EmbeddedOrg, secret: str = CONSUMER_SECRET) -> None:
        self.org = org
        self.host = f"127.0.0.1:{org.port}"
        self.clock = SteppedClock()
        self.store = MemoryConnections()
        self.cipher = TinkCipher(Secret(new_keyset()))
        self.http = Http()
        self.oauth = SalesforceOAuth(self.http, CONSUMER_KEY, Secret(secret), local=True)
        self.noticed: list[tuple[State, Event | None]] = []
        ids = itertools.count(1)
        self.audit = Audit(self.cipher, lambda: f"subject-{next(ids)}")
        self.vaults = [self.vault(str(n)) for n in range(4)]
        self.switch = KillSwitch(self.store, self.audit, self.clock)
        self.firebase = FirebaseSessions()
        keep, unused = timedelta(days=20), timedelta(days=180)
        self.lifecycle = Lifecycle(self.vaults[0], self.store, self.firebase, self.switch, self.clock, keep_alive=keep, delete_unused=unused)

    def sign_in(self) -> SignInFlow:
        """The first flow, on the first instance."""
        hosts = (LoginHost(self.host, "Local org", "http"),)
        options = SignInOptions(CONSUMER_KEY, "api refresh_token", hosts, FirebaseProject("", "", ""))
        new_id = lambda: "phone"  # noqa: E731
        vault, codes = self.vaults[0], MemoryCodes()
        return SignInFlow(vault, self.oauth, self.firebase, self.switch, codes, new_id=new_id, options=options, redirect_uris=frozenset({CALLBACK}))

    def vault(self, owner: str) -> Vault:
        return Vault(
            self.store,
            self.cipher,
            self.oauth,
            self.clock,
            random.Random(owner).random,
            owner,
            self.audit,
            self.notice,
        )

    def notice(self, connection: Connection, event: Event | None) -> None:
        self.noticed.append((connection.state, event))

    async def connect(self, username: str = SALES, session: str = "phone") -> tuple[str, Credential]:
        """A new sign-in through the org's pages, as the first instance saves it."""
        authorization = self.last_authorization = await asyncio.to_thread(authorize, self.org.url, username)
        honest = SalesforceOAuth(self.http, CONSUMER_KEY, Secret(CONSUMER_SECRET), local=True)
        grant = await honest.exchange_code(self.host, Secret(authorization.code), Secret(authorization.verifier), CALLBACK)
        uid = f"{grant.org_id}_{grant.user_id}"
        replaced = await self.vaults[0].save(grant, uid, self.host, session)
        if replaced is not None:
            await self.vaults[0].revoke(replaced)
        return uid, await self.vaults[0].open_connection(uid)

    async def stored(self, uid: str) -> Connection:
        found = await self.store.read(uid)
        assert found is not None
        return found

    async def is_active(self, connection: Connection) -> bool:
        """Whether the org still takes the refresh token that is stored."""
        token = self.cipher.unseal(connection.refresh_token, uid=connection.uid, field="refresh_token", generation=connection.generation)
        return await self.oauth.is_active(self.host, token)

    def refreshes(self) -> int:
        return control(self.org.url, "counters").get("token.refresh_token", 0)
