"""Amounts in an org with several currencies, without a screen: each with its own, sums in the corporate one."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from contract.calls import Dashboard, FieldShape, FieldValue, Objects, Section, SobjectShape, Sort, StageTotal
from tests.app.forms import editing, sent, text
from tests.app.world import CONTACT, MemoryBackend, World
from ui.home.view_model import HomeViewModel
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.records.list_view_model import ListViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared import values
from ui.shared.words import use_language

AMOUNT = FieldShape("Amount", "Amount", "currency", False, True, True, scale=2, currency_field="CurrencyIsoCode")
CODE = FieldShape(
    "CurrencyIsoCode", "Opportunity Currency", "picklist", True, True, True, picklist=("EUR", "JPY", "USD"),
    labels={"EUR": "Euro"}, default="EUR", decimals={"EUR": 2, "JPY": 0, "KWD": 3, "USD": 2},
)  # fmt: skip
DEAL = SobjectShape(
    "Opportunity", "Opportunity", "Opportunities",
    (FieldShape("Name", "Name", "string", True, True, True, 120), AMOUNT, CODE),
    listed=("Name", "Amount"), sorts=("Name", "Amount"), sort=Sort("Name"), amount="Amount",
    sections=(Section("", ("Name", "Amount", "CurrencyIsoCode")),), creatable=True, editable=True, key_prefix="006",
)  # fmt: skip


class _RichBackend(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self.objects = Objects((DEAL, CONTACT), "https://acme.my.salesforce.com")

    def _getDashboard(self, _: object) -> Dashboard:
        stages = (StageTotal("New", 1, 50.0, "Neu"), StageTotal("Won", 2, 1_900_000.0))
        return Dashboard(stages, (), pipeline_of="Opportunity", currency="USD")


def rich() -> World:
    world = World(_RichBackend())
    world.backend.add("0061", Name="Yen", Amount=700_000.0, CurrencyIsoCode="JPY")
    world.backend.add("0062", Name="Euro", Amount=5500.5, CurrencyIsoCode="EUR")
    return world


async def _form(world: World, record_id: str = "0062") -> FormViewModel:
    return await editing(world, f"/records/Opportunity/{record_id}/edit")


@pytest.mark.parametrize(("tag", "code", "amount", "full"), [
    ("en-US", "JPY", 700_000.0, "¥700,000"), ("en-US", "EUR", 5500.5, "€5,500.50"), ("de-DE", "EUR", 5500.5,
        "5.500,50\u00a0€"),
    ("ja-JP", "JPY", 700_000.0, "￥700,000"), ("en-US", "KWD", 1.234, "KWD\u00a01.234"), ("de-DE", "", 5.0, "5"),
])  # fmt: skip
def test_an_amount_is_written_with_the_code_of_its_record(tag: str, code: str, amount: float, full: str) -> None:
    use_language([tag])
    beside: Mapping[str, FieldValue] = {"Amount": amount, "CurrencyIsoCode": code or None}
    assert values.value(AMOUNT, amount, beside) == full


async def test_each_line_of_a_list_has_its_own_currency() -> None:
    world = rich()
    app = await world.start("/records/Opportunity")
    model = app.screen
    assert isinstance(model, ListViewModel)
    assert [values.currency_of(DEAL, r.fields) for r in model.items] == ["EUR", "JPY"]
    assert [values.summary(DEAL, r) for r in model.items] == [["€5,500.50"], ["¥700,000"]]


async def test_a_row_may_move_when_only_its_currency_changes() -> None:
    world = rich()
    app = await world.start("/records/Opportunity")
    model = app.screen
    assert isinstance(model, ListViewModel)
    await model.choose_sort("Amount")
    row = next(r for r in model.items if r.id == "0062")
    model.note_saved("0062", replace(row, fields={**row.fields, "CurrencyIsoCode": "JPY"}))
    assert model.stale


async def test_a_record_and_what_was_seen_last_keep_their_currency() -> None:
    world = rich()
    app = await world.start("/records/Opportunity/0061")
    model = app.screen
    assert isinstance(model, RecordViewModel)
    lines = [(line.label, line.text) for group in model.groups for line in group.lines]
    assert lines == [("Amount", "¥700,000"), ("Opportunity Currency", "JPY")]
    (visited,) = await world.records.visited()
    assert (visited.fields["Amount"], visited.fields["CurrencyIsoCode"]) == (700_000.0, "JPY")


async def test_home_says_to_what_its_sums_are_converted_and_reads_stages_in_the_persons_language() -> None:
    app = await rich().start("/")
    model = app.screen
    assert isinstance(model, HomeViewModel)
    assert (model.converted_to, model.total) == ("USD", 1_900_050.0)
    assert [bar.stage for bar in model.bars] == ["Neu", "Won"]


async def test_in_an_org_with_one_currency_home_says_nothing_of_it() -> None:
    app = await World().start("/")
    assert isinstance(app.screen, HomeViewModel)
    assert app.screen.converted_to == ""


async def test_a_new_record_begins_with_the_persons_currency() -> None:
    world = rich()
    app = await world.start("/")
    await app.go(Place("new", "Opportunity"))
    form = app.screen
    assert isinstance(form, FormViewModel)
    assert (text(form, "CurrencyIsoCode"), values.code_of(AMOUNT, form.mine)) == ("EUR", "EUR")
    form.choose("CurrencyIsoCode", "JPY")
    assert values.code_of(AMOUNT, form.mine) == "JPY", "the amount's sign follows"
    form.type("Name", "New")
    form.type("Amount", "12.5")
    await form.save()
    assert form.errors == {"Amount": "This currency has no decimals. Please enter a whole number."}
    assert sent(world, "createRecord") == []
    form.type("Amount", "12")
    await form.save()
    assert [r.fields for r in sent(world, "createRecord")] == [
        {"Name": "New", "Amount": 12.0, "CurrencyIsoCode": "JPY"}
    ]


async def test_an_amount_has_the_decimals_of_its_currency() -> None:
    world = rich()
    form = await _form(world)
    form.type("Amount", "1.234")
    await form.save()
    assert form.errors == {"Amount": "This currency has 2 decimals."}
    form.type("Amount", "1.23")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"Amount": 1.23}]


async def test_an_amount_with_the_sign_of_another_currency_is_none() -> None:
    """€500 in a record in yen is not 500 yen."""
    world = rich()
    form = await _form(world, "0061")
    form.type("Amount", "€500")
    await form.save()
    assert form.errors == {"Amount": "Please enter the amount in JPY."}
    form.type("Amount", "¥500")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"Amount": 500.0}]


async def test_what_is_there_already_is_not_held_to_it() -> None:
    world = rich()
    world.backend.add("0063", Name="Odd", Amount=1.5, CurrencyIsoCode="JPY")
    form = await _form(world, "0063")
    form.type("Name", "Even")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"Name": "Even"}]


@pytest.mark.parametrize(("mine", "theirs", "asked"), [
    ({"Amount": "6000"}, {"CurrencyIsoCode": "JPY"}, "CurrencyIsoCode"),
    ({"CurrencyIsoCode": "JPY"}, {"Amount": 9.0}, "Amount"),
])  # fmt: skip
async def test_an_amount_and_its_currency_are_never_put_together_from_two_people(
    mine: dict[str, str], theirs: dict[str, FieldValue], asked: str
) -> None:
    """6,000 typed as euros must not be saved as 6,000 yen because somebody else has changed the currency meanwhile."""
    world = rich()
    world.backend.add("0062", Name="Euro", Amount=5500.0, CurrencyIsoCode="EUR")
    form = await _form(world)
    for name, typed in mine.items():
        form.choose(name, typed)
    before = world.backend.records["0062"].fields
    world.backend.add("0062", "Ada Admin", **{**before, **theirs})
    await form.save()
    assert [c.field for c in form.conflicts] == [asked]
    assert form.theirs[asked] == theirs[asked]
    form.decide(asked, "mine")
    await form.save_decided()
    saved = world.backend.records["0062"].fields
    assert saved[asked] == before[asked]
    assert all(str(saved[name]).removesuffix(".0") == typed for name, typed in mine.items())
