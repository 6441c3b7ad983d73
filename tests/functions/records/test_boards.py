"""Boards, against the local org: every record in its column, counted and added up by Salesforce, in one request."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from backend.records.boards import CARDS
from backend.records.layouts import LAYOUTS
from backend.values import Caller
from contract.boards import Board, BoardColumn, GetBoard
from contract.calls import Describe, Filter, ListRecords, Sort, UpdateRecord
from contract.errors import Reason, RefusedRequest
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from localorg.schema.standard import STAGES
from tests.functions.instances import Instances
from tests.functions.records.an_org import CALLER, AnOrg

OPEN = Filter("IsClosed", "eq", False)
NAMES = [stage for stage, _ in STAGES]


@pytest.fixture
async def caller(instances: Instances) -> Caller:
    uid, _ = await instances.connect(ADMIN)
    return Caller(uid, "phone")


async def every(instances: Instances, caller: Caller, what: str = "StageName, Amount, IsClosed") -> list[Any]:
    text = f"SELECT Id, {what} FROM Opportunity ORDER BY CloseDate ASC NULLS LAST, Id ASC"
    (rows,) = await instances.each[0].rest.query(caller.uid, text)
    return list(rows)


def column(board: Board, stage: str) -> BoardColumn:
    return next(c for c in board.columns if c.stage == stage)


async def test_every_stage_is_a_column_with_what_is_in_it(instances: Instances, caller: Caller) -> None:
    queries, rows = instances.each[0].queries, await every(instances, caller)
    board = await queries.get_board(caller, GetBoard("Opportunity"))
    assert [c.stage for c in board.columns] == NAMES
    assert board.currency == ""
    for c in board.columns:
        of_stage = [r for r in rows if r["StageName"] == c.stage]
        assert (c.count, c.amount) == (len(of_stage), sum(r["Amount"] or 0 for r in of_stage))
        assert [card.id for card in c.cards] == [r["Id"] for r in of_stage][: len(c.cards)]
        assert len(c.cards) == min(CARDS, c.count)
        assert all(card.version and card.fields["StageName"] == c.stage for card in c.cards)


async def test_it_is_one_request_with_five_queries_at_most(instances: Instances, caller: Caller) -> None:
    queries = instances.each[0].queries
    await queries.describe(caller, Describe("Opportunity"))
    for request in (GetBoard("Opportunity"), GetBoard("Opportunity", stage="Prospecting")):
        control(instances.org.url, "counters/reset")
        await queries.get_board(caller, request)
        counted = control(instances.org.url, "counters")
        assert counted.get("rest.composite") == 1, counted
        assert sum(counted.values()) == 1 + counted.get("rest.query", 0), counted  # a composite's parts are counted too
        assert counted.get("rest.query", 0) <= 5


async def test_the_same_filters_as_a_lists(instances: Instances, caller: Caller) -> None:
    queries, rows = instances.each[0].queries, await every(instances, caller)
    board = await queries.get_board(caller, GetBoard("Opportunity", filters=(OPEN,)))
    assert sum(c.count for c in board.columns) == sum(not r["IsClosed"] for r in rows)
    assert [c.stage for c in board.columns] == NAMES  # also those into which a card may be moved
    assert (column(board, "Closed Won").count, column(board, "Closed Won").cards) == (0, ())
    shape = await queries.describe(caller, Describe("Opportunity"))
    assert shape.preset is not None
    uid, _ = await instances.connect(SALES)
    sam = Caller(uid, "phone")
    mine = await queries.get_board(sam, GetBoard("Opportunity", filters=shape.preset.filters))
    listed = await queries.list_records(sam, ListRecords("Opportunity", filters=shape.preset.filters, limit=200))
    assert {r.id for r in listed.records} >= {card.id for c in mine.columns for card in c.cards}
    assert mine.columns[0].cards
    found = await queries.get_board(caller, GetBoard("Opportunity", search="pilot"))
    assert found.columns
    assert all("pilot" in str(card.fields["Name"]).lower() for c in found.columns for card in c.cards)


@pytest.mark.parametrize("sort", [Sort("CloseDate"), Sort("Name"), Sort("Amount", descending=True)])
async def test_more_of_a_column_goes_on_where_it_ends(instances: Instances, caller: Caller, sort: Sort) -> None:
    queries = instances.each[0].queries
    many = {"CloseDate": "2027-01-01", "StageName": "Perception Analysis", "Amount": 1.0}
    for n in range(CARDS + 8):
        await instances.each[0].rest.create(caller.uid, "Opportunity", {**many, "Name": f"Deal {n:02d}"}, "Id")
    one = column(await queries.get_board(caller, GetBoard("Opportunity", sort=sort)), "Perception Analysis")
    cards = list(one.cards)
    while one.cursor is not None:
        asked = GetBoard("Opportunity", sort=sort, stage=one.stage, cursor=one.cursor)
        (one,) = (await queries.get_board(caller, asked)).columns
        cards += one.cards
    assert len({card.id for card in cards}) == len(cards) == one.count
    first = GetBoard("Opportunity", sort=sort, stage="Perception Analysis")
    (begins,) = (await queries.get_board(caller, first)).columns
    assert [c.id for c in begins.cards] == [c.id for c in cards[:CARDS]]


async def test_a_card_tells_since_when_and_is_saved_by_its_version(instances: Instances, caller: Caller) -> None:
    process = instances.each[0]
    shape = (await process.queries.describe(caller, Describe("Opportunity"))).board
    assert shape is not None
    assert (shape.stage, shape.closed, shape.won, shape.lost) == (
        "StageName", "IsClosed", ("Closed Won",), ("Closed Lost",),
    )  # fmt: skip
    assert shape.fields == ("Account.Name", "Amount", "CloseDate")
    assert shape.since == ("LastStageChangeDate", "CreatedDate")
    board = await process.queries.get_board(caller, GetBoard("Opportunity", filters=(OPEN,)))
    card = next(card for c in board.columns for card in c.cards)
    assert card.fields["CreatedDate"]
    to = next(s for s in NAMES if s != card.fields["StageName"])
    change = UpdateRecord("Opportunity", card.id, {"StageName": to}, card.version)
    await process.changes.update_record(caller, change)
    again = await process.queries.get_board(caller, GetBoard("Opportunity", filters=(OPEN,)))
    moved = next(c for c in column(again, to).cards if c.id == card.id)
    assert moved.fields["LastStageChangeDate"] != card.fields["LastStageChangeDate"]


async def test_what_a_user_may_not_see_is_left_out(instances: Instances) -> None:
    uid, _ = await instances.connect("readonly@localorg.test")
    board = await instances.each[0].queries.get_board(Caller(uid, "phone"), GetBoard("Opportunity"))
    assert {c.amount for c in board.columns} == {None}
    assert sum(c.count for c in board.columns) > 0


async def test_an_object_without_a_board_says_so(instances: Instances, caller: Caller) -> None:
    queries = instances.each[0].queries
    with pytest.raises(RefusedRequest) as refused:
        await queries.get_board(caller, GetBoard("Account"))
    assert refused.value.reason is Reason.INVALID_VALUE
    assert (await queries.describe(caller, Describe("Account"))).board is None
    with pytest.raises(RefusedRequest) as refused:
        await queries.get_board(caller, GetBoard("Opportunity", sort=Sort("Wrong")))
    assert refused.value.reason is Reason.UNKNOWN_FIELD


async def test_where_stages_are_hidden_the_board_is_there_and_asks_nothing() -> None:
    org = AnOrg()  # whose describes say nothing of stages, and have neither checkbox nor times
    board = (await org.queries.describe(CALLER, Describe("Opportunity"))).board
    assert board is not None
    assert (board.won, board.lost, board.since, board.closed) == ((), (), (), "")
    org.hidden = {"StageName"}
    org.kept = None
    assert (await org.queries.describe(CALLER, Describe("Opportunity"))).board is None
    with pytest.raises(RefusedRequest):
        await org.queries.get_board(CALLER, GetBoard("Opportunity"))


async def test_a_value_is_quoted(instances: Instances, caller: Caller) -> None:
    asked = GetBoard("Opportunity", stage="x' OR Name != '", search="' OR '")
    (one,) = (await instances.each[0].queries.get_board(caller, asked)).columns
    assert (one.count, one.cards) == (0, ())


@pytest.fixture
async def several() -> AsyncIterator[Instances]:
    with EmbeddedOrg(OrgSettings(accounts=40, shape=frozenset({"multi-currency", "record-types"}))) as org:
        instances = Instances(org)
        yield instances
        await instances.http.close()


async def test_sums_of_several_currencies_are_converted_and_say_to_which(several: Instances) -> None:
    uid, _ = await several.connect(ADMIN)
    caller = Caller(uid, "phone")
    queries = several.each[0].queries
    board = await queries.get_board(caller, GetBoard("Opportunity", filters=(OPEN,)))
    assert board.currency == "USD"
    text = "SELECT StageName, SUM(Amount) total FROM Opportunity WHERE IsClosed = false GROUP BY StageName"
    (rows,) = await several.each[0].rest.query(uid, text)
    assert {r["StageName"]: r["total"] for r in rows} == {c.stage: c.amount for c in board.columns if c.count}
    codes = {card.fields["CurrencyIsoCode"] for c in board.columns for card in c.cards}
    assert len(codes) > 1
    assert all(card.fields.get("RecordTypeId") for c in board.columns for card in c.cards)


def test_what_a_card_shows_is_in_the_layout() -> None:
    for layout in LAYOUTS.values():
        if layout.board is not None:
            assert {layout.board.stage, layout.board.closed} <= set(layout.detailed)
