"""Moving records from stage to stage: on a board, and on a record's page. No Flet in here."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from contract.calls import FieldValue, Record, SobjectShape
from contract.errors import CallError, ChangedMeanwhile, MayBeDuplicate, OrgUnavailable, Reason, RefusedRequest
from data.repositories.calls import AnotherUser
from data.repositories.merge import MERGES, their_record, who_changed
from data.repositories.queue import NotKept
from data.repositories.records import RecordsRepository
from data.repositories.sending import Sending
from ui.shared import kinds, values
from ui.shared.deletions import UNDO_SECONDS
from ui.shared.notices import Notice, Notices
from ui.shared.refusals import Refusals, Refused
from ui.shared.state import State
from ui.shared.words import _

_TO_MEND = frozenset({Reason.INVALID_VALUE, Reason.VALUE_NOT_IN_PICKLIST})  # in the record's form
WON, LOST, CHANGED = "won", "lost", "changed"


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked before a record is moved to a stage: whether to close it (WON, LOST), or whether to move it
    although `who` has done so meanwhile (CHANGED)."""

    record: Record
    stage: str
    why: str
    who: str = ""


class Moves(State):
    """The moves of an object's records. `choosing` is the record for which a person chooses a stage, `asking` what they
    are asked before a move, `under_way` the stages to which records are being moved, by their ids. `show` is called
    with each record as it is after a move, also after somebody else's."""

    def __init__(
        self,
        records: RecordsRepository,
        shape: SobjectShape,
        notices: Notices,
        refusals: Refusals,
        show: Callable[[Record], Awaitable[None]],
        sending: Sending | None = None,
    ) -> None:
        super().__init__()
        self._records = records
        self._shape = shape
        self._notices = notices
        self._refusals = refusals
        self._show = show
        self._sending = sending
        self._field = None if shape.board is None else values.fields_of(shape).get(shape.board.stage)
        self._of_type: dict[str, tuple[str, ...]] = {}  # stages by the record type that has only those
        self.choosing: Record | None = None
        self.asking: Asking | None = None
        self.under_way: dict[str, str] = {}

    # What there is to choose from

    @property
    def are_possible(self) -> bool:
        """Whether the person may move records at all."""
        return self._field is not None and self._shape.editable and self._field.editable

    def stage_of(self, record: Record) -> str:
        """The stage in which a record is, or to which it is being moved; "" for none."""
        return self.under_way.get(record.id) or str(record.fields.get(self._name) or "")

    def offered(self, record: Record) -> tuple[str, ...]:
        """The stages that a record may have, in their order: those of its record type, as far as that is known."""
        stages = () if self._field is None else self._field.picklist
        return self._of_type.get(self._type_of(record), stages)

    def words(self, stage: str) -> str:
        """What people read for a stage."""
        return stage if self._field is None else kinds.label_of(self._field, stage)

    def title(self, record: Record) -> str:
        """What a record is called."""
        return values.title(self._shape, record)

    async def learn(self, record: Record) -> None:
        """Finds out which stages the record's type has; the device knows it after the first time."""
        of_type = self._type_of(record)
        if not of_type or of_type in self._of_type or self._field is None:
            return
        fetch = self._records.picklists(self._shape.sobject, of_type)
        with suppress(CallError):
            seen = await fetch.seen()
            told = (seen.value if seen is not None else await fetch.get()).fields.get(self._name)
            if told is not None:
                self._of_type[of_type] = told.values
                self.changed()

    def _type_of(self, record: Record) -> str:
        return str(record.fields.get(self._shape.record_type) or "")

    @property
    def _name(self) -> str:
        return "" if self._field is None else self._field.name

    # Choosing

    async def choose_for(self, record: Record) -> None:
        """Lets the person choose to which stage the record is moved."""
        if self.are_possible:
            self.choosing = record
            self.changed()
            with suppress(AnotherUser):
                await self.learn(record)

    def cancel(self) -> None:
        """Moves nothing."""
        self.choosing, self.asking = None, None
        self.changed()

    # Moving

    async def to(self, record: Record, stage: str) -> bool:
        """Moves a record to a stage, over whatever others have saved meanwhile in other fields; asks before it is
        closed. The notice has a way back. Returns whether its form is to be opened, where what Salesforce wants for
        that stage can be filled in."""
        self.choosing = None
        if not self.are_possible or stage == self.stage_of(record) or record.id in self.under_way:
            self.changed()
            return False
        board = self._shape.board
        assert board is not None
        why = WON if stage in board.won else LOST if stage in board.lost else ""
        if why:
            self.asking = Asking(record, stage, why)
            self.changed()
            return False
        return await self._move(record, stage)

    async def go_on(self) -> bool:
        """Makes the move that is asked about. Returns as `to` does."""
        asked, self.asking = self.asking, None
        self.changed()
        return False if asked is None else await self._move(asked.record, asked.stage)

    async def _move(self, record: Record, stage: str) -> bool:
        """As `to`, without a question."""
        self.under_way[record.id] = stage  # it is shown there at once
        self.changed()
        try:
            await self.learn(record)
            if stage not in self.offered(record):
                self._notices.say(Notice(_("Records of this type have no such stage.")))
                return False
            before = str(record.fields.get(self._name) or "")
            moved = await self._save(record, stage)
            if moved is not None:
                self._say(moved, stage, before)
        except (RefusedRequest, MayBeDuplicate) as refused:
            if isinstance(refused, MayBeDuplicate) or refused.reason in _TO_MEND:
                fields: dict[str, FieldValue] = {self._name: stage}
                self._refusals.note(record.id, Refused(fields, refused))
                return True
            self._notices.failed(refused)
        except CallError as failed:
            self._notices.failed(failed)
        except AnotherUser:
            pass
        finally:
            self.under_way.pop(record.id, None)
            self.changed()
        return False

    def _say(self, moved: Record, stage: str, before: str) -> None:
        """Says where the record is now, with the way back."""

        async def undo() -> None:
            self._notices.end(notice)
            if moved.id not in self.under_way and before:
                await self._take_back(moved, before)

        notice = Notice(
            _("{title} is in “{stage}” now.", title=self.title(moved), stage=self.words(stage)), _("Undo"), undo
        )
        self._notices.say(notice, UNDO_SECONDS)

    async def _take_back(self, moved: Record, before: str) -> None:
        self.under_way[moved.id] = before
        self.changed()
        try:
            back = await self._save(moved, before)
            if back is not None:
                self._notices.say(
                    Notice(_("{title} is back in “{stage}”.", title=self.title(back), stage=self.words(before)))
                )
        except CallError as failed:
            self._notices.failed(failed)
        except AnotherUser:
            pass
        finally:
            self.under_way.pop(moved.id, None)
            self.changed()

    async def _save(self, record: Record, stage: str) -> Record | None:
        """The record as it is after the move. None when somebody else has moved it meanwhile to a third stage: then the
        person is asked. Raises CallErrors and AnotherUser."""
        name, seen, lost = self._name, record, False
        for _attempt in range(MERGES):
            try:
                saved = await self._change(seen, {name: stage})
            except ChangedMeanwhile as meanwhile:
                theirs = their_record(meanwhile)
                if theirs is None:
                    raise
                seen, now = theirs, theirs.fields.get(name)
                if now == stage:  # from another window, or by the request whose answer was lost
                    await self._show_theirs(theirs)
                    return theirs
                if now != record.fields.get(name):
                    await self._show_theirs(theirs)
                    self.asking = Asking(theirs, stage, CHANGED, who_changed(theirs.fields))
                    self.changed()
                    return None
            except OrgUnavailable as failed:
                # Sent once more, by the same version: where it has arrived, that one is not the record's any more.
                if lost or failed.reason is not Reason.OUTCOME_UNKNOWN or seen.version is None:
                    raise
                lost = True
            else:
                await self._show(saved)
                return saved
        raise ChangedMeanwhile(Reason.RECORD_CHANGED)

    async def _change(self, seen: Record, changes: dict[str, FieldValue]) -> Record:
        """The record as it is after a change; without a network as it will be, once what waits was sent."""
        if self._sending is None:
            return await self._records.update(self._shape.sobject, seen.id, changes, seen.version)
        try:
            saved = await self._sending.change(self._shape, seen, changes, title=self.title(seen))
        except NotKept as refused:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, refused.message, {"offline": True}) from None
        return saved or Record(seen.id, {**seen.fields, **changes}, seen.version)

    async def _show_theirs(self, theirs: Record) -> None:
        """Has everything that shows the record show what somebody else has made of it."""
        self._records.saved(self._shape.sobject, theirs.id, theirs)
        await self._show(theirs)
