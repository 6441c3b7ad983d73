"""The dialogs that find the record that a reference points to, and an owner."""

from collections.abc import Awaitable, Callable

import flet as ft

from contract.calls import FieldShape, Record, SobjectShape
from ui.records.look_up_view_model import LookUpViewModel
from ui.records.owner_view_model import FindOwnerViewModel
from ui.shared import parts, theme, values
from ui.shared.live import use
from ui.shared.text_box import SearchBox
from ui.shared.words import _
from ui.shell import Shell

Chosen = Callable[[Record | None, str], Awaitable[None]]


def look_up(shell: Shell, field: FieldShape, targets: list[str], chosen: Chosen) -> ft.AlertDialog:
    """A dialog that finds a record among the objects in `targets`. `chosen` is called with the record and its name;
    with None and "" when the dialog is closed."""
    return _dialog(values.label_of(field), lambda: Finder(shell, targets, chosen), chosen)


def look_up_owner(shell: Shell, shape: SobjectShape, field: FieldShape, chosen: Chosen) -> ft.AlertDialog:
    """A dialog that finds a user or a queue to whom a record of an object may belong; `chosen` as in `look_up`."""
    return _dialog(values.label_of(field), lambda: OwnerFinder(shell, shape, chosen), chosen)


def sought(shell: Shell, shape: SobjectShape, field: FieldShape) -> str:
    """What the look-up of a reference finds, in the user's language: the object, where this is the only one of the
    record's references that leads there and leads nowhere else; otherwise the field."""
    only = len(field.refers_to) == 1 and [f.refers_to for f in shape.fields].count(field.refers_to) == 1
    target = shell.catalogue.shape(field.refers_to[0]) if only else None
    return values.label_of(field) if target is None else target.label


def _dialog(title: str, finder: Callable[[], ft.Control], chosen: Chosen) -> ft.AlertDialog:
    async def close() -> None:
        await chosen(None, "")

    return ft.AlertDialog(
        title=ft.Text(title),
        content=ft.Container(finder(), width=480, height=480),
        actions=[ft.TextButton(_("Cancel"), height=theme.TARGET, on_click=close)],
        on_dismiss=close,
    )


@ft.component
def Finder(shell: Shell, targets: list[str], chosen: Chosen) -> ft.Control:
    model, _set = ft.use_state(lambda: LookUpViewModel(shell.records, targets, shell.queue))
    use(model)
    ft.use_effect(model.search, [])
    shape = shell.catalogue.shape(model.target)
    label = _("Search in {objects}", objects=shape.label_plural if shape else model.target)

    def words(record: Record) -> tuple[str, str]:
        return values.title(shape, record), values.joined(*values.summary(shape, record)[:2]) if shape else ""

    kinds = [ft.Row([_target(shell, t, model) for t in targets], wrap=True, spacing=8)] if len(targets) > 1 else []
    return ft.Column([*kinds, *_search(model, label, words, chosen)], expand=True, spacing=12)


@ft.component
def OwnerFinder(shell: Shell, shape: SobjectShape, chosen: Chosen) -> ft.Control:
    model, _set = ft.use_state(lambda: FindOwnerViewModel(shell.records, shape))
    use(model)
    ft.use_effect(model.search, [])
    return ft.Column(_search(model, model.label, model.words, chosen), expand=True, spacing=12)


def _search(
    model: LookUpViewModel, label: str, words: Callable[[Record], tuple[str, str]], chosen: Chosen
) -> list[ft.Control]:
    """The field to search in, and what was found below it; `words` are a record's name and what stands below that."""
    rows: list[ft.Control] = [SearchBox(label, lambda: model.text, model.type, model.enter, autofocus=True)]
    if model.problem is not None:
        rows.append(parts.trouble(model.problem, model.search))
    elif model.records is None:
        rows.append(parts.skeleton_tiles(4))
    elif not model.records:
        rows.append(parts.faint(_("Nothing found.")))
    else:
        rows.append(ft.ListView([_line(r, *words(r), chosen) for r in model.records], expand=True))
    return rows


def _target(shell: Shell, sobject: str, model: LookUpViewModel) -> ft.Control:
    shape = shell.catalogue.shape(sobject)

    async def choose(_event: ft.Event[ft.Chip]) -> None:
        await model.choose_target(sobject)

    return ft.Chip(label=shape.label if shape else sobject, selected=sobject == model.target, on_select=choose)


def _line(record: Record, title: str, below: str, chosen: Chosen) -> ft.Control:
    async def choose() -> None:
        await chosen(record, title)

    return parts.tile(title, below, choose)
