"""The audit record: whatever is done to a chain afterwards shows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.connections.audit import Audit, Chain, Entry, Event, Recorded, hash_of
from backend.values import Secret
from tests.altered import replace

CIPHER = TinkCipher(Secret(new_keyset()))
AUDIT = Audit(CIPHER, lambda: "subject")
EVENTS = list(Event)


def a_record(length: int = 5, audit: Audit = AUDIT) -> Recorded:
    chain: Chain | None = None
    entries: list[Entry] = []
    for n in range(length):
        at = datetime(2026, 11, 24, tzinfo=UTC) + timedelta(minutes=n)
        chain, entry = audit.append(chain, EVENTS[n % len(EVENTS)], at=at, by="user", generation=n, reason="a reason")
        entries.append(entry)
    return Recorded("subject", chain, tuple(entries))


def what_is_wrong(record: Recorded) -> str:
    flaw = AUDIT.flaw(record)
    return "" if flaw is None else f"{flaw.sequence}: {flaw.what}"


def test_a_whole_record_has_no_flaw() -> None:
    assert what_is_wrong(a_record()) == ""


@given(
    at=st.integers(0, 4), field=st.sampled_from(["by", "reason", "generation", "event", "at", "subject", "previous"])
)
def test_a_changed_entry_shows(at: int, field: str) -> None:
    record = a_record()
    other = {"event": Event.UNBLOCK, "generation": 99, "at": datetime(2020, 1, 1, tzinfo=UTC)}.get(field, "other")
    entries = [replace(e, **{field: other}) if n == at else e for n, e in enumerate(record.entries)]
    assert what_is_wrong(replace(record, entries=entries))


@given(gone=st.integers(0, 4))
def test_a_missing_entry_shows(gone: int) -> None:
    record = a_record()
    assert what_is_wrong(replace(record, entries=[e for n, e in enumerate(record.entries) if n != gone]))


@given(order=st.permutations(range(5)).filter(lambda o: o != sorted(o)))
def test_entries_in_another_order_show(order: list[int]) -> None:
    record = a_record()
    assert what_is_wrong(
        replace(record, entries=[replace(record.entries[n], sequence=place) for place, n in enumerate(order, 1)])
    )


def test_what_was_cut_off_or_added_at_the_end_shows() -> None:
    record = a_record()
    longer = a_record(6)
    assert what_is_wrong(replace(record, entries=longer.entries)) == "6: entries were added or cut off at the end"
    assert what_is_wrong(replace(longer, entries=record.entries)) == "6: entries were added or cut off at the end"
    assert what_is_wrong(replace(record, end=None)) == "5: the end of the chain is missing"


def test_a_record_made_up_without_the_key_shows() -> None:
    """One who can write to the store, and knows how the hashes are made, still lacks the seal."""
    forger = Audit(TinkCipher(Secret(new_keyset())), lambda: "subject")
    assert what_is_wrong(a_record(5, forger)) == "5: the last entry is not the one that was sealed"
    record = a_record()
    assert record.end is not None
    forged = replace(record.entries[-1], reason="nothing happened")
    for end in (replace(record.end, hash=hash_of(forged)), record.end):
        assert (
            what_is_wrong(Recorded("subject", end, [*record.entries[:-1], forged]))
            == "5: the last entry is not the one that was sealed"
        )


def test_an_older_seal_does_not_fit_a_newer_end() -> None:
    older, newer = a_record(4), a_record(5)
    assert older.end is not None
    assert newer.end is not None
    assert what_is_wrong(replace(newer, end=replace(newer.end, seal=older.end.seal)))


@pytest.mark.parametrize("event", EVENTS)
def test_an_entry_holds_no_more_than_who_what_when_and_which_generation(event: Event) -> None:
    _, entry = AUDIT.append(None, event, at=datetime(2026, 11, 24, tzinfo=UTC), by="user", generation=7)
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    assert fields.pop("at") == datetime(2026, 11, 24, tzinfo=UTC)
    assert fields == {
        "subject": "subject",
        "sequence": 1,
        "event": event,
        "by": "user",
        "generation": 7,
        "reason": "",
        "previous": "",
        "write_id": "",
    }
