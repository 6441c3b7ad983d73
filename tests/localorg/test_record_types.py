"""An org of the shape `record-types`: who may use which type, what the picklists of each hold, what depends on what."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.test_metadata import field, write, xml

DATA = "/services/data/v66.0"
MASTER = "012000000000000AAA"
READ_ONLY = "readonly@localorg.test"


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=20, shape=frozenset({"record-types"}))) as org:
        yield org


class Caller:
    """A user of the org."""

    def __init__(self, org: EmbeddedOrg, username: str) -> None:
        token = control(org.url, "token", {"username": username})["access_token"]
        self.http = loopback.Client(base_url=f"{org.url}{DATA}", headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, text: str) -> list[dict[str, Any]]:
        return self.http.get("/query", params={"q": text}).json()["records"]

    def types(self, sobject: str) -> dict[str, dict[str, Any]]:
        return {t["developerName"]: t for t in self.get(f"/sobjects/{sobject}/describe")["recordTypeInfos"]}

    def picklists(self, sobject: str, record_type: str) -> dict[str, Any]:
        return self.get(f"/ui-api/object-info/{sobject}/picklist-values/{record_type}")["picklistFieldValues"]

    def make(self, sobject: str, **values: Any) -> httpx.Response:
        return self.http.post(f"/sobjects/{sobject}", json=values)

    def deal(self, **values: Any) -> httpx.Response:
        return self.make("Opportunity", Name="Deal", StageName="Qualification", CloseDate="2026-12-01", **values)


@pytest.fixture(scope="module")
def admin(org: EmbeddedOrg) -> Caller:
    return Caller(org, ADMIN)


@pytest.fixture(scope="module")
def sales(org: EmbeddedOrg) -> Caller:
    return Caller(org, SALES)


def test_describe_says_which_types_a_user_has_and_which_is_their_default(org: EmbeddedOrg) -> None:
    told = {}
    for username in (ADMIN, SALES, READ_ONLY):
        types = Caller(org, username).types("Opportunity")
        assert list(types) == ["New_Business", "Renewal", "Master"]
        assert set(types["Renewal"]) == {
            "active", "available", "defaultRecordTypeMapping", "developerName", "master", "name", "recordTypeId",
            "urls",
        }  # fmt: skip
        told[username] = [(t["available"], t["defaultRecordTypeMapping"]) for t in types.values()]
    assert told == {
        ADMIN: [(True, True), (True, False), (True, False)],
        SALES: [(True, False), (True, True), (True, False)],
        READ_ONLY: [(True, True), (False, False), (True, False)],
    }


def test_the_object_of_record_types_can_be_queried(admin: Caller) -> None:
    text = "SELECT Id, Name, DeveloperName, IsActive, Description FROM RecordType WHERE SobjectType = 'Opportunity'"
    rows = {r["DeveloperName"]: r for r in admin.rows(f"{text} ORDER BY DeveloperName")}
    assert {n: (r["Name"], r["IsActive"]) for n, r in rows.items()} == {
        "New_Business": ("New Business", True),
        "Renewal": ("Renewal", True),
    }
    assert rows["Renewal"]["Id"] == admin.types("Opportunity")["Renewal"]["recordTypeId"]
    assert rows["Renewal"]["Description"]


def test_the_demo_records_have_types_and_values_of_their_type(admin: Caller) -> None:
    (new, renewal) = admin.rows("SELECT RecordType.Name n, COUNT(Id) c FROM Opportunity GROUP BY RecordType.Name")
    assert new["c"] > 5
    assert renewal["c"] > 5
    stages = [r["StageName"] for r in admin.rows("SELECT StageName FROM Opportunity WHERE RecordType.Name = 'Renewal'")]
    types = admin.types("Opportunity")
    values = admin.picklists("Opportunity", types["Renewal"]["recordTypeId"])["StageName"]["values"]
    assert set(stages) <= {v["value"] for v in values}


def test_a_new_record_gets_the_type_that_was_said_or_the_users_default(admin: Caller, sales: Caller) -> None:
    for caller, default in ((admin, "New Business"), (sales, "Renewal")):
        made = caller.deal().json()["id"]
        (row,) = caller.rows(f"SELECT RecordType.Name FROM Opportunity WHERE Id = '{made}'")
        assert row["RecordType"]["Name"] == default
    new = sales.types("Opportunity")["New_Business"]["recordTypeId"]
    made = sales.deal(RecordTypeId=new[:15]).json()["id"]
    assert sales.get(f"/sobjects/Opportunity/{made}")["RecordTypeId"] == new
    shown = sales.get(f"/ui-api/records/{made}?fields=Opportunity.Name")
    assert (shown["recordTypeId"], shown["recordTypeInfo"]["name"]) == (new, "New Business")


def test_a_type_that_the_user_may_not_use_is_refused(admin: Caller, sales: Caller) -> None:
    complaint = admin.types("Case")["Complaint"]["recordTypeId"]
    other = admin.types("Opportunity")["Renewal"]["recordTypeId"]
    for wanted in (complaint, other, MASTER, "012000000000001AAA"):
        refused = sales.make("Case", Subject="x", RecordTypeId=wanted)
        assert refused.status_code == 400
        assert refused.json() == [
            {
                "errorCode": "INVALID_CROSS_REFERENCE_KEY",
                "fields": ["RecordTypeId"],
                "message": f"Record Type ID: this ID value isn't valid for the user: {wanted}",
            }
        ]
    assert sales.make("Case", Subject="x", RecordTypeId="?").json()[0]["errorCode"] == "MALFORMED_ID"
    made = admin.make("Case", Subject="x", RecordTypeId=complaint).json()["id"]
    kept = sales.http.patch(f"/sobjects/Case/{made}", json={"Subject": "y", "RecordTypeId": complaint})
    assert kept.status_code == 204
    given = sales.make("Case", Subject="x").json()["id"]
    refused = sales.http.patch(f"/sobjects/Case/{given}", json={"RecordTypeId": complaint})
    assert refused.json()[0]["errorCode"] == "INVALID_CROSS_REFERENCE_KEY"


def test_a_restricted_picklist_takes_the_values_of_the_records_type(admin: Caller) -> None:
    types = admin.types("Opportunity")
    new, renewal = types["New_Business"]["recordTypeId"], types["Renewal"]["recordTypeId"]
    field = "DeliveryInstallationStatus__c"
    refused = admin.deal(RecordTypeId=new, **{field: "Completed"}).json()
    assert (refused[0]["errorCode"], refused[0]["fields"]) == ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", [field])
    made = admin.deal(RecordTypeId=renewal, **{field: "Completed"}).json()["id"]
    change = admin.http.patch(f"/sobjects/Opportunity/{made}", json={field: "Yet to begin"})
    assert change.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    both = {field: "Yet to begin", "RecordTypeId": new}
    assert admin.http.patch(f"/sobjects/Opportunity/{made}", json=both).status_code == 204
    assert admin.deal(RecordTypeId=new, Type="Existing Customer - Upgrade").status_code == 201, "it is not restricted"


def test_what_the_picklists_of_a_type_hold(admin: Caller) -> None:
    types = admin.types("Opportunity")
    held = admin.picklists("Opportunity", types["Renewal"]["recordTypeId"])
    stage = held["StageName"]
    assert [v["value"] for v in stage["values"]] == [
        "Qualification", "Value Proposition", "Negotiation/Review", "Closed Won", "Closed Lost",
    ]  # fmt: skip
    entry = {"attributes": None, "label": "Value Proposition", "validFor": [], "value": "Value Proposition"}
    assert stage["defaultValue"] == entry
    assert stage["controllerValues"] == {}
    assert set(stage) == {"controllerValues", "defaultValue", "eTag", "url", "values"}
    one = admin.get(stage["url"].removeprefix(DATA))
    assert (one["values"], one["eTag"]) == (stage["values"], stage["eTag"])
    whole = admin.picklists("Opportunity", MASTER)["StageName"]["values"]
    assert len(whole) == 10
    assert admin.http.get(
        f"/ui-api/object-info/Opportunity/picklist-values/{types['Renewal']['recordTypeId'][:-4]}0AAA"
    )


def test_the_master_type_is_there_without_the_shape() -> None:
    with EmbeddedOrg(OrgSettings(accounts=1)) as plain:
        caller = Caller(plain, SALES)
        assert [v["value"] for v in caller.picklists("Account", MASTER)["Rating"]["values"]] == ["Hot", "Warm", "Cold"]
        assert list(caller.types("Opportunity")) == ["Master"]
        assert "RecordTypeId" not in caller.get("/sobjects/Opportunity")["objectDescribe"]
        fields = caller.get("/sobjects/Opportunity/describe")["fields"]
        assert "RecordTypeId" not in {f["name"] for f in fields}


def test_describe_says_what_depends_on_what(admin: Caller) -> None:
    fields = {f["name"]: f for f in admin.get("/sobjects/Case/describe")["fields"]}
    assert {n: f["controllerName"] for n, f in fields.items() if f["dependentPicklist"]} == {
        "Product__c": "Type", "PotentialLiability__c": "Product__c", "SLAViolation__c": "IsEscalated",
    }  # fmt: skip
    product = {v["value"]: v["validFor"] for v in fields["Product__c"]["picklistValues"]}
    # Mechanical, Electrical, Electronic, Structural, Other from the most significant bit on.
    assert base64.b64decode(product["GC1040"]) == bytes([0b10000000, 0, 0])
    assert base64.b64decode(product["GC3040"]) == bytes([0b01100000, 0, 0])
    assert base64.b64decode(product["GC5020"]) == bytes([0b10010000, 0, 0])
    liable = {v["value"]: v["validFor"] for v in fields["PotentialLiability__c"]["picklistValues"]}
    assert base64.b64decode(liable["No"]) == bytes([0b11111111, 0, 0])
    violated = {v["value"]: v["validFor"] for v in fields["SLAViolation__c"]["picklistValues"]}
    assert {n: base64.b64decode(v)[0] for n, v in violated.items()} == {"No": 0b11000000, "Yes": 0b01000000}
    assert {v["validFor"] for v in fields["Status"]["picklistValues"]} == {None}


def test_the_ui_api_says_it_by_numbers(admin: Caller) -> None:
    info = admin.get("/ui-api/object-info/Case")
    assert info["dependentFields"] == {
        "IsEscalated": {"SLAViolation__c": {}},
        "Type": {"Product__c": {"PotentialLiability__c": {}}},
    }
    assert info["fields"]["PotentialLiability__c"]["controllingFields"] == ["Product__c", "Type"]
    assert info["defaultRecordTypeId"] == admin.types("Case")["Product_Support"]["recordTypeId"]
    held = admin.picklists("Case", MASTER)
    assert held["SLAViolation__c"]["controllerValues"] == {"false": 0, "true": 1}
    assert {v["value"]: v["validFor"] for v in held["SLAViolation__c"]["values"]} == {"No": [0, 1], "Yes": [1]}
    support = admin.picklists("Case", admin.types("Case")["Complaint"]["recordTypeId"])["Product__c"]
    assert support["controllerValues"] == {"Mechanical": 0, "Structural": 3, "Other": 4}
    assert {v["value"]: v["validFor"] for v in support["values"]} == {
        "GC1040": [0], "GC5020": [0, 3], "GC5040": [3], "GC5060": [3],
    }  # fmt: skip


def test_the_layouts_of_an_object_with_several_types_come_one_by_one(admin: Caller, org: EmbeddedOrg) -> None:
    every = admin.get("/sobjects/Opportunity/describe/layouts")
    assert (every["layouts"], every["recordTypeSelectorRequired"]) == (None, [True])
    assert Caller(org, READ_ONLY).get("/sobjects/Opportunity/describe/layouts")["recordTypeSelectorRequired"] == [False]
    ids = {m["developerName"]: (m["layoutId"], m["urls"]["layout"]) for m in every["recordTypeMappings"]}
    for layout_id, address in ids.values():
        assert admin.get(address.removeprefix(DATA))["id"] == layout_id
    assert len({layout_id for layout_id, _ in ids.values()}) == 3


DEPENDS = (
    "<valueSet><controllingField>{controller}</controllingField><restricted>true</restricted><valueSetDefinition>"
    "<value><fullName>Small &amp; light</fullName></value><value><fullName>Large</fullName></value>"
    "</valueSetDefinition>{settings}</valueSet>"
)
SETTINGS = (
    "<valueSettings><controllingFieldValue>{0}</controllingFieldValue><controllingFieldValue>{1}</controllingFieldValue>"
    "<valueName>Small &amp; light</valueName></valueSettings><valueSettings><controllingFieldValue>{1}"
    "</controllingFieldValue><valueName>Large</valueName></valueSettings>"
)
KINDS = (
    "<valueSet><valueSetDefinition><value><fullName>Car</fullName></value><value><fullName>Van</fullName></value>"
    "</valueSetDefinition></valueSet>"
)
RIDE = "force-app/main/default/objects/Ride__c/"
PROJECT = {
    f"{RIDE}Ride__c.object-meta.xml": xml("CustomObject", "<label>Ride</label><pluralLabel>Rides</pluralLabel>"),
    f"{RIDE}fields/Kind__c.field-meta.xml": field("Kind__c", "Picklist", KINDS),
    f"{RIDE}fields/Far__c.field-meta.xml": field("Far__c", "Checkbox"),
    f"{RIDE}fields/Load__c.field-meta.xml": field(
        "Load__c", "Picklist", DEPENDS.format(controller="Kind__c", settings=SETTINGS.format("Car", "Van"))
    ),
    f"{RIDE}fields/Rest__c.field-meta.xml": field(
        "Rest__c", "Picklist", DEPENDS.format(controller="Far__c", settings=SETTINGS.format("unchecked", "checked"))
    ),
    f"{RIDE}recordTypes/Short.recordType-meta.xml": xml(
        "RecordType",
        "<fullName>Short</fullName><active>true</active><label>Short ride</label><picklistValues><picklist>Load__c"
        "</picklist><values><fullName>Small %26 light</fullName><default>true</default></values></picklistValues>",
    ),
    f"{RIDE}recordTypes/Long.recordType-meta.xml": xml(
        "RecordType", "<fullName>Long</fullName><active>true</active><label>Long ride</label>"
    ),
    f"{RIDE}recordTypes/Old.recordType-meta.xml": xml(
        "RecordType", "<fullName>Old</fullName><active>false</active><label>Old ride</label>"
    ),
    "force-app/main/default/profiles/Standard.profile-meta.xml": xml(
        "Profile",
        "<objectPermissions><object>Ride__c</object><allowCreate>true</allowCreate><allowRead>true</allowRead>"
        "</objectPermissions><recordTypeVisibilities><default>true</default><recordType>Ride__c.Long</recordType>"
        "<visible>true</visible></recordTypeVisibilities><recordTypeVisibilities><default>false</default><recordType>"
        "Ride__c.Short</recordType><visible>false</visible></recordTypeVisibilities>",
    ),
}


def test_source_files_declare_types_and_dependencies(tmp_path: Path) -> None:
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(write(tmp_path, PROJECT),))) as own:
        ada, sam = Caller(own, ADMIN), Caller(own, SALES)
        names = ("active", "available", "defaultRecordTypeMapping")
        told = [{n: tuple(t[k] for k in names) for n, t in who.types("Ride__c").items()} for who in (ada, sam)]
        of_an_admin = {"Long": True, "Old": False, "Short": True, "Master": True}
        assert [{n: values[k] for n, values in told[0].items()} for k in (0, 1)] == [of_an_admin, of_an_admin]
        assert told[1] == {
            "Long": (True, True, True), "Old": (False, False, False), "Short": (True, False, False),
            "Master": (True, True, False),
        }  # fmt: skip
        held = ada.picklists("Ride__c", ada.types("Ride__c")["Short"]["recordTypeId"])["Load__c"]
        assert [(v["value"], v["validFor"]) for v in held["values"]] == [("Small & light", [0, 1])]
        assert held["defaultValue"]["value"] == "Small & light"
        fields = {f["name"]: f for f in ada.get("/sobjects/Ride__c/describe")["fields"]}
        for name, controller in (("Load__c", "Kind__c"), ("Rest__c", "Far__c")):
            assert fields[name]["controllerName"] == controller
            bits = [base64.b64decode(v["validFor"])[0] for v in fields[name]["picklistValues"]]
            assert bits == [0b11000000, 0b01000000]
