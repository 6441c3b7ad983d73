"""How many sign-ins may fail in a minute, so that a stranger's made-up codes cost Salesforce and Firestore next to
nothing, and keep no real user out.

Counted are the exchanges that did not succeed: of one address, of the network that it belongs to, at one login host,
and altogether. What many share is shared fairly between networks: the first failure of a network competes with the
first failures of all others only, the second with first and second ones, and so on by doubling steps (`_step`). So a
network that goes on failing cannot keep out one that has failed less often. A proxy that is believed has a share of its
own, in which the networks count that it names: should somebody else call from where it calls from, with made-up names,
then only that share is used up.

An instance counts in memory and adds up with the others through the store, behind the calls.
"""

import asyncio
import ipaddress
import re
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from backend.failures import NotSent, StoreUnavailable
from backend.values import Clock, Visitor
from contract.errors import OrgUnavailable, Reason, SignInFailed

# Why sign-ins are put off: most of those that failed met a Salesforce, or a store, that did not answer; or not.
Cause = Literal["unavailable", "callers"]
WINDOW_SECONDS = 60
BUSY_SECONDS = 1  # to wait when the budget is taken by sign-ins that are still under way
TELL_SECONDS = 2.0  # what an instance has counted is stored no more often than this
# Times what one address may have.
_PER_NETWORK, _PER_HOST, _ALTOGETHER = 5, 10, 30
_CHEAP = 10  # times as many of what costs less: beginnings, and exchanges that never reached Salesforce
_UNUSUAL_STEP = 4  # where a code that looks made up stands: as if its network had failed eight times already
_MOST_TOLD = 50  # callers, and login hosts, that an instance adds to the store at once, those with the most failures
_TOLD_FROM = 3  # failures; a caller with fewer stays in this process, so that many callers do not fill the document
_PROXY, _ALL, _AT_HOST = "proxy_", "everyone", "host"  # parts of the keys of what many callers share

_POSSIBLE_CODE = re.compile(r"[A-Za-z0-9._~+/=!-]{20,1024}")
_POSSIBLE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1
_USUAL = "aPrx"  # how every code begins that Salesforce's documentation shows; another beginning is only trusted less


class AttemptStore(Protocol):
    """Counts that all instances share."""

    async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Adds `counts` to those of a window (a minute, such as 2026-11-24T08:00+00:00); returns their sums."""
        ...


class _Window(msgspec.Struct):
    """A minute's counts by key: settled failures of this instance and of all, and what succeeded here."""

    start: datetime
    failed: Counter[str] = msgspec.field(default_factory=Counter[str])
    elsewhere: Counter[str] = msgspec.field(default_factory=Counter[str])
    untold: Counter[str] = msgspec.field(default_factory=Counter[str])
    succeeded: Counter[str] = msgspec.field(default_factory=Counter[str])
    unavailable: int = 0
    answered: int = 0

    def note(self, *, answered: bool) -> None:
        """Counts one that failed, by whether Salesforce, and the store, did answer."""
        self.answered += answered
        self.unavailable += not answered

    def of(self, key: str) -> int:
        """The failures of a key, less its sign-ins that succeeded: an office has both, made-up codes only fail."""
        return max(0, self.failed[key] + self.elsewhere[key] - self.succeeded[key])


class Attempt(msgspec.Struct):
    """An exchange under way. The caller sets `succeeded`; otherwise it counts as failed, unless it was never sent."""

    succeeded: bool = False


class _Budget(msgspec.Struct, frozen=True):
    """How many failures may be counted under `keys` before the next attempt is refused; it counts under the last."""

    keys: tuple[str, ...]
    most: int

    @property
    def key(self) -> str:
        return self.keys[-1]


class Attempts:
    """Counts failed sign-ins, and refuses more after too many. One for each process. `fingerprint` hides an address in
    the store; `per_address` is how many may fail in a minute from one address; `notice` is called at the first refusal
    of each minute that failures have caused, with what most of those of this instance met.
    """

    def __init__(
        self,
        store: AttemptStore,
        clock: Clock,
        *,
        per_address: int,
        fingerprint: Callable[[str], str],
        notice: Callable[[Cause], None] = lambda _cause: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._per_address = per_address
        self._fingerprint = fingerprint
        self._notice = notice
        self._window = _Window(self._start())
        self._under_way = Counter[str]()
        self._refused_in: datetime | None = None
        self._telling: asyncio.Task[None] | None = None

    @contextmanager
    def one(self, visitor: Visitor, login_host: str, code: str) -> Generator[Attempt]:
        """The context of one exchange of a code, which its block carries out.

        Raises SignInFailed(too-many-sign-ins) with the seconds to wait.
        """
        one, pool = self._per_address, self._pool(visitor)
        caller, usual = self._caller(visitor), code.startswith(_USUAL)
        own = pool if usual else f"{pool}unusual_"
        callers, step = self._callers(caller, own, one)
        self._check(callers)  # first, because most floods end here
        step = step if usual else max(step, _UNUSUAL_STEP)
        host = _shared(f"{pool}{_AT_HOST}_{self._fingerprint(login_host)}", step, _PER_HOST * one)
        shared = [host, _shared(f"{pool}{_ALL}", step, _ALTOGETHER * one), *self._proxies(pool, one)]
        unsent = self._cheap(caller, f"{pool}unsent_")
        self._check([*shared, *unsent])
        keys, attempt = [b.key for b in (*callers, *shared)], Attempt()
        was_sent = was_answered = True
        self._under_way.update(keys)
        try:
            yield attempt
        except OrgUnavailable as failed:
            # NotSent, StoreUnavailable: Salesforce, or what comes before it, was out of reach, and nothing was asked.
            was_sent, was_answered = not isinstance(failed, NotSent | StoreUnavailable), False
            raise
        finally:
            self._under_way.subtract(keys)
            for key in keys:
                if not self._under_way[key]:
                    del self._under_way[key]
            if not attempt.succeeded:
                self._current().note(answered=was_answered)
            if attempt.succeeded:
                self._current().succeeded.update(b.key for b in callers)
            elif was_sent:
                self._count(keys)
            else:
                self._current().failed.update(b.key for b in unsent)

    def begin(self, visitor: Visitor) -> None:
        """Counts a sign-in that somebody begins, in this process only: it costs a tenth of a millisecond for a key.

        Raises SignInFailed(too-many-sign-ins) with the seconds to wait.
        """
        budgets = self._cheap(self._caller(visitor), f"{self._pool(visitor)}begun_")
        self._check(budgets)
        self._current().failed.update(b.key for b in budgets)

    # Parts

    def _pool(self, visitor: Visitor) -> str:
        """Calls with a good App Check token, those through each proxy that is believed, and all others have budgets of
        their own: none can use up another's.
        """
        if visitor.attestation is not None:
            return "attested_"
        if visitor.address != visitor.peer:
            return f"{_PROXY}{self._fingerprint(_networks(visitor.peer)[1])}_"
        return ""

    def _proxies(self, pool: str, one: int) -> list[_Budget]:
        """What all proxies share, by steps again; a proxy itself has no other limit than the budgets of its pool."""
        if not pool.startswith(_PROXY):
            return []
        proxy = f"{pool}itself"
        step = _step(self._current().of(proxy) + self._under_way[proxy])
        return [_Budget((proxy,), sys.maxsize), _shared(f"proxies_{_ALL}", step, _CHEAP * _ALTOGETHER * one)]

    def _caller(self, visitor: Visitor) -> tuple[str, str]:
        address, network = _networks(visitor.address)
        return self._fingerprint(address), self._fingerprint(network)

    def _callers(self, caller: tuple[str, str], own: str, one: int) -> tuple[list[_Budget], int]:
        """The budgets of a caller's address and network, and the step at which the network stands."""
        address, network = f"{own}address_{caller[0]}", f"{own}network_{caller[1]}"
        budgets = [_Budget((address,), one), _Budget((network,), _PER_NETWORK * one)]
        return budgets, _step(self._current().of(network) + self._under_way[network])

    def _cheap(self, caller: tuple[str, str], own: str) -> list[_Budget]:
        """The budgets of what costs less than an exchange, and is counted in this process only."""
        one = _CHEAP * self._per_address
        callers, step = self._callers(caller, own, one)
        return [*callers, _shared(f"{own}{_ALL}", step, _ALTOGETHER * one)]

    def _check(self, budgets: list[_Budget]) -> None:
        window = self._current()
        for budget in budgets:
            failed, under_way, most = 0, 0, budget.most
            for key in budget.keys:
                failed += window.of(key)
                under_way += self._under_way[key]
            if failed + under_way < most:
                continue
            if failed >= most and self._refused_in != window.start:  # many at the same moment are no flood
                self._refused_in = window.start
                self._notice(self._cause(window))
            passed = (self._clock.now() - window.start).total_seconds()
            wait = BUSY_SECONDS if failed < most else max(1, round(WINDOW_SECONDS - passed))
            raise SignInFailed(Reason.TOO_MANY_SIGN_INS, details={"retryAfter": wait})

    def _cause(self, window: _Window) -> Cause:
        """By what this instance saw fail in this minute. So many refusals as one address may have are a flood, whatever
        else fails: nobody hides one behind addresses that do not answer.
        """
        outage = window.unavailable > window.answered and window.answered < self._per_address
        return "unavailable" if outage else "callers"

    def _count(self, keys: list[str]) -> None:
        window = self._current()
        window.failed.update(keys)
        window.untold.update(keys)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell(window))

    def _start(self) -> datetime:
        now = self._clock.now()
        return now.replace(second=0, microsecond=0)

    def _current(self) -> _Window:
        start = self._start()
        if self._window.start != start:
            self._window = _Window(start)
        return self._window

    async def _tell(self, window: _Window) -> None:
        """Adds what was counted here to what all have counted; while the store cannot be asked, this instance counts
        alone.
        """
        try:
            await self._clock.sleep(TELL_SECONDS)
            counts = Counter(dict(_worth_telling(window)))
            for key in counts:
                del window.untold[key]
            if counts:
                totals = await self._store.add(window.start.isoformat(timespec="minutes"), counts)
                for key, total in totals.items():
                    window.elsewhere[key] = max(0, total - (window.failed[key] - window.untold[key]))
        except Exception:
            return
        finally:
            self._telling = None


def possible(code: str, verifier: str) -> bool:
    """Whether Salesforce could have given such a code, and an app have made such a verifier (RFC 7636 section 4.1)."""
    return _POSSIBLE_CODE.fullmatch(code) is not None and _POSSIBLE_VERIFIER.fullmatch(verifier) is not None


def _worth_telling(window: _Window) -> list[tuple[str, int]]:
    """What all have, and of callers and login hosts those with the most failures."""
    everyone, hosts, callers = list[tuple[str, int]](), list[tuple[str, int]](), list[tuple[str, int]]()
    for key, n in window.untold.most_common():
        if _ALL in key:
            everyone.append((key, n))
        elif _AT_HOST in key:
            hosts.append((key, n))
        elif window.failed[key] >= _TOLD_FROM:
            callers.append((key, n))
    return [*everyone[: 4 * _MOST_TOLD], *hosts[:_MOST_TOLD], *callers[:_MOST_TOLD]]


def _step(failures: int) -> int:
    """0 for no failure, 1 for one, 2 for two or three, 3 for four to seven, and so on."""
    return failures.bit_length()


def _shared(name: str, step: int, most: int) -> _Budget:
    """A budget that is shared with all whose networks have not failed more often, by steps."""
    return _Budget(tuple(f"{name}_{s}" for s in range(step + 1)), most)


def _networks(address: str) -> tuple[str, str]:
    """An address, and the smallest network around it that is routed on its own in the Internet, so that whoever has one
    of its addresses may have all: 24 bits in IPv4, 48 in IPv6. Of an IPv6 address the last 64 bits, which a caller
    chooses freely, do not count.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address, address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"{int(parsed) >> 64:x}", f"{int(parsed) >> 80:x}"
        parsed = parsed.ipv4_mapped
    return str(parsed), f"{int(parsed) >> 8:x}"
