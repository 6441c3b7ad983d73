"""The bytes of a file on their way through the backend: piece by piece, never whole in memory, and only once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import msgspec

from backend.failures import OutcomeUnknown
from contract.errors import CallError, Reason, RefusedRequest
from contract.files import FILE_SECONDS, MAX_FILE


class Incoming(msgspec.Struct, frozen=True):
    """A file that the app is sending, of `size` bytes. `pieces` raises RefusedRequest when it breaks off."""

    size: int
    pieces: AsyncIterator[bytes]


class Upload(msgspec.Struct):
    """A body that is sent piece by piece. `is_whole` is set before its last piece leaves: until then a server cannot
    have carried out the request. `failure` is why it broke off, when the fault is not the server's.
    """

    size: int
    content_type: str
    head: bytes
    file: Incoming
    tail: bytes
    is_whole: bool = False
    failure: CallError | None = None

    @classmethod
    def around(cls, head: bytes, file: Incoming, tail: bytes, content_type: str) -> "Upload":
        """A file between two texts."""
        return cls(len(head) + file.size + len(tail), content_type, head, file, tail)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, once."""
        yield self.head
        try:
            async for piece in self.file.pieces:
                yield piece
        except CallError as failed:
            self.failure = failed
            raise
        self.is_whole = True
        yield self.tail


class Sink(Protocol):
    """Where the bytes of an answer go."""

    async def begin(self, size: int | None) -> None:
        """Told before the first piece how many bytes there are, None when Salesforce does not say. Raises CallErrors,
        which end the request."""
        ...

    async def put(self, piece: bytes) -> None:
        """Takes a piece, and waits until there is room for it. Raises CallErrors, which end the request."""
        ...


class Outgoing:
    """A file that goes to the app: what comes from Salesforce waits until the app has taken what came before it."""

    def __init__(self) -> None:
        self.size: int | None = None
        self._sent = 0
        self._pieces = asyncio.Queue[bytes | None](maxsize=1)
        self._begun = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    @classmethod
    async def of(cls, fetch: Callable[[Sink], Awaitable[None]]) -> "Outgoing":
        """Begins to fetch, and returns when the first byte is about to come. Raises what `fetch` raises before."""
        made = cls()
        made._work = work = asyncio.create_task(made._fetch(fetch))
        begun = asyncio.create_task(made._begun.wait())
        try:
            await asyncio.wait({work, begun}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            work.cancel()
            raise
        finally:
            begun.cancel()
        if not made._begun.is_set():
            await work  # raises
        return made

    async def begin(self, size: int | None) -> None:
        """A sink's: refuses what is too large before anything of it is sent on."""
        if (size or 0) > MAX_FILE:
            raise too_large()
        self.size = size
        self._begun.set()

    async def put(self, piece: bytes) -> None:
        """A sink's."""
        self._sent += len(piece)
        if self._sent > MAX_FILE:
            raise too_large()
        await self._pieces.put(piece)

    async def _fetch(self, fetch: Callable[[Sink], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(FILE_SECONDS):  # the app may be slow to take it, too
                await fetch(self)
            self._begun.set()
        except TimeoutError:
            raise OutcomeUnknown(writes=False, timed_out=True) from None
        finally:
            if self._begun.is_set():
                await self._pieces.put(None)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The file, once; who stops reading ends the request to Salesforce too. Raises CallErrors."""
        assert self._work is not None
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
            await self._work
        finally:
            self._work.cancel()
            with suppress(asyncio.CancelledError, CallError):
                await self._work


def too_large() -> RefusedRequest:
    """For a file of more than MAX_FILE bytes."""
    return RefusedRequest(Reason.REQUEST_TOO_LARGE, f"The file is larger than {MAX_FILE // 2**20} MB.")
