"""The drills of docs/drills.md that need no cloud: what a thief has is handed to the thief, who tries.

The thief of a dump is given the stored documents and nothing else, the thief of a keyset that text, and so on;
Salesforce is the local org, Cloud KMS a signer of its own.
"""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx2 as httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from backend.adapters.cipher import TinkCipher, add_key, drop_keys, merge_keysets, new_keyset, promote_key
from backend.adapters.client_authentication import ASSERTION_TYPE, KmsSigner, PrivateKeyJwt
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.connections.connection import Connection, Grant
from backend.connections.vault import Vault, unsealed
from backend.values import Secret, Uid
from backend.wiring import SystemClock
from contract.errors import CallError, ConnectionLost, Misconfigured, Reason
from devtools.clients import CONSUMER_KEY, CONSUMER_SECRET, SALES, control
from localorg import EmbeddedOrg
from tests.altered import replace
from tests.functions.instances import Instances
from tests.functions.sign_in import test_flow
from tests.functions.signing_kms import KEY, PRIVATE, SigningKms, running_kms
from tests.localorg.keys import certificate_of

QUERY = "SELECT Id FROM Account LIMIT 1"


class Recorded:
    """A client authentication of which everything that was sent is kept, as by a thief who reads along."""

    def __init__(self, inner: PrivateKeyJwt) -> None:
        self._inner = inner
        self.sent: list[dict[str, str]] = []

    async def parameters(self, audience: str) -> dict[str, str]:
        self.sent.append(await self._inner.parameters(audience))
        return self.sent[-1]


@pytest.fixture
async def kms() -> AsyncIterator[tuple[SigningKms, Any]]:
    async with running_kms() as found:
        yield found


@pytest.fixture
async def here(clean_org: EmbeddedOrg) -> AsyncIterator[Instances]:
    made = Instances(clean_org)
    yield made
    await made.http.close()


async def reads(instances: Instances, uid: Uid) -> bool:
    """Whether the user works: in a process that remembers nothing."""
    process = instances.instance(f"new {id(object())}")
    return len(await process.rest.query(uid, QUERY)) > 0


async def expire(instances: Instances) -> None:
    await asyncio.to_thread(control, instances.org.url, "expire", {"username": SALES})


def post(org: EmbeddedOrg, form: dict[str, str]) -> dict[str, Any]:
    answer = httpx.post(f"{org.url}/services/oauth2/token", data=form)
    return {"status": answer.status_code, **answer.json()}


def in_clear(stored: Connection, grant: Grant) -> list[str]:
    """What of a grant can be read in a stored document."""
    text = repr(stored).encode() + stored.sealed
    secret = [grant.access_token.reveal(), grant.refresh_token.reveal(), grant.instance_url, grant.login_host]
    return [part for part in (*secret, *([] if grant.key is None else [grant.key.reveal()])) if part.encode() in text]


async def test_a_dump_alone(here: Instances) -> None:
    """Neither a token nor where it is good can be read in it, and no key but the backend's opens it."""
    uid, _ = await here.connect()
    stored = await here.stored(uid)
    assert not in_clear(stored, here.grant(stored))
    with pytest.raises(ConnectionLost):
        unsealed(stored, TinkCipher(Secret(new_keyset())))


async def test_a_keyset_alone(here: Instances) -> None:
    """It opens what is stored, and Salesforce takes it for nothing."""
    keyset = new_keyset()
    uid, _ = await here.connect()
    for key in json.loads(keyset)["key"]:
        answer = post(here.org, {"grant_type": "refresh_token", "refresh_token": key["keyData"]["value"]})
        assert answer["status"] >= 400
    assert await reads(here, uid)


@pytest.mark.parametrize("bound", [True, False])
async def test_a_dump_and_the_keyset_are_good_for_the_rest_of_one_access_token(
    clean_org: EmbeddedOrg, kms: tuple[SigningKms, Any], bound: bool
) -> None:
    """With the client key in Cloud KMS: database, keyset, settings, the old consumer secret and an assertion that was
    seen on its way refresh nothing, and the user does not notice. The same with tokens that are bound to a key (DPoP),
    which the thief has too.
    """
    org, client = clean_org, Recorded(PrivateKeyJwt(CONSUMER_KEY, KmsSigner(KEY, kms[1]), SystemClock()))
    here, thief = Instances(org, client=client), Http()
    certificate = {"certificate": certificate_of(PRIVATE), "secretAccepted": False}
    if bound:
        await asyncio.to_thread(control, org.url, "app", certificate)
    uid, credential = await (here.connect_bound() if bound else here.connect())
    await asyncio.to_thread(control, org.url, "app", certificate)
    await here.renewals[0].renew(uid, credential)
    signed = len(kms[0].asked)
    assert signed > bound, "at least one for each request that the app makes as itself"

    stolen = unsealed(await here.stored(uid), here.cipher)  # the documents, and the keyset
    assert (stolen.key is not None) == bound

    async def user() -> int:
        url, token = f"{org.url}/services/oauth2/userinfo", stolen.access_token
        return (await thief.send("GET", url, seconds=5, token=token, key=stolen.key)).status

    assert await user() == 200
    token = {
        "grant_type": "refresh_token",
        "refresh_token": stolen.refresh_token.reveal(),
        "client_id": CONSUMER_KEY,
    }
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {"iss": CONSUMER_KEY, "sub": CONSUMER_KEY, "aud": org.url, "exp": 2**32, "jti": "mine"}
    made_up = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": jwt.encode(claims, own, "RS256")}
    unsigned = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": jwt.encode(claims, "", "none")}
    for proof in ({}, {"client_secret": CONSUMER_SECRET}, made_up, unsigned, client.sent[-1]):
        url, form = f"{org.url}/services/oauth2/token", {**token, **proof}
        answer = await thief.send("POST", url, seconds=5, key=stolen.key, form=form)
        assert (answer.status, answer.object()["error"]) == (400, "invalid_client"), proof
    await expire(here)
    assert await user() in (401, 403)
    assert len(kms[0].asked) == signed
    assert await reads(here, uid), "the refresh token is as good as before"
    for http in (here.http, thief):
        await http.close()


async def test_while_cloud_kms_signs_nothing_no_token_is_used_up(
    clean_org: EmbeddedOrg, kms: tuple[SigningKms, Any]
) -> None:
    """Its key was disabled by you, or it does not answer: work goes on with what access tokens are left, and after."""
    here = Instances(clean_org, client=PrivateKeyJwt(CONSUMER_KEY, KmsSigner(KEY, kms[1]), SystemClock()))
    uid, _ = await here.connect()
    await asyncio.to_thread(control, clean_org.url, "app", {"certificate": certificate_of(PRIVATE)})
    await asyncio.to_thread(control, clean_org.url, "counters/reset")
    await expire(here)
    for code, reason in (
        (grpc.StatusCode.UNAVAILABLE, Reason.STORE_UNAVAILABLE),
        (grpc.StatusCode.FAILED_PRECONDITION, Reason.MISCONFIGURED),
    ):
        kms[0].fails = [code] * 20
        with pytest.raises(CallError) as failed:
            await reads(here, uid)
        assert failed.value.reason is reason
        assert (await here.stored(uid)).generation == 1
        assert here.refreshes() == 0
    kms[0].fails = []
    assert await reads(here, uid)
    assert (await here.stored(uid)).generation == 2
    await here.http.close()


async def test_an_older_database_after_rotation_ends_in_a_named_reason_and_one_sign_in_mends(here: Instances) -> None:
    uid, credential = await here.connect()
    backup = await here.stored(uid)
    await here.renewals[0].renew(uid, credential)
    await here.documents.write(replace(backup, revision=(await here.stored(uid)).revision))
    await expire(here)
    with pytest.raises(ConnectionLost) as lost:
        await reads(here, uid)
    assert lost.value.reason is Reason.ACCESS_REVOKED
    with pytest.raises(ConnectionLost):
        await reads(here, uid)
    await here.connect()
    assert await reads(here, uid)


async def test_a_backup_older_than_a_dropped_key_opens_with_a_merged_keyset(here: Instances) -> None:
    """The old key from an earlier version of the secret, the new one seals."""
    old = new_keyset()
    new = drop_keys(promote_key(add_key(old)))
    uid, _ = await here.connect()
    grant = here.grant(await here.stored(uid))

    def vault(keyset: str) -> Vault:
        return Vault(here.store, TinkCipher(Secret(keyset)), here.oauth, here.clock, here.each[0].remembered)

    backup = replace(await here.stored(uid), sealed=vault(old).seal(uid, 1, grant))
    with pytest.raises(ConnectionLost) as lost:
        vault(new).unseal(backup)
    assert lost.value.reason is Reason.TOKENS_UNREADABLE, "a known key that was dropped: nobody tampered with it"
    merged = vault(merge_keysets(new, old))
    assert merged.unseal(backup) == grant
    resealed = replace(backup, sealed=merged.seal(uid, 1, merged.unseal(backup)))
    assert vault(new).unseal(resealed) == grant


async def test_the_consumer_secret_is_rotated_while_people_work(clean_org: EmbeddedOrg) -> None:
    """Salesforce has the new one only, and an instance with the old one is still at work: it loses nobody's token."""
    here, late = Instances(clean_org), Instances(clean_org, secret="the one of before")
    uid, _ = await here.connect()
    late.documents, late.cipher = here.documents, here.cipher
    oauth: SalesforceOAuth = late.oauth
    for _ in range(3):
        with pytest.raises(Misconfigured):
            await oauth.refresh(here.grant(await here.stored(uid)))
        await expire(here)
        assert await reads(here, uid)
    for instances in (here, late):
        await instances.http.close()


# Killed


class Killed(BaseException):
    """The process is gone: nothing more of it happens."""


class Mortal:
    """Counts the requests of a process to the outside, and kills it at one: before it arrives, or before its answer."""

    def __init__(self, *outside: object) -> None:
        self.at, self.arrives, self.requests, self.dead = -1, False, 0, False
        for part in outside:
            for name, method in inspect.getmembers(part, inspect.iscoroutinefunction):
                setattr(part, name, self._watched(method))

    def _watched(self, method: Any) -> Any:
        async def request(*given: Any, **named: Any) -> Any:
            if self.dead:
                raise Killed
            self.requests += 1
            self.dead = self.requests - 1 == self.at
            if self.dead and not self.arrives:
                raise Killed
            answer = await method(*given, **named)
            if self.dead:
                raise Killed
            return answer

        return request


def a_place() -> tuple[test_flow.Place, Mortal]:
    firebase = test_flow.FirebaseUsers()
    place = test_flow.Place(firebase)
    return place, Mortal(place.documents, place.salesforce, place.codes, firebase)


async def test_an_instance_is_killed_at_every_request_of_a_sign_in() -> None:
    """What is stored then is whole and good, or nothing is; the code cannot be used again; the next sign-in works."""
    place, mortal = a_place()
    await place.flow.sign_in(test_flow.SOMEBODY, test_flow.REQUEST)
    requests = mortal.requests
    assert requests >= 6
    for at in range(requests):
        for arrives in (False, True):
            place, mortal = a_place()
            mortal.at, mortal.arrives = at, arrives
            with pytest.raises(Killed):
                await place.flow.sign_in(test_flow.SOMEBODY, test_flow.REQUEST)
            mortal.dead, mortal.at = False, -1
            if not await place.is_empty():
                assert await place.grant() == Grant.of(test_flow.RESPONSE, test_flow.HOST)
            assert not place.salesforce.revoked, "nobody was there to revoke it"
            before = len(place.salesforce.exchanged)
            try:
                await place.flow.sign_in(test_flow.SOMEBODY, test_flow.REQUEST)
            except CallError as refused:
                assert refused.reason is Reason.CODE_REJECTED  # noqa: PT017
            assert len(place.salesforce.exchanged) <= max(1, before), "a code is sent once"
            again = replace(test_flow.REQUEST, code=test_flow.CODE + "again")
            await place.flow.sign_in(test_flow.SOMEBODY, again)
            assert await place.grant() == Grant.of(test_flow.RESPONSE, test_flow.HOST)
