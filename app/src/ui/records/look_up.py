"""Finding the record that a reference points to."""

import asyncio
from collections.abc import Callable
from typing import cast

import flet as ft

from contract.calls import FieldShape, Record
from contract.errors import CallError
from data.repositories.records import AnotherUser
from ui.app import App
from ui.records.form_view_model import FormViewModel
from ui.shared import parts, theme, values
from ui.shared.state import SEARCH_AFTER
from ui.shared.words import _

Chosen = Callable[[Record | None, str], None]
Found = tuple[Record, ...] | CallError | None  # what a search brought; None while it is on its way


def look_up(app: App, model: FormViewModel, field: FieldShape, targets: list[str], chosen: Chosen) -> ft.AlertDialog:
    """A dialog that finds a record; `chosen` gets it with its name, or nothing."""

    async def close() -> None:
        chosen(None, "")

    return ft.AlertDialog(
        title=ft.Text(field.label.removesuffix(" ID")),
        content=ft.Container(Finder(app, model, targets, chosen), width=480, height=480),
        actions=[ft.TextButton(_("Cancel"), height=theme.TARGET, on_click=close)],
        on_dismiss=close,
    )


@ft.component
def Finder(app: App, model: FormViewModel, targets: list[str], chosen: Chosen) -> ft.Control:
    target, choose_target = ft.use_state(targets[0])
    found, show = ft.use_state(cast("Found", None))
    question = ft.use_ref("")

    async def search(sobject: str, text: str, wait: float) -> None:
        asked = question.current = f"{sobject} {text}"
        await asyncio.sleep(wait)
        if question.current != asked:
            return
        try:
            answer: Found = await model.look_up(sobject, text)
        except CallError as failed:
            answer = failed
        except AnotherUser:
            return
        if question.current == asked:
            show(answer)

    async def first() -> None:
        await search(target, "", 0)

    async def typed(event: ft.Event[ft.TextField]) -> None:
        await search(target, event.control.value, SEARCH_AFTER)

    ft.use_effect(first, [target])
    rows: list[ft.Control] = []
    if len(targets) > 1:
        rows.append(ft.Row([_target(app, t, t == target, choose_target) for t in targets], wrap=True, spacing=8))
    label = _("Search in {objects}", objects=shape.label_plural if (shape := app.shape(target)) else target)
    rows.append(ft.TextField(label=label, prefix_icon=ft.Icons.SEARCH, autofocus=True, on_change=typed))
    if isinstance(found, CallError):
        rows.append(parts.trouble(found, first))
    elif found is None:
        rows.append(parts.skeleton_tiles(4))
    elif not found:
        rows.append(parts.faint(_("Nothing found.")))
    else:
        rows.append(ft.ListView([_line(app, target, r, chosen) for r in found], expand=True))
    return ft.Column(rows, expand=True, spacing=12)


def _target(app: App, sobject: str, selected: bool, choose: Callable[[str], None]) -> ft.Control:
    shape = app.shape(sobject)
    return ft.Chip(label=shape.label if shape else sobject, selected=selected, on_select=lambda _event: choose(sobject))


def _line(app: App, sobject: str, record: Record, chosen: Chosen) -> ft.Control:
    shape = app.shape(sobject)
    title = values.title(shape, record)

    async def choose() -> None:
        chosen(record, title)

    return parts.tile(title, values.joined(*values.summary(shape, record)[:2]) if shape else "", choose)
