"""Sign-in: authorization code in, Firebase custom token out, the tokens kept in the vault."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import msgspec

from backend import deadline, hosts
from backend.connections.audit import Event
from backend.connections.blocks import BlockList
from backend.connections.connection import (
    Connection,
    Device,
    Grant,
    State,
    TokenResponse,
    blocked,
    without_device,
)
from backend.connections.tombstones import Tombstone
from backend.connections.vault import Vault
from backend.failures import CodeRefused, NotSent, StoreUnavailable
from backend.sign_in.attempts import Attempts, possible
from backend.sign_in.begin import Beginnings, Offered
from backend.sign_in.claims import Claims, Codes
from backend.values import Caller, Secret, Uid, Visitor
from contract.calls import Empty, SignedIn, SignIn, SignInOptions, User
from contract.errors import ConnectionLost, Reason, RefusedRequest, SignInFailed
from contract.sign_in import BeginSignIn, Begun

_IMPOSSIBLE = (
    "code is what Salesforce brought back, decoded; codeVerifier has 43 to 128 letters, digits and -._~ (RFC 7636)"
)
_NOBODY = Caller(Uid.of("0" * 18, "0" * 18), "")  # no org and no user of Salesforce has such an id
CLEAN_UP_SECONDS = 3.0  # for revoking a grant after a sign-in that failed, also when the call's own time is over


class UserInfo(msgspec.Struct, frozen=True):
    """Who Salesforce says the user is (OpenID Connect userinfo)."""

    name: str
    email: str
    username: str
    photo_url: str | None


class AuthorizationServer(Protocol):
    """Salesforce's OAuth endpoints, as sign-in needs them."""

    async def exchange_code(
        self, login_host: str, code: Secret, code_verifier: Secret, redirect_uri: str, key: Secret | None = None
    ) -> TokenResponse:
        """The tokens for an authorization code, bound to `key` where there is one. Raises SignInFailed, OrgUnavailable
        (NotSent when no connection came about) or Misconfigured.
        """
        ...

    async def userinfo(self, grant: Grant) -> UserInfo:
        """The user of an access token. Raises SignInFailed, OrgUnavailable."""
        ...


class FirebaseAccounts(Protocol):
    """Firebase Authentication, as sign-in needs it."""

    async def custom_token(self, caller: Caller) -> str:
        """A token with which `caller` signs in to Firebase. Raises Misconfigured."""
        ...


class SignInFlow:
    """The first flow. `options` has the login hosts that are allowed, `redirect_uris` the redirect URIs; `new_id` makes
    the random id of a device.
    """

    def __init__(
        self,
        vault: Vault,
        salesforce: AuthorizationServer,
        firebase: FirebaseAccounts,
        blocks: BlockList,
        codes: Codes,
        attempts: Attempts,
        beginnings: Beginnings,
        *,
        new_id: Callable[[], str],
        options: SignInOptions,
        redirect_uris: frozenset[str],
    ) -> None:
        self._vault = vault
        self._salesforce = salesforce
        self._firebase = firebase
        self._blocks = blocks
        self._codes = Claims(codes)
        self._attempts = attempts
        self._beginnings = beginnings
        self._new_id = new_id
        self._options = options
        self._redirect_uris = redirect_uris
        self._may_sign, self._asking = False, asyncio.Lock()
        self._has_sandboxes = any(allowed.host == hosts.SANDBOX for allowed in options.login_hosts)

    async def options(self, _visitor: Visitor, _: Empty) -> SignInOptions:
        """What the app needs to open Salesforce's authorize page."""
        return self._options

    async def begin(self, visitor: Visitor, request: BeginSignIn) -> Begun:
        """A key for the sign-in that is about to begin. Raises SignInFailed, RefusedRequest; Misconfigured when the
        sign-in would fail at its end, because this process may not mint custom tokens.
        """
        login_host = self._login_host(request.login_host)
        if request.redirect_uri not in self._redirect_uris:
            raise SignInFailed(Reason.REDIRECT_URI_NOT_ALLOWED)
        self._attempts.begin(visitor)
        await self._check_signing()
        return self._beginnings.begin(login_host, request.redirect_uri, request.code_challenge)

    async def _check_signing(self) -> None:
        """Mints a custom token for nobody, until that has worked once in this process; nobody gets it."""
        async with self._asking:
            if not self._may_sign:
                await self._firebase.custom_token(_NOBODY)
                self._may_sign = True

    async def sign_in(self, visitor: Visitor, request: SignIn) -> SignedIn:
        """Exchanges the code, identifies the user, mints the custom token and stores the connection, in this order;
        when a step fails before it is stored, the grant is revoked.

        Whoever calls may go away at any moment: the sign-in that has begun goes on by itself, and ends by giving up
        its grant; when it was being stored already, by signing out the device that nobody has.

        Raises SignInFailed, RefusedRequest, ConnectionLost(access-stopped), OrgUnavailable, Misconfigured.
        """
        caller_left, device = asyncio.Event(), self._new_id()
        work = asyncio.create_task(self._sign_in(visitor, request, device, caller_left))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            caller_left.set()
            work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for it any more
            if work.done() and not work.cancelled() and work.exception() is None:  # it came too late to be taken back
                await self._sign_out(Uid(work.result().user.uid), device)
            raise

    async def _sign_in(self, visitor: Visitor, request: SignIn, device: str, caller_left: asyncio.Event) -> SignedIn:
        login_host = self._login_host(request.login_host)
        if request.redirect_uri not in self._redirect_uris:
            raise SignInFailed(Reason.REDIRECT_URI_NOT_ALLOWED)
        if not possible(request.code, request.code_verifier):
            raise RefusedRequest(Reason.MALFORMED_REQUEST, _IMPOSSIBLE)
        offered = self._beginnings.opened(request.begun, login_host, request.redirect_uri, request.code_verifier)
        response = await self._exchange(visitor, login_host, request, offered)
        if response.refresh_token is None:
            raise SignInFailed(Reason.NO_REFRESH_TOKEN)
        key = offered.key if offered is not None and response.bound else None
        uid, grant = response.uid, Grant.of(response, login_host, key)
        held: Tombstone | None = None
        saving = False
        try:
            self._beginnings.check(is_bound=key is not None)
            held = await self._vault.revocation.hold(grant)
            await self._blocks.check_now(uid)
            userinfo = await self._salesforce.userinfo(grant)
            custom_token = await self._firebase.custom_token(Caller(uid, device))
            if caller_left.is_set():
                raise asyncio.CancelledError
            saving = True
            replaced = await self._vault.save(uid, grant, Device.called(device, request.device_name), held)
        except BaseException:
            # The user will have to sign in again: leave no grant behind that nobody holds.
            with deadline.within(CLEAN_UP_SECONDS):
                if held is None:
                    await self._vault.revocation.give_up(grant)
                else:
                    await self._vault.revocation.let_go(held)
            if saving:  # it may have arrived without an answer
                await self._sign_out(uid, device)
            raise
        try:
            await self._refuse_blocked(uid)
        finally:
            if replaced is not None:
                await self._vault.settle(replaced)
            if caller_left.is_set():
                await self._sign_out(uid, device)
        return SignedIn(custom_token, _user(uid, userinfo))

    async def _sign_out(self, uid: Uid, device: str) -> None:
        """Takes back a device whose app was never told that it is signed in, as far as the store can be reached: it
        could never be signed out, so that the connection would outlive the sign-out of all others.
        """

        def is_last(connection: Connection) -> bool:
            return set(connection.devices) == {device}

        with deadline.within(CLEAN_UP_SECONDS), suppress(Exception):
            while (stored := await self._vault.read(uid)) is not None and device in stored.devices:
                removed = await self._vault.remove(
                    uid, Event.REVOCATION, by="backend", reason="signed-out", only=is_last
                )
                if removed is not None:
                    await self._vault.settle(removed)
                else:
                    await self._vault.change(uid, lambda c: None if is_last(c) else without_device(c, device))

    async def _refuse_blocked(self, uid: Uid) -> None:
        """Ends what was saved after a block had gone by; a block that begins after this look finds it by itself."""
        try:
            await self._blocks.check_now(uid)
        except ConnectionLost as stopped:
            given_up = await self._vault.end(
                uid,
                lambda c: None if c.state is State.REVOKED else blocked(c),
                Event.BLOCK,
                by="backend",
                reason=stopped.reason.value,
            )
            if given_up is not None:
                await self._vault.settle(given_up)
            raise

    def _login_host(self, asked: str) -> str:
        """As the settings write it, so that the path of a site has their letters. Raises SignInFailed."""
        asked = asked.lower()
        for pattern in (allowed.host for allowed in self._options.login_hosts):
            if hosts.allows(pattern, asked):
                return asked if pattern.startswith("*.") else pattern
        raise SignInFailed(Reason.LOGIN_HOST_NOT_ALLOWED)

    async def _exchange(
        self, visitor: Visitor, login_host: str, request: SignIn, offered: Offered | None
    ) -> TokenResponse:
        """The tokens for a code, within the budget of sign-ins that may fail.

        An App Check token that comes a second time is nobody's sign-in: it is refused before it counts for anything.
        """
        token = visitor.attestation
        if token is not None and not await self._codes.claim(token):
            raise RefusedRequest(Reason.NOT_THE_APP)
        try:
            with self._attempts.one(visitor, login_host, request.code) as attempt:
                response = await self._exchange_once(login_host, request, offered)
                attempt.succeeded = True
                return response
        except NotSent:
            with suppress(StoreUnavailable):
                if token is not None:
                    await self._codes.give_back(token)
            raise

    async def _exchange_once(self, login_host: str, request: SignIn, offered: Offered | None) -> TokenResponse:
        """The tokens for a code and a key that have not come before.

        A code that comes twice (a double tap, a repeated request) is not sent to Salesforce a second time: an
        authorization server may then revoke what it gave for the first (RFC 6749 section 4.1.2).
        """
        claimed = hashlib.sha256(request.code.encode()).hexdigest()
        if not await self._codes.claim(claimed):
            raise SignInFailed(Reason.CODE_REJECTED)
        if offered is not None and not await self._codes.claim(offered.fingerprint):
            raise SignInFailed(Reason.SIGN_IN_EXPIRED)
        code, verifier, key = Secret(request.code), Secret(request.code_verifier), offered and offered.key
        try:
            return await self._salesforce.exchange_code(login_host, code, verifier, request.redirect_uri, key)
        except CodeRefused:
            # Salesforce's page for production leads to a sandbox too, whose codes production does not know.
            if login_host == hosts.PRODUCTION and self._has_sandboxes:
                raise SignInFailed(Reason.CODE_REJECTED_IN_PRODUCTION) from None
            raise
        except NotSent:
            with suppress(StoreUnavailable):  # what the user is to know is that Salesforce was out of reach
                await self._codes.give_back(claimed)
                if offered is not None:
                    await self._codes.give_back(offered.fingerprint)
            raise


def _user(uid: Uid, userinfo: UserInfo) -> User:
    return User(str(uid), userinfo.name, userinfo.email, userinfo.username, uid.org_id, uid.user_id, userinfo.photo_url)
