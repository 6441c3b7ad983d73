"""The functions with the oldest Python that this project runs with and with the one that is deployed, in pairs: a new
instance until its first answer, and the processor time of a call.

PYTHONS="3.11 /a/path/python3.13" names others, PAIRS=5 another number. Each gets an environment of
functions/requirements.txt, as a deployment does. A Python that is missing is downloaded by uv.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx2 as httpx
import psutil

from bench.results import keep
from bench.table import show, spread
from devtools import deployed_python, ports
from devtools.clients import App, authorize
from devtools.paths import ROOT, UV
from devtools.suite import UNLIMITED, Plan, Suite, function_environment

PAIRS, WARM, CALLS = int(os.environ.get("PAIRS", "9")), 50, 200
_FOLDER = ROOT / "build/bench/runtimes"


@dataclass
class Measured:
    """What one Python took: seconds until the first answer and processor seconds of that start, processor milliseconds
    of a call, and megabytes after the calls; one entry a pair.
    """

    python: Path
    said: str
    start: list[float] = field(default_factory=list[float])
    start_cpu: list[float] = field(default_factory=list[float])
    call_cpu: list[float] = field(default_factory=list[float])
    memory: list[float] = field(default_factory=list[float])


def main() -> None:
    wanted = os.environ.get("PYTHONS", f"3.11 {deployed_python.version(deployed_python.runtime())}").split()
    pythons = [_environment(version) for version in wanted]
    free = ports.free()
    plan = Plan(free, f"demo-runtimes-{free.hub}", user_requests=UNLIMITED)
    with Suite(plan, lambda _part, _line: None):
        app = App(plan.app_url, free.url("auth"), f"127.0.0.1:{free.localorg}")
        app.sign_in(authorize(free.url("localorg")))
        with httpx.Client(timeout=60, headers={"Authorization": f"Bearer {app.id_token}"}) as client:
            for python in pythons:  # once unmeasured: it compiles what it imports
                _run(Measured(python.python, ""), plan, client)
            for pair in range(PAIRS):
                for python in pythons if pair % 2 == 0 else reversed(pythons):
                    _run(python, plan, client)
    base = pythons[0]
    rows = [
        (
            python.said,
            spread(sorted(python.start), "s", 2),
            spread(sorted(python.start_cpu), "s", 2),
            spread(sorted(python.call_cpu), "ms", 2),
            f"{median(mine / other for mine, other in zip(python.call_cpu, base.call_cpu, strict=True)):.2f} ×",
            f"{median(python.memory):.0f} MB",
        )
        for python in pythons
    ]
    columns = ("Python", "new instance to first answer", "its processor time", "processor time of a call", "in pairs")
    show(f"getProfile, {CALLS} calls one after another, {PAIRS} pairs", (*columns, "memory"), rows)
    keep("runtimes", rows)


def _environment(named: str) -> Measured:
    folder = _FOLDER / named.strip("/").replace("/", "-")
    python = folder / "bin/python"
    interpreter = named if "/" in named else deployed_python.interpreter(str(UV), named)
    subprocess.run([str(UV), "venv", "-q", "--clear", "--python", interpreter, str(folder)], check=True)
    environment = {**os.environ, "VIRTUAL_ENV": str(folder)}
    command = [str(UV), "pip", "sync", "-q", "--require-hashes", "functions/requirements.txt"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    said = subprocess.run([str(python), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return Measured(python, said)


def _run(into: Measured, plan: Plan, client: httpx.Client) -> None:
    port = ports.some(1)[0]
    address = {"HOST": "127.0.0.1", "PORT": str(port), "FUNCTION_TARGET": "api"}
    environment = {**os.environ, **function_environment(plan), **address}
    command = [str(into.python), "-m", "functions_framework", "--asgi", "--source", "main.py"]
    url = f"http://127.0.0.1:{port}/getProfile"
    began = time.perf_counter()
    process = psutil.Popen(
        command, cwd=ROOT / "functions", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not ports.answers(port):
            time.sleep(0.002)
        assert client.post(url, json={"data": {}}).status_code == 200
        into.start.append(time.perf_counter() - began)
        into.start_cpu.append(_cpu(process))
        for _ in range(WARM):
            client.post(url, json={"data": {}})
        before = _cpu(process)
        for _ in range(CALLS):
            assert client.post(url, json={"data": {}}).status_code == 200
        into.call_cpu.append(1000 * (_cpu(process) - before) / CALLS)
        into.memory.append(sum(p.memory_full_info().uss for p in _all(process)) / 1e6)
        start = f"{into.start[-1]:.2f} s, of the processor {into.start_cpu[-1]:.2f} s"
        memory = f"{into.memory[-1]:.0f} MB"
        print(f"  {into.said}: {start}; {into.call_cpu[-1]:.2f} ms a call; {memory}", file=sys.stderr, flush=True)
    finally:
        process.terminate()
        process.wait()


def _all(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    """Processor seconds of a process and those that it has started."""
    return sum(times.user + times.system for times in (p.cpu_times() for p in _all(process)))


if __name__ == "__main__":
    main()
