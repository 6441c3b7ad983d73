"""How many sign-ins may fail in a minute, so that a stranger's made-up codes cost Salesforce and Firestore next to
nothing.

Counted are the exchanges that did not succeed: of one address, at one login host, and altogether. An instance counts in
memory and adds up with the others through the store, behind the calls. Half of what a login host and all together may
have is kept for callers who have not failed in this minute and whose code looks as Salesforce's do. An address
that was forwarded by somebody else (a proxy, or a caller who makes it up) is believed only while fewer sign-ins have
failed through them than one address may have.
"""

import asyncio
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backend.failures import NotSent
from backend.values import Clock, Visitor
from contract.errors import Reason, SignInFailed

WINDOW_SECONDS = 60
BUSY_SECONDS = 1  # to wait when the budget is taken by sign-ins that are still under way
TELL_SECONDS = 2.0  # what an instance has counted is stored no more often than this
_PER_PEER, _PER_HOST, _ALTOGETHER = 10, 10, 30  # times what one address may have
_MOST_TOLD = 50  # addresses that an instance adds to the store at once, those with the most failures first
_SHARED = "everyone"  # the keys of many callers together
_TOLD_FROM = 3  # failures; an address with fewer stays in this process, so that many addresses do not fill the document

_POSSIBLE_CODE = re.compile(r"[A-Za-z0-9._~+/=!-]{20,1024}")
_POSSIBLE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1
_USUAL = "aPrx"  # how every code begins that Salesforce's documentation shows; another beginning is only trusted less


class AttemptStore(Protocol):
    """Counts that all instances share."""

    async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        """Adds `counts` to those of a window (a minute, such as 2026-11-24T08:00+00:00); returns their sums."""
        ...


@dataclass(slots=True)
class _Window:
    """A minute's counts by key: settled failures of this instance and of all, and what is under way here."""

    start: datetime
    failed: Counter[str]
    elsewhere: Counter[str]
    untold: Counter[str]

    def of(self, key: str) -> int:
        return self.failed[key] + self.elsewhere[key]


@dataclass(slots=True)
class Attempt:
    """An exchange under way. The caller sets `succeeded`; otherwise it counts as failed, unless it was never sent."""

    succeeded: bool = False


@dataclass(frozen=True, slots=True)
class _Budget:
    """How many failures a key may have before the next attempt is refused."""

    key: str
    most: int


class Attempts:
    """Counts failed sign-ins, and refuses more after too many. One for each process. `fingerprint` hides an address in
    the store; `per_address` is how many may fail in a minute
    from one address; `notice` is called at the first refusal of each minute that failures have caused.
    """

    def __init__(
        self,
        store: AttemptStore,
        clock: Clock,
        *,
        per_address: int,
        fingerprint: Callable[[str], str],
        notice: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._per_address = per_address
        self._fingerprint = fingerprint
        self._notice = notice
        self._window = _Window(self._start(), Counter(), Counter(), Counter())
        self._under_way = Counter[str]()
        self._refused_in: datetime | None = None
        self._telling: asyncio.Task[None] | None = None

    @contextmanager
    def one(self, visitor: Visitor, login_host: str, code: str) -> Generator[Attempt]:
        """The context of one exchange of a code, which its block carries out.

        Raises SignInFailed(too-many-sign-ins) with the seconds to wait.
        """
        budgets = self._budgets(visitor, login_host, code)
        self._check(budgets)
        keys, attempt, was_sent = [b.key for b in budgets], Attempt(), True
        self._under_way.update(keys)
        try:
            yield attempt
        except NotSent:  # Salesforce was out of reach: nothing was asked
            was_sent = False
            raise
        finally:
            self._under_way.subtract(keys)
            for key in keys:
                if not self._under_way[key]:
                    del self._under_way[key]
            if was_sent and not attempt.succeeded:
                self._count(keys)

    # Parts

    def _budgets(self, visitor: Visitor, login_host: str, code: str) -> list[_Budget]:
        one, usual = self._per_address, code.startswith(_USUAL)
        # A flood of callers that are not the app cannot use up the app's own.
        pool = "attested_" if visitor.attestation else ""
        kind = "" if usual else "unusual_"
        callers = [_Budget(f"{pool}{kind}address_{self._fingerprint(_network(visitor.address))}", one)]
        if visitor.peer != visitor.address:  # who said what the caller's address is: a proxy, or the caller itself
            callers.append(_Budget(f"{pool}{kind}peer_{self._fingerprint(_network(visitor.peer))}", _PER_PEER * one))
        forwarders = callers[1:]  # may be many people's proxy, or one who makes up another address each time
        window = self._current()
        is_first = usual and not window.of(callers[0].key) and all(window.of(b.key) < one for b in forwarders)
        share = 1.0 if is_first else 0.5
        hosts = _Budget(f"{pool}{_SHARED}_{self._fingerprint(login_host)}", int(_PER_HOST * one * share))
        return [*callers, hosts, _Budget(f"{pool}{_SHARED}", int(_ALTOGETHER * one * share))]

    def _check(self, budgets: list[_Budget]) -> None:
        window = self._current()
        for budget in budgets:
            failed, most = window.of(budget.key), budget.most
            if failed + self._under_way[budget.key] < most:
                continue
            if failed >= most and self._refused_in != window.start:  # many at the same moment are no flood
                self._refused_in = window.start
                self._notice()
            passed = (self._clock.now() - window.start).total_seconds()
            wait = BUSY_SECONDS if failed < most else max(1, round(WINDOW_SECONDS - passed))
            raise SignInFailed(Reason.TOO_MANY_SIGN_INS, details={"retryAfter": wait})

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
            self._window = _Window(start, Counter(), Counter(), Counter())
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
    shared = [(key, n) for key, n in window.untold.items() if _SHARED in key]
    callers = [
        (key, n) for key, n in window.untold.most_common() if _SHARED not in key and window.failed[key] >= _TOLD_FROM
    ]
    return [*shared, *callers[:_MOST_TOLD]]


def _network(address: str) -> str:
    """An IPv6 address without its last 64 bits, which a caller chooses freely."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return address
