"""What a process remembers of connections, and for how long."""

from datetime import timedelta
from typing import Any

import pytest

from backend.connections.audit import Event
from backend.connections.credentials import REMEMBER_SECONDS
from backend.connections.writes import Unanswered
from backend.values import Attachment, Caller
from contract.calls import SignOut
from devtools.clients import ADMIN
from localorg import EmbeddedOrg
from tests.functions.instances import Instances
from tests.functions.one_process import UID, Backend, response


async def test_keeping_describes_does_not_make_a_credential_trusted_for_longer(org: EmbeddedOrg) -> None:
    instances = Instances(org)
    uid, _ = await instances.connect()
    remembered = instances.each[0].remembered
    await instances.clock.sleep(REMEMBER_SECONDS - 1)
    remembered.attach(uid, Attachment(b"newer", instances.clock.now()))
    known = remembered.recall(uid)
    assert known is not None
    assert known.attachment == Attachment(b"newer", instances.clock.now())
    await instances.clock.sleep(2)
    assert remembered.recall(uid) is None
    await instances.http.close()


async def test_a_clock_that_is_set_back_keeps_no_credential_for_longer(org: EmbeddedOrg) -> None:
    instances = Instances(org)
    uid, _ = await instances.connect()
    remembered = instances.each[0].remembered
    assert remembered.recall(uid) is not None
    instances.clock._now -= timedelta(hours=1)  # pyright: ignore[reportPrivateUsage]
    assert remembered.recall(uid) is None
    await instances.http.close()


async def test_nobodys_token_stays_in_memory_for_longer_than_it_may_be_used(org: EmbeddedOrg) -> None:
    instances = Instances(org)
    remembered = instances.each[0].remembered
    first, _ = await instances.connect()
    assert remembered.recall(first) is not None
    kept = remembered._cache  # pyright: ignore[reportPrivateUsage]
    await instances.clock.sleep(REMEMBER_SECONDS + 1)
    second, _ = await instances.connect(ADMIN)
    assert list(kept) == [second]
    await instances.http.close()


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("event", [Event.REFRESH, Event.SIGN_IN])
async def test_a_write_whose_answer_is_late_admits_no_device_that_has_signed_out(event: Event, answered: bool) -> None:
    here = Backend()
    await here.sign_in(device="phone")
    await here.sign_in(device="laptop")
    rejected = (await here.vault.open(UID)).credential
    here.salesforce.answers = [response(n=2)]
    inner, signed_out = here.documents.write, False

    async def write(connection: Any, entry: Any = None, tombstone: Any = None) -> Any:
        nonlocal signed_out
        written = await inner(connection, entry, tombstone)
        if entry is not None and entry.event is event and not signed_out:
            signed_out = True
            await here.lifecycle.sign_out(Caller(UID, "phone"), SignOut())
            if not answered:
                raise Unanswered
        return written

    here.documents.write = write
    if event is Event.REFRESH:
        assert (await here.renewal.renew(UID, rejected)).credential.generation == rejected.generation + 1
    else:
        await here.sign_in(device="tablet")
    assert signed_out
    assert not await here.vault.admits(Caller(UID, "phone"))
    assert await here.vault.admits(Caller(UID, "laptop"))


async def test_a_look_at_a_renewed_connection_that_is_late_admits_no_device_that_has_signed_out() -> None:
    here = Backend()
    await here.sign_in(device="phone")
    rejected = (await here.vault.open(UID)).credential
    await here.sign_in(device="laptop")
    here.remembered.forget(UID)
    inner, signed_out = here.documents.read, False

    async def read(uid: Any) -> Any:
        nonlocal signed_out
        found = await inner(uid)
        if not signed_out:
            signed_out = True
            await here.lifecycle.sign_out(Caller(UID, "phone"), SignOut())
        return found

    here.documents.read = read
    await here.renewal.renew(UID, rejected)
    assert not await here.vault.admits(Caller(UID, "phone"))
