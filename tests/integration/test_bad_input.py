"""Every bad input gets its typed error, is logged without secrets and leaves nothing half-written."""

import base64
import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, App, authorize, control, log_in
from devtools.suite import Suite


@pytest.fixture
def signed_in(app: App, org_url: str) -> App:
    app.sign_in(authorize(org_url))
    return app


def documents(suite: Suite) -> list[str]:
    """The ids of all connections in Firestore, read as an administrator."""
    documents = f"{suite.plan.ports.url('firestore')}/v1/projects/{suite.plan.project}/databases/(default)/documents"
    url = f"{documents}/connections"
    answer = loopback.get(url, headers={"Authorization": "Bearer owner"}).json()
    return [d["name"].rsplit("/", 1)[-1] for d in answer.get("documents", [])]


class TestSignIn:
    def test_a_code_works_once(self, app: App, org_url: str) -> None:
        authorization = authorize(org_url)
        app.sign_in(authorization)
        assert app.reason("auth/signIn", app.sign_in_body(authorization)) == (401, "UNAUTHENTICATED", "code-rejected")

    def test_an_expired_code(self, app: App, org_url: str) -> None:
        authorization = authorize(org_url)
        control(org_url, "clock", {"advanceSeconds": 901})
        assert app.reason("auth/signIn", app.sign_in_body(authorization)) == (401, "UNAUTHENTICATED", "code-rejected")

    def test_a_wrong_verifier_stores_nothing(self, app: App, org_url: str, suite: Suite) -> None:
        app.sign_in(authorize(org_url, ADMIN))
        app.call("auth/signOut")
        before = documents(suite)
        body = app.sign_in_body(authorize(org_url, ADMIN)) | {"codeVerifier": "x" * 50}
        assert app.reason("auth/signIn", body) == (401, "UNAUTHENTICATED", "verifier-rejected")
        assert documents(suite) == before

    def test_a_foreign_redirect_uri(self, app: App, org_url: str) -> None:
        body = app.sign_in_body(authorize(org_url)) | {"redirectUri": "https://evil.example/callback"}
        assert app.reason("auth/signIn", body) == (400, "INVALID_ARGUMENT", "redirect-uri-not-allowed")

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "login.salesforce.com.evil.example", "127.0.0.1:1", "", "login.salesforce.com@evil.example"],
    )
    def test_a_login_host_that_is_not_on_the_list(self, app: App, org_url: str, host: str) -> None:
        body = app.sign_in_body(authorize(org_url)) | {"loginHost": host}
        assert app.reason("auth/signIn", body) == (400, "INVALID_ARGUMENT", "login-host-not-allowed")

    def test_when_the_org_fails_half_way_no_grant_is_left(self, app: App, org_url: str, suite: Suite) -> None:
        control(org_url, "revoke", {"username": ADMIN})
        before = documents(suite)
        control(org_url, "faults", {"kind": "userinfo", "status": 503})
        control(org_url, "counters/reset")
        assert app.reason("auth/signIn", app.sign_in_body(authorize(org_url, ADMIN)))[2] == "org-busy"
        assert documents(suite) == before
        assert control(org_url, "counters")["revoke"] == 1

    def test_the_org_itself_answers_a_foreign_redirect_with_a_page(self, org_url: str) -> None:
        page = loopback.get(
            f"{org_url}/services/oauth2/authorize",
            params={"client_id": "LOCAL_EXTERNAL_CLIENT_APP", "redirect_uri": "https://evil.example"},
        )
        assert page.status_code == 400
        assert "redirect_uri_mismatch" in page.text

    def test_denied_consent_comes_back_as_access_denied(self, org_url: str) -> None:
        control(org_url, "revoke", {"username": ADMIN})
        back = parse_qs(urlsplit(log_in(org_url, ADMIN, answer="deny").headers["location"]).query)
        assert back == {
            "error": ["access_denied"],
            "error_description": ["end-user denied authorization"],
            "state": ["the-state"],
        }


class TestWire:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"data"',
            b'{"other": 1}',
            b"\xff\xfe",
            b'{"data": NaN}',
            b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        ],
    )
    def test_a_malformed_callable_body(self, signed_in: App, body: bytes) -> None:
        answer = signed_in.http.post(
            f"{signed_in.base_url}/api/getProfile",
            content=body,
            headers={"Authorization": f"Bearer {signed_in.id_token}"},
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
        assert answer.json()["error"]["details"]["reason"] == "malformed-request"

    def test_an_unknown_call(self, signed_in: App) -> None:
        for path in ("api/dropEverything", "auth/", "api/getProfile/more", "auth/getProfile"):
            assert signed_in.reason(path, {}) == (404, "NOT_FOUND", "unknown-call")

    def test_only_post_is_answered(self, signed_in: App) -> None:
        answer = signed_in.http.get(
            f"{signed_in.base_url}/api/getProfile", headers={"Authorization": f"Bearer {signed_in.id_token}"}
        )
        assert answer.status_code == 404
        assert answer.json()["error"]["details"]["reason"] == "unknown-call"

    def test_ten_megabytes(self, signed_in: App) -> None:
        reason = signed_in.reason("api/listRecords", {"sobject": "Account", "search": "x" * 10_000_000})
        assert reason == (400, "INVALID_ARGUMENT", "request-too-large")

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ({}, "malformed-request"),
            ({"sobject": "User"}, "unknown-object"),
            ({"sobject": "Account", "limit": "10"}, "malformed-request"),
            ({"sobject": "Account", "limit": True}, "malformed-request"),
            ({"sobject": "Account", "limit": 0}, "malformed-request"),
            ({"sobject": "Account", "limit": 201}, "malformed-request"),
            ({"sobject": "Account", "unknown": 1}, "malformed-request"),
            ({"sobject": "Account", "cursor": "not-a-cursor"}, "invalid-cursor"),
            ({"sobject": "Account", "cursor": "!!"}, "invalid-cursor"),
            ({"sobject": "Account", "sort": {"field": "Nope"}}, "unknown-field"),
            ({"sobject": "Account", "sort": {"field": "Name; DELETE"}}, "unknown-field"),
            ({"sobject": "Account", "filters": [{"field": "Nope", "operator": "eq", "value": 1}]}, "unknown-field"),
            (
                {"sobject": "Account", "filters": [{"field": "Name", "operator": "like", "value": "x"}]},
                "malformed-request",
            ),
            (
                {"sobject": "Account", "filters": [{"field": "AnnualRevenue", "operator": "gt", "value": "1 OR 1=1"}]},
                "invalid-value",
            ),
            ({"sobject": "Account", "filters": [{"field": "Name", "operator": "gt", "value": None}]}, "invalid-value"),
            ({"sobject": "Account", "search": "x" * 101}, "invalid-value"),
        ],
    )
    def test_bad_lists(self, signed_in: App, data: object, reason: str) -> None:
        status, callable_status, found = signed_in.reason("api/listRecords", data)
        assert (status, callable_status, found) == (400, "INVALID_ARGUMENT", reason)

    def test_numbers_as_the_android_sdk_sends_them(self, signed_in: App) -> None:
        limit = {"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": "3"}
        assert len(signed_in.call("api/listRecords", {"sobject": "Account", "limit": limit})["records"]) == 3

    @pytest.mark.parametrize("record_id", ["", "x", "' OR Name != '", "0015e000000000'AAA", "0015e00000000019999999"])
    def test_bad_ids(self, signed_in: App, record_id: str) -> None:
        assert signed_in.reason("api/getRecord", {"sobject": "Account", "id": record_id})[2] == "invalid-value"

    def test_a_record_that_is_not_there(self, signed_in: App) -> None:
        gone = {"sobject": "Account", "id": "0015e0000zzzzzzAAA"}
        assert signed_in.reason("api/getRecord", gone) == (404, "NOT_FOUND", "record-not-found")
        assert signed_in.reason("api/updateRecord", gone | {"fields": {"Name": "x"}})[2] == "record-not-found"
        assert signed_in.reason("api/deleteRecord", gone)[2] == "record-not-found"

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"Nope": "x"}, "unknown-field"),
            ({"CreatedDate": "2026-01-01"}, "field-not-editable"),
            ({"Id": "0015e0000000001AAA"}, "field-not-editable"),
            ({"Name": ""}, "invalid-value"),
            ({"Name": "x" * 256}, "invalid-value"),
            ({"AnnualRevenue": "many"}, "invalid-value"),
            ({"ParentId": "nonsense"}, "invalid-value"),
            ({}, "malformed-request"),
            ({"Name": {"a": 1}}, "malformed-request"),
        ],
    )
    def test_bad_fields_change_nothing(self, signed_in: App, fields: object, reason: str) -> None:
        first = signed_in.call("api/listRecords", {"sobject": "Account", "limit": 1})["records"][0]["id"]
        before = signed_in.call("api/getRecord", {"sobject": "Account", "id": first})
        assert signed_in.reason("api/updateRecord", {"sobject": "Account", "id": first, "fields": fields})[2] == reason
        assert signed_in.call("api/getRecord", {"sobject": "Account", "id": first}) == before


class TestSearchText:
    @pytest.mark.parametrize(
        "name",
        [
            "O'Neil 100%",
            "back\\slash",
            "under_score",
            'quote"d',
            "a\nb",
            "%",
            "_",
            "\\'",
            "日本 🦊",
            "' OR Name LIKE '%",
        ],
    )
    def test_metacharacters_stand_for_themselves(self, signed_in: App, name: str) -> None:
        full = f"Zz {name} zZ"
        made = signed_in.call("api/createRecord", {"sobject": "Account", "fields": {"Name": full}})["id"]
        decoy = signed_in.call("api/createRecord", {"sobject": "Account", "fields": {"Name": "Zz undermscore zZ"}})[
            "id"
        ]
        found = signed_in.call("api/listRecords", {"sobject": "Account", "search": full, "limit": 200})["records"]
        for record_id in (made, decoy):
            signed_in.call("api/deleteRecord", {"sobject": "Account", "id": record_id})
        assert [r["id"] for r in found] == [made]
        assert found[0]["fields"]["Name"] == full


class TestIdToken:
    def test_a_missing_token(self, app: App) -> None:
        assert app.reason("api/getProfile", {}) == (401, "UNAUTHENTICATED", "id-token-missing")

    def test_garbage(self, app: App) -> None:
        for token in ("garbage", "a.b.c", "e30.e30.e30"):
            assert app.reason("api/getProfile", {}, token=token) == (401, "UNAUTHENTICATED", "id-token-invalid")

    def test_a_token_of_another_project(self, signed_in: App) -> None:
        assert signed_in.id_token is not None
        head, body, signature = signed_in.id_token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims |= {"aud": "another-project", "iss": "https://securetoken.google.com/another-project"}
        forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        assert signed_in.reason("api/getProfile", {}, token=f"{head}.{forged}.{signature}") == (
            401,
            "UNAUTHENTICATED",
            "id-token-invalid",
        )

    def test_after_sign_out_the_old_token_gets_nothing(self, signed_in: App, org_url: str) -> None:
        signed_in.call("api/getProfile")  # the api function now remembers the credential
        signed_in.call("auth/signOut", {"everywhere": True})
        assert signed_in.reason("api/getProfile", {}) == (400, "FAILED_PRECONDITION", "not-connected")


def test_no_token_code_or_verifier_is_in_any_log(app: App, org_url: str, suite_log: list[str], suite: Suite) -> None:
    control(org_url, "counters/reset")
    authorization = authorize(org_url)
    app.sign_in(authorization)
    app.call("api/getProfile")
    control(org_url, "expire", {"username": SALES})
    app.call("api/getProfile")
    app.http.get(f"{app.base_url}/oauth/callback?code={authorization.code}&state=abc")
    app.reason("auth/signIn", app.sign_in_body(authorization))
    while not any("/oauth/callback" in line for line in suite_log):  # Hosting's line comes a moment later
        time.sleep(0.05)
    assert app.id_token is not None
    text = "\n".join(suite_log)
    for secret in (
        authorization.code,
        authorization.code[:20],
        authorization.verifier,
        app.id_token,
        "5Aep861",
        "!",
        "local-consumer-secret",
        "eyJ",
    ):
        lines = [line for line in text.splitlines() if secret in line and not (secret == "!" and "00D" not in line)]
        assert not lines, lines[:3]
