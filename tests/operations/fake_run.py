"""What of a played project concerns its deployments: Cloud Run's revisions, Hosting's releases and channels,
Firestore's rulesets, container images, and the pools of workload identity federation.

The formats are those of Google's reference; where each is written stands beside it. None was recorded from a project.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

FUNCTIONS = ("auth", "api", "upkeep")
NEW: dict[str, Any] = {
    "run": {},
    "images": [],
    "imagePolicies": None,
    "imagesOurs": False,
    "imagesDryRun": False,
    "secretStates": {},
    "hosting": {"releases": [], "channels": {}},
    "rules": {"releases": {}, "rulesets": {}},
    "pools": {},
    "providers": {},
    "time": 0,
}
World = dict[str, Any]


def option(words: list[str], name: str) -> str:
    found = next((w for w in words if w.startswith(f"--{name}=")), None)
    if found is not None:
        return found.partition("=")[2]
    return words[words.index(f"--{name}") + 1] if f"--{name}" in words else ""


def _now(world: World) -> str:
    """A later time each time."""
    world["time"] += 1
    return f"2026-11-{1 + world['time'] // 1440:02}T{world['time'] // 60 % 24:02}:{world['time'] % 60:02}:00.000000Z"


def _refused(text: str) -> Exception:
    from tests.operations.fake_google import Refused

    return Refused(f"ERROR: (gcloud) {text}")


def read(world: World, project: str, words: list[str]) -> Any:
    """What a reading command says; None for one that is not of these."""
    from tests.operations.fake_google import Said

    match [w for w in words if not w.startswith("--") and w != project]:
        case ["run", "services", "list"] if world["run"] and option(words, "region") in world["services"]:
            return [_service(name, state) for name, state in world["run"].items()]
        case ["run", "revisions", "list"]:
            return [_revision(r) for state in world["run"].values() for r in state["revisions"]]
        case ["artifacts", "repositories", "list"]:
            name = f"projects/{project}/locations/europe-west1/repositories/gcf-artifacts"
            labels = {"made-by": "salesforce-sample"} if world["imagesOurs"] else {}
            return [] if world["imagePolicies"] is None else [{"name": name, "format": "DOCKER", "labels": labels}]
        case ["artifacts", "repositories", "list-cleanup-policies", "gcf-artifacts"]:
            # gcloud's command_lib/artifacts/cleanup_policy_util.py, RepositoryToCleanupPoliciesResponse
            return world["imagePolicies"]
        case ["artifacts", "docker", "images", "list", repository]:
            # gcloud's command_lib/artifacts/docker_util.py, DockerImageToLegacy
            split = [image.split("@") for image in world["images"]]
            return [{"package": package, "version": version} for package, version in split if repository in package]
        case ["secrets", "versions", "list", name]:
            listed = [
                {"name": f"projects/123/secrets/{name}/versions/{n + 1}", "state": _state(world, name, str(n + 1))}
                for n in reversed(range(len(world["secrets"][name])))
            ]
            wanted = option(words, "filter").removeprefix("state=")
            return [version for version in listed if not wanted or version["state"] == wanted]
        case ["secrets", "versions", "access", number] if number.isdigit():
            name = option(words, "secret")
            if _state(world, name, number) != "ENABLED":
                raise _refused(
                    f"FAILED_PRECONDITION: Secret Version [{number}] is in {_state(world, name, number)} state."
                )
            return Said(world["secrets"][name][int(number) - 1])
        case ["projects", "describe"]:
            return {"projectId": project, "projectNumber": "123456789012", "lifecycleState": "ACTIVE"}
        case ["iam", "workload-identity-pools", "list"]:
            pools = "projects/123456789012/locations/global/workloadIdentityPools"
            return [{"name": f"{pools}/{name}", "state": state} for name, state in world["pools"].items()]
        case ["iam", "workload-identity-pools", "providers", "list"]:
            # https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
            within = "projects/123456789012/locations/global/workloadIdentityPools/salesforce-sample/providers"
            return [{"name": f"{within}/{name}", **kept} for name, kept in world["providers"].items()]
        case _:
            return None


def change(world: World, project: str, words: list[str]) -> bool:
    """Makes a change as the real tools would, or refuses it as they would. Returns whether it is one of these."""
    match [w for w in words if not w.startswith("--") and w != project]:
        case ["run", "services", "update-traffic", name]:
            _traffic(world, project, world["run"][name], words)
        case ["run", "services", "update", name]:
            newest = world["run"][name]["revisions"][-1]
            delimiter, given = re.fullmatch(r"\^(.)\^(.*)", option(words, "update-env-vars")).groups()  # type: ignore[union-attr]  # gcloud topic escaping
            more = dict(part.split("=", 1) for part in given.split(delimiter))
            _new_revision(world, project, name, {**newest["env"], **more}, newest["secrets"], newest["image"])
        case ["artifacts", "repositories", "create", "gcf-artifacts"]:
            world["imagePolicies"], world["imagesOurs"] = [], "made-by" in option(words, "labels")
        case ["artifacts", "repositories", "set-cleanup-policies", "gcf-artifacts"]:
            _policies(world, words)
        case ["hosting:channel:create", channel, *_]:
            if channel in world["hosting"]["channels"]:
                raise _refused(f"Channel {channel} already exists on site {option(words, 'site')}.")
            _channel(world, option(words, "site"), channel)
        case ["hosting:channel:delete", channel, *_]:
            del world["hosting"]["channels"][channel]
        case ["hosting:channel:deploy", channel, *_]:
            if channel not in world["hosting"]["channels"]:
                _channel(world, project, channel)
            world["hosting"]["channels"][channel]["deployed"] = True
        case ["iam", "workload-identity-pools", "create", name]:
            if name in world["pools"]:
                raise _refused(f"ALREADY_EXISTS: Requested entity already exists: {name}")
            world["pools"][name] = "ACTIVE"
        case ["iam", "workload-identity-pools", "undelete", name]:
            world["pools"][name] = "ACTIVE"
        case ["iam", "workload-identity-pools", "providers", "create-oidc" | "update-oidc" as what, name]:
            if (name in world["providers"]) != (what == "update-oidc"):
                raise _refused(f"{'NOT_FOUND' if what == 'update-oidc' else 'ALREADY_EXISTS'}: {name}")
            mapping = dict(part.split("=", 1) for part in option(words, "attribute-mapping").split(","))
            world["providers"][name] = {
                "state": "ACTIVE",
                "attributeMapping": mapping,
                "attributeCondition": option(words, "attribute-condition"),
                "oidc": {"issuerUri": option(words, "issuer-uri")},
            }
        case ["iam", "workload-identity-pools", "providers", "undelete", name]:
            world["providers"][name]["state"] = "ACTIVE"
        case ["iam", "service-accounts", "remove-iam-policy-binding", account]:
            world["policies"][account].remove([option(words, "role"), option(words, "member")])
        case _:
            return False
    return True


def uploaded(world: World, project: str, part: str, words: list[str]) -> None:
    """What `firebase deploy --only PART` leaves behind, beside what fake_google keeps of it."""
    if part == "firestore":
        for name in ("cloud.firestore", "cloud.firestore/blocks"):
            rules = Path(world["tree"], "firestore.rules").read_text()
            there = world["rules"]["rulesets"].get(world["rules"]["releases"].get(name, ""))
            if there != rules:  # firebase-tools 15.34.2, lib/rulesDeploy.js: "already up to date, skipping upload"
                ruleset = f"ruleset-{len(world['rules']['rulesets']) + 1}"
                world["rules"]["rulesets"][ruleset] = rules
                world["rules"]["releases"][name] = ruleset
    elif part == "functions":
        _functions(world, project)
    else:
        version = f"sites/{project}/versions/v{len(world['hosting']['releases']) + 1}"
        _release(world, project, version, option(words, "message"))


def _functions(world: World, project: str) -> None:
    """firebase-tools reads the settings in the folder `configDir`, and binds each secret to the number of its newest
    version, which must be enabled (15.34.2, lib/deploy/functions/validate.js). Functions with the same source, settings
    and secrets as before are skipped (release/planner.js).
    """
    file = Path(world["tree"], ".local/deploy", project, f".env.{project}")
    pairs = [line.partition("=") for line in file.read_text().splitlines()]
    env = {name: re.sub(r"\\(.)", r"\1", value.strip('"')) for name, _, value in pairs}
    secrets = {name: str(len(values)) for name, values in world["secrets"].items()}
    for name, version in secrets.items():
        if _state(world, name, version) != "ENABLED":
            raise _refused(f"Error: Expected secret {name}@{version} to be in state ENABLED not DISABLED.")
    source = Path(world["tree"], "functions/main.py").read_text()
    for function in FUNCTIONS:
        state = world["run"].setdefault(function, {"revisions": [], "traffic": None, "hash": None})
        if state["hash"] == [source, env, secrets]:
            continue
        state["hash"] = [source, env, secrets]
        image = (
            f"europe-west1-docker.pkg.dev/{project}/gcf-artifacts/{function}@sha256:{len(state['revisions']) + 1:064x}"
        )
        world["images"].append(image)
        _new_revision(world, project, function, env, secrets, image)


def _new_revision(world: World, project: str, function: str, env: Any, secrets: Any, image: str) -> None:
    """It gets calls only when the service has no revision named in its traffic."""
    if image not in world["images"]:
        raise _refused(f"Image '{image}' not found.")
    state = world["run"][function]
    name = f"{function}-{len(state['revisions']) + 1:05}-abc"
    kept = {"name": name, "created": _now(world), "env": env, "secrets": dict(secrets), "image": image, "ready": True}
    state["revisions"].append({**kept, "function": function})


def _traffic(world: World, project: str, state: Any, words: list[str]) -> None:
    if "--to-latest" in words:
        state["traffic"] = None
        return
    name, percent = option(words, "to-revisions").split("=")
    assert percent == "100"
    revision = next((r for r in state["revisions"] if r["name"] == name), None)
    if revision is None:
        raise _refused(f"NOT_FOUND: Revision {name} not found")
    if revision["image"] not in world["images"]:  # https://github.com/firebase/firebase-tools/issues/6759
        raise _refused(f"unable to fetch metadata from Artifact Registry for image [{revision['image']}]")
    for secret, version in revision["secrets"].items():
        if _state(world, secret, version) != "ENABLED":
            raise _refused(f"Revision '{name}' is not ready and cannot serve traffic: secret {secret}/{version}")
    state["traffic"] = name


def _state(world: World, name: str, version: str) -> str:
    return world["secretStates"].get(f"{name}/{version}", "ENABLED")


def _service(name: str, state: Any) -> Any:
    """https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services"""
    newest = state["revisions"][-1]["name"]
    pinned = state["traffic"]
    wanted = {"percent": 100, **({"revisionName": pinned} if pinned else {"latestRevision": True})}
    split = state.get("split")  # half of the calls go to this one
    serving = {
        "percent": 50 if split else 100,
        "revisionName": pinned or newest,
        **({} if pinned else {"latestRevision": True}),
    }
    others = [{"percent": 50, "revisionName": split}] if split else []
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"goog-managed-by": "cloudfunctions"}},
        "spec": {"template": {}, "traffic": [wanted]},
        "status": {"latestReadyRevisionName": newest, "traffic": [serving, *others]},
    }


def _revision(kept: Any) -> Any:
    """https://cloud.google.com/run/docs/reference/rest/v1/namespaces.revisions"""
    bound = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": name, "key": version}}}
        for name, version in kept["secrets"].items()
    ]
    env = [{"name": name, "value": value} for name, value in kept["env"].items()]
    return {
        "metadata": {
            "name": kept["name"],
            "creationTimestamp": kept["created"],
            "labels": {"serving.knative.dev/service": kept["function"]},
        },
        "spec": {"containers": [{"image": kept["image"], "env": [*env, *bound]}]},
        "status": {
            "conditions": [{"type": "Ready", "status": "True" if kept["ready"] else "False"}],
            "imageDigest": kept["image"],
        },
    }


def _policies(world: World, words: list[str]) -> None:
    """Puts them in the place of all that were there, as gcloud 528 does (surface/artifacts/repositories/
    set_cleanup_policies.yaml: read_modify_update with command_lib/util/apis/arg_utils.py, SetFieldInMessage; the file
    as command_lib/artifacts/cleanup_policy_util.py, ParseCleanupPolicy, reads it). What it prints later has the types
    in capitals and ages in seconds.
    """
    if "--no-dry-run" in words or "--dry-run" in words:
        world["imagesDryRun"] = "--dry-run" in words
    policies: list[Any] = json.loads(Path(option(words, "policy")).read_text())
    if len({policy["name"] for policy in policies}) < len(policies):
        raise _refused("Duplicate key in policy list.")
    for policy in policies:
        if ("condition" in policy) == ("mostRecentVersions" in policy):
            raise _refused('Only one of "condition" or "mostRecentVersions" allowed in policy')
        policy["action"] = {"type": policy["action"]["type"].upper()}
        if "condition" in policy:
            amount, unit = policy["condition"]["olderThan"][:-1], policy["condition"]["olderThan"][-1]
            policy["condition"]["olderThan"] = f"{int(amount) * {'d': 86400, 's': 1}[unit]}s"
    world["imagePolicies"] = sorted(policies, key=lambda policy: policy["name"])


def _channel(world: World, site: str, channel: str) -> None:
    """https://firebase.google.com/docs/reference/hosting/rest/v1beta1/sites.channels"""
    world["hosting"]["channels"][channel] = {
        "name": f"sites/{site}/channels/{channel}",
        "url": f"https://{site}--{channel}-{world['time'] + 7001:x}qd.web.app",
        "expireTime": "2026-12-06T10:00:00Z",
    }


def _release(world: World, site: str, version: str, message: str) -> None:
    release = f"sites/{site}/channels/live/releases/{len(world['hosting']['releases']) + 1}"
    kept = {"name": release, "releaseTime": _now(world), "version": {"name": version, "status": "FINALIZED"}}
    world["hosting"]["releases"].insert(0, {**kept, **({"message": message} if message else {})})


# The APIs that the tools have no command for


def get(world: World, url: str) -> tuple[int, Any] | None:
    """The answer of Hosting's and the rules' APIs; None for a path that is neither's. Lists come in pages of two."""
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    if match := re.fullmatch(r"/v1beta1/sites/[^/]+/channels/([^/]+)", path):
        channel = world["hosting"]["channels"].get(match[1])
        return (404, None) if channel is None else (200, channel)
    if re.fullmatch(r"/v1beta1/sites/[^/]+/channels/live/releases", path):
        return 200, _page(world["hosting"]["releases"], "releases", query)
    if match := re.fullmatch(r"/v1/projects/([^/]+)/releases", path):
        prefix = f"projects/{match[1]}"
        rulesets = f"{prefix}/rulesets"
        listed = [
            {"name": f"{prefix}/releases/{name}", "rulesetName": f"{rulesets}/{ruleset}"}
            for name, ruleset in {"firebase.storage/other": "theirs", **world["rules"]["releases"]}.items()
        ]
        return 200, _page(listed, "releases", query)
    if match := re.fullmatch(r"/v1/projects/[^/]+/rulesets/([^/]+)", path):
        return (200, {"name": path}) if match[1] in world["rules"]["rulesets"] else (404, None)
    return None


def _page(listed: list[Any], kind: str, query: dict[str, list[str]]) -> Any:
    start = int(query.get("pageToken", ["0"])[0])
    more = {"nextPageToken": str(start + 2)} if len(listed) > start + 2 else {}
    return {kind: listed[start : start + 2], **more}


def send(world: World, url: str, body: Any) -> tuple[int, Any] | None:
    """As `get`, for what changes something."""
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    if match := re.fullmatch(r"/v1beta1/sites/([^/]+)/channels/live/releases", path):
        version = query["versionName"][0]
        kept = [r["version"] for r in world["hosting"]["releases"] if r["version"]["name"] == version]
        if not kept or kept[0]["status"] != "FINALIZED":
            return 400, {
                "error": {"message": f"the version {version} cannot be released", "status": "INVALID_ARGUMENT"}
            }
        if "type" in body:
            return 400, {"error": {"message": "type may be given for SITE_DISABLE only", "status": "INVALID_ARGUMENT"}}
        _release(world, match[1], version, body.get("message", ""))
        world["changes"].append(["POST", path])
        return 200, world["hosting"]["releases"][0]
    if match := re.fullmatch(r"/v1/projects/[^/]+/releases/(.+)", path):
        ruleset = body["release"]["rulesetName"].rsplit("/", 1)[-1]
        if match[1] not in world["rules"]["releases"] or ruleset not in world["rules"]["rulesets"]:
            return 404, {"error": {"message": "Requested entity was not found.", "status": "NOT_FOUND"}}
        world["rules"]["releases"][match[1]] = ruleset
        world["changes"].append(["PATCH", path])
        return 200, body["release"]
    return None
