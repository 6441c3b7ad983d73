"""View models without a screen: what a person types and what becomes of it."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import flet as ft
import pytest

from contract.calls import (
    ConnectionStatus,
    Dashboard,
    FieldShape,
    FirebaseProject,
    ListRecords,
    LoginHost,
    Profile,
    Record,
    RecordDetail,
    RecordPage,
    SignInOptions,
    SobjectShape,
    StageTotal,
    User,
)
from contract.errors import CallError, ChangedMeanwhile, OrgUnavailable, Reason
from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from ui.home.view_model import HomeViewModel
from ui.profile.view_model import ProfileViewModel
from ui.records.detail_view_model import AccountViewModel, as_number, as_text
from ui.records.list_view_model import AccountsViewModel
from ui.shared import strings
from ui.shared import values as shown
from ui.sign_in.view import SignInView
from ui.sign_in.view_model import SignInViewModel, full_my_domain


class Shelf:
    """Accounts in memory, in the repository's own shape; `hold` keeps an answer back."""

    def __init__(self, count: int = 65) -> None:
        self.names = [f"Account {n:03d}" for n in range(count)]
        self.requests: list[ListRecords] = []
        self.hold: Callable[[ListRecords], asyncio.Event | None] = lambda _: None
        self.fails = False
        self.record = Record("001", {"Name": "Acme", "AnnualRevenue": 1000.0, "Industry": None}, "v1")

    async def page(self, request: ListRecords) -> RecordPage:
        self.requests.append(request)
        held = self.hold(request)
        if held is not None:
            await held.wait()
        if self.fails:
            raise OrgUnavailable(Reason.ORG_BUSY)
        found = [n for n in self.names if (request.search or "").lower() in n.lower()]
        start = int(request.cursor or 0)
        end = start + request.limit
        return RecordPage(tuple(Record(n, {"Name": n}) for n in found[start:end]), str(end) if end < len(found) else None)

    async def detail(self, _sobject: str, _record_id: str, _related: tuple[str, ...]) -> RecordDetail:
        return RecordDetail(self.record)

    async def shape(self, _sobject: str) -> SobjectShape:
        fields = (
            FieldShape("Name", "Account Name", "string", True, True, True, 255),
            FieldShape("AnnualRevenue", "Annual Revenue", "currency", False, True, True),
            FieldShape("Industry", "Industry", "picklist", False, True, True, 0, ("Media",)),
            FieldShape("CreatedDate", "Created Date", "datetime", False, False, False),
        )
        return SobjectShape("Account", "Account", "Accounts", fields)

    async def update(self, _sobject: str, record_id: str, fields: dict[str, Any], version: str | None) -> Record:
        if version != self.record.version:
            theirs = {"fields": self.record.fields, "version": self.record.version}
            raise ChangedMeanwhile(Reason.RECORD_CHANGED, details={"theirs": theirs, "yours": {}})
        self.record = Record(record_id, {**self.record.fields, **fields}, "v" + str(int((version or "v0")[1:]) + 1))
        return self.record


def accounts(shelf: Shelf) -> AccountsViewModel:
    return AccountsViewModel(cast(RecordsRepository, shelf), lambda: None)


async def test_scrolling_loads_page_after_page_once() -> None:
    shelf = Shelf()
    model = accounts(shelf)
    await model.load()
    while not model.complete:
        await asyncio.gather(model.more(), model.more(), model.more())
    assert [i.id for i in model.items] == shelf.names
    assert len(shelf.requests) == 3


async def test_typing_asks_once_when_it_rests() -> None:
    shelf = Shelf()
    model = accounts(shelf)
    await model.load()
    await asyncio.gather(*(model.type("account 01"[:n]) for n in range(5, 11)))
    assert [a.search for a in shelf.requests[1:]] == ["account 01"]
    assert [i.id for i in model.items] == [f"Account 01{n}" for n in range(10)]


async def test_a_late_answer_to_an_old_question_is_dropped() -> None:
    shelf = Shelf()
    late = asyncio.Event()
    shelf.hold = lambda request: None if request.search else late
    model = accounts(shelf)
    slow = asyncio.create_task(model.load())
    await asyncio.sleep(0)
    assert len(shelf.requests) == 1
    await model.type("064")
    late.set()
    await slow
    assert [i.id for i in model.items] == ["Account 064"]


async def test_a_failed_page_can_be_asked_for_again() -> None:
    shelf = Shelf()
    model = accounts(shelf)
    shelf.fails = True
    await model.load()
    assert model.problem is not None
    shelf.fails = False
    await model.more()
    assert model.problem is None
    assert len(model.items) == 30


async def editing(shelf: Shelf) -> AccountViewModel:
    model = AccountViewModel(cast(RecordsRepository, shelf), "001", lambda: None)
    await model.load()
    model.begin_edit()
    return model


async def test_only_what_was_changed_is_saved() -> None:
    shelf = Shelf()
    model = await editing(shelf)
    assert [f.name for f in model.form] == ["Name", "AnnualRevenue", "Industry"]
    model.entered["AnnualRevenue"] = "2,500"
    await model.save()
    assert not model.editing
    assert shelf.record.fields == {"Name": "Acme", "AnnualRevenue": 2500.0, "Industry": None}


async def test_wrong_entries_are_told_at_their_field() -> None:
    model = await editing(Shelf())
    model.entered |= {"Name": " ", "AnnualRevenue": "lots"}
    await model.save()
    assert set(model.errors) == {"Name", "AnnualRevenue"}
    assert model.editing


@pytest.mark.parametrize("keep_mine", [True, False])
async def test_a_conflict_shows_both_and_either_can_win(keep_mine: bool) -> None:
    shelf = Shelf()
    model = await editing(shelf)
    model.entered["Name"] = "Mine"
    shelf.record = Record("001", {**shelf.record.fields, "Industry": "Media", "Name": "Theirs"}, "v2")
    await model.save()
    assert [(c.label, c.mine, c.theirs) for c in model.conflicts] == [("Account Name", "Mine", "Theirs"), ("Industry", None, "Media")]
    if keep_mine:
        await model.save(over_theirs=True)
        assert shelf.record.fields["Name"] == "Mine"
        assert shelf.record.fields["Industry"] == "Media"
    else:
        await model.take_theirs()
        assert model.name == "Theirs"
    assert not model.editing


def test_values_read_well() -> None:
    assert [shown.money(n) for n in (0, 950, 320_000, 1_913_000, 2e9)] == ["0", "950", "320K", "1.9M", "2B"]
    assert shown.value("currency", 33_900_000.0) == "33,900,000"
    assert shown.value("percent", 50.0) == "50 %"
    assert shown.value("datetime", "2026-11-02T10:00:00.000+0000") == "2 Nov 2026"
    assert shown.value("boolean", False) == "No"
    assert [shown.initials(n) for n in ("Sam Sales", "acme", "", "(x)")] == ["SS", "A", "?", "?"]
    assert shown.joined("a", None, "", "b") == "a · b"


def test_numbers_as_people_type_them() -> None:
    assert [as_number(t) for t in ("12", "1,200.5", "1 000", "x", "1e99", "")] == [12, 1200.5, 1000, None, None, None]
    assert [as_text(v) for v in (None, 12.0, 1.5, "x", True)] == ["", "12", "1.5", "x", "True"]


def test_a_my_domain_may_be_typed_in_any_way() -> None:
    for typed in ("acme", " ACME ", "https://acme.my.salesforce.com/", "acme.my.salesforce.com"):
        assert full_my_domain(typed, "*.my.salesforce.com") == "acme.my.salesforce.com"
    for wrong in ("", "a b", "acme@evil", "-acme", "acme:8443"):
        assert full_my_domain(wrong, "*.my.salesforce.com") is None, wrong
    # Whatever else is typed stays below Salesforce's own domain.
    assert full_my_domain("evil.example/x", "*.my.salesforce.com") == "evil.example.my.salesforce.com"


async def test_a_wrong_my_domain_keeps_what_was_typed() -> None:
    hosts = (LoginHost("*.my.salesforce.com", "My Domain"),)
    view = SignInView(cast(SessionRepository, SignedOut(SignInOptions("key", "api", hosts, FirebaseProject("", "", "")))))
    await view.load()
    view.model.my_domain = "a b"
    await view.model.sign_in()
    (typed,) = [c for c in controls_of(view.control) if isinstance(c, ft.TextField)]
    assert (typed.value, typed.error) == ("a b", strings.MY_DOMAIN_HINT)


class SignedOut:
    """A session before sign-in; remembers where it was sent."""

    ended = erased = None

    def __init__(self, options: SignInOptions) -> None:
        self._options = options
        self.begun: list[LoginHost] = []

    async def options(self) -> SignInOptions:
        return self._options

    async def begin(self, _options: SignInOptions, host: LoginHost) -> None:
        self.begun.append(host)


def controls_of(control: Any) -> list[Any]:
    """A control and all below it."""
    inner = [getattr(control, name, None) for name in ("content", "controls")]
    below = [c for i in inner if i is not None for c in (i if isinstance(i, list) else [i])]
    return [control, *(d for c in below for d in controls_of(c))]


async def test_a_my_domain_is_where_the_sign_in_goes() -> None:
    session = SignedOut(SignInOptions("key", "api", (LoginHost("*.my.salesforce.com", "My Domain"),), FirebaseProject("", "", "")))
    model = SignInViewModel(cast(SessionRepository, session), lambda: None)
    await model.load()
    assert model.asks_my_domain
    model.my_domain = "acme"
    await model.sign_in()
    assert session.begun == [LoginHost("acme.my.salesforce.com", "acme.my.salesforce.com")]
    assert model.leaving


class Profiles:
    """Profile and connection by the test's word."""

    def __init__(self) -> None:
        self.fails: CallError | None = None
        self.staying = False
        self.left: list[bool] = []

    async def profile(self) -> Profile:
        if self.fails is not None:
            raise self.fails
        return Profile(User("u", "Sam", "s@x", "s@y", "00D", "005"), title="AE", time_zone="Europe/Berlin")

    async def connection(self) -> ConnectionStatus:
        return ConnectionStatus("fresh", 1, "2026-11-24T08:00:00+00:00", "2026-11-24T08:00:00+00:00", "h", 2, self.staying)

    async def stay_signed_in(self, wanted: bool) -> ConnectionStatus:
        self.staying = wanted
        return await self.connection()

    async def sign_out(self, *, everywhere: bool = False) -> None:
        if self.fails is not None:
            raise self.fails
        self.left.append(everywhere)


async def test_the_profile_shows_what_is_known_and_how_to_stay_or_leave() -> None:
    profiles = Profiles()
    model = ProfileViewModel(cast(RecordsRepository, profiles), cast(SessionRepository, profiles), lambda: None)
    await model.load()
    assert model.lines == [("Email", "s@x"), ("Username", "s@y"), ("Time zone", "Europe/Berlin")]
    await model.stay_signed_in(True)
    assert model.connection is not None
    assert model.connection.stay_signed_in
    assert await model.sign_out(everywhere=True)
    assert profiles.left == [True]
    profiles.fails = OrgUnavailable(Reason.ORG_UNREACHABLE)
    assert not await model.sign_out()
    assert not model.leaving
    assert model.problem is profiles.fails


async def test_home_keeps_its_bars_relative_to_the_largest_and_survives_a_failure() -> None:
    class Dashboards:
        fails = False

        async def dashboard(self) -> Dashboard:
            if self.fails:
                raise OrgUnavailable(Reason.ORG_BUSY)
            return Dashboard((StageTotal("New", 1, 50.0), StageTotal("Won", 2, 100.0)), ())

    records = Dashboards()
    model = HomeViewModel(cast(RecordsRepository, records), lambda: None)
    await model.load()
    assert [(b.stage, b.share) for b in model.bars] == [("New", 0.5), ("Won", 1.0)]
    assert model.total == 150.0
    records.fails = True
    await model.load()
    assert model.problem is not None
    assert model.total == 150.0
