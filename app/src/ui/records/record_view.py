"""The page of any record."""

from collections.abc import Callable

import flet as ft

from contract.calls import Record, RelatedList
from data.repositories.queue import is_temporary
from ui.places import Given, Place
from ui.records import actions_view, conversion_view, stage_view, timeline_view
from ui.records.copying import copy_dialog
from ui.records.files_view import FilesCard
from ui.records.record_view_model import Group, Line, RecordViewModel, lines_below
from ui.shared import activity_rows, parts, theme, values
from ui.shared.live import keyed, use
from ui.shared.words import _
from ui.shell import Shell

_ICONS = {
    "tel": ft.Icons.CALL_OUTLINED,
    "mailto": ft.Icons.MAIL_OUTLINED,
    "https": ft.Icons.OPEN_IN_NEW,
    "http": ft.Icons.OPEN_IN_NEW,
}
_LONG = 80  # characters of a text that needs the whole width


@ft.component
def RecordPage(shell: Shell, model: RecordViewModel, two_columns: bool) -> ft.Control:
    use(model)
    use(shell.stars)
    copying, copy = ft.use_state(False)
    ft.use_dialog(copy_dialog(model, shell.copy, lambda: copy(False)) if copying and model.record is not None else None)
    ft.use_dialog(actions_view.dialog(shell, model))
    ft.use_dialog(stage_view.dialog(shell, model.shape.sobject, model.moves))
    live, record = model.detail, model.record
    if record is None:
        if live.problem is not None:
            return parts.content(parts.trouble(live.problem, model.load))
        return parts.content(parts.skeleton_cards(72, 260, 180))
    rows: list[ft.Control] = [
        _head(shell, model, record, lambda: copy(True)),
        *parts.age_line(live.age, problem=live.problem is not None),
    ]
    if model.waiting:
        rows.append(_waiting(shell, model))
    if model.shape.board is not None:
        rows.append(keyed("stages", stage_view.StageBar, shell, model, record))
    if model.became:
        rows.append(conversion_view.became(shell, model))
    elif model.has_draft:
        rows.append(_draft(shell, model))
    actions = _actions(shell, model)
    if actions:
        rows.append(ft.Row(actions, wrap=True, spacing=8, run_spacing=8))
    if model.timeline is not None:
        rows.append(timeline_view.card(shell, model, model.timeline))
    rows += [_group(shell, model, group, two_columns) for group in model.groups]
    rows += [_related(shell, model, related) for related in model.related_lists]
    if not is_temporary(model.record_id):
        rows.append(FilesCard(shell, model.files))
    return ft.SelectionArea(parts.content(*rows))


def _head(shell: Shell, model: RecordViewModel, record: Record, copy: Callable[[], None]) -> ft.Control:
    line = parts.faint(values.joined(*values.summary(model.shape, record)[:2]))
    words = ft.Column([parts.big_heading(model.title), line], spacing=0, tight=True)
    # A name too long for its place beside the circle stands below it; there it is broken at its spaces.
    named = ft.Row([parts.avatar(model.title, 28), words], wrap=True, spacing=12, run_spacing=8, expand=True)
    controls: list[ft.Control] = [named, *_star(shell, model)]

    async def delete(_event: ft.Event[ft.PopupMenuItem]) -> None:
        await shell.delete(model.shape.sobject, model.record_id, model.title)

    async def open_in_salesforce(_event: ft.Event[ft.PopupMenuItem]) -> None:
        await shell.open_link(shell.catalogue.salesforce_page(model.shape.sobject, model.record_id))

    items = [
        ft.PopupMenuItem(
            _("Open in Salesforce"), icon=ft.Icons.OPEN_IN_NEW, on_click=open_in_salesforce, height=theme.TARGET
        ),
        ft.PopupMenuItem(_("Copy a value"), icon=ft.Icons.CONTENT_COPY, on_click=copy, height=theme.TARGET),
    ]
    items += actions_view.menu_items(shell, model)
    if model.shape.deletable:
        items.append(ft.PopupMenuItem(_("Delete"), icon=ft.Icons.DELETE_OUTLINE, on_click=delete, height=theme.TARGET))
    controls.append(parts.menu(ft.Icons.MORE_VERT, _("More actions"), items))
    return ft.Row(controls, spacing=12)


def _waiting(shell: Shell, model: RecordViewModel) -> ft.Control:
    async def look() -> None:
        await shell.go(Place("waiting"))

    asks = any(edit.state != "waiting" for edit in model.waiting)
    words = (
        _("A change of this is not in Salesforce yet, and needs you.") if asks
        else _("This is waiting to be sent. What you see is on this device only.")
    )  # fmt: skip
    button = ft.OutlinedButton(_("Waiting to be sent"), height=theme.TARGET, on_click=look)
    return parts.note(words, kind="question" if asks else "calm", actions=[button])


def _star(shell: Shell, model: RecordViewModel) -> list[ft.Control]:
    """The star of the record, where it is known whether it has one."""
    if not shell.stars.are_there:
        return []
    is_starred = shell.stars.is_starred(model.record_id)

    async def toggle() -> None:
        await shell.stars.toggle(model.shape.sobject, model.record_id, model.title)

    icon = ft.Icons.STAR if is_starred else ft.Icons.STAR_BORDER
    words = _("Remove from favorites") if is_starred else _("Add to favorites")
    return [parts.icon_button(icon, words, toggle)]


def _draft(shell: Shell, model: RecordViewModel) -> ft.Control:
    async def go_on() -> None:
        await shell.go(Place("edit", model.shape.sobject, model.record_id))

    async def throw_away() -> None:
        model.drop_draft()

    buttons: list[ft.Control] = [
        ft.FilledButton(_("Go on"), height=theme.TARGET, on_click=go_on),
        ft.OutlinedButton(_("Throw away"), height=theme.TARGET, on_click=throw_away),
    ]
    return parts.note(_("You have begun to change this and not saved it yet."), kind="calm", actions=buttons)


def _actions(shell: Shell, model: RecordViewModel) -> list[ft.Control]:
    """What one taps most: change, call, write, visit."""

    async def edit() -> None:
        await shell.go(Place("edit", model.shape.sobject, model.record_id))

    first: list[ft.Control] = (
        [ft.FilledTonalButton(_("Edit"), icon=ft.Icons.EDIT, height=theme.TARGET, on_click=edit)]
        if model.can_edit
        else []
    )

    if model.can_convert:
        first.append(conversion_view.button(shell, model))
    if model.ownership.can_take and not model.is_converted:
        take = ft.FilledTonalButton(
            _("Take it"), icon=ft.Icons.FRONT_HAND_OUTLINED, height=theme.TARGET,
            disabled=model.ownership.changing, on_click=model.ownership.take,
        )  # fmt: skip
        first.append(take)
    first += actions_view.buttons(shell, model)

    def button(line: Line) -> ft.Control:
        async def act() -> None:
            await _open_link(shell, model, line.link)

        kind = line.link.partition(":")[0]
        words = {"tel": _("Call"), "mailto": _("Write")}.get(kind, _("Website"))
        return ft.OutlinedButton(
            words, icon=_ICONS[kind], tooltip=f"{words}: {line.text}", height=theme.TARGET, on_click=act
        )

    first_of_each = {line.link.partition(":")[0].replace("https", "http"): line for line in reversed(model.actions)}
    return [*first, *(button(first_of_each[kind]) for kind in ("tel", "mailto", "http") if kind in first_of_each)]


async def _open_link(shell: Shell, model: RecordViewModel, link: str) -> None:
    """Opens a link of the record's; after a call it is asked how it went."""
    if link.startswith("tel:"):
        also = None if model.record is None else shell.catalogue.deals_of(model.shape, model.record)
        await shell.call(link, (model.record_id,), model.title, also)
    else:
        await shell.open_link(link)


def _group(shell: Shell, model: RecordViewModel, group: Group, two_columns: bool) -> ft.Control:
    lines = [(_line(shell, model, line), len(line.text) > _LONG) for line in group.lines]
    return parts.card(group.heading or _("More"), parts.columns(lines, 2 if two_columns else 1))


def _line(shell: Shell, model: RecordViewModel, line: Line) -> ft.Control:
    """A label over its value. What opens something can be tapped; a long press copies any value."""
    label = ft.Text(line.label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    parent = shell.catalogue.shape_of_id(line.parent)
    opens = bool(line.link) or parent is not None
    text = ft.Text(line.text, color=ft.Colors.PRIMARY if opens else None)
    words = ft.MergeSemantics(ft.Column([label, text], spacing=0, tight=True))

    async def copy() -> None:
        await shell.copy(line.text)

    if not opens:
        return ft.Container(words, padding=ft.Padding.symmetric(vertical=6), on_long_press=copy)

    async def tapped() -> None:
        if parent is not None:
            await shell.go(Place("record", parent.sobject, line.parent))
        else:
            await _open_link(shell, model, line.link)

    body = ft.Container(
        words, expand=True, on_click=tapped, ink=True, border_radius=8, padding=ft.Padding.symmetric(vertical=6),
        on_long_press=copy,
    )  # fmt: skip
    copier: list[ft.Control] = (
        [parts.icon_button(ft.Icons.CONTENT_COPY, _("Copy {what}", what=line.label), copy)] if line.link else []
    )
    return ft.Row([body, *copier], spacing=4)


def _related(shell: Shell, model: RecordViewModel, related: RelatedList) -> ft.Control:
    shape = shell.catalogue.shape(related.sobject)

    def line(record: Record) -> ft.Control:
        async def open_record() -> None:
            await shell.go(Place("record", related.sobject, record.id))

        if shape is None:
            return parts.tile(values.title(None, record), "")
        return parts.tile(
            values.title(shape, record), values.joined(*lines_below(related, shape, record)), open_record,
            leading=activity_rows.circle_of(shell, shape, record),
        )  # fmt: skip

    async def new() -> None:
        await shell.go(Place("new", related.sobject, given=(Given(related.field or "", model.record_id, model.title),)))

    can_create = shape is not None and shape.creatable and related.field is not None
    add = (
        parts.icon_button(ft.Icons.ADD, _("New {object}", object=shape.label), new)
        if can_create and shape is not None
        else None
    )
    records = [r for r in model.related(related.name) if not shell.is_deleted(r.id)]
    return parts.card(related.label, *([line(r) for r in records] or [parts.faint(_("None yet."))]), action=add)
