"""Record types and dependent picklists: the user's types, what the picklists of each hold, how a refusal is told."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.adapters.salesforce_picklists import picklists_of, valid_with
from backend.failures import Busy
from backend.records.describe import DESCRIBE_SECONDS, decode, encode
from backend.records.layouts import LAYOUTS, Layout
from backend.values import Caller, Uid
from contract.calls import (
    CreateRecord,
    Describe,
    Empty,
    FieldValue,
    GetPicklists,
    GetRecord,
    SobjectShape,
    UpdateRecord,
)
from contract.errors import Reason, RefusedRequest
from contract.picklists import Picklist, RecordType
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances

READ_ONLY = "readonly@localorg.test"
DEAL: dict[str, FieldValue] = {"Name": "Deal", "StageName": "Qualification", "CloseDate": "2026-12-01"}
STATUS = "DeliveryInstallationStatus__c"


@pytest.fixture(scope="module")
def typed_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5, shape=frozenset({"record-types"}))) as org:
        yield org


@pytest.fixture
async def typed(typed_org: EmbeddedOrg) -> AsyncIterator[Instances]:
    instances = Instances(typed_org)
    yield instances
    await instances.http.close()


class Person:
    """A user of the org at one process of the backend."""

    def __init__(self, instances: Instances, uid: Uid) -> None:
        self.caller = Caller(uid, "phone")
        self.queries, self.changes = instances.each[0].queries, instances.each[0].changes

    async def shape(self, sobject: str) -> SobjectShape:
        return await self.queries.describe(self.caller, Describe(sobject))

    async def types(self, sobject: str) -> dict[str, RecordType]:
        return {t.name: t for t in (await self.shape(sobject)).record_types}

    async def picklists(self, sobject: str, record_type: str) -> dict[str, Picklist]:
        return (await self.queries.get_picklists(self.caller, GetPicklists(sobject, record_type))).fields

    async def refused(self, request: CreateRecord | UpdateRecord) -> tuple[Reason, object]:
        creates = isinstance(request, CreateRecord)
        work = (
            self.changes.create_record(self.caller, request)
            if creates
            else self.changes.update_record(self.caller, request)
        )
        with pytest.raises(RefusedRequest) as refusal:
            await work
        return refusal.value.reason, refusal.value.details["fields"]


async def signed_in(instances: Instances, username: str = ADMIN) -> Person:
    uid, _ = await instances.connect(username)
    return Person(instances, uid)


def requests(instances: Instances) -> int:
    return sum(n for kind, n in control(instances.org.url, "counters").items() if kind.startswith("rest."))


# Which types


async def test_the_types_are_those_that_the_user_may_choose(typed: Instances) -> None:
    told = {}
    for username in (ADMIN, SALES, READ_ONLY):
        shape = await (await signed_in(typed, username)).shape("Opportunity")
        assert shape.record_type == "RecordTypeId"
        told[username] = [(t.name, t.default) for t in shape.record_types]
    assert told == {
        ADMIN: [("New Business", True), ("Renewal", False)],
        SALES: [("New Business", False), ("Renewal", True)],
        READ_ONLY: [("New Business", True)],
    }


async def test_an_org_without_them_has_none_and_costs_nothing_more(instances: Instances) -> None:
    ada = await signed_in(instances)
    control(instances.org.url, "counters/reset")
    objects = (await ada.queries.get_objects(ada.caller, Empty())).objects
    assert {(o.record_type, o.record_types) for o in objects} == {("", ())}
    assert {f.controller for o in objects for f in o.fields} == {""}
    assert requests(instances) == 3, "the currency, all describes, and which actions there are"


async def test_a_record_says_its_type(typed: Instances) -> None:
    ada = await signed_in(typed)
    renewal = (await ada.types("Opportunity"))["Renewal"].id
    fields: dict[str, FieldValue] = {**DEAL, "RecordTypeId": renewal, STATUS: "Completed"}
    made = await ada.changes.create_record(ada.caller, CreateRecord("Opportunity", fields))
    assert made.record is not None
    read = (await ada.queries.get_record(ada.caller, GetRecord("Opportunity", made.id))).record
    for record in (made.record, read):
        assert (record.fields["RecordTypeId"], record.fields["RecordType.Name"]) == (renewal, "Renewal")


async def test_a_type_that_the_user_may_not_use_is_told_beside_its_field(typed: Instances) -> None:
    sam, complaint = await signed_in(typed, SALES), (await (await signed_in(typed)).types("Case"))["Complaint"].id
    for wanted in (complaint, "012000000000000AAA", "012000000000009AAA"):
        request = CreateRecord("Case", {"Subject": "x", "RecordTypeId": wanted})
        assert await sam.refused(request) == (Reason.RECORD_TYPE_NOT_AVAILABLE, ["RecordTypeId"])
    assert list(await sam.types("Case")) == ["Product Support"]


# What the picklists hold


async def test_the_picklists_of_a_type_are_asked_for_once(typed: Instances) -> None:
    sam = await signed_in(typed, SALES)
    types = await sam.types("Opportunity")
    control(typed.org.url, "counters/reset")
    names = ("Renewal", "New Business") * 3
    *_before, renewal, new = [await sam.picklists("Opportunity", types[name].id) for name in names]
    assert requests(typed) == 2
    assert renewal["StageName"].values == (
        "Qualification", "Value Proposition", "Negotiation/Review", "Closed Won", "Closed Lost",
    )  # fmt: skip
    assert (renewal["StageName"].default, renewal[STATUS].values) == ("Value Proposition", ("In progress", "Completed"))
    assert (new["Type"], new[STATUS].default) == (Picklist(("New Customer",), default="New Customer"), "Yet to begin")
    assert "ForecastCategoryName" not in renewal, "no form shows it"
    other = Person(typed, sam.caller.uid)
    other.queries = typed.each[1].queries
    assert await other.picklists("Opportunity", types["Renewal"].id) == renewal
    assert requests(typed) == 2, "another instance finds them with the describes"
    await typed.clock.sleep(DESCRIBE_SECONDS + 1)
    assert await sam.picklists("Opportunity", types["Renewal"].id) == renewal
    assert requests(typed) == 4, "the describes, and the picklists"


async def test_a_record_keeps_the_picklists_of_a_type_that_the_user_may_not_give_it(typed: Instances) -> None:
    complaint = (await (await signed_in(typed)).types("Case"))["Complaint"].id
    held = await (await signed_in(typed, SALES)).picklists("Case", complaint)
    assert held["Priority"].values == ("High", "Medium")


@pytest.mark.parametrize("record_type", ["012000000000009AAA", "001000000000001AAA"])
async def test_a_type_that_there_is_not_is_said(typed: Instances, record_type: str) -> None:
    sam = await signed_in(typed, SALES)
    with pytest.raises(RefusedRequest) as refused:
        await sam.picklists("Case", record_type)
    assert refused.value.reason is Reason.RECORD_TYPE_NOT_AVAILABLE


async def test_where_the_user_interface_api_does_not_know_the_object_nothing_is_said(typed: Instances) -> None:
    sam = await signed_in(typed, SALES)
    support = (await sam.types("Case"))["Product Support"].id
    control(typed.org.url, "faults", {"kind": "rest.ui", "status": 404})
    assert await sam.picklists("Case", support) == {}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"picklistFieldValues":{"A":{"values":[{}]}}}', b"\xff"])
def test_an_answer_that_cannot_be_read_is_one_to_ask_for_again(body: bytes) -> None:
    with pytest.raises(Busy):
        picklists_of(body)


# What depends on what


async def test_a_dependent_picklist_names_its_controlling_field(typed: Instances) -> None:
    ada = await signed_in(typed)
    fields = {f.name: f for f in (await ada.shape("Case")).fields}
    assert (fields["Product__c"].controller, fields["PotentialLiability__c"].controller) == ("Type", "Product__c")
    assert fields["Product__c"].valid_for["GC5020"] == ("Mechanical", "Structural")
    assert fields["PotentialLiability__c"].valid_for["Yes"] == ("GC3020", "GC3040", "GC5020")
    assert {n for n, f in fields.items() if f.controller} == {"Product__c", "PotentialLiability__c"}
    complaint = (await ada.types("Case"))["Complaint"].id
    held = (await ada.picklists("Case", complaint))["Product__c"]
    assert held.valid_for == {
        "GC1040": ("Mechanical",), "GC5020": ("Mechanical", "Structural"), "GC5040": ("Structural",),
        "GC5060": ("Structural",),
    }  # fmt: skip


async def test_values_that_do_not_go_together_are_told_beside_their_field(typed: Instances) -> None:
    ada = await signed_in(typed)
    good: dict[str, FieldValue] = {"Subject": "x", "Type": "Electronic", "Product__c": "GC3040"}
    bad: dict[str, FieldValue] = {**good, "Type": "Mechanical"}
    assert await ada.refused(CreateRecord("Case", bad)) == (Reason.VALUE_NOT_IN_PICKLIST, ["Product__c"])
    assert (await ada.refused(CreateRecord("Case", {**good, "Type": None})))[1] == ["Product__c"]
    made = await ada.changes.create_record(ada.caller, CreateRecord("Case", good))
    assert await ada.refused(UpdateRecord("Case", made.id, bad)) == (Reason.VALUE_NOT_IN_PICKLIST, ["Product__c"])
    await ada.changes.update_record(ada.caller, UpdateRecord("Case", made.id, {"Type": "Electrical"}))


async def test_a_value_that_the_type_does_not_have_is_told_beside_its_field_and_asked_about_anew(
    typed: Instances,
) -> None:
    ada = await signed_in(typed)
    new = (await ada.types("Opportunity"))["New Business"].id
    await ada.picklists("Opportunity", new)
    request = CreateRecord("Opportunity", {**DEAL, "RecordTypeId": new, STATUS: "Completed"})
    await typed.clock.sleep(10)
    assert await ada.refused(request) == (Reason.VALUE_NOT_IN_PICKLIST, [STATUS])
    control(typed.org.url, "counters/reset")
    await ada.picklists("Opportunity", new)
    assert requests(typed) == 1, "what was kept of them counts no more"


def bitmap(indexes: set[int], size: int) -> str:
    """validFor written bit by bit, as the reference says: an independent one to decode against."""
    text = "".join("1" if n in indexes else "0" for n in range(size))
    text += "0" * (-len(text) % 24)
    return base64.b64encode(bytes(int(text[n : n + 8], 2) for n in range(0, len(text), 8))).decode()


@given(st.integers(0, 300).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, max(0, size - 1))))))
def test_every_bitmap_is_read(case: tuple[int, set[int]]) -> None:
    size, indexes = case
    controlling = [f"value {n}" for n in range(size)]
    assert valid_with(bitmap(indexes, size), controlling) == tuple(controlling[n] for n in sorted(indexes) if n < size)


@pytest.mark.parametrize(("text", "valid"), [("gAAA", ["a"]), ("wAAA", ["a", "b"]), ("IAAA", ["c"]), ("AAAA", []),
                                             ("", []), ("gA==", ["a"])])  # fmt: skip
def test_known_bitmaps_are_read(text: str, valid: list[str]) -> None:
    assert list(valid_with(text, ["a", "b", "c"])) == valid


@pytest.mark.parametrize("text", [None, "?", "gAA", "ü"])
def test_where_no_bitmap_says_it_the_org_judges(text: str | None) -> None:
    assert valid_with(text, ["a", "b"]) == ("a", "b")


async def test_what_is_kept_is_read_as_it_was_written(typed: Instances) -> None:
    ada = await signed_in(typed)
    await ada.picklists("Case", (await ada.types("Case"))["Complaint"].id)
    kept = await typed.vaults[0].attachment(ada.caller.uid)
    assert kept is not None
    answers = decode(kept.text)
    assert encode(answers) == kept.text
    case = answers["Case"]
    assert case is not None
    assert [cast(str, t.name) for t in case.record_types] == ["Product Support", "Complaint"]


RIDE = {
    "Ride__c": {
        "label": "Ride",
        "fields": {
            "Kind__c": {"type": "Picklist", "values": ["Car", "Van"]},
            "Load__c": {
                "type": "Picklist",
                "valueSet": {
                    "controllingField": "Kind__c",
                    "restricted": True,
                    "valueSetDefinition": {"value": [{"fullName": "Small"}, {"fullName": "Large"}]},
                    "valueSettings": [
                        {"controllingFieldValue": ["Car", "Van"], "valueName": "Small"},
                        {"controllingFieldValue": ["Van"], "valueName": "Large"},
                    ],
                },
            },
        },
        "recordTypes": {
            "Long": {"label": "Long ride"},
            "Short": {
                "label": "Short ride",
                "picklistValues": [{"picklist": "Load__c", "values": [{"fullName": "Small", "default": True}]}],
            },
        },
    }
}


async def test_an_object_of_ones_own_needs_no_more_than_its_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = tmp_path / "org-schema.json"
    schema.write_text(json.dumps(RIDE))
    entry = Layout(listed=("Name",), detailed=("Name", "Kind__c", "Load__c"), searched=("Name",), sort="Name")
    monkeypatch.setitem(LAYOUTS, "Ride__c", entry)
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(schema,))) as org:
        instances = Instances(org)
        ada = await signed_in(instances)
        shape = await ada.shape("Ride__c")
        assert (shape.record_type, [(t.name, t.default) for t in shape.record_types]) == (
            "RecordTypeId",
            [("Long ride", True), ("Short ride", False)],
        )
        assert "RecordTypeId" in {f.name for f in shape.fields}
        short = shape.record_types[1].id
        assert (await ada.picklists("Ride__c", short))["Load__c"] == Picklist(
            ("Small",), default="Small", valid_for={"Small": ("Car", "Van")}
        )
        fields: dict[str, FieldValue] = {"Name": "R", "RecordTypeId": short, "Kind__c": "Van"}
        assert (await ada.refused(CreateRecord("Ride__c", {**fields, "Load__c": "Large"})))[1] == ["Load__c"]
        made = await ada.changes.create_record(ada.caller, CreateRecord("Ride__c", {**fields, "Load__c": "Small"}))
        assert made.record is not None
        assert (made.record.fields["RecordTypeId"], made.record.fields["RecordType.Name"]) == (short, "Short ride")
        await instances.http.close()


async def test_a_refused_pair_leaves_the_idempotency_key_free(typed: Instances) -> None:
    ada = await signed_in(typed)
    bad: dict[str, FieldValue] = {"Subject": "x", "Type": "Mechanical", "Product__c": "GC3040"}
    assert (await ada.refused(CreateRecord("Case", bad, "pair")))[0] is Reason.VALUE_NOT_IN_PICKLIST
    good: dict[str, FieldValue] = {**bad, "Type": "Electrical"}
    made = await ada.changes.create_record(ada.caller, CreateRecord("Case", good, "pair"))
    assert (await ada.changes.create_record(ada.caller, CreateRecord("Case", good, "pair"))).id == made.id
