"""The day of whoever uses the app, by this device's clock and the locale's week, and how it is told."""

from datetime import date, datetime, timedelta

from babel.core import Locale

from contract.activities import AskedDay
from ui.shared.words import locale


def today(now: float) -> date:
    """The date on this device, at so many seconds since the epoch."""
    return datetime.fromtimestamp(now).astimezone().date()


def asked_day(now: float) -> AskedDay:
    """The day at so many seconds since the epoch, with its week."""
    day = today(now)
    after = day + timedelta(days=1)
    week = day - timedelta(days=(day.weekday() - Locale.parse(locale()).first_week_day) % 7)
    begins, ends = (datetime(d.year, d.month, d.day).astimezone().isoformat() for d in (day, after))
    return AskedDay(day.isoformat(), begins, ends, week.isoformat(), (week + timedelta(days=6)).isoformat())
