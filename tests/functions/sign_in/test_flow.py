"""The sign-in, without Salesforce and Firebase: what is refused before anything is sent, what is sent, and what is left
behind when a step fails.
"""

import asyncio
import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend import deadline
from backend.adapters.cipher import TinkCipher, new_keyset
from backend.adapters.dpop import Keys
from backend.connections.audit import Audit
from backend.connections.blocks import BlockList
from backend.connections.connection import Device, Grant, State, TokenResponse
from backend.connections.credentials import RememberedCredentials
from backend.connections.store import RecordingStore
from backend.connections.tombstones import Tombstone
from backend.connections.vault import GivenUp, Vault
from backend.failures import Busy, CodeRefused, NotSent, OutcomeUnknown
from backend.sign_in.attempts import Attempts
from backend.sign_in.begin import Beginnings, Binding
from backend.sign_in.flow import CLEAN_UP_SECONDS, SignInFlow, UserInfo
from backend.values import Caller, Secret, Uid, Visitor
from contract.calls import Empty, FirebaseProject, LoginHost, SignedIn, SignIn, SignInOptions, User
from contract.errors import CallError, Reason
from contract.sign_in import BeginSignIn
from tests.altered import replace
from tests.functions.instances import FirebaseUsers, SteppedClock
from tests.functions.memory_store import MemoryAttempts, MemoryCodes, MemoryDocuments

UID = Uid.of("00D000000000001EAA", "005000000000001AAA")
HOST, URL, CALLBACK = "login.salesforce.com", "https://x.my.salesforce.com", "https://app.example/oauth/callback"
HOSTS = (LoginHost(HOST, "Production"), LoginHost("*.my.salesforce.com", "My Domain"))
SANDBOXES = (*HOSTS, LoginHost("test.salesforce.com", "Sandbox"))
OPTIONS = SignInOptions("key", "api refresh_token", HOSTS, FirebaseProject("", "", ""))
CODE = "aPrx" + "x" * 60
REQUEST = SignIn(CODE, "v" * 43, CALLBACK, HOST, "Chrome, Windows")
SOMEBODY = Visitor("192.0.2.1", "192.0.2.1")
RESPONSE = TokenResponse(Secret("access"), Secret("refresh"), URL, "api refresh_token", UID)


@dataclass
class Salesforce:
    """Gives one answer, or fails where the test says so."""

    answer: TokenResponse = RESPONSE
    fails: dict[str, BaseException] = field(default_factory=dict[str, BaseException])
    exchanged: list[tuple[str, str, str, str]] = field(default_factory=list[tuple[str, str, str, str]])
    keys: list[Secret | None] = field(default_factory=list[Secret | None])
    asked: list[Grant] = field(default_factory=list[Grant])
    revoked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    time_to_revoke: float = 0

    async def exchange_code(
        self, login_host: str, code: Secret, code_verifier: Secret, redirect_uri: str, key: Secret | None = None
    ) -> TokenResponse:
        self.exchanged.append((login_host, code.reveal(), code_verifier.reveal(), redirect_uri))
        self.keys.append(key)
        self.fail("exchange")
        return self.answer

    async def userinfo(self, grant: Grant) -> UserInfo:
        self.asked.append(grant)
        self.fail("userinfo")
        return UserInfo("Sam", "s@x", "s@y", "https://photo")

    async def revoke(self, grant: Grant) -> None:
        self.time_to_revoke = deadline.left(99)
        self.revoked.append((grant.login_host, grant.refresh_token.reveal()))

    def fail(self, where: str) -> None:
        if where in self.fails:
            raise self.fails[where]


class FirebaseAway(FirebaseUsers):
    async def custom_token(self, caller: Caller) -> str:
        raise ConnectionError


class Place:
    """The flow, and what it stands on."""

    def __init__(
        self,
        firebase: FirebaseUsers | None = None,
        per_address: int = 20,
        login_hosts: tuple[LoginHost, ...] = HOSTS,
        binding: Binding = Binding.PREFERRED,
    ) -> None:
        self.salesforce, self.documents, self.codes, clock = (
            Salesforce(),
            MemoryDocuments(),
            MemoryCodes(),
            SteppedClock(),
        )
        self.clock = clock
        ids, devices = itertools.count(1), itertools.count(1)
        cipher = TinkCipher(Secret(new_keyset()))
        store = RecordingStore(self.documents, Audit(cipher, lambda: f"subject {next(ids)}"), clock)
        self.vault = Vault(store, cipher, self.salesforce, clock, RememberedCredentials(clock))
        self.blocks = BlockList(store, clock)
        attempts = Attempts(MemoryAttempts(), clock, per_address=per_address, fingerprint=str)
        self.flow = SignInFlow(
            self.vault,
            self.salesforce,
            firebase or FirebaseUsers(),
            self.blocks,
            self.codes,
            attempts,
            Beginnings(Keys(), cipher, clock, binding),
            new_id=lambda: f"device {next(devices)}",
            options=replace(OPTIONS, login_hosts=login_hosts) if login_hosts != HOSTS else OPTIONS,
            redirect_uris=frozenset({CALLBACK, "app://back"}),
        )

    async def refused(self, request: SignIn = REQUEST, visitor: Visitor = SOMEBODY) -> Reason:
        with pytest.raises(CallError) as found:
            await self.flow.sign_in(visitor, request)
        return found.value.reason

    async def is_empty(self) -> bool:
        return await self.documents.read(UID) is None

    async def grant(self) -> Grant:
        stored = await self.documents.read(UID)
        assert stored is not None
        return self.vault.unseal(stored)


@pytest.fixture
def here() -> Place:
    return Place()


async def test_the_app_is_told_where_to_sign_in(here: Place) -> None:
    assert await here.flow.options(SOMEBODY, Empty()) is OPTIONS


@pytest.mark.parametrize(
    ("login_hosts", "host", "reason"),
    [
        (SANDBOXES, HOST, Reason.CODE_REJECTED_IN_PRODUCTION),
        (SANDBOXES, "test.salesforce.com", Reason.CODE_REJECTED),
        (SANDBOXES, "acme.my.salesforce.com", Reason.CODE_REJECTED),
        (HOSTS, HOST, Reason.CODE_REJECTED),
    ],
)
async def test_whoever_may_have_reached_a_sandbox_by_the_production_page_is_told_to_choose_sandbox(
    login_hosts: tuple[LoginHost, ...], host: str, reason: Reason
) -> None:
    """PostHog#72487, SalesforceMobileSDK-iOS#2178: the production page leads to a sandbox too."""
    here = Place(login_hosts=login_hosts)
    here.salesforce.fails["exchange"] = CodeRefused()
    assert await here.refused(replace(REQUEST, login_host=host)) is reason
    assert len(here.salesforce.exchanged) == 1
    assert await here.refused(replace(REQUEST, login_host=host)) is Reason.CODE_REJECTED  # the same code once more


async def test_the_path_of_a_site_is_written_as_in_the_settings() -> None:
    here = Place(login_hosts=(LoginHost("acme.my.site.com/Customers", "Customers"),))
    await here.flow.sign_in(SOMEBODY, replace(REQUEST, login_host="ACME.my.site.com/customers"))
    assert here.salesforce.exchanged[0][0] == "acme.my.site.com/Customers"
    assert (await here.grant()).login_host == "acme.my.site.com/Customers"


async def test_a_sign_in_stores_the_grant_and_answers_who_it_is(here: Place) -> None:
    answer = await here.flow.sign_in(SOMEBODY, replace(REQUEST, login_host="LOGIN.salesforce.com"))
    user = User(str(UID), "Sam", "s@x", "s@y", UID.org_id, UID.user_id, "https://photo")
    assert answer == SignedIn(f"custom token of {UID} device 1", user)
    assert here.salesforce.exchanged == [(HOST, CODE, "v" * 43, CALLBACK)]
    stored = await here.documents.read(UID)
    assert stored is not None
    assert (stored.generation, stored.device_names) == (1, {"device 1": "Chrome, Windows"})
    assert await here.grant() == Grant(HOST, URL, "api refresh_token", Secret("access"), Secret("refresh"))
    assert here.salesforce.asked == [await here.grant()]
    assert here.salesforce.revoked == []


async def test_a_second_sign_in_ends_the_grant_that_it_replaces(here: Place) -> None:
    await here.flow.sign_in(SOMEBODY, REQUEST)
    here.salesforce.answer = replace(RESPONSE, refresh_token=Secret("refresh 2"))
    await here.flow.sign_in(SOMEBODY, replace(REQUEST, code=CODE + "y", login_host="acme.my.salesforce.com"))
    stored = await here.documents.read(UID)
    assert stored is not None
    assert set(stored.devices) == {"device 1", "device 2"}
    assert (await here.grant()).login_host == "acme.my.salesforce.com"
    assert here.salesforce.revoked == [(HOST, "refresh")]


@pytest.mark.parametrize(("change", "reason"), [
    ({"login_host": "evil.example"}, Reason.LOGIN_HOST_NOT_ALLOWED),
    ({"login_host": "my.salesforce.com"}, Reason.LOGIN_HOST_NOT_ALLOWED),
    ({"redirect_uri": CALLBACK + "/"}, Reason.REDIRECT_URI_NOT_ALLOWED),
    ({"code": "too short"}, Reason.MALFORMED_REQUEST),
    ({"code_verifier": "v" * 42}, Reason.MALFORMED_REQUEST),
])  # fmt: skip
async def test_what_is_refused_before_anything_is_sent(here: Place, change: dict[str, Any], reason: Reason) -> None:
    assert await here.refused(replace(REQUEST, **change)) is reason
    assert here.salesforce.exchanged == []
    await here.flow.sign_in(SOMEBODY, REQUEST)  # and costs nothing: the code is still good


async def test_a_code_is_exchanged_once(here: Place) -> None:
    await here.flow.sign_in(SOMEBODY, REQUEST)
    assert await here.refused() is Reason.CODE_REJECTED
    assert len(here.salesforce.exchanged) == 1
    assert not await here.codes.claim(hashlib.sha256(CODE.encode()).hexdigest())


async def test_an_app_check_token_is_good_for_one_sign_in(here: Place) -> None:
    the_app = replace(SOMEBODY, attestation="a fingerprint")
    await here.flow.sign_in(the_app, REQUEST)
    assert await here.refused(replace(REQUEST, code=CODE + "y"), the_app) is Reason.NOT_THE_APP
    assert len(here.salesforce.exchanged) == 1
    await here.flow.sign_in(SOMEBODY, replace(REQUEST, code=CODE + "y"))  # the code was not taken with it


async def test_a_token_that_comes_again_counts_for_nothing_and_is_refused_from_memory() -> None:
    """One token, taken from a page, from a hundred addresses at once; and beside it the app with tokens of its own."""
    here = Place(per_address=1)
    here.salesforce.fails["exchange"] = CodeRefused()
    asked = list[str]()
    inner = here.codes.claim

    async def claim(fingerprint: str) -> bool:
        asked.append(fingerprint)
        await asyncio.sleep(0.001)
        return await inner(fingerprint)

    here.codes.claim = claim
    ended = await asyncio.gather(
        *(
            here.refused(replace(REQUEST, code=f"{CODE}{n}"), Visitor(f"10.0.{n}.1", f"10.0.{n}.1", "stolen"))
            for n in range(100)
        )
    )
    assert (ended.count(Reason.CODE_REJECTED), ended.count(Reason.NOT_THE_APP)) == (1, 99)
    assert len(asked) == 2, "the token and its code"
    for n in range(9):
        mine = Visitor(f"10.1.{n}.1", f"10.1.{n}.1", f"mine {n}")
        assert await here.refused(replace(REQUEST, code=f"{CODE}m{n}"), mine) is Reason.CODE_REJECTED


async def test_a_token_is_free_again_when_the_store_does_not_answer(here: Place) -> None:
    inner, the_app = here.codes.claim, replace(SOMEBODY, attestation="a fingerprint")

    async def claim(fingerprint: str) -> bool:
        raise ConnectionError

    here.codes.claim = claim
    with pytest.raises(ConnectionError):
        await here.flow.sign_in(the_app, REQUEST)
    here.codes.claim = inner
    await here.flow.sign_in(the_app, REQUEST)


@pytest.mark.parametrize(
    ("failure", "may_come_again"), [(NotSent(), True), (OutcomeUnknown(writes=True), False), (Busy(), False)]
)
async def test_code_and_app_check_token_are_given_back_only_when_nothing_was_sent(
    here: Place, failure: CallError, may_come_again: bool
) -> None:
    the_app = replace(SOMEBODY, attestation="a fingerprint")
    here.salesforce.fails["exchange"] = failure
    assert await here.refused(visitor=the_app) is failure.reason
    assert await here.codes.claim("a fingerprint") is may_come_again
    assert await here.codes.claim(hashlib.sha256(CODE.encode()).hexdigest()) is may_come_again
    assert await here.is_empty()


async def test_only_exchanges_that_did_not_succeed_count_as_failed() -> None:
    here = Place(per_address=1)
    for n in range(3):
        await here.flow.sign_in(SOMEBODY, replace(REQUEST, code=f"{CODE}{n}"))
    here.salesforce.fails["userinfo"] = Busy()
    assert await here.refused(replace(REQUEST, code=CODE + "a")) is Reason.ORG_BUSY  # the exchange itself succeeded
    here.salesforce.fails["exchange"] = Busy()
    for n in range(5):  # one more than succeeded
        assert await here.refused(replace(REQUEST, code=f"{CODE}b{n}")) is Reason.ORG_BUSY
    assert await here.refused(replace(REQUEST, code=CODE + "c")) is Reason.TOO_MANY_SIGN_INS


async def test_a_grant_without_refresh_token_is_not_stored(here: Place) -> None:
    here.salesforce.answer = replace(RESPONSE, refresh_token=None)
    assert await here.refused() is Reason.NO_REFRESH_TOKEN
    assert await here.is_empty()
    assert here.salesforce.asked == []


async def test_a_blocked_user_gets_in_nowhere_and_the_grant_is_revoked(here: Place) -> None:
    await here.blocks.block(UID, by="anna")
    assert await here.refused() is Reason.ACCESS_STOPPED
    assert await here.is_empty()
    assert here.salesforce.asked == []
    assert here.salesforce.revoked == [(HOST, "refresh")]


async def test_a_block_that_begins_during_a_sign_in_ends_what_was_saved(here: Place) -> None:
    inner = here.vault.save

    async def save(uid: Uid, grant: Grant, device: Device, held: Tombstone | None = None) -> GivenUp | None:
        saved = await inner(uid, grant, device, held)
        await here.blocks.block("everyone", by="anna")
        return saved

    here.vault.save = save
    assert await here.refused() is Reason.ACCESS_STOPPED
    assert here.salesforce.revoked == [(HOST, "refresh")]
    stored = await here.documents.read(UID)
    assert stored is not None
    assert (stored.state, stored.ended_reason) == (State.REVOKED, Reason.ACCESS_STOPPED)
    assert not (await here.grant()).is_live
    assert not here.documents.graves


@pytest.mark.parametrize("failure", [Busy(), ValueError(), asyncio.CancelledError()])
async def test_a_step_that_fails_after_the_exchange_leaves_no_grant_behind(here: Place, failure: BaseException) -> None:
    here.salesforce.fails["userinfo"] = failure
    with deadline.within(0), pytest.raises(type(failure)):
        await here.flow.sign_in(SOMEBODY, REQUEST)
    assert here.salesforce.revoked == [(HOST, "refresh")]
    assert CLEAN_UP_SECONDS - 1 < here.salesforce.time_to_revoke <= CLEAN_UP_SECONDS == 3, (
        "also when the call's own time is over"
    )
    assert await here.is_empty()


async def test_without_firebase_nothing_is_stored() -> None:
    here = Place(FirebaseAway())
    with pytest.raises(ConnectionError):
        await here.flow.sign_in(SOMEBODY, REQUEST)
    assert await here.is_empty()
    assert here.salesforce.revoked == [(HOST, "refresh")]


async def test_who_begins_too_often_gets_no_more_keys_and_keeps_nobody_else_out() -> None:
    here = Place(per_address=1)
    asked = BeginSignIn(HOST, CALLBACK, "c" * 43)
    for n in range(50):
        await here.flow.begin(Visitor(f"2001:db8:bad:{n % 5}::{n:x}", f"2001:db8:bad:{n % 5}::{n:x}"), asked)
    with pytest.raises(CallError) as found:
        await here.flow.begin(Visitor("2001:db8:bad::1", "2001:db8:bad::1"), asked)
    assert found.value.reason is Reason.TOO_MANY_SIGN_INS
    assert (await here.flow.begin(SOMEBODY, asked)).begun
