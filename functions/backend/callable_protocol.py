"""Firebase's callable protocol over ASGI: POST {"data": …} in, {"result": …} or {"error": {status, message, details}}
out.

Source: Firebase documentation, "Protocol specification for https.onCall".
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from backend.values import WrittenRecord
from contract.calls import MAX_BODY, MAX_PUBLIC_BODY, Call
from contract.codec import DecodeError, decode, encode
from contract.errors import CallError, Reason, RefusedRequest, SessionInvalid

Q = TypeVar("Q")
READ_SECONDS = 10.0  # in which a request has to arrive
_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_LONGEST = 2**63
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19
_DEEPEST = 32  # nested values
_LONG = ("type.googleapis.com/google.protobuf.Int64Value", "type.googleapis.com/google.protobuf.UInt64Value")


def call_name(path: str, function: str) -> str:
    """`signIn` of `/auth/signIn` (through Hosting) and of `/signIn` (the function's own address)."""
    return path.strip("/").removeprefix(f"{function}/")


async def read_request(call: Call[Q, Any], request: Request) -> Q:
    """The request of a call, decoded from `data` in the body.

    Raises RefusedRequest when the body is not JSON by its Content-Type or has another shape, is larger than MAX_BODY
    (MAX_PUBLIC_BODY for a public call), or has not arrived after READ_SECONDS; then it is not read to its end.
    """
    # Of another type a page of any origin may send a body without a preflight.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "The Content-Type is application/json.")
    data = _parsed(await _body(request, MAX_PUBLIC_BODY if call.public else MAX_BODY))
    try:
        return decode(call.request, {} if data is None else data)
    except DecodeError as wrong:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, str(wrong)) from None


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            is_whole = False
            while not is_whole:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise RefusedRequest(Reason.MALFORMED_REQUEST, "The request broke off.")
                body += message.get("body", b"")
                if len(body) > most:
                    raise RefusedRequest(Reason.REQUEST_TOO_LARGE)
                is_whole = not message.get("more_body", False)
    except TimeoutError:
        raise RefusedRequest(
            Reason.MALFORMED_REQUEST, f"The request did not arrive within {READ_SECONDS:.0f} seconds."
        ) from None
    return bytes(body)


def _parsed(body: bytes) -> object:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "The body is not JSON.") from None
    if not isinstance(value, dict) or cast(dict[str, object], value).keys() != {"data"}:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, 'The body is {"data": …} and has no other fields.')
    data = cast(dict[str, object], value)["data"]
    return plain(data) if _may_have_long(body) else data


def _may_have_long(body: bytes) -> bool:
    """Whether `plain` may have something to do: seen in the bytes, which takes a fraction of the time."""
    return (
        b"@type" in body
        or b"\\u" in body
        or _MANY_DIGITS in body.translate(_DIGITS)
        or body.count(b"{") + body.count(b"[") > _DEEPEST
    )


def bearer(request: Request) -> str:
    """The Firebase ID token in the Authorization header. Raises SessionInvalid when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not token.strip():
        raise SessionInvalid(Reason.ID_TOKEN_MISSING)
    if scheme.lower() != "bearer":
        raise SessionInvalid(Reason.ID_TOKEN_INVALID)
    return token.strip()


def result(answer: object) -> Response:
    """The response 200 with an answer of the contract."""
    return _Json({"result": encode(answer, leave=WrittenRecord)}, 200)


def error(refused: CallError) -> Response:
    """The response for a failed call, with the HTTP status that the protocol has for its status word."""
    details = {"reason": refused.reason.value, **refused.details}
    body = {"error": {"status": refused.status, "message": refused.message, "details": details}}
    wait = refused.details.get("retryAfter")
    return _Json(body, _HTTP_STATUS[refused.status], () if wait is None else [(b"retry-after", f"{wait}".encode())])


def as_asked(request: Request, answer: Response) -> Response:
    """The answer as the client takes it: as an event for an SDK's `stream()`, which else waits for ever. A file stays
    as it is."""
    if isinstance(answer, StreamingResponse) or "text/event-stream" not in request.headers.get("accept", "").lower():
        return answer
    headers = {k: v for k, v in answer.headers.items() if k not in ("content-type", "content-length")}
    event = b"data: " + bytes(answer.body) + b"\n\n"
    return Response(event, answer.status_code, headers=headers, media_type="text/event-stream")


class _Json(Response):
    """A response of JSON. Starlette's own constructor goes through every header once more."""

    def __init__(self, body: Mapping[str, Any], status: int, more: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.status_code, self.background = status, None
        self.body = msgspec.json.encode(body)
        self.raw_headers = [*_HEADERS, (b"content-length", b"%d" % len(self.body)), *more]


def plain(value: object, depth: int = 0) -> object:
    """The value with the 64-bit numbers unwrapped that the iOS and Android SDKs send as objects with a type. Raises
    RefusedRequest.
    """
    if depth > _DEEPEST:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "The data is nested too deeply.")
    if isinstance(value, dict):
        named = cast(dict[str, object], value)
        if named.get("@type") in _LONG:
            try:
                return plain(int(str(named.get("value"))))
            except ValueError:
                raise RefusedRequest(Reason.MALFORMED_REQUEST, "A 64-bit number is not a number.") from None
        return {k: plain(v, depth + 1) for k, v in named.items()}
    if isinstance(value, list):
        return [plain(v, depth + 1) for v in cast(list[object], value)]
    if isinstance(value, int) and not -_LONGEST <= value < _LONGEST:
        raise RefusedRequest(Reason.MALFORMED_REQUEST, "A number has more than 64 bits.")
    return value
