"""From navigation to what a person sees and can use: three engines, headless, with software rendering. The page's own marks are read."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.table import show, spread
from devtools import ports, web
from devtools.browsers import CHROMIUM_FLAGS, Tab
from devtools.paths import ROOT, chromium, firefox, tool_path, webkit
from devtools.suite import UNLIMITED, Plan, Suite

ROUNDS = 2
_MARKS = "() => performance.getEntriesByType('mark').map((mark) => [mark.name, mark.startTime])"
_STANDS = "() => performance.getEntriesByName('stands').length > 0"
# From the finger's touch to the frame after which the list is in the semantics tree.
_WATCH = """(text) => {
  const host = document.querySelector("flt-semantics-host"), root = host.parentElement;
  let began = 0;
  window.painted = 0;
  addEventListener("pointerdown", () => { began = performance.now(); }, { once: true, capture: true });
  new MutationObserver((_, observer) => {
    const there = [...document.querySelectorAll("flt-semantics")].some((e) => `${e.getAttribute("aria-label")} ${e.textContent}`.includes(text));
    if (began && there) { observer.disconnect(); requestAnimationFrame(() => { window.painted = performance.now() - began; }); }
  }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


def _visit(context: BrowserContext, url: str) -> tuple[Page, dict[str, float]]:
    page = context.new_page()
    page.goto(url, wait_until="commit")
    Tab(page, url).until(_STANDS)
    return page, _seconds(page.evaluate(_MARKS))


def _seconds(marks: list[tuple[str, float]]) -> dict[str, float]:
    return {name: at / 1000 for name, at in marks}


def _signed_out(browser: Browser, url: str, times: dict[str, list[float]]) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    for visit in ("first visit", "second visit"):
        page, marks = _visit(context, url)
        times[f"Chromium, {visit}: sign-in button"].append(marks["shows sign-in"])
        times[f"Chromium, {visit}: the app stands"].append(marks["stands"])
        page.close()
    context.close()


def _signed_in(browser: Browser, url: str, times: dict[str, list[float]]) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    tab = Tab(context.new_page(), url)
    tab.open()
    tab.sign_in()
    tab.until("() => localStorage.getItem('FletSecureStorage.picture') !== null")
    kept = context.storage_state()
    context.close()
    context = browser.new_context(viewport={"width": 390, "height": 844}, storage_state=kept)
    for visit in ("empty cache", "full cache"):
        page, marks = _visit(context, url)
        times[f"Chromium, signed in, {visit}: home as a picture"].append(marks["shows picture"])
        times[f"Chromium, signed in, {visit}: live home"].append(marks["stands"])
        tab = Tab(page, url)
        tab.wake()
        tab.sees("Open pipeline")
        if visit == "full cache":
            _tap(tab, times)
        page.close()
    context.close()


def _tap(tab: Tab, times: dict[str, list[float]]) -> None:
    for seen in (False, True):
        tab.page.evaluate(_WATCH, "Alder Energy")
        tab.go("Accounts")
        tab.sees(re.compile("Sorted by"))
        tab.until("() => window.painted > 0")
        times[f"Chromium, tap to painted list, {'seen before' if seen else 'first time'}"].append(tab.page.evaluate("window.painted") / 1000)
        tab.go("Home")
        tab.sees("Open pipeline")


def _other_engines(url: str, times: dict[str, list[float]]) -> None:
    environment = {**os.environ, "PATH": tool_path(dict(os.environ)), "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
    found, display = webkit(), shutil.which("xvfb-run")
    commands: dict[str, list[str]] = {}
    if (path := firefox()) is not None:
        commands["Firefox"] = ["node", "bench/engines/firefox.js", path, url]
    if found is not None and display is not None:
        commands["WebKit"] = [display, "-a", sys.executable, "bench/engines/webkit.py", *found, url]
    for engine, command in commands.items():
        with tempfile.TemporaryDirectory() as home:
            own = {**environment, "HOME": home, "XDG_RUNTIME_DIR": home}
            lines = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=True).stdout.splitlines()
        for visit, line in zip(("first visit", "second visit"), lines, strict=True):
            marks = _seconds(json.loads(line))
            times[f"{engine}, {visit}: sign-in button"].append(marks["shows sign-in"])
            times[f"{engine}, {visit}: the app stands"].append(marks["stands"])


def main() -> None:
    if web.is_stale():
        web.build()
    free = ports.free()
    times: dict[str, list[float]] = defaultdict(list)
    with Suite(Plan(free, f"demo-bench-{free.hub}", user_requests=UNLIMITED), lambda _part, _line: None) as suite:
        for n in range(ROUNDS + 1):  # the first warms the machine's file cache and the functions
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
                _signed_out(browser, suite.plan.app_url, times)
                _signed_in(browser, suite.plan.app_url, times)
                browser.close()
            _other_engines(suite.plan.app_url, times)
            if n == 0:
                times.clear()
    rows = [(name, spread(values, "s", 2)) for name, values in times.items()]
    show(f"First frame, median of {ROUNDS} (range)", ("what", "time"), rows)
