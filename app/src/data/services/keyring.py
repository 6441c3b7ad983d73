"""The keyring of a Linux desktop (Secret Service), in which the platform's storage keeps what it is given.

The window stands still while the storage asks the keyring; and a keyring that is locked, or was never made, asks the
person for a password and waits for as long as they like. So it is looked at before each use of the storage, over D-Bus
and beside the window (specifications.freedesktop.org/secret-service: Service.ReadAlias, Collection.Locked,
Service.Unlock, Prompt.Prompt)."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from data.services.dbus import Bus, BusError, BusLate
from data.services.storage import Body

LOOK_SECONDS = 0.5  # between two looks at a keyring that the person is asked to unlock
_NAME, _PATH = "org.freedesktop.secrets", "/org/freedesktop/secrets"
_SERVICE, _COLLECTION = "org.freedesktop.Secret.Service", "org.freedesktop.Secret.Collection"
_NONE = "/"  # the path of no object


class Keyring(Protocol):
    """The person's keyring. Both raise BusError where there is none, BusLate where nobody answers in time."""

    def is_locked(self) -> bool:
        """Whether it is locked."""
        ...

    def ask(self) -> None:
        """Has the desktop ask the person to unlock it, and does not wait for them."""
        ...


class DesktopKeyring:
    """The keyring that new secrets go to (the alias `default`), of the person's session bus."""

    def __init__(self) -> None:
        self._connected: Bus | None = None

    def is_locked(self) -> bool:
        return bool(self._bus().property(_NAME, self._collection(), _COLLECTION, "Locked"))

    def ask(self) -> None:
        unlock = f"([objectpath '{self._collection()}'],)"
        _, prompt = self._bus().call(_NAME, _PATH, _SERVICE, "Unlock", unlock)
        if prompt != _NONE:
            self._bus().call(_NAME, prompt, "org.freedesktop.Secret.Prompt", "Prompt", "('',)")

    def _bus(self) -> Bus:
        if self._connected is None:
            self._connected = Bus()
        return self._connected

    def _collection(self) -> str:
        (path,) = self._bus().call(_NAME, _PATH, _SERVICE, "ReadAlias", "('default',)")
        if path == _NONE:
            raise BusError("no keyring was made yet")
        return path


class KeptInKeyring:
    """The platform's storage, for as long as the keyring can be used. Where there is none at the beginning, or the
    person goes on without it, everything is kept in memory until the window closes."""

    def __init__(self, storage: Body, keyring: Keyring) -> None:
        self._storage = storage
        self._keyring = keyring
        self._memory: Memory | None = None
        self._was_used = False
        self._asked = False
        self._looking = asyncio.Lock()

    @property
    def forgets(self) -> bool:
        """Whether what is kept ends with the window."""
        return self._memory is not None

    async def opened(self, waiting: Callable[[], None]) -> None:
        """Waits until things can be kept. `waiting` is called when the person has to unlock the keyring for that."""
        await self._body(waiting)

    def ask_again(self) -> None:
        """Has the person asked once more for the keyring's password, where they sent the first question away."""
        self._asked = False

    def go_without(self) -> None:
        """Keeps everything in memory, and waits no longer for the keyring, unless it was used before."""
        if not self._was_used:
            self._memory = self._memory or Memory()

    async def get(self, key: str) -> str | None:
        return await (await self._body()).get(key)

    async def get_all(self) -> dict[str, str]:
        return await (await self._body()).get_all()

    async def set(self, key: str, value: str) -> None:
        await (await self._body()).set(key, value)

    async def remove(self, key: str) -> None:
        await (await self._body()).remove(key)

    async def _body(self, waiting: Callable[[], None] = lambda: None) -> Body:
        """Where to keep things now. Waits while the keyring is locked. Raises BusError when it has gone after use."""
        async with self._looking:
            self._asked = told = False
            while self._memory is None:
                try:
                    if not await asyncio.to_thread(self._keyring.is_locked):
                        self._was_used = True
                        return self._storage
                    if not told:
                        told = True
                        waiting()
                    if not self._asked:
                        self._asked = True
                        await asyncio.to_thread(self._keyring.ask)
                except BusError as failed:
                    if self._was_used:
                        raise
                    if not isinstance(failed, BusLate):
                        self.go_without()
                    elif not told:  # what is kept may be there, and would be missed
                        told = True
                        waiting()
                await asyncio.sleep(LOOK_SECONDS)
            return self._memory


class Memory:
    """Keeps values until the window closes."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self._kept.get(key)

    async def get_all(self) -> dict[str, str]:
        return dict(self._kept)

    async def set(self, key: str, value: str) -> None:
        self._kept[key] = value

    async def remove(self, key: str) -> None:
        self._kept.pop(key, None)


class Within:
    """The part of a storage whose keys begin with `prefix`, which it adds and takes away: for apps that share one."""

    def __init__(self, storage: Body, prefix: str) -> None:
        self._storage = storage
        self._prefix = prefix

    async def get(self, key: str) -> str | None:
        return await self._storage.get(self._prefix + key)

    async def get_all(self) -> dict[str, str]:
        kept = await self._storage.get_all()
        return {key.removeprefix(self._prefix): kept[key] for key in kept if key.startswith(self._prefix)}

    async def set(self, key: str, value: str) -> None:
        await self._storage.set(self._prefix + key, value)

    async def remove(self, key: str) -> None:
        await self._storage.remove(self._prefix + key)
