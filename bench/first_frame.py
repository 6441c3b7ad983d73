"""From navigation to the first interactive frame of the web client, in headless Chromium with software rendering."""

import time

from playwright.sync_api import Page, sync_playwright

from bench.table import show, spread
from devtools import ports, web
from devtools.browsers import CHROMIUM_FLAGS
from devtools.paths import chromium
from devtools.suite import UNLIMITED, Plan, Suite

ROUNDS = 5


def _visit(page: Page, url: str) -> tuple[float, float]:
    """Seconds to the splash, and to the button that can be pressed."""
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector("#loading", state="attached")
    splash = time.perf_counter() - started
    page.wait_for_selector("flt-semantics-placeholder", state="attached", timeout=60_000)
    page.evaluate("document.querySelector('flt-semantics-placeholder').click()")
    page.get_by_role("button", name="Sign in with Salesforce").wait_for(timeout=60_000)
    return splash, time.perf_counter() - started


def main() -> None:
    if web.is_stale():
        web.build()
    free = ports.free()
    cold: list[float] = []
    warm: list[float] = []
    splash: list[float] = []
    with Suite(Plan(free, f"demo-bench-{free.hub}", user_requests=UNLIMITED), lambda _part, _line: None) as suite, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        for n in range(ROUNDS + 1):  # the first warms the machine's file cache and the function
            context = browser.new_context(viewport={"width": 390, "height": 844})
            page = context.new_page()
            first, ready = _visit(page, suite.plan.app_url)
            _, again = _visit(page, suite.plan.app_url)
            if n:
                splash.append(first)
                cold.append(ready)
                warm.append(again)
            context.close()
        browser.close()
    rows = [
        ("splash, first visit", spread(splash, "s", 2)),
        ("cold: empty browser cache", spread(cold, "s")),
        ("warm: second visit", spread(warm, "s")),
    ]
    show(f"First interactive frame, median of {ROUNDS} (range)", ("visit", "time"), rows)
