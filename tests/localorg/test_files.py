"""Files over HTTP: versions in multipart and base64, their bytes, documents, links; and events."""

import base64
import hashlib
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

BASE = "/services/data/v66.0"
BYTES = bytes(range(256)) * 4


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5)) as running:
        yield running


def signed_in(own: EmbeddedOrg, username: str) -> httpx.Client:
    token = exchange(own.url, authorize(own.url, username))["access_token"]
    return loopback.Client(base_url=own.url, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def http(own: EmbeddedOrg) -> Iterator[httpx.Client]:
    with signed_in(own, ADMIN) as client:
        yield client


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    answer = http.get(f"{BASE}/query", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def entity(**fields: str) -> tuple[None, str, str]:
    return (None, json.dumps(fields), "application/json")


def upload(http: httpx.Client, *parts: tuple[str, Any], path: str = "/sobjects/ContentVersion") -> httpx.Response:
    return http.post(BASE + path, files=list(parts))


def version_of(http: httpx.Client, identifier: str) -> dict[str, Any]:
    return http.get(f"{BASE}/sobjects/ContentVersion/{identifier}").json()


@pytest.mark.parametrize("binary_first", [False, True])
def test_a_file_comes_in_two_parts_and_goes_out_as_it_was(http: httpx.Client, binary_first: bool) -> None:
    parts = [
        ("entity_content", entity(PathOnClient="photos/cat.png", ReasonForChange="new")),
        ("VersionData", ("cat.png", BYTES, "image/png")),
    ]
    made = upload(http, *(reversed(parts) if binary_first else parts))
    assert made.status_code == 201, made.text
    assert made.json()["success"] is True
    identifier = made.json()["id"]
    assert identifier.startswith("068")
    version = version_of(http, identifier)
    expected = {
        "Title": "cat",
        "FileExtension": "png",
        "FileType": "PNG",
        "ContentSize": len(BYTES),
        "Checksum": hashlib.md5(BYTES, usedforsecurity=False).hexdigest(),
        "IsLatest": True,
        "VersionNumber": "1",
        "VersionData": f"{BASE}/sobjects/ContentVersion/{identifier}/VersionData",
    }
    assert {name: version[name] for name in expected} == expected
    got = http.get(version["VersionData"])
    assert got.content == BYTES
    assert got.headers["content-type"] == "image/png"
    (document,) = rows(http, f"SELECT Id, Title, LatestPublishedVersionId, ContentSize, FileExtension FROM"
                             f" ContentDocument WHERE Id = '{version['ContentDocumentId']}'")  # fmt: skip
    assert (document["Title"], document["LatestPublishedVersionId"]) == ("cat", identifier)
    (queried,) = rows(http, f"SELECT VersionData FROM ContentVersion WHERE Id = '{identifier}'")
    assert queried["VersionData"] == version["VersionData"]


def test_a_file_comes_in_base64(http: httpx.Client) -> None:
    body = {"PathOnClient": "note.txt", "Title": "A note", "VersionData": base64.b64encode(BYTES).decode()}
    made = http.post(f"{BASE}/sobjects/ContentVersion", json=body)
    assert made.status_code == 201, made.text
    assert http.get(f"{BASE}/sobjects/ContentVersion/{made.json()['id']}/VersionData").content == BYTES
    assert version_of(http, made.json()["id"])["Title"] == "A note"
    wrong = http.post(f"{BASE}/sobjects/ContentVersion", json=body | {"VersionData": "not base64!"})
    assert (wrong.status_code, wrong.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    missing = http.post(f"{BASE}/sobjects/ContentVersion", json={"VersionData": body["VersionData"]})
    assert (missing.status_code, missing.json()[0]["errorCode"]) == (400, "REQUIRED_FIELD_MISSING")
    assert missing.json()[0]["fields"] == ["PathOnClient"]


def test_a_new_version_of_a_document_is_the_latest(http: httpx.Client) -> None:
    first = upload(
        http, ("entity_content", entity(PathOnClient="plan.txt")), ("VersionData", ("plan.txt", b"1", "text/plain"))
    ).json()["id"]
    document = version_of(http, first)["ContentDocumentId"]
    second = upload(
        http,
        ("entity_content", entity(PathOnClient="plan.txt", ContentDocumentId=document)),
        ("VersionData", ("plan.txt", b"22", "text/plain")),
    ).json()["id"]
    found = rows(
        http,
        "SELECT Id, IsLatest, VersionNumber FROM ContentVersion"
        f" WHERE ContentDocumentId = '{document}' ORDER BY VersionNumber",
    )
    assert [(r["Id"], r["IsLatest"], r["VersionNumber"]) for r in found] == [(first, False, "1"), (second, True, "2")]
    assert rows(http, f"SELECT LatestPublishedVersionId FROM ContentDocument WHERE Id = '{document}'")[0][
        "LatestPublishedVersionId"
    ] == second  # fmt: skip
    assert http.get(f"{BASE}/sobjects/ContentVersion/{first}/VersionData").content == b"1"
    assert http.patch(f"{BASE}/sobjects/ContentVersion/{second}", json={"Title": "The plan"}).status_code == 204
    refused = http.patch(f"{BASE}/sobjects/ContentVersion/{second}", json={"VersionData": "eA=="})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert http.delete(f"{BASE}/sobjects/ContentVersion/{second}").status_code == 403
    assert http.delete(f"{BASE}/sobjects/ContentDocument/{document}").status_code == 204
    assert not rows(http, f"SELECT Id FROM ContentVersion WHERE ContentDocumentId = '{document}'")
    assert http.get(f"{BASE}/sobjects/ContentVersion/{second}/VersionData").status_code == 404


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([("VersionData", ("a.png", b"x", "image/png"))], "Multipart message must include a non-binary part"),
        (
            [("entity_content", entity(PathOnClient="a")), ("b", entity(PathOnClient="a"))],
            "Cannot include more than one non-binary part",
        ),
        (
            [
                ("entity_content", entity(PathOnClient="a")),
                ("VersionData", ("a", b"x", "image/png")),
                ("VersionData", ("b", b"x", "image/png")),
            ],
            "Cannot include more than one binary part",
        ),
    ],
)
def test_requests_in_parts_that_are_refused(http: httpx.Client, parts: list[tuple[str, Any]], message: str) -> None:
    answer = upload(http, *parts)
    assert (answer.status_code, answer.json()) == (
        400,
        [{"message": message, "errorCode": "INVALID_MULTIPART_REQUEST"}],
    )


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="e"\r\n\r\n[1]\r\n--b--\r\n'),
    ],
)
def test_parts_that_cannot_be_read_are_the_callers_error(http: httpx.Client, content_type: str, content: bytes) -> None:
    answer = http.post(f"{BASE}/sobjects/ContentVersion", content=content, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] in ("INVALID_MULTIPART_REQUEST", "JSON_PARSER_ERROR")


def test_a_file_is_too_large(http: httpx.Client, own: EmbeddedOrg) -> None:
    """In base64 50 MB of text, as documented; the largest of all is this org's own bound."""
    kind = {"Content-Type": "application/json"}
    answer = http.post(f"{BASE}/sobjects/ContentVersion", content=b" " * (50 * 1024 * 1024 + 1), headers=kind)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (413, "REQUEST_TOO_LARGE")
    said = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(3 * 1024**3),
        "Authorization": http.headers["Authorization"],
    }
    raw = HTTPConnection("127.0.0.1", own.port)
    raw.putrequest("POST", f"{BASE}/sobjects/ContentVersion")
    for name, value in said.items():
        raw.putheader(name, value)
    raw.endheaders()
    refused = raw.getresponse()
    assert (refused.status, json.loads(refused.read())[0]["errorCode"]) == (413, "REQUEST_TOO_LARGE")
    raw.close()


def test_a_file_is_linked_to_a_record(http: httpx.Client) -> None:
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    version = upload(
        http,
        ("entity_content", entity(PathOnClient="c.txt", FirstPublishLocationId=account)),
        ("VersionData", ("c.txt", b"c", "text/plain")),
    ).json()["id"]
    document = version_of(http, version)["ContentDocumentId"]
    links = rows(
        http, f"SELECT LinkedEntityId, ShareType FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'"
    )
    assert {link["LinkedEntityId"][:3] for link in links} == {"001", "005"}
    contact = rows(http, "SELECT Id FROM Contact LIMIT 1")[0]["Id"]
    body = {"ContentDocumentId": document, "LinkedEntityId": contact, "ShareType": "V"}
    assert http.post(f"{BASE}/sobjects/ContentDocumentLink", json=body).status_code == 201
    (of_contact,) = rows(
        http,
        "SELECT ContentDocument.Title, ContentDocument.LatestPublishedVersionId FROM ContentDocumentLink"
        f" WHERE LinkedEntityId = '{contact}'",
    )
    assert of_contact["ContentDocument"]["Title"] == "c"
    (one,) = rows(
        http, f"SELECT Id, (SELECT ContentDocumentId FROM ContentDocumentLinks) FROM Contact WHERE Id = '{contact}'"
    )
    assert one["ContentDocumentLinks"]["records"][0]["ContentDocumentId"] == document
    refused = http.post(f"{BASE}/sobjects/ContentDocumentLink", json=body | {"ShareType": "X"})
    assert refused.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    everything = http.get(f"{BASE}/query", params={"q": "SELECT Id FROM ContentDocumentLink"})
    assert everything.status_code == 400
    assert everything.json()[0]["errorCode"] == "MALFORMED_QUERY"
    assert "requires a filter" in everything.json()[0]["message"]
    assert http.post(f"{BASE}/sobjects/ContentDocument", json={"Title": "x"}).status_code == 403


def test_files_have_the_limits_of_their_users(own: EmbeddedOrg) -> None:
    with signed_in(own, "readonly@localorg.test") as reader:
        answer = upload(reader, ("entity_content", entity(PathOnClient="a")), ("VersionData", ("a", b"x", "image/png")))
        assert answer.status_code == 403


# Events


def test_an_event_knows_when_it_ends(http: httpx.Client) -> None:
    url = f"{BASE}/sobjects/Event"
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    body = {"Subject": "Visit", "StartDateTime": "2026-11-28T09:00:00Z", "DurationInMinutes": 90, "WhatId": account}
    made = http.post(url, json=body)
    assert made.status_code == 201, made.text
    event = http.get(f"{url}/{made.json()['id']}").json()
    assert event["EndDateTime"] == "2026-11-28T10:30:00.000+0000"
    assert event["ActivityDateTime"] == event["StartDateTime"] == "2026-11-28T09:00:00.000+0000"
    assert event["ActivityDate"] == "2026-11-28"
    assert http.patch(f"{url}/{event['Id']}", json={"EndDateTime": "2026-11-28T11:00:00Z"}).status_code == 204
    assert http.get(f"{url}/{event['Id']}").json()["DurationInMinutes"] == 120
    assert http.patch(f"{url}/{event['Id']}", json={"StartDateTime": "2026-11-28T10:00:00Z"}).status_code == 204
    assert http.get(f"{url}/{event['Id']}").json()["EndDateTime"] == "2026-11-28T12:00:00.000+0000"
    (parent,) = rows(http, f"SELECT (SELECT Subject FROM Events) FROM Account WHERE Id = '{account}'")
    assert parent["Events"]["records"][0]["Subject"] == "Visit"
    (found,) = rows(http, "SELECT What.Name, What.Type FROM Event WHERE Subject = 'Visit'")
    assert found["What"]["Type"] == "Account"


def test_an_event_of_whole_days(http: httpx.Client) -> None:
    url = f"{BASE}/sobjects/Event"
    made = http.post(url, json={"IsAllDayEvent": True, "ActivityDate": "2026-12-01", "DurationInMinutes": 1440})
    assert made.status_code == 201, made.text
    event = http.get(f"{url}/{made.json()['id']}").json()
    assert event["StartDateTime"] == "2026-12-01T00:00:00.000+0000"
    assert event["EndDateTime"] == "2026-12-01T00:00:00.000+0000"


def test_an_event_that_is_refused(http: httpx.Client) -> None:
    url = f"{BASE}/sobjects/Event"
    missing = http.post(url, json={"Subject": "x"})
    assert missing.json()[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert missing.json()[0]["fields"] == ["DurationInMinutes", "ActivityDateTime"]
    for start, status in (("9999-12-31T23:59:59Z", 400), ("0001-01-01T00:00:00Z", 400), ("1700-01-01T00:00:00Z", 201)):
        assert http.post(url, json={"StartDateTime": start, "DurationInMinutes": 60}).status_code == status
    backwards = {"StartDateTime": "2026-11-28T09:00:00Z", "EndDateTime": "2026-11-28T08:00:00Z"}
    assert http.post(url, json=backwards).json()[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"
    twice = {"StartDateTime": "2026-11-28T09:00:00Z", "EndDateTime": "2026-11-28T10:00:00Z", "DurationInMinutes": 5}
    assert http.post(url, json=twice).json()[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"
