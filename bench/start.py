"""`make run` on a fresh clone, and once more: from the command to the line that says everything runs."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from bench.table import show
from devtools import ports
from devtools.paths import ROOT


def _run(folder: Path) -> float:
    environment = {**os.environ, **ports.free().environment()}
    started = time.perf_counter()
    running = subprocess.Popen(
        ["make", "run"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "everything runs" in line:
            break
    taken = time.perf_counter() - started
    os.killpg(running.pid, signal.SIGINT)
    running.stdout.read()
    running.wait()
    return taken


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sample-app-"))
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "clone")], check=True)
        first, second = _run(folder / "clone"), _run(folder / "clone")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(
        "`make run` until everything runs",
        ("run", "time"),
        (("first, on a fresh clone", f"{first:.0f} s"), ("second", f"{second:.0f} s")),
    )
