"""The org as an authorization server, over HTTP."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest

from localorg import EmbeddedOrg
from tests.clients import (
    CALLBACK,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    SALES,
    Authorization,
    authorize,
    authorize_parameters,
    control,
    exchange,
    log_in,
)


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=org.url) as client:
        yield client


def token(http: httpx.Client, **form: str) -> tuple[int, dict[str, Any]]:
    answer = http.post("/services/oauth2/token", data={"client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET, **form})
    return answer.status_code, answer.json()


def code_form(authorization: Authorization, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": authorization.code,
        "code_verifier": authorization.verifier,
        "redirect_uri": CALLBACK,
        **changes,
    }


def test_a_token_answer_has_salesforces_fields(org: EmbeddedOrg) -> None:
    answer = exchange(org.url, authorize(org.url))
    assert list(answer) == ["access_token", "refresh_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"]
    assert answer["access_token"].split("!")[0] == answer["id"].split("/")[-2][:15]
    assert answer["issued_at"].isdigit()
    assert len(answer["issued_at"]) == 13
    assert "expires_in" not in answer


def test_a_code_is_good_once_and_its_second_use_revokes_the_first(http: httpx.Client, org: EmbeddedOrg) -> None:
    authorization = authorize(org.url)
    first = exchange(org.url, authorization)
    assert token(http, **code_form(authorization)) == (400, {"error": "invalid_grant", "error_description": "expired authorization code"})
    assert http.get("/services/oauth2/userinfo", headers={"Authorization": f"Bearer {first['access_token']}"}).text == "Bad_OAuth_Token"


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"code": "aPrxnonsense"}, "invalid_grant", "invalid authorization code"),
        ({"code_verifier": "x" * 43}, "invalid_grant", "invalid code verifier"),
        ({"code_verifier": ""}, "invalid_grant", "missing required code verifier"),
        ({"redirect_uri": "http://localhost:5999/callback"}, "redirect_uri_mismatch", "redirect_uri must match configuration"),
        ({"client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
        ({"client_secret": ""}, "invalid_client", "invalid client credentials"),
        ({"client_id": "unknown"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
        ({"code": ""}, "invalid_request", "missing required parameter: code"),
    ],
)
def test_token_errors(http: httpx.Client, org: EmbeddedOrg, changes: dict[str, str], error: str, description: str) -> None:
    assert token(http, **code_form(authorize(org.url), **changes)) == (400, {"error": error, "error_description": description})


def test_rotation_gives_a_new_refresh_token_and_reuse_revokes_everything(http: httpx.Client, org: EmbeddedOrg) -> None:
    first = exchange(org.url, authorize(org.url))
    _, second = token(http, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    bearer = {"Authorization": f"Bearer {second['access_token']}"}
    assert http.get("/services/oauth2/userinfo", headers=bearer).status_code == 200
    refused = (400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})
    assert token(http, grant_type="refresh_token", refresh_token=first["refresh_token"]) == refused
    assert token(http, grant_type="refresh_token", refresh_token=second["refresh_token"]) == refused
    assert http.get("/services/oauth2/userinfo", headers=bearer).status_code == 403


def test_the_sixth_grant_drops_the_oldest(http: httpx.Client, org: EmbeddedOrg) -> None:
    grants = [exchange(org.url, authorize(org.url)) for _ in range(6)]
    states = [token(http, grant_type="refresh_token", refresh_token=g["refresh_token"])[0] for g in grants]
    assert states == [400, 200, 200, 200, 200, 200]


def test_revoking_a_refresh_token_ends_its_access_tokens(http: httpx.Client, org: EmbeddedOrg) -> None:
    grant = exchange(org.url, authorize(org.url))
    assert http.post("/services/oauth2/revoke", data={"token": grant["refresh_token"]}).status_code == 200
    assert http.get("/services/data/v68.0/limits", headers={"Authorization": f"Bearer {grant['access_token']}"}).status_code == 401
    again = http.post("/services/oauth2/revoke", data={"token": grant["refresh_token"]})
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")


def test_userinfo_and_identity_tell_the_same_person(http: httpx.Client, org: EmbeddedOrg) -> None:
    grant = exchange(org.url, authorize(org.url))
    bearer = {"Authorization": f"Bearer {grant['access_token']}"}
    info = http.get("/services/oauth2/userinfo", headers=bearer).json()
    identity = http.get(urlsplit(grant["id"]).path, params={"oauth_token": grant["access_token"]}).json()
    assert info["sub"] == identity["id"] == grant["id"]
    assert info["preferred_username"] == identity["username"] == SALES
    assert http.get("/services/oauth2/userinfo").text == "Missing_OAuth_Token"
    assert http.get("/id/00D000000000001AAA/005000000000001AAA", headers=bearer).text == "Wrong_Org"


def test_sessions_idle_out_and_use_keeps_them_alive(org: EmbeddedOrg, http: httpx.Client) -> None:
    grant = exchange(org.url, authorize(org.url))
    bearer = {"Authorization": f"Bearer {grant['access_token']}"}
    for _ in range(3):
        control(org.url, "clock", {"advanceSeconds": 5000})
        assert http.get("/services/data/v68.0/limits", headers=bearer).status_code == 200
    control(org.url, "clock", {"advanceSeconds": 7201})
    refused = http.get("/services/data/v68.0/limits", headers=bearer)
    assert (refused.status_code, refused.json()) == (401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "api nonsense"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_errors_that_go_back_to_the_app(http: httpx.Client, changes: dict[str, str], error: str) -> None:
    back = http.get("/services/oauth2/authorize", params=authorize_parameters("v" * 43, **changes))
    assert back.status_code == 302
    assert back.headers["location"].startswith(CALLBACK)
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["error"] == [error]
    assert query["state"] == ["the-state"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "x"}, "invalid_client_id"),
        ({"redirect_uri": CALLBACK + "/"}, "redirect_uri_mismatch"),
        ({"code_challenge": ""}, "missing required code challenge"),
    ],
)
def test_errors_that_must_not_leave_the_org(http: httpx.Client, changes: dict[str, str], error: str) -> None:
    page = http.get("/services/oauth2/authorize", params=authorize_parameters("v" * 43, **changes))
    assert page.status_code == 400
    assert error in page.text


def test_a_wrong_password_stays_on_the_login_page(http: httpx.Client) -> None:
    page = http.post("/login", data={"startURL": "", "username": SALES, "pw": "wrong"})
    assert "Please check your username and password" in page.text
    assert not page.cookies


def test_another_site_cannot_send_the_consent_form(org: EmbeddedOrg, http: httpx.Client) -> None:
    log_in(org.url)
    page = http.post("/consent", data={"startURL": "client_id=" + CONSUMER_KEY, "confirmation": "", "answer": "allow"})
    assert page.status_code == 400


def test_a_username_cannot_bring_markup_into_the_page(http: httpx.Client) -> None:
    page = http.post("/login", data={"startURL": '"><script>alert(1)</script>', "username": '"><script>', "pw": "x"})
    assert "<script>" not in page.text


def test_commandline_client_without_secret_and_method(http: httpx.Client, org: EmbeddedOrg) -> None:
    """Salesforce's own command-line client sends a challenge without a method, and no secret."""
    verifier = "v" * 64
    callback = "http://localhost:1717/OauthRedirect"
    back = log_in(
        org.url,
        verifier=verifier,
        client_id="PlatformCLI",
        redirect_uri=callback,
        scope="refresh_token api web",
        prompt="login",
        code_challenge_method="S256",
    )
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    answer = http.post(
        "/services/oauth2/token",
        data={"grant_type": "authorization_code", "client_id": "PlatformCLI", "code": code, "redirect_uri": callback, "code_verifier": verifier},
    )
    assert answer.status_code == 200
