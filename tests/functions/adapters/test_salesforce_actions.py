"""Actions and Apex REST at the local org: how often they run, and what each kind of answer means.

Sources of the answers: Actions Developer Guide, Invoking Actions; sfdx-mass-action-scheduler#15 (a Flow that fails),
#141 (one that is not there); restforce#418 (an address of Apex REST that no class has); Apex Developer Guide,
RestResponse Class: a class chooses its status itself, 401 among them.
"""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.failures import ActionGone, Busy, LimitReached, OutcomeUnknown
from backend.records.actions import Action, target
from backend.records.layouts import LAYOUTS
from backend.values import Caller, Uid
from contract.actions import ActionDone, RunAction
from contract.calls import Describe
from contract.errors import CallError, Reason, RefusedRequest
from devtools.clients import SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.altered import replace
from tests.functions.instances import Instances

READ_ONLY = "readonly@localorg.test"
RECORD = {"recordId": {"type": "ID", "required": True}}
COUNTED = {"does": [{"create": "Task", "fields": {"Subject": "It ran", "WhatId": "{recordId}"}}]}
PLAYED: dict[str, Any] = {
    "invocable": {
        "custom/flow/Count": {"inputs": RECORD, "answers": [{**COUNTED, "outputs": {"done": True}}]},
        "custom/flow/Fail": {"inputs": RECORD, "answers": [{"throws": "x"}]},
        "custom/flow/Html": {
            "inputs": RECORD,
            "answers": [{"refuses": "<b>Not</b> today.<br>\n\nError ID: 1405213620-33528"}],
        },
        "custom/flow/Locked": {"inputs": RECORD, "answers": [{"refuses": "x", "code": "UNABLE_TO_LOCK_ROW"}]},
        "custom/flow/Denied": {"inputs": RECORD, "answers": [{"refuses": "x", "code": "INSUFFICIENT_ACCESS"}]},
        "custom/apex/Throw": {"inputs": RECORD, "answers": [{"throws": "Credit.NoException: No credit for you."}]},
        "custom/apex/Few": {
            "inputs": RECORD,
            "profiles": ["System Administrator"],
            "answers": [{"outputs": {}}],
        },
        "standard/ping": {"inputs": RECORD, "answers": [{"outputs": {"pong": 1}}]},
    },
    "apexrest": {
        "POST /count/*": {
            "answers": [
                {
                    "does": [{"create": "Task", "fields": {"Subject": "It ran", "WhatId": "{rest}"}}],
                    "body": {"id": "{rest}"},
                }
            ]
        },
        "POST /says/list/*": {"answers": [{"refuses": "No.", "code": "NO_CREDIT", "status": 403}]},
        "POST /says/object/*": {"answers": [{"status": 409, "body": {"error": {"message": "Not now."}}}]},
        "POST /says/text/*": {"answers": [{"status": 422, "body": "Only a text."}]},
        "POST /says/nothing/*": {"answers": [{"status": 400}]},
        "POST /says/401/*": {
            "answers": [
                {
                    "does": [{"create": "Task", "fields": {"Subject": "It ran", "WhatId": "{rest}"}}],
                    "status": 401,
                    "body": {"message": "The bank does not know you."},
                }
            ]
        },
        "POST /says/500/*": {"answers": [{"status": 500, "body": {"message": "x"}}]},
        "POST /throws/*": {"answers": [{"throws": "System.NullPointerException: x"}]},
        "PUT /void/*": {"answers": [{"status": 204}]},
        "POST /list/*": {"answers": [{"body": [1]}]},
        "POST /plain/text/*": {"answers": [{"body": "Rated A"}]},
        "POST /plain/number/*": {"answers": [{"body": 1.5}]},
        "POST /plain/yes/*": {"answers": [{"body": False}]},
        "POST /takes/*": {"inputs": {"accountId": "ID"}, "answers": [{"body": {"id": "{accountId}"}}]},
    },
}


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedOrg]:
    file: Path = tmp_path_factory.mktemp("actions") / "actions.json"
    file.write_text(json.dumps(PLAYED))
    with EmbeddedOrg(OrgSettings(accounts=3, actions=(file,))) as org:
        org.save("clean")
        yield org


@pytest.fixture
async def here(playing: EmbeddedOrg) -> AsyncIterator[Instances]:
    playing.restore("clean")
    control(playing.url, "reset")
    control(playing.url, "counters/reset")
    made = Instances(playing)
    yield made
    await made.http.close()


async def user(here: Instances, username: str = SALES) -> tuple[Uid, str]:
    """A user, and the id of an account."""
    uid, _ = await here.connect(username)
    ((row,),) = await here.rests[0].query(uid, "SELECT Id FROM Account ORDER BY Name LIMIT 1")
    return uid, str(row["Id"])


async def test_a_method_that_returns_one_value_answers_with_it_as_answer(here: Instances) -> None:
    """`@HttpPost global static String` answers "a text" in JSON (Apex Developer Guide, "Apex REST Methods")."""
    who = await user(here)
    assert await run(here, "POST /plain/text/{id}", who) == {"answer": "Rated A"}
    assert await run(here, "POST /plain/number/{id}", who) == {"answer": 1.5}
    assert await run(here, "POST /plain/yes/{id}", who) == {"answer": False}
    assert await run(here, "POST /list/{id}", who) == {}


async def test_a_method_with_parameters_refuses_others(here: Instances) -> None:
    who = await user(here)
    with pytest.raises(RefusedRequest) as refused:
        await run(here, "POST /takes/{id}", who)
    assert refused.value.message == "Unexpected parameter encountered during deserialization: recordId"
    sent = await here.rests[0].run_action(who[0], target("POST /takes/{id}"), who[1], {"accountId": who[1]})
    assert sent == {"id": who[1]}


async def run(here: Instances, runs: str, who: tuple[Uid, str] | None = None) -> Any:
    uid, record_id = who or await user(here)
    return await here.rests[0].run_action(uid, target(runs), record_id, {"recordId": record_id, "left": None})


async def ran(here: Instances, who: tuple[Uid, str]) -> int:
    (rows,) = await here.rests[0].query(who[0], f"SELECT Id FROM Task WHERE Subject = 'It ran' AND WhatId = '{who[1]}'")
    return len(rows)


async def test_what_ran_answers_with_its_values(here: Instances) -> None:
    who = await user(here)
    assert (await run(here, "custom/flow/Count", who))["done"] is True
    assert await run(here, "POST /count/{id}", who) == {"id": who[1]}
    assert await run(here, "standard/ping", who) == {"pong": 1}
    assert await run(here, "PUT /void/{id}", who) == {}
    assert await ran(here, who) == 2


@pytest.mark.parametrize(("runs", "reason", "message"), [
    ("custom/flow/Fail", Reason.ACTION_REFUSED, "An error occurred when executing a flow interview."),
    ("custom/flow/Html", Reason.ACTION_REFUSED, "Not today."),
    ("custom/flow/Denied", Reason.NOT_PERMITTED, None),
    ("custom/apex/Throw", Reason.ACTION_REFUSED, "No credit for you."),
    ("POST /says/list/{id}", Reason.ACTION_REFUSED, "No."),
    ("POST /says/object/{id}", Reason.ACTION_REFUSED, "Not now."),
    ("POST /says/text/{id}", Reason.ACTION_REFUSED, "Only a text."),
    ("POST /says/nothing/{id}", Reason.ACTION_REFUSED, None),
    ("POST /throws/{id}", Reason.ACTION_FAILED, None),
    ("custom/flow/Nope", Reason.ACTION_MISSING, None),
    ("custom/apex/Few", Reason.NOT_PERMITTED, None),
    ("POST /nope", Reason.ACTION_MISSING, None),
    ("PATCH /count/{id}", Reason.ACTION_MISSING, None),
])  # fmt: skip
async def test_each_refusal_has_its_reason_and_the_actions_own_words(
    here: Instances, runs: str, reason: Reason, message: str | None
) -> None:
    with pytest.raises(RefusedRequest) as refused:
        await run(here, runs)
    usual = RefusedRequest(reason).message
    assert (refused.value.reason, refused.value.message) == (reason, message or usual)
    assert isinstance(refused.value, ActionGone) is (reason is Reason.ACTION_MISSING or runs == "custom/apex/Few")


async def test_a_record_that_somebody_holds_is_busy(here: Instances) -> None:
    with pytest.raises(Busy):
        await run(here, "custom/flow/Locked")


@pytest.mark.parametrize(("runs", "kind"), [("custom/flow/Count", "rest.invoke"), ("POST /count/{id}", "rest.apex")])
async def test_a_lost_answer_is_never_sent_again(here: Instances, runs: str, kind: str) -> None:
    who = await user(here)
    control(here.org.url, "faults", {"kind": kind, "cut": "after"})
    with pytest.raises(OutcomeUnknown) as unknown:
        await run(here, runs, who)
    assert unknown.value.reason is Reason.OUTCOME_UNKNOWN
    assert await ran(here, who) == 1
    for status in (502, 503):
        control(here.org.url, "faults", {"kind": kind, "status": status, "body": "<html>Down for maintenance</html>"})
        with pytest.raises(OutcomeUnknown):
            await run(here, runs, who)
    assert control(here.org.url, "counters")[kind] == 3
    assert await ran(here, who) == 1


async def test_what_an_action_says_of_itself_with_500_may_have_been_done(here: Instances) -> None:
    with pytest.raises(OutcomeUnknown):
        await run(here, "POST /says/500/{id}")


@pytest.mark.parametrize("runs", ["custom/flow/Count", "POST /count/{id}"])
async def test_after_an_expired_token_it_runs_once(here: Instances, runs: str) -> None:
    who = await user(here)
    control(here.org.url, "expire", {"username": SALES})
    await run(here, runs, who)
    assert here.refreshes() == 1
    assert await ran(here, who) == 1


async def test_a_class_that_says_401_itself_is_not_run_again_and_costs_no_token(here: Instances) -> None:
    who = await user(here)
    with pytest.raises(RefusedRequest) as refused:
        await run(here, "POST /says/401/{id}", who)
    assert (refused.value.reason, refused.value.message) == (Reason.ACTION_REFUSED, "The bank does not know you.")
    assert await ran(here, who) == 1
    assert here.refreshes() == 0


async def test_limits_of_the_org_and_budgets_hold_for_actions(here: Instances) -> None:
    who = await user(here)
    control(here.org.url, "faults", {"kind": "rest.invoke", "status": 403, "body": json.dumps(
        [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}])})  # fmt: skip
    with pytest.raises(LimitReached):
        await run(here, "custom/flow/Count", who)
    few = Instances(here.org, user_requests=2)
    uid, _ = await few.connect()
    for _ in range(2):
        await run(few, "custom/flow/Count", (uid, who[1]))
    with pytest.raises(CallError) as spent:
        await run(few, "custom/flow/Count", (uid, who[1]))
    await few.http.close()
    assert spent.value.reason is Reason.USER_LIMIT
    assert await ran(here, who) == 2


async def test_an_answer_that_nobody_understands_leaves_the_outcome_open(here: Instances) -> None:
    who = await user(here)
    for body in ("[]", "{}", "null", "<html></html>", '[{"isSuccess": "yes"}]', "[1]"):
        control(here.org.url, "faults", {"kind": "rest.invoke", "status": 200, "body": body})
        with pytest.raises(OutcomeUnknown):
            await run(here, "custom/flow/Count", who)


async def test_the_org_tells_each_user_which_actions_it_has(here: Instances, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = {
        "count": Action("custom/flow/Count", "Count"),
        "few": Action("custom/apex/Few", "Few"),
        "nope": Action("custom/apex/Nope", "Nope"),
        "rest": Action("POST /nope", "Nobody can tell"),
    }
    monkeypatch.setitem(LAYOUTS, "Account", replace(LAYOUTS["Account"], actions=actions))
    names: list[list[str]] = []
    for username in (SALES, "admin@localorg.test", READ_ONLY):
        uid, _ = await here.connect(username)
        shape = await here.each[0].queries.describe(Caller(uid, "phone"), Describe("Account"))
        names.append([action.name for action in shape.actions])
    assert names == [["count", "rest"], ["count", "few", "rest"], ["count", "rest"]]
    control(here.org.url, "counters/reset")
    await here.each[1].queries.describe(Caller(uid, "phone"), Describe("Account"))
    assert control(here.org.url, "counters").get("rest.invocable", 0) == 0, "another instance has it from the store"


async def test_the_example_of_the_repository_does_what_it_says(repository: Path) -> None:
    with EmbeddedOrg(OrgSettings(accounts=20, actions=(repository / "org-actions.json",))) as org:
        there = Instances(org)
        uid, _ = await there.connect()
        caller, changes, queries = Caller(uid, "phone"), there.each[0].changes, there.each[0].queries
        (action,) = (await queries.describe(caller, Describe("Case"))).actions
        open_cases = "SELECT Id FROM Case WHERE IsClosed = false AND Priority = 'Medium' ORDER BY CaseNumber LIMIT 1"
        ((row,),) = await there.rests[0].query(uid, open_cases)
        request = RunAction("Case", str(row["Id"]), action.name, {"reason": "The customer waits."})
        assert await changes.run_action(caller, request) == ActionDone({"team": "Second Level Support"})
        ((seen,),) = await there.rests[0].query(uid, f"SELECT Priority FROM Case WHERE Id = '{row['Id']}'")
        assert seen["Priority"] == "High"
        with pytest.raises(RefusedRequest) as again:
            await changes.run_action(caller, request)
        assert again.value.reason is Reason.ACTION_NOT_AVAILABLE
        await there.http.close()


async def test_an_org_without_the_examples_flow_shows_no_button(instances: Instances) -> None:
    uid, _ = await instances.connect()
    shape = await instances.each[0].queries.describe(Caller(uid, "phone"), Describe("Case"))
    assert shape.actions == ()
