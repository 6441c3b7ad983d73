"""Values that several calls carry, and what they keep to."""

from dataclasses import dataclass
from typing import Annotated

FieldValue = str | bool | int | float | None
Sobject = str  # the API name of an object that getObjects names; another one is RefusedRequest(unknown-object)
RECORD_ID = r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?"
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
