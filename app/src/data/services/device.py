"""What the device does for the app: keep secrets, open Salesforce's page, know under which address the app runs."""

from typing import Protocol
from urllib.parse import urlsplit

import flet as ft
from flet_secure_storage import SecureStorage

CALLBACK_PATH = "/oauth/callback"


class Device(Protocol):
    """Narrow, so that repositories can be tested without a screen."""

    @property
    def redirect_uri(self) -> str: ...

    async def read(self, key: str) -> str | None: ...

    async def write(self, key: str, value: str) -> None: ...

    async def remove(self, key: str) -> None: ...

    async def open_page(self, url: str) -> None:
        """Leaves the app for a web page in the same tab."""
        ...


class FletDevice:
    """The device behind a Flet page. In the browser the app's own address is the redirect URI's."""

    def __init__(self, page: ft.Page) -> None:
        self._page = page
        self._storage = SecureStorage()
        self._launcher = ft.UrlLauncher()

    @property
    def base_url(self) -> str:
        """The origin that serves the app, the backend's calls and Salesforce's way back."""
        parts = urlsplit(self._page.url or "")
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def redirect_uri(self) -> str:
        return self.base_url + CALLBACK_PATH

    async def read(self, key: str) -> str | None:
        return await self._storage.get(key)

    async def write(self, key: str, value: str) -> None:
        await self._storage.set(key, value)

    async def remove(self, key: str) -> None:
        await self._storage.remove(key)

    async def open_page(self, url: str) -> None:
        await self._launcher.launch_url(ft.Url(url, target="_self"))
