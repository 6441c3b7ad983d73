"""Sign-ins whose tokens are bound to a key (DPoP), without Salesforce and Firebase."""

import asyncio

import pytest

from backend.adapters.dpop import thumbprint
from backend.connections.connection import Grant
from backend.failures import Busy, NotSent, OutcomeUnknown
from backend.sign_in.begin import Binding
from contract.calls import SignIn
from contract.errors import CallError, Reason
from contract.sign_in import BeginSignIn, Begun
from devtools.clients import challenge
from tests.altered import replace
from tests.functions.sign_in.test_flow import CALLBACK, CODE, HOST, REQUEST, RESPONSE, SOMEBODY, UID, Place

BOUND = replace(RESPONSE, bound=True)
BEGIN = BeginSignIn(HOST, CALLBACK, challenge(REQUEST.code_verifier))


async def begun(here: Place) -> tuple[Begun, SignIn]:
    made = await here.flow.begin(SOMEBODY, BEGIN)
    return made, replace(REQUEST, begun=made.begun)


async def grant(here: Place) -> Grant:
    stored = await here.documents.read(UID)
    assert stored is not None
    return here.vault.unseal(stored)


async def test_tokens_are_stored_with_the_key_that_they_are_bound_to() -> None:
    here = Place()
    here.salesforce.answer = BOUND
    made, request = await begun(here)
    await here.flow.sign_in(SOMEBODY, request)
    key = (await grant(here)).key
    assert key is not None
    assert thumbprint(key) == made.dpop_jkt
    assert here.salesforce.keys == [key]
    assert here.salesforce.asked[0].key == key
    stored = await here.documents.read(UID)
    assert key.reveal() not in str(stored)


async def test_an_org_that_does_not_know_dpop_gives_bearer_tokens_where_they_are_taken() -> None:
    here = Place()
    _, request = await begun(here)
    await here.flow.sign_in(SOMEBODY, request)
    assert (await grant(here)).key is None
    assert here.salesforce.asked[0].key is None
    required = Place(binding=Binding.REQUIRED)
    _, request = await begun(required)
    assert await required.refused(request) is Reason.BINDING_REQUIRED
    assert required.salesforce.revoked == [(HOST, "refresh")]
    assert required.salesforce.asked == []
    assert await required.is_empty()


async def test_an_older_app_signs_in_as_before_unless_binding_is_required() -> None:
    here = Place()
    await here.flow.sign_in(SOMEBODY, REQUEST)
    assert here.salesforce.keys == [None]
    required = Place(binding=Binding.REQUIRED)
    assert await required.refused() is Reason.BINDING_REQUIRED
    assert required.salesforce.exchanged == []


async def test_one_beginning_used_in_two_tabs_gives_one_connection_its_key() -> None:
    here = Place()
    here.salesforce.answer = BOUND
    _, request = await begun(here)
    other = replace(request, code=CODE + "y")
    outcomes = await asyncio.gather(
        here.flow.sign_in(SOMEBODY, request), here.flow.sign_in(SOMEBODY, other), return_exceptions=True
    )
    (refused,) = [o for o in outcomes if isinstance(o, CallError)]
    assert refused.reason is Reason.SIGN_IN_EXPIRED
    assert len(here.salesforce.exchanged) == 1
    assert await here.refused(replace(request, code=CODE + "z")) is Reason.SIGN_IN_EXPIRED
    assert len(here.salesforce.exchanged) == 1


async def test_two_beginnings_of_one_attempt_have_two_keys() -> None:
    here = Place()
    here.salesforce.answer = BOUND
    (one, first), (two, second) = await begun(here), await begun(here)
    assert one.dpop_jkt != two.dpop_jkt
    await here.flow.sign_in(SOMEBODY, first)
    await here.flow.sign_in(SOMEBODY, replace(second, code=CODE + "y"))
    assert here.salesforce.keys[0] != here.salesforce.keys[1]


@pytest.mark.parametrize(
    ("failure", "may_come_again"), [(NotSent(), True), (OutcomeUnknown(writes=True), False), (Busy(), False)]
)
async def test_a_key_is_given_back_only_when_nothing_was_sent(failure: CallError, may_come_again: bool) -> None:
    here = Place()
    here.salesforce.answer = BOUND
    _, request = await begun(here)
    here.salesforce.fails["exchange"] = failure
    assert await here.refused(request) is failure.reason
    here.salesforce.fails.clear()
    if may_come_again:
        await here.flow.sign_in(SOMEBODY, request)
    else:
        assert await here.refused(replace(request, code=CODE + "y")) is Reason.SIGN_IN_EXPIRED


async def test_a_key_for_another_sign_in_is_refused_before_anything_is_sent() -> None:
    here = Place()
    _, request = await begun(here)
    for other in (
        {"login_host": "acme.my.salesforce.com"},
        {"redirect_uri": "app://back"},
        {"code_verifier": "w" * 43},
    ):
        assert await here.refused(replace(request, **other)) is Reason.SIGN_IN_EXPIRED
    assert here.salesforce.exchanged == []
    await here.flow.sign_in(SOMEBODY, request)  # and costs nothing


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"login_host": "evil.example"}, Reason.LOGIN_HOST_NOT_ALLOWED),
        ({"redirect_uri": CALLBACK + "/"}, Reason.REDIRECT_URI_NOT_ALLOWED),
        ({"code_challenge": "c"}, Reason.MALFORMED_REQUEST),
    ],
)
async def test_what_could_not_be_signed_in_with_is_not_begun(change: dict[str, str], reason: Reason) -> None:
    with pytest.raises(CallError) as found:
        await Place().flow.begin(SOMEBODY, replace(BEGIN, **change))
    assert found.value.reason is reason


async def test_a_beginning_writes_nothing_to_the_store() -> None:
    here = Place()
    before = dict(vars(here.documents)), set(here.codes._taken)  # pyright: ignore[reportPrivateUsage]
    await here.flow.begin(SOMEBODY, BEGIN)
    assert (dict(vars(here.documents)), set(here.codes._taken)) == before  # pyright: ignore[reportPrivateUsage]


async def test_a_bearer_connection_moves_at_the_next_sign_in() -> None:
    here = Place()
    await here.flow.sign_in(SOMEBODY, REQUEST)
    assert (await grant(here)).key is None
    here.salesforce.answer = BOUND
    _, request = await begun(here)
    await here.flow.sign_in(SOMEBODY, replace(request, code=CODE + "y"))
    assert (await grant(here)).key is not None
    assert here.salesforce.revoked == [(HOST, "refresh")]  # the Bearer grant
