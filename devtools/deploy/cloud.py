"""Google Cloud and Firebase through their command-line tools and APIs. Errors become one line each."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from devtools.deploy.wanted import BUILD, account
from devtools.paths import ROOT, tool_path

FIREBASE = ROOT / "devtools/node_modules/firebase-tools/lib/bin/firebase.js"
_BUILD_ACCOUNT = ROOT / "devtools/deploy/build_account.cjs"
IDENTITY_URL = "https://identitytoolkit.googleapis.com"
MONITORING_URL = "https://monitoring.googleapis.com"
APP_CHECK_URL = "https://firebaseappcheck.googleapis.com"
SERVICE_USAGE_URL = "https://serviceusage.googleapis.com"
HOSTING_URL = "https://firebasehosting.googleapis.com"
RULES_URL = "https://firebaserules.googleapis.com"
_TOKEN_SECONDS = 600
# A metric that was just made is not known to Cloud Monitoring for up to ten minutes: it answers 404 to a policy that
# names it (hashicorp/terraform-provider-google#11102, GoogleCloudPlatform/cloud-foundation-fabric#3739).
_NEW_METRIC = re.compile(r"Cannot find metric|metric referenced by the provided filter is unknown")
NEW_METRIC_TRIES, NEW_METRIC_PAUSE = 45, 15.0
# A service account that was just made is not known everywhere for some seconds: what names it is refused, as in
# GoogleCloudPlatform/magic-modules#14447 and hashicorp/vault-plugin-secrets-gcp#257. With a read it may be a 403.
_NEW_ACCOUNT = re.compile(r"does not exist|may not exist|INVALID_ARGUMENT|NOT_FOUND|Unknown service account")
NEW_ACCOUNT_TRIES, NEW_ACCOUNT_PAUSE = 13, 5.0


class DeployError(Exception):
    """Something is wrong. The text says what and what to do, mostly in one line."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of gcloud or firebase-tools. `secret` returns what goes to its standard input; it is called when it
    runs.
    """

    words: tuple[str, ...]
    secret: Callable[[], str] | None = None

    def __str__(self) -> str:
        return shlex.join(self.words) + ("  < a secret" if self.secret else "")


@dataclass(frozen=True, slots=True)
class Post:
    """An HTTP request, for what the tools have no command for. `what` says in words what it makes or changes, since
    many have one address.
    """

    url: str
    body: Mapping[str, Any] = field(default_factory=dict)
    method: Literal["POST", "PATCH"] = "POST"
    what: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.method} {self.url}" if self.what else f"{self.method} {self.url}"


@dataclass(frozen=True, slots=True)
class Write:
    """A file on this machine. `text` makes its content when it is written; Google is asked for it."""

    path: Path
    text: Callable[[], str]

    def __str__(self) -> str:
        return f"write {self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path}"


class Cloud:
    """One project, as the logged-in person sees it. Only `run` changes anything."""

    def __init__(
        self,
        project: str,
        environment: Mapping[str, str] = os.environ,
        identity_url: str = IDENTITY_URL,
        monitoring_url: str = MONITORING_URL,
        app_check_url: str = APP_CHECK_URL,
        service_usage_url: str = SERVICE_USAGE_URL,
        hosting_url: str = HOSTING_URL,
        rules_url: str = RULES_URL,
        elsewhere: str | None = None,
        firebase: Sequence[str] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """`elsewhere`, `firebase` and `sleep` are for tests: the address of all other APIs, a program in the place of
        the pinned firebase-tools, and what waits. A firebase-tools that is installed on this machine is never used: it
        may be of any version.
        """
        self.project = project
        urls = (identity_url, monitoring_url, app_check_url, service_usage_url, hosting_url, rules_url, elsewhere)
        self._of = lambda other: Cloud(other, environment, *urls, firebase, sleep)
        self._firebase = firebase
        self._sleep = sleep or time.sleep
        self._made: set[str] = set()  # the service accounts that this run has made
        self._elsewhere = elsewhere
        self.identity_url = identity_url
        self.app_check_url = app_check_url
        self.service_usage_url = service_usage_url
        self.hosting_url = f"{hosting_url}/v1beta1"
        self.rules_url = f"{rules_url}/v1"
        self.monitoring_url = f"{monitoring_url}/v3/projects/{project}"
        self._environment = {
            **environment,
            "PATH": tool_path(dict(environment)),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",  # a reading command must not switch an API on
            "CLOUDSDK_CORE_PROJECT": project,
            # Without it firebase-tools asks in nobody's name when it has only application default credentials, which
            # Google refuses (its lib/apiv2.js and requireAuth.js; firebase/firebase-tools#6801).
            "GOOGLE_CLOUD_QUOTA_PROJECT": project,
            **built_by(account(BUILD, project), environment),
            "FUNCTIONS_DISCOVERY_TIMEOUT": "60",  # firebase-tools: seconds to import the functions; it gives them ten
        }
        self._enabled: set[str] | None = None
        self._token, self._token_until = "", 0.0

    def of(self, project: str) -> "Cloud":
        """Another project, as the same person sees it."""
        return self._of(project)

    def enabled(self) -> set[str]:
        """The names of the APIs that are switched on. They are read once, until `forget`."""
        if self._enabled is None:
            self._enabled = {service["config"]["name"] for service in self.gcloud("services", "list", "--enabled")}
        return self._enabled

    def forget(self) -> None:
        """Makes `enabled` read again, after a change."""
        self._enabled = None

    def look(self, api: str, *words: str) -> Any:
        """The JSON of a gcloud command that lists something; an empty list while its API is off. Raises DeployError."""
        return self.gcloud(*words) if api in self.enabled() else []

    def gcloud(self, *words: str) -> Any:
        """The JSON of a gcloud command that changes nothing. Raises DeployError."""
        said = self._when_known(words, lambda: self._run(["gcloud", *words, "--format=json"], None))
        return _json(["gcloud", *words], said or "[]")

    def firebase(self, *words: str) -> Any:
        """The result of a firebase-tools command that changes nothing. Raises DeployError."""
        said = self._run(["firebase", *words, "--json", "--non-interactive"], None)
        return _json(["firebase", *words], said).get("result", [])

    def secret(self, name: str, version: str = "latest") -> str:
        """A version of a secret in Secret Manager, the newest by default. Raises DeployError."""
        return self._run(["gcloud", "secrets", "versions", "access", version, f"--secret={name}"], None)

    def public_key(self, key: Mapping[str, str]) -> str:
        """The public half of a key version in Cloud KMS as PEM; `key` has the parts of its name. Raises DeployError."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "public.pem"
            version = key["cryptoKeyVersions"]
            words = ["gcloud", "kms", "keys", "versions", "get-public-key", version, *_in_key(key)]
            self._run([*words, f"--output-file={file}"], None)
            return file.read_text()

    def sign(self, key: Mapping[str, str], text: bytes) -> bytes:
        """A key version's signature of a text's SHA-256. Raises DeployError."""
        with tempfile.TemporaryDirectory() as folder:
            asked, signature = Path(folder) / "text", Path(folder) / "signature"
            asked.write_bytes(text)
            words = ["gcloud", "kms", "asymmetric-sign", f"--version={key['cryptoKeyVersions']}", *_in_key(key)]
            files = [f"--input-file={asked}", f"--signature-file={signature}"]
            self._run([*words, "--digest-algorithm=sha256", *files], None)
            return signature.read_bytes()

    def run(self, command: "Command | Post | Write") -> None:
        """Runs a command that changes the project, or writes a file. Raises DeployError."""
        if isinstance(command, Write):
            command.path.parent.mkdir(parents=True, exist_ok=True)
            command.path.write_text(command.text())
            return
        if isinstance(command, Post):
            self._request_when_known(command)
            return
        words = list(command.words)
        given = command.secret() if command.secret else None
        self._when_known(words, lambda: self._run(words, given, to_terminal=words[0] == "firebase"))
        if words[:4] == ["gcloud", "iam", "service-accounts", "create"]:
            self._made.add(f"{words[4]}@{self.project}.iam.gserviceaccount.com")

    def _when_known(self, words: Sequence[str], ask: Callable[[], str]) -> str:
        """Asks again for a minute, where a service account that this run has made is not known yet."""
        young = any(email in word for email in self._made for word in words)
        for _ in range(NEW_ACCOUNT_TRIES - 1 if young else 0):
            try:
                return ask()
            except DeployError as refused:
                if _NEW_ACCOUNT.search(str(refused)) is None:
                    raise
            self._sleep(NEW_ACCOUNT_PAUSE)
        return ask()

    def get(self, url: str) -> Any:
        """The JSON of a URL, None when it answers 404. Raises DeployError."""
        return self._request("GET", url)

    def api(self, name: str, path: str) -> str:
        """The address of a resource of one of Google's APIs, such as `firebaserules` and `v1/projects/p/releases`."""
        return f"{self._elsewhere}/{name}/{path}" if self._elsewhere else f"https://{name}.googleapis.com/{path}"

    def ask(self, url: str, body: Mapping[str, Any]) -> Any:
        """The JSON of a URL that takes a question by POST and changes nothing. Raises DeployError."""
        return self._request("POST", url, body)

    def pages(self, url: str, kind: str) -> list[Any]:
        """All resources of a list over its pages; none when the URL answers 404. Raises DeployError."""
        items, page = list[Any](), ""
        while True:
            answer = self.get(f"{url}{'&' if '?' in url else '?'}pageSize=100{page}") or {}
            items += answer.get(kind, [])
            if not answer.get("nextPageToken"):
                return items
            page = f"&pageToken={quote(answer['nextPageToken'])}"

    def monitoring(self, path: str, kind: str) -> list[Any]:
        """The resources of a kind at a path of Cloud Monitoring's API; none while it is off. Raises DeployError."""
        if "monitoring.googleapis.com" not in self.enabled():
            return []
        return (self.get(f"{self.monitoring_url}/{path}?pageSize=500") or {}).get(kind, [])

    def _request_when_known(self, post: Post) -> None:
        for _ in range(NEW_METRIC_TRIES):
            try:
                self._request(post.method, post.url, post.body)
                return
            except DeployError as refused:
                if _NEW_METRIC.search(str(refused)) is None:
                    raise
            time.sleep(NEW_METRIC_PAUSE)
        raise DeployError(
            f"{post}: Cloud Monitoring does not know the new metrics yet; run the command again, it goes on where it"
            " stopped"
        )

    def _request(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {
            "Authorization": f"Bearer {self._access_token()}",
            "Content-Type": "application/json",
            "X-Goog-User-Project": self.project,
        }
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  https, or a test's
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            if refused.code == 404 and method == "GET":
                return None
            said = refused.read().decode(errors="replace")
            raise DeployError(f"{method} {url}: {why(said) if said.strip() else refused.code}") from None
        except ValueError:
            raise DeployError(f"{method} {url}: the answer is no JSON; is a proxy between you and Google?") from None
        except OSError as failed:
            raise DeployError(f"{method} {url}: {failed}; run the command again, it goes on where it stopped") from None

    def _access_token(self) -> str:
        """The logged-in person's access token. It is kept for ten minutes, because gcloud takes a second for it."""
        if time.monotonic() >= self._token_until:
            self._token, self._token_until = (
                self._run(["gcloud", "auth", "print-access-token"], None).strip(),
                time.monotonic() + _TOKEN_SECONDS,
            )
        return self._token

    def _run(self, words: list[str], secret: str | None, *, to_terminal: bool = False) -> str:
        program, *rest = words
        with_node = program == "firebase" and self._firebase is None
        path = shutil.which("node" if with_node else program, path=self._environment["PATH"])
        if program == "firebase" and self._firebase is not None:
            program_words = list(self._firebase)
        elif path is None and with_node:
            raise DeployError("node is missing: make firebase ARGS=--version installs it")
        elif path is None:
            raise DeployError(f"{program} is missing: install the Google Cloud CLI, then gcloud auth login")
        else:
            program_words = [path, str(FIREBASE)] if with_node else [path]
        if to_terminal:
            return self._shown([*program_words, *rest], words)
        done = subprocess.run(
            [*program_words, *rest],
            input=secret,
            stdin=None if secret is not None else subprocess.DEVNULL,
            capture_output=True,
            env=self._environment,
            cwd=ROOT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DeployError(f"{shlex.join(words[:4])}: {why(told(done.stdout) or done.stderr or done.stdout)}")
        return done.stdout

    def _shown(self, program_words: list[str], words: list[str]) -> str:
        """Runs a program, shows what it prints while it prints it, and returns nothing. Raises DeployError.

        firebase-tools prints its error to standard output, as the last thing that begins with `Error:` (15.34.2,
        lib/logger.js and logError.js).
        """
        lines = list[str]()
        with subprocess.Popen(
            program_words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            cwd=ROOT,
            text=True,
        ) as running:
            for line in running.stdout or ():
                print(line, end="", flush=True)
                lines.append(line)
        if running.returncode != 0:
            last = max((n for n, line in enumerate(lines) if line.startswith("Error:")), default=0)
            raise DeployError(f"{shlex.join(words[:4])}: {why(''.join(lines[last:]))}")
        return ""


def _json(words: list[str], said: str) -> Any:
    """What a tool printed as JSON. Raises DeployError."""
    try:
        return json.loads(said)
    except ValueError:
        raise DeployError(f"{shlex.join(words[:4])}: it printed no JSON, but {said.strip()[:80]!r}") from None


def bindings(policy: Mapping[str, object] | list[object]) -> set[tuple[str, str, str]]:
    """An IAM policy as (role, member, expression of the condition or "")."""
    bindings: object = policy.get("bindings", []) if isinstance(policy, Mapping) else []
    held: set[tuple[str, str, str]] = set()
    for binding in bindings if isinstance(bindings, list) else []:
        if isinstance(binding, Mapping):
            expression = str((binding.get("condition") or {}).get("expression", ""))
            held |= {(str(binding["role"]), str(member), expression) for member in binding["members"]}
    return held


def built_by(email: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with which firebase-tools has the functions built by this account; a person's own options of Node
    stay.
    """
    options = [environment.get("NODE_OPTIONS", ""), f'--require "{_BUILD_ACCOUNT}"']
    return {"BUILD_ACCOUNT": email, "NODE_OPTIONS": " ".join(filter(None, options))}


def _in_key(key: Mapping[str, str]) -> list[str]:
    ring = [f"--keyring={key['keyRings']}", f"--location={key['locations']}", f"--project={key['projects']}"]
    return [f"--key={key['cryptoKeys']}", *ring]


# A pattern in what the tools print, and what to do about it.
_ADVICE = (
    (  # firebase-tools 15.34.2, lib/management/projects.js
        r"Firebase Terms of Service|Firebase Tos Not Accepted",
        "accept Firebase's terms, once, with the account that firebase-tools is logged in with:"
        " https://console.firebase.google.com/?forceCheckTos=true; then run the command again",
    ),
    (  # https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds
        r"requires a quota project",
        "Google takes these credentials only in the name of a project: gcloud auth application-default"
        " set-quota-project YOUR-PROJECT, and run the command again",
    ),
    (
        r"You do not currently have an active account|gcloud auth login|Reauthentication",
        "you are not logged in: gcloud auth login",
    ),
    (
        r"Failed to authenticate|firebase login",
        "firebase-tools is not logged in: make firebase ARGS=login, or gcloud auth application-default login",
    ),
    (
        r"billing account|BILLING_DISABLED|billing to be enabled",
        "the project has no billing account: link one in the console under Billing",
    ),
    (
        r"PERMISSION_DENIED|does not have permission|caller does not have",
        "your account may not do this: ask for roles/owner on the project",
    ),
    (
        r"INVALID_ARGUMENT.*location|location.*(invalid|not valid|unsupported)",
        "there is no such location: choose another with LOCATION=…",
    ),
)


def told(said: str) -> str:
    """The error that firebase-tools prints with `--json`, on its standard output (its lib/command.js), or nothing."""
    try:
        answer = json.loads(said)
    except ValueError:
        return ""
    is_error = isinstance(answer, dict) and answer.get("status") == "error"
    return str(answer.get("error", "")) if is_error else ""


def why(said: str) -> str:
    """What went wrong and what to do, in one line, from what a tool printed."""
    advice = next((what for pattern, what in _ADVICE if re.search(pattern, said, re.IGNORECASE | re.DOTALL)), None)
    own = _first_error(said)
    return f"{advice} ({own})" if advice and own else advice or own or "it failed without a word"


def _first_error(said: str) -> str:
    """The first line of a tool's output with an error, without the tool's own prefix."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # gcloud says this before the reason, which is in the next line (GoogleCloudPlatform/generative-ai#944).
    lines = [line for line in lines if "Policy modification failed" not in line] or lines
    line = next(
        (line for line in lines if "ERROR" in line or "Error" in line or '"message"' in line), lines[0] if lines else ""
    )
    return re.sub(r"^(ERROR: (\([\w.-]+\) )?|Error: |\"message\": )", "", line).strip('", ')[:300]
