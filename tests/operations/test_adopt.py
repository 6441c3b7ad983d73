"""A project in which others have something: nothing of theirs is touched, deletions need a yes, and what is replaced is
shown before.
"""

import json
import re
from typing import Any

import pytest

from devtools.deploy import adopt, consent, deletions, steps, wanted
from devtools.deploy.cloud import Cloud, DeployError
from devtools.deploy.consent import Consent
from devtools.deploy.steps import Target
from devtools.paths import ROOT
from tests.operations import fake_google
from tests.operations.project import PROJECT, World


@pytest.fixture
def target() -> Target:
    return Target(PROJECT, "eur3")


def changed(world: World, *first: str) -> list[list[str]]:
    """The changes that were made and begin with these words."""
    return [words for words in world.read()["changes"] if words[: len(first)] == list(first)]


BARE: dict[str, Any] = {"type": "FIRESTORE_NATIVE", "locationId": "eur3", "name": "x/(default)"}


class TestFirestore:
    def test_a_database_without_recovery_and_protection_gets_both(self, world: World, target: Target) -> None:
        world.set(apis=[*fake_google.NEW["apis"], "firestore.googleapis.com"], databases=[BARE])
        world.deploy(target)
        for database in world.read()["databases"]:
            assert database["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
            assert database["pointInTimeRecoveryEnablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
        assert world.plan(target) == 0

    def test_only_what_is_off_is_switched_on(self, world: World, target: Target) -> None:
        world.deploy(target)
        databases = world.read()["databases"]
        databases[0]["pointInTimeRecoveryEnablement"] = "POINT_IN_TIME_RECOVERY_DISABLED"
        world.set(databases=databases, changes=[])
        world.deploy(target)
        ((*_, option, _, _),) = changed(world, "gcloud", "firestore", "databases", "update")
        assert option == "--enable-pitr"

    @pytest.mark.parametrize(("retention", "after"), [("604800s", "1209600s"), ("8467200s", "8467200s")])
    def test_backups_are_kept_as_long_as_promised_or_longer(
        self, world: World, target: Target, retention: str, after: str
    ) -> None:
        world.deploy(target)
        backups = world.read()["backups"]
        backups[0]["retention"] = retention
        world.set(backups=backups)
        world.deploy(target)
        assert world.read()["backups"][0]["retention"] == after
        assert world.plan(target) == 0

    def test_a_weekly_backup_is_not_one_a_day(self, world: World, target: Target) -> None:
        world.deploy(target)
        weekly = {"retention": "1209600s", "weeklyRecurrence": {"day": "SUNDAY"}, "name": "x/backupSchedules/7"}
        world.set(backups=[{**weekly, "database": "(default)"}, world.read()["backups"][1]])
        assert world.plan(target) == 1


def test_the_functions_have_a_codebase_of_their_own() -> None:
    """What is named "default" is everybody's: every project without a name deploys under it (firebase-tools 15.34.2,
    lib/functions/projectConfig.js, DEFAULT_CODEBASE).
    """
    (functions,) = json.loads((ROOT / "firebase.json").read_text())["functions"]
    assert functions["codebase"] == "salesforce-sample"
    assert '"default"' not in (ROOT / "devtools/deploy_check.js").read_text()


def function(name: str, *, codebase: str | None = None, region: str = "europe-west1", runs_as: str = "") -> Any:
    """A function as the API lists it."""
    labels = {"deployment-tool": "cli-firebase"} | ({"firebase-functions-codebase": codebase} if codebase else {})
    return {
        "name": f"projects/{PROJECT}/locations/{region}/functions/{name}",
        "environment": "GEN_2",
        "state": "ACTIVE",
        "labels": labels,
        "buildConfig": {"runtime": "nodejs22", "entryPoint": name},
        "serviceConfig": {"serviceAccountEmail": runs_as or "123-compute@developer.gserviceaccount.com"},
    }


GROUPS = f"projects/{PROJECT}/databases/(default)/collectionGroups"
THEIR_RULES = (
    "service cloud.firestore { match /databases/{d}/documents { match /orders/{id} {\n"
    "  allow read: if request.auth != null;\n  allow write: if false; // nobody\n} } }\n"
)
# A project in which others have a database, functions of both generations, and a site.
IN_USE: dict[str, Any] = {
    "apis": sorted(
        {
            *fake_google.NEW["apis"],
            *(
                f"{api}.googleapis.com"
                for api in ("firestore", "firebaserules", "cloudfunctions", "firebase", "firebasehosting", "iam")
            ),
        }
    ),
    "firebase": True,
    "databases": [{**BARE, "name": f"projects/{PROJECT}/databases/(default)"}],
    "collections": {"(default)": ["carts", "orders"]},
    "indexes": {
        "(default)": [
            {
                "name": f"{GROUPS}/orders/indexes/CICAgOj",
                "queryScope": "COLLECTION",
                "fields": [{"fieldPath": "by", "order": "ASCENDING"}, {"fieldPath": "at", "order": "ASCENDING"}],
                "state": "READY",
            }
        ]
    },
    "fields": {
        "(default)": [{"name": f"{GROUPS}/carts/fields/until", "indexConfig": {}, "ttlConfig": {"state": "ACTIVE"}}]
    },
    "rulesText": {"(default)": THEIR_RULES},
    "functions": [function("checkout"), function("mail", codebase="theirs", region="us-central1")],
    "firstGeneration": [
        {
            "name": f"projects/{PROJECT}/locations/us-central1/functions/old",
            "labels": {},
            "serviceAccountEmail": f"{PROJECT}@appspot.gserviceaccount.com",
        }
    ],
    "site": {
        "config": {"rewrites": [{"glob": "**", "path": "/shop.html"}], "headers": []},
        "files": ["index.html", "shop.html"],
    },
}


def theirs(world: World) -> Any:
    """What others have that stands beside this app."""
    now = world.read()
    return [
        [f for f in now["functions"] if f["name"].rsplit("/", 1)[-1] in ("checkout", "mail")],
        now["firstGeneration"],
        now["collections"],
        [one for one in now["indexes"].get("(default)", []) if "orders" in one["name"]],
        [one for one in now["fields"].get("(default)", []) if "carts" in one["name"]],
    ]


class TestInUse:
    def test_a_deployment_refuses_and_says_what_it_saw(self, world: World, target: Target) -> None:
        world.set(**IN_USE)
        before = world.read()
        with pytest.raises(DeployError) as refused:
            world.deploy(target)
        told = str(refused.value)
        assert "\n" not in told
        assert world.read() == before
        for what in ("carts, orders", "checkout, mail, old", "a site of 2 files", "rules of the database", "--adopt"):
            assert what in told

    @pytest.mark.parametrize(
        ("part", "says"),
        [
            ({"collections": IN_USE["collections"]}, "the database (default) has the collections carts, orders"),
            ({"functions": IN_USE["functions"]}, "the functions checkout, mail"),
            ({"site": IN_USE["site"]}, "a site of 2 files"),
            ({"rulesText": IN_USE["rulesText"]}, "rules of the database (default) that let clients in"),
        ],
    )
    def test_each_of_them_alone_is_enough(self, world: World, target: Target, part: dict[str, Any], says: str) -> None:
        nothing: dict[str, Any] = {
            "collections": {},
            "functions": [],
            "firstGeneration": [],
            "rulesText": {},
            "site": None,
        }
        world.set(**IN_USE | nothing | part)
        with pytest.raises(DeployError, match=re.escape(says)):
            world.deploy(target)
        assert not world.read()["changes"]

    def test_a_plan_tells_it_and_ends_well(self, world: World, target: Target) -> None:
        world.set(**IN_USE)
        before = world.read()
        world.plan(target)
        assert world.read() == before
        told = "\n".join(world.said)
        assert "! not this app's: the database (default) has the collections carts, orders" in told
        assert "= stays as it is: index (orders) -- (by,ASCENDING) (at,ASCENDING)" in told
        assert "= stays as it is: field rule [carts.until]" in told
        assert "    - allow read: if request.auth != null;" in told
        assert "    - rewrite ** to /shop.html" in told
        assert "    - shop.html" in told

    def test_adopted_what_others_have_stays(self, world: World, target: Target) -> None:
        world.set(**IN_USE)
        before = theirs(world)
        world.deploy(target, Consent(adopt=True, delete=True))
        assert theirs(world) == before
        assert len(world.read()["functions"]) == 5

    def test_what_the_site_loses_needs_a_yes_too(self, world: World, target: Target) -> None:
        world.set(**IN_USE)
        with pytest.raises(DeployError, match=r"1 deletions and .* need a yes"):
            world.deploy(target, Consent(adopt=True))
        assert not world.read()["changes"]
        assert "- file shop.html of the site is deleted, after a yes" in world.said

    def test_collections_of_this_apps_names_are_anothers_until_its_functions_stand(
        self, world: World, target: Target
    ) -> None:
        world.set(apis=IN_USE["apis"], databases=IN_USE["databases"], collections={"(default)": ["codes", "usage"]})
        before = world.read()
        with pytest.raises(DeployError, match=re.escape("the database (default) has the collections codes, usage")):
            world.deploy(target, Consent(delete=True))
        assert world.read() == before

    def test_expiry_on_collections_of_others_is_told_and_needs_a_yes(self, world: World, target: Target) -> None:
        """A rule counts for every collection of that name, also below others' documents, and what has expired is
        deleted: https://firebase.google.com/docs/firestore/ttl
        """
        world.set(apis=IN_USE["apis"], databases=IN_USE["databases"], collections={"(default)": ["shops"]})
        before = world.read()
        expiry = (
            "+ expiry: documents of every collection “codes”, at any depth, are deleted once expires has passed, in the"
            " database (default), after a yes"
        )
        exemption = "+ no index of counts, in every collection “attempts” at any depth, in the database (default)"
        world.plan(target)
        assert expiry in world.said
        assert f"{exemption}, after a yes" in world.said
        with pytest.raises(DeployError, match="rules on collections that are not this app's alone need a yes"):
            world.deploy(target, Consent(adopt=True))
        with pytest.raises(DeployError, match="that was no yes"):
            world.deploy(target, Consent(adopt=True, ask=lambda _question: "no"))
        assert world.read() == before
        world.deploy(target, Consent(adopt=True, ask=lambda _question: "yes"))
        world.plan(target)
        assert not [line for line in world.said if line.startswith("+ ")], "they are there"

    def test_rules_on_collections_that_are_this_apps_alone_need_no_yes(self, world: World, target: Target) -> None:
        world.deploy(target)
        fields = [one for one in world.read()["fields"]["(default)"] if "codes" not in one["name"]]
        world.set(collections={"(default)": ["codes", "usage"]}, fields={"(default)": fields})
        world.plan(target)
        told = [line for line in world.said if line.startswith("+ ")]
        assert len(told) == 2
        assert not [line for line in told if line.endswith("a yes")]
        world.deploy(target)

    def test_once_the_functions_stand_nobody_is_asked_again(self, world: World, target: Target) -> None:
        world.set(**IN_USE)
        world.deploy(target, Consent(adopt=True, delete=True))
        world.deploy(target)
        assert any(line.startswith("= stays as it is: the functions checkout") for line in world.said)

    def test_a_site_that_others_put_there_since_is_asked_about(self, world: World, target: Target) -> None:
        world.deploy(target)
        world.set(site=IN_USE["site"])
        with pytest.raises(DeployError, match="a site of 2 files"):
            world.deploy(target)

    @pytest.mark.parametrize("generation", ["functions", "firstGeneration"])
    def test_a_function_of_the_same_name_is_never_replaced(self, world: World, target: Target, generation: str) -> None:
        """firebase-tools takes over a function of the same name and region, whoever deployed it (15.34.2,
        lib/deploy/functions/functionsDeployHelper.js, groupEndpointsByCodebase).
        """
        world.set(apis=IN_USE["apis"], **{generation: [function("api")]})
        with pytest.raises(DeployError, match="the function api in europe-west1 is another's"):
            world.deploy(target, Consent(adopt=True, delete=True))
        assert not world.read()["changes"]

    @pytest.mark.parametrize("name", ["api", "auth", "upkeep"])
    def test_a_service_of_cloud_run_of_the_same_name_is_never_opened(
        self, world: World, target: Target, name: str
    ) -> None:
        """Somebody's private service, which no function stands behind: "who may call" would let everybody in."""
        world.set(apis=[*IN_USE["apis"], "run.googleapis.com"], services={"europe-west1": {name: ["user:a@b.example"]}})
        before = world.read()
        with pytest.raises(DeployError, match=f"the service {name} of Cloud Run in europe-west1 is another's"):
            world.deploy(target, Consent(adopt=True, delete=True))
        assert world.read() == before
        world.plan(target)
        assert not [line for line in world.said if "iam-policy-binding" in line and "run services" in line]
        assert (
            f"! the service {name} of Cloud Run in europe-west1 is another's: a deployment refuses to replace it"
            in (world.said)
        )

    def test_a_service_elsewhere_or_of_another_name_stays_as_it_is(self, world: World, target: Target) -> None:
        services = {"europe-west3": {"api": []}, "europe-west1": {"shop": []}}
        world.set(apis=[*IN_USE["apis"], "run.googleapis.com"], services=services)
        world.deploy(target)
        after = world.read()["services"]
        assert after["europe-west3"] == {"api": []}
        assert after["europe-west1"]["shop"] == []

    @pytest.mark.parametrize(
        ("part", "says"),
        [
            (
                {"accounts": [f"salesforce-api@{PROJECT}.iam.gserviceaccount.com"]},
                "the service account salesforce-api is another's",
            ),
            (
                {"accounts": [f"salesforce-build@{PROJECT}.iam.gserviceaccount.com"]},
                "the service account salesforce-build is another's",
            ),
            ({"secrets": {"TOKEN_KEYSET": ["theirs"]}}, "the secret TOKEN_KEYSET is another's"),
            (
                {"secrets": {"TOKEN_KEYSET": ["x"]}, "secretLabels": {"TOKEN_KEYSET": {"made-by": "somebody"}}},
                "gcloud secrets update TOKEN_KEYSET --update-labels=made-by=salesforce-sample",
            ),
        ],
    )
    def test_an_account_or_a_secret_of_the_same_name_is_not_taken_over(
        self, world: World, target: Target, part: dict[str, Any], says: str
    ) -> None:
        world.set(apis=[*IN_USE["apis"], "secretmanager.googleapis.com"], **part)
        with pytest.raises(DeployError, match=re.escape(says)):
            world.deploy(target, Consent(adopt=True, delete=True))
        assert not world.read()["changes"]

    def test_those_of_an_earlier_version_are_this_apps_when_its_functions_stand(
        self, world: World, target: Target
    ) -> None:
        """0.2.0 gave its secrets no label."""
        world.deploy(target)
        assert world.read()["secretLabels"]["TOKEN_KEYSET"] == {"made-by": "salesforce-sample"}
        world.set(secretLabels={}, accountTitles={})
        world.deploy(target)
        world.set(functions=[])
        with pytest.raises(DeployError, match="the secret TOKEN_KEYSET is another's"):
            world.deploy(target)

    def test_elsewhere_a_function_of_the_same_name_is_another_one(self, world: World, target: Target) -> None:
        world.set(apis=IN_USE["apis"], functions=[function("api", region="us-central1")])
        world.deploy(target, Consent(adopt=True))
        assert len(world.read()["functions"]) == 4

    def test_a_function_that_an_earlier_version_left_is_told(self, world: World, target: Target) -> None:
        world.deploy(target)
        left = function("api", region="us-central1", runs_as=f"salesforce-api@{PROJECT}.iam.gserviceaccount.com")
        world.set(functions=[*world.read()["functions"], left])
        assert world.plan(target) == 0
        assert "= stays as it is: the function api in us-central1, which an earlier version deployed" in world.said

    def test_a_project_of_an_earlier_version_is_this_apps(self, world: World, target: Target) -> None:
        """0.2.0 deployed its functions as "default"; firebase-tools gives them the new codebase."""
        accounts = {name: f"salesforce-{name}@{PROJECT}.iam.gserviceaccount.com" for name in ("auth", "api", "upkeep")}
        world.set(
            apis=IN_USE["apis"],
            databases=IN_USE["databases"],
            collections={"(default)": ["connections", "usage"]},
            functions=[function(name, runs_as=account) for name, account in accounts.items()],
        )
        world.deploy(target)
        labels = [f["labels"].get("firebase-functions-codebase") for f in world.read()["functions"]]
        assert labels == ["salesforce-sample"] * 3


@pytest.mark.parametrize("project", [{}, IN_USE], ids=["new", "adopted"])
def test_stopped_before_any_change_the_next_run_makes_the_rest(
    world: World, target: Target, project: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_keyset", lambda _target: "a keyset")  # pyright: ignore[reportPrivateUsage]  it takes a second
    agreed = Consent(adopt=True, delete=True)
    world.set(**project)
    before = theirs(world)
    world.deploy(target, agreed)
    whole = world.read()

    def stop_before(change: int) -> None:
        world.set(stopAt=change)
        with pytest.raises(DeployError) as stopped:
            world.deploy(target, agreed)
        assert "\n" not in str(stopped.value)
        assert theirs(world) == before
        assert len(world.read()["changes"]) == change

    def make_the_rest(change: int) -> None:
        world.deploy(target, agreed)
        again = world.read()
        assert again["uploads"][-3:] == ["firestore", "functions", "hosting"]
        # The uploads and the images' policy, which comes before them where the first upload got that far.
        varies = {"changes": 0, "uploads": 0, "policies": 0}
        assert again | varies == whole | varies, f"stopped before change {change}: {whole['changes'][change]}"
        assert {str(sorted(p)) for p in again["policies"].values()} == {
            str(sorted(p)) for p in whole["policies"].values()
        }

    # Each run makes one change and is stopped before the next, so that the project is in each of its states once. The
    # uploads are made anew by every run, so that what comes after the first of them is reached in one run.
    uploads = next(n for n, words in enumerate(whole["changes"]) if words[:2] == ["firebase", "deploy"])
    world.set(**fake_google.NEW | project)
    for change in range(uploads + 1):
        stop_before(change)
    make_the_rest(uploads)
    for change in range(uploads + 1, len(whole["changes"])):
        world.set(**fake_google.NEW | project)
        stop_before(change)
        make_the_rest(change)
    assert world.plan(target) == 0


class TestDeletions:
    """Of this app's own things that it no longer wants."""

    def own(self, world: World, target: Target) -> None:
        world.deploy(target)
        now = world.read()
        index = {
            "name": f"{GROUPS}/connections/indexes/CICfoo",
            "queryScope": "COLLECTION",
            "fields": [{"fieldPath": "a", "order": "ASCENDING"}, {"fieldPath": "b", "order": "ASCENDING"}],
        }
        field = {"name": f"{GROUPS}/usage/fields/old", "indexConfig": {}, "ttlConfig": {"state": "ACTIVE"}}
        now["indexes"]["(default)"].append(index)
        now["fields"]["(default)"].append(field)
        site = {**now["site"], "files": [*now["site"]["files"], "v/0123456789abcdef/main.js"]}
        world.set(indexes=now["indexes"], fields=now["fields"], site=site, changes=[], uploads=[])

    def test_nothing_goes_without_a_yes(self, world: World, target: Target) -> None:
        self.own(world, target)
        before = world.read()
        with pytest.raises(DeployError, match=r"2 deletions need a yes.*DELETE=yes"):
            world.deploy(target)
        with pytest.raises(DeployError, match="that was no yes"):
            world.deploy(target, Consent(ask=lambda _: "y"))
        assert world.read() == before

    def test_a_typed_yes_deletes_what_was_listed(self, world: World, target: Target) -> None:
        self.own(world, target)
        asked: list[str] = []
        world.deploy(target, Consent(ask=lambda question: asked.append(question) or "yes"))
        assert asked == ["Type yes to delete these 2: "]
        assert (
            "- field rule [usage.old] -- (no indexes) TTL(ACTIVE) in the database (default) is deleted, after a yes"
            in (world.said)
        )
        assert "- 1 files of the build before" in world.said
        after = world.read()
        assert not [one for kind in ("indexes", "fields") for one in after[kind]["(default)"] if "old" in one["name"]]
        assert not [one for one in after["indexes"]["(default)"] if one["name"].endswith("CICfoo")]
        assert world.plan(target) == 0
        assert not [line for line in world.said if line.startswith("-")]

    def test_a_function_that_the_code_no_longer_has(self, world: World, target: Target) -> None:
        """By firebase-tools' own plan, of the real code of the functions."""
        world.deploy(target)
        world.set(functions=[*world.read()["functions"], function("webhook", codebase="salesforce-sample")])
        with pytest.raises(DeployError, match="1 deletions need a yes"):
            world.deploy(target)
        assert "- function webhook in europe-west1 is deleted, after a yes" in world.said
        world.set(changes=[])
        world.deploy(target, Consent(delete=True))
        assert len(world.read()["functions"]) == 3
        forced = [words[3] for words in changed(world, "firebase", "deploy") if "--force" in words]
        assert forced == ["functions"], "and only then"

    def test_functions_in_the_region_before(self, world: World) -> None:
        """Another REGION: those of the region before go, once the others are up."""
        world.deploy(Target(PROJECT, "eur3"))
        world.plan(Target(PROJECT, "eur3", {"REGION": "europe-west3"}))
        gone = [line for line in world.said if line.startswith("- function")]
        assert gone == [f"- function {f} in europe-west1 is deleted, after a yes" for f in ("api", "auth", "upkeep")]

    def test_the_site_leaves_the_region_before_before_its_functions_go(
        self, world: World, target: Target, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While functions of the former region go, nobody may be led to them."""
        world.deploy(target)
        world.set(changes=[], uploads=[])
        seen: list[tuple[str, set[str], set[str]]] = []
        run = Cloud.run

        def watched(cloud: Cloud, one: Any) -> None:
            run(cloud, one)
            now = world.read()
            led = {rule["run"]["region"] for rule in now["site"]["config"]["rewrites"] if "run" in rule}
            seen.append((str(one), led, {f["name"].split("/")[3] for f in now["functions"]}))

        monkeypatch.setattr(Cloud, "run", watched)
        gone = deletions.Deletions([deletions.Deletion("function api in europe-west1")])
        monkeypatch.setattr(deletions, "planned", lambda *_: gone)  # reading the functions' code takes seconds
        moved = Target(PROJECT, "eur3", {"REGION": "europe-west3"})
        world.deploy(moved, Consent(delete=True))
        assert all(led <= stand for _, led, stand in seen), [one for one, led, stand in seen if not led <= stand]
        assert world.read()["uploads"] == ["firestore", "functions", "hosting", "functions"]
        assert {f["name"].split("/")[3] for f in world.read()["functions"]} == {"europe-west3"}
        forced = [words for words in changed(world, "firebase", "deploy") if "--force" in words]
        assert forced == [changed(world, "firebase", "deploy")[-1]]

    def test_no_upload_is_forced(self, world: World, target: Target) -> None:
        world.set(**IN_USE)
        world.deploy(target, Consent(adopt=True, delete=True))
        world.deploy(target)
        assert not [words for words in changed(world, "firebase", "deploy") if "--force" in words]


class TestConsent:
    def test_it_is_given_in_two_ways(self) -> None:
        for words, environment in ((["--adopt", "--delete"], {}), ([], {"ADOPT": "yes", "DELETE": "YES"})):
            agreed = consent.given(words, environment)
            assert (agreed.adopt, agreed.delete) == (True, True)
        agreed = consent.given([], {"ADOPT": "no"})
        assert (agreed.adopt, agreed.delete) == (False, False)

    @pytest.mark.parametrize(
        ("words", "environment", "says"),
        [(["--force"], {}, "'--force' is not an option"), ([], {"DELETE": "1"}, "DELETE is yes or no, not '1'")],
    )
    def test_anything_else_is_refused(self, words: list[str], environment: dict[str, str], says: str) -> None:
        with pytest.raises(DeployError, match=says):
            consent.given(words, environment)


@pytest.mark.parametrize(
    ("rules", "closed"),
    [
        ((ROOT / "firestore.rules").read_text(), True),
        (THEIR_RULES, False),
        ("allow read, write: if false; // allow read: if true;", True),
        ("/* allow write; */ allow get: if\n  false;", True),
        ("allow read;", False),
        ("allow read: if false || true;", False),
    ],
)
def test_rules_let_nobody_in_or_somebody(rules: str, closed: bool) -> None:
    assert adopt.closed(rules) is closed


def test_the_collections_are_those_of_the_code() -> None:
    """What is not on this list is another's."""
    code = (ROOT / "functions/backend/adapters/firestore/shared.py").read_text()
    named = {
        name
        for line in re.findall(r"^[A-Z_, ]+ = (\"[a-z\", ]+)$", code, re.MULTILINE)
        for name in re.findall(r"[a-z]+", line)
    }
    assert {*wanted.COLLECTIONS, *wanted.BELOW} == named
