"""The functions of version 0.2.0, served by its own code beside this one's: on the same emulators and the same
upstream, for another user, with the same packages and the same Python.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.builds import RELEASE, sources
from devtools.clients import ADMIN
from devtools.paths import tool_path
from devtools.suite import Plan

# Run in its folder, with its devtools: signs a user in through its `auth`, and tells where its `api` is.
_SERVES = """
import json, sys
from devtools.clients import App, authorize
from devtools.fleet import Fleet
from devtools.ports import Ports
from devtools.suite import UNLIMITED, Plan, function_environment

ports, project, org, username, more = json.loads(sys.argv[1])
plan = Plan(Ports(**ports), project, user_requests=UNLIMITED)
with Fleet(plan, "auth", 1) as auth, Fleet(plan, "api", 1, READABLE_LOG="no", **more) as api:
    app = App(auth.members[0].url, plan.ports.url("auth"), org.removeprefix("http://"))
    app.sign_in(authorize(org, username))
    member = api.members[0]
    said = {"url": member.url, "pid": member.process.pid, "token": app.id_token}
    print(json.dumps({**said, "environment": function_environment(plan)}), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Released:
    """Where the older `api` is, its process, the ID token of its user, and the environment with which to start one."""

    url: str
    pid: int
    token: str
    environment: dict[str, str]


@contextmanager
def released(plan: Plan, firestore: str = "") -> Generator[Released]:
    """The functions of version 0.2.0 on a suite that runs, its user signed in; `firestore` is the address at which its
    `api` finds Firestore, where that is another one. Raises SystemExit when they do not start.
    """
    kept = sources()
    environment = {
        **os.environ,
        "PATH": tool_path(dict(os.environ)),
        "PYTHONPATH": os.pathsep.join(str(kept / folder) for folder in ("", "functions", "app/src")),
    }
    more = {"FIRESTORE_EMULATOR_HOST": firestore} if firestore else {}
    asked = json.dumps([asdict(plan.ports), plan.project, plan.ports.url("localorg"), ADMIN, more])
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "said").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVES, asked],
            cwd=kept,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                process.wait()
                said.seek(0)
                raise SystemExit(f"✗ the functions of version {RELEASE} did not start: {said.read()[-800:]}")
            yield Released(**json.loads(line))
        finally:
            process.stdin.close()
            process.wait()
