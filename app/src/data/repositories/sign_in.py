"""Signing in: to Salesforce's page and back with a code, which the backend exchanges for a Firebase custom token."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from contract.calls import (
    BEGIN_SIGN_IN,
    GET_SIGN_IN_OPTIONS,
    SIGN_IN,
    Empty,
    FirebaseProject,
    LoginHost,
    SignedIn,
    SignIn,
    SignInOptions,
)
from contract.errors import (
    CallError,
    ConnectionLost,
    Misconfigured,
    OrgUnavailable,
    Reason,
    RefusedRequest,
    SignInFailed,
)
from contract.sign_in import BeginSignIn, Begun
from data.repositories.session import START, SessionRepository
from data.services.backend import Backend
from data.services.device import Device
from data.services.messages import NO_WAY_BACK, SILENT
from data.services.storage import StorageRefused, from_text, to_text

PENDING = "pending-sign-in/"  # begins the keys of sign-ins that are under way, each of which has one of its own
PENDING_SECONDS = 600.0  # a sign-in that takes longer is begun again
BEGIN_SECONDS = 20.0  # for the backend to say what a sign-in is to be bound to, while the person waits at the button
MAX_PENDING = 16  # sign-ins that are under way on one device; more make the oldest of them go
_TRIES = 4  # of a sign-in that the backend puts off because many others fail; the code is good for 15 minutes

# What Salesforce's authorize page sends back instead of a code (Salesforce Help, "OAuth 2.0 Authorization Errors").
_REFUSALS: dict[str, tuple[type[CallError], Reason]] = {
    "access_denied": (SignInFailed, Reason.SIGN_IN_DENIED),
    "OAUTH_AUTHORIZATION_BLOCKED": (SignInFailed, Reason.OTHER_ORG),
    "OAUTH_APP_BLOCKED": (ConnectionLost, Reason.APP_BLOCKED),
    "OAUTH_EC_APP_NOT_FOUND": (ConnectionLost, Reason.APP_NOT_INSTALLED),
    "OAUTH_APPROVAL_ERROR_GENERIC": (ConnectionLost, Reason.APP_NOT_INSTALLED),
    "inactive_user": (ConnectionLost, Reason.USER_INACTIVE),
    "inactive_org": (ConnectionLost, Reason.USER_INACTIVE),
    "invalid_client_id": (Misconfigured, Reason.MISCONFIGURED),
    "invalid_request": (Misconfigured, Reason.MISCONFIGURED),
    "redirect_uri_mismatch": (Misconfigured, Reason.MISCONFIGURED),
    "rate_limit_exceeded": (OrgUnavailable, Reason.ORG_LIMIT),
}


@dataclass(frozen=True, slots=True, repr=False)
class _Pending:
    """A sign-in that is under way, with what proves on the way back that this app began it."""

    state: str
    verifier: str
    login_host: str
    redirect_uri: str
    firebase: FirebaseProject
    begun: float
    route: str = START
    bound_to: str | None = None  # the key of this sign-in, which the backend has sealed (`begun` in the contract)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that came back: where it was made, and the address that it was to go on with."""

    login_host: str
    route: str


class SignInRepository:
    """Begins and finishes sign-ins; the session keeps who is signed in.

    `put_off` is called when the backend makes a sign-in wait because many others fail. `failed` is the sign-in that
    came back last, when it did not work."""

    def __init__(
        self,
        backend: Backend,
        session: SessionRepository,
        device: Device,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._backend = backend
        self._session = session
        self._device = device
        self._now = now
        self._sleep = sleep
        self.put_off: Callable[[], None] = lambda: None
        self.failed: Attempt | None = None

    @property
    def ends_with_the_window(self) -> bool:
        """Whether a sign-in, like all that the device is to keep, lasts only until the window is closed."""
        return self._device.forgets

    async def options(self) -> SignInOptions:
        """The login hosts, and what the app needs to open Salesforce's page. Raises CallErrors."""
        return await self._backend.call(GET_SIGN_IN_OPTIONS, Empty())

    async def begin(
        self,
        options: SignInOptions,
        host: LoginHost,
        *,
        route: str = START,
        username: str | None = None,
        opening: Callable[[], None] = lambda: None,
    ) -> str | None:
        """Opens Salesforce's authorize page (RFC 6749 section 4.1.1, RFC 7636 section 4.3), and has it bind the code to
        the key that the backend made for this sign-in (RFC 9449 section 10). `route` is the address to go on with after
        the sign-in, `username` whom Salesforce's page suggests; `opening` is called when only the page is left to open.
        Returns the address that Salesforce sent back to, for `finish`; None where the app is opened anew with it.
        Raises CallErrors and StorageRefused; TimeoutError where the device waits for the way back itself and nobody
        came back."""
        verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        challenge, back = challenge_of(verifier), self._device.redirect_uri
        begun = await self._begun(BeginSignIn(host.host, back, challenge))
        pending = _Pending(state, verifier, host.host, back, options.firebase, self._now(), route, begun.begun)
        await self._clear_pending()
        await self._device.write(_name_of(state), to_text(pending))
        parameters = {
            "response_type": "code",
            "client_id": options.consumer_key,
            "redirect_uri": pending.redirect_uri,
            "scope": options.scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if begun.dpop_jkt is not None:
            parameters["dpop_jkt"] = begun.dpop_jkt
        if username is not None:
            parameters["login_hint"] = username
        opening()
        try:
            return await self._device.open_sign_in(
                f"{host.scheme}://{host.host}/services/oauth2/authorize?{urlencode(parameters)}"
            )
        except TimeoutError:
            raise
        except OSError:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, NO_WAY_BACK) from None

    async def _begun(self, request: BeginSignIn) -> Begun:
        """What the sign-in is to be bound to; to nothing by a backend that does not know the call yet."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                return await self._backend.call(BEGIN_SIGN_IN, request)
        except TimeoutError:
            raise OrgUnavailable(Reason.ORG_TIMEOUT, SILENT) from None
        except RefusedRequest as refused:
            if refused.reason is not Reason.UNKNOWN_CALL:
                raise
            return Begun()

    async def finish(self, url: str) -> str:
        """Finishes the sign-in to which Salesforce's way back (`url`) belongs, once. Returns the address to go on with.
        Raises CallErrors; SignInFailed(verifier-rejected) for a state that this device did not make up, which changes
        nothing."""
        brought = _brought(url)
        name = _name_of(brought.get("state", ""))
        await self._session.until_the_device_answers()
        pending = from_text(_Pending, await self._device.read(name))
        if pending is None or not hmac.compare_digest(brought["state"].encode(), pending.state.encode()):
            raise SignInFailed(Reason.VERIFIER_REJECTED)
        await self._device.remove(name)
        self.failed = Attempt(pending.login_host, pending.route)  # until it has worked
        if pending.begun + PENDING_SECONDS < self._now():
            raise SignInFailed(Reason.SIGN_IN_EXPIRED)
        if "error" in brought:
            family, reason = _REFUSALS.get(brought["error"], (SignInFailed, Reason.SIGN_IN_BLOCKED))
            raise family(reason)
        if "code" not in brought:
            raise SignInFailed(Reason.CODE_REJECTED)
        request = SignIn(
            brought["code"],
            pending.verifier,
            pending.redirect_uri,
            pending.login_host,
            self._device.name,
            pending.bound_to,
        )
        with self._session.changing():
            signed_in = await self._exchange(request)
            ended = await self._session.take_up(signed_in, pending.firebase, pending.login_host)
        self.failed = None
        return pending.route if ended is None or ended.user.uid == signed_in.user.uid else START

    async def _exchange(self, request: SignIn) -> SignedIn:
        """Sends the code. A backend that is busy with sign-ins that fail has not used the code, and says when to try
        again."""
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
        """Whether this way back belongs to a sign-in that was begun on this device and not finished."""
        return await self._device.read(_name_of(_brought(url).get("state", ""))) is not None

    async def _clear_pending(self) -> None:
        """Makes room for another sign-in: removes those that have become too old, and the oldest when there are too
        many."""
        try:
            values = await self._device.values(PENDING)
        except StorageRefused:
            return
        begun: dict[str, float] = {}
        for name, text in values.items():
            pending = from_text(_Pending, text)
            begun[name] = 0.0 if pending is None else pending.begun
        young = [name for name in begun if abs(self._now() - begun[name]) <= PENDING_SECONDS]
        staying = sorted(young, key=lambda name: begun[name], reverse=True)[: MAX_PENDING - 1]
        for name in begun.keys() - set(staying):
            await self._device.remove(name)


def _brought(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _name_of(state: str) -> str:
    """The key under which a sign-in is kept: made from its state, which cannot be read from it."""
    return PENDING + _digest(state)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 section 4.2)."""
    return _digest(verifier)


def _digest(text: str) -> str:
    """SHA-256, as base64url without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
