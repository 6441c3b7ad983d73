"""Who is signed in: keeps the Firebase session over a reload and in step with other windows, renews its ID token."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from contract.calls import Erased, FirebaseProject, SignedIn, User
from contract.errors import CallError, Reason, SessionInvalid, from_wire
from data.repositories.sign_outs import Parting
from data.services.device import Device
from data.services.firebase_auth import FirebaseAuth, FirebaseTokens
from data.services.storage import StorageRefused, StorageSilent, from_text, to_text
from data.services.windows import Windows

T = TypeVar("T")
_SESSIONS, _ENDED = "sessions", "ended-session"
START = "/"  # the address of the page on which one begins
# Before a device that did not keep a session, or does not answer, is asked again; later up to a minute.
PAY_SECONDS = 2.0
_LOOKS = 5  # at a device that does not answer, before a start goes on without it
RENEW_BEFORE = 120.0  # seconds before its end at which an ID token is renewed
# A session that ended so needs Salesforce's own page once more, and nothing from an administrator.
ONE_TAP = frozenset({Reason.REFRESH_LOST, Reason.IDLE_TOO_LONG})


@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    """A session as it survives a reload. `sign_in` is a new id for each sign-in, because the same user may sign in
    again."""

    user: User
    firebase: FirebaseProject
    refresh_token: str
    login_host: str = ""
    sign_in: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class _Sessions:
    """All users who are signed in on this device; `current` is the uid of the one who was chosen last, "" for
    nobody.
    """

    current: str = ""
    sessions: tuple[_Kept, ...] = ()

    def of(self, uid: str) -> _Kept | None:
        return next((k for k in self.sessions if k.user.uid == uid), None)

    def having(self, kept: _Kept) -> "_Sessions":
        return _Sessions(self.current, (*self.without(kept.user.uid).sessions, kept))

    def without(self, uid: str) -> "_Sessions":
        return _Sessions(
            "" if self.current == uid else self.current, tuple(k for k in self.sessions if k.user.uid != uid)
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that ended by itself: the reason (a word of the contract), whose session it was, where they had signed
    in, and the address of the page they were on. It is kept until somebody signs in."""

    reason: str
    user: User
    login_host: str
    route: str

    @property
    def error(self) -> CallError:
        """The reason as an error, whose message people can read."""
        return from_wire(self.reason, "", {})

    @property
    def by_one_tap(self) -> bool:
        """Whether the person can go on by opening Salesforce's page once more; False where an administrator may have to
        act first."""
        return self.reason in ONE_TAP


class SessionRepository:
    """The only writer of the session. `user` is None while nobody uses the app; `route` is the address of the page that
    the app shows.

    Other windows of the app write the same sessions: each change is made to what the device has at that moment, and
    each window follows the others. Which of the signed-in users a window shows is up to that window.

    `ended` is the session that ended by itself last, `failed` why a sign-in failed, `erased` the receipt of an erasure.
    `ended_by_itself` is called with the user's uid after this window's session has ended. `followed` is called after
    another window has signed somebody in or out, with True when this window has a user by that and had none before."""

    def __init__(
        self,
        firebase: FirebaseAuth,
        device: Device,
        windows: Windows,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._firebase = firebase
        self._device = device
        self._now = now
        self._kept: _Kept | None = None
        self._others: tuple[_Kept, ...] = ()
        self._tokens: FirebaseTokens | None = None
        self._renewing = asyncio.Lock()
        self._windows = windows
        self._windows.changed = self._hear
        self._hearing: asyncio.Task[None] | None = None
        self._changing = 0  # how often who uses this window is being changed by itself, so that it follows nobody
        self._owed: list[Callable[[_Sessions], _Sessions]] = []  # changes that the device has not kept yet
        self._paying: asyncio.Task[None] | None = None
        self.ended: Ended | None = None
        self.failed: CallError | None = None
        self.erased: Erased | None = None
        self.route = START
        self.ended_by_itself: Callable[[str], None] = lambda _uid: None
        self.followed: Callable[[bool], None] = lambda _is_new: None

    @property
    def user(self) -> User | None:
        """Who uses this window; None for nobody."""
        return None if self._kept is None else self._kept.user

    @property
    def others(self) -> tuple[User, ...]:
        """The other users who are signed in on this device."""
        return tuple(kept.user for kept in self._others)

    @property
    def sign_in(self) -> str:
        """An id of the sign-in of the user who uses this window, a new one for each sign-in; "" while nobody uses
        it."""
        return "" if self._kept is None else self._kept.sign_in

    @property
    def parting(self) -> Parting | None:
        """With what the backend can be told later that this session was signed out; None while nobody uses this
        window."""
        kept = self._kept
        return None if kept is None else Parting(kept.firebase, kept.refresh_token, self._now())

    async def restore(self) -> None:
        """Takes up the session of an earlier visit; when there is none, reads why the last one ended."""
        stored = await self._answered() or await self._sessions()
        self._use(stored.of(stored.current), stored)
        if self._kept is None:
            self.ended = await self._read(_ENDED, Ended)

    async def follow(self) -> None:
        """Takes over which users other windows have signed in and out."""
        async with self._windows.alone():
            await self._follow(await self._sessions())

    async def _follow(self, stored: _Sessions) -> None:
        before = self._kept
        if before is None:
            now = stored.of(stored.current)
            if now is not None and (self._changing or (self.ended is not None and self.ended.user.uid != now.user.uid)):
                now = None  # this window waits for somebody else
        else:
            now = stored.of(before.user.uid)
        self._use(now, stored)
        if before is not None and now is None:
            ended, uid = await self._read(_ENDED, Ended), before.user.uid
            self.ended = replace(ended, route=self.route) if ended is not None and ended.user.uid == uid else None
            self.ended_by_itself(uid)
        else:
            if before is None and now is not None:
                self.ended = self.failed = self.erased = None
            self.followed(before is None and now is not None)

    def _hear(self) -> None:
        self._hearing = asyncio.create_task(self.follow())

    async def take_up(self, signed_in: SignedIn, firebase: FirebaseProject, login_host: str) -> Ended | None:
        """Signs in to Firebase Authentication with the custom token. From then on the user uses this window. Returns
        the session that had ended here by itself before, None when none had. Raises CallErrors."""
        tokens = await self._firebase.sign_in(firebase, signed_in.custom_token)
        user, ended = signed_in.user, self.ended or await self._read(_ENDED, Ended)
        kept = _Kept(user, firebase, tokens.refresh_token, login_host, secrets.token_urlsafe(8))
        self._use(kept, await self._change(lambda stored: replace(stored.having(kept), current=user.uid)))
        self._tokens = tokens
        await self._device.remove(_ENDED)
        self.ended = self.failed = self.erased = None
        return ended

    async def switch(self, uid: str) -> None:
        """Gives this window to another user who is signed in on this device, by uid. When another window has signed
        that user out, this window follows it instead."""
        stored = await self._change(lambda stored: stored if stored.of(uid) is None else replace(stored, current=uid))
        chosen = stored.of(uid)
        if chosen is None:
            await self._follow(stored)  # another window has signed them out
            return
        self._use(chosen, stored)
        await self._device.remove(_ENDED)
        self.ended = self.failed = self.erased = None

    async def id_token(self) -> str:
        """An ID token that is valid for at least two more minutes. Raises SessionInvalid when nobody is signed in."""
        async with self._renewing:
            while True:
                kept = self._kept
                if kept is None:
                    raise SessionInvalid(Reason.ID_TOKEN_MISSING)
                if self._tokens is not None and self._tokens.expires - RENEW_BEFORE >= self._now():
                    return self._tokens.id_token
                try:
                    tokens = await self._firebase.renew(kept.firebase, kept.refresh_token)
                except SessionInvalid:
                    await self.follow()
                    if self._kept is None or self._kept == kept:
                        raise
                    continue  # they have signed in again in another window
                if self._kept != kept:
                    continue  # another user has taken over meanwhile
                self._tokens = tokens
                if tokens.refresh_token != kept.refresh_token:
                    await self._keep_renewed(kept, replace(kept, refresh_token=tokens.refresh_token))

    async def forget(self, reason: CallError | None = None) -> None:
        """Ends this window's session on this device.

        With a reason it has ended by itself: the reason is kept in `ended`, with the page to go back to."""
        with self.changing():
            await self._forget(reason)

    async def _forget(self, reason: CallError | None) -> None:
        kept, self._kept, self._tokens = self._kept, None, None
        if kept is None:
            return
        uid, self.ended = kept.user.uid, None
        if reason is not None:
            self.ended = Ended(reason.reason.value, kept.user, kept.login_host, self.route)
            await self._write(_ENDED, self.ended)

        def without(stored: _Sessions) -> _Sessions:
            mine = stored.of(uid)
            has_signed_in_again = mine is not None and mine.sign_in != kept.sign_in
            return stored if reason is not None and has_signed_in_again else stored.without(uid)

        stored = await self._change(without)
        self._use(stored.of(uid), stored)
        if reason is not None and self._kept is None:
            self.ended_by_itself(uid)
        elif reason is not None:
            self.ended = None
            await self._device.remove(_ENDED)

    def leaving(self) -> Callable[[], Awaitable[None]]:
        """Returns what ends the present session when it is called later. By then another user may use this window, or
        the same user may have signed in again: their session stays."""
        kept = self._kept

        def without(stored: _Sessions) -> _Sessions:
            return (
                stored
                if kept is None or not _is_same(stored.of(kept.user.uid), kept)
                else stored.without(kept.user.uid)
            )

        async def leave() -> None:
            if kept is not None and _is_same(self._kept, kept):
                await self.forget()
            else:
                self._use(self._kept, await self._change(without))

        return leave

    async def _keep_renewed(self, kept: _Kept, renewed: _Kept) -> None:
        """Keeps another refresh token, unless this session has been ended or begun anew in another window."""
        stored = await self._change(
            lambda stored: stored.having(renewed) if stored.of(kept.user.uid) == kept else stored
        )
        if self._kept == kept:
            await self._follow(stored)

    @contextmanager
    def changing(self) -> Generator[None]:
        """A block that changes who uses this window. Other windows' sign-ins do not change it meanwhile."""
        self._changing += 1
        try:
            yield
        finally:
            self._changing -= 1

    def _use(self, kept: _Kept | None, stored: _Sessions) -> None:
        """Shows this user in this window from now on; None for nobody."""
        if (
            kept is None
            or self._kept is None
            or kept.sign_in != self._kept.sign_in
            or kept.user.uid != self._kept.user.uid
        ):
            self._tokens = None
        self._kept = kept
        self._others = tuple(k for k in stored.sessions if kept is None or k.user.uid != kept.user.uid)

    async def _change(self, change: Callable[[_Sessions], _Sessions]) -> _Sessions:
        """Makes a change to the sessions as the device has them now, and tells the other windows. Returns them as they
        are afterwards."""
        async with self._windows.alone():
            stored = await self._sessions()
            changed = change(stored)
            self._owed.append(change)
            if await self._store(changed):
                self._owed.clear()
            elif self._paying is None or self._paying.done():
                self._paying = asyncio.create_task(self._pay())
        if changed != stored:
            self._windows.tell()
        return changed

    async def _store(self, sessions: _Sessions) -> bool:
        """Writes the sessions to the device. Returns whether it has kept them."""
        return await self._write(_SESSIONS, sessions) if sessions.sessions else await self._device.remove(_SESSIONS)

    async def _pay(self) -> None:
        """Makes the changes that the device has not kept once more, to what it has by then, until it keeps them."""
        wait = PAY_SECONDS
        while self._owed:
            await asyncio.sleep(wait)
            wait = min(2 * wait, 60.0)
            async with self._windows.alone():
                try:
                    if await self._store(await self._kept_sessions()):
                        self._owed.clear()
                except StorageRefused:
                    continue
        self._windows.tell()

    async def until_the_device_answers(self) -> None:
        """Waits for a device that is slow to answer, so that nobody counts as signed out only because of that. It
        returns after _LOOKS tries at the latest."""
        await self._answered()

    async def _answered(self) -> _Sessions | None:
        """The sessions as the device has them, once it answers; None for one that does not, or refuses."""
        for _ in range(_LOOKS):
            try:
                return await self._kept_sessions()
            except StorageSilent:
                await asyncio.sleep(PAY_SECONDS)
            except StorageRefused:
                return None
        return None

    async def _kept_sessions(self) -> _Sessions:
        """The sessions as the device has them, with the changes that it still has to keep. Raises StorageRefused."""
        kept = await self._decoded(_SESSIONS, await self._device.look(_SESSIONS), _Sessions) or _Sessions()
        for change in self._owed:
            kept = change(kept)
        return kept

    async def _sessions(self) -> _Sessions:
        """The sessions as the device has them; as this window has them when the device cannot be read."""
        try:
            return await self._kept_sessions()
        except StorageRefused:
            pass
        mine = () if self._kept is None else (self._kept,)
        return _Sessions(mine[0].user.uid if mine else "", (*self._others, *mine))

    async def _write(self, key: str, value: object) -> bool:
        """Keeps a value. Returns whether the device has kept it; one that refuses is no error."""
        try:
            await self._device.write(key, to_text(value))
        except StorageRefused:
            return False
        return True

    async def _read(self, key: str, shape: type[T]) -> T | None:
        return await self._decoded(key, await self._device.read(key), shape)

    async def _decoded(self, key: str, text: str | None, shape: type[T]) -> T | None:
        if not text:
            return None
        value = from_text(shape, text)
        if value is None:
            await self._device.remove(key)
        return value


def _is_same(one: _Kept | None, other: _Kept) -> bool:
    """Whether both are of one sign-in; the refresh token may have been renewed between them."""
    return one is not None and (one.user.uid, one.sign_in) == (other.user.uid, other.sign_in)
