"""Connections as they were stored before each was sealed as one: refused, or with READ_OLD_RECORDS read once and sealed
anew; what stands beside their two ciphertexts decides nothing.
"""

from collections.abc import AsyncIterator

import pytest

from backend.adapters.firestore.fields import NO_OLD_FIELDS
from backend.adapters.old_records import OldRecords
from backend.values import Secret, Uid
from contract.calls import LoginHost
from contract.errors import ConnectionLost, Reason
from devtools.clients import control
from localorg import EmbeddedOrg
from tests.functions.instances import Instances
from tests.functions.raw_documents import MISSING, Documents

QUERY = "SELECT Id FROM Account LIMIT 1"
THIEF = "127.0.0.1:9"


class Upgrade(Instances):
    """Processes over documents in the old layout."""

    raw: Documents

    async def old_record(self) -> Uid:
        """A user who signed in with the version before."""
        uid, _ = await self.connect()
        grant = self.grant(await self.stored(uid))

        def sealed(token: Secret, field: str) -> bytes:
            return self.cipher.seal(token, uid=uid, field=field, generation=1)

        self.raw.change(uid, {
            "sealed": MISSING, "loginHost": grant.login_host, "instanceUrl": grant.instance_url, "scope": "api",
            "accessToken": sealed(grant.access_token, "access_token"),
            "refreshToken": sealed(grant.refresh_token, "refresh_token"), "revocationDue": False,
        })  # fmt: skip
        for instance in self.each:
            instance.remembered.forget(uid)
        return uid

    def switch_on(self) -> None:
        """READ_OLD_RECORDS=yes."""
        self.raw.old = OldRecords(self.cipher, (LoginHost(self.host, "Local org"),))

    async def reason(self, uid: Uid) -> Reason | None:
        """What a data call ends with."""
        try:
            await self.rests[1].query(uid, QUERY)
        except ConnectionLost as lost:
            return lost.reason
        return None


@pytest.fixture
async def upgrade(org: EmbeddedOrg) -> AsyncIterator[Upgrade]:
    documents = Documents()
    made = Upgrade(org, documents=documents)
    made.raw = documents
    control(org.url, "faults/clear")
    control(org.url, "counters/reset")
    yield made
    await made.http.close()


async def test_without_the_setting_an_old_record_is_refused_and_a_sign_in_mends_it(upgrade: Upgrade) -> None:
    uid = await upgrade.old_record()
    assert await upgrade.reason(uid) is Reason.CONNECTION_OUTDATED
    assert (await upgrade.status(uid)).ended_reason == "connection-outdated"
    assert upgrade.refreshes() == 0
    with pytest.raises(ConnectionLost):
        await upgrade.vaults[0].reseal(uid)
    await upgrade.connect()
    assert await upgrade.reason(uid) is None
    assert not upgrade.raw.raw[uid].keys() & NO_OLD_FIELDS.keys(), "and the old fields are gone"


async def test_with_the_setting_it_is_refreshed_before_anything_is_sent_with_it(upgrade: Upgrade) -> None:
    uid = await upgrade.old_record()
    upgrade.switch_on()
    upgrade.raw.change(uid, {"instanceUrl": f"http://{THIEF}"})
    assert await upgrade.reason(uid) is None
    assert upgrade.refreshes() == 1
    stored = await upgrade.stored(uid)
    assert (stored.generation, upgrade.grant(stored).instance_url) == (2, upgrade.org.url)
    assert not upgrade.raw.raw[uid].keys() & NO_OLD_FIELDS.keys()


async def test_resealing_makes_new_records_of_old_ones_without_a_request_to_salesforce(upgrade: Upgrade) -> None:
    uid = await upgrade.old_record()
    upgrade.switch_on()
    assert await upgrade.vaults[0].reseal(uid)
    assert "sealed" in upgrade.raw.raw[uid]
    assert not upgrade.raw.raw[uid].keys() & NO_OLD_FIELDS.keys()
    assert upgrade.refreshes() == 0
    upgrade.raw.old = None  # the setting is taken away
    assert await upgrade.reason(uid) is None
    assert upgrade.refreshes() == 1


@pytest.mark.parametrize("on", [False, True])
@pytest.mark.parametrize("tampered", [
    {"loginHost": THIEF}, {"loginHost": 7}, {"generation": 2}, {"refreshToken": b"x"}, {"refreshToken": "x"},
])  # fmt: skip
async def test_an_old_ciphertext_with_a_tampered_host_is_refused(
    upgrade: Upgrade, tampered: dict[str, object], on: bool
) -> None:
    uid = await upgrade.old_record()
    if on:
        upgrade.switch_on()
    upgrade.raw.change(uid, tampered)
    assert await upgrade.reason(uid) is Reason.CONNECTION_OUTDATED
    assert upgrade.refreshes() == 0


async def test_a_new_record_made_old_again_is_not_read_beside_its_seal(upgrade: Upgrade) -> None:
    """The old fields played back beside a seal: the seal decides."""
    uid = await upgrade.old_record()
    old = dict(upgrade.raw.raw[uid])
    upgrade.switch_on()
    await upgrade.vaults[0].reseal(uid)
    upgrade.raw.change(uid, {"loginHost": THIEF, "instanceUrl": f"http://{THIEF}", "refreshToken": old["refreshToken"]})
    assert await upgrade.reason(uid) is None
    assert upgrade.refreshes() == 1
