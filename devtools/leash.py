"""Runs one program and ends all that it started when it ends, or when the runner does: `python -m devtools.leash COMMAND…`

The runner itself may be killed hard; then this process is told by the kernel (Linux) and cleans up in its stead.
"""

import signal
import subprocess
import sys
from types import FrameType

from devtools.processes import adopt_orphans, end_descendants

_GRACE = 15.0  # seconds that a program gets to write its state when it is asked to end


def main(command: list[str]) -> int:
    """The exit code of the command."""
    adopt_orphans()
    child = subprocess.Popen(command)

    def ask_to_end(_signal: int, _frame: FrameType | None) -> None:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            signal.alarm(int(_GRACE))

    signal.signal(signal.SIGINT, ask_to_end)
    signal.signal(signal.SIGTERM, ask_to_end)
    signal.signal(signal.SIGALRM, lambda _signal, _frame: child.kill())
    try:
        return child.wait()
    finally:
        signal.alarm(0)
        end_descendants()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
