"""A device without a screen."""

import json
from collections.abc import Callable

from contract.calls import AppCheckApp
from data.repositories.session import PENDING
from data.services.device import StorageRefused
from data.services.windows import Windows
from devtools.clients import CALLBACK


class Beside(Windows):
    """One of several windows of the app on one device: `first` is one that is open already."""

    def __init__(self, first: "Beside | None" = None) -> None:
        super().__init__()
        self._all: list[Beside] = [] if first is None else first._all
        self._turn = self._turn if first is None else first._turn
        self._all.append(self)

    def tell(self) -> None:
        for window in self._all:
            if window is not self:
                window.changed()


class Drawer:
    """Keeps what it is given, remembers the pages it was asked to open. `refuses` makes it keep nothing more, like a full browser.
    With `kept` of another one it is another window of the app on the same device."""

    redirect_uri = CALLBACK
    name = "Drawer, Test"

    def __init__(self, kept: dict[str, str] | None = None) -> None:
        self.kept: dict[str, str] = {} if kept is None else kept
        self.opened = ""
        self.links: list[str] = []
        self.refuses = False
        self.brings_back: str | None = None
        self.lockable = False
        self.unlocks = True
        self.picture = ""  # whose home page is kept as a picture
        self.attests: Callable[[AppCheckApp, bool], str | None] = lambda _app, _once: None  # what makes App Check tokens

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

    async def remove(self, key: str) -> None:
        self.kept.pop(key, None)

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

    async def stands(self) -> None:
        return

    def keep_picture(self, uid: str) -> None:
        self.picture = uid

    def forget_picture(self) -> None:
        self.picture = ""

    async def can_lock(self) -> bool:
        return self.lockable

    async def unlock(self, why: str) -> bool:
        return self.unlocks
