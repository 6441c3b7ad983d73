"""Bound tokens (DPoP) through whatever a server may do: nonces that it rotates and forgets, refusals, cuts."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import unused_port
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_oauth2client.dpop import validate_dpop_proof

from backend.adapters.dpop import new_key
from backend.connections.connection import Device, Grant
from backend.failures import OutcomeUnknown
from backend.values import Secret, Uid
from contract.errors import CallError, ConnectionLost, Reason
from tests.depth import examples
from tests.functions.instances import Instances

UID, KEY = Uid.of("00D000000000001EAA", "005000000000001AAA"), new_key()
QUERY = "SELECT Id FROM Account"
MADE = {
    "compositeResponse": [
        {"httpStatusCode": 201, "body": {"id": "001000000000001AAA"}},
        {"httpStatusCode": 200, "body": {"records": [], "done": True}},
    ]
}


class Cut(Exception):
    """The connection breaks off."""


@dataclass
class Org:
    """An org that checks each proof by a library that is not ours. `at_tokens` and `at_data` say what happens to the
    next requests there, in the order in which they come; after it nothing happens.
    """

    url: str
    at_tokens: list[str]
    at_data: list[str]
    access: str = "access 1"
    refresh: str = "refresh 1"
    generation: int = 1
    nonce: str | None = None
    nonces: int = 0
    given: set[str | None] = field(default_factory=lambda: {None})
    jtis: set[str] = field(default_factory=set[str])
    used: set[str] = field(default_factory=set[str])
    made: int = 0
    lost: bool = False
    wrong: list[str] = field(default_factory=list[str])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def serve(self, request: web.Request) -> web.StreamResponse:
        script = self.at_tokens if request.path.startswith("/services/oauth2/") else self.at_data
        what = script.pop(0) if script else "nothing"
        form = {k: str(v) for k, v in (await request.post()).items()}
        proven = self.checked(request)
        if what in ("rotates", "forgets"):
            self.nonces += 1
            self.nonce = f"n{self.nonces}"
            self.given.add(self.nonce)
        headers = {} if self.nonce is None else {"DPoP-Nonce": self.nonce}
        try:
            if what == "cuts before":
                raise Cut
            if self.nonce not in (None, proven) and what != "rotates":
                return web.json_response({"error": "use_dpop_nonce"}, status=self.nonces % 2 + 400, headers=headers)
            if what == "is busy":
                return web.json_response([], status=503, headers=headers)
            if what == "expires":
                self.access = ""
            answer = self.done(request.path, request.headers.get("Authorization", ""), form)
            if what == "cuts after":
                self.lost = self.lost or request.path.endswith("/token")
                raise Cut
        except Cut:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        answer.headers.update(headers)
        return answer

    def checked(self, request: web.Request) -> str | None:
        """The nonce of a request's proof."""
        (text,) = request.headers.getall("DPoP")
        token = request.headers.get("Authorization", "").removeprefix("DPoP ")
        ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode() if token else None
        htu = str(request.url.with_query(None))
        claims: dict[str, Any] = dict(
            validate_dpop_proof(text, htm=request.method, htu=htu, ath=ath, algs=["ES256"]).claims
        )
        if claims["jti"] in self.jtis:
            self.wrong.append("a proof came twice")
        if claims.get("nonce") not in self.given:
            self.wrong.append("a nonce that nobody gave")
        if ("ath" in claims) != bool(token):
            self.wrong.append("ath without a token, or a token without ath")
        self.jtis.add(claims["jti"])
        return claims.get("nonce")

    def done(self, path: str, authorization: str, form: dict[str, str]) -> web.Response:
        if path.endswith("/token"):
            if form["refresh_token"] in self.used:
                self.wrong.append("a refresh token was sent again after a success")
            if form["refresh_token"] != self.refresh:
                return web.json_response({"error": "invalid_grant"}, status=400)
            self.used.add(self.refresh)
            self.generation += 1
            self.access, self.refresh = f"access {self.generation}", f"refresh {self.generation}"
            identity = f"{self.url}/id/{UID.org_id}/{UID.user_id}"
            tokens = {"access_token": self.access, "refresh_token": self.refresh, "token_type": "DPoP"}
            return web.json_response(tokens | {"instance_url": self.url, "id": identity})
        if path.endswith("/introspect"):
            return web.json_response({"active": form["token"] == self.refresh})
        if path.endswith("/revoke"):
            return web.Response()
        if authorization != f"DPoP {self.access}":
            return web.json_response([{"errorCode": "INVALID_SESSION_ID"}], status=401)
        if path.endswith("/composite"):
            self.made += 1
            return web.json_response(MADE)
        return web.json_response({"records": [], "done": True})


@contextlib.asynccontextmanager
async def running(at_tokens: Sequence[str], at_data: Sequence[str]) -> AsyncIterator[tuple[Org, Instances]]:
    org = Org(f"http://127.0.0.1:{unused_port()}", list(at_tokens), list(at_data))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", org.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", org.port).start()
    instances = Instances(cast(Any, org))
    grant = Grant(instances.host, org.url, "api", Secret(org.access), Secret(org.refresh), KEY)
    await instances.vaults[0].save(UID, grant, Device("phone"))
    try:
        yield org, instances
    finally:
        await instances.http.close()
        await runner.cleanup()


NONCES, FAULTS = ["rotates", "forgets", "forgets"], ["is busy", "cuts before", "cuts after"]
AT_TOKENS = st.lists(st.sampled_from(["nothing", *NONCES, *FAULTS]), max_size=10)
AT_DATA = st.lists(st.sampled_from(["nothing", *NONCES, *FAULTS, "expires", "expires", "expires"]), max_size=20)
CALLS = st.lists(st.lists(st.sampled_from(["read", "write"]), min_size=1, max_size=4), min_size=1, max_size=5)


@settings(max_examples=examples(25), deadline=None)
@given(AT_TOKENS, AT_DATA, CALLS)
def test_no_proof_comes_twice_no_used_token_is_sent_and_no_record_made_twice(
    at_tokens: list[str], at_data: list[str], calls: list[list[str]]
) -> None:
    asyncio.run(live_through(at_tokens, at_data, calls))


async def live_through(at_tokens: list[str], at_data: list[str], calls: list[list[str]]) -> None:
    async with running(at_tokens, at_data) as (org, instances):
        made, unknown = 0, 0
        for at_once in calls:

            async def call(n: int, kind: str) -> Any:
                rest = instances.rests[n % 2]
                if kind == "read":
                    return await rest.query(UID, f"{QUERY} LIMIT {n + 1}")
                return await rest.create(UID, "Account", {"Name": "x"}, "Id")

            outcomes = await asyncio.gather(*(call(n, k) for n, k in enumerate(at_once)), return_exceptions=True)
            for kind, outcome in zip(at_once, outcomes, strict=True):
                assert not isinstance(outcome, BaseException) or isinstance(outcome, CallError), outcome
                made += kind == "write" and not isinstance(outcome, BaseException)
                unknown += kind == "write" and isinstance(outcome, OutcomeUnknown)
        assert made <= org.made <= made + unknown
        org.at_tokens.clear()
        org.at_data.clear()
        with contextlib.suppress(ConnectionLost):
            await instances.rests[0].query(UID, QUERY)
        stored = await instances.stored(UID)
        assert stored.lease is None
        if stored.has_ended:
            assert (stored.ended_reason, org.lost) == (Reason.REFRESH_LOST, True), "an answer that never arrived"
        assert org.wrong == []


async def test_a_refresh_between_two_challenges_happens_once() -> None:
    async with running(["forgets"], ["forgets", "expires", "nothing", "forgets"]) as (org, instances):
        for n in range(3):
            await instances.rests[n % 2].query(UID, f"{QUERY} LIMIT {n + 1}")
        assert (org.generation, org.used, org.wrong) == (2, {"refresh 1"}, [])
