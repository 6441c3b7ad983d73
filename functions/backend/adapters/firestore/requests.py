"""One request to Firestore: how long it may take, when it is sent again, and what its failure means.

The library would try for up to 300 seconds, and would send a commit again of which nobody knows whether it has arrived
(connections/writes.py); so its own retries are off (`retry=None`) for every request.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog
from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPICallError,
    InternalServerError,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    ServiceUnavailable,
    Unknown,
)

from backend import telemetry
from backend.connections.writes import Contended, Unanswered, never, once
from backend.failures import StoreUnavailable

RPC_SECONDS = 3.0  # for one request; a read that is sent again shares them
READ_PAUSES = (0.05, 0.2, 0.5)  # seconds before a read is sent again after a passing fault
LOG_SECONDS = 10.0  # one line of the log in this time says that the store is away
_PAGE, _LEAST_PAGE = 300, 3  # documents
_PASSING = (ServiceUnavailable, InternalServerError, Unknown, Aborted, ResourceExhausted)
LOST = (FailedPrecondition, NotFound, AlreadyExists)  # what a fence answers
T = TypeVar("T")
_log = structlog.get_logger("store")


class _Failures:
    """Those that no line of the log has told of yet."""

    def __init__(self) -> None:
        self._untold, self._told_at = 0, float("-inf")

    def tell(self, kind: str, *, write: bool) -> None:
        telemetry.count("store.failures", kind=kind, write=write)
        self._untold += 1
        now = asyncio.get_running_loop().time()
        if not 0 <= now - self._told_at < LOG_SECONDS:
            _log.warning("store unavailable", kind=kind, write=write, failures=self._untold)
            self._untold, self._told_at = 0, now


_failures = _Failures()


async def answered(ask: Callable[..., Awaitable[T]]) -> T:
    """The answer to a request that may be sent twice: a read, or a write without a fence that is idempotent. `ask`
    takes `retry` and `timeout`, as the library's methods do.

    Raises StoreUnavailable after RPC_SECONDS, or at once for what does not pass.
    """
    time = asyncio.get_running_loop().time
    ends, pauses = time() + RPC_SECONDS, iter(READ_PAUSES)
    while True:
        try:
            return await ask(retry=None, timeout=max(0.1, ends - time()))
        except InvalidArgument:
            raise  # our own mistake
        except GoogleAPICallError as failed:
            pause = next(pauses, None) if isinstance(failed, _PASSING) else None
            if pause is None or time() + pause >= ends:
                raise _told(failed, StoreUnavailable(), write=False) from failed
        await asyncio.sleep(pause)


async def committed(batch: Any) -> Sequence[Any]:
    """The results of a batch that is sent once.

    Raises one of LOST, which may be the answer to this very batch when it was sent before, and Unanswered, also after
    Aborted: others wrote the same at that moment, and nobody was first yet.
    """
    try:
        return await batch.commit(retry=None, timeout=RPC_SECONDS)
    except (*LOST, InvalidArgument):
        raise
    except Aborted as contended:
        raise Unanswered from contended
    except GoogleAPICallError as failed:
        raise _told(failed, Unanswered(), write=True) from failed


async def create(client: Any, document: Any, fields: dict[str, Any]) -> bool:
    """Makes a new document, whose field `writeId` is this write's own. False when there is one already."""

    async def write() -> bool:
        batch = client.batch()
        batch.create(document, fields)
        try:
            await committed(batch)
        except LOST as lost:
            raise Contended from lost
        return True

    async def arrived() -> bool | None:
        stored = (await answered(document.get)).to_dict()
        return True if stored is not None and stored.get("writeId") == fields["writeId"] else None

    try:
        return await once(write, arrived)
    except Contended:
        return False


async def remove(client: Any, document: Any) -> None:
    """Deletes a document as it is now, and none that somebody makes in its place while the answer is on its way."""
    snapshot = await answered(document.get)
    if not snapshot.exists:
        return

    async def write() -> None:
        batch = client.batch()
        batch.delete(document, option=client.write_option(last_update_time=snapshot.update_time))
        try:
            await committed(batch)
        except LOST:
            return  # it is gone, or another one by now

    await once(write, never)  # sent again, it finds that the document is gone


async def pages(query: Any) -> AsyncIterator[Any]:
    """All documents of a query, page by page, each a request; a page that is too large for its time is asked for in
    smaller ones.
    """
    last: Any = None
    size = _PAGE
    while True:
        try:
            page = await answered((query if last is None else query.start_after(last)).limit(size).get)
        except StoreUnavailable as failed:
            if not isinstance(failed.__cause__, DeadlineExceeded) or size <= _LEAST_PAGE:
                raise
            size //= 10
            continue
        for snapshot in page:
            yield snapshot
        if len(page) < size:
            return
        last = page[-1]


async def listed(collection: Any) -> AsyncIterator[Any]:
    """All documents of a collection, those without fields too: such as have only documents below them."""
    try:
        async for document in collection.list_documents(retry=None, timeout=RPC_SECONDS):
            yield document
    except GoogleAPICallError as failed:
        raise _told(failed, StoreUnavailable(), write=False) from failed


def _told(failed: GoogleAPICallError, unavailable: StoreUnavailable, *, write: bool) -> StoreUnavailable:
    _failures.tell(type(failed).__name__, write=write)
    return unavailable
