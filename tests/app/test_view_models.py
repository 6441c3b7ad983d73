"""View models without a screen: what a person types and what becomes of it."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from contract.calls import FieldShape, ListRecords, Record, RecordDetail, RecordPage, SobjectShape
from contract.errors import ChangedMeanwhile, OrgUnavailable, Reason
from data.repositories.records import RecordsRepository
from ui.records.detail_view_model import AccountViewModel, as_number, as_text
from ui.records.list_view_model import AccountsViewModel
from ui.shared import format as shown
from ui.sign_in.view_model import full_my_domain


class Shelf:
    """Accounts in memory, in the repository's own shape; `pause` holds an answer back."""

    def __init__(self, count: int = 65) -> None:
        self.names = [f"Account {n:03d}" for n in range(count)]
        self.asked: list[ListRecords] = []
        self.pause: Callable[[ListRecords], float] = lambda _: 0
        self.fails = False
        self.record = Record("001", {"Name": "Acme", "AnnualRevenue": 1000.0, "Industry": None}, "v1")

    async def page(self, asked: ListRecords) -> RecordPage:
        self.asked.append(asked)
        await asyncio.sleep(self.pause(asked))
        if self.fails:
            raise OrgUnavailable(Reason.ORG_BUSY)
        found = [n for n in self.names if (asked.search or "").lower() in n.lower()]
        start = int(asked.cursor or 0)
        end = start + asked.limit
        return RecordPage(tuple(Record(n, {"Name": n}) for n in found[start:end]), str(end) if end < len(found) else None)

    async def detail(self, _sobject: str, _record_id: str, _related: tuple[str, ...]) -> RecordDetail:
        return RecordDetail(self.record)

    async def shape(self, _sobject: str) -> SobjectShape:
        fields = (
            FieldShape("Name", "Account Name", "string", True, True, True, 255),
            FieldShape("AnnualRevenue", "Annual Revenue", "currency", False, True, True),
            FieldShape("Industry", "Industry", "picklist", False, True, True, 0, ("Media",)),
            FieldShape("CreatedDate", "Created Date", "datetime", False, False, False),
        )
        return SobjectShape("Account", "Account", "Accounts", fields)

    async def update(self, _sobject: str, record_id: str, fields: dict[str, Any], version: str | None) -> Record:
        if version != self.record.version:
            theirs = {"fields": self.record.fields, "version": self.record.version}
            raise ChangedMeanwhile(Reason.RECORD_CHANGED, details={"theirs": theirs, "yours": {}})
        self.record = Record(record_id, {**self.record.fields, **fields}, "v" + str(int((version or "v0")[1:]) + 1))
        return self.record


def accounts(shelf: Shelf) -> AccountsViewModel:
    return AccountsViewModel(cast(RecordsRepository, shelf), lambda: None)


async def test_scrolling_loads_page_after_page_once() -> None:
    shelf = Shelf()
    model = accounts(shelf)
    await model.load()
    while not model.complete:
        await asyncio.gather(model.more(), model.more(), model.more())
    assert [i.id for i in model.items] == shelf.names
    assert len(shelf.asked) == 3


async def test_typing_asks_once_when_it_rests() -> None:
    shelf = Shelf()
    model = accounts(shelf)
    await model.load()
    await asyncio.gather(*(model.type("account 01"[:n]) for n in range(5, 11)))
    assert [a.search for a in shelf.asked[1:]] == ["account 01"]
    assert [i.id for i in model.items] == [f"Account 01{n}" for n in range(10)]


async def test_a_late_answer_to_an_old_question_is_dropped() -> None:
    shelf = Shelf()
    shelf.pause = lambda asked: 0.6 if not asked.search else 0
    model = accounts(shelf)
    slow = asyncio.create_task(model.load())
    await asyncio.sleep(0.05)
    await model.type("064")
    await slow
    assert [i.id for i in model.items] == ["Account 064"]


async def test_a_failed_page_can_be_asked_for_again() -> None:
    shelf = Shelf()
    model = accounts(shelf)
    shelf.fails = True
    await model.load()
    assert model.problem is not None
    shelf.fails = False
    await model.more()
    assert model.problem is None
    assert len(model.items) == 30


async def editing(shelf: Shelf) -> AccountViewModel:
    model = AccountViewModel(cast(RecordsRepository, shelf), "001", lambda: None)
    await model.load()
    model.begin_edit()
    return model


async def test_only_what_was_changed_is_saved() -> None:
    shelf = Shelf()
    model = await editing(shelf)
    assert [f.name for f in model.form] == ["Name", "AnnualRevenue", "Industry"]
    model.entered["AnnualRevenue"] = "2,500"
    await model.save()
    assert not model.editing
    assert shelf.record.fields == {"Name": "Acme", "AnnualRevenue": 2500.0, "Industry": None}


async def test_wrong_entries_are_told_at_their_field() -> None:
    model = await editing(Shelf())
    model.entered |= {"Name": " ", "AnnualRevenue": "lots"}
    await model.save()
    assert set(model.errors) == {"Name", "AnnualRevenue"}
    assert model.editing


@pytest.mark.parametrize("keep_mine", [True, False])
async def test_a_conflict_shows_both_and_either_can_win(keep_mine: bool) -> None:
    shelf = Shelf()
    model = await editing(shelf)
    model.entered["Name"] = "Mine"
    shelf.record = Record("001", {**shelf.record.fields, "Industry": "Media", "Name": "Theirs"}, "v2")
    await model.save()
    assert [(c.label, c.mine, c.theirs) for c in model.conflicts] == [("Account Name", "Mine", "Theirs"), ("Industry", None, "Media")]
    if keep_mine:
        await model.save(over_theirs=True)
        assert shelf.record.fields["Name"] == "Mine"
        assert shelf.record.fields["Industry"] == "Media"
    else:
        await model.take_theirs()
        assert model.name == "Theirs"
    assert not model.editing


def test_values_read_well() -> None:
    assert [shown.money(n) for n in (0, 950, 320_000, 1_913_000, 2e9)] == ["0", "950", "320K", "1.9M", "2B"]
    assert shown.value("currency", 33_900_000.0) == "33,900,000"
    assert shown.value("percent", 50.0) == "50 %"
    assert shown.value("datetime", "2026-11-02T10:00:00.000+0000") == "2 Nov 2026"
    assert shown.value("boolean", False) == "No"
    assert [shown.initials(n) for n in ("Sam Sales", "acme", "", "(x)")] == ["SS", "A", "?", "?"]
    assert shown.joined("a", None, "", "b") == "a · b"


def test_numbers_as_people_type_them() -> None:
    assert [as_number(t) for t in ("12", "1,200.5", "1 000", "x", "1e99", "")] == [12, 1200.5, 1000, None, None, None]
    assert [as_text(v) for v in (None, 12.0, 1.5, "x", True)] == ["", "12", "1.5", "x", "True"]


def test_a_my_domain_may_be_typed_in_any_way() -> None:
    for typed in ("acme", " ACME ", "https://acme.my.salesforce.com/", "acme.my.salesforce.com"):
        assert full_my_domain(typed, "*.my.salesforce.com") == "acme.my.salesforce.com"
    for wrong in ("", "evil.example/x", "a b", "acme@evil"):
        assert full_my_domain(wrong, "*.my.salesforce.com") in (None, "evil.example.my.salesforce.com")
