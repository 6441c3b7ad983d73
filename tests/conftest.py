"""The real parts, started once for the whole session."""

import ast
import asyncio
import gc
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.remote import Producer

from devtools import ports, web
from devtools.browsers import english
from devtools.clients import App, control
from devtools.fleet import Fleet
from devtools.suite import UNLIMITED, Plan, Suite
from localorg import EmbeddedOrg, OrgSettings
from localorg.settings import SHAPES
from tests.depth import DEPTH, examples
from tests.turns import Turns, by_file, from_another_end, in_turn
from tests.virtual_time import VirtualLoop


def _parse_without_collecting() -> None:
    """Has ast.parse collect no garbage meanwhile. What is collected may be a task whose exception nobody has seen: its
    traceback is then written, which parses too; and Python before 3.13 cannot parse within a parse (SystemError: "AST
    constructor recursion depth mismatch", python/cpython#106905). Hypothesis and pytest parse tests while they run.
    """
    parse: Any = ast.parse

    @wraps(parse)
    def alone(*given: Any, **options: Any) -> Any:
        collects = gc.isenabled()
        gc.disable()
        try:
            return parse(*given, **options)
        finally:
            if collects:
                gc.enable()

    ast.parse = alone


_parse_without_collecting()
LOG: list[str] = []
# The same examples for everybody; `make test-deep` looks for those that nobody has seen.
settings.register_profile("depth", max_examples=examples(100), deadline=None, derandomize=DEPTH == 1)
settings.load_profile("depth")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop of a test."""
    if item.get_closest_marker("both_loops") and sys.platform != "win32":
        import uvloop

        return {"real": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
    return {"virtual": VirtualLoop} if item.get_closest_marker("virtual_time") else {"real": asyncio.SelectorEventLoop}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays until the end: the garbage collector looks at none of it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if isinstance(collector, pytest.Session | pytest.Directory):
        from_another_end(report.result, os.environ.get("PYTEST_XDIST_WORKER", ""))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    by_file(items)
    yield
    in_turn(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Turns | None:
    """The scheduler of pytest-xdist; its own for another way to distribute than `make test`'s."""
    return Turns(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_report_header() -> str:
    language = english()
    return f"browsers speak {language}: BROWSER_SEED={os.environ['BROWSER_SEED']} repeats it"


@pytest.fixture(scope="session")
def web_client() -> Path:
    """The folder with what the page loads; built when it is stale."""
    if web.is_stale():
        web.build()
    (folder,) = (web.OUT / "v").iterdir()
    return folder


@pytest.fixture(scope="session")
def suite(web_client: Path) -> Iterator[Suite]:
    """Firebase emulators and local org, on free ports, with the web client."""
    free = ports.free()
    loopback, another = ports.some(2)
    with Suite(
        Plan(free, f"demo-test-{free.hub}", user_requests=UNLIMITED, loopback=loopback, more_orgs=(another,)),
        lambda part, line: LOG.append(f"{part}: {line}"),
    ) as running:
        yield running


@pytest.fixture(scope="session")
def fleet(suite: Suite) -> Iterator[Fleet]:
    """Four processes of the api function, beside those of the emulator."""
    with Fleet(suite.plan, "api", 4, lambda line: LOG.append(f"fleet: {line}")) as running:
        yield running


@pytest.fixture(autouse=True)
def _reset_the_shared_org(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test told the suite's org (faults, clock, limits, policies) ends with the test."""
    used = [request.getfixturevalue(name) for name in ("suite", "org", "shaped_org") if name in request.fixturenames]
    yield
    for shared in used:
        if isinstance(shared, Suite | EmbeddedOrg):
            control(shared.url if isinstance(shared, EmbeddedOrg) else shared.plan.ports.url("localorg"), "reset")


@pytest.fixture
def suite_log() -> list[str]:
    """Every line that any part of the suite has written so far."""
    return LOG


@pytest.fixture
def org_url(suite: Suite) -> str:
    return suite.plan.ports.url("localorg")


@pytest.fixture
def app(suite: Suite) -> Iterator[App]:
    """A new app on the suite's backend, signed out."""
    client = App(suite.plan.app_url, suite.plan.ports.url("auth"), f"127.0.0.1:{suite.plan.ports.localorg}")
    yield client
    client.http.close()


@pytest.fixture(scope="session")
def org() -> Iterator[EmbeddedOrg]:
    """An org of its own inside the test process, for tests that need no emulator."""
    with EmbeddedOrg(OrgSettings(accounts=60)) as running:
        yield running


@pytest.fixture(scope="session")
def shaped_org(suite: Suite) -> Iterator[EmbeddedOrg]:
    """An org of all shapes together, at which people may sign in to the suite too."""
    settings = OrgSettings(seed=2, accounts=25, shape=SHAPES, callbacks=suite.plan.callbacks)
    with EmbeddedOrg(settings, port=suite.plan.more_orgs[0]) as running:
        yield running


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parent.parent
