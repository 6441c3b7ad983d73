"""Files of a record. Their bytes go outside JSON: uploadFile's as the body of the request, getFile's as that of the
answer. docs/write-your-own-client.md says how.
"""

from dataclasses import dataclass
from typing import Annotated

from contract.values import IDEMPOTENCY_KEY, Limits, RecordId, Sobject, Time

MAX_FILE = 25 * 1024 * 1024  # bytes; Cloud Run takes requests of up to 32 MiB over HTTP/1
MAX_FILE_NAME = 200  # characters
DATA_HEADER = "X-Callable-Data"  # what `data` is elsewhere, as percent-encoded JSON, beside a body of bytes
BYTES = "application/octet-stream"
FILE_SECONDS = 50.0  # as CALL_SECONDS, for a call that carries a file; Firebase Hosting gives up after 60
FILE_ANSWER_SECONDS = 53.0
FILE_APP_SECONDS = 58.0


@dataclass(frozen=True, slots=True)
class ListFiles:
    """Asks for the files of a record, those that were changed last first."""

    sobject: Sobject
    id: RecordId


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A file in its latest version: `id` is that version's, for getFile. `size` is in bytes."""

    id: str
    title: str
    extension: str
    size: int
    changed_at: Time


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """The files of a record that this user may see, 200 at most."""

    files: tuple[RecordFile, ...] = ()


@dataclass(frozen=True, slots=True)
class UploadFile:
    """Adds the file in the body to a record, under its `name` with its extension; the idempotency key is as in
    createRecord.
    """

    sobject: Sobject
    id: RecordId
    name: Annotated[str, Limits(min_length=1, max_length=MAX_FILE_NAME)]
    idempotency_key: Annotated[str | None, Limits(pattern=IDEMPOTENCY_KEY)] = None


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """The file is in Salesforce, in the version with this id."""

    id: str


@dataclass(frozen=True, slots=True)
class GetFile:
    """Asks for the bytes of a version of a file."""

    id: RecordId
