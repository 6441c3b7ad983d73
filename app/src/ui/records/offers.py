"""What the picklists of a form offer: the values of the record's type, and of those the ones that go with the value of
their controlling field. No Flet in here."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from contract.calls import FieldShape, FieldValue, SobjectShape
from contract.errors import CallError
from contract.picklists import Picklists, RecordType
from data.repositories.calls import AnotherUser
from data.repositories.drafts import Draft
from data.repositories.records import RecordsRepository
from ui.places import Given
from ui.shared import values
from ui.shared.words import _

PATIENCE = 3.0  # seconds in which a form waits for its picklists; then it is shown without
PICKLISTS = frozenset({"picklist", "combobox", "multipicklist"})


class Offers:
    """`record_type` is the id of the record type whose picklists are offered, "" for none."""

    def __init__(self, records: RecordsRepository, shape: SobjectShape) -> None:
        self._records = records
        self._shape = shape
        self._fields = values.fields_of(shape)
        self._picklists: dict[str, Picklists] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self.record_type = ""

    # Record types

    @property
    def types(self) -> tuple[RecordType, ...]:
        """The record types of which a person chooses one for a new record; empty when there is nothing to choose."""
        return self._shape.record_types if len(self._shape.record_types) > 1 else ()

    def first_type(self, given: Sequence[Given]) -> str:
        """The record type with which a new record begins: the one that its address gives, the default one, or the only
        one; "" when a person has to choose."""
        types = self._shape.record_types
        named = {g.value[:15] for g in given if g.field == self._shape.record_type}
        first = [t.id for t in types if t.id[:15] in named] + [t.id for t in types if t.default or len(types) == 1]
        return first[0] if first else ""

    def type_of(self, draft: Draft, given: Sequence[Given]) -> str:
        """The record type of a draft; of a new record one that there is (still), else the one to begin with."""
        kept = str(value_in(draft, self._shape.record_type) or "")
        there = draft.record_id or any(t.id == kept for t in self._shape.record_types)
        return kept if there else self.first_type(given)

    async def take(self, record_type: str) -> bool:
        """Goes on with the picklists of a record type: as the device kept them, else as the backend has them, unless
        that takes longer than PATIENCE. Returns whether there may be newer ones, for which `renew` waits."""
        self.record_type = record_type
        if not record_type or record_type in self._picklists:
            return False
        seen = await self._records.picklists(self._shape.sobject, record_type).seen()
        if seen is not None:
            self._picklists.setdefault(record_type, seen.value)
            return True
        fetching = self._fetch(record_type)
        await asyncio.wait({fetching}, timeout=PATIENCE)
        return not fetching.done()

    def renew(self) -> asyncio.Task[None]:
        """Begins to fetch the picklists of the present type; where they cannot be had, the fields' own values stay."""
        return self._fetch(self.record_type)

    def _fetch(self, record_type: str) -> asyncio.Task[None]:
        """Fetches the picklists of a type, one time at once."""

        async def fetch() -> None:
            with suppress(CallError, AnotherUser):
                self._picklists[record_type] = await self._records.picklists(self._shape.sobject, record_type).get()

        under_way = self._fetching.get(record_type)
        if under_way is None or under_way.done():
            under_way = self._fetching[record_type] = asyncio.create_task(fetch())
        return under_way

    @property
    def lacking(self) -> bool | None:
        """Whether the picklists of the present type could not be had; None while they are still on their way."""
        if not self.record_type or self.record_type in self._picklists:
            return False
        fetching = self._fetching.get(self.record_type)
        return None if fetching is None or not fetching.done() else True

    # What there is to choose from

    def fitted(self, field: FieldShape) -> FieldShape:
        """The field with what its picklist holds for the present type."""
        told = self._picklists.get(self.record_type)
        own = None if told is None else told.fields.get(field.name)
        if own is None:
            return field
        return replace(
            field,
            picklist=own.values,
            labels=own.labels,
            default=own.default,
            valid_for=own.valid_for,
            labels_with=own.labels_with,
        )

    def waits_for(self, field: FieldShape, draft: Draft) -> FieldShape | None:
        """The controlling field of a dependent picklist while it is empty: until then there is nothing to choose."""
        controller = self._controller(field)
        return controller if controller is not None and not _chosen(controller, draft) else None

    def offered(self, field: FieldShape, draft: Draft) -> tuple[str, ...]:
        """The values that may be chosen now, of a field that `fitted` gave."""
        controller = self._controller(field)
        if controller is None:
            return field.picklist
        chosen = _chosen(controller, draft)
        return tuple(v for v in field.picklist if chosen in field.valid_for.get(v, ()))

    def _controller(self, field: FieldShape) -> FieldShape | None:
        """The field that controls a picklist; None for one that is free, and where the app does not have the field."""
        return self._fields.get(field.controller) if field.controller else None

    # What stands in a draft

    def begun(self, draft: Draft, fields: Sequence[FieldShape]) -> tuple[Draft, Mapping[str, str]]:
        """A new record's draft with the present type and its defaults, and what `fit` removes from it."""
        own = {f.name: f.default for f in fields if f.type in PICKLISTS or f.name not in draft.seen}
        if self.record_type:
            draft = with_value(draft, self._shape.record_type, self.record_type)
        draft = replace(draft, seen={**draft.seen, **own})
        wrong = self._unfit(Draft(draft.id, draft.sobject, seen=draft.seen), fields)
        return self.fit(replace(draft, seen={**draft.seen, **dict.fromkeys(wrong)}), fields)

    def _unfit(self, draft: Draft, fields: Sequence[FieldShape]) -> set[str]:
        """The fields whose values do not go with the others."""
        fitted, _said = self.fit(draft, fields)
        return {f.name for f in fields if value_in(fitted, f.name) != value_in(draft, f.name)}

    def fit(self, draft: Draft, fields: Sequence[FieldShape], below: str = "") -> tuple[Draft, Mapping[str, str]]:
        """The draft without what its picklists do not hold (any more), of those that depend on the field `below` where
        one is named; and by field what was removed, and why."""
        said = dict[str, str]()
        for field in fields:
            value = value_in(draft, field.name)
            if value in (None, "") or (field.controller != below if below else field.type not in PICKLISTS):
                continue
            offered = self.offered(field, draft)
            parts = str(value).split(";") if field.type == "multipicklist" else [str(value)]
            left = ";".join(part for part in parts if part in offered and not (below and _is_of_several(field, part)))
            if left != value:
                draft = with_value(draft, field.name, left or None)
                draft, more = self.fit(draft, fields, below=field.name)
                said |= {field.name: self._why_removed(field, value), **more}
        return draft, said

    def _why_removed(self, field: FieldShape, value: FieldValue) -> str:
        several = any(_is_of_several(field, part) for part in str(value).split(";"))
        removed = str(value) if several else values.value(self._fields.get(field.name), value)
        controller = self._controller(field)
        if controller is None or not set(str(value).split(";")) <= set(field.picklist):
            return _("“{value}” was removed: records of this type do not have it.", value=removed)
        return _(
            "“{value}” was removed: it does not go with {field}.", value=removed, field=values.label_of(controller)
        )


def _is_of_several(field: FieldShape, value: str) -> bool:
    """Whether a value means another thing with another value of the controlling field, as `PA` is a state in two
    countries."""
    return any(value in labels for labels in field.labels_with.values())


def value_in(draft: Draft, name: str) -> FieldValue:
    """A field's value in a draft: as it was entered, else as it was before."""
    return draft.typed.get(name) if name in draft.typed else draft.seen.get(name)


def with_value(draft: Draft, name: str, value: FieldValue) -> Draft:
    """A draft with a value entered into a field."""
    typed = {n: v for n, v in draft.typed.items() if n != name}
    return replace(draft, typed=typed if value == draft.seen.get(name) else {**typed, name: value})


def _chosen(controller: FieldShape, draft: Draft) -> str:
    value = value_in(draft, controller.name)
    return str(value is True).lower() if controller.type == "boolean" else str(value or "")
