"""Builds an installable app with Flet's builder, and packs it for the way to people: one file a platform, and its
checksum.
"""

import hashlib
import platform
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

from devtools.paths import PYTHON, ROOT

OUT = ROOT / "build/apps"
# What each is packed into. A Mac's app has symbolic links, which a zip file would lose.
PACKED = {"apk": "apk", "aab": "aab", "ipa": "ipa", "macos": "tar.gz", "linux": "tar.gz", "windows": "zip"}
FLET = PYTHON.with_name("flet")


class BuildError(Exception):
    """There is no app to pack. The text says why."""


def build(
    target: str, rest: Sequence[str] = (), *, app: Path = ROOT / "app", out: Path = OUT, flet: Path = FLET
) -> Path:
    """Builds the app for a target of PACKED, with more arguments for `flet build`. Returns the packed file; beside it
    stands its checksum. Raises BuildError.

    Flet installs the Flutter SDK that it is made for, and for Android a JDK and the SDK, where they are missing.
    """
    if target not in PACKED:
        raise BuildError(f"there is no app by that name: choose one of {', '.join(PACKED)}, as in make app ARGS=apk")
    if subprocess.call([str(flet), *arguments(target, app, rest)]) != 0:
        raise BuildError(f"flet build {target} failed: what it says stands above")
    return pack(target, app, out)


def arguments(target: str, app: Path, rest: Sequence[str]) -> list[str]:
    """What `flet` is called with."""
    made = app / "build" / target
    return ["build", target, str(app), "--output", str(made), "--yes", "--no-rich-output", *rest]


def pack(target: str, app: Path = ROOT / "app", out: Path = OUT) -> Path:
    """Packs what was built. Returns the file. Raises BuildError."""
    project = tomllib.loads((app / "pyproject.toml").read_text())
    name = f"{project['tool']['flet']['artifact']}-{project['project']['version']}"
    if target in ("macos", "linux", "windows"):
        name += f"-{target}-{platform.machine().lower()}"
    out.mkdir(parents=True, exist_ok=True)
    file, made = out / f"{name}.{PACKED[target]}", app / "build" / target
    if not made.is_dir() or not any(made.iterdir()):
        raise BuildError(f"{made} is empty")
    match target:
        case "macos" | "linux":
            with tarfile.open(file, "w:gz") as packed:
                for path in sorted(made.iterdir()):
                    packed.add(path, path.name)
        case "windows":
            _zip(file, made, "")
        case _:
            _phone(target, made, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_name(f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n")
    return file


def _phone(target: str, made: Path, file: Path) -> None:
    ready = sorted(made.glob(f"*.{target}"))
    if ready:
        file.write_bytes(ready[0].read_bytes())
        return
    apps = sorted(made.glob("*.xcarchive/Products/Applications/*.app"))
    if target != "ipa" or not apps:
        raise BuildError(f"{made} has no .{target}")
    # Xcode makes an .ipa of signed apps only; this is what it would be, to be signed later.
    _zip(file, apps[0], f"Payload/{apps[0].name}/")


def _zip(file: Path, folder: Path, inside: str) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            packed.write(path, inside + path.relative_to(folder).as_posix())
