"""An org of the shape `state-country`: codes of countries and states beside the texts of an address.

Sources: Salesforce Help, "State and Country/Territory Picklist Field-Syncing Logic", whose rows are the tests here, and
"Integration Values for State and Country/Territory Picklists"; errors of real orgs: SalesforceFoundation/NPSP#994,
#2432 and #6405.
"""

import base64
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from localorg import EmbeddedOrg, OrgSettings

Values = dict[str, Any]
_NOT_OF_IT = "The existing country/territory doesn't recognize the state value for field: Billing State/Province Code"


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=20, shape=frozenset({"state-country"}))) as org:
        yield org


@pytest.fixture
def texan(http: httpx.Client) -> str:
    values = {"Name": "Cedar", "BillingCity": "Austin", "BillingStateCode": "TX", "BillingCountryCode": "US"}
    return str(http.post("/sobjects/Account", json=values).json()["id"])


def address(http: httpx.Client, account: str) -> list[object]:
    row = http.get(f"/sobjects/Account/{account}").json()
    return [row[f"Billing{name}"] for name in ("CountryCode", "Country", "StateCode", "State")]


TEXAS = ["US", "United States", "TX", "Texas"]


def test_describe_has_the_codes_with_their_dependency(http: httpx.Client) -> None:
    for sobject, prefixes in (("Account", ("Billing", "Shipping")), ("Contact", ("Mailing", "Other")), ("Lead", ("",))):
        fields: dict[str, Values] = {f["name"]: f for f in http.get(f"/sobjects/{sobject}/describe").json()["fields"]}
        for prefix in prefixes:
            country, state = fields[f"{prefix}CountryCode"], fields[f"{prefix}StateCode"]
            assert (country["type"], country["controllerName"], country["dependentPicklist"]) == (
                "picklist", None, False,
            )  # fmt: skip
            assert (state["type"], state["controllerName"], state["dependentPicklist"]) == (
                "picklist", f"{prefix}CountryCode", True,
            )  # fmt: skip
            assert country["compoundFieldName"] == state["compoundFieldName"] == f"{prefix}Address"
            assert fields[f"{prefix}Country"]["type"] == fields[f"{prefix}State"]["type"] == "string"
            codes = [value["value"] for value in country["picklistValues"]]
            assert len(codes) == len(set(codes)) > 200
            by_name = {value["label"]: value for value in state["picklistValues"]}
            for name, code, of in (("Texas", "TX", "US"), ("Pará", "PA", "BR"), ("Pennsylvania", "PA", "US")):
                assert by_name[name]["value"] == code
                bits = base64.b64decode(by_name[name]["validFor"])
                valid = [c for n, c in enumerate(codes) if bits[n // 8] & (0x80 >> n % 8)]
                assert valid == [of], "two states of two countries with one code are two values"


@pytest.mark.parametrize(("values", "after"), [
    ({"BillingCountryCode": "US", "BillingStateCode": "TX"}, TEXAS),
    ({"BillingCountryCode": "us", "BillingStateCode": "tx"}, TEXAS),
    ({"BillingCountry": "United States", "BillingState": "Texas"}, TEXAS),
    ({"BillingCountry": "United States", "BillingStateCode": "TX"}, TEXAS),
    ({"BillingCountryCode": "DE", "BillingCountry": "France"}, ["DE", "Germany", None, None]),
    ({"BillingCountryCode": "US", "BillingStateCode": "TX", "BillingState": "Ohio"}, TEXAS),
    ({"BillingCountryCode": "BR", "BillingStateCode": "PA"}, ["BR", "Brazil", "PA", "Pará"]),
    ({"BillingCountryCode": "US", "BillingStateCode": "PA"}, ["US", "United States", "PA", "Pennsylvania"]),
    ({"BillingCity": "Ulm"}, [None] * 4),
])  # fmt: skip
def test_a_new_record_has_text_and_code_whichever_was_sent(
    http: httpx.Client, values: Values, after: list[object]
) -> None:
    made = http.post("/sobjects/Account", json={"Name": "New", **values})
    assert made.status_code == 201, made.text
    assert address(http, made.json()["id"]) == after


@pytest.mark.parametrize(("change", "after"), [
    ({"BillingStateCode": "CA"}, ["US", "United States", "CA", "California"]),
    ({"BillingState": "Ohio"}, ["US", "United States", "OH", "Ohio"]),
    ({"BillingCountryCode": "DE", "BillingStateCode": None}, ["DE", "Germany", None, None]),
    ({"BillingCountry": "Japan", "BillingState": "Osaka"}, ["JP", "Japan", "27", "Osaka"]),
    ({"BillingCountryCode": None}, [None] * 4),
    ({"BillingCountry": None}, [None] * 4),
    ({"BillingStateCode": None}, ["US", "United States", None, None]),
    ({"BillingCity": "Houston"}, TEXAS),
])  # fmt: skip
def test_a_change_of_the_one_changes_the_other(
    http: httpx.Client, texan: str, change: Values, after: list[object]
) -> None:
    assert http.patch(f"/sobjects/Account/{texan}", json=change).status_code == 204
    assert address(http, texan) == after


@pytest.mark.parametrize(("change", "field", "message"), [
    ({"BillingCountry": "Germnay"}, "BillingCountry", "There's a problem with this country, even though it may appear"
     " correct. Please select a country/territory from the list of valid countries.: Billing Country"),
    ({"BillingCountry": "US"}, "BillingCountry", "There's a problem with this country, even though it may appear"
     " correct. Please select a country/territory from the list of valid countries.: Billing Country"),
    ({"BillingState": "TX"}, "BillingState", "There's a problem with this state, even though it may appear correct."
     " Please select a state from the list of valid states.: Billing State/Province"),
    ({"BillingCountryCode": "XX"}, "BillingCountryCode", "The BillingCountryCode field contains XX, which isn't an"
     " available country/territory. Your administrator can add it for you."),
    ({"BillingStateCode": "ZZ"}, "BillingStateCode", "The BillingStateCode field contains ZZ, which isn't an available"
     " state. Your administrator can add it for you."),
    ({"BillingStateCode": "BC"}, "BillingStateCode", _NOT_OF_IT),
    ({"BillingCountryCode": "CA"}, "BillingStateCode", _NOT_OF_IT),
    ({"BillingCountryCode": "DE"}, "BillingStateCode", _NOT_OF_IT),
    ({"BillingCountryCode": "US", "BillingCountry": "France"}, "BillingCountryCode", None),
    ({"BillingCountryCode": None, "BillingStateCode": "TX"}, "BillingStateCode", "A country/territory must be specified"
     " before specifying a state value for field: Billing State/Province Code"),
])  # fmt: skip
def test_what_does_not_go_together_changes_nothing(
    http: httpx.Client, texan: str, change: Values, field: str, message: str | None
) -> None:
    refused = http.patch(f"/sobjects/Account/{texan}", json={"Phone": "1", **change})
    assert refused.status_code == 400
    (error,) = refused.json()
    assert (error["errorCode"], error["fields"]) == ("FIELD_INTEGRITY_EXCEPTION", [field])
    assert message in (None, error["message"])
    assert address(http, texan) == TEXAS


def test_the_compound_address_and_the_layout_have_the_codes(http: httpx.Client, texan: str) -> None:
    rows = http.get("/query", params={"q": f"SELECT BillingAddress FROM Account WHERE Id = '{texan}'"}).json()
    for whole in (
        rows["records"][0]["BillingAddress"],
        http.get(f"/sobjects/Account/{texan}").json()["BillingAddress"],
    ):
        assert (whole["stateCode"], whole["state"], whole["countryCode"], whole["country"]) == (
            "TX", "Texas", "US", "United States",
        )  # fmt: skip
    layout = http.get("/sobjects/Account/describe/layouts/012000000000000AAA").json()
    parts = [
        part["value"]
        for section in layout["detailLayoutSections"]
        for row in section["layoutRows"]
        for item in row["layoutItems"]
        for component in item["layoutComponents"]
        for part in component.get("components", [component])
    ]
    assert {"BillingStateCode", "BillingCountryCode"} <= set(parts)
    assert not {"BillingState", "BillingCountry"} & set(parts)


def test_the_demo_data_has_codes_and_texts_that_go_together(http: httpx.Client) -> None:
    text = "SELECT BillingCountryCode, BillingCountry, BillingStateCode, BillingState FROM Account LIMIT 20"
    rows = http.get("/query", params={"q": text}).json()["records"]
    assert all(row["BillingCountryCode"] and row["BillingCountry"] for row in rows)
    assert any(row["BillingStateCode"] and row["BillingState"] for row in rows)
    assert all(bool(row["BillingStateCode"]) is bool(row["BillingState"]) for row in rows)
    grouped = http.get(
        "/query", params={"q": "SELECT BillingCountryCode c, COUNT(Id) n FROM Account GROUP BY BillingCountryCode"}
    )
    assert sum(row["n"] for row in grouped.json()["records"]) >= 20


def test_an_address_in_bulk_follows_too(http: httpx.Client) -> None:
    body = {"records": [{"attributes": {"type": "Contact"}, "LastName": "B", "MailingCountryCode": "JP",
                         "MailingStateCode": "27"}]}  # fmt: skip
    (made,) = http.post("/composite/sobjects", json=body).json()
    row = http.get(f"/sobjects/Contact/{made['id']}").json()
    assert (row["MailingCountry"], row["MailingState"]) == ("Japan", "Osaka")
