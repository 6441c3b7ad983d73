"""What the data calls need of Salesforce: its REST API as one user, and its describe of an object as that user sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backend.values import Uid
from contract.calls import FieldShape, FieldValue

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DescribedField:
    """A field as Salesforce's describe shows it to this user."""

    shape: FieldShape
    relationship: str | None
    filterable: bool
    sortable: bool


@dataclass(frozen=True, slots=True)
class Described:
    """An sObject as this user may see it."""

    name: str
    label: str
    label_plural: str
    fields: Mapping[str, DescribedField]

    def shows(self, path: str) -> bool:
        """Whether the user can read a field, or a parent's field such as `Owner.Name`."""
        head, _, rest = path.partition(".")
        if not rest:
            return head in self.fields
        return any(f.relationship == head for f in self.fields.values())


class PreconditionFailed(Exception):
    """The record was changed after the given moment."""


class Org(Protocol):
    """Salesforce's REST API as one user. Every method raises CallErrors."""

    async def query(self, uid: Uid, text: str) -> Sequence[Row]: ...

    async def search(self, uid: Uid, text: str) -> Sequence[Row]:
        """The records that a SOSL text finds; `attributes.type` tells their object."""
        ...

    async def describe(self, uid: Uid, sobject: str) -> Described: ...

    async def create(self, uid: Uid, sobject: str, fields: Mapping[str, FieldValue]) -> str: ...

    async def update(self, uid: Uid, sobject: str, record_id: str, fields: Mapping[str, FieldValue], unmodified_since: datetime | None) -> None:
        """Raises PreconditionFailed as well."""
        ...

    async def delete(self, uid: Uid, sobject: str, record_id: str) -> None: ...
