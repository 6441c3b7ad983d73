"""The README's three changes, made to a copy of the backend and tried: what a newcomer copies must work."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def changes(repository: Path) -> list[str]:
    return re.findall(r"```diff\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)


def apply(change: str, folder: Path) -> None:
    """A file's name, then lines that are there ( ), go (-) or come (+) at that place."""
    file, at = folder, 0
    lines: list[str] = []
    for line in change.splitlines():
        if not line or line[0] not in " +-":
            if lines:
                file.write_text("\n".join(lines) + "\n")
            file, at = folder / line, 0
            lines = file.read_text().splitlines()
        elif line[0] == "+":
            lines.insert(at, line[1:])
            at += 1
        else:
            assert lines.count(line[1:]) == 1, f"{line[1:]!r} stands {lines.count(line[1:])} times in {file}"
            at = lines.index(line[1:])
            if line[0] == "-":
                del lines[at]
            else:
                at += 1
    file.write_text("\n".join(lines) + "\n")


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    for name in ("functions/contract", "functions/backend", "localorg", "devtools", "tests"):
        shutil.copytree(repository / name, tmp_path / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for name in ("functions/main.py", "org-schema.json"):
        shutil.copy(repository / name, tmp_path / name)
    return tmp_path


def tried(copy: Path, script: str) -> object:
    """What a script says when it runs on the copy."""
    begin = f"import sys; sys.path[:0] = [{str(copy / 'functions')!r}, {str(copy)!r}]; import asyncio, json\n"
    fakes = "from tests.functions.records.an_org import CALLER, RECORD_ID, AnOrg, a_row\nfrom contract.calls import *\norg = AnOrg()\n"
    done = subprocess.run([sys.executable, "-c", begin + fakes + script], capture_output=True, text=True, cwd=copy, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_readme_shows_three_changes(repository: Path) -> None:
    assert len(changes(repository)) == 3


def test_one_more_field(repository: Path, copy: Path) -> None:
    apply(changes(repository)[0], copy)
    assert "Fax" in str(tried(copy, "from backend.records.layouts import LAYOUTS\nprint(json.dumps(LAYOUTS['Account'].detailed))"))


def test_one_more_object(repository: Path, copy: Path) -> None:
    apply(changes(repository)[1], copy)
    script = """
from contract.codec import decode
org.rows = [a_row(Name="I-1")]
page = asyncio.run(org.queries.list_records(CALLER, decode(ListRecords, {"sobject": "Invoice__c", "search": "I-"})))
print(json.dumps([org.sent, page.records[0].fields["Name"]]))
"""
    sent = "SELECT Id, Name, SystemModstamp FROM Invoice__c WHERE (Name LIKE '%I-%') ORDER BY Name ASC NULLS LAST, Id ASC LIMIT 26"
    assert tried(copy, script) == [[sent], "I-1"]  # Amount__c is left out, because this org's describe has no such field


def test_one_more_object_in_the_local_org(repository: Path, copy: Path) -> None:
    apply(changes(repository)[1], copy)
    script = """
import httpx2 as httpx
from devtools.clients import authorize, exchange
from pathlib import Path
from localorg import EmbeddedOrg, OrgSettings
with EmbeddedOrg(OrgSettings(accounts=1, schema=(Path("org-schema.json"),))) as running:
    token = exchange(running.url, authorize(running.url))["access_token"]
    http = httpx.Client(base_url=running.url + "/services/data/v66.0", headers={"Authorization": f"Bearer {token}"})
    made = http.post("/sobjects/Invoice__c", json={"Name": "I-1", "Amount__c": 12.5, "Due__c": "2026-12-01"}).json()["id"]
    found = http.get("/query", params={"q": "SELECT Id, Name, Amount__c, Due__c FROM Invoice__c"}).json()["records"]
print(json.dumps([found[0]["Id"] == made, found[0]["Name"], found[0]["Amount__c"], found[0]["Due__c"]]))
"""
    assert tried(copy, script) == [True, "I-1", 12.5, "2026-12-01"]


def test_one_more_object_has_its_list_its_page_and_its_forms_in_the_app(repository: Path, copy: Path) -> None:
    """docs/make-it-yours.md: one entry in the backend, and the app's own state does the rest, on the copy's org and backend."""
    shutil.copytree(repository / "app/src", copy / "app/src", ignore=shutil.ignore_patterns("__pycache__"))
    apply(changes(repository)[1], copy)
    entry = changes(repository)[1].split("LAYOUTS: dict[str, Layout] = {")[1].split("+")[1].split("\n")[0].strip()
    assert entry in (repository / "docs/make-it-yours.md").read_text()
    script = """
sys.path.insert(0, "app/src")
from backend.routes import routes
from backend.values import Caller
from pathlib import Path
from localorg import EmbeddedOrg, OrgSettings
from tests.app.world import World
from tests.functions.instances import Instances
from ui.places import Place
class Untouched:
    def __getattr__(self, name):
        return None
async def story(running):
    instances = Instances(running)
    uid, _ = await instances.connect()
    one = instances.each[0]
    table = {r.call.name: r for r in routes(Untouched(), Untouched(), one.queries, one.changes)}
    world = World()
    async def call(call, request, id_token=None):
        if call.name in ("getSignInOptions", "signIn"):
            return getattr(world.backend, f"_{call.name}")(request)
        return await table[call.name].work(Caller(uid, "phone"), request)
    world.session._backend.call = call
    app = await world.start("/")
    shape = app.shape("Invoice__c")
    await app.go(Place("new", "Invoice__c"))
    form = app.screen
    asked = [f.label for f in form.fields]
    form.type("Name", "I-1")
    form.type("Amount__c", "1,250.50")
    form.type("Due__c", "12/24/2026")
    await form.save()
    record = app.screen
    page = [(g.heading, [(line.label, line.text) for line in g.lines]) for g in record.groups]
    await app.go(Place("list", "Invoice__c"))
    listed = [r.fields["Name"] for r in app.screen.items]
    await app.go(Place("edit", "Invoice__c", record.record_id))
    app.screen.type("Amount__c", "99")
    await app.screen.save()
    amount = app.screen.record.fields["Amount__c"]
    await app.delete("Invoice__c", record.record_id, "I-1")
    await app.finish_deletions()
    await app.go(Place("list", "Invoice__c"))
    await app.screen.refresh()
    found = [shape.label_plural, asked, page, listed, amount, [r.id for r in app.screen.items]]
    await instances.http.close()
    return found
with EmbeddedOrg(OrgSettings(accounts=1, schema=(Path("org-schema.json"),))) as running:
    print(json.dumps(asyncio.run(story(running))))
"""
    plural, asked, page, listed, amount, left = tried(copy, script)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    assert plural == "Invoices"
    assert asked == ["Invoice Name", "Amount", "Due"]
    assert page == [["Invoice Information", [["Amount", "$1,250.50"], ["Due", "Dec 24, 2026"]]]]
    assert (listed, amount, left) == (["I-1"], 99.0, [])


def test_one_more_call(repository: Path, copy: Path) -> None:
    apply(changes(repository)[2], copy)
    script = """
from backend.routes import routes
class Untouched:  # the flows that this change has nothing to do with
    def __getattr__(self, name):
        return None
org.rows = [a_row(Name="Acme")]
(route,) = [r for r in routes(Untouched(), Untouched(), org.queries, org.changes) if r.call.name == "getLatest"]
page = asyncio.run(route.work(CALLER, Empty()))
print(json.dumps([route.call.path, route.call in CALLS, page.records[0].fields]))
"""
    assert tried(copy, script) == ["api/getLatest", True, {"Name": "Acme"}]
