"""The page of what waits to be sent."""

from datetime import UTC, datetime

import flet as ft

from data.repositories.queue import Edit
from ui.shared import parts, theme, values
from ui.shared.live import use
from ui.shared.words import _
from ui.shell import Shell
from ui.waiting.view_model import WaitingViewModel

_ICONS = {
    "create": ft.Icons.ADD, "change": ft.Icons.EDIT_OUTLINED, "complete": ft.Icons.CHECK_CIRCLE_OUTLINE,
    "delete": ft.Icons.DELETE_OUTLINE,
}  # fmt: skip


@ft.component
def WaitingPage(shell: Shell, model: WaitingViewModel) -> ft.Control:
    use(model)
    edits = model.edits
    if not edits:
        return parts.content(parts.big_heading(_("Waiting to be sent")), parts.faint(_("Everything is in Salesforce.")))
    rows: list[ft.Control] = [
        parts.big_heading(_("Waiting to be sent")),
        parts.faint(_("These are on this device only. They are sent in this order.")),
    ]
    if model.refused:
        rows.append(parts.note(_("It is being sent just now."), kind="calm"))
    return parts.content(*rows, *(_edit(shell, model, e) for e in edits), width=720)


def _edit(shell: Shell, model: WaitingViewModel, edit: Edit) -> ft.Control:
    when = values.time_of(datetime.fromtimestamp(edit.at, UTC).isoformat())

    async def show() -> None:
        await shell.go(await model.open(edit))

    line = parts.tile(
        model.what(edit), values.joined(when, model.why(edit)), show, icon=_ICONS[edit.kind], wraps=True, key=edit.id
    )
    if model.discarding == edit.id:
        return parts.card(None, line, _question(model, edit))
    return parts.card(None, line, _buttons(model, edit, show))


def _buttons(model: WaitingViewModel, edit: Edit, show: parts.Action) -> ft.Control:
    async def retry() -> None:
        await model.retry(edit)

    async def insist() -> None:
        await model.insist(edit)

    async def discard() -> None:
        model.ask_to_discard(edit)

    def button(words: str, action: parts.Action) -> ft.Control:
        named = f"{words}: {model.what(edit)}"
        return ft.TextButton(words, tooltip=named, height=theme.TARGET, on_click=action)

    buttons = [button(_("Open"), show)]
    if edit.state == "conflict" and edit.kind == "change":
        buttons = [button(_("Decide"), show)]
    if model.can_be_retried(edit):
        buttons.append(button(_("Try again"), retry))
    if words := model.retry_words(edit):
        buttons.append(button(words, insist))
    buttons.append(button(_("Discard"), discard))
    return ft.Row(buttons, wrap=True, spacing=8)


def _question(model: WaitingViewModel, edit: Edit) -> ft.Control:
    async def yes() -> None:
        await model.discard(edit)

    async def no() -> None:
        model.ask_to_discard(None)

    actions: list[ft.Control] = [
        ft.FilledButton(_("Keep"), height=theme.TARGET, on_click=no),
        ft.OutlinedButton(_("Discard"), height=theme.TARGET, on_click=yes),
    ]
    return parts.note(_("Throw this away? It will not come to Salesforce."), kind="question", actions=actions)
