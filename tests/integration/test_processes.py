"""Several processes of the function at once, as several instances in the cloud are."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2 as httpx
import pytest

from backend.connections.renewal import SKEW_SECONDS
from devtools import loopback
from devtools.clients import ADMIN, SALES, App, authorize, control
from devtools.fleet import Fleet, Member
from devtools.suite import Suite
from tests.devtools.runs import wait_until

ACCOUNTS = {"sobject": "Account", "limit": 5}


async def storm(fleet: Fleet, id_token: str, calls: int, *, distinct: bool = False) -> Counter[str]:
    """Many calls over all processes at the same moment, all alike or each another one; how they were answered."""
    answers: Counter[str] = Counter()
    # A process ends connections that have been idle for five seconds; this client does so first.
    limits = httpx.Limits(max_connections=200, keepalive_expiry=1.0)
    async with loopback.AsyncClient(
        timeout=60, limits=limits, headers={"Authorization": f"Bearer {id_token}"}
    ) as client:

        async def call(n: int) -> None:
            asked = ACCOUNTS | (
                {"filters": [{"field": "Name", "operator": "ne", "value": f"Nobody {n}"}]} if distinct else {}
            )
            answer = await client.post(f"{fleet.members[n % len(fleet.members)].url}/listRecords", json={"data": asked})
            result = answer.json()
            answers["right" if len(result.get("result", {}).get("records", [])) == 5 else str(result.get("error"))] += 1

        await asyncio.gather(*(call(n) for n in range(calls)))
    return answers


@pytest.mark.parametrize("distinct", [False, True])
async def test_a_thousand_calls_in_four_processes_on_an_expired_token_cost_one_refresh(
    fleet: Fleet, app: App, org_url: str, distinct: bool
) -> None:
    await asyncio.to_thread(lambda: app.sign_in(authorize(org_url)))
    assert app.id_token
    await storm(fleet, app.id_token, 40)  # every process remembers the credential
    for _ in range(2):
        control(org_url, "expire", {"username": SALES})
        control(org_url, "counters/reset")
        assert await storm(fleet, app.id_token, 1000, distinct=distinct) == {"right": 1000}
        counters = control(org_url, "counters")
        assert counters["token.refresh_token"] == 1
        accepted = sum(
            n
            for kind, n in loopback.get(f"{org_url}/localorg/control/counters/generations").json().items()
            if kind.startswith("rest.")
        )
        assert counters["rest.query"] - accepted <= len(fleet.members)  # rejected, one in each process


async def test_twelve_hundred_calls_with_bound_tokens_that_have_expired_cost_one_refresh_a_user(
    suite: Suite, fleet: Fleet, app: App, org_url: str
) -> None:
    """At an org that requires DPoP, asks for nonces everywhere and gives new ones all the time."""
    control(org_url, "app", {"dpop": "required"})
    control(org_url, "proofs", {"resourceNonce": "401", "rotateNonce": True})
    another = App(suite.plan.app_url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")
    tokens = list[str]()
    for client, username in ((app, SALES), (another, ADMIN)):
        await asyncio.to_thread(client.sign_in_bound, org_url, username)
        assert client.id_token
        tokens.append(client.id_token)
        await storm(fleet, client.id_token, 8)  # every process remembers the credential
        control(org_url, "expire", {"username": username})
    control(org_url, "counters/reset")
    answers = await asyncio.gather(*(storm(fleet, token, 600, distinct=True) for token in tokens))
    assert answers == [{"right": 600}, {"right": 600}]
    assert control(org_url, "counters")["token.refresh_token"] == 2
    another.http.close()


@pytest.fixture
def member(suite: Suite) -> Iterator[Member]:
    with Fleet(suite.plan, "api", 1) as fleet:
        yield fleet.members[0]


def test_a_process_that_is_asked_to_end_stores_the_refresh_that_is_under_way(
    member: Member, app: App, org_url: str
) -> None:
    app.sign_in(authorize(org_url))
    generation = app.call("api/getConnection")["generation"]
    control(org_url, "expire", {"username": SALES})
    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "token.refresh_token", "hold": True})
    client = loopback.Client(headers={"Authorization": f"Bearer {app.id_token}"}, timeout=30)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.post, f"{member.url}/listRecords", json={"data": ACCOUNTS})
        wait_until(lambda: call.done() or app.call("api/getConnection")["state"] == "sending", "nothing was sent")
        assert not call.done(), call.result().text
        ending = pool.submit(member.end)
        wait_until(lambda: not member.answers(), "the process did not end")
        control(org_url, "faults/clear")
        ending.result()
        assert call.result().status_code == 200
    assert app.call("api/getConnection")["generation"] == generation + 1
    app.call("api/listRecords", ACCOUNTS)
    assert control(org_url, "counters")["token.refresh_token"] == 1


def let_the_lease_run_out(suite: Suite, uid: str) -> None:
    """Its time has passed on every clock; how long that is, is held by tests/functions/connections/test_renewal.py,
    whose clock is stepped.
    """
    documents = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    connection = f"{documents}/connections/{uid}"
    fields = {
        "leaseDeadline": {"timestampValue": (datetime.now(UTC) - timedelta(seconds=SKEW_SECONDS + 1)).isoformat()}
    }
    url, owner = f"{connection}?updateMask.fieldPaths=leaseDeadline", {"Authorization": "Bearer owner"}
    assert loopback.patch(url, json={"fields": fields}, headers=owner).status_code == 200


def test_a_process_killed_while_it_waits_for_its_refresh_costs_no_token(
    suite: Suite, member: Member, app: App, org_url: str
) -> None:
    """The request is answered by nobody: the next caller asks Salesforce before it sends the token again."""
    uid = app.sign_in(authorize(org_url))["uid"]
    generation = app.call("api/getConnection")["generation"]
    control(org_url, "expire", {"username": SALES})
    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "token.refresh_token", "hold": True, "cut": "before"})
    client = loopback.Client(headers={"Authorization": f"Bearer {app.id_token}"}, timeout=30)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.post, f"{member.url}/listRecords", json={"data": ACCOUNTS})
        wait_until(lambda: control(org_url, "counters").get("token.refresh_token") == 1, "nothing was sent")
        member.kill()
        assert isinstance(call.exception(), httpx.HTTPError), call.result().text
    control(org_url, "faults/clear")
    assert app.call("api/getConnection")["state"] == "sending"
    let_the_lease_run_out(suite, uid)
    app.call("api/listRecords", ACCOUNTS)
    counters = control(org_url, "counters")
    assert (counters["introspect"], counters["token.refresh_token"]) == (1, 2)
    assert app.call("api/getConnection")["generation"] == generation + 1


async def test_first_calls_in_four_processes_describe_once_in_each_at_most_and_later_processes_never(
    suite: Suite, app: App, org_url: str
) -> None:
    await asyncio.to_thread(lambda: app.sign_in(authorize(org_url)))
    assert app.id_token
    app.call("auth/eraseMe")
    await asyncio.to_thread(lambda: app.sign_in(authorize(org_url)))
    account = {
        "sobject": "Account",
        "id": app.call("api/listRecords", ACCOUNTS)["records"][0]["id"],
        "related": ["Contacts", "Opportunities"],
    }
    app.call("api/getRecord", account)
    with Fleet(suite.plan, "api", 4) as cold:
        control(org_url, "counters/reset")
        headers = {"Authorization": f"Bearer {app.id_token}"}
        async with loopback.AsyncClient(timeout=60, headers=headers) as client:
            for member in cold.members:
                assert (await client.post(f"{member.url}/getRecord", json={"data": account})).json()["result"][
                    "related"
                ]["Contacts"]
        assert {k: n for k, n in control(org_url, "counters").items() if k.startswith("rest.")} == {"rest.query": 4}
