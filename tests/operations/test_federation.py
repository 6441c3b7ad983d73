"""A workflow that uploads without a stored key: what the project grants it, and the workflow itself."""

import json
import re
import subprocess
from typing import Any

import pytest

from devtools import deployed_python
from devtools.deploy import command, federation, operate, promote
from devtools.deploy.cloud import DeployError
from devtools.deploy.federation import Trust
from devtools.paths import ROOT
from tests.operations.project import PROJECT, World
from tests.operations.releases import set_up

DEPLOYER = f"salesforce-deploy@{PROJECT}.iam.gserviceaccount.com"
TRUST = Trust(PROJECT, "acme/sample", "production")
NEW = ["123-compute@developer.gserviceaccount.com", *(f"salesforce-{f}@{PROJECT}.iam.gserviceaccount.com"
                                                       for f in ("auth", "api", "upkeep"))]  # fmt: skip


def trusted(world: World, trust: Trust = TRUST) -> list[str]:
    """Makes what is missing, step by step, and returns the commands."""
    made: list[str] = []
    for step in federation.steps(trust):
        for one in step.missing(world.cloud()):
            made.append(str(one))
            world.cloud().run(one)
    return made


def ready(world: World) -> None:
    set_up(world)
    world.set(accounts=NEW)


class TestWhatIsGranted:
    def test_only_that_repository_environment_and_branch_come_in(self, world: World) -> None:
        ready(world)
        trusted(world)
        (provider,) = world.read()["providers"].values()
        assert provider["attributeCondition"] == (
            "assertion.repository=='acme/sample' && assertion.environment=='production' &&"
            " assertion.ref=='refs/heads/main'"
        )
        assert provider["oidc"] == {"issuerUri": "https://token.actions.githubusercontent.com"}
        assert provider["attributeMapping"] == {
            "google.subject": "assertion.sub",
            "attribute.job": "assertion.repository+':'+assertion.environment+':'+assertion.ref",
        }
        (binding,) = world.read()["policies"][DEPLOYER]
        assert binding == [
            "roles/iam.workloadIdentityUser",
            "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/salesforce-sample"
            "/attribute.job/acme/sample:production:refs/heads/main",
        ]
        with_number = Trust(PROJECT, "acme/sample", "production", "main", "42")
        assert "assertion.repository_id=='42'" in with_number.condition

    def test_it_may_upload_and_not_set_up(self, world: World) -> None:
        ready(world)
        trusted(world)
        policies = world.read()["policies"]
        roles = {role for role, member in policies["project"] if member == f"serviceAccount:{DEPLOYER}"}
        assert roles == set(federation.ROLES)
        never = ("owner", "editor", "secretAccessor", "securityAdmin", "projectIamAdmin", "cloudkms", "datastore.user",
                 "serviceAccountTokenCreator", "serviceAccountKeyAdmin", "serviceAccountUser", "firebaseauth",
                 "cloudfunctions.admin", "run.admin")  # fmt: skip
        assert not [role for role in roles if any(word in role for word in never)]
        acting = [name for name in NEW if ["roles/iam.serviceAccountUser", f"serviceAccount:{DEPLOYER}"]
                  in policies.get(name, [])]  # fmt: skip
        assert acting == NEW[1:], "as the functions' accounts, and as no other"

    def test_app_engines_account_only_where_a_project_has_one(self, world: World) -> None:
        """checkServiceAccountIam in firebase-tools 15.34.2, lib/deploy/functions/checkIam.js"""
        ready(world)
        of_app_engine = f"{PROJECT}@appspot.gserviceaccount.com"
        builds = f"salesforce-build@{PROJECT}.iam.gserviceaccount.com"
        world.set(accounts=[*NEW, of_app_engine, builds])
        trusted(world)
        assert {of_app_engine, builds} <= set(world.read()["policies"])

    def test_a_second_run_makes_nothing_and_a_stopped_one_goes_on(self, world: World) -> None:
        ready(world)
        made = trusted(world)
        assert trusted(world) == []
        whole = world.read()
        for stop in range(0, len(made), 4):
            world.set(**{name: whole[name] for name in ("secrets", "databases")})
            world.set(accounts=NEW, policies={"project": []}, pools={}, providers={}, changes=[], stopAt=stop)
            world.set(apis=[f"{api}.googleapis.com" for api in ("iam", "cloudresourcemanager")])
            with pytest.raises(DeployError, match="unavailable"):
                trusted(world)
            trusted(world)
            again = world.read()
            assert again["providers"] == whole["providers"]
            assert again["policies"][DEPLOYER] == whole["policies"][DEPLOYER]

    def test_another_repository_takes_the_place_of_the_one_before(self, world: World) -> None:
        ready(world)
        trusted(world)
        trusted(world, Trust(PROJECT, "acme/renamed", "production"))
        (binding,) = world.read()["policies"][DEPLOYER]
        assert binding[1].endswith("/attribute.job/acme/renamed:production:refs/heads/main")
        (provider,) = world.read()["providers"].values()
        assert "acme/sample" not in provider["attributeCondition"]

    def test_not_beside_providers_of_others(self, world: World) -> None:
        """Whom another provider of the pool lets in could become this account: a pool's attributes are one space
        (https://cloud.google.com/iam/docs/best-practices-for-using-workload-identity-federation).
        """
        ready(world)
        trusted(world)
        now = world.read()
        now["providers"]["neighbour"] = {"state": "ACTIVE", "oidc": {"issuerUri": "https://example.com"}}
        world.set(providers=now["providers"])
        with pytest.raises(DeployError, match=r"provider neighbour, which is another's: .* providers delete neighbour"):
            trusted(world)
        now["providers"]["neighbour"]["state"] = "DELETED"
        world.set(providers=now["providers"])
        assert trusted(world) == []

    @pytest.mark.parametrize("role", ["roles/editor", "roles/owner"])
    def test_not_as_an_account_that_may_everything(
        self, world: World, monkeypatch: pytest.MonkeyPatch, role: str
    ) -> None:
        """App Engine's account, as which an upload must be able to act (lib/commands/deploy.js), is Editor of many a
        project: then whoever uploads could become that.
        """
        ready(world)
        monkeypatch.setattr(command, "target", lambda _environment: set_up_target(world))
        of_app_engine = f"{PROJECT}@appspot.gserviceaccount.com"
        policies = world.read()["policies"]
        policies["project"].append([role, f"serviceAccount:{of_app_engine}"])
        world.set(accounts=[*NEW, of_app_engine], policies=policies)
        takes_away = f"gcloud projects remove-iam-policy-binding {PROJECT} --member=serviceAccount:{of_app_engine}"
        with pytest.raises(DeployError) as refused:
            federation.steps(TRUST)[5].missing(world.cloud())
        assert f"{takes_away} --role={role} --all" in str(refused.value)
        with pytest.raises(DeployError, match=role):
            operate.federate({"REPOSITORY": "acme/sample", "YES": "1"}, world.said.append, world.cloud())
        assert not world.read()["changes"], "before the first change"

    def test_what_was_deleted_within_a_month_is_taken_back(self, world: World) -> None:
        """Its name cannot be used for a new one before."""
        ready(world)
        trusted(world)
        now = world.read()
        now["providers"]["deploy"]["state"] = "DELETED"
        world.set(pools={"salesforce-sample": "DELETED"}, providers=now["providers"])
        assert [made.split()[3] for made in trusted(world)] == ["undelete", "providers"]
        assert world.read()["pools"] == {"salesforce-sample": "ACTIVE"}

    def test_for_a_promotion_it_reads_what_runs_there_and_nothing_else(self, world: World) -> None:
        ready(world)
        last = federation.steps(Trust(PROJECT, "acme/sample", "production", source="a-team-staging"))[-1]
        there = [str(one) for one in last.missing(world.cloud())]
        assert all("add-iam-policy-binding a-team-staging " in line for line in there)
        assert [re.findall(r"--role=(\S+)", line)[0] for line in there] == list(federation.READING)
        assert all(f"serviceAccount:{DEPLOYER}" in line for line in there)

    @pytest.mark.parametrize(
        ("repository", "environment", "branch", "number"),
        [("", "production", "main", ""), ("acme", "production", "main", ""), ("acme/x' || true || '", "p", "main", ""),
         ("acme/x", "a'b", "main", ""), ("acme/x", "production", "main' || '1'=='1", ""), ("acme/x", "p", "m", "4x")],
    )  # fmt: skip
    def test_names_that_are_none(self, repository: str, environment: str, branch: str, number: str) -> None:
        with pytest.raises(DeployError, match="write"):
            Trust(PROJECT, repository, environment, branch, number)

    def test_the_command_plans_asks_and_says_what_the_workflow_needs(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ready(world)
        monkeypatch.setattr(command, "target", lambda _environment: set_up_target(world))
        asked = {"REPOSITORY": "acme/sample"}
        with pytest.raises(DeployError, match="nobody is there to say yes"):
            operate.federate(asked, world.said.append, world.cloud())
        assert not world.read()["changes"]
        operate.federate({**asked, "YES": "1"}, world.said.append, world.cloud())
        told = "\n".join(world.said)
        assert (
            "PROVIDER=projects/123456789012/locations/global/workloadIdentityPools/salesforce-sample/providers/deploy"
            in told
        )
        assert f"ACCOUNT={DEPLOYER}" in told
        assert "SOURCE" not in told
        policies = world.read()["policies"]  # as if it were the other project, where it may read already
        policies["project"] += [[role, f"serviceAccount:{DEPLOYER}"] for role in federation.READING]
        world.set(policies=policies, otherApis={"a-team-staging/": world.read()["apis"]})
        operate.federate({**asked, "FROM": "a-team-staging", "YES": "1"}, world.said.append, world.cloud())
        assert "SOURCE=a-team-staging" in "\n".join(world.said)

    def test_the_commands_are_ones_that_gcloud_knows(self, world: World) -> None:
        from tests.operations.test_deploy import gcloud_knows

        ready(world)
        trusted(world)
        trusted(world, Trust(PROJECT, "acme/renamed", "production"))
        now = world.read()
        now["providers"]["deploy"]["state"] = "DELETED"
        world.set(pools={"salesforce-sample": "DELETED"}, providers=now["providers"])
        trusted(world)
        gcloud_knows(world.read()["changes"])


def set_up_target(world: World) -> Any:
    from devtools.deploy.steps import Target

    return Target(world.project, "eur3")


class TestWorkflow:
    """.github/workflows/deploy.yml. It has never run: what can be read in it is held here."""

    TEXT = (ROOT / ".github/workflows/deploy.yml").read_text()
    OTHERS = "\n".join(p.read_text() for p in (ROOT / ".github/workflows").glob("*.yml") if p.name != "deploy.yml")

    def _jobs(self) -> dict[str, str]:
        _, _, jobs = self.TEXT.partition("\njobs:\n")
        parts = re.split(r"^  (\w+):\n", jobs, flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def test_every_action_is_named_by_its_commit(self) -> None:
        used = re.findall(r"uses: (\S+)", self.TEXT)
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
        here = {action for action in used if not action.startswith("google-github-actions/auth@")}
        assert all(action in self.OTHERS for action in here), "the same commits as in the other workflows"

    def test_only_the_jobs_that_upload_may_prove_who_they_are(self) -> None:
        jobs = self._jobs()
        assert set(jobs) == {"build", "staging", "production"}
        assert "permissions:\n  contents: read\n" in self.TEXT.partition("\njobs:\n")[0]
        assert "id-token" not in jobs["build"]
        for name in ("staging", "production"):
            assert f"environment: {name}\n" in jobs[name]
            assert "id-token: write" in jobs[name]
            assert "workload_identity_provider: ${{ vars.PROVIDER }}" in jobs[name]
        assert not re.search(r"credentials_json|secrets\.|pull_request", self.TEXT)

    def test_production_gets_the_build_that_staging_got(self) -> None:
        jobs = self._jobs()
        assert self.TEXT.count("make web") == 1
        assert "include-hidden-files: true" in jobs["build"], "build/web/.built says that it is whole"
        for name in ("staging", "production"):
            assert "path: build/web" in jobs[name]
            assert 'make deploy PROJECT="$PROJECT" ONLY=uploads' in jobs[name]
        assert "needs: [build, staging]" in jobs["production"]
        assert 'FROM="$SOURCE"' in jobs["production"]

    def test_a_variable_that_is_not_set_ends_the_job(self) -> None:
        """GitHub makes an unset one empty, and FROM= would then compare nothing
        (https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#vars-context).
        """
        jobs, names = self._jobs(), {"staging": ["PROJECT", "PROVIDER", "ACCOUNT"]}
        names["production"] = [*names["staging"], "SOURCE"]
        for job, wanted in names.items():
            first = jobs[job].index("run: |")
            assert first < jobs[job].index("uses:"), "before anything else"
            lines = jobs[job][first:].partition("\n        env:")[0].splitlines()[1:]
            script = "\n".join(line.strip() for line in lines)
            for name in wanted:
                assert f"{name}: ${{{{ vars.{name} }}}}" in jobs[job]
            for missing in (None, *wanted):
                given = {name: "" if name == missing else "something" for name in wanted}
                done = subprocess.run(
                    ["/bin/bash", "-e", "-c", script], env=given, capture_output=True, text=True, check=False
                )
                assert (done.returncode == 0) == (missing is None)
                said = f"{missing} is not set: Settings, Environments, {job}, Environment variables"
                assert missing is None or (said in done.stdout and done.stdout.count("\n") == 1)

    def test_uploads_run_with_the_python_that_the_functions_get(self) -> None:
        """firebase-tools starts the functions with exactly that one; so nothing more is downloaded in a job that may
        upload (devtools/deployed_python.py, `interpreter`).
        """
        jobs = self._jobs()
        for name in ("staging", "production"):
            assert f'python-version: "{deployed_python.version(deployed_python.runtime())}"' in jobs[name]
        check = (ROOT / ".github/workflows/check.yml").read_text()
        assert f'python: "{deployed_python.version(deployed_python.runtime())}"' in check, "and is tried there"

    def test_no_text_of_a_caller_becomes_a_command(self) -> None:
        runs = re.findall(r"run: (.*)", self.TEXT)
        assert runs
        assert not [line for line in runs if "${{" in line]
        assert "gha-creds-*.json" in (ROOT / ".gitignore").read_text(), "or the tree would differ from its commit"

    def test_the_roles_page_lists_the_roles_that_are_granted(self) -> None:
        page = (ROOT / "docs/staging.md").read_text()
        for role in (*federation.ROLES, *federation.READING, "roles/iam.serviceAccountUser"):
            assert f"`{role}`" in page
        assert json.dumps(promote.SITE_FILE).strip('"') in page
