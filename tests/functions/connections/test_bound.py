"""Connections whose tokens are bound to a key (DPoP): the real adapters at the real local org; storage in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from backend.adapters.client_authentication import ConsumerSecret
from backend.adapters.dpop import new_key
from backend.adapters.salesforce_http import Answer, Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.connections.connection import Connection, Grant, State, TokenResponse
from backend.failures import Busy, NotSent
from backend.sign_in.begin import Binding
from backend.values import Secret, Uid
from contract.errors import CallError, ConnectionLost, Misconfigured, OrgUnavailable, Reason, SignInFailed
from devtools import loopback
from devtools.clients import CONSUMER_KEY, CONSUMER_SECRET, SALES, authorize_parameters, control
from localorg import EmbeddedOrg, OrgSettings
from tests.altered import replace
from tests.functions import one_process
from tests.functions.instances import Instances

QUERY = "SELECT Id FROM Account LIMIT 1"


@pytest.fixture(scope="module")
def own_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5, dpop="required")) as running:
        yield running


@pytest.fixture
async def here(own_org: EmbeddedOrg) -> AsyncIterator[Instances]:
    """A backend at an org that requires DPoP and asks for nonces everywhere."""
    control(own_org.url, "reset")
    control(own_org.url, "app", {"dpop": "required"})
    control(own_org.url, "proofs", {"resourceNonce": "401", "rotateNonce": True})
    control(own_org.url, "counters/reset")
    made = Instances(own_org)
    yield made
    await made.http.close()


def counted(here: Instances, *kinds: str) -> list[int]:
    counters = control(here.org.url, "counters")
    return [counters.get(kind, 0) for kind in kinds]


async def change_grant(here: Instances, uid: Uid, **changes: Any) -> Connection:
    """Seals another grant in place of the stored one, as if Salesforce had given it so."""
    stored = await here.stored(uid)
    sealed = here.vaults[0].seal(uid, stored.generation, replace(here.grant(stored), **changes))
    written = await here.store.write(replace(stored, sealed=sealed))
    for instance in here.each:
        instance.remembered.forget(uid)
    return written


async def test_a_sign_in_a_data_call_a_refresh_and_a_sign_out_prove_their_key_throughout(here: Instances) -> None:
    uid, credential = await here.connect_bound()
    assert credential.key is not None
    assert len(await here.rests[0].query(uid, QUERY)) == 1
    control(here.org.url, "expire", {"username": SALES})
    await here.rests[1].query(uid, QUERY)
    stored = await here.stored(uid)
    assert (stored.generation, stored.state, here.refreshes()) == (2, State.FRESH, 1)
    assert here.grant(stored).key == credential.key
    assert await here.is_active(stored)
    grant = here.grant(stored)
    await here.sign_out(uid, "phone", everywhere=True)
    assert not await here.oauth.introspect(grant)


async def test_a_stolen_access_token_is_good_for_nothing_without_its_key(here: Instances) -> None:
    uid, credential = await here.connect_bound()
    await here.rests[0].query(uid, QUERY)
    url, token = f"{credential.instance_url}/services/data/v66.0/limits", credential.access_token
    thief = Http()
    own = await here.http.send("GET", url, seconds=5, token=token, key=credential.key)
    as_bearer = await thief.send("GET", url, seconds=5, token=token)
    with_own_key = await thief.send("GET", url, seconds=5, token=token, key=new_key())
    assert (own.status, as_bearer.status, with_own_key.status) == (200, 401, 401)
    await thief.close()


async def test_a_captured_proof_is_good_once_and_for_its_request_only(here: Instances) -> None:
    _, credential = await here.connect_bound()
    url, token = f"{credential.instance_url}/services/data/v66.0/limits", credential.access_token
    captured = list[dict[str, str]]()

    async def capture(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        captured.append({n: request.headers[n] for n in ("DPoP", "Authorization")})
        return await send(request)

    inner = here.http._proving  # pyright: ignore[reportPrivateUsage]

    def proving(key: Secret, token: Secret | None) -> Any:
        prove = inner(key, token)

        async def both(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            return await prove(request, lambda r: capture(r, send))

        return both

    here.http._proving = proving  # pyright: ignore[reportPrivateUsage]
    assert (await here.http.send("GET", url, seconds=5, token=token, key=credential.key)).status == 200
    thief = Http()
    for at in (url, url.replace("limits", "query?q=SELECT+Id+FROM+Account")):
        replayed = await thief.send("GET", at, seconds=5, headers=captured[-1])
        assert replayed.status == 401
        assert 'error="invalid_dpop_proof"' in replayed.headers["WWW-Authenticate"]
    await thief.close()


@pytest.mark.parametrize("status", ["400", "401"])
@pytest.mark.parametrize("nonce", ["forgotten", "rotated"])
async def test_a_challenge_at_a_data_call_costs_one_more_request_and_no_refresh(
    here: Instances, status: str, nonce: str
) -> None:
    control(here.org.url, "proofs", {"resourceNonce": status})
    uid, _ = await here.connect_bound()
    await here.rests[0].query(uid, QUERY)
    control(here.org.url, "counters/reset")
    control(here.org.url, "faults", {"kind": "rest.query", "nonce": nonce})
    for _ in range(2):
        await here.rests[0].query(uid, QUERY)
    expected = 1 if nonce == "forgotten" else 0
    assert counted(here, "rest.query", "nonce.rest.query", "token.refresh_token") == [2, expected, 0]


async def test_a_write_that_is_refused_for_its_nonce_was_not_carried_out_and_is_sent_again(here: Instances) -> None:
    uid, _ = await here.connect_bound()
    for n in range(3):
        control(here.org.url, "faults", {"kind": "rest.*", "nonce": "forgotten"})
        made, _ = await here.rests[0].create(uid, "Account", {"Name": f"Made once {n}"}, "Id")
        assert made
    ((*rows,),) = await here.rests[0].query(uid, "SELECT Id FROM Account WHERE Name LIKE 'Made once%'")
    assert len(rows) == 3
    assert counted(here, "token.refresh_token") == [0]


async def test_a_challenge_at_a_refresh_is_met_under_the_same_lease_and_uses_the_token_once(here: Instances) -> None:
    uid, _ = await here.connect_bound()
    control(here.org.url, "expire", {"username": SALES})
    control(here.org.url, "counters/reset")
    control(here.org.url, "faults", {"kind": "token.refresh_token", "nonce": "forgotten"})
    answers = await asyncio.gather(*(here.rests[n % 4].query(uid, QUERY) for n in range(100)))
    assert len(answers) == 100
    assert counted(here, "nonce.token.refresh_token", "token.refresh_token") == [1, 1]
    stored = await here.stored(uid)
    assert (stored.generation, stored.state, stored.lease) == (2, State.FRESH, None)
    assert [e for _, e in here.noticed].count(None) >= 2  # lease, sending: what every refresh writes


async def test_what_proves_the_app_is_made_anew_beside_a_new_proof(here: Instances) -> None:
    """An assertion (private_key_jwt) is good once, and who asked for a nonce may have looked at it."""
    asked = list[str]()

    class Client:
        async def parameters(self, audience: str) -> dict[str, str]:
            asked.append(audience)
            return await ConsumerSecret(CONSUMER_KEY, Secret(CONSUMER_SECRET)).parameters(audience)

    uid, _ = await here.connect_bound()
    cold = Http()
    await SalesforceOAuth(cold, Client(), local=True).refresh(here.grant(await here.stored(uid)))
    await cold.close()
    assert asked == [here.org.url, here.org.url]
    assert counted(here, "nonce.token.refresh_token", "token.refresh_token") == [1, 1]


async def test_a_refresh_whose_answer_was_lost_after_a_challenge_is_asked_about_and_not_sent_again(
    here: Instances,
) -> None:
    uid, _ = await here.connect_bound()
    control(here.org.url, "expire", {"username": SALES})
    control(here.org.url, "counters/reset")
    control(here.org.url, "faults", {"kind": "token.refresh_token", "nonce": "forgotten"})
    control(here.org.url, "faults", {"kind": "token.refresh_token", "cut": "after"})
    with pytest.raises(ConnectionLost) as lost:
        await here.rests[0].query(uid, QUERY)
    assert lost.value.reason is Reason.REFRESH_LOST
    assert counted(here, "token.refresh_token", "introspect") == [1, 1]


async def test_a_proof_that_is_refused_leaves_the_refresh_token_as_it_was(
    own_org: EmbeddedOrg, here: Instances
) -> None:
    """An instance whose clock is wrong."""
    uid, _ = await here.connect_bound()
    control(own_org.url, "expire", {"username": SALES})
    here.http._now = lambda: 0.0  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(OrgUnavailable):
        await here.rests[0].query(uid, QUERY)
    stored = await here.stored(uid)
    assert (stored.generation, stored.state, stored.lease) == (1, State.FRESH, None)
    here.http._now = Http()._now  # pyright: ignore[reportPrivateUsage]
    await here.rests[0].query(uid, QUERY)
    assert (await here.stored(uid)).generation == 2


async def test_an_app_that_does_not_begin_is_refused_by_the_org_that_requires_it(here: Instances) -> None:
    back = await asyncio.to_thread(
        loopback.get, f"{here.org.url}/services/oauth2/authorize", params=authorize_parameters("v" * 60)
    )
    assert parse_qs(urlsplit(back.headers["location"]).query)["error_description"] == [
        "missing required dpop_jkt for code binding"
    ]


async def test_where_dpop_is_allowed_bearer_connections_live_on_and_move_at_the_next_sign_in(here: Instances) -> None:
    control(here.org.url, "app", {"dpop": "allowed"})
    uid, credential = await here.connect()
    assert credential.key is None
    control(here.org.url, "expire", {"username": SALES})
    await here.rests[0].query(uid, QUERY)
    before = here.grant(await here.stored(uid))
    assert before.key is None
    _, credential = await here.connect_bound()
    assert credential.key is not None
    assert not await here.oauth.introspect(before)
    await here.rests[0].query(uid, QUERY)


async def test_where_dpop_is_not_known_tokens_are_bearer_tokens_or_none(here: Instances) -> None:
    control(here.org.url, "app", {"dpop": "off"})
    uid, credential = await here.connect_bound()
    assert credential.key is None
    await here.rests[0].query(uid, QUERY)
    with pytest.raises(SignInFailed) as refused:
        await here.connect_bound("admin@localorg.test", Binding.REQUIRED)
    assert refused.value.reason is Reason.BINDING_REQUIRED


# Where a bound grant's requests go


@dataclass
class Elsewhere:
    """A host that has no org: how it answers, and which paths were asked for."""

    url: str
    status: int = 404
    location: str = ""
    asked: list[str] = field(default_factory=list[str])

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.Response(status=self.status, headers={"Location": self.location} if self.location else {})


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    host = Elsewhere(f"http://127.0.0.1:{unused_port()}")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(host.url.rpartition(":")[2])).start()
    yield host
    await runner.cleanup()


async def test_a_bound_grant_is_refreshed_at_its_instance(here: Instances) -> None:
    """SalesforceMobileSDK-iOS#4074: a login pool answers with a redirect, and the proof is for another address."""
    uid, _ = await here.connect_bound()
    await change_grant(here, uid, login_host=f"127.0.0.1:{unused_port()}")  # where nobody listens
    control(here.org.url, "expire", {"username": SALES})
    await here.rests[0].query(uid, QUERY)
    stored = await here.stored(uid)
    assert stored.generation == 2
    assert await here.is_active(stored)


@pytest.mark.parametrize("how", ["nobody listens", 301, 302, 303, 307, 308, 404])
async def test_where_the_org_is_gone_the_login_host_that_was_sealed_is_asked_once(
    here: Instances, elsewhere: Elsewhere, how: object
) -> None:
    uid, credential = await here.connect_bound()
    gone = f"http://127.0.0.1:{unused_port()}"
    if isinstance(how, int):
        gone, elsewhere.status, elsewhere.location = elsewhere.url, how, f"{elsewhere.url}/caught"
    await change_grant(here, uid, instance_url=gone)
    control(here.org.url, "counters/reset")
    renewed = (await here.renewals[0].renew(uid, replace(credential, instance_url=gone))).credential
    assert renewed.instance_url == here.org.url
    assert (renewed.generation, here.refreshes()) == (2, 1)
    assert elsewhere.asked == ["/services/oauth2/token"] * isinstance(how, int)
    await here.rests[0].query(uid, QUERY)


async def test_where_both_are_gone_nothing_is_lost(here: Instances, elsewhere: Elsewhere) -> None:
    elsewhere.status, elsewhere.location = 302, f"{here.org.url}/services/oauth2/token"
    uid, credential = await here.connect_bound()
    await change_grant(here, uid, instance_url=elsewhere.url, login_host=elsewhere.url.partition("//")[2])
    control(here.org.url, "counters/reset")
    with pytest.raises(Busy):
        await here.renewals[0].renew(uid, credential)
    assert (await here.stored(uid)).state is State.FRESH
    assert here.refreshes() == 0, "a proof is followed nowhere"
    assert set(elsewhere.asked) == {"/services/oauth2/token"}


async def test_an_outcome_that_is_unknown_is_not_asked_for_elsewhere(here: Instances) -> None:
    uid, credential = await here.connect_bound()
    await change_grant(here, uid, login_host=f"127.0.0.1:{unused_port()}")
    control(here.org.url, "counters/reset")
    control(here.org.url, "faults", {"kind": "token.refresh_token", "cut": "after"})
    with pytest.raises(ConnectionLost):
        await here.renewals[0].renew(uid, credential)
    assert here.refreshes() == 1


async def test_a_data_call_of_a_bound_connection_is_followed_nowhere(here: Instances, elsewhere: Elsewhere) -> None:
    elsewhere.status, elsewhere.location = 302, f"{elsewhere.url}/caught"
    uid, _ = await here.connect_bound()
    await change_grant(here, uid, instance_url=elsewhere.url)
    with pytest.raises(CallError):
        await here.rests[0].query(uid, QUERY)
    assert len(elsewhere.asked) == 1


class Pool(Http):
    """Salesforce's names, which no test reaches."""

    def __init__(self, answers: list[Answer | Exception]) -> None:
        super().__init__()
        self.answers = answers
        self.asked: list[tuple[str, Secret | None]] = []

    async def send(self, method: str, url: str, **more: Any) -> Answer:
        self.asked.append((url, more.get("key")))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


KEY = new_key()
GRANT = Grant("login.salesforce.com", "https://acme.my.salesforce.com", "api", Secret("a"), Secret("r"), KEY)
MOVED = Answer(302, {"Location": "https://acme-new.my.salesforce.com/services/oauth2/token"}, b"")


def oauth(http: Http) -> SalesforceOAuth:
    return SalesforceOAuth(http, ConsumerSecret("key", Secret("secret")), local=False)


def answered(token_type: str | None) -> Answer:
    said = b"" if token_type is None else f', "token_type": "{token_type}"'.encode()
    body = b'{"access_token": "a2", "refresh_token": "r2", "instance_url": "https://acme-new.my.salesforce.com", "id":'
    return Answer(
        200, {}, body + b' "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA"' + said + b"}"
    )


async def test_only_a_login_pool_sends_a_bound_refresh_on_and_to_salesforce_only() -> None:
    http = Pool([NotSent(), MOVED, answered("DPoP")])
    assert (await oauth(http).refresh(GRANT)).instance_url == "https://acme-new.my.salesforce.com"
    hosts = ("acme.my", "login", "acme-new.my")
    assert http.asked == [(f"https://{host}.salesforce.com/services/oauth2/token", KEY) for host in hosts]
    http = Pool([MOVED, MOVED])
    with pytest.raises(Busy):
        await oauth(http).refresh(replace(GRANT, login_host="acme-old.my.salesforce.com"))
    assert len(http.asked) == 2
    http = Pool([NotSent(), Answer(302, {"Location": "https://evil.example/services/oauth2/token"}, b"")])
    with pytest.raises(Misconfigured):
        await oauth(http).refresh(GRANT)
    assert len(http.asked) == 2


async def test_bearer_tokens_are_refreshed_at_the_login_host_as_ever() -> None:
    http = Pool([MOVED, answered("Bearer")])
    assert not (await oauth(http).refresh(replace(GRANT, key=None))).bound
    assert [url.split("/")[2] for url, _ in http.asked] == ["login.salesforce.com", "acme-new.my.salesforce.com"]


@pytest.mark.parametrize(
    ("token_type", "bound"), [("DPoP", True), ("dpop", True), ("Bearer", False), ("DPoP2", False), (None, False)]
)
async def test_tokens_are_bound_when_salesforce_says_so(token_type: str | None, bound: bool) -> None:
    """SalesforceMobileSDK-iOS#4157: compared with one way to write it only."""
    response = await oauth(Pool([answered(token_type)])).exchange_code(
        "login.salesforce.com", Secret("c"), Secret("v"), "app://back", KEY
    )
    assert response.bound is bound


async def test_tokens_bound_to_a_key_that_nobody_offered_are_of_no_use() -> None:
    with pytest.raises(Misconfigured):
        await oauth(Pool([answered("DPoP")])).exchange_code(
            "login.salesforce.com", Secret("c"), Secret("v"), "app://back"
        )


async def test_a_code_that_is_bound_to_another_key_means_to_begin_again() -> None:
    refused = Answer(400, {}, b'{"error": "invalid_dpop_proof", "error_description": "x"}')
    with pytest.raises(SignInFailed) as found:
        await oauth(Pool([refused])).exchange_code("login.salesforce.com", Secret("c"), Secret("v"), "app://back", KEY)
    assert found.value.reason is Reason.SIGN_IN_EXPIRED


async def test_without_a_key_too_a_wish_for_a_nonce_is_no_refusal_of_code_or_token() -> None:
    http = Pool([Answer(400, {}, b'{"error": "use_dpop_nonce"}')] * 2)
    with pytest.raises(Busy):
        await oauth(http).exchange_code("login.salesforce.com", Secret("c"), Secret("v"), "app://back")
    with pytest.raises(Busy):
        await oauth(http).refresh(replace(GRANT, key=None))


async def test_a_refresh_that_would_unbind_a_connection_ends_it() -> None:
    """A Bearer answer for a bound grant: whoever can bring that about needs no key any more."""
    one = one_process.Backend()
    await one.sign_in()
    stored = await one.stored()
    grant = replace(one.vault.unseal(stored), key=KEY)
    await one.store.write(replace(stored, sealed=one.vault.seal(stored.uid, stored.generation, grant)))
    one.remembered.forget(stored.uid)
    rejected = await one.renewal.get(stored.uid)
    assert rejected.key == KEY
    bearer: TokenResponse = one_process.response(n=2)
    one.salesforce.answers = [bearer]
    with pytest.raises(ConnectionLost) as lost:
        await one.renewal.renew(stored.uid, rejected)
    assert lost.value.reason is Reason.REFRESH_LOST
    assert (await one.stored()).state is State.NEEDS_SIGN_IN
    assert one.salesforce.revoked == [(one_process.HOST, "refresh 2")]


async def test_a_bound_refresh_keeps_its_key() -> None:
    assert GRANT.refreshed(replace(one_process.response(), bound=True)).key == KEY
    assert GRANT.refreshed(one_process.response()).key is None
