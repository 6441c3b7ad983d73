"""Who is signed in: begins and finishes sign-in, keeps the Firebase session over a reload, renews its ID token."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
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
    SignIn,
    SignInOptions,
    SignOut,
    User,
)
from contract.codec import DecodeError, decode, encode
from contract.errors import CallError, ConnectionLost, Misconfigured, OrgUnavailable, Reason, SessionInvalid, SignInFailed
from data.services.backend import Backend
from data.services.device import Device
from data.services.firebase_auth import FirebaseAuth, FirebaseTokens

_SESSION, _PENDING = "session", "pending-sign-in"
PENDING_SECONDS = 600.0  # a sign-in that takes longer is begun again
RENEW_BEFORE = 120.0  # seconds before its end at which an ID token is renewed

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


@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    """A session as it survives a reload."""

    user: User
    firebase: FirebaseProject
    refresh_token: str


class SessionRepository:
    """The only writer of the session. `user` is None while nobody is signed in."""

    def __init__(self, backend: Backend, firebase: FirebaseAuth, device: Device, now: Callable[[], float] = time.time) -> None:
        self._backend = backend
        self._firebase = firebase
        self._device = device
        self._now = now
        self._kept: _Kept | None = None
        self._tokens: FirebaseTokens | None = None
        self._renewing = asyncio.Lock()
        self.ended: CallError | None = None
        self.erased: Erased | None = None

    @property
    def user(self) -> User | None:
        return None if self._kept is None else self._kept.user

    async def options(self) -> SignInOptions:
        """Where one can sign in."""
        return await self._backend.call(GET_SIGN_IN_OPTIONS, Empty())

    async def restore(self) -> None:
        """Takes up the session of an earlier visit, if there is one."""
        kept = await self._device.read(_SESSION)
        if kept:
            try:
                self._kept = decode(_Kept, json.loads(kept))
            except (ValueError, DecodeError):
                await self._device.remove(_SESSION)

    async def begin(self, options: SignInOptions, host: LoginHost) -> None:
        """Opens Salesforce's authorize page (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
        verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        pending = _Pending(state, verifier, host.host, self._device.redirect_uri, options.firebase, self._now())
        await self._device.write(_PENDING, json.dumps(encode(pending)))
        parameters = {
            "response_type": "code",
            "client_id": options.consumer_key,
            "redirect_uri": pending.redirect_uri,
            "scope": options.scope,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        await self._device.open_page(f"{host.scheme}://{host.host}/services/oauth2/authorize?{urlencode(parameters)}")

    async def finish(self, url: str) -> None:
        """Takes what Salesforce brought back to the redirect URI. Raises SignInFailed; a sign-in is finished once only."""
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
        request = SignIn(brought["code"], pending.verifier, pending.redirect_uri, pending.login_host)
        signed_in = await self._backend.call(SIGN_IN, request)
        self._tokens = await self._firebase.sign_in(pending.firebase, signed_in.custom_token)
        await self._keep(_Kept(signed_in.user, pending.firebase, self._tokens.refresh_token))
        self.ended = self.erased = None

    async def id_token(self) -> str:
        """An ID token that is valid for at least two more minutes. Raises SessionInvalid when nobody is signed in."""
        async with self._renewing:
            if self._kept is None:
                raise SessionInvalid(Reason.ID_TOKEN_MISSING)
            if self._tokens is None or self._tokens.expires - RENEW_BEFORE < self._now():
                self._tokens = await self._firebase.renew(self._kept.firebase, self._kept.refresh_token)
                if self._tokens.refresh_token != self._kept.refresh_token:
                    await self._keep(_Kept(self._kept.user, self._kept.firebase, self._tokens.refresh_token))
            return self._tokens.id_token

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
        """Drops the session on this device; `reason` is what the sign-in page will say."""
        self._kept = self._tokens = None
        self.ended = reason
        await self._device.remove(_SESSION)

    async def _keep(self, kept: _Kept) -> None:
        self._kept = kept
        await self._device.write(_SESSION, json.dumps(encode(kept)))

    async def _take_pending(self) -> _Pending | None:
        text = await self._device.read(_PENDING)
        await self._device.remove(_PENDING)
        if not text:
            return None
        try:
            return decode(_Pending, json.loads(text))
        except (ValueError, DecodeError):
            return None


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
