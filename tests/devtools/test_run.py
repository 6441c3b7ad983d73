"""`make run` from outside: what it prints, what it keeps, what it leaves behind (nothing)."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import ports
from devtools.setup_machine import ROOT
from tests.clients import App, authorize


class Run:
    """One `make run` on ports of its own."""

    def __init__(self, state: Path) -> None:
        self.ports = ports.free()
        self.environment = {
            **os.environ,
            **self.ports.environment(),
            "STATE_DIR": str(state),
            "PROJECT": f"demo-run-{self.ports.hub}",
        }
        self.log = state.with_suffix(".log")

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", "devtools", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 120
        while "Ctrl-C ends everything" not in self.log.read_text():
            assert running.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)
        return running

    def left_over(self) -> list[str]:
        """Command lines of processes that still carry this run's environment."""
        mark = f"PROJECT=demo-run-{self.ports.hub}\0".encode()
        found: list[str] = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes() and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                        found.append((entry / "cmdline").read_text().replace("\0", " "))
                except OSError:
                    continue
        return found

    def app(self) -> App:
        return App(self.ports.url("hosting"), self.ports.url("auth"), f"127.0.0.1:{self.ports.localorg}")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "state")
    yield made
    assert made.left_over() == []


def test_state_survives_a_restart_and_ctrl_c_leaves_nothing(run: Run) -> None:
    running = run.start()
    app = run.app()
    app.sign_in(authorize(run.ports.url("localorg")))
    made = app.call("api/createRecord", {"sobject": "Account", "fields": {"Name": "Kept over a restart"}})["id"]
    running.send_signal(signal.SIGINT)
    assert running.wait(40) == 0
    assert run.left_over() == []

    again = run.start()
    record = app.call("api/getRecord", {"sobject": "Account", "id": made})["record"]
    assert record["fields"]["Name"] == "Kept over a restart"
    again.send_signal(signal.SIGINT)
    assert again.wait(40) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="finds its processes in /proc")
@pytest.mark.parametrize("victim", ["firestore-emulator.jar", "localorg.cli", "firebase.js", "devtools run"])
def test_a_part_killed_hard_takes_the_rest_along(run: Run, victim: str) -> None:
    running = run.start()
    run.app().call("auth/getSignInOptions")
    killed = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_text().replace("\0", " ")
                ours = f"PROJECT=demo-run-{run.ports.hub}".encode() in (entry / "environ").read_bytes()
            except OSError:
                continue
            if ours and victim in line:
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
    assert killed
    assert running.wait(60) != 0
    deadline = time.monotonic() + 20  # after the runner's own death the parts end by themselves
    while run.left_over() and time.monotonic() < deadline:
        time.sleep(0.5)


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = Run(tmp_path / "state")
        environment = run.environment | {"HOSTING_PORT": str(port)}
        done = subprocess.run(
            [sys.executable, "-m", "devtools", "run"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr.strip() == f"✗ port {port} (hosting) is taken: end the program that holds it, or choose another with HOSTING_PORT=… make run"


def test_a_port_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ports.PortsError, match="AUTH_PORT=nine is not a port"):
        ports.chosen(
            {"AUTH_PORT": "nine", "HOSTING_PORT": str(ports.free().hosting)}
            | {n: str(ports.free().hub) for n in ("FUNCTIONS_PORT", "FIRESTORE_PORT")}
        )


def test_what_is_edited_is_what_runs(tmp_path: Path) -> None:
    """The contract and the local org are imported from this folder, not from copies made at installation."""
    for name, home in (("contract", ROOT / "functions/contract"), ("localorg", ROOT / "localorg")):
        shown = subprocess.run(
            [sys.executable, "-c", f"import {name}; print({name}.__file__)"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert Path(shown.stdout.strip()).parent == home


def test_an_administrators_command_without_a_backend_says_what_to_do() -> None:
    environment = {**os.environ, **ports.free().environment()}
    environment.pop("GCLOUD_PROJECT", None)
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "admin", "show"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 2
    assert "make run starts it" in done.stderr
