"""What is downloaded is held to a checksum or a commit that stands in this repository, so that whoever takes over a
package, a tag or a server cannot put anything into a build, a deployment or a browser.

Nothing here asks a network. The few exceptions stand in this file, each with its reason (docs/dependencies.md tells
them too).
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools import setup_machine, web_python
from devtools.paths import LOCKS, ROOT

_LISTED = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
TRACKED = [file for name in _LISTED.stdout.split("\0") if name and (file := ROOT / name).is_file()]
PYTHON_LOCKS = [
    *(ROOT / name for name in ("requirements.lock", "functions/requirements.txt", "tests/desktop/client.txt")),
    *sorted(LOCKS.glob("*.txt")),
]
NPM_LOCKS = [file for file in TRACKED if file.name == "package-lock.json"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))


def _named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


# Lists


def _pins(lock: Path) -> dict[str, tuple[str, set[str]]]:
    """Version and checksums of each package in a lock file."""
    text = "\n".join(line for line in lock.read_text().splitlines() if not line.startswith("#"))
    pins: dict[str, tuple[str, set[str]]] = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        match = re.match(r"([a-z0-9-]+)==([\w.]+)( ; [^\\]*)?(?= \\)", entry)
        assert match, f"{_named(lock)}: {entry.splitlines()[0]} is not pinned to one version"
        assert not re.search(r"://|--index|--find", entry), f"{_named(lock)}: {match[1]} names a server"
        pins[match[1]] = (match[2], set(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)))
    return pins


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=_named)
def test_each_python_package_has_one_version_and_its_checksums(lock: Path) -> None:
    pins = _pins(lock)
    assert pins
    assert not [name for name, (_, checksums) in pins.items() if not checksums]


def test_what_goes_into_every_browser_is_what_is_tested() -> None:
    """devtools/locks/web.txt has the packages of the page; those that tests import too are the same files."""
    page, here = _pins(LOCKS / "web.txt"), _pins(ROOT / "requirements.lock")
    assert {f"{name}=={version}" for name, (version, _) in page.items()} == set(web_python.VENDORED)
    assert {name: pin for name, pin in page.items() if name in here} == {n: here[n] for n in page if n in here}
    assert here["flet-web"][0] == page["flet"][0]


def test_googles_build_adds_no_package_of_its_own() -> None:
    """It installs functions-framework without a checksum where requirements.txt lacks it (buildpacks, cmd/python/
    functions_framework/lib/lib.go), and pip checks every checksum of a list that has one.
    """
    assert "functions-framework" in _pins(ROOT / "functions/requirements.txt")


def test_the_lists_are_those_of_pyproject() -> None:
    groups = (ROOT / "pyproject.toml").read_text()
    for name in ("uv", "node", "java"):
        ((package, (version, _)),) = _pins(LOCKS / f"{name}.txt").items()
        assert f'\n{name} = ["{package}=={version}"]\n' in groups
    assert setup_machine.uv_version() == _pins(LOCKS / "uv.txt")["uv"][0]


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=_named)
def test_each_npm_package_has_one_version_and_its_checksum(lock: Path) -> None:
    """npm ci refuses a package whose content is not that of `integrity`."""
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text())["packages"]
    for name, package in packages.items():
        if not name or package.get("inBundle") or not name.startswith("node_modules/"):
            continue  # the folder itself; what comes within another package; a folder of ours
        if package.get("link"):
            assert (lock.parent / package["resolved"]).is_dir()
        else:
            assert re.fullmatch(r"sha512-[\w+/]+={0,2}", package["integrity"]), name
    wanted = json.loads((lock.parent / "package.json").read_text())
    for name, version in {**wanted.get("dependencies", {}), **wanted.get("devDependencies", {})}.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?|file:\./\w+", version), f"{name} {version} can become another"


# Commands

INSTALLS = {"install", "sync", "download", "wheel", "add", "get", "pull", "clone"}
PROGRAMS = {"pip", "uv", "npm", "npx", "uvx", "apt-get", "curl", "wget", "docker", "go", "cargo"}
# What is installed without a checksum of ours, by file and by a word of the command.
ALLOWED_COMMANDS = {
    ("devtools/setup_machine.py", "-e"): "our own folders, without their requirements",
    ("devtools/setup_machine.py", "apt-get"): "browsers for tests, signed by the distribution",
    ("devtools/release.py", "wheel"): "builds our own wheel, without a network",
    ("devtools/deployed_python.py", "python"): "uv has the checksum of each Python in itself, and is pinned by its own",
    ("devtools/deploy/steps.py", "gcloud"): "a secret's new version: nothing is installed",
    ("bench/start.py", "clone"): "this repository, from this machine",
    ("bench/proxy.py", "apt-get"): "programs for a benchmark, signed by the distribution",
    ("tests/localorg/test_package.py", "wheel"): "builds our own wheel, without a network",
    ("tests/release/test_release.py", "install"): "our own wheel, without its requirements",
}


def _commands(tree: ast.AST) -> Iterator[tuple[int, set[str], str]]:
    """Line, words and source of each sequence of words that looks like a command that installs."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.List | ast.Tuple):
            continue
        words = {part.value for part in node.elts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
        if words & INSTALLS and (words & PROGRAMS or "-q" in words or "-m" in words or any("--" in w for w in words)):
            yield node.lineno, words, ast.unparse(node)


def _unpinned(file: str, source: str) -> list[str]:
    """What a Python file installs, or loads, without a checksum."""
    wrong: list[str] = []
    for line, words, text in _commands(ast.parse(source)):
        if "--require-hashes" in words or "by_hash(" in text:
            continue
        if not any(file == where and word in words for where, word in ALLOWED_COMMANDS):
            wrong.append(f"{file}:{line}: {text}")
    for number, line in enumerate(source.splitlines(), 1):
        loads = re.search(r"\b(urlopen|urlretrieve)\(|\b(requests|httpx|urllib3)\.(get|stream)\(\s*f?[\"']https", line)
        if loads and not file.startswith("tests/") and "loopback" not in line and file not in LOADS:
            wrong.append(f"{file}:{number}: {line.strip()}")
    return wrong


# What asks a server, and keeps nothing of the answer that is run.
LOADS = {
    "devtools/deploy/cloud.py": "Google's APIs",
    "devtools/deploy/answers.py": "asks the deployed backend whether it answers",
    "bench/observables.py": "this machine",
    "bench/site.py": "this machine",
    "localorg/control/client.py": "the local org",
    "devtools/suite.py": "this machine",
}


def test_no_command_installs_what_no_checksum_holds() -> None:
    files = [file for file in TRACKED if file.suffix == ".py"]
    assert len(files) > 300
    wrong = [line for file in files for line in _unpinned(_named(file), file.read_text())]
    assert not wrong, "install it with --require-hashes from a list in devtools/locks (make lock), or say why not here"


@pytest.mark.parametrize(
    "added",
    [
        'run([sys.executable, "-m", "pip", "install", "-q", "leftpad==1.0.0"])',
        'package = ["install", "-q", f"uv=={UV_VERSION}"]',
        'run([uv, "pip", "install", "--group", "pyproject.toml:node"])',
        'run(["npm", "install", "esbuild"])',
        'run(["curl", "--output", "jar", "get"])',
        'urllib.request.urlretrieve("https://example.com/pyodide.tar.bz2", file)',
        'text = requests.get("https://example.com/font.woff2")',
    ],
)
def test_what_would_be_added_without_one_is_seen(added: str) -> None:
    assert _unpinned("devtools/web.py", added)


def test_every_folder_of_npm_packages_is_installed_from_its_lock() -> None:
    text = (ROOT / "devtools/setup_machine.py").read_text()
    assert '"ci", "--ignore-scripts"' in text
    for file in TRACKED:
        if (file.suffix in (".py", ".yml", ".sh") or file.name == "Makefile") and not _named(file).startswith("tests/"):
            assert not re.search(r"npm (i|install|add)\b|\bnpx\b", file.read_text()), _named(file)


# Images and scripts. Nobody who works on this could ask an image registry, so the two images are named by a tag;
# neither is in a build, a deployment, a test or a browser (docs/dependencies.md).
ALLOWED_LINES = {
    "localorg/Containerfile": r"FROM docker\.io/library/python:3\.\d+-slim|RUN pip install --no-cache-dir /src .*",
    ".devcontainer/devcontainer.json": r'"image": "mcr\.microsoft\.com/devcontainers/python:[\w.-]+",',
}
_FETCHES = re.compile(
    r"\b(curl|wget|uvx|npx|docker (pull|run)|(pip|npm|go|cargo|gem|brew) (install|i|add|get))\b|^FROM |\"image\":"
)


def test_no_script_and_no_image_loads_what_no_checksum_holds() -> None:
    scripts = [
        *(file for file in TRACKED if file.name in ("Makefile", "Containerfile", "Dockerfile", "devcontainer.json")),
        *(file for file in TRACKED if file.suffix in (".sh", ".cjs", ".mjs") or file.parent.name == ".ci"),
        *WORKFLOWS,
        ROOT / ".vscode/tasks.json",
    ]
    for file in scripts:
        allowed = ALLOWED_LINES.get(_named(file), "(?!)")
        for line in file.read_text().splitlines():
            if _FETCHES.search(line) and not line.lstrip().startswith(("#", "//")):
                assert re.fullmatch(allowed, line.strip()), f"{_named(file)}: {line.strip()}"


# Workflows: tests/release/test_release.py holds every action to a commit

# Rights to write, apart from id-token, which lets a job sign in elsewhere as this repository.
WRITES = {
    ("release.yml", "github"): {"contents"},
    ("release.yml", "provenance"): {"attestations"},
    ("release.yml", "site"): {"pages"},
}


def _jobs() -> Iterator[tuple[Path, str, dict[str, Any]]]:
    for file in WORKFLOWS:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            yield file, name, job


def test_a_job_may_write_only_what_it_is_for() -> None:
    for file, name, job in _jobs():
        rights = job.get("permissions", {})
        assert isinstance(rights, dict), f"{file.name}: {name} asks for everything"
        written = {right for right, level in rights.items() if level == "write"} - {"id-token"}
        assert written == WRITES.get((file.name, name), set()), f"{file.name}: {name}"


def test_a_job_that_signs_in_elsewhere_runs_what_commits_and_checksums_hold() -> None:
    """Whoever can move a tag or a branch that such a job names has what the job may do."""
    signing = [(file, name, job) for file, name, job in _jobs() if job.get("permissions", {}).get("id-token")]
    assert {name for _, name, _ in signing} >= {"provenance", "site", "localorg"}
    for file, name, job in signing:
        triggers = yaml.safe_load(file.read_text())[True]  # YAML reads the key `on` as true
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers), file.name
        assert "uses" not in job, f"{file.name}: {name} calls another workflow"
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"]), f"{file.name}: {step['uses']}"
            assert not re.search(r"@(main|master|v\d)|refs/heads|/main/|latest", json.dumps(step)), (
                f"{file.name}: {name}"
            )
            assert "ref" not in step.get("with", {}), f"{file.name}: {name} checks out what a name stands for"


def test_no_checkout_leaves_its_token_behind_and_no_tool_is_the_newest() -> None:
    for file, name, job in _jobs():
        for step in job["steps"]:
            action, given = step.get("uses", ""), step.get("with", {})
            if action.startswith("actions/checkout@"):
                assert given.get("persist-credentials") is False, f"{file.name}: {name}"
            if action.startswith("google-github-actions/setup-gcloud@"):
                assert re.fullmatch(r"\d+\.\d+\.\d+", given.get("version", "")), (
                    f"{file.name}: {name}: latest by default"
                )


def test_a_release_says_where_it_comes_from_before_anybody_gets_it() -> None:
    """Wheel, bills of materials and licences alike: all of build/release is signed for."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    uploaded = {
        step["with"]["name"]: step["with"]["path"] for step in jobs["build"]["steps"] if "name" in step.get("with", {})
    }
    assert uploaded["release"] == "build/release"
    load, attest = jobs["provenance"]["steps"]
    assert load["with"] == {"name": "release", "path": "release"}
    assert attest["uses"].startswith("actions/attest@")
    assert attest["with"] == {"subject-path": "release/*"}
    assert jobs["github"]["needs"] == jobs["localorg"]["needs"] == "provenance"
