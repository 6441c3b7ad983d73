"""docs/performance.md shows the figures that are kept, and everybody can read its charts."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageDraw

from bench import builds, charts, first_frame, start_chart, trace, visits
from bench.site import fits
from bench.svg import COLOURS, Drawing

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def results(repository: Path) -> dict[str, object]:
    return json.loads((repository / "bench/results.json").read_text())


def test_each_chart_is_drawn_from_the_figures_that_are_kept(repository: Path, results: dict[str, object]) -> None:
    drawn = {path.stem: path.read_text() for path in (repository / "docs/charts").glob("*.svg")}
    expected = {name: drawing.source() for name, drawing in charts.all_of(results).items()}
    assert drawn == expected, "draw them again: make bench ARGS=charts WRITE=1"


def test_the_page_says_what_the_figures_say(repository: Path, results: dict[str, object]) -> None:
    page = (repository / "docs/performance.md").read_text()
    for part in ("first_frame", "start_trace"):
        assert f"<!-- {part} -->" in page
    assert charts.filled_in(page, results) == page, "fill it in again: make bench ARGS=charts WRITE=1"


def test_the_page_shows_each_chart_with_words_for_those_who_do_not_see_it(
    repository: Path, results: dict[str, object]
) -> None:
    page = (repository / "docs/performance.md").read_text()
    for name, drawing in charts.all_of(results).items():
        assert f"![{drawing.title}](charts/{name}.svg)" in page
        root = ElementTree.fromstring(drawing.source())  # noqa: S314  our own
        assert root.findtext(f"{_SVG}title") == drawing.title
        assert len(root.findtext(f"{_SVG}desc") or "") > 20
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == "t d"


def _luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_colours_have_contrast(scheme: int) -> None:
    ground = _luminance(COLOURS["ground"][scheme])
    for name, least in (("ink", 4.5), ("quiet", 4.5), ("first", 3), ("second", 3), ("third", 3)):
        one = _luminance(COLOURS[name][scheme])
        assert (max(one, ground) + 0.05) / (min(one, ground) + 0.05) >= least, name


def test_a_label_that_has_no_room_is_refused() -> None:
    drawing = Drawing("title", "description")
    drawing.text(16, 20, "short")
    with pytest.raises(ValueError, match="no room"):
        drawing.text(300, 20, "a label that is much too long for this")


def test_a_clone_without_the_release_says_what_to_do(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "clone")], check=True)  # noqa: S607
    for folder in ("clone", "no clone at all"):
        (tmp_path / folder).mkdir(exist_ok=True)
        with pytest.raises(SystemExit, match="git fetch --unshallow") as told:
            builds.release(tmp_path / folder, tmp_path / "kept")
        assert "\n" not in str(told.value)
    assert not (tmp_path / "kept").exists()


_CRASHES = """
import os, sys
with open(sys.argv[1], "a+") as homes:
    homes.seek(0)
    before = homes.read().splitlines()
    print(os.environ["HOME"], file=homes)
if len(before) < int(sys.argv[2]):
    sys.exit("Could not parse script result")
print("first\\nsecond")
"""


def test_an_engine_whose_page_crashes_makes_its_visits_again_in_a_new_profile(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CRASHES, str(tmp_path / "homes")]
    assert first_frame.two_visits([*command, "2"], os.environ) == ["first", "second"]
    homes = (tmp_path / "homes").read_text().splitlines()
    assert len(set(homes)) == len(homes) == 3
    with pytest.raises(RuntimeError, match="Could not parse script result"):
        first_frame.two_visits([*command, "9"], os.environ)


def test_the_benchmarks_site_reads_firebase_jsons_globs() -> None:
    assert fits("**", "/v/1/main.js")
    assert fits("/v/**", "/v/1/main.js")
    assert fits("/v/*/main.js", "/v/1/main.js")
    assert not fits("/v/*/main.js", "/v/1/2/main.js")
    assert not fits("!/v/**", "/v/1/main.js")
    assert fits("!/v/**", "/oauth/callback")


def test_a_thread_that_wants_a_processor_and_has_none_waits() -> None:
    flutter, python = (trace.LANES[0], 1), (trace.LANES[1], 2)
    looks = [
        (10.00, {flutter: (0.0, True), python: (0.0, False)}),
        (10.05, {flutter: (0.05, True), python: (0.0, False)}),
        (10.15, {flutter: (0.09, True), python: (0.0, False)}),
        (10.19, {flutter: (0.09, True), python: (0.0, False)}),
    ]
    lanes = trace.lanes(looks, 10.0, 10.2)
    assert lanes[trace.LANES[0]][:2] == [(0.5, 0.5), (0.4, 0.6)]
    assert lanes[trace.LANES[1]][:2] == [(0.0, 0.0), (0.0, 0.0)]


def test_the_goal_stands_beside_its_floor() -> None:
    stands, calls = start_chart.STANDS, start_chart.WAITS
    times = {
        stands["second"]: {"now": [2.0, 2.2, 2.1], "0.2.0": [3.0, 3.4, 3.2], builds.ONE_WORD: [1.9, 1.7, 1.8]},
        stands["full"]: {"now": [2.5], "0.2.0": [4.0], builds.ONE_WORD: [1.75]},
        calls["full"]: {"now": [0.15], "0.2.0": [0.2]},
        "Firefox, first visit: the app stands": {"now": [3.0], "0.2.0": [4.0]},
    }
    rows = start_chart.table({"times": times}).splitlines()
    assert rows[0].endswith("| goal | floor |")
    assert rows[2].endswith("| 0.66 × | ≤ 0.5 ×: no | 1.80 s, 0.56 × |")
    assert rows[3].endswith("| 0.62 × | ≤ 0.5 ×: no | 1.75 s + 0.15 s, 0.47 × |")
    assert rows[-1].endswith("| 0.75 × |  |  |")
    below, above = start_chart.beside_the_floor({"times": times})
    assert below.endswith(": second visit: the app stands.")
    assert above.endswith(": signed in, full cache: live home.")


def test_calls_that_overlap_are_waited_for_once() -> None:
    assert visits.covered([(5.0, 7.0), (1.0, 3.0), (2.0, 4.0), (2.5, 3.5)]) == 5.0
    assert visits.covered([]) == 0.0


def test_a_list_is_painted_when_it_looks_as_it_stays() -> None:
    def picture(rows: int) -> bytes:
        image = Image.new("RGB", (visits.WIDTH, visits.HEIGHT), "white")
        for row in range(rows):
            ImageDraw.Draw(image).rectangle((20, 120 + 60 * row, 370, 160 + 60 * row), fill="black")
        file = io.BytesIO()
        image.save(file, "JPEG")
        return file.getvalue()

    film = [(1.0, picture(2)), (1.2, picture(0)), (1.4, picture(6)), (1.6, picture(6))]
    assert visits.settled(film) == 1.4
    assert visits.settled(film[:1]) == 1.0
