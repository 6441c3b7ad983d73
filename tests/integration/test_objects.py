"""What the app is told of the objects: our own layout, with Salesforce's words, groups and rights; on the real local
org.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from backend.records.layouts import LAYOUTS
from devtools.clients import ADMIN, SALES, App, authorize, control
from devtools.suite import Suite

READONLY = "readonly@localorg.test"


@pytest.fixture
def signed_in(app: App, org_url: str) -> App:
    app.sign_in(authorize(org_url))
    return app


def objects(app: App) -> dict[str, dict[str, Any]]:
    return {o["sobject"]: o for o in app.call("api/getObjects")["objects"]}


def test_every_object_of_the_layouts_is_told_with_salesforces_words(signed_in: App, org_url: str) -> None:
    answer = signed_in.call("api/getObjects")
    assert answer["site"] == org_url
    found = {o["sobject"]: o for o in answer["objects"]}
    assert list(found) == list(LAYOUTS)
    account = found["Account"]
    assert [account[k] for k in ("labelPlural", "title", "icon", "keyPrefix")] == [
        "Accounts",
        "Name",
        "business",
        "001",
    ]
    assert account["creatable"]
    assert account["editable"]
    assert account["deletable"]
    headings = [s["heading"] for s in account["sections"]]
    assert headings[:4] == [
        "Account Information",
        "Address Information",
        "Description Information",
        "System Information",
    ]
    assert set(headings[4:]) <= {""}  # for what a layout shows and Salesforce's page layout does not
    assert account["sections"][1]["fields"][:2] == ["BillingStreet", "BillingCity"]
    assert [(r["name"], r["sobject"], r["label"]) for r in account["related"]][:2] == [
        ("Contacts", "Contact", "Contacts"), ("Opportunities", "Opportunity", "Opportunities"),
    ]  # fmt: skip
    fields = {f["name"]: f for f in found["Contact"]["fields"]}
    assert (fields["AccountId"]["refersTo"], fields["AccountId"]["relationship"]) == (["Account"], "Account")
    assert {f["name"]: f for f in found["Task"]["fields"]}["Status"]["default"] == "Not Started"
    amounts = {(f["name"], f["currency"]) for f in found["Opportunity"]["fields"] if f.get("currency")}
    assert amounts == {("Amount", "USD")}


def test_who_may_not_see_an_object_is_not_told_of_it(app: App, org_url: str) -> None:
    app.sign_in(authorize(org_url, READONLY))
    found = objects(app)
    assert "Lead" not in found
    assert found["Account"]["creatable"] is False
    assert "AnnualRevenue" not in {f["name"] for f in found["Account"]["fields"]}


def test_telling_costs_salesforce_nothing_once_describes_are_kept(signed_in: App, org_url: str) -> None:
    objects(signed_in)
    control(org_url, "counters/reset")
    objects(signed_in)
    assert not [kind for kind in control(org_url, "counters") if kind.startswith("rest.")]


@pytest.mark.parametrize("sobject", ["Lead", "Case", "Task"])
def test_the_new_objects_can_be_listed_made_changed_and_deleted(signed_in: App, sobject: str) -> None:
    fields = {
        "Lead": {"LastName": "Ada", "Company": "Analytical"},
        "Case": {"Subject": "Broken"},
        "Task": {"Subject": "Call back"},
    }[sobject]
    made = signed_in.call("api/createRecord", {"sobject": sobject, "fields": fields})["id"]
    page = signed_in.call(
        "api/listRecords", {"sobject": sobject, "filters": [{"field": "OwnerId", "operator": "eq", "value": "me"}]}
    )
    assert page["records"]
    updated = signed_in.call("api/updateRecord", {"sobject": sobject, "id": made, "fields": {"Description": "New"}})[
        "record"
    ]
    assert updated["fields"]["Description"] == "New"
    assert updated["fields"]["LastModifiedBy.Name"] == "Sam Sales"
    signed_in.call("api/deleteRecord", {"sobject": sobject, "id": made})
    assert signed_in.reason("api/getRecord", {"sobject": sobject, "id": made})[2] == "record-not-found"


def test_an_object_that_the_app_does_not_show_is_refused(signed_in: App) -> None:
    for call, request in (("listRecords", {}), ("getRecord", {"id": "0" * 18}), ("deleteRecord", {"id": "0" * 18}),
                          ("describe", {}),
                          ("createRecord", {"fields": {"Name": "x"}}), ("updateRecord", {"id": "0" * 18,
                              "fields": {"Name": "x"}})):  # fmt: skip
        assert signed_in.reason(f"api/{call}", {"sobject": "User", **request})[2] == "unknown-object", call
    assert signed_in.reason("api/search", {"text": "some", "sobjects": ["User"]})[2] == "unknown-object"


def test_home_shows_what_presses(signed_in: App) -> None:
    dashboard = signed_in.call("api/getDashboard")
    days = [t["fields"]["ActivityDate"] for t in dashboard["tasks"]]
    assert days == sorted(days)
    assert len(days) == 5
    assert len({c["fields"]["CloseDate"][:7] for c in dashboard["closing"]}) <= 1


@pytest.fixture
def _others_gone(app: App, org_url: str) -> Iterator[None]:
    yield
    app.sign_in(authorize(org_url, ADMIN))
    app.call("auth/signOut", {"everywhere": True})


@pytest.mark.usefixtures("_others_gone")
def test_where_am_i_signed_in(suite: Suite, org_url: str) -> None:
    phone, tablet = (
        App(suite.plan.app_url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")
        for _ in range(2)
    )
    phone.sign_in(authorize(org_url, ADMIN), deviceName="Phone\n of  Ada")
    tablet.sign_in(authorize(org_url, ADMIN))
    access = tablet.call("api/getAccess")
    assert [d["current"] for d in access["devices"]].count(True) == 1
    (other,) = (d for d in access["devices"] if d["name"] == "Phone of Ada")
    assert not other["current"]
    assert access["history"][0]["event"] == "sign-in"
    assert access["history"][0]["by"] == "user"
    assert access["connection"]["state"] == "fresh"
    tablet.call("auth/signOut", {"device": other["id"]})
    assert "Phone of Ada" not in [d["name"] for d in tablet.call("api/getAccess")["devices"]]
    assert SALES not in str(access)
