"""What all tests of the app share."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def _little_to_collect() -> None:
    """What other files have left is not looked at again at each collection, and some tests collect again and again."""
    gc.collect()
    gc.freeze()
