"""What a tap costs on a warm instance: requests to Salesforce and Firestore, calls of functions, bytes, and time when
Salesforce is 100 ms away.

Then a storm: many different calls on an expired token over four processes.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import httpx2 as httpx

from bench.grpc_counter import GrpcCounter
from bench.results import keep
from bench.table import show
from devtools import ports
from devtools.clients import App, authorize, control
from devtools.fleet import FreshFleet
from devtools.suite import UNLIMITED, Plan, Suite

RUNS, STORM = 5, 1000
# Milliseconds in version 0.1.0, which had no other taps; measured by the same program on 25 November 2026.
BEFORE = {
    "home": 106,
    "list": 106,
    "record with its lists": 105,
    "save with conflict check": 310,
    "create": 105,
    "search": 108,
    "profile": 105,
}


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap and the call that it makes; `prepare` gives what is sent, anew for each run, as some can be done once."""

    name: str
    call: str
    prepare: Callable[[], dict[str, Any]]


def taps(client: httpx.Client, url: str) -> list[Tap]:
    """All taps, on records of the local org and new ones."""

    def call(name: str, data: dict[str, Any]) -> Any:
        answer = client.post(f"{url}/{name}", json={"data": data})
        answer.raise_for_status()
        return answer.json()["result"]

    def first(sobject: str, **more: Any) -> dict[str, Any]:
        return call("listRecords", {"sobject": sobject, "limit": 1, **more})["records"][0]

    def new(sobject: str, **fields: Any) -> dict[str, Any]:
        return call("createRecord", {"sobject": sobject, "fields": fields})

    numbers = itertools.count()
    account, contact = first("Account")["id"], first("Contact")["id"]
    deal = first("Opportunity", filters=[{"field": "IsClosed", "operator": "eq", "value": False}])["id"]
    view = call("getListViews", {"sobject": "Opportunity"})["views"][0]["id"]
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=today.weekday())
    day = {
        "today": f"{today}",
        "begins": f"{today}T00:00:00+00:00",
        "ends": f"{today + timedelta(days=1)}T00:00:00+00:00",
        "weekBegins": f"{monday}",
        "weekEnds": f"{monday + timedelta(days=6)}",
    }

    def changed(sobject: str, record_id: str, field: str, value: Any) -> dict[str, Any]:
        record = call("getRecord", {"sobject": sobject, "id": record_id})["record"]
        return {"sobject": sobject, "id": record_id, "fields": {field: value}, "version": record["version"]}

    def moved() -> dict[str, Any]:
        return changed("Opportunity", deal, "StageName", ("Qualification", "Needs Analysis")[next(numbers) % 2])

    def lead() -> dict[str, Any]:
        return {"sobject": "Lead", "id": new("Lead", LastName=f"Tap {next(numbers)}", Company="Tap")["id"]}

    def star() -> dict[str, Any]:
        return {"sobject": "Account", "id": new("Account", Name=f"Star {next(numbers)}")["id"], "name": "Star"}

    def spoken() -> dict[str, Any]:
        follow_up = {"subject": "Follow up", "day": f"{today}"}
        return {"records": [contact, deal], "subject": "Call", "day": f"{today}", "followUp": follow_up}

    related = {"related": ["Contacts", "Opportunities"]}
    return [
        Tap("home", "getDashboard", lambda: {}),
        Tap("list", "listRecords", lambda: {"sobject": "Account", "limit": 25}),
        Tap("record with its lists", "getRecord", lambda: {"sobject": "Account", "id": account, **related}),
        Tap("save with conflict check", "updateRecord",
            lambda: changed("Account", account, "Phone", f"+49 30 {next(numbers)}")),
        Tap("create", "createRecord", lambda: {"sobject": "Account", "fields": {"Name": "Tap"}}),
        Tap("search", "search", lambda: {"text": "willow"}),
        Tap("profile", "getProfile", lambda: {}),
        Tap("home with the day", "getDashboard", lambda: {"day": day}),
        Tap("record with its activities", "getRecord",
            lambda: {"sobject": "Account", "id": account, "timeline": True, **related}),
        Tap("complete a task", "completeTask", lambda: {"id": new("Task", Subject="Tap")["id"]}),
        Tap("save a call with what follows", "logCall", spoken),
        Tap("board", "getBoard", lambda: {"sobject": "Opportunity"}),
        Tap("move on the board", "updateRecord", moved),
        Tap("choice of list views", "getListViews", lambda: {"sobject": "Opportunity"}),
        Tap("list by a list view", "listRecords", lambda: {"sobject": "Opportunity", "limit": 25, "listView": view}),
        Tap("star", "addFavorite", star),
        Tap("what a conversion offers", "getConversion", lambda: {"sobject": "Lead", "account": "Alder"}),
        Tap("convert a lead", "convertLead", lead),
        Tap("files of a record", "listFiles", lambda: {"sobject": "Account", "id": account}),
    ]  # fmt: skip


def _asked(org: str) -> int:
    return sum(n for kind, n in control(org, "counters").items() if kind.startswith("rest."))


def main() -> None:
    free = ports.free()
    plan = Plan(free, f"demo-taps-{free.hub}", user_requests=UNLIMITED)
    with Suite(plan, lambda _part, _line: None), GrpcCounter(free.firestore) as counter:
        org = free.url("localorg")
        app = App(plan.app_url, free.url("auth"), f"127.0.0.1:{free.localorg}")
        app.sign_in(authorize(org))
        assert app.id_token
        headers = {"Authorization": f"Bearer {app.id_token}"}
        control(org, "limit", {"remaining": 100_000_000})
        rows: list[tuple[object, ...]] = []
        kept: list[dict[str, object]] = []
        with (
            FreshFleet(plan, "api", 1, FIRESTORE_EMULATOR_HOST=counter.address) as fleet,
            httpx.Client(timeout=60, headers=headers) as client,
        ):
            url = fleet.members[0].url
            for tap in taps(client, url):
                salesforce: list[int] = []
                reads: list[int] = []
                times: list[float] = []
                size = 0
                for _ in range(RUNS + 1):
                    sent = tap.prepare()
                    control(org, "counters/reset")
                    control(org, "faults", {"kind": "rest.*", "delayMs": 100, "times": 1000})
                    before, began = counter.count, time.perf_counter()
                    answer = client.post(f"{url}/{tap.call}", json={"data": sent})
                    times.append(1000 * (time.perf_counter() - began))
                    control(org, "faults/clear")
                    assert answer.status_code == 200, answer.text[:300]
                    salesforce.append(_asked(org))
                    reads.append(counter.count - before)
                    size = len(answer.content)
                asked, read, took = max(salesforce[1:]), median(reads[1:]), median(times[1:])
                rows.append((tap.name, asked, f"{read:.0f}", 1, f"{size:,}", f"{took:.0f} ms"))
                kept.append(
                    {
                        "tap": tap.name,
                        "salesforce": asked,
                        "firestore": read,
                        "functions": 1,
                        "bytes": size,
                        "milliseconds": round(took, 1),
                        "before": BEFORE.get(tap.name),
                    }
                )
        show(
            "A tap on a warm instance",
            ("tap", "Salesforce", "Firestore", "functions", "bytes", "Salesforce 100 ms away"),
            rows,
        )
        print()
        with FreshFleet(plan, "api", 1, FIRESTORE_EMULATOR_HOST=counter.address) as cold:
            listed = app.call("api/listRecords", {"sobject": "Account", "limit": 1})["records"]
            account = {"sobject": "Account", "id": listed[0]["id"], "related": ["Contacts"]}
            control(org, "counters/reset")
            before = counter.count
            httpx.post(
                f"{cold.members[0].url}/getRecord", json={"data": account}, headers=headers, timeout=60
            ).raise_for_status()
            first = {"salesforce": _asked(org), "firestore": counter.count - before}
        print(
            f"The first record of a new instance: {first['salesforce']} to Salesforce, {first['firestore']} to"
            " Firestore\n"
        )
        storm = asyncio.run(_storm(plan, org, headers))
    show(
        f"{STORM} different calls on an expired token, 4 processes",
        ("refreshes", "rejected", "answered", "seconds"),
        [tuple(storm.values())],
    )
    keep("taps", {"taps": kept, "firstRecordOfAnInstance": first, "storm": storm})


async def _storm(plan: Plan, org: str, headers: dict[str, str]) -> dict[str, object]:
    with FreshFleet(plan, "api", 4) as fleet:
        async with httpx.AsyncClient(timeout=60, headers=headers, limits=httpx.Limits(max_connections=STORM)) as client:

            async def call(n: int) -> int:
                wanted = {
                    "sobject": "Account",
                    "limit": 1,
                    "filters": [{"field": "AnnualRevenue", "operator": "gt", "value": n}],
                }
                return (await client.post(f"{fleet.members[n % 4].url}/listRecords", json={"data": wanted})).status_code

            await asyncio.gather(*(call(n) for n in range(8)))
            await asyncio.to_thread(control, org, "expire", {"username": "sales@localorg.test"})
            control(org, "counters/reset")
            began = time.perf_counter()
            statuses = await asyncio.gather(*(call(n) for n in range(STORM)))
            seconds = time.perf_counter() - began
    counters = control(org, "counters")
    asked = sum(n for kind, n in counters.items() if kind.startswith("rest."))
    right = statuses.count(200)
    return {
        "refreshes": counters.get("token.refresh_token", 0),
        "rejected": asked - right,
        "answered": right,
        "seconds": round(seconds, 2),
    }


if __name__ == "__main__":
    main()
