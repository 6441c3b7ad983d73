"""The local org under load: simple reads by 64 clients, and one query on a million accounts beside plain SQLite."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import aiohttp
import httpx2 as httpx

from bench.table import show
from devtools import ports
from devtools.clients import ADMIN, authorize, exchange
from devtools.paths import ROOT
from localorg.schema.text import register

CLIENTS, REQUESTS, MILLION = 64, 4000, 1_000_000
QUERIES = {
    "by Name": "SELECT Id, Name, Industry FROM Account WHERE Name = 'Willow Health 1200'",
    "by Id": "SELECT Id, Name FROM Account WHERE Id = '{id}'",
    "newest 25": "SELECT Id, Name FROM Account ORDER BY CreatedDate DESC LIMIT 25",
    "with contacts": "SELECT Id, (SELECT Id, Name FROM Contacts) FROM Account WHERE Name = 'Willow Health 1200'",
}


@contextmanager
def _served(data: Path, accounts: int) -> Generator[tuple[str, float]]:
    """A running org: its address, and the seconds until it answered."""
    port = ports.free().localorg
    command = [
        sys.executable,
        "-m",
        "localorg.cli",
        "serve",
        "--data",
        str(data),
        "--port",
        str(port),
        "--accounts",
        str(accounts),
    ]
    started = time.perf_counter()
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                # The port listens at once and answers when the org is made.
                httpx.get(f"{url}/services/data", timeout=600)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield url, time.perf_counter() - started
    finally:
        running.terminate()
        running.wait()


async def _load(url: str, token: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        base = f"{url}/services/data/v66.0"
        async with session.get(f"{base}/query", params={"q": "SELECT Id FROM Account LIMIT 1"}) as answer:
            record_id = (await answer.json())["records"][0]["Id"]
        targets = {
            "one record by id": (f"{base}/sobjects/Account/{record_id}?fields=Name,Phone", None),
            "one query by name": (f"{base}/query", {"q": "SELECT Id, Name FROM Account WHERE Name = 'Alder Foods'"}),
        }
        for name, (address, parameters) in targets.items():
            gate = asyncio.Semaphore(CLIENTS)

            async def one(
                address: str = address, parameters: dict[str, str] | None = parameters, gate: asyncio.Semaphore = gate
            ) -> None:
                async with gate, session.get(address, params=parameters) as answer:
                    await answer.read()
                    assert answer.status == 200

            started = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(REQUESTS)))
            rows.append((name, f"{REQUESTS / (time.perf_counter() - started):.0f}"))
    return rows


async def _queries(url: str, token: str, file: Path) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
            register(db)
            middle = db.execute("SELECT Id FROM Account LIMIT 1 OFFSET 500000").fetchone()[0]
            plain: list[float] = []
            for _ in range(20):
                started = time.perf_counter()
                db.execute(
                    "SELECT Id, Name, Industry FROM Account WHERE Name = ? AND IsDeleted = 0", ("Willow Health 1200",)
                ).fetchall()
                plain.append(1000 * (time.perf_counter() - started))
        for name, text in QUERIES.items():
            times: list[float] = []
            for _ in range(20):
                started = time.perf_counter()
                async with session.get(
                    f"{url}/services/data/v66.0/query", params={"q": text.replace("{id}", middle)}
                ) as answer:
                    body = await answer.json()
                    assert body["records"], name
                times.append(1000 * (time.perf_counter() - started))
            rows.append((name, f"{median(times):.1f} ms", f"{max(times):.1f} ms"))
        rows.append(("(the first, in SQLite itself)", f"{median(plain):.3f} ms", f"{max(plain):.3f} ms"))
    return rows


async def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="localorg-"))
    try:
        with _served(folder / "small", 200) as (url, _):
            token = await asyncio.to_thread(lambda: exchange(url, authorize(url))["access_token"])
            show(f"Local org, {CLIENTS} clients at once", ("request", "a second"), await _load(url, token))
        print()
        with _served(folder / "large", MILLION) as (url, taken):
            token = await asyncio.to_thread(lambda: exchange(url, authorize(url, ADMIN))["access_token"])
            rows = await _queries(url, token, folder / "large/org.sqlite3")
        show(f"One query on {MILLION:,} accounts (made in {taken:.0f} s)", ("query", "median of 20", "slowest"), rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
