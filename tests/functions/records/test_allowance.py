"""The allowance: what a user and an org may still ask of Salesforce, and what is told when it is used up."""

import asyncio
from datetime import timedelta

import pytest

from backend.failures import BudgetReached
from backend.records.allowance import FIRST_SHARE, LOOK_SECONDS, SHARE, Allowance, OrgUsage
from backend.values import Uid
from contract.errors import Reason
from tests.functions.instances import SteppedClock
from tests.functions.memory_store import MemoryUsage

UID = Uid.of("00D000000000001EAA", "005000000000001AAA")


async def taken_until_refused(allowances: list[Allowance], uid: Uid = UID) -> tuple[int, BudgetReached]:
    for n in range(10_000):
        try:
            await allowances[n % len(allowances)].take(uid)
        except BudgetReached as refused:
            return n, refused
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize("budget", [1, 20, 21, 100, 333])
async def test_a_users_budget_lasts_for_exactly_its_requests_and_comes_back_the_next_day(budget: int) -> None:
    clock = SteppedClock()
    allowance = Allowance(MemoryUsage(), clock, user_requests=budget, org_percent=95)
    taken, refused = await taken_until_refused([allowance])
    assert (taken, refused.reason, refused.status) == (budget, Reason.USER_LIMIT, "RESOURCE_EXHAUSTED")
    wait = refused.details["retryAfter"]
    assert isinstance(wait, int)
    await allowance.take(Uid.of(UID.org_id, "005000000000002AAA"))  # somebody else's is their own
    clock._now += timedelta(seconds=wait)
    await allowance.take(UID)


async def test_instances_share_a_users_budget() -> None:
    budget, clock, store = 500, SteppedClock(), MemoryUsage()
    allowances = [Allowance(store, clock, user_requests=budget, org_percent=95) for _ in range(4)]
    taken = 0
    for one in allowances:
        taken += (await taken_until_refused([one]))[0]
    assert budget <= taken <= budget + 4 * FIRST_SHARE
    assert max(store.taken.values()) <= budget + 4 * SHARE


async def test_many_calls_at_once_wait_for_one_share() -> None:
    store = MemoryUsage()
    allowance = Allowance(store, SteppedClock(), user_requests=10_000, org_percent=95)
    await asyncio.gather(*(allowance.take(UID) for _ in range(200)))
    assert FIRST_SHARE + max(store.taken.values()) < 200 + 4 * SHARE


class NotingUsage(MemoryUsage):
    """Notes how much was taken at once."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[int] = []

    async def take(self, uid: Uid, day: str, requests: int) -> int:
        self.shares.append(requests)
        return await super().take(uid, day, requests)


async def test_who_calls_much_takes_larger_shares_up_to_a_twentieth_of_the_budget() -> None:
    store = NotingUsage()
    allowance = Allowance(store, SteppedClock(), user_requests=8000, org_percent=95)
    assert (await taken_until_refused([allowance]))[0] == 8000
    assert store.shares[:5] == [50, 100, 200, 400, 400]
    assert max(store.shares) == 8000 // 20
    assert len(store.shares) < 25
    small = NotingUsage()
    await taken_until_refused([Allowance(small, SteppedClock(), user_requests=400, org_percent=95)])
    assert set(small.shares) == {SHARE}


async def test_who_calls_now_and_then_takes_small_shares() -> None:
    store, clock = NotingUsage(), SteppedClock()
    allowance = Allowance(store, clock, user_requests=8000, org_percent=95)
    for _ in range(400):
        await clock.sleep(10)
        await allowance.take(UID)
    assert set(store.shares) == {SHARE}


async def test_a_budget_lasts_where_many_instances_serve_a_few_calls_each() -> None:
    """What an instance takes and does not use is lost for the day, so it takes no more than it needs next."""
    clock, store, made = SteppedClock(), MemoryUsage(), 0
    while made < 4000:
        allowance = Allowance(store, clock, user_requests=2000, org_percent=95)
        try:
            for _ in range(51):
                await allowance.take(UID)
                made += 1
        except BudgetReached:
            break
        await asyncio.sleep(0)
    assert 2000 <= made <= 2100


async def test_a_header_that_is_no_number_of_requests_says_nothing() -> None:
    allowance = Allowance(MemoryUsage(), SteppedClock(), user_requests=10, org_percent=95)
    allowance.observe(UID.org_id, f"api-usage={'9' * 5000}/5000")
    await allowance.take(UID)


async def test_an_org_at_its_budget_is_asked_once_a_minute_whether_it_has_room_again() -> None:
    clock, store = SteppedClock(), MemoryUsage()
    told: list[OrgUsage] = []
    allowance = Allowance(store, clock, user_requests=10_000, org_percent=95, notice=told.append)
    allowance.observe(UID.org_id, "api-usage=8999/10000")
    assert allowance.is_ample(UID.org_id)
    allowance.observe(UID.org_id, "api-usage=9000/10000")
    assert not allowance.is_ample(UID.org_id)
    await allowance.take(UID)
    allowance.observe(UID.org_id, "api-usage=9500/10000 per-app-api-usage=1/2(appName=x)")
    with pytest.raises(BudgetReached) as refused:
        await allowance.take(UID)
    assert (refused.value.reason, refused.value.details) == (Reason.ORG_LIMIT, {"retryAfter": LOOK_SECONDS})
    await allowance.take(Uid.of("00D000000000002EAA", "005000000000001AAA"))  # another org has its own
    clock._now += timedelta(seconds=LOOK_SECONDS)
    await allowance.take(UID)
    with pytest.raises(BudgetReached):
        await allowance.take(UID)
    allowance.observe(UID.org_id, "api-usage=100/10000")
    await allowance.take(UID)
    await asyncio.sleep(0)
    assert [u.percent for u in told] == [89, 90, 95, 1]
    assert store.reported[UID.org_id].used == 100


async def test_a_store_that_cannot_be_asked_stops_nobody() -> None:
    class Broken(MemoryUsage):
        async def take(self, uid: Uid, day: str, requests: int) -> int:
            raise ConnectionError

    allowance = Allowance(Broken(), SteppedClock(), user_requests=10, org_percent=95)
    for _ in range(FIRST_SHARE * 3):
        await allowance.take(UID)


@pytest.mark.parametrize("said", [None, "", "nothing", "api-usage=/", "api-usage=1/0"])
def test_what_salesforce_does_not_say_limits_nobody(said: str | None) -> None:
    allowance = Allowance(MemoryUsage(), SteppedClock(), user_requests=10, org_percent=95)
    if said != "api-usage=1/0":
        allowance.observe(UID.org_id, said)
    assert allowance.is_ample(UID.org_id)


async def test_a_share_that_may_have_been_taken_in_vain_is_a_small_one_the_next_time() -> None:
    class Slow(NotingUsage):
        """Adds, and answers too late."""

        is_slow = False

        async def take(self, uid: Uid, day: str, requests: int) -> int:
            taken = await super().take(uid, day, requests)
            if self.is_slow:
                raise TimeoutError
            return taken

    store = Slow()
    allowance = Allowance(store, SteppedClock(), user_requests=8000, org_percent=95)
    for n in range(1200):
        store.is_slow = n > 700
        await allowance.take(UID)
    before = store.shares.index(400)
    assert set(store.shares[before + 2 :]) == {SHARE}
