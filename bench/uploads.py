"""Memory of one process of the function while it has many files in its hands at once, beside what it takes idle.

`python -m bench uploads`; UPLOADS and UPLOAD_MB say how many and how large. The local org takes part in it on the same
machine, so the seconds say nothing of Salesforce; the memory is the function's own.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote

import httpx2 as httpx
import psutil

from bench.table import show
from contract.files import BYTES, DATA_HEADER, MAX_FILE
from devtools import loopback, ports
from devtools.clients import App, authorize
from devtools.fleet import Fleet
from devtools.suite import UNLIMITED, Plan, Suite

COUNT = int(os.environ.get("UPLOADS", "20"))
SIZE = int(float(os.environ.get("UPLOAD_MB", "20")) * 2**20)
_PIECE = 64 * 1024
_LOOK_SECONDS = 0.05


def _memory(pid: int) -> int:
    """The proportional set size of a process and its children, in bytes."""
    family = psutil.Process(pid)
    return sum(p.memory_full_info().pss for p in (family, *family.children(recursive=True)))


async def _peak(pid: int, work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """The most memory in MB that a process had during `work`, and the seconds that this took."""
    begun, most = time.perf_counter(), 0
    task = asyncio.ensure_future(work())
    while not task.done():
        most = max(most, await asyncio.to_thread(_memory, pid))
        await asyncio.wait({task}, timeout=_LOOK_SECONDS)
    await task
    return most / 2**20, time.perf_counter() - begun


async def main() -> None:
    assert SIZE <= MAX_FILE
    content = random.Random(1).randbytes(SIZE)
    free = ports.free()
    with Suite(Plan(free, f"demo-bench-{free.hub}", user_requests=UNLIMITED), lambda _part, _line: None) as suite:
        app = App(suite.plan.app_url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")
        app.sign_in(authorize(suite.plan.ports.url("localorg")))
        account = app.call("api/createRecord", {"sobject": "Account", "fields": {"Name": "Uploads"}})["id"]
        with Fleet(suite.plan, "api", 1) as fleet:
            member = fleet.members[0]
            asked = {"sobject": "Account", "id": account, "name": "file.bin"}
            bearer = {"Authorization": f"Bearer {app.id_token}"}
            up = {**bearer, "Content-Type": BYTES, DATA_HEADER: quote(json.dumps(asked))}
            versions: list[str] = []
            async with loopback.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=COUNT)) as http:

                async def pieces() -> AsyncIterator[bytes]:
                    for first in range(0, SIZE, _PIECE):
                        yield content[first : first + _PIECE]

                async def upload() -> None:
                    headers = {**up, "Content-Length": str(SIZE)}
                    answer = await http.post(f"{member.url}/uploadFile", content=pieces(), headers=headers)
                    assert answer.status_code == 200, answer.text
                    versions.append(answer.json()["result"]["id"])

                async def download(version: str) -> None:
                    body, got = {"data": {"id": version}}, 0
                    async with http.stream("POST", f"{member.url}/getFile", json=body, headers=bearer) as answer:
                        async for piece in answer.aiter_bytes():
                            got += len(piece)
                    assert got == SIZE

                async def all_up() -> None:
                    await asyncio.gather(*(upload() for _ in range(COUNT)))

                async def all_down() -> None:
                    await asyncio.gather(*(download(version) for version in versions[:COUNT]))

                await upload()
                await download(versions[0])
                idle = _memory(member.process.pid) / 2**20
                rows = [("idle, after one of each", f"{idle:.0f} MB", "")]
                for what, work in ((f"{COUNT} uploads at once", all_up), (f"{COUNT} downloads at once", all_down)):
                    most, seconds = await _peak(member.process.pid, work)
                    rows.append((what, f"{most:.0f} MB", f"{seconds:.1f} s"))
    show(f"One process of `api`, files of {SIZE / 2**20:.0f} MB", ("", "memory (PSS)", "took"), rows)
