"""The tap on "Sign in with Salesforce": what the backend is asked before Salesforce's page opens, what goes back to it,
and what people read when it does not work.
"""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from contract.calls import BEGIN_SIGN_IN, GET_ACCESS, SIGN_IN, AppCheckApp, LoginHost, SignIn
from contract.codec import encode
from contract.errors import CallError, Misconfigured, OrgUnavailable, Reason, RefusedRequest, SignInFailed
from contract.sign_in import BeginSignIn, Begun
from data.repositories.sign_in import BEGIN_SECONDS, PENDING_SECONDS, challenge_of
from data.services.app_check import AppCheck
from data.services.messages import NO_WAY_BACK, OFFLINE, SILENT
from tests.app.world import World
from tests.device import Drawer
from ui.sign_in.view_model import OPENING_SECONDS, SignInViewModel

pytestmark = pytest.mark.virtual_time
NO_NETWORK = OrgUnavailable(Reason.ORG_UNREACHABLE, OFFLINE, {"offline": True})


async def at_the_button(world: World) -> SignInViewModel:
    app = await world.start("/records/Account", user=None)
    assert isinstance(app.screen, SignInViewModel)
    world.backend.asked.clear()
    return app.screen


def opened(world: World) -> dict[str, str]:
    """The parameters of the page of Salesforce's that was opened last."""
    return {name: values[0] for name, values in parse_qs(urlsplit(world.device.opened).query).items()}


def back(world: World) -> str:
    return f"/oauth/callback?code=c&state={opened(world)['state']}"


async def come_back(world: World, way_back: str = "") -> None:
    """Salesforce sends the browser back."""
    await world.app.show(way_back or back(world))
    await world.app.settle()


def begun(world: World) -> list[BeginSignIn]:
    return [request for name, request in world.backend.asked if name == "beginSignIn"]


def came_back(world: World) -> SignIn:
    return next(request for name, request in reversed(world.backend.asked) if name == "signIn")


async def test_salesforce_binds_the_code_to_the_key_that_the_backend_has_made() -> None:
    world = World()
    page = await at_the_button(world)
    await page.sign_in()
    (asked,) = begun(world)
    verifier = world.device.pending()["verifier"]
    assert asked == BeginSignIn("login.salesforce.com", world.device.redirect_uri, challenge_of(verifier))
    assert opened(world)["dpop_jkt"] == f"key for {challenge_of(verifier)}"
    assert opened(world)["code_challenge"] == asked.code_challenge
    assert "sealed" not in world.device.opened, "the sealed key goes to the backend only"
    await come_back(world)
    assert came_back(world).begun == f"sealed for {challenge_of(verifier)}"
    assert (world.route, world.session.failed) == ("/records/Account", None)


@pytest.mark.parametrize("how", ["a backend from before", "a backend that binds nothing"])
async def test_without_a_key_the_sign_in_goes_on_as_before(how: str) -> None:
    world = World()
    page = await at_the_button(world)
    if how == "a backend from before":
        world.backend.fails["beginSignIn"] = RefusedRequest(Reason.UNKNOWN_CALL)
    else:
        world.backend._beginSignIn = lambda request: Begun()  # pyright: ignore[reportPrivateUsage]
    await page.sign_in()
    assert "dpop_jkt" not in opened(world)
    assert "boundTo" not in world.device.pending()
    await come_back(world)
    assert came_back(world).begun is None
    assert world.session.user is not None


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (NO_NETWORK, OFFLINE),
        (OrgUnavailable(Reason.ORG_UNREACHABLE, SILENT), SILENT),
        (Misconfigured(Reason.INTERNAL), "Something went wrong on our side. Please try again."),
        (
            SignInFailed(Reason.TOO_MANY_SIGN_INS),
            "Too many sign-ins have failed just now. Please try again in a minute.",
        ),
        (SignInFailed(Reason.LOGIN_HOST_NOT_ALLOWED), "This app does not sign in through that address."),
        (
            RefusedRequest(Reason.NOT_THE_APP),
            "This app could not prove that it is genuine. Close it and open it again.",
        ),
    ],
    ids=lambda value: value.reason.value if isinstance(value, CallError) else "",
)
async def test_what_keeps_the_page_from_opening_is_told_and_can_be_tried_again(failed: CallError, words: str) -> None:
    world = World()
    page = await at_the_button(world)
    page.choose("*.my.salesforce.com")
    page.my_domain = "acme"
    world.backend.fails["beginSignIn"] = failed
    await page.sign_in()
    assert page.trouble is not None
    assert (page.trouble.message, page.leaving, page.offers_again) == (words, False, True)
    assert (world.device.opened, world.device.kept) == ("", {}), "nothing is opened, and nothing kept"
    await page.again()
    assert (page.trouble, page.offers_again) == (None, False)
    assert world.device.opened.startswith("https://acme.my.salesforce.com/")


async def test_a_backend_that_does_not_answer_is_not_waited_for_without_end() -> None:
    world = World()
    page = await at_the_button(world)
    world.backend.holds["beginSignIn"] = asyncio.Event()
    started = asyncio.get_running_loop().time()
    await page.sign_in()
    assert asyncio.get_running_loop().time() - started <= BEGIN_SECONDS
    assert page.trouble is not None
    assert (page.trouble.message, page.leaving) == (SILENT, False)


async def test_two_quick_taps_are_one() -> None:
    world = World()
    page = await at_the_button(world)
    held = world.backend.holds["beginSignIn"] = asyncio.Event()
    taps = [asyncio.create_task(page.sign_in()) for _ in range(2)]
    await asyncio.sleep(1)
    assert page.leaving
    held.set()
    await asyncio.gather(*taps)
    await page.sign_in()
    assert len(begun(world)) == 1
    assert len(world.device.kept) == 1


async def test_who_comes_back_from_salesforces_page_without_a_sign_in_may_tap_again() -> None:
    """By the browser's back button, to a page that was not loaded anew, or to an app on a phone."""
    world = World()
    page = await at_the_button(world)
    await page.sign_in()
    first = back(world)
    await asyncio.sleep(OPENING_SECONDS + 1)
    assert not page.leaving
    await page.sign_in()
    assert back(world) != first
    assert len(begun(world)) == 2
    await come_back(world, first)
    assert world.session.user is not None, "the first attempt can still be finished"


class Computer(Drawer):
    """Waits for the way back itself."""

    def __init__(self) -> None:
        super().__init__()
        self.comes: list[asyncio.Future[str | None]] = []
        self.is_taken = False

    async def open_sign_in(self, url: str) -> str | None:
        if self.is_taken:
            raise OSError
        self.opened = url
        self.comes.append(asyncio.get_running_loop().create_future())
        return await self.comes[-1]


async def test_a_computer_that_waits_for_the_way_back_lets_one_tap_again_meanwhile() -> None:
    world = World(device=Computer())
    page = await at_the_button(world)
    assert isinstance(world.device, Computer)
    first = asyncio.create_task(page.sign_in())
    await asyncio.sleep(OPENING_SECONDS + 1)
    assert not page.leaving
    second = asyncio.create_task(page.sign_in())
    await asyncio.sleep(1)
    world.device.comes[0].set_exception(TimeoutError())
    await first
    assert page.leaving, "the earlier attempt's end is not the later one's"
    world.device.comes[1].set_result(back(world))
    await second
    assert world.session.user is not None
    assert came_back(world).begun == f"sealed for {opened(world)['code_challenge']}"


async def test_a_port_that_another_program_has_is_told() -> None:
    world = World(device=Computer())
    page = await at_the_button(world)
    assert isinstance(world.device, Computer)
    world.device.is_taken = True
    await page.sign_in()
    assert page.trouble is not None
    assert (page.trouble.message, page.offers_again) == (NO_WAY_BACK, True)


async def test_two_tabs_bring_back_each_its_own_key() -> None:
    one = World()
    other = one.beside()
    backs = list[tuple[World, str, str]]()
    for tab in (one, other):
        options = await tab.data.sign_in.options()
        await tab.data.sign_in.begin(options, options.login_hosts[0])
        backs.append((tab, back(tab), opened(tab)["code_challenge"]))
    assert len({challenge for _tab, _back, challenge in backs}) == 2
    for tab, way_back, challenge in reversed(backs):
        await tab.data.sign_in.finish(way_back)
        assert came_back(tab).begun == f"sealed for {challenge}"


async def test_a_reload_on_the_way_back_loses_no_key() -> None:
    world = World()
    page = await at_the_button(world)
    await page.sign_in()
    way_back, challenge = back(world), opened(world)["code_challenge"]
    again = world.again()
    await again.app.start(way_back)
    await again.app.settle()
    assert came_back(again).begun == f"sealed for {challenge}"
    assert again.session.user is not None


async def _finish_failing(world: World, fails: Callable[[World], None]) -> SignInViewModel:
    """A sign-in at a My Domain, for a list, that comes back and does not work; the app was loaded anew meanwhile."""
    options = await world.data.sign_in.options()
    await world.data.sign_in.begin(options, LoginHost("acme.my.salesforce.com", "Acme"), route="/records/Account")
    way_back = back(world)
    fails(world)
    await world.app.start(way_back)
    await world.app.settle()
    assert isinstance(world.app.screen, SignInViewModel)
    return world.app.screen


def _refused(world: World) -> None:
    world.backend.fails["signIn"] = SignInFailed(Reason.SIGN_IN_EXPIRED)


def _too_late(world: World) -> None:
    world.time += PENDING_SECONDS + 1


@pytest.mark.parametrize("fails", [_refused, _too_late])
async def test_a_sign_in_that_took_too_long_is_begun_again_by_one_tap(fails: Callable[[World], None]) -> None:
    world = World()
    page = await _finish_failing(world, fails)
    assert world.session.failed is not None
    assert world.session.failed.message == "The sign-in took too long. Please sign in again."
    assert page.offers_again
    challenge = opened(world)["code_challenge"]
    await page.again()
    assert opened(world)["code_challenge"] != challenge, "everything is made anew"
    assert world.device.opened.startswith("https://acme.my.salesforce.com/")
    assert world.session.failed is None
    await come_back(world)
    assert (world.route, page.offers_again) == ("/records/Account", False)


async def test_a_sign_in_that_is_not_bound_where_it_must_be_says_what_to_do() -> None:
    world = World()

    def fails(world: World) -> None:
        world.backend.fails["signIn"] = SignInFailed(Reason.BINDING_REQUIRED)

    page = await _finish_failing(world, fails)
    assert world.session.failed is not None
    for words in ("Load the app again", "ask your administrator", "External Client App Manager"):
        assert words in world.session.failed.message
    assert not page.offers_again, "the same once more helps nobody"


async def test_beginning_shares_the_app_check_token_of_all_calls_and_the_code_has_its_own() -> None:
    """The backend keeps which token a sign-in has used, and keeps nothing of one that begins."""
    made, device = list[bool](), Drawer()
    device.kept["app-check"] = json.dumps(encode(AppCheckApp("p", "1:1:web:ff", "k", "site")))

    def attest(_app: AppCheckApp, once: bool) -> str:
        made.append(once)
        return f"a.eyJleHAiOiA5OTk5OTk5OTk5fQ.{len(made)}"  # {"exp": 9999999999}

    device.attests = attest
    app_check = AppCheck(device)
    tokens = [await app_check.token(call) for call in (BEGIN_SIGN_IN, GET_ACCESS, SIGN_IN, BEGIN_SIGN_IN)]
    assert made == [False, True]
    assert tokens[0] == tokens[1] == tokens[3] != tokens[2]
