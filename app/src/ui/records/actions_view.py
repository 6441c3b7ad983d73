"""The actions of a record as one sees them: buttons, lines of its menu, and the dialog that asks before one runs."""

from datetime import date, datetime

import flet as ft

from contract.actions import ActionShape, Question
from ui.places import Place
from ui.records.actions_view_model import Actions
from ui.records.record_view_model import RecordViewModel
from ui.shared import parts, theme, values
from ui.shared.text_box import TextBox
from ui.shared.words import _, in_words
from ui.shell import Shell

_LINES = 4  # that may stand below a field


def buttons(shell: Shell, model: RecordViewModel) -> list[ft.Control]:
    """A button for each action that is not in the menu."""

    def button(action: ActionShape) -> ft.Control:
        async def begin() -> None:
            await _go_on(shell, model, await model.acting.begin(action))

        return ft.FilledTonalButton(
            in_words(action.label), icon=parts.icon_of(action.icon), height=theme.TARGET,
            disabled=model.acting.running, on_click=begin,
        )  # fmt: skip

    return [button(action) for action in model.acting.offered if not action.in_menu]


def menu_items(shell: Shell, model: RecordViewModel) -> list[ft.PopupMenuItem]:
    """A line for each action that is in the record's menu."""

    def item(action: ActionShape) -> ft.PopupMenuItem:
        async def begin(_event: ft.Event[ft.PopupMenuItem]) -> None:
            await _go_on(shell, model, await model.acting.begin(action))

        return ft.PopupMenuItem(
            in_words(action.label), icon=parts.icon_of(action.icon), on_click=begin, height=theme.TARGET,
            disabled=model.acting.running,
        )  # fmt: skip

    return [item(action) for action in model.acting.offered if action.in_menu]


def dialog(shell: Shell, model: RecordViewModel) -> ft.AlertDialog | None:
    """The dialog of the action that is asked about."""
    acting, action = model.acting, model.acting.asking
    if action is None:
        return None

    async def run() -> None:
        await _go_on(shell, model, await acting.run())

    rows: list[ft.Control] = []
    if action.confirm:
        rows.append(ft.Text(in_words(action.confirm)))
    rows += [_input(acting, question) for question in action.questions]
    if acting.problem:
        rows.append(parts.note(acting.problem))
    words = in_words(action.label)
    return ft.AlertDialog(
        title=ft.Text(words),
        content=ft.Container(
            ft.Column(rows, tight=True, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.STRETCH), width=480,
        ),
        scrollable=True,  # many questions, large letters
        actions=[
            # What runs already is not cancelled.
            ft.TextButton(
                _("Close") if acting.running else _("Cancel"), height=theme.TARGET, on_click=acting.cancel
            ),
            ft.FilledButton(
                _("Just a moment …") if acting.running else words, height=theme.TARGET, disabled=acting.running,
                on_click=run,
            ),
        ],
        on_dismiss=acting.cancel,
    )  # fmt: skip


async def _go_on(shell: Shell, model: RecordViewModel, opens: str) -> None:
    """Goes to the record that an action has named, if the person still looks at this one and may see that one."""
    shape, here = shell.catalogue.shape_of_id(opens), Place("record", model.shape.sobject, model.record_id)
    if shape is not None and shell.place == here and opens != model.record_id:
        await shell.go(Place("record", shape.sobject, opens))


def _input(acting: Actions, question: Question) -> ft.Control:
    label = in_words(question.label) + (" *" if question.required and question.kind != "yes-no" else "")
    error = acting.errors.get(question.name)
    match question.kind:
        case "yes-no":
            return _switch(acting, question, label)
        case "choice":
            return _choice(acting, question, label, error)
        case _:
            return _text(acting, question, label, error)


def _text(acting: Actions, question: Question, label: str, error: str | None) -> ft.Control:
    def typed(event: ft.Event[ft.TextField]) -> None:
        acting.type(question, event.control.value)

    is_date, long = question.kind == "date", question.lines > 1
    keyboards = {"number": ft.KeyboardType.NUMBER, "date": ft.KeyboardType.DATETIME}
    box = TextBox(
        label=label, value=acting.text(question), error=error, error_max_lines=_LINES, helper_max_lines=_LINES,
        helper=values.short_day("2026-12-31") if is_date else None, read_only=acting.running,
        multiline=long, min_lines=question.lines if long else None, max_lines=max(6, question.lines) if long else 1,
        keyboard_type=keyboards.get(question.kind, ft.KeyboardType.TEXT),
        suffix_icon=_calendar(acting, question, label) if is_date else None,
        on_change=typed,
    )  # fmt: skip
    return parts.field(box)


def _calendar(acting: Actions, question: Question, label: str) -> ft.Control:
    def picked(event: ft.Event[ft.DatePicker]) -> None:
        value = event.control.value
        if value is not None:
            on = value.astimezone() if isinstance(value, datetime) and value.tzinfo is not None else value
            acting.choose(question, values.short_day((on.date() if isinstance(on, datetime) else on).isoformat()))

    async def pick() -> None:
        chosen = values.as_date(acting.text(question)) if acting.text(question) else None
        day = date.fromisoformat(chosen) if chosen else date.today()  # noqa: DTZ011  the person's own day
        ft.context.page.show_dialog(
            ft.DatePicker(
                value=day, first_date=date(1900, 1, 1), last_date=date(2100, 12, 31), on_change=picked, help_text=label
            )
        )

    return parts.icon_button(ft.Icons.CALENDAR_MONTH, _("Choose a date for {field}", field=label), pick)


def _choice(acting: Actions, question: Question, label: str, error: str | None) -> ft.Control:
    def chosen(event: ft.Event[ft.Dropdown]) -> None:
        acting.choose(question, event.control.value or "")

    empty = [] if question.required else [ft.DropdownOption(key="", text="–")]
    options = [*empty, *(ft.DropdownOption(key=c.value, text=in_words(c.label)) for c in question.choices)]
    box = ft.Dropdown(
        label=label, value=acting.text(question), options=options, on_select=chosen,
        border_color=ft.Colors.ERROR if error else None, disabled=acting.running,
    )  # fmt: skip
    said: list[ft.Control] = [ft.Text(error, size=12, color=ft.Colors.ERROR)] if error else []
    return ft.Column([parts.choice(box), *said], tight=True, spacing=4)


def _switch(acting: Actions, question: Question, label: str) -> ft.Control:
    def switched(event: ft.Event[ft.Switch]) -> None:
        acting.choose(question, "true" if event.control.value else "")

    switch = ft.Switch(label=label, value=acting.text(question) == "true", on_change=switched)
    return ft.Container(switch, height=theme.TARGET)
