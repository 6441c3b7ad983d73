"""One account: shown with its contacts and opportunities, edited field by field, saved without losing others' changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from contract.calls import FieldShape, FieldValue, Record, RecordDetail, SobjectShape
from contract.errors import CallError, ChangedMeanwhile
from data.repositories.records import RecordsRepository
from ui.shared import strings

NUMBERS = frozenset({"currency", "double", "int", "long", "percent"})
RELATED = ("Contacts", "Opportunities")
# A reference needs a look-up field, and Salesforce sets the rest itself.
_NOT_IN_FORM = frozenset({"reference", "id", "boolean", "address", "datetime"})


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that was saved with another value meanwhile."""

    label: str
    mine: FieldValue
    theirs: FieldValue


class AccountViewModel:
    def __init__(self, records: RecordsRepository, record_id: str, changed: Callable[[], None]) -> None:
        self._records = records
        self._record_id = record_id
        self._changed = changed
        self.detail: RecordDetail | None = None
        self.shape: SobjectShape | None = None
        self.problem: CallError | None = None
        self.editing = False
        self.saving = False
        self.entered: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.conflicts: list[Conflict] = []
        self.newer_version: str | None = None
        self.notice: str | None = None

    async def load(self) -> None:
        try:
            self.detail = await self._records.detail("Account", self._record_id, RELATED)
            self.shape = await self._records.shape("Account")
            self.problem = None
        except CallError as failed:
            self.problem = failed
        self._changed()

    @property
    def name(self) -> str:
        return "" if self.detail is None else str(self.detail.record.fields.get("Name") or "")

    def related(self, relationship: str) -> tuple[Record, ...]:
        return () if self.detail is None else self.detail.related.get(relationship, ())

    @property
    def can_edit(self) -> bool:
        return bool(self.form)

    @property
    def form(self) -> list[FieldShape]:
        """The fields that this person may change."""
        return [] if self.shape is None else [f for f in self.shape.fields if f.editable and f.type not in _NOT_IN_FORM]

    def begin_edit(self) -> None:
        assert self.detail is not None
        self.entered = {f.name: as_text(self.detail.record.fields.get(f.name)) for f in self.form}
        self.errors, self.conflicts, self.problem = {}, [], None
        self.editing = True
        self._changed()

    def cancel_edit(self) -> None:
        self.editing = False
        self.problem = None
        self._changed()

    async def save(self, *, over_theirs: bool = False) -> None:
        """Saves what was changed. A conflict is shown; `over_theirs` then saves over the newer version."""
        assert self.detail is not None
        changes = self._changes()
        if self.errors:
            self._changed()
            return
        if not changes:
            self.editing, self.notice = False, strings.NOTHING_CHANGED
            self._changed()
            return
        version = self.newer_version if over_theirs else self.detail.record.version
        self.saving, self.problem, self.conflicts = True, None, []
        self._changed()
        try:
            record = await self._records.update("Account", self._record_id, changes, version)
        except ChangedMeanwhile as conflict:
            self._note_conflict(changes, conflict)
        except CallError as failed:
            self.problem = failed
            named = cast(list[str], failed.details.get("fields") or [])
            self.errors = {n: failed.message for n in named if n in self.entered}
        else:
            self.detail = RecordDetail(record, self.detail.related)
            self.editing, self.notice = False, strings.SAVED
        self.saving = False
        self._changed()

    async def take_theirs(self) -> None:
        """Throws the person's changes away and shows what Salesforce has."""
        self.editing, self.conflicts = False, []
        await self.load()

    def _changes(self) -> dict[str, FieldValue]:
        assert self.detail is not None
        self.errors = {}
        changes: dict[str, FieldValue] = {}
        for field in self.form:
            text, before = self.entered[field.name].strip(), self.detail.record.fields.get(field.name)
            if text == as_text(before):
                continue
            if not text and field.required:
                self.errors[field.name] = strings.REQUIRED
            elif not text:
                changes[field.name] = None
            elif field.type in NUMBERS:
                number = as_number(text)
                if number is None:
                    self.errors[field.name] = strings.NOT_A_NUMBER
                else:
                    changes[field.name] = number
            else:
                changes[field.name] = text
        return changes

    def _note_conflict(self, mine: Mapping[str, FieldValue], conflict: ChangedMeanwhile) -> None:
        assert self.detail is not None
        theirs = cast(Mapping[str, Any], conflict.details.get("theirs") or {})
        fields = cast(Mapping[str, FieldValue], theirs.get("fields") or {})
        self.newer_version = theirs.get("version")
        labels = {f.name: f.label for f in self.form}
        before = self.detail.record.fields
        different = [n for n in labels if fields.get(n) != before.get(n)]
        self.conflicts = [Conflict(labels[n], mine.get(n, before.get(n)), fields.get(n)) for n in different]
        if not self.conflicts:  # only fields that the form does not show
            self.conflicts = [Conflict(strings.DETAILS, "", "")]


def as_text(value: FieldValue) -> str:
    """A value as it stands in a form."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def as_number(text: str) -> float | None:
    """What a person typed as a number, with or without thousands separators; None when it is none."""
    try:
        number = float(text.replace(",", "").replace(" ", ""))
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
