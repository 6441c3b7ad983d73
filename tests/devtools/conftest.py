"""A `make run` in a copy of this checkout, whose files a test may edit."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import web
from devtools.paths import ROOT
from tests.devtools.runs import Gate, Run

_EDITED = ("app", "functions", "devtools", "localorg", "build/web")
_READ = (
    "firebase.json",
    "firestore.rules",
    "firestore.indexes.json",
    "org-schema.json",
    "org-actions.json",
    "requirements.lock",
)
_INSTALLED = (".tools", ".venv", "devtools/node_modules", "build/pypackages")

# Three functions more, whose calls do what a test asks for.
_TRIALS = """
import asyncio, os, pathlib, signal
from starlette.responses import PlainTextResponse

held = 0


async def do(request: Request) -> Response:
    global held
    match request.url.path.rpartition("/")[2]:
        case "hold":
            held += 1
            while not pathlib.Path(request.query_params["until"]).exists():
                await asyncio.sleep(0.02)
        case "held":
            return PlainTextResponse(str(held))
        case "raise":
            raise RuntimeError("a mistake in a function")
        case "die":
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
    return PlainTextResponse(str(os.getpid()))


@on_async_request(region=DEPLOYED.region, cpu=1, memory=512, concurrency=80)
async def wide(request: Request) -> Response:
    return await do(request)


@on_async_request(region=DEPLOYED.region, cpu=1, memory=512, concurrency=1)
async def narrow(request: Request) -> Response:
    return await do(request)


@on_async_request(region=DEPLOYED.region, cpu=1, memory=512, timeout_sec=1)
async def brief(request: Request) -> Response:
    return await do(request)
"""


@pytest.fixture(scope="session")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """It runs; `root` is the copy, whose backend has the functions `wide`, `narrow` and `brief` besides."""
    if web.is_stale():
        web.build()
    root = tmp_path_factory.mktemp("copy")
    (root / "build").mkdir()
    for name in _EDITED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("node_modules", "venv", "__pycache__"))
    for name in _READ:
        shutil.copy2(ROOT / name, root / name)
    for name in _INSTALLED:
        (root / name).symlink_to(ROOT / name)
    with (root / "functions/main.py").open("a") as main:
        main.write(_TRIALS)
    run = Run(root / "state", root=root)
    running = run.start()
    yield run
    running.send_signal(signal.SIGINT)
    running.wait(60)
    left = run.left_over()
    run.end_by_force()
    assert left == []


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")
