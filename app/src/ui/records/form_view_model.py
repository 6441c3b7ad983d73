"""The form of any object: made from describe, kept as a draft at every key, saved without losing what others saved meanwhile."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from contract.calls import FieldShape, FieldValue, Record, Section, SobjectShape
from contract.codec import DecodeError, decode
from contract.errors import CallError, ChangedMeanwhile, Reason
from data.repositories.drafts import Draft, Drafts
from data.repositories.records import AnotherUser, RecordsRepository
from ui.shared import values
from ui.shared.merge import Conflict, merge
from ui.shared.state import Live, Screen
from ui.shared.words import _

Saved = Callable[[str, str, str], Awaitable[None]]  # object, id, what to say
MERGES = 5  # others may save again while a merge is on its way
# Salesforce sets these itself, or they stand in the form in other fields.
_NOT_IN_FORM = frozenset({"id", "address", "location", "base64", "complexvalue"})


class FormViewModel(Screen):
    """`record_id` is "" for a new record, which begins with `given`. `saved` is told when it is done."""

    def __init__(self, records: RecordsRepository, drafts: Drafts, shape: SobjectShape, record_id: str, given: dict[str, str], saved: Saved) -> None:
        super().__init__()
        self._records = records
        self._drafts = drafts
        self._given = given
        self._saved = saved
        self._detail = None if not record_id else Live(records, records.detail(shape, record_id))
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

    # Beginning

    async def load(self) -> None:
        """Goes on with what was typed last time, else begins with the record as it is."""
        if self.draft is not None:
            return
        self.draft = self._drafts.get(self.shape.sobject, self.record_id)
        if self.draft is None and self._detail is None:
            self.draft = self._new()
        elif self.draft is None:
            assert self._detail is not None
            await self._detail.load()
            record, self.problem = (None if self._detail.value is None else self._detail.value.record), self._detail.problem
            if record is not None:
                self.problem = None
                self.draft = Draft(self.shape.sobject, self.record_id, record.fields, record.version, self._texts(record.fields))
        self.changed()

    def _new(self) -> Draft:
        defaults = {f.name: values.as_text(f, f.default) for f in self.fields}
        given = {name: text for name, text in self._given.items() if name in defaults}
        names = {name.removesuffix(".name"): text for name, text in self._given.items() if name.endswith(".name")}
        return Draft(self.shape.sobject, "", {}, secrets.token_urlsafe(16), {**defaults, **given}, names)

    # What the form has

    @property
    def fields(self) -> list[FieldShape]:
        """The fields that this person may fill in."""
        return [
            f for f in self.shape.fields if (f.editable if self.record_id else f.creatable) and f.type not in _NOT_IN_FORM and f.name != "OwnerId"
        ]

    @property
    def sections(self) -> list[tuple[Section, list[FieldShape]]]:
        """The fields in Salesforce's groups."""
        known = {f.name: f for f in self.fields}
        found = [(s, [known[n] for n in s.fields if n in known]) for s in self.shape.sections]
        return [(s, fields) for s, fields in found if fields]

    @property
    def dirty(self) -> bool:
        """Whether there is something to lose."""
        if self.draft is None:
            return False
        before = self._texts(self.draft.seen) if self.record_id else self._new().entered
        return any(text != before.get(name, "") for name, text in self.draft.entered.items())

    def name_of(self, field: FieldShape) -> str:
        """The name of the record that a reference points to."""
        assert self.draft is not None
        chosen = self.draft.entered.get(field.name, "")
        if not chosen:
            return ""
        seen = self.draft.seen.get(f"{field.relationship}.Name") if self.draft.seen.get(field.name) == chosen else None
        return self.draft.names.get(field.name) or str(seen or chosen)

    # Typing

    def type(self, name: str, text: str) -> None:
        """A field's text has changed; it is kept from now on."""
        assert self.draft is not None
        self.draft = replace(self.draft, entered={**self.draft.entered, name: text})
        if self.dirty:
            self._drafts.put(self.draft)
        else:
            self._drafts.drop(self.shape.sobject, self.record_id)
        if self.errors.pop(name, None) is not None:
            self.changed()

    def choose(self, name: str, text: str, shown: str | None = None) -> None:
        """A value was chosen; for a reference `text` is the record's id and `shown` its name."""
        assert self.draft is not None
        if shown is not None:
            self.draft = replace(self.draft, names={**self.draft.names, name: shown})
        self.type(name, text)
        self.changed()

    # Leaving

    def ask_to_leave(self, asks: bool) -> bool:
        """Asks when there is something to lose; whether one may leave at once."""
        self.asks_to_leave = asks and self.dirty
        self.changed()
        return not self.asks_to_leave

    def throw_away(self) -> None:
        """Forgets what was typed."""
        self._drafts.drop(self.shape.sobject, self.record_id)
        self.draft, self.asks_to_leave, self.errors, self.conflicts, self.problem = None, False, {}, (), None

    # Saving

    async def save(self) -> None:
        """Saves what was changed. What others saved meanwhile in other fields stays; the same field asks."""
        if self.saving or self.draft is None:
            return
        changes = self._changes(self.draft)
        self.problem = None
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
        except CallError as failed:
            self.problem = failed
            named = cast(list[str], failed.details.get("fields") or [])
            self.errors = {n: _(failed.message) for n in named if n in self.draft.entered}
        except AnotherUser:
            return
        finally:
            self.saving = False
        self.changed()

    async def _create(self, changes: dict[str, FieldValue]) -> None:
        assert self.draft is not None
        key = self.draft.version or secrets.token_urlsafe(16)
        made = await self._records.create(self.shape.sobject, changes, key)
        self.throw_away()
        await self._saved(self.shape.sobject, made, _("{object} created.", object=self.shape.label))

    async def _update(self, changes: dict[str, FieldValue]) -> None:
        """Saves over exactly the version that was seen; over another one only what does not touch it."""
        assert self.draft is not None
        if not changes:
            self.throw_away()
            await self._saved(self.shape.sobject, self.record_id, _("Nothing was changed."))
            return
        said = _("Saved.")
        for _attempt in range(MERGES):
            try:
                await self._records.update(self.shape.sobject, self.record_id, changes, self.draft.version)
            except ChangedMeanwhile as meanwhile:
                theirs = their_record(meanwhile)
                if theirs is None:
                    raise
                merged = merge(self.draft.seen, changes, theirs.fields)
                self._theirs = theirs
                if merged.conflicts:
                    self.conflicts, self.choices = merged.conflicts, {}
                    return
                self._rebase(theirs, changes)
                changes = merged.changes
                said = _("Saved together with the changes of {name}.", name=str(theirs.fields.get("LastModifiedBy.Name") or _("someone else")))
                if not changes:
                    break
            else:
                break
        else:
            raise ChangedMeanwhile(Reason.RECORD_CHANGED)
        self.throw_away()
        await self._saved(self.shape.sobject, self.record_id, said)

    # The same field, changed by two

    @property
    def their_change(self) -> tuple[str, str]:
        """Who saved the other version, and when (ISO 8601)."""
        fields = {} if self._theirs is None else self._theirs.fields
        return str(fields.get("LastModifiedBy.Name") or _("someone else")), str(fields.get("LastModifiedDate") or "")

    def decide(self, field: str, whose: str) -> None:
        """The person chose `mine` or `theirs` for a field that both changed."""
        self.choices = {**self.choices, field: whose}
        self.changed()

    @property
    def decided(self) -> bool:
        return all(c.field in self.choices for c in self.conflicts)

    async def save_decided(self) -> None:
        """Saves with what the person decided for each field."""
        if self.draft is None or self._theirs is None or not self.decided:
            return
        mine = {c.field for c in self.conflicts if self.choices[c.field] == "mine"}
        theirs_wins = {c.field for c in self.conflicts} - mine
        changes = {n: v for n, v in self._changes(self.draft).items() if n not in theirs_wins}
        self._rebase(self._theirs, changes)
        self.conflicts, self.choices = (), {}
        await self.save()

    def _rebase(self, theirs: Record, changes: dict[str, FieldValue]) -> None:
        """Goes on from their version: it has been seen now, and only my changes differ from it."""
        assert self.draft is not None
        entered = {**self._texts(theirs.fields), **{n: t for n, t in self.draft.entered.items() if n in changes}}
        self.draft = replace(self.draft, seen=theirs.fields, version=theirs.version, entered=entered)
        self._drafts.put(self.draft)

    # Parts

    def _texts(self, fields: dict[str, FieldValue]) -> dict[str, str]:
        return {f.name: values.as_text(f, fields.get(f.name)) for f in self.fields}

    def _changes(self, draft: Draft) -> dict[str, FieldValue]:
        """What differs from what was seen, as Salesforce takes it; `errors` says what cannot be."""
        self.errors = {}
        before, changes = self._texts(draft.seen), dict[str, FieldValue]()
        for field in self.fields:
            text = draft.entered.get(field.name, "").strip()
            if not text and field.required and field.type != "boolean":
                self.errors[field.name] = _("This cannot be empty.")
            elif text != before[field.name].strip() or (not self.record_id and field.type == "boolean"):
                self._change(field, text, changes)
        return changes

    def _change(self, field: FieldShape, text: str, changes: dict[str, FieldValue]) -> None:
        given: FieldValue = text or None
        if field.type == "boolean":
            given = text == "true"
        elif text and field.type in values.NUMBERS:
            given = values.as_number(text)
            if given is None:
                self.errors[field.name] = _("Please enter a number.")
        elif text and field.type == "date":
            given = values.as_date(text)
            if given is None:
                self.errors[field.name] = _("Please enter a date.")
        elif text and field.type == "datetime":
            given = values.as_moment(text)
            if given is None:
                self.errors[field.name] = _("Please enter a date and a time.")
        if given is not None or (not text and self.record_id):
            changes[field.name] = given


def their_record(meanwhile: ChangedMeanwhile) -> Record | None:
    """The record that someone else saved, as the conflict carries it."""
    try:
        return decode(Record, {"id": "", **cast(dict[str, Any], meanwhile.details.get("theirs") or {})}, lenient=True)
    except (DecodeError, TypeError):
        return None
