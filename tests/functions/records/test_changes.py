"""The writing calls over their protocol: what is checked before anything is written, and what becomes of a lost
answer.
"""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from backend.failures import Busy, OutcomeUnknown, ShapeRefused
from backend.records.org import Row
from backend.values import Uid
from contract.calls import CreateRecord, DeleteRecord, FieldValue, Record, UpdateRecord
from contract.errors import ChangedMeanwhile, NotFound, OrgUnavailable, Reason, RefusedRequest
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
async def test_fields_that_may_not_be_written_are_refused_before_anything_is_sent(
    org: AnOrg, fields: dict[str, object], reason: Reason
) -> None:
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
        await org.changes.update_record(
            CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}, "2026-11-24T07:59:59.000+0000")
        )
    assert org.written == []
    assert conflict.value.details["theirs"] == {
        "id": RECORD_ID,
        "fields": {**ACME, **dict.fromkeys(_shown(org) - {"Name"})},
        "version": VERSION,
    }


def _shown(org: AnOrg) -> set[str]:
    return set(org.selected.split(", ")) - {"Id", "SystemModstamp"}


async def test_an_update_of_a_record_that_is_gone(org: AnOrg) -> None:
    org.rows = []
    with pytest.raises(NotFound):
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}, VERSION))


async def test_what_was_saved_and_not_read_back_is_read(org: AnOrg) -> None:
    org.reads_back = False
    assert (
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}, VERSION))
    ).record.version == VERSION
    assert len(org.written) == len(org.sent) == 1


async def test_whoever_gives_a_record_away_and_sees_it_no_more_has_saved(org: AnOrg) -> None:
    """In an org with private sharing, a new owner may be the last that one sees of a record."""
    given: dict[str, FieldValue] = {"OwnerId": "005000000000002AAA"}
    org.reads_back = False

    async def none(uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        return [[] for _ in texts]

    org.query = none
    saved = await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, given, VERSION))
    assert saved.record == Record(RECORD_ID, given)
    assert len(org.written) == 1


async def test_a_write_that_salesforce_refuses_although_describe_allows_it_looks_at_describe_again(org: AnOrg) -> None:
    await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "1"}))
    org.time += timedelta(seconds=60)
    org.hidden, org.fails = {"Phone"}, ShapeRefused(Reason.FIELD_NOT_EDITABLE)
    with pytest.raises(RefusedRequest):
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "2"}))
    org.fails = None
    with pytest.raises(RefusedRequest) as refused:
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, {"Phone": "2"}))
    assert (refused.value.reason, org.described, len(org.written)) == (Reason.UNKNOWN_FIELD, 2, 1)


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


async def test_a_key_belongs_to_one_content(org: AnOrg) -> None:
    await org.changes.create_record(CALLER, CreateRecord("Account", {"Name": "Acme", "AnnualRevenue": 1}, "key"))
    same = CreateRecord("Account", {"AnnualRevenue": 1.0, "Name": "Acme"}, "key")
    assert (await org.changes.create_record(CALLER, same)).id == RECORD_ID
    for other in (
        CreateRecord("Account", {"Name": "Other", "AnnualRevenue": 1}, "key"),
        CreateRecord("Account", {"Name": "Acme", "AnnualRevenue": "1"}, "key"),
        CreateRecord("Account", {"Name": "Acme", "AnnualRevenue": True}, "key"),
        CreateRecord("Account", {"Name": "Acme"}, "key"),
        CreateRecord("Account", {"Name": "Acme", "AnnualRevenue": 1, "Industry": None}, "key"),
        CreateRecord("Contact", {"Name": "Acme", "AnnualRevenue": 1}, "key"),
    ):
        with pytest.raises(RefusedRequest) as refused:
            await org.changes.create_record(CALLER, other)
        assert refused.value.reason is Reason.IDEMPOTENCY_KEY_REUSED
    assert len(org.written) == 1


async def test_a_key_whose_outcome_is_unknown_belongs_to_its_content_too(org: AnOrg) -> None:
    org.fails = OutcomeUnknown(writes=True)
    with pytest.raises(OrgUnavailable):
        await org.changes.create_record(CALLER, CreateRecord("Account", {"Name": "Acme"}, "key"))
    org.fails = None
    with pytest.raises(RefusedRequest) as refused:
        await org.changes.create_record(CALLER, CreateRecord("Account", {"Name": "Other"}, "key"))
    assert (refused.value.reason, len(org.written)) == (Reason.IDEMPOTENCY_KEY_REUSED, 1)


async def test_a_refusal_gives_its_key_back_for_any_content(org: AnOrg) -> None:
    org.fails = Busy()
    with pytest.raises(Busy):
        await org.changes.create_record(CALLER, CreateRecord("Account", {"Name": "Acme"}, "key"))
    org.fails = None
    assert (await org.changes.create_record(CALLER, CreateRecord("Account", {"Name": "Mended"}, "key"))).id == RECORD_ID


async def test_a_delete_checks_the_id(org: AnOrg) -> None:
    await org.changes.delete_record(CALLER, DeleteRecord("Account", RECORD_ID))
    with pytest.raises(RefusedRequest):
        await org.changes.delete_record(CALLER, DeleteRecord("Account", "' OR"))
    assert len(org.written) == 1


async def test_what_was_saved_and_cannot_be_read_now_is_not_to_be_saved_again(
    org: AnOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By "Salesforce is busy, please try again" it would be saved twice, or be a change that somebody else has made."""

    async def busy(uid: Uid, *texts: str) -> Sequence[Sequence[Row]]:
        raise Busy

    org.reads_back = False
    monkeypatch.setattr(org, "query", busy)
    with pytest.raises(OrgUnavailable) as unknown:
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, dict(ACME), VERSION))
    assert unknown.value.reason is Reason.OUTCOME_UNKNOWN


async def test_a_refusal_is_told_also_when_the_describe_cannot_be_looked_at(org: AnOrg) -> None:
    await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, dict(ACME)))
    org.time += timedelta(seconds=60)
    org.fails, org.describe_fails = ShapeRefused(Reason.FIELD_NOT_EDITABLE), Busy()
    with pytest.raises(RefusedRequest) as refused:
        await org.changes.update_record(CALLER, UpdateRecord("Account", RECORD_ID, dict(ACME)))
    assert refused.value.reason is Reason.FIELD_NOT_EDITABLE
