"""The stages of a record: its bar on the record's page, and the dialogs that ask for a stage and before it changes."""

import flet as ft

from contract.calls import Record
from ui.places import Place
from ui.records.moves_view_model import CHANGED, WON, Asking, Moves
from ui.records.record_view_model import RecordViewModel
from ui.shared import parts, theme
from ui.shared.words import _
from ui.shell import Shell

# Pixels of a step that is done, about: without its words, a letter of them, and how much of one stays in sight.
_STEP, _LETTER, _LEFT = 74, 7.2, 40


async def follow(shell: Shell, sobject: str, record_id: str, *, needs_form: bool) -> None:
    """Opens the record's form after a move, where Salesforce wants more than another stage."""
    if needs_form:
        await shell.go(Place("edit", sobject, record_id))


@ft.component
def StageBar(shell: Shell, model: RecordViewModel, record: Record) -> ft.Control:
    """The stages as steps; the present one is marked, a tap on another one moves the record there."""
    moves, row = model.moves, ft.use_ref(lambda: ft.Ref[ft.Row]())
    now = moves.stage_of(record)
    stages = moves.offered(record)
    steps = stages if now in stages or not now else (*stages, now)
    at = steps.index(now) if now else -1

    async def show_where_it_is() -> None:
        if row.current is not None and row.current.current is not None and at > 0:
            # By its place and not by a key, which would scroll the page, too.
            before = sum(_STEP + _LETTER * len(moves.words(stage)) for stage in steps[:at])
            await row.current.current.scroll_to(offset=before - _LEFT)

    ft.use_effect(show_where_it_is, [now])
    shown = [_step(shell, model, record, stage, n - at) for n, stage in enumerate(steps)]
    return ft.Row(shown, scroll=ft.ScrollMode.AUTO, spacing=8, height=theme.TARGET + 12, ref=row.current)


def _step(shell: Shell, model: RecordViewModel, record: Record, stage: str, ahead: int) -> ft.Control:
    """A step; `ahead` is how many steps it is after the present one."""
    moves = model.moves

    async def move() -> None:
        needs_form = await moves.to(record, stage)
        await follow(shell, model.shape.sobject, record.id, needs_form=needs_form)

    words, waits = moves.words(stage), not moves.are_possible or record.id in moves.under_way
    if ahead == 0:
        icon = parts.named_icon(ft.Icons.RADIO_BUTTON_CHECKED, _("Current stage"))
        return ft.FilledButton(words, icon=icon, height=theme.TARGET, on_click=_nothing)
    if ahead < 0:
        return ft.FilledTonalButton(words, icon=ft.Icons.CHECK, height=theme.TARGET, disabled=waits, on_click=move)
    return ft.OutlinedButton(words, height=theme.TARGET, disabled=waits, on_click=move)


async def _nothing() -> None:
    """The record is there already."""


def dialog(shell: Shell, sobject: str, moves: Moves) -> ft.AlertDialog | None:
    """The dialog that is wanted now: to which stage, or whether to go on."""
    if moves.asking is not None:
        return _question(shell, sobject, moves, moves.asking)
    return None if moves.choosing is None else _choice(shell, sobject, moves, moves.choosing)


def _choice(shell: Shell, sobject: str, moves: Moves, record: Record) -> ft.AlertDialog:
    now = moves.stage_of(record)

    def line(stage: str) -> ft.Control:
        async def move() -> None:
            await follow(shell, sobject, record.id, needs_form=await moves.to(record, stage))

        is_now = stage == now
        icon = parts.named_icon(ft.Icons.RADIO_BUTTON_CHECKED, _("Current stage")) if is_now else None
        return ft.ListTile(
            title=ft.Text(moves.words(stage)), leading=icon or ft.Icon(ft.Icons.RADIO_BUTTON_UNCHECKED),
            selected=is_now, min_height=theme.TARGET, on_click=moves.cancel if is_now else move,
        )  # fmt: skip

    lines = [line(stage) for stage in moves.offered(record)]
    return ft.AlertDialog(
        title=ft.Text(_("Move {title} to …", title=moves.title(record))),
        content=ft.Container(ft.Column([*lines], tight=True, spacing=0), width=360),
        scrollable=True,
        actions=[ft.TextButton(_("Cancel"), height=theme.TARGET, on_click=moves.cancel)],
        on_dismiss=moves.cancel,
    )


def _question(shell: Shell, sobject: str, moves: Moves, asking: Asking) -> ft.AlertDialog:
    async def go_on() -> None:
        await follow(shell, sobject, asking.record.id, needs_form=await moves.go_on())

    title = moves.title(asking.record)
    if asking.why == CHANGED:
        said = _(
            "{name} has moved this to “{stage}” meanwhile. Move it to “{other}” all the same?",
            name=asking.who or _("Someone else"),
            stage=moves.words(moves.stage_of(asking.record)),
            other=moves.words(asking.stage),
        )
        yes, no = _("Move it"), _("Leave it there")
    elif asking.why == WON:
        said, yes, no = _("Close as won?"), _("Close as won"), _("Cancel")
    else:
        said, yes, no = _("Close as lost?"), _("Close as lost"), _("Cancel")
    return ft.AlertDialog(
        title=ft.Text(title),
        content=ft.Text(said),
        scrollable=True,
        actions=[
            ft.TextButton(no, height=theme.TARGET, on_click=moves.cancel),
            ft.FilledButton(yes, height=theme.TARGET, on_click=go_on),
        ],
        on_dismiss=moves.cancel,
    )
