"""The views about owners and less access, painted on Flet's own session, without a window: what is tapped does it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import flet as ft
import pytest
from flet.controls.base_control import BaseControl

from contract.calls import Objects
from data.repositories.records import Visited
from tests.app.test_guard import Screen, within
from tests.app.test_less_access import Service
from tests.app.test_owners import CASE, QUEUE, QueueBackend
from tests.app.world import SAM, World
from ui.records.list_view_model import ListViewModel


@pytest.fixture(autouse=True)
def _swept() -> Iterator[None]:
    """Flet's trees are circles; Python 3.11 cannot bear them to be collected while it parses."""
    yield
    gc.collect()


@pytest.fixture
async def backend() -> QueueBackend:
    backend = QueueBackend()
    backend.objects = Objects((CASE,), "https://x")
    backend.queued()
    backend.add("500B", Name="Another", OwnerId=SAM.user_id, **{"Owner.Name": SAM.name, "Owner.Type": "User"})
    return backend


@pytest.fixture
async def screen(backend: QueueBackend) -> AsyncIterator[Screen]:
    world = World(backend)
    await world.start()
    made = Screen(world, 390)
    yield made
    await made.close()


def controls(screen: Screen) -> list[BaseControl]:
    """What is painted, dialogs too."""
    return [*screen.controls(), *within(screen.session.page._dialogs.controls)]  # pyright: ignore[reportPrivateUsage]


def texts(screen: Screen) -> list[str]:
    return [str(c.value) for c in controls(screen) if isinstance(c, ft.Text)]


async def tap_words(screen: Screen, words: str) -> None:
    """Taps what has these words on it, the innermost thing that can be tapped."""

    def has(control: BaseControl) -> bool:
        said = {str(getattr(control, "content", "")), str(getattr(control, "tooltip", ""))}
        return words in said or any(isinstance(c, ft.Text) and c.value == words for c in within(control))

    tappable = [c for c in controls(screen) if getattr(c, "on_click", None) is not None and has(c)]
    assert tappable, f"nothing to tap with {words!r}"
    await screen.tap(min(tappable, key=lambda c: len(list(within(c)))), "click")
    await screen.app.settle()
    for _ in range(3):
        await screen.painted()


async def test_take_it_is_a_button_of_a_record_in_a_queue(screen: Screen, backend: QueueBackend) -> None:
    await screen.show("/records/Case/500A")
    assert "Support (queue)" in texts(screen)
    await tap_words(screen, "Take it")
    assert backend.records["500A"].fields["OwnerId"] == SAM.user_id
    assert "Sam Sales" in texts(screen)
    await tap_words(screen, "Undo")
    assert "Support (queue)" in texts(screen)


async def test_a_list_is_filtered_by_a_queue_that_is_looked_up(screen: Screen) -> None:
    await screen.show("/records/Case")
    assert {"Delivery was late", "Another"} <= set(texts(screen))
    await tap_words(screen, "A user or a queue …")
    assert "Ada Admin" in texts(screen)
    await tap_words(screen, "Support")
    assert "Delivery was late" in texts(screen)
    assert "Another" not in texts(screen)
    assert "Case Owner: Support" in texts(screen)
    await tap_words(screen, "All")
    assert "Another" in texts(screen)


async def test_a_list_that_is_filtered_by_somebody_is_loaded_to_its_end_when_the_dialog_goes_meanwhile(
    screen: Screen, backend: QueueBackend
) -> None:
    """Flutter tells that the dialog is gone while the list is on its way: nothing of that may end the loading."""
    await screen.show("/records/Case")
    await tap_words(screen, "A user or a queue …")
    (dialog,) = [c for c in controls(screen) if isinstance(c, ft.AlertDialog)]
    held = backend.holds["listRecords"] = asyncio.Event()
    choosing = asyncio.create_task(tap_words(screen, "Support"))
    for _ in range(5):
        await screen.painted()
    await screen.tap(dialog, "dismiss")
    for _ in range(3):
        await screen.painted()
    listed = screen.app.screen
    assert isinstance(listed, ListViewModel)
    assert listed.loading
    held.set()
    await choosing
    for _ in range(5):
        await screen.painted()
    assert not listed.loading
    assert "Delivery was late" in texts(screen)
    assert "Another" not in texts(screen)
    assert not dialog.open


async def test_the_form_looks_up_an_owner(screen: Screen, backend: QueueBackend) -> None:
    await screen.show("/records/Case/500A/edit")
    await tap_words(screen, "Look up Case Owner")
    await tap_words(screen, "Ada Admin")
    await tap_words(screen, "Save")
    assert backend.records["500A"].fields["OwnerId"] != QUEUE.id
    assert backend.records["500A"].fields["Owner.Name"] == "Ada Admin"


async def test_home_without_opportunities_has_no_empty_cards() -> None:
    world = World(Service())
    await world.sign_in()
    await world.data.shelf.open(SAM.uid)
    for sobject, record_id in (("Opportunity", "006A"), ("Contact", "003A")):  # before somebody took the one away
        await world.records.visit(Visited(sobject, record_id, {"Name": f"One {sobject}"}))
    await world.start(user=None)
    screen = Screen(world, 390)
    await screen.show("/")
    shown = texts(screen)
    await screen.close()
    assert "My open tasks" in shown
    assert not {"Open pipeline", "Closing this month", "No open deals right now."} & set(shown)
    assert [text for text in shown if text.startswith("One ")] == ["One Contact"]
