"""Date literals of SOQL. Source: SOQL and SOSL Reference, "Date Formats and Date Literals"."""

import re
from datetime import date, timedelta


def date_span(literal: str, today: date) -> tuple[date, date]:
    """The first and last day of a date literal such as `THIS_QUARTER` or `LAST_N_DAYS:30`. Weeks begin on Sunday.

    Raises OverflowError for days that dates do not reach.
    """
    name, _, count = literal.upper().partition(":")
    n = int(count) if count else 1
    day = timedelta(days=1)
    name = name.replace("FISCAL_", "")
    match name:
        case "TODAY":
            return today, today
        case "YESTERDAY":
            return today - day, today - day
        case "TOMORROW":
            return today + day, today + day
        case "LAST_90_DAYS":
            return today - 90 * day, today
        case "NEXT_90_DAYS":
            return today + day, today + 90 * day
        case "LAST_N_DAYS":
            return today - n * day, today
        case "NEXT_N_DAYS":
            return today + day, today + n * day
        case "N_DAYS_AGO":
            return today - n * day, today - n * day
        case _:
            pass
    parts = re.fullmatch(r"(LAST|THIS|NEXT|LAST_N|NEXT_N|N)_(WEEK|MONTH|QUARTER|YEAR)S?(?:_AGO)?", name)
    assert parts is not None
    relation, unit = parts[1], parts[2]
    match relation:
        case "THIS":
            first, last = 0, 0
        case "LAST":
            first, last = -1, -1
        case "NEXT":
            first, last = 1, 1
        case "LAST_N":
            first, last = -n, -1
        case "NEXT_N":
            first, last = 1, n
        case _:
            first, last = -n, -n
    return _unit_start(unit, today, first), _unit_start(unit, today, last + 1) - day


def _unit_start(unit: str, today: date, offset: int) -> date:
    if unit == "WEEK":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7)
        return sunday + timedelta(weeks=offset)
    if unit == "YEAR":
        return date(_year(today.year + offset), 1, 1)
    months = 3 if unit == "QUARTER" else 1
    index = today.year * 12 + ((today.month - 1) // months) * months + offset * months
    return date(_year(index // 12), index % 12 + 1, 1)


def _year(year: int) -> int:
    if not 1 <= year <= 9999:
        raise OverflowError("year out of range")
    return year
