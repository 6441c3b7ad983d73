"""The client proves itself to a backend that asks for App Check: real functions, real signatures; only who signs is
ours.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from secrets import token_urlsafe
from typing import Any

import pytest

from contract.calls import GET_ACCESS, GET_CONNECTION, SIGN_IN, SIGN_OUT, AppCheckApp, Call, SignOut
from contract.codec import encode
from contract.errors import Reason, RefusedRequest
from data.services.app_check import ATTEST_SECONDS, REST_SECONDS, AppCheck, expiry
from data.services.backend import Backend
from data.services.http import make_http
from devtools.fleet import Fleet
from devtools.suite import Suite
from tests.app.test_session import Client
from tests.device import Drawer
from tests.functions.adapters.test_app_check import APP, KeyServer, token

SITE_KEY = "6Lc-a-key-of-a-web-page"


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    found = KeyServer()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def asking(suite: Suite, keys: KeyServer) -> Iterator[tuple[str, list[str]]]:
    """The address of both functions' calls where App Check is required, and their log."""
    settings = {"APP_CHECK_APPS": APP, "APP_CHECK_SITE_KEY": SITE_KEY, "APP_CHECK_KEYS_URL": keys.url}
    said = list[str]()
    with Fleet(suite.plan, "auth", 1, said.append, **settings) as auth:
        yield auth.members[0].url, said


class Attesting(Drawer):
    """A device that Google knows; remembers which tokens were for one call."""

    def __init__(self, suite: Suite) -> None:
        super().__init__()
        self.project = suite.plan.project
        self.made: list[bool] = []
        self.claims: dict[str, Any] = {}
        self.attests = self._token

    def _token(self, app: AppCheckApp, once: bool) -> str:
        assert (app.project_id, app.app_id, app.site_key) == (self.project, APP, SITE_KEY)
        self.made.append(once)
        return token(aud=[f"projects/{self.project}"], jti=token_urlsafe(8), **self.claims)


class Calling(Client):
    """An installation whose backend is a process of `auth` at `url`."""

    def __init__(self, suite: Suite, url: str, device: Drawer) -> None:
        super().__init__(suite, device)
        self.backend._base_url = url  # pyright: ignore[reportPrivateUsage]

    async def arrive(self) -> None:
        await self.sign_in.finish(await self.leave())


async def test_a_sign_in_takes_a_token_of_its_own_and_calls_share_one(
    suite: Suite, asking: tuple[str, list[str]]
) -> None:
    url, said = asking
    device = Attesting(suite)
    client = Calling(suite, url, device)
    await client.arrive()
    assert device.made == [False, True], "beginning takes the one of all calls"
    await client.arrive()
    assert device.made == [False, True, True], "the backend takes a token for one sign-in only"
    await client.access.sign_out()
    assert device.made == [False, True, True]
    assert sum("call=signIn" in line and "attested=True" in line for line in said) == 2
    assert any("call=getSignInOptions" in line and "attested=False" in line for line in said)


async def test_a_session_from_before_learns_that_tokens_are_asked_for(
    suite: Suite, asking: tuple[str, list[str]]
) -> None:
    client = Client(suite)
    await client.sign_in.finish(await client.leave())
    assert "app-check" not in client.device.kept
    device = Attesting(suite)
    device.kept = client.device.kept
    later = Calling(suite, asking[0], device)
    await later.session.restore()
    await later.access.sign_out()
    assert later.session.user is None
    assert "app-check" in device.kept, "known at the next start"


async def test_a_token_that_has_had_its_day_is_replaced(suite: Suite, asking: tuple[str, list[str]]) -> None:
    """The device's clock is slow by an hour: it takes a token for good that has ended."""
    device = Attesting(suite)
    client = Calling(suite, asking[0], device)
    await client.arrive()
    device.claims = {"exp": int(time.time()) - 90}
    app_check = AppCheck(device, lambda: time.time() - 3600)
    backend = Backend(asking[0], make_http(), app_check)
    first = await app_check.token(GET_CONNECTION)
    assert first is not None
    assert await app_check.token(GET_ACCESS) == first, "one for all calls"
    device.claims = {}
    await backend.call(SIGN_OUT, SignOut(), await client.session.id_token())
    assert await app_check.token(GET_ACCESS) != first


async def test_a_device_that_cannot_prove_itself_is_told(suite: Suite, asking: tuple[str, list[str]]) -> None:
    client = Calling(suite, asking[0], Drawer())
    with pytest.raises(RefusedRequest) as refused:
        await client.arrive()
    assert refused.value.reason is Reason.NOT_THE_APP


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def _app_check(device: Drawer, clock: Clock) -> AppCheck:
    device.kept["app-check"] = json.dumps(encode(AppCheckApp("p", APP, "k", SITE_KEY)))
    return AppCheck(device, clock)


async def test_a_device_that_never_answers_holds_one_call_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ATTEST_SECONDS <= 10
    monkeypatch.setattr("data.services.app_check.ATTEST_SECONDS", 0.01)
    asked = list[bool]()

    class Silent(Drawer):
        async def attest(self, app: AppCheckApp, *, once: bool, fresh: bool) -> str | None:
            asked.append(once)
            await asyncio.Event().wait()
            return None

    clock = Clock()
    app_check = _app_check(Silent(), clock)
    assert [await app_check.token(call) for call in (GET_CONNECTION, GET_ACCESS, SIGN_IN)] == [None] * 3
    assert len(asked) == 1
    clock.now += REST_SECONDS
    assert await app_check.token(GET_ACCESS) is None
    assert len(asked) == 2


async def test_a_device_that_has_no_token_is_asked_again_at_once() -> None:
    """It had no network a moment ago."""
    device = Drawer()
    app_check = _app_check(device, Clock())
    assert await app_check.token(GET_ACCESS) is None
    device.attests = lambda _app, _once: token()
    assert await app_check.token(GET_ACCESS) is not None


async def test_what_is_kept_is_read_once_and_early() -> None:
    device, reads = Drawer(), list[str]()

    async def read(key: str) -> str | None:
        reads.append(key)
        return device.kept.get(key)

    app_check = _app_check(device, Clock())
    device.read = read
    app_check.begin()
    device.attests = lambda _app, _once: token()
    assert await app_check.token(GET_ACCESS) is not None
    assert await app_check.token(SIGN_IN) is not None
    assert reads == ["app-check"]


async def test_many_calls_at_once_ask_for_one_token() -> None:
    device, clock, asked = Drawer(), Clock(), list[bool]()

    def attest(_app: AppCheckApp, once: bool) -> str:
        asked.append(once)
        return token()

    device.attests = attest
    app_check = _app_check(device, clock)
    calls: list[Call[Any, Any]] = [GET_ACCESS, GET_CONNECTION] * 5
    assert len({await t for t in [asyncio.create_task(app_check.token(call)) for call in calls]}) == 1
    assert asked == [False]


async def test_where_nothing_is_asked_nothing_is_sent() -> None:
    assert await AppCheck(Drawer()).token(GET_ACCESS) is None
    device = Drawer()
    app_check = _app_check(device, Clock())
    await app_check.learn(None)
    assert device.kept == {}
    assert await app_check.token(GET_ACCESS) is None


@pytest.mark.parametrize("kept", ["nonsense", "{}", '{"projectId": 1}', ""])
async def test_a_kept_app_that_cannot_be_read_is_none(kept: str) -> None:
    device = Drawer()
    device.kept["app-check"] = kept
    assert await AppCheck(device).token(GET_ACCESS) is None


@pytest.mark.parametrize("what", ["", "a", "a.b.c", "a.e30.c", "a.bnVsbA.c"])
def test_what_is_no_token_has_ended(what: str) -> None:
    assert expiry(what) == 0
