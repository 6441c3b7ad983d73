"""Requests with a proof of their key (DPoP), over real HTTP, at a server that asks for nonces as it likes."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_oauth2client.dpop import validate_dpop_proof

from backend import deadline
from backend.adapters.dpop import new_key
from backend.adapters.salesforce_http import Answer, Http
from backend.failures import Busy, OutcomeUnknown
from backend.values import Secret
from contract.errors import CallError
from tests.depth import examples

KEY, TOKEN = new_key(), Secret("00D!an.access_token~")
ATH = base64.urlsafe_b64encode(hashlib.sha256(TOKEN.reveal().encode()).digest()).rstrip(b"=").decode()
CHALLENGE = {"error": "use_dpop_nonce"}


@dataclass
class Seen:
    """A request as it arrived: its method and path, what it proved, and its nonce."""

    request: str
    claims: dict[str, Any]
    scheme: str

    @property
    def nonce(self) -> str | None:
        return self.claims.get("nonce")


@dataclass
class Salesforce:
    """Checks every proof by a library that is not ours, then answers as the test says."""

    url: str
    seen: list[Seen] = field(default_factory=list[Seen])
    answers: list[Callable[[web.Request, Seen], Awaitable[web.StreamResponse]]] = field(default_factory=list[Any])
    wrong: list[BaseException] = field(default_factory=list[BaseException])
    jtis: set[str] = field(default_factory=set[str])

    async def serve(self, request: web.Request) -> web.StreamResponse:
        try:
            seen = self.checked(request)
        except BaseException as wrong:
            self.wrong.append(wrong)
            raise
        await request.read()
        answer = self.answers.pop(0) if self.answers else plain()
        return await answer(request, seen)

    def checked(self, request: web.Request) -> Seen:
        (text,) = request.headers.getall("DPoP")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        proof = validate_dpop_proof(
            text, htm=request.method, htu=str(request.url.with_query(None)), ath=ATH if token else None, algs=["ES256"]
        )
        assert ("ath" in proof.claims) == bool(token)
        assert token in ("", TOKEN.reveal())
        jti = str(proof.jwt_token_id)
        assert jti not in self.jtis, "a proof came twice"
        self.jtis.add(jti)
        seen = Seen(f"{request.method} {request.rel_url}", dict(proof.claims), scheme)
        self.seen.append(seen)
        return seen


def plain(status: int = 200, body: Any = None, **headers: str) -> Any:
    async def answer(_request: web.Request, _seen: Seen) -> web.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({} if body is None else body, status=status, headers=sent)

    return answer


def cut() -> Any:
    async def answer(request: web.Request, _seen: Seen) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    return answer


@contextlib.asynccontextmanager
async def salesforce() -> AsyncIterator[tuple[Salesforce, Http]]:
    server = Salesforce(f"http://127.0.0.1:{unused_port()}")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(server.url.rpartition(":")[2])).start()
    http = Http()
    try:
        yield server, http
    finally:
        await http.close()
        await runner.cleanup()
    if server.wrong:
        raise server.wrong[0]


async def data(server: Salesforce, http: Http, path: str = "/services/data/v66.0/query?q=SELECT+Id") -> Answer:
    return await http.send("GET", server.url + path, seconds=10, token=TOKEN, key=KEY)


async def write(server: Salesforce, http: Http) -> Answer:
    url = server.url + "/services/data/v66.0/composite"
    return await http.send("POST", url, seconds=10, writes=True, token=TOKEN, key=KEY, json=b"{}")


async def tokens(server: Salesforce, http: Http) -> Answer:
    form = {"grant_type": "refresh_token"}
    return await http.send("POST", server.url + "/services/oauth2/token", seconds=10, writes=True, key=KEY, form=form)


async def test_every_request_carries_a_proof_of_its_own_for_the_address_that_is_sent() -> None:
    async with salesforce() as (server, http):
        await data(server, http, "/services/data/v66.0/sobjects/Straße%7E/x?q=%7E#part")
        await data(server, http)
        await tokens(server, http)
        assert [s.scheme for s in server.seen] == ["DPoP", "DPoP", ""]
        assert server.seen[0].claims["htu"].endswith("/Stra%C3%9Fe~/x")
        assert [s.nonce for s in server.seen] == [None, None, None]


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (CHALLENGE, ""),
        ([{"errorCode": "use_dpop_nonce", "message": "x"}], ""),
        ([], 'DPoP realm="x", error="use_dpop_nonce", error_description="y"'),
        ([], 'Token, DPoP error="use_dpop_nonce"'),
    ],
)
async def test_a_challenge_is_met_once_with_a_new_proof_however_it_is_said(status: int, body: Any, said: str) -> None:
    """SalesforceMobileSDK-iOS#4145, -Android#3011: only 401 was met, and a cold start failed."""
    async with salesforce() as (server, http):
        headers = {"WWW_Authenticate": said} if said else {}
        server.answers = [plain(status, body, DPoP_Nonce="n1", **headers)]
        assert (await data(server, http)).status == 200
        assert [s.nonce for s in server.seen] == [None, "n1"]
        await data(server, http)
        assert [s.nonce for s in server.seen] == [None, "n1", "n1"]  # and is remembered


@pytest.mark.parametrize(
    "answer",
    [
        plain(401, [{"errorCode": "INVALID_SESSION_ID"}], DPoP_Nonce="n1"),
        plain(403, CHALLENGE, DPoP_Nonce="n1"),
        plain(400, {"error": "invalid_grant"}, DPoP_Nonce="n1"),
        plain(400, [{"message": 'error="use_dpop_nonce"'}], DPoP_Nonce="n1"),
        plain(401, {}, DPoP_Nonce="n1", WWW_Authenticate='Bearer error="use_dpop_nonce"'),
        plain(
            401, {}, DPoP_Nonce="n1", WWW_Authenticate='DPoP error="invalid_token", error_description="use_dpop_nonce"'
        ),
    ],
)
async def test_what_is_no_challenge_is_an_answer(answer: Any) -> None:
    async with salesforce() as (server, http):
        server.answers = [answer]
        assert (await data(server, http)).status >= 400
        assert len(server.seen) == 1


@pytest.mark.parametrize("headers", [{}, {"DPoP_Nonce": ""}, {"DPoP_Nonce": "x" * 1025}, {"DPoP_Nonce": 'a"b'}])
@pytest.mark.parametrize("send", [data, write, tokens])
async def test_a_challenge_that_brings_no_nonce_of_use_was_about_the_proof_alone(
    send: Callable[[Salesforce, Http], Awaitable[Answer]], headers: dict[str, str]
) -> None:
    """As an answer it would be read as a refusal of the token, and end the connection."""
    async with salesforce() as (server, http):
        for status in (400, 401):
            server.answers = [plain(status, CHALLENGE, **headers)]
            with pytest.raises(Busy):
                await send(server, http)
        assert len(server.seen) == 2


async def test_a_second_challenge_is_an_error_and_its_nonce_is_kept() -> None:
    """opentdf/java-sdk#374: the nonce of a retry that failed was lost."""
    async with salesforce() as (server, http):
        server.answers = [plain(401, CHALLENGE, DPoP_Nonce="n1"), plain(401, CHALLENGE, DPoP_Nonce="n2")]
        with pytest.raises(Busy):
            await data(server, http)
        await data(server, http)
        assert [s.nonce for s in server.seen] == [None, "n1", "n2"]


async def test_a_nonce_is_taken_from_every_answer() -> None:
    """opentdf/platform#3581: the nonce of a success was lost."""
    async with salesforce() as (server, http):
        server.answers = [
            plain(200, DPoP_Nonce="n1"),
            plain(404, [{"errorCode": "NOT_FOUND"}], DPoP_Nonce="n2"),
            plain(503, DPoP_Nonce="n3"),
            plain(302, DPoP_Nonce="n4", Location="/elsewhere"),
            plain(200),
        ]
        for _ in range(6):
            await data(server, http)
        assert [s.nonce for s in server.seen] == [None, "n1", "n2", "n3", "n4", "n4"]


async def test_a_nonce_that_has_expired_does_not_stick() -> None:
    """opentdf/web-sdk#939: a retry only where no nonce was kept."""
    async with salesforce() as (server, http):
        server.answers = [plain(200, DPoP_Nonce="old"), plain(401, CHALLENGE, DPoP_Nonce="new")]
        await data(server, http)
        assert (await data(server, http)).status == 200
        assert [s.nonce for s in server.seen] == [None, "old", "new"]
        server.answers = [plain(401, CHALLENGE)]  # refused without a new one
        with pytest.raises(Busy):
            await data(server, http)
        await data(server, http)
        assert [s.nonce for s in server.seen[3:]] == ["new", None]


async def test_the_nonce_of_the_token_endpoint_is_good_elsewhere_until_there_is_a_better_one() -> None:
    async with salesforce() as (login, http), salesforce() as (instance, unused):
        login.answers = [plain(200, DPoP_Nonce="of-tokens")]
        await tokens(login, http)
        instance.answers = [plain(200, DPoP_Nonce="own")]
        await data(instance, http)
        await data(instance, http)
        await tokens(login, http)
        assert [s.nonce for s in instance.seen] == ["of-tokens", "own"]
        assert [s.nonce for s in login.seen] == [None, "of-tokens"]
        other = new_key()  # another connection's
        await http.send("POST", instance.url + "/services/oauth2/token", seconds=10, key=other, form={"a": "b"})
        assert instance.seen[-1].nonce is None
        await unused.close()


async def test_a_redirect_is_an_answer() -> None:
    async with salesforce() as (elsewhere, unused), salesforce() as (server, http):
        server.answers = [plain(status, Location=elsewhere.url + "/x") for status in (301, 302, 307, 308)]
        assert [(await data(server, http)).status for _ in range(4)] == [301, 302, 307, 308]
        assert elsewhere.seen == []
        await unused.close()


async def test_what_aiohttp_repeats_by_itself_on_a_broken_connection_has_a_new_proof() -> None:
    """aiohttp repeats a GET once on a kept-alive connection that breaks: a server that saw the first would refuse the
    second for its `jti`."""
    async with salesforce() as (server, http):
        server.answers = [plain(), cut()]
        await data(server, http)
        with contextlib.suppress(OutcomeUnknown):
            await data(server, http)
        assert len(server.seen) in (2, 3)  # whether aiohttp may repeat it is decided elsewhere


async def test_a_challenge_costs_no_time_of_its_own() -> None:
    async def slow(request: web.Request, seen: Seen) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return await plain(401, CHALLENGE, DPoP_Nonce="n1")(request, seen)

    async def never(_request: web.Request, _seen: Seen) -> web.StreamResponse:
        await asyncio.sleep(20)
        return web.Response()

    async with salesforce() as (server, http):
        server.answers = [slow, never]
        began = asyncio.get_running_loop().time()
        with pytest.raises(OutcomeUnknown):
            await http.send("GET", server.url + "/x", seconds=0.6, token=TOKEN, key=KEY)
        assert 0.5 < asyncio.get_running_loop().time() - began < 0.85
        server.answers = [slow, slow]
        with deadline.within(0.2), pytest.raises(OutcomeUnknown):
            await http.send("GET", server.url + "/x", seconds=10, token=TOKEN, key=KEY)


# At will

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["data", "tokens"]),
        st.lists(
            st.sampled_from(["ok", "rotates", "challenges 400", "challenges 401", "rejects", "cuts", "is busy"]),
            min_size=2,
            max_size=2,
        ),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=examples(40), deadline=None)
@given(STEPS)
def test_whatever_a_server_does_with_nonces_no_proof_comes_twice_and_no_request_more_often_than_it_may(
    steps: list[tuple[str, list[str]]],
) -> None:
    asyncio.run(live_through(steps))


async def live_through(steps: list[tuple[str, list[str]]]) -> None:
    async with salesforce() as (server, http):
        newest: str | None = None
        numbers = iter(range(1000))

        def does(what: str) -> Any:
            async def answer(request: web.Request, seen: Seen) -> web.StreamResponse:
                nonlocal newest
                assert seen.nonce == newest, "the nonce is the last that this server gave"
                if what == "cuts":
                    return await cut()(request, seen)
                headers = {}
                if what in ("rotates", "challenges 400", "challenges 401"):
                    newest = headers["DPoP_Nonce"] = f"n{next(numbers)}"
                status = {"challenges 400": 400, "challenges 401": 401, "rejects": 401, "is busy": 503}.get(what, 200)
                return await plain(status, CHALLENGE if "challenges" in what else None, **headers)(request, seen)

            return answer

        for kind, (first, second) in steps:
            before = len(server.seen)
            server.answers = [does(first), does(second)]
            outcome: int | type[CallError]
            try:
                outcome = (await (write if kind == "data" else tokens)(server, http)).status
            except CallError as failed:
                outcome = type(failed)
            challenged = "challenges" in first
            assert len(server.seen) - before == (2 if challenged else 1)
            last = second if challenged else first
            expected = {"cuts": OutcomeUnknown, "rejects": 401, "is busy": 503}.get(last, 200)
            assert outcome == (Busy if "challenges" in last else expected)
