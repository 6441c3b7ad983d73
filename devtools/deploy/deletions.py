"""What a deployment deletes. firebase-tools' own code computes it from what the project has."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from devtools.deploy.cloud import Cloud, Command, DeployError, Post
from devtools.deploy.inventory import Inventory
from devtools.deploy.wanted import BELOW, COLLECTIONS, FUNCTIONS
from devtools.paths import ROOT, tool_path

# Files of a build are in a folder named after what is in them: each deployment replaces those of the build before.
BUILD = "v/"


@dataclass(frozen=True, slots=True)
class Deletion:
    """Something of this app that is there and no longer wanted. `commands` delete it; none when the upload does."""

    what: str
    commands: Sequence[Command | Post] = ()


@dataclass(frozen=True, slots=True)
class Deletions:
    """What goes: `functions`, `firestore` (indexes, field rules) and `files` of the site. `stay` is what firebase-tools
    would delete too, and is another's. `former_build` counts the files of the build before, which need no yes.
    """

    functions: Sequence[Deletion] = ()
    firestore: Sequence[Deletion] = ()
    files: Sequence[Deletion] = ()
    stay: Sequence[str] = ()
    former_build: int = 0

    @property
    def all(self) -> list[Deletion]:
        """Everything that needs a yes."""
        return [*self.functions, *self.firestore, *self.files]


def planned(cloud: Cloud, found: Inventory, region: str, files: Sequence[str]) -> Deletions:
    """The deletions of the next deployment, to this region and with these files of the site. Raises DeployError."""
    of = _computed(json.dumps(_asked(cloud, found, region)), region)
    ours = [gone for gone in of["firestore"] if gone["collection"] in (*COLLECTIONS, *BELOW)]
    gone_files, former = _files(found, files)
    return Deletions(
        [Deletion(f"function {gone['id']} in {gone['region']}") for gone in of["functions"]],
        [_of_firestore(cloud, gone) for gone in ours],
        [Deletion(f"file {path} of the site") for path in gone_files],
        [_text(gone) for gone in of["firestore"] if gone not in ours],
        former,
    )


def _asked(cloud: Cloud, found: Inventory, region: str) -> dict[str, Any]:
    """What firebase-tools needs to know. Functions are left out when no other than the three stand where they belong:
    reading their code takes seconds.
    """
    databases = {
        name: {"indexes": list(d.indexes), "fields": list(d.fields), "database": d.resource}
        for name, d in found.databases.items()
        if d.indexes or d.fields
    }
    asked: dict[str, Any] = {"project": cloud.project, "databases": databases}
    codebase = json.loads((ROOT / "firebase.json").read_text())["functions"][0]["codebase"]
    listed = [f for generation in found.functions.values() for f in generation]
    if any(_codebase(f) == codebase and not _belongs(f["name"], region) for f in listed):
        asked["functions"] = found.functions
    return asked


def _codebase(function: Any) -> str:
    return function.get("labels", {}).get("firebase-functions-codebase", "default")


def _belongs(name: str, region: str) -> bool:
    return name.split("/")[-1] in FUNCTIONS and name.split("/")[3] == region


@cache
def _computed(asked: str, region: str) -> dict[str, Any]:
    """firebase-tools' answer. Raises DeployError."""
    if not json.loads(asked)["databases"] and "functions" not in json.loads(asked):
        return {"functions": [], "firestore": []}
    environment = {**os.environ, "PATH": tool_path(dict(os.environ)), "FUNCTIONS_DISCOVERY_TIMEOUT": "120"}
    environment["REGION"] = region  # where the code declares its functions
    command = ["node", str(ROOT / "devtools/deletions.js"), str(ROOT)]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        error = next((line for line in done.stderr.splitlines() if line.startswith("Error: ")), "it gave no reason")
        raise DeployError(f"firebase-tools cannot plan this: {error.removeprefix('Error: ')}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _of_firestore(cloud: Cloud, gone: Any) -> Deletion:
    if gone["kind"] == "field":  # the request of firebase-tools' deleteField (lib/firestore/api.js)
        return Deletion(_text(gone), [Post(cloud.api("firestore", f"v1/{gone['name']}"), {}, "PATCH")])
    words = ("gcloud", "firestore", "indexes", "composite", "delete", gone["name"].rsplit("/", 1)[-1])
    return Deletion(_text(gone), [Command((*words, f"--database={gone['database']}", "--project", cloud.project))])


def _text(gone: Any) -> str:
    what = "index" if gone["kind"] == "index" else "field rule"
    return f"{what} {gone['text'].strip(' -')} in the database {gone['database']}"


def _files(found: Inventory, files: Sequence[str]) -> tuple[list[str], int]:
    """The paths that the site loses, and how many files of the former build go besides."""
    gone = sorted(set(found.site.files) - set(files)) if found.site else []
    return [path for path in gone if not path.startswith(BUILD)], sum(path.startswith(BUILD) for path in gone)
