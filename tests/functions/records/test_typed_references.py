"""Texts that read as a reference to another part of a composite are saved as they were typed."""

from typing import Any

import pytest

from backend.failures import OutcomeUnknown
from backend.values import Caller
from contract.calls import CreateRecord, UpdateRecord
from contract.errors import ChangedMeanwhile, NotFound, RefusedRequest
from devtools.clients import ADMIN, control
from tests.functions.instances import Instances

TYPED = ["@{made.id}", "Mail @{name} of @{seen.records[0].Id}", "@{", "a@{b}.c"]


@pytest.mark.parametrize("text", TYPED)
async def test_it_is_saved_as_it_was_typed(instances: Instances, text: str) -> None:
    uid, _ = await instances.connect(ADMIN)
    caller, changes = Caller(uid, "phone"), instances.each[0].changes
    asked = CreateRecord("Account", {"Name": text}, idempotency_key=f"typed-{TYPED.index(text)}")
    made = (await changes.create_record(caller, asked)).record
    assert made is not None
    assert made.fields["Name"] == text
    assert (await changes.create_record(caller, asked)).id == made.id
    unseen = await changes.update_record(caller, UpdateRecord("Account", made.id, {"Description": text}))
    assert unseen.record.fields["Description"] == text
    again = UpdateRecord("Account", made.id, {"Name": f"{text}!"}, unseen.record.version)
    changed = await changes.update_record(caller, again)
    assert changed.record.fields["Name"] == f"{text}!"
    with pytest.raises(ChangedMeanwhile) as conflict:
        await changes.update_record(caller, again)
    theirs: Any = conflict.value.details["theirs"]
    assert theirs["fields"]["Name"] == f"{text}!"


async def test_what_salesforce_refuses_is_refused(instances: Instances) -> None:
    uid, _ = await instances.connect(ADMIN)
    caller, changes = Caller(uid, "phone"), instances.each[0].changes
    with pytest.raises(RefusedRequest):
        await changes.create_record(caller, CreateRecord("Account", {"Name": "@{" + 300 * "x" + "}"}))
    with pytest.raises((NotFound, RefusedRequest)):
        await changes.update_record(caller, UpdateRecord("Account", "001000000000000AAA", {"Name": "@{x}"}))


@pytest.mark.parametrize("status", [502, 503])
@pytest.mark.parametrize("text", ["@{made.id}", "plain"])
async def test_a_page_in_place_of_an_answer_leaves_the_outcome_open(
    instances: Instances, status: int, text: str
) -> None:
    uid, _ = await instances.connect(ADMIN)
    caller, changes = Caller(uid, "phone"), instances.each[0].changes
    made = (await changes.create_record(caller, CreateRecord("Account", {"Name": "Alder"}))).record
    assert made is not None
    fault = {"status": status, "body": "<html>Down for maintenance</html>", "times": 9}
    for kind in ("rest.composite", "rest.update", "rest.create"):
        control(instances.org.url, "faults", {"kind": kind, **fault})
    with pytest.raises(OutcomeUnknown):
        await changes.update_record(caller, UpdateRecord("Account", made.id, {"Description": text}))
    with pytest.raises(OutcomeUnknown):
        await changes.create_record(caller, CreateRecord("Account", {"Name": text}))
    control(instances.org.url, "faults/clear")
