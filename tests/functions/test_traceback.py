"""A fault in a flow: whoever develops sees where, the caller never does, and no log keeps what a variable held."""

import json
import os
import subprocess
import sys
from pathlib import Path

from devtools.function_settings import FunctionSettings

# A function process as the emulator starts it, in which one call has a fault.
_PROCESS = """
import asyncio, main
from backend.routes import Route
from contract.calls import GET_SIGN_IN_OPTIONS
from starlette.requests import Request

async def broken(visitor, request):
    token = "the-access-" + "token"
    return {"Name": "Alder"}["Fax" if token else ""]

async def answer():
    endpoint = main.wired_backend().endpoint
    endpoint._routes[("auth", "getSignInOptions")] = Route(GET_SIGN_IN_OPTIONS, broken)
    async def receive():
        return {"type": "http.request", "body": b'{"data": {}}', "more_body": False}
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/getSignInOptions", "headers": headers}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 1)}
    print("ANSWER", (await endpoint.answer("auth", Request(scope, receive))).body.decode())

asyncio.run(answer())
"""


def said(tmp_path: Path, repository: Path, **environment: str) -> tuple[str, str]:
    """(what the process has logged, what it has answered)"""
    emulated = {
        **FunctionSettings("demo", None, tmp_path).secrets(),
        "FUNCTIONS_EMULATOR": "true",
        "FUNCTION_TARGET": "auth",
        "GCLOUD_PROJECT": "demo",
        "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",
        "SALESFORCE_CONSUMER_KEY": "key",
        "SALESFORCE_LOGIN_HOSTS": "127.0.0.1:1=Local org",
        "REDIRECT_URIS": "http://127.0.0.1:1/oauth/callback",
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS],
        cwd=repository / "functions",
        env=os.environ | emulated | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    log, _, answer = done.stdout.partition("ANSWER ")
    return log + done.stderr, answer


def test_under_make_run_the_log_shows_the_traceback(tmp_path: Path, repository: Path) -> None:
    log, answer = said(tmp_path, repository)
    assert "Traceback (most recent call last)" in log
    assert "in broken" in log
    assert "KeyError: 'Fax'" in log
    assert "the-access-token" not in log
    assert json.loads(answer)["error"]["details"]["reason"] == "internal"
    assert not any(word in answer for word in ("Traceback", "Fax", "broken"))


def test_a_log_for_machines_has_its_kind_and_place(tmp_path: Path, repository: Path) -> None:
    log, _ = said(tmp_path, repository, READABLE_LOG="no")
    failed = json.loads(next(line for line in log.splitlines() if '"failed"' in line))
    assert (failed["kind"], failed["place"].split(":")[0]) == ("KeyError", "<string>")
    assert "exc_info" not in failed
    assert "Traceback" not in log
    assert "Fax" not in log
