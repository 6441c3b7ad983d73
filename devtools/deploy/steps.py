"""The steps of a deployment, in order. Each looks at the project and returns the commands for what is missing."""

import getpass
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from devtools.deploy import budget, build, callers, certificate, databases, hosting, images, keys, monitoring, web_app
from devtools.deploy.cloud import Cloud, Command, DeployError, Post, Write, bindings
from devtools.deploy.place import place
from devtools.deploy.wanted import (
    ACCOUNT_TITLE,
    APIS,
    APP_CHECK_APIS,
    CONSUMER_SECRET,
    FORMER_ROLES,
    FUNCTIONS,
    KMS_API,
    LABEL,
    RECAPTCHA_API,
    ROLES,
    SECRET_ROLE,
    SECRETS,
    SESSIONS_PERMISSIONS,
    SESSIONS_ROLE,
    SIGNER,
    SIGNER_ROLE,
    TELEMETRY_APIS,
    TELEMETRY_ROLES,
    Role,
    account,
    role_name,
)
from devtools.paths import ROOT

Commands = Sequence[Command | Post | Write]
# Service Usage refuses more in one call (GoogleCloudPlatform/k8s-config-connector#6334); gcloud does not divide them.
API_BATCH = 20
_BUDGET = "who pays hears of half, nine tenths and all of this amount in a month; it stops nothing"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deploy: the project, Firestore's location, the functions' settings, the address for alerts (or None),
    and the amount of a month at which who pays is told (or None).
    """

    project: str
    location: str
    settings: Mapping[str, str] = field(default_factory=dict)
    alert_email: str | None = None
    budget: str | None = None
    # What somebody typed in this run. It is shown nowhere.
    typed: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def alerts_go(self) -> str:
        """Where alerts go, as a text for the plan."""
        if self.alert_email is None:
            return "alerts go where they went, on a new project to the console only, until you give ALERT_EMAIL=…"
        return f"alerts go to {self.alert_email}"

    @property
    def kms_key(self) -> str | None:
        """The name of the KMS key that wraps the keyset, without `gcp-kms://`; None without one."""
        return self.settings.get("TOKEN_KEYSET_KMS_KEY", "").removeprefix("gcp-kms://") or None

    @property
    def wrapping_key(self) -> dict[str, str] | None:
        """The parts of that name; None without one. Raises DeployError."""
        return None if self.kms_key is None else keys.parts(self.kms_key, keys.PARTS, "TOKEN_KEYSET_KMS_KEY")

    @property
    def client_key(self) -> dict[str, str] | None:
        """The parts of the name of the client key's version in Cloud KMS; None without one. Raises DeployError."""
        name = self.settings.get("SALESFORCE_CLIENT_KEY_KMS", "")
        return (
            keys.parts(name, (*keys.PARTS, "cryptoKeyVersions"), "SALESFORCE_CLIENT_KEY_KMS", "/cryptoKeyVersions/1")
            if name
            else None
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that the functions get; who signs with a client key gets no consumer secret."""
        return tuple(name for name in SECRETS if name != CONSUMER_SECRET or self.client_key is None)

    @property
    def apis(self) -> dict[str, str]:
        """The Google APIs that these settings need, each with its purpose."""
        more = [
            KMS_API if self.kms_key or self.client_key else {},
            TELEMETRY_APIS if self.settings.get("TELEMETRY") == "google" else {},
            APP_CHECK_APIS if self.settings.get("APP_CHECK_APPS") else {},
            RECAPTCHA_API if self.settings.get("APP_CHECK_SITE_KEY") else {},
            budget.APIS if self.budget else {},
        ]
        return {**APIS, **{name: why for part in more for name, why in part.items()}}

    def roles(self, function: str) -> tuple[Role, ...]:
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
    client_key = target.client_key
    kms = (
        [
            Step(
                "Cloud KMS",
                keys.purpose(target.wrapping_key, client_key),
                lambda c: keys.missing(c, target.wrapping_key, client_key),
            )
        ]
        if target.kms_key or target.client_key
        else []
    )
    signed = (
        [
            Step(
                "certificate",
                "the client key's, which you upload to the External Client App (docs/deploy.md)",
                lambda c: certificate.missing(c, client_key),
            )
        ]
        if client_key
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
        *([Step("budget alert", _BUDGET, lambda c: budget.missing(c, target.budget or ""))] if target.budget else []),
        Step("Firebase", "functions, hosting and sign-in are Firebase's", _firebase),
        Step(
            "Firebase Authentication",
            "gives the app its session; no provider is needed for custom tokens",
            _authentication,
        ),
        Step(
            "Hosting site",
            "a new project has none, and an upload makes none",
            lambda c: web_app.site(c, place(target.project, target.settings)),
        ),
        Step(
            "web app",
            "has the Web API key with which the app renews its session",
            lambda c: web_app.missing(c, target.settings),
        ),
        *app_check,
        Step(
            "Firestore",
            f"keeps the sealed tokens, in {target.location}, and who is blocked in a database of its own that the"
            " functions only read; neither can be moved later",
            lambda c: databases.missing(c, target.location, target.settings),
        ),
        Step(
            "Firestore backups",
            f"one a day, kept for {databases.BACKUP_DAYS} days (docs/deploy.md says what a restore means)",
            databases.backups,
        ),
        Step("service accounts", "one a function, so that each may do only what it does", _accounts),
        Step(
            "a role of its own",
            "ends sessions and deletes users in Firebase Authentication, by two permissions",
            _own_role,
        ),
        Step(
            "roles",
            "what each account may do, and no more; only auth may sign custom tokens, with its own key",
            lambda c: _roles(c, target),
        ),
        Step(
            "build account",
            "builds the functions, where Google's default account may not or may too much",
            build.missing,
        ),
        *kms,
        *signed,
        Step(
            "secrets",
            "asked for without echo, or made here; they never stand on a command line or in a file",
            lambda c: _secrets(c, target),
        ),
        Step("access to the secrets", "each function reads them when it starts", lambda c: _secret_access(c, target)),
        Step(
            "who may call",
            "everybody calls auth and api, which check each call; nobody calls upkeep from outside",
            lambda c: callers.missing(c, place(target.project, target.settings).region),
        ),
        Step(
            "container images",
            "the twenty newest of each function are kept, so that it can go back (docs/deploy.md)",
            lambda c: images.missing(c, place(target.project, target.settings).region),
        ),
        Step("metrics", "counted out of the log, so that alerts work without telemetry", monitoring.metrics),
        Step(
            "objectives",
            "availability and latency of sign-in and calls, refreshes, needless sign-outs",
            monitoring.objectives,
        ),
        Step("alert channel", target.alerts_go, lambda c: monitoring.channel(c, target.alert_email)),
        Step(
            "uptime checks",
            "Google asks for the page and the sign-in options every minute, from outside",
            lambda c: monitoring.checks(c, monitoring.host(c.project, target.settings)),
        ),
        Step(
            "alerts",
            "each has a page in docs/runbooks",
            lambda c: monitoring.policies(c, target.alert_email, monitoring.host(c.project, target.settings)),
        ),
        Step("dashboard", "what happens, on one page", monitoring.dashboards),
    ]


def uploads(target: Target, *, functions_go: bool = False) -> list[tuple[str, str, Command]]:
    """The uploads of each deployment as (name, why, command), in order. `functions_go`: functions that are no longer
    wanted are deleted, after a yes.

    Rules come before the functions that rely on them, functions before the client that calls them, and what goes last:
    the site that is live calls the functions of the former region until the new one is up.
    """
    config = ("--config", hosting.config_file(target.project, target.settings))
    firebase = (
        "--project",
        target.project,
        "--non-interactive",
        *config,
    )
    # Its command functions:delete would take functions of others that are called api-… along (firebase-tools
    # 15.34.2, lib/deploy/functions/functionsDeployHelper.js, endpointMatchesFilter).
    gone = (
        "functions that go",
        "those that the code no longer has, now that the site calls the others",
        Command(("firebase", "deploy", "--only", "functions", "--force", *firebase)),
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
            # Where functions go, build_account.cjs has it go on without deleting them.
            Command(("firebase", "deploy", "--only", "functions", *firebase)),
        ),
        (
            "Hosting",
            "the client, and the addresses /auth and /api",
            Command(("firebase", "deploy", "--only", "hosting", *firebase)),
        ),
        *([gone] if functions_go else []),
    ]


def _apis(cloud: Cloud, target: Target) -> Commands:
    off = [api for api in target.apis if api not in cloud.enabled()]
    return [
        Command(("gcloud", "services", "enable", *off[start : start + API_BATCH], "--project", cloud.project))
        for start in range(0, len(off), API_BATCH)
    ]


def _firebase(cloud: Cloud) -> Commands:
    there = web_app.is_firebase(cloud)
    return [] if there else [Command(("firebase", "projects:addfirebase", cloud.project, "--non-interactive"))]


def _authentication(cloud: Cloud) -> Commands:
    config = f"{cloud.identity_url}/admin/v2/projects/{cloud.project}/config"
    there = "identitytoolkit.googleapis.com" in cloud.enabled() and cloud.get(config) is not None
    url = f"{cloud.identity_url}/v2/projects/{cloud.project}/identityPlatform:initializeAuth"
    return [] if there else [Post(url, what="switch Firebase Authentication on")]


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
        else [Post(f"{config}?updateMask=siteKey", {"siteKey": site_key}, "PATCH", "register the page's key")]
    )


def _accounts(cloud: Cloud) -> Commands:
    there = _account_emails(cloud)
    words = ("gcloud", "iam", "service-accounts", "create")
    needed = [f for f in FUNCTIONS if account(f, cloud.project) not in there]
    return [
        Command((*words, f"salesforce-{f}", f"--display-name={ACCOUNT_TITLE}{f}", "--project", cloud.project))
        for f in needed
    ]


def _account_emails(cloud: Cloud) -> set[str]:
    return {a["email"] for a in cloud.look("iam.googleapis.com", "iam", "service-accounts", "list")}


def _own_role(cloud: Cloud) -> Commands:
    permissions = ",".join(SESSIONS_PERMISSIONS)
    words = ("--project", cloud.project, "--title=Salesforce sample: sessions", f"--permissions={permissions}")
    listed = cloud.look("iam.googleapis.com", "iam", "roles", "list", "--project", cloud.project)
    if not any(role["name"].endswith(f"/{SESSIONS_ROLE}") for role in listed):
        return [Command(("gcloud", "iam", "roles", "create", SESSIONS_ROLE, *words, "--stage=GA"))]
    has = cloud.gcloud("iam", "roles", "describe", SESSIONS_ROLE, "--project", cloud.project)
    if sorted(has.get("includedPermissions", [])) == list(SESSIONS_PERMISSIONS):
        return []
    return [Command(("gcloud", "iam", "roles", "update", SESSIONS_ROLE, *words))]


def _roles(cloud: Cloud, target: Target) -> Commands:
    held = bindings(cloud.look("cloudresourcemanager.googleapis.com", "projects", "get-iam-policy", cloud.project))
    commands: list[Command] = []
    for function in FUNCTIONS:
        member = f"serviceAccount:{account(function, cloud.project)}"
        for role in target.roles(function):
            name, condition = role_name(role.name, cloud.project), role.condition(cloud.project)
            if (name, member, condition) not in held:
                title = f"salesforce-sample {role.database or ''}"
                given = f"expression={condition},title={title}" if condition else "None"
                commands.append(_bind(cloud, "add", member, name, given))
        # After the new ones, so that no moment is without.
        commands += [
            _bind(cloud, "remove", member, former, "None") for former in FORMER_ROLES if (former, member, "") in held
        ]
    signer = account(SIGNER, cloud.project)
    member = f"serviceAccount:{signer}"
    there = signer in _account_emails(cloud)
    own = bindings(cloud.gcloud("iam", "service-accounts", "get-iam-policy", signer)) if there else set()
    if (SIGNER_ROLE, member, "") not in own:
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


def _bind(cloud: Cloud, what: str, member: str, role: str, condition: str) -> Command:
    words = ("gcloud", "projects", f"{what}-iam-policy-binding", cloud.project, f"--member={member}", f"--role={role}")
    return Command((*words, f"--condition={condition}"))


def _secrets(cloud: Cloud, target: Target) -> Commands:
    there = {s["name"].rsplit("/", 1)[-1] for s in cloud.look("secretmanager.googleapis.com", "secrets", "list")}
    commands, region = list[Command](), place(target.project, target.settings).region
    makers: Mapping[str, Callable[[], str]] = {
        CONSUMER_SECRET: lambda: target.typed.get(CONSUMER_SECRET) or _ask(),
        "TOKEN_KEYSET": lambda: _keyset(target),
    }
    for name in target.secrets:
        if name not in there:
            # In one region: where an organisation allows only some, secrets that are everywhere are refused.
            kept = ("--replication-policy=user-managed", f"--locations={region}", f"--labels={'='.join(LABEL)}")
            commands.append(Command(("gcloud", "secrets", "create", name, *kept, "--project", cloud.project)))
        if name not in there or not _has_value(cloud, name):
            words = ("gcloud", "secrets", "versions", "add", name, "--data-file=-", "--project", cloud.project)
            commands.append(Command(words, makers[name]))
    return commands


def ask_for_secret(target: Target, cloud: Cloud) -> None:
    """Has the consumer secret typed, when it is missing: before the first change, and not minutes later. Raises
    DeployError.
    """
    there = {s["name"].rsplit("/", 1)[-1] for s in cloud.look("secretmanager.googleapis.com", "secrets", "list")}
    if CONSUMER_SECRET in target.secrets and not (CONSUMER_SECRET in there and _has_value(cloud, CONSUMER_SECRET)):
        target.typed[CONSUMER_SECRET] = _ask()


def _has_value(cloud: Cloud, name: str) -> bool:
    """Whether the newest version of a secret, which the functions get, has something in it. Raises DeployError."""
    newest = cloud.gcloud("secrets", "versions", "list", name, "--sort-by=~createTime", "--limit=1")
    if newest and newest[0]["state"] != "ENABLED":
        number = newest[0]["name"].rsplit("/", 1)[-1]
        raise DeployError(
            f"the newest version of the secret {name}, {number}, is {newest[0]['state'].lower()}: enable it (gcloud"
            f" secrets versions enable {number} --secret={name} --project {cloud.project}), or add another"
        )
    return bool(newest) and bool(cloud.secret(name).strip())


def _secret_access(cloud: Cloud, target: Target) -> Commands:
    there = {s["name"].rsplit("/", 1)[-1] for s in cloud.look("secretmanager.googleapis.com", "secrets", "list")}
    commands: list[Command] = []
    for name in target.secrets:
        held = bindings(cloud.gcloud("secrets", "get-iam-policy", name)) if name in there else set()
        for function in FUNCTIONS:
            member = f"serviceAccount:{account(function, cloud.project)}"
            if (SECRET_ROLE, member, "") not in held:
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
    # Google takes application default credentials only in a project's name; google.auth reads it from this variable.
    named = {**os.environ, "GOOGLE_CLOUD_QUOTA_PROJECT": target.project}
    done = subprocess.run(command, cwd=ROOT / "functions", env=named, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeployError(
            "no keyset could be made:"
            f" {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no reason given'}"
        )
    return done.stdout.strip()
