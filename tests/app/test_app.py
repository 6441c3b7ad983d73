"""The app as a whole, without a screen: which place an address shows, who may see it, what is left when one leaves."""

import asyncio
import re
from dataclasses import replace

import pytest

from contract.calls import FieldShape, Section
from contract.errors import ConnectionLost, Misconfigured, OrgUnavailable, Reason, SignInFailed
from devtools.paths import ROOT
from tests.app.world import ADA, SAM, MemoryBackend, World
from tests.device import Drawer
from ui.app import App
from ui.frame import Window, chosen, destinations
from ui.home.view_model import HomeViewModel
from ui.places import Given, Place
from ui.records.form_view_model import FormViewModel
from ui.records.list_view_model import ListViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared import theme
from ui.sign_in.view_model import SignInViewModel
from ui.table import Table

TABLE = Table()
PLACES = [
    Place("home"), Place("more"), Place("search"), Place("profile"), Place("access"), Place("settings"),
    Place("sign-in"),
    Place("list", "Invoice__c"), Place("record", "Account", "001"), Place("edit", "Account", "001"), Place("new",
        "Contact"),
    Place("new", "Contact", given=(Given("AccountId", "001"), Given("WhatId", "006"))),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=TABLE.address)
def test_an_address_leads_back_to_its_place(place: Place) -> None:
    assert TABLE.place(TABLE.address(place)) == place


@pytest.mark.parametrize(("route", "name"), [
    ("/", "home"), ("/nowhere", "home"), ("/profile?x=1", "profile"), ("/profile/", "profile"),
    ("/oauth/callback?code=c", "callback"),
    ("/records/Account/001/other", "home"),
])  # fmt: skip
def test_addresses_that_people_and_salesforce_bring(route: str, name: str) -> None:
    assert TABLE.place(route).name == name


@pytest.mark.parametrize("route", ["/", "/records/Account", "/profile", "/records/Account/001", "/access"])
async def test_nobody_sees_a_place_without_signing_in_and_everybody_gets_there_afterwards(route: str) -> None:
    world = World()
    app = await world.start(route, user=None)
    assert isinstance(app.screen, SignInViewModel)
    assert app.screen.options is not None
    await app.screen.sign_in()
    assert world.device.pending()["route"] == route


async def test_a_parent_is_what_its_id_begins_with() -> None:
    """A task may be about an account, a case or a deal: its reference does not say which."""
    app = await World().start("/")
    found = app.catalogue.shape_of_id("001P")
    assert found is not None
    assert found.sobject == "Account"
    assert [app.catalogue.shape_of_id(unknown) for unknown in ("", "00Q5", "0")] == [None] * 3


@pytest.mark.parametrize(("route", "kind"), [
    ("/", HomeViewModel), ("/records/Account", ListViewModel), ("/records/Account/001", RecordViewModel),
    ("/records/Account/new", FormViewModel),
    ("/sign-in", HomeViewModel), ("/oauth/callback?code=old", HomeViewModel),
])  # fmt: skip
async def test_a_signed_in_person_sees_it(route: str, kind: type) -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start(route)
    assert isinstance(app.screen, kind)


async def test_an_object_that_the_person_may_not_see_shows_nothing() -> None:
    world = World()
    app = await world.start("/records/Secret__c")
    assert app.screen is None
    assert [call for call, _ in world.backend.asked] == ["getObjects"]


async def test_a_place_is_found_as_it_was_left() -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start("/records/Account")
    assert isinstance(app.screen, ListViewModel)
    app.screen.offset = 700.0
    await app.go(Place("record", "Account", "001"))
    await app.go(Place("list", "Account"))
    assert isinstance(app.screen, ListViewModel)
    assert app.screen.offset == 700.0


async def test_a_session_that_ended_keeps_the_reason_and_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start("/records/Account/001/edit")
    assert isinstance(app.screen, FormViewModel)
    app.screen.type("Phone", "+44 1")
    world.backend.fails["updateRecord"] = ConnectionLost(Reason.REFRESH_LOST)
    await app.screen.save()
    await app.settle()
    assert world.route == "/sign-in"

    again = world.again()
    app = await again.start("/sign-in", user=None)
    assert isinstance(app.screen, SignInViewModel)
    ended = app.screen.ended
    assert ended is not None
    assert (ended.error.reason, ended.user, ended.route, ended.by_one_tap) == (
        Reason.REFRESH_LOST,
        SAM,
        "/records/Account/001/edit",
        True,
    )
    await app.screen.go_on()
    assert "login_hint=sam%40x.example" in again.device.opened
    assert again.device.opened.startswith("https://login.salesforce.com/")
    await again.sign_in()
    await app.show("/records/Account/001/edit")
    await again.drafts.open(SAM.uid)
    kept = again.drafts.get("Account", "001")
    assert kept is not None
    assert kept.typed["Phone"] == "+44 1"


@pytest.mark.parametrize("reason", [Reason.ACCESS_REVOKED, Reason.ACCESS_STOPPED, Reason.USER_INACTIVE])
async def test_where_salesforce_asks_more_there_is_no_short_way_back(reason: Reason) -> None:
    world = World()
    await world.start("/profile")
    await world.session.forget(ConnectionLost(reason))
    assert world.session.ended is not None
    assert not world.session.ended.by_one_tap


async def test_what_was_shown_goes_with_the_sign_out_and_what_was_typed_stays_for_its_owner() -> None:
    world = World()
    world.backend.add("001", Name="Acme Secret")
    app = await world.start("/records/Account/001")
    await app.go(Place("edit", "Account", "001"))
    assert isinstance(app.screen, FormViewModel)
    app.screen.type("Phone", "+44 2")
    await world.drafts.settle()
    assert "Acme Secret" in str(world.device.kept)
    await app.handover.sign_out()
    assert [k for k in world.device.kept if k.startswith("seen/")] == []
    assert world.route == "/sign-in"
    other = world.again()
    await other.start("/", user=ADA)
    assert other.drafts.all() == ()
    sam = world.again()
    await sam.start("/", user=SAM)
    assert [d.typed["Phone"] for d in sam.drafts.all()] == ["+44 2"]


async def test_an_erasure_leaves_nothing_on_the_device() -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start("/records/Account/001/edit")
    assert isinstance(app.screen, FormViewModel)
    app.screen.type("Phone", "+44 2")
    await world.drafts.settle()
    await app.handover.erase()
    await app.settle()
    assert world.device.kept == {}


async def test_two_people_on_one_device_switch_without_signing_out() -> None:
    backend, device = MemoryBackend(), Drawer()
    world = World(backend, device)
    await world.sign_in(ADA)
    await world.sign_in(SAM)
    app = await world.start("/", user=None)
    assert world.session.user == SAM
    assert world.session.others == (ADA,)
    await app.handover.switch(ADA.uid)
    assert (world.session.user, world.session.others) == (ADA, (SAM,))
    again = World(backend, device)
    await again.start("/", user=None)
    assert (again.session.user, again.session.others) == (ADA, (SAM,))


async def test_an_answer_for_the_user_before_is_dropped() -> None:
    world = World()
    app = await world.start("/profile")
    held = world.backend.holds["getDashboard"] = asyncio.Event()
    coming = asyncio.create_task(app.show("/"))
    await asyncio.sleep(0)
    await world.sign_in(ADA)
    held.set()
    await coming
    assert await world.shelf.get("dashboard", object) is None


async def test_a_sign_in_that_failed_says_why() -> None:
    world = World()
    app = await world.start("/oauth/callback?error=access_denied", user=None)
    assert world.route == "/sign-in"
    assert world.session.failed is not None
    assert world.session.failed.reason is Reason.VERIFIER_REJECTED  # nothing was begun here
    assert isinstance(app.screen, SignInViewModel)


async def test_coming_back_from_salesforce_signs_in_once() -> None:
    world = World()
    app = await world.start("/records/Account", user=None)
    assert isinstance(app.screen, SignInViewModel)
    await app.screen.sign_in()
    state = world.device.pending()["state"]
    await app.show(f"/oauth/callback?code=c&state={state}")
    await app.settle()
    assert (world.route, world.session.user) == ("/records/Account", SAM)
    await app.show(f"/oauth/callback?code=c&state={state}")  # the back button
    assert [call for call, _ in world.backend.asked].count("signIn") == 1


async def deleting(world: World, *records: str) -> App:
    """Three accounts, of which these are deleted one after the other."""
    for n in range(3):
        world.backend.add(f"001{n}", Name=f"Acme {n}")
    app = await world.start("/records/Account")
    for record_id in records:
        await app.delete("Account", record_id, str(world.backend.records[record_id].fields["Name"]))
    return app


def rows(app: App) -> list[str]:
    assert isinstance(app.screen, ListViewModel)
    return [r.id for r in app.screen.items]


async def test_a_delete_can_be_taken_back_for_ten_seconds() -> None:
    world = World()
    app = await deleting(world, "0010")
    assert rows(app) == ["0011", "0012"]
    await world.pass_time(9.9)
    assert app.notices.newest is not None
    assert app.notices.newest.run is not None
    await app.notices.newest.run()
    await world.pass_time(60)
    assert "0010" in world.backend.records
    assert app.notices.newest is None
    await app.go(Place("list", "Account"))
    assert rows(app) == ["0010", "0011", "0012"]


async def test_after_ten_seconds_a_record_is_gone_and_with_it_the_way_back() -> None:
    world = World()
    app = await deleting(world, "0010")
    assert app.notices.newest is not None
    undo = app.notices.newest.run
    assert undo is not None
    await world.pass_time(10)
    assert "0010" not in world.backend.records
    assert app.notices.newest is None
    assert rows(app) == ["0011", "0012"]
    await undo()  # a finger that was a moment too late
    assert world.route == "/records/Account"


async def test_another_notice_leaves_the_way_back_where_it_is() -> None:
    world = World()
    app = await deleting(world, "0010", "0011")
    await app.copy("x")
    await app.copy("y")
    assert [n.text for n in app.notices.all] == ["Acme 0 is deleted.", "Acme 1 is deleted.", "Copied."]
    await world.pass_time(5)
    assert [n.text for n in app.notices.all] == ["Acme 0 is deleted.", "Acme 1 is deleted."]
    undo = app.notices.all[0].run
    assert undo is not None
    await undo()
    assert [n.text for n in app.notices.all] == ["Acme 1 is deleted."]
    await world.pass_time(5)
    assert (app.notices.all, sorted(world.backend.records)) == ((), ["0010", "0012"])


async def test_a_delete_that_is_on_its_way_is_not_sent_twice_when_the_person_signs_out() -> None:
    world = World()
    app = await deleting(world, "0010")
    held = world.backend.holds["deleteRecord"] = asyncio.Event()
    await world.pass_time(10)
    leaving = asyncio.create_task(app.handover.sign_out())
    await asyncio.sleep(0)
    held.set()
    await leaving
    assert [call for call, _ in world.backend.asked].count("deleteRecord") == 1


async def test_a_delete_that_waits_is_done_when_the_person_signs_out() -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start("/records/Account")
    await app.delete("Account", "001", "Acme")
    assert "001" in world.backend.records
    await app.handover.sign_out()
    assert "001" not in world.backend.records


async def test_a_delete_that_is_refused_says_so_and_the_record_is_back() -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start("/records/Account")
    world.backend.fails["deleteRecord"] = OrgUnavailable(Reason.ORG_BUSY)
    await app.delete("Account", "001", "Acme")
    await world.pass_time(10)
    assert app.notices.newest is not None
    assert "Acme was not deleted: Salesforce is busy" in app.notices.newest.text
    assert isinstance(app.screen, ListViewModel)
    assert [r.id for r in app.screen.items] == ["001"]


async def test_offline_and_slow_are_told() -> None:
    world = World()
    app = await world.start("/")
    world.backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await app.again()
    assert world.data.network.offline
    assert isinstance(app.screen, HomeViewModel)
    assert app.screen.dashboard.value is not None
    world.backend.offline = OrgUnavailable(Reason.ORG_BUSY)  # Salesforce's trouble is not the device's
    await app.again()
    assert not world.data.network.offline


async def test_a_device_that_keeps_nothing_lets_people_work() -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    world.device.refuses = True
    app = await world.start("/records/Account/001/edit")
    assert isinstance(app.screen, FormViewModel)
    app.screen.type("Phone", "+44 3")
    await world.drafts.settle()
    assert world.drafts.refused
    await app.screen.save()
    assert world.backend.records["001"].fields["Phone"] == "+44 3"


async def test_an_old_tab_with_a_new_backend_says_so() -> None:
    world = World()
    world.backend.fails["getObjects"] = Misconfigured(
        Reason.INTERNAL, "This app is too old for its service. Please load it again."
    )
    app = await world.start("/records/Account")
    assert app.catalogue.problem is not None
    await app.again()
    await app.settle()
    assert isinstance(app.screen, ListViewModel)


def a_window(width: float = 390, pushed: list[str] | None = None) -> Window:
    async def push(address: str) -> None:
        (pushed if pushed is not None else []).append(address)

    return Window(width, "/", push)


async def test_the_address_follows_what_is_shown_and_leads_back() -> None:
    pushed: list[str] = []
    window = a_window(pushed=pushed)
    for address in ("/", "/records/Account", "/records/Account", "/profile"):
        await window.lead_to(address)
    assert pushed == ["/records/Account", "/profile"]
    assert not window.is_news("/profile")  # the two moves came as one
    assert window.is_news("/records/Account")  # the person went back
    await window.lead_to("/records/Account")
    assert pushed == ["/records/Account", "/profile"]
    await window.lead_to("/profile")
    assert not window.is_news("/profile")
    assert window.is_news("/records/Account")


@pytest.mark.parametrize(
    ("width", "rail", "panes"),
    [(390, False, False), (599, False, False), (600, True, False), (1199, True, False), (1200, True, True)],
)
def test_the_window_decides_between_bar_rail_and_two_panes(width: float, rail: bool, panes: bool) -> None:
    assert (a_window(width).has_rail, a_window(width).has_two_panes) == (rail, panes)
    assert theme.TWO_PANES > theme.RAIL


async def test_a_resize_is_told_only_when_the_layout_changes() -> None:
    told: list[float] = []
    window = a_window(390)
    window.listen(lambda: told.append(window.width))
    for width in (391, 500, 700, 719, 800, 900, 1280, 390):
        window.resize(width)
    assert told == [700, 800, 1280, 390]


async def test_the_navigation_shows_where_one_is() -> None:
    world = World()
    app = await world.start("/")
    bar, rail = destinations(app, TABLE, rail=False), destinations(app, TABLE, rail=True)
    assert [d.words for d in bar] == ["Home", "Accounts", "Contacts", "More"]
    assert chosen(bar, Place("record", "Contact", "003")) == 2
    assert chosen(bar, Place("record", "Lead", "00Q")) == 3
    assert chosen(bar, Place("settings")) == 3
    assert chosen(rail, Place("search")) is None
    assert chosen(rail, Place("access")) == len(rail) - 1


async def test_a_sign_in_page_without_network_offers_to_try_again() -> None:
    world = World()
    world.backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE)
    app = await world.start("/", user=None)
    assert isinstance(app.screen, SignInViewModel)
    assert app.screen.problem is not None
    world.backend.offline = None
    await app.screen.load()
    assert app.screen.problem is None
    assert app.screen.chosen is not None
    app.screen.choose("*.my.salesforce.com")
    assert app.screen.asks_my_domain
    await app.screen.sign_in()
    assert app.screen.my_domain_wrong
    app.screen.my_domain = "https://acme.my.salesforce.com/"
    await app.screen.sign_in()
    assert world.device.opened.startswith("https://acme.my.salesforce.com/services/oauth2/authorize?")


async def test_a_browser_that_keeps_nothing_cannot_sign_in_and_is_told() -> None:
    world = World()
    app = await world.start("/", user=None)
    assert isinstance(app.screen, SignInViewModel)
    world.device.refuses = True
    await app.screen.sign_in()
    assert app.screen.refused
    assert world.device.opened == ""


async def test_where_the_device_brings_the_way_back_itself_it_is_finished_at_once() -> None:
    world = World()
    app = await world.start("/", user=None)
    assert isinstance(app.screen, SignInViewModel)
    world.device.brings_back = "/oauth/callback?error=access_denied&state=other"
    await app.screen.sign_in()
    assert isinstance(world.session.failed, SignInFailed)


async def test_the_picture_of_a_home_page_is_its_users_and_goes_with_them() -> None:
    world = World()
    app = await world.start()
    assert world.device.picture == SAM.uid
    await app.handover.sign_out()
    await app.settle()
    assert world.device.picture == ""


async def test_no_picture_is_kept_of_what_is_not_true() -> None:
    world = World()
    world.backend.fails["getDashboard"] = OrgUnavailable(Reason.ORG_BUSY)
    await world.start()
    assert world.device.picture == ""


async def test_the_list_beside_a_record_that_an_address_names_is_filled() -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start("/records/Account/001")
    beside = app.list_of("Account")
    assert beside is not None
    await app.settle()
    assert beside.items
    asked = len(world.backend.asked)
    app.list_of("Account")  # it is asked for at every painting
    await app.settle()
    assert len(world.backend.asked) == asked


async def test_another_shape_of_an_object_is_on_the_page_that_is_shown() -> None:
    """An administrator, or whoever edits the layout, has given it a field; the device remembers the shape of before."""
    world = World()
    world.backend.add("001", Name="Acme", Fax="+44 1")
    await world.start("/records/Account/001")
    fax = FieldShape("Fax", "Fax", "string", False, True, True, 40)
    account, *others = world.backend.objects.objects
    grown = replace(
        account,
        fields=(*account.fields, fax),
        sections=(Section("", (*account.sections[0].fields, "Fax")), *account.sections[1:]),
    )
    world.backend.objects = replace(world.backend.objects, objects=(grown, *others))
    app = await world.again().start("/records/Account/001", user=None)
    assert isinstance(app.screen, RecordViewModel)
    assert "Fax" in [line.label for group in app.screen.groups for line in group.lines]
    world.backend.objects = replace(world.backend.objects, objects=tuple(others))
    await app.again()
    await app.settle()
    assert app.screen is None, "it may not be seen any more"


def test_every_place_that_the_app_names_is_in_the_table() -> None:
    named = {
        name
        for path in (ROOT / "app/src").rglob("*.py")
        for name in re.findall(r'\bPlace\("([^"]+)"', path.read_text())
    }
    assert named == {name for name in named if TABLE.entry(Place(name))}
    assert {"home", "record", "access"} <= named


def test_a_place_without_an_address_of_its_own_leads_home() -> None:
    assert TABLE.place("/records//001") == Place("home")
    assert TABLE.address(Place("record", "A/b", "0 1")) == "/records/A%2Fb/0%201"
    assert TABLE.place("/records/A%2Fb/0%201") == Place("record", "A/b", "0 1")
