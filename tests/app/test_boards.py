"""A board without a screen: what its columns hold, where a card goes, what is asked, and the way back."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.activities import Timeline
from contract.boards import Board, BoardColumn, BoardShape, GetBoard
from contract.calls import FieldShape, FieldValue, Objects, Preset, Record, Section, SobjectShape, Sort, UpdateRecord
from contract.calls import Filter as Where
from contract.errors import OrgUnavailable, Reason, RefusedRequest
from contract.picklists import Picklist, Picklists, RecordType
from tests.app.world import ACCOUNT, MemoryBackend, World, changed
from ui.app import App
from ui.home.view_model import HomeViewModel
from ui.places import Place
from ui.records.board_view_model import BoardViewModel
from ui.records.form_view_model import FormViewModel
from ui.records.list_view_model import ListViewModel
from ui.records.record_view_model import RecordViewModel

STAGES = ("New", "Offer", "Won", "Lost")
BOARD = BoardShape("Stage", ("Customer", "Amount"), ("Since", "CreatedDate"), "Closed", ("Won",), ("Lost",))
DEAL = SobjectShape(
    "Deal", "Deal", "Deals",
    (
        FieldShape("Name", "Name", "string", True, True, True, 80),
        FieldShape("Stage", "Stage", "picklist", True, True, True, picklist=STAGES, labels={"Offer": "Angebot"}),
        FieldShape("Amount", "Amount", "currency", False, True, True, currency="EUR"),
        FieldShape("Reason", "Lost because", "string", False, True, True, 80),
        FieldShape("Closed", "Closed", "boolean", False, False, False),
    ),
    listed=("Name", "Stage", "Amount"), filters=("Closed", "Stage"),
    sections=(Section("", ("Name", "Stage", "Reason")),),
    preset=Preset((Where("Closed", "eq", False),), Sort("Name")), sort=Sort("Name"), amount="Amount",
    creatable=True, editable=True, deletable=True, key_prefix="006", board=BOARD, record_type="Type",
)  # fmt: skip
CARDS = 3


class Dealing(MemoryBackend):
    """Deals by their stage, three cards a column; what is won or lost is closed, and what is lost needs a reason."""

    def __init__(self, *shapes: SobjectShape) -> None:
        super().__init__()
        self.objects = Objects(shapes or (ACCOUNT, DEAL), "https://acme.my.salesforce.com")
        self.boards: list[GetBoard] = []

    def deal(self, n: int, stage: str = "New", **fields: FieldValue) -> Record:
        closed = stage in ("Won", "Lost")
        given: dict[str, FieldValue] = {"Name": f"Deal {n}", "Amount": 10.0, "Customer": "Acme", **fields}
        return self.add(f"006{n}", **{**given, "Stage": stage, "Closed": closed})

    def _getBoard(self, request: GetBoard) -> Board:
        self.boards.append(request)
        shown = [
            r
            for r in sorted(self._records_of(request.sobject, request.search or ""), key=lambda r: r.id)
            if all(r.fields.get(f.field) == f.value for f in request.filters)
        ]
        stages = STAGES if request.stage is None else (request.stage,)
        return Board(tuple(self._column(stage, shown, int(request.cursor or 0)) for stage in stages))

    def _column(self, stage: str, shown: list[Record], start: int) -> BoardColumn:
        deals = [r for r in shown if r.fields["Stage"] == stage]
        end = start + CARDS
        amount = sum(cast(float, r.fields["Amount"]) for r in deals)
        label = {"Offer": "Angebot"}.get(stage, "")
        return BoardColumn(
            stage, len(deals), amount, tuple(deals[start:end]), label, str(end) if end < len(deals) else None
        )

    def _updateRecord(self, request: UpdateRecord) -> Any:
        stage = request.fields.get("Stage")
        if stage == "Lost" and not {**self.records[request.id].fields, **request.fields}.get("Reason"):
            raise RefusedRequest(Reason.INVALID_VALUE, "Say why it was lost.", {"fields": ["Reason"]})
        updated = super()._updateRecord(request)
        if stage is None:
            return updated
        fields = {**updated.record.fields, "Closed": stage in ("Won", "Lost"), "Since": "2026-11-29T10:00:00.000+0000"}
        record = self.records[request.id] = replace(updated.record, fields=fields)
        return replace(updated, record=record)


@pytest.fixture
def world() -> World:
    backend = Dealing()
    for n, stage in enumerate(("New", "New", "New", "New", "Offer", "Won")):
        backend.deal(n, stage)
    return World(backend)


async def opened(world: World) -> tuple[App, BoardViewModel, Dealing]:
    app = await world.start("/records/Deal/board")
    assert isinstance(app.screen, BoardViewModel)
    return app, app.screen, cast(Dealing, world.backend)


def counts(board: BoardViewModel) -> dict[str, tuple[int, float | None, str]]:
    return {
        c.stage: (c.count, c.amount, "".join(str(r.fields["Name"]).removeprefix("Deal ") for r in c.cards))
        for c in board.columns
    }


def said(app: App) -> str:
    return "" if app.notices.newest is None else app.notices.newest.text


async def undo(app: App) -> None:
    notice = app.notices.newest
    assert notice is not None
    assert notice.run is not None
    await notice.run()


async def test_without_a_network_a_move_waits_and_can_be_taken_back(world: World) -> None:
    app, board, backend = await opened(world)
    backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await board.move("0060", "Offer")
    assert (counts(board)["New"][2], counts(board)["Offer"][2]) == ("12", "04")
    assert [(e.kind, e.fields) for e in world.data.queue.all()] == [("change", {"Stage": "Offer"})]
    await undo(app)
    assert counts(board)["New"][2] == "012"
    await board.move("0060", "Offer")
    backend.offline = None
    await world.data.sending.run()
    await app.settle()
    assert (backend.records["0060"].fields["Stage"], world.data.queue.all()) == ("Offer", ())


async def test_a_column_a_stage_with_what_the_list_would_show(world: World) -> None:
    _app, board, backend = await opened(world)
    assert counts(board) == {"New": (4, 40, "012"), "Offer": (1, 10, "4"), "Won": (0, 0, ""), "Lost": (0, 0, "")}
    assert [c.words for c in board.columns] == ["New", "Angebot", "Won", "Lost"]
    assert [c.only_target for c in board.columns] == [False, False, True, True]
    assert backend.boards[-1].filters == DEAL.preset.filters if DEAL.preset else ()
    assert board.stage == "New"
    assert board.filterable == ("Closed",)
    await board.show_all()
    assert counts(board)["Won"] == (1, 10, "5")
    assert [c.only_target for c in board.columns] == [False] * 4


async def test_more_of_a_column(world: World) -> None:
    _app, board, backend = await opened(world)
    assert [c.more for c in board.columns] == [True, False, False, False]
    await board.more_of("New")
    assert counts(board)["New"] == (4, 40, "0123")
    assert not board.columns[0].more
    assert (backend.boards[-1].stage, backend.boards[-1].cursor) == ("New", "3")


async def test_a_card_is_moved_by_its_version_and_back_again(world: World) -> None:
    app, board, backend = await opened(world)
    asked = len(backend.asked)
    assert not await board.move("0060", "Offer")
    assert counts(board) == {"New": (3, 30, "12"), "Offer": (2, 20, "04"), "Won": (0, 0, ""), "Lost": (0, 0, "")}
    assert [name for name, _request in backend.asked[asked:]] == ["updateRecord"], "one request"
    assert said(app) == "Deal 0 is in “Angebot” now."
    await undo(app)
    assert counts(board)["New"] == (4, 40, "012")
    assert backend.records["0060"].fields["Stage"] == "New"
    assert said(app) == "Deal 0 is back in “New”."


async def test_it_is_shown_there_while_it_is_on_its_way_and_back_where_it_fails(world: World) -> None:
    app, board, backend = await opened(world)
    held = backend.holds["updateRecord"] = asyncio.Event()
    backend.fails["updateRecord"] = OrgUnavailable(Reason.ORG_UNREACHABLE)
    moving = asyncio.create_task(board.move("0060", "Offer"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert counts(board)["Offer"] == (2, 20, "04")
    assert counts(board)["New"] == (3, 30, "12")
    assert not await board.move("0060", "New"), "one move at a time"
    held.set()
    assert not await moving
    assert counts(board)["New"] == (4, 40, "012")
    assert said(app)


async def test_what_others_changed_in_other_fields_stays(world: World) -> None:
    _app, board, backend = await opened(world)
    backend.records["0060"] = changed(backend.add("0060", **{**backend.records["0060"].fields, "Amount": 99.0}))
    await board.move("0060", "Offer")
    fields = backend.records["0060"].fields
    assert (fields["Stage"], fields["Amount"]) == ("Offer", 99.0)


async def test_who_moved_it_meanwhile_is_told_and_the_person_decides(world: World) -> None:
    _app, board, backend = await opened(world)
    backend.deal(0, "Won")
    await board.move("0060", "Offer")
    asking = board.moves.asking
    assert asking is not None
    assert (asking.why, asking.who, board.moves.stage_of(asking.record)) == ("changed", "Ada Admin", "Won")
    assert "0" not in counts(board)["New"][2], "it is closed, and the board is of what is open"
    board.moves.cancel()
    assert backend.records["0060"].fields["Stage"] == "Won"
    await board.show_all()
    backend.deal(1, "Won")
    await board.move("0061", "Offer")
    assert not await board.moves.go_on()
    assert backend.records["0061"].fields["Stage"] == "Offer"


async def test_a_lost_answer_is_no_second_move(world: World) -> None:
    app, board, backend = await opened(world)
    backend.loses.add("updateRecord")
    await board.move("0060", "Offer")
    assert said(app) == "Deal 0 is in “Angebot” now."
    assert counts(board)["Offer"] == (2, 20, "04")


async def test_closing_asks_first(world: World) -> None:
    app, board, backend = await opened(world)
    assert not await board.move("0060", "Won")
    assert board.moves.asking is not None
    assert board.moves.asking.why == "won"
    assert backend.records["0060"].fields["Stage"] == "New"
    board.moves.cancel()
    assert board.moves.asking is None
    await board.move("0060", "Won")
    assert not await board.moves.go_on()
    assert backend.records["0060"].fields["Stage"] == "Won"
    assert counts(board)["New"] == (3, 30, "12")
    assert counts(board)["Won"][0] == 0, "the board is of what is open"
    await undo(app)
    assert counts(board)["New"] == (4, 40, "012"), "what came back is looked at anew"


async def test_what_the_org_requires_is_asked_for_in_the_form_and_nothing_is_lost(world: World) -> None:
    app, board, backend = await opened(world)
    await board.move("0064", "Lost")
    assert await board.moves.go_on(), "the form is to be opened"
    assert counts(board)["Offer"] == (1, 10, "4")
    await app.go(Place("edit", "Deal", "0064"))
    form = cast(FormViewModel, app.screen)
    assert form.value("Stage") == "Lost"
    assert form.errors == {"Reason": "Say why it was lost."}
    assert world.drafts.get("Deal", "0064") is not None, "it is kept, as whatever is typed"
    form.type("Reason", "Price")
    await form.save()
    assert backend.records["0064"].fields["Stage"] == "Lost"
    await app.go(Place("edit", "Deal", "0064"))
    assert cast(FormViewModel, app.screen).errors == {}, "it is said once"


async def test_a_record_is_moved_on_its_page_and_the_board_follows(world: World) -> None:
    app, board, backend = await opened(world)
    await app.go(Place("record", "Deal", "0061"))
    record = cast(RecordViewModel, app.screen)
    assert record.record is not None
    assert record.moves.offered(record.record) == STAGES
    assert record.detail.value is not None
    record.detail.value = replace(record.detail.value, timeline=Timeline())
    assert not await record.moves.to(record.record, "Offer")
    assert record.record.fields["Stage"] == "Offer"
    assert record.timeline == Timeline(), "what the record has done stays in sight"
    assert counts(board)["Offer"] == (2, 20, "14")
    await undo(app)
    assert (record.record.fields["Stage"], backend.records["0061"].fields["Stage"]) == ("New", "New")


async def test_only_stages_of_the_records_type_are_offered(world: World) -> None:
    backend = cast(Dealing, world.backend)
    backend.objects = Objects((replace(DEAL, record_types=(RecordType("012A", "Small"),)),), "")
    backend.picklists["012A"] = Picklists({"Stage": Picklist(("New", "Won"))})
    backend.deal(7, Type="012A")
    app, board, _backend = await opened(world)
    await board.more_of("New")
    card = board.card("0067")
    assert card is not None
    await board.moves.choose_for(card)
    assert board.moves.choosing is card
    assert board.moves.offered(card) == ("New", "Won")
    assert not await board.move("0067", "Offer")
    assert said(app) == "Records of this type have no such stage."
    assert backend.records["0067"].fields["Stage"] == "New"


async def test_the_board_is_remembered_instead_of_the_list(world: World) -> None:
    app = await world.start("/records/Deal")
    assert isinstance(app.screen, ListViewModel)
    await app.show_as_board("Deal", wanted=True)
    assert (app.place, app.route) == (Place("board", "Deal"), "/records/Deal/board")
    again = world.again()
    app = again.app
    await app.start("/")
    await app.settle()
    await app.go(Place("list", "Deal"))
    assert app.place == Place("board", "Deal")
    await app.go(Place("list", "Account"))
    assert app.place == Place("list", "Account")
    await app.show_as_board("Deal", wanted=False)
    assert app.place == Place("list", "Deal")


async def test_without_a_board_there_is_the_list(world: World) -> None:
    world.backend.objects = Objects((replace(DEAL, board=None),), "")  # as an older backend says it
    app = await world.start("/")
    await app.show_as_board("Deal", wanted=True)
    assert app.place == Place("list", "Deal")
    await app.show("/records/Deal/board")
    assert app.place == Place("list", "Deal")


async def test_a_bar_of_home_opens_its_stage_of_everybodys_open_deals(world: World) -> None:
    app = await world.start("/")
    assert [bar.value for bar in cast(HomeViewModel, app.screen).bars] == ["New", "Won"]
    await app.show_stage("Deal", "Offer")
    board = cast(BoardViewModel, app.screen)
    assert (app.place, board.stage, board.filters) == (Place("board", "Deal"), "Offer", {"Closed": False})
    board.look_at("New")
    assert board.stage == "New"


async def test_a_deleted_card_goes_and_may_come_back(world: World) -> None:
    app, board, _backend = await opened(world)
    await app.delete("Deal", "0060", "Deal 0")
    assert counts(board)["New"] == (3, 30, "12")
    await undo(app)
    assert counts(board)["New"] == (4, 40, "012")
    await app.delete("Deal", "0060", "Deal 0")
    await world.pass_time(11)
    assert counts(board)["New"][0] == 3


async def test_how_long_a_card_has_been_in_its_stage(world: World) -> None:
    backend = cast(Dealing, world.backend)
    world.time = 1_796_000_000.0  # 2026-11-29
    backend.deal(8, "Offer", CreatedDate="2026-11-01T08:00:00.000+0000")
    backend.deal(9, "Offer", CreatedDate="2026-11-01T08:00:00.000+0000", Since="2026-11-20T08:00:00.000+0000")
    _app, board, _backend = await opened(world)
    cards = {str(c.fields["Name"]): c for c in board.columns[1].cards}
    days = {name: board.days_in_stage(card) for name, card in cards.items()}
    assert days["Deal 4"] is None
    assert (days["Deal 8"] or 0) - (days["Deal 9"] or 0) == 19


MOVES = st.lists(
    st.tuples(st.sampled_from(["mine", "theirs", "lost", "amount", "undo", "late"]), st.integers(0, 3),
              st.sampled_from(STAGES[:3])), max_size=12,
)  # fmt: skip


@given(MOVES)
@settings(max_examples=40, deadline=None)
def test_whatever_two_people_do_the_board_is_what_the_org_has(moves: list[tuple[str, int, str]]) -> None:
    asyncio.run(_two_people(moves))


async def _two_people(moves: list[tuple[str, int, str]]) -> None:
    """Each deal stands once, in the stage that the org has for it, unless somebody else moved it and nobody has looked;
    nothing that anyone saved in another field is lost."""
    backend = Dealing(DEAL)
    for n in range(4):
        backend.deal(n, STAGES[n % 2])
    world = World(backend)
    app, board, _backend = await opened(world)
    await board.show_all()
    amounts = dict.fromkeys(range(4), 10.0)
    unseen = set[str]()
    under_way = list[asyncio.Task[bool]]()
    for what, n, stage in moves:
        deal = f"006{n}"
        if what == "theirs":
            backend.add(deal, **{**backend.records[deal].fields, "Stage": stage, "Closed": stage == "Won"})
            unseen.add(deal)
        elif what == "amount":
            amounts[n] += 1
            backend.add(deal, **{**backend.records[deal].fields, "Amount": amounts[n]})
            unseen.add(deal)
        elif what == "undo":
            notice = app.notices.newest
            if notice is not None and notice.run is not None:
                await notice.run()
        else:
            if what == "lost":
                backend.loses.add("updateRecord")
            under_way.append(asyncio.create_task(board.move(deal, stage)))
            if what != "late":
                await under_way[-1]
        if board.moves.asking is not None:
            await board.moves.go_on()
    await asyncio.gather(*under_way)
    while board.moves.asking is not None:
        await board.moves.go_on()
    shown = {card.id: c.stage for c in board.columns for card in c.cards}
    assert sorted(shown) == sorted(backend.records)
    for deal, stage in shown.items():
        if deal not in unseen:
            assert backend.records[deal].fields["Stage"] == stage
    assert {n: backend.records[f"006{n}"].fields["Amount"] for n in range(4)} == amounts
    await board.refresh()
    for column in board.columns:
        assert column.count == sum(r.fields["Stage"] == column.stage for r in backend.records.values())
