"""A new instance: from the start of its process until it listens, and to the first answer of a data call. In turns with
version 0.2.0, and with a function that answers a constant, which is what functions-framework takes by itself.

All run with the Python and the packages with which the functions are deployed: first as they start on this machine,
then as near to Cloud Run as one comes without it, on one processor and with no file of Python, the packages and the
functions in the machine's memory. What Cloud Run does before (a machine, the image) is not in it.
"""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx2 as httpx

from bench.builds import RELEASE, sources
from bench.proxy import end
from bench.release import released
from bench.results import SHORT, keep
from bench.table import show
from bench.tables import cold_rows, step_rows
from devtools import deployed_python, ports
from devtools.clients import App, authorize
from devtools.paths import BIN, ROOT, UV
from devtools.steps import Progress
from devtools.suite import UNLIMITED, Plan, Suite, function_environment

ROUNDS = 3 if os.environ.get(SHORT, "") == "1" else 15
ALONE = "functions-framework alone"
_PYTHON = deployed_python.VENV / BIN / "python"
# What a start imports, in this order. Whoever writes a function that calls Salesforce and keeps tokens in Firestore has
# the upper ones: functions-framework cannot start it without, and the first data call needs the others.
_STEPS: Mapping[str, tuple[str, ...]] = {
    "functions-framework, gunicorn, uvicorn": (
        "functions_framework._cli", "functions_framework.aio", "gunicorn.app.base", "uvicorn_worker", "uvloop",
        "httptools",
    ),
    "+ aiohttp": ("aiohttp",),
    "+ Firestore's client, with grpc and requests": ("google.cloud.firestore",),
    "+ firebase-admin": ("firebase_admin.auth",),
    "+ structlog, msgspec, Tink, PyJWT, cachetools": ("structlog", "msgspec", "tink.aead", "jwt", "cachetools"),
    "+ the contract": ("contract.calls", "contract.codec"),
    "+ the backend": ("backend.wiring", "backend.async_function"),
}  # fmt: skip
_IMPORTS = """
import gc, sys, time
gc.disable()
for step in sys.argv[1:]:
    began = time.perf_counter()
    for name in step.split():
        __import__(name)
    print(time.perf_counter() - began)
"""
_CLOUD = hasattr(os, "posix_fadvise") and hasattr(os, "sched_setaffinity")  # Linux


@dataclass(frozen=True, slots=True)
class Program:
    """A function to start: the folder and file of its source, its environment, and a call that it answers. `listens`
    and `answers` are seconds from the start of the process; those named `cloud` are of starts as in the cloud.
    """

    source: Path
    environment: Mapping[str, str]
    call: str = ""
    token: str = ""
    listens: list[float] = field(default_factory=list[float])
    answers: list[float] = field(default_factory=list[float])
    cloud_listens: list[float] = field(default_factory=list[float])
    cloud_answers: list[float] = field(default_factory=list[float])

    def start(self, *, cloud: bool) -> None:
        """Starts it once, and stops it."""
        port = ports.some(1)[0]
        if cloud:
            _forget((self.source.parent, deployed_python.VENV, _standard_library()))
        environment = {
            **os.environ,
            **self.environment,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "FUNCTION_TARGET": "api",
            "PYTHONPATH": "",
        }
        command = [str(_PYTHON), "-m", "functions_framework", "--asgi", "--source", self.source.name]
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=self.source.parent,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if cloud:
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        try:
            while not ports.answers(port):
                if process.poll() is not None:
                    raise SystemExit(f"✗ {self.source} did not start")
                time.sleep(0.002)
            listens = time.perf_counter() - began
            headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            answer = httpx.post(f"http://127.0.0.1:{port}/{self.call}", json={"data": {}}, headers=headers, timeout=30)
            answers = time.perf_counter() - began
            if answer.status_code != 200:
                raise SystemExit(f"✗ {self.source} answered {answer.status_code}: {answer.text[:200]}")
        finally:
            end(process)
        (self.cloud_listens if cloud else self.listens).append(round(listens, 3))
        (self.cloud_answers if cloud else self.answers).append(round(answers, 3))


def main() -> None:
    with Progress() as progress:
        deployed_python.step(str(UV)).do(progress)
    free = ports.free()
    plan = Plan(free, f"demo-cold-{free.hub}", user_requests=UNLIMITED)
    with Suite(plan, lambda _part, _line: None), released(plan) as old:
        app = App(plan.app_url, free.url("auth"), f"127.0.0.1:{free.localorg}")
        app.sign_in(authorize(free.url("localorg")))
        assert app.id_token is not None
        programs = {
            "this version": Program(ROOT / "functions/main.py", function_environment(plan), "getProfile", app.id_token),
            RELEASE: Program(sources() / "functions/main.py", old.environment, "getProfile", old.token),
            ALONE: Program(ROOT / "bench/peers/constant/main.py", {}),
        }
        for each in programs.values():
            each.start(cloud=False)  # once unmeasured: Python compiles what it imports
            each.listens.clear()
            each.answers.clear()
        for cloud in (False, True) if _CLOUD else (False,):  # one after the other: a start finds what the last one read
            for n in range(ROUNDS):
                for each in programs.values() if n % 2 == 0 else reversed(programs.values()):
                    each.start(cloud=cloud)
        steps = _steps(plan)
    times = {
        name: {
            "listens": one.listens,
            "answers": one.answers,
            "cloudListens": one.cloud_listens,
            "cloudAnswers": one.cloud_answers,
        }
        for name, one in programs.items()
    }
    head, rows = cold_rows(times)
    show(f"A new instance, medians of {ROUNDS} starts in turns", head, rows)
    print()
    show("What a start imports, one after the other in one process", *step_rows(steps))
    python = _asked("import platform; print(platform.python_version())")
    keep("cold", {"python": python, "times": times, "steps": steps})


def _steps(plan: Plan) -> dict[str, list[float]]:
    """Milliseconds that each step of _STEPS takes, of each round."""
    found: dict[str, list[float]] = {step: [] for step in _STEPS}
    command = [str(_PYTHON), "-c", _IMPORTS, *(" ".join(names) for names in _STEPS.values())]
    environment = {**os.environ, **function_environment(plan), "FUNCTION_TARGET": "api", "PYTHONPATH": ""}
    for _ in range(ROUNDS):
        done = subprocess.run(
            command, cwd=ROOT / "functions", env=environment, capture_output=True, text=True, check=True
        )
        for step, seconds in zip(found, done.stdout.split(), strict=True):
            found[step].append(round(1000 * float(seconds), 1))
    return found


def _asked(program: str) -> str:
    return subprocess.run([str(_PYTHON), "-c", program], capture_output=True, text=True, check=True).stdout.strip()


@cache
def _standard_library() -> Path:
    return Path(_asked("import sysconfig; print(sysconfig.get_path('stdlib'))"))


def _forget(folders: Iterable[Path]) -> None:
    """Lets the machine drop what it keeps of these folders' files in its memory."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                file = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(file)


if __name__ == "__main__":
    main()
