"""A backend in several instances, for tests that need no emulator."""

from collections.abc import AsyncIterator

import pytest

from devtools.clients import control
from localorg import EmbeddedOrg
from tests.functions.instances import Instances


@pytest.fixture
async def instances(org: EmbeddedOrg) -> AsyncIterator[Instances]:
    made = Instances(org)
    control(org.url, "faults/clear")
    control(org.url, "counters/reset")
    yield made
    await made.http.close()
