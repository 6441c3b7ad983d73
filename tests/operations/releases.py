"""A project that is set up, and versions of a small tree to deploy to it."""

import json
import subprocess
import sys
from collections.abc import Mapping

from devtools.deploy import before, command, rollback
from devtools.deploy.steps import Target
from devtools.deploy.wanted import BUILD, SECRETS, account
from devtools.paths import ROOT
from tests.operations.project import SECRET, World

SETTINGS = {"SALESFORCE_CONSUMER_KEY": "3MVG9", "REDIRECT_URIS": "https://a-team-project.web.app/oauth/callback"}
APIS = ("run", "artifactregistry", "secretmanager", "iam", "cloudresourcemanager", "firebasehosting", "firebaserules")


def keyset(step: str, *before: str) -> str:
    """What `make admin ARGS="keyset STEP"` prints."""
    words = [sys.executable, "-m", "backend.admin", "keyset", step]
    given = "\n".join(before) or None
    return subprocess.run(
        words, cwd=ROOT / "functions", input=given, capture_output=True, text=True, check=True
    ).stdout.strip()


def set_up(world: World, *keysets: str) -> Target:
    """Makes the project one that is set up, with these versions of the keyset."""
    builder = account(BUILD, world.project)
    world.set(
        apis=[f"{api}.googleapis.com" for api in APIS],
        databases=[{"name": "x/(default)"}],
        firebase=True,
        imagePolicies=[{"name": "keep-to-go-back"}],
        sites=[world.project],
        webApps={"1:123:web:0": "salesforce-sample"},
        accounts=[*world.read()["accounts"], builder],
        policies={"project": [["roles/cloudbuild.builds.builder", f"serviceAccount:{builder}"]]},
        accountTitles={builder: "Salesforce sample: build"},
        secretLabels={name: {"made-by": "salesforce-sample"} for name in SECRETS},
        secrets={"TOKEN_KEYSET": list(keysets) or ["{}"], "SALESFORCE_CONSUMER_SECRET": [SECRET]},
    )
    return Target(world.project, "eur3", SETTINGS)


def deploy(world: World, target: Target, version: str, settings: Mapping[str, str] | None = None) -> str:
    """Deploys a version of the tree, and returns the deployment's id."""
    (world.tree / "functions/main.py").write_text(f"# functions of {version}")
    (world.tree / "build/web/index.html").write_text(f"client of {version}")
    (world.tree / "firestore.rules").write_text(f"// rules of {version}")
    where = Target(target.project, target.location, {**target.settings, **(settings or {})})
    command.upload(where, world.cloud(), world.said.append, before.look(where, world.cloud()))
    return json.loads((world.tree / "build/web/deployment.json").read_text())["id"]


def add_keyset(world: World, version: str) -> None:
    """Adds a version of the keyset to Secret Manager."""
    secrets = world.read()["secrets"]
    secrets["TOKEN_KEYSET"].append(version)
    world.set(secrets=secrets)


def back(world: World, target: Target, to: str) -> list[str]:
    """Goes back to a deployment, and returns the plan."""
    cloud = world.cloud()
    found = rollback.project(cloud, target.settings)
    chosen = rollback.chosen(found, to)
    changes = rollback.plan(cloud, target.settings, found, chosen)
    told = rollback.told(target, found, chosen, changes)
    rollback.go(cloud, changes, world.said.append)
    return told


def serves(world: World) -> dict[str, str]:
    """What everybody gets now: functions, site and rules, each as the id or the text of its version."""
    now = world.read()
    found = rollback.project(world.cloud(), SETTINGS)
    live = found.releases[0].version
    by_version = {r["version"]["name"]: r.get("message", "") for r in reversed(now["hosting"]["releases"])}
    rules = now["rules"]["rulesets"][now["rules"]["releases"]["cloud.firestore"]]
    functions = {name: revision.stamp.id if revision.stamp else "?" for name, revision in found.current.items()}
    site = by_version[live].partition("id=")[2].partition(" ")[0]
    return {**functions, "site": site, "rules": rules}
