"""Requests as one user, against the real org: which reads go once, and when a read must be sent anew."""

import asyncio
import gc
import weakref

import pytest

from backend.failures import OutcomeUnknown
from devtools.clients import control
from localorg import EmbeddedOrg
from tests.functions.instances import Instances

QUERY = "SELECT Id, Phone FROM Account ORDER BY Name LIMIT 1"


def queries(org: EmbeddedOrg) -> int:
    return control(org.url, "counters").get("rest.query", 0)


async def test_after_a_write_whose_outcome_is_unknown_nobody_joins_an_older_read(org: EmbeddedOrg) -> None:
    instances = Instances(org)
    uid, _ = await instances.connect()
    rest = instances.rests[0]
    ((account,),) = await rest.query(uid, QUERY)
    control(org.url, "counters/reset")
    control(org.url, "faults", {"kind": "rest.query", "delayMs": 1500})
    older = asyncio.create_task(rest.query(uid, QUERY))
    await instances.until(lambda: queries(org) == 1)
    control(org.url, "faults", {"kind": "rest.composite", "cut": "after"})
    with pytest.raises(OutcomeUnknown):
        await rest.update(uid, "Account", str(account["Id"]), {"Phone": "+49 30 4711"}, "Id", None)
    assert not older.done()
    ((newer,),) = await rest.query(uid, QUERY)
    assert newer["Phone"] == "+49 30 4711"
    assert queries(org) == 2
    await older
    await instances.http.close()


async def test_what_a_failed_read_held_is_gone_at_once(org: EmbeddedOrg) -> None:
    """Not when the garbage collector comes by: hundreds of broken-off answers would fill an instance's memory."""
    instances = Instances(org)
    uid, _ = await instances.connect()
    await instances.rests[0].query(uid, QUERY)
    control(org.url, "faults", {"kind": "rest.query", "cut": "after", "times": 3})
    gc.collect()
    gc.disable()
    try:
        failure: weakref.ref[OutcomeUnknown] | None = None
        try:
            await instances.rests[0].query(uid, QUERY)
        except OutcomeUnknown as failed:
            failure = weakref.ref(failed)
        assert failure is not None
        await asyncio.sleep(0)
        assert failure() is None
    finally:
        gc.enable()
        await instances.http.close()
