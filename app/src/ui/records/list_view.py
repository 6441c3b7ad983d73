"""The list of accounts."""

from collections.abc import Awaitable, Callable

import flet as ft

from contract.calls import Record
from data.repositories.records import RecordsRepository
from ui.records.list_view_model import AccountsViewModel
from ui.shared import parts, strings
from ui.shared import values as shown

_NEAR_END = 600  # pixels before the end at which the next page is asked for


class AccountsView:
    def __init__(self, records: RecordsRepository, go: Callable[[str], Awaitable[None]]) -> None:
        self._go = go
        self._list = ft.ListView(expand=True, spacing=0, on_scroll=self._scrolled, scroll_interval=100, padding=ft.Padding.only(bottom=16))
        self._shown = 0
        search = ft.TextField(
            label=strings.SEARCH_ACCOUNTS,
            prefix_icon=ft.Icons.SEARCH,
            border_radius=28,
            on_change=self._typed,
            autocorrect=False,
        )
        column = ft.Column([search, self._list], expand=True, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        self.control = ft.Container(ft.Container(column, width=parts.CONTENT_WIDTH, padding=16), alignment=ft.Alignment.TOP_CENTER, expand=True)
        self._model = AccountsViewModel(records, self._show)

    async def load(self) -> None:
        """Fills the list at the first visit; later ones find it as it was left."""
        if not self._model.items:
            await self._model.load()

    def _show(self) -> None:
        model = self._model
        if len(model.items) < self._shown or not model.items:
            self._list.controls.clear()
            self._shown = 0
        else:
            del self._list.controls[self._shown :]  # the line that told the state of the end
        for account in model.items[self._shown :]:
            self._list.controls.append(self._line(account))
        self._shown = len(model.items)
        if model.problem is not None:
            self._list.controls.append(parts.trouble(model.problem, model.more))
        elif model.loading:
            self._list.controls.append(parts.waiting())
        elif not model.items:
            self._list.controls.append(ft.Container(parts.faint(strings.NO_ACCOUNTS), alignment=ft.Alignment.CENTER, padding=32))
        elif model.complete:
            self._list.controls.append(ft.Container(parts.faint(strings.END_OF_LIST), alignment=ft.Alignment.CENTER, padding=16))
        parts.repaint(self._list)

    def _line(self, account: Record) -> ft.Control:
        async def open_account() -> None:
            await self._go(f"/accounts/{account.id}")

        fields = account.fields
        return parts.tile(
            str(fields.get("Name") or ""), shown.joined(fields.get("Industry"), fields.get("BillingCity"), fields.get("BillingCountry")), open_account
        )

    async def _typed(self, event: ft.Event[ft.TextField]) -> None:
        await self._model.type(event.control.value)

    async def _scrolled(self, event: ft.OnScrollEvent) -> None:
        if event.pixels > event.max_scroll_extent - _NEAR_END:
            await self._model.more()
