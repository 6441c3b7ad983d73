"""A device without a screen."""

from collections.abc import Callable

from contract.calls import AppCheckApp
from data.services.device import StorageRefused
from devtools.clients import CALLBACK


class Drawer:
    """Keeps what it is given, remembers the pages it was asked to open. `refuses` makes it keep nothing more, like a full browser."""

    redirect_uri = CALLBACK
    name = "Drawer, Test"

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.opened = ""
        self.links: list[str] = []
        self.refuses = False
        self.brings_back: str | None = None
        self.lockable = False
        self.unlocks = True
        self.picture = ""  # whose home page is kept as a picture
        self.attests: Callable[[AppCheckApp, bool], str | None] = lambda _app, _once: None  # what makes App Check tokens

    async def read(self, key: str) -> str | None:
        return self.kept.get(key)

    async def write(self, key: str, value: str) -> None:
        if self.refuses:
            raise StorageRefused
        self.kept[key] = value

    async def remove(self, key: str) -> None:
        self.kept.pop(key, None)

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
