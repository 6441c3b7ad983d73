"""Keeps the container images of the functions, without which no earlier revision starts.

firebase-tools lets Artifact Registry delete every image after a day unless the repository has a policy already
(15.34.2, lib/functions/artifacts.js, `DEFAULT_CLEANUP_DAYS`). Cloud Run keeps an image only while a revision serves
(https://cloud.google.com/run/docs/deploying), so that going back then ends with "unable to fetch metadata"
(https://github.com/firebase/firebase-tools/issues/6759).
"""

import json
from collections.abc import Sequence
from pathlib import Path

from devtools.deploy.cloud import Cloud, Command
from devtools.paths import ROOT

REPOSITORY = "gcf-artifacts"  # that of Cloud Functions in each region
_LABEL = "made-by=salesforce-sample"
KEPT, KEPT_AND_DELETED = ROOT / "deploy/images.json", ROOT / "deploy/images-of-our-own.json"


def missing(cloud: Cloud, region: str) -> Sequence[Command]:
    """The commands for the repository and its policy, as far as they are missing. Raises DeployError.

    In a repository that is there already others may have images: nothing more is deleted in it.
    """
    at = (f"--location={region}", "--project", cloud.project)
    words = ("artifacts", "repositories")
    listed = cloud.look("artifactregistry.googleapis.com", *words, "list", *at)
    here = next((r for r in listed if r["name"].endswith(f"/{REPOSITORY}")), None)
    if here is None:
        create = ("gcloud", *words, "create", REPOSITORY, "--repository-format=docker", f"--labels={_LABEL}", *at)
        return [Command(create), _set(KEPT_AND_DELETED, at)]
    policies = KEPT_AND_DELETED if here.get("labels", {}).get("made-by") == "salesforce-sample" else KEPT
    has = {policy["name"] for policy in cloud.gcloud(*words, "list-cleanup-policies", REPOSITORY, *at)}
    return [] if {policy["name"] for policy in json.loads(policies.read_text())} <= has else [_set(policies, at)]


def _set(policies: Path, at: tuple[str, ...]) -> Command:
    words = ("gcloud", "artifacts", "repositories", "set-cleanup-policies", REPOSITORY)
    return Command((*words, f"--policy={policies.relative_to(ROOT)}", "--no-dry-run", *at))


def kept(cloud: Cloud, region: str) -> set[str]:
    """The images that are still there, as NAME@sha256:…. Raises DeployError."""
    repository = f"{region}-docker.pkg.dev/{cloud.project}/{REPOSITORY}"
    listed = cloud.look("artifactregistry.googleapis.com", "artifacts", "docker", "images", "list", repository)
    return {f"{image['package']}@{image['version']}" for image in listed}
