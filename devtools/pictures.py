"""Pictures of the app: a gallery of every place, and README's story as a GIF."""

import base64
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, CDPSession, sync_playwright

from devtools import languages, loopback, ports, web, window_pictures
from devtools.browsers import CHROMIUM_FLAGS, Tab
from devtools.clients import PASSWORD, SALES, control
from devtools.paths import ROOT, chromium
from devtools.suite import UNLIMITED, Plan, Suite

GALLERY = ROOT / "build/pictures"
KEPT = ROOT / "docs/pictures"  # the pictures in README
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
# For each place its path, and a text that is on the page when it is complete.
PLACES = {
    "home": ("/", "Open pipeline"),
    "accounts": ("/records/Account", "Sorted by {field}"),
    "opportunities": ("/records/Opportunity", "Sorted by {field}"),
    "board": ("/records/Opportunity/board", "Prospecting"),
    "account": ("/records/Account/{account}", "Edit"),
    "edit": ("/records/Account/{account}/edit", "Change {title}"),
    "deal": ("/records/Opportunity/{deal}", "Edit"),
    "lead": ("/records/Lead/{lead}", "Edit"),
    "convert": ("/records/Lead/{lead}/convert", "Convert {title}"),
    "new-lead": ("/records/Lead/new", "Save"),
    "search": ("/search", "Names, companies, e-mail addresses, phone numbers …"),
    "profile": ("/profile", "Where am I signed in?"),
    "access": ("/access", "Devices"),
    "settings": ("/settings", "Language"),
    "more": ("/more", "Settings"),
}
IN_README = ("home-phone-light", "account-phone-dark", "opportunities-phone-light", "account-desktop-light")
_STYLE = (
    "body{font:14px system-ui;display:flex;flex-wrap:wrap;gap:16px}img{max-width:420px;border:1px solid"
    " #ccc}figure{margin:0}"
)


def gallery(spoken: Sequence[str] = ("en",)) -> Path:
    """Takes a picture of every place on a phone and a desktop, light and dark, in each of these languages, and with
    English some of the app's own window.

    Returns the page that shows them. With English, README's pictures are written too. Raises RuntimeError without
    Chromium.
    """
    GALLERY.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    with _app() as (browser, plan):
        for language in spoken:
            for device, size in SIZES.items():
                for scheme in ("light", "dark"):
                    names += _walk(browser, plan, device, size, scheme, language)
        if "en" in spoken:
            names += window_pictures.take(plan, GALLERY)
    figures = "\n".join(
        f'<figure><img src="{n}.png" loading="lazy" alt="{n}"><figcaption>{n}</figcaption></figure>' for n in names
    )
    page = GALLERY / "index.html"
    page.write_text(f"<!doctype html><title>Every place</title><style>{_STYLE}</style>\n{figures}\n")
    if "en" in spoken:
        KEPT.mkdir(exist_ok=True)
        for name in IN_README:
            with Image.open(GALLERY / f"{name}.png") as picture:
                picture.convert("RGB").quantize(128).save(KEPT / f"{name}.png", optimize=True)
    return page


@contextmanager
def _app() -> Iterator[tuple[Browser, Plan]]:
    path = chromium()
    if path is None:
        raise RuntimeError("Chromium is missing: install it, or set CHROMIUM to its path")
    if web.is_stale():
        web.build()
    free = ports.free()
    plan = Plan(free, f"demo-pictures-{free.hub}", user_requests=UNLIMITED, loopback=ports.some(1)[0])
    with Suite(plan, lambda _part, _line: None) as suite, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield browser, suite.plan
        browser.close()


def _records(org: str) -> dict[str, str]:
    """The ids of the records in the pictures, by the names in PLACES."""
    token = control(org, "token", {"username": SALES})["access_token"]
    queries = {
        "account": "SELECT Id FROM Account WHERE Name = 'Alder Energy'",
        "deal": "SELECT Id FROM Opportunity WHERE IsClosed = false ORDER BY CloseDate, Id",
        "lead": "SELECT Id FROM Lead WHERE IsConverted = false ORDER BY Name, Id",
    }
    with loopback.Client(
        base_url=f"{org}/services/data/v66.0", headers={"Authorization": f"Bearer {token}"}
    ) as salesforce:
        return {
            name: salesforce.get("/query", params={"q": query}).json()["records"][0]["Id"]
            for name, query in queries.items()
        }


def _walk(
    browser: Browser, plan: Plan, device: str, size: tuple[int, int], scheme: str, language: str
) -> Iterator[str]:
    url, records = plan.app_url, _records(plan.ports.url("localorg"))
    look: dict[str, Any] = {"viewport": {"width": size[0], "height": size[1]}, "color_scheme": scheme}
    context = browser.new_context(**look)
    tab = Tab(context.new_page(), url)
    words = None if language == "en" else languages.read(language)

    def pattern(text: str) -> re.Pattern[str]:
        said = text if words is None else languages.said(words, text)
        return re.compile(".*".join(re.escape(part) for part in re.split(r"\{\w+\}", said)))

    def picture(name: str) -> str:
        whole = f"{name}-{device}-{scheme}" + ("" if language == "en" else f"-{language}")
        tab.page.locator("#start").wait_for(state="detached")
        tab.page.mouse.move(size[0] - 1, size[1] / 2)
        tab.page.wait_for_timeout(1000)  # until animations have ended
        tab.page.screenshot(path=GALLERY / f"{whole}.png")
        return whole

    tab.open()
    tab.sign_in()
    kept = context.storage_state()
    context.close()

    context = browser.new_context(**look, locale=language)
    tab = Tab(context.new_page(), url)
    tab.open()
    yield picture("sign-in")
    context.close()
    context = browser.new_context(**look, locale=language, storage_state=kept)
    tab = Tab(context.new_page(), url)
    for name, (path, text) in PLACES.items():
        if name == "more" and device == "desktop":
            continue
        tab.open(path.format(**records))
        tab.sees(pattern(text))
        yield picture(name)
    context.close()


def story() -> Path:
    """Records README's story as a GIF: sign in, look, change, an expired token that is renewed. Returns its path."""
    film = _Film()
    with _app() as (browser, plan):
        context = browser.new_context(viewport={"width": 390, "height": 844})
        tab = Tab(context.new_page(), plan.app_url)
        tab.page.goto(plan.app_url)
        film.begin(context.new_cdp_session(tab.page))
        tab.page.locator("#start").wait_for(state="detached")
        tab.wake()
        tab.page.wait_for_timeout(1000)
        tab.tap("Sign in with Salesforce")
        tab.page.locator("#username").press_sequentially(SALES, delay=40)
        tab.page.locator("#password").press_sequentially(PASSWORD, delay=40)
        tab.page.click("#Login")
        tab.page.click("#oaapprove")
        tab.page.wait_for_url(re.compile(re.escape(plan.app_url)))
        tab.wake()
        tab.sees("Open pipeline")
        tab.page.wait_for_timeout(1500)
        tab.go("Accounts")
        tab.page.get_by_role("button", name=re.compile("Alder Energy")).first.click()
        tab.sees("Edit")
        tab.page.wait_for_timeout(1000)
        tab.tap("Edit")
        tab.sees("Phone")
        tab.type("Phone", "+49 89 555 0199")
        tab.save()
        tab.page.wait_for_url(re.compile(r"/records/Account/\w+$"))
        control(plan.ports.url("localorg"), "expire", {"username": SALES})
        tab.page.wait_for_timeout(1000)
        tab.go("Contacts")
        tab.sees(re.compile("Sorted by"))
        tab.page.wait_for_timeout(1500)
        film.end()
        context.close()
    KEPT.mkdir(exist_ok=True)
    return film.write(KEPT / "story.gif")


class _Film:
    """The frames of a browser tab, with shortened waits."""

    LONGEST = 1.2  # seconds that a frame is shown at most
    SHORTEST = 0.12
    WIDTH = 330
    COLOURS = 64

    def __init__(self) -> None:
        self._frames: list[tuple[float, bytes]] = []
        self._session: CDPSession | None = None

    def begin(self, session: CDPSession) -> None:
        """Begins to record."""
        self._session = session
        session.on("Page.screencastFrame", self._take)
        session.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})

    def _take(self, frame: dict[str, Any]) -> None:
        assert self._session is not None
        self._frames.append((float(frame["metadata"].get("timestamp", time.time())), base64.b64decode(frame["data"])))
        self._session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    def end(self) -> None:
        """Stops recording."""
        assert self._session is not None
        self._session.send("Page.stopScreencast")

    def write(self, path: Path) -> Path:
        """Writes the frames as a GIF and returns its path."""
        pictures: list[Image.Image] = []
        durations: list[int] = []
        frames = sorted(
            self._frames, key=lambda frame: frame[0]
        )  # a new page's first ones may come before the old one's last
        for at, (began, data) in enumerate(frames):
            ends = frames[at + 1][0] if at + 1 < len(frames) else began + self.LONGEST
            seconds = min(ends - began, self.LONGEST)
            if pictures and seconds < self.SHORTEST and at + 1 < len(frames):
                durations[-1] += round(seconds * 1000)
                continue
            whole = Image.open(BytesIO(data)).convert("RGB")
            small = whole.resize((self.WIDTH, round(whole.height * self.WIDTH / whole.width)), Image.Resampling.LANCZOS)
            pictures.append(small.quantize(self.COLOURS, dither=Image.Dither.NONE))
            durations.append(round(seconds * 1000))
        film = BytesIO()
        pictures[0].save(
            film, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=True
        )
        path.write_bytes(film.getvalue())
        return path


def main(what: str, *spoken: str) -> None:
    """Takes the `gallery` in these languages, or films the `story`."""
    if what == "gallery":
        print(f"✓ every place in {gallery(spoken).relative_to(ROOT)}")
    else:
        film = story()
        print(f"✓ the story in {film.relative_to(ROOT)} ({film.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main(*sys.argv[1:])
