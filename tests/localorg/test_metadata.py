"""An org of one's own: objects, rules and permissions from a Salesforce DX folder or a JSON file, records from trees
and CSV, over HTTP.
"""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, control, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.cli import main
from localorg.metadata import DataError, MetadataError
from localorg.metadata.formula import FormulaError, compile_formula
from localorg.schema.sobjects import Change
from localorg.schema.standard import STANDARD

DATA = "/services/data/v68.0"
NS = 'xmlns="http://soap.sforce.com/2006/04/metadata"'


def xml(root: str, inside: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {NS}>\n{inside}\n</{root}>\n'


def field(name: str, kind: str, more: str = "") -> str:
    return xml("CustomField", f"<fullName>{name}</fullName><label>{name[:-3]}</label><type>{kind}</type>{more}")


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


VALUES = """<valueSet><restricted>true</restricted><valueSetDefinition>
<value><fullName>open</fullName><default>true</default><label>Still open</label></value>
<value><fullName>paid</fullName><default>false</default><label>Paid in full</label></value>
</valueSetDefinition></valueSet>"""
INVOICE = "force-app/main/default/objects/Invoice__c/"
PROJECT = {
    f"{INVOICE}Invoice__c.object-meta.xml": xml(
        "CustomObject",
        "<label>Invoice</label><pluralLabel>Invoices</pluralLabel><enableActivities>true</enableActivities><nameField><label>Invoice"
        " Number</label><type>AutoNumber</type><displayFormat>INV-{0000}</displayFormat></nameField>",
    ),
    f"{INVOICE}fields/Account__c.field-meta.xml": field(
        "Account__c", "Lookup", "<referenceTo>Account</referenceTo><relationshipName>Invoices</relationshipName>"
    ),
    f"{INVOICE}fields/Amount__c.field-meta.xml": field("Amount__c", "Currency", "<required>true</required>"),
    f"{INVOICE}fields/Due__c.field-meta.xml": field("Due__c", "Date"),
    f"{INVOICE}fields/Sent__c.field-meta.xml": field("Sent__c", "Date", "<defaultValue>TODAY() - 10</defaultValue>"),
    f"{INVOICE}fields/Who__c.field-meta.xml": field(
        "Who__c", "Text", "<length>9</length><defaultValue>$User.Alias</defaultValue>"
    ),
    f"{INVOICE}fields/State__c.field-meta.xml": field("State__c", "Picklist", VALUES),
    f"{INVOICE}fields/Place__c.field-meta.xml": field("Place__c", "Location"),
    f"{INVOICE}fields/Key__c.field-meta.xml": field(
        "Key__c", "Text", "<length>20</length><externalId>true</externalId><unique>true</unique>"
    ),
    f"{INVOICE}fields/Twice__c.field-meta.xml": field("Twice__c", "Currency", "<formula>Amount__c * 2</formula>"),
    f"{INVOICE}validationRules/Due_Later.validationRule-meta.xml": xml(
        "ValidationRule",
        "<fullName>Due_Later</fullName><active>true</active><errorConditionFormula>AND(NOT(ISBLANK(Due__c)), Due__c"
        " &lt; DATE(2020, 1, 1))</errorConditionFormula><errorDisplayField>Due__c</errorDisplayField><errorMessage>Too"
        " long ago.</errorMessage>",
    ),
    f"{INVOICE}validationRules/Parent.validationRule-meta.xml": xml(
        "ValidationRule",
        "<fullName>Parent</fullName><active>true</active><errorConditionFormula>Account__r.Name ="
        " &quot;x&quot;</errorConditionFormula><errorMessage>never</errorMessage>",
    ),
    f"{INVOICE}recordTypes/Sale.recordType-meta.xml": xml(
        "RecordType", "<fullName>Sale</fullName><active>true</active><label>Sale</label>"
    ),
    f"{INVOICE}recordTypes/Refund.recordType-meta.xml": xml(
        "RecordType", "<fullName>Refund</fullName><active>true</active><label>A refund</label>"
    ),
    "force-app/main/default/objects/Line__c/Line__c.object-meta.xml": xml(
        "CustomObject", "<label>Line</label><pluralLabel>Lines</pluralLabel>"
    ),
    "force-app/main/default/objects/Line__c/fields/Invoice__c.field-meta.xml": field(
        "Invoice__c", "MasterDetail", "<referenceTo>Invoice__c</referenceTo><relationshipName>Lines</relationshipName>"
    ),
    "force-app/main/default/objects/Account/fields/Level__c.field-meta.xml": field("Level__c", "Number"),
    "force-app/main/default/objects/Order/fields/X__c.field-meta.xml": field("X__c", "Text"),
    "force-app/main/default/objects/Thing__mdt/Thing__mdt.object-meta.xml": xml("CustomObject", "<label>Thing</label>"),
    "force-app/main/default/classes/Some.cls-meta.xml": xml("ApexClass", ""),
}
CLERK = {
    "force-app/main/default/permissionsets/Clerk.permissionset-meta.xml": xml(
        "PermissionSet",
        "<label>Clerk</label><objectPermissions><object>Invoice__c</object><allowCreate>true</allowCreate><allowRead>true</allowRead>"
        "<allowEdit>true</allowEdit></objectPermissions><fieldPermissions><field>Invoice__c.Due__c</field><readable>true</readable>"
        "<editable>false</editable></fieldPermissions>",
    )
}


class Own:
    """A running org with its administrator signed in."""

    def __init__(self, org: EmbeddedOrg) -> None:
        self.org = org
        self.http = self.as_user(ADMIN)

    def as_user(self, username: str) -> httpx.Client:
        token = exchange(self.org.url, authorize(self.org.url, username))["access_token"]
        return loopback.Client(base_url=self.org.url, headers={"Authorization": f"Bearer {token}"})

    def make(self, sobject: str, **values: Any) -> httpx.Response:
        return self.http.post(f"{DATA}/sobjects/{sobject}", json=values)

    def rows(self, text: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"{DATA}/query", params={"q": text}).json()
        assert isinstance(answer, dict), answer
        return [{k: v for k, v in r.items() if k != "attributes"} for r in answer["records"]]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    with EmbeddedOrg(OrgSettings(accounts=3, schema=(write(tmp_path_factory.mktemp("dx"), PROJECT),))) as org:
        yield Own(org)


def test_a_dx_folder_becomes_objects(own: Own) -> None:
    told = own.http.get(f"{DATA}/sobjects/Invoice__c/describe").json()
    fields = {f["name"]: f for f in told["fields"]}
    assert (told["label"], told["custom"], told["keyPrefix"]) == ("Invoice", True, "a00")
    assert [fields[n]["type"] for n in ("Amount__c", "Due__c", "Place__c", "Key__c")] == [
        "currency",
        "date",
        "location",
        "string",
    ]
    assert fields["Key__c"]["length"] == 20
    assert [(v["value"], v["label"]) for v in fields["State__c"]["picklistValues"]] == [
        ("open", "Still open"),
        ("paid", "Paid in full"),
    ]
    assert "Twice__c" not in fields
    assert {r["developerName"] for r in told["recordTypeInfos"]} == {"Sale", "Refund", "Master"}
    line = own.http.get(f"{DATA}/sobjects/Line__c/describe").json()
    assert "OwnerId" not in {f["name"] for f in line["fields"]}
    assert {"Lines__r", "Tasks"} <= {c["relationshipName"] for c in told["childRelationships"]}
    assert "Level__c" in {f["name"] for f in own.http.get(f"{DATA}/sobjects/Account/describe").json()["fields"]}


def test_today_is_the_day_of_the_user(own: Own) -> None:
    """At every hour one of these two zones has another day than UTC."""
    (me,) = own.rows(f"SELECT Id, TimeZoneSidKey FROM User WHERE Username = '{ADMIN}'")
    user = f"{DATA}/sobjects/User/{me['Id']}"
    try:
        for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
            assert own.http.patch(user, json={"TimeZoneSidKey": zone}).status_code == 204
            made = own.make("Invoice__c", Amount__c=1).json()["id"]
            assert own.rows(f"SELECT Id FROM Invoice__c WHERE Id = '{made}' AND Sent__c = N_DAYS_AGO:10"), zone
    finally:
        own.http.patch(user, json={"TimeZoneSidKey": me["TimeZoneSidKey"]})


def test_records_of_ones_own_objects(own: Own) -> None:
    account = own.rows("SELECT Id, Name FROM Account LIMIT 1")[0]
    place = {"Place__Latitude__s": 52.5, "Place__Longitude__s": 13.4}
    made = own.make("Invoice__c", Account__c=account["Id"], Amount__c=12.5, Key__c="k1", **place).json()["id"]
    assert made.startswith("a00")
    names = "Name, Account__r.Name, State__c, toLabel(State__c) l, Place__c, RecordType.DeveloperName"
    (row,) = own.rows(f"SELECT {names} FROM Invoice__c WHERE Id = '{made}'")
    assert re.fullmatch(r"INV-\d{4}", row["Name"])
    assert (row["Account__r"]["Name"], row["State__c"], row["l"]) == (account["Name"], "open", "Still open")
    assert row["Place__c"] == {"latitude": 52.5, "longitude": 13.4}
    assert row["RecordType"]["DeveloperName"] == "Refund"  # the first of them
    assert own.http.get(f"{DATA}/sobjects/Invoice__c/Key__c/k1").json()["Place__c"] == {
        "latitude": 52.5,
        "longitude": 13.4,
    }
    (sent,) = own.rows(f"SELECT Sent__c FROM Invoice__c WHERE Id = '{made}' AND Sent__c = N_DAYS_AGO:10")
    given = own.make("Invoice__c", Amount__c=1, Sent__c="2026-01-01").json()["id"]
    assert own.rows(f"SELECT Sent__c FROM Invoice__c WHERE Id = '{given}'") == [{"Sent__c": "2026-01-01"}] != [sent]
    children = own.rows(f"SELECT Id, (SELECT Amount__c FROM Invoices__r) FROM Account WHERE Id = '{account['Id']}'")[0][
        "Invoices__r"
    ]
    assert children["records"][0]["Amount__c"] == 12.5
    near = "DISTANCE(Place__c, GEOLOCATION(52.52, 13.405), 'km') < 10"
    assert len(own.rows(f"SELECT Id FROM Invoice__c WHERE {near} AND Key__c = 'k1'")) == 1
    assert len(own.rows("SELECT Id FROM Invoice__c WHERE toLabel(State__c) = 'still OPEN' AND Key__c = 'k1'")) == 1
    line = own.make("Line__c", Name="L", Invoice__c=made).json()["id"]
    task = own.make("Task", Subject="Ask", WhatId=made).json()["id"]
    assert own.rows(f"SELECT What.Type FROM Task WHERE Id = '{task}'")[0]["What"]["Type"] == "Invoice__c"
    assert own.http.delete(f"{DATA}/sobjects/Invoice__c/{made}").status_code == 204
    assert own.rows(f"SELECT Id FROM Line__c WHERE Id = '{line}'") == []


@pytest.mark.parametrize(("values", "code", "fields"), [
    ({}, "REQUIRED_FIELD_MISSING", ["Amount__c"]),
    ({"Amount__c": 1, "Due__c": "2019-12-31"}, "FIELD_CUSTOM_VALIDATION_EXCEPTION", ["Due__c"]),
    ({"Amount__c": 1, "State__c": "lost"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["State__c"]),
    ({"Amount__c": 1, "Name": "X"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
    ({"Amount__c": 1, "Account__c": "003000000000000AAA"}, "MALFORMED_ID", ["Account__c"]),
])  # fmt: skip
def test_what_the_rules_refuse(own: Own, values: dict[str, Any], code: str, fields: list[str]) -> None:
    refused = own.make("Invoice__c", **values)
    assert refused.status_code == 400
    assert (refused.json()[0]["errorCode"], refused.json()[0]["fields"]) == (code, fields)


def test_unique_fields_are_unique(own: Own) -> None:
    assert own.make("Invoice__c", Amount__c=1, Key__c="same").status_code == 201
    assert own.make("Invoice__c", Amount__c=1, Key__c="SAME").json()[0]["errorCode"] == "DUPLICATE_VALUE"


def test_a_rule_holds_for_changes_too(own: Own) -> None:
    made = own.make("Invoice__c", Amount__c=1, Due__c="2026-01-01").json()["id"]
    refused = own.http.patch(f"{DATA}/sobjects/Invoice__c/{made}", json={"Due__c": "2001-01-01"})
    assert refused.json()[0]["message"] == "Too long ago."
    assert own.rows(f"SELECT Due__c FROM Invoice__c WHERE Id = '{made}'") == [{"Due__c": "2026-01-01"}]


def test_what_is_not_imitated_is_named(own: Own) -> None:
    assert own.org.org is not None
    assert own.org.org.metadata.left_out == [
        "Order: this org does not have the object",
        "Thing__mdt: there are no custom metadata types in this org",
        "Invoice__c.Twice__c: formula fields are not computed",
        "Invoice__c.Who__c, its default: $User.Alias is not a field of Invoice__c itself",
        "Invoice__c, rule Parent: Account__r.Name is not a field of Invoice__c itself",
    ]


def test_permission_sets_open_what_is_custom(tmp_path: Path) -> None:
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(write(tmp_path, PROJECT | CLERK),))) as org:
        own = Own(org)
        sales = own.as_user(SALES)
        url = f"{DATA}/sobjects/Invoice__c"
        assert sales.get(f"{url}/describe").status_code == 404
        ids = {kind: own.rows(text)[0]["Id"] for kind, text in (
            ("user", f"SELECT Id FROM User WHERE Username = '{SALES}'"), ("set",
                "SELECT Id FROM PermissionSet WHERE Name = 'Clerk'"),
        )}  # fmt: skip
        assignment = {"AssigneeId": ids["user"], "PermissionSetId": ids["set"]}
        assert sales.post(f"{DATA}/sobjects/PermissionSetAssignment", json=assignment).status_code == 403
        described = sales.get(f"{DATA}/sobjects/Account/describe").headers["last-modified"]
        control(org.url, "clock", {"advanceSeconds": 2})
        assigned = own.make("PermissionSetAssignment", **assignment)
        assert (
            sales.get(f"{DATA}/sobjects/Account/describe", headers={"If-Modified-Since": described}).status_code == 200
        )
        assert assigned.status_code == 201
        told = sales.get(f"{url}/describe").json()
        fields = {f["name"]: f["updateable"] for f in told["fields"] if f["custom"]}
        assert fields == {"Amount__c": True, "Due__c": False}  # required fields need no permission
        assert (told["createable"], told["deletable"]) == (True, False)
        made = sales.post(url, json={"Amount__c": 5}).json()["id"]
        assert sales.delete(f"{url}/{made}").status_code == 403
        assert own.http.delete(f"{DATA}/sobjects/PermissionSetAssignment/{assigned.json()['id']}").status_code == 204
        assert sales.get(f"{url}/{made}").status_code == 404


def test_profiles_say_what_their_people_may_do(tmp_path: Path) -> None:
    reads = "<objectPermissions><object>Invoice__c</object><allowRead>true</allowRead></objectPermissions>"
    rights = "<readable>false</readable><editable>false</editable>"
    hides = f"<fieldPermissions><field>Account.Phone</field>{rights}</fieldPermissions>"
    profiles = {
        "profiles/Standard.profile-meta.xml": xml("Profile", reads + hides),
        "profiles/Back Office.profile-meta.xml": xml(
            "Profile", reads.replace("</allowRead>", "</allowRead><allowCreate>true</allowCreate>")
        ),
    }
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(write(tmp_path, PROJECT | profiles),))) as org:
        sales = Own(org).as_user(SALES)
        url = f"{DATA}/sobjects/Invoice__c"
        assert sales.get(f"{url}/describe").json()["createable"] is False
        assert "Phone" not in {f["name"] for f in sales.get(f"{DATA}/sobjects/Account/describe").json()["fields"]}
        assert sales.post(url, json={"Amount__c": 1}).status_code == 403
        control(org.url, "profile", {"username": SALES, "profile": "Back Office"})
        assert sales.post(url, json={"Amount__c": 1}).status_code == 201
        assert "Phone" in {f["name"] for f in sales.get(f"{DATA}/sobjects/Account/describe").json()["fields"]}


def test_picklists_of_a_global_value_set(tmp_path: Path) -> None:
    chosen = "<valueSet><restricted>true</restricted><valueSetName>%s</valueSetName></valueSet>"
    files = {
        f"{INVOICE}fields/Colour__c.field-meta.xml": field("Colour__c", "MultiselectPicklist", chosen % "Colours"),
        f"{INVOICE}fields/Shade__c.field-meta.xml": field("Shade__c", "Picklist", chosen % "Shades"),
        "globalValueSets/Colours.globalValueSet-meta.xml": xml(
            "GlobalValueSet",
            "<customValue><fullName>r</fullName><label>Red</label></customValue><customValue><fullName>b</fullName></customValue>",
        ),
    }
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(write(tmp_path, PROJECT | files),))) as org:
        own = Own(org)
        made = own.make("Invoice__c", Amount__c=1, Colour__c="r;b", Shade__c="any").json()["id"]
        assert own.rows(f"SELECT toLabel(Colour__c) FROM Invoice__c WHERE Id = '{made}'") == [{"Colour__c": "Red;b"}]
        assert (
            own.make("Invoice__c", Amount__c=1, Colour__c="r;x").json()[0]["errorCode"]
            == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        )
        assert org.org is not None
        assert (
            "Invoice__c.Shade__c, its values: the value set Shades is not in the folder; any text is taken"
            in org.org.metadata.left_out
        )


def test_the_same_in_one_json_file(tmp_path: Path) -> None:
    told = {
        "Visit__c": {
            "label": "Visit",
            "pluralLabel": "Visits",
            "fields": {
                "When__c": {"type": "DateTime", "required": True},
                "Mood__c": {"type": "Picklist", "values": ["good", "bad"], "restricted": True},
                "Account__c": {"type": "Lookup", "referenceTo": "Account", "relationshipName": "Visits"},
            },
            "validationRules": {
                "Bad": {
                    "errorConditionFormula": 'ISPICKVAL(Mood__c, "bad") && ISBLANK(Account__c)',
                    "errorMessage": "Whose?",
                }
            },
        }
    }
    (tmp_path / "schema.json").write_text(json.dumps(told))
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(tmp_path / "schema.json",))) as org:
        own = Own(org)
        assert own.make("Visit__c", Name="V", When__c="2026-01-01T10:00:00Z", Mood__c="good").status_code == 201
        assert (
            own.make("Visit__c", Name="V", When__c="2026-01-01T10:00:00Z", Mood__c="bad").json()[0]["message"]
            == "Whose?"
        )
        assert own.http.get(f"{DATA}/ui-api/list-ui/Visit__c/AllVisits").json()["records"]["count"] == 1


def test_a_folder_may_grow_and_its_records_stay(tmp_path: Path) -> None:
    project, state = write(tmp_path / "dx", PROJECT), tmp_path / "state"
    with EmbeddedOrg(OrgSettings(data=state, accounts=1, schema=(project,))) as org:
        own = Own(org)
        made = own.make("Invoice__c", Amount__c=1).json()["id"]
        described = own.http.get(f"{DATA}/sobjects/Invoice__c/describe").headers["last-modified"]
        assert (
            own.http.get(f"{DATA}/sobjects/Invoice__c/describe", headers={"If-Modified-Since": described}).status_code
            == 304
        )
        org.save("early")
    while time.time() < parsedate_to_datetime(described).timestamp() + 1:  # HTTP dates have whole seconds
        time.sleep(0.05)
    write(
        project,
        {
            f"{INVOICE}fields/Note__c.field-meta.xml": field("Note__c", "Text"),
            f"{INVOICE}fields/Done__c.field-meta.xml": field("Done__c", "Checkbox"),
        },
    )
    other = "force-app/main/default/objects/Aaa__c/Aaa__c.object-meta.xml"
    write(project, {other: xml("CustomObject", "<label>A</label>")})  # before Invoice__c in the alphabet: prefixes stay
    with EmbeddedOrg(OrgSettings(data=state, accounts=1, schema=(project,))) as org:
        own = Own(org)
        fresh = own.http.get(f"{DATA}/sobjects/Invoice__c/describe", headers={"If-Modified-Since": described})
        assert "Note__c" in {f["name"] for f in fresh.json()["fields"]}
        assert own.rows(f"SELECT Note__c, Done__c FROM Invoice__c WHERE Id = '{made}'") == [
            {"Note__c": None, "Done__c": False}
        ]
        assert own.make("Aaa__c", Name="a").json()["id"].startswith("a02")
        org.restore("early")
        assert Own(org).rows("SELECT Note__c FROM Invoice__c") == [{"Note__c": None}]
    with EmbeddedOrg(OrgSettings(data=state, accounts=1)) as org:
        assert Own(org).http.get(f"{DATA}/sobjects/Invoice__c/{made}").status_code == 404


@pytest.mark.parametrize(("files", "said"), [
    ({f"{INVOICE}fields/A__c.field-meta.xml": "<a>\n<b>\n<type>Text</typ></b></a>"},
     r"A__c\.field-meta\.xml:3: is not XML: mismatched tag"),
    ({f"{INVOICE}fields/Amount__c.field-meta.xml": ""}, r"Amount__c\.field-meta\.xml:1: is not XML: no element found"),
    ({f"{INVOICE}fields/Amount__c.field-meta.xml": "<!DOCTYPE x [<!ENTITY a 'b'>]><CustomField/>"},
     r":1: metadata files have no document type"),
    ({f"{INVOICE}fields/A__c.field-meta.xml": field("A__c", "Wobble")},
     r"A__c\.field-meta\.xml:3: Wobble is not a type"),
    ({f"{INVOICE}fields/A__c.field-meta.xml": xml("CustomField", "<fullName>A__c</fullName>")},
     r"A__c\.field-meta\.xml:2: CustomField needs type"),
    ({f"{INVOICE}fields/A__c.field-meta.xml": field('A"; DROP TABLE Account --__c', "Text")},
     r"is not the name of a custom field"),
    ({f"{INVOICE}fields/A__c.field-meta.xml": field("Amount__c", "Text")}, r"Invoice__c\.Amount__c is there twice"),
    ({f"{INVOICE}fields/A__c.field-meta.xml": field("A__c", "Text", "<length>many</length>")},
     r"length is a whole number, not 'many'"),
    ({f"{INVOICE}fields/A__c.field-meta.xml": field("A__c", "Text", "<length>256</length>")},
     r"length is a number from 1 to 255"),
    ({f"{INVOICE}fields/A__c.field-meta.xml": field("A__c", "Lookup")}, r"CustomField needs referenceTo"),
])  # fmt: skip
def test_a_damaged_folder_is_named_by_file_and_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(MetadataError, match=said):
        EmbeddedOrg(OrgSettings(accounts=1, schema=(write(tmp_path, PROJECT | files),))).__enter__()


def test_the_command_says_what_is_wrong_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for paths, said in (
        (["--schema", str(tmp_path / "no")], "there is no such file or folder"),
        (["--schema", str(write(tmp_path / "empty", {"x.txt": ""}))], "holds no objects"),
        (
            ["--load", str(write(tmp_path / "data", {"Account.csv": "Name\nA\n,B\n"}))],
            "Account.csv:3: has more or fewer cells",
        ),
    ):
        assert main(["serve", "--port", "0", "--accounts", "1", "--data", str(tmp_path / "state"), *paths]) == 1
        told = capsys.readouterr().err
        assert told.startswith("localorg: /")
        assert said in told
    db = sqlite3.connect(tmp_path / "state/org.sqlite3")
    assert db.execute("SELECT COUNT(*) FROM meta WHERE key = 'seeded'").fetchone() == (0,)


TREE = {
    "records": [
        {
            "attributes": {"type": "Account", "referenceId": "AccountRef1"},
            "Name": "Tree",
            "Contacts": {
                "records": [{"attributes": {"type": "Contact", "referenceId": "ContactRef1"}, "LastName": "Leaf"}]
            },
        }
    ]
}


def test_records_come_from_trees_plans_and_csv(tmp_path: Path) -> None:
    plan = [
        {"sobject": "Account", "saveRefs": True, "files": ["Accounts.json"]},
        {"sobject": "Invoice__c", "resolveRefs": True, "files": ["Invoices.json"]},
    ]
    invoices = {
        "records": [
            {"attributes": {"type": "Invoice__c", "referenceId": "I1"}, "Account__c": "@AccountRef1", "Amount__c": 3}
        ]
    }
    trees = {
        "Accounts.json": json.dumps(TREE),
        "Invoices.json": json.dumps(invoices),
        "sample-data-plan.json": json.dumps(plan),
    }
    people = (
        "Username,LastName,Email,Profile.Name,IsActive\r\nclerk@example.com,Clerk,clerk@example.com,Standard"
        " User,true\r\n"
    )
    tables = {
        "User.csv": "\ufeff" + people,
        "Contact.csv": 'LastName,Account.Name,DoNotCall\n"O\'Hara, ""S""",Tree,true\n',
    }
    load = (write(tmp_path / "plan", trees), *(write(tmp_path / "csv", tables) / name for name in tables))
    with EmbeddedOrg(OrgSettings(accounts=0, schema=(write(tmp_path / "dx", PROJECT),), load=load)) as org:
        own = Own(org)
        assert own.rows("SELECT Account__r.Name FROM Invoice__c")[0]["Account__r"]["Name"] == "Tree"
        found = own.rows("SELECT LastName, Account.Name, DoNotCall FROM Contact ORDER BY LastName")
        assert [(r["LastName"], r["Account"]["Name"], r["DoNotCall"]) for r in found] == [
            ("Leaf", "Tree", False),
            ('O\'Hara, "S"', "Tree", True),
        ]
        clerk = own.as_user("clerk@example.com")
        assert clerk.get(f"{DATA}/query", params={"q": "SELECT COUNT() FROM Account"}).json()["totalSize"] == 1


@pytest.mark.parametrize(("name", "text", "said"), [
    ("Nope.csv", "Name\nA\n", "Nope is no object of this org"),
    ("Account.csv", "Name,Nope\nA,B\n", "Account.csv:2: INVALID_FIELD"),
    ("Account.csv", 'Name\n"A\n', "is not CSV"),
    ("Account.csv", "Name,Owner.Username\nA,nobody\n", "there is not exactly one User with Username 'nobody'"),
    ("Account.json", "{", "is not JSON"),
    ("Account.json", '{"a": 1}', "is not a tree"),
    ("Account.json", json.dumps({"records": [{"Name": "A"}]}), "a record without a type is no object of this org"),
    ("Account.json", json.dumps({"records": [{"attributes": {"type": "Account", "referenceId": "R"},
                                              "ParentId": "@Q"}]}),
     "record R: @Q refers to a record that is not there yet"),
    ("plan.json", json.dumps([{"files": ["none.json"]}]), "there is no"),
])  # fmt: skip
def test_bad_records_are_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        EmbeddedOrg(OrgSettings(accounts=1, load=(write(tmp_path, {name: text}) / name,))).__enter__()


# Formulas


def holds(formula: str, row: dict[str, Any], before: dict[str, Any] | None = None) -> bool:

    compute = compile_formula(formula, STANDARD["Opportunity"])
    return compute(Change(row, before, datetime(2026, 11, 26, 12, tzinfo=UTC)))


@pytest.mark.parametrize(("formula", "expected"), [
    ("Amount > 100", True), ("Amount > 100 && NextStep = \"go\"", True), ("AND(Amount > 100, NOT(ISBLANK(NextStep)))",
        True),
    ("OR(Amount < 0, LEN(NextStep) = 2)", True), ("NOT(Amount = 500)", False), ("Amount <> 500 || Amount == 500.0",
        True),
    ("ISPICKVAL(StageName, 'Closed Won')", True), ("TEXT(StageName) = 'Closed Lost'", False), ("ISBLANK(Description)",
        True),
    ("TotalOpportunityQuantity > 0", False), ("TotalOpportunityQuantity < 1", False),
    ("ISBLANK(TotalOpportunityQuantity)", True),
    ("REGEX(NextStep, '[a-z]{2}')", True), ("REGEX(NextStep, '[a-z]')", False), ("CloseDate > TODAY()", True),
    ("CloseDate - TODAY() = 5", True),
    ("CloseDate <= TODAY() + 5", True), ("YEAR(CloseDate) = 2026 && MONTH(CloseDate) = 12", True), ("Probability = 1",
        True),
    ("IF(Amount > 1000, NextStep = 'x', Amount / 5 + 1 = 101)", True),
    ("BEGINS(UPPER(NextStep), 'G') && CONTAINS(NextStep, 'o')", True),
    ("CASE(StageName, 'Closed Won', 1, 'Closed Lost', 2, 0) = 1", True), ("2 + 3 * 4 ^ 2 = 50", True), ("-Amount < 0",
        True),
    ("!IsPrivate", True), ("IsPrivate", False), ("ISNEW()", False), ("ISCHANGED(Amount) && PRIORVALUE(Amount) = 400",
                                                                     True),
    ("'a' & NextStep & \"b\" = 'agob'", True), ("/* why */ ROUND(Amount / 3, 2) = 166.67", True), ("MOD(Amount, 7) = 3",
        True),
    ("VALUE(LEFT('12x', 2)) = 12", True), ("NextStep = 'GO'", False), ("AND(TRUE, FALSE)", False), ("Amount / 0 > 1",
        False),
    ("ISNUMBER('1.5')", True),
    ("BLANKVALUE(Description, 'none') = 'none'", True), ("MID(NextStep, 2, 1) = 'o'", True),
    ("RIGHT(NextStep, 1) = 'o'", True),
])  # fmt: skip
def test_formulas(formula: str, expected: bool) -> None:
    before = {"Amount": 400.0}
    row = {
        "Amount": 500.0,
        "NextStep": "go",
        "StageName": "Closed Won",
        "CloseDate": "2026-12-01",
        "Probability": 100.0,
        "IsPrivate": 0,
    }
    assert holds(formula, row, before) is expected


@pytest.mark.parametrize(("formula", "said"), [
    ("VLOOKUP(Name, Name, Name)", "the function VLOOKUP is not computed here"), ("Account.Name = 'x'",
        "Account.Name is not a field"),
    ("StageName = 'x'", "StageName is a picklist"), ("Amount >", "the end was not expected"), ("AND(TRUE",
        ") is missing before the end"),
    ("LEN()", "LEN takes 1 to 1 values"), ("Amount # 2", "was not expected"), ("$User.Id = 'x'",
        "$User.Id is not a field"),
    ("ISPICKVAL('x', 'y')", "ISPICKVAL takes a field"), ("Amount Amount", "Amount was not expected"),
    ("CASE(Amount, 1, 2)", "CASE takes"),
])  # fmt: skip
def test_what_is_not_computed_is_refused(formula: str, said: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(said)):
        compile_formula(formula, STANDARD["Opportunity"])


@given(st.text(alphabet="ANDORTUE(),<>=!&|+-*/^'\"0123456789. ISBLANKmount", max_size=40))
def test_a_formula_is_compiled_or_refused(text: str) -> None:
    try:
        compile_formula(text, STANDARD["Opportunity"])
    except FormulaError:
        return


def test_today_in_a_formula_is_the_day_of_the_user(tmp_path: Path) -> None:
    """The day in Berlin, which begins before that in UTC; SOQL's date literals go by it too."""
    with EmbeddedOrg(OrgSettings(accounts=1, schema=(write(tmp_path, PROJECT),))) as org:
        own = Own(org)
        assert org.org is not None
        late = (23.5 * 3600 - org.org.clock.now()) % 86_400  # half past eleven in the evening, in UTC
        control(org.url, "clock", {"advanceSeconds": int(late)})
        own.http = own.as_user(ADMIN)
        own.make("Invoice__c", Amount__c=1)
        assert len(own.rows("SELECT Id FROM Invoice__c WHERE Sent__c = N_DAYS_AGO:10")) == 1
