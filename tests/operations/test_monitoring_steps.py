"""What `make deploy` makes of deploy/monitoring, on a project that has none of it, or that of an earlier version."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devtools.deploy import cloud as clouds
from devtools.deploy import monitoring
from devtools.deploy.cloud import DeployError
from devtools.deploy.steps import Target
from devtools.paths import ROOT
from tests.operations.project import PROJECT, World

TARGET = Target(
    PROJECT,
    "eur3",
    {
        "DOMAIN": "app.acme.example",
        "REDIRECT_URIS": "http://127.0.0.1:5717/oauth/callback https://app.acme.example/cb",
    },
)
PATH = f"/v3/projects/{PROJECT}"


def made(world: World, kind: str) -> dict[str, Any]:
    return {thing["displayName"]: thing for thing in world.read()["monitoring"].get(f"{PATH}/{kind}", [])}


def test_the_app_is_asked_for_at_its_own_address(world: World) -> None:
    world.deploy(TARGET)
    checks = made(world, "uptimeCheckConfigs")
    assert set(checks) == {
        "Salesforce sample: the page at app.acme.example",
        "Salesforce sample: sign-in options at app.acme.example",
    }
    for check in checks.values():
        assert check["monitoredResource"]["labels"] == {"project_id": PROJECT, "host": "app.acme.example"}
    assert monitoring.host(PROJECT, {}) == f"{PROJECT}.web.app"


def test_each_alert_of_a_check_names_the_check_that_google_made(world: World) -> None:
    world.deploy(TARGET)
    ids = {c["name"].rsplit("/", 1)[-1] for c in made(world, "uptimeCheckConfigs").values()}
    alerts = [p for p in made(world, "alertPolicies").values() if "uptime_check" in json.dumps(p)]
    named = {text.split('"')[5] for p in alerts for text in (p["conditions"][0]["conditionThreshold"]["filter"],)}
    assert named == ids
    assert "CHECK(" not in json.dumps(world.read()["monitoring"])
    assert world.plan(TARGET) == 0


def test_a_changed_check_objective_or_metric_is_changed_there_too(world: World) -> None:
    world.deploy(TARGET)
    now = world.read()
    now["monitoring"][f"{PATH}/uptimeCheckConfigs"][0]["userLabels"]["version"] = "before"
    objectives = next(path for path in now["monitoring"] if path.endswith("/serviceLevelObjectives"))
    del now["monitoring"][objectives][0]["userLabels"]
    del now["metrics"]["sample_calls"]["labelExtractors"]["caller"]
    world.set(monitoring=now["monitoring"], metrics=now["metrics"])
    assert world.plan(TARGET) == 3
    world.deploy(TARGET)
    assert world.plan(TARGET) == 0
    assert "caller" in world.read()["metrics"]["sample_calls"]["labelExtractors"]


def test_an_alert_that_was_called_otherwise_is_changed_and_no_second_one_made(world: World) -> None:
    world.deploy(TARGET)
    now = world.read()["monitoring"]
    (alert,) = [p for p in now[f"{PATH}/alertPolicies"] if "upkeep" in p["displayName"]]
    alert |= {"displayName": "Salesforce sample: the daily upkeep did not run", "userLabels": {"version": "before"}}
    world.set(monitoring=now)
    before = len(now[f"{PATH}/alertPolicies"])
    world.deploy(TARGET)
    assert len(made(world, "alertPolicies")) == before
    assert "Salesforce sample: the upkeep does not run" in made(world, "alertPolicies")


class TestWhoHears:
    """A deployment without ALERT_EMAIL, of somebody else or of a workflow, must not take alerts from those who get
    them: a PATCH without a mask replaces the whole policy
    (https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies/patch).
    """

    @staticmethod
    def to(world: World) -> list[list[str]]:
        return [policy["notificationChannels"] for policy in made(world, "alertPolicies").values()]

    def test_without_an_address_alerts_go_where_they_went(self, world: World) -> None:
        world.deploy(replace(TARGET, alert_email="on-call@example.com"))
        before = self.to(world)
        assert all(len(channels) == 1 for channels in before)
        assert world.plan(TARGET) == 0
        world.deploy(TARGET)
        assert self.to(world) == before

    def test_what_was_set_in_the_console_stays(self, world: World) -> None:
        target = replace(TARGET, alert_email="on-call@example.com")
        world.deploy(target)
        now = world.read()["monitoring"]
        for policy in now[f"{PATH}/alertPolicies"]:
            policy["notificationChannels"].append("projects/p/notificationChannels/pager")
            policy["enabled"] = False
            policy["userLabels"] |= {"team": "sales", "version": "before"}
        world.set(monitoring=now)
        for again in (TARGET, target):
            world.deploy(again)
            for policy in made(world, "alertPolicies").values():
                assert policy["notificationChannels"][1:] == ["projects/p/notificationChannels/pager"]
                assert policy["enabled"] is False
                assert policy["userLabels"]["team"] == "sales"
                assert policy["userLabels"]["version"] != "before"
        assert world.plan(TARGET) == 0

    def test_another_address_replaces_the_one_before_and_nothing_else(self, world: World) -> None:
        world.deploy(replace(TARGET, alert_email="a@example.com"))
        (before,) = {*map(tuple, self.to(world))}
        now = world.read()["monitoring"]
        gone = now[f"{PATH}/alertPolicies"].pop()  # a new version has one more
        now[f"{PATH}/alertPolicies"][0]["notificationChannels"].append("projects/p/notificationChannels/pager")
        world.set(monitoring=now)
        world.deploy(TARGET)
        assert made(world, "alertPolicies")[gone["displayName"]]["notificationChannels"] == [*before], "a new one, too"
        target = replace(TARGET, alert_email="b@example.com")
        world.deploy(target)
        (first, *_, last) = self.to(world)
        assert len(last) == 1
        assert last != [*before]
        assert first == ["projects/p/notificationChannels/pager", *last]
        assert world.plan(target) == 0


def test_a_deployment_waits_until_new_metrics_are_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a new project the policies come seconds after the metrics that they name."""
    slept: list[float] = []
    monkeypatch.setattr(clouds.time, "sleep", slept.append)
    world.set(metricsUnknown=7)
    world.deploy(TARGET)
    assert slept == [clouds.NEW_METRIC_PAUSE] * 7
    assert len(made(world, "alertPolicies")) == len(list((ROOT / "deploy/monitoring/policies").glob("*.json")))


def test_when_they_stay_unknown_one_line_says_to_go_on_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds.time, "sleep", lambda _seconds: None)
    world.set(metricsUnknown=clouds.NEW_METRIC_TRIES)
    with pytest.raises(DeployError, match="does not know the new metrics yet") as stopped:
        world.deploy(TARGET)
    assert "\n" not in str(stopped.value)
    assert clouds.NEW_METRIC_TRIES * clouds.NEW_METRIC_PAUSE > 600, "ten minutes, says Google"
    world.deploy(TARGET)
    assert world.plan(TARGET) == 0


def test_what_the_checks_ask_for_is_what_the_app_serves(repository: Path) -> None:
    page, options = (
        json.loads((monitoring.FOLDER / f"checks/{n}.json").read_text()) for n in ("page", "sign-in-options")
    )
    assert page["contentMatchers"][0]["content"] in (repository / "app/web/start/start.html").read_text()
    assert json.loads(base64.b64decode(options["httpCheck"]["body"])) == {"data": {}}
