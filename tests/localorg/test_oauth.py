"""The org as an authorization server, over HTTP."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import (
    CALLBACK,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    PASSWORD,
    SALES,
    Authorization,
    authorize,
    authorize_parameters,
    control,
    exchange,
    hidden,
    log_in,
)
from localorg import EmbeddedOrg, OrgSettings


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with loopback.Client(base_url=org.url) as client:
        yield client


def token(http: httpx.Client, **form: str) -> tuple[int, dict[str, Any]]:
    answer = http.post(
        "/services/oauth2/token", data={"client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET, **form}
    )
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
    assert list(answer) == [
        "access_token",
        "refresh_token",
        "signature",
        "scope",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    ]
    assert answer["access_token"].split("!")[0] == answer["id"].split("/")[-2][:15]
    assert answer["issued_at"].isdigit()
    assert len(answer["issued_at"]) == 13
    assert "expires_in" not in answer


def test_a_code_is_good_once_and_its_second_use_revokes_the_first(http: httpx.Client, org: EmbeddedOrg) -> None:
    authorization = authorize(org.url)
    first = exchange(org.url, authorization)
    assert token(http, **code_form(authorization)) == (
        400,
        {"error": "invalid_grant", "error_description": "expired authorization code"},
    )
    assert (
        http.get("/services/oauth2/userinfo", headers={"Authorization": f"Bearer {first['access_token']}"}).text
        == "Bad_OAuth_Token"
    )


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"code": "aPrxnonsense"}, "invalid_grant", "invalid authorization code"),
        ({"code_verifier": "x" * 43}, "invalid_grant", "invalid code verifier"),
        ({"code_verifier": ""}, "invalid_grant", "missing required code verifier"),
        (
            {"redirect_uri": "http://localhost:5999/callback"},
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
        ),
        ({"client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
        ({"client_secret": ""}, "invalid_client", "invalid client credentials"),
        ({"client_id": "unknown"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
        ({"code": ""}, "invalid_request", "missing required parameter: code"),
    ],
)
def test_token_errors(
    http: httpx.Client, org: EmbeddedOrg, changes: dict[str, str], error: str, description: str
) -> None:
    assert token(http, **code_form(authorize(org.url), **changes)) == (
        400,
        {"error": error, "error_description": description},
    )


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
    assert (
        http.get(
            "/services/data/v68.0/limits", headers={"Authorization": f"Bearer {grant['access_token']}"}
        ).status_code
        == 401
    )
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
    assert (refused.status_code, refused.json()) == (
        401,
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
    )


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
        data={
            "grant_type": "authorization_code",
            "client_id": "PlatformCLI",
            "code": code,
            "redirect_uri": callback,
            "code_verifier": verifier,
        },
    )
    assert answer.status_code == 200


@pytest.fixture
def settings_of_app(org: EmbeddedOrg) -> Iterator[None]:
    """The demo app as it was, afterwards."""
    yield
    usual = {
        "rotation": True,
        "pkceRequired": True,
        "secretRequired": True,
        "refreshPolicy": "until-revoked",
        "sessionSeconds": 0,
    }
    control(org.url, "app", usual)
    control(org.url, "move", {"instanceUrl": None})
    control(org.url, "limit", {"remaining": 15000})
    control(org.url, "deactivate", {"username": SALES, "active": True})


def test_an_id_token_is_signed_by_the_published_key(http: httpx.Client, org: EmbeddedOrg) -> None:
    import jwt

    verifier = "v" * 64
    back = log_in(org.url, verifier=verifier, scope="openid api refresh_token", nonce="n-1")
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    answer = exchange(org.url, Authorization(code, verifier))
    provider = http.get("/.well-known/openid-configuration").json()
    assert provider["token_endpoint"] == f"{org.url}/services/oauth2/token"
    (key,) = http.get(urlsplit(provider["jwks_uri"]).path).json()["keys"]
    checks: Any = {"verify_exp": False, "verify_iat": False}  # the org's clock has been moved by other tests
    claims = jwt.decode(
        answer["id_token"], jwt.PyJWK(key).key, ["RS256"], checks, audience=CONSUMER_KEY, issuer=org.url
    )
    assert claims["sub"] == answer["id"]
    assert claims["nonce"] == "n-1"


def test_introspect_knows_live_tokens_only(http: httpx.Client, org: EmbeddedOrg) -> None:
    grant = exchange(org.url, authorize(org.url))
    client = {"client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET}
    told = http.post("/services/oauth2/introspect", data={"token": grant["access_token"], **client}).json()
    assert (told["active"], told["username"], told["token_type"]) == (True, SALES, "access_token")
    assert told["exp"] - told["iat"] == 7200
    assert (
        http.post("/services/oauth2/introspect", data={"token": grant["refresh_token"], **client}).json()["active"]
        is True
    )
    http.post("/services/oauth2/revoke", data={"token": grant["refresh_token"]})
    for token_text in (grant["access_token"], grant["refresh_token"], "nonsense"):
        assert http.post("/services/oauth2/introspect", data={"token": token_text, **client}).json() == {
            "active": False
        }
    assert (
        http.post(
            "/services/oauth2/introspect", data={"token": "x", "client_id": CONSUMER_KEY, "client_secret": "no"}
        ).status_code
        == 400
    )


def test_two_refreshes_at_once_the_second_is_told_so(http: httpx.Client, org: EmbeddedOrg) -> None:
    from concurrent.futures import ThreadPoolExecutor

    grant = exchange(org.url, authorize(org.url))
    control(org.url, "faults", {"kind": "token.refresh_token", "hold": True})
    control(org.url, "counters/reset")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": grant["refresh_token"],
        "client_id": CONSUMER_KEY,
        "client_secret": CONSUMER_SECRET,
    }
    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(httpx.post, f"{org.url}/services/oauth2/token", data=form) for _ in range(4)]
        while control(org.url, "counters").get("token.refresh_token") != 4:
            pass
        control(org.url, "faults/clear")
        answers = [a.result() for a in asking]
    assert sorted(a.status_code for a in answers) == [200, 400, 400, 400]
    refused = next(a for a in answers if a.status_code == 400).json()
    assert refused == {"error": "invalid_grant", "error_description": "token request is already being processed"}
    winner = next(a for a in answers if a.status_code == 200).json()
    assert token(http, grant_type="refresh_token", refresh_token=winner["refresh_token"])[0] == 200


def test_the_app_as_setup_shows_it(http: httpx.Client, org: EmbeddedOrg) -> None:
    before = http.get("/localorg/control/app").json()
    assert before["consumerKey"] == CONSUMER_KEY
    assert CONSUMER_SECRET not in str(before) + http.get("/localorg/app").text
    try:
        control(org.url, "app", {"callbacks": ["https://a.example/back"], "scopes": ["api"]})
        assert "https://a.example/back" in http.get("/localorg/app").text
        refused = http.get("/services/oauth2/authorize", params=authorize_parameters("v" * 43))
        assert "redirect_uri" in refused.text
    finally:
        control(org.url, "app", {"callbacks": before["callbacks"], "scopes": before["scopes"]})
    assert http.get("/localorg/control/app").json() == before
    assert http.get("/localorg/control/app", params={"consumerKey": "x"}).status_code == 400


@pytest.mark.usefixtures("settings_of_app")
@pytest.mark.parametrize(("policy", "seconds", "gaps", "alive"), [
    ("until-revoked", 0, [90 * 86400], True),
    ("immediate", 0, [0], False),
    ("idle", 1000, [900, 900, 900], True),
    ("idle", 1000, [900, 1100], False),
    ("fixed", 2000, [900, 900], True),
    ("fixed", 2000, [900, 900, 900], False),
])  # fmt: skip
def test_refresh_token_policies(
    http: httpx.Client, org: EmbeddedOrg, policy: str, seconds: int, gaps: list[int], alive: bool
) -> None:
    control(org.url, "app", {"refreshPolicy": policy, "refreshSeconds": seconds})
    grant = exchange(org.url, authorize(org.url))
    status = 0
    for gap in gaps:
        control(org.url, "clock", {"advanceSeconds": gap})
        status, answer = token(http, grant_type="refresh_token", refresh_token=grant["refresh_token"])
        grant |= answer
    assert status == (200 if alive else 400)


@pytest.mark.usefixtures("settings_of_app")
def test_without_rotation_the_refresh_token_stays(http: httpx.Client, org: EmbeddedOrg) -> None:
    control(org.url, "app", {"rotation": False, "secretRequired": False, "pkceRequired": False})
    grant = exchange(org.url, authorize(org.url))
    for _ in range(2):
        status, answer = token(http, grant_type="refresh_token", refresh_token=grant["refresh_token"], client_secret="")
        assert status == 200
        assert "refresh_token" not in answer
    assert (
        http.get("/services/oauth2/authorize", params=authorize_parameters("v" * 43, code_challenge="")).status_code
        == 200
    )


@pytest.mark.usefixtures("settings_of_app")
def test_a_moved_instance_is_named_by_the_next_refresh(http: httpx.Client, org: EmbeddedOrg) -> None:
    grant = exchange(org.url, authorize(org.url))
    control(org.url, "move", {"instanceUrl": f"http://localhost:{org.port}"})
    assert (
        http.get(
            "/services/data/v68.0/limits", headers={"Authorization": f"Bearer {grant['access_token']}"}
        ).status_code
        == 401
    )
    _, renewed = token(http, grant_type="refresh_token", refresh_token=grant["refresh_token"])
    assert renewed["instance_url"] == f"http://localhost:{org.port}"
    there = loopback.get(
        f"{renewed['instance_url']}/services/data/v68.0/limits",
        headers={"Authorization": f"Bearer {renewed['access_token']}"},
    )
    assert there.status_code == 200


@pytest.mark.usefixtures("settings_of_app")
def test_the_daily_limit_runs_out(http: httpx.Client, org: EmbeddedOrg) -> None:
    bearer = {"Authorization": f"Bearer {exchange(org.url, authorize(org.url))['access_token']}"}
    control(org.url, "limit", {"remaining": 1})
    assert (
        http.get("/services/data/v68.0/sobjects", headers=bearer).headers["sforce-limit-info"]
        == "api-usage=15000/15000"
    )
    refused = http.get("/services/data/v68.0/sobjects", headers=bearer)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


@pytest.mark.usefixtures("settings_of_app")
def test_a_deactivated_user_is_out(http: httpx.Client, org: EmbeddedOrg) -> None:
    grant = exchange(org.url, authorize(org.url))
    control(org.url, "deactivate", {"username": SALES})
    assert (
        token(http, grant_type="refresh_token", refresh_token=grant["refresh_token"])[1]["error_description"]
        == "inactive user"
    )
    assert (
        "check your username" in http.post("/login", data={"startURL": "", "username": SALES, "pw": "localorg1"}).text
    )


def test_a_rotated_out_token_ends_the_grant(http: httpx.Client, org: EmbeddedOrg) -> None:
    grant = exchange(org.url, authorize(org.url))
    assert control(org.url, "rotate", {"username": SALES})["rotated"] >= 1
    assert token(http, grant_type="refresh_token", refresh_token=grant["refresh_token"])[0] == 400


_WRONG_CONTROLS: tuple[tuple[str, dict[str, object]], ...] = (
    *(
        ("expire", {}),
        ("expire", {"username": "nobody"}),
        ("faults", {"kind": 1}),
        ("faults", {"kind": "x", "cut": "never"}),
        ("limit", {}),
    ),
    *(
        ("app", {"callbacks": "x"}),
        ("app", {"callbacks": ["a b"]}),
        ("app", {"scopes": [1]}),
        ("app", {"scopes": [""]}),
    ),
    *(
        ("app", {"rotation": 1}),
        ("app", {"refreshPolicy": "x"}),
        ("app", {"consumerKey": "x"}),
        ("clock", {"advanceSeconds": -1}),
    ),
    ("move", {"instanceUrl": "https://evil.example"}),
)


@pytest.mark.parametrize(("what", "body"), _WRONG_CONTROLS)
def test_the_control_api_says_what_it_takes(org: EmbeddedOrg, what: str, body: dict[str, object]) -> None:
    answer = loopback.post(f"{org.url}/localorg/control/{what}", json=body)
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == "INVALID_ARGUMENT"


def test_the_page_of_consent_names_the_app_that_the_settings_name(tmp_path: Path) -> None:
    """Also in an org that was made under another name."""
    for name in ("One", "Äcme & Söhne"):
        with EmbeddedOrg(OrgSettings(data=tmp_path, accounts=1, app_name=name)) as org:
            with loopback.Client(base_url=org.url) as http:
                login = http.get("/services/oauth2/authorize", params=authorize_parameters("v" * 43)).text
                form = {**hidden(login), "username": SALES, "pw": PASSWORD}
                page = http.post("/login", data=form, follow_redirects=True).text
            assert f"<strong>{escape(name)}</strong> is asking to" in page
