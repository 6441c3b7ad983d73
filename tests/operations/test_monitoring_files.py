"""The files of deploy/monitoring: held to Google's own types, to each other, and to the runbooks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.cloud import monitoring_dashboard_v1, monitoring_v3
from google.cloud.logging_v2.types import LogMetric
from google.protobuf import json_format

from contract.errors import Reason
from tests.operations.monitoring import load

METRICS, POLICIES, SLOS, CHECKS = load("metrics"), load("policies"), load("slos"), load("checks")


def _typed(message: Any, value: dict[str, Any]) -> None:
    """Google's own type takes it, without a field that it does not know."""
    json_format.ParseDict(value, message.pb(message()))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_one_to_google(name: str) -> None:
    metric = METRICS[name]
    _typed(LogMetric, metric)
    assert metric["name"] == name
    assert set(metric.get("labelExtractors", {})) == {
        label["key"] for label in metric["metricDescriptor"].get("labels", [])
    }
    assert ("valueExtractor" in metric) == (metric["metricDescriptor"]["valueType"] == "DISTRIBUTION")


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_one_to_google_and_has_its_runbook(repository: Path, name: str) -> None:
    policy = POLICIES[name]
    _typed(monitoring_v3.AlertPolicy, policy)
    assert f"docs/runbooks/{_page(name)}.md" in policy["documentation"]["content"]
    runbook = (repository / f"docs/runbooks/{_page(name)}.md").read_text()
    assert [line for line in runbook.splitlines() if line.startswith("## ")] == [
        "## What it means",
        "## What to look at",
        "## What to do",
        "## How it ends",
    ]


def test_every_runbook_has_its_policy(repository: Path) -> None:
    pages = {f.stem for f in (repository / "docs/runbooks").glob("*.md")}
    assert pages - {"stolen-service-account"} == {_page(name) for name in POLICIES}


def _page(name: str) -> str:
    """The budgets share one, and so do the checks from outside."""
    return next((page for page in ("budget", "down") if name.startswith(f"{page}-")), name)


def test_a_budget_is_that_of_an_objective() -> None:
    for name in (n for n in POLICIES if n.startswith("budget-")):
        assert (
            f'/serviceLevelObjectives/{name.removeprefix("budget-")}"'
            in POLICIES[name]["conditions"][0]["conditionThreshold"]["filter"]
        )
        assert name.removeprefix("budget-") in SLOS


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_one_to_google(name: str) -> None:
    _typed(monitoring_v3.UptimeCheckConfig, CHECKS[name])


@pytest.mark.parametrize("name", SLOS)
def test_an_objective_is_one_to_google(name: str) -> None:
    _typed(monitoring_v3.ServiceLevelObjective, SLOS[name])
    assert 0.9 < SLOS[name]["goal"] < 1


def test_the_dashboard_is_one_to_google() -> None:
    for dashboard in load("dashboards").values():
        _typed(monitoring_dashboard_v1.Dashboard, dashboard)


def test_everything_names_metrics_and_labels_that_there_are() -> None:
    text = json.dumps([POLICIES, SLOS, load("dashboards")])
    assert set(re.findall(r"(?:user/|:user_)(\w+)", text)) == set(METRICS)
    for filter_ in re.findall(r'"(metric\.type=(?:[^"\\]|\\.)*)"', text):
        plain = json.loads(f'"{filter_}"')
        if "uptime_check/check_passed" in plain:
            assert re.findall(r"CHECK\(([\w-]+)\)", plain)[0] in CHECKS
            continue
        metric = re.search(r"user/(\w+)", plain)
        assert metric
        assert set(re.findall(r"metric\.labels\.(\w+)", plain)) <= set(METRICS[metric[1]].get("labelExtractors", {})), (
            plain
        )


def test_reasons_in_filters_are_reasons() -> None:
    text = json.dumps([POLICIES, SLOS])
    named = {
        word for group in re.findall(r"outcome=one_of\((.*?)\)", text) for word in re.findall(r"[a-z-]{3,}", group)
    }
    assert named <= {r.value for r in Reason}
