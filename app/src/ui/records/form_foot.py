"""The foot of a form: what keeps it from being saved, with a way to each field, and Save."""

import flet as ft

from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.shared import parts, theme, values
from ui.shared.text_box import TextBox
from ui.shared.words import _
from ui.shell import Shell


class Ways:
    """The ways to the fields of a form that is painted; `view` is what scrolls."""

    def __init__(self) -> None:
        self.view: ft.Ref[ft.Column] = ft.Ref()
        self._boxes: dict[str, ft.Ref[TextBox]] = {}

    def box(self, field: str) -> ft.Ref[TextBox]:
        """What the text field of a field is to be told to."""
        return self._boxes.setdefault(field, ft.Ref())

    async def lead(self, field: str) -> None:
        """Gives a text field the focus; brings another one into sight."""
        if field in self._boxes and (box := self._boxes[field].current) is not None:
            await box.focus()
        elif self.view.current is not None:
            await self.view.current.scroll_to(scroll_key=_beginning(field), duration=200)

    async def lead_to_end(self) -> None:
        """Brings the end of the form into sight."""
        for _time in range(4):  # the first may end where the form ended before Flutter had laid out what has just come
            if self.view.current is not None:
                await self.view.current.scroll_to(offset=-1, duration=200)


def beginning(field: str) -> ft.Control:
    """Where a field begins that is no text field. Flutter builds this anew at each painting, so the field itself cannot
    have the key."""
    return ft.Container(height=0, key=_beginning(field))


def _beginning(field: str) -> ft.ScrollKey:
    return ft.ScrollKey(f"beginning of {field}")


def foot(shell: Shell, model: FormViewModel, ways: Ways) -> ft.Control:
    """What stands below the form, always in sight."""
    column = end(shell, model, ways)
    centred = ft.Row([
        ft.Container(
            ft.Container(column, width=theme.CONTENT_WIDTH, padding=ft.Padding.symmetric(horizontal=16)),
            expand=True, alignment=ft.Alignment.CENTER,
        )
    ])  # fmt: skip
    line = ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT)
    return ft.Container(
        centred, bgcolor=ft.Colors.SURFACE, border=ft.Border(top=line),
        on_size_change=lambda event: shell.notices.stand_above(event.height),
    )  # fmt: skip


def end(shell: Shell, model: FormViewModel, ways: Ways, *, narrow: bool = False) -> ft.Control:
    """What the form lacks over its buttons. Each part has its place, whether it is there or not: what one is about to
    tap stays the same and where it was."""
    slots = [
        _keeps_nothing(shell),
        _errors(model, ways, narrow=narrow),
        _leave_question(shell, model) or _buttons(shell, model),
    ]
    return ft.Column([ft.Container(c) for c in slots], spacing=0, tight=True,
                     horizontal_alignment=ft.CrossAxisAlignment.STRETCH)  # fmt: skip


def _keeps_nothing(shell: Shell) -> ft.Control | None:
    """That the device keeps no draft."""
    if not shell.drafts.refused:
        return None
    words = _("This device keeps nothing. Save before you leave, or what you typed is lost.")
    said = ft.Semantics(content=ft.Text(words, color=ft.Colors.ERROR, size=13), live_region=True)
    return ft.Container(said, padding=ft.Padding.only(top=8))


def _errors(model: FormViewModel, ways: Ways, *, narrow: bool) -> ft.Control | None:
    """The fields that are wrong, each a way to it."""
    names = {f.name: values.label_of(f) for _section, fields in model.sections for f in fields}
    if model.record_types:
        names[model.shape.record_type] = _("Record type")
    wrong = [name for name in names if name in model.errors]
    if not wrong or model.asks_to_leave:
        return None

    def way_to(name: str) -> ft.Control:
        async def lead() -> None:
            await ways.lead(name)

        return ft.OutlinedButton(names[name], height=theme.TARGET, on_click=lead)

    said = ft.Semantics(
        content=ft.Text(_("Please look at the marked fields."), color=ft.Colors.ERROR), live_region=True
    )
    scroll = None if narrow else ft.ScrollMode.AUTO
    ways_there = ft.Row([way_to(name) for name in wrong], scroll=scroll, wrap=narrow, spacing=8)
    return ft.Container(ft.Column([said, ways_there], spacing=4, tight=True), padding=ft.Padding.only(top=8))


def _buttons(shell: Shell, model: FormViewModel) -> ft.Control:
    async def cancel() -> None:
        if model.ask_to_leave(True):
            model.throw_away()
            await shell.go(_back(model))

    save = ft.FilledButton(
        _("Saving …") if model.saving else _("Save"), icon=ft.Icons.CHECK, height=theme.TARGET,
        disabled=model.saving or bool(model.choosing or model.conflicts), on_click=model.save,
    )  # fmt: skip
    leave = ft.TextButton(_("Cancel"), height=theme.TARGET, disabled=model.saving, on_click=cancel)
    return ft.Container(ft.Row([save, leave], spacing=8, wrap=True), padding=ft.Padding.symmetric(vertical=8))


def _leave_question(shell: Shell, model: FormViewModel) -> ft.Control | None:
    if not model.asks_to_leave:
        return None

    async def throw_away() -> None:
        model.throw_away()
        await shell.go(_back(model))

    async def stay() -> None:
        model.ask_to_leave(False)

    async def later() -> None:
        model.ask_to_leave(False)
        await shell.go(_back(model))

    question = parts.note(
        _("Throw away what you typed?"),
        kind="question",
        actions=[
            ft.FilledButton(_("Go on"), height=theme.TARGET, on_click=stay),
            ft.OutlinedButton(_("Keep for later"), height=theme.TARGET, on_click=later),
            ft.OutlinedButton(_("Throw away"), height=theme.TARGET, on_click=throw_away),
        ],
    )
    return ft.Container(question, padding=ft.Padding.symmetric(vertical=8))


def _back(model: FormViewModel) -> Place:
    return (
        Place("record", model.shape.sobject, model.record_id) if model.record_id else Place("list", model.shape.sobject)
    )
