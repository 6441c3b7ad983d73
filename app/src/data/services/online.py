"""When the device says that it has a network again."""

import sys
from collections.abc import Callable
from contextvars import copy_context
from typing import Any


def listen(came: Callable[[], None]) -> None:
    """Calls `came` whenever the browser says that it is online again (HTML, "Browser state", the event `online`, which
    workers hear too). An installed app has nothing that tells; there only trying shows it."""
    if sys.platform != "emscripten":
        return
    import js  # pyright: ignore[reportMissingImports]
    from pyodide.ffi import create_proxy  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

    here = copy_context()  # Flet knows by it which page is meant; what the browser calls has none
    listener: Any = create_proxy(lambda _event: here.copy().run(came))  # pyright: ignore[reportUnknownLambdaType]
    js.self.addEventListener("online", listener)  # pyright: ignore[reportUnknownMemberType]
