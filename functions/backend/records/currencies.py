"""The currencies of an org's amounts: its only one, or those of an org with several, where each record has its own.

They belong to the org and hardly ever change: asked for once in a while by each process. What one user is not told
counts for that user only.

Sources: Connect REST API, Organization; Object Reference, CurrencyType; SOQL and SOSL Reference, "convertCurrency()": a
number with a code is compared by what it is worth, and so are amounts by ORDER BY; sums are in the corporate currency.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

import msgspec
from cachetools import TTLCache

from backend.records import soql
from backend.records.org import Org, Row
from backend.records.rows import field_value
from backend.values import Clock, Uid
from contract.calls import FieldValue
from contract.errors import CallError, NotFound, Reason, RefusedRequest

T = TypeVar("T")
KEPT_SECONDS = 6 * 3600.0
_MAX_ORGS, _MAX_USERS = 1024, 16_384
_MOST_DECIMALS = 18
_ISO_4217 = re.compile(r"[A-Z]{3}")
_TYPES = "SELECT IsoCode, DecimalPlaces, IsCorporate FROM CurrencyType"


class Several(msgspec.Struct, frozen=True):
    """The currencies of an org that has several: the corporate one, "" when it is not known, and how many decimals each
    has.
    """

    corporate: str = ""
    decimals: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])


class Currencies:
    """Asks for each org's currencies and keeps them for KEPT_SECONDS. One for each process. `may_look` says whether the
    org with an id has requests to spare."""

    def __init__(self, org: Org, clock: Clock, may_look: Callable[[str], bool] = lambda _org_id: True) -> None:
        def time() -> float:
            return clock.now().timestamp()

        self._org = org
        self._may_look = may_look
        self._only = TTLCache[str, str](_MAX_ORGS, KEPT_SECONDS, timer=time)
        self._several = TTLCache[str, Several](_MAX_ORGS, KEPT_SECONDS, timer=time)
        self._untold = TTLCache[tuple[Uid, str], bool](_MAX_USERS, KEPT_SECONDS, timer=time)

    async def of(self, uid: Uid) -> str:
        """The ISO 4217 code of the org's amounts; "" when it has several, does not say, or cannot be asked now."""
        return await self._kept(uid, self._only, self._ask_for_the_only, "")

    async def several(self, uid: Uid) -> Several:
        """The currencies of an org that has several; an empty Several when it does not say, or cannot be asked now."""
        return await self._kept(uid, self._several, self._ask_for_several, Several())

    async def _kept(self, uid: Uid, kept: TTLCache[str, T], ask: Callable[[Uid], Awaitable[T | None]], unknown: T) -> T:
        """What is kept of an org, or the answer to a question that is asked now."""
        known, question = kept.get(uid.org_id), (uid, ask.__name__)
        if known is not None or question in self._untold or not self._may_look(uid.org_id):
            return unknown if known is None else known
        try:
            answer = await ask(uid)
        except (RefusedRequest, NotFound):
            answer = None  # this user is not told
        except CallError:
            return unknown  # another time
        if answer is None:
            self._untold[question] = True
            return unknown
        kept[uid.org_id] = answer
        return answer

    async def _ask_for_the_only(self, uid: Uid) -> str | None:
        code = await self._org.currency(uid)
        return code if _ISO_4217.fullmatch(code) else None

    async def _ask_for_several(self, uid: Uid) -> Several | None:
        (rows,) = await self._org.query(uid, _TYPES)
        codes = {code: row for row in rows if _ISO_4217.fullmatch(code := str(field_value(row, "IsoCode")))}
        decimals = {code: n for code, row in codes.items() if (n := _decimals(row)) is not None}
        corporate = next((code for code, row in codes.items() if field_value(row, "IsCorporate") is True), "")
        return Several(corporate, decimals) if corporate else None  # every such org has one: what lacks it is a half


def _decimals(row: Row) -> int | None:
    told = field_value(row, "DecimalPlaces")
    return int(told) if isinstance(told, int | float) and 0 <= told <= _MOST_DECIMALS else None


def amount_literal(of: Several, active: Collection[str], amount: FieldValue, code: str | None) -> str:
    """An amount in a filter, for SOQL: in the currency with this code, or in the corporate one.

    Raises RefusedRequest(invalid-value) for one that cannot be compared by what it is worth.
    """
    chosen = of.corporate if code is None else code
    # SOQL has no way to write a negative amount with a code.
    if chosen not in active or isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0:
        said = f"An amount here is not negative, and in one of the currencies {', '.join(active)}."
        raise RefusedRequest(Reason.INVALID_VALUE, said)
    return chosen + soql.literal("currency", amount)
