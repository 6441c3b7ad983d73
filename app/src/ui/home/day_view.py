"""What the day asks of a person: the customer first, with call, mail and done at hand."""

from collections.abc import Sequence
from typing import TypeVar

import flet as ft

from contract.activities import Activity, Deal
from ui.home.view_model import HomeViewModel
from ui.places import Place
from ui.shared import activity_rows, parts, values
from ui.shared.words import _, n_
from ui.shell import Shell

T = TypeVar("T")
_FIRST = 5  # of each part; the rest at one tap


def cards(shell: Shell, model: HomeViewModel) -> list[ft.Control]:
    """The cards of the day; none where the backend does not tell it."""
    day = model.day
    if day is None:
        return []
    shown: list[ft.Control] = []
    if not {"tasks", "events"} <= set(day.hidden):
        rows = [
            *_part(shell, model, _("Overdue"), model.overdue, "tasks" in day.more, color=ft.Colors.ERROR),
            *_part(shell, model, _("Events"), model.events, "events" in day.more),
            *_part(shell, model, _("Tasks"), model.due, False),
        ]
        shown.append(parts.card(_("Today"), *(rows or [parts.faint(_("Nothing more for today. Well done!"))])))
    if "closing" not in day.hidden and day.closing:
        shown.append(parts.card(_("Closing this week"), *_deals(shell, model, day.closing, "closing" in day.more)))
    if "stuck" not in day.hidden and day.stuck:
        shown.append(parts.card(_("Without a next step"), *_deals(shell, model, day.stuck, "stuck" in day.more)))
    return shown


def _part(
    shell: Shell,
    model: HomeViewModel,
    heading: str,
    activities: Sequence[Activity],
    more: bool,
    *,
    color: ft.ColorValue = ft.Colors.ON_SURFACE_VARIANT,
) -> list[ft.Control]:
    if not activities:
        return []
    said = ft.Text(f"{heading} · {len(activities)}{'+' if more else ''}", color=color, weight=ft.FontWeight.W_600)
    rows = [_activity(shell, model, a, color) for a in _some(model, heading, activities)]
    return [ft.Semantics(content=said, header=True), *rows, *_rest(model, heading, activities)]


def _some(model: HomeViewModel, part: str, items: Sequence[T]) -> Sequence[T]:
    return items if part in model.whole else items[:_FIRST]


def _rest(model: HomeViewModel, part: str, items: Sequence[object]) -> list[ft.Control]:
    """The button for what is not on the screen yet."""
    if len(items) <= _FIRST or part in model.whole:
        return []

    async def show() -> None:
        model.show_whole(part)

    words = n_("{count} more", "{count} more", len(items) - _FIRST)
    return [ft.TextButton(words, height=48, on_click=show, tooltip=f"{part}: {words}")]


def _activity(shell: Shell, model: HomeViewModel, activity: Activity, color: ft.ColorValue) -> ft.Control:
    async def open_activity() -> None:
        await activity_rows.open_activity(shell, activity)

    parties = (activity.who, activity.account, activity.what)
    customer = next((p.name for p in parties if p is not None), "")
    subject = activity.subject or _("Without a subject")
    others = [p.name for p in (activity.what, activity.account) if p is not None and p.name != customer]
    says_when = activity.starts or activity.all_day or activity.day != model.today.isoformat()
    when = activity_rows.when(activity, model.today) if says_when else ""
    # What may be cut on a phone comes last: of a task that is when it was due, of an event what it is.
    told = [subject if customer else "", when] if activity.is_task else [when, subject if customer else ""]
    about = () if activity.what is None else (activity.what.id,)
    return parts.tile(
        customer or subject,
        values.joined(*told, activity.location, *others[:1]),
        open_activity,
        leading=activity_rows.leading(shell, activity),
        buttons=activity_rows.reach(shell, activity.who, activity.account, about=about),
        color=color if color == ft.Colors.ERROR else None,
    )


def _deals(shell: Shell, model: HomeViewModel, deals: Sequence[Deal], more: bool) -> list[ft.Control]:
    part = "closing" if model.day is not None and deals is model.day.closing else "stuck"
    rows = [_deal(shell, d) for d in _some(model, part, deals)]
    there_are_more = [parts.faint(_("There are more in the list."))] if more else []
    return [*rows, *_rest(model, part, deals), *there_are_more]


def _deal(shell: Shell, deal: Deal) -> ft.Control:
    shape = shell.catalogue.shape_of_id(deal.id)

    async def open_deal() -> None:
        if shape is not None:
            await shell.go(Place("record", shape.sobject, deal.id))

    customer = "" if deal.customer is None else deal.customer.name
    amount = "" if deal.amount is None else values.money(deal.amount, deal.currency or values.currency_of(shape))
    return parts.tile(
        customer or deal.name,
        values.joined(values.day(deal.closes or ""), amount, deal.name if customer else "", deal.stage),
        open_deal,
        buttons=activity_rows.reach(shell, deal.customer, about=(deal.id,)),
    )
