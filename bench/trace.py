"""One start of the app, thread by thread: when Flutter computes, when Pyodide's worker does, and which of them waits.

The kernel is asked every 20 milliseconds what each thread of the browser has computed so far and whether it wants to
(Linux, /proc): a thread that wants to and does not compute waits for a processor, one that does not want to is asleep.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page

from bench.builds import ONE_WORD, Build
from bench.site import Site
from bench.visits import Person
from devtools.browsers import Tab

_EVERY = 0.02  # seconds between two looks
BIN = 0.1  # seconds of a start that make one figure
LANES = ("Flutter: the page's thread", "Python: Pyodide's worker", "compiling beside both", "the rest of the browser")
# What the worker does, as marks: its own script is changed for it by the server.
_WORKER = """
{
  let restored;
  Object.defineProperty(self, "restored", {
    get: () => restored, set: (value) => { restored = value; performance.mark("restored"); },
  });
}
"""
# Every message from Python to Flutter, with its size.
_MESSAGES = """(() => {
  const { set, ...rest } = Object.getOwnPropertyDescriptor(Worker.prototype, "onmessage");
  Object.defineProperty(Worker.prototype, "onmessage", { ...rest, set(listener) {
    set.call(this, (message) => {
      if (message.data?.byteLength) performance.mark("message", { detail: message.data.byteLength });
      listener.call(this, message);
    });
  } });
})()"""
_TIMES = """() => ({
  origin: performance.timeOrigin,
  marks: performance.getEntriesByType("mark").map((mark) => [mark.name, mark.startTime]),
  messages: performance.getEntriesByName("message").map((mark) => [mark.startTime, mark.detail]),
  files: performance.getEntriesByType("resource").map((file) => [file.name, file.startTime, file.responseEnd]),
})"""
_EMPTY_APP = """
async def empty(page):
    from data.services.device import make_device
    page.add(ft.Text("."))
    await make_device(page).painted()

ft.run(empty)
"""


def sites(build: Build, port: int, others: Sequence[int]) -> dict[str, Site]:
    """The sites that this needs: the build with marks in its worker, without Python, and without Flutter."""
    gone: list[tuple[str | None, str]] = [(None, "")]
    worker: dict[str, list[tuple[str | None, str]]] = {"python-worker.js": [("", _WORKER)]}
    return {
        "traced": Site(build, port, worker),
        "Flutter alone": Site(build, others[0], {"python-worker.js": gone}),
        "Python alone": Site(
            build, others[1], {**dict.fromkeys(("flutter_bootstrap.js", "flutter.js"), gone), **worker}
        ),
    }


def one_word(build: Build, port: int) -> Site:
    """The build with an app that shows one word; its memory image is the same."""
    return Site(
        Build(ONE_WORD, build.site, build.hosting), port, {"python-worker.js": [("ft.run(main.main)", _EMPTY_APP)]}
    )


class _Looks(threading.Thread):
    """Looks at the threads of the browser that this process has started, until it is ended."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.looks: list[tuple[float, dict[tuple[str, int], tuple[float, bool]]]] = []
        self._over = threading.Event()

    def run(self) -> None:
        tick, own = 1 / os.sysconf("SC_CLK_TCK"), psutil.Process()
        processes: dict[int, str] = {}
        refreshed = 0.0
        while not self._over.wait(_EVERY):
            now = time.time()
            if now - refreshed > 0.5:
                refreshed = now
                processes = {child.pid: _kind(child) for child in own.children(recursive=True)}
            found: dict[tuple[str, int], tuple[float, bool]] = {}
            for pid, kind in processes.items():
                if kind in ("tab", "browser"):
                    found |= _threads(pid, kind, tick)
            self.looks.append((now, found))

    def end(self) -> None:
        self._over.set()
        self.join()


def _kind(process: psutil.Process) -> str:
    try:
        command = process.cmdline()
    except psutil.Error:
        return ""
    if "--type=renderer" in command:
        return "tab"
    return "browser" if any(word.startswith(("--type=gpu", "--type=utility", "--headless")) for word in command) else ""


def _threads(pid: int, kind: str, tick: float) -> dict[tuple[str, int], tuple[float, bool]]:
    """By lane and thread: seconds computed so far, and whether it wants to compute, without threads that are gone."""
    found: dict[tuple[str, int], tuple[float, bool]] = {}
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            name, _, rest = Path(f"/proc/{pid}/task/{thread}/stat").read_text().partition("(")[2].rpartition(")")
            values = rest.split()
            if kind == "browser":
                lane = LANES[3]
            elif int(thread) == pid:
                lane = LANES[0]
            else:
                lane = LANES[1] if name.startswith("DedicatedWorker") else LANES[2]
            found[lane, int(thread)] = (tick * (int(values[11]) + int(values[12])), values[0] == "R")
    except OSError:
        pass
    return found


@contextmanager
def _looking() -> Iterator[_Looks]:
    looks = _Looks()
    looks.start()
    try:
        yield looks
    finally:
        looks.end()


def lanes(
    looks: Sequence[tuple[float, dict[tuple[str, int], tuple[float, bool]]]], began: float, ended: float
) -> dict[str, list[tuple[float, float]]]:
    """For each lane and BIN from `began` to `ended`: processors that it computed on, and that it waited for."""
    bins = int((ended - began) / BIN) + 1
    computed: dict[str, list[float]] = {lane: [0.0] * bins for lane in LANES}
    wanted: dict[str, list[float]] = {lane: [0.0] * bins for lane in LANES}
    counts = [0] * bins
    before: dict[tuple[str, int], float] = {}
    for at, found in looks:
        n = int((at - began) // BIN)
        if 0 <= n < bins:
            counts[n] += 1
        for (lane, thread), (seconds, wants) in found.items():
            if 0 <= n < bins:
                computed[lane][n] += seconds - before.get((lane, thread), seconds)
                wanted[lane][n] += wants
            before[lane, thread] = seconds
    result: dict[str, list[tuple[float, float]]] = {}
    for lane in LANES:
        result[lane] = []
        for n in range(bins):
            ran = min(computed[lane][n] / BIN, 2.0)
            waited = max(0.0, wanted[lane][n] / counts[n] - ran) if counts[n] else 0.0
            result[lane].append((round(ran, 2), round(min(waited, 2.0 - ran), 2)))
    return result


def start(person: Person, url: str) -> dict[str, Any]:
    """A start: `seconds` until the app stands, its `lanes`, and its `phases` as (lane, name, from, to) in seconds."""
    page = person.context.new_page()
    page.add_init_script(_MESSAGES)
    with _looking() as looks:
        page.goto(url, wait_until="commit")
        Tab(page, url).until("() => performance.getEntriesByName('uncovered').length > 0")
    own, worker = page.evaluate(_TIMES), page.workers[0].evaluate(_TIMES)
    page.close()
    origin = own["origin"] / 1000
    shift = worker["origin"] / 1000 - origin
    marks = {name: at / 1000 for name, at in own["marks"] if name != "message"}
    seconds = marks["uncovered"]
    messages = [(at / 1000, size) for at, size in own["messages"] if at / 1000 <= seconds]
    # The first place is the longest of the messages until it is painted.
    marks["first message"], marks["view sent"] = messages[0][0], max(messages, key=lambda one: one[1])[0]
    phases: list[tuple[str, str, float, float]] = []

    def phase(lane: str, name: str, begin: float | None, end: float | None) -> None:
        if begin is not None and end is not None and end > begin:
            phases.append((lane, name, round(begin, 2), round(end, 2)))

    def fetched(times: dict[str, Any], later: float, *ends: str) -> tuple[float | None, float | None]:
        spans = [(one / 1000, two / 1000) for name, one, two in times["files"] if name.endswith(ends)]
        return (later + min(s for s, _ in spans), later + max(e for _, e in spans)) if spans else (None, None)

    flutter = marks.get("flutter")
    begin, end = fetched(own, 0, "main.dart.js", "main.dart.wasm", "canvaskit.wasm", "skwasm.wasm", "skwasm_heavy.wasm")
    phase(LANES[0], "fetch", begin, end)
    if "flutter loaded" in marks:
        phase(LANES[0], "compile", end, marks["flutter loaded"])
        end = marks["flutter loaded"]
    phase(LANES[0], "engine and first frame", end, flutter)
    phase(LANES[0], "the app's first view", marks["view sent"], seconds)
    restored = next((at / 1000 + shift for name, at in worker["marks"] if name == "restored"), None)
    begin, end = fetched(worker, shift, "pyodide.asm.wasm", "pyodide.asm.mjs", "snapshot.bin.gz")
    phase(LANES[1], "fetch", begin, end)
    phase(LANES[1], "restore", end, restored)
    phase(LANES[1], "the app", marks["first message"], marks["view sent"])
    kept = {name: round(at, 2) for name, at in marks.items() if not name.startswith("shows")}
    if restored is not None:
        kept["restored"] = round(restored, 2)
    return {
        "seconds": round(seconds, 2),
        "bin": BIN,
        # In hundredths, as text, so that the file of results stays short.
        "lanes": {
            lane: " ".join(f"{100 * ran:.0f}/{100 * waited:.0f}" for ran, waited in bins)
            for lane, bins in lanes(looks.looks, origin, origin + seconds).items()
        },
        "phases": phases,
        "marks": kept,
    }


def _until(page: Page, url: str, condition: str) -> None:
    Tab(page, url).until(condition)


def alone(person: Person, url: str, name: str) -> float:
    """Seconds until one of the sites that lack something is as far as it can get."""
    page = person.context.new_page()
    page.goto(url, wait_until="commit")
    if name == "Python alone":
        for _ in range(1200):
            if page.workers and any(mark[0] == "restored" for mark in page.workers[0].evaluate(_TIMES)["marks"]):
                break
            page.wait_for_timeout(50)
        own, worker = page.evaluate(_TIMES), page.workers[0].evaluate(_TIMES)
        at = next(at for mark, at in worker["marks"] if mark == "restored") + worker["origin"] - own["origin"]
    else:
        _until(page, url, "() => performance.getEntriesByName('flutter').length > 0")
        at = page.evaluate("performance.getEntriesByName('flutter')[0].startTime")
    page.close()
    return round(at / 1000, 2)
