"""An org with picklists of countries and states: codes are chosen, texts follow them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from backend.adapters.salesforce_picklists import picklist_of
from backend.records.describe import decode, encode
from backend.values import Caller
from contract.calls import CreateRecord, Describe, FieldValue, GetPicklists, GetRecord, UpdateRecord
from contract.errors import Reason, RefusedRequest
from devtools.clients import ADMIN
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances

ADDRESSES = (("Account", "Billing"), ("Contact", "Mailing"), ("Lead", ""))


@pytest.fixture(scope="module", params=[{"state-country"}, {"state-country", "person-accounts"}])
def coded_org(request: pytest.FixtureRequest) -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5, shape=frozenset(request.param))) as org:
        yield org


@pytest.fixture
async def coded(coded_org: EmbeddedOrg) -> AsyncIterator[tuple[Instances, Caller]]:
    instances = Instances(coded_org)
    uid, _ = await instances.connect(ADMIN)
    yield instances, Caller(uid, "phone")
    await instances.http.close()


@pytest.mark.parametrize(("sobject", "prefix"), ADDRESSES)
async def test_one_chooses_a_country_and_one_of_its_states(
    coded: tuple[Instances, Caller], sobject: str, prefix: str
) -> None:
    instances, caller = coded
    shape = await instances.each[0].queries.describe(caller, Describe(sobject))
    fields = {f.name: f for f in shape.fields}
    country, state = fields[f"{prefix}CountryCode"], fields[f"{prefix}StateCode"]
    text = fields[f"{prefix}State"]
    assert (country.type, state.type, state.controller) == ("picklist", "picklist", country.name)
    assert (country.editable, state.editable, text.editable, text.creatable) == (True, True, False, False)
    assert state.label == text.label, "one chooses a state, and not the code of one"
    assert country.labels["DE"] == "Germany"
    assert state.valid_for["TX"] == ("US",)
    assert set(state.valid_for["PA"]) == {"US", "BR"}
    assert len(state.picklist) == len(set(state.picklist))
    names = {c: state.labels_with.get(c, {}).get("PA", state.labels["PA"]) for c in state.valid_for["PA"]}
    assert names == {"US": "Pennsylvania", "BR": "Pará"}, "two states of two countries have one code"
    grouped = [name for section in shape.sections for name in section.fields]
    assert {country.name, state.name} <= set(grouped)
    assert not {f"{prefix}Country", f"{prefix}State"} & set(grouped)
    (address,) = [a for a in shape.addresses if a.country_code == country.name]
    assert (address.state_code, address.state) == (state.name, text.name)


async def test_what_is_chosen_is_saved_and_comes_back_with_its_text(coded: tuple[Instances, Caller]) -> None:
    instances, caller = coded
    process = instances.each[0]
    fields: dict[str, FieldValue] = {"Name": "Cedar", "BillingCountryCode": "BR", "BillingStateCode": "PA"}
    made = await process.changes.create_record(caller, CreateRecord("Account", fields))
    assert made.record is not None
    names = ("BillingCountryCode", "BillingCountry", "BillingStateCode", "BillingState")
    assert [made.record.fields[n] for n in names] == ["BR", "Brazil", "PA", "Pará"]
    change: dict[str, FieldValue] = {"BillingCountryCode": "US", "BillingStateCode": "TX"}
    saved = (
        await process.changes.update_record(caller, UpdateRecord("Account", made.id, change, made.record.version))
    ).record
    assert [saved.fields[n] for n in names] == ["US", "United States", "TX", "Texas"]
    detail = await process.queries.get_record(caller, GetRecord("Account", made.id))
    assert [detail.record.fields[n] for n in names] == ["US", "United States", "TX", "Texas"]


@pytest.mark.parametrize(("change", "reason", "field"), [
    ({"BillingCountryCode": "DE", "BillingStateCode": "TX"}, Reason.VALUE_NOT_IN_PICKLIST, "BillingStateCode"),
    ({"BillingCountryCode": "DE"}, Reason.INVALID_VALUE, "BillingStateCode"),
    ({"BillingCountry": "Germnay"}, Reason.INVALID_VALUE, "BillingCountry"),
])  # fmt: skip
async def test_what_does_not_go_together_names_its_field(
    coded: tuple[Instances, Caller], change: dict[str, FieldValue], reason: Reason, field: str
) -> None:
    instances, caller = coded
    changes = instances.each[0].changes
    fields: dict[str, FieldValue] = {"Name": "Texan", "BillingCountryCode": "US", "BillingStateCode": "TX"}
    made = await changes.create_record(caller, CreateRecord("Account", fields))
    with pytest.raises(RefusedRequest) as refused:
        await changes.update_record(caller, UpdateRecord("Account", made.id, change))
    assert (refused.value.reason, refused.value.details["fields"]) == (reason, [field])


async def test_the_picklists_of_a_record_type_know_both_states(coded: tuple[Instances, Caller]) -> None:
    instances, caller = coded
    queries = instances.each[0].queries
    shape = await queries.describe(caller, Describe("Account"))
    for record_type in shape.record_types:
        told = (await queries.get_picklists(caller, GetPicklists("Account", record_type.id))).fields
        state = told["BillingStateCode"]
        assert set(state.valid_for["PA"]) == {"US", "BR"}
        again = (await instances.each[1].queries.get_picklists(caller, GetPicklists("Account", record_type.id))).fields
        assert again["BillingStateCode"] == state, "what is kept says the same"


async def test_what_is_kept_of_a_describe_is_what_came(coded: tuple[Instances, Caller]) -> None:
    instances, caller = coded
    described = await instances.each[0].rest.describe(caller.uid, {"Lead": None})
    kept = decode(encode(described))  # pyright: ignore[reportArgumentType]
    assert kept == described


def test_entries_with_one_value_are_one_value_with_several_labels() -> None:
    entries = [("A", "Aa", ("1",)), ("B", None, ("1", "2")), ("A", "Ab", ("2",)), ("A", "Aa", ("3",))]
    told = picklist_of(entries, dependent=True)
    assert (told.values, told.labels) == (("A", "B"), {"A": "Aa"})
    assert told.valid_for == {"A": ("1", "2", "3"), "B": ("1", "2")}
    assert told.labels_with == {"2": {"A": "Ab"}}
    assert picklist_of(entries, dependent=False).valid_for == {}
