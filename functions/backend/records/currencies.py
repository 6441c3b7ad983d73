"""The currency of an org's amounts.

It belongs to the org and hardly ever changes: asked for once in a while by each process.
"""

import re
from collections.abc import Callable

from cachetools import TTLCache

from backend.records.org import Org
from backend.values import Clock, Uid
from contract.errors import CallError, NotFound, RefusedRequest

KEPT_SECONDS = 6 * 3600.0
_MAX_ORGS = 1024
_ISO_4217 = re.compile(r"[A-Z]{3}")


class Currencies:
    """Asks for each org's currency and keeps it for KEPT_SECONDS. One for each process. `may_look` says whether the org
    with an id has requests to spare."""

    def __init__(self, org: Org, clock: Clock, may_look: Callable[[str], bool] = lambda _org_id: True) -> None:
        self._org = org
        self._may_look = may_look
        self._codes = TTLCache[str, str](_MAX_ORGS, KEPT_SECONDS, timer=lambda: clock.now().timestamp())

    async def of(self, uid: Uid) -> str:
        """The ISO 4217 code of the org's amounts; "" when it has several, does not say, or cannot be asked now."""
        cached = self._codes.get(uid.org_id)
        if cached is not None or not self._may_look(uid.org_id):
            return cached or ""
        try:
            code = await self._org.currency(uid)
        except (RefusedRequest, NotFound):
            code = ""  # this org does not say
        except CallError:
            return ""  # another time
        code = self._codes[uid.org_id] = code if _ISO_4217.fullmatch(code) else ""
        return code
