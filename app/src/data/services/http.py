"""HTTP for the app: the browser's fetch under Pyodide, httpx elsewhere. Bodies are JSON or forms, answers JSON; and
files, which are bytes.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from contract.calls import APP_SECONDS
from contract.files import FILE_APP_SECONDS

Progress = Callable[[float], None]  # is told which share of a file has been sent, 0 to 1
_PIECE = 64 * 1024


class Unreachable(Exception):
    """The request did not come through. The text has no URL, because it may be logged."""


class TimedOut(Exception):
    """The request was sent and no answer came within APP_SECONDS."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """The status of an answer and its body as JSON (None when it is something else); of a file its `content`."""

    status: int
    body: Any
    content: bytes | None = None


class Http(Protocol):
    """Sends requests; one implementation for a browser and one for an installed app."""

    async def post(
        self,
        url: str,
        *,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends a POST request and returns the answer, whatever its status. Raises Unreachable and TimedOut."""
        ...


class FileHttp(Http, Protocol):
    """Sends files too."""

    async def upload(self, url: str, content: bytes, headers: Mapping[str, str], progress: Progress) -> Answer:
        """Sends a file. Who is cancelled sends no more of it. Raises Unreachable and TimedOut."""
        ...

    async def download(self, url: str, body: object, headers: Mapping[str, str]) -> Answer:
        """Sends a POST request with JSON; a good answer is a file. Raises Unreachable, also for a file that breaks off,
        and TimedOut."""
        ...


def make_http() -> FileHttp:
    """The implementation for where the app's Python runs."""
    return _BrowserHttp() if sys.platform == "emscripten" else _NativeHttp()


def _encoded(
    body: object, form: Mapping[str, str] | None, headers: Mapping[str, str] | None
) -> tuple[str, dict[str, str]]:
    if form is not None:
        return urlencode(form), {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
    return json.dumps(body), {**(headers or {}), "Content-Type": "application/json"}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


class _BrowserHttp:
    async def post(
        self,
        url: str,
        *,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        # Not by pyodide.http, whose import alone takes a tenth of what the app does before its first view.
        from js import AbortController, Object, fetch  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import JsException, to_js  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        content, all_headers = _encoded(body, form, headers)
        abort: Any = AbortController.new()  # pyright: ignore[reportUnknownMemberType]
        request = {"method": "POST", "body": content, "headers": all_headers, "signal": abort.signal}
        answered = False
        try:
            async with asyncio.timeout(APP_SECONDS):
                response: Any = await fetch(url, to_js(request, dict_converter=Object.fromEntries))  # pyright: ignore[reportUnknownMemberType]
                answer = Answer(int(response.status), _parsed(str(await response.text())))
                answered = True
                return answer
        except TimeoutError:
            raise TimedOut from None
        except JsException:
            raise Unreachable from None
        finally:
            if not answered:
                abort.abort()

    async def upload(self, url: str, content: bytes, headers: Mapping[str, str], progress: Progress) -> Answer:
        # fetch does not tell how much has been sent.
        from js import XMLHttpRequest  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import create_proxy, to_js  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        request: Any = XMLHttpRequest.new()  # pyright: ignore[reportUnknownMemberType]
        over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def end(event: Any) -> None:
            if not over.done():
                over.set_result(str(event.type) == "load")

        def sent(event: Any) -> None:
            progress(float(event.loaded) / max(1.0, float(event.total)))

        proxies: list[Any] = [create_proxy(end), create_proxy(sent)]
        request.open("POST", url)
        for name, value in headers.items():
            request.setRequestHeader(name, value)
        for name in ("load", "error", "abort"):
            request.addEventListener(name, proxies[0])
        request.upload.addEventListener("progress", proxies[1])
        try:
            async with asyncio.timeout(FILE_APP_SECONDS):
                request.send(to_js(content))
                if not await over:
                    raise Unreachable
                return Answer(int(request.status), _parsed(str(request.responseText)))
        except TimeoutError:
            raise TimedOut from None
        finally:
            if int(request.readyState) != 4:
                request.abort()
            for proxy in proxies:
                proxy.destroy()

    async def download(self, url: str, body: object, headers: Mapping[str, str]) -> Answer:
        from js import AbortController, Object, fetch  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import JsException, to_js  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        content, all_headers = _encoded(body, None, headers)
        abort: Any = AbortController.new()  # pyright: ignore[reportUnknownMemberType]
        request = {"method": "POST", "body": content, "headers": all_headers, "signal": abort.signal}
        answered = False
        try:
            async with asyncio.timeout(FILE_APP_SECONDS):
                response: Any = await fetch(url, to_js(request, dict_converter=Object.fromEntries))  # pyright: ignore[reportUnknownMemberType]
                if int(response.status) == 200:
                    answer = Answer(200, None, (await response.arrayBuffer()).to_bytes())
                else:
                    answer = Answer(int(response.status), _parsed(str(await response.text())))
                answered = True
                return answer
        except TimeoutError:
            raise TimedOut from None
        except JsException:
            raise Unreachable from None
        finally:
            if not answered:
                abort.abort()


class _NativeHttp:
    def __init__(self) -> None:
        import httpx

        self._client = httpx.AsyncClient(timeout=APP_SECONDS)

    async def post(
        self,
        url: str,
        *,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        import httpx

        content, all_headers = _encoded(body, form, headers)
        try:
            response = await self._client.post(url, content=content, headers=all_headers)
        except httpx.ConnectTimeout:
            raise Unreachable from None
        except httpx.TimeoutException:
            raise TimedOut from None
        except httpx.HTTPError:
            raise Unreachable from None
        return Answer(response.status_code, _parsed(response.text))

    async def upload(self, url: str, content: bytes, headers: Mapping[str, str], progress: Progress) -> Answer:
        async def pieces() -> AsyncIterator[bytes]:
            for first in range(0, len(content), _PIECE):
                yield content[first : first + _PIECE]
                progress(min(1.0, (first + _PIECE) / len(content)))

        all_headers = {**headers, "Content-Length": str(len(content))}
        return await self._file(url, pieces(), all_headers, is_file=False)

    async def download(self, url: str, body: object, headers: Mapping[str, str]) -> Answer:
        content, all_headers = _encoded(body, None, headers)
        return await self._file(url, content, all_headers, is_file=True)

    async def _file(
        self, url: str, content: "str | AsyncIterator[bytes]", headers: Mapping[str, str], *, is_file: bool
    ) -> Answer:
        import httpx

        try:
            async with asyncio.timeout(FILE_APP_SECONDS):
                response = await self._client.post(url, content=content, headers=headers, timeout=FILE_APP_SECONDS)
        except httpx.ConnectTimeout:
            raise Unreachable from None
        except (TimeoutError, httpx.TimeoutException):
            raise TimedOut from None
        except httpx.HTTPError:
            raise Unreachable from None
        if is_file and response.status_code == 200:
            return Answer(200, None, response.content)
        return Answer(response.status_code, _parsed(response.text))
