"""Invocable actions and Apex REST, as a file of answers plays them.

Source: Actions Developer Guide, Invoking Actions, Apex Actions, Flow Actions; Apex Developer Guide, Exposing Apex
Classes as REST Web Services; sfdx-mass-action-scheduler#15, #141; restforce#418.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from localorg.cli import main
from localorg.metadata import DataError
from localorg.metadata.actions import read_actions
from localorg.schema.standard import STANDARD

DATA = "/services/data/v66.0"
READONLY = "readonly@localorg.test"
CHECK = "custom/apex/CreditCheck"
FLOW = {
    "inputs": {"recordId": {"type": "ID", "required": True}},
    "answers": [{"does": [{"update": "{recordId}", "fields": {"CloseDate": "never"}}], "outputs": {"done": True}}],
}


def documented(repository: Path) -> dict[str, Any]:
    """The file in docs/localorg.md, as a reader copies it."""
    section = (repository / "docs/localorg.md").read_text().split("## Your own actions")[1]
    return json.loads(re.findall(r"```json\n(.*?)```", section, re.DOTALL)[0])


@pytest.fixture(scope="module")
def own(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedOrg]:
    file = tmp_path_factory.mktemp("actions") / "actions.json"
    content = documented(repository)
    content["invocable"]["custom/flow/Break"] = FLOW
    content["apexrest"]["POST /break/*"] = {
        "answers": [{"does": [{"update": "{rest}", "fields": {"Name": ""}}], "body": {}}]
    }
    file.write_text(json.dumps(content))
    with EmbeddedOrg(OrgSettings(accounts=3, actions=(file,))) as running:
        running.save("clean")
        yield running


@pytest.fixture
def http(own: EmbeddedOrg) -> Iterator[httpx.Client]:
    own.restore("clean")
    with loopback.Client(base_url=own.url, headers={"Authorization": f"Bearer {own.sign_in(ADMIN)}"}) as client:
        yield client


def account(http: httpx.Client, **fields: Any) -> str:
    return http.post(f"{DATA}/sobjects/Account", json={"Name": "Acme", **fields}).json()["id"]


def run(http: httpx.Client, name: str, *inputs: dict[str, Any]) -> httpx.Response:
    return http.post(f"{DATA}/actions/{name}", json={"inputs": list(inputs)})


def test_an_action_changes_records_and_answers_with_values_of_them(http: httpx.Client) -> None:
    record = account(http)
    answer = run(http, CHECK, {"accountId": record, "amount": 12.5})
    (result,) = answer.json()
    assert (answer.status_code, result["actionName"], result["isSuccess"], result["errors"]) == (
        200,
        "CreditCheck",
        True,
        None,
    )
    assert result["outputValues"]["rating"] == "Hot"
    assert http.get(f"{DATA}/sobjects/Account/{record}").json()["Rating"] == "Hot"
    task = http.get(f"{DATA}/sobjects/Task/{result['outputValues']['taskId']}").json()
    assert (task["Subject"], task["WhatId"]) == ("Credit of 12.5", record)


def test_a_refusal_is_a_result_that_is_no_success(http: httpx.Client) -> None:
    record = account(http)
    answer = run(http, CHECK, {"accountId": record, "amount": 0})
    assert answer.status_code == 400
    assert answer.json()[0]["errors"] == [
        {"statusCode": "UNKNOWN_EXCEPTION", "message": "How much is it about?", "fields": []}
    ]
    assert answer.json()[0]["outputValues"] is None
    cold = account(http, Rating="Cold")
    (result,) = run(http, CHECK, {"accountId": cold, "amount": 1}).json()
    assert result["errors"][0]["message"] == "An Apex error occurred: CreditException: No credit for Acme."


def test_of_several_inputs_each_has_its_result(http: httpx.Client) -> None:
    answer = run(http, CHECK, {"accountId": account(http), "amount": 1}, {"accountId": account(http)})
    assert answer.status_code == 400
    assert [result["isSuccess"] for result in answer.json()] == [True, False]


@pytest.mark.parametrize(("inputs", "code"), [
    ({"amount": 1}, "REQUIRED_FIELD_MISSING"),
    ({"accountId": "001", "amount": "x"}, "INVALID_TYPE"),
    ({"accountId": "001", "amount": True}, "INVALID_TYPE"),
    ({"accountId": "001", "nope": 1}, "INVALID_API_INPUT"),
])  # fmt: skip
def test_inputs_are_those_that_describe_shows(http: httpx.Client, inputs: dict[str, Any], code: str) -> None:
    assert run(http, CHECK, inputs).json()[0]["errors"][0]["statusCode"] == code


@pytest.mark.parametrize("body", [{}, {"inputs": {}}, {"inputs": [1]}])
def test_inputs_are_a_list_of_objects(http: httpx.Client, body: Any) -> None:
    answer = http.post(f"{DATA}/actions/{CHECK}", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_actions_are_listed_and_described(http: httpx.Client) -> None:
    assert http.get(f"{DATA}/actions").json() == {
        "standard": f"{DATA}/actions/standard",
        "custom": f"{DATA}/actions/custom",
    }
    assert http.get(http.get(f"{DATA}/actions/custom").json()["flow"]).json()["actions"][0]["name"] == "Break"
    assert http.get(f"{DATA}/actions/standard").json() == {"actions": []}
    (listed,) = http.get(f"{DATA}/actions/custom/apex").json()["actions"]
    assert (listed["label"], listed["name"], listed["type"]) == ("Credit Check", "CreditCheck", "APEX")
    described = http.get(listed["url"]).json()
    assert [(i["name"], i["type"], i["required"]) for i in described["inputs"]] == [
        ("accountId", "ID", True),
        ("amount", "DOUBLE", False),
    ]
    assert [o["name"] for o in described["outputs"]] == ["rating", "taskId"]
    assert described["standard"] is False


@pytest.mark.parametrize("path", ["custom/apex/Nope", "custom/flow/CreditCheck", "standard/chatterPost", "custom/nope"])
def test_an_action_that_is_not_there(http: httpx.Client, path: str) -> None:
    answers = [http.get(f"{DATA}/actions/{path}"), http.post(f"{DATA}/actions/{path}", json={"inputs": [{}]})]
    assert answers[0].json() == [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}]
    assert [a.status_code for a in answers] == [404, 404 if path.count("/") > 1 or "standard" in path else 405]


def test_who_has_another_profile_may_not_run_it(own: EmbeddedOrg, http: httpx.Client) -> None:
    record = account(http)
    with loopback.Client(base_url=own.url, headers={"Authorization": f"Bearer {own.sign_in(READONLY)}"}) as other:
        assert other.get(f"{DATA}/actions/custom/apex").json() == {"actions": []}
        for answer in (
            other.get(f"{DATA}/actions/{CHECK}"),
            run(other, CHECK, {"accountId": record, "amount": 1}),
        ):
            assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "FORBIDDEN")
    with loopback.Client(base_url=own.url, headers={"Authorization": f"Bearer {own.sign_in(SALES)}"}) as allowed:
        assert run(allowed, CHECK, {"accountId": record, "amount": 1}).status_code == 200


def test_what_breaks_off_changes_nothing(http: httpx.Client) -> None:
    opportunity = http.get(f"{DATA}/query", params={"q": "SELECT Id, CloseDate FROM Opportunity LIMIT 1"}).json()
    record = opportunity["records"][0]
    (result,) = run(http, "custom/flow/Break", {"recordId": record["Id"]}).json()
    assert result["errors"][0]["message"] == "An error occurred when executing a flow interview."
    assert http.get(f"{DATA}/sobjects/Opportunity/{record['Id']}").json()["CloseDate"] == record["CloseDate"]
    answer = http.post(f"/services/apexrest/break/{account(http)}", json={})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (500, "APEX_ERROR")
    assert "REQUIRED_FIELD_MISSING, Required fields are missing: [Name]" in answer.json()[0]["message"]


def test_apex_rest_chooses_its_status_and_its_body(http: httpx.Client) -> None:
    record, cold = account(http), account(http, Name="Icy", Rating="Cold")
    answer = http.post(f"/services/apexrest/credit/{record}", json={"amount": 1})
    me = http.get("/services/oauth2/userinfo").json()["user_id"]
    assert (answer.status_code, answer.json()) == (200, {"id": record, "by": me})
    refused = http.post(f"/services/apexrest/credit/{cold}", json={})
    assert (refused.status_code, refused.json()) == (409, {"message": "No credit for Icy."})


def test_apex_rest_that_is_not_there(http: httpx.Client) -> None:
    answer = http.post("/services/apexrest/nope", json={})
    assert (answer.status_code, answer.json()) == (
        404,
        [{"message": "Could not find a match for URL", "errorCode": "NOT_FOUND"}],
    )
    other = http.get("/services/apexrest/credit/1")
    assert (other.status_code, other.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert http.post("/services/apexrest/creditor", json={}).status_code == 404


def test_actions_need_a_session_and_count_as_requests(own: EmbeddedOrg, http: httpx.Client) -> None:
    for path in (f"{DATA}/actions/{CHECK}", "/services/apexrest/credit/1"):
        assert loopback.post(own.url + path, json={"inputs": [{}]}).status_code == 401
    control(own.url, "counters/reset")
    run(http, CHECK, {"accountId": "001"})
    http.post("/services/apexrest/credit/1", json={})
    http.get(f"{DATA}/actions/{CHECK}")
    counters = control(own.url, "counters")
    assert {kind: counters[kind] for kind in ("rest.invoke", "rest.apex", "rest.invocable")} == {
        "rest.invoke": 1,
        "rest.apex": 1,
        "rest.invocable": 1,
    }


def test_actions_are_no_part_of_a_composite_request(http: httpx.Client) -> None:
    """Source: REST API Developer Guide, Composite: sObject resources, queries and collections are."""
    part = {"method": "GET", "url": f"{DATA}/actions/{CHECK}", "referenceId": "a"}
    (answer,) = http.post(f"{DATA}/composite", json={"compositeRequest": [part]}).json()["compositeResponse"]
    assert answer["httpStatusCode"] == 404


ANSWER = {"outputs": {}}


@pytest.mark.parametrize(("content", "said"), [
    ("{", "is not JSON"),
    ("[]", "is a JSON object"),
    ({"actions": {}}, "does not know 'actions'; it knows invocable, apexrest"),
    ({"invocable": {"flow/X": {}}}, "flow/X: an invocable action is called custom/flow/NAME"),
    ({"invocable": {"custom/flow/X": {}}}, "custom/flow/X: an action has at least one of answers"),
    ({"invocable": {"custom/flow/X": {"answers": [{"body": 1}]}}}, "answer 1: does not know 'body'"),
    ({"invocable": {"custom/flow/X": {"answers": [{"outputs": {"a": "{b}"}}]}}}, "{b} names nothing"),
    ({"invocable": {"custom/flow/X": {"answers": [{"when": {"b": 1}, **ANSWER}]}}}, "when: {b} names nothing"),
    ({"invocable": {"custom/flow/X": {"inputs": {"a": "TEXT"}, "answers": [ANSWER]}}}, "inputs: a: type: is one of"),
    ({"invocable": {"custom/flow/X": {"inputs": {"a b": "ID"}, "answers": [ANSWER]}}}, "is not the name of an input"),
    ({"invocable": {"custom/flow/X": {"answers": [{"refuses": "no", "outputs": {}}]}}}, "either refuses, or throws"),
    ({"invocable": {"custom/flow/X": {"answers": [{"does": [{"create": "Nope"}]}]}}}, "Nope is no object of this org"),
    ({"invocable": {"custom/flow/X": {"answers": [{"does": [{"create": "Task", "fields": {"Nope": 1}}]}]}}},
     "does 1: Task has no field Nope"),
    ({"invocable": {"custom/flow/X": {"answers": [{"does": [{}]}]}}}, "does 1: either creates"),
    ({"invocable": {"custom/flow/X": {"outputs": {"a": "ID"}, "answers": [{"outputs": {"b": 1}}]}}},
     "custom/flow/X: answer 1: outputs: b is not declared; there are a"),
    ({"invocable": {"custom/flow/X": {"profiles": "Standard User", "answers": [ANSWER]}}},
     "custom/flow/X: profiles: is a list"),
    ({"invocable": {"custom/flow/X": {"profiles": ["Sales"], "answers": [ANSWER]}}},
     "custom/flow/X: profiles: no user of this org has the profile 'Sales'; there are"),
    ('{"invocable": {"custom/flow/X": {"answers": [{}]}, "custom/flow/X": {"answers": [{}]}}}',
     "'custom/flow/X' stands there twice"),
    ('{"apexrest":\n {"POST /a": {"answers": [{}]},\n "POST /a" {}}}', "line 3: is not JSON"),
    ('{"invocable": {"custom/flow/x": {"answers": [{}]}, "custom/flow/X": {"answers": [{}]}}}',
     "custom/flow/X: is there already"),
    ({"apexrest": {"credit": {}}}, "credit: Apex REST is called by method and address"),
    ({"apexrest": {"POST /a": {"answers": [{"status": 99}]}}}, "status is a number from 200 to 599"),
])  # fmt: skip
def test_a_file_with_something_wrong_is_refused_with_the_place(tmp_path: Path, content: Any, said: str) -> None:
    file = tmp_path / "actions.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=re.escape(said)) as refused:
        read_actions((file,), STANDARD)
    assert str(refused.value).startswith(str(file))


def test_an_org_with_such_a_file_does_not_start_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "nope.json")
    assert main(["serve", "--port", "0", "--data", str(tmp_path / "org"), "--actions", missing]) == 1
    assert capsys.readouterr().err == f"localorg: {missing}: No such file or directory\n"


def test_the_repositorys_own_file_can_be_played(repository: Path) -> None:
    names = {a.name for a in read_actions((repository / "org-actions.json",), STANDARD).invocable}
    assert "Escalate_Case" in names
