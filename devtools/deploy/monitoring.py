"""Metrics, alerts, objectives, and the dashboard in deploy/monitoring: the commands for those that a project lacks."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devtools.deploy.cloud import Cloud, Command, Post
from devtools.paths import ROOT

FOLDER = ROOT / "deploy/monitoring"
SERVICE = "salesforce-sample"
_VERSION = "version"  # the label that shows whether a policy has changed


def metrics(cloud: Cloud) -> Sequence[Command]:
    """The commands for log-based metrics that are missing or have another filter."""
    there = {m["name"]: m["filter"] for m in cloud.look("logging.googleapis.com", "logging", "metrics", "list")}
    commands: list[Command] = []
    for file in _files("metrics"):
        if there.get(file.stem) != json.loads(file.read_text())["filter"]:
            what = "update" if file.stem in there else "create"
            commands.append(_configured(cloud, ("gcloud", "logging", "metrics", what, file.stem), file))
    return commands


def dashboards(cloud: Cloud) -> Sequence[Command]:
    """The commands for dashboards that are missing. Existing ones are never changed, because people edit them."""
    there = {d["displayName"] for d in cloud.look("monitoring.googleapis.com", "monitoring", "dashboards", "list")}
    missing = [f for f in _files("dashboards") if json.loads(f.read_text())["displayName"] not in there]
    return [_configured(cloud, ("gcloud", "monitoring", "dashboards", "create"), file) for file in missing]


def channel(cloud: Cloud, email: str | None) -> Sequence[Post]:
    """The request for the notification channel to this e-mail address; none when it exists or there is no address."""
    if email is None or _channels(cloud, email):
        return []
    body = {"type": "email", "displayName": f"Salesforce sample: {email}", "labels": {"email_address": email}}
    return [Post(f"{cloud.monitoring_url}/notificationChannels", body, what=f"make the channel to {email}")]


def policies(cloud: Cloud, email: str | None) -> Sequence[Post]:
    """The requests for alert policies that are missing or differ from the files."""
    there = {p["displayName"]: p for p in cloud.monitoring("alertPolicies", "alertPolicies")}
    posts: list[Post] = []
    for file in _files("policies"):
        policy: dict[str, Any] = json.loads(file.read_text().replace("projects/PROJECT/", f"projects/{cloud.project}/"))
        policy["notificationChannels"] = [] if email is None else _channels(cloud, email)
        version = hashlib.sha256(json.dumps([policy, email]).encode()).hexdigest()[:16]
        policy["userLabels"] = {**policy["userLabels"], _VERSION: version}
        policy_there = there.get(policy["displayName"])
        says = f"{file.stem} (“{policy['conditions'][0]['displayName']}”)"
        if policy_there is None:
            posts.append(Post(f"{cloud.monitoring_url}/alertPolicies", policy, what=f"make the alert {says}"))
        elif policy_there.get("userLabels", {}).get(_VERSION) != version:
            name = policy_there["name"].rsplit("/", 1)[-1]
            url = f"{cloud.monitoring_url}/alertPolicies/{name}"
            posts.append(Post(url, policy, "PATCH", f"bring up to date the alert {says}"))
    return posts


def objectives(cloud: Cloud) -> Sequence[Post]:
    """The requests for the service and its objectives that are missing."""
    services = {s["name"].rsplit("/", 1)[-1] for s in cloud.monitoring("services", "services")}
    posts: list[Post] = []
    if SERVICE not in services:
        posts.append(
            Post(
                f"{cloud.monitoring_url}/services?serviceId={SERVICE}",
                {"displayName": "Salesforce sample", "custom": {}},
                what="make the service that has the objectives",
            )
        )
    path = f"services/{SERVICE}/serviceLevelObjectives"
    there = cloud.monitoring(path, "serviceLevelObjectives") if SERVICE in services else []
    names = {o["name"].rsplit("/", 1)[-1] for o in there}
    for file in _files("slos"):
        if file.stem not in names:
            url = f"{cloud.monitoring_url}/{path}?serviceLevelObjectiveId={file.stem}"
            objective = json.loads(file.read_text())
            says = f"{file.stem} ({objective['goal']:.2%}: “{objective['displayName']}”)"
            posts.append(Post(url, objective, what=f"make the objective {says}"))
    return posts


def _channels(cloud: Cloud, email: str) -> list[str]:
    channels = cloud.monitoring("notificationChannels", "notificationChannels")
    return [c["name"] for c in channels if c["type"] == "email" and c["labels"]["email_address"] == email][:1]


def _files(kind: str) -> list[Path]:
    return sorted((FOLDER / kind).glob("*.json"))


def _configured(cloud: Cloud, words: tuple[str, ...], file: Path) -> Command:
    return Command((*words, f"--config-from-file={file.relative_to(ROOT)}", "--project", cloud.project))
