"""One deadline for a whole call: requests, pauses, a refresh of one's own or of others."""

import asyncio
import time

import pytest

from backend import deadline
from backend.failures import NotSent, OutcomeUnknown
from contract.calls import ANSWER_SECONDS, APP_SECONDS, CALL_SECONDS
from contract.errors import Reason
from devtools.clients import SALES, control
from tests.functions.instances import Instances

COUNT = "SELECT Id FROM Account LIMIT 1"


def test_the_app_waits_longer_than_the_backend_takes() -> None:
    assert CALL_SECONDS < ANSWER_SECONDS < APP_SECONDS


async def test_what_is_left_gets_less_and_never_below_nothing() -> None:
    assert deadline.left(7) == 7
    with deadline.within(5):
        assert 4 < deadline.left(7) <= 5
        assert deadline.left(1) == 1
        with deadline.within(None):
            assert deadline.left(7) == 7
        with deadline.within(0):
            assert deadline.left(7) == 0
    assert deadline.left(7) == 7


async def test_a_read_that_hangs_ends_with_the_call_and_is_not_sent_again(instances: Instances) -> None:
    uid, _ = await instances.connect()
    control(instances.org.url, "faults", {"kind": "rest.query", "hold": True, "times": 5})
    control(instances.org.url, "counters/reset")
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown) as late, deadline.within(1.0):
        await instances.rests[0].query(uid, COUNT)
    assert late.value.reason is Reason.ORG_TIMEOUT
    assert time.monotonic() - began < 2
    assert control(instances.org.url, "counters")["rest.query"] == 1


async def test_retries_stop_when_the_calls_time_is_over(instances: Instances) -> None:
    uid, _ = await instances.connect()
    control(instances.org.url, "faults", {"kind": "rest.query", "cut": "before", "times": 9})
    control(instances.org.url, "counters/reset")
    with pytest.raises(OutcomeUnknown), deadline.within(0.05):
        await instances.rests[0].query(uid, COUNT)
    assert control(instances.org.url, "counters")["rest.query"] == 1


async def test_a_write_that_hangs_says_that_nobody_knows(instances: Instances) -> None:
    uid, _ = await instances.connect()
    control(instances.org.url, "faults", {"kind": "rest.composite", "hold": True})
    with pytest.raises(OutcomeUnknown) as unknown, deadline.within(0.5):
        await instances.rests[0].create(uid, "Account", {"Name": "Held"}, "Id")
    assert unknown.value.reason is Reason.OUTCOME_UNKNOWN


async def test_nothing_is_sent_when_no_time_is_left(instances: Instances) -> None:
    uid, _ = await instances.connect()
    control(instances.org.url, "counters/reset")
    with pytest.raises(NotSent) as late, deadline.within(0):
        await instances.rests[0].create(uid, "Account", {"Name": "Never"}, "Id")
    assert late.value.reason is Reason.ORG_TIMEOUT
    assert "rest.composite" not in control(instances.org.url, "counters")


async def test_a_call_leaves_a_renewal_that_takes_too_long_and_the_renewal_goes_on(instances: Instances) -> None:
    """The token that was sent is stored all the same, for whoever comes next."""
    uid, rejected = await instances.connect()
    control(instances.org.url, "expire", {"username": SALES})
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "hold": True})
    with pytest.raises(NotSent) as late, deadline.within(0.5):
        await instances.rests[0].query(uid, COUNT)
    assert late.value.reason is Reason.ORG_TIMEOUT
    control(instances.org.url, "faults/clear")
    assert (await instances.renewals[0].renew(uid, rejected)).credential.generation == 2
    assert instances.refreshes() == 1
    await asyncio.sleep(0)
