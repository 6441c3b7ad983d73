"""What a process remembers of connections, and for how long."""

from backend.connections.credentials import REMEMBER_SECONDS
from backend.values import Attachment
from localorg import EmbeddedOrg
from tests.functions.instances import Instances


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
