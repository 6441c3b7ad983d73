"""The selector above a list and the star of a record, painted on Flet's own session: what is tapped does it."""

import asyncio
from collections.abc import AsyncIterator

import flet as ft
import pytest

from contract.calls import Sort
from tests.app.test_guard import Screen
from tests.app.test_list_views import fill
from tests.app.test_owner_views import controls, tap_words, texts
from tests.app.world import World
from ui.places import Place


@pytest.fixture
def world() -> World:
    world = World()
    fill(world.backend)
    return world


@pytest.fixture
async def screen(world: World) -> AsyncIterator[Screen]:
    await world.start()
    made = Screen(world, 390)
    yield made
    await made.close()


async def test_a_list_view_is_chosen_in_the_selector_and_the_list_says_which_it_is_and_how_it_is_sorted(
    screen: Screen,
) -> None:
    await screen.show("/records/Account")
    assert {"Mine and open", "A", "C"} <= set(texts(screen))
    await tap_words(screen, "Mine and open")
    assert {"List views", "All", "Media accounts", "Big accounts"} <= set(texts(screen))
    await tap_words(screen, "Media accounts")
    assert {"Media accounts", "Sorted by Account Name", "B", "D"} <= set(texts(screen))
    assert not {"A", "C", "Show all", "Reset filters"} & set(texts(screen))
    await tap_words(screen, "Media accounts")
    tiles = [c for c in controls(screen) if isinstance(c, ft.ListTile) and c.selected and c.trailing]
    marked = [c.title.value for c in tiles if isinstance(c.title, ft.Text)]
    assert marked[-1] == "Media accounts"
    await tap_words(screen, "Mine and open")
    assert {"Mine and open", "A", "C"} <= set(texts(screen))


async def test_an_order_that_the_app_does_not_know_is_called_salesforces(screen: Screen, world: World) -> None:
    world.backend.view_sort = Sort("Site")
    await screen.show("/records/Account")
    await tap_words(screen, "Mine and open")
    await tap_words(screen, "Media accounts")
    assert "Sorted as in Salesforce" in texts(screen)


async def test_a_star_is_tapped_on_a_record_and_home_has_it_before_what_was_seen(screen: Screen, world: World) -> None:
    tapped: list[asyncio.Task[None]] = []
    await screen.show("/records/Account/001A")
    await screen.show("/records/Account/001B")
    assert "Add to favorites" in names(screen)
    star = next(c for c in controls(screen) if isinstance(c, ft.IconButton) and c.tooltip == "Add to favorites")
    await screen.tap(star, "click")
    await screen.painted()
    assert "Remove from favorites" in names(screen)
    held = world.backend.holds["removeFavorite"] = asyncio.Event()
    for words in ("Remove from favorites", "Add to favorites"):  # one after the other, before Salesforce answers
        star = next(c for c in controls(screen) if isinstance(c, ft.IconButton) and c.tooltip == words)
        tapped.append(asyncio.create_task(screen.tap(star, "click")))
        await screen.painted()
    held.set()
    await asyncio.gather(*tapped)
    await screen.painted()
    assert [one.record for one in world.backend.starred.values()] == ["001B"]
    await screen.app.go(Place("home"))
    await screen.app.settle()
    for _ in range(3):
        await screen.painted()
    shown = texts(screen)
    assert shown.index("Favorites") < shown.index("Recently seen")
    titles = [c.title.value for c in controls(screen) if isinstance(c, ft.ListTile) and isinstance(c.title, ft.Text)]
    assert titles == ["B", "A"], "what is starred is not among what was seen as well"


def names(screen: Screen) -> set[str]:
    return {str(c.semantics_label) for c in controls(screen) if isinstance(c, ft.Icon)}
