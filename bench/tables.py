"""The tables of docs/performance.md on a call's cost, from the figures that are kept."""

from collections.abc import Mapping, Sequence
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
    standing = figures["standing"]
    parts = [
        f"{measured(kept)} Medians of {figures['rounds']} rounds of {figures['seconds']} seconds, in turns.",
        beside(figures["beside"]),
        slowest_hundredth(standing["servers"], standing["seconds"]),
    ]
    for wait in dict.fromkeys(load["upstreamMs"] for load in figures["loads"]):
        words = f"Upstream answers after {wait} ms:" if wait else "Upstream answers at once:"
        loads = [load for load in figures["loads"] if load["upstreamMs"] == wait]
        ours = {load["connections"]: load["callsPerSecond"] for load in loads if load["server"] == "ours"}
        rows = [
            (
                load["connections"],
                load["server"],
                f"{load['callsPerSecond']:,.0f}",
                f"{load['p50Ms']:.1f} ms",
                f"{load['p99Ms']:.1f} ms",
                "–" if load["cpuMicroseconds"] is None else f"{load['cpuMicroseconds']:,} µs",
                f"{ours[load['connections']] / load['callsPerSecond']:.2f} ×",
            )
            for load in loads
        ]
        head = ("connections", "", "calls/s", "p50", "p99", "CPU a call", "ours is")
        parts += [words, lines(head, rows)]
    rows = [
        (name, f"{one['memoryMb']} MB", counted(one["firestoreRequests"]), f"{one['salesforceRequests']:.2f}")
        for name, one in figures["perCall"].items()
    ]
    parts.append(lines(("", "memory after the load", "Firestore requests", "Salesforce requests"), rows))
    return "\n\n".join(parts)


def counted(requests: float | None) -> str:
    """Requests a call."""
    return "–" if requests is None else f"{requests:.2f}"


def beside(figures: Mapping[str, Any]) -> str:
    """Processor time of a call beside version 0.2.0's."""
    rows = [
        (what, *(f"{cpu:,} µs" for cpu in one["cpuMicroseconds"]), spread(one["ratios"], "×", 2))
        for what, one in figures.items()
    ]
    pairs = max(len(one["ratios"]) for one in figures.values())
    return lines(("CPU a call, 64 connections", "now", RELEASE, f"ratio, median of {pairs} pairs (range)"), rows)


def slowest_hundredth(servers: Mapping[str, Mapping[str, float]], seconds: int) -> str:
    """How slow the slowest hundredth of the calls is, of a run in which the first call of each connection is less."""
    rows = [
        (name, f"{one['p50Ms']:.1f} ms", f"{one['p99Ms']:.1f} ms", f"{one['p99Ms'] / one['p50Ms']:.1f} ×")
        for name, one in servers.items()
    ]
    return lines((f"64 connections for {seconds} s", "p50", "p99", "p99 / p50"), rows)


def instructions(kept: Mapping[str, Any]) -> str:
    """Instructions of a call beside version 0.2.0's."""
    return "\n\n".join((f"{kept['day']}.", lines(*instruction_rows(kept["figures"]))))


def instruction_rows(figures: Mapping[str, Mapping[str, int]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: instructions of a call, and how many it took in version 0.2.0."""
    head = ("instructions a call, without those of the kernel", "now", RELEASE, "ratio")
    rows = [
        (what, f"{one['now']:,}", f"{one[RELEASE]:,}", f"{one['now'] / one[RELEASE]:.2f} ×")
        for what, one in figures.items()
    ]
    return head, rows


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
    """A new instance: until it listens and to its first answer, and what its imports take."""
    figures = kept["figures"]
    begin = f"{measured(kept)} Python {figures['python']}."
    return "\n\n".join((begin, lines(*cold_rows(figures["times"])), lines(*step_rows(figures["steps"]))))


def step_rows(steps: Mapping[str, Sequence[float]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: milliseconds that a start's imports take, one after the other."""
    medians = {step: median(times) for step, times in steps.items()}
    rows = [(step, f"{of:.0f} ms", f"{of / sum(medians.values()):.0%}") for step, of in medians.items()]
    return ("imports", "time", "share"), [*rows, ("together", f"{sum(medians.values()):.0f} ms", "")]


def cold_rows(times: Mapping[str, Mapping[str, Sequence[float]]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: how long each program takes to start, and how much longer than version 0.2.0 in the same round."""
    head = ("", "listens", "first answer", "ratio", "like Cloud Run: listens", "first answer", "ratio")
    rows: list[tuple[str, ...]] = []
    for name, one in times.items():
        cells = [name]
        for listens, answers in (("listens", "answers"), ("cloudListens", "cloudAnswers")):
            if one[answers]:
                ratio = median(ours / other for ours, other in zip(one[answers], times[RELEASE][answers], strict=True))
                cells += [spread(one[listens], "s", 2), spread(one[answers], "s", 2), f"{ratio:.2f} ×"]
            else:
                cells += ["–"] * 3
        rows.append(tuple(cells))
    return head, rows
