"""HTTP to Salesforce over one connection pool; a request without an answer becomes one of failures.py. No body is
logged, or quoted in an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import aiohttp
import msgspec

from backend import deadline, telemetry
from backend.failures import Busy, NotSent, OutcomeUnknown

CONNECT_SECONDS = 3.0
MAX_ANSWER = 32 * 2**20  # bytes, unpacked: the description of an object with very many fields is a few megabytes
_MAX_CONNECTIONS = 1000


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """The body as JSON, None when it is something else (a maintenance page, nothing)."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def object(self) -> dict[str, object]:
        """The body as a JSON object. Raises Busy: Salesforce does not answer 200 with anything else."""
        value = self.json()
        if not isinstance(value, dict):
            raise Busy
        return cast(dict[str, object], value)


class Http:
    """The connection pool, made at the first request inside the running event loop. One for each process."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        writes: bool = False,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: bytes = b"",
    ) -> Answer:
        """The answer to one request, which is sent once, within `seconds` or what is left of the call; redirects are
        not followed. `form` is sent as an HTML form, `json` as it is; `writes` says that the request is to change
        something.

        Raises NotSent when no connection came about, OutcomeUnknown when the request may have arrived, Busy when a read
        gets an answer of more than MAX_ANSWER bytes.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, keepalive_timeout=25),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json"},
            )
        seconds = deadline.left(seconds)
        if not seconds:
            raise NotSent(timed_out=True)
        all_headers = {**(headers or {}), "Content-Type": "application/json"} if json else headers
        time_out = aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            with telemetry.request_out(method, url) as span:
                async with self._session.request(
                    method,
                    url,
                    headers=all_headers,
                    data=form or json or None,
                    timeout=time_out,
                    allow_redirects=False,
                    middlewares=(_once(),),
                ) as response:
                    span.set(http__response__status_code=response.status)
                    body = await _read(response)
                    if body is None:
                        raise OutcomeUnknown(writes=True) if writes else Busy
                    return Answer(response.status, response.headers, body)
        # "from None" throughout: aiohttp's own texts name the URL.
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise NotSent from None
        except TimeoutError:
            raise OutcomeUnknown(writes=writes, timed_out=True) from None
        except aiohttp.ClientError:
            raise OutcomeUnknown(writes=writes) from None

    async def close(self) -> None:
        """Closes the pooled connections."""
        if self._session is not None:
            await self._session.close()


def _once() -> aiohttp.ClientMiddlewareType:
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


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None for one that is too large, of which the rest is not read."""
    if (response.content_length or 0) > MAX_ANSWER:
        response.close()
        return None
    parts: list[bytes] = []
    size = 0
    # Unpacked piece by piece, so that a small body cannot become an endless one.
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER:
            response.close()
            return None
        parts.append(part)
    return b"".join(parts)
