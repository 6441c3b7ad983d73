"""The client in the two engines beside Chromium, which all other files drive: it starts with an empty cache, signs in
over the org's pages and shows home.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.browsers import chance
from devtools.clients import PASSWORD, SALES
from devtools.paths import ROOT, firefox, tool_path, webkit
from devtools.suite import Suite

pytestmark = pytest.mark.browser


def _run(*command: str, **environment: str) -> str:
    path = {"PATH": tool_path(dict(os.environ))}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **path, **environment},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_firefox(suite: Suite, tmp_path: Path) -> None:
    path = firefox()
    assert path is not None, "Firefox is missing: make test installs it where it may, else install firefox-esr"
    assert "signed in" in _run(
        "node", "tests/e2e/firefox.js", path, suite.plan.app_url, SALES, PASSWORD, HOME=str(tmp_path)
    )


def test_webkit(suite: Suite, tmp_path: Path) -> None:
    """With the locale C its language is no language tag, on which Flutter's engine would stop; every second run has one
    that is.
    """
    locale = chance("WebKit").choice(("C", "en_US.UTF-8"))
    print(f"WebKit's locale is {locale}")
    found, display = webkit(), shutil.which("xvfb-run")
    assert found is not None, "WebKit is missing: make test installs it where it may, else install webkit2gtk-driver"
    assert display is not None, "a virtual display is missing: make test installs it where it may, else install xvfb"
    command = [display, "-a", sys.executable, "tests/e2e/webkit.py", *found, suite.plan.app_url, SALES, PASSWORD]
    assert "signed in" in _run(*command, LANG=locale, LC_ALL=locale, HOME=str(tmp_path), XDG_RUNTIME_DIR=str(tmp_path))
