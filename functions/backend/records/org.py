"""What the data calls need of Salesforce: its REST API as one user, and its describe of an object as that user sees
it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Protocol

import msgspec

from backend.records.actions import Target
from backend.values import Uid
from contract.calls import KIND, FieldShape, FieldValue, Section, Sort
from contract.conversion import ConvertLead
from contract.favorites import Favorite
from contract.list_views import ListViews
from contract.picklists import Picklist, RecordType

Row = Mapping[str, object]
RECORD_TYPE = "RecordTypeId"  # the field that has a record's record type, in every object that has some
WON, LOST = "won", "lost"  # what a stage means whose records are closed
CURRENCY = "CurrencyIsoCode"  # a record's field that says what its amounts are in, where an org has several currencies


class DescribedField(msgspec.Struct, frozen=True):
    """A field as Salesforce's describe shows it to this user; `within` is the address or name that it is a part of.
    What is `encrypted` can be compared for equality at most, where it is filterable.
    """

    shape: FieldShape
    filterable: bool
    sortable: bool
    within: str | None = None
    encrypted: bool = False

    @property
    def comparable(self) -> bool:
        """Whether Salesforce compares it by more than equality."""
        return self.filterable and not self.encrypted


class People(msgspec.Struct, frozen=True):
    """Which records of an object are people: the ids of their record types, and the sections of their page layout."""

    record_types: tuple[str, ...]
    sections: tuple[Section, ...] = ()


class ViewQuery(msgspec.Struct, frozen=True):
    """What a list view shows: `scope` is the word after USING SCOPE, `condition` the SOQL after WHERE, each "" for
    none; `sort` is the first field of its order.
    """

    scope: str = ""
    condition: str = ""
    sort: Sort | None = None


class Described(msgspec.Struct, frozen=True):
    """An sObject as this user may see it. `modified` is Salesforce's own stamp of this state of it, for asking again.

    `sections` are those of the user's page layout, each field with its parts (an address with its street, city, …);
    `captions` are what that layout calls its references, by field. `key_prefix` is what the ids of its records begin
    with. `record_types` are those that a new record may get; `picklists` is what is known of each record type's
    picklists, by its id and by field. `language` is the user's, in which all labels are, "" when it is not known.
    `people` is there where some of the records are people. `actions` are the names of those of its actions that the
    org has for this user, as it said in `actions_hour` (hours since the epoch). `views` are the list views that were
    asked for, by the first 15 characters of their id. `stages` says of the values of its stage what they mean: WON or
    LOST, "" for a record that is open; it is empty where Salesforce does not tell.
    """

    name: str
    label: str
    label_plural: str
    fields: Mapping[str, DescribedField]
    modified: str | None = None
    creatable: bool = True
    editable: bool = True
    deletable: bool = True
    sections: tuple[Section, ...] = ()
    key_prefix: str = ""
    language: str = ""
    captions: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    record_types: tuple[RecordType, ...] = ()
    people: People | None = None
    picklists: Mapping[str, Mapping[str, Picklist]] = msgspec.field(default_factory=dict[str, Mapping[str, Picklist]])
    actions: tuple[str, ...] = ()
    actions_hour: int = 0
    views: Mapping[str, ViewQuery] = msgspec.field(default_factory=dict[str, ViewQuery])
    stages: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])

    def shows(self, path: str) -> bool:
        """Whether the user can read a field, or a parent's field such as `Owner.Name`.

        Whether a parent is a user or a queue (`Owner.Type`) is a field of those only that may be one or the other.
        Source: Object Reference, Name.
        """
        head, _, rest = path.partition(".")
        if not rest:
            return head in self.fields
        return any(
            f.shape.relationship == head and (rest != KIND or len(f.shape.refers_to) > 1) for f in self.fields.values()
        )


class Undescribed(Enum):
    """Why a describe brought nothing new."""

    UNCHANGED = "unchanged"
    HIDDEN = "hidden"  # an object that a user may not see is not there for them


class PreconditionFailed(Exception):
    """The record is not as it was any more; `current` is how it is, None when it is gone."""

    def __init__(self, current: Row | None) -> None:
        super().__init__()
        self.current = current


class AlreadyConverted(Exception):
    """The record was converted before; Salesforce has done nothing now."""


class Org(Protocol):
    """Salesforce's REST API as one user, each method one request. Every method raises CallErrors; ShapeRefused among
    them when a text or a record names what describe does not show (any more)."""

    async def query(self, uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        """The rows of each SOQL text."""
        ...

    async def search(self, uid: Uid, text: str) -> Sequence[Row]:
        """The rows that a SOSL text matches; `attributes.type` is the object of each."""
        ...

    async def describe(
        self, uid: Uid, sobjects: Mapping[str, str | None], language: str = ""
    ) -> Mapping[str, Described | Undescribed]:
        """Each object by its name, or why it is not described. `sobjects` has names, each with the `modified` of the
        describe that is kept (None: none is), so that an unchanged one is not sent again. `language` is the one of
        those describes: when the user has another one now, all come anew, by one more request.
        """
        ...

    async def picklists(self, uid: Uid, sobject: str, record_type: str) -> Mapping[str, Picklist]:
        """What the picklists of an object hold for records of a type (its id), by field. Raises NotFound where the
        object has no such type, or Salesforce's User Interface API does not know the object.
        """
        ...

    async def list_views(self, uid: Uid, sobject: str) -> ListViews:
        """The list views of an object that can be asked for as SOQL. Raises NotFound where the object has none."""
        ...

    async def list_view(self, uid: Uid, sobject: str, view_id: str) -> str:
        """The query that Salesforce runs for a list view. Raises NotFound where the user has no such view."""
        ...

    async def favorites(self, uid: Uid) -> Sequence[Favorite]:
        """The records that the user has starred."""
        ...

    async def add_favorite(self, uid: Uid, record_id: str, name: str) -> Favorite:
        """Stars a record. Raises NotFound where the user sees no such record."""
        ...

    async def remove_favorite(self, uid: Uid, favorite: str) -> None:
        """Takes a star away. Raises NotFound when it is gone."""
        ...

    async def create(
        self,
        uid: Uid,
        sobject: str,
        fields: Mapping[str, FieldValue],
        selected: str,
        *,
        allow_duplicates: bool = False,
    ) -> tuple[str, Row | None]:
        """Creates a record. Returns its id, and the record with the `selected` fields (the text after SELECT); None
        when it could not be read back. Raises MayBeDuplicate, but with `allow_duplicates` where the org lets it be.
        """
        ...

    async def update(
        self,
        uid: Uid,
        sobject: str,
        record_id: str,
        fields: Mapping[str, FieldValue],
        selected: str,
        unchanged_since: datetime | None,
        *,
        allow_duplicates: bool = False,
    ) -> Row | None:
        """Changes a record that nobody has changed after `unchanged_since` (None: in any case). Returns the record with
        the `selected` fields; None when it could not be read back.

        Raises PreconditionFailed when somebody has changed it, MayBeDuplicate as `create` does.
        """
        ...

    async def delete(self, uid: Uid, sobject: str, record_id: str) -> None:
        """Deletes a record. Raises NotFound when it is gone."""
        ...

    async def complete(self, uid: Uid, task_id: str, selected: str) -> tuple[Row | None, str | None]:
        """Gives a task that is open the first of the org's statuses that close one. Returns the task with the
        `selected` fields, None when it is not there, and the status that it had, None when nothing was changed.
        """
        ...

    async def log(self, uid: Uid, *tasks: Mapping[str, FieldValue]) -> Sequence[str]:
        """Creates tasks, all or none: the first one with a status that closes it. Returns their ids."""
        ...

    async def has_action(self, uid: Uid, target: Target) -> bool:
        """Whether the org has an action and the user may run it, as far as Salesforce says so before it is run: of Apex
        REST it does not, then no request is made and the answer is True."""
        ...

    async def run_action(
        self, uid: Uid, target: Target, record_id: str, inputs: Mapping[str, FieldValue]
    ) -> Mapping[str, object]:
        """Runs an action, sent once. Returns the values of its answer.

        Raises RefusedRequest: action-refused with what the action itself says, action-failed for one that broke off by
        a fault of its own, action-missing, not-permitted; OutcomeUnknown when nobody knows whether it ran.
        """
        ...

    async def convert(self, uid: Uid, wanted: ConvertLead) -> tuple[str, str, str]:
        """Converts a lead, sent once; `wanted.status` is said. Returns the ids of the account, the contact and the
        opportunity, "" for none.

        Raises AlreadyConverted; OutcomeUnknown when nobody knows whether it was converted.
        """
        ...

    async def currency(self, uid: Uid) -> str:
        """The ISO 4217 code of the org's only currency; "" when it has several, or does not say."""
        ...

    async def site(self, uid: Uid) -> str:
        """The address of the user's org, for links to Salesforce's own pages; makes no request to Salesforce."""
        ...
