"""The dialog that copies any value of a record: the way of keyboards and screen readers, which costs a record's page
nothing until it is opened. With a mouse one selects; on a touch screen a long press on a line copies its value.
"""

from collections.abc import Awaitable, Callable

import flet as ft

from ui.records.record_view_model import Line, RecordViewModel
from ui.shared import theme
from ui.shared.words import _


def copy_dialog(
    model: RecordViewModel, copy: Callable[[str], Awaitable[None]], close: Callable[[], None]
) -> ft.AlertDialog:
    """A dialog with every value of a record. `copy` is called with the one that is chosen."""

    def line(line: Line) -> ft.Control:
        async def chosen() -> None:
            close()
            await copy(line.text)

        name = _("Copy {what}", what=line.label)
        return ft.ListTile(
            title=ft.Text(line.label, size=12, color=ft.Colors.ON_SURFACE_VARIANT, semantics_label=name),
            subtitle=ft.Text(line.text, size=16, color=ft.Colors.ON_SURFACE),
            trailing=ft.Icon(ft.Icons.CONTENT_COPY, size=18),
            min_height=56,
            on_click=chosen,
        )

    lines = [line(each) for each in model.lines]
    return ft.AlertDialog(
        title=ft.Text(_("Copy a value")),
        content=ft.Container(ft.ListView(lines), width=480, height=480),
        actions=[ft.TextButton(_("Close"), height=theme.TARGET, on_click=close)],
        on_dismiss=close,
    )
