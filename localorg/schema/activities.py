"""What has been done and what is still to do with a record: closed and open tasks and events, as one object each.

They have no records of their own: sub-queries read them, through the relationships ActivityHistories and
OpenActivities. Source: Object Reference, ActivityHistory, OpenActivity.
"""

from localorg.schema.sobjects import ChildRelationship, Field, SObject

_SHARED = (
    "Id", "WhoId", "WhatId", "Subject", "ActivityDate", "Priority", "CallType", "CallDisposition", "ReminderDateTime",
    "IsReminderSet", "Description", "OwnerId", "IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate",
    "LastModifiedById", "SystemModstamp",
)  # fmt: skip
_OF_AN_EVENT = ("IsAllDayEvent", "StartDateTime", "EndDateTime", "DurationInMinutes", "Location")
_PAST = "one.EndDateTime <= org_now()"
# The account of What, else that of Who.
_ACCOUNT = """CASE WHEN one.WhatId LIKE '001%' THEN one.WhatId ELSE coalesce(
    (SELECT AccountId FROM Opportunity WHERE Id = one.WhatId), (SELECT AccountId FROM "Case" WHERE Id = one.WhatId),
    (SELECT AccountId FROM Contact WHERE Id = one.WhoId)) END"""
ACCOUNT_OF = f"SELECT {_ACCOUNT} FROM (SELECT ? AS WhatId, ? AS WhoId) one"  # the same for a record that is written
# By object: which of its field is in which of theirs.
_RELATED = {"Account": "AccountId", "Contact": "WhoId", "Lead": "WhoId", "Opportunity": "WhatId", "Case": "WhatId"}


def activities(task: SObject, event: SObject) -> tuple[SObject, SObject]:
    """The objects ActivityHistory and OpenActivity over the tasks and events."""
    return (
        _over(task, event, "ActivityHistory", "Activity History", "Activity Histories", closed=True),
        _over(task, event, "OpenActivity", "Open Activity", "Open Activities", closed=False),
    )


def related(parent: str) -> tuple[ChildRelationship, ...]:
    """The two relationships from an object to what was and is to be done with it; custom objects have them by What."""
    field = _RELATED.get(parent, "WhatId")
    return (
        ChildRelationship("ActivityHistories", "ActivityHistory", field),
        ChildRelationship("OpenActivities", "OpenActivity", field),
    )


def _over(task: SObject, event: SObject, name: str, label: str, plural: str, *, closed: bool) -> SObject:
    kind = task.by_name["type"]
    fields = (
        *(f for n in _SHARED if (f := task.field(n)) is not None),
        *(event.by_name[n.lower()] for n in _OF_AN_EVENT),
        task.by_name["status"],
        Field("AccountId", "Account ID", "reference", 18, refers_to="Account", relationship="Account"),
        Field("ActivityType", kind.label, "picklist", 255, picklist=kind.picklist),
        Field("ActivitySubtype", "Activity Subtype", "picklist", 40, picklist=("Task", "Email", "Call", "Event")),
        Field("IsTask", "Task", "boolean", 0),
        Field("IsClosed", "Closed", "boolean", 0),
    )
    calculated = {
        "AccountId": _ACCOUNT, "ActivityType": 'one."Type"', "IsTask": "1", "IsClosed": str(int(closed)),
    }  # fmt: skip
    subtype = {"ActivitySubtype": 'one."TaskSubtype"'}
    tasks = [{**calculated, **subtype}.get(f.name) or _own(task, f.name) for f in fields]
    of_events = {**calculated, "ActivitySubtype": "'Event'", "IsTask": "0"}
    events = [of_events.get(f.name) or _own(event, f.name) for f in fields]
    view = " UNION ALL ".join(
        f"SELECT {', '.join(f'{sql} AS {f.name}' for sql, f in zip(columns, fields, strict=True))} FROM {table} one"
        f" WHERE {where}"
        for columns, table, where in (
            (tasks, "Task", f"one.IsClosed = {int(closed)}"),
            (events, "Event", _PAST if closed else f"NOT {_PAST}"),
        )
    )
    return SObject(
        name, label, plural, "", fields, createable=False, updateable=False, deletable=False, view=view
    )  # fmt: skip


def _own(source: SObject, name: str) -> str:
    f = source.field(name)
    return "NULL" if f is None else f'one."{f.name}"'
