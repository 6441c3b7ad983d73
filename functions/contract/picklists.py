"""Record types, and what the picklists of their records hold."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type that the user may give a new record; `name` is in their language, `default` is true for the one
    that Salesforce takes when none is said.
    """

    id: str
    name: str
    default: bool = False


@dataclass(frozen=True, slots=True)
class Picklist:
    """What a picklist holds for records of a type: its `values`, the `labels` of those that read otherwise, the
    `default` of a new record. `validFor` says of each value of a dependent picklist with which values of its
    controlling field it may be chosen. `labelsWith` are by controlling value the labels of those values that read
    otherwise with it, as the code of a state may mean another one in another country.
    """

    values: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict[str, str])
    default: str | None = None
    valid_for: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    labels_with: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])


@dataclass(frozen=True, slots=True)
class Picklists:
    """The picklists of a record type by field; one that is not named holds what its field says."""

    fields: dict[str, Picklist]
