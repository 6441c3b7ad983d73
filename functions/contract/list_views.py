"""The org's own list views of an object, as a user may see them in Salesforce; listRecords shows one by its id."""

from dataclasses import dataclass

from contract.values import RecordId, Sobject

MAX_LIST_VIEWS = 2000


@dataclass(frozen=True, slots=True)
class GetListViews:
    """Whose list views."""

    sobject: Sobject


@dataclass(frozen=True, slots=True)
class ListView:
    """A list view, by what it is called in Salesforce."""

    id: RecordId
    label: str


@dataclass(frozen=True, slots=True)
class ListViews:
    """The list views of an object that can be shown here, as Salesforce orders them, at most 2,000; `complete` is
    whether these are all.
    """

    views: tuple[ListView, ...]
    complete: bool = True
