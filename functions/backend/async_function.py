"""An async HTTP function that `firebase deploy` discovers: functions-framework's ASGI server with Firebase's endpoint.

firebase-functions for Python is synchronous (firebase/firebase-functions-python#135). Joining the two takes its two
private names below; tests/functions/test_async_function.py fails when they move.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import functions_framework.aio
from firebase_functions import options
from firebase_functions.private import util
from starlette.requests import Request
from starlette.responses import Response

AsyncFunction = Callable[[Request], Awaitable[Response]]
Decorator = Callable[[AsyncFunction], AsyncFunction]


def on_async_request(**https_options: Any) -> Decorator:
    """Like `https_fn.on_request`, for an `async def` that takes a Starlette request and runs on uvicorn."""
    return _joined(options.HttpsOptions(**https_options))


def on_async_schedule(**schedule_options: Any) -> Decorator:
    """Like `scheduler_fn.on_schedule`: Cloud Scheduler posts to the function, which only its own account may invoke."""
    return _joined(options.ScheduleOptions(**schedule_options))


def _joined(endpoint: Any) -> Decorator:
    def decorate(function: AsyncFunction) -> AsyncFunction:
        served: Any = functions_framework.aio.http(function)  # pyright: ignore[reportArgumentType]
        util.set_func_endpoint_attr(served, endpoint._endpoint(func_name=function.__name__))
        return served

    return decorate
