"""The daily allowance of requests to Salesforce: the org's, which every answer carries, and each user's budget.

Source: REST API Developer Guide, "Limit Info Header"; the allowance is of the last 24 hours, for all apps of the org
together.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from cachetools import LRUCache

from backend.failures import BudgetReached
from backend.values import Clock, Uid

AMPLE = 0.9  # of the org's allowance: above it nothing is asked that no user waits for
LOOK_SECONDS = 60  # with the org's budget used up, one request in this time is sent to see whether that is still so
# Requests that an instance takes from a user's budget at once: one Firestore write for so many. Twice as many each next
# time, for a user who has used up the last ones within _SOON, up to a twentieth of the budget.
SHARE = 50
_SOON = timedelta(minutes=1)
_MOST = 20
FIRST_SHARE = 20  # those of an instance's first share are not asked for, so that no first call waits
_TAKE_SECONDS = 3.0  # for taking one; calls may wait for it
_LOW = 0.2  # with so much of a share left the next one is asked for, behind the calls
_TELL_SECONDS = 300.0  # the org's use is stored after this time, or when it has grown by a hundredth of the allowance
_MAX_USERS = 10_000
_API_USAGE = re.compile(r"\bapi-usage=(\d{1,12})/(\d{1,12})\b")


class OrgUsage(msgspec.Struct, frozen=True):
    """Requests of an org in the last 24 hours, and how many it may make; as Salesforce said it at `at`."""

    org_id: str
    used: int
    limit: int
    at: datetime

    @property
    def percent(self) -> int:
        """The whole hundredths of the allowance that are used up."""
        return 100 * self.used // self.limit if self.limit else 100


class UserUsage(msgspec.Struct, frozen=True):
    """Requests that instances have taken from a user's budget on one day (UTC); up to a share each may not be used
    yet.
    """

    uid: Uid
    taken: int


class UsageStore(Protocol):
    """Use that all instances share."""

    async def take(self, uid: Uid, day: str, requests: int) -> int:
        """Adds to the requests taken from a user's budget on a day, written 2026-11-24 (UTC); returns their sum."""
        ...

    async def report(self, usage: OrgUsage) -> None:
        """Stores an org's use over what was stored of it before."""
        ...

    async def orgs(self) -> Sequence[OrgUsage]:
        """The stored use of every org."""
        ...

    async def users(self, day: str) -> Sequence[UserUsage]:
        """The use of every user who called on a day, written 2026-11-24 (UTC)."""
        ...


class _Share(msgspec.Struct):
    """Requests that are left; `size` is how many the last share had, `taken` when it was taken, and `next` how many the
    next one is to have.
    """

    day: str
    left: int
    taken: datetime
    size: int = FIRST_SHARE
    next: int = SHARE
    used_up: bool = False
    taking: "asyncio.Task[None] | None" = None


class Allowance:
    """Refuses calls when a user's budget or the org's allowance is used up. One for each process.

    `user_requests` is a user's budget a day, `org_percent` how many percent of the org's allowance may be used before
    calls are refused; `notice` is called when an org's use has changed by a hundredth of its
    allowance.
    """

    def __init__(
        self,
        store: UsageStore,
        clock: Clock,
        *,
        user_requests: int,
        org_percent: int,
        notice: Callable[[OrgUsage], None] = lambda _usage: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._user_requests = user_requests
        self._org_percent = org_percent
        self._notice = notice
        self._shares = LRUCache[Uid, _Share](_MAX_USERS)
        self._orgs: dict[str, OrgUsage] = {}
        self._reported: dict[str, OrgUsage] = {}
        self._last_info: dict[str, str] = {}
        self._looked: dict[str, datetime] = {}
        self._behind: set[asyncio.Task[None]] = set()

    async def take(self, uid: Uid) -> None:
        """Takes one request from a user's budget. Raises BudgetReached, with the seconds to wait before another try,
        when the user's budget or this app's share of the org's allowance is used up."""
        if uid.org_id in self._orgs:
            self._check_org(uid.org_id)
        now = self._clock.now()
        share, day = self._shares.get(uid), now.date().isoformat()
        if share is None or share.day != day:
            share = self._shares[uid] = _Share(day, min(FIRST_SHARE, self._user_requests), now)
        while share.left <= _LOW * share.size and not share.used_up:
            if share.taking is None:
                share.taking = self._start(self._take_share(uid, share))
            if share.left > 0:
                break
            await asyncio.shield(share.taking)
        if share.left <= 0:
            raise BudgetReached(_until_tomorrow(now), of_user=True)
        share.left -= 1

    def observe(self, org_id: str, limit_info: str | None) -> None:
        """Reads the org's use from an answer's Sforce-Limit-Info header (None: it has none): `api-usage=18/5000`."""
        if limit_info is None or self._last_info.get(org_id) == limit_info:
            return
        match = _API_USAGE.search(limit_info)
        if match is None:
            return
        self._last_info[org_id] = limit_info
        usage = self._orgs[org_id] = OrgUsage(org_id, int(match[1]), int(match[2]), self._clock.now())
        reported = self._reported.get(org_id)
        if (
            reported is None
            or reported.percent != usage.percent
            or (usage.at - reported.at).total_seconds() > _TELL_SECONDS
        ):
            self._reported[org_id] = usage
            self._notice(usage)
            self._start(self._store.report(usage))

    def is_ample(self, org_id: str) -> bool:
        """Whether an org has requests to spare for work in the background: less than AMPLE of its allowance is used.
        True while its use is not known."""
        usage = self._orgs.get(org_id)
        return usage is None or (usage.used < AMPLE * usage.limit and not self._is_used_up(usage))

    # Parts

    def _check_org(self, org_id: str) -> None:
        usage = self._orgs[org_id]
        if not self._is_used_up(usage):
            return
        now, looked = self._clock.now(), self._looked.get(org_id, usage.at)
        wait = LOOK_SECONDS - (now - looked).total_seconds()
        if wait > 0:
            raise BudgetReached(max(1, round(wait)), of_user=False)
        self._looked[org_id] = now

    def _is_used_up(self, usage: OrgUsage) -> bool:
        return 100 * usage.used >= self._org_percent * usage.limit

    async def _take_share(self, uid: Uid, share: _Share) -> None:
        """Takes the next share of a user's budget; while the store cannot be asked, calls go on without."""
        wanted = share.next
        try:
            async with asyncio.timeout(_TAKE_SECONDS):
                taken = await self._store.take(uid, share.day, wanted)
            granted = max(0, min(wanted, self._user_requests - FIRST_SHARE - (taken - wanted)))
            share.used_up = granted < wanted
            soon = self._clock.now() - share.taken < _SOON
            share.next = max(SHARE, min(2 * wanted, self._user_requests // _MOST)) if soon else SHARE
        except Exception:
            granted = share.next = SHARE  # what was asked for may be taken all the same
        share.size, share.taken = granted, self._clock.now()
        share.left += granted
        share.taking = None

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._behind.discard(task)
        if not task.cancelled():
            task.exception()  # what could not be stored is stored with a later answer


def _until_tomorrow(now: datetime) -> int:
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - now).total_seconds()) + 1
