"""What one call asks Salesforce is not another call's answer: a look at picklists that fails or brings no news."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from backend.records.describe import DESCRIBE_SECONDS
from backend.values import Caller
from contract.calls import Describe, GetPicklists, ListRecords
from contract.errors import CallError, Reason, RefusedRequest
from contract.picklists import Picklists
from devtools.clients import SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances

NO_SUCH_TYPE = "012000000000009AAA"


@pytest.fixture(scope="module")
def typed_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5, shape=frozenset({"record-types"}))) as org:
        yield org


@pytest.fixture
async def typed(typed_org: EmbeddedOrg) -> AsyncIterator[Instances]:
    instances = Instances(typed_org)
    yield instances
    await instances.http.close()


async def slow_picklists(
    typed: Instances, record_type: str, milliseconds: int = 700
) -> tuple[Caller, asyncio.Task[Picklists]]:
    """A caller, one of whose calls waits for picklists."""
    uid, _ = await typed.connect(SALES)
    caller, queries = Caller(uid, "phone"), typed.each[0].queries
    await queries.describe(caller, Describe("Case"))
    control(typed.org.url, "faults", {"kind": "rest.ui", "delayMs": milliseconds})
    waiting = asyncio.create_task(queries.get_picklists(caller, GetPicklists("Case", record_type)))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    return caller, waiting


async def test_a_type_that_there_is_not_takes_no_other_types_picklists(typed: Instances) -> None:
    caller, wrong = await slow_picklists(typed, NO_SUCH_TYPE)
    queries = typed.each[0].queries
    types = (await queries.describe(caller, Describe("Case"))).record_types
    right = await queries.get_picklists(caller, GetPicklists("Case", types[0].id))
    assert right.fields["Product__c"].values
    with pytest.raises(RefusedRequest) as refused:
        await wrong
    assert refused.value.reason is Reason.RECORD_TYPE_NOT_AVAILABLE


async def test_a_list_has_no_part_in_the_refusal_of_picklists(typed: Instances) -> None:
    caller, wrong = await slow_picklists(typed, NO_SUCH_TYPE)
    await typed.clock.sleep(DESCRIBE_SECONDS + 1)
    assert (await typed.each[0].queries.list_records(caller, ListRecords("Account"))).records
    with pytest.raises(CallError):
        await wrong


async def test_picklists_that_are_under_way_are_no_look_at_old_describes(typed: Instances) -> None:
    queries = typed.each[0].queries
    caller, waiting = await slow_picklists(typed, NO_SUCH_TYPE)
    with pytest.raises(CallError):
        await waiting
    types = (await queries.describe(caller, Describe("Case"))).record_types
    control(typed.org.url, "faults", {"kind": "rest.ui", "delayMs": 700})
    waiting = asyncio.create_task(queries.get_picklists(caller, GetPicklists("Case", types[0].id)))
    await asyncio.sleep(0.2)
    await typed.clock.sleep(DESCRIBE_SECONDS + 1)
    control(typed.org.url, "counters/reset")
    await queries.list_records(caller, ListRecords("Case"))
    assert (await waiting).fields
    assert control(typed.org.url, "counters").get("rest.composite") == 1, "the describes are looked at again"


async def test_many_who_ask_for_the_same_picklists_make_one_request(typed: Instances) -> None:
    caller, wrong = await slow_picklists(typed, NO_SUCH_TYPE)
    asked = GetPicklists("Case", NO_SUCH_TYPE)
    control(typed.org.url, "counters/reset")
    others = [typed.each[0].queries.get_picklists(caller, asked) for _ in range(5)]
    answers = await asyncio.gather(wrong, *others, return_exceptions=True)
    assert {type(a) for a in answers} == {RefusedRequest}
    assert control(typed.org.url, "counters").get("rest.ui", 0) == 0, "no request beside the one under way"


async def test_picklists_that_come_late_hold_up_no_list(typed: Instances) -> None:
    caller, waiting = await slow_picklists(typed, NO_SUCH_TYPE, 4000)
    await typed.clock.sleep(DESCRIBE_SECONDS + 1)
    began = asyncio.get_running_loop().time()
    assert (await typed.each[0].queries.list_records(caller, ListRecords("Case"))).records
    assert asyncio.get_running_loop().time() - began < 2
    assert not waiting.done()
    waiting.cancel()


async def test_picklists_of_two_types_asked_for_at_once_are_both_kept(typed: Instances) -> None:
    uid, _ = await typed.connect(SALES)
    caller, queries = Caller(uid, "phone"), typed.each[0].queries
    types = (await queries.describe(caller, Describe("Opportunity"))).record_types
    assert len(types) == 2
    asked = [GetPicklists("Opportunity", one.id) for one in types]
    first = await asyncio.gather(*(queries.get_picklists(caller, one) for one in asked))
    control(typed.org.url, "counters/reset")
    assert [await queries.get_picklists(caller, one) for one in asked] == first
    assert control(typed.org.url, "counters").get("rest.ui", 0) == 0
