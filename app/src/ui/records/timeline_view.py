"""The activities of a record: what comes, then what is past."""

from datetime import date, datetime

import flet as ft

from contract.activities import Activity, Timeline
from ui.places import Given, Place
from ui.records.record_view_model import RecordViewModel
from ui.shared import activity_rows, parts, values
from ui.shared.words import _
from ui.shell import Shell


def card(shell: Shell, model: RecordViewModel, timeline: Timeline) -> ft.Control:
    """The card with the timeline; what was completed here a moment ago stays where it was until the page is read
    again."""
    today = datetime.now().astimezone().date()
    rows: list[ft.Control] = []
    for heading, activities in ((_("Upcoming"), timeline.upcoming), (_("Past"), timeline.past)):
        if activities:
            rows.append(ft.Semantics(content=parts.faint(heading), header=True))
            rows += [_row(shell, activity, today) for activity in activities]
    if timeline.more:
        rows.append(parts.faint(_("Older ones are in Salesforce.")))
    return parts.card(_("Activities"), *(rows or [parts.faint(_("None yet."))]), action=_new(shell, model))


def _new(shell: Shell, model: RecordViewModel) -> ft.Control | None:
    """The button for a new task of this record, where the backend says which field refers to it."""
    related = model.tasks
    shape = None if related is None else shell.catalogue.shape(related.sobject)
    if related is None or shape is None or not shape.creatable or related.field is None:
        return None
    given = (Given(related.field, model.record_id, model.title),)

    async def new() -> None:
        await shell.go(Place("new", shape.sobject, given=given))

    return parts.icon_button(ft.Icons.ADD, _("New {object}", object=shape.label), new)


def _row(shell: Shell, activity: Activity, today: date) -> ft.Control:
    async def open_activity() -> None:
        await activity_rows.open_activity(shell, activity)

    names = [p.name for p in (activity.who, activity.what) if p is not None]
    overdue = activity.is_task and bool(activity.day) and str(activity.day) < today.isoformat()
    is_late = overdue and shell.completions.is_open(activity.id, activity.is_open)
    words = values.joined(
        activity_rows.when(activity, today), _("overdue") if is_late else "", activity.result, *names, activity.owner
    )
    return parts.tile(
        activity.subject or _("Without a subject"),
        values.joined(words, activity.note.replace("\n", " ")),
        open_activity,
        leading=activity_rows.leading(shell, activity),
        color=ft.Colors.ERROR if is_late else None,
    )
