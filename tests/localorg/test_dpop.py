"""Proofs of possession (DPoP): codes, access and refresh tokens that are bound to a key.

Source: RFC 9449; Salesforce Help "DPoP"; the Mobile SDK's pull requests. Where Salesforce does not say,
docs/localorg.md names the setting.
"""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import (
    CALLBACK,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    SALES,
    authorize_parameters,
    control,
    log_in,
)
from localorg import EmbeddedOrg, OrgSettings
from localorg.oauth.dpop import same_address
from localorg.settings import ProofRules
from tests.localorg.proofs import Key, ask

TOKEN, LIMITS = "/services/oauth2/token", "/services/data/v68.0/limits"
USERINFO, REVOKE, INTROSPECT = (f"/services/oauth2/{name}" for name in ("userinfo", "revoke", "introspect"))
CLIENT = {"client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET}
VERIFIER = "v" * 60


@pytest.fixture(scope="module")
def own_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5)) as org:
        org.save("clean")
        yield org


@pytest.fixture
def org(own_org: EmbeddedOrg) -> EmbeddedOrg:
    """An org of this module's own, as it began, which asks for no nonces."""
    own_org.restore("clean")
    control(own_org.url, "reset")
    control(own_org.url, "counters/reset")
    control(own_org.url, "proofs", {"tokenNonce": False})
    return own_org


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    with loopback.Client(base_url=org.url) as client:
        yield client


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


def code_for(org: EmbeddedOrg, key: Key | None, **changes: str) -> dict[str, str]:
    """The form that exchanges a code which is bound to a key, or to none."""
    bound = {} if key is None else {"dpop_jkt": key.thumbprint}
    back = log_in(org.url, verifier=VERIFIER, **bound, **changes)
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK}
    return form | CLIENT


def grant_for(org: EmbeddedOrg, key: Key | None) -> dict[str, str]:
    """Tokens that are bound to a key, or to none, without the pages."""
    return control(org.url, "token", {"username": SALES} | ({"dpopJkt": key.thumbprint} if key else {}))


def refresh_form(grant: dict[str, str]) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"], **CLIENT}


def error(answer: httpx.Response) -> tuple[int, str]:
    body: Any = answer.json()
    return answer.status_code, body["error"] if isinstance(body, dict) else body[0]["errorCode"]


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


# Resources


_PROOFS: dict[str, dict[str, Any]] = {
    "no ath": {"ath": None},
    "another ath": {"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"},
    "another method": {"htm": "POST"},
    "method in small letters": {"htm": "get"},
    "no method": {"htm": None},
    "another host": {"htu": f"http://127.0.0.2{LIMITS}"},
    "another path": {"htu": "http://127.0.0.1/services/data/v68.0/query"},
    "no address": {"htu": None},
    "an address that is none": {"htu": "http://["},
    "too old": {"iat": time.time() - 600},
    "from the future": {"iat": time.time() + 600},
    "no time": {"iat": None},
    "a time in words": {"iat": "now"},
    "no jti": {"jti": None},
    "a jti that is a number": {"jti": 5},
    "typ JWT": {"header": {"typ": "JWT"}},
    "alg none": {"header": {"alg": "none"}},
    "alg HS256": {"header": {"alg": "HS256"}},
    "no key": {"header": {"jwk": None}},
    "a symmetric key": {"header": {"jwk": {"kty": "oct", "k": "aa"}}},
    "an unknown critical extension": {"header": {"crit": ["exp"]}},
}


@pytest.mark.parametrize("changes", _PROOFS.values(), ids=_PROOFS)
def test_a_proof_that_is_wrong_in_one_thing_is_refused(
    http: httpx.Client, org: EmbeddedOrg, key: Key, changes: dict[str, Any]
) -> None:
    token = grant_for(org, key)["access_token"]
    proof = key.proof("GET", org.url + LIMITS, token, **changes)
    answer = http.get(LIMITS, headers={"Authorization": f"DPoP {token}", "DPoP": proof})
    assert error(answer) == (401, "INVALID_AUTH_HEADER")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_dpop_proof"')
    assert answer.headers["WWW-Authenticate"].endswith('algs="ES256"')


def test_a_proof_that_shows_its_private_key_is_refused(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token = grant_for(org, key)["access_token"]
    proof = key.proof("GET", org.url + LIMITS, token, header={"jwk": {**key.jwk, "d": "AAAA"}})
    assert error(http.get(LIMITS, headers={"Authorization": f"DPoP {token}", "DPoP": proof}))[0] == 401


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_proof_with_an_altered_part_is_refused(http: httpx.Client, org: EmbeddedOrg, key: Key, part: int) -> None:
    token = grant_for(org, key)["access_token"]
    mine, others = (k.proof("GET", org.url + LIMITS, token).split(".") for k in (key, Key()))
    mine[part] = others[part]
    assert error(http.get(LIMITS, headers={"Authorization": f"DPoP {token}", "DPoP": ".".join(mine)}))[0] == 401


@pytest.mark.parametrize("proof", ["", "a", "a.b", "a.b.c", "..", "W10.W10.AA", "é.é.é"])
def test_what_is_no_proof_is_refused(http: httpx.Client, org: EmbeddedOrg, key: Key, proof: str) -> None:
    token = grant_for(org, key)["access_token"]
    headers = {b"Authorization": f"DPoP {token}".encode(), b"DPoP": proof.encode()}
    assert error(http.get(LIMITS, headers=headers)) == (401, "INVALID_AUTH_HEADER")


def test_there_must_be_one_proof(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token = grant_for(org, key)["access_token"]
    proofs = [("DPoP", key.proof("GET", org.url + LIMITS, token)) for _ in range(2)]
    assert error(http.get(LIMITS, headers=[("Authorization", f"DPoP {token}"), *proofs])) == (
        401,
        "INVALID_AUTH_HEADER",
    )
    assert error(http.get(LIMITS, headers={"Authorization": f"DPoP {token}"})) == (401, "INVALID_AUTH_HEADER")
    form = code_for(org, key)
    url = org.url + TOKEN
    twice = [("DPoP", key.proof("POST", url)) for _ in range(2)]
    assert error(http.post(TOKEN, data=form, headers=twice)) == (400, "invalid_dpop_proof")


def test_a_proof_is_good_once(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token = grant_for(org, key)["access_token"]
    headers = {"Authorization": f"DPoP {token}", "DPoP": key.proof("GET", org.url + LIMITS, token)}
    assert http.get(LIMITS, headers=headers).status_code == 200
    assert error(http.get(LIMITS, headers=headers)) == (401, "INVALID_AUTH_HEADER")
    control(org.url, "proofs", {"replay": False})
    assert http.get(LIMITS, headers=headers).status_code == 200


def test_a_jti_of_one_key_is_free_for_another(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    for one in (key, Key()):
        token = grant_for(org, one)["access_token"]
        proof = one.proof("GET", org.url + LIMITS, token, jti="the same")
        assert http.get(LIMITS, headers={"Authorization": f"DPoP {token}", "DPoP": proof}).status_code == 200


def test_how_far_the_time_of_a_proof_may_be_off_is_a_setting(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token = grant_for(org, key)["access_token"]

    def status(off: int) -> int:
        proof = key.proof("GET", org.url + LIMITS, token, iat=int(time.time()) + off)
        return http.get(LIMITS, headers={"Authorization": f"DPoP {token}", "DPoP": proof}).status_code

    assert [status(off) for off in (-55, 55, -65, 65)] == [200, 200, 401, 401]
    control(org.url, "proofs", {"window": 300})
    assert [status(off) for off in (-290, 290, -310)] == [200, 200, 401]


# A moved clock makes tokens old; the clients' clocks stay right.
def test_proofs_are_judged_by_the_machines_time(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    grant = grant_for(org, key)
    control(org.url, "clock", {"advanceSeconds": 7201})
    assert error(ask(http, key, "GET", LIMITS, grant["access_token"])) == (401, "INVALID_SESSION_ID")
    assert ask(http, key, "POST", TOKEN, data=refresh_form(grant)).json()["token_type"] == "DPoP"


@pytest.mark.parametrize("scheme", ["Bearer", "OAuth", "bearer"])
def test_a_bound_token_is_no_bearer_token(http: httpx.Client, org: EmbeddedOrg, key: Key, scheme: str) -> None:
    token = grant_for(org, key)["access_token"]
    headers = {"Authorization": f"{scheme} {token}", "DPoP": key.proof("GET", org.url + LIMITS, token)}
    answer = http.get(LIMITS, headers=headers)
    assert error(answer) == (401, "INVALID_SESSION_ID")
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_token", algs="ES256"'


def test_a_bound_token_is_taken_in_no_form_and_no_other_header(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token = grant_for(org, key)["access_token"]
    assert http.post(USERINFO, data={"access_token": token}).text == "Bad_OAuth_Token"
    assert http.get(USERINFO, headers={"Authorization": f"Bearer {token}"}).status_code == 403
    assert http.post("/services/oauth2/singleaccess", data={"access_token": token}).status_code == 401
    assert http.get("/secur/frontdoor.jsp", params={"sid": token}).status_code == 403
    job = '{"object": "Account", "operation": "insert", "contentType": "JSON"}'
    headers = {"X-SFDC-Session": token, "Content-Type": "application/json"}
    refused = http.post("/services/async/68.0/job", content=job, headers=headers)
    assert (refused.status_code, refused.json()["exceptionCode"]) == (400, "InvalidSessionId")
    for path in (REVOKE, INTROSPECT):
        headers = {"Authorization": f"Bearer {token}"}
        assert http.post(path, data={"token": token, **CLIENT}, headers=headers).status_code == 401


def test_a_bearer_token_is_not_taken_with_the_scheme_dpop(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token = grant_for(org, None)["access_token"]
    answer = ask(http, key, "GET", LIMITS, token)
    assert error(answer) == (401, "INVALID_SESSION_ID")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert http.get(LIMITS, headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("scheme", ["dpop", "DPOP", "DPoP"])
def test_the_scheme_is_taken_in_any_letters(http: httpx.Client, org: EmbeddedOrg, key: Key, scheme: str) -> None:
    token = grant_for(org, key)["access_token"]
    proof = key.proof("GET", org.url + LIMITS, token)
    assert http.get(LIMITS, headers={"Authorization": f"{scheme} {token}", "DPoP": proof}).status_code == 200


@pytest.mark.parametrize(
    ("htu", "same"),
    [
        ("http://example.test/a/~b", True),
        ("http://example.test:80/a/~b", True),
        ("HTTP://EXAMPLE.test/a/~b", True),
        ("http://example.test/a/%7Eb", True),
        ("http://example.test/a/%7eb", True),
        ("http://example.test/a/~b?query=1#part", True),
        ("http://example.test/a/~b/", False),
        ("http://example.test//a/~b", False),
        ("http://example.test/A/~b", False),
        ("https://example.test/a/~b", False),
        ("http://example.test:8080/a/~b", False),
        ("http://user@example.test/a/~b", False),
        ("http://example.test/a/~b\n", False),
        ("http://example.test:x/a/~b", False),
        ("/a/~b", False),
        ("", False),
    ],
)
def test_addresses_are_the_same_by_the_rules_of_rfc_3986(htu: str, same: bool) -> None:
    assert same_address(htu, "http://example.test/a/~b") is same


def test_the_address_is_the_one_that_the_client_wrote(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    def status(path: str, htu: str, method: str = "GET", **sent: Any) -> int:
        proof = key.proof(method, htu, token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        return http.request(method, path, headers=headers, **sent).status_code

    token = grant_for(org, key)["access_token"]
    assert status(f"{LIMITS}/?x=1", f"{org.url}{LIMITS}/") == 200
    assert status(f"{LIMITS}/", org.url + LIMITS) == 401
    assert status("/services//data/v68.0/limits", f"{org.url}/services//data/v68.0/limits") == 200
    query = f"{org.url}/services/data/v68.0/query"
    assert status("/services/data/v68.0/query?q=SELECT+Id+FROM+Account", query) == 200
    localhost = org.url.replace("127.0.0.1", "localhost")
    proof = {"DPoP": key.proof("GET", localhost + LIMITS, token), "Authorization": f"DPoP {token}"}
    assert http.get(f"{localhost}{LIMITS}", headers=proof).status_code == 200


def test_the_site_of_the_org_has_its_own_addresses(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    grant = grant_for(org, key)
    path = f"/customers{TOKEN}"
    wrong = {"DPoP": key.proof("POST", org.url + TOKEN)}
    assert error(http.post(path, data=refresh_form(grant), headers=wrong)) == (400, "invalid_dpop_proof")
    assert ask(http, key, "POST", path, data=refresh_form(grant)).json()["token_type"] == "DPoP"


# Salesforce's text on composite requests was not found: one proof, as there is one request (RFC 9449 section 7).
def test_every_kind_of_request_takes_one_proof(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token, v = grant_for(org, key)["access_token"], "/services/data/v68.0"
    part = {"method": "GET", "url": f"{v}/limits", "referenceId": "a"}
    answer = ask(http, key, "POST", f"{v}/composite", token, json={"compositeRequest": [part]})
    assert [p["httpStatusCode"] for p in answer.json()["compositeResponse"]] == [200]
    batch = {"batchRequests": [{"method": "GET", "url": "v68.0/limits"}]}
    assert ask(http, key, "POST", f"{v}/composite/batch", token, json=batch).json()["hasErrors"] is False
    assert ask(http, key, "GET", f"{v}/ui-api/object-info/Account", token).status_code == 200
    made = {"attributes": {"type": "Account"}, "Name": "Bound"}
    many = ask(http, key, "POST", f"{v}/composite/sobjects", token, json={"records": [made]}).json()
    assert many[0]["success"]
    job = {"object": "Account", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"}
    identifier = ask(http, key, "POST", f"{v}/jobs/ingest", token, json=job).json()["id"]
    upload = f"{v}/jobs/ingest/{identifier}/batches"
    assert ask(http, key, "PUT", upload, token, content="Name\nBulk").status_code == 201


# Refreshing


def test_a_bound_refresh_token_takes_its_own_key_only_and_is_not_used_up_by_others(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    form = refresh_form(grant_for(org, key))
    assert error(http.post(TOKEN, data=form)) == (400, "invalid_dpop_proof")
    assert error(ask(http, Key(), "POST", TOKEN, data=form)) == (400, "invalid_dpop_proof")
    assert ask(http, key, "POST", TOKEN, data=form).status_code == 200


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


# A thief


def test_a_thief_with_the_tokens_and_the_secret_but_without_the_key_gets_nothing(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    grant, thief = grant_for(org, key), Key()
    token = grant["access_token"]
    captured = {"Authorization": f"DPoP {token}", "DPoP": key.proof("GET", org.url + LIMITS, token)}
    assert http.get(LIMITS, headers=captured).status_code == 200
    assert http.get(LIMITS, headers=captured).status_code == 401
    assert http.get("/services/data/v68.0/query?q=SELECT+Id+FROM+Account", headers=captured).status_code == 401
    assert http.get(LIMITS, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert ask(http, thief, "GET", LIMITS, token).status_code == 401
    assert ask(http, thief, "POST", TOKEN, data=refresh_form(grant)).status_code == 400
    proof = {"DPoP": key.proof("POST", org.url + TOKEN)}
    renewed = http.post(TOKEN, data=refresh_form(grant), headers=proof)
    assert renewed.status_code == 200
    assert error(http.post(TOKEN, data=refresh_form(renewed.json()), headers=proof)) == (400, "invalid_dpop_proof")


# A thief's failed tries neither keep a session alive nor end it.
def test_a_refused_use_of_an_access_token_does_not_extend_its_life(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    token = grant_for(org, key)["access_token"]
    control(org.url, "clock", {"advanceSeconds": 5000})
    assert ask(http, Key(), "GET", LIMITS, token).status_code == 401
    control(org.url, "clock", {"advanceSeconds": 2300})
    assert ask(http, key, "GET", LIMITS, token).status_code == 401


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


def test_settings_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="dpop is one of"):
        OrgSettings(dpop="maybe")
    with pytest.raises(ValueError, match="resource_nonce is one of"):
        ProofRules(resource_nonce="402")
    with pytest.raises(ValueError, match="are seconds"):
        ProofRules(window=-1)
