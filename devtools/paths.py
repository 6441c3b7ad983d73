"""The paths of this project, and the tools that it uses.

It needs only the standard library, because the machine's own Python uses it too.
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
# Files with the paths of the project's own Node and Java. They are missing when the machine's are used.
NODE_BIN = TOOLS / "node-bin"
JAVA_HOME = TOOLS / "java-home"
# Lists of what is downloaded besides requirements.lock, with the checksums of every file; `make lock` writes them.
LOCKS = ROOT / "devtools/locks"
OTHER_CLIENTS = ROOT / "tests/localorg/npm"
WEB_SDK = ROOT / "tests/e2e/npm"
# The folder of a person's own .env.local and .secret.local.
OWN_SETTINGS = Path(os.environ.get("SETTINGS_DIR", ROOT / "functions"))
STATE = Path(os.environ.get("STATE_DIR", ROOT / ".local/state"))


def tool_path(environment: dict[str, str]) -> str:
    """The PATH with this project's own Node and Java in front, when it has them."""
    parts: list[str] = []
    if NODE_BIN.exists():
        parts.append(str(ROOT / NODE_BIN.read_text()))
    if JAVA_HOME.exists():
        parts.append(str(ROOT / JAVA_HOME.read_text() / "bin"))
    return os.pathsep.join([*parts, environment.get("PATH", "")])


def by_hash(name: str) -> list[str]:
    """The arguments with which pip and uv install the list devtools/locks/NAME.txt: wheels only, by their checksums."""
    return ["--require-hashes", "--only-binary", ":all:", "-r", str(LOCKS / f"{name}.txt")]


def first_of(*names: str) -> str | None:
    """The path of the first of these programs that is installed, None when none is."""
    return next((path for name in names if (path := shutil.which(name))), None)


def chromium() -> str | None:
    """The path of the browser for tests: CHROMIUM, else the first that is installed, else None.

    The headless shell is Chromium without windows; it starts the app with a third less processor time.
    """
    named = os.environ.get("CHROMIUM")
    return first_of(
        *(
            (named,)
            if named
            else ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        )
    )


def firefox() -> str | None:
    """The path of Firefox, None when it is missing."""
    return first_of("firefox-esr", "firefox")


def webkit() -> tuple[str, str] | None:
    """The paths of WebKitGTK's MiniBrowser and WebKitWebDriver, None when one is missing."""
    driver = first_of("WebKitWebDriver")
    browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    return (str(browsers[-1]), driver) if driver and browsers else None
