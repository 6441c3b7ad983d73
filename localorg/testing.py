"""A pytest fixture that comes with the package: `def test_something(local_org): …`"""

from collections.abc import Iterator

import pytest

from localorg.embedded import EmbeddedOrg
from localorg.settings import OrgSettings


@pytest.fixture(scope="session")
def local_org() -> Iterator[EmbeddedOrg]:
    """A running org with 20 accounts, one for the whole test session; `local_org.url` is its address."""
    with EmbeddedOrg(OrgSettings(accounts=20)) as org:
        org.save("as-it-began")
        yield org


@pytest.fixture
def clean_org(local_org: EmbeddedOrg) -> EmbeddedOrg:
    """The same org, as it began: what other tests wrote is gone, and so are their sessions."""
    local_org.restore("as-it-began")
    return local_org
