"""A function that answers a constant, as functions-framework serves it by itself: the least that an instance takes."""

import functions_framework.aio
from starlette.requests import Request


@functions_framework.aio.http
async def api(_request: Request) -> str:
    """The same word for everybody."""
    return "constant"
