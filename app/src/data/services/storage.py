"""The device's storage, which may be full, forbidden, slow or silent. Nobody waits for it longer than ANSWER_SECONDS,
and once it is silent nobody waits at all, until it answers again."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from contract.codec import DecodeError, decode, encode

T = TypeVar("T")
ANSWER_SECONDS = 3.0  # it takes milliseconds where it works
PROBE_SECONDS = 2.0  # between two questions to a silent storage
_PROBES = 4  # that are waited for at once: a slow storage answers an old one first
_PROBED = "probe"  # a key under which nothing is kept


class StorageRefused(Exception):
    """The device does not keep this, or does not answer: its storage is full, not allowed, or silent."""


class StorageSilent(StorageRefused):
    """The device has not answered in time; it may later."""


class Body(Protocol):
    """What the platform has: `flet_secure_storage.SecureStorage`."""

    async def get(self, key: str) -> str | None:
        """The value under a key; None when there is none."""
        ...

    async def get_all(self) -> dict[str, str]:
        """All values by key."""
        ...

    async def set(self, key: str, value: str) -> None:
        """Keeps a value under a key, in place of the one before."""
        ...

    async def remove(self, key: str) -> None:
        """Removes the value under a key."""
        ...


@dataclass(slots=True)
class _Changes:
    """The changes of one key that are not answered yet, by their number; `value` is what the newest sets."""

    value: str | None = None
    newest: int = 0
    asked: set[int] = field(default_factory=set[int])


class Storage:
    """One for each window. Every method raises StorageRefused.

    A storage that does not answer in time counts as silent until any answer comes. While it is silent every call is
    refused at once, and starts a probe in the background when the last one is PROBE_SECONDS old. A change that is
    carried out late, after a newer one of the same key, is followed by the newer one again.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._silent = False
        self._probed = 0.0
        self._probes: list[asyncio.Task[str | None]] = []
        self._unanswered: set[asyncio.Task[Any]] = set()
        self._changes: dict[str, _Changes] = {}

    async def read(self, key: str) -> str | None:
        """The value under a key; None when there is none."""
        return await self._answer(lambda: self._body.get(key))

    async def values(self, prefix: str) -> dict[str, str]:
        """All values under keys that begin with `prefix`, by key."""
        kept = await self._answer(self._body.get_all)
        return {key: value for key, value in kept.items() if key.startswith(prefix)}

    async def write(self, key: str, value: str) -> None:
        """Keeps a value under a key."""
        await self._answer(lambda: self._change(key, value))

    async def remove(self, key: str) -> None:
        """Removes the value under a key."""
        await self._answer(lambda: self._change(key, None))

    async def _answer(self, ask: Callable[[], Coroutine[object, object, T]]) -> T:
        if self._silent:
            self._probe()
            raise StorageSilent
        asked = asyncio.create_task(ask())
        try:
            done, _ = await asyncio.wait({asked}, timeout=ANSWER_SECONDS)
        finally:
            if not asked.done():
                self._wait_on(asked)
        if not done:
            self._silent = True
            self._probed = asyncio.get_running_loop().time()
            raise StorageSilent
        return _result(asked)

    def _wait_on(self, asked: asyncio.Task[Any]) -> None:
        """Lets this answer end the silence, however late it comes."""
        self._unanswered.add(asked)
        asked.add_done_callback(self._answered)

    def _answered(self, asked: asyncio.Task[Any]) -> None:
        self._unanswered.discard(asked)
        if not asked.cancelled() and not isinstance(asked.exception(), TimeoutError):
            self._silent = False

    def _probe(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._probed < PROBE_SECONDS:
            return
        self._probed = now
        probe = asyncio.create_task(self._body.get(_PROBED))
        self._probes = [p for p in self._probes if not p.done()]
        self._probes.append(probe)
        if len(self._probes) > _PROBES:
            self._probes.pop(0).cancel()
        self._wait_on(probe)

    async def _change(self, key: str, value: str | None) -> None:
        changes = self._changes.setdefault(key, _Changes())
        changes.newest += 1
        changes.value = value
        number = changes.newest
        changes.asked.add(number)
        try:
            await (self._body.remove(key) if value is None else self._body.set(key, value))
        finally:
            changes.asked.discard(number)
            if not changes.asked:
                self._changes.pop(key, None)
        if number != changes.newest and changes.newest not in changes.asked:
            await self._change(key, changes.value)  # the newest was carried out before this one


def _result(asked: asyncio.Task[T]) -> T:
    """The result of a question. Raises StorageRefused for whatever the platform's storage raises."""
    try:
        return asked.result()
    except Exception as refused:
        raise StorageRefused from refused


def to_text(value: object) -> str:
    """A value of plain types and dataclasses as JSON."""
    return json.dumps(encode(value), separators=(",", ":"))


def from_text(shape: type[T], text: str | None) -> T | None:
    """The value that was kept as JSON; None for no text, and for one that cannot be read as `shape`."""
    try:
        return decode(shape, json.loads(text), lenient=True) if text else None
    except (ValueError, DecodeError):
        return None
