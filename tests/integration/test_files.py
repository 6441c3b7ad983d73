"""Files through the running functions: by Hosting, as the app sends them, and at the function itself, which is what
Cloud Run runs: piece by piece."""

import asyncio
import http.client
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2 as httpx
import pytest

from contract.calls import GET_FILE, UPLOAD_FILE
from contract.errors import NotFound
from contract.files import BYTES, DATA_HEADER, MAX_FILE, GetFile, UploadFile
from data.services.app_check import AppCheck
from data.services.backend import Backend
from data.services.http import make_http
from devtools.clients import SALES, App, authorize, control
from devtools.fleet import Fleet
from tests.device import Drawer

SOME = random.Random(7).randbytes(300_000)


@pytest.fixture
def seller(app: App, org_url: str) -> App:
    app.sign_in(authorize(org_url))
    return app


@pytest.fixture
def account(seller: App, org_url: str) -> str:
    made = seller.call("api/createRecord", {"sobject": "Account", "fields": {"Name": f"Files {uuid4().hex}"}})
    control(org_url, "counters/reset")
    return made["id"]


def asked(account: str, name: str = "offer.pdf", **more: str) -> dict[str, str]:
    return {"sobject": "Account", "id": account, "name": name, **more}


def headers(app: App, data: object) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {app.id_token}",
        "Content-Type": BYTES,
        DATA_HEADER: quote(json.dumps(data, ensure_ascii=False)),
    }


def upload(app: App, data: object, content: bytes = SOME, base: str = "") -> httpx.Response:
    url = f"{base or app.base_url + '/api'}/uploadFile"
    return app.http.post(url, content=content, headers=headers(app, data))


def download(app: App, version: str, base: str = "") -> httpx.Response:
    url = f"{base or app.base_url + '/api'}/getFile"
    return app.http.post(url, json={"data": {"id": version}}, headers={"Authorization": f"Bearer {app.id_token}"})


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["details"]["reason"]


def files(app: App, account: str) -> list[dict[str, Any]]:
    return app.call("api/listFiles", {"sobject": "Account", "id": account})["files"]


def until_told(suite_log: list[str], said: int) -> None:
    """Until the function has logged that an upload broke off."""
    until = time.monotonic() + 30
    while not any("uploadFile" in line and "malformed-request" in line for line in suite_log[said:]):
        assert time.monotonic() < until, suite_log[said:]
        time.sleep(0.05)


def test_a_file_goes_in_and_comes_out_whole_and_is_never_a_page_of_ours(seller: App, account: str) -> None:
    largest = random.Random(8).randbytes(MAX_FILE)
    made = upload(seller, asked(account, "見積書.html"), largest)
    assert made.status_code == 200, made.text
    (listed,) = files(seller, account)
    assert (listed["title"], listed["extension"], listed["size"]) == ("見積書", "html", MAX_FILE)
    assert listed["id"] == made.json()["result"]["id"]
    got = download(seller, listed["id"])
    assert got.content == largest
    assert got.headers["content-type"] == BYTES
    assert got.headers["content-disposition"] == "attachment"
    assert got.headers["x-content-type-options"] == "nosniff"


def test_what_is_refused_and_not_sent_to_salesforce(seller: App, account: str, org_url: str) -> None:
    assert reason(upload(seller, asked(account), b"x" * (MAX_FILE + 1))) == (400, "request-too-large")
    good = headers(seller, asked(account))
    for wrong in (
        {"Content-Type": "text/plain"},
        {DATA_HEADER: ""},
        {DATA_HEADER: "%FF"},
        {DATA_HEADER: quote(json.dumps({**asked(account), "more": 1}))},
        {DATA_HEADER: quote(json.dumps({"sobject": "Account"}))},
        {DATA_HEADER: "[" * 5000},
    ):
        answer = seller.http.post(f"{seller.base_url}/api/uploadFile", content=SOME, headers=good | wrong)
        assert reason(answer) == (400, "malformed-request"), wrong
    without = {name: value for name, value in good.items() if name != "Authorization"}
    answer = seller.http.post(f"{seller.base_url}/api/uploadFile", content=SOME, headers=without)
    assert reason(answer) == (401, "id-token-missing")
    assert reason(upload(seller, asked(account) | {"sobject": "User"})) == (400, "unknown-object")
    assert reason(download(seller, account)) == (400, "invalid-value")
    assert reason(download(seller, "068000000000000AAA")) == (404, "record-not-found")
    assert control(org_url, "counters").get("rest.create", 0) == 0


def test_a_file_without_a_length_is_refused_at_the_function(seller: App, account: str, fleet: Fleet) -> None:
    def in_pieces() -> Iterator[bytes]:
        yield SOME

    url = f"{fleet.members[0].url}/uploadFile"
    answer = seller.http.post(url, content=in_pieces(), headers=headers(seller, asked(account)))
    assert reason(answer) == (400, "malformed-request")


def test_an_app_that_goes_away_half_way_leaves_nothing(
    seller: App, account: str, fleet: Fleet, suite_log: list[str]
) -> None:
    key = uuid4().hex
    said = len(suite_log)
    connection = http.client.HTTPConnection("127.0.0.1", fleet.members[0].port)
    connection.putrequest("POST", "/uploadFile")
    for name, value in headers(seller, asked(account, idempotencyKey=key)).items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(SOME)))
    connection.endheaders()
    connection.send(SOME[:100_000])
    assert isinstance(connection.sock, socket.socket)
    connection.close()
    until = time.monotonic() + 30
    while not any("uploadFile" in line and "malformed-request" in line for line in suite_log[said:]):
        assert time.monotonic() < until, suite_log[said:]
        time.sleep(0.05)
    assert files(seller, account) == []
    assert upload(seller, asked(account, idempotencyKey=key)).status_code == 200, "the key is free"
    assert len(files(seller, account)) == 1


def test_an_expired_token_and_a_lost_answer(seller: App, account: str, org_url: str) -> None:
    key = uuid4().hex
    control(org_url, "expire", {"username": SALES})
    assert reason(upload(seller, asked(account, idempotencyKey=key))) == (503, "send-again")
    assert upload(seller, asked(account, idempotencyKey=key)).status_code == 200
    again = uuid4().hex
    control(org_url, "faults", {"kind": "rest.create", "cut": "after"})
    for _ in range(2):
        assert reason(upload(seller, asked(account, idempotencyKey=again))) == (503, "outcome-unknown")
    assert len(files(seller, account)) == 2


def test_many_at_once_at_one_process_do_not_mix(seller: App, account: str, fleet: Fleet) -> None:
    contents = [random.Random(n).randbytes(500_000 + n) for n in range(8)]
    base = fleet.members[0].url

    def through(content: bytes) -> bytes:
        made = upload(seller, asked(account), content, base)
        assert made.status_code == 200, made.text
        got = download(seller, made.json()["result"]["id"], base)
        assert got.headers["cache-control"] == "no-store"  # Hosting has a word of its own
        return got.content

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(through, contents)) == contents


async def test_the_apps_own_http_sends_tells_how_far_it_is_and_stops(
    seller: App, account: str, fleet: Fleet, suite_log: list[str]
) -> None:
    """As a desktop app does it; in the browser tests/e2e/test_sellers_day.py."""
    backend = Backend(f"{seller.base_url}/", make_http(), AppCheck(Drawer()))
    token, shares = seller.id_token or "", list[float]()
    request = UploadFile("Account", account, "offer.pdf")
    made = await backend.upload(UPLOAD_FILE, request, SOME, token, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert await backend.download(GET_FILE, GetFile(made.id), token) == SOME
    with pytest.raises(NotFound):
        await backend.download(GET_FILE, GetFile("068000000000000AAA"), token)

    begun, said = asyncio.Event(), len(suite_log)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": BYTES,
        DATA_HEADER: quote(json.dumps(asked(account))),
    }
    large = bytes(MAX_FILE)
    sending = asyncio.create_task(
        make_http().upload(f"{fleet.members[0].url}/uploadFile", large, headers, lambda _share: begun.set())
    )
    await begun.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.to_thread(until_told, suite_log, said)
    assert len(files(seller, account)) == 1
