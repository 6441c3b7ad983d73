"""The steps by which a machine is made ready, and how they are told on the terminal. It needs only the standard
library.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from devtools.paths import ROOT, TOOLS


class SetupError(Exception):
    """Something is missing. The text says what and what to do, in one line."""


@dataclass(frozen=True)
class Step:
    """One installation.

    `inputs`: files (their content counts) or words; when they change, it is done again. `made`: whether its result is
    there. `work` does it. `count`: how far it is, as text.
    """

    name: str
    inputs: Sequence[Path | str]
    made: Callable[[], bool]
    work: Callable[[], None]
    count: Callable[[], str] = lambda: ""
    stamps: Path = TOOLS / "stamps"

    def do(self, progress: Progress) -> None:
        """Does the step unless it is done already. Raises SetupError."""
        digest = hashlib.sha256()
        for one in self.inputs:
            digest.update(one.encode() if isinstance(one, str) else one.read_bytes())
        stamp = self.stamps / re.sub(r"\W+", "-", self.name.lower())
        if stamp.exists() and stamp.read_text() == digest.hexdigest() and self.made():
            return
        stamp.unlink(missing_ok=True)
        with progress.of(self):
            self.work()
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest.hexdigest())


class Progress:
    """Prints which steps are running and how far they are: on a terminal in one changing line, else in a new line each
    time.
    """

    def __init__(self) -> None:
        self._steps: dict[str, tuple[Step, float]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._terminal = sys.stdout.isatty()

    def __enter__(self) -> Progress:
        threading.Thread(target=self._tell, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with self._lock:
            self._clear()

    def of(self, step: Step) -> _UnderWay:
        """A context manager that marks the step as running."""
        return _UnderWay(self, step)

    def begin(self, step: Step) -> None:
        """Marks a step as running."""
        with self._lock:
            self._steps[step.name] = (step, time.monotonic())
            if not self._terminal:
                print(f"… {step.name}", flush=True)

    def end(self, step: Step, *, well: bool) -> None:
        """Marks a step as ended; `well`: without an error."""
        with self._lock:
            _, since = self._steps.pop(step.name)
            self._clear()
            if well:
                print(f"✓ {step.name} ({time.monotonic() - since:.0f} s)", flush=True)

    def text(self) -> str:
        """All running steps, with count and seconds."""
        now = time.monotonic()
        steps = ((step.name, step.count(), now - since) for step, since in self._steps.values())
        return "… " + " · ".join(
            " ".join(filter(None, (name, count, f"{seconds:.0f} s"))) for name, count, seconds in steps
        )

    def _tell(self) -> None:
        while not self._over.wait(1 if self._terminal else 15):
            with self._lock:
                if self._steps:
                    self._clear()
                    print(self.text(), end="" if self._terminal else "\n", flush=True)

    def _clear(self) -> None:
        if self._terminal:
            print("\r\x1b[K", end="", flush=True)


class _UnderWay:
    def __init__(self, progress: Progress, step: Step) -> None:
        self._progress, self._step = progress, step

    def __enter__(self) -> None:
        self._progress.begin(self._step)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.end(self._step, well=error is None)


def run(command: Sequence[str], *, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Runs a program. Raises SetupError with its last lines when it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = [line for line in (done.stdout + done.stderr).strip().splitlines() if line.strip()][-3:]
        raise SetupError(f"{Path(command[0]).name} {command[1]} failed: {' | '.join(last)}")
