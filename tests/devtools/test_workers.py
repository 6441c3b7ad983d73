"""The processes of a function under the emulator: few, for many calls at once; what happens to one call happens to no
other.
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

from devtools import loopback
from devtools.clients import SALES, authorize, control
from devtools.paths import ROOT, tool_path
from devtools.suite import REGION
from tests.devtools.runs import Gate, Run, wait_until

ACCOUNTS = {"sobject": "Account", "limit": 5}
MOST_WORKERS = 3


def caller(run: Run, function: str) -> httpx.AsyncClient:
    """Calls a function, with no limit to how many calls at once."""
    url = f"{run.ports.url('functions')}/{run.project}/{REGION}/{function}/"
    return loopback.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=None))


def workers(run: Run, function: str) -> int:
    """How many servers of the function run; each has a child that takes the calls."""
    targets: dict[int, tuple[int, str | None]] = {}
    for process in run.processes():
        with suppress(psutil.Error):  # it has ended meanwhile
            targets[process.pid] = process.ppid(), process.environ().get("FUNCTION_TARGET")
    return sum(target == function and targets.get(parent, (0, None))[1] is None for parent, target in targets.values())


def test_the_functions_of_the_first_tap_start_by_themselves(edited: Run) -> None:
    wait_until(lambda: workers(edited, "auth") == workers(edited, "api") == 1, "they have not started")


def edit(file: Path) -> None:
    file.write_text(file.read_text() + "\n# edited\n")


async def hold(client: httpx.AsyncClient, gate: Gate, count: int) -> list[asyncio.Task[httpx.Response]]:
    """Calls that are under way in one process until the gate is there."""
    before = int((await client.get("held")).text)
    calls = [asyncio.create_task(client.get("hold", params={"until": str(gate.path)})) for _ in range(count)]
    await until(lambda: answers(client, "held", text=str(before + count)))
    return calls


async def answers(
    client: httpx.AsyncClient, path: str, *, text: str | None = None, other_than: str | None = None
) -> bool:
    """Whether the function answers at all, and with this text, or another."""
    answer = await client.get(path)
    return answer.status_code == 200 and text in (None, answer.text) and answer.text != other_than


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 120
    while not await is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_two_hundred_calls_at_once_on_an_expired_token_end_in_ten_seconds_with_one_refresh(edited: Run) -> None:
    org, app = edited.ports.url("localorg"), edited.app()
    await asyncio.to_thread(lambda: app.sign_in(authorize(org)))
    await asyncio.to_thread(lambda: app.call("api/listRecords", ACCOUNTS))
    control(org, "expire", {"username": SALES})
    control(org, "counters/reset")
    headers = {"Authorization": f"Bearer {app.id_token}"}
    async with loopback.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None), headers=headers) as client:
        begun = time.monotonic()
        given = await asyncio.gather(
            *(
                client.post(
                    f"{edited.ports.url('hosting')}/api/listRecords",
                    json={
                        "data": ACCOUNTS | {"filters": [{"field": "Name", "operator": "ne", "value": f"Nobody {n}"}]}
                    },
                )
                for n in range(200)
            )
        )
        seconds = time.monotonic() - begun
    assert Counter(answer.status_code for answer in given) == {200: 200}
    assert control(org, "counters")["token.refresh_token"] == 1
    assert workers(edited, "api") <= MOST_WORKERS
    assert seconds < 10


async def test_a_reload_loses_none_of_fifty_calls_and_gives_later_ones_to_a_new_process(
    edited: Run, gate: Gate
) -> None:
    main = edited.root / "functions/main.py"
    async with caller(edited, "wide") as client:
        calls = await hold(client, gate, 50)
        old = (await client.get("pid")).text
        edit(main)
        await until(lambda: answers(client, "pid", other_than=old))
        gate.open()
        assert {(answer.status_code, answer.text) for answer in await asyncio.gather(*calls)} == {(200, old)}
    wait_until(lambda: not psutil.pid_exists(int(old)), "the process of before is left")


async def test_a_call_that_fails_ends_no_other_and_a_process_that_dies_only_its_own(edited: Run, gate: Gate) -> None:
    async with caller(edited, "wide") as client, caller(edited, "narrow") as elsewhere:
        (other,) = [asyncio.create_task(elsewhere.get("hold", params={"until": str(gate.path)}))]
        calls = await hold(client, gate, 5)
        assert (await client.get("raise")).status_code == 500
        assert not any(call.done() for call in calls)
        for answer in (await client.get("die"), *await asyncio.gather(*calls)):
            assert (answer.status_code, answer.json()["error"]["status"]) == (503, "UNAVAILABLE")
        await until(lambda: answers(client, "pid"))
        gate.open()
        assert (await other).status_code == 200


async def test_a_call_that_takes_too_long_is_told_so_and_its_process_goes_on(edited: Run, gate: Gate) -> None:
    async with caller(edited, "brief") as client:
        before = (await client.get("pid")).text
        answer = await client.get("hold", params={"until": str(gate.path)})
        assert (answer.status_code, answer.json()["error"]["status"]) == (504, "DEADLINE_EXCEEDED")
        assert (await client.get("pid")).text == before
    gate.open()


async def test_a_full_process_gets_another_beside_it_and_there_are_three_at_most(edited: Run, gate: Gate) -> None:
    async with caller(edited, "narrow") as client:
        calls: list[asyncio.Task[httpx.Response]] = []
        while workers(edited, "narrow") < MOST_WORKERS:
            calls.append(asyncio.create_task(client.get("hold", params={"until": str(gate.path)})))
            await asyncio.sleep(0.1)
        calls += [asyncio.create_task(client.get("hold", params={"until": str(gate.path)})) for _ in range(20)]
        gate.open()
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
    assert workers(edited, "narrow") == MOST_WORKERS


@pytest.mark.parametrize("name", ["RuntimeWorkerPool.getIdleWorker", "RuntimeWorker"])
def test_nothing_starts_when_a_private_name_of_firebase_tools_has_moved(name: str) -> None:
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node
    module = "./devtools/node_modules/firebase-tools/lib/emulator/functionsRuntimeWorker"
    moved = f"delete require('{module}').{name.replace('.', '.prototype.')}"
    command = [node, "-e", f"{moved}; require('./devtools/workers.cjs')"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.strip() == f"✗ firebase-tools has no {name} any more, which devtools/workers.cjs changes"
