"""Grants that were given up stay known until Salesforce has said yes; the answers that are a yes are held here too."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from backend.adapters.client_authentication import ConsumerSecret
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.connections.connection import Device, Grant, staying_signed_in
from backend.connections.lifecycle import UpkeepReport
from backend.connections.revocation import KEEP_DAYS
from backend.connections.tombstones import Tombstone
from backend.failures import Busy
from backend.values import Caller, Secret, Uid
from contract.calls import Empty, SignOut
from contract.errors import CallError
from devtools.clients import CONSUMER_KEY, CONSUMER_SECRET, control
from localorg import EmbeddedOrg
from tests.altered import replace
from tests.functions.one_process import HOST, UID, Backend, a_grant, response

DAY = 86400


@pytest.fixture
def here() -> Backend:
    return Backend()


async def test_a_sign_out_that_salesforce_did_not_confirm_is_made_good_by_the_upkeep(here: Backend) -> None:
    await here.sign_in()
    here.salesforce.away = True
    await here.lifecycle.sign_out(Caller(UID, "phone"), SignOut())
    assert await here.unburied() == [a_grant()]
    (tombstone,) = here.documents.graves.values()
    assert UID not in repr(tombstone)
    assert UID.user_id not in repr(tombstone)
    await here.clock.sleep(3600)
    assert await here.lifecycle.upkeep() == UpkeepReport(postponed=1)
    here.salesforce.away = False
    assert await here.lifecycle.upkeep() == UpkeepReport(revoked=1)
    assert (await here.unburied(), here.salesforce.revoked) == ([], [(HOST, "refresh 1")])


async def test_what_salesforce_never_confirms_is_dropped_after_a_month(here: Backend) -> None:
    await here.sign_in()
    here.salesforce.away = True
    await here.lifecycle.sign_out(Caller(UID, "phone"), SignOut())
    await here.clock.sleep(KEEP_DAYS * DAY)
    assert await here.lifecycle.upkeep() == UpkeepReport(postponed=1)
    await here.clock.sleep(1)
    assert await here.lifecycle.upkeep() == UpkeepReport(dropped=1)
    assert not here.documents.graves


async def test_the_upkeep_leaves_the_grant_of_a_sign_in_that_is_under_way(here: Backend) -> None:
    held = await here.vault.revocation.hold(a_grant())
    assert await here.lifecycle.upkeep() == UpkeepReport()
    assert here.documents.graves == {held.id: held}


async def test_what_nobody_can_unseal_is_neither_sent_nor_kept_for_ever(here: Backend) -> None:
    held = await here.vault.revocation.hold(a_grant())
    other = await here.vault.revocation.hold(a_grant(2))
    swapped = held.holding(other.sealed)
    await here.documents.write_tombstone(swapped)
    await here.clock.sleep(3600)
    assert await here.lifecycle.upkeep() == UpkeepReport(postponed=1, revoked=1)
    await here.clock.sleep(KEEP_DAYS * DAY)
    assert await here.lifecycle.upkeep() == UpkeepReport(dropped=1)
    assert here.salesforce.revoked == [(HOST, "refresh 2")]


async def test_erasing_says_honestly_whether_salesforce_has_confirmed(here: Backend) -> None:
    await here.sign_in()
    here.salesforce.away = True
    assert not (await here.lifecycle.erase_me(Caller(UID, "phone"), Empty())).revoked_at_salesforce
    assert await here.unburied() == [a_grant()]


async def test_one_part_of_the_upkeep_that_fails_stops_no_other(here: Backend) -> None:
    await here.sign_in()
    held = await here.vault.revocation.hold(a_grant(2))
    await here.clock.sleep(181 * DAY)

    async def broken() -> AsyncIterator[Tombstone]:
        yield held
        raise ConnectionError("the store is away")

    here.documents.tombstones = broken
    with pytest.raises(ConnectionError):
        await here.lifecycle.upkeep()
    assert await here.documents.read(UID) is None, "what nobody uses was deleted all the same"


@pytest.mark.parametrize(("status", "body", "yes"), [
    (200, "", True),
    (400, '{"error":"invalid_token"}', True),
    (400, '{"error":"unsupported_token_type"}', True),
    (400, '{"error":"invalid_request"}', False),
    (400, "", False),
    (401, '{"error":"invalid_client"}', False),
    (403, "", False),
    (404, "", False),
    (429, '{"error":"invalid_token"}', False),
    (303, "", False),
    (503, "", False),
])  # fmt: skip
async def test_what_salesforce_must_say_to_a_revocation(org: EmbeddedOrg, status: int, body: str, yes: bool) -> None:
    control(org.url, "faults/clear")
    control(org.url, "faults", {"kind": "revoke", "status": status, "body": body})
    http = Http()
    oauth = SalesforceOAuth(http, ConsumerSecret(CONSUMER_KEY, Secret(CONSUMER_SECRET)), local=True)
    grant = Grant(f"127.0.0.1:{org.port}", org.url, "api", Secret("a"), Secret("r"))
    try:
        await oauth.revoke(grant)
        assert yes
    except CallError:
        assert not yes
    finally:
        await http.close()
        control(org.url, "faults/clear")


async def test_everybody_elses_sign_out_is_not_held_up_by_one_grant(here: Backend) -> None:
    other = Uid.of("00D000000000001EAA", "005000000000002AAA")
    await here.sign_in()
    await here.sign_in(other)
    here.salesforce.away = True
    await here.lifecycle.sign_out(Caller(UID, "phone"), SignOut())
    here.salesforce.away = False
    await here.lifecycle.sign_out(Caller(other, "phone"), SignOut())
    assert await here.unburied() == [a_grant()]


async def test_a_save_comes_too_late_once_its_tombstone_was_taken_up(here: Backend) -> None:
    await here.sign_in(device="tablet")
    before = await here.stored()
    held = await here.vault.revocation.hold(a_grant(2))
    await here.vault.revocation.let_go(held)
    with pytest.raises(Busy):
        await here.vault.save(UID, a_grant(2), Device("phone"), held)
    assert await here.stored() == before
    assert (await here.unburied(), here.salesforce.revoked) == ([], [(HOST, "refresh 2")])


async def test_a_save_puts_what_it_replaces_where_its_own_tombstone_was(here: Backend) -> None:
    await here.sign_in()
    held = await here.vault.revocation.hold(a_grant(2))
    replaced = await here.vault.save(UID, a_grant(2), Device("tablet"), held)
    assert replaced is not None
    assert (list(here.documents.graves), await here.unburied()) == ([held.id], [a_grant()])
    await here.vault.revocation.let_go(held)
    assert here.salesforce.revoked == [], "what was saved is not let go"
    assert await here.vault.settle(replaced)
    assert (await here.unburied(), here.salesforce.revoked) == ([], [(HOST, "refresh 1")])


async def test_a_time_in_the_future_does_not_keep_a_tombstone_for_ever(here: Backend) -> None:
    held = await here.vault.revocation.hold(a_grant())
    here.documents.graves[held.id] = replace(held, at=datetime(9999, 12, 31, tzinfo=UTC))
    here.salesforce.away = True
    assert await here.lifecycle.upkeep() == UpkeepReport(postponed=1)
    assert here.documents.graves[held.id].at == here.clock.now(), "from now on it ages"
    await here.clock.sleep(KEEP_DAYS * DAY)
    here.salesforce.away = False
    assert await here.lifecycle.upkeep() == UpkeepReport(revoked=1)


async def test_a_sign_in_of_an_instance_whose_clock_is_ahead_is_left_alone(here: Backend) -> None:
    held = await here.vault.revocation.hold(a_grant())
    here.documents.graves[held.id] = ahead = replace(held, at=held.at + timedelta(seconds=60))
    assert await here.lifecycle.upkeep() == UpkeepReport()
    assert here.documents.graves == {held.id: ahead}


async def test_a_tombstone_that_was_spoiled_is_told_by_its_id(here: Backend) -> None:
    held = await here.vault.revocation.hold(a_grant())
    here.documents.graves[held.id] = replace(held, sealed=b"x")
    await here.clock.sleep(3600)
    assert await here.lifecycle.upkeep() == UpkeepReport(postponed=1)
    assert here.tampered == [held.id]


async def test_tombstones_come_last_in_the_upkeep(here: Backend) -> None:
    """However many somebody writes, people are kept alive before."""
    await here.sign_in()
    await here.vault.change(UID, lambda c: staying_signed_in(c, True))
    await here.vault.revocation.hold(a_grant(2))
    await here.clock.sleep(21 * DAY)
    refreshed: list[int] = []
    tombstones = here.documents.tombstones

    here.salesforce.answers = [response(n=3)]

    async def tombstones_are_read() -> AsyncIterator[Tombstone]:
        refreshed.append(len(here.salesforce.refreshed))
        async for tombstone in tombstones():
            yield tombstone

    here.documents.tombstones = tombstones_are_read
    assert await here.lifecycle.upkeep() == UpkeepReport(kept_alive=1, revoked=1)
    assert refreshed == [1]
