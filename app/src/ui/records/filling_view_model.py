"""A form while it is filled in: made from describe, with the draft, the record type and what was typed."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from contract.calls import FieldShape, FieldValue, Section, SobjectShape
from contract.errors import CallError, NotFound, Reason
from contract.picklists import RecordType
from data.repositories.calls import AnotherUser
from data.repositories.drafts import Draft, Drafts, new_id
from data.repositories.queue import Queue, is_temporary
from data.repositories.records import RecordsRepository
from ui.places import Given
from ui.records.amounts import has_another_sign
from ui.records.offers import PICKLISTS, Offers, value_in, with_value
from ui.shared import kinds, values
from ui.shared.state import Live, Questions, Screen
from ui.shared.words import _

# Salesforce sets these itself, or they stand in the form in other fields.
_NOT_IN_FORM = frozenset({"id", "address", "location", "base64", "complexvalue"})


class FillingViewModel(Screen):
    """`record_id` is "" for a new record, which begins with `given`. `errors` are texts by field, `hints` what was
    removed from a field, and why. `saving` is whether nothing may be typed, because it is being saved."""

    def __init__(
        self,
        records: RecordsRepository,
        drafts: Drafts,
        shape: SobjectShape,
        record_id: str,
        given: tuple[Given, ...],
        shape_of_id: Callable[[str], SobjectShape | None],
        queue: Queue,
    ) -> None:
        super().__init__()
        self._records = records
        self._queue = queue
        self._drafts = drafts
        self._given = given
        self._shape_of_id = shape_of_id
        self._detail = None if not record_id or is_temporary(record_id) else Live(records.detail(shape, record_id))
        self.shape = shape
        self.record_id = record_id
        self.draft: Draft | None = None
        self.errors: dict[str, str] = {}
        self.problem: CallError | None = None
        self.saving = False
        self.asks_to_leave = False
        self._texts: dict[str, str] = {}  # fields as they were typed here, letter by letter
        self._late: dict[str, str] = {}  # what was typed at the last moment, when the save had begun already
        self._offers = Offers(records, shape)
        self.hints: dict[str, str] = {}
        self._taken: dict[str, FieldValue] = {}  # what a record type does not have, in case that another one has it
        self._visits = Questions()
        self.choosing = 0  # choices of a record type that are under way

    # Beginning

    async def load(self) -> None:
        """Goes on with the draft of the record; without one, begins with the record as it is in Salesforce."""
        if self.draft is not None and not self._drafts.wants_another(self.draft):
            return
        if self._detail is not None and self._detail.loading:
            return  # the visit before loads it still
        visit = self._visits.new()
        self._reset()
        draft, late = await self._drafts.take_up(self.shape.sobject, self.record_id), False
        if draft is not None and self._queue.has(draft.key, {**draft.seen, **draft.typed}):
            self._drafts.throw_away(draft)  # the window in which it was saved ended before it went
            draft = None
        self._follow_record()
        if draft is not None and draft.record_id != self.record_id:
            draft = replace(draft, record_id=self.record_id)
        if draft is not None:
            late = await self._offers.take(self._offers.type_of(draft, self._given))
            if not self._visits.is_last(visit):
                return
            self._go_on_with(self._understood(draft))
        elif is_temporary(self.record_id):
            await self._begin_before_it_is_made(visit)
        elif self._detail is None:
            late = await self._offers.take(self._offers.first_type(self._given))
            if not self._visits.is_last(visit):
                return
            self.draft = self._new()
            self.changed()
            await self._ask_for_names()
        else:
            await self._detail.load()
            record, self.problem = (
                (None if self._detail.value is None else self._detail.value.record),
                self._detail.problem,
            )
            if record is not None:
                self.problem, record = None, self._queue.over(self.shape, record)
                late = await self._offers.take(str(record.fields.get(self.shape.record_type) or ""))
                if not self._visits.is_last(visit):
                    return
                self.draft = Draft(new_id(), self.shape.sobject, self.record_id, record.fields, record.version)
        self.changed()
        if late:
            await self._take_up_newer(begins=draft is None)

    def _follow_record(self) -> None:
        """Goes on with the id of Salesforce's, once a record that was made without a network has one."""
        real = self._queue.real(self.record_id)
        if real != self.record_id:
            self.record_id, self._detail = real, Live(self._records.detail(self.shape, real))

    async def _begin_before_it_is_made(self, visit: int) -> None:
        """Begins with a record that is to be made and is not in Salesforce yet."""
        making = self._queue.making(self.record_id)
        if making is None:
            self.problem = NotFound(Reason.RECORD_NOT_FOUND)
            return
        record = self._queue.record(self.shape, making)
        await self._offers.take(str(record.fields.get(self.shape.record_type) or ""))
        if self._visits.is_last(visit):
            self.draft = Draft(new_id(), self.shape.sobject, self.record_id, record.fields)

    def _go_on_with(self, draft: Draft) -> None:
        """Shows a draft of another visit; of a new record without what is not offered any more."""
        self.draft = draft
        if self.record_id:
            return
        kept = value_in(draft, self.shape.record_type)
        if kept and kept != self.record_type:
            self.hints[self.shape.record_type] = _("The record type chosen before is not available any more.")
        self._take_over(*self._offers.fit(draft, self.fields))

    async def _take_up_newer(self, *, begins: bool) -> None:
        """Waits for what the picklists hold now, and goes on with that; `begins` is whether the type's defaults are
        filled in too."""
        record_type, renewing = self.record_type, self._offers.renew()
        self.changed()
        await asyncio.wait({renewing})
        if self.draft is not None and self.record_type == record_type and not (self.record_id or self.saving):
            if begins:
                self._begin_as_chosen()
            else:
                self._take_over(*self._offers.fit(self.draft, self.fields))
        self.changed()

    def _new(self) -> Draft:
        defaults = {f.name: f.default for f in self.fields}
        references = {f.name for f in self.fields if f.type == "reference"}
        given = {g.field: g.value for g in self._given if g.field in references and g.value.isalnum()}
        names = {g.field: g.name for g in self._given if g.field in given and g.name}
        if self.record_type:
            given[self.shape.record_type] = self.record_type
        draft = Draft(new_id(), self.shape.sobject, seen={**defaults, **given}, names=names, key=new_id())
        return self._offers.begun(draft, self.fields)[0]

    async def _ask_for_names(self) -> None:
        """Fetches the names of the records that an address gives by their ids."""
        for given in self._given:
            shape = self._shape_of_id(given.value)
            if shape is None or given.name:
                continue
            with suppress(CallError, AnotherUser):
                record = (await self._records.detail(shape, given.value).get()).record
                if self.draft is not None and self.draft.seen.get(given.field) == given.value:
                    self.draft = replace(
                        self.draft, names={**self.draft.names, given.field: values.title(shape, record)}
                    )

    def _understood(self, draft: Draft) -> Draft:
        """A draft of version 0.2 as one of now: texts that mean the same in every language become values, the others
        stay as they are."""
        for field in self.fields:
            text = draft.raw.get(field.name)
            if text is not None and (field.type not in values.BY_LANGUAGE or self._is_as_seen(draft, field, text)):
                draft = self._with(draft, field, text)
        return draft

    def _reset(self) -> None:
        self.draft, self.asks_to_leave, self.errors, self.problem = None, False, {}, None
        self._texts, self._late, self.hints, self._taken = {}, {}, {}, {}

    # The record type

    @property
    def record_types(self) -> tuple[RecordType, ...]:
        """The record types of which the person chooses one for a new record; empty when there is nothing to choose."""
        return () if self.record_id else self._offers.types

    @property
    def record_type(self) -> str:
        """The id of the record's type; "" when it has none, or none is chosen yet."""
        return self._offers.record_type

    async def choose_type(self, record_type: str) -> None:
        """Goes on with another record type (its id), its picklists and its defaults. What was entered stays where the
        type has it."""
        if self.draft is None or self.saving or not record_type:
            return
        self.errors.pop(self.shape.record_type, None)
        self.choosing += 1
        self.changed()
        try:
            late = await self._offers.take(record_type)
            if self.record_type == record_type:  # nobody has chosen another one meanwhile
                self._begin_as_chosen()
        finally:
            self.choosing -= 1
            self.changed()
        if late:
            await self._take_up_newer(begins=True)

    async def renew_picklists(self) -> None:
        """Fetches once more what the picklists of the record's type hold."""
        await self._take_up_newer(begins=True)

    @property
    def lacks_picklists(self) -> bool | None:
        """Whether what the picklists of the record's type hold could not be had, so that each shows all of its field;
        None while it is still on its way."""
        return self._offers.lacking

    def _begin_as_chosen(self) -> None:
        if self.draft is None:
            return
        draft = self.draft
        for name, value in self._taken.items():
            draft = with_value(draft, name, value)
        self.hints = {n: why for n, why in self.hints.items() if n not in (*self._taken, self.shape.record_type)}
        begun, said = self._offers.begun(draft, self.fields)
        self._taken = {name: value_in(draft, name) for name in said}
        self._take_over(begun, said)
        self.changed()

    def _take_over(self, draft: Draft, said: Mapping[str, str]) -> None:
        """Goes on with a draft from which something may have been removed, as `said` says by field."""
        self.hints |= said
        if draft == self.draft:
            return  # what is only looked at is not kept anew
        self._texts = {f.name: self._texts[f.name] for f in self.fields
                       if f.name in self._texts and f.type not in PICKLISTS}  # fmt: skip
        was_dirty, self.draft = self.dirty, draft
        if self.dirty:
            self.draft = self._drafts.put(draft)
        elif was_dirty:
            self._drafts.throw_away(draft)

    # What the form has

    @property
    def _of_its_kind(self) -> SobjectShape:
        """The object as it is for this record, which may be a person."""
        seen = {} if self.draft is None else self.draft.seen
        return kinds.shape_for(self.shape, {**seen, self.shape.record_type: self.record_type})

    @property
    def fields(self) -> list[FieldShape]:
        """The fields that the person may fill in, of those that a section shows; a new record belongs to whoever makes
        it."""
        shape = self._of_its_kind
        grouped = {name for section in shape.sections for name in section.fields}
        return [
            self._offers.fitted(f)
            for f in shape.fields
            if (f.editable if self.record_id else f.creatable and f.name != self.shape.owner)
            and f.type not in _NOT_IN_FORM
            and f.name in grouped
            and f.name != self.shape.record_type
        ]

    @property
    def sections(self) -> list[tuple[Section, list[FieldShape]]]:
        """The sections of the page layout, each with the fields that the person may fill in; none without fields, and
        none before a record type is chosen where one has to be."""
        if self.record_types and not self.record_type:
            return []
        fields = {f.name: f for f in self.fields}
        sections = [(s, [fields[n] for n in s.fields if n in fields]) for s in self._of_its_kind.sections]
        return [(s, fields) for s, fields in sections if fields]

    @property
    def dirty(self) -> bool:
        """Whether the person has typed something that is not saved."""
        return self.draft is not None and bool(self.draft.typed or self.draft.raw)

    def text(self, field: FieldShape) -> str:
        """The text in a field: as it was typed here, else its value written in the present language."""
        assert self.draft is not None
        typed = self._late.get(field.name, self._texts.get(field.name, self.draft.raw.get(field.name)))
        return values.as_text(field, self.value(field.name)) if typed is None else typed

    def value(self, name: str) -> FieldValue:
        """A field's value as it would be saved; the one before while its text is no value."""
        assert self.draft is not None
        return value_in(self.draft, name)

    def offered(self, field: FieldShape) -> tuple[str, ...]:
        """The values of a picklist that may be chosen now."""
        assert self.draft is not None
        return self._offers.offered(field, self.draft)

    def label_of(self, field: FieldShape, value: str) -> str:
        """What people read for a value of a picklist."""
        return kinds.label_of(field, value, self.value(field.controller) if field.controller else None)

    def waits_for(self, field: FieldShape) -> FieldShape | None:
        """The field that has to be filled in before this one can be."""
        assert self.draft is not None
        return self._offers.waits_for(field, self.draft)

    @property
    def mine(self) -> Mapping[str, FieldValue]:
        """All fields as they would be saved."""
        return {} if self.draft is None else {**self.draft.seen, **self.draft.typed}

    def name_of(self, field: FieldShape) -> str:
        """The name of the record that a reference points to, its id when the name is not there; "" for an empty one."""
        assert self.draft is not None
        chosen = self.text(field)
        if not chosen:
            return ""
        seen = values.parent_of(field, self.draft.seen) if self.draft.seen.get(field.name) == chosen else None
        return self.draft.names.get(field.name) or str(seen or chosen)

    def is_required(self, field: FieldShape) -> bool:
        """Whether a field may not be left empty; a record always has an owner."""
        return field.required or field.name == self.shape.owner

    # Typing

    def type(self, name: str, text: str) -> None:
        """Takes over the text of a field, and keeps it as a draft."""
        field = next((f for f in self.fields if f.name == name), None)
        if self.draft is None or field is None:
            return
        if self.saving:  # it stands in the field already, but is no part of what is being saved
            self._late[name] = text
            return
        self._texts[name] = text
        was_dirty, self.draft = self.dirty, self._with(self.draft, field, text)
        for amount in self.fields:
            if amount.currency_field == name and amount.name in self._texts:  # with the sign of another one, perhaps
                self.draft = self._with(self.draft, amount, self._texts[amount.name])
        if self.dirty:
            self.draft = self._drafts.put(self.draft)
        elif was_dirty:
            self._drafts.throw_away(self.draft)
        self.hints.pop(name, None)
        self._taken.pop(name, None)
        if self.errors.pop(name, None) is not None:
            self.changed()

    def _take_up_late(self) -> None:
        """Goes on with what was typed at the last moment, unless the form is left."""
        late, self._late = self._late, {}
        for name, text in late.items():
            self.type(name, text)

    def _with(self, draft: Draft, field: FieldShape, text: str) -> Draft:
        """The draft with that text entered: as a value, or as the text while it is no value."""
        typed = {name: value for name, value in draft.typed.items() if name != field.name}
        raw = {name: value for name, value in draft.raw.items() if name != field.name}
        if not self._is_as_seen(draft, field, text):
            try:
                given = values.as_value(field, text)
            except ValueError:
                raw[field.name] = text
            else:
                if has_another_sign(field, text, values.code_of(field, {**draft.seen, **typed})):
                    raw[field.name] = text
                else:
                    typed[field.name] = given
        return replace(draft, typed=typed, raw=raw)

    def _is_as_seen(self, draft: Draft, field: FieldShape, text: str) -> bool:
        return text.strip() == values.as_text(field, draft.seen.get(field.name)).strip()

    def choose(self, name: str, text: str, parent: str | None = None) -> None:
        """The person has chosen a value; for a reference, `text` is the record's id and `parent` its name."""
        if self.draft is None or self.saving:
            return
        if parent is not None:
            self.draft = replace(self.draft, names={**self.draft.names, name: parent})
        before = self.value(name)
        self.type(name, text)
        if self.value(name) != before:
            self._take_over(*self._offers.fit(self.draft, self.fields, below=name))
        self.changed()

    # Leaving

    def ask_to_leave(self, asks: bool) -> bool:
        """Asks the person what to do with what they typed (`asks`), or stops asking. Returns whether they may leave at
        once."""
        self.asks_to_leave = asks and self.dirty
        self.changed()
        return not self.asks_to_leave

    def throw_away(self) -> None:
        """Removes the draft."""
        if self.draft is not None:
            self._drafts.throw_away(self.draft)
        self._reset()
