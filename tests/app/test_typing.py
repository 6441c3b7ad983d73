"""What a person types stays as they typed it, whenever Python's answers come."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context
from pathlib import Path
from typing import Any

import flet as ft
from flet.controls.context import _context_page  # pyright: ignore[reportPrivateUsage]
from flet.messaging.session import Session
from hypothesis import example, given
from hypothesis import strategies as st

from tests.app.typist import Flutter
from ui.shared import parts
from ui.shared.live import use
from ui.shared.state import State
from ui.shared.text_box import SearchBox, TextBox


class Typed(State):
    """What was typed, and whether the form itself has put something else there. `entered` is what was typed when Enter
    was pressed."""

    text = entered = ""


@ft.component
def Page(state: Typed) -> list[ft.View]:
    use(state)

    def typed(event: ft.Event[ft.TextField]) -> None:
        state.text = event.control.value
        state.changed()

    box = TextBox(label="Name", value=state.text, on_change=typed)
    return [ft.View(controls=[parts.field(box), ft.Text(f"{len(state.text)} letters")])]


STEPS = st.lists(st.sampled_from(["key", "tell", "turn", "hear", "paint"]), max_size=40)


async def _window(state: Typed, page: Callable[..., Any] = Page) -> tuple[Flutter, Session]:
    flutter = Flutter()
    session = Session(flutter)
    _context_page.set(session.page)  # pyright: ignore[reportArgumentType]
    flutter.begin(session)
    session.page.render_views(page, state)
    await flutter.rest()
    return flutter, session


async def _close(session: Session) -> None:
    session.close()
    await asyncio.sleep(0)


async def _types(flutter: Flutter, state: Typed, field: str, steps: list[str]) -> AsyncIterator[str]:
    """A person types into a field while messages come and go in this order. What was typed last comes after each."""
    text = flutter.field(field).get("value", "")
    for step in steps:
        match step:
            case "key":
                text = flutter.field(field).get("value", "")
                flutter.key(field, text := text + chr(ord("a") + len(text) % 26))
            case "tell":
                flutter.tell()
            case "hear":
                flutter.hear()
            case "paint":
                state.changed()
            case _:
                await asyncio.sleep(0)
        yield text
    await flutter.rest()


def _whatever_comes(page: Callable[..., Any], story: Callable[[Flutter, Typed, list[str]], Awaitable[None]]) -> None:
    """Plays a story with a page in every order of what a person and the app do."""
    state = Typed()
    with asyncio.Runner() as runner:
        flutter, session = runner.run(_window(state, page))

        @given(STEPS)
        @example(["tell", "turn", "turn", "hear", "key", "key", "key"])  # the same again before the answer comes
        @example(["tell", "turn", "turn", "hear", "key", "key", "turn", "hear", "key"])
        def played(steps: list[str]) -> None:
            async def once() -> None:
                await story(flutter, state, steps)

            runner.run(once())

        played()
        runner.run(_close(session))


def test_whenever_answers_come_a_field_keeps_what_was_typed() -> None:
    async def story(flutter: Flutter, state: Typed, steps: list[str]) -> None:
        flutter.key("Name", text := "")
        await flutter.rest()
        async for text in _types(flutter, state, "Name", steps):
            assert flutter.field("Name").get("value", "") == text
        assert (flutter.field("Name").get("value", ""), state.text) == (text, text)

    _whatever_comes(Page, story)


async def test_what_the_form_itself_changes_is_written_into_the_field() -> None:
    state = Typed()
    flutter, session = await _window(state)
    flutter.key("Name", "abc")
    await flutter.rest()
    for text in ("xyz", "abc", ""):
        state.text = text
        state.changed()
        await flutter.rest()
        assert flutter.field("Name").get("value", "") == text
    flutter.key("Name", "d")
    await flutter.rest()
    assert (flutter.field("Name")["value"], state.text) == ("d", "d")
    await _close(session)


async def test_a_state_may_change_where_flet_knows_of_no_page() -> None:
    """As in a callback of the browser's, which has no context of Flet's."""
    state = Typed()
    flutter, session = await _window(state)
    state.text = "abc"
    Context().run(state.changed)
    await flutter.rest()
    assert flutter.field("Name").get("value", "") == "abc"
    await _close(session)


@ft.component
def SearchPage(state: Typed) -> list[ft.View]:
    use(state)

    async def typed(text: str) -> None:
        state.text = text
        await asyncio.sleep(0)  # as if it searched
        state.changed()

    def entered() -> None:
        state.entered = state.text

    box = SearchBox("Find", lambda: state.text, typed, entered)
    return [ft.View(controls=[box, ft.Text(f"{len(state.text)} letters")])]


async def test_what_is_searched_for_goes_with_one_tap_and_one_types_on() -> None:
    state = Typed()
    flutter, session = await _window(state, SearchPage)
    assert not flutter.has("Clear search")
    flutter.key("Find", "abc")
    await flutter.rest()
    flutter.tap("Clear search")
    await flutter.rest()
    assert (flutter.field("Find").get("value", ""), state.text) == ("", "")
    assert not flutter.has("Clear search")
    flutter.key("Find", "d")
    await flutter.rest()
    assert (flutter.field("Find")["value"], state.text) == ("d", "d")
    assert flutter.focused == flutter.field("Find")["_i"]
    await _close(session)


async def test_enter_comes_after_what_was_typed_before_it() -> None:
    state = Typed()
    flutter, session = await _window(state, SearchPage)
    flutter.key("Find", "a")
    flutter.key("Find", "ab")
    flutter.enter("Find")
    await flutter.rest()
    assert (flutter.field("Find")["value"], state.entered) == ("ab", "ab")
    await _close(session)


async def test_what_is_taken_away_while_a_search_is_cleared_goes_with_it() -> None:
    state = Typed()
    flutter, session = await _window(state, SearchPage)
    flutter.key("Find", "abc")
    await flutter.rest()
    flutter.tap("Clear search")
    flutter.key("Find", "ab")
    await flutter.rest()
    assert (flutter.field("Find").get("value", ""), state.text) == ("", "")
    await _close(session)


def test_whatever_is_typed_while_a_search_is_cleared_what_is_searched_for_is_what_stands_there() -> None:
    async def story(flutter: Flutter, state: Typed, steps: list[str]) -> None:
        flutter.key("Find", "abc")
        await flutter.rest()
        flutter.tap("Clear search")
        emptied, since = False, ""
        async for text in _types(flutter, state, "Find", steps):
            emptied = emptied or flutter.field("Find").get("value", "") == ""
            since = text if emptied and flutter.field("Find").get("value", "") else since
        await flutter.rest()
        assert (flutter.field("Find").get("value", ""), state.text) == (since, since)

    _whatever_comes(SearchPage, story)


def test_every_field_is_one_that_keeps_what_was_typed() -> None:
    """Flet's own field is set back, and what it calls capitalization changes what was typed, which ends a composition
    at its first letter."""
    views = Path(__file__).parents[2] / "app/src/ui"
    own = [p.name for p in views.rglob("*.py") if re.search(r"ft\.TextField\(|capitalization", p.read_text())]
    assert own == []
