"""Salesforce's OAuth endpoints: token (authorization code and refresh token), introspect, revoke, userinfo.

Sources: Salesforce Help "OAuth 2.0 Web Server Flow for Web App Integration", "OAuth 2.0 Refresh Token Flow for
Renewed Sessions", "OAuth 2.0 Authorization Errors"; RFC 6749, RFC 7636, RFC 7009, RFC 9449 (DPoP).
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

from backend import deadline, hosts
from backend.adapters.client_authentication import ClientAuthentication, is_refused
from backend.adapters.salesforce_http import Answer, Http
from backend.connections.connection import Grant, TokenResponse
from backend.connections.renewal import TOKEN_SECONDS
from backend.failures import Busy, CodeRefused, GrantRefused, LimitReached, NotSent, NotSigned, OutcomeUnknown
from backend.sign_in.flow import CLEAN_UP_SECONDS, UserInfo
from backend.values import Secret, Uid
from contract.errors import CallError, ConnectionLost, Misconfigured, Reason, SignInFailed

_IDENTITY = re.compile(r"/id/([A-Za-z0-9]{18})/([A-Za-z0-9]{18})")

_MISCONFIGURED = {
    "invalid_client_id",
    "unsupported_grant_type",
    "unauthorized_client",
    "redirect_uri_mismatch",
    "invalid_scope",
}
_REDIRECTS = (301, 302, 307, 308)
_NOT_THERE = (*_REDIRECTS, 303, 404)  # how a host answers that has no such org (any more); nothing was done
_LOGIN_POOLS = (hosts.PRODUCTION, hosts.SANDBOX)
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
# Of an introspection: it was understood, and is not answered. RFC 7662 section 2.2 has `active: false` for a token that
# this app may not ask about, and so has Salesforce; the words are those of its other endpoints.
_NOT_ANSWERED = {*_UNKNOWN_TOKEN, "invalid_request", "access_denied"}
_LOGIN_RATE = "login rate exceeded"  # 3,600 logins an hour for a user, refreshes among them
# A second refresh while the first is under way; before Winter '25 it was answered in the second way.
_WRONG_PROOF, _WANTS_NONCE = "invalid_dpop_proof", "use_dpop_nonce"
_ALREADY_PROCESSED = {"token request is already being processed", "expired authorization code"}


class SalesforceOAuth:
    """The backend as an OAuth client of Salesforce. Login hosts are host names without a scheme; `local` also allows a
    local org over http.
    """

    def __init__(self, http: Http, client: ClientAuthentication, *, local: bool) -> None:
        self._http = http
        self._client = client
        self._local = local

    async def exchange_code(
        self, login_host: str, code: Secret, code_verifier: Secret, redirect_uri: str, key: Secret | None = None
    ) -> TokenResponse:
        """The tokens for an authorization code (RFC 6749 section 4.1.3 with RFC 7636 section 4.5); `key` is the one
        that they are to be bound to. What is given with an answer that cannot be taken, or without a refresh token, is
        revoked.

        Raises NotSent when the code was not sent, OutcomeUnknown, Busy, LimitReached, SignInFailed, ConnectionLost
        when the org keeps this user or this app out, Misconfigured.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "code_verifier": code_verifier.reveal(),
            "redirect_uri": redirect_uri,
        }
        answer = await self._post(hosts.address(login_host, local=self._local), "token", form, key=key, as_app=True)
        if answer.status != 200:
            raise _exchange_refused(answer)
        body = answer.object()
        try:
            response = self._token_response(login_host, body, key)
        except CallError:
            await self._give_back(login_host, body, key)
            raise
        if response.refresh_token is None:  # no sign-in takes it
            await self._give_back(login_host, body, key)
        return response

    async def refresh(self, grant: Grant) -> TokenResponse:
        """New tokens for a grant (RFC 6749 section 6). Raises ConnectionLost when Salesforce refuses it for good;
        NotSent, LimitReached or Misconfigured when its refresh token is as good as before; OutcomeUnknown when it may
        have been used up.
        """
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token.reveal()}
        answer = await self._post_about(grant, "token", form, writes=True, as_app=True)
        if answer.status == 200:
            try:
                return self._token_response(grant.login_host, answer.object(), grant.key)
            except CallError:  # an answer that cannot be read: the token may have been used up
                raise OutcomeUnknown(writes=True) from None
        raise _refresh_refused(answer)

    async def introspect(self, grant: Grant) -> bool:
        """Whether Salesforce still takes a grant, asked without using it (RFC 7662). False also for an org that says
        that it keeps the user or the app out, or does not answer this app's introspections, so that a token which may
        be used up is not sent.

        Raises OrgUnavailable or Misconfigured for what says nothing about the grant.
        """
        form = {"token": grant.refresh_token.reveal(), "token_type_hint": "refresh_token"}
        answer = await self._post_about(grant, "introspect", form, as_app=True)
        if answer.status == 200 and isinstance(active := answer.object().get("active"), bool):
            return active
        raised = _introspection_failed(answer)
        if raised is None:
            return False
        raise raised

    async def userinfo(self, grant: Grant) -> UserInfo:
        """The user of an access token (OpenID Connect Core section 5.3). Raises SignInFailed, OrgUnavailable."""
        answer = await self._http.send(
            "GET",
            hosts.confined(f"{grant.instance_url}/services/oauth2/userinfo", grant.instance_url, local=self._local),
            seconds=TOKEN_SECONDS,
            token=grant.access_token,
            key=grant.key,
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
        answer = await self._post_about(grant, "revoke", form)
        if answer.status != 200 and not (answer.status == 400 and _words(answer)[0] in _UNKNOWN_TOKEN):
            raise Busy

    async def _give_back(self, login_host: str, body: Mapping[str, object], key: Secret | None) -> None:
        """Revokes what an exchange gave, also when the call's own time is over. Nothing in the answer is believed: the
        host that was asked for it is asked again. When it cannot be done, the sign-in's error stays what it is.
        """
        tokens = [t for t in (body.get("refresh_token"), body.get("access_token")) if isinstance(t, str) and t]
        if not tokens:
            return
        base, proving = hosts.address(login_host, local=self._local), key if _is_bound(body) else None
        with deadline.within(CLEAN_UP_SECONDS), suppress(Exception):
            await self._post(base, "revoke", {"token": tokens[0]}, key=proving)

    async def _post_about(
        self, grant: Grant, endpoint: str, form: Mapping[str, str], *, writes: bool = False, as_app: bool = False
    ) -> Answer:
        """Posts a form about a grant, within TOKEN_SECONDS altogether.

        For Bearer tokens at the login host, which knows where an org has moved to. A login pool answers with a
        redirect, and a proof is good for one address: so a bound grant's goes to the org itself. Where the org is not
        there any more, which uses up nothing, the login host is asked once, with a new proof.
        """
        login = hosts.address(grant.login_host, local=self._local)
        if grant.key is None:
            return await self._post(login, endpoint, form, writes=writes, as_app=as_app)
        instance = grant.instance_url
        with deadline.within(deadline.left(TOKEN_SECONDS)):
            try:
                answer = await self._post(instance, endpoint, form, key=grant.key, writes=writes, as_app=as_app)
                if login == instance or answer.status not in _NOT_THERE:
                    return answer
            except NotSent as failed:
                if login == instance or isinstance(failed, NotSigned):
                    raise
            return await self._post(login, endpoint, form, key=grant.key, writes=writes, as_app=as_app)

    async def _post(
        self,
        base: str,
        endpoint: str,
        form: Mapping[str, str],
        *,
        key: Secret | None = None,
        writes: bool = False,
        as_app: bool = False,
    ) -> Answer:
        """Posts a form to an endpoint of a host, within TOKEN_SECONDS altogether; `as_app` adds what proves that this
        is the app, `key` a proof that it holds the key.
        """
        url = hosts.confined(f"{base}/services/oauth2/{endpoint}", base, local=self._local)
        with deadline.within(deadline.left(TOKEN_SECONDS)):
            answer = await self._send(url, form, key, writes, as_app)
            # A login pool sends an org's tokens to its My Domain; the form must go along, and nowhere else.
            if answer.status in _REDIRECTS and (key is None or urlsplit(url).netloc in _LOGIN_POOLS):
                location = hosts.resolved(url, answer.headers.get("Location", ""), local=self._local)
                answer = await self._send(location, form, key, writes, as_app)
        return answer

    async def _send(self, url: str, form: Mapping[str, str], key: Secret | None, writes: bool, as_app: bool) -> Answer:
        """One request. An assertion is good for one: it names the host that is asked, and an id that counts once."""

        async def whole() -> Mapping[str, str]:
            return {**form, **(await self._client.parameters(url.partition("/services/")[0]) if as_app else {})}

        return await self._http.send("POST", url, seconds=TOKEN_SECONDS, writes=writes, key=key, form=whole)

    def _token_response(self, login_host: str, body: Mapping[str, object], key: Secret | None) -> TokenResponse:
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
        bound = _is_bound(body)
        if bound and key is None:
            raise Misconfigured(Reason.MISCONFIGURED, "Salesforce bound tokens to a key that nobody has.")
        return TokenResponse(
            access_token=Secret(access),
            refresh_token=Secret(refresh) if isinstance(refresh, str) and refresh else None,
            instance_url=hosts.salesforce_origin(instance, local=self._local),
            scope=str(body.get("scope") or ""),
            uid=Uid.of(match[1], match[2]),
            bound=bound,
        )


def _is_bound(body: Mapping[str, object]) -> bool:
    return str(body.get("token_type") or "").lower() == "dpop"  # without regard to case: RFC 6749 section 7.1


def _words(answer: Answer) -> tuple[str, str]:
    body = answer.json()
    if not isinstance(body, dict):
        return "", ""
    words = cast(dict[str, object], body)
    return str(words.get("error") or ""), str(words.get("error_description") or "")


def _exchange_refused(answer: Answer) -> CallError:
    error, description = _words(answer)
    if answer.status >= 500 or answer.status == 429 or error in {*_TRANSIENT, _WANTS_NONCE} or not error:
        return Busy()
    if error == "rate_limit_exceeded" or description == _LOGIN_RATE:
        return LimitReached()
    if error in _OTHER_ORG:
        return SignInFailed(Reason.OTHER_ORG)
    if error in _MISCONFIGURED or is_refused(error, description):
        return Misconfigured(Reason.MISCONFIGURED)
    if error == _WRONG_PROOF:  # the code is bound to another key
        return SignInFailed(Reason.SIGN_IN_EXPIRED)
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
    # Nobody looked at the token (RFC 9449 section 5, for the proof), so that it is as good as before.
    if answer.status in _REDIRECTS or error in (_WRONG_PROOF, _WANTS_NONCE):
        return Busy()
    # Whatever is not a plain refusal leaves open whether the token was used up.
    if answer.status >= 500 or error in _TRANSIENT or not error or description in _ALREADY_PROCESSED:
        return OutcomeUnknown(writes=True)
    if error in _MISCONFIGURED or is_refused(error, description):
        return Misconfigured(Reason.MISCONFIGURED)
    ended = _ENDED.get(error) or _ENDED.get(description)
    if ended is not None:
        return ConnectionLost(ended)
    if error in _BLOCKED or description in _BLOCKED or error in _OTHER_ORG:
        return ConnectionLost(Reason.ORG_POLICY)
    return GrantRefused()


def _introspection_failed(answer: Answer) -> CallError | None:
    """Why an introspection says nothing about the grant; None for a named refusal."""
    if answer.status not in (400, 401, 403):
        return Busy()
    refused = _refresh_refused(answer)
    if isinstance(refused, GrantRefused):
        return None if _words(answer)[0] in _NOT_ANSWERED else Busy()
    if isinstance(refused, ConnectionLost):
        return None
    return Busy() if isinstance(refused, OutcomeUnknown) else refused
