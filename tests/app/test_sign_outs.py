"""Signing out where the backend cannot be reached: this device's session ends at once, and the backend hears of it
later, from whatever window is open then.
"""

import asyncio

import pytest

from contract.calls import FirebaseProject, User
from contract.errors import (
    CallError,
    ConnectionLost,
    Misconfigured,
    OrgUnavailable,
    Reason,
    RefusedRequest,
    SessionInvalid,
)
from data.repositories.access import SIGN_OUT_SECONDS
from data.repositories.sign_outs import KEEP_SECONDS, LONGEST_WAIT, MAX_OWED, Parting
from data.services.firebase_auth import FirebaseTokens
from tests.app.world import ADA, SAM, World
from tests.device import Beside, Drawer, StallingDrawer
from ui.access.view_model import AccessViewModel
from ui.sign_in.view_model import SignInViewModel

pytestmark = pytest.mark.virtual_time
OFFLINE = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})


def signed_out(world: World) -> int:
    """How often the backend was asked to sign somebody out."""
    return [name for name, _ in world.backend.asked].count("signOut")


def page(world: World) -> SignInViewModel:
    assert isinstance(world.app.screen, SignInViewModel)
    return world.app.screen


async def offline(user: User = SAM) -> World:
    """Somebody has signed out without a network."""
    world = World()
    world.backend.add("001", Name="Acme Secret")
    await world.start("/records/Account/001", user=user)
    world.backend.offline = OFFLINE
    await world.app.handover.sign_out()
    await world.app.settle()
    return world


async def test_without_a_network_the_session_of_this_device_ends_at_once() -> None:
    world = await offline()
    assert world.session.user is None
    assert set(world.device.kept) == {"owed-sign-outs"}
    assert "Sam" not in str(world.device.kept), "nobody's name stays"
    assert world.device.picture == ""
    assert world.session.ended is None
    assert "The service will hear of it when this app is online again." in page(world).owes_sign_out


async def test_the_backend_hears_of_it_once_when_the_network_is_back() -> None:
    world = await offline()
    await asyncio.sleep(600)
    world.backend.offline = None
    before, painted = signed_out(world), list[str]()
    page(world).listen(lambda: painted.append(page(world).owes_sign_out))
    await asyncio.sleep(LONGEST_WAIT + 1)
    assert signed_out(world) == before + 1
    assert (world.device.kept, painted[-1]) == ({}, "")
    await asyncio.sleep(600)
    assert signed_out(world) == before + 1


async def test_the_next_start_tells_it_whoever_uses_the_app_then() -> None:
    world = await offline()
    world.backend.offline = None
    again = world.again()
    again.backend.asked.clear()
    await again.start("/", user=ADA)
    await asyncio.sleep(1)
    assert signed_out(again) == 1
    assert again.session.user == ADA
    assert "owed-sign-outs" not in again.device.kept


async def test_who_signs_in_again_before_that_stays_signed_in() -> None:
    """The backend knows each sign-in as a device of its own: what is owed takes away the earlier one."""
    world = await offline()
    world.backend.offline = None
    await world.sign_in(SAM)
    await asyncio.sleep(LONGEST_WAIT + 1)
    assert signed_out(world) == 1
    assert (world.session.user, "owed-sign-outs" in world.device.kept) == (SAM, False)


@pytest.mark.parametrize(
    ("refused", "stays"),
    [
        (SessionInvalid(Reason.SIGNED_OUT), False),
        (ConnectionLost(Reason.NOT_CONNECTED), False),
        (OrgUnavailable(Reason.ORG_BUSY), True),
        (RefusedRequest(Reason.NOT_THE_APP), True),
        (Misconfigured(Reason.INTERNAL), True),
    ],
)
async def test_what_says_that_the_session_is_over_ends_the_tries_and_nothing_else_does(
    refused: CallError, stays: bool
) -> None:
    world = await offline()
    world.backend.offline = None
    world.backend.fails["signOut"] = refused
    await asyncio.sleep(6)
    assert ("owed-sign-outs" in world.device.kept) is stays
    await asyncio.sleep(60)
    assert "owed-sign-outs" not in world.device.kept


async def test_a_refresh_token_that_firebase_refuses_is_dropped() -> None:
    world = await offline()
    world.backend.offline = None

    async def renew(project: FirebaseProject, refresh_token: str) -> FirebaseTokens:
        raise SessionInvalid(Reason.ID_TOKEN_EXPIRED)

    world.firebase.renew = renew
    before = signed_out(world)
    await asyncio.sleep(6)
    assert (signed_out(world), world.device.kept) == (before, {})


async def test_after_thirty_days_nobody_tries_any_more() -> None:
    world = await offline()
    world.time += KEEP_SECONDS - 60
    await asyncio.sleep(60)
    assert "owed-sign-outs" in world.device.kept
    world.time += 120
    await asyncio.sleep(60)
    assert (world.device.kept, page(world).owes_sign_out) == ({}, "")


@pytest.mark.parametrize("failed", [OrgUnavailable(Reason.ORG_TIMEOUT), Misconfigured(Reason.INTERNAL)])
async def test_a_backend_that_fails_keeps_nobody_signed_in(failed: CallError) -> None:
    world = World()
    app = await world.start("/access")
    world.backend.fails["signOut"] = failed
    await app.handover.sign_out()
    assert world.session.user is None
    await asyncio.sleep(6)
    assert (signed_out(world), world.device.kept) == (2, {})


async def test_a_network_that_swallows_everything_holds_nobody_for_long() -> None:
    world = World()
    app = await world.start("/access")
    world.backend.holds["signOut"] = asyncio.Event()
    begun = asyncio.get_running_loop().time()
    await app.handover.sign_out()
    assert asyncio.get_running_loop().time() - begun <= SIGN_OUT_SECONDS
    assert (world.session.user, set(world.device.kept)) == (None, {"owed-sign-outs"})


async def test_signing_out_everywhere_needs_the_network_and_says_so() -> None:
    """It is for a device that was lost: nobody may believe that it is signed out when it is not."""
    world = World()
    app = await world.start("/access")
    assert isinstance(app.screen, AccessViewModel)
    world.backend.offline = OFFLINE
    await app.screen.leave(lambda: app.handover.sign_out(everywhere=True))
    assert app.screen.problem is not None
    assert (world.session.user, "owed-sign-outs" in world.device.kept) == (SAM, False)


async def test_a_device_that_keeps_nothing_says_that_the_app_must_stay_open() -> None:
    device = StallingDrawer(stalls="owed")
    world = World(device=device)
    await world.start("/access")
    world.backend.offline, device.disk.full = OFFLINE, True
    await world.app.handover.sign_out()
    await world.app.settle()
    assert world.session.user is None
    assert "Keep this app open" in page(world).owes_sign_out
    device.disk.full = False
    await asyncio.sleep(60)
    assert "The service will hear of it" in page(world).owes_sign_out
    world.backend.offline = None
    await asyncio.sleep(LONGEST_WAIT + 1)
    assert (page(world).owes_sign_out, device.kept) == ("", {})


class SlowDrawer(Drawer):
    """Lets other windows do something before it answers."""

    async def look(self, key: str) -> str | None:
        await asyncio.sleep(0.01)
        return await super().look(key)

    async def write(self, key: str, value: str) -> None:
        await asyncio.sleep(0.01)
        await super().write(key, value)


async def test_two_windows_that_sign_out_at_once_keep_both() -> None:
    one = World(device=SlowDrawer())
    other = World(device=SlowDrawer(one.device.kept), windows=Beside(one.windows))
    for window in (one, other):
        window.backend.offline = OFFLINE
    project = FirebaseProject("k", "i", "t")
    await asyncio.gather(
        *(window.data.sign_outs.owe(Parting(project, name, window.time)) for window, name in ((one, "1"), (other, "2")))
    )
    assert one.device.kept["owed-sign-outs"].count("refreshToken") == 2
    one.backend.offline = other.backend.offline = None
    await asyncio.sleep(LONGEST_WAIT + 1)
    assert "owed-sign-outs" not in one.device.kept


async def test_a_device_keeps_a_few_of_them() -> None:
    world = World()
    world.backend.offline = OFFLINE
    project = FirebaseProject("k", "i", "t")
    for number in range(MAX_OWED + 3):
        await world.data.sign_outs.owe(Parting(project, f"refresh {number}", world.time))
    kept = world.device.kept["owed-sign-outs"]
    assert (kept.count("refreshToken"), "refresh 2" in kept, f"refresh {MAX_OWED + 2}" in kept) == (
        MAX_OWED,
        False,
        True,
    )
