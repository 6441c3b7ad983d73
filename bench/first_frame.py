"""From navigation to what a person sees and can use, this build beside that of version 0.2.0, in turns: three engines,
headless, with software rendering; in Chromium also the floor, this build with an app of one word; then one start of
this build, thread by thread.

ROUNDS (default 3) is how often each visit in Chromium is made; Firefox makes half as many, WebKit one.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Playwright, sync_playwright

from bench import trace
from bench.builds import ONE_WORD, RELEASE, Build, now, release
from bench.results import keep
from bench.site import Site, Sites
from bench.start_chart import STANDS, WAITS, WHAT, beside_the_floor, beyond_the_floor, sentences, table
from bench.visits import SEE_THROUGH, Film, Person, marks, settled, sign_in, tab_memory, tap, waited
from devtools import ports
from devtools.browsers import Tab
from devtools.fleet import Fleet
from devtools.paths import ROOT, chromium, firefox, tool_path, webkit
from devtools.suite import UNLIMITED, Plan, Suite

ROUNDS = int(os.environ.get("ROUNDS", "3"))
_TRIES = 3  # of an engine whose page has crashed
_TAPS = 3  # on a list that was seen before, each round
_BAR = {"Home": (39, 804), "Accounts": (117, 804)}  # on a screen of 390 by 844 pixels
_CACHES = ("empty", "full")
Times = dict[str, dict[str, list[float]]]  # by what is measured and build


@dataclass(frozen=True, slots=True)
class _Plan(Plan):
    """Emulators for several origins of the app, none of which is the Hosting emulator's."""

    origins: tuple[str, ...] = ()

    @property
    def callbacks(self) -> tuple[str, ...]:
        return tuple(f"{origin}/oauth/callback" for origin in self.origins)


@contextmanager
def serving(sites: Sequence[Site]) -> Iterator[None]:
    """The same emulators, local org and functions behind all of these sites."""
    free = ports.free()
    plan = _Plan(
        free,
        f"demo-bench-{free.hub}",
        user_requests=UNLIMITED,
        emulators=("auth", "firestore"),
        origins=tuple(site.url for site in sites),
    )
    with ExitStack() as stack:
        stack.enter_context(Suite(plan, lambda _part, _line: None))
        functions = {name: stack.enter_context(Fleet(plan, name, 1)).members[0].url for name in ("auth", "api")}
        stack.enter_context(Sites(sites, functions, free.url("auth")))
        yield


class _Chromium:
    """Visits of people who have the app open in Chromium, each in a profile of its own."""

    def __init__(self, playwright: Playwright, executable: str, folder: Path) -> None:
        self._playwright, self._executable, self._folder = playwright, executable, folder
        self._storage: dict[str, dict[str, str]] = {}  # of somebody who is signed in, by address
        self._people = 0

    def person(self, *scripts: str) -> Person:
        """Somebody with a new profile."""
        self._people += 1
        return Person(self._playwright, self._executable, self._folder / str(self._people), *scripts)

    def sign_in(self, url: str) -> None:
        with self.person() as person:
            self._storage[url] = sign_in(person.context.new_page(), url)

    def lend(self, from_url: str, url: str) -> None:
        """Has somebody who is signed in at one address be so at another, where the app cannot do it."""
        self._storage[url] = self._storage[from_url]

    def signed_out(self, url: str) -> dict[str, list[float]]:
        """Three visits."""
        times: dict[str, list[float]] = {}
        with self.person() as person:
            for visit in ("first", "second", "third"):
                page, marked = person.visit(url)
                if visit == "first":
                    times["Chromium, first visit: sign-in button"] = [marked["shows sign-in"]]
                times[STANDS[visit]] = [marked["uncovered"]]
                page.close()
        return times

    def signed_in_start(self, url: str) -> dict[str, list[float]]:
        """Two visits, whatever the app is."""
        times: dict[str, list[float]] = {}
        with self.person() as person:
            person.keep(url, self._storage[url])
            for cache in _CACHES:
                page, marked = person.visit(url)
                times[STANDS[cache]] = [marked["uncovered"]]
                page.close()
        return times

    def signed_in(self, url: str) -> dict[str, list[float]]:
        """Two visits, taps, and one more visit that looks behind the cover."""
        times: dict[str, list[float]] = {}
        with self.person() as person:
            person.keep(url, self._storage[url])
            page, marked = person.visit(url)
            times[STANDS["empty"]], times[WAITS["empty"]] = [marked["uncovered"]], [waited(page)]
            page.close()
            page, marked = person.visit(url)
            times[STANDS["full"]], times[WAITS["full"]] = [marked["uncovered"]], [waited(page)]
            if "shows picture" in marked:
                times["Chromium, signed in, full cache: home as a picture"] = [marked["shows picture"]]
            film = Film(page)
            film.until_quiet()
            times["Chromium, memory of the tab: live home"] = [tab_memory()]
            taps: list[float] = []
            for _ in range(1 + _TAPS):
                taps.append(tap(film, _BAR["Accounts"]))
                tap(film, _BAR["Home"])
            film.end()
            times["Chromium, tap to painted list, first time"] = taps[:1]
            times["Chromium, tap to painted list, seen before"] = taps[1:]
            times["Chromium, memory of the tab: after eight taps"] = [tab_memory()]
            page.close()
            times["Chromium, live home stands behind its cover"] = [_covered(person, url)]
        return times


def _covered(person: Person, url: str) -> float:
    """How long what the person sees when the cover goes had been painted behind it, in seconds."""
    page = person.context.new_page()
    page.add_init_script(SEE_THROUGH)
    film = Film(page)
    page.goto(url, wait_until="commit")
    Tab(page, url).until("() => performance.getEntriesByName('uncovered').length > 0")
    film.until_quiet()
    uncovered = page.evaluate("performance.timeOrigin") / 1000 + marks(page)["uncovered"]
    film.end()
    page.close()
    until_then = [(at, picture) for at, picture in film.pictures if at <= uncovered]
    return uncovered - settled(until_then)


def _other_engine(engine: str, url: str) -> dict[str, list[float]]:
    """Two visits in an engine that Playwright cannot drive; nothing where it is missing."""
    environment = {**os.environ, "PATH": tool_path(dict(os.environ)), "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
    path, browser, display = firefox(), webkit(), shutil.which("xvfb-run")
    if engine == "Firefox" and path is not None:
        command = ["node", "bench/engines/firefox.js", path, url]
    elif engine == "WebKit" and browser is not None and display is not None:
        command = [display, "-a", sys.executable, "bench/engines/webkit.py", *browser, url]
    else:
        return {}
    try:
        visits = two_visits(command, environment)
    except RuntimeError as wrong:
        print(f"{engine} is left out, it failed: {wrong}", file=sys.stderr, flush=True)
        return {}
    return {
        STANDS[visit].replace("Chromium", engine): [
            next(at for name, at in json.loads(line) if name == "uncovered") / 1000
        ]
        for visit, line in zip(("first", "second"), visits, strict=True)
    }


def two_visits(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The lines that an engine's program prints, in a new home. A page's process that ends (WebKit's driver says "Could
    not parse script result" of it) takes the browser with it, so that both visits are made again, twice at most. Raises
    RuntimeError with what it said last.
    """
    said = ""
    for _ in range(_TRIES):
        with tempfile.TemporaryDirectory() as home:
            own = {**environment, "HOME": home, "XDG_RUNTIME_DIR": home}
            done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.splitlines()
        said = done.stderr.strip()[-200:]
    raise RuntimeError(said)


def _add(times: Times, build: Build, measured: dict[str, list[float]]) -> None:
    for what, values in measured.items():
        times[what][build.name] += values


def _rounds(chrome: _Chromium, sites: Sequence[Site]) -> Times:
    """All visits, the builds in turns, and each the first of a round in its turn."""
    times: Times = defaultdict(lambda: defaultdict(list))
    ours, _, least = sites
    for site in sites[:2]:  # the first visit fills the server's memory and warms the functions
        chrome.sign_in(site.url)
    chrome.lend(ours.url, least.url)
    for n in range(ROUNDS):
        turns = sites[:: 1 if n % 2 == 0 else -1]
        for measure in (chrome.signed_out, chrome.signed_in):
            for site in turns:
                if measure == chrome.signed_in and site is least:
                    _add(times, site.build, chrome.signed_in_start(site.url))
                else:
                    _add(times, site.build, measure(site.url))
        for engine, rounds in (("Firefox", (ROUNDS + 1) // 2), ("WebKit", 1)):
            for site in turns if n < rounds else ():
                if site is least:
                    continue
                _add(times, site.build, _other_engine(engine, site.url))
        print(f"… round {n + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    return times


def _trace(chrome: _Chromium, sites: dict[str, Site]) -> dict[str, Any]:
    """A start with an empty cache and one with a full cache, and how fast each half would be without the other."""
    with chrome.person() as person:
        starts = {visit: trace.start(person, sites["traced"].url) for visit in ("empty cache", "full cache")}
    floor: dict[str, list[float]] = {}
    for name, site in sites.items():
        if name != "traced":
            with chrome.person() as person:
                floor[name] = [trace.alone(person, site.url, name) for _ in range(2)]
    return {"starts": starts, "floor": floor}


def _commit() -> str:
    said = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "no clone"


def main() -> None:
    executable = chromium()
    if executable is None:
        raise SystemExit("✗ Chromium is missing: set CHROMIUM to its path")
    began = time.monotonic()
    builds = (now(), release())
    of = {"commit": _commit(), "load": round(os.getloadavg()[0], 1)}
    places = ports.some(6)
    sites = [*(Site(build, port) for build, port in zip(builds, places, strict=False))]
    sites.append(trace.one_word(builds[0], places[2]))
    traced = trace.sites(builds[0], places[3], places[4:])
    with (
        serving([*sites, *traced.values()]),
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        chrome = _Chromium(playwright, executable, Path(folder))
        times = _rounds(chrome, sites)
        _keep_rounds(times, of)
        start = _trace(chrome, traced)
    start["floor"][ONE_WORD] = [round(median(times[STANDS[visit]][ONE_WORD]), 2) for visit in ("first", "second")]
    print("\n" + "\n".join((*sentences(start), *beyond_the_floor(start))))
    print(f"Without the other half, empty and full cache: {json.dumps(start['floor'])}")
    keep("start_trace", {**of, **start})
    print(f"\n{time.monotonic() - began:.0f} s")


def _keep_rounds(times: Times, of: dict[str, Any]) -> None:
    """`of`: the build's commit, and the machine's load before."""
    rounded = {
        what: {name: [round(one, 3) for one in values] for name, values in times[what].items()}
        for what in WHAT
        if what in times
    }
    figures = {**of, "rounds": ROUNDS, "times": rounded}
    print(f"First frame, this build ({of['commit']}) and version {RELEASE}, {ROUNDS} rounds in turns: median (range)\n")
    print("\n\n".join((table(figures), *beside_the_floor(figures))))
    keep("first_frame", figures)
