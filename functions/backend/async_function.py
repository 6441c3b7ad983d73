"""An async HTTP function that `firebase deploy` discovers: functions-framework's ASGI server with Firebase's endpoint.

firebase-functions for Python is synchronous (firebase/firebase-functions-python#135). Joining the two takes its two
private names below; tests/functions/test_async_function.py fails when they move.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from backend import settings

AsyncFunction = Callable[[Request], Awaitable[Response]]
Decorator = Callable[[AsyncFunction], AsyncFunction]


def on_async_request(**https_options: Any) -> Decorator:
    """Like `https_fn.on_request`, for an `async def` that takes a Starlette request and runs on uvicorn."""
    return _joined("HttpsOptions", https_options)


def on_async_schedule(**schedule_options: Any) -> Decorator:
    """Like `scheduler_fn.on_schedule`: Cloud Scheduler posts to the function, which only its own account may invoke."""
    return _joined("ScheduleOptions", schedule_options)


def _joined(kind: str, wanted: Mapping[str, Any]) -> Decorator:
    def decorate(function: AsyncFunction) -> AsyncFunction:
        served: Any = functions_framework.aio.http(function)  # pyright: ignore[reportArgumentType]
        if not settings.is_serving():  # only a deployment asks, and reading firebase-functions takes time at a start
            from firebase_functions import options
            from firebase_functions.private import util

            endpoint: Any = getattr(options, kind)(**wanted)
            util.set_func_endpoint_attr(served, endpoint._endpoint(func_name=function.__name__))
        return served

    return decorate
