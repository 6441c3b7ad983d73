"""HTTP to Salesforce over one connection pool; a request without an answer becomes one of failures.py. No body is
logged, or quoted in an error.

An access token leaves here and nowhere else: as a Bearer token, or with a proof of its key (DPoP, RFC 9449), or in the
header of a SOAP envelope.
"""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import aiohttp
import msgspec
from cachetools import LRUCache
from yarl import URL

from backend import deadline, telemetry
from backend.adapters import dpop
from backend.adapters.salesforce_soap import escaped
from backend.failures import Busy, NotSent, OutcomeUnknown, SendAgain
from backend.transfer import Sink, Upload
from backend.values import Secret
from contract.errors import CallError

CONNECT_SECONDS = 3.0
MAX_ANSWER = 32 * 2**20  # bytes, unpacked: the description of an object with very many fields is a few megabytes
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what reading an answer as JSON raises
_MAX_CONNECTIONS = 1000
_MAX_NONCES = 20_000
_NONCE = re.compile(r"[!#-\[\]-~]{1,1024}")  # RFC 9449 section 8.1; so long, that no answer can fill the memory
_ASKS_FOR_NONCE = re.compile(r'(?:^|,\s*)DPoP\s+(?:\w+="[^"]*",\s*)*error="use_dpop_nonce"', re.IGNORECASE)


Form = Mapping[str, str]


class Answer(msgspec.Struct, frozen=True):
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # msgspec's would show headers and body
        return [("status", self.status)]

    def json(self) -> object:
        """The body as JSON, None when it is something else (a maintenance page, nothing)."""
        try:
            return msgspec.json.decode(self.body)
        except UNREADABLE:
            return None

    def object(self) -> dict[str, object]:
        """The body as a JSON object. Raises Busy: Salesforce does not answer 200 with anything else."""
        value = self.json()
        if not isinstance(value, dict):
            raise Busy
        return cast(dict[str, object], value)


class Http:
    """The connection pool, made at the first request inside the running event loop, and the nonces that proofs are to
    carry. One for each process. `now` gives seconds since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._now = now
        self._nonces = LRUCache[tuple[str, str], str](_MAX_NONCES)  # by thumbprint and origin

    async def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        writes: bool = False,
        token: Secret | None = None,
        key: Secret | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        form: Form | Callable[[], Awaitable[Form]] | None = None,
        json: bytes = b"",
        soap: str = "",
        upload: Upload | None = None,
        sink: Sink | None = None,
    ) -> Answer:
        """The answer to one request, which is sent once, within `seconds` or what is left of the call; redirects are
        not followed. `query` is added to the address. `form`, or what it makes for each time that it is sent, is sent
        as an HTML form, `json` as it is; `soap`, a call of the SOAP API, in an envelope that has token and proof in
        place of headers; `writes` says that the request is to change something. `token` is the access token that goes
        along. With a `key` the request is proven to be its holder's; a server that wants another nonce in the proof has
        done nothing, and gets the request once more. `upload` is sent piece by piece, and only once. The body of an
        answer with status 200 goes to `sink`, where there is one, and not into the Answer.

        Raises NotSent when no connection came about, OutcomeUnknown when the request may have arrived, Busy when a read
        gets an answer of more than MAX_ANSWER bytes, or a server takes no nonce, or wants one and gives none; SendAgain
        when it wants another nonce and the upload is gone; what `form`, `upload` and `sink` raise. An upload of which
        not all has left is NotSent: a request that breaks off does nothing.
        """
        target, all_headers = URL(url), dict(headers or {})
        if query is not None:
            target = target.with_query(query)
        if soap:
            all_headers |= {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""', "Accept": "text/xml"}
        elif token is not None:
            all_headers["Authorization"] = f"{'Bearer' if key is None else 'DPoP'} {token.reveal()}"
        if json:
            all_headers["Content-Type"] = "application/json"
        proving = () if key is None or soap else (self._proving(key, token),)
        if upload is not None:
            all_headers |= {"Content-Type": upload.content_type, "Content-Length": str(upload.size)}
        with deadline.within(deadline.left(seconds)):
            for _ in range(2):
                body: Form | bytes | None
                if soap:
                    assert token is not None
                    body = _enveloped(soap, token, "" if key is None else self._proof(key, method, target, token))
                else:
                    body = (await form() if callable(form) else form) or json or None
                answer = await self._once(method, target, all_headers, body, proving, seconds, writes, upload, sink)
                if key is None or not self._asked_for_nonce(key, target, answer, of_tokens=token is None):
                    return answer
                if upload is not None:
                    raise SendAgain
            raise Busy

    async def _once(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: Form | bytes | None,
        middlewares: tuple[aiohttp.ClientMiddlewareType, ...],
        seconds: float,
        writes: bool,
        upload: Upload | None,
        sink: Sink | None,
    ) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, keepalive_timeout=25),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json"},
            )
        seconds = deadline.left(seconds)
        if not seconds:
            raise NotSent(timed_out=True)
        time_out = aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            with telemetry.request_out(method, url) as span:
                async with self._session.request(
                    method,
                    url,
                    headers=headers,
                    data=body if upload is None else upload.pieces(),
                    timeout=time_out,
                    allow_redirects=False,
                    middlewares=(_single(), *middlewares),
                ) as response:
                    span.set(http__response__status_code=response.status)
                    if sink is not None and response.status == 200:
                        await _pour(response, sink)
                        return Answer(response.status, response.headers, b"")
                    content = await _read(response)
                    if upload is not None and not upload.is_whole:
                        response.close()  # it was answered before all was sent: nobody waits for the rest
                    if content is None:
                        raise OutcomeUnknown(writes=True) if writes else Busy
                    return Answer(response.status, response.headers, content)
        # "from None" throughout: aiohttp's own texts name the URL.
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise NotSent from None
        except TimeoutError:
            raise _broken_off(writes, upload, timed_out=True) from None
        except aiohttp.ClientError:
            raise _broken_off(writes, upload) from None

    # DPoP

    def _proving(self, key: Secret, token: Secret | None) -> aiohttp.ClientMiddlewareType:
        """Gives a request that leaves a proof of its own, for the very address that is sent."""

        async def prove(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            request.headers["DPoP"] = self._proof(key, request.method, request.url, token)
            return await send(request)

        return prove

    def _proof(self, key: Secret, method: str, url: URL, token: Secret | None) -> str:
        """A new proof, for one request."""
        nonce = self._nonce(dpop.thumbprint(key), str(url.origin()))
        jti = secrets.token_urlsafe(16)
        return dpop.proof(key, method, url, token=token, nonce=nonce, now=self._now(), jti=jti)

    def _nonce(self, thumbprint: str, origin: str) -> str | None:
        """The last nonce of a server for a connection; else that of its token endpoint, which is good elsewhere too."""
        return self._nonces.get((thumbprint, origin)) or self._nonces.get((thumbprint, ""))

    def _asked_for_nonce(self, key: Secret, url: URL, answer: Answer, *, of_tokens: bool) -> bool:
        """Keeps the nonce of an answer, whatever the answer is. Whether it refuses the request for want of that nonce
        (RFC 9449 sections 8 and 9); Salesforce does so with 400 and with 401. How its SOAP API does it is not known:
        that, or a fault with the same word.

        Raises Busy when it refuses the proof for its nonce and brings none of use: nobody looked at code or token.
        """
        place = dpop.thumbprint(key), str(url.origin())
        is_fault = answer.status == 500 and answer.body.lstrip().startswith(b"<")
        wants = b"use_dpop_nonce" in answer.body if is_fault else answer.status in (400, 401) and _wants_nonce(answer)
        nonce = answer.headers.get("DPoP-Nonce", "")
        if _NONCE.fullmatch(nonce) is None:
            if wants:  # what is kept is good no more, and must not be sent for ever
                self._nonces.pop(place, None)
                self._nonces.pop((place[0], ""), None)
                raise Busy
            return False
        self._nonces[place] = nonce
        if of_tokens:
            self._nonces[place[0], ""] = nonce
        return wants

    async def close(self) -> None:
        """Closes the pooled connections."""
        if self._session is not None:
            await self._session.close()


def _enveloped(call: str, token: Secret, proof: str) -> bytes:
    """A call of the SOAP API in its envelope. Source: SOAP API Developer Guide, "SessionHeader", "DpopProofHeader"."""
    proven = f"<DpopProofHeader><proof>{escaped(proof)}</proof></DpopProofHeader>" if proof else ""
    session = f"<SessionHeader><sessionId>{escaped(token.reveal())}</sessionId></SessionHeader>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns="urn:partner.soap.sforce.com"><s:Header>{session}{proven}</s:Header>'
        f"<s:Body>{call}</s:Body></s:Envelope>"
    ).encode()


def _single() -> aiohttp.ClientMiddlewareType:
    """Lets one request out. When the pooled connection breaks, aiohttp sends most methods (GET, PUT, DELETE …) once
    more by itself (aiohttp 3.14, client.py: `retry_persistent_connection`): a change could be made twice, and a server
    would see a DPoP proof a second time. Whether to send again is the caller's to say.
    """
    is_sent = False

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        nonlocal is_sent
        if is_sent:
            raise aiohttp.ServerDisconnectedError
        is_sent = True
        return await handler(request)

    return send


def _broken_off(writes: bool, upload: Upload | None, *, timed_out: bool = False) -> CallError:
    """What is known after a request broke off."""
    if upload is None or upload.is_whole:
        return OutcomeUnknown(writes=writes, timed_out=timed_out)
    return upload.failure or NotSent(timed_out=timed_out)


async def _pour(response: aiohttp.ClientResponse, sink: Sink) -> None:
    """Hands the body on, piece by piece. aiohttp reads no further than the sink takes it."""
    size = None if "Content-Encoding" in response.headers else response.content_length
    await sink.begin(size)
    async for part in response.content.iter_any():
        await sink.put(part)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None for one that is too large, of which the rest is not read."""
    if (response.content_length or 0) > MAX_ANSWER:
        response.close()
        return None
    parts: list[bytes] = []
    size = 0
    try:
        # Unpacked piece by piece, so that a small body cannot become an endless one.
        while part := await response.content.readany():
            size += len(part)
            if size > MAX_ANSWER:
                response.close()
                return None
            parts.append(part)
    except BaseException:
        parts.clear()  # aiohttp keeps the failure, which has this frame
        raise
    return b"".join(parts)


def _wants_nonce(answer: Answer) -> bool:
    """Whether the error of an answer is use_dpop_nonce, said as OAuth does, as Salesforce's REST API does, or in a
    header only.
    """
    body = answer.json()
    first = cast(list[object], body)[:1] if isinstance(body, list) else [body]
    said = cast(dict[str, Any], first[0]) if first and isinstance(first[0], dict) else {}
    return "use_dpop_nonce" in (said.get("error"), said.get("errorCode")) or (
        _ASKS_FOR_NONCE.search(answer.headers.get("WWW-Authenticate", "")) is not None
    )
