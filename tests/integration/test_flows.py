"""The three flows over HTTP, by a client of another make: real emulators, real local org."""

from devtools.clients import SALES, App, authorize, control


def test_sign_in_data_call_and_refresh(app: App, org_url: str) -> None:
    user = app.sign_in(authorize(org_url))
    assert user["username"] == SALES
    assert user["uid"] == f"{user['orgId']}_{user['userId']}"

    first = app.call("api/listRecords", {"sobject": "Account", "limit": 10})
    assert len(first["records"]) == 10

    control(org_url, "counters/reset")
    control(org_url, "expire", {"username": SALES})
    again = app.call("api/listRecords", {"sobject": "Account", "limit": 10})
    assert again == first
    assert control(org_url, "counters")["token.refresh_token"] == 1
