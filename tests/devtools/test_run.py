"""`make run` from outside: what it prints, what it keeps, what it leaves behind (nothing)."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devtools import loopback, ports
from devtools.clients import authorize
from devtools.paths import ROOT
from devtools.run import _tidy
from devtools.saved_state import OTHER_VERSION, SavedState
from devtools.suite import EMULATORS, Plan, Suite
from tests.depth import examples
from tests.devtools.runs import Run, wait_until


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "state")
    yield made
    left = made.left_over()
    made.end_by_force()
    assert left == []


def test_state_survives_a_restart_and_neither_ctrl_c_nor_a_kill_leaves_a_process(run: Run) -> None:
    """And a person's own settings are in force. Ctrl-C goes to the whole group, as a terminal sends it, and so does
    kill -9, after which the state of before is there.
    """
    run.own.mkdir()
    (run.own / ".env.local").write_text(
        f"SALESFORCE_LOGIN_HOSTS=127.0.0.1:{run.ports.localorg}=The org that I wrote down\n"
    )
    running = run.start(by_make=True)
    app = run.app()
    assert [host["label"] for host in app.call("auth/getSignInOptions")["loginHosts"]] == ["The org that I wrote down"]
    assert str(run.own / ".env.local") in run.log.read_text()
    app.sign_in(authorize(run.ports.url("localorg")))
    made = app.call("api/createRecord", {"sobject": "Account", "fields": {"Name": "Kept over a restart"}})["id"]
    os.killpg(running.pid, signal.SIGINT)
    running.wait(150)
    wait_until(lambda: run.left_over() == [], f"Ctrl-C left {run.left_over()}")
    saved = run.saved_users()
    assert saved

    again = run.start(by_make=True)
    record = app.call("api/getRecord", {"sobject": "Account", "id": made})["record"]
    assert record["fields"]["Name"] == "Kept over a restart"
    os.killpg(again.pid, signal.SIGKILL)
    again.wait(150)
    wait_until(lambda: run.left_over() == [], f"SIGKILL left {run.left_over()}")
    assert run.saved_users() == saved


SIGN_UP = "{}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=any"
# A run of the first alone starts in a third of the time.
LIGHT, ALL = "auth", ",".join(EMULATORS)
# Each target is ended once while everything runs, Java, functions and all; the group in the test above.
WHOLE = {("make", signal.SIGTERM), ("terminal", signal.SIGHUP)}
# How each target is ended, and how else in `make test-deep`.
ENDS = {
    "runner": ([signal.SIGHUP, signal.SIGKILL], [signal.SIGINT, signal.SIGTERM]),
    "make": ([signal.SIGTERM, signal.SIGKILL], [signal.SIGINT, signal.SIGHUP]),
    "group": ([], [signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]),
    "terminal": ([signal.SIGHUP], []),
}


def somebody(run: Run) -> str:
    """A new Firebase user's id."""
    return str(loopback.post(SIGN_UP.format(run.ports.url("auth")), json={}).json()["localId"])


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """The state of an earlier run in which somebody signed up, and who."""
    run = Run(tmp_path_factory.mktemp("earlier") / "state")
    running = run.start(EMULATORS=LIGHT)
    uid = somebody(run)
    running.send_signal(signal.SIGINT)
    assert running.wait(150) == 0
    return run, uid


@pytest.mark.wide
@pytest.mark.parametrize("target", [t for t, (usual, _) in ENDS.items() if usual or examples(1) > 1])
def test_every_end_leaves_no_process_and_the_newest_whole_state(
    target: str, earlier: tuple[Run, str], tmp_path: Path
) -> None:
    """Ctrl-C, a kill and a closed terminal save; after kill -9 the state of before is there.

    Each to one process and to the group.
    """
    usual, others = ENDS[target]
    numbers = usual if examples(1) == 1 else [*usual, *others]
    # The emulators look for free ports of their own, and more at once take each other's.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: end(number, target, earlier, tmp_path / number.name), numbers))
    assert not list(ROOT.glob("firebase-export-*"))


def end(number: signal.Signals, target: str, earlier: tuple[Run, str], folder: Path) -> None:
    folder.mkdir()
    before, uid = earlier
    run = Run(folder / "state", before.project)
    shutil.copytree(before.state, run.state)
    main, terminal = pty.openpty() if target == "terminal" else (None, None)
    whole = (target, number) in WHOLE
    try:
        running = run.start(by_make=True, terminal=terminal, EMULATORS=ALL if whole else LIGHT)
        if main is not None:
            shown = b""
            while b"Ctrl-C ends everything" not in shown:
                shown += os.read(main, 4096)
        if whole:
            run.app().call("auth/getSignInOptions")
        newcomer = somebody(run)
        match target:
            case "runner":
                os.kill(run.runner(), number)
            case "make":
                running.send_signal(number)
            case "group":
                os.killpg(running.pid, number)
            case _:
                assert terminal is not None
                assert main is not None
                os.close(terminal)
                os.close(main)
        running.wait(150)
        wait_until(lambda: run.left_over() == [], f"{number.name} to the {target} left {run.left_over()}")
        assert uid in run.saved_users(), number.name
        # When make alone is told, or killed, the runner notices and still saves.
        if number is not signal.SIGKILL or target == "make":
            assert newcomer in run.saved_users(), number.name
    finally:
        run.end_by_force()


def test_the_state_is_saved_while_it_runs(run: Run) -> None:
    """And the Auth emulator still checks what it gets, with checks that it makes at the first call."""
    running = run.start(SAVE_EVERY="1", EMULATORS=LIGHT)
    uid = somebody(run)
    refused = loopback.post(SIGN_UP.format(run.ports.url("auth")), json={"mfaInfo": "no list"})
    assert (refused.status_code, "/mfaInfo must be array" in refused.text) == (400, True)
    wait_until(lambda: uid in run.saved_users(), "nothing was saved")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(150)
    wait_until(lambda: run.left_over() == [], "something is left")
    assert uid in run.saved_users()


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """The hub dies in the middle of it, or the disk is full: what the file names is always whole."""
    free = ports.free()
    plan = Plan(free, f"demo-save-{free.hub}", tmp_path / "state", emulators=("auth",))
    with Suite(plan, lambda _part, _line: None) as suite:
        suite.save()
        saved = SavedState(tmp_path / "state")
        before = saved.newest()
        assert before is not None
        broken = tmp_path / "state/emulators" / str(int(before.name) + 1)
        broken.mkdir()
        (broken / "auth_export").write_text("half")
        assert saved.newest() == before
        suite.save()
        newest = saved.newest()
        assert newest is not None
        assert newest.name not in (before.name, broken.name)
        assert [f.name for f in newest.parent.iterdir() if f.is_dir()] == [newest.name]


@pytest.mark.parametrize("victim", ["firestore-emulator.jar", "localorg.cli", "firebase.js"])
def test_a_part_killed_hard_takes_the_rest_along(run: Run, victim: str) -> None:
    running = run.start(EMULATORS="auth,firestore" if "firestore" in victim else LIGHT)
    killed = [process for process, line in run.processes().items() if victim in line]
    assert killed
    for process in killed:
        process.kill()
    assert running.wait(150) == 1
    wait_until(lambda: run.left_over() == [], "something is left")


@pytest.mark.parametrize("left", ["no version", "another version"])
def test_a_state_of_another_version_is_refused_in_one_line(tmp_path: Path, left: str) -> None:
    run = Run(tmp_path / "state")
    (run.state / "emulators").mkdir(parents=True)
    if left == "another version":
        (run.state / "version").write_text("1")
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "run"],
        cwd=ROOT,
        env=run.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == f"✗ {OTHER_VERSION}"
    assert "make reset" in OTHER_VERSION


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = Run(tmp_path / "state")
        environment = run.environment | {"HOSTING_PORT": str(port)}
        done = subprocess.run(
            [sys.executable, "-m", "devtools", "run"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == f"✗ port {port} (hosting) is taken: end the program that holds it, or choose another with HOSTING_PORT=…"
        " make run"
    )


def test_an_emulator_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    run = Run(tmp_path / "state")
    environment = run.environment | {"EMULATORS": "auth,firebase"}
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "✗ EMULATORS names firebase: it takes some of auth,firestore,functions,hosting"


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
            [sys.executable, "-c", f"import {name}; print({name}.__file__)"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert Path(shown.stdout.strip()).parent == home


def test_a_traceback_of_a_function_keeps_its_indentation() -> None:
    assert [
        _tidy(line)
        for line in (
            ">  Traceback (most recent call last):",
            '>    File "queries.py", line 9',
            "i  a line of firebase-tools",
        )
    ] == [
        "Traceback (most recent call last):",
        '  File "queries.py", line 9',
        "i  a line of firebase-tools",
    ]


def test_the_auth_emulator_checks_with_the_library_that_is_made_quick() -> None:
    """devtools/trusted_schemas.cjs reaches one copy of ajv; another one would start slowly again."""
    packages = ROOT / "devtools/node_modules"
    assert (packages / "ajv/dist/core.js").exists()
    assert (packages / "exegesis/package.json").exists()
    assert not (packages / "exegesis/node_modules/ajv").exists()


def test_an_administrators_command_without_a_backend_says_what_to_do() -> None:
    environment = {**os.environ, **ports.free().environment()}
    environment.pop("GCLOUD_PROJECT", None)
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "admin", "show"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "make run starts it" in done.stderr


def test_every_command_of_the_makefile_is_one_of_the_runners() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "devtools", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for line in (ROOT / "Makefile").read_text().splitlines():
        if line.startswith("\t$(DO) "):
            assert line.split()[1] in shown
