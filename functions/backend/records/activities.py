"""Tasks and events as activities: the timeline of a record, and what the rows of Salesforce say of one.

A timeline is read by the relationships OpenActivities and ActivityHistories, which bring along what was done with an
account's contacts and deals. Who may not view all data has to ask for them of one record, in one order, without WHERE
and with a LIMIT. Source: Object Reference, OpenActivity and ActivityHistory, Usage.
"""

from collections.abc import Iterable, Mapping

from backend.records.org import Described, Row
from backend.records.rows import field_value, related_rows
from contract.activities import Activity, Party, Timeline

OPEN, PAST = "OpenActivity", "ActivityHistory"
OBJECTS = (OPEN, PAST)  # that have describes, and no records of their own
EVENT = "Event"
_LISTS = {OPEN: "OpenActivities", PAST: "ActivityHistories"}
_ORDERS = {
    OPEN: "ActivityDate ASC NULLS LAST, LastModifiedDate DESC",
    PAST: "ActivityDate DESC NULLS LAST, LastModifiedDate DESC",
}
SHOWN = 20  # of each list
_NOTE = 500  # characters of what is noted; logged e-mails are long
_FIELDS = (
    "Subject", "ActivityDate", "IsTask", "IsClosed", "IsAllDayEvent", "StartDateTime", "EndDateTime", "Location",
    "ActivitySubtype", "CallDisposition", "Description", "Owner.Name", "WhoId", "Who.Name", "WhatId", "What.Name",
)  # fmt: skip


def visible(shapes: Mapping[str, Described]) -> bool:
    """Whether the user may see any activities."""
    return any(name in shapes for name in OBJECTS)


def timeline_parts(shapes: Mapping[str, Described]) -> list[str]:
    """The sub-queries of a record's activities, for its SELECT; one row more than is shown says that there are more."""
    return [
        f"(SELECT {', '.join(('Id', *(f for f in _FIELDS if shapes[name].shows(f))))} FROM {_LISTS[name]} ORDER BY"
        f" {_ORDERS[name]} LIMIT {SHOWN + 1})"
        for name in OBJECTS
        if name in shapes
    ]


def timeline_of(row: Row, around: str) -> Timeline:
    """The activities that came along with a record; `around` is its id, which is not said of each of them again."""
    coming = [activity_of(r, around=around) for r in related_rows(row, _LISTS[OPEN])]
    past = [activity_of(r, around=around) for r in related_rows(row, _LISTS[PAST])]
    coming = sorted(coming[:SHOWN], key=lambda a: (a.day is None, a.day or "", a.starts or ""))
    return Timeline(tuple(coming), tuple(past[:SHOWN]), len(past) > SHOWN)


def activity_of(row: Row, *, sobject: str = "", around: str = "") -> Activity:
    """A row of a task, an event, or of either (where `sobject` is "", the row says which)."""
    is_task = field_value(row, "IsTask") is not False if not sobject else sobject != EVENT
    all_day = field_value(row, "IsAllDayEvent") is True
    starts, ends = _text(row, "StartDateTime"), _text(row, "EndDateTime")
    day = _text(row, "ActivityDate") or starts[:10]
    kind = _text(row, "ActivitySubtype") or _text(row, "TaskSubtype") or ("Task" if is_task else EVENT)
    parties = (party_of(row, "WhoId", "Who"), party_of(row, "WhatId", "What"), party_of(row, "AccountId", "Account"))
    who, what, account = (None if p is None or p.id == around else p for p in parties)
    return Activity(
        str(row["Id"]),
        sobject or ("Task" if is_task else EVENT),
        _text(row, "Subject"),
        is_task,
        field_value(row, "IsClosed") is not True,
        (starts[:10] if all_day else day) or None,
        ends[:10] or None if all_day else None,
        None if all_day else starts or None,
        None if all_day else ends or None,
        all_day,
        _text(row, "Location"),
        kind,
        _text(row, "CallDisposition"),
        _text(row, "Description")[:_NOTE],
        _text(row, "Owner.Name"),
        who,
        what,
        account,
    )


def party_of(row: Row, reference: str, relationship: str) -> Party | None:
    """Whom a reference names; None where it is empty, or has no name that one may read."""
    record_id, name = _text(row, reference), _text(row, f"{relationship}.Name")
    if not record_id or not name:
        return None
    phone = _first(row, relationship, ("MobilePhone", "Phone"))
    return Party(record_id, name, phone, _first(row, relationship, ("Email", "PersonEmail")))


def _first(row: Row, relationship: str, names: Iterable[str]) -> str:
    return next((text for name in names if (text := _text(row, f"{relationship}.{name}"))), "")


def _text(row: Row, path: str) -> str:
    value = field_value(row, path)
    return value if isinstance(value, str) else ""
