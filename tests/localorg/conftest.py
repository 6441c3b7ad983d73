"""An org of a file's own, and an administrator's client of the org that a file of tests brings."""

from collections.abc import Iterator

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, control
from localorg import EmbeddedOrg, OrgSettings
from tests.localorg.proofs import Key


@pytest.fixture(scope="module")
def own_org() -> Iterator[EmbeddedOrg]:
    """Which a test may change as it likes, and restore as "clean"."""
    with EmbeddedOrg(OrgSettings(accounts=5)) as org:
        org.save("clean")
        yield org


@pytest.fixture
def without_nonces(own_org: EmbeddedOrg) -> EmbeddedOrg:
    """It, as it began, asking for no nonces in proofs (DPoP)."""
    own_org.restore("clean")
    control(own_org.url, "reset")
    control(own_org.url, "counters/reset")
    control(own_org.url, "proofs", {"tokenNonce": False})
    return own_org


@pytest.fixture(scope="module")
def key() -> Key:
    """A key for proofs (DPoP)."""
    return Key()


@pytest.fixture
def http(org: EmbeddedOrg) -> Iterator[httpx.Client]:
    """At the org's REST API."""
    token = control(org.url, "token", {"username": ADMIN})["access_token"]
    base = f"{org.url}/services/data/v66.0"
    with loopback.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client
