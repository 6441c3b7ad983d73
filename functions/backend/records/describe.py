"""What Salesforce's describe says of an object to one user: kept as the connection's attachment, asked for again when
it is old.

Salesforce checks every request itself, so an old describe can show no value that the user may not see; it can only ask
for too much, and then it is looked at again at once, or for too little, for DESCRIBE_SECONDS at most; for a hidden
object that a call is about, HIDDEN_SECONDS at most.
"""

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace as replaced
from typing import Any, Protocol, TypeVar, cast

from cachetools import LRUCache
from msgspec.structs import replace

from backend import deadline, telemetry
from backend.failures import Busy, OutcomeUnknown, ShapeRefused
from backend.records.action_offers import Offers
from backend.records.layouts import LAYOUTS
from backend.records.list_views import not_available, understood
from backend.records.org import CURRENCY, Described, DescribedField, Org, People, Undescribed, ViewQuery
from backend.values import Attachment, Clock, Uid
from contract.calls import CALL_SECONDS, FieldShape, Section, Sort
from contract.errors import NotFound, OrgUnavailable, Reason, RefusedRequest
from contract.picklists import Picklist, RecordType

T = TypeVar("T")
K = TypeVar("K")
LOOK_AGAIN_SECONDS = 300.0  # a describe that is older is looked at again behind the answer
DESCRIBE_SECONDS = 600.0  # and before it, when it is older than this
HIDDEN_SECONDS = 10.0  # or when it hides the object that a call is about: an administrator may just have allowed it
_SETTLE_SECONDS = 5.0  # a refusal does not bring a second look so soon after the last one
_NOTHING: "Answers" = {}
_MAX_TYPES = 20  # record types of an object whose picklists are kept
_MAX_VALUES = 20_000  # and values in them, counted with each controlling one; the last type's are kept in any case
_MAX_VIEWS = 20  # list views of an object whose queries are kept
# Fields of different describes in memory, with eight values of a picklist for one: some 100 MB. Users with the same
# permissions share a describe until they open a list view or a picklist of their own.
_MAX_DECODED = 150_000
Shapes = Mapping[str, Described]
Answers = Mapping[str, Described | None]  # what Salesforce said of each object; None: it is hidden from the user


class KeptDescribes(Protocol):
    """Where describes are kept: as the attachment of a connection, with which they end."""

    async def attachment(self, uid: Uid) -> Attachment | None:
        """What any instance attached last; None when nothing was, or nobody can unseal it. Raises ConnectionLost."""
        ...

    async def attach(self, uid: Uid, attachment: Attachment) -> None:
        """Keeps an attachment for all instances, in place of the one before. A connection that has ended keeps none."""
        ...


class Describes:
    """The describes of all users; no user gets those of another. One for each process.

    `may_look` says whether the org with an id has requests to spare; without them no describe is renewed in the
    background.
    """

    def __init__(
        self,
        org: Org,
        kept: KeptDescribes,
        clock: Clock,
        may_look: Callable[[str], bool] = lambda _org_id: True,
        warn: Callable[[str], object] = lambda _said: None,
    ) -> None:
        self._org = org
        self._kept = kept
        self._clock = clock
        self._may_look = may_look
        self._offers = Offers(org, warn)
        self._decoded = LRUCache[bytes, Answers](_MAX_DECODED, getsizeof=_weight)
        self._looking: dict[Uid, asyncio.Task[Answers]] = {}
        self._picking: dict[tuple[Uid, str, str], asyncio.Task[Answers]] = {}

    async def read(
        self, uid: Uid, about: Iterable[str], work: Callable[[Shapes], Awaitable[T]], *, beside: Iterable[str] = ()
    ) -> T:
        """Runs `work`, a read, with the describes of the objects in `about` and `beside`, and returns what it returns;
        runs it once more with new describes when Salesforce refuses what the old ones allow.

        Objects that the user may not see are left out. `beside` are those that the read can do without: when they are
        hidden, Salesforce is not asked again for them. Raises CallErrors.
        """
        about = tuple(about)
        wanted = (*about, *beside)
        try:
            return await work(_visible(await self._answers(uid, about, wanted), wanted))
        except ShapeRefused:
            answers = await self._look_anew(uid, wanted)
            if answers is None:
                raise
        return await work(_visible(answers, wanted))

    async def get(self, uid: Uid, sobject: str) -> Described:
        """One object as this user may see it. Raises CallErrors; RefusedRequest(not-permitted) when they may not."""
        return object_of(_visible(await self._answers(uid, (sobject,), (sobject,)), (sobject,)), sobject)

    async def picklists(self, uid: Uid, sobject: str, record_type: str) -> Mapping[str, Picklist]:
        """What the picklists that forms show hold for a record type (its id); kept with the describes, until the next
        look at them. Raises CallErrors; NotFound as `Org.picklists` does.
        """
        kept = (await self.get(uid, sobject)).picklists.get(record_type)
        if kept is not None:
            return kept
        asked = (uid, sobject, record_type)
        # Apart from the looks at describes, so that nobody who only needs one waits for them or has their refusal.
        task = self._picking.get(asked) or _started(self._picking, asked, self._ask_picklists(*asked))
        return object_of(_visible(await _finished(task), (sobject,)), sobject).picklists[record_type]

    async def list_view(self, uid: Uid, sobject: str, view_id: str) -> ViewQuery:
        """What a list view shows, by its id; kept with the describes, until the next look at them. Raises CallErrors;
        RefusedRequest(list-view-not-available) for one that is gone, hidden, or not understood.
        """
        kept = (await self.get(uid, sobject)).views.get(view_id[:15])
        if kept is not None:
            return kept
        asked = (uid, sobject, view_id[:15])
        task = self._picking.get(asked) or _started(self._picking, asked, self._ask_list_view(*asked))
        return object_of(_visible(await _finished(task), (sobject,)), sobject).views[view_id[:15]]

    async def refused(self, uid: Uid, sobject: str) -> None:
        """Asks Salesforce for an object anew, after it has refused what the describe allows."""
        await self._look_anew(uid, (sobject,))

    # Parts

    async def _answers(self, uid: Uid, about: tuple[str, ...], wanted: tuple[str, ...]) -> Answers:
        kept = await self._kept.attachment(uid)
        answers = self._open(kept)
        age = 0.0 if kept is None else self._age(kept)
        if age > DESCRIBE_SECONDS or not _covers(answers, wanted):
            telemetry.count("cache.lookups", cache="describes", hit=False)
            return await self._look(uid, wanted)
        telemetry.count("cache.lookups", cache="describes", hit=True)
        if age > HIDDEN_SECONDS and any(answers[name] is None for name in about) and self._may_look(uid.org_id):
            try:
                return await self._look(uid, wanted)
            except OrgUnavailable:
                return answers
        if age > LOOK_AGAIN_SECONDS and uid not in self._looking and self._may_look(uid.org_id):
            self._begin(uid, wanted, anew=False)
        return answers

    async def _look(self, uid: Uid, wanted: tuple[str, ...]) -> Answers:
        """One look at a time for a user: whoever comes meanwhile waits for it, and goes on when it brought what they
        want.
        """
        while (task := self._looking.get(uid)) is not None:
            answers = await _finished(task)
            if _covers(answers, wanted):
                return answers
        return await _finished(self._begin(uid, wanted, anew=False))

    async def _look_anew(self, uid: Uid, wanted: tuple[str, ...]) -> Answers | None:
        """Asks Salesforce without regard to what is kept; None when it was asked within the last _SETTLE_SECONDS."""
        task = self._looking.get(uid)
        if task is None:
            kept = await self._kept.attachment(uid)
            if kept is not None and self._age(kept) < _SETTLE_SECONDS:
                return None
            task = self._looking.get(uid) or self._begin(uid, wanted, anew=True)
        return await _finished(task)

    def _begin(self, uid: Uid, wanted: tuple[str, ...], *, anew: bool) -> asyncio.Task[Answers]:
        return _started(self._looking, uid, self._ask(uid, wanted, anew=anew))

    async def _ask(self, uid: Uid, wanted: tuple[str, ...], *, anew: bool) -> Answers:
        """Asks Salesforce in one request for all that is kept and wanted, and keeps what it says."""
        with deadline.within(CALL_SECONDS):  # its own: others wait for it too
            asked_at = self._clock.now()
            answers = self._open(await self._kept.attachment(uid))
            stamps = {
                name: None if anew or (shape := answers.get(name)) is None else shape.modified
                for name in dict.fromkeys((*answers, *wanted))
            }
            due = self._offers.due(answers, stamps, asked_at, anew=anew) if self._may_look(uid.org_id) else ()
            new: dict[str, Described | None] = {}
            language = next((d.language for d in answers.values() if d is not None and d.language), "")
            told, offered = await asyncio.gather(self._org.describe(uid, stamps, language), self._offers.ask(uid, due))
            for name, described in told.items():
                if isinstance(described, Described):
                    # A page layout comes with the first describe only, and with the first in another language.
                    before = answers.get(name) if stamps[name] is not None else None
                    if before is not None and before.language == described.language:
                        described = replace(
                            described, sections=before.sections, captions=before.captions, stages=before.stages
                        )
                    new[name] = _cut(described)
                else:
                    # Nothing tells whether the picklists of its record types, or its list views, have changed.
                    same = answers.get(name) if described is Undescribed.UNCHANGED else None
                    new[name] = None if same is None else replace(same, picklists={}, views={})
            new = self._offers.kept(new, answers, offered, asked_at)
            await self._kept.attach(uid, Attachment(encode(new), asked_at))
            return new

    async def _ask_picklists(self, uid: Uid, sobject: str, record_type: str) -> Answers:
        """Asks Salesforce for the picklists of a record type, and keeps those of fields that forms show."""
        with deadline.within(CALL_SECONDS):
            asked = await self._org.picklists(uid, sobject, record_type)
            kept = await self._kept.attachment(uid)
            answers = self._open(kept)
            described = answers.get(sobject)
            if kept is None or described is None:
                raise Busy
            used = _used(sobject)
            told = {name: picklist for name, picklist in asked.items() if name in used}
            known = {**_newest(described.picklists, _MAX_VALUES - _size(told)), record_type: told}
            new = {**answers, sobject: replace(described, picklists=known)}
            await self._kept.attach(uid, Attachment(encode(new), kept.at))
            return new

    async def _ask_list_view(self, uid: Uid, sobject: str, view_id: str) -> Answers:
        """Asks Salesforce for a list view, and keeps what it shows."""
        with deadline.within(CALL_SECONDS):
            try:
                view = understood(sobject, await self._org.list_view(uid, sobject, view_id))
            except NotFound:
                raise not_available() from None
            kept = await self._kept.attachment(uid)
            answers = self._open(kept)
            described = answers.get(sobject)
            if kept is None or described is None:
                raise Busy
            views = dict([*described.views.items()][1 - _MAX_VIEWS :]) | {view_id: view}
            new = {**answers, sobject: replace(described, views=views)}
            await self._kept.attach(uid, Attachment(encode(new), kept.at))
            return new

    def _age(self, kept: Attachment) -> float:
        return (self._clock.now() - kept.at).total_seconds()

    def _open(self, kept: Attachment | None) -> Answers:
        """What is kept, decoded; nothing for a text that cannot be read."""
        if kept is None:
            return _NOTHING
        answers = self._decoded.get(kept.text)
        if answers is None:
            try:
                answers = decode(kept.text)
            except (ValueError, KeyError, TypeError, AttributeError, zlib.error):
                answers = _NOTHING
            self._decoded[kept.text] = answers
        return answers


def _started(
    under_way: dict[K, asyncio.Task[Answers]], key: K, asking: Coroutine[Any, Any, Answers]
) -> asyncio.Task[Answers]:
    """A look that others may wait for too, among those under way until it is over."""

    def ended(done: asyncio.Task[Answers]) -> None:
        under_way.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever waits raises it; behind an answer nobody does

    task = under_way[key] = asyncio.create_task(asking)
    task.add_done_callback(ended)
    return task


async def _finished(task: asyncio.Task[Answers]) -> Answers:
    """What a look brings that others may wait for too.

    Raises CallErrors; OutcomeUnknown when the call's time is over first.
    """
    done, _ = await asyncio.wait({task}, timeout=deadline.left(CALL_SECONDS))
    if not done:
        raise OutcomeUnknown(writes=False, timed_out=True)
    return task.result()


def _covers(answers: Answers, wanted: Iterable[str]) -> bool:
    return all(name in answers for name in wanted)


def _visible(answers: Answers, wanted: Iterable[str]) -> Shapes:
    return {name: shape for name in wanted if (shape := answers.get(name)) is not None}


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
    return () if layout is None else (*layout.detailed, *layout.filters, CURRENCY)


def _newest(types: Mapping[str, Mapping[str, Picklist]], values: int) -> dict[str, Mapping[str, Picklist]]:
    """The picklists of the types that came last, of so many values at most."""
    kept: list[tuple[str, Mapping[str, Picklist]]] = []
    for record_type, picklists in list(types.items())[:-_MAX_TYPES:-1]:
        values -= _size(picklists)
        if values < 0:
            break
        kept.append((record_type, picklists))
    return dict(reversed(kept))


def _weight(answers: Answers) -> int:
    """How much memory describes take, in fields; no more than there is room for."""
    fields = [f.shape for d in answers.values() if d is not None for f in d.fields.values()]
    of_types = [of_type for d in answers.values() if d is not None for of_type in d.picklists.values()]
    values = sum(len(shape.picklist) for shape in fields) + sum(map(_size, of_types))
    return min(1 + len(fields) + values // 8, _MAX_DECODED)


def _size(picklists: Mapping[str, Picklist]) -> int:
    return sum(len(p.values) + sum(map(len, p.valid_for.values())) for p in picklists.values())


def _cut(described: Described) -> Described:
    """The describe without picklists, help texts and defaults of fields that no form shows: they are the bulk of it."""
    used = _used(described.name)

    def cut(f: DescribedField) -> DescribedField:
        shape = replaced(
            f.shape, picklist=(), labels={}, help=None, default=None, controller="", valid_for={}, labels_with={}
        )
        return f if f.shape.name in used or shape == f.shape else replace(f, shape=shape)

    def cut_sections(sections: Iterable[Section]) -> tuple[Section, ...]:
        cut = (Section(s.heading, tuple(n for n in s.fields if n in used)) for s in sections)
        return tuple(s for s in cut if s.fields)

    people = described.people
    fields = {name: cut(f) for name, f in described.fields.items()}
    captions = {name: caption for name, caption in described.captions.items() if name in used}
    return replace(
        described,
        fields=fields,
        sections=cut_sections(described.sections),
        captions=captions,
        people=None if people is None else replace(people, sections=cut_sections(people.sections)),
    )


def encode(shapes: Answers) -> bytes:
    """Describes as bytes to keep: JSON compressed by zlib, the same for all users who may see the same."""
    kept = {
        name: None
        if d is None
        else [
            _cut_for(name),
            *(getattr(d, of) for of in _OBJECT),
            d.actions,
            [[t.id, t.name, t.default] for t in d.record_types],
            [[of_type, [[n, *_plain(p)] for n, p in fields.items()]] for of_type, fields in d.picklists.items()],
            [[view_id, v.scope, v.condition, _sort_list(v.sort)] for view_id, v in d.views.items()],
            None if d.people is None else [d.people.record_types, _lists(d.people.sections)],
            _lists(d.sections),
            [
                [*(getattr(f.shape, of) for of in _FIELD), f.filterable, f.sortable, f.within, f.encrypted]
                for f in d.fields.values()
            ],
        ]
        for name, d in sorted(shapes.items())
    }
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 6)


def decode(text: bytes) -> Answers:
    """The describes in bytes that `encode` made. Objects whose layout has changed since are left out, because other
    fields of them were kept.

    Raises ValueError, KeyError, TypeError or zlib.error for bytes that `encode` did not make.
    """
    kept = cast(dict[str, Any], json.loads(zlib.decompress(text)))
    return {
        name: None if row is None else _decoded(name, row[1:])
        for name, row in kept.items()
        if row is None or row[0] == _cut_for(name)
    }


def _cut_for(sobject: str) -> int:
    """For which fields and actions a describe was kept, as a number: with another layout it has to be asked for
    again."""
    declared = () if sobject not in LAYOUTS else (f"{name} {a.runs}" for name, a in LAYOUTS[sobject].actions.items())
    board = "" if sobject not in LAYOUTS or LAYOUTS[sobject].board is None else repr(LAYOUTS[sobject].board)
    return zlib.crc32(" ".join((*_used(sobject), *declared, board)).encode())


_OBJECT = (
    "label",
    "label_plural",
    "modified",
    "creatable",
    "editable",
    "deletable",
    "key_prefix",
    "language",
    "captions",
    "actions_hour",
    "stages",
)
_FIELD = tuple(f.name for f in dataclass_fields(FieldShape))


def _decoded(name: str, row: list[Any]) -> Described:
    *of_object, actions, types, picklists, views, people, sections, rows = row
    fields: dict[str, DescribedField] = {}
    for *of_field, filterable, sortable, within, encrypted in rows:
        named = dict(zip(_FIELD, of_field, strict=True))
        named |= {"picklist": tuple(named["picklist"]), "refers_to": tuple(named["refers_to"])}
        named["valid_for"] = _tuples(named["valid_for"])
        fields[named["name"]] = DescribedField(FieldShape(**named), filterable, sortable, within, encrypted)
    return Described(
        name,
        fields=fields,
        sections=_kept_sections(sections),
        people=None if people is None else People(tuple(people[0]), _kept_sections(people[1])),
        actions=tuple(actions),
        record_types=tuple(RecordType(*of_type) for of_type in types),
        picklists={of_type: {n: _picklist(*of_field) for n, *of_field in fields} for of_type, fields in picklists},
        views={view_id: ViewQuery(scope, where, sort and Sort(*sort)) for view_id, scope, where, sort in views},
        **dict(zip(_OBJECT, of_object, strict=True)),
    )


def _sort_list(sort: Sort | None) -> list[object] | None:
    return None if sort is None else [sort.field, sort.descending]


def _lists(sections: Iterable[Section]) -> list[list[object]]:
    return [[s.heading, s.fields] for s in sections]


def _kept_sections(lists: Iterable[tuple[str, list[str]]]) -> tuple[Section, ...]:
    return tuple(Section(heading, tuple(names)) for heading, names in lists)


def _plain(picklist: Picklist) -> list[object]:
    return [picklist.values, picklist.labels, picklist.default, picklist.valid_for, picklist.labels_with]


def _picklist(
    values: list[str], labels: dict[str, str], default: str | None, valid_for: Any, labels_with: Any
) -> Picklist:
    return Picklist(tuple(values), labels, default, _tuples(valid_for), labels_with)


def _tuples(lists: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in lists.items()}
