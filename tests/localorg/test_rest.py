"""The org's REST API over HTTP: records, describe, conditions, and that nothing malformed makes it stumble."""

import gzip
import json
from collections.abc import Iterator
from email.utils import formatdate
from urllib.parse import quote

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devtools import loopback
from devtools.clients import ADMIN, authorize, control, exchange
from localorg import EmbeddedOrg
from localorg.schema.ids import make_id, to_18
from tests.depth import examples

BASE = "/services/data/v68.0"


@pytest.fixture(scope="module")
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
    with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def test_versions_need_no_token_and_go_back_to_v29(org: EmbeddedOrg) -> None:
    versions = loopback.get(f"{org.url}/services/data").json()
    assert versions[0]["version"] == "29.0"
    assert versions[-1] == {"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}
    assert versions[-2]["label"] == "Summer '26"


def test_create_read_update_delete(http: httpx.Client) -> None:
    made = http.post(f"{BASE}/sobjects/Account", json={"Name": "Acme", "AnnualRevenue": 20})
    assert made.status_code == 201
    record_id = made.json()["id"]
    assert made.json() == {"id": record_id, "success": True, "errors": []}
    record = http.get(f"{BASE}/sobjects/Account/{record_id[:15]}").json()
    assert record["Id"] == record_id
    assert record["AnnualRevenue"] == 20.0
    assert record["CreatedDate"].endswith("+0000")
    assert next(iter(record)) == "attributes"
    assert http.patch(f"{BASE}/sobjects/Account/{record_id}", json={"Phone": "1"}).status_code == 204
    assert http.get(f"{BASE}/sobjects/Account/{record_id}?fields=Phone").json()["Phone"] == "1"
    assert http.delete(f"{BASE}/sobjects/Account/{record_id}").status_code == 204
    gone = http.delete(f"{BASE}/sobjects/Account/{record_id}")
    assert (gone.status_code, gone.json()) == (
        404,
        [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}],
    )


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ({"Name": "x", "Nope": 1}, "INVALID_FIELD", None),
        ({"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        ({"Name": "x", "CreatedDate": "2026-01-01"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedDate"]),
        ({"Name": "x", "AnnualRevenue": "much"}, "JSON_PARSER_ERROR", None),
        ({"Name": "x", "AnnualRevenue": 1e30}, "NUMBER_OUTSIDE_VALID_RANGE", ["AnnualRevenue"]),
        ({"Name": "x", "ParentId": "003000000000001AAA"}, "MALFORMED_ID", ["ParentId"]),
        ({"Name": "x", "ParentId": "001000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", ["ParentId"]),
        ({"Name": {"a": 1}}, "JSON_PARSER_ERROR", None),
        ({"Id": "001000000000001AAA", "Name": "x"}, "INVALID_FIELD", ["Id"]),
    ],
)
def test_refused_records(http: httpx.Client, body: object, code: str, fields: list[str] | None) -> None:
    answer = http.post(f"{BASE}/sobjects/Account", json=body)
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == code
    assert answer.json()[0].get("fields") == fields


def test_conditions(http: httpx.Client) -> None:
    record_id = http.post(f"{BASE}/sobjects/Account", json={"Name": "Conditional"}).json()["id"]
    url = f"{BASE}/sobjects/Account/{record_id}"
    old, new = formatdate(0, usegmt=True), formatdate(4e9, usegmt=True)
    assert http.patch(url, json={"Phone": "1"}, headers={"If-Unmodified-Since": old}).status_code == 412
    assert http.patch(url, json={"Phone": "2"}, headers={"If-Unmodified-Since": new}).status_code == 204
    assert http.patch(url, json={"Phone": "3"}, headers={"If-Unmodified-Since": "yesterday"}).status_code == 400
    assert http.get(url, headers={"If-Modified-Since": new}).status_code == 304
    assert http.get(url, headers={"If-Modified-Since": old}).json()["Phone"] == "2"


def test_describe_tells_what_forms_need(http: httpx.Client) -> None:
    fields = {f["name"]: f for f in http.get(f"{BASE}/sobjects/opportunity/describe").json()["fields"]}
    assert fields["StageName"]["picklistValues"][0]["value"] == "Prospecting"
    assert not fields["StageName"]["nillable"]
    assert not fields["IsClosed"]["updateable"]
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert fields["AccountId"]["relationshipName"] == "Account"


def test_a_wrong_method_names_the_right_ones(http: httpx.Client) -> None:
    refused = http.put(f"{BASE}/sobjects/Account/0015e0000000001AAA").json()[0]
    assert refused["message"] == "HTTP Method 'PUT' not allowed. Allowed are DELETE,GET,HEAD,PATCH"


def test_a_body_that_is_not_json_by_its_own_word(http: httpx.Client) -> None:
    refused = http.post(f"{BASE}/sobjects/Account", content=b"<x/>", headers={"Content-Type": "application/xml"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_deleted_records_are_in_query_all_only_over_all_its_pages(http: httpx.Client) -> None:
    made = [{"attributes": {"type": "Lead"}, "LastName": f"Gone {n:03d}", "Company": "Gone"} for n in range(200)]
    for _ in range(2):
        ids = [r["id"] for r in http.post(f"{BASE}/composite/sobjects", json={"records": made}).json()]
        assert all(
            r["success"]
            for r in http.request("DELETE", f"{BASE}/composite/sobjects", params={"ids": ",".join(ids)}).json()
        )
    text = "SELECT Id, IsDeleted FROM Lead WHERE Company = 'Gone'"
    assert http.get(f"{BASE}/query", params={"q": text}).json()["totalSize"] == 0
    page = http.get(f"{BASE}/queryAll", params={"q": text}, headers={"Sforce-Query-Options": "batchSize=200"}).json()
    rows = page["records"]
    while "nextRecordsUrl" in page:
        page = http.get(page["nextRecordsUrl"]).json()
        rows += page["records"]
    assert len(rows) == 400
    assert all(r["IsDeleted"] for r in rows)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/services/data/v68.0/sobjects/Nope", 404, "NOT_FOUND"),
        ("GET", "/services/data/v99.0/sobjects", 404, "NOT_FOUND"),
        ("GET", "/services/data/v68/sobjects", 404, "NOT_FOUND"),
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("PUT", "/services/data/v68.0/sobjects/Account/0015e0000000001AAA", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/services/data/v68.0/sobjects/Profile", 400, "JSON_PARSER_ERROR"),
        ("GET", "/services/data/v68.0/sobjects/Account/0035e0000000001AAA", 404, "NOT_FOUND"),
        ("PATCH", "/services/data/v68.0/sobjects/Account/0015e0000000001AAA", 400, "JSON_PARSER_ERROR"),
    ],
)
def test_refused_requests(http: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    answer = http.request(method, path)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


_names = st.sampled_from(["Name", "Id", "Phone", "ParentId", "x"])
_json = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda i: st.lists(i, max_size=2) | st.dictionaries(_names, i, max_size=3),
)
_paths = (
    "sobjects/Account",
    "sobjects/Account/0015e0000000001AAA",
    "sobjects/Contact/%00",
    "query",
    "query/01gAA-1",
    "sobjects/Case/describe",
)


@given(
    body=st.binary(max_size=40) | _json.map(lambda value: json.dumps(value).encode()),
    path=st.sampled_from(_paths),
    method=st.sampled_from(["GET", "POST", "PATCH"]),
    header=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12),
)
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_malformed_is_a_500(http: httpx.Client, body: bytes, path: str, method: str, header: str) -> None:
    headers = {
        "If-Unmodified-Since": header,
        "If-Modified-Since": header,
        "Sforce-Query-Options": header,
        "Content-Type": "application/json",
    }
    answer = http.request(method, f"{BASE}/{path}", content=body, headers=headers)
    assert answer.status_code < 500, (method, path, body, answer.text)


@given(
    identifier=st.text(min_size=1, max_size=24) | st.from_regex(r"(001|003|00Q|abc)[A-Za-z0-9]{12,15}", fullmatch=True),
    method=st.sampled_from(["GET", "PATCH", "DELETE", "HEAD", "PUT"]),
    suffix=st.sampled_from(["", "/describe", "/Account", "/Contacts", "?fields=Id", "?fields=Nope"]),
)
@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_id_is_a_500(http: httpx.Client, identifier: str, method: str, suffix: str) -> None:
    answer = http.request(
        method,
        f"{BASE}/sobjects/Account/{quote(identifier, safe='')}{suffix}",
        json={"Phone": "1"} if method == "PATCH" else None,
    )
    assert answer.status_code < 500, (method, identifier, suffix, answer.text)


def test_compressed_bodies_are_unpacked_within_bounds(http: httpx.Client) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    url = f"{BASE}/sobjects/Account"
    assert http.post(url, content=gzip.compress(b'{"Name": "Zipped"}'), headers=headers).status_code == 201
    assert http.post(url, content=b"not gzip", headers=headers).status_code == 400
    bomb = gzip.compress(b'{"Name": "' + b"x" * 20_000_000 + b'"}')
    assert http.post(url, content=bomb, headers=headers).status_code == 413


def test_ids_survive_case_folding() -> None:
    assert to_18("001A0000006Vm9r") == "001A0000006Vm9rIAC"
    assert make_id("001", 1).startswith("0015e0000000001")
    with pytest.raises(ValueError, match="not a record id"):
        to_18("short")


def test_a_change_of_permissions_shows_in_describe(http: httpx.Client, org: EmbeddedOrg) -> None:
    url = "/services/data/v66.0/sobjects/Opportunity/describe"
    before = http.get(url)
    unchanged = http.get(url, headers={"If-Modified-Since": before.headers["last-modified"]})
    assert unchanged.status_code == 304
    control(org.url, "clock", {"advanceSeconds": 60})
    control(org.url, "profile", {"username": ADMIN, "profile": "Read Only"})
    after = http.get(url, headers={"If-Modified-Since": before.headers["last-modified"]})
    assert {"Amount", "Probability"} == {f["name"] for f in before.json()["fields"]} - {
        f["name"] for f in after.json()["fields"]
    }
    control(org.url, "reset")
    assert "Amount" in {f["name"] for f in http.get(url).json()["fields"]}
    with pytest.raises(AssertionError, match="profile is one of"):
        control(org.url, "profile", {"username": ADMIN, "profile": "Nobody"})
