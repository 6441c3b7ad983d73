"""What people typed and did not save yet: kept on the device until it is saved or thrown away, over reload, sign-out
and a crash.

Each draft stands alone on the device, under a name of its own that only one window writes, so that no window overwrites
what another keeps. Beside the drafts of new records stands what was sent of them (`Sent`), for as long as the backend
knows its idempotency key.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from contract.calls import FieldValue
from data.repositories.calls import AnotherUser
from data.services.device import Device
from data.services.storage import StorageRefused, from_text, to_text
from data.services.windows import Windows

T = TypeVar("T")
WRITE_AFTER = 0.3  # seconds of rest after the last key
AGAIN_AFTER = 1.0  # seconds after which a device that kept nothing is asked again
KEY_SECONDS = 23 * 3600.0  # the backend knows a key for a day; an hour is for clocks that differ


@dataclass(frozen=True, slots=True)
class Draft:
    """A form that was begun: what the record was like then (`seen`, `version`), and what was entered since.

    `typed` has values, so that they can be read in another language; `raw` has texts that are no value yet, such as
    half a number. `record_id` is "" for a new record, which is made under the idempotency key `key`. `names` are the
    names of the records that were chosen in look-up fields. `at` is when it was changed last (seconds since the epoch),
    `asks` whether it was saved already and somebody else has changed the same: the form asks at once.
    """

    id: str
    sobject: str
    record_id: str = ""
    seen: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    version: str | None = None
    typed: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    raw: dict[str, str] = field(default_factory=dict[str, str])
    names: dict[str, str] = field(default_factory=dict[str, str])
    key: str = ""
    at: float = 0.0
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent under an idempotency key and when first, and what was typed for it. `made` is the id of the record
    that came of it, "" while nobody knows whether one did."""

    key: str
    sobject: str
    fields: dict[str, FieldValue]
    typed: dict[str, FieldValue]
    at: float
    made: str = ""


@dataclass(frozen=True, slots=True)
class _Texts:
    """A draft as the app kept it until version 0.2: the texts in the form, in the language of that time."""

    sobject: str
    record_id: str
    entered: dict[str, str]
    seen: dict[str, FieldValue] = field(default_factory=dict[str, FieldValue])
    version: str | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])


class Drafts:
    """The drafts of one user; `open` chooses the user. One for each window. `refused` is whether the device does not
    keep drafts now. `changed` is called when that changes, and when the device can be read again after it could not."""

    def __init__(self, device: Device, windows: Windows, now: Callable[[], float] = time.time) -> None:
        self._device = device
        self._windows = windows
        self._now = now
        self._uid: str | None = None
        self._drafts: dict[str, Draft] = {}
        self._sent: dict[str, Sent] = {}
        self._mine: set[str] = set()  # drafts that this window writes: here its memory counts, and not the device
        self._wanted: str | None = None
        self._owed: dict[str, Draft | Sent | None] = {}  # by name on the device; None is to be removed
        # For each look that is under way: what the device was given since, which its answer may not know.
        self._paid: list[set[str]] = []
        self._unread = False
        self._erasing: set[str] = set()  # users whose drafts are to go, once the device tells what they are
        self._paying: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.refused = False
        self.changed: Callable[[], None] = lambda: None

    async def open(self, uid: str | None) -> None:
        """Takes up the drafts of a user (None: of nobody), after what was still to be written has been."""
        await self.settle()
        for draft_id in self._mine:
            self._windows.let_go(self._name(draft_id))
        self._uid, self._drafts, self._sent, self._mine, self._wanted = uid, {}, {}, set(), None
        for name, value in self._owed.items():
            if value is not None and name == self._name(value.id if isinstance(value, Draft) else f"sent/{value.key}"):
                self._remember(value)
        await self.look()

    def _remember(self, value: Draft | Sent) -> None:
        if isinstance(value, Sent):
            self._sent[value.key] = value
        else:
            self._drafts[value.id] = value
            self._mine.add(value.id)

    async def look(self) -> None:
        """Reads again what the device has: other windows may have kept, changed or removed drafts."""
        uid = self._uid
        if uid is None:
            return
        if uid in self._erasing:
            await self._erase(uid)
        paid = set[str]()
        self._paid.append(paid)
        try:
            kept = await self._device.values(f"draft/{uid}/")
        except StorageRefused:
            self._unread = True
            self._pay_soon()
            return
        finally:
            self._paid = [other for other in self._paid if other is not paid]  # an equal one may be another look
        newer_here = self._owed.keys() | paid
        if uid != self._uid:
            return
        self._unread = False
        drafts, sent = dict[str, Draft](), dict[str, Sent]()
        for name, text in kept.items():
            part = name.removeprefix(f"draft/{uid}/")
            if name in newer_here:
                continue
            if part.startswith("sent/"):
                _take(sent, part.removeprefix("sent/"), from_text(Sent, text))
            else:
                _take(drafts, part, _read_draft(part, text))
        sent |= {key: s for key, s in self._sent.items() if s.made or self._sent_name(key) in newer_here}
        drafts |= {draft_id: self._drafts[draft_id] for draft_id in self._mine if draft_id in self._drafts}
        self._sent, self._drafts = sent, drafts
        self._tidy()

    def _tidy(self) -> None:
        """Removes drafts that were saved and came back from another window, and what was sent with a key that the
        backend has forgotten; makes a draft again of what was sent and has neither draft nor record."""
        for draft in list(self._drafts.values()):
            sent = self._sent.get(draft.key)
            if sent and sent.made and draft.typed == sent.typed and not draft.raw and draft.id not in self._mine:
                self._forget(draft.id)
        keys = {d.key for d in self._drafts.values()}
        for sent in list(self._sent.values()):
            if self._now() - sent.at > KEY_SECONDS and sent.key not in keys:
                self._forget_sent(sent.key)
            elif not sent.made and sent.key not in keys:
                self._drafts[sent.key] = Draft(sent.key, sent.sobject, typed=sent.fields, key=sent.key, at=sent.at)

    def get(self, sobject: str, record_id: str) -> Draft | None:
        """The newest draft of a record, or of a new one of the object when `record_id` is ""; None when there is
        none."""
        return next(iter(self._of(sobject, record_id)), None)

    def all(self) -> tuple[Draft, ...]:
        """All drafts of the user, the newest first."""
        return tuple(sorted(self._drafts.values(), key=lambda draft: -draft.at))

    def _of(self, sobject: str, record_id: str) -> list[Draft]:
        return [d for d in self.all() if (d.sobject, d.record_id) == (sobject, record_id)]

    # Going on with one

    def want(self, draft_id: str) -> None:
        """Chooses the draft with which the next form of its record goes on; without that it is the newest."""
        self._wanted = draft_id

    def wants_another(self, draft: Draft) -> bool:
        """Whether a form that shows this draft is to change to another draft of the same record, chosen by `want`."""
        wanted = self._drafts.get(self._wanted or "")
        return (
            wanted is not None
            and wanted.id != draft.id
            and (wanted.sobject, wanted.record_id) == (draft.sobject, draft.record_id)
        )

    async def take_up(self, sobject: str, record_id: str) -> Draft | None:
        """Opens the draft of a record in this window. None when there is no draft, or each is open in another window; a
        draft that was chosen by `want` and is open elsewhere is copied instead."""
        await self.look()
        drafts = self._of(sobject, record_id)
        wanted = next((d for d in drafts if d.id == self._wanted), None)
        if wanted is not None:
            drafts, self._wanted = [wanted], None
        for draft in drafts:
            if draft.id in self._mine or await self._windows.hold(self._name(draft.id)):
                self._mine.add(draft.id)
                return self._drafts.get(draft.id)
        return None if wanted is None else replace(wanted, id=new_id())

    # Keeping

    def put(self, draft: Draft) -> Draft:
        """Keeps a draft. Returns it with the time of now; the device has it WRITE_AFTER seconds after the last
        change."""
        kept = self._drafts[draft.id] = replace(draft, at=self._now())
        if self._uid is not None:
            self._mine.add(draft.id)
            self._owe(self._name(draft.id), kept)
        return kept

    def drop(self, sobject: str, record_id: str) -> None:
        """Removes all drafts of a record, which was deleted or whose changes are not wanted."""
        for draft in self._of(sobject, record_id):
            self.throw_away(draft)

    def throw_away(self, draft: Draft) -> None:
        """Removes a draft that was saved or is not wanted any more."""
        sent = self._sent.get(draft.key)
        if (
            sent is not None
            and not sent.made
            and not any(d.key == draft.key and d.id != draft.id for d in self._drafts.values())
        ):
            self._forget_sent(draft.key)
        self._forget(draft.id)

    def _forget(self, draft_id: str) -> None:
        self._mine.discard(draft_id)
        if self._drafts.pop(draft_id, None) is not None:
            self._owe(self._name(draft_id), None)

    # What was sent of a new record

    async def sent(self, key: str) -> Sent | None:
        """What any window has sent under an idempotency key. None when nothing was sent, or it was refused."""
        mine = self._sent.get(key)
        if mine is None or not mine.made:
            text = await self._device.read(self._sent_name(key)) if self._sent_name(key) not in self._owed else None
            mine = from_text(Sent, text) or mine
        return mine

    async def note_sent(self, draft: Draft, fields: dict[str, FieldValue]) -> Sent:
        """Notes what is about to be sent, and waits for the device to keep it. While the device keeps nothing, only
        this window remembers it, and the request is sent all the same: the backend refuses other content under the same
        key. Raises AnotherUser when the user changes while it waits."""
        uid, draft = self._uid, self.put(draft)
        sent = self._sent[draft.key] = Sent(draft.key, draft.sobject, fields, draft.typed, self._now())
        self._owe(self._sent_name(draft.key), sent)
        await self.settle()
        if uid != self._uid:
            raise AnotherUser
        return sent

    def note_made(self, sent: Sent, record_id: str) -> Sent:
        """Notes the id of the record that came of what was sent. Returns what was sent, with the id."""
        made = self._sent[sent.key] = replace(sent, made=record_id)
        self._owe(self._sent_name(sent.key), made)
        return made

    def note_refused(self, key: str) -> None:
        """Notes that nothing came of what was sent: its key may be used again."""
        self._forget_sent(key)

    def is_too_old(self, sent: Sent) -> bool:
        """Whether the backend may have forgotten the key, so that sending it again could make a second record."""
        return self._now() - sent.at > KEY_SECONDS

    def _forget_sent(self, key: str) -> None:
        if self._sent.pop(key, None) is not None:
            self._owe(self._sent_name(key), None)

    # Writing

    async def settle(self) -> None:
        """Writes what is still to be written, as far as the device takes it, and sets `refused`."""
        async with self._turn:
            for uid in list(self._erasing):
                await self._erase(uid)
            failed = False
            for name, value in list(self._owed.items()):
                if await self._written(name, value):
                    if self._owed.get(name, name) is value:  # it has not changed meanwhile
                        del self._owed[name]
                        for paid in self._paid:
                            paid.add(name)
                        if value is None:
                            self._windows.let_go(name)
                else:
                    failed = True
            before, self.refused = self.refused, failed
        if before != failed:
            self.changed()

    async def _written(self, name: str, value: Draft | Sent | None) -> bool:
        try:
            if value is None:
                return await self._device.remove(name)
            await self._device.write(name, to_text(value))
            if isinstance(value, Draft):
                await self._windows.hold(name)
        except StorageRefused:
            return False
        return True

    def _owe(self, name: str, value: Draft | Sent | None) -> None:
        self._owed[name] = value
        self._pay_soon()

    def _pay_soon(self) -> None:
        if self._paying is None or self._paying.done():
            self._paying = asyncio.create_task(self._pay())

    async def _pay(self) -> None:
        """Tries again and again until the device has taken everything, and has told what it keeps."""
        while self._owed or self._unread or self._erasing:
            await asyncio.sleep(AGAIN_AFTER if self.refused or self._unread or self._erasing else WRITE_AFTER)
            await self.settle()
            if self._unread:
                await self.look()
                if not self._unread:
                    self.changed()

    async def clear(self, uid: str) -> None:
        """Removes all drafts of a user after an erasure: at once, or when a silent device answers again."""
        if uid == self._uid:
            for draft_id in self._mine:
                self._windows.let_go(self._name(draft_id))
            self._drafts, self._sent, self._mine = {}, {}, set()
        for name in self._owed:
            if name.startswith(f"draft/{uid}/"):
                self._owed[name] = None
        self._erasing.add(uid)
        self._pay_soon()
        await self.settle()

    async def _erase(self, uid: str) -> None:
        """Removes what the user had typed before the erasure, and nothing that this window has kept for them since."""
        try:
            kept = await self._device.values(f"draft/{uid}/")
        except StorageRefused:
            return
        self._erasing.discard(uid)
        mine = {*map(self._name, self._mine), *map(self._sent_name, self._sent)}
        for name in kept.keys() - mine:
            self._owed.setdefault(name, None)

    def _name(self, draft_id: str) -> str:
        return f"draft/{self._uid}/{draft_id}"

    def _sent_name(self, key: str) -> str:
        return f"draft/{self._uid}/sent/{key}"


def new_id() -> str:
    """A random name, for a draft or as an idempotency key."""
    return secrets.token_urlsafe(16)


def _take(into: dict[str, T], key: str, value: T | None) -> None:
    if value is not None:
        into[key] = value


def _read_draft(draft_id: str, text: str) -> Draft | None:
    draft = from_text(Draft, text)
    if draft is not None:
        return draft
    old = from_text(_Texts, text)
    if old is None:
        return None
    version, key = (old.version, "") if old.record_id else (None, old.version or new_id())
    return Draft(draft_id, old.sobject, old.record_id, old.seen, version, {}, old.entered, old.names, key)
