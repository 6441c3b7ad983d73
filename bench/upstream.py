"""A Salesforce of fixed speed: a query is answered at once, or after a delay, with the same 25 accounts, or with the
first of them where one record is asked for; all else goes to the local org.

`python -m bench.upstream PORT ORG_URL FILE`, where FILE holds the answer. `POST /bench/delay?ms=100` sets the delay,
`GET /bench/count` tells how many requests came.
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import cast

import aiohttp
import uvloop

_LIMIT_ONE = re.compile(rb"LIMIT(?:\+|%20)1(?:&|$)")
_OWN = (b"connection", b"content-length", b"accept-encoding")


class Upstream(asyncio.Protocol):
    """One connection. Requests on it come one after another, as HTTP clients send them."""

    delay = 0.0
    count = 0
    answer = b""
    single = b""
    org_url = ""
    session: aiohttp.ClientSession

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = cast(asyncio.Transport, transport), b""
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            at = head.lower().find(b"content-length:")
            length = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self.serve(head, body)

    def serve(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b" ", 2)
        if target.startswith(b"/bench/delay"):
            Upstream.delay = int(target.rsplit(b"=", 1)[1]) / 1000
            self.send(b"ok")
        elif target == b"/bench/count":
            self.send(str(Upstream.count).encode())
        elif b"/query" in target:
            Upstream.count += 1
            answer = Upstream.single if _LIMIT_ONE.search(target) else Upstream.answer
            if Upstream.delay:
                self.loop.call_later(Upstream.delay, self.send, answer)
            else:
                self.send(answer)
        else:
            Upstream.count += 1
            self.loop.create_task(self.forward(method.decode(), target.decode(), head, body))

    def send(self, body: bytes, status: int = 200) -> None:
        if not self.transport.is_closing():
            lines = (
                f"HTTP/1.1 {status} OK\r\nContent-Type: application/json;charset=UTF-8\r\nSforce-Limit-Info:"
                " api-usage=18/100000000\r\n"
            )
            self.transport.write(f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def forward(self, method: str, target: str, head: bytes, body: bytes) -> None:
        lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:]]
        headers = {k.decode(): v.decode() for k, v in lines if k.lower() not in _OWN}
        async with self.session.request(method, self.org_url + target, headers=headers, data=body or None) as answer:
            self.send(await answer.read(), answer.status)


async def main(port: int, org_url: str, answer: bytes) -> None:
    Upstream.answer, Upstream.org_url = answer, org_url
    rows = json.loads(answer)
    Upstream.single = json.dumps({**rows, "totalSize": 1, "records": rows["records"][:1]}).encode()
    async with aiohttp.ClientSession() as Upstream.session:
        server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_bytes()))
