"""What Cloud Monitoring would make of log lines: log-based metrics, and whether an alert policy's conditions hold.

Only what deploy/monitoring uses: all lines fall into one alignment period. Source: Cloud Monitoring API reference,
"AlertPolicy", and Cloud Logging documentation, "Logging query language". An operator or aligner that is not known here
is an error.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devtools.paths import ROOT

FOLDER = ROOT / "deploy/monitoring"
_BURN_RATE = re.compile(
    r'select_slo_burn_rate\("projects/PROJECT/services/salesforce-sample/serviceLevelObjectives/([\w-]+)", "1440m"\)'
)
_TERM = re.compile(r'([\w.]+?)\s*(=~|!=|=)\s*("(?:[^"\\]|\\.)*"|one_of\(.*\))')


@dataclass(frozen=True, slots=True)
class Point:
    """What a log-based metric takes from one entry."""

    labels: Mapping[str, str]
    value: float


def entry(line: str) -> dict[str, Any]:
    """A line of a function's output as Cloud Run hands it to Cloud Logging: JSON is taken apart, anything else is
    text.
    """
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    payload = {"jsonPayload": found} if isinstance(found, dict) else {"textPayload": line}
    return {"resource": {"type": "cloud_run_revision"}, **payload}


def load(kind: str) -> dict[str, Any]:
    """All files of a kind (metrics, policies, slos, dashboards) by their names."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((FOLDER / kind).glob("*.json"))}


def points(metric: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> list[Point]:
    """What a log-based metric makes of entries."""
    labels = {name: _extracted(text) for name, text in metric.get("labelExtractors", {}).items()}
    value = _extracted(metric["valueExtractor"]) if "valueExtractor" in metric else None
    found: list[Point] = []
    for one in entries:
        if matches(metric["filter"], lambda name, one=one: _at(one, name)):
            told = {name: str(_at(one, path)) for name, path in labels.items() if _at(one, path) is not None}
            found.append(Point(told, 1.0 if value is None else float(_at(one, value))))
    return found


def matches(text: str, value_of: Callable[[str], Any]) -> bool:
    """Whether a filter holds; `value_of` gives the value of a field."""
    for term in text.split(" AND "):
        found = _TERM.fullmatch(term)
        assert found, f"not understood: {term}"
        name, operator, wanted = found.groups()
        value, words = value_of(name), [json.loads(f'"{w}"') for w in re.findall(r'"((?:[^"\\]|\\.)*)"', wanted)]
        if operator == "=~":
            holds = value is not None and re.search(words[0], str(value)) is not None
        elif operator == "!=":
            holds = value is not None and str(value) not in words
        else:
            holds = value is not None and str(value) in words
        if not holds:
            return False
    return True


def series(text: str, metrics: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The points of a monitoring filter, which names one metric and some of its labels."""
    named = re.search(r'metric\.type="logging\.googleapis\.com/user/(\w+)"', text)
    assert named, text
    known = set(metrics[named[1]].get("labelExtractors", {}))
    assert set(re.findall(r"metric\.labels\.(\w+)", text)) <= known, f"{named[1]} has the labels {known}"
    fixed = {"metric.type": f"logging.googleapis.com/user/{named[1]}", "resource.type": "cloud_run_revision"}
    found = points(metrics[named[1]], entries)
    return [
        p
        for p in found
        if matches(text, lambda name, p=p: fixed.get(name, p.labels.get(name.removeprefix("metric.labels."))))
    ]


def fires(policy: Mapping[str, Any], metrics: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all conditions of a policy hold for what these entries say of one period."""
    assert policy["combiner"] == "AND"
    return all(_holds(condition, metrics, entries) for condition in policy["conditions"])


def _holds(condition: Mapping[str, Any], metrics: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> bool:
    if "conditionAbsent" in condition:
        return not series(condition["conditionAbsent"]["filter"], metrics, entries)
    rule = condition["conditionThreshold"]
    assert rule["comparison"] == "COMPARISON_GT"
    burn = _BURN_RATE.fullmatch(rule["filter"])
    if burn:
        return _burn_rate(load("slos")[burn[1]], metrics, entries) > rule["thresholdValue"]
    value = _reduced(series(rule["filter"], metrics, entries), rule["aggregations"][0])
    if "denominatorFilter" in rule:
        whole = _reduced(series(rule["denominatorFilter"], metrics, entries), rule["denominatorAggregations"][0])
        if not whole:
            return False  # no ratio, no violation
        value = (value or 0.0) / whole
    return value is not None and value > rule["thresholdValue"]


def _burn_rate(objective: Mapping[str, Any], metrics: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> float:
    """How many times as fast as it may the budget of an objective is used up: the share of what is bad by the share
    that may be.
    """
    asked = objective["serviceLevelIndicator"]["requestBased"]
    if "goodTotalRatio" in asked:
        whole = len(series(asked["goodTotalRatio"]["totalServiceFilter"], metrics, entries))
        bad = len(series(asked["goodTotalRatio"]["badServiceFilter"], metrics, entries))
    else:
        values = [p.value for p in series(asked["distributionCut"]["distributionFilter"], metrics, entries)]
        whole, bad = len(values), sum(value > asked["distributionCut"]["range"]["max"] for value in values)
    return bad / whole / (1 - objective["goal"]) if whole else 0.0


def _reduced(found: list[Point], aggregation: Mapping[str, Any]) -> float | None:
    if not found:
        return None
    values = sorted(p.value for p in found)
    match aggregation["perSeriesAligner"], aggregation["crossSeriesReducer"]:
        case "ALIGN_DELTA", "REDUCE_SUM":
            return sum(values)
        case "ALIGN_DELTA", "REDUCE_PERCENTILE_95":
            return values[min(len(values) - 1, math.ceil(0.95 * len(values)) - 1)]
        case "ALIGN_PERCENTILE_99", "REDUCE_MAX":
            return values[-1]
        case other:
            raise AssertionError(f"not known here: {other}")


def _extracted(text: str) -> str:
    found = re.fullmatch(r"EXTRACT\(([\w.]+)\)", text)
    assert found, text
    return found[1]


def _at(entry: Mapping[str, Any], path: str) -> Any:
    value: Any = entry
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
