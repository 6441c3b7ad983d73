"""Sends what waits, oldest first, by one window at a time.

A create goes under an idempotency key that the backend knows for a day; a change goes over the version that was seen,
and over a newer one is merged like the changes of two people, one's own earlier tries counting as seen. What needs the
person stays and says so; the rest goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from contract.activities import TaskDone
from contract.calls import FieldShape, FieldValue, Record, SobjectShape
from contract.errors import (
    CallError,
    ChangedMeanwhile,
    ConnectionLost,
    MayBeDuplicate,
    NotFound,
    OrgUnavailable,
    Reason,
    RefusedRequest,
    SessionInvalid,
)
from data.repositories.calls import AnotherUser, Network, is_offline
from data.repositories.drafts import KEY_SECONDS
from data.repositories.merge import MERGES, merge, their_record, with_own_as_seen, with_what_belongs
from data.repositories.queue import Edit, EditState, Queue, is_temporary
from data.repositories.records import RecordsRepository
from data.services import online
from data.services.messages import ITS_RECORD_IS_DISCARDED
from data.services.storage import StorageRefused
from data.services.windows import Windows

WAIT_SECONDS = 30 * 24 * 3600.0  # after which an edit that was never sent asks before it is
FIRST_WAIT, LONGEST_WAIT = 5.0, 30.0  # seconds between two tries
MAX_TRIES = 3  # whose outcome is unknown, before the person is asked
# Salesforce refuses a record for these after the backend has looked for an earlier one, so none was made before.
OF_VALUES = frozenset({Reason.INVALID_VALUE, Reason.VALUE_NOT_IN_PICKLIST, Reason.RECORD_TYPE_NOT_AVAILABLE})


class _Later(Exception):
    """Nothing can be sent at present."""


@dataclass(frozen=True, slots=True)
class Saved:
    """An edit that came to Salesforce, and the id of its record there."""

    edit: Edit
    record_id: str


class Sending:
    """Sends a window's queue in the background, whenever there is something to send and a way to send it. `active` is
    whether this window is sending now; `sent` is called after each edit that came to Salesforce, `changed` after each
    change of `active`. `present` gives the uid of whoever uses the window: nothing is sent as anybody else.
    """

    def __init__(
        self,
        queue: Queue,
        records: RecordsRepository,
        network: Network,
        windows: Windows,
        present: Callable[[], str | None],
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._queue = queue
        self._records = records
        self._network = network
        self._windows = windows
        self._present = present
        self._now = now
        self._sleep = sleep
        self._loop: asyncio.Task[None] | None = None
        self._kicked = asyncio.Event()
        self._passed: set[str] = set()  # edits that this run leaves out
        self._uid: str | None = None  # whose edits this run sends
        self.active = False
        self.sent: Callable[[Saved], None] = lambda _saved: None
        self.changed: Callable[[], None] = lambda: None
        queue.accepted = self.begin
        network.reached = self._reached
        online.listen(self.begin)

    def begin(self) -> None:
        """Starts to send what waits, in the background; what waits for a next try is tried at once."""
        self._kicked.set()
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._keep_sending())

    def _reached(self) -> None:
        """A call has come through."""
        if not self.active and self._sendable():
            self.begin()

    def _sendable(self) -> bool:
        return any(e.state == "waiting" for e in self._queue.all())

    async def _keep_sending(self) -> None:
        wait = 0.0
        while True:
            self._kicked.clear()
            await self.run()
            if not self._sendable():
                return
            wait = min(max(FIRST_WAIT, 2 * wait), LONGEST_WAIT)
            resting = asyncio.ensure_future(self._sleep(wait))
            kicked = asyncio.create_task(self._kicked.wait())
            try:
                await asyncio.wait({resting, kicked}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                resting.cancel()
                kicked.cancel()

    async def change(
        self, shape: SobjectShape, record: Record, changes: Mapping[str, FieldValue], *, title: str
    ) -> Record | None:
        """Saves a change of a record on the screen, such as that a task is done, over the version that was seen.

        Returns the record as it is afterwards; None when there is no network, so that it waits on the device. Raises
        CallErrors (ChangedMeanwhile too), NotKept and AnotherUser.
        """
        if not self._network.offline and not self._queue.of(record.id) and not is_temporary(record.id):
            try:
                return await self._records.update(shape.sobject, record.id, dict(changes), record.version)
            except OrgUnavailable as failed:
                if not is_offline(failed):
                    raise
        await self._queue.change(shape, record.id, record.fields, record.version, changes, title=title)
        return None

    async def complete(self, sobject: str, task_id: str, *, title: str) -> TaskDone | Edit:
        """Completes a task. Returns what became of it; what waits, when there is no network. Raises CallErrors, NotKept
        and AnotherUser."""
        if not self._network.offline and not self._queue.of(task_id) and not is_temporary(task_id):
            try:
                return await self._records.complete(sobject, task_id)
            except OrgUnavailable as failed:
                if not is_offline(failed):
                    raise
        return await self._queue.complete(sobject, task_id, title=title)

    async def run(self) -> None:
        """Sends what can be sent now, unless another window does."""
        uid = self._queue.uid
        if uid is None or self.active:
            return
        self.active, self._uid, turn = True, uid, f"sending/{uid}"
        self.changed()
        try:
            if not await self._windows.hold(turn):
                await self._queue.look()
                return
            self._passed = set()
            if not await self._queue.look():
                return
            if self._network.offline and self._sendable():
                await self._records.reach()  # what leaves without a network may have arrived: no edit tries it out
            while self._queue.uid == uid:
                edit = await self._next()
                if edit is None and await self._queue.look():  # another window may have added something meanwhile
                    edit = await self._next()
                if edit is None:
                    break
                await self._send(edit.id)
        except (_Later, AnotherUser, CallError):
            return
        finally:
            self._windows.let_go(turn)
            self.active = False
            self.changed()

    async def _next(self) -> Edit | None:
        """The oldest edit whose turn it is: not before what was saved earlier of its record, nor before the records to
        which it refers."""
        before = set[str]()
        for edit in self._queue.all():
            record_id = self._queue.real(edit.record_id)
            if record_id in before:
                continue
            before.add(record_id)
            if edit.state != "waiting" or edit.id in self._passed:
                continue
            if edit.kind != "create" and is_temporary(record_id):
                if self._queue.making(record_id) is None:
                    await self._ask(edit, "gone", "")
                continue
            unmade = [v for v in edit.fields.values() if is_temporary(v) and is_temporary(self._queue.real(str(v)))]
            if any(self._queue.making(str(v)) is None for v in unmade):
                await self._ask(edit, "refused", ITS_RECORD_IS_DISCARDED)
            elif unmade:
                continue
            elif not (edit.sent_at or edit.tried) and self._now() - edit.at > WAIT_SECONDS:
                await self._ask(edit, "old", "")
            else:
                return edit
        return None

    def _still_theirs(self) -> None:
        """To be called right before something is kept or sent. Raises AnotherUser when another user has come."""
        if self._queue.uid != self._uid or self._present() != self._uid:
            raise AnotherUser

    async def _ask(self, edit: Edit, state: EditState, why: str) -> None:
        async with self._queue.alone(edit.id) as now:
            if now is not None and now.state == "waiting":
                await self._queue.keep(replace(now, state=state, why=why))

    async def _send(self, edit_id: str) -> None:
        async with self._queue.alone(edit_id) as edit:
            if edit is None or edit.state != "waiting":
                self._passed.add(edit_id)
                return
            self._still_theirs()
            send = {
                "create": self._create, "change": self._change, "complete": self._complete, "delete": self._delete
            }[edit.kind]  # fmt: skip
            try:
                record_id = await send(edit)
            except StorageRefused:
                raise _Later from None
            except (AnotherUser, SessionInvalid, ConnectionLost):
                raise
            except OrgUnavailable as failed:
                await self._failed(edit_id, failed)
                raise _Later from None
            except NotFound:
                await self._keep_state(edit_id, "gone", "")
            except CallError as failed:
                await self._keep_state(edit_id, "refused", failed.message)
            else:
                if record_id is not None:
                    self.sent(Saved(edit, record_id))

    async def _failed(self, edit_id: str, failed: OrgUnavailable) -> None:
        """Notes a try whose outcome is unknown; after MAX_TRIES of them the person is asked."""
        edit = self._queue.get(edit_id)
        if edit is None or failed.reason is not Reason.OUTCOME_UNKNOWN:
            return
        edit = replace(edit, tries=edit.tries + 1)
        if edit.tries >= MAX_TRIES:
            edit = replace(edit, state="unsure" if edit.kind == "create" else "refused", why=failed.message)
        await self._queue.keep(edit)

    async def _keep_state(self, edit_id: str, state: EditState, why: str, *, nothing_came: bool = False) -> None:
        edit = self._queue.get(edit_id)
        if edit is not None:
            if nothing_came:
                edit = replace(edit, sent={}, sent_at=0.0)
            await self._queue.keep(replace(edit, state=state, why=why))

    def _resolved(self, fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """Fields with the ids of Salesforce's in place of temporary ones."""
        return {n: self._queue.real(v) if isinstance(v, str) and is_temporary(v) else v for n, v in fields.items()}

    # A new record

    async def _create(self, edit: Edit) -> str | None:
        again = edit.sent_at > 0
        if again and self._now() - edit.sent_at > KEY_SECONDS:
            await self._keep_state(edit.id, "unsure", "")
            return None
        if not again:
            edit = replace(edit, sent=self._resolved(edit.fields), sent_at=self._now())
            await self._queue.write(edit)  # before it leaves
        self._still_theirs()
        try:
            made = await self._records.create(edit.sobject, edit.sent, edit.key, allow_duplicates=edit.allow_duplicates)
        except MayBeDuplicate as refused:
            await self._keep_state(edit.id, "refused", refused.message, nothing_came=True)
            return None
        except RefusedRequest as refused:
            if refused.reason is Reason.IDEMPOTENCY_KEY_REUSED or (again and refused.reason not in OF_VALUES):
                await self._keep_state(edit.id, "unsure", "")
            else:
                await self._keep_state(edit.id, "refused", refused.message, nothing_came=True)
            return None
        await self._queue.keep(replace(edit, state="done", why="", made=made, at=self._now(), seen={}))
        return made

    # A change

    async def _change(self, edit: Edit) -> str | None:
        record_id = self._queue.real(edit.record_id)
        changes, seen, version = self._resolved(edit.fields), self._resolved(edit.seen), edit.version
        tried = {n: tuple(dict.fromkeys((*edit.tried.get(n, ()), v))) for n, v in changes.items()}
        tried = {n: tuple(self._resolved({"": v})[""] for v in values) for n, values in (edit.tried | tried).items()}
        shapes = await self._fields_of(edit.sobject)
        theirs = None if version is not None else await self._read(edit.sobject, record_id)
        if theirs is None:
            await self._queue.write(replace(edit, tried=tried))
        for _attempt in range(MERGES):
            if theirs is not None:
                mine, as_mine = with_own_as_seen(seen, changes, edit.tried, theirs.fields)
                merged = merge(mine, with_what_belongs(shapes, mine, changes, as_mine), as_mine)
                if merged.conflicts:
                    await self._keep_state(edit.id, "conflict", "")
                    return None
                version, changes = theirs.version, merged.changes
                seen = {name: theirs.fields.get(name) for name in seen}
                edit = replace(edit, version=version, seen=seen, fields=changes, tried=tried)
                if changes:
                    await self._queue.write(edit)  # what may arrive is known before it leaves
            if not changes:
                break
            self._still_theirs()
            try:
                await self._records.update(
                    edit.sobject, record_id, changes, version, allow_duplicates=edit.allow_duplicates
                )
                break
            except ChangedMeanwhile as meanwhile:
                theirs = their_record(meanwhile) or await self._read(edit.sobject, record_id)
        else:
            raise _Later
        await self._queue.drop(edit)
        return record_id

    async def _read(self, sobject: str, record_id: str) -> Record:
        self._still_theirs()
        return await self._records.fresh(sobject, record_id)

    async def _fields_of(self, sobject: str) -> Mapping[str, FieldShape]:
        """The fields of an object, as the device knows them."""
        seen = await self._records.objects().seen()
        shapes = () if seen is None else seen.value.objects
        return {f.name: f for shape in shapes if shape.sobject == sobject for f in shape.fields}

    # A task that is done

    async def _complete(self, edit: Edit) -> str | None:
        """Sent again it changes nothing: the backend leaves a task alone that is closed."""
        record_id = self._queue.real(edit.record_id)
        await self._records.complete(edit.sobject, record_id)
        await self._queue.drop(edit)
        return record_id

    # A deletion

    async def _delete(self, edit: Edit) -> str | None:
        record_id = self._queue.real(edit.record_id)
        try:
            if edit.version is not None and (await self._read(edit.sobject, record_id)).version != edit.version:
                await self._keep_state(edit.id, "conflict", "")
                return None
            self._still_theirs()
            await self._records.delete(edit.sobject, record_id)
        except NotFound:
            await self._records.forget(edit.sobject, record_id)  # it is gone, as the person wants it
        await self._queue.drop(edit)
        return record_id
