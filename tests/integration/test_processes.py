"""Several processes of the function at once, as several instances in the cloud are."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest

from devtools.clients import SALES, App, authorize, control
from devtools.fleet import Fleet, Member
from devtools.suite import Suite

ACCOUNTS = {"sobject": "Account", "limit": 5}


async def storm(fleet: Fleet, id_token: str, calls: int) -> Counter[str]:
    """Many calls over all processes at the same moment; how they were answered."""
    answers: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(timeout=60, limits=limits, headers={"Authorization": f"Bearer {id_token}"}) as client:

        async def call(n: int) -> None:
            answer = await client.post(f"{fleet.members[n % len(fleet.members)].url}/listRecords", json={"data": ACCOUNTS})
            result = answer.json()
            answers["right" if len(result.get("result", {}).get("records", [])) == 5 else str(result.get("error"))] += 1

        await asyncio.gather(*(call(n) for n in range(calls)))
    return answers


async def test_a_thousand_calls_in_four_processes_on_an_expired_token_cost_one_refresh(fleet: Fleet, app: App, org_url: str) -> None:
    await asyncio.to_thread(lambda: app.sign_in(authorize(org_url)))
    assert app.id_token
    await storm(fleet, app.id_token, 40)  # every process remembers the credential
    for _ in range(2):
        control(org_url, "expire", {"username": SALES})
        control(org_url, "counters/reset")
        assert await storm(fleet, app.id_token, 1000) == {"right": 1000}
        assert control(org_url, "counters")["token.refresh_token"] == 1


@pytest.fixture
def member(suite: Suite) -> Iterator[Member]:
    with Fleet(suite.plan, "api", 1) as fleet:
        yield fleet.members[0]


def test_a_process_that_is_asked_to_end_stores_the_refresh_that_is_under_way(member: Member, app: App, org_url: str) -> None:
    app.sign_in(authorize(org_url))
    generation = app.call("api/getConnection")["generation"]
    control(org_url, "expire", {"username": SALES})
    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "token.refresh_token", "hold": True})
    client = httpx.Client(headers={"Authorization": f"Bearer {app.id_token}"}, timeout=30)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.post, f"{member.url}/listRecords", json={"data": ACCOUNTS})
        while app.call("api/getConnection")["state"] != "sending":
            time.sleep(0.05)
        ending = pool.submit(member.end)
        while member.answers():
            time.sleep(0.05)
        control(org_url, "faults/clear")
        ending.result()
        assert call.result().status_code == 200
    assert app.call("api/getConnection")["generation"] == generation + 1
    app.call("api/listRecords", ACCOUNTS)
    assert control(org_url, "counters")["token.refresh_token"] == 1


def test_a_process_killed_while_it_waits_for_its_refresh_costs_no_token(member: Member, app: App, org_url: str) -> None:
    """The request is answered by nobody: the next caller asks Salesforce before it sends the token again."""
    app.sign_in(authorize(org_url))
    generation = app.call("api/getConnection")["generation"]
    control(org_url, "expire", {"username": SALES})
    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "token.refresh_token", "hold": True, "cut": "before"})
    client = httpx.Client(headers={"Authorization": f"Bearer {app.id_token}"}, timeout=30)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.post, f"{member.url}/listRecords", json={"data": ACCOUNTS})
        while app.call("api/getConnection")["state"] != "sending":
            time.sleep(0.05)
        member.kill()
        assert isinstance(call.exception(), httpx.HTTPError), call.result().text
    control(org_url, "faults/clear")
    assert app.call("api/getConnection")["state"] == "sending"
    begun = time.monotonic()
    app.call("api/listRecords", ACCOUNTS)
    assert time.monotonic() - begun < 30  # a dead holder's lease
    counters = control(org_url, "counters")
    assert (counters["introspect"], counters["token.refresh_token"]) == (1, 2)
    assert app.call("api/getConnection")["generation"] == generation + 1
