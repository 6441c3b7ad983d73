"""Firebase App Check: tokens that prove to the backend that a call comes from this app. The device makes the tokens."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any, Protocol

from contract.calls import SIGN_IN, AppCheckApp, Call
from data.services.storage import StorageRefused, from_text, to_text

_KEPT = "app-check"
RENEW_BEFORE = 60.0  # seconds before its end at which a token is asked for again
ATTEST_SECONDS = 10.0  # a page that may not load reCAPTCHA never hears of it
REST_SECONDS = 60.0  # for so long a device is not asked again that did not answer


class Attests(Protocol):
    """What App Check needs of a device."""

    async def read(self, key: str) -> str | None:
        """The value under a key; None when there is none."""
        ...

    async def write(self, key: str, value: str) -> None:
        """Keeps a value. Raises StorageRefused."""
        ...

    async def remove(self, key: str) -> object:
        """Removes a value."""
        ...

    async def attest(self, app: AppCheckApp, *, once: bool, fresh: bool) -> str | None:
        """A token of Firebase App Check for this app; None where the device cannot make one. `once`: good for a single
        call. `fresh`: a new one, because the last was refused."""
        ...


class AppCheck:
    """The App Check tokens of this app. The app's identity in Firebase comes with the sign-in options; the page before
    Flutter keeps it too.

    When no token can be had, the call is made without one; the backend decides whether the call needs one."""

    def __init__(self, device: Attests, now: Callable[[], float] = time.time) -> None:
        self._device = device
        self._now = now
        self._app: AppCheckApp | None = None
        self._reading: asyncio.Task[AppCheckApp | None] | None = None
        self._read = False
        self._token, self._until = "", 0.0
        self._rests_until = 0.0
        self._asking = asyncio.Lock()

    def begin(self) -> None:
        """Starts to read which app this is, so that the first call does not wait for it."""
        self._reading = asyncio.create_task(self._kept())

    async def token(self, call: Call[Any, Any], *, fresh: bool = False) -> str | None:
        """The token to send with a call; None when the call needs none, or no token can be had. A sign-in gets a token
        of its own, which is good once: the backend keeps which it has seen. Beginning one gets the token of all other
        calls, because nothing is kept of it there. `fresh`: a new one, because the last was refused."""
        if not call.attested:
            return None
        async with self._asking:
            app = await self._this_app()
            if app is None or self._now() < self._rests_until:
                return None
            once = call is SIGN_IN
            if not once and not fresh and self._now() < self._until:
                return self._token
            token = await self._attested(app, once=once, fresh=fresh)
            if token is not None and not once:
                self._token, self._until = token, expiry(token) - RENEW_BEFORE
            return token

    async def learn(self, app: AppCheckApp | None) -> None:
        """Keeps which app this is, as the sign-in options say; None when App Check is off."""
        if app == await self._this_app():
            return
        self._read, self._app, self._token, self._until, self._rests_until = True, app, "", 0.0, 0.0
        try:
            if app is None:
                await self._device.remove(_KEPT)
            else:
                await self._device.write(_KEPT, to_text(app))
        except StorageRefused:
            return

    async def _this_app(self) -> AppCheckApp | None:
        if not self._read:
            kept = await (self._reading or self._kept())
            if not self._read:  # the sign-in options may have come meanwhile
                self._read, self._app = True, kept
        return self._app

    async def _kept(self) -> AppCheckApp | None:
        return from_text(AppCheckApp, await self._device.read(_KEPT))

    async def _attested(self, app: AppCheckApp, *, once: bool, fresh: bool) -> str | None:
        try:
            async with asyncio.timeout(ATTEST_SECONDS):
                return await self._device.attest(app, once=once, fresh=fresh)
        except TimeoutError:
            self._rests_until = self._now() + REST_SECONDS
            return None


def expiry(token: str) -> float:
    """When a token ends, in seconds since the epoch; 0 for a text that is no token. The backend verifies tokens, this
    does not."""
    try:
        body = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return 0.0
