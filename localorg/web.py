"""What all endpoints share: routes with counters, faults, and errors; bodies, tokens, and headers of requests."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from localorg.errors import ApiError, OAuthError
from localorg.faults import BODIES, Fault
from localorg.org import Org
from localorg.recent import because

Endpoint = Callable[[Org, Request], Awaitable[Response]]
NO_STORE = {"Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private"}
INNER = "localorg.session"  # scope key of a part of a composite request
PATH = "localorg.path"  # scope key of the path as the client wrote it, in bytes
KIND = "localorg.kind"  # scope key of what a request counts as
MAX_BODY = 10 * 1024 * 1024


class Json(Response):
    """A JSON answer with Salesforce's content type."""

    media_type = "application/json;charset=UTF-8"

    def render(self, content: object) -> bytes:
        """The content as JSON."""
        return msgspec.json.encode(content)


class CutConnection(Response):
    """An answer of which only the first byte is sent before the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def route(org: Org, path: str, kind: str, endpoint: Endpoint, methods: list[str]) -> Route:
    """A route of `endpoint`. Its requests are counted as `kind` (such as `rest.query`), and faults and limits apply to
    them.

    ApiError and OAuthError become answers.
    """

    async def work(request: Request) -> Response:
        try:
            return await endpoint(org, request)
        except ApiError as refused:
            because(refused.code, refused.message)
            return Json(refused.body(), refused.status, headers=limit_header(org) | refused.headers)
        except OAuthError as refused:
            because(refused.error, refused.description)
            return Json(
                {"error": refused.error, "error_description": refused.description}, refused.status, headers=NO_STORE
            )
        except ClientDisconnect:
            return Response(status_code=400)

    async def serve(request: Request) -> Response:
        request.scope[KIND] = kind
        if INNER in request.scope:
            return await work(request)
        to_revoke = kind == "revoke" and org.proofs.rules.revoke_proof and "dpop" in request.headers
        if authorization(request)[0] == "dpop" or to_revoke:
            return await with_nonce(org, request, kind, lambda: limited(request))
        return await limited(request)

    async def limited(request: Request) -> Response:
        if not kind.startswith("rest."):
            return await counted(org, kind, lambda: work(request))
        try:
            number = org.limits.begin(
                len(request.scope.get("raw_path") or b"") + 1 + len(request.scope["query_string"])
            )
        except ApiError as refused:
            because(refused.code, refused.message)
            return Json(refused.body(), refused.status, headers=limit_header(org))
        try:
            return await counted(org, kind, lambda: work(request))
        finally:
            org.limits.end(number)

    return Route(path, serve, methods=methods)


async def counted(org: Org, kind: str, work: Callable[[], Awaitable[Response]]) -> Response:
    """Counts a request as `kind` and runs `work`, or does what the next fault for this kind says."""
    org.counters[kind] += 1
    fault = org.faults.take(kind)
    if fault is None:
        return await work()
    org.counters[f"fault.{kind}"] += 1
    if fault.delay_ms:
        await asyncio.sleep(fault.delay_ms / 1000)
    if fault.hold:
        await org.faults.cleared.wait()
    if fault.cut == "before":
        return CutConnection()
    if fault.status is not None:
        return _refusal(kind, fault)
    response = await work()
    return CutConnection() if fault.cut == "after" else response


async def with_nonce(org: Org, request: Request, kind: str, work: Callable[[], Awaitable[Response]]) -> Response:
    """Runs `work` for a request that has a proof of possession, or tells the client to use a nonce.

    Being told so counts as `nonce.` and the kind, not as the kind: nothing was asked yet, and no fault happens to it.
    Sources: RFC 9449 sections 8 and 9; 400 at the token endpoint: SalesforceMobileSDK-Android#2955; 400 or 401 at
    resources, with the error in the body: release notes of its 14.0.1.
    """
    fault, proofs = org.faults.take_nonce(kind), org.proofs
    if fault == "forgotten":
        proofs.forget()
    if proofs.lacks_nonce(kind, request.headers.getlist("dpop")):
        org.counters[f"nonce.{kind}"] += 1
        because("use_dpop_nonce", "the DPoP proof has no nonce of this org, or an old one")
        body = {"error": "use_dpop_nonce", "error_description": "use the nonce of the header DPoP-Nonce"}
        asked = {"DPoP-Nonce": proofs.nonce(), "WWW-Authenticate": 'DPoP error="use_dpop_nonce", algs="ES256"'}
        return Json(body, proofs.status(kind) or 400, headers=NO_STORE | asked)
    response = await work()
    if fault == "rotated":
        proofs.forget()
    if proofs.status(kind) is not None and (fault == "rotated" or proofs.rules.rotate_nonce):
        response.headers["DPoP-Nonce"] = proofs.new_nonce()
    return response


def _refusal(kind: str, fault: Fault) -> Response:
    assert fault.status is not None
    because("FAULT", f"answered with {fault.status} instead of being done")
    if fault.body is not None:
        return Response(
            fault.body, fault.status, media_type="application/json" if fault.body[:1] in ("{", "[") else "text/html"
        )
    code, message = BODIES.get(fault.status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred."))
    if kind.startswith("token."):
        return Json({"error": "unknown_error", "error_description": "retry your request"}, fault.status)
    return Json([{"message": message, "errorCode": code}], fault.status)


async def form(request: Request) -> dict[str, str]:
    """The fields of a urlencoded body and of the query string. The first of two with the same name counts."""
    body = await read_body(request)
    fields: dict[str, str] = {}
    for name, value in [
        *parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True),
        *request.query_params.multi_items(),
    ]:
        fields.setdefault(name, value)
    return fields


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The body, decompressed. Raises ApiError 413 when it is larger than `most` bytes, 400 when it cannot be
    decompressed.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise ApiError(413, "REQUEST_TOO_LARGE", "The request entity is too large")
        chunks.append(chunk)
    return _unpacked(b"".join(chunks), request.headers.get("content-encoding", ""), most)


def _unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """A body without its compression (REST API Developer Guide, "Compression Headers"). Raises ApiError."""
    if encoding not in ("gzip", "deflate"):
        return body
    wbits = 31 if encoding == "gzip" else 15
    try:
        unpacked = zlib.decompressobj(wbits).decompress(body, most + 1)
    except zlib.error:
        raise ApiError(400, "INVALID_REQUEST", f"The request body is not {encoding}") from None
    if len(unpacked) > most:
        raise ApiError(413, "REQUEST_TOO_LARGE", "The request entity is too large")
    return unpacked


async def json_object(request: Request, *, any_type: bool = False, most: int = MAX_BODY) -> dict[str, object]:
    """The body as a JSON object. Raises ApiError 400 JSON_PARSER_ERROR, or 415 for another content type unless
    `any_type`, or 413 when it is larger than `most` bytes.
    """
    declared = request.headers.get("content-type", "")
    if declared and "json" not in declared and not any_type:
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"The Content-Type {declared[:60]} is not supported")
    body = await read_body(request, most)
    if not body:
        raise ApiError(
            400, "JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body."
        )
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ApiError(400, "JSON_PARSER_ERROR", f"Unexpected character or end of input: {str(wrong)[:120]}") from None
    if not isinstance(value, dict):
        raise ApiError(
            400, "JSON_PARSER_ERROR", "Cannot deserialize instance of object from START_ARRAY or scalar value"
        )
    return cast(dict[str, object], value)


def authorization(request: Request) -> tuple[str, str]:
    """The scheme of the header Authorization in small letters, and what follows it. Both are "" without one."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return scheme.lower(), credentials.strip()


def limit_header(org: Org) -> dict[str, str]:
    """The header Sforce-Limit-Info, which every REST answer has."""
    return {"Sforce-Limit-Info": f"api-usage={org.limits.used}/{org.limits.daily}"}


def base_url(request: Request) -> str:
    """The org's address as the client wrote it."""
    return f"{request.url.scheme}://{request.url.netloc}"


def asked_address(request: Request) -> str:
    """The whole address of a request as the client wrote it, without the query string."""
    path: bytes = request.scope.get(PATH) or request.url.path.encode()
    return base_url(request) + path.decode("latin-1")
