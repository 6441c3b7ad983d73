"""Lets Flet's client of version 0.82.2, the last one that a wheel carries, show an app of the Flet that we pin.

    python bridge.py CLIENT SOCKET PID_FILE [ASSETS]

Both speak the same MsgPack messages and frame them differently: the old client sends and takes them bare, one after the
other; Flet 1.0.5 puts a length (4 bytes, little-endian) and a type byte before each (its messaging/flet_socket_server).
The old client draws nothing that stands in a `Semantics` control, also for the Python of its own version, so it gets
a `Container` instead, which takes the same `content`.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import msgpack

_MESSAGE = b"\x00"
_SEMANTICS, _CONTAINER = b"\xa9Semantics", b"\xa9Container"  # as MsgPack strings of 9 bytes


def framed(message: bytes) -> bytes:
    """A message as Flet 1.0.5 sends it."""
    return (len(message) + 1).to_bytes(4, "little") + _MESSAGE + message


async def _to_app(client: asyncio.StreamReader, app: asyncio.StreamWriter) -> None:
    unpacker, pending = msgpack.Unpacker(), b""
    taken = 0  # bytes of the whole stream that are sent on
    while data := await client.read(65536):
        unpacker.feed(data)
        pending += data
        while True:
            try:
                unpacker.skip()
            except msgpack.OutOfData:
                break
            size = unpacker.tell() - taken
            taken += size
            app.write(framed(pending[:size]))
            pending = pending[size:]
        await app.drain()


async def _to_client(app: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    while header := await app.read(4):
        packet = await app.readexactly(int.from_bytes(header + await app.readexactly(4 - len(header)), "little"))
        if packet[:1] == _MESSAGE:
            client.write(packet[1:].replace(_SEMANTICS, _CONTAINER))
            await client.drain()


async def bridge(client: str, socket: str, *rest: str) -> int:
    """Runs the client until it or the app ends. Returns the client's exit code."""
    ended = asyncio.Event()

    async def connect(from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_app, to_app = await asyncio.open_unix_connection(socket)
        ways = [asyncio.create_task(_to_app(from_client, to_app)), asyncio.create_task(_to_client(from_app, to_client))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            to_app.close()
            to_client.close()
            ended.set()

    with tempfile.TemporaryDirectory() as folder:
        own = str(Path(folder) / "socket")
        async with await asyncio.start_unix_server(connect, own):
            # The window takes its class, and its title until it has one, from the name by which the program is called.
            name = os.environ.get("FLET_APP_ID") or client
            window = await asyncio.create_subprocess_exec(name, own, *rest, executable=client)
            over: list[asyncio.Task[object]] = [asyncio.create_task(window.wait()), asyncio.create_task(ended.wait())]
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
            if window.returncode is None:
                window.terminate()
            return await window.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(bridge(*sys.argv[1:])))
