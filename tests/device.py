"""A device without a screen."""

import asyncio
import json
from collections.abc import Callable

from contract.calls import AppCheckApp
from data.repositories.sign_in import PENDING
from data.services.device import StorageRefused
from data.services.storage import Storage
from data.services.windows import Windows
from devtools.clients import CALLBACK


class Beside(Windows):
    """One of several windows of the app on one device: `first` is one that is open already."""

    def __init__(self, first: "Beside | None" = None) -> None:
        super().__init__()
        self._all: list[Beside] = [] if first is None else first._all
        self._turn = self._turn if first is None else first._turn
        self.held: dict[str, Beside] = {} if first is None else first.held
        self._all.append(self)

    def tell(self) -> None:
        for window in self._all:
            if window is not self:
                window.changed()

    async def hold(self, name: str) -> bool:
        return self.held.setdefault(name, self) is self

    def let_go(self, name: str) -> None:
        if self.held.get(name) is self:
            del self.held[name]

    def close(self) -> None:
        """The window is gone, or loaded again."""
        self._all[:] = [window for window in self._all if window is not self]
        for name in list(self.held):
            self.let_go(name)


class Drawer:
    """Keeps what it is given, remembers the pages it was asked to open. `refuses` makes it keep nothing more, like a
    full browser. With `kept` of another one it is another window of the app on the same device."""

    redirect_uri = CALLBACK
    name = "Drawer, Test"
    forgets = False

    def __init__(self, kept: dict[str, str] | None = None) -> None:
        self.kept: dict[str, str] = {} if kept is None else kept
        self.opened = ""
        self.links: list[str] = []
        self.refuses = False
        self.brings_back: str | None = None
        self.lockable = False
        self.unlocks = True
        self.picture = ""  # whose home page is kept as a picture
        # What makes App Check tokens.
        self.attests: Callable[[AppCheckApp, bool], str | None] = lambda _app, _once: None

    def pending(self) -> dict[str, str]:
        """What is kept of the sign-in that this window has begun last."""
        each = [json.loads(value) for key, value in self.kept.items() if key.startswith(PENDING)]
        return next(one for one in each if one["state"] in self.opened)

    async def read(self, key: str) -> str | None:
        return self.kept.get(key)

    async def look(self, key: str) -> str | None:
        return await self.read(key)

    async def write(self, key: str, value: str) -> None:
        if self.refuses:
            raise StorageRefused
        self.kept[key] = value

    async def remove(self, key: str) -> bool:
        self.kept.pop(key, None)
        return True

    async def values(self, prefix: str) -> dict[str, str]:
        return {key: value for key, value in self.kept.items() if key.startswith(prefix)}

    async def open_sign_in(self, url: str) -> str | None:
        self.opened = url
        return self.brings_back

    async def attest(self, app: AppCheckApp, *, once: bool, fresh: bool) -> str | None:
        return self.attests(app, once)

    async def open_link(self, url: str) -> None:
        self.links.append(url)

    async def copy(self, text: str) -> None:
        self.links.append(f"copied: {text}")

    async def painted(self) -> None:
        return

    def keep_picture(self, uid: str) -> None:
        self.picture = uid

    def forget_picture(self) -> None:
        self.picture = ""

    async def can_lock(self) -> bool:
        return self.lockable

    async def unlock(self, why: str) -> bool:
        return self.unlocks


class Disk:
    """What a platform's storage does: `delay` seconds pass before anything is carried out and answered, None for ever.
    `delays` are those of the next calls. A call that is never answered is never carried out, unless the window is
    `deaf`: then only its answer is lost."""

    def __init__(self, kept: dict[str, str] | None = None, *, delay: float | None = 0.0) -> None:
        self.kept: dict[str, str] = {} if kept is None else kept
        self.delay = delay
        self.delays: list[float | None] = []
        self.deaf = False
        self.full = False

    async def get(self, key: str) -> str | None:
        await self._answers()
        return self.kept.get(key)

    async def get_all(self) -> dict[str, str]:
        await self._answers()
        return dict(self.kept)

    async def set(self, key: str, value: str) -> None:
        await self._answers(lambda: self.kept.update({key: value}))

    async def remove(self, key: str) -> None:
        await self._answers(lambda: self.kept.pop(key, None))

    async def _answers(self, carry_out: Callable[[], object] = lambda: None) -> None:
        delay = self.delays.pop(0) if self.delays else self.delay
        if delay is None:
            if self.deaf:
                carry_out()
            await asyncio.Event().wait()
        elif delay:
            await asyncio.sleep(delay)
        if self.full:
            raise OSError
        carry_out()


class StallingDrawer(Drawer):
    """What is kept under keys that begin with `stalls` is on a disk that may stall, and in `kept`, with all the
    rest.
    """

    def __init__(self, kept: dict[str, str] | None = None, *, stalls: str | tuple[str, ...] = "draft/") -> None:
        super().__init__(kept)
        self._stalls = stalls
        self.disk = Disk(self.kept)
        self._storage = Storage(self.disk)

    async def read(self, key: str) -> str | None:
        try:
            return await self.look(key)
        except StorageRefused:
            return None

    async def look(self, key: str) -> str | None:
        return await self._storage.read(key) if key.startswith(self._stalls) else self.kept.get(key)

    async def write(self, key: str, value: str) -> None:
        if key.startswith(self._stalls):
            await self._storage.write(key, value)
        else:
            await super().write(key, value)

    async def remove(self, key: str) -> bool:
        if not key.startswith(self._stalls):
            return await super().remove(key)
        try:
            await self._storage.remove(key)
        except StorageRefused:
            return False
        return True

    async def values(self, prefix: str) -> dict[str, str]:
        return await self._storage.values(prefix) if prefix.startswith(self._stalls) else await super().values(prefix)
