"""The last requests to the org, with the reason for each refusal and advice, for people whose client does not
work yet.
"""

import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT = 50
_REASONS: ContextVar[list[tuple[str, str]] | None] = ContextVar("reasons", default=None)

# Advice for people, by error code.
_ADVICE = {
    "INVALID_SESSION_ID": (
        "The access token has expired, was revoked or is of another org: ask /services/oauth2/token for a new one."
    ),
    "Bad_OAuth_Token": "The access token has expired or was revoked: ask /services/oauth2/token for a new one.",
    "invalid_client_id": (
        "The consumer key is LOCAL_EXTERNAL_CLIENT_APP; Salesforce's command-line client brings PlatformCLI along."
    ),
    "invalid_client": "The consumer secret of LOCAL_EXTERNAL_CLIENT_APP is local-consumer-secret.",
    "redirect_uri_mismatch": (
        "Redirect URIs are compared letter by letter: name yours with `localorg serve --callback URL`."
    ),
    "invalid_grant": (
        "A code works once and for 15 minutes, with the verifier whose challenge began the sign-in; a refresh"
        " token that was rotated works no more: keep the new one that comes with every refresh."
    ),
    "invalid_request": (
        "A parameter is missing: PKCE (code_challenge, S256) is required, and a code is sent with its verifier."
    ),
    "invalid_scope": "An app gets the scopes of its settings: /localorg/app shows those of the demo app.",
    "unsupported_grant_type": "The discovery document, /.well-known/openid-configuration, names the grant types.",
    "invalid_dpop_proof": (
        "The message names what is wrong with the proof: each request has a new one, signed by the key that the code or"
        " token is bound to, for this method and address as the client wrote it."
    ),
    "use_dpop_nonce": "Send the request again with a new proof that holds the nonce of the header DPoP-Nonce.",
    "invalid_token": (
        "A token that is bound to a key goes with `Authorization: DPoP` and a proof, one that is not with Bearer:"
        " /localorg/app shows whether the app requires DPoP."
    ),
    "INVALID_AUTH_HEADER": (
        "The scheme DPoP needs a proof in the header DPoP, and an app that knows DPoP: /localorg/app shows it."
    ),
    "login_failed": "Users and password: `localorg users`.",
    "access_denied": "Somebody pressed Deny.",
    "MALFORMED_QUERY": "The message points at the place; docs/localorg.md lists what of SOQL there is.",
    "INVALID_FIELD": "There is no such field, or the user's profile does not see it: look into the object's describe.",
    "INVALID_TYPE": (
        "There is no such object, or the user's profile does not see it; own objects come with `localorg serve"
        " --schema`."
    ),
    "NOT_FOUND": "There is no such record or resource for this user; docs/localorg.md lists the resources.",
    "ENTITY_IS_DELETED": "The record is in the recycle bin: queryAll still finds it.",
    "METHOD_NOT_ALLOWED": "The message names the methods of this resource.",
    "UNSUPPORTED_MEDIA_TYPE": "Send Content-Type: application/json.",
    "JSON_PARSER_ERROR": "The body is not the JSON that this resource takes.",
    "REQUIRED_FIELD_MISSING": "The fields that the message names are needed.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "These fields are set by the org, or the user's profile may not change them.",
    "FORBIDDEN": "The file of answers (--actions) names the profiles that may run this: the user's is not there.",
    "APEX_ERROR": "The file of answers (--actions) throws here, has no answer that fits, or breaks a rule of the org.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "A validation rule of the schema refuses it, in its own words.",
    "INSUFFICIENT_ACCESS": "The user's profile may not do this: try admin@localorg.test.",
    "REQUEST_LIMIT_EXCEEDED": (
        "The allowance was set lower on the page /localorg; `POST /localorg/control/reset` gives it back."
    ),
    "UNABLE_TO_LOCK_ROW": "Somebody else changes the record right now: try again, as against Salesforce.",
    "URI_TOO_LONG": "Send long queries in a composite request, or in a Bulk API 2.0 job.",
    "GONE": "Use a newer version of the API.",
    "API_DISABLED_FOR_ORG": "This org does not speak that API; docs/localorg.md lists those that it does.",
    "authorization_pending": "The person has not entered the user code yet: poll again after the interval.",
    "slow_down": "Poll no more often than the interval says.",
    "login_required": "Nobody is signed in in this browser, and the request forbids to ask.",
    "consent_required": "The user has not allowed the app yet, and the request forbids to ask.",
    "immediate_unsuccessful": "The user is not signed in or has not allowed the app, and the request forbids to ask.",
    "FeatureNotEnabled": "This org speaks Bulk API 2.0 (/jobs/ingest, /jobs/query), not 1.0.",
    "redirected": "The login pool knows the org by its address only: refresh and revoke at `instance_url`.",
    "FAULT": "A fault that was asked for on the page /localorg or by the control API.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. `at` is in seconds since the epoch, `client` its User-Agent, `reasons` pairs of error code and
    message.
    """

    at: float
    method: str
    path: str
    status: int
    milliseconds: int
    client: str
    reasons: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, object]:
        """The request as the control API answers it, each reason with advice."""
        reasons = [
            {"code": code, "message": message.strip(), "advice": _ADVICE.get(code, "")}
            for code, message in self.reasons
        ]
        return {
            "at": self.at, "method": self.method, "path": self.path, "status": self.status,
            "milliseconds": self.milliseconds, "client": self.client, "reasons": reasons,
        }  # fmt: skip


@dataclass(slots=True)
class Recent:
    """The last requests, the oldest first. They hold no query strings, headers, or bodies, so no token or code
    either.
    """

    seen: deque[Seen] = field(default_factory=lambda: deque[Seen](maxlen=KEPT))


def because(code: str, message: str) -> None:
    """Notes the reason why the current request is refused."""
    reasons = _REASONS.get()
    if reasons is not None and len(reasons) < 10:
        reasons.append((code, message[:500]))


def remembered(app: ASGIApp, recent: Recent, log: Callable[[str], None] | None) -> ASGIApp:
    """The app, wrapped so that `recent` gets its requests, except those to the org's own pages.

    `log` gets one line a request, without query string, headers, or body.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        reasons: list[tuple[str, str]] = []
        _REASONS.set(reasons)
        method, path = str(scope["method"]), str(scope["path"])
        started, status = time.perf_counter(), 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, watch)
        finally:
            took = round(1000 * (time.perf_counter() - started))
            if log is not None:
                log(f"{method} {path} {status} {took} ms")
            if not path.startswith(("/localorg", "/favicon.ico")):
                client = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"user-agent"), "")
                recent.seen.append(Seen(time.time(), method, path, status, took, client[:80], tuple(reasons)))

    return wrapped
