"""What the app showed last, kept on the device for each user, bounded; it ends with the sign-out.

Each thing stands alone on the device, with its time before it: there is no list of them that one window could overwrite
for another.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from data.services.device import Device
from data.services.storage import StorageRefused, from_text, to_text

T = TypeVar("T")
MAX_ITEMS = 150
MAX_CHARACTERS = 1_000_000  # of JSON; browsers give a site some five million
AGAIN_AFTER = 2.0  # seconds after which a device that did not clear is asked again


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """A value that the app has shown, and when it was fetched (seconds since the epoch)."""

    value: T
    at: float


@dataclass(slots=True)
class _Item:
    """A thing on the shelf: `text` is its JSON, `value` what that says, once somebody has asked for it."""

    at: float
    text: str
    value: Any = None


class Shelf:
    """Keeps what one user was shown last; `open` chooses the user. One for each window.

    Without a user, or when the device keeps nothing, it keeps things in memory only. `present` gives the uid of whoever
    uses the window: while the shelf is still open for another user, it takes nothing and gives nothing.
    """

    def __init__(
        self,
        device: Device,
        now: Callable[[], float] = time.time,
        present: Callable[[], str | None] | None = None,
    ) -> None:
        self._device = device
        self._now = now
        self._present = present
        self._uid: str | None = None
        self._items: dict[str, _Item] = {}  # the oldest first
        self._clearing: dict[str, asyncio.Task[None]] = {}

    async def open(self, uid: str | None) -> None:
        """Reads what is kept for a user (None: for nobody), in place of what was open before."""
        self._uid, self._items = uid, {}
        if uid is None:
            return
        clearing = self._clearing.pop(uid, None)
        if clearing is not None:
            clearing.cancel()
        try:
            kept = await self._device.values(_name(uid, ""))
        except StorageRefused:
            return
        if uid != self._uid:
            return
        read = {name.removeprefix(_name(uid, "")): _item(text) for name, text in kept.items()}
        items = sorted(((key, item) for key, item in read.items() if item is not None), key=lambda named: named[1].at)
        self._items = dict(items) | self._items  # what was put there meanwhile is newer
        for key in [*(key for key, item in read.items() if item is None), *self._take_what_is_too_much()]:
            await self._device.remove(_name(uid, key))

    async def get(self, key: str, shape: type[T]) -> Seen[T] | None:
        """The value that was put under a key last. None when there is none, or it cannot be read as `shape`."""
        item = self._items.get(key)
        if item is None or self._is_anothers():
            return None
        if item.value is None:
            item.value = from_text(shape, item.text)
            if item.value is None:
                await self.remove(key)
                return None
        return Seen(cast(T, item.value), item.at)

    async def all(self, folder: str, shape: type[T]) -> list[T]:
        """All values under keys that begin with this folder, the newest first."""
        kept = [await self.get(key, shape) for key in reversed(list(self._items)) if key.startswith(f"{folder}/")]
        return [seen.value for seen in kept if seen is not None]

    async def put(self, key: str, value: object, *, folder_size: int | None = None) -> None:
        """Keeps a value. What is too much for the shelf goes, the oldest first; so do the oldest of the key's folder
        where it has more than `folder_size` values."""
        if self._is_anothers():
            return
        uid, at = self._uid, self._now()
        text = to_text(value)
        self._items.pop(key, None)
        self._items[key] = _Item(at, text, value)
        too_much = self._take_what_is_too_much()
        if folder_size is not None:
            folder = key.split("/")[0] + "/"
            for old in [k for k in self._items if k.startswith(folder)][:-folder_size]:
                del self._items[old]
                too_much.append(old)
        if uid is None:
            return
        for old in too_much:
            await self._device.remove(_name(uid, old))
        try:
            await self._device.write(_name(uid, key), f"{at} {text}")
        except StorageRefused:
            pass  # what is shown does not depend on it

    def _is_anothers(self) -> bool:
        return self._present is not None and self._present() != self._uid

    async def remove(self, key: str) -> None:
        """Removes the value under a key."""
        if self._items.pop(key, None) is not None and self._uid is not None:
            await self._device.remove(_name(self._uid, key))

    async def clear(self, uid: str, but: frozenset[str] = frozenset()) -> None:
        """Removes everything that is kept for a user, by any window, `but` what is under these keys: at once, or when a
        silent device answers again."""
        if uid == self._uid:
            self._items = {}
        if not await self._cleared(uid, but):
            self._clearing[uid] = asyncio.create_task(self._clear_later(uid, but))

    async def _clear_later(self, uid: str, but: frozenset[str]) -> None:
        while True:
            await asyncio.sleep(AGAIN_AFTER)
            if await self._cleared(uid, but):
                return

    async def _cleared(self, uid: str, but: frozenset[str]) -> bool:
        try:
            names = await self._device.values(_name(uid, ""))
        except StorageRefused:
            return False
        kept = {_name(uid, key) for key in but}
        return all([await self._device.remove(name) for name in names if name not in kept])

    def _take_what_is_too_much(self) -> list[str]:
        """Takes the oldest from the shelf; returns their keys."""
        taken: list[str] = []
        size = sum(len(item.text) for item in self._items.values())
        for key, item in list(self._items.items()):
            if (len(self._items) <= MAX_ITEMS and size <= MAX_CHARACTERS) or len(self._items) == 1:
                break
            del self._items[key]
            size -= len(item.text)
            taken.append(key)
        return taken


@dataclass(frozen=True, slots=True)
class Fetch(Generic[T]):
    """A value of the backend: `call` fetches it, and the shelf keeps it under `key`."""

    shelf: Shelf
    key: str
    shape: type[T]
    call: Callable[[], Awaitable[T]]

    async def seen(self) -> Seen[T] | None:
        """The value as it was fetched last; None when it is not on the shelf."""
        return await self.shelf.get(self.key, self.shape)

    async def get(self) -> T:
        """Fetches the value and puts it on the shelf. Raises what the call raises."""
        value = await self.call()
        await self.shelf.put(self.key, value)
        return value


def _name(uid: str, key: str) -> str:
    return f"seen/{uid}/{key}"


def _item(text: str) -> _Item | None:
    at, _, json_text = text.partition(" ")
    try:
        return _Item(float(at), json_text)
    except ValueError:
        return None
