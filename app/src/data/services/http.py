"""HTTP for the app: the browser's fetch under Pyodide, httpx elsewhere. Bodies are JSON or forms, answers JSON."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from contract.calls import APP_SECONDS


class Unreachable(Exception):
    """The request did not come through. The text has no URL, because it may be logged."""


class TimedOut(Exception):
    """The request was sent and no answer came within APP_SECONDS."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """The status of an answer and its body as JSON (None when it is something else)."""

    status: int
    body: Any


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


def make_http() -> Http:
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
