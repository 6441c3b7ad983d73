"""Keeps the container images of the functions, without which no earlier revision starts.

firebase-tools lets Artifact Registry delete every image after a day unless the repository has a policy already
(15.34.2, lib/functions/artifacts.js, `DEFAULT_CLEANUP_DAYS`). Cloud Run keeps an image only while a revision serves
(https://cloud.google.com/run/docs/deploying), so that going back then ends with "unable to fetch metadata"
(https://github.com/firebase/firebase-tools/issues/6759).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from devtools.deploy.cloud import Cloud, Command
from devtools.paths import ROOT

REPOSITORY = "gcf-artifacts"  # that of Cloud Functions in each region
POLICY = ROOT / "deploy/images.json"


def missing(cloud: Cloud, region: str) -> Sequence[Command]:
    """The commands for the repository and its policy, as far as they are missing. Raises DeployError."""
    at = (f"--location={region}", "--project", cloud.project)
    words = ("artifacts", "repositories")
    listed = cloud.look("artifactregistry.googleapis.com", *words, "list", *at)
    there = any(r["name"].endswith(f"/{REPOSITORY}") for r in listed)
    commands: list[Command] = []
    if not there:
        commands.append(Command(("gcloud", *words, "create", REPOSITORY, "--repository-format=docker", *at)))
    policies = cloud.gcloud(*words, "list-cleanup-policies", REPOSITORY, *at) if there else []
    has = {policy["name"]: policy for policy in policies}
    wanted: list[Mapping[str, Any]] = json.loads(POLICY.read_text())
    if not all(_kept(has.get(policy["name"], {})) == _kept(policy) for policy in wanted):
        file = f"--policy={POLICY.relative_to(ROOT)}"
        commands.append(Command(("gcloud", *words, "set-cleanup-policies", REPOSITORY, file, "--no-dry-run", *at)))
    return commands


def kept(cloud: Cloud, region: str) -> set[str]:
    """The images that are still there, as NAME@sha256:…. Raises DeployError."""
    repository = f"{region}-docker.pkg.dev/{cloud.project}/{REPOSITORY}"
    listed = cloud.look("artifactregistry.googleapis.com", "artifacts", "docker", "images", "list", repository)
    return {f"{image['package']}@{image['version']}" for image in listed}


def _kept(policy: Mapping[str, Any]) -> tuple[str, object]:
    """What of a policy counts; gcloud prints ages in seconds, whichever unit they were written in."""
    action = str(policy.get("action", {}).get("type", "")).upper()
    return action, policy.get("mostRecentVersions") or bool(policy.get("condition"))
