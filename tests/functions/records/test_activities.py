"""Completing tasks, logging calls, timelines and days at real orgs: each one request, in the person's rights."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.values import Caller
from contract.activities import AskedDay, CompleteTask, FollowUp, LogCall
from contract.calls import Empty, GetDashboard, GetRecord, ListRecords, Record
from contract.errors import CallError, ChangedMeanwhile, NotFound, Reason, RefusedRequest
from devtools.clients import SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.altered import replace
from tests.functions.instances import Instances

OWN = frozenset({"task-statuses"})


@pytest.fixture(
    scope="module", params=[frozenset[str](), OWN | {"multi-currency", "encrypted-names", "person-accounts"}]
)
def shape(request: pytest.FixtureRequest) -> frozenset[str]:
    return request.param


@pytest.fixture(scope="module")
def org(shape: frozenset[str]) -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=12, shape=shape)) as running:
        yield running


@pytest.fixture
async def backend(org: EmbeddedOrg) -> AsyncIterator[Instances]:
    instances = Instances(org)
    yield instances
    await instances.http.close()


@pytest.fixture
async def sam(backend: Instances) -> Caller:
    uid, _ = await backend.connect(SALES)
    caller = Caller(uid, "phone")
    await backend.each[0].queries.get_objects(caller, Empty())  # as every app begins
    await backend.each[0].queries.get_dashboard(caller, Empty())
    return caller


def requests(backend: Instances) -> int:
    """How many requests came to Salesforce since the counters were reset."""
    return sum(n for kind, n in control(backend.org.url, "counters").items() if kind.startswith("rest."))


async def one_request(backend: Instances, work: Callable[[], Any]) -> Any:
    control(backend.org.url, "counters/reset")
    answer = await work()
    assert requests(backend) == 1
    return answer


async def make(backend: Instances, caller: Caller, sobject: str, **fields: Any) -> str:
    """Makes a record as this user, also of an object that the app does not show."""
    made, _ = await backend.each[0].rest.create(caller.uid, sobject, fields, "Id")
    return made


async def rows(backend: Instances, caller: Caller, text: str) -> Any:
    return (await backend.each[0].rest.query(caller.uid, text))[0]


async def first(backend: Instances, caller: Caller, sobject: str) -> Record:
    return (await backend.each[0].queries.list_records(caller, ListRecords(sobject, limit=1))).records[0]


async def test_a_task_is_completed_by_the_orgs_own_status_and_given_back(
    backend: Instances, sam: Caller, shape: frozenset[str]
) -> None:
    changes = backend.each[0].changes
    task = await make(backend, sam, "Task", Subject="Send quote")
    done = await one_request(backend, lambda: changes.complete_task(sam, CompleteTask(task)))
    closes = "Done" if shape >= OWN else "Completed"
    assert (done.fields["IsClosed"], done.fields["Status"]) == (True, closes)
    again = await one_request(backend, lambda: changes.complete_task(sam, CompleteTask(task)))
    assert (again.before, again.version) == (None, done.version), "a repetition changes nothing"
    assert done.before
    back = CompleteTask(task, done.before, done.version)
    undone = await one_request(backend, lambda: changes.complete_task(sam, back))
    assert (undone.fields["IsClosed"], undone.fields["Status"]) == (False, done.before)
    with pytest.raises(ChangedMeanwhile):
        await changes.complete_task(sam, back)  # somebody has saved since: it is not taken back twice


async def test_a_task_that_is_gone_or_none_is_not_completed(backend: Instances, sam: Caller) -> None:
    changes = backend.each[0].changes
    account = await first(backend, sam, "Account")
    for wrong in ("00T00000000zzzzAAA", account.id):
        with pytest.raises(NotFound):
            await changes.complete_task(sam, CompleteTask(wrong))
    with pytest.raises(RefusedRequest):
        await changes.complete_task(sam, CompleteTask("' OR Id != '"))


@pytest.mark.parametrize("note", ["wants a quote", 'O\'Neil said "@{closed.records[0].ApiName}" \\ twice'])
async def test_a_call_and_what_follows_are_two_tasks_at_once(backend: Instances, sam: Caller, note: str) -> None:
    changes = backend.each[0].changes
    contact = await first(backend, sam, "Contact")
    deal = await first(backend, sam, "Opportunity")
    asked = LogCall(
        (contact.id, deal.id),
        "Call",
        "2026-11-29",
        "Reached",
        note,
        FollowUp("Follow up", "2026-11-30"),
        f"key-{len(note)}",
    )
    control(backend.org.url, "counters/reset")
    logged = await changes.log_call(sam, asked)
    assert requests(backend) == (2 if "@{" in note else 1)
    names = (
        "Subject, Status, IsClosed, ActivityDate, WhoId, WhatId, Description, CallDisposition, CallType, TaskSubtype"
    )
    call, follow_up = [
        (await rows(backend, sam, f"SELECT {names} FROM Task WHERE Id = '{one}'"))[0]
        for one in (logged.id, logged.follow_up)
    ]
    assert (call["WhoId"], call["WhatId"], call["IsClosed"]) == (contact.id, deal.id, True)
    assert (call["CallDisposition"], call["Description"], call["TaskSubtype"]) == ("Reached", note, "Call")
    assert (follow_up["WhoId"], follow_up["WhatId"], follow_up["IsClosed"]) == (contact.id, deal.id, False)
    assert (follow_up["Subject"], follow_up["ActivityDate"]) == ("Follow up", "2026-11-30")
    control(backend.org.url, "counters/reset")
    assert await changes.log_call(sam, asked) == logged, "the same key again makes nothing"
    assert requests(backend) == 0
    with pytest.raises(RefusedRequest) as reused:
        await changes.log_call(sam, replace(asked, note="something else"))
    assert reused.value.reason is Reason.IDEMPOTENCY_KEY_REUSED


async def test_of_a_call_and_what_follows_none_is_made_when_one_is_refused(backend: Instances, sam: Caller) -> None:
    changes = backend.each[0].changes
    gone = "00300000000zzzzAAA"
    before = len(await rows(backend, sam, "SELECT Id FROM Task"))
    for note in ("", "@{closed.x}"):
        asked = LogCall((gone,), "Call", "2026-11-29", note=note, follow_up=FollowUp("Next", "2026-11-30"))
        with pytest.raises(CallError):
            await changes.log_call(sam, asked)
    assert len(await rows(backend, sam, "SELECT Id FROM Task")) == before


async def test_a_call_with_a_lead_is_about_nothing_else(backend: Instances, sam: Caller) -> None:
    lead, deal = await first(backend, sam, "Lead"), await first(backend, sam, "Opportunity")
    logged = await backend.each[0].changes.log_call(sam, LogCall((lead.id, deal.id), "Call", "2026-11-29"))
    (call,) = await rows(backend, sam, f"SELECT WhoId, WhatId FROM Task WHERE Id = '{logged.id}'")
    assert (call["WhoId"], call["WhatId"]) == (lead.id, None)


@pytest.mark.parametrize("wrong", [
    LogCall((), "Call", "2026-11-29"),
    LogCall(("003000000000001AAA", "003000000000002AAA"), "Call", "2026-11-29"),
    LogCall(("'", ), "Call", "2026-11-29"),
    LogCall(("003000000000001AAA",), " ", "2026-11-29"),
    LogCall(("003000000000001AAA",), "Call", "yesterday"),
    LogCall(("003000000000001AAA",), "Call", "2026-11-29", "x" * 256),
    LogCall(("003000000000001AAA",), "Call", "2026-11-29", note="x" * 4001),
    LogCall(("003000000000001AAA",), "Call", "2026-11-29", follow_up=FollowUp("", "2026-11-29")),
])  # fmt: skip
async def test_what_is_no_call_is_refused_before_anything_is_sent(
    backend: Instances, sam: Caller, wrong: LogCall
) -> None:
    control(backend.org.url, "counters/reset")
    with pytest.raises(RefusedRequest):
        await backend.each[0].changes.log_call(sam, wrong)
    assert requests(backend) == 0


@pytest.mark.parametrize("sobject", ["Account", "Contact", "Opportunity", "Lead", "Case"])
async def test_a_record_tells_its_activities_in_the_one_request(backend: Instances, sam: Caller, sobject: str) -> None:
    record = await first(backend, sam, sobject)
    about = {"WhoId" if sobject in ("Contact", "Lead") else "WhatId": record.id}
    await make(backend, sam, "Task", Subject="later", ActivityDate="2999-02-01", **about)
    await make(backend, sam, "Task", Subject="some day", **about)
    await make(
        backend, sam, "Event", Subject="meeting", StartDateTime="2999-01-31T09:00:00Z", DurationInMinutes=30, **about
    )
    await make(
        backend, sam, "Event", Subject="past", StartDateTime="2020-01-31T09:00:00Z", DurationInMinutes=30, **about
    )
    newest = await make(backend, sam, "Task", Subject="done", ActivityDate="2021-01-01", **about)
    await backend.each[0].changes.complete_task(sam, CompleteTask(newest))
    asked = GetRecord(sobject, record.id, timeline=True)
    timeline = (await one_request(backend, lambda: backend.each[0].queries.get_record(sam, asked))).timeline
    coming = [a.subject for a in timeline.upcoming if a.subject in ("later", "some day", "meeting")]
    assert coming == ["meeting", "later", "some day"], "the next first, what has no date last"
    assert [a.subject for a in timeline.past if a.subject in ("past", "done")] == ["done", "past"]
    done = next(a for a in timeline.past if a.subject == "done")
    assert (done.is_task, done.is_open, done.day, done.owner) == (True, False, "2021-01-01", "Sam Sales")
    meeting = next(a for a in timeline.upcoming if a.subject == "meeting")
    assert (meeting.is_task, meeting.sobject, meeting.starts) == (False, "Event", "2999-01-31T09:00:00.000+0000")
    assert done.who is None or done.who.id != record.id
    assert (await backend.each[0].queries.get_record(sam, GetRecord(sobject, record.id))).timeline is None


async def test_the_objects_say_what_can_be_done_with_activities(backend: Instances, sam: Caller) -> None:
    objects = {o.sobject: o for o in (await backend.each[0].queries.get_objects(sam, Empty())).objects}
    assert {n for n, o in objects.items() if o.timeline} == {"Account", "Contact", "Opportunity", "Lead", "Case"}
    assert {n for n, o in objects.items() if o.calls} == {"Account", "Contact", "Opportunity", "Lead", "Case"}
    assert {n: o.done for n, o in objects.items() if o.done} == {"Task": "IsClosed"}
    uid, _ = await backend.connect("readonly@localorg.test")
    reader = Caller(uid, "phone")
    assert not any(o.done or o.calls for o in (await backend.each[0].queries.get_objects(reader, Empty())).objects)
    for work in (CompleteTask("00T000000000001AAA"), LogCall(("003000000000001AAA",), "Call", "2026-11-29")):
        changes = backend.each[0].changes
        with pytest.raises(RefusedRequest):
            await (
                changes.complete_task(reader, work)
                if isinstance(work, CompleteTask)
                else changes.log_call(reader, work)
            )


# Days


def a_day(on: date, zone: str = "Europe/Berlin", first: int = 0) -> AskedDay:
    """The day of somebody in this zone, whose week begins with the day `first` (0 is Monday)."""
    begins = datetime(on.year, on.month, on.day, tzinfo=ZoneInfo(zone))
    after = on + timedelta(days=1)
    ends = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone))
    week = on - timedelta(days=(on.weekday() - first) % 7)
    dates = (week.isoformat(), (week + timedelta(days=6)).isoformat())
    return AskedDay(on.isoformat(), begins.isoformat(), ends.isoformat(), *dates)


ON = date(2031, 3, 12)  # a Wednesday on which nothing else is


async def test_a_day_is_asked_for_with_home_in_one_request(
    backend: Instances, sam: Caller, shape: frozenset[str]
) -> None:
    contact = await first(backend, sam, "Contact")
    account = contact.fields["AccountId"]
    await make(backend, sam, "Task", Subject="due that day", ActivityDate="2031-03-12", WhoId=contact.id)
    await make(backend, sam, "Task", Subject="of tomorrow", ActivityDate="2031-03-13")
    await make(
        backend, sam, "Event", Subject="in the morning", StartDateTime="2031-03-11T23:30:00Z", DurationInMinutes=10
    )
    await make(
        backend,
        sam,
        "Event",
        Subject="trade fair",
        IsAllDayEvent=True,
        ActivityDate="2031-03-11",
        DurationInMinutes=2880,
    )
    await make(
        backend, sam, "Event", Subject="the night after", StartDateTime="2031-03-12T23:30:00Z", DurationInMinutes=10
    )
    deal = {"StageName": "Prospecting", "AccountId": account}
    await make(backend, sam, "Opportunity", Name="this week", CloseDate="2031-03-16", NextStep="Call", **deal)
    await make(backend, sam, "Opportunity", Name="next week", CloseDate="2031-03-17", **deal)
    asked = GetDashboard(a_day(ON))
    queries = backend.each[0].queries
    home = await one_request(backend, lambda: queries.get_dashboard(sam, asked))
    day = home.day
    assert day is not None
    assert (home.closing, home.tasks, home.hidden, day.hidden) == ((), (), (), ())
    assert home.pipeline
    assert home.newest_accounts
    assert day.tasks[0].subject == "due that day", "the newest first, so that what is due today is there in any case"
    assert "of tomorrow" not in {t.subject for t in day.tasks}
    who = day.tasks[0].who
    assert who is not None
    assert who.name
    assert who.phone.startswith("+44")
    assert "@" in who.email
    assert day.tasks[0].account is not None
    assert day.tasks[0].account.phone
    assert [e.subject for e in day.events] == ["trade fair", "in the morning"]
    assert [d.name for d in day.closing] == ["this week"]
    assert "next week" in {d.name for d in day.stuck}
    assert "this week" not in {d.name for d in day.stuck}
    assert day.closing[0].customer is not None
    assert day.closing[0].customer.phone
    assert bool(day.closing[0].currency) is ("multi-currency" in shape)
    sunday = await queries.get_dashboard(sam, GetDashboard(a_day(ON, first=6)))
    assert sunday.day is not None
    assert sunday.day.closing == (), "an American week ends on Saturday"
    tokyo = await queries.get_dashboard(sam, GetDashboard(a_day(ON, "Asia/Tokyo")))
    assert tokyo.day is not None
    assert [e.subject for e in tokyo.day.events] == ["trade fair", "in the morning"]
    hawaii = await queries.get_dashboard(sam, GetDashboard(a_day(ON, "Pacific/Honolulu")))
    assert hawaii.day is not None
    assert [e.subject for e in hawaii.day.events] == ["trade fair", "the night after"]


@pytest.mark.parametrize("wrong", [
    {"today": "2031-3-12"}, {"today": "2031-04-12"}, {"begins": "2031-03-12T00:00:00"},
    {"ends": "2031-03-11T00:00:00+01:00"},
    {"ends": "2031-04-11T00:00:00+01:00"}, {"week_ends": "2032-03-11"}, {"begins": "x' OR Id != '"},
])  # fmt: skip
async def test_what_is_nobodys_day_is_refused(backend: Instances, sam: Caller, wrong: dict[str, str]) -> None:
    with pytest.raises(RefusedRequest) as refused:
        await backend.each[0].queries.get_dashboard(sam, GetDashboard(replace(a_day(ON), **wrong)))
    assert refused.value.reason is Reason.MALFORMED_REQUEST


async def test_taps_of_two_people_complete_a_task_once_and_what_was_typed_meanwhile_stays(
    backend: Instances, sam: Caller
) -> None:
    task = await make(backend, sam, "Task", Subject="Both at once")
    done = await asyncio.gather(*(p.changes.complete_task(sam, CompleteTask(task)) for p in backend.each))
    assert sum(d.before is not None for d in done) == 1, "one of them can take it back, and to what it was"
    assert {d.fields["IsClosed"] for d in done} == {True}
