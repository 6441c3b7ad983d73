"""The org's list views above a list: which the selector has, what is remembered, what happens to one that is gone."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.calls import Filter, ListRecords, Objects, Preset, Sort
from contract.errors import OrgUnavailable, Reason, RefusedRequest
from contract.list_views import ListView
from tests.app.world import ACCOUNT, ADA, SAM, MemoryBackend, World
from ui.places import Place
from ui.records.list_view_model import ListViewModel

pytestmark = pytest.mark.virtual_time

BEGINS = Preset((Filter("Industry", "eq", "Energy"),), Sort("AnnualRevenue"))
MEDIA, BIG = "00B000000000001AAA", "00B000000000002AAA"


@pytest.fixture
def world() -> World:
    world = World()
    fill(world.backend)
    return world


def fill(backend: MemoryBackend) -> None:
    modified = next(f for f in ACCOUNT.fields if f.name == "CreatedDate")
    fields = (*ACCOUNT.fields, replace(modified, name="LastModifiedDate", label="Last Modified Date"))
    shape = replace(ACCOUNT, preset=BEGINS, fields=fields, sorts=(*ACCOUNT.sorts, "LastModifiedDate"))
    backend.objects = Objects((shape,), "")
    for name, industry, revenue in (("A", "Energy", 3), ("B", "Media", 1), ("C", "Energy", 2), ("D", "Media", 3)):
        backend.add(f"001{name}", Name=name, Industry=industry, AnnualRevenue=revenue)
    backend.views["Account"] = {
        MEDIA: ("Media accounts", Filter("Industry", "eq", "Media")),
        BIG: ("Big accounts", Filter("AnnualRevenue", "eq", 3)),
    }


async def opened(world: World) -> ListViewModel:
    await world.app.go(Place("list", "Account"))
    return cast(ListViewModel, world.app.screen)


def names(listed: ListViewModel) -> str:
    return "".join(str(r.fields["Name"]) for r in listed.items)


def said(world: World) -> str:
    return "" if world.app.notices.newest is None else world.app.notices.newest.text


def calls(world: World) -> list[str]:
    asked = [name for name, _request in world.backend.asked if name != "getFavorites"]
    world.backend.asked.clear()
    return asked


async def test_a_list_view_shows_what_it_chooses_in_its_own_order_and_a_tap_is_one_call(world: World) -> None:
    await world.start()
    listed = await opened(world)
    assert (names(listed), listed.shows_preset) == ("CA", True)
    calls(world)
    await listed.look_at_views()
    assert calls(world) == ["getListViews"]
    assert [view.label for view in listed.views.listed] == ["Media accounts", "Big accounts"]
    await listed.choose_view(listed.views.listed[0])
    assert calls(world) == ["listRecords"]
    assert (names(listed), listed.shows_preset, listed.filters) == ("DB", False, {})
    assert listed.order == Sort("Name", True), "the order that Salesforce has for it"
    await listed.choose_sort("Name")
    assert (names(listed), listed.order) == ("BD", Sort("Name")), "the other direction"


async def test_filters_and_search_narrow_a_list_view(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.choose_view(ListView(BIG, "Big accounts"))
    assert names(listed) == "DA"
    await listed.choose_filter("Industry", "Media")
    assert names(listed) == "D"
    await listed.show_all()
    assert (names(listed), listed.views.chosen) == ("DA", ListView(BIG, "Big accounts")), "the list view stays"
    await listed.type("a")
    assert names(listed) == "A"


async def test_last_changed_comes_with_the_newest_first(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.choose_all()
    await listed.choose_sort("LastModifiedDate")
    assert (names(listed), listed.sort) == ("DCBA", Sort("LastModifiedDate", True))
    await listed.choose_sort("LastModifiedDate")
    assert names(listed) == "ABCD"


async def test_the_last_list_view_is_there_after_a_restart_for_its_user_only(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    again = world.again()
    await again.start("/records/Account", user=None)
    listed = cast(ListViewModel, again.app.screen)
    assert (names(listed), listed.views.chosen) == ("DB", ListView(MEDIA, "Media accounts"))
    await listed.choose_all()
    again = again.again()
    await again.start("/records/Account", user=None)
    listed = cast(ListViewModel, again.app.screen)
    assert (names(listed), listed.shows_preset) == ("ABCD", False), "all was chosen"
    await listed.reset()
    again = again.again()
    await again.start("/records/Account", user=None)
    assert names(cast(ListViewModel, again.app.screen)) == "CA"
    await cast(ListViewModel, again.app.screen).choose_view(ListView(MEDIA, "Media accounts"))
    await again.app.handover.sign_out()
    other = again.again()
    await other.start("/records/Account", user=ADA)
    assert cast(ListViewModel, other.app.screen).views.chosen is None
    await other.app.handover.sign_out()
    back = other.again()
    await back.start("/records/Account", user=SAM)
    assert cast(ListViewModel, back.app.screen).views.chosen is None, "what was chosen went with the sign-out"


async def test_what_was_used_last_stands_first(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.look_at_views()
    await listed.choose_view(ListView(BIG, "Big accounts"))
    assert [view.id for view in listed.views.listed] == [BIG, MEDIA]
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    await listed.choose_all()
    assert [view.id for view in listed.views.listed] == [MEDIA, BIG]
    await listed.views.type("big")
    assert [view.id for view in listed.views.listed] == [BIG]
    many = {f"00B{n:012}": (f"View {n}", Filter("Name", "eq", "A")) for n in range(9)}
    assert not listed.views.many
    world.backend.views["Account"] |= many
    await listed.look_at_views()
    assert listed.views.many
    assert (len(listed.views.listed), listed.views.text) == (11, "")


@pytest.mark.parametrize("reason", [Reason.LIST_VIEW_NOT_AVAILABLE, Reason.MALFORMED_REQUEST, Reason.UNKNOWN_FIELD])
async def test_a_list_view_that_is_gone_gives_way_and_it_is_said(world: World, reason: Reason) -> None:
    """Malformed is what a backend from before list views says."""
    await world.start()
    listed = await opened(world)
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    world.backend.fails["listRecords"] = RefusedRequest(reason)
    await listed.refresh()
    assert (names(listed), listed.problem, listed.loading) == ("CA", None, False)
    assert listed.views.chosen is None
    assert said(world) == "The list view “Media accounts” is not available any more."
    again = world.again()
    await again.start("/records/Account", user=None)
    assert names(cast(ListViewModel, again.app.screen)) == "CA"


async def test_a_list_view_that_is_gone_is_seen_in_the_selector_too(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    world.backend.views["Account"][MEDIA] = ("Newspapers", Filter("Industry", "eq", "Media"))
    await listed.look_at_views()
    assert listed.views.chosen == ListView(MEDIA, "Newspapers")
    del world.backend.views["Account"][MEDIA]
    await listed.look_at_views()
    assert (names(listed), listed.views.chosen) == ("CA", None)
    assert "Newspapers" in said(world)


async def test_what_is_refused_for_a_filter_is_no_fault_of_the_list_view(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    world.backend.fails["listRecords"] = RefusedRequest(Reason.INVALID_VALUE)
    await listed.choose_filter("Industry", "Media")
    assert listed.problem is not None
    assert listed.views.chosen is not None


async def test_without_a_network_a_list_view_shows_what_was_seen_of_it(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.look_at_views()
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    again = world.again()
    again.backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await again.start("/records/Account", user=None)
    listed = cast(ListViewModel, again.app.screen)
    assert (names(listed), listed.views.chosen) == ("DB", ListView(MEDIA, "Media accounts"))
    assert listed.order == Sort("Name", True)
    await listed.look_at_views()
    assert len(listed.views.listed) == 2
    assert listed.views.problem is None


async def test_a_backend_without_list_views_is_told_and_the_list_goes_on(world: World) -> None:
    await world.start()
    listed = await opened(world)
    world.backend.fails["getListViews"] = RefusedRequest(Reason.UNKNOWN_CALL)
    await listed.look_at_views()
    assert listed.views.problem is not None
    assert listed.views.listed == ()
    await listed.choose_all()
    assert names(listed) == "ABCD"


async def test_a_saved_record_may_leave_a_list_view(world: World) -> None:
    await world.start()
    listed = await opened(world)
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    await world.records.update("Account", "001B", {"Industry": "Energy"}, None)
    assert listed.stale
    await listed.load()
    assert names(listed) == "D"


async def test_every_page_of_a_list_view_is_of_that_list_view(world: World) -> None:
    for n in range(70):
        world.backend.add(f"001X{n:02}", Name=f"X{n:02}", Industry="Media")
    await world.start()
    listed = await opened(world)
    await listed.choose_view(ListView(MEDIA, "Media accounts"))
    while not listed.complete:
        await listed.more()
    assert len(names(listed)) == len("DB") + 3 * 70
    asked = [request for name, request in world.backend.asked if name == "listRecords"]
    assert {cast(ListRecords, request).list_view for request in asked[1:]} == {MEDIA}


STEPS = st.one_of(
    st.just(("more", "")), st.tuples(st.just("sort"), st.sampled_from(["Name", "Industry", "LastModifiedDate"])),
    st.tuples(st.just("view"), st.sampled_from([MEDIA, BIG])), st.just(("all", "")), st.just(("refresh", "")),
    st.just(("wait", "")),
)  # fmt: skip


@given(steps=st.lists(STEPS, max_size=8))
@settings(max_examples=25, deadline=None)
async def test_each_record_of_a_list_view_is_there_once_whatever_is_tapped_while_pages_come(
    steps: list[tuple[str, str]],
) -> None:
    """With ties: half of the records have one industry, and all of them two moments of change."""
    world = World()
    fill(world.backend)
    for n in range(66):
        record = world.backend.add(f"001X{n:02}", Name=f"X{n:02}", Industry="Media" if n % 2 else "Energy")
        record.fields["LastModifiedDate"] = f"2026-11-2{n % 2}T10:00:00.000+0000"
    await world.start()
    listed = await opened(world)
    under_way: list[asyncio.Task[None]] = []
    for kind, of in steps:
        match kind:
            case "more":
                tap = listed.more()
            case "sort":
                tap = listed.choose_sort(of)
            case "view":
                tap = listed.choose_view(ListView(of, of))
            case "all":
                tap = listed.choose_all()
            case "refresh":
                tap = listed.refresh()
            case _:
                tap = asyncio.sleep(0.01)
        under_way.append(asyncio.ensure_future(tap))
        await asyncio.sleep(0)
    await asyncio.gather(*under_way)
    while not listed.complete:
        await listed.more()
    chosen = listed.views.chosen
    condition = world.backend.views["Account"][chosen.id][1] if chosen is not None else None
    expected = [
        one.id
        for one in world.backend.records.values()
        if (condition is None or one.fields.get(condition.field) == condition.value)
        and all(one.fields.get(name) == value for name, value in listed.filters.items())
    ]
    assert sorted(record.id for record in listed.items) == sorted(expected)
    if listed.order is not None:
        values = [record.fields.get(listed.order.field) for record in listed.items]
        filled = [str(value) for value in values if value is not None]
        if listed.order.field == "LastModifiedDate":
            assert filled == sorted(filled, reverse=listed.order.descending)
