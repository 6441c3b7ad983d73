"""Lists, records, search and home without a screen: what a person does and what they see."""

import asyncio

import pytest

from contract.calls import Record
from contract.errors import NotFound, OrgUnavailable, Reason, RefusedRequest
from data.repositories.records import Visited
from tests.app.world import World
from ui.home.view_model import HomeViewModel
from ui.records.list_view_model import PAGE, ListViewModel
from ui.records.record_view_model import RecordViewModel
from ui.search.view_model import SearchViewModel
from ui.shared import state


@pytest.fixture(autouse=True)
def _type_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "SEARCH_AFTER", 0.01)


def full(count: int = 65) -> World:
    world = World()
    for n in range(count):
        world.backend.add(f"001{n:03d}", Name=f"Account {n:03d}", Industry="Media" if n % 2 else "Energy")
    return world


async def listed(world: World) -> ListViewModel:
    app = await world.start("/records/Account")
    assert isinstance(app.screen, ListViewModel)
    return app.screen


async def test_a_list_goes_on_to_its_end() -> None:
    model = await listed(full())
    assert len(model.items) == PAGE
    while not model.complete:
        await model.more()
    assert [r.id for r in model.items] == [f"001{n:03d}" for n in range(65)]
    await model.more()
    assert len(model.items) == 65


async def test_a_list_is_searched_once_the_person_rests() -> None:
    world = full()
    model = await listed(world)
    world.backend.asked.clear()
    await asyncio.gather(*(model.type("Account 06"[:n]) for n in range(1, 11)))
    assert [r.search for call, r in world.backend.asked if call == "listRecords"] == ["Account 06"]
    assert len(model.items) == 5


async def test_an_answer_that_a_newer_question_has_overtaken_is_dropped() -> None:
    world = full()
    model = await listed(world)
    held = world.backend.holds["listRecords"] = asyncio.Event()
    first = asyncio.create_task(model.type("001"))
    await asyncio.sleep(0.05)
    del world.backend.holds["listRecords"]
    await model.type("002")
    held.set()
    await first
    assert [r.fields["Name"] for r in model.items] == ["Account 002"]


async def test_filters_and_sorting_begin_anew() -> None:
    model = await listed(full())
    await model.choose_filter("Industry", "Media")
    assert {r.fields["Industry"] for r in model.items} == {"Media"}
    await model.choose_sort("Name")
    assert model.sort is not None
    assert model.sort.descending
    assert model.items[0].fields["Name"] == "Account 063"
    await model.choose_filter("Industry", None)
    assert model.items[0].fields["Name"] == "Account 064"


async def test_a_list_whose_cursor_is_refused_begins_again() -> None:
    world = full()
    model = await listed(world)
    world.backend.fails["listRecords"] = RefusedRequest(Reason.INVALID_CURSOR)
    await model.more()
    assert len(model.items) == PAGE
    assert model.problem is None


async def test_what_was_seen_is_there_at_once_and_says_its_age_when_it_is_old() -> None:
    world = full(3)
    await listed(world)
    later = world.again()
    later.time = world.time + 7200
    held = later.backend.holds["listRecords"] = asyncio.Event()
    await later.sign_in()
    coming = asyncio.create_task(later.app.start("/records/Account"))
    for _ in range(20):
        await asyncio.sleep(0.005)
    model = later.app.screen
    assert isinstance(model, ListViewModel)
    assert len(model.items) == 3
    assert model.age == pytest.approx(7200)
    held.set()
    await coming
    await later.app.settle()
    assert model.age is None


async def test_a_list_without_network_can_still_be_read() -> None:
    world = full(3)
    await listed(world)
    later = world.again()
    later.backend.offline = None
    await later.sign_in()
    later.backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await later.app.start("/records/Account")
    await later.app.settle()
    model = later.app.screen
    assert isinstance(model, ListViewModel)
    assert len(model.items) == 3
    assert model.problem is not None


def rich(**fields: str | float | bool | None) -> Record:
    given: dict[str, str | float | bool | None] = {
        "Name": "Acme", "AnnualRevenue": 1_234_567.5, "Industry": "Media", "Phone": "+44 (20) 7946-0999",
        "Website": "www.acme.example",
        "BillingStreet": "1 Main St", "BillingCity": "Bern", "Active__c": True, "Since__c": "2026-01-31",
        "ParentId": "001P",
        "Parent.Name": "Holding",
        "CreatedDate": "2026-11-25T10:00:00.000+0000",
    }  # fmt: skip
    return Record("001", {**given, **fields}, "v1")


async def opened(record: Record) -> tuple[World, RecordViewModel]:
    world = World()
    world.backend.records["001"] = record
    app = await world.start("/records/Account/001")
    assert isinstance(app.screen, RecordViewModel)
    return world, app.screen


async def test_a_record_stands_in_salesforces_groups_with_its_address_as_one() -> None:
    _world, model = await opened(rich())
    groups = {g.heading: {line.label: line for line in g.lines} for g in model.groups}
    assert list(groups) == ["Account Information", "Address", "System"]
    main = groups["Account Information"]
    assert main["Annual Revenue"].text == "1,234,567.5"
    assert main["Industry"].text == "Medien"
    assert main["Active"].text == "Yes"
    assert main["Phone"].link == "tel:+442079460999"
    assert main["Website"].link == "https://www.acme.example"
    assert main["Parent Account"].text == "Holding"
    assert main["Parent Account"].parent == "001P"
    address = groups["Address"]["Billing Address"]
    assert address.text == "1 Main St\nBern"
    assert address.link.endswith("query=1+Main+St%2C+Bern")
    assert "Account Name" not in main  # it is the title
    assert [a.label for a in model.actions] == ["Phone", "Website"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"])
async def test_a_website_that_is_none_is_not_opened(url: str) -> None:
    _world, model = await opened(rich(Website=url))
    assert [a.link for a in model.actions if a.label == "Website"] == []


async def test_empty_fields_are_not_shown() -> None:
    _world, model = await opened(Record("001", {"Name": "Acme"}, "v1"))
    assert model.groups == []
    assert model.can_edit


async def test_a_record_that_was_deleted_meanwhile_is_told_and_forgotten() -> None:
    world, model = await opened(rich())
    assert [v.id for v in await world.records.visited()] == ["001"]
    del world.backend.records["001"]
    await model.load()
    assert isinstance(model.detail.problem, NotFound)
    assert model.record is None
    assert await world.records.visited() == ()


async def test_what_was_opened_stands_on_home_the_newest_first() -> None:
    world = full(12)
    app = await world.start("/")
    for n in (1, 2, 1):
        await app.show(f"/records/Account/001{n:03d}")
    await app.show("/")
    assert isinstance(app.screen, HomeViewModel)
    assert app.screen.visited[:2] == tuple(
        Visited("Account", f"00100{n}", {"Name": f"Account 00{n}", "Industry": industry})
        for n, industry in ((1, "Media"), (2, "Energy"))
    )


async def test_search_needs_two_letters_and_remembers_what_was_found() -> None:
    world = full(12)
    app = await world.start("/search")
    model = app.screen
    assert isinstance(model, SearchViewModel)
    await model.type("A")
    assert model.hits is None
    await model.type("Account 011")
    assert [h.record.id for h in model.hits or ()] == ["001011"]
    await model.keep_text()
    world.backend.fails["search"] = OrgUnavailable(Reason.ORG_BUSY)
    await model.type("Account 01")
    assert model.problem is not None
    await model.again()
    assert model.problem is None
    again = world.again()
    app = await again.start("/search")
    assert isinstance(app.screen, SearchViewModel)
    assert app.screen.recent == ("Account 011",)
