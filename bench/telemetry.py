"""What telemetry costs: the same process with it off, on as when it is deployed (one call in a hundred), and on for
every call.
"""

import sys
from contextlib import ExitStack
from statistics import median

from bench.proxy import LIST, Load, Server, load, need, running, stage
from bench.results import keep
from bench.table import show
from devtools import ports
from devtools.fleet import FreshFleet
from devtools.paths import ROOT

ROUNDS = 24
WAYS = {"off": "", "off, another process": "", "1 % of the calls": "1", "every call": "100"}


def main() -> None:
    wrk = need("wrk", "wrk")
    with stage() as on, ExitStack() as stack:
        sink = ports.some(1)[0]
        stack.enter_context(running([sys.executable, "-m", "bench.sink", str(sink)], sink, ROOT, {}))
        servers: list[Server] = []
        for way, percent in WAYS.items():
            telemetry = {"TELEMETRY": f"http://127.0.0.1:{sink}", "TELEMETRY_PERCENT": percent} if percent else {}
            member = stack.enter_context(FreshFleet(on.plan, "api", 1, lambda _line: None, **telemetry)).members[0]
            servers.append(Server(way, f"{member.url}/listRecords", LIST, member.process.pid))
        for server in servers:
            load(wrk, server, on.token, 64)  # warm
        rounds: list[dict[str, Load]] = []
        for n in range(ROUNDS):  # each way goes first as often as the others
            turn = servers[n % 4 :] + servers[: n % 4]
            rounds.append({s.name: load(wrk, s, on.token, 64) for s in turn})
    rows: list[tuple[object, ...]] = []
    for way in WAYS:
        rate, cpu = median(r[way].rate for r in rounds), median(r[way].cpu for r in rounds)
        slower, dearer = (
            median(100 * (getattr(r[way], w) / getattr(r["off"], w) - 1) for r in rounds) for w in ("rate", "cpu")
        )
        rows.append((way, f"{rate:,.0f}", f"{slower:+.1f} %", f"{cpu:,.0f} µs", f"{dearer:+.1f} %"))
    show(
        f"Telemetry, 64 connections, medians of {ROUNDS} rounds in turns",
        ("spans of", "calls/s", "", "CPU a call", ""),
        rows,
    )
    keep("telemetry", [list(row) for row in rows])
