"""Where things are in this folder, and which tools it uses.

Standard library only: the machine's own Python reads it too.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
BIN = "Scripts" if os.name == "nt" else "bin"
PYTHON = VENV / BIN / "python"
UV = TOOLS / "uv" / BIN / "uv"
# These two say where in this folder the project's own Node and Java are, if it has its own.
NODE_BIN = TOOLS / "node-bin"
JAVA_HOME = TOOLS / "java-home"
OTHER_CLIENTS = ROOT / "tests/localorg/npm"
WEB_SDK = ROOT / "tests/e2e/npm"
# .env.local and .secret.local of whoever works here.
OWN_SETTINGS = Path(os.environ.get("SETTINGS_DIR", ROOT / "functions"))
STATE = Path(os.environ.get("STATE_DIR", ROOT / ".local/state"))


def tool_path(environment: dict[str, str]) -> str:
    """PATH with this project's Node and Java in front where it has brought its own."""
    parts: list[str] = []
    if NODE_BIN.exists():
        parts.append(str(ROOT / NODE_BIN.read_text()))
    if JAVA_HOME.exists():
        parts.append(str(ROOT / JAVA_HOME.read_text() / "bin"))
    return os.pathsep.join([*parts, environment.get("PATH", "")])


def first_of(*names: str) -> str | None:
    """The path of the first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)


def chromium() -> str | None:
    """The browser that the tests drive: CHROMIUM, else the first that is installed. The headless shell is Chromium
    without its windows, and starts the app with a third less of the processor."""
    named = os.environ.get("CHROMIUM")
    return first_of(
        *(
            (named,)
            if named
            else ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        )
    )


def firefox() -> str | None:
    return first_of("firefox-esr", "firefox")


def webkit() -> tuple[str, str] | None:
    """(MiniBrowser, WebKitWebDriver) of WebKitGTK."""
    driver = first_of("WebKitWebDriver")
    browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    return (str(browsers[-1]), driver) if driver and browsers else None
