"""Counts what Firestore would charge: documents read, written and deleted, by database. A proxy before the emulator
forwards bytes and reads the requests.

A document that is asked for is a read, whether it is there or not; a query is one at least, and as many as it finds
(Google, "Understand Cloud Firestore billing"); here every query that is counted finds one document or none.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import grpc
from google.cloud.firestore_v1.types import firestore as requests

_DATABASE = re.compile(r"projects/[^/]+/databases/([^/]+)")


class FirestoreBill:
    """Stands before the emulator at `port`; `address` is its own. Runs in a thread."""

    def __init__(self, port: int) -> None:
        self._upstream = f"127.0.0.1:{port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.address = ""
        self.counts = Counter[str]()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def since(self, before: Counter[str]) -> dict[str, int]:
        """What has come on top of `before`, a copy of `counts`."""
        return dict(self.counts - before)

    async def _start(self) -> None:
        self._channel = grpc.aio.insecure_channel(self._upstream)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Everything(self),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def _stop(self) -> None:
        await self._server.stop(None)
        await self._channel.close()

    async def forward(self, path: str, asked: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Sends one request on, and its answers back."""
        request = await anext(aiter(asked))
        self._count(path.rpartition("/")[2], request)
        metadata = [(k, v) for k, v in context.invocation_metadata() if not k.startswith(("grpc-", "user-agent"))]
        call: Any = self._channel.stream_stream(path)(iter([request]), metadata=metadata, timeout=60)
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as failed:
            await context.abort(failed.code(), failed.details() or "")

    def _count(self, method: str, request: bytes) -> None:
        if method == "BatchGetDocuments":
            got = requests.BatchGetDocumentsRequest.deserialize(request)
            self.counts[f"reads of {_database(got.database)}"] += len(got.documents)
        elif method == "RunQuery":
            self.counts[f"reads of {_database(requests.RunQueryRequest.deserialize(request).parent)}"] += 1
        elif method == "Commit":
            for write in requests.CommitRequest.deserialize(request).writes:
                self.counts["deletes" if write.delete else "writes"] += 1
                if write.update.name and "/entries/" in write.update.name:
                    self.counts["bytes of history"] += len(type(write.update).serialize(write.update))
        else:
            raise AssertionError(f"nobody says what {method} costs")


def _database(name: str) -> str:
    found = _DATABASE.match(name)
    assert found, name
    return found[1]


class _Everything(grpc.GenericRpcHandler):
    def __init__(self, bill: FirestoreBill) -> None:
        self._bill = bill

    def service(self, handler_call_details: Any) -> Any:
        path = handler_call_details.method

        async def forwarded(asked: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for answer in self._bill.forward(path, asked, context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(forwarded)
