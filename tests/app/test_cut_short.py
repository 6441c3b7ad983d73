"""Whatever cuts an awaiting method short (Flet that ends an effect, an error that nobody has thought of) leaves nothing
loading, saving or busy for ever, and the next try works.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from contract.calls import GET_RECORD
from data.repositories.shelf import Fetch
from tests.app.forms import acme, editing, sent
from tests.app.test_record_types import RENEWAL, deals, new_deal
from tests.app.world import World
from ui.access.view_model import AccessViewModel
from ui.records.list_view_model import ListViewModel
from ui.records.look_up_view_model import LookUpViewModel
from ui.records.record_view_model import RecordViewModel
from ui.search.view_model import SearchViewModel
from ui.shared.state import Live
from ui.sign_in.view_model import SignInViewModel

pytestmark = pytest.mark.virtual_time
HOW = pytest.mark.parametrize("how", ["cancelled", "broken"])
WENT_WRONG = "Something went wrong on our side. Please try again."


class Unthought(Exception):
    pass


async def cut_short(world: World, call: str, work: Callable[[], Awaitable[object]], how: str) -> None:
    """Begins the work, and cuts it short while it waits for this call."""
    held = world.backend.holds[call] = asyncio.Event()
    task = asyncio.ensure_future(work())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done(), "it does not wait for the call"
    if how == "cancelled":
        task.cancel()
    else:
        world.backend.fails[call] = Unthought()  # type: ignore[assignment]
        held.set()
    with suppress(asyncio.CancelledError, Unthought):
        await task
    held.set()
    del world.backend.holds[call]


@HOW
async def test_a_list(how: str) -> None:
    world = acme()
    for number in range(40):
        world.backend.add(f"001x{number:02d}", Name=f"Row {number:02d}")
    app = await world.start("/records/Account")
    listed = app.screen
    assert isinstance(listed, ListViewModel)
    for work in (
        lambda: listed.choose_filter("Industry", None),
        lambda: listed.choose_owner("005", "Sam"),
        lambda: listed.type("row"),
        listed.refresh,
        listed.load,
    ):
        await cut_short_while_it_rests(world, work, how)
        assert (listed.loading, listed.stale) == (False, True)
        assert listed.problem is not None
        assert listed.problem.message == WENT_WRONG
        listed.filters.clear()
        await listed.load()
        assert (listed.loading, listed.problem) == (False, None)
    listed.search = ""
    await listed.refresh()
    await cut_short(world, "listRecords", listed.more, how)
    assert not listed.loading
    await listed.more()
    assert len(listed.items) == 41


async def cut_short_while_it_rests(world: World, work: Callable[[], Awaitable[object]], how: str) -> None:
    """Like `cut_short`, of something that rests for a while before it asks."""
    held = world.backend.holds["listRecords"] = asyncio.Event()
    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.5)
    assert not task.done()
    if how == "cancelled":
        task.cancel()
    else:
        world.backend.fails["listRecords"] = Unthought()  # type: ignore[assignment]
        held.set()
    with suppress(asyncio.CancelledError, Unthought):
        await task
    del world.backend.holds["listRecords"]


@HOW
async def test_a_look_up_and_a_search(how: str) -> None:
    world = acme()
    await world.start("/")
    found = LookUpViewModel(world.records, ["Account"])
    await cut_short(world, "listRecords", found.search, how)
    assert found.problem is not None, "else it would look as if it were still searching"
    await found.search()
    assert (found.problem, len(found.records or ())) == (None, 1)
    search = SearchViewModel(world.records)
    await cut_short(world, "search", lambda: search.search_for("Acme"), how)
    assert not search.loading
    assert search.problem is not None
    await search.again()
    assert (search.problem, len(search.hits or ())) == (None, 1)


@HOW
async def test_the_access_says_that_it_is_not_busy_any_more(how: str) -> None:
    world = acme()
    app = await world.start("/access")
    access = app.screen
    assert isinstance(access, AccessViewModel)
    painted: list[bool] = []
    access.listen(lambda: painted.append(access.busy))
    await cut_short(world, "signOut", lambda: access.leave(app.handover.sign_out), how)
    assert painted[-1] is False


@HOW
async def test_a_save(how: str) -> None:
    world = acme()
    form = await editing(world)
    painted: list[bool] = []
    form.listen(lambda: painted.append(form.saving))
    form.type("Phone", "+44 2")
    await cut_short(world, "updateRecord", form.save, how)
    assert (form.saving, painted[-1], form.dirty) == (False, False, True)
    await form.save()
    assert world.backend.records["001"].fields["Phone"] == "+44 2"


@HOW
async def test_a_new_record_is_made_once_all_the_same(how: str) -> None:
    world = acme()
    form = await editing(world, "/records/Account/new")
    form.type("Name", "New")
    await cut_short(world, "createRecord", form.save, how)
    assert not form.saving
    await form.save()
    assert [r.fields["Name"] for r in world.backend.records.values()] == ["Acme", "New"]
    assert len({r.idempotency_key for r in sent(world, "createRecord")}) == 1


@HOW
async def test_the_choice_of_a_record_type(how: str) -> None:
    world = deals()
    form = await new_deal(world)
    await cut_short(world, "getPicklists", lambda: form.choose_type(RENEWAL), how)
    assert form.choosing == 0
    await form.choose_type(RENEWAL)
    assert (form.record_type, form.choosing) == (RENEWAL, 0)


@HOW
async def test_the_opening_of_a_form(how: str) -> None:
    world = acme()
    await world.start("/")
    await cut_short(world, "getRecord", lambda: world.app.show("/records/Account/001/edit"), how)
    form = await editing(world)
    assert form.draft is not None
    assert form.text(form.fields[0]) == "Acme"


@HOW
async def test_taking_a_record_and_its_page(how: str) -> None:
    world = acme()
    app = await world.start("/records/Account/001")
    page = app.screen
    assert isinstance(page, RecordViewModel)
    await cut_short(world, "getRecord", page.load, how)
    assert not page.detail.loading
    await page.load()
    assert page.detail.problem is None


async def test_a_device_that_cannot_say_what_it_keeps_lets_a_page_load_all_the_same_later() -> None:
    world = acme()
    await world.start("/")
    broken = True

    class Shelf:
        async def get(self, *_: object) -> None:
            if broken:
                raise Unthought

        async def put(self, *_: object) -> None:
            return

    async def call() -> str:
        return "there"

    live = Live[str](Fetch(Shelf(), GET_RECORD.name, str, call))  # type: ignore[arg-type]
    with suppress(Unthought):
        await live.load()
    assert not live.loading
    broken = False
    assert await live.load()
    assert live.value == "there"


@HOW
async def test_the_way_to_salesforces_page(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    app = await world.start("/sign-in", user=None)
    page = app.screen
    assert isinstance(page, SignInViewModel)
    waits = asyncio.Event()

    async def begin(*_: object, **_named: object) -> None:
        await waits.wait()
        raise Unthought

    monkeypatch.setattr(world.data.sign_in, "begin", begin)
    task = asyncio.ensure_future(page.sign_in())
    await asyncio.sleep(0)
    assert page.leaving
    waits.set() if how == "broken" else task.cancel()
    with suppress(asyncio.CancelledError, Unthought):
        await task
    assert not page.leaving
