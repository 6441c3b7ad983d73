"""One Chromium profile that has loaded the app before, a copy of it for each test, and somebody who is signed in."""

import asyncio
import shutil
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, sync_playwright

from data.repositories.wiring import make_repositories
from data.services.app_check import AppCheck
from data.services.backend import Backend
from data.services.firebase_auth import FirebaseAuth
from data.services.http import make_http
from devtools.browsers import CHROMIUM_FLAGS, SECONDS, english
from devtools.clients import SALES, through_the_pages
from devtools.paths import chromium
from devtools.suite import Suite
from localorg import EmbeddedOrg
from tests.device import Drawer
from tests.e2e.phone import OPENED, Open, Phone


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what was on each phone's screen to the report of a test that failed."""
    report = yield
    if report.when == "call" and report.failed:
        for number, phone in enumerate(OPENED):
            report.sections.append((f"on the screen of phone {number}", phone.screen()))
    if report.when == "teardown":
        OPENED.clear()
    return report


_VISITS = 2  # after the first the files are kept, after the second the compiled code


def _launch(playwright: Playwright, profile: Path, **options: object) -> BrowserContext:
    path = chromium()
    assert path is not None, "Chromium is missing: make test installs it where it may, else set CHROMIUM to its path"
    usual = {"viewport": {"width": 390, "height": 844}, "locale": english()}
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=path, args=list(CHROMIUM_FLAGS), **{**usual, **options}
    )
    context.set_default_timeout(SECONDS)
    return context


@pytest.fixture(scope="session")
def warm_profile(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A browser's folder in which the app was loaded before and nothing else was done."""
    profile = tmp_path_factory.mktemp("browser")
    with sync_playwright() as playwright:
        context = _launch(playwright, profile)
        for _ in range(_VISITS):
            phone = Phone(context, suite.plan.app_url)
            phone.open()
            phone.page.get_by_role("button", name="Sign in with Salesforce").first.wait_for()
            phone.page.locator("#start").wait_for(state="detached")
            phone.page.close()
        context.close()
    return profile


@pytest.fixture(scope="module")
def playwright(warm_profile: Path) -> Iterator[Playwright]:
    """Of one file of tests: while it runs it has an event loop in this thread, and async tests of other files could not
    have theirs.
    """
    with sync_playwright() as running:
        yield running


@contextmanager
def _browsers(playwright: Playwright, warm_profile: Path, folder: Path) -> Iterator[Open]:
    opened: list[BrowserContext] = []

    def launch(**options: object) -> BrowserContext:
        profile = folder / f"browser-{len(opened)}"
        shutil.copytree(warm_profile, profile)
        opened.append(_launch(playwright, profile, **options))
        return opened[-1]

    yield launch
    for context in opened:
        context.close()


@pytest.fixture
def open_browser(playwright: Playwright, warm_profile: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens browsers that know nothing but the app's files; options are those of Playwright's contexts."""
    with _browsers(playwright, warm_profile, tmp_path) as launch:
        yield launch


@pytest.fixture(scope="module")
def one_start(
    playwright: Playwright, warm_profile: Path, suite: Suite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Phone]:
    """Where a file's tests walk on in one app, whose start takes longer than what most of them do: the seller is signed
    in, and the app was started once.
    """
    with _browsers(playwright, warm_profile, tmp_path_factory.mktemp("one-start")) as launch:
        yield _started(launch(), suite, 0)


@pytest.fixture(scope="module")
def one_start_elsewhere(
    playwright: Playwright,
    warm_profile: Path,
    suite: Suite,
    shaped_org: EmbeddedOrg,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Phone]:
    """The same at the org of all shapes."""
    assert shaped_org.port in suite.plan.more_orgs
    with _browsers(playwright, warm_profile, tmp_path_factory.mktemp("one-start")) as launch:
        yield _started(launch(), suite, 1)


def _started(context: BrowserContext, suite: Suite, org: int) -> Phone:
    phone = Phone(context, suite.plan.app_url)
    phone.take_up(_sign_in(suite, org))
    phone.open()
    phone.sees("Open pipeline")
    return phone


@pytest.fixture
def at_home(one_start: Phone, request: pytest.FixtureRequest) -> Iterator[Phone]:
    """The app that the tests of a file share, at home; started anew after a test that failed in it."""
    if one_start not in OPENED:
        OPENED.append(one_start)
    one_start.page.set_viewport_size({"width": 390, "height": 844})
    if one_start.page.url == "about:blank":
        one_start.page.context.set_offline(False)
        one_start.open()
    else:
        one_start.visit("/")
    one_start.sees("Open pipeline")
    failed = request.session.testsfailed
    yield one_start
    if request.session.testsfailed > failed:
        one_start.page.goto("about:blank")


@pytest.fixture
def context(open_browser: Open) -> BrowserContext:
    """A phone's browser."""
    return open_browser()


@pytest.fixture
def phone(context: BrowserContext, suite: Suite) -> Phone:
    return Phone(context, suite.plan.app_url)


def _sign_in(suite: Suite, org: int) -> dict[str, str]:
    """What an installation of the app keeps (name: text) in which the seller has just signed in at this login host."""
    device = Drawer()

    async def arrive() -> None:
        http = make_http()
        sign_in = make_repositories(
            Backend(suite.plan.app_url, http, AppCheck(device)), FirebaseAuth(http), device
        ).sign_in
        options = await sign_in.options()
        await sign_in.begin(options, options.login_hosts[org])
        await sign_in.finish(await asyncio.to_thread(through_the_pages, device.opened, SALES))

    with ThreadPoolExecutor(1) as pool:  # Playwright has a running event loop in this thread
        pool.submit(asyncio.run, arrive()).result()
    return device.kept


@pytest.fixture
def keeps(suite: Suite) -> dict[str, str]:
    """What an installation keeps in which the seller has signed in at the suite's org."""
    return _sign_in(suite, 0)


@pytest.fixture
def signed_in(context: BrowserContext, suite: Suite, keeps: dict[str, str]) -> Phone:
    """The seller is signed in; no place was opened yet."""
    phone = Phone(context, suite.plan.app_url)
    phone.take_up(keeps)
    return phone
