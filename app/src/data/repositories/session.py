"""Who is signed in: begins and finishes sign-in, keeps the Firebase session over a reload, renews its ID token."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
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
from data.services.device import Device, StorageRefused
from data.services.firebase_auth import FirebaseAuth, FirebaseTokens

T = TypeVar("T")
_SESSIONS, _PENDING, _ENDED = "sessions", "pending-sign-in", "ended-session"
PENDING_SECONDS = 600.0  # a sign-in that takes longer is begun again
_TRIES = 4  # of a sign-in that the backend puts off because many others fail; the code is good for 15 minutes
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
    """A session as it survives a reload."""

    user: User
    firebase: FirebaseProject
    refresh_token: str
    login_host: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class _Sessions:
    """All users who are signed in on this device; `current` is the uid of the one who uses the app, "" for nobody."""

    current: str
    sessions: tuple[_Kept, ...]


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

    `put_off` is called when a sign-in has to wait, `ended_by_itself` when a session has ended."""

    def __init__(
        self,
        backend: Backend,
        firebase: FirebaseAuth,
        device: Device,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
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
        self.ended: Ended | None = None
        self.failed: CallError | None = None
        self.erased: Erased | None = None
        self.route = "/"
        self.put_off: Callable[[], None] = lambda: None
        self.ended_by_itself: Callable[[str], None] = lambda _uid: None

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
        found = await self._read(_SESSIONS, _Sessions)
        if found is not None:
            self._kept = next((k for k in found.sessions if k.user.uid == found.current), None)
            self._others = tuple(k for k in found.sessions if k is not self._kept)
        if self._kept is None:
            self.ended = await self._read(_ENDED, Ended)

    async def begin(self, options: SignInOptions, host: LoginHost, *, route: str = "/", username: str | None = None) -> str | None:
        """Opens Salesforce's authorize page (RFC 6749 section 4.1.1, RFC 7636 section 4.3); returns the way back when the device
        brings it, for `finish`. `username` is who Salesforce's page expects."""
        verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        pending = _Pending(state, verifier, host.host, self._device.redirect_uri, options.firebase, self._now(), route)
        await self._device.write(_PENDING, json.dumps(encode(pending)))
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
        finished once only."""
        pending = await self._take_pending()
        brought = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if pending is None or not hmac.compare_digest(brought.get("state", "").encode(), pending.state.encode()):
            raise SignInFailed(Reason.VERIFIER_REJECTED)
        if pending.begun + PENDING_SECONDS < self._now():
            raise SignInFailed(Reason.CODE_REJECTED)
        if "error" in brought:
            family, reason = _REFUSALS.get(brought["error"], (SignInFailed, Reason.SIGN_IN_BLOCKED))
            raise family(reason)
        if "code" not in brought:
            raise SignInFailed(Reason.CODE_REJECTED)
        request = SignIn(brought["code"], pending.verifier, pending.redirect_uri, pending.login_host, self._device.name)
        signed_in = await self._exchange(request)
        self._tokens = await self._firebase.sign_in(pending.firebase, signed_in.custom_token)
        user, ended = signed_in.user, self.ended or await self._read(_ENDED, Ended)
        self._others = tuple(k for k in (*self._others, *([self._kept] if self._kept else [])) if k.user.uid != user.uid)
        await self._keep(_Kept(user, pending.firebase, self._tokens.refresh_token, pending.login_host))
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

    async def is_pending(self) -> bool:
        """Whether a sign-in is under way."""
        return await self._device.read(_PENDING) is not None

    async def switch(self, uid: str) -> None:
        """Another user who is signed in on this device takes over."""
        chosen = next(k for k in self._others if k.user.uid == uid)
        self._others = tuple(k for k in (*self._others, *([self._kept] if self._kept else [])) if k is not chosen)
        self._tokens = None
        self.ended = self.failed = self.erased = None
        await self._keep(chosen)

    async def id_token(self) -> str:
        """An ID token that is valid for at least two more minutes. Raises SessionInvalid when nobody is signed in."""
        async with self._renewing:
            while True:
                kept = self._kept
                if kept is None:
                    raise SessionInvalid(Reason.ID_TOKEN_MISSING)
                if self._tokens is not None and self._tokens.expires - RENEW_BEFORE >= self._now():
                    return self._tokens.id_token
                tokens = await self._firebase.renew(kept.firebase, kept.refresh_token)
                if self._kept is not kept:
                    continue  # another user has taken over meanwhile
                self._tokens = tokens
                if tokens.refresh_token != kept.refresh_token:
                    await self._keep(replace(kept, refresh_token=tokens.refresh_token))

    async def sign_out_device(self, device: str) -> None:
        """Ends the session of another device. Raises CallErrors."""
        await self._backend.call(SIGN_OUT, SignOut(device=device), await self.id_token())

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """Ends the session of this device, or of all the user's. Raises CallErrors only when the backend is out of reach."""
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
        self.ended = None
        if reason is not None and kept is not None:
            self.ended = Ended(reason.reason.value, kept.user, kept.login_host, self.route)
            await self._write(_ENDED, self.ended)
        await self._write_sessions()
        if self.ended is not None:
            self.ended_by_itself(self.ended.user.uid)

    async def _keep(self, kept: _Kept) -> None:
        self._kept = kept
        await self._write_sessions()

    async def _write_sessions(self) -> None:
        sessions = (*self._others, *([self._kept] if self._kept else []))
        if sessions:
            await self._write(_SESSIONS, _Sessions("" if self._kept is None else self._kept.user.uid, sessions))
        else:
            await self._device.remove(_SESSIONS)

    async def _write(self, key: str, value: object) -> None:
        """A device that keeps nothing does not keep anyone from working."""
        try:
            await self._device.write(key, json.dumps(encode(value)))
        except StorageRefused:
            return

    async def _read(self, key: str, shape: type[T]) -> T | None:
        text = await self._device.read(key)
        if not text:
            return None
        try:
            return decode(shape, json.loads(text), lenient=True)
        except (ValueError, DecodeError):
            await self._device.remove(key)
            return None

    async def _take_pending(self) -> _Pending | None:
        pending = await self._read(_PENDING, _Pending)
        await self._device.remove(_PENDING)
        return pending


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
