"""An object's records on a board: a column a stage. What narrows a list down narrows it down too. No Flet in here.

An answer that a newer question has overtaken is dropped.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from contract.boards import BoardColumn, BoardShape, GetBoard
from contract.calls import Filter, Record, SobjectShape
from contract.errors import CallError, Reason
from data.repositories.calls import AnotherUser
from data.repositories.queue import Queue
from data.repositories.records import RecordsRepository
from data.repositories.sending import Sending
from ui.records.list_view_model import PAGE, ListViewModel
from ui.records.moves_view_model import Moves
from ui.shared import values
from ui.shared.notices import Notices
from ui.shared.refusals import Refusals
from ui.shared.state import OLD_SECONDS


@dataclass(frozen=True, slots=True)
class Column:
    """A stage as people see it: how many records, the sum of their amounts (None: not theirs to see), the cards that
    are here. `more` is whether there are further ones, `only_target` whether the filters leave nothing in it: a place
    to which cards are moved."""

    stage: str
    words: str
    count: int
    amount: float | None
    cards: tuple[Record, ...]
    more: bool = False
    only_target: bool = False


class BoardViewModel(ListViewModel):
    """`moves` moves the cards, `stage` is the column at which a person is, where one is shown at a time. `currency` is
    the ISO 4217 code of the currency to which sums are converted, "" when all are in one. `fetching` is the stage of
    which more is on its way, "" for none."""

    def __init__(
        self,
        records: RecordsRepository,
        shape: SobjectShape,
        is_deleted: Callable[[str], bool],
        notices: Notices,
        refusals: Refusals,
        now: Callable[[], float] = time.time,
        queue: Queue | None = None,
        sending: Sending | None = None,
    ) -> None:
        super().__init__(records, shape, is_deleted, now, queue)
        self._columns: tuple[BoardColumn, ...] = ()
        self._whole: set[str] = set()  # stages whose last cards are here
        self.moves = Moves(records, shape, notices, refusals, self._settle, sending)
        self.moves.listen(self.changed)
        self.stage = ""
        self.currency = ""
        self.fetching = ""

    @property
    def board(self) -> BoardShape:
        """How the object's records stand on a board."""
        assert self.shape.board is not None, "only objects with stages have boards"
        return self.shape.board

    @property
    def age(self) -> float | None:
        if not self._columns or not (self.loading or self.problem is not None):
            return None
        age = self._now() - self._at
        return age if age > OLD_SECONDS else None

    @property
    def filterable(self) -> tuple[str, ...]:
        return tuple(name for name in self.shape.filters if name != self.board.stage)

    # What is shown

    @property
    def columns(self) -> list[Column]:
        """The stages in their order, each card where it is, is being moved to, or waits to be moved to."""
        moving = self._moving()
        going = {card.id: card for c in self._columns for card in c.cards if moving.get(card.id, c.stage) != c.stage}
        only = self._only_targets()
        return [self._column(c, going, moving, only) for c in self._columns]

    def _moving(self) -> dict[str, str]:
        """Where cards are going, by the ids of their records."""
        edits = () if self._queue is None else self._queue.all()
        waiting = {e.record_id: str(e.fields[self.board.stage]) for e in edits if self.board.stage in e.fields}
        return waiting | self.moves.under_way

    def _over(self, card: Record) -> Record:
        """A card as it will be when what waits for its record was sent."""
        return card if self._queue is None else self._queue.over(self.shape, card)

    def _column(
        self, column: BoardColumn, going: dict[str, Record], moving: dict[str, str], only: frozenset[str]
    ) -> Column:
        left = [card for card in column.cards if card.id in going]
        come = [card for card in going.values() if moving[card.id] == column.stage]
        gone = [card for card in column.cards if card not in left and self._is_deleted(card.id)]
        cards = (*come, *(card for card in column.cards if card not in left and card not in gone))
        amount = column.amount
        if amount is not None:
            amount += sum(map(self._worth, come)) - sum(map(self._worth, (*left, *gone)))
        return Column(
            column.stage,
            column.label or column.stage,
            max(0, column.count + len(come) - len(left) - len(gone)),
            amount,
            tuple(map(self._over, cards)),
            column.stage not in self._whole and (column.cursor is not None or column.count > len(column.cards)),
            column.stage in only,
        )

    def _only_targets(self) -> frozenset[str]:
        """The stages in which the filters leave nothing: closed ones on a board of what is open, and the reverse."""
        closed, chosen = {*self.board.won, *self.board.lost}, self.filters.get(self.board.closed)
        if not isinstance(chosen, bool) or not closed:
            return frozenset()
        return frozenset(c.stage for c in self._columns if (c.stage in closed) is not chosen and not c.count)

    def _worth(self, card: Record) -> float:
        """What a card adds to the sum of its column; nothing where that is in another currency, which takes a new
        look."""
        amount = card.fields.get(self.shape.amount)
        converted = self.currency and values.currency_of(self.shape, card.fields) != self.currency
        return 0.0 if converted or not isinstance(amount, int | float) else float(amount)

    def days_in_stage(self, card: Record) -> int | None:
        """For how many days a card has been in its stage; None when it is not told, or it is on its way to another."""
        since = next((str(card.fields[name]) for name in self.board.since if card.fields.get(name)), "")
        at = values.moment(since) if since and card.id not in self._moving() else None
        return None if at is None else max(0, (datetime.fromtimestamp(self._now(), UTC) - at).days)

    def card(self, record_id: str) -> Record | None:
        """A card by its record's id; None when it is not on the board."""
        card = self._card(record_id)
        return None if card is None else self._over(card)

    def _card(self, record_id: str) -> Record | None:
        """A card as it was answered."""
        return next((card for c in self._columns for card in c.cards if card.id == record_id), None)

    def look_at(self, stage: str) -> None:
        """Shows this column, where one is shown at a time."""
        if stage != self.stage:
            self.stage = stage
            self.changed()

    def begin_at(self, stage: str) -> None:
        """Begins with a stage of everybody's open records, as home counts them; loaded at the next visit."""
        self.search, self.owner_name, self.stage = "", "", stage
        self.filters = {self.board.closed: False} if self.board.closed else {}
        self._columns, self.stale = (), True

    # Loading

    async def _anew(self) -> None:
        self._columns = ()
        await self.refresh()

    async def _fetch(self, rows: int) -> None:
        question, fetch = self._questions.new(), self._records.board(self._asked())
        self.loading, self.problem, self.stale = True, None, False
        self.changed()
        try:
            seen = await fetch.seen()
            if not self._questions.is_last(question):
                return
            if seen is not None and not self._columns:
                self._take(seen.value.columns, seen.value.currency, seen.at)
                self.changed()
            board = await fetch.get()
        except CallError as failed:
            if self._questions.is_last(question):
                self.problem, self.loading, self.stale = failed, False, True
                self.changed()
        except AnotherUser:
            return
        else:
            if self._questions.is_last(question):
                self._take(board.columns, board.currency, self._now())
                self.loading = False
                self.changed()
        finally:
            self._end(question)

    def _take(self, columns: Sequence[BoardColumn], currency: str, at: float) -> None:
        self._columns, self.currency, self._at, self._whole = tuple(columns), currency, at, set()
        stages = [c.stage for c in columns]
        if self.stage not in stages:
            filled = (c.stage for c in columns if c.count)
            self.stage = next(filled, stages[0] if stages else "")

    async def more_of(self, stage: str) -> None:
        """Loads the next cards of a column, unless more of one is on its way."""
        column = self._of(stage)
        if column is None or self.loading or self.fetching:
            return
        question, self.fetching, self.problem = self._questions.last, stage, None
        self.changed()
        cursor = column.cursor if column.cards else None
        try:
            more = await self._records.board(replace(self._asked(), stage=stage, cursor=cursor)).call()
        except CallError as failed:
            if self._questions.is_last(question):
                if failed.reason is Reason.INVALID_CURSOR:
                    self.fetching = ""
                    await self._anew()
                    return
                self.problem = failed
        except AnotherUser:
            return
        else:
            now = self._of(stage)
            if self._questions.is_last(question) and now is not None and more.columns:
                self._join(now, more.columns[0])
        finally:
            self.fetching = ""
            self.changed()

    def _join(self, now: BoardColumn, more: BoardColumn) -> None:
        here = {card.id for card in now.cards}
        cards = (*now.cards, *(card for card in more.cards if card.id not in here))
        self._put(replace(more, cards=cards, label=now.label))
        if more.cursor is None:
            self._whole.add(now.stage)

    def _asked(self) -> GetBoard:
        filters = tuple(Filter(field, "eq", value) for field, value in self.filters.items())
        return GetBoard(self.shape.sobject, self.search.strip() or None, filters, self.sort)

    def _of(self, stage: str) -> BoardColumn | None:
        return next((c for c in self._columns if c.stage == stage), None)

    def _put(self, column: BoardColumn) -> None:
        self._columns = tuple(column if c.stage == column.stage else c for c in self._columns)

    # Following what happens to records elsewhere in the app

    def note_saved(self, record_id: str, record: Record | None) -> None:
        """Takes over a record that was created or changed: a card that is here goes to where it belongs now; for
        anything else the board becomes stale."""
        card = self._card(record_id)
        if card is None or record is None or self.loading or self.search.strip():
            self._drop_what_is_under_way()
            self.stale = True
        else:
            self._replace(card, replace(record, fields={**card.fields, **record.fields}))
        self.changed()

    def note_deleted(self, record_id: str) -> None:
        """Removes the card of a record that was deleted."""
        self._drop_what_is_under_way()
        card = self._card(record_id)
        if card is not None:
            self._replace(card, None)
        self.changed()

    def _replace(self, card: Record, changed: Record | None) -> None:
        """Puts a card as it is now in place of what it was: in its column, in another one, or nowhere (None, or it is
        none of the records that are shown)."""
        was = next(c for c in self._columns if card in c.cards)
        stage = None if changed is None or self._leaves(card, changed) else changed.fields.get(self.board.stage)
        if changed is not None and stage == was.stage:
            self._put(replace(was, cards=tuple(changed if c is card else c for c in was.cards), amount=_sum(
                was.amount, self._worth(changed) - self._worth(card))))  # fmt: skip
        else:
            self._put(replace(was, cards=tuple(c for c in was.cards if c is not card), count=max(0, was.count - 1),
                              amount=_sum(was.amount, -self._worth(card))))  # fmt: skip
            to = self._of(str(stage)) if stage else None
            if changed is not None and to is not None:
                self._put(replace(to, cards=(changed, *to.cards), count=to.count + 1,
                                  amount=_sum(to.amount, self._worth(changed))))  # fmt: skip
        if self.currency and changed is not None and values.currency_of(self.shape, changed.fields) != self.currency:
            self.stale = True  # what it is worth knows Salesforce

    def _leaves(self, before: Record, after: Record) -> bool:
        """Whether a change may have taken a record out of what the board shows."""
        told = [name for name in self.filters if name in before.fields]
        return any(before.fields[name] != after.fields.get(name) for name in told)

    async def move(self, record_id: str, stage: str) -> bool:
        """Moves a card that is here to a column. Returns whether the record's form is to be opened."""
        card = self.card(record_id)
        return card is not None and await self.moves.to(card, stage)

    async def _settle(self, _moved: Record) -> None:
        """Looks again after a move, where what it changed cannot be told without."""
        if self.stale and not self.loading:
            await self._fetch(PAGE)


def _sum(amount: float | None, more: float) -> float | None:
    return None if amount is None else amount + more
