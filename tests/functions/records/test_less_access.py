"""Users with less access: one without the API, whose connection ends with a reason of its own, and one without any
opportunities, for whom everything else is there."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from backend.connections.connection import State
from backend.values import Caller
from contract.calls import CreateRecord, Empty, GetRecord, ListRecords, Search, SignIn
from contract.errors import CallError, ConnectionLost, Reason, RefusedRequest
from devtools.clients import ADMIN, CALLBACK, authorize, control
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import SOMEBODY, Instances

NO_API, SERVICE = "noapi@localorg.test", "service@localorg.test"


@pytest.fixture(scope="module")
def org_with_less() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=40, shape=frozenset({"no-api-user"}))) as org:
        yield org


@pytest.fixture
async def less(org_with_less: EmbeddedOrg) -> AsyncIterator[Instances]:
    instances = Instances(org_with_less)
    yield instances
    await instances.http.close()


@pytest.fixture
async def service(less: Instances) -> Caller:
    uid, _ = await less.connect(SERVICE)
    return Caller(uid, "phone")


async def test_a_user_without_the_api_is_told_so_and_no_connection_stays(less: Instances) -> None:
    authorization = authorize(less.org.url, NO_API)
    asked = SignIn(authorization.code, authorization.verifier, CALLBACK, less.host)
    signed_in = await less.sign_in_flow().sign_in(SOMEBODY, asked)
    caller = await less.firebase.sign_in(signed_in.custom_token)
    grant = less.grant(await less.stored(caller.uid))
    with pytest.raises(ConnectionLost) as lost:
        await less.each[0].queries.get_objects(caller, Empty())
    assert lost.value.reason is Reason.API_NOT_ENABLED
    assert "API Enabled" in lost.value.message, "the words by which an administrator finds it"
    ended = await less.stored(caller.uid)
    assert (ended.state, ended.ended_reason) == (State.NEEDS_SIGN_IN, Reason.API_NOT_ENABLED)
    assert less.grant(ended) == grant.without_tokens(), "nothing is left that nobody uses"
    assert not await less.oauth.introspect(grant), "and Salesforce knows the grant no more"


async def test_whoever_asks_later_is_told_the_same_without_a_request_to_salesforce(less: Instances) -> None:
    uid, _ = await less.connect(NO_API)
    for call in range(3):
        if call == 1:
            control(less.org.url, "counters/reset")
        with pytest.raises(ConnectionLost) as lost:
            await less.each[call % 2].queries.get_dashboard(Caller(uid, "phone"), Empty())
        assert lost.value.reason is Reason.API_NOT_ENABLED
    assert not [kind for kind in control(less.org.url, "counters") if kind.startswith("rest.")]


async def test_an_answer_for_tokens_that_were_replaced_ends_nothing(less: Instances) -> None:
    """A new sign-in, after the administrator has allowed it, is not ended by what was asked before."""
    uid, before = await less.connect(SERVICE)
    await less.connect(SERVICE)
    await less.renewals[0].end(uid, before, Reason.API_NOT_ENABLED)
    assert (await less.stored(uid)).state is State.FRESH


async def test_home_is_made_of_what_there_is(less: Instances, service: Caller) -> None:
    home = await less.each[0].queries.get_dashboard(service, Empty())
    assert set(home.hidden) == {"pipeline", "closing"}
    assert home.newest_accounts


async def test_objects_search_and_related_lists_leave_opportunities_out(less: Instances, service: Caller) -> None:
    queries = less.each[0].queries
    objects: dict[str, Any] = {o.sobject: o for o in (await queries.get_objects(service, Empty())).objects}
    assert list(objects) == ["Account", "Contact", "Lead", "Case", "Task"]
    assert "Opportunity" not in {r.sobject for r in objects["Account"].related}
    account = (await queries.list_records(service, ListRecords("Account", limit=1))).records[0]
    related = tuple(r.name for r in objects["Account"].related)
    detail = await queries.get_record(service, GetRecord("Account", account.id, (*related, "Opportunities")))
    assert detail.related["Opportunities"] == ()
    hits = (await queries.search(service, Search(str(account.fields["Name"])))).hits
    assert "Account" in {h.sobject for h in hits}
    assert "Opportunity" not in {h.sobject for h in hits}
    with pytest.raises(RefusedRequest) as refused:
        await queries.list_records(service, ListRecords("Opportunity"))
    assert refused.value.reason is Reason.NOT_PERMITTED


async def test_every_other_object_is_listed_and_read(less: Instances, service: Caller) -> None:
    """Also the tasks of a deal, whose name such a user is not told."""
    admin, _ = await less.connect(ADMIN)
    deals = await less.each[0].queries.list_records(Caller(admin, "phone"), ListRecords("Opportunity", limit=1))
    about = CreateRecord("Task", {"Subject": "About a deal", "WhatId": deals.records[0].id})
    task = await less.each[0].changes.create_record(Caller(admin, "phone"), about)
    queries = less.each[0].queries
    for shape in (await queries.get_objects(service, Empty())).objects:
        rows = (await queries.list_records(service, ListRecords(shape.sobject, limit=200))).records
        related = tuple(r.name for r in shape.related)
        for row in rows[:2]:
            await queries.get_record(service, GetRecord(shape.sobject, row.id, related))
    read = (await queries.get_record(service, GetRecord("Task", task.id))).record
    assert (read.fields["Subject"], read.fields["What.Name"]) == ("About a deal", None)


NOT_FOR_ORG = '[{"errorCode":"API_DISABLED_FOR_ORG","message":"The API is not enabled for this user type."}]'
DOWN = '[{"errorCode":"API_CURRENTLY_DISABLED","message":"API functionality is temporarily unavailable."}]'
NOT_THIS_USER = '[{"errorCode":"API_CURRENTLY_DISABLED","message":"API is disabled for this User"}]'


@pytest.mark.parametrize("body", [DOWN, "<html>Forbidden by proxy</html>", "[]", '{"errorCode":1}'])
async def test_what_refuses_not_the_whole_api_to_the_user_ends_no_connection(
    less: Instances, service: Caller, body: str
) -> None:
    control(less.org.url, "faults", {"kind": "rest.composite", "status": 403, "body": body})
    with pytest.raises(CallError) as failed:
        await less.each[0].queries.get_objects(service, Empty())
    assert failed.value.reason is (Reason.ORG_BUSY if body == DOWN else Reason.NOT_PERMITTED)
    assert (await less.stored(service.uid)).state is State.FRESH
    assert (await less.each[0].queries.get_objects(service, Empty())).objects


async def test_where_the_connect_api_is_not_enabled_amounts_go_without_their_code(
    less: Instances, service: Caller
) -> None:
    control(less.org.url, "faults", {"kind": "rest.organization", "status": 403, "body": NOT_FOR_ORG})
    assert (await less.each[0].queries.get_objects(service, Empty())).objects
    assert (await less.stored(service.uid)).state is State.FRESH


@pytest.mark.parametrize("body", [NOT_FOR_ORG, '[{"errorCode":"FUNCTIONALITY_NOT_ENABLED","message":"No."}]'])
async def test_where_the_user_interface_api_is_not_enabled_forms_go_without(
    less: Instances, service: Caller, body: str
) -> None:
    control(less.org.url, "faults", {"kind": "rest.ui", "status": 403, "body": body})
    with pytest.raises(RefusedRequest):
        await less.each[0].rest.picklists(service.uid, "Account", "012000000000000AAA")
    assert (await less.stored(service.uid)).state is State.FRESH


async def test_a_user_for_whom_the_api_is_disabled_has_a_connection_no_more(less: Instances, service: Caller) -> None:
    control(less.org.url, "faults", {"kind": "rest.composite", "status": 403, "body": NOT_THIS_USER})
    with pytest.raises(ConnectionLost) as lost:
        await less.each[0].queries.get_objects(service, Empty())
    assert lost.value.reason is Reason.API_NOT_ENABLED
    assert (await less.stored(service.uid)).state is State.NEEDS_SIGN_IN


async def test_what_cannot_be_stored_changes_nothing_in_what_the_user_is_told(
    less: Instances, service: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise OSError("the store is away")

    monkeypatch.setattr(less.documents, "write", fails)
    control(less.org.url, "faults", {"kind": "rest.composite", "status": 403, "body": NOT_THIS_USER})
    with pytest.raises(ConnectionLost) as lost:
        await less.each[0].queries.get_objects(service, Empty())
    assert lost.value.reason is Reason.API_NOT_ENABLED
