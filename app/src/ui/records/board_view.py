"""The board of any object with stages: columns side by side, on a phone one at a time under the names of all."""

import flet as ft

from contract.calls import Record
from ui.places import Place
from ui.records import stage_view
from ui.records.board_view_model import BoardViewModel, Column
from ui.records.list_view import narrowing
from ui.shared import parts, theme, values
from ui.shared.live import kept, keyed, use
from ui.shared.words import _, n_
from ui.shell import Shell

_CARDS = "cards"  # what may be dragged onto columns
_WIDTH, _TARGET_WIDTH = 272, 160  # pixels of a column, and of one that only takes cards


@ft.component
def BoardPage(shell: Shell, model: BoardViewModel, wide: bool) -> ft.Control:
    """`wide` is whether several columns have room beside each other."""
    use(model)
    ft.use_dialog(stage_view.dialog(shell, model.shape.sobject, model.moves))
    columns = model.columns
    above = ft.Column(
        [*narrowing(shell, model, on_board=True), *_converted(model),
         *parts.age_line(model.age, problem=model.problem is not None)],
        tight=True, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )  # fmt: skip
    if model.problem is not None and not columns:
        body: ft.Control = parts.trouble(model.problem, model.refresh)
    elif not columns:
        body = parts.skeleton_cards(120, 120, 120)
    elif wide:
        body = keyed("columns", _Columns, shell, model)
    else:
        body = keyed("pages", _Pages, shell, model)
    return ft.Container(
        ft.Column([above, body], expand=True, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        padding=ft.Padding.only(left=16, right=16, top=8), expand=True,
    )  # fmt: skip


def _converted(model: BoardViewModel) -> list[ft.Control]:
    return [parts.faint(_("Converted to {currency}", currency=model.currency))] if model.currency else []


# Side by side


@ft.component
def _Columns(shell: Shell, model: BoardViewModel) -> ft.Control:
    use(model)
    row, _row = ft.use_state(lambda: ft.Ref[ft.Row]())
    columns = model.columns

    async def show_where_one_is() -> None:
        before = 0
        for column in columns:
            if column.stage == model.stage:
                break
            before += 8 + (_TARGET_WIDTH if column.only_target else _WIDTH)
        if before and row.current is not None:
            await row.current.scroll_to(offset=before)

    ft.use_effect(show_where_one_is, [model.stage])
    shown = [keyed(f"column {c.stage}", _Column, shell, model, c) for c in columns]
    return ft.Row(
        shown, scroll=ft.ScrollMode.AUTO, expand=True, spacing=8, ref=row,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )  # fmt: skip


@ft.component
def _Column(shell: Shell, model: BoardViewModel, column: Column) -> ft.Control:
    over, hover = ft.use_state(False)
    content = ft.Column(
        [_head(model, column), ft.ListView(_cards(shell, model, column, wide=True), expand=True, spacing=8)],
        spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )  # fmt: skip
    box = ft.Container(
        content, width=_TARGET_WIDTH if column.only_target else _WIDTH, padding=8, border_radius=16,
        bgcolor=ft.Colors.SECONDARY_CONTAINER if over else ft.Colors.SURFACE_CONTAINER_LOW,
    )  # fmt: skip
    if not model.moves.are_possible:
        return box

    async def accept(event: ft.DragTargetEvent) -> None:
        hover(False)
        record_id = str(event.src.data)
        needs_form = await model.move(record_id, column.stage)
        await stage_view.follow(shell, model.shape.sobject, record_id, needs_form=needs_form)

    return ft.DragTarget(
        box, group=_CARDS, on_accept=accept, on_will_accept=lambda _event: hover(True),
        on_leave=lambda _event: hover(False),
    )  # fmt: skip


def _head(model: BoardViewModel, column: Column) -> ft.Control:
    """A column's stage with its sum and count, read out as one heading."""
    title = ft.Text(
        column.words, weight=ft.FontWeight.W_600, max_lines=2 if column.only_target else 1,
        overflow=ft.TextOverflow.ELLIPSIS,
    )  # fmt: skip
    if column.only_target:
        return ft.Semantics(content=title, label=column.words, header=True, exclude_semantics=True)
    said = _sums(model, column)
    body = ft.Column([title, parts.faint(said, size=13)], spacing=0, tight=True)
    return ft.Semantics(content=body, label=f"{column.words}: {said}", header=True, exclude_semantics=True)


def _sums(model: BoardViewModel, column: Column) -> str:
    currency = model.currency or values.currency_of(model.shape)
    amount = "" if column.amount is None else values.money(column.amount, currency)
    return values.joined(amount, n_("{count} deal", "{count} deals", column.count))


# One at a time


@ft.component
def _Pages(shell: Shell, model: BoardViewModel) -> ft.Control:
    use(model)
    pages, _pages = ft.use_state(lambda: ft.Ref[ft.PageView]())
    names, _names = ft.use_state(lambda: ft.Ref[ft.Row]())
    columns = model.columns
    at = next((n for n, c in enumerate(columns) if c.stage == model.stage), 0)

    def turned(event: ft.Event[ft.PageView]) -> None:
        model.look_at(columns[int(event.control.selected_index)].stage)

    async def show_name() -> None:
        if names.current is not None and columns:
            await names.current.scroll_to(scroll_key=columns[at].stage, duration=150)

    ft.use_effect(show_name, [at])

    def page(n: int, column: Column) -> ft.Control:
        if abs(n - at) > 1:  # what is out of sight is not built
            return ft.Container()
        rows = [_head(model, column), *_cards(shell, model, column, wide=False)]
        return ft.ListView(rows, spacing=8, padding=ft.Padding.only(bottom=16))

    chips = ft.Row(
        [_name(model, c, n, at, pages) for n, c in enumerate(columns)], scroll=ft.ScrollMode.AUTO, spacing=8,
        height=theme.TARGET + 4, ref=names,
    )  # fmt: skip
    turning = ft.PageView(
        [page(n, c) for n, c in enumerate(columns)], selected_index=at, on_change=turned, ref=pages, expand=True
    )
    return ft.Column([chips, turning], expand=True, spacing=8, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _name(model: BoardViewModel, column: Column, n: int, at: int, pages: ft.Ref[ft.PageView]) -> ft.Control:
    """A stage's name, which shows its column."""

    async def show() -> None:
        model.look_at(column.stage)
        if pages.current is not None:
            await pages.current.go_to_page(n, animation_duration=150)

    words = column.words if column.only_target else f"{column.words} ({column.count})"
    button = (
        ft.FilledTonalButton(words, height=theme.TARGET, on_click=show)
        if n == at
        else ft.OutlinedButton(words, height=theme.TARGET, on_click=show)
    )
    return ft.Container(ft.Semantics(content=button, selected=n == at), key=ft.ScrollKey(column.stage))


# Cards


def _cards(shell: Shell, model: BoardViewModel, column: Column, *, wide: bool) -> list[ft.Control]:
    shown = [_card(shell, model, column, n, record, wide=wide) for n, record in enumerate(column.cards)]
    if column.more:
        shown.append(_more(model, column))
    elif not shown and not column.only_target:
        shown.append(ft.Container(parts.faint(_("Nothing here."), size=13), padding=8))
    return shown


def _more(model: BoardViewModel, column: Column) -> ft.Control:
    async def more() -> None:
        await model.more_of(column.stage)

    waits = model.fetching == column.stage
    words = _("Loading …") if waits else _("Show more")
    return ft.TextButton(words, height=theme.TARGET, disabled=waits, on_click=more)


def _card(shell: Shell, model: BoardViewModel, column: Column, n: int, record: Record, *, wide: bool) -> ft.Control:
    days, moves = model.days_in_stage(record), model.moves.are_possible
    return kept(
        model,
        f"card {column.stage} {n}",
        (record, wide, days, moves, model.shape),
        lambda: _new_card(shell, model, record, days, moves=moves, wide=wide),
    )


def _new_card(
    shell: Shell, model: BoardViewModel, record: Record, days: int | None, *, moves: bool, wide: bool
) -> ft.Control:
    shape = model.shape
    title = values.title(shape, record)

    async def open_record() -> None:
        await shell.go(Place("record", shape.sobject, record.id))

    async def choose() -> None:
        await model.moves.choose_for(record)

    icon = ft.Icons.DRAG_INDICATOR if wide else ft.Icons.SWAP_HORIZ
    button = parts.icon_button(icon, _("Move {title} to …", title=title), choose)
    tile = ft.ListTile(
        title=ft.Text(title, size=14, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS),
        subtitle=ft.Text(_below(model, record, days), size=12, max_lines=4, overflow=ft.TextOverflow.ELLIPSIS),
        on_click=open_record, on_long_press=choose if moves else None, content_padding=ft.Padding.only(left=12),
        min_height=theme.TARGET,
    )  # fmt: skip
    # The button stands beside the tile: within it, assistive technology would read and tap both as one.
    row = ft.Row([ft.Container(tile, expand=True), *([button] if moves else [])], spacing=0)
    behind = ft.Colors.SURFACE if wide else ft.Colors.SURFACE_CONTAINER_LOW
    card = ft.Container(row, bgcolor=behind, border_radius=12)
    # Where one column fills the screen a finger scrolls and turns pages; there a long press opens the stages.
    return _draggable(card, record, title) if moves and wide else card


def _draggable(content: ft.Control, record: Record, title: str) -> ft.Control:
    words = ft.Text(title, color=ft.Colors.ON_PRIMARY_CONTAINER, size=14, max_lines=2)
    # A card has a text style; without one Flutter underlines what stands on no page.
    hand = ft.Card(ft.Container(words, width=220, padding=12), bgcolor=ft.Colors.PRIMARY_CONTAINER)
    return ft.Draggable(
        content,
        group=_CARDS,
        data=record.id,
        content_feedback=hand,
        max_simultaneous_drags=1,
        affinity=ft.Axis.HORIZONTAL,
    )


def _below(model: BoardViewModel, record: Record, days: int | None) -> str:
    """What stands below a card's title: the customer, then amount and date, then for how long it is in its stage."""
    shape, fields = model.shape, values.fields_of(model.shape)
    customer, rest = "", list[str]()
    for n, name in enumerate(model.board.fields):
        given = record.fields.get(name)
        if name == shape.amount and isinstance(given, int | float):
            rest.append(values.money(given, values.currency_of(shape, record.fields)))
        elif n == 0:
            customer = values.value(fields.get(name), given, record.fields)
        else:
            rest.append(values.value(fields.get(name), given, record.fields))
    since = "" if days is None else n_("{count} day in this stage", "{count} days in this stage", days)
    return "\n".join(line for line in (customer, values.joined(*rest), since) if line)
