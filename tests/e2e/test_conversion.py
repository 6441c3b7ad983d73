"""A lead becomes a customer in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from devtools import loopback
from devtools.clients import SALES, control
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


def test_a_lead_becomes_a_customer(signed_in: Phone, org_url: str) -> None:
    phone, token = signed_in, control(org_url, "token", {"username": SALES})["access_token"]
    data, bearer = f"{org_url}/services/data/v66.0", {"Authorization": f"Bearer {token}"}

    def new(sobject: str, **fields: str) -> str:
        made = loopback.post(f"{data}/sobjects/{sobject}", json=fields, headers=bearer)
        assert made.status_code == 201, made.text
        return made.json()["id"]

    customer = new("Account", Name="Lovelace Mills", BillingCity="London")
    lead = new("Lead", FirstName="Ida", LastName="Lovelace", Company="Lovelace Mills", Email="ida@lovelace.example")
    phone.open(f"/records/Lead/{lead}")
    phone.tap("Convert")
    phone.sees("Convert Ida Lovelace")
    phone.page.get_by_role("radio", name=re.compile("^Lovelace Mills")).click()
    phone.type("Name *", "Looms for Lovelace")
    phone.page.get_by_role("button", name="Convert", exact=True).click()
    phone.sees("Ida Lovelace is converted.")
    phone.sees("Looms for Lovelace")
    row = loopback.get(f"{data}/sobjects/Lead/{lead}", headers=bearer).json()
    assert (row["IsConverted"], row["ConvertedAccountId"]) == (True, customer)

    phone.visit(f"/records/Lead/{lead}")
    phone.sees("Converted into")
    expect(phone.page.get_by_role("button", name="Edit")).to_have_count(0)
    phone.tap(re.compile("^Looms for Lovelace"))
    phone.sees("Prospecting")
