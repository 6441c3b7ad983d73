"""A page of another origin with Firebase's own JavaScript SDK, unmodified, in a real browser: allowed in the settings
it works, else not.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright

from devtools import loopback
from devtools.browsers import CHROMIUM_FLAGS
from devtools.clients import SALES, authorize
from devtools.fleet import Fleet
from devtools.paths import WEB_SDK, chromium
from devtools.suite import Suite

pytestmark = pytest.mark.browser

SDK = WEB_SDK / "node_modules/firebase"
_PAGE = "".join(f'<script src="/firebase-{part}-compat.js"></script>' for part in ("app", "auth", "functions"))
# Which the browser sends without asking first, and which it sends only when the answer to its question allows it.
_UNASKED = """(url) => fetch(url, {
  method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body: JSON.stringify({ data: {} }),
}).then((answer) => answer.type)"""
_ASKED = """(url) => fetch(url, {
  method: "POST", headers: { "Content-Type": "application/json", "X-Forwarded-Host": location.host }, body: "{}",
}).then((answer) => answer.status, (error) => error.name)"""
_STORY = """async ({ project, authUrl, api, auth, body }) => {
  firebase.initializeApp({ projectId: project, apiKey: "any", authDomain: "localhost" });
  firebase.auth().useEmulator(authUrl, { disableWarnings: true });
  const call = (url) => firebase.functions().httpsCallableFromURL(url);
  const failed = (error) => ({ code: error.code, details: error.details });
  try {
    const signedIn = (await call(auth + "/signIn")(body)).data;
    await firebase.auth().signInWithCustomToken(signedIn.customToken);
    const page = (await call(api + "/listRecords")({ sobject: "Account", limit: 3 })).data;
    const refused = await call(api + "/getRecord")({ sobject: "Account", id: "nonsense" }).catch(failed);
    return { user: signedIn.user.username, records: page.records.length, refused };
  } catch (error) {
    return failed(error);
  }
}"""


class _Files(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, directory=str(SDK), **named)

    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(_PAGE.encode())
        else:
            super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def other_origin() -> Iterator[str]:
    """A site that is not ours."""
    assert Path(SDK / "firebase-app-compat.js").is_file(), "Firebase's SDK is missing: make test installs it"
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(playwright: Playwright) -> Iterator[Page]:
    browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
    yield browser.new_page()
    browser.close()


def story(suite: Suite, page: Page, origin: str, allowed: str) -> dict[str, Any]:
    authorization = authorize(suite.plan.ports.url("localorg"))
    with (
        Fleet(suite.plan, "auth", 1, ALLOWED_ORIGINS=allowed) as auth,
        Fleet(suite.plan, "api", 1, ALLOWED_ORIGINS=allowed) as api,
    ):
        body = {
            "code": authorization.code,
            "codeVerifier": authorization.verifier,
            "redirectUri": authorization.redirect_uri,
            "loginHost": f"127.0.0.1:{suite.plan.ports.localorg}",
        }
        page.goto(origin)
        given = {"project": suite.plan.project, "authUrl": suite.plan.ports.url("auth"), "body": body}
        return page.evaluate(_STORY, {**given, "api": api.members[0].url, "auth": auth.members[0].url})


def test_an_allowed_origin_signs_in_reads_and_learns_of_errors(suite: Suite, page: Page, other_origin: str) -> None:
    told = story(suite, page, other_origin, other_origin)
    assert told["user"] == SALES, json.dumps(told)
    assert told["records"] == 3
    assert told["refused"]["code"] == "functions/invalid-argument"
    assert told["refused"]["details"]["reason"] == "invalid-value"


def test_another_origin_is_kept_out_by_the_browser(suite: Suite, page: Page, other_origin: str) -> None:
    assert story(suite, page, other_origin, "http://127.0.0.1:1")["code"] == "functions/internal"


def test_what_a_page_of_another_origin_sends_is_refused_for_its_origin_before_anything_else(
    suite: Suite, page: Page, other_origin: str
) -> None:
    """A browser may send it without asking, and so can make its visitors attackers; it cannot hide whose page it is."""
    lines = list[str]()
    with Fleet(suite.plan, "auth", 1, lines.append) as auth:
        page.goto(other_origin)
        assert page.evaluate(_UNASKED, f"{auth.members[0].url}/signIn") == "opaque"
        assert page.evaluate(_ASKED, f"{auth.members[0].url}/getSignInOptions") == "TypeError"
        assert loopback.post(f"{auth.members[0].url}/getSignInOptions", json={"data": {}}).status_code == 200
        deadline = time.monotonic() + 10
        while not any("call=getSignInOptions" in line and "outcome=ok" in line for line in lines):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    ended = [tuple(re.findall(r"(?:call|outcome)=(\S+)", line)) for line in lines if "call=" in line]
    assert ended == [
        ("signIn", "foreign-origin"),
        ("getSignInOptions", "unknown-call"),  # the browser's question, which is not answered with yes
        ("getSignInOptions", "ok"),
    ]
