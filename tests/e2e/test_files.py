"""Files of a record in a real browser: one is added with the system's dialog, one is stopped, one comes back whole."""

import random
import re
from pathlib import Path

import pytest

from devtools.clients import App, authorize
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


def test_a_file_is_added_and_comes_back_whole(signed_in: Phone, app: App, org_url: str, tmp_path: Path) -> None:
    app.sign_in(authorize(org_url))
    record = app.call("api/createRecord", {"sobject": "Account", "fields": {"Name": "Alder Filing"}})["id"]
    asked = {"sobject": "Account", "id": record}
    content = random.Random(5).randbytes(3_000_000)
    offer = tmp_path / "Angebot 見積書.pdf"
    offer.write_bytes(content)
    phone = signed_in
    phone.open(f"/records/Account/{record}")
    phone.tap("Show files")
    phone.sees("None yet.")

    def choose(path: Path) -> None:
        with phone.page.expect_file_chooser() as chooser:
            phone.tap("Add a file")
        chooser.value.set_files(path)

    # One that is stopped on its way leaves nothing.
    phone.page.context.route("**/api/uploadFile", lambda _route: None)
    choose(offer)
    phone.sees(re.compile("Saving Angebot"))
    phone.tap("Stop")
    phone.misses(re.compile("Saving Angebot"))
    phone.page.context.unroute("**/api/uploadFile")

    choose(offer)
    phone.sees(re.compile("is saved"))
    phone.sees(re.compile("PDF · 2.9 MB"))
    with phone.page.expect_download() as download:
        phone.tap(re.compile("PDF · 2.9 MB"))
    assert download.value.suggested_filename == offer.name
    assert Path(download.value.path()).read_bytes() == content
    listed = app.call("api/listFiles", asked)["files"]
    assert {(file["title"], file["size"]) for file in listed} == {("Angebot 見積書", len(content))}
