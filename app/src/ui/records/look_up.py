"""The dialog that finds the record that a reference points to."""

from collections.abc import Callable

import flet as ft

from contract.calls import FieldShape, Record
from ui.records.look_up_view_model import LookUpViewModel
from ui.shared import parts, theme, values
from ui.shared.live import use
from ui.shared.words import _
from ui.shell import Shell

Chosen = Callable[[Record | None, str], None]


def look_up(shell: Shell, field: FieldShape, targets: list[str], chosen: Chosen) -> ft.AlertDialog:
    """A dialog that finds a record among the objects in `targets`. `chosen` is called with the record and its name;
    with None and "" when the dialog is closed."""

    async def close() -> None:
        chosen(None, "")

    return ft.AlertDialog(
        title=ft.Text(values.label_of(field)),
        content=ft.Container(Finder(shell, targets, chosen), width=480, height=480),
        actions=[ft.TextButton(_("Cancel"), height=theme.TARGET, on_click=close)],
        on_dismiss=close,
    )


@ft.component
def Finder(shell: Shell, targets: list[str], chosen: Chosen) -> ft.Control:
    model, _set = ft.use_state(lambda: LookUpViewModel(shell.records, targets))
    use(model)

    async def typed(event: ft.Event[ft.TextField]) -> None:
        await model.type(event.control.value)

    ft.use_effect(model.search, [])
    rows: list[ft.Control] = []
    if len(targets) > 1:
        rows.append(ft.Row([_target(shell, t, model) for t in targets], wrap=True, spacing=8))
    label = _(
        "Search in {objects}",
        objects=shape.label_plural if (shape := shell.catalogue.shape(model.target)) else model.target,
    )
    rows.append(
        parts.field(
            ft.TextField(label=label, value=model.text, prefix_icon=ft.Icons.SEARCH, autofocus=True, on_change=typed)
        )
    )
    if model.problem is not None:
        rows.append(parts.trouble(model.problem, model.search))
    elif model.records is None:
        rows.append(parts.skeleton_tiles(4))
    elif not model.records:
        rows.append(parts.faint(_("Nothing found.")))
    else:
        rows.append(ft.ListView([_line(shell, model.target, r, chosen) for r in model.records], expand=True))
    return ft.Column(rows, expand=True, spacing=12)


def _target(shell: Shell, sobject: str, model: LookUpViewModel) -> ft.Control:
    shape = shell.catalogue.shape(sobject)

    async def choose(_event: ft.Event[ft.Chip]) -> None:
        await model.choose_target(sobject)

    return ft.Chip(label=shape.label if shape else sobject, selected=sobject == model.target, on_select=choose)


def _line(shell: Shell, sobject: str, record: Record, chosen: Chosen) -> ft.Control:
    shape = shell.catalogue.shape(sobject)
    title = values.title(shape, record)

    async def choose() -> None:
        chosen(record, title)

    return parts.tile(title, values.joined(*values.summary(shape, record)[:2]) if shape else "", choose)
