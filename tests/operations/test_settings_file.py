"""Which settings `make deploy` and `make admin` read of a deployed project: those that firebase-tools gives it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.deploy import command
from devtools.deploy.cloud import DeployError
from devtools.function_settings import deployed
from devtools.paths import ROOT, tool_path
from tests.operations.project import PROJECT, World

# Each line as people write it.
LINES = """
# ours
export SALESFORCE_CONSUMER_KEY=3MVG9   # of the External Client App
SALESFORCE_LOGIN_HOSTS = "login.salesforce.com=Production, *.my.salesforce.com=My Domain" # two
REDIRECT_URIS='https://a-team-project.web.app/oauth/callback'
  WEB_API_KEY=AIza#1
KEEP_ALIVE_DAYS=
"""


def test_they_are_those_that_firebase_tools_itself_reads(tmp_path: Path) -> None:
    """Its own code reads the same files, `.env` and `.env.PROJECT`."""
    (tmp_path / ".env").write_text("FAILED_SIGN_INS=7\nWEB_API_KEY=another\n")
    (tmp_path / f".env.{PROJECT}").write_text(LINES)
    (tmp_path / ".env.local").write_text("SALESFORCE_CONSUMER_KEY=of-a-laptop\n")
    program = (
        "const env = require('./devtools/node_modules/firebase-tools/lib/functions/env.js');"
        f"console.log(JSON.stringify(env.loadUserEnvs({{functionsSource: {json.dumps(str(tmp_path))},"
        f" projectDir: {json.dumps(str(tmp_path))}, projectId: '{PROJECT}', isEmulator: false}})))"
    )
    environment = {**os.environ, "PATH": tool_path(dict(os.environ))}
    done = subprocess.run(
        [shutil.which("node", path=environment["PATH"]) or "node", "-e", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    assert deployed(tmp_path, PROJECT) == theirs
    assert theirs["FAILED_SIGN_INS"] == "7"
    assert theirs["SALESFORCE_CONSUMER_KEY"] == "3MVG9"


def test_a_deployment_takes_them_and_so_does_an_administrators_command(tmp_path: Path, world: World) -> None:
    (tmp_path / f".env.{PROJECT}").write_text(LINES)
    where = command.target({"PROJECT": PROJECT}, tmp_path)
    assert where.settings["SALESFORCE_CONSUMER_KEY"] == "3MVG9"
    assert where.settings["WEB_API_KEY"] == "AIza"
    world.deploy(where)
    given = command.administration(where, world.cloud(), {})
    assert given["SALESFORCE_LOGIN_HOSTS"] == "login.salesforce.com=Production, *.my.salesforce.com=My Domain"


def test_a_project_that_is_named_counts_more_than_one_of_the_environment() -> None:
    """Shells that a cloud gives people have GCLOUD_PROJECT set; the runbooks name PROJECT."""
    environment = {**os.environ, "GCLOUD_PROJECT": "somewhere-else", "PROJECT": "not-set-up-here"}
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "admin", "show"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "functions/.env.not-set-up-here is missing" in done.stderr


def test_a_budget_that_is_none_is_told_before_anything(tmp_path: Path) -> None:
    (tmp_path / f".env.{PROJECT}").write_text(LINES)
    with pytest.raises(DeployError, match="BUDGET=a lot is no amount"):
        command.target({"PROJECT": PROJECT, "BUDGET": "a lot"}, tmp_path)
    assert command.target({"PROJECT": PROJECT, "BUDGET": "50"}, tmp_path).budget == "50"
