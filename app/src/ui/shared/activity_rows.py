"""Tasks and events as lines: a circle that completes a task, whom it is about, and how to reach them."""

from datetime import date

import flet as ft

from contract.activities import CALL, EMAIL, EVENT, Activity, Party
from contract.calls import Record, SobjectShape
from ui.places import Place
from ui.shared import parts, theme, values
from ui.shared.words import _
from ui.shell import Shell

_KINDS = {CALL: ft.Icons.CALL_OUTLINED, EMAIL: ft.Icons.MAIL_OUTLINED, EVENT: ft.Icons.EVENT_OUTLINED}


def circle(shell: Shell, sobject: str, task_id: str, subject: str, *, is_open: bool) -> ft.Control:
    """What completes a task by one tap; a mark for one that is completed."""
    if not is_open:
        done = parts.named_icon(ft.Icons.CHECK_CIRCLE, _("Completed: {title}", title=subject))
        done.color = ft.Colors.PRIMARY
        return ft.Container(done, width=theme.TARGET, height=theme.TARGET, alignment=ft.Alignment.CENTER)

    async def complete() -> None:
        await shell.completions.complete(sobject, task_id, subject)

    return parts.icon_button(ft.Icons.RADIO_BUTTON_UNCHECKED, _("Complete: {title}", title=subject), complete)


def circle_of(shell: Shell, shape: SobjectShape, record: Record) -> ft.Control | None:
    """The circle of a record in a list; None for a record that is no task."""
    told = record.fields.get(shape.done) if shape.done else None
    if not isinstance(told, bool):
        return None
    return circle(shell, shape.sobject, record.id, values.title(shape, record), is_open=is_open(shell, shape, record))


def is_open(shell: Shell, shape: SobjectShape, record: Record) -> bool:
    """Whether a record of a list is a task that is still open."""
    return bool(shape.done) and shell.completions.is_open(record.id, record.fields.get(shape.done) is False)


def completes(shell: Shell, activity: Activity) -> bool:
    """Whether the person may complete a task."""
    shape = shell.catalogue.shape(activity.sobject)
    return activity.is_task and shape is not None and bool(shape.done)


def leading(shell: Shell, activity: Activity) -> ft.Control:
    """What stands before an activity: the circle of a task, or a picture of its kind."""
    still_open = shell.completions.is_open(activity.id, activity.is_open)
    if activity.is_task and completes(shell, activity) and (still_open or activity.kind not in _KINDS):
        return circle(shell, activity.sobject, activity.id, activity.subject, is_open=still_open)
    fallback = ft.Icons.TASK_ALT if activity.is_task else ft.Icons.EVENT_OUTLINED
    icon = ft.Icon(_KINDS.get(activity.kind, fallback), color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.Container(icon, width=theme.TARGET, height=theme.TARGET, alignment=ft.Alignment.CENTER)


def reach(shell: Shell, *parties: Party | None, about: tuple[str, ...]) -> list[ft.Control]:
    """Buttons that call and write to the first of the parties that have a number or an address; a call is about the
    records with these ids, and about them."""
    phoned = next((p for p in parties if p is not None and p.phone), None)
    written = next((p for p in parties if p is not None and p.email), None)
    buttons: list[ft.Control] = []
    if phoned is not None:
        ids = tuple(dict.fromkeys((phoned.id, *about)))

        async def call() -> None:
            await shell.call(values.phone_link(phoned.phone), ids, phoned.name)

        buttons.append(parts.icon_button(ft.Icons.CALL_OUTLINED, _("Call {name}", name=phoned.name), call))
    if written is not None:

        async def write() -> None:
            await shell.open_link(f"mailto:{written.email}")

        buttons.append(parts.icon_button(ft.Icons.MAIL_OUTLINED, _("Write to {name}", name=written.name), write))
    return buttons


def when(activity: Activity, today: date) -> str:
    """When a task is due, or from when to when an event goes."""
    if activity.all_day:
        return _("All day") if activity.day == today.isoformat() else values.day(activity.day or "")
    if activity.starts:
        at, until = values.moment(activity.starts), values.moment(activity.ends or "")
        if at is not None and at.astimezone().date() == today:
            return values.joined_times(at, until)
        return values.time_of(activity.starts)
    return values.day(activity.day) if activity.day else ""


async def open_activity(shell: Shell, activity: Activity) -> None:
    """Goes to a task; from an event, which the app has no page of, to whom or what it is about, or to Salesforce."""
    parties = (activity.what, activity.who, activity.account)
    for record_id in (activity.id, *(p.id for p in parties if p is not None)):
        shape = shell.catalogue.shape_of_id(record_id)
        if shape is not None:
            await shell.go(Place("record", shape.sobject, record_id))
            return
    await shell.open_link(shell.catalogue.salesforce_page(activity.sobject, activity.id))
