"""Hands: every value can be copied, the window is called after what it shows, and where the keyboard goes on."""

from collections.abc import AsyncIterator
from dataclasses import replace

import flet as ft
import pytest

from contract.calls import FieldShape
from tests.app.test_guard import (
    Screen,
    swept,  # noqa: F401  after each test
    within,
)
from tests.app.test_owner_views import controls, tap_words, texts
from tests.app.test_record_types import DEAL, deals
from tests.app.world import World
from ui.frame import title_of
from ui.places import Place
from ui.records.list_view_model import ListViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared import parts
from ui.shared.hands import Focus
from ui.table import Table

VALUES = {"Name": "Alder Energy", "Phone": "+44 20 7946 0230", "Industry": "Energy", "AnnualRevenue": 1500.0,
          "Since__c": "2026-11-24", "BillingStreet": "78 Mill Lane", "BillingCity": "Chicago"}  # fmt: skip


@pytest.fixture
def world() -> World:
    world = World()
    world.backend.add("001A", **VALUES)
    return world


@pytest.fixture
async def screen(world: World) -> AsyncIterator[Screen]:
    await world.start()
    made = Screen(world, 390)
    yield made
    await made.close()


async def test_every_value_of_a_record_can_be_copied_by_its_name(screen: Screen, world: World) -> None:
    await screen.show("/records/Account/001A")
    model = screen.app.screen
    assert isinstance(model, RecordViewModel)
    assert model.lines[0].label == "Account Name"
    await tap_words(screen, "Copy a value")
    assert any(isinstance(c, ft.AlertDialog) for c in controls(screen))
    names = [c.semantics_label for c in controls(screen) if isinstance(c, ft.Text) and c.semantics_label]
    assert names == [f"Copy {line.label}" for line in model.lines]
    shown = {line.text for group in model.groups for line in group.lines}
    assert {"Alder Energy", *shown} == {line.text for line in model.lines}
    tile = next(c for c in controls(screen) if isinstance(c, ft.ListTile) and _says(c, "Copy Phone"))
    await screen.tap(tile, "click")
    await screen.painted()
    assert world.device.links == ["copied: +44 20 7946 0230"]
    assert "Copied." in texts(screen)


def test_a_row_has_a_second_line_for_what_an_amount_leaves_no_room_for() -> None:
    for amount, lines in (("$1.9M", 2), ("", 1)):
        row = parts.tile("Renewal", "Negotiation · 30 Nov 2026 · Sam Sales", trailing=amount)
        assert isinstance(row, ft.ListTile)
        assert isinstance(row.subtitle, ft.Text)
        assert row.subtitle.max_lines == lines


def _says(tile: ft.ListTile, name: str) -> bool:
    return isinstance(tile.title, ft.Text) and tile.title.semantics_label == name


async def test_a_long_press_on_a_line_copies_its_value(screen: Screen, world: World) -> None:
    await screen.show("/records/Account/001A")
    pressed = [c for c in screen.controls() if isinstance(c, ft.Container) and c.on_long_press is not None]
    for line in pressed:
        await screen.tap(line, "long_press")
    model = screen.app.screen
    assert isinstance(model, RecordViewModel)
    assert world.device.links == [f"copied: {line.text}" for group in model.groups for line in group.lines]


async def test_a_record_lies_in_one_area_in_which_text_is_selected(screen: Screen) -> None:
    await screen.show("/records/Account/001A")
    assert len([c for c in screen.controls() if isinstance(c, ft.SelectionArea)]) == 1


@pytest.mark.parametrize(
    ("address", "title"),
    [("/", "Home"), ("/records/Account", "Accounts"), ("/records/Account/001A", "Alder Energy"),
     ("/records/Account/001A/edit", "Change Alder Energy"), ("/records/Account/new", "New Account"),
     ("/settings", "Settings"), ("/search", "Search"), ("/records/Nothing", "")],
)  # fmt: skip
async def test_the_window_is_called_after_what_it_shows(world: World, address: str, title: str) -> None:
    app = await world.start(address)
    name = "Salesforce Sample"
    assert title_of(app, Table()) == (f"{title} – {name}" if title else name)


async def test_the_title_follows_a_record_that_comes_late_and_ends_with_the_sign_out(screen: Screen) -> None:
    await screen.show("/records/Account/001A")
    await screen.show("/records/Account")
    assert screen.titles[-2:] == ["Alder Energy – Salesforce Sample", "Accounts – Salesforce Sample"]
    await screen.app.handover.sign_out()
    await screen.painted()
    assert screen.titles[-1] == "Salesforce Sample"


def test_the_focus_goes_to_the_content_unless_what_has_it_stays() -> None:
    focus = Focus(lambda: "Accounts")
    focus.place_changed(has_its_own=False)
    assert not focus.here, "at the app's beginning nobody has it yet"
    focus.place_changed(has_its_own=False)
    assert focus.here
    assert not focus.marked
    focus.went_on()
    assert not focus.here
    focus.stay()
    focus.place_changed(has_its_own=False)
    assert not focus.here, "a rail has it still"
    focus.place_changed(has_its_own=True)
    assert not focus.here, "the search has a field that takes it"
    focus.to_content(marked=True)
    assert (focus.here, focus.marked) == (True, True)


async def test_the_skip_link_is_seen_while_it_has_the_focus_and_leads_to_the_content(screen: Screen) -> None:
    await screen.show("/records/Account")

    def link() -> ft.Button:
        return next(c for c in screen.controls() if isinstance(c, ft.Button) and c.on_focus is not None)

    assert link().height == 1
    await screen.tap(link(), "focus")
    await screen.painted()
    assert link().height == 48
    await screen.tap(link(), "click")
    await screen.painted()
    assert [c for c in screen.controls() if isinstance(c, ft.KeyboardListener)]
    (mark,) = [c for c in screen.controls() if isinstance(c, ft.Container) and c.bgcolor == ft.Colors.PRIMARY]
    assert (mark.height or 99) < 8, "no place begins higher than 8 pixels, and nothing of it is covered"
    await screen.app.go(Place("settings"))
    await screen.painted()
    listener = next(c for c in screen.controls() if isinstance(c, ft.KeyboardListener))
    for key, stays in (("Shift Left", True), ("Tab", False)):
        await screen.session.dispatch_event(listener._i, "key_down", {"key": key})  # pyright: ignore[reportPrivateUsage]
        await screen.painted()
        assert any(isinstance(c, ft.KeyboardListener) for c in screen.controls()) == stays, "else it is no stop of Tab"


async def test_the_content_has_the_focus_wherever_somebody_goes_but_not_when_the_app_begins(screen: Screen) -> None:
    def starts() -> int:
        return len([c for c in screen.controls() if isinstance(c, ft.KeyboardListener)])

    assert starts() == 0
    for address in ("/records/Account", "/records/Account/001A", "/records/Account/001A/edit", "/settings", "/"):
        await screen.show(address)
        assert starts() == 1, address
    await screen.show("/search")
    assert starts() == 0, "the field of the search takes it"


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_search_is_at_none_of_the_places_of_the_navigation(world: World, width: int) -> None:
    await world.start()
    screen = Screen(world, width)

    def marked() -> int | None:
        (found,) = [c for c in screen.controls() if isinstance(c, ft.NavigationBar | ft.NavigationRail)]
        return found.selected_index

    for address, at in (("/", 0), ("/search", -1 if width == 390 else None), ("/records/Account", 1)):
        await screen.show(address)
        assert marked() == at
    await screen.close()


async def test_what_comes_above_a_list_moves_it_nowhere(screen: Screen) -> None:
    await screen.show("/records/Account")
    listed = screen.app.screen
    assert isinstance(listed, ListViewModel)

    def place() -> list[tuple[int, int]]:
        """Each list with its place among its neighbours."""
        columns = [c for c in screen.controls() if isinstance(c, ft.Column)]
        return [(c._i, n) for column in columns for n, c in enumerate(column.controls) if isinstance(c, ft.ListView)]  # pyright: ignore[reportPrivateUsage]

    before = place()
    listed._now, listed.loading = (lambda: 10e9), True  # pyright: ignore[reportPrivateUsage]
    listed.changed()
    await screen.painted()
    assert any(text.startswith("As of") for text in texts(screen))
    assert before == place() != []


@pytest.mark.parametrize(
    ("width", "buttons", "trailing"), [(195, ["More actions"], False), (390, ["Refresh", "Search everything"], True)]
)
async def test_a_narrow_window_has_room_for_titles(width: int, buttons: list[str], trailing: bool) -> None:
    amount = FieldShape("Amount", "Amount", "currency", False, True, True)
    world = deals(replace(DEAL, fields=(*DEAL.fields, amount), listed=("Name", "Amount"), amount="Amount"))
    world.backend.add("006A", Name="Big deal", Amount=1500.0)
    await world.start()
    screen = Screen(world, width)
    await screen.painted()
    await screen.show("/records/Opportunity")
    (bar,) = [c for c in screen.controls() if isinstance(c, ft.AppBar)]
    names = [c.semantics_label for c in within(bar.actions) if isinstance(c, ft.Icon) and c.semantics_label]
    assert names == ["New Deal", *buttons]
    (row,) = [c for c in screen.controls() if isinstance(c, ft.ListTile)]
    assert (row.subtitle is None, row.trailing is not None) == (trailing, trailing), "the amount stands below"
    await screen.close()
