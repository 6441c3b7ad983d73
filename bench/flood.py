"""A flood of made-up sign-ins: what it costs, and how long a real sign-in takes beside it."""

import asyncio
import threading
import time
from collections import Counter
from statistics import median

from bench.results import keep
from bench.table import show
from devtools import ports
from devtools.clients import App, authorize, control, flood, made_up_sign_in
from devtools.fleet import Fleet
from devtools.suite import Plan, Suite

SIGN_INS = 30


def _sign_ins(plan: Plan, url: str) -> list[float]:
    """Milliseconds of the call, for people who sign in one after another."""
    took: list[float] = []
    for _ in range(SIGN_INS):
        app = App(
            url, plan.ports.url("auth"), f"127.0.0.1:{plan.ports.localorg}", headers={"X-Forwarded-For": "192.0.2.1"}
        )
        authorization = authorize(plan.ports.url("localorg"))
        began = time.perf_counter()
        app.call("signIn", app.sign_in_body(authorization))
        took.append(1000 * (time.perf_counter() - began))
        app.http.close()
    return took


def main() -> None:
    free = ports.free()
    plan = Plan(free, f"demo-flood-{free.hub}")
    org = free.url("localorg")
    with Suite(plan, lambda _part, _line: None), Fleet(plan, "auth", 1) as auth:
        url, ended, over = auth.members[0].url, Counter[str](), threading.Event()

        def flood_until_over() -> None:
            while not over.is_set():
                ended.update(
                    asyncio.run(
                        flood(
                            [url], [made_up_sign_in(f"127.0.0.1:{free.localorg}") for _ in range(500)], "198.51.100.9"
                        )
                    )
                )

        _sign_ins(plan, url)
        quiet = _sign_ins(plan, url)
        control(org, "counters/reset")
        began, flooding = time.perf_counter(), threading.Thread(target=flood_until_over)
        flooding.start()
        beside = _sign_ins(plan, url)
        over.set()
        flooding.join()
        seconds = time.perf_counter() - began
        asked = control(org, "counters")["token.authorization_code"] - SIGN_INS
    sent = sum(ended.values())
    rows = [
        ("made-up sign-ins sent", f"{sent:,} in {seconds:.0f} s"),
        ("of them asked of Salesforce, and kept in Firestore", str(asked)),
        ("a real sign-in, quiet", f"{median(quiet):.0f} ms, slowest {max(quiet):.0f} ms"),
        (
            "a real sign-in beside the flood",
            f"{median(beside):.0f} ms, slowest {max(beside):.0f} ms; {SIGN_INS} of {SIGN_INS} went through",
        ),
    ]
    show("A flood of made-up sign-ins from one address, 100 at a time, at one process", ("", ""), rows)
    keep("flood", [list(row) for row in rows])
