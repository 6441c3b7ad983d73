"""What `make …` notices and mends by itself: a moved folder, something deleted, another Python, Node or Java."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.__main__ import QUICK
from devtools import deployed_python, setup_machine
from devtools.paths import ROOT
from devtools.setup_machine import Progress, SetupError, Step


class Installation:
    """A step that makes a file, in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.lock = folder / "lock"
        self.lock.write_text("one")
        self.made = folder / "made"
        self.runs = 0
        self.machine = "Python 3.11"
        self.stamps = folder / "stamps"

    def work(self) -> None:
        self.runs += 1
        self.made.write_text("")

    def do(self, work: Callable[[], None] | None = None) -> int:
        Step("A step", [self.lock, self.machine], self.made.exists, work or self.work, stamps=self.stamps).do(
            Progress()
        )
        return self.runs


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_what_has_been_done_is_passed_over(installation: Installation) -> None:
    assert [installation.do(), installation.do()] == [1, 1]


@pytest.mark.parametrize(("command", "in_output"), [("keyset", False), ("admin", False), ("run", True)])
def test_what_is_installed_first_does_not_stand_in_a_keyset(
    installation: Installation, capsys: pytest.CaptureFixture[str], command: str, in_output: bool
) -> None:
    with setup_machine.apart_from_output(command):
        installation.do()
    output, beside = capsys.readouterr()
    assert ("✓ A step" in output, "✓ A step" in beside) == (in_output, not in_output)


def test_what_was_deleted_is_made_again(installation: Installation) -> None:
    installation.do()
    installation.made.unlink()
    assert [installation.do(), installation.do()] == [2, 2]


@pytest.mark.parametrize("changed", ["lock", "machine"])
def test_what_was_made_from_something_else_is_made_again(installation: Installation, changed: str) -> None:
    installation.do()
    if changed == "lock":
        installation.lock.write_text("two")
    else:
        installation.machine = "Python 3.12"
    assert [installation.do(), installation.do()] == [2, 2]


def test_what_failed_is_tried_again(installation: Installation) -> None:
    def fail() -> None:
        raise SetupError("no network")

    installation.do()
    installation.lock.write_text("two")
    with pytest.raises(SetupError):
        installation.do(fail)
    assert installation.do() == 2


def test_the_python_packages_belong_to_this_folder_and_this_python() -> None:
    assert {str(ROOT), sys.executable, sys.version} <= set(setup_machine.python_step("uv").inputs)


def test_a_tool_of_the_project_that_was_deleted_is_missed(tmp_path: Path) -> None:
    pointer, program = tmp_path / "node-bin", tmp_path / "node/bin/node"
    assert setup_machine._is_there(pointer, "node")  # without a pointer the machine's own is meant
    program.parent.mkdir(parents=True)
    program.write_text("")
    pointer.write_text(str(program.parent))
    assert setup_machine._is_there(pointer, "node")
    shutil.rmtree(tmp_path / "node")
    assert not setup_machine._is_there(pointer, "node")


def test_another_node_of_the_machine_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    before = setup_machine.node_step("uv").inputs
    (tmp_path / "node").write_text("")
    (tmp_path / "node").chmod(0o755)
    assert setup_machine.node_step("uv").inputs != before


@pytest.mark.parametrize("left", ["nothing", "a link into the folder of before", "a link as it should be"])
def test_firebase_tools_finds_the_packages_wherever_the_folder_is(tmp_path: Path, left: str) -> None:
    link, venv = tmp_path / "functions/venv", tmp_path / ".venv"
    link.parent.mkdir()
    venv.mkdir()
    if left != "nothing":
        link.symlink_to("/nowhere/.venv" if "before" in left else "../.venv")
    deployed_python.link_venv(link, venv)
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    assert (moved / "functions/venv").resolve() == moved / ".venv"


def test_no_room_or_no_right_to_write_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(command: str, rest: object) -> None:
        raise OSError(28, "No space left on device", ".venv/lib")

    monkeypatch.setattr(setup_machine, "prepare", full)
    assert setup_machine.main(["run"]) == 1
    assert capsys.readouterr().err == "✗ setting up failed: [Errno 28] No space left on device: '.venv/lib'\n"


def test_while_a_step_works_it_says_how_far_it_is() -> None:
    progress = Progress()
    with progress.of(Step("firebase-tools", [], lambda: False, lambda: None, lambda: "312 of 620 packages")):
        assert re.fullmatch(r"… firebase-tools 312 of 620 packages \d+ s", progress.text())


def test_the_packages_that_npm_has_unpacked_are_counted(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text('{"packages": {"": {}, "node_modules/a": {}, "node_modules/b": {}}}')
    (tmp_path / "node_modules/a").mkdir(parents=True)
    (tmp_path / "node_modules/a/package.json").write_text("{}")
    assert setup_machine._npm_count(tmp_path) == "1 of 2 packages"


def test_a_benchmark_gets_the_browsers_that_it_drives_and_no_other() -> None:
    assert setup_machine.browsers_of("bench", ["taps"]) == ()
    assert setup_machine.browsers_of("run", []) == ()
    assert setup_machine.browsers_of("bench", []) == ()
    assert setup_machine.browsers_of("bench", ["all"]) == ("Chromium", "Firefox", "WebKit")
    for file in (ROOT / "bench").glob("*.py"):
        drives = tuple(name for name in ("Chromium", "Firefox", "WebKit") if f"{name.lower()}()" in file.read_text())
        assert setup_machine.browsers_of("bench", [file.stem]) == drives, file.name
        assert not drives or file.stem not in QUICK


def test_figures_go_into_the_tracked_file_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import results

    monkeypatch.delenv("WRITE", raising=False)
    assert results.file() == ROOT / "build/bench/results.json"
    monkeypatch.setenv("WRITE", "1")
    assert results.file() == ROOT / "bench/results.json"


def test_of_two_commands_at_once_the_second_waits_until_the_machine_is_set_up(tmp_path: Path) -> None:
    """Each writes down when it begins and when it is done."""
    shutil.copytree(ROOT / "devtools", tmp_path / "devtools", ignore=lambda *_: {"node_modules", "__pycache__"})
    told = tmp_path / "told"
    told.write_text("")
    command = [
        sys.executable,
        "-c",
        "import sys, time\n"
        "from devtools import setup_machine\n"
        "def prepare(command, rest):\n"
        "    for word in ('begins', 'ends'):\n"
        f"        with open({str(told)!r}, 'a') as file: file.write(f'{{command}} {{word}}\\n')\n"
        "        time.sleep(0.3)\n"
        "setup_machine.prepare, setup_machine.os.execv = prepare, lambda *_: sys.exit()\n"
        "setup_machine.main([sys.argv[1]])",
    ]
    running = [subprocess.Popen([*command, name], cwd=tmp_path) for name in ("check", "test")]
    assert [process.wait(60) for process in running] == [0, 0]
    lines = told.read_text().splitlines()
    first, second = lines[0].split()[0], lines[2].split()[0]
    assert lines == [f"{first} begins", f"{first} ends", f"{second} begins", f"{second} ends"]
    assert {first, second} == {"check", "test"}
