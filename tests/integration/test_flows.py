"""The three flows over HTTP, by a client of another make: real emulators, real local org."""

import time

from contract.calls import ANSWER_SECONDS, CALL_SECONDS
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


def test_a_salesforce_that_does_not_answer_is_told_within_the_calls_time(app: App, org_url: str) -> None:
    app.sign_in(authorize(org_url))
    app.call("api/getProfile")
    control(org_url, "faults", {"kind": "rest.*", "hold": True, "times": 100})
    began = time.monotonic()
    assert app.reason("api/listRecords", {"sobject": "Account"}) == (504, "DEADLINE_EXCEEDED", "org-timeout")
    assert CALL_SECONDS - 1 < time.monotonic() - began < ANSWER_SECONDS + 1


def test_a_read_that_comes_late_is_still_an_answer(app: App, org_url: str) -> None:
    """It is waited for as long as the call has time, not sent again and again."""
    app.sign_in(authorize(org_url))
    app.call("api/getProfile")
    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "rest.query", "delayMs": 16_000})
    assert app.call("api/getProfile")["title"] == "Account Executive"
    assert control(org_url, "counters")["rest.query"] == 1
