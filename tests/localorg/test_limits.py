"""The org's limits, each of which can be set, and what it tells of the requests that it refused."""

import threading
import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, control, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.cli import main

DATA = "/services/data/v68.0"


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=3)) as org:
        yield org


@pytest.fixture
def own(running: EmbeddedOrg) -> Iterator[EmbeddedOrg]:
    yield running
    control(running.url, "reset", {})


def signed_in(org: EmbeddedOrg, username: str = ADMIN) -> httpx.Client:
    token = exchange(org.url, authorize(org.url, username))["access_token"]
    return loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def test_one_user_runs_out_of_requests_and_others_do_not(own: EmbeddedOrg) -> None:
    admin, sales = signed_in(own), signed_in(own, SALES)
    control(own.url, "limit", {"remaining": 1, "username": SALES})
    assert sales.get(f"{DATA}/sobjects").status_code == 200
    refused = sales.get(f"{DATA}/sobjects")
    assert (refused.status_code, refused.json()[0]["message"]) == (403, "TotalRequests Limit exceeded.")
    assert admin.get(f"{DATA}/sobjects").status_code == 200


def test_long_requests_at_once_are_limited(own: EmbeddedOrg) -> None:
    http = signed_in(own)
    control(own.url, "limits", {"concurrent": 2, "longSeconds": 0})
    control(own.url, "faults", {"kind": "rest.limits", "times": 2, "hold": True})
    waiting = [threading.Thread(target=http.get, args=(f"{DATA}/limits",)) for _ in range(2)]
    for one in waiting:
        one.start()
    assert own.org is not None
    while len(own.org.limits.under_way) < 2:
        time.sleep(0.01)
    refused = http.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert refused.json()[0]["message"] == "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    control(own.url, "faults/clear", {})
    for one in waiting:
        one.join()
    assert http.get(f"{DATA}/limits").status_code == 200


def test_addresses_have_a_longest(own: EmbeddedOrg) -> None:
    http = signed_in(own)
    long = "SELECT Id FROM Account WHERE Name != 'x'" + " AND Name != 'x'" * 1_100
    refused = http.get(f"{DATA}/query", params={"q": long})
    assert (refused.status_code, refused.json()[0]["message"]) == (
        414,
        "The length of the URI exceeds the 16384-byte limit.",
    )
    control(own.url, "limits", {"urlBytes": None})
    assert http.get(f"{DATA}/query", params={"q": long}).json()["totalSize"] == 3


def test_a_record_that_somebody_else_changes_is_locked(own: EmbeddedOrg) -> None:
    http = signed_in(own)
    one, other = (
        r["Id"] for r in http.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account LIMIT 2"}).json()["records"]
    )
    control(own.url, "lock", {"id": one, "seconds": 60})
    for refused in (
        http.patch(f"{DATA}/sobjects/Account/{one}", json={"Phone": "1"}),
        http.delete(f"{DATA}/sobjects/Account/{one}"),
    ):
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")
    assert http.patch(f"{DATA}/sobjects/Account/{other}", json={"Phone": "1"}).status_code == 204
    assert http.get(f"{DATA}/sobjects/Account/{one}").status_code == 200
    control(own.url, "lock", {"id": one, "seconds": 0})
    assert http.patch(f"{DATA}/sobjects/Account/{one}", json={"Phone": "1"}).status_code == 204


def test_old_versions_are_retired(own: EmbeddedOrg) -> None:
    http = signed_in(own)
    assert http.get("/services/data/v28.0/sobjects").status_code == 410
    assert http.get("/services/data/v6.0/sobjects").status_code == 404
    assert http.get("/services/data/v30.0/sobjects").status_code == 200
    control(own.url, "limits", {"firstVersion": 31})
    assert (
        http.get("/services/data/v30.0/sobjects").status_code,
        http.get("/services/data/v31.0/sobjects").status_code,
    ) == (410, 200)
    assert http.get("/services/data").json()[0]["version"] == "31.0"


@pytest.mark.parametrize(
    "body", [{"nope": 1}, {"concurrent": -1}, {"longSeconds": None}, {"urlBytes": "x"}, {"concurrent": True}]
)
def test_bad_limits_are_refused(own: EmbeddedOrg, body: dict[str, object]) -> None:
    answer = loopback.post(f"{own.url}/localorg/control/limits", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_ARGUMENT")


def test_the_doctor_says_what_was_wrong_and_tells_no_secret(
    own: EmbeddedOrg, capsys: pytest.CaptureFixture[str]
) -> None:
    http = signed_in(own)
    token = http.headers["authorization"].removeprefix("Bearer ")
    http.get(f"{DATA}/query", params={"q": "SELECT Nope FROM Account"}, headers={"User-Agent": "somebody/1.0"})
    loopback.get(f"{own.url}{DATA}/sobjects", headers={"Authorization": "Bearer 00Dnonsense"})
    form = {"grant_type": "refresh_token", "refresh_token": "5Aep-secret", "client_id": "LOCAL_EXTERNAL_CLIENT_APP"}
    loopback.post(f"{own.url}/services/oauth2/token", data=form | {"client_secret": "local-consumer-secret"})
    loopback.post(f"{own.url}/services/oauth2/token", data=form)
    loopback.get(
        f"{own.url}/services/oauth2/authorize",
        params={"client_id": "nobody", "response_type": "code", "redirect_uri": "http://127.0.0.1/"},
    )
    http.post(f"{DATA}/nowhere")
    assert main(["doctor", "--port", str(own.port)]) == 0
    said = capsys.readouterr().out
    asked = (f"GET {DATA}/query", "somebody/1.0", "No such column 'Nope'", "→ There is no such field")
    for line in (
        *asked,
        "INVALID_FIELD: ",
        "INVALID_SESSION_ID",
        "invalid_grant",
        "invalid_client: ",
        "invalid_client_id",
        "NOT_FOUND",
    ):
        assert line in said
    assert token not in said
    assert "secret" not in said.replace("local-consumer-secret", "").replace("consumer secret", "")
    assert len(loopback.get(f"{own.url}/localorg/control/requests").json()) <= 50


def test_the_doctor_finds_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--port", "1"]) == 1
    assert "port 1" in capsys.readouterr().err
