"""Amounts in several currencies as they are painted, on Flet's own session, without a window."""

from collections.abc import AsyncIterator

import flet as ft
import pytest

from tests.app.test_currencies import rich
from tests.app.test_guard import Screen
from ui.places import Place
from ui.records.form_view_model import FormViewModel


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    world = rich()
    await world.start()
    made = Screen(world, 390)
    yield made
    await made.close()


def _texts(screen: Screen) -> list[str]:
    return [c.value for c in screen.controls() if isinstance(c, ft.Text)]


def _suffix(screen: Screen, label: str) -> object:
    (box,) = [c for c in screen.controls() if isinstance(c, ft.TextField) and c.label == label]
    return box.suffix


async def test_home_and_lists_show_the_code_of_each_amount(screen: Screen) -> None:
    await screen.show("/")
    texts = _texts(screen)
    assert "Converted to USD" in texts
    assert {"Neu", "Won", "$1.9M"} <= set(texts)
    await screen.show("/records/Opportunity")
    assert {"€5.5K", "¥700K"} <= set(_texts(screen))
    await screen.show("/records/Opportunity/0062")
    assert "€5,500.50" in _texts(screen)


async def test_the_sign_beside_an_amount_follows_the_currency_that_is_chosen(screen: Screen) -> None:
    await screen.app.go(Place("new", "Opportunity"))
    await screen.app.settle()
    await screen.painted()
    form = screen.app.screen
    assert isinstance(form, FormViewModel)
    assert _suffix(screen, "Amount") == "€"
    form.choose("CurrencyIsoCode", "JPY")
    await screen.painted()
    assert _suffix(screen, "Amount") == "¥"
