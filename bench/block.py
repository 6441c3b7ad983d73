"""A block: from the administrator's command to the first refused call and the last one that went through.

Four processes of the function under load. "While Salesforce answers" the revoked token itself refuses; "while
Salesforce cannot be told" only what the processes read from Firestore does.
"""

import asyncio
import os
import sys
import time
from statistics import median

import httpx2 as httpx

from bench.table import show, spread
from devtools import ports
from devtools.clients import App, authorize, control
from devtools.fleet import Fleet
from devtools.paths import ROOT
from devtools.suite import UNLIMITED, Plan, Suite, function_environment

RUNS, CALLERS = 5, 8


async def block(fleet: Fleet, app: App, plan: Plan) -> tuple[float, float, float]:
    """Seconds from the start of the command to the first refused call, to the last answered one, and to its own end."""
    uid = app.call("api/getProfile")["user"]["uid"]
    refused: list[float] = []
    answered: list[float] = []
    over = asyncio.Event()

    async def caller(client: httpx.AsyncClient, n: int) -> None:
        while not over.is_set():
            answer = await client.post(f"{fleet.members[n % len(fleet.members)].url}/getProfile", json={"data": {}})
            (answered if answer.status_code == 200 else refused).append(time.perf_counter())

    async with httpx.AsyncClient(timeout=60, headers={"Authorization": f"Bearer {app.id_token}"}) as client:
        callers = [asyncio.create_task(caller(client, n)) for n in range(CALLERS)]
        await asyncio.sleep(1)
        refused.clear()
        environment = {**os.environ, **function_environment(plan), "PYTHONPATH": "functions"}
        began = time.perf_counter()
        command = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "backend.admin",
            "block",
            uid,
            "--by",
            "bench",
            cwd=ROOT,
            env=environment,
            stdout=-3,
            stderr=-3,
        )
        await command.wait()
        ended = time.perf_counter()
        await asyncio.sleep(4)
        over.set()
        await asyncio.gather(*callers)
    unblock = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "backend.admin",
        "unblock",
        uid,
        "--by",
        "bench",
        cwd=ROOT,
        env=environment,
        stdout=-3,
        stderr=-3,
    )
    await unblock.wait()
    return min(refused) - began, max(answered) - began, ended - began


def main() -> None:
    free = ports.free()
    plan = Plan(free, f"demo-block-{free.hub}", user_requests=UNLIMITED)
    rows: list[tuple[str, ...]] = []
    with Suite(plan, lambda _part, _line: None), Fleet(plan) as fleet:
        app = App(plan.app_url, free.url("auth"), f"127.0.0.1:{free.localorg}")
        org_url = free.url("localorg")
        control(org_url, "limit", {"remaining": 100_000_000})
        for name, status in (("while Salesforce answers", None), ("while Salesforce cannot be told", 503)):
            times: list[tuple[float, float, float]] = []
            for _ in range(RUNS):
                app.sign_in(authorize(org_url))
                if status is not None:
                    control(org_url, "faults", {"kind": "revoke", "status": status, "times": 1000})
                times.append(asyncio.run(block(fleet, app, plan)))
                control(org_url, "faults/clear")
                time.sleep(11)
            rows.append((name, *(spread([t[n] for t in times], "s", 2) for n in range(3))))
            assert median(t[0] for t in times) > 0
    show(
        "Block of one user, 4 processes, 8 callers",
        ("", "first refused call", "last answered call", "command ended"),
        rows,
    )


if __name__ == "__main__":
    main()
