"""Access tokens that are JSON Web Tokens, which an app's settings choose.

Source: Salesforce Help "JWT-Based Access Tokens". The claims are as public examples show them.
"""

from collections.abc import Iterator

import httpx2 as httpx
import jwt
import pytest

from devtools import loopback
from devtools.clients import CONSUMER_KEY, SALES, authorize, control, exchange
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.proofs import LIMITS, TOKEN, Key, ask, code_for, refresh_form


@pytest.fixture(scope="module")
def own_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5)) as running:
        yield running


@pytest.fixture
def org(own_org: EmbeddedOrg) -> EmbeddedOrg:
    """An org of this module's own, whose app has JSON Web Tokens."""
    control(own_org.url, "reset")
    control(own_org.url, "app", {"jwtTokens": True})
    return own_org


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with loopback.Client(base_url=org.url) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_token_is_signed_by_the_orgs_key_and_works_as_any(http: httpx.Client, org: EmbeddedOrg) -> None:
    grant = exchange(org.url, authorize(org.url))
    assert grant["token_format"] == "jwt"
    keys = jwt.PyJWKSet.from_dict(http.get("/id/keys").json())
    claims = jwt.decode(grant["access_token"], keys.keys[0], ["RS256"], audience=org.url, issuer=org.url)
    assert claims["client_id"] == CONSUMER_KEY
    assert claims["exp"] - claims["iat"] == 1800
    assert http.get(LIMITS, headers=bearer(grant["access_token"])).status_code == 200
    info = http.get("/services/oauth2/userinfo", headers=bearer(grant["access_token"])).json()
    assert info["preferred_username"] == SALES
    renewed = http.post(TOKEN, data=refresh_form(grant)).json()
    assert renewed["access_token"] != grant["access_token"]
    assert http.post("/services/oauth2/revoke", data={"token": renewed["refresh_token"]}).status_code == 200
    assert http.get(LIMITS, headers=bearer(renewed["access_token"])).status_code == 401


def test_it_is_bound_to_a_key_as_any(http: httpx.Client, org: EmbeddedOrg) -> None:
    key = Key()
    token = ask(http, key, "POST", TOKEN, data=code_for(org, key)).json()["access_token"]
    assert token.count(".") == 2
    assert ask(http, key, "GET", LIMITS, token).status_code == 200
    assert http.get(LIMITS, headers=bearer(token)).status_code == 401


def test_use_does_not_extend_its_life(http: httpx.Client, org: EmbeddedOrg) -> None:
    token = exchange(org.url, authorize(org.url))["access_token"]
    for seconds, status in ((1200, 200), (599, 200), (10, 401)):
        control(org.url, "clock", {"advanceSeconds": seconds})
        assert http.get(LIMITS, headers=bearer(token)).status_code == status
