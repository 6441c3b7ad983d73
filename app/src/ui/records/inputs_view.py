"""The inputs of a form, one for each type of field."""

from collections.abc import Callable
from datetime import date, datetime, time

import flet as ft

from contract.calls import FieldShape, Record
from ui.records.form_foot import Ways, beginning
from ui.records.form_view_model import FormViewModel
from ui.records.look_up import look_up, look_up_owner, sought
from ui.shared import parts, theme, values
from ui.shared.text_box import TextBox
from ui.shared.words import _
from ui.shell import Shell

_KEYBOARDS = {"email": ft.KeyboardType.EMAIL, "phone": ft.KeyboardType.PHONE, "url": ft.KeyboardType.URL}
_LINES = 4  # that may stand below a field
_MANY = 8  # values from which on a picklist can be searched


@ft.component
def Input(shell: Shell, model: FormViewModel, field: FieldShape, ways: Ways) -> ft.Control:
    """The input for a field, by its type; the `ways` of the form lead to it."""
    assert model.draft is not None
    _times, paint = ft.use_state(0)

    def left() -> None:
        paint(lambda times: times + 1)  # with what was typed, which is read out from now on

    text, error = model.text(field), model.errors.get(field.name)
    label = values.label_of(field) + (" *" if model.is_required(field) and field.type != "boolean" else "")
    match field.type:
        case "picklist" | "combobox":
            return _picklist(model, field, label, text, error)
        case "multipicklist":
            return _multipicklist(model, field, label, text, error)
        case "boolean":
            return _boolean(model, field, text, error)
        case "reference":
            return Reference(shell, model, field, label, text, error, ways)
        case "date" | "datetime":
            return _date(model, field, label, text, error, left, ways)
        case _:
            return _text(model, field, label, text, error, left, ways)


def _text(
    model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None, left: Callable[[], None],
    ways: Ways,
) -> ft.Control:  # fmt: skip
    def typed(event: ft.Event[ft.TextField]) -> None:
        model.type(field.name, event.control.value)

    code = values.code_of(field, model.mine)
    long, is_number = field.type == "textarea", field.type in values.NUMBERS
    box = TextBox(
        ref=ways.box(field.name),
        label=label,
        value=text,
        error=error,
        error_max_lines=_LINES,
        helper_max_lines=_LINES,
        read_only=model.saving,  # disabled, it would be scrolled to when it is enabled again
        helper=field.help,
        suffix="%" if field.type == "percent" else values.sign(code) if code else None,
        multiline=long,
        min_lines=2 if long else None,
        max_lines=6 if long else 1,
        max_length=field.length if 40 <= field.length <= 255 and len(text) > field.length - 20 else None,
        keyboard_type=_KEYBOARDS.get(field.type, ft.KeyboardType.NUMBER if is_number else ft.KeyboardType.TEXT),
        on_change=typed,
        on_blur=left,
        on_submit=model.save,  # Enter, and a phone's own button
    )
    return parts.field(box)


def _picklist(model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None) -> ft.Control:
    def chosen(event: ft.Event[ft.Dropdown]) -> None:
        model.choose(field.name, event.control.value or "")

    offered, waits_for = model.offered(field), model.waits_for(field)
    choices = list(offered) if text in ("", *offered) else [text, *offered]
    empty = [] if field.required else [ft.DropdownOption(key="", text="–")]
    options = [*empty, *(ft.DropdownOption(key=v, text=model.label_of(field, v)) for v in choices)]
    many = len(choices) >= _MANY and waits_for is None
    # Flutter makes a button of it that is 16 pixels wider and higher.
    side = theme.TARGET - 16
    picture = parts.named_icon(ft.Icons.ARROW_DROP_DOWN, _("Show values"))
    arrow = ft.Container(picture, width=side, height=side, alignment=ft.Alignment.CENTER_RIGHT) if many else None
    return with_words(
        ft.Dropdown(
            label=label, value=text, options=options, on_select=chosen, border_color=border(error),
            menu_height=320, disabled=waits_for is not None,
            editable=many, enable_filter=many, enable_search=many, trailing_icon=arrow, selected_trailing_icon=arrow,
        ),
        field.name, error, _help(model, field),
    )  # fmt: skip


def _multipicklist(model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None) -> ft.Control:
    chosen, offered = [v for v in text.split(";") if v], model.offered(field)
    others = [v for v in chosen if v not in offered]  # that it has from before

    def chip(value: str) -> ft.Control:
        def select(_event: ft.Event[ft.Chip]) -> None:
            now = [v for v in (*offered, *others) if (v in chosen) != (v == value)]
            model.choose(field.name, ";".join(now))

        return ft.Chip(label=field.labels.get(value, value), selected=value in chosen, on_select=select)

    name = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    chips: list[ft.Control] = [chip(v) for v in (*offered, *others)]
    row = ft.Container(ft.Row(chips, wrap=True, spacing=8), padding=ft.Padding.only(top=4))
    return _column(field.name, name, row, *_words(error, _help(model, field)))


def _help(model: FormViewModel, field: FieldShape) -> str | None:
    """What stands below a picklist: why a value was removed, what has to be chosen first, or Salesforce's own help."""
    waits_for = model.waits_for(field)
    first = None if waits_for is None else _("Choose {field} first.", field=values.label_of(waits_for))
    return " ".join(said for said in (model.hints.get(field.name), first) if said) or field.help


def _boolean(model: FormViewModel, field: FieldShape, text: str, error: str | None) -> ft.Control:
    def switched(event: ft.Event[ft.Switch]) -> None:
        model.choose(field.name, "true" if event.control.value else "")

    switch = ft.Container(ft.Switch(label=field.label, value=text == "true", on_change=switched), height=theme.TARGET)
    return _column(field.name, switch, *_words(error, None))


def _date(
    model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None, left: Callable[[], None],
    ways: Ways,
) -> ft.Control:  # fmt: skip
    """A day, or a day with a time of day, typed or picked."""
    timed = field.type == "datetime"
    typed_at = values.moment(values.as_moment(text) or "") if timed else None
    iso = values.as_date(text) if text and not timed else None
    day_before = typed_at.astimezone().date() if typed_at else date.fromisoformat(iso) if iso else date.today()  # noqa: DTZ011  the person's own day

    def typed(event: ft.Event[ft.TextField]) -> None:
        model.type(field.name, event.control.value)

    def day_picked(event: ft.Event[ft.DatePicker]) -> None:
        picked = event.control.value
        if picked is None:
            return
        on = picked.astimezone() if isinstance(picked, datetime) and picked.tzinfo is not None else picked
        day = on.date() if isinstance(on, datetime) else on
        if timed:
            pick_time(day)
        else:
            model.choose(field.name, values.short_day(day.isoformat()))

    def pick_time(day: date) -> None:
        def time_picked(event: ft.Event[ft.TimePicker]) -> None:
            if event.control.value is not None:
                model.choose(field.name, values.short_moment(values.at_this_clock(day, event.control.value)))

        clock = typed_at.astimezone().time() if typed_at else time(9)
        ft.context.page.show_dialog(ft.TimePicker(value=clock, on_change=time_picked, help_text=field.label))

    async def pick() -> None:
        picker = ft.DatePicker(
            value=day_before, first_date=date(1900, 1, 1), last_date=date(2100, 12, 31), on_change=day_picked,
            help_text=field.label
        )  # fmt: skip
        ft.context.page.show_dialog(picker)

    button = parts.icon_button(ft.Icons.CALENDAR_MONTH, _("Choose a date for {field}", field=field.label), pick)
    example = (
        values.short_moment(values.at_this_clock(date(2026, 12, 31), time(14, 30)))
        if timed
        else values.short_day("2026-12-31")
    )
    box = TextBox(
        ref=ways.box(field.name), label=label, value=text, error=error, helper=field.help or example,
        suffix_icon=button, error_max_lines=_LINES, helper_max_lines=_LINES,
        keyboard_type=ft.KeyboardType.DATETIME, read_only=model.saving,
        on_change=typed, on_blur=left,
    )  # fmt: skip
    return parts.field(box)


@ft.component
def Reference(
    shell: Shell, model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None, ways: Ways
) -> ft.Control:
    """The input for a reference: the name of the record that it points to, with buttons to find another and to clear
    it."""
    looking, look = ft.use_state(False)
    targets = [t for t in field.refers_to if shell.catalogue.shape(t) is not None]
    is_owner, name = field.name == model.shape.owner, model.name_of(field)

    async def begin() -> None:
        look(True)

    async def clear() -> None:
        model.choose(field.name, "", "")

    async def chosen(record: Record | None, name: str) -> None:
        look(False)
        if record is not None:
            model.choose(field.name, record.id, name)

    dialog = look_up_owner(shell, model.shape, field, chosen) if is_owner else look_up(shell, field, targets, chosen)
    can_look = is_owner or bool(targets)
    ft.use_dialog(dialog if looking and can_look else None)
    buttons: list[ft.Control] = []
    if text and not is_owner:
        buttons.append(parts.icon_button(ft.Icons.CLOSE, _("Clear {field}", field=values.label_of(field)), clear))
    if can_look:
        buttons.append(
            parts.icon_button(ft.Icons.SEARCH, _("Look up {field}", field=sought(shell, model.shape, field)), begin)
        )
    box = TextBox(
        ref=ways.box(field.name), label=label, value=name, read_only=True, error=error,
        helper=field.help, error_max_lines=_LINES, helper_max_lines=_LINES,
        suffix_icon=ft.Row(buttons, tight=True, spacing=0),
        on_click=begin if can_look else None,
    )  # fmt: skip
    return parts.field(box)


# Drop-downs


def border(error: str | None) -> ft.ColorValue | None:
    """The colour of a drop-down's border; None for the usual one."""
    return ft.Colors.ERROR if error else None


def with_words(dropdown: ft.Dropdown, name: str, error: str | None, said: str | None) -> ft.Control:
    """The drop-down of the field `name` over what there is to say of it. Flutter would give that one line, and cut the
    rest off."""
    return _column(name, parts.choice(dropdown), *_words(error, said))


def _words(error: str | None, said: str | None) -> list[ft.Control]:
    if not (error or said):
        return []
    color = ft.Colors.ERROR if error else ft.Colors.ON_SURFACE_VARIANT
    words = ft.Semantics(content=ft.Text(error or said or "", size=12, color=color), live_region=True)
    return [ft.Container(words, padding=ft.Padding.only(left=12, right=12, top=4))]


def _column(name: str, *controls: ft.Control) -> ft.Control:
    """What belongs to the field `name`, to which the form's foot leads."""
    return ft.Column(
        [beginning(name), *controls], spacing=0, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )
