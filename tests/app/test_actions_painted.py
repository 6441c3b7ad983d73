"""The actions of a record as they are painted, on Flet's own session: buttons, the menu, the dialog."""

import asyncio
from dataclasses import replace

import flet as ft
import pytest

from contract.actions import ActionDone, ActionShape, Choice, Question
from contract.errors import Reason, RefusedRequest
from tests.app.test_actions import CONFIRMED, PING, ActingBackend
from tests.app.test_guard import Screen
from tests.app.test_owner_views import controls, tap_words, texts
from tests.app.world import World

ASKING = ActionShape(
    "asking",
    {"en": "Escalate"},
    icon="priority_high",
    questions=(
        Question("reason", {"en": "Why?"}, required=True, lines=3),
        Question("until", {"en": "Until when?"}, "date"),
        Question("urgent", {"en": "Urgent?"}, "yes-no"),
        Question("kind", {"en": "Which?"}, "choice", choices=(Choice("a", {"en": "An A"}), Choice("b", {"en": "A B"}))),
    ),
    shown_when={"Active__c": (None, False)},
)
IN_MENU = replace(CONFIRMED, in_menu=True)


async def shown(backend: ActingBackend, width: int) -> Screen:
    world = World(backend)
    await world.start()
    screen = Screen(world, width)
    await screen.painted()
    await screen.show("/records/Account/001A")
    return screen


def open_dialog(screen: Screen) -> ft.AlertDialog:
    (dialog,) = [c for c in controls(screen) if isinstance(c, ft.AlertDialog) and c.open]
    return dialog


def dialogs(screen: Screen) -> list[ft.AlertDialog]:
    return [c for c in controls(screen) if isinstance(c, ft.AlertDialog) and c.open]


async def write(screen: Screen, label: str, text: str) -> None:
    (box,) = [c for c in controls(screen) if isinstance(c, ft.TextField) and c.label == label]
    screen.session.apply_patch(box._i, {"value": text})  # pyright: ignore[reportPrivateUsage]
    await screen.tap(box, "change")
    await screen.painted()


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_button_asks_runs_and_goes_when_it_has_nothing_more_to_do(width: int) -> None:
    backend = ActingBackend(ASKING, PING, IN_MENU)
    screen = await shown(backend, width)
    assert {"Escalate", "Ping"} <= {str(getattr(c, "content", "")) for c in screen.controls()}
    await tap_words(screen, "Escalate")
    labels = {getattr(c, "label", None) for c in controls(screen)}
    assert {"Why? *", "Until when?", "Urgent?", "Which?"} <= labels
    (run,) = [c for c in controls(screen) if isinstance(c, ft.FilledButton) and c.content == "Escalate"]
    await screen.tap(run, "click")
    await screen.painted()
    (box,) = [c for c in controls(screen) if isinstance(c, ft.TextField) and c.label == "Why? *"]
    assert box.error == "This cannot be empty."
    await write(screen, "Why? *", "The customer waits.")
    (choice,) = [c for c in controls(screen) if isinstance(c, ft.Dropdown) and c.label == "Which?"]
    assert [o.text for o in choice.options] == ["–", "An A", "A B"]
    screen.session.apply_patch(choice._i, {"value": "b"})  # pyright: ignore[reportPrivateUsage]
    await screen.tap(choice, "select")
    await screen.painted()
    backend.fails["runAction"] = RefusedRequest(Reason.ACTION_REFUSED, "Not today.")
    (run,) = [c for c in controls(screen) if isinstance(c, ft.FilledButton) and c.content == "Escalate"]
    await screen.tap(run, "click")
    await screen.painted()
    assert "Not today." in texts(screen)
    (run,) = [c for c in controls(screen) if isinstance(c, ft.FilledButton) and c.content == "Escalate"]
    await screen.tap(run, "click")
    await screen.painted()
    assert backend.ran[0].answers == {"reason": "The customer waits.", "urgent": False, "kind": "b"}
    assert dialogs(screen) == []
    assert "Escalate: done." in texts(screen)
    buttons = {str(getattr(c, "content", "")) for c in screen.controls()}
    assert "Escalate" not in buttons, "the record is active by now"
    assert "Ping" in buttons
    assert screen.window.crashed == []
    await screen.close()


async def test_a_line_of_the_menu_asks_first() -> None:
    backend = ActingBackend(IN_MENU)
    screen = await shown(backend, 390)
    (item,) = [c for c in screen.controls() if isinstance(c, ft.PopupMenuItem) and c.content == "Close"]
    await screen.tap(item, "click")
    await screen.painted()
    assert "For good?" in texts(screen)
    await tap_words(screen, "Cancel")
    assert (dialogs(screen), backend.ran) == ([], [])
    await screen.tap(item, "click")
    await screen.painted()
    await screen.tap(open_dialog(screen), "dismiss")
    await screen.painted()
    assert (dialogs(screen), backend.ran) == ([], [])
    await screen.close()


async def test_the_record_that_it_names_is_the_next_page() -> None:
    backend = ActingBackend(PING)
    backend.add("003000000000001AAA", Name="Ada", LastName="Ada")
    backend.done = ActionDone(opens="003000000000001AAA")
    screen = await shown(backend, 390)
    await tap_words(screen, "Ping")
    assert screen.app.route == "/records/Contact/003000000000001AAA"
    backend.done = ActionDone(opens="a00000000000001AAA")
    await screen.show("/records/Account/001A")
    await tap_words(screen, "Ping")
    assert screen.app.route == "/records/Account/001A", "a record of an object that the app does not show"
    await screen.close()


async def test_whoever_has_gone_on_meanwhile_is_not_taken_back() -> None:
    backend = ActingBackend(PING)
    backend.add("003000000000001AAA", Name="Ada", LastName="Ada")
    backend.done = ActionDone(opens="003000000000001AAA")
    screen = await shown(backend, 390)
    held = backend.holds["runAction"] = asyncio.Event()
    (button,) = [c for c in screen.controls() if getattr(c, "content", None) == "Ping" and hasattr(c, "on_click")]
    running = asyncio.create_task(screen.tap(button, "click"))
    for _ in range(5):
        await screen.painted()
    await screen.show("/records/Account")
    held.set()
    await running
    await screen.painted()
    assert screen.app.route == "/records/Account"
    assert "Ping: done." in texts(screen)
    await screen.close()


async def test_while_it_runs_nothing_can_be_tapped_twice() -> None:
    backend = ActingBackend(PING, CONFIRMED)
    screen = await shown(backend, 390)
    held = backend.holds["runAction"] = asyncio.Event()
    (button,) = [c for c in screen.controls() if getattr(c, "content", None) == "Ping" and hasattr(c, "on_click")]
    running = asyncio.create_task(screen.tap(button, "click"))
    for _ in range(5):
        await screen.painted()
    (button,) = [c for c in screen.controls() if getattr(c, "content", None) == "Ping" and hasattr(c, "on_click")]
    assert isinstance(button, ft.FilledTonalButton)
    assert button.disabled
    held.set()
    await running
    assert len(backend.ran) == 1
    await screen.close()


async def test_while_it_runs_the_dialog_closes_and_does_not_cancel() -> None:
    backend = ActingBackend(ASKING)
    screen = await shown(backend, 390)
    await tap_words(screen, "Escalate")
    await write(screen, "Why? *", "The customer waits.")
    assert {"Cancel", "Escalate"} <= {str(getattr(c, "content", "")) for c in open_dialog(screen).actions}
    held = backend.holds["runAction"] = asyncio.Event()
    (run,) = [c for c in controls(screen) if isinstance(c, ft.FilledButton) and c.content == "Escalate"]
    running = asyncio.create_task(screen.tap(run, "click"))
    for _ in range(200):
        await asyncio.sleep(0)
    await screen.painted()
    assert [str(getattr(c, "content", "")) for c in open_dialog(screen).actions] == ["Close", "Just a moment …"]
    held.set()
    await running
    await screen.painted()
    assert dialogs(screen) == []
    await screen.close()
