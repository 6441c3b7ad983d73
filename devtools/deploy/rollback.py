"""`make rollback PROJECT=P` lists the deployments of a project; with TO=ID it goes back to one, after a plan and a yes.

Functions go back to the very revisions of that deployment, with the versions of the secrets that they are bound to; the
site to its version, the rules to their rulesets. What would not work then is refused before anything changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devtools.deploy import images, keys, promote
from devtools.deploy.cloud import Cloud, Command, DeployError, Post
from devtools.deploy.keysets import Keys
from devtools.deploy.keysets import keys as keys_of
from devtools.deploy.place import place
from devtools.deploy.promote import Release, Revision, Service, Stamp
from devtools.deploy.steps import Target
from devtools.deploy.wanted import CONSUMER_SECRET, FUNCTIONS

KEYSET, CLIENT_KEY = "TOKEN_KEYSET", "SALESFORCE_CLIENT_KEY_KMS"
CONSUMER_KEY = "SALESFORCE_CONSUMER_KEY"
ANEW = "docs/staging.md, “Going back”"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, as far as the project still has it: its newest revision of each function, and its release."""

    stamp: Stamp
    revisions: Mapping[str, Revision]
    release: Release | None

    @property
    def created(self) -> str:
        """The time of its newest revision."""
        return max(revision.created for revision in self.revisions.values())

    def __str__(self) -> str:
        stamp = self.stamp
        return f"{stamp.id}  {self.created[:16].replace('T', ' ')}  commit {stamp.commit}  build {stamp.build}"


@dataclass(frozen=True, slots=True)
class Project:
    """What a project runs and ran; `deployments` begin with the newest."""

    services: Mapping[str, Service]
    releases: Sequence[Release]
    rules: Mapping[str, str]
    deployments: Sequence[Deployment]

    @property
    def current(self) -> Mapping[str, Revision]:
        """The revisions that serve now, by function, where one has all the traffic."""
        return {name: found.serving for name, found in self.services.items() if found.serving is not None}


def project(cloud: Cloud, settings: Mapping[str, str]) -> Project:
    """Reads a project. Raises DeployError."""
    region = place(cloud.project, settings).region
    services = promote.services(cloud, region)
    missing = [function for function in FUNCTIONS if function not in services]
    if missing:
        raise DeployError(
            f"{cloud.project} has no function {', '.join(missing)} in {region}: there is nothing to go back to"
        )
    released = promote.releases(cloud, place(cloud.project, settings).site)
    by_id: dict[str, dict[str, Revision]] = {}
    stamps: dict[str, Stamp] = {}
    for revision in sorted((r for s in services.values() for r in s.revisions.values()), key=lambda r: r.created):
        if revision.stamp is not None:  # the newest of each function and deployment stays
            by_id.setdefault(revision.stamp.id, {})[revision.function] = revision
            stamps[revision.stamp.id] = revision.stamp
    of_site = {release.stamp.id: release for release in reversed(released) if release.stamp is not None}
    deployments = [Deployment(stamps[id], revisions, of_site.get(id)) for id, revisions in by_id.items()]
    deployments.sort(key=lambda d: d.created, reverse=True)
    return Project(services, released, promote.live_rules(cloud), deployments)


def listed(found: Project) -> list[str]:
    """The deployments as lines, the newest first; the one that serves is marked."""
    serving = {revision.name for revision in found.current.values()}
    lines = [
        f"{'→' if all(r.name in serving for r in d.revisions.values()) else ' '} {d}"
        + ("" if set(d.revisions) == set(FUNCTIONS) and d.release is not None else "  (not whole)")
        for d in found.deployments
    ]
    return lines or ["no revision says of which deployment it is: deploy once with this version"]


def chosen(found: Project, to: str) -> Deployment:
    """The deployment whose id or commit begins so. Raises DeployError."""
    fitting = [d for d in found.deployments if d.stamp.id.startswith(to) or d.stamp.commit.startswith(to)]
    if len(to) < 4 or not fitting:
        raise DeployError(f"TO={to} names no deployment: make rollback PROJECT=… lists them")
    if len(fitting) > 1:
        raise DeployError(f"TO={to} names several: {', '.join(d.stamp.id for d in fitting)}")
    return fitting[0]


@dataclass(frozen=True, slots=True)
class Change:
    """A part of going back: what it is in words, more about it, and the command, None when that is done already."""

    text: str
    notes: Sequence[str]
    command: Command | Post | None


def plan(cloud: Cloud, settings: Mapping[str, str], found: Project, to: Deployment) -> list[Change]:
    """What going back changes, in its order: the site first, since an older client gets on with newer functions, and
    not the other way round. Raises DeployError with every reason why it would not work.
    """
    refuse(cloud, settings, found, to)
    assert to.release is not None
    site, live = place(cloud.project, settings).site, found.releases[0]
    version = to.release.version.rsplit("/", 1)[-1]
    # As firebase-tools' hosting:clone does. A `type` is given only to disable a site
    # (https://firebase.google.com/docs/reference/hosting/rest/v1beta1/sites.channels.releases).
    url = f"{cloud.hosting_url}/sites/{site}/channels/live/releases?versionName=sites/{site}/versions/{version}"
    body = {"message": str(to.stamp)}
    there = live.version.rsplit("/", 1)[-1] == version
    post = None if there else Post(url, body, what=f"release the site's version {version}")
    changes = [Change(f"site: version {version} of {to.release.time[:16].replace('T', ' ')}", [], post)]
    for function in FUNCTIONS:
        changes.append(_function(cloud, settings, found.services[function], to.revisions[function]))
    for name, ruleset in sorted(to.stamp.rules.items()):
        release = f"projects/{cloud.project}/releases/{name}"
        # projects.releases.patch, with the body of firebase-tools 15.34.2, lib/gcp/rules.js.
        body = {"release": {"name": release, "rulesetName": f"projects/{cloud.project}/rulesets/{ruleset}"}}
        patch = Post(f"{cloud.rules_url}/{release}", body, "PATCH", f"release ruleset {ruleset}")
        changes.append(Change(f"rules of {name}", [], None if found.rules.get(name) == ruleset else patch))
    return changes


def _function(cloud: Cloud, settings: Mapping[str, str], service: Service, to: Revision) -> Change:
    now = service.serving
    assert now is not None
    notes = [
        f"{name} version {version}"
        + ("" if now.secrets.get(name) == version else f" (now {now.secrets.get(name, 'none')})")
        for name, version in sorted(to.secrets.items())
    ]
    differing = sorted(
        name
        for name in {*to.settings, *now.settings} - {promote.STAMP}
        if to.settings.get(name) != now.settings.get(name)
    )
    notes += [f"settings as they were: {', '.join(differing)}"] if differing else []
    words = ("gcloud", "run", "services", "update-traffic", service.function, f"--to-revisions={to.name}=100")
    command = Command((*words, f"--region={place(cloud.project, settings).region}", "--project", cloud.project))
    return Change(f"{service.function}: revision {to.name}", notes, None if now.name == to.name else command)


def not_brought_back(found: Project, to: Deployment) -> list[str]:
    """What stays as it is, in words."""
    now = next((r.stamp for r in found.current.values() if r.stamp is not None), None)
    files = "-- firestore.indexes.json firestore.rules firebase.json"
    same = now is not None and now.build.configuration == to.stamp.build.configuration
    compare = f"git diff {to.stamp.commit.removesuffix('-changed')} {_commit(now)} {files}"
    return [
        "indexes and expiry of Firestore: " + ("the same in both" if same else f"not brought back; {compare}"),
        "APIs, accounts, roles, the schedule, monitoring, and what is stored: not brought back",
        "Salesforce: callback URLs, consumer secret and certificate are what they are now",
    ]


def _commit(stamp: Stamp | None) -> str:
    return "HEAD" if stamp is None else stamp.commit.removesuffix("-changed")


# What would not work


def refuse(cloud: Cloud, settings: Mapping[str, str], found: Project, to: Deployment) -> None:
    """Raises DeployError with a line for each reason why going back would not work."""
    wrong = [
        *_incomplete(cloud, settings, found, to),
        *_records(found, to),
        *_secrets(cloud, found, to),
        *_client_key(cloud, to),
        *_app(cloud, found, to),
    ]
    if wrong:
        anew = f"deploy that version anew instead, with settings and secrets as they are now: {ANEW}"
        raise DeployError("\n  ".join([f"{to.stamp.id} cannot serve again:", *dict.fromkeys(wrong), anew]))


def _incomplete(cloud: Cloud, settings: Mapping[str, str], found: Project, to: Deployment) -> list[str]:
    wrong = [f"it has no revision of {name}" for name in FUNCTIONS if name not in to.revisions]
    wrong += [
        f"calls are shared between revisions of {name}: give one all of them first"
        for name in FUNCTIONS
        if name not in found.current
    ]
    wrong += [f"{r.name} did not start when it was deployed" for r in to.revisions.values() if not r.ready]
    if to.release is None or not to.release.kept:
        wrong.append("Hosting does not keep its version of the site any more")
    kept = images.kept(cloud, place(cloud.project, settings).region)
    serving = {revision.name for revision in found.current.values()}
    wrong += [
        f"the container image of {r.name} was deleted, and Cloud Run keeps one only while it serves"
        for r in to.revisions.values()
        if r.name not in serving and r.image not in kept
    ]
    for name, ruleset in to.stamp.rules.items():
        if cloud.get(f"{cloud.rules_url}/projects/{cloud.project}/rulesets/{ruleset}") is None:
            wrong.append(f"the ruleset {ruleset} of {name} was deleted")
    return wrong


def _records(found: Project, to: Deployment) -> list[str]:
    """A version in use since then may have stored what that one cannot read."""
    since = [d.stamp for d in found.deployments if d.created >= to.created]
    newest = max(stamp.records for stamp in since)
    if to.stamp.records >= newest:
        return []
    return [
        f"it stores connections in layout {to.stamp.records}, and since then they are in layout {newest}, which it"
        " cannot read (docs/deploy.md, “Upgrading”)"
    ]


def _secrets(cloud: Cloud, found: Project, to: Deployment) -> list[str]:
    """Cloud Run reads a secret before an instance starts, and does not start it when that fails
    (https://cloud.google.com/run/docs/configuring/services/secrets).
    """
    wrong: list[str] = []
    names = sorted({name for revision in to.revisions.values() for name in revision.secrets})
    states = {name: _states(cloud, name) for name in names}
    for name in names:
        for version in sorted({r.secrets[name] for r in to.revisions.values() if name in r.secrets}):
            state = states[name].get(version, "GONE")
            if state != "ENABLED":
                wrong.append(
                    f"it is bound to version {version} of {name}, which is {state.lower()}: it would not start"
                )
    return wrong or _keyset(cloud, states.get(KEYSET, {}), found, to)


def _states(cloud: Cloud, name: str) -> dict[str, str]:
    listed = cloud.gcloud("secrets", "list")
    return promote.versions(cloud, name) if any(s["name"].endswith(f"/{name}") for s in listed) else {}


def _keyset(cloud: Cloud, states: Mapping[str, str], found: Project, to: Deployment) -> list[str]:
    """Whether the keysets of both versions open what the other has sealed. Their keys are compared by number; nothing
    of a keyset is printed.
    """
    bound = {r.secrets[KEYSET] for r in to.revisions.values() if KEYSET in r.secrets}
    now = {r.secrets[KEYSET] for r in found.current.values() if KEYSET in r.secrets}
    # Also those that no revision has: `reseal` takes a version that is promoted and not deployed yet.
    later = {v for v in states if states[v] == "ENABLED" and int(v) > min(map(int, bound), default=0)}
    if (now | later) <= bound and len(bound) == 1:
        return []
    read = {v: keys_of(cloud.secret(KEYSET, v)) for v in bound | later | {v for v in now if states.get(v) == "ENABLED"}}
    known: dict[str, Keys] = {version: found_keys for version, found_keys in read.items() if found_keys is not None}
    wrong = [f"version {v} of {KEYSET} is no keyset that can be compared" for v in read if v not in known]
    wrong += [
        f"version {v} of {KEYSET}, which serves, is {states.get(v, 'GONE').lower()} and cannot be compared"
        for v in now
        if v not in read
    ]
    for old in sorted(bound & set(known)):
        for new in sorted((set(known) - bound) | (now & set(known)), key=int):
            if known[new].seals not in known[old].open:
                wrong.append(
                    f"what is sealed since {KEYSET} version {new} (key {known[new].seals}) opens with no key of version"
                    f" {old}, to which it is bound: everybody who is signed in would be told that their tokens are"
                    " unreadable"
                )
            if known[old].seals not in known[new].open:
                wrong.append(
                    f"it would seal with key {known[old].seals}, which version {new} of {KEYSET} does not open any"
                    " more: what it seals would be lost with the next deployment"
                )
    return wrong


def _client_key(cloud: Cloud, to: Deployment) -> list[str]:
    """Whether the key with which it signs for Salesforce may still be used."""
    wrong: list[str] = []
    for name in sorted({r.settings[CLIENT_KEY] for r in to.revisions.values() if r.settings.get(CLIENT_KEY)}):
        key = keys.parts(name, (*keys.PARTS, "cryptoKeyVersions"), CLIENT_KEY, "/cryptoKeyVersions/1")
        state = keys.versions(cloud, key).get(key["cryptoKeyVersions"], "GONE")
        if state != "ENABLED":
            wrong.append(f"it signs with a client key whose version {key['cryptoKeyVersions']} is {state.lower()}")
    return wrong


def _app(cloud: Cloud, found: Project, to: Deployment) -> list[str]:
    """Whether it proves who it is to Salesforce as what serves now does: the app there has one certificate, one
    consumer key and one consumer secret, which are not brought back. Where one of the two signs and the other has the
    secret, the app may still take both (docs/deploy.md, "Without a consumer secret").
    """
    wrong: list[str] = []
    current = list(found.current.values())
    for setting, reason in (
        (CONSUMER_KEY, "has another consumer key than what serves now: the app in Salesforce has one"),
        (CLIENT_KEY, "signs with another client key, or version of it, than what serves now: the app in Salesforce has"
         " one certificate"),
    ):  # fmt: skip
        now = {r.settings[setting] for r in current if r.settings.get(setting)}
        then = {r.settings[setting] for r in to.revisions.values() if r.settings.get(setting)}
        if now and then - now:
            differing = f"{_ends(then)}, now {_ends(now)}" if setting == CLIENT_KEY else "it is in its settings"
            wrong.append(f"it {reason} ({differing})")
    now = {r.secrets[CONSUMER_SECRET] for r in current if CONSUMER_SECRET in r.secrets}
    then = {r.secrets[CONSUMER_SECRET] for r in to.revisions.values() if CONSUMER_SECRET in r.secrets}
    if now and then - now:
        states = _states(cloud, CONSUMER_SECRET)
        # They are compared and not told: a version may have been added with the same secret in it.
        read = {v: cloud.secret(CONSUMER_SECRET, v).strip() for v in now | then if states.get(v) == "ENABLED"}
        if {read.get(v) for v in then} != {read.get(v) for v in now} or not now | then <= set(read):
            old, new = (", ".join(sorted(some, key=int)) for some in (then, now))
            wrong.append(
                f"it has the consumer secret of version {old}, which is another than that of version {new}, which"
                " serves: the app in Salesforce has one"
            )
    return wrong


def _ends(names: set[str]) -> str:
    """The names of key versions, as far as they differ mostly: `client/cryptoKeyVersions/1`."""
    return ", ".join(sorted(name.rpartition("/cryptoKeys/")[2] for name in names))


# After going back


def unpinned(cloud: Cloud, settings: Mapping[str, str]) -> list[Command]:
    """The commands that give calls to the newest revisions again. Raises DeployError.

    After going back a service stays with its revision, and firebase-tools never says `allTrafficOnLatestRevision`
    (https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#ServiceConfig): a deployment
    would end well and serve nobody, as others have seen (https://github.com/fullsend-ai/fullsend/issues/6945).
    """
    region = place(cloud.project, settings).region
    at = ("--to-latest", f"--region={region}", "--project", cloud.project)
    words = ("gcloud", "run", "services", "update-traffic")
    return [Command((*words, function, *at)) for function in promote.pinned(cloud, region)]


def told(where: Target, found: Project, to: Deployment, changes: Sequence[Change]) -> list[str]:
    """The plan as lines."""
    now = {str(r.stamp.build): r.stamp for r in found.current.values() if r.stamp is not None}
    from_ = ", ".join(f"{stamp.id} (commit {stamp.commit})" for stamp in now.values()) or "an earlier version"
    lines = [f"{where.project}: from {from_} back to {to}"]
    for change in changes:
        lines.append(f"{'✓' if change.command is None else '←'} {change.text}")
        lines += [f"      {note}" for note in change.notes]
        lines += [] if change.command is None else [f"    {change.command}"]
    return [*lines, *(f"= {line}" for line in not_brought_back(found, to))]


def go(cloud: Cloud, changes: Sequence[Change], say: Callable[[str], None]) -> None:
    """Makes the changes. Raises DeployError; the next run goes on where this one stopped."""
    for change in changes:
        if change.command is not None:
            say(f"… {change.text}")
            cloud.run(change.command)
            say(f"✓ {change.text}")
