"""The client's entry point, and the only place where it is wired."""

import asyncio

import flet as ft

from data.repositories.drafts import Drafts
from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from data.repositories.shelf import Shelf
from data.services.app_check import AppCheck
from data.services.backend import Backend
from data.services.device import make_device
from data.services.firebase_auth import FirebaseAuth
from data.services.http import make_http
from data.services.windows import make_windows
from ui.app import App
from ui.frame import Frame, Window
from ui.shared import theme
from ui.shared.words import _, language

SPLASH_SECONDS = 2.0  # the first place is painted once, when its data is there, but no later than this


async def main(page: ft.Page) -> None:
    http, device = make_http(), make_device(page)
    app_check = AppCheck(device)
    app_check.begin()
    backend, shelf, windows = Backend(device.base_url, http, app_check), Shelf(device), make_windows()
    session = SessionRepository(backend, FirebaseAuth(http), device, windows=windows)
    records = RecordsRepository(backend, session, shelf)
    app = App(session, records, shelf, Drafts(device, windows), device, device.languages)
    window = Window(page.width or 0, page.route, page.push_route)

    def dress() -> None:
        """Look and language as the person chose them."""
        page.title = _("Salesforce Sample")
        theme.apply(page, app.settings.theme, language())

    async def route_changed(event: ft.RouteChangeEvent) -> None:
        if window.is_news(event.route):
            await app.show(event.route)

    page.on_route_change = route_changed
    page.on_resize = lambda event: window.resize(event.width)
    app.on_settings = dress
    starting = asyncio.create_task(app.start(page.route))
    await app.first_sight(SPLASH_SECONDS)
    dress()
    page.render_views(Frame, app, window)
    await device.stands()
    await starting


if __name__ == "__main__":
    ft.run(main)
