"""From navigation to what a person sees and can use: three engines, headless, with software rendering.

The page's own marks are read.
"""

import json
import os
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
_PAINTED = "() => performance.getEntriesByName('painted').length > 0"
# From the finger's touch to the end of the frame in which Flutter paints what Python sent: a place is more than 4,000
# bytes.
_WATCH = """() => {
  const listen = Worker.prototype.addEventListener;
  const onmessage = Object.getOwnPropertyDescriptor(Worker.prototype, "onmessage");
  const frame = window.requestAnimationFrame.bind(window);
  let began = 0, sent = false;
  const look = ({ data }) => { if (began && (data?.byteLength ?? data?.length ?? 0) > 4000) sent = true; };
  Worker.prototype.addEventListener = function (name, listener, ...more) {
    if (name === "message") listen.call(this, name, look);
    return listen.call(this, name, listener, ...more);
  };
  Object.defineProperty(Worker.prototype, "onmessage", {
    ...onmessage,
    set(listener) { onmessage.set.call(this, (message) => { look(message); listener.call(this, message); }); },
  });
  window.requestAnimationFrame = (paint) => frame((at) => {
    const paints = sent;
    paint(at);
    if (paints && began) { window.painted = performance.now() - began; began = 0; }
  });
  const touched = () => { began = performance.now(); sent = false; window.painted = 0; };
  addEventListener("pointerdown", touched, { capture: true });
}"""
_BAR = {"Home": (39, 810), "Accounts": (117, 810)}  # on a screen of 390 by 844 pixels


def _visit(context: BrowserContext, url: str) -> tuple[Page, dict[str, float]]:
    page = context.new_page()
    page.goto(url, wait_until="commit")
    Tab(page, url).until(_PAINTED)
    return page, _seconds(page.evaluate(_MARKS))


def _seconds(marks: list[tuple[str, float]]) -> dict[str, float]:
    return {name: at / 1000 for name, at in marks}


def _signed_out(browser: Browser, url: str, times: dict[str, list[float]]) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    for visit in ("first visit", "second visit"):
        page, marks = _visit(context, url)
        times[f"Chromium, {visit}: sign-in button"].append(marks["shows sign-in"])
        times[f"Chromium, {visit}: the app stands"].append(marks["painted"])
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
        times[f"Chromium, signed in, {visit}: live home"].append(marks["painted"])
        page.close()
    _taps(context, url, times)
    context.close()


def _taps(context: BrowserContext, url: str, times: dict[str, list[float]]) -> None:
    """Without the tree for assistive technology, whose making takes longer than the painting."""
    context.add_init_script(f"({_WATCH})()")
    page, _marks = _visit(context, url)
    page.wait_for_load_state("networkidle")
    for name in ("first time", "seen before", "seen before", "seen before"):
        for place in ("Accounts", "Home"):
            page.mouse.click(*_BAR[place])
            Tab(page, url).until("() => window.painted > 0")
            if place == "Accounts":
                times[f"Chromium, tap to painted list, {name}"].append(page.evaluate("window.painted") / 1000)
            page.wait_for_load_state("networkidle")
            page.wait_for_function("() => new Promise((done) => requestIdleCallback(() => done(true)))")
    page.close()


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
            lines = subprocess.run(
                command, cwd=ROOT, env=own, capture_output=True, text=True, check=True
            ).stdout.splitlines()
        for visit, line in zip(("first visit", "second visit"), lines, strict=True):
            marks = _seconds(json.loads(line))
            times[f"{engine}, {visit}: sign-in button"].append(marks["shows sign-in"])
            times[f"{engine}, {visit}: the app stands"].append(marks["painted"])


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
