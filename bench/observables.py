"""From a change of state to the message that Flutter gets: our own `State`, and Flet's `ft.observable`, in native
Python.

The same screen of 60 rows, one of which changes; each row is a component of its own in the second pair.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import flet as ft
from playwright.sync_api import sync_playwright

from bench.table import show, spread
from devtools import ports
from devtools.browsers import CHROMIUM_FLAGS
from devtools.paths import ROOT, chromium
from ui.shared.live import use
from ui.shared.state import State

ROWS, CHANGES = 60, 40
KINDS = ("ours, the list", "ft.observable, the list", "ours, a row", "ft.observable, a row")


class OurRow(State):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def say(self, text: str) -> None:
        self.text = text
        self.changed()


@ft.observable
@dataclass
class FletRow:
    text: str

    def say(self, text: str) -> None:
        self.text = text


class OurList(State):
    def __init__(self) -> None:
        super().__init__()
        self.rows = [OurRow(f"Row {n}") for n in range(ROWS)]

    def say(self, text: str) -> None:
        self.rows[5].text = text
        self.changed()


@ft.observable
@dataclass
class FletList:
    rows: list[FletRow] = field(default_factory=lambda: [FletRow(f"Row {n}") for n in range(ROWS)])

    def say(self, text: str) -> None:
        self.rows[5] = FletRow(text)


@ft.component
def OurWhole(model: OurList) -> ft.Control:
    use(model)
    return ft.ListView([ft.ListTile(title=ft.Text(r.text)) for r in model.rows])


@ft.component
def FletWhole(given: FletList) -> ft.Control:
    model, _set = ft.use_state(given)
    return ft.ListView([ft.ListTile(title=ft.Text(r.text)) for r in model.rows])


@ft.component
def OurLine(row: OurRow) -> ft.Control:
    use(row)
    return ft.ListTile(title=ft.Text(row.text))


@ft.component
def FletLine(given: FletRow) -> ft.Control:
    row, _set = ft.use_state(given)
    return ft.ListTile(title=ft.Text(row.text))


@ft.component
def Screen(ours: OurList, flets: FletList, kind: str) -> ft.Control:
    match kind:
        case "ours, the list":
            return OurWhole(ours)
        case "ft.observable, the list":
            return FletWhole(flets)
        case "ours, a row":
            return ft.ListView([OurLine(r) for r in ours.rows])
        case _:
            return ft.ListView([FletLine(r) for r in flets.rows])


async def _measure(page: ft.Page) -> None:
    sent = asyncio.Event()
    session = page.session
    patch = session.patch_control

    def patched(*arguments: object, **named: object) -> None:
        patch(*arguments, **named)  # pyright: ignore[reportArgumentType]
        sent.set()

    session.patch_control = patched  # pyright: ignore[reportAttributeAccessIssue]
    kind, ours, flets, times = KINDS[int(page.route.strip("/"))], OurList(), FletList(), list[float]()
    page.render(Screen, ours, flets, kind)
    await asyncio.sleep(1)
    changing = {"ours, the list": ours, "ours, a row": ours.rows[5], "ft.observable, the list": flets}.get(
        kind, flets.rows[5]
    )
    for n in range(CHANGES):
        sent.clear()
        began = time.perf_counter()
        changing.say(f"Changed {n}")
        await asyncio.wait_for(sent.wait(), 10)
        times.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(0.02)
    made = Path(os.environ["MEASURED"]) / kind
    made.with_suffix(".new").write_text(json.dumps(times))
    made.with_suffix(".new").rename(made)


def main() -> None:
    (port,) = ports.some(1)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        own = {
            "FLET_FORCE_WEB_SERVER": "true", "FLET_SERVER_PORT": str(port), "FLET_SERVER_IP": "127.0.0.1",
            "FLET_WEB_NO_CDN": "true",
            "MEASURED": folder, "PYTHONPATH": f"{ROOT}:{ROOT / 'app/src'}:{ROOT / 'functions'}",
        }  # fmt: skip
        running = subprocess.Popen(
            [sys.executable, "-m", "bench.observables", "measure"], cwd=ROOT, env={**os.environ, **own}
        )
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5).close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.1)
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
            times: dict[str, list[float]] = {}
            for n, kind in enumerate(KINDS):
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{port}/{n}")
                made, deadline = Path(folder) / kind, time.monotonic() + 60
                while not made.exists():
                    if time.monotonic() > deadline:
                        raise SystemExit(f"{kind}: nothing was measured")
                    time.sleep(0.1)
                times[kind] = json.loads(made.read_text())
                page.close()
            browser.close()
        finally:
            running.terminate()
            running.wait(20)
    first = statistics.median(times[KINDS[0]])
    rows = [(kind, spread(each, "ms", 2), f"{statistics.median(each) / first:.2f} ×") for kind, each in times.items()]
    show(f"One of {ROWS} rows changes, median of {CHANGES} (range)", ("what repaints", "time", "ratio"), rows)


if __name__ == "__main__":
    ft.run(_measure) if sys.argv[1:] == ["measure"] else main()
