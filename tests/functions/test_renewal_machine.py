"""The renewal under every order of events that a seed can think of: the real vault, the real org's rules, virtual time.

Several instances share one store. At each await a scheduler chooses who goes on, whose process dies, how far the clock
moves, and what the network does to a request. The invariants:

I1  a refresh token reaches Salesforce at most once, unless Salesforce itself said that it is still good
I2  no older generation is ever stored over a newer one
I3  every waiter ends with a credential or a typed reason, in bounded virtual time
I4  nobody has to sign in again while the store holds a grant that Salesforce still takes
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backend.adapters.memory import MemoryConnections
from backend.core.connection import Connection, Contended, Credential, Grant, Renewed, Secret, State
from backend.core.vault import LEASE_SECONDS, WAIT_SECONDS, Vault
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason

UID = "00D_005"
INSTANCES, CALLERS, STEPS = 3, 6, 160
TOKEN_SECONDS = 10.0
SEEDS = 1500  # in CI; docs/reliability.md has the figures of the long run


class Died(BaseException):
    """The process of an instance was killed."""


class World:
    """Time, the network and Salesforce; every await of the code under test comes by here."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now_value = datetime(2026, 11, 24, tzinfo=UTC)
        self.parked: list[tuple[str, asyncio.Future[None]]] = []
        self.dead: set[str] = set()
        self.calm = False
        self.live = "r1"
        self.revoked = False
        self.issued = 1
        self.arrived: Counter[str] = Counter()

    async def point(self, instance: str) -> None:
        """A place where anything may happen before the code goes on."""
        if instance in self.dead:
            raise Died
        future = asyncio.get_running_loop().create_future()
        self.parked.append((instance, future))
        await future
        if instance in self.dead:
            raise Died

    def exchange(self, token: str) -> Grant:
        """Salesforce's own side, with rotation: a token that was used before revokes the whole grant."""
        self.arrived[token] += 1
        if token != self.live or self.revoked:
            self.revoked = True
            raise ConnectionLost(Reason.ACCESS_REVOKED)
        self.issued += 1
        self.live = f"r{self.issued}"
        return Grant(Secret(f"a{self.issued}"), Secret(self.live), "https://x.my.salesforce.com", "api", "00D", "005")


class Place:
    """One instance's view of the world: its clock (askew), its store, its way to Salesforce."""

    def __init__(self, world: World, name: str, store: MemoryConnections) -> None:
        self.world = world
        self.name = name
        self.inner = store
        self.skew = timedelta(seconds=world.rng.uniform(-30, 30))

    def now(self) -> datetime:
        return self.world.now_value + self.skew

    async def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:
            await self.world.point(self.name)
            self.world.now_value += timedelta(seconds=self.world.rng.uniform(0, seconds))

    async def read(self, uid: str) -> Connection | None:
        await self.world.point(self.name)
        found = await self.inner.read(uid)
        await self.world.point(self.name)
        return found

    async def write(self, connection: Connection) -> Connection:
        await self.world.point(self.name)
        written = await self.inner.write(connection)
        await self.world.point(self.name)
        return written

    async def delete(self, connection: Connection) -> None:
        await self.world.point(self.name)
        await self.inner.delete(connection)

    async def refresh(self, login_host: str, instance_url: str, refresh_token: Secret) -> Grant:
        sent = self.world.now_value
        await self.world.point(self.name)
        fate = "ok" if self.world.calm else self.world.rng.choice(("ok", "ok", "ok", "no-way", "lost", "lost-answer", "busy"))
        if fate == "no-way":
            raise OrgUnavailable(Reason.ORG_UNREACHABLE)
        if fate in ("lost", "busy"):
            await self.world.point(self.name)
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        # The adapter gives up after ten seconds: nothing that was sent arrives later than that.
        if self.world.now_value - sent > timedelta(seconds=TOKEN_SECONDS):
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        grant = self.world.exchange(refresh_token.reveal())
        await self.world.point(self.name)
        if fate == "lost-answer" or self.world.now_value - sent > timedelta(seconds=TOKEN_SECONDS):
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        return grant

    async def is_active(self, login_host: str, refresh_token: Secret) -> bool:
        await self.world.point(self.name)
        if not self.world.calm and self.world.rng.random() < 0.2:
            raise OrgUnavailable(Reason.ORG_BUSY)
        good = refresh_token.reveal() == self.world.live and not self.world.revoked
        await self.world.point(self.name)
        return good


class Plain:
    """A cipher that keeps the place with the token, so that a token moved elsewhere shows."""

    def seal(self, token: Secret, *, uid: str, field: str, generation: int) -> bytes:
        return f"{uid}|{field}|{generation}|{token.reveal()}".encode()

    def unseal(self, sealed: bytes, *, uid: str, field: str, generation: int) -> Secret:
        place, _, token = sealed.decode().rpartition("|")
        assert place == f"{uid}|{field}|{generation}"
        return Secret(token)


class WatchedStore(MemoryConnections):
    """Refuses to be a party to I2."""

    def __init__(self) -> None:
        super().__init__()
        self.highest = 0

    async def write(self, connection: Connection) -> Connection:
        written = await super().write(connection)
        assert written.generation >= self.highest, "I2: an older generation was stored over a newer one"
        self.highest = written.generation
        return written


class UnfencedStore(WatchedStore):
    """Mutant: writes whatever comes."""

    async def write(self, connection: Connection) -> Connection:
        current = await self.read(connection.uid)
        return await super().write(replace(connection, revision=None if current is None else current.revision))


class LeaselessVault(Vault):
    """Mutant: looks at no lease."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return False


class ClockTrustingVault(Vault):
    """Mutant: believes that all clocks agree."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return connection.lease is not None and connection.lease.deadline > self._clock.now()


class TrustingVault(Vault):
    """Mutant: sends a token again without asking."""

    async def _is_still_good(self, held: Connection, token: Secret) -> bool:
        return True


class ForgetfulVault(Vault):
    """Mutant: takes what a dead holder was sending for unsent."""

    async def _take_lease(self, connection: Connection) -> Connection:
        return await super()._take_lease(replace(connection, state=State.REFRESHING))


class HastyVault(Vault):
    """Mutant: gives a connection up when the outcome is unknown."""

    async def _is_still_good(self, held: Connection, token: Secret) -> bool:
        return False


async def play(seed: int, vault_type: type[Vault] = Vault, store_type: type[WatchedStore] = WatchedStore) -> Counter[str]:
    """One interleaving; returns what happened. Raises AssertionError when an invariant is broken."""
    world, store, cipher = World(seed), store_type(), Plain()
    start = world.now_value
    first = Connection(UID, "00D", "005", "login.salesforce.com", "https://x.my.salesforce.com", "api", 1,
                       cipher.seal(Secret("a1"), uid=UID, field="access_token", generation=1),
                       cipher.seal(Secret("r1"), uid=UID, field="refresh_token", generation=1), State.FRESH, start, start)  # fmt: skip
    await store.write(first)
    born = 0

    def instance() -> Vault:
        nonlocal born
        born += 1
        place = Place(world, f"i{born}", store)
        return vault_type(place, cipher, place, place, world.rng.random, place.name)

    vaults = [instance() for _ in range(INSTANCES)]
    happened: Counter[str] = Counter()
    waiting: dict[asyncio.Task[Renewed], datetime] = {}
    rejected = Credential(UID, Secret("a1"), "https://x.my.salesforce.com", 1)

    def call(vault: Vault) -> None:
        waiting[asyncio.create_task(vault.renew(UID, rejected))] = world.now_value

    def collect() -> None:
        for task in [t for t in waiting if t.done()]:
            begun = waiting.pop(task)
            assert world.now_value - begun < timedelta(seconds=WAIT_SECONDS + LEASE_SECONDS + 30), "I3: a waiter waited too long"
            outcome = task.exception()
            if outcome is None:
                happened["renewed"] += 1
            elif isinstance(outcome, CallError):
                happened[outcome.reason.value] += 1
            else:
                assert isinstance(outcome, Died), outcome
                happened["died"] += 1

    async def settle() -> None:
        for _ in range(8):
            await asyncio.sleep(0)

    async def step() -> None:
        await settle()
        collect()
        if world.parked:
            _, future = world.parked.pop(world.rng.randrange(len(world.parked)))
            future.set_result(None)

    for vault in vaults:
        for _ in range(CALLERS // INSTANCES):
            call(vault)
    for _ in range(STEPS):
        await step()
        dice = world.rng.random()
        if dice < 0.03:
            n = world.rng.randrange(INSTANCES)
            world.dead.add(vaults[n]._owner)
            vaults[n] = instance()
            call(vaults[n])
            happened["kills"] += 1
        elif dice < 0.08:
            world.now_value += timedelta(seconds=world.rng.uniform(0, 12))
        elif dice < 0.12:
            call(vaults[world.rng.randrange(INSTANCES)])
        stored = await store.read(UID)
        if stored is not None and stored.generation > rejected.generation and world.rng.random() < 0.1:
            rejected = Credential(UID, Secret(f"a{stored.generation}"), stored.instance_url, stored.generation)  # that one expires too
    # The storm is over: no more deaths and losses, and time goes on.
    world.calm = True
    for _ in range(4000):
        if not waiting and not world.parked:
            break
        await step()
        if not world.parked:
            world.now_value += timedelta(seconds=1)
    assert not waiting, "I3: a waiter never ended"
    for token, times in world.arrived.items():
        assert times <= 1, f"I1: {token} reached Salesforce {times} times"
    stored = await store.read(UID)
    assert stored is not None
    held = cipher.unseal(stored.refresh_token, uid=UID, field="refresh_token", generation=stored.generation).reveal()
    if held == world.live and not world.revoked:
        assert stored.state is not State.NEEDS_SIGN_IN, "I4: signed out although the stored grant is good"
        final = asyncio.create_task(vaults[0].renew(UID, Credential(UID, Secret("x"), "https://x", stored.generation)))
        world.now_value += timedelta(seconds=LEASE_SECONDS + 5)
        for _ in range(4000):
            if final.done():
                break
            await step()
            if not world.parked:
                world.now_value += timedelta(seconds=1)
        assert (await final).credential.generation == stored.generation + 1, "I4"
    return happened


def storm(seeds: range, vault_type: type[Vault] = Vault, store_type: type[WatchedStore] = WatchedStore) -> Counter[str]:
    """Many interleavings in one loop."""

    async def all_of_them() -> Counter[str]:
        total: Counter[str] = Counter()
        for seed in seeds:
            try:
                total += await play(seed, vault_type, store_type)
            except AssertionError as broken:
                raise AssertionError(f"seed {seed}: {broken}") from broken
        return total

    return _run(all_of_them())


def _run(work: Awaitable[Counter[str]]) -> Counter[str]:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # a task that died unheard is meant
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def test_no_interleaving_breaks_an_invariant() -> None:
    happened = storm(range(SEEDS))
    assert happened["kills"] > SEEDS
    assert happened["renewed"] > SEEDS
    assert happened[Reason.REFRESH_LOST.value] > 0  # the case that no one can mend is among them, with its own name


@pytest.mark.parametrize(("vault_type", "store_type", "invariant"), [
    (Vault, UnfencedStore, "I1|I2"),
    (LeaselessVault, WatchedStore, "I1"),
    (ClockTrustingVault, WatchedStore, "I1"),
    (TrustingVault, WatchedStore, "I1"),
    (ForgetfulVault, WatchedStore, "I1"),
    (HastyVault, WatchedStore, "I4"),
])  # fmt: skip
def test_each_mutant_is_caught(vault_type: type[Vault], store_type: type[WatchedStore], invariant: str) -> None:
    with pytest.raises(AssertionError, match=invariant):
        storm(range(SEEDS), vault_type, store_type)


def test_contention_is_part_of_the_storm() -> None:
    """The store does refuse writers here; otherwise nothing above would mean much."""
    refused = 0

    class Counting(WatchedStore):
        async def write(self, connection: Connection) -> Connection:
            nonlocal refused
            try:
                return await super().write(connection)
            except Contended:
                refused += 1
                raise

    storm(range(200), Vault, Counting)
    assert refused > 100
