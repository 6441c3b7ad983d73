"""How long somebody who is signed in waits for the device before they see their home."""

import asyncio

import pytest

from tests.app.world import World
from tests.device import StallingDrawer
from ui.home.view_model import HomeViewModel

pytestmark = pytest.mark.virtual_time


async def test_home_as_it_was_seen_last_waits_twice_for_the_device() -> None:
    """Once for who they are, once for what is kept for them; each question waits in line while Flutter starts."""
    device = StallingDrawer(stalls="")
    first = World(device=device)
    await first.start()
    device.disk.delay = 1.0
    first.backend.holds["getDashboard"] = asyncio.Event()  # only what the device kept can be seen
    again = World(first.backend, device)
    begun = asyncio.get_running_loop().time()
    starting = asyncio.create_task(again.app.start("/"))
    await again.app.first_sight(60.0)
    assert asyncio.get_running_loop().time() - begun == 2.0
    home = again.app.screen
    assert isinstance(home, HomeViewModel)
    assert home.dashboard.value is not None
    first.backend.holds["getDashboard"].set()
    await starting
    await again.app.settle()
