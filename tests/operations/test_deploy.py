"""Deployment without Google: the plan and its steps against a project in a file, what the code needs against what is
granted, what goes up.
"""

import ast
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.settings import load, secret_names
from devtools.deploy import command, hosting, steps, wanted
from devtools.deploy.cloud import Command, DeployError, Post, Write
from devtools.deploy.steps import Target
from devtools.deploy.upload import uploaded
from devtools.paths import ROOT
from tests.operations import fake_google
from tests.operations.project import CLIENT_KEY, KMS, PROJECT, SECRET, World

BUILDER = f"serviceAccount:{wanted.account(wanted.BUILD, PROJECT)}"  # test_build_account.py has what it may do


@pytest.fixture
def target() -> Target:
    return Target(PROJECT, "eur3")


class TestPlan:
    def test_it_tells_every_change_and_makes_none(self, world: World, target: Target) -> None:
        world.shell = True
        before = world.read()
        told = world.plan(target)
        assert world.read() == before
        world.deploy(target)
        # The stamp of the deployment is not known before.
        made = [shlex.join(w for w in words if "--message=" not in w) for words in world.read()["changes"]]
        planned = [
            line.strip()
            for line in "\n".join(world.said).splitlines()
            if line.strip().startswith(("gcloud ", "firebase "))
        ]
        assert [line.removesuffix("  < a secret") for line in planned] == made
        requests = [line for line in world.said if re.search(r": (POST|PATCH) http", line)]
        uploaded = [line for line in made if line.startswith("firebase deploy")]
        assert told == len(made) - len(uploaded) + len(requests), "the uploads are told apart"

    def test_no_two_changes_read_alike(self, world: World) -> None:
        """Alerts and objectives have one address: what each is says the words before it."""
        target = Target(PROJECT, "eur3", alert_email="on-call@example.com")
        world.plan(target)
        changes = [line for line in world.said if line.startswith("    ")]
        assert len(set(changes)) == len(changes)
        told = "\n".join(changes)
        for kind, word in (("policies", "alert"), ("slos", "objective"), ("metrics", "create")):
            for file in (ROOT / "deploy/monitoring" / kind).glob("*.json"):
                assert len(re.findall(rf"{word} {file.stem}\b.*", told)) == 1, file
        world.deploy(target)
        found = world.read()["monitoring"]
        found[f"/v3/projects/{PROJECT}/alertPolicies"][0]["userLabels"]["version"] = "an older one"
        world.set(monitoring=found)
        world.plan(target)
        (line,) = [line for line in world.said if "PATCH" in line]
        assert re.match(r"    bring up to date the alert allowance \(“.+”\): PATCH https?://", line)

    def test_it_says_the_same_as_what_is_then_done(self, world: World, target: Target) -> None:
        world.plan(target)
        planned = [line.strip() for line in world.said if line.startswith("    ") and " files" not in line]
        world.deploy(target)
        assert planned == [line.strip() for line in world.said if line.startswith("    ")]

    def test_each_step_says_why(self, world: World, target: Target) -> None:
        world.plan(target)
        assert all(re.match(r"[+✓↑] [\w ,]+: \w.{20,}", line) for line in world.said if line[0] in "+✓↑")

    def test_no_secret_is_asked_for_or_told(
        self, world: World, target: Target, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SALESFORCE_CONSUMER_SECRET")
        assert world.plan(target) > 10


class TestDeploy:
    def test_a_new_project_has_everything_afterwards_and_a_second_run_only_uploads(
        self, world: World, target: Target
    ) -> None:
        world.deploy(target)
        first = world.read()
        assert first["uploads"] == ["firestore", "functions", "hosting"]
        assert world.plan(target) == 0
        world.deploy(target)
        second = world.read()
        again = [change[3] for change in second["changes"][len(first["changes"]) :]]
        assert again == ["firestore", "functions", "hosting"]
        each_time = {"changes": 0, "uploads": 0, "hosting": 0, "time": 0}
        assert second | each_time == first | each_time

    def test_stopped_again_and_again_the_next_run_goes_on(self, world: World, target: Target) -> None:
        world.deploy(target)
        whole = world.read()
        world.set(**fake_google.NEW)
        for made in range(1, len(whole["changes"]), 3):  # each stop takes a second
            world.set(stopAt=made)
            with pytest.raises(DeployError) as stopped:
                world.deploy(target)
            assert "\n" not in str(stopped.value)
            assert len(world.read()["changes"]) == made
        world.deploy(target)
        again = world.read()
        assert [len(found["secrets"]["TOKEN_KEYSET"]) for found in (whole, again)] == [1, 1], "one keyset, made once"
        assert again["uploads"][-3:] == ["firestore", "functions", "hosting"], "they go up each time, in this order"
        made_once = [c for c in again["changes"] if c[1] != "deploy"]
        assert made_once == [c for c in whole["changes"] if c[1] != "deploy"]
        each_time = {"secrets": 0, "uploads": 0, "changes": 0, "hosting": 0, "time": 0}
        assert {**again, **each_time} == {**whole, **each_time}

    def test_half_a_project_gets_the_other_half(self, world: World, target: Target) -> None:
        world.set(
            apis=[
                *fake_google.NEW["apis"],
                "firestore.googleapis.com",
                "secretmanager.googleapis.com",
                "iam.googleapis.com",
            ],
            databases=[{"type": "FIRESTORE_NATIVE", "locationId": "eur3", "name": "x/(default)"}],
            accounts=[wanted.account("auth", PROJECT)],
            accountTitles={wanted.account("auth", PROJECT): "Salesforce sample: auth"},
            secrets={"TOKEN_KEYSET": ["theirs"], "SALESFORCE_CONSUMER_SECRET": []},
            secretLabels={name: {"made-by": "salesforce-sample"} for name in wanted.SECRETS},
        )
        world.deploy(target)
        after = world.read()
        assert after["secrets"] == {"TOKEN_KEYSET": ["theirs"], "SALESFORCE_CONSUMER_SECRET": [SECRET]}
        assert [d["name"].rpartition("/")[2] for d in after["databases"]] == ["(default)", "blocks"]
        assert sorted(after["accounts"]) == sorted(
            wanted.account(f, PROJECT) for f in (*wanted.FUNCTIONS, wanted.BUILD)
        )

    def test_the_keyset_is_one_that_the_functions_open(self, world: World, target: Target) -> None:
        from backend.adapters.cipher import TinkCipher
        from backend.values import Secret

        world.deploy(target)
        (keyset,) = world.read()["secrets"]["TOKEN_KEYSET"]
        TinkCipher(Secret(keyset))

    def test_secrets_stand_in_no_command_and_in_nothing_that_is_printed(self, world: World, target: Target) -> None:
        world.deploy(target)
        (keyset,) = world.read()["secrets"]["TOKEN_KEYSET"]
        told = json.dumps(world.read()["changes"]) + "\n".join(world.said)
        assert SECRET not in told
        assert json.loads(keyset)["key"][0]["keyData"]["value"] not in told

    def test_only_auth_may_sign_and_each_has_no_more_than_it_needs(self, world: World, target: Target) -> None:
        world.deploy(target)
        policies = world.read()["policies"]
        auth, api, upkeep = (f"serviceAccount:{wanted.account(f, PROJECT)}" for f in wanted.FUNCTIONS)
        assert policies[wanted.account("auth", PROJECT)] == [["roles/iam.serviceAccountTokenCreator", auth]]
        vault, blocks = (f'resource.name=="projects/{PROJECT}/databases/{d}"' for d in ("(default)", "blocks"))
        assert {tuple(b) for b in policies["project"][1:] if BUILDER not in b} == {
            *(("roles/datastore.user", account, vault) for account in (auth, api, upkeep)),
            *(("roles/datastore.viewer", account, blocks) for account in (auth, api, upkeep)),
            (f"projects/{PROJECT}/roles/salesforceSampleSessions", auth),
        }
        assert world.read()["roles"] == {
            "salesforceSampleSessions": ["firebaseauth.users.delete", "firebaseauth.users.update"]
        }

    def test_a_project_of_an_earlier_version_loses_what_was_too_much(self, world: World, target: Target) -> None:
        accounts = [f"serviceAccount:{wanted.account(f, PROJECT)}" for f in wanted.FUNCTIONS]
        theirs = [["roles/owner", "user:someone@example.com"], ["roles/datastore.user", "user:else@example.com"]]
        world.set(
            apis=[*fake_google.NEW["apis"], "iam.googleapis.com"],
            accounts=[wanted.account(f, PROJECT) for f in wanted.FUNCTIONS],
            accountTitles={wanted.account(f, PROJECT): f"Salesforce sample: {f}" for f in wanted.FUNCTIONS},
            policies={
                "project": [
                    *theirs,
                    *(["roles/datastore.user", account] for account in accounts),
                    ["roles/firebaseauth.admin", accounts[0]],
                ]
            },
            roles={"salesforceSampleSessions": ["firebaseauth.users.delete"]},
        )
        world.deploy(target)
        after = world.read()
        kept = [b for b in after["policies"]["project"] if len(b) == 2 and BUILDER not in b]
        assert kept == [*theirs, [f"projects/{PROJECT}/roles/salesforceSampleSessions", accounts[0]]]
        assert len(after["roles"]["salesforceSampleSessions"]) == 2
        assert world.plan(target) == 0

    def test_alerts_go_to_somebody_and_follow_their_files(self, world: World) -> None:
        target = Target(PROJECT, "eur3", alert_email="on-call@example.com")
        world.deploy(target)
        path = f"/v3/projects/{PROJECT}"
        found = world.read()["monitoring"]
        (channel,) = found[f"{path}/notificationChannels"]
        alerts = found[f"{path}/alertPolicies"]
        assert len(alerts) == len(list((ROOT / "deploy/monitoring/policies").glob("*.json")))
        assert all(alert["notificationChannels"] == [channel["name"]] for alert in alerts)
        assert len(found[f"{path}/services/salesforce-sample/serviceLevelObjectives"]) == len(
            list((ROOT / "deploy/monitoring/slos").glob("*.json"))
        )
        assert world.plan(target) == 0
        alerts[0]["userLabels"]["version"] = "an older one"
        found[f"{path}/alertPolicies"] = alerts
        world.set(monitoring=found)
        assert world.plan(target) == 1
        world.deploy(target)
        assert world.plan(target) == 0
        assert len(world.read()["monitoring"][f"{path}/alertPolicies"]) == len(alerts)

    def test_with_a_kms_key_telemetry_and_app_check(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(steps, "_keyset", lambda _target: "a wrapped keyset")  # pyright: ignore[reportPrivateUsage]  KMS is out of reach
        app_check = {"APP_CHECK_APPS": "1:1:android:ff 1:1:web:ff", "APP_CHECK_SITE_KEY": "6Lc-a-key-of-a-page"}
        target = Target(PROJECT, "eur3", {"TOKEN_KEYSET_KMS_KEY": KMS, "TELEMETRY": "google", **app_check})
        config = world.tree / hosting.config_file(PROJECT, target.settings)
        try:
            world.deploy(target)
            headers = page_headers(json.loads(config.read_text()))
        finally:
            config.unlink(missing_ok=True)
        after = world.read()
        assert after["keyrings"] == {"sample": ["tokens"]}
        assert len(after["policies"]["key tokens"]) == 3
        assert {"cloudkms.googleapis.com", "telemetry.googleapis.com", "firebaseappcheck.googleapis.com"} <= set(
            after["apis"]
        )
        assert ["roles/telemetry.writer", f"serviceAccount:{wanted.account('api', PROJECT)}"] in after["policies"][
            "project"
        ]
        assert "recaptchaenterprise.googleapis.com" in after["apis"]
        assert after["appCheck"] == {"siteKey": "6Lc-a-key-of-a-page"}
        assert after["changes"][-1][-3:-1] == ["--config", config.name]
        assert (
            headers["Content-Security-Policy"]
            == page_headers(hosting.with_app_check(firebase_json()))["Content-Security-Policy"]
        )
        assert world.plan(target) == 0
        assert not config.exists(), "a plan writes nothing"
        world.set(appCheck={"siteKey": "another"})
        assert world.plan(target) == 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "not logged in": ({"loggedIn": False}, "gcloud auth login"),
    "no billing": ({"billing": False}, "Billing"),
    "a person without the right": ({"permitted": False}, "roles/owner"),
    "a database elsewhere": (
        {
            "apis": [*fake_google.NEW["apis"], "firestore.googleapis.com"],
            "databases": [{"type": "FIRESTORE_NATIVE", "locationId": "nam5", "name": "x/(default)"}],
        },
        "LOCATION=nam5",
    ),
    "Datastore mode": (
        {
            "apis": [*fake_google.NEW["apis"], "firestore.googleapis.com"],
            "databases": [{"type": "DATASTORE_MODE", "locationId": "eur3", "name": "x/(default)"}],
        },
        "another project",
    ),
}


class TestWrong:
    @pytest.mark.parametrize("what", WRONG)
    def test_what_is_wrong_with_the_project_is_said_in_one_line(self, world: World, target: Target, what: str) -> None:
        state, says = WRONG[what]
        world.set(**state)
        with pytest.raises(DeployError, match=re.escape(says)) as wrong:
            world.deploy(target)
        assert "\n" not in str(wrong.value)

    def test_a_location_that_does_not_exist(self, world: World) -> None:
        with pytest.raises(DeployError, match="LOCATION="):
            world.deploy(Target(PROJECT, "europe-north9"))

    @pytest.mark.parametrize("secret", ["", "   "])
    def test_an_empty_secret(self, world: World, target: Target, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SALESFORCE_CONSUMER_SECRET", secret)
        with pytest.raises(DeployError, match="consumer secret is empty"):
            world.deploy(target)
        assert not world.read()["changes"], "nothing half made"
        monkeypatch.setenv("SALESFORCE_CONSUMER_SECRET", SECRET)
        world.deploy(target)
        assert world.read()["secrets"]["SALESFORCE_CONSUMER_SECRET"] == [SECRET]

    @pytest.mark.parametrize("project", ["", "A", "has space", "-x", "ends-", "../etc"])
    def test_a_project_id_that_is_none(self, project: str) -> None:
        with pytest.raises(DeployError, match="PROJECT=your-project-id"):
            command.target({"PROJECT": project})

    def test_settings_that_are_missing_or_still_the_examples(self, tmp_path: Path) -> None:
        file = tmp_path / f".env.{PROJECT}"
        chosen = {"PROJECT": PROJECT, "LOCATION": "nam5"}
        with pytest.raises(DeployError, match=r"cp functions/.env.example"):
            command.target(chosen, tmp_path)
        shutil.copy(ROOT / "functions/.env.example", file)
        with pytest.raises(DeployError, match="SALESFORCE_CONSUMER_KEY is still the example's"):
            command.target(chosen, tmp_path)
        file.write_text("SALESFORCE_CONSUMER_KEY=3MVG9\nSALESFORCE_LOGIN_HOSTS=evil.example=X\nAPI_INSTANCES=many\n")
        with pytest.raises(DeployError) as wrong:
            command.target(chosen, tmp_path)
        assert all(name in str(wrong.value) for name in ("SALESFORCE_LOGIN_HOSTS", "API_INSTANCES"))
        good = [
            "SALESFORCE_CONSUMER_KEY=3MVG9",
            "SALESFORCE_LOGIN_HOSTS=login.salesforce.com=X",
            "REDIRECT_URIS=https://a.web.app/x",
            "WEB_API_KEY='k'",
        ]
        file.write_text("\n".join(["# ours", *good, "WEB_API_KEY='k'"]))
        found = command.target(chosen, tmp_path)
        assert (found.location, found.settings["WEB_API_KEY"]) == ("nam5", "k")

    def test_a_kms_key_that_is_none(self, world: World) -> None:
        with pytest.raises(DeployError, match="gcp-kms://projects/P"):
            world.deploy(Target(PROJECT, "eur3", {"TOKEN_KEYSET_KMS_KEY": "gcp-kms://projects/x"}))


class TestAdministration:
    """What an administrator's command on a deployed project has for an environment."""

    def test_the_settings_of_the_example_and_the_secrets_of_the_project(self, world: World, tmp_path: Path) -> None:
        example = (ROOT / "functions/.env.example").read_text()
        (tmp_path / f".env.{PROJECT}").write_text(
            example.replace("put-the-consumer-key-of-your-external-client-app-here", "3MVG9").replace("your-", "my-")
        )
        where = command.target({"PROJECT": PROJECT}, tmp_path)
        world.deploy(where)
        given = command.administration(where, world.cloud(), {})
        (keyset,) = world.read()["secrets"]["TOKEN_KEYSET"]
        assert (given["SALESFORCE_CONSUMER_SECRET"], given["TOKEN_KEYSET"], given["GCLOUD_PROJECT"]) == (
            SECRET,
            keyset,
            PROJECT,
        )
        # As for re-sealing.
        assert command.administration(where, world.cloud(), {"TOKEN_KEYSET": "promoted"})["TOKEN_KEYSET"] == "promoted"
        settings = load({**given, "FUNCTION_TARGET": ""})
        assert [h.label for h in settings.login_hosts] == ["Production", "Sandbox", "My Domain"]

    def test_a_shell_reads_the_example_as_the_functions_do(self, tmp_path: Path) -> None:
        """`set -a; . functions/.env.PROJECT`, as some do."""
        file = tmp_path / f".env.{PROJECT}"
        file.write_text((ROOT / "functions/.env.example").read_text().replace("put-the-", "").replace("your-", "my-"))
        settings = {**command.target({"PROJECT": PROJECT}, tmp_path).settings}
        assert settings.pop("REDIRECT_URIS") == f"https://{PROJECT}.web.app/oauth/callback", "it follows from the place"
        said = subprocess.run(
            ["/bin/sh", "-euc", f"set -a; . {file}; env"], capture_output=True, text=True, check=True, env={}
        ).stdout.splitlines()
        assert {f"{name}={value}" for name, value in settings.items()} <= set(said)

    def test_a_secret_that_may_not_be_read(self, world: World, target: Target) -> None:
        world.deploy(target)
        world.set(permitted=False)
        with pytest.raises(DeployError, match="ask for roles/owner"):
            command.administration(target, world.cloud(), {})


def _commands(world: World) -> list[list[str]]:
    settings = {"TOKEN_KEYSET_KMS_KEY": KMS, "TELEMETRY": "google", "APP_CHECK_APPS": "1:1:web:ff"}
    target = Target(PROJECT, "eur3", {**settings, "SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})
    missing: list[Command | Post | Write] = [c for step in steps.steps(target) for c in step.missing(world.cloud())]
    later = [c for _, _, c in steps.uploads(target, functions_go=True)]
    return [list(c.words) for c in [*missing, *later] if isinstance(c, Command)]


def _commands_of_the_docs() -> list[list[str]]:
    """Every command of gcloud and of firebase-tools that the docs tell somebody to type."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    typed = [
        line
        for page in pages
        for line in re.findall(r"`([^`\n]+)`|^((?:gcloud|make) .*)$", page.read_text(), re.MULTILINE)
    ]
    parts = [
        part.strip() for spans in typed for part in re.split(r" && | > | < |\s+#", "".join(spans).replace("…", "X"))
    ]
    gcloud = [shlex.split(part) for part in parts if part.startswith("gcloud ")]
    firebase = [shlex.split(part)[2] for part in parts if part.startswith("make firebase ARGS=")]
    return [*gcloud, *(["firebase", *shlex.split(given.removeprefix("ARGS="))] for given in firebase)]


def test_the_docs_have_commands_to_hold() -> None:
    told = _commands_of_the_docs()
    assert ["gcloud", "auth", "login"] in told
    assert ["firebase", "apps:create", "WEB", "salesforce-sample", "--project", "P"] in told
    text = "\n".join(
        page.read_text()
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "devtools/deploy").glob("*.py")]
    )
    assert not re.findall(r"npx |[`(]firebase (?!deploy`)[a-z]+[: ]", text), (
        "firebase-tools is not on anybody's path: make firebase runs it"
    )


def test_the_real_gcloud_knows_every_command_and_option(world: World) -> None:
    gcloud_knows([w for w in [*_commands(world), *_commands_of_the_docs()] if w[0] == "gcloud"])


def gcloud_knows(commands: list[list[str]]) -> None:
    """Fails for a command or an option that the real gcloud does not know, by the tables that it completes command
    lines from.
    """
    real = shutil.which("gcloud")
    assert real is not None, "gcloud is missing: install the Google Cloud CLI"
    file = next(
        (p for up in Path(real).resolve().parents for p in [up / "data/cli/gcloud_completions.py"] if p.is_file()), None
    )
    file = file or Path("/usr/lib/google-cloud-sdk/data/cli/gcloud_completions.py")
    spec = importlib.util.spec_from_file_location("gcloud_completions", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = module.STATIC_COMPLETION_CLI_TREE
    for words in commands:
        node, rest = root, words[1:]
        while rest and rest[0] in node["commands"]:
            node, rest = node["commands"][rest[0]], rest[1:]
        assert not node["commands"], f"{words} is no whole command"
        known = set(node["flags"]) | set(root["flags"])
        known |= {f"--no-{flag.removeprefix('--')}" for flag, kind in node["flags"].items() if kind == "bool"}
        assert {w.partition("=")[0] for w in rest if w.startswith("--")} <= known, words


def test_firebase_tools_knows_every_command_and_option(world: World) -> None:
    firebase_knows([w for w in [*_commands(world), *_commands_of_the_docs()] if w[0] == "firebase"])


def firebase_knows(commands: list[list[str]]) -> None:
    """Fails for a command or an option that the pinned firebase-tools does not know, by its own code."""
    tools = ROOT / "devtools/node_modules/firebase-tools/lib"
    everywhere = (tools / "index.js").read_text()
    for words in commands:
        source = (tools / f"commands/{words[1].replace(':', '-')}.js").read_text() + everywhere
        for option in (w for w in words if w.startswith("--")):
            assert option in source or ("withForce(" in source and option == "--force"), f"{option} of {words}"


# What the code uses


def _uses() -> Iterator[str]:
    """Every module of Google's that the functions import, every call of firebase_admin.auth, and every address of
    Google's.
    """
    for file in [ROOT / "functions/main.py", *(ROOT / "functions/backend").rglob("*.py")]:
        text = file.read_text()
        nodes = list(ast.walk(ast.parse(text)))
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module in (
                "google.cloud",
                "firebase_admin",
            ):  # their names are modules
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or ""
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "auth"
                and "firebase_admin" in text
            ):
                yield f"firebase_admin.auth.{node.attr}"
        yield from re.findall(r"https://[a-z]+\.googleapis\.com", text)


def _of_googles() -> set[str]:
    modules = ("firebase_admin.auth", "firebase_admin.exceptions", "google.cloud")
    return {
        u
        for u in _uses()
        if u.startswith(("google.", "firebase_admin", "https://")) and u not in modules and not u.endswith("Error")
    }


def test_everything_of_googles_that_the_code_uses_has_its_api_and_role() -> None:
    unknown = {use for use in _of_googles() if use not in wanted.NEEDS}
    assert not unknown, "add it to NEEDS in devtools/deploy/wanted.py, with the API and the role that it needs"
    everything = Target(
        PROJECT, "eur3", {"TOKEN_KEYSET_KMS_KEY": KMS, "TELEMETRY": "google", "APP_CHECK_APPS": "1:1:web:ff"}
    )
    granted: dict[str, set[str]] = {
        f: {*(r.name for r in everything.roles(f)), wanted.SECRET_ROLE, wanted.KMS_ROLE} for f in wanted.FUNCTIONS
    }
    granted[wanted.SIGNER].add(wanted.SIGNER_ROLE)
    for use in _of_googles():
        need = wanted.NEEDS[use]
        assert need.api is None or need.api in everything.apis, use
        assert all(need.role is None or need.role in granted[f] for f in need.functions), use


def test_nothing_is_granted_that_the_code_does_not_use() -> None:
    # The quota project's, and reading the blocks.
    more = {"roles/serviceusage.serviceUsageConsumer", "roles/datastore.viewer"}
    roles = {wanted.NEEDS[use].role for use in _of_googles()} | more
    assert {r.name for f in wanted.FUNCTIONS for r in (*wanted.ROLES[f], *wanted.TELEMETRY_ROLES)} <= roles
    assert set(wanted.NEEDS) <= _of_googles(), "what nothing uses any more needs no role"


def test_the_functions_accounts_and_secrets_are_the_ones_that_are_made() -> None:
    main = (ROOT / "functions/main.py").read_text()
    assert set(re.findall(r'service_account="([\w-]+)@"', main)) == {f"salesforce-{f}" for f in wanted.FUNCTIONS}
    assert "secrets=SECRETS" in main
    for given in ({}, {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY}):
        assert secret_names(given) == list(Target(PROJECT, "eur3", given).secrets)


# What goes up

FUNCTION_FILES = re.compile(r"main\.py|requirements\.txt|(backend|contract)/([a-z_]+/)*[a-z_]+\.py")
HOSTING_FILES = re.compile(r"index\.html|manifest\.json|favicon\.png|icons/[\w-]+\.png|v/[0-9a-f]{16}/.+")
NEVER = re.compile(r"(^|/)(\.|tests?/|node_modules/|venv/)|secret|\.local$|\.pyc$|\.pem$", re.IGNORECASE)


@pytest.mark.parametrize(("part", "allowed"), [("functions", FUNCTION_FILES), ("hosting", HOSTING_FILES)])
def test_only_what_is_on_the_list_goes_up(part: str, allowed: re.Pattern[str], tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "functions",
        tmp_path / "functions",
        ignore=shutil.ignore_patterns("venv", "*.pyc", ".env.*", ".secret.local"),
    )
    shutil.copy(ROOT / "firebase.json", tmp_path)
    (tmp_path / "build").symlink_to(ROOT / "build")
    for name in (
        ".env.a-project",
        ".env.local",
        ".secret.local",
        "notes.local",
        ".runtimeconfig.json",
        "backend/.DS_Store",
    ):
        (tmp_path / "functions" / name).write_text("A=B")
    found = uploaded(tmp_path)[part]
    assert found
    assert not [f for f in found if not allowed.fullmatch(f)]
    assert not [f for f in found if NEVER.search(f)]


def firebase_json() -> dict[str, Any]:
    return json.loads((ROOT / "firebase.json").read_text())


def page_headers(config: dict[str, Any]) -> dict[str, str]:
    return {
        h["key"]: h["value"] for rule in config["hosting"]["headers"] if rule["source"] == "**" for h in rule["headers"]
    }


def _directives(policy: str) -> dict[str, set[str]]:
    return {name: set(rest.split()) for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}


def test_with_app_check_the_page_may_prove_itself_and_nothing_else() -> None:
    before, after = (
        _directives(page_headers(c)["Content-Security-Policy"])
        for c in (firebase_json(), hosting.with_app_check(firebase_json()))
    )
    assert after["script-src"] - before["script-src"] == {
        "https://www.google.com/recaptcha/enterprise.js",
        "https://www.gstatic.com/recaptcha/releases/",
    }
    assert {name for name in after if after[name] != before.get(name)} == {"script-src", "frame-src", "connect-src"}
    without = {"require-trusted-types-for", "trusted-types"}  # reCAPTCHA's own scripts know nothing of them
    assert set(before) - set(after) == without
    assert all(before[name] <= after[name] for name in set(before) - without)


def test_nobody_frames_the_page() -> None:
    everywhere = page_headers(firebase_json())
    assert everywhere["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in everywhere["Content-Security-Policy"]


def test_the_pages_policy_names_no_address_of_this_machine() -> None:
    assert "127.0.0.1" not in json.dumps(json.loads((ROOT / "firebase.json").read_text())["hosting"])
