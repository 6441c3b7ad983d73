"""SOQL beyond fields and comparisons: functions, subtotals, polymorphic references; the answers were worked out by
hand.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

Query = Callable[[str], Any]
DATA = "/services/data/v68.0"


class Small:
    """An org with a handful of records that one can count on one's fingers."""

    def __init__(self, org: EmbeddedOrg) -> None:
        self.org = org
        self.http = self.as_user(ADMIN)
        berlin = self.make(
            "Account",
            Name="Spree",
            BillingCity="Berlin",
            BillingLatitude=52.52,
            BillingLongitude=13.405,
            AnnualRevenue=1234.5,
        )
        self.make("Account", Name="Alster", BillingCity="Hamburg", BillingLatitude=53.5511, BillingLongitude=9.9937)
        self.make("Account", Name="Nowhere")
        self.deal = self.make(
            "Opportunity",
            Name="Big",
            AccountId=berlin,
            StageName="Closed Won",
            CloseDate="2026-12-01",
            Amount=1000,
            NextStep="go",
        )
        for status, origin in (
            ("New", "Phone"),
            ("New", "Phone"),
            ("New", "Email"),
            ("Closed", "Phone"),
            ("New", None),
        ):
            self.case = self.make("Case", Subject="S", Status=status, Origin=origin)
        ada = self.make("Contact", LastName="Ada", Email="ada@example.com", AccountId=berlin)
        lead = self.make(
            "Lead", LastName="Leo", Company="Lion", Status="Working - Contacted", Interests__c="Software;Hardware"
        )
        for subject, who, what in (
            ("1", ada, berlin),
            ("2", ada, self.deal),
            ("3", lead, None),
            ("4", None, self.case),
        ):
            self.make("Task", Subject=subject, WhoId=who, WhatId=what)
        self.berlin = berlin

    def as_user(self, username: str) -> httpx.Client:
        token = exchange(self.org.url, authorize(self.org.url, username))["access_token"]
        return loopback.Client(base_url=self.org.url, headers={"Authorization": f"Bearer {token}"})

    def make(self, sobject: str, **values: Any) -> str:
        made = self.http.post(f"{DATA}/sobjects/{sobject}", json=values)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def ask(self, text: str) -> Any:
        return self.http.get(f"{DATA}/query", params={"q": text}).json()

    def rows(self, text: str) -> list[dict[str, Any]]:
        answer = self.ask(text)
        assert isinstance(answer, dict), answer
        return [{k: v for k, v in r.items() if k != "attributes"} for r in answer["records"]]


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    with EmbeddedOrg(OrgSettings(accounts=0)) as org:
        yield Small(org)


def test_rollup_adds_subtotals_level_by_level(small: Small) -> None:
    found = small.rows(
        "SELECT Status, Origin, COUNT(Id) n, GROUPING(Status) s, GROUPING(Origin) o FROM Case GROUP BY ROLLUP(Status,"
        " Origin)"
    )
    assert [tuple(r.values()) for r in found] == [
        ("New", None, 1, 0, 0),  # the case without an origin, and not a subtotal
        ("New", "Phone", 2, 0, 0),
        ("New", "Email", 1, 0, 0),
        ("New", None, 4, 0, 1),
        ("Closed", "Phone", 1, 0, 0),
        ("Closed", None, 1, 0, 1),
        (None, None, 5, 1, 1),
    ]


def test_cube_adds_them_for_every_combination(small: Small) -> None:
    found = small.rows(
        "SELECT Status, Origin, COUNT(Id) FROM Case GROUP BY CUBE(Status, Origin) ORDER BY GROUPING(Status) DESC,"
        " GROUPING(Origin), Origin"
    )
    assert [tuple(r.values()) for r in found[:4]] == [
        (None, None, 1),
        (None, "Phone", 3),
        (None, "Email", 1),
        (None, None, 5),
    ]
    assert len(found) == 10
    having = small.rows(
        "SELECT Origin, COUNT(Id) n FROM Case GROUP BY ROLLUP(Origin) HAVING GROUPING(Origin) = 0 AND COUNT(Id) > 1"
    )
    assert having == [{"Origin": "Phone", "n": 3}]
    first = small.ask("SELECT Origin, COUNT(Id) n FROM Case GROUP BY ROLLUP(Origin) ORDER BY COUNT(Id) DESC LIMIT 1")
    assert (first["totalSize"], first["records"][0]["n"]) == (1, 5)
    assert small.rows("SELECT Origin, COUNT(Id) FROM Case WHERE Subject = 'none such' GROUP BY ROLLUP(Origin)") == []


def test_distances_are_those_of_the_earth(small: Small) -> None:
    at = "DISTANCE(BillingAddress, GEOLOCATION(53.5511, 9.9937), '%s')"
    found = small.rows(
        f"SELECT Name, {at % 'km'} far, {at % 'mi'} FROM Account WHERE {at % 'km'} > 1 ORDER BY {at % 'km'}"
    )
    assert found == [{"Name": "Spree", "far": pytest.approx(255.3, abs=0.5), "expr0": pytest.approx(158.6, abs=0.4)}]
    near = f"SELECT Name FROM Account WHERE {at % 'km'} < 256 ORDER BY {at % 'km'} DESC"
    assert [r["Name"] for r in small.rows(near)] == ["Spree", "Alster"]
    nulls = f"SELECT Name FROM Account ORDER BY {at % 'km'} NULLS LAST"
    assert [r["Name"] for r in small.rows(nulls)] == ["Alster", "Spree", "Nowhere"]


def test_formats_are_the_users_locale(small: Small) -> None:
    """Users of the local org are British, and their org's currency is the dollar."""
    text = (
        "SELECT Amount, FORMAT(Amount) shown, FORMAT(CloseDate) closes, FORMAT(Probability) p, convertCurrency(Amount)"
        " c FROM Opportunity"
    )
    assert small.rows(text) == [
        {"Amount": 1000.0, "shown": "US$1,000.00", "closes": "01/12/2026", "p": "100%", "c": 1000.0}
    ]
    assert small.rows("SELECT FORMAT(Amount) FROM Opportunity") == [{"Amount": "US$1,000.00"}]
    assert small.rows("SELECT FORMAT(convertCurrency(Amount)) a FROM Opportunity") == [{"a": "US$1,000.00"}]
    assert small.rows("SELECT FORMAT(MIN(CloseDate)) d, FORMAT(SUM(Amount)) FROM Opportunity") == [
        {"d": "01/12/2026", "expr0": "US$1,000.00"}
    ]
    assert small.rows("SELECT FORMAT(NumberOfEmployees) FROM Account LIMIT 1") == [{"NumberOfEmployees": None}]


def test_moments_are_taken_apart_in_utc_or_in_the_users_time_zone(small: Small) -> None:
    # Half past midnight in Berlin, a year later.
    made = small.make("Task", Subject="midnight", ReminderDateTime="2026-12-31T23:30:00Z")
    where = f"WHERE Id = '{made}'"
    for function, utc, berlin in (
        ("CALENDAR_YEAR", 2026, 2027), ("CALENDAR_QUARTER", 4, 1), ("CALENDAR_MONTH", 12, 1), ("DAY_IN_MONTH", 31, 1),
        ("DAY_IN_WEEK", 5, 6),
        ("DAY_IN_YEAR", 365, 1), ("DAY_ONLY", "2026-12-31", "2027-01-01"), ("HOUR_IN_DAY", 23, 0), ("FISCAL_YEAR", 2026,
            2027),
        ("FISCAL_QUARTER", 4, 1), ("FISCAL_MONTH", 12, 1), ("WEEK_IN_MONTH", 5, 1), ("WEEK_IN_YEAR", 53, 1),
    ):  # fmt: skip
        for inner, expected in (("ReminderDateTime", utc), ("convertTimezone(ReminderDateTime)", berlin)):
            call = f"{function}({inner})"
            assert small.rows(f"SELECT {call} x FROM Task {where} GROUP BY {call}") == [{"x": expected}], call
            value = expected if isinstance(expected, str) else str(expected)
            assert len(small.rows(f"SELECT Id FROM Task {where} AND {call} = {value}")) == 1, call


def test_a_polymorphic_reference_leads_to_whatever_it_is(small: Small) -> None:
    number = small.rows(f"SELECT CaseNumber FROM Case WHERE Id = '{small.case}'")[0]["CaseNumber"]
    found = small.ask(
        "SELECT Subject, Who.Name, Who.Type, What.Name, What.Type, What.Id FROM Task WHERE Subject < '5' ORDER BY"
        " Subject"
    )["records"]
    assert [(r["Who"] and (r["Who"]["attributes"]["type"], r["Who"]["Name"], r["Who"]["Type"])) for r in found] == [
        ("Contact", "Ada", "Contact"), ("Contact", "Ada", "Contact"), ("Lead", "Leo", "Lead"), None
    ]  # fmt: skip
    assert [(r["What"] and (r["What"]["Name"], r["What"]["Type"], r["What"]["Id"])) for r in found] == [
        ("Spree", "Account", small.berlin), ("Big", "Opportunity", small.deal), None, (number, "Case", small.case)
    ]  # fmt: skip
    assert [
        r["Subject"]
        for r in small.rows("SELECT Subject FROM Task WHERE What.Type IN ('Account', 'Case') ORDER BY Subject")
    ] == ["1", "4"]
    assert [r["Subject"] for r in small.rows("SELECT Subject FROM Task WHERE Who.Name LIKE 'L%'")] == ["3"]


def test_typeof_takes_other_fields_of_other_objects(small: Small) -> None:
    text = (
        "SELECT Subject, TYPEOF What WHEN Account THEN BillingCity, Phone WHEN Opportunity THEN Amount, NextStep ELSE"
        " Name END FROM Task WHERE Subject < '5' ORDER BY Subject"
    )
    found = [r["What"] for r in small.ask(text)["records"]]
    attributes = found[0].pop("attributes")
    assert attributes == {"type": "Account", "url": f"{DATA}/sobjects/Account/{small.berlin}"}
    assert found[0] == {"BillingCity": "Berlin", "Phone": None}
    assert {k: v for k, v in found[1].items() if k != "attributes"} == {"Amount": 1000.0, "NextStep": "go"}
    assert found[2] is None
    assert list(found[3]) == ["attributes", "Name"]
    bare = small.ask("SELECT TYPEOF What WHEN Opportunity THEN Amount END FROM Task WHERE Subject = '1'")["records"][0][
        "What"
    ]
    assert list(bare) == ["attributes"]
    columns = small.http.get(f"{DATA}/query", params={"q": text, "columns": "true"}).json()["columnMetadata"]
    assert [c["columnName"] for c in columns[1]["joinColumns"]] == [
        "BillingCity",
        "Phone",
        "Amount",
        "NextStep",
        "Name",
    ]


def test_from_may_name_parents(small: Small) -> None:
    text = (
        "SELECT c.LastName, a.Name, o.Alias FROM Contact c, c.Account a, a.Owner o WHERE a.BillingCity = 'berlin' ORDER"
        " BY a.Name"
    )
    (row,) = small.rows(text)
    assert (row["LastName"], row["Account"]["Name"], row["Account"]["Owner"]["Alias"]) == ("Ada", "Spree", "ada")


def test_labels_stand_for_values(small: Small) -> None:
    text = (
        "SELECT toLabel(Status), toLabel(Interests__c) likes FROM Lead WHERE toLabel(Status) = 'working - contacted'"
        " AND LastName = 'Leo'"
    )
    assert small.rows(text) == [{"Status": "Working - Contacted", "likes": "Software;Hardware"}]
    assert len(small.rows("SELECT Id FROM Case WHERE toLabel(Origin) IN ('Phone', 'Email')")) == 4


def test_scopes_and_security_words(small: Small) -> None:
    sales = small.as_user(SALES)
    count = "SELECT COUNT() FROM Account USING SCOPE %s"
    assert [
        sales.get(f"{DATA}/query", params={"q": count % s}).json()["totalSize"] for s in ("mine", "everything")
    ] == [0, 3]
    assert small.ask(count % "Mine")["totalSize"] == 3
    for word in ("SECURITY_ENFORCED", "USER_MODE"):
        assert small.ask(f"SELECT Id FROM Account WITH {word}")["totalSize"] == 3
    hidden = sales.get(f"{DATA}/query", params={"q": "SELECT Birthdate FROM Contact WITH SECURITY_ENFORCED"})
    assert hidden.json()[0]["errorCode"] == "INVALID_FIELD"


def test_what_one_has_viewed_is_ones_own(small: Small) -> None:
    sales = small.as_user(SALES)
    seen = "SELECT Name, LastViewedDate, LastReferencedDate FROM Account WHERE LastReferencedDate != null ORDER BY Name"
    assert small.rows(seen) == []
    small.ask("SELECT Id FROM Account WHERE Name = 'Spree' FOR VIEW")
    small.ask("SELECT Id FROM Account WHERE Name = 'Alster' FOR REFERENCE")
    found = small.rows(seen)
    assert [(r["Name"], r["LastViewedDate"] is not None) for r in found] == [("Alster", False), ("Spree", True)]
    assert sales.get(f"{DATA}/query", params={"q": seen}).json()["totalSize"] == 0
    record = small.http.get(f"{DATA}/sobjects/Account/{small.berlin}").json()
    assert record["LastViewedDate"] == found[1]["LastViewedDate"]
    assert [r["Name"] for r in small.http.get(f"{DATA}/recent").json()] == ["Spree"]


@pytest.mark.parametrize(("text", "code", "said"), [
    ("SELECT Id FROM Account WITH DATA CATEGORY Geography__c AT europe__c", "MALFORMED_QUERY", "only for articles"),
    ("SELECT Id FROM Account UPDATE VIEWSTAT", "MALFORMED_QUERY", "only for articles"),
    ("SELECT Id FROM Account WITH SYSTEM_MODE", "MALFORMED_QUERY", "unexpected token: 'SYSTEM_MODE'"),
    ("SELECT Id FROM Account USING SCOPE team", "MALFORMED_QUERY", "The scope TEAM is not available for Account"),
    ("SELECT Id FROM Account USING SCOPE nobody", "MALFORMED_QUERY", "unexpected token: 'nobody'"),
    ("SELECT COUNT(Id) FROM Case GROUP BY ROLLUP(Status, Origin, Priority, Type)", "MALFORMED_QUERY",
     "at most 3 fields"),
    ("SELECT COUNT(Id) FROM Case GROUP BY ROLLUP(Status), Origin", "MALFORMED_QUERY", "unexpected token: ','"),
    ("SELECT GROUPING(Status) FROM Case GROUP BY Status", "MALFORMED_QUERY",
     "only be used with GROUP BY ROLLUP and GROUP BY CUBE"),
    ("SELECT GROUPING(Origin) FROM Case GROUP BY ROLLUP(Status)", "MALFORMED_QUERY",
     "Field must be grouped or aggregated: GROUPING"),
    ("SELECT COUNT(Id) FROM Case GROUP BY Status ORDER BY Origin", "MALFORMED_QUERY",
     "Ordered field must be grouped or aggregated: Origin"),
    ("SELECT Id FROM Account WHERE DISTANCE(BillingAddress, GEOLOCATION(1, 2), 'km') = 3", "MALFORMED_QUERY",
     "compared by < and > with a number"),
    ("SELECT Id FROM Account WHERE DISTANCE(Name, GEOLOCATION(1, 2), 'km') < 3", "INVALID_FIELD",
     "takes addresses and geolocations"),
    ("SELECT Id FROM Account WHERE DISTANCE(BillingAddress, GEOLOCATION(91, 2), 'km') < 3", "MALFORMED_QUERY",
     "unexpected token: '91'"),
    ("SELECT Id FROM Account WHERE DISTANCE(BillingAddress, GEOLOCATION(1, 2), 'miles') < 3", "MALFORMED_QUERY",
     "unexpected token: ''miles''"),
    ("SELECT FORMAT(Name) FROM Account", "INVALID_FIELD", "takes numbers, amounts, dates and times"),
    ("SELECT Amount, FORMAT(Amount) FROM Opportunity", "INVALID_FIELD", "duplicate field selected: Amount"),
    ("SELECT Id FROM Opportunity WHERE convertCurrency(Amount) > 5", "MALFORMED_QUERY", "can only be used in SELECT"),
    ("SELECT Id FROM Opportunity ORDER BY convertCurrency(Amount)", "MALFORMED_QUERY", "can not be used in ORDER BY"),
    ("SELECT convertCurrency(NumberOfEmployees) FROM Account", "INVALID_FIELD", "takes currency fields"),
    ("SELECT toLabel(Name) FROM Account", "INVALID_FIELD", "toLabel() does not take the field Name"),
    ("SELECT convertTimezone(CreatedDate) FROM Account", "MALFORMED_QUERY", "can only be used in a date function"),
    ("SELECT HOUR_IN_DAY(CreatedDate) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated"),
    ("SELECT TYPEOF Owner WHEN User THEN Name END FROM Account", "INVALID_FIELD",
     "TYPEOF takes polymorphic relationships"),
    ("SELECT TYPEOF What WHEN Lead THEN Name END FROM Task", "INVALID_TYPE", "What does not refer to Lead"),
    ("SELECT TYPEOF What ELSE Name END FROM Task", "MALFORMED_QUERY", "unexpected token: 'ELSE'"),
    ("SELECT TYPEOF What WHEN Account THEN Owner.Name END FROM Task", "INVALID_FIELD",
     "Didn't understand relationship 'Owner'"),
    ("SELECT What.BillingCity FROM Task", "INVALID_FIELD", "No such column 'BillingCity' on entity 'Name'"),
    ("SELECT x.Name FROM Contact c, c.Nobody x", "INVALID_FIELD", "Didn't understand relationship 'Nobody'"),
    ("SELECT SUM(convertCurrency(Amount)) FROM Opportunity", "MALFORMED_QUERY", "unexpected token: 'convertCurrency'"),
])  # fmt: skip
def test_refusals(small: Small, text: str, code: str, said: str) -> None:
    (refused,) = small.ask(text)
    assert refused["errorCode"] == code
    assert said in refused["message"]
