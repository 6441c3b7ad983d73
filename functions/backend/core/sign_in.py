"""Sign-in and sign-out: authorization code in, Firebase custom token out, the tokens kept in the vault."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from backend.core.connection import Credential, Grant, Secret
from backend.core.vault import Vault
from contract.calls import LoginHost, SignedIn, SignIn, SignInOptions, User
from contract.errors import CallError, Reason, RefusedRequest, SignInFailed


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

    async def revoke(self, login_host: str, token: Secret) -> None:
        """Raises OrgUnavailable when Salesforce cannot be told."""
        ...


class Accounts(Protocol):
    """Firebase Authentication, seen from sign-in."""

    async def custom_token(self, uid: str, org_id: str, user_id: str) -> str: ...

    async def end_sessions(self, uid: str) -> None: ...


class SignInFlow:
    """The first flow. `login_hosts` and `redirect_uris` are what this app accepts."""

    def __init__(
        self,
        vault: Vault,
        salesforce: AuthorizationServer,
        accounts: Accounts,
        *,
        options: SignInOptions,
        redirect_uris: frozenset[str],
    ) -> None:
        self._vault = vault
        self._salesforce = salesforce
        self._accounts = accounts
        self._options = options
        self._redirect_uris = redirect_uris

    def options(self) -> SignInOptions:
        """What the app needs to open Salesforce's authorize page."""
        return self._options

    async def sign_in(self, asked: SignIn) -> SignedIn:
        """Exchanges the code, saves the connection, mints the custom token. Raises SignInFailed; nothing half stored."""
        login_host = asked.login_host.lower()
        if not any(allows(known, login_host) for known in self._options.login_hosts):
            raise SignInFailed(Reason.LOGIN_HOST_NOT_ALLOWED)
        if asked.redirect_uri not in self._redirect_uris:
            raise SignInFailed(Reason.REDIRECT_URI_NOT_ALLOWED)
        if not asked.code or not 43 <= len(asked.code_verifier) <= 128:  # RFC 7636 section 4.1
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "code must not be empty; codeVerifier has 43 to 128 characters")
        grant = await self._salesforce.exchange_code(login_host, Secret(asked.code), Secret(asked.code_verifier), asked.redirect_uri)
        if grant.refresh_token is None:
            raise SignInFailed(Reason.NO_REFRESH_TOKEN)
        uid = f"{grant.org_id}_{grant.user_id}"
        try:
            identity = await self._salesforce.identify(Credential(uid, grant.access_token, grant.instance_url, 0))
            custom_token = await self._accounts.custom_token(uid, grant.org_id, grant.user_id)
            replaced = await self._vault.save(grant, uid, login_host)
        except BaseException:
            # The user will have to sign in again: leave no grant behind that nobody holds.
            await self._revoke_quietly(login_host, grant.refresh_token)
            raise
        if replaced is not None:
            await self._revoke_quietly(login_host, replaced)
        user = User(uid, identity.name, identity.email, identity.username, grant.org_id, grant.user_id, identity.photo_url)
        return SignedIn(custom_token, user)

    async def sign_out(self, uid: str) -> None:
        """Deletes the connection, revokes the grant at Salesforce and the user's Firebase refresh tokens."""
        forgotten = await self._vault.forget(uid)
        ending = [self._accounts.end_sessions(uid)]
        if forgotten is not None:
            token, login_host = forgotten
            ending.append(self._revoke_quietly(login_host, token))
        await asyncio.gather(*ending)

    async def _revoke_quietly(self, login_host: str, token: Secret) -> None:
        try:
            await self._salesforce.revoke(login_host, token)
        except CallError:
            pass  # the token is gone from the vault either way; Salesforce ends it when it idles out


def allows(known: LoginHost, host: str) -> bool:
    """Whether a login host of the settings covers `host`; `*.my.salesforce.com` covers every My Domain."""
    if known.host.startswith("*."):
        name = host.removesuffix(known.host[1:])
        return name != host and bool(name) and all(c.isalnum() or c in "-." for c in name) and not name.startswith((".", "-"))
    return host == known.host
