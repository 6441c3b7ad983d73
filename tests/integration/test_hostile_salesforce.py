"""A Salesforce that lies, offered to the real functions: it must get neither a token nor the secret nor a code for
another host.

The hostile server listens on 127.0.0.1, where the functions may send codes; where it points to is 127.0.0.2, which is
nobody's org. In production the same checks hold Salesforce's own domains (tests/functions/test_hosts.py).
"""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import CALLBACK, CONSUMER_SECRET, App
from devtools.fleet import Fleet
from devtools.suite import Suite

ORG, USER = "00D5e0000000009EAA", "0055e0000000009AAA"
ACCESS, REFRESH, CODE = "00D5e0000000009!ACCESS", "5Aep861REFRESH", "aPrxCODE"
Answer = tuple[int, dict[str, str], object]


@dataclass
class Server:
    """A web server that remembers every request, and answers by path; `endless` is what it repeats until nobody listens
    any more.
    """

    address: str
    answers: dict[str, Answer] = field(default_factory=dict)
    endless: tuple[dict[str, str], bytes] | None = None
    sent: int = 0
    received: list[str] = field(default_factory=list)

    def __enter__(self) -> "Server":
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                owner.received.append(f"{self.command} {self.path}\n{self.headers}\n{body}")
                if owner.endless is not None and self.path.startswith("/services/data/"):
                    return self._repeat(*owner.endless)
                status, headers, answer = owner.answers.get(self.path.partition("?")[0], (200, {}, {}))
                content = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {
                    **headers,
                    "Content-Type": "application/json",
                    "Content-Length": str(len(content)),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def _repeat(self, headers: dict[str, str], part: bytes) -> None:
                self.send_response(200)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    while owner.sent < 2**30:
                        self.wfile.write(part)
                        owner.sent += len(part)
                except OSError:
                    return

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((self.address, 0), Handler)
        self.host = f"{self.address}:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def foreign() -> Iterator[Server]:
    with Server("127.0.0.2") as running:
        yield running


@pytest.fixture(scope="module")
def hostile() -> Iterator[Server]:
    with Server("127.0.0.1") as running:
        yield running


@dataclass
class Backend:
    """One process of each function, for which the hostile server is the login host."""

    auth: str
    api: str
    suite: Suite

    def sign_in(self, login_host: str) -> httpx.Response:
        data = {
            "code": f"{CODE}{uuid4().hex}",
            "codeVerifier": "v" * 43,
            "redirectUri": CALLBACK,
            "loginHost": login_host,
        }
        return loopback.post(f"{self.auth}/signIn", json={"data": data}, timeout=60)


@pytest.fixture(scope="module")
def backend(suite: Suite, hostile: Server) -> Iterator[Backend]:
    hosts = f"{hostile.host}=Hostile"
    with (
        Fleet(suite.plan, "auth", 1, SALESFORCE_LOGIN_HOSTS=hosts) as auth,
        Fleet(suite.plan, "api", 1, SALESFORCE_LOGIN_HOSTS=hosts) as api,
    ):
        yield Backend(auth.members[0].url, api.members[0].url, suite)


@pytest.fixture(autouse=True)
def _afresh(hostile: Server, foreign: Server) -> None:
    for server in (hostile, foreign):
        server.answers.clear()
        server.received.clear()


def token_answer(hostile: Server, **changes: object) -> Answer:
    honest: dict[str, object] = {
        "access_token": ACCESS, "refresh_token": REFRESH, "instance_url": hostile.url,
        "id": f"{hostile.url}/id/{ORG}/{USER}", "scope": "api",
    }  # fmt: skip
    return 200, {}, honest | changes


def userinfo() -> Answer:
    return 200, {}, {"name": "Eve", "email": "e@x", "preferred_username": "e@x"}


LIES: dict[str, Callable[[Server], str]] = {
    "another host": lambda foreign: foreign.url,
    "a user name in front": lambda foreign: f"http://127.0.0.1@{foreign.host}",
    "salesforce in front": lambda foreign: f"http://login.salesforce.com.{foreign.host}",
    "salesforce behind": lambda foreign: f"{foreign.url}/login.salesforce.com",
    "https elsewhere": lambda _: "https://login.salesforce.com.evil.example",
    "nonsense": lambda _: "http://[",
}


@pytest.mark.parametrize("lie", list(LIES))
def test_a_foreign_instance_url_gets_no_token(backend: Backend, hostile: Server, foreign: Server, lie: str) -> None:
    hostile.answers["/services/oauth2/token"] = token_answer(hostile, instance_url=LIES[lie](foreign))
    answer = backend.sign_in(hostile.host)
    assert answer.json()["error"]["details"]["reason"] == "misconfigured"
    assert foreign.received == []
    assert "/userinfo" not in "".join(hostile.received)
    assert foreign.host not in answer.text


@pytest.mark.parametrize("lie", list(LIES))
def test_a_foreign_identity_signs_nobody_in(backend: Backend, hostile: Server, foreign: Server, lie: str) -> None:
    """The id says who the user is: another host must not say it, or it could name anybody."""
    hostile.answers["/services/oauth2/token"] = token_answer(hostile, id=f"{LIES[lie](foreign)}/id/{ORG}/{USER}")
    hostile.answers["/services/oauth2/userinfo"] = userinfo()
    answer = backend.sign_in(hostile.host)
    assert answer.json()["error"]["details"]["reason"] == "misconfigured"
    assert foreign.received == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("lie", ["another host", "a user name in front", "nonsense"])
def test_a_redirect_of_the_token_endpoint_takes_neither_code_nor_secret_along(
    backend: Backend, hostile: Server, foreign: Server, status: int, lie: str
) -> None:
    hostile.answers["/services/oauth2/token"] = (
        status,
        {"Location": LIES[lie](foreign) + "/services/oauth2/token"},
        {},
    )
    answer = backend.sign_in(hostile.host)
    assert "error" in answer.json()
    assert foreign.received == []
    assert CODE in hostile.received[0]
    assert CONSUMER_SECRET in hostile.received[0]  # it is the login host: this it may get


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_userinfo_takes_no_token_along(
    backend: Backend, hostile: Server, foreign: Server, status: int
) -> None:
    hostile.answers["/services/oauth2/token"] = token_answer(hostile)
    hostile.answers["/services/oauth2/userinfo"] = (status, {"Location": foreign.url}, {})
    answer = backend.sign_in(hostile.host)
    assert "error" in answer.json()
    assert foreign.received == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_a_data_call_or_a_refresh_takes_no_token_along(
    backend: Backend, hostile: Server, foreign: Server, status: int
) -> None:
    hostile.answers["/services/oauth2/token"] = token_answer(hostile)
    hostile.answers["/services/oauth2/userinfo"] = userinfo()
    signed_in = backend.sign_in(hostile.host).json()["result"]
    app = App(backend.suite.plan.app_url, backend.suite.plan.ports.url("auth"), hostile.host)
    app.sign_in_to_firebase(signed_in["customToken"])
    redirect: Answer = (status, {"Location": foreign.url}, {})
    hostile.answers["/services/data/v66.0/query"] = redirect
    for _ in range(2):
        answer = loopback.post(
            f"{backend.api}/getProfile",
            json={"data": {}},
            headers={"Authorization": f"Bearer {app.id_token}"},
            timeout=60,
        )
        assert "error" in answer.json()
        hostile.answers["/services/data/v66.0/query"] = (401, {}, [{"errorCode": "INVALID_SESSION_ID"}])
        hostile.answers["/services/oauth2/token"] = redirect
    assert any(ACCESS in request for request in hostile.received)
    assert foreign.received == []


ENDLESS: dict[str, tuple[dict[str, str], bytes]] = {
    "a body without an end": ({"Content-Type": "application/json"}, b" " * 2**16),
    "a length that no memory has": ({"Content-Length": str(2**40)}, b" " * 2**16),
    "100 MB in 100 KB, again and again": ({"Content-Encoding": "gzip"}, gzip.compress(bytes(10**8))),
}


@pytest.mark.parametrize("what", list(ENDLESS))
def test_an_endless_answer_is_not_read_to_its_end(backend: Backend, hostile: Server, what: str) -> None:
    hostile.answers["/services/oauth2/token"] = token_answer(hostile)
    hostile.answers["/services/oauth2/userinfo"] = userinfo()
    app = App(backend.suite.plan.app_url, backend.suite.plan.ports.url("auth"), hostile.host)
    app.sign_in_to_firebase(backend.sign_in(hostile.host).json()["result"]["customToken"])
    hostile.endless, hostile.sent = ENDLESS[what], 0
    answer = loopback.post(
        f"{backend.api}/getProfile", json={"data": {}}, headers={"Authorization": f"Bearer {app.id_token}"}, timeout=60
    )
    hostile.endless = None
    assert answer.json()["error"]["details"]["reason"] == "org-busy"
    assert hostile.sent < 2**26, "64 MB: what is read, and what lies in the buffers between the two"


@pytest.mark.parametrize(
    "host",
    ["login.salesforce.com.evil.example", "evil.example", "127.0.0.2:1", "login.salesforce.com@evil.example", ""],
)
def test_a_login_host_that_only_looks_like_one_gets_no_code(
    backend: Backend, hostile: Server, foreign: Server, host: str
) -> None:
    for asked in (host, host.replace("127.0.0.2:1", foreign.host)):
        answer = backend.sign_in(asked)
        assert answer.json()["error"]["details"]["reason"] == "login-host-not-allowed"
    assert foreign.received == hostile.received == []
