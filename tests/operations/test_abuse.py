"""What a stranger may make the backend do: floods of made-up codes, requests that never end, other origins, forged
logs.

The processes here are set up as when they are deployed; the rest of the suite lets sign-ins fail as often as its tests
want.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from secrets import token_urlsafe

import httpx2 as httpx
import pytest

from backend.callable_protocol import READ_SECONDS
from devtools import loopback
from devtools.clients import ADMIN, SALES, App, authorize, control, flood, made_up_sign_in
from devtools.fleet import Fleet
from devtools.suite import Suite
from tests.functions.adapters.test_app_check import APP, PROJECT, KeyServer, token

BUDGET = 20  # failed sign-ins of one address in a minute
USERS = (SALES, ADMIN)
ELSEWHERE = "https://elsewhere.example"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def auth(suite: Suite, lines: list[str]) -> Iterator[Fleet]:
    """Two processes of the auth function, with the budget of a deployed one."""
    with Fleet(
        suite.plan,
        "auth",
        2,
        lines.append,
        FAILED_SIGN_INS=str(BUDGET),
        ALLOWED_ORIGINS=f"http://127.0.0.1:1 {ELSEWHERE}",
    ) as running:
        yield running


def firestore(suite: Suite, collection: str) -> list[str]:
    documents = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    url = f"{documents}/{collection}?pageSize=300"
    found, page = list[str](), ""
    while True:
        answer = loopback.get(url + page, headers={"Authorization": "Bearer owner"}).json()
        found += [d["name"].rsplit("/", 1)[-1] for d in answer.get("documents", [])]
        if not answer.get("nextPageToken"):
            return found
        page = f"&pageToken={answer['nextPageToken']}"


def made_up(suite: Suite, code: str) -> dict[str, str]:
    return made_up_sign_in(f"127.0.0.1:{suite.plan.ports.localorg}", code)


def next_minute() -> None:
    """Waits until a minute has just begun, so that a budget does not start anew while it is counted."""
    while time.time() % 60 > 40:
        time.sleep(0.2)


def real_sign_ins(suite: Suite, url: str, address: str, count: int) -> list[float]:
    """People who sign in, one after the other, at the same backend; the seconds that each call took."""
    org_url, took = suite.plan.ports.url("localorg"), list[float]()
    for n in range(count):
        app = App(
            url,
            suite.plan.ports.url("auth"),
            f"127.0.0.1:{suite.plan.ports.localorg}",
            headers={"X-Forwarded-For": address},
        )
        authorization = authorize(org_url, USERS[n % len(USERS)])
        began = time.monotonic()
        assert app.post("signIn", app.sign_in_body(authorization)).status_code == 200
        took.append(time.monotonic() - began)
        app.http.close()
    return took


def test_a_thousand_made_up_codes_cost_next_to_nothing_and_real_users_sign_in_beside_them(
    suite: Suite, auth: Fleet, org_url: str
) -> None:
    """Seen from outside: 1,000 such calls made 1,000 requests to Salesforce's token endpoint and 1,000 documents."""
    next_minute()
    codes = set(firestore(suite, "codes"))
    control(org_url, "counters/reset")
    urls = [m.url for m in auth.members]
    with ThreadPoolExecutor() as pool:
        real = pool.submit(real_sign_ins, suite, urls[0], "192.0.2.1", 10)
        ended = asyncio.run(
            flood(urls, [made_up(suite, f"aPrx{token_urlsafe(48)}==") for _ in range(1000)], "198.51.100.9")
        )
        took = real.result()
    assert set(ended) == {"code-rejected", "too-many-sign-ins"}
    assert ended["code-rejected"] <= 2 * BUDGET + 5, "each of the two processes, until it has heard of the other"
    assert control(org_url, "counters")["token.authorization_code"] == ended["code-rejected"] + len(took)
    assert len(set(firestore(suite, "codes")) - codes) == ended["code-rejected"] + len(took)


STRANGER = "198.18.0.9"  # in a network where nobody else of these tests is: its failures count for all in it
HOSTING = "66.102.8.9"  # one of Hosting's servers, as Google's front end would say


def test_real_users_sign_in_beside_a_stranger_who_says_they_are_somebody_else_each_time(
    suite: Suite, auth: Fleet
) -> None:
    """Through Hosting, and at the function's own address with made-up forwarding headers and a whole IPv6 network."""
    next_minute()
    urls = [m.url for m in auth.members]
    senders = [
        *({"Fastly-Client-IP": STRANGER, "X-Forwarded-For": f"{STRANGER}, {HOSTING}"} for _ in range(100)),
        *(
            {"Fastly-Client-IP": f"10.0.{n // 250}.{n % 250}", "X-Forwarded-For": f"10.0.{n}.1, {STRANGER}"}
            for n in range(200)
        ),
        *({"X-Forwarded-For": f"2001:db8:bad:{n:x}::1"} for n in range(300)),
    ]

    async def flooded() -> Counter[str]:
        ended = Counter[str]()
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            for start in range(0, len(senders), 50):
                answers = await asyncio.gather(
                    *(
                        http.post(
                            f"{urls[n % 2]}/signIn",
                            json={"data": made_up(suite, f"aPrx{token_urlsafe(48)}==")},
                            headers=headers,
                        )
                        for n, headers in enumerate(senders[start : start + 50])
                    )
                )
                ended.update(answer.json()["error"]["details"]["reason"] for answer in answers)
        return ended

    ended = asyncio.run(flooded())
    assert set(ended) == {"code-rejected", "too-many-sign-ins"}
    assert ended["code-rejected"] <= 2 * (20 + 20 + 100), "each of the two processes, until it has heard of the other"
    real_sign_ins(suite, urls[0], "192.0.2.77", 2)
    real_sign_ins(suite, urls[1], f"192.0.2.78, {HOSTING}", 2)
    real_sign_ins(suite, urls[0], "2001:db8:900d::1", 2)


def test_codes_that_cannot_be_one_are_not_asked_for_at_all(suite: Suite, auth: Fleet, org_url: str) -> None:
    codes = set(firestore(suite, "codes"))
    control(org_url, "counters/reset")
    ended = asyncio.run(
        flood([m.url for m in auth.members], [made_up(suite, f"made up {n}") for n in range(1000)], "203.0.113.1")
    )
    assert ended == {"malformed-request": 1000}
    assert "token.authorization_code" not in control(org_url, "counters")
    assert set(firestore(suite, "codes")) == codes


def test_a_person_at_the_same_address_as_a_naive_flood_still_signs_in(suite: Suite, auth: Fleet) -> None:
    next_minute()
    urls = [m.url for m in auth.members]
    ended = asyncio.run(flood(urls, [made_up(suite, token_urlsafe(64)) for _ in range(300)], "203.0.113.2"))
    assert ended["too-many-sign-ins"] > 200
    real_sign_ins(suite, urls[0], "203.0.113.2", 3)


def test_the_refusal_says_when_to_come_again(suite: Suite, auth: Fleet) -> None:
    next_minute()
    asyncio.run(
        flood(
            [auth.members[0].url], [made_up(suite, f"aPrx{token_urlsafe(48)}==") for _ in range(BUDGET)], "203.0.113.3"
        )
    )
    body = {"data": made_up(suite, f"aPrx{token_urlsafe(48)}==")}
    answer = loopback.post(f"{auth.members[0].url}/signIn", json=body, headers={"X-Forwarded-For": "203.0.113.3"})
    error = answer.json()["error"]
    assert (answer.status_code, error["status"], error["details"]["reason"]) == (
        429,
        "RESOURCE_EXHAUSTED",
        "too-many-sign-ins",
    )
    assert 1 <= error["details"]["retryAfter"] <= 60
    assert answer.headers["retry-after"] == str(error["details"]["retryAfter"])


def test_the_other_process_hears_of_it(suite: Suite, auth: Fleet) -> None:
    next_minute()
    first, second = (m.url for m in auth.members)
    asyncio.run(flood([first], [made_up(suite, f"aPrx{token_urlsafe(48)}==") for _ in range(BUDGET)], "203.0.113.4"))
    minute = time.time() // 60
    body = {"data": made_up(suite, f"aPrx{token_urlsafe(48)}==")}
    let_through = 0
    while True:  # it hears of the others when it tells of its own
        reason = loopback.post(f"{second}/signIn", json=body, headers={"X-Forwarded-For": "203.0.113.4"}).json()[
            "error"
        ]["details"]["reason"]
        if reason == "too-many-sign-ins":
            break
        let_through += 1
        body["data"]["code"] = f"aPrx{token_urlsafe(48)}=="
        assert time.time() // 60 == minute
        time.sleep(0.5)
    assert let_through < BUDGET


def half_sent(port: int, path: str, count: int) -> list[bytes]:
    """Sends half of a request so often, and waits until the server has closed every connection; what it answered to
    each.
    """
    half = (
        f'POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"data":'
        ' {"code": "'
    )
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    began, answers = time.monotonic(), list[bytes]()
    try:
        for connection in held:
            connection.sendall(half.encode())
        for connection in held:
            connection.settimeout(READ_SECONDS + 10)
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
            answers.append(answer)
    finally:
        for connection in held:
            connection.close()
    assert time.monotonic() - began < READ_SECONDS + 10
    return answers


def test_requests_that_never_end_are_ended(suite: Suite, auth: Fleet) -> None:
    """300 half-sent bodies were still held after 35 seconds: by a function, and by the emulators in front of one."""
    plan = suite.plan
    with ThreadPoolExecutor() as pool:
        own = pool.submit(half_sent, auth.members[0].port, "/signIn", 300)
        hosting = pool.submit(half_sent, plan.ports.hosting, "/auth/signIn", 300)
        functions = pool.submit(half_sent, plan.ports.functions, f"/{plan.project}/europe-west1/auth/signIn", 300)
    for answer in own.result():
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"did not arrive within 10 seconds" in answer
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in [*hosting.result(), *functions.result()])


def test_a_public_call_takes_no_large_body(auth: Fleet) -> None:
    answer = loopback.post(f"{auth.members[0].url}/signIn", json={"data": {"code": "x" * 20_000}})
    assert answer.json()["error"]["details"]["reason"] == "request-too-large"


@pytest.mark.parametrize(
    "path", ["x\n2026-11-26T00:00:00Z [info] call=forged", "x" * 5000, "\x1b[31mred", "é\u2028forged"]
)
def test_what_a_caller_writes_makes_up_no_line_of_the_log(auth: Fleet, lines: list[str], path: str) -> None:
    before = len(lines)
    with loopback.Client() as http:
        http.post(
            httpx.URL(f"{auth.members[0].url}/").copy_with(
                raw_path=b"/" + "".join(f"%{b:02x}" for b in path.encode()).encode()
            ),
            json={},
        )
        http.post(
            f"{auth.members[0].url}/getSignInOptions",
            json={"data": {}},
            headers={"User-Agent": "last one of this test"},
        )
    deadline = time.monotonic() + 10
    while not any("getSignInOptions" in line for line in lines[before:]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    told = lines[before:]
    assert all(len(line) < 1000 and "forged" not in line and "\x1b" not in line for line in told)


class TestOrigins:
    def ask(self, auth: Fleet, origin: str, **headers: str) -> httpx.Response:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST", **headers}
        return loopback.request("OPTIONS", f"{auth.members[0].url}/signIn", headers=asked)

    def test_a_preflight_of_an_allowed_origin(self, auth: Fleet) -> None:
        answer = self.ask(auth, ELSEWHERE)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == ELSEWHERE
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            f"{ELSEWHERE}.evil.example",
            "null",
            "http://elsewhere.example",
            f"{ELSEWHERE}:8443",
            "",
        ],
    )
    def test_nothing_else_is_opened(self, auth: Fleet, origin: str) -> None:
        assert self.ask(auth, origin).status_code == 404
        answer = loopback.post(f"{auth.members[0].url}/getSignInOptions", json={"data": {}}, headers={"Origin": origin})
        assert answer.json()["error"]["details"]["reason"] == "foreign-origin"
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"

    def test_an_answer_and_an_error_are_readable(self, auth: Fleet) -> None:
        for path, status in (("getSignInOptions", 200), ("signOut", 401)):
            answer = loopback.post(f"{auth.members[0].url}/{path}", json={"data": {}}, headers={"Origin": ELSEWHERE})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, ELSEWHERE)

    def test_by_default_only_the_apps_own_pages_may_call(self, suite: Suite) -> None:
        for origin, status in ((ELSEWHERE, 403), ("null", 403), (suite.plan.app_url, 200)):
            answer = loopback.post(
                f"{suite.plan.app_url}/auth/getSignInOptions", json={"data": {}}, headers={"Origin": origin}
            )
            assert answer.status_code == status
            assert answer.headers.get("access-control-allow-origin") != ELSEWHERE


class TestAppCheck:
    @pytest.fixture
    def checked(self, suite: Suite) -> Iterator[Fleet]:
        """A process that asks for App Check."""
        keys = KeyServer()
        with Fleet(
            suite.plan, "auth", 1, APP_CHECK_APPS=APP, APP_CHECK_KEYS_URL=keys.url, GCLOUD_PROJECT=suite.plan.project
        ) as running:
            yield running
        keys.stop()

    def sign_in(self, suite: Suite, checked: Fleet, app_check: str | None) -> str:
        headers = {} if app_check is None else {"X-Firebase-AppCheck": app_check}
        app = App(
            checked.members[0].url,
            suite.plan.ports.url("auth"),
            f"127.0.0.1:{suite.plan.ports.localorg}",
            headers=headers,
        )
        answer = app.post("signIn", app.sign_in_body(authorize(suite.plan.ports.url("localorg"))))
        return "ok" if answer.status_code == 200 else answer.json()["error"]["details"]["reason"]

    def test_tokens(self, suite: Suite, checked: Fleet) -> None:
        audience = [f"projects/{suite.plan.project}"]
        assert self.sign_in(suite, checked, None) == "not-the-app"
        assert self.sign_in(suite, checked, token(aud=[f"projects/{PROJECT}"])) == "not-the-app"
        assert self.sign_in(suite, checked, token(aud=audience, sub="1:1:web:ff")) == "not-the-app"
        assert self.sign_in(suite, checked, token(aud=audience, exp=int(time.time()) - 90)) == "not-the-app"
        good = token(aud=audience, jti=token_urlsafe(8))
        assert self.sign_in(suite, checked, good) == "ok"
        assert self.sign_in(suite, checked, good) == "not-the-app", "a token is good for one sign-in"
        assert self.sign_in(suite, checked, token(aud=audience, jti=token_urlsafe(8))) == "ok"
