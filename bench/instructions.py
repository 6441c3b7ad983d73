"""How many instructions a call takes, of ours and of version 0.2.0, as valgrind counts them: the same number on a noisy
machine, where times differ by half. What the kernel does for a call is not among them.

Each function is served by uvicorn, as functions-framework serves it, and asked by wrk on 64 connections, for a short
and for a longer time; the difference is that of the calls.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from bench.builds import RELEASE, sources
from bench.proxy import LIST, RECORD, Server, end, load, need, stage
from bench.release import released
from bench.results import keep
from bench.table import show
from bench.tables import instruction_rows
from devtools import ports
from devtools.paths import ROOT
from devtools.suite import function_environment

SECONDS = (3, 15)
_SERVES = """
import sys, uvicorn
from functions_framework.aio import create_asgi_app
uvicorn.run(create_asgi_app("api", "main.py", "http"), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A function to serve: its folder, its environment, and the ID token that it takes."""

    name: str
    folder: Path
    environment: Mapping[str, str]
    token: str


def main() -> None:
    need("valgrind", "valgrind")
    wrk = need("wrk", "wrk")
    kept: dict[str, dict[str, int]] = {}
    with stage() as on, released(on.plan) as old:
        now = {**function_environment(on.plan), "READABLE_LOG": "no"}
        programs = (
            Program("now", ROOT / "functions", now, on.token),
            Program(RELEASE, sources() / "functions", {**old.environment, "READABLE_LOG": "no"}, old.token),
        )
        for what, path, body in (("list of 25", "listRecords", LIST), ("single record", "getRecord", RECORD)):
            for program in programs:
                short, long = (_counted(program, path, body, wrk, seconds, on.upstream) for seconds in SECONDS)
                kept.setdefault(what, {})[program.name] = round((long[1] - short[1]) / (long[0] - short[0]))
    show("Instructions, counted by valgrind", *instruction_rows(kept))
    keep("instructions", kept)


def _counted(program: Program, path: str, body: str, wrk: str, seconds: int, upstream: str) -> tuple[int, int]:
    """How many calls a program has answered, and how many instructions it took from its start to its end."""
    port = ports.some(1)[0]
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}", sys.executable, "-c", _SERVES]
        before = _asked(upstream)
        process = subprocess.Popen(
            [*command, str(port)],
            cwd=program.folder,
            env={
                **os.environ,
                **program.environment,
                "FUNCTION_TARGET": "api",
                "PYTHONHASHSEED": "0",
                "PYTHONPATH": "",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not ports.answers(port):
                if process.poll() is not None:
                    raise SystemExit(f"✗ {program.name} did not start under valgrind")
                time.sleep(0.2)
            server = Server(program.name, f"http://127.0.0.1:{port}/{path}", body, process.pid, program.token)
            load(wrk, server, "", 64, seconds)
            asked = -1
            while asked != (now := _asked(upstream)):  # until all that were asked are answered
                asked = now
                time.sleep(1)
        finally:
            end(process)
        totals = [line for line in counted.read_text(errors="replace").splitlines() if line.startswith("totals:")]
        return asked - before, sum(int(line.split()[1]) for line in totals)


def _asked(upstream: str) -> int:
    """How many requests have come to the upstream."""
    return int(httpx.get(f"{upstream}/bench/count").text)


if __name__ == "__main__":
    main()
