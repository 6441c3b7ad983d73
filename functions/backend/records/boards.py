"""Boards: the records of an object by their stage, each stage with its count, its sum and its first records.

One request to Salesforce: a query counts and adds up, the others bring records. A composite request takes five queries
and there are more stages, so several of them share one; what comes of a stage is the beginning of it in the board's
order, and how many there are says the first query. Sums are in the corporate currency where an org has several.

Sources: REST API Developer Guide, "Send Multiple Requests Using Composite" (25 subrequests, five of them queries); SOQL
and SOSL Reference, "GROUP BY", "Querying Currency Fields in Multicurrency Orgs"; Object Reference, Opportunity
(LastStageChangeDate).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import cast

import msgspec

from backend.records import soql
from backend.records.currencies import Currencies, Several
from backend.records.describe import Describes, Shapes, field_of, object_of
from backend.records.layouts import Kanban, Layout, layout_of
from backend.records.org import CURRENCY, LOST, RECORD_TYPE, WON, Described, Org, Row
from backend.records.pages import Listed, cursor_after, order_by, page_of
from backend.records.rows import field_value, readable, select, to_records
from backend.values import Caller, Uid
from contract.boards import Board, BoardColumn, BoardShape, GetBoard
from contract.calls import Filter, Sort
from contract.errors import Reason, RefusedRequest

CARDS = 25  # of a column at first, and with each "more"
_ROW_QUERIES = 4  # beside the one that counts
_SHARED = 2  # so many times as many records are asked for where stages share a query
Conditions = Callable[[Described, GetBoard, Uid, Several], Sequence[str]]
Sorting = Callable[[str, Described], Sort]


class Boards:
    """The call that reads boards. `conditions` are a request's, as SOQL; `sorting` is the order of an object's list
    until somebody chooses another."""

    def __init__(
        self, org: Org, describes: Describes, currencies: Currencies, conditions: Conditions, sorting: Sorting
    ) -> None:
        self._org = org
        self._describes = describes
        self._currencies = currencies
        self._conditions = conditions
        self._sorting = sorting

    async def get_board(self, caller: Caller, request: GetBoard) -> Board:
        """A board, or more of one of its columns: one request to Salesforce. Raises CallErrors."""
        board = layout_of(request.sobject).board
        if board is None:
            raise RefusedRequest(Reason.INVALID_VALUE, f"{request.sobject} has no board.")
        return await self._describes.read(
            caller.uid, (request.sobject,), partial(self._board, caller.uid, request, board)
        )

    async def _board(self, uid: Uid, request: GetBoard, board: Kanban, shapes: Shapes) -> Board:
        layout, described = layout_of(request.sobject), object_of(shapes, request.sobject)
        field_of(described, board.stage)
        sort = request.sort or self._sorting(request.sobject, described)
        sorted_by = field_of(described, sort.field)
        if not sorted_by.sortable:
            raise RefusedRequest(Reason.INVALID_VALUE, f"{sort.field} cannot be sorted by.")
        several = await self._currencies.several(uid) if CURRENCY in described.fields else Several()
        conditions = tuple(self._conditions(described, request, uid, several))
        fields = readable(_fields(layout, board), described)
        selected = select(readable(dict.fromkeys((*fields, sort.field)), described))
        asked = _Asked(
            layout, board, described, fields, Listed(selected, request.sobject, conditions, sort, sorted_by.shape.type)
        )
        if request.stage is None:
            columns = await self._all(uid, request.filters, asked)
        else:
            columns = (await self._one(uid, request.stage, request.cursor, asked),)
        return Board(columns, several.corporate if asked.sums else "")

    async def _all(self, uid: Uid, filters: Sequence[Filter], asked: "_Asked") -> tuple[BoardColumn, ...]:
        stages = asked.described.fields[asked.board.stage].shape.picklist
        filled = [stage for stage in stages if _may_have_some(stage, asked, filters)]
        groups = [filled[n::_ROW_QUERIES] for n in range(min(_ROW_QUERIES, len(filled)))]
        totals, *rows = await self._org.query(uid, asked.totals(), *map(asked.rows, groups))
        cards = dict[str, list[Row]]()
        for row in (row for of_group in rows for row in of_group):
            cards.setdefault(str(field_value(row, asked.board.stage)), []).append(row)
        counted = {str(row["stage"]): row for row in totals if row.get("stage") is not None}
        # A value that nobody may choose any more comes last.
        return tuple(
            asked.first(stage, counted.get(stage), cards.get(stage, [])[:CARDS])
            for stage in dict.fromkeys((*stages, *counted))
        )

    async def _one(self, uid: Uid, stage: str, cursor: str | None, asked: "_Asked") -> BoardColumn:
        """The next cards of one column, with its count and its sum."""
        total: list[Row] = []

        async def ask(*texts: str) -> Sequence[Sequence[Row]]:
            totals, *rows = await self._org.query(uid, asked.totals(stage), *texts)
            total[:] = totals
            return rows

        rows, following = await page_of(ask, asked.of_stage(stage), CARDS, cursor)
        return asked.column(stage, total[0] if total else None, rows, following)


class _Asked(msgspec.Struct, frozen=True):
    """The board that is asked for: `fields` are a card's, `listed` are the records of all of its columns."""

    layout: Layout
    board: Kanban
    described: Described
    fields: tuple[str, ...]
    listed: Listed

    @property
    def sums(self) -> bool:
        """Whether the user may see what is added up."""
        return bool(self.layout.amount) and self.described.shows(self.layout.amount)

    def totals(self, stage: str | None = None) -> str:
        """SOQL for the counts and sums, of one stage or of all."""
        of_stage = () if stage is None else (_is_in(self.board, (stage,)),)
        amount = f", SUM({self.layout.amount}) amount" if self.sums else ""
        by = self.board.stage
        return (
            f"SELECT {by} stage, COUNT(Id) number{amount} FROM {self.listed.sobject}"
            f"{_where((*self.listed.conditions, *of_stage))} GROUP BY {by}"
        )

    def rows(self, stages: Sequence[str]) -> str:
        """SOQL for the first records of these stages together."""
        limit = CARDS * (1 if len(stages) == 1 else _SHARED * len(stages))
        where = _where((*self.listed.conditions, _is_in(self.board, stages)))
        order = order_by(self.listed.sort)
        return f"SELECT {self.listed.select} FROM {self.listed.sobject}{where} ORDER BY {order} LIMIT {limit}"

    def of_stage(self, stage: str) -> Listed:
        """The records of one stage."""
        listed = self.listed
        conditions = (*listed.conditions, _is_in(self.board, (stage,)))
        return Listed(listed.select, listed.sobject, conditions, listed.sort, listed.kind)

    def first(self, stage: str, total: Row | None, rows: Sequence[Row]) -> BoardColumn:
        """A column with the first of its records."""
        goes_on = bool(rows) and len(rows) < _count(total)
        return self.column(stage, total, rows, cursor_after(self.of_stage(stage), rows) if goes_on else None)

    def column(self, stage: str, total: Row | None, rows: Sequence[Row], cursor: str | None) -> BoardColumn:
        """A column from what was counted of it (None: it is empty), and some of its records."""
        amount = None if total is None else cast("float | None", total.get("amount"))
        return BoardColumn(
            stage,
            _count(total),
            float(amount or 0) if self.sums else None,
            to_records(rows, self.fields),
            self.described.fields[self.board.stage].shape.labels.get(stage, ""),
            cursor,
        )


def board_shape(layout: Layout, described: Described) -> BoardShape | None:
    """How records stand on a board, as far as the user may see them; None for an object that has none."""
    board = layout.board
    if board is None or board.stage not in described.fields:
        return None

    def closed(meaning: str) -> tuple[str, ...]:
        stages = described.fields[board.stage].shape.picklist
        return tuple(stage for stage in stages if described.stages.get(stage) == meaning)

    return BoardShape(
        board.stage,
        tuple(name for name in board.shown if described.shows(name)),
        tuple(name for name in board.since if described.shows(name)),
        board.closed if board.closed in described.fields else "",
        closed(WON),
        closed(LOST),
    )


def _fields(layout: Layout, board: Kanban) -> Iterable[str]:
    """What a card is read with: what its row in a list has too, so that one stands for the other."""
    return dict.fromkeys((*layout.listed, *board.shown, board.stage, *board.since, RECORD_TYPE))


def _may_have_some(stage: str, asked: _Asked, filters: Sequence[Filter]) -> bool:
    """Whether records in a stage may meet the filters, so that they are asked for."""
    wanted: Mapping[str, object] = {f.field: f.value for f in filters if f.operator == "eq"}
    meaning, closed = asked.described.stages.get(stage), wanted.get(asked.board.closed)
    fits_stage = wanted.get(asked.board.stage, stage) == stage
    return fits_stage and (meaning is None or not isinstance(closed, bool) or closed == bool(meaning))


def _count(total: Row | None) -> int:
    return 0 if total is None else int(cast(float, total["number"]))


def _is_in(board: Kanban, stages: Iterable[str]) -> str:
    return f"{board.stage} IN ({', '.join(map(soql.quote, stages))})"


def _where(conditions: Iterable[str]) -> str:
    all_of = " AND ".join(f"({condition})" for condition in conditions)
    return f" WHERE {all_of}" if all_of else ""
