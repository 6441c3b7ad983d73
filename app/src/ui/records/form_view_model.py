"""The form of any object: saved without losing what others saved meanwhile, and a new record only once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from contract.calls import LAST_CHANGED_AT, FieldShape, FieldValue, Record, SobjectShape
from contract.errors import CallError, ChangedMeanwhile, MayBeDuplicate, OrgUnavailable, Reason, RefusedRequest
from data.repositories.calls import AnotherUser, is_offline
from data.repositories.drafts import Draft, Drafts, Sent, new_id
from data.repositories.merge import MERGES, Conflict, merge, their_record, who_changed, with_what_belongs
from data.repositories.queue import NotKept, Queue, is_temporary
from data.repositories.records import RecordsRepository
from data.repositories.sending import OF_VALUES
from ui.places import Given
from ui.records.amounts import decimals_of, has_another_sign, what_is_too_fine
from ui.records.filling_view_model import FillingViewModel
from ui.records.offers import with_value
from ui.shared import values
from ui.shared.refusals import Refusals
from ui.shared.state import Live
from ui.shared.words import _

Saved = Callable[[str, str, str], Awaitable[None]]  # object, id, what to say


@dataclass(frozen=True, slots=True)
class Alike:
    """A record in Salesforce that may be the one that the person is about to save."""

    sobject: str
    record_id: str
    name: str


class FormViewModel(FillingViewModel):
    """`saved` is called after a save. `conflicts` are the fields that somebody else has changed too, `choices` whose
    value the person has chosen for each. `offline` says whether the backend is out of reach: then what is saved waits
    in the queue. `unsure` is whether nobody can tell if a new record was made before."""

    def __init__(
        self,
        records: RecordsRepository,
        drafts: Drafts,
        shape: SobjectShape,
        record_id: str,
        given: tuple[Given, ...],
        saved: Saved,
        shape_of_id: Callable[[str], SobjectShape | None],
        queue: Queue,
        offline: Callable[[], bool] = lambda: False,
        refusals: Refusals | None = None,
    ) -> None:
        super().__init__(records, drafts, shape, record_id, given, shape_of_id, queue)
        self._offline = offline
        self._decides = False  # whether the draft was in the queue, where it asked: it goes before what waits since
        self._refusals = refusals or Refusals()
        self._saved = saved
        self._theirs: Record | None = None
        self.conflicts: tuple[Conflict, ...] = ()
        self.choices: dict[str, str] = {}
        self.alike: MayBeDuplicate | None = None  # why it was not saved: such a record may be there already
        self.unsure = False  # whether a new record was made before, which nobody can tell but a person who looks
        self._allow_duplicates = False  # what the save that is under way was asked for

    def _reset(self) -> None:
        super()._reset()
        self.conflicts, self.alike, self.unsure, self._decides = (), None, False, False

    async def load(self) -> None:
        """Begins as every form does. Where what waits to be sent asks the person, it is saved, so that the question
        comes. What Salesforce refused of this record elsewhere in the app is filled in, and why it was refused is
        said."""
        await super().load()
        if self.draft is not None and self.draft.asks:
            self.draft = self._drafts.put(replace(self.draft, asks=False))
            self._decides = True
            await self.save()
        if self.draft is None or self.saving:
            return
        refused = self._refusals.take(self.record_id) if self.record_id else None
        if refused is None:
            return
        draft = self.draft
        for name, value in refused.fields.items():
            draft = with_value(draft, name, value)
        self._take_over(draft, {})
        self._note_refused(refused.why)
        self.changed()

    def _note_refused(self, why: CallError) -> None:
        """Says why it was not saved, also at the fields for which it was not."""
        self.problem, self.alike = why, why if isinstance(why, MayBeDuplicate) else None
        named = cast(list[str], why.details.get("fields") or [])
        self.errors = {n: _(why.message) for n in named if n in values.fields_of(self.shape)}

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
            await self._save_or_queue(changes)
        except CallError as failed:
            self._note_refused(failed)
        except AnotherUser:
            return
        finally:
            self.saving = False
            self._take_up_late()
            self.changed()

    async def _save_or_queue(self, changes: dict[str, FieldValue]) -> None:
        """Saves; where nothing comes through, or something waits that has to go first, the device keeps it and sends it
        later. Raises CallErrors, and AnotherUser."""
        assert self.draft is not None
        self._follow_record()
        waits = self._queue.of(self.record_id) if self.record_id else self._queue.get(self.draft.key) is not None
        if (
            not self._offline()
            and (self._decides or not waits)
            and not any(map(is_temporary, self._sendable(changes).values()))
        ):
            try:
                changes = self._sendable(changes)
                return await (self._update(changes) if self.record_id else self._create(changes))
            except OrgUnavailable as failed:
                if not is_offline(failed):
                    raise
                changes = self._changes(self.draft)
        try:
            await self._keep_for_later(changes)
        except NotKept as refused:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, refused.message, {"offline": True}) from None

    def _sendable(self, changes: dict[str, FieldValue]) -> dict[str, FieldValue]:
        """Values with the ids of Salesforce's, where records that were made without a network have one by now."""
        return {n: self._queue.real(v) if isinstance(v, str) else v for n, v in changes.items()}

    async def _keep_for_later(self, changes: dict[str, FieldValue]) -> None:
        """Has the device keep what is to be saved. Raises NotKept."""
        assert self.draft is not None
        draft, title = self.draft, values.name(self.shape, self.mine) or self.shape.label
        said = _("Saved on this device. It is sent when you are online again.")
        if not self.record_id:
            sent = await self._drafts.sent(draft.key)
            if sent is None or not sent.made:
                edit = await self._queue.create(
                    self.shape, changes, draft.key, title=title, names=draft.names,
                    sent=None if sent is None else sent.fields, sent_at=0.0 if sent is None else sent.at,
                    allow_duplicates=self._allow_duplicates,
                )  # fmt: skip
                self.throw_away()
                await self._saved(self.shape.sobject, edit.record_id, said)
                return
            changes = {n: changes.get(n) for n in {**sent.fields, **changes} if changes.get(n) != sent.fields.get(n)}
            self._become_change(sent, changes)
            draft = self.draft
        if changes:
            await self._queue.change(
                self.shape, self.record_id, draft.seen, draft.version, changes, title=title,
                names={n: name for n, name in draft.names.items() if n in changes},
                allow_duplicates=self._allow_duplicates,
            )  # fmt: skip
        self.throw_away()
        await self._saved(self.shape.sobject, self.record_id, said if changes else _("Nothing was changed."))

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
            elif not again or refused.reason in OF_VALUES:
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
                said = _(
                    "Saved together with the changes of {name}.", name=who_changed(theirs.fields) or _("someone else")
                )
        else:
            raise ChangedMeanwhile(Reason.RECORD_CHANGED)
        self.throw_away()
        await self._saved(self.shape.sobject, self.record_id, said)

    # The same field, changed by two

    @property
    def theirs(self) -> Mapping[str, FieldValue]:
        """All fields as somebody else has saved them meanwhile; nothing when nobody has."""
        return {} if self._theirs is None else self._theirs.fields

    @property
    def their_change(self) -> tuple[str, str]:
        """Who saved the other version, and when (ISO 8601, "" when the answer does not say)."""
        fields = {} if self._theirs is None else self._theirs.fields
        return who_changed(fields), str(fields.get(LAST_CHANGED_AT) or "")

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
