"""A browser at an org of all shapes together (tests/conftest.py: `shaped_org`)."""

import pytest
from playwright.sync_api import expect

from devtools import loopback
from devtools.clients import SALES, control
from localorg import EmbeddedOrg
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(signed_in_elsewhere: Phone) -> Phone:
    return signed_in_elsewhere


def test_a_record_that_may_be_there_already_is_opened_or_saved_anyway(phone: Phone, shaped_org: EmbeddedOrg) -> None:
    token = control(shaped_org.url, "token", {"username": SALES})["access_token"]
    data = f"{shaped_org.url}/services/data/v66.0"
    lead = {"FirstName": "Ana", "LastName": "Ruiz", "Company": "Cedar", "Email": "ana@cedar.example"}
    made = loopback.post(f"{data}/sobjects/Lead", json=lead, headers={"Authorization": f"Bearer {token}"})
    assert made.status_code == 201, made.text
    phone.open("/records/Lead/new")
    phone.sees("New Lead")
    phone.type("Last Name", "Ruiz")
    phone.type("Company", "Cedar")
    phone.type("Email", "ana@cedar.example")
    phone.page.mouse.move(200, 500)
    phone.page.mouse.wheel(0, 5000)
    save = phone.page.get_by_role("button", name="Save", exact=True)
    expect(save).to_be_in_viewport()
    save.click()
    expect(phone.page.get_by_role("button", name="Open Ana Ruiz")).to_be_in_viewport()
    anyway = phone.page.get_by_role("button", name="Save anyway")
    expect(anyway).to_be_in_viewport()
    anyway.click()
    phone.sees("Lead created.")
    query = {"q": "SELECT Id, Email FROM Lead ORDER BY CreatedDate DESC LIMIT 2"}
    answer = loopback.get(f"{data}/query", params=query, headers={"Authorization": f"Bearer {token}"})
    assert [row["Email"] for row in answer.json()["records"]] == ["ana@cedar.example"] * 2
