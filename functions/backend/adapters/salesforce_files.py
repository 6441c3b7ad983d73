"""A file as Salesforce takes it: the fields in JSON, then the bytes.

Source: REST API Developer Guide, "Insert or Update Blob Data".
"""

import secrets
from collections.abc import Mapping

import msgspec

from backend.transfer import Incoming, Upload

_MOST_TITLE = 255  # characters of ContentVersion.Title


def in_parts(fields: Mapping[str, str], file: Incoming) -> Upload:
    """The multipart body of a new ContentVersion. The part's own file name says nothing: PathOnClient counts."""
    boundary = secrets.token_hex(24)  # by chance not in the file
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="entity_content"\r\n'
        "Content-Type: application/json\r\n\r\n"
    ).encode() + msgspec.json.encode(dict(fields))
    head += (
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="VersionData"; filename="file"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    return Upload.around(head, file, f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def title_of(name: str) -> str:
    """The title of a file: its name without the extension."""
    stem, dot, _ = name.rpartition(".")
    return (stem if dot and stem else name)[:_MOST_TITLE]
