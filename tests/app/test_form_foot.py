"""A form's foot: what keeps it from being saved, with a way to each field; and what is above stays where it was."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import flet as ft
import pytest

from contract.errors import OrgUnavailable, Reason
from tests.app.test_guard import (
    Screen,
    swept,  # noqa: F401  after each test
    within,
)
from tests.app.test_owner_views import tap_words, texts
from tests.app.test_record_types import deals
from tests.app.world import World
from ui.records import offers
from ui.records.form_view_model import FormViewModel
from ui.shared import theme
from ui.shared.notices import Notice


async def _opened(world: World) -> Screen:
    await world.start()
    screen = Screen(world, 390)
    await screen.painted()
    return screen


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    opened = await _opened(deals())
    await opened.show("/records/Opportunity/new")
    yield opened
    await opened.close()


def _boxes(screen: Screen) -> dict[str, int]:
    return {str(c.label): c._i for c in screen.controls() if isinstance(c, ft.TextField)}  # pyright: ignore[reportPrivateUsage]


def _buttons(screen: Screen) -> list[str]:
    kinds = (ft.OutlinedButton, ft.FilledButton, ft.TextButton)
    return [str(c.content) for c in screen.controls() if isinstance(c, kinds)]


async def test_what_is_wrong_is_told_beside_save_until_it_is_right(screen: Screen) -> None:
    form = screen.app.screen
    assert isinstance(form, FormViewModel)
    wanted = [f for f in form.fields if form.is_required(f) and not form.text(f)]
    assert wanted
    assert _buttons(screen) == ["Save", "Cancel"]
    await tap_words(screen, "Save")
    assert "Please look at the marked fields." in texts(screen)
    assert _buttons(screen) == [*(f.label for f in wanted), "Save", "Cancel"]
    for field in wanted:
        form.choose(field.name, form.offered(field)[0] if form.offered(field) else "Big deal")
    await screen.painted()
    assert _buttons(screen) == ["Save", "Cancel"]


async def test_the_way_to_a_field_gives_it_the_focus_or_brings_it_into_sight(screen: Screen) -> None:
    form = screen.app.screen
    assert isinstance(form, FormViewModel)
    form.choose("StageName", "")
    await tap_words(screen, "Save")
    assert {"Name", "StageName"} <= set(form.errors), "one to type into, and one to choose from"
    asked = list[tuple[str, object]]()

    def note(method: str, arguments: Any) -> None:
        asked.append((method, screen.window.invoked_of if method == "focus" else str(arguments["scroll_key"])))

    screen.window.invoked = note
    boxes, keys = _boxes(screen), {str(c.key) for c in screen.controls() if isinstance(c, ft.Container) and c.key}
    for field in [f for f in form.fields if f.name in form.errors]:
        way = next(c for c in screen.controls() if isinstance(c, ft.OutlinedButton) and c.content == field.label)
        task = asyncio.create_task(screen.tap(way, "click"))  # Flutter never answers here
        await screen.painted()
        task.cancel()
        method, where = asked.pop()
        if f"{field.label} *" in boxes:
            assert (method, where) == ("focus", boxes[f"{field.label} *"])
        else:
            assert method == "scroll_to"
            assert field.name in str(where)
            assert where in keys, "nothing in the form has this key"
        assert asked == []


async def test_a_message_comes_above_the_buttons_and_covers_none(screen: Screen) -> None:
    def bottom() -> float:
        (box,) = [c for c in screen.controls() if isinstance(c, ft.Container) and c.left == 16 and c.right == 16]
        return float(box.bottom or 0)

    buttons = theme.TARGET + 2 * 8  # pixels
    screen.app.notices.show(Notice("Deleted.", "Undo"))
    await screen.painted()
    assert bottom() >= buttons
    (foot,) = [c for c in screen.controls() if isinstance(c, ft.Container) and c.on_size_change is not None]
    await screen.session.dispatch_event(foot._i, "size_change", {"w": 390.0, "h": 180.0})  # pyright: ignore[reportPrivateUsage]  with what is wrong in it
    await screen.painted()
    assert bottom() >= 180
    await screen.show("/records/Opportunity")
    assert bottom() < buttons, "no place else has a foot"


def _offset(arguments: Any) -> object:
    return arguments["offset"]


async def test_in_a_narrow_window_the_foot_is_the_forms_end_and_leaves_the_fields_their_room() -> None:
    world = deals()
    await world.start()
    screen = Screen(world, 195)
    await screen.painted()
    await screen.show("/records/Opportunity/new")

    def stays() -> list[str]:
        """The buttons that do not go with what is scrolled."""
        (content,) = [c for c in screen.controls() if isinstance(c, ft.Column) and c.scroll is not None]
        scrolled = {id(c) for c in within(content)}
        kinds = (ft.OutlinedButton, ft.FilledButton, ft.TextButton)
        return [str(c.content) for c in screen.controls() if isinstance(c, kinds) and id(c) not in scrolled]

    asked = list[tuple[str, object]]()
    screen.window.invoked = lambda method, arguments: asked.append((method, _offset(arguments)))
    assert (_buttons(screen), stays()) == (["Save", "Cancel"], [])
    await tap_words(screen, "Save")
    assert len(_buttons(screen)) > 2, "what is wrong"
    assert stays() == []
    assert asked == [("scroll_to", -1)], "where that is told"
    await screen.close()


async def test_a_question_before_leaving_takes_the_place_of_the_buttons(screen: Screen) -> None:
    form = screen.app.screen
    assert isinstance(form, FormViewModel)
    form.type(form.fields[0].name, "Big deal")
    await tap_words(screen, "Cancel")
    assert _buttons(screen) == ["Go on", "Keep for later", "Throw away"]
    await tap_words(screen, "Go on")
    assert _buttons(screen) == ["Save", "Cancel"]


async def test_fields_stay_the_same_while_notes_come_and_go_above_them() -> None:
    """Else Flutter makes them anew: the focus is gone, and a composition with it."""
    world = deals()
    offers.PATIENCE, patience = 0.01, offers.PATIENCE
    try:
        screen = await _opened(world)
        held = world.backend.holds["getPicklists"] = asyncio.Event()
        world.backend.fails["getPicklists"] = OrgUnavailable(Reason.ORG_BUSY)
        opening = asyncio.create_task(screen.show("/records/Opportunity/new"))
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if any("on their way" in text for text in texts(screen)):
                break
        before = _boxes(screen)
        assert before
        held.set()
        await opening
        assert any("did not come" in text for text in texts(screen))
        assert _boxes(screen) == before
        await tap_words(screen, "Try again")
        assert not any("did not come" in text for text in texts(screen))
        assert _boxes(screen) == before
        await tap_words(screen, "Save")
        assert _boxes(screen) == before
        await screen.close()
    finally:
        offers.PATIENCE = patience
