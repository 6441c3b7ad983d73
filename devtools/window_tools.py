"""What tests and pictures of the app's window need: a screen without a monitor, a keyring, and a client of Flet that a
wheel carries. It needs only the standard library.
"""

from __future__ import annotations

import ctypes.util
import platform
import shutil
import sys
from pathlib import Path

from devtools.paths import ROOT, TOOLS
from devtools.steps import SetupError, Step, run

PACKAGES = (
    "xvfb", "openbox", "xdotool", "gnome-keyring", "dbus", "at-spi2-core", "libsecret-1-0", "libgtk-3-0",
)  # fmt: skip
_PROGRAMS = ("Xvfb", "openbox", "xdotool", "gnome-keyring-daemon", "dbus-daemon")
_LIBRARIES = ("secret-1", "gtk-3")
_LAUNCHERS = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")
# The last client of Flet that came in a wheel; tests/desktop/bridge.py makes it understand the Flet that we pin.
CLIENT = TOOLS / "flet-client/flet"
_LOCK = ROOT / "tests/desktop/client.txt"


def found() -> bool | None:
    """Whether every program and library is there; None when one is missing."""
    return None if lacking() else True


def lacking() -> list[str]:
    """The names of what is missing."""
    programs = [name for name in _PROGRAMS if shutil.which(name) is None]
    libraries = [name for name in _LIBRARIES if ctypes.util.find_library(name) is None]
    return [*programs, *libraries, *([] if launcher() else ["at-spi-bus-launcher"])]


def launcher() -> str | None:
    """The path of the program that starts the accessibility bus; None when it is missing."""
    return next((path for path in _LAUNCHERS if Path(path).exists()), None)


def client_step(uv: str) -> Step:
    """The step that installs Flet's client. Where there is none for this machine, it says so, and tests of the window
    fail."""
    return Step("Flet's client", [_LOCK, sys.version], (CLIENT / "flet").exists, lambda: _client(uv))


def _client(uv: str) -> None:
    folder = CLIENT.parent
    shutil.rmtree(folder, ignore_errors=True)
    into = ["--python", sys.executable, "--target", str(folder)]
    wheels = ["--no-deps", "--only-binary", ":all:"]
    try:
        run([uv, "pip", "install", "-q", *into, *wheels, "--require-hashes", "-r", str(_LOCK)])
    except SetupError as refused:
        print(f"  The app's window cannot be tested on {platform.platform()}: {refused}", flush=True)
        return
    run(["tar", "xzf", str(next(folder.glob("flet_desktop/app/*.tar.gz"))), "-C", str(folder)])
