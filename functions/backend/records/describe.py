"""What Salesforce's describe says of an object to one user: kept beside the connection, looked at again when it grows
old.

Salesforce checks every request itself, so an old describe can show no value that the user may not see; it can only ask
for too much, and then it is looked at again at once, or for too little, for DESCRIBE_SECONDS at most; for a hidden
object that a call is about, HIDDEN_SECONDS at most.
"""

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from cachetools import LRUCache

from backend import deadline, telemetry
from backend.failures import OutcomeUnknown, ShapeRefused
from backend.records.layouts import LAYOUTS
from backend.records.org import Described, DescribedField, Org, Undescribed
from backend.values import Attachment, Clock, Uid
from contract.calls import CALL_SECONDS, FieldShape, Section
from contract.errors import OrgUnavailable, Reason, RefusedRequest

T = TypeVar("T")
LOOK_AGAIN_SECONDS = 300.0  # a describe that is older is looked at again behind the answer
DESCRIBE_SECONDS = 600.0  # and before it, when it is older than this
HIDDEN_SECONDS = 10.0  # or when it hides the object that a call is about: an administrator may just have allowed it
_SETTLE_SECONDS = 5.0  # a refusal does not bring a second look so soon after the last one
_NOTHING: "Known" = {}
_MAX_DECODED = 256  # different describes in memory; users with the same permissions share one
Shapes = Mapping[str, Described]
Known = Mapping[str, Described | None]  # None: an object that is hidden from the user


class KeptDescribes(Protocol):
    """Where describes are kept: as the attachment of a connection, with which they end."""

    async def attachment(self, uid: Uid) -> Attachment | None:
        """What was kept last, by any instance; None when there is nothing that can be opened. Raises ConnectionLost."""
        ...

    async def attach(self, uid: Uid, attachment: Attachment) -> None:
        """Keeps it for all instances. A connection that has ended meanwhile keeps nothing."""
        ...


class Describes:
    """One for each process.

    A user never gets another one's describe. `may_look` says whether an org has requests to spare.
    """

    def __init__(
        self, org: Org, kept: KeptDescribes, clock: Clock, may_look: Callable[[str], bool] = lambda _org_id: True
    ) -> None:
        self._org = org
        self._kept = kept
        self._clock = clock
        self._may_look = may_look
        self._decoded = LRUCache[bytes, Known](_MAX_DECODED)
        self._looking: dict[Uid, asyncio.Task[Known]] = {}

    async def read(
        self, uid: Uid, about: Iterable[str], work: Callable[[Shapes], Awaitable[T]], *, beside: Iterable[str] = ()
    ) -> T:
        """Runs a read with the objects that it is about, and those beside them that it can do without, as this user may
        see them; once more with a new describe when Salesforce refuses the old one.

        Objects that the user may not see are left out. Raises CallErrors.
        """
        about = tuple(about)
        wanted = (*about, *beside)
        try:
            return await work(_visible(await self._known(uid, about, wanted), wanted))
        except ShapeRefused:
            known = await self._look_anew(uid, wanted)
            if known is None:
                raise
        return await work(_visible(known, wanted))

    async def get(self, uid: Uid, sobject: str) -> Described:
        """One object as this user may see it. Raises CallErrors; RefusedRequest(not-permitted) when they may not."""
        return object_of(_visible(await self._known(uid, (sobject,), (sobject,)), (sobject,)), sobject)

    async def refused(self, uid: Uid, sobject: str) -> None:
        """Salesforce has refused what describe allows: looks at it again."""
        await self._look_anew(uid, (sobject,))

    # Parts

    async def _known(self, uid: Uid, about: tuple[str, ...], wanted: tuple[str, ...]) -> Known:
        kept = await self._kept.attachment(uid)
        known = self._open(kept)
        age = 0.0 if kept is None else self._age(kept)
        if age > DESCRIBE_SECONDS or not _covers(known, wanted):
            telemetry.count("cache.lookups", cache="describes", hit=False)
            return await self._look(uid, wanted)
        telemetry.count("cache.lookups", cache="describes", hit=True)
        if age > HIDDEN_SECONDS and any(known[name] is None for name in about) and self._may_look(uid.org_id):
            try:
                return await self._look(uid, wanted)
            except OrgUnavailable:
                return known
        if age > LOOK_AGAIN_SECONDS and uid not in self._looking and self._may_look(uid.org_id):
            self._begin(uid, wanted, anew=False)
        return known

    async def _look(self, uid: Uid, wanted: tuple[str, ...]) -> Known:
        """One look at a time for a user: whoever comes meanwhile waits for it, and goes on when it brought what they
        want.
        """
        while (task := self._looking.get(uid)) is not None:
            known = await _finished(task)
            if _covers(known, wanted):
                return known
        return await _finished(self._begin(uid, wanted, anew=False))

    async def _look_anew(self, uid: Uid, wanted: tuple[str, ...]) -> Known | None:
        """A look without regard to what is kept; None when Salesforce was asked just now."""
        task = self._looking.get(uid)
        if task is None:
            kept = await self._kept.attachment(uid)
            if kept is not None and self._age(kept) < _SETTLE_SECONDS:
                return None
            task = self._looking.get(uid) or self._begin(uid, wanted, anew=True)
        return await _finished(task)

    def _begin(self, uid: Uid, wanted: tuple[str, ...], *, anew: bool) -> asyncio.Task[Known]:
        task = self._looking[uid] = asyncio.create_task(self._ask(uid, wanted, anew=anew))
        task.add_done_callback(lambda done: self._ended(uid, done))
        return task

    def _ended(self, uid: Uid, done: asyncio.Task[Known]) -> None:
        self._looking.pop(uid, None)
        if not done.cancelled():
            done.exception()  # whoever waits raises it; behind an answer nobody does

    async def _ask(self, uid: Uid, wanted: tuple[str, ...], *, anew: bool) -> Known:
        """Asks Salesforce in one request for all that is kept and wanted, and keeps what it says."""
        with deadline.within(CALL_SECONDS):  # its own: others wait for it too
            asked_at = self._clock.now()
            known = self._open(await self._kept.attachment(uid))
            stamps = {
                name: None if anew or (shape := known.get(name)) is None else shape.modified
                for name in dict.fromkeys((*known, *wanted))
            }
            found: dict[str, Described | None] = {}
            for name, described in (await self._org.describe(uid, stamps)).items():
                if isinstance(described, Described):
                    # A page layout comes with the first describe only.
                    before = known.get(name) if stamps[name] is not None else None
                    if before is not None:
                        described = replace(described, sections=before.sections, captions=before.captions)
                    found[name] = _cut(described)
                else:
                    found[name] = known.get(name) if described is Undescribed.UNCHANGED else None
            await self._kept.attach(uid, Attachment(encode(found), asked_at))
            return found

    def _age(self, kept: Attachment) -> float:
        return (self._clock.now() - kept.at).total_seconds()

    def _open(self, kept: Attachment | None) -> Known:
        """What cannot be read counts as nothing."""
        if kept is None:
            return _NOTHING
        known = self._decoded.get(kept.text)
        if known is None:
            try:
                known = decode(kept.text)
            except (ValueError, KeyError, TypeError, zlib.error):
                known = _NOTHING
            self._decoded[kept.text] = known
        return known


async def _finished(task: asyncio.Task[Known]) -> Known:
    """What a look found that others wait for too.

    Raises CallErrors; OutcomeUnknown when the call's time is over first.
    """
    done, _ = await asyncio.wait({task}, timeout=deadline.left(CALL_SECONDS))
    if not done:
        raise OutcomeUnknown(writes=False, timed_out=True)
    return task.result()


def _covers(known: Known, wanted: Iterable[str]) -> bool:
    return all(name in known for name in wanted)


def _visible(known: Known, wanted: Iterable[str]) -> Shapes:
    return {name: shape for name in wanted if (shape := known.get(name)) is not None}


def object_of(shapes: Shapes, sobject: str) -> Described:
    """The object of that name. Raises RefusedRequest(not-permitted) when the user may not see it."""
    if sobject not in shapes:
        raise RefusedRequest(Reason.NOT_PERMITTED)
    return shapes[sobject]


def field_of(described: Described, name: str) -> DescribedField:
    """The field of that name. Raises RefusedRequest(unknown-field) when there is none that the user may see."""
    field = described.fields.get(name)
    if field is None:
        raise RefusedRequest(
            Reason.UNKNOWN_FIELD,
            f"{described.label} has no field {name[:80]!r} that you may see.",
            {"fields": [name[:80]]},
        )
    return field


# What is kept


def _used(sobject: str) -> tuple[str, ...]:
    """The fields that forms show."""
    layout = LAYOUTS.get(sobject)
    return () if layout is None else (*layout.detailed, *layout.filters)


def _cut(described: Described) -> Described:
    """Without what no form shows: picklists are the bulk of a describe."""
    used = _used(described.name)

    def cut(f: DescribedField) -> DescribedField:
        shape = replace(f.shape, picklist=(), labels={}, help=None, default=None)
        return f if f.shape.name in used or shape == f.shape else replace(f, shape=shape)

    sections = tuple(Section(s.heading, tuple(n for n in s.fields if n in used)) for s in described.sections)
    fields = {name: cut(f) for name, f in described.fields.items()}
    captions = {name: caption for name, caption in described.captions.items() if name in used}
    return replace(described, fields=fields, sections=tuple(s for s in sections if s.fields), captions=captions)


def encode(shapes: Known) -> bytes:
    """Describes as the text that is kept; the same for all users who may see the same."""
    kept = {
        name: None
        if d is None
        else [
            _cut_for(name),
            *(getattr(d, of) for of in _OBJECT),
            [[s.heading, s.fields] for s in d.sections],
            [[*(getattr(f.shape, of) for of in _FIELD), f.filterable, f.sortable, f.within] for f in d.fields.values()],
        ]
        for name, d in sorted(shapes.items())
    }
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 6)


def decode(text: bytes) -> Known:
    """The describes of a kept text, without those that were cut for another layout than today's.

    Raises ValueError, KeyError, TypeError or zlib.error for anything else.
    """
    kept = cast(dict[str, Any], json.loads(zlib.decompress(text)))
    return {
        name: None if row is None else _decoded(name, row[1:])
        for name, row in kept.items()
        if row is None or row[0] == _cut_for(name)
    }


def _cut_for(sobject: str) -> int:
    """Which fields a describe was kept whole for, as a number: with another layout it has to be asked for again."""
    return zlib.crc32(" ".join(_used(sobject)).encode())


_OBJECT = ("label", "label_plural", "modified", "creatable", "editable", "deletable", "key_prefix", "captions")
_FIELD = tuple(f.name for f in dataclass_fields(FieldShape))


def _decoded(name: str, row: list[Any]) -> Described:
    *of_object, sections, rows = row
    fields: dict[str, DescribedField] = {}
    for *of_field, filterable, sortable, within in rows:
        named = dict(zip(_FIELD, of_field, strict=True))
        named |= {"picklist": tuple(named["picklist"]), "refers_to": tuple(named["refers_to"])}
        fields[named["name"]] = DescribedField(FieldShape(**named), filterable, sortable, within)
    kept_sections = tuple(Section(heading, tuple(names)) for heading, names in sections)
    return Described(name, fields=fields, sections=kept_sections, **dict(zip(_OBJECT, of_object, strict=True)))
