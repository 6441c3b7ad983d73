"""Files: the bytes of a ContentVersion, its document, and where the document is shared.

Sources: Object Reference, ContentVersion (Checksum is the MD5, FileType comes from PathOnClient), ContentDocument,
ContentDocumentLink (ShareType V, C, I); REST API Developer Guide, "Insert or Update Blob Data".
"""

import hashlib
import mimetypes
import sqlite3
from collections.abc import Mapping

from localorg.data.sequence import next_id
from localorg.org import Org

BLOB_TABLE = "CREATE TABLE IF NOT EXISTS blob (record_id TEXT PRIMARY KEY, content BLOB NOT NULL)"
CREATED_WITH = frozenset({"VersionData", "PathOnClient", "ContentDocumentId", "FirstPublishLocationId"})
_ADDRESS = "/services/data/v{}/sobjects/ContentVersion/"
_STORED = _ADDRESS.format("68.0")


def complete(org: Org, row: dict[str, object]) -> None:
    """Sets what the org knows of a new ContentVersion, in place, and stores its bytes, its document and its links.

    Call it inside a transaction, with the row as it would be stored, whose VersionData is still the bytes.
    """
    content = row.pop("VersionData")
    data = content if isinstance(content, bytes) else b""
    identifier = str(row["Id"])
    name = str(row["PathOnClient"]).replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, extension = name.rpartition(".")
    row |= {
        "Title": row["Title"] or ((stem if dot and stem else name) or name)[:255],
        "FileExtension": extension[:40] if dot and stem else None,
        "FileType": (extension.upper() if dot and stem else "UNKNOWN")[:20],
        "ContentSize": float(len(data)),
        "Checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "VersionData": f"{_STORED}{identifier}/VersionData",
        "IsLatest": 1,
        "ContentModifiedDate": row["CreatedDate"],
    }
    org.db.execute("INSERT INTO blob VALUES (?, ?)", (identifier, data))
    if row["ContentDocumentId"] is None:
        row["ContentDocumentId"], row["VersionNumber"] = _new_document(org, row), "1"
    else:
        document = row["ContentDocumentId"]
        count = "SELECT COUNT(*) FROM ContentVersion WHERE ContentDocumentId = ?"
        row["VersionNumber"] = str(1 + int(org.db.execute(count, (document,)).fetchone()[0]))
        org.db.execute("UPDATE ContentVersion SET IsLatest = 0 WHERE ContentDocumentId = ?", (document,))
    describe_document(org, row)


def describe_document(org: Org, row: Mapping[str, object]) -> None:
    """Writes into a document what its latest version says of it."""
    if not row["IsLatest"]:
        return
    names = ("Title", "Description", "FileExtension", "FileType", "ContentSize", "LastModifiedDate", "SystemModstamp")
    sets = ", ".join(f"{n} = ?" for n in (*names, "LatestPublishedVersionId"))
    org.db.execute(
        f"UPDATE ContentDocument SET {sets} WHERE Id = ?",
        (*(row[n] for n in names), row["Id"], row["ContentDocumentId"]),
    )


def content_of(org: Org, identifier: str) -> bytes:
    """The bytes of a version."""
    row = org.db.execute("SELECT content FROM blob WHERE record_id = ?", (identifier,)).fetchone()
    return b"" if row is None else bytes(row["content"])


def media_type(extension: object) -> str:
    """The media type of files with this extension."""
    return mimetypes.types_map.get(f".{str(extension).lower()}", "application/octet-stream")


def with_version(value: object, version: str) -> object:
    """A value of an answer, where the address of a version's bytes is written for an API version such as `68.0`."""
    if isinstance(value, str) and value.startswith(_STORED):
        return _ADDRESS.format(version) + value.removeprefix(_STORED)
    return value


def _new_document(org: Org, version: Mapping[str, object]) -> str:
    stamps = {n: version[n] for n in ("CreatedDate", "LastModifiedDate", "SystemModstamp")}
    by = dict.fromkeys(("CreatedById", "LastModifiedById"), version["CreatedById"])
    owned = {"OwnerId": version["OwnerId"], **stamps, **by, "IsDeleted": 0}
    document = _insert(org.db, "ContentDocument", org.objects["ContentDocument"].prefix, owned)
    del owned["OwnerId"]
    places = ((version["OwnerId"], "I"), (version["FirstPublishLocationId"], "V"))
    for place, share in places:
        if place is not None:
            link = {
                "ContentDocumentId": document,
                "LinkedEntityId": place,
                "ShareType": share,
                "Visibility": "AllUsers",
            }
            _insert(org.db, "ContentDocumentLink", org.objects["ContentDocumentLink"].prefix, link | owned)
    return document


def _insert(db: sqlite3.Connection, sobject: str, prefix: str, values: Mapping[str, object]) -> str:
    identifier = next_id(db, prefix)[0]
    marks = ", ".join("?" * (len(values) + 1))
    db.execute(f"INSERT INTO {sobject} (Id, {', '.join(values)}) VALUES ({marks})", (identifier, *values.values()))
    return identifier
