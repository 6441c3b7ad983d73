"""Running an action: what is declared, what is checked before anything is sent, what becomes of the answer."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from backend.failures import ActionGone, Busy, OutcomeUnknown
from backend.records.actions import Action, Ask, check_actions, target
from backend.records.layouts import LAYOUTS, check
from contract.actions import ActionDone, RunAction
from contract.calls import Describe, Empty, GetRecord, SobjectShape, UpdateRecord
from contract.errors import CallError, NotFound, OrgUnavailable, Reason, RefusedRequest
from tests.altered import replace
from tests.functions.records.an_org import CALLER, RECORD_ID, AnOrg, a_row

CHECK = Action(
    "custom/apex/CreditCheck",
    label={"en": "Check credit", "de": "Bonität prüfen"},
    sends={"accountId": "Id", "industry": "Industry"},
    asks=(
        Ask("amount", "How much?", "number", required=True),
        Ask("note", "Anything else?"),
        Ask("until", "Until when?", "date"),
        Ask("urgent", "Urgent?", "yes-no"),
        Ask("kind", "Which?", choices={"loan": "A loan", "line": {"en": "A line"}}),
    ),
    shown_when={"Industry": ("Media", None)},
    says="Rated {rating}.",
    opens="taskId",
    refused_by="refusal",
)
PING = Action("custom/flow/Ping", "Ping")
REST = Action("POST /credit/{id}", "Credit")
STANDARD = Action("standard/chatterPost", "Post", needs_edit=True)


@pytest.fixture
def org(monkeypatch: pytest.MonkeyPatch) -> AnOrg:
    actions = {"check": CHECK, "ping": PING, "rest": REST, "standard": STANDARD}
    monkeypatch.setitem(LAYOUTS, "Account", replace(LAYOUTS["Account"], actions=actions))
    made = AnOrg()
    made.rows = [a_row(Industry="Media")]
    return made


async def run(org: AnOrg, action: str = "check", key: str | None = None, **answers: Any) -> ActionDone:
    answers = answers if action != "check" else {"amount": 5, **answers}
    return await org.changes.run_action(CALLER, RunAction("Account", RECORD_ID, action, answers, key))


async def refused(org: AnOrg, action: str = "check", **answers: Any) -> CallError:
    with pytest.raises(CallError) as failed:
        await run(org, action, **answers)
    return failed.value


# Declaring


def ask(*given: Any, **more: Any) -> Callable[[], Action]:
    return lambda: Action("custom/flow/X", "X", asks=(Ask(*given, **more),))


def act(**more: Any) -> Callable[[], Action]:
    return lambda: Action(**{"runs": "custom/flow/X", "label": "X", **more})


@pytest.mark.parametrize(("declare", "said"), [
    (act(label=""), "an action needs a label"),
    (act(says="{a.b}"), "braces hold the name of one value"),
    (act(says={"en": "{}"}), "braces hold the name of one value"),
    (act(says="{a"), "braces hold the name of one value"),
    (act(asks=(Ask("recordId", "Which?"),)), "recordId: an input is sent once"),
    (act(sends={"a b": "Id"}), "'a b' is not the name of an input"),
    (act(sends={"a": "A B"}), "sends: 'A B' is not the name of a field"),
    (act(sends=("Id",)), "sends is {input: field of the record}"),
    (act(sends={"a": 1}), "sends: 1 is not the name of a field"),
    (act(label={"English": "X"}), "label: 'English' is no code of a language"),
    (act(label=5), "label: 5 is neither a text nor {language: text}"),
    (act(label={"en": None}), "label: None is no text"),
    (act(label="Check {Name}"), "label: 'Check {Name}': braces can be filled in says only"),
    (act(confirm="Really}"), "confirm: 'Really}': braces can be filled in says only"),
    (act(opens="{taskId}"), "'{taskId}' is not the name of a value of the answer, as opens needs it"),
    (act(refused_by="a b"), "'a b' is not the name of a value of the answer, as refused_by needs it"),
    (act(icon="credit score"), "icon: 'credit score' is no name of an icon"),
    (act(shown_when=("Rating", "Hot")), "shown_when is {field of the record: value"),
    (act(shown_when=5), "shown_when is {field of the record: value"),
    (act(shown_when=None), "shown_when is {field of the record: value"),
    (act(shown_when={1: "x"}), "shown_when: 1 is not the name of a field"),
    (lambda: "nonsense", "is no Action"),
    (act(shown_when={"Rating": []}), "shown_when: Rating: [] is no value"),
    (act(shown_when={"Rating": [["Hot"]]}), "shown_when: Rating: [['Hot']] is no value"),
    (act(asks=Ask("a", "Which?")), "asks are several, each an Ask"),
    (act(asks=("amount",)), "'amount' is no Ask"),
    (act(in_menu="yes"), "in_menu is True or False"),
    (act(runs=5), "what an action runs is a text"),
    (ask("a b", "Which?"), "'a b' is not the name of an input"),
    (ask("a", "Which?", "choice"), "a: a choice needs its choices"),
    (ask("a", "Which?", choices=("a", "b")), "a: choices are {value: label}"),
    (ask("a", "Which?", choices={1: "One"}), "a: the value of a choice is a text"),
    (ask("a", "Which?", choices={"one": "{One}"}), "a: choice 'one': '{One}': braces"),
    (ask("a", "Which?", "integer"), "a: kind 'integer' is none of text, number, date, yes-no, choice"),
    (ask("a", "Which?", lines="3"), "a: lines is a number"),
    (ask("a", "Which?", required="yes"), "a: required is True or False"),
    (ask("a", {"Deutsch": "Was?"}), "a: label: 'Deutsch' is no code of a language"),
    (act(runs="POST /services/apexrest/credit/{id}"), "the address is said without /services/apexrest"),
])  # fmt: skip
def test_a_wrong_declaration_is_refused_when_the_backend_starts(declare: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match="^Account.credit: .*" + re.escape(said)):
        check({**LAYOUTS, "Account": replace(LAYOUTS["Account"], actions={"fine": PING, "credit": declare()})})


def test_all_that_is_declared_is_checked_at_the_start() -> None:
    wrong = replace(LAYOUTS["Contact"], actions={"credit": Action("nothing", "X")})
    with pytest.raises(ValueError, match=r"^Contact\.credit: 'nothing': an action runs"):
        check({**LAYOUTS, "Contact": wrong})


@pytest.mark.parametrize("wanted", [("Hot", "Warm"), ["Hot", "Warm"], {"Warm", "Hot"}, frozenset(("Hot", "Warm"))])
def test_several_values_may_stand_in_any_brackets(wanted: Any) -> None:
    action = Action("custom/flow/X", "X", shown_when={"Rating": wanted, "Active__c": None})
    assert action.wrong == ""
    assert action.shape("x").shown_when == {"Rating": ("Hot", "Warm"), "Active__c": (None,)}
    assert [action.allows("Rating", value) for value in ("Hot", "Cold")] == [True, False]


def test_apex_rest_is_sent_nothing_unless_it_is_declared() -> None:
    """A method with other parameters than the body's names answers 400 (salesforce.stackexchange.com/q/111321)."""
    assert Action("POST /credit/{id}", "X").sends == {}
    assert Action("POST /credit", "X", sends={"recordId": "Id"}).sends == {"recordId": "Id"}
    assert Action("custom/apex/X", "X").sends == {"recordId": "Id"}


@pytest.mark.parametrize("runs", [
    "custom/flow/a/b", "custom/flow/", "custom/apex/X?y", "flow/X", "X", "credit/{id}", "POST credit", "GET /credit",
    "DELETE /credit/{id}", "POST /a/../../data/v66.0/sobjects", "POST /a?b=c", "POST /a/{name}", "POST //evil.example",
])  # fmt: skip
def test_nothing_but_actions_can_be_declared_to_run(runs: str) -> None:
    with pytest.raises(ValueError, match="an action runs custom/flow/NAME"):
        check_actions("Account", {"x": Action(runs, "X")})


# Running


async def test_an_action_gets_what_is_declared_and_answered_and_nothing_else(org: AnOrg) -> None:
    org.action_answer = {"rating": "A", "secret": "x", "taskId": "00T000000000001AAA", "more": {"a": 1}}
    done = await run(org, note="", urgent=True, kind="loan", until="2026-12-24")
    assert org.ran == [
        (
            target("custom/apex/CreditCheck"),
            RECORD_ID,
            {
                "accountId": RECORD_ID,
                "industry": "Media",
                "amount": 5,
                "urgent": True,
                "kind": "loan",
                "until": "2026-12-24",
            },
        )
    ]
    assert done == ActionDone({"rating": "A"}, "00T000000000001AAA")
    assert org.sent == [f"SELECT Id, Industry, SystemModstamp FROM Account WHERE Id = '{RECORD_ID}' LIMIT 1"]


async def test_a_whole_number_is_sent_as_one(org: AnOrg) -> None:
    """An input of the type INTEGER takes 12 and not 12.0; what is typed into a field comes as a float."""
    for typed, sent in ((12.0, "12"), (12.5, "12.5"), (3, "3")):
        await run(org, amount=typed)
        assert repr(org.ran[-1][2]["amount"]) == sent


async def test_an_action_that_needs_only_the_id_is_one_request(org: AnOrg) -> None:
    assert await run(org, "ping") == ActionDone()
    assert (org.sent, org.ran) == ([], [(target("custom/flow/Ping"), RECORD_ID, {"recordId": RECORD_ID})])


@pytest.mark.parametrize(("answers", "reason"), [
    ({"amount": None}, Reason.INVALID_VALUE), ({"amount": "5"}, Reason.INVALID_VALUE),
    ({"amount": True}, Reason.INVALID_VALUE), ({"note": "x" * 4001}, Reason.INVALID_VALUE),
    ({"note": 1}, Reason.INVALID_VALUE), ({"until": "tomorrow"}, Reason.INVALID_VALUE),
    ({"until": "20261224"}, Reason.INVALID_VALUE), ({"urgent": "yes"}, Reason.INVALID_VALUE),
    ({"kind": "other"}, Reason.INVALID_VALUE), ({"accountId": "001"}, Reason.MALFORMED_REQUEST),
    ({"nope": 1}, Reason.MALFORMED_REQUEST),
])  # fmt: skip
async def test_answers_are_checked_before_anything_is_sent(org: AnOrg, answers: dict[str, Any], reason: Reason) -> None:
    assert (await refused(org, **answers)).reason is reason
    assert (org.sent, org.ran) == ([], [])


async def test_only_what_the_layout_declares_can_be_run(org: AnOrg) -> None:
    for name in ("nope", "CreditCheck", "/actions/custom/apex/CreditCheck", ""):
        assert (await refused(org, name)).reason is Reason.UNKNOWN_ACTION
    with pytest.raises(RefusedRequest) as elsewhere:
        await org.changes.run_action(CALLER, RunAction("Contact", RECORD_ID, "check"))
    assert elsewhere.value.reason is Reason.UNKNOWN_ACTION
    with pytest.raises(RefusedRequest):
        await org.changes.run_action(CALLER, RunAction("Account", "001' OR Name != '", "ping"))
    assert (org.sent, org.ran) == ([], [])


async def test_the_record_is_looked_at_before_anything_runs(org: AnOrg) -> None:
    org.rows = [a_row(Industry="Energy")]
    assert (await refused(org)).reason is Reason.ACTION_NOT_AVAILABLE
    org.rows = []
    assert isinstance(await refused(org), NotFound)
    assert org.ran == []
    org.rows = [a_row(Industry=None)]
    await run(org)
    assert org.ran[0][2]["industry"] is None


async def test_whoever_may_not_see_a_field_that_it_needs_may_not_run_it(org: AnOrg) -> None:
    org.hidden = {"Industry"}
    assert (await refused(org)).reason is Reason.UNKNOWN_FIELD
    assert org.ran == []


async def test_a_value_of_the_answer_may_say_why_it_was_refused(org: AnOrg) -> None:
    org.action_answer = {"refusal": "No credit for Acme."}
    said = await refused(org)
    assert (said.reason, said.message) == (Reason.ACTION_REFUSED, "No credit for Acme.")
    org.action_answer = {"refusal": ""}
    await run(org)


async def test_an_id_that_is_none_opens_nothing(org: AnOrg) -> None:
    for odd in ("https://evil.example", 5, None, "00T"):
        org.action_answer = {"taskId": odd, "rating": "x" * 5000}
        done = await run(org)
        assert (done.opens, len(str(done.values["rating"]))) == (None, 1000)


# At most once


async def test_one_key_runs_an_action_once(org: AnOrg) -> None:
    org.action_answer = {"rating": "A", "taskId": "00T000000000001AAA"}
    first, second = await run(org, key="key"), await run(org, key="key")
    assert (first.values, first.repeated) == ({"rating": "A"}, False)
    assert second == ActionDone(opens="00T000000000001AAA", repeated=True)
    assert len(org.ran) == 1
    others: list[dict[str, Any]] = [{"amount": 6}, {"note": "more"}]
    for other in others:
        with pytest.raises(RefusedRequest) as reused:
            await run(org, key="key", **other)
        assert reused.value.reason is Reason.IDEMPOTENCY_KEY_REUSED
    with pytest.raises(RefusedRequest):
        await run(org, "ping", key="key")
    assert len(org.ran) == 1


async def test_a_lost_answer_keeps_its_key_and_a_refusal_gives_it_back(org: AnOrg) -> None:
    org.fails = OutcomeUnknown(writes=True)
    for _ in range(2):
        with pytest.raises(OrgUnavailable) as unknown:
            await run(org, key="lost")
        assert unknown.value.reason is Reason.OUTCOME_UNKNOWN
    assert len(org.ran) == 1
    org.fails = RefusedRequest(Reason.ACTION_REFUSED, "No.")
    with pytest.raises(RefusedRequest):
        await run(org, key="refused")
    org.fails = Busy()
    with pytest.raises(Busy):
        await run(org, key="refused")
    org.fails = None
    await run(org, key="refused")
    assert len(org.ran) == 4


# What the app is offered


async def account(org: AnOrg) -> SobjectShape:
    return await org.queries.describe(CALLER, Describe("Account"))


async def offered(org: AnOrg) -> list[str]:
    return [action.name for action in (await account(org)).actions]


async def test_only_actions_that_the_org_has_are_offered_and_it_is_asked_once_in_an_hour(org: AnOrg) -> None:
    org.has = {CHECK.target, REST.target}
    assert await offered(org) == ["check", "rest"]
    assert [a.name for o in (await org.queries.get_objects(CALLER, Empty())).objects for a in o.actions] == [
        "check",
        "rest",
    ]
    asked = len(org.asked_for)
    org.has = {PING.target}
    org.time += timedelta(minutes=20)
    assert await offered(org) == ["check", "rest"]
    assert (org.described > 1, len(org.asked_for)) == (True, asked)
    org.time += timedelta(minutes=60)
    assert await offered(org) == ["ping"]
    assert len(org.asked_for) > asked


async def test_what_turns_out_to_be_gone_is_offered_no_more(org: AnOrg) -> None:
    org.has = {CHECK.target, PING.target}
    assert await offered(org) == ["check", "ping"]
    org.time += timedelta(seconds=30)
    org.has, org.fails = {PING.target}, ActionGone(Reason.ACTION_MISSING)
    assert (await refused(org)).reason is Reason.ACTION_MISSING
    assert await offered(org) == ["ping"]


async def test_an_org_that_does_not_answer_about_actions_hides_nothing_else(org: AnOrg) -> None:
    org.offers_fail = Busy()
    shape = await account(org)
    assert (shape.label, shape.actions) == ("Account", ())
    org.offers_fail, org.has = None, {PING.target}
    org.time += timedelta(minutes=20)
    assert await offered(org) == ["ping"], "it is asked with the next look"
    org.offers_fail = Busy()
    org.time += timedelta(hours=2)
    assert await offered(org) == ["ping"], "what was known stays"


async def test_an_action_is_hidden_from_who_may_not_see_its_fields_or_not_edit(
    org: AnOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.has = {CHECK.target, PING.target, STANDARD.target}
    org.hidden = {"Industry"}
    assert await offered(org) == ["ping", "standard"]
    described = org._described  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(org, "_described", lambda sobject: replace(described(sobject), editable=False))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    org.time += timedelta(minutes=20)
    assert await offered(org) == ["ping"]


async def test_the_app_learns_what_it_shows_and_not_what_is_run(org: AnOrg) -> None:
    org.has = {CHECK.target}
    (shape,) = (await account(org)).actions
    assert (shape.label, shape.says) == ({"en": "Check credit", "de": "Bonität prüfen"}, {"en": "Rated {rating}."})
    assert shape.shown_when == {"Industry": ("Media", None)}
    assert [(q.name, q.kind, q.required) for q in shape.questions] == [
        ("amount", "number", True),
        ("note", "text", False),
        ("until", "date", False),
        ("urgent", "yes-no", False),
        ("kind", "choice", False),
    ]
    assert [(c.value, c.label) for c in shape.questions[4].choices] == [
        ("loan", {"en": "A loan"}),
        ("line", {"en": "A line"}),
    ]
    assert "CreditCheck" not in repr(shape)
    assert "taskId" not in repr(shape)


# Fields that an action needs


def with_actions(monkeypatch: pytest.MonkeyPatch, **actions: Action) -> None:
    layout = LAYOUTS["Account"]
    detailed = tuple(name for name in layout.detailed if name != "AnnualRevenue")
    monkeypatch.setitem(LAYOUTS, "Account", replace(layout, actions=actions, detailed=detailed))


async def test_what_decides_whether_it_shows_comes_with_the_record(org: AnOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    with_actions(monkeypatch, big=Action("custom/flow/Ping", "Big", shown_when={"AnnualRevenue": 5}))
    org.rows = [a_row(AnnualRevenue=5, Name="Acme")]
    read = await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID))
    changed = await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Name": "Acme"}))
    for record in (read.record, changed.record):
        assert record.fields["AnnualRevenue"] == 5
    assert "AnnualRevenue" not in {field.name for field in (await account(org)).fields}, "no form has it"


async def test_a_field_that_the_org_does_not_have_is_told_once(org: AnOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    with_actions(
        monkeypatch,
        typo=Action("custom/flow/Ping", "X", sends={"a": "Idd"}),
        other=Action("custom/flow/Ping", "X", shown_when={"Ratng": "Hot", "Owner.Name": None}),
        fine=Action("custom/flow/Ping", "X", sends={"a": "Industry"}),
    )
    org.has = {PING.target}
    for _ in range(2):
        assert await offered(org) == ["fine"]
        org.time += timedelta(hours=2)
    assert [line for line in org.told if line.startswith("Account")] == [
        "Account.typo: the org has no field Idd, or this user may not see it; Account.other: the org has no field"
        " Ratng, or this user may not see it"
    ]


def test_a_parents_field_that_decides_has_to_be_one_that_is_read() -> None:
    action = Action("custom/flow/X", "X", shown_when={"Owner.Name": "Me", "Parent.Rating": "Hot"})
    with pytest.raises(ValueError, match=r"^Account\.x: shown_when: Parent\.Rating is not in detailed"):
        check({"Account": replace(LAYOUTS["Account"], actions={"x": action})})


async def test_an_action_that_runs_something_else_is_asked_for_at_once(
    org: AnOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_actions(monkeypatch, one=PING)
    assert await offered(org) == []
    org.has = {PING.target, REST.target}
    assert await offered(org) == [], "the org got it later: not before the next hour"
    with_actions(monkeypatch, other=PING)
    org.time += timedelta(seconds=1)
    fresh = AnOrg()  # a process that begins with the new declaration and what the old one has kept
    fresh.kept, fresh.time, fresh.has = org.kept, org.time, org.has
    assert await offered(fresh) == ["other"]
