"""The types that objects are described in: SObject, its fields, child relationships and validation rules, and Schema.

The objects that every org has are in `standard.py`; those of a folder of metadata come from `localorg.metadata`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from localorg.schema.ids import make_id
from localorg.schema.text import COLLATION

TEXT_TYPES = frozenset({"id", "string", "textarea", "picklist", "multipicklist", "reference", "email", "phone", "url"})
NUMBER_TYPES = frozenset({"currency", "double", "int", "percent"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an sObject.

    `compound` ones are an address or geolocation made of the fields with that prefix; they are shown, not stored.
    `system` fields are set by the org, `calculated` ones follow from others, `read_only` ones a profile may not change.
    `others` are further objects that a polymorphic reference may refer to; `labels` what a picklist's values are shown
    as, when that differs; `seen_by` the column of `viewed` that holds it for each user; `restricted` picklists take
    their own values only; `within` is the compound field that this one is a part of; what refers by a `cascade` field
    goes with its parent; `number_format` is how an auto number is written, such as `INV-{0000}`; `computed_default` is
    a default that a formula gives.
    """

    name: str
    label: str
    type: str = "string"
    length: int = 255
    required: bool = False
    picklist: tuple[str, ...] = ()
    refers_to: str | None = None
    relationship: str | None = None
    system: bool = False
    calculated: bool = False
    default: object = None
    read_only: bool = False
    external_id: bool = False
    compound: str | None = None
    others: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    seen_by: str | None = None
    restricted: bool = False
    within: str | None = None
    unique: bool = False
    cascade: bool = False
    number_format: str = ""
    computed_default: "Callable[[Change], object] | None" = None

    @property
    def stored(self) -> bool:
        return self.compound is None

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def targets(self) -> tuple[str, ...]:
        """The objects that a reference may refer to."""
        return (self.refers_to, *self.others) if self.refers_to else ()

    @property
    def position(self) -> tuple[str, str]:
        """The fields with the latitude and longitude of an address or geolocation."""
        if self.type == "location":
            return f"{self.compound}__Latitude__s", f"{self.compound}__Longitude__s"
        return f"{self.compound}Latitude", f"{self.compound}Longitude"

    def label_of(self, value: str) -> str:
        """What a picklist's value is shown as."""
        return next((label for v, label in zip(self.picklist, self.labels, strict=False) if v == value), value)

    @property
    def writable(self) -> bool:
        return self.stored and not (self.system or self.calculated or self.read_only)

    @property
    def sql_type(self) -> str:
        if self.type in NUMBER_TYPES:
            return "REAL"
        if self.type == "boolean":
            return "INTEGER"
        return "TEXT" if self.type in ("id", "reference", "date", "datetime") else f"TEXT COLLATE {COLLATION}"

    @property
    def filterable(self) -> bool:
        """Whether WHERE and ORDER BY take it; long text areas and compound fields they do not."""
        return self.stored and (self.type != "textarea" or self.length <= 255)

    @property
    def groupable(self) -> bool:
        return self.filterable and self.type not in ("currency", "double", "percent", "datetime", "multipicklist")


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """The children of an sObject as a sub-query names them: `Contacts` of Account through `AccountId`."""

    name: str
    child: str
    field: str


@dataclass(frozen=True, slots=True)
class Change:
    """A record as it would be saved, as it was before (None when it is new), and the org's time."""

    row: Mapping[str, object]
    before: Mapping[str, object] | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule: `refuses` tells whether a change breaks it, `field` is where the message belongs, empty for
    the whole page.
    """

    name: str
    message: str
    field: str
    refuses: Callable[[Change], bool]


@dataclass(frozen=True, slots=True)
class SObject:
    """One object of the org with its three-character key prefix; `record_types` are developer name and label of
    each.
    """

    name: str
    label: str
    plural: str
    prefix: str
    fields: tuple[Field, ...]
    children: tuple[ChildRelationship, ...] = ()
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    record_types: tuple[tuple[str, str], ...] = ()
    rules: tuple[Rule, ...] = ()
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name.lower(): f for f in self.fields})

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    def record_type_id(self, number: int) -> str:
        """The id of one of its record types."""
        return make_id("012", int.from_bytes(self.prefix.encode()) * 100 + number)

    @property
    def name_field(self) -> str:
        """The field that names a record."""
        return next((n for n in ("Name", "CaseNumber", "Subject") if n.lower() in self.by_name), "Id")

    def field(self, name: str) -> Field | None:
        """The field of that API name, in any case; None when there is none."""
        return self.by_name.get(name.lower())

    def parent(self, relationship: str) -> Field | None:
        """The reference field behind a relationship name such as `Account` or `Owner`."""
        wanted = relationship.lower()
        return next((f for f in self.fields if f.relationship and f.relationship.lower() == wanted), None)

    def child(self, relationship: str) -> ChildRelationship | None:
        """The child relationship of that name, in any case."""
        wanted = relationship.lower()
        return next((c for c in self.children if c.name.lower() == wanted), None)


class Schema:
    """Objects by their names: all of an org's, or those that someone can see, as that person may use them."""

    def __init__(self, objects: Iterable[SObject]) -> None:
        self._objects = {o.name.lower(): o for o in objects}
        self._by_prefix = {o.prefix: o for o in self._objects.values()}

    def sobject(self, name: str) -> SObject | None:
        """The object of that API name, in any case; None when there is none here."""
        return self._objects.get(name.lower())

    def of_id(self, identifier: str) -> SObject | None:
        """The object whose key prefix the id begins with; None when there is none here."""
        return self._by_prefix.get(identifier[:3])

    def __getitem__(self, name: str) -> SObject:
        return self._objects[name.lower()]

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._objects.values())
