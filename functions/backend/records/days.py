"""A person's day: their due tasks, their events, their deals that close in the week, and those without a next step.

Which day it is says the app: TODAY and THIS_WEEK of SOQL are those of the user's time zone and locale in Salesforce,
which need not be where they are (SOQL and SOSL Reference, "Date Formats and Date Literals").
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from backend.records import soql
from backend.records.activities import EVENT, activity_of, party_of
from backend.records.org import CURRENCY, Described, Row
from backend.records.rows import field_value
from backend.values import Uid
from contract.activities import Activity, AskedDay, Day, Deal
from contract.errors import Reason, RefusedRequest

TASKS, EVENTS, DEALS = "day tasks", "day events", "day deals"  # the names of its queries
BESIDE = (EVENT, "Contact", "Lead")  # whose describes it needs beside those of home
_MOST_ACTIVITIES, _MOST_DEALS = 50, 200
_SHOWN = 20  # deals of each list
_PEOPLE = ("Contact", "Lead")
_REACHED_BY = ("MobilePhone", "Phone", "Email")
_Shapes = Mapping[str, Described]


def check(asked: AskedDay) -> None:
    """Raises RefusedRequest(malformed-request) for what is no day of anybody's."""
    try:
        today, first, last = map(date.fromisoformat, (asked.today, asked.week_begins, asked.week_ends))
        begins, ends = datetime.fromisoformat(asked.begins), datetime.fromisoformat(asked.ends)
        is_day = first <= today <= last and (last - first).days <= 7 and 0 < (ends - begins).total_seconds() <= 90_000
        is_day = is_day and begins.tzinfo is not None and abs((begins.date() - today).days) <= 1
    except (ValueError, TypeError):
        is_day = False
    if not is_day:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "day is a day with its week, and its times have an offset")


def queries(uid: Uid, shapes: _Shapes, asked: AskedDay) -> dict[str, str]:
    """The SOQL texts of a day by their names: those that the user may ask."""
    texts = dict[str, str]()
    mine = f"OwnerId = '{soql.record_id(uid.user_id)}'"
    today, first, last = (soql.literal("date", d) for d in (asked.today, asked.week_begins, asked.week_ends))
    task, event, deal = shapes.get("Task"), shapes.get(EVENT), shapes.get("Opportunity")
    if task is not None and _shows(task, "ActivityDate", "IsClosed", "OwnerId"):
        fields = _activity_fields(task, shapes, ("Subject", "ActivityDate", "IsClosed", "TaskSubtype", "Description"))
        texts[TASKS] = (
            f"SELECT {fields} FROM Task WHERE {mine} AND IsClosed = false AND ActivityDate <= {today}"
            f" ORDER BY ActivityDate DESC, Id ASC LIMIT {_MOST_ACTIVITIES + 1}"
        )
    times = ("StartDateTime", "EndDateTime", "IsAllDayEvent")
    if event is not None and _shows(event, *times, "OwnerId"):
        fields = _activity_fields(event, shapes, ("Subject", "ActivityDate", "Location", *times))
        begins, ends = (soql.literal("datetime", t) for t in (asked.begins, asked.ends))
        # What lasts whole days has its days at midnight UTC, whatever the zone. Source: Object Reference, Event.
        whole = f"{asked.today}T00:00:00Z"
        texts[EVENTS] = (
            f"SELECT {fields} FROM Event WHERE {mine} AND ((IsAllDayEvent = false AND StartDateTime < {ends} AND"
            f" EndDateTime >= {begins}) OR (IsAllDayEvent = true AND StartDateTime <= {whole} AND EndDateTime >="
            f" {whole})) ORDER BY StartDateTime ASC, Id ASC LIMIT {_MOST_ACTIVITIES + 1}"
        )
    if deal is not None and _shows(deal, "CloseDate", "IsClosed", "OwnerId"):
        which = [f"(CloseDate >= {first} AND CloseDate <= {last})"]
        if _has_steps(deal):
            which.append("NextStep = null")
        fields = ", ".join(("Id", *(f for f in _deal_fields(deal, shapes))))
        texts[DEALS] = (
            f"SELECT {fields} FROM Opportunity WHERE {mine} AND IsClosed = false AND ({' OR '.join(which)})"
            f" ORDER BY CloseDate ASC, Id ASC LIMIT {_MOST_DEALS + 1}"
        )
    return texts


def day_of(rows: Mapping[str, Sequence[Row]], shapes: _Shapes, asked: AskedDay) -> Day:
    """What the answers to these queries, by their names, say of the day."""
    tasks, events = (
        [activity_of(r, sobject=sobject) for r in rows.get(name, ())]
        for name, sobject in ((TASKS, "Task"), (EVENTS, EVENT))
    )
    deal, found = shapes.get("Opportunity"), rows.get(DEALS, ())
    labels: Mapping[str, str] = {}
    if deal is not None and "StageName" in deal.fields:
        labels = deal.fields["StageName"].shape.labels
    in_week = [r for r in found if asked.week_begins <= str(field_value(r, "CloseDate") or "") <= asked.week_ends]
    steps = deal is not None and DEALS in rows and _has_steps(deal)
    stuck = [r for r in found if steps and not field_value(r, "NextStep")]
    cut = len(found) > _MOST_DEALS
    lengths = {
        "tasks": len(tasks) > _MOST_ACTIVITIES,
        "events": len(events) > _MOST_ACTIVITIES,
        "closing": len(in_week) > _SHOWN or cut,
        "stuck": len(stuck) > _SHOWN or cut,
    }
    missing = {
        "tasks": TASKS not in rows,
        "events": EVENTS not in rows,
        "closing": DEALS not in rows,
        "stuck": not steps,
    }
    return Day(
        asked.today,
        tuple(tasks[:_MOST_ACTIVITIES]),
        _in_order(events[:_MOST_ACTIVITIES]),
        tuple(_deal(r, labels) for r in in_week[:_SHOWN]),
        tuple(_deal(r, labels) for r in stuck[:_SHOWN]),
        tuple(name for name, lacks in missing.items() if lacks),
        tuple(name for name, is_more in lengths.items() if is_more),
    )


def _in_order(events: Sequence[Activity]) -> tuple[Activity, ...]:
    """Events of the whole day first, the others as they begin."""
    return tuple(sorted(events, key=lambda e: (not e.all_day, e.starts or "")))


def _shows(described: Described, *names: str) -> bool:
    """Whether the user may see these fields, and Salesforce compares by them."""
    return all(name in described.fields and described.fields[name].filterable for name in names)


def _has_steps(deal: Described) -> bool:
    return _shows(deal, "NextStep") and deal.fields["NextStep"].comparable


def _activity_fields(described: Described, shapes: _Shapes, own: Sequence[str]) -> str:
    """What is selected of a task or an event: its own fields, and how those are reached whom it is about.

    Who may be a contact or a lead, each with fields that the user may see or not, so it is a TYPEOF. Source: SOQL and
    SOSL Reference, TYPEOF.
    """
    fields = [f for f in own if described.shows(f)]
    fields += [f for f in ("WhatId", "What.Name", "AccountId", "Account.Name") if described.shows(f)]
    if described.shows("Account.Name") and "Account" in shapes:
        fields += [f"Account.{f}" for f in ("Phone", "PersonEmail") if shapes["Account"].shows(f)]
    if "WhoId" in described.fields:
        fields.append("WhoId")
        people = [name for name in _PEOPLE if name in shapes and name in described.fields["WhoId"].shape.refers_to]
        branches = [
            f"WHEN {name} THEN {', '.join(('Name', *(f for f in _REACHED_BY if shapes[name].shows(f))))}"
            for name in people
        ]
        fields.append(f"TYPEOF Who {' '.join(branches)} END" if branches else "Who.Name")
    return ", ".join(("Id", *fields))


def _deal_fields(deal: Described, shapes: _Shapes) -> list[str]:
    own = ("Name", "StageName", "Amount", CURRENCY, "CloseDate", "NextStep", "AccountId", "Account.Name")
    fields = [f for f in own if deal.shows(f)]
    if deal.shows("Account.Name") and "Account" in shapes:
        fields += [f"Account.{f}" for f in ("Phone", "PersonEmail") if shapes["Account"].shows(f)]
    return fields


def _deal(row: Row, labels: Mapping[str, str]) -> Deal:
    amount, stage = field_value(row, "Amount"), str(field_value(row, "StageName") or "")
    closes = field_value(row, "CloseDate")
    return Deal(
        str(row["Id"]),
        str(field_value(row, "Name") or ""),
        labels.get(stage, stage),
        float(amount) if isinstance(amount, int | float) else None,
        str(field_value(row, CURRENCY) or ""),
        str(closes) if closes else None,
        party_of(row, "AccountId", "Account"),
    )
