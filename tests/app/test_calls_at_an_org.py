"""A call with a contact is kept on one of its customer's open deals: app, backend, a local org."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.values import Caller
from contract.calls import ListRecords, User
from contract.values import Filter, Record
from devtools.clients import SALES
from localorg import EmbeddedOrg, OrgSettings
from tests.app.test_owners_at_an_org import OrgBackend
from tests.app.world import World
from tests.functions.instances import Instances
from ui.places import Place
from ui.records.record_view_model import RecordViewModel
from ui.shared.calling import LEFT_WITHIN


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The app of the sales user."""
    with EmbeddedOrg(OrgSettings(accounts=30)) as org:
        instances = Instances(org)
        uid, _ = await instances.connect(SALES)
        user = User(str(uid), "Sam Sales", SALES, SALES, uid.org_id, uid.user_id)
        world = World(OrgBackend(instances, 0, user, Caller(uid, "phone")))
        await world.start(user=user)
        yield world
        await instances.http.close()


async def some(world: World, sobject: str, *filters: Filter) -> list[Record]:
    return list((await world.data.records.page(ListRecords(sobject, filters=filters, limit=200)).call()).records)


async def page_of(world: World, sobject: str, record_id: str) -> RecordViewModel:
    await world.app.go(Place("record", sobject, record_id))
    assert isinstance(world.app.screen, RecordViewModel)
    return world.app.screen


async def test_a_call_with_a_contact_is_kept_on_the_deal_that_one_chooses(world: World) -> None:
    contacts = await some(world, "Contact")
    deal = next(
        d
        for d in await some(world, "Opportunity", Filter("IsClosed", "eq", False))
        if any(c.fields["AccountId"] == d.fields["AccountId"] for c in contacts)
    )
    contact = next(c for c in contacts if c.fields["AccountId"] == deal.fields["AccountId"])
    page, app = await page_of(world, "Contact", contact.id), world.app
    assert page.record is not None
    also = app.catalogue.deals_of(page.shape, page.record)
    assert also is not None
    assert also.heading == "Opportunities"
    await app.call("tel:1", (contact.id,), page.title, also)
    heard = asyncio.Event()
    app.calling.listen(heard.set)
    await world.pass_time(LEFT_WITHIN)
    while not app.calling.deals:
        await asyncio.wait_for(heard.wait(), 10)
        heard.clear()
    assert (deal.id, deal.fields["Name"]) in app.calling.deals
    await app.calling.choose(result="Reached", deal=deal.id)
    await app.calling.save()
    assert not app.calling.open, app.calling.problem
    for sobject, record_id in (("Contact", contact.id), ("Opportunity", deal.id)):
        timeline = (await page_of(world, sobject, record_id)).timeline
        assert timeline is not None
        assert timeline.past[0].subject == f"Call with {page.title}"


@pytest.mark.parametrize("sobject", ["Account", "Lead", "Opportunity", "Case"])
async def test_a_call_about_another_record_is_about_no_deal_too(world: World, sobject: str) -> None:
    """A lead belongs to no customer yet, and a task is about one record beside a person."""
    page = await page_of(world, sobject, (await some(world, sobject))[0].id)
    assert page.record is not None
    assert world.app.catalogue.deals_of(page.shape, page.record) is None
