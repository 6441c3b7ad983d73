"""Salesforce's OAuth endpoints: token (authorization code and refresh token), introspect, revoke, userinfo.

Sources: Salesforce Help "OAuth 2.0 Web Server Flow for Web App Integration", "OAuth 2.0 Refresh Token Flow for
Renewed Sessions", "OAuth 2.0 Authorization Errors"; RFC 6749, RFC 7636, RFC 7009.
"""

import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

from backend import deadline, hosts
from backend.adapters.salesforce_http import Answer, Http
from backend.connections.connection import Credential, Grant, TokenResponse
from backend.connections.renewal import TOKEN_SECONDS
from backend.failures import Busy, CodeRefused, GrantRefused, LimitReached, OutcomeUnknown
from backend.sign_in.flow import UserInfo
from backend.values import Secret, Uid
from contract.errors import CallError, ConnectionLost, Misconfigured, Reason, SignInFailed

_IDENTITY = re.compile(r"/id/([A-Za-z0-9]{18})/([A-Za-z0-9]{18})")

_MISCONFIGURED = {
    "invalid_client",
    "invalid_client_id",
    "invalid_client_credentials",
    "unsupported_grant_type",
    "unauthorized_client",
    "redirect_uri_mismatch",
    "invalid_scope",
}
_TRANSIENT = {"unknown_error", "temporarily_unavailable"}
_OTHER_ORG = {"OAUTH_AUTHORIZATION_BLOCKED", "invalid_app_org"}
# The administrator lets only some users use the app.
_BLOCKED = {"invalid_app_access", "OAUTH_APP_ACCESS_DENIED", "user hasn't approved this consumer"}
# Error codes and, under invalid_grant, descriptions of what ends a sign-in and a refresh alike.
_ENDED = {
    "OAUTH_APP_BLOCKED": Reason.APP_BLOCKED,
    "OAUTH_EC_APP_NOT_FOUND": Reason.APP_NOT_INSTALLED,
    "OAUTH_APPROVAL_ERROR_GENERIC": Reason.APP_NOT_INSTALLED,
    "inactive_user": Reason.USER_INACTIVE,
    "inactive_org": Reason.USER_INACTIVE,
    "inactive user": Reason.USER_INACTIVE,
    "ip restricted": Reason.IP_RESTRICTED,
}
_UNKNOWN_TOKEN = {"invalid_token", "unsupported_token_type"}  # at revoke: there is nothing (left) to revoke
_LOGIN_RATE = "login rate exceeded"  # 3,600 logins an hour for a user, refreshes among them
# A second refresh while the first is under way; before Winter '25 it was answered in the second way.
_ALREADY_PROCESSED = {"token request is already being processed", "expired authorization code"}


class SalesforceOAuth:
    """The backend as an OAuth client of Salesforce. Login hosts are host names without a scheme; `local` also allows a
    local org over http.
    """

    def __init__(self, http: Http, consumer_key: str, consumer_secret: Secret, *, local: bool) -> None:
        self._http = http
        self._consumer_key = consumer_key
        self._consumer_secret = consumer_secret
        self._local = local

    async def exchange_code(
        self, login_host: str, code: Secret, code_verifier: Secret, redirect_uri: str, key: Secret | None = None
    ) -> TokenResponse:
        """The tokens for an authorization code (RFC 6749 section 4.1.3 with RFC 7636 section 4.5); `key` is the one
        that they are to be bound to.

        Raises NotSent when the code was not sent, OutcomeUnknown, Busy, LimitReached, SignInFailed, ConnectionLost
        when the org keeps this user or this app out, Misconfigured.
        """
        answer = await self._token(
            login_host,
            {
                "grant_type": "authorization_code",
                "code": code.reveal(),
                "code_verifier": code_verifier.reveal(),
                "redirect_uri": redirect_uri,
            },
        )
        if answer.status == 200:
            return self._token_response(login_host, answer.object())
        raise _exchange_refused(answer)

    async def refresh(self, grant: Grant) -> TokenResponse:
        """New tokens for a grant (RFC 6749 section 6). Raises ConnectionLost when Salesforce refuses it for good;
        NotSent, LimitReached or Misconfigured when its refresh token is as good as before; OutcomeUnknown when it may
        have been used up.
        """
        # At the login host: it knows where an org has moved to, which the stored instance URL does not.
        answer = await self._token(
            grant.login_host,
            {"grant_type": "refresh_token", "refresh_token": grant.refresh_token.reveal()},
            writes=True,
        )
        if answer.status == 200:
            try:
                return self._token_response(grant.login_host, answer.object())
            except CallError:  # an answer that cannot be read: the token may have been used up
                raise OutcomeUnknown(writes=True) from None
        raise _refresh_refused(answer)

    async def introspect(self, grant: Grant) -> bool:
        """Whether Salesforce still takes a grant, asked without using it (RFC 7662). False also for an org that does
        not answer this app's introspections, so that a token which may be used up is not sent.

        Raises OrgUnavailable.
        """
        form = {"token": grant.refresh_token.reveal(), "token_type_hint": "refresh_token", **self._client()}
        answer = await self._post(grant.login_host, "/services/oauth2/introspect", form)
        if answer.status >= 500 or answer.status == 429:
            raise Busy
        body = answer.json()
        return answer.status == 200 and isinstance(body, dict) and cast(dict[str, object], body).get("active") is True

    async def userinfo(self, credential: Credential) -> UserInfo:
        """The user of an access token (OpenID Connect Core section 5.3). Raises SignInFailed, OrgUnavailable."""
        answer = await self._http.send(
            "GET",
            hosts.confined(
                f"{credential.instance_url}/services/oauth2/userinfo", credential.instance_url, local=self._local
            ),
            seconds=TOKEN_SECONDS,
            headers={"Authorization": f"Bearer {credential.access_token.reveal()}"},
        )
        if answer.status == 403:
            raise SignInFailed(Reason.SIGN_IN_BLOCKED)
        if answer.status != 200:
            raise Busy
        who = answer.object()
        name, email, username = (str(who.get(k) or "") for k in ("name", "email", "preferred_username"))
        photo = who.get("picture")
        return UserInfo(
            name, email, username, photo if isinstance(photo, str) and photo.startswith("https://") else None
        )

    async def revoke(self, grant: Grant) -> None:
        """Ends a grant by its refresh token (RFC 7009). Salesforce's yes is 200, or 400 with a word that says that it
        does not know the token (any more).

        Raises OrgUnavailable for every other answer.
        """
        form = {"token": grant.refresh_token.reveal()}
        answer = await self._post(grant.login_host, "/services/oauth2/revoke", form)
        if answer.status != 200 and not (answer.status == 400 and _words(answer)[0] in _UNKNOWN_TOKEN):
            raise Busy

    async def _token(self, login_host: str, form: Mapping[str, str], *, writes: bool = False) -> Answer:
        return await self._post(login_host, "/services/oauth2/token", {**form, **self._client()}, writes=writes)

    def _client(self) -> dict[str, str]:
        return {"client_id": self._consumer_key, "client_secret": self._consumer_secret.reveal()}

    async def _post(self, login_host: str, path: str, form: Mapping[str, str], *, writes: bool = False) -> Answer:
        """Posts a form, within TOKEN_SECONDS altogether."""
        address = hosts.address(login_host, local=self._local)
        url = hosts.confined(address + path, address, local=self._local)
        with deadline.within(deadline.left(TOKEN_SECONDS)):
            answer = await self._http.send("POST", url, seconds=TOKEN_SECONDS, writes=writes, form=form)
            if answer.status in (301, 302, 307, 308):
                # The login pool sends an org's tokens to its My Domain; the form must go along, and nowhere else.
                location = hosts.resolved(url, answer.headers.get("Location", ""), local=self._local)
                answer = await self._http.send("POST", location, seconds=TOKEN_SECONDS, writes=writes, form=form)
        return answer

    def _token_response(self, login_host: str, body: Mapping[str, object]) -> TokenResponse:
        access, refresh, instance, identity = (
            body.get(k) for k in ("access_token", "refresh_token", "instance_url", "id")
        )
        if not isinstance(access, str) or not isinstance(instance, str) or not isinstance(identity, str):
            raise Busy
        # It says who the user is: nobody but Salesforce may, or the very site of Experience Cloud that was asked.
        if not identity.startswith(f"{hosts.address(login_host, local=self._local)}/id/"):
            hosts.salesforce_origin(identity, local=self._local)
        match = _IDENTITY.search(urlsplit(identity).path)
        if match is None:
            raise Busy
        return TokenResponse(
            access_token=Secret(access),
            refresh_token=Secret(refresh) if isinstance(refresh, str) and refresh else None,
            instance_url=hosts.salesforce_origin(instance, local=self._local),
            scope=str(body.get("scope") or ""),
            uid=Uid.of(match[1], match[2]),
        )


def _words(answer: Answer) -> tuple[str, str]:
    body = answer.json()
    if not isinstance(body, dict):
        return "", ""
    words = cast(dict[str, object], body)
    return str(words.get("error") or ""), str(words.get("error_description") or "")


def _exchange_refused(answer: Answer) -> CallError:
    error, description = _words(answer)
    if answer.status >= 500 or answer.status == 429 or error in _TRANSIENT or not error:
        return Busy()
    if error == "rate_limit_exceeded" or description == _LOGIN_RATE:
        return LimitReached()
    if error in _OTHER_ORG:
        return SignInFailed(Reason.OTHER_ORG)
    if error in _MISCONFIGURED:
        return Misconfigured(Reason.MISCONFIGURED)
    ended = _ENDED.get(error) or _ENDED.get(description)
    if ended is not None:
        return ConnectionLost(ended)
    if error in _BLOCKED or description in _BLOCKED:
        return SignInFailed(Reason.SIGN_IN_BLOCKED)
    # Documented as invalid_request, seen as invalid_grant with this text.
    if error == "invalid_request" or description == "invalid code verifier":
        return SignInFailed(Reason.VERIFIER_REJECTED)
    return CodeRefused()


def _refresh_refused(answer: Answer) -> CallError:
    error, description = _words(answer)
    if answer.status == 429 or error == "rate_limit_exceeded" or description == _LOGIN_RATE:
        return LimitReached()
    # Whatever is not a plain refusal leaves open whether the token was used up.
    if answer.status >= 500 or error in _TRANSIENT or not error or description in _ALREADY_PROCESSED:
        return OutcomeUnknown(writes=True)
    if error in _MISCONFIGURED:
        return Misconfigured(Reason.MISCONFIGURED)
    ended = _ENDED.get(error) or _ENDED.get(description)
    if ended is not None:
        return ConnectionLost(ended)
    if error in _BLOCKED or description in _BLOCKED or error in _OTHER_ORG:
        return ConnectionLost(Reason.ORG_POLICY)
    return GrantRefused()
