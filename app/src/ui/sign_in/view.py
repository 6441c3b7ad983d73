"""The sign-in page."""

import flet as ft

from data.repositories.session import SessionRepository
from ui.shared import parts, strings
from ui.sign_in.view_model import SignInViewModel


class SignInView:
    def __init__(self, session: SessionRepository) -> None:
        self.control = ft.Container(expand=True, alignment=ft.Alignment.CENTER, padding=16)
        self.model = SignInViewModel(session, self._show)
        self._show(update=False)

    async def load(self) -> None:
        await self.model.load()

    def _show(self, *, update: bool = True) -> None:
        model = self.model
        logo = ft.Container(
            ft.Icon(ft.Icons.CLOUD_DONE, size=40, color=ft.Colors.ON_PRIMARY), bgcolor=ft.Colors.PRIMARY, border_radius=24, padding=20
        )
        controls: list[ft.Control] = [
            ft.Row([logo], alignment=ft.MainAxisAlignment.CENTER),
            ft.Text(strings.APP, theme_style=ft.TextThemeStyle.HEADLINE_MEDIUM, text_align=ft.TextAlign.CENTER),
            ft.Text(strings.TAGLINE, text_align=ft.TextAlign.CENTER, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.Container(height=8),
        ]
        if model.problem is not None:
            note = ft.Semantics(content=ft.Text(model.problem.message, color=ft.Colors.ON_ERROR_CONTAINER), live_region=True)
            controls.append(ft.Container(note, bgcolor=ft.Colors.ERROR_CONTAINER, border_radius=12, padding=12))
        if model.erased is not None:
            done = strings.erased(model.erased.receipt, model.erased.revoked_at_salesforce)
            note = ft.Semantics(content=ft.Text(done, color=ft.Colors.ON_SECONDARY_CONTAINER), live_region=True)
            controls.append(ft.Container(note, bgcolor=ft.Colors.SECONDARY_CONTAINER, border_radius=12, padding=12))
        if model.options is not None:
            controls += self._choices()
        elif model.problem is not None:
            controls.append(ft.FilledTonalButton(strings.TRY_AGAIN, icon=ft.Icons.REFRESH, on_click=self._again))
        else:
            controls.append(parts.waiting())
        column = ft.Column(controls, tight=True, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        self.control.content = ft.Container(column, width=400)
        if update:
            parts.repaint(self.control)

    def _choices(self) -> list[ft.Control]:
        model = self.model
        assert model.options is not None
        assert model.chosen is not None
        controls: list[ft.Control] = []
        hosts = list(model.options.login_hosts)
        if len(hosts) > 1:
            options = [ft.DropdownOption(key=h.host, text=h.label) for h in hosts]
            dropdown = ft.Dropdown(label=strings.SIGN_IN_AT, value=model.chosen.host, options=options, on_select=self._choose)
            controls.append(parts.choice(dropdown))
        else:
            controls.append(ft.Text(f"{strings.SIGN_IN_AT} {hosts[0].label}", text_align=ft.TextAlign.CENTER, color=ft.Colors.ON_SURFACE_VARIANT))
        if model.asks_my_domain:
            wrong = strings.MY_DOMAIN_HINT if model.my_domain_wrong else None
            controls.append(
                ft.TextField(
                    label=strings.MY_DOMAIN,
                    hint_text=strings.MY_DOMAIN_HINT,
                    value=model.my_domain,
                    error=wrong,
                    on_change=self._typed,
                    on_submit=self._sign_in,
                )
            )
        busy = model.leaving
        controls.append(ft.FilledButton(strings.SIGN_IN, icon=ft.Icons.LOGIN, height=52, disabled=busy, on_click=self._sign_in))
        controls.append(ft.Text(strings.SIGN_IN_PROMISE, size=12, text_align=ft.TextAlign.CENTER, color=ft.Colors.ON_SURFACE_VARIANT))
        return controls

    def _choose(self, event: ft.Event[ft.Dropdown]) -> None:
        self.model.choose(str(event.control.value))

    def _typed(self, event: ft.Event[ft.TextField]) -> None:
        self.model.my_domain = event.control.value

    async def _sign_in(self, _: ft.Event[ft.Button] | ft.Event[ft.TextField]) -> None:
        await self.model.sign_in()

    async def _again(self, _: ft.Event[ft.Button]) -> None:
        self.model.problem = None
        self._show()
        await self.model.load()
