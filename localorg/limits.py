"""The org's limits: requests a day, long requests at once, the length of an address, API versions, locked records.

The control API can change all of them. Source: Salesforce Developer Limits and Allocations, "API Request Limits"; REST
API Developer Guide, "Status Codes and Error Responses", "API End-of-Life".
"""

import time
from dataclasses import dataclass, field

from localorg.errors import ApiError

OLDEST_VERSION = 7  # the first REST API version that Salesforce had


@dataclass(slots=True)
class Limits:
    """The limits and what is used of them. None switches a limit off.

    `daily`: requests a day, of which `used` are gone. `of_users`: requests left, by user id. `concurrent`: how many
    requests may take longer than `long_seconds` at once. `url_bytes`: the longest path with its query. `first_version`:
    the oldest API version that is not retired. `locks`: by record id, the monotonic time until which somebody else
    changes the record. `under_way`: by number, the monotonic time at which a request began.
    """

    daily: int = 15_000
    used: int = 0
    of_users: dict[str, int] = field(default_factory=dict[str, int])
    concurrent: int | None = 25
    long_seconds: float = 20.0
    url_bytes: int | None = 16_384
    first_version: int = 29
    locks: dict[str, float] = field(default_factory=dict[str, float])
    under_way: dict[int, float] = field(default_factory=dict[int, float])
    begun: int = 0

    def count(self, user_id: str) -> None:
        """Counts one request of a user. Raises ApiError 403 REQUEST_LIMIT_EXCEEDED."""
        left = self.of_users.get(user_id)
        if self.used >= self.daily or left == 0:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1
        if left is not None:
            self.of_users[user_id] = left - 1

    def begin(self, address: int) -> int:
        """Notes that a REST request begins; `address` is the length of its path and query in bytes.

        Returns a number, which `end` takes. Raises ApiError 414 for a long address, 403 for too many long requests.
        """
        if self.url_bytes is not None and address > self.url_bytes:
            raise ApiError(414, "URI_TOO_LONG", f"The length of the URI exceeds the {self.url_bytes}-byte limit.")
        now = time.monotonic()
        if (
            self.concurrent is not None
            and len(self.under_way) >= self.concurrent
            and self._long_ones(now) >= self.concurrent
        ):
            raise ApiError(
                403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
            )
        self.begun += 1
        self.under_way[self.begun] = now
        return self.begun

    def _long_ones(self, now: float) -> int:
        return sum(now - begun >= self.long_seconds for begun in self.under_way.values())

    def end(self, number: int) -> None:
        """Notes that the request with this number has ended."""
        self.under_way.pop(number, None)

    def check_version(self, version: int) -> None:
        """Raises ApiError 410 GONE for an API version that Salesforce once had and has retired."""
        if OLDEST_VERSION <= version < self.first_version:
            raise ApiError(
                410, "GONE", f"Version {version}.0 of the API is retired. Use version {self.first_version}.0 or later."
            )

    def lock(self, identifier: str, seconds: float) -> None:
        """Locks a record for so many seconds, as if somebody else were changing it."""
        self.locks[identifier] = time.monotonic() + seconds

    def check_lock(self, identifier: str) -> None:
        """Raises ApiError 400 UNABLE_TO_LOCK_ROW while the record is locked."""
        until = self.locks.get(identifier)
        if until is None:
            return
        if time.monotonic() < until:
            raise ApiError(
                400,
                "UNABLE_TO_LOCK_ROW",
                f"unable to obtain exclusive access to this record or 1 records: {identifier}",
                [],
            )
        del self.locks[identifier]
