"""The sheet after a call as one sees it: how it went, a line, what follows."""

import flet as ft

from contract.activities import MAX_NOTE
from ui.shared import parts, theme
from ui.shared.calling import NEXT_WEEK, TOMORROW, Calling, results
from ui.shared.text_box import TextBox
from ui.shared.words import _


def dialog(calling: Calling) -> ft.AlertDialog | None:
    """The sheet, while it is open."""
    called = calling.called
    if called is None or not calling.open:
        return None
    fixed = calling.saving or called.sent

    async def typed(event: ft.Event[ft.TextField]) -> None:
        await calling.type(event.control.value)

    note = TextBox(
        label=_("What was said?"), value=called.note, read_only=fixed, multiline=True, min_lines=1, max_lines=4,
        max_length=MAX_NOTE, counter="", on_change=typed,
    )  # fmt: skip
    follow_ups = (("", _("None")), (TOMORROW, _("Tomorrow")), (NEXT_WEEK, _("Next week")))
    rows: list[ft.Control] = [
        _chips([_result(calling, words, fixed) for words in results()]),
        parts.field(note),
        ft.Text(_("Follow up")),
        _chips([_follow_up(calling, value, words, fixed) for value, words in follow_ups]),
    ]
    if called.also is not None and calling.offered:
        deals = [_deal(calling, deal, name, fixed) for deal, name in calling.offered]
        rows[2:2] = [ft.Text(called.also.heading), _chips(deals)]
    if calling.problem:
        rows.append(parts.note(calling.problem))
    later = ft.TextButton(
        _("Keep for later"), height=theme.TARGET, disabled=calling.saving, on_click=calling.later
    )  # fmt: skip
    return ft.AlertDialog(
        title=ft.Text(_("How was the call with {name}?", name=called.name)),
        content=ft.Container(
            ft.Column(rows, tight=True, spacing=12, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), width=480
        ),
        scrollable=True,
        modal=True,  # a tap beside it loses nothing that was typed
        actions=[
            ft.TextButton(_("Do not save"), height=theme.TARGET, disabled=calling.saving, on_click=calling.dismiss),
            *([later] if calling.problem else []),
            ft.FilledButton(
                _("Just a moment …") if calling.saving else _("Save"), height=theme.TARGET, disabled=calling.saving,
                on_click=calling.save,
            ),
        ],
    )  # fmt: skip


def _chips(chips: list[ft.Control]) -> ft.Control:
    return ft.Row(chips, wrap=True, spacing=8, run_spacing=8)


def _result(calling: Calling, words: str, fixed: bool) -> ft.Control:
    async def choose() -> None:
        await calling.choose(result=words)

    return _chip(words, calling.called is not None and calling.called.result == words, fixed, choose)


def _follow_up(calling: Calling, value: str, words: str, fixed: bool) -> ft.Control:
    chosen = calling.called is not None and calling.called.follow_up == value

    async def choose() -> None:
        if not chosen:
            await calling.choose(follow_up=value)

    return _chip(words, chosen, fixed, choose)


def _deal(calling: Calling, deal: str, name: str, fixed: bool) -> ft.Control:
    async def choose() -> None:
        await calling.choose(deal=deal)

    return _chip(name, calling.called is not None and calling.called.deal == deal, fixed, choose)


def _chip(words: str, chosen: bool, fixed: bool, act: parts.Action) -> ft.Control:
    """A choice: filled with a mark when it is chosen."""
    if chosen:
        icon = parts.named_icon(ft.Icons.CHECK, _("chosen"))
        return ft.FilledTonalButton(words, icon=icon, height=theme.TARGET, disabled=fixed, on_click=act)
    return ft.OutlinedButton(words, height=theme.TARGET, disabled=fixed, on_click=act)
