"""The client's entry point, and the only place where it is wired."""

import asyncio

import flet as ft

import brand
from data.repositories.wiring import make_repositories
from data.services.app_check import AppCheck
from data.services.backend import Backend
from data.services.device import Body, make_device
from data.services.firebase_auth import FirebaseAuth
from data.services.http import make_http
from data.services.windows import make_windows
from ui.app import App
from ui.frame import Frame, Window
from ui.shared import theme
from ui.shared.guard import report, watch
from ui.shared.words import _, language
from ui.table import Table
from ui.window import opened, show

SPLASH_SECONDS = 2.0  # the first place is painted once, when its data is there, but no later than this


async def main(page: ft.Page) -> None:
    """Runs the app in a page, which Flet makes for each window."""
    device = make_device(page)
    show(page, device.languages)
    try:
        await opened(page, device)
        await _start(page, device)
    except Exception as error:
        report(error)
        if not device.cannot_start():
            _offer_again(page)


async def _start(page: ft.Page, device: Body) -> None:
    http = make_http()
    app_check = AppCheck(device)
    app_check.begin()
    data = make_repositories(Backend(device.base_url, http, app_check), FirebaseAuth(http), device, make_windows())
    table = Table()
    app = App(data, table, device, device.languages)

    def entitle(title: str) -> None:
        page.title = title

    window = Window(page.width or 0, page.route, page.push_route, entitle)

    def dress() -> None:
        """Look and language as the person chose them."""
        page.title = window.title or brand.NAME
        theme.apply(page, app.settings.value.theme, language())

    def sight_changed(event: ft.AppLifecycleStateChangeEvent) -> None:
        """Whoever calls somebody leaves the app for the phone's, and comes back."""
        if event.state in (ft.AppLifecycleState.HIDE, ft.AppLifecycleState.INACTIVE, ft.AppLifecycleState.PAUSE):
            app.out_of_sight(hidden=True)
        elif event.state in (ft.AppLifecycleState.SHOW, ft.AppLifecycleState.RESUME):
            app.out_of_sight(hidden=False)

    page.on_app_lifecycle_state_change = sight_changed

    async def route_changed(event: ft.RouteChangeEvent) -> None:
        if window.is_news(event.route):
            await app.show(event.route)

    page.on_route_change = route_changed
    page.on_resize = lambda event: window.resize(event.width)
    app.on_settings = dress
    starting = asyncio.create_task(app.start(page.route))
    starting.add_done_callback(app.started)
    await app.first_sight(SPLASH_SECONDS, has_start_page=device.has_start_page)
    if starting.done():
        await starting
    dress()
    page.render_views(Frame, app, table, window)
    watch(page.session, app.notices.failed)
    await device.painted()
    try:
        await starting
    except Exception as error:  # the app is on the screen: it says so itself
        app.notices.failed(error)


def _offer_again(page: ft.Page) -> None:
    """Shows what went wrong and a button to try again; for a window of its own, where nothing is on the screen before
    the app."""

    async def again() -> None:
        await main(page)

    words = ft.Text(_("The app could not start. Please check your connection, then load it again."))
    column = ft.Column([words, ft.FilledButton(_("Load again"), height=theme.TARGET, on_click=again)], tight=True)
    page.views = [ft.View(controls=[ft.SafeArea(column)], padding=32)]
    page.update()


if __name__ == "__main__":
    ft.run(main, view=ft.AppView.FLET_APP_HIDDEN)
