"""What a duplicate rule refuses: told with the records that are there, and saved when the person says so."""

from collections.abc import AsyncIterator, Iterator

import pytest

from backend.adapters.salesforce_answers import refuse
from backend.values import Caller
from contract.calls import CreateRecord, FieldValue, UpdateRecord
from contract.errors import MayBeDuplicate, Reason
from devtools.clients import ADMIN
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances


@pytest.fixture(scope="module")
def strict_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5, shape=frozenset({"duplicate-rules"}))) as org:
        yield org


@pytest.fixture
async def strict(strict_org: EmbeddedOrg) -> AsyncIterator[Instances]:
    instances = Instances(strict_org)
    yield instances
    await instances.http.close()


async def test_a_new_record_that_may_be_there_already(strict: Instances) -> None:
    """jsforce#1055, Salesforce-Inspector-reloaded#721: whoever is only told that a value is wrong can never save."""
    uid, _ = await strict.connect(ADMIN)
    caller, changes = Caller(uid, "phone"), strict.each[0].changes
    contact: dict[str, FieldValue] = {"LastName": "Ruiz", "FirstName": "Ana", "Email": "ana@cedar.example"}
    first = await changes.create_record(caller, CreateRecord("Contact", contact))
    asked = CreateRecord("Contact", contact, idempotency_key="one-key")
    with pytest.raises(MayBeDuplicate) as refused:
        await changes.create_record(caller, asked)
    assert refused.value.reason is Reason.MAY_BE_DUPLICATE
    assert refused.value.details == {
        "records": [{"sobject": "Contact", "id": first.id, "name": "Ana Ruiz"}],
        "allowSave": True,
    }
    allowed = CreateRecord("Contact", contact, idempotency_key="one-key", allow_duplicates=True)
    second = await changes.create_record(caller, allowed)
    assert second.id != first.id
    assert (await changes.create_record(caller, allowed)).id == second.id, "the key has made one record"


async def test_a_change_that_makes_a_record_like_another(strict: Instances) -> None:
    uid, _ = await strict.connect(ADMIN)
    caller, changes = Caller(uid, "phone"), strict.each[0].changes
    made = [
        await changes.create_record(caller, CreateRecord("Contact", {"LastName": "B", "Email": f"{n}@oak.example"}))
        for n in (1, 2)
    ]
    record = made[1].record
    assert record is not None
    change: dict[str, FieldValue] = {"Email": "1@oak.example"}
    with pytest.raises(MayBeDuplicate) as refused:
        await changes.update_record(caller, UpdateRecord("Contact", record.id, change, record.version))
    assert [r["id"] for r in refused.value.details["records"]] == [made[0].id]  # pyright: ignore[reportGeneralTypeIssues, reportIndexIssue, reportUnknownVariableType]
    saved = await changes.update_record(caller, UpdateRecord("Contact", record.id, change, record.version, True))
    assert saved.record.fields["Email"] == "1@oak.example"


@pytest.mark.parametrize(
    "result", [None, {}, {"matchResults": 5}, {"allowSave": "x"}, {"matchResults": [{"matchRecords": [{}]}]}]
)
def test_an_answer_of_another_form_is_a_refusal_without_records(result: object) -> None:
    row = {"errorCode": "DUPLICATES_DETECTED", "message": "Use one of these records?"}
    body = [row if result is None else {**row, "duplicateResult": result}]
    with pytest.raises(MayBeDuplicate) as refused:
        refuse(400, body, writes=True)
    assert refused.value.details == {"records": [], "allowSave": False}
