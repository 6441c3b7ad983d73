"""Proofs of possession (DPoP) at resources: what makes a proof valid, and what a thief can do with what they captured.

Source: RFC 9449 sections 4.3 and 7; Salesforce Help "DPoP"; the Mobile SDK's pull requests.
"""

import time
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import (
    control,
)
from localorg import EmbeddedOrg
from localorg.oauth.dpop import same_address, signed_by
from localorg.proofs import read_token
from tests.localorg.proofs import (
    CLIENT,
    INTROSPECT,
    LIMITS,
    REVOKE,
    TOKEN,
    USERINFO,
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


_PROOFS: dict[str, dict[str, Any]] = {
    "no ath": {"ath": None},
    "another ath": {"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"},
    "another method": {"htm": "POST"},
    "method in small letters": {"htm": "get"},
    "no method": {"htm": None},
    "another host": {"htu": "{localhost}" + LIMITS},
    "another path": {"htu": "{url}/services/data/v68.0/query"},
    "no address": {"htu": None},
    "an address that is none": {"htu": "http://["},
    "too old": {"iat": -600},  # seconds from now, when it is made
    "from the future": {"iat": 600},
    "no time": {"iat": None},
    "a time in words": {"iat": "now"},
    "no jti": {"jti": None},
    "a jti that is a number": {"jti": 5},
    "typ JWT": {"header": {"typ": "JWT"}},
    "alg none": {"header": {"alg": "none"}},
    "alg HS256": {"header": {"alg": "HS256"}},
    "no key": {"header": {"jwk": None}},
    "a symmetric key": {"header": {"jwk": {"kty": "oct", "k": "aa"}}},
    "a key of another curve": {"header": {"jwk": {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}}},
    "a key that is no point": {"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "B" * 43}}},
    "a key of lists": {"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": [1], "y": {}}}},
    "an unknown critical extension": {"header": {"crit": ["exp"]}},
}


@pytest.mark.parametrize("changes", _PROOFS.values(), ids=_PROOFS)
def test_a_proof_that_is_wrong_in_one_thing_is_refused(
    http: httpx.Client, org: EmbeddedOrg, key: Key, changes: dict[str, Any]
) -> None:
    token = grant_for(org, key)["access_token"]
    if isinstance(changes.get("htu"), str):
        localhost = org.url.replace("127.0.0.1", "localhost")
        changes = {"htu": changes["htu"].replace("{url}", org.url).replace("{localhost}", localhost)}
    if isinstance(changes.get("iat"), int):
        changes = {"iat": time.time() + changes["iat"]}
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


# The examples of RFC 9449 sections 4.1 and 6.1, RFC 7638
def test_the_standards_own_proof_is_of_the_standards_own_key() -> None:
    proof = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
        "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
        ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0"
        "IjoxNTYyMjYyNjE2fQ"
        ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    read = read_token(proof)
    assert read is not None
    assert signed_by(proof, read[0]) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


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


def test_using_an_access_token_with_a_proof_extends_its_life(http: httpx.Client, org: EmbeddedOrg, key: Key) -> None:
    token = grant_for(org, key)["access_token"]
    for _ in range(3):
        control(org.url, "clock", {"advanceSeconds": 5000})
        assert ask(http, key, "GET", LIMITS, token).status_code == 200


# A thief's failed tries neither keep a session alive nor end it.
def test_a_refused_use_of_an_access_token_does_not_extend_its_life(
    http: httpx.Client, org: EmbeddedOrg, key: Key
) -> None:
    token = grant_for(org, key)["access_token"]
    control(org.url, "clock", {"advanceSeconds": 5000})
    assert ask(http, Key(), "GET", LIMITS, token).status_code == 401
    control(org.url, "clock", {"advanceSeconds": 2300})
    assert ask(http, key, "GET", LIMITS, token).status_code == 401
