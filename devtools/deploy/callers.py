"""Who may call the functions' services in Cloud Run: everybody calls `auth` and `api`, which Hosting leads to and which
check each call themselves; only its own account calls `upkeep`.

firebase-tools lets everybody in when it makes a function and never again (15.34.2,
lib/deploy/functions/release/fabricator.js). A first deployment that was stopped in between therefore leaves functions
that answer 403 after every later one, which says that all went well (firebase/firebase-functions-python#308).

A service of the same name that is no function of this app is another's, and nobody is let into it or shut out.
"""

from devtools.deploy import adopt
from devtools.deploy.cloud import Cloud, Command, bindings
from devtools.deploy.inventory import Inventory

EVERYBODY, ROLE = "allUsers", "roles/run.invoker"
PUBLIC, PRIVATE = ("auth", "api"), ("upkeep",)


def missing(cloud: Cloud, region: str) -> list[Command]:
    """The commands for services that are there and let the wrong ones in. Raises DeployError."""
    callers = _callers(cloud, region)
    shut = [
        _change("add", name, region, cloud) for name in PUBLIC if name in callers and EVERYBODY not in callers[name]
    ]
    opened = [_change("remove", name, region, cloud) for name in PRIVATE if EVERYBODY in callers.get(name, set())]
    return shut + opened


def to_be_let_in(cloud: Cloud, region: str) -> list[str]:
    """The functions that a deployment has yet to open to everybody. Raises DeployError."""
    callers = _callers(cloud, region)
    return [name for name in PUBLIC if EVERYBODY not in callers.get(name, set())]


def _callers(cloud: Cloud, region: str) -> dict[str, set[str]]:
    """By the names of our services that are there: the members that may call it."""
    there = adopt.services(Inventory(cloud, ""), cloud.project, region) & {*PUBLIC, *PRIVATE}
    policies = {n: cloud.gcloud("run", "services", "get-iam-policy", n, f"--region={region}") for n in sorted(there)}
    return {n: {member for role, member, _ in bindings(policy) if role == ROLE} for n, policy in policies.items()}


def _change(what: str, name: str, region: str, cloud: Cloud) -> Command:
    words = ("gcloud", "run", "services", f"{what}-iam-policy-binding", name, f"--region={region}")
    return Command((*words, f"--member={EVERYBODY}", f"--role={ROLE}", "--project", cloud.project))
