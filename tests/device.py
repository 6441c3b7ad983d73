"""A device without a screen."""

from devtools.clients import CALLBACK


class Drawer:
    """Keeps what it is given, remembers the page it was asked to open."""

    redirect_uri = CALLBACK

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.opened = ""

    async def read(self, key: str) -> str | None:
        return self.kept.get(key)

    async def write(self, key: str, value: str) -> None:
        self.kept[key] = value

    async def remove(self, key: str) -> None:
        self.kept.pop(key, None)

    async def open_page(self, url: str) -> None:
        self.opened = url
