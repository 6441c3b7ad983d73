"""Whatever a form offers the org takes: the app's own form, over the real backend, at an org of all shapes."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from backend.values import Caller
from contract.calls import Call
from contract.codec import decode, encode
from devtools.clients import ADMIN, SALES
from localorg import EmbeddedOrg, OrgSettings
from localorg.settings import SHAPES
from tests.app.forms import editing
from tests.app.world import MemoryBackend, World
from tests.depth import examples
from tests.functions.instances import Instances
from ui.records.form_view_model import FormViewModel

Q = TypeVar("Q")
A = TypeVar("A")
# Of a form's picklists the one with this number gets its value with that number; -1 is another record type.
STEPS = st.lists(st.tuples(st.integers(-1, 9), st.integers(0, 9)), max_size=12)
TEXTS = {"Name": "Name {n}", "LastName": "Name {n}", "Company": "C", "Subject": "Case", "CloseDate": "12/24/2026"}


class OrgBackend(MemoryBackend):
    """The backend itself for records and what describes them, of a user of the org."""

    def __init__(self, instances: Instances, caller: Caller) -> None:
        super().__init__()
        queries, changes = instances.each[0].queries, instances.each[0].changes
        self._caller = caller
        self._works: dict[str, Callable[[Caller, Any], Awaitable[object]]] = {
            "getObjects": queries.get_objects,
            "getPicklists": queries.get_picklists,
            "getRecord": queries.get_record,
            "createRecord": changes.create_record,
            "updateRecord": changes.update_record,
        }

    async def call(self, call: Call[Q, A], request: Q, id_token: str | None = None) -> A:
        work = self._works.get(call.name)
        if work is None:
            return await super().call(call, request, id_token)
        asked = decode(call.request, encode(request))
        return cast(A, decode(call.answer, encode(await work(self._caller, asked))))


async def choose(form: FormViewModel, steps: list[tuple[int, int]]) -> None:
    for which, value in steps:
        picklists = [f for f in form.fields if f.type == "picklist"]
        if which < 0:
            if form.record_types:
                await form.choose_type(form.record_types[value % len(form.record_types)].id)
            continue
        field = picklists[which % len(picklists)]
        offered = form.offered(field)
        assert not (form.waits_for(field) and offered)
        if offered:
            form.choose(field.name, offered[value % len(offered)])
    for field in form.fields:
        if field.type == "picklist" and field.required and not form.text(field):
            form.choose(field.name, form.offered(field)[0])


def test_no_combination_that_a_form_offers_is_refused_by_the_org() -> None:
    with (
        EmbeddedOrg(OrgSettings(accounts=2, shape=SHAPES)) as org,
        asyncio.Runner() as runner,
    ):
        instances, numbers = runner.run(_instances(org)), count()
        callers = {name: Caller(runner.run(instances.connect(name))[0], "phone") for name in (ADMIN, SALES)}

        async def story(username: str, sobject: str, steps: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
            world = World(OrgBackend(instances, callers[username]))
            form = await editing(world, f"/records/{sobject}/new")
            await choose(form, steps)
            for name, text in TEXTS.items():
                if name in {f.name for f in form.fields}:
                    form.type(name, text.format(n=next(numbers)))
            note({f.name: form.text(f) for f in form.fields})
            await form.save()
            assert (form.problem, form.errors) == (None, {})
            form = await editing(world.again(), f"{world.route}/edit")
            await choose(form, more)
            note({f.name: form.text(f) for f in form.fields})
            await form.save()
            assert (form.problem, form.errors) == (None, {})

        @settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(
            st.sampled_from((ADMIN, SALES)),
            st.sampled_from(("Opportunity", "Case", "Lead", "Account", "Contact")),
            STEPS,
            STEPS,
        )
        def every(username: str, sobject: str, steps: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
            runner.run(story(username, sobject, steps, more))

        every()
        runner.run(instances.http.close())


async def _instances(org: EmbeddedOrg) -> Instances:
    return Instances(org)
