"""Two windows of the app on one device: what one of them does is not lost, and not undone, by the other."""

import asyncio
import json
from dataclasses import replace
from random import Random
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.calls import FirebaseProject, SignedIn, SignIn, User
from contract.errors import CallError, ConnectionLost, Reason, SessionInvalid, SignInFailed
from data.repositories.sign_in import SignInRepository
from data.repositories.wiring import make_repositories
from data.services.backend import Backend
from data.services.firebase_auth import FirebaseAuth, FirebaseTokens
from tests.app.world import ADA, SAM, MemoryBackend, World
from tests.device import Beside, Drawer, StallingDrawer
from ui.home.view_model import HomeViewModel
from ui.records.record_view_model import RecordViewModel
from ui.sign_in.view_model import SignInViewModel

EVA = replace(ADA, uid="00D_007", name="Eva East", username="eva@x.example")


def state_of(device: Drawer) -> str:
    """The state with which this window has gone to Salesforce."""
    return parse_qs(urlsplit(device.opened).query)["state"][0]


async def leave(sign_in: SignInRepository, device: Drawer, code: str = "c", route: str = "/") -> str:
    """Goes to Salesforce's page; the address that it will send back to."""
    options = await sign_in.options()
    await sign_in.begin(options, options.login_hosts[0], route=route)
    return f"/oauth/callback?code={code}&state={state_of(device)}"


async def settle(*worlds: World) -> None:
    """Until each window has followed the others."""
    for _ in range(20):
        await asyncio.sleep(0)
    for world in worlds:
        await world.app.settle()


# Sign-ins under way


async def test_sign_ins_that_two_windows_begin_both_succeed() -> None:
    one = World()
    other = one.beside()
    first = await leave(one.data.sign_in, one.device, route="/records/Account")
    second = await leave(other.data.sign_in, other.device, route="/profile")
    assert await one.data.sign_in.finish(first) == "/records/Account"
    assert await other.data.sign_in.finish(second) == "/profile"


async def test_a_forged_way_back_uses_up_nothing() -> None:
    world = World()
    back = await leave(world.data.sign_in, world.device)
    kept = dict(world.device.kept)
    for forged in (
        "/oauth/callback?code=c&state=forged",
        "/oauth/callback?code=c",
        "/oauth/callback?error=access_denied&state=",
    ):
        with pytest.raises(CallError) as refused:
            await world.data.sign_in.finish(forged)
        assert refused.value.reason is Reason.VERIFIER_REJECTED
    assert world.device.kept == kept
    await world.data.sign_in.finish(back)
    assert world.session.user == SAM


async def test_a_forged_way_back_does_not_move_who_is_signed_in() -> None:
    world = World()
    app = await world.start("/profile")
    back = await leave(world.data.sign_in, world.device)
    await app.show("/oauth/callback?code=c&state=forged")
    assert isinstance(app.screen, HomeViewModel)
    assert world.session.failed is None
    await app.show(back)
    assert [call for call, _ in world.backend.asked].count("signIn") == 1


async def test_where_a_sign_in_is_kept_does_not_tell_its_state_or_verifier() -> None:
    world = World()
    await leave(world.data.sign_in, world.device)
    pending = world.device.pending()
    for secret in (pending["state"], pending["verifier"]):
        assert not any(secret in key for key in world.device.kept)


# Who is signed in


async def test_a_user_who_signs_in_in_one_window_is_not_lost_to_the_other() -> None:
    one = World()
    other = one.beside()
    await one.sign_in(SAM)
    await other.sign_in(ADA)
    again = one.again()
    await again.app.start("/")
    assert (again.session.user, again.session.others) == (ADA, (SAM,))
    await settle(one)
    assert (one.session.user, one.session.others) == (SAM, (ADA,))


@pytest.mark.parametrize("told", [True, False], ids=["told", "asleep"])
async def test_a_sign_out_is_not_undone_by_what_the_other_window_does_next(told: bool) -> None:
    one = World()
    await one.sign_in(ADA)
    await one.sign_in(SAM)
    other = one.beside()
    await other.app.start("/")
    if not told:
        other.windows.changed = lambda: None
    await one.data.access.sign_out()
    await settle(other)
    assert (other.session.user is None) is told
    await other.session.switch(ADA.uid)
    await settle(one, other)
    again = one.again()
    await again.app.start("/")
    assert (again.session.user, again.session.others) == (ADA, ())


async def test_signing_out_in_one_window_signs_out_the_others_and_leaves_nothing_to_see() -> None:
    one = World()
    one.backend.add("001", Name="Acme Secret")
    await one.start("/records/Account/001")
    other = one.beside()
    await other.start("/records/Account/001", user=None)
    assert isinstance(other.app.screen, RecordViewModel)
    await one.app.handover.sign_out()
    await settle(one, other)
    assert isinstance(other.app.screen, SignInViewModel)
    assert other.session.ended is None
    assert "Acme Secret" not in str(other.device.kept)


async def test_a_sign_in_that_is_being_finished_is_not_overtaken_by_anothers() -> None:
    one = World()
    other = one.beside()
    await other.app.start("/")
    back = await leave(other.data.sign_in, other.device)
    answer = other.backend.holds["signIn"] = asyncio.Event()
    coming = asyncio.create_task(other.app.show(back))
    await settle()
    del other.backend.holds["signIn"]
    one.windows.changed = lambda: None
    await one.sign_in(ADA)
    await settle(other)
    assert (other.session.user, other.session.others) == (None, (ADA,))
    other.backend.signs_in = SAM
    answer.set()
    await coming
    assert (other.session.user, other.session.others) == (SAM, (ADA,))


async def test_what_was_chosen_in_two_windows_is_kept_together() -> None:
    one = World()
    other = one.beside()
    await one.start("/settings")
    await other.start("/settings", user=None)
    await one.app.settings.choose(theme="dark")
    await other.app.settings.choose(language="de")
    again = one.again()
    await again.app.start("/settings")
    assert (again.app.settings.value.theme, again.app.settings.value.language) == ("dark", "de")


async def test_a_session_that_ended_says_why_in_every_window_and_leads_back_to_its_own_page() -> None:
    one = World()
    await one.start("/profile")
    other = one.beside()
    await other.start("/access", user=None)
    await one.session.forget(ConnectionLost(Reason.REFRESH_LOST))
    await settle(one, other)
    assert isinstance(other.app.screen, SignInViewModel)
    assert other.session.ended is not None
    assert (other.session.ended.reason, other.session.ended.user, other.session.ended.route) == (
        "refresh-lost",
        SAM,
        "/access",
    )
    await one.sign_in(SAM)
    await settle(one, other)
    assert (other.session.user, other.session.ended, other.route) == (SAM, None, "/access")


async def test_a_window_at_the_sign_in_page_goes_on_when_somebody_has_signed_in_in_another() -> None:
    one = World()
    other = one.beside()
    await other.start("/profile", user=None)
    assert isinstance(other.app.screen, SignInViewModel)
    await one.sign_in(SAM)
    await settle(other)
    assert (other.session.user, other.route) == (SAM, "/profile")


async def test_a_window_that_waits_for_one_user_does_not_become_anothers() -> None:
    one = World()
    await one.start("/profile")
    other = one.beside()
    await other.start("/profile", user=None)
    await one.session.forget(ConnectionLost(Reason.REFRESH_LOST))
    await settle(one, other)
    await one.sign_in(ADA)
    await settle(one, other)
    assert other.session.user is None
    assert other.session.others == (ADA,)
    assert isinstance(other.app.screen, SignInViewModel)


async def test_who_was_chosen_in_one_window_does_not_change_the_user_of_another() -> None:
    """Somebody edits a record there: it must not be saved in another's name."""
    one = World()
    await one.sign_in(ADA)
    await one.sign_in(SAM)
    other = one.beside()
    await other.start("/", user=None)
    await one.app.handover.switch(ADA.uid)
    await settle(one, other)
    assert (one.session.user, other.session.user) == (ADA, SAM)


async def test_switching_to_somebody_who_has_signed_out_in_another_window_stays() -> None:
    one = World()
    await one.sign_in(ADA)
    other = one.beside()
    await other.start("/", user=SAM)
    other.windows.changed = lambda: None  # asleep
    await one.data.access.sign_out()
    assert other.session.others == (ADA,)
    await other.app.handover.switch(ADA.uid)
    assert (other.session.user, other.session.others) == (SAM, ())


async def test_a_refusal_that_was_meant_for_an_earlier_sign_in_does_not_end_the_new_one() -> None:
    one = World()
    await one.sign_in(SAM)
    other = one.beside()
    await other.start("/profile", user=None)
    other.windows.changed = lambda: None  # asleep
    await one.data.access.sign_out()
    await one.sign_in(SAM)
    other.backend.fails["getProfile"] = SessionInvalid(Reason.SIGNED_OUT)
    with pytest.raises(SessionInvalid):
        await other.records.profile().get()
    assert other.session.user == SAM
    assert other.session.ended is None
    again = one.again()
    await again.app.start("/")
    assert again.session.user == SAM


async def test_a_device_that_keeps_nothing_lets_people_switch_all_the_same() -> None:
    world = World()
    for user in (ADA, SAM):
        await _sign_in_on_a_full_device(world, user)
    assert (world.session.user, world.session.others) == (SAM, (ADA,))
    await world.session.switch(ADA.uid)
    assert (world.session.user, world.session.others) == (ADA, (SAM,))
    await world.data.access.sign_out()
    assert (world.session.user, world.session.others) == (None, (SAM,))


async def _sign_in_on_a_full_device(world: World, user: User) -> None:
    world.backend.signs_in = user
    back = await leave(world.data.sign_in, world.device)
    world.device.refuses = True
    await world.data.sign_in.finish(back)
    world.device.refuses = False


# Any order


class SlowDrawer(Drawer):
    """Storage that answers after a moment, another one each time."""

    def __init__(self, kept: dict[str, str], chance: Random) -> None:
        super().__init__(kept)
        self._chance = chance

    async def _wait(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)

    async def read(self, key: str) -> str | None:
        await self._wait()
        return await super().read(key)

    async def write(self, key: str, value: str) -> None:
        await self._wait()
        await super().write(key, value)

    async def remove(self, key: str) -> bool:
        await self._wait()
        return await super().remove(key)


class EveryonesBackend(MemoryBackend):
    """Signs in whoever the code names."""

    def _signIn(self, _: object) -> SignedIn:
        return SignedIn("custom", next(u for u in (SAM, ADA, EVA) if u.uid == cast(SignIn, _).code))


class RotatingFirebase:
    """Each ID token has run out when it comes, and each renewal brings another refresh token."""

    def __init__(self) -> None:
        self._count = 0

    async def sign_in(self, _project: FirebaseProject, _token: str) -> FirebaseTokens:
        self._count += 1
        return FirebaseTokens("id", f"refresh {self._count}", 0.0)

    async def renew(self, project: FirebaseProject, token: str) -> FirebaseTokens:
        await asyncio.sleep(0)
        return replace(await self.sign_in(project, token), expires=1e12)


class Window:
    """One window on the device: only its session."""

    def __init__(self, kept: dict[str, str], chance: Random, beside: Beside | None) -> None:
        self.device, self.windows = SlowDrawer(kept, chance), Beside(beside)
        self.load()

    def load(self) -> None:
        backend, firebase = cast(Backend, EveryonesBackend()), cast(FirebaseAuth, RotatingFirebase())
        self.data = make_repositories(backend, firebase, self.device, self.windows, lambda: 1_000_000.0)
        self.session = self.data.session

    async def do(self, what: str, user: User) -> None:
        session = self.session
        match what:
            case "sign in":
                await self.data.sign_in.finish(await leave(self.data.sign_in, self.device, user.uid))
            case "sign out":
                await self.data.access.sign_out()
            case "end":
                await session.forget(ConnectionLost(Reason.REFRESH_LOST))
            case "switch" if user in session.others:
                await session.switch(user.uid)
            case "renew" if session.user is not None:
                try:
                    await session.id_token()
                except SessionInvalid:
                    assert session.user is None
            case "reload":
                self.load()
                await self.session.restore()
            case _:
                return


_DEED = st.tuples(
    st.sampled_from(["sign in", "sign out", "end", "switch", "renew", "reload"]), st.sampled_from([SAM, ADA, EVA])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_DEED, min_size=1, max_size=3), max_size=12), st.integers(0, 2**32))
def test_in_any_order_nobody_is_lost_and_nobody_comes_back(steps: list[list[tuple[str, User]]], seed: int) -> None:
    """Up to three windows act at once, over and over: signed in on the device is who has signed in and not out
    again.
    """

    async def run() -> None:
        kept, chance, signed_in = dict[str, str](), Random(seed), set[str]()
        first = Window(kept, chance, None)
        windows = [first, *(Window(kept, chance, first.windows) for _ in range(2))]
        for step in steps:
            acting = list(zip(windows, step, strict=False))
            comes = {user.uid for _, (what, user) in acting if what == "sign in"}
            goes = {
                w.session.user.uid
                for w, (what, _) in acting
                if what in ("sign out", "end") and w.session.user is not None
            }
            await asyncio.gather(*(window.do(*deed) for window, deed in acting))
            for _ in range(100):
                await asyncio.sleep(0)
            stored = json.loads(kept.get("sessions", '{"current": "", "sessions": []}'))
            now = {one["user"]["uid"] for one in stored["sessions"]}
            assert now - (comes & goes) == ((signed_in | comes) - goes) - (comes & goes)
            assert stored["current"] in {"", *now}
            signed_in = now
            for window in windows:
                mine = set() if window.session.user is None else {window.session.user.uid}
                assert mine <= now
                assert mine | {u.uid for u in window.session.others} == now

    asyncio.run(run())


# A device that is late


@pytest.mark.virtual_time
async def test_a_sign_in_that_the_device_did_not_keep_is_kept_as_soon_as_it_does() -> None:
    device = StallingDrawer(stalls="sessions")
    world = World(device=device)
    back = await leave(world.data.sign_in, world.device)
    device.disk.full = True
    await world.data.sign_in.finish(back)
    assert world.session.user == SAM
    assert "sessions" not in device.kept
    device.disk.full = False
    await asyncio.sleep(5)
    again = World(device=StallingDrawer(device.kept, stalls="sessions"))
    await again.session.restore()
    assert again.session.user == SAM


@pytest.mark.virtual_time
async def test_a_sign_out_that_the_device_did_not_carry_out_is_carried_out_later() -> None:
    device = StallingDrawer(stalls="sessions")
    world = World(device=device)
    await world.data.sign_in.finish(await leave(world.data.sign_in, world.device))
    device.disk.full = True
    await world.data.access.sign_out()
    assert "sessions" in device.kept
    device.disk.full = False
    await asyncio.sleep(5)
    assert "sessions" not in device.kept


@pytest.mark.virtual_time
async def test_a_first_answer_that_is_late_signs_nobody_out_and_refuses_no_way_back() -> None:
    first = World(device=StallingDrawer(stalls="sessions"))
    await first.data.sign_in.finish(await leave(first.data.sign_in, first.device))
    back = await leave(first.data.sign_in, first.device)
    device = StallingDrawer(first.device.kept, stalls=("sessions", "pending"))
    device.disk.delays = [6.0]
    again = World(device=device)
    await again.session.restore()
    assert again.session.user == SAM
    device.disk.delays = [6.0]
    assert await again.data.sign_in.finish(back) == "/"


# A way back that comes twice


@pytest.mark.parametrize("fails", [False, True])
async def test_a_way_back_that_comes_twice_finishes_once(fails: bool) -> None:
    world = World()
    app = await world.start("/", user=None)
    back = await leave(world.data.sign_in, world.device, route="/records/Account")
    held = world.backend.holds["signIn"] = asyncio.Event()
    if fails:
        world.backend.fails["signIn"] = SignInFailed(Reason.CODE_REJECTED)
    ways = [asyncio.create_task(app.show(back)) for _ in range(2)]
    await settle()
    assert app.handover.finishing
    held.set()
    await asyncio.gather(*ways)
    await app.settle()
    assert [name for name, _ in world.backend.asked].count("signIn") == 1
    if fails:
        assert app.route == "/sign-in"
        assert app.session.failed is not None
        assert app.session.failed.reason is Reason.CODE_REJECTED
    else:
        assert (app.route, app.session.user, app.session.failed) == ("/records/Account", SAM, None)


# Ends that meet another window


class HoldingDrawer(Drawer):
    """Keeps why a session ended only once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def write(self, key: str, value: str) -> None:
        if key == "ended-session":
            await self.let.wait()
        await super().write(key, value)


async def test_a_session_that_ends_says_why_even_when_another_window_has_news_meanwhile() -> None:
    device = HoldingDrawer()
    world = World(device=device)
    app = await world.start("/records/Account")
    ending = asyncio.create_task(world.session.forget(ConnectionLost(Reason.REFRESH_LOST)))
    await settle()
    world.windows.changed()
    await settle()
    device.let.set()
    await ending
    await settle(world)
    assert app.session.user is None
    assert app.session.ended is not None
    assert (app.session.ended.reason, app.session.ended.route) == ("refresh-lost", "/records/Account")
