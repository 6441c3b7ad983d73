"""Values that several calls carry, and what they keep to."""

from dataclasses import dataclass
from typing import Annotated, Literal

FieldValue = str | bool | int | float | None
Sobject = str  # the API name of an object that getObjects names; another one is RefusedRequest(unknown-object)
RECORD_ID = r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?"
MAX_SEARCH = 100  # characters
IDEMPOTENCY_KEY = r"[A-Za-z0-9_-]{1,100}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value keeps to beside its type: the backend refuses a request with any other. `pattern` holds for all of a
    text, `format` is a word of JSON Schema's."""

    minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None


Time = Annotated[str, Limits(format="date-time")]  # ISO 8601, with its offset from UTC
RecordId = Annotated[str, Limits(pattern=RECORD_ID)]


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that listed records meet; `contains` is for texts, without regard to case.

    In an org with several currencies amounts are compared by what they are worth: `value` is in `currency` (an ISO 4217
    code, one of the active ones), or in the corporate currency.
    """

    field: str
    operator: Literal["eq", "ne", "lt", "le", "gt", "ge", "contains"]
    value: FieldValue
    currency: Annotated[str | None, Limits(pattern="[A-Z]{3}")] = None


@dataclass(frozen=True, slots=True)
class Sort:
    """The field that a list is sorted by."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A record; `version` goes back with an update so that nobody's change is lost.

    A parent's field is `Account.Name`.
    """

    id: str
    fields: dict[str, FieldValue]
    version: str | None = None
