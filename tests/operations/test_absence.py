"""Alerts in time: when the upkeep counts as missing, and when the app counts as down, minute by minute."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.operations.monitoring import Checked, Seen, entry, fires, load

METRICS, POLICIES = load("metrics"), load("policies")
MADE = datetime(2026, 11, 29, 12, 20, tzinfo=UTC)  # when the policies were made
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LINE = json.dumps({"kept_alive": 0, "severity": "INFO", "message": "upkeep"})


def missing(runs: list[datetime], at: datetime) -> bool:
    """Whether the alert fires then, after the upkeep has finished at these times; what is later has not happened."""
    seen = Seen(METRICS, [entry(LINE, run) for run in runs if run <= at])
    return fires(POLICIES["upkeep-missing"], seen, at, MADE)


def test_two_runs_in_a_row_may_be_missed_and_each_may_be_late() -> None:
    starts = [MADE + n * HOUR for n in range(1, 20) if n % 3 == 1]
    runs = [start + (n % 2) * 29 * MINUTE for n, start in enumerate(starts)]
    for n in range(17 * 60):
        assert not missing(runs, MADE + n * MINUTE), n


def test_it_fires_after_four_hours_and_ends_with_the_next_run() -> None:
    last, again = MADE + 5 * HOUR, MADE + 11 * HOUR
    runs = [MADE + n * HOUR for n in range(1, 6)] + [again]
    assert not missing(runs, last + 4 * HOUR - MINUTE)
    assert missing(runs, last + 4 * HOUR + MINUTE)
    assert missing(runs, again - MINUTE)
    assert not missing(runs, again + MINUTE)


def test_an_upkeep_that_never_ran_counts_and_a_new_project_has_two_hours_for_the_first() -> None:
    assert not missing([], MADE + 2 * HOUR - MINUTE)
    assert missing([], MADE + 2 * HOUR)
    assert not missing([MADE + 65 * MINUTE], MADE + 3 * HOUR)


def down(checked: list[Checked], at: datetime) -> bool:
    seen = Seen(METRICS, checked=[c for c in checked if c.at <= at])
    return fires(POLICIES["down-page"], seen, at, MADE)


def checks(passes: dict[str, bool], first: int, last: int) -> list[Checked]:
    """One a minute from each place."""
    return [Checked("page", place, ok, MADE + n * MINUTE) for n in range(first, last) for place, ok in passes.items()]


UP = {"eur": True, "usa": True, "asia": True}


@pytest.mark.parametrize(
    ("then", "minutes", "woken"),
    [
        ({"eur": False, "usa": False, "asia": False}, 4, False),  # a deployment
        ({"eur": False, "usa": False, "asia": False}, 7, True),
        ({"eur": False, "usa": False, "asia": True}, 7, True),
        ({"eur": False, "usa": True, "asia": True}, 60, False),  # one checker's own trouble
    ],
)
def test_down_is_two_places_for_five_minutes(then: dict[str, bool], minutes: int, woken: bool) -> None:
    checked = checks(UP, 0, 60) + checks(then, 60, 60 + minutes)
    assert down(checked, MADE + (60 + minutes) * MINUTE) is woken


def test_before_the_first_deployment_is_done_nobody_is_woken() -> None:
    nothing = dict.fromkeys(UP, False)
    assert not down(checks(nothing, 0, 40), MADE + 40 * MINUTE)
    assert not down(checks(nothing, 0, 40) + checks(UP, 40, 60), MADE + 60 * MINUTE)
    assert down(checks(nothing, 0, 40) + checks(UP, 40, 60) + checks(nothing, 60, 70), MADE + 70 * MINUTE)


def test_it_ends_when_the_app_is_up_again() -> None:
    checked = checks(UP, 0, 60) + checks(dict.fromkeys(UP, False), 60, 80) + checks(UP, 80, 90)
    assert down(checked, MADE + 79 * MINUTE)
    assert not down(checked, MADE + 82 * MINUTE)
