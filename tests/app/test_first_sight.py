"""When the app takes the place of what stands on the page before it."""

import asyncio

import pytest

from contract.errors import OrgUnavailable, Reason
from tests.app.world import World
from tests.device import StallingDrawer

pytestmark = pytest.mark.virtual_time
LIMIT = 0.01  # seconds


async def _begun(
    world: World, route: str = "/", *, has_start_page: bool = True
) -> tuple[asyncio.Task[None], asyncio.Task[None]]:
    """The start, and what ends with the first sight; longer ago than a place may take for more than a skeleton."""
    starting = asyncio.create_task(world.app.start(route))
    starting.add_done_callback(world.app.started)
    seen = asyncio.create_task(world.app.first_sight(LIMIT, has_start_page=has_start_page))
    await asyncio.sleep(100 * LIMIT)
    return starting, seen


async def test_the_start_page_stays_until_the_apps_own_has_its_button() -> None:
    """Else a tap on the one falls on the skeleton of the other."""
    world = World()
    held = world.backend.holds["getSignInOptions"] = asyncio.Event()
    _, seen = await _begun(world)
    assert not seen.done()
    held.set()
    await asyncio.wait_for(seen, 1)


async def test_it_leaves_when_the_app_can_say_what_is_wrong() -> None:
    world = World()
    world.backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE)
    _, seen = await _begun(world)
    await asyncio.wait_for(seen, 1)


async def test_it_leaves_when_the_start_has_failed() -> None:
    world = World()
    world.backend.holds["getSignInOptions"] = asyncio.Event()
    starting, seen = await _begun(world)
    assert not seen.done()
    starting.cancel()
    await asyncio.wait_for(seen, 1)


async def test_in_a_window_of_its_own_nobody_waits_for_the_button() -> None:
    world = World()
    world.backend.holds["getSignInOptions"] = asyncio.Event()
    _, seen = await _begun(world, has_start_page=False)
    assert seen.done()


async def test_where_one_cannot_sign_in_before_a_skeleton_is_soon_shown() -> None:
    """Somebody is signed in, or has just come back from Salesforce."""
    world = World()
    await world.sign_in()
    world.backend.holds["getDashboard"] = world.backend.holds["getObjects"] = asyncio.Event()
    _, seen = await _begun(world)
    assert seen.done()

    world = World()
    options = await world.data.sign_in.options()
    await world.data.sign_in.begin(options, options.login_hosts[0])
    world.backend.holds["signIn"] = asyncio.Event()
    _, seen = await _begun(world, f"/oauth/callback?code=c&state={world.device.pending()['state']}")
    assert seen.done()


async def test_a_skeleton_is_shown_however_long_the_device_takes_to_say_who_is_signed_in() -> None:
    """Until then the place is a sign-in page that nobody will see."""
    device = StallingDrawer(stalls="")
    world = World(device=device)
    await world.sign_in()
    world.backend.holds["getDashboard"] = world.backend.holds["getObjects"] = asyncio.Event()
    device.disk.delay = 2 * LIMIT
    _, seen = await _begun(world)
    assert seen.done()


async def test_so_it_is_for_somebody_who_comes_back_from_salesforce() -> None:
    device = StallingDrawer(stalls="")
    world = World(device=device)
    options = await world.data.sign_in.options()
    await world.data.sign_in.begin(options, options.login_hosts[0])
    world.backend.holds["signIn"] = asyncio.Event()
    device.disk.delay = LIMIT
    _, seen = await _begun(world, f"/oauth/callback?code=c&state={world.device.pending()['state']}")
    assert seen.done()
