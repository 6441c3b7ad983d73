"""The form of any object: made from describe, kept as a draft at every key, saved without losing what others saved
meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from contract.calls import (
    LAST_CHANGED_AT,
    LAST_CHANGED_BY,
    FieldShape,
    FieldValue,
    Record,
    Section,
    SobjectShape,
)
from contract.codec import DecodeError, decode
from contract.errors import CallError, ChangedMeanwhile, MayBeDuplicate, OrgUnavailable, Reason, RefusedRequest
from contract.picklists import RecordType
from data.repositories.calls import AnotherUser
from data.repositories.drafts import Draft, Drafts, Sent, new_id
from data.repositories.records import RecordsRepository
from ui.places import Given
from ui.records.amounts import decimals_of, has_another_sign, what_is_too_fine
from ui.records.offers import PICKLISTS, Offers, value_in, with_value
from ui.shared import kinds, values
from ui.shared.merge import Conflict, merge, with_what_belongs
from ui.shared.state import Live, Questions, Screen
from ui.shared.words import _

Saved = Callable[[str, str, str], Awaitable[None]]  # object, id, what to say
MERGES = 5  # others may save again while a merge is on its way
# Salesforce refuses a record for these after the backend has looked for an earlier one, so none was made before.
_OF_VALUES = frozenset({Reason.INVALID_VALUE, Reason.VALUE_NOT_IN_PICKLIST, Reason.RECORD_TYPE_NOT_AVAILABLE})
# Salesforce sets these itself, or they stand in the form in other fields.
_NOT_IN_FORM = frozenset({"id", "address", "location", "base64", "complexvalue"})


@dataclass(frozen=True, slots=True)
class Alike:
    """A record in Salesforce that may be the one that the person is about to save."""

    sobject: str
    record_id: str
    name: str


class FormViewModel(Screen):
    """`record_id` is "" for a new record, which begins with `given`. `saved` is called after a save. `errors` are texts
    by field, `conflicts` the fields that somebody else has changed too, `choices` whose value the person has chosen for
    each. `unsure` is whether nobody can tell if a new record was made before."""

    def __init__(
        self,
        records: RecordsRepository,
        drafts: Drafts,
        shape: SobjectShape,
        record_id: str,
        given: tuple[Given, ...],
        saved: Saved,
        shape_of_id: Callable[[str], SobjectShape | None],
    ) -> None:
        super().__init__()
        self._records = records
        self._drafts = drafts
        self._given = given
        self._shape_of_id = shape_of_id
        self._saved = saved
        self._detail = None if not record_id else Live(records.detail(shape, record_id))
        self._theirs: Record | None = None
        self.shape = shape
        self.record_id = record_id
        self.draft: Draft | None = None
        self.errors: dict[str, str] = {}
        self.problem: CallError | None = None
        self.saving = False
        self.conflicts: tuple[Conflict, ...] = ()
        self.choices: dict[str, str] = {}
        self.asks_to_leave = False
        self.alike: MayBeDuplicate | None = None  # why it was not saved: such a record may be there already
        self.unsure = False  # whether a new record was made before, which nobody can tell but a person who looks
        self._allow_duplicates = False  # what the save that is under way was asked for
        self._texts: dict[str, str] = {}  # fields as they were typed here, letter by letter
        self._offers = Offers(records, shape)
        self.hints: dict[str, str] = {}  # by field: what was removed from it, and why
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
        if draft is not None:
            late = await self._offers.take(self._offers.type_of(draft, self._given))
            if not self._visits.is_last(visit):
                return
            self._go_on_with(self._understood(draft))
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
                self.problem = None
                late = await self._offers.take(str(record.fields.get(self.shape.record_type) or ""))
                if not self._visits.is_last(visit):
                    return
                self.draft = Draft(new_id(), self.shape.sobject, self.record_id, record.fields, record.version)
        self.changed()
        if late:
            await self._take_up_newer(begins=draft is None)

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
        self.draft, self.asks_to_leave, self.errors, self.conflicts, self.problem = None, False, {}, (), None
        self.alike, self.unsure, self._texts, self.hints, self._taken = None, False, {}, {}, {}

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
        typed = self._texts.get(field.name, self.draft.raw.get(field.name))
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

    @property
    def theirs(self) -> Mapping[str, FieldValue]:
        """All fields as somebody else has saved them meanwhile; nothing when nobody has."""
        return {} if self._theirs is None else self._theirs.fields

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
        if self.draft is None or field is None or self.saving:
            return  # the view lets nobody type; what came at the last moment would be thrown away with what is saved
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

    # Saving

    async def save(self) -> None:
        """Saves what was changed. What others have saved in other fields stays; fields that both changed become
        `conflicts`. What goes wrong is in `problem`, `errors` and `alike`."""
        await self._save(allow_duplicates=False)

    async def _save(self, *, allow_duplicates: bool) -> None:
        if self.saving or self.choosing or self.draft is None:
            return
        changes = self._changes(self.draft)
        self.problem, self.alike, self.unsure, self._allow_duplicates = None, None, False, allow_duplicates
        if self.errors:
            self.changed()
            return
        self.saving = True
        self.changed()
        try:
            if self.record_id:
                await self._update(changes)
            else:
                await self._create(changes)
        except MayBeDuplicate as refused:
            self.problem = self.alike = refused
        except CallError as failed:
            self.problem = failed
            named = cast(list[str], failed.details.get("fields") or [])
            self.errors = {n: _(failed.message) for n in named if n in values.fields_of(self.shape)}
        except AnotherUser:
            return
        finally:
            self.saving = False
            self.changed()

    async def _create(self, fields: dict[str, FieldValue]) -> None:
        """Makes the record once. What was sent before and not answered is sent again unchanged first; what was typed
        since then becomes a change of the record that comes of it."""
        assert self.draft is not None
        sent = await self._drafts.sent(self.draft.key)
        again = sent is not None
        if sent is not None and not sent.made and self._drafts.is_too_old(sent):
            self.unsure = True
            return
        if sent is None:
            sent = await self._drafts.note_sent(self.draft, fields)
        if not sent.made:
            sent = await self._made(sent, again=again)
        if sent is None:  # what was sent before is refused now, so nothing has come of it
            sent = await self._made(await self._drafts.note_sent(self.draft, fields), again=False)
        assert sent is not None
        changes = {n: fields.get(n) for n in {**sent.fields, **fields} if fields.get(n) != sent.fields.get(n)}
        if changes:
            self._become_change(sent, changes)
            await self._update(changes)
        else:
            self.throw_away()
            await self._saved(self.shape.sobject, sent.made, _("{object} created.", object=self.shape.label))

    async def _made(self, sent: Sent, *, again: bool) -> Sent | None:
        """Sends what was noted as sent. Returns it with the id of the record; None when it was sent before and is
        refused now. Raises CallErrors."""
        try:
            made = await self._records.create(
                sent.sobject, sent.fields, sent.key, allow_duplicates=self._allow_duplicates
            )
        except MayBeDuplicate:
            self._drafts.note_refused(sent.key)
            raise
        except RefusedRequest as refused:
            if refused.reason is Reason.IDEMPOTENCY_KEY_REUSED:
                self.unsure = True
            elif not again or refused.reason in _OF_VALUES:
                self._drafts.note_refused(sent.key)
                if again:
                    return None
            else:  # it says nothing of the first try: the backend looks at rights before it looks at the key
                self.unsure = True
            raise
        except OrgUnavailable as failed:
            self.unsure = again and failed.reason is Reason.OUTCOME_UNKNOWN
            raise
        return self._drafts.note_made(sent, made)

    def _become_change(self, sent: Sent, changes: dict[str, FieldValue]) -> None:
        """Makes the form of a new record the form of the record that was made of what it had then."""
        assert self.draft is not None
        self.record_id = sent.made
        self._detail = Live(self._records.detail(self.shape, sent.made))
        self.draft = self._drafts.put(
            replace(
                self.draft, record_id=sent.made, seen=dict(sent.fields), version=None, typed=changes, raw={}, key=""
            ),
        )

    @property
    def records_alike(self) -> list[Alike]:
        """The records that are there already and may be the same."""
        records = [] if self.alike is None else cast(list[dict[str, str]], self.alike.details.get("records") or [])
        return [Alike(r["sobject"], r["id"], r.get("name") or r["id"]) for r in records]

    @property
    def may_be_saved_anyway(self) -> bool:
        """Whether the org lets it be saved although such a record may be there."""
        return self.alike is not None and self.alike.details.get("allowSave") is True

    async def save_anyway(self) -> None:
        """Saves although such a record may be there: the person has looked."""
        await self._save(allow_duplicates=True)

    async def save_as_new(self) -> None:
        """Makes the record under a new idempotency key: the person has looked, and it is not there."""
        assert self.draft is not None
        self._drafts.note_refused(self.draft.key)
        self.draft = self._drafts.put(replace(self.draft, key=new_id()))
        await self.save()

    async def _update(self, changes: dict[str, FieldValue]) -> None:
        """Saves over the version that was seen. Over a newer one it saves only what others have not changed; the same
        field is a conflict."""
        assert self.draft is not None
        said, theirs = _("Saved."), None
        if self.draft.version is None:
            theirs = (await self._records.detail(self.shape, self.record_id).get()).record
        for _attempt in range(MERGES):
            if theirs is not None:
                fields, seen = values.fields_of(self.shape), self.draft.seen
                merged = merge(seen, with_what_belongs(fields, seen, changes, theirs.fields), theirs.fields)
                self._theirs = theirs
                if merged.conflicts:
                    self.conflicts, self.choices = merged.conflicts, {}
                    return
                self._rebase(theirs, changes)
                changes = merged.changes
            if not changes:
                said = said if theirs is not None else _("Nothing was changed.")
                break
            try:
                await self._records.update(
                    self.shape.sobject,
                    self.record_id,
                    changes,
                    self.draft.version,
                    allow_duplicates=self._allow_duplicates,
                )
                break
            except ChangedMeanwhile as meanwhile:
                theirs = their_record(meanwhile)
                if theirs is None:
                    raise
                said = _("Saved together with the changes of {name}.", name=_who_changed(theirs.fields))
        else:
            raise ChangedMeanwhile(Reason.RECORD_CHANGED)
        self.throw_away()
        await self._saved(self.shape.sobject, self.record_id, said)

    # The same field, changed by two

    @property
    def their_change(self) -> tuple[str, str]:
        """Who saved the other version, and when (ISO 8601, "" when the answer does not say)."""
        fields = {} if self._theirs is None else self._theirs.fields
        return _who_changed(fields), str(fields.get(LAST_CHANGED_AT) or "")

    def text_of_mine(self, conflict: Conflict) -> str:
        """What the person wants in a field that somebody else has changed too, as people read it; "" for nothing."""
        field = values.fields_of(self.shape).get(conflict.field)
        if field is not None and field.type == "reference":
            return self.name_of(field)
        return values.value(field, conflict.mine, self.mine)

    def text_of_theirs(self, conflict: Conflict) -> str:
        """What somebody else has saved in that field, as people read it; "" for nothing."""
        field = values.fields_of(self.shape).get(conflict.field)
        if field is not None and field.type == "reference" and conflict.theirs:
            return values.parent_of(field, self.theirs) or str(conflict.theirs)
        return values.value(field, conflict.theirs, self.theirs)

    def decide(self, field: str, whose: str) -> None:
        """Notes whose value the person chose for a field, "mine" or "theirs"."""
        self.choices = {**self.choices, field: whose}
        self.changed()

    @property
    def decided(self) -> bool:
        """Whether the person has chosen for each conflict."""
        return all(c.field in self.choices for c in self.conflicts)

    async def save_decided(self) -> None:
        """Saves with the values that the person chose."""
        if self.draft is None or self._theirs is None or not self.decided:
            return
        mine = {c.field for c in self.conflicts if self.choices[c.field] == "mine"}
        theirs_wins = {c.field for c in self.conflicts} - mine
        changes = {n: v for n, v in self._changes(self.draft).items() if n not in theirs_wins}
        changes |= {c.field: c.mine for c in self.conflicts if c.field in mine}
        if self.errors:  # what is no value stays until it is one
            self.changed()
            return
        self._rebase(self._theirs, changes)
        self.conflicts, self.choices = (), {}
        if self._removes_what_goes_with_mine(theirs_wins):
            self.changed()
            return
        await self.save()

    def _removes_what_goes_with_mine(self, theirs: set[str]) -> bool:
        """Removes from the draft what does not go with their values in these fields. Returns whether there was
        anything, which the person has to see before it is saved."""
        removed = dict[str, str]()
        for name in theirs:
            assert self.draft is not None
            draft, said = self._offers.fit(self.draft, self.fields, below=name)
            if said:
                self._take_over(draft, said)
            removed |= said
        return bool(removed)

    def _rebase(self, theirs: Record, changes: dict[str, FieldValue]) -> None:
        """Goes on from their version, with only those of my changes that differ from it."""
        assert self.draft is not None
        typed = {name: value for name, value in changes.items() if value != theirs.fields.get(name)}
        self.draft = self._drafts.put(
            replace(self.draft, seen=theirs.fields, version=theirs.version, typed=typed, raw={})
        )
        self._texts = {name: text for name, text in self._texts.items() if name in typed}

    # Parts

    def _changes(self, draft: Draft) -> dict[str, FieldValue]:
        """The values that differ from those that were seen; sets `errors` for texts that are no value."""
        self.errors = {}
        changes = dict[str, FieldValue]()
        if self.record_types and not self.record_type:
            self.errors[self.shape.record_type] = _("This cannot be empty.")
        elif self.record_type and (not self.record_id or self.shape.record_type in draft.typed):
            changes[self.shape.record_type] = self.record_type
        for field in self.fields:
            name, given = field.name, self.value(field.name)
            if name in draft.raw:
                self.errors[name] = _what_is_wanted(field, draft.raw[name], values.code_of(field, self.mine))
            elif given in (None, "") and self.is_required(field) and field.type != "boolean" and self._has_any(field):
                self.errors[name] = _("This cannot be empty.")
            elif name in draft.typed if self.record_id else given not in (None, "") or field.type == "boolean":
                changes[name] = bool(given) if field.type == "boolean" else given
                decimals = decimals_of(values.fields_of(self.shape), field, values.code_of(field, self.mine))
                if (wrong := what_is_too_fine(given, decimals)) is not None:
                    self.errors[name] = wrong
        return changes

    def _has_any(self, field: FieldShape) -> bool:
        """Whether there is anything to fill in: a dependent picklist may have nothing for its controlling value."""
        return not field.controller or bool(self.offered(field))


def _what_is_wanted(field: FieldShape, text: str, code: str) -> str:
    if field.type in values.NUMBERS:
        other = code if has_another_sign(field, text, code) else ""
        return _("Please enter the amount in {currency}.", currency=other) if other else _("Please enter a number.")
    return _("Please enter a date.") if field.type == "date" else _("Please enter a date and a time.")


def _who_changed(fields: Mapping[str, FieldValue]) -> str:
    return str(fields.get(LAST_CHANGED_BY) or _("someone else"))


def their_record(meanwhile: ChangedMeanwhile) -> Record | None:
    """The record as somebody else has saved it, from the error's details; None when the details have no record."""
    try:
        return decode(Record, {"id": "", **cast(dict[str, Any], meanwhile.details.get("theirs") or {})}, lenient=True)
    except (DecodeError, TypeError):
        return None
