"""Who owns a record: taking it out of its queue, giving it back, and finding whom it may be given to."""

from collections.abc import Awaitable, Callable

from contract.calls import NAME, QUEUE, FieldShape, Record, RecordDetail, SobjectShape
from contract.errors import CallError, ChangedMeanwhile, Reason
from data.repositories.calls import AnotherUser
from data.repositories.merge import MERGES, their_record
from data.repositories.records import RecordsRepository
from ui.records.look_up_view_model import LookUpViewModel
from ui.shared import values
from ui.shared.deletions import UNDO_SECONDS
from ui.shared.notices import Notice, Notices
from ui.shared.state import Live, State
from ui.shared.words import _

_BELOW = "below"  # what stands below a name: a person's title, or that it is a queue


class Ownership(State):
    """The owner of the record that a page shows; `load` loads the page anew. `me` gives the Salesforce user id of
    whoever uses the app, `changing` is whether the owner is just being changed."""

    def __init__(
        self,
        records: RecordsRepository,
        shape: SobjectShape,
        page: Live[RecordDetail],
        load: Callable[[], Awaitable[None]],
        me: Callable[[], str],
        notices: Notices,
    ) -> None:
        super().__init__()
        self._records = records
        self._shape = shape
        self._page = page
        self._load = load
        self._me = me
        self._notices = notices
        self._field = values.fields_of(shape).get(shape.owner)
        self.changing = False

    @property
    def can_take(self) -> bool:
        """Whether the record is in a queue and the person may take it out."""
        field, record = self._field, self._record
        if field is None or record is None or record.version is None or not self._me():
            return False
        return self._shape.editable and field.editable and record.fields.get(field.parent_kind) == QUEUE

    async def take(self) -> None:
        """Makes the person the owner, unless somebody else was faster; says who has the record now. The notice has a
        way to give it back."""
        field, before = self._field, self._record
        if field is None or before is None or not self.can_take:
            return
        me = self._me()
        taken = await self._change(field, before, me)
        if taken is None:
            return
        title, queue = values.title(self._shape, before), str(before.fields.get(field.parent_name) or "")

        def offer() -> None:
            """Says it, with the way back."""

            async def undo() -> None:
                self._notices.end(notice)
                if self._me() != me:
                    return  # another user has taken over the window
                now = self._record
                seen = now if now is not None and now.fields.get(field.name) == me else taken
                if await self._change(field, seen, str(before.fields[field.name]), offer) is not None:
                    self._notices.say(Notice(_("{title} is back in {queue}.", title=title, queue=queue)))

            notice = Notice(_("{title} is yours now.", title=title), _("Undo"), undo)
            self._notices.say(notice, UNDO_SECONDS)

        offer()

    async def _change(
        self, field: FieldShape, seen: Record, owner: str, refused: Callable[[], None] = lambda: None
    ) -> Record | None:
        """As `_give`, one change at a time; says why it was refused, calls `refused` before that, and returns None."""
        if self.changing:
            return None
        self.changing = True
        self.changed()
        try:
            return await self._give(field, seen, owner)
        except CallError as failed:
            refused()
            self._notices.failed(failed)
        except AnotherUser:
            pass
        finally:
            self.changing = False
            self.changed()
        return None

    async def _give(self, field: FieldShape, seen: Record, owner: str) -> Record | None:
        """Gives the record to an owner, over whatever else others have saved meanwhile, as long as nobody has changed
        its owner. Otherwise says whose it is, and returns None. Raises CallErrors and AnotherUser."""
        before = seen
        for _attempt in range(MERGES):
            try:
                given = await self._records.update(self._shape.sobject, seen.id, {field.name: owner}, seen.version)
            except ChangedMeanwhile as meanwhile:
                theirs = their_record(meanwhile)
                if theirs is None:
                    raise
                if theirs.fields.get(field.name) == owner:  # from another window
                    await self._show(theirs)
                    return theirs
                if theirs.fields.get(field.name) != before.fields.get(field.name):
                    await self._show(theirs)
                    name = str(theirs.fields.get(field.parent_name) or _("Someone else"))
                    self._notices.say(Notice(_("{name} has it now.", name=name)))
                    return None
                seen = theirs
            else:
                await self._show(given)
                return given
        raise ChangedMeanwhile(Reason.RECORD_CHANGED)

    @property
    def _record(self) -> Record | None:
        return None if self._page.value is None else self._page.value.record

    async def _show(self, record: Record) -> None:
        if record.version is None:  # the person may see it no more
            await self._load()
            return
        related = {} if self._page.value is None else self._page.value.related
        self._page.value = RecordDetail(record, related)
        self._page.changed()


class FindOwnerViewModel(LookUpViewModel):
    """Finds the users and queues to whom a record of an object may be given."""

    def __init__(self, records: RecordsRepository, shape: SobjectShape) -> None:
        super().__init__(records, [shape.sobject])
        owner = values.fields_of(shape).get(shape.owner)
        self._has_queues = owner is not None and len(owner.refers_to) > 1

    @property
    def label(self) -> str:
        """What is searched for here, in words."""
        return _("Search users and queues") if self._has_queues else _("Search users")

    async def _find(self, text: str) -> tuple[Record, ...]:
        owners = (await self._repository.find_owners(self.target, text)).owners
        return tuple(Record(o.id, {NAME: o.name, _BELOW: _("Queue") if o.is_queue else o.title}) for o in owners)

    def words(self, record: Record) -> tuple[str, str]:
        """The name of an owner that was found, and what stands below it."""
        return values.title(None, record), str(record.fields.get(_BELOW) or "")
