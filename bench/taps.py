"""What a tap costs on a warm instance: requests to Salesforce and Firestore, calls of functions, bytes, and time when
Salesforce is 100 ms away.

Then a storm: many different calls on an expired token over four processes.
"""

import asyncio
import time
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
# Milliseconds in version 0.1.0, measured by the same program on 25 November 2026.
BEFORE = {
    "home": 106,
    "list": 106,
    "record with its lists": 105,
    "save with conflict check": 310,
    "create": 105,
    "search": 108,
    "profile": 105,
}


def taps(client: httpx.Client, url: str) -> list[tuple[str, str, dict[str, Any]]]:
    def call(name: str, data: dict[str, Any]) -> Any:
        return client.post(f"{url}/{name}", json={"data": data}).json()["result"]

    account = call("listRecords", {"sobject": "Account", "limit": 1})["records"][0]["id"]
    return [
        ("home", "getDashboard", {}),
        ("list", "listRecords", {"sobject": "Account", "limit": 25}),
        (
            "record with its lists",
            "getRecord",
            {"sobject": "Account", "id": account, "related": ["Contacts", "Opportunities"]},
        ),
        ("save with conflict check", "updateRecord", {"sobject": "Account", "id": account, "fields": {"Phone": "1"}}),
        ("create", "createRecord", {"sobject": "Account", "fields": {"Name": "Tap"}}),
        ("search", "search", {"text": "willow"}),
        ("profile", "getProfile", {}),
    ]


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
            for name, call, data in taps(client, url):
                salesforce: list[int] = []
                reads: list[int] = []
                times: list[float] = []
                size = 0
                for n in range(RUNS + 1):
                    sent = dict(data)
                    if call == "updateRecord":
                        record = client.post(
                            f"{url}/getRecord", json={"data": {"sobject": "Account", "id": data["id"]}}
                        ).json()["result"]["record"]
                        sent |= {"version": record["version"], "fields": {"Phone": f"+49 30 {n}"}}
                    control(org, "counters/reset")
                    control(org, "faults", {"kind": "rest.*", "delayMs": 100, "times": 1000})
                    before, began = counter.count, time.perf_counter()
                    answer = client.post(f"{url}/{call}", json={"data": sent})
                    times.append(1000 * (time.perf_counter() - began))
                    control(org, "faults/clear")
                    assert answer.status_code == 200, answer.text[:300]
                    salesforce.append(_asked(org))
                    reads.append(counter.count - before)
                    size = len(answer.content)
                asked, read, took = max(salesforce[1:]), median(reads[1:]), median(times[1:])
                rows.append((name, asked, f"{read:.0f}", 1, f"{size:,}", f"{took:.0f} ms"))
                kept.append(
                    {
                        "tap": name,
                        "salesforce": asked,
                        "firestore": read,
                        "functions": 1,
                        "bytes": size,
                        "milliseconds": round(took, 1),
                        "before": BEFORE[name],
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
