"""The stages of opportunities: since when an opportunity is in its stage, and which stages are closed and won.

Source: Object Reference, Opportunity (LastStageChangeDate) and OpportunityStage.
"""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from devtools.clients import control
from localorg import EmbeddedOrg, OrgSettings
from localorg.schema.standard import STAGES

SINCE = "LastStageChangeDate"
NEW = {"Name": "Pilot", "StageName": "Prospecting", "CloseDate": "2026-12-01"}


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=14)) as org:
        yield org


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    answer = http.get("/query", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def test_it_changes_with_the_stage_and_with_nothing_else(http: httpx.Client, org: EmbeddedOrg) -> None:
    made = http.post("/sobjects/Opportunity", json=NEW).json()["id"]

    def since() -> str | None:
        return rows(http, f"SELECT {SINCE} FROM Opportunity WHERE Id = '{made}'")[0][SINCE]

    def change(**fields: object) -> None:
        assert http.patch(f"/sobjects/Opportunity/{made}", json=fields).status_code == 204

    assert since() is None
    change(NextStep="Call", StageName="Prospecting")
    assert since() is None
    change(StageName="Qualification")
    first = since()
    assert first is not None
    control(org.url, "clock", {"advanceSeconds": 3600})
    change(Amount=5)
    assert since() == first
    change(StageName="Prospecting")
    assert (since() or "") > first


def test_no_client_sets_it(http: httpx.Client) -> None:
    answer = http.post("/sobjects/Opportunity", json={**NEW, SINCE: "2026-11-01T00:00:00.000Z"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    (field,) = [f for f in http.get("/sobjects/Opportunity/describe").json()["fields"] if f["name"] == SINCE]
    assert (field["type"], field["updateable"], field["createable"]) == ("datetime", False, False)
    assert all(field[name] for name in ("nillable", "filterable", "sortable"))


def test_some_demo_opportunities_have_changed_their_stage_since_they_were_made(http: httpx.Client) -> None:
    times = rows(http, f"SELECT CreatedDate, {SINCE} FROM Opportunity WHERE Name != 'Pilot'")
    assert {one[SINCE] is None for one in times} == {True, False}
    assert all(one[SINCE] is None or one[SINCE] >= one["CreatedDate"] for one in times)


def test_the_stages_are_records_that_nobody_changes(http: httpx.Client) -> None:
    fields = "ApiName, IsClosed, IsWon, DefaultProbability"
    stages = rows(http, f"SELECT {fields} FROM OpportunityStage WHERE IsActive = true ORDER BY SortOrder")
    assert [(s["ApiName"], s["DefaultProbability"]) for s in stages] == list(STAGES)
    assert [s["ApiName"] for s in stages if s["IsClosed"]] == ["Closed Won", "Closed Lost"]
    assert [s["ApiName"] for s in stages if s["IsWon"]] == ["Closed Won"]
    answer = http.post("/sobjects/OpportunityStage", json={"ApiName": "Later"})
    assert answer.status_code >= 400
