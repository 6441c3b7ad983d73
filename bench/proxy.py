"""Ours beside version 0.2.0, the functions that a user would write today, nginx, and the upstream alone: the same list
of 25 accounts; and beside version 0.2.0 a single record.

Everybody runs as one process on this machine, with the emulators of Firestore and of Firebase Authentication (whose ID
tokens have no signature: what everybody checks is their content). The upstream is of fixed speed; each request differs.
wrk asks, in rounds that take turns. The figures go into build/bench (bench/results.py).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any

import httpx2 as httpx
import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import firestore

from bench.builds import RELEASE
from bench.grpc_counter import GrpcCounter
from bench.release import Released, released
from bench.results import SHORT, keep
from bench.table import show
from bench.tables import beside, counted, slowest_hundredth
from devtools import ports
from devtools.clients import CONSUMER_KEY, CONSUMER_SECRET, App, authorize, control, exchange
from devtools.fleet import FreshFleet
from devtools.paths import ROOT, tool_path
from devtools.processes import leashed
from devtools.setup_machine import npm
from devtools.suite import UNLIMITED, Plan, Suite, function_environment

QUICK = os.environ.get(SHORT, "") == "1"
ROUNDS, SECONDS = (
    int(os.environ.get("BENCH_ROUNDS", "3" if QUICK else "5")),
    int(os.environ.get("BENCH_SECONDS", "2" if QUICK else "3")),
)
# Beside version 0.2.0, in turns: a machine's speed may change within seconds, and a pair of runs sees the same of it.
PAIRS, PAIR_SECONDS = 6 if QUICK else 20, 2
STANDING_SECONDS = 10  # so many calls, that the first of each connection are no hundredth of them
DELAYS, CONNECTIONS, COUNTED = ((0,), (64,), 100) if QUICK else ((0, 100), (1, 64, 256), 200)
_LEAST_CPU = 0.5  # seconds
PEERS = ROOT / "bench/peers"
FIELDS = "Id, Name, Industry, Type, BillingCity, BillingCountry, Phone, SystemModstamp"
LIST = (
    '{"data": {"sobject": "Account", "limit": 25, "filters": [{"field": "AnnualRevenue", "operator": "gt", "value":'
    " %d}]}}"
)
RECORD = '{"data": {"sobject": "Account", "id": "001%015d"}}'
PEER = '{"data": {"revenue": %d}}'
THREADS = "80"  # functions-framework's default of 4 for each processor would answer 80 calls a second at 100 ms
NGINX = """
daemon off; master_process off; worker_rlimit_nofile 4096; error_log {folder}/error.log; pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream salesforce {{ server 127.0.0.1:{upstream}; keepalive 512; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024; keepalive_requests 1000000000;
    location / {{ proxy_pass http://salesforce; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@dataclass(frozen=True)
class Server:
    """Something that answers; `pid` is that of all its processes' parent, `body` has a number that changes, `token` is
    there where it takes another one than the others.
    """

    name: str
    url: str
    body: str
    pid: int
    token: str = ""


@dataclass(frozen=True)
class Load:
    """One run of wrk: calls a second, milliseconds, processor microseconds a call; NaN where that is too little to be
    measured.
    """

    rate: float
    p50: float
    p99: float
    cpu: float


def need(name: str, package: str) -> str:
    """The path of a program; installed with apt-get where this machine lets us.

    Raises SystemExit that says what to install.
    """
    if shutil.which(name) is None and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
        ):
            subprocess.run(command, check=False, capture_output=True)
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing: install it (on Debian apt-get install {package})")
    return found


@contextmanager
def running(command: list[str], port: int, cwd: Path, env: Mapping[str, str]) -> Generator[int]:
    process = subprocess.Popen(
        leashed(command),
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while not ports.answers(port) or process.poll() is not None:
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"did not start: {' '.join(command)}")
            time.sleep(0.05)
        yield process.pid
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ends a process, at once where it does not end by itself in time."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _python_peer(plan: Plan, env: Mapping[str, str], port: int) -> tuple[list[str], Path, dict[str, str]]:
    command = [sys.executable, "-m", "functions_framework", "--target", "list_accounts", "--source", "main.py"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    return command, PEERS / "python", {**function_environment(plan), **env, "THREADS": THREADS}


def _node_peer(plan: Plan, env: Mapping[str, str], port: int) -> tuple[list[str], Path, dict[str, str]]:
    command = [
        "node",
        "node_modules/@google-cloud/functions-framework/build/src/main.js",
        "--target=listAccounts",
        f"--port={port}",
    ]
    return (
        command,
        PEERS / "node",
        {**function_environment(plan), **env, "NODE_ENV": "production", "PATH": tool_path(dict(os.environ))},
    )


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(pid: int) -> float:
    return sum(p.cpu_times().user + p.cpu_times().system for p in _tree(pid))


def _memory(pid: int) -> float:
    """Megabytes of the process that serves and of its parents, without the leash: their proportional set size, and
    where the system does not tell that (only Linux does) what each has for itself.
    """
    each = [p.memory_full_info() for p in _tree(pid)[1:] or _tree(pid)]
    return sum(getattr(one, "pss", one.uss) for one in each) / 1e6


def load(wrk: str, server: Server, token: str, connections: int, seconds: int = SECONDS) -> Load:
    before = _cpu(server.pid)
    command = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(ROOT / "bench/wrk.lua"),
        server.url,
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "TOKEN": server.token or token, "BODY": server.body},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, duration, p50, p99, wrong = map(int, line.split()[1:])
    if wrong:
        raise SystemExit(f"✗ {server.name} answered {wrong} of {requests} requests wrong, or not at all")
    spent = _cpu(server.pid) - before
    # The kernel counts in hundredths of a second.
    cpu = spent / max(1, requests) * 1e6 if spent >= _LEAST_CPU else float("nan")
    return Load(requests / duration * 1e6, p50 / 1000, p99 / 1000, cpu)


def _counted(server: Server, token: str, counter: GrpcCounter | None, upstream: str) -> tuple[float | None, float]:
    """Requests to Firestore (None: not counted) and to Salesforce a call, over warm calls one after another; all answer
    with the same 25 records.
    """
    with httpx.Client(timeout=30, headers={"Authorization": f"Bearer {server.token or token}"}) as client:

        def ask(n: int) -> None:
            answer = client.post(server.url, json=json.loads(server.body % n))
            assert answer.status_code == 200, f"{server.name}: {answer.text[:300]}"
            assert answer.text.count('"Industry"') in (25, 26), f"{server.name}: {answer.text[:300]}"

        for n in range(100):
            ask(10_000_000 + n)
        reads, asked = counter.count if counter else 0, int(client.get(f"{upstream}/bench/count").text)
        for n in range(COUNTED):
            ask(20_000_000 + n)
        used = int(client.get(f"{upstream}/bench/count").text) - asked
        return ((counter.count - reads) / COUNTED if counter else None), used / COUNTED


def _answer(org: str) -> bytes:
    token = exchange(org, authorize(org))["access_token"]
    soql = f"SELECT {FIELDS} FROM Account WHERE AnnualRevenue > 0 ORDER BY Name LIMIT 25"
    return httpx.get(
        f"{org}/services/data/v66.0/query", params={"q": soql}, headers={"Authorization": f"Bearer {token}"}
    ).content


@dataclass(frozen=True)
class Stage:
    """What every run stands on: the suite, the upstream of fixed speed, and an app that is signed in."""

    plan: Plan
    folder: Path
    org: str
    upstream: str
    upstream_pid: int
    app: App

    @property
    def token(self) -> str:
        assert self.app.id_token
        return self.app.id_token


@contextmanager
def stage() -> Generator[Stage]:
    free = ports.free()
    plan = Plan(free, f"demo-bench-{free.hub}", user_requests=UNLIMITED)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(Suite(plan, lambda _part, _line: None))
        org, port = free.url("localorg"), ports.some(1)[0]
        (folder / "answer.json").write_bytes(_answer(org))
        command = [sys.executable, "-m", "bench.upstream", str(port), org, str(folder / "answer.json")]
        pid = stack.enter_context(running(command, port, ROOT, {}))
        upstream = f"http://127.0.0.1:{port}"
        control(org, "move", {"instanceUrl": upstream})
        control(org, "limit", {"remaining": 100_000_000})
        app = App(plan.app_url, free.url("auth"), f"127.0.0.1:{free.localorg}")
        app.sign_in(authorize(org))
        yield Stage(plan, folder, org, upstream, pid, app)


def main() -> None:
    wrk, nginx = need("wrk", "wrk"), need("nginx", "nginx-light")
    if not (PEERS / "node/node_modules/.package-lock.json").exists():
        path = {**os.environ, "PATH": tool_path(dict(os.environ))}
        subprocess.run(
            [*npm(), "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=PEERS / "node", env=path, check=True
        )
    with stage() as on, ExitStack() as stack:
        plan, folder, org, upstream, token = on.plan, on.folder, on.org, on.upstream, on.token
        port = int(upstream.rsplit(":", 1)[1])
        _store_for_peers(plan, org, upstream, str(on.app.call("api/getProfile")["user"]["uid"]))
        query = f"{upstream}/services/data/v66.0/query"
        env = {
            "SALESFORCE_CONSUMER_KEY": CONSUMER_KEY,
            "SALESFORCE_CONSUMER_SECRET": CONSUMER_SECRET,
            "SALESFORCE_LOGIN_URL": org,
        }
        env["GOOGLE_APPLICATION_CREDENTIALS"] = str(_account(folder / "account.json", plan.project))
        peers: list[tuple[str, str, Callable[..., tuple[list[str], Path, dict[str, str]]]]] = [
            ("Python function", "list_accounts", _python_peer),
            ("Node function", "listAccounts", _node_peer),
        ]

        def start(inner: ExitStack, firestore_at: str) -> list[Server]:
            fleet = inner.enter_context(
                FreshFleet(plan, "api", 1, READABLE_LOG="no", FIRESTORE_EMULATOR_HOST=firestore_at)
            )
            found = [Server("ours", f"{fleet.members[0].url}/listRecords", LIST, fleet.members[0].process.pid)]
            for name, path, command in peers:
                at = ports.some(1)[0]
                what, cwd, environment = command(plan, {**env, "FIRESTORE_EMULATOR_HOST": firestore_at}, at)
                pid = inner.enter_context(running(what, at, cwd, environment))
                found.append(Server(name, f"http://127.0.0.1:{at}/{path}", PEER, pid))
            return found

        counts: dict[str, tuple[float | None, float]] = {}
        with GrpcCounter(plan.ports.firestore) as counter, ExitStack() as counting:
            for server in start(counting, counter.address):
                counts[server.name] = _counted(server, token, counter, upstream)
            old = counting.enter_context(released(plan, counter.address))
            counts[RELEASE] = _counted(_released(old), token, counter, upstream)
        servers = start(stack, f"127.0.0.1:{plan.ports.firestore}")
        at = ports.some(1)[0]
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, upstream=port, port=at))
        pid = stack.enter_context(running([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], at, folder, {}))
        servers.append(Server("nginx", f"http://127.0.0.1:{at}/services/data/v66.0/query", PEER, pid))
        servers.append(Server("upstream alone", query, PEER, on.upstream_pid))
        before = _released(stack.enter_context(released(plan)))
        servers.insert(1, before)
        for server in servers[-2:]:
            counts[server.name] = _counted(server, token, None, upstream)
        for server in servers:
            load(wrk, server, token, 64, 1)  # warm
        loads = _measure(wrk, servers, token, upstream)
        pairs = _pairs(wrk, servers[0], before, on)
        standing = {one.name: load(wrk, one, token, 64, STANDING_SECONDS) for one in (servers[0], before)}
        memory = {server.name: _memory(server.pid) for server in servers}
    _report(servers, loads, pairs, standing, counts, memory)


def _released(old: Released) -> Server:
    return Server(RELEASE, f"{old.url}/listRecords", LIST, old.pid, old.token)


def _pairs(wrk: str, ours: Server, before: Server, on: Stage) -> dict[str, list[tuple[Load, Load]]]:
    """A list and a single record, of ours and of version 0.2.0, at 64 connections."""
    httpx.post(f"{on.upstream}/bench/delay?ms=0")
    both = {
        "list of 25": (ours, before),
        "single record": tuple(
            replace(one, url=one.url.replace("listRecords", "getRecord"), body=RECORD) for one in (ours, before)
        ),
    }
    pairs: dict[str, list[tuple[Load, Load]]] = {what: [] for what in both}
    for n in range(PAIRS + 1):  # the first warms
        for what, (now, then) in both.items():
            if n % 2 == 0:
                found = load(wrk, now, on.token, 64, PAIR_SECONDS), load(wrk, then, on.token, 64, PAIR_SECONDS)
            else:
                found = load(wrk, then, on.token, 64, PAIR_SECONDS), load(wrk, now, on.token, 64, PAIR_SECONDS)
                found = found[1], found[0]
            if n:
                pairs[what].append(found)
    return pairs


def concurrency() -> None:
    """How many calls at once one instance carries when Salesforce is 300 ms away."""
    wrk = need("wrk", "wrk")
    rows: list[tuple[object, ...]] = []
    with stage() as on, FreshFleet(on.plan, "api", 1, READABLE_LOG="no") as fleet:
        member = fleet.members[0]
        server = Server("ours", f"{member.url}/listRecords", LIST, member.process.pid)
        load(wrk, server, on.token, 64)
        httpx.post(f"{on.upstream}/bench/delay?ms=300")
        for connections in (80, 160, 250, 500, 1000):
            found = [load(wrk, server, on.token, connections) for _ in range(ROUNDS)]
            rate, p50, p99, cpu = (
                median(getattr(load, what) for load in found) for what in ("rate", "p50", "p99", "cpu")
            )
            rows.append(
                (
                    connections,
                    f"{rate:,.0f}",
                    f"{p50:.0f} ms",
                    f"{p99:.0f} ms",
                    f"{rate * cpu / 10_000:.0f} %",
                    f"{_memory(server.pid):.0f} MB",
                )
            )
    show(
        f"Calls at once in one instance, upstream 300 ms, medians of {ROUNDS}",
        ("at once", "calls/s", "p50", "p99", "of one processor", "memory"),
        rows,
    )
    keep("concurrency", [list(row) for row in rows])


def _measure(wrk: str, servers: list[Server], token: str, upstream: str) -> dict[tuple[int, int, str], list[Load]]:
    loads: dict[tuple[int, int, str], list[Load]] = {}
    for n in range(ROUNDS):
        for delay in DELAYS:
            httpx.post(f"{upstream}/bench/delay?ms={delay}")
            for connections in CONNECTIONS:
                for server in servers if n % 2 == 0 else reversed(servers):
                    loads.setdefault((delay, connections, server.name), []).append(
                        load(wrk, server, token, connections)
                    )
    return loads


def _account(file: Path, project: str) -> Path:
    """A service account of nowhere: firebase-admin wants one before it asks the emulator, which does not look at it."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "type": "service_account",
        "project_id": project,
        "client_email": f"bench@{project}.iam.gserviceaccount.com",
        "private_key": pem,
    }
    file.write_text(
        json.dumps(account | {"client_id": "1", "private_key_id": "1", "token_uri": "http://127.0.0.1:9/token"})
    )
    return file


def _store_for_peers(plan: Plan, org: str, upstream: str, uid: str) -> None:
    """What the peers' own sign-in would have stored."""
    os.environ["FIRESTORE_EMULATOR_HOST"] = f"127.0.0.1:{plan.ports.firestore}"
    tokens = exchange(org, authorize(org))
    kept = {"accessToken": tokens["access_token"], "refreshToken": tokens["refresh_token"], "instanceUrl": upstream}
    firestore.Client(project=plan.project).collection("peerTokens").document(uid).set(kept)
    del os.environ["FIRESTORE_EMULATOR_HOST"]


def _report(
    servers: list[Server],
    loads: dict[tuple[int, int, str], list[Load]],
    pairs: dict[str, list[tuple[Load, Load]]],
    standing: dict[str, Load],
    counts: dict[str, tuple[float | None, float]],
    memory: dict[str, float],
) -> None:
    kept: list[dict[str, Any]] = []
    for delay in DELAYS:
        rows: list[tuple[object, ...]] = []
        for connections in CONNECTIONS:
            ours = median(load.rate for load in loads[delay, connections, "ours"])
            for server in servers:
                found = loads[delay, connections, server.name]
                rate, p50, p99, cpu = (
                    median(getattr(load, what) for load in found) for what in ("rate", "p50", "p99", "cpu")
                )
                measured = None if isnan(cpu) else round(cpu)
                row = {
                    "upstreamMs": delay,
                    "connections": connections,
                    "server": server.name,
                    "callsPerSecond": round(rate, 1),
                }
                kept.append(row | {"p50Ms": round(p50, 2), "p99Ms": round(p99, 2), "cpuMicroseconds": measured})
                rows.append(
                    (
                        connections,
                        server.name,
                        f"{rate:,.0f}",
                        f"{p50:.1f} ms",
                        f"{p99:.1f} ms",
                        "–" if measured is None else f"{measured:,} µs",
                        f"{ours / rate:.2f} ×",
                    )
                )
        head = ("connections", "", "calls/s", "p50", "p99", "CPU a call", "ours is")
        show(f"A list of 25 accounts, upstream {delay} ms, medians of {ROUNDS} rounds of {SECONDS} s", head, rows)
        print()
    rows = [
        (s.name, f"{memory[s.name]:.0f} MB", counted(counts[s.name][0]), f"{counts[s.name][1]:.2f}") for s in servers
    ]
    show("What a call takes", ("", "memory after the load", "Firestore requests", "Salesforce requests"), rows)
    each = {
        s.name: {
            "memoryMb": round(memory[s.name]),
            "firestoreRequests": counts[s.name][0],
            "salesforceRequests": counts[s.name][1],
        }
        for s in servers
    }
    half: dict[str, dict[str, Any]] = {}
    for what, found in pairs.items():
        ratios = sorted(round(now.cpu / then.cpu, 2) for now, then in found)
        both = [round(median(one.cpu for one in of)) for of in zip(*found, strict=True)]
        half[what] = {"cpuMicroseconds": both, "ratios": ratios}
    slowest = {name: {"p50Ms": round(one.p50, 1), "p99Ms": round(one.p99, 1)} for name, one in standing.items()}
    print(f"\n{beside(half)}\n\n{slowest_hundredth(slowest, STANDING_SECONDS)}")
    kept_figures = {"rounds": ROUNDS, "seconds": SECONDS, "loads": kept, "perCall": each, "beside": half}
    keep("proxy", {**kept_figures, "standing": {"seconds": STANDING_SECONDS, "servers": slowest}})


if __name__ == "__main__":
    main()
