"""What each part of a data call costs: the same server with one part more each time (bench/floor_server.py)."""

import os
import sys
from contextlib import ExitStack
from statistics import median
from typing import Any

from bench.proxy import LIST, ROUNDS, SECONDS, Load, Server, load, need, running, stage
from bench.results import keep
from bench.table import show
from devtools import ports
from devtools.paths import ROOT
from devtools.suite import function_environment

STEPS = {
    "raw": "a constant from a raw ASGI application, under uvicorn",
    "framework": "the same from an async function, as functions-framework serves it by itself",
    "application": "the same from an async function, as it is served here",
    "id_token": "+ ID token verified, caller admitted",
    "decode": "+ request decoded",
    "salesforce": "+ request to Salesforce",
    "flow": "+ describe, SOQL, the answer of 25 rows read, records made",
    "encode": "+ answer encoded",
    "whole": "+ deadline, CORS, telemetry (off), log line: the backend as it is",
}


def main() -> None:
    wrk = need("wrk", "wrk")
    loads: dict[str, list[Load]] = {}
    with stage() as on, ExitStack() as stack:
        servers: list[Server] = []
        for name in STEPS:
            port = ports.some(1)[0]
            command = [sys.executable, "-m", "functions_framework", "--asgi", "--target", name]
            command += ["--source", str(ROOT / "bench/floor_server.py"), "--host", "127.0.0.1", "--port", str(port)]
            path = os.pathsep.join((str(ROOT), str(ROOT / "functions")))
            environment = {
                **function_environment(on.plan),
                "READABLE_LOG": "no",
                "FUNCTION_TARGET": name,
                "PYTHONPATH": path,
            }
            pid = stack.enter_context(running(command, port, ROOT / "functions", environment))
            servers.append(Server(name, f"http://127.0.0.1:{port}/listRecords", LIST, pid))
        for n in range(ROUNDS + 1):  # the first warms
            for server in servers:
                found = load(wrk, server, on.token, 64, SECONDS if n else 1)
                if n:
                    loads.setdefault(server.name, []).append(found)
    rows: list[tuple[object, ...]] = []
    kept: list[dict[str, Any]] = []
    before = 0.0
    for name, words in STEPS.items():
        cpu, least = median(one.cpu for one in loads[name]), min(one.cpu for one in loads[name])
        more = "" if name in ("raw", "framework", "application") else f"{cpu - before:+,.0f} µs"
        rows.append(
            (words, f"{cpu:,.0f} µs", more, f"{least:,.0f} µs", f"{median(one.rate for one in loads[name]):,.0f}")
        )
        kept.append({"step": words, "cpuMicroseconds": round(cpu), "least": round(least)})
        before = cpu
    head = ("step", "CPU a call", "more than the step before", "least", "calls/s")
    show(f"A list of 25 accounts step by step, 64 connections, medians of {ROUNDS} rounds", head, rows)
    keep("floor", kept)


if __name__ == "__main__":
    main()
