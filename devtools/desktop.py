"""`make desktop`: the app in a window of its own, against a `make run` that runs already."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from devtools.paths import ROOT

APP_ID = "salesforce-sample"  # what the desktop calls the window's program
ICON = ROOT / "app/src/assets/icon.png"
DRESSED = ROOT / ".local/desktop"  # here stand clients with the app's icon


class DesktopError(Exception):
    """The app cannot be shown. The text says why and what to do, in one line."""


def run(hosting: int, loopback: int) -> int:
    """Shows the app until its window is closed. `hosting` and `loopback` are the ports of the backend, and of the way
    back from Salesforce's pages. Returns the app's exit code. Raises DesktopError."""
    url = f"http://127.0.0.1:{hosting}"
    if not is_ours(url):
        raise DesktopError(
            f"nothing of this app answers at {url}: start it with make run in another terminal (give both the same"
            " HOSTING_PORT=…, if you give one)"
        )
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise DesktopError("there is no screen to show a window on: DISPLAY is not set (Wayland needs XWayland here)")
    environment = app_environment(url, loopback) | {"FLET_VIEW_PATH": str(client(os.environ))}
    print(f"  The app in its window, against {url}; it ends when the window is closed", flush=True)
    try:
        return subprocess.call(app_command(), env=environment)
    except KeyboardInterrupt:
        return 130


def app_command() -> list[str]:
    """The command that starts the app."""
    return [sys.executable, str(ROOT / "app/src/main.py")]


def app_environment(url: str, loopback: int) -> dict[str, str]:
    """The environment of an app whose backend is at `url` and that waits for the way back on the port `loopback`."""
    return {
        **os.environ,
        "BACKEND_URL": url,
        "LOOPBACK_PORT": str(loopback),
        # Flet's own client keeps the secrets of all its apps in one place.
        "KEPT_WITHIN": f"{APP_ID} {url} ",
        "FLET_APP_ID": APP_ID,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "app/src"), str(ROOT / "functions"))),
    }


def is_ours(url: str) -> bool:
    """Whether the backend of this app answers there."""
    try:
        with urllib.request.urlopen(f"{url}/api/__/health", timeout=20) as answer:  # noqa: S310  loopback
            return answer.status == 200
    except (OSError, HTTPException):
        return False


def client(environment: Mapping[str, str]) -> Path:
    """The folder of Flet's client: FLET_VIEW_PATH, else that of Flet's own release, which it downloads when it is not
    there yet. On Linux it gets the app's icon. Raises DesktopError."""
    given = environment.get("FLET_VIEW_PATH")
    if given:
        folder = Path(given).expanduser().resolve()
        if not any((folder / name).exists() for name in ("flet", "flet.exe")) and not list(folder.glob("*.app")):
            raise DesktopError(f"FLET_VIEW_PATH={given} has no client of Flet in it: name the folder of its program")
    else:
        folder = _downloaded()
    return dressed(folder, DRESSED) if sys.platform == "linux" else folder


def _downloaded() -> Path:
    import flet_desktop
    from flet_desktop.version import version

    kept = Path.home() / ".flet/client"
    try:
        print(
            f"  Flet's window of version {version}: from {kept}, or downloaded into it from github.com once", flush=True
        )
        folder = flet_desktop.ensure_client_cached()
    except OSError as failed:
        raise DesktopError(
            f"Flet's window could not be downloaded from github.com ({failed}): go online for this once, or set"
            f" FLET_VIEW_PATH to a folder that has Flet's client of version {version} in it"
        ) from None
    return folder if sys.platform == "darwin" else folder / "flet"


def dressed(folder: Path, into: Path) -> Path:
    """A client like the one in `folder`, with the app's icon: on Linux it shows the picture `data/app_icon.png` beside
    its program. Returns where below `into` it stands, or `folder` itself where that is no client as Flet builds it."""
    if not (folder / "data/flutter_assets").is_dir() or not (folder / "lib").is_dir():
        return folder
    program = folder / "flet"
    made_of = f"{program} {program.stat().st_mtime_ns}".encode() + ICON.read_bytes()
    done = into / hashlib.sha256(made_of).hexdigest()[:12]
    if done.is_dir():  # another window may be using it
        return done
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as scratch:
        making = Path(scratch) / "client"
        (making / "data").mkdir(parents=True)
        shutil.copy2(program, making / "flet")  # no link: it looks beside the file that it is
        (making / "lib").symlink_to(folder / "lib")
        for part in (folder / "data").iterdir():
            if part.name != "app_icon.png":
                (making / "data" / part.name).symlink_to(part)
        shutil.copy2(ICON, making / "data/app_icon.png")
        with suppress(OSError):  # made by another window meanwhile
            making.rename(done)
    return done
