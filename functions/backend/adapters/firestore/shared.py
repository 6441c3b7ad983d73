"""What all stores share: the names of collections, and the span of a request."""

from backend import telemetry

CONNECTIONS, CREATIONS = "connections", "creations"
AUDIT, ENTRIES = "audit", "entries"
BLOCKS, CODES, USAGE, ATTEMPTS, WRITES = "blocks", "codes", "usage", "attempts", "writes"
TOMBSTONES = "tombstones"


def span(what: str, collection: str, *, audited: bool = False) -> telemetry.span:
    """The span of one request: `what` is read or write, `audited` whether an audit entry is written with it."""
    name = f"Firestore {what} {collection}"
    return telemetry.span(
        name, "client", db__system__name="gcp.firestore", db__collection__name=collection, audited=audited
    )
