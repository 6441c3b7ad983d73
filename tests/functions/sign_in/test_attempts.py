"""The budget of failed sign-ins: what a flood may cost, and who still gets through beside it."""

import asyncio
import gc
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
    budget = Attempts(MemoryAttempts(), clock, per_address=1, fingerprint=str, notice=lambda: told.append("refused"))
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
        if "everyone" not in key
    }


async def test_an_address_is_told_from_its_third_failure_after_two_seconds() -> None:
    store, clock = MemoryAttempts(), HeldClock()
    budget = attempts(store, clock)
    await failures(budget, [someone("192.0.2.1")] * 3 + [someone("192.0.2.2")] * 2)
    await settled()
    assert clock.slept == 2
    assert told_addresses(store) == {"192.0.2.1": 3}
    assert store.counts["2026-11-26T10:00+00:00"]["everyone"] == 5
    await failures(budget, [someone("192.0.2.1"), someone("192.0.2.2")])
    await settled()
    assert told_addresses(store) == {"192.0.2.1": 4, "192.0.2.2": 3}
    assert store.counts["2026-11-26T10:00+00:00"]["everyone"] == 7


async def test_the_fifty_addresses_with_the_most_failures_are_told() -> None:
    store = MemoryAttempts()
    budget = attempts(store)
    for n in range(60):
        await failures(budget, [someone(f"192.0.2.{n}")] * (3 + (n >= 10)), host=f"h{n}")
    await settled()
    assert set(told_addresses(store)) == {f"192.0.2.{n}" for n in range(10, 60)}


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
        (someone("192.0.2.1", "192.0.2.9"), CODE),
        (someone("192.0.2.1"), STRANGE),
        (someone("192.0.2.1", attestation="a"), CODE),
    ):
        await failures(budget, [visitor] * 3, code=code)
    await settled()
    assert dict(store.counts["2026-11-26T10:00+00:00"]) == {
        "address_192.0.2.1": 3, "peer_192.0.2.9": 3, "unusual_address_192.0.2.1": 3, "attested_address_192.0.2.1": 3,
        f"everyone_{HOST}": 6, "everyone": 6, f"attested_everyone_{HOST}": 3, "attested_everyone": 3,
    }  # fmt: skip


async def test_half_of_a_login_hosts_budget_is_kept_for_first_attempts() -> None:
    """One address may have one failure: its login host ten of callers that come for the first time, five of others."""
    budget = attempts(per_address=1)
    assert await failures(budget, [someone(f"192.0.2.{n}") for n in range(9)], code=STRANGE) == 5
    assert await failures(budget, [someone(f"198.51.100.{n}") for n in range(9)]) == 5
    budget = attempts(per_address=2)
    assert await failures(budget, [someone(f"192.0.2.{n}") for n in range(12)]) == 12
    assert fail(budget, someone("192.0.2.1")) == 55, "a second attempt of this minute may have half"
    assert fail(budget, someone("192.0.2.99")) is None


async def test_sign_ins_that_succeed_cost_nothing() -> None:
    """An office with hundreds of people behind one address."""
    budget = attempts()
    assert all(succeed(budget, someone("198.51.100.9")) for _ in range(2000))


async def test_sign_ins_under_way_count_until_they_are_done() -> None:
    told, office = list[str](), someone("198.51.100.9")
    budget = Attempts(
        MemoryAttempts(), HeldClock(), per_address=1, fingerprint=str, notice=lambda: told.append("refused")
    )
    with budget.one(office, HOST, CODE) as attempt:
        assert fail(budget, office) == 1
        attempt.succeeded = True
    assert succeed(budget, office)
    assert not told, "many at the same moment are no flood"
    assert [fail(budget, office) for _ in range(3)] == [None, 55, 55]
    assert told == ["refused"]


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
    let_through = [fail(budget, someone(f"198.51.{n // 250}.{n % 250}"), host) for n, host in enumerate(hosts)].count(
        None
    )
    assert let_through == 600


async def test_half_of_what_all_together_have_is_kept_for_first_attempts() -> None:
    budget = attempts()
    hosts = [f"h{n}.my.salesforce.com" for n in range(1000)]
    assert [fail(budget, someone(f"198.51.{n // 250}.{n % 250}"), host, STRANGE) for n, host in enumerate(hosts)].count(
        None
    ) == 300
    assert succeed(budget, someone("192.0.2.1"))


async def test_the_people_behind_one_proxy_have_ten_times_an_addresss_budget_wherever_they_sign_in() -> None:
    for proxy in ("198.51.100.9", "1.1.1.1"):
        budget = attempts()
        people = [(someone(f"10.{n // 250}.{n % 250}.1", peer=proxy), f"h{n}.my.salesforce.com") for n in range(1000)]
        assert [fail(budget, person, host) for person, host in people].count(None) == 200


async def test_who_calls_directly_is_nobodys_proxy() -> None:
    """The address and the caller's own are equal, and not the same object."""
    told = list[set[str]]()

    class Noting(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            told.append(set(counts))
            return counts

    budget = attempts(Noting())
    await failures(budget, [Visitor("198.51.100.9", "".join(["198.51.", "100.9"]), None)] * 5)
    await settled()
    assert not [key for counted in told for key in counted if "peer" in key]
    assert told


async def test_a_flood_that_others_have_counted_is_noticed_too() -> None:
    class Flooded(MemoryAttempts):
        async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
            return dict.fromkeys(counts, 1000)

    noticed, office = list[str](), someone("198.51.100.9")
    budget = Attempts(Flooded(), HeldClock(), per_address=5, fingerprint=str, notice=lambda: noticed.append("refused"))
    assert await failures(budget, [office] * 3) == 3
    await settled()
    assert [fail(budget, office) for _ in range(3)] == [55, 55, 55]
    assert noticed == ["refused"]


async def test_a_proxys_people_are_first_attempts_until_as_many_have_failed_as_one_address_may() -> None:
    budget = attempts()
    assert await failures(budget, [someone(f"192.0.2.{n}") for n in range(200)], code=STRANGE) == 100, (
        "half of the login host's"
    )
    assert await failures(budget, [someone(f"10.0.0.{n}", peer="198.51.100.9") for n in range(200)]) == 20


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
    """Whoever calls the function directly may write any address into the header, but not the one that Google's front
    end adds.
    """
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
    for n in range(3000):
        fail(budget, someone(f"198.51.{n // 250}.{n % 250}"))
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert {key for counts in store.counts.values() for key in counts} == {"everyone", f"everyone_{HOST}"}


_CALLERS = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "x"])


@given(
    st.lists(
        st.tuples(
            _CALLERS, _CALLERS, st.sampled_from([HOST, OTHER_HOST]), st.booleans(), st.sampled_from([0, 1, 30, 61])
        ),
        max_size=120,
    )
)
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
