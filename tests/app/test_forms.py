"""Forms without a screen: drafts, what Salesforce refuses, several tabs, languages."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from contract.calls import FieldShape, FieldValue, Section
from contract.errors import MayBeDuplicate, NotFound, OrgUnavailable, Reason, RefusedRequest
from data.repositories.drafts import KEY_SECONDS
from data.repositories.merge import Conflict
from tests.app.forms import acme, editing, sent, text
from tests.app.world import ADA, SAM, World
from tests.device import Beside, StallingDrawer
from ui.app import App
from ui.places import Place
from ui.records.form_view_model import Alike, FormViewModel
from ui.records.look_up_view_model import LookUpViewModel
from ui.records.record_view_model import RecordViewModel

pytestmark = pytest.mark.virtual_time


async def test_only_what_changed_is_sent_and_the_page_shows_it() -> None:
    world = acme()
    form = await editing(world)
    assert form.draft is not None
    assert text(form, "AnnualRevenue") == "1,000"
    assert text(form, "Since__c") == "1/31/2026"
    form.type("AnnualRevenue", "2,500.50")
    form.choose("Industry", "Media")
    form.choose("Active__c", "true")
    form.type("Since__c", "2/28/2026")
    await form.save()
    assert [r.fields for r in sent(world)] == [
        {"AnnualRevenue": 2500.5, "Industry": "Media", "Active__c": True, "Since__c": "2026-02-28"}
    ]
    assert world.route == "/records/Account/001"
    assert world.app.notices.newest is not None
    assert world.app.notices.newest.text == "Saved."
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
    world.backend.fails["updateRecord"] = RefusedRequest(
        Reason.INVALID_VALUE, "Phone: please use an international number", {"fields": ["Phone"]}
    )
    await form.save()
    assert form.errors == {"Phone": "Phone: please use an international number"}
    assert form.draft is not None
    assert text(form, "Phone") == "not a number"


@pytest.mark.parametrize("failure", [
    OrgUnavailable(Reason.ORG_UNREACHABLE), OrgUnavailable(Reason.ORG_LIMIT), OrgUnavailable(Reason.OUTCOME_UNKNOWN),
    RefusedRequest(Reason.FIELD_NOT_EDITABLE, "Phone cannot be changed.", {"fields": ["Phone"]}),
    NotFound(Reason.RECORD_NOT_FOUND),
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
    assert again.draft.typed["Phone"] == "+44 9"
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
    app = await again.start("/records/Account/001", user=None)
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
    world.backend.add("001P", Name="Holding")
    form = await editing(world, "/records/Account/new?ParentId=001P&ParentId.name=Somebody+else")
    parent = next(f for f in form.fields if f.name == "ParentId")
    assert form.name_of(parent) == "Holding"
    form.type("Name", "New one")
    world.backend.fails["createRecord"] = OrgUnavailable(Reason.OUTCOME_UNKNOWN)
    await form.save()
    await form.save()
    keys = {r.idempotency_key for r in sent(world, "createRecord")}
    assert len(keys) == 1
    del world.backend.records["001P"]
    assert len(world.backend.records) == 1
    (made,) = world.backend.records.values()
    assert made.fields["ParentId"] == "001P"
    assert world.route == f"/records/Account/{made.id}"


async def new_account(world: World, name: str) -> FormViewModel:
    form = await editing(world, "/records/Account/new")
    form.type("Name", name)
    return form


def names(world: World) -> list[FieldValue]:
    return [record.fields["Name"] for record in world.backend.records.values()]


async def test_what_was_typed_after_a_save_that_was_not_answered_becomes_a_change_of_what_it_made() -> None:
    world = World()
    form = await new_account(world, "First")
    world.backend.loses.add("createRecord")
    await form.save()
    assert isinstance(form.problem, OrgUnavailable)
    form.type("Name", "Second")
    form.type("Phone", "+44 2")
    await form.save()
    first, again = sent(world, "createRecord")
    assert again == first
    assert [(r.fields["Name"], r.fields["Phone"]) for r in world.backend.records.values()] == [("Second", "+44 2")]
    assert world.route == f"/records/Account/{next(iter(world.backend.records))}"
    assert world.drafts.all() == ()


async def test_a_draft_that_comes_back_after_it_was_saved_goes_again() -> None:
    world = World()
    form = await new_account(world, "First")
    await world.drafts.settle()
    before = dict(world.device.kept)
    await form.save()
    await world.drafts.settle()
    # The removal never arrived.
    world.device.kept |= {name: text for name, text in before.items() if name.startswith("draft/")}
    again = world.again()
    await again.start("/", user=None)
    assert again.drafts.all() == ()
    await again.drafts.settle()
    assert [name for name in again.device.kept if name.startswith("draft/") and "/sent/" not in name] == []


@pytest.mark.parametrize(("typed", "saved"), [("First", "First"), ("Second", "Second")])
async def test_an_app_that_ends_before_the_answer_makes_one_record_all_the_same(typed: str, saved: str) -> None:
    world = World()
    form = await new_account(world, "First")
    world.backend.loses.add("createRecord")
    await form.save()
    again = world.again()
    form = await editing(again, "/records/Account/new")
    assert text(form, "Name") == "First"
    form.type("Name", typed)
    await form.save()
    assert names(world) == [saved]
    assert again.drafts.all() == ()


@pytest.mark.parametrize(("typed", "asks"), [("First", False), ("Second", True)])
async def test_a_device_that_kept_the_draft_and_not_that_it_was_sent(typed: str, *, asks: bool) -> None:
    """Nothing tells the app any more that it was saved.

    The backend knows, and other content under the same key is asked about.
    """
    world = World()
    form = await new_account(world, "First")
    await world.drafts.settle()
    before = dict(world.device.kept)
    world.backend.loses.add("createRecord")
    await form.save()
    world.device.kept = before
    again = world.again()
    form = await editing(again, "/records/Account/new")
    form.type("Name", typed)
    await form.save()
    assert (form.unsure, names(world)) == (asks, ["First"])
    if asks:
        await form.save_as_new()
        assert names(world) == ["First", "Second"]
    assert again.drafts.all() == ()


async def test_after_a_day_nobody_knows_whether_it_was_saved_and_a_person_looks() -> None:
    world = World()
    form = await new_account(world, "First")
    world.backend.loses.add("createRecord")
    await form.save()
    world.backend.keys.clear()  # the backend forgets them after a day
    again = world.again()
    again.time += KEY_SECONDS + 1
    form = await editing(again, "/records/Account/new")
    await form.save()
    assert (form.unsure, names(world)) == (True, ["First"])
    await form.save()
    assert (form.unsure, names(world)) == (True, ["First"])
    form.throw_away()
    await again.drafts.settle()
    assert (await again.again().start("/", user=None)).drafts.all() == ()


async def test_a_backend_that_never_learns_the_outcome_leads_to_looking() -> None:
    world = World()
    form = await new_account(world, "First")
    for unsure in (False, True):
        world.backend.fails["createRecord"] = OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        await form.save()
        assert form.unsure is unsure
    await form.save_as_new()
    assert names(world) == ["First"]


@pytest.mark.parametrize("allow", [True, False])
async def test_what_may_be_there_already_is_shown_and_saved_when_the_person_says_so(*, allow: bool) -> None:
    world = World()
    form = await new_account(world, "Acme")
    record = {"sobject": "Account", "id": "001000000000001AAA", "name": "Acme"}
    details: dict[str, object] = {"records": [record], "allowSave": allow}
    world.backend.fails["createRecord"] = MayBeDuplicate(Reason.MAY_BE_DUPLICATE, details=details)
    await form.save()
    assert (form.records_alike, form.may_be_saved_anyway) == ([Alike("Account", "001000000000001AAA", "Acme")], allow)
    assert (names(world), form.dirty) == ([], True)
    await form.save_anyway()
    assert (names(world), world.backend.allowed_duplicates) == (["Acme"], [True])
    assert world.drafts.all() == ()


async def test_a_corrected_record_is_not_saved_as_a_duplicate_that_was_allowed_before() -> None:
    world = World()
    form = await new_account(world, "Acme")
    for _time in range(2):
        world.backend.fails["createRecord"] = MayBeDuplicate(Reason.MAY_BE_DUPLICATE, details={"records": []})
        await form.save_anyway()
    form.type("Name", "Another")
    await form.save()
    assert (names(world), world.backend.allowed_duplicates) == (["Another"], [False])


async def test_what_salesforce_refused_is_corrected_and_sent_anew() -> None:
    world = World()
    form = await new_account(world, "Wrong")
    world.backend.fails["createRecord"] = OrgUnavailable(Reason.ORG_UNREACHABLE)
    await form.save()
    form.type("Name", "Right")
    world.backend.fails["createRecord"] = RefusedRequest(Reason.INVALID_VALUE, "No such name.", {"fields": ["Name"]})
    await form.save()  # what was sent first is asked again, and refused, so that the new content can go out
    assert [r.fields["Name"] for r in sent(world, "createRecord")] == ["Wrong", "Wrong", "Right"]
    assert names(world) == ["Right"]
    form = await new_account(world, "Wrong")
    world.backend.fails["createRecord"] = RefusedRequest(Reason.INVALID_VALUE, "No such name.", {"fields": ["Name"]})
    await form.save()
    assert form.errors == {"Name": "No such name."}
    form.type("Name", "Also right")
    await form.save()
    assert names(world) == ["Right", "Also right"]


async def test_a_second_try_that_is_refused_for_lack_of_rights_says_nothing_of_the_first() -> None:
    world = World()
    form = await new_account(world, "First")
    world.backend.loses.add("createRecord")
    await form.save()
    world.backend.fails["createRecord"] = RefusedRequest(Reason.NOT_PERMITTED)
    form.type("Name", "Second")
    await form.save()
    assert isinstance(form.problem, RefusedRequest)
    await form.save()
    assert names(world) == ["Second"]


async def test_what_someone_changed_in_the_new_record_meanwhile_asks() -> None:
    world = World()
    form = await new_account(world, "First")
    world.backend.loses.add("createRecord")
    await form.save()
    form.type("Name", "Second")
    (made,) = world.backend.records.values()
    world.backend.add(made.id, **{**made.fields, "Name": "Theirs"})
    await form.save()
    assert form.conflicts == (Conflict("Name", "Second", "Theirs"),)
    form.decide("Name", "mine")
    await form.save_decided()
    assert names(world) == ["Second"]


async def test_a_user_who_takes_over_while_the_device_is_slow_sends_nothing_of_the_one_before() -> None:
    device = StallingDrawer()
    world = World(device=device)
    form = await new_account(world, "Sam's")
    device.disk.delay = 2.0
    saving = asyncio.create_task(form.save())
    await asyncio.sleep(0.5)
    await world.sign_in(ADA)
    await world.drafts.open(ADA.uid)
    await saving
    assert sent(world, "createRecord") == []


# Several tabs


async def test_each_tab_keeps_its_own_drafts() -> None:
    world = World()
    other = world.beside()
    first, second = await new_account(world, "One"), await new_account(other, "Two")
    third = await editing(world, "/records/Contact/new")
    third.type("LastName", "Three")
    for tab in (world, other):
        await tab.drafts.settle()
    home = await world.again().start("/", user=None)
    assert sorted(str(next(iter(d.typed.values()))) for d in home.drafts.all()) == ["One", "Three", "Two"]
    assert (text(first, "Name"), text(second, "Name")) == ("One", "Two")


async def test_a_tab_does_not_go_on_with_what_another_tab_has_open() -> None:
    world = World()
    await new_account(world, "One")
    await world.drafts.settle()
    other = world.beside()
    assert text(await editing(other, "/records/Account/new"), "Name") == ""
    world.windows.close()
    assert text(await editing(world.beside(), "/records/Account/new"), "Name") == "One"


async def test_home_leads_to_the_draft_that_was_tapped_and_a_copy_makes_no_second_record() -> None:
    world = World()
    one = await new_account(world, "One")
    await world.drafts.settle()
    other = world.beside()
    two = await new_account(other, "Two")
    (wanted,) = [d for d in other.drafts.all() if d.typed["Name"] == "One"]
    other.drafts.want(wanted.id)
    await other.app.go(Place("new", "Account"))
    copy = other.app.screen
    assert copy is two
    assert text(two, "Name") == "One"
    two.type("Name", "One, and more")
    await world.drafts.settle()
    await other.drafts.settle()
    assert sorted(str(d.typed["Name"]) for d in other.drafts.all()) == ["One", "One, and more", "Two"]
    await one.save()
    await two.save()
    assert names(world) == ["One, and more"]
    for tab in (world, other):
        await tab.drafts.settle()
    again = await world.again().start("/", user=None)
    assert [d.typed["Name"] for d in again.drafts.all()] == ["Two"]


async def test_a_draft_that_is_thrown_away_in_one_tab_and_typed_in_another_stays() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 1 1")
    await world.drafts.settle()
    other = world.beside()
    await other.start("/records/Account/001", user=None)
    other.drafts.drop("Account", "001")
    await other.drafts.settle()
    assert (await world.beside().start("/", user=None)).drafts.all() == ()
    form.type("Phone", "+44 1 12")
    await world.drafts.settle()
    assert [d.typed for d in (await world.again().start("/", user=None)).drafts.all()] == [{"Phone": "+44 1 12"}]


@pytest.mark.parametrize("delay", [0.0, 4.0, None], ids=["a quick device", "a slow device", "a silent device"])
async def test_the_same_field_changed_in_two_tabs_always_asks(delay: float | None) -> None:
    world = acme()
    one = World(world.backend, StallingDrawer())
    two = World(world.backend, StallingDrawer(one.device.kept), windows=Beside(one.windows))
    forms = [await editing(one)]
    forms[0].type("Phone", "+44 one")
    await one.drafts.settle()
    forms.append(await editing(two))
    for tab in (one, two):
        cast(StallingDrawer, tab.device).disk.delay = delay
    forms[1].type("Phone", "+44 two")
    await forms[0].save()
    await asyncio.sleep(60)
    await forms[1].save()
    assert forms[1].conflicts == (Conflict("Phone", "+44 two", "+44 one"),)
    assert world.backend.records["001"].fields["Phone"] == "+44 one"


# Languages


async def test_a_draft_is_read_in_the_language_of_now() -> None:
    world = World(languages=("de-DE",))
    world.backend.add("001", Name="Acme", AnnualRevenue=1000.0, Since__c="2026-01-31")
    form = await editing(world)
    form.type("AnnualRevenue", "1.234,56")
    form.type("Since__c", "2.3.2026")
    await world.drafts.settle()
    again = await editing(world.again(("en-US",)))
    assert (text(again, "AnnualRevenue"), text(again, "Since__c")) == ("1,234.56", "3/2/2026")
    await again.save()
    assert [r.fields for r in sent(world)] == [{"AnnualRevenue": 1234.56, "Since__c": "2026-03-02"}]


async def test_half_a_number_stays_as_it_was_typed_and_is_no_other_number_in_another_language() -> None:
    world = World(languages=("de-DE",))
    world.backend.add("001", Name="Acme", AnnualRevenue=1000.0)
    form = await editing(world)
    form.type("AnnualRevenue", "1,234,5")
    await world.drafts.settle()
    again = await editing(world.again(("en-US",)))
    assert text(again, "AnnualRevenue") == "1,234,5"
    await again.save()
    assert (again.errors, sent(world)) == ({"AnnualRevenue": "Please enter a number."}, [])
    again.type("AnnualRevenue", "1,234.5")
    await again.save()
    assert [r.fields for r in sent(world)] == [{"AnnualRevenue": 1234.5}]


async def test_what_is_typed_is_not_rewritten_under_the_fingers() -> None:
    form = await editing(acme())
    for typed in ("1", "12", "12.", "12.5", "12.50"):
        form.type("AnnualRevenue", typed)
        assert text(form, "AnnualRevenue") == typed


async def test_a_draft_of_an_older_app_goes_on() -> None:
    world = acme()
    seen = world.backend.records["001"]
    entered = {"Name": "Acme Ltd", "AnnualRevenue": "1,000", "Since__c": "28.2.2026", "Phone": "+44 1", "Active__c": ""}
    old = {
        "sobject": "Account",
        "recordId": "001",
        "seen": seen.fields,
        "version": seen.version,
        "entered": entered,
        "names": {},
    }
    world.device.kept[f"draft/{SAM.uid}/Account/001"] = json.dumps(old)
    form = await editing(world)
    assert form.draft is not None
    assert (form.draft.typed, form.draft.raw) == ({"Name": "Acme Ltd"}, {"Since__c": "28.2.2026"})
    form.type("Since__c", "2/28/2026")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"Name": "Acme Ltd", "Since__c": "2026-02-28"}]


async def test_a_look_up_finds_and_names_what_was_chosen() -> None:
    world = acme()
    world.backend.add("001P", Name="Holding")
    form = await editing(world)
    look_up = LookUpViewModel(world.app.records, ["Account"])
    await look_up.type("hold")
    assert look_up.records is not None
    (found,) = look_up.records
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
    assert (len(sent(world, "listRecords")), look_up.records) == (1, None)
    del world.backend.holds["listRecords"]
    await look_up.choose_target("Contact")
    held.set()
    await first
    assert (look_up.target, [r.id for r in look_up.records or ()]) == ("Contact", ["003"])


async def test_a_look_up_that_fails_says_so_and_can_be_tried_again() -> None:
    world = acme()
    await world.start("/")
    look_up = LookUpViewModel(world.app.records, ["Account"])
    world.backend.fails["listRecords"] = OrgUnavailable(Reason.ORG_UNREACHABLE)
    await look_up.search()
    assert (look_up.problem is not None, look_up.records) == (True, None)
    await look_up.search()
    assert (look_up.problem, [r.id for r in look_up.records or ()]) == (None, ["001"])


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
    world.backend.objects = replace(
        world.backend.objects, objects=(replace(account, fields=(*account.fields, NEXT_CALL)),)
    )
    at = datetime(2026, 1, 31, 14, 30).astimezone(UTC)
    world.backend.add("001", Name="Acme", Next_Call__c=at.isoformat(timespec="milliseconds"))
    form = await editing(world)
    assert form.draft is not None
    assert text(form, "Next_Call__c") == seen
    form.type("Next_Call__c", "soon")
    await form.save()
    assert set(form.errors) == {"Next_Call__c"}
    form.type("Next_Call__c", typed)
    await form.save()
    (saved,) = sent(world)
    assert set(saved.fields) == {"Next_Call__c"}
    assert datetime.fromisoformat(saved.fields["Next_Call__c"]) == datetime(2026, 2, 1, 9, 5).astimezone()


async def test_a_link_to_a_new_record_says_neither_what_is_read_nor_more_than_what_it_refers_to() -> None:
    """Whoever made it up may have chosen its values."""
    world = World()
    form = await editing(
        world, "/records/Account/new?ParentId=001X&ParentId.name=Your+own+account&Name=Chosen&AnnualRevenue=1.234"
    )
    assert form.draft is not None
    assert form.name_of(next(f for f in form.fields if f.name == "ParentId")) == "001X"
    assert form.draft.seen.get("Name") in (None, "")
    assert not form.draft.seen.get("AnnualRevenue")


async def test_a_save_that_comes_late_pulls_nobody_out_of_another_page() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 7")
    held = world.backend.holds["updateRecord"] = asyncio.Event()
    saving = asyncio.create_task(form.save())
    for _ in range(20):
        await asyncio.sleep(0)
    await world.app.go(Place("home"))
    held.set()
    await saving
    assert world.app.place == Place("home")
    assert world.app.notices.newest is not None


async def test_what_is_typed_when_the_save_has_begun_is_still_there_when_it_fails() -> None:
    world = acme()
    form = await editing(world)
    form.type("Name", "Acme Lt")
    held = world.backend.holds["updateRecord"] = asyncio.Event()
    world.backend.fails["updateRecord"] = OrgUnavailable(Reason.ORG_BUSY)
    saving = asyncio.create_task(form.save())
    await asyncio.sleep(0)
    assert form.saving
    form.type("Name", "Acme Ltd")
    assert text(form, "Name") == "Acme Ltd"
    held.set()
    await saving
    assert (form.saving, text(form, "Name")) == (False, "Acme Ltd")
    world.backend.fails.clear()
    await form.save()
    assert [request.fields["Name"] for request in sent(world)] == ["Acme Lt", "Acme Ltd"]
