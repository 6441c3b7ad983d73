"""The whole story in a real browser, as a person lives it."""

import json
import re

import httpx2 as httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from devtools import loopback
from devtools.clients import ADMIN, PASSWORD, SALES, App, authorize, control, exchange
from devtools.suite import Suite
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


def test_a_working_day(phone: Phone, app: App, suite: Suite, org_url: str) -> None:
    control(org_url, "revoke", {"username": SALES})
    app.sign_in(authorize(org_url))  # the same person's tablet
    phone.open()
    phone.sign_in()
    phone.sees("Good")
    phone.sees("Today")

    # List, endless scroll, search.
    phone.go("Accounts")
    phone.sees("Alder Energy")
    phone.page.mouse.move(200, 500)
    for _ in range(40):
        phone.page.mouse.wheel(0, 1500)
        phone.page.wait_for_timeout(120)
        if "That's all." in phone.page.locator("flt-semantics-host").inner_text():
            break
    phone.sees("That's all.")
    phone.page.mouse.wheel(0, -100_000)
    phone.type("Search in Accounts", "willow heal")
    phone.sees("Willow Health")
    expect(phone.page.locator("flt-semantics-host")).not_to_contain_text("Alder Energy")

    # Open, edit, save; the org has it.
    phone.tap(re.compile("Willow Health"))
    phone.sees("Contacts")
    phone.tap("Edit")
    phone.type("Account Phone", "+44 20 7946 0999")
    phone.tap("Account Rating")
    phone.page.get_by_role("menuitem", name="Cold").or_(phone.page.get_by_role("button", name="Cold")).first.click()
    phone.save()
    phone.sees("+44 20 7946 0999")
    session = exchange(org_url, authorize(org_url))
    answer = loopback.get(
        f"{org_url}/services/data/v66.0/query",
        params={"q": "SELECT Phone, Rating FROM Account WHERE Name = 'Willow Health'"},
        headers={"Authorization": f"Bearer {session['access_token']}"},
    )
    assert answer.json()["records"][0]["Phone"] == "+44 20 7946 0999"
    assert answer.json()["records"][0]["Rating"] == "Cold"

    # The session expires in the org: the next tap works, after exactly one refresh.
    control(org_url, "expire", {"username": SALES})
    control(org_url, "counters/reset")
    phone.visit("/profile")
    phone.sees("Account Executive")
    assert control(org_url, "counters")["token.refresh_token"] == 1

    # A reload keeps the session.
    phone.open("/profile")
    phone.sees("Account Executive")

    assert_no_salesforce_token_reached(phone)

    # Signed out on all devices, the old ID token gets nothing.
    old = phone.bearers[-1]
    phone.tap(re.compile("Where am I signed in"))
    phone.sees("You signed in")
    phone.reach("Sign out on all devices")
    phone.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()
    refused = loopback.post(
        f"{suite.plan.app_url}/api/getProfile", json={"data": {}}, headers={"Authorization": f"Bearer {old}"}
    )
    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["reason"] == "not-connected"
    phone.open("/records/Account")
    phone.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()
    assert_no_salesforce_token_reached(phone, signed_in=False)
    assert_nothing_was_refused_that_the_page_needs(phone)


def assert_nothing_was_refused_that_the_page_needs(phone: Phone) -> None:
    """The page's own headers forbid forms and the device's cameras, sensors and the like, and nobody misses them."""
    pages = [s for s in phone.seen if s.startswith(f"response: {phone.url}/") and "'permissions-policy'" in s]
    assert pages
    assert all("camera=()" in s and "form-action 'none'" in s for s in pages)
    lines = [s for s in phone.seen if s.startswith(("console: ", "error: "))]
    assert not [
        s
        for s in lines
        if re.search("permissions.policy|form-action|not allowed in this document|requires .Trusted", s, re.IGNORECASE)
    ]


# A refresh token and an access token of the local org, as Salesforce writes them; a code, which OAuth puts into one
# URL.
_TOKEN = re.compile(r"5Aep861\w|00D\w{12}!\S")
_CODE = re.compile(r"aPrx[\w%-]{20}")


def assert_no_salesforce_token_reached(phone: Phone, *, signed_in: bool = True) -> None:
    """No answer, URL, console line or storage holds a Salesforce token; the code stands in the way back and nowhere
    else.
    """
    kept = phone.kept()
    if signed_in:  # what is looked at is really there
        assert "refreshToken" in kept
        assert any("/api/listRecords" in s and "Alder Energy" in s for s in phone.seen)
        assert any("/auth/signIn" in s and "customToken" in s for s in phone.seen)
        assert phone.unread < len(phone.seen) / 20
    for place in (*phone.seen, f"kept: {kept}"):
        found = _TOKEN.search(place)
        assert found is None, place[max(0, found.start() - 200) : found.start() + 10]
    codes = [s.split("\n")[0][:80] for s in phone.seen if _CODE.search(s)]
    assert any("/oauth/callback" in s for s in codes)
    # On Salesforce's own pages, and in the one address that leads back.
    assert all(
        re.match(r"(request|response): \S+(/oauth/callback|/services/oauth2/authorize|/consent)", s) for s in codes
    ), codes
    assert not _CODE.search(kept)
    assert "verifier" not in kept or "pending" not in json.loads(kept)[1]["local"]


def test_a_person_who_leaves_has_everything_erased(signed_in: Phone, app: App, suite: Suite, org_url: str) -> None:
    app.sign_in(authorize(org_url))
    phone = signed_in
    phone.open()
    phone.sees("Open pipeline")
    phone.visit("/access")
    phone.sees("Connected to Salesforce")
    phone.page.get_by_role("switch").first.click()
    expect(phone.page.get_by_role("switch").first).to_be_checked()
    for _ in range(50):  # the switch moves before the backend has answered
        if app.call("api/getConnection")["staySignedIn"]:
            break
        phone.page.wait_for_timeout(100)
    assert app.call("api/getConnection")["staySignedIn"] is True
    phone.reach("Erase my data")
    phone.sees(re.compile("Erase your data from this app"))
    phone.tap("Cancel")
    phone.tap("Erase my data")
    phone.tap(re.compile("^Erase$"))
    phone.sees(re.compile("has erased your data and given up its access.*Receipt: [0-9a-f]{12}"))
    assert app.reason("api/getProfile", {})[2] == "not-connected"


def test_denied_consent_is_told_in_plain_words(phone: Phone, org_url: str) -> None:
    control(org_url, "revoke", {"username": SALES})
    phone.begin_sign_in()
    phone.page.fill("#username", SALES)
    phone.page.fill("#password", PASSWORD)
    phone.page.click("#Login")
    phone.page.click("#oadeny")
    phone.page.wait_for_url(re.compile(re.escape(phone.url)))
    phone.wake()
    phone.sees("You did not allow this app")


def test_two_tabs_sign_in_side_by_side_and_a_sign_out_in_one_is_seen_in_the_other(
    phone: Phone, context: BrowserContext, org_url: str
) -> None:
    """And a forged way back is refused meanwhile, without a question to Salesforce."""
    other = Phone(context, phone.url)
    for tab in (phone, other):
        tab.begin_sign_in("/profile")
    salesforce = phone.page.url
    control(org_url, "counters/reset")
    phone.open("/oauth/callback?code=aPrxForged%3D%3D&state=not-ours")
    phone.sees("started somewhere else")
    assert "token.authorization_code" not in control(org_url, "counters")
    phone.page.goto(salesforce)
    for tab in (other, phone):
        tab.page.bring_to_front()
        tab.come_back(then="Account Executive")
    other.open("/profile")  # a reload keeps the session
    other.sees("Account Executive")
    phone.page.bring_to_front()
    phone.tap(re.compile("Where am I signed in"))
    phone.sees("You signed in")
    phone.reach("Sign out on all devices")
    other.page.bring_to_front()
    other.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()


def test_edits_of_two_people_become_one_and_the_same_field_asks(at_home: Phone, org_url: str) -> None:
    phone = at_home
    phone.go("Accounts")
    phone.type("Search in Accounts", "cedar foods")
    phone.tap(re.compile("Cedar Foods"))
    phone.tap("Edit")
    phone.type("Account Phone", "+44 20 7946 0111")
    session = exchange(org_url, authorize(org_url, ADMIN))
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    record_id = phone.page.url.split("/")[-2]
    url = f"{org_url}/services/data/v66.0/sobjects/Account/{record_id}"
    assert httpx.patch(url, json={"Website": "https://theirs.example"}, headers=headers).status_code == 204
    phone.save()
    phone.sees("Saved together with the changes of Ada Admin")
    phone.sees("+44 20 7946 0111")
    phone.sees("https://theirs.example")

    phone.tap("Edit")
    phone.type("Account Phone", "+44 20 7946 0222")
    assert loopback.patch(url, json={"Phone": "+44 20 7946 0333"}, headers=headers).status_code == 204
    phone.save()
    phone.sees(re.compile("Ada Admin has changed the same fields"))
    phone.page.get_by_role("radio", name=re.compile("My value")).click()
    phone.tap("Save")
    phone.sees("Saved.")
    phone.sees("+44 20 7946 0222")
    assert loopback.get(url, headers=headers).json()["Phone"] == "+44 20 7946 0222"


def test_a_revoked_grant_leads_to_sign_in_with_the_reason(at_home: Phone, org_url: str) -> None:
    phone = at_home
    control(org_url, "revoke", {"username": SALES})
    phone.go("Accounts")
    phone.sees("has ended this app's access")
    phone.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()


def test_a_learner_makes_something_go_wrong_on_the_orgs_page(context: BrowserContext, org_url: str) -> None:
    page = context.new_page()
    page.goto(f"{org_url}/localorg")
    page.select_option("#who", SALES)
    page.get_by_role("button", name="Expire the access tokens now").click()
    expect(page.locator("#said")).to_contain_text("expire:")
    page.select_option("#status", "503")
    page.get_by_role("button", name="Make it go wrong").click()
    expect(page.locator("#said")).to_contain_text('"pending":1')
    page.get_by_role("button", name="Take all faults back").click()
    expect(page.locator("#said")).to_contain_text('"pending":0')
    page.get_by_role("link", name="The External Client App").click()
    page.get_by_label("Require Proof Key").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_contain_text("Saved")
    app = loopback.get(f"{org_url}/localorg/control/app").json()
    assert (app["pkceRequired"], app["refreshPolicy"], len(app["scopes"])) == (False, "until-revoked", 7)
    control(org_url, "app", {"pkceRequired": True})
    foreign = httpx.post(
        f"{org_url}/localorg/control/faults/clear", json={}, headers={"Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
