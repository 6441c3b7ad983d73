"""How a list begins: filtered and sorted as its object says, and with one tap everything."""

from dataclasses import replace
from typing import cast

import pytest

from contract.calls import Filter, Objects, Preset, Sort
from tests.app.world import ACCOUNT, World
from ui.places import Place
from ui.records.list_view_model import ListViewModel

pytestmark = pytest.mark.virtual_time

_BEGINS = Preset((Filter("Industry", "eq", "Energy"),), Sort("AnnualRevenue"))


@pytest.fixture
def world() -> World:
    world = World()
    world.backend.objects = Objects((replace(ACCOUNT, preset=_BEGINS),), "")
    for name, industry, revenue in (("A", "Energy", 3), ("B", "Media", 1), ("C", "Energy", 2)):
        world.backend.add(f"001{name}", Name=name, Industry=industry, AnnualRevenue=revenue)
    return world


def names(listed: ListViewModel) -> str:
    return "".join(str(r.fields["Name"]) for r in listed.items)


async def test_a_list_begins_as_its_object_says_and_one_tap_shows_all_and_one_goes_back(world: World) -> None:
    app = await world.start("/records/Account")
    listed = cast(ListViewModel, app.screen)
    assert (names(listed), listed.filters) == ("CA", {"Industry": "Energy"})
    await listed.show_all()
    assert (names(listed), listed.filters, listed.sort) == ("ABC", {}, ACCOUNT.sort)
    await listed.reset()
    assert (names(listed), listed.sort) == ("CA", _BEGINS.sort)


async def test_what_was_chosen_is_there_again_on_the_way_back(world: World) -> None:
    app = await world.start("/records/Account")
    listed = cast(ListViewModel, app.screen)
    await listed.choose_sort("Name")
    await listed.show_all()
    assert listed.sort == Sort("Name"), "an order that the person chose stays"
    await app.go(Place("record", "Account", "001B"))
    await app.go(Place("list", "Account"))
    assert names(cast(ListViewModel, app.screen)) == "ABC"
