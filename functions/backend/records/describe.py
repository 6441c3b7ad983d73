"""What Salesforce's describe says of an object, kept for ten minutes for each user and object."""

from cachetools import TTLCache

from backend.records.org import Described, DescribedField, Org
from backend.values import Clock, Uid
from contract.errors import Reason, RefusedRequest

DESCRIBE_SECONDS = 600.0
_MAX_DESCRIBED = 2000


class Describes:
    """One for each process. A user never gets another one's describe."""

    def __init__(self, org: Org, clock: Clock) -> None:
        self._org = org
        self._cache = TTLCache[tuple[Uid, str], Described](_MAX_DESCRIBED, DESCRIBE_SECONDS, timer=lambda: clock.now().timestamp())

    async def get(self, uid: Uid, sobject: str) -> Described:
        """An object as this user may see it. Raises CallErrors."""
        known = self._cache.get((uid, sobject))
        if known is None:
            known = self._cache[uid, sobject] = await self._org.describe(uid, sobject)
        return known


def known_field(described: Described, name: str) -> DescribedField:
    """The field of that name. Raises RefusedRequest(unknown-field) when there is none that the user may see."""
    found = described.fields.get(name)
    if found is None:
        raise RefusedRequest(Reason.UNKNOWN_FIELD, f"{described.label} has no field {name[:80]!r} that you may see.", {"fields": [name[:80]]})
    return found
