"""The app as an installed one: native Python, its own HTTP, sign-in in another window that comes back to a port of this
machine.

Flet's web server stands in for the window that a built app has; everything of ours is what a desktop runs.
"""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from devtools import ports
from devtools.clients import PASSWORD, SALES, control
from devtools.paths import ROOT
from devtools.suite import Suite
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


@pytest.fixture
def native(suite: Suite, tmp_path: Path) -> Iterator[str]:
    """The address of the app's window."""
    (port,) = ports.some(1)
    environment = {
        **os.environ,
        "BACKEND_URL": suite.plan.app_url,
        "LOOPBACK_PORT": str(suite.plan.loopback),
        "FLET_FORCE_WEB_SERVER": "true",
        "FLET_SERVER_PORT": str(port),
        "FLET_SERVER_IP": "127.0.0.1",
        "FLET_WEB_NO_CDN": "true",
        "PYTHONPATH": f"{ROOT / 'app/src'}:{ROOT / 'functions'}",
        "LANG": "en_US.UTF-8",
    }
    log = tmp_path / "native.log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, str(ROOT / "app/src/main.py")], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except urllib.error.URLError:
                assert running.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
        yield url
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        print(log.read_text())  # shown when the test fails
        running.terminate()
        running.wait(20)


def test_sign_in_by_loopback_and_work(native: str, context: BrowserContext, suite: Suite, org_url: str) -> None:
    control(org_url, "revoke", {"username": SALES})
    window = Phone(context, native)
    window.open()
    with context.expect_page() as opened:
        window.tap("Sign in with Salesforce")
    salesforce = opened.value
    salesforce.fill("#username", SALES)
    salesforce.fill("#password", PASSWORD)
    salesforce.click("#Login")
    salesforce.click("#oaapprove")
    salesforce.wait_for_url(re.compile(rf"^http://127\.0\.0\.1:{suite.plan.loopback}/oauth/callback\?"))
    assert "close this page" in salesforce.inner_text("body")
    salesforce.close()
    window.page.bring_to_front()
    window.sees("Open pipeline")
    window.go("Accounts")
    window.sees("Alder Energy")

    # The session and what was seen are in the window's own storage: another window of the app goes on.
    window.page.close()
    again = Phone(context, native)
    again.open("/records/Account")
    again.sees("Alder Energy")
    again.open("/access")
    again.sees(re.compile("Linux|Darwin"))
