"""Forms without a screen: drafts, what Salesforce refuses, and edits of two people that become one."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.calls import FieldShape, FieldValue, Section
from contract.errors import NotFound, OrgUnavailable, Reason, RefusedRequest
from data.repositories import drafts
from tests.app.world import World
from tests.depth import examples
from ui.app import App
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.records.look_up_view_model import LookUpViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared.merge import Conflict, merge


@pytest.fixture(autouse=True, scope="module")
def _write_at_once() -> Iterator[None]:
    before, drafts.WRITE_AFTER = drafts.WRITE_AFTER, 0.0
    yield
    drafts.WRITE_AFTER = before


async def editing(world: World, route: str = "/records/Account/001/edit") -> FormViewModel:
    app = await world.start(route)
    assert isinstance(app.screen, FormViewModel)
    return app.screen


def acme() -> World:
    world = World()
    world.backend.add("001", Name="Acme", AnnualRevenue=1000.0, Industry=None, Phone="+44 1", Active__c=False, Since__c="2026-01-31")
    return world


def sent(world: World, call: str = "updateRecord") -> list[Any]:
    return [request for name, request in world.backend.asked if name == call]


async def test_only_what_changed_is_sent_and_the_page_shows_it() -> None:
    world = acme()
    form = await editing(world)
    assert form.draft is not None
    assert form.draft.entered["AnnualRevenue"] == "1,000"
    assert form.draft.entered["Since__c"] == "1/31/2026"
    form.type("AnnualRevenue", "2,500.50")
    form.choose("Industry", "Media")
    form.choose("Active__c", "true")
    form.type("Since__c", "2/28/2026")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"AnnualRevenue": 2500.5, "Industry": "Media", "Active__c": True, "Since__c": "2026-02-28"}]
    assert world.route == "/records/Account/001"
    assert world.app.notice is not None
    assert world.app.notice.text == "Saved."
    assert world.drafts.all() == ()


async def test_the_record_shows_what_was_saved_before_it_is_read_again() -> None:
    world = acme()
    app = await world.start("/records/Account/001")
    await app.go(Place("edit", "Account", "001"))
    assert isinstance(app.screen, FormViewModel)
    app.screen.type("Phone", "+44 2")
    held = world.backend.holds["getRecord"] = asyncio.Event()
    shown = asyncio.Event()
    app.listen(lambda: shown.set() if isinstance(app.screen, RecordViewModel) else None)
    saving = asyncio.create_task(app.screen.save())
    await asyncio.wait_for(shown.wait(), 5)
    screen = cast(App, app).screen
    assert isinstance(screen, RecordViewModel)
    if screen.record is None:
        painted = asyncio.Event()
        screen.listen(lambda: painted.set() if screen.record is not None else None)
        await asyncio.wait_for(painted.wait(), 5)
    assert screen.record is not None
    assert screen.record.fields["Phone"] == "+44 2"
    held.set()
    await saving


async def test_nothing_changed_is_not_sent() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 2")
    form.type("Phone", "+44 1")
    assert not form.dirty
    await form.save()
    assert sent(world) == []


@pytest.mark.parametrize(("field_name", "text", "said"), [
    ("Name", "  ", "This cannot be empty."),
    ("AnnualRevenue", "a lot", "Please enter a number."),
    ("Since__c", "someday", "Please enter a date."),
])  # fmt: skip
async def test_what_cannot_be_is_said_beside_its_field(field_name: str, text: str, said: str) -> None:
    world = acme()
    form = await editing(world)
    form.type(field_name, text)
    await form.save()
    assert form.errors == {field_name: said}
    assert sent(world) == []
    form.type(field_name, "5")
    assert form.errors == {}


async def test_salesforces_words_stand_beside_the_field_that_they_are_about() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "not a number")
    world.backend.fails["updateRecord"] = RefusedRequest(Reason.INVALID_VALUE, "Phone: please use an international number", {"fields": ["Phone"]})
    await form.save()
    assert form.errors == {"Phone": "Phone: please use an international number"}
    assert form.draft is not None
    assert form.draft.entered["Phone"] == "not a number"


@pytest.mark.parametrize("failure", [
    OrgUnavailable(Reason.ORG_UNREACHABLE), OrgUnavailable(Reason.ORG_LIMIT), OrgUnavailable(Reason.OUTCOME_UNKNOWN),
    RefusedRequest(Reason.FIELD_NOT_EDITABLE, "Phone cannot be changed.", {"fields": ["Phone"]}), NotFound(Reason.RECORD_NOT_FOUND),
], ids=lambda f: f.reason)  # fmt: skip
async def test_what_was_typed_survives_every_bad_day(failure: Exception) -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 9")
    world.backend.fails["updateRecord"] = failure  # type: ignore[assignment]
    await form.save()
    assert form.problem is failure
    await world.drafts.settle()
    again = await editing(world.again())
    assert again.draft is not None
    assert again.draft.entered["Phone"] == "+44 9"
    await again.save()
    assert world.backend.records["001"].fields["Phone"] == "+44 9"


async def test_a_draft_survives_tab_change_and_reload_and_is_shown_on_the_record() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 7")
    await world.app.go(Place("home"))
    await world.app.go(Place("edit", "Account", "001"))
    assert world.app.screen is form
    await world.drafts.settle()
    again = world.again()
    app = await again.start("/records/Account/001")
    assert app.screen is not None
    assert app.screen.has_draft  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def test_leaving_asks_only_when_there_is_something_to_lose() -> None:
    world = acme()
    form = await editing(world)
    assert form.ask_to_leave(True)
    form.type("Phone", "+44 7")
    assert not form.ask_to_leave(True)
    assert form.asks_to_leave
    form.throw_away()
    assert world.drafts.all() == ()


async def test_a_new_record_is_made_once_however_often_it_is_sent() -> None:
    world = World()
    form = await editing(world, "/records/Account/new?ParentId=001P&ParentId.name=Holding")
    parent = next(f for f in form.fields if f.name == "ParentId")
    assert form.name_of(parent) == "Holding"
    form.type("Name", "New one")
    world.backend.fails["createRecord"] = OrgUnavailable(Reason.OUTCOME_UNKNOWN)
    await form.save()
    await form.save()
    keys = {r.idempotency_key for r in sent(world, "createRecord")}
    assert len(keys) == 1
    assert len(world.backend.records) == 1
    (made,) = world.backend.records.values()
    assert made.fields["ParentId"] == "001P"
    assert world.route == f"/records/Account/{made.id}"


async def test_a_look_up_finds_and_names_what_was_chosen() -> None:
    world = acme()
    world.backend.add("001P", Name="Holding")
    form = await editing(world)
    look_up = LookUpViewModel(world.app.records, ["Account"])
    await look_up.type("hold")
    assert look_up.found is not None
    (found,) = look_up.found
    form.choose("ParentId", found.id, "Holding")
    parent = next(f for f in form.fields if f.name == "ParentId")
    assert form.name_of(parent) == "Holding"
    await form.save()
    assert world.backend.records["001"].fields["ParentId"] == "001P"


async def test_a_look_up_drops_an_answer_that_a_newer_question_has_overtaken() -> None:
    """The answer to the first question comes last: what it brings belongs to another object."""
    world = acme()
    world.backend.add("003", Name="Kim")
    await world.start("/")
    look_up = LookUpViewModel(world.app.records, ["Account", "Contact"])
    held = world.backend.holds["listRecords"] = asyncio.Event()
    first = asyncio.create_task(look_up.search())
    for _ in range(5):
        await asyncio.sleep(0)
    assert (len(sent(world, "listRecords")), look_up.found) == (1, None)
    del world.backend.holds["listRecords"]
    await look_up.choose_target("Contact")
    held.set()
    await first
    assert (look_up.target, [r.id for r in look_up.found or ()]) == ("Contact", ["003"])


async def test_a_look_up_that_fails_says_so_and_can_be_tried_again() -> None:
    world = acme()
    await world.start("/")
    look_up = LookUpViewModel(world.app.records, ["Account"])
    world.backend.fails["listRecords"] = OrgUnavailable(Reason.ORG_UNREACHABLE)
    await look_up.search()
    assert (look_up.problem is not None, look_up.found) == (True, None)
    await look_up.search()
    assert (look_up.problem, [r.id for r in look_up.found or ()]) == (None, ["001"])


NEXT_CALL = FieldShape("Next_Call__c", "Next call", "datetime", False, True, True)


@pytest.mark.parametrize(("language", "seen", "typed"), [
    ("en-US", "1/31/2026 2:30\u00a0PM", "2/1/2026 9:05 AM"),
    ("de-DE", "31.01.2026 14:30", "1.2.2026, 09:05"),
    ("ja-JP", "2026/01/31 14:30", "2026/02/01 9:05"),
])  # fmt: skip
async def test_a_time_is_read_and_typed_on_the_persons_own_clock(language: str, seen: str, typed: str) -> None:
    world = World(languages=(language,))
    section = Section("Calls", ("Name", "Next_Call__c"))
    account = replace(world.backend.objects.objects[0], sections=(section,))
    world.backend.objects = replace(world.backend.objects, objects=(replace(account, fields=(*account.fields, NEXT_CALL)),))
    at = datetime(2026, 1, 31, 14, 30).astimezone(UTC)
    world.backend.add("001", Name="Acme", Next_Call__c=at.isoformat(timespec="milliseconds"))
    form = await editing(world)
    assert form.draft is not None
    assert form.draft.entered["Next_Call__c"] == seen
    form.type("Next_Call__c", "soon")
    await form.save()
    assert set(form.errors) == {"Next_Call__c"}
    form.type("Next_Call__c", typed)
    await form.save()
    (saved,) = sent(world)
    assert set(saved.fields) == {"Next_Call__c"}
    assert datetime.fromisoformat(saved.fields["Next_Call__c"]) == datetime(2026, 2, 1, 9, 5).astimezone()


# Two people


async def test_different_fields_go_together_without_a_question_and_it_is_said() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 mine")
    world.backend.add("001", by="Ada Admin", **{**world.backend.records["001"].fields, "Industry": "Energy"})
    await form.save()
    fields = world.backend.records["001"].fields
    assert (fields["Phone"], fields["Industry"]) == ("+44 mine", "Energy")
    assert world.app.notice is not None
    assert world.app.notice.text == "Saved together with the changes of Ada Admin."


@pytest.mark.parametrize(("whose", "phone"), [("mine", "+44 mine"), ("theirs", "+44 theirs")])
async def test_the_same_field_asks_and_does_what_the_person_says(whose: str, phone: str) -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 mine")
    form.type("Name", "Acme Ltd")
    world.backend.add("001", by="Ada Admin", **{**world.backend.records["001"].fields, "Phone": "+44 theirs", "Industry": "Energy"})
    await form.save()
    assert form.conflicts == (Conflict("Phone", "+44 mine", "+44 theirs"),)
    assert form.their_change == ("Ada Admin", "2026-11-25T10:00:02.000+0000")
    assert not form.decided
    form.decide("Phone", whose)
    await form.save_decided()
    fields = world.backend.records["001"].fields
    assert (fields["Phone"], fields["Name"], fields["Industry"]) == (phone, "Acme Ltd", "Energy")


async def test_others_who_save_again_and_again_do_not_keep_one_from_saving() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 mine")
    for n in range(3):
        world.backend.add("001", **{**world.backend.records["001"].fields, "Industry": ("Media", "Energy", "Media")[n]})
    await form.save()
    assert world.backend.records["001"].fields["Phone"] == "+44 mine"


NAMES = ("Name", "Phone", "Industry", "Website")
VALUES = st.sampled_from(["a", "b", "c", None])
CHANGES = st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), CHANGES, CHANGES)
def test_a_merge_takes_nothing_from_anyone(seen: dict[str, FieldValue], mine: dict[str, FieldValue], theirs: dict[str, FieldValue]) -> None:
    after = {**seen, **theirs}
    merged = merge(seen, {n: v for n, v in mine.items() if v != seen[n]}, after)
    saved = {**after, **merged.changes}
    asked = {c.field for c in merged.conflicts}
    for name in NAMES:
        if name not in asked:
            wanted = {v for v in (mine.get(name, seen[name]), theirs.get(name, seen[name])) if v != seen[name]} or {seen[name]}
            assert saved[name] in wanted
            assert len(wanted) == 1 or saved[name] == after[name]
    for conflict in merged.conflicts:
        assert conflict.mine != conflict.theirs
        assert after[conflict.field] != seen[conflict.field]


@dataclass
class Editor:
    """One person with the record open, who decides conflicts one way."""

    world: World
    whose: str
    form: FormViewModel | None = None


FIELDS = ("Name", "Phone", "Website")
TYPED = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from("pqrs"), min_size=1)
STEP = st.tuples(st.integers(0, 1), st.one_of(TYPED, st.just("save")))  # who, and what they type, or that they save


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(STEP, max_size=16), st.tuples(*[st.sampled_from(["mine", "theirs"])] * 2))
def test_no_value_that_anyone_saved_is_lost_unless_a_person_chose_so(steps: list[tuple[int, dict[str, str] | str]], habits: tuple[str, str]) -> None:
    asyncio.run(_edits_of_two(steps, habits))


async def _edits_of_two(steps: list[tuple[int, dict[str, str] | str]], habits: tuple[str, str]) -> None:
    """Two people edit one record in any order. A saved value may only go when its successor's author saw it, or chose against it."""
    first = World()
    first.backend.add("001", Name="n", Phone="p", Website="w")
    editors = [Editor(World(first.backend), habit) for habit in habits]
    for editor in editors:
        await editor.world.start("/")
    for who, what in steps:
        editor = editors[who]
        if editor.form is None:
            await editor.world.app.go(Place("edit", "Account", "001"))
            assert isinstance(editor.world.app.screen, FormViewModel)
            editor.form = editor.world.app.screen
        if isinstance(what, dict):
            for name, text in what.items():
                editor.form.type(name, f"{text}{who}")
        else:
            await _save(editor, editor.form)
            editor.form = None
    await asyncio.gather(*(e.world.drafts.settle() for e in editors))


async def _save(editor: Editor, form: FormViewModel) -> None:
    assert form.draft is not None
    before, seen, entered = dict(editor.world.backend.records["001"].fields), dict(form.draft.seen), dict(form.draft.entered)
    await form.save()
    asked = {c.field for c in form.conflicts}
    for name in asked:
        form.decide(name, editor.whose)
    if asked:
        await form.save_decided()
    after = editor.world.backend.records["001"].fields
    for name in FIELDS:
        if after[name] != before[name]:
            assert after[name] == entered[name]  # only what this person typed is written
            assert before[name] == seen[name] or (name in asked and editor.whose == "mine")
        if entered[name] != seen[name] and not (name in asked and editor.whose == "theirs"):
            assert after[name] == entered[name]  # and all of it
