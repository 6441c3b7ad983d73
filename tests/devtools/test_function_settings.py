"""Whose settings count in a run: a person's own in `make run`, nobody's in a test."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devtools.function_settings import CODE, FunctionSettings
from devtools.paths import ROOT, tool_path
from devtools.suite import clear_left_over

_ENV = """\
SALESFORCE_CONSUMER_KEY=a-real-key
export SALESFORCE_LOGIN_HOSTS='login.salesforce.com=Production' # a note
REDIRECT_URIS=https://mine.example/
"""
_SECRETS = "# mine\nSALESFORCE_CONSUMER_SECRET=a-real-secret\n"
_READ = """
const [, module, functionsSource] = process.argv;
const read = { functionsSource, projectId: "demo", projectDir: "/", isEmulator: true };
console.log(JSON.stringify(require(module).loadUserEnvs(read)));
"""


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A copy of functions/, with the files of somebody who works against a real org."""
    code = tmp_path / "functions"
    shutil.copytree(CODE, code, ignore=shutil.ignore_patterns("venv", "__pycache__", ".env*", ".secret*"))
    for name, text in ((".env.local", _ENV), (".env.demo", "KEEP_ALIVE_DAYS=7\n"), (".secret.local", _SECRETS)):
        (code / name).write_text(text)
    return code


def as_firebase_tools_reads(folder: Path) -> dict[str, str]:
    """What the Functions emulator itself takes from the folder."""
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None
    module = str(ROOT / "devtools/node_modules/firebase-tools/lib/functions/env.js")
    done = subprocess.run([node, "-e", _READ, module, str(folder)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_a_test_reads_no_settings_of_a_person(person: Path, tmp_path: Path) -> None:
    settings = FunctionSettings("demo", None, tmp_path / "keep")
    settings.lay_out(tmp_path / "run", person)
    assert as_firebase_tools_reads(tmp_path / "run") == settings.variables() == {}
    assert settings.secrets()["SALESFORCE_CONSUMER_SECRET"] == "local-consumer-secret"
    assert "a-real" not in (tmp_path / "run/.secret.local").read_text()
    assert (tmp_path / "run/main.py").samefile(person / "main.py")


def test_make_run_reads_a_persons_settings_as_firebase_does(person: Path, tmp_path: Path) -> None:
    settings = FunctionSettings("demo", person, tmp_path / "keep")
    settings.lay_out(tmp_path / "run", person)
    assert as_firebase_tools_reads(tmp_path / "run") == settings.variables()
    assert settings.variables()["SALESFORCE_LOGIN_HOSTS"] == "login.salesforce.com=Production"
    assert settings.variables()["KEEP_ALIVE_DAYS"] == "7"
    assert settings.secrets()["SALESFORCE_CONSUMER_SECRET"] == "a-real-secret"
    assert json.loads(settings.secrets()["TOKEN_KEYSET"])["primaryKeyId"]
    assert _SECRETS in (tmp_path / "run/.secret.local").read_text()


def test_with_a_client_key_a_person_needs_no_consumer_secret(person: Path, tmp_path: Path) -> None:
    """The functions get the key without declaring it as a secret, which every deployment would then have to have."""
    (person / ".secret.local").write_text('SALESFORCE_CLIENT_KEY="-----BEGIN PRIVATE KEY-----\\nAB\\n-----END"\n')
    settings = FunctionSettings("demo", person, tmp_path / "keep")
    assert "SALESFORCE_CONSUMER_SECRET" not in settings.secrets()
    assert settings.client_key() == {"SALESFORCE_CLIENT_KEY": "-----BEGIN PRIVATE KEY-----\\nAB\\n-----END"}
    assert FunctionSettings("demo", None, tmp_path / "keep").client_key() == {}


def test_the_key_that_seals_tokens_stays_with_what_it_sealed(tmp_path: Path) -> None:
    first, again, other = (
        FunctionSettings("demo", None, tmp_path / name).secrets()["TOKEN_KEYSET"] for name in ("one", "one", "two")
    )
    assert first == again != other
    assert (tmp_path / "one/keyset").stat().st_mode & 0o077 == 0


def test_reset_forgets_the_state_and_keeps_a_persons_settings(person: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    FunctionSettings("demo", person, state).secrets()
    environment = {**os.environ, "STATE_DIR": str(state), "SETTINGS_DIR": str(person)}
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "reset"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not state.exists()
    assert (person / ".secret.local").read_text() == _SECRETS
    assert (person / ".env.local").read_text() == _ENV
    assert ".secret.local" in done.stdout


def test_what_a_run_killed_hard_has_left_is_deleted_by_the_next(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    for name, pid in (("run-1", ended.pid), ("run-2", os.getpid())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "runner").write_text(str(pid))
    clear_left_over(tmp_path)
    assert [folder.name for folder in tmp_path.iterdir()] == ["run-2"]


def test_several_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda _: FunctionSettings("demo-at-once", None, tmp_path).secrets()["TOKEN_KEYSET"], range(4))
        )
    assert len(set(found)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["keyset"]
