"""A grant with which Salesforce lets a user do nothing: ended, revoked, and never a newer one with it."""

import pytest

from backend.connections.audit import Entry, Event
from backend.connections.connection import Connection, Credential, State
from backend.connections.tombstones import Tombstone
from backend.values import Secret
from contract.errors import ConnectionLost, Reason
from tests.functions.one_process import HOST, SIGNED_IN, UID, URL, Backend, a_grant, contended, response


def refused(generation: int) -> Credential:
    return Credential(UID, Secret("access 1"), URL, SIGNED_IN, generation)


async def test_it_is_ended_with_its_reason_and_revoked() -> None:
    here = Backend()
    await here.sign_in()
    await here.renewal.end(UID, refused(1), Reason.API_NOT_ENABLED)
    ended = await here.stored()
    assert (ended.state, ended.ended_reason) == (State.NEEDS_SIGN_IN, Reason.API_NOT_ENABLED)
    assert here.vault.unseal(ended) == a_grant().without_tokens()
    assert await here.unburied() == []
    assert here.salesforce.revoked == [(HOST, "refresh 1")]
    assert (State.NEEDS_SIGN_IN, Event.REFUSAL) in here.noticed
    with pytest.raises(ConnectionLost) as lost:
        await here.renewal.get(UID)
    assert lost.value.reason is Reason.API_NOT_ENABLED
    await here.renewal.end(UID, refused(1), Reason.API_NOT_ENABLED)
    assert len(here.salesforce.revoked) == 1, "many calls at once end it once"


async def test_a_sign_in_since_is_not_ended_with_it() -> None:
    """Both have the first generation of their sign-in."""
    here = Backend()
    await here.sign_in()
    there = Backend(here.documents)
    await there.vault.remove(UID, Event.REVOCATION, by="user")
    await there.clock.sleep(5)
    await there.sign_in()
    await here.renewal.end(UID, refused(1), Reason.API_NOT_ENABLED)
    assert (await here.stored()).state is State.FRESH


async def test_what_salesforce_does_not_confirm_is_revoked_by_the_upkeep() -> None:
    here = Backend()
    await here.sign_in()
    here.salesforce.away = True
    await here.renewal.end(UID, refused(1), Reason.API_NOT_ENABLED)
    assert (await here.stored()).has_ended
    here.salesforce.away = False
    await here.sign_in()
    await here.clock.sleep(3600)
    assert (await here.lifecycle.upkeep()).revoked == 1
    assert here.salesforce.revoked == [(HOST, "refresh 1")]
    assert (await here.stored()).state is State.FRESH
    assert await here.unburied() == []


async def test_a_refresh_that_was_under_way_does_not_bring_it_back() -> None:
    """Its answer comes when the grant has been given up: the new tokens are revoked like the old ones."""
    here = Backend()
    await here.sign_in()
    inner = here.documents.write

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.generation == 2:
            here.documents.write = inner
            await here.renewal.end(UID, refused(1), Reason.API_NOT_ENABLED)
        return await inner(connection, entry, tombstone)

    here.documents.write = write
    here.salesforce.answers = [response(n=2)]
    with pytest.raises(ConnectionLost) as lost:
        await here.renewal.renew(UID, refused(1))
    assert lost.value.reason is Reason.API_NOT_ENABLED
    assert (await here.stored()).state is State.NEEDS_SIGN_IN
    assert here.salesforce.revoked == [(HOST, "refresh 1"), (HOST, "refresh 2")]
    assert await here.unburied() == []


async def test_a_newer_generation_stays() -> None:
    here = Backend()
    await here.sign_in()
    await here.sign_in()
    await here.renewal.end(UID, refused(1), Reason.API_NOT_ENABLED)
    assert (await here.stored()).state is State.FRESH
    assert here.salesforce.revoked == []


async def test_who_writes_at_the_same_moment_stops_nothing() -> None:
    here = Backend()
    await here.sign_in()
    here.documents.before_write = [contended]
    await here.renewal.end(UID, refused(1), Reason.API_NOT_ENABLED)
    assert (await here.stored()).has_ended
    assert here.salesforce.revoked == [(HOST, "refresh 1")]
