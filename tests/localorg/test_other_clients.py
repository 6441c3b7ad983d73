"""The org judged by clients that we did not write, each used as its own documentation does, pointed at the org by
URL.
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from devtools.clients import (
    ADMIN,
    CALLBACK,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    SALES,
    SCOPE,
    authorize,
    control,
    exchange,
    log_in,
)
from devtools.setup_machine import tool_path
from localorg import EmbeddedOrg, OrgSettings
from localorg.soql.syntax import parse
from localorg.soql.tree import SoqlError
from tests.localorg.compatibility import shows
from tests.localorg.soql_corpus import corpus


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=700)) as running:
        yield running


class PlainHttp(requests.Session):
    """simple-salesforce writes https:// into every address; the org speaks http on loopback."""

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(method, str(url).replace("https://127.0.0.1", "http://127.0.0.1"), *args, **kwargs)


@pytest.fixture
def sf(own: EmbeddedOrg) -> Any:
    token = exchange(own.url, authorize(own.url, ADMIN))["access_token"]
    return Salesforce(instance=f"127.0.0.1:{own.port}", session_id=token, session=PlainHttp())


class TestSimpleSalesforce:
    @shows("simple-salesforce", "create", "get", "update", "delete")
    def test_records(self, sf: Any) -> None:
        made: Any = sf.Contact.create({"LastName": "Smith", "Email": "example@example.com"})
        assert made["success"]
        assert sf.Contact.get(made["id"])["LastName"] == "Smith"
        assert sf.Contact.update(made["id"], {"LastName": "Jones", "FirstName": "John"}) == 204
        assert sf.Contact.delete(made["id"]) == 204
        with pytest.raises(SalesforceResourceNotFound):
            sf.Contact.get(made["id"])
        with pytest.raises(SalesforceMalformedRequest):
            sf.Contact.create({"Nope": "x"})

    @shows("simple-salesforce", "upsert and get by external id")
    def test_upsert_by_external_id(self, sf: Any) -> None:
        assert sf.Account.upsert("External_Id__c/simple-1", {"Name": "Simple"}) == 201
        assert sf.Account.upsert("External_Id__c/simple-1", {"Name": "Simpler"}) == 200
        assert sf.Account.get_by_custom_id("External_Id__c", "simple-1")["Name"] == "Simpler"

    @shows("simple-salesforce", "query", "query_all", "query_all_iter")
    def test_queries(self, sf: Any) -> None:
        page: Any = sf.query("SELECT Id, Email FROM Contact WHERE LastName = 'Jensen'")
        assert page["done"]
        everyone = sf.query_all("SELECT Id FROM Contact", headers={"Sforce-Query-Options": "batchSize=200"})
        assert everyone["totalSize"] == len(everyone["records"]) > 400
        assert (
            sum(1 for _ in sf.query_all_iter("SELECT Id FROM Opportunity"))
            == sf.query("SELECT COUNT() FROM Opportunity")["totalSize"]
        )
        with pytest.raises(SalesforceMalformedRequest):
            sf.query("SELECT Id FORM Contact")

    @shows("simple-salesforce", "describe", "search", "quick_search", "limits", "api_usage")
    def test_describe_search_and_limits(self, sf: Any) -> None:
        described: Any = sf.describe()
        assert {"Account", "Contact", "Lead"} <= {o["name"] for o in described["sobjects"]}
        fields: Any = sf.Contact.describe()
        assert any(f["name"] == "LastName" for f in fields["fields"])
        found: Any = sf.quick_search("alder")
        assert found["searchRecords"]
        assert sf.search("FIND {Alder}")["searchRecords"]
        assert sf.limits()["DailyApiRequests"]["Max"] == 15000
        assert "api-usage" in sf.api_usage

    @shows("simple-salesforce", "bulk2 insert", "bulk2 upsert", "bulk2 query", "bulk2 delete")
    def test_bulk(self, sf: Any) -> None:
        (made,) = sf.bulk2.Account.insert(
            records=[{"Name": f"Bulky {n}", "External_Id__c": f"bulky-{n}"} for n in range(30)], wait=1
        )
        assert (made["numberRecordsProcessed"], made["numberRecordsFailed"]) == (30, 0)
        (changed,) = sf.bulk2.Account.upsert(
            records=[{"External_Id__c": "bulky-1", "Name": "Bulkier"}], external_id_field="External_Id__c", wait=1
        )
        assert changed["numberRecordsFailed"] == 0
        pages = list(sf.bulk2.Account.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk%'", wait=1))
        assert sum(page.count("Bulk") for page in pages) == 30
        assert "Bulkier" in "".join(pages)
        ids = [{"Id": line.split(",")[0].strip('"')} for page in pages for line in page.splitlines()[1:]]
        (gone,) = sf.bulk2.Account.delete(records=ids, wait=1)
        assert (gone["numberRecordsProcessed"], gone["numberRecordsFailed"]) == (30, 0)

    @shows("simple-salesforce", "bulk insert", "bulk upsert", "bulk update", "bulk query", "bulk delete")
    def test_bulk_1(self, sf: Any) -> None:
        rows = [{"Name": f"Classic {n}", "External_Id__c": f"classic-{n}", "NumberOfEmployees": n} for n in range(30)]
        made: Any = sf.bulk.Account.insert([*rows, {"Phone": "1"}], batch_size=20)
        assert [r["success"] for r in made] == [True] * 30 + [False]
        assert made[-1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
        changed: Any = sf.bulk.Account.upsert(
            [{"External_Id__c": "classic-1", "Name": "Classic one"}], "External_Id__c"
        )
        assert (changed[0]["success"], changed[0]["created"]) == (True, False)
        assert sf.bulk.Account.update([{"Id": made[0]["id"], "Phone": None}])[0]["success"]
        found: Any = sf.bulk.Account.query("SELECT Id, Name, NumberOfEmployees FROM Account WHERE Name LIKE 'Classic%'")
        assert (len(found), sorted(r["NumberOfEmployees"] for r in found)) == (30, list(range(30)))
        assert all(r["success"] for r in sf.bulk.Account.delete([{"Id": r["Id"]} for r in found]))

    @shows("simple-salesforce", "ContentVersion.create", "ContentVersion.get_base64", "ContentDocumentLink.create")
    def test_files(self, sf: Any) -> None:
        encoded = base64.b64encode(b"some bytes").decode()
        made = sf.ContentVersion.create({"PathOnClient": "note.txt", "VersionData": encoded})
        assert sf.ContentVersion.get_base64(made["id"], "VersionData") == b"some bytes"
        document = sf.ContentVersion.get(made["id"])["ContentDocumentId"]
        account = sf.query("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
        link = {"ContentDocumentId": document, "LinkedEntityId": account, "ShareType": "V"}
        assert sf.ContentDocumentLink.create(link)["success"]

    @shows("simple-salesforce", "an expired session")
    def test_an_expired_session_has_its_own_error(self, sf: Any, own: EmbeddedOrg) -> None:
        control(own.url, "expire", {"username": ADMIN})
        with pytest.raises(SalesforceExpiredSession):
            sf.query("SELECT Id FROM Account LIMIT 1")


@shows("Authlib", "authorization code with PKCE", "refresh", "revoke", "userinfo")
def test_authlib_signs_in_with_pkce_and_refreshes(own: EmbeddedOrg) -> None:
    saved: list[dict[str, Any]] = []
    client: Any = OAuth2Session(
        CONSUMER_KEY,
        CONSUMER_SECRET,
        scope=SCOPE,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint=f"{own.url}/services/oauth2/token",
        token_endpoint_auth_method="client_secret_post",
        update_token=lambda token, **_: saved.append(token),
    )
    verifier = "authlib-" + "v" * 50
    url, state = client.create_authorization_url(f"{own.url}/services/oauth2/authorize", code_verifier=verifier)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
    back = log_in(own.url, verifier=verifier, state=state, code_challenge=asked["code_challenge"])
    token: Any = client.fetch_token(authorization_response=back.headers["location"], code_verifier=verifier)
    assert client.get(f"{own.url}/services/oauth2/userinfo").json()["active"] is True
    renewed: Any = client.refresh_token(f"{own.url}/services/oauth2/token", token["refresh_token"])
    assert renewed["access_token"] != token["access_token"]
    client.revoke_token(f"{own.url}/services/oauth2/revoke", renewed["refresh_token"])
    assert client.get(f"{own.url}/services/oauth2/userinfo").status_code == 403


def run_node(repository: Path, script: str, given: object, **environment: str) -> Any:
    """Runs a script of this folder with the project's Node; it reads JSON and writes JSON."""
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None, "Node is missing: run make test, which installs it"
    done = subprocess.run(
        [node, str(repository / "tests/localorg" / script)], input=json.dumps(given), capture_output=True, text=True,
        timeout=120, check=False,
        env={"NODE_PATH": str(repository / "tests/localorg/npm/node_modules"), "PATH": "", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@shows(
    "jsforce", "OAuth2 with PKCE", "identity", "query, with autoFetch", "create", "update", "retrieve", "destroy",
    "find", "describe", "search",
    "refresh by itself", "collections", "bulk2 load and query", "bulk load and query", "quick actions", "tabs, theme",
    "approval layouts",
    "the plan of a list view", "upsert below v46.0", "client credentials",
)  # fmt: skip
def test_jsforce_goes_through_its_whole_story(own: EmbeddedOrg, repository: Path) -> None:
    verifier = "jsforce-" + "v" * 50
    back = log_in(own.url, verifier=verifier)
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    client = {"key": CONSUMER_KEY, "secret": CONSUMER_SECRET, "callback": CALLBACK}
    given = {"url": own.url, **client, "code": code, "verifier": verifier, "user": SALES}
    control(own.url, "app", {"clientCredentialsUser": SALES})
    told = run_node(repository, "jsforce_story.js", given)
    control(own.url, "app", {"clientCredentialsUser": ""})
    assert told == {
        "authorizeHasChallenge": True,
        "identity": SALES,
        "fetchedAll": True,
        "created": True,
        "updated": "Jsforce changed",
        "conditional": True,
        "destroyed": True,
        "goneCode": "ENTITY_IS_DELETED",
        "described": True,
        "search": True,
        "errorCode": "INVALID_FIELD",
        "actionDefaults": True,
        "acted": True,
        "actions": True,
        "tabs": True,
        "theme": True,
        "approvals": [],
        "plan": "Account",
        "upserts": [True, True],
        "server": True,
        "refreshes": 1,
        "afterRefresh": True,
        "collection": [True, False],
        "bulkLoaded": [2, 1],
        "bulkQueried": ["Bulk by jsforce 1", "Bulk by jsforce 2"],
        "classicLoaded": [[True, 0], [False, 1]],
        "classicQueried": ["Classic by jsforce"],
        "classicEmpty": "ClientInputError",
        "classicRefreshed": True,
    }


_CLIENT = {"key": CONSUMER_KEY, "secret": CONSUMER_SECRET, "callback": CALLBACK}


@shows(
    "openid-client",
    "discovery",
    "authorization code with PKCE, state, nonce and ID token",
    "userinfo",
    "refresh",
    "introspect",
    "reuse",
    "revoke",
)
def test_openid_client_checks_everything(own: EmbeddedOrg, repository: Path) -> None:
    verifier = "openid-" + "v" * 50
    back, second, third = (
        log_in(own.url, verifier=verifier, nonce="the-nonce", scope="openid api refresh_token").headers["location"]
        for _ in range(3)
    )
    given = {
        "url": own.url,
        **_CLIENT,
        "verifier": verifier,
        "state": "the-state",
        "nonce": "the-nonce",
        "back": back,
        "second": second,
        "third": third,
    }
    assert run_node(repository, "npm/openid_story.mjs", given) == {
        "issuer": True, "pkce": True, "subject": True, "user": SALES, "rotated": True, "active": True,
        "reuse": "invalid_grant", "revoked": False,
        "afterReuse": "invalid_grant", "wrongNonce": "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
    }  # fmt: skip


@shows(
    "@salesforce/core", "AuthInfo from a code", "Connection.identity", "retrieveMaxApiVersion", "singleRecordQuery",
    "autoFetchQuery", "create",
    "delete", "Org", "refresh by itself",
)  # fmt: skip
def test_salesforce_core_alone(own: EmbeddedOrg, repository: Path, tmp_path: Path) -> None:
    verifier = "core-" + "v" * 50
    code = parse_qs(urlsplit(log_in(own.url, verifier=verifier).headers["location"]).query)["code"][0]
    given = {"url": own.url, **_CLIENT, "code": code, "verifier": verifier}
    home = {
        "HOME": str(tmp_path),
        "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
        "SF_DISABLE_LOG_FILE": "true",
        "SF_DISABLE_TELEMETRY": "true",
    }
    assert run_node(repository, "npm/core_story.mjs", given, **home) == {
        "identity": SALES, "username": SALES, "version": "68.0", "latest": "68.0", "single": "Sam Sales", "all": True,
        "created": True,
        "deleted": True, "org": True, "sandbox": False, "afterExpiry": 1, "error": "INVALID_FIELD",
    }  # fmt: skip


def test_the_grammar_agrees_with_soql_parser_js(repository: Path) -> None:
    texts = corpus(400)
    verdicts: list[bool] = run_node(repository, "soql_oracle.js", texts)
    different: list[tuple[str, bool]] = []
    for text, theirs in zip(texts, verdicts, strict=True):
        try:
            parse(text)
            ours = True
        except SoqlError:
            ours = False
        if ours != theirs:
            different.append((text, theirs))
    assert not different, different[:10]
    assert sum(verdicts) > 200
    assert not all(verdicts)
