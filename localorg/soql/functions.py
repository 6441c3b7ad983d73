"""The functions of SOQL as SQL, and as functions that are added to SQLite.

Source: SOQL and SOSL Reference, "Date Functions", "Location-Based SOQL Queries", "toLabel()", "FORMAT()".
"""

import math
import sqlite3
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from localorg.schema.sobjects import Field
from localorg.schema.text import COLLATION

# `{sql}` is a day in UTC, `{whole}` a moment. The standard fiscal year is the calendar year.
PARTS_OF_DATES = {
    "DAY_ONLY": "{sql}",
    "CALENDAR_YEAR": "CAST(strftime('%Y', {sql}) AS INTEGER)",
    "CALENDAR_QUARTER": "(CAST(strftime('%m', {sql}) AS INTEGER) + 2) / 3",
    "CALENDAR_MONTH": "CAST(strftime('%m', {sql}) AS INTEGER)",
    "DAY_IN_MONTH": "CAST(strftime('%d', {sql}) AS INTEGER)",
    "DAY_IN_WEEK": "CAST(strftime('%w', {sql}) AS INTEGER) + 1",
    "DAY_IN_YEAR": "CAST(strftime('%j', {sql}) AS INTEGER)",
    "FISCAL_YEAR": "CAST(strftime('%Y', {sql}) AS INTEGER)",
    "FISCAL_QUARTER": "(CAST(strftime('%m', {sql}) AS INTEGER) + 2) / 3",
    "FISCAL_MONTH": "CAST(strftime('%m', {sql}) AS INTEGER)",
    "HOUR_IN_DAY": "CAST(substr({whole}, 12, 2) AS INTEGER)",
    "WEEK_IN_MONTH": "(CAST(strftime('%d', {sql}) AS INTEGER) + 6) / 7",
    "WEEK_IN_YEAR": "(CAST(strftime('%j', {sql}) AS INTEGER) + 6) / 7",
}
_EARTH = {"km": 6371.0088, "mi": 3958.7613}  # mean radius (IUGG)


def register(db: sqlite3.Connection) -> None:
    """Adds the functions to a connection. Every connection that runs queries needs them."""
    db.create_function("part_of_date", 3, _part_of_date, deterministic=True)
    db.create_function("distance", 5, _distance, deterministic=True)


def _part_of_date(function: str, value: str | None, zone: str) -> str | int | None:
    """A part of a dateTime, such as its hour, in a time zone."""
    if value is None:
        return None
    moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(ZoneInfo(zone))
    of_year = moment.timetuple().tm_yday
    match function:
        case "DAY_ONLY":
            return moment.date().isoformat()
        case "CALENDAR_YEAR" | "FISCAL_YEAR":
            return moment.year
        case "CALENDAR_QUARTER" | "FISCAL_QUARTER":
            return (moment.month + 2) // 3
        case "CALENDAR_MONTH" | "FISCAL_MONTH":
            return moment.month
        case "DAY_IN_MONTH":
            return moment.day
        case "DAY_IN_WEEK":
            return moment.isoweekday() % 7 + 1
        case "DAY_IN_YEAR":
            return of_year
        case "WEEK_IN_MONTH":
            return (moment.day + 6) // 7
        case "WEEK_IN_YEAR":
            return (of_year + 6) // 7
        case _:
            return moment.hour


def _distance(latitude: float | None, longitude: float | None, other: float, beside: float, unit: str) -> float | None:
    """The distance (haversine) between two points in `km` or `mi`, null when a coordinate is null."""
    if latitude is None or longitude is None:
        return None
    one, two = math.radians(latitude), math.radians(other)
    half = (
        math.sin((two - one) / 2) ** 2
        + math.cos(one) * math.cos(two) * math.sin(math.radians(beside - longitude) / 2) ** 2
    )
    return 2 * _EARTH[unit] * math.asin(min(1.0, math.sqrt(half)))


def address(table: str, f: Field) -> str:
    """The SQL of an address or geolocation: a JSON object, null when all its parts are null."""
    if f.type == "location":
        latitude, longitude = (f'{table}."{n}"' for n in f.position)
        return (
            f"CASE WHEN {latitude} IS NULL THEN NULL ELSE json_object('latitude', {latitude}, 'longitude',"
            f" {longitude}) END"
        )
    columns = {part: f'{table}."{f.compound}{part}"' for part in f.parts}
    pairs = ", ".join(f"'{part[0].lower()}{part[1:]}', {column}" for part, column in columns.items())
    return (
        f"CASE WHEN coalesce({', '.join(columns.values())}) IS NULL THEN NULL ELSE json_object({pairs},"
        " 'geocodeAccuracy', NULL) END"
    )


def label_case(sql: str, f: Field) -> str:
    """The SQL of a picklist's label. It is the field itself when all labels equal their values."""
    other = [(v, label) for v, label in zip(f.picklist, f.labels, strict=False) if v != label]
    if not other:
        return sql
    whens = " ".join(f"WHEN {_quoted(v)} THEN {_quoted(label)}" for v, label in other)
    return f"(CASE {sql} {whens} ELSE {sql} END) COLLATE {COLLATION}"


def place_in_value_set(sql: str, f: Field) -> str:
    """The SQL of a text by which a picklist is ordered as in set-up: five digits, then the value itself.

    Values that are not in the set come last, by their text; null stays null. Source: Salesforce's GraphQL API, Order
    Results ("picklist sorting is defined by the picklist sort determined during setup"), the same for SOQL.
    """
    whens = " ".join(f"WHEN {_quoted(v)} THEN {n}" for n, v in enumerate(f.picklist))
    place = f"CASE ({sql}) COLLATE {COLLATION} {whens} ELSE 99999 END" if whens else "99999"
    return f"(substr('0000' || {place}, -5) || {sql}) COLLATE {COLLATION}"


def value_at_place(sql: str) -> str:
    """The SQL of the value in a text that `place_in_value_set` made."""
    return f"substr({sql}, 6) COLLATE {COLLATION}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def formatted(f: Field | None, value: object, locale: str, zone: str, currency: str) -> str | None:
    """A value as people with this locale and time zone read it, in CLDR's short forms."""
    from babel import dates, numbers  # here, because it is rarely used and takes a tenth of a second to load

    if value is None:
        return None
    if f is not None and f.type in ("date", "datetime"):
        text = str(value)
        day = (
            date.fromisoformat(text)
            if f.type == "date"
            else datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(ZoneInfo(zone))
        )
        day_text = dates.format_skeleton("yMd", day, locale=locale)
        return (
            day_text
            if not isinstance(day, datetime)
            else f"{day_text} {dates.format_time(day.timetz(), 'short', tzinfo=ZoneInfo(zone), locale=locale)}"
        )
    number = cast(float, value)
    if f is not None and f.type == "currency":
        return numbers.format_currency(number, currency, locale=locale)
    if f is not None and f.type == "percent":
        return numbers.format_percent(number / 100, locale=locale, decimal_quantization=False)
    return numbers.format_decimal(number, locale=locale)
