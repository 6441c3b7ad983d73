"""An org with several currencies, as documented: SOQL and SOSL Reference, "convertCurrency()", ORDER BY, "Support for
Field Types in Aggregate Functions"; Object Reference, CurrencyType.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings

Row = dict[str, object]
_EUR, _JPY = 0.9, 150.0  # of one US dollar


class RestClient:
    """REST as one user."""

    def __init__(self, org: EmbeddedOrg, username: str = ADMIN) -> None:
        token = str(control(org.url, "token", {"username": username})["access_token"])
        self._headers = {"Authorization": f"Bearer {token}"}
        self._data = f"{org.url}/services/data/v66.0"

    def get(self, path: str, **params: str) -> object:
        answer = loopback.get(f"{self._data}/{path}", params=params, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def query(self, text: str) -> list[Row]:
        return cast("list[Row]", cast(Row, self.get("query", q=text))["records"])

    def refused(self, text: str) -> Row:
        answer = loopback.get(f"{self._data}/query", params={"q": text}, headers=self._headers)
        assert answer.status_code == 400, answer.text
        return cast(Row, answer.json()[0])

    def create(self, sobject: str, **fields: object) -> str:
        answer = loopback.post(f"{self._data}/sobjects/{sobject}", json=fields, headers=self._headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def change(self, sobject: str, identifier: str, **fields: object) -> Row | None:
        """What refused the change; None when it was made."""
        where = f"{self._data}/sobjects/{sobject}/{identifier}"
        answer = loopback.patch(where, json=fields, headers=self._headers)
        return None if answer.status_code == 204 else cast(Row, answer.json()[0])


@pytest.fixture(scope="module")
def rich() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=30, shape=frozenset({"multi-currency"}))) as org:
        yield org


@pytest.fixture
def admin(rich: EmbeddedOrg) -> RestClient:
    return RestClient(rich)


def _deal(client: RestClient, amount: float | None, code: str, mark: str) -> str:
    fields = {"Name": f"{mark} {code} {amount}", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    return client.create("Opportunity", **fields, NextStep=mark, Amount=amount, CurrencyIsoCode=code)


def test_an_org_with_one_currency_has_none_of_this(local_org: EmbeddedOrg) -> None:
    client = RestClient(local_org)
    assert client.refused("SELECT CurrencyIsoCode FROM Account")["errorCode"] == "INVALID_FIELD"
    assert client.refused("SELECT IsoCode FROM CurrencyType")["errorCode"] == "INVALID_TYPE"
    said = client.refused("SELECT Id FROM Opportunity WHERE Amount > USD5000")
    assert said["errorCode"] == "MALFORMED_QUERY"
    assert "unexpected token: 'USD5000'" in str(said["message"])
    assert cast(Row, cast(Row, client.get("connect/organization"))["features"])["multiCurrency"] is False


def test_the_currencies_and_who_may_change_them(rich: EmbeddedOrg, admin: RestClient) -> None:
    text = "SELECT Id, IsoCode, ConversionRate, DecimalPlaces, IsActive, IsCorporate FROM CurrencyType ORDER BY IsoCode"
    rows = admin.query(text)
    assert [(r["IsoCode"], r["ConversionRate"], r["DecimalPlaces"], r["IsActive"], r["IsCorporate"]) for r in rows] == [
        ("CHF", 0.8, 2, False, False),
        ("EUR", _EUR, 2, True, False),
        ("JPY", _JPY, 0, True, False),
        ("USD", 1, 2, True, True),
    ]
    assert RestClient(rich, SALES).query(text) == rows
    refused = RestClient(rich, SALES).change("CurrencyType", str(rows[0]["Id"]), IsActive=True)
    assert refused is not None
    assert refused["errorCode"] == "INSUFFICIENT_ACCESS"
    assert cast(Row, cast(Row, admin.get("connect/organization"))["features"])["multiCurrency"] is True


def test_the_code_of_a_record_is_one_of_the_active_ones(rich: EmbeddedOrg, admin: RestClient) -> None:
    shape = cast(Row, admin.get("sobjects/Opportunity/describe"))
    (field,) = [f for f in cast("list[Row]", shape["fields"]) if f["name"] == "CurrencyIsoCode"]
    values = cast("list[Row]", field["picklistValues"])
    assert (field["type"], field["restrictedPicklist"], field["label"]) == ("picklist", True, "Opportunity Currency")
    assert [(v["value"], v["label"], v["defaultValue"]) for v in values] == [
        ("EUR", "Euro", False),
        ("JPY", "Japanese Yen", False),
        ("USD", "U.S. Dollar", True),
    ]
    one = _deal(admin, 10.5, "EUR", "code")
    no_currency = "XXX"  # ISO 4217's code for none
    for wrong in ("CHF", no_currency, None):
        refused = admin.change("Opportunity", one, CurrencyIsoCode=wrong)
        assert refused is not None
        assert refused["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        assert refused["fields"] == ["CurrencyIsoCode"]
    assert admin.change("Opportunity", one, CurrencyIsoCode="JPY") is None
    (row,) = admin.query(f"SELECT Amount, CurrencyIsoCode FROM Opportunity WHERE Id = '{one}'")
    assert (row["Amount"], row["CurrencyIsoCode"]) == (10.5, "JPY"), "the amount is not converted"
    sold = {"Name": "No code", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    (sales,) = admin.query(f"SELECT Id, DefaultCurrencyIsoCode FROM User WHERE Username = '{SALES}'")
    assert sales["DefaultCurrencyIsoCode"] == "USD"
    assert admin.change("User", str(sales["Id"]), DefaultCurrencyIsoCode="EUR") is None
    made = RestClient(rich, SALES).create("Opportunity", **sold)
    (row,) = admin.query(f"SELECT CurrencyIsoCode FROM Opportunity WHERE Id = '{made}'")
    assert row["CurrencyIsoCode"] == "EUR", "the default is the user's currency"
    assert admin.change("User", str(sales["Id"]), DefaultCurrencyIsoCode="USD") is None


def test_a_currency_that_becomes_active_may_be_chosen(admin: RestClient) -> None:
    (swiss,) = admin.query("SELECT Id FROM CurrencyType WHERE IsoCode = 'CHF'")
    one = _deal(admin, 1, "EUR", "active")
    assert admin.change("CurrencyType", str(swiss["Id"]), IsActive=True) is None
    assert admin.change("Opportunity", one, CurrencyIsoCode="CHF") is None
    assert admin.change("CurrencyType", str(swiss["Id"]), IsActive=False) is None
    assert admin.change("Opportunity", one, CurrencyIsoCode="CHF") is not None
    (row,) = admin.query(f"SELECT CurrencyIsoCode FROM Opportunity WHERE Id = '{one}'")
    assert row["CurrencyIsoCode"] == "CHF", "records keep it"


def test_amounts_are_ordered_by_what_they_are_worth(admin: RestClient) -> None:
    worth = {"USD": 1.0, "EUR": _EUR, "JPY": _JPY}
    given = [(700_000, "JPY"), (5_000, "USD"), (6_000, "USD"), (5_500, "EUR"), (None, "EUR"), (5_000, "EUR")]
    for amount, code in given:
        _deal(admin, amount, code, "order")
    rows = admin.query(
        "SELECT Amount, CurrencyIsoCode FROM Opportunity WHERE NextStep = 'order' ORDER BY Amount DESC NULLS LAST"
    )
    right = sorted((g for g in given if g[0] is not None), key=lambda g: -float(g[0] or 0) / worth[g[1]])
    assert [(r["Amount"], r["CurrencyIsoCode"]) for r in rows] == [*right, (None, "EUR")]


def test_a_literal_with_a_code_compares_what_is_worth_more(admin: RestClient) -> None:
    for amount, code in ((5_001, "USD"), (7_000, "JPY"), (4_501, "EUR"), (4_499.5, "EUR"), (750_001, "JPY")):
        _deal(admin, amount, code, "literal")

    def worth(condition: str) -> list[str]:
        text = f"SELECT Amount, CurrencyIsoCode FROM Opportunity WHERE NextStep = 'literal' AND {condition}"
        return sorted(f"{row['CurrencyIsoCode']}{row['Amount']:g}" for row in admin.query(text))

    more = ["EUR4501", "JPY750001", "USD5001"]
    assert worth("Amount > USD5000") == more
    assert worth("Amount > eur4500") == more
    assert worth("Amount > JPY750000") == more
    assert worth("Amount > 5000") == ["JPY7000", "JPY750001", "USD5001"], "without a code the numbers are compared"
    assert worth("Amount = EUR4499.5") == ["EUR4499.5"]
    assert worth("Amount IN (USD5001, EUR4501)") == ["EUR4501", "USD5001"]
    assert worth("NOT Amount IN (USD5001, EUR4501)") == ["EUR4499.5", "JPY7000", "JPY750001"]
    for wrong in ("Amount IN (USD5001, 7)", "Amount > CHF5000", "Amount > XXX5", "Probability > USD5", "Name > USD5"):
        assert admin.refused(f"SELECT Id FROM Opportunity WHERE {wrong}")["errorCode"] in (
            "MALFORMED_QUERY",
            "INVALID_FIELD",
        ), wrong


def test_aggregates_are_in_the_corporate_currency(admin: RestClient) -> None:
    for amount, code in ((1_000, "USD"), (900, "EUR"), (300_000, "JPY")):
        _deal(admin, amount, code, "sum")
    where = "FROM Opportunity WHERE NextStep = 'sum'"
    (row,) = admin.query(f"SELECT SUM(Amount) s, MAX(Amount) b, MIN(Amount) l, AVG(Amount) a {where}")
    assert [round(cast(float, row[k]), 6) for k in "sbla"] == [4000, 2000, 1000, round(4000 / 3, 6)]
    rows = admin.query(f"SELECT CurrencyIsoCode c, SUM(Amount) s {where} GROUP BY CurrencyIsoCode")
    assert {str(r["c"]): round(cast(float, r["s"]), 6) for r in rows} == {"EUR": 1000, "JPY": 2000, "USD": 1000}
    having = f"SELECT Name, MAX(Amount) m {where} GROUP BY Name HAVING MAX(Amount) >"
    assert [r["Name"] for r in admin.query(f"{having} 1500")] == ["sum JPY 300000"]
    assert admin.refused(f"{having} USD1500")["errorCode"] == "MALFORMED_QUERY"


def test_convert_currency_is_in_the_users_own(rich: EmbeddedOrg, admin: RestClient) -> None:
    one = _deal(admin, 1_000, "EUR", "convert")
    of_one = f"FROM Opportunity WHERE Id = '{one}'"
    assert admin.query(f"SELECT convertCurrency(Amount) {of_one}")[0]["Amount"] == 1111.11
    text = f"SELECT Amount, FORMAT(Amount) f, convertCurrency(Amount) c, FORMAT(convertCurrency(Amount)) b {of_one}"
    (row,) = admin.query(text)
    assert (row["Amount"], row["c"], row["f"], row["b"]) == (1000, 1111.11, "€1,000.00", "US$1,111.11")
    (me,) = admin.query(f"SELECT Id FROM User WHERE Username = '{SALES}'")
    assert admin.change("User", str(me["Id"]), DefaultCurrencyIsoCode="JPY") is None
    (row,) = RestClient(rich, SALES).query(text)
    assert (row["c"], row["b"]) == (166667, "JP¥166,667")
    assert admin.change("User", str(me["Id"]), DefaultCurrencyIsoCode="USD") is None
    assert admin.query(f"SELECT FORMAT(SUM(Amount)) s {of_one}")[0]["s"] == "US$1,111.11"
    for wrong in (
        "SELECT Id FROM Opportunity WHERE convertCurrency(Amount) > 5",
        "SELECT Id FROM Opportunity ORDER BY convertCurrency(Amount)",
        "SELECT Id FROM Opportunity WHERE toLabel(CurrencyIsoCode) = 'Euro'",
    ):
        assert admin.refused(wrong)["errorCode"] == "MALFORMED_QUERY"
    (row,) = admin.query(f"SELECT toLabel(CurrencyIsoCode), Account.CurrencyIsoCode {of_one}")
    assert row["CurrencyIsoCode"] == "Euro"


def test_the_demo_data_has_every_currency_and_one_that_nobody_may_choose_any_more(admin: RestClient) -> None:
    rows = admin.query("SELECT CurrencyIsoCode c, COUNT(Id) n FROM Opportunity GROUP BY CurrencyIsoCode")
    assert {str(r["c"]) for r in rows} >= {"USD", "EUR", "JPY", "CHF"}
    yen = admin.query("SELECT Amount FROM Opportunity WHERE CurrencyIsoCode = 'JPY' AND AccountId != null")
    assert all(float(cast(float, r["Amount"])).is_integer() for r in yen)


def test_amounts_of_parents_children_and_sub_selects_are_in_their_own_records_currency(admin: RestClient) -> None:
    yen = admin.create("Account", Name="Yen parent", AnnualRevenue=1_500_000, CurrencyIsoCode="JPY")
    euro = admin.create("Account", Name="Euro parent", AnnualRevenue=18_000, CurrencyIsoCode="EUR")
    deal = {"StageName": "Prospecting", "CloseDate": "2026-12-31", "NextStep": "parents", "CurrencyIsoCode": "USD"}
    for parent, amount in ((yen, 1), (euro, 2)):
        admin.create("Opportunity", Name=f"Of {amount}", AccountId=parent, Amount=amount, **deal)
    admin.create("Opportunity", Name="Of 3", AccountId=euro, Amount=200, **deal | {"CurrencyIsoCode": "JPY"})
    text = "SELECT Name, FORMAT(Account.AnnualRevenue) FROM Opportunity WHERE NextStep = 'parents'"
    rows = admin.query(f"{text} ORDER BY Account.AnnualRevenue DESC, Name")
    assert [r["Name"] for r in rows] == ["Of 2", "Of 3", "Of 1"]
    assert cast(Row, rows[0]["Account"])["AnnualRevenue"] == "€18,000.00"
    rows = admin.query(f"{text} AND Account.AnnualRevenue > USD15000 ORDER BY Name")
    assert [r["Name"] for r in rows] == ["Of 2", "Of 3"]
    (row,) = admin.query(f"SELECT (SELECT Name FROM Opportunities ORDER BY Amount) FROM Account WHERE Id = '{euro}'")
    assert [r["Name"] for r in cast("list[Row]", cast(Row, row["Opportunities"])["records"])] == ["Of 3", "Of 2"]
    where = "WHERE Id IN (SELECT AccountId FROM Opportunity WHERE Amount > EUR1.7 AND NextStep = 'parents')"
    assert [r["Id"] for r in admin.query(f"SELECT Id FROM Account {where}")] == [euro]
    found = cast(Row, admin.get("search", q="FIND {parent} RETURNING Account(Name WHERE AnnualRevenue > USD15000)"))
    assert [r["Name"] for r in cast("list[Row]", found["searchRecords"])] == ["Euro parent"]
    found = cast(Row, admin.get("search", q="FIND {Yen} RETURNING Account(Name, convertCurrency(AnnualRevenue))"))
    assert [r["AnnualRevenue"] for r in cast("list[Row]", found["searchRecords"])] == [10_000]
    shown = cast(Row, admin.get(f"ui-api/records/{euro}", fields="Account.AnnualRevenue"))
    assert cast(Row, cast(Row, shown["fields"])["AnnualRevenue"])["displayValue"] == "€18,000.00"


@pytest.mark.parametrize("seed", range(5))
def test_random_amounts_stand_in_the_order_of_their_worth_and_add_up(admin: RestClient, seed: int) -> None:
    chance, mark = random.Random(seed), f"random {seed}"
    rates = {"USD": 1.0, "EUR": _EUR, "JPY": _JPY}
    given: dict[str, tuple[float | None, str]] = {}
    for _ in range(25):
        amount, code = chance.choice((None, 0, 90, 100, 15_000, round(chance.uniform(0, 1e6), 2))), chance.choice("UEJ")
        code = {"U": "USD", "E": "EUR", "J": "JPY"}[code]
        given[_deal(admin, amount, code, mark)] = (amount, code)
    worth = {one: None if amount is None else amount / rates[code] for one, (amount, code) in given.items()}
    for direction, sign in (("ASC", 1), ("DESC", -1)):
        text = f"SELECT Id FROM Opportunity WHERE NextStep = '{mark}' ORDER BY Amount {direction} NULLS LAST, Id"
        right = sorted(given, key=lambda i: (worth[i] is None, sign * (worth[i] or 0), i))
        assert [r["Id"] for r in admin.query(text)] == right
    for code in rates:
        for operator, compares in ((">", float.__gt__), ("<=", float.__le__), ("=", float.__eq__)):
            asked = f"SELECT Id FROM Opportunity WHERE NextStep = '{mark}' AND Amount {operator} {code}90"
            right = sorted(i for i, w in worth.items() if w is not None and compares(float(w), 90 / rates[code]))
            assert sorted(str(r["Id"]) for r in admin.query(asked)) == right, asked
    (row,) = admin.query(f"SELECT SUM(Amount) s, COUNT(Amount) n FROM Opportunity WHERE NextStep = '{mark}'")
    known = [w for w in worth.values() if w is not None]
    assert row["n"] == len(known)
    assert round(cast(float, row["s"]), 4) == round(sum(known), 4)


def test_custom_objects_have_a_currency_and_objects_of_setup_have_none(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"Visit__c": {"label": "Visit", "fields": {"Cost__c": {"type": "Currency"}}}}))
    shape = frozenset({"multi-currency", "duplicate-rules"})
    with EmbeddedOrg(OrgSettings(accounts=2, schema=(schema,), shape=shape)) as org:
        client = RestClient(org)
        made = client.create("Visit__c", Name="One", Cost__c=5, CurrencyIsoCode="JPY")
        (row,) = client.query(f"SELECT convertCurrency(Cost__c), CurrencyIsoCode FROM Visit__c WHERE Id = '{made}'")
        assert (row["Cost__c"], row["CurrencyIsoCode"]) == (0.03, "JPY")
        assert client.refused("SELECT CurrencyIsoCode FROM Group")["errorCode"] == "INVALID_FIELD"


def test_another_corporate_currency(tmp_path: Path) -> None:
    settings = OrgSettings(data=tmp_path, accounts=2, currency="EUR", shape=frozenset({"multi-currency"}))
    with EmbeddedOrg(settings) as org:
        client = RestClient(org)
        rows = client.query("SELECT IsoCode, ConversionRate, IsCorporate FROM CurrencyType ORDER BY IsoCode")
        assert {str(r["IsoCode"]): round(cast(float, r["ConversionRate"]), 4) for r in rows} == {
            "CHF": 0.8889,
            "EUR": 1,
            "JPY": 166.6667,
            "USD": 1.1111,
        }
        assert [r["IsoCode"] for r in rows if r["IsCorporate"]] == ["EUR"]
        (swiss,) = client.query("SELECT Id FROM CurrencyType WHERE IsoCode = 'CHF'")
        org.save("before")
        assert client.change("CurrencyType", str(swiss["Id"]), IsActive=True) is None
        _deal(client, 1, "CHF", "restored")
        org.restore("before")
        assert client.query("SELECT IsoCode FROM CurrencyType WHERE IsActive = true AND IsoCode = 'CHF'") == []
        assert client.change("CurrencyType", str(swiss["Id"]), ConversionRate=0.5) is None
    with EmbeddedOrg(settings) as org:
        client = RestClient(org)
        (row,) = client.query("SELECT ConversionRate FROM CurrencyType WHERE IsoCode = 'CHF'")
        assert row["ConversionRate"] == 0.5, "an org keeps what was changed"
