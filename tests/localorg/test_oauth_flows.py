"""The ways to a token that other clients use: servers without a person, devices, hybrid apps, silent renewals."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.etree import ElementTree

import httpx2 as httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from devtools import loopback
from devtools.clients import (
    CALLBACK,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    SALES,
    Authorization,
    authorize,
    authorize_parameters,
    control,
    exchange,
    hidden,
    log_in,
)
from localorg import EmbeddedOrg
from tests.localorg.keys import key_and_certificate

CLIENT = {"client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET}
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def org(own_org: EmbeddedOrg) -> EmbeddedOrg:
    """An org of this module's own, as it began."""
    own_org.restore("clean")
    control(own_org.url, "reset")
    return own_org


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with loopback.Client(base_url=org.url) as client:
        yield client


def token(http: httpx.Client, **form: str) -> tuple[int, dict[str, Any]]:
    answer = http.post("/services/oauth2/token", data=form)
    return answer.status_code, answer.json()


def who(http: httpx.Client, access_token: str) -> str:
    return http.get("/services/oauth2/userinfo", headers={"Authorization": f"Bearer {access_token}"}).json()[
        "preferred_username"
    ]


# The form of the answer


@pytest.mark.parametrize(
    ("form", "accept", "kind"),
    [
        ({"format": "urlencoded"}, "*/*", "application/x-www-form-urlencoded"),
        ({"format": "xml"}, "*/*", "application/xml"),
        ({"format": "json"}, "application/xml", "application/json"),
        ({}, "application/xml", "application/xml"),
        ({}, "application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ({}, "text/html, application/xml;q=0.9", "application/xml"),
        ({}, "*/*", "application/json"),
    ],
)
def test_tokens_come_in_the_form_that_was_asked_for(
    http: httpx.Client, org: EmbeddedOrg, form: dict[str, str], accept: str, kind: str
) -> None:
    grant = exchange(org.url, authorize(org.url))
    refresh = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"], **CLIENT, **form}
    answer = http.post("/services/oauth2/token", data=refresh, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(kind)
    assert who(http, fields_of(answer)["access_token"]) == SALES
    refused = http.post(
        "/services/oauth2/token", data=refresh | {"refresh_token": "no & <no>"}, headers={"Accept": accept}
    )
    assert (refused.status_code, refused.headers["content-type"].split(";")[0]) == (400, kind)
    assert fields_of(refused) == {"error": "invalid_grant", "error_description": "expired access/refresh token"}


def fields_of(answer: httpx.Response) -> dict[str, str]:
    kind = answer.headers["content-type"]
    if "json" in kind:
        return answer.json()
    if "xml" in kind:
        root = ElementTree.fromstring(answer.content)  # noqa: S314  made by this org
        return {child.tag: child.text or "" for child in root}
    return dict(parse_qsl(answer.text, strict_parsing=True))


# Silent authorization


def silently(http: httpx.Client, **changes: str) -> dict[str, list[str]]:
    back = http.get("/services/oauth2/authorize", params=authorize_parameters("v" * 43, **changes))
    assert back.status_code == 302, back.text
    assert back.headers["location"].startswith(CALLBACK)
    return parse_qs(urlsplit(back.headers["location"]).query)


def test_a_silent_authorization_without_a_session_says_so(http: httpx.Client) -> None:
    assert silently(http, immediate="true")["error"] == ["immediate_unsuccessful"]
    assert silently(http, prompt="none")["error"] == ["login_required"]
    assert silently(http, prompt="none")["state"] == ["the-state"]
    assert silently(http, prompt="none login")["error"] == ["invalid_request"]


def sign_in(http: httpx.Client) -> None:
    http.cookies.set(
        "localorg_sid", http.post("/login", data={"username": SALES, "pw": "localorg1"}).cookies["localorg_sid"]
    )


def test_a_silent_authorization_needs_an_earlier_consent(http: httpx.Client, org: EmbeddedOrg) -> None:
    sign_in(http)
    assert silently(http, immediate="true")["error"] == ["immediate_unsuccessful"]
    assert silently(http, prompt="none")["error"] == ["consent_required"]
    log_in(org.url)
    for asked in ({"immediate": "true"}, {"prompt": "none"}):
        code = silently(http, **asked)["code"][0]
        assert exchange(org.url, Authorization(code, "v" * 43))["access_token"]


# Single access: a browser session out of an access token


def test_a_front_door_opens_once(http: httpx.Client, org: EmbeddedOrg) -> None:
    control(org.url, "app", {"scopes": ["api", "web", "refresh_token"]})
    back = log_in(org.url, verifier="v" * 43, scope="api web")
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    bearer = {"Authorization": f"Bearer {exchange(org.url, Authorization(code, 'v' * 43))['access_token']}"}
    for ask in (
        http.post("/services/oauth2/singleaccess", data={"redirect_uri": "/lightning/page/home"}, headers=bearer),
        http.get("/services/oauth2/singleaccess", params={"redirect_uri": "/lightning/page/home"}, headers=bearer),
    ):
        assert ask.status_code == 200, ask.text
        door = ask.json()["frontdoor_uri"]
        assert door.startswith(f"{org.url}/secur/frontdoor.jsp?otp=")
        assert "!" not in door
        with loopback.Client() as browser:
            opened = browser.get(door)
            assert (opened.status_code, opened.headers["location"]) == (302, "/lightning/page/home")
            assert silently_in(browser, org.url)
        again = loopback.get(door)
        assert again.status_code == 403
        assert "set-cookie" not in again.headers


def silently_in(browser: httpx.Client, url: str) -> bool:
    """Whether the browser is signed in and has allowed the app."""
    address = httpx.URL(
        f"{url}/services/oauth2/authorize", params=authorize_parameters("v" * 43, prompt="none", scope="api web")
    )
    return "code=" in browser.get(str(address)).headers["location"]


def test_a_front_door_is_refused_where_it_should_be(http: httpx.Client, org: EmbeddedOrg) -> None:
    path = "/services/oauth2/singleaccess"
    for refused in (http.post(path), http.post(path, headers={"Authorization": "Bearer nonsense"})):
        assert refused.status_code == 403
    assert http.post(path, headers={"Authorization": "Bearer nonsense"}).text == "Bad_OAuth_Token"
    without_web = {"Authorization": f"Bearer {exchange(org.url, authorize(org.url))['access_token']}"}
    assert http.post(path, headers=without_web).status_code == 403
    assert http.get("/secur/frontdoor.jsp", params={"otp": "nonsense"}).status_code == 403
    assert http.get("/secur/frontdoor.jsp").status_code == 403


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "http://[", "home"]
)
def test_a_front_door_leads_nowhere_else(http: httpx.Client, org: EmbeddedOrg, elsewhere: str) -> None:
    back = log_in(org.url, verifier="v" * 43, scope="api web")
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    bearer = {"Authorization": f"Bearer {exchange(org.url, Authorization(code, 'v' * 43))['access_token']}"}
    refused = http.post("/services/oauth2/singleaccess", data={"redirect_uri": elsewhere}, headers=bearer)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


# Client credentials


def test_client_credentials_run_as_the_apps_user(http: httpx.Client, org: EmbeddedOrg) -> None:
    asked = {"grant_type": "client_credentials", **CLIENT}
    assert token(http, **asked) == (
        400,
        {"error": "invalid_grant", "error_description": "no client credentials user enabled"},
    )
    control(org.url, "app", {"clientCredentialsUser": SALES})
    status, answer = token(http, **asked)
    assert status == 200
    assert "refresh_token" not in answer
    assert answer["scope"].split() == ["api", "email", "id", "openid", "profile"]
    assert who(http, answer["access_token"]) == SALES
    basic = http.post(
        "/services/oauth2/token", data={"grant_type": "client_credentials"}, auth=(CONSUMER_KEY, CONSUMER_SECRET)
    )
    assert basic.status_code == 200
    control(org.url, "app", {"secretRequired": False})
    assert token(http, grant_type="client_credentials", client_id=CONSUMER_KEY)[1]["error"] == "invalid_client"
    control(org.url, "deactivate", {"username": SALES})
    assert token(http, **asked)[1] == {"error": "invalid_grant", "error_description": "inactive user"}


def test_client_credentials_are_refused_at_the_login_pool(http: httpx.Client, org: EmbeddedOrg) -> None:
    """After a move the old name is to the new one what login.salesforce.com is to a My Domain."""
    control(org.url, "app", {"clientCredentialsUser": SALES})
    control(org.url, "move", {"instanceUrl": f"http://localhost:{org.port}"})
    asked = {"grant_type": "client_credentials", **CLIENT}
    assert token(http, **asked) == (
        400,
        {"error": "invalid_grant", "error_description": "request not supported on this domain"},
    )
    there = loopback.post(f"http://localhost:{org.port}/services/oauth2/token", data=asked)
    assert there.status_code == 200


def test_tokens_without_a_person_do_not_end_those_of_people(http: httpx.Client, org: EmbeddedOrg) -> None:
    control(org.url, "app", {"clientCredentialsUser": SALES})
    grant = exchange(org.url, authorize(org.url))
    for _ in range(7):
        assert token(http, grant_type="client_credentials", **CLIENT)[0] == 200
    exchange(org.url, authorize(org.url))
    assert token(http, grant_type="refresh_token", refresh_token=grant["refresh_token"], **CLIENT)[0] == 200


# JWT bearer


@pytest.fixture(scope="module")
def signed() -> tuple[rsa.RSAPrivateKey, str]:
    return key_and_certificate()


def assertion(key: rsa.RSAPrivateKey, **changes: object) -> str:
    claims: dict[str, object] = {
        "iss": CONSUMER_KEY,
        "sub": SALES,
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
        **changes,
    }
    return jwt.encode(claims, key, algorithm="RS256")


def test_a_good_assertion_gives_a_token(
    http: httpx.Client, org: EmbeddedOrg, signed: tuple[rsa.RSAPrivateKey, str]
) -> None:
    key, certificate = signed
    control(org.url, "app", {"certificate": certificate})
    authorize(org.url)
    for audience in ("https://login.salesforce.com", org.url, f"{org.url}/customers"):
        status, answer = token(http, grant_type=JWT_BEARER, assertion=assertion(key, aud=audience))
        assert status == 200, answer
        assert "refresh_token" not in answer
        assert who(http, answer["access_token"]) == SALES


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"aud": "https://example.com"}, "invalid_grant", "audience is invalid"),
        ({"aud": "https://test.salesforce.com"}, "invalid_grant", "audience is invalid"),
        ({"aud": None}, "invalid_grant", "audience is invalid"),
        ({"aud": 7}, "invalid_grant", "audience is invalid"),
        ({"exp": 1}, "invalid_grant", "expired authorization code"),
        ({"exp": float("nan")}, "invalid_grant", "expired authorization code"),
        ({"exp": "soon"}, "invalid_grant", "expired authorization code"),
        ({"sub": "nobody@localorg.test"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"sub": "admin@localorg.test"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"sub": 7}, "invalid_grant", "user hasn't approved this consumer"),
        ({"sub": "\ud800"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"iss": "\ud800"}, "invalid_client_id", "client identifier invalid"),
        ({"iss": "nobody"}, "invalid_client_id", "client identifier invalid"),
        ({"iss": "PlatformCLI"}, "invalid_client", "invalid client credentials"),
    ],
)
def test_assertions_that_are_refused(
    http: httpx.Client,
    org: EmbeddedOrg,
    signed: tuple[rsa.RSAPrivateKey, str],
    changes: dict[str, object],
    error: str,
    description: str,
) -> None:
    key, certificate = signed
    control(org.url, "app", {"certificate": certificate})
    authorize(org.url)
    refused = token(http, grant_type=JWT_BEARER, assertion=assertion(key, **changes))
    assert refused == (400, {"error": error, "error_description": description})


def test_assertions_that_are_none_or_of_another_key(
    http: httpx.Client, org: EmbeddedOrg, signed: tuple[rsa.RSAPrivateKey, str]
) -> None:
    control(org.url, "app", {"certificate": signed[1]})
    authorize(org.url)
    for text in ("", "x", "a.b.c", jwt.encode({"iss": CONSUMER_KEY}, "s" * 32, algorithm="HS256")):
        status, answer = token(http, grant_type=JWT_BEARER, assertion=text)
        assert (status, answer["error"]) == (400, "invalid_grant" if text else "invalid_request")
    other, _ = key_and_certificate()
    assert token(http, grant_type=JWT_BEARER, assertion=assertion(other)) == (
        400,
        {"error": "invalid_client", "error_description": "invalid client credentials"},
    )


def test_an_administrator_can_approve_an_app_for_everyone(
    http: httpx.Client, org: EmbeddedOrg, signed: tuple[rsa.RSAPrivateKey, str]
) -> None:
    key, certificate = signed
    control(org.url, "app", {"certificate": certificate, "preauthorized": True})
    assert token(http, grant_type=JWT_BEARER, assertion=assertion(key))[0] == 200
    control(org.url, "deactivate", {"username": SALES})
    assert token(http, grant_type=JWT_BEARER, assertion=assertion(key))[1]["error"] == "invalid_grant"


# Device flow


def device(http: httpx.Client, **more: str) -> dict[str, Any]:
    asked = {"response_type": "device_code", "client_id": CONSUMER_KEY, "scope": "api refresh_token", **more}
    answer = http.post("/services/oauth2/token", data=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def enter(org: EmbeddedOrg, user_code: str, answer: str = "allow") -> str:
    """Enters the code as a person with a browser: sign in, then allow or deny. Returns the last page."""
    with loopback.Client(base_url=org.url) as browser:
        page = browser.get("/setup/connect", params={"user_code": user_code})
        page = browser.post("/setup/connect", data={**hidden(page.text), "user_code": user_code})
        assert page.status_code == 200
        page = browser.post("/login", data={**hidden(page.text), "username": SALES, "pw": "localorg1"})
        page = browser.get(page.headers["location"])
        return browser.post("/setup/connect", data={**hidden(page.text), "answer": answer}).text


@pytest.fixture
def devices(org: EmbeddedOrg) -> None:
    control(org.url, "app", {"deviceFlow": True, "secretRequired": False})


@pytest.mark.usefixtures("devices")
def test_a_device_waits_for_its_person(http: httpx.Client, org: EmbeddedOrg) -> None:
    codes = device(http)
    assert codes["interval"] == 5
    assert codes["verification_uri"] == f"{org.url}/setup/connect"
    assert len(codes["user_code"]) == 8
    poll = {"grant_type": "device", "client_id": CONSUMER_KEY, "code": codes["device_code"]}
    assert token(http, **poll)[1]["error"] == "authorization_pending"
    assert token(http, **poll)[1]["error"] == "slow_down"
    control(org.url, "clock", {"advanceSeconds": 20})
    assert token(http, **poll)[1]["error"] == "authorization_pending"
    assert "allowed" in enter(org, codes["user_code"].lower())
    control(org.url, "clock", {"advanceSeconds": 20})
    status, answer = token(http, **poll)
    assert status == 200, answer
    assert who(http, answer["access_token"]) == SALES
    renewed = token(http, grant_type="refresh_token", client_id=CONSUMER_KEY, refresh_token=answer["refresh_token"])
    assert renewed[0] == 200
    control(org.url, "clock", {"advanceSeconds": 20})
    assert token(http, **poll)[1]["error"] == "invalid_grant"


@pytest.mark.usefixtures("devices")
def test_a_device_that_is_denied_or_too_late(http: httpx.Client, org: EmbeddedOrg) -> None:
    codes = device(http)
    enter(org, codes["user_code"], "deny")
    poll = {"grant_type": "device", "client_id": CONSUMER_KEY}
    assert token(http, **poll, code=codes["device_code"]) == (
        400,
        {"error": "access_denied", "error_description": "end-user denied authorization"},
    )
    late = device(http)
    control(org.url, "clock", {"advanceSeconds": 601})
    assert token(http, **poll, code=late["device_code"])[1]["error"] == "invalid_grant"
    assert token(http, **poll, code="nonsense")[1]["error"] == "invalid_grant"
    assert token(http, **poll)[1]["error"] == "invalid_request"
    page = http.post("/setup/connect", data={"user_code": late["user_code"]})
    assert "not valid" in page.text


def test_devices_are_let_in_by_the_apps_settings(http: httpx.Client) -> None:
    asked = {"response_type": "device_code", "client_id": CONSUMER_KEY}
    assert token(http, **asked) == (
        400,
        {"error": "invalid_grant", "error_description": "device flow is not enabled for the app"},
    )
    assert token(http, **asked | {"client_id": "nobody"})[1]["error"] == "invalid_client_id"


@pytest.mark.usefixtures("devices")
def test_a_device_asks_for_scopes_that_the_app_has(http: httpx.Client) -> None:
    asked = {"response_type": "device_code", "client_id": CONSUMER_KEY, "scope": "api nonsense"}
    assert token(http, **asked)[1]["error"] == "invalid_scope"


@pytest.mark.usefixtures("devices")
def test_another_site_cannot_allow_a_device(http: httpx.Client, org: EmbeddedOrg) -> None:
    codes = device(http)
    sign_in(http)
    http.post("/setup/connect", data={"user_code": codes["user_code"], "answer": "allow", "confirmation": "x"})
    poll = {"grant_type": "device", "client_id": CONSUMER_KEY, "code": codes["device_code"]}
    assert token(http, **poll)[1]["error"] == "authorization_pending"


# Hybrid apps


def test_a_hybrid_app_gets_the_sessions_of_its_web_pages(http: httpx.Client, org: EmbeddedOrg) -> None:
    scopes = ["api", "web", "lightning", "visualforce", "content", "refresh_token"]
    control(org.url, "app", {"scopes": scopes})
    back = log_in(org.url, verifier="v" * 43, scope=" ".join(scopes))
    form = {
        "code": parse_qs(urlsplit(back.headers["location"]).query)["code"][0],
        "code_verifier": "v" * 43,
        "redirect_uri": CALLBACK,
    }
    status, first = token(http, grant_type="hybrid_auth_code", **CLIENT, **form)
    assert status == 200, first
    status, second = token(http, grant_type="hybrid_refresh", refresh_token=first["refresh_token"], **CLIENT)
    assert status == 200, second
    host = urlsplit(org.url).netloc
    for answer in (first, second):
        assert answer["sidCookieName"] == "sid"
        assert {"cookie-clientSrc", "cookie-sid_Client", "csrf_token"} <= answer.keys()
        for name in ("lightning", "visualforce", "content"):
            assert answer[f"{name}_domain"] == host
            assert who(http, answer[f"{name}_sid"]) == SALES
        assert len({answer["access_token"], answer["lightning_sid"], answer["content_sid"]}) == 3
    http.post("/services/oauth2/revoke", data={"token": second["refresh_token"]})
    bearer = {"Authorization": f"Bearer {second['lightning_sid']}"}
    assert http.get("/services/oauth2/userinfo", headers=bearer).status_code == 403


def test_a_hybrid_app_gets_only_the_sessions_of_its_scopes(http: httpx.Client, org: EmbeddedOrg) -> None:
    authorization = authorize(org.url)
    form = {
        "code": authorization.code,
        "code_verifier": authorization.verifier,
        "redirect_uri": CALLBACK,
    }
    status, answer = token(http, grant_type="hybrid_auth_code", **CLIENT, **form)
    assert status == 200
    assert not {"sidCookieName", "lightning_sid", "csrf_token"} & answer.keys()


# What the org says of itself


def test_the_discovery_document_names_what_there_is(http: httpx.Client, org: EmbeddedOrg) -> None:
    told = http.get("/.well-known/openid-configuration").json()
    for kind in told["grant_types_supported"]:
        assert token(http, grant_type=kind, **CLIENT)[1]["error"] != "unsupported_grant_type", kind
    assert {"lightning", "visualforce", "content"} <= set(told["scopes_supported"])
    assert token(http, grant_type="password", **CLIENT)[1]["error"] == "unsupported_grant_type"


def test_the_control_checks_the_new_settings(org: EmbeddedOrg) -> None:
    for wrong in ({"certificate": "x"}, {"clientCredentialsUser": "nobody"}, {"deviceFlow": 1}, {"preauthorized": ""}):
        assert loopback.post(f"{org.url}/localorg/control/app", json=wrong).status_code == 400
    control(org.url, "app", {"certificate": key_and_certificate()[1], "clientCredentialsUser": SALES})
    control(org.url, "reset")
    app = loopback.get(f"{org.url}/localorg/control/app").json()
    assert (app["certificate"], app["clientCredentialsUser"], app["deviceFlow"]) == ("", "", False)
