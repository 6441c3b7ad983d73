"""What the played Google lets an account do that is not the project's owner: which permission each call takes, and
which of them Google's roles hold.

A call that is not in `CALLS` is refused: whoever adds one says here what it takes.

Sources. Which role holds what: Google's own lists of 2026-08-22, as github.com/darkbitio/gcp-iam-role-permissions keeps
them (only what is asked for here is copied). What a call takes: the reference of each API; for Firestore the table
"Required permissions for API methods" of https://firebase.google.com/docs/firestore/security/iam (`datastore.schemas.*`
was called `datastore.indexes.*`); for `firebase deploy` its source, 15.34.2, beside each.
"""

import re
from collections.abc import Iterable
from typing import Any

from devtools.deploy.wanted import BUILD, FUNCTIONS, account

ACT_AS = "iam.serviceAccounts.actAs"
# X-Goog-User-Project, which each request names, takes it: https://cloud.google.com/docs/quotas/set-quota-project
USE = "serviceusage.services.use"

# The beginning of a command, or method and address; then what it takes on the project.
CALLS: dict[str, tuple[str, ...]] = {
    "gcloud auth print-access-token": (),
    "gcloud services list": ("serviceusage.services.list",),
    "gcloud firestore databases list": ("datastore.databases.list",),
    "gcloud firestore indexes composite delete": ("datastore.schemas.delete", "datastore.operations.get"),
    "gcloud run services list": ("run.services.list",),
    "gcloud run services update-traffic": ("run.services.get", "run.services.update"),
    "gcloud run revisions list": ("run.revisions.list",),
    "gcloud secrets versions list": ("secretmanager.versions.list",),
    "firebase apps:list": ("firebase.clients.list",),
    "firebase apps:sdkconfig": ("firebase.clients.get",),
    # lib/deploy/firestore/prepare.js (getDatabase), lib/rulesDeploy.js, lib/firestore/api.js, lib/ensureApiEnabled.js
    "firebase deploy --only firestore": (
        *("firebase.projects.get", "serviceusage.services.get", "datastore.databases.getMetadata"),
        *("firebaserules.releases.list", "firebaserules.releases.create", "firebaserules.releases.update"),
        *("firebaserules.rulesets.create", "firebaserules.rulesets.get", "firebaserules.rulesets.test"),
        *("datastore.schemas.list", "datastore.schemas.create", "datastore.schemas.update"),
    ),
    # lib/deploy/index.js (TARGET_PERMISSIONS), lib/deploy/functions/{prepare,ensure,validate,checkIam}.js,
    # release/fabricator.js, lib/functions/artifacts.js, lib/gcp/{serviceusage,secretManager,cloudscheduler,run}.js:
    # it reads who may call and read, and writes it only where it differs.
    "firebase deploy --only functions": (
        *("firebase.projects.get", "serviceusage.services.get", "serviceusage.services.enable"),
        *("cloudfunctions.functions.list", "cloudfunctions.functions.get", "cloudfunctions.functions.update"),
        *("cloudfunctions.functions.delete", "cloudfunctions.functions.sourceCodeSet", "cloudfunctions.operations.get"),
        *("secretmanager.secrets.get", "secretmanager.versions.get", "secretmanager.secrets.getIamPolicy"),
        *("cloudscheduler.jobs.get", "cloudscheduler.jobs.update", "run.services.getIamPolicy"),
        "artifactregistry.repositories.get",
    ),
    # lib/hosting/api.js, lib/deploy/hosting/convertConfig.js (which functions there are)
    "firebase deploy --only hosting": (
        *("firebase.projects.get", "serviceusage.services.get", "firebasehosting.sites.get"),
        *("firebasehosting.sites.update", "cloudfunctions.functions.list", "run.services.get"),
    ),
    r"GET /cloudfunctions/v\d/projects/[^/]+/locations/-/functions": ("cloudfunctions.functions.list",),
    r"GET /firestore/v1/projects/[^/]+/databases/[^/]+": ("datastore.databases.getMetadata",),
    r"GET /firestore/v1/projects/[^/]+/databases/[^/]+/collectionGroups/-/(indexes|fields)": (
        "datastore.schemas.list",
    ),
    r"POST /firestore/v1/projects/[^/]+/databases/[^/]+/documents:listCollectionIds": ("datastore.entities.list",),
    r"PATCH /firestore/v1/projects/[^/]+/databases/[^/]+/collectionGroups/[^/]+/fields/.+": (
        "datastore.schemas.update",
    ),
    r"GET (/firebaserules)?/v1/projects/[^/]+/releases/.+": ("firebaserules.releases.get",),
    r"GET (/firebaserules)?/v1/projects/[^/]+/releases": ("firebaserules.releases.list",),
    r"GET (/firebaserules)?/v1/projects/[^/]+/rulesets/[^/]+": ("firebaserules.rulesets.get",),
    r"GET (/firebasehosting)?/v1beta1/sites/[^/]+/channels/.+": ("firebasehosting.sites.get",),
    r"GET (/firebasehosting)?/v1beta1/sites/[^/]+/versions/[^/]+/files": ("firebasehosting.sites.get",),
}

HOLDS: dict[str, frozenset[str]] = {
    "roles/cloudfunctions.developer": frozenset(
        [f"cloudfunctions.functions.{what}" for what in ("create", "delete", "get", "list", "sourceCodeSet", "update")]
        + ["cloudfunctions.operations.get", "artifactregistry.repositories.get"]
    ),
    "roles/run.developer": frozenset(
        [f"run.services.{what}" for what in ("get", "getIamPolicy", "list", "update")] + ["run.revisions.list"]
    ),
    "roles/run.viewer": frozenset(["run.services.get", "run.services.list", "run.revisions.list"]),
    "roles/cloudscheduler.admin": frozenset(
        [
            "cloudscheduler.jobs.get",
            "cloudscheduler.jobs.update",
            "serviceusage.services.get",
            "serviceusage.services.list",
        ]
    ),
    "roles/firebasehosting.admin": frozenset(
        ["firebase.clients.get", "firebase.clients.list", "firebase.projects.get"]
        + [f"firebasehosting.sites.{what}" for what in ("create", "delete", "get", "list", "update")]
    ),
    "roles/firebasehosting.viewer": frozenset(
        [
            "firebase.clients.get",
            "firebase.clients.list",
            "firebase.projects.get",
            "firebasehosting.sites.get",
            "firebasehosting.sites.list",
        ]
    ),
    "roles/firebaserules.admin": frozenset(
        [f"firebaserules.releases.{what}" for what in ("create", "delete", "get", "list", "update")]
        + [f"firebaserules.rulesets.{what}" for what in ("create", "delete", "get", "list", "test")]
    ),
    "roles/datastore.indexAdmin": frozenset(
        ["datastore.databases.getMetadata", "datastore.operations.get"]
        + [f"datastore.schemas.{what}" for what in ("create", "delete", "get", "list", "update")]
    ),
    "roles/secretmanager.viewer": frozenset(
        [
            "secretmanager.secrets.get",
            "secretmanager.secrets.getIamPolicy",
            "secretmanager.secrets.list",
            "secretmanager.versions.get",
            "secretmanager.versions.list",
        ]
    ),
    "roles/artifactregistry.reader": frozenset(["artifactregistry.repositories.get"]),
    "roles/serviceusage.serviceUsageAdmin": frozenset(
        [f"serviceusage.services.{what}" for what in ("disable", "enable", "get", "list", "use")]
    ),
    "roles/serviceusage.serviceUsageConsumer": frozenset(
        [f"serviceusage.services.{what}" for what in ("get", "list", "use")]
    ),
    "roles/iam.serviceAccountUser": frozenset([ACT_AS]),
}


class Denied(Exception):
    """Google's answer 403; the text names what is missing."""


def takes(call: str) -> tuple[str, ...]:
    """What a call takes on the project. Raises Denied for one that nobody wrote down."""
    if call.startswith(("GET ", "POST ", "PATCH ")):
        found = next((what for pattern, what in CALLS.items() if re.fullmatch(pattern, call.partition("?")[0])), None)
        found = None if found is None else (*found, USE)
    else:
        found = next((what for start, what in CALLS.items() if f"{call} ".startswith(f"{start} ")), None)
    if found is None:
        raise Denied(f"nobody has written down what this takes, see tests/operations/fake_iam.py: {call}")
    return found


def refuse(world: dict[str, Any], project: str, call: str) -> None:
    """Raises Denied when the account as which the project is asked, `as`, may not make this call. Without one it is the
    owner, who may.
    """
    member = world.get("as")
    if not member:
        return
    world.setdefault("asked", []).append(call.partition("?")[0])
    missing = sorted({*takes(call)} - _held(world, "project", member))
    if call.startswith(("firebase deploy --only functions", "gcloud run services update-traffic")):
        missing += [
            f"{ACT_AS} on {email}" for email in _runs_as(world, project) if ACT_AS not in _held(world, email, member)
        ]
    if missing:
        raise Denied(f"PERMISSION_DENIED: Permission '{', '.join(missing)}' denied on resource: {call[:90]}")


def _held(world: dict[str, Any], on: str, member: str) -> set[str]:
    roles: Iterable[str] = (role for role, who, *_ in world["policies"].get(on, []) if who == member)
    return {permission for role in roles for permission in HOLDS.get(role, ())}


def _runs_as(world: dict[str, Any], project: str) -> list[str]:
    """checkServiceAccountIam (lib/deploy/functions/checkIam.js) asks for App Engine's account too, where one is."""
    emails = [account(name, project) for name in (*FUNCTIONS, BUILD)]
    return [email for email in (*emails, f"{project}@appspot.gserviceaccount.com") if email in world["accounts"]]
