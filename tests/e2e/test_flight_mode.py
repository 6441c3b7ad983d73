"""A seller in flight mode: a change, a new account, its contact, a task done, a tab that ends; then all in the org."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, exchange
from devtools.suite import Suite
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser
SECONDS = 90  # for a tab on a busy machine to start and send; it takes two


def test_flight_mode(signed_in: Phone, context: BrowserContext, suite: Suite, org_url: str) -> None:
    phone, token = signed_in, exchange(org_url, authorize(org_url, ADMIN))["access_token"]
    with loopback.Client(
        base_url=f"{org_url}/services/data/v66.0", headers={"Authorization": f"Bearer {token}"}
    ) as org:

        def rows(soql: str) -> list[dict[str, object]]:
            return org.get("/query", params={"q": soql}).json()["records"]

        account = str(org.post("/sobjects/Account", json={"Name": "Ground Ltd"}).json()["id"])
        seller = rows(f"SELECT Id FROM User WHERE Username = '{SALES}'")[0]["Id"]
        task = {"Subject": "Pack for the flight", "OwnerId": seller, "ActivityDate": "2001-01-01"}
        assert org.post("/sobjects/Task", json=task).status_code == 201
        phone.open()
        phone.sees(re.compile("Pack for the flight"))
        phone.visit(f"/records/Account/{account}")
        phone.sees("Ground Ltd")
        _may_edit(phone)
        context.set_offline(True)
        phone.tap("Edit")
        phone.type("Account Phone", "+44 20 7946 0100")
        phone.save()
        phone.sees("This is waiting to be sent. What you see is on this device only.")
        phone.sees("+44 20 7946 0100")
        phone.visit("/records/Account/new")
        phone.type("Account Name", "Sky Ltd")
        phone.save()
        phone.sees("Sky Ltd")
        phone.reach("New Contact")
        phone.type("Last Name", "Flyer")
        phone.save()
        phone.visit("/")
        phone.sees("Recently seen")
        circle, before = phone.page.get_by_role("button", name=re.compile("^Complete: Pack for the flight")).first, None
        while (box := circle.bounding_box()) != before:  # what moves just then would be missed
            before = box
            phone.page.wait_for_timeout(500)
        circle.click()
        phone.sees("Pack for the flight is completed when you are online again.")
        phone.sees("4 changes are waiting to be sent.")
        phone.page.close()

        context.set_offline(False)
        again = Phone(context, suite.plan.app_url)
        again.open("/waiting")
        _until(again, lambda: bool(rows("SELECT Id FROM Contact WHERE LastName = 'Flyer'")))
        again.sees("Everything is in Salesforce.")
        skies = rows("SELECT Id FROM Account WHERE Name = 'Sky Ltd'")
        contacts = rows("SELECT AccountId FROM Contact WHERE LastName = 'Flyer'")
        assert [c["AccountId"] for c in contacts] == [s["Id"] for s in skies]
        assert len(skies) == 1
        grounds = rows("SELECT Id, Phone FROM Account WHERE Name = 'Ground Ltd'")
        assert [g["Phone"] for g in grounds] == ["+44 20 7946 0100"]

        assert rows("SELECT IsClosed FROM Task WHERE Subject = 'Pack for the flight'")[0]["IsClosed"] is True

        # A tab that stays open sends by itself when the network is back.
        again.visit(f"/records/Account/{account}")
        again.sees("+44 20 7946 0100")
        _may_edit(again)
        context.set_offline(True)
        again.tap("Edit")
        again.type("Account Phone", "+44 20 7946 0101")
        again.save()
        again.sees(re.compile("1 change is waiting to be sent"))
        context.set_offline(False)
        _until(
            again, lambda: rows(f"SELECT Phone FROM Account WHERE Id = '{account}'")[0]["Phone"] == "+44 20 7946 0101"
        )
        again.misses(re.compile("waiting to be sent"))


def _may_edit(phone: Phone) -> None:
    """Waits until the page knows what may be changed, too, which a tab that has just begun asks after the record."""
    phone.page.get_by_role("button", name="Edit").first.wait_for(state="attached")


def _until(phone: Phone, holds: Callable[[], bool]) -> None:
    """Waits until the org has it, while the tab goes on."""
    for _time in range(SECONDS * 5):
        if holds():
            return
        phone.page.wait_for_timeout(200)
    raise TimeoutError(phone.screen())
