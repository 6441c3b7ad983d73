"""The clauses of SOSL that clients use beside FIND, IN and RETURNING.

Source: SOQL and SOSL Reference, SOSL Syntax, WITH HIGHLIGHT, WITH METADATA, WITH SNIPPET, USING ListView.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

Search = Callable[[str], Any]
DATA = "/services/data/v68.0"


@pytest.fixture(scope="module")
def search() -> Iterator[Search]:
    with EmbeddedOrg(OrgSettings(accounts=0)) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            for name, phone in (("Alder and Sons", "1"), ("ALDER (north)", "2"), ("Birch", "3")):
                made = client.post(
                    f"{DATA}/sobjects/Account", json={"Name": name, "Phone": phone, "Site": "Alder road"}
                )
                assert made.status_code == 201
            client.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account WHERE Phone = '1' FOR VIEW"})
            yield lambda text: client.get(f"{DATA}/search", params={"q": text}).json()


def test_highlight_marks_the_words_in_texts(search: Search) -> None:
    found = search("FIND {alder} IN NAME FIELDS RETURNING Account(Name, Phone, Site ORDER BY Phone) WITH HIGHLIGHT")
    assert [r["snippet"]["wholeFields"] for r in found["searchRecords"]] == [
        [
            {"name": "Name", "value": "<mark>Alder</mark> and Sons"},
            {"name": "Site", "value": "<mark>Alder</mark> road"},
        ],
        [{"name": "Name", "value": "<mark>ALDER</mark> (north)"}, {"name": "Site", "value": "<mark>Alder</mark> road"}],
    ]
    assert found["searchRecords"][0]["Name"] == "Alder and Sons"


def test_words_with_a_wildcard_are_not_marked(search: Search) -> None:
    found = search("FIND {ald*} RETURNING Account(Name) WITH HIGHLIGHT")["searchRecords"]
    assert len(found) == 2
    assert not any("snippet" in r for r in found)
    quoted = search(r'FIND {"Alder \(north\)"} RETURNING Account(Name) WITH HIGHLIGHT LIMIT 5')
    assert quoted["searchRecords"][0]["snippet"]["wholeFields"][0]["value"] == "<mark>ALDER (north)</mark>"


def test_metadata_tells_the_labels(search: Search) -> None:
    found = search("FIND {Alder} RETURNING Account(Id, Name), Contact(Id) WITH METADATA = 'LABELS'")
    account, contact = found["metadata"]["entityMetadata"]
    assert account == {
        "entityName": "Account",
        "fieldMetadata": [
            {"label": "Record ID", "name": "Id", "type": "id"},
            {"label": "Account Name", "name": "Name", "type": "string"},
        ],
    }
    assert contact["entityName"] == "Contact"
    assert "metadata" not in search("FIND {Alder} RETURNING Account(Id)")


@pytest.mark.parametrize(("clause", "phones"), [
    ("USING ListView=Recent", ["1"]), ("USING ListView = AllAccounts", ["1", "2"]),
    ("USING ListView=MyAccounts WHERE Phone != '1'", ["2"]), ("USING ListView=Recent ORDER BY Phone", ["1"]),
])  # fmt: skip
def test_a_search_within_a_list_view(search: Search, clause: str, phones: list[str]) -> None:
    found = search(f"FIND {{Alder}} IN NAME FIELDS RETURNING Account(Phone {clause})")["searchRecords"]
    assert sorted(r["Phone"] for r in found) == phones


@pytest.mark.parametrize("clause", [
    "WITH SNIPPET", "WITH SNIPPET (target_length=120)", "WITH SPELL_CORRECTION = false", "WITH HIGHLIGHT LIMIT 1",
    "WITH SNIPPET WITH HIGHLIGHT",
])  # fmt: skip
def test_clauses_that_are_for_others_change_nothing(search: Search, clause: str) -> None:
    assert search(f"FIND {{Alder}} RETURNING Account(Id) {clause}")["searchRecords"]
    assert search(f"FIND {{Alder}} {clause}")["searchRecords"]


@pytest.mark.parametrize(("text", "code"), [
    ("FIND {Alder} RETURNING Account(Id) WITH DIVISION = 'x'", "MALFORMED_SEARCH"),
    ("FIND {Alder} RETURNING Account(Id) WITH", "MALFORMED_SEARCH"),
    ("FIND {Alder} WITH HIGHLIGHT RETURNING Account(Id)", "MALFORMED_SEARCH"),
    ("FIND {Alder} RETURNING Account(Id USING ListView=NoSuchView)", "NOT_FOUND"),
])  # fmt: skip
def test_what_is_not_known_is_refused(search: Search, text: str, code: str) -> None:
    assert search(text)[0]["errorCode"] == code
