"""The pipeline as a board in the browser: a deal is dragged, moved by its menu, closed and taken back."""

import re

import pytest
from playwright.sync_api import Locator

from devtools import loopback
from devtools.clients import SALES, control
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser

DEAL = "Board deal"


class Org:
    """The org's own word."""

    def __init__(self, url: str) -> None:
        token = control(url, "token", {"username": SALES})["access_token"]
        self._data, self._headers = f"{url}/services/data/v66.0", {"Authorization": f"Bearer {token}"}
        deal = {"Name": DEAL, "StageName": "Prospecting", "CloseDate": "2026-01-01", "Amount": 5000}
        made = loopback.post(f"{self._data}/sobjects/Opportunity", json=deal, headers=self._headers)
        self.deal = str(made.json()["id"])

    def stage(self) -> str:
        read = loopback.get(f"{self._data}/sobjects/Opportunity/{self.deal}", headers=self._headers)
        return str(read.json()["StageName"])

    def delete(self) -> None:
        loopback.delete(f"{self._data}/sobjects/Opportunity/{self.deal}", headers=self._headers)


def middle(control: Locator) -> tuple[float, float]:
    control.wait_for()
    box = control.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(phone: Phone, control: Locator, target: Locator) -> None:
    """Drags a control onto another one, as a mouse does: at once, because what rests is a long press, and not too fast,
    because Flutter takes what is over within a fifth of a second for a click while its semantics tree is on."""
    (x, y), (to_x, to_y) = middle(control), middle(target)
    phone.page.mouse.move(x, y)
    phone.page.mouse.down()
    for n in range(1, 41):
        phone.page.mouse.move(x + (to_x - x) * n / 40, y + (to_y - y) * n / 40)
        phone.page.wait_for_timeout(12)
    phone.page.mouse.up()


def test_a_deal_goes_through_its_stages(signed_in: Phone, org_url: str) -> None:
    phone, page, org = signed_in, signed_in.page, Org(org_url)
    try:
        page.set_viewport_size({"width": 1280, "height": 800})
        phone.open("/records/Opportunity")
        phone.tap("Board")
        card = page.get_by_role("button", name=re.compile(f"^{DEAL}")).first
        drag(phone, card, page.get_by_text(re.compile("^Needs Analysis: ")).first)
        phone.sees(f"{DEAL} is in “Needs Analysis” now.")
        assert org.stage() == "Needs Analysis"
        phone.tap("Undo")
        phone.sees(f"{DEAL} is back in “Prospecting”.")
        assert org.stage() == "Prospecting"
        # By its menu, as the keyboard and a screen reader do; closing asks.
        page.get_by_role("button", name=f"Move {DEAL} to …").first.click()
        page.get_by_role("button", name="Closed Won").last.click()
        phone.sees("Close as won?")
        phone.tap("Close as won")
        phone.sees(f"{DEAL} is in “Closed Won” now.")
        phone.tap("Undo")
        phone.sees(f"{DEAL} is back in “Prospecting”.")

        # A phone's: a column at a time, and a card's button opens the stages.
        page.set_viewport_size({"width": 390, "height": 844})
        phone.sees(re.compile(r"^Prospecting \(\d+\)"))
        page.get_by_role("button", name=f"Move {DEAL} to …").first.click()
        page.get_by_role("button", name="Qualification", exact=True).last.click()
        phone.sees(f"{DEAL} is in “Qualification” now.")
        assert org.stage() == "Qualification"

        # The steps on its page.
        phone.visit(f"/records/Opportunity/{org.deal}")
        phone.sees("Current stage")
        phone.tap("Prospecting")
        phone.sees(f"{DEAL} is in “Prospecting” now.")
        assert org.stage() == "Prospecting"

        # A bar of home.
        phone.visit("/")
        page.get_by_role("button", name=re.compile("^Qualification: ")).first.click()
        phone.sees(re.compile("^Qualification: "))
        phone.sees("Closed: No")
    finally:
        org.delete()
