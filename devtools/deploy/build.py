"""The account that builds the functions: one of our own, which may read their source, keep the result, and write a log.

Without one Cloud Build takes the project's default compute account. In projects made since May 2024 that account has no
rights (cloudspannerecosystem/autoscaler#387, firebase/firebase-functions#1425; Google's page "Cloud Build service
account change"), some organisations delete it (firebase/firebase-tools#8841), and elsewhere it is an editor of the
whole project.
"""

from collections.abc import Mapping

from devtools.deploy.cloud import Cloud, Command, bindings
from devtools.deploy.wanted import ACCOUNT_TITLE, BUILD, account

# Google's list for such an account (https://cloud.google.com/run/docs/configuring/services/build-service-account) has
# storage.objectAdmin; those who deploy functions with one of their own get by with storage.objectViewer
# (cloudspannerecosystem/autoscaler, terraform/modules/autoscaler-base). Here it reaches the buckets with the functions'
# source only: exports of Firestore may be in others.
_SOURCES = 'resource.name.startsWith("projects/_/buckets/gcf-v2-")'
ROLES: Mapping[str, str] = {
    "roles/logging.logWriter": "",
    "roles/artifactregistry.writer": "",
    "roles/storage.objectViewer": _SOURCES,
}


def missing(cloud: Cloud) -> list[Command]:
    """The commands for the account and its roles on the project, each with its condition. Raises DeployError."""
    email = account(BUILD, cloud.project)
    emails = {a["email"] for a in cloud.look("iam.googleapis.com", "iam", "service-accounts", "list")}
    commands: list[Command] = []
    if email not in emails:
        words = ("gcloud", "iam", "service-accounts", "create", f"salesforce-{BUILD}")
        commands.append(Command((*words, f"--display-name={ACCOUNT_TITLE}{BUILD}", "--project", cloud.project)))
    held = bindings(cloud.look("cloudresourcemanager.googleapis.com", "projects", "get-iam-policy", cloud.project))
    for role, condition in ROLES.items():
        member = f"serviceAccount:{email}"
        if (role, member, condition) not in held:
            words = ("gcloud", "projects", "add-iam-policy-binding", cloud.project, f"--member={member}")
            given = f"expression={condition},title=salesforce-sample sources" if condition else "None"
            commands.append(Command((*words, f"--role={role}", f"--condition={given}")))
    return commands
