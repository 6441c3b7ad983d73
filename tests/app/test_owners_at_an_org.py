"""Taking records out of a queue in two apps at once: the app's own state, the backend's own calls, a local org."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import pytest

from backend.routes import routes
from backend.values import Caller
from contract.calls import Call, User
from contract.codec import decode, encode
from devtools.clients import ADMIN, SALES
from localorg import EmbeddedOrg, OrgSettings
from tests.app.world import MemoryBackend, World
from tests.functions.instances import Instances
from ui.places import Place
from ui.records.list_view_model import ListViewModel
from ui.records.owner_view_model import FindOwnerViewModel
from ui.records.record_view_model import RecordViewModel

Q = TypeVar("Q")
A = TypeVar("A")


class OrgBackend(MemoryBackend):
    """Signs in from memory; everything else is answered by one process of the backend, over JSON."""

    def __init__(self, instances: Instances, number: int, user: User, caller: Caller) -> None:
        super().__init__()
        process, flow = instances.each[number], instances.sign_in_flow()
        self._works = {
            r.call.path: r.work
            for r in routes(flow, process.lifecycle, process.queries, process.changes, process.files)
        }
        self._caller = caller
        self.signs_in = user

    async def call(self, call: Call[Q, A], request: Q, id_token: str | None = None) -> A:
        if call.public:
            return await super().call(call, request, id_token)
        answer = await self._works[call.path](self._caller, decode(call.request, encode(request)))
        return decode(call.answer, encode(answer), lenient=True)


@pytest.fixture
async def desks() -> AsyncIterator[list[World]]:
    """An app of the sales user, and one of the administrator."""
    with EmbeddedOrg(OrgSettings(accounts=30, shape=frozenset({"queues"}))) as org:
        instances = Instances(org)
        worlds: list[World] = []
        for number, (username, name) in enumerate(((SALES, "Sam Sales"), (ADMIN, "Ada Admin"))):
            uid, _ = await instances.connect(username)
            user = User(str(uid), name, username, username, uid.org_id, uid.user_id)
            world = World(OrgBackend(instances, number, user, Caller(uid, "phone")))
            await world.start(user=user)
            worlds.append(world)
        yield worlds
        await instances.http.close()


async def listed(world: World, sobject: str) -> ListViewModel:
    await world.app.go(Place("list", sobject))
    assert isinstance(world.app.screen, ListViewModel)
    return world.app.screen


async def page_of(world: World, sobject: str, record_id: str) -> RecordViewModel:
    await world.app.go(Place("record", sobject, record_id))
    assert isinstance(world.app.screen, RecordViewModel)
    return world.app.screen


def said(world: World) -> str:
    return "" if world.app.notices.newest is None else world.app.notices.newest.text


def owner(page: RecordViewModel) -> Any:
    lines = {line.label: line.text for group in page.groups for line in group.lines}
    return lines.get(f"{page.shape.label} Owner")


@pytest.mark.parametrize("sobject", ["Case", "Lead"])
async def test_two_people_work_off_a_queue(desks: list[World], sobject: str) -> None:
    shape = desks[0].app.catalogue.shape(sobject)
    assert shape is not None
    finder = FindOwnerViewModel(desks[0].app.records, shape)
    await finder.search()
    assert finder.records is not None
    queue = next(r for r in finder.records if finder.words(r)[1] == "Queue")
    lists = [await listed(world, sobject) for world in desks]
    for one in lists:
        await one.choose_owner(queue.id, finder.words(queue)[0])
    waiting = [r.id for r in lists[0].items]
    assert len(waiting) >= 3
    for record_id in waiting[:3]:
        pages = [await page_of(world, sobject, record_id) for world in desks]
        assert {owner(page) for page in pages} == {f"{finder.words(queue)[0]} (queue)"}
        await asyncio.gather(*(page.ownership.take() for page in pages))
        told = [said(world) for world in desks]
        winner = next(n for n, text in enumerate(told) if text == f"{pages[n].title} is yours now.")
        names = ("Sam Sales", "Ada Admin")
        assert told[1 - winner] == f"{names[winner]} has it now."
        assert [owner(page) for page in pages] == [names[winner]] * 2
        notice = desks[winner].app.notices.newest
        assert notice is not None
        assert notice.run is not None
        if record_id == waiting[2]:
            await notice.run()
            assert owner(pages[winner]) == f"{finder.words(queue)[0]} (queue)"
    for world in desks:
        assert [r.id for r in (await listed(world, sobject)).items] == waiting[2:], "the list has followed"
