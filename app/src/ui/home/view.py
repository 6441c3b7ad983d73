"""The home page."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import flet as ft

from contract.calls import Record
from data.repositories.records import RecordsRepository
from ui.home.view_model import Bar, HomeViewModel
from ui.shared import parts, strings
from ui.shared import values as shown

Go = Callable[[str], Awaitable[None]]


class HomeView:
    def __init__(self, records: RecordsRepository, user_name: str, go: Go) -> None:
        self.control = ft.Container(expand=True)
        self._go = go
        self._first_name = user_name.split(" ")[0]
        self._model = HomeViewModel(records, self._show)
        self._show(update=False)

    async def load(self) -> None:
        await self._model.load()

    def _show(self, *, update: bool = True) -> None:
        model = self._model
        hello = ft.Text(strings.greeting(self._first_name, datetime.now().hour), theme_style=ft.TextThemeStyle.HEADLINE_SMALL)  # noqa: DTZ005  the person's own clock
        if model.dashboard is not None:
            below: list[ft.Control] = [self._pipeline(), self._newest(model.dashboard.newest_accounts)]
        elif model.problem is not None:
            below = [parts.trouble(model.problem, self.load)]
        else:
            below = [parts.waiting()]
        self.control.content = parts.content(hello, *below)
        if update:
            parts.repaint(self.control)

    def _pipeline(self) -> ft.Control:
        bars = self._model.bars
        if not bars:
            return parts.card(strings.PIPELINE, parts.faint(strings.PIPELINE_EMPTY))
        total = ft.Text(shown.money(self._model.total), theme_style=ft.TextThemeStyle.DISPLAY_SMALL, color=ft.Colors.PRIMARY)
        count = parts.faint(strings.deals(sum(b.count for b in bars)))
        summary = ft.Row([total, count], spacing=12, vertical_alignment=ft.CrossAxisAlignment.END)
        return parts.card(strings.PIPELINE, summary, ft.Container(height=4), *(_bar(b) for b in bars))

    def _newest(self, accounts: tuple[Record, ...]) -> ft.Control:
        return parts.card(strings.NEWEST, *(self._account(a) for a in accounts))

    def _account(self, account: Record) -> ft.Control:
        async def open_account() -> None:
            await self._go(f"/accounts/{account.id}")

        fields = account.fields
        place = shown.joined(fields.get("Industry"), fields.get("BillingCity"))
        return parts.tile(str(fields.get("Name") or ""), place, open_account, shown.value("date", fields.get("CreatedDate")))


def _bar(bar: Bar) -> ft.Control:
    """A stage as a labelled horizontal bar, read out as one line."""
    filled = max(2, round(bar.share * 100))
    strip = ft.Row(
        [
            ft.Container(height=12, border_radius=6, bgcolor=ft.Colors.PRIMARY, expand=filled),
            *([ft.Container(expand=100 - filled)] if filled < 100 else []),
        ],
        spacing=0,
    )
    words = ft.Row(
        [
            ft.Text(bar.stage, expand=True, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Text(shown.money(bar.amount), weight=ft.FontWeight.W_600),
        ]
    )
    body = ft.Column([words, ft.Container(strip, bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST, border_radius=6)], spacing=4, tight=True)
    return ft.Semantics(content=body, label=f"{bar.stage}: {shown.money(bar.amount)}, {strings.deals(bar.count)}", exclude_semantics=True)
