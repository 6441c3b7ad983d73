"""`make deploy-plan` lists every change that a deployment would make; `make deploy` makes them.

When a deployment stops, the next one goes on where it stopped.
"""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from devtools import web
from devtools.deploy import hosting, promote
from devtools.deploy.cloud import Cloud, DeployError, Write
from devtools.deploy.steps import Target, steps, uploads
from devtools.deploy.upload import uploaded
from devtools.deploy.wanted import CONSUMER_SECRET
from devtools.paths import ROOT

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_LOCATION = "eur3"
_YOURS = ("SALESFORCE_CONSUMER_KEY", "REDIRECT_URIS", "WEB_API_KEY")  # settings that differ in every project
Say = Callable[[str], None]


def target(environment: Mapping[str, str] = os.environ, folder: Path = ROOT / "functions") -> Target:
    """The Target of a deployment: PROJECT, LOCATION, and ALERT_EMAIL of the environment, and the settings in `folder`.

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
    settings = settings_of(project, folder)
    _check(project, settings)
    return Target(
        project, environment.get("LOCATION", "") or _LOCATION, settings, environment.get("ALERT_EMAIL") or None
    )


def settings_of(project: str, folder: Path = ROOT / "functions") -> dict[str, str]:
    """The settings in a project's file; none without one."""
    file = folder / f".env.{project}"
    text = file.read_text() if file.is_file() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {name.strip(): value.strip().strip("'\"") for name, _, value in (line.partition("=") for line in lines)}


def _check(project: str, settings: Mapping[str, str]) -> None:
    """Raises DeployError when the functions would refuse these settings at their start."""
    given = {"GCLOUD_PROJECT": project, "SALESFORCE_CONSUMER_SECRET": "later", "TOKEN_KEYSET": "later", **settings}
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
    return {**where.settings, **secrets, "GCLOUD_PROJECT": where.project}


def plan(where: Target, cloud: Cloud, say: Say) -> int:
    """Prints every missing change without making it, and returns their number. Raises DeployError."""
    changes = 0
    for step in steps(where):
        needed = step.missing(cloud)
        changes += len(needed)
        say(f"{'+' if needed else '✓'} {step.name}: {step.why}")
        for command in needed:
            say(f"    {command}")
    for name, why, command in uploads(where):
        say(f"↑ {name}: {why}")
        say(f"    {command}")
    for what, files in uploaded().items():
        say(f"    {what}: {len(files)} files")
    for why, command in promote.following(cloud, where.settings):
        say(f"↑ {why}")
        say(f"    {command}")
    say(
        f"{changes} changes, then the three uploads. Nothing was changed."
        if changes
        else "Nothing is missing; a deployment uploads the three parts."
    )
    return changes


def deploy(where: Target, cloud: Cloud, say: Say) -> None:
    """Makes every missing change, then uploads; not after a new certificate, which you upload first. Raises
    DeployError; the next run then goes on where this one stopped.
    """
    prepare(where, cloud, say)
    if web.is_stale():
        say("… building the client")
        web.build()
    upload(where, cloud, say)


def prepare(where: Target, cloud: Cloud, say: Say) -> None:
    """Makes every missing change. Raises DeployError, also for a new certificate."""
    written: list[Write] = []
    for step in steps(where):
        needed = step.missing(cloud)
        say(f"{'…' if needed else '✓'} {step.name}: {step.why}")
        for command in needed:
            say(f"    {command}")
            cloud.run(command)
        if needed:
            cloud.forget()
            say(f"✓ {step.name}")
        written += [command for command in needed if isinstance(command, Write)]
    for certificate in written:
        raise DeployError(
            f"{certificate.path.name} is new, in {certificate.path.parent}: upload it to the External Client App"
            " (docs/deploy.md, “Without a consumer secret”), see with check-org that it is taken, then run this again;"
            " nothing was uploaded, because the app refuses functions that sign before it has the certificate"
        )


def upload(where: Target, cloud: Cloud, say: Say) -> None:
    """Uploads the three parts with the stamp of this deployment, and gives them the calls. Raises DeployError."""
    hosting.write_config(where.project, where.settings, promote.TREE)
    record = promote.Record(where, cloud)
    for name, why, command in uploads(where):
        say(f"… {name}: {why}")
        say(f"    {command}")
        cloud.run(record.marked(command))
        for _, more in promote.following(cloud, where.settings) if "functions" in command.words else []:
            say(f"    {more}")
            cloud.run(more)
        say(f"✓ {name}")
    look(f"https://{where.project}.web.app", say)


def look(address: str, say: Say) -> None:
    """Asks the deployed backend for its sign-in options. Raises DeployError when it does not answer."""
    url, headers = f"{address}/auth/getSignInOptions", {"Content-Type": "application/json"}
    asked = urllib.request.Request(url, b'{"data": {}}', headers)  # noqa: S310
    try:
        urllib.request.urlopen(asked, timeout=60).close()  # noqa: S310  https
    except OSError as failed:
        raise DeployError(
            f"{address} does not answer yet ({failed}): its log names what is wrong (gcloud logging read, or the"
            " console)"
        ) from None
    say(f"✓ {address} answers. Sign in there once: whether its account may sign tokens shows only then.")


def main(what: str) -> int:
    """Runs `deploy-plan` or `deploy` and returns the exit code. FROM=PROJECT refuses what does not run there,
    ONLY=uploads leaves the set-up out.
    """
    source, only = os.environ.get("FROM", ""), os.environ.get("ONLY", "")
    try:
        if only not in ("", "uploads"):
            raise DeployError(f"ONLY={only}: there is ONLY=uploads, which sets nothing up")
        where = target()
        cloud = Cloud(where.project)
        if source:
            promote.refuse_another(Cloud(source), settings_of(source), print)
        if what == "deploy-plan":
            plan(where, cloud, print)
        elif source or only:  # what runs there must not be built anew
            if not only:
                prepare(where, cloud, print)
            upload(where, cloud, print)
        else:
            deploy(where, cloud, print)
    except DeployError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped: run it again, it goes on where it stopped", file=sys.stderr)
        return 1
    return 0
