"""HTTP to Salesforce: one pooled session, time-outs, JSON, and the words of its refusals. Nothing here logs or repeats a body."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import aiohttp
import msgspec

from contract.errors import Misconfigured, OrgUnavailable, Reason

CONNECT_SECONDS = 3.0
_MAX_CONNECTIONS = 100
_TRUSTED = (".salesforce.com", ".force.com", ".cloudforce.com", ".salesforce.mil", ".sfcrmproducts.cn")


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
        """The body as a JSON object. Raises OrgUnavailable: Salesforce does not answer 200 with anything else."""
        value = self.json()
        if not isinstance(value, dict):
            raise OrgUnavailable(Reason.ORG_BUSY)
        return cast(dict[str, object], value)


class Http:
    """The session is made at the first request, inside the running event loop."""

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
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """One request. Raises OrgUnavailable; for one that `writes`, says outcome-unknown once it may have arrived."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, keepalive_timeout=25),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json"},
            )
        payload = None if body is None else msgspec.json.encode(body)
        all_headers = dict(headers or {}) | ({"Content-Type": "application/json"} if payload is not None else {})
        time_out = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SECONDS)
        try:
            async with self._session.request(
                method, url, headers=all_headers, data=payload if form is None else dict(form), params=query, timeout=time_out, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except aiohttp.ClientConnectorError:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE) from None
        except (TimeoutError, aiohttp.ClientError) as failed:
            # "from None": aiohttp's own texts name the URL.
            if writes:
                raise OrgUnavailable(Reason.OUTCOME_UNKNOWN) from None
            timed_out = isinstance(failed, asyncio.TimeoutError)
            raise OrgUnavailable(Reason.ORG_TIMEOUT if timed_out else Reason.ORG_UNREACHABLE) from None

    async def close(self) -> None:
        """Closes the pooled connections."""
        if self._session is not None:
            await self._session.close()


def is_loopback(host: str) -> bool:
    """Whether a host, perhaps with a port, is this machine."""
    return host.split(":")[0] in ("127.0.0.1", "localhost")


def check_salesforce_url(url: str, *, local: bool) -> str:
    """`url` without its path when it is an address of Salesforce (or, when `local`, of a local org). Raises Misconfigured.

    Salesforce names the instance URL that access tokens are sent to, so it must not lead anywhere else.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    ours = local and parts.scheme == "http" and is_loopback(host)
    if not ours and not (parts.scheme == "https" and host.endswith(_TRUSTED) and parts.port in (None, 443)):
        raise Misconfigured(Reason.MISCONFIGURED, "Salesforce named an address that is not one of its own.")
    return f"{parts.scheme}://{parts.netloc}"
