"""What a tap costs, counted by the org itself: one process of the function that has answered before."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from devtools import loopback
from devtools.clients import App, authorize, control
from devtools.fleet import Fleet
from devtools.suite import Suite

ACCOUNTS = {"sobject": "Account", "limit": 10}


@pytest.fixture(scope="module")
def one(suite: Suite) -> Iterator[Fleet]:
    with Fleet(suite.plan, "api", 1) as fleet:
        yield fleet


@pytest.fixture
def signed_in(app: App, org_url: str) -> App:
    app.sign_in(authorize(org_url))
    return app


def call(fleet: Fleet, app: App, name: str, data: dict[str, Any]) -> Any:
    answer = loopback.post(
        f"{fleet.members[0].url}/{name}",
        json={"data": data},
        headers={"Authorization": f"Bearer {app.id_token}"},
        timeout=30,
    )
    return answer.json().get("result", answer.json().get("error"))


def asked(org_url: str) -> int:
    return sum(n for kind, n in control(org_url, "counters").items() if kind.startswith("rest."))


def test_each_tap_is_one_request_to_salesforce(one: Fleet, signed_in: App, org_url: str) -> None:
    made = call(one, signed_in, "createRecord", {"sobject": "Account", "fields": {"Name": "Round trips"}})
    record = call(one, signed_in, "getRecord", {"sobject": "Account", "id": made["id"]})["record"]
    save = {"sobject": "Account", "id": record["id"], "version": record["version"]}
    taps = [
        ("getDashboard", {}),
        ("listRecords", ACCOUNTS),
        ("listRecords", ACCOUNTS | {"search": "wil"}),
        ("getRecord", {"sobject": "Account", "id": record["id"], "related": ["Contacts", "Opportunities"]}),
        ("updateRecord", save | {"fields": {"Phone": "+49 30 1"}}),
        ("updateRecord", save | {"fields": {"Phone": "+49 30 2"}}),  # somebody was faster
        ("search", {"text": "willow"}),
        ("createRecord", {"sobject": "Account", "fields": {"Name": "Round trips"}}),
        (
            "createRecord",
            {"sobject": "Account", "fields": {"Name": "Round trips"}, "idempotencyKey": f"round-trips-{made['id']}"},
        ),
        ("getProfile", {}),
        ("deleteRecord", {"sobject": "Account", "id": record["id"]}),
        ("findOwners", {"sobject": "Account", "search": "sam"}),
        ("findOwners", {"sobject": "Case", "search": "sam"}),
    ]
    call(one, signed_in, "search", {"text": "willow"})
    spent: list[tuple[str, int]] = []
    answers: list[Any] = []
    for name, data in taps:
        control(org_url, "counters/reset")
        answers.append(call(one, signed_in, name, data))
        spent.append((name, asked(org_url)))
    assert spent == [(name, 1) for name, _ in taps]
    assert answers[4]["record"]["fields"]["Phone"] == "+49 30 1"
    assert answers[5]["details"]["reason"] == "record-changed"
    assert answers[7]["record"]["fields"]["Name"] == "Round trips"


def test_identical_reads_at_once_are_one_request(one: Fleet, signed_in: App, org_url: str) -> None:
    call(one, signed_in, "listRecords", ACCOUNTS)

    async def all_at_once() -> set[str]:
        async with loopback.AsyncClient(
            timeout=30, headers={"Authorization": f"Bearer {signed_in.id_token}"}
        ) as client:
            url = f"{one.members[0].url}/listRecords"
            return {
                a.text for a in await asyncio.gather(*(client.post(url, json={"data": ACCOUNTS}) for _ in range(50)))
            }

    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "rest.query", "delayMs": 4000})
    assert len(asyncio.run(all_at_once())) == 1
    assert asked(org_url) == 1


def test_a_reader_by_cursor_is_stopped_at_the_budget_and_told_until_when(
    suite: Suite, signed_in: App, org_url: str
) -> None:
    with Fleet(suite.plan, "api", 1, USER_DAILY_REQUESTS="40") as limited:
        control(org_url, "counters/reset")
        page: dict[str, Any] = {"cursor": None}
        while "status" not in page:
            page = call(limited, signed_in, "listRecords", {"sobject": "Account", "limit": 1, "cursor": page["cursor"]})
        assert (page["status"], page["details"]["reason"]) == ("RESOURCE_EXHAUSTED", "user-limit")
        assert 0 < page["details"]["retryAfter"] <= 24 * 3600 + 1
        assert asked(org_url) <= 40


def test_an_org_whose_day_is_used_up_is_left_alone_but_for_one_look_a_minute(
    suite: Suite, signed_in: App, org_url: str
) -> None:
    with Fleet(suite.plan, "api", 1, ORG_BUDGET_PERCENT="50") as careful:
        control(org_url, "limit", {"remaining": 5000})  # of 15,000
        call(careful, signed_in, "listRecords", ACCOUNTS)
        control(org_url, "counters/reset")
        answers = [call(careful, signed_in, "listRecords", ACCOUNTS) for _ in range(20)]
        assert {a["details"]["reason"] for a in answers} == {"org-limit"}
        assert all(0 < a["details"]["retryAfter"] <= 60 for a in answers)
        assert asked(org_url) == 0
