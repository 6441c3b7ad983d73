"""An org whose names are encrypted (Shield, probabilistic), at which nothing may be compared or sorted by a name.

Everything that sorts by a name elsewhere falls back to another field; what searches by one asks SOSL.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.records.layouts import LAYOUTS
from backend.values import Caller
from contract.calls import CreateRecord, Describe, Empty, Filter, GetRecord, ListRecords, Search, Sort
from contract.errors import Reason, RefusedRequest
from devtools.clients import ADMIN, SALES
from localorg import EmbeddedOrg, OrgSettings
from localorg.schema.standard import STANDARD
from tests.functions.instances import Instances

SHAPE = frozenset({"encrypted-names"})
ALL = [sobject for sobject in LAYOUTS if STANDARD.sobject(sobject) is not None]
# A profile that may not see by what these lists are sorted, nor what comes first in them.
_HIDDEN = ("Account.Industry", "Account.Type", "Contact.Title", "Opportunity.Amount", "Task.ActivityDate")
_PROFILE = (
    """<?xml version="1.0" encoding="UTF-8"?><Profile xmlns="http://soap.sforce.com/2006/04/metadata">{}</Profile>"""
)


@pytest.fixture(scope="module")
def encrypted_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=20, shape=SHAPE)) as org:
        yield org


@pytest.fixture(scope="module")
def hidden_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedOrg]:
    """The same, where the field by which a list is sorted is hidden from the sales user besides."""
    folder: Path = tmp_path_factory.mktemp("force-app")
    (folder / "objects").mkdir()
    hidden = "".join(
        f"<fieldPermissions><editable>false</editable><field>{f}</field><readable>false</readable></fieldPermissions>"
        for f in _HIDDEN
    )
    (folder / "profiles").mkdir()
    (folder / "profiles" / "Standard.profile-meta.xml").write_text(_PROFILE.format(hidden))
    with EmbeddedOrg(OrgSettings(accounts=20, shape=SHAPE, schema=(folder,))) as org:
        yield org


@pytest.fixture(params=["encrypted", "encrypted and hidden"])
async def at(
    request: pytest.FixtureRequest, encrypted_org: EmbeddedOrg, hidden_org: EmbeddedOrg
) -> AsyncIterator[tuple[Instances, Caller]]:
    instances = Instances(encrypted_org if request.param == "encrypted" else hidden_org)
    uid, _ = await instances.connect(ADMIN if request.param == "encrypted" else SALES)
    yield instances, Caller(uid, "phone")
    await instances.http.close()


@pytest.mark.parametrize("sobject", ALL)
async def test_every_list_comes_in_every_order_that_it_offers(at: tuple[Instances, Caller], sobject: str) -> None:
    instances, caller = at
    process = instances.each[0]
    (rows,) = await process.rest.query(caller.uid, f"SELECT Id FROM {sobject} ORDER BY Id")
    every = [str(row["Id"]) for row in rows]
    shape = await process.queries.describe(caller, Describe(sobject))
    names = {"Name", "LastName", "FirstName", "Email"} & {f.name for f in shape.fields}
    assert not names & set(shape.sorts), "no order is offered that Salesforce refuses"
    for sort in (None, *(Sort(field, descending) for field in shape.sorts for descending in (False, True))):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            asked = ListRecords(sobject, sort=sort, limit=len(every) // 3 + 1, cursor=cursor)
            page = await process.queries.list_records(caller, asked)
            seen += [record.id for record in page.records]
            cursor = page.cursor
            if cursor is None:
                break
        assert sorted(seen) == every, sort


async def test_home_search_and_related_lists_answer(at: tuple[Instances, Caller]) -> None:
    instances, caller = at
    queries = instances.each[0].queries
    home = await queries.get_dashboard(caller, Empty())
    assert home.newest_accounts
    assert home.newest_accounts[0].fields["Name"]
    name = str(home.newest_accounts[0].fields["Name"])
    hits = (await queries.search(caller, Search(name))).hits
    assert home.newest_accounts[0].id in [hit.record.id for hit in hits]
    for sobject in ALL:
        related = tuple(LAYOUTS[sobject].related)
        (first, *_) = (await queries.list_records(caller, ListRecords(sobject, limit=5))).records
        detail = await queries.get_record(caller, GetRecord(sobject, first.id, related))
        assert set(detail.related) == set(related)
    assert (await queries.get_objects(caller, Empty())).objects


async def test_a_list_and_a_look_up_are_searched_by_what_they_cannot_compare(at: tuple[Instances, Caller]) -> None:
    """What is encrypted is found by SOSL, whatever else can be compared, in each order and beside filters."""
    instances, caller = at
    process = instances.each[0]
    made = {
        "Account": await process.changes.create_record(
            caller, CreateRecord("Account", {"Name": "Quince Orchard", "Rating": "Hot", "BillingCity": "Ulm"})
        ),
        "Contact": await process.changes.create_record(
            caller, CreateRecord("Contact", {"LastName": "Quincey", "Email": "q@quince.example"})
        ),
        "Opportunity": await process.changes.create_record(
            caller,
            CreateRecord("Opportunity", {"Name": "Quince deal", "StageName": "Prospecting", "CloseDate": "2027-01-01"}),
        ),
        "Case": await process.changes.create_record(caller, CreateRecord("Case", {"Subject": "Quince is late"})),
    }
    for sobject in made:
        shape = await process.queries.describe(caller, Describe(sobject))
        for sort in (None, *(Sort(field) for field in shape.sorts)):
            page = await process.queries.list_records(caller, ListRecords(sobject, "quince", sort=sort))
            assert made[sobject].id in [r.id for r in page.records], (sobject, sort)
    by_city = await process.queries.list_records(caller, ListRecords("Account", "ulm"))
    assert made["Account"].id in [r.id for r in by_city.records]
    for wanted, there in (("Hot", True), ("Cold", False)):
        asked = ListRecords("Account", "Quince", (Filter("Rating", "eq", wanted),))
        found = [r.id for r in (await process.queries.list_records(caller, asked)).records]
        assert (made["Account"].id in found) is there
    exact = ListRecords("Opportunity", filters=(Filter("Name", "eq", "Quince deal"),))
    assert (await process.queries.list_records(caller, exact)).records, "the deterministic scheme knows what is equal"
    nothing = await process.queries.list_records(caller, ListRecords("Contact", "nobody has this"))
    assert nothing.records == ()


async def test_a_search_goes_on_page_after_page(at: tuple[Instances, Caller]) -> None:
    instances, caller = at
    process = instances.each[0]
    word = f"Medlar{caller.uid[-6:]}"
    for n in range(7):
        await process.changes.create_record(caller, CreateRecord("Account", {"Name": f"{word} {n}"}))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await process.queries.list_records(caller, ListRecords("Account", word, limit=3, cursor=cursor))
        seen += [str(r.fields["Name"]) for r in page.records]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen) == [f"{word} {n}" for n in range(7)]


async def test_what_is_asked_for_in_so_many_words_is_refused_with_its_reason(at: tuple[Instances, Caller]) -> None:
    instances, caller = at
    queries = instances.each[0].queries
    for asked in (
        ListRecords("Account", sort=Sort("Name")),
        ListRecords("Account", filters=(Filter("Name", "eq", "A"),)),
        ListRecords("Opportunity", filters=(Filter("Name", "contains", "A"),)),
    ):
        with pytest.raises(RefusedRequest) as refused:
            await queries.list_records(caller, asked)
        assert refused.value.reason is Reason.INVALID_VALUE
