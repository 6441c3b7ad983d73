"""No request goes out twice unless the code that made it says so: a server may have carried it out before it closed the
connection, and a DPoP proof is good once.
"""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator

import msgspec
import pytest

from backend.adapters.salesforce_answers import Part
from backend.adapters.salesforce_http import Answer, Http
from backend.failures import OutcomeUnknown


class ClosingServer:
    """Answers the first request of a connection, reads the second, and closes without a word."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for nth in range(2):
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            except asyncio.IncompleteReadError:
                break
            length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
            await reader.readexactly(length)
            self.requests.append(head.split(" ")[0].upper())
            if nth == 0:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
                await writer.drain()
        writer.close()


@pytest.fixture
async def closing() -> AsyncIterator[ClosingServer]:
    made = ClosingServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/services/data"
    yield made
    server.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "POST"])
async def test_a_request_on_a_connection_that_breaks_is_not_repeated(closing: ClosingServer, method: str) -> None:
    http = Http()
    try:
        await http.send("GET", closing.url, seconds=5)
        with pytest.raises(OutcomeUnknown):
            await http.send(
                method, closing.url, seconds=5, writes=True, json=b"{}" if method in ("PUT", "PATCH") else b""
            )
        assert closing.requests == ["GET", method]
        assert (await http.send("GET", closing.url, seconds=5)).status == 200  # on a new connection
    finally:
        await http.close()


async def test_an_answer_that_breaks_off_leaves_nothing_in_memory() -> None:
    """Without the garbage collector, which comes late: aiohttp keeps the failure, and that what it came through."""

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + bytes(2_000_000))
        await writer.drain()
        writer.transport.abort()

    server, http = await asyncio.start_server(break_off, "127.0.0.1", 0), Http()
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/services/data"
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(5):
            with pytest.raises(OutcomeUnknown):
                await http.send("GET", url, seconds=5)
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
        gc.enable()
        await http.close()
        server.close()


@pytest.mark.parametrize("body", [b"[" * 100_000, b"<html>Down for maintenance</html>", b"\xff", b""])
def test_what_is_no_json_is_none(body: bytes) -> None:
    assert Answer(200, {}, body).json() is None
    assert Part(503, msgspec.Raw(body)).decoded() is None
