"""A project in which others have something: nothing of theirs is touched, deletions need a yes, and what is replaced is
shown before.
"""

import json
from typing import Any, ClassVar

import pytest

from devtools.deploy.steps import Target
from devtools.paths import ROOT
from tests.operations import fake_google
from tests.operations.project import PROJECT, World


@pytest.fixture
def target() -> Target:
    return Target(PROJECT, "eur3")


def changed(world: World, *first: str) -> list[list[str]]:
    """The changes that were made and begin with these words."""
    return [words for words in world.read()["changes"] if words[: len(first)] == list(first)]


class TestFirestore:
    BARE: ClassVar[dict[str, Any]] = {"type": "FIRESTORE_NATIVE", "locationId": "eur3", "name": "x/(default)"}

    def test_a_database_without_recovery_and_protection_gets_both(self, world: World, target: Target) -> None:
        world.set(apis=[*fake_google.NEW["apis"], "firestore.googleapis.com"], databases=[self.BARE])
        world.deploy(target)
        for database in world.read()["databases"]:
            assert database["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
            assert database["pointInTimeRecoveryEnablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
        assert world.plan(target) == 0

    def test_only_what_is_off_is_switched_on(self, world: World, target: Target) -> None:
        world.deploy(target)
        databases = world.read()["databases"]
        databases[0]["pointInTimeRecoveryEnablement"] = "POINT_IN_TIME_RECOVERY_DISABLED"
        world.set(databases=databases, changes=[])
        world.deploy(target)
        ((*_, option, _, _),) = changed(world, "gcloud", "firestore", "databases", "update")
        assert option == "--enable-pitr"

    @pytest.mark.parametrize(("retention", "after"), [("604800s", "1209600s"), ("8467200s", "8467200s")])
    def test_backups_are_kept_as_long_as_promised_or_longer(
        self, world: World, target: Target, retention: str, after: str
    ) -> None:
        world.deploy(target)
        backups = world.read()["backups"]
        backups[0]["retention"] = retention
        world.set(backups=backups)
        world.deploy(target)
        assert world.read()["backups"][0]["retention"] == after
        assert world.plan(target) == 0

    def test_a_weekly_backup_is_not_one_a_day(self, world: World, target: Target) -> None:
        world.deploy(target)
        weekly = {"retention": "1209600s", "weeklyRecurrence": {"day": "SUNDAY"}, "name": "x/backupSchedules/7"}
        world.set(backups=[{**weekly, "database": "(default)"}, world.read()["backups"][1]])
        assert world.plan(target) == 1


def test_the_functions_have_a_codebase_of_their_own() -> None:
    """What is named "default" is everybody's: every project without a name deploys under it (firebase-tools 15.34.2,
    lib/functions/projectConfig.js, DEFAULT_CODEBASE).
    """
    (functions,) = json.loads((ROOT / "firebase.json").read_text())["functions"]
    assert functions["codebase"] == "salesforce-sample"
    assert '"default"' not in (ROOT / "devtools/deploy_check.js").read_text()
