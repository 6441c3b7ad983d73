"""The assertion by which the backend proves that it is the app: verified by PyJWT, signed by a PEM or by Cloud KMS,
made anew for every request, and never a reason to use up a code or a token.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import google_crc32c
import grpc
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from backend import deadline
from backend.adapters.client_authentication import (
    ASSERTION_TYPE,
    ClientKeyError,
    ConsumerSecret,
    KmsSigner,
    PemSigner,
    PrivateKeyJwt,
    crc32c,
)
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.failures import NotSent, NotSigned
from backend.values import Secret
from backend.wiring import SystemClock
from contract.errors import Misconfigured, Reason
from tests.functions.signing_kms import KEY, PEM, PRIVATE, SigningKms, running_kms

CONSUMER_KEY = "3MVG9consumer"
HOST = "https://acme.my.salesforce.com"
CLOCK = SystemClock()


@pytest.fixture
async def kms() -> AsyncIterator[tuple[SigningKms, Any]]:
    async with running_kms() as found:
        yield found


def verified(form: dict[str, str], audience: str = HOST) -> dict[str, Any]:
    """The claims of an assertion that another library takes."""
    assert form["client_assertion_type"] == ASSERTION_TYPE
    must = ["iss", "sub", "aud", "exp", "jti"]
    return jwt.decode(
        form["client_assertion"],
        PRIVATE.public_key(),
        ["RS256"],
        audience=audience,
        issuer=CONSUMER_KEY,
        subject=CONSUMER_KEY,
        options={"require": must, "strict_aud": True},
    )


async def test_the_consumer_secret_is_sent_as_it_is() -> None:
    form = await ConsumerSecret(CONSUMER_KEY, Secret("s3cret")).parameters(HOST)
    assert form == {"client_id": CONSUMER_KEY, "client_secret": "s3cret"}


async def test_a_pem_and_cloud_kms_sign_what_another_library_verifies(kms: tuple[SigningKms, Any]) -> None:
    for signer in (PemSigner(Secret(PEM)), KmsSigner(KEY, kms[1])):
        form = await PrivateKeyJwt(CONSUMER_KEY, signer, CLOCK).parameters(HOST)
        claims = verified(form)
        ends_in = datetime.fromtimestamp(claims["exp"], UTC) - datetime.now(UTC)
        assert timedelta(seconds=60) < ends_in < timedelta(seconds=120)
        assert set(form) == {"client_id", "client_assertion_type", "client_assertion"}
        assert jwt.get_unverified_header(form["client_assertion"]) == {"alg": "RS256", "typ": "JWT"}


async def test_each_assertion_has_an_id_of_its_own() -> None:
    client = PrivateKeyJwt(CONSUMER_KEY, PemSigner(Secret(PEM)), CLOCK)
    assert len({verified(await client.parameters(HOST))["jti"] for _ in range(20)}) == 20


async def test_the_token_endpoint_may_be_the_audience() -> None:
    client = PrivateKeyJwt(CONSUMER_KEY, PemSigner(Secret(PEM)), CLOCK, audience="token")
    verified(await client.parameters(HOST), f"{HOST}/services/oauth2/token")


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN PRIVATE KEY-----",
        "nonsense",
        *(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
            for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 1024))  # noqa: S505
        ),
    ],
)
def test_what_is_no_such_key_is_refused_without_being_repeated(pem: str) -> None:
    with pytest.raises(ClientKeyError) as wrong:
        PemSigner(Secret(pem))
    assert not pem or pem not in str(wrong.value)


def test_a_pem_may_stand_on_one_line() -> None:
    PemSigner(Secret(PEM.replace("\n", "\\n")))


def test_the_checksum_is_the_librarys() -> None:
    for text in (b"", b"123456789", bytes(range(256))):
        assert crc32c(text) == google_crc32c.value(text)


# Cloud KMS


async def test_a_passing_fault_of_cloud_kms_is_tried_once_more(kms: tuple[SigningKms, Any]) -> None:
    kms[0].fails = [grpc.StatusCode.UNAVAILABLE]
    verified(await PrivateKeyJwt(CONSUMER_KEY, KmsSigner(KEY, kms[1]), CLOCK).parameters(HOST))
    assert len(kms[0].asked) == 2
    kms[0].fails = [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE]
    with pytest.raises(NotSigned):
        await KmsSigner(KEY, kms[1]).sign(b"text")


@pytest.mark.parametrize(
    "spoil",
    [{"signature_crc32c": 1}, {"verified_digest_crc32c": False}, {"signature": b"another"}, {"name": f"{KEY}0"}],
)
async def test_an_answer_of_cloud_kms_that_was_changed_on_its_way_is_not_sent(
    kms: tuple[SigningKms, Any], spoil: dict[str, object]
) -> None:
    kms[0].spoil = spoil
    with pytest.raises(NotSigned):
        await KmsSigner(KEY, kms[1]).sign(b"text")


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION]
)
async def test_a_key_that_may_not_be_used_is_a_matter_for_the_administrator(
    kms: tuple[SigningKms, Any], code: grpc.StatusCode
) -> None:
    kms[0].fails = [code]
    with pytest.raises(Misconfigured) as wrong:
        await KmsSigner(KEY, kms[1]).sign(b"text")
    assert wrong.value.reason is Reason.MISCONFIGURED
    assert len(kms[0].asked) == 1


async def test_cloud_kms_gets_no_more_time_than_the_call_has(kms: tuple[SigningKms, Any]) -> None:
    with deadline.within(0), pytest.raises(NotSigned):
        await KmsSigner(KEY, kms[1]).sign(b"text")
    assert not kms[0].asked


# At the token endpoint


class TokenEndpoint:
    """Verifies assertions as RFC 7523 says, each once. `moved` sends the next one on to another address."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.moved: str | None = None
        self.refuses: str | None = None
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        claims = verified(form, f"http://{request.host}")
        assert claims["jti"] not in self.seen
        self.seen.append(claims["jti"])
        self.forms.append(form)
        if self.refuses is not None:
            return web.json_response({"error": "invalid_grant", "error_description": self.refuses}, status=400)
        moved, self.moved = self.moved, None
        if moved is not None:
            raise web.HTTPFound(f"{moved}{request.path}")
        tokens = {"access_token": "a", "refresh_token": "r", "instance_url": self.url, "scope": "api"}
        who = "00D5e0000000001EAA/0055e0000000001AAA"
        return web.json_response({**tokens, "id": f"{self.url}/id/{who}"})


@pytest.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    endpoint, app = TokenEndpoint(), web.Application()
    app.router.add_post("/services/oauth2/{name}", endpoint.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield endpoint
    await runner.cleanup()


def oauth(http: Http, signer: PemSigner | KmsSigner) -> SalesforceOAuth:
    return SalesforceOAuth(http, PrivateKeyJwt(CONSUMER_KEY, signer, CLOCK), local=True)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http()
    yield http
    await http.close()


async def exchange(salesforce: SalesforceOAuth, host: str) -> None:
    await salesforce.exchange_code(host, Secret("aPrxcode"), Secret("v" * 43), "http://127.0.0.1:5999/callback")


async def test_a_request_that_is_sent_on_takes_an_assertion_of_its_own_along(
    endpoint: TokenEndpoint, http: Http
) -> None:
    """From the login pool to the org: the second request names the other host, and no id comes twice."""
    salesforce = oauth(http, PemSigner(Secret(PEM)))
    host = endpoint.url.removeprefix("http://")
    port = host.rpartition(":")[2]
    endpoint.moved = f"http://localhost:{port}"
    await exchange(salesforce, host)
    assert len(set(endpoint.seen)) == len(endpoint.seen) == 2
    assert all("client_secret" not in form for form in endpoint.forms)


async def test_when_cloud_kms_is_out_of_reach_nothing_is_sent(
    endpoint: TokenEndpoint, http: Http, kms: tuple[SigningKms, Any]
) -> None:
    """So a refresh token and a code are as good as before: NotSent gives both back."""
    kms[0].fails = [grpc.StatusCode.UNAVAILABLE] * 9
    with pytest.raises(NotSent) as away:
        await exchange(oauth(http, KmsSigner(KEY, kms[1])), endpoint.url.removeprefix("http://"))
    assert away.value.reason is Reason.STORE_UNAVAILABLE, "Salesforce has nothing to do with it"
    kms[0].fails = [grpc.StatusCode.PERMISSION_DENIED]
    with pytest.raises(Misconfigured):
        await exchange(oauth(http, KmsSigner(KEY, kms[1])), endpoint.url.removeprefix("http://"))
    assert not endpoint.seen
    await exchange(oauth(http, KmsSigner(KEY, kms[1])), endpoint.url.removeprefix("http://"))
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize("description", ["audience is invalid", "invalid assertion"])
async def test_a_refused_assertion_is_no_refused_code(endpoint: TokenEndpoint, http: Http, description: str) -> None:
    """Salesforce's word for both may be `invalid_grant`; the user's code, or refresh token, is not to blame."""
    endpoint.refuses = description
    with pytest.raises(Misconfigured):
        await exchange(oauth(http, PemSigner(Secret(PEM))), endpoint.url.removeprefix("http://"))


async def test_a_process_that_google_does_not_know_signs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials: nothing is sent, and nothing is used up."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    with pytest.raises(NotSigned):
        await KmsSigner(KEY).sign(b"text")
