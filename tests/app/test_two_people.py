"""Edits of two people that become one: what goes together, what asks, and that nothing is lost."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.calls import FieldValue
from data.repositories.merge import Conflict, merge
from tests import virtual_time
from tests.app.forms import acme, editing
from tests.app.world import World
from tests.depth import examples
from ui.places import Place
from ui.records.form_view_model import FormViewModel

pytestmark = pytest.mark.virtual_time


async def test_different_fields_go_together_without_a_question_and_it_is_said() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 mine")
    world.backend.add("001", by="Ada Admin", **{**world.backend.records["001"].fields, "Industry": "Energy"})
    await form.save()
    fields = world.backend.records["001"].fields
    assert (fields["Phone"], fields["Industry"]) == ("+44 mine", "Energy")
    assert world.app.notices.newest is not None
    assert world.app.notices.newest.text == "Saved together with the changes of Ada Admin."


@pytest.mark.parametrize(("whose", "phone"), [("mine", "+44 mine"), ("theirs", "+44 theirs")])
async def test_the_same_field_asks_and_does_what_the_person_says(whose: str, phone: str) -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 mine")
    form.type("Name", "Acme Ltd")
    world.backend.add(
        "001", by="Ada Admin", **{**world.backend.records["001"].fields, "Phone": "+44 theirs", "Industry": "Energy"}
    )
    await form.save()
    assert form.conflicts == (Conflict("Phone", "+44 mine", "+44 theirs"),)
    assert form.their_change == ("Ada Admin", "2026-11-25T10:00:02.000+0000")
    assert not form.decided
    form.decide("Phone", whose)
    await form.save_decided()
    fields = world.backend.records["001"].fields
    assert (fields["Phone"], fields["Name"], fields["Industry"]) == (phone, "Acme Ltd", "Energy")


async def test_others_who_save_again_and_again_do_not_keep_one_from_saving() -> None:
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 mine")
    for n in range(3):
        world.backend.add("001", **{**world.backend.records["001"].fields, "Industry": ("Media", "Energy", "Media")[n]})
    await form.save()
    assert world.backend.records["001"].fields["Phone"] == "+44 mine"


NAMES = ("Name", "Phone", "Industry", "Website")
VALUES = st.sampled_from(["a", "b", "c", None])
CHANGES = st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), CHANGES, CHANGES)
def test_a_merge_takes_nothing_from_anyone(
    seen: dict[str, FieldValue], mine: dict[str, FieldValue], theirs: dict[str, FieldValue]
) -> None:
    after = {**seen, **theirs}
    merged = merge(seen, {n: v for n, v in mine.items() if v != seen[n]}, after)
    saved = {**after, **merged.changes}
    asked = {c.field for c in merged.conflicts}
    for name in NAMES:
        if name not in asked:
            wanted = {v for v in (mine.get(name, seen[name]), theirs.get(name, seen[name])) if v != seen[name]} or {
                seen[name]
            }
            assert saved[name] in wanted
            assert len(wanted) == 1 or saved[name] == after[name]
    for conflict in merged.conflicts:
        assert conflict.mine != conflict.theirs
        assert after[conflict.field] != seen[conflict.field]


@dataclass
class Editor:
    """One person with the record open, who decides conflicts one way."""

    world: World
    whose: str
    form: FormViewModel | None = None


FIELDS = ("Name", "Phone", "Website")
TYPED = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from("pqrs"), min_size=1)
STEP = st.tuples(st.integers(0, 1), st.one_of(TYPED, st.just("save")))  # who, and what they type, or that they save


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(STEP, max_size=16), st.tuples(*[st.sampled_from(["mine", "theirs"])] * 2))
def test_no_value_that_anyone_saved_is_lost_unless_a_person_chose_so(
    steps: list[tuple[int, dict[str, str] | str]], habits: tuple[str, str]
) -> None:
    virtual_time.run(_edits_of_two(steps, habits))


async def _edits_of_two(steps: list[tuple[int, dict[str, str] | str]], habits: tuple[str, str]) -> None:
    """Two people edit one record in any order.

    A saved value may only go when its successor's author saw it, or chose against it.
    """
    first = World()
    first.backend.add("001", Name="n", Phone="p", Website="w")
    editors = [Editor(World(first.backend), habit) for habit in habits]
    for editor in editors:
        await editor.world.start("/")
    for who, what in steps:
        editor = editors[who]
        if editor.form is None:
            await editor.world.app.go(Place("edit", "Account", "001"))
            assert isinstance(editor.world.app.screen, FormViewModel)
            editor.form = editor.world.app.screen
        if isinstance(what, dict):
            for name, text in what.items():
                editor.form.type(name, f"{text}{who}")
        else:
            await _save(editor, editor.form)
            editor.form = None
    await asyncio.gather(*(e.world.drafts.settle() for e in editors))


async def _save(editor: Editor, form: FormViewModel) -> None:
    assert form.draft is not None
    before, seen, entered = (
        dict(editor.world.backend.records["001"].fields),
        dict(form.draft.seen),
        {name: form.value(name) for name in FIELDS},
    )
    await form.save()
    asked = {c.field for c in form.conflicts}
    for name in asked:
        form.decide(name, editor.whose)
    if asked:
        await form.save_decided()
    after = editor.world.backend.records["001"].fields
    for name in FIELDS:
        if after[name] != before[name]:
            assert after[name] == entered[name]  # only what this person typed is written
            assert before[name] == seen[name] or (name in asked and editor.whose == "mine")
        if entered[name] != seen[name] and not (name in asked and editor.whose == "theirs"):
            assert after[name] == entered[name]  # and all of it
