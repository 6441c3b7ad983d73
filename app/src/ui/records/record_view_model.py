"""A record of any object: its fields in Salesforce's groups, an address as one, its related lists, and what one can do
with it.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote_plus

from contract.activities import TASKS, Timeline
from contract.calls import NAME, AddressShape, FieldShape, FieldValue, Record, RecordDetail, RelatedList, SobjectShape
from contract.conversion import Became
from contract.errors import NotFound, Reason
from data.repositories.calls import AnotherUser
from data.repositories.drafts import Drafts
from data.repositories.queue import Edit, Queue, is_temporary
from data.repositories.records import RecordsRepository, Visited
from data.repositories.sending import Sending
from ui.records import conversion_view_model as conversion
from ui.records.actions_view_model import Actions
from ui.records.files_view_model import Files
from ui.records.moves_view_model import Moves
from ui.records.owner_view_model import Ownership
from ui.shared import kinds, values
from ui.shared.notices import Notices
from ui.shared.refusals import Refusals
from ui.shared.state import Live, Screen


@dataclass(frozen=True, slots=True)
class Line:
    """A field on a record's page: its label over its text. `link` is an address that opens a web page, a phone, a mail
    program or a map; `parent` the id of the record to which a reference points."""

    label: str
    text: str
    link: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A titled group of lines."""

    heading: str
    lines: tuple[Line, ...]


class RecordViewModel(Screen):
    """`detail` is the record with its related lists, `shape` its object, `ownership` who owns it, `acting` the actions
    that the org has for it, `files` its files, `moves` the ways to its stages. `me` gives the Salesforce user id of
    whoever uses the app, `now` seconds since the epoch.
    """

    def __init__(
        self,
        records: RecordsRepository,
        drafts: Drafts,
        shape: SobjectShape,
        record_id: str,
        notices: Notices,
        me: Callable[[], str],
        now: Callable[[], float] = time.time,
        queue: Queue | None = None,
        sending: Sending | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        super().__init__()
        self._queue = queue
        self._records = records
        self._drafts = drafts
        self.shape = shape
        self.record_id = record_id
        self.detail = Live[RecordDetail](records.detail(shape, record_id), now)
        self.detail.listen(self.changed)
        self.ownership = Ownership(records, shape, self.detail, self.load, me, notices)
        self.ownership.listen(self.changed)
        self.acting = Actions(records, shape, record_id, self.detail, self.load, notices)
        self.acting.listen(self.changed)
        self.files = Files(records, shape.sobject, record_id, notices, now)
        self.moves = Moves(records, shape, notices, refusals or Refusals(), self._moved, sending)
        self.moves.listen(self.changed)

    async def load(self) -> None:
        if is_temporary(self.record_id):
            self.detail.problem = None if self.record is not None else NotFound(Reason.RECORD_NOT_FOUND)
            self.changed()
            return
        if not await self.detail.load():
            return
        if isinstance(self.detail.problem, NotFound):
            self.detail.value = None
            await self._records.forget(self.shape.sobject, self.record_id)
            self.changed()
        elif self.record is not None:
            codes = (f.currency_field for f in self.shape.fields)
            telling = {*self.shape.listed, *values.naming(self.shape), *codes}
            fields = {name: value for name, value in self.record.fields.items() if name in telling}
            await self._records.visit(Visited(self.shape.sobject, self.record_id, fields))
            if self.moves.are_possible:
                with suppress(AnotherUser):
                    await self.moves.learn(self.record)

    async def _moved(self, record: Record) -> None:
        """Shows the record as it is in another stage; one that the person may see no more is read again."""
        if record.version is None:
            await self.load()
            return
        before = RecordDetail(record) if self.detail.value is None else self.detail.value
        self.detail.value = replace(before, record=record)
        self.detail.changed()

    @property
    def record(self) -> Record | None:
        """The record, with what waits to be sent; None while it is not loaded, or when it is gone."""
        if is_temporary(self.record_id) and self._queue is not None:
            making = self._queue.making(self.record_id)
            return None if making is None else self._queue.record(self.shape, making)
        record = None if self.detail.value is None else self.detail.value.record
        return record if record is None or self._queue is None else self._queue.over(self.shape, record)

    @property
    def waiting(self) -> tuple[Edit, ...]:
        """What waits for this record to be sent."""
        return () if self._queue is None else self._queue.of(self.record_id)

    def note_saved(self, record: Record) -> None:
        """Shows the record as it was saved elsewhere in the app."""
        if self.detail.value is not None:
            self.detail.value = replace(self.detail.value, record=record)
            self.changed()

    @property
    def title(self) -> str:
        """What the record is called; "" while it is not loaded."""
        return "" if self.record is None else values.title(self.shape, self.record)

    @property
    def can_edit(self) -> bool:
        """Whether the person may change any field of it."""
        return self.shape.editable and any(f.editable for f in self.shape.fields) and not self.is_converted

    @property
    def is_converted(self) -> bool:
        """Whether it was converted into other records."""
        return self.record is not None and conversion.is_converted(self.shape, self.record)

    @property
    def can_convert(self) -> bool:
        """Whether the person may convert it into other records."""
        return self.record is not None and conversion.can_convert(self.shape, self.record)

    @property
    def became(self) -> list[Became]:
        """The records into which it was converted."""
        return [] if self.record is None else conversion.became(self.shape, self.record)

    @property
    def has_draft(self) -> bool:
        """Whether there is a draft of a change to this record."""
        return self._drafts.get(self.shape.sobject, self.record_id) is not None

    def drop_draft(self) -> None:
        """Removes the draft of a change to this record."""
        self._drafts.drop(self.shape.sobject, self.record_id)
        self.changed()

    @property
    def related_lists(self) -> tuple[RelatedList, ...]:
        """The related lists that the record has; without that of tasks where there is a timeline, which has them."""
        lists = () if self.record is None else kinds.shape_for(self.shape, self.record.fields).related
        return tuple(r for r in lists if self.timeline is None or r.sobject != TASKS)

    @property
    def timeline(self) -> Timeline | None:
        """The activities of the record; None where it has none, or they are not loaded."""
        return None if self.detail.value is None else self.detail.value.timeline

    @property
    def tasks(self) -> RelatedList | None:
        """The related list of tasks, in whose place the timeline stands."""
        return next((r for r in self.shape.related if r.sobject == TASKS), None)

    def related(self, name: str) -> tuple[Record, ...]:
        """The records of a related list, by its name, after those that are to be made."""
        made = () if self.detail.value is None else self.detail.value.related.get(name, ())
        return (*self._to_make(name), *made)

    def _to_make(self, name: str) -> list[Record]:
        related = next((r for r in self.shape.related if r.name == name), None)
        if self._queue is None or related is None or related.field is None:
            return []
        edits = self._queue.to_make(related.sobject)
        mine = [e for e in edits if self._queue.real(str(e.fields.get(related.field))) == self.record_id]
        return [Record(e.record_id, {**e.fields, **_named(e)}) for e in mine]

    @property
    def groups(self) -> list[Group]:
        """The fields that are filled in, in the sections of Salesforce's page layout; an address is one line."""
        record, fields = self.record, values.fields_of(self.shape)
        if record is None:
            return []
        sections = kinds.shape_for(self.shape, record.fields).sections
        in_address = {name: address for address in self.shape.addresses for name in _fields_of(address)}
        groups: list[Group] = []
        for section in sections:
            lines: list[Line] = []
            addresses = list[AddressShape]()
            for name in section.fields:
                address = in_address.get(name)
                if address is not None:
                    if address not in addresses:
                        addresses.append(address)
                        lines += _address_line(address, record, fields)
                elif name in fields and name != self.shape.title:
                    lines += self._line(fields[name], record)
            if lines:
                groups.append(Group(section.heading, tuple(lines)))
        return groups

    @property
    def lines(self) -> list[Line]:
        """All that can be copied: the name first, then the lines of each group."""
        field = values.fields_of(self.shape).get(self.shape.title)
        name = [Line(values.label_of(field) if field is not None else self.shape.label, self.title)]
        return [*name, *(line for group in self.groups for line in group.lines)]

    @property
    def actions(self) -> list[Line]:
        """The lines by which one can call, write or visit a web page."""
        kinds = ("phone", "email", "url")
        return [
            line
            for f in self.shape.fields
            if f.type in kinds and self.record is not None
            for line in self._line(f, self.record)
            if line.link
        ]

    def _line(self, field: FieldShape, record: Record) -> list[Line]:
        given = record.fields.get(field.name)
        if field.type == "reference":
            name = values.parent_of(field, record.fields)
            if not name or not given:
                return []
            return [Line(values.label_of(field), name, parent=str(given))]
        text = values.value(field, given, record.fields)
        if not text or (field.type == "boolean" and not given):
            return []
        return [Line(field.label, text, link=_link(field.type, text))]


def _named(edit: Edit) -> dict[str, FieldValue]:
    """The name of a record that is to be made, where its fields do not say it."""
    return {} if NAME in edit.fields else {NAME: edit.title}


def lines_below(related: RelatedList, shape: SobjectShape, record: Record) -> list[str]:
    """The texts of a child's line in a related list, beside its title: without the name of the record to which all of
    them belong. `shape` is the children's object."""
    reference = values.fields_of(shape).get(related.field or "")
    return values.summary(shape, record, leave_out=() if reference is None else (reference.parent_name,))


def _fields_of(address: AddressShape) -> list[str]:
    parts = (
        address.street, address.postal_code, address.city, address.state, address.country, address.state_code,
        address.country_code,
    )  # fmt: skip
    return [name for name in parts if name]


def _chosen(code: str, text: str, record: Record, fields: Mapping[str, FieldShape]) -> str:
    """The state or country of an address: what its code is called, or the text where it has none."""
    field, given = fields.get(code), record.fields.get(code)
    if field is None or not given:
        return str(record.fields.get(text) or "")
    return kinds.label_of(field, str(given), record.fields.get(field.controller))


def _address_line(address: AddressShape, record: Record, fields: Mapping[str, FieldShape]) -> list[Line]:
    street, postal_code, city = (
        str(record.fields.get(name) or "") for name in (address.street, address.postal_code, address.city)
    )
    state = _chosen(address.state_code, address.state, record, fields)
    country = _chosen(address.country_code, address.country, record, fields)
    rows = [text for text in (street, f"{postal_code} {city}".strip(), state, country) if text]
    if not rows:
        return []
    # Source: Google Maps URLs, "Search"; every phone and browser opens it in its map.
    return [
        Line(
            address.label,
            "\n".join(rows),
            link=f"https://www.google.com/maps/search/?api=1&query={quote_plus(', '.join(rows))}",
        )
    ]


def _link(kind: str, text: str) -> str:
    """What opens a value outside the app; only schemes that are safe to open."""
    if kind == "phone":
        return values.phone_link(text)
    if kind == "email":
        return f"mailto:{text}"
    if kind == "url":
        if text.lower().startswith(("https://", "http://")):
            return text
        return "" if ":" in text.split("/")[0] else f"https://{text}"
    return ""
