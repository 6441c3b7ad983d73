"""`make admin ARGS="check-org HOST"` where a client key signs: what it says of an org that takes the assertion, does
not, or wants another audience; of a secret that is left over; and of DPoP. The org is played, with PyJWT as its judge.
"""

from dataclasses import dataclass, field
from typing import Any

import grpc
import jwt
import pytest
from aiohttp import web

from backend import settings
from backend.adapters.client_authentication import KmsSigner
from backend.adapters.salesforce_http import Http
from backend.org_check import OrgCheck
from backend.wiring import SystemClock, signer
from tests.functions.signing_kms import KEY, PEM, PRIVATE, running_kms
from tests.functions.test_settings import GOOD

SECRET = GOOD["SALESFORCE_CONSUMER_SECRET"]


@dataclass
class Org:
    """An org with one app. `audience` is what an assertion must name after the host; None takes no assertion."""

    audience: str | None = ""
    takes_secret: bool = True
    secret_required: bool = True
    dpop_required: bool = False
    published: dict[str, Any] = field(default_factory=dict[str, Any])
    port: int = 0

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        error = {"error": "invalid_grant", "error_description": "expired access/refresh token"}
        if "client_assertion" in form:
            url = f"http://127.0.0.1:{self.port}{self.audience}"
            try:
                if self.audience is None:
                    raise jwt.InvalidSignatureError
                jwt.decode(form["client_assertion"], PRIVATE.public_key(), ["RS256"], audience=url)
            except jwt.InvalidAudienceError:
                error = {"error": "invalid_grant", "error_description": "audience is invalid"}
            except jwt.PyJWTError:
                error = {"error": "invalid_client", "error_description": "invalid client credentials"}
        elif self.secret_required and not (self.takes_secret and form.get("client_secret") == SECRET):
            error = {"error": "invalid_client", "error_description": "invalid client credentials"}
        return web.json_response(error, status=400)

    async def authorize(self, request: web.Request) -> web.Response:
        error = "" if "code_challenge" in request.query else "missing required code challenge"
        if self.dpop_required and "dpop_jkt" not in request.query:
            error = "missing required dpop_jkt for code binding"
        return web.Response(text=error)

    async def discovery(self, _request: web.Request) -> web.Response:
        return web.json_response(self.published)

    async def check(self, key: Any = None, **more: str) -> dict[str, bool]:
        """Every line, and whether it tells that something is right."""
        app = web.Application()
        app.router.add_get("/services/data", versions)
        app.router.add_post("/services/oauth2/token", self.token)
        app.router.add_get("/services/oauth2/authorize", self.authorize)
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        runner, http = web.AppRunner(app), Http()
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        host = f"127.0.0.1:{self.port}"
        try:
            chosen = settings.load(GOOD | {"FUNCTIONS_EMULATOR": "true", "SALESFORCE_LOGIN_HOSTS": f"{host}=X"} | more)
            check = OrgCheck(http, chosen, host, key or signer(chosen), SystemClock())
            return {line: good async for good, line in check.lines()}
        finally:
            await http.close()
            await runner.cleanup()


async def versions(_request: web.Request) -> web.Response:
    return web.json_response([{"version": "66.0"}])


SIGNS = {"SALESFORCE_CLIENT_KEY": PEM, "SALESFORCE_CONSUMER_SECRET": ""}


def wrong(lines: dict[str, bool]) -> list[str]:
    return [line for line, good in lines.items() if not good]


async def test_an_app_that_takes_the_assertion_and_needs_it() -> None:
    lines = await Org(takes_secret=False).check(**SIGNS)
    assert not wrong(lines)
    assert {"the app takes the signed assertion", "a refresh needs the assertion"} <= set(lines)
    assert not any("secret" in line for line in lines)


async def test_an_app_without_the_certificate() -> None:
    org = Org(audience=None)
    (line,) = wrong(await org.check(**SIGNS))
    assert line.startswith("the app does not take the signed assertion: upload its certificate")
    lines = await org.check(SALESFORCE_CLIENT_KEY=PEM)
    assert len(wrong(lines)) == 1
    assert any("deploy without SALESFORCE_CLIENT_KEY_KMS until" in line for line in lines)


async def test_an_app_that_wants_another_audience() -> None:
    org = Org(audience="/services/oauth2/token")
    (line,) = wrong(await org.check(**SIGNS))
    assert "SALESFORCE_CLIENT_AUDIENCE=token only: set it" in line
    assert not wrong(await org.check(**SIGNS, SALESFORCE_CLIENT_AUDIENCE="token"))


async def test_a_secret_that_still_works_beside_the_assertion() -> None:
    (line,) = wrong(await Org().check(SALESFORCE_CLIENT_KEY=PEM))
    assert line.startswith("the consumer secret still works")
    assert not wrong(await Org(takes_secret=False).check(SALESFORCE_CLIENT_KEY=PEM))


async def test_an_app_that_needs_neither() -> None:
    (line,) = wrong(await Org(secret_required=False).check(**SIGNS))
    assert line.startswith("the app takes a refresh without the assertion")


async def test_an_app_with_a_secret_only() -> None:
    assert not wrong(await Org().check())
    (line,) = wrong(await Org(takes_secret=False).check())
    assert line.startswith("the consumer secret is wrong")
    (line,) = wrong(await Org(secret_required=False).check())
    assert line.startswith("the app takes a refresh without the secret")


@pytest.mark.parametrize(
    ("code", "says"),
    [(grpc.StatusCode.PERMISSION_DENIED, "roles/cloudkms.signer"), (grpc.StatusCode.UNAVAILABLE, "out of reach")],
)
async def test_a_key_in_cloud_kms_that_does_not_sign(code: grpc.StatusCode, says: str) -> None:
    async with running_kms() as (kms, client):
        kms.fails = [code] * 2
        (line,) = wrong(await Org().check(KmsSigner(KEY, client)))
    assert line.startswith("Cloud KMS")
    assert says in line


@pytest.mark.parametrize(
    ("org", "says", "good"),
    [
        (Org(dpop_required=True), "DPoP is required", True),
        (Org(published={"dpop_signing_alg_values_supported": ["ES256"]}), "the org takes DPoP: ", True),
        (Org(published={"dpop_signing_alg_values_supported": ["RS256"]}), "SALESFORCE_DPOP=off", False),
        (Org(), "does not publish whether it takes DPoP", True),
    ],
)
async def test_what_it_says_of_dpop(org: Org, says: str, good: bool) -> None:
    lines = await org.check()
    assert [lines[line] for line in lines if says in line] == [good]
    assert all(lines[line] for line in lines if says not in line), "the other questions are answered all the same"
