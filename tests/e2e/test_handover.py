"""The moment in which the app takes the start page's place, with the real start page over a button that stands for the
app's: whatever is pressed when, one of the two is tapped.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Request, Route, sync_playwright

from devtools.browsers import CHROMIUM_FLAGS
from devtools.paths import ROOT, chromium

pytestmark = pytest.mark.browser

ORIGIN = "http://127.0.0.1:1"  # nothing listens there: everything is answered below
START = ROOT / "app/web/start"
# `flet` as boot.js leaves it, and a tap on the app's button as a state of the page.
_PAGE = """<!DOCTYPE html><link rel="stylesheet" href="/start.css"><body>
<button id="below" style="position: fixed; inset: 0; width: 100%" onclick="tapped.push('app')"></button>
{start}<script>
  var tapped = [], flet = {{}};
  flet.painted = async () => {{ for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame); }};
</script><script type="module" src="/start.js"></script>"""
_OPTIONS = {
    "consumerKey": "key",
    "scope": "api",
    "loginHosts": [{"host": "login.salesforce.com", "label": "Production", "scheme": "https"}],
    "firebase": {"apiKey": "k", "identityUrl": "i", "tokenUrl": "t"},
}
_TYPES = {"js": "text/javascript", "css": "text/css"}


def _answer(route: Route) -> None:
    path = route.request.url.removeprefix(ORIGIN)
    name = path.removeprefix("/")
    if path == "/":
        page = _PAGE.format(start=(START / "start.html").read_text())
        route.fulfill(body=page, content_type="text/html")
    elif name == "words.js":
        route.fulfill(body="export const fonts = {}, words = { en: {} };", content_type="text/javascript")
    elif path == "/auth/getSignInOptions":
        route.fulfill(json={"result": _OPTIONS})
    elif path == "/auth/beginSignIn":
        route.fulfill(json={"result": {}})
    elif (START / name).is_file():
        route.fulfill(body=(START / name).read_text(), content_type=_TYPES[name.rpartition(".")[2]])
    else:
        route.fulfill(status=204)  # Salesforce's page: the browser stays where it is


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.route("**/*", _answer)
        yield page
        browser.close()


def _opened(page: Page) -> tuple[float, float]:
    """The start page, fresh. Returns where its button is."""
    page.goto(ORIGIN + "/")
    page.locator("#start-at").get_by_text("Sign in at Production").wait_for()
    box = page.locator("#start button").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


# The app says that it is painted, so many milliseconds from now; in the page itself, so that steps are alike anywhere.
_PAINTED = (
    "(delay) => void setTimeout(() => dispatchEvent(new CustomEvent('from-python', { detail: 'painted' })), delay)"
)


def _tapped(page: Page, press: Callable[[], None]) -> str:
    """What was tapped in the end: "start page" when it leads to Salesforce, or "app"."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    press()
    tapped = ""
    for _ in range(200):
        if any("/services/oauth2/authorize" in url for url in asked):
            tapped = "start page"
        elif page.evaluate("tapped.length"):
            tapped = "app"
        if tapped:
            break
        page.wait_for_timeout(20)
    page.remove_listener("request", note)
    return tapped


def test_a_tap_at_any_moment_of_the_change_is_a_tap(page: Page) -> None:
    """The change takes three frames, some 50 milliseconds."""

    def press(delay: int) -> None:
        page.mouse.move(*_opened(page))
        page.evaluate(_PAINTED, delay)
        page.mouse.down()
        page.mouse.up()

    assert [delay for delay in range(0, 40, 4) if not _tapped(page, lambda delay=delay: press(delay))] == []


def test_a_finger_that_is_down_while_the_app_comes_taps_the_start_page(page: Page) -> None:
    def press() -> None:
        page.mouse.move(*_opened(page))
        page.mouse.down()
        page.evaluate(_PAINTED, 0)
        page.wait_for_timeout(200)
        page.mouse.up()

    assert _tapped(page, press) == "start page"


def test_what_is_not_pressed_by_a_finger_counts_too(page: Page) -> None:
    """A screen reader presses the button without a pointer."""

    def press() -> None:
        _opened(page)
        page.evaluate("document.querySelector('#start button').click()")
        page.evaluate(_PAINTED, 0)

    assert _tapped(page, press) == "start page"


def test_after_the_change_the_app_is_tapped(page: Page) -> None:
    def press() -> None:
        page.mouse.move(*_opened(page))
        page.evaluate(_PAINTED, 0)
        page.locator("#start").wait_for(state="detached")
        page.mouse.down()
        page.mouse.up()

    assert _tapped(page, press) == "app"


def test_nothing_of_the_start_page_is_seen_over_the_app(page: Page) -> None:
    """Two texts would stand over each other while one fades."""
    _opened(page)
    seen = page.evaluate("""async () => {
      const seen = new Set();
      dispatchEvent(new CustomEvent("from-python", { detail: "painted" }));
      for (let start; (start = document.getElementById("start"));) {
        seen.add(getComputedStyle(start).opacity);
        await new Promise(requestAnimationFrame);
      }
      return [...seen];
    }""")
    assert seen == ["1"]
