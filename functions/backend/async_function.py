"""An async HTTP function that `firebase deploy` discovers: functions-framework's ASGI server with Firebase's endpoint.

firebase-functions for Python is synchronous (firebase/firebase-functions-python#135). Joining the two takes its two
private names below. The third one, of functions-framework, makes the ASGI application of a function: ours answers each
request by itself, without Starlette's router and middleware around it, which took a seventh of a call's processor time
(docs/performance.md). tests/functions/test_async_function.py fails when one of them moves.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import functions_framework.aio
import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend import settings
from backend.log import place_of

AsyncFunction = Callable[[Request], Awaitable[Response]]
Decorator = Callable[[AsyncFunction], AsyncFunction]
_APPLICATION = "application"
_log = structlog.get_logger("functions")


def on_async_request(**https_options: Any) -> Decorator:
    """Like `https_fn.on_request`, for an `async def` that takes a Starlette request and runs on uvicorn."""
    return _joined("HttpsOptions", https_options)


def on_async_schedule(**schedule_options: Any) -> Decorator:
    """Like `scheduler_fn.on_schedule`: Cloud Scheduler posts to the function, which only its own account may invoke."""
    return _joined("ScheduleOptions", schedule_options)


def _joined(kind: str, wanted: Mapping[str, Any]) -> Decorator:
    def decorate(function: AsyncFunction) -> AsyncFunction:
        served: Any = functions_framework.aio.http(function)  # pyright: ignore[reportArgumentType]
        setattr(served, _APPLICATION, _Application(function))
        if not settings.is_serving():  # only a deployment asks, and reading firebase-functions takes time at a start
            from firebase_functions import options
            from firebase_functions.private import util

            endpoint: Any = getattr(options, kind)(**wanted)
            util.set_func_endpoint_attr(served, endpoint._endpoint(func_name=function.__name__))
        return served

    return decorate


class _Headers(Headers):
    """Headers that are found by name in one step; Starlette's go through all of them each time. Of a header that came
    several times `get` gives the first, as Starlette's does.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        self._first: dict[bytes, bytes] = dict(reversed(scope["headers"]))

    def get(self, key: str, default: Any = None) -> Any:
        found = self._first.get(key.lower().encode("latin-1"))
        return default if found is None else found.decode("latin-1")


class _Request(Request):
    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._by_name = _Headers(scope)

    @property
    def headers(self) -> Headers:
        return self._by_name


class _Application:
    """A function as an ASGI application. Source: ASGI specification, "HTTP & WebSocket", "Lifespan"."""

    def __init__(self, function: AsyncFunction) -> None:
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "websocket.close"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._function(_Request(scope, receive))
        except Exception as failure:
            self._report(failure)
            response = Response("Internal Server Error", 500, media_type="text/plain")
        try:
            await response(scope, receive, send)
        except ClientDisconnect:
            pass  # whoever asked went away
        except Exception as failure:
            self._report(failure)  # uvicorn closes the connection, so that nobody takes the answer for whole

    def _report(self, failure: Exception) -> None:
        name = getattr(self._function, "__name__", "")
        _log.error("failed", call=name, kind=type(failure).__name__, place=place_of(failure), exc_info=failure)


def _make_application(function: Any, *_how: object) -> Any:
    """In place of functions-framework's own, which would put Starlette's application around the function."""
    return getattr(function, _APPLICATION)


functions_framework.aio._create_asgi_app_with_function = _make_application  # pyright: ignore[reportPrivateUsage]
