"""One suite for both Salesforces of these tests: the one in memory, and the real adapter at the local org."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import pytest

from backend.failures import ShapeRefused
from backend.records.org import Described, Org, PreconditionFailed, Row, Undescribed
from backend.values import Uid
from contract.errors import NotFound, Reason
from devtools.clients import ADMIN, SALES, control
from tests.functions.instances import Instances
from tests.functions.records.an_org import CALLER, AnOrg, a_row

SELECTED = "Id, Name, Phone, SystemModstamp"
HIDDEN = ("AnnualRevenue", "Lead")  # from whoever may only read


@dataclass
class Salesforce:
    """An org with one account that was just made; `hide` takes HIDDEN from its user."""

    org: Org
    uid: Uid
    row: Row
    hide: Callable[[], object]

    @property
    def record_id(self) -> str:
        return str(self.row["Id"])

    @property
    def version(self) -> datetime:
        return datetime.fromisoformat(str(self.row["SystemModstamp"]))

    async def read(self) -> Row:
        (rows,) = await self.org.query(self.uid, f"SELECT {SELECTED} FROM Account WHERE Id = '{self.record_id}'")
        return rows[0]


@pytest.fixture(params=["memory", "local org"])
async def salesforce(request: pytest.FixtureRequest, instances: Instances) -> Salesforce:
    if request.param == "memory":
        org, uid = AnOrg(), CALLER.uid
        org.rows = [a_row(Name="Acme", Phone="1")]
        made = await org.create(uid, "Account", {"Name": "Acme", "Phone": "1"}, SELECTED)
        return Salesforce(org, uid, cast(Row, made[1]), lambda: org.hidden.update(HIDDEN))
    uid, _ = await instances.connect(SALES)
    rest = instances.each[0].rest
    _, row = await rest.create(uid, "Account", {"Name": "Acme", "Phone": "1"}, SELECTED)
    return Salesforce(
        rest,
        uid,
        cast(Row, row),
        lambda: control(instances.org.url, "profile", {"username": SALES, "profile": "Read Only"}),
    )


async def test_a_record_comes_back_as_it_was_made(salesforce: Salesforce) -> None:
    row = salesforce.row
    assert (len(salesforce.record_id), row["Name"], row["Phone"]) == (18, "Acme", "1")
    assert salesforce.version.tzinfo is not None
    assert cast(Row, row["attributes"])["type"] == "Account"


async def test_each_text_has_rows_of_its_own(salesforce: Salesforce) -> None:
    text = f"SELECT {SELECTED} FROM Account WHERE Id = '{salesforce.record_id}'"
    assert [[r["Id"] for r in rows] for rows in await salesforce.org.query(salesforce.uid, text, text)] == [
        [salesforce.record_id]
    ] * 2


async def test_what_a_search_finds_tells_its_object(salesforce: Salesforce) -> None:
    rows = await salesforce.org.search(salesforce.uid, "FIND {Acme} IN ALL FIELDS RETURNING Account(Id, Name)")
    assert salesforce.record_id in [r["Id"] for r in rows]
    assert {cast(Row, r["attributes"])["type"] for r in rows} == {"Account"}


async def test_what_a_user_may_not_see_is_not_described_and_not_answered(salesforce: Salesforce) -> None:
    org, uid = salesforce.org, salesforce.uid
    before = await org.describe(uid, {"Account": None, "Lead": None})
    assert all(isinstance(d, Described) for d in before.values())
    await org.query(uid, "SELECT Id, AnnualRevenue FROM Account LIMIT 1")
    salesforce.hide()
    after = await org.describe(uid, {"Account": None, "Lead": None})
    assert isinstance(after["Account"], Described)
    assert ("Name" in after["Account"].fields, "AnnualRevenue" in after["Account"].fields) == (True, False)
    assert after["Lead"] is Undescribed.HIDDEN
    for text, reason in (
        ("SELECT Id, AnnualRevenue FROM Account LIMIT 1", Reason.UNKNOWN_FIELD),
        ("SELECT Id FROM Lead LIMIT 1", Reason.NOT_PERMITTED),
    ):
        with pytest.raises(ShapeRefused) as refused:
            await org.query(uid, text)
        assert refused.value.reason is reason


@pytest.mark.parametrize("sobject", ["Account", "Opportunity"])
async def test_the_org_in_memory_describes_fields_as_the_local_org_does(instances: Instances, sobject: str) -> None:
    uid, _ = await instances.connect(ADMIN)
    real = (await instances.each[0].rest.describe(uid, {sobject: None}))[sobject]
    made_up = (await AnOrg().describe(uid, {sobject: None}))[sobject]
    assert isinstance(real, Described)
    assert isinstance(made_up, Described)
    assert made_up.fields.keys() - real.fields.keys() == {"Account": {"Amount", "StageName", "CloseDate", "AccountId"},
        "Opportunity": {"Industry", "AnnualRevenue", "Phone", "BillingCity"}}[sobject], (
        "it gives all objects the same fields")  # fmt: skip
    for name in made_up.fields.keys() & real.fields.keys():
        ours, theirs = made_up.fields[name].shape, real.fields[name].shape
        assert (ours.type, ours.relationship, bool(ours.picklist) or name == "Industry") == (
            theirs.type, theirs.relationship, bool(theirs.picklist)), name  # fmt: skip
        assert ours.editable == theirs.editable, name


async def test_a_page_layout_names_references_and_a_describe_the_addresses(instances: Instances) -> None:
    uid, _ = await instances.connect(ADMIN)
    contact = (await instances.each[0].rest.describe(uid, {"Contact": None}))["Contact"]
    assert isinstance(contact, Described)
    assert contact.fields["AccountId"].shape.label == "Account ID"
    assert {name: contact.captions[name] for name in ("AccountId", "OwnerId", "ReportsToId")} == {
        "AccountId": "Account Name", "OwnerId": "Contact Owner", "ReportsToId": "Reports To",
    }  # fmt: skip
    assert "Phone" not in contact.captions
    (address,) = {contact.fields[part].within for part in ("MailingStreet", "MailingCity", "MailingCountry")}
    assert contact.fields[address or ""].shape.label == "Mailing Address"


async def test_a_change_is_saved_over_exactly_what_was_seen(salesforce: Salesforce) -> None:
    org, uid, record_id = salesforce.org, salesforce.uid, salesforce.record_id
    with pytest.raises(PreconditionFailed) as failed:
        await org.update(uid, "Account", record_id, {"Phone": "2"}, SELECTED, salesforce.version - timedelta(seconds=1))
    assert failed.value.current is not None
    assert (failed.value.current["Id"], failed.value.current["Phone"]) == (record_id, "1")
    assert (await salesforce.read())["Phone"] == "1"
    row = await org.update(uid, "Account", record_id, {"Phone": "2"}, SELECTED, salesforce.version)
    assert row is not None
    assert (row["Phone"], (await salesforce.read())["Phone"]) == ("2", "2")
    await org.update(uid, "Account", record_id, {"Phone": "3"}, SELECTED, None)
    assert (await salesforce.read())["Phone"] == "3"


async def test_a_record_that_is_gone(salesforce: Salesforce) -> None:
    org, uid, record_id = salesforce.org, salesforce.uid, salesforce.record_id
    await org.delete(uid, "Account", record_id)
    with pytest.raises(PreconditionFailed) as failed:
        await org.update(uid, "Account", record_id, {"Phone": "2"}, SELECTED, salesforce.version)
    assert failed.value.current is None
    with pytest.raises(NotFound):
        await org.update(uid, "Account", record_id, {"Phone": "2"}, SELECTED, None)
    with pytest.raises(NotFound):
        await org.delete(uid, "Account", record_id)
    assert list((await org.query(uid, f"SELECT Id FROM Account WHERE Id = '{record_id}'"))[0]) == []


async def test_the_orgs_currency_and_site(salesforce: Salesforce) -> None:
    currency = await salesforce.org.currency(salesforce.uid)
    assert (len(currency), currency.isupper()) == (3, True)
    assert (await salesforce.org.site(salesforce.uid)).startswith("http")
