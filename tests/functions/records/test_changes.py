"""The writing calls over their protocol: what is checked before anything is written, and what becomes of a lost answer."""

from datetime import UTC, datetime

import pytest

from backend.failures import Busy, OutcomeUnknown
from contract.calls import CreateRecord, DeleteRecord, UpdateRecord
from contract.errors import ChangedMeanwhile, OrgUnavailable, Reason, RefusedRequest
from tests.functions.records.an_org import CALLER, RECORD_ID, VERSION, AnOrg, a_row

ACME = {"Name": "Acme"}


@pytest.fixture
def org() -> AnOrg:
    made = AnOrg()
    made.rows = [a_row(Name="Acme")]
    return made


@pytest.mark.parametrize(("fields", "reason"), [
    ({}, Reason.MALFORMED_REQUEST),
    ({"Nope": 1}, Reason.UNKNOWN_FIELD),
    ({"Id": RECORD_ID}, Reason.FIELD_NOT_EDITABLE),
])  # fmt: skip
async def test_fields_that_may_not_be_written_are_refused_before_anything_is_sent(org: AnOrg, fields: dict[str, object], reason: Reason) -> None:
    with pytest.raises(RefusedRequest) as refused:
        await org.changes.create_record(CALLER, CreateRecord("Account", fields))  # pyright: ignore[reportArgumentType]
    assert refused.value.reason is reason
    with pytest.raises(RefusedRequest):
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, fields))  # pyright: ignore[reportArgumentType]
    assert org.written == []


async def test_an_update_without_a_version_saves_over_whatever_stands(org: AnOrg) -> None:
    updated = await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}))
    assert org.written == [("Account", {"Phone": "1"}, None)]
    assert updated.record.version == VERSION


async def test_an_update_with_a_version_is_refused_when_someone_else_has_saved(org: AnOrg) -> None:
    with pytest.raises(ChangedMeanwhile) as conflict:
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}, "2026-11-24T07:59:59.000+0000"))
    assert org.written == []
    assert conflict.value.details["theirs"] == {"id": RECORD_ID, "fields": {**ACME, **dict.fromkeys(_shown(org) - {"Name"})}, "version": VERSION}


def _shown(org: AnOrg) -> set[str]:
    return set(org.sent[0].removeprefix("SELECT ").split(" FROM ")[0].split(", ")) - {"Id", "SystemModstamp"}


async def test_salesforces_own_check_closes_the_gap_between_look_and_write(org: AnOrg) -> None:
    org.changed_meanwhile = True
    with pytest.raises(ChangedMeanwhile):
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}, VERSION))
    org.changed_meanwhile = False
    await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}, VERSION))
    assert org.written[0][2] == datetime(2026, 11, 24, 8, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("version", ["yesterday", "2026-11-24T08:00:00"])
async def test_a_version_that_is_none_is_refused(org: AnOrg, version: str) -> None:
    with pytest.raises(RefusedRequest):
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}, version))


async def test_one_key_makes_one_record(org: AnOrg) -> None:
    request = CreateRecord("Account", {"Name": "Acme"}, "key")
    assert (await org.changes.create_record(CALLER, request)).id == RECORD_ID
    assert (await org.changes.create_record(CALLER, request)).id == RECORD_ID
    assert len(org.written) == 1


async def test_a_lost_answer_keeps_its_key_and_a_refusal_gives_it_back(org: AnOrg) -> None:
    request = CreateRecord("Account", {"Name": "Acme"}, "key")
    org.fails = OutcomeUnknown(writes=True)
    for _ in range(2):
        with pytest.raises(OrgUnavailable) as unknown:
            await org.changes.create_record(CALLER, request)
        assert unknown.value.reason is Reason.OUTCOME_UNKNOWN
    assert len(org.written) == 1
    org.fails = Busy()
    with pytest.raises(Busy):
        await org.changes.create_record(CALLER, CreateRecord("Account", {"Name": "Acme"}, "other"))
    org.fails = None
    assert (await org.changes.create_record(CALLER, CreateRecord("Account", {"Name": "Acme"}, "other"))).id == RECORD_ID


async def test_a_delete_checks_the_id(org: AnOrg) -> None:
    await org.changes.delete_record(CALLER, DeleteRecord("Account", RECORD_ID))
    with pytest.raises(RefusedRequest):
        await org.changes.delete_record(CALLER, DeleteRecord("Account", "' OR"))
    assert len(org.written) == 1
