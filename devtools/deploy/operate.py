"""The commands for a project that is deployed: `rollback`, `rollback-plan`, `preview`, `preview-end`, `federation`."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from devtools import web
from devtools.deploy import command, federation, rollback
from devtools.deploy.cloud import Cloud, DeployError
from devtools.deploy.place import place
from devtools.deploy.preview import DAYS, Preview, begin, end
from devtools.paths import ROOT

Say = Callable[[str], None]


def main(what: str) -> int:
    """Runs one of the commands, with the variables of the environment, and returns the exit code."""
    try:
        COMMANDS[what](os.environ, print)
    except DeployError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped: run it again, it goes on where it stopped", file=sys.stderr)
        return 1
    return 0


def go_back(environment: Mapping[str, str], say: Say, cloud: Cloud | None = None, *, only_plan: bool = False) -> None:
    """Lists the deployments of PROJECT; with TO prints the plan, and goes back after a yes. Raises DeployError."""
    where = command.target(environment)
    cloud = cloud or Cloud(where.project)
    found, to = rollback.project(cloud, where.settings), environment.get("TO", "")
    if not to:
        for line in rollback.listed(found):
            say(line)
        say("make rollback-plan PROJECT=… TO=ID tells what going back would change")
        return
    chosen = rollback.chosen(found, to)
    changes = rollback.plan(cloud, where.settings, found, chosen)
    for line in rollback.told(where, found, chosen, changes):
        say(line)
    if all(change.command is None for change in changes):
        say("It runs already: nothing to do.")
        return
    if only_plan:
        say("Nothing was changed.")
        return
    agree("Go back?", environment)
    rollback.go(cloud, changes, say)
    command.look(place(where.project, where.settings), say)


def preview(
    environment: Mapping[str, str],
    say: Say,
    cloud: Cloud | None = None,
    build: Callable[[], None] | None = None,
    folder: Path = ROOT / "functions",
) -> None:
    """Shows the client of this tree at an address of its own: CHANNEL, EXPIRES in days. Raises DeployError."""
    asked = _preview(environment, folder)
    begin(asked, cloud or Cloud(asked.project), say, build or _build)


def preview_end(
    environment: Mapping[str, str], say: Say, cloud: Cloud | None = None, folder: Path = ROOT / "functions"
) -> None:
    """Ends the preview CHANNEL. Raises DeployError."""
    asked = _preview(environment, folder)
    end(asked, cloud or Cloud(asked.project), say)


def federate(environment: Mapping[str, str], say: Say, cloud: Cloud | None = None) -> None:
    """Lets a workflow of REPOSITORY upload to PROJECT, after a plan and a yes. Raises DeployError."""
    where = command.target(environment)
    trust = federation.Trust(
        where.project,
        environment.get("REPOSITORY", ""),
        environment.get("ENVIRONMENT") or "production",
        environment.get("BRANCH") or "main",
        environment.get("REPOSITORY_ID", ""),
        environment.get("FROM", ""),
    )
    cloud = cloud or Cloud(where.project)
    needed = [(step, step.missing(cloud)) for step in federation.steps(trust)]
    for step, commands in needed:
        say(f"{'+' if commands else '✓'} {step.name}: {step.why}")
        for one in commands:
            say(f"    {one}")
    if any(commands for _, commands in needed):
        agree("Make these changes?", environment)
        for step in federation.steps(trust):  # each looks again, at what those before it have made
            for one in step.missing(cloud):
                cloud.run(one)
            cloud.forget()
    say(f"✓ variables of the environment {trust.environment} in {trust.repository}: PROJECT={where.project},")
    say(f"  PROVIDER={federation.provider(cloud)}, ACCOUNT={federation.deployer(where.project)}")
    if trust.source:
        say(f"  SOURCE={trust.source}")


def agree(question: str, environment: Mapping[str, str]) -> None:
    """Asks, unless YES=1 says so. Raises DeployError for anything but a yes."""
    if environment.get("YES") == "1":
        return
    if not sys.stdin.isatty():
        raise DeployError("nobody is there to say yes: run it at a terminal, or with YES=1; nothing was changed")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeployError("nothing was changed")


def _preview(environment: Mapping[str, str], folder: Path) -> Preview:
    where, days = command.target(environment, folder), environment.get("EXPIRES", "") or str(DAYS)
    if not days.isdigit():
        raise DeployError(f"EXPIRES={days}: write how many days, such as 7")
    file = folder / f".env.{where.project}"
    return Preview(where.project, environment.get("CHANNEL", ""), where.settings, file, int(days))


def _build() -> None:
    if web.is_stale():
        print("… building the client")
        web.build()


COMMANDS: Mapping[str, Callable[[Mapping[str, str], Say], None]] = {
    "rollback": go_back,
    "rollback-plan": lambda environment, say: go_back(environment, say, only_plan=True),
    "preview": preview,
    "preview-end": preview_end,
    "federation": federate,
}
