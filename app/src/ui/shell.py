"""The frame around every place: routes, navigation bar on phones, rail on wide screens, who may see what."""

from typing import Protocol

import flet as ft

from contract.errors import CallError
from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from data.services.device import CALLBACK_PATH
from ui.home.view import HomeView
from ui.profile.view import ProfileView
from ui.records.detail_view import AccountView
from ui.records.list_view import AccountsView
from ui.shared import parts, strings, theme
from ui.sign_in.view import SignInView

_PLACES = (
    ("/", strings.HOME, ft.Icons.HOME_OUTLINED, ft.Icons.HOME),
    ("/accounts", strings.ACCOUNTS, ft.Icons.BUSINESS_OUTLINED, ft.Icons.BUSINESS),
    ("/profile", strings.PROFILE, ft.Icons.PERSON_OUTLINE, ft.Icons.PERSON),
)


class Place(Protocol):
    control: ft.Container

    async def load(self) -> None: ...


class Shell:
    def __init__(self, page: ft.Page, session: SessionRepository, records: RecordsRepository) -> None:
        self._page = page
        self._session = session
        self._records = records
        self._accounts: AccountsView | None = None
        self._shown_route: str | None = None
        self._place: Place | None = None
        self._wide = False

    async def start(self) -> None:
        """Restores the session and shows the place that the address names."""
        page = self._page
        theme.apply(page)
        page.title = strings.APP
        page.on_route_change = self._route_changed
        page.on_resize = self._resized
        await self._session.restore()
        if page.route.startswith(CALLBACK_PATH):
            await self._finish_sign_in(page.route)
        else:
            await self._show(page.route)

    async def go(self, route: str) -> None:
        """Moves to another place; the browser's back button comes back."""
        await self._page.push_route(route)

    async def _route_changed(self, event: ft.RouteChangeEvent) -> None:
        if event.route != self._shown_route:
            await self._show(event.route)

    async def _finish_sign_in(self, route: str) -> None:
        self._shown_route = route
        self._frame(ft.Container(parts.waiting(strings.SIGNING_IN), expand=True, alignment=ft.Alignment.CENTER), None)
        try:
            if self._session.user is None:
                await self._session.finish(route)
        except CallError as failed:
            await self._session.forget(failed)
        self._shown_route = None
        await self.go("/" if self._session.user is not None else "/sign-in")

    async def _show(self, route: str) -> None:
        path = route.partition("?")[0].rstrip("/") or "/"
        if path == CALLBACK_PATH:
            path = "/"  # the back button: that sign-in is over
        if self._session.user is None:
            path = "/sign-in"
            self._accounts = None
        elif path == "/sign-in":
            path = "/"
        self._shown_route = route
        self._place = self._make(path)
        self._frame(self._place.control, path)
        await self._place.load()
        if self._session.user is None and path != "/sign-in":
            await self.go("/sign-in")

    def _make(self, path: str) -> Place:
        user = self._session.user
        if user is None:
            return SignInView(self._session)
        if path.startswith("/accounts/"):
            return AccountView(self._records, path.removeprefix("/accounts/"), self._account_saved)
        if path == "/accounts":
            if self._accounts is None:
                self._accounts = AccountsView(self._records, self.go)
            return self._accounts
        if path == "/profile":
            return ProfileView(self._records, self._session, self.go)
        return HomeView(self._records, user.name, self.go)

    async def _account_saved(self) -> None:
        self._accounts = None  # made anew at the next visit, with what was saved

    def _frame(self, control: ft.Control, path: str | None) -> None:
        page = self._page
        self._wide = (page.width or 0) >= parts.WIDE
        signed_in = path is not None and path != "/sign-in"
        index = next((i for i, (place, *_) in reversed(list(enumerate(_PLACES))) if path and path.startswith(place)), 0)
        inner = path is not None and path.startswith("/accounts/")
        if not signed_in:
            page.appbar = page.navigation_bar = None
            page.controls = [ft.SafeArea(control, expand=True)]
        else:
            back = ft.IconButton(ft.Icons.ARROW_BACK, tooltip=strings.BACK, on_click=self._back) if inner else None
            page.appbar = ft.AppBar(leading=back, title=ft.Text(_PLACES[index][1]), center_title=False, automatically_imply_leading=False)
            page.navigation_bar = None if self._wide else self._bar(index)
            body: list[ft.Control] = [self._rail(index), ft.VerticalDivider(width=1)] if self._wide else []
            page.controls = [ft.Row([*body, control], expand=True, spacing=0)]
        page.update()

    def _bar(self, index: int) -> ft.NavigationBar:
        destinations = [ft.NavigationBarDestination(icon=icon, selected_icon=chosen, label=label) for _, label, icon, chosen in _PLACES]
        return ft.NavigationBar(destinations=destinations, selected_index=index, on_change=self._chosen)

    def _rail(self, index: int) -> ft.NavigationRail:
        destinations = [ft.NavigationRailDestination(icon=icon, selected_icon=chosen, label=label) for _, label, icon, chosen in _PLACES]
        return ft.NavigationRail(
            destinations=destinations, selected_index=index, label_type=ft.NavigationRailLabelType.ALL, on_change=self._chosen, min_width=88
        )

    async def _chosen(self, event: ft.Event[ft.NavigationBar] | ft.Event[ft.NavigationRail]) -> None:
        await self.go(_PLACES[event.control.selected_index or 0][0])

    async def _back(self, _: ft.Event[ft.IconButton]) -> None:
        await self.go("/accounts")

    def _resized(self, _: ft.PageResizeEvent) -> None:
        if ((self._page.width or 0) >= parts.WIDE) != self._wide and self._place is not None and self._shown_route is not None:
            path = "/sign-in" if self._session.user is None else self._shown_route.partition("?")[0]
            self._frame(self._place.control, path)
