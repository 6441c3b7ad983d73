"""Pytest fixtures that come with the package: `def test_something(local_org): …`"""

from collections.abc import Iterator

import pytest

from localorg.embedded import EmbeddedOrg
from localorg.settings import OrgSettings


@pytest.fixture(scope="session")
def local_org() -> Iterator[EmbeddedOrg]:
    """A running org with 20 accounts, the same for the whole test session. `local_org.url` is its address."""
    with EmbeddedOrg(OrgSettings(accounts=20)) as org:
        org.save("as-it-began")
        yield org


@pytest.fixture
def clean_org(local_org: EmbeddedOrg) -> EmbeddedOrg:
    """The same org, with records, grants, and sessions as they were at the start."""
    local_org.restore("as-it-began")
    return local_org
