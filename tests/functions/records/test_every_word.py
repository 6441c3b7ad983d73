"""What each reading call sends to Salesforce, word by word, and every part of its answer; small changes of either show
here.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from backend.records.describe import decode, encode
from backend.records.layouts import LAYOUTS
from backend.records.org import Described, DescribedField, Row
from contract.calls import (
    MAX_PAGE,
    AddressShape,
    Dashboard,
    Describe,
    Empty,
    FieldShape,
    Filter,
    GetRecord,
    ListRecords,
    Profile,
    RelatedList,
    Search,
    Section,
    Sobject,
    Sort,
    StageTotal,
    User,
)
from contract.errors import CallError, NotFound, Reason
from tests.altered import replace
from tests.functions.records.an_org import CALLER, RECORD_ID, AnOrg, a_row, off_the_wire

ME = CALLER.uid.user_id
LISTED = "Id, Name, Industry, BillingCity, Phone, SystemModstamp"


class TwoOrgs(AnOrg):
    """An org whose answers differ from query to query, and whose Account has what a describe can hold."""

    answers: Sequence[Sequence[Row]] | None = None

    async def query(self, uid: Any, *texts: str) -> Sequence[Sequence[Row]]:
        found = await super().query(uid, *texts)
        return found if self.answers is None else self.answers

    def _described(self, sobject: str) -> Described:
        plain = super()._described(sobject)
        fields = {
            name: replace(f, shape=replace(f.shape, type=off_the_wire(f.shape.type)))
            for name, f in plain.fields.items()
        }
        owner = fields.get("OwnerId")
        if owner is not None:
            fields["OwnerId"] = replace(owner, shape=replace(owner.shape, refers_to=("Group", "User")))
        if sobject == "Account":
            fields["Type"] = DescribedField(
                FieldShape("Type", "Kind", "picklist", False, True, True), filterable=False, sortable=True
            )
        sections = (
            Section("Address", ("BillingCity",)),
            Section("Empty", ("Nope",)),
            Section("First", ("Phone", "Name")),
        )
        return replace(
            plain, fields=fields, label=f"The {sobject}", sections=sections, key_prefix="001", editable=False
        )


@pytest.fixture
def org() -> TwoOrgs:
    return TwoOrgs()


async def sent_for(org: AnOrg, request: ListRecords) -> str:
    org.sent.clear()
    await org.queries.list_records(CALLER, request)
    (text,) = org.sent
    return text


def where(text: str) -> str:
    return text.partition(" WHERE ")[2].partition(" ORDER BY ")[0]


async def refused(work: Any) -> tuple[Reason, str]:
    with pytest.raises(CallError) as found:
        await work
    return found.value.reason, found.value.message


# Lists


@pytest.mark.parametrize("limit", [1, 2, MAX_PAGE])
async def test_a_page_is_as_long_as_asked_for(org: TwoOrgs, limit: int) -> None:
    org.rows = [a_row(Name=f"N{n}") for n in range(limit + 1)]
    page = await org.queries.list_records(CALLER, ListRecords("Account", limit=limit))
    assert org.sent[0].endswith(f" LIMIT {limit + 1}")
    assert (len(page.records), page.records[-1].fields["Name"], page.total) == (limit, f"N{limit - 1}", None)
    assert page.cursor is not None


async def test_a_page_that_is_just_full_is_the_last_one(org: TwoOrgs) -> None:
    org.rows = [a_row(Name="A"), a_row(Name="B")]
    page = await org.queries.list_records(CALLER, ListRecords("Account", limit=2))
    assert (len(page.records), page.cursor, page.total) == (2, None, 2)
    org.rows = [a_row(Name="A"), a_row(Name="B", Id=f"{RECORD_ID[:-1]}B")]
    cursor = (await org.queries.list_records(CALLER, ListRecords("Account", limit=1))).cursor
    page = await org.queries.list_records(CALLER, ListRecords("Account", limit=2, cursor=cursor))
    assert (page.cursor, page.total) == (None, None), "only who has seen all pages knows how many there are"


async def test_a_list_is_sorted_as_asked_for_and_as_its_object_is_otherwise(org: TwoOrgs) -> None:
    assert (
        await sent_for(org, ListRecords("Opportunity"))
        == "SELECT Id, Name, StageName, Amount, CloseDate, OwnerId, Owner.Name, AccountId, Account.Name, SystemModstamp"
        " FROM Opportunity"
        " ORDER BY CloseDate DESC NULLS LAST, Id ASC LIMIT 26"
    )
    assert (
        await sent_for(org, ListRecords("Account", sort=Sort("AnnualRevenue", descending=True)))
        == "SELECT Id, Name, Industry, Type, BillingCity, Phone, AnnualRevenue, SystemModstamp FROM Account"
        " ORDER BY AnnualRevenue DESC NULLS LAST, Id ASC LIMIT 26"
    )


async def test_the_conditions_of_a_list_hold_all_of_them(org: TwoOrgs) -> None:
    filters = (Filter("Industry", "eq", "Food"), Filter("AnnualRevenue", "lt", 5))
    text = await sent_for(org, ListRecords("Account", search="x y", filters=filters))
    assert (
        where(text) == "(Industry = 'Food') AND (AnnualRevenue < 5) AND (Name LIKE '%x y%' OR BillingCity LIKE '%x y%')"
    )


@pytest.mark.parametrize("search", [None, "", "   "])
async def test_a_search_without_words_is_none(org: TwoOrgs, search: str | None) -> None:
    assert " WHERE " not in await sent_for(org, ListRecords("Account", search=search))


async def test_a_search_looks_only_where_the_user_may_look(org: TwoOrgs) -> None:
    org.hidden = {"BillingCity"}
    assert where(await sent_for(org, ListRecords("Account", search="x" * 100))) == f"(Name LIKE '%{'x' * 100}%')"


@pytest.mark.parametrize(("condition", "text"), [
    (Filter("AnnualRevenue", "eq", 1), "AnnualRevenue = 1"),
    (Filter("AnnualRevenue", "ne", 1), "AnnualRevenue != 1"),
    (Filter("AnnualRevenue", "lt", 1), "AnnualRevenue < 1"),
    (Filter("AnnualRevenue", "le", 1), "AnnualRevenue <= 1"),
    (Filter("AnnualRevenue", "gt", 1), "AnnualRevenue > 1"),
    (Filter("AnnualRevenue", "ge", 1), "AnnualRevenue >= 1"),
    (Filter("AnnualRevenue", "eq", None), "AnnualRevenue = null"),
    (Filter("AnnualRevenue", "ne", None), "AnnualRevenue != null"),
    (Filter("Industry", "contains", "a"), "Industry LIKE '%a%'"),
    (Filter("OwnerId", "eq", "me"), f"OwnerId = '{ME}'"),
    (Filter("OwnerId", "eq", RECORD_ID), f"OwnerId = '{RECORD_ID}'"),
    (Filter("AccountId", "eq", "me"), "AccountId = 'me'"),
    (Filter("Name", "eq", "me"), "Name = 'me'"),
])  # fmt: skip
async def test_each_filter_is_one_condition(org: TwoOrgs, condition: Filter, text: str) -> None:
    value = off_the_wire(condition.value) if isinstance(condition.value, str) else condition.value
    assert (
        where(
            await sent_for(
                org,
                ListRecords(
                    "Account", filters=(replace(condition, value=value, operator=off_the_wire(condition.operator)),)
                ),
            )
        )
        == f"({text})"
    )  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("request_", "reason", "message"), [
    (ListRecords("Account", limit=0), Reason.MALFORMED_REQUEST, "limit is a number from 1 to 200"),
    (ListRecords("Account", limit=201), Reason.MALFORMED_REQUEST, "limit is a number from 1 to 200"),
    (ListRecords("Account", sort=Sort("Phone")), Reason.INVALID_VALUE, "Phone cannot be sorted by."),
    (ListRecords("Account", filters=(Filter("Phone", "eq", "1"),)), Reason.INVALID_VALUE,
     "Phone cannot be filtered by."),
    (ListRecords("Account", filters=(Filter("Name", "contains", 5),)), Reason.INVALID_VALUE,
     "contains needs a text and a text field."),
    (ListRecords("Account", filters=(Filter("CloseDate", "contains", "5"),)), Reason.INVALID_VALUE,
     "contains needs a text and a text field."),
    (ListRecords("Account", filters=(Filter("Name", "le", None),)), Reason.INVALID_VALUE,
     "An empty value can only be compared with eq and ne."),
    (ListRecords("Account", search="x" * 101), Reason.INVALID_VALUE, "A search text has at most 100 characters."),
    (ListRecords("Account", sort=Sort("Nope")), Reason.UNKNOWN_FIELD,
     "The Account has no field 'Nope' that you may see."),
])  # fmt: skip
async def test_a_list_that_is_refused_says_why(
    org: TwoOrgs, request_: ListRecords, reason: Reason, message: str
) -> None:
    assert await refused(org.queries.list_records(CALLER, request_)) == (reason, message)
    assert org.sent == []


# Cursors


STAYED = [RECORD_ID, zlib.crc32(b'"N"')]
GOOD = ["Name", False, "N", RECORD_ID, 1, [STAYED]]


def cursor_of(*mark: object) -> str:
    text = [*mark, 1, [STAYED]] if len(mark) == 4 else list(mark)
    return base64.urlsafe_b64encode(json.dumps(text).encode()).decode().rstrip("=")


@pytest.mark.parametrize(("sort", "value", "condition"), [
    (Sort("Id"), "ID", "Id > 'ID'"),
    (Sort("Id", descending=True), "ID", "Id < 'ID'"),
    (Sort("CloseDate"), "2026-11-24",
     "CloseDate > 2026-11-24 OR (CloseDate = 2026-11-24 AND Id > 'ID') OR CloseDate = null"),
    (Sort("CloseDate", descending=True), "2026-11-24",
     "CloseDate < 2026-11-24 OR (CloseDate = 2026-11-24 AND Id > 'ID') OR CloseDate = null"),
    (Sort("CloseDate", descending=True), None, "CloseDate = null AND Id > 'ID'"),
])  # fmt: skip
async def test_a_cursor_says_what_comes_after_its_record(
    org: TwoOrgs, sort: Sort, value: object, condition: str
) -> None:
    value = RECORD_ID if value == "ID" else value
    text = await sent_for(
        org, ListRecords("Account", sort=sort, cursor=cursor_of(sort.field, sort.descending, value, RECORD_ID))
    )
    assert where(text) == f"({condition})".replace("'ID'", f"'{RECORD_ID}'")


async def test_a_text_goes_on_by_position_and_reads_the_last_record_again(org: TwoOrgs) -> None:
    org.rows = [a_row(Name="N")] * 2
    cursor = (await org.queries.list_records(CALLER, ListRecords("Account", limit=1))).cursor
    assert cursor is not None
    mark = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    assert mark == GOOD
    text = await sent_for(org, ListRecords("Account", limit=1, cursor=cursor))
    assert text.endswith("FROM Account ORDER BY Name ASC NULLS LAST, Id ASC LIMIT 3")
    text = await sent_for(org, ListRecords("Account", limit=1, cursor=cursor_of(*mark[:4], 9, mark[5])))
    assert text.endswith("FROM Account ORDER BY Name ASC NULLS LAST, Id ASC LIMIT 3 OFFSET 8")


@pytest.mark.parametrize("mark", [
    "text", {"a": 1}, [], GOOD[:4], [*GOOD, 1], 5, None,
    ["Industry", *GOOD[1:]], ["Phone", *GOOD[1:]],
    *(["Name", wrong, *GOOD[2:]] for wrong in (True, 0, None)),
    *([*GOOD[:2], wrong, *GOOD[3:]] for wrong in (["N"], {"N": 1})),
    *([*GOOD[:3], wrong, *GOOD[4:]] for wrong in (5, None, "' OR Id != '", "001")),
    *([*GOOD[:4], wrong, *GOOD[5:]] for wrong in (None, -1, 0, 1.0, True, 10**9, "1")),
    *([*GOOD[:5], wrong] for wrong in (None, "x", [1], [RECORD_ID], [["' OR Id != '", 1]], [[RECORD_ID]])),
    [*GOOD[:5], [STAYED] * 6],
])  # fmt: skip
async def test_a_cursor_of_another_list_or_of_nobodys_is_refused_and_sends_nothing(org: TwoOrgs, mark: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")
    work = org.queries.list_records(CALLER, ListRecords("Account", cursor=cursor))
    assert (await refused(work))[0] is Reason.INVALID_CURSOR
    assert org.sent == []


@pytest.mark.parametrize("text", ["[" * 2900, "[" * 100_000, "9" * 5000, "\ud800"])
async def test_a_cursor_that_only_costs_time_is_refused(org: TwoOrgs, text: str) -> None:
    cursor = base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()
    work = org.queries.list_records(CALLER, ListRecords("Account", cursor=cursor))
    assert (await refused(work))[0] is Reason.INVALID_CURSOR
    assert org.sent == []


# A record


async def test_a_record_and_its_children_are_one_query(org: TwoOrgs) -> None:
    org.rows = [a_row(Name="Acme", Contacts={"records": [a_row(Name="Ada"), a_row(Name="Bo")]}, Opportunities=None)]
    detail = await org.queries.get_record(
        CALLER, GetRecord("Account", RECORD_ID, ("Contacts", "Opportunities", "Contacts"))
    )
    assert org.sent == [
        "SELECT Id, Name, Type, Industry, Phone, AnnualRevenue, BillingCity, OwnerId, Owner.Name, Owner.Type,"
        " SystemModstamp, (SELECT Id,"
        " Name, Phone, AccountId, Account.Name, SystemModstamp FROM Contacts ORDER BY Name ASC NULLS LAST, Id ASC LIMIT"
        " 50), (SELECT Id, Name, StageName, Amount, CloseDate, OwnerId, Owner.Name, AccountId,"
        " Account.Name, SystemModstamp FROM"
        f" Opportunities ORDER BY CloseDate DESC NULLS LAST, Id ASC LIMIT 50) FROM Account WHERE Id = '{RECORD_ID}'"
        " LIMIT 1"
    ]
    assert [c.fields["Name"] for c in detail.related["Contacts"]] == ["Ada", "Bo"]
    assert list(detail.record.fields) == [
        "Name",
        "Type",
        "Industry",
        "Phone",
        "AnnualRevenue",
        "BillingCity",
        "OwnerId",
        "Owner.Name",
        "Owner.Type",
    ]


@pytest.mark.parametrize(("request_", "reason", "message"), [
    (GetRecord("Account", "001"), Reason.INVALID_VALUE, "A record id has 15 or 18 letters and digits."),
    (GetRecord("Task", RECORD_ID, ("Tasks",)), Reason.UNKNOWN_FIELD,
     "Task has no related list of that name; known are: none"),
])  # fmt: skip
async def test_a_record_that_cannot_be_asked_for(
    org: TwoOrgs, request_: GetRecord, reason: Reason, message: str
) -> None:
    assert await refused(org.queries.get_record(CALLER, request_)) == (reason, message)
    assert org.sent == []


async def test_a_record_that_is_gone(org: TwoOrgs) -> None:
    with pytest.raises(NotFound) as gone:
        await org.queries.get_record(CALLER, GetRecord("Account", RECORD_ID))
    assert gone.value.reason is Reason.RECORD_NOT_FOUND


# Search


async def test_a_search_asks_each_object_once_in_its_own_order(org: TwoOrgs) -> None:
    org.rows = [
        a_row(Name="O", attributes={"type": "Opportunity"}),
        *(a_row(Name=n, attributes={"type": "Account"}) for n in "AB"),
    ]
    hits = await org.queries.search(CALLER, Search(" ac  me ", ("Account", "Opportunity", "Account"), 7))
    assert org.sent == [
        "FIND {ac me*} IN ALL FIELDS RETURNING Account(Id, Name, Industry, Type, BillingCity, Phone, SystemModstamp"
        " ORDER BY Name ASC NULLS LAST, Id ASC LIMIT 7), Opportunity(Id, Name, StageName, Amount, CloseDate,"
        " OwnerId, Owner.Name, AccountId, Account.Name, SystemModstamp ORDER BY CloseDate DESC NULLS LAST, Id ASC"
        " LIMIT 7)"
    ]
    assert [(h.sobject, h.record.fields["Name"]) for h in hits.hits] == [
        ("Account", "A"),
        ("Account", "B"),
        ("Opportunity", "O"),
    ]
    assert list(hits.hits[0].record.fields) == ["Name", "Industry", "Type", "BillingCity", "Phone"]


@pytest.mark.parametrize("limit", [1, MAX_PAGE])
async def test_a_search_brings_as_many_as_asked_for(org: TwoOrgs, limit: int) -> None:
    await org.queries.search(CALLER, Search("acme", ("Account",), limit))
    assert org.sent[0].endswith(f"LIMIT {limit})")


@pytest.mark.parametrize(("request_", "reason", "message"), [
    (Search("acme", limit=0), Reason.MALFORMED_REQUEST, "limit is a number from 1 to 200"),
    (Search("acme", limit=201), Reason.MALFORMED_REQUEST, "limit is a number from 1 to 200"),
    (Search("a"), Reason.INVALID_VALUE, "A search needs 2 to 100 letters."),
])  # fmt: skip
async def test_a_search_that_is_refused_says_why(org: TwoOrgs, request_: Search, reason: Reason, message: str) -> None:
    assert await refused(org.queries.search(CALLER, request_)) == (reason, message)
    assert org.sent == []


async def test_a_search_in_an_object_that_the_app_does_not_have_is_refused_as_that(org: TwoOrgs) -> None:
    assert (await refused(org.queries.search(CALLER, Search("acme", ("Account", "Nonsense")))))[
        0
    ] is Reason.UNKNOWN_OBJECT


async def test_a_search_in_what_the_user_may_not_see_is_refused_and_in_everything_leaves_it_out(org: TwoOrgs) -> None:
    org.hidden = {"Account"}
    assert (await refused(org.queries.search(CALLER, Search("acme", ("Contact", "Account")))))[
        0
    ] is Reason.NOT_PERMITTED
    await org.queries.search(CALLER, Search("acme"))
    returned = [part.partition("(")[0] for part in org.sent[0].partition("RETURNING ")[2].split("), ")]
    assert returned == [sobject for sobject in LAYOUTS if sobject != "Account"]
    assert len(returned) > 4


async def test_a_search_of_a_user_who_may_see_nothing(org: TwoOrgs) -> None:
    org.hidden = set(LAYOUTS)
    assert (await refused(org.queries.search(CALLER, Search("acme"))))[0] is Reason.NOT_PERMITTED
    assert org.sent == []


# Shapes


async def test_the_shape_of_an_object_has_salesforces_words_and_rights_and_the_apps_order(org: TwoOrgs) -> None:
    org.hidden = {"Opportunity", "Task"}
    shape = await org.queries.describe(CALLER, Describe("Account"))
    assert (shape.sobject, shape.label, shape.label_plural, shape.title, shape.icon) == (
        "Account",
        "The Account",
        "Accounts",
        "Name",
        "business",
    )
    assert [f.name for f in shape.fields] == [
        "Name",
        "Type",
        "Industry",
        "Phone",
        "AnnualRevenue",
        "BillingCity",
        "OwnerId",
    ]
    assert {f.name: f.currency for f in shape.fields if f.currency} == {"AnnualRevenue": "EUR"}
    assert shape.listed == ("Name", "Industry", "Type", "BillingCity", "Phone")
    assert shape.filters == ("OwnerId", "Industry")
    assert shape.sorts == ("Name", "Industry", "Type", "BillingCity")
    assert shape.sort == Sort("Name")
    assert shape.sections == (
        Section("Address", ("BillingCity",)), Section("First", ("Phone", "Name")), Section("", ("Type", "Industry",
            "AnnualRevenue", "OwnerId")),
    )  # fmt: skip
    assert [related for related in shape.related if not related.sobject.endswith("__c")] == [
        RelatedList("Contacts", "Contact", "Contacts", "AccountId"),
        RelatedList("Cases", "Case", "Cases", "AccountId"),
    ]
    assert (shape.creatable, shape.editable, shape.deletable, shape.key_prefix) == (True, False, True, "001")


class Worded(TwoOrgs):
    """An org whose contacts are described in one language, with what their page layout calls a reference."""

    def __init__(self, label: str, account: str, address: str, captions: dict[str, str]) -> None:
        super().__init__()
        self.label, self.account, self.address, self.captions = label, account, address, captions

    def _described(self, sobject: str) -> Described:
        plain = super()._described(sobject)
        if sobject == "Account":
            return replace(plain, label=self.account)
        reference = plain.fields["AccountId"]
        street = FieldShape("MailingStreet", "Street", "textarea", False, True, True)
        fields = {
            "AccountId": replace(reference, shape=replace(reference.shape, label=self.label, refers_to=("Account",))),
            "MailingStreet": DescribedField(street, True, True, "MailingAddress"),
            "MailingCity": DescribedField(replace(street, name="MailingCity"), True, True, "MailingAddress"),
            "MailingAddress": DescribedField(
                FieldShape("MailingAddress", self.address, "address", False, False, False), False, False
            ),
        }
        return replace(plain, fields={**plain.fields, **fields}, captions=self.captions)


@pytest.mark.parametrize(("label", "account", "address", "caption"), [
    ("Account ID", "Account", "Mailing Address", "Account Name"),
    ("Account-ID", "Account", "Postanschrift", "Accountname"),
    ("取引先 ID", "取引先", "郵送先住所", "取引先名"),
])  # fmt: skip
async def test_references_and_addresses_are_called_in_the_users_words(
    label: str, account: str, address: str, caption: str
) -> None:
    for captions, called in (({"AccountId": caption}, caption), ({}, account)):
        org = Worded(label, account, address, captions)
        contact = next(o for o in (await org.queries.get_objects(CALLER, Empty())).objects if o.sobject == "Contact")
        reference = next(f for f in contact.fields if f.name == "AccountId")
        assert (reference.label, reference.caption, reference.parent_name) == (label, called, "Account.Name")
        assert contact.addresses == (AddressShape(address, street="MailingStreet", city="MailingCity"),)
        assert {f.caption for f in contact.fields if f.type != "reference"} == {None}


async def test_what_a_page_layout_calls_a_reference_outlives_a_newer_describe() -> None:
    org = Worded("Account ID", "Account", "Mailing Address", {"AccountId": "Account Name", "Gone": "Not used"})
    described = (await org.describe(CALLER.uid, {"Contact": None}))["Contact"]
    assert isinstance(described, Described)
    kept = decode(encode({"Contact": described}))["Contact"]
    assert kept is not None
    assert (kept.captions, kept.fields["MailingCity"].within) == (described.captions, "MailingAddress")


async def test_an_amount_and_a_date_are_named_only_where_the_user_may_see_them(org: TwoOrgs) -> None:
    shape = await org.queries.describe(CALLER, Describe("Opportunity"))
    assert (shape.amount, shape.date, shape.stand_ins) == ("Amount", "CloseDate", ())
    org = TwoOrgs()
    org.hidden = {"Amount"}
    assert (await org.queries.describe(CALLER, Describe("Opportunity"))).amount == ""


async def test_an_opportunity_is_sorted_by_its_own_fields_only(org: TwoOrgs) -> None:
    shape = await org.queries.describe(CALLER, Describe("Opportunity"))
    assert shape.sorts == ("Name", "StageName", "Amount", "CloseDate")
    assert shape.sort == Sort("CloseDate", descending=True)
    assert shape.listed == (
        "Name",
        "StageName",
        "Amount",
        "CloseDate",
        "OwnerId",
        "Owner.Name",
        "AccountId",
        "Account.Name",
    )


async def test_all_objects_come_in_the_apps_order_without_those_that_the_user_may_not_see(org: TwoOrgs) -> None:
    org.hidden = {"Contact"}
    objects = await org.queries.get_objects(CALLER, Empty())
    assert [o.sobject for o in objects.objects] == [sobject for sobject in LAYOUTS if sobject != "Contact"]
    assert objects.site == "https://acme.my.salesforce.com"
    assert {f.currency for f in objects.objects[0].fields if f.type == "currency"} == {"EUR"}


# Dashboard and profile


async def test_the_dashboard_is_four_queries_and_each_answer_has_its_place(org: TwoOrgs) -> None:
    stages = [
        a_row(stage="Old", number=2, amount=None),
        a_row(stage="Won", number=1.0, amount=7),
        a_row(stage="New", number=3, amount=1.5),
    ]
    org.answers = [stages, [a_row(Name="closes")], [a_row(Name="task")], [a_row(Name="account")]]
    dashboard = await org.queries.get_dashboard(CALLER, Empty())
    assert org.sent == [
        (
            "SELECT StageName stage, COUNT(Id) number, SUM(Amount) amount FROM Opportunity WHERE IsClosed = false GROUP"
            " BY StageName"
        ),
        (
            "SELECT Id, Name, StageName, Amount, CloseDate, OwnerId, Owner.Name, AccountId,"
            " Account.Name, SystemModstamp"
            " FROM Opportunity"
            " WHERE IsClosed = false AND CloseDate = THIS_MONTH ORDER BY CloseDate ASC, Id ASC LIMIT 5"
        ),
        (
            f"SELECT Id, SystemModstamp FROM Task WHERE IsClosed = false AND OwnerId = '{ME}' ORDER BY Id ASC NULLS"
            " LAST LIMIT 5"
        ),
        (
            "SELECT Id, Name, Industry, Type, BillingCity, Phone, SystemModstamp FROM Account ORDER BY CreatedDate DESC"
            " LIMIT 5"
        ),
    ]
    assert dashboard.pipeline == (StageTotal("New", 3, 1.5), StageTotal("Won", 1, 7.0), StageTotal("Old", 2, 0.0))
    assert type(dashboard.pipeline[1].count) is int
    assert [r.fields["Name"] for r in (*dashboard.newest_accounts, *dashboard.closing)] == ["account", "closes"]
    assert (len(dashboard.newest_accounts), len(dashboard.closing), len(dashboard.tasks)) == (1, 1, 1)


async def test_stages_that_describe_does_not_name_come_last_by_their_name(org: TwoOrgs) -> None:
    org.answers = [[a_row(stage=s, number=1) for s in ("Zeta", "Late", "Won")], [], [], []]
    assert [t.stage for t in (await org.queries.get_dashboard(CALLER, Empty())).pipeline] == ["Won", "Late", "Zeta"]


@pytest.mark.parametrize(("hidden", "sources"), [
    ("Opportunity", ["Task", "Account"]), ("Task", ["Opportunity", "Opportunity", "Account"]), ("Account",
        ["Opportunity", "Opportunity", "Task"]),
])  # fmt: skip
async def test_what_the_user_may_not_see_is_not_on_the_dashboard(
    org: TwoOrgs, hidden: Sobject, sources: list[str]
) -> None:
    org.hidden, org.rows = {hidden, f"{hidden}Id"}, [a_row(stage="New", number=1)]
    dashboard = await org.queries.get_dashboard(CALLER, Empty())
    assert [text.partition(" FROM ")[2].partition(" ")[0] for text in org.sent] == sources
    lengths = {"Opportunity": (0, 0, 1, 1), "Task": (1, 1, 0, 1), "Account": (1, 1, 1, 0)}[hidden]
    assert (
        len(dashboard.pipeline),
        len(dashboard.closing),
        len(dashboard.tasks),
        len(dashboard.newest_accounts),
    ) == lengths


async def test_who_may_see_nothing_has_an_empty_dashboard_and_nothing_is_asked(org: TwoOrgs) -> None:
    org.hidden = {"Opportunity", "Task", "Account"}
    assert await org.queries.get_dashboard(CALLER, Empty()) == Dashboard(
        (), (), hidden=("pipeline", "closing", "tasks", "newestAccounts")
    )
    assert org.sent == []


async def test_a_profile_holds_what_salesforce_says_of_the_user(org: TwoOrgs) -> None:
    org.rows = [a_row(Name="Sam", Email="s@x", Username="s@y", Title="AE", CompanyName="Co", Department="D", Phone="1",
                      MobilePhone="2",
                      TimeZoneSidKey="Europe/Berlin", Profile={"Name": "Standard"})]  # fmt: skip
    user = User(str(CALLER.uid), "Sam", "s@x", "s@y", CALLER.uid.org_id, ME)
    assert await org.queries.get_profile(CALLER, Empty()) == Profile(
        user, "AE", "Co", "D", "1", "2", "Standard", "Europe/Berlin"
    )
    fields = "Name, Email, Username, Title, CompanyName, Department, Phone, MobilePhone, TimeZoneSidKey, Profile.Name"
    assert org.sent == [f"SELECT {fields} FROM User WHERE Id = '{ME}' LIMIT 1"]


async def test_a_profile_with_nothing_in_it_and_one_that_is_gone(org: TwoOrgs) -> None:
    org.rows = [a_row()]
    assert await org.queries.get_profile(CALLER, Empty()) == Profile(
        User(str(CALLER.uid), "", "", "", CALLER.uid.org_id, ME)
    )
    org.rows = []
    with pytest.raises(NotFound) as gone:
        await org.queries.get_profile(CALLER, Empty())
    assert gone.value.reason is Reason.RECORD_NOT_FOUND
