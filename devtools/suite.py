"""The Firebase emulators and the local org, started and stopped together."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from devtools import brand, saved_state
from devtools.function_settings import FunctionSettings
from devtools.loading import why_not_loaded
from devtools.paths import ROOT, TOOLS, tool_path
from devtools.ports import Ports, answers
from devtools.processes import Child

REGION = "europe-west1"
CONSUMER_KEY = "LOCAL_EXTERNAL_CLIENT_APP"
TEST_CALLBACK = "http://127.0.0.1:5999/callback"
_READY_SECONDS = 120
_PRELOADS = ("read_deadline", "trusted_schemas", "workers", "etags")  # each file says what it mends in firebase-tools
EMULATORS = ("auth", "firestore", "functions", "hosting")
_FIRESTORE_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ACCESS = re.compile(r'hosting: .*"([A-Z]+) ([^ ?"]*)[^"]*" (\d{3})')
_QUERY = re.compile(r"\?[^\s\"]*=[^\s\"]*")

Say = Callable[[str, str], None]


class SuiteError(Exception):
    """A part did not start. The text says which and what to do."""


UNLIMITED = 10**9  # requests a user and day, for tests and benchmarks


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    ports            where its parts listen
    project          the Firebase project id
    state            the folder that keeps its data; None keeps nothing
    accounts         how many accounts a new local org has
    session_seconds  the idle life of the local org's access tokens
    user_requests    requests to Salesforce a day for each user, and failed sign-ins; None: as when deployed
    loopback         the port on which an installed app waits for the redirect after the sign-in
    telemetry        the address of a collector for spans; None sends none
    own              the folder of a person's own `.env.local` and `.secret.local`; None reads nobody's
    emulators        the emulators that are started
    shape            what the local org has beside what every org has (docs/localorg.md)
    more_orgs        ports of other local orgs, which somebody else starts, where people may sign in too
    """

    ports: Ports
    project: str
    state: Path | None = None
    accounts: int = 200
    session_seconds: int = 7200
    user_requests: int | None = None
    loopback: int = 5717
    telemetry: str | None = None
    own: Path | None = None
    emulators: tuple[str, ...] = EMULATORS
    shape: str = ""
    more_orgs: tuple[int, ...] = ()

    @property
    def settings(self) -> FunctionSettings:
        """The functions' settings of this run."""
        return FunctionSettings(self.project, self.own, self.state or ROOT / ".local")

    @property
    def schemas(self) -> tuple[Path, ...]:
        """The local org's custom objects: org-schema.json, and for a person's own run also the folder force-app beside
        it.
        """
        source = None if self.own is None else self.own.parent / "force-app"
        return (ROOT / "org-schema.json", *((source,) if source is not None and source.is_dir() else ()))

    @property
    def app_url(self) -> str:
        """The address of the app."""
        return self.ports.url("hosting")

    @property
    def callbacks(self) -> tuple[str, ...]:
        """The redirect URIs of the web client, of tests, and of the installed app."""
        return (
            f"{self.app_url}/oauth/callback",
            TEST_CALLBACK,
            f"http://127.0.0.1:{self.loopback}/oauth/callback",
            brand.read().redirect_uri,
        )


class Suite:
    """Runs a plan's emulators and local org for a `with` block. `say` gets (part, line) for each line of their output.

    Entering waits until all of them answer. Raises SuiteError when one does not start.
    """

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan = plan
        self._say = say
        self._children: list[Child] = []
        self._firebase_lines: list[str] = []
        self._org_lines: list[str] = []
        self._running = False
        self._saved = None if plan.state is None else saved_state.SavedState(plan.state)
        self._config = ROOT / f"firebase.{plan.project}-{plan.ports.hub}.local.json"
        # Not below a folder that begins with a dot, where firebase-tools does not watch for changes.
        self._scratch = ROOT / "build" / f"run-{plan.ports.hub}"

    def __enter__(self) -> Self:
        try:
            clear_left_over(self._scratch.parent)
            self._scratch.mkdir(parents=True, exist_ok=True)
            (self._scratch / "runner").write_text(str(os.getpid()))
            if self._saved is not None:
                self._saved.open()
            self._start_org()
            self._start_emulators()
            first_write = threading.Thread(target=self._write_once, daemon=True)
            first_write.start()
            self._wait()
            first_write.join(_READY_SECONDS)
            self._running = True
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def dead_part(self) -> str | None:
        """The name of a part that has ended by itself, None when all run. firebase-tools itself goes on without an
        emulator.
        """
        ended = next((c.name for c in self._children if not c.running), None)
        if ended is None and self._running:
            ended = next(
                (part for part in (*self.plan.emulators, "localorg") if not answers(getattr(self.plan.ports, part))),
                None,
            )
        return ended

    @property
    def notes(self) -> list[str]:
        """The lines that the local org printed for the person who starts it."""
        return [line.removeprefix("note: ") for line in self._org_lines if line.startswith("note: ")]

    def warm(self) -> None:
        """Starts the functions that the first tap needs, in the background."""
        for name in ("auth", "api") if "hosting" in self.plan.emulators else ():
            threading.Thread(target=_knock, args=(f"{self.plan.app_url}/{name}/__/health",), daemon=True).start()

    def save(self) -> None:
        """Saves the emulators' data. When that fails, the last save stays."""
        if self._saved is not None and self._running:
            try:
                self._saved.save(self.plan.ports.hub)
            except saved_state.SaveError as failed:
                self._say("firebase", f"saved nothing: {failed}")

    def stop(self) -> None:
        """Saves, then ends every part."""
        self.save()
        self._running = False
        for child in reversed(self._children):
            child.interrupt(20 if child.name == "firebase" else 5)
        self._children.clear()
        self._config.unlink(missing_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)

    # The local org

    def _start_org(self) -> None:
        data = self.plan.state / "org" if self.plan.state else self._scratch / "org"
        self._children.append(
            Child("org", org_command(self.plan, data), env=os.environ, cwd=ROOT, on_line=self._org_line)
        )

    # The emulators

    def _start_emulators(self) -> None:
        plan = self.plan
        functions = self._scratch / "functions"
        plan.settings.lay_out(functions)
        self._config.write_text(json.dumps(_config(plan.ports, functions), indent=2))
        unknown = set(plan.emulators) - set(EMULATORS)
        if unknown:
            raise SuiteError(f"EMULATORS names {', '.join(sorted(unknown))}: it takes some of {','.join(EMULATORS)}")
        node = shutil.which("node", path=tool_path(dict(os.environ)))
        if node is None:
            raise SuiteError("Node is missing: run make run, which installs it")
        firebase = str(ROOT / "devtools/node_modules/firebase-tools/lib/bin/firebase.js")
        command = [
            node,
            *(f"--require={ROOT / 'devtools' / name}.cjs" for name in _PRELOADS),
            firebase,
            "emulators:start",
        ]
        command += ["--project", plan.project, "--config", str(self._config), "--only", ",".join(plan.emulators)]
        newest = None if self._saved is None else self._saved.newest()
        if newest is not None:
            command += ["--import", str(newest)]
        # In the scratch folder, because firebase-tools writes logs and unfinished exports into its working directory.
        self._children.append(
            Child("firebase", command, env=self.environment(), cwd=self._scratch, on_line=self._firebase_line)
        )

    def environment(self) -> dict[str, str]:
        """The environment variables of firebase-tools."""
        plan = self.plan
        kept = {
            k: v
            for k, v in os.environ.items()
            if k not in ("GOOGLE_APPLICATION_CREDENTIALS", "FIREBASE_TOKEN", "VIRTUAL_ENV")
        }
        local: Mapping[str, str] = {
            "CI": "1",
            "PYTHONPATH": str(ROOT),  # for the leash, which runs in the scratch folder
            "PATH": tool_path(kept),
            "FUNCTIONS_DISCOVERY_TIMEOUT": "60",
            "NODE_COMPILE_CACHE": str(TOOLS / "compiled"),  # a quarter less work at each start
            # The Firestore emulator starts with half the work when Java compiles once, and quickly, instead of twice.
            "JDK_JAVA_OPTIONS": f"-XX:TieredStopAtLevel=1 {kept.get('JDK_JAVA_OPTIONS', '')}".strip(),
            "FUNCTIONS_EMULATOR_PARALLEL": "1000",  # so many calls at once; further ones wait
            **_function_settings(plan),
            **plan.settings.client_key(),
        }
        jar = firestore_jar(self._scratch)
        return {**kept, **local, **({"FIRESTORE_EMULATOR_BINARY_PATH": jar} if jar else {})}

    def _org_line(self, name: str, line: str) -> None:
        self._org_lines = [*self._org_lines[-20:], line]
        self._say(name, line)

    def _firebase_line(self, name: str, line: str) -> None:
        plain = _without_query(_ANSI.sub("", line))
        self._firebase_lines.append(plain)
        self._say(name, plain)

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not any("All emulators ready" in line for line in self._firebase_lines):
            dead = self.dead_part()
            if dead is not None or time.monotonic() > deadline:
                raise SuiteError(_why("\n".join(self._firebase_lines), self._org_lines, dead))
            time.sleep(0.1)
        if "functions" in self.plan.emulators:
            self._check_functions()
        while True:
            try:
                urllib.request.urlopen(f"{self.plan.ports.url('localorg')}/services/data", timeout=5).close()  # noqa: S310  loopback
                return
            except OSError:
                if self.dead_part() is not None or time.monotonic() > deadline:
                    raise SuiteError("the local org did not start") from None
                time.sleep(0.1)

    def _write_once(self) -> None:
        """Makes the Firestore emulator's first write, which takes it seconds on a busy machine, longer than the backend
        waits; the other emulators are still starting meanwhile.
        """
        if "firestore" not in self.plan.emulators:
            return
        deadline = time.monotonic() + _READY_SECONDS
        documents = f"projects/{self.plan.project}/databases/(default)/documents"
        address = f"{self.plan.ports.url('firestore')}/v1/{documents}:commit"
        for write in ({"update": {"name": f"{documents}/warm/up", "fields": {}}}, {"delete": f"{documents}/warm/up"}):
            request = urllib.request.Request(  # noqa: S310  loopback
                address,
                json.dumps({"writes": [write]}).encode(),
                {"Authorization": "Bearer owner", "Content-Type": "application/json"},
            )
            while time.monotonic() < deadline and not any(
                c.name == "firebase" and not c.running for c in self._children
            ):
                try:
                    urllib.request.urlopen(request, timeout=_READY_SECONDS).close()  # noqa: S310  loopback
                    break
                except OSError:
                    time.sleep(0.2)

    def _check_functions(self) -> None:
        """Raises SuiteError when the functions did not load; firebase-tools goes on without them."""
        with urllib.request.urlopen(f"{self.plan.ports.url('functions')}/backends", timeout=10) as answer:  # noqa: S310  loopback
            loaded = [f["entryPoint"] for backend in json.load(answer)["backends"] for f in backend["functionTriggers"]]
        if not {"api", "auth"} <= set(loaded):
            raise SuiteError(why_not_loaded(self._firebase_lines))


def clear_left_over(folder: Path) -> None:
    """Deletes the folders of runs that were killed. They contain copies of secrets."""
    for runner in folder.glob("run-*/runner"):
        if not psutil.pid_exists(int(runner.read_text() or 0)):
            shutil.rmtree(runner.parent, ignore_errors=True)


def _function_settings(plan: Plan) -> dict[str, str]:
    """The settings that functions/.env contains in a deployment."""
    limit = str(plan.user_requests)
    hosts = [
        f"127.0.0.1:{plan.ports.localorg}=Local org",
        *(f"127.0.0.1:{port}=Another org" for port in plan.more_orgs),
    ]
    budget = {} if plan.user_requests is None else {"USER_DAILY_REQUESTS": limit, "FAILED_SIGN_INS": limit}
    return {
        "SALESFORCE_CONSUMER_KEY": CONSUMER_KEY,
        "SALESFORCE_LOGIN_HOSTS": ", ".join(hosts),
        "REDIRECT_URIS": " ".join(plan.callbacks),
        **({} if plan.telemetry is None else {"TELEMETRY": plan.telemetry, "TELEMETRY_PERCENT": "100"}),
        **budget,
    }


def function_environment(plan: Plan) -> dict[str, str]:
    """The environment variables that the Functions emulator sets for a function, to start one without it."""
    return {
        **_function_settings(plan),
        **plan.settings.variables(),
        **plan.settings.secrets(),
        "GCLOUD_PROJECT": plan.project,
        "FUNCTIONS_EMULATOR": "true",
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{plan.ports.firestore}",
        "FIREBASE_AUTH_EMULATOR_HOST": f"127.0.0.1:{plan.ports.auth}",
    }


def org_command(plan: Plan, data: Path) -> list[str]:
    """The command that serves a plan's local org, with its state in the folder `data`."""
    command = [sys.executable, "-m", "localorg.cli", "serve", "--data", str(data), "--port", str(plan.ports.localorg)]
    command += ["--accounts", str(plan.accounts), "--session-seconds", str(plan.session_seconds)]
    if plan.shape:
        command += ["--shape", plan.shape]
    for schema in plan.schemas:
        command += ["--schema", str(schema)]
    command += ["--actions", str(ROOT / "org-actions.json")]
    for callback in plan.callbacks:
        command += ["--callback", callback]
    command += ["--app-name", brand.read().name]
    return command


def _knock(url: str) -> None:
    with suppress(OSError):
        urllib.request.urlopen(url, timeout=60).close()  # noqa: S310  loopback


def _without_query(line: str) -> str:
    """A log line without query strings, because the redirect after the sign-in has the authorization code in it."""
    access = _ACCESS.search(line)
    return f"hosting: {access[1]} {access[2]} {access[3]}" if access else _QUERY.sub("?…", line)


def _config(ports: Ports, functions: Path) -> dict[str, object]:
    """The content of firebase.json with this run's ports, folder of functions, and Python version."""
    config = json.loads((ROOT / "firebase.json").read_text())
    # The emulator takes the rules of one database, allows everything when there are two, and holds all databases to it.
    config["firestore"] = config["firestore"][0]
    for part in ("hub", "logging", "auth", "functions", "firestore", "hosting", "eventarc", "tasks"):
        config["emulators"][part]["port"] = getattr(ports, part)
    config["emulators"]["firestore"]["websocketPort"] = ports.websocket
    for rule in config["hosting"]["headers"]:
        for header in rule["headers"]:
            # Locally the page signs in at the emulator instead of Google.
            if header["key"] == "Content-Security-Policy":
                header["value"] = header["value"].replace(
                    "connect-src 'self'", f"connect-src 'self' {ports.url('auth')}"
                )
    for source in config["functions"]:
        source |= {"source": str(functions.relative_to(ROOT)), "runtime": f"python3{sys.version_info.minor}"}
    return config


def _why(log: str, org: list[str], dead: str | None) -> str:
    if dead == "org":
        if any("made by another version" in line for line in org):
            return saved_state.OTHER_VERSION
        if any("the org in this folder was made" in line for line in org):
            return (
                "the local org has data of another shape: choose the same SHAPE as before, or clear it with make reset"
            )
        return "the local org did not start: " + " | ".join(org[-3:])
    if "Failed to make request to" in log or "ENOTFOUND" in log or "EAI_AGAIN" in log:
        return (
            "the Firestore emulator's jar is missing and cannot be downloaded: connect to the internet once, install"
            " the Google Cloud CLI with its Firestore emulator, or set FIRESTORE_EMULATOR_BINARY_PATH"
        )
    if "Java version before" in log or "java -version" in log:
        return "Java 21 or newer is missing: delete .tools and run again, which installs it"
    return "the emulators did not start:\n" + "\n".join(log.splitlines()[-15:])


def firestore_jar(folder: Path) -> str | None:
    """The path of the Firestore emulator's jar: as the environment says, else a small jar that points to the Google
    Cloud CLI's, else None (firebase-tools then downloads one).
    """
    if os.environ.get("FIRESTORE_EMULATOR_BINARY_PATH"):
        return os.environ["FIRESTORE_EMULATOR_BINARY_PATH"]
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    inside = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
    # The usual place; asking gcloud takes seconds.
    jar = Path(os.path.realpath(gcloud)).parent.parent / inside
    if not jar.is_file():
        try:
            done = subprocess.run(
                [gcloud, "info", "--format=value(installation.sdk_root)"],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        jar = Path(done.stdout.strip()) / inside
        if done.returncode != 0 or not jar.is_file():
            return None
    # Google's jar names no main class and firebase-tools runs `java -jar`: a jar that is only a manifest points at it.
    text = f"Manifest-Version: 1.0\nMain-Class: {_FIRESTORE_MAIN}\nClass-Path: {jar.as_uri()}"
    lines: list[str] = []
    for line in text.split("\n"):
        lines.append(line[:72])  # a manifest line has at most 72 bytes
        rest = line[72:]
        while rest:
            lines.append(" " + rest[:71])
            rest = rest[71:]
    shim = folder / "firestore-emulator.jar"
    with zipfile.ZipFile(shim, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "\r\n".join(lines) + "\r\n\r\n")
    return str(shim)
