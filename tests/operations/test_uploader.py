"""What the account of the workflow asks of Google with ONLY=uploads, each call held against the roles it was given."""

import pytest

from devtools.deploy import command, federation, promote
from devtools.deploy.cloud import DeployError
from devtools.deploy.consent import NOTHING, Consent
from devtools.deploy.federation import Trust
from devtools.deploy.steps import Target
from devtools.deploy.wanted import FUNCTIONS, account
from tests.operations import fake_iam
from tests.operations.project import PROJECT, World
from tests.operations.releases import SETTINGS, deploy, set_up

TRUST = Trust(PROJECT, "acme/sample", "production")


@pytest.fixture
def target() -> Target:
    return Target(PROJECT, "eur3", SETTINGS)


def federated(world: World, target: Target) -> None:
    """The owner has deployed once and made the federation; from now on the workflow's account asks."""
    set_up(world)
    names = [f"projects/{PROJECT}/databases/{name}" for name in ("(default)", "blocks")]
    world.set(
        apis=[*world.read()["apis"], *(f"{api}.googleapis.com" for api in ("firestore", "cloudfunctions", "firebase"))],
        databases=[{"name": name, "type": "FIRESTORE_NATIVE"} for name in names],
        accounts=[*world.read()["accounts"], *(account(f, PROJECT) for f in FUNCTIONS)],
    )
    deploy(world, target, "one")
    for step in federation.steps(TRUST):
        for one in step.missing(world.cloud()):
            world.cloud().run(one)
    world.set(**{"as": TRUST.member, "asked": [], "uploads": [], "changes": []})


def upload(world: World, target: Target, consent: Consent = NOTHING) -> None:
    world.said = []
    command.upload_only(target, world.cloud(), world.said.append, consent)


class TestWhatItMay:
    def test_it_uploads_all_three_parts(self, world: World, target: Target) -> None:
        federated(world, target)
        (world.tree / "functions/main.py").write_text("# a newer one")
        upload(world, target)
        assert world.read()["uploads"] == ["firestore", "functions", "hosting"]

    def test_each_call_takes_a_permission_that_one_of_its_roles_has(self, world: World, target: Target) -> None:
        """The table of docs/staging.md, as calls: what each takes and who gives it."""
        federated(world, target)
        back_to_the_newest(world)
        upload(world, target, Consent(delete=True))
        now = world.read()
        table = {
            call: {p: [r for r in federation.ROLES if p in fake_iam.HOLDS[r]] for p in fake_iam.takes(call)}
            for call in now["asked"]
        }
        for begins in ("firebase apps:list", "firebase apps:sdkconfig", "gcloud secrets versions list",
                       "gcloud run services list", "gcloud run services update-traffic", "GET /cloudfunctions/v1",
                       "GET /cloudfunctions/v2", "GET /firestore/v1", "GET /firebaserules/v1", "GET /firebasehosting/",
                       "firebase deploy --only functions", "gcloud firestore indexes composite delete",
                       "PATCH /firestore/v1"):  # fmt: skip
            assert any(call.startswith(begins) for call in table), f"nobody asked {begins}"
        assert not [(call, p) for call, given in table.items() for p, roles in given.items() if not roles]
        assert not [call for call in table if "documents" in call], "it sees nothing of what people have stored"

    def test_it_still_needs_a_yes_for_what_goes(self, world: World, target: Target) -> None:
        federated(world, target)
        back_to_the_newest(world)
        with pytest.raises(DeployError, match="deletions need a yes"):
            upload(world, target)
        assert world.read()["uploads"] == []

    def test_the_first_deployment_is_its_owners(self, world: World, target: Target) -> None:
        federated(world, target)
        world.set(functions=[])
        with pytest.raises(DeployError, match="has no functions of this app yet: its owner runs make deploy"):
            upload(world, target)
        assert world.read()["uploads"] == []

    @pytest.mark.parametrize("without", ["roles/datastore.indexAdmin", "roles/cloudfunctions.developer"])
    def test_the_played_google_refuses_what_no_role_gives(self, world: World, target: Target, without: str) -> None:
        federated(world, target)
        policies = world.read()["policies"]
        policies["project"] = [held for held in policies["project"] if held[0] != without]
        world.set(policies=policies)
        with pytest.raises(DeployError, match="PERMISSION_DENIED"):
            upload(world, target)

    def test_on_the_project_whose_build_is_promoted(self, world: World, target: Target) -> None:
        """Production's account there: it sees what runs, by the three roles of `READING` alone."""
        federated(world, target)
        member = federation.Trust("a-team-production", "acme/sample", "production").member
        world.set(**{"as": member, "policies": {"project": [[role, member] for role in federation.READING]}})
        assert promote.runs(world.cloud(), SETTINGS).build == promote.local_build()
        world.set(policies={"project": [["roles/run.viewer", member]]})
        with pytest.raises(DeployError, match="PERMISSION_DENIED"):
            promote.runs(world.cloud(), SETTINGS)

    def test_a_call_that_nobody_wrote_down_is_refused(self, world: World, target: Target) -> None:
        federated(world, target)
        with pytest.raises(DeployError, match="nobody has written down what this takes"):
            world.cloud().gcloud("kms", "keyrings", "list")


def back_to_the_newest(world: World) -> None:
    """Somebody has gone back, and an index and a field's rule are no longer wanted: all calls are made."""
    now = world.read()
    base = f"projects/{PROJECT}/databases/(default)/collectionGroups/connections"
    now["indexes"].setdefault("(default)", []).append(
        {"name": f"{base}/indexes/CICold", "queryScope": "COLLECTION", "state": "READY",
         "fields": [{"fieldPath": "old", "order": "ASCENDING"}, {"fieldPath": "user", "order": "ASCENDING"},
                    {"fieldPath": "__name__", "order": "ASCENDING"}]}
    )  # fmt: skip
    now["fields"].setdefault("(default)", []).append(
        {"name": f"{base}/fields/old", "indexConfig": {"indexes": []}, "ttlConfig": {"state": "ACTIVE"}}
    )
    now["run"]["api"]["traffic"] = now["run"]["api"]["revisions"][-1]["name"]
    world.set(indexes=now["indexes"], fields=now["fields"], run=now["run"])
