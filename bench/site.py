"""Serves builds of the web client as Firebase Hosting does: the headers and rewrites of each build's own firebase.json,
compressed once and then from memory, and the functions on the same origin. In a process of its own, so that what
measures takes nothing from it: python -m bench.site SITES (JSON; `Sites` makes it).
"""

import asyncio
import gzip
import hashlib
import json
import mimetypes
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, web

from bench.builds import Build
from devtools.paths import ROOT

_COMPRESSED = re.compile(r"\.(js|mjs|css|html|json|wasm|svg|ttf|otf|zip)$")
_HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding"}
mimetypes.add_type("text/javascript", ".mjs")
mimetypes.add_type("application/wasm", ".wasm")


@dataclass(frozen=True, slots=True)
class Site:
    """A build on a port of its own, which is an origin of its own. `changed`: pairs of old and new text by file name;
    "" stands for the file's beginning, None for the whole file.
    """

    build: Build
    port: int
    changed: Mapping[str, Sequence[tuple[str | None, str]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Sites:
    """The process that serves `sites`, for a `with` block. `functions`: the address of each function by its name;
    `reachable`: origins that the page may connect to beside those of its policy.
    """

    def __init__(self, sites: Sequence[Site], functions: Mapping[str, str], reachable: str) -> None:
        told: dict[str, object] = {"functions": dict(functions), "reachable": reachable}
        told["sites"] = [
            {**asdict(site), "build": {"site": str(site.build.site), "hosting": str(site.build.hosting)}}
            for site in sites
        ]
        self._sites = sites
        self._process = subprocess.Popen([sys.executable, "-m", "bench.site", json.dumps(told)], cwd=ROOT)

    def __enter__(self) -> Self:
        for site in self._sites:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"{site.url}/manifest.json", timeout=5).close()  # noqa: S310  loopback
                    break
                except OSError:
                    time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)


def fits(source: str, path: str) -> bool:
    """Whether a path fits a glob of firebase.json (`**`, `*`, and `!` in front)."""
    pattern = re.escape(source.removeprefix("!")).replace(r"/\*\*", "(/.*)?").replace(r"\*\*", ".*")
    fit = re.fullmatch(pattern.replace(r"\*", "[^/]*"), path) is not None
    return fit != source.startswith("!")


_Kept = dict[Path, tuple[bytes, bytes | None, str]]  # content, compressed, ETag


class _Served:
    def __init__(self, site: Mapping[str, Any], told: Mapping[str, Any], client: ClientSession, kept: _Kept) -> None:
        self._folder = Path(site["build"]["site"]).resolve()
        self._hosting = json.loads(Path(site["build"]["hosting"]).read_text())["hosting"]
        self._changed, self._functions = site["changed"], told["functions"]
        self._reachable = told["reachable"]
        self._client = client
        self._shared, self._own = kept, _Kept()  # so that no site's first visit waits for what another has compressed

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.split("/")[1]
        if name in self._functions:
            return await self._call(request, self._functions[name])
        path = self._folder / request.path.lstrip("/")
        if not path.is_file() and fits("!/v/**", request.path):
            path = self._folder / "index.html"
        if not path.is_file():
            return web.Response(status=404)
        content, compressed, tag = self._content(path)
        headers = {"ETag": tag, "Vary": "Accept-Encoding"}
        for rule in self._hosting["headers"]:
            if fits(rule["source"], request.path):
                headers |= {header["key"]: header["value"] for header in rule["headers"]}
        policy = headers["Content-Security-Policy"]
        headers["Content-Security-Policy"] = policy.replace(
            "connect-src 'self'", f"connect-src 'self' {self._reachable}"
        )
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if compressed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=compressed, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=content, headers=headers)

    def _content(self, path: Path) -> tuple[bytes, bytes | None, str]:
        kept = self._own if path.name in self._changed else self._shared
        if path not in kept:
            content = path.read_bytes()
            for old, new in self._changed.get(path.name, ()):
                text = content.decode() if old is not None else ""
                if old and text.count(old) != 1:
                    raise RuntimeError(f"{path.name} has changed: see bench/trace.py")
                content = text.replace(old or "", new, 1).encode()
            compressed = gzip.compress(content, 6) if _COMPRESSED.search(path.name) and len(content) > 1024 else None
            kept[path] = content, compressed, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return kept[path]

    async def _call(self, request: web.Request, function: str) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = await request.read()
        async with self._client.request(request.method, function + request.path_qs, headers=headers, data=body) as back:
            kept = {name: value for name, value in back.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=back.status, headers=kept, body=await back.read())


async def _serve(told: Mapping[str, Any]) -> None:
    kept = _Kept()
    async with ClientSession() as client:
        for site in told["sites"]:
            served = web.Application(client_max_size=32 << 20)
            served.router.add_route("*", "/{path:.*}", _Served(site, told, client, kept).answer)
            runner = web.AppRunner(served, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", site["port"]).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(json.loads(sys.argv[1])))
    except KeyboardInterrupt:
        pass
