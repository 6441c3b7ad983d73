"""Which HTTP client carries the calls to Salesforce: the same upstream, the same 64 concurrent requests, in turn."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp
import httpx2 as httpx

from bench.results import keep
from bench.table import show
from localorg import EmbeddedOrg, OrgSettings

REQUESTS, CONCURRENT, ROUNDS = 2000, 64, 5
Get = Callable[[], Awaitable[object]]


async def _measure(get: Get) -> tuple[float, float]:
    """(requests a second, processor microseconds a request) of this process, which also serves the upstream."""
    gate = asyncio.Semaphore(CONCURRENT)

    async def one() -> None:
        async with gate:
            await get()

    started, cpu = time.perf_counter(), time.thread_time()
    await asyncio.gather(*(one() for _ in range(REQUESTS)))
    return REQUESTS / (time.perf_counter() - started), (time.thread_time() - cpu) / REQUESTS * 1e6


async def main() -> None:
    with EmbeddedOrg(OrgSettings(accounts=5)) as org:
        url = f"{org.url}/services/data"
        figures: dict[str, list[tuple[float, float]]] = {"aiohttp": [], "httpx2": []}
        limits = httpx.Limits(max_connections=CONCURRENT, max_keepalive_connections=CONCURRENT)
        async with aiohttp.ClientSession() as session, httpx.AsyncClient(limits=limits) as client:

            async def with_aiohttp() -> object:
                async with session.get(url) as response:
                    return await response.read()

            async def with_httpx() -> object:
                return (await client.get(url)).content

            for _ in range(ROUNDS):
                figures["aiohttp"].append(await _measure(with_aiohttp))
                figures["httpx2"].append(await _measure(with_httpx))
    rates = {name: median(r for r, _ in rounds) for name, rounds in figures.items()}
    cpu = {name: median(c for _, c in rounds) for name, rounds in figures.items()}
    rows = [
        (name, f"{rates[name]:.0f}", f"{cpu[name]:.0f} µs", f"{cpu['httpx2'] / cpu[name]:.1f} ×") for name in figures
    ]
    show(
        f"HTTP clients, {CONCURRENT} concurrent requests to the local org, medians of {ROUNDS}",
        ("client", "requests/s", "CPU each", "ratio"),
        rows,
    )
    keep("http", rows)
