"""What a real browser keeps: two tabs on one storage, which stalls for a while."""

import re

import pytest
from playwright.sync_api import BrowserContext

from devtools.suite import Suite
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser
# Flutter's storage encrypts whatever it writes; while `stalled` is set it does not get to it.
STALL = """() => {
    const encrypt = crypto.subtle.encrypt.bind(crypto.subtle)
    window.stalled = true
    crypto.subtle.encrypt = async (...given) => {
        while (window.stalled) await new Promise((resolve) => setTimeout(resolve, 50))
        return encrypt(...given)
    }
}"""
DRAFTS = "() => Object.keys(localStorage).filter((key) => /draft\\/[^/]+\\/[^/]+$/.test(key)).length"
KEEPS_NOTHING = "This device keeps nothing. Save before you leave, or what you typed is lost."


def test_two_tabs_and_a_storage_that_stalls(signed_in: Phone, context: BrowserContext, suite: Suite) -> None:
    one, two = signed_in, Phone(context, suite.plan.app_url)
    for tab in (one, two):
        tab.open("/records/Account/new")
    one.page.bring_to_front()
    one.type("Account Name", "One Ltd")
    one.until(f"() => ({DRAFTS})() === 1")
    two.page.bring_to_front()
    two.type("Account Name", "Two Ltd")
    two.until(f"() => ({DRAFTS})() === 2")

    # A tab goes on with its own after a reload, while the other is open.
    one.page.bring_to_front()
    one.open("/records/Account/new")
    one.until("() => document.querySelector('input')?.value === 'One Ltd'")

    # While the storage stalls, it is told and nothing moves; when it answers again, what was typed is kept by itself.
    one.page.evaluate(STALL)
    one.type("Account Name", "One Limited")
    box = one.page.get_by_label("Account Name").first
    before = box.bounding_box()
    one.sees(KEEPS_NOTHING)
    assert box.bounding_box() == before
    one.page.evaluate("() => { window.stalled = false }")
    one.misses(KEEPS_NOTHING)
    assert box.bounding_box() == before

    # Both are there in a third tab, and each becomes one record.
    for tab in (one, two):
        tab.page.close()
    home = Phone(context, suite.plan.app_url)
    home.open()
    home.sees(re.compile("One Limited"))
    home.sees(re.compile("Two Ltd"))
    for name in ("One Limited", "Two Ltd"):
        home.tap(re.compile(name))
        home.save()
        home.sees("Account created.")
        home.sees(name)
        home.go("Home")
    home.misses("Not saved yet")
