"""The built images of the functions in Artifact Registry, which are kept for some days and then deleted.

Without a cleanup policy, without --force and without a person, firebase-tools 15.34.2 deploys the functions and then
ends with an error (lib/deploy/functions/release/index.js, setupArtifactCleanupPolicies;
https://github.com/firebase/firebase-tools/pull/8324). With --force it would keep images for one day.
"""

from typing import Any

from devtools.deploy.cloud import Cloud, Command

REPOSITORY = "gcf-artifacts"
# Going back to a revision needs its image, and a month of small images costs cents.
KEEP_DAYS = 30
_POLICY, _ONE_DAY = "firebase-functions-cleanup", "86400s"
_POLICY, _ONE_DAY = "firebase-functions-cleanup", "86400s"
_OPTED_OUT = "firebase-functions-cleanup-opted-out"


def missing(cloud: Cloud, region: str) -> list[Command]:
    """The command for the region's repository, when it has no policy. Raises DeployError."""
    repository = _repository(cloud, region)
    return [command(cloud, region)] if repository and not _has_policy(repository) else []


def after_the_first_upload(cloud: Cloud, region: str) -> list[Command]:
    """The command for a repository that only the first upload of the functions makes. Raises DeployError."""
    return [command(cloud, region)] if _repository(cloud, region) is None else []


def command(cloud: Cloud, region: str) -> Command:
    """The command that sets the policy for a region."""
    words = ("firebase", "functions:artifacts:setpolicy", "--location", region, "--days", str(KEEP_DAYS))
    # --force: it asks "Do you want to continue?", and does nothing else with it (lib/commands/functions-artifacts-
    # setpolicy.js).
    return Command((*words, "--force", "--project", cloud.project, "--non-interactive"))


def _repository(cloud: Cloud, region: str) -> dict[str, Any] | None:
    if "artifactregistry.googleapis.com" not in cloud.enabled():
        return None
    name = f"v1/projects/{cloud.project}/locations/{region}/repositories/{REPOSITORY}"
    return cloud.get(cloud.api("artifactregistry", name))


def _has_policy(repository: dict[str, Any]) -> bool:
    """As firebase-tools sees it (lib/functions/artifacts.js, checkCleanupPolicy): a policy of its own or of somebody's,
    or the label of those who want none. One day is what --force of an earlier version has set, and too short.
    """
    policies = dict(repository.get("cleanupPolicies") or {})
    if policies.get(_POLICY, {}).get("condition", {}).get("olderThan") == _ONE_DAY:
        del policies[_POLICY]
    return bool(policies) or repository.get("labels", {}).get(_OPTED_OUT) == "true"
