"""A new instance: from the start of its process to the first answer, and where the time goes, by package."""

import os
import re
import subprocess
import sys
import time
from collections import Counter

import httpx2 as httpx

from bench.results import keep
from bench.table import show, spread
from devtools import ports
from devtools.clients import App, authorize
from devtools.paths import ROOT
from devtools.suite import UNLIMITED, Plan, Suite, function_environment

RUNS, SHOWN = 9, 12


def _imports(plan: Plan) -> Counter[str]:
    """Milliseconds that each package's own modules take to import, as Python itself counts them."""
    program = "import functions_framework._cli, gunicorn.app.base, uvicorn_worker, main"
    environment = {**os.environ, **function_environment(plan), "FUNCTION_TARGET": "api"}
    command = [sys.executable, "-X", "importtime", "-c", program]
    done = subprocess.run(command, cwd=ROOT / "functions", env=environment, capture_output=True, text=True, check=True)
    found: Counter[str] = Counter()
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", done.stderr):
        top = name.split(".")
        package = ".".join(top[:2]) if top[0] == "google" else top[0]
        found["(standard library)" if package in sys.stdlib_module_names else package] += int(own)
    return found


def main() -> None:
    free = ports.free()
    plan = Plan(free, f"demo-cold-{free.hub}", user_requests=UNLIMITED)
    times: list[float] = []
    with Suite(plan, lambda _part, _line: None):
        app = App(plan.app_url, free.url("auth"), f"127.0.0.1:{free.localorg}")
        app.sign_in(authorize(free.url("localorg")))
        port = ports.some(1)[0]
        address = {"HOST": "127.0.0.1", "PORT": str(port), "FUNCTION_TARGET": "api"}
        environment = {**os.environ, **function_environment(plan), **address}
        with httpx.Client(timeout=30, headers={"Authorization": f"Bearer {app.id_token}"}) as client:
            for _ in range(RUNS):
                began = time.perf_counter()
                command = [sys.executable, "-m", "functions_framework", "--asgi", "--source", "main.py"]
                process = subprocess.Popen(
                    command,
                    cwd=ROOT / "functions",
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                try:
                    while not ports.answers(port):
                        time.sleep(0.002)
                    assert client.post(f"http://127.0.0.1:{port}/getProfile", json={"data": {}}).status_code == 200
                    times.append(time.perf_counter() - began)
                finally:
                    process.terminate()
                    process.wait()
        packages = [_imports(plan) for _ in range(3)][-1]
    show(
        f"A new instance, median of {RUNS}",
        ("", "time"),
        [("process start to first answer of a data call", spread(times, "s", 2))],
    )
    print()
    rows = [(name, f"{microseconds / 1000:.0f} ms") for name, microseconds in packages.most_common(SHOWN)]
    show(
        "Where the start goes: import time of each package's own modules (with -X importtime, which slows it down)",
        ("package", "time"),
        rows,
    )
    keep("cold", {"seconds": sorted(round(t, 3) for t in times), "imports": dict(packages.most_common(SHOWN))})


if __name__ == "__main__":
    main()
