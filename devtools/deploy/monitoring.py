"""Metrics, uptime checks, alerts, objectives, and the dashboard in deploy/monitoring: the commands for those that a
project lacks.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devtools.deploy.cloud import Cloud, Command, Post
from devtools.paths import ROOT

FOLDER = ROOT / "deploy/monitoring"
SERVICE = "salesforce-sample"
_CHANNEL = "Salesforce sample: "  # how the names of its channels begin
_VERSION = "version"  # the label that shows whether a policy, an objective or a check has changed
# What a policy was called by an earlier version, so that it is changed and no second one made.
_FORMER_NAMES = {
    "Salesforce sample: the upkeep does not run": "Salesforce sample: the daily upkeep did not run",
}


def host(project: str, settings: Mapping[str, str]) -> str:
    """Where the app's page is: the host of its first https redirect URI, else the project's own."""
    uris = (urlsplit(uri) for uri in settings.get("REDIRECT_URIS", "").split())
    return next((uri.netloc for uri in uris if uri.scheme == "https"), f"{project}.web.app")


def metrics(cloud: Cloud) -> Sequence[Command]:
    """The commands for log-based metrics that are missing or take other entries, labels or values."""
    there = {m["name"]: m for m in cloud.look("logging.googleapis.com", "logging", "metrics", "list")}
    commands: list[Command] = []
    for file in _files("metrics"):
        wanted, here = json.loads(file.read_text()), there.get(file.stem, {})
        if any(here.get(part) != wanted.get(part) for part in ("filter", "labelExtractors", "valueExtractor")):
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
    body = {"type": "email", "displayName": f"{_CHANNEL}{email}", "labels": {"email_address": email}}
    return [Post(f"{cloud.monitoring_url}/notificationChannels", body, what=f"make the channel to {email}")]


def checks(cloud: Cloud, where: str) -> Sequence[Post]:
    """The requests for uptime checks of the app at this host that are missing or differ from the files."""
    there = _checks(cloud)
    posts: list[Post] = []
    for file in _files("checks"):
        check = _versioned(_check(cloud, file, where))
        here = there.get(check["displayName"])
        if here is None:
            says = f"make the uptime check {file.stem}"
            posts.append(Post(f"{cloud.monitoring_url}/uptimeCheckConfigs", check, what=says))
        elif not _same(here, check):
            url = f"{cloud.monitoring_url}/uptimeCheckConfigs/{_id(here)}"
            posts.append(Post(url, check, "PATCH", f"bring up to date the uptime check {file.stem}"))
    return posts


def policies(cloud: Cloud, email: str | None, where: str) -> Sequence[Post]:
    """The requests for alert policies that are missing or differ from the files; `where` is the app's host.

    Of a policy that is there only what the file has is changed, so that one that somebody switched off stays off, and
    its channels stay, but for this app's own to another address when there is an `email`. A PATCH without a mask
    replaces the whole (https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies/patch).
    """
    there = {p["displayName"]: p for p in cloud.monitoring("alertPolicies", "alertPolicies")}
    named = {file.stem: _check(cloud, file, where)["displayName"] for file in _files("checks")}
    found, own = _checks(cloud), _own_channels(cloud)
    to = None if email is None else _channels(cloud, email)
    # What is new goes, without an address, where the others of this app go already.
    hooked = {channel for policy in there.values() for channel in policy.get("notificationChannels", [])}

    def check_id(match: re.Match[str]) -> str:
        """Google chooses it when the check is made, which the step before did; in a plan it may be unknown yet."""
        check = found.get(named[match[1]])
        return match[0] if check is None else _id(check)

    posts: list[Post] = []
    for file in _files("policies"):
        text = file.read_text().replace("projects/PROJECT/", f"projects/{cloud.project}/")
        policy: dict[str, Any] = json.loads(re.sub(r"CHECK\(([\w-]+)\)", check_id, text))
        policy = _versioned(policy)
        name = policy["displayName"]
        here = there.get(name) or there.get(_FORMER_NAMES.get(name, ""))
        says = f"{file.stem} (“{policy['conditions'][0]['displayName']}”)"
        if here is None:
            policy["notificationChannels"] = [c for c in own if c in hooked] if to is None else to
            posts.append(Post(f"{cloud.monitoring_url}/alertPolicies", policy, what=f"make the alert {says}"))
            continue
        has = here.get("notificationChannels", [])
        wanted = has if to is None else [*(c for c in has if c not in own or c in to), *(c for c in to if c not in has)]
        rehooked = wanted != has or to == []  # the latter: in a plan, the channel is yet to be made
        if rehooked or not _same(here, policy):
            change = {**policy, "userLabels": {**here.get("userLabels", {}), **policy["userLabels"]}}
            change |= {"notificationChannels": wanted} if rehooked else {}
            url = f"{cloud.monitoring_url}/alertPolicies/{_id(here)}?updateMask={','.join(sorted(change))}"
            posts.append(Post(url, change, "PATCH", f"bring up to date the alert {says}"))
    return posts


def objectives(cloud: Cloud) -> Sequence[Post]:
    """The requests for the service, and for its objectives that are missing or differ from the files."""
    services = {_id(s) for s in cloud.monitoring("services", "services")}
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
    there = {_id(o): o for o in cloud.monitoring(path, "serviceLevelObjectives")} if SERVICE in services else {}
    for file in _files("slos"):
        objective = _versioned(json.loads(file.read_text()))
        here = there.get(file.stem)
        says = f"{file.stem} ({objective['goal']:.2%}: “{objective['displayName']}”)"
        if here is None:
            url = f"{cloud.monitoring_url}/{path}?serviceLevelObjectiveId={file.stem}"
            posts.append(Post(url, objective, what=f"make the objective {says}"))
        elif not _same(here, objective):
            url = f"{cloud.monitoring_url}/{path}/{file.stem}"
            posts.append(Post(url, objective, "PATCH", f"bring up to date the objective {says}"))
    return posts


def _versioned(resource: dict[str, Any]) -> dict[str, Any]:
    """With a label that says what it is made of. Google writes filters and durations in its own way, so that what it
    returns cannot be compared.
    """
    version = hashlib.sha256(json.dumps([resource]).encode()).hexdigest()[:16]
    return {**resource, "userLabels": {**resource.get("userLabels", {}), _VERSION: version}}


def _same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return there.get("userLabels", {}).get(_VERSION) == wanted["userLabels"][_VERSION]


def _id(resource: Mapping[str, str]) -> str:
    return resource["name"].rsplit("/", 1)[-1]


def _check(cloud: Cloud, file: Path, where: str) -> dict[str, Any]:
    # The host stands in the check's name: what a check asks cannot be changed to another host.
    check = json.loads(file.read_text().replace("HOST", where))
    check["monitoredResource"]["labels"]["project_id"] = cloud.project
    return check


def _checks(cloud: Cloud) -> dict[str, Any]:
    return {c["displayName"]: c for c in cloud.monitoring("uptimeCheckConfigs", "uptimeCheckConfigs")}


def _channels(cloud: Cloud, email: str) -> list[str]:
    channels = cloud.monitoring("notificationChannels", "notificationChannels")
    return [c["name"] for c in channels if c["type"] == "email" and c["labels"]["email_address"] == email][:1]


def _own_channels(cloud: Cloud) -> list[str]:
    """Those that this app made."""
    channels = cloud.monitoring("notificationChannels", "notificationChannels")
    return [c["name"] for c in channels if c.get("displayName", "").startswith(_CHANNEL)]


def _files(kind: str) -> list[Path]:
    return sorted((FOLDER / kind).glob("*.json"))


def _configured(cloud: Cloud, words: tuple[str, ...], file: Path) -> Command:
    return Command((*words, f"--config-from-file={file.relative_to(ROOT)}", "--project", cloud.project))
