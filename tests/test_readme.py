"""The README's three changes, made to a copy as a reader makes them, and tried: what a newcomer copies must work and
leave the suite green.

On a clone in which somebody has made them already, they are there, and everything here holds as well.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

# Not part of what is cloned, or made anew: folders of packages, builds, caches and running emulators.
_NOT_CLONED = (".git", ".venv", ".tools", ".local", ".localorg", "build", "node_modules", "venv", "__pycache__",
               ".*_cache", ".hypothesis",
               "*.local", "*.local.json")  # fmt: skip


def changes(repository: Path, page: str = "README.md") -> list[str]:
    return re.findall(r"```diff\n(.*?)```", (repository / page).read_text(), re.DOTALL)


def apply(change: str, folder: Path) -> list[str]:
    """Makes a change: a file's name, then lines in a row that are there ( ), go (-) or come (+). Returns the files."""
    files = re.findall(r"^([^ +-].*)\n((?:[ +-].*\n|\n)+)", change, re.MULTILINE)
    assert "".join(f"{name}\n{lines}" for name, lines in files) == change
    for name, lines in files:
        file = folder / name
        text = file.read_text()
        before, after = ("".join(line[1:] + "\n" for line in lines.splitlines() if line[:1] != gone) for gone in "+-")
        if text.count(after) != 1:
            assert text.count(before) == 1, f"the lines stand {text.count(before)} times in {name}:\n{before}"
            file.write_text(text.replace(before, after))
    return [name for name, _ in files]


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """What a reader has cloned."""
    return Path(shutil.copytree(repository, tmp_path / "clone", ignore=shutil.ignore_patterns(*_NOT_CLONED)))


def run(copy: Path, *command: str) -> str:
    """What one of the project's Python programs says in the copy, which it takes its modules from."""
    paths = os.pathsep.join(str(copy / room) for room in ("functions", "app/src", "."))
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tried(copy: Path, script: str) -> object:
    """What a script says when it runs on the copy."""
    begin = (
        "import asyncio, json\nfrom tests.functions.records.an_org import CALLER, RECORD_ID, AnOrg, a_row\nfrom"
        " contract.calls import *\n"
    )
    return json.loads(run(copy, "-c", begin + "org = AnOrg()\n" + script))


def test_the_readme_shows_three_changes(repository: Path) -> None:
    assert len(changes(repository)) == 3


def test_one_more_field(repository: Path, copy: Path) -> None:
    apply(changes(repository)[0], copy)
    assert "Fax" in str(
        tried(copy, "from backend.records.layouts import LAYOUTS\nprint(json.dumps(LAYOUTS['Account'].detailed))")
    )


def test_one_more_object(repository: Path, copy: Path) -> None:
    apply(changes(repository)[1], copy)
    script = """
from contract.codec import decode
org.rows = [a_row(Name="I-1")]
page = asyncio.run(org.queries.list_records(CALLER, decode(ListRecords, {"sobject": "Invoice__c", "search": "I-"})))
print(json.dumps([org.sent, page.records[0].fields["Name"]]))
"""
    sent = (
        "SELECT Id, Name, SystemModstamp FROM Invoice__c WHERE (Name LIKE '%I-%') ORDER BY Name ASC NULLS LAST, Id ASC"
        " LIMIT 26"
    )
    # Amount__c is left out, because this org's describe has no such field.
    assert tried(copy, script) == [
        [sent],
        "I-1",
    ]


def test_one_more_object_in_the_local_org(repository: Path, copy: Path) -> None:
    apply(changes(repository)[1], copy)
    script = """
import httpx2 as httpx

from devtools import loopback
from devtools.clients import authorize, exchange
from pathlib import Path
from localorg import EmbeddedOrg, OrgSettings
with EmbeddedOrg(OrgSettings(accounts=1, schema=(Path("org-schema.json"),))) as running:
    token = exchange(running.url, authorize(running.url))["access_token"]
    http = loopback.Client(base_url=running.url + "/services/data/v66.0", headers={"Authorization": f"Bearer {token}"})
    made = (
        http.post("/sobjects/Invoice__c", json={"Name": "I-1", "Amount__c": 12.5, "Due__c": "2026-12-01"}).json()["id"]
    )
    found = http.get("/query", params={"q": "SELECT Id, Name, Amount__c, Due__c FROM Invoice__c"}).json()["records"]
print(json.dumps([found[0]["Id"] == made, found[0]["Name"], found[0]["Amount__c"], found[0]["Due__c"]]))
"""
    assert tried(copy, script) == [True, "I-1", 12.5, "2026-12-01"]


def test_one_more_object_has_its_list_its_page_and_its_forms_in_the_app(repository: Path, copy: Path) -> None:
    """docs/make-it-yours.md: one entry in the backend, and the app's own state does the rest, on the copy's org and
    backend.
    """
    apply(changes(repository)[1], copy)
    entry = re.findall(r"^\+(    .*\n)", changes(repository)[1], re.MULTILINE)[:6]
    assert "".join(entry) in (repository / "docs/make-it-yours.md").read_text()
    script = """
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
    table = {r.call.name: r for r in routes(Untouched(), Untouched(), one.queries, one.changes, one.files)}
    world = World()
    async def call(call, request, id_token=None):
        if call.name in ("getSignInOptions", "beginSignIn", "signIn"):
            return getattr(world.backend, f"_{call.name}")(request)
        return await table[call.name].work(Caller(uid, "phone"), request)
    world.backend.call = call
    app = await world.start("/")
    shape = app.catalogue.shape("Invoice__c")
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
    await app.deletions.finish()
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


def test_a_list_of_them_under_another_record(repository: Path, copy: Path) -> None:
    for change in (changes(repository)[1], *changes(repository, "docs/make-it-yours.md")):
        apply(change, copy)
    script = """
from pathlib import Path
from backend.values import Caller
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances
async def story(running):
    instances = Instances(running)
    caller = Caller((await instances.connect())[0], "phone")
    queries, changes = instances.each[0].queries, instances.each[0].changes
    account = (await changes.create_record(caller, CreateRecord("Account", {"Name": "Acme"}))).id
    invoice = await changes.create_record(caller, CreateRecord("Invoice__c", {"Name": "I-1", "Account__c": account}))
    shape = await queries.describe(caller, Describe("Account"))
    detail = await queries.get_record(caller, GetRecord("Account", account, tuple(r.name for r in shape.related)))
    await instances.http.close()
    label = next(r.label for r in shape.related if r.name == "Invoices__r")
    return [label, invoice.record.fields["Account__r.Name"], [r.fields["Name"] for r in detail.related["Invoices__r"]]]
with EmbeddedOrg(OrgSettings(accounts=1, schema=(Path("org-schema.json"),))) as running:
    print(json.dumps(asyncio.run(story(running))))
"""
    assert tried(copy, script) == ["Invoices", "Acme", ["I-1"]]


def test_a_button_that_runs_apex(repository: Path, copy: Path) -> None:
    """docs/make-it-yours.md: what it prints, in the copy's backend, local org and app, from the button to the task."""
    (change,) = [c for c in changes(repository, "docs/make-it-yours.md") if "CreditCheck" in c]
    apply(change, copy)
    script = """
from pathlib import Path
from backend.routes import routes
from backend.values import Caller
from contract.codec import decode, encode
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
    table = {r.call.name: r for r in routes(Untouched(), Untouched(), one.queries, one.changes, one.files)}
    world = World()
    async def call(call, request, id_token=None):
        if call.name in ("getSignInOptions", "beginSignIn", "signIn"):
            return getattr(world.backend, f"_{call.name}")(request)
        answer = await table[call.name].work(Caller(uid, "phone"), decode(call.request, encode(request)))
        return decode(call.answer, encode(answer), lenient=True)
    world.backend.call = call
    app = await world.start("/")
    async def made(**fields):
        await app.go(Place("record", "Account", await app.records.create("Account", fields, fields["Name"])))
        return app.screen
    cold = [a.name for a in (await made(Name="Icy", Rating="Cold")).acting.offered]
    bank = await made(Name="Bank", Industry="Banking")
    await bank.acting.begin(bank.acting.offered[0])
    bank.acting.type(bank.acting.asking.questions[0], "5")
    await bank.acting.run()
    refused = bank.acting.problem
    record = await made(Name="Acme")
    (action,) = record.acting.offered
    await record.acting.begin(action)
    record.acting.type(action.questions[0], "1,250.50")
    opens = await record.acting.run()
    said, rating = app.notices.newest.text, record.record.fields["Rating"]
    await app.go(Place("record", app.catalogue.shape_of_id(opens).sobject, opens))
    task = app.screen.title
    await instances.http.close()
    return [cold, refused, action.label["en"], said, rating, task]
with EmbeddedOrg(OrgSettings(accounts=1, actions=(Path("org-actions.json"),))) as running:
    print(json.dumps(asyncio.run(story(running))))
"""
    assert tried(copy, script) == [
        [], "We give no credit to banks.", "Check credit", "Rated Hot.", "Hot", "Credit of 1250.5",
    ]  # fmt: skip


def test_one_more_call(repository: Path, copy: Path) -> None:
    apply(changes(repository)[2], copy)
    script = """
from backend.routes import routes
class Untouched:  # the flows that this change has nothing to do with
    def __getattr__(self, name):
        return None
org.rows = [a_row(Name="Acme")]
none = Untouched()
(route,) = [r for r in routes(none, none, org.queries, org.changes, none) if r.call.name == "getLatest"]
page = asyncio.run(route.work(CALLER, Empty()))
print(json.dumps([route.call.path, route.call in CALLS, page.records[0].fields]))
"""
    assert tried(copy, script) == ["api/getLatest", True, {"Name": "Acme"}]


_TOUCHED = ("tests/functions/records/test_queries.py", "tests/functions/records/test_changes.py",
            "tests/functions/records/test_every_word.py", "tests/functions/records/test_every_list.py",
            "tests/functions/contract", "tests/test_docs.py",
            "tests/test_arrows.py", "tests/test_readme.py")  # fmt: skip


def test_with_all_three_changes_the_checks_and_the_tests_that_they_touch_are_green(
    repository: Path, copy: Path
) -> None:
    files = sorted({file for change in changes(repository) for file in apply(change, copy)})
    (copy / ".venv").symlink_to(repository / ".venv")  # where pyright looks for the packages
    run(copy, "-m", "devtools", "openapi")
    code = [file for file in files if file.endswith(".py")]
    commands = (
        ("-m", "ruff", "format", "--check"),
        ("-m", "ruff", "check"),
        ("-m", "pyright", *code),
        # Not this one again.
        (
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *_TOUCHED,
            "-k",
            "not with_all_three_changes",
        ),
    )
    with ThreadPoolExecutor(2) as pool:
        for said in pool.map(lambda command: run(copy, *command), commands):
            assert said
