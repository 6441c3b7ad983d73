"""What sign-ins are put off for: an outage of Salesforce's, or of the store, is no flood, and hides none."""

from contextlib import suppress

import pytest

from backend.failures import Busy, NotSent, OutcomeUnknown, StoreUnavailable
from backend.sign_in.attempts import Attempts, Cause
from backend.values import Visitor
from contract.errors import CallError, OrgUnavailable, Reason, SignInFailed
from tests.functions.memory_store import MemoryAttempts
from tests.functions.sign_in.test_attempts import CODE, HOST, HeldClock


def sign_ins(count: int, failing: CallError | None, into: Attempts, first: int = 0) -> None:
    """So many exchanges, each from a network of its own, that end in this way; None: the code is refused."""
    for n in range(first, first + count):
        address = f"10.{n // 250}.{n % 250}.1"
        with suppress(OrgUnavailable, SignInFailed), into.one(Visitor(address, address), HOST, CODE):
            raise failing or SignInFailed(Reason.CODE_REJECTED)


@pytest.fixture
def told() -> list[Cause]:
    return []


@pytest.fixture
def budget(told: list[Cause]) -> Attempts:
    return Attempts(MemoryAttempts(), HeldClock(), per_address=2, fingerprint=str, notice=told.append)


@pytest.mark.parametrize(
    "failing", [Busy(), OutcomeUnknown(writes=True), NotSent(), StoreUnavailable()], ids=lambda f: type(f).__name__
)
async def test_an_outage_is_told_as_one(budget: Attempts, told: list[Cause], failing: CallError) -> None:
    sign_ins(1, None, budget)
    sign_ins(1000, failing, budget, first=1)
    assert told == ["unavailable"]


async def test_codes_that_salesforce_refuses_are_a_flood(budget: Attempts, told: list[Cause]) -> None:
    sign_ins(100, None, budget)
    assert told == ["callers"]


async def test_nobody_hides_a_flood_behind_addresses_that_do_not_answer(budget: Attempts, told: list[Cause]) -> None:
    sign_ins(200, NotSent(), budget)
    sign_ins(100, None, budget, first=200)
    assert told == ["callers"]
