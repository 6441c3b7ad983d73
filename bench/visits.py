"""Visits of a person in Chromium: when the app stands, when a tap is painted, and what the tab's memory is.

Nothing here depends on how a build is made: what counts is the cover over the app (#start) and the pictures on the
screen, as a screencast shows them.
"""

import base64
import io
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import BrowserContext, Page, Playwright

from devtools.browsers import CHROMIUM_FLAGS, Tab
from devtools.clients import PASSWORD, SALES

WIDTH, HEIGHT = 390, 844
_CONTENT = (0, 90, WIDTH, HEIGHT - 110)  # without the bar at the bottom, in which the tap's own ripple runs
_ALIKE = 1.5  # mean difference of pixels, of 255, up to which two pictures are the same
_QUIET = 0.8  # seconds without a new picture after which nothing more is expected
_PATIENCE = 60.0
WATCH = """(() => {
  const mark = (name) => { if (!performance.getEntriesByName(name).length) performance.mark(name); };
  let stood = false;
  new MutationObserver(() => {
    const cover = document.getElementById("start");
    stood ||= cover !== null;
    if (stood && (cover === null || cover.classList.contains("gone"))) mark("uncovered");
  }).observe(document, { subtree: true, childList: true, attributeFilter: ["class"] });
  addEventListener("flutter-first-frame", () => mark("flutter"));
  addEventListener("pointerdown", ({ timeStamp }) => {
    window.touched = performance.timeOrigin + timeStamp;
  }, { capture: true });
})()"""
# The cover stays in the page, unseen, so that the pictures are those of what is behind it.
SEE_THROUGH = """(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("#start { opacity: 0 !important; }");
  document.adoptedStyleSheets = [sheet];
})()"""
_MARKS = "() => performance.getEntriesByType('mark').map((mark) => [mark.name, mark.startTime])"
# When Python's calls began and were answered, in milliseconds since the epoch.
_CALLS = """() => performance.getEntriesByType("resource")
  .filter(({ name }) => /^\\/(auth|api)\\/|googleapis/.test(new URL(name).pathname))
  .map(({ startTime, responseEnd }) => [performance.timeOrigin + startTime, performance.timeOrigin + responseEnd])"""
_UNCOVERED = "() => performance.getEntriesByName('uncovered').length > 0"


class Person:
    """A browser with a profile of its own, for a `with` block. `scripts` run in each page
    before its own."""

    def __init__(self, playwright: Playwright, executable: str, profile: Path, *scripts: str) -> None:
        self.context: BrowserContext = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=executable,
            args=list(CHROMIUM_FLAGS),
            viewport={"width": WIDTH, "height": HEIGHT},
            locale="en-US",
        )
        for script in (WATCH, *scripts):
            self.context.add_init_script(script)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()

    def keep(self, url: str, storage: dict[str, str]) -> None:
        """Puts values into the storage of an origin without loading the app."""
        page = self.context.new_page()
        page.goto(f"{url}/manifest.json")
        page.evaluate(
            "(kept) => Object.entries(kept).forEach(([key, value]) => { localStorage[key] = value; })", storage
        )
        page.close()

    def visit(self, url: str) -> tuple[Page, dict[str, float]]:
        """Opens the app in a new tab and waits until it stands. Returns the tab and its marks, in seconds."""
        page = self.context.new_page()
        page.goto(url, wait_until="commit")
        Tab(page, url).until(_UNCOVERED)
        return page, marks(page)


def marks(page: Page) -> dict[str, float]:
    """The page's marks by name, in seconds since its navigation began."""
    return {name: at / 1000 for name, at in page.evaluate(_MARKS)}


def waited(page: Page) -> float:
    """Seconds of a start in which one of Python's calls was on its way (Auth and the functions)."""
    stood = page.evaluate("performance.timeOrigin") + 1000 * marks(page)["uncovered"]
    spans = page.workers[0].evaluate(_CALLS)
    return covered([(begin, min(end, stood)) for begin, end in spans if begin < stood]) / 1000


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """How long the spans are together; what several cover counts once."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


@dataclass
class Film:
    """Every picture that Chromium paints of a page, with its time in seconds since the epoch."""

    page: Page
    pictures: list[tuple[float, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._newest = time.monotonic()
        self._session = self.page.context.new_cdp_session(self.page)
        self._session.on("Page.screencastFrame", self._take)
        size = {"maxWidth": WIDTH, "maxHeight": HEIGHT}
        self._session.send("Page.startScreencast", {"format": "jpeg", "quality": 70, "everyNthFrame": 1, **size})

    def _take(self, event: dict[str, Any]) -> None:
        self._session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})
        self._newest = time.monotonic()
        self.pictures.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))

    def until_quiet(self, quiet: float = _QUIET) -> None:
        """Waits until no picture has come for so many seconds; gives up after a minute, when something moves on."""
        self._newest = began = time.monotonic()
        while time.monotonic() - self._newest < quiet and time.monotonic() - began < _PATIENCE:
            self.page.wait_for_timeout(10)

    def until_other(self) -> None:
        """Waits until the content is another than in the first picture. Raises RuntimeError when it stays the same."""
        began, seen, first = time.monotonic(), 1, _content(self.pictures[0][1])
        while time.monotonic() - began < _PATIENCE:
            self.page.wait_for_timeout(10)
            for _at, picture in self.pictures[seen:]:
                if not _alike(_content(picture), first):
                    return
            seen = max(seen, len(self.pictures))
        raise RuntimeError("nothing changed on the screen")

    def end(self) -> None:
        """Ends the film; its pictures stay."""
        self._session.send("Page.stopScreencast")
        self._session.detach()


def settled(pictures: Sequence[tuple[float, bytes]]) -> float:
    """When the content became what the last of these pictures shows."""
    shown, final = pictures[-1][0], _content(pictures[-1][1])
    for at, picture in reversed(pictures):
        if not _alike(_content(picture), final):
            break
        shown = at
    return shown


def _content(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("L").crop(_CONTENT)


def _alike(one: Image.Image, other: Image.Image) -> bool:
    return ImageStat.Stat(ImageChops.difference(one, other)).mean[0] < _ALIKE


def tap(film: Film, place: tuple[float, float]) -> float:
    """Taps on a place, and waits until nothing moves. Returns the seconds from the touch until the content was painted
    as it stays. Raises RuntimeError when the tap changed nothing.
    """
    film.pictures[:] = film.pictures[-1:] or [(0.0, film.page.screenshot(type="jpeg"))]
    film.page.mouse.click(*place)
    film.until_other()
    film.until_quiet()
    return settled(film.pictures) - film.page.evaluate("window.touched") / 1000


def sign_in(page: Page, url: str) -> dict[str, str]:
    """Signs in on a fresh profile, by the page that is there before the app. Returns what the origin keeps then."""
    page.goto(url)
    page.locator("#start-sign-in button").click()
    page.fill("#username", SALES)
    page.fill("#password", PASSWORD)
    page.click("#Login")
    page.wait_for_url(re.compile(r"/services/oauth2/authorize|/oauth/callback|:\d+/$"))
    if page.locator("#oaapprove").count():
        page.click("#oaapprove")
    page.wait_for_url(re.compile(re.escape(url)))
    tab = Tab(page, url)
    tab.until(_UNCOVERED)
    for _ in range(100):  # the picture of home, which version 0.2.0 did not always get
        if page.evaluate("() => localStorage.getItem('FletSecureStorage.picture') !== null"):
            break
        page.wait_for_timeout(50)
    return page.evaluate("() => ({ ...localStorage })")


def tab_memory() -> float:
    """The proportional set size of the largest process of a tab that this process has started, in megabytes: page,
    Flutter, and Pyodide's worker (Linux).
    """
    sizes = [
        process.memory_full_info().pss
        for process in psutil.Process().children(recursive=True)
        if "--type=renderer" in process.cmdline()
    ]
    return max(sizes) / 2**20
