"""What an operator found by reading the deployment beside gcloud, firebase-tools and what others saw of Google."""

import os
from pathlib import Path

import pytest

from devtools.deploy import cloud as clouds
from devtools.deploy import steps
from devtools.deploy.cloud import FIREBASE, Cloud, Command, DeployError, why
from devtools.deploy.steps import Target
from devtools.paths import ROOT
from tests.operations.project import KMS, PROJECT, World


def test_apis_are_switched_on_twenty_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service Usage refuses more in one batch (GoogleCloudPlatform/k8s-config-connector#6334), and gcloud sends all
    that it is given as one (its surface/services/enable.py).
    """
    monkeypatch.setattr(steps, "_keyset", lambda _target: "a wrapped keyset")  # pyright: ignore[reportPrivateUsage]  KMS is out of reach
    target = Target(PROJECT, "eur3", {"TELEMETRY": "google", "TOKEN_KEYSET_KMS_KEY": KMS})
    world.deploy(target)
    enabled = [words[3 : words.index("--project")] for words in world.read()["changes"] if words[2] == "enable"]
    assert [len(apis) for apis in enabled] == [20, 3]
    assert world.plan(target) == 0


def _program(file: Path, text: str) -> str:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)
    return str(file)


class TestFirebaseTools:
    def test_the_pinned_one_is_asked_and_its_error_is_read_where_it_prints_it(self, tmp_path: Path) -> None:
        """The real one, which nobody has logged in with, beside another on the PATH."""
        _program(tmp_path / "bin/firebase", 'echo \'{"status": "success", "result": ["of another version"]}\'')
        alone = {
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "METADATA_SERVER_DETECTION": "none",  # it is on no machine of Google's
            "NO_UPDATE_NOTIFIER": "1",
        }
        with pytest.raises(DeployError) as refused:
            Cloud(PROJECT, alone).firebase("projects:list")
        assert "firebase-tools is not logged in: make firebase ARGS=login" in str(refused.value)
        assert "(Failed to authenticate, have you run firebase login?)" in str(refused.value)

    def test_its_error_counts_and_not_what_node_says_beside_it(self, tmp_path: Path) -> None:
        said = 'echo \'{"status": "error", "error": "HTTP Error: 403, no such luck"}\'; echo a warning >&2; exit 1'
        cloud = Cloud(PROJECT, firebase=[_program(tmp_path / "firebase", said)])
        with pytest.raises(DeployError, match=r"^firebase apps:list WEB --json: HTTP Error: 403, no such luck$"):
            cloud.firebase("apps:list", "WEB")

    def test_what_it_prints_is_shown_and_its_error_is_advised_on(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Without --json it prints its error to standard output too (15.34.2, lib/logger.js), as its last words."""
        said = (
            "i  deploying functions\n   Error: of a line in between\n\nError: Failed to add Firebase to Google Cloud"
            " Platform project p because your account has not accepted the Firebase Terms of Service.\n"
        )
        (tmp_path / "said").write_text(said)
        program = _program(tmp_path / "firebase", f"cat {tmp_path / 'said'}; exit 2")
        with pytest.raises(DeployError, match=r"accept Firebase's terms, once, .*\(Failed to add Firebase"):
            Cloud(PROJECT, firebase=[program]).run(Command(("firebase", "projects:addfirebase", PROJECT)))
        assert capsys.readouterr().out == said

    def test_it_asks_in_the_projects_name(self, tmp_path: Path) -> None:
        """With only `gcloud auth application-default login` firebase-tools takes that token, which Google refuses in
        nobody's name (firebase/firebase-tools#6801).
        """
        assert '"x-goog-user-project"' in (source := (FIREBASE.parents[1] / "apiv2.js").read_text())
        assert "USER_PROJECT_HEADER, process.env.GOOGLE_CLOUD_QUOTA_PROJECT)" in source
        file = tmp_path / "asked"
        program = _program(tmp_path / "firebase", f'printf %s "$GOOGLE_CLOUD_QUOTA_PROJECT" > {file}')
        first = Cloud(PROJECT, firebase=[program])
        for cloud in (first, first.of("another")):
            cloud.run(Command(("firebase", "deploy")))
            assert file.read_text() == cloud.project


# What is said, with what to do; where it was seen.
SAID = {
    # https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds
    "Request to https://firebase.googleapis.com/v1beta1/projects had HTTP Error: 403, Your application is"
    " authenticating by using local Application Default Credentials. The firebase.googleapis.com API requires a quota"
    " project, which is not set by default. PERMISSION_DENIED": "gcloud auth application-default set-quota-project",
    # firebase-tools 15.34.2, lib/management/projects.js
    "Error: Failed to add Firebase to Google Cloud Platform project p because your account has not accepted the"
    " Firebase Terms of Service. Please accept the Terms of Service": "/?forceCheckTos=true",
}


@pytest.mark.parametrize("said", SAID)
def test_a_line_says_what_to_do(said: str) -> None:
    assert SAID[said] in why(said).partition(" (")[0]


def test_without_firebases_terms_it_ends_after_the_apis_and_says_where_they_are(world: World) -> None:
    world.set(termsAccepted=False)
    with pytest.raises(DeployError, match=r"accept Firebase's terms, once, .*\?forceCheckTos=true; then run"):
        world.deploy(Target(PROJECT, "eur3"))
    assert {words[2] for words in world.read()["changes"]} == {"enable"}
    page = (ROOT / "docs/deploy.md").read_text()
    assert page.index("?forceCheckTos=true") < page.index("`make deploy` looks for [walls]"), "told before"
    world.set(termsAccepted=True)
    world.deploy(Target(PROJECT, "eur3"))
    assert world.read()["uploads"] == ["firestore", "functions", "hosting"]


class TestANewAccount:
    """IAM knows it everywhere only after some seconds (hashicorp/vault-plugin-secrets-gcp#257)."""

    def test_what_names_it_is_asked_again_for_a_while(self, world: World) -> None:
        world.set(accountsKnownAfter=3)
        world.deploy(Target(PROJECT, "eur3"))
        assert world.read()["uploads"] == ["firestore", "functions", "hosting"]
        assert world.slept == [clouds.NEW_ACCOUNT_PAUSE] * 3 * 4, "three functions and the build"

    def test_after_a_minute_it_says_what_google_says(self, world: World) -> None:
        world.set(accountsKnownAfter=1000)
        with pytest.raises(DeployError, match=r"Service account salesforce-auth@.* does not exist\.$"):
            world.deploy(Target(PROJECT, "eur3"))
        assert sum(world.slept) == 60

    def test_one_that_was_there_before_this_run_is_not_waited_for(self, world: World) -> None:
        world.set(accountsKnownAfter=1)
        world.set(stopAt=next_to_accounts(world))
        with pytest.raises(DeployError, match="unavailable"):
            world.deploy(Target(PROJECT, "eur3"))
        with pytest.raises(DeployError, match="does not exist"):
            world.deploy(Target(PROJECT, "eur3"))
        assert not world.slept


def next_to_accounts(world: World) -> int:
    """How many changes come before the first role, in a new project."""
    world.plan(Target(PROJECT, "eur3"))
    changes = [line for line in world.said if line.startswith("    ") and ": POST" not in line]
    return next(n for n, line in enumerate(changes) if "add-iam-policy-binding" in line)
