"""Requests in several parts: the fields of a record in JSON, and the bytes of its file.

Sources: REST API Developer Guide, "Insert or Update Blob Data" (2 GB in parts, 50 MB of text otherwise); the errors:
forcedotcom/SalesforceMobileSDK-ReactNative#237 and #181, frankframework/frankframework#3917 and #6118.
"""

from typing import cast

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from localorg.errors import ApiError
from localorg.schema.sobjects import SObject
from localorg.web import json_object

MAX_TEXT = 50 * 1024 * 1024
MAX_FILE = 256 * 1024 * 1024  # Salesforce takes 2 GB; this org holds a file in memory


async def record_fields(request: Request, source: SObject) -> dict[str, object]:
    """The fields of the record in a request, bytes among them. Raises ApiError."""
    blobs = {f.name.lower() for f in source.fields if f.type == "base64"}
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await (json_object(request, most=MAX_TEXT) if blobs else json_object(request))
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MAX_FILE:
        raise _too_large()
    try:
        async with request.form(max_part_size=MAX_TEXT) as form:
            return await _fields(form.multi_items(), blobs)
    except HTTPException as wrong:
        raise _refused(f"the parts of the request cannot be read: {wrong.detail}") from None
    except KeyError:
        raise _refused("the request names no boundary between its parts") from None


async def _fields(parts: list[tuple[str, "UploadFile | str"]], blobs: set[str]) -> dict[str, object]:
    texts: list[bytes] = []
    files: dict[str, bytes] = {}
    binaries = 0
    for name, part in parts:
        binary = name.lower() in blobs
        if isinstance(part, UploadFile):
            kind = part.content_type or ""
            if (part.size or 0) > MAX_FILE:
                raise _too_large()
            content = await part.read()
            binary = binary or not ("json" in kind or "xml" in kind)
        else:
            content = part.encode("utf-8", "replace")
        if binary:
            files[name] = content
            binaries += 1
        else:
            texts.append(content)
    if binaries > 1:
        raise _refused("Cannot include more than one binary part")
    if not texts:
        raise _refused("Multipart message must include a non-binary part")
    if len(texts) > 1:
        raise _refused("Cannot include more than one non-binary part")
    try:
        value: object = msgspec.json.decode(texts[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "The non-binary part is no JSON object")
    return {**cast(dict[str, object], value), **files}


def _refused(message: str) -> ApiError:
    return ApiError(400, "INVALID_MULTIPART_REQUEST", message)


def _too_large() -> ApiError:
    return ApiError(413, "REQUEST_TOO_LARGE", "The request entity is too large")
