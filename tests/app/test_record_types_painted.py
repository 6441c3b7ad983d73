"""The form of an object with record types as it is painted: what can be chosen, what is closed, what is said."""

from dataclasses import replace

import flet as ft

from tests.app.test_guard import Screen
from tests.app.test_record_types import DEAL, NEW, RENEWAL, deals


class Form:
    """The painted form of a new record."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def choice(self, label: str) -> ft.Dropdown:
        named = [c for c in self.screen.controls() if isinstance(c, ft.Dropdown) and c.label == label]
        (control,) = named
        return control

    def values(self, label: str) -> list[str | None]:
        return [option.key for option in self.choice(label).options]

    def texts(self) -> set[str]:
        return {str(c.value) for c in self.screen.controls() if isinstance(c, ft.Text)}

    async def select(self, label: str, value: str) -> None:
        control = self.choice(label)
        self.screen.session.apply_patch(control._i, {"value": value})  # as Flutter says it  # pyright: ignore[reportPrivateUsage]
        await self.screen.tap(control, "select")
        await self.screen.app.settle()
        await self.screen.painted()


async def test_choosing_the_type_and_what_depends_on_what() -> None:
    world = deals()
    await world.start()
    screen = Screen(world, 390)
    await screen.painted()
    await screen.show("/records/Opportunity/new")
    form = Form(screen)
    assert (form.choice("Record type *").value, form.values("Record type *")) == (NEW, [NEW, RENEWAL])
    assert form.values("StageName *") == ["First", "Second"]
    load = form.choice("Load")
    assert (load.disabled, form.values("Load")) == (True, [""])
    assert "Choose Kind first." in form.texts()
    await form.select("Kind", "Van")
    assert (form.choice("Load").disabled, form.values("Load")) == (False, ["", "Small", "Large"])
    await form.select("Load", "Large")
    await form.select("Kind", "Car")
    load = form.choice("Load")
    assert load.value == ""
    assert "“Large” was removed: it does not go with Kind." in form.texts()
    await form.select("Record type *", RENEWAL)
    assert (form.choice("Record type *").value, form.values("StageName *")) == (RENEWAL, ["Second", "Won"])
    assert screen.window.crashed == []
    await screen.close()


async def test_without_a_default_only_the_type_is_there() -> None:
    world = deals(replace(DEAL, record_types=tuple(replace(t, default=False) for t in DEAL.record_types)))
    await world.start()
    screen = Screen(world, 1280)
    await screen.painted()
    await screen.show("/records/Opportunity/new")
    assert [c.label for c in screen.controls() if isinstance(c, ft.Dropdown)] == ["Record type *"]
    await screen.close()
