"""What all stores share: the names of collections, the span of a request, and how a long query is read."""

from collections.abc import AsyncIterator
from typing import Any

from backend import telemetry

CONNECTIONS, CREATIONS = "connections", "creations"
AUDIT, ENTRIES = "audit", "entries"
BLOCKS, CODES, USAGE, ATTEMPTS = "blocks", "codes", "usage", "attempts"
TOMBSTONES = "tombstones"
_PAGE = 300


def span(what: str, collection: str, *, audited: bool = False) -> telemetry.span:
    """The span of one request: `what` is read or write, `audited` whether an audit entry is written with it."""
    name = f"Firestore {what} {collection}"
    return telemetry.span(
        name, "client", db__system__name="gcp.firestore", db__collection__name=collection, audited=audited
    )


async def pages(query: Any) -> AsyncIterator[Any]:
    """All documents of a query, page by page: one long stream would end with the time-out of a single request."""
    last: Any = None
    while True:
        page = await (query if last is None else query.start_after(last)).limit(_PAGE).get()
        for snapshot in page:
            yield snapshot
        if len(page) < _PAGE:
            return
        last = page[-1]
