"""The built client: what is in it, and what is not."""

import re
from pathlib import Path

from devtools import web, web_page

ENGINES = {"skwasm", "skwasm_heavy", "canvaskit", "chromium/canvaskit"}


def test_it_has_flutter_for_every_browser_and_no_engine_that_none_asks_for(web_client: Path) -> None:
    for name in ("main.dart.wasm", "main.dart.mjs", "main.dart.js"):
        assert (web_client / name).is_file()
    folder = web_client / "canvaskit"
    for kind in ("js", "wasm"):
        names = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*.{kind}")}
        assert names == ENGINES


def test_flets_own_sign_of_waiting_says_nothing(web_client: Path) -> None:
    for name in ("main.dart.wasm", "main.dart.mjs", "main.dart.js"):
        assert b"Working..." not in (web_client / name).read_bytes()


def test_flutters_plugins_ask_for_no_script_of_their_own(web_client: Path) -> None:
    """Rive's, on a CDN, would be refused by the page's policy, and the browser would say so at each start."""
    for name in ("main.dart.wasm", "main.dart.js"):
        assert b"application/javascript" not in (web_client / name).read_bytes()


def test_the_page_names_only_what_is_there(web_client: Path) -> None:
    page = (web.OUT / "index.html").read_text()
    names = re.findall(rf'"/v/{web_client.name}/([^"]+)"', page)
    assert {"boot.js", "flutter.js", "start.js"} <= set(names)
    assert [name for name in names if not (web_client / name).is_file()] == []
    assert "<script>" not in page


def test_a_page_that_was_built_under_another_name_has_the_name_of_now() -> None:
    before = '<title>Old</title><meta name="apple-mobile-web-app-title" content="Old"><p>/v/new/boot.js</p>'
    now = web_page.page(before, "1a2b", "Müller & Söhne")
    assert "Old" not in now
    assert now.count("Müller &amp; Söhne") == 2
    assert "/v/1a2b/boot.js" in now
