"""Whether an org is set up for this app, as far as one sees without signing in: address, API version, app, client key
or secret, scopes, PKCE, DPoP; and its policies, as far as they have ended somebody's access.

Sources: Salesforce Help, "OAuth 2.0 Authorization Errors"; a bad key or redirect URI is answered with a page, another
mistake with a redirect to the app. RFC 9449 sections 5.1 and 10 (what an org publishes of DPoP, and `dpop_jkt`).
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import cast, get_args
from urllib.parse import parse_qs, urlencode, urlsplit

from backend import hosts
from backend.adapters.client_authentication import (
    Audience,
    ClientAuthentication,
    ConsumerSecret,
    PrivateKeyJwt,
    Signer,
    is_refused,
)
from backend.adapters.salesforce_http import Answer, Http
from backend.connections.connection import Connection, Grant, State
from backend.failures import NotSent, NotSigned, OutcomeUnknown
from backend.settings import Settings
from backend.values import Clock
from contract.errors import Misconfigured, Reason

_SECONDS = 15.0
# What a policy of the app does to who is signed in, and where it is in Setup. People who revoke the app themselves
# are few.
_POLICIES = {
    Reason.IDLE_TOO_LONG: (
        0.0,
        "were not used for as long as Refresh Token Policy allows: make that longer than KEEP_ALIVE_DAYS",
    ),
    Reason.ORG_POLICY: (
        0.0,
        "are refused by OAuth Policies: Permitted Users",
    ),
    Reason.API_NOT_ENABLED: (
        0.0,
        "may not use the API: give them the permission API Enabled by a permission set",
    ),
    Reason.IP_RESTRICTED: (
        0.0,
        "are refused by OAuth Policies: IP Relaxation (refreshes come from Google's addresses)",
    ),
    Reason.ACCESS_REVOKED: (
        0.5,
        "are not known any more: does Refresh Token Policy expire them at once, or after a fixed time?",
    ),
}
_WRONG = "the consumer secret is wrong: copy it once more from the app's page, then make it a new version of the secret"
_LEFT_OVER = (
    "the consumer secret still works, so whoever has it needs no signature: end it in Salesforce, then delete it here"
    " (docs/deploy.md)"
)
_MEANWHILE = "the consumer secret works: deploy without SALESFORCE_CLIENT_KEY_KMS until the assertion is taken"
_DPOP_ALGORITHM = "ES256"
_WAIT = "a new app needs up to ten minutes until every server knows it"


class OrgCheck:
    """One org, by its login host or My Domain. `signer` has the client key, None without one."""

    def __init__(self, http: Http, settings: Settings, host: str, signer: Signer | None, clock: Clock) -> None:
        self._http = http
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._host = host.lower()
        self._base = f"{'http' if settings.emulated and hosts.is_loopback(self._host) else 'https'}://{self._host}"

    async def lines(self) -> AsyncIterator[tuple[bool, str]]:
        """What is right and wrong with the org, the most basic first: pairs of (whether it is right, one line of text).
        Ends early when what is wrong makes the other questions pointless.

        Raises ValueError for a host that the settings do not allow.
        """
        if not any(hosts.allows(login_host.host, self._host) for login_host in self._settings.login_hosts):
            raise ValueError(f"{self._host} is not among SALESFORCE_LOGIN_HOSTS: users could not sign in there")
        try:
            versions = await self._http.send("GET", f"{self._base}/services/data", seconds=_SECONDS)
        except (NotSent, OutcomeUnknown):
            yield False, f"{self._host} does not answer: is the name right? (Setup › My Domain)"
            return
        yield self._versions(versions)
        try:
            error, description = await self._refresh(self._by_key() or self._by_secret())
        except Misconfigured:
            yield (
                False,
                (
                    "Cloud KMS does not let you sign with SALESFORCE_CLIENT_KEY_KMS: is the name right, and have you"
                    " roles/cloudkms.signer on that key?"
                ),
            )
            return
        except NotSigned:
            yield False, "Cloud KMS is out of reach: try again later, or gcloud auth application-default login"
            return
        if error == "invalid_client_id":
            yield (
                False,
                (
                    "the org does not know SALESFORCE_CONSUMER_KEY: is the app of another org, or not distributed?"
                    f" {_WAIT}"
                ),
            )
            return
        if not is_refused(error, description) and error != "invalid_grant":
            yield (
                False,
                (
                    f"{self._host} answers a refresh with {error or 'no OAuth error'}, from which nothing can be"
                    " learned: try again later"
                ),
            )
            return
        yield True, "the org knows the consumer key"
        async for line in self._proofs():
            yield line
        accepted: list[str] = []
        for uri in sorted(self._settings.redirect_uris):
            good, text = await self._redirect_uri(uri)
            accepted += [uri] if good else []
            yield good, text
        if accepted:  # else every other question ends at the redirect URI
            yield await self._pkce(accepted[0])
            async for line in self._scopes(accepted[0]):
                yield line
            yield await self._dpop(accepted[0])

    def _versions(self, answer: Answer) -> tuple[bool, str]:
        listed = answer.json()
        versions = (
            [str(cast(Mapping[str, object], v).get("version")) for v in cast(list[object], listed)]
            if isinstance(listed, list)
            else []
        )
        wanted = self._settings.api_version
        if wanted in versions:
            return True, f"API version {wanted} is there"
        if not versions:
            return False, f"{self._host} answers, and not as Salesforce does: is it a My Domain?"
        return False, f"API version {wanted} is not there, the newest is {versions[-1]}: set SALESFORCE_API_VERSION"

    async def _proofs(self) -> AsyncIterator[tuple[bool, str]]:
        """Whether what the app proves itself with is right and required."""
        if self._signer is None:
            right = await self._takes(self._by_secret())
            yield right, "the consumer secret is right" if right else _WRONG
            if right:
                yield await self._required("secret")
            return
        signs = await self._takes(self._by_key())
        yield signs, await self._assertion(signs)
        if self._settings.consumer_secret is not None and await self._takes(self._by_secret()):
            yield not signs, _LEFT_OVER if signs else _MEANWHILE
        if signs:
            yield await self._required("assertion")

    async def _required(self, what: str) -> tuple[bool, str]:
        if await self._takes(None):
            return False, f"the app takes a refresh without the {what}: switch on Require secret for Refresh Token Flow"
        return True, f"a refresh needs the {what}"

    async def _takes(self, client: ClientAuthentication | None) -> bool:
        """Whether the app's proof is good, so that only the made-up refresh token is refused."""
        error, description = await self._refresh(client)
        return error == "invalid_grant" and not is_refused(error, description)

    async def _assertion(self, signs: bool) -> str:
        if signs:
            return "the app takes the signed assertion"
        for audience in get_args(Audience):
            if audience != self._settings.client_audience and await self._takes(self._by_key(audience)):
                return f"the app takes the signed assertion with SALESFORCE_CLIENT_AUDIENCE={audience} only: set it"
        return f"the app does not take the signed assertion: upload its certificate (docs/deploy.md); {_WAIT}"

    def _by_key(self, audience: Audience | None = None) -> ClientAuthentication | None:
        if self._signer is None:
            return None
        key, names = self._settings.consumer_key, audience or self._settings.client_audience
        return PrivateKeyJwt(key, self._signer, self._clock, audience=names)

    def _by_secret(self) -> ClientAuthentication | None:
        secret = self._settings.consumer_secret
        return None if secret is None else ConsumerSecret(self._settings.consumer_key, secret)

    async def _redirect_uri(self, uri: str) -> tuple[bool, str]:
        if "redirect_uri_mismatch" in await self._authorize(uri):
            return False, f"the app does not have the callback URL {uri}: add it, letter by letter"
        return True, f"callback URL {uri}"

    async def _pkce(self, uri: str) -> tuple[bool, str]:
        if "code challenge" in await self._authorize(uri, challenge=False):
            return True, "PKCE is required"
        return False, "PKCE is not required: switch on Require Proof Key for Code Exchange (PKCE)"

    async def _scopes(self, uri: str) -> AsyncIterator[tuple[bool, str]]:
        if "invalid_scope" not in await self._authorize(uri):
            yield True, f"scopes {self._settings.scope}"
            return
        for scope in self._settings.scope.split():
            if "invalid_scope" in await self._authorize(uri, scope=scope):
                yield False, f"the app lacks the scope {scope}: add it under OAuth Scopes"

    async def _dpop(self, uri: str) -> tuple[bool, str]:
        if "dpop_jkt" in await self._authorize(uri, binding=False):
            return True, "DPoP is required: no token is good without its key"
        answer = await self._http.send("GET", f"{self._base}/.well-known/openid-configuration", seconds=_SECONDS)
        algorithms = _fields(answer).get("dpop_signing_alg_values_supported")
        if not isinstance(algorithms, list):
            return True, "the org does not publish whether it takes DPoP: the first sign-in shows it (docs/deploy.md)"
        if _DPOP_ALGORITHM not in algorithms:
            return False, f"the org takes DPoP, and not with {_DPOP_ALGORITHM}: set SALESFORCE_DPOP=off"
        return True, "the org takes DPoP: tokens are bound to a key; Require DPoP refuses all others (docs/deploy.md)"

    async def _authorize(
        self, uri: str, *, scope: str | None = None, challenge: bool = True, binding: bool = True
    ) -> str:
        """The text of the authorize page, or of the error in the redirect that comes in its place."""
        asked = {
            "response_type": "code",
            "client_id": self._settings.consumer_key,
            "redirect_uri": uri,
            "scope": scope or self._settings.scope,
            "state": "check-org",
        }
        if challenge:
            verifier = hashlib.sha256(secrets.token_bytes(32)).digest()
            asked |= {
                "code_challenge": urlsafe_b64encode(verifier).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        if binding:  # an app that requires DPoP answers nothing else without it
            asked["dpop_jkt"] = urlsafe_b64encode(hashlib.sha256(secrets.token_bytes(32)).digest()).decode().rstrip("=")
        answer = await self._http.send(
            "GET", f"{self._base}/services/oauth2/authorize?{urlencode(asked)}", seconds=_SECONDS
        )
        redirected = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
        return " ".join(
            [
                answer.body.decode(errors="replace"),
                *redirected.get("error", []),
                *redirected.get("error_description", []),
            ]
        )

    async def _refresh(self, client: ClientAuthentication | None) -> tuple[str, str]:
        """Error and description of the answer to a refresh with a made-up token."""
        form = {"grant_type": "refresh_token", "refresh_token": "check-org", "client_id": self._settings.consumer_key}
        proof = {} if client is None else await client.parameters(self._base)
        answer = await self._http.send(
            "POST", f"{self._base}/services/oauth2/token", seconds=_SECONDS, form={**form, **proof}
        )
        said = _fields(answer)
        return str(said.get("error") or ""), str(said.get("error_description") or "")


async def policies(
    connections: AsyncIterator[tuple[Connection, Grant | None]], host: str
) -> AsyncIterator[tuple[bool, str]]:
    """Which of the org's policies have ended sign-ins, of those users who signed in at `host` or whose org is there;
    pairs as `OrgCheck.lines` gives them. A connection without a grant is one that cannot be unsealed.
    """
    ended: Counter[Reason | None] = Counter()
    async for connection, grant in connections:
        if grant is not None and host.lower() in (grant.login_host, urlsplit(grant.instance_url).netloc):
            ended[connection.ended_reason if connection.state is State.NEEDS_SIGN_IN else None] += 1
    any_ended = False
    for reason, (share, what) in _POLICIES.items():
        if ended[reason] > share * ended.total():
            any_ended = True
            yield False, f"{ended[reason]} of {ended.total()} sign-ins {what}"
    if not any_ended:
        yield (
            True,
            (
                f"no policy has ended any of {ended.total()} sign-ins"
                if ended
                else "nobody has signed in yet, so policies have not shown"
            ),
        )


def _fields(answer: Answer) -> Mapping[str, object]:
    """The fields of a JSON object, none of anything else."""
    body = answer.json()
    return cast(Mapping[str, object], body) if isinstance(body, dict) else {}
