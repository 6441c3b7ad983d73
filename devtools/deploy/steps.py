"""The steps of a deployment, in order. Each looks at the project and returns the commands for what is missing."""

import getpass
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from devtools.deploy import hosting, monitoring
from devtools.deploy.cloud import Cloud, Command, DeployError, Post
from devtools.deploy.wanted import (
    APIS,
    APP_CHECK_APIS,
    FUNCTIONS,
    KMS_API,
    KMS_ROLE,
    RECAPTCHA_API,
    ROLES,
    SECRET_ROLE,
    SECRETS,
    SIGNER,
    SIGNER_ROLE,
    TELEMETRY_APIS,
    TELEMETRY_ROLES,
    account,
)
from devtools.paths import ROOT

Commands = Sequence[Command | Post]
DATABASE = "(default)"
BACKUP_DAYS = 14


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deploy: the project, Firestore's location, the functions' settings, and the address for alerts (or
    None).
    """

    project: str
    location: str
    settings: Mapping[str, str] = field(default_factory=dict)
    alert_email: str | None = None

    @property
    def alerts_go(self) -> str:
        """Where alerts go, as a text for the plan."""
        if self.alert_email is None:
            return "to nobody: they show in the console only, until you give ALERT_EMAIL=…"
        return f"alerts go to {self.alert_email}"

    @property
    def kms_key(self) -> str | None:
        """The name of the KMS key that wraps the keyset, without `gcp-kms://`; None without one."""
        return self.settings.get("TOKEN_KEYSET_KMS_KEY", "").removeprefix("gcp-kms://") or None

    @property
    def apis(self) -> dict[str, str]:
        """The Google APIs that these settings need, each with its purpose."""
        more = [
            KMS_API if self.kms_key else {},
            TELEMETRY_APIS if self.settings.get("TELEMETRY") == "google" else {},
            APP_CHECK_APIS if self.settings.get("APP_CHECK_APPS") else {},
            RECAPTCHA_API if self.settings.get("APP_CHECK_SITE_KEY") else {},
        ]
        return {**APIS, **{name: why for part in more for name, why in part.items()}}

    def roles(self, function: str) -> tuple[str, ...]:
        """The roles on the project that a function's service account gets."""
        return ROLES[function] + (TELEMETRY_ROLES if self.settings.get("TELEMETRY") == "google" else ())


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `missing` returns the commands that are still needed, none when it is done. `why` is its text in the
    plan.
    """

    name: str
    why: str
    missing: Callable[[Cloud], Commands]


def steps(target: Target) -> list[Step]:
    """All steps except the uploads, in the order in which they need each other."""
    kms = (
        [
            Step(
                "Cloud KMS key",
                "wraps the keyset: without the key, the secret alone opens nothing",
                lambda c: _kms(c, target),
            )
        ]
        if target.kms_key
        else []
    )
    app_check = (
        [
            Step(
                "App Check",
                "gives tokens to the page that proves itself with this reCAPTCHA key",
                lambda c: _app_check(c, target),
            )
        ]
        if target.settings.get("APP_CHECK_SITE_KEY")
        else []
    )
    return [
        Step("APIs", "a project has most of Google's services switched off", lambda c: _apis(c, target)),
        Step("Firebase", "functions, hosting and sign-in are Firebase's", _firebase),
        Step(
            "Firebase Authentication",
            "gives the app its session; no provider is needed for custom tokens",
            _authentication,
        ),
        *app_check,
        Step(
            "Firestore",
            f"keeps the sealed tokens, in {target.location}; it cannot be moved later",
            lambda c: _database(c, target),
        ),
        Step(
            "Firestore backups",
            f"one a day, kept for {BACKUP_DAYS} days (docs/deploy.md says what a restore means)",
            _backups,
        ),
        Step("service accounts", "one a function, so that each may do only what it does", _accounts),
        Step(
            "roles",
            "what each account may do; only auth may sign custom tokens, with its own key",
            lambda c: _roles(c, target),
        ),
        *kms,
        Step(
            "secrets",
            "asked for without echo, or made here; they never stand on a command line or in a file",
            lambda c: _secrets(c, target),
        ),
        Step("access to the secrets", "each function reads them when it starts", _secret_access),
        Step("metrics", "counted out of the log, so that alerts work without telemetry", monitoring.metrics),
        Step(
            "objectives",
            "availability and latency of sign-in and calls, refreshes, needless sign-outs",
            monitoring.objectives,
        ),
        Step("alert channel", target.alerts_go, lambda c: monitoring.channel(c, target.alert_email)),
        Step("alerts", "each has a page in docs/runbooks", lambda c: monitoring.policies(c, target.alert_email)),
        Step("dashboard", "what happens, on one page", monitoring.dashboards),
    ]


def uploads(target: Target) -> list[tuple[str, str, Command]]:
    """The uploads of each deployment as (name, why, command), in order.

    Rules come before the functions that rely on them, functions before the client that calls them.
    """
    config = ("--config", hosting.config_file(target.project, target.settings))
    firebase = (
        "--project",
        target.project,
        "--non-interactive",
        "--force",
        *(config if config[1] != "firebase.json" else ()),
    )
    return [
        (
            "Firestore rules, indexes, expiry",
            "no client reads or writes; expired documents go",
            Command(("firebase", "deploy", "--only", "firestore", *firebase)),
        ),
        (
            "functions",
            "auth, api and upkeep, with the schedule of the latter",
            Command(("firebase", "deploy", "--only", "functions", *firebase)),
        ),
        (
            "Hosting",
            "the client, and the addresses /auth and /api",
            Command(("firebase", "deploy", "--only", "hosting", *firebase)),
        ),
    ]


def _apis(cloud: Cloud, target: Target) -> Commands:
    off = [api for api in target.apis if api not in cloud.enabled()]
    return [Command(("gcloud", "services", "enable", *off, "--project", cloud.project))] if off else []


def _firebase(cloud: Cloud) -> Commands:
    there = "firebase.googleapis.com" in cloud.enabled() and any(
        p["projectId"] == cloud.project for p in cloud.firebase("projects:list")
    )
    return [] if there else [Command(("firebase", "projects:addfirebase", cloud.project, "--non-interactive"))]


def _authentication(cloud: Cloud) -> Commands:
    config = f"{cloud.identity_url}/admin/v2/projects/{cloud.project}/config"
    there = "identitytoolkit.googleapis.com" in cloud.enabled() and cloud.get(config) is not None
    return [] if there else [Post(f"{cloud.identity_url}/v2/projects/{cloud.project}/identityPlatform:initializeAuth")]


def _app_check(cloud: Cloud, target: Target) -> Commands:
    app = next(app for app in target.settings["APP_CHECK_APPS"].split() if ":web:" in app)
    config, site_key = (
        f"{cloud.app_check_url}/v1/projects/{cloud.project}/apps/{app}/recaptchaEnterpriseConfig",
        target.settings["APP_CHECK_SITE_KEY"],
    )
    current = cloud.get(config) if "firebaseappcheck.googleapis.com" in cloud.enabled() else None
    return (
        []
        if (current or {}).get("siteKey") == site_key
        else [Post(f"{config}?updateMask=siteKey", {"siteKey": site_key}, "PATCH")]
    )


def _database(cloud: Cloud, target: Target) -> Commands:
    databases = cloud.look("firestore.googleapis.com", "firestore", "databases", "list")
    here = next((d for d in databases if d["name"].endswith(f"/{DATABASE}")), None)
    if here is None:
        words = (
            "gcloud",
            "firestore",
            "databases",
            "create",
            f"--database={DATABASE}",
            f"--location={target.location}",
            "--type=firestore-native",
        )
        return [Command((*words, "--delete-protection", "--enable-pitr", "--project", cloud.project))]
    if here["type"] != "FIRESTORE_NATIVE":
        raise DeployError(
            "the project's database is in Datastore mode, which has no such documents: use another project"
        )
    if here["locationId"] != target.location:
        raise DeployError(
            f"the project's database is in {here['locationId']} and cannot be moved: set LOCATION={here['locationId']},"
            " or use another project"
        )
    return []


def _backups(cloud: Cloud) -> Commands:
    databases = cloud.look("firestore.googleapis.com", "firestore", "databases", "list")
    here = any(d["name"].endswith(f"/{DATABASE}") for d in databases)
    if here and cloud.gcloud("firestore", "backups", "schedules", "list", f"--database={DATABASE}"):
        return []
    words = ("gcloud", "firestore", "backups", "schedules", "create", f"--database={DATABASE}", "--recurrence=daily")
    return [Command((*words, f"--retention={BACKUP_DAYS}d", "--project", cloud.project))]


def _accounts(cloud: Cloud) -> Commands:
    there = _account_emails(cloud)
    words = ("gcloud", "iam", "service-accounts", "create")
    needed = [f for f in FUNCTIONS if account(f, cloud.project) not in there]
    return [
        Command((*words, f"salesforce-{f}", f"--display-name=Salesforce sample: {f}", "--project", cloud.project))
        for f in needed
    ]


def _account_emails(cloud: Cloud) -> set[str]:
    return {a["email"] for a in cloud.look("iam.googleapis.com", "iam", "service-accounts", "list")}


def _roles(cloud: Cloud, target: Target) -> Commands:
    held = _bindings(cloud.look("cloudresourcemanager.googleapis.com", "projects", "get-iam-policy", cloud.project))
    commands: list[Command] = []
    for function in FUNCTIONS:
        member = f"serviceAccount:{account(function, cloud.project)}"
        for role in target.roles(function):
            if (role, member) not in held:
                words = (
                    "gcloud",
                    "projects",
                    "add-iam-policy-binding",
                    cloud.project,
                    f"--member={member}",
                    f"--role={role}",
                )
                commands.append(Command((*words, "--condition=None")))
    signer = account(SIGNER, cloud.project)
    member = f"serviceAccount:{signer}"
    there = signer in _account_emails(cloud)
    own = _bindings(cloud.gcloud("iam", "service-accounts", "get-iam-policy", signer)) if there else set()
    if (SIGNER_ROLE, member) not in own:
        words = (
            "gcloud",
            "iam",
            "service-accounts",
            "add-iam-policy-binding",
            signer,
            f"--member={member}",
            f"--role={SIGNER_ROLE}",
        )
        commands.append(Command((*words, "--project", cloud.project)))
    return commands


def _kms(cloud: Cloud, target: Target) -> Commands:
    place = _key_parts(target)
    rings, commands = (
        cloud.look("cloudkms.googleapis.com", "kms", "keyrings", "list", f"--location={place['locations']}"),
        list[Command](),
    )
    ring, key, where = place["keyRings"], place["cryptoKeys"], f"--location={place['locations']}"
    in_ring = (f"--keyring={ring}", where, "--project", cloud.project)
    has_ring = any(r["name"].endswith(f"/{ring}") for r in rings)
    if not has_ring:
        commands.append(Command(("gcloud", "kms", "keyrings", "create", ring, where, "--project", cloud.project)))
    keys = cloud.gcloud("kms", "keys", "list", f"--keyring={ring}", where) if has_ring else []
    has_key = any(k["name"].endswith(f"/{key}") for k in keys)
    if not has_key:
        commands.append(Command(("gcloud", "kms", "keys", "create", key, *in_ring, "--purpose=encryption")))
    held = (
        _bindings(cloud.gcloud("kms", "keys", "get-iam-policy", key, f"--keyring={ring}", where)) if has_key else set()
    )
    for function in FUNCTIONS:
        member = f"serviceAccount:{account(function, cloud.project)}"
        if (KMS_ROLE, member) not in held:
            words = (
                "gcloud",
                "kms",
                "keys",
                "add-iam-policy-binding",
                key,
                *in_ring,
                f"--member={member}",
                f"--role={KMS_ROLE}",
            )
            commands.append(Command(words))
    return commands


def _key_parts(target: Target) -> dict[str, str]:
    parts = (target.kms_key or "").split("/")
    named = dict(zip(parts[::2], parts[1::2], strict=False))
    if len(parts) != 8 or list(named) != ["projects", "locations", "keyRings", "cryptoKeys"]:
        raise DeployError("TOKEN_KEYSET_KMS_KEY is written gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
    return named


def _secrets(cloud: Cloud, target: Target) -> Commands:
    there = {s["name"].rsplit("/", 1)[-1] for s in cloud.look("secretmanager.googleapis.com", "secrets", "list")}
    commands: list[Command] = []
    for name, make in (("SALESFORCE_CONSUMER_SECRET", _ask), ("TOKEN_KEYSET", lambda: _keyset(target))):
        if name not in there:
            words = ("gcloud", "secrets", "create", name, "--replication-policy=automatic", "--project", cloud.project)
            commands.append(Command(words))
        if name not in there or not cloud.gcloud("secrets", "versions", "list", name, "--filter=state=ENABLED"):
            words = ("gcloud", "secrets", "versions", "add", name, "--data-file=-", "--project", cloud.project)
            commands.append(Command(words, make))
    return commands


def _secret_access(cloud: Cloud) -> Commands:
    there = {s["name"].rsplit("/", 1)[-1] for s in cloud.look("secretmanager.googleapis.com", "secrets", "list")}
    commands: list[Command] = []
    for name in SECRETS:
        held = _bindings(cloud.gcloud("secrets", "get-iam-policy", name)) if name in there else set()
        for function in FUNCTIONS:
            member = f"serviceAccount:{account(function, cloud.project)}"
            if (SECRET_ROLE, member) not in held:
                words = (
                    "gcloud",
                    "secrets",
                    "add-iam-policy-binding",
                    name,
                    f"--member={member}",
                    f"--role={SECRET_ROLE}",
                )
                commands.append(Command((*words, "--project", cloud.project)))
    return commands


def _bindings(policy: Mapping[str, object] | list[object]) -> set[tuple[str, str]]:
    """The (role, member) pairs of an IAM policy, without bindings that have a condition."""
    bindings: object = policy.get("bindings", []) if isinstance(policy, Mapping) else []
    pairs: set[tuple[str, str]] = set()
    for binding in bindings if isinstance(bindings, list) else []:
        if isinstance(binding, Mapping) and not binding.get("condition"):
            pairs |= {(str(binding["role"]), str(member)) for member in binding["members"]}
    return pairs


def _ask() -> str:
    """The consumer secret, from the environment or typed without echo. Raises DeployError for an empty one."""
    given = os.environ.get("SALESFORCE_CONSUMER_SECRET", "")
    if not given and sys.stdin.isatty():
        given = getpass.getpass("Consumer secret of the External Client App (it is not shown): ")
    if not given.strip():
        raise DeployError(
            "the consumer secret is empty: type it when asked, or put it into the variable SALESFORCE_CONSUMER_SECRET"
        )
    return given.strip()


def _keyset(target: Target) -> str:
    """A new keyset as text, wrapped when there is a KMS key. Raises DeployError."""
    wrapped = ["--kms-key", f"gcp-kms://{target.kms_key}"] if target.kms_key else []
    command = [sys.executable, "-m", "backend.admin", "keyset", "new", *wrapped]
    done = subprocess.run(command, cwd=ROOT / "functions", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeployError(
            "no keyset could be made:"
            f" {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no reason given'}"
        )
    return done.stdout.strip()
