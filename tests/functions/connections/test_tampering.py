"""A drill: somebody who can write to Firestore, without any key, wants a token sent to a listener of theirs.

Every field of a connection's document is changed, alone and in pairs, older documents are played back, users' documents
are swapped. The listener hears nothing, nothing leaves for a host that was not sealed for that user, and every outcome
is a success or has a name. tests/integration/test_tampering.py does the same to every document of a real Firestore.
"""

import itertools
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from backend.adapters.firestore.fields import targets_of
from backend.adapters.salesforce_http import Answer, Http
from backend.connections.connection import Connection, Credential, Grant, State
from backend.connections.vault import Vault
from backend.values import Attachment, Caller, Secret, Uid
from contract.calls import Empty, SignOut
from contract.errors import CallError, ConnectionLost, Reason, SessionInvalid
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg
from tests.altered import replace
from tests.functions.instances import Instances
from tests.functions.one_process import HOST, OTHER, SIGNED_IN, UID, URL, Backend, a_grant, response
from tests.functions.raw_documents import MISSING, Documents

# What is in a document, and what was in one before a connection was sealed as a whole.
FIELDS = (
    "orgId", "generation", "sealed", "state", "created", "refreshed", "used", "leaseOwner", "leaseDeadline",
    "endedReason", "staySignedIn", "devices", "deviceNames", "auditSubject", "auditSequence", "auditHash", "auditSeal",
    "describes", "describedAt",
)  # fmt: skip
OLD_FIELDS = ("loginHost", "instanceUrl", "accessToken", "refreshToken", "scope")
QUERY = "SELECT Id FROM Account LIMIT 1"


class Listener:
    """The thief's host: takes every connection and remembers what it hears."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                self.heard += b"a connection: " + connection.recv(65536)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


class Watching(Http):
    """Remembers to which origins something was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.origins: set[str] = set()

    async def send(self, method: str, url: str, **more: Any) -> Answer:
        self.origins.add(urlsplit(url).netloc)
        return await super().send(method, url, **more)


async def named(work: Any) -> Reason | None:
    """The reason with which work is refused, None when it succeeds; what has no reason fails the test."""
    reason = None
    try:
        await work
    except CallError as refused:
        reason = refused.reason
    assert reason not in (Reason.INTERNAL, Reason.MISCONFIGURED)
    return reason


# Over HTTP, with a local org and a listener


@dataclass
class Drill:
    """Processes over documents that somebody changes."""

    instances: Instances
    documents: Documents
    http: Watching
    listener: Listener

    async def everything(self, uid: Uid) -> dict[str, Reason | None]:
        """A data call, a refresh, what the user can ask, the upkeep and a sign-out, each by a process of its own."""
        one, two, three, four = self.instances.each
        for instance in self.instances.each:
            instance.remembered.forget(uid)
        caller = Caller(uid, "phone")
        outcome = {"admitted": await named(admitted(one.vault, caller))}
        outcome["call"] = await named(one.rest.query(uid, QUERY))
        control(self.instances.org.url, "expire", {"username": SALES})
        outcome["refresh"] = await named(two.rest.query(uid, QUERY))
        outcome["status"] = await named(two.lifecycle.get_access(caller, Empty()))
        await self.instances.clock.sleep(21 * 86400)
        outcome["upkeep"] = await named(three.lifecycle.upkeep())
        outcome["sign-out"] = await named(four.lifecycle.sign_out(caller, SignOut(everywhere=True)))
        self.nothing_left_for_elsewhere()
        return outcome

    def nothing_left_for_elsewhere(self) -> None:
        assert self.listener.heard == b""
        assert self.http.origins <= {self.instances.host}


async def admitted(vault: Vault, caller: Caller) -> None:
    if not await vault.admits(caller):
        raise SessionInvalid(Reason.SIGNED_OUT)


@pytest.fixture
async def drill(org: EmbeddedOrg, listener: Listener) -> AsyncIterator[Drill]:
    documents, http = Documents(), Watching()
    instances = Instances(org, documents=documents, http=http)
    control(org.url, "faults/clear")
    yield Drill(instances, documents, http, listener)
    await http.close()


async def test_untouched_everything_works(drill: Drill) -> None:
    uid, _ = await drill.instances.connect()
    assert set(drill.documents.raw[uid]) >= set(FIELDS) - {"describes", "describedAt"}
    assert not set(drill.documents.raw[uid]) & set(OLD_FIELDS)
    assert set((await drill.everything(uid)).values()) == {None}


@pytest.mark.parametrize("field", [*FIELDS, *OLD_FIELDS])
async def test_no_field_of_a_document_leads_a_token_to_the_thief(drill: Drill, field: str) -> None:
    uid, _ = await drill.instances.connect()
    host = drill.listener.url if field != "loginHost" else drill.listener.url.removeprefix("http://")
    drill.documents.change(uid, {field: host.encode() if field in ("sealed", "auditSeal", "describes") else host})
    outcome = await drill.everything(uid)
    if field in ("sealed", "generation", "state", "created", "devices", "leaseOwner"):
        assert Reason.CONNECTION_TAMPERED in outcome.values() or Reason.SIGNED_OUT in outcome.values()
    if field in ("sealed", "generation", "state", "created", "staySignedIn"):
        assert outcome["call"] is Reason.CONNECTION_TAMPERED
    if field in OLD_FIELDS:
        assert set(outcome.values()) == {None}, "nobody reads it"


async def test_an_older_document_sends_nothing_elsewhere(drill: Drill) -> None:
    """It is valid by itself, and its access token as good as any; its refresh token is used up, which is told."""
    uid, credential = await drill.instances.connect()
    older = dict(drill.documents.raw[uid])
    await drill.instances.renewals[0].renew(uid, credential)
    drill.documents.put_back(uid, older)
    assert (await drill.everything(uid))["refresh"] is Reason.ACCESS_REVOKED


async def test_a_document_that_was_deleted_and_is_played_back_has_a_dead_grant(drill: Drill) -> None:
    uid, _ = await drill.instances.connect()
    older = dict(drill.documents.raw[uid])
    await drill.instances.sign_out(uid, "phone", everywhere=True)
    drill.documents.put_back(uid, older)
    outcome = await drill.everything(uid)
    assert outcome["call"] is outcome["refresh"] is Reason.ACCESS_REVOKED


async def test_one_users_document_opens_nothing_for_another(drill: Drill) -> None:
    uid, _ = await drill.instances.connect()
    other, _ = await drill.instances.connect(ADMIN)
    mine, theirs = dict(drill.documents.raw[uid]), dict(drill.documents.raw[other])
    drill.documents.put_back(uid, theirs)
    drill.documents.put_back(other, mine)
    for user in (uid, other):
        assert (await drill.everything(user))["call"] is Reason.CONNECTION_TAMPERED


class BesideTheSeal(Vault):
    """Mutant: takes the addresses from beside the seal, as it was once."""

    beside: dict[str, str]

    def unseal(self, connection: Connection) -> Grant:
        grant = super().unseal(connection)
        return replace(
            grant,
            login_host=self.beside.get("loginHost", grant.login_host),
            instance_url=self.beside.get("instanceUrl", grant.instance_url),
        )


@pytest.mark.parametrize("field", ["loginHost", "instanceUrl"])
async def test_the_drill_hears_a_vault_that_reads_an_address_beside_the_seal(org: EmbeddedOrg, field: str) -> None:
    """How this was once: the access token went to the instance URL, all else to the login host."""
    listener, documents, http = Listener(), Documents(), Watching()
    instances = Instances(org, documents=documents, http=http)
    uid, _ = await instances.connect()
    beside = {field: listener.url if field == "instanceUrl" else listener.url.removeprefix("http://")}
    for instance in instances.each:
        instance.vault.__class__ = BesideTheSeal
        instance.vault.beside = beside  # pyright: ignore[reportAttributeAccessIssue]
        instance.remembered.forget(uid)
    try:
        with pytest.raises(AssertionError):
            await Drill(instances, documents, http, listener).everything(uid)
        assert (b"Bearer " if field == "instanceUrl" else b"client_secret=") in listener.heard
    finally:
        listener.close()
        await http.close()


# Without HTTP: every field with every kind of value, and all pairs


class OneProcess(Backend):
    """One process over documents that somebody changes; Salesforce notes every grant that it is shown."""

    def __init__(self) -> None:
        super().__init__(Documents())
        self.before: dict[str, Any] = {}

    @property
    def raw(self) -> Documents:
        assert isinstance(self.documents, Documents)
        return self.documents

    async def begin(self) -> None:
        await self.sign_in()
        await self.sign_in(OTHER)
        await self.vault.attach(UID, Attachment(b"text", self.clock.now()))
        self.before = dict(self.raw.raw[UID])
        self.salesforce.answers = []

    async def tampered_with(self, fields: Mapping[str, Any]) -> None:
        """All that can be asked of a changed document, each time from the start."""
        caller = Caller(UID, "phone")
        rejected = Credential(UID, Secret("access 1"), URL, SIGNED_IN, 1)
        asked: list[Callable[[], Any]] = [
            lambda: admitted(self.vault, caller),
            lambda: self.renewal.get(UID),
            lambda: self.renewal.renew(UID, rejected),
            lambda: self.lifecycle.get_connection(caller, Empty()),
            lambda: self.lifecycle.get_access(caller, Empty()),
            lambda: self.vault.attachment(UID),
            lambda: self.vault.reseal(UID),
            lambda: self.lifecycle.upkeep(),
            lambda: self.lifecycle.sign_out(caller, SignOut()),
            lambda: self.lifecycle.sign_out(caller, SignOut(everywhere=True)),
            lambda: self.lifecycle.erase_me(caller, Empty()),
            lambda: self.sign_in(),
        ]
        for ask in asked:
            self.raw.put_back(UID, self.before)
            self.raw.change(UID, fields)
            self.remembered.forget(UID)
            self.salesforce.answers = [response(n=2)]
            outcome = await named(ask())
            assert outcome not in (Reason.ORG_UNREACHABLE,), fields
        shown = {*self.salesforce.revoked, *self.salesforce.refreshed}
        assert {host for host, _ in shown} <= {HOST}, fields
        assert (await self.stored()).state is State.FRESH, "a new sign-in mends it"
        self.salesforce.revoked.clear()
        self.salesforce.refreshed.clear()
        self.documents.graves.clear()


VALUES: tuple[Any, ...] = (
    "http://127.0.0.1:9/thief", None, 7, -1, 2**62, b"x", b"", {"a": "http://thief"}, {1: 2}, ["x"], True,
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), "a/b", MISSING,
)  # fmt: skip


@pytest.mark.parametrize("field", [*FIELDS, *OLD_FIELDS])
async def test_a_field_with_whatever_in_it_ends_in_a_reason_with_a_name(field: str) -> None:
    here = OneProcess()
    await here.begin()
    for value in VALUES:
        await here.tampered_with({field: value})


async def test_no_pair_of_fields_does_either() -> None:
    here = OneProcess()
    await here.begin()
    other = dict(here.raw.raw[OTHER])
    for pair in itertools.combinations([*FIELDS, *OLD_FIELDS], 2):
        await here.tampered_with({name: other.get(name, f"http://127.0.0.1:9/{name}") for name in pair})


async def test_a_changed_seal_is_told_to_the_log_with_the_user() -> None:
    here = OneProcess()
    await here.begin()
    for fields in ({"sealed": b"x"}, {"generation": 2}, {"devices": None}):
        here.tampered.clear()
        here.raw.put_back(UID, here.before)
        here.raw.change(UID, fields)
        here.remembered.forget(UID)
        assert await named(here.renewal.get(UID)) is Reason.CONNECTION_TAMPERED
        assert here.tampered == [UID]


@pytest.mark.parametrize("rotated", [True, False])
async def test_anothers_grant_sealed_with_a_stolen_keyset_is_not_refreshed_for_the_thief(rotated: bool) -> None:
    here = OneProcess()
    await here.begin()
    here.tampered.clear()
    theirs = a_grant(7)  # OTHER's, which the thief has read
    here.raw.change(UID, {"sealed": here.vault.seal(UID, 1, theirs)})
    here.remembered.forget(UID)
    answer = response(OTHER, n=8)
    here.salesforce.answers = [answer if rotated else replace(answer, refresh_token=None)]
    assert (
        await named(here.renewal.renew(UID, Credential(UID, Secret(""), URL, SIGNED_IN, 1)))
        is Reason.CONNECTION_TAMPERED
    )
    assert here.salesforce.revoked == [(HOST, "refresh 8" if rotated else "refresh 7")]
    assert (await here.stored()).ended_reason is Reason.CONNECTION_TAMPERED
    assert here.tampered[0] == UID
    assert await named(here.renewal.get(UID)) is Reason.CONNECTION_TAMPERED
    assert len(here.salesforce.refreshed) == 1


async def test_an_ended_connection_that_is_called_fresh_again_sends_no_token() -> None:
    here = OneProcess()
    await here.begin()
    await here.lifecycle.block(UID, by="anna")
    here.salesforce.revoked.clear()
    here.raw.change(UID, {"state": "fresh", "endedReason": None})
    assert await named(here.renewal.get(UID)) is Reason.CONNECTION_TAMPERED
    assert (here.salesforce.refreshed, here.salesforce.revoked) == ([], [])


async def test_a_connection_nobody_can_open_can_still_be_blocked_and_is_said_to_be_unconfirmed() -> None:
    here = OneProcess()
    await here.begin()
    here.raw.change(UID, {"sealed": b"x"})
    blocked = await here.lifecycle.block(UID, by="anna")
    assert (blocked.ended, blocked.unconfirmed) == (1, 1)
    assert (await here.stored()).state is State.REVOKED


async def test_a_changed_list_of_blocks_lets_nobody_in_and_ends_nothing() -> None:
    assert targets_of({"targets": ["00D"]}) == {"00D"}
    for document in ({}, {"targets": None}, {"targets": "00D"}, {"targets": [1]}, {"targets": {"a": 1}}):
        assert targets_of(document) is None
    here = Backend()
    await here.sign_in()
    here.documents.spoil_blocks()
    with pytest.raises(ConnectionLost):
        await here.blocks.check_now(UID)
    await here.lifecycle.upkeep()
    assert (await here.stored()).state is State.FRESH


async def test_a_grant_is_what_was_granted() -> None:
    """So that what the others compare with is not empty."""
    here = OneProcess()
    await here.begin()
    assert here.vault.unseal(await here.stored()) == a_grant()
