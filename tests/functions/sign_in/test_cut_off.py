"""A sign-in that is cut off at any moment leaves nothing half done: the caller goes away, or the process dies."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.connections.connection import Grant, State
from backend.connections.store import Criteria
from backend.sign_in.flow import SignInFlow
from backend.values import Secret, Uid
from contract.calls import SignedIn, SignIn
from devtools.clients import ADMIN, CALLBACK, authorize, control
from localorg import EmbeddedOrg
from tests.functions.instances import SOMEBODY, Instances

# What a sign-in does that can be waited for, in this order.
STEPS = (
    "claim", "exchange_code", "write_tombstone", "read_blocks", "userinfo", "custom_token", "read", "write",
    "read_blocks", "revoke", "delete_tombstone",
)  # fmt: skip
BEFORE_THE_TOMBSTONE = STEPS.index("exchange_code") + 1


class Watched:
    """A thing whose methods tell when they have done their work, each as one step."""

    def __init__(self, inner: Any, cut: "Cut") -> None:
        self._inner = inner
        self._cut = cut

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in STEPS:
            return method

        async def watched(*arguments: Any) -> Any:
            await self._cut.alive()
            outcome = await method(*arguments)
            await self._cut.done(name)
            return outcome

        return watched


@dataclass
class Cut:
    """Where a sign-in is cut off, and what has happened before."""

    instances: Instances
    at: int
    dies: bool
    steps: list[str]
    caller: "asyncio.Task[SignedIn] | None" = None
    given: tuple[Grant, ...] = ()
    died: asyncio.Event = field(default_factory=asyncio.Event)
    waits: bool = False

    async def alive(self) -> None:
        """A process that has died does nothing any more, whatever becomes of it at the end of the test."""
        if self.died.is_set():
            if not self.waits:
                self.waits = True
                await asyncio.Event().wait()
            raise asyncio.CancelledError

    async def done(self, step: str) -> None:
        """A step has done its work: here the caller goes away, or the process dies and does nothing any more."""
        self.steps.append(step)
        if len(self.steps) - 1 == self.at and self.caller is not None:
            if self.dies:
                self.died.set()
                await self.alive()
            self.caller.cancel()
            await asyncio.sleep(0)

    def flow(self) -> SignInFlow:
        """A sign-in whose every step is watched."""
        flow: Any = self.instances.sign_in_flow()
        flow._codes = Watched(flow._codes, self)
        flow._firebase = Watched(flow._firebase, self)
        flow._salesforce = Watched(Recorded(flow._salesforce, self), self)
        store: Any = self.instances.store
        store._documents = Watched(self.instances.documents, self)
        revocation: Any = self.instances.vaults[0].revocation
        revocation._salesforce = flow._salesforce
        return flow

    async def sign_in(self) -> None:
        """Signs in, until it is over or cut off; who is cut off goes on in the background, if at all."""
        authorization = await asyncio.to_thread(authorize, self.instances.org.url, ADMIN)
        request = SignIn(authorization.code, authorization.verifier, CALLBACK, self.instances.host, "Phone")
        before = asyncio.all_tasks()
        self.caller = asyncio.create_task(self.flow().sign_in(SOMEBODY, request))
        if self.dies:
            await asyncio.wait_for(self.died.wait(), 10)
        else:
            while left := asyncio.all_tasks() - before:
                await asyncio.wait(left, timeout=10)

    async def live(self) -> list[Grant]:
        """The grants of this test that Salesforce still takes."""
        return [grant for grant in self.given if await self.instances.oauth.introspect(grant)]


class Recorded:
    """Salesforce's endpoints, with note taken of each grant that they give."""

    def __init__(self, inner: Any, cut: Cut) -> None:
        self._inner = inner
        self._cut = cut

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def exchange_code(self, login_host: str, *rest: Any) -> Any:
        response = await self._inner.exchange_code(login_host, *rest)
        self._cut.given += (Grant.of(response, login_host),)
        return response


@pytest.fixture
async def instances(org: EmbeddedOrg) -> AsyncIterator[Instances]:
    made = Instances(org)
    control(org.url, "faults/clear")
    yield made
    await made.http.close()


async def connected(cut: Cut) -> Uid:
    """An older connection of the same user, on another device."""
    uid, _ = await cut.instances.connect(ADMIN, device="tablet")
    cut.given += (cut.instances.grant(await cut.instances.stored(uid)),)
    return uid


async def nothing_is_half_done(cut: Cut) -> None:
    stored = next(iter([c async for c in cut.instances.documents.find(Criteria())]), None)
    live = await cut.live()
    assert not cut.instances.documents.graves
    if stored is None:
        assert live == []
        return
    assert stored.state is State.FRESH
    assert live == [cut.instances.grant(stored)], "the connection that is there has the one grant that lives"
    assert "tablet" in stored.devices or len(cut.given) == 1, "nobody else was signed out"


async def test_these_are_the_steps_of_a_sign_in(instances: Instances) -> None:
    cut = Cut(instances, at=99, dies=False, steps=[])
    uid = await connected(cut)
    await cut.sign_in()
    assert tuple(cut.steps) == STEPS
    await nothing_is_half_done(cut)
    assert cut.caller is not None
    assert (await cut.caller).user.uid == uid


@pytest.mark.parametrize("signed_in_before", [False, True])
@pytest.mark.parametrize("at", range(len(STEPS)))
async def test_a_caller_who_goes_away_leaves_nothing_half_done(
    instances: Instances, at: int, signed_in_before: bool
) -> None:
    cut = Cut(instances, at, dies=False, steps=[])
    if signed_in_before:
        await connected(cut)
    await cut.sign_in()
    assert cut.caller is not None
    assert cut.caller.cancelled() or at >= len(cut.steps)
    await nothing_is_half_done(cut)


@pytest.mark.parametrize("at", range(len(STEPS)))
async def test_after_a_process_has_died_the_upkeep_of_another_leaves_nothing_half_done(
    instances: Instances, at: int
) -> None:
    """But for the one moment in which nobody but the dead process has the tokens."""
    cut = Cut(instances, at, dies=True, steps=[])
    await connected(cut)
    await cut.sign_in()
    instances.store._documents = instances.documents  # pyright: ignore[reportPrivateUsage]
    await instances.clock.sleep(3600)
    await instances.each[1].lifecycle.upkeep()
    if len(cut.steps) == BEFORE_THE_TOMBSTONE:
        lost = cut.given[-1]
        assert await instances.oauth.introspect(lost)
        await instances.oauth.revoke(lost)
    await nothing_is_half_done(cut)


@pytest.mark.parametrize("at", range(STEPS.index("write"), len(STEPS)))
async def test_a_caller_who_goes_away_while_it_is_saved_leaves_no_device(instances: Instances, at: int) -> None:
    """Or no sign-out would be the last one's any more, and the grant would live on."""
    cut = Cut(instances, at, dies=False, steps=[])
    uid = await connected(cut)
    await cut.sign_in()
    assert set((await instances.stored(uid)).devices) == {"tablet"}
    await instances.sign_out(uid, "tablet", everywhere=False)
    assert await cut.live() == []


async def test_a_caller_who_goes_away_as_the_answer_comes_leaves_no_device(instances: Instances) -> None:
    cut = Cut(instances, at=99, dies=False, steps=[])
    uid = await connected(cut)
    flow = cut.flow()
    inner = flow._sign_in  # pyright: ignore[reportPrivateUsage]

    async def sign_in(*arguments: Any) -> Any:
        answer = await inner(*arguments)
        # As it is done, and before whoever waits for it is told.
        asyncio.get_running_loop().call_soon(lambda: cut.caller is not None and cut.caller.cancel())
        return answer

    flow._sign_in = sign_in  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    cut.flow = lambda: flow
    await cut.sign_in()
    assert cut.caller is not None
    assert cut.caller.cancelled()
    assert set((await instances.stored(uid)).devices) == {"tablet"}
    await nothing_is_half_done(cut)


@pytest.mark.parametrize("signed_in_before", [False, True])
async def test_a_store_that_saved_and_did_not_answer_leaves_nothing_half_done(
    instances: Instances, signed_in_before: bool
) -> None:
    """The app was told that the sign-in failed: so its device is not signed in."""
    cut = Cut(instances, at=99, dies=False, steps=[])
    uid = await connected(cut) if signed_in_before else None
    inner = instances.documents.write

    async def write(*arguments: Any) -> Any:
        await inner(*arguments)
        raise ConnectionError("no answer")

    instances.documents.write = write  # pyright: ignore[reportAttributeAccessIssue]
    await cut.sign_in()
    assert cut.caller is not None
    assert isinstance(cut.caller.exception(), ConnectionError)
    instances.documents.write = inner
    await instances.clock.sleep(3600)
    instances.store._documents = instances.documents  # pyright: ignore[reportPrivateUsage]
    await instances.each[1].lifecycle.upkeep()
    await nothing_is_half_done(cut)
    if uid is None:
        assert await cut.live() == []
        return
    stored = await instances.stored(uid)
    assert set(stored.devices) == {"tablet"}
    assert instances.grant(stored).access_token != Secret("")
