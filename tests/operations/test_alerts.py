"""Every alert is triggered once: real processes, a fault of the org's (or of the set-up), their own log lines through
the alert's conditions.

The files of deploy/monitoring are held to Google's own types, and to the runbooks.
"""

import base64
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from google.cloud import monitoring_dashboard_v1, monitoring_v3
from google.cloud.logging_v2.types import LogMetric
from google.protobuf import json_format

from backend.adapters.cipher import new_keyset
from devtools import loopback
from devtools.clients import SALES, App, authorize, control, made_up_sign_in
from devtools.fleet import Fleet, Member
from devtools.suite import Suite
from tests.operations.monitoring import entry, fires, load

METRICS, POLICIES, SLOS = load("metrics"), load("policies"), load("slos")
ALWAYS = "upkeep-missing"  # fires wherever no upkeep was


class Process:
    """One process of a function, with JSON lines as when it is deployed, and somebody who is signed in."""

    def __init__(self, suite: Suite, url: str, lines: list[str]) -> None:
        self.suite = suite
        self.org_url = suite.plan.ports.url("localorg")
        self.url = url
        self.lines = lines
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
                return {name for name, policy in POLICIES.items() if fires(policy, METRICS, entries)}
            assert time.monotonic() < deadline, f"the log never told it: {told}"
            time.sleep(0.05)


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
    assert api.firing(call=22) == {ALWAYS}


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
        assert api.firing(call=400) == {ALWAYS, "budget-call-availability", "connection-tampered"}


def test_the_budget_of_slow_calls_runs_out(api: Process) -> None:
    assert {api.call() for _ in range(100)} == {"ok"}
    assert "budget-call-latency" not in api.firing(call=100)
    api.fault("rest.*", delayMs=1100, times=300)
    with ThreadPoolExecutor(30) as pool:
        assert set(pool.map(lambda _: api.call(), range(30))) == {"ok"}
    assert api.firing(call=130) == {ALWAYS, "budget-call-latency"}


def test_sign_ins_fail(suite: Suite) -> None:
    with running(suite, "auth", SALESFORCE_CONSUMER_SECRET="wrong") as auth:
        assert [auth.sign_in().status_code for _ in range(3)] == [500] * 3
        assert {"sign-ins-fail", "budget-sign-in-availability"} <= auth.firing(call=3)


def test_salesforce_is_unavailable(api: Process) -> None:
    assert api.call() == "ok"
    api.fault("rest.*", status=503, times=1000)
    assert {api.call() for _ in range(5)} == {"org-busy"}
    assert api.firing(call=6) == {ALWAYS, "salesforce-unavailable", *_slow(api)}


def test_calls_are_slow(api: Process) -> None:
    api.fault("rest.*", delayMs=3500, times=1)
    assert api.call() == "ok"
    assert api.firing(call=1) == {ALWAYS, "calls-slow"}


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
    assert api.firing(call=1, allowance=1) == {ALWAYS, "allowance"}


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
    assert fires(POLICIES[ALWAYS], METRICS, [])
    with running(suite, "upkeep") as upkeep:
        assert loopback.post(upkeep.url, timeout=60).status_code == 200
        assert ALWAYS not in upkeep.firing(upkeep=1)


def _slow(api: Process) -> set[str]:
    """A call that is tried again may take its time as well."""
    entries = [entry(line) for line in api.lines]
    return {"calls-slow"} if fires(POLICIES["calls-slow"], METRICS, entries) else set()


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
}


def test_every_alert_is_triggered_by_a_test() -> None:
    assert set(TRIGGERED) == set(POLICIES)


# The files


def _typed(message: Any, value: dict[str, Any]) -> None:
    """Google's own type takes it, without a field that it does not know."""
    json_format.ParseDict(value, message.pb(message()))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_one_to_google(name: str) -> None:
    metric = METRICS[name]
    _typed(LogMetric, metric)
    assert metric["name"] == name
    assert set(metric.get("labelExtractors", {})) == {
        label["key"] for label in metric["metricDescriptor"].get("labels", [])
    }
    assert ("valueExtractor" in metric) == (metric["metricDescriptor"]["valueType"] == "DISTRIBUTION")


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_one_to_google_and_has_its_runbook(repository: Path, name: str) -> None:
    policy = POLICIES[name]
    _typed(monitoring_v3.AlertPolicy, policy)
    assert f"docs/runbooks/{_page(name)}.md" in policy["documentation"]["content"]
    runbook = (repository / f"docs/runbooks/{_page(name)}.md").read_text()
    assert [line for line in runbook.splitlines() if line.startswith("## ")] == [
        "## What it means",
        "## What to look at",
        "## What to do",
    ]


def test_every_runbook_has_its_policy(repository: Path) -> None:
    assert {f.stem for f in (repository / "docs/runbooks").glob("*.md")} == {_page(name) for name in POLICIES}


def _page(name: str) -> str:
    """The budgets share one."""
    return "budget" if name.startswith("budget-") else name


def test_a_budget_is_that_of_an_objective() -> None:
    for name in (n for n in POLICIES if n.startswith("budget-")):
        assert (
            f'/serviceLevelObjectives/{name.removeprefix("budget-")}"'
            in POLICIES[name]["conditions"][0]["conditionThreshold"]["filter"]
        )
        assert name.removeprefix("budget-") in SLOS


@pytest.mark.parametrize("name", SLOS)
def test_an_objective_is_one_to_google(name: str) -> None:
    _typed(monitoring_v3.ServiceLevelObjective, SLOS[name])
    assert 0.9 < SLOS[name]["goal"] < 1


def test_the_dashboard_is_one_to_google() -> None:
    for dashboard in load("dashboards").values():
        _typed(monitoring_dashboard_v1.Dashboard, dashboard)


def test_everything_names_metrics_and_labels_that_there_are() -> None:
    text = json.dumps([POLICIES, SLOS, load("dashboards")])
    assert set(re.findall(r"user/(\w+)", text)) == set(METRICS)
    for filter_ in re.findall(r'"(metric\.type=(?:[^"\\]|\\.)*)"', text):
        plain = json.loads(f'"{filter_}"')
        metric = re.search(r"user/(\w+)", plain)
        assert metric
        assert set(re.findall(r"metric\.labels\.(\w+)", plain)) <= set(METRICS[metric[1]].get("labelExtractors", {})), (
            plain
        )


def test_reasons_in_filters_are_reasons() -> None:
    from contract.errors import Reason

    text = json.dumps([POLICIES, SLOS])
    named = {
        word for group in re.findall(r"outcome=one_of\((.*?)\)", text) for word in re.findall(r"[a-z-]{3,}", group)
    }
    assert named <= {r.value for r in Reason}
