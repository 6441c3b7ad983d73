"""The client's session against the real backend: begin, come back, renew, sign out. Only the screen is not there."""

import asyncio
import json
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2 as httpx
import pytest

from contract.calls import GET_SIGN_IN_OPTIONS, Empty
from contract.errors import CallError, ConnectionLost, Reason, SessionInvalid, SignInFailed
from data.repositories.records import RecordsRepository
from data.repositories.session import PENDING_SECONDS, SessionRepository
from data.repositories.shelf import Shelf
from data.services.app_check import AppCheck
from data.services.backend import Backend
from data.services.firebase_auth import FirebaseAuth
from data.services.http import make_http
from devtools.clients import CALLBACK, SALES, control, log_in, made_up_sign_in
from devtools.fleet import Fleet
from devtools.suite import Suite
from tests.device import Drawer


class Client:
    """One installation of the app; `later` moves its clock."""

    def __init__(self, suite: Suite, device: Drawer | None = None) -> None:
        self.later = 0.0
        self.org_url = suite.plan.ports.url("localorg")
        self.device = device or Drawer()
        http = make_http()
        self.backend = Backend(suite.plan.app_url, http, AppCheck(self.device))
        self.session = SessionRepository(self.backend, FirebaseAuth(http, self._now), self.device, self._now)
        self.records = RecordsRepository(self.backend, self.session, Shelf(self.device))

    def _now(self) -> float:
        return time.time() + self.later

    async def leave(self) -> str:
        """Goes to Salesforce's page and signs in there; returns the address it sends back to."""
        options = await self.session.options()
        await self.session.begin(options, options.login_hosts[0])
        asked = {k: v[0] for k, v in parse_qs(urlsplit(self.device.opened).query).items()}
        kept = json.loads(self.device.kept["pending-sign-in"])
        assert kept["verifier"] not in self.device.opened
        back = await asyncio.to_thread(log_in, self.org_url, SALES, verifier=kept["verifier"], state=asked["state"])
        assert asked["code_challenge"]
        return back.headers["location"]


@pytest.fixture
def client(suite: Suite) -> Client:
    return Client(suite)


async def test_sign_in_restore_and_sign_out(client: Client, suite: Suite) -> None:
    await client.session.finish(await client.leave())
    assert client.session.user is not None
    assert client.session.user.username == SALES
    assert "pending-sign-in" not in client.device.kept

    again = Client(suite, client.device)
    await again.session.restore()
    assert again.session.user == client.session.user
    assert (await again.records.get(again.records.profile())).title == "Account Executive"

    await again.session.sign_out(everywhere=True)
    assert again.session.user is None
    assert again.device.kept == {}
    with pytest.raises(ConnectionLost) as lost:
        await client.records.get(client.records.profile())
    assert lost.value.reason is Reason.NOT_CONNECTED
    assert client.session.ended is not None
    assert client.session.ended.reason == lost.value.reason


async def fail_to_sign_in(auth: Fleet, suite: Suite) -> None:
    """Somebody at the same address sends a code that they made up; the minute in which it counts does not end at once."""
    second = time.time() % 60
    await asyncio.sleep(60 - second if second > 50 else 0)
    body = {"data": made_up_sign_in(f"127.0.0.1:{suite.plan.ports.localorg}")}
    refused = await asyncio.to_thread(httpx.post, f"{auth.members[0].url}/signIn", json=body)
    assert refused.json()["error"]["details"]["reason"] in ("code-rejected", "too-many-sign-ins")


async def test_a_sign_in_that_is_put_off_goes_on_by_itself(suite: Suite) -> None:
    """Somebody floods the backend with made-up codes from the same address: the app waits as long as it is told, with the same code."""
    with Fleet(suite.plan, "auth", 1, FAILED_SIGN_INS="1") as auth:
        client = Client(suite)
        back = await client.leave()
        await fail_to_sign_in(auth, suite)
        told, waited = list[str](), list[float]()

        async def sleep(seconds: float) -> None:
            waited.append(seconds)
            await asyncio.sleep(seconds)

        http = make_http()
        backend = Backend(auth.members[0].url, http, AppCheck(client.device))
        session = SessionRepository(backend, FirebaseAuth(http, client._now), client.device, client._now, sleep)
        session.put_off = lambda: told.append("put off")
        await session.finish(back)
        assert session.user is not None
        assert session.user.username == SALES
        assert told
        assert all(0 < seconds <= 62 for seconds in waited)


async def test_a_sign_in_that_is_put_off_for_ever_says_so(suite: Suite) -> None:
    with Fleet(suite.plan, "auth", 1, FAILED_SIGN_INS="1") as auth:
        client = Client(suite)
        back = await client.leave()

        async def fail_again(_seconds: float) -> None:
            await fail_to_sign_in(auth, suite)

        await fail_again(0)
        http = make_http()
        backend = Backend(auth.members[0].url, http, AppCheck(client.device))
        session = SessionRepository(backend, FirebaseAuth(http, client._now), client.device, client._now, fail_again)
        with pytest.raises(SignInFailed) as failed:
            await session.finish(back)
        assert failed.value.reason is Reason.TOO_MANY_SIGN_INS


@pytest.mark.parametrize("later", [3600.0, -3600.0], ids=["fast", "slow"])
async def test_a_clock_that_is_wrong_by_an_hour_changes_nothing(suite: Suite, later: float) -> None:
    client = Client(suite)
    client.later = later
    await client.session.finish(await client.leave())
    assert (await client.records.get(client.records.profile())).title == "Account Executive"
    again = Client(suite, client.device)
    again.later = later
    await again.session.restore()
    assert (await again.records.get(again.records.profile())).title == "Account Executive"
    again.later = 0.0  # somebody sets the clock right
    assert (await again.records.get(again.records.profile())).title == "Account Executive"


async def test_the_id_token_is_renewed_by_itself(client: Client) -> None:
    await client.session.finish(await client.leave())
    first = await client.session.id_token()
    assert await client.session.id_token() == first
    await asyncio.sleep(1.1)  # the emulator's tokens carry whole seconds
    client.later = 3500
    assert await client.session.id_token() != first


@pytest.mark.parametrize("change", [{"state": "another"}, {"state": ""}])
async def test_a_wrong_state_is_refused_and_ends_the_attempt(client: Client, change: dict[str, str]) -> None:
    back = await client.leave()
    query = {k: v[0] for k, v in parse_qs(urlsplit(back).query).items()}
    with pytest.raises(SignInFailed) as failed:
        await client.session.finish(f"{CALLBACK}?{urlencode(query | change)}")
    assert failed.value.reason is Reason.VERIFIER_REJECTED
    with pytest.raises(SignInFailed):
        await client.session.finish(back)
    assert client.session.user is None


async def test_coming_back_twice_is_refused(client: Client) -> None:
    back = await client.leave()
    await client.session.finish(back)
    with pytest.raises(SignInFailed):
        await client.session.finish(back)
    assert client.session.user is not None


async def test_a_sign_in_that_took_too_long_is_begun_again(client: Client) -> None:
    back = await client.leave()
    client.later = PENDING_SECONDS + 1
    with pytest.raises(SignInFailed) as failed:
        await client.session.finish(back)
    assert failed.value.reason is Reason.CODE_REJECTED


async def test_nobody_signed_in_has_no_token(client: Client) -> None:
    with pytest.raises(SessionInvalid):
        await client.session.id_token()


async def test_a_spoilt_session_is_dropped(client: Client) -> None:
    client.device.kept["sessions"] = "{broken"
    await client.session.restore()
    assert client.session.user is None
    assert client.device.kept == {}


async def test_a_backend_that_is_not_there_is_told_as_being_offline() -> None:
    backend = Backend("http://127.0.0.1:9", make_http(), AppCheck(Drawer()))
    with pytest.raises(CallError) as failed:
        await backend.call(GET_SIGN_IN_OPTIONS, Empty())
    assert failed.value.reason is Reason.ORG_UNREACHABLE


async def test_a_revoked_grant_ends_the_session_with_its_reason(client: Client) -> None:
    await client.session.finish(await client.leave())
    control(client.org_url, "revoke", {"username": SALES})
    with pytest.raises(ConnectionLost):
        await client.records.get(client.records.profile())
    assert client.session.user is None
    assert client.session.ended is not None
    assert client.session.ended.error.reason is Reason.ACCESS_REVOKED
