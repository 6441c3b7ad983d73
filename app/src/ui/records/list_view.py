"""The list of any object."""

from collections.abc import Callable

import flet as ft

from contract.calls import FieldShape, FieldValue, Record, SobjectShape
from ui.places import Place
from ui.records import org_views_view
from ui.records.list_view_model import ListViewModel
from ui.records.look_up import look_up_owner
from ui.shared import activity_rows, parts, theme, values
from ui.shared.live import kept, use
from ui.shared.text_box import SearchBox
from ui.shared.words import _
from ui.shell import Shell

_NEAR_END = 600  # pixels before the end at which the next page is asked for
_SCREENFUL = 10  # rows
_PULLED = 80  # pixels beyond the beginning at which a pull refreshes


@ft.component
def RecordList(shell: Shell, model: ListViewModel, selected: str = "", narrow: bool = False) -> ft.Control:
    """`selected` is the id of the record that is shown beside the list, "" for none; `narrow` whether a row has no room
    for an amount beside its title."""
    use(model)
    view, _view = ft.use_state(lambda: ft.Ref[ft.ListView]())
    pulled = ft.use_ref(0.0)

    async def scrolled(event: ft.OnScrollEvent) -> None:
        if event.event_type is ft.ScrollType.OVERSCROLL and event.pixels <= 0:
            pulled.current = (pulled.current or 0.0) - (event.overscroll or 0.0)
        elif event.event_type is ft.ScrollType.END:
            refresh, pulled.current = (pulled.current or 0.0) > _PULLED, 0.0
            if refresh:
                await model.refresh()
        model.offset = event.pixels
        if event.pixels > event.max_scroll_extent - _NEAR_END:
            await model.more()

    async def back_to_where_it_was() -> None:
        if model.offset > 0 and view.current is not None:
            await view.current.scroll_to(offset=model.offset, duration=0)

    ft.use_effect(back_to_where_it_was, [model])
    # A screenful first: what is out of sight is built while Flutter paints it.
    whole, complete = ft.use_state(model.offset > 0)
    ft.use_effect(lambda: complete(True), [])
    items = model.items if whole else model.items[:_SCREENFUL]
    rows: list[ft.Control] = [
        _row(shell, model, n, r, selected=r.id == selected, narrow=narrow) for n, r in enumerate(items)
    ]
    if model.problem is not None:
        rows.append(parts.trouble(model.problem, model.refresh if not items else model.more))
    elif model.loading and not items:
        rows.append(parts.skeleton_tiles())
    elif not items:
        rows.append(_empty(model))
    elif model.complete and whole:
        rows.append(ft.Container(parts.faint(_("That's all.")), alignment=ft.Alignment.CENTER, padding=16))
    listed = ft.ListView(
        rows, expand=True, spacing=0, on_scroll=scrolled, scroll_interval=100, padding=ft.Padding.only(bottom=16),
        semantic_child_count=len(rows), ref=view,
    )  # fmt: skip
    aged = parts.age_line(model.age, problem=model.problem is not None)
    # What comes and goes stands in a box of its own: if it moved the list, Flutter would make that anew, at its top.
    above = ft.Column(
        [*narrowing(shell, model), *aged],
        tight=True,
        spacing=8,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    column = ft.Column(
        [above, listed],
        expand=True,
        spacing=8,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return ft.Container(
        ft.Container(column, width=theme.CONTENT_WIDTH, padding=ft.Padding.only(left=16, right=16, top=8)),
        alignment=ft.Alignment.TOP_CENTER,
        expand=True,
    )


def narrowing(shell: Shell, model: ListViewModel, *, on_board: bool = False) -> list[ft.Control]:
    """What stands above a list and above a board: the search, and what the records are filtered and sorted by. To be
    called at each painting of a component."""
    looking, look = ft.use_state(False)
    choosing, choose = ft.use_state(False)
    _owner_dialog(shell, model, looking, look)
    ft.use_dialog(org_views_view.dialog(model, lambda: choose(False)) if choosing else None)
    views = [] if on_board else [org_views_view.selector(model, lambda: choose(True))]
    chips = _chips(model, lambda: look(True), _list_or_board(shell, model, on_board=on_board))
    return [*views, _search(model), chips]


def _list_or_board(shell: Shell, model: ListViewModel, *, on_board: bool) -> list[ft.Control]:
    """The way from the list to the board and back, for an object that has one."""
    if model.shape.board is None:
        return []

    async def change() -> None:
        await shell.show_as_board(model.shape.sobject, wanted=not on_board)

    words, icon = (_("List"), ft.Icons.VIEW_LIST_OUTLINED) if on_board else (_("Board"), ft.Icons.VIEW_KANBAN_OUTLINED)
    return [ft.OutlinedButton(words, icon=icon, height=theme.TARGET, on_click=change)]


def _row(shell: Shell, model: ListViewModel, n: int, record: Record, *, selected: bool, narrow: bool) -> ft.Control:
    """The row with the number `n`: a record that two pages have is there twice."""
    waits = model.waits(record.id)
    return kept(
        model,
        f"row {n}",
        (record, selected, narrow, model.shape, waits, activity_rows.is_open(shell, model.shape, record)),
        lambda: _new_row(shell, model.shape, record, selected=selected, narrow=narrow, waits=waits),
    )


def _new_row(
    shell: Shell, shape: SobjectShape, record: Record, *, selected: bool, narrow: bool, waits: bool
) -> ft.Control:
    async def open_record() -> None:
        await shell.go(Place("record", shape.sobject, record.id))

    amount = record.fields.get(shape.amount)
    trailing = values.money(amount, values.currency_of(shape, record.fields)) if isinstance(amount, int | float) else ""
    summary = values.summary(shape, record, leave_out=(shape.amount,))
    if narrow and trailing:
        summary, trailing = [trailing, *summary], ""
    if waits:
        summary = [_("waiting to be sent"), *summary]
    return parts.tile(
        values.title(shape, record), values.joined(*summary), open_record, trailing, selected=selected, key=record.id,
        leading=activity_rows.circle_of(shell, shape, record),
    )  # fmt: skip


def _search(model: ListViewModel) -> ft.Control:
    label = _("Search in {objects}", objects=model.shape.label_plural)
    return SearchBox(label, lambda: model.search, model.type, model.enter)


def _owner_dialog(shell: Shell, model: ListViewModel, looking: bool, look: Callable[[bool], None]) -> None:
    """The dialog that finds by whose records the list is filtered, while it is wanted."""
    field = values.fields_of(model.shape).get(model.shape.owner)

    async def chosen(owner: Record | None, name: str) -> None:
        look(False)
        if owner is not None:
            await model.choose_owner(owner.id, name)

    ft.use_dialog(look_up_owner(shell, model.shape, field, chosen) if looking and field is not None else None)


def _chips(model: ListViewModel, look: Callable[[], None], first: list[ft.Control]) -> ft.Control:
    """What the list is filtered and sorted by, behind what comes `first`; each opens its values. `look` opens the way
    to find an owner."""
    fields = values.fields_of(model.shape)
    chips: list[ft.Control] = [*first, _sort(model), *_all_or_preset(model)]
    chips += [_filter(model, fields[name], look) for name in model.filterable if name in fields]
    return ft.Row(chips, scroll=ft.ScrollMode.AUTO, spacing=8, height=theme.TARGET + 4)


def _all_or_preset(model: ListViewModel) -> list[ft.Control]:
    """One tap to see everything, and back to how the list began."""
    if model.filters:
        words = _("Show all") if model.views.chosen is None else _("Remove filters")
        icon, tapped = ft.Icons.FILTER_ALT_OFF_OUTLINED, model.show_all
    elif model.shape.preset is not None and model.views.chosen is None:
        words, icon, tapped = _("Reset filters"), ft.Icons.FILTER_ALT_OUTLINED, model.reset
    else:
        return []
    return [ft.OutlinedButton(words, icon=icon, height=theme.TARGET, on_click=tapped)]


def _empty(model: ListViewModel) -> ft.Control:
    rows: list[ft.Control] = [parts.faint(_("Nothing found."))]
    if model.filters:
        rows.append(ft.TextButton(_("Show all"), height=theme.TARGET, on_click=model.show_all))
    column = ft.Column(rows, tight=True, horizontal_alignment=ft.CrossAxisAlignment.CENTER)
    return ft.Container(column, alignment=ft.Alignment.CENTER, padding=32)


def _filter(model: ListViewModel, field: FieldShape, look: Callable[[], None]) -> ft.Control:
    chosen = model.filters.get(field.name)

    def item(text: str, value: FieldValue) -> ft.PopupMenuItem:
        async def choose(_event: ft.Event[ft.PopupMenuItem]) -> None:
            await model.choose_filter(field.name, value)

        return ft.PopupMenuItem(text, checked=value == chosen, on_click=choose, height=theme.TARGET)

    if field.type == "reference":
        options: list[tuple[str, FieldValue]] = [(_("Mine"), "me")]
        options += [(model.owner_name, chosen)] if model.owner_name and field.name == model.shape.owner else []
    elif field.type == "boolean":
        options = [(_("Yes"), True), (_("No"), False)]
    else:
        options = [(field.labels.get(v, v), v) for v in field.picklist]
    label = values.label_of(field)
    words = label if chosen is None else f"{label}: {next((t for t, v in options if v == chosen), chosen)}"
    items = [item(_("All"), None), *(item(t, v) for t, v in options)]
    if field.name == model.shape.owner:
        somebody = _("A user or a queue …") if len(field.refers_to) > 1 else _("Somebody else …")
        items.append(ft.PopupMenuItem(somebody, on_click=look, height=theme.TARGET))
    return _chip(words, items, chosen is not None)


def _sort(model: ListViewModel) -> ft.Control:
    fields = values.fields_of(model.shape)
    sort = model.order

    def item(name: str) -> ft.PopupMenuItem:
        async def choose(_event: ft.Event[ft.PopupMenuItem]) -> None:
            await model.choose_sort(name)

        return ft.PopupMenuItem(
            fields[name].label, checked=sort is not None and sort.field == name, on_click=choose, height=theme.TARGET
        )

    by = fields[sort.field].label if sort is not None and sort.field in fields else ""
    arrow = ft.Icons.ARROW_DOWNWARD if sort is not None and sort.descending else ft.Icons.ARROW_UPWARD
    return _chip(
        _("Sorted by {field}", field=by) if by else _("Sorted as in Salesforce") if sort is not None else _("Sort"),
        [item(n) for n in model.shape.sorts if n in fields],
        False,
        arrow,
    )


def _chip(
    label: str, items: list[ft.PopupMenuItem], active: bool, icon: ft.IconData = ft.Icons.ARROW_DROP_DOWN
) -> ft.Control:
    text = ft.Text(label, color=ft.Colors.ON_SECONDARY_CONTAINER if active else ft.Colors.ON_SURFACE, no_wrap=True)
    arrow = ft.Icon(icon, size=18, color=ft.Colors.ON_SECONDARY_CONTAINER if active else ft.Colors.ON_SURFACE_VARIANT)
    body = ft.Container(
        ft.Row([text, arrow], spacing=4, tight=True),
        padding=ft.Padding.only(left=16, right=8),
        height=theme.TARGET,
        border_radius=theme.TARGET / 2,
        bgcolor=ft.Colors.SECONDARY_CONTAINER if active else None,
        border=None if active else ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
    )
    return ft.PopupMenuButton(content=body, items=items, tooltip="")
