"""A plug-in of coverage.py: a process that gets SIGTERM first saves which lines it has run.

Uvicorn's worker sets the signal's default action, which would end the process at once.
"""

import os
import signal
from typing import Any

from coverage import Coverage


def coverage_init(_registry: object, _options: object) -> None:
    """Called by coverage.py in each process that it measures."""
    set_handler = signal.signal

    def write_and_end(number: int, _frame: object) -> None:
        measured = Coverage.current()
        if measured is not None:
            measured.stop()
            measured.save()
        set_handler(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def signal_with_an_end(number: int, action: Any) -> Any:
        return set_handler(number, write_and_end if number == signal.SIGTERM and action == signal.SIG_DFL else action)

    signal.signal = signal_with_an_end
