"""The types that describe objects: SObject, its fields, child relationships and validation rules, and Schema.

The objects that every org has are in `standard.py`; custom ones come from `localorg.metadata`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from localorg.schema.ids import make_id
from localorg.schema.text import COLLATION

TEXT_TYPES = frozenset({"id", "string", "textarea", "picklist", "multipicklist", "reference", "email", "phone", "url"})
NUMBER_TYPES = frozenset({"currency", "double", "int", "percent"})
_ADDRESS_PARTS = ("City", "Country", "Latitude", "Longitude", "PostalCode", "State", "Street")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an sObject, by its API name, label, and Salesforce type.

    length            in characters; 0 for types without one
    picklist, labels  the values in the order of set-up, and their labels where these differ; `restricted`: no other
                      values
    inactive          those of the values that nobody may choose any more; records keep them
    refers_to         the object of a reference; `others`: further objects of a polymorphic one
    relationship      the name of the reference in paths, such as `Owner` for `OwnerId`
    system            only the org sets it
    calculated        the org computes it from other fields
    read_only         the user's profile may not change it
    external_id       records can be looked up by it; `unique`: no two records have the same value
    default           of a new record; `computed_default`: a formula for it
    compound          an address or geolocation, made of the fields with this prefix; it is not stored
    within            the name of the compound field that this field is a part of
    seen_by           the column of the table `viewed` that holds its value for each user
    cascade           a master-detail field: deleting the parent deletes this record
    number_format     of an auto number, such as `INV-{0000}`
    rich_text         a text area with HTML in it
    id_lookup         records can be looked up by it, as by an external id
    precision, scale  of a number: how many digits, and how many of them after the point; a scale of None is not kept to
    controller        the picklist or checkbox on which a dependent picklist depends; `valid_for`: for each value of
                      `picklist`, the controller's values with which it may be chosen ("true" or "false" of a checkbox)
    encrypted         at rest, so that its values can be neither compared nor sorted; `exact`: but for equality
    coded             an address whose country and state have codes beside their texts
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
    inactive: frozenset[str] = frozenset()
    within: str | None = None
    unique: bool = False
    cascade: bool = False
    number_format: str = ""
    rich_text: bool = False
    id_lookup: bool = False
    precision: int = 18
    scale: int | None = None
    controller: str = ""
    valid_for: tuple[tuple[str, ...], ...] = ()
    encrypted: bool = False
    exact: bool = False
    coded: bool = False
    computed_default: "Callable[[Change], object] | None" = None

    @property
    def stored(self) -> bool:
        """Whether it has a column in the database."""
        return self.compound is None

    @property
    def custom(self) -> bool:
        """Whether it is a custom field."""
        return self.name.endswith("__c")

    @property
    def is_key(self) -> bool:
        """Whether a record may be named by it in an address, an upsert, or a reference to a parent.

        Source: SOAP API Developer Guide, Field, idLookup; Object Reference, the properties of fields.
        """
        return self.type == "id" or self.external_id or self.id_lookup

    @property
    def digits(self) -> int:
        """How many digits a whole number may have; 0 for other types."""
        return 0 if self.type != "int" else 8 if self.name == "NumberOfEmployees" else 9

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the objects that the reference may point to; empty for other types."""
        return (self.refers_to, *self.others) if self.refers_to else ()

    @property
    def position(self) -> tuple[str, str]:
        """The names of the latitude and longitude fields of an address or geolocation."""
        if self.type == "location":
            return f"{self.compound}__Latitude__s", f"{self.compound}__Longitude__s"
        return f"{self.compound}Latitude", f"{self.compound}Longitude"

    def label_of(self, value: str) -> str:
        """The label of a picklist value."""
        return next((label for v, label in zip(self.picklist, self.labels, strict=False) if v == value), value)

    @property
    def writable(self) -> bool:
        """Whether a client may set it."""
        return self.stored and not (self.system or self.calculated or self.read_only)

    @property
    def parts(self) -> tuple[str, ...]:
        """What an address is made of, by the ends of the fields' names."""
        return (*_ADDRESS_PARTS, *(("StateCode", "CountryCode") if self.coded else ()))

    @property
    def sql_type(self) -> str:
        """The type of its column in SQLite."""
        if self.type in NUMBER_TYPES:
            return "REAL"
        if self.type == "boolean":
            return "INTEGER"
        return "TEXT" if self.type in ("id", "reference", "date", "datetime") else f"TEXT COLLATE {COLLATION}"

    @property
    def filterable(self) -> bool:
        """Whether WHERE may use it. It may not use long text areas, compound fields, and what is encrypted."""
        return (
            self.stored
            and (self.exact or not self.encrypted)
            and self.type != "base64"
            and (self.type != "textarea" or self.length <= 255)
        )

    @property
    def sortable(self) -> bool:
        """Whether ORDER BY may use it: what WHERE may use, but no multi-select picklist.

        Source: SOQL and SOSL Reference, ORDER BY, restrictions on data types.
        """
        return self.filterable and not self.encrypted and self.type != "multipicklist"

    @property
    def choices(self) -> "tuple[Choice, ...]":
        """The entries of a picklist that may be chosen, as describe lists them."""
        labels, with_ = (*self.labels, *self.picklist[len(self.labels) :]), self.valid_for or ((),) * len(self.picklist)
        entries = zip(self.picklist, labels, with_, strict=False)
        return tuple(Choice(*entry) for entry in entries if entry[0] not in self.inactive)

    @property
    def active_values(self) -> tuple[str, ...]:
        """The values of a picklist that may be chosen."""
        return tuple(v for v in self.picklist if v not in self.inactive)

    @property
    def groupable(self) -> bool:
        """Whether GROUP BY may use it."""
        never = ("currency", "double", "percent", "datetime", "multipicklist")
        return self.filterable and self.type not in never and not self.number_format

    @property
    def aggregatable(self) -> bool:
        """Whether COUNT, COUNT_DISTINCT, MIN and MAX may use it.

        Source: SOQL and SOSL Reference, Support for Field Types in Aggregate Functions.
        """
        return self.filterable and not self.encrypted and self.type not in ("boolean", "multipicklist")


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a picklist. `valid_with` are the controlling values with which it may be chosen, where it depends on
    another field; two entries of such a picklist may have one value.
    """

    value: str
    label: str
    valid_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    """The children of an object by the name that sub-queries use: `Contacts` of Account are Contact through
    `AccountId`.
    """

    name: str
    child: str
    field: str


@dataclass(frozen=True, slots=True)
class Change:
    """A record as it would be saved, the record before that (None for a new one), and the org's time."""

    row: Mapping[str, object]
    before: Mapping[str, object] | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """A validation rule. `refuses` says whether it refuses a change; `field` is the field of its message, empty for the
    page.
    """

    name: str
    message: str
    field: str
    refuses: Callable[[Change], bool]


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type, by developer name and label. `picklists` are by field the values that its records may have, of
    fields that are not named all; `defaults` are by field the value with which a new record begins.

    `hidden_from` are the profiles that may not use it, `default_of` those whose default it is. `available` and
    `default` say so for the user whose schema it is in. `person`: its records are people. Source: Metadata API
    Developer Guide, RecordType and Profile.
    """

    name: str
    label: str
    description: str = ""
    active: bool = True
    picklists: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]], hash=False)
    defaults: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    hidden_from: tuple[str, ...] = ()
    default_of: tuple[str, ...] = ()
    person: bool = False
    available: bool = True
    default: bool = False

    def values_of(self, f: Field) -> tuple[str, ...]:
        """The values of a picklist that a record of this type may have, in the order of set-up."""
        own = self.picklists.get(f.name)
        return f.active_values if own is None else tuple(v for v in f.active_values if v in own)


@dataclass(frozen=True, slots=True)
class SObject:
    """One object of the org. `prefix` are the first three characters of its record ids.

    `record_types` are those beside the master record type. `createable`, `updateable`, and `deletable` are what the
    user may do. `view` is the SQL of an object without records of its own, which only sub-queries read. `language` is
    that of the labels, where it is not that of set-up; `original` is then the object with those.
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
    record_types: tuple[RecordType, ...] = ()
    rules: tuple[Rule, ...] = ()
    view: str = ""
    language: str = ""
    original: "SObject | None" = field(default=None, repr=False, compare=False)
    by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name.lower(): f for f in self.fields})

    @property
    def custom(self) -> bool:
        """Whether it is a custom object."""
        return self.name.endswith("__c")

    def record_type_id(self, number: int) -> str:
        """The id of the record type at this index of `record_types`."""
        return make_id("012", int.from_bytes(self.prefix.encode()) * 100 + number)

    @property
    def name_field(self) -> str:
        """The name of the field that names a record; `Id` when it has none."""
        return next((n for n in ("Name", "CaseNumber", "Subject", "Title") if n.lower() in self.by_name), "Id")

    @property
    def sort_field(self) -> str:
        """The name of the field by which lists are sorted: that which names a record, `Id` where it is encrypted."""
        f = self.field(self.name_field)
        return self.name_field if f is not None and f.sortable else "Id"

    def field(self, name: str) -> Field | None:
        """The field with this API name in any case, None when there is none."""
        return self.by_name.get(name.lower())

    def parent(self, relationship: str) -> Field | None:
        """The reference field of a relationship such as `Account` or `Owner`, in any case; None when there is none."""
        wanted = relationship.lower()
        return next((f for f in self.fields if f.relationship and f.relationship.lower() == wanted), None)

    def child(self, relationship: str) -> ChildRelationship | None:
        """The child relationship with this name in any case, None when there is none."""
        wanted = relationship.lower()
        return next((c for c in self.children if c.name.lower() == wanted), None)


class Schema:
    """A set of objects: all of an org's, or those that a user may see. `schema["Account"]` raises KeyError when it is
    missing.
    """

    def __init__(self, objects: Iterable[SObject]) -> None:
        self._objects = {o.name.lower(): o for o in objects}
        self._by_prefix = {o.prefix: o for o in self._objects.values() if o.prefix}

    def sobject(self, name: str) -> SObject | None:
        """The object with this API name in any case, None when there is none."""
        return self._objects.get(name.lower())

    def of_id(self, identifier: str) -> SObject | None:
        """The object to which a record with this id belongs, None when there is none."""
        return self._by_prefix.get(identifier[:3])

    def __getitem__(self, name: str) -> SObject:
        return self._objects[name.lower()]

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._objects.values())
