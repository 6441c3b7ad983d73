"""The profile page."""

from collections.abc import Awaitable, Callable

import flet as ft

from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from ui.profile.view_model import ProfileViewModel
from ui.shared import parts, strings
from ui.shared.values import value


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
        if model.problem is not None:
            body: list[ft.Control] = [parts.trouble(model.problem, self.load)]
        elif model.profile is None:
            body = [parts.waiting()]
        else:
            body = [parts.card(None, *(_line(label, value) for label, value in model.lines)), *self._staying()]
        self.control.content = parts.content(ft.Row([who], alignment=ft.MainAxisAlignment.CENTER), *body, *self._leaving())
        if update:
            parts.repaint(self.control)

    def _staying(self) -> list[ft.Control]:
        connection = self._model.connection
        if connection is None:
            return []
        switch = ft.Switch(label=strings.STAY_SIGNED_IN, value=connection.stay_signed_in, on_change=self._stay, expand=True)
        since = strings.devices(connection.devices, value("date", connection.signed_in_at))
        return [parts.card(strings.STAYING, ft.Row([switch]), parts.faint(strings.STAY_SIGNED_IN_HINT), parts.faint(since))]

    def _leaving(self) -> list[ft.Control]:
        model = self._model
        if model.asks_to_erase:
            yes = ft.FilledButton(
                strings.ERASE_YES, height=48, bgcolor=ft.Colors.ERROR, color=ft.Colors.ON_ERROR, disabled=model.leaving, on_click=self._erase
            )
            no = ft.TextButton(strings.CANCEL, height=48, disabled=model.leaving, on_click=self._keep)
            return [parts.card(strings.ERASE_TITLE, ft.Text(strings.ERASE_TEXT), ft.Row([yes, no]))]
        buttons: list[ft.Control] = [
            ft.OutlinedButton(strings.SIGN_OUT, icon=ft.Icons.LOGOUT, height=48, disabled=model.leaving, on_click=self._sign_out)
        ]
        if model.connection is not None and model.connection.devices > 1:
            everywhere = self._sign_out_everywhere
            buttons.append(
                ft.OutlinedButton(strings.SIGN_OUT_EVERYWHERE, icon=ft.Icons.DEVICES, height=48, disabled=model.leaving, on_click=everywhere)
            )
        erase = ft.TextButton(strings.ERASE, icon=ft.Icons.DELETE_OUTLINE, height=48, disabled=model.leaving, on_click=self._ask_to_erase)
        return [*buttons, erase]

    async def _stay(self, event: ft.Event[ft.Switch]) -> None:
        await self._model.stay_signed_in(bool(event.control.value))

    async def _sign_out(self, _: ft.Event[ft.OutlinedButton]) -> None:
        if await self._model.sign_out():
            await self._go("/sign-in")

    async def _sign_out_everywhere(self, _: ft.Event[ft.OutlinedButton]) -> None:
        if await self._model.sign_out(everywhere=True):
            await self._go("/sign-in")

    async def _erase(self, _: ft.Event[ft.Button]) -> None:
        if await self._model.erase():
            await self._go("/sign-in")

    def _ask_to_erase(self, _: ft.Event[ft.TextButton]) -> None:
        self._model.ask_to_erase(True)

    def _keep(self, _: ft.Event[ft.TextButton]) -> None:
        self._model.ask_to_erase(False)


def _line(label: str, value: str) -> ft.Control:
    name = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.MergeSemantics(ft.Column([name, ft.Text(value, selectable=False)], spacing=0, tight=True))
