"""What was saved while there was no network: kept on the device, in order, until it is in Salesforce or thrown away.

Each edit stands alone on the device, under a name of its own. Whoever changes one holds its name (Web Locks) and reads
it anew first, so that no window overwrites what another has done to it; `sending.py` sends them.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from contract.calls import FieldValue, Record, SobjectShape
from data.repositories.calls import AnotherUser
from data.services.device import Device
from data.services.messages import NOT_KEPT_HERE, TOO_MANY_WAIT
from data.services.storage import StorageRefused, from_text, to_text
from data.services.windows import Windows

MAX_EDITS = 100
MAX_CHARACTERS = 500_000  # of JSON, of all that waits
KEEP_SECONDS = 30 * 24 * 3600.0  # for which it is known what became of a temporary id
HELD_AGAIN_AFTER = 0.1  # seconds after which a name that another has is asked for once more
AGAIN_AFTER = 1.0  # seconds after which a device that kept nothing is asked again
_TEMPORARY = "new"  # begins no id of Salesforce's, and the whole has another length than one

Kind = Literal["create", "change", "complete", "delete"]  # complete: a task, by the org's own status for that
# `waiting` is sent when its turn comes. The others ask the person: somebody else changed the same; Salesforce refused
# it; nobody knows whether it was made; its record is gone; it waited for too long. `done` only tells what it became.
EditState = Literal["waiting", "conflict", "refused", "unsure", "gone", "old", "done"]


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit that is not in Salesforce yet. `record_id` is a temporary id for a record that is to be made.

    `fields` are the values to save, `seen` and `version` what the record was like before; `names` are those of the
    records in look-up fields. `key` is the idempotency key of a create, `sent` what was sent under it, `sent_at` when
    first (0.0 for never). `tried` are by field the values of a change that may have arrived. `tries` counts those whose
    outcome is unknown. `why` says in words what keeps it from Salesforce, `made` is the id of what was made.
    """

    id: str
    kind: Kind
    sobject: str
    record_id: str
    title: str = ""
    position: int = 0
    at: float = 0.0
    fields: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    seen: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    version: str | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])
    key: str = ""
    sent: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    sent_at: float = 0.0
    tried: dict[str, tuple[FieldValue, ...]] = field(default_factory=dict[str, tuple[FieldValue, ...]])
    tries: int = 0
    allow_duplicates: bool = False
    state: EditState = "waiting"
    why: str = ""
    made: str = ""


class NotKept(Exception):
    """The edit was not accepted; `message` says why, for the person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def new_record_id() -> str:
    """A temporary id, for a record that is not in Salesforce yet."""
    return _TEMPORARY + secrets.token_hex(8)


def is_temporary(value: object) -> bool:
    """Whether a value is a temporary id."""
    return isinstance(value, str) and value.startswith(_TEMPORARY) and len(value) == len(_TEMPORARY) + 16


class Queue:
    """The waiting edits of one user; `open` chooses the user. One for each window. `changed` is called whenever what
    waits has changed, `accepted` when there is something new to be sent."""

    def __init__(self, device: Device, windows: Windows, now: Callable[[], float] = time.time) -> None:
        self._device = device
        self._windows = windows
        self._now = now
        self._uid: str | None = None
        self._edits: dict[str, Edit] = {}
        self._owed: dict[str, Edit | None] = {}  # by name on the device; None is to be removed
        self._busy: set[str] = set()  # names that this window holds
        self._erasing: set[str] = set()
        self._paying: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.changed: Callable[[], None] = lambda: None
        self.accepted: Callable[[], None] = lambda: None
        before = windows.changed

        def hear() -> None:
            before()
            self._hear()

        windows.changed = hear
        self._hearing: asyncio.Task[None] | None = None
        self._heard = False

    @property
    def uid(self) -> str | None:
        """Whose edits these are."""
        return self._uid

    async def open(self, uid: str | None) -> None:
        """Takes up the edits of a user (None: of nobody)."""
        self._uid, self._edits = uid, {}
        await self.look()
        self.changed()

    async def look(self) -> bool:
        """Reads again what the device has: other windows may have added, sent or removed edits. Returns whether the
        device could be read."""
        async with self._turn:
            uid = self._uid
            if uid is None:
                return True
            try:
                kept = await self._device.values(_name(uid, ""))
            except StorageRefused:
                return False
            if uid in self._erasing:
                self._erasing.discard(uid)
                for name in kept:
                    self._owe(name, None)
                kept = {}
            if uid != self._uid:
                return True
            edits = {name: from_text(Edit, text) for name, text in kept.items()} | self._owed
            before, prefix = self._edits, _name(uid, "")
            self._edits = {e.id: e for name, e in edits.items() if e is not None and name.startswith(prefix)}
        for edit in self._out_of_date():
            self._owe(_name(uid, edit.id), None)
        if before != self._edits:
            self.changed()
        return True

    def _out_of_date(self) -> list[Edit]:
        asked = {value for e in self.all() for value in (*e.fields.values(), e.record_id)}
        done = [e for e in self._edits.values() if e.state == "done" and e.record_id not in asked]
        done.sort(key=lambda e: -e.at)
        return [e for n, e in enumerate(done) if n >= MAX_EDITS or self._now() - e.at > KEEP_SECONDS]

    def _hear(self) -> None:
        """Another window has changed something."""
        self._heard = self._uid is not None
        if self._heard and (self._hearing is None or self._hearing.done()):
            self._hearing = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while self._heard:
            self._heard = False
            await self.look()

    # What waits

    def all(self) -> tuple[Edit, ...]:
        """All edits that are not in Salesforce yet, in their order."""
        waiting = (e for e in self._edits.values() if e.state != "done")
        return tuple(sorted(waiting, key=lambda e: (e.position, e.at, e.id)))

    def get(self, edit_id: str) -> Edit | None:
        """An edit by its id, also one that is done; None when there is none."""
        return self._edits.get(edit_id)

    def of(self, record_id: str) -> tuple[Edit, ...]:
        """What waits for a record, by its id of Salesforce's or its temporary one."""
        same = {record_id, self.real(record_id), *(e.record_id for e in self._edits.values() if e.made == record_id)}
        return tuple(e for e in self.all() if e.record_id in same)

    def to_make(self, sobject: str) -> tuple[Edit, ...]:
        """The records of an object that are to be made, the newest first."""
        return tuple(e for e in reversed(self.all()) if e.kind == "create" and e.sobject == sobject)

    def is_deleted(self, record_id: str) -> bool:
        """Whether the record is to be deleted."""
        return any(e.kind == "delete" and e.state == "waiting" for e in self.of(record_id))

    def making(self, record_id: str) -> Edit | None:
        """The create of a record with a temporary id, also when it is done; None when there is none."""
        return next((e for e in self._edits.values() if e.kind == "create" and e.record_id == record_id), None)

    def has(self, key: str, entered: Mapping[str, FieldValue]) -> bool:
        """Whether all that was entered for a new record with this idempotency key has been accepted."""
        edit = self._edits.get(key) if key else None
        return edit is not None and all(entered.get(n) == v for n, v in (edit.fields or edit.sent).items())

    def real(self, record_id: str) -> str:
        """The id of Salesforce's for a temporary one; the same id while there is none."""
        making = self.making(record_id) if is_temporary(record_id) else None
        return record_id if making is None else making.made or record_id

    def over(self, shape: SobjectShape, record: Record) -> Record:
        """A record as it will be when everything that waits for it is in Salesforce."""
        edits = [e for e in self.of(record.id) if e.kind != "delete"]
        if not edits:
            return record
        fields = dict(record.fields)
        for edit in edits:
            fields |= edit.fields | ({shape.done: True} if edit.kind == "complete" and shape.done else {})
            fields |= {f.parent_name: edit.names.get(f.name) for f in shape.fields
                       if f.type == "reference" and f.name in edit.fields}  # fmt: skip
        return replace(record, fields=fields)

    def record(self, shape: SobjectShape, edit: Edit) -> Record:
        """A record that is to be made, as it will be."""
        return self.over(shape, Record(edit.record_id, {}))

    # Accepting

    async def create(
        self,
        shape: SobjectShape,
        fields: Mapping[str, FieldValue],
        key: str,
        *,
        title: str,
        names: Mapping[str, str] | None = None,
        sent: Mapping[str, FieldValue] | None = None,
        sent_at: float = 0.0,
        allow_duplicates: bool = False,
    ) -> Edit:
        """Accepts a record that is to be made under an idempotency key; `sent` is what may have arrived under it,
        `sent_at` when first. The same key again is the same edit. Raises NotKept."""
        await self._read_all()
        before = self._edits.get(key)
        if before is None:
            edit = Edit(
                key, "create", shape.sobject, new_record_id(), title, fields=dict(sent if sent_at and sent else fields),
                names=dict(names or {}), key=key, sent=dict(sent or {}), sent_at=sent_at,
                allow_duplicates=allow_duplicates,
            )  # fmt: skip
            before = await self._accept(edit)
        since = {n: fields.get(n) for n in {**before.fields, **fields} if fields.get(n) != before.fields.get(n)}
        if since:  # what was typed since it was sent, or in another window: a change of what comes of it
            await self.change(shape, before.record_id, before.fields, None, since, title=title, names=names)
        return self._edits.get(key, before)

    async def change(
        self,
        shape: SobjectShape,
        record_id: str,
        seen: Mapping[str, FieldValue],
        version: str | None,
        changes: Mapping[str, FieldValue],
        *,
        title: str,
        names: Mapping[str, str] | None = None,
        allow_duplicates: bool = False,
    ) -> Edit:
        """Accepts a change of a record that was `seen` in a version; a change that waits for the record already takes
        it up, and so does the create of a record that was never sent. Raises NotKept."""
        seen = {n: seen.get(n) for n in _with_what_decides(shape, changes)}
        await self._read_all()
        before = self.of(record_id)
        if before and _takes_up(before[-1]):
            async with self.alone(before[-1].id) as edit:
                if edit is not None and edit.state != "done" and _takes_up(edit):
                    folded = _folded(edit, seen, changes, title, names or {}, allow_duplicates=allow_duplicates)
                    return await self._accept_held(folded)
        edit = Edit(
            secrets.token_urlsafe(16), "change", shape.sobject, record_id, title, fields=dict(changes), seen=seen,
            version=None if before else version, names=dict(names or {}), allow_duplicates=allow_duplicates,
        )  # fmt: skip
        return await self._accept(edit)

    async def complete(self, sobject: str, record_id: str, *, title: str) -> Edit:
        """Accepts that a task is to be completed: once is enough; one that was refused is sent anew. Raises NotKept."""
        await self._read_all()
        for before in self.of(record_id):
            if before.kind == "complete":
                async with self.alone(before.id) as edit:
                    if edit is not None and edit.state == "waiting":
                        return edit
                    if edit is not None:
                        return await self._accept_held(replace(edit, state="waiting", why="", tries=0))
        return await self._accept(Edit(secrets.token_urlsafe(16), "complete", sobject, record_id, title))

    def is_completed(self, record_id: str) -> bool:
        """Whether the task is to be completed."""
        return any(e.kind == "complete" and e.state == "waiting" for e in self.of(record_id))

    async def delete(self, sobject: str, record_id: str, version: str | None, *, title: str) -> Edit | None:
        """Accepts the deletion of a record in a version (None: in any). Changes that wait for it are dropped; a record
        that was never sent is dropped instead (None). Raises NotKept."""
        await self._read_all()
        before = self.of(record_id)
        if before and before[0].kind == "create" and not before[0].sent_at and await self.discard(before[0].id):
            return None
        edit = Edit(secrets.token_urlsafe(16), "delete", sobject, record_id, title, version=version)
        accepted = await self._accept(edit)
        for change in before:
            if change.kind in ("change", "complete"):
                await self.discard(change.id)
        return accepted

    async def _read_all(self) -> None:
        if self._uid is None or not await self.look():
            raise NotKept(NOT_KEPT_HERE)

    async def _accept(self, edit: Edit) -> Edit:
        """Keeps a new edit. Raises NotKept, and AnotherUser."""
        async with self._holding(_name(self._uid or "", edit.id)):
            return await self._accept_held(edit)

    async def _accept_held(self, edit: Edit) -> Edit:
        """Keeps an edit on the device, or takes nothing of it: it is sent only when the person was told that it is
        kept. Raises NotKept, and AnotherUser."""
        uid, before = self._uid, self._edits.get(edit.id)
        others = [e for e in self.all() if e.id != edit.id]
        position = before.position if before else max((e.position for e in self._edits.values()), default=0) + 1
        edit = replace(edit, position=position, at=self._now())
        if len(others) >= MAX_EDITS or sum(len(to_text(e)) for e in (*others, edit)) > MAX_CHARACTERS:
            raise NotKept(TOO_MANY_WAIT)
        try:
            await self.write(edit)
        except StorageRefused:
            if uid == self._uid and uid is not None:  # it may be carried out late
                self._owe(_name(uid, edit.id), before)
            raise NotKept(NOT_KEPT_HERE) from None
        if uid != self._uid:
            raise AnotherUser
        self.accepted()
        return edit

    # Changing what waits

    async def discard(self, edit_id: str) -> bool:
        """Throws an edit away, with the later ones of a record that will not be made. Returns False when it is being
        sent just now."""
        async with self.alone(edit_id) as edit:
            if edit is None:
                return edit_id not in self._edits
            if edit.kind == "create" and edit.state != "done":
                for later in self.of(edit.record_id):
                    if later.id != edit_id:
                        await self.drop(later)
            await self.drop(edit)
        return True

    async def retry(self, edit_id: str, *, anyway: bool = False) -> None:
        """Sends an edit again that asked the person; `anyway` also over what others did, or although there may be such
        a record: the person has looked."""
        async with self.alone(edit_id) as edit:
            if edit is None or edit.state == "done":
                return
            again = replace(edit, state="waiting", why="", tries=0, at=self._now())
            if edit.state == "unsure" and anyway:
                again = replace(again, key=secrets.token_urlsafe(16), sent={}, sent_at=0.0)
            elif anyway:
                again = replace(again, version=None, allow_duplicates=edit.kind != "delete")
            await self.keep(again)
        self.accepted()

    @asynccontextmanager
    async def alone(self, edit_id: str) -> AsyncGenerator[Edit | None]:
        """A block in which nobody else changes an edit, which is given as it is now. None when it is gone, the device
        cannot be read, or somebody else is in such a block."""
        name = _name(self._uid or "", edit_id)
        async with self._holding(name) as is_held:
            edit = None
            if is_held:
                try:
                    edit = await self._now_on_device(name, edit_id)
                except StorageRefused:
                    edit = None
            yield edit

    @asynccontextmanager
    async def _holding(self, name: str) -> AsyncGenerator[bool]:
        """A block in which no other has this name, unless False is given. It is given up when the device has taken what
        it is owed of it."""
        if name in self._busy:
            yield False
            return
        self._busy.add(name)
        try:
            yield await self._held(name)
        finally:
            self._busy.discard(name)
            if name not in self._owed:
                self._windows.let_go(name)

    async def _held(self, name: str) -> bool:
        if await self._windows.hold(name):
            return True
        await asyncio.sleep(HELD_AGAIN_AFTER)  # a browser takes a moment to give a name up
        return await self._windows.hold(name)

    async def _now_on_device(self, name: str, edit_id: str) -> Edit | None:
        """Raises StorageRefused."""
        async with self._turn:
            if name in self._owed:
                return self._owed[name]
            edit = from_text(Edit, await self._device.look(name))
            if name.startswith(_name(self._uid or "", "")):
                if edit is None:
                    self._edits.pop(edit_id, None)
                else:
                    self._edits[edit_id] = edit
            return edit

    async def write(self, edit: Edit) -> None:
        """Keeps an edit on the device before anything else happens. Raises StorageRefused."""
        uid = self._uid
        if uid is None:
            raise StorageRefused
        async with self._turn:
            name = _name(uid, edit.id)
            await self._device.write(name, to_text(edit))
            self._owed.pop(name, None)
            if uid == self._uid:
                self._edits[edit.id] = edit
        self._tell()

    async def keep(self, edit: Edit) -> None:
        """Keeps what has become of an edit: here at once, on the device as soon as it takes it. To be called in the
        block `alone`."""
        await self._become(edit.id, edit)

    async def drop(self, edit: Edit) -> None:
        """Removes an edit, as `keep` keeps it."""
        await self._become(edit.id, None)

    async def _become(self, edit_id: str, edit: Edit | None) -> None:
        if self._uid is None:
            return
        if edit is None:
            self._edits.pop(edit_id, None)
        else:
            self._edits[edit_id] = edit
        self._owe(_name(self._uid, edit_id), edit)
        self.changed()
        await self._settle()

    def _tell(self) -> None:
        self._windows.tell()
        self.changed()

    async def clear(self, uid: str) -> None:
        """Removes all edits of a user: at once, or when a silent device answers again."""
        if uid == self._uid:
            self._edits = {}
        for name in [n for n in self._owed if n.startswith(_name(uid, ""))]:
            self._owed[name] = None
        self._erasing.add(uid)
        await self._settle()
        self._pay_soon()
        self.changed()

    # What the device has not taken yet

    def _owe(self, name: str, edit: Edit | None) -> None:
        self._owed[name] = edit
        self._pay_soon()

    def _pay_soon(self) -> None:
        if self._paying is None or self._paying.done():
            self._paying = asyncio.create_task(self._pay())

    async def _pay(self) -> None:
        await self._settle()
        while self._owed or self._erasing:
            await asyncio.sleep(AGAIN_AFTER)
            await self._settle()

    async def _settle(self) -> None:
        for uid in list(self._erasing):
            try:
                kept = await self._device.values(_name(uid, ""))
            except StorageRefused:
                continue
            self._erasing.discard(uid)
            for name in kept:
                self._owed.setdefault(name, None)
        for name in list(self._owed):
            async with self._turn:
                edit = self._owed.get(name)
                if name not in self._owed or not await self._paid(name, edit):
                    continue
                if name in self._owed and self._owed[name] is edit:
                    del self._owed[name]
                    if name not in self._busy:
                        self._windows.let_go(name)
            self._windows.tell()

    async def _paid(self, name: str, edit: Edit | None) -> bool:
        try:
            if edit is None:
                return await self._device.remove(name)
            await self._device.write(name, to_text(edit))
        except StorageRefused:
            return False
        return True


def _with_what_decides(shape: SobjectShape, changes: Mapping[str, FieldValue]) -> set[str]:
    """The names of changed fields, with those that mean something only together with them."""
    pairs = [(f.name, other) for f in shape.fields for other in (f.currency_field, f.controller) if other]
    return {*changes, *(name for pair in pairs for name in pair if not changes.keys().isdisjoint(pair))}


def _folded(
    edit: Edit,
    seen: Mapping[str, FieldValue],
    changes: Mapping[str, FieldValue],
    title: str,
    names: Mapping[str, str],
    *,
    allow_duplicates: bool,
) -> Edit:
    """An edit that waits, with more changes of the same record."""
    before = {name: edit.seen.get(name) for name in edit.fields}
    return replace(
        edit, title=title or edit.title, fields={**edit.fields, **changes}, names={**edit.names, **names},
        seen=dict(edit.seen) if edit.kind == "create" else {**edit.seen, **seen, **before},
        state="waiting", why="", tries=0, allow_duplicates=edit.allow_duplicates or allow_duplicates,
    )  # fmt: skip


def _takes_up(edit: Edit) -> bool:
    """Whether a later change of the record becomes a part of this edit."""
    return edit.kind == "change" or (edit.kind == "create" and not edit.sent_at)


def _name(uid: str, edit_id: str) -> str:
    return f"queue/{uid}/{edit_id}"
