"""What proofs of possession cost: the same data call of two users of one process, one with Bearer tokens and one with
tokens that are bound to a key (DPoP), in turns; and one request alone, sent from this process, which is less at the
mercy of what else the machine does.
"""

import asyncio
import time
from statistics import median

import uvloop

from backend.adapters.dpop import new_key
from backend.adapters.salesforce_http import Http
from backend.values import Secret
from bench.proxy import LIST, Load, Server, load, need, stage
from bench.results import keep
from bench.table import show
from devtools.clients import ADMIN, App
from devtools.fleet import FreshFleet

ROUNDS = 16
WAYS = ("Bearer", "Bearer once more", "DPoP")
BATCHES, BATCH, AT_ONCE = 40, 400, 16


async def _sent(url: str) -> list[tuple[float, float]]:
    """Processor microseconds of one request with a Bearer token and of one with a bound token, batch by batch."""
    http, key, token = Http(), new_key(), Secret("x" * 112)

    async def batch(key: Secret | None) -> float:
        before = time.process_time()
        for _ in range(BATCH // AT_ONCE):
            sent = (http.send("GET", url, seconds=30, token=token, key=key) for _ in range(AT_ONCE))
            await asyncio.gather(*sent)
        return (time.process_time() - before) / BATCH * 1e6

    found = [(await batch(None), await batch(key)) for _ in range(BATCHES + 1)]
    await http.close()
    return found[1:]


def main() -> None:
    wrk = need("wrk", "wrk")
    with stage() as on, FreshFleet(on.plan, "api", 1) as fleet:
        bound = App(on.plan.app_url, on.plan.ports.url("auth"), f"127.0.0.1:{on.plan.ports.localorg}")
        bound.sign_in_bound(on.org, ADMIN)
        assert bound.id_token
        tokens = dict(zip(WAYS, (on.token, on.token, bound.id_token), strict=True))
        member = fleet.members[0]
        server = Server("ours", f"{member.url}/listRecords", LIST, member.process.pid)
        for token in tokens.values():
            load(wrk, server, token, 64)  # warm
        rounds: list[dict[str, Load]] = []
        for n in range(ROUNDS):  # each way goes first as often as the others
            turn = WAYS[n % 3 :] + WAYS[: n % 3]
            rounds.append({way: load(wrk, server, tokens[way], 64) for way in turn})
        sent = uvloop.run(_sent(f"{on.upstream}/services/data/v66.0/query?q=SELECT+Id"))
    rows: list[tuple[object, ...]] = []
    for way in WAYS:
        rate, cpu = median(r[way].rate for r in rounds), median(r[way].cpu for r in rounds)
        more = median(r[way].cpu - r["Bearer"].cpu for r in rounds)
        rows.append((way, f"{rate:,.0f}", f"{cpu:,.0f} µs", f"{more:+,.0f} µs"))
    show(
        f"A data call with a proof of its key, 64 connections, medians of {ROUNDS} rounds in turns",
        ("access token", "calls/s", "CPU a call", "more than Bearer", "failed"),
        rows,
    )
    print()
    pairs = [(f"{bearer:,.0f} µs", f"{bound:,.0f} µs") for bearer, bound in (map(median, zip(*sent, strict=True)),)]
    more = median(bound - bearer for bearer, bound in sent)
    show(
        f"One request sent, processor time, medians of {BATCHES} batches in turns",
        ("Bearer", "DPoP", "more"),
        [(*pairs[0], f"{more:+,.0f} µs")],
    )
    keep("dpop", {"calls": [list(row) for row in rows], "request": [*pairs[0], f"{more:+.0f} µs"]})
