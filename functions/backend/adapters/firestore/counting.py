"""Adding to counts in Firestore, each addition once."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import Aborted
from google.cloud.firestore import Increment

from backend.adapters.firestore.requests import LOST, answered, committed
from backend.adapters.firestore.shared import WRITES
from backend.connections.writes import Contended, Unanswered, new_write_id, once
from backend.failures import StoreUnavailable

_PAUSES = (0.1, 0.4, 1.6)  # seconds, at most, before an addition that met others is sent again


async def add(
    client: Any, document: Any, counts: Mapping[tuple[str, ...], int], fields: Mapping[str, Any]
) -> Mapping[tuple[str, ...], int]:
    """Adds to the counts at these paths of a document, and sets its other fields; returns the counts' sums.

    An addition that is sent twice would count twice, so the commit also makes a document with the id of this write,
    and is refused when that is there. Firestore's TTL policy on `expires` clears these documents.
    """
    mark, expires = client.collection(WRITES).document(new_write_id()), datetime.now(UTC) + timedelta(hours=1)
    adding: dict[str, Any] = dict(fields)
    for path, n in counts.items():
        inner = adding
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
        inner[path[-1]] = Increment(n)

    async def write() -> Mapping[tuple[str, ...], int]:
        batch = client.batch()
        batch.set(document, adding, merge=True)
        batch.create(mark, {"expires": expires})
        try:
            written = await committed(batch)
        except LOST as lost:
            raise Contended from lost
        except Unanswered as failed:
            if isinstance(failed.__cause__, Aborted):
                raise Contended from failed  # so many add here that the pauses below are for it
            raise
        sums = (int(result.integer_value) for result in written[0].transform_results)
        # The library sends increments in the order of their names.
        return dict(zip(sorted(counts), sums, strict=True))

    async def arrived() -> Mapping[tuple[str, ...], int] | None:
        if not (await answered(mark.get)).exists:
            return None
        stored = await answered(document.get)
        return {path: int(stored.get(client.field_path(*path))) for path in counts}

    for pause in (*_PAUSES, None):
        try:
            return await once(write, arrived)
        except Contended as contended:  # by many additions at the same moment; nothing of this one was carried out
            if pause is None:
                raise StoreUnavailable from contended
            await asyncio.sleep(pause * secrets.randbelow(100) / 100)
    raise AssertionError
