"""The tables of docs/performance.md on a call's cost, from the figures that are kept."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.builds import RELEASE
from bench.table import lines, spread


def measured(kept: Mapping[str, Any]) -> str:
    """When and how quietly something was measured."""
    noise = kept.get("noise")
    if noise is None:
        return f"{kept['day']}."
    return (
        f"{kept['day']}; noise: load {noise['load']} before, {noise['stolen']} % stolen by the host, the same work took"
        f" up to {noise['slowest']:.0f} % longer, and {noise['drift']:+.0f} % afterwards."
    )


def proxy(kept: Mapping[str, Any]) -> str:
    """Ours beside others: calls a second, times, processor time, memory; and beside version 0.2.0."""
    figures = kept["figures"]
    parts = [measured(kept), beside(figures["beside"])]
    for wait, words in ((0, "Upstream answers at once:"), (100, "Upstream answers after 100 ms:")):
        loads = [load for load in figures["loads"] if load["upstreamMs"] == wait]
        ours = {load["connections"]: load["callsPerSecond"] for load in loads if load["server"] == "ours"}
        rows = [
            (
                load["connections"],
                load["server"],
                f"{load['callsPerSecond']:,.0f}",
                f"{load['p50Ms']:.1f} ms",
                f"{load['p99Ms']:.1f} ms",
                f"{load['cpuMicroseconds']:,} µs",
                f"{ours[load['connections']] / load['callsPerSecond']:.2f} ×",
            )
            for load in loads
        ]
        head = ("connections", "", "calls/s", "p50", "p99", "CPU a call", "ours is")
        parts += [words, lines(head, rows)]
    rows = [
        (name, f"{one['memoryMb']} MB", f"{one['firestoreRequests']:.2f}", f"{one['salesforceRequests']:.2f}")
        for name, one in figures["perCall"].items()
    ]
    parts.append(lines(("", "memory after the load", "Firestore requests", "Salesforce requests"), rows))
    return "\n\n".join(parts)


def beside(figures: Mapping[str, Any]) -> str:
    """Processor time of a call beside version 0.2.0's."""
    rows = [
        (what, *(f"{cpu:,} µs" for cpu in one["cpuMicroseconds"]), spread(one["ratios"], "×", 2))
        for what, one in figures.items()
    ]
    return lines(("CPU a call, 64 connections", "now", RELEASE, "ratio, median of the rounds (range)"), rows)


def floor(kept: Mapping[str, Any]) -> str:
    """A call step by step."""
    rows: list[tuple[str, str, str, str]] = []
    before = 0
    for one in kept["figures"]:
        cpu = one["cpuMicroseconds"]
        more = f"{cpu - before:+,} µs" if one["step"].startswith("+") else ""
        rows.append((one["step"], f"{cpu:,} µs", more, f"{one['least']:,} µs"))
        before = cpu
    return "\n\n".join((measured(kept), lines(("step", "CPU a call", "more", "least of the rounds"), rows)))


def cold(kept: Mapping[str, Any]) -> str:
    """A new instance: time to the first answer, and import time by package."""
    figures = kept["figures"]
    begin = f"{measured(kept)} Median of {len(figures['seconds'])}: **{median(figures['seconds']):.2f} s** (range"
    begin += f" {min(figures['seconds']):.2f} to {max(figures['seconds']):.2f})."
    rows = [(name, f"{microseconds / 1000:.0f} ms") for name, microseconds in figures["imports"].items()]
    return "\n\n".join((begin, lines(("package", "import time"), rows)))
