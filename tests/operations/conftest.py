"""A project of Google Cloud, for tests of its deployment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.project import World, project


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with project(tmp_path, monkeypatch) as found:
        yield found
