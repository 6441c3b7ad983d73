"""A battery of cut connections: where a request breaks off, and what is known then. Whatever the server has read whole
may have been carried out, so nobody may take it for not sent; nothing is sent twice.
"""

import asyncio
import gzip
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization

from backend.adapters.salesforce_http import Answer, Http
from backend.failures import Busy, NotSent, OutcomeUnknown
from contract.errors import CallError
from devtools import ports
from tests.localorg.keys import certificate_of, key_and_certificate

pytestmark = pytest.mark.both_loops
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = HEAD + b"Content-Length: 2\r\n\r\n{}"
PACKED = gzip.compress(b'{"records": []}' * 50)
Answering = Callable[["Server", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Reads requests and does with each connection what `answering` says; `whole` counts the requests that it has read
    to their end, `connections` who came.
    """

    answering: Answering
    whole: int = 0
    connections: int = 0
    left_open: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await self.answering(self, reader, writer)

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Reads one request to its end."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
        await reader.readexactly(length)
        self.whole += 1


def ends(writer: asyncio.StreamWriter) -> None:
    """Closes the connection: the client sees its end."""
    writer.close()


def resets(writer: asyncio.StreamWriter) -> None:
    """Breaks the connection: the client sees an error."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def at_once(cut: Callable[[asyncio.StreamWriter], None]) -> Answering:
    async def answering(_server: Server, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut(writer)

    return answering


def in_the_request(cut: Callable[[asyncio.StreamWriter], None]) -> Answering:
    async def answering(_server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(20)
        cut(writer)

    return answering


def after(said: bytes, cut: Callable[[asyncio.StreamWriter], None]) -> Answering:
    """Reads the whole request, says something, and cuts."""

    async def answering(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.read(reader)
        writer.write(said)
        await writer.drain()
        cut(writer)

    return answering


async def silent(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await server.read(reader)
    server.left_open.append(writer)


async def stops_in_the_body(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await server.read(reader)
    writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    server.left_open.append(writer)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key, _ = key_and_certificate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(pem + certificate_of(key).encode())
    return file


@asynccontextmanager
async def serving(answering: Answering, tls: Path | None) -> AsyncIterator[tuple[Server, str]]:
    """A server, and its address."""
    made, context = Server(answering), None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    try:
        yield made, f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/services/data"
    finally:
        server.close()
        for writer in made.left_open:
            writer.transport.abort()


def trusting(tls: Path | None) -> Http:
    """The backend's HTTP client; with `tls` it trusts this certificate, where Salesforce's have the system's trust."""
    http = Http()
    if tls is not None:
        context = ssl.create_default_context(cafile=str(tls))
        context.check_hostname = False
        http._session = aiohttp.ClientSession(  # pyright: ignore[reportPrivateUsage]
            connector=aiohttp.TCPConnector(ssl=context), cookie_jar=aiohttp.DummyCookieJar()
        )
    return http


async def sent(http: Http, url: str, *, writes: bool, seconds: float = 5) -> Answer | CallError:
    """What became of a read, or of a write with a body."""
    try:
        return await http.send("POST" if writes else "GET", url, seconds=seconds, writes=writes,
                               json=b'{"Name": "Alder"}' if writes else b"")  # fmt: skip
    except CallError as failed:
        return failed


CUTS: dict[str, Answering] = {}
for how in (ends, resets):
    CUTS |= {
        f"at once, {how.__name__}": at_once(how),
        f"in the request, {how.__name__}": in_the_request(how),
        f"before the first byte, {how.__name__}": after(b"", how),
        f"in the status line, {how.__name__}": after(b"HTTP/1.1 2", how),
        f"in the head, {how.__name__}": after(HEAD + b"Content-Le", how),
        f"before the body, {how.__name__}": after(HEAD + b"Content-Length: 2\r\n\r\n", how),
        f"in the body, {how.__name__}": after(HEAD + b'Content-Length: 20\r\n\r\n{"records"', how),
        f"in a chunk, {how.__name__}": after(HEAD + b'Transfer-Encoding: chunked\r\n\r\n14\r\n{"rec', how),
        f"between chunks, {how.__name__}": after(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", how),
        f"in a packed body, {how.__name__}": after(
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED[:-9], how
        ),
        f"after another protocol's words, {how.__name__}": after(b"SSH-2.0-OpenSSH\r\n", how),
    }
CUTS |= {"no answer": silent, "no end of the body": stops_in_the_body}


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("cut", CUTS)
async def test_what_may_have_arrived_is_never_taken_for_not_sent(
    cut: str, secure: bool, writes: bool, certificate: Path
) -> None:
    tls = certificate if secure else None
    async with serving(CUTS[cut], tls) as (server, url):
        http = trusting(tls)
        waits = cut in ("no answer", "no end of the body")
        failed = await sent(http, url, writes=writes, seconds=1 if waits else 5)
        await http.close()
        assert isinstance(failed, OutcomeUnknown)
        assert not isinstance(failed, NotSent)
        assert server.whole == (0 if cut.startswith(("at once", "in the request")) else 1)
        assert server.connections == 1


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
async def test_where_nobody_listens_nothing_is_sent(secure: bool, writes: bool) -> None:
    http = Http()
    failed = await sent(http, f"http{'s' if secure else ''}://127.0.0.1:{ports.some(1)[0]}/", writes=writes)
    await http.close()
    assert isinstance(failed, NotSent)


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
async def test_a_name_that_nobody_knows_is_not_sent_to(writes: bool) -> None:
    http = Http()
    failed = await sent(http, "https://nobody.invalid/", writes=writes)
    await http.close()
    assert isinstance(failed, NotSent)


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
async def test_a_server_whose_certificate_nobody_trusts_gets_nothing(writes: bool, certificate: Path) -> None:
    async with serving(silent, certificate) as (server, url):
        http = Http()
        failed = await sent(http, url, writes=writes)
        await http.close()
        assert isinstance(failed, NotSent)
        assert server.whole == 0


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("how", [ends, resets])
async def test_a_handshake_that_is_cut_is_not_sent(
    how: Callable[[asyncio.StreamWriter], None], writes: bool, certificate: Path
) -> None:
    async with serving(in_the_request(how), None) as (server, url):  # it reads the greeting of TLS, and speaks none
        http = trusting(certificate)
        failed = await sent(http, url.replace("http:", "https:"), writes=writes)
        await http.close()
        assert isinstance(failed, NotSent)
        assert server.whole == 0


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("how", [ends, resets])
async def test_a_cut_after_the_answer_leaves_the_answer_good(
    how: Callable[[asyncio.StreamWriter], None], secure: bool, certificate: Path
) -> None:
    """A reset may take with it what the client has not read yet, so that one waits until it has."""
    tls, is_read = certificate if secure else None, asyncio.Event()

    async def answering(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.read(reader)
        writer.write(GOOD)
        await is_read.wait()
        how(writer)

    async with serving(answering, tls) as (server, url):
        http = trusting(tls)
        answer = await sent(http, url, writes=True)
        is_read.set()
        assert isinstance(answer, Answer)
        assert answer.body == b"{}"
        asked = 1
        while server.connections == 1:  # the pool may see the end a moment later
            again = await sent(http, url, writes=False)
            assert isinstance(again, Answer | OutcomeUnknown)
            asked += 1
        assert isinstance(await sent(http, url, writes=True), Answer | OutcomeUnknown)
        await http.close()
        assert server.whole <= asked + 1


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("how", [ends, resets])
async def test_a_pooled_connection_that_is_cut_may_have_carried_the_request(
    how: Callable[[asyncio.StreamWriter], None], writes: bool
) -> None:
    async def answering(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.read(reader)
        writer.write(GOOD)
        await server.read(reader)
        how(writer)

    async with serving(answering, None) as (server, url):
        http = Http()
        assert isinstance(await sent(http, url, writes=False), Answer)
        failed = await sent(http, url, writes=writes)
        await http.close()
        assert isinstance(failed, OutcomeUnknown)
        assert (server.whole, server.connections) == (2, 1)


async def test_a_body_that_is_packed_wrongly_or_has_no_end_is_no_answer() -> None:
    bomb = zlib.compress(b"0" * 40_000_000)
    said = HEAD + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    for answer, expected in ((said, Busy), (said.replace(b"x\x9c", b"zz"), OutcomeUnknown)):
        async with serving(after(answer, ends), None) as (_, url):
            http = Http()
            assert isinstance(await sent(http, url, writes=False), expected)
            await http.close()
