"""The org's list views: which there are, and that one shows what Salesforce shows, page after page, in any order, with
search and filters; queries that are not understood are not run.
"""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.failures import Busy
from backend.records import soql
from backend.records.describe import DESCRIBE_SECONDS, decode, encode
from backend.records.layouts import LAYOUTS
from backend.records.list_views import MAX_CONDITION, understood
from backend.records.org import Described, ViewQuery
from backend.values import Caller
from contract.calls import Describe, Empty, Filter, ListRecords, RecordPage, Sort
from contract.errors import NotFound, Reason, RefusedRequest
from contract.favorites import AddFavorite, RemoveFavorite
from contract.list_views import GetListViews, ListView
from devtools import loopback
from devtools.clients import SALES, control
from localorg import EmbeddedOrg, OrgSettings
from localorg.rest import listviews
from tests.functions.instances import Instances
from tests.functions.records.an_org import CALLER, RECORD_ID, AnOrg

VIEW = "00B000000000001AAA"


class Seller:
    """The sales user at one process of the backend, and beside it at Salesforce's own list views."""

    def __init__(self, instances: Instances, caller: Caller) -> None:
        self.instances, self.caller = instances, caller
        self.queries = instances.each[0].queries
        token = control(instances.org.url, "token", {"username": SALES})["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    async def views(self, sobject: str) -> dict[str, ListView]:
        told = await self.queries.get_list_views(self.caller, GetListViews(sobject))
        assert told.complete
        return {view.label: view for view in told.views}

    async def page(self, sobject: str, **asked: Any) -> RecordPage:
        return await self.queries.list_records(self.caller, ListRecords(sobject, **asked))

    async def every(self, sobject: str, limit: int, **asked: Any) -> list[str]:
        """The ids of all pages of a list."""
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = await self.page(sobject, limit=limit, cursor=cursor, **asked)
            seen += [record.id for record in page.records]
            if page.cursor is None:
                return seen
            cursor = page.cursor

    def shown_by_salesforce(self, sobject: str, view: str) -> list[str]:
        """The ids of the records in Salesforce's own results of a list view."""
        address = f"{self.instances.org.url}/services/data/v66.0/sobjects/{sobject}/listviews/{view}/results"
        told = loopback.get(address, params={"limit": 2000}, headers=self._headers).json()
        return [next(c["value"] for c in r["columns"] if c["fieldNameOrPath"] == "Id") for r in told["records"]]

    def requests(self) -> dict[str, int]:
        """The requests to Salesforce's APIs since the last look, by kind."""
        told = {k: n for k, n in control(self.instances.org.url, "counters").items() if k.startswith("rest.")}
        control(self.instances.org.url, "counters/reset")
        return told


@pytest.fixture(scope="module")
def selling_org() -> Iterator[EmbeddedOrg]:
    """In which many records were changed at the same moment."""
    with EmbeddedOrg(OrgSettings(accounts=12)) as org:
        assert org.org is not None
        for sobject in LAYOUTS:
            org.org.db.execute(
                f'UPDATE "{sobject}" SET "LastModifiedDate" = substr("LastModifiedDate", 1, 4) || ?',
                ("-06-01T10:00:00.000+0000",),
            )
        yield org


@pytest.fixture
async def seller(selling_org: EmbeddedOrg) -> AsyncIterator[Seller]:
    instances = Instances(selling_org)
    uid, _ = await instances.connect(SALES)
    made = Seller(instances, Caller(uid, "phone"))
    yield made
    control(selling_org.url, "faults/clear")
    await instances.http.close()


async def test_a_list_view_shows_the_records_that_salesforce_shows(seller: Seller) -> None:
    for sobject in LAYOUTS:
        views = await seller.views(sobject)
        assert len(views) > 2
        for view in views.values():
            seen = await seller.every(sobject, 40, list_view=view.id)
            assert sorted(seen) == sorted(seller.shown_by_salesforce(sobject, view.id)), view.label


async def test_list_views_have_the_names_that_salesforce_gives_them(seller: Seller) -> None:
    assert list(await seller.views("Opportunity")) == [
        "All Opportunities", "My Opportunities", "Closing This Month", "Won", "New Last Week",
        "Recently Viewed Opportunities",
    ]  # fmt: skip


async def test_a_tap_is_one_request(seller: Seller) -> None:
    seller.requests()
    view = (await seller.views("Opportunity"))["All Opportunities"]
    assert seller.requests() == {"rest.listviews": 1}
    await seller.page("Opportunity", limit=1)
    seller.requests()
    page = await seller.page("Opportunity", list_view=view.id, limit=3)
    assert seller.requests() == {"rest.listviews": 1, "rest.query": 1}, "the first time its query is asked for too"
    assert page.cursor is not None
    await seller.page("Opportunity", list_view=view.id, limit=3)
    await seller.page("Opportunity", list_view=view.id, limit=3, cursor=page.cursor)
    await seller.page("Opportunity", list_view=view.id, search="a", sort=Sort("Amount"))
    assert seller.requests() == {"rest.query": 3}


async def test_a_list_view_comes_in_its_own_order_until_another_is_asked_for(seller: Seller) -> None:
    view = (await seller.views("Opportunity"))["All Opportunities"]
    page = await seller.page("Opportunity", list_view=view.id, limit=200)
    assert page.sort == Sort("Name"), "an answer says the order that nobody asked for"
    assert [r.id for r in page.records] == seller.shown_by_salesforce("Opportunity", view.id)
    other = await seller.page("Opportunity", list_view=view.id, limit=200, sort=Sort("CloseDate", True))
    assert other.sort is None
    dates = [str(r.fields["CloseDate"]) for r in other.records]
    assert dates == sorted(dates, reverse=True)
    assert (await seller.page("Opportunity", limit=1)).sort is None


async def test_filters_and_search_work_on_top_of_a_list_view(seller: Seller) -> None:
    view = (await seller.views("Opportunity"))["My Opportunities"]
    every = await seller.page("Opportunity", list_view=view.id, limit=200)
    stage = every.records[0].fields["StageName"]
    chosen = await seller.page("Opportunity", list_view=view.id, limit=200, filters=(Filter("StageName", "eq", stage),))
    expected = {r.id for r in every.records if r.fields["StageName"] == stage}
    assert {r.id for r in chosen.records} == expected != {r.id for r in every.records}
    word = str(every.records[0].fields["Name"])[:6]
    found = await seller.page("Opportunity", list_view=view.id, limit=200, search=word)
    assert {r.id for r in found.records} == {
        r.id for r in every.records if word.lower() in str(r.fields["Name"]).lower()
    }


@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_record_of_a_list_view_comes_once_whatever_order_is_chosen_meanwhile(
    seller: Seller, data: st.DataObject
) -> None:
    """With ties: many were changed at the same moment, and share a stage, a day, an owner. A cursor goes on in its own
    order only."""
    sobject = data.draw(st.sampled_from(["Opportunity", "Case", "Task", "Lead"]))
    shape = await seller.queries.describe(seller.caller, Describe(sobject))
    views = await seller.views(sobject)
    view = views[data.draw(st.sampled_from(sorted(views)))]
    sorts = st.none() | st.builds(Sort, st.sampled_from(shape.sorts), st.booleans())
    limit = data.draw(st.integers(5, 40))
    cursor: str | None = None
    sort: Sort | None = None
    for sort in data.draw(st.lists(sorts, max_size=2)):
        cursor = (await seller.page(sobject, list_view=view.id, sort=sort, limit=limit)).cursor
    last = data.draw(sorts)
    if cursor is not None and last != sort and last is not None:
        with pytest.raises(RefusedRequest) as refused:
            await seller.page(sobject, list_view=view.id, sort=Sort("Id"), cursor=cursor)
        assert refused.value.reason is Reason.INVALID_CURSOR
    seen = await seller.every(sobject, limit, list_view=view.id, sort=last)
    assert len(seen) == len(set(seen))
    assert sorted(seen) == sorted(seller.shown_by_salesforce(sobject, view.id))


@pytest.mark.parametrize("descending", [False, True])
async def test_last_changed_is_an_order_of_every_list_in_which_equal_moments_come_once(
    seller: Seller, descending: bool
) -> None:
    for sobject in LAYOUTS:
        shape = await seller.queries.describe(seller.caller, Describe(sobject))
        assert shape.sorts[-1] == "LastModifiedDate"
        seen = await seller.every(sobject, 25, sort=Sort("LastModifiedDate", descending))
        (rows,) = await seller.instances.each[0].rest.query(
            seller.caller.uid, f"SELECT Id, LastModifiedDate FROM {sobject}"
        )
        at = {str(row["Id"]): str(row["LastModifiedDate"]) for row in rows}
        assert sorted(seen) == sorted(at)
        assert len(set(at.values())) < len(at), "some have changed at the same moment"
        assert [at[one] for one in seen] == sorted(at.values(), reverse=descending)


async def test_a_list_view_that_is_gone_is_told(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    view = (await seller.views("Opportunity"))["Won"]
    await seller.page("Opportunity", list_view=view.id)
    more = listviews._MORE  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setitem(more, "Opportunity", more["Opportunity"][:1])
    await seller.instances.clock.sleep(DESCRIBE_SECONDS + 1)
    with pytest.raises(RefusedRequest) as refused:
        await seller.page("Opportunity", list_view=view.id)
    assert refused.value.reason is Reason.LIST_VIEW_NOT_AVAILABLE
    with pytest.raises(RefusedRequest):
        await seller.page("Opportunity", list_view="00B' OR Id != '")


async def test_list_views_are_read_page_after_page(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await seller.views("Opportunity")
    monkeypatch.setattr(listviews, "PAGE", 4)
    assert await seller.views("Opportunity") == whole
    body = {"done": False, "listviews": [], "nextRecordsUrl": "https://evil.example/services"}
    control(seller.instances.org.url, "faults", {"kind": "rest.listviews", "status": 200, "body": json.dumps(body)})
    with pytest.raises(Busy):
        await seller.views("Opportunity")


async def test_what_cannot_be_asked_for_as_soql_is_not_offered(seller: Seller) -> None:
    one = {"id": VIEW, "label": "Plain", "developerName": "Plain", "soqlCompatible": True}
    other = one | {"label": "Joined", "soqlCompatible": False}
    body = {"done": True, "listviews": [one, other], "nextRecordsUrl": None}
    control(seller.instances.org.url, "faults", {"kind": "rest.listviews", "status": 200, "body": json.dumps(body)})
    assert list(await seller.views("Opportunity")) == ["Plain"]


# What a query is understood as

SELECTED = "SELECT Name, toLabel(Type), Owner.Alias, Id, CreatedDate FROM Account"


@pytest.mark.parametrize(("rest", "expected"), [
    ("", ViewQuery()),
    (" USING SCOPE everything", ViewQuery()),
    (" USING SCOPE mru ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST", ViewQuery("mru", "", Sort("Name"))),
    (" WHERE CreatedDate = THIS_WEEK ORDER BY Name DESC NULLS LAST", ViewQuery("", "CreatedDate = THIS_WEEK",
        Sort("Name", True))),
    (" USING SCOPE mine WHERE (A__c = 'it\\'s) OR (' AND Owner.Name LIKE 'a%') OR NOT(B__c IN ('x', 'y'))",
     ViewQuery("mine", "( A__c = 'it\\'s) OR (' AND Owner.Name LIKE 'a%' ) OR NOT ( B__c IN ( 'x' , 'y' ) )")),
    (" WHERE Amount >= USD5000.50 AND N__c != -1.5 AND D__c < 2026-11-29 AND T__c > 2026-11-29T08:00:00Z AND"
     " U__c = LAST_N_DAYS:30 AND P__c INCLUDES ('a;b') AND Q__c NOT IN (null) AND F__c = true ORDER BY toLabel(Type)",
     ViewQuery("", "Amount >= USD5000.50 AND N__c != -1.5 AND D__c < 2026-11-29 AND T__c > 2026-11-29T08:00:00Z AND"
               " U__c = LAST_N_DAYS:30 AND P__c INCLUDES ( 'a;b' ) AND Q__c NOT IN ( null ) AND F__c = true",
               Sort("Type"))),
    (" WHERE toLabel(Type) = '顧客' AND Name = 'Ünal'", ViewQuery("", "toLabel ( Type ) = '顧客' AND Name = 'Ünal'")),
])  # fmt: skip
def test_the_queries_of_list_views_are_understood(rest: str, expected: ViewQuery) -> None:
    assert understood("Account", SELECTED + rest) == expected


@pytest.mark.parametrize("query", [
    "", "SELECT", "SELECT Id", "DELETE FROM Account", "SELECT Id FROM Contact", "SELECT Id FROM Account WHERE",
    f"{SELECTED} WHERE Id IN (SELECT AccountId FROM Contact)", f"{SELECTED} LIMIT 5", f"{SELECTED} OFFSET 5",
    f"{SELECTED} WHERE DISTANCE(Location__c, GEOLOCATION(37,122), 'mi') < 20", f"{SELECTED} GROUP BY Name",
    f"{SELECTED} USING SCOPE somebody", f"{SELECTED} WHERE Name = 'a", f"{SELECTED} WHERE Name = a",
    f"{SELECTED} WHERE (Name = 'a'", f"{SELECTED} WHERE Name = 'a')", f"{SELECTED} WHERE Name = 'a' OR",
    f"{SELECTED} WHERE Name = 'a' ORDER BY Name; DROP", f"{SELECTED} WHERE Name = :x", f"{SELECTED} WHERE Name",
    f"{SELECTED} WHERE {'(' * 100}Name = 'a'{')' * 100}", f"{SELECTED} WHERE Name = '{'a' * MAX_CONDITION}'",
    f"{SELECTED} WHERE Name = 'a' WITH SECURITY_ENFORCED", f"{SELECTED} FOR VIEW", "(" * 5000,
])  # fmt: skip
def test_what_is_not_understood_is_not_run(query: str) -> None:
    with pytest.raises(RefusedRequest) as refused:
        understood("Account", query)
    assert refused.value.reason is Reason.LIST_VIEW_NOT_AVAILABLE


@given(text=st.text(max_size=60))
def test_no_text_gets_out_of_its_quotes(text: str) -> None:
    assert (
        understood("Account", f"{SELECTED} WHERE Name = {soql.quote(text)}").condition == f"Name = {soql.quote(text)}"
    )


@given(text=st.text(alphabet="ab'\\ ()=,.;:<>0-9ANDORTSELC_\n", max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        view = understood("Account", f"{SELECTED} WHERE {text}")
    except RefusedRequest:
        return
    assert view.condition.count("(") - view.condition.count(")") == 0 or "'" in view.condition


def test_list_views_are_kept_with_describes() -> None:
    views = {"00B000000000001": ViewQuery("mine", "Name = 'a'", Sort("Name", True)), "00B000000000002": ViewQuery()}
    kept = Described("Account", "Account", "Accounts", {}, views=views)
    assert decode(encode({"Account": kept})) == {"Account": kept}


async def test_a_list_view_is_asked_for_once_and_again_after_a_look_at_describes() -> None:
    org = AnOrg()
    org.views[VIEW[:15]] = "SELECT Id FROM Account USING SCOPE team WHERE Industry = 'Media' ORDER BY Phone"
    asked = ListRecords("Account", list_view=VIEW)
    page = await org.queries.list_records(CALLER, asked)
    await org.queries.list_records(CALLER, asked)
    query = (
        "SELECT Id, Name, Industry, BillingCity, Phone, SystemModstamp FROM Account USING SCOPE team WHERE (Industry ="
        " 'Media') ORDER BY Name ASC NULLS LAST, Id ASC LIMIT 26"
    )
    assert org.sent == [f"list view {VIEW[:15]}", query, query]
    assert page.sort == Sort("Name"), "Phone cannot be sorted by here"
    org.time += timedelta(seconds=DESCRIBE_SECONDS + 1)
    await org.queries.list_records(CALLER, asked)
    assert org.sent[3:] == [f"list view {VIEW[:15]}", query]


# Stars


async def test_a_star_is_a_favorite_in_salesforce_in_one_request(seller: Seller) -> None:
    changes, queries, caller = seller.instances.each[0].changes, seller.queries, seller.caller
    record = (await seller.page("Account", limit=1)).records[0]
    seller.requests()
    starred = await changes.add_favorite(caller, AddFavorite("Account", record.id, "Acme"))
    assert seller.requests() == {"rest.favorites": 1}
    assert (await queries.get_favorites(caller, Empty())).favorites == (starred,)
    assert (starred.sobject, starred.record, starred.name) == ("Account", record.id, "Acme")
    for _time in range(2):  # the second finds it gone
        await changes.remove_favorite(caller, RemoveFavorite(starred.id))
    assert (await queries.get_favorites(caller, Empty())).favorites == ()
    assert seller.requests() == {"rest.favorites": 4}
    with pytest.raises(NotFound):
        await changes.add_favorite(caller, AddFavorite("Account", RECORD_ID, "Nobody"))


async def test_favorites_of_what_the_app_does_not_show_are_left_out(seller: Seller) -> None:
    def favorite(n: int, **told: object) -> dict[str, object]:
        return {"id": f"0MV00000000000{n}AAA", "name": "x", "targetType": "Record", "target": RECORD_ID} | told

    rows = [favorite(1, objectType="Account"), favorite(2, objectType="Report"), favorite(3, targetType="ListView"),
            favorite(4, objectType="Account", target=None)]  # fmt: skip
    body = json.dumps({"favorites": rows})
    control(seller.instances.org.url, "faults", {"kind": "rest.favorites", "status": 200, "body": body})
    told = await seller.queries.get_favorites(seller.caller, Empty())
    assert [one.id for one in told.favorites] == ["0MV000000000001AAA"]
