"""Metrics: their names, and what was counted since the process began.

Counters and histograms are kept here and read when they are sent: adding to the SDK's own instruments takes ten times
as long (docs/performance.md).
"""

import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Attributes = tuple[tuple[str, str | int | bool], ...]
_Series = tuple[str, Attributes]  # a metric's name and attributes

# name: unit, what it counts
COUNTERS = {
    "calls": ("{call}", "Calls answered, by call and outcome"),
    "refreshes": ("{refresh}", "Refreshes sent to Salesforce, by outcome"),
    "salesforce.requests": ("{request}", "Requests to Salesforce, by org and status"),
    "cache.lookups": ("{lookup}", "Lookups of what an instance remembers, by cache and hit"),
    "cold_starts": ("{start}", "Instances that answered their first call"),
    "audit.failures": ("{failure}", "Audit entries that could not be committed"),
    "store.failures": (
        "{failure}",
        "Requests to Firestore that failed or got no answer, by kind and whether they write",
    ),
    "connections.tampered": ("{look}", "Looks at connections that were changed from outside"),
    "sign_ins.put_off": ("{sign-in}", "Sign-ins refused because too many have failed"),
}
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)  # seconds
HISTOGRAMS = {
    "call.duration": ("s", "How long calls took, by call and outcome"),
    "renewal.wait": ("s", "How long calls waited for a renewal"),
}
GAUGES = {
    "salesforce.allowance.used": ("{request}", "Requests of an org in the last 24 hours, as Salesforce says"),
    "salesforce.allowance.limit": ("{request}", "Requests that an org may make in 24 hours"),
}


class Distribution(msgspec.Struct):
    """How many values fell between which bounds, their sum, and the extremes."""

    counts: list[int]
    sum: float = 0.0
    least: float = math.inf
    most: float = 0.0

    def add(self, value: float) -> None:
        """Counts one more value, in seconds."""
        self.counts[bisect_left(BOUNDS, value)] += 1
        self.sum += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)


_gauges: Mapping[str, Any] | None = None  # OpenTelemetry's, by name; None as long as metrics are off
_counts = Counter[_Series]()
_distributions: dict[_Series, Distribution] = {}


def switch_on(gauges: Mapping[str, Any]) -> None:
    """From now on everything is counted; `gauges` are OpenTelemetry's, one for each name of GAUGES."""
    global _gauges
    _gauges = gauges


def switch_off() -> None:
    """Forgets what was counted, and counts no more."""
    global _gauges
    _gauges = None
    _counts.clear()
    _distributions.clear()


def count(name: str, **attributes: str | int | bool) -> None:
    """Adds one to a counter of COUNTERS."""
    if _gauges is not None:
        _counts[name, tuple(attributes.items())] += 1


def took(name: str, since: float, **attributes: str | int | bool) -> None:
    """Records the seconds since a moment of `time.perf_counter` in a histogram of HISTOGRAMS."""
    if _gauges is not None:
        seconds, series = time.perf_counter() - since, (name, tuple(attributes.items()))
        distribution = _distributions.get(series)
        if distribution is None:
            distribution = _distributions[series] = Distribution([0] * (len(BOUNDS) + 1))
        distribution.add(seconds)


def set_gauge(name: str, value: int, **attributes: str | int | bool) -> None:
    """Sets a gauge of GAUGES; does nothing while metrics are off."""
    if _gauges is not None:
        _gauges[name].set(value, attributes)


def counted(name: str) -> Iterator[tuple[Attributes, int]]:
    """A counter's number for each set of attributes."""
    return ((attributes, n) for (counter, attributes), n in list(_counts.items()) if counter == name)


def distributions(name: str) -> Iterator[tuple[Attributes, Distribution]]:
    """A histogram's distribution for each set of attributes."""
    return ((attributes, d) for (histogram, attributes), d in list(_distributions.items()) if histogram == name)
