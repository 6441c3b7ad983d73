"""The files of a record: listed, added, read. The bytes go through and are never held.

Source: Object Reference, ContentVersion (FirstPublishLocationId), ContentDocumentLink (a query filters by one
LinkedEntityId); REST API Developer Guide, "Insert or Update Blob Data", "sObject Blob Get".
"""

from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

from backend.records import soql
from backend.records.creations import Creations
from backend.records.describe import Describes
from backend.records.layouts import layout_of
from backend.records.org import Row
from backend.transfer import Incoming, Outgoing, Sink
from backend.values import Caller, Uid
from contract.errors import Reason, RefusedRequest
from contract.files import MAX_FILE_NAME, GetFile, ListFiles, RecordFile, RecordFiles, UploadedFile, UploadFile

_MOST = 200  # files of a record
_FIELDS = ("LatestPublishedVersionId", "Title", "FileExtension", "ContentSize", "LastModifiedDate")
_VERSION = "068"  # what the ids of ContentVersion begin with


class FileOrg(Protocol):
    """Salesforce as one user, as far as files go; each method is one request and raises CallErrors."""

    async def query(self, uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        """The rows of each SOQL text."""
        ...

    async def upload(self, uid: Uid, record_id: str, name: str, file: Incoming) -> str:
        """Adds a file to a record, reading it once. Returns the id of its version.

        Raises what `file` raises; SendAgain; NotSent when it did not get there whole, OutcomeUnknown when it may have.
        """
        ...

    async def download(self, uid: Uid, version: str, sink: Sink) -> None:
        """Hands the bytes of a version of a file to `sink`. Raises what it raises, and OutcomeUnknown when they broke
        off."""
        ...


class Files:
    """The calls about files. One for each process. Each makes one request to Salesforce and raises CallErrors."""

    def __init__(self, org: FileOrg, describes: Describes, creations: Creations) -> None:
        self._org = org
        self._describes = describes
        self._creations = creations

    async def list_files(self, caller: Caller, request: ListFiles) -> RecordFiles:
        """The files of a record, in their latest version, those that were changed last first."""
        record_id = await self._record(caller, request.sobject, request.id)
        fields = ", ".join(f"ContentDocument.{name}" for name in _FIELDS)
        (rows,) = await self._org.query(
            caller.uid,
            f"SELECT {fields} FROM ContentDocumentLink WHERE LinkedEntityId = '{record_id}'"
            f" ORDER BY ContentDocument.LastModifiedDate DESC LIMIT {_MOST}",
        )
        return RecordFiles(tuple(file for row in rows if (file := _file(row)) is not None))

    async def upload_file(self, caller: Caller, request: UploadFile, file: Incoming) -> UploadedFile:
        """Adds a file to a record; with an idempotency key at most once, however often the request comes: a request
        that comes again with the same key is answered without its file being read.

        A file that broke off leaves nothing in Salesforce, and its key free. When Salesforce refuses the access token
        it is renewed, and SendAgain raised: the bytes that went by cannot be sent again from here.
        """
        name = _name(request.name)
        record_id = await self._record(caller, request.sobject, request.id)

        async def upload() -> UploadedFile:
            return UploadedFile(await self._org.upload(caller.uid, record_id, name, file))

        if request.idempotency_key is None:
            return await upload()
        content = ["file", request.sobject, record_id, name, file.size]
        return await self._creations.one(
            caller.uid, request.idempotency_key, content, upload, kept=lambda made: made.id, again=UploadedFile
        )

    async def get_file(self, caller: Caller, request: GetFile) -> Outgoing:
        """The bytes of a version of a file; which of them the user may read, Salesforce decides."""
        version = soql.record_id(request.id)
        if not version.startswith(_VERSION):
            raise RefusedRequest(Reason.INVALID_VALUE, "The id is not one of a file.")
        return await Outgoing.of(partial(self._org.download, caller.uid, version))

    async def _record(self, caller: Caller, sobject: str, record_id: str) -> str:
        """The checked id of a record of an object that the app shows and the user may see."""
        layout_of(sobject)
        await self._describes.get(caller.uid, sobject)
        return soql.record_id(record_id)


def _name(given: str) -> str:
    """The name of a file, without folders. Raises RefusedRequest when there is none, or a too long one."""
    name = given.replace("\\", "/").rsplit("/", 1)[-1].strip()
    if not name or len(name) > MAX_FILE_NAME or not name.isprintable():
        raise RefusedRequest(Reason.INVALID_VALUE, f"The name of a file has 1 to {MAX_FILE_NAME} characters.")
    return name


def _file(row: Row) -> RecordFile | None:
    """A file of a row; None for a row without a document, or one that is no file (a note has no version)."""
    document = row.get("ContentDocument")
    if not isinstance(document, dict):
        return None
    named = cast(dict[str, object], document)
    version, title, extension, size, changed = (named.get(name) for name in _FIELDS)
    if not isinstance(version, str):
        return None
    bytes_ = int(size) if isinstance(size, int | float) else 0
    return RecordFile(version, str(title or ""), str(extension or ""), bytes_, str(changed or ""))
