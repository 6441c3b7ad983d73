"""Processes of one function that tests start and kill themselves, beside the emulator's."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import IO, Self

from devtools import deployed_python, ports, processes
from devtools.paths import BIN, ROOT
from devtools.prepared import Prepared
from devtools.suite import Plan, SuiteError, function_environment

_READY_SECONDS = 60


class Member:
    """One process of the function `target`, at `url`. Creating it starts it.

    A `fresh` one shares no memory with others, takes as long to start as in the cloud, and runs with `python`. `say`
    gets each line of its output.
    """

    def __init__(
        self,
        plan: Plan,
        target: str,
        say: Callable[[str], None],
        environment: Mapping[str, str],
        *,
        fresh: bool = False,
        python: str = sys.executable,
    ) -> None:
        self._python = python
        self._target = target
        self._fresh = fresh
        self._say = say
        self._environment = {**os.environ, **function_environment(plan), **environment, "FUNCTION_TARGET": target}
        self.port = ports.some(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Starts the process. It does not wait until the process answers; `wait` does."""
        arguments = [
            "--asgi",
            "--target",
            self._target,
            "--source",
            "main.py",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        folder = ROOT / "functions"
        # In a process group of its own, so that gunicorn's master and worker are killed together.
        if self._fresh or sys.platform != "linux":
            command = [self._python, "-m", "functions_framework", *arguments]
            self.process: subprocess.Popen[str] | Prepared = processes.start(command, env=self._environment, cwd=folder)
            assert self.process.stdout is not None
            output = self.process.stdout
        else:
            self.process = Prepared("functions_framework", arguments, env=self._environment, cwd=folder)
            output = self.process.output
        threading.Thread(target=self._read, args=(output,), daemon=True).start()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._say(line.rstrip())

    def wait(self) -> None:
        """Waits until it answers. Raises SuiteError when it has ended or takes too long."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SuiteError(f"a process of {self._target} did not start")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether the process answers HTTP requests."""
        try:
            urllib.request.urlopen(f"{self.url}/__/health", timeout=2).close()  # noqa: S310  loopback
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """Kills the process with SIGKILL and waits until it is gone."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def end(self, seconds: float = 20) -> None:
        """Ends the process with SIGTERM, as Cloud Run does; after so many seconds with SIGKILL."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()


class Fleet:
    """`count` processes of a function on a suite's emulators, for a `with` block.

    `say` gets each line of their output; `environment` replaces variables that the emulator would set.
    """

    _fresh = False
    _python = sys.executable

    def __init__(
        self,
        plan: Plan,
        target: str = "api",
        count: int = 4,
        say: Callable[[str], None] = lambda _line: None,
        **environment: str,
    ) -> None:
        self._plan = plan
        self._target = target
        self._count = count
        self._say = say
        self._environment = environment
        self.members: list[Member] = []

    def __enter__(self) -> Self:
        try:
            self.members = [
                Member(
                    self._plan,
                    self._target,
                    self._say,
                    self._environment,
                    fresh=self._fresh,
                    python=self._python,
                )
                for _ in range(self._count)
            ]
            for member in self.members:
                member.wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self.members:
            if member.process.poll() is None:
                member.process.send_signal(signal.SIGTERM)
        for member in self.members:
            member.end()


class FreshFleet(Fleet):
    """A Fleet for measurements: its processes share no memory and start as slowly as in the cloud."""

    _fresh = True


class DeployedFleet(FreshFleet):
    """A Fleet with the Python and the packages with which the functions are deployed."""

    _python = str(deployed_python.VENV / BIN / "python")
