"""A seller's day in a real browser: home begins with it, a task is completed and taken back, a call is kept."""

import re

import pytest

from devtools.clients import control
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


def test_a_task_is_done_and_taken_back_and_a_call_is_kept(signed_in: Phone, org_url: str) -> None:
    phone = signed_in
    phone.open()
    phone.sees("Today")
    phone.sees(re.compile("Overdue"))
    control(org_url, "counters/reset")
    circle = phone.page.get_by_role("button", name=re.compile("^Complete: ")).first
    circle.wait_for()
    box = circle.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 48
    circle.click()
    phone.sees(re.compile("is completed"))
    assert requests(org_url) == 1, "one tap is one request"
    phone.tap("Undo")
    phone.misses(re.compile("is completed"))
    phone.page.get_by_role("button", name=re.compile("^Call ")).first.click()
    phone.sees(re.compile("How was the call with"))
    phone.tap("Reached")
    phone.type("What was said?", "wants a quote")
    phone.tap("Tomorrow")
    control(org_url, "counters/reset")
    phone.tap(re.compile("^Save$"))
    phone.sees("The call is saved.")
    assert control(org_url, "counters").get("rest.composite", 0) <= 2, "the call, and home anew"


def requests(org_url: str) -> int:
    return sum(n for kind, n in control(org_url, "counters").items() if kind.startswith("rest."))
