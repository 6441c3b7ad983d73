"""The app in a real browser, for tests, pictures, and measurements."""

import os
import random
import re

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TookTooLong

from devtools.clients import PASSWORD, SALES

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 60_000  # how long to wait, in milliseconds
_ADDRESSES = {"Home": "/", "Accounts": "/records/Account", "Contacts": "/records/Contact"}
_ENGLISH = ("en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-PH", "en-SG", "en-US", "en-ZA")

# Two frames; a tab that is not in front paints none.
_FRAMES = """new Promise((painted) => {
  requestAnimationFrame(() => requestAnimationFrame(painted));
  setTimeout(painted, 300);
})"""
# Looks and clicks in one go: between the two the app may take the place of the page before it. Nobody waits for the
# outcome, since the page is left.
_SIGN_IN_AT_ONCE = """() => {
  const looking = setInterval(() => {
    const button = document.querySelector("#start[data-runs][data-shows=sign-in] button");
    if (!button) return;
    clearInterval(looking);
    button.click();
  }, 20);
}"""


def chance(purpose: str) -> random.Random:
    """Random numbers that differ in each run but are the same for all tests of a run with the same `purpose`.

    The environment variable BROWSER_SEED repeats a run.
    """
    return random.Random(os.environ.setdefault("BROWSER_SEED", str(random.randrange(100_000))) + purpose)  # noqa: S311


def english() -> str:
    """The language tag of this run's browsers: one of several for English."""
    return chance("language").choice(_ENGLISH)


class Tab:
    """The app in a browser tab. Flutter paints on a canvas, so this class reads its semantics tree, as screen readers
    do.

    The methods wait for what they need; when it does not come they raise Playwright's TimeoutError.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str = "/") -> None:
        """Loads the page at a path of the app."""
        self.page.goto(self.url + path)
        self.wake()

    def visit(self, path: str) -> None:
        """Goes to another path of the open app, without loading the page again."""
        self.page.evaluate(
            "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate', { state: null"
            " })); }",
            path,
        )

    def wake(self) -> None:
        """Waits until Flutter runs, and switches its semantics tree on."""
        self.page.wait_for_selector("flt-semantics-placeholder", state="attached", timeout=SECONDS)
        self.page.evaluate("document.querySelector('flt-semantics-placeholder')?.click()")

    def until(self, condition: str) -> None:
        """Waits until a JavaScript function without arguments (`condition`, its source) returns true. Raises the
        standard TimeoutError after about a minute.

        Playwright's own way needs eval, which the page forbids.
        """
        for _ in range(SECONDS // 50):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(f"{condition} never became true")

    def tap(self, name: str | re.Pattern[str]) -> None:
        """Clicks a button, once it stands still."""
        button = self.page.get_by_role("button", name=name).first
        self._wait_for_rest(button)
        button.click()

    def _wait_for_rest(self, what: Locator) -> None:
        """Waits a while until it is in sight and stands still. A sheet that slides in begins below the screen;
        Playwright would scroll to it, which Flutter takes for a finger that pulls the sheet away.
        """
        size, before = self.page.viewport_size or {"width": 0, "height": 0}, None
        for _ in range(15):
            box = what.bounding_box()
            if box is not None and box == before and 0 <= box["y"] <= size["height"] - box["height"]:
                return
            before = box
            self.page.evaluate(_FRAMES)

    def tap_tab(self, place: str) -> None:
        """Clicks a place of the navigation bar (phone) or rail (wider screen)."""
        self.page.get_by_role("tab", name=place).or_(
            self.page.get_by_role("button", name=re.compile(rf"^{place}\s+Tab"))
        ).first.click()

    def go(self, place: str) -> None:
        """Goes to a place by the navigation bar or rail, in English. A tap that met a page that moved is made again."""
        for _ in range(4):
            self.tap_tab(place)
            try:
                self.page.wait_for_url(self.url + _ADDRESSES[place], timeout=SECONDS / 6)
                return
            except TookTooLong:
                continue
        raise AssertionError(f"tapping {place} did not go there")

    def sees(self, text: str | re.Pattern[str]) -> None:
        """Waits until this text is on the page, as text or as the label of a group."""
        self.page.get_by_text(text).or_(self.page.get_by_label(text)).first.wait_for(state="attached", timeout=SECONDS)

    def misses(self, text: str | re.Pattern[str]) -> None:
        """Waits until this text is not on the page."""
        self.page.get_by_text(text).or_(self.page.get_by_label(text)).first.wait_for(state="detached", timeout=SECONDS)

    def type(self, label: str, text: str) -> None:
        """Types into the field with this label. Tries again when the text did not arrive.

        Flutter attaches its input a moment after the click. What moves just then is missed by the click, which may open
        the dialog of another field: that is closed again. Raises AssertionError when the text never arrives.
        """
        # The page before, which may still be there, shows values by the same labels.
        box = self.page.get_by_label(label).and_(self.page.locator("input, textarea")).first
        for _ in range(5):
            box.click()
            self.page.wait_for_timeout(200)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text, delay=15)
            try:
                if box.input_value(timeout=5000) == text:
                    return
            except TookTooLong:
                self.page.keyboard.press("Escape")
        raise AssertionError(f"{label} did not take the text")

    def reach(self, name: str) -> None:
        """Scrolls down to a button and clicks it. What is off the screen is not in the semantics tree."""
        button = self.page.get_by_role("button", name=name, exact=True)
        for _ in range(40):
            if button.count():
                break
            self.page.mouse.move(200, 500)
            self.page.mouse.wheel(0, 600)
            self.page.wait_for_timeout(150)
        button.first.scroll_into_view_if_needed()
        button.first.click()

    def save(self) -> None:
        """Clicks Save."""
        self.reach("Save")

    def begin_sign_in(self, path: str = "/") -> None:
        """Loads the page at a path of the app and taps on sign-in before the app stands; waits for the login page."""
        self.page.goto(self.url + path, wait_until="commit")
        self.page.evaluate(_SIGN_IN_AT_ONCE)
        self.page.wait_for_selector("#username")

    def sign_in(self, username: str = SALES, *, then: str | re.Pattern[str] = "Open pipeline") -> None:
        """Signs a user in on the local org's pages, and waits until the app shows the text `then`."""
        self.tap("Sign in with Salesforce")
        self.come_back(username, then=then)

    def come_back(self, username: str = SALES, *, then: str | re.Pattern[str] = "Open pipeline") -> None:
        """Signs a user in on the local org's login page, which is already open; see `sign_in`."""
        self.page.fill("#username", username)
        self.page.fill("#password", PASSWORD)
        self.page.click("#Login")
        self.page.wait_for_url(re.compile(r"/services/oauth2/authorize|/oauth/callback|:\d+/$"))
        if self.page.locator("#oaapprove").count():
            self.page.click("#oaapprove")
        self.page.wait_for_url(re.compile(re.escape(self.url)))
        self.wake()
        self.sees(then)
