"""The home page."""

from collections.abc import Sequence
from datetime import datetime

import flet as ft

from contract.calls import Record, SobjectShape
from contract.favorites import Favorite
from data.repositories.drafts import Draft
from data.repositories.records import Visited
from ui.home import day_view
from ui.home.view_model import Bar, HomeViewModel
from ui.places import Place
from ui.shared import activity_rows, parts, theme, values
from ui.shared.live import kept, use
from ui.shared.words import _, n_
from ui.shell import Shell

_STARS = 8  # favorites that home has room for


def greeting(name: str, hour: int) -> str:
    """A greeting for the time of day."""
    if 5 <= hour < 12:
        return _("Good morning, {name}", name=name)
    return _("Good afternoon, {name}", name=name) if 12 <= hour < 18 else _("Good evening, {name}", name=name)


@ft.component
def Home(shell: Shell, model: HomeViewModel) -> ft.Control:
    use(model)
    use(shell.stars)
    user, live = shell.session.user, model.dashboard
    first_name = user.name.split(" ")[0] if user else ""
    hello = parts.big_heading(greeting(first_name, datetime.now().hour))  # noqa: DTZ005  the person's own clock
    starred = [f for f in shell.stars.favorites if shell.catalogue.may_show(f.sobject)]
    stars = {f.record for f in starred}
    visited = [v for v in model.visited if shell.catalogue.may_show(v.sobject) and v.id not in stars]
    if live.value is None:
        below = (
            [parts.trouble(live.problem, model.load)]
            if live.problem is not None
            else [parts.skeleton_cards(240, 160, 160)]
        )
        return parts.content(
            hello, *_drafts(shell, model.drafts), *_starred(shell, starred), *_seen(shell, visited), *below
        )
    dashboard = live.value
    shown: list[ft.Control] = day_view.cards(shell, model)
    if model.shows("pipeline"):
        shown.append(_pipeline(shell, model, shell.catalogue.shape(dashboard.pipeline_of)))
    if model.day is None and model.shows("closing"):
        closing = _records(shell, model, "closing", dashboard.closing, _("Nothing closes this month."))
        shown.append(parts.card(_("Closing this month"), *closing))
    if model.day is None and model.shows("tasks"):
        tasks = _records(shell, model, "tasks", dashboard.tasks, _("Nothing to do. Well done!"))
        shown.append(parts.card(_("My open tasks"), *tasks))
    shown += [*_starred(shell, starred), *_seen(shell, visited)]
    if not visited and model.shows("newestAccounts"):
        newest = _records(shell, model, "newest", dashboard.newest_accounts, "")
        shown.append(parts.card(_("Newest accounts"), *newest))
    cards = [_column(card) for card in shown]
    aged = parts.age_line(live.age, problem=live.problem is not None)
    return parts.content(
        hello, *aged, *_drafts(shell, model.drafts), ft.ResponsiveRow(cards, spacing=16, run_spacing=16)
    )


def _column(control: ft.Control) -> ft.Control:
    return ft.Container(control, col={"xs": 12, "lg": 6})


def _pipeline(shell: Shell, model: HomeViewModel, shape: SobjectShape | None) -> ft.Control:
    bars, currency = model.bars, values.currency_of(shape)
    opens = shape.sobject if shape is not None and shape.board is not None else ""
    if not bars:
        return parts.card(_("Open pipeline"), parts.faint(_("No open deals right now.")))
    currency = model.converted_to or currency
    total = ft.Text(
        values.money(model.total, currency).replace("\u00a0", " "),  # where it is too wide it is broken there
        theme_style=ft.TextThemeStyle.DISPLAY_SMALL,
        color=ft.Colors.PRIMARY,
    )
    count = parts.faint(n_("{count} deal", "{count} deals", sum(b.count for b in bars)))
    converted = [parts.faint(_("Converted to {currency}", currency=model.converted_to))] if model.converted_to else []
    summary = ft.Row([total, count, *converted], spacing=12, vertical_alignment=ft.CrossAxisAlignment.END, wrap=True)
    lines = [
        kept(model, f"bar {n}", (b, currency, opens), lambda b=b: _bar(shell, b, currency, opens))
        for n, b in enumerate(bars)
    ]
    return parts.card(_("Open pipeline"), summary, *lines)


def _bar(shell: Shell, bar: Bar, currency: str, opens: str) -> ft.Control:
    """A stage as a labelled horizontal bar, read out as one line; a tap opens the stage on the board of the object that
    is named."""
    filled = max(2, round(bar.share * 100))
    strip = ft.Row(
        [
            ft.Container(height=12, border_radius=6, bgcolor=ft.Colors.PRIMARY, expand=filled),
            *([ft.Container(expand=100 - filled)] if filled < 100 else []),
        ],
        spacing=0,
    )
    words = ft.Row(
        [
            ft.Text(bar.stage, expand=True, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Text(values.money(bar.amount, currency), weight=ft.FontWeight.W_600),
        ]
    )
    body = ft.Column(
        [words, ft.Container(strip, bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST, border_radius=6)],
        spacing=4,
        tight=True,
    )
    said = f"{bar.stage}: {values.money(bar.amount, currency)}, " + n_("{count} deal", "{count} deals", bar.count)
    line = ft.Semantics(content=body, label=said, exclude_semantics=True)
    if not opens:
        return line

    async def open_stage() -> None:
        await shell.show_stage(opens, bar.value)

    return ft.Container(
        ft.MergeSemantics(line), on_click=open_stage, ink=True, border_radius=8, height=theme.TARGET,
        alignment=ft.Alignment.CENTER,
    )  # fmt: skip


def _records(
    shell: Shell, model: HomeViewModel, card: str, records: tuple[Record, ...], empty: str
) -> list[ft.Control]:
    if not records:
        return [parts.faint(empty)] if empty else []

    def line(record: Record, shape: SobjectShape | None) -> ft.Control:
        if shape is None:
            return parts.tile(values.title(None, record), "")

        async def open_record() -> None:
            await shell.go(Place("record", shape.sobject, record.id))

        when, amount = record.fields.get(shape.date), record.fields.get(shape.amount)
        words = [values.day(str(when))] if when else []
        if isinstance(amount, int | float):
            words.append(values.money(amount, values.currency_of(shape, record.fields)))
        words += values.summary(shape, record, leave_out=(shape.date, shape.amount))
        # Below the title, which has no room beside a date on a phone; the amount before what may be cut.
        return parts.tile(
            values.title(shape, record), values.joined(*words), open_record,
            leading=activity_rows.circle_of(shell, shape, record),
        )  # fmt: skip

    def still_open(record: Record, shape: SobjectShape | None) -> bool:
        return shape is not None and activity_rows.is_open(shell, shape, record)

    shaped = [(r, shell.catalogue.shape_of_id(r.id)) for r in records]
    return [
        kept(model, f"{card} {n}", (r, shape, still_open(r, shape)), lambda r=r, shape=shape: line(r, shape))
        for n, (r, shape) in enumerate(shaped)
    ]


def _seen(shell: Shell, visited: Sequence[Visited]) -> list[ft.Control]:
    if not visited:
        return []

    def line(seen: Visited) -> ft.Control:
        async def open_record() -> None:
            await shell.go(Place("record", seen.sobject, seen.id))

        shape, record = shell.catalogue.shape(seen.sobject), Record(seen.id, seen.fields)
        words = [] if shape is None else values.summary(shape, record)[:2]
        return parts.tile(values.title(shape, record), values.joined(*words), open_record)

    return [parts.card(_("Recently seen"), *(line(v) for v in visited[:5]))]


def _starred(shell: Shell, starred: Sequence[Favorite]) -> list[ft.Control]:
    """What the person has starred, as many as have room; Salesforce has the others."""
    if not starred:
        return []

    def line(favorite: Favorite) -> ft.Control:
        async def open_record() -> None:
            await shell.go(Place("record", favorite.sobject, favorite.record))

        shape = shell.catalogue.shape(favorite.sobject)
        return parts.tile(favorite.name, "" if shape is None else shape.label, open_record)

    return [parts.card(_("Favorites"), *(line(f) for f in starred[:_STARS]))]


def _drafts(shell: Shell, drafts: tuple[Draft, ...]) -> list[ft.Control]:
    if not drafts:
        return []

    def line(draft: Draft) -> ft.Control:
        shape = shell.catalogue.shape(draft.sobject)
        label = shape.label if shape else draft.sobject
        name = values.name(shape, {**draft.seen, **draft.raw, **draft.typed})
        said = _("Change to {title}", title=name or label) if draft.record_id else _("New {object}", object=label)

        async def go_on() -> None:
            shell.drafts.want(draft.id)
            await shell.go(
                Place("edit", draft.sobject, draft.record_id) if draft.record_id else Place("new", draft.sobject)
            )

        return parts.tile(
            said, values.joined(label if draft.record_id else name, _("not saved yet")), go_on, icon=ft.Icons.EDIT_NOTE
        )

    return [parts.card(_("Not saved yet"), *(line(d) for d in drafts))]
