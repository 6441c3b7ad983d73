"""The budget of failed sign-ins: what a flood may cost, and who still gets through beside it."""

import asyncio
import gc
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from backend.failures import NotSent, StoreUnavailable
from backend.sign_in.attempts import Attempts, possible
from backend.sign_in.claims import Claims
from backend.values import Visitor
from backend.visitors import GOOGLES_OWN, Proxies, parsed
from contract.errors import Reason, SignInFailed
from tests.depth import examples
from tests.functions.instances import SteppedClock
from tests.functions.memory_store import MemoryAttempts, MemoryCodes

HOST, OTHER_HOST = "login.salesforce.com", "a.my.salesforce.com"
CODE, STRANGE = "aPrx" + "x" * 60, "Qq9" + "x" * 60


class HeldClock(SteppedClock):
    """Time that passes only when told."""

    def __init__(self) -> None:
        super().__init__()
        self.time = datetime(2026, 11, 26, 10, 0, 5, tzinfo=UTC)
        self.slept = 0.0

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept = seconds
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


@pytest.mark.parametrize(("second", "wait"), [(0, 60), (0.4, 60), (0.6, 59), (30, 30), (59, 1), (59.9, 1)])
async def test_the_time_to_wait_is_a_second_at_least(second: float, wait: int) -> None:
    clock = HeldClock()
    budget = attempts(clock=clock, per_address=1)
    clock.time = datetime(2026, 11, 26, 10, 1, tzinfo=UTC) + timedelta(seconds=second)
    assert [fail(budget, someone("198.51.100.9")) for _ in range(2)] == [None, wait]


async def test_a_flood_is_noticed_once_a_minute() -> None:
    told, clock, office = list[str](), HeldClock(), someone("198.51.100.9")
    budget = Attempts(MemoryAttempts(), clock, per_address=1, fingerprint=str, notice=told.append)
    for minute in range(3):
        clock.time = datetime(2026, 11, 26, 10, minute, 30, tzinfo=UTC)
        assert [fail(budget, office) for _ in range(4)] == [None, 30, 30, 30]
        assert len(told) == minute + 1


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def told_addresses(store: MemoryAttempts) -> dict[str, int]:
    return {
        key.removeprefix("address_"): n
        for counts in store.counts.values()
        for key, n in counts.items()
        if key.startswith("address_")
    }


def told_altogether(store: MemoryAttempts) -> int:
    return sum(n for counts in store.counts.values() for key, n in counts.items() if key.startswith("everyone_"))


async def test_an_address_is_told_from_its_third_failure_after_two_seconds() -> None:
    store, clock = MemoryAttempts(), HeldClock()
    budget = attempts(store, clock)
    await failures(budget, [someone("192.0.2.1")] * 3 + [someone("192.0.2.2")] * 2)
    await settled()
    assert clock.slept == 2
    assert told_addresses(store) == {"192.0.2.1": 3}
    assert list(store.counts) == ["2026-11-26T10:00+00:00"]
    assert told_altogether(store) == 5
    await failures(budget, [someone("192.0.2.1"), someone("192.0.2.2")])
    await settled()
    assert told_addresses(store) == {"192.0.2.1": 4, "192.0.2.2": 3}
    assert told_altogether(store) == 7


async def test_the_fifty_callers_with_the_most_failures_are_told() -> None:
    """An address counts by itself and in its network."""
    store = MemoryAttempts()
    budget = attempts(store)
    for n in range(60):
        await failures(budget, [someone(f"192.0.{n}.1")] * (3 + (n >= 10)), host=f"h{n}")
    await settled()
    told = {key for counts in store.counts.values() for key in counts if "network" in key or "address" in key}
    assert len(told) == 50
    assert not told & {f"address_192.0.{n}.1" for n in range(10)}


async def test_the_fifty_login_hosts_with_the_most_failures_are_told() -> None:
    """Anybody may name a My Domain that nobody has."""
    store = MemoryAttempts()
    budget = attempts(store)
    for n in range(400):
        await failures(budget, [someone(f"10.{n // 250}.{n % 250}.1")], host=f"h{n}.my.salesforce.com")
    await settled()
    assert sum(key.startswith("host_") for counts in store.counts.values() for key in counts) == 50


async def test_what_others_have_counted_is_added_once() -> None:
    """Ten here and eleven there, told in turns, are twenty-one: the address may have twenty-five."""
    store, clock = MemoryAttempts(), HeldClock()
    here, there = (attempts(store, clock, per_address=25) for _ in range(2))
    office = someone("198.51.100.9")
    for rounds in ((5, 4), (3, 4), (2, 3)):
        for budget, often in zip((here, there), rounds, strict=True):
            assert await failures(budget, [office] * often) == often
            await settled()
    await failures(here, [office])
    await settled()
    assert await failures(here, [office] * 9) == 3
    clock.time += timedelta(seconds=60)
    assert await failures(here, [office] * 30) == 25


@pytest.mark.parametrize(("address", "same", "other"), [
    ("::ffff:198.51.100.9", "198.51.100.9", "::ffff:198.51.100.10"), ("2001:db8::1", "2001:db8:0:0:ffff::",
                                                                      "2001:db8:0:1::"),
    ("198.51.100.9", "198.51.100.9", "198.51.100.8"), ("no address", "no address", "none"),
])  # fmt: skip
async def test_which_addresses_are_one_caller(address: str, same: str, other: str) -> None:
    budget = attempts(per_address=1)
    assert [fail(budget, someone(a)) is None for a in (address, same, other)] == [True, False, True]


async def test_strange_codes_and_strangers_have_counts_of_their_own() -> None:
    store = MemoryAttempts()
    budget = attempts(store)
    for visitor, code in (
        (someone("192.0.2.1", "66.102.8.9"), CODE),
        (someone("192.0.2.1"), STRANGE),
        (someone("192.0.2.1", attestation="a"), CODE),
        (someone("192.0.2.1", "66.102.8.9", attestation="a"), CODE),
    ):
        await failures(budget, [visitor] * 2, code=code)
    await settled()
    counts = dict(store.counts["2026-11-26T10:00+00:00"])
    assert {key: n for key, n in counts.items() if "everyone" in key} == {
        "proxy_426608_everyone_0": 1, "proxy_426608_everyone_1": 1, "proxies_everyone_0": 1, "proxies_everyone_1": 1,
        "everyone_4": 2,
        "attested_everyone_0": 1, "attested_everyone_1": 1, "attested_everyone_2": 2,
    }  # fmt: skip
    assert counts["attested_address_192.0.2.1"] == 4
    assert counts[f"everyone_{HOST}_4".replace("everyone", "host")] == 2


async def test_the_kth_failure_of_a_network_competes_with_the_first_ones_of_all_others() -> None:
    """One address may have one failure: a login host ten. Four networks that fail all the time leave six to those who
    fail for the first time, and none to themselves.
    """
    budget = attempts(per_address=1)
    flood = [someone(f"198.51.{n}.{a}") for a in range(99) for n in range(4)]
    let_through = await failures(budget, flood)
    assert let_through <= 4 * 5, "each network five times as many as an address"
    assert [fail(budget, someone(f"203.0.{n}.1")) is None for n in range(7)] == [True] * 6 + [False]


async def test_codes_that_look_made_up_stand_behind_those_of_whoever_has_not_failed() -> None:
    budget = attempts(per_address=1)
    assert await failures(budget, [someone(f"192.0.{n}.1") for n in range(99)], code=STRANGE) == 10
    assert await failures(budget, [someone(f"203.0.{n}.1") for n in range(99)]) == 10


async def test_sign_ins_that_succeed_cost_nothing() -> None:
    """An office with hundreds of people behind one address."""
    budget = attempts()
    assert all(succeed(budget, someone("198.51.100.9")) for _ in range(2000))


async def test_an_office_in_which_sign_ins_fail_and_succeed_goes_on() -> None:
    """Its people count by what is left of the failures."""
    budget, office = attempts(), someone("198.51.100.9")
    for _ in range(100):
        assert fail(budget, office) is None
        assert succeed(budget, office)
    assert await failures(budget, [office] * 50) == 20


async def test_sign_ins_under_way_count_until_they_are_done() -> None:
    told, office = list[str](), someone("198.51.100.9")
    budget = Attempts(MemoryAttempts(), HeldClock(), per_address=1, fingerprint=str, notice=told.append)
    with budget.one(office, HOST, CODE) as attempt:
        assert fail(budget, office) == 1
        attempt.succeeded = True
    assert not told, "many at the same moment are no flood"
    assert [fail(budget, office) for _ in range(4)] == [None, None, 55, 55], "one more than succeeded"
    assert told == ["callers"]


async def test_what_has_failed_and_what_is_under_way_are_added() -> None:
    budget, office = attempts(per_address=2), someone("198.51.100.9")
    assert fail(budget, office) is None
    with budget.one(office, HOST, CODE) as attempt:
        assert fail(budget, office) == 1
        attempt.succeeded = True


async def test_of_two_under_way_the_other_still_counts_when_one_is_done() -> None:
    budget, office = attempts(per_address=2), someone("198.51.100.9")
    with budget.one(office, HOST, CODE) as first:
        first.succeeded = True
        with budget.one(office, HOST, CODE) as second:
            second.succeeded = True
        with budget.one(office, HOST, CODE) as third:
            third.succeeded = True
            assert not succeed(budget, office)
        assert succeed(budget, office)


async def test_an_instance_that_is_alone_counts_nothing_twice_whatever_the_store_says() -> None:
    class Forgetful(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            return dict.fromkeys(counts, 0)

    for store in (MemoryAttempts(), Forgetful()):
        budget, office = attempts(store, per_address=5), someone("198.51.100.9")
        assert await failures(budget, [office] * 3) == 3
        await settled()
        assert await failures(budget, [office] * 9) == 2


@pytest.mark.parametrize("out_of_reach", [NotSent, StoreUnavailable])
async def test_what_is_out_of_reach_is_nobodys_failure(out_of_reach: type[NotSent | StoreUnavailable]) -> None:
    budget = attempts(per_address=1)
    for _ in range(5):
        with pytest.raises(out_of_reach), budget.one(someone("198.51.100.9"), HOST, CODE):
            raise out_of_reach


async def test_what_never_reached_salesforce_has_a_budget_of_its_own() -> None:
    """A made-up My Domain has no address: each try costs two writes of Firestore and a look-up, and is no failure."""
    budget, tried = attempts(), 0
    for n in range(3000):
        with (
            suppress(NotSent, SignInFailed),
            budget.one(someone(f"198.51.100.{n % 250}"), f"h{n}.my.salesforce.com", CODE),
        ):
            tried += 1
            raise NotSent
    assert tried == 1000, "of one network; ten times what may fail"
    assert succeed(budget, someone("192.0.2.1"))


async def test_beginnings_have_a_budget_that_other_networks_and_sign_ins_do_not_share() -> None:
    budget = attempts()

    def begun(visitor: Visitor) -> bool:
        try:
            budget.begin(visitor)
        except SignInFailed as refused:
            return refused.details != {"retryAfter": 55}
        return True

    assert sum(begun(someone("198.51.100.9")) for _ in range(500)) == 200
    assert sum(begun(someone(f"2001:db8:bad:{n:x}::1")) for n in range(5000)) == 1000
    assert begun(someone("192.0.2.1"))
    assert begun(someone("198.51.100.9", attestation="a"))
    assert succeed(budget, someone("198.51.100.9"))


async def test_many_addresses_cannot_use_up_what_is_kept_for_others() -> None:
    """Each of 30 addresses fails as often as it may; whoever comes for the first time still gets in."""
    budget = attempts()
    flood = [someone(f"198.51.100.{n}") for n in range(30)]
    assert await failures(budget, flood * 100) == 100, "what their network may have"
    assert succeed(budget, someone("192.0.2.1"))


async def test_a_flood_at_one_login_host_leaves_the_others_alone() -> None:
    budget = attempts()
    assert await failures(budget, [someone(f"10.{n // 250}.{n % 250}.1") for n in range(5000)]) == 200
    assert not succeed(budget, someone("192.0.2.1"))
    assert succeed(budget, someone("192.0.2.1"), OTHER_HOST)


async def test_all_together_have_a_budget_too() -> None:
    budget = attempts()
    hosts = [f"h{n}.my.salesforce.com" for n in range(5000)]
    let_through = [fail(budget, someone(f"10.{n // 250}.{n % 250}.1"), host) for n, host in enumerate(hosts)]
    assert let_through.count(None) == 600


async def test_the_most_that_fails_however_many_networks_there_are() -> None:
    """Each comes when those before it have failed as often as they may: four and a half times the budget at most."""
    budget, let_through = attempts(per_address=2), 0
    for networks in (1, 2, 4, 8, 16, 32):
        flood = [someone(f"10.{networks}.{n}.{a}") for a in range(10) for n in range(networks)]
        let_through += await failures(budget, flood * 2)
    assert 20 < let_through <= 20 * 3, "of which ten may be of one network: steps 0 to 4"


@pytest.mark.parametrize(("address", "same", "other"), [
    ("192.0.2.1", "192.0.2.254", "192.0.3.1"), ("2001:db8:1::1", "2001:db8:1:ffff::1", "2001:db8:2::1"),
    ("::ffff:192.0.2.1", "192.0.2.9", "192.0.1.255"),
])  # fmt: skip
async def test_which_addresses_are_one_network(address: str, same: str, other: str) -> None:
    """The smallest that are routed on their own: five times what one address may have."""
    budget = attempts(per_address=1)
    base = ["192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14"]
    if ":" in same:
        base = [f"2001:db8:1:{n}::1" for n in range(1, 5)]
    assert await failures(budget, [someone(a) for a in (address, *base)]) == 5
    assert fail(budget, someone(same)) == 55
    assert fail(budget, someone(other)) is None


async def test_a_flood_that_others_have_counted_is_noticed_too() -> None:
    class Flooded(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            return dict.fromkeys(counts, 1000)

    noticed, office = list[str](), someone("198.51.100.9")
    budget = Attempts(Flooded(), HeldClock(), per_address=5, fingerprint=str, notice=noticed.append)
    assert await failures(budget, [office] * 3) == 3
    await settled()
    assert [fail(budget, office) for _ in range(3)] == [55, 55, 55]
    assert noticed == ["callers"]


async def test_a_proxys_people_are_not_kept_out_by_twenty_of_them_who_failed() -> None:
    budget, hosting = attempts(), "66.102.8.9"
    assert await failures(budget, [someone("192.0.2.1", peer=hosting)] * 90) == 20
    assert await failures(budget, [someone(f"10.{n}.0.1", peer=hosting) for n in range(40)]) == 40
    assert all(succeed(budget, someone(f"203.0.113.{n}", peer=hosting)) for n in range(200))


async def test_who_calls_from_googles_networks_too_uses_up_no_more_than_what_is_said_there() -> None:
    """Apps Script calls from Google's own networks, with any header; Hosting's users come through another of them."""
    budget = attempts()
    for n in range(2000):
        fail(budget, someone(f"10.{n // 250}.{n % 250}.1", peer=f"74.125.{n % 3}.7"))
    assert not succeed(budget, someone("192.0.2.1", peer="74.125.1.9"))
    assert all(succeed(budget, someone(f"192.0.2.{n}", peer="66.102.8.9")) for n in range(50))
    assert succeed(budget, someone("192.0.2.1"))


async def test_all_proxies_together_have_a_budget_too() -> None:
    budget = attempts(per_address=1)
    let_through = await failures(
        budget, [someone(f"10.{n // 250}.{n % 250}.1", f"74.125.{n % 250}.7") for n in range(5000)]
    )
    assert 300 <= let_through <= 3 * 300, "ten times what all others may have, by steps"
    assert succeed(budget, someone("192.0.2.1"))


async def test_codes_that_look_made_up_do_not_keep_anyone_at_the_same_address_out() -> None:
    budget, laptop = attempts(), someone("127.0.0.1")
    assert await failures(budget, [laptop] * 1000, code=STRANGE) == 20
    assert succeed(budget, laptop)


async def test_the_apps_own_budget_is_not_used_up_by_strangers() -> None:
    budget = attempts()
    await failures(budget, [someone(f"198.51.{n // 250}.{n % 250}") for n in range(5000)])
    assert succeed(budget, someone("198.51.0.1", attestation="a fingerprint"))


@pytest.mark.parametrize("address", ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:1::"])
async def test_an_ipv6_network_is_one_caller(address: str) -> None:
    budget = attempts()
    await failures(budget, [someone("2001:db8::7")] * 20)
    assert fail(budget, someone(address)) is not None
    assert fail(budget, someone("2001:db8:0:1::1")) is None, "another network of the same 48 bits: four more are left"


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


async def test_a_network_that_reaches_every_instance_keeps_nobody_out_of_any() -> None:
    """To each of 20 instances it is new until they have told each other: that makes it 20 networks, of 200."""
    store, clock = MemoryAttempts(), HeldClock()
    each, let_through = [attempts(store, clock) for _ in range(20)], 0
    for n in range(30):
        for m, budget in enumerate(each):
            let_through += fail(budget, someone(f"2001:db8:bad:{n * 20 + m:x}::1")) is None
        await settled()
    assert let_through <= 100 + 3 * 20
    assert all(succeed(budget, someone(f"192.0.{m}.1")) for m, budget in enumerate(each))


async def test_what_is_told_at_once_is_small_whatever_the_flood() -> None:
    told = list[int]()

    class Noting(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            told.append(len(counts))
            return await super().add(window, counts)

    budget = attempts(Noting(), per_address=50)
    for n in range(2000):
        peer = f"74.125.{n % 250}.7" if n % 2 else None
        for _ in range(3):
            fail(budget, someone(f"10.{n // 250}.{n % 250}.1", peer), f"h{n}", STRANGE if n % 3 else CODE)
    await settled()
    assert 100 < max(told) <= 300, "Firestore takes 500 increments of a document at once"


async def test_what_is_not_told_yet_is_not_taken_for_what_others_have_counted() -> None:
    """Five told, and three more while the store answers: of the store's eleven six are others', so that eleven more are
    let through.
    """

    class Busy(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            await failures(here, [office] * 3)
            return dict.fromkeys(counts, 11)

    office = someone("198.51.100.9")
    here = attempts(Busy(), per_address=25)
    assert await failures(here, [office] * 5) == 5
    await settled()
    assert await failures(here, [office] * 30) == 25 - 8 - 6


async def test_a_store_that_fails_keeps_nobody_out() -> None:
    class Broken(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            raise ConnectionError

    complaints = list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    budget = attempts(Broken())
    assert await failures(budget, [someone("198.51.100.9")] * 100) == 20
    await asyncio.sleep(0.01)
    assert succeed(budget, someone("192.0.2.1"))
    gc.collect()
    assert complaints == []


async def test_what_is_stored_stays_small_whatever_the_flood() -> None:
    store = MemoryAttempts()
    budget = attempts(store, per_address=1000)
    for n in range(1000):
        fail(budget, someone(f"{10 + n // 62500}.{n // 250 % 250}.{n % 250}.1"))
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert {key for counts in store.counts.values() for key in counts} == {"everyone_0", f"host_{HOST}_0"}


_CALLERS = st.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "x"])


@given(
    st.lists(
        st.tuples(_CALLERS, st.sampled_from([HOST, OTHER_HOST]), st.booleans(), st.sampled_from([0, 1, 30, 61])),
        max_size=120,
    )
)
def test_no_order_of_attempts_goes_over_a_budget(steps: list[tuple[str, str, bool, int]]) -> None:
    """In each minute: of an address at most 3 failures more than sign-ins that succeeded, at a login host 90, 270
    altogether.
    """

    async def run() -> None:
        clock = HeldClock()
        budget = attempts(clock=clock, per_address=3)
        failed, succeeded = Counter[tuple[str, str, str]](), Counter[tuple[str, str]]()
        for address, host, succeeds, seconds in steps:
            clock.time += timedelta(seconds=seconds)
            minute = clock.time.strftime("%H:%M")
            if succeeds:
                succeeded[minute, address] += succeed(budget, someone(address), host)
            elif fail(budget, someone(address), host) is None:
                failed.update([(minute, "address", address), (minute, "host", host), (minute, "all", "")])
        for (minute, kind, key), count in failed.items():
            more = succeeded[minute, key] if kind == "address" else 0
            assert count <= {"address": 3, "host": 90, "all": 270}[kind] + more

    asyncio.run(run())


# A wave of calls: from which of the strangers' networks, how many from each, from which address of it, what they say
# they forward, whether through Hosting, which App Check token they send, how the code begins.
_NETWORKS = 9
_WAVES = st.tuples(
    st.sets(st.integers(0, _NETWORKS - 1), min_size=1), st.integers(1, 8), st.integers(0, 2**80 - 1),
    st.sampled_from(["", "192.0.2.1", "made up", "random"]), st.booleans(), st.sampled_from([None, None, "a", "b"]),
    st.sampled_from([CODE, CODE, STRANGE]),
)  # fmt: skip


@settings(max_examples=examples(40))
@given(st.lists(_WAVES, max_size=20), st.randoms())
def test_whoever_has_not_failed_gets_in_beside_strangers_with_nine_networks(
    waves: list[tuple[set[int], int, int, str, bool, str | None, str]], chance: Random
) -> None:
    """With one failure an address a login host has ten: fewer networks than that keep nobody out, whatever they send.
    (With the default of 20 these are 200.)
    """

    async def run() -> None:
        budget, claims, proxies = attempts(per_address=1), Claims(MemoryCodes()), Proxies(parsed(GOOGLES_OWN))

        async def send(network: int, bits: int, said: str, forwards: bool, token: str | None, code: str) -> None:
            v6 = IPv6Address((0x20010DB8BAD0 + network) << 80 | bits)
            own = str(v6) if network % 2 else f"198.51.{network}.{bits % 256}"
            forged = str(IPv4Address(bits % 2**32)) if said == "random" else said
            told = [own, "66.102.8.9"] if forwards else [forged, own]
            if token is None or await claims.claim(token):
                visitor = proxies.visitor(request(told, own if forwards else forged), token)
                fail(budget, visitor, chance.choice([HOST, HOST, OTHER_HOST]), code)

        def users_get_in(n: int) -> None:
            for sender in (f"203.0.{n}.7", f"2001:db8:{n:x}::7"):
                for told in ([sender], [sender, "66.102.8.9"]):
                    for attestation in (None, f"{told} {n}"):
                        visitor = proxies.visitor(request(told, told[0]), attestation)
                        assert succeed(budget, visitor, chance.choice([HOST, OTHER_HOST])), visitor

        for n, (networks, rounds, bits, said, forwards, token, code) in enumerate(waves):
            for r in range(rounds):
                for network in sorted(networks):
                    await send(network, (bits + (r << 64)) % 2**80, said, forwards, token, code)
            users_get_in(n)

    asyncio.run(run())


def request(forwarded: list[str], fastly: str) -> Request:
    lines = {"x-forwarded-for": ", ".join(filter(None, forwarded)), "fastly-client-ip": fastly}
    raw = [(name.encode(), value.encode()) for name, value in lines.items() if value]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw, "client": ("127.0.0.1", 1)})


@pytest.mark.parametrize(
    "code",
    ["", "short", "x" * 1025, "a code with blanks in it", "a" * 30 + "\n", "a" * 30 + "é", "aPrx%3D%3D" + "x" * 30],
)
def test_codes_that_cannot_be_one(code: str) -> None:
    assert not possible(code, "v" * 43)


@pytest.mark.parametrize("verifier", ["", "v" * 42, "v" * 129, "v" * 42 + " ", "v" * 42 + "+"])
def test_verifiers_that_cannot_be_one(verifier: str) -> None:
    assert not possible("aPrx" + "x" * 60 + "==", verifier)


def test_a_code_as_salesforce_documents_it() -> None:
    """Salesforce Help, "OAuth 2.0 Web Server Flow for Web App Integration"."""
    assert possible("aPrxsmIEeqM9PiQroGEWx1UiMQd95_5JUZVEhsOFhS8EVvbfYBBJli2W5fn3zbo.8hojaNW_1g==", "v" * 43)


@pytest.mark.parametrize(
    ("code", "verifier"), [("x" * 20, "v" * 43), ("x" * 1024, "v" * 128), ("aB9._~+/=!-" * 2, "aB9._~-" * 10)]
)
def test_codes_and_verifiers_that_can_be_one(code: str, verifier: str) -> None:
    assert possible(code, verifier)


@pytest.mark.parametrize("code", ["x" * 19, "x" * 1025])
def test_codes_that_are_too_short_or_too_long(code: str) -> None:
    assert not possible(code, "v" * 43)
