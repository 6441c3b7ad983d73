"""The call that the upkeep makes by itself, as one user, so that somebody is woken when nobody calls: through the
vault, the keyset and the grant to Salesforce and back, as the call of any other user (docs/decisions/watching.md).

It reads only. No password and no ID token is stored for it: it goes on where the endpoint has verified a caller.
"""

import time
from collections.abc import Awaitable, Callable

import msgspec

from backend.values import Caller, Clock, Uid
from contract.calls import Empty, Profile
from contract.errors import CallError, OrgUnavailable, Reason

TRIES, PAUSE_SECONDS = 3, 20  # what is over within a minute wakes nobody


class Tried(msgspec.Struct, frozen=True):
    """`ok` or a reason of the contract, and the milliseconds of the last try."""

    outcome: str
    ms: float


class TechnicalUser:
    """A user who has signed in to this app once, as any other has, and whom the upkeep asks for."""

    def __init__(self, uid: Uid, get_profile: Callable[[Caller, Empty], Awaitable[Profile]], clock: Clock) -> None:
        self._caller = Caller(uid, "")
        self._get_profile = get_profile
        self._clock = clock

    async def call(self) -> Tried:
        """Makes the call, again when Salesforce or the store does not answer; never raises."""
        tried = await self._once()
        for _ in range(TRIES - 1):
            if tried.outcome not in _PASSING:
                break
            await self._clock.sleep(PAUSE_SECONDS)
            tried = await self._once()
        return tried

    async def _once(self) -> Tried:
        started, outcome = time.perf_counter(), "ok"
        try:
            await self._get_profile(self._caller, Empty())
        except CallError as refused:
            outcome = refused.reason.value
        except Exception:
            outcome = Reason.INTERNAL.value
        return Tried(outcome, round(1000 * (time.perf_counter() - started), 1))


_PASSING = frozenset(reason.value for reason in OrgUnavailable.reasons)
