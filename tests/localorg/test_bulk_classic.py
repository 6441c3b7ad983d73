"""Bulk API 1.0 over HTTP, in CSV, XML and JSON, as jsforce and simple-salesforce send it.

Source: Bulk API 2.0 and Bulk API Developer Guide, Bulk API: Reference.
"""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

JOB = "/services/async/68.0/job"
NAMESPACE = 'xmlns="http://www.force.com/2009/06/asyncapi/dataload"'
NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=25)) as running:
        yield running


def client(own: EmbeddedOrg, user: str, kind: str = "application/json") -> httpx.Client:
    token = exchange(own.url, authorize(own.url, user))["access_token"]
    return loopback.Client(base_url=own.url, headers={"X-SFDC-Session": token, "Content-Type": kind})


@pytest.fixture(scope="module")
def http(own: EmbeddedOrg) -> httpx.Client:
    return client(own, ADMIN)


@pytest.fixture(scope="module")
def in_xml(own: EmbeddedOrg) -> httpx.Client:
    return client(own, ADMIN, "application/xml")


def made(http: httpx.Client, operation: str, kind: str = "JSON", sobject: str = "Account", **more: Any) -> str:
    """The address of a new job."""
    answer = http.post(JOB, json={"operation": operation, "object": sobject, "contentType": kind, **more})
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "Open"
    return f"{JOB}/{answer.json()['id']}"


def ended(http: httpx.Client, batch: str) -> Any:
    deadline = time.monotonic() + 60
    while (said := http.get(batch).json())["state"] not in ("Completed", "Failed", "NotProcessed"):
        assert time.monotonic() < deadline, said
    return said


def added(http: httpx.Client, job: str, data: str) -> str:
    """The address of a batch that was added to a job."""
    answer = http.post(f"{job}/batch", content=data.encode())
    assert answer.status_code == 201, answer.text
    return f"{job}/batch/{answer.json()['id']}"


def loaded(http: httpx.Client, operation: str, data: str, kind: str = "JSON", **more: Any) -> httpx.Response:
    """The answer with the results of a job of one batch."""
    job = made(http, operation, kind, **more)
    batch = added(http, job, data)
    assert http.post(job, json={"state": "Closed"}).json()["state"] == "Closed"
    assert ended(http, batch)["state"] == "Completed"
    return http.get(f"{batch}/result")


def query(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {http.headers['X-SFDC-Session']}"}
    return http.get("/services/data/v68.0/query", params={"q": text}, headers=headers).json()["records"]


def test_records_in_json(http: httpx.Client) -> None:
    rows = [{"Name": "Json 1", "NumberOfEmployees": 5, "Phone": "1"}, {"Phone": "2"}]
    good, bad = loaded(http, "insert", json.dumps(rows)).json()
    assert (good["success"], good["created"], good["errors"]) == (True, True, [])
    assert (bad["success"], bad["created"], bad["id"]) == (False, False, None)
    assert (bad["errors"][0]["statusCode"], bad["errors"][0]["fields"]) == ("REQUIRED_FIELD_MISSING", ["Name"])
    (changed,) = loaded(http, "update", json.dumps([{"Id": good["id"], "Phone": None}])).json()
    assert (changed["success"], changed["created"]) == (True, False)
    assert query(http, f"SELECT NumberOfEmployees, Phone FROM Account WHERE Id = '{good['id']}'")[0] | {
        "attributes": None
    } == {"attributes": None, "NumberOfEmployees": 5, "Phone": None}
    (gone,) = loaded(http, "delete", json.dumps([{"Id": good["id"]}])).json()
    assert gone["success"] is True
    assert query(http, f"SELECT Id FROM Account WHERE Id = '{good['id']}'") == []


def test_records_in_csv(http: httpx.Client) -> None:
    answer = loaded(http, "insert", "NAME,Phone\r\nCsv 1,1\r\n,2\r\n", "CSV")
    assert answer.headers["content-type"].startswith("text/csv")
    good, bad = csv.DictReader(io.StringIO(answer.text))
    assert answer.text.splitlines()[0] == '"Id","Success","Created","Error"'
    assert (good["Success"], good["Created"], good["Error"]) == ("true", "true", "")
    assert (bad["Id"], bad["Success"]) == ("", "false")
    assert bad["Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"


def test_records_in_xml(http: httpx.Client, in_xml: httpx.Client) -> None:
    def property_of(answer: httpx.Response, name: str) -> str:
        return re.findall(f"<{name}>(.*?)</{name}>", answer.text)[0]

    asked = f"<jobInfo {NAMESPACE}><operation>upsert</operation><object>Account</object>"
    asked += "<externalIdFieldName>External_Id__c</externalIdFieldName><contentType>XML</contentType></jobInfo>"
    answer = in_xml.post(JOB, content=asked.encode())
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (201, "application/xml")
    assert (property_of(answer, "state"), property_of(answer, "apiVersion")) == ("Open", "68.0")
    job = f"{JOB}/{property_of(answer, 'id')}"
    rows = f"<sObjects {NAMESPACE} {NIL}><sObject><type>Account</type><External_Id__c>xml-1</External_Id__c>"
    rows += (
        "<Name>Ham &amp; Eggs</Name><Phone>1</Phone><Parent><sObject><External_Id__c>none</External_Id__c></sObject>"
    )
    rows += "</Parent></sObject><sObject><External_Id__c>xml-2</External_Id__c><Name>Two</Name>"
    rows += '<Phone xsi:nil="true"/></sObject></sObjects>'
    batch = f"{job}/batch/{property_of(in_xml.post(f'{job}/batch', content=rows.encode()), 'id')}"
    deadline = time.monotonic() + 60
    while property_of(in_xml.get(batch), "state") != "Completed":
        assert time.monotonic() < deadline
    results = in_xml.get(f"{batch}/result")
    assert re.findall("<success>(.*?)</success>", results.text) == ["false", "true"]
    assert property_of(results, "statusCode") == "INVALID_FIELD"
    assert in_xml.get(f"{batch}/request").text == rows
    assert in_xml.get(f"{job}/batch").text.count("<batchInfo>") == 1
    ended = in_xml.get(job)
    assert (property_of(ended, "numberBatchesCompleted"), property_of(ended, "numberRecordsFailed")) == ("1", "1")
    assert query(http, "SELECT Name FROM Account WHERE External_Id__c = 'xml-2'")[0]["Name"] == "Two"


@pytest.mark.parametrize("kind", ["JSON", "CSV", "XML"])
def test_a_query_in_each_form(http: httpx.Client, kind: str) -> None:
    text = "SELECT Id, Name, Owner.Name, CreatedDate, Industry FROM Account ORDER BY Name LIMIT 3"
    wanted = query(http, text)
    job = made(http, "query", kind)
    batch = added(http, job, text)
    assert ended(http, batch)["numberRecordsProcessed"] == 3
    listed = http.get(f"{batch}/result")
    name = listed.json()[0] if kind == "JSON" else re.findall("<result>(.*?)</result>", listed.text)[0]
    rows = http.get(f"{batch}/result/{name}")
    if kind == "JSON":
        first = rows.json()[0]
        assert (first["Name"], first["Owner"]["Name"]) == (wanted[0]["Name"], wanted[0]["Owner"]["Name"])
        assert isinstance(first["CreatedDate"], int), "JSON has milliseconds since 1970"
        assert first["attributes"]["type"] == "Account"
    elif kind == "CSV":
        first = next(csv.DictReader(io.StringIO(rows.text)))
        assert (first["Name"], first["Owner.Name"]) == (wanted[0]["Name"], wanted[0]["Owner"]["Name"])
    else:
        assert rows.text.count('<records xsi:type="sObject">') == 3
        assert f"<Id>{wanted[0]['Id']}</Id>" in rows.text
    assert http.get(f"{batch}/result/752000000000000").json()["exceptionCode"] == "InvalidBatch"


def test_a_query_without_records_says_so_in_csv(http: httpx.Client) -> None:
    job = made(http, "queryAll", "CSV")
    batch = added(http, job, "SELECT Id FROM Account WHERE Name = 'nobody'")
    ended(http, batch)
    name = re.findall("<result>(.*?)</result>", http.get(f"{batch}/result").text)[0]
    assert http.get(f"{batch}/result/{name}").text == "Records not found for this query"


def test_a_query_that_cannot_run_fails_its_batch(http: httpx.Client) -> None:
    job = made(http, "query", "CSV")
    for text in ("SELECT Nope FROM Account", "SELECT COUNT() FROM Account", "SELECT Id FROM Contact", "\0"):
        said = ended(http, added(http, job, text))
        assert (said["state"], said["stateMessage"][:12]) == ("Failed", "InvalidBatch"), text
    assert http.get(job).json()["numberBatchesFailed"] == 4


@pytest.mark.parametrize(("kind", "data"), [
    ("JSON", "{}"), ("JSON", "[1]"), ("JSON", "nope"), ("JSON", "[" * 5000), ("XML", "<a/>"), ("XML", "<a"),
    ("XML", '<!DOCTYPE a [<!ENTITY b "c">]><sObjects/>'), ("CSV", "Nope\n1\n"), ("CSV", 'Name\n"x'),
    ("XML", "<sObjects><sObject>" + "<a>" * 3000 + "</a>" * 3000 + "</sObject></sObjects>"),
    ("CSV", "Name\n" + "x\n" * 10001),
])  # fmt: skip
def test_a_batch_that_cannot_be_read_fails(http: httpx.Client, kind: str, data: str) -> None:
    said = ended(http, added(http, made(http, "insert", kind), data))
    assert (said["state"], said["stateMessage"][:12], said["numberRecordsProcessed"]) == ("Failed", "InvalidBatch", 0)


def test_an_empty_batch_is_the_clients_mistake(http: httpx.Client) -> None:
    for operation in ("update", "delete", "insert"):
        refused = http.post(f"{made(http, operation, 'CSV')}/batch", content=b"")
        assert (refused.status_code, refused.json()["exceptionCode"]) == (400, "ClientInputError")
    large = http.post(f"{made(http, 'insert', 'CSV')}/batch", content=b"x" * 10_000_001)
    assert large.json()["exceptionCode"] == "ClientInputError"


def test_a_job_that_has_ended_takes_nothing_more(http: httpx.Client) -> None:
    job = made(http, "insert")
    batch = added(http, job, "[]")
    ended(http, batch)
    assert http.post(job, json={"state": "Closed"}).status_code == 200
    for path, body in ((f"{job}/batch", [{}]), (job, {"state": "Closed"}), (job, {"state": "Open"})):
        assert http.post(path, json=body).json()["exceptionCode"] == "InvalidJobState"
    aborted = made(http, "insert")
    assert http.post(aborted, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert http.post(aborted, json={"state": "Aborted"}).json()["exceptionCode"] == "InvalidJobState"


@pytest.mark.parametrize(("body", "code"), [
    ({"operation": "nope", "object": "Account"}, "InvalidJob"), ({"operation": "insert"}, "InvalidJob"),
    ({"operation": "insert", "object": "Nope"}, "InvalidJob"),
    ({"operation": "insert", "object": "Account", "contentType": "ZIP_CSV"}, "InvalidJob"),
    ({"operation": "insert", "object": "Account", "concurrencyMode": "x"}, "InvalidJob"),
    ({"operation": "upsert", "object": "Account"}, "InvalidJob"), ([], "InvalidBatch"),
    ({"operation": ["insert"], "object": {}}, "InvalidJob"),
])  # fmt: skip
def test_a_job_that_is_not_made(http: httpx.Client, body: Any, code: str) -> None:
    refused = http.post(JOB, json=body)
    assert (refused.status_code, refused.json()["exceptionCode"]) == (400, code)


def test_refusals_have_this_apis_own_form(own: EmbeddedOrg, http: httpx.Client, in_xml: httpx.Client) -> None:
    unsigned = in_xml.post(JOB, content=b"<x/>", headers={"X-SFDC-Session": "wrong"})
    assert unsigned.status_code == 400
    assert "<exceptionCode>InvalidSessionId</exceptionCode>" in unsigned.text
    assert in_xml.post(JOB, content=b"<x").text.count("InvalidXML") == 1
    job = made(http, "insert")
    batch = added(http, job, "[]")
    for path, code in (
        (f"{JOB}/750000000000000", "InvalidJob"),
        (f"{job}/batch/751000000000000", "InvalidBatch"),
        ("/services/async/68.0/nope", "InvalidUrl"),
        ("/services/async/1.0/job/x", "InvalidVersion"),
        ("/services/async/x/job/x", "InvalidVersion"),
    ):
        assert http.get(path).json()["exceptionCode"] == code, path
    other = client(own, SALES)
    assert other.get(job).json()["exceptionCode"] == "InvalidJob", "a job is its maker's"
    assert other.get(batch).json()["exceptionCode"] == "InvalidJob"
