"""What is painted again is not built again, and never shows what is no longer so."""

import gc
import weakref

import flet as ft

from contract.calls import Dashboard, StageTotal
from tests.app.test_guard import Screen
from tests.app.world import World
from ui.records.list_view_model import ListViewModel
from ui.shared.live import kept
from ui.shared.state import State


async def _screen(width: int = 390, world: World | None = None) -> Screen:
    world = world or World()
    for n in range(40):
        world.backend.add(f"001{n:03d}", Name=f"Account {n:02d}", Phone=str(n), Industry="Media")
    await world.start()
    screen = Screen(world, width)
    await screen.painted()
    return screen


def _rows(screen: Screen) -> list[ft.ListTile]:
    return [c for c in screen.controls() if isinstance(c, ft.ListTile)]


def _bars(screen: Screen) -> list[ft.Semantics]:
    return [c for c in screen.controls() if isinstance(c, ft.Semantics) and "deal" in str(c.label)]


def _titles(screen: Screen) -> list[str]:
    return [r.title.value for r in _rows(screen) if isinstance(r.title, ft.Text)]


async def test_the_rows_of_a_list_that_was_seen_before_are_the_same_and_can_be_tapped() -> None:
    screen = await _screen()
    await screen.show("/records/Account")
    before = _rows(screen)
    assert len(before) == 30
    await screen.show("/")
    await screen.show("/records/Account")
    assert all(one is other for one, other in zip(_rows(screen), before, strict=True))
    await screen.tap(_rows(screen)[3], "click")
    await screen.app.settle()
    assert screen.app.route == "/records/Account/001003"
    assert screen.window.crashed == []
    await screen.close()


async def test_a_long_list_is_not_built_again_either() -> None:
    world = World()
    for n in range(130):
        world.backend.add(f"001{100 + n}", Name=f"Another {n:03d}")
    screen = await _screen(world=world)
    await screen.show("/records/Account")
    model = screen.app.screen
    assert isinstance(model, ListViewModel)
    while not model.complete:
        await model.more()
    await screen.painted()
    before = _rows(screen)
    assert len(before) == 170
    model.changed()
    await screen.painted()
    assert all(one is other for one, other in zip(_rows(screen), before, strict=True))
    await screen.close()


async def test_a_row_shows_what_its_record_is_now() -> None:
    world = World()
    screen = await _screen(world=world)
    await screen.show("/records/Account")
    screen.app.records.saved("Account", "001002", None)
    world.backend.add("001002", Name="Account 02", Phone="changed", Industry="Media")
    await screen.show("/")
    await screen.show("/records/Account")
    (row,) = [r for r in _rows(screen) if isinstance(r.title, ft.Text) and r.title.value == "Account 02"]
    assert isinstance(row.subtitle, ft.Text)
    assert "changed" in row.subtitle.value
    await screen.close()


async def test_rows_beside_a_record_and_alone_show_which_one_is_open() -> None:
    screen = await _screen(1280)
    await screen.show("/records/Account/001001")
    assert [r.selected for r in _rows(screen)[:3]] == [False, True, False]
    await screen.show("/records/Account/001002")
    assert [r.selected for r in _rows(screen)[:3]] == [False, False, True]
    await screen.show("/records/Account")
    assert not any(r.selected for r in _rows(screen))
    assert screen.window.crashed == []
    await screen.close()


async def test_home_that_was_seen_before_is_built_of_the_same_lines_and_follows_what_changes() -> None:
    world = World()
    stages = [StageTotal("New", 1, 50.0), StageTotal("Won", 2, 100.0)]
    for n in range(3):
        world.backend.add(f"00100{n}", Name=f"Closing {n}")
    vars(world.backend)["_getDashboard"] = lambda _asked: Dashboard(
        tuple(stages), (), tuple(world.backend.records[f"00100{n}"] for n in range(3))
    )
    await world.start()
    screen = Screen(world, 390)
    await screen.painted()
    before, bars = _rows(screen), _bars(screen)
    assert len(before) == 3
    assert len(bars) == 2
    await screen.show("/records/Account")
    stages[1] = StageTotal("Won", 3, 100.0)
    world.backend.add("001001", Name="Renamed")
    await screen.show("/")
    assert [one is other for one, other in zip(_rows(screen), before, strict=True)] == [True, False, True]
    assert [one is other for one, other in zip(_bars(screen), bars, strict=True)] == [True, False]
    assert _titles(screen) == ["Closing 0", "Renamed", "Closing 2"]
    assert screen.window.crashed == []
    await screen.close()


async def test_nothing_of_a_list_stays_in_memory_after_the_sign_out() -> None:
    screen = await _screen()
    await screen.show("/records/Account")
    row, model = weakref.ref(_rows(screen)[0]), weakref.ref(screen.app.screen or State())
    await screen.app.handover.sign_out()
    await screen.app.settle()
    await screen.painted()
    gc.collect()
    assert (row(), model()) == (None, None)
    await screen.close()


async def test_another_language_makes_new_rows() -> None:
    screen = await _screen()
    await screen.show("/records/Account")
    model = screen.app.screen
    await screen.app.settings.choose(language="de")
    await screen.show("/records/Account")
    assert isinstance(model, ListViewModel)
    assert screen.app.screen is not model
    assert _titles(screen)[0] == "Account 00"
    await screen.app.settings.choose(language="en")
    await screen.close()


def test_a_control_is_made_anew_when_its_basis_changes_and_goes_with_its_state() -> None:
    state, other = State(), State()
    first = kept(state, "a", 1, ft.Text)
    assert kept(state, "a", 1, ft.Text) is first
    assert kept(other, "a", 1, ft.Text) is not first
    second = kept(state, "a", 2, ft.Text)
    assert second is not first
    going = weakref.ref(second)
    del state, first, second
    gc.collect()
    assert going() is None
