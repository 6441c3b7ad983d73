"""A code that Salesforce took, with an answer that the backend does not: what was given is revoked, and stays with
nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from backend.adapters.salesforce_http import Answer, Http
from backend.connections.connection import Grant
from backend.failures import NotSent
from backend.values import Secret
from contract.calls import SignIn
from contract.errors import CallError, Misconfigured, Reason
from contract.sign_in import BeginSignIn
from devtools.clients import CALLBACK, SALES, authorize, challenge, control
from localorg import EmbeddedOrg
from tests.functions.instances import SOMEBODY, Instances

Given = dict[str, Any]


class Changing(Http):
    """Changes what the token endpoint answers to a code, and keeps what it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.change: Callable[[Given], Given] = lambda given: given
        self.given: Given = {}
        self.asked: list[str] = []
        self.revocations_fail: BaseException | None = None

    async def send(self, method: str, url: str, **options: Any) -> Answer:
        self.asked.append(url)
        if url.endswith("/revoke") and self.revocations_fail is not None:
            raise self.revocations_fail
        answer = await super().send(method, url, **options)
        if not url.endswith("/token") or answer.status != 200:
            return answer
        self.given = answer.object()
        return Answer(200, answer.headers, msgspec.json.encode(self.change(dict(self.given))))


def without(name: str) -> Callable[[Given], Given]:
    return lambda given: {k: v for k, v in given.items() if k != name}


def other(**changes: object) -> Callable[[Given], Given]:
    return lambda given: given | changes


@pytest.fixture
async def here(org: EmbeddedOrg) -> AsyncIterator[tuple[Instances, Changing]]:
    control(org.url, "reset")
    http = Changing()
    yield Instances(org, http=http), http
    control(org.url, "app", {"dpop": "allowed"})
    await http.close()


async def signs_in(instances: Instances) -> CallError:
    flow = instances.sign_in_flow()
    authorization = await asyncio.to_thread(authorize, instances.org.url, SALES)
    with pytest.raises(CallError) as refused:
        await flow.sign_in(SOMEBODY, SignIn(authorization.code, authorization.verifier, CALLBACK, instances.host))
    return refused.value


async def status_of(org: EmbeddedOrg, token: str) -> int:
    async with httpx.AsyncClient() as client:
        headers = {"Authorization": f"Bearer {token}"}
        return (await client.get(f"{org.url}/services/oauth2/userinfo", headers=headers)).status_code


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other(instance_url="https://evil.example"), Reason.MISCONFIGURED),
        (other(id="https://evil.example/id/00D000000000001EAA/005000000000001AAA"), Reason.MISCONFIGURED),
        (other(token_type="DPoP"), Reason.MISCONFIGURED),
        (without("id"), Reason.ORG_BUSY),
        (without("instance_url"), Reason.ORG_BUSY),
        (without("access_token"), Reason.ORG_BUSY),
        (without("refresh_token"), Reason.NO_REFRESH_TOKEN),
    ],
)
async def test_what_an_answer_gave_that_is_not_taken_is_revoked_where_the_code_was_sent(
    here: tuple[Instances, Changing], change: Callable[[Given], Given], reason: Reason
) -> None:
    instances, http = here
    http.change = change
    assert (await signs_in(instances)).reason is reason
    assert await status_of(instances.org, http.given["access_token"]) == 403
    assert [url for url in http.asked if url.endswith("/revoke")] == [f"{instances.org.url}/services/oauth2/revoke"]
    assert not any("evil" in url for url in http.asked)


@pytest.mark.parametrize("failure", [NotSent(), Misconfigured(Reason.MISCONFIGURED), ValueError("odd")])
async def test_a_revocation_that_fails_changes_nothing_in_the_error(
    here: tuple[Instances, Changing], failure: BaseException
) -> None:
    instances, http = here
    http.change, http.revocations_fail = without("id"), failure
    assert (await signs_in(instances)).reason is Reason.ORG_BUSY
    http.change = without("refresh_token")
    assert (await signs_in(instances)).reason is Reason.NO_REFRESH_TOKEN


async def test_an_answer_that_gave_nothing_asks_for_nothing(here: tuple[Instances, Changing]) -> None:
    instances, http = here
    http.change = lambda _: {"access_token": 1, "refresh_token": ""}
    assert (await signs_in(instances)).reason is Reason.ORG_BUSY
    assert not any(url.endswith("/revoke") for url in http.asked)


async def test_a_bound_grant_is_revoked_with_a_proof(here: tuple[Instances, Changing]) -> None:
    instances, http = here
    control(instances.org.url, "app", {"dpop": "required"})
    http.change = without("id")
    flow, verifier = instances.sign_in_flow(), "v" * 60
    begun = await flow.begin(SOMEBODY, BeginSignIn(instances.host, CALLBACK, challenge(verifier)))
    url, bound = instances.org.url, begun.dpop_jkt or ""
    code = (await asyncio.to_thread(authorize, url, SALES, verifier=verifier, dpop_jkt=bound)).code
    with pytest.raises(CallError) as refused:
        await flow.sign_in(SOMEBODY, SignIn(code, verifier, CALLBACK, instances.host, begun=begun.begun))
    assert refused.value.reason is Reason.ORG_BUSY
    assert http.given["token_type"] == "DPoP"
    refresh = Secret(http.given["refresh_token"])
    assert not await instances.oauth.introspect(Grant(instances.host, url, "", Secret(""), refresh))
