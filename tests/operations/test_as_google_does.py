"""What an operator found by reading the deployment beside gcloud, firebase-tools and what others saw of Google."""

import pytest

from devtools.deploy import steps
from devtools.deploy.steps import Target
from tests.operations.project import KMS, PROJECT, World


def test_apis_are_switched_on_twenty_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service Usage refuses more in one batch (GoogleCloudPlatform/k8s-config-connector#6334), and gcloud sends all
    that it is given as one (its surface/services/enable.py).
    """
    monkeypatch.setattr(steps, "_keyset", lambda _target: "a wrapped keyset")  # pyright: ignore[reportPrivateUsage]  KMS is out of reach
    target = Target(PROJECT, "eur3", {"TELEMETRY": "google", "TOKEN_KEYSET_KMS_KEY": KMS})
    world.deploy(target)
    enabled = [words[3 : words.index("--project")] for words in world.read()["changes"] if words[2] == "enable"]
    assert [len(apis) for apis in enabled] == [20, 3]
    assert world.plan(target) == 0
