"""The budget of failed sign-ins: what a flood may cost, and who still gets through beside it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.failures import NotSent
from backend.sign_in.attempts import Attempts, possible
from backend.values import Visitor
from contract.errors import Reason, SignInFailed
from tests.functions.instances import SteppedClock
from tests.functions.memory_store import MemoryAttempts

HOST, OTHER_HOST = "login.salesforce.com", "a.my.salesforce.com"
CODE, STRANGE = "aPrx" + "x" * 60, "Qq9" + "x" * 60


class HeldClock(SteppedClock):
    """Time that passes only when told."""

    def __init__(self) -> None:
        super().__init__()
        self.time = datetime(2026, 11, 26, 10, 0, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def someone(address: str, peer: str | None = None, attestation: str | None = None) -> Visitor:
    return Visitor(address, peer or address, attestation)


def attempts(store: MemoryAttempts | None = None, clock: HeldClock | None = None, per_address: int = 20) -> Attempts:
    return Attempts(store or MemoryAttempts(), clock or HeldClock(), per_address=per_address, fingerprint=str)


def fail(budget: Attempts, visitor: Visitor, host: str = HOST, code: str = CODE) -> int | None:
    """One exchange that fails; the seconds to wait when it was refused before."""
    try:
        with budget.one(visitor, host, code):
            return None
    except SignInFailed as refused:
        return int(str(refused.details["retryAfter"])) if refused.reason is Reason.TOO_MANY_SIGN_INS else 0


def succeed(budget: Attempts, visitor: Visitor, host: str = HOST, code: str = CODE) -> bool:
    try:
        with budget.one(visitor, host, code) as attempt:
            attempt.succeeded = True
    except SignInFailed:
        return False
    return True


async def failures(budget: Attempts, visitors: list[Visitor], host: str = HOST, code: str = CODE) -> int:
    """How many of so many attempts were let through."""
    return [fail(budget, visitor, host, code) for visitor in visitors].count(None)


async def test_one_address_may_fail_so_often_and_others_go_on() -> None:
    budget = attempts()
    assert await failures(budget, [someone("198.51.100.9")] * 1000) == 20
    assert all(succeed(budget, someone(f"192.0.2.{n}")) for n in range(200))


async def test_the_time_to_wait_is_the_rest_of_the_minute() -> None:
    clock = HeldClock()
    budget = attempts(clock=clock)
    await failures(budget, [someone("198.51.100.9")] * 20)
    assert fail(budget, someone("198.51.100.9")) == 55
    clock.time += timedelta(seconds=55)
    assert fail(budget, someone("198.51.100.9")) is None


async def test_sign_ins_that_succeed_cost_nothing() -> None:
    """An office with hundreds of people behind one address."""
    budget = attempts()
    assert all(succeed(budget, someone("198.51.100.9")) for _ in range(2000))


async def test_sign_ins_under_way_count_until_they_are_done() -> None:
    told, office = list[str](), someone("198.51.100.9")
    budget = Attempts(MemoryAttempts(), HeldClock(), per_address=1, fingerprint=str, notice=lambda: told.append("refused"))
    with budget.one(office, HOST, CODE) as attempt:
        assert fail(budget, office) == 1
        attempt.succeeded = True
    assert succeed(budget, office)
    assert not told, "many at the same moment are no flood"
    assert [fail(budget, office) for _ in range(3)] == [None, 55, 55]
    assert told == ["refused"]


async def test_salesforce_out_of_reach_is_nobodys_failure() -> None:
    budget = attempts(per_address=1)
    for _ in range(5):
        with pytest.raises(NotSent), budget.one(someone("198.51.100.9"), HOST, CODE):
            raise NotSent


async def test_many_addresses_cannot_use_up_what_is_kept_for_first_attempts() -> None:
    """Each of 30 addresses fails as often as it may; whoever comes for the first time still gets in."""
    budget = attempts()
    flood = [someone(f"198.51.100.{n}") for n in range(30)]
    let_through = await failures(budget, flood * 100)
    assert let_through <= 200, "what one login host may have"
    assert succeed(budget, someone("192.0.2.1"))


async def test_a_flood_at_one_login_host_leaves_the_others_alone() -> None:
    budget = attempts()
    assert await failures(budget, [someone(f"198.51.{n // 250}.{n % 250}") for n in range(5000)]) == 200
    assert not succeed(budget, someone("192.0.2.1"))
    assert succeed(budget, someone("192.0.2.1"), OTHER_HOST)


async def test_all_together_have_a_budget_too() -> None:
    budget = attempts()
    hosts = [f"h{n}.my.salesforce.com" for n in range(5000)]
    let_through = [fail(budget, someone(f"198.51.{n // 250}.{n % 250}"), host) for n, host in enumerate(hosts)].count(None)
    assert let_through == 600


async def test_codes_that_look_made_up_do_not_keep_anyone_at_the_same_address_out() -> None:
    budget, laptop = attempts(), someone("127.0.0.1")
    assert await failures(budget, [laptop] * 1000, code=STRANGE) == 20
    assert succeed(budget, laptop)


async def test_the_apps_own_budget_is_not_used_up_by_strangers() -> None:
    budget = attempts()
    await failures(budget, [someone(f"198.51.{n // 250}.{n % 250}") for n in range(5000)])
    assert succeed(budget, someone("198.51.0.1", attestation="a fingerprint"))


@pytest.mark.parametrize("hosting", [None, "203.0.113.80"], ids=["directly", "through Hosting"])
async def test_real_users_sign_in_beside_somebody_who_makes_up_another_address_each_time(hosting: str | None) -> None:
    """Whoever calls the function directly may write any address into the header, but not the one that Google's front end adds."""
    budget, let_through = attempts(), 0
    for n in range(5000):
        let_through += fail(budget, someone(f"10.{n // 250}.{n % 250}.1", peer="198.51.100.9")) is None
        assert succeed(budget, someone(f"192.0.2.{n % 250}", peer=hosting)), f"refused after {n} made-up codes"
    assert let_through <= 100, "half of what one login host may have; the other half is kept for people like these"


@pytest.mark.parametrize("address", ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:1::"])
async def test_an_ipv6_network_is_one_caller(address: str) -> None:
    budget = attempts()
    await failures(budget, [someone("2001:db8::7")] * 20)
    assert fail(budget, someone(address)) is not None
    assert fail(budget, someone("2001:db8:0:1::1")) is None


async def test_instances_count_together() -> None:
    """20 instances, each of which sees a share of the flood."""
    store, clock = MemoryAttempts(), HeldClock()
    each = [attempts(store, clock) for _ in range(20)]
    let_through = 0
    for _ in range(50):
        for budget in each:
            let_through += fail(budget, someone("198.51.100.9")) is None
            for _ in range(3):
                await asyncio.sleep(0)
    assert 20 <= let_through <= 20 + 3 * 20, "each instance tells the others from its third failure on"


async def test_a_store_that_fails_keeps_nobody_out() -> None:
    class Broken(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            raise ConnectionError

    budget = attempts(Broken())
    assert await failures(budget, [someone("198.51.100.9")] * 100) == 20
    await asyncio.sleep(0.01)
    assert succeed(budget, someone("192.0.2.1"))


async def test_what_is_stored_stays_small_whatever_the_flood() -> None:
    store = MemoryAttempts()
    budget = attempts(store, per_address=1000)
    for n in range(3000):
        fail(budget, someone(f"198.51.{n // 250}.{n % 250}"))
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert {key for counts in store.counts.values() for key in counts} == {"everyone", f"everyone_{HOST}"}


_CALLERS = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "x"])


@given(st.lists(st.tuples(_CALLERS, _CALLERS, st.sampled_from([HOST, OTHER_HOST]), st.booleans(), st.sampled_from([0, 1, 30, 61])), max_size=120))
def test_no_order_of_attempts_goes_over_a_budget(steps: list[tuple[str, str, str, bool, int]]) -> None:
    """In each minute: at most 3 failures an address, 30 a login host, 90 altogether."""

    async def run() -> None:
        clock = HeldClock()
        budget = attempts(clock=clock, per_address=3)
        failed = dict[tuple[str, str, str], int]()
        for address, peer, host, succeeds, seconds in steps:
            clock.time += timedelta(seconds=seconds)
            if succeeds:
                succeed(budget, someone(address, peer), host)
            elif fail(budget, someone(address, peer), host) is None:
                minute = clock.time.strftime("%H:%M")
                for kind, key in (("address", address), ("host", host), ("all", "")):
                    failed[minute, kind, key] = failed.get((minute, kind, key), 0) + 1
        for (_, kind, _key), count in failed.items():
            assert count <= {"address": 3, "host": 30, "all": 90}[kind]

    asyncio.run(run())


@pytest.mark.parametrize("code", ["", "short", "x" * 1025, "a code with blanks in it", "a" * 30 + "\n", "a" * 30 + "é", "aPrx%3D%3D" + "x" * 30])
def test_codes_that_cannot_be_one(code: str) -> None:
    assert not possible(code, "v" * 43)


@pytest.mark.parametrize("verifier", ["", "v" * 42, "v" * 129, "v" * 42 + " ", "v" * 42 + "+"])
def test_verifiers_that_cannot_be_one(verifier: str) -> None:
    assert not possible("aPrx" + "x" * 60 + "==", verifier)


def test_a_code_as_salesforce_documents_it() -> None:
    """Salesforce Help, "OAuth 2.0 Web Server Flow for Web App Integration"."""
    assert possible("aPrxsmIEeqM9PiQroGEWx1UiMQd95_5JUZVEhsOFhS8EVvbfYBBJli2W5fn3zbo.8hojaNW_1g==", "v" * 43)
