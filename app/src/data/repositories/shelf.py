"""What the app showed last, kept on the device for each user, bounded; it ends with the sign-out."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from contract.codec import DecodeError, decode, encode
from data.services.device import Device, StorageRefused

T = TypeVar("T")
MAX_ITEMS = 150
MAX_CHARACTERS = 1_000_000  # of JSON; browsers give a site some five million


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """Something that was shown, and when it was true (seconds since the epoch)."""

    value: T
    at: float


class Shelf:
    """One for each app; `open` chooses the user. Without a user, or when the device keeps nothing, it keeps things in memory only."""

    def __init__(self, device: Device, now: Callable[[], float] = time.time) -> None:
        self._device = device
        self._now = now
        self._uid: str | None = None
        self._index: dict[str, tuple[int, float]] = {}  # key: (characters, when it was true), the oldest first
        self._values: dict[str, Any] = {}

    async def open(self, uid: str | None) -> None:
        """Whose shelf it is from now on."""
        self._uid, self._index, self._values = uid, {}, {}
        if uid is None:
            return
        try:
            found = json.loads(await self._device.read(self._name("")) or "{}")
            self._index = {str(k): (int(size), float(at)) for k, (size, at) in cast(dict[str, Any], found).items()}
        except (ValueError, TypeError, AttributeError):
            self._index = {}

    async def get(self, key: str, shape: type[T]) -> Seen[T] | None:
        """What was put there last; None when there is nothing that can be read."""
        known = self._index.get(key)
        if known is None:
            return None
        if key not in self._values:
            uid = self._uid
            text = await self._device.read(self._name(key))
            if uid != self._uid:
                return None  # the user has changed meanwhile
            try:
                self._values[key] = decode(shape, json.loads(text or ""), lenient=True)
            except (ValueError, DecodeError):
                self._index.pop(key, None)
                return None
        value = self._values[key]
        return Seen(cast(T, value), known[1])

    async def put(self, key: str, value: object) -> None:
        """Keeps a value; the oldest ones make room for it."""
        uid, before = self._uid, self._index.pop(key, None)
        text = None if before is not None and self._values.get(key) == value else json.dumps(encode(value), separators=(",", ":"))
        self._index[key] = (before[0] if before is not None and text is None else len(text or ""), self._now())
        self._values[key] = value
        dropped: list[str] = []
        while len(self._index) > 1 and (len(self._index) > MAX_ITEMS or sum(size for size, _ in self._index.values()) > MAX_CHARACTERS):
            oldest = next(iter(self._index))
            del self._index[oldest]
            self._values.pop(oldest, None)
            dropped.append(oldest)
        if uid is None:
            return
        try:
            for gone in dropped:
                await self._device.remove(f"seen/{uid}/{gone}")
            if text is not None:
                await self._device.write(f"seen/{uid}/{key}", text)
            if uid == self._uid:
                await self._device.write(self._name(""), json.dumps(self._index, separators=(",", ":")))
        except StorageRefused:
            pass  # what is shown does not depend on it

    async def remove(self, key: str) -> None:
        """Forgets one value."""
        if self._index.pop(key, None) is not None:
            self._values.pop(key, None)
            await self._device.remove(self._name(key))
            try:
                await self._device.write(self._name(""), json.dumps(self._index, separators=(",", ":")))
            except StorageRefused:
                pass

    async def clear(self, uid: str) -> None:
        """Forgets all that was shown to a user."""
        if uid != self._uid:
            await self.open(uid)
        for key in ["", *self._index]:
            await self._device.remove(self._name(key))
        self._index, self._values = {}, {}

    def _name(self, key: str) -> str:
        return f"seen/{self._uid}/{key}"
