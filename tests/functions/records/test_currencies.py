"""An org with several currencies: each amount with its record's, sums in the corporate one, every list to its end."""

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.records import pages
from backend.records.layouts import LAYOUTS
from backend.records.org import Row
from backend.records.pages import Listed, Mark, page_of
from backend.values import Caller
from contract.calls import (
    CreateRecord,
    Describe,
    Empty,
    FieldValue,
    Filter,
    GetRecord,
    ListRecords,
    Search,
    SobjectShape,
    Sort,
    UpdateRecord,
)
from contract.errors import Reason, RefusedRequest
from devtools import loopback
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances
from tests.functions.records.an_org import CALLER, AnOrg

WORTH = {"USD": 1.0, "EUR": 0.9, "JPY": 150.0, "CHF": 0.8}  # for one US dollar, in the local org


@pytest.fixture(scope="module")
def rich_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=60, shape=frozenset({"multi-currency"}))) as org:
        yield org


@pytest.fixture
async def rich(rich_org: EmbeddedOrg) -> AsyncIterator[Instances]:
    instances = Instances(rich_org)
    control(rich_org.url, "faults/clear")
    yield instances
    await instances.http.close()


async def _deals(rich: Instances, username: str = ADMIN) -> tuple[Caller, SobjectShape]:
    uid, _ = await rich.connect(username)
    caller = Caller(uid, "phone")
    return caller, await rich.each[0].queries.describe(caller, Describe("Opportunity"))


async def _every_page(rich: Instances, caller: Caller, sobject: str, sort: Sort, limit: int) -> list[str]:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        asked = ListRecords(sobject, sort=sort, limit=limit, cursor=cursor)
        page = await rich.each[0].queries.list_records(caller, asked)
        seen += [record.id for record in page.records]
        if page.cursor is None:
            return seen
        cursor = page.cursor


# Each amount with its record's code


async def test_every_amount_comes_with_the_code_of_its_record(rich: Instances) -> None:
    caller, shape = await _deals(rich)
    fields = {f.name: f for f in shape.fields}
    assert (fields["Amount"].currency, fields["Amount"].currency_field) == ("", "CurrencyIsoCode")
    code = fields["CurrencyIsoCode"]
    assert (code.type, code.picklist, code.default) == ("picklist", ("EUR", "JPY", "USD"), "USD")
    assert code.decimals == {"CHF": 2, "EUR": 2, "JPY": 0, "USD": 2}
    assert (code.required, code.labels["EUR"]) == (True, "Euro")
    assert any("CurrencyIsoCode" in section.fields for section in shape.sections), "a form shows it"
    assert "CurrencyIsoCode" not in (*shape.listed, *shape.sorts, *shape.filters)
    queries = rich.each[0].queries
    page = await queries.list_records(caller, ListRecords("Opportunity", limit=100))
    assert {r.fields["CurrencyIsoCode"] for r in page.records} == set(WORTH)
    one = page.records[0]
    detail = await queries.get_record(caller, GetRecord("Opportunity", one.id))
    assert detail.record.fields["CurrencyIsoCode"] == one.fields["CurrencyIsoCode"]
    account = str(one.fields["AccountId"])
    parent = await queries.get_record(caller, GetRecord("Account", account, ("Opportunities", "Contacts")))
    assert all(r.fields["CurrencyIsoCode"] in WORTH for r in parent.related["Opportunities"])
    assert parent.record.fields["CurrencyIsoCode"] in WORTH
    hits = (await queries.search(caller, Search("industries"))).hits
    assert {h.sobject for h in hits if "CurrencyIsoCode" in h.record.fields} == {"Opportunity"}
    home = await queries.get_dashboard(caller, Empty())
    assert all(r.fields["CurrencyIsoCode"] in WORTH for r in home.closing)


async def test_objects_without_amounts_say_nothing_of_currencies(rich: Instances) -> None:
    caller, _shape = await _deals(rich)
    shape = await rich.each[0].queries.describe(caller, Describe("Contact"))
    assert not [f.name for f in shape.fields if f.name == "CurrencyIsoCode" or f.currency_field]


async def test_home_adds_up_in_the_corporate_currency_and_says_so(rich: Instances) -> None:
    caller, _shape = await _deals(rich)
    process = rich.each[0]
    home = await process.queries.get_dashboard(caller, Empty())
    assert home.currency == "USD"
    text = "SELECT StageName, Amount, CurrencyIsoCode FROM Opportunity WHERE IsClosed = false"
    (rows,) = await process.rest.query(caller.uid, text)
    right: dict[str, float] = {}
    for row in rows:
        worth = cast(float, row["Amount"] or 0) / WORTH[str(row["CurrencyIsoCode"])]
        right[str(row["StageName"])] = right.get(str(row["StageName"]), 0) + worth
    assert {t.stage: round(t.amount, 4) for t in home.pipeline} == {s: round(a, 4) for s, a in right.items()}


# Creating and changing


async def test_the_currency_is_chosen_with_the_amount(rich: Instances) -> None:
    caller, _shape = await _deals(rich)
    changes = rich.each[0].changes
    deal: dict[str, FieldValue] = {"Name": "Yen", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    made = await changes.create_record(caller, CreateRecord("Opportunity", deal | {"CurrencyIsoCode": "JPY"}))
    assert made.record is not None
    assert made.record.fields["CurrencyIsoCode"] == "JPY"
    new: dict[str, FieldValue] = {"Amount": 5, "CurrencyIsoCode": "EUR"}
    saved = await changes.update_record(caller, UpdateRecord("Opportunity", made.id, new, made.record.version))
    assert (saved.record.fields["Amount"], saved.record.fields["CurrencyIsoCode"]) == (5, "EUR")
    wrong: dict[str, FieldValue] = {"CurrencyIsoCode": "CHF"}
    with pytest.raises(RefusedRequest) as refused:
        await changes.update_record(caller, UpdateRecord("Opportunity", made.id, wrong, saved.record.version))
    assert refused.value.reason is Reason.VALUE_NOT_IN_PICKLIST
    assert refused.value.details["fields"] == ["CurrencyIsoCode"]


# Filters


async def test_a_filter_on_amounts_compares_what_they_are_worth(rich: Instances) -> None:
    caller, _shape = await _deals(rich)
    queries = rich.each[0].queries

    async def listed(condition: Filter) -> list[tuple[float, str]]:
        page = await queries.list_records(caller, ListRecords("Opportunity", filters=(condition,), limit=200))
        return [(cast(float, r.fields["Amount"]), str(r.fields["CurrencyIsoCode"])) for r in page.records]

    more = await listed(Filter("Amount", "gt", 100_000))
    less = await listed(Filter("Amount", "le", 100_000))
    assert {code for _, code in more} >= {"USD", "EUR", "JPY"}
    assert {code for _, code in less} >= {"USD", "EUR", "JPY"}
    assert all(amount / WORTH[code] > 100_000 for amount, code in more), "a number is one of the corporate currency"
    assert all(amount / WORTH[code] <= 100_000 for amount, code in less)
    yen = await listed(Filter("Amount", "gt", 15_000_000, currency="JPY"))
    assert sorted(yen) == sorted(more)
    asked = ListRecords("Opportunity", filters=(Filter("Amount", "ne", None),), limit=200)
    assert len((await queries.list_records(caller, asked)).records) >= len(more) + len(less)
    for wrong in (
        Filter("Amount", "gt", 5, currency="CHF"),
        Filter("Amount", "gt", 5, currency="USD5 OR Name = 'x"),
        Filter("Amount", "gt", -5),
        Filter("Probability", "gt", 5, currency="USD"),
    ):
        with pytest.raises(RefusedRequest) as refused:
            await listed(wrong)
        assert refused.value.reason is Reason.INVALID_VALUE


async def test_a_filter_with_a_currency_in_an_org_with_one(instances: Instances) -> None:
    uid, _ = await instances.connect(ADMIN)
    asked = ListRecords("Opportunity", filters=(Filter("Amount", "gt", 5, currency="EUR"),))
    with pytest.raises(RefusedRequest) as refused:
        await instances.each[0].queries.list_records(Caller(uid, "phone"), asked)
    assert refused.value.reason is Reason.INVALID_VALUE


# Nobody's missing access is anybody else's


async def test_a_user_who_may_not_ask_for_the_currency_takes_it_from_nobody_else(instances: Instances) -> None:
    poor, _ = await instances.connect(SALES)
    uid, _ = await instances.connect(ADMIN)
    queries = instances.each[0].queries

    async def currency(caller: Caller) -> str:
        shape = await queries.describe(caller, Describe("Opportunity"))
        return next(f.currency for f in shape.fields if f.name == "Amount")

    said = '[{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]'
    control(instances.org.url, "faults", {"kind": "rest.organization", "times": 1, "status": 403, "body": said})
    assert await currency(Caller(poor, "phone")) == ""
    assert await currency(Caller(uid, "laptop")) == "USD"
    assert await currency(Caller(poor, "phone")) == "USD", "what somebody has learned is good for all"


async def test_an_answer_that_does_not_say_is_the_answer_for_this_user_only() -> None:
    org = AnOrg()
    other = Caller(type(CALLER.uid).of(CALLER.uid.org_id, "005000000000002AAA"), "phone")
    org.currency_code = ""

    async def currency(caller: Caller) -> set[str]:
        return {f.currency for f in (await org.queries.describe(caller, Describe("Account"))).fields}

    assert await currency(CALLER) == {""}
    org.currency_code = "EUR"
    assert await currency(other) == {"", "EUR"}


async def test_a_user_who_may_not_see_the_currencies_sees_amounts_with_codes_all_the_same(rich: Instances) -> None:
    poor, _ = await rich.connect(SALES)
    uid, _ = await rich.connect(ADMIN)
    queries = rich.each[0].queries
    said = '[{"errorCode": "INVALID_TYPE", "message": "no"}]'
    control(rich.org.url, "faults", {"kind": "rest.query", "times": 1, "status": 400, "body": said})
    shape = await queries.describe(Caller(poor, "phone"), Describe("Opportunity"))
    code = next(f for f in shape.fields if f.name == "CurrencyIsoCode")
    assert (code.picklist, code.decimals) == (("EUR", "JPY", "USD"), {})
    shape = await queries.describe(Caller(uid, "phone"), Describe("Opportunity"))
    assert next(f for f in shape.fields if f.name == "CurrencyIsoCode").decimals["JPY"] == 0


# Lists to their end


@pytest.mark.parametrize("most", [pages.MAX_OFFSET, 10])
@pytest.mark.parametrize("sobject", list(LAYOUTS))
async def test_every_list_comes_whole_in_every_order(
    rich: Instances, sobject: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beyond the offset that Salesforce goes to, for amounts at least: there they go on by what they are worth."""
    monkeypatch.setattr(pages, "MAX_OFFSET", most)
    caller, _ = await _deals(rich)
    process = rich.each[0]
    (rows,) = await process.rest.query(caller.uid, f"SELECT Id FROM {sobject} ORDER BY Id")
    every = [str(row["Id"]) for row in rows]
    shape = await process.queries.describe(caller, Describe(sobject))
    amounts = [f.name for f in shape.fields if f.type == "currency"]
    for field in dict.fromkeys((*shape.sorts, *amounts)) if most > 10 else amounts:
        for descending in (False, True):
            seen = await _every_page(rich, caller, sobject, Sort(field, descending), max(5, len(every) // 9))
            assert sorted(seen) == every, f"{field}, {'down' if descending else 'up'}"


class _Amounts:
    """An org of one object: amounts in several currencies, ordered by what they are worth."""

    def __init__(self, rows: Sequence[tuple[float | None, str]], rates: dict[str, float], active: set[str]) -> None:
        self.rows = {f"006{n:012d}AAA": row for n, row in enumerate(rows, 100)}
        self.rates = rates
        self.active = active

    def in_order(self, *, descending: bool) -> list[str]:
        def key(record_id: str) -> tuple[bool, float, str]:
            amount, code = self.rows[record_id]
            worth = 0.0 if amount is None else amount / self.rates[code]
            return amount is None, -worth if descending else worth, record_id

        return sorted(self.rows, key=key)

    async def ask(self, *texts: str) -> Sequence[Sequence[Row]]:
        return [self._answer(text) for text in texts]

    def _answer(self, text: str) -> Sequence[Row]:
        where = re.search(r" WHERE (.*?)(?: ORDER BY|$)", text)
        condition = where[1].replace("Amount = null", "Amount IS NULL") if where else "1"

        def compared(match: re.Match[str]) -> str:
            operator, code, number = match.groups()
            if not code:
                return f"Amount {operator} {number}"
            assert code in self.active, "Salesforce refuses the code of a currency that is not active"
            return f"worth {operator} {float(number) / self.rates[code]!r}"

        condition = re.sub(r"Amount ([<>=]) ([A-Z]{3})?(-?[\d.]+)", compared, condition)
        with sqlite3.connect(":memory:") as db:
            db.execute("CREATE TABLE t (Id TEXT, Amount REAL, worth REAL)")
            rows = [(i, a, None if a is None else a / self.rates[c]) for i, (a, c) in self.rows.items()]
            db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
            fitting = {row[0] for row in db.execute(f"SELECT Id FROM t WHERE {condition}")}
        if "COUNT(Id)" in text:
            return [{"number": len(fitting)}]
        limit = int(re.findall(r"LIMIT (\d+)", text)[0])
        offset = int((re.findall(r"OFFSET (\d+)", text) or [0])[0])
        assert offset <= pages.MAX_OFFSET, "Salesforce refuses it"
        ordered = [i for i in self.in_order(descending=" DESC " in text) if i in fitting]
        return [
            {"Id": i, "Amount": self.rows[i][0], "CurrencyIsoCode": self.rows[i][1]}
            for i in ordered[offset : offset + limit]
        ]

    async def literal(self, mark: Mark) -> str | None:
        amount = cast(float, mark.value)
        if amount < 0:
            return None
        if mark.currency in self.active:
            return f"{mark.currency}{amount}"
        return f"USD{amount / self.rates[mark.currency]!r}"


@given(
    rows=st.lists(
        st.tuples(st.sampled_from((None, 0.0, 5.5, 100.0, 150.0, 90.0, 15_000.0, -3.0)), st.sampled_from(tuple(WORTH))),
        max_size=50,
    ),
    limit=st.integers(1, 9),
    descending=st.booleans(),
    knows=st.booleans(),
    most=st.sampled_from([0, 7, 2000]),
)
async def test_no_amount_is_left_out_or_comes_twice_whatever_currencies_there_are(
    rows: list[tuple[float | None, str]], limit: int, descending: bool, knows: bool, most: int
) -> None:
    """`knows` is whether the codes of the records can be seen: without them no number says what comes next."""
    org = _Amounts(rows, WORTH, {"USD", "EUR", "JPY"})

    async def nothing(_mark: Mark) -> str | None:
        return None

    listed = Listed(
        "Id, Amount", "X", (), Sort("Amount", descending), "currency",
        currency_field="CurrencyIsoCode" if knows else "", literal=org.literal if knows else nothing,
    )  # fmt: skip
    seen: list[str] = []
    cursor: str | None = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "MAX_OFFSET", most)
        while True:
            try:
                page, cursor = await page_of(org.ask, listed, limit, cursor)
            except RefusedRequest as refused:
                if refused.reason is not Reason.LIST_TOO_LONG:
                    raise
                assert not knows or any(amount is not None and amount < 0 for amount, _ in rows)
                break
            seen += [str(row["Id"]) for row in page]
            if cursor is None:
                assert len(seen) == len(rows)
                break
    assert seen == org.in_order(descending=descending)[: len(seen)]


async def test_an_org_that_counts_no_amounts_with_codes_is_told_as_too_long_a_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "MAX_OFFSET", 5)
    org = _Amounts([(float(n), "EUR") for n in range(40)], WORTH, {"EUR", "USD"})

    async def ask(*texts: str) -> Sequence[Sequence[Row]]:
        if any("COUNT" in text and "EUR" in text for text in texts):
            raise RefusedRequest(Reason.INVALID_VALUE)
        return await org.ask(*texts)

    listed = Listed("Id", "X", (), Sort("Amount"), "currency", currency_field="CurrencyIsoCode", literal=org.literal)
    cursor: str | None = None
    for _page in range(2):
        _rows, cursor = await page_of(ask, listed, 5, cursor)
    with pytest.raises(RefusedRequest) as refused:
        await page_of(ask, listed, 30, (await page_of(ask, listed, 5, cursor))[1])
    assert refused.value.reason is Reason.LIST_TOO_LONG


async def test_amounts_go_on_far_in_only_where_the_orders_are_sure_to_agree(
    rich: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count alone is no proof: of amounts in several currencies as many others may be greater as a number."""
    monkeypatch.setattr(pages, "MAX_OFFSET", 10)
    caller, _shape = await _deals(rich)
    seen = await _every_page(rich, caller, "Opportunity", Sort("Amount"), 6)
    (rows,) = await rich.each[0].rest.query(caller.uid, "SELECT Id FROM Opportunity ORDER BY Amount NULLS LAST, Id")
    assert seen == [str(row["Id"]) for row in rows]


async def test_one_currency_costs_no_more_and_several_one_request(rich: Instances, instances: Instances) -> None:
    for process, org, kind in ((rich, rich.org, "rest.query"), (instances, instances.org, "rest.organization")):
        caller, _ = await _deals(process)
        fresh = process.instance("fresh")
        await fresh.queries.get_objects(caller, Empty())
        again = process.instance("fresher")
        loopback.post(f"{org.url}/localorg/control/counters/reset")
        await again.queries.get_objects(caller, Empty())
        counted = cast("dict[str, int]", loopback.get(f"{org.url}/localorg/control/counters").json())
        assert {k: n for k, n in counted.items() if k.startswith("rest.")} == {kind: 1}
