"""The app in a real browser, for tests, pictures and measurements."""

import os
import random
import re

from playwright.sync_api import Page

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
SECONDS = 60_000  # of patience, in milliseconds
_ENGLISH = ("en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-PH", "en-SG", "en-US", "en-ZA")


def chance(purpose: str) -> random.Random:
    """Another at each run, and the same for all tests of a run that name the same purpose; BROWSER_SEED repeats one."""
    return random.Random(os.environ.setdefault("BROWSER_SEED", str(random.randrange(100_000))) + purpose)  # noqa: S311


def english() -> str:
    """The language tag of this run's browsers: real people's, and not only ours."""
    return chance("language").choice(_ENGLISH)


class Tab:
    """The app in a tab.

    Flutter paints on a canvas; its semantics tree is what assistive technology and this class read.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str = "/") -> None:
        self.page.goto(self.url + path)
        self.wake()

    def visit(self, path: str) -> None:
        """Another address of the app that is open, without loading the page anew."""
        self.page.evaluate(
            "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate', { state: null"
            " })); }",
            path,
        )

    def wake(self) -> None:
        """Waits until Flutter is up and switches its semantics on."""
        self.page.wait_for_selector("flt-semantics-placeholder", state="attached", timeout=SECONDS)
        self.page.evaluate("document.querySelector('flt-semantics-placeholder')?.click()")

    def until(self, condition: str) -> None:
        """Waits until a JavaScript function of no arguments is true; the page forbids Playwright's own way, which needs
        eval.
        """
        for _ in range(SECONDS // 50):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(f"{condition} never became true")

    def tap(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def go(self, place: str) -> None:
        """By the bar of a phone or the rail of a wider screen."""
        self.page.get_by_role("tab", name=place).or_(
            self.page.get_by_role("button", name=re.compile(rf"^{place}\s+Tab"))
        ).first.click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        """As text or as the label of a group."""
        self.page.get_by_text(text).or_(self.page.get_by_label(text)).first.wait_for(state="attached", timeout=SECONDS)

    def misses(self, text: str | re.Pattern[str]) -> None:
        """It is not, or no longer, there."""
        self.page.get_by_text(text).or_(self.page.get_by_label(text)).first.wait_for(state="detached", timeout=SECONDS)

    def type(self, label: str, text: str) -> None:
        """Types as a person does, who looks whether it arrived: Flutter attaches its input a moment after the click."""
        box = self.page.get_by_label(label).first
        for _ in range(5):
            box.click()
            self.page.wait_for_timeout(200)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text, delay=15)
            if self.page.get_by_label(label).first.input_value() == text:
                return
        raise AssertionError(f"{label} did not take the text")

    def reach(self, name: str) -> None:
        """Taps a button further down; one scrolls as a person does, because what is off the screen is not there for the
        browser.
        """
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
        self.reach("Save")

    def sign_in(self, username: str = SALES, *, then: str | re.Pattern[str] = "Open pipeline") -> None:
        """From the sign-in page over the local org's pages to the home page, or to where it says `then`."""
        self.tap("Sign in with Salesforce")
        self.come_back(username, then=then)

    def come_back(self, username: str = SALES, *, then: str | re.Pattern[str] = "Open pipeline") -> None:
        """From Salesforce's page, where the person signs in, to the app."""
        self.page.fill("#username", username)
        self.page.fill("#password", PASSWORD)
        self.page.click("#Login")
        self.page.wait_for_url(re.compile(r"/services/oauth2/authorize|/oauth/callback|:\d+/$"))
        if self.page.locator("#oaapprove").count():
            self.page.click("#oaapprove")
        self.page.wait_for_url(re.compile(re.escape(self.url)))
        self.wake()
        self.sees(then)
