"""Stars: what a tap shows and sends, what is fetched when, what becomes of it without Salesforce."""

import asyncio

import pytest

from contract.errors import OrgUnavailable, Reason, RefusedRequest
from contract.favorites import Favorite
from tests.app.world import ADA, World
from ui.places import HOME, Place
from ui.shared.stars import FRESH_SECONDS

pytestmark = pytest.mark.virtual_time

KEPT = Favorite("0MV1", "Account", "001B", "B")


@pytest.fixture
def world() -> World:
    world = World()
    for name in "AB":
        world.backend.add(f"001{name}", Name=name)
    world.backend.starred[KEPT.id] = KEPT
    return world


def asked(world: World) -> list[str]:
    names = [name for name, _request in world.backend.asked if "avorite" in name]
    world.backend.asked.clear()
    return names


async def test_stars_are_fetched_behind_a_place_that_shows_them_once_in_five_minutes(world: World) -> None:
    app = await world.start()
    assert (asked(world), app.stars.favorites) == (["getFavorites"], (KEPT,))
    await app.go(Place("record", "Account", "001A"))
    await app.go(HOME)
    await app.settle()
    assert asked(world) == []
    world.time += FRESH_SECONDS
    await app.go(HOME)
    await app.settle()
    assert asked(world) == ["getFavorites"]


async def test_a_tap_shows_at_once_and_is_one_call(world: World) -> None:
    app = await world.start()
    asked(world)
    held = world.backend.holds["addFavorite"] = asyncio.Event()
    tap = asyncio.create_task(app.stars.toggle("Account", "001A", "A"))
    await asyncio.sleep(0)
    assert app.stars.is_starred("001A")
    assert [one.record for one in app.stars.favorites] == ["001B", "001A"]
    held.set()
    await tap
    assert asked(world) == ["addFavorite"]
    assert [one.record for one in world.backend.starred.values()] == ["001B", "001A"]
    await app.stars.toggle("Account", "001B", "B")
    assert (asked(world), [one.record for one in app.stars.favorites]) == (["removeFavorite"], ["001A"])
    again = world.again()
    again.backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    app = await again.start(user=None)
    assert [one.record for one in app.stars.favorites] == ["001A"], "the device keeps what was starred"


async def test_taps_while_salesforce_is_told_end_as_the_last_one_wants(world: World) -> None:
    app = await world.start()
    asked(world)
    held = world.backend.holds["addFavorite"] = asyncio.Event()
    taps = [asyncio.create_task(app.stars.toggle("Account", "001A", "A")) for _tap in range(4)]
    await asyncio.sleep(0)
    assert not app.stars.is_starred("001A")
    held.set()
    await asyncio.gather(*taps)
    assert not app.stars.is_starred("001A")
    assert [one.record for one in world.backend.starred.values()] == ["001B"]
    assert asked(world) == ["addFavorite", "removeFavorite"]


async def test_a_star_that_salesforce_refuses_is_taken_back_and_said(world: World) -> None:
    app = await world.start()
    world.backend.fails["addFavorite"] = RefusedRequest(Reason.NOT_PERMITTED)
    await app.stars.toggle("Account", "001A", "A")
    assert not app.stars.is_starred("001A")
    assert app.notices.newest is not None
    assert app.notices.newest.text == "You do not have permission for this in Salesforce."


async def test_a_tap_while_the_stars_come_is_not_lost(world: World) -> None:
    app = await world.start()
    held = world.backend.holds["getFavorites"] = asyncio.Event()
    world.time += FRESH_SECONDS
    loading = asyncio.create_task(app.stars.load())
    await asyncio.sleep(0)
    await app.stars.toggle("Account", "001A", "A")
    held.set()
    await loading
    assert app.stars.is_starred("001A")


async def test_without_favorites_there_is_no_star(world: World) -> None:
    """An older backend, or an org that has none for the person."""
    world.backend.fails["getFavorites"] = RefusedRequest(Reason.UNKNOWN_CALL)
    app = await world.start()
    assert not app.stars.are_there
    assert app.notices.newest is None


async def test_stars_are_of_one_user_and_go_with_the_sign_out(world: World) -> None:
    app = await world.start()
    await app.handover.sign_out()
    assert app.stars.favorites == ()
    other = world.again()
    other.backend.fails["getFavorites"] = RefusedRequest(Reason.NOT_PERMITTED)
    app = await other.start(user=ADA)
    assert (app.stars.are_there, app.stars.favorites) == (False, ())
