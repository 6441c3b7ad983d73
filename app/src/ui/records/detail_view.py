"""The page of one account, and its form."""

from collections.abc import Awaitable, Callable

import flet as ft

from contract.calls import FieldShape, Record
from data.repositories.records import RecordsRepository
from ui.records.detail_view_model import NUMBERS, AccountViewModel
from ui.shared import parts, strings
from ui.shared import values as shown

Changed = Callable[[], Awaitable[None]]


class AccountView:
    """`saved` is told when the record was changed."""

    def __init__(self, records: RecordsRepository, record_id: str, saved: Changed) -> None:
        self.control = ft.Container(expand=True)
        self._saved = saved
        self._model = AccountViewModel(records, record_id, self._show)
        self._show(update=False)

    async def load(self) -> None:
        await self._model.load()

    def _show(self, *, update: bool = True) -> None:
        model = self._model
        if model.detail is None or model.shape is None:
            inner = parts.trouble(model.problem, self.load) if model.problem is not None else parts.waiting()
            self.control.content = parts.content(inner)
        elif model.editing:
            self.control.content = parts.content(*self._form())
        else:
            self.control.content = parts.content(self._head(), self._details(), self._contacts(), self._deals())
        if update:
            parts.repaint(self.control)
            self._announce()

    def _announce(self) -> None:
        if self._model.notice is not None:
            parts.announce(self.control, self._model.notice)
            self._model.notice = None

    # Reading

    def _head(self) -> ft.Control:
        assert self._model.detail is not None
        fields = self._model.detail.record.fields
        name = ft.Semantics(content=ft.Text(self._model.name, theme_style=ft.TextThemeStyle.HEADLINE_SMALL), header=True)
        line = parts.faint(shown.joined(fields.get("Type"), fields.get("Industry")))
        words = ft.Column([name, line], spacing=0, expand=True)
        controls: list[ft.Control] = [parts.avatar(self._model.name, 28), words]
        if self._model.can_edit:
            controls.append(ft.FilledTonalButton(strings.EDIT, icon=ft.Icons.EDIT, on_click=self._edit))
        return ft.Row(controls, spacing=16)

    def _details(self) -> ft.Control:
        model = self._model
        assert model.detail is not None
        assert model.shape is not None
        lines: list[ft.Control] = []
        for field in model.shape.fields:
            text = shown.value(field.type, model.detail.record.fields.get(field.name))
            if text and field.name not in ("Name", "Type", "Industry") and field.type != "reference":
                lines.append(_line(field.label, text))
        owner = model.detail.record.fields.get("Owner.Name")
        if owner:
            lines.append(_line("Owner", str(owner)))
        return parts.card(strings.DETAILS, ft.ResponsiveRow(lines, spacing=16, run_spacing=12))

    def _contacts(self) -> ft.Control:
        contacts = self._model.related("Contacts")
        tiles = [parts.tile(str(c.fields.get("Name") or ""), shown.joined(c.fields.get("Title"), c.fields.get("Email"))) for c in contacts]
        return parts.card(strings.CONTACTS, *(tiles or [parts.faint(strings.NO_CONTACTS)]))

    def _deals(self) -> ft.Control:
        tiles = [_deal(d) for d in self._model.related("Opportunities")]
        return parts.card(strings.DEALS, *(tiles or [parts.faint(strings.NO_DEALS)]))

    # Editing

    def _form(self) -> list[ft.Control]:
        model = self._model
        controls: list[ft.Control] = [ft.Semantics(content=ft.Text(model.name, theme_style=ft.TextThemeStyle.HEADLINE_SMALL), header=True)]
        if model.conflicts:
            controls.append(self._conflict())
        elif model.problem is not None:
            note = ft.Semantics(content=ft.Text(model.problem.message, color=ft.Colors.ON_ERROR_CONTAINER), live_region=True)
            controls.append(ft.Container(note, bgcolor=ft.Colors.ERROR_CONTAINER, border_radius=12, padding=12))
        fields = [ft.Container(self._input(f), col={"xs": 12, "md": 12 if f.type == "textarea" else 6}) for f in model.form]
        controls.append(ft.ResponsiveRow([*fields], spacing=16, run_spacing=16))
        save = ft.FilledButton(strings.SAVE, icon=ft.Icons.CHECK, disabled=model.saving, on_click=self._save, height=48)
        cancel = ft.TextButton(strings.CANCEL, disabled=model.saving, on_click=self._cancel, height=48)
        controls.append(ft.Row([save, cancel], spacing=8))
        return controls

    def _input(self, field: FieldShape) -> ft.Control:
        model = self._model
        text, error = model.entered[field.name], model.errors.get(field.name)
        label = field.label + (" *" if field.required else "")

        def typed(event: ft.Event[ft.TextField]) -> None:
            model.entered[field.name] = event.control.value

        def chosen(event: ft.Event[ft.Dropdown]) -> None:
            model.entered[field.name] = event.control.value or ""

        if field.type == "picklist":
            known = list(field.picklist) if text in ("", *field.picklist) else [text, *field.picklist]
            options = [ft.DropdownOption(key="", text="–"), *(ft.DropdownOption(key=v, text=v) for v in known)]
            return parts.choice(ft.Dropdown(label=label, value=text, options=options, on_select=chosen, error_text=error, menu_height=320))
        long = field.type == "textarea"
        return ft.TextField(
            label=label,
            value=text,
            error=error,
            multiline=long,
            min_lines=2 if long else None,
            max_lines=6 if long else 1,
            max_length=field.length if 40 <= field.length <= 255 and len(text) > field.length - 20 else None,
            keyboard_type=_KEYBOARDS.get(field.type, ft.KeyboardType.NUMBER if field.type in NUMBERS else ft.KeyboardType.TEXT),
            on_change=typed,
        )

    def _conflict(self) -> ft.Control:
        lines = [
            ft.Text(f"{c.label}: {shown.value('', c.mine) or '–'} → {shown.value('', c.theirs) or '–'}", color=ft.Colors.ON_TERTIARY_CONTAINER)
            for c in self._model.conflicts
        ]
        title = ft.Text(strings.CONFLICT_TITLE, weight=ft.FontWeight.W_600, color=ft.Colors.ON_TERTIARY_CONTAINER)
        mine = ft.FilledButton(strings.CONFLICT_KEEP_MINE, on_click=self._keep_mine)
        theirs = ft.OutlinedButton(strings.CONFLICT_TAKE_THEIRS, on_click=self._take_theirs)
        buttons = ft.Row([mine, theirs], wrap=True)
        text = ft.Text(strings.CONFLICT_TEXT, color=ft.Colors.ON_TERTIARY_CONTAINER)
        column = ft.Column([title, text, *lines, buttons], tight=True, spacing=8)
        return ft.Container(ft.Semantics(content=column, live_region=True), bgcolor=ft.Colors.TERTIARY_CONTAINER, border_radius=12, padding=16)

    def _edit(self, _: ft.Event[ft.Button]) -> None:
        self._model.begin_edit()

    def _cancel(self, _: ft.Event[ft.TextButton]) -> None:
        self._model.cancel_edit()

    async def _save(self, _: ft.Event[ft.Button]) -> None:
        await self._model.save()
        await self._tell()

    async def _keep_mine(self, _: ft.Event[ft.Button]) -> None:
        await self._model.save(over_theirs=True)
        await self._tell()

    async def _take_theirs(self, _: ft.Event[ft.OutlinedButton]) -> None:
        await self._model.take_theirs()
        await self._tell()

    async def _tell(self) -> None:
        if not self._model.editing:
            await self._saved()


_KEYBOARDS = {"email": ft.KeyboardType.EMAIL, "phone": ft.KeyboardType.PHONE, "url": ft.KeyboardType.URL}


def _line(label: str, value: str) -> ft.Control:
    name = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.Container(ft.MergeSemantics(ft.Column([name, ft.Text(value)], spacing=0, tight=True)), col={"xs": 12, "sm": 6, "md": 4})


def _deal(deal: Record) -> ft.Control:
    amount = deal.fields.get("Amount")
    when = shown.value("date", deal.fields.get("CloseDate"))
    return parts.tile(
        str(deal.fields.get("Name") or ""),
        shown.joined(deal.fields.get("StageName"), when),
        trailing=shown.money(amount) if isinstance(amount, int | float) else "",
    )
