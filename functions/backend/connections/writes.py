"""Writes that may have arrived. A commit can land and its answer get lost; whoever sends it again (the Firestore
library did after UNAVAILABLE, google/cloud/firestore_v1/services/firestore/transports/grpc_asyncio.py:
`_prep_wrapped_messages`; a proxy may) is then told that somebody else was first. So every write carries an id of its
own, and what is stored is asked for that id before a lost race is believed.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from backend.failures import StoreUnavailable

WRITE_PAUSES = (0.1, 0.5, 1.0)  # seconds before a write that nobody answered is sent again, as long as …
BEGIN_AGAIN_SECONDS = 4.0  # … it began less than this ago
T = TypeVar("T")


class Contended(Exception):
    """Somebody else wrote the document after it was read: read it again."""


class ChainBroken(Exception):
    """The audit record has more entries than its end says, as when an older document was restored from a backup: begin
    a new record.
    """


class Unanswered(StoreUnavailable):
    """No answer came to a write: it may have arrived, or arrive yet."""


def new_write_id() -> str:
    """The id of one write, however often it is sent."""
    return secrets.token_hex(8)


async def once(
    write: Callable[[], Awaitable[T]],
    arrived: Callable[[], Awaitable[T | None]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """The outcome of one write, which `write` sends: fenced or idempotent, and with its own id in it. `arrived` reads
    what is stored and returns the outcome when that has this id, otherwise None.

    Raises Contended or ChainBroken when it is not this write that was first; StoreUnavailable when nobody can say.
    """
    time = asyncio.get_running_loop().time
    again_until, pauses = time() + BEGIN_AGAIN_SECONDS, iter(WRITE_PAUSES)
    while True:
        try:
            return await write()
        except (Contended, ChainBroken):
            outcome = await arrived()
            if outcome is None:
                raise
            return outcome
        except Unanswered:
            with suppress(StoreUnavailable):
                outcome = await arrived()
                if outcome is not None:
                    return outcome
            pause = next(pauses, None)
            if pause is None or time() > again_until:
                raise
        await sleep(pause)


async def never() -> None:
    """For `once`, when sending a write twice is the same as sending it once."""
    return None
