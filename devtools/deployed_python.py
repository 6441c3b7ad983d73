"""The Python with which the functions are deployed: the runtime in firebase.json, how long Google keeps it, and an
environment with it for `firebase deploy`.

Google builds and runs the functions with the runtime that firebase.json names. `firebase deploy` also starts them here,
to learn what they are: it activates `functions/venv` and runs in it exactly this version by its name, `python3.13`
(firebase-tools 15.34.2, deploy/functions/runtimes/python/index.js, `getPythonBinary`); with any other it ends with
"Failed to find location of Firebase Functions SDK" (firebase-tools#6774, #8336). So deployments get an environment of
their own, with the packages of functions/requirements.txt, while everything else runs with the machine's own Python.

It needs only the standard library, because the machine's own Python runs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from devtools.paths import BIN, ROOT, TOOLS
from devtools.steps import SetupError, Step, run

VENV = TOOLS / "deployed"
LINK = ROOT / "functions/venv"
_PYTHONS = TOOLS / "pythons"
_TABLE = ROOT / "devtools/node_modules/firebase-tools/lib/deploy/functions/runtimes/supported/types.js"
_ROW = re.compile(
    r'(python3\d+): \{\s+friendly: "[^"]*",\s+status: "([^"]*)",\s+deprecationDate: "([\d-]+)",'
    r'\s+decommissionDate: "([\d-]+)"'
)
_NOTICE = timedelta(days=365)


@dataclass(frozen=True)
class Support:
    """How long Google keeps a runtime. After `deprecated` it gets no more updates; from `decommissioned` on nothing can
    be deployed with it.
    """

    status: str
    deprecated: date
    decommissioned: date


def runtime(root: Path = ROOT) -> str:
    """The runtime of the functions by Google's name, such as python313."""
    return json.loads((root / "firebase.json").read_text())["functions"][0]["runtime"]


def version(runtime: str) -> str:
    """The version of a runtime, such as 3.13."""
    return runtime.replace("python3", "3.")


def supported(table: Path = _TABLE) -> dict[str, Support]:
    """What the pinned firebase-tools knows of each Python runtime. Raises SetupError when its table has changed."""
    rows = _ROW.findall(table.read_text())
    if not rows:
        raise SetupError(f"{table.name} of firebase-tools has another form: see devtools/deployed_python.py")
    return {
        name: Support(status, date.fromisoformat(deprecated), date.fromisoformat(decommissioned))
        for name, status, deprecated, decommissioned in rows
    }


def notice(day: date, runtime: str, known: dict[str, Support]) -> str | None:
    """What to do about a runtime that on this day ends within a year, or that firebase-tools does not know. None when
    there is nothing to do. `known`: as `supported` returns it.
    """
    newest = max(known, key=lambda name: known[name].deprecated)
    todo = (
        f"name a newer one in firebase.json (firebase-tools knows {newest}), then make lock, make deploy-check, and"
        " docs/deploy.md, “The Python runtime”"
    )
    if runtime not in known:
        return f"firebase-tools does not know the runtime {runtime}: {todo}"
    end = known[runtime]
    if day < end.deprecated - _NOTICE:
        return None
    ends = "ends" if day < end.deprecated else "ended"
    return (
        f"Python {version(runtime)}, with which the functions are deployed, {ends} at Google on {end.deprecated}, and"
        f" cannot be deployed any more from {end.decommissioned} on: {todo}"
    )


def step(uv: str) -> Step:
    """The step that makes the environment for deployments."""
    name = runtime()
    return Step(
        f"Python {version(name)}, as it is deployed",
        [ROOT / "functions/requirements.txt", Path(__file__), str(ROOT), name],
        (VENV / BIN / _program(name)).exists,
        lambda: _install(uv, name),
    )


def link(path: Path = LINK, venv: Path = VENV) -> None:
    """Lets firebase-tools find the environment. Raises SetupError when a folder of somebody's own is in the way that
    lacks the Python that firebase-tools asks for.
    """
    link_venv(path, venv)
    program = _program(runtime())
    if not (path / BIN / program).exists():
        raise SetupError(
            f"{path.parent.name}/{path.name} has no {program}, which firebase-tools runs: delete it, the next run makes"
            " a right one"
        )


def link_venv(link: Path, venv: Path) -> None:
    """Makes `link` a link to `venv`, unless something else than a link is there. It is relative, so that the whole
    project can be moved.
    """
    target = os.path.relpath(venv, link.parent)
    if link.is_symlink() and os.readlink(link) == target:
        return
    if link.is_symlink():
        link.unlink()
    if not link.exists():
        link.symlink_to(target, target_is_directory=True)


def _program(runtime: str) -> str:
    """The name by which firebase-tools runs it."""
    return "python.exe" if os.name == "nt" else f"python{version(runtime)}"


def _install(uv: str, runtime: str) -> None:
    run([uv, "venv", "-q", "--clear", "--python", interpreter(uv, version(runtime)), str(VENV)])
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV)}
    run([uv, "pip", "sync", "-q", "--require-hashes", "functions/requirements.txt"], env=environment)
    # Google's build ends when packages do not fit each other (buildpacks, pkg/python/python.go).
    run([uv, "pip", "check", "-q"], env=environment)


def interpreter(uv: str, wanted: str) -> str:
    """The path of a Python of this version: one that is on the machine, else one that uv downloads, whose checksum it
    has in itself. Raises SetupError.
    """
    there = _on_the_machine(uv, wanted)
    if there is not None:
        return there
    try:
        run([uv, "python", "install", "-q", "--no-bin", "--install-dir", str(_PYTHONS), wanted])
    except SetupError as failed:
        raise SetupError(
            f"Python {wanted} is missing, with which the functions are deployed (firebase.json), and uv could not"
            f" download it: install python{wanted}, or connect to the internet, and run this again; nothing was"
            f" changed at Google ({str(failed).rpartition('cause: ')[2]})"
        ) from None
    return _asked([uv, "python", "find", "--managed-python", wanted]) or wanted


def _on_the_machine(uv: str, wanted: str) -> str | None:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == wanted:
        return sys.executable
    found = _asked([uv, "python", "find", "-q", "--system", "--no-python-downloads", wanted])
    if found is not None:
        return found
    # pyenv's own commands only run the version that is chosen.
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(versions.glob(f"{wanted}.*/bin/python{wanted}"), key=lambda path: _numbers(path.parent.parent.name))
    return str(kept[-1]) if kept else None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _asked(command: Sequence[str]) -> str | None:
    """What a program prints, None when it fails."""
    environment = {**os.environ, "UV_PYTHON_INSTALL_DIR": str(_PYTHONS)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    path = done.stdout.strip()
    return path if done.returncode == 0 and shutil.which(path) else None


def notice_today() -> str | None:
    """What is to be done now about the runtime, None when it is nothing. Raises SetupError."""
    return notice(date.today(), runtime(), supported())  # noqa: DTZ011  a day more or less does not matter


def main() -> int:
    """Says how long the runtime is supported. Returns 1, after what to do, a year before its end."""
    name, known, wrong = runtime(), supported(), notice_today()
    if wrong is not None:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    print(
        f"✓ {name}: {known[name].status} until {known[name].deprecated}, deployable until {known[name].decommissioned}"
    )
    return 0
