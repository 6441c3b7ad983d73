"""Counts the requests that a process sends to the Firestore emulator: a loopback relay that reads HTTP/2 frame
headers.
"""

import asyncio
import threading
from types import TracebackType
from typing import Self

from devtools import ports

_PREFACE, _FRAME_HEAD, _HEADERS = 24, 9, 1


class GrpcCounter:
    """Relays a free port, `address`, to the emulator's; `count` is the gRPC calls that began.

    Runs in a thread of its own.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self.port = ports.some(1)[0]
        self.address = f"127.0.0.1:{self.port}"
        self.count = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._relay, "127.0.0.1", self.port), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up, down = await asyncio.open_connection("127.0.0.1", self._to)
        back = asyncio.ensure_future(_copy(up, writer))
        try:
            down.write(await reader.readexactly(_PREFACE))
            while True:
                head = await reader.readexactly(_FRAME_HEAD)
                self.count += head[3] == _HEADERS
                down.write(head + await reader.readexactly(int.from_bytes(head[:3], "big")))
                await down.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            back.cancel()
            down.close()
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
