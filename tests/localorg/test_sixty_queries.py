"""Queries as people write them, their answers worked out in Python from plain rows of the objects.

What the random queries of `soql_evaluator.py` do not reach: children, parents of parents, several objects in one query,
semi-joins, multi-select picklists, groups by parents, the recycle bin, half a dozen clauses at once.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.data.seed import ZONE

DATA = "/services/data/v68.0"
Row = dict[str, Any]
STAGES = (
    "Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers",
    "Perception Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
)  # fmt: skip


class Org:
    """The org over HTTP, and its rows as plain lists, with the parents put in."""

    def __init__(self, http: Any) -> None:
        self.http = http
        self.accounts, self.contacts, self.deals, self.cases, self.tasks, self.leads, self.users = (
            self.all(f"SELECT FIELDS(STANDARD){more} FROM {name}")
            for name, more in (
                ("Account", ""), ("Contact", ""), ("Opportunity", ""), ("Case", ""), ("Task", ""),
                ("Lead", ", Interests__c"), ("User", ""),
            )
        )  # fmt: skip
        self.by_id = {r["Id"]: r for rows in vars(self).values() if isinstance(rows, list) for r in rows}
        now = http.get(f"{DATA}/").headers["date"]
        moment = datetime.strptime(now, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        self.today = moment.astimezone(ZoneInfo(ZONE)).date()  # a day begins when it does for the person who asks

    def all(self, text: str, path: str = "query") -> list[Row]:
        answer = self.http.get(f"{DATA}/{path}", params={"q": text}).json()
        assert isinstance(answer, dict), (text, answer)
        rows = answer["records"]
        while not answer["done"]:
            answer = self.http.get(answer["nextRecordsUrl"]).json()
            rows += answer["records"]
        assert answer["totalSize"] == len(rows)
        return rows

    def of(self, row: Row, *path: str) -> Any:
        """A field of a parent, by the ids on the way; None when there is no parent."""
        *way, last = path
        for reference in way:
            row = self.by_id.get(row[reference] or "", {})
            if not row:
                return None
        return row[last]

    def below(self, rows: list[Row], field: str) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row[field]:
                found[row[field]].append(row)
        return found


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    with EmbeddedOrg(OrgSettings(accounts=60)) as running:
        token = exchange(running.url, authorize(running.url, ADMIN))["access_token"]
        with loopback.Client(base_url=running.url, headers={"Authorization": f"Bearer {token}"}) as http:
            accounts = http.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account ORDER BY Id"}).json()["records"]
            ids = [a["Id"] for a in accounts]
            made = [
                ("Account", {"Name": "100%_sure", "Industry": None, "ParentId": ids[0]}),
                ("Account", {"Name": "ZÜRICH", "ParentId": ids[0], "AnnualRevenue": 0}),
                ("Account", {"Name": "zürich", "ParentId": ids[1], "Rating": "Cold"}),
                ("Contact", {"LastName": "O'Neil", "FirstName": "Ann", "Title": "CEO"}),
                ("Contact", {"LastName": "O'Neil", "AccountId": ids[1], "Email": "A.ONEIL@example.com"}),
                ("Opportunity", {"Name": "No amount", "StageName": "Prospecting", "CloseDate": "2030-01-31"}),
                ("Opportunity", {"Name": "Zero", "StageName": "Old", "CloseDate": "2030-02-01", "Amount": 0,
                                 "AccountId": ids[2]}),
                ("Case", {"Subject": "Alone"}), ("Lead", {"LastName": "Lone", "Company": "Lone"}),
                ("Lead", {"LastName": "Many", "Company": "Many", "Interests__c": "Hardware;Software;Training"}),
                ("Task", {"Subject": "Loose"}), ("Account", {"Name": "Gone"}),
            ]  # fmt: skip
            last = ""
            for sobject, fields in made:
                last = http.post(f"{DATA}/sobjects/{sobject}", json=fields).json()["id"]
            http.delete(f"{DATA}/sobjects/Account/{last}")
            yield Org(http)


def ids(rows: Iterable[Row]) -> list[str]:
    return sorted(r["Id"] for r in rows)


# The rows that a condition finds: object, condition, and what it says of a row
Found = Callable[[Org, Row], bool]
CONDITIONS: list[tuple[str, str, Found]] = [
    ("Account", "Name LIKE '100\\%\\_s%'", lambda o, r: r["Name"].startswith("100%_s")),
    ("Account", "Name = 'zürich'", lambda o, r: r["Name"].lower() == "zürich"),
    ("Account", "Name LIKE '%ü_ich'", lambda o, r: r["Name"].lower()[-4:] == "rich" and "ü" in r["Name"].lower()),
    ("Account", "Name >= 'M' AND Name < 'T'", lambda o, r: "m" <= r["Name"].lower() < "t"),
    ("Account", "Industry NOT IN ('Media', 'Energy') AND Rating = null",
     lambda o, r: r["Industry"] not in ("Media", "Energy") and r["Rating"] is None),
    ("Account", "NOT (AnnualRevenue > 20000000)", lambda o, r: not (r["AnnualRevenue"] or 0) > 2e7),
    ("Account", "AnnualRevenue < 1", lambda o, r: r["AnnualRevenue"] is not None and r["AnnualRevenue"] < 1),
    ("Account", "AnnualRevenue != 0", lambda o, r: r["AnnualRevenue"] != 0),
    ("Account", "Parent.Name != null", lambda o, r: r["ParentId"] is not None),
    ("Account", "Parent.Industry = null", lambda o, r: o.of(r, "ParentId", "Industry") is None),
    ("Account", "Parent.Owner.Profile.Name LIKE 'Standard%' AND ParentId != null", lambda o, r: bool(r["ParentId"])),
    ("Account", "(Rating = 'Hot' OR Rating = 'Cold') AND (NOT Industry = 'Retail')",
     lambda o, r: r["Rating"] in ("Hot", "Cold") and r["Industry"] != "Retail"),
    ("Account", "Id IN (SELECT AccountId FROM Opportunity WHERE StageName = 'Closed Won')",
     lambda o, r: any(d["AccountId"] == r["Id"] and d["StageName"] == "Closed Won" for d in o.deals)),
    ("Account", "Id NOT IN (SELECT AccountId FROM Opportunity) AND Id IN (SELECT AccountId FROM Contact)",
     lambda o, r: all(d["AccountId"] != r["Id"] for d in o.deals)
     and any(c["AccountId"] == r["Id"] for c in o.contacts)),
    ("Account", "Id IN (SELECT AccountId FROM Case WHERE Contact.LastName LIKE 'A%' OR IsClosed = true)",
     lambda o, r: any(c["AccountId"] == r["Id"] and ((o.of(c, "ContactId", "LastName") or "").lower().startswith("a")
                                                     or c["IsClosed"]) for c in o.cases)),
    ("Contact", "LastName = 'O\\'Neil'", lambda o, r: r["LastName"] == "O'Neil"),
    ("Contact", "Email = 'a.oneil@EXAMPLE.com'", lambda o, r: (r["Email"] or "").lower() == "a.oneil@example.com"),
    ("Contact", "AccountId = null", lambda o, r: r["AccountId"] is None),
    ("Contact", "Account.Industry IN ('Banking', null)",
     lambda o, r: o.of(r, "AccountId", "Industry") in ("Banking", None)),
    ("Contact", "Account.Parent.Name = null AND Account.Name LIKE 'A%'",
     lambda o, r: (o.of(r, "AccountId", "Name") or "").lower().startswith("a")
     and not o.of(r, "AccountId", "ParentId")),
    ("Contact", "Contact.Name LIKE 'Ann %'", lambda o, r: r["Name"].lower().startswith("ann ")),
    ("Contact", "AccountId IN (SELECT Id FROM Account WHERE Industry = 'Retail')",
     lambda o, r: o.of(r, "AccountId", "Industry") == "Retail"),
    ("Opportunity", "Amount = null OR Amount = 0", lambda o, r: not r["Amount"]),
    ("Opportunity", "IsClosed = null", lambda o, r: not r["IsClosed"]),
    ("Opportunity", "IsWon != null", lambda o, r: r["IsWon"]),
    ("Opportunity", "StageName > 'Prospecting'", lambda o, r: r["StageName"].lower() > "prospecting"),
    ("Opportunity", "CALENDAR_MONTH(CloseDate) IN (1, 2, 12)", lambda o, r: int(r["CloseDate"][5:7]) in (1, 2, 12)),
    ("Opportunity", "CloseDate >= 2030-01-01", lambda o, r: r["CloseDate"] >= "2030-01-01"),
    ("Opportunity", "CloseDate = NEXT_N_YEARS:10", lambda o, r: 1 <= int(r["CloseDate"][:4]) - o.today.year <= 10),
    ("Opportunity", "DAY_IN_MONTH(CloseDate) = 31 OR CALENDAR_QUARTER(CloseDate) = 4",
     lambda o, r: r["CloseDate"][8:] == "31" or r["CloseDate"][5:7] in ("10", "11", "12")),
    ("Opportunity", "Account.Owner.Name = Null", lambda o, r: r["AccountId"] is None),
    ("Opportunity", "Account.BillingCity != 'London' AND Amount >= 100000.5",
     lambda o, r: o.of(r, "AccountId", "BillingCity") != "London" and (r["Amount"] or 0) >= 100000.5),
    ("Opportunity", "Account.IsDeleted = false", lambda o, r: True),
    ("Opportunity", "Account.IsDeleted != false OR Account.IsDeleted = true", lambda o, r: False),
    ("Opportunity", "Account.IsDeleted IN (false)", lambda o, r: True),
    ("Opportunity", "CALENDAR_YEAR(CloseDate) NOT IN (2030)", lambda o, r: r["CloseDate"][:4] != "2030"),
    ("Case", "ContactId = null AND AccountId = null", lambda o, r: not r["ContactId"] and not r["AccountId"]),
    ("Case", "Priority IN ('High') AND Status NOT IN ('Closed', 'New')",
     lambda o, r: r["Priority"] == "High" and r["Status"] not in ("Closed", "New")),
    ("Task", "What.Type = 'Opportunity'", lambda o, r: (r["WhatId"] or "").startswith("006")),
    ("Task", "WhatId = null AND Who.Name = null", lambda o, r: not r["WhatId"] and not r["WhoId"]),
    ("Task", "ActivityDate < TODAY AND IsClosed = false",
     lambda o, r: (r["ActivityDate"] or "9") < o.today.isoformat() and not r["IsClosed"]),
    ("Lead", "Interests__c INCLUDES ('Hardware;Training')",
     lambda o, r: {"Hardware", "Training"} <= set((r["Interests__c"] or "").split(";"))),
    ("Lead", "Interests__c EXCLUDES ('Hardware', 'Software')",
     lambda o, r: not {"Hardware", "Software"} & set((r["Interests__c"] or "").split(";"))),
    ("Lead", "Interests__c = null", lambda o, r: r["Interests__c"] is None),
]  # fmt: skip


@pytest.mark.parametrize(("sobject", "where", "holds"), CONDITIONS)
def test_conditions(org: Org, sobject: str, where: str, holds: Found) -> None:
    rows = {
        "Account": org.accounts, "Contact": org.contacts, "Opportunity": org.deals, "Case": org.cases,
        "Task": org.tasks, "Lead": org.leads,
    }[sobject]  # fmt: skip
    expected = ids(r for r in rows if holds(org, r))
    assert ids(org.all(f"SELECT Id FROM {sobject} WHERE {where}")) == expected
    count = org.http.get(f"{DATA}/query", params={"q": f"SELECT COUNT() FROM {sobject} WHERE {where}"}).json()
    assert count["totalSize"] == len(expected)


def test_the_conditions_find_something(org: Org) -> None:
    empty = [w for s, w, _ in CONDITIONS if not org.all(f"SELECT Id FROM {s} WHERE {w} LIMIT 1")]
    assert len(empty) <= 6, empty


def test_children_of_every_account(org: Org) -> None:
    text = (
        "SELECT Id, (SELECT Id FROM Contacts WHERE Title != null ORDER BY LastName DESC, Id), (SELECT Id, Amount FROM"
        " Opportunities WHERE Amount > 50000 ORDER BY Amount DESC NULLS LAST, Id LIMIT 2), (SELECT Id FROM"
        " ChildAccounts) FROM Account"
    )
    contacts, deals = org.below(org.contacts, "AccountId"), org.below(org.deals, "AccountId")
    children = org.below(org.accounts, "ParentId")
    for row in org.all(text):
        one = row["Id"]
        titled = sorted((c for c in contacts[one] if c["Title"]), key=lambda c: c["Id"])
        titled.sort(key=lambda c: c["LastName"].lower(), reverse=True)
        large = sorted((d for d in deals[one] if (d["Amount"] or 0) > 50000), key=lambda d: (-d["Amount"], d["Id"]))[:2]
        for name, expected in (("Contacts", titled), ("Opportunities", large)):
            got = [r["Id"] for r in (row[name] or {"records": []})["records"]]
            assert got == [r["Id"] for r in expected], (one, name)
        assert ids((row["ChildAccounts"] or {"records": []})["records"]) == ids(children[one])


def test_children_and_parents_in_one_query(org: Org) -> None:
    text = (
        "SELECT Name, Account.Name, Account.Owner.Email, (SELECT Subject, Owner.Name FROM Cases) FROM Contact"
        " WHERE Account.Industry != null ORDER BY Account.Name NULLS FIRST, Name DESC, Id LIMIT 40 OFFSET 3"
    )
    rows = [r for r in org.contacts if org.of(r, "AccountId", "Industry")]
    rows.sort(key=lambda r: r["Id"])
    rows.sort(key=lambda r: r["Name"].lower(), reverse=True)
    rows.sort(key=lambda r: org.of(r, "AccountId", "Name").lower())
    cases = org.below(org.cases, "ContactId")
    for got, row in zip(org.all(text), rows[3:43], strict=True):
        assert (got["Name"], got["Account"]["Name"]) == (row["Name"], org.of(row, "AccountId", "Name"))
        assert got["Account"]["Owner"]["Email"] == org.of(row, "AccountId", "OwnerId", "Email")
        subjects = sorted(c["Subject"] for c in cases[row["Id"]])
        assert sorted(c["Subject"] for c in (got["Cases"] or {"records": []})["records"]) == subjects


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def test_groups_by_a_parents_field(org: Org) -> None:
    text = (
        "SELECT Account.Industry i, COUNT(Id) n, COUNT(Amount) a, SUM(Amount) s, AVG(Amount) m, MIN(CloseDate) f,"
        " MAX(Name) l FROM Opportunity GROUP BY Account.Industry HAVING COUNT(Id) > 1"
    )
    groups: dict[Any, list[Row]] = defaultdict(list)
    for deal in org.deals:
        groups[org.of(deal, "AccountId", "Industry")].append(deal)
    expected = {}
    for key, rows in groups.items():
        amounts = [r["Amount"] for r in rows if r["Amount"] is not None]
        if len(rows) > 1:
            last = max((r["Name"] for r in rows), key=str.lower)
            first = min(r["CloseDate"] for r in rows)
            expected[key] = (len(rows), len(amounts), sum(amounts) if amounts else None, first, last.lower())
    got = org.all(text)
    assert {r["i"]: (r["n"], r["a"], r["s"], r["f"], r["l"].lower()) for r in got} == expected
    for row in got:
        amounts = [r["Amount"] for r in groups[row["i"]] if r["Amount"] is not None]
        assert row["m"] == pytest.approx(mean(amounts))


def test_groups_by_several_things(org: Org) -> None:
    text = (
        "SELECT StageName, CALENDAR_YEAR(CloseDate) y, IsWon, COUNT_DISTINCT(AccountId) d FROM Opportunity"
        " WHERE Amount != null GROUP BY StageName, CALENDAR_YEAR(CloseDate), IsWon"
        " ORDER BY StageName DESC, CALENDAR_YEAR(CloseDate)"
    )
    groups: dict[Any, set[str]] = defaultdict(set)
    for d in org.deals:
        if d["Amount"] is not None:
            groups[d["StageName"], int(d["CloseDate"][:4]), d["IsWon"]] |= {d["AccountId"]} - {None}
    got = org.all(text)
    assert {(r["StageName"], r["y"], r["IsWon"]): r["d"] for r in got} == {k: len(v) for k, v in groups.items()}
    order = {stage: n for n, stage in enumerate(STAGES)}
    keys = [(-order.get(r["StageName"], 99), r["y"]) for r in got]
    assert keys == sorted(keys)


def test_subtotals(org: Org) -> None:
    text = "SELECT Status s, Priority p, COUNT(Id) n, GROUPING(Status) gs, GROUPING(Priority) gp FROM Case GROUP BY "
    pairs = Counter((c["Status"], c["Priority"]) for c in org.cases)
    statuses, priorities = Counter(c["Status"] for c in org.cases), Counter(c["Priority"] for c in org.cases)
    expected = {(s, p, n, 0, 0) for (s, p), n in pairs.items()} | {(None, None, len(org.cases), 1, 1)}
    expected |= {(s, None, n, 0, 1) for s, n in statuses.items()}
    got = {(r["s"], r["p"], r["n"], r["gs"], r["gp"]) for r in org.all(text + "ROLLUP(Status, Priority)")}
    assert got == expected
    expected |= {(None, p, n, 1, 0) for p, n in priorities.items()}
    got = {(r["s"], r["p"], r["n"], r["gs"], r["gp"]) for r in org.all(text + "CUBE(Status, Priority)")}
    assert got == expected


def test_aggregates_of_everything(org: Org) -> None:
    (row,) = org.all(
        "SELECT COUNT(Id) n, COUNT(AccountId) a, MAX(StageName) s, MIN(Amount) m, SUM(Amount) t FROM Opportunity"
    )
    amounts = [d["Amount"] for d in org.deals if d["Amount"] is not None]
    assert (row["n"], row["a"], row["m"]) == (len(org.deals), sum(1 for d in org.deals if d["AccountId"]), min(amounts))
    assert row["t"] == pytest.approx(sum(amounts))
    assert row["s"] == "Old", "a value outside the set is the last"
    (none,) = org.all("SELECT SUM(Amount) t, COUNT(Id) n, MAX(CloseDate) d FROM Opportunity WHERE Amount < -5")
    assert (none["t"], none["n"], none["d"]) == (None, 0, None)


@pytest.mark.parametrize(("order", "key", "backwards", "nulls_last"), [
    ("AnnualRevenue", "AnnualRevenue", False, False), ("AnnualRevenue DESC", "AnnualRevenue", True, False),
    ("AnnualRevenue DESC NULLS LAST", "AnnualRevenue", True, True), ("Name DESC", "Name", True, False),
    ("BillingCity ASC NULLS LAST", "BillingCity", False, True), ("CreatedDate DESC", "CreatedDate", True, False),
])  # fmt: skip
def test_orders(org: Org, order: str, key: str, backwards: bool, nulls_last: bool) -> None:
    rows = sorted(org.accounts, key=lambda r: r["Id"])
    full = [r for r in rows if r[key] is not None]
    full.sort(key=lambda r: r[key].lower() if isinstance(r[key], str) else r[key], reverse=backwards)
    empty = [r for r in rows if r[key] is None]
    expected = full + empty if nulls_last else empty + full
    assert [r["Id"] for r in org.all(f"SELECT Id FROM Account ORDER BY {order}, Id")] == [r["Id"] for r in expected]


def test_the_recycle_bin(org: Org) -> None:
    text = "SELECT Name, IsDeleted FROM Account WHERE Name IN ('Gone', 'zürich') ORDER BY IsDeleted, Name"
    assert [r["IsDeleted"] for r in org.all(text)] == [False, False]
    assert [(r["Name"], r["IsDeleted"]) for r in org.all(text, "queryAll")][-1] == ("Gone", True)
    assert len(org.all(f"{text} ALL ROWS")) in (2, 3)  # the clause is for Apex


@pytest.mark.parametrize(("literal", "first", "last"), [
    ("TODAY", 0, 0), ("YESTERDAY", -1, -1), ("LAST_N_DAYS:30", -30, 0), ("NEXT_N_DAYS:7", 1, 7),
    ("N_DAYS_AGO:3", -3, -3), ("LAST_90_DAYS", -90, 0),
])  # fmt: skip
def test_days(org: Org, literal: str, first: int, last: int) -> None:
    span = (org.today + timedelta(first)).isoformat(), (org.today + timedelta(last)).isoformat()
    expected = ids(t for t in org.tasks if t["ActivityDate"] and span[0] <= t["ActivityDate"] <= span[1])
    assert ids(org.all(f"SELECT Id FROM Task WHERE ActivityDate = {literal}")) == expected


def test_what_a_task_is_about(org: Org) -> None:
    branches = "WHEN Account THEN Industry WHEN Opportunity THEN StageName, Amount ELSE Name"
    text = f"SELECT Id, TYPEOF What {branches} END FROM Task"
    for row in org.all(text):
        what = next(t["WhatId"] for t in org.tasks if t["Id"] == row["Id"])
        if what is None:
            assert row["What"] is None
            continue
        parent = org.by_id[what]
        fields = {"001": ["Industry"], "006": ["StageName", "Amount"]}.get(what[:3])
        told = {k: v for k, v in row["What"].items() if k != "attributes"}
        assert told == ({f: parent[f] for f in fields} if fields else {"Name": parent.get("CaseNumber")}), row
