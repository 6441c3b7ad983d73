"""Requests as one user, against the real org: which reads go once, and when a read must be sent anew."""

import asyncio

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
