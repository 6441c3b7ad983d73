"""Sign-outs that the backend has not heard of yet, because it could not be reached: it hears of them later."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contract.calls import SIGN_OUT, FirebaseProject, SignOut
from contract.errors import CallError, ConnectionLost, SessionInvalid
from data.services.backend import Backend
from data.services.device import Device
from data.services.firebase_auth import FirebaseAuth
from data.services.storage import StorageRefused, from_text, to_text
from data.services.windows import Windows

_KEPT = "owed-sign-outs"
KEEP_SECONDS = 30 * 24 * 3600.0  # after which nobody tries any more
MAX_OWED = 16  # on one device; more make the oldest of them go
FIRST_WAIT, LONGEST_WAIT = 5.0, 30.0  # seconds between two tries


@dataclass(frozen=True, slots=True, repr=False)
class Parting:
    """What it takes to sign a session out at the backend: the refresh token, because an ID token lasts an hour only.
    `at` is when the person signed out (seconds since the epoch)."""

    firebase: FirebaseProject
    refresh_token: str
    at: float


@dataclass(frozen=True, slots=True, repr=False)
class _Owed:
    partings: tuple[Parting, ...] = ()


class SignOuts:
    """Keeps sign-outs on the device until the backend has heard of them, refuses them, or KEEP_SECONDS have passed. One
    for each window; what one window keeps, the next start of any window tells.

    `waiting` is whether the backend has not heard of all, `kept` whether all that wait outlive this window. `changed`
    is called after each change of the two."""

    def __init__(
        self,
        backend: Backend,
        firebase: FirebaseAuth,
        device: Device,
        windows: Windows,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._backend = backend
        self._firebase = firebase
        self._device = device
        self._windows = windows
        self._now = now
        self._sleep = sleep
        self._here: tuple[Parting, ...] = ()  # which the device has not kept
        self._telling: asyncio.Task[None] | None = None
        self.waiting = False
        self.kept = True
        self.changed: Callable[[], None] = lambda: None

    async def owe(self, parting: Parting) -> None:
        """Takes over a sign-out of which the backend is to hear as soon as it can be reached."""
        self._here += (parting,)
        self._say(waiting=True, kept=await self._keep())
        self.begin(after=FIRST_WAIT)

    def begin(self, *, after: float = 0.0) -> None:
        """Starts to tell the backend, in the background, `after` so many seconds."""
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(after))

    async def _tell(self, wait: float) -> None:
        while True:
            if wait:
                await self._sleep(wait)
            owed = await self._all()
            for parting in owed:
                if abs(self._now() - parting.at) > KEEP_SECONDS or await self._is_over(parting):
                    await self._drop(parting)
            kept, left = await self._keep(), await self._all()
            self._say(waiting=bool(left), kept=kept)
            if not left:
                return
            wait = min(max(FIRST_WAIT, 2 * wait), LONGEST_WAIT)

    async def _is_over(self, parting: Parting) -> bool:
        """Tells the backend. Returns whether there is nothing more to tell: it knows now, or the session has ended."""
        try:
            tokens = await self._firebase.renew(parting.firebase, parting.refresh_token)
            await self._backend.call(SIGN_OUT, SignOut(), tokens.id_token)
        except (SessionInvalid, ConnectionLost):
            return True
        except CallError:
            return False
        return True

    async def _all(self) -> tuple[Parting, ...]:
        try:
            on_device = await self._on_device()
        except StorageRefused:
            on_device = ()
        return (*on_device, *self._here)

    async def _on_device(self) -> tuple[Parting, ...]:
        """What the device has. Raises StorageRefused."""
        return (from_text(_Owed, await self._device.look(_KEPT)) or _Owed()).partings

    async def _keep(self) -> bool:
        """Gives the device what it has not kept yet. Returns whether it has all now."""
        async with self._windows.alone():
            here = self._here
            if not here:
                return True
            try:
                owed = (*await self._on_device(), *here)[-MAX_OWED:]
                await self._device.write(_KEPT, to_text(_Owed(owed)))
            except StorageRefused:
                return False
            self._here = self._here[len(here) :]
        return not self._here

    async def _drop(self, parting: Parting) -> None:
        async with self._windows.alone():
            self._here = tuple(p for p in self._here if p != parting)
            try:
                before = await self._on_device()
                after = tuple(p for p in before if p != parting)
                if after:
                    await self._device.write(_KEPT, to_text(_Owed(after)))
                elif before:
                    await self._device.remove(_KEPT)
            except StorageRefused:
                return  # the next try finds that the session is over

    def _say(self, *, waiting: bool, kept: bool) -> None:
        before = (self.waiting, self.kept)
        self.waiting, self.kept = waiting, kept
        if before != (waiting, kept):
            self.changed()
