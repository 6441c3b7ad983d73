"""The children of a sub-query have pages of their own, as in jsforce's issue 577 and simple-salesforce's issue 311."""

from collections.abc import Iterator
from typing import Any

import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.soql.locators import Below, Locator, make_locator

DATA = "/services/data/v68.0"
MANY = 620


class Family:
    """An account with many contacts, one of them with many cases, beside an account without any."""

    def __init__(self, org: EmbeddedOrg) -> None:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        self.http = loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"})
        self.account = self._make("Account", [{"Name": "Many"}])[0]
        self.other = self._make("Account", [{"Name": "None"}])[0]
        names = [{"LastName": f"C{n:03}", "AccountId": self.account} for n in range(MANY)]
        self.contacts = self._make("Contact", names)
        self._make("Case", [{"Subject": f"S{n:03}", "ContactId": self.contacts[0]} for n in range(MANY)])

    def _make(self, sobject: str, rows: list[dict[str, Any]]) -> list[str]:
        made: list[str] = []
        for at in range(0, len(rows), 200):
            given = [{"attributes": {"type": sobject}, **row} for row in rows[at : at + 200]]
            answers = self.http.post(f"{DATA}/composite/sobjects", json={"records": given}).json()
            made += [a["id"] for a in answers]
        return made

    def ask(self, text: str, **headers: str) -> Any:
        return self.http.get(f"{DATA}/query", params={"q": text}, headers=headers).json()

    def rest(self, page: Any) -> tuple[list[dict[str, Any]], list[int]]:
        """All records from this page on, and how many each page had."""
        rows, sizes = list(page["records"]), [len(page["records"])]
        while not page["done"]:
            page = self.http.get(page["nextRecordsUrl"]).json()
            rows += page["records"]
            sizes.append(len(page["records"]))
        return rows, sizes


@pytest.fixture(scope="module")
def family() -> Iterator[Family]:
    with EmbeddedOrg(OrgSettings(accounts=0)) as org:
        yield Family(org)


@pytest.mark.parametrize("options", [{}, {"Sforce-Query-Options": "batchSize=200"}])
def test_children_beyond_a_page_come_by_a_locator_of_their_own(family: Family, options: dict[str, str]) -> None:
    found = family.ask("SELECT Id, (SELECT LastName FROM Contacts ORDER BY LastName DESC) FROM Account", **options)
    by_id = {r["Id"]: r["Contacts"] for r in found["records"]}
    assert by_id[family.other] is None
    first = by_id[family.account]
    assert (first["totalSize"], first["done"]) == (MANY, False)
    rows, sizes = family.rest(first)
    assert [r["LastName"] for r in rows] == [f"C{n:03}" for n in reversed(range(MANY))]
    assert sizes == ([200, 200, 200, 20] if options else [500, 120])
    assert all(r["attributes"]["type"] == "Contact" for r in rows)


def test_the_limit_of_the_sub_query_counts_over_all_pages(family: Family) -> None:
    found = family.ask(
        "SELECT Id, (SELECT Id FROM Contacts ORDER BY Id LIMIT 510 OFFSET 5) FROM Account ORDER BY Name LIMIT 1"
    )
    (children,) = [r["Contacts"] for r in found["records"] if r["Contacts"]]
    assert children["totalSize"] == 510
    assert [r["Id"] for r in family.rest(children)[0]] == sorted(family.contacts)[5:515]


def test_children_of_children_too(family: Family) -> None:
    cases_of = "(SELECT Subject FROM Cases ORDER BY Subject)"
    text = f"SELECT Id, Name, (SELECT Id, {cases_of} FROM Contacts ORDER BY Id) FROM Account"
    (contacts,) = [r["Contacts"] for r in family.ask(text)["records"] if r["Contacts"]]
    cases = contacts["records"][0]["Cases"]
    assert (cases["totalSize"], cases["done"]) == (MANY, False)
    assert [r["Subject"] for r in family.rest(cases)[0]] == [f"S{n:03}" for n in range(MANY)]
    assert len(family.rest(contacts)[0]) == MANY


def test_a_made_up_locator_is_refused(family: Family) -> None:
    found = family.ask("SELECT Id, (SELECT Id FROM Contacts) FROM Account")
    (children,) = [r["Contacts"] for r in found["records"] if r["Contacts"]]
    assert children["nextRecordsUrl"].startswith(f"{DATA}/query/01g")
    for below in (Below((0,), family.account), Below((7,), family.account), Below((-1,), family.account)):
        made_up = make_locator(
            Locator("SELECT Id, (SELECT Id FROM Contacts) FROM Account LIMIT 1", 0, 200, False, below)
        )
        answer = family.http.get(f"{DATA}/query/{made_up}")
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
