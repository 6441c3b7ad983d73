"""An edit of the client while `make run` runs: what Hosting serves then."""

import gzip
import io
import re
import tarfile
import threading
import time
from collections.abc import Callable

import httpx2 as httpx
import pytest
from playwright.sync_api import sync_playwright

from devtools import loopback
from devtools.browsers import CHROMIUM_FLAGS, SECONDS
from devtools.live import LiveClient
from devtools.paths import chromium
from tests.devtools.runs import Run, wait_until
from tests.e2e.phone import Phone


class Site:
    """What a browser gets."""

    def __init__(self, run: Run) -> None:
        self._url = run.ports.url("hosting")
        self._etag = ""

    def page(self) -> str:
        """The page at an address of the app, asked for as a browser does that has an earlier one."""
        answer = loopback.get(f"{self._url}/more", headers={"If-None-Match": self._etag} if self._etag else {})
        if answer.status_code == 200:
            self._etag, self._page = answer.headers["etag"], answer.text
        return self._page

    def version(self) -> str:
        named = re.search(r"/v/([0-9a-f]{16})/", self.page())
        assert named
        return named[1]

    def get(self, version: str, name: str) -> httpx.Response:
        return loopback.get(f"{self._url}/v/{version}/{name}")

    def app(self) -> dict[str, bytes]:
        """The files of the app's archive."""
        archive = self.get(self.version(), "app.tar.gz").content
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as files:
            return {entry.name.removeprefix("./"): file.read() for entry in files if (file := files.extractfile(entry))}


def new_version(site: Site, before: str) -> Callable[[], bool]:
    return lambda: site.version() != before


def test_an_edit_is_served_within_ten_seconds_and_an_open_page_keeps_its_files(edited: Run) -> None:
    site = Site(edited)
    before, old = site.version(), site.app()
    view = edited.root / "app/src/ui/more/view.py"
    begun = time.monotonic()
    view.write_text(view.read_text() + "\n# edited\n")
    wait_until(new_version(site, before), "the edit is not seen")
    assert time.monotonic() - begun < 10

    app = site.app()
    assert app["ui/more/view.py"].endswith(b"# edited\n")
    bytecode = {
        name: content
        for name, content in old.items()
        if name.endswith(".pyc") and not name.startswith("ui/more/__pycache__/view.")
    }
    # All but that of the edited file.
    assert {name: content for name, content in app.items() if name.endswith(".pyc")} == bytecode
    assert app.keys() ^ old.keys() == {"ui/more/__pycache__/view.cpython-314.pyc"}
    # The snapshot holds the app of before.
    assert "const edited = true;" in site.get(site.version(), "python-worker.js").text
    assert site.get(before, "app.tar.gz").status_code == 200
    assert not (edited.root / "build/web/.built").exists()  # the next whole build is not passed over


@pytest.mark.browser
def test_a_page_shows_the_edit_and_restores_the_snapshot_of_before(edited: Run) -> None:
    site, view = Site(edited), edited.root / "app/src/ui/sign_in/view.py"
    before, good = site.version(), view.read_text()
    view.write_text(good.replace('_("Sign in with Salesforce")', '"Edited"'))
    wait_until(new_version(site, before), "the edit is not seen")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        phone = Phone(browser.new_context(), edited.ports.url("hosting"))
        phone.open()
        phone.page.get_by_role("button", name="Edited").first.wait_for(timeout=SECONDS)
        assert "console: started without a snapshot" not in phone.seen
        browser.close()
    view.write_text(good)


def test_a_mistake_is_told_and_keeps_the_last_good_page(edited: Run) -> None:
    site = Site(edited)
    before = site.version()
    for name, mistake, message in (
        ("app/src/ui/more/view.py", "\ndef (", r"app/src/ui/more/view\.py:\d+: invalid syntax"),
        (
            "app/src/languages/de/LC_MESSAGES/app.po",
            '\nmsgid "Broken',
            r"app/src/languages/de/LC_MESSAGES/app\.po:\d+: ",
        ),
        ("app/web/start/start.js", "\nconst = 1;", r"app/web/start/start\.js:\d+: "),
    ):
        path = edited.root / name
        good = path.read_text()
        path.write_text(good + mistake)
        wait_until(
            lambda message=message: re.search(f"client   │ ✗ {message}", edited.log.read_text()) is not None,
            f"{name} is not told",
        )
        assert site.version() == before
        path.write_text(good)

    catalogue, page = edited.root / "app/src/languages/de/LC_MESSAGES/app.po", edited.root / "app/web/start/start.html"
    catalogue.write_text(catalogue.read_text() + '\nmsgid "Edited"\nmsgstr "Bearbeitet"\n')
    page.write_text(page.read_text() + "<!-- edited -->\n")
    wait_until(lambda: "<!-- edited -->" in site.page(), "what was mended is not seen")
    wait_until(lambda: b"Bearbeitet" in site.app()["languages/de/LC_MESSAGES/app.mo"], "the catalogue is not seen")


def test_an_edit_during_a_build_leads_to_one_more_and_never_two_at_once() -> None:
    files, going, built, said = {"a": 1}, threading.Event(), list[dict[str, int]](), list[str]()

    def build() -> None:
        built.append(dict(files))
        assert going.wait(60)

    live = LiveClient(said.append, sources=lambda: dict(files), build=build)

    def look() -> None:
        for _ in range(3):
            live.look()

    look()
    assert built == []
    for edit in (2, 3, 4):
        files["a"] = edit
        look()
    assert built == [{"a": 2}]
    going.set()
    wait_until(lambda: len(said) == 1, "the build does not end")
    wait_until(lambda: look() or len(said) == 2, "no second build")
    look()
    assert built == [{"a": 2}, {"a": 4}]
