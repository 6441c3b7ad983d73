"""The Python with which the functions are deployed: firebase-tools finds it, or a line says what to do before anything
is changed; and how long Google keeps it.

What the real thing does was read in firebase-tools 15.34.2: deploy/functions/runtimes/python/index.js runs exactly
`python3.13` in functions/venv for `python313` (people meet it in firebase-tools#6774 and #8336), and
deploy/functions/runtimes/supported/types.js has the dates.
"""

import os
import re
import subprocess
import warnings
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from devtools import deployed_python, setup_machine
from devtools.deployed_python import VENV, Support, notice, runtime, supported, version
from devtools.paths import BIN, ROOT, UV, tool_path
from devtools.steps import SetupError

PYTHON = VENV / BIN / "python"


@pytest.fixture
def installed() -> None:
    """`make test` installs it, where it can."""
    assert PYTHON.exists(), "make deploy-check installs the Python with which the functions are deployed"


@pytest.mark.usefixtures("installed")
def test_firebase_tools_discovers_the_functions_with_the_runtimes_own_python() -> None:
    command = ["node", "devtools/deploy_check.js", "."]
    environment = {**os.environ, "PATH": tool_path(dict(os.environ))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"✓ (\w+) in europe-west1", done.stdout) == ["api", "auth", "upkeep"]
    asked = subprocess.run([str(PYTHON), "--version"], capture_output=True, text=True, check=True).stdout
    assert asked.startswith(f"Python {version(runtime())}.")


@pytest.mark.usefixtures("installed")
def test_what_is_deployed_compiles_with_it_and_its_packages_fit() -> None:
    """Google's build does both (buildpacks: cmd/python/functions_framework/lib/lib.go runs compileall,
    pkg/python/python.go runs pip check) and ends when one fails.
    """
    code = "import pathlib, sys; [compile(p.read_bytes(), p, 'exec') for p in map(pathlib.Path, sys.argv[1:])]"
    files = [
        str(p) for part in ("main.py", "backend", "contract") for p in (ROOT / "functions").glob(f"{part}/**/*.py")
    ]
    command = [str(PYTHON), "-W", "error", "-c", code, str(ROOT / "functions/main.py"), *files]
    assert len(files) > 60
    subprocess.run(command, check=True)
    fit = subprocess.run(
        [str(UV), "pip", "check", "--python", str(PYTHON)], capture_output=True, text=True, check=False
    )
    assert fit.returncode == 0, fit.stderr


@pytest.mark.usefixtures("installed")
def test_it_has_the_packages_that_are_deployed_and_no_other() -> None:
    listed = subprocess.run(
        [str(UV), "pip", "freeze", "--python", str(PYTHON)], capture_output=True, text=True, check=True
    ).stdout.split()
    pinned = re.findall(r"^([a-z0-9-]+==[\w.]+)", (ROOT / "functions/requirements.txt").read_text(), re.MULTILINE)
    assert listed
    assert set(listed) <= set(pinned)  # some are for other systems


def test_a_python_that_cannot_be_had_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(SetupError) as refused:
        deployed_python.interpreter(str(UV), "3.99")
    said = str(refused.value)
    assert "\n" not in said
    assert "Python 3.99 is missing, with which the functions are deployed" in said
    assert "install python3.99" in said
    assert "nothing was changed" in said


def test_without_it_a_deployment_ends_before_it_asks_google(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deployed_python, "runtime", lambda: "python399")
    monkeypatch.setattr(deployed_python, "VENV", ROOT / ".local/no-such-environment")
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("it went on"))
    for other in (
        "python_step",
        "java_step",
        "node_step",
        "npm_step",
    ):
        monkeypatch.setattr(setup_machine, other, lambda *_: SimpleNamespace(do=lambda _: None))
    for command in ("deploy-plan", "deploy"):
        assert setup_machine.main([command]) == 1
        (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("✗")]
        assert "Python 3.99 is missing" in line


def test_what_needs_it_gets_it_and_nothing_else_waits_for_it() -> None:
    for command in ("deploy", "deploy-plan", "deploy-check", "test"):
        assert setup_machine.deploys(command, [])
    assert setup_machine.deploys("firebase", ["deploy", "--only", "functions"])
    for command, rest in (("run", []), ("check", []), ("quick", []), ("admin", ["show"]), ("firebase", ["login"])):
        assert not setup_machine.deploys(command, rest)


@pytest.mark.usefixtures("installed")
def test_a_folder_of_somebodys_own_that_firebase_tools_could_not_use_is_named(tmp_path: Path) -> None:
    own = tmp_path / "functions/venv"
    own.mkdir(parents=True)
    with pytest.raises(SetupError, match=rf"functions/venv has no python{version(runtime())}, .*: delete it"):
        deployed_python.link(own, VENV)
    own.rmdir()
    deployed_python.link(own, VENV)
    assert own.resolve() == VENV.resolve()


# How long


def test_the_runtime_is_one_that_firebase_tools_takes() -> None:
    """Whether a year of it is left is no test of the code: a clone made later would fail for its age alone. The
    workflow "runtime" fails for that, and here it is a warning.
    """
    assert supported()[runtime()].status == "GA"
    if (todo := deployed_python.notice_today()) is not None:
        warnings.warn(todo, stacklevel=1)


def test_a_year_before_its_end_it_says_what_to_do() -> None:
    end = date(2029, 10, 10)
    known = {"python313": Support("GA", end, date(2030, 4, 10)), "python314": Support("GA", date(2030, 10, 10), end)}
    assert notice(end - timedelta(days=366), "python313", known) is None
    soon = notice(end - timedelta(days=365), "python313", known) or ""
    assert soon.startswith("Python 3.13, with which the functions are deployed, ends at Google on 2029-10-10")
    assert "cannot be deployed any more from 2030-04-10 on" in soon
    assert "name a newer one in firebase.json (firebase-tools knows python314)" in soon
    assert "ended at Google" in (notice(end, "python313", known) or "")
    assert "does not know the runtime python399" in (notice(end, "python399", known) or "")


def test_the_docs_have_the_dates_of_firebase_tools() -> None:
    rows = re.findall(r"^\| (?:\*\*)?(python3\d+)(?:\*\*)? \| ([\d-]+) \| ([\d-]+) \|", _docs(), re.MULTILINE)
    assert {name: tuple(dates) for name, *dates in rows} == {
        name: (str(end.deprecated), str(end.decommissioned)) for name, end in supported().items()
    }
    assert f"**{runtime()}**" in _docs()


def _docs() -> str:
    return (ROOT / "docs/deploy.md").read_text()


# The laptop's


def test_every_python_that_a_laptop_may_have_is_one_that_the_emulator_starts() -> None:
    """suite.py names the laptop's own to the emulator, which refuses one that it does not know."""
    oldest, newest = setup_machine.OLDEST_PYTHON, setup_machine.NEWEST_PYTHON
    assert {f"python3{minor}" for minor in range(oldest[1], newest[1] + 1)} <= set(supported())
    assert f"python3{newest[1]}" == max(supported(), key=lambda name: supported()[name].deprecated)


@pytest.mark.parametrize("found", [(3, 10, 1), (3, 15, 0), (2, 7, 18)])
def test_another_python_is_refused_in_one_line(
    found: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_machine.sys, "version_info", found)
    monkeypatch.setattr(setup_machine, "prepare", lambda *_: pytest.fail("it went on"))
    assert setup_machine.main(["run"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("✗ Python 3.11 to 3.14 is needed")
    assert said.count("\n") == 1


def test_everything_is_tested_with_the_oldest_python_and_with_the_deployed_one() -> None:
    check = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
    tried = {one["python"] for one in check["jobs"]["check"]["strategy"]["matrix"]["include"]}
    assert tried == {".".join(map(str, setup_machine.OLDEST_PYTHON)), version(runtime())}


def test_a_workflow_looks_at_the_end_of_the_runtime_each_month() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/runtime.yml").read_text())
    assert workflow[True]["schedule"] == [{"cron": "23 4 1 * *"}]  # YAML reads the key `on` as true
    assert "make runtime" in [step.get("run") for step in workflow["jobs"]["runtime"]["steps"]]
