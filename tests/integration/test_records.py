"""Data calls against the local org: paging, reading, writing, conflicts, refresh while writing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from devtools.clients import SALES, App, authorize, control


@pytest.fixture
def signed_in(app: App, org_url: str) -> App:
    app.sign_in(authorize(org_url))
    return app


@pytest.mark.parametrize(
    "sort", [None, {"field": "AnnualRevenue", "descending": True}, {"field": "Industry"}, {"field": "CreatedDate"}]
)
def test_pages_join_into_the_whole_list(signed_in: App, sort: object) -> None:
    whole = signed_in.call("api/listRecords", {"sobject": "Account", "limit": 200, "sort": sort})
    seen: list[str] = []
    cursor = None
    while True:
        page = signed_in.call("api/listRecords", {"sobject": "Account", "limit": 45, "sort": sort, "cursor": cursor})
        seen += [r["id"] for r in page["records"]]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert seen[:200] == [r["id"] for r in whole["records"]]
    assert len(seen) == len(set(seen)) >= 200


def test_nulls_do_not_break_paging(signed_in: App) -> None:
    made = [
        signed_in.call("api/createRecord", {"sobject": "Account", "fields": {"Name": f"Nullish {n}"}})["id"]
        for n in range(5)
    ]
    asked = {"sobject": "Account", "search": "Nullish", "sort": {"field": "AnnualRevenue"}, "limit": 2}
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        page = signed_in.call("api/listRecords", asked | {"cursor": cursor})
        seen += [r["id"] for r in page["records"]]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert sorted(seen) == sorted(made)
    for record_id in made:
        signed_in.call("api/deleteRecord", {"sobject": "Account", "id": record_id})


@pytest.mark.parametrize(("sobject", "fields"), [
    ("Account", {"Name": "Made by a test", "Industry": "Media", "AnnualRevenue": 12.5}),
    ("Contact", {"LastName": "Made", "FirstName": "By", "Email": "made@by.example"}),
    ("Opportunity", {"Name": "Made by a test", "StageName": "Prospecting", "CloseDate": "2027-01-31", "Amount": 1000}),
])  # fmt: skip
def test_create_read_update_delete(signed_in: App, sobject: str, fields: dict[str, object]) -> None:
    record_id = signed_in.call("api/createRecord", {"sobject": sobject, "fields": fields})["id"]
    record = signed_in.call("api/getRecord", {"sobject": sobject, "id": record_id})["record"]
    assert {k: record["fields"][k] for k in fields} == fields
    updated = signed_in.call(
        "api/updateRecord",
        {"sobject": sobject, "id": record_id, "fields": {"Description": "Ünïcode ✓"}, "version": record["version"]},
    )
    assert updated["record"]["fields"]["Description"] == "Ünïcode ✓"
    assert updated["record"]["version"] != record["version"]
    assert signed_in.call("api/deleteRecord", {"sobject": sobject, "id": record_id}) == {}
    assert signed_in.reason("api/getRecord", {"sobject": sobject, "id": record_id})[2] == "record-not-found"


def test_a_stale_version_is_refused_with_both_versions(signed_in: App) -> None:
    record_id = signed_in.call("api/createRecord", {"sobject": "Account", "fields": {"Name": "Contended"}})["id"]
    first = signed_in.call("api/getRecord", {"sobject": "Account", "id": record_id})["record"]
    signed_in.call(
        "api/updateRecord",
        {"sobject": "Account", "id": record_id, "fields": {"Phone": "1"}, "version": first["version"]},
    )
    answer = signed_in.post(
        "api/updateRecord",
        {"sobject": "Account", "id": record_id, "fields": {"Phone": "2"}, "version": first["version"]},
    )
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["status"] == "ABORTED"
    assert error["details"]["reason"] == "record-changed"
    assert error["details"]["theirs"]["fields"]["Phone"] == "1"
    assert error["details"]["yours"]["fields"] == {"Phone": "2"}
    assert signed_in.call("api/getRecord", {"sobject": "Account", "id": record_id})["record"]["fields"]["Phone"] == "1"


def test_an_account_comes_with_contacts_and_opportunities(signed_in: App, org_url: str) -> None:
    account = signed_in.call("api/listRecords", {"sobject": "Opportunity", "limit": 1})["records"][0]["fields"][
        "AccountId"
    ]
    control(org_url, "counters/reset")
    detail = signed_in.call(
        "api/getRecord", {"sobject": "Account", "id": account, "related": ["Contacts", "Opportunities"]}
    )
    assert detail["related"]["Contacts"]
    assert detail["related"]["Opportunities"]
    assert detail["record"]["fields"]["Owner.Name"] == "Sam Sales"
    assert control(org_url, "counters")["rest.query"] == 1


def test_the_dashboard_adds_up(signed_in: App) -> None:
    dashboard = signed_in.call("api/getDashboard")
    deals = signed_in.call(
        "api/listRecords",
        {"sobject": "Opportunity", "limit": 200, "filters": [{"field": "IsClosed", "operator": "eq", "value": False}]},
    )
    while deals.get("cursor"):
        more = signed_in.call("api/listRecords", {"sobject": "Opportunity", "limit": 200, "cursor": deals["cursor"],
                                                  "filters": [{"field": "IsClosed", "operator": "eq",
                                                               "value": False}]})  # fmt: skip
        deals = {"records": deals["records"] + more["records"], "cursor": more.get("cursor")}
    assert sum(s["count"] for s in dashboard["pipeline"]) == len(deals["records"])
    assert sum(s["amount"] for s in dashboard["pipeline"]) == pytest.approx(
        sum(r["fields"]["Amount"] or 0 for r in deals["records"])  # another test may have made one without
    )
    assert len(dashboard["newestAccounts"]) == 5
    dates = [a["fields"]["CreatedDate"] for a in dashboard["newestAccounts"]]
    assert dates == sorted(dates, reverse=True)


def test_who_may_only_read_sees_what_is_left_and_is_told_so(app: App, org_url: str) -> None:
    app.sign_in(authorize(org_url, "readonly@localorg.test"))
    assert sum(s["count"] for s in app.call("api/getDashboard")["pipeline"]) > 0
    account = app.call("api/listRecords", {"sobject": "Account", "limit": 1})["records"][0]
    assert (
        "AnnualRevenue"
        not in app.call("api/getRecord", {"sobject": "Account", "id": account["id"]})["record"]["fields"]
    )
    assert not any(f["editable"] for f in app.call("api/describe", {"sobject": "Account"})["fields"])
    change = {"sobject": "Account", "id": account["id"], "fields": {"Phone": "1"}}
    assert app.reason("api/updateRecord", change) == (400, "INVALID_ARGUMENT", "field-not-editable")
    assert app.reason("api/deleteRecord", {"sobject": "Account", "id": account["id"]}) == (
        403,
        "PERMISSION_DENIED",
        "not-permitted",
    )


def test_a_write_with_an_expired_session_is_done_once(signed_in: App, org_url: str) -> None:
    signed_in.call("api/getProfile")
    control(org_url, "expire", {"username": SALES})
    control(org_url, "counters/reset")
    record_id = signed_in.call(
        "api/createRecord", {"sobject": "Account", "fields": {"Name": "Written across a refresh"}}
    )["id"]
    assert control(org_url, "counters")["token.refresh_token"] == 1
    found = signed_in.call("api/listRecords", {"sobject": "Account", "search": "Written across a refresh"})["records"]
    assert [r["id"] for r in found] == [record_id]


def test_parallel_calls_over_several_processes_refresh_once(signed_in: App, org_url: str) -> None:
    """The functions emulator gives each busy request a process of its own, so this crosses processes."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: signed_in.call("api/getProfile"), range(16)))
        control(org_url, "expire", {"username": SALES})
        control(org_url, "counters/reset")
        names = list(pool.map(lambda _: signed_in.call("api/getProfile")["user"]["name"], range(24)))
    assert names == ["Sam Sales"] * 24
    assert control(org_url, "counters")["token.refresh_token"] == 1


def test_signing_in_again_replaces_and_revokes_the_old_grant(app: App, org_url: str) -> None:
    for _ in range(7):  # more often than Salesforce keeps approvals
        app.sign_in(authorize(org_url))
    control(org_url, "counters/reset")
    assert app.call("api/getProfile")["title"] == "Account Executive"
    control(org_url, "expire", {"username": SALES})
    assert app.call("api/getProfile")["title"] == "Account Executive"


@pytest.mark.parametrize(("fault", "reason"), [
    ({"kind": "rest.query", "status": 503, "times": 3}, "org-busy"),
    ({"kind": "rest.query", "status": 403}, "org-limit"),
    ({"kind": "rest.query", "cut": "before", "times": 3}, "org-unreachable"),
])  # fmt: skip
def test_faults_of_the_org_keep_the_connection(
    signed_in: App, org_url: str, fault: dict[str, object], reason: str
) -> None:
    control(org_url, "counters/reset")
    control(org_url, "faults", fault)
    assert signed_in.reason("api/getProfile", {})[2] == reason
    assert "token.refresh_token" not in control(org_url, "counters")
    assert signed_in.call("api/getProfile")["title"] == "Account Executive"


@pytest.mark.parametrize(
    "fault", [{"status": 503, "times": 2}, {"cut": "before", "times": 1}, {"cut": "after", "times": 2}]
)
def test_a_read_is_tried_again_after_a_passing_fault(signed_in: App, org_url: str, fault: dict[str, object]) -> None:
    control(org_url, "faults", {"kind": "rest.query", **fault})
    assert signed_in.call("api/getProfile")["title"] == "Account Executive"


def test_a_write_is_never_tried_again(signed_in: App, org_url: str) -> None:
    signed_in.call("api/describe", {"sobject": "Account"})
    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "rest.composite", "status": 503})
    assert (
        signed_in.reason("api/createRecord", {"sobject": "Account", "fields": {"Name": "Once only"}})[2]
        == "outcome-unknown"
    )
    assert control(org_url, "counters")["rest.composite"] == 1


def test_a_repeat_under_one_key_makes_one_record(signed_in: App, org_url: str) -> None:
    body = {"sobject": "Account", "fields": {"Name": "Made under a key"}, "idempotencyKey": "first-key"}
    signed_in.call("api/getProfile")  # with a session that is good, so that nothing is replayed
    control(org_url, "counters/reset")
    first, again = (signed_in.call("api/createRecord", body) for _ in range(2))
    assert (again, first["record"]["id"]) == ({"id": first["id"]}, first["id"])
    assert control(org_url, "counters")["rest.composite"] == 1
    other = body | {"fields": {"Name": "Another content"}}
    assert signed_in.reason("api/createRecord", other) == (400, "INVALID_ARGUMENT", "idempotency-key-reused")
    refused = body | {"idempotencyKey": "second-key", "fields": {"Name": "x" * 300}}
    assert signed_in.reason("api/createRecord", refused)[2] == "invalid-value"
    assert signed_in.call("api/createRecord", refused | {"fields": {"Name": "Mended"}})["id"]
    for key in ("", "a/b", "x" * 101, "..", "é"):
        assert signed_in.reason("api/createRecord", body | {"idempotencyKey": key})[2] == "malformed-request"


def test_a_repeat_after_a_lost_answer_makes_no_second_record(signed_in: App, org_url: str) -> None:
    body = {"sobject": "Account", "fields": {"Name": "Lost under a key"}, "idempotencyKey": "lost-key"}
    signed_in.call("api/getProfile")
    control(org_url, "faults", {"kind": "rest.composite", "cut": "after"})
    for _ in range(2):
        assert signed_in.reason("api/createRecord", body)[2] == "outcome-unknown"
    changed = body | {"fields": {"Name": "Lost under a key", "Phone": "1"}}
    assert signed_in.reason("api/createRecord", changed)[2] == "idempotency-key-reused"
    assert len(signed_in.call("api/listRecords", {"sobject": "Account", "search": "Lost under a key"})["records"]) == 1


def test_a_write_whose_answer_is_lost_says_unknown(signed_in: App, org_url: str) -> None:
    signed_in.call("api/getProfile")
    control(org_url, "faults", {"kind": "rest.composite", "cut": "after"})
    assert (
        signed_in.reason("api/createRecord", {"sobject": "Account", "fields": {"Name": "Lost answer"}})[2]
        == "outcome-unknown"
    )
    found = signed_in.call("api/listRecords", {"sobject": "Account", "search": "Lost answer"})["records"]
    assert len(found) == 1


def test_a_refresh_that_fails_for_a_while_keeps_the_connection(signed_in: App, org_url: str) -> None:
    control(org_url, "expire", {"username": SALES})
    control(org_url, "faults", {"kind": "token.refresh_token", "status": 503, "times": 20})
    assert signed_in.reason("api/getProfile", {}) == (503, "UNAVAILABLE", "org-busy")
    control(org_url, "faults/clear")
    assert signed_in.call("api/getProfile")["title"] == "Account Executive"


def test_a_revoked_grant_is_told_once_and_never_asked_again(signed_in: App, org_url: str) -> None:
    control(org_url, "revoke", {"username": SALES})
    control(org_url, "counters/reset")
    for _ in range(3):
        assert signed_in.reason("api/getProfile", {}) == (400, "FAILED_PRECONDITION", "access-revoked")
    assert control(org_url, "counters")["token.refresh_token"] == 1


def test_a_search_finds_records_of_several_objects(signed_in: App) -> None:
    hits = signed_in.call("api/search", {"text": "willow heal"})["hits"]
    assert ("Account", "Willow Health") in {(h["sobject"], h["record"]["fields"]["Name"]) for h in hits}
    assert "BillingCity" in next(h for h in hits if h["sobject"] == "Account")["record"]["fields"]
    contact = signed_in.call("api/listRecords", {"sobject": "Contact", "limit": 1})["records"][0]
    found = signed_in.call("api/search", {"text": contact["fields"]["Email"], "sobjects": ["Contact"]})["hits"]
    assert [h["record"]["id"] for h in found] == [contact["id"]]
    assert len(signed_in.call("api/search", {"text": "al", "sobjects": ["Account"], "limit": 3})["hits"]) == 3


def test_a_search_takes_reserved_characters_as_they_are_and_refuses_too_little(signed_in: App) -> None:
    name = "Odd & (Sons) {Ltd}: -what?"
    made = signed_in.call("api/createRecord", {"sobject": "Account", "fields": {"Name": name}})["id"]
    assert [h["record"]["id"] for h in signed_in.call("api/search", {"text": name})["hits"]] == [made]
    for text in ("", "a", "*?", "x" * 200):
        assert signed_in.reason("api/search", {"text": text}) == (400, "INVALID_ARGUMENT", "invalid-value")
    assert signed_in.reason("api/search", {"text": "willow", "limit": 0}) == (
        400,
        "INVALID_ARGUMENT",
        "malformed-request",
    )
    assert signed_in.reason("api/search", {"text": "willow", "sobjects": ["User"]}) == (
        400,
        "INVALID_ARGUMENT",
        "unknown-object",
    )
