"""The page proves itself where App Check is required: the real app, Firebase's SDK and functions; reCAPTCHA and the
exchange are played.

Google's hosts are this machine for the browser, and so is Hosting's address, before which the page gets the policy that
is deployed.
"""

import http.client
import json
import re
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from playwright.sync_api import Page, Playwright

from devtools.browsers import CHROMIUM_FLAGS, SECONDS, Tab, english
from devtools.deploy.hosting import with_app_check
from devtools.fleet import Fleet
from devtools.paths import chromium
from devtools.suite import Suite
from tests.functions.adapters.test_app_check import APP, KEY, KeyServer, token

pytestmark = pytest.mark.browser

SITE_KEY = "6Lc-a-key-of-a-web-page"
# What reCAPTCHA Enterprise's script offers, as Firebase's SDK uses it.
_RECAPTCHA = """let done = () => {};
self.grecaptcha = { enterprise: {
  ready: (then) => then(),
  render: (_element, { sitekey, callback }) => { done = callback; self.sitekey = sitekey; return 0; },
  execute: async () => { done(); return `proof of ${self.sitekey}`; },
} };"""


class Played(BaseHTTPRequestHandler):
    """Google's hosts over TLS, and Hosting with the functions that ask for App Check."""

    protocol_version = "HTTP/1.1"
    world: "World"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = self.headers["Host"].partition(":")[0]
        if host == "www.google.com":
            self._answer(200, {"Content-Type": "text/javascript"}, _RECAPTCHA.encode())
        elif host == "content-firebaseappcheck.googleapis.com":
            self._exchange(body)
        else:
            self._hosting(body)

    do_GET = do_POST = do_OPTIONS = _handle

    def _exchange(self, body: bytes) -> None:
        allowed = {
            "Access-Control-Allow-Origin": self.headers["Origin"],
            "Access-Control-Allow-Headers": "content-type,x-firebase-client",
        }
        if self.command == "OPTIONS":
            return self._answer(200, allowed, b"")
        path = f"/v1/projects/{self.world.suite.plan.project}/apps/{APP}:exchangeRecaptchaEnterpriseToken?key=emulator"
        asked = json.loads(body)
        if self.world.refuses or self.path != path or asked["recaptcha_enterprise_token"] != f"proof of {SITE_KEY}":
            return self._answer(403, allowed, b"{}")
        self.world.exchanged.append("once" if asked.get("limited_use") else "many")
        made = token(aud=[f"projects/{self.world.suite.plan.project}"], jti=token_urlsafe(8))
        self._answer(
            200, {**allowed, "Content-Type": "application/json"}, json.dumps({"token": made, "ttl": "3600s"}).encode()
        )

    def _hosting(self, body: bytes) -> None:
        function = self.path.split("/")[1]
        where = self.world.functions.get(function, f"127.0.0.1:{self.world.suite.plan.ports.hosting}")
        behind = http.client.HTTPConnection(where, timeout=60)
        kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "accept-encoding")}
        behind.request(self.command, self.path, body or None, {**kept, "Host": self.headers["Host"]})
        answer = behind.getresponse()
        content = answer.read()
        dropped = ("transfer-encoding", "connection", "content-length", "content-encoding", "keep-alive")
        headers = {k: v for k, v in answer.getheaders() if k.lower() not in dropped}
        for name in headers:
            if name.lower() == "content-security-policy":
                headers[name] = with_app_check(_config(headers[name]))["hosting"]["headers"][0]["headers"][0]["value"]
        behind.close()
        self._answer(answer.status, headers, content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


def _config(policy: str) -> dict[str, Any]:
    return {"hosting": {"headers": [{"headers": [{"key": "Content-Security-Policy", "value": policy}]}]}}


class World:
    """`exchanged` is for how many calls each token is that was given; `refuses` when reCAPTCHA takes this browser for a
    robot.
    """

    def __init__(self, suite: Suite, folder: Path) -> None:
        self.suite = suite
        self.functions: dict[str, str] = {}
        self.exchanged: list[str] = []
        self.refuses = False
        handler = type("Handler", (Played,), {"world": self})
        self._plain = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._secure = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        self._secure.socket = context.wrap_socket(self._secure.socket, server_side=True)
        for server in (self._plain, self._secure):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def flags(self) -> list[str]:
        secure = "".join(
            f", MAP {host}:443 127.0.0.1:{self._secure.server_port}" for host in ("*.google.com", "*.googleapis.com")
        )
        hosting = self.suite.plan.ports.hosting
        return [
            *CHROMIUM_FLAGS,
            "--ignore-certificate-errors",
            f"--host-resolver-rules=MAP 127.0.0.1:{hosting} 127.0.0.1:{self._plain.server_port}{secure}",
        ]

    def stop(self) -> None:
        for server in (self._plain, self._secure):
            server.shutdown()
            server.server_close()


def _certificate(folder: Path) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "played")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, KEY.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
    ).sign(KEY, hashes.SHA256())
    key = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(key + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def said() -> list[str]:
    """What the functions log."""
    return []


@pytest.fixture
def world(suite: Suite, tmp_path: Path, said: list[str]) -> Iterator[World]:
    keys, found = KeyServer(), World(suite, tmp_path)
    settings = {"APP_CHECK_APPS": APP, "APP_CHECK_SITE_KEY": SITE_KEY, "APP_CHECK_KEYS_URL": keys.url}
    with (
        Fleet(suite.plan, "auth", 1, said.append, **settings) as auth,
        Fleet(suite.plan, "api", 1, said.append, **settings) as api,
    ):
        found.functions = {"auth": auth.members[0].url[7:], "api": api.members[0].url[7:]}
        yield found
    found.stop()
    keys.stop()


@pytest.fixture
def page(playwright: Playwright, world: World) -> Iterator[Page]:
    browser = playwright.chromium.launch(executable_path=chromium(), args=world.flags)
    page = browser.new_page(viewport={"width": 390, "height": 844}, locale=english(), ignore_https_errors=True)
    page.set_default_timeout(SECONDS)
    yield page
    browser.close()


def test_the_app_proves_itself(world: World, page: Page, said: list[str]) -> None:
    heard = list[str]()
    page.on("console", lambda message: heard.append(message.text))
    tab = Tab(page, world.suite.plan.app_url)
    tab.open()
    tab.sign_in()
    assert world.exchanged == ["many", "once"], (
        "one for all calls, the first of which begins the sign-in, one for its code"
    )
    tab.go("Accounts")
    tab.sees("Search in Accounts")
    page.reload()
    tab.wake()
    tab.sees("Search in Accounts")
    assert len(world.exchanged) == 2, "the browser keeps it"
    calls = [line for line in said if "message=call" in line and "call=getSignInOptions" not in line]
    assert calls
    assert all("attested=True" in line for line in calls), calls
    assert not [
        text for text in heard if "Content Security Policy" in text and "google" in text.partition("violates")[0]
    ]


def test_who_is_taken_for_a_robot_is_told(world: World, page: Page, said: list[str]) -> None:
    world.refuses = True
    tab = Tab(page, world.suite.plan.app_url)
    tab.open()
    tab.tap("Sign in with Salesforce")
    tab.sees(re.compile("could not prove that it is genuine"))
    assert world.exchanged == []
    assert not any("call=beginSignIn" in line and "outcome=ok" in line for line in said)
