"""The client's session against the real backend: begin, come back, renew, sign out. Only the screen is not there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from backend.sign_in.attempts import BUSY_SECONDS
from contract.calls import GET_SIGN_IN_OPTIONS, Empty
from contract.errors import CallError, ConnectionLost, Reason, SessionInvalid, SignInFailed
from data.repositories.sign_in import PENDING_SECONDS
from data.repositories.wiring import Repositories, make_repositories
from data.services.app_check import AppCheck
from data.services.backend import Backend
from data.services.firebase_auth import FirebaseAuth
from data.services.http import Answer, Http, make_http
from devtools.clients import ADMIN, CALLBACK, SALES, App, authorize, control, through_the_pages
from devtools.fleet import Fleet
from devtools.suite import Suite
from tests.device import Drawer


class Noting:
    """HTTP that remembers where it was asked to go."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.asked: list[str] = []

    async def post(
        self,
        url: str,
        *,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        self.asked.append(url)
        return await self._http.post(url, body=body, form=form, headers=headers)


class Client:
    """One installation of the app; `later` moves its clock."""

    def __init__(self, suite: Suite, device: Drawer | None = None) -> None:
        self.later = 0.0
        self.org_url = suite.plan.ports.url("localorg")
        self.device = device or Drawer()
        http = make_http()
        self.backend = Backend(suite.plan.app_url, http, AppCheck(self.device))
        self.to_firebase = Noting(http)
        self.data = make_repositories(
            self.backend, FirebaseAuth(self.to_firebase, self._now), self.device, now=self._now
        )
        self.session, self.records, self.sign_in, self.access = (
            self.data.session,
            self.data.records,
            self.data.sign_in,
            self.data.access,
        )

    def _now(self) -> float:
        return time.time() + self.later

    def renewals(self) -> int:
        """How often Firebase was asked for another ID token."""
        return sum(url.split("?")[0].endswith("/v1/token") for url in self.to_firebase.asked)

    async def leave(self) -> str:
        """Goes to Salesforce's page and signs in there; returns the address it sends back to."""
        options = await self.sign_in.options()
        await self.sign_in.begin(options, options.login_hosts[0])
        asked = {k: v[0] for k, v in parse_qs(urlsplit(self.device.opened).query).items()}
        kept = self.device.pending()
        assert kept["verifier"] not in self.device.opened
        assert asked["code_challenge"]
        return await asyncio.to_thread(through_the_pages, self.device.opened, SALES)


@pytest.fixture
def client(suite: Suite) -> Client:
    return Client(suite)


async def test_sign_in_restore_and_sign_out(client: Client, suite: Suite) -> None:
    await client.sign_in.finish(await client.leave())
    assert client.session.user is not None
    assert client.session.user.username == SALES
    assert set(client.device.kept) == {"sessions"}

    again = Client(suite, client.device)
    await again.session.restore()
    assert again.session.user == client.session.user
    assert (await again.records.profile().get()).title == "Account Executive"

    await again.access.sign_out(everywhere=True)
    assert again.session.user is None
    assert again.device.kept == {}
    with pytest.raises(ConnectionLost) as lost:
        await client.records.profile().get()
    assert lost.value.reason is Reason.NOT_CONNECTED
    assert client.session.ended is not None
    assert client.session.ended.reason == lost.value.reason


class Busy:
    """A backend that lets one sign-in of an address be under way, and one of somebody else that Salesforce has not
    answered yet.
    """

    def __init__(self, suite: Suite, auth: Fleet) -> None:
        self.url, self._org = auth.members[0].url, suite.plan.ports.url("localorg")
        self._somebody = App(self.url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")

    async def begin(self) -> None:
        control(self._org, "counters/reset")
        control(self._org, "faults", {"kind": "token.authorization_code", "hold": True})
        body = self._somebody.sign_in_body(await asyncio.to_thread(authorize, self._org, ADMIN))
        self._under_way = asyncio.create_task(asyncio.to_thread(self._somebody.post, "signIn", body))
        await asyncio.to_thread(self._until_it_is_held)

    def _until_it_is_held(self) -> None:
        while not control(self._org, "counters").get("token.authorization_code"):
            time.sleep(0.02)

    async def end(self) -> None:
        control(self._org, "faults/clear")
        assert (await self._under_way).status_code == 200

    def app(self, client: Client, sleep: Callable[[float], Awaitable[None]]) -> Repositories:
        """The app's, whose waiting is handed in."""
        http = make_http()
        return make_repositories(
            Backend(self.url, http, AppCheck(client.device)), FirebaseAuth(http), client.device, sleep=sleep
        )


@pytest.fixture(scope="module")
def auth(suite: Suite) -> Iterator[Fleet]:
    with Fleet(suite.plan, "auth", 1, FAILED_SIGN_INS="1") as running:
        yield running


async def test_a_sign_in_that_is_put_off_goes_on_by_itself(suite: Suite, client: Client, auth: Fleet) -> None:
    """The app waits as long as it is told, and comes again with the same code."""
    busy, told, waited = Busy(suite, auth), list[str](), list[float]()
    back = await client.leave()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await busy.end()

    await busy.begin()
    here = busy.app(client, sleep)
    here.sign_in.put_off = lambda: told.append("put off")
    await here.sign_in.finish(back)
    assert here.session.user is not None
    assert here.session.user.username == SALES
    assert told == ["put off"]
    assert BUSY_SECONDS <= waited[0] <= BUSY_SECONDS + 2


async def test_a_sign_in_that_is_put_off_for_ever_says_so(suite: Suite, client: Client, auth: Fleet) -> None:
    busy, waited = Busy(suite, auth), list[float]()
    back = await client.leave()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    await busy.begin()
    with pytest.raises(SignInFailed) as failed:
        await busy.app(client, sleep).sign_in.finish(back)
    await busy.end()
    assert failed.value.reason is Reason.TOO_MANY_SIGN_INS
    assert len(waited) == 3


@pytest.mark.parametrize("later", [3600.0, -3600.0], ids=["fast", "slow"])
async def test_a_clock_that_is_wrong_by_an_hour_changes_nothing(suite: Suite, later: float) -> None:
    client = Client(suite)
    client.later = later
    await client.sign_in.finish(await client.leave())
    assert (await client.records.profile().get()).title == "Account Executive"
    again = Client(suite, client.device)
    again.later = later
    await again.session.restore()
    assert (await again.records.profile().get()).title == "Account Executive"
    again.later = 0.0  # somebody sets the clock right
    assert (await again.records.profile().get()).title == "Account Executive"


async def test_the_id_token_is_renewed_by_itself(client: Client) -> None:
    await client.sign_in.finish(await client.leave())
    await client.records.profile().get()
    assert client.renewals() == 0
    client.later = 3500
    await client.records.profile().get()
    await client.records.profile().get()
    assert client.renewals() == 1


@pytest.mark.parametrize("change", [{"state": "another"}, {"state": ""}])
async def test_a_wrong_state_is_refused_and_the_attempt_can_still_be_finished(
    client: Client, change: dict[str, str]
) -> None:
    back = await client.leave()
    query = {k: v[0] for k, v in parse_qs(urlsplit(back).query).items()}
    with pytest.raises(SignInFailed) as failed:
        await client.sign_in.finish(f"{CALLBACK}?{urlencode(query | change)}")
    assert failed.value.reason is Reason.VERIFIER_REJECTED
    assert client.session.user is None
    await client.sign_in.finish(back)
    assert client.session.user is not None


async def test_two_tabs_and_two_attempts_in_one_finish_in_any_order_each_with_its_own_verifier(
    suite: Suite, client: Client
) -> None:
    other = Client(suite, Drawer(client.device.kept))
    backs = [(client, await client.leave()), (other, await other.leave()), (other, await other.leave())]
    for tab, back in reversed(backs):
        await tab.sign_in.finish(back)
    assert set(client.device.kept) == {"sessions"}


async def test_coming_back_twice_is_refused(client: Client) -> None:
    back = await client.leave()
    await client.sign_in.finish(back)
    with pytest.raises(SignInFailed):
        await client.sign_in.finish(back)
    assert client.session.user is not None


async def test_a_sign_in_that_took_too_long_is_begun_again(client: Client) -> None:
    back = await client.leave()
    client.later = PENDING_SECONDS + 1
    with pytest.raises(SignInFailed) as failed:
        await client.sign_in.finish(back)
    assert failed.value.reason is Reason.SIGN_IN_EXPIRED


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
    await client.sign_in.finish(await client.leave())
    control(client.org_url, "revoke", {"username": SALES})
    with pytest.raises(ConnectionLost):
        await client.records.profile().get()
    assert client.session.user is None
    assert client.session.ended is not None
    assert client.session.ended.error.reason is Reason.ACCESS_REVOKED
