"""A project of Google Cloud, and this machine in front of it."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs

import pytest

from devtools.deploy import before, certificate, command, hosting, promote
from devtools.deploy.cloud import Cloud, DeployError, told, why
from devtools.deploy.consent import NOTHING, Consent
from devtools.deploy.steps import Target
from devtools.deploy.wanted import BUILD, account
from devtools.paths import ROOT
from tests.operations import fake_firebase, fake_google, fake_iam, fake_run, fake_walls

PROJECT = "a-team-project"
KMS = "gcp-kms://projects/a-team-project/locations/europe-west1/keyRings/sample/cryptoKeys/tokens"
CLIENT_KEY = (
    "gcp-kms://projects/a-team-project/locations/europe-west1/keyRings/sample/cryptoKeys/client/cryptoKeyVersions/1"
)
SECRET = "the-consumer-secret"
# What Cloud Monitoring answers for up to ten minutes after a metric was made (terraform-provider-google#11102).
NEW_METRIC = (
    'Cannot find metric(s) that match type = "logging.googleapis.com/user/sample_calls". If a metric was created'
    " recently, it could take up to 10 minutes to become available. Please try again soon."
)


class Quick(Cloud):
    """Asks the played programs without starting them: a shell for each command takes thirty times as long."""

    world: Path
    turn = Lock()

    def _run(self, words: list[str], secret: str | None, *, to_terminal: bool = False) -> str:
        program, *rest = words
        given = secret if secret is not None else account(BUILD, self.project)  # as the shell script gives it
        with self.turn:
            code, said, wrong = fake_google.answer(self.world, self.project, program, rest, given)
        if code:
            raise DeployError(f"{shlex.join(words[:4])}: {why(told(said) or wrong)}")
        return "" if to_terminal else said

    def of(self, project: str) -> Cloud:
        other = copy(self)
        other.project = project
        other.forget()
        return other


class World:
    """A project, and this machine in front of it. `shell`: commands are run as programs, as they really are."""

    shell = False
    broken: tuple[int, str] | None = None  # what the APIs answer instead

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, project: str = PROJECT) -> None:
        self.project = project
        self.tree = _tree(folder)
        monkeypatch.setattr(promote, "TREE", self.tree)
        monkeypatch.setattr(promote, "uploaded", _uploaded)
        self._file = folder / "project.json"
        fake_google.keep(self._file, {**fake_google.NEW, "tree": str(self.tree), "project": project})
        world = self

        class Apis(BaseHTTPRequestHandler):
            """The APIs that the tools have no command for: Firebase Authentication's set-up, and Cloud Monitoring's
            resources.
            """

            def _answer(self, status: int, body: object = None) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body or {}).encode())

            def _broken(self, status: int, text: str) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def _denied(self) -> bool:
                """Whether this was answered already, because the account may not."""
                now = world.read()
                try:
                    fake_iam.refuse(now, world.project, f"{self.command} {self.path}")
                except fake_iam.Denied as denied:
                    self._answer(403, {"error": {"message": str(denied), "status": "PERMISSION_DENIED"}})
                    return True
                finally:
                    if now.get("as"):
                        world.set(asked=now["asked"])
                return False

            def do_GET(self) -> None:
                if self._denied():
                    return
                path, _, query = self.path.partition("?")
                if "/consumerQuotaMetrics/" in path:
                    self._answer(200, fake_walls.quota(world.read(), path.rpartition("%2F")[2]))
                elif (answer := fake_run.get(world.read(), self.path)) is not None:
                    self._answer(*answer)
                elif not path.startswith(("/v1/", "/v3/", "/admin/", "/v1beta1/")):
                    if world.broken:
                        return self._broken(*world.broken)
                    answer = fake_firebase.read(world.read(), path, query)
                    self._answer(200 if answer is not None else 404, answer)
                elif path.endswith("/recaptchaEnterpriseConfig"):
                    self._answer(200, world.read()["appCheck"])
                elif path.startswith("/admin/"):
                    self._answer(200 if world.read()["authentication"] else 404)
                else:
                    self._answer(200, {path.rsplit("/", 1)[-1]: world.read()["monitoring"].get(path, [])})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self._denied():
                    return None
                path, _, query = self.path.partition("?")
                now = world.read()
                if path.endswith(":listCollectionIds"):
                    return self._answer(200, fake_firebase.collections(now, path))
                if (answer := fake_run.send(now, self.path, body)) is not None:
                    world.set(**now)
                    return self._answer(*answer)
                if path.endswith(":initializeAuth"):
                    world.set(authentication=True)
                elif not all(name in str(now["monitoring"]) for name in re.findall(r'burn_rate\("([^"]+)', str(body))):
                    return self._answer(404, {"error": {"message": "there is no such objective"}})
                elif path.endswith("/alertPolicies") and now.get("metricsUnknown"):
                    world.set(metricsUnknown=now["metricsUnknown"] - 1)
                    return self._answer(404, {"error": {"message": NEW_METRIC}})
                else:
                    there = now["monitoring"].setdefault(path, [])
                    name = query.partition("=")[2] or str(len(there) + 1)
                    there.append({**body, "name": f"{path.removeprefix('/v3/')}/{name}"})
                    world.set(monitoring=now["monitoring"])
                self._answer(200)

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self._denied():
                    return None
                path, now = self.path.rsplit("/", 1)[0], world.read()
                if (answer := fake_run.send(now, self.path, body)) is not None:
                    world.set(**now)
                    return self._answer(*answer)
                if self.path.endswith("/recaptchaEnterpriseConfig?updateMask=siteKey"):
                    world.set(appCheck=body)
                    return self._answer(200)
                if path.startswith("/firestore/"):
                    fake_firebase.write(now, self.path)
                    world.set(fields=now["fields"])
                    return self._answer(200)
                name = self.path.removeprefix("/v3/")
                name, _, query = name.partition("?")
                mask = parse_qs(query).get("updateMask", [""])[0].split(",")

                def patched(there: dict[str, Any]) -> dict[str, Any]:
                    """Without a mask the whole is replaced, https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies/patch"""
                    if mask == [""]:
                        return {**body, "name": name}
                    kept = {part: value for part, value in there.items() if part not in mask}
                    return kept | {part: body[part] for part in mask if part in body}

                now["monitoring"][path] = [patched(r) if r["name"] == name else r for r in now["monitoring"][path]]
                world.set(monitoring=now["monitoring"])
                self._answer(200)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._apis = ThreadingHTTPServer(("127.0.0.1", 0), Apis)
        Thread(target=self._apis.serve_forever, args=(0.02,), daemon=True).start()
        self._firebase = str(folder / "firebase")
        self._environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        monkeypatch.setenv("SALESFORCE_CONSUMER_SECRET", SECRET)
        monkeypatch.setattr(before, "hosted", fake_firebase.files)
        monkeypatch.setattr(command, "uploaded", fake_firebase.uploads)
        monkeypatch.setattr(command, "look", lambda _address, _say: None)  # nothing is there to be asked
        self.said: list[str] = []
        self.slept: list[float] = []

    def close(self) -> None:
        self._apis.shutdown()
        self._apis.server_close()
        fake_google.forget(self._file)

    def cloud(self) -> Cloud:
        url = f"http://127.0.0.1:{self._apis.server_port}"
        cloud = (Cloud if self.shell else Quick)(
            self.project, self._environment, *[url] * 7, firebase=[self._firebase], sleep=self.slept.append
        )
        if isinstance(cloud, Quick):
            cloud.world = self._file
        return cloud

    def read(self) -> dict[str, Any]:
        return fake_google.kept(self._file)

    def set(self, **values: Any) -> None:
        fake_google.keep(self._file, self.read() | values)

    def plan(self, target: Target) -> int:
        self.said = []
        return command.plan(target, self.cloud(), self.said.append)

    def deploy(self, target: Target, consent: Consent = NOTHING) -> None:
        self.said = []
        command.deploy(target, self.cloud(), self.said.append, consent)


def _tree(folder: Path) -> Path:
    """A small tree to upload, beside the project."""
    tree = folder / "tree"
    for name, text in {
        "firebase.json": (ROOT / "firebase.json").read_text(),
        "firestore.rules": "// denied",
        "firestore.indexes.json": "{}",
        "functions/main.py": "# the functions",
        "build/web/index.html": "the client",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return tree


def _uploaded(tree: Path) -> dict[str, list[str]]:
    """As firebase-tools lists it, without starting Node."""
    return {"functions": ["main.py"], "hosting": sorted(p.name for p in (tree / "build/web").iterdir())}


@contextmanager
def project(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = PROJECT) -> Iterator[World]:
    """A new project. Certificates are written to `folder`, configuration files to the tree in it."""
    monkeypatch.setattr(certificate, "FOLDER", folder)
    found = World(folder, monkeypatch, name)
    monkeypatch.setattr(hosting, "ROOT", found.tree)
    with fake_google.programs(folder, folder / "project.json"):
        yield found
    found.close()
