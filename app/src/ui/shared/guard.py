"""The one guard: what a part of the app lets through ends that part, and never the app. No Flet in here."""

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def watch(session: Any, failed: Callable[[BaseException], None]) -> None:
    """Gives `failed` each exception that an event handler, an effect or a task of a Flet session lets through.

    Flet itself would end the session, with a traceback on the screen: each of its ways there calls `Session.error` from
    within the `except` that caught the exception.
    """

    def error(_message: str) -> None:
        caught = sys.exception()
        if caught is not None:
            failed(caught)

    def lost(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        caught = context.get("exception")
        if isinstance(caught, Exception):
            session.start_updates_scheduler()  # it may have been Flet's own painter, which starts anew then
            failed(caught)

    answered = session.handle_invoke_method_results

    def hear(*answer: Any, **named: Any) -> None:
        """A control may be gone when the answer to a call of its method comes: Flet raises then, and in a browser hears
        nothing more of anything."""
        with suppress(RuntimeError):
            answered(*answer, **named)

    session.error = error
    session.handle_invoke_method_results = hear
    asyncio.get_running_loop().set_exception_handler(lost)
    logging.getLogger("flet").addFilter(_without_text)


def _without_text(record: logging.LogRecord) -> bool:
    """Takes the exception from what Flet logs, because its text may hold secrets; `report` writes where it came
    from."""
    record.exc_info = None
    return True


def report(error: BaseException) -> None:
    """Writes to the console where an exception came from, without its text, which may hold secrets or data."""
    places = [
        f"  {frame.filename.rpartition('/src/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    print(type(error).__name__, *places, sep="\n", file=sys.stderr)
