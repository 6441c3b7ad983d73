"""The reading calls over their protocol: which SOQL they send for what is asked, and what they make of the rows."""

import asyncio
from datetime import timedelta

import pytest

from backend.records.currencies import KEPT_SECONDS
from backend.records.describe import DESCRIBE_SECONDS, HIDDEN_SECONDS, LOOK_AGAIN_SECONDS
from backend.records.layouts import LAYOUTS
from backend.values import Attachment
from contract.calls import Describe, Empty, Filter, GetRecord, ListRecords, Preset, Search, Sort
from contract.errors import CallError, NotFound, OrgUnavailable, Reason, RefusedRequest
from localorg.soql.syntax import parse
from tests.altered import replace
from tests.functions.records.an_org import CALLER, RECORD_ID, VERSION, AnOrg, a_row


@pytest.fixture
def org() -> AnOrg:
    return AnOrg()


async def test_a_list_asks_for_one_row_more_than_a_page_and_gives_a_cursor(org: AnOrg) -> None:
    org.rows = [a_row(Name=f"N{n}", Id=f"00100000000000{n}AAA") for n in range(3)]
    page = await org.queries.list_records(CALLER, ListRecords("Account", limit=2))
    assert org.sent == [
        "SELECT Id, Name, Industry, BillingCity, Phone, SystemModstamp FROM Account ORDER BY Name ASC NULLS LAST, Id"
        " ASC LIMIT 3"
    ]
    assert [r.fields["Name"] for r in page.records] == ["N0", "N1"]
    assert page.cursor is not None
    assert page.total is None
    await org.queries.list_records(CALLER, ListRecords("Account", limit=2, cursor=page.cursor))
    assert org.sent[1].endswith(" FROM Account ORDER BY Name ASC NULLS LAST, Id ASC LIMIT 5")


async def test_the_last_page_knows_the_total_when_it_is_the_first(org: AnOrg) -> None:
    org.rows = [a_row(Name="only")]
    page = await org.queries.list_records(CALLER, ListRecords("Account"))
    assert (page.total, page.cursor) == (1, None)


async def test_filters_and_search_are_escaped_and_valid_soql(org: AnOrg) -> None:
    filters = (
        Filter("Industry", "eq", "Food' OR Name != '"),
        Filter("AnnualRevenue", "ge", 10),
        Filter("Name", "contains", "50%"),
    )
    await org.queries.list_records(CALLER, ListRecords("Account", search=" O'Neil ", filters=filters))
    assert "(Industry = 'Food\\' OR Name != \\'')" in org.sent[0]
    assert "(Name LIKE '%O\\'Neil%' OR BillingCity LIKE '%O\\'Neil%')" in org.sent[0]
    assert parse(org.sent[0]).where is not None


@pytest.mark.parametrize(("request_", "reason"), [
    (ListRecords("Account", limit=0), Reason.MALFORMED_REQUEST),
    (ListRecords("Account", limit=201), Reason.MALFORMED_REQUEST),
    (ListRecords("Account", sort=Sort("Nope")), Reason.UNKNOWN_FIELD),
    (ListRecords("Account", sort=Sort("Phone")), Reason.INVALID_VALUE),
    (ListRecords("Account", filters=(Filter("Phone", "eq", "1"),)), Reason.INVALID_VALUE),
    (ListRecords("Account", filters=(Filter("AnnualRevenue", "contains", "1"),)), Reason.INVALID_VALUE),
    (ListRecords("Account", filters=(Filter("AnnualRevenue", "gt", None),)), Reason.INVALID_VALUE),
    (ListRecords("Account", cursor="!!"), Reason.INVALID_CURSOR),
    (ListRecords("Account", search="x" * 101), Reason.INVALID_VALUE),
])  # fmt: skip
async def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    org: AnOrg, request_: ListRecords, reason: Reason
) -> None:
    with pytest.raises(RefusedRequest) as refused:
        await org.queries.list_records(CALLER, request_)
    assert refused.value.reason is reason
    assert org.sent == []


async def test_a_field_that_the_user_may_not_see_is_not_asked_for(org: AnOrg) -> None:
    org.hidden = {"Industry", "OwnerId"}
    org.rows = [a_row(Name="Acme")]
    detail = await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID))
    assert "Industry" not in org.sent[0]
    assert "Owner.Name" not in org.sent[0]
    assert "Industry" not in detail.record.fields
    assert detail.record.version == VERSION


async def test_a_record_comes_with_its_children_in_one_request(org: AnOrg) -> None:
    org.rows = [a_row(Name="Acme", Contacts={"records": [a_row(Name="Ada")]}, Opportunities=None)]
    detail = await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID, ("Contacts", "Opportunities")))
    assert len(org.sent) == 1
    assert [c.fields["Name"] for c in detail.related["Contacts"]] == ["Ada"]
    assert detail.related["Opportunities"] == ()
    with pytest.raises(RefusedRequest, match=r"known are: Contacts, .*Opportunities"):
        await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID, ("Nope",)))


async def test_a_parents_field_is_read_through(org: AnOrg) -> None:
    org.rows = [a_row(Owner={"Name": "Sam"})]
    assert (await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID))).record.fields["Owner.Name"] == "Sam"


async def test_a_record_that_is_not_there(org: AnOrg) -> None:
    with pytest.raises(NotFound):
        await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID))


async def test_a_search_groups_its_hits_by_object(org: AnOrg) -> None:
    org.rows = [a_row(Name="A", attributes={"type": "Contact"}), a_row(Name="B", attributes={"type": "Account"})]
    hits = await org.queries.search(CALLER, Search("acme (uk)"))
    assert org.sent[0].startswith("FIND {acme \\(uk\\)*} IN ALL FIELDS RETURNING Account(")
    assert [(h.sobject, h.record.fields["Name"]) for h in hits.hits] == [("Account", "B"), ("Contact", "A")]


async def test_the_dashboard_sorts_stages_as_the_org_does_and_hides_amounts_that_the_user_may_not_see(
    org: AnOrg,
) -> None:
    org.hidden = {"Amount"}
    org.rows = [a_row(stage="Won", number=1), a_row(stage="Old", number=2), a_row(stage="New", number=3)]
    dashboard = await org.queries.get_dashboard(CALLER, Empty())
    assert [(s.stage, s.amount) for s in dashboard.pipeline] == [("New", 0.0), ("Won", 0.0), ("Old", 0.0)]
    assert not any("SUM" in text for text in org.sent)


async def test_the_profile_is_the_callers_own(org: AnOrg) -> None:
    org.rows = [a_row(Name="Sam", Email="s@x", Username="s@y", Title="AE", Profile={"Name": "Standard"})]
    profile = await org.queries.get_profile(CALLER, Empty())
    assert f"WHERE Id = '{CALLER.uid.user_id}'" in org.sent[0]
    assert (profile.user.uid, profile.user.org_id, profile.profile_name) == (CALLER.uid, CALLER.uid.org_id, "Standard")


async def test_a_describe_is_kept_for_ten_minutes_and_looked_at_behind_the_answer_after_five(org: AnOrg) -> None:
    for _ in range(3):
        await org.queries.describe(CALLER, Describe("Account"))
    assert org.described == 1
    org.time += timedelta(seconds=LOOK_AGAIN_SECONDS + 1)
    org.hidden = {"Industry"}
    assert any(f.name == "Industry" for f in (await org.queries.describe(CALLER, Describe("Account"))).fields)
    await asyncio.wait_for(org.looked_again.wait(), 10)
    assert not any(f.name == "Industry" for f in (await org.queries.describe(CALLER, Describe("Account"))).fields)
    org.time += timedelta(seconds=DESCRIBE_SECONDS + 1)
    org.hidden = set()
    assert any(f.name == "Industry" for f in (await org.queries.describe(CALLER, Describe("Account"))).fields)
    assert org.described == 3


async def test_many_first_calls_describe_once(org: AnOrg) -> None:
    await asyncio.gather(*(org.queries.list_records(CALLER, ListRecords("Account", limit=n)) for n in range(1, 50)))
    assert org.described == 1


async def test_the_first_refusal_brings_a_new_describe_and_the_answer(org: AnOrg) -> None:
    await org.queries.list_records(CALLER, ListRecords("Account"))
    org.time += timedelta(seconds=60)
    org.hidden, org.refuses_once = {"Industry"}, "Industry"
    org.rows = [a_row(Name="Acme")]
    assert [r.fields.get("Name") for r in (await org.queries.list_records(CALLER, ListRecords("Account"))).records] == [
        "Acme"
    ]
    assert org.described == 2
    assert "Industry" not in org.sent[-1]


async def test_children_that_the_user_may_not_see_are_an_empty_list(org: AnOrg) -> None:
    org.hidden = {"Opportunity"}
    org.rows = [a_row(Name="Acme", Contacts={"records": [a_row(Name="Ada")]})]
    detail = await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID, ("Contacts", "Opportunities")))
    assert (len(detail.related["Contacts"]), detail.related["Opportunities"]) == (1, ())
    assert "Opportunities" not in org.sent[0]
    with pytest.raises(RefusedRequest) as refused:
        await org.queries.list_records(CALLER, ListRecords("Opportunity"))
    assert refused.value.reason is Reason.NOT_PERMITTED


async def test_an_object_that_was_hidden_shows_within_seconds_and_costs_no_request_each_time(org: AnOrg) -> None:
    async def shown() -> bool:
        return "Case" in [o.sobject for o in (await org.queries.get_objects(CALLER, Empty())).objects]

    org.hidden = {"Case"}
    for _ in range(3):
        assert not await shown()
    assert org.described == 1
    org.hidden = set()  # an administrator allows it, or the org has it only now
    org.time += timedelta(seconds=HIDDEN_SECONDS + 1)
    assert await shown()
    for _ in range(3):
        org.time += timedelta(seconds=HIDDEN_SECONDS + 1)
        assert await shown()
    assert org.described == 2


async def test_the_object_that_a_call_names_is_asked_for_again_before_it_is_refused_and_what_comes_beside_it_is_not(
    org: AnOrg,
) -> None:
    org.hidden = {"Case"}
    await org.queries.get_objects(CALLER, Empty())
    org.time += timedelta(seconds=HIDDEN_SECONDS + 1)
    await org.queries.list_records(CALLER, ListRecords("Account"))
    await org.queries.describe(CALLER, Describe("Account"))  # an account has cases
    await org.queries.get_dashboard(CALLER, Empty())
    await org.queries.search(CALLER, Search("acme"))
    assert org.described == 1
    org.hidden = set()
    await org.queries.list_records(CALLER, ListRecords("Case", sort=Sort("Id")))
    assert org.described == 2


async def test_what_is_shown_is_answered_although_nobody_can_ask_for_what_is_hidden(org: AnOrg) -> None:
    org.hidden = {"Case"}
    before = await org.queries.get_objects(CALLER, Empty())
    org.time += timedelta(seconds=HIDDEN_SECONDS + 1)
    org.describe_fails = OrgUnavailable(Reason.ORG_UNREACHABLE)
    assert await org.queries.get_objects(CALLER, Empty()) == before


async def test_a_field_that_comes_to_a_layout_has_its_picklist_at_once(
    org: AnOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stages(instance: AnOrg) -> list[tuple[str, ...]]:
        shape = await instance.queries.describe(CALLER, Describe("Opportunity"))
        return [f.picklist for f in shape.fields if f.name == "StageName"]

    layout = LAYOUTS["Opportunity"]
    monkeypatch.setitem(LAYOUTS, "Opportunity", replace(layout, detailed=("Name",), filters=()))
    assert await stages(org) == []
    monkeypatch.setitem(LAYOUTS, "Opportunity", layout)
    next_release = AnOrg()
    next_release.kept = org.kept
    assert await stages(next_release) == [("New", "Won")]


async def test_what_is_kept_and_cannot_be_read_is_asked_for_again(org: AnOrg) -> None:
    org.kept = Attachment(b"nothing that was ever kept", org.time)
    await org.queries.describe(CALLER, Describe("Account"))
    assert org.described == 1


async def test_amounts_carry_the_orgs_currency_which_is_asked_for_once_in_a_while(org: AnOrg) -> None:
    async def currencies() -> set[tuple[str, str]]:
        fields = (await org.queries.describe(CALLER, Describe("Account"))).fields
        return {(f.type, f.currency) for f in fields if f.type == "currency" or f.currency}

    assert await currencies() == {("currency", "EUR")}
    org.currency_code = "JPY"
    assert await currencies() == {("currency", "EUR")}
    assert org.currency_asked == 1
    org.time += timedelta(seconds=KEPT_SECONDS + 1)
    assert await currencies() == {("currency", "JPY")}


@pytest.mark.parametrize(("answer", "asked"), [
    (RefusedRequest(Reason.NOT_PERMITTED), 1), ("", 1), ("<b>", 1), (OrgUnavailable(Reason.ORG_UNREACHABLE), 2),
])  # fmt: skip
async def test_an_org_that_does_not_tell_its_currency_refuses_nothing(
    org: AnOrg, answer: str | CallError, asked: int
) -> None:
    org.currency_code = answer
    for _time in range(2):
        assert {f.currency for f in (await org.queries.describe(CALLER, Describe("Account"))).fields} == {""}
    assert org.currency_asked == asked


# What is hidden or cannot be sorted by breaks nothing else


async def test_a_default_order_that_the_user_may_not_see_gives_way_to_the_next_field(org: AnOrg) -> None:
    org.hidden = {"Name"}
    org.rows = [a_row(Industry="Energy")]
    await org.queries.list_records(CALLER, ListRecords("Account"))
    assert " ORDER BY Industry ASC NULLS LAST, Id ASC LIMIT" in org.sent[-1]
    (shape,) = [s for s in (await org.queries.get_objects(CALLER, Empty())).objects if s.sobject == "Account"]
    assert shape.sort == Sort("Industry")


async def test_a_search_over_all_objects_does_not_end_at_one_hidden_order(org: AnOrg) -> None:
    org.hidden = {"CloseDate"}
    await org.queries.search(CALLER, Search("cedar"))
    assert "CloseDate" not in org.sent[-1]
    assert (
        "Opportunity(Id, Name, StageName, Amount, OwnerId, Owner.Name, AccountId, Account.Name,"
        " SystemModstamp ORDER BY Name" in org.sent[-1]
    )


async def test_a_related_list_whose_order_is_hidden_comes_in_another_one(org: AnOrg) -> None:
    org.hidden = {"CloseDate"}
    org.rows = [a_row(Name="A")]
    await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID, ("Opportunities",)))
    assert "FROM Opportunities ORDER BY Name ASC NULLS LAST, Id ASC LIMIT" in org.sent[-1]


@pytest.mark.parametrize(
    ("hidden", "left"), [("CloseDate", "StageName stage"), ("StageName", "CloseDate = THIS_MONTH")]
)
async def test_home_shows_what_there_is_without_a_field(org: AnOrg, hidden: str, left: str) -> None:
    org.hidden = {hidden}
    await org.queries.get_dashboard(CALLER, Empty())
    assert not any(hidden in text for text in org.sent)
    assert any(left in text for text in org.sent)
    assert any("FROM Task" in text for text in org.sent)


async def test_a_list_in_which_nothing_can_be_searched_says_so(org: AnOrg) -> None:
    org.hidden = {"Name", "BillingCity"}
    with pytest.raises(RefusedRequest, match="Accounts cannot be searched here") as refused:
        await org.queries.list_records(CALLER, ListRecords("Account", search="cedar"))
    assert refused.value.reason is Reason.INVALID_VALUE


async def test_one_letter_of_japanese_is_searched_for_by_soql(org: AnOrg) -> None:
    org.rows = [a_row(Name="東京商事")]
    hits = (await org.queries.search(CALLER, Search(" 東 "))).hits
    assert not any(text.startswith("FIND") for text in org.sent)
    assert "FROM Account WHERE Name LIKE '%東%' OR BillingCity LIKE '%東%' ORDER BY Name" in org.sent[0]
    assert {hit.sobject for hit in hits} == set(LAYOUTS) - {"Task", "Case"}, "which have no field that is searched here"
    with pytest.raises(RefusedRequest):
        await org.queries.search(CALLER, Search("a"))


async def test_opportunities_begin_with_those_of_the_caller_that_are_open_the_next_to_close_first(org: AnOrg) -> None:
    shape = await org.queries.describe(CALLER, Describe("Opportunity"))
    assert shape.preset == Preset((Filter("OwnerId", "eq", "me"),), Sort("CloseDate")), "this org has no IsClosed"


async def test_a_list_begins_with_what_the_user_may_see(org: AnOrg) -> None:
    org.hidden = {"CloseDate", "OwnerId"}
    assert (await org.queries.describe(CALLER, Describe("Opportunity"))).preset == Preset((), None)
    assert (await org.queries.describe(CALLER, Describe("Account"))).preset is None
