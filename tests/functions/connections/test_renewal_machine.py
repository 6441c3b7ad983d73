"""The renewal under every order of events that Hypothesis can think of: the real vault, Salesforce's rules, virtual
time.

Several instances share one store. Every await of the code under test is a point where Hypothesis decides who goes on,
whose process dies, how far the clock moves, what the network does to a request, and what else happens to the
connection: a new sign-in, a sign-out, an administrator's block, a re-sealing, a setting. The store carries out a write
and says that somebody else was first, or says nothing, or carries it out late. The invariants:

I1  a refresh token reaches Salesforce at most once, unless Salesforce itself said that it is still good
I2  no older generation is ever stored over a newer one
I3  every waiter ends with a credential or a typed reason, in bounded virtual time
I4  nobody has to sign in again while the store holds a grant that Salesforce still takes
I5  no grant lives on at Salesforce that nobody holds, as long as no process died and no answer was lost
I6  what is stored as fresh is good: no instance takes its own write for somebody else's and revokes what it stored

Each run plays 150 interleavings, always the same, and those that are known to catch a mutant of the code. `make
test-deep` plays thousands and lets Hypothesis look for the mutants by itself; docs/reliability.md has the figures of a
long run.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from backend.connections.audit import Audit, Entry, Event
from backend.connections.connection import (
    Connection,
    Credential,
    Device,
    Grant,
    State,
    TokenResponse,
    blocked,
    staying_signed_in,
)
from backend.connections.credentials import RememberedCredentials
from backend.connections.renewal import LEASE_SECONDS, TOKEN_SECONDS, WAIT_SECONDS, Renewal
from backend.connections.store import Contended, RecordingStore
from backend.connections.tombstones import Tombstone
from backend.connections.vault import Vault
from backend.failures import Busy, GrantRefused, NotSent, OutcomeUnknown, StoreUnavailable
from backend.values import Secret, Uid
from contract.errors import CallError, Reason
from tests.altered import replace
from tests.depth import DEPTH, examples
from tests.functions.line import Fate
from tests.functions.memory_store import MemoryDocuments

UID, HOST, URL = Uid("00D_005"), "login.salesforce.com", "https://x.my.salesforce.com"
INSTANCES = 3
T = TypeVar("T")
EXAMPLES = examples(150)


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
        self.ids = itertools.count(1)

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

    def sign_in(self) -> TokenResponse:
        """A new grant, as an authorization code gives it."""
        return self._give(f"grant{next(self.ids)}")

    def exchange(self, token: str) -> TokenResponse:
        """A refresh with rotation: a token that was used before revokes the whole grant."""
        self.arrived[token] += 1
        if self.arrived[token] > 1:
            self.broken.append(f"I1: {token} reached Salesforce {self.arrived[token]} times")
        grant = self.grant_of[token]
        if self.live.get(grant) != token:
            self.live.pop(grant, None)
            raise GrantRefused
        return self._give(grant)

    def _give(self, grant: str) -> TokenResponse:
        n = next(self.ids)
        self.live[grant] = f"r{n}"
        self.grant_of[f"r{n}"] = grant
        return TokenResponse(Secret(f"a{n}"), Secret(f"r{n}"), URL, "api", UID)


class Place:
    """One instance's view of the world: its clock (askew), its store, its way to Salesforce."""

    def __init__(self, world: World, name: str, store: MemoryDocuments, skew: float) -> None:
        self.world = world
        self.name = name
        self.inner = store
        self.skew = timedelta(seconds=skew)

    def now(self) -> datetime:
        self.world.now += timedelta(microseconds=1)  # no two sign-ins are in the same one
        return self.world.now + self.skew

    async def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:
            await self.world.point(self.name)
            self.world.now += timedelta(seconds=seconds / 2)

    async def read(self, uid: Uid) -> Connection | None:
        await self.world.point(self.name)
        found = await self.inner.read(uid)
        await self.world.point(self.name)
        return found

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        return await self._sent(self.inner.write(connection, entry, tombstone))

    async def delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        await self._sent(self.inner.delete(connection, entry, tombstone))

    async def _sent(self, write: Coroutine[Any, Any, T]) -> T:
        try:
            await self.world.point(self.name)
        except BaseException:
            write.close()
            raise
        try:
            return await write
        finally:
            await self.world.point(self.name)

    def __getattr__(self, name: str) -> Any:
        """What a renewal does not use goes straight to the store."""
        return getattr(self.inner, name)

    async def refresh(self, grant: Grant) -> TokenResponse:
        sent = self.world.now
        await self.world.point(self.name)
        fate = self.world.fate()
        if fate == "no-way":
            raise NotSent
        if fate == "request-lost":
            await self.world.point(self.name)
            raise OutcomeUnknown(writes=True)
        # The adapter gives up after ten seconds: nothing that was sent arrives later than that.
        if self.world.now - sent > timedelta(seconds=TOKEN_SECONDS):
            raise OutcomeUnknown(writes=True)
        given = self.world.exchange(grant.refresh_token.reveal())
        if fate == "delivered-twice":  # Salesforce carries out one and tells the other that it is being processed
            await self.world.point(self.name)
        await self.world.point(self.name)
        if fate in ("answer-lost", "delivered-twice") or self.world.now - sent > timedelta(seconds=TOKEN_SECONDS):
            self.world.lossless = False
            raise OutcomeUnknown(writes=True)
        return given

    async def introspect(self, grant: Grant) -> bool:
        await self.world.point(self.name)
        if self.world.fate() != "ok":
            raise Busy
        token = grant.refresh_token.reveal()
        good = self.world.live.get(self.world.grant_of[token]) == token
        await self.world.point(self.name)
        return good

    async def revoke(self, grant: Grant) -> None:
        await self.world.point(self.name)
        token = grant.refresh_token.reveal()
        if self.world.live.get(self.world.grant_of[token]) == token:  # a used one may be unknown, and end nothing
            del self.world.live[self.world.grant_of[token]]


class Plain:
    """A cipher that keeps the place with the token, so that a token moved elsewhere shows."""

    def seal(self, text: Secret, *, uid: str, field: str, generation: int) -> bytes:
        return f"{uid}|{field}|{generation}|{text.reveal()}".encode()

    def seal_bytes(self, text: bytes, *, uid: str, field: str) -> bytes:
        raise AssertionError("nothing but tokens is sealed here")

    def unseal_bytes(self, sealed: bytes, *, uid: str, field: str) -> bytes | None:
        raise AssertionError("nothing but tokens is sealed here")

    def unseal(self, sealed: bytes, *, uid: str, field: str, generation: int) -> Secret:
        place, _, token = sealed.decode().rpartition("|")
        assert place == f"{uid}|{field}|{generation}"
        return Secret(token)


class WatchedStore(MemoryDocuments):
    """Refuses to be a party to I2."""

    def __init__(self) -> None:
        super().__init__()
        self.highest = 0
        self.contended = 0
        self.older: list[str] = []

    def _delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        super()._delete(connection, entry, tombstone)
        self.highest = 0

    def _write(self, connection: Connection, entry: Entry | None, tombstone: Tombstone | None = None) -> Connection:
        try:
            written = super()._write(connection, entry, tombstone)
        except Contended:
            self.contended += 1
            raise
        if written.generation < self.highest:
            self.older.append(f"I2: generation {written.generation} was stored over {self.highest}")
        self.highest = max(self.highest, written.generation)
        return written


class Records(RecordingStore):
    """Tells the world when the store was away for so long that something had to be given up."""

    def __init__(self, world: World, place: Place, audit: Audit) -> None:
        super().__init__(place, audit, place)  # pyright: ignore[reportArgumentType]
        self._world = world

    async def write(
        self,
        connection: Connection,
        event: Event | None = None,
        *,
        by: str = "",
        reason: str = "",
        tombstone: Tombstone | None = None,
    ) -> Connection:
        with self._told():
            return await super().write(connection, event, by=by, reason=reason, tombstone=tombstone)

    async def delete(
        self, connection: Connection, event: Event, *, by: str, reason: str = "", tombstone: Tombstone | None = None
    ) -> str:
        with self._told():
            return await super().delete(connection, event, by=by, reason=reason, tombstone=tombstone)

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except StoreUnavailable:
            self._world.lossless = False
            raise


class Renewals(RuleBasedStateMachine):
    """What can happen, one rule each."""

    code: ClassVar["Code"]
    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _loop, _context: None)  # a task that died unheard is meant
        self.world, self.store, self.cipher = World(), self.code.store(), Plain()
        self.instances: list[Instance] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.waiting: set[asyncio.Task[Any]] = set()
        self.born = 0
        self.frozen: set[str] = set()
        self.killed = False

    @initialize(skews=st.lists(st.sampled_from((-30.0, 30.0)), min_size=INSTANCES, max_size=INSTANCES))
    def begin(self, skews: list[float]) -> None:
        self.skews = skews
        self.instances = [self.instance(n) for n in range(INSTANCES)]
        first = self.world.sign_in()
        assert first.refresh_token
        start = self.world.now
        self.rejected = Credential(UID, first.access_token, URL, start, 1)
        sealed = self.instances[0].vault.seal(UID, 1, Grant.of(first, HOST))
        self.run(self.store.write(Connection(UID, 1, sealed, State.FRESH, start, start, start)))
        for n in range(INSTANCES):
            self.call_again(n, False)
        self.count("interleavings")

    def instance(self, n: int) -> "Instance":
        self.born += 1
        place = Place(self.world, f"i{self.born}", self.store, self.skews[n])
        audit = Audit(self.cipher, lambda: f"subject{next(self.world.ids)}")
        store = self.code.records(self.world, place, audit)
        remembered = RememberedCredentials(place)
        vault = self.code.vault(store, self.cipher, place, place, remembered)
        renewal = self.code.renewal(vault, place, place, random.Random(self.born).random, place.name)
        return Instance(place.name, vault, renewal)

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
            self.count(
                "renewed" if outcome is None else outcome.reason.value if isinstance(outcome, CallError) else "died"
            )

    @rule(n=st.integers(0, INSTANCES - 1), stale=st.booleans())
    def call_again(self, n: int, stale: bool) -> None:
        """A call whose credential Salesforce has rejected; a stale one was sent long ago and is delivered once more."""
        rejected = replace(self.rejected, generation=max(1, self.rejected.generation - 1)) if stale else self.rejected
        self.start(self.instances[n].renewal.renew(UID, rejected), waits=True)

    @rule(choices=st.lists(st.integers(0, 11), min_size=4, max_size=24))
    def go_on(self, choices: list[int]) -> None:
        for choice in choices:
            self.release(choice)

    @rule(choices=st.lists(st.integers(0, 11), min_size=4, max_size=24))
    def go_on_further(self, choices: list[int]) -> None:
        self.go_on(choices)

    @rule(fate=st.sampled_from(("answer-lost", "answer-lost", "request-lost", "delivered-twice", "no-way")))
    def network(self, fate: str) -> None:
        self.world.fates.append(fate)

    @rule(n=st.integers(0, INSTANCES - 1))
    def kill_process(self, n: int) -> None:
        self.world.dead.add(self.instances[n].owner)
        self.instances[n] = self.instance(n)
        self.killed = True
        self.count("kills")

    @rule(n=st.integers(0, INSTANCES - 1))
    def stand_still(self, n: int) -> None:
        """A process gets no processor for a while, and does not know."""
        self.frozen ^= {self.instances[n].owner}

    @rule(seconds=st.sampled_from((1, 5, 10, 10)))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule(fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=3))
    def answers_of_the_store_go_astray(self, fates: list[Fate]) -> None:
        self.store.line.fates += fates
        self.count("answers of the store astray")

    @rule()
    def late_writes_arrive(self) -> None:
        if self.store.line.recover():
            self.count("late writes")

    @rule()
    def token_expires(self) -> None:
        stored = self.run(self.store.read(UID))
        if stored is not None and stored.sealed:
            self.rejected = Credential(UID, Secret("expired"), URL, stored.created, stored.generation)

    @rule(
        what=st.sampled_from(("sign-in", "sign-in", "sign-out", "other write", "other write", "administrator's block")),
        n=st.integers(0, INSTANCES - 1),
    )
    def meanwhile(self, what: str, n: int) -> None:
        vault = self.instances[n].vault

        async def sign_in() -> None:
            grant = Grant.of(self.world.sign_in(), HOST)
            try:
                replaced = await vault.save(UID, grant, Device("phone"))
            except StoreUnavailable:
                await vault.revocation.give_up(grant)
                raise
            if replaced is not None:
                await vault.settle(replaced)

        async def write_beside() -> None:  # a setting and a re-sealing
            await vault.reseal(UID)
            await vault.change(UID, lambda c: staying_signed_in(c, not c.stay_signed_in))

        async def block() -> None:
            ended = await vault.end(UID, blocked, Event.BLOCK, by="anna", reason="access-stopped")
            if ended is not None:
                await vault.settle(ended)

        async def sign_out() -> None:
            removed = await vault.remove(UID, Event.REVOCATION, by="user")
            if removed is not None:
                await vault.settle(removed)

        work = {"sign-in": sign_in, "sign-out": sign_out, "other write": write_beside, "administrator's block": block}
        self.start(work[what]())
        self.count(what)

    @invariant()
    def nothing_is_broken(self) -> None:
        broken = self.world.broken + self.store.older
        assert not broken, broken[0]

    def teardown(self) -> None:
        try:
            if self.instances:
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
        self.store.line.fates.clear()
        self.store.line.recover()
        self.frozen.clear()
        calm = self.world.now
        self.play_on()
        took = self.world.now - calm  # before, nobody may have been let go on
        assert not self.waiting, "I3: a waiter never ended"
        assert took < timedelta(seconds=WAIT_SECONDS + LEASE_SECONDS + 30), f"I3: a waiter waited {took}"
        self.nothing_is_broken()
        stored = self.run(self.store.read(UID))
        if stored is None:  # signed out
            assert not self.world.live or self.killed or not self.world.lossless, "I5: a grant lives on unheld"
            return
        token = self.instances[0].vault.unseal(stored).refresh_token.reveal()
        good = bool(token) and self.world.live.get(self.world.grant_of[token]) == token
        if stored.state is State.FRESH and self.world.lossless and not self.killed:
            assert good, "I6: what is stored as fresh was revoked by ourselves"
        if good and stored.state is not State.REVOKED:
            assert stored.state is not State.NEEDS_SIGN_IN, "I4: signed out although the stored grant is good"
            final = self.loop.create_task(
                self.instances[0].renewal.renew(
                    UID, Credential(UID, Secret("x"), URL, stored.created, stored.generation)
                )
            )
            self.world.now += timedelta(seconds=LEASE_SECONDS + 5)
            self.play_on(final)
            assert final.exception() is None, f"I4: {final.exception()} although the stored grant is good"
            assert final.result().credential.generation == stored.generation + 1, "I4: nothing was refreshed"
        if self.world.lossless and not self.killed:
            held = {self.world.grant_of[token]} if good else set()
            assert set(self.world.live) <= held, "I5: a grant lives on that nobody holds"
        self.count("contended" if self.store.contended else "uncontended")

    def play_on(self, until: asyncio.Task[Any] | None = None) -> None:
        for _ in range(30_000):
            if until is not None and until.done():
                return
            self.release(0)
            if not self.world.parked:
                if until is None and not self.waiting:
                    return
                self.world.now += timedelta(seconds=1)


@dataclass
class Instance:
    """One process."""

    owner: str
    vault: Vault
    renewal: Renewal


@dataclass(frozen=True)
class Code:
    """What is tried: the real parts, or a mutant of one."""

    renewal: type[Renewal] = Renewal
    vault: type[Vault] = Vault
    store: type[WatchedStore] = WatchedStore
    records: "type[Records]" = Records


class Believing(Records):
    """Mutant: believes each lost race, without a look whether its own write was first."""

    async def _arrived(self, marked: Connection, entry: Entry | None) -> Connection | None:
        return None

    async def _is_recorded(self, entry: Entry) -> bool:
        return False


class UnfencedStore(WatchedStore):
    """Mutant: writes whatever comes."""

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        current = await self.read(connection.uid)
        return await super().write(replace(connection, revision=None if current is None else current.revision))


class Leaseless(Renewal):
    """Mutant: looks at no lease."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return False


class ClockTrusting(Renewal):
    """Mutant: believes that all clocks agree."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return (
            connection.lease is not None
            and connection.lease.owner != self._owner
            and connection.lease.deadline > self._clock.now()
        )


class Trusting(Renewal):
    """Mutant: sends a token again without asking."""

    async def _is_still_good(self, held: Connection, grant: Grant) -> bool:
        return True


class Forgetful(Renewal):
    """Mutant: takes what a dead holder was sending for unsent."""

    async def _take_lease(self, connection: Connection) -> Connection:
        return await super()._take_lease(replace(connection, state=State.REFRESHING))


class Hasty(Renewal):
    """Mutant: gives a connection up when the outcome is unknown."""

    async def _is_still_good(self, held: Connection, grant: Grant) -> bool:
        return False


class Patient(Renewal):
    """Mutant: waits for a lease as long as it takes, also for a dead holder's."""

    def _is_leased(self, connection: Connection, since: datetime) -> bool:
        return connection.lease is not None and connection.lease.owner != self._owner


class CarelessVault(Vault):
    """Mutant: leaves a grant alone that came too late to be stored."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)

        async def leave_alone(grant: Grant) -> bool:
            return True

        self.revocation.give_up = leave_alone


Interleaving = Callable[[Renewals], None]


# Interleavings that catch a mutant, as Hypothesis printed them; each step that could go has gone.


def nothing_but_time(state: Renewals) -> None:
    state.begin(skews=[-30.0, -30.0, -30.0])


def a_holder_dies_before_another_begins(state: Renewals) -> None:
    state.begin(skews=[30.0, -30.0, 30.0])
    state.kill_process(n=1)
    state.go_on(choices=[0, 11, 5, 11, 1, 0, 7, 0, 0, 1, 5])


def clocks_a_minute_apart(state: Renewals) -> None:
    state.begin(skews=[30.0, -30.0, 30.0])
    state.kill_process(n=2)
    state.go_on(choices=[3, 11, 9, 7, 1, 0, 3, 0, 0, 1, 1, 0])


def a_holder_dies_after_sending(state: Renewals) -> None:
    state.begin(skews=[-30.0, 30.0, -30.0])
    state.go_on(choices=[11, 4, 2, 0, 11, 10, 0, 10, 0, 11, 0, 0, 8, 11])
    state.kill_process(n=1)


def an_answer_comes_too_late(state: Renewals) -> None:
    state.begin(skews=[30.0, 30.0, 30.0])
    state.go_on(choices=[0, 0, 7, 5, 2, 0, 5, 1, 8])
    state.time_passes(seconds=10)


def a_holder_dies_with_the_lease(state: Renewals) -> None:
    state.begin(skews=[30.0, 30.0, 30.0])
    state.go_on(choices=[0, 0, 8, 8])
    state.kill_process(n=1)


def a_sign_in_during_a_refresh(state: Renewals) -> None:
    state.begin(skews=[-30.0, -30.0, -30.0])
    state.go_on(choices=[0, 0, 0, 0, 0, 0, 0, 0])
    state.meanwhile(n=0, what="sign-in")
    state.go_on(choices=[0, 0, 0, 2])


def a_sign_out_that_is_stored_and_told_otherwise(state: Renewals) -> None:
    state.begin(skews=[-30.0, -30.0, -30.0])
    state.token_expires()
    state.answers_of_the_store_go_astray(fates=[Fate.CONTENDED])
    state.meanwhile(n=0, what="sign-out")
    state.go_on(choices=[0, 0, 0, 0, 0, 2, 3])


MUTANTS: list[tuple[Code, str, Interleaving]] = [
    (Code(store=UnfencedStore), "I[1245]", nothing_but_time),
    (Code(Leaseless), "I[13]", a_holder_dies_before_another_begins),
    (Code(ClockTrusting), "I[14]", clocks_a_minute_apart),
    (Code(Trusting), "I1", a_holder_dies_after_sending),
    (Code(Forgetful), "I1", a_holder_dies_after_sending),
    (Code(Hasty), "I4", an_answer_comes_too_late),
    (Code(Patient), "I[34]", a_holder_dies_with_the_lease),
    (Code(vault=CarelessVault), "I5", a_sign_in_during_a_refresh),
    (Code(records=Believing), "I[56]", a_sign_out_that_is_stored_and_told_otherwise),
]


def machine_of(code: Code) -> type[Renewals]:
    return type("Played", (Renewals,), {"code": code, "happened": Counter()})


def play(code: Code, count: int = EXAMPLES, *, shrink: bool = True) -> Counter[str]:
    """Many interleavings; what happened in them. Raises AssertionError with the invariant that was broken."""
    machine = machine_of(code)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=count,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            print_blob=False,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            report_multiple_bugs=False,
        ),
    )
    return machine.happened


def replay(code: Code, interleaving: Interleaving) -> None:
    """One interleaving, and the calm after it. Raises as `play` does."""
    state = machine_of(code)()
    try:
        interleaving(state)
    finally:
        state.teardown()


@pytest.mark.wide
def test_no_interleaving_breaks_an_invariant() -> None:
    happened = play(Code())
    print(dict(happened))
    for what in (
        "kills",
        "renewed",
        "sign-in",
        "administrator's block",
        "other write",
        "sign-out",
        "answers of the store astray",
        "late writes",
        "contended",
        Reason.REFRESH_LOST.value,
        "died",
    ):
        assert happened[what] > EXAMPLES / 500, (what, happened)  # a lost answer comes about once in 150 interleavings


@pytest.mark.wide
@pytest.mark.parametrize(("mutant", "invariant", "interleaving"), MUTANTS)
def test_each_mutant_is_caught(mutant: Code, invariant: str, interleaving: Interleaving) -> None:
    """By an interleaving that is known to catch it; the wide search finds one by itself. When the code has changed so
    much that the recorded one no longer does, `play(mutant, 3000)` ends with one that does, in Python."""
    with pytest.raises(AssertionError, match=invariant):
        replay(mutant, interleaving)
    replay(Code(), interleaving)  # it is the mutant that breaks the invariant
    if DEPTH > 1:
        with pytest.raises(AssertionError, match=invariant):
            play(mutant, 3000, shrink=False)
