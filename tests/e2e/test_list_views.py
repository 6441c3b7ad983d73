"""The org's list views and stars in a real browser: chosen once, there again after a reload."""

import re

import pytest

from devtools.clients import control
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


def test_a_list_view_is_there_again_after_a_reload_and_a_star_on_home(signed_in: Phone, org_url: str) -> None:
    phone = signed_in
    phone.open("/records/Opportunity")
    phone.sees("Choose a list view")
    phone.tap(re.compile("Mine and open"))
    phone.sees("List views")
    phone.tap(re.compile("My Opportunities"))
    phone.misses("Cancel")
    phone.sees(re.compile("My Opportunities"))
    phone.sees(re.compile("Sorted by Opportunity Name|Sorted by Name"))
    phone.open("/records/Opportunity")
    phone.sees(re.compile("My Opportunities"))
    phone.sees(re.compile("Sorted by"))

    phone.visit("/records/Account")
    phone.tap(re.compile("Alder Energy"))
    phone.page.get_by_role("button", name="Add to favorites").first.wait_for()
    control(org_url, "counters/reset")
    phone.tap("Add to favorites")
    phone.page.get_by_role("button", name="Remove from favorites").first.wait_for()
    phone.go("Home")
    phone.sees("Favorites")
    assert control(org_url, "counters").get("rest.favorites") == 1, "a tap is one request"
    phone.tap(re.compile(r"Alder Energy\s+Account"))
    phone.tap("Remove from favorites")
    phone.page.get_by_role("button", name="Add to favorites").first.wait_for()
