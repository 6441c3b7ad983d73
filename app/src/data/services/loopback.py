"""The desktop's way back from Salesforce: a port of this machine (RFC 8252 section 7.3)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import brand

CALLBACK_PATH = "/oauth/callback"
READ_SECONDS = 10.0  # for a caller to send its request
_MAX_HEADERS = 100
_PAGE = f"<!doctype html><title>{brand.NAME}</title><p>You can close this page and go back to the app.</p>"
_HEADERS = (
    "Content-Type: text/html; charset=utf-8",
    "Referrer-Policy: no-referrer",
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
    "Connection: close",
)


class Loopback:
    """Waits on a port of this machine for Salesforce's way back, and answers with a page that says to close it.

    Any program and any web page may call the port. Only a GET of the one path ends the waiting, with a state that is
    waited for and either a code or an error, each once, and with a Host header that names this address: a page that has
    bent a name of its own to this machine (DNS rebinding) sends that name. Everything else is answered with 404 and
    changes nothing."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._expected: dict[str, asyncio.Future[str]] = {}
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def expects(self, state: str) -> AsyncGenerator[asyncio.Future[str]]:
        """A block that waits for the way back with this state; it gets what can be awaited for the address. The port is
        open while any block waits. Raises OSError when another program has the port."""
        coming = self._expected[state] = asyncio.get_running_loop().create_future()
        try:
            async with self._opening:
                if self._server is None:
                    self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
            yield coming
        finally:
            del self._expected[state]
            if not self._expected and self._server is not None:
                self._server.close()
                self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                target = await self._target(reader)
                expected = self._expected.get(_state(target))
                status, body = ("404 Not Found", b"") if expected is None else ("200 OK", _PAGE.encode())
                head = "\r\n".join((f"HTTP/1.1 {status}", *_HEADERS, f"Content-Length: {len(body)}"))
                writer.write(f"{head}\r\n\r\n".encode() + body)
                await writer.drain()
            if expected is not None and not expected.done():
                expected.set_result(target)
        except (OSError, TimeoutError, ValueError):
            return
        finally:
            writer.close()

    async def _target(self, reader: asyncio.StreamReader) -> str:
        """Path and query of a GET request that was meant for this address; "" for any other. Raises ValueError for a
        line that has no end."""
        method, _, rest = (await _line(reader)).partition(" ")
        target, _, version = rest.partition(" ")
        if method != "GET" or not target or not version.startswith("HTTP/1."):
            return ""
        hosts = list[str]()
        for _n in range(_MAX_HEADERS):
            line = await _line(reader)
            if not line:
                break
            name, _, value = line.partition(":")
            if name.lower() == "host":
                hosts.append(value.strip())
        else:
            return ""
        return target if hosts == [f"127.0.0.1:{self._port}"] else ""


async def _line(reader: asyncio.StreamReader) -> str:
    return (await reader.readline()).decode("latin-1").rstrip("\r\n")


def _state(target: str) -> str:
    """The state with which Salesforce sends back; "" for anything that is no way back. Raises ValueError for an address
    that is none."""
    parts = urlsplit(target)
    query = parse_qs(parts.query)
    once = {name for name, values in query.items() if len(values) == 1}
    is_way_back = (parts.scheme, parts.netloc, parts.path) == ("", "", CALLBACK_PATH)
    return query["state"][0] if is_way_back and "state" in once and len(once & {"code", "error"}) == 1 else ""
