"""`make deploy-plan` lists every change that a deployment would make; `make deploy` makes them.

When a deployment stops, the next one goes on where it stopped.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from devtools import function_settings, web
from devtools.deploy import before, budget, consent, hosting, promote, rollback, settings_file, walls, web_app
from devtools.deploy.answers import look
from devtools.deploy.cloud import Cloud, DeployError, Write
from devtools.deploy.consent import NOTHING, Consent
from devtools.deploy.place import completed, place
from devtools.deploy.steps import Target, ask_for_secret, steps, uploads
from devtools.deploy.upload import uploaded
from devtools.deploy.wanted import CONSUMER_SECRET
from devtools.paths import ROOT

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LOCATION = "eur3"
_YOURS = ("SALESFORCE_CONSUMER_KEY", "REDIRECT_URIS", "WEB_API_KEY")  # settings that differ in every project
_LATER = "later"
_MADE = (CONSUMER_SECRET, "TOKEN_KEYSET", "WEB_API_KEY")  # what a deployment asks for or makes, where it is missing
Say = Callable[[str], None]


def target(environment: Mapping[str, str] = os.environ, folder: Path = ROOT / "functions") -> Target:
    """The Target of a deployment: PROJECT, LOCATION, ALERT_EMAIL, BUDGET of the environment, the settings in `folder`.

    Raises DeployError with a line for each mistake.
    """
    project = environment.get("PROJECT", "")
    if not _PROJECT.fullmatch(project):
        raise DeployError(f"{project!r} is not a project id: name one with PROJECT=your-project-id")
    file = folder / f".env.{project}"
    if not file.is_file():
        raise DeployError(
            f"functions/.env.{project} is missing: cp functions/.env.example functions/.env.{project}, then fill it in"
            " (docs/deploy.md)"
        )
    settings_file.check([one for one in (folder / ".env", file) if one.is_file()])
    settings = settings_of(project, folder)
    _check(project, settings)
    email = environment.get("ALERT_EMAIL", "")
    if email and not _EMAIL.fullmatch(email):
        raise DeployError(f"ALERT_EMAIL is an e-mail address, not {email!r}")
    return Target(
        project,
        environment.get("LOCATION", "") or _LOCATION,
        settings,
        environment.get("ALERT_EMAIL") or None,
        budget.amount(environment.get("BUDGET")),
    )


def settings_of(project: str, folder: Path = ROOT / "functions") -> dict[str, str]:
    """The settings in a project's files, and what follows from them. Raises DeployError."""
    return completed(project, function_settings.deployed(folder, project))


def _check(project: str, settings: Mapping[str, str]) -> None:
    """Raises DeployError when the functions would refuse these settings at their start."""
    given = {"GCLOUD_PROJECT": project, **dict.fromkeys(_MADE, _LATER), **settings}
    command = [sys.executable, "-m", "backend.admin", "settings"]
    checked = subprocess.run(
        command,
        cwd=ROOT / "functions",
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line.removeprefix("✗ ") for line in checked.stderr.splitlines()]
    if checked.returncode == 0:
        example = (ROOT / "functions/.env.example").read_text()
        wrong = [
            f"{name} is still the example's"
            for name, value in settings.items()
            if f"{name}={value}" in example and name in _YOURS
        ]
    if wrong:
        raise DeployError("\n  ".join([f"functions/.env.{project} (docs/deploy.md):", *wrong]))


def administration(where: Target, cloud: Cloud, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment variables of a deployed project's functions, for commands of `backend.admin`.

    Secrets come from `environment`, else from Secret Manager. With a client key a consumer secret that is still there
    is taken along: `check-org` tells whether it works. Raises DeployError.
    """
    names = {*where.secrets}
    if CONSUMER_SECRET not in names and not environment.get(CONSUMER_SECRET):
        listed = cloud.look("secretmanager.googleapis.com", "secrets", "list")
        names |= {CONSUMER_SECRET} & {secret["name"].rsplit("/", 1)[-1] for secret in listed}
    secrets = {name: environment.get(name) or cloud.secret(name) for name in names}
    # An administrator's commands do not need the Web API key, which only the app uses.
    return {"WEB_API_KEY": _LATER, **where.settings, **secrets, "GCLOUD_PROJECT": where.project}


def in_the_way(where: Target, cloud: Cloud) -> walls.Found:
    """What would stop this deployment on the project as it is. Raises DeployError when it cannot be read."""
    there = place(where.project, where.settings)
    keys = {"TOKEN_KEYSET_KMS_KEY": where.wrapping_key, "SALESFORCE_CLIENT_KEY_KMS": where.client_key}
    in_kms = {name: key["locations"] for name, key in keys.items() if key is not None}
    locations = {"REGION": there.region, "LOCATION": where.location, **in_kms}
    return walls.look(cloud, there, locations, list(where.apis), where.settings)


def plan(where: Target, cloud: Cloud, say: Say) -> int:
    """Prints every missing change without making it, and returns their number. Raises DeployError."""
    changes, found = 0, in_the_way(where, cloud)
    seen = before.look(where, cloud)
    for line in (*(f"✗ {wall}" for wall in found.walls), *(f"? {maybe}" for maybe in found.open), *seen.lines()):
        say(line)
    for step in steps(where):
        needed = step.missing(cloud)
        changes += len(needed)
        say(f"{'+' if needed else '✓'} {step.name}: {step.why}")
        for command in needed:
            say(f"    {command}")
    for name, why, command in uploads(where, functions_go=bool(seen.deletions.functions)):
        say(f"↑ {name}: {why}")
        say(f"    {command}")
    for what, files in uploaded().items():
        say(f"    {what}: {len(files)} files")
    for command in rollback.unpinned(cloud, where.settings):
        say(f"↑ calls: to the new revision, since somebody went back to an earlier one\n    {command}")
    if web.is_stale():
        say("    the client is built anew before; the files above are the former build's")
    say(
        f"{changes} changes, then the uploads. Nothing was changed."
        if changes
        else "Nothing is missing; a deployment uploads the three parts."
    )
    if found.walls:
        say(f"{len(found.walls)} in the way: a deployment stops before the first change (docs/deploy.md, “Walls”).")
    return changes


def deploy(where: Target, cloud: Cloud, say: Say, agreed: Consent = NOTHING) -> None:
    """Makes every missing change, then uploads; not after a new certificate, which you upload first. Raises
    DeployError; the next run then goes on where this one stopped.
    """
    upload(where, cloud, say, prepare(where, cloud, say, agreed))


def prepare(
    where: Target, cloud: Cloud, say: Say, agreed: Consent = NOTHING, *, as_built: bool = False
) -> before.Before:
    """Makes every missing change, and returns what was seen before; `as_built`: the client is not built anew. Raises
    DeployError, also for a new certificate.
    """
    written, found = list[Write](), in_the_way(where, cloud)
    walls.stop(found)
    for maybe in found.open:
        say(f"? {maybe}")
    seen = before.look(where, cloud)
    seen.others.check(adopt=agreed.adopt)
    if not as_built and web.is_stale():
        say("… building the client")
        web.build()
        seen = before.look(where, cloud)  # which files go depends on the build
    agree(seen, say, agreed)
    ask_for_secret(where, cloud)
    for step in steps(where):
        needed = step.missing(cloud)
        say(f"{'…' if needed else '✓'} {step.name}: {step.why}")
        for command in needed:
            say(f"    {command}")
            cloud.run(command)
        if needed:
            cloud.forget()
            say(f"✓ {step.name}")
            if step.name == "APIs":  # some things can be looked at only now
                walls.stop(in_the_way(where, cloud))
        if step.name == "certificate":
            written += [command for command in needed if isinstance(command, Write)]
    for certificate in written:
        raise DeployError(
            f"{certificate.path.name} is new, in {certificate.path.parent}: upload it to the External Client App"
            " (docs/deploy.md, “Without a consumer secret”), see with check-org that it is taken, then run this again;"
            " nothing was uploaded, because the app refuses functions that sign before it has the certificate"
        )
    return seen


def agree(seen: before.Before, say: Say, agreed: Consent) -> None:
    """Tells what is there of others, what is deleted, what is replaced. Raises DeployError unless that was agreed."""
    for line in seen.lines():
        say(line)
    seen.check(agreed)


def upload(where: Target, cloud: Cloud, say: Say, seen: before.Before) -> None:
    """Uploads the three parts with the stamp of this deployment, and gives them the calls. Raises DeployError."""
    where = replace(where, settings=web_app.with_key(cloud, where.settings))
    hosting.write_config(where.project, where.settings)
    record = promote.Record(where, cloud)
    for name, why, command in uploads(where, functions_go=bool(seen.deletions.functions)):
        say(f"… {name}: {why}")
        say(f"    {command}")
        # What only deletes has the stamp of before, or the functions would be made anew once more.
        cloud.run(command if "--force" in command.words else record.marked(command))
        for more in rollback.unpinned(cloud, where.settings) if "functions" in command.words else []:
            say(f"    {more}")
            cloud.run(more)
        say(f"✓ {name}")
    for command in (command for deletion in seen.deletions.firestore for command in deletion.commands):
        say(f"    {command}")
        cloud.run(command)
    look(place(where.project, where.settings), say)


def upload_only(where: Target, cloud: Cloud, say: Say, agreed: Consent = NOTHING) -> None:
    """Uploads to a project that is set up, and asks for nothing that the workflow's account may not (docs/staging.md).
    Raises DeployError.
    """
    seen = before.look(where, cloud, by_owner=False)
    agree(seen, say, agreed)
    upload(where, cloud, say, seen)


def main(what: str, words: Sequence[str] = ()) -> int:
    """Runs `deploy-plan` or `deploy` with the words of its command line, and returns the exit code. FROM=PROJECT
    refuses what does not run there, ONLY=uploads leaves the set-up out.
    """
    source, only = os.environ.get("FROM", ""), os.environ.get("ONLY", "")
    try:
        agreed = consent.given(words, os.environ)
        if only not in ("", "uploads"):
            raise DeployError(f"ONLY={only}: there is ONLY=uploads, which sets nothing up")
        where = target()
        cloud = Cloud(where.project)
        if source:
            promote.refuse_another(Cloud(source), settings_of(source), print)
        if what == "deploy-plan":
            plan(where, cloud, print)
        elif source or only:  # what runs there must not be built anew
            if only:
                upload_only(where, cloud, print, agreed)
            else:
                upload(where, cloud, print, prepare(where, cloud, print, agreed, as_built=True))
        else:
            deploy(where, cloud, print, agreed)
    except DeployError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped: run it again, it goes on where it stopped", file=sys.stderr)
        return 1
    return 0
