"""What docs/performance.md says of a start, made from the figures: a chart of threads, the floor, the table, words."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.builds import ONE_WORD, RELEASE
from bench.svg import WIDTH, Bar, Drawing
from bench.table import lines, spread

# What is measured, in the table's order, with its unit and the part of the release's figure that is wanted.
WHAT: dict[str, tuple[str, float | None]] = {
    "Chromium, first visit: sign-in button": ("s", None),
    "Chromium, first visit: the app stands": ("s", 0.5),
    "Chromium, second visit: the app stands": ("s", 0.5),
    "Chromium, third visit: the app stands": ("s", None),
    "Chromium, signed in, full cache: home as a picture": ("s", None),
    "Chromium, signed in, empty cache: live home": ("s", 0.5),
    "Chromium, signed in, full cache: live home": ("s", 0.5),
    "Chromium, signed in, empty cache: waiting for calls": ("s", None),
    "Chromium, signed in, full cache: waiting for calls": ("s", None),
    "Chromium, live home stands behind its cover": ("s", None),
    "Chromium, tap to painted list, first time": ("s", None),
    "Chromium, tap to painted list, seen before": ("s", 0.5),
    "Chromium, memory of the tab: live home": ("MB", None),
    "Chromium, memory of the tab: after eight taps": ("MB", None),
    "Firefox, first visit: the app stands": ("s", None),
    "Firefox, second visit: the app stands": ("s", None),
    "WebKit, first visit: the app stands": ("s", None),
    "WebKit, second visit: the app stands": ("s", None),
}
# The rows of a start in Chromium, by visit of somebody who is signed out or by cache of somebody who is signed in.
STANDS = {visit: f"Chromium, {visit} visit: the app stands" for visit in ("first", "second", "third")}
STANDS |= {cache: f"Chromium, signed in, {cache} cache: live home" for cache in ("empty", "full")}
WAITS = {cache: f"Chromium, signed in, {cache} cache: waiting for calls" for cache in ("empty", "full")}
GOALS = frozenset(what for what, (_, goal) in WHAT.items() if goal is not None)
_LEFT, _RIGHT, _LANE, _PHASE = 16, WIDTH - 16, 32, 18
_PROCESSORS = (1, 1, 2, 2)  # as many as a lane is high


def lanes_chart(figures: dict[str, Any]) -> Drawing:
    """Who computes when, for each of the starts."""
    drawing = Drawing(
        "One start of the app, thread by thread: who computes, who waits for a processor, who sleeps",
        " ".join(sentences(figures)),
    )
    for visit, traced in figures["starts"].items():
        total = traced["seconds"]
        drawing.heading(f"Start with {_a(visit)}")
        scale = (_RIGHT - _LEFT) / total
        for (lane, text), processors in zip(traced["lanes"].items(), _PROCESSORS, strict=True):
            words = lane if processors == 1 else f"{lane} (height: two processors)"
            drawing.heading(words, sub=True)
            top, bottom = drawing.y, drawing.y + _LANE
            high = _LANE / processors
            ran = [min(one, processors) for one, _ in _bins(text)]
            both = [min(one + two, processors) for one, two in _bins(text)]
            drawing.parts.append(_steps(both, traced["bin"] * scale, bottom, high, "third"))
            drawing.parts.append(_steps(ran, traced["bin"] * scale, bottom, high, "first"))
            drawing.line(_LEFT, top, _RIGHT, top, "axis")
            drawing.line(_LEFT, bottom, _RIGHT, bottom, "axis")
            drawing.y = bottom + 4
            for of, name, begin, end in traced["phases"]:
                if of == lane:
                    _phase(drawing, f"{name}, {begin:.1f}–{end:.1f} s", begin * scale, min(end, total) * scale)
        drawing.y += 4
        for second in range(0, int(total) + 1, next(step for step in (1, 2, 5, 10, 20) if total / step < 12)):
            at = _LEFT + second * scale
            drawing.line(at, drawing.y, at, drawing.y + 5, "axis")
            if at < _RIGHT - 20:
                anchor = "middle" if second else "start"
                drawing.text(at, drawing.y + 19, f"{second} s", "quiet small", anchor)
        drawing.y += 26
    drawing.rectangle(_LEFT, drawing.y + 4, 14, 14, "first")
    drawing.text(_LEFT + 20, drawing.y + 16, "computes", "ink")
    drawing.rectangle(_LEFT + 110, drawing.y + 4, 14, 14, "third")
    drawing.text(_LEFT + 130, drawing.y + 16, "waits for a processor", "ink")
    drawing.text(_LEFT + 304, drawing.y + 16, "empty: sleeps", "ink")
    drawing.y += 22
    return drawing


def _bins(text: str) -> list[tuple[float, float]]:
    """Processors that a lane computed on and waited for, from the hundredths in which results keep them."""
    pairs = (one.split("/") for one in text.split())
    return [(int(ran) / 100, int(waited) / 100) for ran, waited in pairs]


def _steps(values: Sequence[float], wide: float, bottom: float, high: float, style: str) -> str:
    path = [f"M{_LEFT} {bottom:.5g}"]
    for n, value in enumerate(values):
        path.append(f"V{bottom - value * high:.5g}H{min(_LEFT + (n + 1) * wide, _RIGHT):.5g}")
    return f'<path class="{style}" d="{"".join(path)}V{bottom:.5g}Z"/>'


def _phase(drawing: Drawing, words: str, begin: float, end: float) -> None:
    """A span below a lane, its name behind it or, where there is no room, before it."""
    left, right = _LEFT + begin, _LEFT + end
    drawing.rectangle(left, drawing.y + 4, right - left, 8, "second")
    wide = len(words) * 6.8
    if right + 6 + wide < _RIGHT:
        drawing.text(right + 6, drawing.y + 13, words, "quiet small")
    elif left - 6 - wide > _LEFT:
        drawing.text(left - 6, drawing.y + 13, words, "quiet small", "end")
    else:
        drawing.y += 14
        drawing.text(_LEFT, drawing.y + 13, words, "quiet small")
    drawing.y += _PHASE


def floor_chart(figures: dict[str, Any]) -> Drawing:
    """How fast each half of a start is without the other."""
    rows = _floor(figures)
    drawing = Drawing(
        "The floor of a start: Flutter alone, Python alone, both with an app of one word, and this app",
        "; ".join(f"{name}: {first:.1f} s with an empty cache, {second:.1f} s with a full one" for name, first, second
                  in rows) + ".",
    )  # fmt: skip
    most = max(max(first, second) for _, first, second in rows)
    for name, first, second in rows:
        drawing.heading(name, sub=True)
        drawing.bars(
            [Bar("empty cache", first, f"{first:.1f} s"), Bar("full cache", second, f"{second:.1f} s", "second")], most
        )
    return drawing


def _floor(figures: dict[str, Any]) -> list[tuple[str, float, float]]:
    starts, floor = figures["starts"], figures["floor"]
    empty, full = (starts[visit] for visit in ("empty cache", "full cache"))
    rows = [
        ("Flutter alone, to its first frame", *floor["Flutter alone"]),
        ("Flutter beside Python", empty["marks"]["flutter"], full["marks"]["flutter"]),
        ("Python alone, to the restored app", *floor["Python alone"]),
        ("Python beside Flutter", empty["marks"]["restored"], full["marks"]["restored"]),
        ("Both, with an app of one word: stands", *floor[ONE_WORD]),
        ("This app: stands", empty["seconds"], full["seconds"]),
    ]
    return [(name, first, second) for name, first, second in rows]


def shares(traced: dict[str, Any], lane: str, begin: float, end: float) -> tuple[float, float, float]:
    """What a lane did in a span of a start: the parts in which it computed, waited for a processor, and slept."""
    wide = traced["bin"]
    bins = _bins(traced["lanes"][lane])[int(begin / wide) : max(int(begin / wide) + 1, round(end / wide))]
    ran = sum(min(1.0, one) for one, _ in bins) / len(bins)
    waited = sum(min(1.0, one + two) for one, two in bins) / len(bins) - ran
    return ran, waited, max(0.0, 1 - ran - waited)


def sentences(figures: dict[str, Any]) -> list[str]:
    """What the starts show, in words."""
    told: list[str] = []
    for visit, traced in figures["starts"].items():
        flutter, python = list(traced["lanes"])[:2]
        marks = traced["marks"]
        first, restored, meet = marks["flutter"], marks["restored"], marks["first message"]
        told.append(
            f"With {_a(visit)} the app stands after {traced['seconds']:.1f} s, Flutter's first frame is there after"
            f" {first:.1f} s and Python's memory is restored after {restored:.1f} s. Until Flutter's first frame"
            f" Pyodide's worker {_parts(shares(traced, python, 0.2, first))}; until Python is restored the"
            f" page's thread {_parts(shares(traced, flutter, 0.2, restored))}."
        )
        if meet - restored > 0.2:
            told[-1] += (
                f" From then until its first message to Flutter, at {meet:.1f} s, the worker"
                f" {_parts(shares(traced, python, restored, meet))}."
            )
    return told


def _a(visit: str) -> str:
    return f"{'an' if visit[0] in 'aeiou' else 'a'} {visit}"


def _parts(three: tuple[float, float, float]) -> str:
    ran, waited, slept = (round(100 * one) for one in three)
    return f"computes {ran} % of the time, waits for a processor {waited} % and sleeps {slept} %"


def beyond_the_floor(figures: dict[str, Any]) -> list[str]:
    """What this app takes beside one of a word, by phase, in words."""
    told: list[str] = []
    for (visit, traced), least in zip(figures["starts"].items(), figures["floor"][ONE_WORD], strict=True):
        marks, stands = traced["marks"], traced["seconds"]
        told.append(
            f"Above the floor with {_a(visit)}: {stands - least:.1f} s of {stands:.1f} s. From Python's first message"
            f" to Flutter until the view is sent {marks['view sent'] - marks['first message']:.1f} s, from then until"
            f" Flutter has painted it {stands - marks['view sent']:.1f} s; an app of one word takes a part of both."
        )
    return told


def least(times: dict[str, dict[str, list[float]]], what: str) -> tuple[float, float] | None:
    """The floor of a row of the table, where it has one: the seconds that an app of one word takes, and those in which
    ours then waits for its calls.
    """
    floor = times.get(what, {}).get(ONE_WORD)
    waits = next((WAITS[name] for name in WAITS if STANDS[name] == what), "")
    calls = times.get(waits, {}).get("now")
    return (median(floor), median(calls) if calls else 0.0) if floor else None


def beside_the_floor(figures: dict[str, Any]) -> list[str]:
    """Whether the goals can be reached, in words; nothing where no floor was measured."""
    below: list[str] = []
    above: list[str] = []
    for what, (_, goal) in WHAT.items():
        floor, before = least(figures["times"], what), figures["times"].get(what, {}).get(RELEASE)
        if goal is not None and floor is not None and before:
            name = what.removeprefix("Chromium, ")
            (below if goal * median(before) < sum(floor) else above).append(name)
    told: list[str] = []
    if below:
        told.append(
            f"The goal is below the floor, so it cannot be reached with Flet on this machine: {'; '.join(below)}."
        )
    if above:
        told.append(f"The goal is above the floor: {'; '.join(above)}.")
    return told


def table(figures: dict[str, Any]) -> str:
    """The table of this build beside the release, and beside the floor where that was measured."""
    times = figures["times"]
    has_floor = any(ONE_WORD in values for values in times.values())
    rows: list[tuple[str, ...]] = []
    for what, (unit, goal) in WHAT.items():
        values = times.get(what)
        if values is None:
            continue
        both = [values.get(name) for name in ("now", RELEASE)]
        told = [spread(one, unit, 2 if unit == "s" else 0) if one else "–" for one in both]
        part = median(both[0]) / median(both[1]) if both[0] and both[1] and median(both[1]) else None
        reached = "" if goal is None or part is None else f"≤ {goal} ×: {'yes' if part <= goal else 'no'}"
        rows.append((what, *told, "–" if part is None else f"{part:.2f} ×", reached))
        if has_floor:
            rows[-1] += (_floor_cell(least(times, what), both[1]),)
    head = ("what", "now", RELEASE, f"now / {RELEASE}", "goal", *(("floor",) if has_floor else ()))
    return lines(head, rows)


def _floor_cell(floor: tuple[float, float] | None, before: Sequence[float] | None) -> str:
    if floor is None:
        return ""
    start, calls = floor
    words = f"{start:.2f} s" + (f" + {calls:.2f} s" if calls else "")
    return f"{words}, {sum(floor) / median(before):.2f} ×" if before else words
