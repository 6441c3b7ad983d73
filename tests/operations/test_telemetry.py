"""Spans and metrics of real processes, as a collector gets them: the tree of each flow, and nothing in them that is
secret or a user's.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2 as httpx
import pytest

from contract.calls import GET_SIGN_IN_OPTIONS, Empty
from data.services.app_check import AppCheck
from data.services.backend import Backend
from data.services.http import Answer, make_http
from devtools import loopback
from devtools.clients import SALES, App, authorize, control
from devtools.fleet import Fleet
from devtools.suite import Suite
from devtools.traces import Collector, Span
from tests.device import Drawer

T = TypeVar("T")


@dataclass
class Observed:
    """Both functions, seen by a collector."""

    suite: Suite
    collector: Collector
    auth_url: str
    api_url: str
    lines: list[str] = field(default_factory=list)

    def call(
        self, url: str, path: str, data: object, token: str | None = None, **headers: str
    ) -> tuple[httpx.Response, str]:
        """One call with a trace of its own; the answer, and the trace's id."""
        trace = secrets.token_hex(16)
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        sent = {**bearer, "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", **headers}
        return loopback.post(f"{url}/{path}", json={"data": data}, headers=sent, timeout=60), trace

    def spans(self, trace: str, last: str) -> list[Span]:
        """All spans of a trace, once one of that name has come."""

        def all_there() -> list[Span] | None:
            found = [s for s in self.collector.spans if s.trace == trace]
            return found if any(s.name == last for s in found) else None

        return until(all_there)


def until(found: Callable[[], T | None]) -> T:
    """Waits for what a process sends."""
    deadline = time.monotonic() + 20
    while True:
        value = found()
        if value is not None:
            return value
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def observed(suite: Suite) -> Iterator[Observed]:
    lines: list[str] = []
    with Collector() as collector:
        on = {
            "TELEMETRY": collector.url,
            "TELEMETRY_PERCENT": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "READABLE_LOG": "no",
        }
        with (
            Fleet(suite.plan, "auth", 1, lines.append, **on) as auth,
            Fleet(suite.plan, "api", 1, lines.append, **on) as api,
        ):
            yield Observed(suite, collector, auth.members[0].url, api.members[0].url, lines)


def shape(spans: list[Span]) -> object:
    """The names of a tree, as nested lists in the order in which they began; without the look at the blocks, which no
    call waits for.
    """
    spans = [s for s in spans if s.name != "Firestore read blocks"]
    ids = {s.id for s in spans}

    def below(parent: str) -> list[object]:
        children = sorted((s for s in spans if (s.parent if s.parent in ids else "") == parent), key=lambda s: s.start)
        return [[c.name, *below(c.id)] if below(c.id) else c.name for c in children]

    return below("")


def signed_in(observed: Observed) -> tuple[App, str, list[Span]]:
    """A sign-in; the app, its trace, and its spans."""
    plan = observed.suite.plan
    app = App(observed.auth_url, plan.ports.url("auth"), f"127.0.0.1:{plan.ports.localorg}")
    authorization = authorize(plan.ports.url("localorg"))
    answer, trace = observed.call(observed.auth_url, "signIn", app.sign_in_body(authorization))
    assert answer.status_code == 200, answer.text
    app.sign_in_to_firebase(answer.json()["result"]["customToken"])
    return app, trace, observed.spans(trace, "auth/signIn")


TOKEN, USERINFO = "Salesforce POST /services/oauth2/token", "Salesforce GET /services/oauth2/userinfo"
REFRESH = [
    "renewal",
    "Firestore read connections",
    ["take lease", "Firestore write connections"],
    ["refresh", "Firestore write connections", TOKEN, "Firestore write connections"],
]


def test_the_tree_of_a_sign_in(observed: Observed) -> None:
    _, _, spans = signed_in(observed)
    (root,) = (s for s in spans if s.name == "auth/signIn")
    assert root.service == "salesforce-sample-auth"
    assert root.attributes["http.response.status_code"] == 200
    names = [s.name for s in sorted(spans, key=lambda s: s.start) if s is not root]
    wanted = [
        "Firestore write codes",
        TOKEN,
        "Firestore write tombstones",
        "Firestore read blocks",
        USERINFO,
        "mint custom token",
        "Firestore read connections",
    ]
    assert [n for n in names if n in wanted][: len(wanted)] == wanted
    assert all(s.parent == root.id for s in spans if s is not root)


def test_the_tree_of_a_call(observed: Observed) -> None:
    app, _, _ = signed_in(observed)
    answer, trace = observed.call(observed.api_url, "getProfile", {}, app.id_token)
    assert answer.status_code == 200
    tree = shape(observed.spans(trace, "api/getProfile"))
    assert isinstance(tree, list)
    assert tree[0][0] == "api/getProfile"
    assert "verify ID token" in tree[0]
    assert ["open vault", "Firestore read connections"] in tree[0]
    again, trace = observed.call(observed.api_url, "getProfile", {}, app.id_token)
    assert again.status_code == 200
    (warm,) = shape(observed.spans(trace, "api/getProfile"))  # pyright: ignore[reportGeneralTypeIssues]
    assert all(isinstance(name, str) and name.startswith(("api/", "Salesforce ")) for name in warm), (
        "a warm call asks Salesforce and nobody else"
    )


def test_the_tree_of_a_call_with_a_refresh(observed: Observed) -> None:
    app, _, _ = signed_in(observed)
    observed.call(observed.api_url, "getProfile", {}, app.id_token)
    control(observed.suite.plan.ports.url("localorg"), "expire", {"username": SALES})
    answer, trace = observed.call(observed.api_url, "getProfile", {}, app.id_token)
    assert answer.status_code == 200
    spans = observed.spans(trace, "api/getProfile")
    (tree,) = shape(spans)  # pyright: ignore[reportGeneralTypeIssues]
    rejected = "Salesforce GET /services/data/v66.0/query"
    assert tree == ["api/getProfile", rejected, "wait for renewal", REFRESH, rejected] or tree == [
        *("api/getProfile", rejected, REFRESH, "wait for renewal", rejected)
    ], "the renewal is a task that others may join: which of the two begins first is open"
    statuses = [
        s.attributes["http.response.status_code"] for s in sorted(spans, key=lambda s: s.start) if s.name == rejected
    ]
    assert statuses == [401, 200]
    (refresh,) = (s for s in spans if s.name == "refresh")
    assert not refresh.error


async def test_a_trace_begins_in_the_app(observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    http = make_http()
    post = http.post

    async def look_at(url: str, *, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        sent.append((headers or {})["traceparent"])
        return await post(url, body=body, headers=headers)

    monkeypatch.setattr(http, "post", look_at)
    app = Backend(observed.auth_url, http, AppCheck(Drawer()))
    await app.call(GET_SIGN_IN_OPTIONS, Empty())
    await app.call(GET_SIGN_IN_OPTIONS, Empty())
    traces = [re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", header) for header in sent]
    for found in traces:
        assert found
        (span,) = await asyncio.to_thread(observed.spans, found[1], "auth/getSignInOptions")
        assert span.parent == found[2]
    assert len({found[1] for found in traces if found}) == 2


def test_a_failed_call_says_why_by_a_word(observed: Observed) -> None:
    app, _, _ = signed_in(observed)
    control(observed.suite.plan.ports.url("localorg"), "revoke", {"username": SALES})
    answer, trace = observed.call(observed.api_url, "getProfile", {}, app.id_token)
    assert answer.json()["error"]["details"]["reason"] == "access-revoked"
    spans = {s.name: s for s in observed.spans(trace, "api/getProfile")}
    assert spans["api/getProfile"].error == "access-revoked"
    assert spans["refresh"].error == "access-revoked"


def test_nothing_secret_and_nothing_of_a_record_is_in_any_span_or_metric(observed: Observed) -> None:
    app, _, _ = signed_in(observed)
    first = observed.call(observed.api_url, "listRecords", {"sobject": "Account", "limit": 5}, app.id_token)[0].json()[
        "result"
    ]["records"][0]
    record = {"sobject": "Account", "id": first["id"]}
    observed.call(observed.api_url, "getRecord", record, app.id_token)
    observed.call(observed.api_url, "updateRecord", {**record, "fields": {"Phone": "+49 30 424242"}}, app.id_token)
    observed.call(observed.api_url, "search", {"text": "Quillfeather"}, app.id_token)
    _, last = observed.call(observed.api_url, "getConnection", {}, app.id_token)
    observed.spans(last, "api/getConnection")
    assert app.id_token
    told = json.dumps([[s.name, s.attributes, s.error, s.service] for s in observed.collector.spans])
    told += json.dumps([[p.name, p.attributes] for p in observed.collector.points.values()])
    for secret in (
        app.id_token,
        "aPrx",
        "5Aep",
        "!AQ",
        SALES,
        first["id"],
        "424242",
        "Quillfeather",
        "SELECT",
        "access_token",
        "Bearer",
    ):
        assert secret not in told, secret
    values = [str(v) for v in first["fields"].values() if isinstance(v, str) and len(v) > 5]
    assert not [v for v in values if v in told]


def test_metrics(observed: Observed) -> None:
    app, _, _ = signed_in(observed)
    org_id = str(json.loads(_claims(app.id_token or ""))["orgId"])
    control(observed.suite.plan.ports.url("localorg"), "expire", {"username": SALES})
    assert observed.call(observed.api_url, "getProfile", {}, app.id_token)[0].status_code == 200
    observed.call(observed.api_url, "getProfile", {}, app.id_token)
    wanted = {
        ("calls", "call", "getProfile"),
        ("call.duration", "outcome", "ok"),
        ("refreshes", "outcome", "ok"),
        ("renewal.wait", None, None),
        ("salesforce.requests", "org", org_id),
        ("salesforce.allowance.used", "org", org_id),
        ("salesforce.allowance.limit", "org", org_id),
        ("cache.lookups", "cache", "credentials"),
        ("cold_starts", None, None),
    }

    def came() -> set[tuple[str, str | None, str | None]] | None:
        points = list(observed.collector.points.values())
        found = {
            w
            for w in wanted
            if any(p.name == w[0] and (w[1] is None or p.attributes.get(w[1]) == w[2]) and p.value > 0 for p in points)
        }
        return found if found == wanted else None

    assert until(came) == wanted


def test_lines_of_the_log_carry_the_trace_as_cloud_logging_wants_it(observed: Observed) -> None:
    _, trace, spans = signed_in(observed)
    (root,) = (s for s in spans if s.name == "auth/signIn")
    name = f"projects/{observed.suite.plan.project}/traces/{trace}"
    lines = [json.loads(line) for line in observed.lines if name in line]
    assert {line["message"] for line in lines} >= {"call", "connection"}
    assert {line["logging.googleapis.com/trace"] for line in lines} == {name}
    assert {line["logging.googleapis.com/spanId"] for line in lines} == {root.id}


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "nonsense", "X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"},
        {
            "traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01",
            "X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000",
        },
    ],
)
def test_googles_own_header_counts_when_there_is_no_other(observed: Observed, headers: dict[str, str]) -> None:
    trace = "105445aa7843bc8bf206b12000100000"
    before = len([s for s in observed.collector.spans if s.trace == trace])
    assert observed.call(observed.auth_url, "getSignInOptions", {}, None, **headers)[0].status_code == 200
    assert until(lambda: len([s for s in observed.collector.spans if s.trace == trace]) > before or None)


def _claims(token: str) -> str:
    import base64

    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
