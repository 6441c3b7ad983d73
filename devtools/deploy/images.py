"""Keeps the container images of the functions, without which no earlier revision starts.

firebase-tools lets Artifact Registry delete every image after a day unless the repository has a policy already
(15.34.2, lib/functions/artifacts.js, `DEFAULT_CLEANUP_DAYS`). Cloud Run keeps an image only while a revision serves
(https://cloud.google.com/run/docs/deploying), so that going back then ends with "unable to fetch metadata"
(https://github.com/firebase/firebase-tools/issues/6759).
"""

import json
from collections.abc import Sequence
from pathlib import Path

from devtools.deploy.cloud import Cloud, Command, Write
from devtools.paths import ROOT

REPOSITORY = "gcf-artifacts"  # that of Cloud Functions in each region
_LABEL = "made-by=salesforce-sample"
FOLDER = ROOT / ".local/deploy"
KEPT, KEPT_AND_DELETED = ROOT / "deploy/images.json", ROOT / "deploy/images-of-our-own.json"


def missing(cloud: Cloud, region: str) -> Sequence[Command | Write]:
    """The commands for the repository and its policy, as far as they are missing. Raises DeployError.

    In a repository that is there already others may have images: nothing more is deleted in it. Its policies stay, and
    whether they are only tried: gcloud puts what it is given in the place of all that were there (its
    surface/artifacts/repositories/set_cleanup_policies.yaml), and leaves a dry run as it is when it is told nothing.
    """
    at = (f"--location={region}", "--project", cloud.project)
    words = ("artifacts", "repositories")
    listed = cloud.look("artifactregistry.googleapis.com", *words, "list", *at)
    here = next((r for r in listed if r["name"].endswith(f"/{REPOSITORY}")), None)
    if here is None:
        create = ("gcloud", *words, "create", REPOSITORY, "--repository-format=docker", f"--labels={_LABEL}", *at)
        return [Command(create), _set(KEPT_AND_DELETED, "--no-dry-run", *at)]
    ours = here.get("labels", {}).get("made-by") == "salesforce-sample"
    wanted = KEPT_AND_DELETED if ours else KEPT
    policies = json.loads(wanted.read_text())
    there = cloud.gcloud(*words, "list-cleanup-policies", REPOSITORY, *at)
    has, needs = ({policy["name"] for policy in some} for some in (there, policies))
    if needs <= has:
        return []
    if ours and not there:
        return [_set(wanted, "--no-dry-run", *at)]
    # What is listed can be given as it is: ages in seconds, and kinds in capitals, which gcloud reads too
    # (its command_lib/artifacts/cleanup_policy_util.py).
    every = json.dumps([*(p for p in there if p["name"] not in needs), *policies], indent=2) + "\n"
    file = FOLDER / cloud.project / "cleanup-policies.json"
    return [Write(file, lambda: every), _set(file, *at)]


def _set(policies: Path, *more: str) -> Command:
    words = ("gcloud", "artifacts", "repositories", "set-cleanup-policies", REPOSITORY)
    file = policies.relative_to(ROOT) if policies.is_relative_to(ROOT) else policies
    return Command((*words, f"--policy={file}", *more))


def kept(cloud: Cloud, region: str) -> set[str]:
    """The images that are still there, as NAME@sha256:…. Raises DeployError."""
    repository = f"{region}-docker.pkg.dev/{cloud.project}/{REPOSITORY}"
    listed = cloud.look("artifactregistry.googleapis.com", "artifacts", "docker", "images", "list", repository)
    return {f"{image['package']}@{image['version']}" for image in listed}
