"""One stranger beside real users, at the real endpoint of one process: whatever the stranger sends, the users get in.

The requests look as they do behind Google's front end, which adds the address that it was called from to
X-Forwarded-For, as the last one.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any, cast

import pytest
from starlette.requests import Request

from backend.adapters.app_check import AppCheck, AppCheckGate
from backend.adapters.dpop import Keys
from backend.adapters.firebase_auth import FirebaseAuth
from backend.cors import AllowedOrigins
from backend.endpoint import Endpoint
from backend.routes import routes
from backend.sign_in.attempts import Attempts
from backend.sign_in.begin import Beginnings, Binding
from backend.sign_in.flow import SignInFlow
from backend.visitors import GOOGLES_OWN, Proxies, parsed
from contract.calls import FirebaseProject, LoginHost, SignInOptions
from devtools.clients import CALLBACK, CONSUMER_KEY, authorize, control, made_up_sign_in
from localorg import EmbeddedOrg
from tests.functions.adapters.test_app_check import APP, PROJECT, KeyServer, token
from tests.functions.instances import Instances, SteppedClock
from tests.functions.memory_store import MemoryAttempts, MemoryCodes

HOSTING = "66.102.8.9"  # one of Hosting's servers
ATTACKER = "198.51.100.9"
BUDGET = 20


class StoppedClock(SteppedClock):
    """One minute that does not end, so that no budget starts anew."""

    def now(self) -> datetime:
        return datetime(2026, 11, 26, 10, 0, 5, tzinfo=UTC)


class CountedCodes(MemoryCodes):
    """How often something was claimed: each costs a write of Firestore."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    async def claim(self, fingerprint: str) -> bool:
        self.writes += 1
        await asyncio.sleep(0)
        return await super().claim(fingerprint)


class Backend:
    """The endpoint of one process, with the budget of a deployed one."""

    def __init__(self, instances: Instances, keys_url: str) -> None:
        self.instances = instances
        self.codes = CountedCodes()
        process = instances.each[0]
        hosts = (LoginHost(instances.host, "Local org", "http"),)
        flow = SignInFlow(
            process.vault, instances.oauth, instances.firebase, process.blocks, self.codes,
            Attempts(MemoryAttempts(), StoppedClock(), per_address=BUDGET, fingerprint=str),
            Beginnings(Keys(), instances.cipher, instances.clock, Binding.PREFERRED),
            new_id=lambda: token_urlsafe(8),
            options=SignInOptions(CONSUMER_KEY, "api refresh_token", hosts, FirebaseProject("", "", "")),
            redirect_uris=frozenset({CALLBACK}),
        )  # fmt: skip
        self.endpoint = Endpoint(
            routes(flow, process.lifecycle, process.queries, process.changes, process.files),
            cast(FirebaseAuth, None),
            process.blocks,
            process.vault,
            AppCheckGate(AppCheck(PROJECT, frozenset({APP}), keys_url), required=False),
            AllowedOrigins(frozenset({"https://friend.example"}), frozenset({"https://app.example"})),
            Proxies(parsed(GOOGLES_OWN)),
        )

    async def send(self, name: str, body: object, headers: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """What a call came to, "ok" or its reason, and the answer's body."""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": json.dumps({"data": body}).encode(), "more_body": False}

        lines = {"content-type": "application/json", **headers}
        scope = {
            "type": "http", "method": "POST", "path": f"/{name}", "query_string": b"", "client": ("127.0.0.1", 1),
            "headers": [(k.lower().encode(), v.encode()) for k, v in lines.items()],
        }  # fmt: skip
        answer = json.loads(bytes((await self.endpoint.answer("auth", Request(scope, receive))).body))
        return answer["error"]["details"]["reason"] if "error" in answer else "ok", answer

    async def made_up(self, headers: dict[str, str]) -> str:
        """A sign-in with a made-up code; what it came to."""
        return (await self.send("signIn", made_up_sign_in(self.instances.host), headers))[0]

    async def flood(self, senders: list[dict[str, str]]) -> Counter[str]:
        """Made-up codes, 50 at a time."""
        ended = Counter[str]()
        for start in range(0, len(senders), 50):
            ended.update(await asyncio.gather(*(self.made_up(headers) for headers in senders[start : start + 50])))
        return ended

    async def sign_in(self, headers: dict[str, str]) -> str:
        """A person who signs in at Salesforce's own page; what it came to."""
        authorization = await asyncio.to_thread(authorize, self.instances.org.url)
        body = {
            "code": authorization.code,
            "codeVerifier": authorization.verifier,
            "redirectUri": CALLBACK,
            "loginHost": self.instances.host,
        }
        return (await self.send("signIn", body, headers))[0]


def directly(address: str, **said: str) -> dict[str, str]:
    """The headers of a call to the function's own address; `said` are what the caller itself sends."""
    before = said.pop("forwarded", "")
    return {"X-Forwarded-For": ", ".join(filter(None, (before, address))), **said}


def through_hosting(address: str) -> dict[str, str]:
    return {"Fastly-Client-IP": address, "X-Forwarded-For": f"{address}, {HOSTING}"}


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.stop()


@pytest.fixture
async def backend(org: EmbeddedOrg, keys: KeyServer) -> AsyncIterator[Backend]:
    instances = Instances(org)
    control(org.url, "faults/clear")
    yield Backend(instances, keys.url)
    await instances.http.close()


async def real_users_get_in(backend: Backend, **more: str) -> None:
    for n in range(3):
        assert await backend.sign_in(through_hosting(f"192.0.2.{n}") | more) == "ok"
        assert await backend.sign_in(directly(f"203.0.113.{n}") | more) == "ok"
        assert await backend.sign_in(directly(f"2001:db8:{n + 1:x}::1") | more) == "ok"


async def test_made_up_forwarding_headers_at_the_functions_own_address(backend: Backend) -> None:
    assert await backend.made_up(through_hosting("192.0.2.1")) == "code-rejected"  # somebody who was too slow
    headers = [
        directly(ATTACKER, forwarded=f"10.{n // 250}.{n % 250}.1", **{"Fastly-Client-IP": f"10.{n // 250}.{n % 250}.1"})
        for n in range(400)
    ]
    ended = await backend.flood([through_hosting(ATTACKER)] * 30 + headers)
    assert ended["code-rejected"] <= 2 * BUDGET, "the stranger's address counts, whatever they say it is"
    await real_users_get_in(backend)
    assert await backend.sign_in(through_hosting("192.0.2.1")) == "ok"


async def test_one_ipv6_network_of_48_bits(backend: Backend) -> None:
    assert await backend.made_up(directly("2001:db8:1::1")) == "code-rejected"
    ended = await backend.flood([directly(f"2001:db8:bad:{n:x}::1") for n in range(400)])
    assert ended["too-many-sign-ins"] >= 300
    await real_users_get_in(backend)


async def test_one_app_check_token_replayed_from_everywhere(backend: Backend) -> None:
    """Once it counts. Then it is refused for what it is, before anything is counted or written."""
    replayed = {"X-Firebase-AppCheck": token(jti="replayed")}
    ended = await backend.flood([directly(f"10.{n // 250}.{n % 250}.1") | replayed for n in range(400)])
    assert ended == {"code-rejected": 1, "not-the-app": 399}
    assert backend.codes.writes == 2, "the token, and its code"
    for n in range(5):
        mine = {"X-Firebase-AppCheck": token(jti=f"{n}")}
        assert await backend.sign_in(through_hosting(f"192.0.2.{n}") | mine) == "ok"


async def test_all_three_at_once(backend: Backend) -> None:
    replayed = {"X-Firebase-AppCheck": token(jti="once more")}
    await backend.flood([directly(ATTACKER, forwarded=f"10.0.{n % 250}.{n // 250}") for n in range(200)])
    await backend.flood([directly(f"2001:db8:bad:{n:x}::1") for n in range(200)])
    await backend.flood([directly(f"10.{n % 250}.0.1") | replayed for n in range(200)])
    await real_users_get_in(backend)
    await real_users_get_in(backend)


@pytest.mark.parametrize("name", ["getSignInOptions", "signIn"])
async def test_a_page_of_another_origin_makes_none_of_its_visitors_a_stranger(backend: Backend, name: str) -> None:
    """Refused before the body is read, a token is looked at, or anything is counted."""
    body = made_up_sign_in(backend.instances.host) if name == "signIn" else {}
    for n, origin in enumerate(["https://evil.example", "null", "http://app.example"] * 100):
        headers = directly(f"192.0.2.{n % 250}") | {"Origin": origin, "X-Firebase-AppCheck": "garbage"}
        assert (await backend.send(name, body, headers))[0] == "foreign-origin"
    assert backend.codes.writes == 0
    for origin in ("https://app.example", "https://friend.example"):
        assert await backend.sign_in(directly("192.0.2.1") | {"Origin": origin}) == "ok"
    assert (await backend.send("getSignInOptions", {}, directly("192.0.2.1")))[0] == "ok"
