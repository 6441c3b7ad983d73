"""How far the random searches go: as far as every run of `make test` can afford, or TEST_DEPTH times that (`make
test-deep`).
"""

import os

DEPTH = int(os.environ.get("TEST_DEPTH", "1"))


def examples(usual: int) -> int:
    """How many examples to try where a usual run tries that many."""
    return usual * DEPTH
