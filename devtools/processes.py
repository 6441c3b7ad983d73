"""Child processes that never outlive the runner: each in a group of its own, ended with all that it started."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def adopt_orphans() -> None:
    """Makes this process the parent of orphaned grandchildren, so that `end_descendants` finds them (Linux)."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """A running program; each line that it prints goes to `on_line`."""

    def __init__(self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, on_line: Callable[[str, str], None]) -> None:
        self.name = name
        self._on_line = on_line
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devtools.leash", *command],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._on_line(self.name, line.rstrip())

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def interrupt(self, seconds: float) -> None:
        """Asks the program to end, and waits that long."""
        if self.running:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def end_group(self) -> None:
        """Ends whatever of its process group is left."""
        for sign, pause in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 0.0)):
            try:
                os.killpg(self.process.pid, sign)
            except (ProcessLookupError, PermissionError):
                return
            deadline = time.monotonic() + pause
            while time.monotonic() < deadline and _group_lives(self.process.pid):
                self.process.poll()
                time.sleep(0.05)


def end_descendants() -> None:
    """Kills every process that descends from this one and still runs (Linux; elsewhere the groups must do)."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        left = descendants()
        for pid in left:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 2
        while left and time.monotonic() < deadline:
            _reap()
            left = descendants()
            time.sleep(0.05)


def descendants() -> list[int]:
    """The ids of all processes below this one."""
    if not _LINUX:
        return []
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(entry)] = int(fields[1])
    found: list[int] = []
    seek = {os.getpid()}
    while seek:
        children = {pid for pid, parent in parents.items() if parent in seek} - set(found)
        found += children
        seek = children
    return found


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def die_with_parent() -> None:
    """For a child before it runs its program: the kernel asks it to end when its parent has ended (Linux)."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
