"""Processes that start in a quarter of the time, for tests.

They are forked from a process that has already imported the libraries, but none of our own code.
"""

import ctypes
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from devtools.paths import ROOT

_LIBRARIES = ("aiohttp", "firebase_admin.auth", "firebase_functions.https_fn", "functions_framework.aio",
              "google.cloud.firestore",
              "gunicorn.app.base", "jwt", "msgspec", "structlog", "tink.aead", "uvicorn_worker")  # fmt: skip
_ASKED = 1 << 16  # a request has at most this many bytes
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Prepared:
    """Runs `python -m MODULE …` in a group of its own, with our functions in its path (Linux only).

    It reads `stdin` (at most 64 KiB); `output` has both its outputs. It gets SIGTERM when its parent ends.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: str = ""
    ) -> None:
        ours, theirs = socket.socketpair()
        reads, writes = os.pipe()
        given, gives = os.pipe()
        os.write(gives, stdin.encode())
        os.close(gives)
        asked = json.dumps({"module": module, "arguments": list(arguments), "env": dict(env), "cwd": str(cwd)}).encode()
        socket.send_fds(_server(), [asked], [theirs.fileno(), given, writes])
        theirs.close()
        os.close(given)
        os.close(writes)
        self.output: IO[str] = os.fdopen(reads, errors="replace")
        self.pid = int(ours.recv(32))
        self._channel = ours
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the exit code. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if self._code is None:
            if not select.select([self._channel], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._code = int(self._channel.recv(32) or -1)
            self._channel.close()
        return self._code

    def ended(self, timeout: float = 120) -> tuple[int, str]:
        """Waits until it ends. Returns the exit code and its whole output. Raises subprocess.TimeoutExpired."""
        with self.output:
            printed = self.output.read()
        return self.wait(timeout), printed

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)


@cache
def _server() -> socket.socket:
    """The socket of the process that forks the others. That process ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "devtools.prepared", str(theirs.fileno())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "functions")}
    subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
    )
    theirs.close()
    return ours


def _serve(asked: socket.socket) -> None:
    for library in _LIBRARIES:
        importlib.import_module(library)
    woken, wakes = os.pipe()
    for end in (woken, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wakes)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([asked, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_of_the_ended(running)
        if asked in ready:
            request, fds, _, _ = socket.recv_fds(asked, _ASKED, 3)
            if not request:
                return
            channel = socket.socket(fileno=fds[0])
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for other in (asked, channel, *running.values()):
                    other.close()
                os._exit(_run(fds[1:], **json.loads(request)))
            for fd in fds[1:]:
                os.close(fd)
            running[pid] = channel
            channel.send(str(pid).encode())


def _tell_of_the_ended(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as channel:
            channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run(streams: list[int], module: str, arguments: list[str], env: dict[str, str], cwd: str) -> int:
    """Runs the module in a forked process and returns its exit code."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    given, output = streams
    for stream, fd in ((0, given), (1, output), (2, output)):
        os.dup2(fd, stream)
    for fd in streams:
        os.close(fd)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
