"""The profile page."""

from collections.abc import Awaitable, Callable

import flet as ft

from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from ui.profile.view_model import ProfileViewModel
from ui.shared import parts, strings


class ProfileView:
    def __init__(self, records: RecordsRepository, session: SessionRepository, go: Callable[[str], Awaitable[None]]) -> None:
        self.control = ft.Container(expand=True)
        self._go = go
        self._session = session
        self._model = ProfileViewModel(records, session, self._show)
        self._show(update=False)

    async def load(self) -> None:
        await self._model.load()

    def _show(self, *, update: bool = True) -> None:
        model = self._model
        name = self._session.user.name if self._session.user else ""
        title = model.profile.title if model.profile and model.profile.title else ""
        who = ft.Column(
            [parts.avatar(name, 36), ft.Text(name, theme_style=ft.TextThemeStyle.HEADLINE_SMALL), parts.faint(title)],
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        )
        if model.profile is not None:
            body: ft.Control = parts.card(None, *(_line(label, value) for label, value in model.lines))
        elif model.problem is not None:
            body = parts.trouble(model.problem, self.load)
        else:
            body = parts.waiting()
        out = ft.OutlinedButton(strings.SIGN_OUT, icon=ft.Icons.LOGOUT, height=48, disabled=model.leaving, on_click=self._sign_out)
        self.control.content = parts.content(ft.Row([who], alignment=ft.MainAxisAlignment.CENTER), body, out)
        if update:
            self.control.update()

    async def _sign_out(self, _: ft.Event[ft.OutlinedButton]) -> None:
        if await self._model.sign_out():
            await self._go("/sign-in")


def _line(label: str, value: str) -> ft.Control:
    name = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.MergeSemantics(ft.Column([name, ft.Text(value, selectable=False)], spacing=0, tight=True))
