"""A browser at an org of all shapes together (tests/conftest.py: `shaped_org`)."""

import re

import pytest
from playwright.sync_api import expect

from devtools import loopback
from devtools.clients import SALES, control
from localorg import EmbeddedOrg
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def one_start(one_start_elsewhere: Phone) -> Phone:
    return one_start_elsewhere


@pytest.fixture
def phone(at_home: Phone) -> Phone:
    return at_home


def choose(phone: Phone, label: str, value: str) -> None:
    """Chooses a value of a picklist."""
    phone.tap(label)
    phone.page.get_by_role("menuitem", name=value).or_(phone.page.get_by_role("button", name=value)).first.click()


def test_a_day_at_an_org_of_all_shapes(phone: Phone, shaped_org: EmbeddedOrg) -> None:
    phone.sees("Converted to USD")

    # A case that nobody has yet.
    phone.visit("/records/Case")
    phone.sees("Search in Cases")
    phone.tap("Case Owner")
    phone.page.get_by_role("menuitem", name="A user or a queue …").click()
    phone.tap(re.compile("^Support"))
    phone.sees("Case Owner: Support")
    phone.tap(re.compile("0000"))
    phone.sees("Support (queue)")
    phone.tap("Take it")
    phone.sees(re.compile("is yours now"))
    phone.sees("Sam Sales")

    # A person among the accounts, with an address of codes.
    phone.visit("/records/Account/new")
    phone.sees("New Account")
    choose(phone, "Record type", "Person Account")
    phone.type("Last Name", "Okafor")
    phone.save()
    phone.sees("Account created.")
    phone.sees("Okafor")
    token = control(shaped_org.url, "token", {"username": SALES})["access_token"]
    query = {"q": "SELECT IsPersonAccount, LastName, Owner.Name FROM Account ORDER BY CreatedDate DESC LIMIT 1"}
    answer = loopback.get(
        f"{shaped_org.url}/services/data/v66.0/query", params=query, headers={"Authorization": f"Bearer {token}"}
    )
    row = answer.json()["records"][0]
    assert (row["IsPersonAccount"], row["LastName"], row["Owner"]["Name"]) == (True, "Okafor", "Sam Sales")


def test_a_record_that_may_be_there_already_is_opened_or_saved_anyway(phone: Phone, shaped_org: EmbeddedOrg) -> None:
    token = control(shaped_org.url, "token", {"username": SALES})["access_token"]
    data = f"{shaped_org.url}/services/data/v66.0"
    lead = {"FirstName": "Ana", "LastName": "Ruiz", "Company": "Cedar", "Email": "ana@cedar.example"}
    made = loopback.post(f"{data}/sobjects/Lead", json=lead, headers={"Authorization": f"Bearer {token}"})
    assert made.status_code == 201, made.text
    phone.visit("/records/Lead/new")
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
