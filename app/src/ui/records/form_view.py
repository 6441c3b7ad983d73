"""The form of any object, for a new record and for one that is changed."""

from collections.abc import Callable
from datetime import date, datetime, time

import flet as ft

from contract.calls import FieldShape, Record
from ui.places import Place
from ui.records.form_view_model import Alike, FormViewModel
from ui.records.look_up import look_up, look_up_owner
from ui.shared import parts, theme, values
from ui.shared.live import keyed, use
from ui.shared.merge import Conflict
from ui.shared.words import _
from ui.shell import Shell

_KEYBOARDS = {"email": ft.KeyboardType.EMAIL, "phone": ft.KeyboardType.PHONE, "url": ft.KeyboardType.URL}
_LINES = 4  # that may stand below a field
_MANY = 8  # values from which on a picklist can be searched
_END = -1  # as an offset to scroll to
_LONG = 255  # characters; a text area for more has a row of its own


@ft.component
def RecordForm(shell: Shell, model: FormViewModel, two_columns: bool) -> ft.Control:
    use(model)
    view, _view = ft.use_state(lambda: ft.Ref[ft.Column]())
    asks = bool(model.conflicts) or model.unsure or model.problem is not None

    async def show_what_it_asks() -> None:
        if asks and view.current is not None:
            await view.current.scroll_to(offset=_END, duration=200)

    ft.use_effect(show_what_it_asks, [asks])
    if model.draft is None:
        if model.problem is not None:
            return parts.content(parts.trouble(model.problem, model.load))
        return parts.content(parts.skeleton_cards(320, 200))
    name = values.name(model.shape, model.draft.seen)
    title = (
        _("Change {title}", title=name or model.shape.label)
        if model.record_id
        else _("New {object}", object=model.shape.label)
    )
    rows: list[ft.Control] = [parts.big_heading(title)]
    if model.record_types:
        rows.append(_record_type(model))
    rows += _what_is_lacking(model)
    for section, fields in model.sections:
        inputs = [(keyed(f.name, Input, shell, model, f), f.type == "textarea" and f.length > _LONG) for f in fields]
        grid = parts.columns(inputs, 2 if two_columns else 1, spacing=16)
        rows.append(
            parts.card(
                section.heading or _("More"),
                ft.Container(grid, padding=ft.Padding.only(top=8), ignore_interactions=model.saving),
            )
        )
    # Where the person looks who has just tapped Save: above the button, not at the beginning of a long form.
    if model.conflicts:
        rows.append(_conflicts(model))
    elif model.unsure:
        rows.append(_unsure_question(shell, model))
    elif model.alike is not None:
        rows.append(_alike(shell, model))
    elif model.problem is not None:
        rows.append(parts.note(_(model.problem.message)))
    elif model.errors:
        rows.append(parts.note(_("Please look at the marked fields.")))
    rows.append(_leave_question(shell, model) if model.asks_to_leave else _buttons(shell, model))
    rows.append(ft.Container(height=parts.BANNER))  # the end of the form can be scrolled out from under a banner
    return parts.content(*rows, ref=view)


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
    return ft.Row([save, leave], spacing=8, wrap=True)


def _unsure_question(shell: Shell, model: FormViewModel) -> ft.Control:
    async def look() -> None:
        await shell.go(Place("list", model.shape.sobject))

    said = _(
        "This was sent before, and nobody can tell whether it was saved. Look whether it is there. If it is not, save"
        " it as a new record."
    )
    return parts.note(
        said,
        kind="question",
        actions=[
            ft.FilledButton(_("Look for it"), height=theme.TARGET, on_click=look),
            ft.OutlinedButton(_("Save as new"), height=theme.TARGET, disabled=model.saving, on_click=model.save_as_new),
        ],
    )


def _alike(shell: Shell, model: FormViewModel) -> ft.Control:
    """The records that may be the same, each a way to it, and the way to save nevertheless."""

    def way_to(alike: Alike) -> ft.Control:
        async def look() -> None:
            await shell.go(Place("record", alike.sobject, alike.record_id))

        return ft.OutlinedButton(_("Open {title}", title=alike.name), height=theme.TARGET, on_click=look)

    anyway = ft.FilledButton(_("Save anyway"), height=theme.TARGET, disabled=model.saving, on_click=model.save_anyway)
    actions = [way_to(alike) for alike in model.records_alike]
    assert model.alike is not None
    return parts.note(
        _(model.alike.message), kind="question", actions=[*actions, *([anyway] if model.may_be_saved_anyway else [])]
    )


def _record_type(model: FormViewModel) -> ft.Control:
    async def chosen(event: ft.Event[ft.Dropdown]) -> None:
        await model.choose_type(event.control.value or "")

    return _with_words(
        ft.Dropdown(
            label=_("Record type") + " *", value=model.record_type or None, on_select=chosen, disabled=model.saving,
            options=[ft.DropdownOption(key=t.id, text=t.name) for t in model.record_types],
            border_color=_border(model.errors.get(model.shape.record_type)),
        ),
        model.errors.get(model.shape.record_type), model.hints.get(model.shape.record_type),
    )  # fmt: skip


def _what_is_lacking(model: FormViewModel) -> list[ft.Control]:
    """That the values of the record's type are not there, so that each picklist shows all of its values."""
    lacks = model.lacks_picklists
    if lacks is None:
        words = _("The values of this record type are still on their way. You can begin already.")
        return [parts.note(words, kind="calm")]
    if not lacks:
        return []
    words = _("The values of this record type did not come. Salesforce checks yours when you save.")
    again = ft.TextButton(_("Try again"), height=theme.TARGET, on_click=model.renew_picklists)
    return [parts.note(words, kind="calm", actions=[again])]


def _leave_question(shell: Shell, model: FormViewModel) -> ft.Control:
    async def throw_away() -> None:
        model.throw_away()
        await shell.go(_back(model))

    async def stay() -> None:
        model.ask_to_leave(False)

    async def later() -> None:
        model.ask_to_leave(False)
        await shell.go(_back(model))

    return parts.note(
        _("Throw away what you typed?"),
        kind="question",
        actions=[
            ft.FilledButton(_("Go on"), height=theme.TARGET, on_click=stay),
            ft.OutlinedButton(_("Keep for later"), height=theme.TARGET, on_click=later),
            ft.OutlinedButton(_("Throw away"), height=theme.TARGET, on_click=throw_away),
        ],
    )


def _back(model: FormViewModel) -> Place:
    return (
        Place("record", model.shape.sobject, model.record_id) if model.record_id else Place("list", model.shape.sobject)
    )


# The same field, changed by two


def _conflicts(model: FormViewModel) -> ft.Control:
    who, when = model.their_change
    fields = values.fields_of(model.shape)
    said = _(
        "{name} has changed the same fields ({when}). Whose value shall stay?",
        name=who,
        when=values.time_of(when) if when else "–",
    )
    rows = [_one_conflict(model, c, fields.get(c.field)) for c in model.conflicts]
    save = ft.FilledButton(
        _("Save"), icon=ft.Icons.CHECK, height=theme.TARGET, disabled=not model.decided, on_click=model.save_decided
    )
    title = ft.Semantics(
        content=ft.Text(said, weight=ft.FontWeight.W_600, color=ft.Colors.ON_TERTIARY_CONTAINER), live_region=True
    )
    return ft.Container(
        ft.Column([title, *rows, save], tight=True, spacing=12),
        bgcolor=ft.Colors.TERTIARY_CONTAINER,
        border_radius=12,
        padding=16,
    )


def _one_conflict(model: FormViewModel, conflict: Conflict, field: FieldShape | None) -> ft.Control:
    label = conflict.field if field is None else values.label_of(field)

    async def chosen(event: ft.Event[ft.RadioGroup]) -> None:
        model.decide(conflict.field, str(event.control.value))

    style = ft.TextStyle(color=ft.Colors.ON_TERTIARY_CONTAINER)
    mine = ft.Radio(
        value="mine", label=_("Mine: {value}", value=model.text_of_mine(conflict) or "–"), label_style=style
    )
    theirs = ft.Radio(
        value="theirs", label=_("Theirs: {value}", value=model.text_of_theirs(conflict) or "–"), label_style=style
    )
    group = ft.RadioGroup(
        ft.Column([mine, theirs], tight=True, spacing=0), value=model.choices.get(conflict.field), on_change=chosen
    )
    return ft.Column([ft.Text(label, color=ft.Colors.ON_TERTIARY_CONTAINER), group], tight=True, spacing=0)


# Fields


@ft.component
def Input(shell: Shell, model: FormViewModel, field: FieldShape) -> ft.Control:
    """The input for a field, by its type."""
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
            return _multipicklist(model, field, label, text)
        case "boolean":
            return _boolean(model, field, text)
        case "reference":
            return Reference(shell, model, field, label, text, error)
        case "date" | "datetime":
            return _date(model, field, label, text, error, left)
        case _:
            return _text(model, field, label, text, error, left)


def _text(
    model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None, left: Callable[[], None]
) -> ft.Control:
    def typed(event: ft.Event[ft.TextField]) -> None:
        model.type(field.name, event.control.value)

    code = values.code_of(field, model.mine)
    long, is_number = field.type == "textarea", field.type in values.NUMBERS
    box = ft.TextField(
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
        capitalization=(
            ft.TextCapitalization.NONE if field.type in ("email", "url") else ft.TextCapitalization.SENTENCES
        ),
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
    return _with_words(
        ft.Dropdown(
            label=label, value=text, options=options, on_select=chosen, border_color=_border(error),
            menu_height=320, disabled=waits_for is not None,
            editable=many, enable_filter=many, enable_search=many, trailing_icon=arrow, selected_trailing_icon=arrow,
        ),
        error, _help(model, field),
    )  # fmt: skip


def _border(error: str | None) -> ft.ColorValue | None:
    return ft.Colors.ERROR if error else None


def _with_words(dropdown: ft.Dropdown, error: str | None, said: str | None) -> ft.Control:
    """A drop-down over what there is to say of it. Flutter would give that one line, and cut the rest off."""
    rows = [parts.choice(dropdown)]
    if error or said:
        color = ft.Colors.ERROR if error else ft.Colors.ON_SURFACE_VARIANT
        words = ft.Semantics(content=ft.Text(error or said or "", size=12, color=color), live_region=True)
        rows.append(ft.Container(words, padding=ft.Padding.symmetric(horizontal=12)))
    return ft.Column([*rows], spacing=4, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _multipicklist(model: FormViewModel, field: FieldShape, label: str, text: str) -> ft.Control:
    chosen, offered = [v for v in text.split(";") if v], model.offered(field)
    others = [v for v in chosen if v not in offered]  # that it has from before

    def chip(value: str) -> ft.Control:
        def select(_event: ft.Event[ft.Chip]) -> None:
            now = [v for v in (*offered, *others) if (v in chosen) != (v == value)]
            model.choose(field.name, ";".join(now))

        return ft.Chip(label=field.labels.get(value, value), selected=value in chosen, on_select=select)

    name = ft.Text(label, size=12, color=ft.Colors.ON_SURFACE_VARIANT)
    said = _help(model, field)
    below: list[ft.Control] = [parts.faint(said)] if said else []
    chips: list[ft.Control] = [chip(v) for v in (*offered, *others)]
    return ft.Column([name, ft.Row(chips, wrap=True, spacing=8), *below], spacing=4, tight=True)


def _help(model: FormViewModel, field: FieldShape) -> str | None:
    """What stands below a picklist: why a value was removed, what has to be chosen first, or Salesforce's own help."""
    waits_for = model.waits_for(field)
    first = None if waits_for is None else _("Choose {field} first.", field=values.label_of(waits_for))
    return " ".join(said for said in (model.hints.get(field.name), first) if said) or field.help


def _boolean(model: FormViewModel, field: FieldShape, text: str) -> ft.Control:
    def switched(event: ft.Event[ft.Switch]) -> None:
        model.choose(field.name, "true" if event.control.value else "")

    return ft.Container(ft.Switch(label=field.label, value=text == "true", on_change=switched), height=theme.TARGET)


def _date(
    model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None, left: Callable[[], None]
) -> ft.Control:
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
    box = ft.TextField(
        label=label, value=text, error=error, helper=field.help or example, suffix_icon=button,
        error_max_lines=_LINES, helper_max_lines=_LINES,
        keyboard_type=ft.KeyboardType.DATETIME, read_only=model.saving,
        on_change=typed, on_blur=left,
    )  # fmt: skip
    return parts.field(box)


@ft.component
def Reference(
    shell: Shell, model: FormViewModel, field: FieldShape, label: str, text: str, error: str | None
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
        buttons.append(parts.icon_button(ft.Icons.SEARCH, _("Look up {field}", field=values.label_of(field)), begin))
    box = ft.TextField(
        label=label, value=name, read_only=True, error=error,
        helper=field.help, error_max_lines=_LINES, helper_max_lines=_LINES,
        suffix_icon=ft.Row(buttons, tight=True, spacing=0),
        on_click=begin if can_look else None,
    )  # fmt: skip
    return parts.field(box)
