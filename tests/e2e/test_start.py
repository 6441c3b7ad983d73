"""How the web client starts: from a snapshot, without one when that cannot be restored, and never twice with the same
secrets.
"""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Route

from devtools import loopback
from devtools.browsers import chance
from devtools.clients import PASSWORD, SALES, App, authorize
from devtools.suite import Suite
from tests.e2e.phone import Open, Phone

pytestmark = pytest.mark.browser
_FELL_BACK = "started without a snapshot"


@pytest.mark.parametrize("damage", ["missing", "no gzip", "another build"])
def test_a_snapshot_that_cannot_be_restored_is_done_without(context: BrowserContext, suite: Suite, damage: str) -> None:
    def spoil(route: Route) -> None:
        if damage == "missing":
            route.fulfill(status=404)
        elif damage == "no gzip":
            route.fulfill(body=b"\x1f\x8b broken")
        else:
            import gzip

            route.fulfill(body=gzip.compress(b"\0" * 1_000_000))

    context.route("**/snapshot.bin.gz", spoil)
    phone = Phone(context, suite.plan.app_url)
    with context.expect_console_message(lambda message: message.text == _FELL_BACK):
        phone.page.goto(phone.url)
    if damage == "another build":  # Python may have been spoilt by it; what has not come cannot spoil
        phone.wake()
        phone.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()


def test_two_quiet_starts_from_the_snapshot_never_share_a_secret(context: BrowserContext, suite: Suite) -> None:
    """The snapshot holds Python's memory, and with it what a random generator would be seeded with."""
    asked: list[dict[str, list[str]]] = []
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "WebGL" not in message.text:  # whose driver speaks for itself
            said.append(message.text)

    def note(request: Request) -> None:
        if "/services/oauth2/authorize?" in request.url and "state=" in request.url:
            asked.append(parse_qs(urlsplit(request.url).query))

    context.on("request", note)
    context.on("console", hear)
    for _ in range(2):
        phone = Phone(context, suite.plan.app_url)
        phone.page.on("pageerror", lambda error: said.append(str(error)))
        phone.open()
        phone.page.locator("#start").wait_for(state="detached")  # Python makes the secrets, not the page before it
        assert said == []
        phone.tap("Sign in with Salesforce")
        phone.page.wait_for_selector("#username")
        assert f"console: {_FELL_BACK}" not in phone.seen
        assert any("snapshot.bin.gz" in s for s in phone.seen if s.startswith("response"))
        assert any("/canvaskit/skwasm.wasm" in s for s in phone.seen if s.startswith("response"))
        phone.page.close()
    assert len({a["state"][0] for a in asked}) == 2
    assert len({a["code_challenge"][0] for a in asked}) == 2


_FLUTTER = re.compile(r"/main\.dart\.(js|wasm)")


def _hold_back_flutter(context: BrowserContext) -> list[Route]:
    """It is on its way, and does not come until what is returned goes on."""
    held: list[Route] = []
    context.route(_FLUTTER, lambda route: held.append(route))  # Playwright takes no method of a list
    return held


def test_one_signs_in_before_flutter_and_python_are_there(context: BrowserContext, suite: Suite) -> None:
    _hold_back_flutter(context)
    phone = Phone(context, suite.plan.app_url)
    page = phone.page
    page.goto(phone.url + "/records/Account", wait_until="commit")
    page.locator("#start button").click()
    page.fill("#username", SALES)
    page.fill("#password", PASSWORD)
    context.unroute(_FLUTTER)
    page.click("#Login")
    page.wait_for_url(re.compile(r"/services/oauth2/authorize|/oauth/callback|/records/Account$"))
    if page.locator("#oaapprove").count():
        page.click("#oaapprove")
    page.wait_for_url(phone.url + "/records/Account")
    phone.wake()
    phone.sees(re.compile("Sorted by"))
    page.locator("#start").wait_for(state="detached")


def test_what_keeps_salesforces_page_from_opening_is_told_before_flutter_is_there(
    context: BrowserContext, suite: Suite
) -> None:
    _hold_back_flutter(context)
    context.route("**/auth/beginSignIn", lambda route: route.abort(), times=1)
    page = Phone(context, suite.plan.app_url).page
    page.goto(suite.plan.app_url, wait_until="commit")
    button = page.locator("#start button")
    button.click()
    page.get_by_role("alert").get_by_text("You seem to be offline").wait_for()
    button.click()
    page.wait_for_selector("#username")
    page.go_back(wait_until="commit")
    button.click()
    page.wait_for_selector("#username")


def test_a_browser_that_forbids_storage_is_told_at_once(context: BrowserContext, suite: Suite) -> None:
    _hold_back_flutter(context)
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    page = context.new_page()
    page.goto(suite.plan.app_url, wait_until="commit")
    page.get_by_role("alert").get_by_text("This browser keeps nothing").wait_for()
    with page.expect_response("**/auth/beginSignIn"):
        page.locator("#start button").click()
    page.evaluate("new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))")
    assert page.url == f"{suite.plan.app_url}/"


def test_when_the_backend_is_out_of_reach_the_app_itself_says_so(context: BrowserContext, suite: Suite) -> None:
    context.route("**/auth/getSignInOptions", lambda route: route.abort())
    held = _hold_back_flutter(context)
    phone = Phone(context, suite.plan.app_url)
    phone.page.goto(phone.url, wait_until="commit")
    phone.page.locator("#start button").click()
    context.unroute(_FLUTTER)
    for route in held:
        route.continue_()
    phone.wake()
    phone.sees(re.compile("You seem to be offline"))
    phone.page.locator("#start").wait_for(state="detached")


def _told(phone: Phone, words: str) -> None:
    """The sentence, and the way on."""
    page = phone.page
    page.locator("#start-trouble").get_by_text(words).wait_for()
    again = page.get_by_role("button", name="Load again")
    with page.expect_navigation(wait_until="commit"):
        again.click()
    page.locator("#start:not([data-shows=failed])").wait_for()


@pytest.mark.parametrize("lost", ["boot.js", "main.dart.*", "python-worker.js", "pyodide/pyodide.mjs"])
def test_what_cannot_be_loaded_is_told_with_a_way_on(context: BrowserContext, suite: Suite, lost: str) -> None:
    context.route(f"**/{lost}", lambda route: route.fulfill(status=404), times=2 if "*" in lost else 1)
    phone = Phone(context, suite.plan.app_url)
    phone.page.goto(f"{phone.url}/settings")
    _told(phone, "The app could not start.")


_NO_WEBGL = """for (const kind of [HTMLCanvasElement, OffscreenCanvas].slice(%d)) {
  const get = kind.prototype.getContext;
  kind.prototype.getContext = function (...asked) { return /webgl/.test(asked[0]) ? null : get.apply(this, asked); };
}"""


@pytest.mark.parametrize("lacks", ["a whole file", "WebGL", "WebGL off the screen"])
def test_where_skwasm_cannot_start_canvaskit_does(context: BrowserContext, suite: Suite, lacks: str) -> None:
    if lacks == "a whole file":
        context.route("**/main.dart.wasm", lambda route: route.fulfill(body=b"\0asm", content_type="application/wasm"))
    else:
        context.add_init_script(_NO_WEBGL % (0 if lacks == "WebGL" else 1))
    phone = Phone(context, suite.plan.app_url)
    phone.page.goto(phone.url)
    phone.page.locator("#start").wait_for(state="detached")
    assert any("/canvaskit/chromium/canvaskit.wasm" in s for s in phone.seen if s.startswith("response"))


def test_when_the_app_itself_fails_in_its_start_that_is_told(context: BrowserContext, suite: Suite) -> None:
    phone = Phone(context, suite.plan.app_url)
    page, held = phone.page, _hold_back_flutter(context)
    page.goto(phone.url, wait_until="commit")
    while not page.workers or not held:
        page.wait_for_timeout(20)
    page.workers[0].evaluate(
        "async () => { (await self.earlyPyodide).runPython('import main; main.make_http = None'); }"
    )
    held[0].continue_()
    _told(phone, "The app could not start.")


def test_where_nothing_comes_for_long_one_may_wait_or_load_again(context: BrowserContext, suite: Suite) -> None:
    """Also where not even the page's own script comes; should the app come after all, it takes its place."""
    phone = Phone(context, suite.plan.app_url)
    page, slow = phone.page, phone.page.get_by_text("This takes longer than usual.")
    page.clock.install()
    _hold_back_flutter(context)
    page.goto(f"{phone.url}/oauth/callback?code=c&state=s", wait_until="commit")
    page.locator("#start[data-shows=splash][data-runs]").wait_for()
    for _ in range(100):
        page.clock.fast_forward(31_000)
        if slow.is_visible():
            break
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Load again").wait_for()
    page.evaluate("dispatchEvent(new CustomEvent('from-python', { detail: 'painted' }))")
    page.locator("#start").wait_for(state="detached")

    context.route("**/start.js", lambda route: route.fulfill(status=404))
    page.goto(phone.url, wait_until="commit")
    page.locator("#start-trouble").wait_for(state="attached")
    slow.wait_for(state="hidden")  # once its style has come
    page.evaluate("for (const animation of document.getAnimations()) animation.finish()")
    slow.wait_for()
    page.get_by_role("button", name="Load again").wait_for()


# What browsers send; tests/e2e/test_bad_days.py speaks de-DE and ja-JP, and tests/devtools/test_snapshot.py tries every
# locale there is.
_TAGS = ("de", "de-AT", "de-CH", "de-LI", "de-Latn-DE", "ja", "ja-JP-u-ca-japanese", "en-AU", "en-IN", "en-DK",
         "en-001", "fr-FR", "fr-CA",
         "pt-BR", "es-419", "zh-Hans-CN", "zh-Hant-TW", "ko-KR", "ar", "ar-EG", "he-IL", "hi-IN", "th-TH-u-nu-thai",
         "sr-Latn-RS",
         "nb-NO")  # fmt: skip
_ADDRESSES = ("/", "/records/Opportunity", "/settings", "/oauth/callback")
_SPEAK = """Object.defineProperty(Object.getPrototypeOf(navigator), "languages", { configurable: true, get: () => %s });
Object.defineProperty(Object.getPrototypeOf(navigator), "language", { configurable: true, get: () => %s });
"""
_AMOUNT = re.compile(r"[$€¥]|USD|EUR")


def test_it_starts_for_every_language_tag(
    context: BrowserContext, open_browser: Open, keeps: dict[str, str], suite: Suite
) -> None:
    chosen = chance("tags")

    def start(phone: Phone, tag: str, address: str) -> None:
        print(f"{tag or 'no language'} at {address}")
        phone.open(address)
        phone.page.locator("#start").wait_for(state="detached")

    # Chromium itself takes no such tag, so page and worker are told; such a worker may not call another port of this
    # machine.
    odd = chosen.choice(("x-klingon", ""))
    spoken = _SPEAK % (json.dumps([odd] if odd else []), json.dumps(odd))
    context.add_init_script(spoken)
    context.route(
        "**/python-worker.js",
        lambda route: route.fulfill(body=spoken + route.fetch().text(), content_type="text/javascript"),
    )
    start(Phone(context, suite.plan.app_url), odd, chosen.choice(_ADDRESSES))

    for tag, address in zip(chosen.sample(_TAGS, 2), chosen.sample(_ADDRESSES, 2), strict=True):
        abroad = open_browser(locale=tag)
        phone = Phone(abroad, suite.plan.app_url)
        phone.take_up(keeps)
        start(phone, tag, address)
        if address == "/settings":
            phone.sees("日本語")
        else:
            phone.sees(_AMOUNT)
        abroad.close()


def test_browsers_keep_what_never_changes_and_ask_for_the_page(suite: Suite) -> None:
    page = loopback.get(f"{suite.plan.app_url}/records/Account")
    assert page.headers["cache-control"] == "no-cache"
    script = re.search(r"/v/[0-9a-f]{16}/boot\.js", page.text)
    assert script is not None
    assert "immutable" in loopback.get(suite.plan.app_url + script[0]).headers["cache-control"]
    assert loopback.get(f"{suite.plan.app_url}/v/of-another-build/boot.js").status_code == 404


def test_the_page_before_flutter_offers_what_the_backend_offers(context: BrowserContext, suite: Suite) -> None:
    _hold_back_flutter(context)
    hosts = [("login.salesforce.com", "Production"), ("*.my.salesforce.com", "My Domain")]
    options = {
        "consumerKey": "key",
        "scope": "api",
        "loginHosts": [{"host": host, "label": label, "scheme": "https"} for host, label in hosts],
        "firebase": {"apiKey": "k", "identityUrl": "i", "tokenUrl": "t"},
    }
    context.route("**/auth/getSignInOptions", lambda route: route.fulfill(json={"result": options}))
    context.route("**/auth/beginSignIn", lambda route: route.fulfill(json={"result": {}}))
    asked: list[str] = []
    context.route(re.compile(r"^https://"), lambda route: (asked.append(route.request.url), route.abort())[1])
    phone = Phone(context, suite.plan.app_url)
    page = phone.page
    page.goto(phone.url, wait_until="commit")
    page.get_by_label("Sign in at").select_option("My Domain")
    address = page.get_by_label("Your company's Salesforce address")
    address.fill("a b")
    page.locator("#start button").click()
    page.get_by_role("alert").get_by_text("for example acme.my.salesforce.com").wait_for()
    address.fill("acme")
    with page.expect_event("requestfailed"):
        page.locator("#start button").click()
    assert asked[0].startswith(
        "https://acme.my.salesforce.com/services/oauth2/authorize?response_type=code&client_id=key"
    )


def test_a_tap_counts_while_the_choice_of_hosts_comes(context: BrowserContext, suite: Suite) -> None:
    """The choice is higher than the line that it replaces: it moved the button away between press and release."""
    _hold_back_flutter(context)
    hosts = [("login.salesforce.com", "Production"), ("test.salesforce.com", "Sandbox")]
    options = {
        "consumerKey": "key",
        "scope": "api",
        "loginHosts": [{"host": host, "label": label, "scheme": "https"} for host, label in hosts],
        "firebase": {"apiKey": "k", "identityUrl": "i", "tokenUrl": "t"},
    }
    held: list[Route] = []
    context.route("**/auth/getSignInOptions", lambda route: held.append(route))
    context.route("**/auth/beginSignIn", lambda route: route.fulfill(json={"result": {}}))
    context.route(re.compile(r"^https://"), lambda route: route.abort())
    page = Phone(context, suite.plan.app_url).page
    with page.expect_request("**/auth/getSignInOptions"):
        page.goto(suite.plan.app_url, wait_until="commit")
    box = page.locator("#start button").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4)
    page.mouse.down()
    with page.expect_response("**/auth/getSignInOptions"):
        held[0].fulfill(json={"result": options})
    page.evaluate("new Promise((later) => requestAnimationFrame(() => requestAnimationFrame(later)))")
    with page.expect_event("requestfailed", lambda request: "/services/oauth2/authorize" in request.url):
        page.mouse.up()


def test_home_is_there_as_it_looked_last_and_goes_with_the_sign_out(
    context: BrowserContext, signed_in: Phone, app: App, org_url: str
) -> None:
    app.sign_in(authorize(org_url))  # the same person's tablet, so that there is a button that ends all
    phone = signed_in
    phone.open()
    phone.sees("Open pipeline")
    kept = "() => localStorage.getItem('FletSecureStorage.picture') !== null"
    phone.until(kept)

    _hold_back_flutter(context)
    picture = phone.page.locator("#start[data-shows=picture] #start-picture")
    phone.page.goto(phone.url, wait_until="commit")
    picture.wait_for()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [390, 844]
    phone.page.set_viewport_size({"width": 1280, "height": 800})
    phone.page.goto(phone.url, wait_until="commit")
    phone.page.locator("#start[data-shows=splash]").wait_for()  # a picture of another window is none
    phone.page.set_viewport_size({"width": 390, "height": 844})
    context.unroute(_FLUTTER)

    phone.open()
    picture.wait_for(state="detached")
    phone.sees("Open pipeline")
    phone.visit("/access")
    phone.sees("You signed in")
    phone.reach("Sign out on all devices")
    phone.sees("Sign in with Salesforce")
    assert (
        json.loads(
            phone.page.evaluate("JSON.stringify(Object.keys(localStorage).filter((k) => /picture|seen/.test(k)))")
        )
        == []
    )
