"""The actions of a record in the app, without a screen: when they show, what is asked, and what becomes of a tap."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from contract.actions import ActionDone, ActionShape, Choice, Question, RunAction
from contract.calls import FieldValue, Objects, SobjectShape
from contract.errors import CallError, NotFound, OrgUnavailable, Reason, RefusedRequest
from tests.app.world import ACCOUNT, CONTACT, MemoryBackend, World, changed
from ui.app import App
from ui.places import Place
from ui.records.actions_view_model import Actions
from ui.records.list_view_model import ListViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared.words import use_language

PING = ActionShape("ping", {"en": "Ping", "de": "Anpingen"})
ESCALATE = ActionShape(
    "escalate",
    {"en": "Escalate"},
    shown_when={"Industry": ("Media", None), "Active__c": (False, None)},
    questions=(
        Question("reason", {"en": "Why?"}, required=True, lines=3),
        Question("amount", {"en": "How much?"}, "number"),
        Question("until", {"en": "Until when?"}, "date"),
        Question("urgent", {"en": "Urgent?"}, "yes-no"),
        Question("kind", {"en": "Which?"}, "choice", required=True, choices=(Choice("a", {"en": "A"}),)),
    ),
    says={"en": "{team} does it by {until}: {amount}.", "de": "{team} bis {until}: {amount}."},
)
CONFIRMED = ActionShape("confirmed", {"en": "Close"}, confirm={"en": "For good?"}, reads_again=False)


class ActingBackend(MemoryBackend):
    """Runs any action: an account becomes active; `done` is what is answered. A key runs once."""

    def __init__(self, *actions: ActionShape) -> None:
        super().__init__()
        self.objects = Objects((replace(ACCOUNT, actions=actions), CONTACT), "https://acme.my.salesforce.com")
        self.done = ActionDone()
        self.ran: list[RunAction] = []
        self.runs: dict[str, str] = {}
        self.add("001A", Name="Alder Energy", Industry="Media", Active__c=None)

    def _runAction(self, request: RunAction) -> ActionDone:
        key = request.idempotency_key or ""
        if key in self.runs:
            return ActionDone(repeated=True)
        self.runs[key] = request.id
        self.ran.append(request)
        fields = self.records[request.id].fields
        self.add(request.id, **{**fields, "Active__c": True})
        return self.done


async def page(app: App, record_id: str = "001A") -> RecordViewModel:
    await app.go(Place("record", "Account", record_id))
    assert isinstance(app.screen, RecordViewModel)
    return app.screen


async def opened(*actions: ActionShape) -> tuple[ActingBackend, App, Actions, RecordViewModel]:
    backend = ActingBackend(*actions)
    app = await World(backend).start()
    record = await page(app)
    return backend, app, record.acting, record


def said(app: App) -> str:
    return "" if app.notices.newest is None else app.notices.newest.text


def names(acting: Actions) -> list[str]:
    return [action.name for action in acting.offered]


@pytest.fixture(autouse=True)
async def english() -> AsyncIterator[None]:
    yield
    use_language(["en-US"])


async def test_an_action_shows_while_the_record_is_as_it_has_to_be() -> None:
    backend, app, acting, record = await opened(PING, ESCALATE)
    assert names(acting) == ["ping", "escalate"]
    for fields, shown in (
        ({"Industry": "Energy"}, ["ping"]),
        ({"Industry": None}, ["ping", "escalate"]),
        ({"Active__c": True}, ["ping"]),
        ({"Active__c": False}, ["ping", "escalate"]),
    ):
        given: dict[str, Any] = {**backend.records["001A"].fields, **fields}
        backend.add("001A", **given)
        await record.load()
        assert names(acting) == shown
    assert (await page(app, "001B")).acting.offered == [], "there is no such record"


async def test_a_tap_runs_what_asks_nothing_says_so_and_reads_the_record_again() -> None:
    backend, app, acting, record = await opened(PING)
    assert await acting.begin(PING) == ""
    assert [(r.sobject, r.id, r.action, r.answers) for r in backend.ran] == [("Account", "001A", "ping", {})]
    assert said(app) == "Ping: done."
    assert record.record is not None
    assert record.record.fields["Active__c"] is True


async def test_what_is_asked_is_looked_at_before_anything_is_sent() -> None:
    backend, _app, acting, _record = await opened(ESCALATE)
    await acting.begin(ESCALATE)
    assert acting.asking == ESCALATE
    reason, amount, until, urgent, kind = ESCALATE.questions
    assert acting.text(kind) == "a", "what has to be chosen begins with the first"
    acting.type(amount, "a lot")
    acting.type(until, "tomorrow")
    acting.type(reason, "  ")
    await acting.run()
    assert acting.errors == {
        "reason": "This cannot be empty.",
        "amount": "Please enter a number.",
        "until": "Please enter a date.",
    }
    assert backend.ran == []
    acting.type(reason, "The customer waits.")
    assert "reason" not in acting.errors, "nothing is wrong with it any more"
    acting.type(amount, "1,250.50")
    acting.type(until, "12/24/2026")
    acting.choose(urgent, "true")
    await acting.run()
    assert backend.ran[0].answers == {
        "reason": "The customer waits.", "amount": 1250.5, "until": "2026-12-24", "urgent": True, "kind": "a",
    }  # fmt: skip
    assert (acting.asking, acting.errors) == (None, {})


async def test_its_words_are_those_of_the_persons_language_with_the_values_of_the_answer() -> None:
    values: dict[str, FieldValue] = {"team": "Second Level", "until": "2026-12-24", "amount": 1250.5}
    for language, words in (
        ("en-US", "Second Level does it by Dec 24, 2026: 1,250.5."),
        ("de-AT", "Second Level bis 24.12.2026: 1.250,5."),
        ("ja-JP", "Second Level does it by 2026/12/24: 1,250.5."),
    ):
        backend, app, acting, _record = await opened(replace(ESCALATE, questions=()))
        backend.done = ActionDone(values)
        use_language([language])
        await acting.begin(replace(ESCALATE, questions=()))
        assert said(app) == words
        use_language(["en-US"])
    backend, app, acting, _record = await opened(replace(ESCALATE, questions=()))
    backend.done = ActionDone({"team": "Second Level"})
    await acting.begin(replace(ESCALATE, questions=()))
    assert said(app) == "Escalate: done.", "a text that lacks a value is not said with a hole in it"


async def test_a_question_first_and_nothing_when_it_is_left() -> None:
    backend, app, acting, _record = await opened(CONFIRMED)
    await acting.begin(CONFIRMED)
    acting.cancel()
    await acting.run()
    assert backend.ran == []
    reads = [name for name, _ in backend.asked].count("getRecord")
    await acting.begin(CONFIRMED)
    await acting.run()
    assert (len(backend.ran), said(app)) == (1, "Close: done.")
    assert [name for name, _ in backend.asked].count("getRecord") == reads, "it changes nothing on the page"


async def test_it_goes_to_the_record_that_the_answer_names() -> None:
    backend, _app, acting, _record = await opened(PING)
    backend.done = ActionDone(opens="003000000000001AAA")
    assert await acting.begin(PING) == "003000000000001AAA"


async def test_a_refusal_stands_in_the_dialog_and_what_was_typed_stays() -> None:
    backend, app, acting, _record = await opened(ESCALATE)
    await acting.begin(ESCALATE)
    acting.type(ESCALATE.questions[0], "Because.")
    backend.fails["runAction"] = RefusedRequest(Reason.ACTION_REFUSED, "This case is escalated already.")
    await acting.run()
    assert (acting.asking, acting.problem, said(app)) == (ESCALATE, "This case is escalated already.", "")
    assert acting.text(ESCALATE.questions[0]) == "Because."
    await acting.run()
    assert (acting.asking, acting.problem, len(backend.ran)) == (None, "", 1)


@pytest.mark.parametrize("failed", [
    RefusedRequest(Reason.ACTION_NOT_AVAILABLE), RefusedRequest(Reason.ACTION_MISSING),
    RefusedRequest(Reason.NOT_PERMITTED), RefusedRequest(Reason.ACTION_FAILED), NotFound(Reason.RECORD_NOT_FOUND),
])  # fmt: skip
async def test_what_nobody_can_mend_is_said_and_the_record_is_read_again(failed: CallError) -> None:
    backend, app, acting, record = await opened(CONFIRMED)
    backend.records["001A"] = changed(backend.records["001A"], Phone="7")
    await acting.begin(CONFIRMED)
    backend.fails["runAction"] = failed
    await acting.run()
    assert (acting.asking, said(app)) == (None, failed.message)
    assert record.record is not None
    assert record.record.fields["Phone"] == "7"


async def test_a_lost_answer_is_said_the_record_is_read_again_and_nothing_is_sent_a_second_time() -> None:
    backend, app, acting, record = await opened(PING)
    backend.loses.add("runAction")
    await acting.begin(PING)
    assert said(app) == "Salesforce did not confirm the change. Look at the record before you try again."
    assert len(backend.ran) == 1
    assert record.record is not None
    assert record.record.fields["Active__c"] is True, "it ran, and one sees that"
    await acting.begin(PING)
    assert len({run.idempotency_key for run in backend.ran}) == 2, "whoever has looked may run it again"


async def test_what_did_not_get_through_runs_once_however_often_one_taps() -> None:
    backend, app, acting, _record = await opened(PING)
    sent = backend._runAction  # pyright: ignore[reportPrivateUsage]

    def cut_off(request: RunAction) -> ActionDone:
        sent(request)
        raise OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})

    backend._runAction = cut_off  # pyright: ignore[reportPrivateUsage]
    await acting.begin(PING)
    assert (len(backend.ran), said(app)) == (1, OrgUnavailable(Reason.ORG_UNREACHABLE).message)
    backend._runAction = sent  # pyright: ignore[reportPrivateUsage]
    await acting.begin(PING)
    assert (len(backend.ran), said(app)) == (1, "Ping: done.")


async def test_one_runs_at_a_time() -> None:
    backend, _app, acting, _record = await opened(PING)
    held = backend.holds["runAction"] = asyncio.Event()
    first = asyncio.create_task(acting.begin(PING))
    for _ in range(20):
        await asyncio.sleep(0)
    assert acting.running
    await acting.begin(PING)
    held.set()
    await first
    assert (len(backend.ran), acting.running) == (1, False)


async def test_a_read_from_before_it_ran_does_not_stay_on_the_page() -> None:
    backend, _app, acting, record = await opened(PING)
    held = backend.holds["getRecord"] = asyncio.Event()
    before = backend.records["001A"]
    answer = backend._getRecord  # pyright: ignore[reportPrivateUsage]

    def late(request: Any) -> Any:
        backend._getRecord = answer  # pyright: ignore[reportPrivateUsage]
        return replace(answer(request), record=before)

    backend._getRecord = late  # pyright: ignore[reportPrivateUsage]
    loading = asyncio.create_task(record.load())
    for _ in range(20):
        await asyncio.sleep(0)
    acted = asyncio.create_task(acting.begin(PING))
    for _ in range(20):
        await asyncio.sleep(0)
    held.set()
    await asyncio.gather(loading, acted)
    assert record.record is not None
    assert record.record.fields["Active__c"] is True


async def test_the_list_follows() -> None:
    backend = ActingBackend(PING)
    app = await World(backend).start()
    await app.go(Place("list", "Account"))
    record = await page(app)
    await record.acting.begin(PING)
    listed = app.list_of("Account")
    assert isinstance(listed, ListViewModel)
    assert listed.items[0].fields["Active__c"] is True


async def test_a_record_that_somebody_may_only_see_in_part_shows_no_action() -> None:
    shape: SobjectShape = replace(ACCOUNT, actions=(PING,))
    assert shape.actions
    backend = ActingBackend(PING)
    backend.records["001A"] = replace(backend.records["001A"], version=None)
    app = await World(backend).start()
    assert (await page(app)).acting.offered == []


async def test_whoever_closes_the_dialog_meanwhile_stays_and_is_told() -> None:
    backend, app, acting, _record = await opened(CONFIRMED)
    backend.done = ActionDone(opens="003000000000001AAA")
    await acting.begin(CONFIRMED)
    held = backend.holds["runAction"] = asyncio.Event()
    running = asyncio.create_task(acting.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert acting.running
    acting.cancel()
    held.set()
    assert await running == "", "it does not go to the record that the answer names"
    assert said(app) == "Close: done."
    await acting.begin(CONFIRMED)
    assert await acting.run() == "003000000000001AAA", "the next time it does"
