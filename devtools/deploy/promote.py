"""What is deployed where: a stamp in the functions' environment, in the message of the site's release and in the site's
file deployment.json. With it `make deploy PROJECT=production FROM=staging` uploads only what staging runs.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from devtools.deploy import hosting
from devtools.deploy.cloud import Cloud, Command, DeployError
from devtools.deploy.place import REGION
from devtools.deploy.steps import Target
from devtools.deploy.upload import uploaded
from devtools.deploy.wanted import FUNCTIONS
from devtools.paths import ROOT

TREE = ROOT  # what is uploaded
STAMP = "DEPLOYMENT"  # the functions' environment variable
SITE_FILE = "deployment.json"
# Which layout the connections in Firestore have. Raise it with a change after which the version before cannot read what
# is stored: then `make rollback` refuses to go behind it. tests/operations/test_rollback.py watches the layout.
RECORDS = 2
_CONFIGURATION = ("firebase.json", "firestore.rules", "firestore.indexes.json")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Build:
    """What a deployment uploads, as digests: of the functions' source, of the client, of firebase.json with Firestore's
    rules and indexes. Settings and secrets are not in it: they are what differs between projects.
    """

    functions: str
    client: str
    configuration: str

    def __str__(self) -> str:
        return f"{self.functions}-{self.client}-{self.configuration}"

    @staticmethod
    def parsed(text: str) -> "Build | None":
        """A build from its text; None when it is none."""
        parts = text.split("-")
        return Build(*parts) if len(parts) == 3 and all(parts) else None

    def differing(self, other: "Build") -> list[str]:
        """The parts that differ, in words."""
        words = {"functions": "the functions", "client": "the client", "configuration": "firebase.json, rules, indexes"}
        return [word for name, word in words.items() if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True, slots=True)
class Stamp:
    """One deployment.

    id       of build, settings and the secrets' versions, so that the same deployed again is the same
    commit   of Git, with `-changed` when the tree had changes; `none` without Git
    records  the layout of the records in Firestore
    rules    the rulesets that are released with it, by the name of the release, such as `cloud.firestore`
    """

    id: str
    build: Build
    commit: str
    records: int = RECORDS
    rules: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        rules = ",".join(f"{name}:{ruleset}" for name, ruleset in sorted(self.rules.items()))
        return f"id={self.id} build={self.build} commit={self.commit} records={self.records} rules={rules}"

    @staticmethod
    def parsed(text: str) -> "Stamp | None":
        """A stamp from its text; None when it is none."""
        words = {name: value for name, _, value in (word.partition("=") for word in text.split())}
        build = Build.parsed(words.get("build", ""))
        if build is None or not words.get("id") or not words.get("records", "").isdigit():
            return None
        parts = (part.rpartition(":") for part in words.get("rules", "").split(",") if part)
        rules = {name: ruleset for name, _, ruleset in parts}
        return Stamp(words["id"], build, words.get("commit", "none"), int(words["records"]), rules)


def local_build() -> Build:
    """The build of this tree, as firebase-tools would upload it. Raises DeployError when there is no client."""
    root = TREE
    if not (root / "build/web/index.html").is_file():
        raise DeployError("the client is not built: make web")
    files = uploaded(root)
    return Build(
        _digest(root / "functions", files["functions"]),
        _digest(root / "build/web", [name for name in files["hosting"] if name != SITE_FILE]),
        _digest(root, _CONFIGURATION),
    )


def local_commit() -> str:
    """The commit of the tree, with `-changed` when anything differs from it; `none` without Git."""
    try:
        head = _git("rev-parse", f"--short={_DIGITS}", "HEAD")
        return f"{head}-changed" if _git("status", "--porcelain") else head
    except (OSError, subprocess.CalledProcessError):
        return "none"


def stamp(where: Target, cloud: Cloud) -> Stamp:
    """The stamp of a deployment of this tree; the rules must have been uploaded before. Raises DeployError."""
    build = local_build()
    # As firebase-tools pins them: the newest version of each (lib/deploy/functions/validate.js).
    secrets = {name: str(max(versions(cloud, name), key=int, default="")) for name in where.secrets}
    told = json.dumps([str(build), sorted(where.settings.items()), sorted(secrets.items())])
    return Stamp(_short(told.encode()), build, local_commit(), RECORDS, live_rules(cloud))


def versions(cloud: Cloud, secret: str) -> dict[str, str]:
    """The versions of a secret by their numbers, each with its state, such as `ENABLED`. Raises DeployError."""
    listed = cloud.gcloud("secrets", "versions", "list", secret)
    return {version["name"].rsplit("/", 1)[-1]: version["state"] for version in listed}


def live_rules(cloud: Cloud) -> dict[str, str]:
    """The rulesets of Firestore's databases by their releases' names. Raises DeployError.

    Names as in firebase-tools 15.34.2, lib/rulesDeploy.js: `cloud.firestore` is that of (default), others stand as
    `cloud.firestore/DATABASE`.
    """
    prefix = f"projects/{cloud.project}/releases/"
    listed = _pages(cloud, cloud.api("firebaserules", f"v1/projects/{cloud.project}/releases?pageSize=100"), "releases")
    return {
        release["name"].removeprefix(prefix): release["rulesetName"].rsplit("/", 1)[-1]
        for release in listed
        if re.fullmatch(rf"{prefix}cloud\.firestore(/.+)?", release["name"])
    }


class Record:
    """Puts the stamp of one deployment into what is uploaded."""

    def __init__(self, where: Target, cloud: Cloud) -> None:
        self._where, self._cloud = where, cloud
        self._stamp: Stamp | None = None

    def marked(self, upload: Command) -> Command:
        """The upload with the stamp: with the functions' settings, or in the site and its release's message. Raises
        DeployError.
        """
        if "functions" in upload.words:
            self._stamp = stamp(self._where, self._cloud)
            settings = {**self._where.settings, STAMP: str(self._stamp)}
            hosting.write_config(self._where.project, settings)
        if "hosting" in upload.words and self._stamp is not None:
            told = {**asdict(self._stamp), "build": str(self._stamp.build)}
            (TREE / "build/web" / SITE_FILE).write_text(json.dumps(told) + "\n")
            return replace(upload, words=(*upload.words, f"--message={self._stamp}"))
        return upload


def following(cloud: Cloud, settings: Mapping[str, str]) -> list[tuple[str, Command]]:
    """What follows the upload of the functions, with what it is for. Raises DeployError.

    After going back a service stays with its revision, and firebase-tools never says `allTrafficOnLatestRevision`
    (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#ServiceConfig): a deployment
    would end well and serve nobody, as others have seen (https://github.com/fullsend-ai/fullsend/issues/6945).
    """
    where = region(settings)
    at = ("--to-latest", f"--region={where}", "--project", cloud.project)
    words = ("gcloud", "run", "services", "update-traffic")
    calls = "calls: to what is new, since somebody went back to an earlier revision of"
    return [(f"{calls} {name}", Command((*words, name, *at))) for name in pinned(cloud, where)]


# What a project runs


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a function in Cloud Run: `secrets` are the versions that it is bound to, by the secrets' names."""

    name: str
    function: str
    created: str
    ready: bool
    image: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str]

    @property
    def stamp(self) -> Stamp | None:
        """Its deployment; None for one of an earlier version of this app."""
        return Stamp.parsed(self.settings.get(STAMP, ""))


@dataclass(frozen=True, slots=True)
class Service:
    """A function in Cloud Run: `traffic` is per cent by revision, `pinned` says that a new revision would get none."""

    function: str
    traffic: Mapping[str, int]
    pinned: bool
    revisions: Mapping[str, Revision]

    @property
    def serving(self) -> Revision | None:
        """The revision that has all the traffic; None when it is split, or nothing serves."""
        whole = [name for name, percent in self.traffic.items() if percent == 100]
        return self.revisions.get(whole[0]) if len(whole) == 1 else None


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the site: `version` is what it shows, such as `sites/S/versions/V`, and whether that is still
    kept.
    """

    version: str
    kept: bool
    time: str
    stamp: Stamp | None


def region(settings: Mapping[str, str]) -> str:
    """Where the functions run."""
    return settings.get("REGION") or REGION


def site(project: str, settings: Mapping[str, str]) -> str:
    """The Hosting site's name."""
    return settings.get("SITE") or project


def services(cloud: Cloud, where: str) -> dict[str, Service]:
    """The functions as Cloud Run has them, by name, without those that are not there. Raises DeployError.

    gcloud prints Knative's resources (https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services and
    .revisions); the revisions' names are those that `update-traffic` takes.
    """
    listed = _listed(cloud, where)
    at = (f"--region={where}", "--project", cloud.project)
    found: dict[str, dict[str, Revision]] = {name: {} for name in listed}
    for item in cloud.gcloud("run", "revisions", "list", *at) if listed else []:
        function = item["metadata"]["labels"]["serving.knative.dev/service"]
        if function in found:
            revision = _revision(function, item)
            found[function][revision.name] = revision
    return {name: Service(name, _traffic(item), _pinned(item), found[name]) for name, item in listed.items()}


def pinned(cloud: Cloud, where: str) -> list[str]:
    """The functions that stay with a revision, whatever is deployed. Raises DeployError."""
    return [name for name, item in _listed(cloud, where).items() if _pinned(item)]


def _listed(cloud: Cloud, where: str) -> dict[str, Any]:
    words = ("run", "services", "list", f"--region={where}", "--project", cloud.project)
    by_name = {item["metadata"]["name"]: item for item in cloud.look("run.googleapis.com", *words)}
    return {function: by_name[function] for function in FUNCTIONS if function in by_name}


def _traffic(item: Mapping[str, Any]) -> dict[str, int]:
    """Per cent by revision, without those that get none; one may stand there several times, with tags."""
    total: dict[str, int] = {}
    for target in item.get("status", {}).get("traffic", []):
        name = target["revisionName"]
        total[name] = total.get(name, 0) + target.get("percent", 0)
    return {name: percent for name, percent in total.items() if percent}


def _pinned(item: Mapping[str, Any]) -> bool:
    return not any(t.get("latestRevision") and t.get("percent") == 100 for t in item["spec"].get("traffic", []))


def _revision(function: str, item: Mapping[str, Any]) -> Revision:
    container = item["spec"]["containers"][0]
    environment: list[Mapping[str, Any]] = container.get("env", [])
    conditions = {c["type"]: c["status"] for c in item.get("status", {}).get("conditions", [])}
    return Revision(
        item["metadata"]["name"],
        function,
        item["metadata"]["creationTimestamp"],
        conditions.get("Ready") == "True",
        item.get("status", {}).get("imageDigest") or container["image"],
        {e["name"]: e.get("value", "") for e in environment if "valueFrom" not in e},
        # firebase-tools binds a secret to the variable of its own name, by the number of its version.
        {e["name"]: e["valueFrom"]["secretKeyRef"]["key"] for e in environment if "valueFrom" in e},
    )


def kept_images(cloud: Cloud, where: str) -> set[str]:
    """The functions' container images that are still there, as NAME@sha256:…. Raises DeployError.

    They are deleted by age. Cloud Run keeps one only while a revision serves
    (https://cloud.google.com/run/docs/deploying), so that giving calls to another ends with "unable to fetch metadata"
    (https://github.com/firebase/firebase-tools/issues/6759).
    """
    repository = f"{where}-docker.pkg.dev/{cloud.project}/gcf-artifacts"
    listed = cloud.look("artifactregistry.googleapis.com", "artifacts", "docker", "images", "list", repository)
    return {f"{image['package']}@{image['version']}" for image in listed}


def releases(cloud: Cloud, of_site: str) -> list[Release]:
    """The releases of the live site, the newest first. Raises DeployError.

    https://firebase.google.com/docs/reference/hosting/rest/v1beta1/sites.channels.releases; a version whose files
    Hosting has let go of has the status DELETED or EXPIRED.
    """
    listed = _pages(
        cloud, cloud.api("firebasehosting", f"v1beta1/sites/{of_site}/channels/live/releases?pageSize=100"), "releases"
    )
    return [
        Release(
            release["version"]["name"],
            release["version"].get("status") == "FINALIZED",
            release["releaseTime"],
            Stamp.parsed(release.get("message", "")),
        )
        for release in listed
        if "version" in release
    ]


def _pages(cloud: Cloud, url: str, kind: str) -> Iterable[Any]:
    token = ""
    while True:
        answer = cloud.get(url + (f"&pageToken={token}" if token else "")) or {}
        yield from answer.get(kind, [])
        token = answer.get("nextPageToken", "")
        if not token:
            return


# From one project to the next


def runs(cloud: Cloud, settings: Mapping[str, str]) -> Stamp:
    """What a project runs, when functions and site agree on it. Raises DeployError."""
    stamps: dict[str, Stamp | None] = {}
    running = services(cloud, region(settings))
    for function in FUNCTIONS:
        found = running.get(function)
        if found is None:
            raise DeployError(f"{cloud.project} has no function {function}: deploy there first")
        if found.serving is None:
            raise DeployError(f"{cloud.project} shares its calls between revisions of {function}: end that first")
        stamps[function] = found.serving.stamp
    live = releases(cloud, site(cloud.project, settings))
    stamps["the site"] = live[0].stamp if live else None
    unknown = [what for what, found in stamps.items() if found is None]
    if unknown:
        raise DeployError(
            f"{cloud.project} does not say what it runs ({', '.join(unknown)}): deploy there once with this version"
        )
    builds = {what: found.build for what, found in stamps.items() if found is not None}
    if len(set(builds.values())) > 1:
        told = ", ".join(f"{what} {build}" for what, build in builds.items())
        raise DeployError(f"{cloud.project} runs several builds ({told}): make deploy or make rollback there first")
    return next(found for found in stamps.values() if found is not None)


def refuse_another(source: Cloud, settings: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Ends with DeployError unless this tree and its client are what `source` runs."""
    there, here = runs(source, settings), local_build()
    differing = there.build.differing(here)
    if differing:
        commit = there.commit.removesuffix("-changed")
        changed = " with changes that are in no commit" if there.commit.endswith("-changed") else ""
        raise DeployError(
            f"{source.project} runs another build (differing: {'; '.join(differing)}): take the tree and the build/web"
            f" that were deployed there (commit {commit}{changed}), or deploy this tree to {source.project} first"
        )
    say(f"✓ this tree is what {source.project} runs: build {here}, commit {there.commit}")


def _digest(folder: Path, names: Iterable[str]) -> str:
    """A digest of these files' names and contents."""
    total = hashlib.sha256()
    for name in sorted(names):
        total.update(f"{name}\0{hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:_DIGITS]


def _short(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_DIGITS]


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=TREE, capture_output=True, text=True, check=True).stdout.strip()
