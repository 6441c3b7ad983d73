"""What the real Google refuses on many projects, for the played one: what an organisation forbids, what a new project
has not, and what firebase-tools does by itself. Each message was seen by somebody; the source stands beside it.
"""

import json
import re
from pathlib import Path
from typing import Any

NEW: dict[str, Any] = {
    "sites": [],
    "webApps": {},
    "orgPolicies": {},  # by constraint, as Resource Manager's API v1 has them
    "policiesReadable": True,
    "quota": {"cpu_allocation": {"": 200_000}, "mem_allocation": {"": 400 * 1024**3}},  # by region, "" for all
    "regions": ["europe-west1", "europe-west3", "us-central1"],
    "services": {},  # of Cloud Run, by region: who may call each
    "switchedOnByFirebase": [],
    "builtBy": "",
    "accountsKnownAfter": 0,  # so often what names a new account is refused
    "young": {},
}
# firebase-tools switches these on by itself: its deploy/functions/{prepare,ensure}.js, deploy/hosting/prepare.js, and
# deploy/firestore/prepare.js.
BY_FIREBASE = {
    "functions": [
        *("cloudfunctions", "cloudbuild", "artifactregistry", "run", "eventarc", "pubsub", "storage"),
        "secretmanager",
    ],
    "hosting": ["firebasehosting"],
    "firestore": ["firestore"],
}
# What a build needs, and what is said without: https://cloud.google.com/run/docs/configuring/services/build-service-account,
# GoogleCloudPlatform/terraform-genai-knowledge-base#245, GoogleCloudPlatform/bigquery-dlp-remote-function#70.
_BUILD = {
    "roles/logging.logWriter": "does not have permission to write logs to Cloud Logging. To fix this, grant the Logs"
    " Writer (roles/logging.logWriter) role to the service account.",
    "roles/artifactregistry.writer": "does not have artifactregistry.repositories.uploadArtifacts access.",
    "roles/storage.objectViewer": "does not have storage.objects.get access to the Google Cloud Storage object.",
}
_INSTANCES = {"auth": 20, "api": 50, "upkeep": 1}


class Refused(Exception):
    pass


def read(world: dict[str, Any], project: str, words: list[str]) -> Any:
    """What a reading command says; None for another one."""
    match [w for w in words if not w.startswith("--")]:
        case ["resource-manager", "org-policies", "describe", name, *_]:
            if not world["policiesReadable"]:
                raise Refused(
                    "ERROR: (gcloud.resource-manager.org-policies.describe) User [someone@example.com] does not have"
                    f" permission to access projects instance [{project}:getEffectiveOrgPolicy] (or it may not exist):"
                    " The caller does not have permission"
                )
            return {"constraint": name, **world["orgPolicies"].get(name, {"listPolicy": {"allValues": "ALLOW"}})}
        case ["run", "regions", "list"]:
            return [{"locationId": r, "name": f"projects/{project}/locations/{r}"} for r in world["regions"]]
        case ["run", "services", "list", *_]:
            newest = [{"percent": 100, "latestRevision": True}]
            return [
                {
                    "metadata": {"name": name, "labels": _labels(world, _option(words, "region"), name)},
                    "spec": {"traffic": newest},
                    "status": {},
                }
                for name in world["services"].get(_option(words, "region"), {})
            ]
        case ["run", "services", "get-iam-policy", name]:
            members = world["services"][_option(words, "region")][name]
            return {"bindings": [{"role": "roles/run.invoker", "members": members}] if members else [], "etag": "x"}
        case ["apps:list", "WEB", *_]:
            return {
                "status": "success",
                "result": [
                    {"appId": i, "displayName": name, "platform": "WEB"} for i, name in world["webApps"].items()
                ],
            }
        case ["apps:sdkconfig", "WEB", app, *_]:
            return {"status": "success", "result": {"sdkConfig": {"apiKey": f"the-key-of-{world['webApps'][app]}"}}}
        case ["hosting:sites:list", *_]:
            sites = [{"name": f"projects/{project}/sites/{site}"} for site in world["sites"]]
            return {"status": "success", "result": {"sites": sites}}
        case _:
            return None


def _labels(world: dict[str, Any], region: str, name: str) -> dict[str, str]:
    """Cloud Functions labels the services of functions (firebase-tools 15.34.2, lib/functions/functionslog.js)."""
    of_function = any(f["name"].endswith(f"/{region}/functions/{name}") for f in world["functions"])
    return {"goog-managed-by": "cloudfunctions"} if of_function else {}


def refuse(world: dict[str, Any], project: str, words: list[str]) -> None:
    """Raises Refused for a change that an organisation forbids."""
    match [w for w in words if not w.startswith("--")]:
        case ["services", "enable", *apis]:
            apis = [api for api in apis if api != project]
            if len(apis) > 20:  # GoogleCloudPlatform/k8s-config-connector#6334; gcloud sends them as one batch
                raise Refused(
                    "ERROR: (gcloud.services.enable) INVALID_ARGUMENT: Number of services must not exceed the maximum"
                    " batch size (20)."
                )
            for api in apis:
                if not _allows(world, "gcp.restrictServiceUsage", api):
                    raise Refused(f"ERROR: (gcloud.services.enable) FAILED_PRECONDITION: {api} is restricted")
        case ["secrets", "create", *_]:
            # firebase/firebase-tools#6454; https://cloud.google.com/secret-manager/docs/choosing-replication
            for where in (_option(words, "locations") or "global").split(","):
                if not _allows(world, "gcp.resourceLocations", where):
                    raise Refused(
                        "ERROR: (gcloud.secrets.create) FAILED_PRECONDITION: Constraint"
                        " constraints/gcp.resourceLocations violated for [orgpolicy:projects/123] attempting to create"
                        f" a secret in [{where}]."
                    )
        case ["firestore", "databases", "create"]:
            if not _allows(world, "gcp.resourceLocations", _option(words, "location")):
                raise Refused("ERROR: (gcloud.firestore.databases.create) FAILED_PRECONDITION: gcp.resourceLocations")
        case ["iam", "service-accounts", "create", *_]:
            if world["orgPolicies"].get("constraints/iam.disableServiceAccountCreation"):
                raise Refused("ERROR: (gcloud.iam.service-accounts.create) FAILED_PRECONDITION: not allowed on project")
        case ["run", "services", "add-iam-policy-binding", *_]:
            _public(world, "gcloud.run.services.add-iam-policy-binding")
    _young(world, project, words)


def _young(world: dict[str, Any], project: str, words: list[str]) -> None:
    """An account that was just made is not known everywhere: hashicorp/vault-plugin-secrets-gcp#257,
    googleapis/google-cloud-go#11482; gcloud's two lines as in GoogleCloudPlatform/generative-ai#944.
    """
    if words[:3] == ["iam", "service-accounts", "create"]:
        world["young"][f"{words[3]}@{project}.iam.gserviceaccount.com"] = world["accountsKnownAfter"]
    if not any(word == "add-iam-policy-binding" for word in words):
        return
    for email, times in world["young"].items():
        if times and any(email in word for word in words):
            world["young"][email] = times - 1
            raise Refused(
                'ERROR: Policy modification failed. For a binding with condition, run "gcloud alpha iam policies'
                ' lint-condition" to identify issues in condition.\n'
                f"ERROR: (gcloud.{'.'.join(words[:2])}) INVALID_ARGUMENT: Service account {email} does not exist."
            )


def change(world: dict[str, Any], project: str, words: list[str]) -> bool:
    """Makes the change; False for one that others make."""
    match [w for w in words if not w.startswith("--") and w != project]:
        case ["apps:create", "WEB", name]:
            _firebase(world)
            world["webApps"][f"1:123:web:{len(world['webApps'])}"] = name
        case ["hosting:sites:create", *_]:
            _firebase(world)
            world["sites"].append(words[1])
        case ["run", "services", "add-iam-policy-binding" | "remove-iam-policy-binding" as what, name]:
            members, member = world["services"][_option(words, "region")][name], _option(words, "member")
            members.append(member) if what.startswith("add") else members.remove(member)
        case _:
            return False
    return True


def upload(world: dict[str, Any], project: str, words: list[str], builder: str, folder: Path) -> None:
    """`firebase deploy --only PART` with the configuration file in `folder`, built by `builder`. Raises Refused."""
    part = words[words.index("--only") + 1]
    for api in BY_FIREBASE.get(part, []):
        if f"{api}.googleapis.com" not in world["apis"]:
            world["switchedOnByFirebase"].append(f"{api}.googleapis.com")
    config = json.loads((folder / _option(words, "config")).read_text())
    if part == "hosting" and config["hosting"]["site"] not in world["sites"]:
        # firebase-tools 15.34.2, lib/commands/deploy.js
        raise Refused("Error: Unable to deploy to Hosting as there is no Hosting site.")
    if part == "functions":
        env = (folder / config["functions"][0]["configDir"] / f".env.{project}").read_text()
        settings = dict(re.findall(r'^(\w+)="(.*)"$', env, re.MULTILINE))
        _functions(world, settings, builder)


def _functions(world: dict[str, Any], settings: dict[str, str], builder: str) -> None:
    builder = builder or "123-compute@developer.gserviceaccount.com"
    if builder not in world["accounts"]:  # firebase/firebase-tools#8841
        raise Refused(f"Error: HTTP Error: 404, Service account projects/-/serviceAccounts/{builder} was not found.")
    held = {role for role, member, *_ in world["policies"]["project"] if member == f"serviceAccount:{builder}"}
    for role, said in _BUILD.items():
        if not held & {role, "roles/cloudbuild.builds.builder", "roles/editor"}:
            raise Refused(
                "Error: Build failed with status: FAILURE. Could not build the function due to a missing permission on"
                f" the build service account: {builder} {said}"
            )
    region = settings["REGION"]
    there = world["services"].setdefault(region, {})
    for name, usual in _INSTANCES.items():
        wanted = int(settings.get(f"{name.upper()}_INSTANCES", usual))
        most = _quota(world, "cpu_allocation", region) // 1000
        if wanted > most:  # googlecodelabs/feedback#1856, jspsych/datapipe pull request 238
            raise Refused(f"Error: Max instances must be set to {most} or fewer to set the requested total CPU.")
        if name in there:  # an update lets nobody in: firebase/firebase-functions-python#308
            continue
        there[name] = []
        if name == "upkeep":
            there[name] = ["serviceAccount:salesforce-upkeep"]
        else:
            _public(world, "Error: Unable to set the invoker for the IAM policy on the following functions")
            there[name] = ["allUsers"]
    world["builtBy"] = builder


def _public(world: dict[str, Any], what: str) -> None:
    """firebase/firebase-tools#6017 and #2238, which has Google's answer."""
    if not _allows(world, "iam.allowedPolicyMemberDomains", "allUsers"):
        raise Refused(
            f"{what}: FAILED_PRECONDITION: One or more users named in the policy do not belong to a permitted customer."
        )


def _allows(world: dict[str, Any], constraint: str, value: str) -> bool:
    listed = world["orgPolicies"].get(f"constraints/{constraint}", {}).get("listPolicy", {})
    if listed.get("allValues") == "DENY" or value in listed.get("deniedValues", []):
        return False
    allowed = listed.get("allowedValues", [])
    return not allowed or bool({value, f"is:{value}", f"in:{value}-locations"} & {*allowed})


def quota(world: dict[str, Any], metric: str) -> dict[str, Any]:
    """What Service Usage says of a quota: API v1beta1, services.consumerQuotaMetrics."""
    buckets = [
        {"effectiveLimit": str(limit), **({"dimensions": {"region": region}} if region else {})}
        for region, limit in world["quota"][metric].items()
    ]
    return {"metric": f"run.googleapis.com/{metric}", "consumerQuotaLimits": [{"quotaBuckets": buckets}]}


def _quota(world: dict[str, Any], metric: str, region: str) -> int:
    return world["quota"][metric].get(region, world["quota"][metric][""])


def _firebase(world: dict[str, Any]) -> None:
    if not world["firebase"]:
        raise Refused("Error: this is no Firebase project yet")


def _option(words: list[str], name: str) -> str:
    named = next((w for w in words if w.startswith(f"--{name}=")), None)
    if named is not None:
        return named.partition("=")[2]
    return words[words.index(f"--{name}") + 1] if f"--{name}" in words else ""
