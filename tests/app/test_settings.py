"""What the person chose on this device, and the lock: kept over other windows and newer versions, decided before
anything is shown.
"""

import asyncio
import json

import pytest

from data.repositories.session import User
from data.services.device import StorageRefused
from tests.app.world import ADA, SAM, World
from tests.device import Drawer
from ui.places import Place


async def test_settings_are_kept_on_the_device() -> None:
    world = World()
    app = await world.start("/settings")
    await app.settings.choose(theme="dark", language="de")
    again = world.again()
    app = await again.start("/settings")
    assert (app.settings.value.theme, app.settings.value.language) == ("dark", "de")
    await app.settings.choose(language="")


class _DoesNotTell(Drawer):
    """Keeps what it is given, and does not say what that is while it is `mute`, or of what is called `silent`."""

    mute = False
    silent = ""

    async def look(self, key: str) -> str | None:
        if self.mute or key == self.silent:
            raise StorageRefused
        return await self.read(key)

    async def read(self, key: str) -> str | None:
        return None if self.mute or key == self.silent else await super().read(key)


async def test_a_choice_keeps_the_others_while_the_device_does_not_say_what_it_keeps() -> None:
    device = _DoesNotTell()
    world = World(device=device)
    app = await world.start("/settings")
    await app.settings.choose(language="de")
    device.mute = True
    await app.settings.choose(theme="dark")
    device.mute = False
    app = await world.again().start("/settings")
    assert (app.settings.value.theme, app.settings.value.language) == ("dark", "de")
    await app.settings.choose(language="")


async def test_a_locked_app_opens_to_its_owner_only() -> None:
    world = World()
    app = await world.start("/")
    await app.settings.choose(lock=True)
    again = world.again()
    again.device.unlocks = False
    app = await again.start("/")
    assert app.settings.locked
    await app.settings.unlock()
    assert app.settings.locked
    again.device.unlocks = True
    await app.settings.unlock()
    assert not app.settings.locked


@pytest.mark.parametrize(("lockable", "user"), [(True, SAM), (False, SAM), (True, None)])
async def test_where_the_device_does_not_tell_whether_it_is_to_be_locked_it_is(
    lockable: bool, user: User | None
) -> None:
    device = _DoesNotTell()
    device.lockable = lockable
    world = World(device=device)
    await world.start("/settings", user=user)
    device.silent = "settings"
    app = await world.again().start("/", user=user)
    assert app.settings.locked == (lockable and user is not None)


async def test_nobody_gets_around_the_lock_by_signing_out_whoever_used_the_app() -> None:
    world = World()
    await world.sign_in(ADA)
    await world.sign_in(SAM)
    app = await world.start("/", user=None)
    await app.settings.choose(lock=True)
    await app.handover.sign_out()
    await app.settle()
    again = world.again()
    app = await again.start("/", user=None)
    assert (again.session.user, again.session.others) == (None, (ADA,))
    assert app.settings.locked


async def test_settings_that_only_a_newer_version_knows_take_the_lock_not_along() -> None:
    world = World()
    app = await world.start("/")
    await app.settings.choose(lock=True, language="de")
    kept = json.loads(world.device.kept["settings"])
    world.device.kept["settings"] = json.dumps({**kept, "theme": "contrast", "sounds": True})
    app = await world.again().start("/", user=None)
    assert (app.settings.locked, app.settings.value.language, app.settings.value.theme) == (True, "de", "system")
    await app.settings.choose(language="")
    assert json.loads(world.device.kept["settings"])["lock"]


@pytest.mark.parametrize("damage", ["{", "[]", "null", '"text"'])
async def test_settings_that_cannot_be_read_lock_what_can_be_locked(damage: str) -> None:
    world = World()
    await world.start("/")
    world.device.kept["settings"] = damage
    world.device.lockable = True
    app = await world.again().start("/", user=None)
    assert app.settings.locked
    await app.settings.choose(theme="dark")
    assert json.loads(world.device.kept["settings"])["lock"], "until the person says otherwise"


async def test_a_device_that_cannot_say_whether_it_can_lock_locks() -> None:
    class Broken(_DoesNotTell):
        async def can_lock(self) -> bool:
            raise RuntimeError

    device = Broken()
    world = World(device=device)
    await world.start("/")
    device.silent = "settings"
    assert (await world.again().start("/", user=None)).settings.locked


async def test_nothing_is_shown_before_it_is_decided_whether_the_app_is_locked() -> None:
    """An address may come while the device is still asked what it keeps."""

    class Slow(Drawer):
        def __init__(self) -> None:
            super().__init__()
            self.gate = asyncio.Event()
            self.gate.set()

        async def values(self, prefix: str) -> dict[str, str]:
            await self.gate.wait()
            return await super().values(prefix)

    device = Slow()
    world = World(device=device)
    app = await world.start("/")
    await app.settings.choose(lock=True)
    again = world.again()
    device.gate.clear()
    starting = asyncio.create_task(again.app.start("/"))
    for _ in range(20):
        await asyncio.sleep(0)
    await again.app.show("/records/Account")
    assert again.app.screen is None
    device.gate.set()
    await starting
    assert again.app.settings.locked
    assert again.app.place == Place("list", "Account")
