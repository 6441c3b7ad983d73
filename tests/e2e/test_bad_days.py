"""Bad days in a real browser, made by the org's faults: each has its words, what was seen stays, and nothing typed is
lost.
"""

import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from devtools import languages, loopback
from devtools.clients import ADMIN, SALES, authorize, control, exchange
from devtools.suite import Suite
from tests.e2e.phone import Open, Phone

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(at_home: Phone) -> Phone:
    """Signed in, with home and the accounts seen once."""
    at_home.go("Accounts")
    at_home.sees("Alder Energy")
    return at_home


class Admin:
    """Somebody else, at Salesforce itself."""

    def __init__(self, org_url: str) -> None:
        token = exchange(org_url, authorize(org_url, ADMIN))["access_token"]
        self.http = loopback.Client(
            base_url=f"{org_url}/services/data/v66.0", headers={"Authorization": f"Bearer {token}"}
        )

    def account(self, name: str) -> str:
        made = self.http.post("/sobjects/Account", json={"Name": name})
        assert made.status_code == 201
        return str(made.json()["id"])

    def delete(self, record_id: str) -> None:
        assert self.http.delete(f"/sobjects/Account/{record_id}").status_code == 204


@pytest.fixture
def admin(org_url: str) -> Iterator[Admin]:
    made = Admin(org_url)
    yield made
    made.http.close()


def test_no_network(phone: Phone) -> None:
    """In the tunnel one reads what one has seen, types on, and saves when the network is back."""
    phone.tap(re.compile("Alder Energy"))
    phone.sees("Account Information")
    phone.tap("Edit")
    phone.type("Account Phone", "+44 20 7946 0777")
    phone.page.context.set_offline(True)
    phone.go("Accounts")
    phone.sees("You are offline. You see what you saw last.")
    phone.sees("Alder Foods")
    phone.go("Home")
    phone.sees("Open pipeline")
    phone.sees("Not saved yet")
    phone.page.context.set_offline(False)
    phone.tap("Try again")
    phone.misses("You are offline. You see what you saw last.")
    phone.tap(re.compile("Change to Alder Energy"))
    phone.save()
    phone.sees("Saved.")
    phone.sees("+44 20 7946 0777")


def test_what_nobody_has_thought_of_is_a_notice_and_the_app_lives_on(phone: Phone) -> None:
    phone.page.workers[0].evaluate("""self.pyodide.runPython(`
import ui.app
from contract.errors import NotFound, Reason

goes = ui.app.App.go

async def fails(self, place):
    ui.app.App.go = goes
    raise NotFound(Reason.RECORD_NOT_FOUND)

ui.app.App.go = fails
`)""")
    phone.tap_tab("Contacts")
    phone.sees("This record does not exist, or you may not see it.")
    phone.sees("Alder Foods")
    phone.go("Contacts")
    phone.sees("Search in Contacts")


def test_a_field_without_permission_keeps_what_was_typed(at_home: Phone, org_url: str, admin: Admin) -> None:
    phone, record_id = at_home, admin.account("Permission Ltd")
    phone.visit(f"/records/Account/{record_id}")
    phone.tap("Edit")
    phone.type("Account Phone", "+44 20 7946 0888")
    refusal = '[{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "insufficient access rights on object id"}]'
    control(org_url, "faults", {"kind": "rest.composite", "status": 403, "body": refusal})
    phone.save()
    phone.sees("You do not have permission for this in Salesforce.")
    phone.visit(f"/records/Account/{record_id}")
    phone.sees("You have begun to change this and not saved it yet.")
    phone.tap("Throw away")


def test_a_record_that_somebody_deleted_meanwhile(at_home: Phone, admin: Admin) -> None:
    phone, record_id = at_home, admin.account("Gone Ltd")
    phone.visit(f"/records/Account/{record_id}")
    phone.sees("Gone Ltd")
    admin.delete(record_id)
    phone.tap("Refresh")
    phone.sees("This record does not exist, or you may not see it.")


def test_salesforce_is_slow_down_and_out_of_requests(phone: Phone, org_url: str) -> None:
    control(org_url, "faults", {"kind": "rest.query", "delayMs": 8000})
    phone.tap("Refresh")
    phone.sees("The connection is slow.")
    phone.sees("Alder Foods")
    control(org_url, "faults/clear", {})
    control(org_url, "faults", {"kind": "rest.query", "status": 503, "times": 20})
    phone.type("Search in Accounts", "willow")
    phone.sees("Salesforce is busy right now. Please try again.")
    control(org_url, "faults/clear", {})
    phone.tap("Try again")
    phone.sees("Willow Health")
    exhausted = '[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]'
    control(org_url, "faults", {"kind": "rest.query", "status": 403, "body": exhausted, "times": 20})
    phone.type("Search in Accounts", "cedar")
    phone.sees(re.compile("Your company has used up its Salesforce requests"))


def test_a_session_that_ended_elsewhere_leads_back_to_what_was_typed(
    at_home: Phone, org_url: str, admin: Admin
) -> None:
    phone, record_id = at_home, admin.account("Back Again Ltd")
    phone.visit(f"/records/Account/{record_id}/edit")
    phone.type("Account Phone", "+44 20 7946 0999")
    control(org_url, "revoke", {"username": SALES})
    phone.save()
    phone.sees("has ended this app's access")
    phone.tap("Sign in with Salesforce")
    phone.page.fill("#username", SALES)
    phone.page.fill("#password", "localorg1")
    phone.page.click("#Login")
    phone.page.click("#oaapprove")
    phone.page.wait_for_url(re.compile(f"/records/Account/{record_id}/edit"))
    phone.wake()
    phone.sees("Change Back Again Ltd")
    phone.page.get_by_label("Account Phone").first.click()
    expect(phone.page.get_by_label("Account Phone").first).to_have_value("+44 20 7946 0999")


def test_where_salesforce_still_knows_the_browser_one_tap_is_enough(at_home: Phone, org_url: str) -> None:
    """The answer to a refresh is lost: only a new authorization helps, and the org remembers browser and consent: the
    seller has signed in here before, by a test or by this one."""
    phone = at_home
    if not phone.page.context.cookies(org_url):
        control(org_url, "revoke", {"username": SALES})
        phone.tap("Refresh")
        phone.sees("has ended this app's access")
        phone.sign_in()
    control(org_url, "expire", {"username": SALES})
    control(org_url, "faults", {"kind": "token.refresh_token", "cut": "after", "times": 5})
    control(org_url, "faults", {"kind": "token.introspect", "status": 503, "times": 20})
    phone.visit("/records/Contact")
    phone.sees("The connection to Salesforce has ended. Sign in again to go on; what you saved is kept.")
    control(org_url, "faults/clear", {})
    phone.tap("Go on as Sam Sales")
    phone.page.wait_for_url(re.compile("/records/Contact$"))
    phone.wake()
    phone.sees(re.compile("Search in Contacts"))


def test_a_tab_that_is_too_old_for_its_service_says_so(context: BrowserContext, signed_in: Phone) -> None:
    def newer(route: Route) -> None:
        route.fulfill(json={"result": {"everything": "is different now"}})

    context.route("**/api/getProfile", newer)
    signed_in.open("/profile")
    signed_in.sees("This app is too old for its service. Please load it again.")


_CLOCK = "(() => { const now = Date.now.bind(Date); Date.now = () => now() + %d; })()"


@pytest.mark.parametrize("hours", [1, -1], ids=["fast", "slow"])
def test_a_clock_that_is_wrong_by_an_hour(context: BrowserContext, suite: Suite, org_url: str, hours: int) -> None:
    """Python's clock too, which runs in a worker."""
    phone = Phone(context, suite.plan.app_url)
    wrong = _CLOCK % (hours * 3_600_000)
    context.add_init_script(wrong)

    def set_the_workers_clock(route: Route) -> None:
        """Before Python starts: the worker that asks for the snapshot waits for it."""
        phone.page.workers[-1].evaluate(wrong)
        route.continue_()

    context.route("**/snapshot.bin.gz", set_the_workers_clock)
    phone.page.goto(suite.plan.app_url, wait_until="commit")
    phone.wake()
    phone.tap("Sign in with Salesforce")
    phone.page.fill("#username", SALES)
    phone.page.fill("#password", "localorg1")
    phone.page.click("#Login")
    phone.page.wait_for_url(re.compile(r"/services/oauth2/authorize|/oauth/callback|:\d+/$"))
    if phone.page.locator("#oaapprove").count():
        phone.page.click("#oaapprove")
    phone.page.wait_for_url(re.compile(re.escape(suite.plan.app_url)), wait_until="commit")
    phone.wake()
    phone.sees("Open pipeline")
    control(org_url, "expire", {"username": SALES})
    phone.go("Accounts")
    phone.sees("Alder Energy")
    told = phone.page.workers[0].evaluate("Date.now()")
    assert abs(told - 3_600_000 * hours - 1000 * time.time()) < 60_000


# A word in each script, by the font that Flutter asks for, which for Hindi is that of all Latin letters; Greek and
# Cyrillic are in Roboto.
_SCRIPTS = {
    "notosansarabic": "شركة", "notosanshebrew": "חברה", "notosansthai": "บริษัท", "notosans": "कंपनी",
    "notosanssc": "软件张", "notosanskr": "회사", "notosansjp": "株式会社",
    "notocoloremoji": "😀", "": "Εταιρεία Компания",
}  # fmt: skip


def _is_drawn_from_the_sites_own_fonts(phone: Phone) -> None:
    """A font of each script has come, and no other host was asked for one."""
    wanted, came = set(filter(None, _SCRIPTS)), re.compile(r"response: \S+/fonts/(noto\w+)/v\d+/\S+\n.*font/woff2")
    deadline = time.monotonic() + 60
    while missing := wanted - {found[1] for line in phone.seen if (found := came.match(line))}:
        assert time.monotonic() < deadline, missing
        phone.page.wait_for_timeout(100)
    fonts = [line.split()[1] for line in phone.seen if line.startswith("request: ") and line.endswith(".woff2")]
    assert {urlsplit(url).hostname for url in fonts} == {"127.0.0.1"}


@pytest.mark.parametrize("tag", ["de-DE", "ja-JP"])
def test_bad_days_are_told_in_the_persons_language(
    open_browser: Open, keeps: dict[str, str], suite: Suite, org_url: str, admin: Admin, tag: str
) -> None:
    words, record_id = languages.read(tag[:2]), admin.account(f"Far Away {' '.join(_SCRIPTS.values())}")

    def said(text: str) -> re.Pattern[str]:
        return re.compile(re.escape(str(words[text].string)))

    context = open_browser(locale=tag)
    abroad = Phone(context, suite.plan.app_url)
    abroad.take_up(keeps)
    abroad.open("/records/Account")
    abroad.sees("Alder Energy")
    control(org_url, "faults", {"kind": "rest.query", "delayMs": 8000})
    abroad.tap(said("Refresh"))
    abroad.sees(said("The connection is slow."))
    control(org_url, "faults/clear", {})
    control(org_url, "faults", {"kind": "rest.query", "status": 503, "times": 20})
    abroad.type(str(words["Search in {objects}"].string).format(objects="Accounts"), "cedar")
    abroad.sees(said("Salesforce is busy right now. Please try again."))
    abroad.misses(said("The connection is slow."))
    context.set_offline(True)
    abroad.tap(said("Try again"))
    abroad.sees(said("You are offline. You see what you saw last."))
    context.set_offline(False)
    control(org_url, "faults/clear", {})
    refusal = '[{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "insufficient access rights on object id"}]'
    control(org_url, "faults", {"kind": "rest.composite", "status": 403, "body": refusal})
    abroad.visit(f"/records/Account/{record_id}/edit")
    abroad.type("Account Phone", "+44 20 7946 0888")
    abroad.page.keyboard.press("Enter")
    abroad.sees(said("You do not have permission for this in Salesforce."))
    _is_drawn_from_the_sites_own_fonts(abroad)
    admin.delete(record_id)
    abroad.visit(f"/records/Account/{record_id}")
    abroad.sees(said("This record does not exist, or you may not see it."))
    control(org_url, "revoke", {"username": SALES})
    abroad.tap(said("Refresh"))
    abroad.sees(
        said(
            "Salesforce has ended this app's access: an administrator revoked it, or you signed in on more than five"
            " devices. Please sign in again."
        )
    )


_FULL = """const set = Storage.prototype.setItem;
Storage.prototype.setItem = function (key, value) {
  if (String(key).startsWith("FletSecureStorage.")) throw new DOMException("full", "QuotaExceededError");
  return set.call(this, key, value);
};"""


def test_a_browser_whose_storage_is_full_is_told_before_it_leaves(context: BrowserContext, suite: Suite) -> None:
    context.add_init_script(_FULL)
    phone = Phone(context, suite.plan.app_url)
    phone.open()
    phone.tap("Sign in with Salesforce")
    phone.sees(re.compile("This browser keeps nothing"))
