"""The brand as the app shows it: on the sign-in page, and where people find help."""

import flet as ft
import pytest

import brand
from tests.app.test_guard import Screen
from tests.app.test_owner_views import controls, tap_words
from tests.app.world import World


def texts(screen: Screen) -> list[str]:
    return [c.value for c in controls(screen) if isinstance(c, ft.Text)]


async def _screen(world: World) -> Screen:
    screen = Screen(world, 390)
    await screen.painted()
    return screen


async def test_help_is_where_the_brand_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brand, "SUPPORT", "mailto:help@acme.example")
    world = World()
    await world.start()
    screen = await _screen(world)
    await screen.show("/settings")
    await tap_words(screen, "Get help")
    assert world.device.links == ["mailto:help@acme.example"]
    await screen.close()


async def test_without_an_address_there_is_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brand, "SUPPORT", "")
    world = World()
    await world.start()
    screen = await _screen(world)
    await screen.show("/settings")
    assert "Look" in texts(screen)
    assert "Help" not in texts(screen)
    await screen.close()


async def test_the_sign_in_page_has_the_brands_name_and_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = b"a picture"
    monkeypatch.setattr(brand, "NAME", "Äcme & Söhne")
    monkeypatch.setattr(brand, "LOGO", picture)
    world = World()
    await world.start(user=None)
    screen = await _screen(world)
    assert "Äcme & Söhne" in texts(screen)
    assert picture in [c.src for c in controls(screen) if isinstance(c, ft.Image)]
    await screen.close()
