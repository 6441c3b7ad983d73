"""Every alert is triggered once: real processes, a fault of the org's (or of the set-up), their own log lines through
the alert's conditions.

test_monitoring_files.py holds the files to Google's own types, and to the runbooks.
"""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2 as httpx
import pytest

from backend.adapters.cipher import new_keyset
from devtools import loopback
from devtools.clients import SALES, App, authorize, control, made_up_sign_in
from devtools.fleet import Fleet, Member
from devtools.suite import Suite
from tests.operations.monitoring import Checked, Seen, ask, entry, fires, load

METRICS, POLICIES, CHECKS = load("metrics"), load("policies"), load("checks")


class Process:
    """One process of a function, with JSON lines as when it is deployed, and somebody who is signed in."""

    def __init__(self, suite: Suite, url: str, lines: list[str]) -> None:
        self.suite = suite
        self.org_url = suite.plan.ports.url("localorg")
        self.url = url
        self.lines = lines
        self.since = datetime.now(UTC)
        self.app = App(url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")

    def sign_in(self, url: str | None = None) -> httpx.Response:
        """A sign-in at this process, or elsewhere."""
        answer = self.app.http.post(
            f"{url or self.url}/auth/signIn", json={"data": self.app.sign_in_body(authorize(self.org_url))}
        )
        if answer.status_code == 200:
            self.app.sign_in_to_firebase(answer.json()["result"]["customToken"])
        return answer

    def call(self, name: str = "getProfile") -> str:
        answer = self.app.post(f"api/{name}", {})
        return "ok" if answer.status_code == 200 else answer.json()["error"]["details"]["reason"]

    def fault(self, kind: str, **what: Any) -> None:
        control(self.org_url, "faults", {"kind": kind, **what})

    def firing(self, **at_least: int) -> set[str]:
        """The alerts that fire, once the log has so many lines with these messages."""
        deadline = time.monotonic() + 15
        while True:
            entries = [entry(line) for line in list(self.lines)]
            told = [str(e.get("jsonPayload", {}).get("message")) for e in entries]
            if all(told.count(message) >= n for message, n in at_least.items()):
                return firing(entries, self.since)
            assert time.monotonic() < deadline, f"the log never told it: {told}"
            time.sleep(0.05)


def firing(entries: list[dict[str, Any]], since: datetime) -> set[str]:
    """The alerts that fire now, of policies that watch since then."""
    seen, now = Seen(METRICS, entries), datetime.now(UTC)
    return {name for name, policy in POLICIES.items() if fires(policy, seen, now, since)}


@contextmanager
def running(suite: Suite, target: str = "api", **environment: str) -> Iterator[Process]:
    lines: list[str] = []
    with Fleet(suite.plan, target, 1, lines.append, READABLE_LOG="no", **environment) as fleet:
        yield Process(suite, fleet.members[0].url, lines)


@pytest.fixture
def api(suite: Suite) -> Iterator[Process]:
    """Signed in through the suite's own functions."""
    with running(suite) as process:
        assert process.sign_in(suite.plan.app_url).status_code == 200
        yield process


def test_while_all_is_well_nothing_fires(api: Process) -> None:
    for _ in range(20):
        assert api.call() == "ok"
    control(api.org_url, "expire", {"username": SALES})
    assert api.call() == "ok"
    assert api.app.reason("api/getRecord", {"sobject": "Account", "id": "nonsense"})[2] == "invalid-value"
    assert api.firing(call=22) == set()


def test_calls_fail(suite: Suite) -> None:
    """A keyset that opens nothing: somebody put in the wrong secret."""
    with running(suite, TOKEN_KEYSET=new_keyset()) as api:
        api.sign_in(suite.plan.app_url)
        assert [api.call() for _ in range(5)] == ["connection-tampered"] * 5
        assert "calls-fail" in api.firing(call=5)


def test_the_budget_of_failing_calls_runs_out(suite: Suite) -> None:
    """Three of 400 calls: too few for "calls fail", and too many for a day."""
    with running(suite) as api:
        api.sign_in(suite.plan.app_url)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: api.call(), range(397))) == {"ok"}
        app = api.app
        with running(suite, TOKEN_KEYSET=new_keyset()) as broken:
            broken.app.id_token = app.id_token
            assert [broken.call() for _ in range(3)] == ["connection-tampered"] * 3
            broken.firing(call=3)  # its log has come
            api.lines += broken.lines
        assert api.firing(call=400) == {"budget-call-availability", "connection-tampered"}


def test_the_budget_of_slow_calls_runs_out(api: Process) -> None:
    assert {api.call() for _ in range(100)} == {"ok"}
    assert "budget-call-latency" not in api.firing(call=100)
    api.fault("rest.*", delayMs=1100, times=300)
    with ThreadPoolExecutor(30) as pool:
        assert set(pool.map(lambda _: api.call(), range(30))) == {"ok"}
    assert api.firing(call=130) == {"budget-call-latency"}


def test_sign_ins_fail(suite: Suite) -> None:
    with running(suite, "auth", SALESFORCE_CONSUMER_SECRET="wrong") as auth:
        assert [auth.sign_in().status_code for _ in range(3)] == [500] * 3
        assert {"sign-ins-fail", "budget-sign-in-availability"} <= auth.firing(call=3)


def test_salesforce_is_unavailable(api: Process) -> None:
    assert api.call() == "ok"
    api.fault("rest.*", status=503, times=1000)
    assert {api.call() for _ in range(5)} == {"org-busy"}
    assert api.firing(call=6) == {"salesforce-unavailable", *_slow(api)}


def test_calls_are_slow(api: Process) -> None:
    api.fault("rest.*", delayMs=3500, times=1)
    assert api.call() == "ok"
    assert api.firing(call=1) == {"calls-slow"}


def test_refreshes_fail(api: Process) -> None:
    assert api.call() == "ok"
    control(api.org_url, "expire", {"username": SALES})
    api.fault("token.refresh_token", status=503, times=1000)
    assert api.call() == "org-busy"
    assert "refreshes-fail" in api.firing(call=2)


def test_the_budget_of_lost_refreshes_runs_out(api: Process) -> None:
    """Salesforce's answers to refreshes are lost three times in a day; each time it still knows the token that was
    sent.
    """
    control(api.org_url, "expire", {"username": SALES})
    assert api.call() == "ok"
    assert "budget-refresh-success" not in api.firing(call=1)
    for _ in range(3):
        control(api.org_url, "expire", {"username": SALES})
        api.fault("token.refresh_token", cut="before", times=1)
        api.call()
        assert api.call() == "ok"
    assert "budget-refresh-success" in api.firing(call=7)


def test_needless_sign_outs(api: Process) -> None:
    """The answer to a refresh is lost, and with it the new token: Salesforce does not take the old one any more."""
    assert api.call() == "ok"
    control(api.org_url, "expire", {"username": SALES})
    api.fault("token.refresh_token", cut="after", times=1)
    assert api.call() == "refresh-lost"
    assert "needless-sign-outs" in api.firing(call=2)


def test_the_allowance_is_nearly_used_up(api: Process) -> None:
    control(api.org_url, "limit", {"remaining": 1000})
    assert api.call() == "ok"
    assert api.firing(call=1, allowance=1) == {"allowance"}


def test_an_audit_record_is_broken(api: Process) -> None:
    """Somebody has put an older connection back over the newer one."""
    uid = api.app.call("api/getProfile")["user"]["uid"]
    plan = api.suite.plan
    url = f"{plan.ports.url('firestore')}/v1/projects/{plan.project}/databases/(default)/documents/connections/{uid}"
    owner = {"Authorization": "Bearer owner"}
    before = loopback.get(url, headers=owner).json()["fields"]
    control(api.org_url, "expire", {"username": SALES})
    assert api.call() == "ok", "a refresh, which is recorded"
    chain = {name: before[name] for name in before if name.startswith("audit")}
    mask = "&".join(f"updateMask.fieldPaths={name}" for name in chain)
    assert loopback.patch(f"{url}?{mask}", headers=owner, json={"fields": chain}).status_code == 200
    control(api.org_url, "expire", {"username": SALES})
    assert api.call() == "ok"
    assert "audit-broken" in api.firing(call=3, **{"audit record broken": 1})

    # Nothing of it is left: `make admin ARGS="verify"` would tell of it in other tests on the same emulators.
    documents = url.partition("/connections/")[0]
    record = f"{documents}/audit/{before['auditSubject']['stringValue']}"
    for stored in loopback.get(f"{record}/entries", params={"pageSize": 300}, headers=owner).json()["documents"]:
        assert (
            loopback.delete(f"{documents.partition('/v1/')[0]}/v1/{stored['name']}", headers=owner).status_code == 200
        )
    assert loopback.delete(record, headers=owner).status_code == 200


def test_a_connection_is_tampered_with(suite: Suite) -> None:
    """Somebody has changed one byte of what is sealed."""
    with running(suite) as api:
        uid = api.sign_in(suite.plan.app_url).json()["result"]["user"]["uid"]
        documents = (
            f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
        )
        url, owner = f"{documents}/connections/{uid}?updateMask.fieldPaths=sealed", {"Authorization": "Bearer owner"}
        sealed = base64.b64decode(loopback.get(url, headers=owner).json()["fields"]["sealed"]["bytesValue"])
        changed = base64.b64encode(sealed[:-1] + bytes([sealed[-1] ^ 1])).decode()
        assert (
            loopback.patch(url, headers=owner, json={"fields": {"sealed": {"bytesValue": changed}}}).status_code == 200
        )
        assert api.call() == "connection-tampered"
        assert "connection-tampered" in api.firing(**{"connection tampered": 1})
        assert api.sign_in(suite.plan.app_url).status_code == 200, "a sign-in seals a new record"


def test_the_store_is_unavailable(api: Process, suite: Suite) -> None:
    """Nobody is at Firestore's address. An instance writes a line in ten seconds: here four instances, in one."""
    lines: list[str] = []
    cut_off = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1", "READABLE_LOG": "no"}
    with Fleet(suite.plan, "api", 4, lines.append, **cut_off) as fleet:
        processes = [Process(suite, member.url, lines) for member in fleet.members]
        for process in processes:
            process.app.id_token = api.app.id_token
            assert process.call() == "store-unavailable"
        assert "store-unavailable" in processes[0].firing(**{"store unavailable": 4})


def test_sign_ins_are_flooded(suite: Suite) -> None:
    """In four minutes of an instance: here four instances, in one."""
    lines: list[str] = []
    with Fleet(suite.plan, "auth", 4, lines.append, READABLE_LOG="no", FAILED_SIGN_INS="1") as fleet:
        for member in fleet.members:
            for _ in range(3):
                body = {"data": made_up_sign_in(f"127.0.0.1:{suite.plan.ports.localorg}")}
                loopback.post(f"{member.url}/signIn", json=body)
        auth = Process(suite, fleet.members[0].url, lines)
        assert "sign-ins-flooded" in auth.firing(**{"sign-ins refused": 4})


def test_a_function_does_not_start(suite: Suite) -> None:
    lines: list[str] = []
    member = Member(suite.plan, "api", lines.append, {"READABLE_LOG": "no", "SALESFORCE_LOGIN_HOSTS": "evil.example=X"})
    assert member.process.wait(60) != 0
    process = Process(suite, member.url, lines)
    deadline = time.monotonic() + 10
    while "does-not-start" not in process.firing():
        assert time.monotonic() < deadline, lines
        time.sleep(0.05)


def test_the_upkeep_did_not_run(suite: Suite) -> None:
    """Its own line keeps the alert away for as long as three runs may be missing, and not for longer."""
    with running(suite, "upkeep") as upkeep:
        assert loopback.post(upkeep.url, timeout=60).status_code == 200
        assert upkeep.firing(upkeep=1) == set()
        seen, ran = Seen(METRICS, [entry(line) for line in upkeep.lines]), datetime.now(UTC)
        after = [fires(POLICIES["upkeep-missing"], seen, ran + timedelta(hours=h), upkeep.since) for h in (1, 2, 3, 5)]
        assert after == [False, False, False, True]


def test_a_call_as_the_technical_user_fails(suite: Suite) -> None:
    """Somebody takes the app's access away in Salesforce; nobody calls."""
    lines: list[str] = []
    somebody = Process(suite, suite.plan.app_url, lines)
    uid = somebody.sign_in().json()["result"]["user"]["uid"]
    with running(suite, "upkeep", TECHNICAL_USER=uid) as upkeep:
        assert loopback.post(upkeep.url, timeout=60).status_code == 200
        assert upkeep.firing(upkeep=1, **{"technical user": 1}) == set()
        control(upkeep.org_url, "revoke", {"username": SALES})
        control(upkeep.org_url, "expire", {"username": SALES})
        assert loopback.post(upkeep.url, timeout=60).status_code == 200
        deadline = time.monotonic() + 15
        while upkeep.firing() != {"technical-user-fails"}:
            assert time.monotonic() < deadline, upkeep.lines
            time.sleep(0.05)
    told = [json.loads(line)["outcome"] for line in upkeep.lines if '"technical user"' in line]
    assert (told[0], told[-1]) == ("ok", "access-revoked")


def test_the_functions_do_not_answer(suite: Suite) -> None:
    """A total outage: no line is written, and none of the alerts that count lines would fire."""
    check, began = CHECKS["sign-in-options"], datetime.now(UTC)
    assert ask(check, suite.plan.app_url)
    assert not ask(check, "http://127.0.0.1:1")
    assert not ask({**check, "httpCheck": {**check["httpCheck"], "body": ""}}, suite.plan.app_url), "it asks as an app"
    assert _down("sign-in-options", ask(check, "http://127.0.0.1:1"), began) == {"down-sign-in-options"}
    assert _down("sign-in-options", ask(check, suite.plan.app_url), began) == set()


def test_the_page_does_not_load(repository: Path) -> None:
    """Hosting answers with another page than the app's, or with none."""
    check, began = CHECKS["page"], datetime.now(UTC)
    with site((repository / "app/web/start/start.html").read_text()) as address:
        assert ask(check, address)
    with site("<h1>Site Not Found</h1>") as address:
        assert _down("page", ask(check, address), began) == {"down-page"}
    assert not ask(check, "http://127.0.0.1:1")


def test_strangers_do_not_make_failing_calls_look_few(suite: Suite) -> None:
    """Five of five users' calls fail, beside 600 without a token, with a bad one, of nobody's address, and public
    ones.
    """
    with running(suite, TOKEN_KEYSET=new_keyset()) as api:
        api.sign_in(suite.plan.app_url)
        assert [api.call() for _ in range(5)] == ["connection-tampered"] * 5
        with httpx.Client() as client, ThreadPoolExecutor(8) as pool:

            def stranger(n: int) -> int:
                headers = {} if n % 3 else {"Authorization": "Bearer of.no.good"}
                name = "getProfile" if n % 3 != 1 else f"get{n}"
                return client.post(f"{api.url}/{name}", json={"data": {}}, headers=headers).status_code

            assert set(pool.map(stranger, range(600))) == {401, 404}
        assert "calls-fail" in api.firing(call=605)


def test_an_outage_of_salesforces_is_no_flood_of_sign_ins(suite: Suite) -> None:
    """As many sign-ins fail as when they are flooded, because the token endpoint answers 503."""
    lines: list[str] = []
    control(suite.plan.ports.url("localorg"), "faults", {"kind": "token.*", "status": 503, "times": 1000})
    try:
        with Fleet(suite.plan, "auth", 4, lines.append, READABLE_LOG="no", FAILED_SIGN_INS="1") as fleet:
            for member in fleet.members:
                for _ in range(3):
                    body = {"data": made_up_sign_in(f"127.0.0.1:{suite.plan.ports.localorg}")}
                    loopback.post(f"{member.url}/signIn", json=body)
            auth = Process(suite, fleet.members[0].url, lines)
            alerts = auth.firing(**{"sign-ins refused": 4})
            assert "sign-ins-flooded" not in alerts
            assert "sign-ins-fail" in alerts
    finally:
        control(suite.plan.ports.url("localorg"), "faults/clear")


def _down(check: str, passes: bool, began: datetime) -> set[str]:
    """The alerts that fire when three checkers have found the app up for an hour, and then find this for ten."""
    times = [(True, n) for n in range(60)] + [(passes, n) for n in range(60, 71)]
    checked = [
        Checked(check, place, passed, began + timedelta(minutes=n))
        for passed, n in times
        for place in ("eur", "usa", "asia")
    ]
    seen, now = Seen(METRICS, checked=checked), began + timedelta(minutes=70)
    return {name for name, policy in POLICIES.items() if "uptime_check" in str(policy) and fires(policy, seen, now)}


@contextmanager
def site(page: str) -> Iterator[str]:
    """Somewhere that answers everything with this page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _slow(api: Process) -> set[str]:
    """A call that is tried again may take its time as well."""
    return {"calls-slow"} & firing([entry(line) for line in api.lines], api.since)


TRIGGERED = {
    "budget-call-availability": test_the_budget_of_failing_calls_runs_out,
    "budget-call-latency": test_the_budget_of_slow_calls_runs_out,
    "budget-sign-in-availability": test_sign_ins_fail,
    "budget-refresh-success": test_the_budget_of_lost_refreshes_runs_out,
    "calls-fail": test_calls_fail,
    "sign-ins-fail": test_sign_ins_fail,
    "salesforce-unavailable": test_salesforce_is_unavailable,
    "calls-slow": test_calls_are_slow,
    "refreshes-fail": test_refreshes_fail,
    "needless-sign-outs": test_needless_sign_outs,
    "allowance": test_the_allowance_is_nearly_used_up,
    "audit-broken": test_an_audit_record_is_broken,
    "connection-tampered": test_a_connection_is_tampered_with,
    "store-unavailable": test_the_store_is_unavailable,
    "sign-ins-flooded": test_sign_ins_are_flooded,
    "does-not-start": test_a_function_does_not_start,
    "upkeep-missing": test_the_upkeep_did_not_run,
    "technical-user-fails": test_a_call_as_the_technical_user_fails,
    "down-page": test_the_page_does_not_load,
    "down-sign-in-options": test_the_functions_do_not_answer,
}


def test_every_alert_is_triggered_by_a_test() -> None:
    assert set(TRIGGERED) == set(POLICIES)
