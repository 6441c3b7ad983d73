"""Hands the window over from one user to the next: sign-in, sign-out, erasure, and what other windows do."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from contract.errors import CallError
from data.repositories.session import START
from data.repositories.wiring import Repositories
from ui.places import HOME, SIGN_IN, Place
from ui.shared.background import Background
from ui.shared.deletions import Deletions
from ui.shared.state import State


class PictureDevice(Protocol):
    """A device that may keep a picture of somebody's home page."""

    def forget_picture(self) -> None:
        """Removes the picture."""
        ...


class Way(Protocol):
    """Moves the window to another place."""

    async def go(self, place: Place) -> None:
        """Moves to a place."""
        ...

    async def show(self, route: str) -> None:
        """Moves to the place of an address, such as `/records/Account`."""
        ...


class Handover(State):
    """Signs users in and out of a window. One for each window. `begin_anew` is called when the user has changed, before
    anything of theirs is painted; `sign_in_address` is where people sign in.

    `finishing` is whether a sign-in is being finished, `put_off` whether it has to wait for those of many others.
    `adding` is whether another user is about to sign in, beside the one who uses the app.
    """

    def __init__(
        self,
        data: Repositories,
        sign_in_address: str,
        way: Way,
        deletions: Deletions,
        device: PictureDevice,
        background: Background,
        begin_anew: Callable[[], None],
    ) -> None:
        super().__init__()
        self._data = data
        self._session = data.session
        self._sign_in_address = sign_in_address
        self._way = way
        self._deletions = deletions
        self._device = device
        self._background = background
        self._begin_anew = begin_anew
        self._turn = asyncio.Lock()
        self.finishing = False
        self.put_off = False
        self.adding = False
        data.session.ended_by_itself = self._ended
        data.session.followed = self._followed
        data.sign_in.put_off = self._put_off

    async def restore(self) -> None:
        """Takes up the session of an earlier visit, if there is one."""
        await self._session.restore()
        await self._take_over()

    async def finish(self, url: str) -> str:
        """Finishes the sign-in for which Salesforce has sent the browser back to `url`, one at a time. When it fails,
        the session's `failed` says why.

        Returns the address to go on with. The same `url` once more changes nothing.
        """
        was_busy = self._turn.locked()
        async with self._turn:
            is_over = was_busy or self._session.user is not None
            if not is_over or await self._data.sign_in.is_pending(url):
                return await self._finish(url)
        if self._session.user is None:
            return self._sign_in_address
        return self._session.route if was_busy else START  # an address that holds a code is left behind

    async def _finish(self, url: str) -> str:
        self.finishing, self.put_off = True, False
        self.changed()
        try:
            self._session.route = await self._data.sign_in.finish(url)
        except CallError as failed:
            self._session.failed = failed
            return self._sign_in_address
        else:
            await self._take_over()
            return self._session.route
        finally:
            self.finishing = False

    async def add_user(self) -> None:
        """Another user signs in on this device; whoever uses the app stays signed in."""
        await self._deletions.finish()
        self.adding = True
        await self._way.go(SIGN_IN)

    async def switch(self, uid: str) -> None:
        """Another user who is signed in on this device takes over."""
        await self._deletions.finish()
        await self._session.switch(uid)
        await self._take_over()
        await self._way.go(HOME)

    async def waits(self) -> bool:
        """Whether the user has edits that are not in Salesforce yet; what was hidden to be deleted is deleted now."""
        await self._deletions.finish()
        return bool(self._data.queue.all())

    async def sign_out(self, *, everywhere: bool = False, discards: bool = False) -> None:
        """Ends the session on this device, with `everywhere` on all the user's devices. What was shown is removed from
        this device; what was typed and not saved stays for this user, and so do edits that wait to be sent, unless
        `discards` throws them away.

        This device's ends also where the backend cannot be reached. With `everywhere` CallErrors are raised then.
        """
        await self._deletions.finish()
        user = self._session.user
        await self._data.access.sign_out(everywhere=everywhere)
        if discards and user is not None:
            await self._data.queue.clear(user.uid)
        await self._left(user.uid if user else None)

    async def erase(self) -> None:
        """Ends the session, and nothing of the user is left, here or in the backend. Raises CallErrors."""
        await self._deletions.finish()
        user = self._session.user
        await self._data.access.erase()
        if user is not None:
            await asyncio.gather(self._data.drafts.clear(user.uid), self._data.queue.clear(user.uid))
        await self._left(user.uid if user else None)

    async def _left(self, uid: str | None) -> None:
        if uid is not None:
            await self._data.records.forget_user(uid, comes_back=self._session.ended is not None)
            self._device.forget_picture()
        if self._session.ended is None:
            self._session.route = START  # where one was is nobody else's affair
        await self._take_over()
        await self._way.go(SIGN_IN)

    async def _take_over(self) -> None:
        """Opens shelf and drafts of the present user, and begins anew."""
        while True:
            self._deletions.drop()
            user = self._session.user
            uid = None if user is None else user.uid
            # One wait for the device.
            await asyncio.gather(self._data.shelf.open(uid), self._data.drafts.open(uid), self._data.queue.open(uid))
            if self._session.user == user:  # else yet another one has come meanwhile
                break
        self._tidy()
        self._begin_anew()
        if self._data.queue.all():
            self._data.sending.begin()

    def _tidy(self) -> None:
        """Removes drafts of which the queue has all: the window ended between the two."""
        for draft in self._data.drafts.all():
            if self._data.queue.has(draft.key, {**draft.seen, **draft.typed}):
                self._data.drafts.throw_away(draft)

    # What the repositories report

    def _put_off(self) -> None:
        self.put_off = True
        self.changed()

    def _ended(self, uid: str) -> None:
        """The session ended by itself, in the middle of whatever it was."""
        self._background.begin(self._left(uid))

    def _followed(self, is_new: bool) -> None:
        """Another window has signed somebody in or out; `is_new` is whether somebody uses this window by that."""
        if is_new:
            self._background.begin(self._arrive())
        self.changed()

    async def _arrive(self) -> None:
        await self._take_over()
        await self._way.show(self._session.route)
