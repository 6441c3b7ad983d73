"""Who a record belongs to: told, filtered by, looked up and changed, in an org with queues."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from backend.values import Caller
from contract.calls import (
    CreateRecord,
    FieldShape,
    Filter,
    FindOwners,
    GetRecord,
    ListRecords,
    Owner,
    Record,
    SobjectShape,
    UpdateRecord,
)
from contract.calls import Describe as AskShape
from contract.errors import ChangedMeanwhile, NotFound, RefusedRequest
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances


@pytest.fixture(scope="module")
def org_with_queues() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=30, shape=frozenset({"queues"}))) as org:
        yield org


@pytest.fixture
async def queues(org_with_queues: EmbeddedOrg) -> AsyncIterator[Instances]:
    instances = Instances(org_with_queues)
    yield instances
    await instances.http.close()


async def caller_of(queues: Instances, username: str) -> Caller:
    uid, _ = await queues.connect(username)
    return Caller(uid, "phone")


async def queue_of(queues: Instances, caller: Caller, sobject: str) -> Owner:
    found = await queues.each[0].queries.find_owners(caller, FindOwners(sobject))
    return next(owner for owner in found.owners if owner.is_queue)


def field(shape: SobjectShape, name: str) -> FieldShape:
    return next(f for f in shape.fields if f.name == name)


async def in_the_queue(queues: Instances, caller: Caller, subject: str) -> Record:
    """A new case of its own in the queue for cases."""
    queue = await queue_of(queues, caller, "Case")
    fields = {"Subject": subject, "OwnerId": queue.id}
    made = await queues.each[0].changes.create_record(caller, CreateRecord("Case", dict(fields)))
    assert made.record is not None
    return made.record


@pytest.mark.parametrize(("sobject", "targets"), [("Case", ("Group", "User")), ("Account", ("User",))])
async def test_the_shape_says_which_reference_tells_the_owner_and_to_what_it_points(
    queues: Instances, sobject: str, targets: tuple[str, ...]
) -> None:
    caller = await caller_of(queues, SALES)
    shape = await queues.each[0].queries.describe(caller, AskShape(sobject))
    owner = field(shape, shape.owner)
    assert (owner.type, owner.refers_to, owner.relationship) == ("reference", targets, "Owner")
    assert owner.caption == f"{sobject} Owner", "in the words of the user's page layout"
    assert shape.owner in {name for section in shape.sections for name in section.fields}
    assert shape.owner in shape.filters


async def test_a_record_tells_its_owner_and_whether_that_is_a_queue(queues: Instances) -> None:
    """Case 17: with `Owner.Type`, which only a reference with several targets has."""
    caller = await caller_of(queues, SALES)
    queue = await queue_of(queues, caller, "Case")
    assert queue.name == "Support"
    record = await in_the_queue(queues, caller, "Told")
    read = (await queues.each[0].queries.get_record(caller, GetRecord("Case", record.id))).record
    for told in (record, read):
        owner = {name: told.fields.get(name) for name in ("OwnerId", "Owner.Name", "Owner.Type")}
        assert owner == {"OwnerId": queue.id, "Owner.Name": "Support", "Owner.Type": "Queue"}
    account = (await queues.each[0].queries.list_records(caller, ListRecords("Account", limit=1))).records[0]
    of_account = (await queues.each[0].queries.get_record(caller, GetRecord("Account", account.id))).record
    assert of_account.fields["Owner.Name"] == "Sam Sales"
    assert "Owner.Type" not in of_account.fields


async def test_a_list_is_filtered_by_me_and_by_a_queue(queues: Instances) -> None:
    caller = await caller_of(queues, SALES)
    queue = await queue_of(queues, caller, "Lead")
    list_records = queues.each[0].queries.list_records

    async def ids(*values: str) -> set[str]:
        filters = tuple(Filter("OwnerId", "eq", value) for value in values)
        return {r.id for r in (await list_records(caller, ListRecords("Lead", filters=filters, limit=200))).records}

    mine, queued, everything = await ids("me"), await ids(queue.id), await ids()
    assert mine
    assert queued
    assert mine.isdisjoint(queued)
    assert mine | queued == everything


async def test_owners_are_the_queues_of_the_object_and_the_active_users(queues: Instances) -> None:
    caller = await caller_of(queues, SALES)
    find = queues.each[0].queries.find_owners
    of_case, of_account = await find(caller, FindOwners("Case")), await find(caller, FindOwners("Account"))
    users = ["Ada Admin", "Rea Donly", "Sam Sales"]
    assert [(o.name, o.is_queue) for o in of_case.owners] == [("Support", True), *((name, False) for name in users)]
    assert [(o.name, o.is_queue) for o in of_account.owners] == [(name, False) for name in users]
    assert next(o.title for o in of_case.owners if o.name == "Sam Sales") == "Account Executive"
    assert [o.name for o in (await find(caller, FindOwners("Case", search="a%"))).owners] == []
    assert [o.name for o in (await find(caller, FindOwners("Case", search="SUP"))).owners] == ["Support"]
    with pytest.raises(RefusedRequest):
        await find(caller, FindOwners("Group"))


async def test_looking_for_owners_is_one_request(queues: Instances) -> None:
    caller = await caller_of(queues, SALES)
    for sobject in ("Case", "Account"):
        await queues.each[0].queries.find_owners(caller, FindOwners(sobject))
        control(queues.org.url, "counters/reset")
        await queues.each[0].queries.find_owners(caller, FindOwners(sobject, search="s"))
        counted = control(queues.org.url, "counters")
        assert sum(n for kind, n in counted.items() if kind.startswith("rest.")) == 1


@pytest.mark.parametrize("first", [ADMIN, SALES])
async def test_of_two_who_take_it_at_once_one_wins_and_the_other_learns_who_has_it(
    queues: Instances, first: str
) -> None:
    callers = {name: await caller_of(queues, name) for name in (ADMIN, SALES)}
    record = await in_the_queue(queues, callers[ADMIN], f"Both want it, {first} first")
    instances = dict(zip((first, SALES if first == ADMIN else ADMIN), queues.each, strict=False))

    async def take(name: str) -> object:
        fields = {"OwnerId": callers[name].uid.user_id}
        request = UpdateRecord("Case", record.id, dict(fields), record.version)
        return await instances[name].changes.update_record(callers[name], request)

    outcomes = dict(zip(instances, await asyncio.gather(*map(take, instances), return_exceptions=True), strict=True))
    losers = {name: o for name, o in outcomes.items() if isinstance(o, ChangedMeanwhile)}
    assert len(losers) == 1, outcomes
    (winner,) = outcomes.keys() - losers.keys()
    names = {ADMIN: "Ada Admin", SALES: "Sam Sales"}
    (lost,) = losers.values()
    theirs = lost.details["theirs"]
    assert isinstance(theirs, dict)
    assert theirs["fields"]["Owner.Name"] == names[winner]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    now = (await queues.each[0].queries.get_record(callers[SALES], GetRecord("Case", record.id))).record
    assert now.fields["OwnerId"] == callers[winner].uid.user_id


async def test_who_may_not_own_such_records_is_told_in_salesforces_words(queues: Instances) -> None:
    caller = await caller_of(queues, ADMIN)
    reader = next(
        o
        for o in (await queues.each[0].queries.find_owners(caller, FindOwners("Lead"))).owners
        if o.name == "Rea Donly"
    )
    lead = (await queues.each[0].queries.list_records(caller, ListRecords("Lead", limit=1))).records[0]
    with pytest.raises(RefusedRequest) as refused:
        await queues.each[0].changes.update_record(caller, UpdateRecord("Lead", lead.id, {"OwnerId": reader.id}))
    assert refused.value.message == "The new owner must have read permission"
    assert refused.value.details["fields"] == ["OwnerId"]
    with pytest.raises(NotFound):
        await queues.each[0].queries.get_record(caller, GetRecord("Lead", "00Q000000000999AAA"))


@pytest.mark.parametrize(
    "wanted", ["inactive", "an account", "a queue of another object", "no record", "no id", "long"]
)
async def test_what_cannot_own_a_record_is_refused_and_changes_nothing(queues: Instances, wanted: str) -> None:
    caller = await caller_of(queues, ADMIN)
    process = queues.each[0]
    (accounts, inactive) = await process.rest.query(
        caller.uid, "SELECT Id FROM Account LIMIT 1", "SELECT Id FROM User WHERE IsActive = false LIMIT 1"
    )
    owner = {
        "inactive": str(inactive[0]["Id"]) if inactive else "005000000000999AAA",
        "an account": str(accounts[0]["Id"]),
        "a queue of another object": (await queue_of(queues, caller, "Lead")).id,
        "no record": "00G000000000999AAA",
        "no id": "'; DELETE",
        "long": "0" * 100_000,
    }[wanted]
    record = await in_the_queue(queues, caller, f"Given to {wanted}")
    with pytest.raises((RefusedRequest, NotFound)):
        await process.changes.update_record(caller, UpdateRecord("Case", record.id, {"OwnerId": owner}, record.version))
    now = (await process.queries.get_record(caller, GetRecord("Case", record.id))).record
    assert (now.fields["OwnerId"], now.version) == (record.fields["OwnerId"], record.version)
