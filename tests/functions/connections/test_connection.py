"""The states of a connection and the steps between them: pure functions, so without a store, a clock or a loop."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.connections import connection as steps
from backend.connections.connection import Connection, Lease, State
from backend.values import Uid
from contract.errors import Reason

NOW = datetime(2026, 11, 24, tzinfo=UTC)
UID = Uid.of("00D000000000001EAA", "005000000000001AAA")
LEASE = Lease("me", NOW + timedelta(seconds=20))
FIRST, SECOND = b"first grant", b"second grant"


def fresh() -> Connection:
    return steps.signed_in(UID, None, FIRST, device=steps.Device("phone"), at=NOW)


def test_a_sign_in_is_fresh_and_knows_its_device() -> None:
    connection = fresh()
    assert (connection.state, connection.generation, connection.devices, connection.lease) == (
        State.FRESH,
        1,
        {"phone": NOW},
        None,
    )
    assert not connection.has_ended


def test_a_second_sign_in_keeps_devices_choice_and_record_and_counts_on() -> None:
    before = steps.staying_signed_in(steps.ended(fresh(), Reason.ACCESS_REVOKED), True)
    after = steps.signed_in(UID, before, SECOND, device=steps.Device("tablet"), at=NOW + timedelta(days=1))
    assert (after.state, after.generation, after.ended_reason, after.stay_signed_in) == (State.FRESH, 2, None, True)
    assert set(after.devices) == {"phone", "tablet"}
    assert (after.chain, after.revision) == (before.chain, before.revision)
    assert not after.is_same_grant(before)


def test_a_user_has_at_most_twenty_devices_and_the_oldest_makes_room() -> None:
    connection = None
    for n in range(23):
        device, at = steps.Device(f"d{n}"), NOW + timedelta(minutes=n)
        connection = steps.signed_in(UID, connection, FIRST, device=device, at=at)
    assert connection is not None
    assert len(connection.devices) == steps.MAX_DEVICES
    assert "d2" not in connection.devices
    assert "d3" in connection.devices


@pytest.mark.parametrize(("before", "after"), [
    (State.FRESH, State.REFRESHING),
    (State.REFRESHING, State.REFRESHING),
    (State.SENDING, State.SENT_UNKNOWN),
    (State.SENT_UNKNOWN, State.SENT_UNKNOWN),
])  # fmt: skip
def test_taking_a_lease_does_not_forget_what_a_dead_holder_may_have_sent(before: State, after: State) -> None:
    reached: dict[State, Callable[[], Connection]] = {
        State.FRESH: fresh,
        State.REFRESHING: lambda: steps.lease_taken(fresh(), LEASE),
        State.SENDING: lambda: steps.sending(fresh(), LEASE),
        State.SENT_UNKNOWN: lambda: steps.sent_unknown(steps.sending(fresh(), LEASE)),
    }
    taken = steps.lease_taken(reached[before](), LEASE)
    assert (taken.state, taken.lease) == (after, LEASE)


def test_a_refresh_that_went_well() -> None:
    sending = steps.sending(steps.lease_taken(fresh(), LEASE), LEASE)
    assert sending.state is State.SENDING
    renewed = steps.renewed(sending, SECOND, NOW + timedelta(hours=2))
    assert (renewed.state, renewed.generation, renewed.lease, renewed.sealed) == (State.FRESH, 2, None, SECOND)
    assert (renewed.refreshed, renewed.created) == (NOW + timedelta(hours=2), NOW)


def test_an_answer_that_comes_after_it_was_given_up_takes_the_verdict_back() -> None:
    given_up = steps.ended(steps.sending(fresh(), LEASE), Reason.REFRESH_LOST)
    assert given_up.has_ended
    assert steps.renewed(given_up, SECOND, NOW).ended_reason is None


@pytest.mark.parametrize(
    ("step", "state"),
    [(steps.not_sent, State.FRESH), (steps.sent_unknown, State.SENT_UNKNOWN), (steps.lease_returned, State.SENDING)],
)
def test_a_refresh_that_did_not_go_well_gives_the_lease_back(
    step: Callable[[Connection], Connection], state: State
) -> None:
    after = step(steps.sending(fresh(), LEASE))
    assert (after.state, after.lease, after.generation, after.sealed) == (state, None, 1, FIRST)


def test_a_blocked_connections_devices_are_told_why_and_come_into_no_other() -> None:
    blocked = steps.blocked(steps.sending(fresh(), LEASE))
    assert (blocked.state, blocked.ended_reason, blocked.devices, blocked.lease) == (
        State.REVOKED,
        Reason.ACCESS_STOPPED,
        {"phone": NOW},
        None,
    )
    assert blocked.has_ended
    assert steps.lost(blocked).reason is Reason.ACCESS_STOPPED
    after = steps.signed_in(UID, blocked, SECOND, device=steps.Device("tablet"), at=NOW)
    assert set(after.devices) == {"tablet"}


@pytest.mark.parametrize(("now", "belongs"), [
    (lambda c: c, True),
    (lambda c: steps.staying_signed_in(c, True), True),
    (lambda c: steps.ended(c, Reason.REFRESH_LOST), True),
    (lambda c: steps.ended(c, Reason.API_NOT_ENABLED), False),
    (steps.blocked, False),
    (lambda c: steps.renewed(c, SECOND, NOW), False),
    (lambda c: steps.signed_in(UID, c, SECOND, device=steps.Device("tablet"), at=NOW), False),
])  # fmt: skip
def test_which_connection_takes_the_answer_to_a_refresh(now: Callable[[Connection], Connection], belongs: bool) -> None:
    held = steps.sending(fresh(), LEASE)
    assert steps.may_be_renewed(now(held), held) is belongs


def test_why_a_connection_is_lost() -> None:
    assert steps.lost(None).reason is Reason.NOT_CONNECTED
    told = steps.lost(steps.ended(fresh(), Reason.IDLE_TOO_LONG))
    assert (told.reason, told.details) == (Reason.IDLE_TOO_LONG, {"state": "needs-sign-in"})


_STEPS: tuple[Callable[[Connection], Connection], ...] = (
    lambda c: steps.lease_taken(c, LEASE),
    lambda c: steps.sending(c, LEASE),
    steps.not_sent,
    steps.sent_unknown,
    steps.lease_returned,
    lambda c: steps.renewed(c, SECOND, NOW),
    lambda c: steps.ended(c, Reason.ACCESS_REVOKED),
    steps.blocked,
    lambda c: steps.staying_signed_in(c, True),
    lambda c: steps.without_device(c, "phone"),
    lambda c: steps.used_today(c, NOW),
    lambda c: steps.resealed(c, SECOND),
)


@given(st.lists(st.sampled_from(_STEPS), max_size=8))
def test_no_step_goes_back_a_generation_or_changes_whose_it_is(path: list[Callable[[Connection], Connection]]) -> None:
    connection = fresh()
    for step in path:
        after = step(connection)
        assert after.generation >= connection.generation
        assert (after.uid, after.created, after.revision, after.chain) == (
            connection.uid,
            connection.created,
            connection.revision,
            connection.chain,
        )
        connection = after


def test_a_uid_names_its_org_and_user() -> None:
    assert (UID, UID.org_id, UID.user_id) == (
        "00D000000000001EAA_005000000000001AAA",
        "00D000000000001EAA",
        "005000000000001AAA",
    )
