"""What a month costs for so many users: `make bench ARGS=cost` measures what a call, a refresh, a sign-in and a start
of an instance take, and prices it. With WRITE=1 the figures go into bench/results.json, the tables into docs/cost.md.
"""

import gzip
import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import psutil

from bench import results, table
from bench.firestore_bill import FirestoreBill
from bench.taps import BEFORE, taps
from devtools import ports
from devtools.clients import SALES, App, authorize, control
from devtools.fleet import FreshFleet
from devtools.paths import ROOT
from devtools.suite import UNLIMITED, Plan, Suite

PAGE = ROOT / "docs/cost.md"
BEGIN, END = "<!-- {}: make bench ARGS=cost -->", "<!-- end of {} -->"
USERS = (10, 1_000, 100_000)

# A working day. Nothing of it is measured: change it for your people.
TAPS = 50  # a user's, in HOURS; each more than a minute after the one before, so that nothing is remembered of it
HOURS, DAYS = 8, 21
# Of ten taps.
MIX = {"home": 2, "list": 3, "record with its lists": 3, "search": 1, "save with conflict check": 0.5, "create": 0.5}
SALESFORCE_SECONDS = 0.3  # a tap takes as long
REFRESHES = 4  # a user's in a day: Salesforce's session time-out is two hours by default
STARTS = 20  # instances that start in a day beside those of the upkeep
RELEASES = 1  # in a month; each is downloaded by every user once
# What `make deploy` sets up.
UPKEEPS, CHECK_PLACES, CHECKS = 24 * 30, 6, 2
MINUTES = 60 * 24 * 30
MEMORY_GIB, AT_ONCE, TARGET = 0.5, 160, 0.6  # Cloud Run starts another instance at six tenths
REQUEST_LOG_BYTES = 1_000  # Cloud Run's own line of a request, by others' reports; ours is measured
BLOCKS_SECONDS = 2  # while calls come, an instance reads the list of blocks so often
IMAGES_GB, SECRET_VERSIONS = 0.9, 2

# Dollars. (price, free a month, unit); docs/cost.md says from which pages, and when they were read.
PRICES: Mapping[str, tuple[float, float, float]] = {
    "processor seconds": (0.000024, 180_000, 1),
    "memory, GiB seconds": (0.0000025, 360_000, 1),
    "requests": (0.40, 2_000_000, 1_000_000),
    "reads of (default)": (0.06, 50_000 * 30, 100_000),
    "reads of blocks": (0.06, 0, 100_000),
    "writes": (0.18, 20_000 * 30, 100_000),
    "deletes": (0.02, 20_000 * 30, 100_000),
    "Firestore, GiB kept": (0.18, 1, 1),
    "Hosting, GB sent": (0.15, 0.36 * 30, 1),
    "log, GiB": (0.50, 50, 1),
    "uptime checks": (0.30, 1_000_000, 1_000),
    "alerts, conditions": (1.50, 0, 1),
    "alerts, time series": (0.35, 0, 1_000_000),
    "active users": (0.0055, 49_999, 1),
    "secrets, versions": (0.06, 6, 1),
    "secrets, accesses": (0.03, 10_000, 10_000),
    "scheduler, jobs": (0.10, 3, 1),
    "images, GB": (0.10, 0.5, 1),
    "Cloud KMS, signatures": (0.03, 0, 10_000),
}
CHEAP_CONDITION = 0.10  # what others have named since; docs/cost.md
PARTS: Mapping[str, tuple[str, ...]] = {
    "functions (Cloud Run)": ("processor seconds", "memory, GiB seconds", "requests"),
    "Firestore": ("reads of (default)", "reads of blocks", "writes", "deletes", "Firestore, GiB kept"),
    "Hosting": ("Hosting, GB sent",),
    "Firebase Authentication": ("active users",),
    "log": ("log, GiB",),
    "uptime checks and alerts": ("uptime checks", "alerts, conditions", "alerts, time series"),
    "secrets, scheduler, images": ("secrets, versions", "secrets, accesses", "scheduler, jobs", "images, GB"),
}
# What a Chromium takes of the site on its first visit.
_CLIENT = ("snapshot.bin.gz", "pyodide.asm.wasm", "pyodide.asm.mjs", "main.dart.wasm", "skwasm.wasm", "app.tar.gz")
_REPEATS = 100


def main() -> None:
    figures = measured()
    print(tables(figures))
    results.keep("cost", figures)
    if results.written():
        write(figures)


def write(figures: Mapping[str, Any]) -> None:
    """Puts the tables between their comments in docs/cost.md."""
    text = PAGE.read_text()
    for name, lines in sections(figures).items():
        head, _, rest = text.partition(BEGIN.format(name))
        _, _, tail = rest.partition(END.format(name))
        text = f"{head}{BEGIN.format(name)}\n{lines}\n{END.format(name)}{tail}"
    PAGE.write_text(text)


# Measured


def measured() -> dict[str, Any]:
    """For each kind of request: processor seconds, what Firestore charges, bytes of the answer and of the log."""
    free = ports.free()
    plan = Plan(free, f"demo-cost-{free.hub}", user_requests=UNLIMITED)
    kinds: dict[str, dict[str, Any]] = {}
    with Suite(plan, lambda _part, _line: None), FirestoreBill(free.firestore) as bill:
        org = free.url("localorg")
        control(org, "limit", {"remaining": 100_000_000})
        app = App(plan.app_url, free.url("auth"), f"127.0.0.1:{free.localorg}")
        app.sign_in(authorize(org))
        settings = {"FIRESTORE_EMULATOR_HOST": bill.address, "READABLE_LOG": "no"}
        with FreshFleet(plan, "api", 1, _Lines.say, **settings) as api, httpx.Client(timeout=60) as client:
            client.headers["Authorization"] = f"Bearer {app.id_token}"
            member = api.members[0]
            url, pid = member.url, member.process.pid
            before = bill.counts.copy()
            client.post(f"{url}/getProfile", json={"data": {}}).raise_for_status()
            _settle()
            kinds["start of an instance"] = {"processor": round(_cpu(pid), 3), **bill.since(before)}
            for tap in taps(client, url):
                if tap.name in BEFORE:  # those that can be done again and again as they are
                    data = tap.prepare()
                    data.pop("version", None)
                    kinds[tap.name] = _call(client, f"{url}/{tap.call}", data, pid, bill)
                    print(f"{tap.name}: {kinds[tap.name]}", flush=True)
            time.sleep(65)  # until the instance has forgotten the user
            before = bill.counts.copy()
            client.post(f"{url}/getProfile", json={"data": {}}).raise_for_status()
            _settle()
            kinds["a tap a minute later"] = bill.since(before)
            kinds["refresh"] = _refresh(client, url, org, pid, bill, kinds["profile"]["processor"])
        with FreshFleet(plan, "auth", 1, _Lines.say, **settings) as auth:
            member = auth.members[0]
            url, pid = member.url, member.process.pid
            with httpx.Client(timeout=60) as client:
                kinds["sign-in options"] = _call(client, f"{url}/getSignInOptions", {}, pid, bill)
            kinds["sign-in"] = _sign_in(plan, url, pid, bill)
        with FreshFleet(plan, "upkeep", 1, _Lines.say, **settings) as upkeep:
            member = upkeep.members[0]
            httpx.post(member.url, timeout=60).raise_for_status()
            before, cpu = bill.counts.copy(), _cpu(member.process.pid)
            httpx.post(member.url, timeout=60).raise_for_status()
            kinds["upkeep"] = {"processor": round(_cpu(member.process.pid) - cpu, 4), **bill.since(before)}
    lines = [line for line in _Lines.all if '"message":"call"' in line]
    site = [f for f in (ROOT / "build/web").rglob("*") if f.is_file() and f.name in _CLIENT]
    client_bytes = sum(min(len(b), len(gzip.compress(b))) for b in (f.read_bytes() for f in site))
    return {"kinds": kinds, "logBytes": round(sum(map(len, lines)) / len(lines)), "clientBytes": client_bytes}


class _Lines:
    """What the functions have logged."""

    all: list[str] = []  # noqa: RUF012

    @classmethod
    def say(cls, line: str) -> None:
        cls.all.append(line)


def _settle() -> None:
    time.sleep(3)  # what is written behind the answer


def _cpu(pid: int) -> float:
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(p.cpu_times().user + p.cpu_times().system for p in tree)


def _call(client: httpx.Client, url: str, data: Mapping[str, Any], pid: int, bill: FirestoreBill) -> dict[str, Any]:
    size = len(client.post(url, json={"data": data}).raise_for_status().content)
    before, cpu = bill.counts.copy(), _cpu(pid)
    for _ in range(_REPEATS):
        sent = dict(data)
        if url.endswith("/updateRecord"):
            sent["fields"] = {"Phone": f"+49 30 {time.monotonic_ns()}"}
        if url.endswith("/createRecord"):
            sent["idempotencyKey"] = uuid4().hex  # as the app does
        client.post(url, json={"data": sent}).raise_for_status()
    used, counted = _cpu(pid) - cpu, bill.since(before)
    return {
        "processor": round(used / _REPEATS, 5),
        "bytes": size,
        **{name: round(n / _REPEATS, 3) for name, n in counted.items()},
    }


def _refresh(
    client: httpx.Client, url: str, org: str, pid: int, bill: FirestoreBill, tap: float, count: int = 8
) -> dict[str, Any]:
    before, cpu = bill.counts.copy(), _cpu(pid)
    for _ in range(count):
        control(org, "expire", {"username": SALES})
        client.post(f"{url}/getProfile", json={"data": {}}).raise_for_status()
    counted = {name: round(n / count, 2) for name, n in bill.since(before).items()}
    return {"processor": round(max(0.0, (_cpu(pid) - cpu) / count - tap), 4), **counted}


def _sign_in(plan: Plan, url: str, pid: int, bill: FirestoreBill, count: int = 8) -> dict[str, Any]:
    before, cpu = bill.counts.copy(), _cpu(pid)
    for _ in range(count):
        app = App(url, plan.ports.url("auth"), f"127.0.0.1:{plan.ports.localorg}")
        app.call("signIn", app.sign_in_body(authorize(plan.ports.url("localorg"))))
        app.http.close()
    counted = {name: round(n / count, 2) for name, n in bill.since(before).items()}
    return {"processor": round((_cpu(pid) - cpu) / count, 4), **counted}


# Reckoned


def used(figures: Mapping[str, Any], users: int) -> dict[str, float]:
    """What so many users use up in a month, by the names of PRICES."""
    kinds = figures["kinds"]

    def tap(what: str) -> float:
        return sum(part * kinds[name].get(what, 0) for name, part in MIX.items()) / sum(MIX.values())

    cpu, sent = tap("processor"), tap("bytes")
    calls, refreshes, sign_ins = users * TAPS * DAYS, users * REFRESHES * DAYS, users
    checks = CHECK_PLACES * MINUTES
    starts = STARTS * 30 + UPKEEPS
    busy, instances = _busy(calls / DAYS, cpu)
    used: defaultdict[str, float] = defaultdict(float)
    # Cloud Run rounds each use of an instance up to a tenth of a second; a start is charged too.
    processor = busy * DAYS + checks * 0.1 + starts * math.ceil(10 * kinds["start of an instance"]["processor"]) / 10
    used["processor seconds"] = processor + UPKEEPS * 1 + sign_ins * 2 * SALESFORCE_SECONDS
    used["memory, GiB seconds"] = MEMORY_GIB * used["processor seconds"]
    used["requests"] = calls + checks + 3 * sign_ins + UPKEEPS
    for kind, times in (
        ("a tap a minute later", calls), ("refresh", refreshes), ("sign-in", sign_ins),
        ("sign-in options", checks), ("upkeep", UPKEEPS), ("start of an instance", starts),
    ):  # fmt: skip
        for name, n in kinds[kind].items():
            if name in PRICES:
                used[name] += n * times
    used["writes"] += calls * tap("writes")
    used["deletes"] += calls * tap("deletes")
    # The list of blocks is no user's: an instance reads it every two seconds at most. Under the emulators both are one.
    blocks = min(calls, instances * HOURS * 3600 / BLOCKS_SECONDS * DAYS)
    used["reads of blocks"] += blocks
    used["reads of (default)"] -= min(calls, used["reads of (default)"])
    history = 12 * refreshes * kinds["refresh"].get("bytes of history", 0)
    used["Firestore, GiB kept"] = (history + users * 4_000) / 2**30
    used["Hosting, GB sent"] = (calls * sent + users * RELEASES * figures["clientBytes"]) / 1e9
    used["log, GiB"] = (calls + checks) * (figures["logBytes"] + REQUEST_LOG_BYTES) / 2**30
    used["uptime checks"] = CHECKS * checks
    used["alerts, conditions"] = conditions()
    used["alerts, time series"] = conditions() * MINUTES * 2
    used["active users"] = users
    used["secrets, versions"] = SECRET_VERSIONS
    used["secrets, accesses"] = SECRET_VERSIONS * starts
    used["scheduler, jobs"] = 1
    used["images, GB"] = IMAGES_GB
    return dict(used)


def conditions() -> int:
    """How many conditions the alerts have."""
    files = (ROOT / "deploy/monitoring/policies").glob("*.json")
    return sum(len(json.loads(file.read_text())["conditions"]) for file in files)


def _busy(calls: float, cpu: float) -> tuple[float, int]:
    """Seconds of a day for which instances have something to do, and how many instances there are: calls come evenly
    and by chance through the working hours, and an instance that has one takes others beside it.
    """
    rate, seconds = calls / (HOURS * 3600), math.ceil(10 * (SALESFORCE_SECONDS + cpu)) / 10
    instances = max(1, math.ceil(rate * seconds / (AT_ONCE * TARGET)), math.ceil(rate * cpu / TARGET))
    return HOURS * 3600 * instances * (1 - math.exp(-rate * seconds / instances)), instances


def dollars(name: str, amount: float, *, free: bool) -> float:
    """The price of so much of one thing in a month, with or without what is free."""
    price, without, unit = PRICES[name]
    return price * max(0.0, amount - (without if free else 0)) / unit


def sections(figures: Mapping[str, Any]) -> dict[str, str]:
    """The tables of docs/cost.md by name."""
    return {"cost of each": _each(figures), "cost": _months(figures), "use": _uses(figures)}


def tables(figures: Mapping[str, Any]) -> str:
    """All of them, one after another."""
    return "\n\n".join(sections(figures).values())


def _each(figures: Mapping[str, Any]) -> str:
    head = ("what", "processor", "reads", "writes", "deletes", "bytes of the answer")
    rows = [
        (
            name,
            f"{1000 * kind['processor']:.1f} ms" if "processor" in kind else "",
            f"{sum(n for what, n in kind.items() if what.startswith('reads')):g}",
            f"{kind.get('writes', 0):g}",
            f"{kind.get('deletes', 0):g}",
            f"{kind['bytes']:,}" if "bytes" in kind else "",
        )
        for name, kind in figures["kinds"].items()
    ]
    return table.lines(head, rows)


def _months(figures: Mapping[str, Any]) -> str:
    uses = [used(figures, users) for users in USERS]
    rows: list[tuple[object, ...]] = []
    for part, names in PARTS.items():
        rows.append((part, *(_money(sum(dollars(n, use[n], free=True) for n in names if n in use)) for use in uses)))
    totals = [sum(dollars(n, use[n], free=True) for names in PARTS.values() for n in names if n in use) for use in uses]
    whole = [sum(dollars(n, use[n], free=False) for names in PARTS.values() for n in names if n in use) for use in uses]
    rows.append(("**a month**", *(f"**{_money(t)}**" for t in totals)))
    rows.append(("a user and month", *(_money(t / users, 4) for t, users in zip(totals, USERS, strict=True))))
    cheap = [conditions() * (PRICES["alerts, conditions"][0] - CHEAP_CONDITION)] * len(USERS)
    less = [total - saved for total, saved in zip(totals, cheap, strict=True)]
    rows.append((f"a month, should a condition cost {CHEAP_CONDITION:.2f} $", *map(_money, less)))
    rows.append(("without what is free", *map(_money, whole)))
    key = [dollars("Cloud KMS, signatures", users * (REFRESHES * DAYS + 1), free=True) + 0.06 for users in USERS]
    rows.append(("on top with a client key in Cloud KMS", *map(_money, key)))
    return table.lines(("", *(f"{users:,} users" for users in USERS)), rows)


def _uses(figures: Mapping[str, Any]) -> str:
    uses = [used(figures, users) for users in USERS]
    rows: list[tuple[object, ...]] = []
    for name in (name for names in PARTS.values() for name in names):
        price, free, unit = PRICES[name]
        amounts = [f"{use.get(name, 0):,.{2 if use.get(name, 0) < 10 else 0}f}" for use in uses]
        rows.append((name, *amounts, f"{_plain(price)} $ for {unit:,.0f}", _plain(free)))
    return table.lines(("in a month", *(f"{users:,} users" for users in USERS), "price", "free in a month"), rows)


def _plain(number: float) -> str:
    """Without an exponent."""
    return f"{number:,.7f}".rstrip("0").rstrip(".")


def _money(amount: float, digits: int = 2) -> str:
    return f"{amount:,.{digits}f} $"


if __name__ == "__main__":
    main()
