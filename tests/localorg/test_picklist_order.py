"""The order of picklists: as their values stand in set-up, and not by the alphabet.

Sources:
- SOQL and SOSL Reference, ORDER BY: multi-select picklists cannot be sorted by;
- SOQL and SOSL Reference, Aggregate Functions: MIN and MAX of a picklist go by the order of its values;
- GraphQL API, Order Results: "picklist sorting is defined by the picklist sort determined during setup";
- Salesforce's developer forum 906F00000008yJ1IAI: a value that is not in the set is an inactive one at its end.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.schema.standard import STAGES
from tests.localorg.test_metadata import field, write, xml

DATA = "/services/data/v68.0"
OUTSIDE = ("an older stage", "No such stage", "Zenith")
IN_SET_UP = tuple(name for name, _ in STAGES)
SIZES = "".join(
    f"<value><fullName>{value}</fullName><default>false</default>{more}</value>"
    for value, more in (("Tiny", ""), ("Small", "<isActive>false</isActive>"), ("Big", ""))
)
BOX = {
    "objects/Box__c/Box__c.object-meta.xml": xml("CustomObject", "<label>Box</label><pluralLabel>Boxes</pluralLabel>"),
    "objects/Box__c/fields/Size__c.field-meta.xml": field(
        "Size__c",
        "Picklist",
        "<valueSet><restricted>true</restricted><valueSetDefinition>" + SIZES + "</valueSetDefinition></valueSet>",
    ),
}


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedOrg]:
    folder: Path = write(tmp_path_factory.mktemp("schema"), BOX)
    with EmbeddedOrg(OrgSettings(accounts=60, schema=(folder,))) as running:
        yield running


@pytest.fixture(scope="module")
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
    with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
        account = client.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account LIMIT 1"}).json()["records"][0]["Id"]
        for n, stage in enumerate((*OUTSIDE, "no SUCH stage")):
            deal = {"Name": f"Deal {n}", "StageName": stage, "CloseDate": "2026-12-01", "AccountId": account}
            assert client.post(f"{DATA}/sobjects/Opportunity", json=deal).status_code == 201
        yield client


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    answer = http.get(f"{DATA}/query", params={"q": text}).json()
    assert isinstance(answer, dict), answer
    return answer["records"]


def in_turn(values: list[Any]) -> list[Any]:
    """Each value once for every run of it, without regard to case."""
    return [v for n, v in enumerate(values) if n == 0 or str(v).lower() != str(values[n - 1]).lower()]


def test_the_order_is_that_of_set_up_and_values_outside_the_set_come_last(http: httpx.Client) -> None:
    stages = in_turn([r["StageName"] for r in rows(http, "SELECT StageName FROM Opportunity ORDER BY StageName, Id")])
    assert stages[:-3] == [s for s in IN_SET_UP if s in stages]
    assert [s.lower() for s in stages[-3:]] == [s.lower() for s in OUTSIDE]


def test_descending_is_the_other_way_round(http: httpx.Client) -> None:
    up = [r["StageName"].lower() for r in rows(http, "SELECT StageName FROM Opportunity ORDER BY StageName")]
    down = [r["StageName"].lower() for r in rows(http, "SELECT StageName FROM Opportunity ORDER BY StageName DESC")]
    assert down == up[::-1]


@pytest.mark.parametrize(
    ("direction", "first"), [("", True), (" DESC", True), (" NULLS LAST", False), (" DESC NULLS LAST", False)]
)
def test_nulls_are_where_order_by_says(http: httpx.Client, direction: str, first: bool) -> None:
    http.post(f"{DATA}/sobjects/Account", json={"Name": "Nothing chosen"})
    ratings = in_turn([r["Rating"] for r in rows(http, f"SELECT Rating FROM Account ORDER BY Rating{direction}")])
    chosen = ["Cold", "Warm", "Hot"] if "DESC" in direction else ["Hot", "Warm", "Cold"]
    assert ratings == ([None, *chosen] if first else [*chosen, None])


def test_parents_children_and_groups_follow_it(http: httpx.Client) -> None:
    parents = in_turn(
        [r["Account"]["Rating"] for r in rows(http, "SELECT Account.Rating FROM Contact ORDER BY Account.Rating")]
    )
    assert [r for r in parents if r] == ["Hot", "Warm", "Cold"]
    below = rows(http, "SELECT Id, (SELECT StageName FROM Opportunities ORDER BY StageName) FROM Account")
    longest = max(((r["Opportunities"] or {"records": []})["records"] for r in below), key=len)
    stages = [r["StageName"] for r in longest]
    assert stages == sorted(stages, key=lambda s: (IN_SET_UP.index(s) if s in IN_SET_UP else 99, s.lower()))
    grouped = "SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY {} ORDER BY StageName{}"
    for by in ("StageName", "ROLLUP(StageName)"):
        groups = [r["StageName"] for r in rows(http, grouped.format(by, " NULLS LAST"))]
        assert [g for g in groups if g in IN_SET_UP] == [s for s in IN_SET_UP if s in groups]


def test_the_least_and_the_greatest_value_of_a_picklist_are_by_its_order(http: httpx.Client) -> None:
    (both,) = rows(http, "SELECT MIN(StageName), MAX(StageName), MIN(Name) FROM Opportunity WHERE StageName != null")
    assert (both["expr0"], both["expr1"]) == ("Prospecting", "Zenith")
    by_account = "SELECT AccountId, MIN(StageName) least FROM Opportunity GROUP BY AccountId ORDER BY MIN(StageName)"
    least = in_turn([r["least"] for r in rows(http, by_account)])
    assert [s for s in least if s in IN_SET_UP] == [s for s in IN_SET_UP if s in least]


def test_a_comparison_stays_one_of_text(http: httpx.Client) -> None:
    later = {r["StageName"] for r in rows(http, "SELECT StageName FROM Opportunity WHERE StageName > 'Prospecting'")}
    assert later == {
        s for s in (*IN_SET_UP, *OUTSIDE) if s.lower() > "prospecting"
    } & {r["StageName"] for r in rows(http, "SELECT StageName FROM Opportunity")}  # fmt: skip


def test_an_inactive_value_keeps_its_place_and_cannot_be_chosen(org: EmbeddedOrg, http: httpx.Client) -> None:
    for size in ("Big", "Tiny", None):
        assert http.post(f"{DATA}/sobjects/Box__c", json={"Name": f"{size}", "Size__c": size}).status_code == 201
    (refused,) = http.post(f"{DATA}/sobjects/Box__c", json={"Name": "s", "Size__c": "Small"}).json()
    assert refused["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    made = http.post(f"{DATA}/sobjects/Box__c", json={"Name": "of old"}).json()["id"]
    assert org.org is not None
    org.org.db.execute("UPDATE Box__c SET Size__c = 'Small' WHERE Id = ?", (made,))
    sizes = [r["Size__c"] for r in rows(http, "SELECT Size__c FROM Box__c ORDER BY Size__c NULLS LAST")]
    assert sizes == ["Tiny", "Small", "Big", None]
    described = http.get(f"{DATA}/sobjects/Box__c/describe").json()["fields"]
    (size_field,) = [f for f in described if f["name"] == "Size__c"]
    assert [v["value"] for v in size_field["picklistValues"]] == ["Tiny", "Big"]


def test_a_multi_select_picklist_cannot_be_sorted_by(http: httpx.Client) -> None:
    (refused,) = http.get(f"{DATA}/query", params={"q": "SELECT Id FROM Lead ORDER BY Interests__c"}).json()
    assert refused["errorCode"] == "INVALID_FIELD"
    assert "can not be sorted" in refused["message"]


def test_a_search_follows_it(http: httpx.Client) -> None:
    find = (
        "FIND {Deal} IN NAME FIELDS RETURNING Opportunity(StageName WHERE Name LIKE 'Deal %' ORDER BY StageName DESC)"
    )
    found = http.get(f"{DATA}/search", params={"q": find}).json()["searchRecords"]
    assert in_turn([r["StageName"].lower() for r in found]) == [s.lower() for s in reversed(OUTSIDE)]
