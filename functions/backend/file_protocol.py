"""Files beside Firebase's callable protocol: a request whose body is the bytes and whose `data` is in a header, and an
answer that is the bytes. Refusals are those of the protocol.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Send

from backend.callable_protocol import plain
from backend.transfer import Incoming, Outgoing, too_large
from contract.calls import Call
from contract.codec import DecodeError, decode
from contract.errors import CallError, Reason, RefusedRequest
from contract.files import BYTES, DATA_HEADER, MAX_FILE

Q = TypeVar("Q")
# Nothing that somebody has put into Salesforce is ever shown as a page of our origin.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


def read_upload(call: Call[Q, Any], request: Request) -> tuple[Q, Incoming]:
    """The request of a call that brings a file, and the file, of which nothing is read yet.

    Raises RefusedRequest when the header has another shape, the Content-Type is not that of bytes, no Content-Length
    says how many there are, or there are more than MAX_FILE.
    """
    # Of another type a page of any origin may send a body without a preflight.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != BYTES:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, f"The Content-Type is {BYTES}.")
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "The Content-Length says how large the file is.")
    if int(length) > MAX_FILE:
        raise too_large()
    try:
        data: object = msgspec.json.decode(unquote(request.headers.get(DATA_HEADER, ""), errors="strict"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedRequest(
            Reason.MALFORMED_REQUEST, f"The header {DATA_HEADER} has the request as percent-encoded JSON."
        ) from None
    try:
        asked = decode(call.request, plain(data))
    except DecodeError as wrong:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, str(wrong)) from None
    return asked, Incoming(int(length), _pieces(request, int(length)))


async def _pieces(request: Request, size: int) -> AsyncIterator[bytes]:
    left = size
    try:
        async for piece in request.stream():
            left -= len(piece)
            if left < 0:
                break
            if piece:
                yield piece
    except ClientDisconnect:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "The request broke off.") from None
    if left:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "The file has another size than the Content-Length says.")


class FileAnswer(StreamingResponse):
    """The bytes of a file, as a download. A file that breaks off ends without its last piece, so that nobody takes it
    for whole. `done` is called at the end with why it broke off, None when it did not.
    """

    def __init__(self, file: Outgoing, done: Callable[[CallError | None], None]) -> None:
        headers = _HEADERS if file.size is None else {**_HEADERS, "Content-Length": str(file.size)}
        super().__init__(self._watched(file, done), headers=headers, media_type=BYTES)

    @staticmethod
    async def _watched(file: Outgoing, done: Callable[[CallError | None], None]) -> AsyncIterator[bytes]:
        why: CallError | None = RefusedRequest(Reason.MALFORMED_REQUEST, "The app did not take the file.")
        pieces = file.pieces()
        try:
            async for piece in pieces:
                yield piece
            why = None
        except CallError as failed:
            why = failed
            raise
        finally:
            await pieces.aclose()
            done(why)

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for piece in self.body_iterator:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except CallError:
            return  # without an end: the server closes the connection
        await send({"type": "http.response.body", "body": b"", "more_body": False})
