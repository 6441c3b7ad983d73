"""An app that shows who it is by a signed assertion instead of its consumer secret (private_key_jwt).

Source: RFC 7523 section 3; Salesforce Help "OAuth 2.0 Web Server Flow", client_assertion. That an assertion satisfies
"Require secret", and how a wrong one is refused, is not documented.
"""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from devtools import loopback
from devtools.clients import CALLBACK, CONSUMER_KEY, CONSUMER_SECRET, SALES, authorize, control
from localorg import EmbeddedOrg
from tests.localorg.keys import key_and_certificate

TOKEN, INTROSPECT = "/services/oauth2/token", "/services/oauth2/introspect"
KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def pair() -> tuple[rsa.RSAPrivateKey, str]:
    return key_and_certificate()


@pytest.fixture
def org(own_org: EmbeddedOrg, pair: tuple[rsa.RSAPrivateKey, str]) -> EmbeddedOrg:
    """An org of this module's own, as it began, whose app has a certificate and no secret that is good for anything."""
    own_org.restore("clean")
    control(own_org.url, "reset")
    control(own_org.url, "app", {"certificate": pair[1], "secretAccepted": False})
    return own_org


@pytest.fixture
def key(pair: tuple[rsa.RSAPrivateKey, str]) -> rsa.RSAPrivateKey:
    return pair[0]


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with loopback.Client(base_url=org.url) as client:
        yield client


def asserting(org: EmbeddedOrg, key: rsa.RSAPrivateKey, algorithm: str = "RS256", **changes: Any) -> dict[str, str]:
    """The form fields of an assertion; None leaves a claim out."""
    claims = {"iss": CONSUMER_KEY, "sub": CONSUMER_KEY, "aud": org.url, "exp": int(time.time()) + 60}
    claims = {n: v for n, v in ({**claims, "jti": secrets.token_hex(8)} | changes).items() if v is not None}
    return {"client_assertion_type": KIND, "client_assertion": jwt.encode(claims, key, algorithm)}


def refresh_form(org: EmbeddedOrg) -> dict[str, str]:
    token = control(org.url, "token", {"username": SALES})["refresh_token"]
    return {"grant_type": "refresh_token", "refresh_token": token, "client_id": CONSUMER_KEY}


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("with_key", [True, False])
@pytest.mark.parametrize("audience", ["", "/", "/services/oauth2/token"])
def test_both_grants_and_introspection_take_an_assertion(
    http: httpx.Client, org: EmbeddedOrg, key: rsa.RSAPrivateKey, audience: str, with_key: bool
) -> None:
    named = {"client_id": CONSUMER_KEY} if with_key else {}
    authorization = authorize(org.url)
    form = {
        "grant_type": "authorization_code",
        "code": authorization.code,
        "code_verifier": authorization.verifier,
        "redirect_uri": CALLBACK,
    }
    aud = org.url + audience
    first = http.post(TOKEN, data={**form, **named, **asserting(org, key, aud=aud)}).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = http.post(TOKEN, data={**again, **named, **asserting(org, key, aud=aud)}).json()
    asked = {"token": second["access_token"], **named, **asserting(org, key, aud=[aud])}
    assert http.post(INTROSPECT, data=asked).json()["active"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "PlatformCLI"},
        {"iss": None},
        {"sub": SALES},
        {"sub": None},
        {"aud": "https://login.salesforce.com"},
        {"aud": "http://another.example"},
        {"aud": None},
        {"aud": []},
        {"aud": [5]},
        {"exp": int(time.time()) - 1},
        {"exp": int(time.time()) + 4000},
        {"exp": None},
        {"jti": 5},
    ],
)
def test_an_assertion_that_is_wrong_in_one_thing_is_refused(
    http: httpx.Client, org: EmbeddedOrg, key: rsa.RSAPrivateKey, changes: dict[str, Any]
) -> None:
    form, algorithm = refresh_form(org), "RS256"
    if isinstance(changes.get("jti"), int):
        # A jti that is no text cannot be made with this library: sign the claims by hand.
        claims = b'{"iss":"%b","sub":"%b","aud":"%b","exp":%d,"jti":5}'
        text = claims % (CONSUMER_KEY.encode(), CONSUMER_KEY.encode(), org.url.encode(), int(time.time()) + 60)
        sent = {"client_assertion_type": KIND, "client_assertion": jwt.PyJWS().encode(text, key, algorithm)}
    else:
        sent = asserting(org, key, algorithm, **changes)
    assert refused(http.post(TOKEN, data=form | sent)) == (400, "invalid_client")
    assert http.post(TOKEN, data=form | asserting(org, key)).status_code == 200


def test_the_signature_is_that_of_the_apps_certificate(
    http: httpx.Client, org: EmbeddedOrg, key: rsa.RSAPrivateKey
) -> None:
    form = refresh_form(org)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for sent in (
        asserting(org, other),
        asserting(org, key, "RS512"),
        asserting(org, key, "PS256"),
        {"client_assertion_type": KIND, "client_assertion": "no.token.atall"},
        {"client_assertion_type": KIND},
        asserting(org, key) | {"client_assertion_type": "saml"},
        asserting(org, key) | {"client_id": "PlatformCLI"},
    ):
        assert refused(http.post(TOKEN, data=form | sent)) == (400, "invalid_client")
    control(org.url, "app", {"certificate": ""})
    assert refused(http.post(TOKEN, data=form | asserting(org, key))) == (400, "invalid_client")


def test_an_assertion_is_good_once(http: httpx.Client, org: EmbeddedOrg, key: rsa.RSAPrivateKey) -> None:
    sent = asserting(org, key)
    assert http.post(TOKEN, data=refresh_form(org) | sent).status_code == 200
    assert refused(http.post(TOKEN, data=refresh_form(org) | sent)) == (400, "invalid_client")
    unnamed = asserting(org, key, jti=None)
    assert [http.post(TOKEN, data=refresh_form(org) | unnamed).status_code for _ in range(2)] == [200, 200]


# RFC 6749 section 2.3: one way at a time.
def test_a_secret_and_an_assertion_exclude_each_other(
    http: httpx.Client, org: EmbeddedOrg, key: rsa.RSAPrivateKey
) -> None:
    control(org.url, "app", {"secretAccepted": True})
    form = refresh_form(org)
    both = form | asserting(org, key) | {"client_secret": CONSUMER_SECRET}
    assert refused(http.post(TOKEN, data=both)) == (400, "invalid_request")
    basic = (CONSUMER_KEY, CONSUMER_SECRET)
    assert refused(http.post(TOKEN, data=form | asserting(org, key), auth=basic)) == (400, "invalid_request")
    assert http.post(TOKEN, data=form, auth=basic).status_code == 200


def test_an_app_without_a_secret_takes_none(http: httpx.Client, org: EmbeddedOrg, key: rsa.RSAPrivateKey) -> None:
    form = refresh_form(org)
    for secret in (CONSUMER_SECRET, "", "wrong"):
        assert refused(http.post(TOKEN, data=form | {"client_secret": secret})) == (400, "invalid_client")
    asked = {"client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET, "token": form["refresh_token"]}
    assert refused(http.post(INTROSPECT, data=asked)) == (400, "invalid_client")
    assert http.post(TOKEN, data=form | asserting(org, key)).status_code == 200


# Salesforce Help: the certificate of the app also enables the JWT bearer flow, where `sub` is a username.
def test_an_assertion_of_the_one_kind_is_none_of_the_other(
    http: httpx.Client, org: EmbeddedOrg, key: rsa.RSAPrivateKey
) -> None:
    control(org.url, "app", {"preauthorized": True})
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    own = asserting(org, key)["client_assertion"]
    assert refused(http.post(TOKEN, data=grant | {"assertion": own})) == (400, "invalid_grant")
    people = asserting(org, key, sub=SALES)["client_assertion"]
    assert http.post(TOKEN, data=grant | {"assertion": people}).json()["token_type"] == "Bearer"
