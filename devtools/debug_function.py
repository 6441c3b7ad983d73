"""Runs one function in this process, for a debugger, beside `make run`.

    python -m devtools.debug_function api [CALL [JSON]]

With CALL (such as `getDashboard`) it signs in as the local org's sales user and makes that call, so that it reaches a
breakpoint. It listens on FUNCTION_PORT (5010). `.vscode/launch.json` starts it.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import uvicorn
from functions_framework.aio import create_asgi_app

from devtools import ports
from devtools.clients import App, authorize
from devtools.paths import OWN_SETTINGS, ROOT, STATE
from devtools.suite import Plan, function_environment

WAIT_SECONDS = 3600.0  # a call may take this long while somebody looks at a breakpoint


def main(arguments: Sequence[str]) -> int:
    """Serves the function until the process is ended, or until CALL is answered. Returns 2 when `make run` does not
    run.
    """
    function, *call = arguments
    plan = Plan(ports.chosen(running=True), os.environ.get("PROJECT", "demo-salesforce-app"), STATE, own=OWN_SETTINGS)
    if not ports.answers(plan.ports.firestore):
        print("✗ nothing runs here that the function could use: start make run first", file=sys.stderr)
        return 2
    os.environ.update(function_environment(plan), FUNCTION_TARGET=function)
    os.chdir(ROOT / "functions")
    port = int(os.environ.get("FUNCTION_PORT", "5010"))
    server = uvicorn.Server(
        uvicorn.Config(create_asgi_app(function, "main.py"), host="127.0.0.1", port=port, log_level="warning")
    )
    if call:
        threading.Thread(target=_call, args=(plan, server, port, call), daemon=True).start()
    print(f"{function} is at http://127.0.0.1:{port}", flush=True)
    server.run()
    return 0


def _call(plan: Plan, server: uvicorn.Server, port: int, call: Sequence[str]) -> None:
    while not server.started:
        time.sleep(0.05)
    try:
        name, text = call[0], call[1] if len(call) > 1 else "{}"
        print(json.dumps(_answer(plan, port, name, json.loads(text)), indent=1, ensure_ascii=False), flush=True)
    finally:
        server.should_exit = True


def _answer(plan: Plan, port: int, name: str, request: Any) -> Any:
    app = App(plan.app_url, plan.ports.url("auth"), f"127.0.0.1:{plan.ports.localorg}")
    app.sign_in(authorize(plan.ports.url("localorg")))
    app.base_url, app.http.timeout = f"http://127.0.0.1:{port}", WAIT_SECONDS
    return app.post(name, request).json()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
