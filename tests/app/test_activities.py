"""Completing tasks with a way back, the sheet after a call, and the day on home, without a screen."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.activities import Activity, CallLogged, CompleteTask, Day, LogCall, TaskDone
from contract.calls import Dashboard, Empty, FieldShape, GetDashboard, ListRecords, SobjectShape
from contract.errors import ChangedMeanwhile, ConnectionLost, OrgUnavailable, Reason, RefusedRequest
from tests.app.world import ACCOUNT, CONTACT, MemoryBackend, World
from ui.home.view_model import HomeViewModel
from ui.shared import words
from ui.shared.calling import LEFT_WITHIN, TOMORROW, AlsoAbout
from ui.shared.days import asked_day

TASK = SobjectShape(
    "Task", "Task", "Tasks",
    (FieldShape("Subject", "Subject", "string", False, True, True), FieldShape("IsClosed", "Closed", "boolean", False,
        False, False)),
    title="Subject", listed=("Subject", "IsClosed"), key_prefix="00T", done="IsClosed", creatable=True, editable=True,
)  # fmt: skip


class ActiveBackend(MemoryBackend):
    """With tasks of three statuses, of which two close one; counts what it did."""

    def __init__(self) -> None:
        super().__init__()
        shapes = (replace(ACCOUNT, timeline=True, calls=True), replace(CONTACT, timeline=True, calls=True), TASK)
        self.objects = replace(self.objects, objects=shapes)
        self.logged: dict[str, LogCall] = {}
        self.days: list[GetDashboard] = []
        self.day: Day | None = None
        self.is_old = False

    def a_task(self, subject: str = "Send quote") -> str:
        return self.add("00T1", Subject=subject, Status="Waiting", IsClosed=False).id

    def _completeTask(self, request: CompleteTask) -> TaskDone:
        task = self._find(request.id)
        before = str(task.fields["Status"])
        if request.back_to is not None:
            if request.version != task.version:
                raise ChangedMeanwhile(Reason.RECORD_CHANGED)
            now = self.add(task.id, **{**task.fields, "Status": request.back_to, "IsClosed": False})
            return TaskDone(now.id, now.fields, now.version)
        if task.fields["IsClosed"]:
            return TaskDone(task.id, task.fields, task.version)
        now = self.add(task.id, **{**task.fields, "Status": "Done", "IsClosed": True})
        return TaskDone(now.id, now.fields, now.version, before)

    def _logCall(self, request: LogCall) -> CallLogged:
        key = request.idempotency_key or ""
        if self.logged.setdefault(key, request) != request:
            raise RefusedRequest(Reason.IDEMPOTENCY_KEY_REUSED)
        return CallLogged("00T9")

    def _getDashboard(self, _: Empty) -> Dashboard:
        request = _
        assert isinstance(request, GetDashboard)
        self.days.append(request)
        if request.day is not None and self.is_old:
            raise RefusedRequest(Reason.MALFORMED_REQUEST)
        return Dashboard((), (), day=None if request.day is None else self.day)


@pytest.fixture
def backend() -> ActiveBackend:
    return ActiveBackend()


async def test_a_task_is_completed_at_once_and_taken_back_by_a_change(backend: ActiveBackend) -> None:
    world, task = World(backend), backend.a_task()
    app = await world.start()
    await app.completions.complete("Task", task, "Send quote")
    assert backend.records[task].fields["Status"] == "Done", "nothing waits that a closed tab could lose"
    assert not app.completions.is_open(task, True)
    notice = app.notices.newest
    assert notice is not None
    assert (notice.text, notice.action) == ("Send quote is completed.", "Undo")
    assert notice.run is not None
    await notice.run()
    assert (backend.records[task].fields["Status"], app.completions.is_open(task, False)) == ("Waiting", True)
    assert app.notices.all == ()


async def test_after_ten_seconds_there_is_no_way_back_any_more(backend: ActiveBackend) -> None:
    world, task = World(backend), backend.a_task()
    app = await world.start()
    await app.completions.complete("Task", task, "Send quote")
    await world.pass_time(9)
    assert app.notices.newest is not None
    await world.pass_time(2)
    assert app.notices.newest is None
    assert not app.completions.is_open(task, True)


async def test_what_was_changed_meanwhile_is_not_taken_back(backend: ActiveBackend) -> None:
    world, task = World(backend), backend.a_task()
    app = await world.start()
    await app.completions.complete("Task", task, "Send quote")
    notice = app.notices.newest
    backend.add(task, **{**backend.records[task].fields, "Subject": "Send two quotes"})
    assert notice is not None
    assert notice.run is not None
    await notice.run()
    assert backend.records[task].fields["IsClosed"] is True
    assert not app.completions.is_open(task, True)
    assert app.notices.newest is not None
    assert "was not changed" in app.notices.newest.text


async def test_a_task_that_could_not_be_completed_is_open_again(backend: ActiveBackend) -> None:
    world, task = World(backend), backend.a_task()
    app = await world.start()
    backend.fails["completeTask"] = OrgUnavailable(Reason.ORG_BUSY)
    held = backend.holds["completeTask"] = asyncio.Event()
    tap = asyncio.create_task(app.completions.complete("Task", task, "Send quote"))
    await asyncio.sleep(0)
    assert not app.completions.is_open(task, True), "seen at once"
    await app.completions.complete("Task", task, "Send quote")
    held.set()
    await tap
    assert app.completions.is_open(task, True)
    assert [name for name, _ in backend.asked].count("completeTask") == 1, "two quick taps are one"


async def test_without_a_network_a_task_that_is_done_waits_and_is_done_once(backend: ActiveBackend) -> None:
    world, task = World(backend), backend.a_task()
    app = await world.start()
    backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await app.completions.complete("Task", task, "Send quote")
    assert not app.completions.is_open(task, True)
    assert [(e.kind, e.title) for e in world.data.queue.all()] == [("complete", "Send quote")]
    notice = app.notices.newest
    assert notice is not None
    assert notice.run is not None
    await notice.run()
    assert (app.completions.is_open(task, True), world.data.queue.all()) == (True, ())
    await app.completions.complete("Task", task, "Send quote")
    backend.offline = None
    await world.data.sending.run()
    await app.settle()
    assert (backend.records[task].fields["Status"], world.data.queue.all()) == ("Done", ())
    assert not app.completions.is_open(task, True)


async def test_what_was_sent_meanwhile_is_not_taken_back_and_that_is_said(backend: ActiveBackend) -> None:
    world, task = World(backend), backend.a_task()
    app = await world.start()
    backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await app.completions.complete("Task", task, "Send quote")
    notice = app.notices.newest
    assert notice is not None
    assert notice.run is not None
    backend.offline = None
    await world.data.sending.run()
    await notice.run()
    assert app.notices.newest is not None
    assert app.notices.newest.text == "Send quote is completed already."
    assert not app.completions.is_open(task, False)
    assert backend.records[task].fields["Status"] == "Done"


# The sheet after a call


async def test_whoever_comes_back_from_a_call_is_asked_how_it_went(backend: ActiveBackend) -> None:
    world = World(backend)
    app = await world.start()
    await app.call("tel:+442079460001", ("0031", "0011"), "Chloé Dubois")
    assert not app.calling.open
    app.out_of_sight(hidden=True)
    await world.pass_time(600)
    assert not app.calling.open, "it is not asked in the pocket"
    app.out_of_sight(hidden=False)
    assert app.calling.open
    await app.calling.choose(result="Reached")
    await app.calling.type("wants a quote")
    await app.calling.choose(follow_up=TOMORROW)
    await app.calling.save()
    (sent,) = backend.logged.values()
    assert (sent.records, sent.result, sent.note) == (("0031", "0011"), "Reached", "wants a quote")
    assert sent.follow_up is not None
    assert sent.follow_up.subject == "Follow up with Chloé Dubois"
    assert sent.day < sent.follow_up.day
    assert not app.calling.open
    assert app.calling.called is None
    assert app.notices.newest is not None
    assert app.notices.newest.text == "The call is saved."


async def test_a_phone_program_beside_the_app_is_asked_about_too(backend: ActiveBackend) -> None:
    world = World(backend)
    app = await world.start()
    await app.call("tel:1", ("0011",), "Acme")
    await world.pass_time(LEFT_WITHIN)
    assert app.calling.open
    await app.calling.dismiss()
    assert (app.calling.open, backend.logged) == (False, {})
    assert (await World(backend, world.device).start()).calling.called is None


async def test_nobody_is_asked_where_a_call_cannot_be_kept(backend: ActiveBackend) -> None:
    backend.objects = replace(backend.objects, objects=(ACCOUNT, CONTACT))
    world = World(backend)
    app = await world.start()
    await app.call("tel:1", ("0011",), "Acme")
    await world.pass_time(LEFT_WITHIN)
    assert not app.calling.open


async def test_an_app_that_ends_during_the_call_asks_at_its_next_start(backend: ActiveBackend) -> None:
    world = World(backend)
    app = await world.start()
    await app.call("tel:1", ("0011",), "Acme")
    app.out_of_sight(hidden=True)
    again = world.again()
    app = await again.start(user=None)
    assert app.calling.open
    assert app.calling.called is not None
    assert app.calling.called.name == "Acme"


async def test_a_deal_that_was_chosen_is_seen_and_taken_back_after_a_restart(backend: ActiveBackend) -> None:
    """It is not among those that are offered any more."""
    deals = replace(CONTACT, sobject="Opportunity", label_plural="Opportunities", title="Name", key_prefix="006")
    backend.objects = replace(backend.objects, objects=(*backend.objects.objects, deals))
    deal = backend.add("0061", Name="Pumps")
    world = World(backend)
    app = await world.start()
    await app.call("tel:1", ("0031",), "Ada", AlsoAbout("Opportunities", "Name", ListRecords("Opportunity")))
    await world.pass_time(LEFT_WITHIN)
    assert app.calling.offered == ((deal.id, "Pumps"),)
    await app.calling.choose(deal=deal.id)
    del backend.records[deal.id]
    again = world.again()
    app = await again.start(user=None)
    assert app.calling.offered == ((deal.id, "Pumps"),)
    await app.calling.choose(deal=deal.id)
    assert app.calling.offered == ()
    await app.calling.save()
    assert [sent.records for sent in backend.logged.values()] == [("0031",)]


async def test_what_was_entered_of_a_call_survives_a_session_that_ends(backend: ActiveBackend) -> None:
    world = World(backend)
    await world.sign_in()
    app = await world.start(user=None)
    await app.call("tel:1", ("0011",), "Acme")
    await world.pass_time(LEFT_WITHIN)
    await app.calling.type("wants a quote")
    backend.fails["logCall"] = ConnectionLost(Reason.REFRESH_LOST)
    await app.calling.save()
    await app.settle()
    assert (world.session.user, app.calling.called) == (None, None)
    await world.sign_in()
    again = await world.again().start(user=None)
    assert again.calling.called is not None
    assert (again.calling.open, again.calling.called.note) == (True, "wants a quote")
    await again.calling.save()
    assert [sent.note for sent in backend.logged.values()] == ["wants a quote"]


async def test_without_a_network_the_sheet_is_put_off_and_asks_again(backend: ActiveBackend) -> None:
    world = World(backend)
    app = await world.start()
    await app.call("tel:1", ("0011",), "Acme")
    await world.pass_time(LEFT_WITHIN)
    await app.calling.type("wants a quote")
    backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await app.calling.save()
    assert app.calling.problem
    app.calling.later()
    assert not app.calling.open
    backend.offline = None
    app.out_of_sight(hidden=True)
    app.out_of_sight(hidden=False)
    assert app.calling.open
    await app.calling.save()
    assert [sent.note for sent in backend.logged.values()] == ["wants a quote"]


async def test_one_call_in_two_windows_is_kept_once(backend: ActiveBackend) -> None:
    world = World(backend)
    app = await world.start()
    await app.call("tel:1", ("0011",), "Acme")
    await world.pass_time(LEFT_WITHIN)
    other = await world.beside().start(user=None)
    assert other.calling.open
    await app.calling.type("one")
    await app.calling.save()
    await other.calling.type("two")
    for _ in range(2):
        await other.calling.save()
    assert [sent.note for sent in backend.logged.values()] == ["one"]
    assert other.calling.called is None


async def test_a_call_whose_answer_comes_to_the_next_user_is_not_theirs(backend: ActiveBackend) -> None:
    world = World(backend)
    app = await world.start()
    await app.call("tel:1", ("0011",), "Acme")
    await world.pass_time(LEFT_WITHIN)
    held = backend.holds["logCall"] = asyncio.Event()
    backend.fails["logCall"] = OrgUnavailable(Reason.ORG_BUSY)
    saving = asyncio.create_task(app.calling.save())
    await asyncio.sleep(0.01)
    app.calling.drop()
    held.set()
    await saving
    assert (app.calling.called, app.calling.open) == (None, False)


Step = st.sampled_from(["save", "lose", "offline", "refuse", "type", "result", "kill", "follow"])


@settings(max_examples=30, deadline=None)
@given(st.lists(Step, max_size=12))
@example(["lose", "refuse"])
def test_whatever_happens_a_call_is_kept_once_as_it_was_seen(steps: list[str]) -> None:
    async def story() -> None:
        backend = ActiveBackend()
        world = World(backend)
        app = await world.start()
        await app.call("tel:1", ("0011",), "Acme")
        await world.pass_time(LEFT_WITHIN)
        for n, step in enumerate([*steps, "save", "save"]):
            calling = app.calling
            if calling.called is None:
                break
            assert calling.open
            match step:
                case "type":
                    await calling.type(f"note {n}")
                case "result":
                    await calling.choose(result="Reached")
                case "follow":
                    await calling.choose(follow_up=TOMORROW)
                case "kill":
                    world = world.again()
                    app = await world.start(user=None)
                case _:
                    if step == "lose":
                        backend.loses.add("logCall")
                    elif step == "offline":
                        backend.fails["logCall"] = OrgUnavailable(Reason.ORG_BUSY)
                    elif step == "refuse":
                        # Of values Salesforce says so, after the backend has found no earlier call under the key.
                        reason = Reason.NOT_PERMITTED if backend.logged else Reason.INVALID_VALUE
                        backend.fails["logCall"] = RefusedRequest(reason)
                    await calling.save()
        assert app.calling.called is None
        assert len(backend.logged) == 1, "once"
        await app.settle()

    asyncio.run(story())


# The day


async def test_home_asks_for_the_day_of_this_device_and_splits_it_by_its_date(backend: ActiveBackend) -> None:
    world = World(backend)
    today = datetime.fromtimestamp(world.time, UTC).astimezone().date().isoformat()
    tasks = tuple(Activity(f"00T{n}", "Task", f"t{n}", day=day) for n, day in enumerate((today, "1970-01-01")))
    backend.day = Day(today, tasks, (Activity("00U1", "Event", "meeting", False, day=today),))
    app = await world.start()
    home = app.screen
    assert isinstance(home, HomeViewModel)
    asked = backend.days[-1].day
    assert asked is not None
    assert asked.today == today
    assert [t.subject for t in home.due] == ["t0"]
    assert [t.subject for t in home.overdue] == ["t1"]
    assert [e.subject for e in home.events] == ["meeting"]
    await world.pass_time(86_400)
    assert ([t.subject for t in home.overdue], home.due, home.events) == (["t0", "t1"], (), ()), "the day after"


async def test_a_backend_from_before_days_is_asked_as_ever(backend: ActiveBackend) -> None:
    backend.is_old = True
    world = World(backend)
    app = await world.start()
    home = app.screen
    assert isinstance(home, HomeViewModel)
    assert (home.is_complete, home.day) == (True, None)
    assert [asked.day is None for asked in backend.days] == [False, True]
    await app.again()
    assert [asked.day is None for asked in backend.days] == [False, True, True], "and not asked twice again"


@pytest.mark.parametrize(("language", "first"), [("en-US", 6), ("de-DE", 0), ("ja-JP", 6)])
def test_a_week_begins_as_the_locale_says(language: str, first: int) -> None:
    words.use_language([language])
    try:
        asked = asked_day(1_900_000_000.0)
    finally:
        words.use_language(["en-US"])
    assert datetime.fromisoformat(asked.week_begins).weekday() == first
    assert asked.week_begins <= asked.today <= asked.week_ends
    assert datetime.fromisoformat(asked.begins).tzinfo is not None
