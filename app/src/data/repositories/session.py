"""Who is signed in: begins and finishes sign-in, keeps the Firebase session over a reload, renews its ID token."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from contract.calls import (
    ERASE_ME,
    GET_SIGN_IN_OPTIONS,
    SIGN_IN,
    SIGN_OUT,
    Empty,
    Erased,
    FirebaseProject,
    LoginHost,
    SignedIn,
    SignIn,
    SignInOptions,
    SignOut,
    User,
)
from contract.codec import DecodeError, decode, encode
from contract.errors import CallError, ConnectionLost, Misconfigured, OrgUnavailable, Reason, SessionInvalid, SignInFailed, from_wire
from data.services.backend import Backend
from data.services.device import Device
from data.services.firebase_auth import FirebaseAuth, FirebaseTokens
from data.services.storage import StorageRefused, StorageSilent
from data.services.windows import Windows

T = TypeVar("T")
_SESSIONS, _ENDED = "sessions", "ended-session"
PENDING = "pending-sign-in/"  # begins the keys of sign-ins that are under way, each of which has one of its own
PENDING_SECONDS = 600.0  # a sign-in that takes longer is begun again
MAX_PENDING = 16  # sign-ins that are under way on one device; more make the oldest of them go
_TRIES = 4  # of a sign-in that the backend puts off because many others fail; the code is good for 15 minutes
PAY_SECONDS = 2.0  # before a device that did not keep a session, or does not answer, is asked again; later up to a minute
_LOOKS = 5  # at a device that does not answer, before a start goes on without it
RENEW_BEFORE = 120.0  # seconds before its end at which an ID token is renewed
# A session that ended so needs Salesforce's own page once more, and nothing from an administrator.
ONE_TAP = frozenset({Reason.REFRESH_LOST, Reason.IDLE_TOO_LONG})

# What Salesforce's authorize page sends back instead of a code (Salesforce Help, "OAuth 2.0 Authorization Errors").
_REFUSALS: dict[str, tuple[type[CallError], Reason]] = {
    "access_denied": (SignInFailed, Reason.SIGN_IN_DENIED),
    "OAUTH_AUTHORIZATION_BLOCKED": (SignInFailed, Reason.OTHER_ORG),
    "invalid_client_id": (Misconfigured, Reason.MISCONFIGURED),
    "invalid_request": (Misconfigured, Reason.MISCONFIGURED),
    "redirect_uri_mismatch": (Misconfigured, Reason.MISCONFIGURED),
    "rate_limit_exceeded": (OrgUnavailable, Reason.ORG_LIMIT),
}


@dataclass(frozen=True, slots=True, repr=False)
class _Pending:
    """A sign-in that is under way: what proves on return that this app began it."""

    state: str
    verifier: str
    login_host: str
    redirect_uri: str
    firebase: FirebaseProject
    begun: float
    route: str = "/"


@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    """A session as it survives a reload. `sign_in` is another one for each sign-in: the same user may sign in again."""

    user: User
    firebase: FirebaseProject
    refresh_token: str
    login_host: str = ""
    sign_in: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class _Sessions:
    """All users who are signed in on this device; `current` is the uid of the one who was chosen last, "" for nobody."""

    current: str = ""
    sessions: tuple[_Kept, ...] = ()

    def of(self, uid: str) -> _Kept | None:
        return next((k for k in self.sessions if k.user.uid == uid), None)

    def having(self, kept: _Kept) -> "_Sessions":
        return _Sessions(self.current, (*self.without(kept.user.uid).sessions, kept))

    def without(self, uid: str) -> "_Sessions":
        return _Sessions("" if self.current == uid else self.current, tuple(k for k in self.sessions if k.user.uid != uid))


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that ended by itself: why, whose it was, and on which page. It is kept until somebody signs in."""

    reason: str
    user: User
    login_host: str
    route: str

    @property
    def error(self) -> CallError:
        """Why, in words."""
        return from_wire(self.reason, "", {})

    @property
    def by_one_tap(self) -> bool:
        """Whether Salesforce's page alone brings the session back."""
        return self.reason in ONE_TAP


class SessionRepository:
    """The only writer of the session. `user` is None while nobody uses the app; `route` is the page that the app shows.

    Other windows of the app write the same sessions: each change is made to what is kept on the device at that moment, and each
    window follows the others. Which user this window shows is its own affair, for as long as that user is signed in.

    `put_off` is called when a sign-in has to wait, `ended_by_itself` when this window's session has ended, `followed` when another
    window has changed who else is signed in, with True when somebody now uses this window where nobody did."""

    def __init__(
        self,
        backend: Backend,
        firebase: FirebaseAuth,
        device: Device,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        windows: Windows | None = None,
    ) -> None:
        self._backend = backend
        self._firebase = firebase
        self._device = device
        self._now = now
        self._sleep = sleep
        self._kept: _Kept | None = None
        self._others: tuple[_Kept, ...] = ()
        self._tokens: FirebaseTokens | None = None
        self._renewing = asyncio.Lock()
        self._windows = windows or Windows()
        self._windows.changed = self._hear
        self._hearing: asyncio.Task[None] | None = None
        self._changing = False  # who uses this window is being changed by itself, so it follows nobody
        self._owed: list[Callable[[_Sessions], _Sessions]] = []  # changes that the device has not kept yet
        self._paying: asyncio.Task[None] | None = None
        self.ended: Ended | None = None
        self.failed: CallError | None = None
        self.erased: Erased | None = None
        self.route = "/"
        self.put_off: Callable[[], None] = lambda: None
        self.ended_by_itself: Callable[[str], None] = lambda _uid: None
        self.followed: Callable[[bool], None] = lambda _is_new: None

    @property
    def user(self) -> User | None:
        return None if self._kept is None else self._kept.user

    @property
    def others(self) -> tuple[User, ...]:
        """The other users who are signed in on this device."""
        return tuple(kept.user for kept in self._others)

    async def options(self) -> SignInOptions:
        """Where one can sign in."""
        return await self._backend.call(GET_SIGN_IN_OPTIONS, Empty())

    async def restore(self) -> None:
        """Takes up the session of an earlier visit, if there is one, else why it ended."""
        await self._until_the_device_answers()
        stored = await self._sessions()
        self._use(stored.of(stored.current), stored)
        if self._kept is None:
            self.ended = await self._read(_ENDED, Ended)

    async def follow(self) -> None:
        """Takes over what another window has changed: who has signed in, who has signed out."""
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

    async def begin(self, options: SignInOptions, host: LoginHost, *, route: str = "/", username: str | None = None) -> str | None:
        """Opens Salesforce's authorize page (RFC 6749 section 4.1.1, RFC 7636 section 4.3); returns the way back when the device
        brings it, for `finish`. `username` is who Salesforce's page expects."""
        verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        pending = _Pending(state, verifier, host.host, self._device.redirect_uri, options.firebase, self._now(), route)
        await self._clear_pending()
        await self._device.write(_name_of(state), json.dumps(encode(pending)))
        parameters = {
            "response_type": "code",
            "client_id": options.consumer_key,
            "redirect_uri": pending.redirect_uri,
            "scope": options.scope,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        } | ({} if username is None else {"login_hint": username})
        return await self._device.open_sign_in(f"{host.scheme}://{host.host}/services/oauth2/authorize?{urlencode(parameters)}")

    async def finish(self, url: str) -> str:
        """Takes what Salesforce brought back to the redirect URI; returns the page to go on with. Raises SignInFailed; a sign-in is
        finished once only. An address with a state that this device did not make up changes nothing."""
        brought = _brought(url)
        name = _name_of(brought.get("state", ""))
        await self._until_the_device_answers()
        pending = await self._read(name, _Pending)
        if pending is None or not hmac.compare_digest(brought["state"].encode(), pending.state.encode()):
            raise SignInFailed(Reason.VERIFIER_REJECTED)
        await self._device.remove(name)
        if pending.begun + PENDING_SECONDS < self._now():
            raise SignInFailed(Reason.CODE_REJECTED)
        if "error" in brought:
            family, reason = _REFUSALS.get(brought["error"], (SignInFailed, Reason.SIGN_IN_BLOCKED))
            raise family(reason)
        if "code" not in brought:
            raise SignInFailed(Reason.CODE_REJECTED)
        request = SignIn(brought["code"], pending.verifier, pending.redirect_uri, pending.login_host, self._device.name)
        with self._changes():
            signed_in = await self._exchange(request)
            tokens = await self._firebase.sign_in(pending.firebase, signed_in.custom_token)
            user, ended = signed_in.user, self.ended or await self._read(_ENDED, Ended)
            kept = _Kept(user, pending.firebase, tokens.refresh_token, pending.login_host, secrets.token_urlsafe(8))
            self._use(kept, await self._change(lambda stored: replace(stored.having(kept), current=user.uid)))
            self._tokens = tokens
        await self._device.remove(_ENDED)
        self.ended = self.failed = self.erased = None
        return pending.route if ended is None or ended.user.uid == user.uid else "/"

    async def _exchange(self, request: SignIn) -> SignedIn:
        """Sends the code; a backend that is busy with sign-ins that fail says when to come again, and has not used the code."""
        for left in reversed(range(_TRIES)):
            try:
                return await self._backend.call(SIGN_IN, request)
            except SignInFailed as failed:
                wait = failed.details.get("retryAfter")
                if failed.reason is not Reason.TOO_MANY_SIGN_INS or not isinstance(wait, int) or not left:
                    raise
                self.put_off()
                await self._sleep(min(wait, 60) + secrets.randbelow(2000) / 1000)  # not all at the same moment
        raise AssertionError

    async def is_pending(self, url: str) -> bool:
        """Whether this way back is that of a sign-in that was begun on this device and not finished."""
        return await self._device.read(_name_of(_brought(url).get("state", ""))) is not None

    async def switch(self, uid: str) -> None:
        """Another user who is signed in on this device takes over."""
        stored = await self._change(lambda stored: stored if stored.of(uid) is None else replace(stored, current=uid))
        chosen = stored.of(uid)
        if chosen is None:
            await self._follow(stored)  # another window has signed them out
            return
        self._use(chosen, stored)
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

    async def sign_out_device(self, device: str) -> None:
        """Ends the session of another device. Raises CallErrors."""
        await self._backend.call(SIGN_OUT, SignOut(device=device), await self.id_token())

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """Ends the session of this device, or of all the user's. Raises CallErrors only when the backend is out of reach."""
        if self._kept is None:
            return
        await self.follow()
        try:
            await self._backend.call(SIGN_OUT, SignOut(everywhere), await self.id_token())
        except (SessionInvalid, ConnectionLost):
            pass  # it had ended already
        await self.forget()

    async def erase(self) -> None:
        """Has all that this app keeps of the user erased; `erased` is the receipt. Raises CallErrors."""
        erased = await self._backend.call(ERASE_ME, Empty(), await self.id_token())
        await self.forget()
        self.erased = erased

    async def forget(self, reason: CallError | None = None) -> None:
        """Drops the session on this device. With a reason it ended by itself: the sign-in page will say why, and lead back here."""
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

        with self._changes():
            stored = await self._change(without)
            self._use(stored.of(uid), stored)
        if reason is not None and self._kept is None:
            self.ended_by_itself(uid)
        elif reason is not None:
            self.ended = None
            await self._device.remove(_ENDED)

    async def _keep_renewed(self, kept: _Kept, renewed: _Kept) -> None:
        """Keeps another refresh token, unless this session has been ended or begun anew in another window."""
        stored = await self._change(lambda stored: stored.having(renewed) if stored.of(kept.user.uid) == kept else stored)
        if self._kept == kept:
            await self._follow(stored)

    @contextmanager
    def _changes(self) -> Generator[None]:
        """What the block does changes who uses this window; meanwhile it follows nobody."""
        self._changing = True
        try:
            yield
        finally:
            self._changing = False

    def _use(self, kept: _Kept | None, stored: _Sessions) -> None:
        """From now on this window shows this user."""
        if kept is None or self._kept is None or kept.sign_in != self._kept.sign_in or kept.user.uid != self._kept.user.uid:
            self._tokens = None
        self._kept = kept
        self._others = tuple(k for k in stored.sessions if kept is None or k.user.uid != kept.user.uid)

    async def _change(self, change: Callable[[_Sessions], _Sessions]) -> _Sessions:
        """Changes what is kept on the device now, and not what this window remembers of it; what is kept afterwards."""
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
        """Whether the device has kept them."""
        return await self._write(_SESSIONS, sessions) if sessions.sessions else await self._device.remove(_SESSIONS)

    async def _pay(self) -> None:
        """Repeats the changes that the device has not kept, over what it holds by then, until it has."""
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

    async def _until_the_device_answers(self) -> None:
        """Who is signed in is not decided by an answer that is only late."""
        for _ in range(_LOOKS):
            try:
                await self._device.look(_SESSIONS)
                return
            except StorageSilent:
                await asyncio.sleep(PAY_SECONDS)
            except StorageRefused:
                return

    async def _kept_sessions(self) -> _Sessions:
        """As they are kept on the device, with what it still has to keep. Raises StorageRefused."""
        kept = await self._decoded(_SESSIONS, await self._device.look(_SESSIONS), _Sessions) or _Sessions()
        for change in self._owed:
            kept = change(kept)
        return kept

    async def _sessions(self) -> _Sessions:
        """As they are kept on the device; as this window has them where the device cannot be read."""
        try:
            return await self._kept_sessions()
        except StorageRefused:
            pass
        mine = () if self._kept is None else (self._kept,)
        return _Sessions(mine[0].user.uid if mine else "", (*self._others, *mine))

    async def _write(self, key: str, value: object) -> bool:
        """Whether the device has kept it; one that keeps nothing does not keep anyone from working."""
        try:
            await self._device.write(key, json.dumps(encode(value)))
        except StorageRefused:
            return False
        return True

    async def _read(self, key: str, shape: type[T]) -> T | None:
        return await self._decoded(key, await self._device.read(key), shape)

    async def _decoded(self, key: str, text: str | None, shape: type[T]) -> T | None:
        if not text:
            return None
        try:
            return decode(shape, json.loads(text), lenient=True)
        except (ValueError, DecodeError):
            await self._device.remove(key)
            return None

    async def _clear_pending(self) -> None:
        """Makes room for another sign-in: those that nobody will finish any more go, and the oldest of too many."""
        try:
            values = await self._device.values(PENDING)
        except StorageRefused:
            return
        begun: dict[str, float] = {}
        for name, text in values.items():
            try:
                begun[name] = decode(_Pending, json.loads(text), lenient=True).begun
            except (ValueError, DecodeError):
                begun[name] = 0.0
        young = [name for name in begun if abs(self._now() - begun[name]) <= PENDING_SECONDS]
        staying = sorted(young, key=lambda name: begun[name], reverse=True)[: MAX_PENDING - 1]
        for name in begun.keys() - set(staying):
            await self._device.remove(name)


def _brought(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _name_of(state: str) -> str:
    """The key under which a sign-in is kept: it is found by its state, and does not tell it."""
    return PENDING + _digest(state)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 section 4.2)."""
    return _digest(verifier)


def _digest(text: str) -> str:
    """SHA-256, as base64url without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
