"""An action through the running functions: it runs once, whatever becomes of its answer."""

from typing import Any
from uuid import uuid4

import pytest

from devtools.clients import SALES, App, authorize, control


@pytest.fixture
def signed_in(app: App, org_url: str) -> App:
    app.sign_in(authorize(org_url))
    control(org_url, "faults/clear")
    return app


def a_case(app: App) -> dict[str, Any]:
    """A request to escalate a new case."""
    fields = {"Subject": f"Lost {uuid4().hex}", "Priority": "Medium"}
    made = app.call("api/createRecord", {"sobject": "Case", "fields": fields})
    answers = {"reason": "The customer waits."}
    return {"sobject": "Case", "id": made["id"], "action": "escalate", "answers": answers}


def priority(app: App, request: dict[str, Any]) -> str:
    detail = app.call("api/getRecord", {"sobject": "Case", "id": request["id"]})
    return detail["record"]["fields"]["Priority"]


def test_an_action_is_offered_and_runs(signed_in: App) -> None:
    (action,) = signed_in.call("api/describe", {"sobject": "Case"})["actions"]
    assert (action["name"], action["label"]["de"]) == ("escalate", "Eskalieren")
    request = a_case(signed_in)
    assert signed_in.call("api/runAction", request) == {"values": {"team": "Second Level Support"}, "repeated": False}
    assert priority(signed_in, request) == "High"
    assert signed_in.reason("api/runAction", request) == (400, "FAILED_PRECONDITION", "action-not-available")


def test_a_lost_answer_is_told_and_its_key_runs_nothing_more(signed_in: App, org_url: str) -> None:
    request = a_case(signed_in) | {"idempotencyKey": uuid4().hex}
    control(org_url, "counters/reset")
    control(org_url, "faults", {"kind": "rest.invoke", "cut": "after"})
    for _ in range(2):
        assert signed_in.reason("api/runAction", request)[1:] == ("UNAVAILABLE", "outcome-unknown")
    assert control(org_url, "counters")["rest.invoke"] == 1
    assert priority(signed_in, request) == "High", "it ran"


def test_a_key_runs_once_and_after_an_expired_token_an_action_runs_once(signed_in: App, org_url: str) -> None:
    request = a_case(signed_in) | {"idempotencyKey": uuid4().hex}
    control(org_url, "expire", {"username": SALES})
    control(org_url, "counters/reset")
    first = signed_in.call("api/runAction", request)
    assert (first["values"], first["repeated"]) == ({"team": "Second Level Support"}, False)
    assert signed_in.call("api/runAction", request) == {"values": {}, "repeated": True}
    assert control(org_url, "counters")["rest.invoke"] == 1
    assert control(org_url, "counters").get("token.refresh_token", 0) == 1


@pytest.mark.parametrize("action", ["nope", "custom/flow/Escalate_Case", "../../sobjects/Case"])
def test_the_client_names_actions_and_no_addresses(signed_in: App, org_url: str, action: str) -> None:
    request = a_case(signed_in) | {"action": action}
    control(org_url, "counters/reset")
    assert signed_in.reason("api/runAction", request) == (400, "INVALID_ARGUMENT", "unknown-action")
    assert not [kind for kind in control(org_url, "counters") if kind.startswith("rest.")]
