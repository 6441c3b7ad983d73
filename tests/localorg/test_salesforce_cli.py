"""Salesforce's own command-line client, unmodified and used as its documentation says, against the local org."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization

from devtools import loopback
from devtools.clients import (
    ADMIN,
    CONSUMER_KEY,
    PASSWORD,
    SALES,
    Authorization,
    authorize,
    control,
    exchange,
    log_in,
)
from devtools.paths import OTHER_CLIENTS, ROOT, tool_path
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.compatibility import PAGE, page, shows
from tests.localorg.keys import key_and_certificate
from tests.localorg.test_metadata import CLERK, PROJECT, write

CLI = "Salesforce CLI"
RUN = OTHER_CLIENTS / "node_modules/@salesforce/cli/bin/run.js"

# The person at the browser that `sf org login web` opens.
_PERSON = f"""
import sys
import httpx2 as httpx

from devtools import loopback
from devtools.clients import hidden
with loopback.Client(follow_redirects=True) as browser:
    page = browser.get(sys.argv[-1])
    told = {{**hidden(page.text), "username": {ADMIN!r}, "pw": {PASSWORD!r}}}
    page = browser.post(str(page.url.join("/login")), data=told)
    if "consent" in page.text:
        browser.post(str(page.url.join("/consent")), data={{**hidden(page.text), "answer": "allow"}})
"""


class Sf:
    """The client with a home of its own, and an access token beside it."""

    def __init__(self, home: Path, org_url: str, token: str = "") -> None:
        self.home = home
        self.org_url = org_url
        self.token = token
        quiet = (
            "SF_DISABLE_TELEMETRY",
            "SF_AUTOUPDATE_DISABLE",
            "SF_SKIP_NEW_VERSION_CHECK",
            "SF_USE_GENERIC_UNIX_KEYCHAIN",
        )
        self.environment = {
            **os.environ, **dict.fromkeys(quiet, "true"), "HOME": str(home),
            "NODE_COMPILE_CACHE": str(home / "compiled"), "NO_COLOR": "1",
            "PATH": tool_path(dict(os.environ)),
        }  # fmt: skip

    def run(self, *arguments: str, **environment: str) -> str:
        """What a command prints; it must succeed."""
        node = shutil.which("node", path=self.environment["PATH"])
        assert node is not None
        assert RUN.exists(), "Salesforce's command-line client is missing: make test installs it"
        done = subprocess.run(
            [node, str(RUN), *arguments],
            cwd=self.home,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"sf {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str, **environment: str) -> Any:
        """The result that a command tells as JSON."""
        return json.loads(self.run(*arguments, "--json", **environment))["result"]

    def held(self, query: str) -> Any:
        """What the org answers to a query, asked without the client, whose every start takes two processor seconds."""
        answer = loopback.get(
            f"{self.org_url}/services/data/v68.0/query",
            params={"q": query},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def sf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sf]:
    """Signed in with an access token, as the default org."""
    with EmbeddedOrg(OrgSettings(accounts=30, schema=(write(tmp_path_factory.mktemp("dx"), PROJECT | CLERK),))) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        made = Sf(tmp_path_factory.mktemp("sf"), org.url, token)
        login = (
            "org",
            "login",
            "access-token",
            "--instance-url",
            org.url,
            "--no-prompt",
            "--alias",
            "local",
            "--set-default",
        )
        assert made.json(*login, SF_ACCESS_TOKEN=token)["username"] == ADMIN
        yield made


def test_the_external_client_app_is_a_package_that_salesforces_client_makes(tmp_path: Path) -> None:
    """As far as it goes without an org that takes metadata."""
    shutil.copytree(ROOT / "deploy/salesforce", tmp_path, dirs_exist_ok=True)
    Sf(tmp_path, "").run("project", "convert", "source", "--output-dir", "out")
    package = (tmp_path / "out/package.xml").read_text()
    kinds = (
        "ExternalClientApplication",
        "ExtlClntAppGlobalOauthSettings",
        "ExtlClntAppOauthSettings",
        "ExtlClntAppOauthConfigurablePolicies",
    )
    assert all(f"<name>{kind}</name>" in package for kind in kinds)
    assert (
        "secret>"
        not in (tmp_path / "out/extlClntAppGlobalOauthSets/Salesforce_Sample_glbloauth.ecaGlblOauth")
        .read_text()
        .lower()
    )


@shows(CLI, "org assign permset", "data upsert bulk")
def test_objects_of_ones_own(sf: Sf) -> None:
    assert sf.json("org", "assign", "permset", "--name", "Clerk")["successes"] == [{"name": ADMIN, "value": "Clerk"}]
    (sf.home / "invoices.csv").write_text("Key__c,Amount__c\nk-1,5\nk-2,6\n")
    bulk = (
        "data",
        "upsert",
        "bulk",
        "--sobject",
        "Invoice__c",
        "--file",
        "invoices.csv",
        "--external-id",
        "Key__c",
        "--wait",
        "2",
    )
    assert sf.json(*bulk)["jobInfo"]["numberRecordsProcessed"] == 2
    assert sf.held("SELECT SUM(Amount__c) total FROM Invoice__c")["records"][0]["total"] == 11


@shows(CLI, "org login access-token", "org display", "org list")
def test_an_access_token_signs_in(sf: Sf) -> None:
    shown = sf.json("org", "display")
    assert (shown["username"], shown["connectedStatus"], shown["apiVersion"]) == (ADMIN, "Connected", "68.0")
    assert "local" in sf.run("org", "list")


@shows(CLI, "org login web")
def test_the_browser_signs_in(sf: Sf, tmp_path: Path) -> None:
    opener, person = tmp_path / "browser", tmp_path / "person.py"
    person.write_text(_PERSON)
    opener.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} {sys.executable} {person} "$@" > {tmp_path}/person.log 2>&1 &\n')
    opener.chmod(opener.stat().st_mode | stat.S_IXUSR)
    signed_in = sf.json("org", "login", "web", "--instance-url", sf.org_url, "--alias", "web", BROWSER=str(opener))
    assert (signed_in["username"], signed_in["clientId"]) == (ADMIN, "PlatformCLI")


@shows(
    CLI,
    "data create record",
    "data get record",
    "data update record",
    "data delete record",
    "data query (fields, parents, children)",
)
def test_records(sf: Sf) -> None:
    made = sf.json(
        "data",
        "create",
        "record",
        "--sobject",
        "Account",
        "--values",
        "Name='Made by hand' BillingCity=Zürich NumberOfEmployees=7",
    )["id"]
    assert sf.json("data", "get", "record", "--sobject", "Account", "--where", "Name='made by hand'")["Id"] == made
    sf.run("data", "update", "record", "--sobject", "Account", "--record-id", made, "--values", "Phone='+41 44 1'")
    contact = {"LastName": "Müller", "AccountId": made}
    url = f"{sf.org_url}/services/data/v68.0/sobjects/Contact"
    assert loopback.post(url, json=contact, headers={"Authorization": f"Bearer {sf.token}"}).status_code == 201
    query = (
        "SELECT Name, Phone, Owner.Name, (SELECT LastName FROM Contacts) FROM Account WHERE BillingCity = 'ZÜRICH' AND"
        f" Id = '{made}'"
    )
    table = sf.run("data", "query", "--query", query)
    assert all(text in table for text in ("CONTACTS.LASTNAME", "Müller", "OWNER.NAME", "Ada Admin", "+41 44 1"))
    assert "[object Object]" not in table
    sf.run("data", "delete", "record", "--sobject", "Account", "--record-id", made)
    assert sf.held(f"SELECT Id FROM Account WHERE Id = '{made}'")["totalSize"] == 0


@shows(CLI, "data query (aggregates, csv)", "data search")
def test_queries_and_search(sf: Sf) -> None:
    rows = sf.run(
        "data",
        "query",
        "--query",
        "SELECT Industry, COUNT(Id) n FROM Account GROUP BY Industry ORDER BY Industry",
        "--result-format",
        "csv",
    )
    header, *lines = rows.strip().splitlines()
    assert header == "Industry,n"
    assert (
        sum(int(line.rsplit(",", 1)[1]) for line in lines)
        == sf.json("data", "query", "--query", "SELECT COUNT() FROM Account")["totalSize"]
    )
    assert "Alder" in sf.run("data", "search", "--query", "FIND {Alder} IN NAME FIELDS RETURNING Account(Name, Phone)")


@shows(CLI, "data export tree", "data import tree", "data import tree --plan")
def test_trees_go_out_and_come_in_again(sf: Sf) -> None:
    query = "SELECT Name, (SELECT LastName, FirstName FROM Contacts) FROM Account WHERE Name LIKE 'Alder%'"

    def count() -> int:
        return sf.held("SELECT COUNT() FROM Contact WHERE Account.Name LIKE 'Alder%'")["totalSize"]

    before = count()
    assert before > 0
    sf.run("data", "export", "tree", "--query", query, "--output-dir", "out")
    (file,) = (sf.home / "out").glob("*.json")
    sf.run("data", "import", "tree", "--files", str(file))
    assert count() == 2 * before
    sf.run("data", "export", "tree", "--plan", "--query", query, "--output-dir", "planned")
    (plan,) = (sf.home / "planned").glob("*plan.json")
    sf.run("data", "import", "tree", "--plan", str(plan))
    assert count() == 4 * before


@shows(
    CLI,
    "data import bulk",
    "data update bulk",
    "data upsert bulk",
    "data export bulk",
    "data delete bulk",
    "data bulk results",
)
def test_bulk_goes_in_and_out(sf: Sf) -> None:
    def run(command: str, text: str, *more: str) -> Any:
        file = sf.home / "rows.csv"
        file.write_text(text)
        return sf.json(
            "data",
            command,
            "bulk",
            "--sobject",
            "Account",
            "--file",
            str(file),
            "--wait",
            "5",
            "--line-ending",
            "LF",
            *more,
        )

    names = [f"Bulk {n:03}" for n in range(250)]
    assert run("import", "Name,External_Id__c\n" + "".join(f"{n},{n}\n" for n in names))["processedRecords"] == 250
    done = run(
        "upsert",
        "External_Id__c,Name,Phone\nBulk 001,Bulk changed,1\nBulk new,Bulk new,2\n",
        "--external-id",
        "External_Id__c",
    )
    assert sf.json("data", "bulk", "results", "--job-id", done["jobInfo"]["id"])["successfulRecords"] == 2
    sf.run(
        "data",
        "export",
        "bulk",
        "--query",
        "SELECT Id, Name FROM Account WHERE External_Id__c LIKE 'Bulk%'",
        "--output-file",
        "out.csv",
        "--wait",
        "5",
    )
    header, *lines = (sf.home / "out.csv").read_text().replace('"', "").splitlines()
    assert (header, len(lines)) == ("Id,Name", 251)
    assert {"Bulk changed", "Bulk new", "Bulk 000"} <= {line.split(",")[1] for line in lines}
    ids = [line.split(",")[0] for line in lines]
    run("update", "Id,Phone\n" + "".join(f"{i},7\n" for i in ids))
    assert sf.held("SELECT COUNT() FROM Account WHERE Phone = '7'")["totalSize"] == 251
    run("delete", "Id\n" + "".join(f"{i}\n" for i in ids))
    assert sf.held("SELECT COUNT() FROM Account WHERE External_Id__c LIKE 'Bulk%'")["totalSize"] == 0


@shows(CLI, "sobject list", "sobject describe", "org list limits", "api request rest")
def test_what_the_org_tells_of_itself(sf: Sf) -> None:
    assert {"Account", "Contact", "Opportunity", "Lead"} <= set(sf.json("sobject", "list"))
    assert "Industry" in {f["name"] for f in sf.json("sobject", "describe", "--sobject", "Account")["fields"]}
    assert "DailyApiRequests" in {row["name"] for row in sf.json("org", "list", "limits")}
    resources = json.loads(sf.run("api", "request", "rest", "services/data/v68.0"))
    assert resources["sobjects"] == "/services/data/v68.0/sobjects"


@shows(CLI, "org open --url-only")
def test_a_browser_is_let_in_once(sf: Sf) -> None:
    token = exchange_for_the_web(sf.org_url)
    sf.json(
        *("org", "login", "access-token", "--instance-url", sf.org_url, "--no-prompt", "--alias", "web"),
        SF_ACCESS_TOKEN=token,
    )
    door = sf.json("org", "open", "--url-only", "--target-org", "web")["url"]
    assert "/secur/frontdoor.jsp?otp=" in door
    assert [loopback.get(door).status_code for _ in range(2)] == [302, 403]


def exchange_for_the_web(org_url: str) -> str:
    """An access token with the scope `web`."""
    back = log_in(org_url, ADMIN, verifier="v" * 43, scope="api web")
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    return exchange(org_url, Authorization(code, "v" * 43))["access_token"]


@shows(CLI, "data create file")
def test_a_file_goes_up_to_a_record(sf: Sf) -> None:
    (sf.home / "note.txt").write_text("some words")
    account = sf.held("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    made = sf.json("data", "create", "file", "--file", "note.txt", "--title", "A note", "--parent-id", account)
    assert (made["Title"], made["FileExtension"]) == ("A note", "txt")
    linked = f"SELECT ContentDocumentId FROM ContentDocumentLink WHERE LinkedEntityId = '{account}'"
    assert sf.held(linked)["records"][0]["ContentDocumentId"] == made["ContentDocumentId"]


@shows(CLI, "org login jwt")
def test_a_server_signs_in_with_its_key(sf: Sf) -> None:
    key, certificate = key_and_certificate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (sf.home / "server.key").write_bytes(pem)
    control(sf.org_url, "app", {"certificate": certificate, "preauthorized": True})
    signed_in = sf.json(
        *("org", "login", "jwt", "--client-id", CONSUMER_KEY, "--jwt-key-file", "server.key"),
        *("--username", SALES, "--instance-url", sf.org_url, "--alias", "server"),
    )
    assert signed_in["username"] == SALES
    assert sf.json("data", "query", "--query", "SELECT COUNT() FROM Account", "--target-org", "server")["totalSize"]


def test_the_page_of_compatible_clients_is_what_the_tests_drive() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.localorg.compatibility"
