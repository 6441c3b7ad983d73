"""What the backend costs: a warm call through the `api` function beside the same query sent to the org directly."""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx2 as httpx

from bench.results import keep
from bench.table import show
from devtools import ports
from devtools.clients import App, authorize, exchange
from devtools.paths import ROOT
from devtools.suite import UNLIMITED, Plan, Suite, function_environment

CALLS = 300
QUERY = (
    "SELECT Name, Email, Username, Title, CompanyName, Department, Phone, MobilePhone, TimeZoneSidKey, Profile.Name"
    " FROM User LIMIT 1"
)


def _times(client: httpx.Client, request: httpx.Request) -> list[float]:
    found: list[float] = []
    for n in range(CALLS + 20):
        started = time.perf_counter()
        assert client.send(request).status_code == 200
        if n >= 20:
            found.append(1000 * (time.perf_counter() - started))
    return sorted(found)


def main() -> None:
    free = ports.free()
    own = ports.free().hosting
    with Suite(Plan(free, f"demo-bench-{free.hub}", user_requests=UNLIMITED), lambda _part, _line: None) as suite:
        org = suite.plan.ports.url("localorg")
        app = App(suite.plan.app_url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")
        app.sign_in(authorize(org))
        token = exchange(org, authorize(org, "admin@localorg.test"))["access_token"]
        # The function as production serves it: the emulator gives every busy request a process of its own.
        environment = {
            **os.environ,
            **function_environment(suite.plan),
            "FUNCTION_TARGET": "api",
            "HOST": "127.0.0.1",
            "PORT": str(own),
        }
        server = subprocess.Popen(
            [str(Path(sys.executable).parent / "functions-framework")],
            cwd=ROOT / "functions",
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        started = time.perf_counter()
        try:
            while not ports.answers(own):
                time.sleep(0.02)
            with httpx.Client(timeout=30) as client:
                headers = {"Authorization": f"Bearer {app.id_token}"}
                request = client.build_request(
                    "POST", f"http://127.0.0.1:{own}/getProfile", json={"data": {}}, headers=headers
                )
                assert client.send(request).status_code == 200
                cold = time.perf_counter() - started
                through = _times(client, request)
                hosted = client.build_request(
                    "POST", f"{suite.plan.app_url}/api/getProfile", json={"data": {}}, headers=headers
                )
                hosting = _times(client, hosted)
                parameters = {"q": QUERY}
                straight = client.build_request(
                    "GET",
                    f"{org}/services/data/v66.0/query",
                    params=parameters,
                    headers={"Authorization": f"Bearer {token}"},
                )
                direct = _times(client, straight)
        finally:
            server.terminate()
            server.wait()
    base = median(direct)
    rows = [
        (name, f"{median(t):.1f} ms", f"{t[int(len(t) * 0.95)]:.1f} ms", f"{median(t) / base:.1f} ×")
        for name, t in (
            ("the org directly", direct),
            ("through the api function", through),
            ("through Hosting and Functions emulators", hosting),
        )
    ]
    show(f"One query, {CALLS} warm calls one after another", ("way", "p50", "p95", "ratio"), rows)
    print(f"\nFrom the start of the function's process to its first answer: {cold:.2f} s")
    keep("call", rows)
