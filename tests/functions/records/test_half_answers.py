"""Salesforce answers by halves, or in another shape than today: what is missing is missing, the rest is there."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest

from backend.adapters.salesforce_http import Answer
from backend.adapters.salesforce_picklists import picklists_of
from backend.adapters.salesforce_session import Request, SalesforceSession
from backend.records import pages
from backend.records.allowance import Allowance
from backend.records.describe import DESCRIBE_SECONDS
from backend.values import Caller, Uid
from contract.calls import (
    Describe,
    Empty,
    FieldShape,
    FindOwners,
    GetPicklists,
    GetRecord,
    ListRecords,
    Search,
    SobjectShape,
    Sort,
)
from contract.errors import CallError
from devtools.clients import ADMIN, control
from localorg import EmbeddedOrg, OrgSettings
from tests.altered import replace
from tests.functions.instances import Instances

Change = Callable[[str, dict[str, Any]], None]
SHAPES = frozenset({"record-types", "person-accounts", "multi-currency", "queues"})


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=10, shape=SHAPES)) as org:
        yield org


@pytest.fixture
async def there(org: EmbeddedOrg) -> AsyncIterator[tuple[Instances, Caller]]:
    instances = Instances(org)
    uid, _ = await instances.connect(ADMIN)
    yield instances, Caller(uid, "phone")
    await instances.http.close()


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Changes the parts of all answers: a composite's by their reference, a whole one's by the end of its path."""
    send = SalesforceSession.send

    def answer_so(change: Change) -> None:
        async def changed(self: SalesforceSession, uid: Uid, request: Request) -> Answer:
            answer = await send(self, uid, request)
            body: Any = json.loads(answer.body)
            if request.path.endswith("/composite"):
                for part in body["compositeResponse"]:
                    change(part["referenceId"], part)
                return replace(answer, body=json.dumps(body).encode())
            whole = {"httpStatusCode": answer.status, "body": body}
            change(request.path.rpartition("/")[2], whole)
            return replace(answer, status=whole["httpStatusCode"], body=json.dumps(whole["body"]).encode())

        monkeypatch.setattr(SalesforceSession, "send", changed)

    return answer_so


def refused(code: str, status: int = 400) -> dict[str, Any]:
    return {"httpStatusCode": status, "body": [{"errorCode": code, "message": "No."}]}


async def shape_of(there: tuple[Instances, Caller], sobject: str) -> SobjectShape:
    instances, caller = there
    return await instances.each[0].queries.describe(caller, Describe(sobject))


# Describes


@pytest.mark.parametrize(
    "missing",
    [
        {"recordTypeInfos": None},
        {"recordTypeInfos": [{"recordTypeId": None, "name": None, "available": None}, {}]},
        {"recordTypeInfos": []},
        {"keyPrefix": None},
    ],
)
async def test_a_describe_without_what_is_new_is_still_one(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], missing: dict[str, Any]
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "Opportunity":
            part["body"] |= missing

    answering(change)
    shape = await shape_of(there, "Opportunity")
    assert shape.fields
    assert shape.record_types == () or "recordTypeInfos" not in missing
    assert (await there[0].each[0].queries.list_records(there[1], ListRecords("Opportunity"))).records


async def test_a_field_without_what_is_new_is_still_one(
    there: tuple[Instances, Caller], answering: Callable[[Change], None]
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        for field in part["body"]["fields"] if name == "Case" else ():
            field |= {"encrypted": None, "controllerName": None, "compoundFieldName": None, "defaultedOnCreate": None}
            for value in field["picklistValues"] or ():
                value |= {"validFor": None, "defaultValue": None, "label": None, "active": True}

    answering(change)
    fields = {f.name: f for f in (await shape_of(there, "Case")).fields}
    assert fields["Product__c"].picklist
    assert not fields["Product__c"].valid_for


async def test_a_picklist_of_five_thousand_values_and_one_of_none_are_told(
    there: tuple[Instances, Caller], answering: Callable[[Change], None]
) -> None:
    bits = base64.b64encode(b"\xff" * 3).decode()
    many = [{"value": f"value {n}", "active": True, "label": f"Value {n}", "validFor": bits} for n in range(5000)]

    def change(name: str, part: dict[str, Any]) -> None:
        for field in part["body"]["fields"] if name == "Case" else ():
            if field["name"] in ("Product__c", "Status"):
                field["picklistValues"] = many if field["name"] == "Product__c" else []

    answering(change)
    fields = {f.name: f for f in (await shape_of(there, "Case")).fields}
    assert (len(fields["Product__c"].picklist), fields["Status"].picklist) == (5000, ())


@pytest.mark.parametrize("part", ["types", "layout"])
@pytest.mark.parametrize("answer", [refused("INVALID_TYPE"), refused("INVALID_FIELD"), refused("UNKNOWN", 500)])
async def test_where_nothing_tells_which_accounts_are_people_everything_else_is_there(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], part: str, answer: dict[str, Any]
) -> None:
    instances, caller = there
    told_now = False

    def change(name: str, told: dict[str, Any]) -> None:
        if name == part and not told_now:
            told |= answer

    answering(change)
    shape = await shape_of(there, "Account")
    assert shape.fields
    assert (await instances.each[0].queries.list_records(caller, ListRecords("Account"))).records
    told_now = True
    await instances.clock.sleep(DESCRIBE_SECONDS + 1)
    persons = (await shape_of(there, "Account")).persons
    assert persons is not None, "what failed once is asked again"
    assert persons.record_types


async def test_a_language_that_is_not_told_once_takes_no_page_layout(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    instances, _ = there
    stamp = {"Last-Modified": "Mon, 23 Nov 2020 08:00:00 GMT"}

    def stamped(name: str, part: dict[str, Any]) -> None:
        if name in ("Case", "Task"):
            part["httpHeaders"] = stamp

    def untold(name: str, part: dict[str, Any]) -> None:
        if name == "language":
            part |= refused("INVALID_TYPE")
        stamped(name, part)

    answering(stamped)
    before = await shape_of(there, "Case")
    monkeypatch.undo()
    answering(untold)
    await instances.clock.sleep(DESCRIBE_SECONDS + 1)
    after = await shape_of(there, "Case")
    assert (after.sections, after.label) == (before.sections, before.label)
    assert len(after.sections) > 1
    kept = await instances.vaults[0].attachment(there[1].uid)
    assert kept is not None


@pytest.mark.parametrize("body", [{"records": ["x"]}, {"records": [None]}, {"records": {}}, {"records": [{}]}, [], "x"])
async def test_a_language_in_another_shape_is_one_that_is_not_told(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], body: object
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "language":
            part["body"] = body

    answering(change)
    assert (await shape_of(there, "Case")).fields


async def test_an_object_whose_describe_is_refused_hides_no_other(
    there: tuple[Instances, Caller], answering: Callable[[Change], None]
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "Lead":
            part |= refused("INSUFFICIENT_ACCESS", 403)

    answering(change)
    objects = (await there[0].each[0].queries.get_objects(there[1], Empty())).objects
    assert {o.sobject for o in objects} == {"Account", "Contact", "Opportunity", "Case", "Task"}


# Picklists of record types

PICKLIST: dict[str, Any] = {"values": [{"value": "a", "label": "A", "validFor": [0]}], "controllerValues": {"x": 0}}


@pytest.mark.parametrize(
    "odd",
    [
        {"values": [{"value": "a", "label": None, "validFor": None}]},
        {"controllerValues": None},
        {"defaultValue": {}},
        {"defaultValue": {"value": None}},
        {"values": None},
        {"values": []},
        {"values": [{"label": "no value"}]},
        {"values": "x"},
        {"values": [{"value": "a", "validFor": [-1, 99, 0]}]},
    ],
)
def test_a_picklist_in_another_shape_takes_no_other(odd: dict[str, Any]) -> None:
    answer = {"picklistFieldValues": {"Odd": PICKLIST | odd, "Plain": PICKLIST}}
    told = picklists_of(json.dumps(answer).encode())
    assert told["Plain"].valid_for == {"a": ("x",)}
    assert "Odd" not in told or set(told["Odd"].values) <= {"a"}


async def test_five_thousand_values_of_each_type_are_kept_or_asked_for_but_never_fail(
    there: tuple[Instances, Caller], answering: Callable[[Change], None]
) -> None:
    instances, caller = there
    types = (await shape_of(there, "Case")).record_types

    def change(name: str, part: dict[str, Any]) -> None:
        if name.startswith("012"):
            part["httpStatusCode"] = 200
            values = [{"value": sha256(f"{name} {n}".encode()).hexdigest()} for n in range(5000)]
            part["body"] = {"picklistFieldValues": {f: {"values": values} for f in ("Priority", "Origin", "Status")}}

    answering(change)
    for record_type in (*(one.id for one in types), *(f"012{n:015d}" for n in range(6))):
        told = (await instances.each[0].queries.get_picklists(caller, GetPicklists("Case", record_type))).fields
        assert len(told["Priority"].values) == 5000
    kept = (await instances.stored(caller.uid)).attachment
    assert kept is not None
    assert 10_000 < len(kept.text) < 1_000_000, "a document of Firestore has at most a mebibyte"


# Currencies, owners


@pytest.mark.parametrize(
    "rows",
    [
        [{"IsoCode": "EUR", "DecimalPlaces": "many", "IsCorporate": None}],
        [{"IsoCode": "EUR", "DecimalPlaces": "2.5", "IsCorporate": True}],
        [{"IsoCode": None}, {}],
        ["EUR"],
        [],
    ],
)
async def test_odd_currencies_take_no_form_and_no_list(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], rows: list[Any]
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "query" and "DecimalPlaces" in json.dumps(part["body"]):
            part["body"]["records"] = rows

    answering(change)
    field = next(f for f in (await shape_of(there, "Opportunity")).fields if f.name == "CurrencyIsoCode")
    assert set(field.decimals) <= {"EUR"}


async def test_half_of_the_currencies_is_not_kept_for_the_whole_org(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "query" and "DecimalPlaces" in json.dumps(part["body"]):
            part["body"]["records"] = [r for r in part["body"]["records"] if not r["IsCorporate"]]

    instances, _ = there
    answering(change)
    await shape_of(there, "Opportunity")
    monkeypatch.undo()
    other, _ = await instances.connect("sales@localorg.test")

    def decimals(fields: tuple[FieldShape, ...]) -> dict[str, int]:
        return next(f.decimals for f in fields if f.name == "CurrencyIsoCode")

    shape = await instances.each[0].queries.describe(Caller(other, "phone"), Describe("Opportunity"))
    assert set(decimals(shape.fields)) == {"CHF", "EUR", "JPY", "USD"}


@pytest.mark.parametrize("code", ["INSUFFICIENT_ACCESS", "MALFORMED_QUERY", "INVALID_TYPE"])
async def test_whoever_is_told_nothing_of_queues_finds_people(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], code: str
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "query0":
            part |= refused(code)

    answering(change)
    found = (await there[0].each[0].queries.find_owners(there[1], FindOwners("Case"))).owners
    assert found
    assert not [o for o in found if o.is_queue]


async def test_whoever_may_not_see_titles_finds_owners_all_the_same(
    there: tuple[Instances, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    send, hidden = SalesforceSession.send, refused("INVALID_FIELD")

    async def without_titles(self: SalesforceSession, uid: Uid, request: Request) -> Answer:
        answer = await send(self, uid, request)
        asks = "Title" in json.dumps(request.body) or "Title" in str(request.query)
        if not asks or "LastName" in json.dumps(request.body):
            return answer
        if request.body is None:
            return replace(answer, status=400, body=json.dumps(hidden["body"]).encode())
        body = json.loads(answer.body)
        body["compositeResponse"][1] |= hidden
        return replace(answer, body=json.dumps(body).encode())

    await shape_of(there, "Case")
    monkeypatch.setattr(SalesforceSession, "send", without_titles)
    found = (await there[0].each[0].queries.find_owners(there[1], FindOwners("Case"))).owners
    assert [o for o in found if o.is_queue]
    assert [o for o in found if not o.is_queue]
    assert not [o for o in found if o.title]


@pytest.mark.parametrize("text", ["@{query0}", "@{query0.records[0].Name}", "@{語}", "{語"])
async def test_what_a_user_types_refers_to_no_other_part(there: tuple[Instances, Caller], text: str) -> None:
    queries, caller = there[0].each[0].queries, there[1]
    assert (await queries.find_owners(caller, FindOwners("Case", text))).owners == ()


@pytest.mark.parametrize("body", [[], "x", {}, {"records": None}, {"records": ["x"]}, {"done": True}])
async def test_a_record_in_another_shape_is_one_to_ask_for_again(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], body: object
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "query":
            part["body"] = body

    await shape_of(there, "Account")
    answering(change)
    queries, caller = there[0].each[0].queries, there[1]
    with pytest.raises(CallError):
        await queries.list_records(caller, ListRecords("Account"))
    with pytest.raises(CallError):
        await queries.get_record(caller, GetRecord("Account", "001000000000001AAA"))


@pytest.mark.parametrize("row", [{"attributes": None}, {}, {"attributes": {"type": "Group"}}, {"attributes": {}}])
async def test_a_hit_of_which_nothing_is_known_is_left_out(
    there: tuple[Instances, Caller], answering: Callable[[Change], None], row: dict[str, Any]
) -> None:
    def change(name: str, part: dict[str, Any]) -> None:
        if name == "search":
            part["body"]["searchRecords"] = [{"Id": "001000000000001AAA", **row}, *part["body"]["searchRecords"]]

    queries, caller = there[0].each[0].queries, there[1]
    name = str((await queries.list_records(caller, ListRecords("Account"))).records[0].fields["Name"])
    before = await queries.search(caller, Search(name))
    answering(change)
    assert before.hits
    assert await queries.search(caller, Search(name)) == before


async def test_each_request_of_a_deep_page_counts_in_the_users_budget(
    there: tuple[Instances, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    instances, caller = there
    monkeypatch.setattr(pages, "MAX_OFFSET", 0)
    queries = instances.each[0].queries
    asked = ListRecords("Account", sort=Sort("Name"), limit=3)
    first = await queries.list_records(caller, asked)
    second = await queries.list_records(caller, replace(asked, cursor=first.cursor))
    taken: list[Uid] = []
    take = Allowance.take

    async def counted(self: Allowance, uid: Uid) -> None:
        taken.append(uid)
        await take(self, uid)

    monkeypatch.setattr(Allowance, "take", counted)
    control(instances.org.url, "counters/reset")
    assert (await queries.list_records(caller, replace(asked, cursor=second.cursor))).records
    sent = sum(n for kind, n in control(instances.org.url, "counters").items() if kind.startswith("rest."))
    assert (len(taken), sent) == (2, 2), "the ids, and the records"
