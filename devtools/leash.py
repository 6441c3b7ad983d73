"""Runs a program and ends everything that it started, when it ends or when its holder does.

    python -m devtools.leash HOLDER COMMAND…

HOLDER is the id of the process that asks for it, which may be killed at any time.
"""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

import psutil

from devtools.processes import adopt_orphans, descendants, end_all

_GRACE = 15.0  # seconds that a program gets to end when it is asked to
_LOOK = 0.25  # seconds between two looks at the holder
_REMEMBER = 8  # at every eighth look the descendants are listed, because orphans cannot be adopted on every system


def main(holder: int, command: list[str]) -> int:
    """Runs the command on behalf of the process `holder`. Returns the command's exit code."""
    adopt_orphans()
    child = subprocess.Popen(command)
    started: set[psutil.Process] = set()
    asked_at: float | None = None

    def ask_to_end(received: int, _frame: FrameType | None) -> None:
        nonlocal asked_at
        if child.poll() is None and asked_at is None:
            asked_at = time.monotonic()
            child.send_signal(signal.SIGTERM if received == signal.SIGTERM else signal.SIGINT)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask_to_end)
    looks = 0
    try:
        while True:
            try:
                return child.wait(_LOOK)
            except subprocess.TimeoutExpired:
                pass
            if os.getppid() != holder:
                ask_to_end(signal.SIGINT, None)
            if asked_at is not None and time.monotonic() - asked_at > _GRACE:
                child.kill()
            if looks % _REMEMBER == 0:
                started.update(descendants())
            looks += 1
    finally:
        end_all({*started, *descendants()})


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
