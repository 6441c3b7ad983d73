"""Child processes that end with the runner: each runs in a group of its own and is ended with everything it started."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


def adopt_orphans() -> None:
    """Makes this process the parent of orphaned grandchildren, so that they stay its descendants (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """A running program. `on_line` gets (name, line) for each line of its output."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str, str], None],
    ) -> None:
        self.name = name
        self._on_line = on_line
        self.process = start(command, env=env, cwd=cwd)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._on_line(self.name, line.rstrip())

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def interrupt(self, seconds: float) -> None:
        """Sends it SIGINT and waits for so many seconds; then it is ended by force."""
        if self.running:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            end_all([*descendants(self.process.pid), psutil.Process(self.process.pid)])


def start(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[str]:
    """Starts a program on a leash, in a group of its own, without input. Its `stdout` has both outputs."""
    return subprocess.Popen(
        leashed(command),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def leashed(command: Sequence[str]) -> list[str]:
    """The command that runs `command` under devtools/leash.py, which ends it with this process."""
    return [sys.executable, "-m", "devtools.leash", str(os.getpid()), *command]


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """All processes below the process `pid`, by default below this one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end_all(processes: Iterable[psutil.Process], seconds: float = 2.0) -> None:
    """Ends processes with SIGTERM, and after so many seconds with SIGKILL."""
    left = list(processes)
    for process in left:
        _tell(process.terminate)
    _, left = psutil.wait_procs(left, seconds)
    for process in left:
        _tell(process.kill)
    psutil.wait_procs(left, seconds)


def _tell(end: Callable[[], None]) -> None:
    try:
        end()
    except psutil.NoSuchProcess:
        pass
