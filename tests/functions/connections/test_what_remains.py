"""What docs/threat-model.md and docs/security.md say that is possible all the same, and what ends it."""

import pytest

from backend.connections.connection import State
from backend.failures import GrantRefused
from backend.values import Caller
from contract.calls import Empty, SignOut
from contract.errors import ConnectionLost, Reason
from tests.functions.one_process import UID, Backend
from tests.functions.raw_documents import Documents

PHONE, LAPTOP = Caller(UID, "phone"), Caller(UID, "laptop")


async def refused(here: Backend, why: Exception) -> None:
    """Salesforce ends the grant with the next refresh."""
    credential = (await here.vault.open(UID)).credential
    here.salesforce.answers = [why]
    with pytest.raises(ConnectionLost):
        await here.renewal.renew(UID, credential)
    assert (await here.stored()).state is State.NEEDS_SIGN_IN


@pytest.mark.parametrize("again", ["in", "out"])
async def test_what_was_spoiled_and_is_played_back_lives_until_it_is_signed_out_again(again: str) -> None:
    documents = Documents()
    here = Backend(documents)
    await here.sign_in()
    before = dict(documents.raw[UID])
    documents.change(UID, {"sealed": b"x"})
    here.remembered.forget(UID)
    await (here.sign_in(UID, "laptop") if again == "in" else here.lifecycle.sign_out(PHONE, SignOut(everywhere=True)))
    assert (here.salesforce.revoked, here.documents.graves) == ([], {}), "nobody could open it"
    documents.put_back(UID, before)
    here.remembered.forget(UID)
    assert await here.vault.admits(PHONE)
    await here.renewal.get(UID)
    await here.lifecycle.sign_out(PHONE, SignOut(everywhere=True))
    assert len(here.salesforce.revoked) == 1


async def test_what_a_refusal_ended_is_used_again_when_it_is_called_fresh() -> None:
    documents = Documents()
    here = Backend(documents)
    await here.sign_in()
    await refused(here, ConnectionLost(Reason.IP_RESTRICTED))
    documents.change(UID, {"state": "fresh", "endedReason": None})
    assert (await here.renewal.get(UID)).uid == UID


@pytest.mark.parametrize("everywhere", [False, True])
async def test_after_salesforce_ended_a_grant_the_next_sign_in_admits_every_device_that_was_not_signed_out(
    everywhere: bool,
) -> None:
    here = Backend()
    for device in ("phone", "laptop"):
        await here.sign_in(UID, device)
    await refused(here, GrantRefused())
    if everywhere:
        await here.lifecycle.sign_out(LAPTOP, SignOut(everywhere=True))
    await here.sign_in(UID, "new laptop")
    assert await here.vault.admits(PHONE) is not everywhere


async def test_another_instance_answers_the_erased_for_a_minute() -> None:
    here = Backend()
    await here.sign_in()
    other = Backend(here.documents)
    await other.vault.open(UID)
    await here.lifecycle.erase_me(PHONE, Empty())
    assert await other.vault.admits(PHONE)
    await other.clock.sleep(61)
    with pytest.raises(ConnectionLost):
        await other.vault.admits(PHONE)
