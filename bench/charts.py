"""The charts of docs/performance.md, drawn from the figures that `make bench` has kept: `make bench ARGS=charts`."""

from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

from bench import start_chart, tables
from bench.builds import RELEASE
from bench.results import latest, written
from bench.svg import WIDTH, Bar, Drawing
from devtools.paths import ROOT

_OURS, _OTHERS = "first", "second"


def _number(text: str | float) -> float:
    """`1,625 µs` as 1625."""
    return float(text) if isinstance(text, int | float) else float(text.split()[0].replace(",", ""))


def _proxy(figures: dict[str, Any]) -> Drawing:
    loads = [load for load in figures["loads"] if load["server"] in ("ours", "Python function", "Node function")]
    colours = {"ours": _OURS, "Python function": _OTHERS, "Node function": "third"}
    told = {(load["upstreamMs"], load["connections"], load["server"]): load["callsPerSecond"] for load in loads}
    waits = list(dict.fromkeys(load["upstreamMs"] for load in loads))
    said = [
        f"{'after ' + str(wait) + ' ms: ' if wait else ''}"
        + ", ".join(f"{server} {told[wait, 64, server]:,.0f}" for server in colours)
        for wait in waits
    ]
    drawing = Drawing(
        "Calls a second by number of connections: this backend, a Python function and a Node function",
        f"At 64 connections, with an upstream that answers at once: {'; '.join(said)}."
        " nginx and the upstream alone are in the table.",
    )
    for wait in waits:
        words = f"Upstream answers after {wait} ms" if wait else "Upstream answers at once"
        drawing.heading(f"{words}: calls a second")
        most = max(value for (upstream, _, _), value in told.items() if upstream == wait)
        for connections in sorted({load["connections"] for load in loads}):
            drawing.heading(f"{connections} connection{'s' if connections > 1 else ''}", sub=True)
            drawing.bars(
                [
                    Bar(server, value := told[wait, connections, server], f"{value:,.0f}", colour)
                    for server, colour in colours.items()
                ],
                most,
            )
    return drawing


def _taps(figures: dict[str, Any]) -> Drawing:
    taps = [one for one in figures["taps"] if one["before"] is not None]
    drawing = Drawing(
        "What a tap takes on a warm instance, with Salesforce 100 ms away: this version and 0.1.0",
        "; ".join(f"{one['tap']}: {one['milliseconds']:.0f} ms, before {one['before']:.0f} ms" for one in taps) + ".",
    )
    drawing.heading("A tap, milliseconds")
    most = max(max(one["milliseconds"], one["before"]) for one in taps)
    for one in taps:
        drawing.heading(one["tap"], sub=True)
        both = (("now", one["milliseconds"], _OURS), ("0.1.0", one["before"], _OTHERS))
        drawing.bars([Bar(name, value, f"{value:.0f} ms", colour) for name, value, colour in both], most)
    return drawing


def _concurrency(figures: list[list[Any]]) -> Drawing:
    drawing = Drawing(
        "Calls at once in one instance, with Salesforce 300 ms away: calls a second and the slowest hundredth",
        "; ".join(f"{row[0]} at once: {row[1]} calls a second, p99 {row[3]}" for row in figures) + ".",
    )
    for words, column in (("Calls a second", 1), ("The slowest hundredth (p99)", 3)):
        drawing.heading(words)
        most = max(_number(row[column]) for row in figures)
        drawing.bars([Bar(f"{row[0]} at once", _number(row[column]), row[column]) for row in figures], most)
    return drawing


_FLAME_ROW = 22
# Whose code it is: the backend's own, the HTTP client's, everybody else's.
_BACKEND, _CLIENT = ("backend", "contract", "adapters", "connections", "records", "telemetry"), ("aiohttp", "yarl")


def _flame(figures: dict[str, Any]) -> Drawing:
    boxes = figures["boxes"]
    shares = Counter[str]()
    for _, _, wide, name, package in boxes:
        shares[f"{name} ({package})"] = max(shares[f"{name} ({package})"], wide)
    told = ", ".join(f"{name} {wide / 10:.0f} %" for name, wide in shares.most_common(12))
    drawing = Drawing(
        "Where the processor time of a list of 25 accounts goes: each function below the one that calls it",
        f"{figures['samples']} samples by py-spy. Of the time that uvicorn spends on requests: {told}.",
    )
    drawing.heading("Processor time of a call, each function below the one that calls it")
    top, room = drawing.y, WIDTH - 32
    for depth, begins, wide, name, package in boxes:
        style = "first" if package in _BACKEND or package == "main.py" else "third" if package in _CLIENT else "pale"
        x, y, width = 16 + room * begins / 1000, top + depth * _FLAME_ROW, room * wide / 1000 - 1
        drawing.rectangle(x, y, width, _FLAME_ROW - 2, style)
        fits = int((width - 8) / 6.8)
        if fits >= 6:
            short = name.rpartition(".")[2] if len(name) > fits else name
            words = short if len(short) <= fits else short[: fits - 1] + "…"
            drawing.text(x + 4, y + 15, words, "ink small" if style == "pale" else "paper small")
        drawing.y = max(drawing.y, y + _FLAME_ROW)
    drawing.note("Blue: the backend. Ochre: aiohttp. Grey: uvicorn, Starlette, Python and the other libraries.")
    return drawing


_SHORT = ("sign-in button", "as a picture", "waiting for calls")  # in the table alone: next to nothing for both


def _first_frame(figures: dict[str, Any]) -> Drawing:
    told = ((what, both) for what, both in figures["times"].items() if both.get("now") and both.get(RELEASE))
    times = {what: both for what, both in told if not any(of in what for of in _SHORT)}
    drawing = Drawing(
        f"The start of the app and a tap: this build and version {RELEASE}",
        "; ".join(
            f"{what}: {median(both['now']):.2f}, {RELEASE} {median(both[RELEASE]):.2f}" for what, both in times.items()
        )
        + ". Medians; seconds, the memory in megabytes. The goal is half of the version's figure.",
    )
    for unit, words, digits in (("s", "Seconds", 2), ("MB", "Megabytes", 0)):
        chosen = {what: both for what, both in times.items() if ("memory" in what) == (unit == "MB")}
        taps = {what for what in chosen if "tap" in what and unit == "s"}
        for names, heading in ((chosen.keys() - taps, words), (taps, "Seconds, a tap")):
            if not names:
                continue
            drawing.heading(heading)
            most = max(max(max(both["now"]), max(both[RELEASE])) for what, both in chosen.items() if what in names)
            for what, both in chosen.items():
                if what not in names:
                    continue
                drawing.heading(what, sub=True)
                bars: list[Bar] = []
                for name, colour in (("now", _OURS), (RELEASE, _OTHERS)):
                    values = both[name]
                    middle = median(values)
                    goal = median(both[RELEASE]) / 2 if name == "now" and what in start_chart.GOALS else None
                    text = f"{middle:.{digits}f} {unit}"
                    bars.append(Bar(name, middle, text, colour, min(values), max(values), goal))
                drawing.bars(bars, most)
    drawing.note(
        "Bars are medians, thin lines the range. The dashed line is the goal: half of what version 0.2.0 takes."
    )
    return drawing


def _telemetry(figures: list[list[str]]) -> Drawing:
    drawing = Drawing(
        "What telemetry costs: processor time a call by how many calls are traced",
        "; ".join(f"{row[0]}: {row[3]}" for row in figures) + ".",
    )
    drawing.heading("Processor time a call")
    most = max(_number(row[3]) for row in figures)
    names = {"off, another process": "off, once more"}
    drawing.bars([Bar(names.get(row[0], row[0]), _number(row[3]), row[3]) for row in figures], most)
    return drawing


def _dpop(figures: dict[str, Any]) -> Drawing:
    calls, (bearer, bound, _) = figures["calls"], figures["request"]
    drawing = Drawing(
        "What a bound token costs: processor time of a data call and of one request, with Bearer and with DPoP",
        "; ".join(f"a data call, {row[0]}: {row[2]}" for row in calls)
        + f"; one request, Bearer: {bearer}, DPoP: {bound}.",
    )
    drawing.heading("Processor time")
    most = max(_number(row[2]) for row in calls)
    drawing.heading("A data call", sub=True)
    drawing.bars([Bar(row[0], _number(row[2]), row[2], _OURS if row[0] == "DPoP" else _OTHERS) for row in calls], most)
    drawing.heading("One request sent", sub=True)
    drawing.bars(
        [Bar("Bearer", _number(bearer), bearer, _OTHERS), Bar("DPoP", _number(bound), bound)],
        most,
    )
    return drawing


def _call(figures: list[list[str]]) -> Drawing:
    drawing = Drawing(
        "One data call: the org asked directly, through the function, and through the emulators",
        "; ".join(f"{row[0]}: {row[1]}" for row in figures) + ".",
    )
    drawing.heading("One data call, median")
    names = {"through the api function": "the api function", "through Hosting and Functions emulators": "the emulators"}
    most = max(_number(row[1]) for row in figures)
    drawing.bars([Bar(names.get(row[0], row[0]), _number(row[1]), row[1]) for row in figures], most)
    return drawing


def _http(figures: list[list[str]]) -> Drawing:
    drawing = Drawing(
        "HTTP clients: processor time of one request with aiohttp and with httpx2",
        "; ".join(f"{row[0]}: {row[2]}" for row in figures) + ".",
    )
    drawing.heading("Processor time of one request")
    most = max(_number(row[2]) for row in figures)
    colours = {"aiohttp": _OURS}
    drawing.bars([Bar(row[0], _number(row[2]), row[2], colours.get(row[0], _OTHERS)) for row in figures], most)
    return drawing


def _flood(figures: list[list[str]]) -> Drawing:
    rows = [row for row in figures if row[0].startswith("a real sign-in")]
    drawing = Drawing(
        "A real sign-in on a quiet machine and beside a flood of made-up ones",
        "; ".join(f"{row[0]}: {row[1]}" for row in rows) + ".",
    )
    drawing.heading("A real sign-in, median")
    most = max(_number(row[1]) for row in rows)
    drawing.bars(
        [Bar(row[0].removeprefix("a real sign-in").strip(", "), _number(row[1]), row[1].split(",")[0]) for row in rows],
        most,
    )
    return drawing


# By file name: the benchmark whose figures it shows, and how.
CHARTS: dict[str, tuple[str, Callable[[Any], Drawing]]] = {
    "proxy": ("proxy", _proxy),
    "flame": ("flame", _flame),
    "taps": ("taps", _taps),
    "concurrency": ("concurrency", _concurrency),
    "first-frame": ("first_frame", _first_frame),
    "start": ("start_trace", start_chart.lanes_chart),
    "start-floor": ("start_trace", start_chart.floor_chart),
    "call": ("call", _call),
    "telemetry": ("telemetry", _telemetry),
    "dpop": ("dpop", _dpop),
    "http": ("http", _http),
    "flood": ("flood", _flood),
}


def all_of(results: dict[str, Any]) -> dict[str, Drawing]:
    """The charts that these results allow, by file name."""
    return {name: draw(results[key]["figures"]) for name, (key, draw) in CHARTS.items() if key in results}


def draw() -> None:
    """Draws all charts: with WRITE=1 into docs/charts, with the parts of docs/performance.md that are made of figures
    too; else into build/bench/charts.
    """
    folder = ROOT / ("docs/charts" if written() else "build/bench/charts")
    folder.mkdir(parents=True, exist_ok=True)
    results = latest()
    for name, drawing in all_of(results).items():
        (folder / f"{name}.svg").write_text(drawing.source())
    if written():
        page = ROOT / "docs/performance.md"
        page.write_text(filled_in(page.read_text(), results))
    print(f"\nThe charts are in {folder.relative_to(ROOT)}.")


def main() -> None:
    """Nothing is measured: __main__ draws after every benchmark."""


def _shown(name: str, results: dict[str, Any]) -> str:
    """A chart as the page shows it."""
    key, draw_it = CHARTS[name]
    return f"![{draw_it(results[key]['figures']).title}](charts/{name}.svg)"


def filled_in(page: str, results: dict[str, Any]) -> str:
    """docs/performance.md with those parts that are made of figures, between comments that name them."""
    made: dict[str, str] = {}
    if "first_frame" in results:
        kept = results["first_frame"]
        day, figures = kept["day"], kept["figures"]
        begin = f"{day}, this build ({figures['commit']}) beside version {RELEASE}, {figures['rounds']} rounds in turns"
        parts = (
            f"{begin}, medians (range); load of the machine before: {figures['load']}.",
            start_chart.table(figures),
            *start_chart.beside_the_floor(figures),
            _shown("first-frame", results),
        )
        made["first_frame"] = "\n\n".join(parts)
    if "start_trace" in results:
        kept = results["start_trace"]
        day, figures = kept["day"], kept["figures"]
        words = "\n".join(
            (
                f"{day}, this build ({figures['commit']}); load of the machine before: {figures['load']}.",
                *start_chart.sentences(figures),
            )
        )
        beyond = "\n".join(start_chart.beyond_the_floor(figures))
        made["start_trace"] = "\n\n".join((_shown("start", results), words, _shown("start-floor", results), beyond))
    for name, part in {
        "proxy": tables.proxy,
        "instructions": tables.instructions,
        "floor": tables.floor,
        "cold": tables.cold,
    }.items():
        if name in results:
            made[name] = part(results[name])
    for name, text in made.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = page.partition(begin)
        _, there, after = rest.partition(end)
        if there:
            page = f"{before}{begin}{text}\n{end}{after}"
    return page
