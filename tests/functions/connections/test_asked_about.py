"""What an introspection says about a token that may be used up, and what says nothing: only a verdict ends a
connection.
"""

from typing import Any

import pytest

from backend.adapters.client_authentication import ConsumerSecret
from backend.adapters.salesforce_http import Answer, Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.connections.connection import Grant, State
from backend.failures import Busy
from backend.values import Secret
from contract.errors import CallError, ConnectionLost, Misconfigured, Reason
from devtools.clients import CONSUMER_KEY, control
from tests.functions.instances import Instances

GRANT = Grant("login.salesforce.com", "https://acme.my.salesforce.com", "api", Secret("a"), Secret("r"))


class Answering(Http):
    """Answers every request alike."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    async def send(self, method: str, url: str, **_options: Any) -> Answer:
        return self._answer


async def asked(status: int, body: bytes, **headers: str) -> bool:
    http = Answering(Answer(status, headers, body))
    return await SalesforceOAuth(http, ConsumerSecret("key", Secret("s")), local=False).introspect(GRANT)


@pytest.mark.parametrize(("body", "active"), [(b'{"active": true}', True), (b'{"active": false}', False)])
async def test_the_word_active_is_a_verdict(body: bytes, active: bool) -> None:
    assert await asked(200, body) is active


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>We will be back soon"),
        (200, b""),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"active": "false"}'),
        (200, b'{"active": null}'),
        (204, b""),
        (400, b""),
        (400, b'{"error": "use_dpop_nonce"}'),
        (400, b'{"error": "invalid_dpop_proof"}'),
        (400, b'{"error": "unknown_error"}'),
        (400, b'{"error": "something new"}'),
        (400, b'{"active": false}'),
        (403, b""),
        (403, b'{"error": "Forbidden"}'),
        (403, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]'),
        (404, b"<html>URL No Longer Exists"),
        (404, b'{"error": "access_denied"}'),
        (405, b""),
        (429, b'{"error": "access_denied"}'),
        (500, b'{"active": false}'),
        (503, b""),
    ],
)
async def test_what_names_no_reason_is_no_verdict(status: int, body: bytes) -> None:
    with pytest.raises(Busy):
        await asked(status, body)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_no_verdict(status: int) -> None:
    with pytest.raises(Busy):
        await asked(status, b"", Location="https://acme.my.salesforce.com/services/oauth2/introspect")


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("error", ["invalid_client", "invalid_client_id", "invalid_client_credentials"])
async def test_that_salesforce_refuses_the_app_is_for_whoever_runs_it(status: int, error: str) -> None:
    with pytest.raises(Misconfigured):
        await asked(status, b'{"error": "%s"}' % error.encode())


@pytest.mark.parametrize(
    "error",
    ["invalid_token", "unsupported_token_type", "invalid_request", "access_denied", "inactive_user",
     "OAUTH_APP_BLOCKED", "invalid_app_access", "OAUTH_AUTHORIZATION_BLOCKED"],
)  # fmt: skip
@pytest.mark.parametrize("status", [400, 401, 403])
async def test_an_org_that_says_it_will_not_answer_keeps_nobody_waiting_for_ever(status: int, error: str) -> None:
    """Sending a token that may be used up is worse than to sign in again."""
    assert not await asked(status, b'{"error": "%s"}' % error.encode())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, Reason.MISCONFIGURED),
        (Answer(200, {}, b"<html>We will be back soon"), Reason.ORG_BUSY),
        (Answer(403, {}, b""), Reason.ORG_BUSY),
        (Answer(404, {}, b""), Reason.ORG_BUSY),
        (Answer(303, {"Location": "https://evil.example/"}, b""), Reason.ORG_BUSY),
    ],
)
async def test_a_grant_outlives_whatever_says_nothing_about_it(
    instances: Instances, answer: Answer | None, reason: Reason
) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "cut": "before"})
    real = instances.oauth._client  # pyright: ignore[reportPrivateUsage]
    send = instances.http.send

    async def intercepted(method: str, url: str, **options: Any) -> Answer:
        return answer if answer is not None and url.endswith("/introspect") else await send(method, url, **options)

    class Asking(ConsumerSecret):
        """Has another secret once a refresh was sent, as after a change at Salesforce."""

        sent = 0

        async def parameters(self, audience: str) -> dict[str, str]:
            self.sent += 1
            return await super().parameters(audience) if self.sent > 1 else await real.parameters(audience)

    instances.http.send = intercepted
    if answer is None:
        instances.oauth._client = Asking(CONSUMER_KEY, Secret("old"))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(CallError) as failed:
        await instances.renewals[0].renew(uid, rejected)
    assert failed.value.reason is reason
    assert not isinstance(failed.value, ConnectionLost)
    assert (await instances.stored(uid)).state is State.SENT_UNKNOWN
    instances.http.send, instances.oauth._client = send, real  # pyright: ignore[reportPrivateUsage]
    assert (await instances.renewals[0].renew(uid, rejected)).credential.generation == 2
