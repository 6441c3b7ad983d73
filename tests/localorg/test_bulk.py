"""Bulk API 2.0 over HTTP: jobs, their states, every delimiter and line end, rows that are refused, data that cannot be
read.
"""

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, control, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.data.jobs import DELIMITERS, LINE_ENDINGS
from tests.depth import examples

JOBS = "/services/data/v68.0/jobs"
READ_ONLY = "readonly@localorg.test"


def signed_in(org: EmbeddedOrg, username: str = ADMIN) -> httpx.Client:
    token = exchange(org.url, authorize(org.url, username))["access_token"]
    return loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=25)) as running:
        yield running


@pytest.fixture(scope="module")
def http(own: EmbeddedOrg) -> httpx.Client:
    return signed_in(own)


def ended(http: httpx.Client, kind: str, job_id: str) -> Any:
    """The job once it has ended."""
    deadline = time.monotonic() + 60
    while (job := http.get(f"{JOBS}/{kind}/{job_id}").json())["state"] not in ("JobComplete", "Failed", "Aborted"):
        assert time.monotonic() < deadline, job
    return job


def ingest(http: httpx.Client, operation: str, data: bytes | str, sobject: str = "Account", **more: str) -> Any:
    """Runs a job in its four steps."""
    made = http.post(f"{JOBS}/ingest", json={"object": sobject, "operation": operation, **more})
    assert made.status_code == 200, made.text
    job = made.json()
    assert (job["state"], job["jobType"], job["apiVersion"]) == ("Open", "V2Ingest", 68.0)
    uploaded = http.put(
        f"/{job['contentUrl']}",
        content=data if isinstance(data, bytes) else data.encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert uploaded.status_code == 201, uploaded.text
    closed = http.patch(f"{JOBS}/ingest/{job['id']}", json={"state": "UploadComplete"})
    assert closed.json()["state"] == "UploadComplete", closed.text
    return ended(http, "ingest", job["id"])


def rows(http: httpx.Client, job: Any, which: str) -> list[dict[str, str]]:
    text = http.get(f"{JOBS}/ingest/{job['id']}/{which}").content.decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=DELIMITERS[job["columnDelimiter"]]))


def query(http: httpx.Client, text: str) -> Any:
    return http.get("/services/data/v68.0/query", params={"q": text}).json()["records"]


def test_rows_are_inserted_and_those_refused_say_why(http: httpx.Client) -> None:
    job = ingest(
        http, "insert", 'Name,Phone,NumberOfEmployees\nBulk One,1,5\n,2,\nBulk Two,3,many\n"Bulk, ""Three""","4\n5",\n'
    )
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 4, 2)
    good, bad = rows(http, job, "successfulResults"), rows(http, job, "failedResults")
    assert [(r["Name"], r["Phone"], r["sf__Created"]) for r in good] == [
        ("Bulk One", "1", "true"),
        ('Bulk, "Three"', "4\n5", "true"),
    ]
    assert bad[0]["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    assert bad[1]["sf__Error"].startswith("JSON_PARSER_ERROR:")
    assert rows(http, job, "unprocessedrecords") == []
    assert {r["Id"] for r in query(http, "SELECT Id FROM Account WHERE Name LIKE 'Bulk%'")} == {
        r["sf__Id"] for r in good
    }


def test_update_upsert_and_delete(http: httpx.Client) -> None:
    made = ingest(
        http,
        "upsert",
        "External_Id__c,Name,Phone\nbulk-1,First,1\nbulk-2,Second,2\n",
        externalIdFieldName="External_Id__c",
    )
    first, second = (r["sf__Id"] for r in rows(http, made, "successfulResults"))
    again = ingest(
        http,
        "upsert",
        "External_Id__c,Name,Phone\nbulk-2,Second again,\nbulk-3,Third,#N/A\n,Nobody,\n",
        externalIdFieldName="External_Id__c",
    )
    assert [(r["sf__Id"] == second, r["sf__Created"]) for r in rows(http, again, "successfulResults")] == [
        (True, "false"),
        (False, "true"),
    ]
    assert [r["sf__Error"].split(":")[0] for r in rows(http, again, "failedResults")] == ["MISSING_ARGUMENT"]
    ingest(http, "update", f"Id,Phone,Parent.External_Id__c\n{first},#N/A,bulk-2\n{second},,nope\nabc,1,\n,2,\n")
    (changed,) = query(http, f"SELECT Phone, ParentId FROM Account WHERE Id = '{first}'")
    assert (changed["Phone"], changed["ParentId"]) == (None, second)
    (kept,) = query(http, f"SELECT Name, Phone FROM Account WHERE Id = '{second}'")
    assert (kept["Name"], kept["Phone"]) == ("Second again", "2")
    gone = ingest(http, "delete", f"Id\n{first}\n{first}\n0015e00000zzzzzAAA\n")
    assert (gone["numberRecordsProcessed"], gone["numberRecordsFailed"]) == (3, 2)
    assert query(http, f"SELECT Id FROM Account WHERE Id = '{first}'") == []


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("ending", LINE_ENDINGS)
def test_every_delimiter_and_line_end(http: httpx.Client, delimiter: str, ending: str) -> None:
    mark, line = DELIMITERS[delimiter], LINE_ENDINGS[ending]
    name = f'Odd {delimiter} {ending} {mark} "x"'
    quoted = '"' + name.replace('"', '""') + '"'
    job = ingest(
        http, "insert", f"Name{mark}Phone{line}{quoted}{mark}1{line}", columnDelimiter=delimiter, lineEnding=ending
    )
    (good,) = rows(http, job, "successfulResults")
    assert (good["Name"], job["numberRecordsFailed"]) == (name, 0)
    asked = {
        "operation": "query",
        "query": f"SELECT Name, Phone FROM Account WHERE Id = '{good['sf__Id']}'",
        "columnDelimiter": delimiter,
        "lineEnding": ending,
    }
    done = ended(http, "query", http.post(f"{JOBS}/query", json=asked).json()["id"])
    assert (
        http.get(f"{JOBS}/query/{done['id']}/results").content.decode()
        == f'"Name"{mark}"Phone"{line}{quoted}{mark}"1"{line}'
    )


@pytest.mark.parametrize(("data", "said"), [
    (b"Name,Nope\nx,y\n", "InvalidBatch : Field name not found : Nope"),
    (b"Name,Owner.Name\nx,y\n", "InvalidBatch : Field name not found : Owner.Name"),
    (b"Name,Name\nx,y\n", "InvalidBatch : a field name stands twice in the header"),
    (b"Name,Phone\r\nx,y\r\n",
     "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"),
    ("Name\nZ\u00fcrich\n".encode("latin-1"), "ClientInputError : Character in 'UTF-8' format expected"),
    ("Name\nx\n".encode("utf-16"), "ClientInputError : Character in 'UTF-8' format expected"),
    (b'Name\n"half a file', "InvalidBatch : Failed to parse CSV: unexpected end of data"),
    (b"\n\n", "InvalidBatch : The 'Id' or field names are missing: the data is empty"),
])  # fmt: skip
def test_data_that_cannot_be_read_fails_the_job_and_saves_nothing(http: httpx.Client, data: bytes, said: str) -> None:
    before = query(http, "SELECT COUNT(Id) n FROM Account")[0]["n"]
    job = ingest(http, "insert", data)
    assert (job["state"], job["errorMessage"], job["numberRecordsProcessed"]) == ("Failed", said, 0)
    assert query(http, "SELECT COUNT(Id) n FROM Account")[0]["n"] == before
    for which in ("successfulResults", "failedResults", "unprocessedrecords"):
        assert http.get(f"{JOBS}/ingest/{job['id']}/{which}").status_code == 200


def test_a_row_with_too_few_cells_is_refused_alone(http: httpx.Client) -> None:
    job = ingest(http, "insert", "Name,Phone\nshort\nwhole,1\n")
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 1)


def test_job_and_data_in_one_request(http: httpx.Client) -> None:
    parts = {
        "job": ("", '{"object": "Contact", "operation": "insert"}', "application/json"),
        "content": ("c.csv", "LastName\nMultipart\n", "text/csv"),
    }
    made = http.post(f"{JOBS}/ingest", files=parts)
    assert made.json()["state"] == "UploadComplete", made.text
    assert ended(http, "ingest", made.json()["id"])["numberRecordsProcessed"] == 1
    assert len(query(http, "SELECT Id FROM Contact WHERE LastName = 'Multipart'")) == 1


@pytest.mark.parametrize(("body", "content_type"), [
    (b"no parts at all", "multipart/form-data; boundary=x"), (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
    (b"--x\r\n\r\n--x--", "multipart/form-data"),
    (b'--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n[]\r\n--x--\r\n', "multipart/form-data; boundary=x"),
])  # fmt: skip
def test_parts_that_cannot_be_read_are_refused(http: httpx.Client, body: bytes, content_type: str) -> None:
    answer = http.post(f"{JOBS}/ingest", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400, answer.text
    assert answer.json()[0]["errorCode"] in ("INVALIDJOB", "JSON_PARSER_ERROR")


def test_a_job_can_be_aborted_listed_and_deleted(http: httpx.Client) -> None:
    job = http.post(f"{JOBS}/ingest", json={"object": "Account", "operation": "insert"}).json()
    assert http.delete(f"{JOBS}/ingest/{job['id']}").status_code == 400
    url = f"/{job['contentUrl']}"
    assert http.put(url, content=b"Name\nNever\n", headers={"Content-Type": "text/csv"}).status_code == 201
    assert (
        http.put(url, content=b"Name\nNever\n", headers={"Content-Type": "text/csv"}).json()[0]["errorCode"]
        == "INVALIDJOB"
    )
    assert http.patch(f"{JOBS}/ingest/{job['id']}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert (
        http.put(url, content=b"Name\nx\n", headers={"Content-Type": "text/csv"}).json()[0]["errorCode"]
        == "INVALIDJOBSTATE"
    )
    assert (
        http.patch(f"{JOBS}/ingest/{job['id']}", json={"state": "UploadComplete"}).json()[0]["errorCode"]
        == "INVALIDJOBSTATE"
    )
    assert [r["Name"] for r in rows(http, job, "unprocessedrecords")] == ["Never"]
    assert job["id"] in {j["id"] for j in http.get(f"{JOBS}/ingest").json()["records"]}
    assert http.delete(f"{JOBS}/ingest/{job['id']}").status_code == 204
    assert http.get(f"{JOBS}/ingest/{job['id']}").json()[0]["errorCode"] == "NOT_FOUND"


@pytest.mark.parametrize(("body", "code"), [
    ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"), ({"object": "Account"}, "INVALIDJOB"),
    ({"object": "Account", "operation": "eat"}, "INVALIDJOB"), ({"object": "Account", "operation": "upsert"},
                                                                "INVALIDJOB"),
    ({"object": "Account", "operation": "upsert", "externalIdFieldName": "Phone"}, "INVALIDJOB"),
    ({"object": "Account", "operation": "insert", "columnDelimiter": "DOT"}, "INVALIDJOB"),
    ({"object": "Account", "operation": "insert", "lineEnding": 5}, "INVALIDJOB"),
    ({"object": "Account", "operation": "insert", "contentType": "XML"}, "INVALIDJOB"),
])  # fmt: skip
def test_a_job_that_makes_no_sense_is_refused(http: httpx.Client, body: dict[str, Any], code: str) -> None:
    answer = http.post(f"{JOBS}/ingest", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


@pytest.mark.parametrize(("text", "code"), [
    ("SELECT COUNT(Id) FROM Account", "API_ERROR"), ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR"),
    ("SELECT BillingAddress FROM Account", "FUNCTIONALITY_NOT_ENABLED"), ("SELECT Nope FROM Account", "INVALID_FIELD"),
    ("SELECT Id FROM Account OFFSET 3", "API_ERROR"), ("SELECT", "MALFORMED_QUERY"),
])  # fmt: skip
def test_a_query_that_bulk_cannot_do_is_refused(http: httpx.Client, text: str, code: str) -> None:
    answer = http.post(f"{JOBS}/query", json={"operation": "query", "query": text})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_query_comes_in_pages_that_follow_the_locator(http: httpx.Client) -> None:
    text = "SELECT Id, LastName, Account.Name, AccountId FROM Contact"
    job = ended(http, "query", http.post(f"{JOBS}/query", json={"operation": "query", "query": text}).json()["id"])
    assert (job["jobType"], job["object"], job["isPkChunkingSupported"]) == ("V2Query", "Contact", True)
    found: list[dict[str, str]] = []
    locator = ""
    while locator != "null":
        page = http.get(
            f"{JOBS}/query/{job['id']}/results",
            params={"maxRecords": "20", **({"locator": locator} if locator else {})},
        )
        read = list(csv.DictReader(io.StringIO(page.text)))
        assert int(page.headers["Sforce-NumberOfRecords"]) == len(read) <= 20
        found += read
        locator = page.headers["Sforce-Locator"]
    assert len(found) == job["numberRecordsProcessed"]
    assert {(r["Id"], r["LastName"], r["Account.Name"]) for r in found} == {
        (r["Id"], r["LastName"], (r["Account"] or {"Name": ""})["Name"]) for r in query(http, text)
    }
    assert (
        http.get(f"{JOBS}/query/{job['id']}/results", params={"locator": "!"}).json()[0]["errorCode"]
        == "INVALIDLOCATOR"
    )
    assert (
        http.patch(f"{JOBS}/query/{job['id']}", json={"state": "Aborted"}).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    )
    assert http.delete(f"{JOBS}/query/{job['id']}").status_code == 204


def test_a_profile_holds_in_bulk_too(own: EmbeddedOrg) -> None:
    http = signed_in(own, READ_ONLY)
    assert (
        http.post(f"{JOBS}/ingest", json={"object": "Lead", "operation": "insert"}).json()[0]["errorCode"]
        == "INVALIDENTITY"
    )
    job = ingest(http, "insert", "Name\nNot allowed\n")
    assert [r["sf__Error"].split(":")[0] for r in rows(http, job, "failedResults")] == ["INSUFFICIENT_ACCESS"]
    assert (
        http.post(f"{JOBS}/query", json={"operation": "query", "query": "SELECT Amount FROM Opportunity"}).json()[0][
            "errorCode"
        ]
        == "INVALID_FIELD"
    )


def test_a_job_ends_when_its_user_may_not_see_the_object_any_more(own: EmbeddedOrg) -> None:
    http = signed_in(own, SALES)
    job = http.post(f"{JOBS}/ingest", json={"object": "Lead", "operation": "insert"}).json()
    http.put(f"/{job['contentUrl']}", content=b"LastName,Company\nA,B\n", headers={"Content-Type": "text/csv"})
    control(own.url, "profile", {"username": SALES, "profile": "Read Only"})
    http.patch(f"{JOBS}/ingest/{job['id']}", json={"state": "UploadComplete"})
    done = ended(http, "ingest", job["id"])
    control(own.url, "reset")
    assert (done["state"], done["errorMessage"]) == (
        "Failed",
        "InvalidEntity : Entity 'Lead' is not supported by the Bulk API.",
    )


def test_nobody_reads_another_persons_job(http: httpx.Client, own: EmbeddedOrg) -> None:
    job = ended(
        http,
        "query",
        http.post(f"{JOBS}/query", json={"operation": "query", "query": "SELECT Amount FROM Opportunity"}).json()["id"],
    )
    other = signed_in(own, READ_ONLY)
    assert other.get(f"{JOBS}/query/{job['id']}/results").status_code == 404
    assert other.get(f"{JOBS}/query").json()["records"] == []
    assert other.delete(f"{JOBS}/query/{job['id']}").status_code == 404


def test_a_job_goes_on_after_the_org_was_killed(tmp_path: Path) -> None:
    """Every row once: what has a result is not done again."""
    with EmbeddedOrg(OrgSettings(accounts=0, data=tmp_path)) as org:
        http = signed_in(org)
        job = http.post(f"{JOBS}/ingest", json={"object": "Account", "operation": "insert"}).json()
        data = "Name\n" + "".join(f"Row {n:05}\n" for n in range(3000))
        http.put(f"/{job['contentUrl']}", content=data.encode(), headers={"Content-Type": "text/csv"})
        http.patch(f"{JOBS}/ingest/{job['id']}", json={"state": "UploadComplete"})
    with EmbeddedOrg(OrgSettings(accounts=0, data=tmp_path)) as org:
        http = signed_in(org)
        done = ended(http, "ingest", job["id"])
        assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == ("JobComplete", 3000, 0)
        assert query(http, "SELECT COUNT(Id) n, COUNT_DISTINCT(Name) d FROM Account")[0]["n"] == 3000
        assert len({r["sf__Id"] for r in rows(http, done, "successfulResults")}) == 3000


@given(data=st.binary(max_size=80) | st.text(max_size=80).map(lambda t: f"Name,Phone\n{t}".encode()))
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_data_is_a_500_and_every_row_is_told(http: httpx.Client, data: bytes) -> None:
    job = ingest(http, "insert", data) if data else {"state": "Failed"}
    if job["state"] == "JobComplete":
        told = len(rows(http, job, "successfulResults")) + len(rows(http, job, "failedResults"))
        assert told == job["numberRecordsProcessed"]


@pytest.mark.parametrize("operation", ["insert", "update", "delete"])
def test_a_job_without_any_data_completes(http: httpx.Client, operation: str) -> None:
    job = ingest(http, operation, b"")
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 0, 0)
    results = http.get(f"{JOBS}/ingest/{job['id']}/successfulResults")
    assert (results.status_code, results.text) == (200, "")
