"""What the device does for the app, with a body for each kind: keep secrets, go to Salesforce's page and back, know
where the app runs.
"""

import asyncio
import locale
import os
import platform
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import flet as ft

import brand
from contract.calls import AppCheckApp
from contract.codec import encode
from data.services.loopback import CALLBACK_PATH, Loopback
from data.services.sealed import sealed_storage
from data.services.storage import Body as StorageBody
from data.services.storage import Storage, StorageRefused

# One port, because Salesforce compares callback URLs with their port.
LOOPBACK_PORT = int(os.environ.get("LOOPBACK_PORT", "5717"))
# Begins the names of all that is kept, where several apps have one storage: Flet's own client has one for all its apps.
KEPT_WITHIN = os.environ.get("KEPT_WITHIN", "")
COME_BACK_SECONDS = 600.0  # for which an installed app waits for Salesforce's way back


class Device(Protocol):
    """What repositories need of a device; narrow, so that they can be tested without a screen."""

    @property
    def redirect_uri(self) -> str:
        """Where Salesforce sends the browser after the sign-in."""
        ...

    @property
    def name(self) -> str:
        """What the user reads in the list of their devices, such as "Chrome, Windows"."""
        ...

    @property
    def forgets(self) -> bool:
        """Whether what is kept ends with the window."""
        ...

    async def read(self, key: str) -> str | None:
        """The value under a key; None when there is none, or the storage cannot be read."""
        ...

    async def look(self, key: str) -> str | None:
        """The value under a key; None when there is none. Raises StorageRefused when the storage cannot be read."""
        ...

    async def write(self, key: str, value: str) -> None:
        """Keeps a value under a key. Raises StorageRefused."""
        ...

    async def remove(self, key: str) -> bool:
        """Removes the value under a key. Returns whether it is gone, False when the storage refuses."""
        ...

    async def values(self, prefix: str) -> dict[str, str]:
        """All values under keys that begin with `prefix`, by key; slow where much is kept. Raises StorageRefused."""
        ...

    async def open_sign_in(self, url: str) -> str | None:
        """Opens Salesforce's page. Returns the address that it sent back to; None where the page takes the app's place,
        or the system opens the app with that address."""
        ...

    async def attest(self, app: AppCheckApp, *, once: bool, fresh: bool) -> str | None:
        """A token of Firebase App Check; None where the device cannot make one. `once`: good for a single call.
        `fresh`: a new one, because the last was refused."""
        ...


class _FletDevice:
    """What all devices share: secure storage, links and the clipboard."""

    has_start_page = False  # before the app, on which one can sign in already

    def __init__(self, page: ft.Page, body: StorageBody | None = None) -> None:
        self._page = page
        self._storage = Storage(body or sealed_storage())
        self._launcher = ft.UrlLauncher()
        self._clipboard = ft.Clipboard()

    @property
    def forgets(self) -> bool:
        return False

    async def opened(self, waiting: Callable[[], None]) -> None:
        """Waits until the device can keep things. `waiting` is called when the person has to unlock something for
        that."""

    def ask_again(self) -> None:
        """Has the person asked once more to unlock what `opened` waits for."""

    def go_without(self) -> None:
        """Ends the waiting of `opened`; what is kept from then on ends with the window."""

    async def read(self, key: str) -> str | None:
        try:
            return await self.look(key)
        except StorageRefused:
            return None

    async def look(self, key: str) -> str | None:
        return await self._storage.read(key)

    async def values(self, prefix: str) -> dict[str, str]:
        return await self._storage.values(prefix)

    async def write(self, key: str, value: str) -> None:
        await self._storage.write(key, value)

    async def remove(self, key: str) -> bool:
        try:
            await self._storage.remove(key)
        except StorageRefused:
            return False
        return True

    async def attest(self, app: AppCheckApp, *, once: bool, fresh: bool) -> str | None:
        """Nothing: App Check has no way for programs on a computer, and the one for phones needs a plugin that Flet
        does not have.
        """
        return None

    async def open_link(self, url: str) -> None:
        """Opens a web page, a map, a phone or mail program beside the app."""
        await self._launcher.launch_url(ft.Url(url, target="_blank"))

    async def copy(self, text: str) -> None:
        await self._clipboard.set(text)

    @property
    def languages(self) -> list[str]:
        """The person's languages as BCP 47 tags, the preferred one first."""
        return [_system_language()]

    async def painted(self) -> None:
        """To be called when the app's first place has been sent: what the device shows until it is on the screen may
        go then."""

    def cannot_start(self) -> bool:
        """Says that the app could not start, where something is on the screen before the app. Returns whether it
        did."""
        return False

    def keep_picture(self, uid: str) -> None:
        """Keeps a picture of the home page that is on the screen, to be shown to this user at the next start until the
        app is painted."""

    def forget_picture(self) -> None:
        """Deletes every picture of a home page."""

    async def can_lock(self) -> bool:
        """Whether the device can ask for a face, a finger or its code."""
        return False

    async def unlock(self, why: str) -> bool:
        """Asks for a face, a finger or the device's code and shows `why`. Returns whether the person was recognised."""
        return True


class BrowserDevice(_FletDevice):
    """A tab of a browser. Salesforce's page takes the app's place and comes back to an address of the app."""

    has_start_page = True

    @property
    def languages(self) -> list[str]:
        from js import navigator  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        return [str(tag) for tag in navigator.languages or ()]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]

    @property
    def base_url(self) -> str:
        """The origin that serves the app, the backend's calls and Salesforce's way back."""
        parts = urlsplit(self._page.url or "")
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def redirect_uri(self) -> str:
        return self.base_url + CALLBACK_PATH

    @property
    def name(self) -> str:
        from js import navigator  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        return browser_name(str(navigator.userAgent))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    async def open_sign_in(self, url: str) -> str | None:
        await self._launcher.launch_url(ft.Url(url, target="_self"))
        return None

    async def painted(self) -> None:
        self._tell_page("painted")

    def cannot_start(self) -> bool:
        self._tell_page("failed")
        return True

    def keep_picture(self, uid: str) -> None:
        self._tell_page({"keep": uid})

    def forget_picture(self) -> None:
        self._tell_page("forget")

    async def attest(self, app: AppCheckApp, *, once: bool, fresh: bool) -> str | None:
        """By reCAPTCHA, which needs the page: app/web/start/app_check.js."""
        from js import MessageChannel  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import create_once_callable  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        token: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        channel = MessageChannel.new()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

        def answered(event: Any) -> None:
            if not token.done():
                token.set_result(str(event.data))
            channel.port1.close()  # pyright: ignore[reportUnknownMemberType]

        channel.port1.onmessage = create_once_callable(answered)  # pyright: ignore[reportUnknownMemberType]
        self._tell_page({"attest": encode(app), "once": once, "fresh": fresh, "answer": channel.port2}, [channel.port2])  # pyright: ignore[reportUnknownMemberType]
        return await token or None

    def _tell_page(self, message: object, transferred: Sequence[object] = ()) -> None:
        """To app/web/start/start.js; Flet's python.js lets it through (devtools/web_python.py)."""
        from js import Object, postMessage  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import to_js  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        postMessage(to_js({"toPage": message}, dict_converter=Object.fromEntries), to_js(list(transferred)))  # pyright: ignore[reportUnknownMemberType]


class DesktopDevice(_FletDevice):
    """An installed app on a computer: Salesforce's page opens in the system's browser and comes back to a port of this
    machine (RFC 8252 section 7.3)."""

    base_url = os.environ.get("BACKEND_URL", brand.BACKEND)
    redirect_uri = f"http://127.0.0.1:{LOOPBACK_PORT}{CALLBACK_PATH}"
    _loopback = Loopback(LOOPBACK_PORT)

    def __init__(self, page: ft.Page) -> None:
        from data.services.keyring import DesktopKeyring, KeptInKeyring, Within  # a browser has no use for them

        storage = Within(sealed_storage(), KEPT_WITHIN) if KEPT_WITHIN else sealed_storage()
        is_linux = sys.platform == "linux" and not page.web
        self._keyring = KeptInKeyring(storage, DesktopKeyring()) if is_linux else None
        super().__init__(page, self._keyring or storage)

    @property
    def forgets(self) -> bool:
        return self._keyring is not None and self._keyring.forgets

    async def opened(self, waiting: Callable[[], None]) -> None:
        if self._keyring is not None:
            await self._keyring.opened(waiting)

    def ask_again(self) -> None:
        if self._keyring is not None:
            self._keyring.ask_again()

    def go_without(self) -> None:
        if self._keyring is not None:
            self._keyring.go_without()

    @property
    def name(self) -> str:
        return f"{platform.node() or 'Computer'}, {platform.system()}"

    async def open_sign_in(self, url: str) -> str | None:
        (state,) = parse_qs(urlsplit(url).query)["state"]
        async with self._loopback.expects(state) as coming:
            await self._launcher.launch_url(ft.Url(url, target="_blank"))
            async with asyncio.timeout(COME_BACK_SECONDS):
                return await coming


class PhoneDevice(_FletDevice):
    """An installed app on a phone: the system opens Salesforce's page, and the app again by its scheme (RFC 8252
    section 7.1).
    """

    base_url = os.environ.get("BACKEND_URL", brand.BACKEND)
    redirect_uri = brand.SCHEME_REDIRECT

    def __init__(self, page: ft.Page) -> None:
        from flet_local_auth import LocalAuthentication

        super().__init__(page)
        self._lock = LocalAuthentication()

    async def can_lock(self) -> bool:
        return await self._lock.is_device_supported()

    async def unlock(self, why: str) -> bool:
        return await self._lock.authenticate(why)

    @property
    def name(self) -> str:
        return "iPhone" if self._page.platform is ft.PagePlatform.IOS else "Android"

    async def open_sign_in(self, url: str) -> str | None:
        await self._launcher.launch_url(ft.Url(url))
        return None


Body = BrowserDevice | DesktopDevice | PhoneDevice


def make_device(page: ft.Page) -> Body:
    """The device that this app runs on."""
    if sys.platform == "emscripten":
        return BrowserDevice(page)
    if not page.web and page.platform in (ft.PagePlatform.ANDROID, ft.PagePlatform.IOS):
        return PhoneDevice(page)
    return DesktopDevice(page)


def _system_language() -> str:
    """The system's language as a BCP 47 tag."""
    try:
        name = locale.getlocale()[0]
    except ValueError:  # one that Python does not know, such as en_SC
        name = locale.setlocale(locale.LC_CTYPE).partition(".")[0]
    return (name or "en").replace("_", "-")


def browser_name(agent: str) -> str:
    """The browser and the system that a User-Agent header names. The order matters: browsers name each other."""
    browsers = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    parts = [next((name for mark, name in marks if mark in agent), "") for marks in (browsers, systems)]
    return ", ".join(p for p in parts if p) or "Browser"
