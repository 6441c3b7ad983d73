"""A workaround for the Functions emulator; it does nothing elsewhere."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent() -> None:
    """Ends this process with the shell that started it (Linux).

    At a reload the emulator kills only that shell, and the server would live on (firebase/firebase-tools#11069).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
