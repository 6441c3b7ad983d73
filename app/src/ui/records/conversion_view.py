"""The page on which a record is converted, and what the record's own page says of it."""

from collections.abc import Callable

import flet as ft

from contract.calls import FieldShape, Record
from contract.conversion import Became, Becomes
from ui.places import Place
from ui.records.conversion_view_model import NEW, Choice, ConversionViewModel
from ui.records.look_up import look_up
from ui.records.record_view_model import RecordViewModel
from ui.shared import hands, parts, theme, values
from ui.shared.live import use
from ui.shared.text_box import TextBox
from ui.shared.words import _
from ui.shell import Shell

_LINES = 4  # that may stand below a field


def button(shell: Shell, model: RecordViewModel) -> ft.Control:
    """The way to the page on which a record is converted."""

    async def begin() -> None:
        await shell.go(Place("convert", model.shape.sobject, model.record_id))

    return ft.FilledTonalButton(_("Convert"), icon=ft.Icons.CALL_SPLIT, height=theme.TARGET, on_click=begin)


def became(shell: Shell, model: RecordViewModel) -> ft.Control:
    """What a record was converted into, each a way to it where the person may see it."""

    def line(one: Became) -> ft.Control:
        shape = shell.catalogue.shape(one.sobject)

        async def open_it() -> None:
            await shell.go(Place("record", one.sobject, one.id))

        label = one.sobject if shape is None else shape.label
        icon = ft.Icons.ARROW_FORWARD if shape is None else parts.icon_of(shape.icon)
        return parts.tile(one.name or label, label, None if shape is None else open_it, icon=icon, wraps=True)

    known = [one for one in model.became if one.name or shell.catalogue.shape(one.sobject) is not None]
    return parts.card(_("Converted into"), *map(line, known))


@ft.component
def ConversionPage(shell: Shell, model: ConversionViewModel) -> ft.Control:
    use(model)
    looking, look = ft.use_state("")
    ft.use_dialog(_finder(shell, model, looking, lambda: look("")) if looking else None)
    if model.record is None or model.choices is None:
        if model.problem is not None:
            return parts.content(parts.trouble(model.problem, model.load), width=theme.CONTENT_WIDTH)
        return parts.content(parts.skeleton_cards(180, 180, 120))
    one = model.conversion
    rows: list[ft.Control] = [
        parts.big_heading(_("Convert {title}", title=model.title)),
        _card(shell, one.account, model.accounts, model.account, model.choose_account, look),
        _card(shell, one.contact, model.contacts, model.contact, model.choose_contact, look),
    ]
    if one.opportunity is not None:
        rows.append(_opportunity(shell, model, one.opportunity))
    if len(model.choices.statuses) > 1:
        rows.append(_status(model))
    if model.said:
        rows.append(parts.note(model.said))
    rows.append(_buttons(shell, model))
    page = parts.content(*rows)
    return hands.group(ft.Container(page, expand=True, theme=theme.FIELDS, ignore_interactions=model.converting))


def _label(shell: Shell, one: Becomes) -> str:
    shape = shell.catalogue.shape(one.sobject)
    return one.sobject if shape is None else shape.label


def _card(
    shell: Shell,
    one: Becomes,
    choices: list[Choice],
    chosen: Choice,
    choose: Callable[[str], None],
    look: Callable[[str], None],
) -> ft.Control:
    """A new record, or one that is there."""
    label = _label(shell, one)

    async def picked(value: str) -> None:
        choose(value or NEW)

    def words(choice: Choice) -> str:
        if choice.id == NEW:
            return _("New: {name}", name=choice.title)
        return values.joined(choice.title, choice.below, choice.account_title)

    def find() -> None:
        look(one.sobject)

    group = parts.radios([(choice.id, words(choice)) for choice in choices], chosen.id, picked)
    other = ft.TextButton(
        _("Look up {field}", field=label), icon=ft.Icons.SEARCH, height=theme.TARGET, on_click=find
    )  # fmt: skip
    return parts.card(label, group, ft.Row([other]))


def _finder(shell: Shell, model: ConversionViewModel, sobject: str, close: Callable[[], None]) -> ft.AlertDialog:
    is_account = sobject == model.conversion.account.sobject
    one = model.conversion.account if is_account else model.conversion.contact
    field = FieldShape(one.field, _label(shell, one), "reference", False, True, True, refers_to=(sobject,))

    async def chosen(record: Record | None, _name: str) -> None:
        close()
        if record is not None:
            (model.found_account if is_account else model.found_contact)(record)

    return look_up(shell, field, [sobject], chosen)


def _opportunity(shell: Shell, model: ConversionViewModel, one: Becomes) -> ft.Control:
    label = _label(shell, one)

    def switched(event: ft.Event[ft.Switch]) -> None:
        model.switch_opportunity(bool(event.control.value))

    def typed(event: ft.Event[ft.TextField]) -> None:
        model.type_name(event.control.value)

    switch = ft.Switch(label=_("New {object}", object=label), value=model.with_opportunity, on_change=switched)
    rows: list[ft.Control] = [ft.Container(switch, height=theme.TARGET)]
    if model.with_opportunity:
        shape = shell.catalogue.shape(one.sobject)
        title = None if shape is None else values.fields_of(shape).get(shape.title)
        named = label if title is None else values.label_of(title)
        box = TextBox(
            label=f"{named} *", value=model.opportunity_name, error=model.name_error or None,
            error_max_lines=_LINES, read_only=model.converting, on_change=typed,
        )  # fmt: skip
        rows.append(parts.field(box))
    return parts.card(label, *rows)


def _status(model: ConversionViewModel) -> ft.Control:
    def chosen(event: ft.Event[ft.Dropdown]) -> None:
        model.choose_status(event.control.value or "")

    statuses = () if model.choices is None else model.choices.statuses
    options = [ft.DropdownOption(key=status.value, text=status.label) for status in statuses]
    return parts.choice(ft.Dropdown(label=_("Status"), value=model.status, options=options, on_select=chosen))


def _buttons(shell: Shell, model: ConversionViewModel) -> ft.Control:
    here = Place("convert", model.shape.sobject, model.record_id)

    async def convert() -> None:
        opens = await model.convert()
        if opens is not None and shell.place == here:
            await shell.go(Place("record", opens.sobject, opens.id))

    async def cancel() -> None:
        await shell.go(Place("record", model.shape.sobject, model.record_id))

    convert_it = ft.FilledButton(
        _("Just a moment …") if model.converting else _("Convert"), icon=ft.Icons.CALL_SPLIT, height=theme.TARGET,
        disabled=model.converting, on_click=convert,
    )  # fmt: skip
    leave = ft.TextButton(_("Cancel"), height=theme.TARGET, disabled=model.converting, on_click=cancel)
    return ft.Row([convert_it, leave], spacing=8, wrap=True)
