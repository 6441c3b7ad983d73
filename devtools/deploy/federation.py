"""`make federation PROJECT=P REPOSITORY=owner/name`: lets a workflow of that repository upload, without a stored key.

GitHub signs who a job is; Google's workload identity federation takes that for the account `salesforce-deploy`, which
may upload and not set up: projects are set up by their owner, with `make deploy`.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devtools.deploy.cloud import Cloud, Command, DeployError, bindings
from devtools.deploy.steps import Commands, Step
from devtools.deploy.wanted import FUNCTIONS, account

DEPLOYER, POOL, PROVIDER = "salesforce-deploy", "salesforce-sample", "deploy"
ISSUER = "https://token.actions.githubusercontent.com"
# https://docs.github.com/en/actions/reference/security/oidc names the claims. A job without an environment has no such
# claim, and no such attribute then. No repository and no ref has a colon in its name, so no two jobs read alike.
MAPPING = "google.subject=assertion.sub,attribute.job=assertion.repository+':'+assertion.environment+':'+assertion.ref"
_APIS = ("iam.googleapis.com", "iamcredentials.googleapis.com", "sts.googleapis.com")
_FEDERATED = "roles/iam.workloadIdentityUser"
_ACT_AS = "roles/iam.serviceAccountUser"
_MIGHTY = ("roles/owner", "roles/editor")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")

# On the project, each with what the upload needs it for (firebase-tools 15.34.2, lib/deploy).
ROLES = {
    "roles/cloudfunctions.developer": "updates the functions; new ones take their owner, who lets everybody call them",
    "roles/run.developer": "gives a revision the calls, and reads what runs",
    "roles/cloudscheduler.admin": "the schedule of upkeep",
    "roles/firebasehosting.admin": "the site",
    "roles/firebaserules.admin": "Firestore's rules",
    "roles/datastore.indexAdmin": "Firestore's indexes and expiry",
    "roles/secretmanager.viewer": "which versions of the secrets there are, not what is in them",
    "roles/artifactregistry.reader": "which images there are",
    "roles/serviceusage.serviceUsageAdmin": "asks for Google's own accounts of Pub/Sub and Eventarc at each upload",
}
# On the project whose build is promoted.
READING = {
    "roles/run.viewer": "which build its functions are",
    "roles/firebasehosting.viewer": "which build its site is",
    "roles/serviceusage.serviceUsageConsumer": "which APIs are on, and asking in this project's name",
}


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a project lets upload: jobs of this repository, in this environment, on this branch.

    Raises DeployError for names that are none. `repository_id` is GitHub's number of the repository: with it nobody
    gets in who takes the name over after you have renamed or deleted it. `source` is a project whose build is promoted.
    """

    project: str
    repository: str
    environment: str
    branch: str = "main"
    repository_id: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if _REPOSITORY.fullmatch(self.repository) is None:
            raise DeployError(f"REPOSITORY={self.repository}: write it as owner/name")
        for setting, value in (("ENVIRONMENT", self.environment), ("BRANCH", self.branch)):
            if _NAME.fullmatch(value) is None:
                raise DeployError(f"{setting}={value}: write one name, of letters, digits, dots and dashes")
        if self.repository_id and not self.repository_id.isdigit():
            raise DeployError(f"REPOSITORY_ID={self.repository_id}: write GitHub's number of the repository")

    @property
    def condition(self) -> str:
        """Who may come in, in the words of the Common Expression Language."""
        parts = [
            f"assertion.repository=='{self.repository}'",
            *([f"assertion.repository_id=='{self.repository_id}'"] if self.repository_id else []),
            f"assertion.environment=='{self.environment}'",
            f"assertion.ref=='refs/heads/{self.branch}'",
        ]
        return " && ".join(parts)

    @property
    def job(self) -> str:
        """The jobs that may come in, by the attribute of `MAPPING`."""
        return f"{self.repository}:{self.environment}:refs/heads/{self.branch}"

    @property
    def member(self) -> str:
        """The account that uploads, as a member of policies."""
        return f"serviceAccount:{deployer(self.project)}"


def deployer(project: str) -> str:
    """The e-mail address of the account that uploads."""
    return f"{DEPLOYER}@{project}.iam.gserviceaccount.com"


def steps(trust: Trust) -> list[Step]:
    """What a project needs for it, in the order in which the steps need each other."""
    where = f"{trust.repository}, environment {trust.environment}, branch {trust.branch}"
    promoted = [
        Step(
            f"reading {trust.source}",
            "a build is promoted only when it is what runs there",
            lambda c: _reading(c.of(trust.source), trust),
        )
    ]
    return [
        Step("APIs", "exchange GitHub's word for an hour's access", _apis),
        Step("an account that uploads", "and may not set up: no role, secret or key is its to give", _account),
        Step("pool and provider", f"let in {where}, and nobody else", lambda c: _provider(c, trust)),
        Step("who is that account", "the jobs that were let in, by all three", lambda c: _federated(c, trust)),
        Step("roles", "; ".join(f"{role.removeprefix('roles/')}: {why}" for role, why in ROLES.items()), _roles),
        Step("acting as", "an upload says as which account a function runs", _acting),
        *(promoted if trust.source else []),
    ]


def number(cloud: Cloud) -> str:
    """The project's number. Raises DeployError."""
    return str(cloud.gcloud("projects", "describe", cloud.project)["projectNumber"])


def provider(cloud: Cloud) -> str:
    """The provider's whole name, which the workflow gives. Raises DeployError."""
    return f"projects/{number(cloud)}/locations/global/workloadIdentityPools/{POOL}/providers/{PROVIDER}"


def _apis(cloud: Cloud) -> Commands:
    missing = [api for api in _APIS if api not in cloud.enabled()]
    return [Command(("gcloud", "services", "enable", *missing, "--project", cloud.project))] if missing else []


def _accounts(cloud: Cloud) -> set[str]:
    return {a["email"] for a in cloud.look("iam.googleapis.com", "iam", "service-accounts", "list")}


def _account(cloud: Cloud) -> Commands:
    if deployer(cloud.project) in _accounts(cloud):
        return []
    words = ("gcloud", "iam", "service-accounts", "create", DEPLOYER, "--display-name=Salesforce sample: uploads")
    return [Command((*words, "--project", cloud.project))]


def _provider(cloud: Cloud, trust: Trust) -> Commands:
    """Pools and providers that were deleted keep their names for 30 days, and are listed with --show-deleted."""
    pools = ("iam", "workload-identity-pools")
    at = ("--location=global", "--project", cloud.project)
    in_pool = (f"--workload-identity-pool={POOL}", *at)
    listed = cloud.look("iam.googleapis.com", *pools, "list", "--show-deleted", *at)
    pool = next((p for p in listed if p["name"].endswith(f"/{POOL}")), None)
    commands: list[Command] = []
    if pool is None:
        commands.append(Command(("gcloud", *pools, "create", POOL, "--display-name=GitHub Actions", *at)))
    elif pool["state"] == "DELETED":
        commands.append(Command(("gcloud", *pools, "undelete", POOL, *at)))
    providers = cloud.gcloud(*pools, "providers", "list", "--show-deleted", *in_pool) if pool is not None else []
    there = next((p for p in providers if p["name"].endswith(f"/{PROVIDER}")), None)
    _refuse_neighbours([p for p in providers if p is not there and p["state"] != "DELETED"], at)
    trusts = (f"--attribute-mapping={MAPPING}", f"--attribute-condition={trust.condition}", f"--issuer-uri={ISSUER}")
    if there is None:
        words = ("gcloud", *pools, "providers", "create-oidc", PROVIDER, *in_pool)
        return [*commands, Command((*words, *trusts))]
    if there["state"] == "DELETED":
        commands.append(Command(("gcloud", *pools, "providers", "undelete", PROVIDER, *in_pool)))
    mapping = ",".join(f"{name}={value}" for name, value in there.get("attributeMapping", {}).items())
    same = sorted(mapping.split(",")) == sorted(MAPPING.split(",")) and there["oidc"]["issuerUri"] == ISSUER
    if not same or there.get("attributeCondition") != trust.condition:
        commands.append(Command(("gcloud", *pools, "providers", "update-oidc", PROVIDER, *in_pool, *trusts)))
    return commands


def _refuse_neighbours(others: Sequence[Mapping[str, Any]], at: Sequence[str]) -> None:
    """The attributes of a pool are one space: whom another of its providers lets in can name itself as it maps it
    (https://cloud.google.com/iam/docs/best-practices-for-using-workload-identity-federation). Raises DeployError.
    """
    if others:
        names = [str(one["name"]).rsplit("/", 1)[-1] for one in others]
        commands = [
            shlex.join(
                (
                    *("gcloud", "iam", "workload-identity-pools", "providers", "delete", name),
                    *(f"--workload-identity-pool={POOL}", *at),
                )
            )
            for name in names
        ]
        raise DeployError(
            f"the pool {POOL} has the provider {', '.join(names)}, which is another's: whom it lets in could upload"
            f" too. Give it a pool of its own, then {'; '.join(commands)}. Nothing was changed"
        )


def _federated(cloud: Cloud, trust: Trust) -> Commands:
    """The account's policy. Whoever it named before, and does not name now, is taken out."""
    pool = f"principalSet://iam.googleapis.com/projects/{number(cloud)}/locations/global/workloadIdentityPools/{POOL}"
    wanted = f"{pool}/attribute.job/{trust.job}"
    email = deployer(cloud.project)
    held = (
        bindings(cloud.gcloud("iam", "service-accounts", "get-iam-policy", email))
        if email in _accounts(cloud)
        else set()
    )
    members = {member for role, member, _ in held if role == _FEDERATED}
    add = [_on_account("add", email, wanted, _FEDERATED, cloud.project)] if wanted not in members else []
    gone = sorted(members - {wanted})
    return [*add, *(_on_account("remove", email, member, _FEDERATED, cloud.project) for member in gone)]


def _on_account(what: str, email: str, member: str, role: str, project: str) -> Command:
    words = ("gcloud", "iam", "service-accounts", f"{what}-iam-policy-binding", email)
    return Command((*words, f"--member={member}", f"--role={role}", "--project", project))


def _roles(cloud: Cloud) -> Commands:
    return _on_project(cloud, f"serviceAccount:{deployer(cloud.project)}", list(ROLES))


def _reading(cloud: Cloud, trust: Trust) -> Commands:
    return _on_project(cloud, trust.member, list(READING))


def _on_project(cloud: Cloud, member: str, roles: Sequence[str]) -> Commands:
    held = bindings(cloud.look("cloudresourcemanager.googleapis.com", "projects", "get-iam-policy", cloud.project))
    words = ("gcloud", "projects", "add-iam-policy-binding", cloud.project, f"--member={member}")
    missing = [role for role in roles if (role, member, "") not in held]
    return [Command((*words, f"--role={role}", "--condition=None")) for role in missing]


def _acting(cloud: Cloud) -> Commands:
    """On each account as which a function runs or is built, and no other. firebase-tools also wants it on the account
    of App Engine, where a project has one (15.34.2, lib/deploy/functions/checkIam.js, `checkServiceAccountIam`).
    """
    there, member = _accounts(cloud), f"serviceAccount:{deployer(cloud.project)}"
    others = (account("build", cloud.project), f"{cloud.project}@appspot.gserviceaccount.com")
    emails = [*(account(f, cloud.project) for f in FUNCTIONS), *(email for email in others if email in there)]
    _refuse_mighty(cloud, emails)
    commands: list[Command] = []
    for email in emails:
        held = bindings(cloud.gcloud("iam", "service-accounts", "get-iam-policy", email)) if email in there else set()
        if (_ACT_AS, member, "") not in held:
            commands.append(_on_account("add", email, member, _ACT_AS, cloud.project))
    return commands


def _refuse_mighty(cloud: Cloud, emails: Sequence[str]) -> None:
    """Who may act as an account may all that it may. Google makes App Engine's account Editor in many projects
    (https://cloud.google.com/appengine/docs/legacy/standard/python/service-account). Raises DeployError.
    """
    held = bindings(cloud.look("cloudresourcemanager.googleapis.com", "projects", "get-iam-policy", cloud.project))
    mighty = sorted(
        {(m, role) for role, m, _ in held if role in _MIGHTY and m.removeprefix("serviceAccount:") in emails}
    )
    if mighty:
        words = ("gcloud", "projects", "remove-iam-policy-binding", cloud.project)
        commands = [shlex.join((*words, f"--member={member}", f"--role={role}", "--all")) for member, role in mighty]
        raise DeployError(
            "an upload must be able to act as an account that may everything in this project, so whoever uploads could"
            f" too. Take that away first, when nothing else needs it: {'; '.join(commands)}. Nothing was changed"
        )
