"""The files for editors and for a team: they can be read, and name what is there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from contract.calls import CALLS
from devtools import ports
from devtools.__main__ import COMMANDS
from devtools.ports import _DEFAULTS as PORTS
from devtools.suite import Suite


def read(repository: Path, name: str) -> Any:
    text = (repository / name).read_text()
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


def test_the_editor_uses_this_projects_python_and_its_tests(repository: Path) -> None:
    settings = read(repository, ".vscode/settings.json")
    assert (repository / settings["python.defaultInterpreterPath"].replace("${workspaceFolder}/", "")).exists()
    assert settings["python.testing.pytestArgs"] == ["tests"]
    assert all((repository / path).is_dir() for path in settings["python.analysis.extraPaths"])
    assert set(read(repository, ".vscode/extensions.json")["recommendations"]) == set(
        read(repository, ".devcontainer/devcontainer.json")["customizations"]["vscode"]["extensions"]
    )


def test_every_task_is_a_command_of_the_makefile(repository: Path) -> None:
    for task in read(repository, ".vscode/tasks.json")["tasks"]:
        make, name = task["command"].split()
        assert (make, name) == ("make", task["label"])
        assert name in COMMANDS


def test_the_editor_config_has_the_line_length_of_the_formatter(repository: Path) -> None:
    (length,) = re.findall(r"max_line_length = (\d+)", (repository / ".editorconfig").read_text())
    assert f"line-length = {length}\n" in (repository / "pyproject.toml").read_text()


def test_the_devcontainer_forwards_the_ports_of_make_run(repository: Path) -> None:
    container = read(repository, ".devcontainer/devcontainer.json")
    assert sorted(container["forwardPorts"]) == sorted(default for _, default in PORTS.values())
    assert re.fullmatch(r"[\w./-]+:3\.1[1-9]-\w+", container["image"])


def test_proposals_for_newer_packages_cover_every_folder_that_pins_some(repository: Path) -> None:
    updates = {one["package-ecosystem"]: one for one in read(repository, ".github/dependabot.yml")["updates"]}
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True)  # noqa: S607
    tracked = listed.stdout.split()
    for ecosystem, pattern in (("npm", "package-lock.json"), ("pip", "pyproject.toml"), ("pip", "requirements.in")):
        folders = {f"/{Path(file).parent}".replace("/.", "/") for file in tracked if Path(file).name == pattern}
        assert folders <= set(updates[ecosystem]["directories"]), ecosystem
    assert updates["github-actions"]["directory"] == "/"


def test_forms_can_be_read_and_owners_name_what_is_there(repository: Path) -> None:
    for form in (repository / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        if form.name != "config.yml":
            read_form = yaml.safe_load(form.read_text())
            assert {"name", "description", "body"} <= read_form.keys()
            assert all(field["type"] in ("markdown", "textarea", "input", "dropdown") for field in read_form["body"])
    owned = re.findall(r"^# (/\S+)", (repository / ".github/CODEOWNERS").read_text(), re.MULTILINE)
    assert owned
    assert all((repository / path.lstrip("/")).exists() for path in owned)


def launched(repository: Path) -> dict[str, Any]:
    (found,) = (one for one in read(repository, ".vscode/launch.json")["configurations"] if "function" in one["name"])
    return found


def test_a_function_can_be_debugged_beside_make_run(suite: Suite, repository: Path) -> None:
    """What launch.json starts, without the debugger: the call is made in that very process."""
    launch = launched(repository)
    (asked,) = (one for one in read(repository, ".vscode/launch.json")["inputs"] if one["id"] == "call")
    assert asked["default"] in {call.name for call in CALLS if call.function == launch["args"][0]}
    environment = {
        **os.environ,
        **suite.plan.ports.environment(),
        "PROJECT": suite.plan.project,
        "STATE_DIR": str(repository / ".local"),
        "SETTINGS_DIR": os.devnull,
        "FUNCTION_PORT": str(ports.some(1)[0]),
        "PYTHONPATH": launch["env"]["PYTHONPATH"].replace("${workspaceFolder}", str(repository)),
    }
    command = [sys.executable, "-m", launch["module"], launch["args"][0], asked["default"], "{}"]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert '"newestAccounts"' in done.stdout, done.stdout + done.stderr


def test_without_make_run_the_debugged_function_says_what_to_do(repository: Path) -> None:
    environment = {
        **os.environ,
        **ports.free().environment(),
        "PYTHONPATH": f"{repository}{os.pathsep}{repository / 'functions'}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "devtools.debug_function", "api"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "start make run first" in done.stderr
