"""Any story of what waits: two people, one of whom has two tabs on one device, a network that comes and goes, answers
that are lost or late, tabs that end at any point, and a device that stalls.

Every value that anyone saved is in the org exactly once, or a person chose otherwise; each new record is made once;
what was saved of one record comes in the order in which it was saved.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import hypothesis.strategies as st
from hypothesis import note, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from contract.calls import Call, FieldValue, UpdateRecord
from contract.errors import OrgUnavailable, Reason
from data.repositories.queue import Edit
from tests.app.world import SAM, MemoryBackend, World
from tests.depth import examples
from tests.device import Beside, StallingDrawer
from tests.virtual_time import VirtualLoop
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.waiting.view_model import WaitingViewModel

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
GOOD, SLOW, SILENT = 0.01, 1.0, None
TABS = st.integers(0, 1)
FIELDS = st.sampled_from(["Phone", "Website", "BillingCity"])
OFFLINE = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
SETTLES = 150.0  # seconds in which all that can be sent is, retries included


class FarBackend(MemoryBackend):
    """It takes half a second each way. `late` calls more have arrived when the network is gone, and their answers are
    lost with it; `history` is every value that each field of a record has had."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = False
        self.history: dict[tuple[str, str], list[FieldValue]] = {}

    async def call(self, call: Call[Q, A], request: Q, id_token: str | None = None) -> A:
        if self.gone:
            raise OFFLINE
        await asyncio.sleep(0.5)
        answer = await super().call(call, request, id_token)
        await asyncio.sleep(0.5)
        if self.gone:
            raise OFFLINE  # it has arrived, and nobody knows
        return answer

    def _updateRecord(self, request: UpdateRecord) -> Any:
        updated = super()._updateRecord(request)
        for name, value in request.fields.items():
            self.history.setdefault((request.id, name), []).append(value)
        return updated


class Stories(RuleBasedStateMachine):
    """Each value is unique: `3` is the third that anybody saved, so that it can be told what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.loop.set_task_factory(self._task)
        self.acting: World | None = None
        self.owners: dict[asyncio.Task[Any], World] = {}
        self.tasks: dict[int, set[asyncio.Task[Any]]] = {}
        self.backend = FarBackend()
        self.backend.add("0010", Name="Acme", Phone="a", Website="a", BillingCity="a")
        self.kept: dict[str, str] = {}
        self.first = Beside()
        self.delay: float | None = GOOD
        self.values = 0
        self.saved: dict[tuple[str, str], list[str]] = {}  # by record (its name, for a new one) and field, in order
        self.hers: set[str] = set()
        self.overruled: set[str] = set()  # values that a person gave up, knowing of the other
        self.tabs: list[World] = []

    @initialize()
    def begin(self) -> None:
        self.tabs = [self._opened(), self._opened()]
        for tab in self.tabs:
            self._in(tab, tab.app.go(Place("record", "Account", "0010")))

    def teardown(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    # What the person does

    @rule(tab=TABS, field=FIELDS, ends=st.sampled_from([None, None, None, 0.2, 0.7, 1.2, 3.0]))
    def changes_the_record(self, tab: int, field: str, ends: float | None) -> None:
        self._saves(tab, Place("edit", "Account", "0010"), field, ends)

    @rule(tab=TABS, ends=st.sampled_from([None, None, None, 0.2, 0.7, 1.2, 3.0]))
    def makes_a_record(self, tab: int, ends: float | None) -> None:
        self._saves(tab, Place("new", "Account"), "Name", ends)

    @rule(tab=TABS, field=FIELDS, which=st.integers(0, 3))
    def changes_a_record_that_is_not_sent(self, tab: int, field: str, which: int) -> None:
        made = self.tabs[tab].data.queue.to_make("Account")
        if made:
            self._saves(tab, Place("edit", "Account", made[which % len(made)].record_id), field, None)

    @rule(field=FIELDS)
    def somebody_else_changes_it(self, field: str) -> None:
        value = self._value()
        fields = self.backend.records["0010"].fields
        before = fields[field]
        self.backend.add("0010", by="Ada Admin", **{**fields, field: value})
        self.backend.history.setdefault(("0010", field), []).append(value)
        self.saved.setdefault(("0010", field), []).append(value)
        self.hers.add(value)
        self.overruled.add(str(before))  # she has seen it
        note(f"Ada saves {field}={value} over {before}")

    @rule(tab=TABS)
    def tab_ends(self, tab: int) -> None:
        self._ends(tab)

    @rule(seconds=st.sampled_from([0.3, 2.0, 7.0, 40.0]))
    def waits(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    # What happens

    @rule(gone=st.sampled_from([True, True, False]))
    def the_network_comes_or_goes(self, gone: bool) -> None:
        self.backend.gone = gone
        note(f"network gone: {gone}")

    @rule(call=st.sampled_from(["createRecord", "updateRecord", "getRecord"]))
    def an_answer_is_lost(self, call: str) -> None:
        self.backend.loses.add(call)

    @rule(
        call=st.sampled_from(["createRecord", "updateRecord"]),
        goes_after=st.sampled_from([None, 1.6, 2.2, 2.7, 3.2, 6.0]),
        ends=st.sampled_from([None, 0, 1]),
    )
    def the_network_is_back_for_a_moment(self, call: str, goes_after: float | None, ends: int | None) -> None:
        """An answer is lost, or the network goes again while something is on its way; and perhaps a tab ends then."""
        self.backend.gone = False
        if goes_after is None:
            self.backend.loses.add(call)
        for tab in self.tabs:
            self._in(tab, _beginning(tab))
        self._run(asyncio.sleep(goes_after or 3.0))
        self.backend.gone = goes_after is not None
        if ends is not None:
            self._ends(ends)

    @rule(delay=st.sampled_from([GOOD, SLOW, SILENT]))
    def the_device_answers_otherwise(self, delay: float | None) -> None:
        self.delay = delay
        for tab in self.tabs:
            cast(StallingDrawer, tab.device).disk.delay = delay

    # What holds

    @rule()
    def everything_comes_to_the_org(self) -> None:
        self.the_device_answers_otherwise(GOOD)
        self.backend.gone = False
        self.backend.loses.clear()
        waiting: list[Edit] = []
        for _time in range(6):
            self._run(asyncio.sleep(SETTLES))
            waiting = [e for tab in self.tabs for e in tab.data.queue.all()]
            if not waiting:
                break
            self._answers_what_asks()
        assert not waiting, waiting
        names = [str(r.fields["Name"]) for r in self.backend.records.values()]
        assert len(names) == len(set(names)), names
        for (record, field), values in self.saved.items():
            if field == "Name":
                assert record in names, (record, names)
                continue
            record_id = next(r.id for r in self.backend.records.values() if record in (r.id, r.fields["Name"]))
            had = self.backend.history.get((record_id, field), [])
            now = self.backend.records[record_id].fields.get(field)
            for value in values:
                assert had.count(value) <= 1, (record, field, value, had)
                assert value in had or value == now or value in self.overruled, (record, field, value, had, now)
            kept = [v for v in values if v not in self.overruled]
            if kept:
                assert now == kept[-1], (record, field, now, kept)

    def _answers_what_asks(self) -> None:
        """The person wants their own, and looks whether a record is there before they make it anew."""
        queue = self.tabs[0].data.queue
        self._in(self.tabs[0], _looking(queue))
        for edit in queue.all():
            if edit.state == "conflict":
                self._overrule(edit)
                self._in(self.tabs[0], _deciding(self.tabs[0], edit))
            elif edit.state == "unsure":
                is_there = any(r.fields["Name"] == edit.fields.get("Name") for r in self.backend.records.values())
                discard = queue.discard(edit.id)
                self._in(self.tabs[0], _ignoring(discard) if is_there else queue.retry(edit.id, anyway=True))

    def _overrule(self, edit: Edit) -> None:
        fields = self.backend.records["0010"].fields
        self.overruled |= {str(fields[n]) for n in edit.fields if fields[n] != edit.fields[n]}

    # Parts

    def _value(self) -> str:
        self.values += 1
        return str(self.values)

    def _saves(self, tab: int, place: Place, field: str, ends: float | None) -> None:
        """Opens the form, types a new value and saves, to its end or until the tab is killed in the middle."""
        world, value = self.tabs[tab], self._value()
        before: dict[str, FieldValue] = {}

        async def opens() -> FormViewModel | None:
            for draft in world.drafts.all():
                world.drafts.throw_away(draft)
            await world.app.go(place)
            form = world.app.screen
            return form if isinstance(form, FormViewModel) and form.draft is not None else None

        form = self._in(world, opens())
        if form is None or form.draft is None or form.saving:
            return
        before |= form.draft.seen
        if field == "Name" and form.value("Name"):  # a draft that another tab has left: the same record, renamed
            self.saved.pop((str(form.value("Name")), field), None)
        name = value if field == "Name" else str(form.draft.seen.get("Name"))
        record = "0010" if name == "Acme" else name
        self._in(world, _typing(form, field, value))
        self.acting = world
        saving = self.loop.create_task(form.save())
        self.acting = None
        if ends is None:
            self._run(_ended(saving))
        else:
            self._run(asyncio.sleep(ends))
        is_saved = form.draft is None
        if ends is not None:
            self._ends(tab)
        elif not is_saved:
            assert form.problem is not None or form.errors or form.conflicts or form.unsure
            self._in(world, _throwing_away(form))
        self.overruled |= set(self.saved.get((record, field), ())) - self.hers  # the person has another wish by now
        if is_saved:
            self.saved.setdefault((record, field), []).append(value)
            self.overruled.add(str(before.get(field)))
        else:
            self.overruled.add(value)  # nobody was told that it is saved; it may be nevertheless
            if field == "Name":
                self.saved.pop((record, field), None)
            else:
                self.overruled.add(str(before.get(field)))
        note(f"saves {field}={value} of {record} over {before.get(field)}: {is_saved} ({ends})")

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        """What is begun in a tab is the tab's, and ends with it."""
        task = asyncio.Task(work, loop=loop, **options)
        try:
            parent = asyncio.current_task(loop)
        except RuntimeError:
            parent = None
        owner = self.acting if parent is None else self.owners.get(parent, self.acting)
        if owner is not None:
            self.owners[task] = owner
            self.tasks.setdefault(id(owner), set()).add(task)
        return task

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    def _in(self, world: World, work: Coroutine[object, object, T]) -> T:
        self.acting = world
        try:
            return self._run(work)
        finally:
            self.acting = None

    def _opened(self) -> World:
        device = StallingDrawer(self.kept, stalls=("draft/", "queue/"))
        device.disk.delay = self.delay
        world = World(self.backend, device, windows=Beside(self.first))
        gone, self.backend.gone = self.backend.gone, self.backend.gone and "sessions" in self.kept
        self._in(world, _starting(world, is_first="sessions" not in self.kept))
        self.backend.gone = gone
        return world

    def _ends(self, tab: int) -> None:
        ended = self.tabs[tab]
        for task in self.tasks.pop(id(ended), set()):
            task.cancel()
        self._run(asyncio.sleep(0))
        ended.windows.close()
        self.tabs[tab] = self._opened()


async def _typing(form: FormViewModel, field: str, value: str) -> None:
    form.type(field, value)


async def _throwing_away(form: FormViewModel) -> None:
    form.throw_away()


async def _deciding(world: World, edit: Edit) -> None:
    """Opens what asks, and wants one's own values."""
    page = WaitingViewModel(world.data, world.app.catalogue)
    await world.app.go(await page.open(edit))
    form = world.app.screen
    if not isinstance(form, FormViewModel):
        return  # nobody has anything against it any more, so that it is saved
    for conflict in form.conflicts:
        form.decide(conflict.field, "mine")
    await form.save_decided()
    assert form.draft is None, (form.problem, form.errors, form.conflicts)


async def _beginning(world: World) -> None:
    world.data.sending.begin()


async def _starting(world: World, *, is_first: bool) -> None:
    await world.start("/", user=SAM if is_first else None)


async def _looking(queue: Any) -> None:
    await queue.look()


async def _ignoring(work: Coroutine[object, object, object]) -> None:
    await work


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task})


TestStories = Stories.TestCase
TestStories.settings = settings(max_examples=examples(60), stateful_step_count=25, deadline=None)
