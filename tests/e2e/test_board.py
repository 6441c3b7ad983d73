"""The pipeline as a board in the browser: a card is dragged, moved by its menu, closed, and taken back."""

import os
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from devtools import loopback
from devtools.clients import SALES, control
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser

DEAL = "Board deal"


def test_shots(signed_in: Phone, org_url: str) -> None:
    phone = signed_in
    org = org_url
    token = control(org, "token", {"username": SALES})["access_token"]
    data = f"{org}/services/data/v66.0"
    headers = {"Authorization": f"Bearer {token}"}
    deal = {"Name": DEAL, "StageName": "Prospecting", "CloseDate": "2026-01-01", "Amount": 5000}
    made = loopback.post(f"{data}/sobjects/Opportunity", json=deal, headers=headers).json()["id"]
    print(made)
    shots = os.environ["SHOTS"]
    for size in ((1280, 800), (390, 844)):
        phone.page.set_viewport_size({"width": size[0], "height": size[1]})
        phone.open("/records/Opportunity/board")
        phone.sees(re.compile(DEAL))
        phone.page.wait_for_timeout(800)
        phone.page.screenshot(path=f"{shots}/board-{size[0]}.png")
        open(f"{shots}/tree-{size[0]}.txt", "w").write(phone.screen())
        phone.visit(f"/records/Opportunity/{made}")
        phone.sees("Current stage")
        phone.page.wait_for_timeout(800)
        phone.page.screenshot(path=f"{shots}/record-{size[0]}.png")
    phone.visit("/")
    phone.sees("Open pipeline")
    phone.page.wait_for_timeout(800)
    phone.page.screenshot(path=f"{shots}/home-390.png")
    phone.page.get_by_role("button", name=re.compile("^Needs Analysis")).first.click()
    phone.sees("Nothing here.")
