"""How the web client starts: from a snapshot, without one when that cannot be restored, and never twice with the same secrets."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest
from playwright.sync_api import BrowserContext, Request, Route

from devtools.clients import PASSWORD, SALES, App, authorize
from devtools.suite import Suite
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser
_FELL_BACK = "console: started without a snapshot"


def test_it_starts_from_the_snapshot(context: BrowserContext, suite: Suite) -> None:
    phone = Phone(context, suite.plan.app_url)
    phone.open()
    phone.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()
    assert _FELL_BACK not in phone.seen
    assert any("snapshot.bin.gz" in s for s in phone.seen if s.startswith("response"))


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
    phone.open()
    phone.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()
    assert _FELL_BACK in phone.seen


def test_two_starts_never_share_a_secret(context: BrowserContext, suite: Suite) -> None:
    """The snapshot holds Python's memory, and with it what a random generator would be seeded with."""
    asked: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        if "/services/oauth2/authorize?" in request.url and "state=" in request.url:
            asked.append(parse_qs(urlsplit(request.url).query))

    context.on("request", note)
    for _ in range(2):
        phone = Phone(context, suite.plan.app_url)
        phone.open()
        phone.tap("Sign in with Salesforce")
        phone.page.wait_for_selector("#username")
        phone.page.close()
    assert len({a["state"][0] for a in asked}) == 2
    assert len({a["code_challenge"][0] for a in asked}) == 2


def _hold_back_flutter(context: BrowserContext) -> None:
    context.route(re.compile(r"/(main\.dart|python-worker)\.js"), lambda route: route.abort())


def test_one_signs_in_before_flutter_and_python_are_there(context: BrowserContext, suite: Suite) -> None:
    _hold_back_flutter(context)
    phone = Phone(context, suite.plan.app_url)
    page = phone.page
    page.goto(phone.url + "/records/Account")
    page.locator("#start button").click()
    page.fill("#username", SALES)
    page.fill("#password", PASSWORD)
    context.unroute(re.compile(r"/(main\.dart|python-worker)\.js"))
    page.click("#Login")
    page.wait_for_url(re.compile(r"/services/oauth2/authorize|/oauth/callback|/records/Account$"))
    if page.locator("#oaapprove").count():
        page.click("#oaapprove")
    page.wait_for_url(phone.url + "/records/Account")
    phone.wake()
    phone.sees(re.compile("Sorted by"))
    page.locator("#start").wait_for(state="detached")


def test_when_the_backend_is_out_of_reach_the_app_itself_says_so(context: BrowserContext, suite: Suite) -> None:
    context.route("**/auth/getSignInOptions", lambda route: route.abort())
    phone = Phone(context, suite.plan.app_url)
    phone.page.goto(phone.url)
    phone.page.locator("#start button").click()
    phone.wake()
    phone.sees(re.compile("You seem to be offline"))
    phone.page.locator("#start").wait_for(state="detached")


def test_when_python_does_not_start_the_page_before_it_gives_way(context: BrowserContext, suite: Suite) -> None:
    context.route(re.compile(r"/(app\.tar|snapshot\.bin)\.gz"), lambda route: route.fulfill(status=404))
    phone = Phone(context, suite.plan.app_url)
    phone.page.goto(phone.url)
    phone.page.locator("#start").wait_for(state="detached")


def test_browsers_keep_what_never_changes_and_ask_for_the_page(suite: Suite) -> None:
    page = httpx.get(f"{suite.plan.app_url}/records/Account")
    assert page.headers["cache-control"] == "no-cache"
    script = re.search(r"/v/[0-9a-f]{16}/boot\.js", page.text)
    assert script is not None
    assert "immutable" in httpx.get(suite.plan.app_url + script[0]).headers["cache-control"]
    assert httpx.get(f"{suite.plan.app_url}/v/of-another-build/boot.js").status_code == 404


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
    asked: list[str] = []
    context.route(re.compile(r"^https://"), lambda route: (asked.append(route.request.url), route.abort())[1])
    phone = Phone(context, suite.plan.app_url)
    page = phone.page
    page.goto(phone.url)
    page.get_by_label("Sign in at").select_option("My Domain")
    address = page.get_by_label("Your company's Salesforce address")
    address.fill("a b")
    page.locator("#start button").click()
    page.get_by_role("alert").get_by_text("for example acme.my.salesforce.com").wait_for()
    address.fill("acme")
    page.locator("#start button").click()
    page.wait_for_event("requestfailed")
    assert asked[0].startswith("https://acme.my.salesforce.com/services/oauth2/authorize?response_type=code&client_id=key")


def test_home_is_there_as_it_looked_last_and_goes_with_the_sign_out(context: BrowserContext, signed_in: Phone, app: App, org_url: str) -> None:
    app.sign_in(authorize(org_url))  # the same person's tablet, so that there is a button that ends all
    phone = signed_in
    phone.open()
    phone.sees("Open pipeline")
    kept = "() => localStorage.getItem('FletSecureStorage.picture') !== null"
    phone.until(kept)

    context.route(re.compile(r"/(main\.dart|python-worker)\.js"), lambda route: route.abort())
    picture = phone.page.locator("#start[data-shows=picture] #start-picture")
    phone.page.goto(phone.url)
    picture.wait_for()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [390, 844]
    phone.page.set_viewport_size({"width": 1280, "height": 800})
    phone.page.goto(phone.url)
    phone.page.locator("#start[data-shows=splash]").wait_for()  # a picture of another window is none
    phone.page.set_viewport_size({"width": 390, "height": 844})
    context.unroute(re.compile(r"/(main\.dart|python-worker)\.js"))

    phone.open()
    picture.wait_for(state="detached")
    phone.sees("Open pipeline")
    phone.open("/access")
    phone.sees("You signed in")
    phone.reach("Sign out on all devices")
    phone.sees("Sign in with Salesforce")
    assert json.loads(phone.page.evaluate("JSON.stringify(Object.keys(localStorage).filter((k) => /picture|seen/.test(k)))")) == []
