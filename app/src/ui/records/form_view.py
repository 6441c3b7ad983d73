"""The form of any object, for a new record and for one that is changed."""

import flet as ft

from contract.calls import FieldShape
from data.repositories.merge import Conflict
from ui.places import Place
from ui.records.form_foot import Ways, end, foot
from ui.records.form_view_model import Alike, FormViewModel
from ui.records.inputs_view import Input, border, with_words
from ui.shared import hands, parts, theme, values
from ui.shared.live import keyed, use
from ui.shared.words import _
from ui.shell import Shell

_LONG = 255  # characters; a text area for more has a row of its own


@ft.component
def RecordForm(shell: Shell, model: FormViewModel, two_columns: bool, narrow: bool = False) -> ft.Control:
    """A `narrow` window is low too, a phone's at 200 %: a foot that is always in sight would leave no room for a
    field, so there it is the end of the form."""
    use(model)
    ways, _ways = ft.use_state(Ways)
    asks = bool(model.conflicts) or model.unsure or model.problem is not None or (narrow and bool(model.errors))

    async def show_what_it_asks() -> None:
        if asks:
            await ways.lead_to_end()

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
    head: list[ft.Control] = [parts.big_heading(title)]
    if model.record_types:
        head.append(_record_type(model))
    head += _what_is_lacking(model)
    # One control, however much is in it: if the cards moved, Flutter would make their fields anew under whoever types.
    rows: list[ft.Control] = [ft.Column(head, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)]
    for section, fields in model.sections:
        inputs = [
            (keyed(f.name, Input, shell, model, f, ways), f.type == "textarea" and f.length > _LONG) for f in fields
        ]
        grid = parts.columns(inputs, 2 if two_columns else 1, spacing=16)
        rows.append(
            parts.card(
                section.heading or _("More"),
                ft.Container(grid, padding=ft.Padding.only(top=8), ignore_interactions=model.saving),
            )
        )
    if model.conflicts:
        rows.append(_conflicts(model))
    elif model.unsure:
        rows.append(_unsure_question(shell, model))
    elif model.alike is not None:
        rows.append(_alike(shell, model))
    elif model.problem is not None:
        rows.append(parts.note(_(model.problem.message)))
    if narrow:
        # Its size is told once Flutter has laid out what has just come, which a way there before may end above.
        rows.append(ft.Container(end(shell, model, ways, narrow=True), on_size_change=show_what_it_asks))
    content = ft.Container(hands.group(parts.content(*rows, ref=ways.view)), expand=True, theme=theme.FIELDS)
    if narrow:
        return content
    return ft.Column([content, hands.group(foot(shell, model, ways))], expand=True, spacing=0,
                     horizontal_alignment=ft.CrossAxisAlignment.STRETCH)  # fmt: skip


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

    return with_words(
        ft.Dropdown(
            label=_("Record type") + " *", value=model.record_type or None, on_select=chosen, disabled=model.saving,
            options=[ft.DropdownOption(key=t.id, text=t.name) for t in model.record_types],
            border_color=border(model.errors.get(model.shape.record_type)),
        ),
        model.shape.record_type, model.errors.get(model.shape.record_type), model.hints.get(model.shape.record_type),
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


# The same field, changed by two


def _conflicts(model: FormViewModel) -> ft.Control:
    who, when = model.their_change
    fields = values.fields_of(model.shape)
    said = _(
        "{name} has changed the same fields ({when}). Whose value shall stay?",
        name=who or _("Someone else"),
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

    async def choose(value: str) -> None:
        model.decide(conflict.field, value)

    mine = _("My value: {value}", value=model.text_of_mine(conflict) or "–")
    who, value = model.their_change[0] or _("someone else"), model.text_of_theirs(conflict) or "–"
    theirs = _("Value of {name}: {value}", name=who, value=value)
    colour = ft.Colors.ON_TERTIARY_CONTAINER
    group = parts.radios([("mine", mine), ("theirs", theirs)], model.choices.get(conflict.field), choose, color=colour)
    return ft.Column([ft.Text(label, color=colour), group], tight=True, spacing=0)
