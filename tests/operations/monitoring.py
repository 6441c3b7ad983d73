"""What Cloud Monitoring would make of log lines and of uptime checks: log-based metrics, and whether an alert policy's
conditions hold at a moment.

Only what deploy/monitoring uses. Source: Cloud Monitoring API reference, "AlertPolicy", Cloud Logging documentation,
"Logging query language", and "Behavior of metric-based alerting policies": at a moment a condition sees what lies in
the alignment period before it, and is met when it held for the whole of its `duration` (the retest window). An operator
or aligner that is not known here is an error.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx

from devtools.paths import ROOT

FOLDER = ROOT / "deploy/monitoring"
_BURN_RATE = re.compile(
    r'select_slo_burn_rate\("projects/PROJECT/services/salesforce-sample/serviceLevelObjectives/([\w-]+)", "1440m"\)'
)
_SELECTOR = r'logging_googleapis_com:user_(\w+)\{monitored_resource="cloud_run_revision"\}\[(\d+)h\]'
_ABSENT = re.compile(rf"absent_over_time\(({_SELECTOR})\) or sum\(increase\(\1\)\) < 0\.5")
_CHECK = re.compile(
    r'metric\.type="monitoring\.googleapis\.com/uptime_check/check_passed" AND resource\.type="uptime_url"'
    r' AND metric\.labels\.check_id="CHECK\(([\w-]+)\)"'
)
_STEP = timedelta(minutes=1)
_TERM = re.compile(r'([\w.]+?)\s*(=~|!=|=)\s*("(?:[^"\\]|\\.)*"|one_of\(.*\))')


@dataclass(frozen=True, slots=True)
class Point:
    """What a log-based metric takes from one entry."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Checked:
    """What a checker in one place found with an uptime check, by its file's name."""

    check: str
    place: str
    passed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What Cloud Monitoring has got until now."""

    metrics: Mapping[str, Any]
    entries: Sequence[Mapping[str, Any]] = ()
    checked: Sequence[Checked] = ()


def entry(line: str, at: datetime | None = None) -> dict[str, Any]:
    """A line of a function's output as Cloud Run hands it to Cloud Logging: JSON is taken apart, anything else is
    text. `at` is when it came, by default what the line itself says, or now.
    """
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    payload = {"jsonPayload": found} if isinstance(found, dict) else {"textPayload": line}
    said = found.get("timestamp") if isinstance(found, dict) else None
    came = at or (datetime.fromisoformat(said) if said else datetime.now(UTC))
    return {"resource": {"type": "cloud_run_revision"}, "receiveTimestamp": came, **payload}


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
            found.append(Point(told, 1.0 if value is None else float(_at(one, value)), one["receiveTimestamp"]))
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


def fires(policy: Mapping[str, Any], seen: Seen, at: datetime, since: datetime | None = None) -> bool:
    """Whether all conditions of a policy are met at a moment; it has been watching `since` then, by default always."""
    assert policy["combiner"] == "AND"
    return all(_met(condition, seen, at, since) for condition in policy["conditions"])


def ask(check: Mapping[str, Any], address: str) -> bool:
    """One request of an uptime check, to `address` in place of its host: whether it passes. Source: API reference,
    "UptimeCheckConfig": any 2xx, and the content where there is a matcher.
    """
    http = check["httpCheck"]
    headers = {"Content-Type": http["customContentType"]} if "customContentType" in http else {}
    assert ("contentType" in http) == (http["requestMethod"] == "POST"), "Google refuses it"
    try:
        answer = httpx.request(
            http["requestMethod"],
            f"{address}{http['path']}",
            content=base64.b64decode(http.get("body", "")),
            headers=headers,
            timeout=float(check["timeout"].rstrip("s")),
        )
    except httpx.HTTPError:
        return False
    (matcher,) = check["contentMatchers"]
    if not answer.is_success:
        return False
    if matcher["matcher"] == "CONTAINS_STRING":
        return matcher["content"] in answer.text
    assert (matcher["matcher"], matcher["jsonPathMatcher"]["jsonMatcher"]) == ("MATCHES_JSON_PATH", "REGEX_MATCH")
    path = matcher["jsonPathMatcher"]["jsonPath"].removeprefix("$.")
    try:
        value = _at(answer.json(), path)
    except ValueError:
        return False
    return isinstance(value, str) and re.search(matcher["content"], value) is not None


def _met(condition: Mapping[str, Any], seen: Seen, at: datetime, since: datetime | None) -> bool:
    """A condition holds at each minute of its duration."""
    rule = condition.get("conditionThreshold") or condition.get("conditionPrometheusQueryLanguage")
    assert rule is not None, f"not known here: {condition}"
    holds = _threshold if "conditionThreshold" in condition else _absent
    first = at - _seconds(rule.get("duration", "0s"))
    if since is not None and first < since:
        return False
    minutes = int((at - first) / _STEP)
    return all(holds(rule, seen, at - n * _STEP) for n in range(minutes + 1))


def _absent(rule: Mapping[str, Any], seen: Seen, at: datetime) -> bool:
    """None at all in the time, or none but zeros."""
    query = _ABSENT.fullmatch(rule["query"])
    assert query, f"not understood: {rule['query']}"
    found = points(seen.metrics[query[2]], seen.entries)
    return sum(p.value for p in _within(found, at, timedelta(hours=int(query[3])))) < 0.5


def _threshold(rule: Mapping[str, Any], seen: Seen, at: datetime) -> bool:
    assert rule["comparison"] == "COMPARISON_GT"
    burn, check = _BURN_RATE.fullmatch(rule["filter"]), _CHECK.fullmatch(rule["filter"])
    if burn:
        return _burn_rate(load("slos")[burn[1]], seen, at) > rule["thresholdValue"]
    if check:
        return _checked(check[1], rule["aggregations"][0], seen, at) > rule["thresholdValue"]
    value = _value(rule["filter"], rule["aggregations"][0], seen, at)
    if "denominatorFilter" in rule:
        whole = _value(rule["denominatorFilter"], rule["denominatorAggregations"][0], seen, at)
        if not whole:
            return False  # no ratio, no violation
        value = (value or 0.0) / whole
    return value is not None and value > rule["thresholdValue"]


def _value(text: str, aggregation: Mapping[str, Any], seen: Seen, at: datetime) -> float | None:
    found = series(text, seen.metrics, seen.entries)
    return _reduced(_within(found, at, _seconds(aggregation["alignmentPeriod"])), aggregation)


def _checked(check: str, aggregation: Mapping[str, Any], seen: Seen, at: datetime) -> int:
    first = at - _seconds(aggregation["alignmentPeriod"])
    found = [c for c in seen.checked if c.check == check and first < c.at <= at]
    match aggregation["perSeriesAligner"], aggregation["crossSeriesReducer"]:
        case "ALIGN_NEXT_OLDER", "REDUCE_COUNT_FALSE":
            newest = {c.place: c.passed for c in sorted(found, key=lambda c: c.at)}
            return list(newest.values()).count(False)
        case "ALIGN_COUNT_TRUE", "REDUCE_SUM":
            return sum(c.passed for c in found)
        case other:
            raise AssertionError(f"not known here: {other}")


def _within(found: Sequence[Point], at: datetime, period: timedelta) -> list[Point]:
    return [p for p in found if at - period < p.at <= at]


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=float(text.removesuffix("s")))


def _burn_rate(objective: Mapping[str, Any], seen: Seen, at: datetime) -> float:
    """How many times as fast as it may the budget of an objective is used up over a day: the share of what is bad by
    the share that may be.
    """
    asked = objective["serviceLevelIndicator"]["requestBased"]

    def of(text: str) -> list[Point]:
        return _within(series(text, seen.metrics, seen.entries), at, timedelta(days=1))

    if "goodTotalRatio" in asked:
        whole = len(of(asked["goodTotalRatio"]["totalServiceFilter"]))
        bad = len(of(asked["goodTotalRatio"]["badServiceFilter"]))
    else:
        values = [p.value for p in of(asked["distributionCut"]["distributionFilter"])]
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
