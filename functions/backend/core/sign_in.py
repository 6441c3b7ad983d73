"""Sign-in: authorization code in, Firebase custom token out, the tokens kept in the vault."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backend.core.connection import Credential, Grant, Secret
from backend.core.stops import KillSwitch
from backend.core.vault import Vault
from contract.calls import LoginHost, SignedIn, SignIn, SignInOptions, User
from contract.errors import OrgUnavailable, Reason, RefusedRequest, SignInFailed


@dataclass(frozen=True, slots=True)
class Identity:
    """Who Salesforce says the user is (userinfo)."""

    name: str
    email: str
    username: str
    photo_url: str | None


class AuthorizationServer(Protocol):
    """Salesforce's OAuth endpoints, seen from sign-in."""

    async def exchange_code(self, login_host: str, code: Secret, code_verifier: Secret, redirect_uri: str) -> Grant:
        """Raises SignInFailed, OrgUnavailable or Misconfigured."""
        ...

    async def identify(self, credential: Credential) -> Identity: ...


class Accounts(Protocol):
    """Firebase Authentication, seen from sign-in."""

    async def custom_token(self, uid: str, org_id: str, user_id: str, session: str) -> str: ...


class Codes(Protocol):
    """Which authorization codes were taken, by their fingerprint."""

    async def claim(self, fingerprint: str) -> bool:
        """False when it was claimed before."""
        ...

    async def give_back(self, fingerprint: str) -> None: ...


class SignInFlow:
    """The first flow. `options` and `redirect_uris` say what this app accepts; `new_id` names a device's session."""

    def __init__(
        self,
        vault: Vault,
        salesforce: AuthorizationServer,
        accounts: Accounts,
        switch: KillSwitch,
        codes: Codes,
        *,
        new_id: Callable[[], str],
        options: SignInOptions,
        redirect_uris: frozenset[str],
    ) -> None:
        self._vault = vault
        self._salesforce = salesforce
        self._accounts = accounts
        self._switch = switch
        self._codes = codes
        self._new_id = new_id
        self._options = options
        self._redirect_uris = redirect_uris

    def options(self) -> SignInOptions:
        """What the app needs to open Salesforce's authorize page."""
        return self._options

    async def sign_in(self, asked: SignIn) -> SignedIn:
        """Exchanges the code, saves the connection, mints the custom token; nothing half stored.

        Raises SignInFailed, ConnectionLost(access-stopped).
        """
        login_host = asked.login_host.lower()
        if not any(allows(known, login_host) for known in self._options.login_hosts):
            raise SignInFailed(Reason.LOGIN_HOST_NOT_ALLOWED)
        if asked.redirect_uri not in self._redirect_uris:
            raise SignInFailed(Reason.REDIRECT_URI_NOT_ALLOWED)
        if not asked.code or not 43 <= len(asked.code_verifier) <= 128:  # RFC 7636 section 4.1
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "code must not be empty; codeVerifier has 43 to 128 characters")
        grant = await self._exchange_once(login_host, asked)
        if grant.refresh_token is None:
            raise SignInFailed(Reason.NO_REFRESH_TOKEN)
        uid, session = f"{grant.org_id}_{grant.user_id}", self._new_id()
        try:
            await self._switch.check_now(uid)
            identity = await self._salesforce.identify(Credential(uid, grant.access_token, grant.instance_url, 0))
            custom_token = await self._accounts.custom_token(uid, grant.org_id, grant.user_id, session)
            replaced = await self._vault.save(grant, uid, login_host, session)
            await self._switch.check_now(uid)  # a kill that begins after this look finds what was saved
        except BaseException:
            # The user will have to sign in again: leave no grant behind that nobody holds.
            await self._vault.revoke_token(login_host, grant.refresh_token)
            raise
        if replaced is not None:
            await self._vault.revoke(replaced)
        user = User(uid, identity.name, identity.email, identity.username, grant.org_id, grant.user_id, identity.photo_url)
        return SignedIn(custom_token, user)

    async def _exchange_once(self, login_host: str, asked: SignIn) -> Grant:
        """A code that comes twice (a double tap, a request that is sent again) never reaches Salesforce a second time: an
        authorization server may then revoke what it gave for the first (RFC 6749 section 4.1.2)."""
        fingerprint = hashlib.sha256(asked.code.encode()).hexdigest()
        if not await self._codes.claim(fingerprint):
            raise SignInFailed(Reason.CODE_REJECTED)
        try:
            return await self._salesforce.exchange_code(login_host, Secret(asked.code), Secret(asked.code_verifier), asked.redirect_uri)
        except OrgUnavailable as passing:
            if passing.reason is Reason.ORG_UNREACHABLE:  # surely not sent
                await self._codes.give_back(fingerprint)
            raise


def allows(known: LoginHost, host: str) -> bool:
    """Whether a login host of the settings covers `host`; `*.my.salesforce.com` covers every My Domain."""
    if known.host.startswith("*."):
        name = host.removesuffix(known.host[1:])
        return name != host and bool(name) and all(c.isalnum() or c in "-." for c in name) and not name.startswith((".", "-"))
    return host == known.host
