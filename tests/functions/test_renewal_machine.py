"""The renewal under every order of events that Hypothesis can think of: the real vault, Salesforce's rules, virtual time.

Several instances share one store. Every await of the code under test is a point where Hypothesis decides who goes on,
whose process dies, how far the clock moves, what the network does to a request, and what else happens to the connection:
a new sign-in, a kill, a re-sealing, a setting. The invariants:

I1  a refresh token reaches Salesforce at most once, unless Salesforce itself said that it is still good
I2  no older generation is ever stored over a newer one
I3  every waiter ends with a credential or a typed reason, in bounded virtual time
I4  nobody has to sign in again while the store holds a grant that Salesforce still takes
I5  no grant lives on at Salesforce that nobody holds, as long as no process died and no answer was lost

MACHINE_EXAMPLES sets how many interleavings are played; docs/reliability.md has the figures of the long run.
"""

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from backend.adapters.memory import MemoryConnections
from backend.core.audit import Audit
from backend.core.connection import Connection, Contended, Credential, Entry, Grant, Secret, State
from backend.core.vault import LEASE_SECONDS, TOKEN_SECONDS, WAIT_SECONDS, Vault
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason

UID, HOST, URL = "00D_005", "login.salesforce.com", "https://x.my.salesforce.com"
INSTANCES = 3
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "1000"))


class Died(BaseException):
    """The process of an instance was killed."""


class World:
    """Time, the network and Salesforce; every await of the code under test comes by here."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, tzinfo=UTC)
        self.parked: list[tuple[str, asyncio.Future[None]]] = []
        self.dead: set[str] = set()
        self.fates: list[str] = []
        self.live: dict[str, str] = {}  # grant → the one refresh token that Salesforce takes
        self.grant_of: dict[str, str] = {}
        self.arrived: Counter[str] = Counter()
        self.broken: list[str] = []
        self.lossless = True
        self._ids = itertools.count(1)

    async def point(self, instance: str) -> None:
        """A place where anything may happen before the code goes on."""
        if instance in self.dead:
            raise Died
        future = asyncio.get_running_loop().create_future()
        self.parked.append((instance, future))
        await future
        if instance in self.dead:
            raise Died

    def fate(self) -> str:
        return self.fates.pop(0) if self.fates else "ok"

    def sign_in(self) -> Grant:
        """A new grant, as an authorization code gives it."""
        return self._give(f"grant{next(self._ids)}")

    def exchange(self, token: str) -> Grant:
        """A refresh with rotation: a token that was used before revokes the whole grant."""
        self.arrived[token] += 1
        if self.arrived[token] > 1:
            self.broken.append(f"I1: {token} reached Salesforce {self.arrived[token]} times")
        grant = self.grant_of[token]
        if self.live.get(grant) != token:
            self.live.pop(grant, None)
            raise ConnectionLost(Reason.ACCESS_REVOKED)
        return self._give(grant)

    def _give(self, grant: str) -> Grant:
        n = next(self._ids)
        self.live[grant] = f"r{n}"
        self.grant_of[f"r{n}"] = grant
        return Grant(Secret(f"a{n}"), Secret(f"r{n}"), URL, "api", "00D", "005")


class Place:
    """One instance's view of the world: its clock (askew), its store, its way to Salesforce."""

    def __init__(self, world: World, name: str, store: MemoryConnections, skew: float) -> None:
        self.world = world
        self.name = name
        self.inner = store
        self.skew = timedelta(seconds=skew)

    def now(self) -> datetime:
        return self.world.now + self.skew

    async def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:
            await self.world.point(self.name)
            self.world.now += timedelta(seconds=seconds / 2)

    async def read(self, uid: str) -> Connection | None:
        await self.world.point(self.name)
        found = await self.inner.read(uid)
        await self.world.point(self.name)
        return found

    async def write(self, connection: Connection, entry: Entry | None = None) -> Connection:
        await self.world.point(self.name)
        written = await self.inner.write(connection, entry)
        await self.world.point(self.name)
        return written

    async def refresh(self, login_host: str, instance_url: str, refresh_token: Secret) -> Grant:
        sent = self.world.now
        await self.world.point(self.name)
        fate = self.world.fate()
        if fate == "no-way":
            raise OrgUnavailable(Reason.ORG_UNREACHABLE)
        if fate == "request-lost":
            await self.world.point(self.name)
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        # The adapter gives up after ten seconds: nothing that was sent arrives later than that.
        if self.world.now - sent > timedelta(seconds=TOKEN_SECONDS):
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        grant = self.world.exchange(refresh_token.reveal())
        if fate == "delivered-twice":  # Salesforce carries out one and tells the other that it is being processed
            await self.world.point(self.name)
        await self.world.point(self.name)
        if fate in ("answer-lost", "delivered-twice") or self.world.now - sent > timedelta(seconds=TOKEN_SECONDS):
            self.world.lossless = False
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN)
        return grant

    async def is_active(self, login_host: str, refresh_token: Secret) -> bool:
        await self.world.point(self.name)
        if self.world.fate() != "ok":
            raise OrgUnavailable(Reason.ORG_BUSY)
        token = refresh_token.reveal()
        good = self.world.live.get(self.world.grant_of[token]) == token
        await self.world.point(self.name)
        return good

    async def revoke(self, login_host: str, token: Secret) -> None:
        await self.world.point(self.name)
        self.world.live.pop(self.world.grant_of[token.reveal()], None)


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
        self.contended = 0
        self.older: list[str] = []

    async def write(self, connection: Connection, entry: Entry | None = None) -> Connection:
        try:
            written = await super().write(connection, entry)
        except Contended:
            self.contended += 1
            raise
        if written.generation < self.highest:
            self.older.append(f"I2: generation {written.generation} was stored over {self.highest}")
        self.highest = max(self.highest, written.generation)
        return written


class Renewals(RuleBasedStateMachine):
    """What can happen, one rule each."""

    vault_type: ClassVar[type[Vault]] = Vault
    store_type: ClassVar[type[WatchedStore]] = WatchedStore
    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _loop, _context: None)  # a task that died unheard is meant
        self.world, self.store, self.cipher = World(), self.store_type(), Plain()
        self.vaults: list[Vault] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.waiting: set[asyncio.Task[Any]] = set()
        self.born = 0
        self.frozen: set[str] = set()
        self.killed = False

    @initialize(skews=st.lists(st.sampled_from((-30.0, 30.0)), min_size=INSTANCES, max_size=INSTANCES))
    def begin(self, skews: list[float]) -> None:
        self.skews = skews
        self.vaults = [self.instance(n) for n in range(INSTANCES)]
        first = self.world.sign_in()
        assert first.refresh_token
        start = self.world.now
        self.rejected = Credential(UID, first.access_token, URL, 1)
        self.run(self.store.write(Connection(
            UID, "00D", "005", HOST, URL, "api", 1,
            self.cipher.seal(first.access_token, uid=UID, field="access_token", generation=1),
            self.cipher.seal(first.refresh_token, uid=UID, field="refresh_token", generation=1), State.FRESH, start, start, start)))  # fmt: skip
        for n in range(INSTANCES):
            self.call_again(n, False)
        self.count("interleavings")

    def instance(self, n: int) -> Vault:
        self.born += 1
        place = Place(self.world, f"i{self.born}", self.store, self.skews[n])
        audit = Audit(self.cipher, lambda: "subject")
        return self.vault_type(place, self.cipher, place, place, random.Random(self.born).random, place.name, audit)  # pyright: ignore[reportArgumentType]

    def count(self, what: str) -> None:
        type(self).happened[what] += 1

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def start(self, work: Coroutine[Any, Any, Any], *, waits: bool = False) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        if waits:
            self.waiting.add(task)

    async def settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)

    def release(self, index: int) -> None:
        self.run(self.settle())
        awake = [p for p in self.world.parked if p[0] not in self.frozen]
        if awake:
            chosen = awake[index % len(awake)]
            self.world.parked.remove(chosen)
            chosen[1].set_result(None)
        self.run(self.settle())
        for task in [t for t in self.waiting if t.done()]:
            self.waiting.discard(task)
            outcome = task.exception()
            if outcome is not None and not isinstance(outcome, (CallError, Died)):
                raise outcome
            self.count("renewed" if outcome is None else outcome.reason.value if isinstance(outcome, CallError) else "died")

    @rule(n=st.integers(0, INSTANCES - 1), stale=st.booleans())
    def call_again(self, n: int, stale: bool) -> None:
        """A call whose credential Salesforce has rejected; a stale one was sent long ago and is delivered once more."""
        rejected = replace(self.rejected, generation=max(1, self.rejected.generation - 1)) if stale else self.rejected
        self.start(self.vaults[n].renew(UID, rejected), waits=True)

    @rule(choices=st.lists(st.integers(0, 11), min_size=4, max_size=24))
    def go_on(self, choices: list[int]) -> None:
        for choice in choices:
            self.release(choice)

    @rule(choices=st.lists(st.integers(0, 11), min_size=4, max_size=24))
    def go_on_further(self, choices: list[int]) -> None:
        self.go_on(choices)

    @rule(fate=st.sampled_from(("no-way", "request-lost", "answer-lost", "delivered-twice")))
    def network(self, fate: str) -> None:
        self.world.fates.append(fate)

    @rule(n=st.integers(0, INSTANCES - 1))
    def kill_process(self, n: int) -> None:
        self.world.dead.add(self.vaults[n]._owner)
        self.vaults[n] = self.instance(n)
        self.killed = True
        self.count("kills")

    @rule(n=st.integers(0, INSTANCES - 1))
    def stand_still(self, n: int) -> None:
        """A process gets no processor for a while, and does not know."""
        self.frozen ^= {self.vaults[n]._owner}

    @rule(seconds=st.sampled_from((1, 5, 10, 10)))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule()
    def token_expires(self) -> None:
        stored = self.run(self.store.read(UID))
        if stored is not None and stored.access_token:
            self.rejected = Credential(UID, Secret("expired"), URL, stored.generation)

    @rule(what=st.sampled_from(("sign-in", "other write", "other write", "administrator's kill")), n=st.integers(0, INSTANCES - 1))
    def meanwhile(self, what: str, n: int) -> None:
        vault = self.vaults[n]

        async def sign_in() -> None:
            replaced = await vault.save(self.world.sign_in(), UID, HOST, "phone")
            if replaced is not None:
                await vault.revoke(replaced)

        async def write_beside() -> None:  # a setting and a re-sealing
            await vault.change(UID, lambda c: replace(vault.resealed(c), stay_signed_in=not c.stay_signed_in))

        async def kill() -> None:
            ended = await vault.change(UID, lambda c: replace(c, state=State.REVOKED, access_token=b"", sessions={}, lease=None))
            if ended is not None:
                await vault.revoke(ended)

        self.start({"sign-in": sign_in, "other write": write_beside, "administrator's kill": kill}[what]())
        self.count(what)

    @invariant()
    def nothing_is_broken(self) -> None:
        broken = self.world.broken + self.store.older
        assert not broken, broken[0]

    def teardown(self) -> None:
        try:
            if self.vaults:
                self.calm_down()
        finally:
            for _, future in self.world.parked:
                future.cancel()
            for task in self.tasks:
                task.cancel()
            self.run(self.settle())
            self.loop.close()

    def calm_down(self) -> None:
        """No more deaths and losses, and time goes on: every waiter ends, and a good grant is still of use."""
        self.world.fates.clear()
        self.frozen.clear()
        calm = self.world.now
        self.play_on()
        took = self.world.now - calm  # before, nobody may have been let go on
        assert not self.waiting, "I3: a waiter never ended"
        assert took < timedelta(seconds=WAIT_SECONDS + LEASE_SECONDS + 30), f"I3: a waiter waited {took}"
        self.nothing_is_broken()
        stored = self.run(self.store.read(UID))
        assert stored is not None
        token = self.cipher.unseal(stored.refresh_token, uid=UID, field="refresh_token", generation=stored.generation).reveal()
        good = self.world.live.get(self.world.grant_of[token]) == token
        if good and stored.state is not State.REVOKED:
            assert stored.state is not State.NEEDS_SIGN_IN, "I4: signed out although the stored grant is good"
            final = self.loop.create_task(self.vaults[0].renew(UID, Credential(UID, Secret("x"), URL, stored.generation)))
            self.world.now += timedelta(seconds=LEASE_SECONDS + 5)
            self.play_on(final)
            assert final.exception() is None, f"I4: {final.exception()} although the stored grant is good"
            assert final.result().credential.generation == stored.generation + 1, "I4: nothing was refreshed"
        if self.world.lossless and not self.killed:
            held = {self.world.grant_of[token]} if good else set()
            assert set(self.world.live) <= held, "I5: a grant lives on that nobody holds"
        self.count("contended" if self.store.contended else "uncontended")

    def play_on(self, until: asyncio.Task[Any] | None = None) -> None:
        for _ in range(6000):
            if until is not None and until.done():
                return
            self.release(0)
            if not self.world.parked:
                if until is None and not self.waiting:
                    return
                self.world.now += timedelta(seconds=1)


class UnfencedStore(WatchedStore):
    """Mutant: writes whatever comes."""

    async def write(self, connection: Connection, entry: Entry | None = None) -> Connection:
        current = await self.read(connection.uid)
        return await super().write(replace(connection, revision=None if current is None else current.revision))


class LeaselessVault(Vault):
    """Mutant: looks at no lease."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return False


class ClockTrustingVault(Vault):
    """Mutant: believes that all clocks agree."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return connection.lease is not None and connection.lease.owner != self._owner and connection.lease.deadline > self._clock.now()


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


class PatientVault(Vault):
    """Mutant: waits for a lease as long as it takes, also for a dead holder's."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return connection.lease is not None and connection.lease.owner != self._owner


class CarelessVault(Vault):
    """Mutant: leaves a grant alone that came too late to be stored."""

    async def revoke_token(self, login_host: str, token: Secret) -> bool:
        return True


def play(
    vault_type: type[Vault] = Vault, store_type: type[WatchedStore] = WatchedStore, examples: int = EXAMPLES, shrink: bool = False
) -> Counter[str]:
    """Many interleavings; what happened in them. Raises AssertionError with the invariant that was broken."""
    machine = type("Played", (Renewals,), {"vault_type": vault_type, "store_type": store_type, "happened": Counter()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            print_blob=False,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )
    return machine.happened


def test_no_interleaving_breaks_an_invariant() -> None:
    happened = play(shrink=True)
    print(dict(happened))
    for what in ("kills", "renewed", "sign-in", "administrator's kill", "other write", "contended", Reason.REFRESH_LOST.value, "died"):
        assert happened[what] > EXAMPLES / 50, (what, happened)


@pytest.mark.parametrize(("vault_type", "store_type", "invariant"), [
    (Vault, UnfencedStore, "I[1245]"),
    (LeaselessVault, WatchedStore, "I[13]"),
    (ClockTrustingVault, WatchedStore, "I1"),
    (TrustingVault, WatchedStore, "I1"),
    (ForgetfulVault, WatchedStore, "I1"),
    (HastyVault, WatchedStore, "I4"),
    (PatientVault, WatchedStore, "I[34]"),
    (CarelessVault, WatchedStore, "I5"),
])  # fmt: skip
def test_each_mutant_is_caught(vault_type: type[Vault], store_type: type[WatchedStore], invariant: str) -> None:
    with pytest.raises(AssertionError, match=invariant):
        play(vault_type, store_type, 3000)
