"""`make quick`: for at most a minute, the tests that concern the changed files, without emulators and browsers.

A test concerns a file when it imports it, directly or through others; the nearest come first. This module is also the
pytest plugin that leaves out tests with emulators and stops in time.
"""

import ast
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import ROOT

SECONDS = 50.0  # no test begins after that; the rest of the minute is for starting and for the running test
_ENDS = "QUICK_ENDS"
_IMPORTED_FROM = (ROOT / "functions", ROOT / "app/src", ROOT)
# The tests of files that are not imported.
_BY_FOLDER = {
    "docs": ("tests/test_docs.py", "tests/test_threat_model.py"),
    "README.md": ("tests/test_docs.py",),
    "CONTRIBUTING.md": ("tests/test_docs.py",),
    "Makefile": ("tests/test_docs.py",),
    "app/src/languages": ("tests/app/test_words.py", "tests/app/test_terms.py"),
    "app/web": ("tests/app/test_start_page.py",),
    "deploy": ("tests/operations/test_deploy.py",),
    "firestore.indexes.json": ("tests/operations/test_deploy.py",),
}
# These tests start programs of their own or take most of the minute.
_NOT_QUICK = ("tests/e2e", "tests/desktop", "tests/integration", "tests/devtools",
              "tests/release", "tests/test_readme.py",
              "tests/localorg/test_durable.py",
              "tests/localorg/test_package.py", "tests/localorg/test_salesforce_cli.py",
              "tests/localorg/test_other_clients.py")  # fmt: skip


def run(files: Sequence[str] = ()) -> int:
    """Runs the tests that concern these files (paths below the project's folder; by default the changed ones).

    Returns pytest's exit code.
    """
    changed = list(files) or changed_files()
    chosen = concerned(changed)
    print(f"… {len(changed)} changed files concern {len(chosen)} files of tests", flush=True)
    if not chosen:
        return 0
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "devtools.quick",
        "-n",
        "2",
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
    ]
    ended = subprocess.call([*command, *chosen], cwd=ROOT, env={**os.environ, _ENDS: str(time.time() + SECONDS)})
    return 0 if ended == pytest.ExitCode.NO_TESTS_COLLECTED else ended


def changed_files() -> list[str]:
    """The files that differ from the last commit; without any, the files of that commit."""
    new = _git("ls-files", "--others", "--exclude-standard")
    return [*_git("diff", "--name-only", "HEAD"), *new] or [
        path for path in _git("show", "--name-only", "--format=", "HEAD") if path
    ]


def concerned(changed: Iterable[str]) -> list[str]:
    """The test files that import one of these files, directly or through others, the nearest first."""
    importers = _importers()
    distance: dict[str, int] = {}
    ahead = deque((path, 0) for path in changed)
    tests: dict[str, int] = {}
    while ahead:
        path, steps = ahead.popleft()
        if path in distance:
            continue
        distance[path] = steps
        if Path(path).name.startswith("test_"):
            tests.setdefault(path, steps)
        if Path(path).name == "conftest.py":
            folder = str(Path(path).parent)
            tests.update({str(p.relative_to(ROOT)): steps for p in (ROOT / folder).rglob("test_*.py")})
        for folder, own in _BY_FOLDER.items():
            if path == folder or path.startswith(f"{folder}/"):
                tests.update(dict.fromkeys(own, 0))
        ahead.extend((importer, steps + 1) for importer in importers.get(path, ()))
    # A changed file's own tests come first.
    own_names = {f"test_{Path(path).stem}.py" for path in distance if not distance[path]}
    quick = [t for t in tests if not t.startswith(_NOT_QUICK) and (ROOT / t).exists()]
    return sorted(quick, key=lambda path: (Path(path).name not in own_names, tests[path], path))


@cache
def _importers() -> Mapping[str, set[str]]:
    """For each source file, the files that import it."""
    importers: dict[str, set[str]] = {}
    for importer in _git("ls-files", "--cached", "--others", "--exclude-standard", "*.py"):
        if (ROOT / importer).is_file():
            for name in set(_imports(ast.parse((ROOT / importer).read_text()))):
                if (imported := _file_of(name)) is not None:
                    importers.setdefault(imported, set()).add(importer)
    return importers


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements below this one, and none of their many expressions."""
    for part in ("body", "handlers", "orelse", "finalbody", "cases"):
        below = getattr(tree, part, None)
        if isinstance(below, list):  # the body of a lambda or of a conditional expression is no statement
            for node in below:
                yield node
                yield from _statements(node)


def _imports(tree: ast.AST) -> Iterable[str]:
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _file_of(name: str) -> str | None:
    """The file of one of this project's modules; None for other modules."""
    for root in _IMPORTED_FROM:
        base = root.joinpath(*name.split("."))
        for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
            if path.is_file():
                return str(path.relative_to(ROOT))
    return None


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


# The plugin


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out tests that need emulators or a browser."""

    def is_slow(item: pytest.Item) -> bool:
        needs_more = {"suite", "fleet"} & set(getattr(item, "fixturenames", ()))
        return bool(needs_more or item.get_closest_marker("browser") or item.get_closest_marker("emulators"))

    slow = [item for item in items if is_slow(item)]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


_left = 0  # tests that there was no time for: in this process, or in all when workers report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol() -> bool | None:
    """Skips a test without running it once the time is up."""
    global _left
    if time.time() < float(os.environ[_ENDS]):
        return None
    _left += 1
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Reports how many tests a worker has left out."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:  # this is a worker
        output["left"] = _left


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Adds what a worker has reported."""
    global _left
    _left += int(getattr(node, "workeroutput", {}).get("left", 0))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints how many tests there was no time for."""
    if _left:
        terminalreporter.write_line(
            f"{_left} tests more concern the change; a minute was too short for them: make test runs all"
        )
