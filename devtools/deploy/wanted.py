"""What a project needs: APIs, secrets, roles. tests/operations/test_deploy.py compares it with the functions' code."""

from collections.abc import Mapping
from dataclasses import dataclass

FUNCTIONS = ("auth", "api", "upkeep")
# By these an account and a secret are known as this app's before its functions stand.
ACCOUNT_TITLE, LABEL = "Salesforce sample: ", ("made-by", "salesforce-sample")
BUILD = "build"  # builds them; an account of its own, as each of them has

# Each API and its purpose; the plan prints both.
APIS: Mapping[str, str] = {
    "cloudresourcemanager.googleapis.com": "who may do what in the project",
    "iam.googleapis.com": "the functions' accounts",
    "cloudfunctions.googleapis.com": "the functions",
    "run.googleapis.com": "runs them",
    "cloudbuild.googleapis.com": "builds them",
    "artifactregistry.googleapis.com": "keeps what was built",
    "cloudscheduler.googleapis.com": "calls upkeep every hour",
    "firestore.googleapis.com": "the vault",
    "firebase.googleapis.com": "makes this a Firebase project",
    "firebasehosting.googleapis.com": "serves the client",
    "firebaserules.googleapis.com": "keeps every client out of Firestore",
    "identitytoolkit.googleapis.com": "Firebase Authentication",
    "securetoken.googleapis.com": "renews the app's ID tokens",
    "iamcredentials.googleapis.com": "signs custom tokens with the account's own key",
    "secretmanager.googleapis.com": "keeps the consumer secret and the keyset",
    "logging.googleapis.com": "keeps the log",
    "monitoring.googleapis.com": "alerts and dashboards",
    # firebase-tools switches these on with every function of the second generation.
    "serviceusage.googleapis.com": "switches the others on, and knows the quota",
    "storage.googleapis.com": "keeps the functions' source for the build",
    "pubsub.googleapis.com": "nothing here: firebase-tools wants it for any function",
    "eventarc.googleapis.com": "nothing here: firebase-tools wants it for any function",
}
KMS_API = {"cloudkms.googleapis.com": "wraps the keyset, and holds the client key"}
TELEMETRY_APIS = {
    "telemetry.googleapis.com": "takes spans and metrics",
    "cloudtrace.googleapis.com": "shows the traces",
}
APP_CHECK_APIS = {"firebaseappcheck.googleapis.com": "tells the app from others"}
RECAPTCHA_API = {"recaptchaenterprise.googleapis.com": "by which a page proves that it is the app"}

CONSUMER_SECRET = "SALESFORCE_CONSUMER_SECRET"  # noqa: S105  a setting's name; with a client key it is not needed
SECRETS: Mapping[str, str] = {
    CONSUMER_SECRET: "proves to Salesforce that the backend is the app",
    "TOKEN_KEYSET": "seals the tokens in Firestore",
}

# The databases of Firestore. Blocks have one of their own, which the functions may only read: an administrator writes.
DATABASE, BLOCKS = "(default)", "blocks"

# The collections at the top of the databases, and those below a document. Everything else in a database is another's.
COLLECTIONS = ("attempts", "audit", "blocks", "codes", "connections", "tombstones", "usage", "writes")
BELOW = ("creations", "entries")

# What `auth` may do in Firebase Authentication, where roles/firebaseauth.admin may do everything: revoking refresh
# tokens is SetAccountInfo, deleting a user is DeleteAccount. Source:
# https://cloud.google.com/identity-platform/docs/access-control, "API permissions".
SESSIONS_ROLE = "salesforceSampleSessions"
SESSIONS_PERMISSIONS = ("firebaseauth.users.delete", "firebaseauth.users.update")


@dataclass(frozen=True, slots=True)
class Role:
    """A role on the project. `database`: on this database of Firestore only; None for all that the role reaches."""

    name: str
    database: str | None = None

    def condition(self, project: str) -> str:
        """The expression of the IAM condition, "" without one. Source: Firestore documentation, "Manage databases",
        "Configure per-database access permissions".
        """
        return "" if self.database is None else f'resource.name=="projects/{project}/databases/{self.database}"'


# Roles on the project, by function. NEEDS says what each is for.
_FIRESTORE = (Role("roles/datastore.user", DATABASE), Role("roles/datastore.viewer", BLOCKS))
ROLES: Mapping[str, tuple[Role, ...]] = {
    "auth": (*_FIRESTORE, Role(SESSIONS_ROLE)),
    "api": _FIRESTORE,
    "upkeep": _FIRESTORE,
}
# What earlier versions granted, which is more than the functions need.
FORMER_ROLES = ("roles/datastore.user", "roles/firebaseauth.admin")
TELEMETRY_ROLES = (Role("roles/telemetry.writer"), Role("roles/serviceusage.serviceUsageConsumer"))
SECRET_ROLE = "roles/secretmanager.secretAccessor"  # noqa: S105  a role's name
SIGNER = "auth"  # the only function that may sign custom tokens
SIGNER_ROLE = "roles/iam.serviceAccountTokenCreator"
KMS_ROLE = "roles/cloudkms.cryptoKeyDecrypter"
# On the client key. Each of the three needs it: auth exchanges codes, api and upkeep refresh.
CLIENT_KEY_ROLE = "roles/cloudkms.signer"
CLIENT_KEY_ALGORITHM = "rsa-sign-pkcs1-2048-sha256"


@dataclass(frozen=True, slots=True)
class Need:
    """What a library call of the functions needs from Google: an API, a role, and which functions make the call."""

    api: str | None
    role: str | None
    functions: tuple[str, ...] = FUNCTIONS


_NOTHING = Need(None, None)
# Everything of Google's that the functions import or call. A test fails for a use that is not listed, so that no role
# is forgotten.
NEEDS: Mapping[str, Need] = {
    "google.cloud.firestore": Need("firestore.googleapis.com", "roles/datastore.user"),
    "google.api_core": _NOTHING,
    "google.cloud.firestore_v1.base_query": Need("firestore.googleapis.com", "roles/datastore.user"),
    "google.cloud.kms_v1": Need("cloudkms.googleapis.com", KMS_ROLE),
    "google.api_core.exceptions": _NOTHING,
    "google.auth": _NOTHING,
    "google.auth.exceptions": _NOTHING,
    "google.auth.transport.requests": _NOTHING,
    "firebase_admin": _NOTHING,
    "firebase_admin.auth.verify_id_token": _NOTHING,  # the keys are public
    "firebase_admin.auth.create_custom_token": Need("iamcredentials.googleapis.com", SIGNER_ROLE, ("auth",)),
    "firebase_admin.auth.revoke_refresh_tokens": Need("identitytoolkit.googleapis.com", SESSIONS_ROLE, ("auth",)),
    "firebase_admin.auth.delete_user": Need("identitytoolkit.googleapis.com", SESSIONS_ROLE, ("auth",)),
    "https://www.googleapis.com": _NOTHING,  # names of scopes
    "https://telemetry.googleapis.com": Need("telemetry.googleapis.com", "roles/telemetry.writer"),
    "https://firebaseappcheck.googleapis.com": Need("firebaseappcheck.googleapis.com", None),
    # The app calls these two with the Web API key.
    "https://identitytoolkit.googleapis.com": Need("identitytoolkit.googleapis.com", None),
    "https://securetoken.googleapis.com": Need("securetoken.googleapis.com", None),
}


def account(function: str, project: str) -> str:
    """The e-mail address of a function's service account."""
    return f"salesforce-{function}@{project}.iam.gserviceaccount.com"


def role_name(role: str, project: str) -> str:
    """A role as IAM writes it; one of the project's own stands with the project."""
    return role if "/" in role else f"projects/{project}/roles/{role}"
