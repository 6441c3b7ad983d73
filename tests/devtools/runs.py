"""One `make run`, on ports and with state of its own."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from devtools import ports
from devtools.clients import App
from devtools.paths import ROOT
from devtools.saved_state import SavedState

_SECONDS = 150


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Waits for a state that other processes bring about."""
    deadline = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@dataclass(frozen=True)
class Gate:
    """Calls that are held until this file is there."""

    path: Path

    def open(self) -> None:
        self.path.touch()


def _as_from_a_shell(terminal: int | None) -> None:
    """A worker of pytest ignores SIGINT, and nohup SIGHUP; make would leave them ignored."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if terminal is not None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Run:
    """One `make run` on ports of its own, of this checkout or of another folder."""

    def __init__(self, state: Path, project: str | None = None, root: Path = ROOT) -> None:
        self.root = root
        self.ports = ports.free()
        self.state = state
        self.project = project or f"demo-run-{self.ports.hub}"
        self.own = state.with_name("own")  # the settings files of whoever runs it, not of whoever runs the tests
        folders = {"STATE_DIR": str(state), "SETTINGS_DIR": str(self.own)}
        self.environment = {
            **os.environ,
            **self.ports.environment(),
            **folders,
            "PROJECT": self.project,
            "SAVE_EVERY": "3600",
        }
        self.environment.pop("MAKELEVEL", None)
        self.log = state.with_suffix(".log")

    def start(
        self, *, by_make: bool = False, terminal: int | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Starts it in a session of its own, on a terminal when one is given, and waits until it says that everything
        runs.
        """
        command = ["make", "run"] if by_make else [sys.executable, "-m", "devtools", "run"]
        with self.log.open("wb") as log:
            output = log if terminal is None else terminal
            running = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _as_from_a_shell(terminal),
            )
        if terminal is None:
            wait_until(
                lambda: "Ctrl-C ends everything" in self.log.read_text() or running.poll() is not None,
                "it did not start",
            )
            assert running.poll() is None, self.log.read_text()
        return running

    def processes(self) -> dict[psutil.Process, str]:
        """Whatever still carries this run's environment, each with its command line."""
        found: dict[psutil.Process, str] = {}
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("STATE_DIR") == str(self.state):
                    found[process] = " ".join(process.cmdline())
            except psutil.Error:  # it has ended, or is somebody else's
                continue
        return found

    def left_over(self) -> list[str]:
        return list(self.processes().values())

    def end_by_force(self) -> None:
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def app(self) -> App:
        return App(self.ports.url("hosting"), self.ports.url("auth"), f"127.0.0.1:{self.ports.localorg}")

    def runner(self) -> int:
        """The process id of the runner itself."""
        (found,) = (process.pid for process, line in self.processes().items() if line.endswith("-m devtools run"))
        return found

    def saved_users(self) -> str:
        """The Firebase users of the last complete save."""
        newest = SavedState(self.state).newest()
        return "" if newest is None else (newest / "auth_export/accounts.json").read_text()
