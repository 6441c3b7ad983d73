"""Memory of everything that `make run` starts, as the proportional set size of its processes (Linux)."""

from bench.table import show
from devtools import ports
from devtools.clients import App, authorize
from devtools.processes import descendants
from devtools.suite import Plan, Suite

_NAMES = (
    ("-jar", "java (Firestore emulator)"),
    ("firebase.js", "node (firebase-tools)"),
    ("localorg.cli", "local org"),
    ("functions-framework", "functions"),
)


def main() -> None:
    free = ports.free()
    project = f"demo-bench-{free.hub}"
    totals: dict[str, int] = {}
    with Suite(Plan(free, project), lambda _part, _line: None) as suite:
        org = suite.plan.ports.url("localorg")
        app = App(suite.plan.app_url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")
        app.sign_in(authorize(org))
        for _ in range(20):
            app.call("api/getDashboard")
        for process in descendants():
            line = " ".join(process.cmdline())
            name = next(
                (n for mark, n in _NAMES if mark in line and "devtools.leash" not in line),
                "runner's leashes" if "devtools.leash" in line else "other",
            )
            totals[name] = totals.get(name, 0) + process.memory_full_info().pss
    rows = [(name, f"{size / 2**20:.0f} MB") for name, size in sorted(totals.items(), key=lambda t: -t[1])]
    rows.append(("**sum**", f"**{sum(totals.values()) / 2**20:.0f} MB**"))
    show("Memory after a sign-in and 20 dashboards, both functions warm", ("part", "PSS"), rows)
