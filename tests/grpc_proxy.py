"""A proxy for Firestore that makes answers go astray: it forwards bytes, and does what it was told to the next request
of a kind.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any

import grpc

HELD_SECONDS = 600  # longer than any test: what hangs, hangs until it is let go on


class Fault(Enum):
    """What happens to a request."""

    ARRIVES_UNAVAILABLE = "it is carried out, and the answer is UNAVAILABLE"
    ARRIVES_CONTENDED = "it is carried out, and the answer is FAILED_PRECONDITION"
    ARRIVES_EXISTS = "it is carried out, and the answer is ALREADY_EXISTS"
    ARRIVES_UNANSWERED = "it is carried out, and no answer comes"
    HANGS = "nothing happens until the proxy is told `go_on`; then it is carried out"
    UNAVAILABLE = "it is not carried out, and the answer is UNAVAILABLE"
    DENIED = "it is not carried out, and the answer is PERMISSION_DENIED"


_SAID = {
    Fault.ARRIVES_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Fault.ARRIVES_CONTENDED: grpc.StatusCode.FAILED_PRECONDITION,
    Fault.ARRIVES_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Fault.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Fault.DENIED: grpc.StatusCode.PERMISSION_DENIED,
}


@dataclass
class _Planned:
    fault: Fault
    method: str
    part: bytes
    times: int
    after: int


@dataclass
class FirestoreProxy:
    """Stands before the Firestore at `upstream` (host:port); `address` is its own, once it runs (`async with`)."""

    upstream: str
    address: str = ""
    seen: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])  # method, request
    under_way: set["asyncio.Task[list[bytes]]"] = field(default_factory=set["asyncio.Task[list[bytes]]"])  # what hung
    _each: tuple[Fault, str] | None = None
    _met: set[bytes] = field(default_factory=set[bytes])
    _planned: list[_Planned] = field(default_factory=list[_Planned])
    _go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> "FirestoreProxy":
        self._channel = grpc.aio.insecure_channel(self.upstream)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Everything(self._forwarded),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._go_on.set()
        await self._server.stop(None)
        await self._channel.close()

    def plan(self, fault: Fault, method: str = "Commit", part: str = "", *, times: int = 1, after: int = 0) -> None:
        """What happens to the next `times` requests of a method in which `part` occurs, such as `/codes/`, after
        `after` more of them have passed unharmed.
        """
        self._planned.append(_Planned(fault, method, part.encode(), times, after))

    def plan_for_each(self, fault: Fault, method: str = "Commit") -> None:
        """What happens to every request of a method when it comes first; the very same one passes when it comes
        again.
        """
        self._each = (fault, method)

    def heal(self) -> None:
        """Nothing more goes astray; what hangs goes on."""
        self._planned.clear()
        self._each = None
        self.go_on()

    def go_on(self) -> None:
        """Lets every request go on that hangs."""
        self._go_on.set()
        self._go_on = asyncio.Event()

    def count(self, method: str, part: str = "") -> int:
        """How many requests of a method have come in which `part` occurs."""
        return sum(name == method and part.encode() in request for name, request in self.seen)

    def _fault_of(self, method: str, request: bytes) -> Fault | None:
        for planned in self._planned:
            if planned.method == method and planned.part in request and planned.times:
                if planned.after:
                    planned.after -= 1
                    continue
                planned.times -= 1
                return planned.fault
        if self._each is not None and method == self._each[1]:
            same = bytes(sorted(request))  # the fields of a document come in any order
            if same not in self._met:
                self._met.add(same)
                return self._each[0]
        return None

    async def _forwarded(self, path: str, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        method = path.rpartition("/")[2]
        request = await anext(aiter(requests))
        self.seen.append((method, request))
        fault = self._fault_of(method, request)
        if fault is Fault.HANGS:
            # As in the network: whoever asked may have gone away, the request arrives all the same.
            arriving = asyncio.create_task(self._later(path, request, context))
            self.under_way.add(arriving)
            arriving.add_done_callback(self.under_way.discard)
            for answer in await asyncio.shield(arriving):
                yield answer
            return
        if fault in (Fault.UNAVAILABLE, Fault.DENIED):
            await context.abort(_SAID[fault], "the proxy was told so")
        if fault is None:
            try:
                async for answer in self._sent(path, request, context):
                    yield answer
            except grpc.aio.AioRpcError as failed:
                await context.abort(failed.code(), failed.details() or "")
            return
        async for _ in self._sent(path, request, context):
            pass
        if fault is Fault.ARRIVES_UNANSWERED:
            await asyncio.sleep(HELD_SECONDS)
        await context.abort(_SAID[fault], "the proxy was told so")

    async def _later(self, path: str, request: bytes, context: Any) -> list[bytes]:
        await self._go_on.wait()
        try:
            return [answer async for answer in self._sent(path, request, context)]
        except grpc.aio.AioRpcError:
            return []  # its fence held

    async def _sent(self, path: str, request: bytes, context: Any) -> AsyncIterator[bytes]:
        metadata = [(k, v) for k, v in context.invocation_metadata() if not k.startswith(("grpc-", "user-agent"))]
        call: Any = self._channel.stream_stream(path)(iter([request]), metadata=metadata, timeout=HELD_SECONDS)
        async for answer in call:
            yield answer


class _Everything(grpc.GenericRpcHandler):
    def __init__(self, forward: Any) -> None:
        self._forward = forward

    def service(self, handler_call_details: Any) -> Any:
        path = handler_call_details.method

        async def forwarded(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for answer in self._forward(path, requests, context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(forwarded)
