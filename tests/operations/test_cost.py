"""docs/cost.md says what its measured figures and its prices make, and its plain sentences agree with them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench import cost


@pytest.fixture
def figures(repository: Path) -> dict[str, Any]:
    return json.loads((repository / "bench/results.json").read_text())["cost"]["figures"]


def test_the_tables_are_those_of_the_figures(figures: dict[str, Any]) -> None:
    text = cost.PAGE.read_text()
    for name, lines in cost.sections(figures).items():
        begin, end = cost.BEGIN.format(name), cost.END.format(name)
        assert text.partition(begin)[2].partition(end)[0].strip() == lines, "WRITE=1 make bench ARGS=cost"


def test_a_price_that_changes_changes_the_page(figures: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    before = cost.tables(figures)
    monkeypatch.setattr(cost, "PRICES", {**cost.PRICES, "requests": (4.0, 2_000_000, 1_000_000)})
    assert cost.tables(figures) != before


def test_more_users_use_more_of_everything_that_is_theirs(figures: dict[str, Any]) -> None:
    few, many, most = (cost.used(figures, users) for users in cost.USERS)
    theirs = set(cost.PRICES) - {
        *("uptime checks", "alerts, conditions", "alerts, time series", "scheduler, jobs", "images, GB"),
        *("secrets, versions", "secrets, accesses", "Cloud KMS, signatures"),
    }
    for name in theirs:
        assert few[name] < many[name] <= most[name], name
        assert many[name] < most[name] or name == "reads of blocks", "one instance is enough, and reads them for all"


def test_every_part_has_its_price_and_every_price_its_part(figures: dict[str, Any]) -> None:
    parts = {name for names in cost.PARTS.values() for name in names}
    assert parts | {"Cloud KMS, signatures"} == set(cost.PRICES)
    assert set(cost.used(figures, 10)) <= parts


def test_what_is_free_is_taken_off_once_and_never_below_nothing() -> None:
    assert cost.dollars("requests", 1_999_999, free=True) == 0
    assert cost.dollars("requests", 3_000_000, free=True) == pytest.approx(0.40)
    assert cost.dollars("requests", 3_000_000, free=False) == pytest.approx(1.20)


def test_a_warm_tap_reads_nothing_and_one_a_minute_later_reads_twice(figures: dict[str, Any]) -> None:
    """What the whole reckoning rests on; docs/performance.md says the same."""
    kinds = figures["kinds"]
    assert all(sum(n for what, n in kinds[tap].items() if "reads" in what) < 0.1 for tap in ("list", "profile"))
    later = sum(n for what, n in kinds["a tap a minute later"].items() if "reads" in what)
    assert later == 2
    assert all(0.0001 < kinds[tap]["processor"] < 0.02 for tap in ("home", "list", "search", "profile"))


def test_the_sentences_are_true() -> None:
    text = cost.PAGE.read_text()
    assert f"{cost.TAPS} taps in {cost.HOURS} hours, {cost.DAYS} days a month" in text
    named = {"home": "2 home", "list": "3 lists", "record with its lists": "3 records", "search": "1 search"}
    assert all(f"{cost.MIX[tap]} " == said[:2] and said in text for tap, said in named.items())
    assert sum(cost.MIX.values()) == 10
    assert f"answers within {cost.SALESFORCE_SECONDS} s" in text
    assert f"`api` with {cost.AT_ONCE} calls at once" in text
    assert f"{cost.STARTS} starts a day" in text
    # While everyone is blocked: 100,000 connections an hour, thirty days.
    reads = 100_000 * 24 * 30
    assert (
        f"{reads // 1_000_000} million reads a month, {cost.PRICES['reads of (default)'][0] * reads / 1e5:.0f} $"
        in text
    )
    assert re.search(r"read on \d+ \w+ 2026", text), "the price list has a day"
    main = (cost.ROOT / "functions/main.py").read_text()
    assert f"concurrency={cost.AT_ONCE}" in main
    assert f"memory={1024 * cost.MEMORY_GIB:.0f}" in main
    assert 'schedule="every 1 hours"' in main
