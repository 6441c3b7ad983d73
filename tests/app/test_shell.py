"""The frame around every place, without a screen: which place an address shows, who may see it, what the bar says."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import flet as ft
import pytest

from contract.calls import Dashboard, FirebaseProject, LoginHost, Profile, RecordPage, SignInOptions, User
from contract.errors import CallError, ConnectionLost, Reason, SignInFailed
from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from ui.home.view import HomeView
from ui.shared import parts, strings
from ui.shell import Shell

SAM = User("00D_005", "Sam Sales", "s@x", "s@x", "00D", "005")


@dataclass
class Page:
    """What the shell uses of Flet's page."""

    route: str = "/"
    width: float = 390
    title: str = ""
    controls: list[ft.Control] = field(default_factory=list)
    appbar: Any = None
    navigation_bar: Any = None
    theme: Any = None
    dark_theme: Any = None
    theme_mode: Any = None
    padding: Any = None
    on_route_change: Any = None
    on_resize: Any = None
    updates: int = 0

    def update(self) -> None:
        self.updates += 1

    async def push_route(self, route: str) -> None:
        self.route = route
        await self.on_route_change(ft.RouteChangeEvent(name="route_change", control=cast(Any, None), route=route))


class Session:
    """Who is signed in, by the test's word."""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.ended: CallError | None = None
        self.erased = None
        self.fails: CallError | None = None
        self.finished: list[str] = []

    async def restore(self) -> None: ...

    async def options(self) -> SignInOptions:
        return SignInOptions("key", "api", (LoginHost("login.salesforce.com", "Production"),), FirebaseProject("", "", ""))

    async def finish(self, url: str) -> None:
        self.finished.append(url)
        if self.fails is not None:
            raise self.fails
        self.user = SAM

    async def forget(self, reason: CallError | None = None) -> None:
        self.user, self.ended = None, reason


class Records:
    """Answers at once, or when `held` is let go."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.held: asyncio.Event | None = None
        self.lost: ConnectionLost | None = None

    async def _answer(self) -> None:
        if self.held is not None:
            await self.held.wait()
        if self.lost is not None:
            await self.session.forget(self.lost)
            raise self.lost

    async def dashboard(self) -> Dashboard:
        await self._answer()
        return Dashboard((), ())

    async def page(self, _request: object) -> RecordPage:
        await self._answer()
        return RecordPage(())

    async def profile(self) -> Profile:
        await self._answer()
        return Profile(SAM)

    async def connection(self) -> None:
        return None


class App:
    def __init__(self, user: User | None = SAM, **page: Any) -> None:
        self.page, self.session = Page(**page), Session(user)
        self.records = Records(self.session)
        self.shell = Shell(cast(Any, self.page), cast(SessionRepository, self.session), cast(RecordsRepository, self.records))

    @property
    def title(self) -> str | None:
        return None if self.page.appbar is None else self.page.appbar.title.value

    def words(self) -> str:
        return " ".join(_words(self.page.controls))


def _words(controls: Any) -> list[str]:
    found: list[str] = []
    for control in controls if isinstance(controls, list) else [controls]:
        for name in ("value", "label", "content", "controls", "title", "subtitle"):
            inner = getattr(control, name, None)
            if isinstance(inner, str):
                found.append(inner)
            elif inner is not None and not isinstance(inner, bool | int | float):
                found += _words(inner)
    return found


@pytest.mark.parametrize(("route", "title"), [
    ("/", strings.HOME),
    ("/accounts", strings.ACCOUNTS),
    ("/profile", strings.PROFILE),
    ("/profile?x=1", strings.PROFILE),
    ("/nowhere", strings.HOME),
    ("/sign-in", strings.HOME),
    ("/accounts/", strings.ACCOUNTS),
])  # fmt: skip
async def test_an_address_shows_its_place(route: str, title: str) -> None:
    app = App(route=route)
    await app.shell.start()
    assert app.title == title


@pytest.mark.parametrize("route", ["/", "/accounts", "/profile", "/accounts/001"])
async def test_nobody_sees_a_place_without_signing_in(route: str) -> None:
    app = App(None, route=route)
    await app.shell.start()
    assert app.title is None
    assert app.page.navigation_bar is None
    assert strings.SIGN_IN_PROMISE in app.words()


@pytest.mark.parametrize(("width", "bar"), [(390, True), (parts.WIDE - 1, True), (parts.WIDE, False), (1280, False)])
async def test_phones_get_a_bar_and_wide_screens_a_rail(width: float, bar: bool) -> None:
    app = App(width=width)
    await app.shell.start()
    assert (app.page.navigation_bar is not None) is bar
    assert any(isinstance(c, ft.NavigationRail) for c in cast(ft.Row, app.page.controls[0]).controls) is not bar


async def test_a_resize_moves_the_navigation_and_keeps_the_place() -> None:
    app = App(route="/profile")
    await app.shell.start()
    app.page.width = 1280
    app.page.on_resize(None)
    assert app.page.navigation_bar is None
    assert app.title == strings.PROFILE


async def test_coming_back_from_salesforce_signs_in_once_and_leads_home() -> None:
    app = App(None, route="/oauth/callback?code=c&state=s")
    await app.shell.start()
    assert app.session.finished == ["/oauth/callback?code=c&state=s"]
    assert (app.page.route, app.title) == ("/", strings.HOME)
    await app.page.push_route("/oauth/callback?code=c&state=s")  # the back button
    assert len(app.session.finished) == 1
    assert app.title == strings.HOME


async def test_a_sign_in_that_failed_says_why() -> None:
    app = App(None, route="/oauth/callback?error=access_denied")
    app.session.fails = SignInFailed(Reason.SIGN_IN_DENIED)
    await app.shell.start()
    assert app.page.route == "/sign-in"
    assert app.session.fails.message in app.words()


async def test_a_connection_that_ended_leads_to_sign_in_with_the_reason() -> None:
    app = App()
    app.records.lost = ConnectionLost(Reason.ACCESS_REVOKED)
    await app.shell.start()
    assert app.page.route == "/sign-in"
    assert app.records.lost.message in app.words()


async def test_a_place_that_is_left_while_it_loads_does_not_raise_when_its_answer_comes() -> None:
    app = App()
    app.records.held = asyncio.Event()
    leaving = asyncio.create_task(app.shell.start())
    await asyncio.sleep(0)
    app.records.held, held = None, app.records.held
    await app.page.push_route("/profile")
    held.set()
    await leaving
    assert app.title == strings.PROFILE


async def test_a_view_off_the_page_takes_its_answer_quietly() -> None:
    app = App()
    view = HomeView(cast(RecordsRepository, app.records), "Sam Sales", app.shell.go)
    await view.load()
    assert strings.PIPELINE_EMPTY in " ".join(_words(view.control))
