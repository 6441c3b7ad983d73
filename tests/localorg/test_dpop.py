"""Proofs of possession (DPoP): codes, access and refresh tokens that are bound to a key.

Source: RFC 9449; Salesforce Help "DPoP"; the Mobile SDK's pull requests. Where Salesforce does not say,
docs/localorg.md names the setting.
"""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import (
    SALES,
    authorize_parameters,
    control,
)
from localorg import EmbeddedOrg, OrgSettings
from localorg.cli import main
from localorg.control.proofs import from_words
from localorg.settings import ProofRules
from tests.localorg.proofs import (
    CLIENT,
    INTROSPECT,
    LIMITS,
    REVOKE,
    TOKEN,
    USERINFO,
    VERIFIER,
    Key,
    ask,
    code_for,
    error,
    grant_for,
    refresh_form,
)


@pytest.fixture
def org(without_nonces: EmbeddedOrg) -> EmbeddedOrg:
    return without_nonces


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with loopback.Client(base_url=org.url) as client:
        yield client


# From the authorize request to the last use of a token


def test_a_code_that_is_bound_gives_bound_tokens(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    answer = ask(http, key, "POST", TOKEN, data=code_for(org, key))
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    grant = answer.json()
    assert ask(http, key, "GET", LIMITS, grant["access_token"]).status_code == 200
    assert ask(http, key, "GET", USERINFO, grant["access_token"]).json()["preferred_username"] == SALES
    assert ask(http, key, "GET", urlsplit(grant["id"]).path, grant["access_token"]).json()["username"] == SALES
    renewed = ask(http, key, "POST", TOKEN, data=refresh_form(grant)).json()
    assert renewed["token_type"] == "DPoP"
    assert renewed["refresh_token"] != grant["refresh_token"]
    assert ask(http, key, "GET", LIMITS, renewed["access_token"]).status_code == 200
    assert http.post(REVOKE, data={"token": renewed["refresh_token"]}).status_code == 200
    assert ask(http, key, "GET", LIMITS, renewed["access_token"]).status_code == 401


def test_the_binding_survives_login_and_consent_begun_by_post(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    fields = authorize_parameters(VERIFIER, dpop_jkt=key.thumbprint)
    page = http.post("/services/oauth2/authorize", data=fields)
    assert page.status_code == 200
    assert key.thumbprint in page.text
    form = code_for(org, key)
    assert error(http.post(TOKEN, data=form)) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("value", ["", "short", "a" * 44, "b" * 42 + "=", "c" * 42 + "+"])
def test_a_malformed_thumbprint_is_refused_by_redirect(http: httpx.Client, value: str) -> None:
    back = http.get("/services/oauth2/authorize", params=authorize_parameters(VERIFIER, dpop_jkt=value))
    told = parse_qs(urlsplit(back.headers["location"]).query)
    assert (back.status_code, told["error"], told["state"]) == (302, ["invalid_request"], ["the-state"])


# Facts: SalesforceMobileSDK-Android#2988. That the code is not used up by it is this org's own decision.
def test_a_code_that_is_bound_to_one_key_is_not_exchanged_with_another(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    form = code_for(org, key)
    assert error(ask(http, Key(), "POST", TOKEN, data=form)) == (400, "invalid_dpop_proof")
    assert error(http.post(TOKEN, data=form)) == (400, "invalid_dpop_proof")
    assert ask(http, key, "POST", TOKEN, data=form).json()["token_type"] == "DPoP"


# Source: SalesforceMobileSDK-Android#2955
def test_a_proof_with_a_code_that_is_not_bound_gives_bound_tokens(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    assert ask(http, key, "POST", TOKEN, data=code_for(org, None)).json()["token_type"] == "DPoP"
    assert http.post(TOKEN, data=code_for(org, None)).json()["token_type"] == "Bearer"


# Refreshing


def test_a_bound_refresh_token_takes_its_own_key_only_and_is_not_used_up_by_others(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    form = refresh_form(grant_for(org, key))
    assert error(http.post(TOKEN, data=form)) == (400, "invalid_dpop_proof")
    assert error(ask(http, Key(), "POST", TOKEN, data=form)) == (400, "invalid_dpop_proof")
    assert ask(http, key, "POST", TOKEN, data=form).status_code == 200


# A thief who uses up nothing must not end the grant of the person either.
def test_an_old_refresh_token_without_its_key_does_not_revoke_the_grant(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    old = refresh_form(grant_for(org, key))
    renewed = ask(http, key, "POST", TOKEN, data=old).json()
    assert error(ask(http, Key(), "POST", TOKEN, data=old)) == (400, "invalid_dpop_proof")
    renewed = ask(http, key, "POST", TOKEN, data=refresh_form(renewed)).json()
    assert error(ask(http, key, "POST", TOKEN, data=old)) == (400, "invalid_grant")
    assert error(ask(http, key, "POST", TOKEN, data=refresh_form(renewed))) == (400, "invalid_grant")


# Source: Salesforce Help "DPoP" names the hybrid flow. That its cookies are not bound: the Mobile SDK's `ui_sid`.
def test_a_hybrid_app_gets_bound_tokens_beside_the_sessions_of_its_pages(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    control(org.url, "app", {"scopes": ["api", "web", "lightning", "refresh_token"]})
    form = code_for(org, key, scope="api web lightning refresh_token") | {"grant_type": "hybrid_auth_code"}
    assert error(http.post(TOKEN, data=form)) == (400, "invalid_dpop_proof")
    given = ask(http, key, "POST", TOKEN, data=form).json()
    assert (given["token_type"], "lightning_sid" in given) == ("DPoP", True)
    again = refresh_form(given) | {"grant_type": "hybrid_refresh"}
    assert error(http.post(TOKEN, data=again)) == (400, "invalid_dpop_proof")
    assert ask(http, key, "POST", TOKEN, data=again).json()["token_type"] == "DPoP"


# RFC 9449 section 5 binds the refresh tokens of public clients only; Salesforce says that refresh tokens are bound.
def test_another_key_is_a_setting(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    control(org.url, "proofs", {"refreshKey": "any"})
    form, other = refresh_form(grant_for(org, key)), Key()
    assert error(http.post(TOKEN, data=form)) == (400, "invalid_dpop_proof")
    renewed = ask(http, other, "POST", TOKEN, data=form).json()
    assert ask(http, other, "GET", LIMITS, renewed["access_token"]).status_code == 200
    assert ask(http, key, "GET", LIMITS, renewed["access_token"]).status_code == 401
    control(org.url, "app", {"secretRequired": False})
    assert error(ask(http, other, "POST", TOKEN, data=refresh_form(renewed))) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize(
    ("rule", "told"), [("ignored", (200, "Bearer")), ("bound", (200, "DPoP")), ("refused", (400, "invalid_dpop_proof"))]
)
def test_a_proof_with_a_refresh_token_that_is_not_bound_is_a_setting(
    http: httpx.Client, org: EmbeddedOrg, key: Key, rule: str, told: tuple[int, str]
) -> None:
    control(org.url, "proofs", {"bearerRefresh": rule})
    answer = ask(http, key, "POST", TOKEN, data=refresh_form(grant_for(org, None)))
    assert (answer.status_code, answer.json().get("token_type") or answer.json()["error"]) == told
    if rule == "bound":
        assert error(http.post(TOKEN, data=refresh_form(answer.json()))) == (400, "invalid_dpop_proof")


# Source: SalesforceMobileSDK-iOS#4074
def test_the_login_pool_sends_refreshes_elsewhere_where_the_proof_is_none(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    instance = org.url.replace("127.0.0.1", "localhost")
    form = refresh_form(grant_for(org, key))
    control(org.url, "move", {"instanceUrl": instance, "redirects": True})
    proof = {"DPoP": key.proof("POST", org.url + TOKEN)}
    sent = http.post(TOKEN, data=form, headers=proof)
    assert (sent.status_code, sent.headers["location"]) == (302, instance + TOKEN)
    assert http.post(REVOKE, data={"token": form["refresh_token"]}).status_code == 302
    assert error(http.post(instance + TOKEN, data=form, headers=proof)) == (400, "invalid_dpop_proof")
    with loopback.Client(base_url=instance) as there:
        renewed = ask(there, key, "POST", TOKEN, data=form).json()
    assert (renewed["token_type"], renewed["instance_url"]) == ("DPoP", instance)


# Nonces


def test_the_token_endpoint_asks_for_a_nonce_and_uses_nothing_up(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    control(org.url, "proofs", {"tokenNonce": True})
    forms = [code_for(org, key), refresh_form(grant_for(org, key))]
    for form in forms:
        refused = http.post(TOKEN, data=form, headers={"DPoP": key.proof("POST", org.url + TOKEN)})
        assert error(refused) == (400, "use_dpop_nonce")
        proof = key.proof("POST", org.url + TOKEN, nonce=refused.headers["DPoP-Nonce"])
        given = http.post(TOKEN, data=form, headers={"DPoP": proof})
        assert given.json()["token_type"] == "DPoP"
        assert "DPoP-Nonce" not in given.headers
    counted = control(org.url, "counters")
    assert counted["token.refresh_token"] == counted["nonce.token.refresh_token"] == 1
    wrong = key.proof("POST", org.url + TOKEN, nonce="made up")
    assert error(http.post(TOKEN, data=forms[0], headers={"DPoP": wrong})) == (400, "use_dpop_nonce")
    control(org.url, "proofs", {"nonceSeconds": 0})
    assert error(ask(http, key, "POST", TOKEN, data=forms[1])) == (400, "use_dpop_nonce")


@pytest.mark.parametrize("status", ["400", "401"])
@pytest.mark.parametrize("path", [LIMITS, USERINFO])
def test_resources_ask_for_a_nonce_where_the_setting_says_so(
    http: httpx.Client, org: EmbeddedOrg, key: Key, status: str, path: str
) -> None:
    token = grant_for(org, key)["access_token"]
    assert ask(http, key, "GET", path, token).status_code == 200
    assert "DPoP-Nonce" not in ask(http, key, "GET", path, token).headers
    control(org.url, "proofs", {"resourceNonce": status})
    headers = {"Authorization": f"DPoP {token}", "DPoP": key.proof("GET", org.url + path, token)}
    refused = http.get(path, headers=headers)
    assert error(refused) == (int(status), "use_dpop_nonce")
    assert refused.headers["WWW-Authenticate"] == 'DPoP error="use_dpop_nonce", algs="ES256"'
    assert ask(http, key, "GET", path, token).status_code == 200
    bearer = grant_for(org, None)["access_token"]
    assert http.get(path, headers={"Authorization": f"Bearer {bearer}"}).status_code == 200


def test_nonces_rotate_on_success_where_the_setting_says_so(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    control(org.url, "proofs", {"resourceNonce": "401", "rotateNonce": True, "tokenNonce": True})
    grant = grant_for(org, key)
    nonces = [ask(http, key, "GET", LIMITS, grant["access_token"]).headers["DPoP-Nonce"] for _ in range(2)]
    nonces.append(ask(http, key, "POST", TOKEN, data=refresh_form(grant)).headers["DPoP-Nonce"])
    assert len(set(nonces)) == 3


def test_a_nonce_can_be_forgotten_or_rotated_as_a_fault(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    control(org.url, "proofs", {"resourceNonce": "400"})
    token = grant_for(org, key)["access_token"]

    def get(nonce: str) -> httpx.Response:
        proof = key.proof("GET", org.url + LIMITS, token, nonce=nonce)
        return http.get(LIMITS, headers={"Authorization": f"DPoP {token}", "DPoP": proof})

    first = get("none yet").headers["DPoP-Nonce"]
    assert get(first).status_code == 200
    control(org.url, "faults", {"kind": "rest.*", "nonce": "forgotten"})
    second = get(first).headers["DPoP-Nonce"]
    assert second != first
    control(org.url, "faults", {"kind": "rest.*", "nonce": "rotated"})
    third = get(second)
    assert (third.status_code, get(second).status_code) == (200, 400)
    assert get(third.headers["DPoP-Nonce"]).status_code == 200


def test_other_faults_do_not_happen_to_a_request_that_only_lacks_its_nonce(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    control(org.url, "proofs", {"tokenNonce": True})
    control(org.url, "faults", {"kind": "token.refresh_token", "status": 503})
    answer = ask(http, key, "POST", TOKEN, data=refresh_form(grant_for(org, key)))
    assert answer.status_code == 503


# Postures


def test_an_app_that_requires_dpop_refuses_whatever_is_not_bound(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    old, code = grant_for(org, None), code_for(org, None)
    control(org.url, "app", {"dpop": "required"})
    back = http.get("/services/oauth2/authorize", params=authorize_parameters(VERIFIER))
    told = parse_qs(urlsplit(back.headers["location"]).query)
    assert told["error"] == ["invalid_request"]
    assert told["error_description"] == ["missing required dpop_jkt for code binding"]
    answer = http.get(LIMITS, headers={"Authorization": f"Bearer {old['access_token']}"})
    assert error(answer) == (401, "INVALID_SESSION_ID")
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_token", algs="ES256"'
    assert error(http.post(TOKEN, data=refresh_form(old))) == (400, "invalid_dpop_proof")
    assert error(ask(http, key, "POST", TOKEN, data=refresh_form(old))) == (400, "invalid_dpop_proof")
    assert error(http.post(TOKEN, data=code)) == (400, "invalid_dpop_proof")
    control(org.url, "app", {"clientCredentialsUser": SALES, "deviceFlow": True})
    for form in ({"grant_type": "client_credentials"}, {"response_type": "device_code"}):
        assert error(http.post(TOKEN, data={**form, **CLIENT})) == (400, "invalid_request")
    assert ask(http, key, "POST", TOKEN, data=code_for(org, key)).json()["token_type"] == "DPoP"
    control(org.url, "app", {"dpop": "allowed"})
    assert http.post(TOKEN, data=refresh_form(old)).json()["token_type"] == "Bearer"


# Source: SalesforceMobileSDK-Android#2955
def test_an_app_that_knows_no_dpop_ignores_it(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    bound = grant_for(org, key)
    control(org.url, "proofs", {"tokenNonce": True})
    control(org.url, "app", {"dpop": "off"})
    form = code_for(org, key)
    answer = http.post(TOKEN, data=form, headers={"DPoP": key.proof("POST", org.url + TOKEN)})
    assert answer.json()["token_type"] == "Bearer"
    token = answer.json()["access_token"]
    refused = ask(http, key, "GET", LIMITS, token)
    assert (refused.status_code, refused.json()[0]) == (
        401,
        {"message": "INVALID_JWT_FORMAT", "errorCode": "INVALID_AUTH_HEADER"},
    )
    assert refused.headers["WWW-Authenticate"] == "Token"
    assert http.get(LIMITS, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    # What was bound stays bound.
    assert error(http.post(TOKEN, data=refresh_form(bound))) == (400, "invalid_dpop_proof")
    assert http.get(LIMITS, headers={"Authorization": f"Bearer {bound['access_token']}"}).status_code == 401


# Revoke, introspect, metadata


def test_revoking_a_bound_token_takes_a_proof_where_the_setting_says_so(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    control(org.url, "proofs", {"revokeProof": True, "tokenNonce": True})
    form = {"token": grant_for(org, key)["refresh_token"]}
    assert error(http.post(REVOKE, data=form)) == (400, "invalid_dpop_proof")
    assert error(ask(http, Key(), "POST", REVOKE, data=form)) == (400, "invalid_dpop_proof")
    thief = Key()
    own = grant_for(org, thief)["access_token"]
    assert error(ask(http, thief, "POST", REVOKE, own, data=form)) == (400, "invalid_dpop_proof")
    assert ask(http, key, "POST", REVOKE, data=form).status_code == 200


# Source: SalesforceMobileSDK-iOS#4145
def test_revoke_with_the_token_in_the_header_is_a_request_as_any_other(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    control(org.url, "proofs", {"tokenNonce": True})
    grant = grant_for(org, key)
    form, token = {"token": grant["refresh_token"]}, grant["access_token"]
    headers = {"Authorization": f"DPoP {token}", "DPoP": key.proof("POST", org.url + REVOKE, token)}
    assert error(http.post(REVOKE, data=form, headers=headers)) == (400, "use_dpop_nonce")
    assert error(ask(http, Key(), "POST", REVOKE, token, data=form)) == (401, "INVALID_SESSION_ID")
    assert ask(http, key, "POST", REVOKE, token, data=form).status_code == 200
    assert error(ask(http, key, "POST", REVOKE, token, data=form)) == (401, "INVALID_SESSION_ID")


def test_introspection_tells_the_key_of_a_bound_token(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    bound, plain = grant_for(org, key), grant_for(org, None)
    told = [http.post(INTROSPECT, data={"token": g["access_token"], **CLIENT}).json() for g in (bound, plain)]
    assert (told[0]["token_type"], told[0]["cnf"]) == ("DPoP", {"jkt": key.thumbprint})
    assert (told[1]["token_type"], "cnf" in told[1]) == ("access_token", False)
    refresh = http.post(INTROSPECT, data={"token": bound["refresh_token"], **CLIENT}).json()
    assert (refresh["token_type"], refresh["cnf"]) == ("refresh_token", {"jkt": key.thumbprint})


def test_the_discovery_document_tells_of_dpop(http: httpx.Client, org: EmbeddedOrg) -> None:
    told = http.get("/.well-known/openid-configuration").json()
    assert told["dpop_signing_alg_values_supported"] == ["ES256"]
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]
    control(org.url, "proofs", {"published": False})
    assert "dpop_signing_alg_values_supported" not in http.get("/.well-known/openid-configuration").json()


# Settings


def test_the_rules_for_proofs_are_checked(http: httpx.Client, org: EmbeddedOrg) -> None:
    address = "/localorg/control/proofs"
    for wrong in ({"nope": 1}, {"window": "x"}, {"window": True}, {"resourceNonce": "402"}, {"window": -1}):
        assert error(http.post(address, json=wrong)) == (400, "INVALID_ARGUMENT")
    assert error(http.post("/localorg/control/app", json={"dpop": "maybe"})) == (400, "INVALID_ARGUMENT")
    control(org.url, "reset")
    assert http.get(address).json() == {
        "tokenNonce": True, "resourceNonce": "none", "rotateNonce": False, "nonceSeconds": 3600, "window": 60,
        "replay": True, "refreshKey": "same", "bearerRefresh": "ignored", "revokeProof": False, "published": True,
    }  # fmt: skip


def test_the_page_of_the_app_has_setups_words(http: httpx.Client, org: EmbeddedOrg) -> None:
    control(org.url, "app", {"dpop": "required"})
    page = http.get("/localorg/app").text
    assert "Require DPoP (Demonstrating Proof-of-Possession)" in page
    assert '<option value="required" selected>' in page


def test_the_command_line_takes_the_rules_as_words(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["resourceNonce=401", "replay=false", "window=5"]
    assert from_words(words) == ProofRules(resource_nonce="401", replay=False, window=5)
    for word in ("nope=1", "window=soon", "replay", "resourceNonce=402"):
        assert main(["serve", "--port", "0", "--proofs", word]) == 1
        assert capsys.readouterr().err.startswith("localorg: ")


def test_settings_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="dpop is one of"):
        OrgSettings(dpop="maybe")
    with pytest.raises(ValueError, match="resource_nonce is one of"):
        ProofRules(resource_nonce="402")
    with pytest.raises(ValueError, match="are seconds"):
        ProofRules(window=-1)
